//! Items by a dimension: team, service, repository, change type, severity, size, provider, weekday, any label.
//!
//! What belongs to several groups is shared among them, so that the groups add up to the whole; where a value cannot be
//! shared (a quantile), its owners together are a group of their own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::parts::{Item, Of, Pair, Parts, Shape};
use crate::{
    analysis::histogram::{self, Counts},
    domain::{
        record::Record,
        team::UNATTRIBUTED,
        value::Scope,
        window::{day_span, millis},
    },
    kpi::{
        Query,
        cost::UNALLOCATED,
        dimension,
        fact::{Bucket, Cost, EventRef, Owners, Track},
        scope::{self, Whose},
    },
};

/// The group of what has no value for a dimension.
pub const UNKNOWN: &str = "(not given)";

/// Most dimensions a change is cut by; the ones that all facts have come first.
const MOST: usize = 16;

/// Groups with the share of an item in each; the shares sum to 1.
type Shares = Arc<[(Arc<str>, f64)]>;

/// One group of one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Group {
    pub num: f64,
    pub den: f64,
    /// Of a quantile: how many values.
    pub n: f64,
    pub counts: Counts,
}

/// Groups of one window by name.
pub(super) type Grouped = BTreeMap<String, Group>;

/// The items by a dimension, and the share of them that has a value for it.
pub(super) fn grouped(parts: &Parts<'_>, by: &str) -> (Grouped, f64) {
    let mut finder = Finder::new(parts, by);
    // Few lists of shares, many items: what is of one list is added up before it is shared out.
    let mut sums: Vec<(usize, Group)> = Vec::new();
    for item in &parts.items {
        let place = finder.place(item);
        if place >= sums.len() {
            sums.resize_with(place + 1, Default::default);
        }
        let (n, sum) = &mut sums[place];
        *n += item.n as usize;
        if let (Shape::Histogram(_), Of::Bucket(b)) = (parts.shape, &item.of) {
            if let Some(hist) = &b.hist {
                let _ = histogram::add(&mut sum.counts.bounds, &mut sum.counts.counts, (&hist.bounds, &hist.counts), item.den);
            }
        } else {
            sum.num += item.num;
            sum.den += item.den;
        }
    }
    let mut groups = Grouped::new();
    let mut known = 0;
    for ((n, sum), shares) in sums.iter().zip(&finder.lists).filter(|((n, _), _)| *n > 0) {
        known += if shares.iter().all(|(name, _)| &**name != UNKNOWN) { *n } else { 0 };
        for (name, share) in shares.iter() {
            let group = match groups.get_mut(&**name) {
                Some(group) => group,
                None => groups.entry(name.to_string()).or_default(),
            };
            group.num += sum.num * share;
            group.den += sum.den * share;
            let _ = group.counts.add(&sum.counts, *share);
        }
    }
    (groups, share_of(known, sums.iter().map(|(n, _)| n).sum()))
}

/// The group of each value of a quantile: a value has one, as its owners are one together.
pub(super) struct Labels {
    pub names: Vec<String>,
    /// By item, as a place in `names`: then and now.
    pub of_item: [Vec<u32>; 2],
    /// Share of the items that have a value for the dimension, then and now.
    pub covered: [f64; 2],
}

impl Labels {
    pub fn of(pair: &Pair<'_>, by: &str) -> Self {
        let mut finder = Finder::new(&pair.is, by);
        let sides = [&pair.was.items, &pair.is.items];
        #[allow(clippy::cast_possible_truncation, reason = "there are at most as many groups as items, and those are counted in u32")]
        let of_item = sides.map(|items| items.iter().map(|item| finder.place(item) as u32).collect::<Vec<_>>());
        let name = |shares: &Shares| shares.first().map_or(UNKNOWN, |(name, _)| name).to_owned();
        let names: Vec<String> = finder.lists.iter().map(name).collect();
        let unknown = names.iter().position(|name| name == UNKNOWN);
        let covered = of_item.each_ref().map(|labels| {
            let without = unknown.map_or(0, |unknown| labels.iter().filter(|label| **label as usize == unknown).count());
            share_of(labels.len() - without, labels.len())
        });
        Self { names, of_item, covered }
    }
}

fn share_of(known: usize, all: usize) -> f64 {
    if all > 0 { known as f64 / all as f64 } else { 0.0 }
}

