//! One source's life: when to poll, how long to wait, what to make of a failure. Everything a source must not care about.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{Clock, keeper::ToKeeper};
use crate::{
    config::SourceConfig,
    domain::{
        Time,
        health::{SourceHealth, SourceStatus},
        record::{Body, Record, SourceState},
        text::clean,
    },
    sources::{Batch, Cursor, Source, SourceError},
    store::Incoming,
};

/// First pause after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A refusal does not mend itself quickly.
const DENIED_PAUSE: Duration = Duration::from_secs(600);
/// What an upstream may ask for.
const RETRY_AFTER: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
/// A success is written down at most this often: it is evidence of being alive, not a log.
const STATE_EVERY: chrono::Duration = chrono::Duration::minutes(5);
/// Changes on disk come in bursts.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// What is written to all the time is read this often.
const CHANGE_GAP: Duration = Duration::from_secs(1);

/// How long to wait after `failures` failures in a row, the last being `error`.
#[must_use]
pub fn pause(error: &SourceError, failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LONGEST_PAUSE);
    match error {
        SourceError::Denied(_) => DENIED_PAUSE,
        SourceError::Throttled { retry_after: Some(wait), .. } => (*wait).clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end()),
        SourceError::Throttled { retry_after: None, .. } => doubled.max(Duration::from_secs(30)),
        SourceError::Unreachable(_) | SourceError::Malformed(_) | SourceError::Slow(_) => doubled,
    }
}

/// A share of `span`, the same for a name each time, so that sources neither start nor poll in step.
#[must_use]
pub fn jitter(name: &str, span: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    span.mul_f64((hasher.finish() % 1_000) as f64 / 1_000.0)
}

/// What sources with one host and credential share: few requests at once, and each other's pauses.
#[derive(Debug)]
pub struct Budget {
    permits: Semaphore,
    not_before: watch::Sender<Option<Instant>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { permits: Semaphore::new(2), not_before: watch::Sender::new(None) }
    }
}

/// Budgets by key; made once, when the sources are started.
pub type Budgets = BTreeMap<String, Arc<Budget>>;

/// A source with everything its task needs.
pub struct Job {
    /// From the config.
    pub config: SourceConfig,
    /// The source.
    pub source: Box<dyn Source>,
    /// Record kinds it reports.
    pub feeds: Vec<String>,
    /// Pause between polls.
    pub every: Duration,
    /// Bound on one poll.
    pub timeout: Duration,
    /// Where to go on.
    pub cursor: Cursor,
    /// What is known of it from before.
    pub state: SourceState,
    /// Shared with others of the same host and credential.
    pub budget: Arc<Budget>,
    /// To the keeper.
    pub keeper: mpsc::Sender<ToKeeper>,
    /// Everybody's health; this job writes its own line.
    pub health: watch::Sender<Vec<SourceHealth>>,
    /// Rung for a poll at once.
    pub wake: Arc<Notify>,
    /// The clock.
    pub clock: Clock,
    /// Delay of the first poll.
    pub first: Duration,
}

impl Job {
    /// Poll for ever. Ends when the keeper is gone.
    pub async fn run(mut self) {
        let changed = Arc::new(Notify::new());
        let _watcher = watcher(&self.source.watch(), &changed);
        let mut due = Instant::now() + self.first;
        let mut read = Instant::now();
        let mut failures = 0;
        let mut recent: VecDeque<(Instant, u64)> = VecDeque::new();
        loop {
            tokio::select! {
                () = self.wait(due, &mut recent) => {}
                () = settled(&changed, read) => {}
            }
            let began = Instant::now();
            read = began;
            let result = self.poll(failures).await;
            let took = chrono::Duration::from_std(began.elapsed()).unwrap_or_default();
            match result {
                Ok((batch, records)) => {
                    failures = 0;
                    recent.push_back((Instant::now(), records));
                    let per_minute = rate(&mut recent);
                    let now = (self.clock)();
                    due = if batch.more { Instant::now() } else { Instant::now() + self.every };
                    let next = if batch.more { None } else { Some(self.every) };
                    self.say(next, |h| {
                        h.status = if batch.more { SourceStatus::Backfilling } else { SourceStatus::Ok };
                        h.message = clean(&batch.message);
                        h.failures = 0;
                        h.budget_left = batch.budget_left;
                        h.records_total += records;
                        h.progress = if batch.more { batch.progress } else { None };
                        h.took = Some(took);
                        h.last_success = Some(now);
                        h.records_per_minute = per_minute;
                    });
                }
                Err(Failure::KeeperGone) => return,
                Err(Failure::Source(error)) => {
                    failures += 1;
                    let per_minute = rate(&mut recent);
                    let wait = pause(&error, failures);
                    due = Instant::now() + wait + jitter(&self.config.name, wait.mul_f64(0.1));
                    if matches!(error, SourceError::Throttled { .. }) {
                        self.budget.not_before.send_replace(Some(due));
                    }
                    self.say(Some(wait), |h| {
                        h.status = match &error {
                            SourceError::Denied(_) => SourceStatus::Denied,
                            SourceError::Throttled { .. } => SourceStatus::Throttled,
                            _ => SourceStatus::Failing,
                        };
                        h.message = clean(&error.to_string());
                        h.failures = failures;
                        h.took = Some(took);
                        h.records_per_minute = per_minute;
                    });
                }
            }
        }
    }

