//! Incidents: how long harm lasts, how many there are, and what they say about uptime. From event facts.
//!
//! Each incident has its own restore time; down time is the union of outages, never their sum. What is open now counts
//! with the time so far, as a lower bound.

use std::collections::BTreeMap;

use super::{
    Query, bands,
    cohort::{Blank, Member, Members, Observed, Tally, ids, members, provisional, seen_window, while_in_progress},
    fact::{Measure, STILL_OPEN, flag},
};
use crate::{
    analysis::quantile,
    domain::{
        Time,
        value::{Datum, Reading},
        window::{Window, from_millis, millis},
    },
    ledger::course::seconds,
};

/// Names of the stages of a restore time.
const STAGES: [&str; 3] = ["detect", "acknowledge", "mitigate"];

/// Compute one metric of incidents; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let metric = if metric == "time_to_restore" { "time_to_restore.mean" } else { metric };
    let formula: fn(&Query<'_>, Blank<'_>) -> Reading = match metric {
        "time_to_restore.mean" => |q, b| restore(q, b, quantile::mean),
        "time_to_restore.median" => |q, b| restore(q, b, quantile::median),
        "time_to_restore.p90" => |q, b| restore(q, b, |v| quantile::type7(v, 0.9)),
        "time_to_restore.open" => open_now,
        "time_to_restore.stage_mean" => stage_mean,
        "incidents.count" => count,
        "incidents.reopen_rate" => reopen_rate,
        "incidents.unlinked" => unlinked,
        "downtime" => downtime,
        "uptime.from_incidents" => uptime,
        "mtbf" => mtbf,
        _ => return None,
    };
    Some(formula(query, Blank::of(metric, query)?))
}

/// Incidents that are open at the end of what is seen, and began before it. Only a window that reaches the present has
/// any: an end still to come belongs to no earlier window.
fn open<'a>(query: &Query<'a>) -> Vec<Member<'a>> {
    let end = seen_window(query).to;
    if query.window.to < query.settings.as_of {
        return Vec::new();
    }
    let still = |m: &Member<'_>| m.event.values().first().is_some_and(|ended| *ended >= millis(end) as f64);
    Members::before(query, Measure::Incident, end).iter().filter(still).collect()
}

/// Seconds an open incident has lasted so far.
fn so_far(query: &Query<'_>, m: &Member<'_>) -> f64 {
    let end = seen_window(query).to;
    let elapsed = seconds(m.event.at(), end);
    let (Some(earlier), Some(last)) = (m.event.values().get(1), m.event.values().get(2)) else { return elapsed };
    let running = (millis(end) as f64 - last) / 1000.0;
    if query.settings.reopened_elapsed || running < 0.0 { elapsed } else { earlier + running }
}

/// Restore times of the window: what was finally restored, and what is open at its age so far.
pub(super) fn times<'a>(query: &Query<'a>) -> Vec<(Member<'a>, f64)> {
    let reading = usize::from(query.settings.reopened_elapsed);
    let restored = restored(query).into_iter().filter_map(|m| Some((m, m.event.values().get(reading).copied()?)));
    restored.chain(open(query).into_iter().map(|m| (m, so_far(query, &m)))).collect()
}

/// What was finally restored in the window.
pub(super) fn restored<'a>(query: &Query<'a>) -> Vec<Member<'a>> {
    members(query, Measure::Restore).iter().collect()
}

/// Watched days, and the incidents that began in the window.
pub(super) fn begun_in<'a>(query: &Query<'a>) -> (f64, Vec<Member<'a>>) {
    (Observed::of(query, "incident", Measure::Incident).days(), members(query, Measure::Incident).iter().collect())
}

/// Incidents finally restored in the window, with those still open at their age so far.
fn restore(query: &Query<'_>, blank: Blank<'_>, of: fn(&[f64]) -> Option<f64>) -> Reading {
    let reading = usize::from(query.settings.reopened_elapsed);
    let restored = members(query, Measure::Restore);
    let open = open(query);
    let mut values: Vec<f64> = restored.iter().filter_map(|m| m.event.values().get(reading).copied()).collect();
    let ages: Vec<f64> = open.iter().map(|m| so_far(query, m)).collect();
    values.extend(&ages);
    let Some(value) = of(&values) else { return blank.no_data("no incident was restored in the window") };
    let tally = restored.iter().chain(open.iter().copied()).collect();
    let mut reading = blank.value(value, &tally).with("open", open.len() as f64);
    reading.rating = Some(bands::duration(value).1.into());
    let Some(oldest) = ages.into_iter().max_by(f64::total_cmp) else { return while_in_progress(reading, query) };
    reading.is_lower_bound = true;
    provisional(reading.with("oldest_open_s", oldest), || format!("{} still open: it can only become longer", incidents(open.len())))
}

fn incidents(n: usize) -> String {
    if n == 1 { "1 incident is".into() } else { format!("{n} incidents are") }
}

/// Any incident at all, or a source that would have told of one.
fn known(query: &Query<'_>) -> bool {
    let ever = query.facts.ever.contains(&Measure::Incident) || !query.facts.events.of(Measure::Incident).is_empty();
    ever || Observed::of(query, "incident", Measure::Incident).alive
}

fn unknown(blank: Blank<'_>) -> Reading {
    blank.no_data("no source that reports incidents was seen in the window")
}

fn open_now(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    if !known(query) {
        return unknown(blank);
    }
    let open = open(query);
    let oldest = open.iter().map(|m| so_far(query, m)).max_by(f64::total_cmp);
    let tally: Tally = open.iter().copied().collect();
    let reading = blank.value(tally.weight, &tally).with("members", ids(query, open.iter().copied()));
    match oldest {
        Some(age) => reading.with("oldest_open_s", age),
        None => reading,
    }
}

