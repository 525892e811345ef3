//! The embedded store: SQLite in WAL mode, one writer, any number of readers.
//!
//! Records are kept as reported. A commit takes batches with their cursors and what follows from them (derived rows,
//! fact chunks, live buckets) in one transaction, so a crash neither loses nor doubles anything. When more batches wait,
//! derivation is put off and the touched partitions are marked in the same transaction; the marks are worked off in a
//! later one, also after a crash. The writer knows no source and no schedule.

mod chunk;
mod cost;
mod derive;
mod derived;
mod ingest;
mod live;
mod names;
mod open;
mod pack;
mod partition;
mod read;
mod reader;
mod restated;
mod retain;
mod roster;
mod row;

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use self::ingest::{State, Touched};
pub use self::reader::Reader;
use crate::{
    domain::{
        Time,
        record::{Kind, Record},
        team::Roster,
        window::{Tz, Window, millis},
    },
    kpi::fact::Measure,
    ledger::Rules,
};

/// What went wrong with the store; messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Any of: cannot be opened, is not a store, is corrupt, is newer than this program, disk full, read-only.
    #[error("{0}")]
    Failed(String),
    /// Another process writes; open a [`Reader`] instead.
    #[error("{0}")]
    Busy(String),
}

/// One source's batch on its way in.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// Source name.
    pub source: String,
    /// Records, already cleaned.
    pub records: Vec<Record>,
    /// The source's cursor after them; `None` leaves it.
    pub cursor: Option<String>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Committed {
    /// Records that were new or newer.
    pub changed: u64,
    /// Records that were older than, or equal to, what was there.
    pub unchanged: u64,
    /// Derivation was put off.
    pub deferred: bool,
}

/// What facts to load.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "what to load besides, each independent of the others")]
pub struct FactQuery {
    /// Event measures.
    pub measures: Vec<Measure>,
    /// Canonical names of live series (`probe`, `requests`, `errors`, `latency`, …).
    pub live: Vec<String>,
    /// Costs too.
    pub costs: bool,
    /// Kinds with few rows to load as records (those at or before `window.to`; for `Quality` the last per project).
    pub records: Vec<Kind>,
    /// Only of this service.
    pub service: Option<String>,
    /// Fill `Event::key` (and `Cost::key`); without it they are empty, which is what makes wide windows cheap.
    pub keys: bool,
    /// Fill `Event::dims`; without it they are empty.
    pub dims: bool,
    /// Whose live series and small records are that name no team; absent: nobody's.
    pub roster: Option<Arc<Roster>>,
    /// Keep live series of one metric and service apart by their labels. Without it counters and histograms are added up.
    pub labels: bool,
}

/// Which facts to name, the newest first.
#[derive(Debug, Clone, Copy)]
pub struct NewestQuery<'a> {
    /// Of what.
    pub measure: Measure,
    /// By the facts' own time; what is still open in it belongs to it.
    pub window: Window,
    /// Only with this flag (`kpi::fact::flag`); 0: any.
    pub flag: u16,
    /// Only of this service.
    pub service: Option<&'a str>,
    /// Only owned, also in part, by one of these teams; none: anybody's.
    pub teams: &'a [String],
    /// At most.
    pub limit: usize,
}

/// What rows to load.
#[derive(Debug, Clone, Default)]
pub struct RowQuery {
    /// Kinds; empty means all.
    pub kinds: Vec<Kind>,
    /// By event time.
    pub window: Option<Window>,
    /// Only of this service.
    pub service: Option<String>,
    /// Only attributed to one of these teams.
    pub teams: Vec<String>,
    /// Only these keys.
    pub keys: Vec<String>,
    /// At most, newest first; 0 is no bound.
    pub limit: usize,
    /// Whose records are that the ledger does not attribute (costs, quality, …), when `teams` are asked for.
    pub roster: Option<Arc<Roster>>,
}

/// Records read in one go when working off what was put off; larger partitions are still done whole.
const SLICE: usize = 20_000;

