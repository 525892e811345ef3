//! Head count, attrition and cross-training. Groups under five are withheld, in every reading: a figure of few people is
//! about those people.

use std::collections::BTreeMap;

use super::{Suppressed, none, records, share};
use crate::{
    domain::{
        Time,
        record::{Body, People, Record},
        value::{Datum, Reading, Scope, Status},
    },
    kpi::{Query, cost::whole_months, scope::Whose},
};

/// Smallest group that people KPIs are shown for.
pub(super) const LEAST_PEOPLE: f64 = 5.0;

/// People who can work in an area for it not to hang on one.
const CAPABLE: f64 = 2.0;

const WITHHELD: &str = "withheld: fewer than five people";
const GIVES_AWAY: &str = "withheld: it would give away a group of fewer than five";

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "headcount" => headcount(query),
        "attrition_rate.period" | "attrition_rate" => attrition("attrition_rate.period", query, false, 1.0),
        "attrition_rate.annualised" => attrition("attrition_rate.annualised", query, false, periods_per_year(query)),
        "attrition_rate.voluntary_period" => attrition("attrition_rate.voluntary_period", query, true, 1.0),
        "cross_training" => cross_training(query),
        _ => return None,
    })
}

fn people<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a People, &'a Record, Option<Time>)> {
    records(query).filter_map(|(r, at)| match &r.body {
        Body::People(p) => Some((p, r, at)),
        _ => None,
    })
}

/// Who is counted together: a source counts a team's people of one role.
type Group<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// The group a head count is of.
pub(super) fn counted_together<'a>(p: &'a People, r: &'a Record) -> Group<'a> {
    (r.source.as_str(), r.team.as_deref(), r.service.as_deref(), p.role.as_deref())
}

/// Why a figure of a scope is not told, whose size is `n`: it is of few people, or gives away one that is.
fn withheld(query: &Query<'_>, n: f64, since: Time) -> Option<&'static str> {
    if n < LEAST_PEOPLE {
        return Some(WITHHELD);
    }
    Suppressed::concerns(query, since).then_some(GIVES_AWAY)
}

/// The present of a query.
fn now(query: &Query<'_>) -> Time {
    query.window.to.min(query.settings.as_of)
}

/// The scope's whole head count whenever any of it was counted anew, in order of time: each group stays at its last count.
fn counts(query: &Query<'_>) -> Vec<(Option<Time>, f64)> {
    let mut snapshots: Vec<(Option<Time>, Group<'_>, f64)> = people(query)
        .filter_map(|(p, r, at)| Some((at, counted_together(p, r), p.headcount.filter(|n| n.is_finite() && *n >= 0.0)?)))
        .collect();
    snapshots.sort_by_key(|(at, ..)| *at);
    let mut now: BTreeMap<Group<'_>, f64> = BTreeMap::new();
    let mut out: Vec<(Option<Time>, f64)> = Vec::new();
    for (at, group, n) in snapshots {
        now.insert(group, n);
        let sum = now.values().sum();
        match out.last_mut().filter(|(last, _)| *last == at) {
            Some((_, count)) => *count = sum,
            None => out.push((at, sum)),
        }
    }
    out
}

fn headcount(query: &Query<'_>) -> Reading {
    const ID: &str = "headcount";
    match counts(query).last() {
        None => none(ID, query, "people", Status::NoData, "no head count yet"),
        Some((at, n)) => {
            if let Some(why) = withheld(query, *n, now(query)) {
                return none(ID, query, "people", Status::Insufficient, why);
            }
            let mut reading = Reading::ok(ID, query.scope.clone(), "people", *n, super::count(*n));
            reading.measured_at = *at;
            reading
        }
    }
}

/// Leavers over the mean of the head counts of the window: the one it opens with and every later one up to its end.
fn attrition(metric: &'static str, query: &Query<'_>, voluntary: bool, times: f64) -> Reading {
    let all = counts(query);
    let from = query.window.from;
    let opening = all.iter().rfind(|(at, _)| at.is_none_or(|t| t <= from));
    let later = all.iter().filter(|(at, _)| at.is_some_and(|t| t > from));
    let counts: Vec<f64> = opening.into_iter().chain(later).map(|(_, n)| *n).collect();
    if counts.is_empty() {
        return none(metric, query, "ratio", Status::NoData, "no head count in this window");
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    if let Some(why) = withheld(query, mean, from) {
        return none(metric, query, "ratio", Status::Insufficient, why);
    }
    // Who moves to another team has left this one, not the organisation nor a family of teams that holds both.
    let in_team = matches!(query.scope, Scope::Team(_));
    let whose = Whose::of(query);
    let mut left = 0.0;
    for (p, _, at) in people(query) {
        if at.is_some_and(|t| !query.window.contains(t)) {
            continue;
        }
        match p.event.as_str() {
            "leave" if !voluntary || p.voluntary == Some(true) => left += 1.0,
            "transfer" if in_team && !voluntary && !p.to_team.as_deref().is_some_and(|to| whose.is_mine(to)) => left += 1.0,
            _ => {}
        }
    }
    let reading = share(metric, query, left, mean, "nobody");
    Reading { value: reading.number().map(|v| (v * times).into()), ..reading }
}

/// How often the window fits into a year: by calendar months when it is whole ones.
fn periods_per_year(query: &Query<'_>) -> f64 {
    let months = whole_months(query.window, query.settings.zone);
    let covers = months.first().is_some_and(|m| m.from == query.window.from) && months.last().is_some_and(|m| m.to == query.window.to);
    if covers { 12.0 / months.len() as f64 } else { 365.25 * 86_400.0 / query.window.seconds() }
}

/// Areas that at least two people can work in, over all areas. Of a part of the organisation only when it is known to have
/// five people or more: an area with one person names them.
fn cross_training(query: &Query<'_>) -> Reading {
    const ID: &str = "cross_training";
    match counts(query).last() {
        Some((_, n)) => {
            if let Some(why) = withheld(query, *n, now(query)) {
                return none(ID, query, "ratio", Status::Insufficient, why);
            }
        }
        None if *query.scope != Scope::Org && people(query).next().is_some() => {
            return none(ID, query, "ratio", Status::Insufficient, "withheld: no head count says that these are five people or more");
        }
        None => {}
    }
    let mut areas: BTreeMap<&str, (Option<Time>, f64)> = BTreeMap::new();
    for (p, _, at) in people(query) {
        if let (Some(area), Some(capable)) = (p.area.as_deref(), p.capable.filter(|n| n.is_finite()))
            && areas.get(area).is_none_or(|(seen, _)| *seen <= at)
        {
            areas.insert(area, (at, capable));
        }
    }
    let named =
        |keep: fn(f64) -> bool| -> Vec<String> { areas.iter().filter(|(_, (_, n))| keep(*n)).map(|(a, _)| (*a).to_owned()).collect() };
    let enough = named(|n| n >= CAPABLE).len() as f64;
    let mut reading = share(ID, query, enough, areas.len() as f64, "no area of knowledge is recorded");
    reading.measured_at = areas.values().filter_map(|(at, _)| *at).max();
    let bus_factor = areas.iter().map(|(area, (_, n))| ((*area).to_owned(), Datum::from(*n))).collect();
    reading
        .with("single_points", named(|n| n > 0.0 && n < CAPABLE))
        .with("uncovered", named(|n| n <= 0.0))
        .with("bus_factor", Datum::Map(bus_factor))
}
