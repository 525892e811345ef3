//! From the configuration to what ledger, formulas and store want to know.

use std::collections::BTreeMap;

use crate::{
    config::{Config, KeyResultConfig, KpiConfig, ObjectiveConfig},
    domain::{Time, target::Target},
    kpi::{
        Documentation, Settings, Unknown,
        care::{Baseline, Care},
        fact::{Allocation, Shared},
        objective::{KeyResult, Objective},
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

/// Targets by metric id.
#[must_use]
pub fn targets(config: &Config) -> BTreeMap<String, Target> {
    config.kpis.iter().filter_map(|(id, k)| Some((id.clone(), k.target.clone()?))).collect()
}

/// What is said of each metric, by id.
#[must_use]
pub fn care(config: &Config) -> BTreeMap<String, Care> {
    let due = |id: &str| config.objectives.iter().flat_map(|o| &o.key_results).any(|k| k.metric == id);
    let of = |(id, k): (&String, &KpiConfig)| {
        let care = Care {
            owner: k.owner.clone(),
            champion: k.champion.clone(),
            audience: k.audience.clone(),
            perspective: k.perspective.clone(),
            north_star: k.north_star,
            decision: k.decision.clone(),
            review_every_days: k.review_every.map(|d| i64::try_from(d.as_secs() / 86_400).unwrap_or(i64::MAX)),
            reviewed: k.reviewed,
            baseline: k.baseline.map(|b| Baseline { value: b.value, n: b.n, from: b.from, to: b.to, frozen_at: b.frozen }),
            has_target: k.target.is_some(),
            has_due: due(id),
        };
        (id.clone(), care)
    };
    config.kpis.iter().map(of).collect()
}

/// Objectives, in file order.
#[must_use]
pub fn objectives(config: &Config) -> Vec<Objective> {
    let key_result =
        |k: &KeyResultConfig| KeyResult { metric: k.metric, team: k.team.clone(), from: k.from, to: k.to, since: k.since, due: k.due };
    let of = |o: &ObjectiveConfig| Objective {
        name: o.name.clone(),
        owner: o.owner.clone(),
        key_results: o.key_results.iter().map(key_result).collect(),
    };
    config.objectives.iter().map(of).collect()
}

/// How long things are kept.
#[must_use]
pub fn keep(config: &Config) -> Keep {
    Keep { minutes: config.store.keep_minutes, hours: config.store.keep_hours, records: config.store.keep_records }
}
