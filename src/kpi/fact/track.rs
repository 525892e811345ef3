//! Event facts as columns.
//!
//! A board of a large company looks at hundreds of thousands of facts, most of them several times: for the organisation,
//! for a team, for a bucket of a chart. As structs of 130 bytes, sorted and copied per group, they cost more than all
//! formulas together. So the facts of one measure lie in **tracks**: one per service and list of owners, each in order of
//! time, with a plain column per field. A window is a bisection per track, the share of a scope is looked up once per
//! track, and a group of facts is a list of tracks that everybody shares.
//!
//! Decides nothing about what a fact means; [`super::Measure`] says that.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{Dims, Event, Measure, Owners};
use crate::domain::{
    Time,
    window::{Window, from_millis, millis},
};

/// Facts of one measure, service and list of owners, in order of time. The columns that are filled are equally long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    /// Service, `""` when none.
    pub service: Arc<str>,
    /// Teams and shares; sums to 1.
    pub teams: Owners,
    /// Milliseconds since the epoch.
    pub(crate) at: Vec<i64>,
    pub(crate) flags: Vec<u16>,
    /// Empty when every fact counts alone.
    pub(crate) groups: Vec<u64>,
    /// Where each fact's values end in `values`; empty when every fact has one.
    pub(crate) ends: Vec<u32>,
    pub(crate) values: Vec<f64>,
    /// Empty when not asked for.
    pub(crate) keys: Vec<Arc<str>>,
    /// Which of `sets` each fact has; empty when not asked for.
    pub(crate) dims: Vec<u32>,
    pub(crate) sets: Vec<Dims>,
}

impl Track {
    /// A track without facts.
    #[must_use]
    pub fn new(service: Arc<str>, teams: Owners) -> Self {
        Self { service, teams, ..Self::default() }
    }

    /// With room for so many facts of a value each, so that it need not grow while they come.
    #[must_use]
    pub fn with_room(mut self, facts: usize) -> Self {
        self.at.reserve(facts);
        self.flags.reserve(facts);
        self.values.reserve(facts);
        self
    }

    /// Number of facts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// No fact at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The facts of a window.
    #[must_use]
    pub fn within(&self, window: Window) -> Range<usize> {
        let from = self.first_at(millis(window.from));
        from..self.first_at(millis(window.to)).max(from)
    }

    /// Facts come about evenly, so that a guess and a few steps from it are quicker than a bisection of everything.
    fn first_at(&self, ms: i64) -> usize {
        let (Some(&first), Some(&last)) = (self.at.first(), self.at.last()) else { return 0 };
        if ms <= first || ms > last {
            return if ms <= first { 0 } else { self.len() };
        }
        let share = (ms - first) as f64 / (last - first) as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length, cut to it")]
        let guess = ((share * self.len() as f64) as usize).min(self.len() - 1);
        let is_before = |i: usize| self.at[i] < ms;
        let (mut low, mut high, mut step) = (guess, guess, 2);
        while low > 0 && !is_before(low) {
            low = low.saturating_sub(step);
            step *= 2;
        }
        while high < self.len() && is_before(high) {
            high += step;
            step *= 2;
        }
        let high = high.min(self.len());
        low + self.at[low..high].partition_point(|at| *at < ms)
    }

    /// Where the values of a fact lie.
    fn place(&self, i: usize) -> Range<usize> {
        let end = |i: usize| self.ends.get(i).map_or(i + 1, |end| *end as usize);
        i.checked_sub(1).map_or(0, end)..end(i)
    }

    /// The values of these facts, when each has one.
    #[must_use]
    pub fn one_each(&self, facts: Range<usize>) -> Option<&[f64]> {
        self.ends.is_empty().then(|| &self.values[facts])
    }

    /// One fact, by its place in time.
    #[must_use]
    pub fn event(&self, i: usize) -> EventRef<'_> {
        EventRef { track: self, i }
    }

    /// Every fact, in order of time.
    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        (0..self.len()).map(|i| self.event(i))
    }

    /// Every set of dimensions that occurs.
    #[must_use]
    pub fn sets(&self) -> &[Dims] {
        &self.sets
    }

    /// Facts have keys.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !self.keys.is_empty()
    }

    /// How many values the facts have that are put in next.
    pub(crate) fn extend_ends(&mut self, counts: impl Iterator<Item = u8> + Clone) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        if self.ends.is_empty() {
            if counts.clone().all(|count| count == 1) {
                return;
            }
            self.ends.extend(1..=number(self.len()));
        }
        let mut end = number(self.values.len());
        self.ends.extend(counts.map(|count| {
            end += u32::from(count);
            end
        }));
    }

    fn push(&mut self, event: &Event) {
        if event.group != 0 && self.groups.is_empty() {
            self.groups.resize(self.len(), 0);
        }
        if event.group != 0 || !self.groups.is_empty() {
            self.groups.push(event.group);
        }
        let counts = [u8::try_from(event.values.len()).unwrap_or(u8::MAX)];
        self.extend_ends(counts.into_iter());
        self.at.push(millis(event.at));
        self.flags.push(event.flags);
        self.values.extend_from_slice(&event.values);
        self.keys.push(Arc::clone(&event.key));
        let known = self.sets.iter().position(|set| *set == event.dims);
        let set = known.unwrap_or_else(|| {
            self.sets.push(Arc::clone(&event.dims));
            self.sets.len() - 1
        });
        self.dims.push(u32::try_from(set).unwrap_or(u32::MAX));
    }
}

