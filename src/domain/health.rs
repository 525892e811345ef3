//! How each source is doing: what the Sources screen and `check` show.

use chrono::Duration;

use super::Time;

/// What a source is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceStatus {
    /// Not polled yet.
    Starting,
    /// Reading history.
    Backfilling,
    /// Last poll worked.
    Ok,
    /// Last poll worked, but too long ago.
    Stale,
    /// Last poll failed; waiting to try again.
    Failing,
    /// Refused by the upstream (401, 403): long pause.
    Denied,
    /// Told to slow down.
    Throttled,
    /// Switched off in the config.
    Off,
}

impl SourceStatus {
    /// The word on the screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Backfilling => "backfilling",
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Failing => "failing",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Off => "off",
        }
    }
}

/// Progress of a long read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Units done (commits, days, files).
    pub done: u64,
    /// Units in all, when known.
    pub total: Option<u64>,
}

/// One source's health.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceHealth {
    /// Name in the config.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// State.
    pub status: SourceStatus,
    /// One line for a person: what was tried, what went wrong, what to do; or what was read.
    pub message: String,
    /// Last poll that worked.
    pub last_success: Option<Time>,
    /// Next poll.
    pub next_try: Option<Time>,
    /// Failures in a row.
    pub failures: u32,
    /// Requests the upstream still allows, when it says so.
    pub budget_left: Option<u64>,
    /// Records taken in during the last minute.
    pub records_per_minute: u64,
    /// Records taken in since the start.
    pub records_total: u64,
    /// How long the last poll took.
    pub took: Option<Duration>,
    /// Of a backfill.
    pub progress: Option<Progress>,
}

impl SourceHealth {
    /// A source that has not been polled.
    #[must_use]
    pub fn starting(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            status: SourceStatus::Starting,
            message: String::new(),
            last_success: None,
            next_try: None,
            failures: 0,
            budget_left: None,
            records_per_minute: 0,
            records_total: 0,
            took: None,
            progress: None,
        }
    }
}
