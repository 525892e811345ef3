//! Objectives and their key results as they are written. Plain data; how they stand is computed in `kpi::objective`.

use chrono::NaiveDate;

/// An objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Unique name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How it is measured.
    pub key_results: Vec<KeyResult>,
}

/// A key result, in the metric's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyResult {
    /// Metric id.
    pub metric: &'static str,
    /// Only of this team.
    pub team: Option<String>,
    /// Where it started.
    pub from: f64,
    /// Where it should be.
    pub to: f64,
    /// Since when; absent: 90 days before it is due.
    pub since: Option<NaiveDate>,
    /// By when.
    pub due: NaiveDate,
}
