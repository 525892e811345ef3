//! How safely: change failure rate, rework rate, recovery of failed deployments, success of attempts.

use crate::{
    analysis::{interval::wilson95, quantile},
    domain::{value::Reading, window::millis},
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Tally, ids, members, provisional, seen_window, while_in_progress},
        fact::{Measure, flag},
    },
};

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let formula: fn(&Query<'_>, Blank<'_>) -> Reading = match metric {
        "change_failure_rate" => change_failure_rate,
        "change_failure_rate.matured" => matured,
        "deployment_rework_rate" => rework,
        "deploy_success_rate" => success,
        "failed_deployment_recovery_time.median" => |q, b| recovery(q, b, 0.5),
        "failed_deployment_recovery_time.p90" => |q, b| recovery(q, b, 0.9),
        _ => return None,
    };
    Some(formula(query, Blank::of(metric, query)?))
}

/// Counted without being rollbacks; a failed attempt too when those are to count.
fn is_candidate(query: &Query<'_>, m: &Member<'_>) -> bool {
    let attempt = query.settings.count_failed_attempts && !m.has(flag::SUCCESS);
    (m.has(flag::COUNTED) || attempt) && !m.has(flag::ROLLBACK)
}

fn failed(m: &Member<'_>) -> bool {
    m.has(flag::FAILED) || !m.has(flag::SUCCESS)
}

/// Younger than the link window and not failed: an incident may still be linked to it.
fn immature(query: &Query<'_>, m: &Member<'_>) -> bool {
    ((millis(query.settings.as_of) - m.event.at_ms()) as f64) < query.settings.link_window_s * 1000.0
}

/// Visit the members of a share of deployments, each with whether it is one of those counted above the line; `None` when the
/// metric is no such share.
pub(in crate::kpi) fn share<'a>(metric: &str, query: &Query<'a>, mut visit: impl FnMut(&Member<'a>, bool)) -> Option<()> {
    type Is = fn(&Member<'_>) -> bool;
    let (belongs, hit): (fn(&Query<'_>, &Member<'_>) -> bool, Is) = match metric {
        "change_failure_rate" => (is_candidate, failed),
        "change_failure_rate.matured" => (|q, m| is_candidate(q, m) && !immature(q, m), failed),
        "deployment_rework_rate" => (|_, m| m.has(flag::COUNTED), |m| m.has(flag::REWORK)),
        "deploy_success_rate" => (|_, _| true, |m| m.has(flag::SUCCESS)),
        _ => return None,
    };
    members(query, Measure::Deployment).iter().filter(|m| belongs(query, m)).for_each(|m| visit(&m, hit(&m)));
    Some(())
}

/// Recoveries of the window, each with its length in seconds.
pub(in crate::kpi) fn recoveries<'a>(query: &Query<'a>) -> Vec<(Member<'a>, f64)> {
    let clock = usize::from(query.settings.recovery_from_impact);
    members(query, Measure::Recovery).iter().filter_map(|m| Some((m, m.event.values().get(clock).copied()?))).collect()
}

/// The share of `all` that is `hit`; what `hit` says goes under `name`. Nothing when there is nobody.
fn rate<'a>(
    query: &Query<'_>,
    blank: Blank<'_>,
    all: impl Iterator<Item = Member<'a>> + Clone,
    hit: impl Fn(&Member<'_>) -> bool,
    name: &str,
) -> Option<Reading> {
    let (mut tally, mut numerator) = (Tally::default(), 0.0);
    all.clone().for_each(|m| {
        tally.add(&m);
        numerator += if hit(&m) { m.weight } else { 0.0 };
    });
    if tally.weight <= 0.0 {
        return None;
    }
    let hits = all.clone().filter(|m| hit(m));
    let mut reading = blank.value(numerator / tally.weight, &tally).with(name, ids(query, hits)).with("denominator", ids(query, all));
    if let Some((low, high)) = wilson95(numerator, tally.weight) {
        (reading.lower, reading.upper) = (Some(low), Some(high));
    }
    Some(reading)
}

fn change_failure_rate(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let deployments = members(query, Measure::Deployment);
    let all = deployments.iter().filter(|m| is_candidate(query, m));
    let Some(reading) = rate(query, blank, all.clone(), failed, "failed") else {
        return blank.no_data("no counted deployment in the window");
    };
    let n = reading.n;
    let young = all.filter(|m| !failed(m) && immature(query, m));
    let reading = reading.with("immature", ids(query, young.clone()));
    let young = young.count();
    let reading = if young == 0 {
        reading
    } else {
        provisional(reading, || format!("{young} of {n} deployments are younger than the link window and may still fail"))
    };
    while_in_progress(reading, query)
}

/// Only deployments that are older than the link window, failed or not.
fn matured(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let deployments = members(query, Measure::Deployment);
    let old = deployments.iter().filter(|m| is_candidate(query, m) && !immature(query, m));
    rate(query, blank, old, failed, "failed").unwrap_or_else(|| blank.no_data("no counted deployment older than the link window"))
}

fn rework(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let deployments = members(query, Measure::Deployment);
    let counted = deployments.iter().filter(|m| m.has(flag::COUNTED));
    match rate(query, blank, counted, |m| m.has(flag::REWORK), "rework") {
        Some(reading) => while_in_progress(reading, query),
        None => blank.no_data("no counted deployment in the window"),
    }
}

fn success(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = members(query, Measure::Deployment);
    let Some(reading) = rate(query, blank, all.iter(), |m| m.has(flag::SUCCESS), "succeeded") else {
        return blank.no_data("no finished production attempt in the window");
    };
    let not = all.iter().filter(|m| !m.has(flag::SUCCESS));
    while_in_progress(reading.with("failed", ids(query, not)), query)
}

/// Over recoveries of the window. Failed deployments that are not over yet are counted beside.
fn recovery(query: &Query<'_>, blank: Blank<'_>, q: f64) -> Reading {
    let n = unrecovered(query);
    let (all, mut values): (Vec<Member<'_>>, Vec<f64>) = recoveries(query).into_iter().unzip();
    let reading = match quantile::type7(&mut values, q) {
        None => blank.no_data("no failed deployment was recovered from in the window"),
        Some(value) => {
            let mut reading = blank.value(value, &all.iter().copied().collect()).with("members", ids(query, all.iter().copied()));
            reading.rating = Some(bands::duration(value).1.into());
            while_in_progress(reading, query)
        }
    };
    if n == 0 {
        return reading;
    }
    provisional(reading.with("open", n as f64), || format!("{n} failed deployments are not recovered from yet"))
}

/// How many failed deployments of the window have no recovery so far; only where the window reaches the present, because a
/// later recovery belongs to a later window.
fn unrecovered(query: &Query<'_>) -> usize {
    if query.window.to < query.settings.as_of {
        return 0;
    }
    let end = millis(seen_window(query).to) as f64;
    let open = |m: &Member<'_>| m.event.values().first().is_none_or(|at| *at >= end);
    members(query, Measure::Deployment).iter().filter(|m| m.has(flag::FAILED) && m.has(flag::COUNTED) && open(m)).count()
}
