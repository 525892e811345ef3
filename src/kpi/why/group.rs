//! Items by a dimension: team, service, repository, change type, severity, size, provider, weekday, any label.
//!
//! What belongs to several groups is shared among them, so that the groups add up to the whole; where a value cannot be
//! shared (a quantile), its owners together are a group of their own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::parts::{Item, Of, Parts, Shape};
use crate::{
    analysis::histogram::Counts,
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
        fact::{Bucket, Cost, EventRef, Owners},
        scope::{self, Whose},
    },
};

/// The group of what has no value for a dimension.
pub const UNKNOWN: &str = "(not given)";

/// Most dimensions a change is cut by; the ones that all facts have come first.
const MOST: usize = 16;

/// Groups with the share of an item in each; the shares sum to 1.
pub(super) type Shares = Arc<[(Arc<str>, f64)]>;

/// One group of one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Group {
    pub num: f64,
    pub den: f64,
    /// Of a quantile: how many values.
    pub n: usize,
    /// Of a quantile, ascending.
    pub values: Vec<f64>,
    pub counts: Counts,
}

impl Group {
    /// The values, which then are no longer here; `n` still says how many there were.
    pub fn take_values(&mut self) -> Vec<f64> {
        std::mem::take(&mut self.values)
    }
}

/// Groups of one window by name.
pub(super) type Grouped = BTreeMap<String, Group>;

/// The items by a dimension, and the share of them that has a value for it.
pub(super) fn grouped(parts: &Parts<'_>, by: &str) -> (Grouped, f64) {
    if let Shape::Quantile(_) = parts.shape {
        return grouped_values(parts, by);
    }
    let mut finder = Finder::new(parts, by);
    let mut sums: HashMap<Arc<str>, Group> = HashMap::new();
    let (mut known, mut all) = (0_usize, 0_usize);
    for item in &parts.items {
        let groups = finder.groups(item);
        all += 1;
        known += usize::from(groups.iter().all(|(name, _)| &**name != UNKNOWN));
        for (name, share) in groups.iter() {
            let group = match sums.get_mut(name) {
                Some(group) => group,
                None => sums.entry(Arc::clone(name)).or_default(),
            };
            if let (Shape::Histogram(_), Of::Bucket(b)) = (parts.shape, &item.of) {
                if let Some(hist) = &b.hist {
                    let counts = Counts { bounds: hist.bounds.clone(), counts: hist.counts.clone() };
                    let _ = group.counts.add(&counts, item.den * share);
                }
            } else {
                group.num += item.num * share;
                group.den += item.den * share;
            }
        }
    }
    let covered = if all > 0 { known as f64 / all as f64 } else { 0.0 };
    (sums.into_iter().map(|(name, group)| (name.to_string(), group)).collect(), covered)
}

/// The values of a quantile by a dimension. A value has one group, as its owners are one together; handed out in ascending
/// order, the values of each group are in order as well.
fn grouped_values(parts: &Parts<'_>, by: &str) -> (Grouped, f64) {
    let mut finder = Finder::new(parts, by);
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut groups: Vec<(Arc<str>, Group)> = Vec::new();
    let mut last: Option<(Shares, usize)> = None;
    let mut known = 0_usize;
    let mut place_of = Vec::with_capacity(parts.items.len());
    for item in &parts.items {
        let shares = finder.groups(item);
        // Items in a row mostly have the same group.
        let place = match &last {
            Some((same, place)) if Arc::ptr_eq(same, &shares) => *place,
            _ => {
                let name = shares.first().map_or_else(|| Arc::from(UNKNOWN), |(name, _)| Arc::clone(name));
                let place = *places.entry(Arc::clone(&name)).or_insert_with(|| {
                    groups.push((name, Group::default()));
                    groups.len() - 1
                });
                last = Some((shares, place));
                place
            }
        };
        known += usize::from(&*groups[place].0 != UNKNOWN);
        place_of.push(place);
    }
    for (value, item) in &parts.ascending {
        let group = &mut groups[place_of[*item]].1;
        group.values.push(*value);
        group.n += 1;
    }
    let covered = if parts.items.is_empty() { 0.0 } else { known as f64 / parts.items.len() as f64 };
    (groups.into_iter().map(|(name, group)| (name.to_string(), group)).collect(), covered)
}

