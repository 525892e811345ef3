//! How fast: from the first commit (or the opening) of a change to production, by the deployments of the window.

use std::collections::BTreeMap;

use crate::{
    analysis::quantile,
    domain::value::{Datum, Reading},
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Observed, ids, members, owned, seen_window, while_in_progress},
        fact::{Measure, flag},
    },
    ledger::{LEAD_STAGES, course::seconds},
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

/// Members with a value: humans only unless bots are to count.
fn measured<'a>(query: &Query<'a>, measure: Measure) -> Vec<Member<'a>> {
    let mut members = members(query, measure);
    members.retain(|m| !m.event.values.is_empty() && (query.settings.include_bots || !m.has(flag::BOT)));
    members
}

/// What the headline is made of: changes, or commits where the settings say so, each with a value.
pub(in crate::kpi) fn lead_times<'a>(query: &Query<'a>) -> impl Iterator<Item = Member<'a>> {
    unit_of_work(query).0.into_iter()
}

fn unit_of_work<'a>(query: &Query<'a>) -> (Vec<Member<'a>>, &'static str) {
    if query.settings.per_commit {
        (measured(query, Measure::CommitLeadTime), "commit")
    } else {
        (measured(query, Measure::LeadTime), "change")
    }
}

fn none(blank: Blank<'_>) -> Reading {
    blank.no_data("no change with a known start reached production in the window")
}

/// A reading over lead times, with what was left out beside it.
fn reading(query: &Query<'_>, blank: Blank<'_>, value: impl Into<Datum>, members: &[Member<'_>]) -> Reading {
    let reading = blank.value(value, members);
    let all = self::members(query, Measure::LeadTime);
    let odd = |flags: &'static [(u16, &str)]| ids(all.iter().copied().filter(move |m| flags.iter().any(|(bit, _)| m.has(*bit))));
    while_in_progress(reading.with("excluded", odd(LEFT_OUT)).with("anomalies", odd(ANOMALIES)), query)
}

fn of_values(query: &Query<'_>, blank: Blank<'_>, quantile: fn(&mut [f64]) -> Option<f64>) -> Reading {
    let (members, unit) = unit_of_work(query);
    let mut values: Vec<f64> = members.iter().map(|m| m.event.values[0]).collect();
    let Some(value) = quantile(&mut values) else { return none(blank).with("unit_of_work", unit) };
    let mut reading = reading(query, blank, value, &members).with("unit_of_work", unit);
    reading.rating = Some(bands::duration(value).1.into());
    reading
}

/// Weighted by the scope's share, so that stages, teams and the whole add up.
fn weighted_mean(members: &[Member<'_>], value: impl Fn(&Member<'_>) -> f64) -> Option<f64> {
    let weight: f64 = members.iter().map(|m| m.weight).sum();
    (weight > 0.0).then(|| members.iter().map(|m| m.weight * value(m)).sum::<f64>() / weight)
}

fn mean(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let (members, unit) = unit_of_work(query);
    match weighted_mean(&members, |m| m.event.values[0]) {
        None => none(blank).with("unit_of_work", unit),
        Some(mean) => reading(query, blank, mean, &members).with("unit_of_work", unit),
    }
}

fn stage_mean(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let members = measured(query, Measure::LeadStages);
    let mut stages = BTreeMap::new();
    for (i, stage) in LEAD_STAGES.iter().enumerate() {
        let Some(mean) = weighted_mean(&members, |m| m.event.values.get(i).copied().unwrap_or(0.0)) else { return none(blank) };
        stages.insert((*stage).to_owned(), mean.into());
    }
    while_in_progress(blank.value(Datum::Map(stages), &members), query)
}

fn unreviewed(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let members = measured(query, Measure::LeadTime);
    if members.is_empty() {
        return none(blank);
    }
    let unreviewed = || members.iter().copied().filter(|m| m.has(flag::UNREVIEWED));
    let count: f64 = unreviewed().map(|m| m.weight).sum();
    while_in_progress(blank.value(count, &members).with("members", ids(unreviewed())), query)
}

/// Counts by reason; a reason nobody has is not listed.
fn counted_by(query: &Query<'_>, blank: Blank<'_>, flags: &[(u16, &str)]) -> Reading {
    let all = members(query, Measure::LeadTime);
    if all.is_empty() {
        return blank.no_data("no change reached production in the window");
    }
    let mut counts: BTreeMap<String, Datum> = BTreeMap::new();
    for (bit, reason) in flags {
        let count: f64 = all.iter().filter(|m| m.has(*bit)).map(|m| m.weight).sum();
        if count > 0.0 {
            counts.insert((*reason).to_owned(), count.into());
        }
    }
    let odd: Vec<Member<'_>> = all.into_iter().filter(|m| flags.iter().any(|(bit, _)| m.has(*bit))).collect();
    let members = ids(odd.iter().copied());
    while_in_progress(blank.value(Datum::Map(counts), &odd).with("members", members), query)
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
    members(query, Measure::LeadTime).iter().filter(|m| m.has(bit) && !m.event.values.is_empty()).map(|m| m.weight).sum()
}

fn anomalies(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    counted_by(query, blank, ANOMALIES)
}

/// Merged before the end and not in production; however long ago it was merged.
fn pending(query: &Query<'_>, blank: Blank<'_>) -> Reading {
    let end = seen_window(query).to;
    let all = query.facts.of(Measure::Pending);
    let merged = &all[..all.partition_point(|e| e.at < end)];
    let mut waiting = owned(query, merged);
    waiting.retain(|m| query.settings.include_bots || !m.has(flag::BOT));
    let known = !waiting.is_empty() || !query.facts.of(Measure::LeadTime).is_empty();
    if !known && !Observed::of(query, "change", Measure::LeadTime).alive {
        return blank.no_data("no source that reports changes was seen in the window");
    }
    let count: f64 = waiting.iter().map(|m| m.weight).sum();
    let oldest = waiting.iter().map(|m| m.event.at).min().map(|at| seconds(at, end));
    let reading = blank.value(count, &waiting).with("members", ids(waiting.iter().copied()));
    match oldest {
        Some(age) => reading.with("oldest_s", age),
        None => reading,
    }
}
