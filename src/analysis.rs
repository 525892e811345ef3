//! Pure mathematics, no records: quantiles, intervals, decompositions, flags. Cannot fail except by returning a status.

pub mod apportion;
pub mod burn;
pub mod decompose;
pub mod flags;
pub mod histogram;
pub mod interval;
pub mod order;
pub mod quantile;
pub mod shapley;
pub mod significance;
pub mod suspects;
