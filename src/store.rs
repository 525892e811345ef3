//! The embedded store: SQLite in WAL mode, one writer, any number of readers.
//!
//! Records are kept as reported. A commit takes batches with their cursors and what follows from them (derived rows,
//! fact chunks, live buckets) in one transaction, so a crash neither loses nor doubles anything. When more batches wait,
//! derivation is put off and the touched partitions are marked in the same transaction; the marks are worked off in a
//! later one, also after a crash. The writer knows no source and no schedule.

use std::path::Path;

use crate::{
    domain::{
        Time,
        record::{Kind, Record},
        team::Roster,
        window::Window,
    },
    kpi::fact::{Facts, Measure},
    ledger::{Derived, Rules},
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
    /// At most; newest first.
    pub limit: usize,
}

/// The writing side. One per file; a second one gets [`StoreError::Busy`].
#[derive(Debug)]
pub struct Store {}

/// The reading side; cheap to open, never blocks the writer.
#[derive(Debug)]
pub struct Reader {}

impl Store {
    /// Open or create. Refuses a newer schema and a corrupt file without touching either.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Err(StoreError::Failed(format!("{}: the store is not built yet", path.display())))
    }

    /// Take batches in. With `derive_now` the derived rows are in the same transaction.
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
        let _ = (batches, roster, rules, now, derive_now);
        Ok(Committed::default())
    }

    /// Work off put-off derivation; `true` when something was done. Also re-derives all when roster or rules changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn derive_pending(&mut self, roster: &Roster, rules: &Rules, now: Time) -> Result<bool, StoreError> {
        let _ = (roster, rules, now);
        Ok(false)
    }

    /// Drop what is past its keep, fold minutes into hours and hours into days.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retain(&mut self, keep: &Keep, now: Time) -> Result<(), StoreError> {
        let _ = (keep, now);
        Ok(())
    }

    /// The reading side on the same file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader {})
    }
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

impl Reader {
    /// Open an existing store for reading.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Err(StoreError::Failed(format!("{}: the store is not built yet", path.display())))
    }

    /// Facts of a span.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn facts(&self, query: &FactQuery, window: Window) -> Result<Facts, StoreError> {
        let _ = (query, window);
        Ok(Facts::default())
    }

    /// Rows, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rows(&self, query: &RowQuery) -> Result<Vec<Record>, StoreError> {
        let _ = query;
        Ok(Vec::new())
    }

    /// Every live record that matches, oldest first, one at a time, until `visit` says `false`; `limit` is ignored. Holds
    /// one record in memory, and sees one state of the store throughout.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn each(&self, query: &RowQuery, visit: &mut dyn FnMut(Record) -> bool) -> Result<(), StoreError> {
        let _ = (query, visit);
        Ok(())
    }

    /// What the ledger derived for these keys (classes, shipments, links, attributions that mention them).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn derived(&self, keys: &[String]) -> Result<Derived, StoreError> {
        let _ = keys;
        Ok(Derived::default())
    }

    /// Changes when another process has committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn data_version(&self) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// A source's cursor; empty at first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cursor(&self, source: &str) -> Result<String, StoreError> {
        let _ = source;
        Ok(String::new())
    }

    /// Number of live records by kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn counts(&self) -> Result<std::collections::BTreeMap<Kind, u64>, StoreError> {
        Ok(std::collections::BTreeMap::new())
    }

    /// What was ever seen: record kinds by their word, live series as `sample:<metric>`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn seen(&self) -> Result<std::collections::BTreeSet<String>, StoreError> {
        Ok(std::collections::BTreeSet::new())
    }

    /// Names of services that any record names, with the team the catalog gives them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn services(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// The roster with what `Catalog` and `Ownership` records add to the configured one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn roster(&self, configured: &Roster) -> Result<Roster, StoreError> {
        Ok(configured.clone())
    }
}