/// Names of the dimensions that the items of either window have.
pub(super) fn names<'a>(was: &Parts<'a>, is: &Parts<'a>) -> Vec<String> {
    let mut fixed: BTreeSet<&'static str> = BTreeSet::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    // Facts of a track stand together, and each of its sets is some fact's.
    let mut last: Option<&Track> = None;
    let mut of_event = |e: EventRef<'a>, labels: &mut BTreeSet<String>| {
        if last.replace(e.track()).is_none_or(|last| !std::ptr::eq(last, e.track())) {
            labels.extend(e.track().sets().iter().flat_map(|set| set.iter()).map(|(name, _)| name.to_string()));
        }
    };
    let mut any_event = false;
    for item in was.items.iter().chain(&is.items) {
        match &item.of {
            Of::Event(e) => {
                any_event = true;
                of_event(*e, &mut labels);
            }
            Of::Release(events) => {
                any_event = true;
                events.iter().for_each(|e| of_event(*e, &mut labels));
            }
            Of::Bucket(b) => {
                fixed.extend(["team", "service", "weekday"]);
                labels.extend(b.labels.keys().cloned());
            }
            Of::Cost(c) => {
                fixed.extend(["team", "service", "provider", "category"]);
                labels.extend(c.tags.keys().cloned());
            }
            Of::Record(r) => {
                fixed.extend(["team", "project", "repo"]);
                labels.extend(r.labels.keys().cloned());
            }
        }
    }
    if any_event {
        fixed.extend(["team", "service", "weekday"]);
    }
    let mut out: Vec<String> = fixed.iter().map(|n| (*n).to_owned()).collect();
    out.extend(labels.into_iter().filter(|l| !fixed.contains(l.as_str())));
    out.truncate(MOST);
    out
}

/// What of an event decides its group.
#[derive(Clone, Copy, PartialEq)]
enum Decides {
    Team,
    Service,
    Weekday,
    Label,
}

/// Looks groups up; what most items have in common only once. An item is given the place of its list of shares in `lists`.
pub(super) struct Finder<'a> {
    by: String,
    decides: Decides,
    query: Query<'a>,
    whose: Whose<'a>,
    /// Values of several owners are one group together.
    joint: bool,
    /// Every list of shares that was found; with `joint` each has one name, and no two the same.
    pub lists: Vec<Shares>,
    /// Lists of one name.
    names: HashMap<String, usize>,
    /// Lists by the address of interned owners.
    owners: HashMap<*const (Arc<str>, f64), usize>,
    /// The track of the event before, and of a label the list of each of its sets so far.
    track: Option<&'a Track>,
    sets: Vec<Option<usize>>,
    /// The list of every event of that track, where service or owners decide it.
    last: usize,
    /// The same for a calendar day, from and to in milliseconds since the epoch.
    day: Option<(std::ops::Range<i64>, usize)>,
}

impl<'a> Finder<'a> {
    pub fn new(parts: &Parts<'a>, by: &str) -> Self {
        Self {
            by: by.to_owned(),
            decides: match by {
                "team" => Decides::Team,
                "service" => Decides::Service,
                "weekday" => Decides::Weekday,
                _ => Decides::Label,
            },
            query: parts.query,
            whose: Whose::of(&parts.query),
            joint: matches!(parts.shape, Shape::Quantile(_)),
            lists: Vec::new(),
            names: HashMap::new(),
            owners: HashMap::new(),
            track: None,
            sets: Vec::new(),
            last: 0,
            day: None,
        }
    }

    /// The place of an item's groups and its share in each.
    #[inline]
    pub fn place(&mut self, item: &Item<'a>) -> usize {
        match &item.of {
            Of::Event(e) => self.event(*e),
            Of::Release(events) => self.release(events),
            Of::Bucket(b) => self.bucket(b),
            Of::Cost(c) => self.cost(c),
            Of::Record(r) => self.record(r),
        }
    }

    /// The share of an item that lies in a group.
    pub fn share(&mut self, item: &Item<'a>, group: &str) -> f64 {
        let place = self.place(item);
        self.lists[place].iter().filter(|(name, _)| &**name == group).map(|(_, share)| share).sum()
    }

