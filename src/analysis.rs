//! Pure mathematics, no records: quantiles, intervals, decompositions, flags. Cannot fail except by returning a status.

pub mod histogram;