/// Records in one commit for which more room pays.
const MANY: usize = 10_000;

/// The writing side. One per file; a second one gets [`StoreError::Busy`].
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    path: PathBuf,
    /// Held, never used: dropping it lets the next writer in.
    _lock: File,
    /// Given to SQLite at present.
    room: open::Room,
    held: Held,
}

/// What the writer holds in memory between commits; all of it follows from the file and the configuration.
#[derive(Debug)]
struct Held {
    state: State,
    zone: Tz,
    basis: Option<Basis>,
}

/// The roster and rules in force, and what they were made from.
#[derive(Debug)]
struct Basis {
    configured: Roster,
    rules: Rules,
    roster: Arc<Roster>,
}

impl Store {
    /// Open or create. Refuses a newer schema and a corrupt file without touching either.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (conn, lock) = open::writer(path)?;
        let state = State::load(&conn).map_err(|e| open::fault(path, "reading", &e))?;
        Ok(Self { conn, path: path.to_owned(), _lock: lock, room: open::USUAL, held: Held { state, zone: Tz::UTC, basis: None } })
    }

    /// The zone whose calendar days costs are split into. Costs are folded again when it changes.
    #[must_use]
    pub fn with_zone(mut self, zone: Tz) -> Self {
        self.set_zone(zone);
        self
    }

    /// See [`Store::with_zone`].
    pub fn set_zone(&mut self, zone: Tz) {
        if self.held.zone != zone {
            self.held.zone = zone;
            self.held.basis = None;
        }
    }

    /// Take batches in. With `derive_now` the derived rows are in the same transaction. `roster` is the configured one;
    /// what catalog and ownership records add to it is added here.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the batches is then in the store.
    pub fn commit(
        &mut self,
        batches: &[Incoming],
        roster: &Roster,
        rules: &Rules,
        now: Time,
        derive_now: bool,
    ) -> Result<Committed, StoreError> {
        let many = batches.iter().map(|b| b.records.len()).sum::<usize>() > MANY;
        self.give(if many { open::LARGE } else { open::USUAL })?;
        self.transaction("writing", |held, tx| {
            let mut touched = Touched::default();
            for batch in batches {
                ingest::take(tx, &mut held.state, &batch.records, now, &mut touched)?;
                if let Some(cursor) = &batch.cursor {
                    tx.prepare_cached("INSERT OR REPLACE INTO cursor (source, cursor) VALUES (?1, ?2)")?
                        .execute(params![batch.source, cursor])?;
                }
            }
            for record in touched.restated.records(&held.state.names, now) {
                ingest::take(tx, &mut held.state, std::slice::from_ref(&record), now, &mut touched)?;
                touched.changed -= 1;
            }
            count(tx, &touched)?;
            if let Some(span) = touched.maintenance {
                live::touch_probes(tx, span, &mut touched)?;
            }
            let roster = held.settle(tx, roster, rules, touched.catalog)?;
            if derive_now {
                let basis = derive::Basis { roster: &roster, rules, now };
                derive::homes(tx, &mut held.state, &touched.homes, basis)?;
                cost::fold(tx, &held.state.names, &touched.costs, held.zone)?;
                live::fold::spans(tx, &mut held.state.series.minutes, &touched.live, now)?;
            } else {
                derive::mark(tx, touched.homes.iter().copied(), i64::MIN)?;
                cost::mark(tx, &touched.costs)?;
                live::fold::mark(tx, &touched.live)?;
            }
            Ok(Committed { changed: touched.changed, unchanged: touched.unchanged, deferred: pending(tx, now)? })
        })
    }

    /// Pages kept from one large commit are what the next one needs; whoever comes after them gives the memory back.
    fn give(&mut self, room: open::Room) -> Result<(), StoreError> {
        if self.room != room {
            open::give(&self.conn, room).map_err(|e| open::fault(&self.path, "writing", &e))?;
            self.room = room;
        }
        Ok(())
    }

    /// Work off a part of put-off derivation; `true` when there is more of it, so call it until it is not. Also re-derives
    /// all when roster, rules or zone changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn derive_pending(&mut self, roster: &Roster, rules: &Rules, now: Time) -> Result<bool, StoreError> {
        let unchanged = self.held.basis.as_ref().is_some_and(|b| b.configured == *roster && b.rules == *rules);
        let due = !unchanged || pending(&self.conn, now).map_err(|e| open::fault(&self.path, "reading", &e))?;
        let more = due
            && self.transaction("writing", |held, tx| {
                let roster = held.settle(tx, roster, rules, false)?;
                let basis = derive::Basis { roster: &roster, rules, now };
                let mut read = 0;
                while read < SLICE
                    && let Some(home) = derive::next(tx, now)?
                {
                    read += 1 + derive::homes(tx, &mut held.state, &BTreeSet::from([home]), basis)?;
                }
                if read < SLICE {
                    read += live::fold::some(tx, &mut held.state.series.minutes, SLICE - read, now)?;
                }
                if read < SLICE {
                    let months = cost::unmark(tx)?;
                    cost::fold(tx, &held.state.names, &months, held.zone)?;
                }
                pending(tx, now)
            })?;
        if !more {
            self.give(open::USUAL)?;
        }
        Ok(more)
    }

    /// Drop what is past its keep: minutes are then only in their hours, hours only in their days.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retain(&mut self, keep: &Keep, now: Time) -> Result<(), StoreError> {
        self.transaction("clearing", |held, tx| {
            held.state.series.minutes.retain(millis(now) - live::HOUR);
            retain::all(tx, keep, now)
        })?;
        // Freed pages go back to the file system a little at a time.
        self.conn.execute_batch("PRAGMA incremental_vacuum(2000)").map_err(|e| open::fault(&self.path, "clearing", &e))
    }

    /// The reading side on the same file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Breaks off what a statement of this store is doing, from another thread; the transaction is rolled back.
    pub fn interrupt(&self) -> rusqlite::InterruptHandle {
        self.conn.get_interrupt_handle()
    }

    /// All or nothing; on failure what is held in memory is read again from the file.
    fn transaction<T>(&mut self, doing: &str, work: impl FnOnce(&mut Held, &Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let Self { conn, path, held, .. } = self;
        let done = Transaction::new_unchecked(conn, TransactionBehavior::Immediate).and_then(|tx| {
            let done = work(held, &tx)?;
            tx.commit()?;
            Ok(done)
        });
        done.map_err(|e| {
            held.basis = None;
            match State::load(conn) {
                Ok(state) => held.state = state,
                Err(e) => return open::fault(path, "reading", &e),
            }
            open::fault(path, doing, &e)
        })
    }
}

