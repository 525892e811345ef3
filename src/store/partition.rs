//! Which records must be derived together: a partition is everything connected by a shared repository or service.
//!
//! Ties are written as records arrive (a deployment of service S from repository R ties S and R) and are never taken
//! back: a partition that is larger than it need be costs time, one that is too small is wrong.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, params};

use super::names::{Names, Space};
use crate::domain::team::Roster;

/// Names that belong together, and ids that are mentioned from elsewhere.
#[derive(Debug, Default)]
pub(super) struct Ties {
    pairs: HashSet<(i64, i64)>,
    mentions: HashMap<i64, BTreeSet<i64>>,
}

impl Ties {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut ties = Self::default();
        let mut pairs = conn.prepare("SELECT a, b FROM tie")?;
        let mut rows = pairs.query([])?;
        while let Some(row) = rows.next()? {
            ties.pairs.insert((row.get(0)?, row.get(1)?));
        }
        let mut mentions = conn.prepare("SELECT hash, home FROM mention")?;
        let mut rows = mentions.query([])?;
        while let Some(row) = rows.next()? {
            ties.mentions.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        Ok(ties)
    }

    /// `a` and `b` are derived together from now on; 0 is no name.
    pub(super) fn tie(&mut self, conn: &Connection, a: i64, b: i64) -> rusqlite::Result<()> {
        let pair = (a.min(b), a.max(b));
        if pair.0 <= 0 || pair.0 == pair.1 || !self.pairs.insert(pair) {
            return Ok(());
        }
        conn.prepare_cached("INSERT OR IGNORE INTO tie (a, b) VALUES (?1, ?2)")?.execute(params![pair.0, pair.1])?;
        Ok(())
    }

    /// A record at `home` names the record whose id has this hash, wherever that one is or will be.
    pub(super) fn mention(&mut self, conn: &Connection, hash: i64, home: i64) -> rusqlite::Result<()> {
        if !self.mentions.entry(hash).or_default().insert(home) {
            return Ok(());
        }
        conn.prepare_cached("INSERT OR IGNORE INTO mention (hash, home) VALUES (?1, ?2)")?.execute(params![hash, home])?;
        let mut find = conn.prepare_cached("SELECT DISTINCT home FROM record WHERE hash = ?1 AND home > 0")?;
        let homes: Vec<i64> = find.query_map([hash], |r| r.get(0))?.collect::<Result<_, _>>()?;
        homes.into_iter().try_for_each(|other| self.tie(conn, home, other))
    }

    /// A record arrived at `home`: tie it to whoever mentions it.
    pub(super) fn arrived(&mut self, conn: &Connection, hash: i64, home: i64) -> rusqlite::Result<()> {
        let Some(from) = self.mentions.get(&hash) else { return Ok(()) };
        let from: Vec<i64> = from.iter().copied().collect();
        from.into_iter().try_for_each(|other| self.tie(conn, home, other))
    }

    /// All names derived together with `home`, itself included, sorted; the roster's service → repository lines tie too.
    pub(super) fn partition(&self, home: i64, names: &Names, roster: &Roster) -> Vec<i64> {
        let mut near: HashMap<i64, Vec<i64>> = HashMap::new();
        let catalog = roster
            .services
            .values()
            .filter_map(|s| Some((names.find(Space::Service, &s.name)?, names.find(Space::Repo, s.repo.as_deref()?)?)));
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
