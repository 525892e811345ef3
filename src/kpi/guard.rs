//! The noise guard in front of every arrow: is a change between two windows more than chance?
//!
//! What is counted gets an exact test, what is timed a rank test, live series are compared by hour blocks (requests
//! within an hour are not independent), money by days against the same weekday. What is measured whole (coverage, debt)
//! has no chance in it and only needs to differ.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::{
    Query, evaluate,
    fact::{Bucket, Histogram, Measure, flag},
    scope::Whose,
};
use crate::{
    analysis::{
        flags::robust_z,
        histogram, quantile,
        significance::{ALPHA, Verdict, mann_whitney, rate_verdict, ratio_verdict, values_verdict, verdict},
    },
    domain::value::{Datum, Reading},
};

/// Fewest blocks of a live series on each side.
const BLOCKS: usize = 24;
/// Fewest days of cost on each side.
const COST_DAYS: usize = 14;
/// A robust z beyond this is no usual day.
const ROBUST_Z: f64 = 3.5;
/// What is measured whole moved when it differs by more than this share (the bound below which a series is static).
const STATIC: f64 = 0.02;

/// How a metric's change is judged.
enum Kind {
    /// `k` of `n`.
    Ratio,
    /// A count over the window's length.
    Rate,
    /// Values of event facts; which of them.
    Values(Measure, usize),
    /// A share of requests or of time, or a percentile, hour by hour.
    Blocks,
    /// Money, day by day.
    Money,
    /// Measured whole.
    Whole,
}

fn kind(metric: &str, query: &Query<'_>) -> Option<Kind> {
    let settings = query.settings;
    Some(match metric {
        "change_failure_rate"
        | "change_failure_rate.matured"
        | "deployment_rework_rate"
        | "deploy_success_rate"
        | "incidents.reopen_rate"
        | "test_success_rate"
        | "test_run_success_rate"
        | "flaky_rate" => Kind::Ratio,
        "deployment_frequency.per_day" | "deployment_frequency.count" | "deployment.rollback_count" | "incidents.count" | "requests" => {
            Kind::Rate
        }
        m if m.starts_with("lead_time.m") || m == "lead_time.p90" => {
            Kind::Values(if settings.per_commit { Measure::CommitLeadTime } else { Measure::LeadTime }, 0)
        }
        m if m.starts_with("failed_deployment_recovery_time.") => {
            Kind::Values(Measure::Recovery, usize::from(settings.recovery_from_impact))
        }
        "time_to_restore.mean" | "time_to_restore.median" | "time_to_restore.p90" => {
            Kind::Values(Measure::Restore, usize::from(settings.reopened_elapsed))
        }
        "uptime" | "uptime.requests" | "error_rate" | "latency_p50" | "latency_p95" | "latency_p99" | "page_load.p75" => Kind::Blocks,
        "infra_cost.effective" | "infra_cost.billed" => Kind::Money,
        "code_coverage"
        | "line_coverage"
        | "branch_coverage"
        | "new_code_coverage"
        | "technical_debt_ratio"
        | "findings"
        | "cost_allocated_share"
        | "commitment_unused_share" => Kind::Whole,
        _ => return None,
    })
}

/// Whether the change of a metric from `before` to `current` is significant; `None` when there is too little to judge, or
/// the metric's changes are not judged.
#[must_use]
pub fn judge(metric: &str, current: &Query<'_>, before: &Query<'_>) -> Option<bool> {
    let verdict = match kind(metric, current)? {
        Kind::Ratio => ratio_verdict(counted(&evaluate(metric, before)?)?, counted(&evaluate(metric, current)?)?),
        Kind::Rate => {
            let (was, is) = (evaluate(metric, before)?, evaluate(metric, current)?);
            rate_verdict((was.n, exposure(&was, before)), (is.n, exposure(&is, current)))
        }
        Kind::Values(measure, which) => {
            let (was, is) = (values(measure, which, before), values(measure, which, current));
            let centre = (evaluate(metric, before)?.number()?, evaluate(metric, current)?.number()?);
            values_verdict(&was, &is, centre)
        }
        Kind::Blocks => blocks_verdict(metric, current, before)?,
        Kind::Money => money_verdict(current, before)?,
        Kind::Whole => whole_verdict(&evaluate(metric, before)?, &evaluate(metric, current)?)?,
    };
    match verdict {
        Verdict::Significant => Some(true),
        Verdict::NotSignificant => Some(false),
        Verdict::Insufficient => None,
    }
}

/// `(k, n)` of a ratio.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn counted(reading: &Reading) -> Option<(u64, u64)> {
    let n = reading.facts.get("denominator").and_then(Datum::as_f64).map_or(reading.n, |d| d.round() as u64);
    let k = (reading.number()? * n as f64).round() as u64;
    Some((k.min(n), n))
}

/// Observed days.
fn exposure(reading: &Reading, query: &Query<'_>) -> f64 {
    let told = reading.facts.get("exposure_days").and_then(Datum::as_f64);
    let elapsed = || super::Window::new(query.window.from, query.window.to.min(query.settings.as_of)).seconds() / 86_400.0;
    told.unwrap_or_else(elapsed)
}

