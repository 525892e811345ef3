//! The reading side: one method per question, each answered from one state of the store.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    FactQuery, NewestQuery, RowQuery, StoreError, live,
    names::{Names, Space},
    open, read, roster,
};
use crate::{
    domain::{
        Time,
        record::{Kind, Record},
        team::Roster,
        window::Window,
    },
    kpi::fact::{Facts, Measure},
    ledger::Derived,
};

/// The reading side; cheap to open, never blocks the writer.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    path: PathBuf,
    /// Read again when the file has more; only this reader's own thread looks at it.
    names: RefCell<Names>,
}

impl Reader {
    /// Open an existing store for reading.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let conn = open::reader(path)?;
        Ok(Self { conn, path: path.to_owned(), names: RefCell::default() })
    }

    /// Everything `look` reads sees one state of the store, whatever is committed meanwhile.
    ///
    /// # Errors
    /// [`StoreError`], or what `look` gives.
    pub fn snapshot<T>(&self, look: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.conn.is_autocommit() {
            return look(self);
        }
        let tx = self.conn.unchecked_transaction().map_err(|e| self.fault(&e))?;
        let done = look(self);
        tx.finish().map_err(|e| self.fault(&e))?;
        done
    }

    /// Keys of the records behind the newest facts, and how many such facts there are in all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest(&self, query: &NewestQuery<'_>) -> Result<(Vec<String>, u64), StoreError> {
        self.read(|conn, names| read::newest(conn, names, query))
    }

    /// Facts of a span. Open incidents and outages, and changes not yet shipped, are in the
    /// span when they began before its end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn facts(&self, query: &FactQuery, window: Window) -> Result<Facts, StoreError> {
        self.read(|conn, names| read::facts(conn, names, query, window))
    }

    /// Was there ever a fact of a measure before an instant, be it of one service?
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ever(&self, measure: Measure, before: Time, service: Option<&str>) -> Result<bool, StoreError> {
        self.read(|conn, names| read::ever(conn, names, measure, before, service))
    }

    /// Rows, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rows(&self, query: &RowQuery) -> Result<Vec<Record>, StoreError> {
        let mut out = Vec::new();
        self.read(|conn, names| {
            read::rows(conn, names, query, true, &mut |record| {
                out.push(record);
                query.limit == 0 || out.len() < query.limit
            })
        })?;
        Ok(out)
    }

    /// Every live record that matches, oldest first, one at a time, until `visit` says `false`; `limit` is ignored. Holds
    /// one record in memory, and sees one state of the store throughout.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn each(&self, query: &RowQuery, visit: &mut dyn FnMut(Record) -> bool) -> Result<(), StoreError> {
        let all = RowQuery { limit: 0, ..query.clone() };
        self.read(|conn, names| read::rows(conn, names, &all, false, visit))
    }

    /// What the ledger derived for these keys: of a change its shipments, of a deployment the changes it ships, of both ends
    /// their links.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn derived(&self, keys: &[String]) -> Result<Derived, StoreError> {
        self.read(|conn, names| read::derived(conn, names, keys))
    }

    /// A number that changes when another connection has committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).map_err(|e| self.fault(&e))
    }

    /// A source's cursor; empty at first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursor(&self, source: &str) -> Result<String, StoreError> {
        self.read(|conn, _| read::cursor(conn, source))
    }

    /// Number of live records by kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn counts(&self) -> Result<BTreeMap<Kind, u64>, StoreError> {
        self.read(|conn, _| read::counts(conn))
    }

    /// What was ever seen: record kinds by their word, live series as `sample:<metric>`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn seen(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(|conn, _| read::seen(conn))
    }

    /// Names of services that any record names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn services(&self) -> Result<Vec<String>, StoreError> {
        self.read(|conn, names| {
            let mut all = names.all(Space::Service);
            all.extend(live::services(conn)?);
            all.sort();
            all.dedup();
            Ok(all)
        })
    }

    /// The roster with what `Catalog` and `Ownership` records add to the configured one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roster(&self, configured: &Roster) -> Result<Roster, StoreError> {
        self.read(|conn, names| roster::assemble(conn, names, configured))
    }

    /// One state of the store, with names that are as new as it.
    fn read<T>(&self, look: impl FnOnce(&Connection, &Names) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.snapshot(|reader| {
            let conn = &reader.conn;
            let newest = conn.prepare_cached("SELECT coalesce(max(id), 0) FROM name").and_then(|mut find| find.query_row([], |r| r.get(0)));
            let done = newest.and_then(|newest: i64| {
                if reader.names.borrow().newest() < newest {
                    reader.names.replace(Names::load(conn)?);
                }
                look(conn, &reader.names.borrow())
            });
            done.map_err(|e| reader.fault(&e))
        })
    }

    fn fault(&self, e: &rusqlite::Error) -> StoreError {
        open::fault(&self.path, "reading", e)
    }
}
