//! The noise guard in front of every arrow: is a change between two windows more than chance?
//!
//! What is counted gets an exact test, what is timed a rank test, live series are compared by hour blocks (requests
//! within an hour are not independent), money by days against the same weekday. What is measured whole (coverage, debt)
//! has no chance in it and only needs to differ.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::{
    Query, cohort, defined, evaluate,
    fact::{Bucket, Histogram, Measure, flag},
    scope::Whose,
};
use crate::{
    analysis::{
        flags::robust_z,
        histogram, quantile,
        significance::{Test, Verdict, benjamini_hochberg, mann_whitney, rate_test, ratio_test, values_test, verdict},
    },
    domain::{
        defined::{Fold, Over},
        value::{Datum, Judgement, Reading, Scope},
    },
};

/// Fewest blocks of a live series on each side.
const BLOCKS: usize = 24;
/// Fewest days of cost on each side.
const COST_DAYS: usize = 14;
/// About as many values as the organisation's rank test looks at.
const MANY: usize = 20_000;
/// The same for one line of a table, of which there are dozens: with 2,000 values a side a rank test finds nearly nine in ten
/// shifts by a tenth of a standard deviation, which is what durations (log-normal, roughly) differ by at the least effect
/// that counts, 10 %.
const MANY_OF_GROUP: usize = 2_000;
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
    /// Requests, a share of them or of time, or a percentile, hour by hour.
    Blocks,
    /// Money, day by day.
    Money,
    /// Values of a metric of the config.
    Points,
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
        | "flaky_rate"
        | "retention_rate"
        | "retention_rate.users"
        | "churn_rate"
        | "feature_adoption"
        | "attrition_rate.period"
        | "attrition_rate.voluntary_period" => Kind::Ratio,
        "deployment_frequency.per_day"
        | "deployment_frequency.count"
        | "release_frequency"
        | "deployment.rollback_count"
        | "incidents.count"
        | "velocity.items_per_week" => Kind::Rate,
        m if m.starts_with("lead_time.m") || m == "lead_time.p90" => {
            Kind::Values(if settings.per_commit { Measure::CommitLeadTime } else { Measure::LeadTime }, 0)
        }
        m if m.starts_with("failed_deployment_recovery_time.") => {
            Kind::Values(Measure::Recovery, usize::from(settings.recovery_from_impact))
        }
        "time_to_restore.mean" | "time_to_restore.median" | "time_to_restore.p90" => {
            Kind::Values(Measure::Restore, usize::from(settings.reopened_elapsed))
        }
        "uptime" | "uptime.requests" | "error_rate" | "requests" | "latency_p50" | "latency_p95" | "latency_p99" | "page_load.p75"
        | "page_load.inp" | "page_load.cls" => Kind::Blocks,
        "infra_cost.effective" | "infra_cost.billed" => Kind::Money,
        "code_coverage"
        | "line_coverage"
        | "branch_coverage"
        | "new_code_coverage"
        | "technical_debt_ratio"
        | "findings"
        | "cost_allocated_share"
        | "commitment_unused_share"
        | "documentation_coverage"
        | "headcount"
        | "cross_training"
        | "active_users.month"
        | "active_users.28d"
        | "roi"
        | "rd_effectiveness"
        | "ltv"
        | "tech_cost_pct_revenue" => Kind::Whole,
        _ => return of_definition(metric, query),
    })
}

/// How a metric of the config is judged.
fn of_definition(metric: &str, query: &Query<'_>) -> Option<Kind> {
    let definition = defined::find(metric, query).filter(|d| matches!(d.over, Over::Records(_)))?;
    Some(match definition.fold {
        Fold::Ratio if defined::is_share(definition) => Kind::Ratio,
        Fold::Mean | Fold::Quantile(_) => Kind::Points,
        Fold::Count => Kind::Rate,
        Fold::Ratio | Fold::Sum | Fold::Distinct => return None,
    })
}

/// One side of a comparison: what was asked, and what it gave.
pub type Side<'a> = (&'a Query<'a>, &'a Reading);

