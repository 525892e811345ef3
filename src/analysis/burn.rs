//! Error budgets: what a target allows, what was spent, how fast it burns, when to wake someone.

/// Seconds a target allows to be down over a period: `(1 - target) * period`.
#[must_use]
pub fn allowed_downtime_s(target: f64, period_s: f64) -> f64 {
    (1.0 - target) * period_s
}