/// Names of the dimensions that the items of either window have.
pub(super) fn names(was: &Parts<'_>, is: &Parts<'_>) -> Vec<String> {
    let mut fixed: BTreeSet<&'static str> = BTreeSet::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    let mut seen: HashSet<*const (Arc<str>, Arc<str>)> = HashSet::new();
    let mut last = None;
    let mut of_event = |e: EventRef<'_>, labels: &mut BTreeSet<String>| {
        let set = e.dims().as_ptr();
        if last.replace(set) != Some(set) && seen.insert(set) {
            labels.extend(e.dims().iter().map(|(name, _)| name.to_string()));
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

/// Looks groups up; what most items have in common only once.
pub(super) struct Finder<'a> {
    by: String,
    query: Query<'a>,
    whose: Whose<'a>,
    /// Values of several owners are one group together.
    joint: bool,
    /// Shares by the address of an interned list of owners or dimensions.
    owners: HashMap<*const (Arc<str>, f64), Shares>,
    dims: HashMap<*const (Arc<str>, Arc<str>), Shares>,
    names: HashMap<String, Shares>,
    /// The shares of the event before, by what decides them: neighbours in time are mostly alike.
    last: Option<(*const u8, Shares)>,
    /// The same for a calendar day, from and to in milliseconds since the epoch.
    day: Option<(std::ops::Range<i64>, Shares)>,
}

impl<'a> Finder<'a> {
    pub fn new(parts: &Parts<'a>, by: &str) -> Self {
        Self {
            by: by.to_owned(),
            query: parts.query,
            whose: Whose::of(&parts.query),
            joint: matches!(parts.shape, Shape::Quantile(_)),
            owners: HashMap::new(),
            dims: HashMap::new(),
            names: HashMap::new(),
            last: None,
            day: None,
        }
    }

    /// The groups of an item and its share in each.
    pub fn groups(&mut self, item: &Item<'a>) -> Shares {
        match &item.of {
            Of::Event(e) => self.event(*e),
            Of::Release(events) => self.release(events),
            Of::Bucket(b) => self.bucket(b),
            Of::Cost(c) => self.cost(c),
            Of::Record(r) => self.record(r),
        }
    }

    /// What of an item lies in a group: of a release only the members that do.
    pub fn narrowed(&mut self, of: &Of<'a>, group: &str) -> Of<'a> {
        let Of::Release(events) = of else { return of.clone() };
        let mine: Vec<EventRef<'a>> = events.iter().copied().filter(|e| self.event(*e).iter().any(|(name, _)| &**name == group)).collect();
        Of::Release(mine.into())
    }

    fn one(&mut self, name: &str) -> Shares {
        let name = if name.is_empty() { UNKNOWN } else { name };
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let shares: Shares = Arc::new([(Arc::from(name), 1.0)]);
        self.names.insert(name.to_owned(), Arc::clone(&shares));
        shares
    }

    fn event(&mut self, e: EventRef<'_>) -> Shares {
        let decides: *const u8 = match self.by.as_str() {
            "team" => e.teams().as_ptr().cast(),
            "service" => e.service().as_ptr(),
            "weekday" => return self.weekday(e),
            _ => e.dims().as_ptr().cast(),
        };
        if let Some((same, shares)) = &self.last
            && *same == decides
        {
            return Arc::clone(shares);
        }
        let shares = match self.by.as_str() {
            "team" => self.teams(e.teams()),
            "service" => self.one(e.service()),
            _ => self.label(e),
        };
        self.last = Some((decides, Arc::clone(&shares)));
        shares
    }

    fn label(&mut self, e: EventRef<'_>) -> Shares {
        let place = e.dims().as_ptr();
        if let Some(known) = self.dims.get(&place) {
            return Arc::clone(known);
        }
        let name = dimension::of_event(e, &self.by, self.query.settings.zone).unwrap_or_default();
        let shares = self.one(&name);
        self.dims.insert(place, Arc::clone(&shares));
        shares
    }

    fn weekday(&mut self, e: EventRef<'_>) -> Shares {
        if let Some((day, shares)) = &self.day
            && day.contains(&e.at_ms())
        {
            return Arc::clone(shares);
        }
        let zone = self.query.settings.zone;
        let shares = self.one(dimension::weekday(e.at(), zone));
        let day = day_span(e.at().with_timezone(&zone).date_naive(), zone);
        self.day = Some((millis(day.from)..millis(day.to), Arc::clone(&shares)));
        shares
    }

    /// A release counts once over the groups it touches: evenly, where its members are each of one group.
    fn release(&mut self, events: &[EventRef<'_>]) -> Shares {
        let mut touched: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        for e in events {
            for (name, share) in self.event(*e).iter() {
                let most = touched.entry(Arc::clone(name)).or_default();
                *most = most.max(*share);
            }
        }
        let all: f64 = touched.values().sum();
        touched.into_iter().map(|(name, share)| (name, share / all)).collect()
    }

    /// Owners inside the scope, by their shares of what the scope has.
    fn teams(&mut self, owners: &Owners) -> Shares {
        let place = owners.as_ptr();
        if let Some(known) = self.owners.get(&place) {
            return Arc::clone(known);
        }
        let inside = matches!(self.query.scope, Scope::Team(_));
        let mine: Vec<(Arc<str>, f64)> =
            owners.iter().filter(|(team, share)| *share > 0.0 && (!inside || self.whose.is_mine(team))).cloned().collect();
        let all: f64 = mine.iter().map(|(_, share)| share).sum();
        let shares: Shares = if all <= 0.0 {
            self.one(UNATTRIBUTED)
        } else if self.joint && mine.len() > 1 {
            let names: Vec<&str> = mine.iter().map(|(team, _)| &**team).collect();
            self.one(&names.join(" + "))
        } else {
            mine.into_iter().map(|(team, share)| (team, share / all)).collect()
        };
        self.owners.insert(place, Arc::clone(&shares));
        shares
    }

    fn bucket(&mut self, b: &Bucket) -> Shares {
        if self.by == "team" {
            return self.teams(&b.teams);
        }
        let name = dimension::of_bucket(b, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }

    fn cost(&mut self, c: &Cost) -> Shares {
        if self.by == "team" {
            return self.one(c.team.as_deref().unwrap_or(UNALLOCATED));
        }
        let name = dimension::of_cost(c, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }

    fn record(&mut self, r: &Record) -> Shares {
        if self.by == "team" {
            let owner = scope::owner(r, self.query.roster).unwrap_or(UNATTRIBUTED).to_owned();
            return self.one(&owner);
        }
        let name = dimension::of_record(r, &self.by, self.query.settings.zone).unwrap_or_default();
        self.one(&name)
    }
}
