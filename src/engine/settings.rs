//! From the configuration to what ledger, formulas and store want to know.

use crate::{
    config::Config,
    domain::Time,
    kpi::{
        Documentation, Settings, Unknown,
        fact::{Allocation, Shared},
    },
    ledger::Rules,
    store::Keep,
};

/// Settings of the ledger.
#[must_use]
pub fn rules(config: &Config) -> Rules {
    let r = &config.rules;
    Rules {
        link_window_s: r.link_window.as_secs_f64(),
        production: r.production.clone(),
        recovery_from_impact: r.recovery_from_impact,
        reopened_elapsed: r.reopened_elapsed,
        hotfix_patterns: r.hotfix_patterns.clone(),
    }
}

/// Settings of the formulas, evaluated at `as_of`.
#[must_use]
pub fn formulas(config: &Config, as_of: Time) -> Settings {
    let r = &config.rules;
    let built_in = Allocation::default();
    let shared = config.allocation.shared.iter();
    Settings {
        zone: config.zone,
        as_of,
        currency: config.currency.clone(),
        include_bots: r.include_bots,
        per_commit: r.per_commit,
        link_window_s: r.link_window.as_secs_f64(),
        uptime_unknown: match r.uptime_unknown.as_str() {
            "down" => Unknown::Down,
            "up" => Unknown::Up,
            _ => Unknown::Exclude,
        },
        exclude_maintenance: r.exclude_maintenance,
        quality_stale_after_s: r.quality_stale_after.as_secs_f64(),
        cost_exclude: r.cost_exclude.clone(),
        fx: config.fx.clone(),
        allocation: Allocation {
            team_tag_keys: if config.allocation.team_tag_keys.is_empty() {
                built_in.team_tag_keys
            } else {
                config.allocation.team_tag_keys.clone()
            },
            shared: shared.map(|(tags, proportional)| Shared { tags: tags.clone(), proportional: *proportional }).collect(),
        },
        reopened_elapsed: r.reopened_elapsed,
        recovery_from_impact: r.recovery_from_impact,
        count_failed_attempts: r.count_failed_attempts,
        new_product_months: r.new_product_months,
        ltv_horizon_months: r.ltv_horizon_months.map(f64::from),
        catalogue: config.catalogue.clone(),
        documentation: if r.documentation == "services" { Documentation::Services } else { Documentation::Units },
    }
}

/// How long things are kept.
#[must_use]
pub fn keep(config: &Config) -> Keep {
    Keep { minutes: config.store.keep_minutes, hours: config.store.keep_hours, records: config.store.keep_records }
}