    /// Until due, or until somebody asks. A minute of silence is also worth telling: the rate falls to zero.
    async fn wait(&self, due: Instant, recent: &mut VecDeque<(Instant, u64)>) {
        let quiet = recent.back().map(|(at, _)| *at + Duration::from_secs(60)).filter(|at| *at < due);
        if let Some(quiet) = quiet {
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.wake.notified() => return,
                () = sleep_until(quiet) => { recent.clear(); self.edit(|h| h.records_per_minute = 0); }
            }
        }
        tokio::select! {
            () = sleep_until(due) => {}
            () = self.wake.notified() => {}
        }
    }

    async fn poll(&mut self, failures: u32) -> Result<(Batch, u64), Failure> {
        let budget = Arc::clone(&self.budget);
        let not_before = *budget.not_before.borrow();
        if let Some(at) = not_before
            && failures == 0
            && at > Instant::now()
        {
            sleep_until(at).await;
        }
        let _permit = budget.permits.acquire().await;
        let now = (self.clock)();
        let mut batch = {
            let work = AssertUnwindSafe(self.source.poll(&self.cursor, now)).catch_unwind();
            let work = timeout(self.timeout, work);
            tokio::pin!(work);
            let stale = sleep_until(Instant::now() + self.every * 3);
            tokio::pin!(stale);
            let mut told = false;
            loop {
                tokio::select! {
                    done = &mut work => break match done {
                        Ok(Ok(result)) => result.map_err(Failure::Source)?,
                        Ok(Err(_)) => return Err(Failure::Source(SourceError::Malformed(format!(
                            "source `{}` met a defect of its own while reading (a panic); it is tried again, please report it",
                            self.config.name
                        )))),
                        Err(_) => return Err(Failure::Source(SourceError::Slow(self.timeout))),
                    },
                    () = &mut stale, if !told => {
                        told = true;
                        self.edit(|h| if h.status == SourceStatus::Ok { h.status = SourceStatus::Stale; "waiting for an answer".clone_into(&mut h.message); });
                    }
                }
            }
        };
        batch.clean();
        for record in &mut batch.records {
            self.adopt(record, now);
        }
        let count = batch.records.len() as u64;
        let mut records = std::mem::take(&mut batch.records);
        if let Some(state) = self.state_due(&batch, now) {
            records.push(state);
        }
        if !records.is_empty() || batch.cursor != self.cursor {
            let (ack, committed) = oneshot::channel();
            let incoming = Incoming { source: self.config.name.clone(), records, cursor: Some(batch.cursor.0.clone()) };
            self.keeper.send(ToKeeper::Batch { incoming, more: batch.more, ack }).await.map_err(|_| Failure::KeeperGone)?;
            committed.await.map_err(|_| Failure::KeeperGone)?.map_err(|why| Failure::Source(SourceError::Unreachable(why)))?;
            self.cursor = batch.cursor.clone();
        }
        Ok((batch, count))
    }

    /// The config's service, team and tier for records that say nothing themselves; nothing lies after now.
    fn adopt(&self, record: &mut Record, now: Time) {
        record.source.clone_from(&self.config.name);
        record.service = record.service.take().or_else(|| self.config.service.clone());
        record.team = record.team.take().or_else(|| self.config.team.clone());
        record.env_tier = record.env_tier.take().or_else(|| self.config.env_tier.clone());
        record.observed_at = Some(now);
    }

    /// The source's own record, when it says something new: first contact, deeper history, or still alive.
    fn state_due(&mut self, batch: &Batch, now: Time) -> Option<Record> {
        let deeper = batch.backfilled_from.is_some_and(|from| self.state.backfilled_from.is_none_or(|known| from < known));
        let due = self.state.last_success_at.is_none_or(|last| now - last >= STATE_EVERY || now < last);
        if !deeper && !due {
            return None;
        }
        self.state.connected_at = self.state.connected_at.or(Some(now));
        if deeper {
            self.state.backfilled_from = batch.backfilled_from;
        }
        self.state.last_success_at = Some(now);
        self.state.error = None;
        self.state.feeds.clone_from(&self.feeds);
        let mut record = Record::new(self.config.name.clone(), STATE_ID, Body::SourceState(self.state.clone()));
        record.ts = Some(now);
        record.updated_at = Some(now);
        Some(record)
    }

    fn say(&self, next: Option<Duration>, change: impl FnOnce(&mut SourceHealth)) {
        let next = next.and_then(|d| chrono::Duration::from_std(d).ok()).map(|d| (self.clock)() + d);
        self.edit(|h| {
            change(h);
            h.next_try = next;
        });
    }

    fn edit(&self, change: impl FnOnce(&mut SourceHealth)) {
        let name = &self.config.name;
        self.health.send_if_modified(|all| {
            let Some(mine) = all.iter_mut().find(|h| h.name == *name) else { return false };
            let before = mine.clone();
            change(mine);
            *mine != before
        });
    }
}

