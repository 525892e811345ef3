//! Sources: the only road from outside to records.
//!
//! A source says what is new since a cursor, all or nothing, and decides nothing. It knows neither the store, nor the
//! schedule, nor the screen, nor another source; waiting, retrying, timing and limiting are the engine's. Times come in
//! as `now`; the clock is never read here. All text is sanitised before it leaves (`Batch::clean`).

pub mod clean;
pub mod files;
pub mod focus;
pub mod git;
pub mod http;
pub mod import;
pub mod paths;
pub mod probe;
pub mod prometheus;
pub mod records;

use std::{future::Future, path::PathBuf, pin::Pin, time::Duration};

use crate::{
    config::{Fault, OwnKeys, SourceConfig},
    domain::{
        Time,
        health::Progress,
        near,
        record::{Kind as RecordKind, Record},
    },
};

/// A boxed future, so that sources are objects.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a source stopped reading: opaque to everyone else, kept with the batch it came from. `""` is the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub String);

/// What one poll brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// New or changed records; re-reading is safe.
    pub records: Vec<Record>,
    /// Where to go on.
    pub cursor: Cursor,
    /// There is more to read now (a backfill in steps): poll again at once.
    pub more: bool,
    /// Of the backfill.
    pub progress: Option<Progress>,
    /// History is complete from here on, when known.
    pub backfilled_from: Option<Time>,
    /// One line for the Sources screen (`412 commits, 12 tags`; `partial: …`).
    pub message: String,
    /// Requests the upstream still allows, when it says so.
    pub budget_left: Option<u64>,
}

impl Batch {
    /// Make every record safe: text that no terminal interprets, finite numbers, times a calendar can hold. A record that
    /// cannot be used is left out and said in `message`.
    pub fn clean(&mut self) {
        let (mut left_out, mut why) = (0_usize, String::new());
        self.records.retain_mut(|record| match clean::clean_record(record) {
            Ok(()) => true,
            Err(reason) => {
                left_out += 1;
                if why.is_empty() {
                    why = reason;
                }
                false
            }
        });
        if left_out > 0 {
            let said = std::mem::take(&mut self.message);
            let gap = if said.is_empty() { "" } else { "; " };
            self.message = format!("partial: {left_out} records left out ({why}){gap}{said}");
        }
        crate::domain::text::clean_in_place(&mut self.message);
    }
}

/// Why a poll failed. Messages are for a person and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not allowed: token missing, wrong or without the right.
    #[error("{0}")]
    Denied(String),
    /// Told to slow down; wait this long when the upstream says so.
    #[error("{message}")]
    Throttled {
        /// For a person.
        message: String,
        /// From `Retry-After` and its kin.
        retry_after: Option<Duration>,
    },
    /// No answer, or a server's own fault (5xx).
    #[error("{0}")]
    Unreachable(String),
    /// An answer that is not what was expected.
    #[error("{0}")]
    Malformed(String),
    /// An answer that came too late.
    #[error("no answer within {0:?}")]
    Slow(Duration),
}

/// One configured source.
pub trait Source: Send + Sync {
    /// What is new or changed since `cursor`, all or nothing.
    fn poll<'a>(&'a self, cursor: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>>;

    /// Files or directories whose change is worth a poll at once.
    fn watch(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Sources with the same key share one rate budget (host and credential).
    fn budget_key(&self) -> Option<String> {
        None
    }
}

/// What a source is built from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name in the config; becomes `Record::source`.
    pub name: String,
    /// How far back to read at first.
    pub backfill: Option<Duration>,
    /// Bound on one request.
    pub timeout: Duration,
    /// Planned pause between polls.
    pub every: Duration,
    /// The kind's own keys.
    pub own: OwnKeys,
}

/// A source, or every fault of its block.
pub type Built = Result<Box<dyn Source>, Vec<Fault>>;

/// A kind of source: one row, one file.
pub struct Kind {
    /// `kind = "…"`.
    pub name: &'static str,
    /// One line for the README and `library --sources`.
    pub summary: &'static str,
    /// Its block of `config.example.toml`.
    pub example: &'static str,
    /// Record kinds it can report.
    pub feeds: &'static [RecordKind],
    /// Default pause between polls.
    pub every: Duration,
    /// Build one from its block.
    pub build: fn(&Settings) -> Built,
}

/// Every kind.
pub const KINDS: &[&Kind] = &[
    // one a line: additions do not collide
    &git::KIND,
    &probe::KIND,
    &prometheus::KIND,
    &files::KIND,
    &focus::KIND,
    &records::KIND,
];

/// The kind of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|k| k.name == name)
}

/// Build a configured source.
///
/// # Errors
/// Unknown kind, unknown keys, wrong types: with line and column.
pub fn build(config: &SourceConfig) -> Result<(Box<dyn Source>, &'static Kind), Vec<Fault>> {
    let Some(kind) = find(&config.kind) else {
        let known: Vec<&str> = KINDS.iter().map(|k| k.name).collect();
        return Err(vec![config.own.fault(format!("source `{}`: {}", config.name, near::unknown("kind", &config.kind, &known)))]);
    };
    let settings = Settings {
        name: config.name.clone(),
        backfill: config.backfill,
        timeout: config.timeout.unwrap_or(Duration::from_secs(30)),
        every: config.every.unwrap_or(kind.every),
        own: config.own.clone(),
    };
    Ok(((kind.build)(&settings)?, kind))
}
