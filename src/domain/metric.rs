//! The catalogue of metrics: one row each with name, unit, direction and tab. Formulas are in `kpi`, texts in
//! `assets/library.toml`; both refer to a metric by its id here.

/// Whether more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher is better.
    Up,
    /// Lower is better.
    Down,
    /// Neither end is better; a target range decides.
    Band,
}

/// What a value is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0 to 1, shown as per cent.
    Ratio,
    /// Seconds, shown as a duration.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Per day.
    PerDay,
    /// Per ISO week.
    PerWeek,
    /// A number of the named things.
    Count(&'static str),
    /// Money in the reporting currency.
    Money,
    /// Money per named thing.
    MoneyPer(&'static str),
    /// Something else, printed as it is.
    Plain(&'static str),
}

impl Unit {
    /// The unit as text, in the vocabulary of the vectors; `currency` names the reporting currency.
    #[must_use]
    pub fn word(self, currency: &str) -> String {
        match self {
            Self::Ratio => "ratio".into(),
            Self::Seconds => "s".into(),
            Self::Millis => "ms".into(),
            Self::PerDay => "1/d".into(),
            Self::PerWeek => "1/wk".into(),
            Self::Count(what) | Self::Plain(what) => what.into(),
            Self::Money => currency.into(),
            Self::MoneyPer(what) => format!("{currency}/{what}"),
        }
    }
}

/// The quarters of the deck: four, and two that only some organisations feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quarter {
    /// Is it up, fast, right; how long does harm last.
    Reliability,
    /// How often, how fast, how safely do changes ship.
    Delivery,
    /// What does it cost, for whom.
    Cost,
    /// How well is it made.
    Quality,
    /// Who uses it, who stays.
    Engagement,
    /// How many work on it, who leaves, what hangs on one. Never about a person.
    People,
}

/// Perspectives of the Balanced Scorecard, in its order.
pub const PERSPECTIVES: [&str; 4] = ["financial", "customer", "process", "learning"];

/// Who looks at a metric.
pub const AUDIENCES: [&str; 3] = ["exec", "engineering", "on-call"];

/// One row of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Id in config, JSON and vectors.
    pub id: &'static str,
    /// Name for people, sentence case.
    pub name: &'static str,
    /// Unit.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// Tab.
    pub quarter: Quarter,
    /// The headline metric this one is a facet of; `None` for a headline (a card of its own).
    pub facet_of: Option<&'static str>,
}

const fn headline(id: &'static str, name: &'static str, unit: Unit, direction: Direction, quarter: Quarter) -> Metric {
    Metric { id, name, unit, direction, quarter, facet_of: None }
}

const fn facet(of: &'static str, id: &'static str, name: &'static str, unit: Unit, direction: Direction, quarter: Quarter) -> Metric {
    Metric { id, name, unit, direction, quarter, facet_of: Some(of) }
}

use Direction::{Band, Down, Up};
use Quarter::{Cost, Delivery, Engagement, People, Quality, Reliability};
use Unit::{Count, Millis, Money, MoneyPer, PerDay, PerWeek, Plain, Ratio, Seconds};

