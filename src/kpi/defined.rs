//! KPIs that the config defines: one formula per way of folding, on what the engine read of each record.
//!
//! The points of a definition are event facts (`Facts::defined`): owned, timed, with dimensions. Live series are folded from their buckets.

use std::collections::BTreeSet;

use super::{
    Query,
    cohort::{Member, Members, seen_window, while_in_progress},
    fact::{Bucket, Histogram, Places},
    scope::Whose,
};
use crate::{
    analysis::{histogram, interval::wilson95, quantile},
    domain::{
        defined::{Definition, Fold, Over, Part},
        value::{Reading, Status},
    },
};

/// Compute a metric of the config; `None` when it defines none of this id.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let definition = find(metric, query)?;
    Some(match &definition.over {
        Over::Records(_) => of_records(definition, query),
        Over::Sample(series) => of_series(definition, series, query),
    })
}

/// The definition of a metric, if the config has one.
#[must_use]
pub fn find<'a>(metric: &str, query: &Query<'a>) -> Option<&'a Definition> {
    query.settings.catalogue.definition(metric)
}

/// The values a mean or a quantile is made of.
#[must_use]
pub fn values(id: &str, query: &Query<'_>) -> Vec<f64> {
    members(id, query).iter().filter_map(|m| first(&m)).collect()
}

/// The scope's points of the window.
pub(super) fn members<'a>(id: &str, query: &Query<'a>) -> Members<'a> {
    let tracks = query.facts.defined.get(id).map_or(&[][..], Vec::as_slice);
    Members::of_tracks(query, tracks, Places::unknown(seen_window(query)))
}

fn first(member: &Member<'_>) -> Option<f64> {
    member.event.values().first().copied()
}

fn unit(definition: &Definition, query: &Query<'_>) -> String {
    definition.metric.unit.word(&query.settings.currency)
}

fn none(definition: &Definition, query: &Query<'_>, status: Status, why: &str) -> Reading {
    Reading::none(definition.metric.id, query.scope.clone(), unit(definition, query), status, why)
}

fn of_records(definition: &Definition, query: &Query<'_>) -> Reading {
    let id = definition.metric.id;
    let members = members(id, query);
    // Nothing counted is a real 0 where records of the kind are known at all.
    let counts = matches!(definition.fold, Fold::Count | Fold::Distinct | Fold::Sum);
    if members.is_empty() && !(counts && query.facts.defined.contains_key(id)) {
        return none(definition, query, Status::NoData, "no record matches in this window");
    }
    let ok = |value: f64| {
        let mut reading = Reading::ok(id, query.scope.clone(), unit(definition, query), value, members.iter().count() as u64);
        reading.measured_at = members.iter().map(|m| m.event.at()).max();
        reading
    };
    let sum = |which: usize| members.iter().fold(0.0, |sum, m| sum + m.weight * m.event.values().get(which).copied().unwrap_or(0.0));
    match definition.fold {
        Fold::Ratio => {
            let (top, bottom) = (sum(0), sum(1));
            if bottom <= 0.0 {
                return none(definition, query, Status::NoData, "the denominator is 0 in this window");
            }
            let mut reading = ok(top / bottom).with("part", top).with("whole", bottom);
            if is_share(definition) {
                (reading.lower, reading.upper) = wilson95(top, bottom).unzip();
                reading = reading.with("denominator", bottom);
            }
            while_in_progress(reading, query)
        }
        Fold::Mean => {
            let (sum, n) = members.iter().fold((0.0, 0.0), |(sum, n), m| (sum + m.weight * first(&m).unwrap_or(0.0), n + m.weight));
            while_in_progress(ok(sum / n), query)
        }
        Fold::Quantile(q) => {
            let values: Vec<f64> = members.iter().filter_map(|m| first(&m)).collect();
            match quantile::type7(&values, q) {
                Some(value) => while_in_progress(ok(value), query),
                None => none(definition, query, Status::NoData, "no value in this window"),
            }
        }
        Fold::Sum => while_in_progress(ok(sum(0)), query),
        Fold::Count => while_in_progress(ok(members.iter().map(|m| m.weight).sum()), query),
        Fold::Distinct => {
            let different: BTreeSet<u64> = members.iter().map(|m| m.event.group()).collect();
            while_in_progress(ok(different.len() as f64), query)
        }
    }
}

