//! One partition's records put in order: one revision per identity, sorted by time, found by the names people and
//! sources use for them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use crate::domain::{
    Time,
    record::{Body, Change, Commit, Deployment, Incident, Record},
};

/// A record of one kind with its key and the time it counts at.
#[derive(Debug)]
pub(super) struct Entry<'a, T> {
    pub record: &'a Record,
    pub body: &'a T,
    pub key: String,
    /// Deployment: finished. Change: merged. Commit: committed. Incident: started. `None`: not (yet), or after `now`.
    pub at: Option<Time>,
}

/// Deployments, changes, commits and incidents, each in order of (time, key).
#[derive(Debug, Default)]
pub(super) struct Partition<'a> {
    pub deployments: Vec<Entry<'a, Deployment>>,
    pub changes: Vec<Entry<'a, Change>>,
    pub commits: Vec<Entry<'a, Commit>>,
    pub incidents: Vec<Entry<'a, Incident>>,
}

/// Finds records of one kind by name.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    by_id: HashMap<&'a str, Vec<usize>>,
    /// Numbers, merge commits: names that several kinds of source use besides the id.
    also: HashMap<Cow<'a, str>, Vec<usize>>,
}

impl<'a> Partition<'a> {
    /// The newest revision of every identity, without tombstones. The order of `records` does not matter.
    pub fn new(records: &'a [Record], now: Time) -> Self {
        let mut out = Self::default();
        for record in newest(records) {
            let past = |at: Option<Time>| at.filter(|at| *at <= now);
            match &record.body {
                Body::Deployment(body) => {
                    out.deployments.push(entry(record, body, past(body.finished_at.or_else(|| record.event_time()))));
                }
                Body::Change(body) => out.changes.push(entry(record, body, past(body.merged_at))),
                Body::Commit(body) => out.commits.push(entry(record, body, past(record.event_time()))),
                Body::Incident(body) => {
                    out.incidents.push(entry(record, body, past(body.started_at.or(body.detected_at).or(record.ts))));
                }
                _ => {}
            }
        }
        out.deployments.sort_by(|a, b| (a.at, a.body.started_at, &a.key).cmp(&(b.at, b.body.started_at, &b.key)));
        out.changes.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        out.commits.sort_by(|a, b| a.key.cmp(&b.key));
        out.incidents.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        out
    }

    pub fn deployment_names(&self) -> Names<'a> {
        let mut names = Names::of(&self.deployments);
        for (i, d) in self.deployments.iter().enumerate() {
            for name in [&d.body.sha, &d.body.version].into_iter().flatten() {
                names.also(Cow::Borrowed(name), i);
            }
        }
        names
    }

    pub fn change_names(&self) -> Names<'a> {
        let mut names = Names::of(&self.changes);
        for (i, c) in self.changes.iter().enumerate() {
            if let Some(number) = c.body.number {
                for mark in ["", "#", "!"] {
                    names.also(Cow::Owned(format!("{mark}{number}")), i);
                }
            }
            for sha in [&c.body.merge_sha, &c.body.head_sha].into_iter().flatten() {
                names.also(Cow::Borrowed(sha), i);
            }
        }
        names
    }

    pub fn incident_names(&self) -> Names<'a> {
        Names::of(&self.incidents)
    }
}

/// The newest revision of every identity, without tombstones, in no order.
pub(super) fn newest(records: &[Record]) -> impl Iterator<Item = &Record> {
    let mut newest: HashMap<(&str, &str), &Record> = HashMap::with_capacity(records.len());
    for record in records {
        newest
            .entry((&record.source, &record.id))
            .and_modify(|known| {
                if supersedes(record, known) {
                    *known = record;
                }
            })
            .or_insert(record);
    }
    newest.into_values().filter(|r| !r.deleted)
}

fn entry<'a, T>(record: &'a Record, body: &'a T, at: Option<Time>) -> Entry<'a, T> {
    Entry { record, body, key: record.key(), at }
}

/// Later revision wins; of equal ones a tombstone, then whichever has the greater text, so that order never decides.
fn supersedes(new: &Record, known: &Record) -> bool {
    let rank = |r: &Record| (r.revision(), r.deleted);
    match rank(new).cmp(&rank(known)) {
        std::cmp::Ordering::Equal => new != known && format!("{new:?}") > format!("{known:?}"),
        order => order.is_gt(),
    }
}

impl<'a> Names<'a> {
    fn of<T>(entries: &[Entry<'a, T>]) -> Self {
        let mut by_id: HashMap<&str, Vec<usize>> = HashMap::with_capacity(entries.len());
        for (i, e) in entries.iter().enumerate() {
            by_id.entry(&e.record.id).or_default().push(i);
        }
        Self { by_id, also: HashMap::new() }
    }

    fn also(&mut self, name: Cow<'a, str>, at: usize) {
        self.also.entry(name).or_default().push(at);
    }

    /// The record that `name` means when `from` says it: by id or `source/id`, else by the other names; of several the
    /// one of the same source and repository, then the latest.
    pub fn find<T>(&self, entries: &[Entry<'a, T>], name: &str, from: &Record) -> Option<usize> {
        let near = |i: &&usize| {
            let r = entries[**i].record;
            (r.source == from.source, r.repo.is_some() && r.repo == from.repo, **i)
        };
        if let Some(list) = self.by_id.get(name) {
            return list.iter().max_by_key(near).copied();
        }
        for (slash, _) in name.match_indices('/') {
            let (source, id) = (&name[..slash], &name[slash + 1..]);
            if let Some(i) = self.by_id.get(id).and_then(|list| list.iter().find(|i| entries[**i].record.source == source)) {
                return Some(*i);
            }
        }
        self.also.get(name)?.iter().max_by_key(near).copied()
    }
}

/// Groups of deployments that replace one another: per service (else repository) and tier, in order of time.
pub(super) fn histories<'p>(deployments: &'p [Entry<'_, Deployment>]) -> BTreeMap<(&'p str, &'p str), Vec<usize>> {
    let mut out: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, d) in deployments.iter().enumerate().filter(|(_, d)| d.at.is_some()) {
        out.entry((unit(d.record), d.record.env_tier.as_deref().unwrap_or_default())).or_default().push(i);
    }
    out
}

/// What a deployment replaces an earlier one of: the service, else the repository.
pub(super) fn unit(record: &Record) -> &str {
    let named = |name: &'_ Option<String>| name.as_deref().is_some_and(|n| !n.is_empty());
    match (named(&record.service), named(&record.repo)) {
        (true, _) => record.service.as_deref().unwrap_or_default(),
        (false, true) => record.repo.as_deref().unwrap_or_default(),
        _ => "",
    }
}