/// Means of the stages of what was restored; they add to its mean.
fn stage_mean(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = members(query, Measure::RestoreStages);
    let tally: Tally = all.iter().collect();
    if tally.weight <= 0.0 {
        return blank.no_data("no incident was restored in the window");
    }
    let mut stages = BTreeMap::new();
    for (i, stage) in STAGES.iter().enumerate() {
        // the last stage has a second reading, of elapsed time
        let at = if i == 2 && query.settings.reopened_elapsed { 3 } else { i };
        let sum: f64 = all.iter().map(|m| m.weight * m.event.values().get(at).copied().unwrap_or(0.0)).sum();
        stages.insert((*stage).to_owned(), Datum::Num(sum / tally.weight));
    }
    while_in_progress(blank.value(Datum::Map(stages), &tally), query)
}

fn count(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    begun(query, blank, |_| true)
}

fn unlinked(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    begun(query, blank, |m| !m.has(flag::LINKED))
}

fn begun(query: &Query<'_>, blank: Blank<'_>, keep: fn(&Member<'_>) -> bool) -> Reading {
    if !known(query) {
        return unknown(blank);
    }
    let incidents = members(query, Measure::Incident);
    let kept = incidents.iter().filter(keep);
    let tally: Tally = kept.clone().collect();
    while_in_progress(blank.value(tally.weight, &tally).with("members", ids(query, kept)), query)
}

fn reopen_rate(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let all = members(query, Measure::Restore);
    let tally: Tally = all.iter().collect();
    if tally.weight <= 0.0 {
        return blank.no_data("no incident was restored in the window");
    }
    let again = all.iter().filter(|m| m.has(flag::REOPENED));
    let weight: f64 = again.clone().map(|m| m.weight).sum();
    while_in_progress(blank.value(weight / tally.weight, &tally).with("members", ids(query, again)), query)
}

/// Outages within what is seen of the window.
struct Outages<'a> {
    members: Vec<Member<'a>>,
    /// Weighted seconds of their union.
    down_s: f64,
    /// Separate times with an outage.
    count: usize,
    /// One is not over.
    open: bool,
    exposure_s: f64,
}

/// `Err`: why nothing can be said.
fn outages<'a>(query: &Query<'a>) -> Result<Outages<'a>, &'static str> {
    let observed = Observed::of(query, "incident", Measure::Incident);
    let span = observed.span;
    let begun = Members::before(query, Measure::Outage, span.to);
    let members: Vec<Member<'_>> = begun.iter().filter(|m| end_of(m) > span.from).collect();
    if members.is_empty() {
        if !Members::within(query, Measure::Incident, span).is_empty() {
            return Err("the incidents of the window do not say what they did to availability");
        }
        if !observed.alive {
            return Err("no source that reports incidents was seen in the window");
        }
    }
    let hit: Vec<(Window, f64)> = members
        .iter()
        .filter_map(|m| Some((Window::new(m.event.at(), end_of(m)).intersect(&span), m.event.values().get(1).copied()?)))
        .filter(|(w, weight)| *weight > 0.0 && w.seconds() > 0.0)
        .collect();
    let (down_s, count) = union(&hit);
    let open =
        members.iter().any(|m| end_of(m) >= span.to && m.event.values().first() == Some(&STILL_OPEN) && span.to >= query.settings.as_of);
    Ok(Outages { members, down_s, count, open, exposure_s: span.seconds() })
}

fn end_of(m: &Member<'_>) -> Time {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds; out of range saturates")]
    m.event.values().first().map_or(m.event.at(), |ms| from_millis(*ms as i64))
}

/// Weighted length of the union, the greatest weight counting where outages overlap; and the number of separate times.
fn union(outages: &[(Window, f64)]) -> (f64, usize) {
    let mut edges: Vec<Time> = outages.iter().flat_map(|(w, _)| [w.from, w.to]).collect();
    edges.sort();
    edges.dedup();
    let (mut length, mut count, mut was_down) = (0.0, 0, false);
    for pair in edges.windows(2) {
        let piece = Window::new(pair[0], pair[1]);
        let weight =
            outages.iter().filter(|(w, _)| w.from <= piece.from && piece.to <= w.to).map(|(_, weight)| *weight).fold(0.0, f64::max);
        length += weight * piece.seconds();
        count += usize::from(weight > 0.0 && !was_down);
        was_down = weight > 0.0;
    }
    (length, count)
}

fn from_outages(query: &Query<'_>, blank: Blank<'_>, formula: fn(&Outages<'_>) -> Option<f64>, why_not: &str) -> Reading {
    let outages = match outages(query) {
        Ok(outages) => outages,
        Err(why) => return blank.no_data(why),
    };
    let Some(value) = formula(&outages).filter(|_| outages.exposure_s > 0.0) else { return blank.no_data(why_not) };
    let members = || outages.members.iter().copied();
    let reading = blank.value(value, &members().collect()).with("members", ids(query, members())).with("outages", outages.count as f64);
    if outages.open {
        return provisional(reading, || "an outage is not over yet".into());
    }
    while_in_progress(reading, query)
}

fn downtime(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let mut reading = from_outages(query, blank, |o| Some(o.down_s), "no time of the window was observed");
    // of an outage that goes on there can only be more
    reading.is_lower_bound = reading.reason.as_deref() == Some("an outage is not over yet");
    reading
}

fn uptime(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    from_outages(query, blank, |o| Some(1.0 - o.down_s / o.exposure_s), "no time of the window was observed")
}

fn mtbf(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    from_outages(query, blank, |o| (o.count > 0).then(|| (o.exposure_s - o.down_s) / o.count as f64), "no outage in the window")
}
