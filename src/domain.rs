//! What everything in the program talks about: records, metrics, teams, windows, values.
//!
//! Must not: do I/O, read a clock, know tokio, ratatui or a storage format. Everything here is plain data
//! and pure functions on it.

pub mod care;
pub mod defined;
pub mod health;
pub(crate) mod instant;
pub mod metric;
pub mod near;
pub mod objective;
pub mod person;
pub mod record;
pub mod slo;
pub mod target;
pub mod team;
pub mod text;
pub mod value;
pub mod window;

/// An instant. Always UTC; zones are applied only to cut calendar buckets and to print.
pub type Time = chrono::DateTime<chrono::Utc>;

/// Exact money and quantities from bills.
pub type Decimal = rust_decimal::Decimal;
