//! What is written about a metric: who answers for it, whom it serves, where it should be, what it is compared with. Plain
//! data; what it says about itself is worked out in `kpi::care`.

use chrono::NaiveDate;

use super::target::Target;

/// What the configuration says of one metric.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Care {
    /// Where it should be: `< 10%`, `>= 99.9%`, `< 24h`, parsed.
    pub target: Option<Target>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The department that champions it.
    pub champion: Option<String>,
    /// Who looks at it: of [`AUDIENCES`](super::metric::AUDIENCES).
    pub audience: Vec<String>,
    /// Balanced Scorecard: of [`PERSPECTIVES`](super::metric::PERSPECTIVES).
    pub perspective: Option<String>,
    /// The one metric above all.
    pub north_star: bool,
    /// What it informs.
    pub decision: Option<String>,
    /// Whole days between reviews.
    pub review_every_days: Option<i64>,
    /// Day of the last review.
    pub reviewed: Option<NaiveDate>,
    /// What it is compared with for good.
    pub baseline: Option<Baseline>,
}

/// A frozen value: later corrections of the past do not move it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// In the metric's unit.
    pub value: f64,
    /// Sample behind it.
    pub n: Option<u64>,
    /// First day of its window.
    pub from: Option<NaiveDate>,
    /// First day after it.
    pub to: Option<NaiveDate>,
    /// When it was frozen.
    pub frozen: Option<NaiveDate>,
}