/// One fact of a track; see [`Event`] for what its parts mean.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    track: &'a Track,
    i: usize,
}

impl<'a> EventRef<'a> {
    /// The track it is of.
    #[must_use]
    pub fn track(self) -> &'a Track {
        self.track
    }

    /// Which of its track's sets of dimensions it has; `None` when not loaded.
    #[must_use]
    pub fn set(self) -> Option<usize> {
        self.track.dims.get(self.i).map(|set| *set as usize)
    }

    /// When, as milliseconds since the epoch.
    #[must_use]
    pub fn at_ms(self) -> i64 {
        self.track.at[self.i]
    }

    /// When.
    #[must_use]
    pub fn at(self) -> Time {
        from_millis(self.at_ms())
    }

    /// Its service, `""` when none.
    #[must_use]
    pub fn service(self) -> &'a Arc<str> {
        &self.track.service
    }

    /// Teams and shares.
    #[must_use]
    pub fn teams(self) -> &'a Owners {
        &self.track.teams
    }

    /// See [`super::flag`].
    #[must_use]
    pub fn flags(self) -> u16 {
        self.track.flags[self.i]
    }

    /// What counts once; 0 when it counts alone.
    #[must_use]
    pub fn group(self) -> u64 {
        self.track.groups.get(self.i).copied().unwrap_or(0)
    }

    /// Key of its record; empty when not loaded.
    #[must_use]
    pub fn key(self) -> &'a str {
        self.track.keys.get(self.i).map_or("", |key| key)
    }

    /// As the measure says.
    #[must_use]
    pub fn values(self) -> &'a [f64] {
        &self.track.values[self.track.place(self.i)]
    }

    /// Dimensions, sorted by name; none when not loaded.
    #[must_use]
    pub fn dims(self) -> &'a [(Arc<str>, Arc<str>)] {
        self.set().and_then(|set| self.track.sets.get(set)).map_or(&[], |set| set)
    }

    /// On its own, with everything.
    #[must_use]
    pub fn to_event(self) -> Event {
        Event {
            at: self.at(),
            service: Arc::clone(self.service()),
            teams: Arc::clone(self.teams()),
            flags: self.flags(),
            group: self.group(),
            key: self.key().into(),
            values: self.values().into(),
            dims: self.dims().into(),
        }
    }
}

/// Tracks by measure. Clones share the tracks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    tracks: BTreeMap<Measure, Vec<Arc<Track>>>,
    /// Instants that many windows begin or end at, in order, as milliseconds since the epoch.
    edges: Vec<i64>,
    /// Where they lie in each track: for each edge a row of as many places as the measure has tracks.
    places: BTreeMap<Measure, Vec<u32>>,
}

/// Where a window lies in tracks of one measure.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    window: Window,
    known: Option<(&'a [u32], &'a [u32])>,
}

impl Places<'_> {
    /// To be looked for in each track.
    #[must_use]
    pub fn unknown(window: Window) -> Self {
        Self { window, known: None }
    }

    /// In the track that is the `at`-th of its measure.
    #[must_use]
    pub fn of(&self, at: usize, track: &Track) -> Range<usize> {
        let place = |row: &[u32]| row.get(at).map_or(0, |place| *place as usize);
        self.known.map_or_else(|| track.within(self.window), |(from, to)| place(from)..place(to).max(place(from)))
    }
}

impl Events {
    /// Tracks of a measure.
    #[must_use]
    pub fn of(&self, measure: Measure) -> &[Arc<Track>] {
        self.tracks.get(&measure).map_or(&[], Vec::as_slice)
    }

