//! How safely: change failure rate, rework rate, recovery of failed deployments, success of attempts.

use crate::{
    analysis::{interval::wilson95, quantile},
    domain::{
        Time,
        value::Reading,
        window::{Window, from_millis, millis},
    },
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Members, ids, members, provisional, seen_window, while_in_progress},
        fact::{EventRef, Measure, flag},
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
fn is_candidate(query: &Query<'_>) -> impl Fn(u16) -> bool + Copy + use<> {
    let attempts_count = query.settings.count_failed_attempts;
    move |flags| {
        let attempt = attempts_count && flags & flag::SUCCESS == 0;
        (flags & flag::COUNTED != 0 || attempt) && flags & flag::ROLLBACK == 0
    }
}

fn failed(flags: u16) -> bool {
    flags & flag::FAILED != 0 || flags & flag::SUCCESS == 0
}

/// From when on a deployment is younger than the link window: an incident may still be linked to it.
fn immature_from(query: &Query<'_>) -> Time {
    #[allow(clippy::cast_possible_truncation, reason = "a configured number of seconds")]
    let link_ms = (query.settings.link_window_s * 1000.0) as i64;
    from_millis(millis(query.settings.as_of).saturating_sub(link_ms).saturating_add(1))
}

/// The window's deployments that are older than the link window, and those that are not.
fn by_age<'a>(query: &Query<'a>) -> [Members<'a>; 2] {
    let seen = seen_window(query);
    let between = immature_from(query).clamp(seen.from, seen.to.max(seen.from));
    [Window::new(seen.from, between), Window::new(between, seen.to)].map(|part| Members::within(query, Measure::Deployment, part))
}

/// Deployments of a share, or of one track together: which, the scope's share of those counted above the line, of all, and
/// how many.
pub(in crate::kpi) type Shared<'a> = (EventRef<'a>, f64, f64, u32);

/// Visit the members of a share of deployments: one by one, or track by track where that can be; `None` when the metric is no
/// such share.
pub(in crate::kpi) fn share<'a>(metric: &str, query: &Query<'a>, by_track: bool, visit: &mut dyn FnMut(Shared<'a>)) -> Option<()> {
    let has = |bit: u16| move |flags: u16| flags & bit != 0;
    let all = || members(query, Measure::Deployment);
    match metric {
        "change_failure_rate" => each(&all(), is_candidate(query), failed, by_track, visit),
        "change_failure_rate.matured" => each(&by_age(query)[0], is_candidate(query), failed, by_track, visit),
        "deployment_rework_rate" => each(&all(), has(flag::COUNTED), has(flag::REWORK), by_track, visit),
        "deploy_success_rate" => each(&all(), |_| true, has(flag::SUCCESS), by_track, visit),
        _ => return None,
    }
    Some(())
}

fn each<'a>(
    members: &Members<'a>,
    belongs: impl Fn(u16) -> bool + Copy,
    hit: impl Fn(u16) -> bool + Copy,
    by_track: bool,
    visit: &mut dyn FnMut(Shared<'a>),
) {
    match members.by_track(belongs, hit).filter(|_| by_track) {
        Some(tracks) => tracks.for_each(|t| {
            if let Some(last) = t.last {
                visit((last, f64::from(t.hits) * t.weight, f64::from(t.n) * t.weight, t.n));
            }
        }),
        None => members.those(belongs).for_each(|m| visit((m.event, if hit(m.event.flags()) { m.weight } else { 0.0 }, m.weight, 1))),
    }
}

/// Recoveries of the window, each with its length in seconds.
pub(in crate::kpi) fn recoveries<'a>(query: &Query<'a>) -> Vec<(Member<'a>, f64)> {
    let clock = usize::from(query.settings.recovery_from_impact);
    members(query, Measure::Recovery).iter().filter_map(|m| Some((m, m.event.values().get(clock).copied()?))).collect()
}

/// The share of those that belong that is `hit`; what `hit` says goes under `name`. Nothing when there is nobody.
fn rate(
    query: &Query<'_>,
    blank: Blank<'_>,
    of: &Members<'_>,
    belongs: impl Fn(u16) -> bool + Copy,
    hit: impl Fn(u16) -> bool + Copy,
    name: &str,
) -> Option<Reading> {
    let (tally, numerator) = of.share(belongs, hit);
    if tally.weight <= 0.0 {
        return None;
    }
    let hits = |flags: u16| belongs(flags) && hit(flags);
    let list = |passes: &dyn Fn(u16) -> bool| ids(query, of.iter().filter(|m| passes(m.event.flags())));
    let mut reading = blank.value(numerator / tally.weight, &tally).with(name, list(&hits)).with("denominator", list(&belongs));
    if let Some((low, high)) = wilson95(numerator, tally.weight) {
        (reading.lower, reading.upper) = (Some(low), Some(high));
    }
    Some(reading)
}

fn change_failure_rate(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let is_candidate = is_candidate(query);
    let Some(reading) = rate(query, blank, &members(query, Measure::Deployment), is_candidate, failed, "failed") else {
        return blank.no_data("no counted deployment in the window");
    };
    let n = reading.n;
    let [_, young] = by_age(query);
    let unharmed = |flags: u16| is_candidate(flags) && !failed(flags);
    let reading = reading.with("immature", ids(query, young.iter().filter(|m| unharmed(m.event.flags()))));
    let young = young.tally(unharmed).n;
    let reading = if young == 0 {
        reading
    } else {
        provisional(reading, || format!("{young} of {n} deployments are younger than the link window and may still fail"))
    };
    while_in_progress(reading, query)
}

/// Only deployments that are older than the link window, failed or not.
fn matured(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let [old, _] = by_age(query);
    rate(query, blank, &old, is_candidate(query), failed, "failed")
        .unwrap_or_else(|| blank.no_data("no counted deployment older than the link window"))
}

fn rework(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let deployments = members(query, Measure::Deployment);
    let counted = |flags: u16| flags & flag::COUNTED != 0;
    match rate(query, blank, &deployments, counted, |flags| flags & flag::REWORK != 0, "rework") {
        Some(reading) => while_in_progress(reading, query),
        None => blank.no_data("no counted deployment in the window"),
    }
}

fn success(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = members(query, Measure::Deployment);
    let Some(reading) = rate(query, blank, &all, |_| true, |flags| flags & flag::SUCCESS != 0, "succeeded") else {
        return blank.no_data("no finished production attempt in the window");
    };
    let not = all.iter().filter(|m| !m.has(flag::SUCCESS));
    while_in_progress(reading.with("failed", ids(query, not)), query)
}

/// Over recoveries of the window. Failed deployments that are not over yet are counted beside.
fn recovery(query: &Query<'_>, blank: Blank<'_>, q: f64) -> Reading {
    let n = unrecovered(query);
    let (all, values): (Vec<Member<'_>>, Vec<f64>) = recoveries(query).into_iter().unzip();
    let reading = match quantile::type7(&values, q) {
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
    let failed = |flags: u16| flags & flag::FAILED != 0 && flags & flag::COUNTED != 0;
    members(query, Measure::Deployment).those(failed).filter(open).count()
}
