//! What a formula over event facts starts from: the scope's events of the window, and how much of the window was
//! observed at all.

use std::sync::Arc;

use super::{
    Query,
    fact::{EventRef, Measure, Places, Track, flag},
    scope::Whose,
};
use crate::domain::{
    Time, metric,
    record::{Body, Record},
    value::{Datum, Reading, Status},
    window::{Window, from_millis},
};

/// Most ids in a reading's lists.
const MOST_LISTED: usize = 1000;

/// A source polled within this long before the end is taken to have been watching until the end.
const POLL_GAP: chrono::Duration = chrono::Duration::days(1);

/// An event with the scope's share of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub event: EventRef<'a>,
    pub weight: f64,
}

impl Member<'_> {
    pub fn has(&self, bit: u16) -> bool {
        self.event.flags() & bit != 0
    }
}

/// The scope's events of a span: stretches of tracks, each with the scope's share. Costs nothing until visited, and is
/// visited as often as a formula likes; in order of time within a stretch.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    whose: Whose<'a>,
    stretches: Vec<Stretch<'a>>,
}

#[derive(Debug, Clone)]
struct Stretch<'a> {
    track: &'a Track,
    span: std::ops::Range<usize>,
    weight: f64,
}

impl<'a> Members<'a> {
    /// Those whose moment lies in `span`.
    pub fn within(query: &Query<'a>, measure: Measure, span: Window) -> Self {
        Self::of_tracks(query, query.facts.events.of(measure), query.facts.events.places(measure, span))
    }

    /// Those of these tracks that lie at these places.
    pub fn of_tracks(query: &Query<'a>, tracks: &'a [Arc<Track>], places: Places<'_>) -> Self {
        let whose = Whose::of(query);
        let mut stretches = Vec::with_capacity(tracks.len());
        for (at, track) in tracks.iter().enumerate() {
            let weight = whose.track(track);
            if weight > 0.0 {
                let span = places.of(at, track);
                if !span.is_empty() {
                    stretches.push(Stretch { track, span, weight });
                }
            }
        }
        Self { whose, stretches }
    }

    /// Those before an instant, however long.
    pub fn before(query: &Query<'a>, measure: Measure, end: Time) -> Self {
        Self::within(query, measure, Window::new(Time::MIN_UTC, end))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Member<'a>> + Clone {
        self.those(|_| true)
    }

    /// About as many values as `many`: one of each so many facts of a stretch, of those without these flags.
    pub fn sample(&self, many: usize, without: u16, which: usize) -> Vec<f64> {
        let step = (self.most() / many).max(1);
        let mut out = Vec::with_capacity(2 * many.min(self.most()));
        for s in &self.stretches {
            let flags = s.track.flags[s.span.clone()].iter().step_by(step);
            let own = s.track.one_each(s.span.clone()).filter(|_| which == 0);
            if let Some((foreign, own)) = self.whose.foreign().zip(own) {
                let values = own.iter().step_by(step).zip(flags);
                out.extend(values.filter(|(_, flags)| *flags & (without | foreign) == 0).map(|(value, _)| *value));
            } else {
                let events = s.span.clone().step_by(step).map(|i| s.track.event(i)).zip(flags);
                let events = events.filter(|(event, flags)| *flags & without == 0 && self.whose.takes(*event));
                out.extend(events.filter_map(|(event, _)| event.values().get(which)));
            }
        }
        out
    }

