//! How fast: from the first commit (or the opening) of a change to production, by the deployments of the window.

use std::collections::BTreeMap;

use crate::{
    analysis::quantile,
    domain::{
        value::{Datum, Reading},
        window::millis,
    },
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Members, Observed, Tally, ids, members, seen_window, while_in_progress},
        fact::{Measure, flag},
    },
    ledger::LEAD_STAGES,
};

/// Reasons a change has no lead time, by flag.
const LEFT_OUT: &[(u16, &str)] = &[(flag::FIRST, "first_deployment"), (flag::NEGATIVE, "negative"), (flag::NO_START, "no_start")];

/// Oddities of lead times that stand, by flag.
const ANOMALIES: &[(u16, &str)] = &[(flag::BEFORE_MERGE, "deployed_before_merge"), (flag::NEGATIVE_STAGE, "negative_stage")];

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let formula: fn(&Query<'_>, Blank<'_>) -> Reading = match metric {
        "lead_time.median" => |q, b| of_values(q, b, quantile::median),
        "lead_time.p90" => |q, b| of_values(q, b, |v| quantile::type7(v, 0.9)),
        "lead_time.mean" => mean,
        "lead_time.stage_mean" => stage_mean,
        "lead_time.stage_unreviewed" => unreviewed,
        "lead_time.excluded" => excluded,
        "lead_time.anomalies" => anomalies,
        "lead_time.pending" => pending,
        _ => return None,
    };
    Some(formula(query, Blank::of(metric, query)?))
}

/// Is it a human's, unless bots are to count?
fn by_whom(query: &Query<'_>) -> impl Fn(u16) -> bool + Copy + use<> {
    let left_out = if query.settings.include_bots { 0 } else { flag::BOT };
    move |flags| flags & left_out == 0
}

/// Has it a lead time?
fn is_timed(flags: u16) -> bool {
    flags & flag::UNTIMED == 0
}

/// Visit what the headline is made of: changes, or commits where the settings say so, each with its lead time.
pub(in crate::kpi) fn lead_times<'a>(query: &Query<'a>, mut visit: impl FnMut(&Member<'a>, f64)) {
    members(query, unit_of_work(query).0).those(by_whom(query)).for_each(|m| {
        if let Some(value) = m.event.values().first() {
            visit(&m, *value);
        }
    });
}

fn unit_of_work(query: &Query<'_>) -> (Measure, &'static str) {
    if query.settings.per_commit { (Measure::CommitLeadTime, "commit") } else { (Measure::LeadTime, "change") }
}

fn none(blank: Blank<'_>) -> Reading {
    blank.no_data("no change with a known start reached production in the window")
}

/// A reading over lead times, with what was left out beside it.
fn reading(query: &Query<'_>, blank: Blank<'_>, value: impl Into<Datum>, of: &Tally) -> Reading {
    let odd = |flags: &'static [(u16, &str)]| {
        if !query.facts.events.are_keyed() {
            return Datum::List(Vec::new()); // without looking for whom nobody could name
        }
        ids(query, members(query, Measure::LeadTime).iter().filter(|m| flags.iter().any(|(bit, _)| m.has(*bit))))
    };
    while_in_progress(blank.value(value, of).with("excluded", odd(LEFT_OUT)).with("anomalies", odd(ANOMALIES)), query)
}

fn of_values(query: &Query<'_>, blank: Blank<'_>, quantile: fn(&[f64]) -> Option<f64>) -> Reading {
    let (measure, unit) = unit_of_work(query);
    let (values, tally) = members(query, measure).first_values(by_whom(query));
    let Some(value) = quantile(&values) else { return none(blank).with("unit_of_work", unit) };
    let mut reading = reading(query, blank, value, &tally).with("unit_of_work", unit);
    reading.rating = Some(bands::duration(value).1.into());
    reading
}

