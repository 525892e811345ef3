//! A target: a comparison of a reading with a bound.

/// A comparison with a bound in the metric's base unit (ratio, seconds, …).
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// As written.
    pub text: String,
    /// `<`, `<=`, `>`, `>=`.
    pub op: &'static str,
    /// In base units: `10%` is 0.1, `24h` is 86400.
    pub bound: f64,
}

impl Target {
    /// Does `value` meet it?
    #[must_use]
    pub fn met(&self, value: f64) -> bool {
        match self.op {
            "<" => value < self.bound,
            "<=" => value <= self.bound,
            ">" => value > self.bound,
            _ => value >= self.bound,
        }
    }
}
