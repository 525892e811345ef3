//! Short names of metrics for column heads.

use crate::domain::metric::Metric;

const SHORT: &[(&str, &str)] = &[
    ("uptime", "uptime"),
    ("latency_p95", "P95"),
    ("error_rate", "errors"),
    ("time_to_restore.mean", "MTTR"),
    ("incidents.count", "incidents"),
    ("page_load.p75", "page load"),
    ("deployment_frequency.per_day", "deploys"),
    ("lead_time.median", "lead time"),
    ("change_failure_rate", "CFR"),
    ("deployment_rework_rate", "rework"),
    ("failed_deployment_recovery_time.median", "recovery"),
    ("deploy_success_rate", "success"),
    ("infra_cost.effective", "cost"),
    ("infra_cost_per_user", "cost/user"),
    ("infra_cost_forecast", "forecast"),
    ("cost_allocated_share", "owned"),
    ("commitment_unused_share", "unused"),
    ("code_coverage", "coverage"),
    ("technical_debt_ratio", "debt"),
    ("test_success_rate", "tests"),
    ("flaky_rate", "flaky"),
    ("findings", "findings"),
    ("time_to_market.median", "to market"),
    ("velocity.mean", "velocity"),
    ("maintenance_share", "upkeep"),
    ("documentation_coverage", "docs"),
    ("cost_per_transaction", "cost/tx"),
    ("tech_cost_pct_revenue", "tech/rev"),
    ("roi", "ROI"),
    ("rd_effectiveness", "R&D"),
    ("ltv", "LTV"),
    ("retention_rate", "retention"),
    ("churn_rate", "churn"),
    ("nps", "NPS"),
    ("feature_adoption", "adoption"),
    ("active_users.month", "users"),
    ("stickiness", "sticky"),
    ("headcount", "people"),
    ("attrition_rate.annualised", "attrition"),
    ("cross_training", "shared"),
];

/// At most nine cells.
#[must_use]
pub fn short(metric: &Metric) -> &'static str {
    SHORT.iter().find(|(id, _)| *id == metric.id).map_or(metric.name, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metric::CATALOGUE;

    #[test]
    fn every_headline_has_a_short_name_of_nine_cells() {
        for metric in CATALOGUE.iter().filter(|m| m.facet_of.is_none()) {
            assert!(short(metric).len() <= 9, "{}", metric.id);
        }
    }
}
