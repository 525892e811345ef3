//! What a formula over event facts starts from: the scope's events of the window, and how much of the window was
//! observed at all.

use super::{
    Query,
    fact::{Event, Facts, Measure, flag},
    scope::Whose,
};
use crate::domain::{
    Time, metric,
    record::{Body, Record},
    value::{Datum, Reading, Status},
    window::Window,
};

/// Most ids in a reading's lists.
const MOST_LISTED: usize = 1000;

/// A source polled within this long before the end is taken to have been watching until the end.
const POLL_GAP: chrono::Duration = chrono::Duration::days(1);

/// An event with the scope's share of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub event: &'a Event,
    pub weight: f64,
}

impl Member<'_> {
    pub fn has(&self, bit: u16) -> bool {
        self.event.flags & bit != 0
    }
}

/// The window up to the evaluation instant.
pub(super) fn seen_window(query: &Query<'_>) -> Window {
    Window::new(query.window.from, query.window.to.min(query.settings.as_of))
}

/// The scope's events of the window, in order of time.
pub(super) fn members<'a>(query: &Query<'a>, measure: Measure) -> Vec<Member<'a>> {
    owned(query, query.facts.within(measure, seen_window(query)))
}

/// Those of `events` that the scope has a share of.
pub(super) fn owned<'a>(query: &Query<'a>, events: &'a [Event]) -> Vec<Member<'a>> {
    let whose = Whose::of(query);
    events.iter().map(|event| Member { event, weight: whose.event(event) }).filter(|m| m.weight > 0.0).collect()
}

/// Ids for a reading's list, bounded. A view that lists none loads its facts without keys.
pub(super) fn ids<'a>(members: impl Iterator<Item = Member<'a>>) -> Datum {
    let named = members.filter(|m| !m.event.key.is_empty());
    Datum::List(named.take(MOST_LISTED).map(|m| Datum::Text(m.event.key.to_string())).collect())
}

/// Sum of the scope's shares.
pub(super) fn weight<'a>(members: impl Iterator<Item = Member<'a>>) -> f64 {
    members.fold(0.0, |sum, m| sum + m.weight)
}

/// How much of a window somebody was watching.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observed {
    /// The part of the window that was watched.
    pub span: Window,
    /// Its share of the whole window, 0 to 1.
    pub coverage: f64,
    /// Somebody was watching, so that nothing seen means nothing happened.
    pub alive: bool,
}

impl Observed {
    /// By the sources that can report `kind`, and by what they reported as `measure`.
    pub fn of(query: &Query<'_>, kind: &str, measure: Measure) -> Self {
        let seen = seen_window(query);
        let first = first_event(query.facts, measure, seen);
        let sources: Vec<&Record> = query.facts.records.iter().map(AsRef::as_ref).filter(|r| feeds(r, kind)).collect();
        let known = sources.iter().filter_map(|r| watched(r)).collect::<Vec<_>>();
        let (span, alive) = if known.is_empty() {
            (seen, first.is_some())
        } else {
            let from = known.iter().map(|(from, _)| *from).chain(first).min().unwrap_or(seen.from);
            let to = known.iter().map(|(_, to)| to.unwrap_or(seen.to)).max().unwrap_or(seen.to);
            let to = if to + POLL_GAP >= seen.to { seen.to } else { to };
            let span = seen.intersect(&Window::new(from, to));
            (span, span.seconds() > 0.0)
        };
        let whole = query.window.seconds();
        Self { span, coverage: if whole > 0.0 { span.seconds() / whole } else { 0.0 }, alive: alive && span.seconds() > 0.0 }
    }

    /// Length of the watched part, in days.
    pub fn days(&self) -> f64 {
        self.span.seconds() / 86_400.0
    }
}

fn first_event(facts: &Facts, measure: Measure, window: Window) -> Option<Time> {
    facts.within(measure, window).first().map(|e| e.at)
}

fn feeds(record: &Record, kind: &str) -> bool {
    matches!(&record.body, Body::SourceState(s) if s.feeds.is_empty() || s.feeds.iter().any(|f| f == kind))
}

/// From when a source's history is complete, and until when it was heard of (`None`: not said).
fn watched(record: &Record) -> Option<(Time, Option<Time>)> {
    let Body::SourceState(s) = &record.body else { return None };
    if s.error.is_some() && s.last_success_at.is_none() {
        return None; // never worked
    }
    Some((s.backfilled_from.or(s.connected_at).or(s.last_success_at)?, s.last_success_at))
}

/// The start of a reading: id and unit from the catalogue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blank<'q> {
    row: &'static metric::Metric,
    query: &'q Query<'q>,
}

impl<'q> Blank<'q> {
    /// For an id of the catalogue.
    pub fn of(id: &str, query: &'q Query<'q>) -> Option<Self> {
        Some(Self { row: metric::CATALOGUE.iter().find(|m| m.id == id)?, query })
    }

    fn unit(&self) -> String {
        self.row.unit.word(&self.query.settings.currency)
    }

    /// Nothing to compute from, and why.
    pub fn no_data(&self, why: &str) -> Reading {
        self.without(Status::NoData, why)
    }

    /// No value, with a status.
    pub fn without(&self, status: Status, why: &str) -> Reading {
        Reading::none(self.row.id, self.query.scope.clone(), self.unit(), status, why)
    }

    /// A value from `members`: sample size, age and whether it rests on assumed deployments come from them.
    pub fn value(&self, value: impl Into<Datum>, members: &[Member<'_>]) -> Reading {
        Reading {
            measured_at: members.iter().map(|m| m.event.at).max(),
            assumed: members.iter().any(|m| m.has(flag::ASSUMED)),
            ..Reading::ok(self.row.id, self.query.scope.clone(), self.unit(), value, members.len() as u64)
        }
    }
}

/// Lower a reading's status to provisional, keeping the first reason.
pub(super) fn provisional(mut reading: Reading, why: impl FnOnce() -> String) -> Reading {
    if reading.status == Status::Ok {
        reading.status = Status::Provisional;
        reading.reason = Some(why());
    }
    reading
}

/// Provisional while the window is not over.
pub(super) fn while_in_progress(reading: Reading, query: &Query<'_>) -> Reading {
    if query.settings.as_of < query.window.to { provisional(reading, || "the window is still in progress".into()) } else { reading }
}
