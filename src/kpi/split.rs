//! Facts cut by team and by service in one pass, so that a matrix of 50 teams does not scan everything 50 times. Tracks of
//! events are shared, not copied.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    business::Suppressed,
    fact::{Facts, Owners},
    scope,
};
use crate::domain::{
    record::{Body, Record},
    team::{Roster, UNATTRIBUTED},
};

impl Facts {
    /// Every team that owns a fact.
    #[must_use]
    pub fn teams(&self) -> BTreeSet<Arc<str>> {
        let mut out = BTreeSet::new();
        let mut last: Option<&Owners> = None;
        let tracks = self.events.all().map(|(_, t)| t).chain(self.defined.values().flatten());
        for teams in tracks.map(|t| &t.teams).chain(self.buckets.iter().map(|b| &b.teams)) {
            // Neighbours mostly share one interned list.
            if last.is_some_and(|l| Arc::ptr_eq(l, teams)) {
                continue;
            }
            last = Some(teams);
            for (team, _) in teams.iter() {
                if !out.contains(team) {
                    out.insert(Arc::clone(team));
                }
            }
        }
        out.extend(self.costs.iter().filter_map(|c| c.team.clone()));
        out.extend(self.records.iter().filter_map(|r| r.team.as_deref().map(Arc::from)));
        out
    }

    /// Facts by team; a parent team also gets its children's. Shares stay on the facts; formulas weigh them.
    #[must_use]
    pub fn by_team(&self, roster: &Roster) -> BTreeMap<String, Facts> {
        let mut ancestors: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for team in &roster.teams {
            for member in roster.family(&team.name) {
                ancestors.entry(member).or_default().push(&team.name);
            }
        }
        let of = |team: &str| -> Vec<String> {
            match ancestors.get(team) {
                Some(list) => list.iter().map(|t| (*t).to_owned()).collect(),
                None => vec![team.to_owned()],
            }
        };
        let owner = |r: &Record| scope::owner(r, roster).unwrap_or(UNATTRIBUTED).to_owned();
        let suppressed = self.suppressed.clone().unwrap_or_else(|| Arc::new(Suppressed::of(&self.records, roster)));
        self.cut(&suppressed, owner, |teams, explicit| {
            let mut names: Vec<String> = teams.iter().flat_map(|(t, _)| of(t)).chain(explicit.into_iter().flat_map(of)).collect();
            names.sort();
            names.dedup();
            names
        })
    }

    /// Facts by service; those without one are left out.
    #[must_use]
    pub fn by_service(&self) -> BTreeMap<String, Facts> {
        let mut out: BTreeMap<Arc<str>, Facts> = BTreeMap::new();
        for (measure, track) in self.events.all().filter(|(_, t)| !t.service.is_empty()) {
            entry(&mut out, &track.service).events.add(measure, Arc::clone(track));
        }
        for bucket in self.buckets.iter().filter(|b| !b.service.is_empty()) {
            entry(&mut out, &bucket.service).buckets.push(bucket.clone());
        }
        for cost in self.costs.iter().filter(|c| !c.service.is_empty()) {
            entry(&mut out, &cost.service).costs.push(cost.clone());
        }
        for record in &self.records {
            if let Some(service) = record.service.as_deref() {
                out.entry(Arc::from(service)).or_default();
            }
        }
        let common = self.without_owned();
        out.into_iter()
            .map(|(name, facts)| {
                let own = self.records.iter().filter(|r| !shared(r) && r.service.as_deref() == Some(&*name));
                (name.to_string(), facts.with(&common, own))
            })
            .collect()
    }

    /// What belongs to everybody: source states, annotations. What a scope without any fact of its own is judged on.
    #[must_use]
    pub fn without_owned(&self) -> Facts {
        Facts {
            records: self.records.iter().filter(|r| shared(r)).cloned().collect(),
            defined: Arc::clone(&self.defined),
            suppressed: self.suppressed.clone(),
            ever: self.ever.clone(),
            in_order: self.in_order,
            ..Facts::default()
        }
    }

    /// These events, buckets and costs of an owner, with its records and what belongs to everybody.
    fn with<'a>(self, common: &Facts, records: impl Iterator<Item = &'a Arc<Record>>) -> Facts {
        let Self { events, buckets, costs, .. } = self;
        let mut facts = Facts { events, buckets, costs, ..common.clone() };
        facts.records.extend(records.cloned());
        facts
    }

    /// The team that owns most of the events, if any does.
    #[must_use]
    pub fn main_team(&self) -> Option<Arc<str>> {
        let mut count: BTreeMap<&Arc<str>, f64> = BTreeMap::new();
        for (_, track) in self.events.all() {
            for (team, share) in track.teams.iter() {
                *count.entry(team).or_default() += share * track.len() as f64;
            }
        }
        count.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(team, _)| Arc::clone(team))
    }

    fn cut(
        &self,
        suppressed: &Arc<Suppressed>,
        owner: impl Fn(&Record) -> String,
        names: impl Fn(&[(Arc<str>, f64)], Option<&str>) -> Vec<String>,
    ) -> BTreeMap<String, Facts> {
        let mut out: BTreeMap<String, Facts> = BTreeMap::new();
        for (measure, track) in self.events.all() {
            for name in names(&track.teams, None) {
                by_name(&mut out, &name).events.add(measure, Arc::clone(track));
            }
        }
        for bucket in &self.buckets {
            for name in names(&bucket.teams, None) {
                by_name(&mut out, &name).buckets.push(bucket.clone());
            }
        }
        for cost in &self.costs {
            for name in names(&[], cost.team.as_deref()) {
                by_name(&mut out, &name).costs.push(cost.clone());
            }
        }
        let named: Vec<(Vec<String>, &Arc<Record>)> =
            self.records.iter().filter(|r| !shared(r)).map(|r| (names(&[], Some(&owner(r))), r)).collect();
        for (teams, _) in &named {
            for name in teams {
                by_name(&mut out, name);
            }
        }
        let common = Facts { suppressed: Some(Arc::clone(suppressed)), ..self.without_owned() };
        out.into_iter()
            .map(|(name, facts)| {
                let own = named.iter().filter(|(teams, _)| teams.contains(&name)).map(|(_, r)| *r);
                let facts = facts.with(&common, own);
                (name, facts)
            })
            .collect()
    }
}

/// Belongs to every scope: says something about sources or the calendar, not about one owner's work.
fn shared(record: &Record) -> bool {
    matches!(record.body, Body::SourceState(_) | Body::Annotation(_) | Body::Catalog(_) | Body::Ownership(_))
}

fn entry<'a>(out: &'a mut BTreeMap<Arc<str>, Facts>, name: &Arc<str>) -> &'a mut Facts {
    out.entry(Arc::clone(name)).or_default()
}

fn by_name<'a>(out: &'a mut BTreeMap<String, Facts>, name: &str) -> &'a mut Facts {
    if !out.contains_key(name) {
        out.insert(name.to_owned(), Facts::default());
    }
    out.entry(name.to_owned()).or_default()
}