    /// Those whose flags pass.
    pub fn those(&self, passes: impl Fn(u16) -> bool + Copy) -> impl Iterator<Item = Member<'a>> + Clone {
        let of = move |s: &Stretch<'a>| {
            let (track, weight) = (s.track, s.weight);
            let facts = s.span.clone().zip(&track.flags[s.span.clone()]).filter(move |(_, flags)| passes(**flags));
            facts.map(move |(i, _)| Member { event: track.event(i), weight })
        };
        self.stretches.iter().flat_map(of).filter(|m| self.whose.takes(m.event))
    }

    /// Track by track, what flags alone say of those that belong and those of them that are hit; `None` when flags do not
    /// decide who is the scope's.
    pub fn by_track(&self, belongs: impl Fn(u16) -> bool, hit: impl Fn(u16) -> bool) -> Option<impl Iterator<Item = OfTrack<'a>>> {
        let foreign = self.whose.foreign()?;
        Some(self.stretches.iter().map(move |s| {
            let flags = &s.track.flags[s.span.clone()];
            let takes = |flags: u16| flags & foreign == 0 && belongs(flags);
            let (mut n, mut hits, mut any) = (0_u32, 0_u32, 0_u16);
            for flags in flags {
                let belongs = takes(*flags);
                n += u32::from(belongs);
                hits += u32::from(belongs && hit(*flags));
                any |= if belongs { *flags } else { 0 };
            }
            let last = flags.iter().rposition(|flags| takes(*flags)).map(|i| s.track.event(s.span.start + i));
            OfTrack { last, weight: s.weight, n, hits, any }
        }))
    }

    /// What is to be said of those whose flags pass.
    pub fn tally(&self, passes: impl Fn(u16) -> bool) -> Tally {
        self.share(passes, |_| false).0
    }

    /// What is to be said of those that belong, and the weight of those of them that are hit: from the column of flags alone,
    /// as most of a board is counted so.
    pub fn share(&self, belongs: impl Fn(u16) -> bool, hit: impl Fn(u16) -> bool) -> (Tally, f64) {
        let (mut tally, mut hits) = (Tally::default(), 0.0);
        let Some(by_track) = self.by_track(&belongs, &hit) else {
            for m in self.iter().filter(|m| belongs(m.event.flags())) {
                tally.add(&m);
                hits += if hit(m.event.flags()) { m.weight } else { 0.0 };
            }
            return (tally, hits);
        };
        for of in by_track {
            tally.add_track(&of);
            hits += f64::from(of.hits) * of.weight;
        }
        (tally, hits)
    }

    /// The first value of each of those whose flags pass, and what is to be said of these; those without a value are passed
    /// over.
    pub fn first_values(&self, passes: impl Fn(u16) -> bool) -> (Vec<f64>, Tally) {
        let (mut values, mut tally) = (Vec::with_capacity(self.most()), Tally::default());
        for s in &self.stretches {
            let Some((foreign, own)) = self.whose.foreign().zip(s.track.one_each(s.span.clone())) else {
                tally.add_track(&self.valued(s, &passes, |of| values.extend(of.first())));
                continue;
            };
            let flags = &s.track.flags[s.span.clone()];
            let takes = |flags: u16| flags & foreign == 0 && passes(flags);
            let before = values.len();
            // To the end, without a way out before it, so that many flags are looked at in one go.
            if flags.iter().fold(true, |all, flags| all & takes(*flags)) {
                values.extend_from_slice(own);
            } else {
                values.extend(own.iter().zip(flags).filter(|(_, flags)| takes(**flags)).map(|(value, _)| *value));
            }
            let any = flags.iter().fold(0, |any, flags| if takes(*flags) { any | flags } else { any });
            let last = flags.iter().rposition(|flags| takes(*flags)).map(|i| s.track.event(s.span.start + i));
            let n = u32::try_from(values.len() - before).unwrap_or(u32::MAX);
            tally.add_track(&OfTrack { last, weight: s.weight, n, hits: 0, any });
        }
        (values, tally)
    }

    /// Sums of the first `N` values of those whose flags pass, times the scope's share, and what is to be said of these; those
    /// without a value are passed over.
    pub fn sums<const N: usize>(&self, passes: impl Fn(u16) -> bool) -> ([f64; N], Tally) {
        let (mut sums, mut tally) = ([0.0; N], Tally::default());
        for s in &self.stretches {
            let mut own = [0.0; N];
            let of = self.valued(s, &passes, |values| own.iter_mut().zip(values).for_each(|(sum, value)| *sum += value));
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own * s.weight);
            tally.add_track(&of);
        }
        (sums, tally)
    }

    /// Visit the values of those facts of a stretch that have any and whose flags pass.
    fn valued(&self, s: &Stretch<'a>, passes: impl Fn(u16) -> bool, mut visit: impl FnMut(&[f64])) -> OfTrack<'a> {
        let mut of = OfTrack { last: None, weight: s.weight, n: 0, hits: 0, any: 0 };
        for e in s.span.clone().map(|i| s.track.event(i)).filter(|e| passes(e.flags()) && self.whose.takes(*e)) {
            if !e.values().is_empty() {
                visit(e.values());
                (of.last, of.n, of.any) = (Some(e), of.n + 1, of.any | e.flags());
            }
        }
        of
    }

    /// Each counts alone: none is part of a group.
    pub fn are_alone(&self) -> bool {
        self.stretches.iter().all(|s| s.track.groups.is_empty())
    }

    /// At most so many.
    pub fn most(&self) -> usize {
        self.stretches.iter().map(|s| s.span.len()).sum()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// What flags say of the facts of one track.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfTrack<'a> {
    /// The last that belongs.
    pub last: Option<EventRef<'a>>,
    /// The scope's share of each.
    pub weight: f64,
    /// How many belong.
    pub n: u32,
    /// How many of them are hit.
    pub hits: u32,
    /// Every flag of any of them.
    any: u16,
}

/// What a reading says of its members besides the value; gathered while they are visited.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// How many.
    pub n: u64,
    /// Sum of the scope's shares.
    pub weight: f64,
    newest_ms: Option<i64>,
    assumed: bool,
}

