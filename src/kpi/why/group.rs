//! Items by a dimension: team, service, repository, change type, severity, size, provider, weekday, any label.
//!
//! What belongs to several groups is shared among them, so that the groups add up to the whole; where a value cannot be
//! shared (a quantile), its owners together are a group of their own.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::parts::{Item, Of, Parts, Shape};
use crate::{
    analysis::histogram::Counts,
    domain::{record::Record, team::UNATTRIBUTED, value::Scope},
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
    pub values: Vec<f64>,
    pub counts: Counts,
}

/// Groups of one window by name.
pub(super) type Grouped = BTreeMap<String, Group>;

/// The items by a dimension, and the share of them that has a value for it.
pub(super) fn grouped(parts: &Parts<'_>, by: &str) -> (Grouped, f64) {
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
            match (parts.shape, &item.of) {
                (Shape::Quantile(_), _) => group.values.push(item.num),
                (Shape::Histogram(_), Of::Bucket(b)) => {
                    if let Some(hist) = &b.hist {
                        let counts = Counts { bounds: hist.bounds.clone(), counts: hist.counts.clone() };
                        let _ = group.counts.add(&counts, item.den * share);
                    }
                }
                _ => {
                    group.num += item.num * share;
                    group.den += item.den * share;
                }
            }
        }
    }
    let covered = if all > 0 { known as f64 / all as f64 } else { 0.0 };
    (sums.into_iter().map(|(name, group)| (name.to_string(), group)).collect(), covered)
}

/// Names of the dimensions that the items of either window have.
pub(super) fn names(was: &Parts<'_>, is: &Parts<'_>) -> Vec<String> {
    let mut fixed: BTreeSet<&'static str> = BTreeSet::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    let mut seen: BTreeSet<*const (Arc<str>, Arc<str>)> = BTreeSet::new();
    let mut of_event = |e: EventRef<'_>, labels: &mut BTreeSet<String>| {
        if seen.insert(e.dims().as_ptr()) {
            labels.extend(e.dims().iter().map(|(name, _)| name.to_string()));
        }
    };
    for item in was.items.iter().chain(&is.items) {
        match &item.of {
            Of::Event(e) => {
                fixed.extend(["team", "service", "weekday"]);
                of_event(*e, &mut labels);
            }
            Of::Release(events) => {
                fixed.extend(["team", "service", "weekday"]);
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
        let zone = self.query.settings.zone;
        match self.by.as_str() {
            "team" => self.teams(e.teams()),
            "service" | "weekday" => {
                let name = dimension::of_event(e, &self.by, zone).unwrap_or_default();
                self.one(&name)
            }
            _ => {
                let place = e.dims().as_ptr();
                if let Some(known) = self.dims.get(&place) {
                    return Arc::clone(known);
                }
                let name = dimension::of_event(e, &self.by, zone).unwrap_or_default();
                let shares = self.one(&name);
                self.dims.insert(place, Arc::clone(&shares));
                shares
            }
        }
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