/// The values a duration's reading is made of.
fn values(measure: Measure, which: usize, query: &Query<'_>) -> Vec<f64> {
    let whose = Whose::of(query);
    let out_of_it = |flags: u16| flags & (flag::FIRST | flag::NEGATIVE | flag::NO_START) != 0;
    let machine = |flags: u16| flags & flag::BOT != 0 && !query.settings.include_bots;
    query
        .facts
        .within(measure, query.window)
        .iter()
        .filter(|e| e.at <= query.settings.as_of && !out_of_it(e.flags) && !machine(e.flags) && whose.event(e) > 0.0)
        .filter_map(|e| e.values.get(which).copied())
        .collect()
}

fn blocks_verdict(metric: &str, current: &Query<'_>, before: &Query<'_>) -> Option<Verdict> {
    let (was, is) = (blocks(metric, before), blocks(metric, current));
    if was.len() < BLOCKS || is.len() < BLOCKS {
        return None;
    }
    let sure = mann_whitney(&was, &is)? < ALPHA;
    let (from, to) = (evaluate(metric, before)?.number()?, evaluate(metric, current)?.number()?);
    // Of what is nearly always good the bad part is what moves: 99.9 % to 99.8 % is twice the down time.
    let flip = metric.starts_with("uptime");
    Some(if flip { verdict(sure, 1.0 - from, 1.0 - to) } else { verdict(sure, from, to) })
}

/// Whether a live series is part of a metric.
fn feeds(metric: &str, series: &str) -> bool {
    match metric {
        "uptime" => series == "probe",
        "uptime.requests" | "error_rate" => matches!(series, "requests" | "errors"),
        "page_load.p75" => series == "page_load",
        _ => series == "latency",
    }
}

/// One value per hour (per bucket, where those are coarser).
fn blocks(metric: &str, query: &Query<'_>) -> Vec<f64> {
    #[derive(Default)]
    struct Block {
        part: f64,
        whole: f64,
        hist: Histogram,
    }
    let whose = Whose::of(query);
    let mut hours: BTreeMap<i64, Block> = BTreeMap::new();
    let inside = |b: &&Bucket| query.window.contains(b.span.from) && b.span.from < query.settings.as_of;
    for bucket in query.facts.buckets.iter().filter(inside) {
        let share = whose.bucket(bucket);
        if share <= 0.0 {
            continue;
        }
        if !feeds(metric, &bucket.metric) {
            continue;
        }
        let block = hours.entry(bucket.span.from.timestamp().div_euclid(3600)).or_default();
        match &*bucket.metric {
            "probe" => {
                block.part += bucket.b * share;
                block.whole += (bucket.a + bucket.b) * share;
            }
            "errors" => block.part += bucket.a * share,
            "requests" => block.whole += bucket.a * share,
            _ => {
                if let Some(hist) = &bucket.hist {
                    let _ = block.hist.add(hist, share);
                }
            }
        }
    }
    let q = match metric {
        "latency_p50" => 0.5,
        "latency_p99" => 0.99,
        "page_load.p75" => 0.75,
        _ => 0.95,
    };
    hours
        .into_values()
        .filter_map(|b| {
            if b.hist.bounds.is_empty() {
                (b.whole > 0.0).then(|| b.part / b.whole)
            } else {
                histogram::quantile(&b.hist.bounds, &b.hist.counts, q).map(|found| found.value)
            }
        })
        .collect()
}

/// Days against the median of the same weekday before; the spread is that of the days before.
fn money_verdict(current: &Query<'_>, before: &Query<'_>) -> Option<Verdict> {
    let (was, is) = (daily(before)?, daily(current)?);
    if was.len() < COST_DAYS || is.len() < COST_DAYS {
        return None;
    }
    let mut by_weekday: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (weekday, cost) in &was {
        by_weekday.entry(*weekday).or_default().push(*cost);
    }
    let usual: BTreeMap<u32, f64> = by_weekday.iter_mut().filter_map(|(d, v)| Some((*d, quantile::median(v)?))).collect();
    let off = |days: &[(u32, f64)]| -> Vec<f64> { days.iter().filter_map(|(d, cost)| Some(cost - usual.get(d)?)).collect() };
    let (noise, mut shift) = (off(&was), off(&is));
    let typical = quantile::median(&mut shift)?;
    let sure = robust_z(&noise, typical).map_or(typical != 0.0, |z| z.abs() > ROBUST_Z);
    let mean = |days: &[(u32, f64)]| days.iter().map(|d| d.1).sum::<f64>() / days.len() as f64;
    Some(verdict(sure, mean(&was), mean(&is)))
}

/// Weekday and cost of each day.
fn daily(query: &Query<'_>) -> Option<Vec<(u32, f64)>> {
    let Some(Datum::Map(days)) = evaluate("infra_cost.daily", query)?.value else { return None };
    let day = |name: &str| name.parse::<chrono::NaiveDate>().ok().map(|d| d.weekday().num_days_from_monday());
    Some(days.iter().filter_map(|(name, cost)| Some((day(name)?, cost.as_f64()?))).collect())
}

/// A change of the instrument is no change of what it measures.
fn whole_verdict(before: &Reading, now: &Reading) -> Option<Verdict> {
    if before.facts.get("ruleset_versions") != now.facts.get("ruleset_versions") {
        return None;
    }
    let (was, is) = (before.number()?, now.number()?);
    let moved = (is - was).abs() > STATIC * was.abs();
    Some(if moved { Verdict::Significant } else { Verdict::NotSignificant })
}