impl Tally {
    fn add_track(&mut self, of: &OfTrack<'_>) {
        self.n += u64::from(of.n);
        self.weight += f64::from(of.n) * of.weight;
        self.newest_ms = self.newest_ms.max(of.last.map(EventRef::at_ms));
        self.assumed |= of.any & flag::ASSUMED != 0;
    }

    pub fn add(&mut self, m: &Member<'_>) {
        self.n += 1;
        self.weight += m.weight;
        self.newest_ms = self.newest_ms.max(Some(m.event.at_ms()));
        self.assumed |= m.has(flag::ASSUMED);
    }
}

impl<'a> FromIterator<Member<'a>> for Tally {
    fn from_iter<I: IntoIterator<Item = Member<'a>>>(members: I) -> Self {
        let mut tally = Self::default();
        members.into_iter().for_each(|m| tally.add(&m));
        tally
    }
}

/// The window up to the evaluation instant.
pub(super) fn seen_window(query: &Query<'_>) -> Window {
    Window::new(query.window.from, query.window.to.min(query.settings.as_of))
}

/// The scope's events of the window.
pub(super) fn members<'a>(query: &Query<'a>, measure: Measure) -> Members<'a> {
    Members::within(query, measure, seen_window(query))
}

/// Ids for a reading's list, the earliest first, bounded. A view that lists none loads its facts without keys, and nobody
/// is asked.
pub(super) fn ids<'a>(query: &Query<'_>, members: impl Iterator<Item = Member<'a>>) -> Datum {
    if !query.facts.events.are_keyed() {
        return Datum::List(Vec::new());
    }
    let mut named: Vec<EventRef<'_>> = members.map(|m| m.event).filter(|e| !e.key().is_empty()).collect();
    named.sort_by_key(|e| e.at_ms());
    Datum::List(named.iter().take(MOST_LISTED).map(|e| Datum::Text(e.key().to_owned())).collect())
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
    /// By the sources that can report `kind`, and by what they reported as `measure`: anybody's, not only the scope's.
    pub fn of(query: &Query<'_>, kind: &str, measure: Measure) -> Self {
        let seen = seen_window(query);
        let sources: Vec<&Record> = query.facts.records.iter().map(AsRef::as_ref).filter(|r| feeds(r, kind)).collect();
        let known = sources.iter().filter_map(|r| watched(r)).collect::<Vec<_>>();
        let (tracks, places) = (query.facts.events.of(measure), query.facts.events.places(measure, seen));
        let first = |(at, track): (usize, &Arc<Track>)| places.of(at, track).next().map(|first| track.event(first).at());
        let mut firsts = tracks.iter().enumerate().filter_map(first);
        let (span, alive) = if known.is_empty() {
            (seen, firsts.next().is_some())
        } else {
            let from = known.iter().map(|(from, _)| *from).min().unwrap_or(seen.from);
            // What was reported from before the source's history is there all the same.
            let from = if from > seen.from { firsts.min().map_or(from, |first| first.min(from)) } else { from };
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

    /// A value from members: sample size, age and whether it rests on assumed deployments come from their tally.
    pub fn value(&self, value: impl Into<Datum>, of: &Tally) -> Reading {
        Reading {
            measured_at: of.newest_ms.map(from_millis),
            assumed: of.assumed,
            ..Reading::ok(self.row.id, self.query.scope.clone(), self.unit(), value, of.n)
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
