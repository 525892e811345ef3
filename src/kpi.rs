//! The KPIs: a pure function of facts, roster, window and settings.
//!
//! Records become derived records (`ledger`), derived records become **facts** (`fact`): small, timed, owned
//! numbers that merge. Facts over a window become **readings** by one formula each (`delivery`, `reliability`,
//! `cost`, `quality`). Readings, series, rows and markers for what is looked at become the **board**, the one thing
//! the screen and the commands show. No clock, no storage, no I/O.

pub mod bands;
pub mod beside;
pub mod board;
pub mod business;
pub mod care;
mod cohort;
pub mod cost;
pub mod defined;
pub mod delivery;
pub mod dimension;
pub mod fact;
pub mod guard;
pub mod library;
pub mod live;
pub mod objective;
pub mod quality;
pub mod reliability;
pub mod restore;
pub mod room;
pub mod scope;
pub mod slo;
pub mod split;
pub mod why;

use crate::domain::{
    Time,
    defined::Catalogue,
    value::{Reading, Scope, Status},
    window::{Tz, Window},
};

/// What a formula may ask besides facts.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches of the config")]
pub struct Settings {
    /// Zone of calendar buckets.
    pub zone: Tz,
    /// Evaluation instant: nothing after it counts, open things are open as of it.
    pub as_of: Time,
    /// Reporting currency.
    pub currency: String,
    /// Bots count in lead time.
    pub include_bots: bool,
    /// Lead time per commit instead of per change.
    pub per_commit: bool,
    /// Younger deployments may still fail: the link window, seconds.
    pub link_window_s: f64,
    /// Unknown probe time: `exclude` (default), `down`, `up`.
    pub uptime_unknown: Unknown,
    /// Announced maintenance leaves the denominator of uptime. Default true.
    pub exclude_maintenance: bool,
    /// A quality measurement older than this is left out and listed. Default 30 days.
    pub quality_stale_after_s: f64,
    /// Charge categories left out (`Credit`, `Tax`, …).
    pub cost_exclude: Vec<String>,
    /// Exchange rates: (currency, `YYYY-MM`) → units of reporting currency.
    pub fx: std::collections::BTreeMap<(String, String), crate::domain::Decimal>,
    /// How cost finds its team.
    pub allocation: fact::Allocation,
    /// Restore time of a re-opened incident is elapsed time. Default false: sum of open intervals.
    pub reopened_elapsed: bool,
    /// Clock of a failed deployment's recovery starts at the incident. Default false: at the deployment.
    pub recovery_from_impact: bool,
    /// Failed production attempts count as failed deployments in the change failure rate. Default false: they ship
    /// nothing, and have a rate of their own.
    pub count_failed_attempts: bool,
    /// A product older than this is not new in R&D effectiveness. Default 36 months.
    pub new_product_months: u32,
    /// Longest time a customer is taken to stay in life-time value; `None` (default): as long as churn says.
    pub ltv_horizon_months: Option<f64>,
    /// What documentation coverage counts. Default: units of quality measurements.
    pub documentation: Documentation,
    /// The metrics there are, with those of the config.
    pub catalogue: Catalogue,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            zone: Tz::UTC,
            as_of: Time::MAX_UTC,
            currency: "USD".into(),
            include_bots: false,
            per_commit: false,
            link_window_s: 86_400.0,
            uptime_unknown: Unknown::Exclude,
            exclude_maintenance: true,
            quality_stale_after_s: 30.0 * 86_400.0,
            cost_exclude: Vec::new(),
            fx: std::collections::BTreeMap::new(),
            allocation: fact::Allocation::default(),
            reopened_elapsed: false,
            recovery_from_impact: false,
            count_failed_attempts: false,
            new_product_months: 36,
            ltv_horizon_months: None,
            documentation: Documentation::Units,
            catalogue: Catalogue::default(),
        }
    }
}

/// What documentation coverage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Documentation {
    /// Units of quality measurements: public interfaces, required pages.
    #[default]
    Units,
    /// Services of the catalog; one with an owner and a runbook is documented.
    Services,
}

/// How unknown probe time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// Neither up nor down.
    #[default]
    Exclude,
    /// As down.
    Down,
    /// As up.
    Up,
}

/// Everything one evaluation looks at.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Facts of at least the window.
    pub facts: &'a fact::Facts,
    /// Whose.
    pub scope: &'a Scope,
    /// Over which span; evaluation also stops at `settings.as_of`.
    pub window: Window,
    /// Settings.
    pub settings: &'a Settings,
    /// Teams below a team.
    pub roster: &'a crate::domain::team::Roster,
}

/// Compute one metric. Unknown ids give `None`; every known id gives a reading, with a status.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    delivery::evaluate(metric, query)
        .or_else(|| reliability::evaluate(metric, query))
        .or_else(|| restore::evaluate(metric, query))
        .or_else(|| cost::evaluate(metric, query))
        .or_else(|| quality::evaluate(metric, query))
        .or_else(|| business::evaluate(metric, query))
        .or_else(|| defined::evaluate(metric, query))
        .map(finite)
}

/// Whatever came in, what goes out is a number or a reason.
fn finite(reading: Reading) -> Reading {
    if reading.number().is_none_or(f64::is_finite) {
        return reading;
    }
    let why = "the input holds something that is not a number";
    Reading { n: reading.n, ..Reading::none(reading.metric, reading.scope, reading.unit, Status::Error, why) }
}