/// Every metric the engine computes. Order is the order of cards within a tab.
///
/// Rules: a headline is a card; its facets appear on its page and in `kpi`. Adding a metric adds a row here, its
/// formula in `kpi`, and its text in `assets/library.toml`; a test holds the three together.
pub const CATALOGUE: &[Metric] = &[
    // reliability
    headline("uptime", "Uptime", Ratio, Up, Reliability),
    facet("uptime", "uptime.requests", "Uptime by requests", Ratio, Up, Reliability),
    facet("uptime", "uptime.from_incidents", "Uptime by incidents", Ratio, Up, Reliability),
    facet("uptime", "downtime", "Down time", Seconds, Down, Reliability),
    headline("latency_p95", "Latency P95", Seconds, Down, Reliability),
    facet("latency_p95", "latency_p50", "Latency P50", Seconds, Down, Reliability),
    facet("latency_p95", "latency_p99", "Latency P99", Seconds, Down, Reliability),
    headline("error_rate", "Error rate", Ratio, Down, Reliability),
    facet("error_rate", "requests", "Requests", Count("requests"), Band, Reliability),
    headline("time_to_restore.mean", "Time to restore (MTTR)", Seconds, Down, Reliability),
    facet("time_to_restore.mean", "time_to_restore.median", "Time to restore, median", Seconds, Down, Reliability),
    facet("time_to_restore.mean", "time_to_restore.p90", "Time to restore, P90", Seconds, Down, Reliability),
    facet("time_to_restore.mean", "time_to_restore.open", "Incidents open now", Count("incidents"), Down, Reliability),
    facet("time_to_restore.mean", "time_to_restore.stage_mean", "Time to restore by stage", Seconds, Down, Reliability),
    headline("incidents.count", "Incidents", Count("incidents"), Down, Reliability),
    facet("incidents.count", "incidents.reopen_rate", "Re-opened incidents", Ratio, Down, Reliability),
    facet("incidents.count", "incidents.unlinked", "Incidents without a deployment", Count("incidents"), Band, Reliability),
    facet("incidents.count", "mtbf", "Mean time between outages", Seconds, Up, Reliability),
    // delivery
    headline("deployment_frequency.per_day", "Deployment frequency", PerDay, Up, Delivery),
    facet("deployment_frequency.per_day", "deployment_frequency.count", "Deployments", Count("deployments"), Up, Delivery),
    facet("deployment_frequency.per_day", "deployment_frequency.active_days", "Days with a deployment", Count("days"), Up, Delivery),
    facet("deployment_frequency.per_day", "deployment_frequency.active_day_share", "Share of days with a deployment", Ratio, Up, Delivery),
    facet("deployment_frequency.per_day", "deployment_frequency.median_per_week", "Deployments per week, median", PerWeek, Up, Delivery),
    facet("deployment_frequency.per_day", "deployment_frequency.daily", "Deployments by day", Count("deployments"), Up, Delivery),
    facet("deployment_frequency.per_day", "release_frequency", "Planned releases", PerWeek, Up, Delivery),
    facet("deployment_frequency.per_day", "deployment.rollback_count", "Rollbacks", Count("deployments"), Down, Delivery),
    facet("deployment_frequency.per_day", "deployment.redeploy_count", "Redeployments (not counted)", Count("deployments"), Band, Delivery),
    facet("deployment_frequency.per_day", "batch_size", "Changes per deployment", Plain("changes/deployment"), Down, Delivery),
    headline("lead_time.median", "Lead time for changes", Seconds, Down, Delivery),
    facet("lead_time.median", "lead_time.mean", "Lead time, mean", Seconds, Down, Delivery),
    facet("lead_time.median", "lead_time.p90", "Lead time, P90", Seconds, Down, Delivery),
    facet("lead_time.median", "lead_time.stage_mean", "Lead time by stage (means add up)", Seconds, Down, Delivery),
    facet("lead_time.median", "lead_time.stage_unreviewed", "Changes never reviewed", Count("changes"), Down, Delivery),
    facet("lead_time.median", "lead_time.excluded", "Changes left out, by reason", Count("changes"), Band, Delivery),
    facet("lead_time.median", "lead_time.anomalies", "Changes with impossible times, by kind", Count("changes"), Band, Delivery),
    facet("lead_time.median", "lead_time.pending", "Changes merged and not yet deployed", Count("changes"), Down, Delivery),
    headline("change_failure_rate", "Change failure rate", Ratio, Down, Delivery),
    facet("change_failure_rate", "change_failure_rate.matured", "Change failure rate, matured", Ratio, Down, Delivery),
    headline("deployment_rework_rate", "Deployment rework rate", Ratio, Down, Delivery),
    headline("failed_deployment_recovery_time.median", "Failed deployment recovery time", Seconds, Down, Delivery),
    facet(
        "failed_deployment_recovery_time.median",
        "failed_deployment_recovery_time.p90",
        "Failed deployment recovery time, P90",
        Seconds,
        Down,
        Delivery,
    ),
    headline("deploy_success_rate", "Deploy success rate", Ratio, Up, Delivery),
    headline("time_to_market.median", "Time to market", Seconds, Down, Delivery),
    facet("time_to_market.median", "time_to_market.p85", "Time to market, P85", Seconds, Down, Delivery),
    facet("time_to_market.median", "time_to_market.flow_time", "Flow time, from the start of work", Seconds, Down, Delivery),
    facet("time_to_market.median", "time_to_market.pending", "Features not released yet", Count("features"), Down, Delivery),
    headline("velocity.mean", "Velocity", Plain("points/iteration"), Band, Delivery),
    facet("velocity.mean", "velocity.items_per_week", "Items finished per week", PerWeek, Up, Delivery),
    // cost
    headline("infra_cost.effective", "Infrastructure cost", Money, Down, Cost),
    facet("infra_cost.effective", "infra_cost.billed", "Infrastructure cost, billed", Money, Down, Cost),
    facet("infra_cost.effective", "infra_cost.invoiced", "Infrastructure cost, invoiced", Money, Down, Cost),
    facet("infra_cost.effective", "infra_cost.corrections", "Corrections of what was billed before", Money, Band, Cost),
    facet("infra_cost.effective", "infra_cost.daily", "Infrastructure cost by day", Money, Down, Cost),
    headline("infra_cost_per_user", "Infrastructure cost per user", MoneyPer("user"), Down, Cost),
    headline("infra_cost_forecast", "Month-end forecast", Money, Down, Cost),
    facet("infra_cost_forecast", "infra_cost.mtd", "Month to date", Money, Down, Cost),
    headline("cost_allocated_share", "Cost with an owner", Ratio, Up, Cost),
    headline("commitment_unused_share", "Unused commitments", Ratio, Down, Cost),
    headline("cost_per_transaction", "Cost per transaction", MoneyPer("tx"), Down, Cost),
    headline("tech_cost_pct_revenue", "Technology cost of revenue", Ratio, Band, Cost),
    headline("roi", "Return on investment", Ratio, Up, Cost),
    headline("rd_effectiveness", "R&D effectiveness", Ratio, Up, Cost),
    headline("ltv", "Life-time value", Money, Up, Cost),
    // quality
    headline("code_coverage", "Code coverage", Ratio, Up, Quality),
    facet("code_coverage", "line_coverage", "Line coverage", Ratio, Up, Quality),
    facet("code_coverage", "branch_coverage", "Branch coverage", Ratio, Up, Quality),
    facet("code_coverage", "new_code_coverage", "Coverage of new code", Ratio, Up, Quality),
    headline("technical_debt_ratio", "Technical debt ratio", Ratio, Down, Quality),
    headline("test_success_rate", "Test success", Ratio, Up, Quality),
    facet("test_success_rate", "test_run_success_rate", "Green test runs", Ratio, Up, Quality),
    headline("flaky_rate", "Flaky tests", Ratio, Down, Quality),
    headline("findings", "Findings", Count("findings"), Down, Quality),
    facet("findings", "findings.by_severity", "Findings by severity", Count("findings"), Down, Quality),
    headline("page_load.p75", "Page load P75", Millis, Down, Reliability),
    facet("page_load.p75", "page_load.inp", "Interaction to next paint P75", Millis, Down, Reliability),
    facet("page_load.p75", "page_load.cls", "Layout shift P75", Plain("score"), Down, Reliability),
    headline("maintenance_share", "Maintenance share", Ratio, Down, Quality),
    headline("documentation_coverage", "Documentation coverage", Ratio, Up, Quality),
    // engagement
    headline("retention_rate", "Retention", Ratio, Up, Engagement),
    facet("retention_rate", "retention_rate.users", "Users who came back", Ratio, Up, Engagement),
    headline("churn_rate", "Churn", Ratio, Down, Engagement),
    facet("churn_rate", "churn_rate.revenue", "Revenue churn", Ratio, Down, Engagement),
    headline("nps", "Net promoter score", Plain("points"), Up, Engagement),
    headline("feature_adoption", "Feature adoption", Ratio, Up, Engagement),
    facet("feature_adoption", "feature_adoption.time_to_adopt", "Time to adopt, median", Seconds, Down, Engagement),
    headline("active_users.month", "Active users, month", Count("users"), Up, Engagement),
    facet("active_users.month", "active_users.1d", "Active users, 1 day", Count("users"), Up, Engagement),
    facet("active_users.month", "active_users.7d", "Active users, 7 days", Count("users"), Up, Engagement),
    facet("active_users.month", "active_users.28d", "Active users, 28 days", Count("users"), Up, Engagement),
    facet("active_users.month", "active_users.daily_mean", "Active users, mean of days", Count("users"), Up, Engagement),
    headline("stickiness", "Stickiness (DAU/MAU)", Ratio, Up, Engagement),
    // people
    headline("headcount", "Head count", Count("people"), Band, People),
    headline("attrition_rate.annualised", "Attrition, a year", Ratio, Down, People),
    facet("attrition_rate.annualised", "attrition_rate.period", "Attrition in the window", Ratio, Down, People),
    facet("attrition_rate.annualised", "attrition_rate.voluntary_period", "Attrition in the window, voluntary", Ratio, Down, People),
    headline("cross_training", "Cross-training", Ratio, Up, People),
];

/// The row of an id; a short form without the facet (`lead_time`, `deployment_frequency`) finds its headline.
#[must_use]
pub fn find(id: &str) -> Option<&'static Metric> {
    CATALOGUE
        .iter()
        .find(|m| m.id == id)
        .or_else(|| CATALOGUE.iter().find(|m| m.facet_of.is_none() && m.id.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))))
}

/// The headline metrics of a tab, in card order.
pub fn headlines(quarter: Quarter) -> impl Iterator<Item = &'static Metric> {
    CATALOGUE.iter().filter(move |m| m.quarter == quarter && m.facet_of.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_facets_name_a_headline() {
        for (i, m) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..i].iter().all(|o| o.id != m.id), "{} twice", m.id);
            if let Some(of) = m.facet_of {
                assert!(CATALOGUE.iter().any(|o| o.id == of && o.facet_of.is_none()), "{} is a facet of nothing", m.id);
            }
        }
    }

    #[test]
    fn a_short_form_finds_the_headline() {
        assert_eq!(find("lead_time").map(|m| m.id), Some("lead_time.median"));
        assert_eq!(find("deployment_frequency").map(|m| m.id), Some("deployment_frequency.per_day"));
        assert!(find("lead").is_none());
    }
}