/// Means of the first `N` values, weighted by the scope's share, so that stages, teams and the whole add up.
fn weighted_means<const N: usize>(query: &Query<'_>, measure: Measure) -> Option<([f64; N], Tally)> {
    let (sums, tally) = members(query, measure).sums::<N>(by_whom(query));
    (tally.weight > 0.0).then(|| (sums.map(|sum| sum / tally.weight), tally))
}

fn mean(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let (measure, unit) = unit_of_work(query);
    match weighted_means::<1>(query, measure) {
        None => none(blank).with("unit_of_work", unit),
        Some(([mean], tally)) => reading(query, blank, mean, &tally).with("unit_of_work", unit),
    }
}

fn stage_mean(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let Some((means, tally)) = weighted_means::<{ LEAD_STAGES.len() }>(query, Measure::LeadStages) else { return none(blank) };
    let stages = LEAD_STAGES.iter().zip(means).map(|(stage, mean)| ((*stage).to_owned(), mean.into())).collect();
    while_in_progress(blank.value(Datum::Map(stages), &tally), query)
}

fn unreviewed(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let (all, by_whom) = (members(query, Measure::LeadTime), by_whom(query));
    let is_measured = move |flags: u16| by_whom(flags) && is_timed(flags);
    let is_unreviewed = |flags: u16| flags & flag::UNREVIEWED != 0;
    let (tally, count) = all.share(is_measured, is_unreviewed);
    if tally.n == 0 {
        return none(blank);
    }
    let unreviewed = all.those(move |flags| is_measured(flags) && is_unreviewed(flags));
    while_in_progress(blank.value(count, &tally).with("members", ids(query, unreviewed)), query)
}

/// Counts by reason; a reason nobody has is not listed.
fn counted_by(query: &Query<'_>, blank: Blank<'_>, flags: &[(u16, &str)]) -> Reading {
    let all = members(query, Measure::LeadTime);
    if all.is_empty() {
        return blank.no_data("no change reached production in the window");
    }
    let mut counts: BTreeMap<String, Datum> = BTreeMap::new();
    for (bit, reason) in flags {
        let count = all.tally(|flags| flags & bit != 0).weight;
        if count > 0.0 {
            counts.insert((*reason).to_owned(), count.into());
        }
    }
    let bits = flags.iter().fold(0, |bits, (bit, _)| bits | bit);
    let is_odd = |flags: u16| flags & bits != 0;
    while_in_progress(blank.value(Datum::Map(counts), &all.tally(is_odd)).with("members", ids(query, all.those(is_odd))), query)
}

fn excluded(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let mut reading = counted_by(query, blank, LEFT_OUT);
    let bots = if query.settings.include_bots { 0.0 } else { weight_of(query, flag::BOT) };
    if let Some(Datum::Map(counts)) = reading.value.as_mut()
        && bots > 0.0
    {
        counts.insert("bot".into(), bots.into());
    }
    reading
}

/// The scope's share of changes with a value and this flag.
fn weight_of(query: &Query<'_>, bit: u16) -> f64 {
    members(query, Measure::LeadTime).tally(|flags| flags & bit != 0 && is_timed(flags)).weight
}

fn anomalies(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    counted_by(query, blank, ANOMALIES)
}

/// Merged before the end and not in production; however long ago it was merged.
fn pending(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let end = seen_window(query).to;
    let merged = Members::before(query, Measure::Pending, end);
    let waiting = merged.iter().filter(|m| query.settings.include_bots || !m.has(flag::BOT));
    let tally: Tally = waiting.clone().collect();
    let known = tally.n > 0 || !query.facts.events.of(Measure::LeadTime).is_empty();
    if !known && !Observed::of(query, "change", Measure::LeadTime).alive {
        return blank.no_data("no source that reports changes was seen in the window");
    }
    let oldest = waiting.clone().map(|m| m.event.at_ms()).min().map(|at| (millis(end) - at) as f64 / 1000.0);
    let reading = blank.value(tally.weight, &tally).with("members", ids(query, waiting));
    match oldest {
        Some(age) => reading.with("oldest_s", age),
        None => reading,
    }
}
