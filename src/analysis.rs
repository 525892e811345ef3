//! Pure mathematics, no records: quantiles, intervals, decompositions, flags. Cannot fail except by returning a status.

pub mod apportion;
pub mod burn;
pub mod histogram;
pub mod interval;
pub mod quantile;
pub mod significance;