impl Held {
    /// The roster in force. When it, the rules, the zone or the program's derivation changed since the last time,
    /// everything is marked to be derived again.
    fn settle(&mut self, tx: &Connection, configured: &Roster, rules: &Rules, catalog: bool) -> rusqlite::Result<Arc<Roster>> {
        if let Some(basis) = &self.basis
            && !catalog
            && basis.configured == *configured
            && basis.rules == *rules
        {
            return Ok(Arc::clone(&basis.roster));
        }
        let roster = Arc::new(roster::assemble(tx, &self.state.names, configured)?);
        let text = format!("{} {roster:?} {rules:?}", derive::VERSION);
        let digest: String = Sha256::digest(text).iter().fold(String::new(), |text, b| text + &format!("{b:02x}"));
        if meta(tx, "derived_with")?.as_deref() != Some(&digest) {
            derive::mark_all(tx, self.state.names.homes().chain([0]))?;
            set_meta(tx, "derived_with", &digest)?;
        }
        let costs = format!("{} {}", derive::VERSION, self.zone.name());
        if meta(tx, "zone")?.as_deref() != Some(&costs) {
            cost::mark_all(tx)?;
            set_meta(tx, "zone", &costs)?;
        }
        self.basis = Some(Basis { configured: configured.clone(), rules: rules.clone(), roster: Arc::clone(&roster) });
        Ok(roster)
    }
}

