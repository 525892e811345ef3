//! Customers, money, people and work: the KPIs of a leadership meeting.
//!
//! From records of kinds with few rows. Sums over sums, one currency per value; what concerns people is withheld for
//! groups under five, and for those that would give them away.

mod customers;
mod money;
mod people;
mod suppressed;
mod work;

use people::LEAST_PEOPLE;
pub use suppressed::Suppressed;

use chrono::Duration;

use super::{Query, scope::Whose};
use crate::domain::{
    Time,
    record::{Body, Record},
    value::{Reading, Status},
};

/// Figures come monthly or quarterly: a window without any is answered by the latest report of this many days.
const STANDS_IN_DAYS: i64 = 92;

/// Compute one metric of the business; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    customers::evaluate(metric, query)
        .or_else(|| money::evaluate(metric, query))
        .or_else(|| people::evaluate(metric, query))
        .or_else(|| work::evaluate(metric, query))
}

/// The scope's records up to the evaluation instant, with their time.
fn records<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a Record, Option<Time>)> {
    let whose = Whose::of(query);
    let until = query.window.to.min(query.settings.as_of);
    let known = move |at: &Option<Time>| at.is_none_or(|t| t <= until);
    query.facts.records.iter().map(|r| (&**r, r.event_time())).filter(move |(r, at)| !r.deleted && known(at) && whose.record(r))
}

/// Figures of periods, and when they were reported.
struct Figures<'a, T> {
    all: Vec<(&'a T, &'a Record, Option<Time>)>,
    /// The window holds no report: this is the latest before it.
    from_before: Option<Time>,
}

impl<'a, T> Figures<'a, T> {
    /// Those a window speaks of. A figure is of the period that ends at its time, so a window holds `(from, to]`; one that
    /// is stamped with the first instant instead is taken when there is no other, and else the latest report before.
    fn of(query: &Query<'a>, pick: impl Fn(&'a Body) -> Option<&'a T>) -> Self {
        let known: Vec<_> = records(query).filter_map(|(r, at)| Some((pick(&r.body)?, r, at))).collect();
        let within = |keep: &dyn Fn(Time) -> bool| -> Vec<_> { known.iter().copied().filter(|(.., at)| at.is_none_or(keep)).collect() };
        let (from, to) = (query.window.from, query.window.to);
        for keep in [&(|t| from < t && t <= to) as &dyn Fn(Time) -> bool, &(|t| t == from)] {
            let all = within(keep);
            if !all.is_empty() {
                return Self { all, from_before: None };
            }
        }
        let earliest = from - Duration::days(STANDS_IN_DAYS);
        let latest = known.iter().filter_map(|(.., at)| *at).filter(|t| (earliest..from).contains(t)).max();
        Self { all: latest.map_or_else(Vec::new, |latest| within(&|t| t == latest)), from_before: latest }
    }

    /// The latest of several reports about the same thing: counts of users do not add up over time.
    fn latest_by<K: Ord>(&self, thing: impl Fn(&'a T, &'a Record) -> K) -> Vec<&'a T> {
        let mut latest: std::collections::BTreeMap<K, (Option<Time>, &'a T)> = std::collections::BTreeMap::new();
        for (figure, record, at) in &self.all {
            let seen = latest.entry(thing(figure, record)).or_insert((*at, figure));
            if seen.0 <= *at {
                *seen = (*at, figure);
            }
        }
        latest.into_values().map(|(_, figure)| figure).collect()
    }

    /// A reading made of them, with its age; provisional when it is of a period before the window.
    fn date(&self, reading: Reading, query: &Query<'_>) -> Reading {
        let mut reading = reading;
        if reading.value.is_some() {
            reading.measured_at = self.all.iter().filter_map(|(.., at)| *at).max();
        }
        if let (Some(at), Status::Ok) = (self.from_before, reading.status) {
            let day = at.with_timezone(&query.settings.zone).date_naive();
            reading.status = Status::Provisional;
            reading.reason = Some(format!("nothing reported in this window; these are the figures of {day}"));
        }
        reading
    }
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
