//! The KPIs from records to readings: what each rule means on small inputs, and what holds of every input.
//!
//! Small inputs are written as vectors are (`input` and `expect`), so that they read alike and take the same way.

mod properties;
mod scenarios;