/// Is anything put off whose time has come?
fn pending(conn: &Connection, now: Time) -> rusqlite::Result<bool> {
    let mut find = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM dirty WHERE due <= ?1) OR EXISTS (SELECT 1 FROM dirty_cost) OR EXISTS (SELECT 1 FROM dirty_live)",
    )?;
    find.query_row([millis(now)], |r| r.get(0))
}

fn count(conn: &Connection, touched: &Touched) -> rusqlite::Result<()> {
    let mut add =
        conn.prepare_cached("INSERT INTO tally (kind, live) VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET live = live + excluded.live")?;
    touched.tally.iter().try_for_each(|(kind, more)| add.execute(params![kind, more]).map(drop))
}

fn meta(conn: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |r| r.get(0)).optional()
}

fn set_meta(conn: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?.execute(params![key, value])?;
    Ok(())
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Minute buckets, raw samples and probes.
    pub minutes: std::time::Duration,
    /// Hour buckets.
    pub hours: std::time::Duration,
    /// Event records; `None` for ever.
    pub records: Option<std::time::Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{Body, Change};

    fn change(id: usize) -> Record {
        let body = Change { title: "x".repeat(400), merged_at: Some(crate::domain::window::from_millis(1_000)), ..Change::default() };
        let mut r = Record::new("code", format!("{id}"), Body::Change(body));
        r.repo = Some(format!("acme/{}", id % 7));
        r
    }

    fn batch(ids: std::ops::Range<usize>) -> Vec<Incoming> {
        let cursor = Some(ids.end.to_string());
        vec![Incoming { source: "code".into(), records: ids.map(change).collect(), cursor }]
    }

    #[test]
    fn a_full_disk_is_said_keeps_nothing_half_and_goes_on_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deck.db");
        let mut store = Store::open(&path).unwrap();
        let (roster, rules, now) = (Roster::default(), Rules::default(), crate::domain::window::from_millis(2_000));
        store.commit(&batch(0..10), &roster, &rules, now, true).unwrap();
        let pages: i64 = store.conn.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        let limit = |store: &Store, pages: i64| {
            store.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |r| r.get::<_, i64>(0)).unwrap()
        };
        limit(&store, pages + 20);
        let error = store.commit(&batch(10..2_000), &roster, &rules, now, true).unwrap_err().to_string();
        assert!(error.contains("disk is full") && error.contains("free some space"), "{error}");
        let reader = store.reader().unwrap();
        assert_eq!((reader.counts().unwrap()[&Kind::Change], reader.cursor("code").unwrap().as_str()), (10, "10"));
        limit(&store, 1_000_000);
        store.commit(&batch(10..2_000), &roster, &rules, now, true).unwrap();
        assert_eq!((reader.counts().unwrap()[&Kind::Change], reader.cursor("code").unwrap().as_str()), (2_000, "2000"));
    }

    #[test]
    fn an_interrupted_commit_leaves_the_store_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("deck.db")).unwrap();
        let (roster, rules, now) = (Roster::default(), Rules::default(), crate::domain::window::from_millis(2_000));
        store
            .conn
            .execute_batch("CREATE TRIGGER fail BEFORE INSERT ON record WHEN new.id = '5' BEGIN SELECT RAISE(ABORT, 'told to'); END")
            .unwrap();
        store.commit(&batch(0..10), &roster, &rules, now, true).unwrap_err();
        store.conn.execute_batch("DROP TRIGGER fail").unwrap();
        assert!(store.reader().unwrap().counts().unwrap().is_empty());
        store.commit(&batch(0..10), &roster, &rules, now, true).unwrap();
        assert_eq!(store.reader().unwrap().counts().unwrap()[&Kind::Change], 10);
        assert_eq!(store.reader().unwrap().derived(&["code/5".into()]).unwrap().attributions.len(), 1, "names survived the rollback");
    }
}
