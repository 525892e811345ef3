//! Customers, money, people and work: the KPIs of a leadership meeting.
//!
//! From records of kinds with few rows. Sums over sums, one currency per value; what concerns people is withheld for
//! groups under five.

mod money;
mod people;
mod work;

use super::{Query, scope::Whose};
use crate::domain::{
    Time,
    record::{Body, Record},
    value::{Reading, Status},
};

/// Compute one metric of the business; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "retention_rate" => retention(query),
        "churn_rate" => churn(query),
        "nps" => nps(query),
        "feature_adoption" => adoption(query),
        _ => return money::evaluate(metric, query).or_else(|| people::evaluate(metric, query)).or_else(|| work::evaluate(metric, query)),
    })
}

/// The scope's records of the window (those without a time are always in it), with their time.
fn records<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a Record, Option<Time>)> {
    let whose = Whose::of(query);
    let (window, as_of) = (query.window, query.settings.as_of);
    query.facts.records.iter().map(|r| (&**r, r.event_time())).filter(move |(r, at)| {
        // A period's figures may be stamped with its first instant or with the first after it.
        let inside = at.is_none_or(|t| t <= as_of && (window.contains(t) || t == window.to));
        !r.deleted && inside && whose.record(r)
    })
}

fn none(metric: &'static str, query: &Query<'_>, unit: &str, status: Status, why: &str) -> Reading {
    Reading::none(metric, query.scope.clone(), unit, status, why)
}

/// A share of counts; larger than the whole, or less than nothing, is refused.
fn share(metric: &'static str, query: &Query<'_>, part: f64, whole: f64, empty: &str) -> Reading {
    if whole.is_nan() || whole <= 0.0 {
        return none(metric, query, "ratio", Status::NoData, empty);
    }
    if !(0.0..=whole).contains(&part) {
        return none(metric, query, "ratio", Status::Error, &format!("{part} of {whole}: the figures do not fit together"));
    }
    Reading::ok(metric, query.scope.clone(), "ratio", part / whole, count(whole))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are not negative and far below 2^53")]
fn count(n: f64) -> u64 {
    n.max(0.0).round() as u64
}

/// Customers of the window's periods: at the start, kept of those, lost of those. What was won in a period is not kept.
fn customers(query: &Query<'_>) -> (f64, f64, f64) {
    records(query).fold((0.0, 0.0, 0.0), |sum, (r, _)| match &r.body {
        Body::Customers(c) => (sum.0 + c.start, sum.1 + c.end - c.new, sum.2 + c.lost.unwrap_or(c.start - (c.end - c.new))),
        _ => sum,
    })
}

const NO_CUSTOMERS: &str = "no customers at the start of any period";

fn retention(query: &Query<'_>) -> Reading {
    let (start, kept, _) = customers(query);
    share("retention_rate", query, kept, start, NO_CUSTOMERS)
}

fn churn(query: &Query<'_>) -> Reading {
    let (start, _, lost) = customers(query);
    share("churn_rate", query, lost, start, NO_CUSTOMERS)
}

/// Promoters less detractors per hundred answers, with its 95 % margin.
fn nps(query: &Query<'_>) -> Reading {
    let (up, mid, down) = records(query).fold((0.0, 0.0, 0.0), |sum, (r, _)| match &r.body {
        Body::Survey(s) => (sum.0 + s.promoters, sum.1 + s.passives, sum.2 + s.detractors),
        _ => sum,
    });
    let n = up + mid + down;
    if n <= 0.0 {
        return none("nps", query, "points", Status::NoData, "no answers in this window");
    }
    let mean = (up - down) / n;
    let half = crate::analysis::significance::half_width95((((up + down) / n - mean * mean) / n).max(0.0).sqrt());
    let mut reading = Reading::ok("nps", query.scope.clone(), "points", 100.0 * mean, count(n));
    (reading.lower, reading.upper) = (Some(100.0 * (mean - half).max(-1.0)), Some(100.0 * (mean + half).min(1.0)));
    reading
}

/// Eligible users who used a feature, over eligible ones; over several features sum over sum.
fn adoption(query: &Query<'_>) -> Reading {
    let (users, eligible) = records(query).fold((0.0, 0.0), |sum, (r, _)| match &r.body {
        Body::FeatureUsage(f) => (sum.0 + f.users, sum.1 + f.eligible),
        _ => sum,
    });
    share("feature_adoption", query, users, eligible, "nobody was eligible in this window")
}