/// What is to be said of the change of a metric from `before` to `current`; `None` when the metric's changes are not judged.
#[must_use]
pub fn judge(metric: &str, current: Side<'_>, before: Side<'_>) -> Option<Judgement> {
    let ((now, is), (then, was)) = (current, before);
    let centre = (was.number()?, is.number()?);
    Some(match kind(metric, now)? {
        Kind::Ratio => tested("exact or interval test of two shares", ratio_test(counted(was)?, counted(is)?), centre),
        Kind::Rate => {
            let rates = ((was.n, exposure(was, then)), (is.n, exposure(is, now)));
            let rate = |(n, days): (u64, f64)| n as f64 / days;
            tested("conditional binomial", rate_test(rates.0, rates.1), (rate(rates.0), rate(rates.1)))
        }
        Kind::Values(measure, which) => {
            tested("Mann-Whitney", values_test(&values(measure, which, then), &values(measure, which, now)), centre)
        }
        Kind::Points => tested("Mann-Whitney", values_test(&defined::values(metric, then), &defined::values(metric, now)), centre),
        Kind::Blocks => {
            let flip = metric.starts_with("uptime");
            // Of what is nearly always good the bad part is what moves: 99.9 % to 99.8 % is twice the down time.
            let centre = if flip { (1.0 - centre.0, 1.0 - centre.1) } else { centre };
            tested("Mann-Whitney of hours", blocks_test(metric, now, then), centre)
        }
        Kind::Money => judgement("robust z of days", money_verdict(now, then).unwrap_or(Verdict::Insufficient)),
        Kind::Whole => judgement("measured whole", whole_verdict(was, is).unwrap_or(Verdict::Insufficient)),
    })
}

fn judgement(test: &'static str, verdict: Verdict) -> Judgement {
    Judgement { verdict: verdict.word(), test, p: None, interval: None, by_family: false }
}

fn tested(name: &'static str, test: Option<Test>, (from, to): (f64, f64)) -> Judgement {
    match test {
        None => judgement(name, Verdict::Insufficient),
        Some(t) => Judgement { p: Some(t.p), interval: t.interval, ..judgement(t.name, verdict(t.sure, from, to)) },
    }
}

/// Is it real? `None`: too little to say.
#[must_use]
pub fn is_real(judged: &Judgement) -> Option<bool> {
    match judged.verdict {
        "significant" => Some(true),
        "not_significant" => Some(false),
        _ => None,
    }
}

/// Share of false alarms among all that is shown together.
const FALSE_DISCOVERIES: f64 = 0.10;