/// `k` of `n` records.
#[must_use]
pub fn is_share(definition: &Definition) -> bool {
    definition.fold == Fold::Ratio && matches!((&definition.top, &definition.bottom), (Part::Matching(_), Part::Each | Part::Matching(_)))
}

/// The name under which a series stands where its labels are kept, apart from the same series without.
#[must_use]
pub fn labelled(series: &str) -> String {
    format!("by label: {series}")
}

/// Buckets of a series that begin in the window, with the scope's share of each.
fn buckets<'a>(definition: &'a Definition, series: &'a str, query: &Query<'a>) -> impl Iterator<Item = (&'a Bucket, f64)> {
    let whose = Whose::of(query);
    let (window, as_of) = (query.window, query.settings.as_of);
    let all = query.facts.live(series, window).iter();
    let mine = all.filter(move |b| *b.metric == *series && window.contains(b.span.from) && b.span.from < as_of);
    mine.filter(|b| b.a.is_finite() && definition.takes(&b.service, &b.labels)).map(move |b| (b, whose.bucket(b))).filter(|(_, s)| *s > 0.0)
}

fn of_series(definition: &Definition, series: &str, query: &Query<'_>) -> Reading {
    let name = |series: &str| if definition.filter.is_empty() { series.to_owned() } else { labelled(series) };
    let series = &*name(series);
    let total = |name: &str| buckets(definition, name, query).fold((0.0, 0_u64), |sum, (b, share)| (sum.0 + b.a * share, sum.1 + b.n));
    let (sum, n) = total(series);
    if n == 0 {
        return none(definition, query, Status::NoData, "nothing was measured in this window");
    }
    let newest = buckets(definition, series, query).map(|(b, _)| b.span.to).max();
    let ok = |value: f64| {
        let mut reading = Reading::ok(definition.metric.id, query.scope.clone(), unit(definition, query), value, n);
        reading.measured_at = newest.map(|t| t.min(query.window.to).min(query.settings.as_of));
        reading
    };
    match definition.fold {
        Fold::Ratio => {
            let of = |part: &Part| if let Part::Sample(other) = part { total(&name(other)).0 } else { sum };
            let (top, bottom) = (of(&definition.top), of(&definition.bottom));
            if bottom <= 0.0 {
                return none(definition, query, Status::NoData, "the denominator is 0 in this window");
            }
            ok(top / bottom).with("part", top).with("whole", bottom)
        }
        Fold::Mean => {
            let weight: f64 = buckets(definition, series, query).map(|(b, share)| b.n as f64 * share).sum();
            ok(sum / weight)
        }
        Fold::Sum => ok(sum),
        Fold::Count => ok(n as f64),
        Fold::Quantile(q) => {
            let mut merged = Histogram::default();
            for (bucket, share) in buckets(definition, series, query) {
                match &bucket.hist {
                    Some(hist) if merged.add(hist, share) => {}
                    Some(_) => return none(definition, query, Status::Error, "histograms with different bounds cannot be merged"),
                    None => return none(definition, query, Status::Error, "the series has no histogram: a quantile of means is none"),
                }
            }
            match histogram::quantile(&merged.bounds, &merged.counts, q) {
                Some(found) => Reading { is_lower_bound: found.is_lower_bound, ..ok(found.value) },
                None => none(definition, query, Status::NoData, "nothing was measured in this window"),
            }
        }
        Fold::Distinct => none(definition, query, Status::Error, "a live series has no different values to count"),
    }
}
