//! How safely: change failure rate, rework rate, recovery of failed deployments, success of attempts.

use crate::{
    analysis::{interval::wilson95, quantile},
    domain::{value::Reading, window::millis},
    kpi::{
        Query, bands,
        cohort::{Blank, Member, ids, members, owned, provisional, seen_window, weight, while_in_progress},
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

/// Counted deployments without rollbacks; with failed attempts when those are to count.
fn candidates<'a>(query: &Query<'a>) -> Vec<Member<'a>> {
    let mut members = members(query, Measure::Deployment);
    let attempt = |m: &Member<'_>| query.settings.count_failed_attempts && !m.has(flag::SUCCESS);
    members.retain(|m| (m.has(flag::COUNTED) || attempt(m)) && !m.has(flag::ROLLBACK));
    members
}

fn failed(m: &Member<'_>) -> bool {
    m.has(flag::FAILED) || !m.has(flag::SUCCESS)
}

/// Younger than the link window and not failed: an incident may still be linked to it.
fn immature(query: &Query<'_>, m: &Member<'_>) -> bool {
    let age = query.settings.as_of.signed_duration_since(m.event.at);
    (age.num_milliseconds() as f64) < query.settings.link_window_s * 1000.0
}

/// The members of a share of deployments, each with whether it is one of those counted above the line; `None` when the
/// metric is no such share.
pub(in crate::kpi) fn share<'a>(metric: &str, query: &Query<'a>) -> Option<Vec<(Member<'a>, bool)>> {
    let with = |all: Vec<Member<'a>>, hit: fn(&Member<'_>) -> bool| Some(all.into_iter().map(|m| (m, hit(&m))).collect());
    match metric {
        "change_failure_rate" => with(candidates(query), failed),
        "change_failure_rate.matured" => {
            let mut all = candidates(query);
            all.retain(|m| !immature(query, m));
            with(all, failed)
        }
        "deployment_rework_rate" => {
            let mut all = members(query, Measure::Deployment);
            all.retain(|m| m.has(flag::COUNTED));
            with(all, |m| m.has(flag::REWORK))
        }
        "deploy_success_rate" => with(members(query, Measure::Deployment), |m| m.has(flag::SUCCESS)),
        _ => None,
    }
}

/// Recoveries of the window, each with its length in seconds.
pub(in crate::kpi) fn recoveries<'a>(query: &Query<'a>) -> impl Iterator<Item = (Member<'a>, f64)> {
    let clock = usize::from(query.settings.recovery_from_impact);
    members(query, Measure::Recovery).into_iter().filter_map(move |m| Some((m, m.event.values.get(clock).copied()?)))
}

fn rate(blank: Blank<'_>, all: &[Member<'_>], hit: impl Fn(&Member<'_>) -> bool, name: &str) -> Option<Reading> {
    let denominator = weight(all.iter().copied());
    if denominator <= 0.0 {
        return None;
    }
    let hits = || all.iter().copied().filter(|m| hit(m));
    let numerator = weight(hits());
    let mut reading = blank.value(numerator / denominator, all).with(name, ids(hits())).with("denominator", ids(all.iter().copied()));
    if let Some((low, high)) = wilson95(numerator, denominator) {
        (reading.lower, reading.upper) = (Some(low), Some(high));
    }
    Some(reading)
}

fn change_failure_rate(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = candidates(query);
    let Some(reading) = rate(blank, &all, failed, "failed") else {
        return blank.no_data("no counted deployment in the window");
    };
    let young: Vec<Member<'_>> = all.iter().copied().filter(|m| !failed(m) && immature(query, m)).collect();
    let reading = reading.with("immature", ids(young.iter().copied()));
    let young = young.len();
    let reading = if young == 0 {
        reading
    } else {
        provisional(reading, || format!("{young} of {} deployments are younger than the link window and may still fail", all.len()))
    };
    while_in_progress(reading, query)
}

/// Only deployments that are older than the link window, failed or not.
fn matured(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let mut all = candidates(query);
    all.retain(|m| !immature(query, m));
    rate(blank, &all, failed, "failed").unwrap_or_else(|| blank.no_data("no counted deployment older than the link window"))
}

fn rework(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let mut all = members(query, Measure::Deployment);
    all.retain(|m| m.has(flag::COUNTED));
    match rate(blank, &all, |m| m.has(flag::REWORK), "rework") {
        Some(reading) => while_in_progress(reading, query),
        None => blank.no_data("no counted deployment in the window"),
    }
}

fn success(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = members(query, Measure::Deployment);
    let Some(reading) = rate(blank, &all, |m| m.has(flag::SUCCESS), "succeeded") else {
        return blank.no_data("no finished production attempt in the window");
    };
    let not = all.iter().copied().filter(|m| !m.has(flag::SUCCESS));
    while_in_progress(reading.with("failed", ids(not)), query)
}

/// Over recoveries of the window. Failed deployments that are not over yet are counted beside.
fn recovery(query: &Query<'_>, blank: Blank<'_>, q: f64) -> Reading {
    let open = unrecovered(query);
    let (all, mut values): (Vec<Member<'_>>, Vec<f64>) = recoveries(query).unzip();
    let reading = match quantile::type7(&mut values, q) {
        None => blank.no_data("no failed deployment was recovered from in the window"),
        Some(value) => {
            let mut reading = blank.value(value, &all).with("members", ids(all.iter().copied()));
            reading.rating = Some(bands::duration(value).1.into());
            while_in_progress(reading, query)
        }
    };
    if open.is_empty() {
        return reading;
    }
    let n = open.len();
    provisional(reading.with("open", n as f64), || format!("{n} failed deployments are not recovered from yet"))
}

/// Failed deployments of the window without a recovery so far; only where the window reaches the present, because a
/// later recovery belongs to a later window.
fn unrecovered<'a>(query: &Query<'a>) -> Vec<Member<'a>> {
    let seen = seen_window(query);
    if query.window.to < query.settings.as_of {
        return Vec::new();
    }
    let mut failed = owned(query, query.facts.within(Measure::Deployment, seen));
    let open = |m: &Member<'_>| m.event.values.first().is_none_or(|at| *at >= millis(seen.to) as f64);
    failed.retain(|m| m.has(flag::FAILED) && m.has(flag::COUNTED) && open(m));
    failed
}