/// Of many changes looked at together some look real by chance: keep those that stay significant as a family
/// (Benjamini-Hochberg).
pub fn together<'a>(readings: impl IntoIterator<Item = &'a mut Reading>) {
    let mut tested: Vec<(&mut Reading, f64)> = readings.into_iter().filter_map(|r| r.judged.and_then(|j| j.p).map(|p| (r, p))).collect();
    let p: Vec<f64> = tested.iter().map(|(_, p)| *p).collect();
    for ((reading, _), stays) in tested.iter_mut().zip(benjamini_hochberg(&p, FALSE_DISCOVERIES)) {
        if let (Some(judged), false) = (&mut reading.judged, stays)
            && judged.verdict == Verdict::Significant.word()
        {
            (judged.verdict, judged.by_family) = (Verdict::NotSignificant.word(), true);
            reading.change_is_real = Some(false);
        }
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

/// The values a duration's reading is made of; of very many every k-th of each track, which only costs power.
fn values(measure: Measure, which: usize, query: &Query<'_>) -> Vec<f64> {
    let machine = if query.settings.include_bots { 0 } else { flag::BOT };
    let many = if *query.scope == Scope::Org { MANY } else { MANY_OF_GROUP };
    cohort::members(query, measure).sample(many, flag::UNTIMED | machine, which)
}

fn blocks_test(metric: &str, now: &Query<'_>, then: &Query<'_>) -> Option<Test> {
    let (was, is) = (blocks(metric, then), blocks(metric, now));
    if was.len() < BLOCKS || is.len() < BLOCKS {
        return None;
    }
    Some(Test::by_p("Mann-Whitney of hours", mann_whitney(&was, &is)?))
}

/// The live series a metric is made of.
fn feeds(metric: &str) -> &'static [&'static str] {
    match metric {
        "uptime" => &["probe"],
        "uptime.requests" | "error_rate" => &["requests", "errors"],
        "requests" => &["requests"],
        "page_load.p75" => &["page_load"],
        "page_load.inp" => &["inp"],
        "page_load.cls" => &["cls"],
        _ => &["latency"],
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
    let series = feeds(metric).iter().flat_map(|name| query.facts.live(name, query.window).iter().filter(move |b| &&*b.metric == name));
    for bucket in series.filter(inside) {
        let share = whose.bucket(bucket);
        if share <= 0.0 {
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
        m if m.starts_with("page_load.") => 0.75,
        _ => 0.95,
    };
    hours
        .into_values()
        .filter_map(|b| {
            if metric == "requests" {
                Some(b.whole)
            } else if b.hist.bounds.is_empty() {
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
    let usual: BTreeMap<u32, f64> = by_weekday.iter().filter_map(|(d, v)| Some((*d, quantile::median(v)?))).collect();
    let off = |days: &[(u32, f64)]| -> Vec<f64> { days.iter().filter_map(|(d, cost)| Some(cost - usual.get(d)?)).collect() };
    let (noise, shift) = (off(&was), off(&is));
    let typical = quantile::median(&shift)?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Duration;

    use super::*;
    use crate::{
        domain::{Time, team::Roster, window::Window},
        kpi::{
            Settings,
            fact::{Event, Facts, Owners},
            live::Sums,
        },
    };

    fn now() -> Time {
        "2026-03-02T00:00:00Z".parse().unwrap()
    }

    /// The verdict of two windows of 28 days, the second ending now.
    fn verdict(metric: &str, facts: &Facts) -> Option<bool> {
        let window = Window::ending(now(), Duration::days(28));
        let settings = Settings { as_of: now(), ..Settings::default() };
        let roster = Roster::default();
        let query = |window| Query { facts, scope: &Scope::Org, window, settings: &settings, roster: &roster };
        let (current, before) = (query(window), query(window.before()));
        let (is, was) = (evaluate(metric, &current).unwrap(), evaluate(metric, &before).unwrap());
        judge(metric, (&current, &is), (&before, &was)).as_ref().and_then(is_real)
    }

    fn nobody() -> Owners {
        Arc::from([])
    }

    /// Requests and errors for every hour of the 56 days; `rate(hour, is_now)` is the share of errors.
    fn traffic(rate: impl Fn(i64, bool) -> f64) -> Facts {
        let mut facts = Facts::default();
        for hour in 0..56 * 24 {
            let from = now() - Duration::hours(56 * 24 - hour);
            let span = Window::new(from, from + Duration::hours(1));
            let requests = 1_000.0;
            for (metric, a) in [("requests", requests), ("errors", requests * rate(hour, hour >= 28 * 24))] {
                facts.buckets.push(Sums { n: 1, a, ..Sums::default() }.into_bucket(
                    metric.into(),
                    "pay".into(),
                    nobody(),
                    Arc::default(),
                    span,
                ));
            }
        }
        facts
    }

    #[test]
    fn a_doubled_error_rate_is_real_and_the_daily_wave_is_not() {
        let wave = |hour: i64| 0.01 + 0.005 * ((hour % 24) as f64 / 24.0);
        assert_eq!(verdict("error_rate", &traffic(|hour, _| wave(hour))), Some(false));
        assert_eq!(verdict("error_rate", &traffic(|hour, now| wave(hour) * if now { 2.0 } else { 1.0 })), Some(true));
    }

    #[test]
    fn one_bad_hour_is_no_change_of_the_month() {
        assert_eq!(verdict("error_rate", &traffic(|hour, _| if hour == 50 * 24 { 0.9 } else { 0.01 })), Some(false));
    }

    fn lead_times(before: &[f64], after: &[f64]) -> Facts {
        let mut facts = Facts::default();
        let mut list = Vec::new();
        for (values, days) in [(before, 40), (after, 10)] {
            for (i, value) in values.iter().enumerate() {
                let at = now() - Duration::days(days) + Duration::minutes(i64::try_from(i).unwrap());
                list.push(Event {
                    at,
                    service: "".into(),
                    teams: nobody(),
                    flags: 0,
                    group: list.len() as u64,
                    key: "".into(),
                    values: [*value].into(),
                    dims: Arc::default(),
                });
            }
        }
        facts.events.extend(Measure::LeadTime, list);
        facts.sort();
        facts
    }

    #[test]
    fn seven_changes_say_nothing_and_twenty_slower_ones_do() {
        let spread = |base: f64, n: usize| (0..n).map(|i| base + (i * 37 % 11) as f64 * 600.0).collect::<Vec<_>>();
        assert_eq!(verdict("lead_time.median", &lead_times(&spread(3_600.0, 7), &spread(36_000.0, 7))), None);
        assert_eq!(verdict("lead_time.median", &lead_times(&spread(3_600.0, 20), &spread(36_000.0, 20))), Some(true));
        assert_eq!(verdict("lead_time.median", &lead_times(&spread(3_600.0, 20), &spread(3_600.0, 20))), Some(false));
    }
}