    /// What of an item lies in a group: of a release only the members that do.
    pub fn narrowed(&mut self, of: &Of<'a>, group: &str) -> Of<'a> {
        let Of::Release(events) = of else { return of.clone() };
        let mut mine = Vec::new();
        for e in events.iter() {
            let place = self.event(*e);
            mine.extend(self.lists[place].iter().any(|(name, _)| &**name == group).then_some(*e));
        }
        Of::Release(mine.into())
    }

    fn add(&mut self, shares: Shares) -> usize {
        self.lists.push(shares);
        self.lists.len() - 1
    }

    fn one(&mut self, name: &str) -> usize {
        let name = if name.is_empty() { UNKNOWN } else { name };
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let place = self.add(Arc::new([(Arc::from(name), 1.0)]));
        self.names.insert(name.to_owned(), place);
        place
    }

    /// Events of a track stand together, so that mostly the one before has said where this one belongs.
    #[inline]
    fn event(&mut self, e: EventRef<'a>) -> usize {
        if self.track.is_none_or(|track| !std::ptr::eq(track, e.track())) {
            self.enter(e);
        }
        match self.decides {
            Decides::Team | Decides::Service => self.last,
            Decides::Weekday => self.weekday(e),
            Decides::Label => match self.sets.get(e.set().unwrap_or(0)) {
                Some(Some(known)) => *known,
                _ => self.label(e),
            },
        }
    }

    fn enter(&mut self, e: EventRef<'a>) {
        self.track = Some(e.track());
        self.sets.clear();
        self.last = match self.decides {
            Decides::Team => self.teams(e.teams()),
            Decides::Service => self.one(e.service()),
            Decides::Weekday | Decides::Label => 0,
        };
    }

    fn label(&mut self, e: EventRef<'a>) -> usize {
        let set = e.set().unwrap_or(0);
        let name = dimension::of_event(e, &self.by, self.query.settings.zone).unwrap_or_default();
        let place = self.one(&name);
        self.sets.resize(self.sets.len().max(set + 1), None);
        self.sets[set] = Some(place);
        place
    }

    #[inline]
    fn weekday(&mut self, e: EventRef<'a>) -> usize {
        if let Some((day, place)) = &self.day
            && day.contains(&e.at_ms())
        {
            return *place;
        }
        let zone = self.query.settings.zone;
        let place = self.one(dimension::weekday(e.at(), zone));
        let day = day_span(e.at().with_timezone(&zone).date_naive(), zone);
        self.day = Some((millis(day.from)..millis(day.to), place));
        place
    }

    /// A release counts once over the groups it touches: evenly, where its members are each of one group.
    fn release(&mut self, events: &[EventRef<'a>]) -> usize {
        let mut touched: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        for e in events {
            let place = self.event(*e);
            for (name, share) in self.lists[place].iter() {
                let most = touched.entry(Arc::clone(name)).or_default();
                *most = most.max(*share);
            }
        }
        let all: f64 = touched.values().sum();
        match touched.keys().next() {
            Some(name) if touched.len() == 1 => self.one(&Arc::clone(name)),
            _ => self.add(touched.into_iter().map(|(name, share)| (name, share / all)).collect()),
        }
    }

    /// Owners inside the scope, by their shares of what the scope has.
    fn teams(&mut self, owners: &Owners) -> usize {
        let address = owners.as_ptr();
        if let Some(known) = self.owners.get(&address) {
            return *known;
        }
        let inside = matches!(self.query.scope, Scope::Team(_));
        let mine: Vec<(Arc<str>, f64)> =
            owners.iter().filter(|(team, share)| *share > 0.0 && (!inside || self.whose.is_mine(team))).cloned().collect();
        let all: f64 = mine.iter().map(|(_, share)| share).sum();
        let place = if all <= 0.0 {
            self.one(UNATTRIBUTED)
        } else if let [(team, _)] = &mine[..] {
            self.one(team)
        } else if self.joint {
            let names: Vec<&str> = mine.iter().map(|(team, _)| &**team).collect();
            self.one(&names.join(" + "))
        } else {
            self.add(mine.into_iter().map(|(team, share)| (team, share / all)).collect())
        };
        self.owners.insert(address, place);
        place
    }

    fn bucket(&mut self, b: &Bucket) -> usize {
        if self.by == "team" {
            return self.teams(&b.teams);
        }
        let name = dimension::of_bucket(b, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }

    fn cost(&mut self, c: &Cost) -> usize {
        if self.by == "team" {
            return self.one(c.team.as_deref().unwrap_or(UNALLOCATED));
        }
        let name = dimension::of_cost(c, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }

    fn record(&mut self, r: &Record) -> usize {
        if self.by == "team" {
            let owner = scope::owner(r, self.query.roster).unwrap_or(UNATTRIBUTED).to_owned();
            return self.one(&owner);
        }
        let name = dimension::of_record(r, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }
}
