//! Which records must be derived together: a partition is everything connected by a shared repository or service.
//!
//! Ties are written as records arrive (a deployment of service S from repository R ties S and R) and are never taken
//! back: a partition that is larger than it need be costs time, one that is too small is wrong. What a record names and
//! its partition does not hold is looked for everywhere when the partition is derived, and remembered for when it comes.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, params};

use super::names::{Names, Space};
use crate::domain::{
    record::{Body, Record},
    team::Roster,
};

/// Names that belong together.
#[derive(Debug, Default)]
pub(super) struct Ties {
    pairs: HashSet<(i64, i64)>,
    /// Something is mentioned that was not there; every arrival is held against it.
    mentions: bool,
    /// Commits are being written down in `alias`.
    aliases: bool,
}

impl Ties {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut pairs = conn.prepare("SELECT a, b FROM tie")?;
        Ok(Self {
            pairs: pairs.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?,
            mentions: conn.prepare("SELECT 1 FROM mention LIMIT 1")?.exists([])?,
            aliases: super::meta(conn, "aliases")?.is_some(),
        })
    }

    /// `a` and `b` are derived together from now on; `true` when they were not tied before. 0 are the records without a home.
    pub(super) fn tie(&mut self, conn: &Connection, a: i64, b: i64) -> rusqlite::Result<bool> {
        let pair = (a.min(b), a.max(b));
        if pair.0 == pair.1 || !self.pairs.insert(pair) {
            return Ok(false);
        }
        conn.prepare_cached("INSERT OR IGNORE INTO tie (a, b) VALUES (?1, ?2)")?.execute(params![pair.0, pair.1])?;
        Ok(true)
    }

    /// A delivery record arrived at `home`: tie it to whoever mentions it or a commit it carries.
    pub(super) fn arrived(&mut self, conn: &Connection, record: &Record, hash: i64, home: i64) -> rusqlite::Result<()> {
        self.meet(conn, hash, home)?;
        if self.aliases {
            shas(&record.body).into_iter().try_for_each(|sha| self.carries(conn, sha, home))?;
        }
        Ok(())
    }

    fn meet(&mut self, conn: &Connection, hash: i64, home: i64) -> rusqlite::Result<()> {
        if !self.mentions {
            return Ok(());
        }
        let mut find = conn.prepare_cached("SELECT home FROM mention WHERE hash = ?1")?;
        let from: Vec<i64> = find.query_map([hash], |r| r.get(0))?.collect::<Result<_, _>>()?;
        from.into_iter().try_for_each(|other| self.tie(conn, home, other).map(drop))
    }

    fn carries(&mut self, conn: &Connection, sha: &str, home: i64) -> rusqlite::Result<()> {
        let hash = super::row::hash(sha);
        conn.prepare_cached("INSERT OR IGNORE INTO alias (hash, home) VALUES (?1, ?2)")?.execute(params![hash, home])?;
        self.meet(conn, hash, home)
    }

    /// Tie what these records of one partition name but do not hold to where it is; `true` when the partition has grown.
    pub(super) fn seek(&mut self, conn: &Connection, records: &[Record], home: i64) -> rusqlite::Result<bool> {
        let held: HashSet<&str> = records.iter().flat_map(|r| shas(&r.body).into_iter().chain([r.id.as_str()])).collect();
        let keys: HashSet<String> = records.iter().filter(|r| r.id.contains('/') || named_by_key(r)).map(Record::key).collect();
        let mut grown = false;
        for record in records {
            let names = named(record);
            for id in names.ids.iter().chain(&names.shas) {
                let bare = id.split_once('/').map(|(_, bare)| bare);
                if held.contains(id) || keys.contains(*id) || bare.is_some_and(|b| held.contains(b)) {
                    continue;
                }
                if !self.aliases && names.shas.contains(id) {
                    self.name_commits(conn)?;
                }
                grown |= self.mention(conn, super::row::hash(id), home)?;
                if let Some(bare) = bare {
                    grown |= self.mention(conn, super::row::hash(bare), home)?;
                }
            }
        }
        Ok(grown)
    }

    fn mention(&mut self, conn: &Connection, hash: i64, home: i64) -> rusqlite::Result<bool> {
        self.mentions = true;
        conn.prepare_cached("INSERT OR IGNORE INTO mention (hash, home) VALUES (?1, ?2)")?.execute(params![hash, home])?;
        let mut find = conn.prepare_cached("SELECT home FROM record WHERE hash = ?1 UNION SELECT home FROM alias WHERE hash = ?1")?;
        let homes: Vec<i64> = find.query_map([hash], |r| r.get(0))?.collect::<Result<_, _>>()?;
        homes.into_iter().try_fold(false, |grown, other| Ok(self.tie(conn, home, other)? || grown))
    }

    /// From now on commits are found by their sha. Only asked for once a deployment names a commit but no repository, for
    /// most companies never.
    fn name_commits(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.aliases = true;
        super::set_meta(conn, "aliases", "1")?;
        super::read::carriers(conn, &mut |record, home| shas(&record.body).into_iter().try_for_each(|sha| self.carries(conn, sha, home)))
    }

    /// All names derived together with `home`, itself included, sorted; the roster's service → repository lines tie too.
    pub(super) fn partition(&self, home: i64, names: &Names, roster: &Roster) -> Vec<i64> {
        let mut near: HashMap<i64, Vec<i64>> = HashMap::new();
        let catalog = roster
            .services
            .iter()
            .filter_map(|(name, s)| Some((names.find(Space::Service, name)?, names.find(Space::Repo, s.repo.as_deref()?)?)));
        for (a, b) in self.pairs.iter().copied().chain(catalog) {
            near.entry(a).or_default().push(b);
            near.entry(b).or_default().push(a);
        }
        let mut all = BTreeSet::from([home]);
        let mut next = vec![home];
        while let Some(at) = next.pop() {
            for other in near.get(&at).into_iter().flatten() {
                if all.insert(*other) {
                    next.push(*other);
                }
            }
        }
        all.into_iter().collect()
    }
}

/// Commits that a change or commit record carries.
fn shas(body: &Body) -> Vec<&str> {
    match body {
        Body::Change(c) => {
            let own = c.merge_sha.iter().chain(&c.head_sha).map(String::as_str);
            own.chain(c.commits.iter().map(|c| c.sha.as_str())).collect()
        }
        Body::Commit(c) => vec![c.sha.as_str()],
        _ => Vec::new(),
    }
}

/// What a record names: other records by id or key, and commits of a repository it does not name.
#[derive(Default)]
struct Named<'a> {
    ids: Vec<&'a str>,
    shas: Vec<&'a str>,
}

fn named(record: &Record) -> Named<'_> {
    let mut names = Named::default();
    match &record.body {
        Body::Incident(i) => names.ids.extend(i.caused_by.iter().chain(&i.duplicate_of).map(String::as_str)),
        Body::Deployment(d) => {
            names.ids.extend(d.change_ids.iter().chain(&d.remediates).chain(&d.rolls_back).map(String::as_str));
            if record.repo.is_none() {
                names.shas.extend(d.sha.iter().chain(&d.prev_sha).map(String::as_str));
            }
        }
        Body::Change(c) => names.ids.extend(c.reverts.as_deref()),
        _ => {}
    }
    names
}

/// Could somebody name it by `source/id`? Any record may be; keys are only built where an id alone would not do.
fn named_by_key(record: &Record) -> bool {
    matches!(record.body, Body::Deployment(_) | Body::Change(_) | Body::Incident(_)) && record.source.contains('/')
}
