//! Attrition and cross-training. Groups under five are withheld: a rate of few people is about those people.

use std::collections::BTreeMap;

use super::{none, records, share};
use crate::{
    domain::{
        Time,
        record::{Body, People},
        value::{Reading, Scope, Status},
    },
    kpi::{Query, cost::whole_months},
};

/// Smallest group that people KPIs are shown for.
const LEAST: f64 = 5.0;

/// People who can work in an area for it not to hang on one.
const CAPABLE: f64 = 2.0;

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "attrition_rate.period" | "attrition_rate" => attrition("attrition_rate.period", query, false, 1.0),
        "attrition_rate.annualised" => attrition("attrition_rate.annualised", query, false, periods_per_year(query)),
        "attrition_rate.voluntary_period" => attrition("attrition_rate.voluntary_period", query, true, 1.0),
        "cross_training" => cross_training(query),
        _ => return None,
    })
}

fn people<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a People, Option<Time>)> {
    records(query).filter_map(|(r, at)| match &r.body {
        Body::People(p) => Some((p, at)),
        _ => None,
    })
}

/// Leavers over the mean of all head counts of the window, its first and last instant included.
fn attrition(metric: &'static str, query: &Query<'_>, voluntary: bool, times: f64) -> Reading {
    let mut counts: BTreeMap<Option<Time>, f64> = BTreeMap::new();
    let mut left = 0.0;
    // Who moves to another team has left this one, not the organisation.
    let in_team = matches!(query.scope, Scope::Team(_));
    for (p, at) in people(query) {
        match p.event.as_str() {
            "leave" if !voluntary || p.voluntary == Some(true) => left += 1.0,
            "transfer" if in_team && !voluntary => left += 1.0,
            _ => {}
        }
        if let Some(n) = p.headcount {
            *counts.entry(at).or_default() += n;
        }
    }
    if counts.is_empty() {
        return none(metric, query, "ratio", Status::NoData, "no head count in this window");
    }
    let mean = counts.values().sum::<f64>() / counts.len() as f64;
    if mean < LEAST {
        return none(metric, query, "ratio", Status::Insufficient, "withheld: fewer than five people");
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

/// Areas that at least two people can work in, over all areas.
fn cross_training(query: &Query<'_>) -> Reading {
    let mut areas: BTreeMap<&str, (Option<Time>, f64)> = BTreeMap::new();
    for (p, at) in people(query) {
        if let (Some(area), Some(capable)) = (p.area.as_deref(), p.capable)
            && areas.get(area).is_none_or(|(seen, _)| *seen <= at)
        {
            areas.insert(area, (at, capable));
        }
    }
    let named =
        |keep: fn(f64) -> bool| -> Vec<String> { areas.iter().filter(|(_, (_, n))| keep(*n)).map(|(a, _)| (*a).to_owned()).collect() };
    let enough = named(|n| n >= CAPABLE).len() as f64;
    let reading = share("cross_training", query, enough, areas.len() as f64, "no area of knowledge is recorded");
    reading.with("single_points", named(|n| n > 0.0 && n < CAPABLE)).with("uncovered", named(|n| n <= 0.0))
}