    /// Where a window lies in the tracks of a measure.
    #[must_use]
    pub fn places(&self, measure: Measure, window: Window) -> Places<'_> {
        let (n, places) = (self.of(measure).len(), self.places.get(&measure));
        let row = |at: Time| {
            let edge = self.edges.binary_search(&millis(at)).ok()?;
            places?.get(edge * n..(edge + 1) * n)
        };
        Places { window, known: row(window.from).zip(row(window.to)) }
    }

    /// Note where these instants lie in every track. A board asks for its buckets again and again, and finding one in hundreds
    /// of tracks takes longer than most formulas.
    pub fn note(&mut self, edges: impl IntoIterator<Item = Time>) {
        self.edges = edges.into_iter().map(millis).collect();
        self.edges.sort_unstable();
        self.edges.dedup();
        for (measure, tracks) in &self.tracks {
            let mut places = vec![0; self.edges.len() * tracks.len()];
            for (at, track) in tracks.iter().enumerate() {
                let mut before = 0;
                for (edge, ms) in self.edges.iter().enumerate() {
                    before += track.at[before..].partition_point(|at| at < ms);
                    places[edge * tracks.len() + at] = u32::try_from(before).unwrap_or(u32::MAX);
                }
            }
            self.places.insert(*measure, places);
        }
    }

    /// Every track with its measure.
    pub fn all(&self) -> impl Iterator<Item = (Measure, &Arc<Track>)> {
        self.tracks.iter().flat_map(|(measure, tracks)| tracks.iter().map(|t| (*measure, t)))
    }

    /// Put a track in; one without facts is left out.
    pub fn add(&mut self, measure: Measure, track: Arc<Track>) {
        if !track.is_empty() {
            self.places.remove(&measure);
            self.tracks.entry(measure).or_default().push(track);
        }
    }

    /// Put single facts in, in any order.
    pub fn extend(&mut self, measure: Measure, events: impl IntoIterator<Item = Event>) {
        for track in tracks(events) {
            self.add(measure, track);
        }
    }

    /// Facts have keys, so that lists of them can be made. All have, or none: they were loaded by one question.
    #[must_use]
    pub fn are_keyed(&self) -> bool {
        self.all().next().is_some_and(|(_, track)| track.is_keyed())
    }
}

/// Tracks of single facts in any order.
#[must_use]
pub fn tracks(events: impl IntoIterator<Item = Event>) -> Vec<Arc<Track>> {
    let mut events: Vec<Event> = events.into_iter().collect();
    events.sort_by_key(|e| e.at);
    let mut tracks: Vec<Track> = Vec::new();
    for event in &events {
        let mine = |t: &Track| t.service == event.service && t.teams == event.teams;
        let at = tracks.iter().position(mine).unwrap_or_else(|| {
            tracks.push(Track::new(Arc::clone(&event.service), Arc::clone(&event.teams)));
            tracks.len() - 1
        });
        tracks[at].push(event);
    }
    tracks.into_iter().map(Arc::new).collect()
}

impl From<BTreeMap<Measure, Vec<Event>>> for Events {
    fn from(lists: BTreeMap<Measure, Vec<Event>>) -> Self {
        let mut out = Self::default();
        for (measure, events) in lists {
            out.extend(measure, events);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(at_ms: i64, service: &str, team: &str, group: u64, values: &[f64], size: &str) -> Event {
        Event {
            at: from_millis(at_ms),
            service: service.into(),
            teams: Arc::new([(team.into(), 1.0)]),
            flags: u16::from(group != 0),
            group,
            key: format!("{service}/{at_ms}").into(),
            values: values.into(),
            dims: Arc::new([("size".into(), size.into())]),
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_and_a_window_is_what_lies_in_it(
            list in prop::collection::vec((0..200i64, "[ab]", "[xy]", 0..3u64, prop::collection::vec(0.0..9.0f64, 0..5), "[SM]"), 0..60),
            from in 0..200i64, length in 0..200i64,
        ) {
            let list: Vec<Event> = list.iter().map(|(at, s, t, g, v, d)| event(*at, s, t, *g, v, d)).collect();
            let mut events = Events::default();
            events.extend(Measure::Deployment, list.clone());
            let text = |mut list: Vec<Event>| {
                list.sort_by_key(|e| format!("{e:?}"));
                list
            };
            let out: Vec<Event> = events.all().flat_map(|(_, t)| t.iter().map(EventRef::to_event).collect::<Vec<_>>()).collect();
            prop_assert_eq!(text(out), text(list.clone()));
            let window = Window::new(from_millis(from), from_millis(from + length));
            let inside: usize = events.of(Measure::Deployment).iter().map(|t| t.within(window).len()).sum();
            prop_assert_eq!(inside, list.iter().filter(|e| window.contains(e.at)).count());
            let searched: Vec<_> = events.all().map(|(_, track)| track.within(window)).collect();
            for noted in [vec![], vec![window.from], vec![window.to, window.from, window.to, from_millis(from + 3)]] {
                events.note(noted);
                let places = events.places(Measure::Deployment, window);
                let found: Vec<_> = events.all().enumerate().map(|(at, (_, track))| places.of(at, track)).collect();
                prop_assert_eq!(&found, &searched);
            }
            for (_, track) in events.all() {
                prop_assert!(track.at.is_sorted());
            }
        }
    }
}