/// Records of the last minute; what is older is dropped.
fn rate(recent: &mut VecDeque<(Instant, u64)>) -> u64 {
    let minute_ago = Instant::now().checked_sub(Duration::from_secs(60));
    recent.retain(|(at, _)| minute_ago.is_none_or(|m| *at > m));
    recent.iter().map(|(_, n)| n).sum()
}

/// Id of the record a source's state is kept under.
pub const STATE_ID: &str = "source-state";

enum Failure {
    Source(SourceError),
    KeeperGone,
}

/// Until something on disk has changed, a moment for the rest of it, and at least [`CHANGE_GAP`] since it was `read`.
async fn settled(changed: &Notify, read: Instant) {
    changed.notified().await;
    sleep_until((Instant::now() + DEBOUNCE).max(read + CHANGE_GAP)).await;
}

/// Ring `wake` when one of `paths` changes. `None` when there is nothing to watch or it cannot be watched: polling remains.
fn watcher(paths: &[std::path::PathBuf], wake: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    use notify::{EventKind, RecursiveMode, Watcher};
    if paths.is_empty() {
        return None;
    }
    // Events name whole paths, whatever the configuration was called by.
    let (dirs, files): (Vec<_>, Vec<_>) = paths.iter().filter_map(|p| std::path::absolute(p).ok()).partition(|p| p.is_dir());
    let (ring, watched_dirs, watched) = (Arc::clone(wake), dirs.clone(), files.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let changes = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
        let ours = event.paths.iter().any(|p| watched.contains(p) || watched_dirs.iter().any(|d| p.starts_with(d)));
        if changes && ours {
            ring.notify_one();
        }
    })
    .ok()?;
    for dir in &dirs {
        watcher.watch(dir, RecursiveMode::Recursive).ok()?;
    }
    // A file is often replaced by renaming another onto it, so its directory is what can be watched.
    for parent in files.iter().filter_map(|f| f.parent()) {
        watcher.watch(parent, RecursiveMode::NonRecursive).ok()?;
    }
    Some(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_written_all_the_time_is_read_once_a_second_and_a_single_change_at_once() {
        let (changed, read) = (Notify::new(), Instant::now());
        changed.notify_one();
        settled(&changed, read).await;
        assert_eq!(read.elapsed(), CHANGE_GAP);
        tokio::time::advance(Duration::from_secs(9)).await;
        let rung = Instant::now();
        changed.notify_one();
        settled(&changed, read).await;
        assert_eq!(rung.elapsed(), DEBOUNCE);
    }

    #[tokio::test]
    async fn a_directory_named_relatively_is_watched_too() {
        let dir = tempfile::tempdir_in(".").unwrap();
        let relative = std::path::Path::new(".").join(dir.path().file_name().unwrap());
        let wake = Arc::new(Notify::new());
        let _watcher = watcher(&[relative], &wake).unwrap();
        std::fs::write(dir.path().join("a.csv"), "x").unwrap();
        timeout(Duration::from_secs(20), wake.notified()).await.expect("a new file rings");
    }
}
