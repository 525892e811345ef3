//! The engine: runs the sources, owns the keeper, publishes boards and health. The only place that spawns, sleeps,
//! retries and reads the clock.
//!
//! ```text
//!  source task ─┐                    ┌─ watch<Arc<Board>>  ─► screen
//!  source task ─┼─ bounded mpsc ─► keeper thread ─┤
//!  source task ─┘                    └─ watch<Vec<SourceHealth>> ─► screen
//!       ▲                               ▲
//!       └────────── refresh ────────────┴── Look ◄── screen
//! ```
//!
//! Five hops from source to pixel: poll, batch, store, board, frame. A slow disk slows polls (the channel is bounded); a
//! slow or failing source costs only itself. Stopping is dropping: a source writes nowhere, so nothing is lost.

pub mod job;
pub mod keeper;
pub mod look;
mod points;
pub mod settings;
pub mod slos;
pub mod trend;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::AbortHandle,
};

use crate::{
    config::{Config, SourceConfig},
    domain::{
        Time,
        health::{SourceHealth, SourceStatus},
        record::{Body, SourceState},
    },
    kpi::board::{Board, Look},
    sources::{self, Cursor, Source},
    store::{Reader, RowQuery},
};
use job::{Budget, Budgets, Job, STATE_ID};
use keeper::{Desk, Keeper, ToKeeper};

/// The clock; the real one outside tests.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// The real clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place the engine reads the clock")]
pub fn system_clock() -> Clock {
    Arc::new(chrono::Utc::now)
}

/// Batches that may wait for the keeper.
const QUEUE: usize = 64;

/// A running engine. Dropping it stops everything; nothing acknowledged is lost.
#[derive(Debug)]
pub struct Engine {
    /// The newest board; `None` until the first.
    pub board: watch::Receiver<Option<Arc<Board>>>,
    /// Health of every source.
    pub health: watch::Receiver<Vec<SourceHealth>>,
    /// Trouble with the store, or that it only reads.
    pub notice: watch::Receiver<Option<String>>,
    keeper: mpsc::Sender<ToKeeper>,
    control: mpsc::UnboundedSender<Control>,
}

#[derive(Debug)]
enum Control {
    Refresh(Option<String>),
    Reload(Arc<Config>),
}

/// How a source of the config becomes an object; tests give their own.
pub type Build = Arc<dyn Fn(&SourceConfig) -> Result<Built, String> + Send + Sync>;

/// A source ready to run.
pub struct Built {
    /// The source.
    pub source: Box<dyn Source>,
    /// Record kinds it reports.
    pub feeds: Vec<String>,
    /// Pause between polls.
    pub every: Duration,
}

impl Engine {
    /// Open the store (read-only when another process writes), start keeper and sources. The first board is made from the
    /// store before any source answers. Call inside a tokio runtime.
    ///
    /// # Errors
    /// When the store can be neither written nor read, in words for a person.
    pub fn start(config: Arc<Config>, store: &Path, look: Look) -> Result<Self, String> {
        Self::start_with(config, store, look, system_clock(), Arc::new(build))
    }

    /// [`Engine::start`] with another clock and other sources.
    ///
    /// # Errors
    /// See [`Engine::start`].
    pub fn start_with(config: Arc<Config>, store: &Path, look: Look, clock: Clock, build: Build) -> Result<Self, String> {
        let (desk, read_only) = keeper::open(store)?;
        let (to_keeper, inbox) = mpsc::channel(QUEUE);
        let (board_tx, board) = watch::channel(None);
        let (notice_tx, notice) = watch::channel(read_only.clone());
        let (health_tx, health) = watch::channel(Vec::new());
        let (control, orders) = mpsc::unbounded_channel();
        let reads = matches!(desk, Desk::Read(_));
        let past = Past { reader: if reads { None } else { Reader::open(store).ok() } };
        let keeper = Keeper {
            desk,
            config: Arc::clone(&config),
            look,
            inbox,
            board: board_tx,
            notice: notice_tx,
            clock: Arc::clone(&clock),
            trend: keeper::Trend::default(),
        };
        run_keeper(keeper)?;
        let crew = Crew { jobs: BTreeMap::new(), health: health_tx, keeper: to_keeper.clone(), past, clock, build, reads };
        spawn(crew.run(config, orders));
        Ok(Self { board, health, notice, keeper: to_keeper, control })
    }

    /// Look at something else; a new board follows.
    pub fn look(&self, look: Look) {
        // A full queue means the keeper is busy committing; the screen asks again with its next key.
        let keeper = self.keeper.clone();
        if let Err(mpsc::error::TrySendError::Full(message)) = keeper.try_send(ToKeeper::Look(look)) {
            spawn(async move {
                let _ = keeper.send(message).await;
            });
        }
    }

    /// Poll a source now, or all.
    pub fn refresh(&self, source: Option<&str>) {
        let _ = self.control.send(Control::Refresh(source.map(str::to_owned)));
    }

    /// Take a new configuration: sources that changed are restarted, the rest go on.
    pub fn reload(&self, config: Arc<Config>) {
        let _ = self.control.send(Control::Reload(config));
    }
}

/// The keeper has a thread of its own, so that a long commit never holds up a poll or the screen.
fn run_keeper(keeper: Keeper) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|e| format!("cannot start the keeper: {e}"))?;
    std::thread::Builder::new()
        .name("keeper".into())
        .spawn(move || runtime.block_on(keeper.run()))
        .map(|_| ())
        .map_err(|e| format!("cannot start the keeper's thread: {e}"))
}

#[allow(clippy::disallowed_methods, reason = "the engine is where tasks are spawned")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(work)
}

fn build(config: &SourceConfig) -> Result<Built, String> {
    let (source, kind) = sources::build(config).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let feeds = kind.feeds.iter().map(|k| k.word().to_owned()).collect();
    Ok(Built { source, feeds, every: config.every.unwrap_or(kind.every) })
}

/// What the store knows of a source from before.
struct Past {
    reader: Option<Reader>,
}

impl Past {
    fn cursor(&self, source: &str) -> Cursor {
        Cursor(self.reader.as_ref().and_then(|r| r.cursor(source).ok()).unwrap_or_default())
    }

    fn state(&self, source: &str) -> SourceState {
        let query = RowQuery { keys: vec![format!("{source}/{STATE_ID}")], limit: 1, ..RowQuery::default() };
        let rows = self.reader.as_ref().and_then(|r| r.rows(&query).ok()).unwrap_or_default();
        match rows.into_iter().next().map(|r| r.body) {
            Some(Body::SourceState(state)) => state,
            _ => SourceState::default(),
        }
    }
}

/// The running sources.
struct Crew {
    jobs: BTreeMap<String, Running>,
    health: watch::Sender<Vec<SourceHealth>>,
    keeper: mpsc::Sender<ToKeeper>,
    past: Past,
    clock: Clock,
    build: Build,
    reads: bool,
}

struct Running {
    /// What it was started with, to see whether a new configuration changes it.
    print: String,
    abort: AbortHandle,
    wake: Arc<Notify>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        for running in self.jobs.values() {
            running.abort.abort();
        }
    }
}

impl Crew {
    async fn run(mut self, config: Arc<Config>, mut orders: mpsc::UnboundedReceiver<Control>) {
        self.man(&config);
        while let Some(order) = orders.recv().await {
            match order {
                Control::Refresh(which) => {
                    for (_, running) in self.jobs.iter().filter(|(name, _)| which.as_ref().is_none_or(|w| w == *name)) {
                        running.wake.notify_one();
                    }
                }
                Control::Reload(config) => {
                    self.man(&config);
                    let _ = self.keeper.send(ToKeeper::Reload(config)).await;
                }
            }
        }
    }

    /// Start what is new or changed, stop what is gone; what is unchanged goes on.
    fn man(&mut self, config: &Config) {
        let wanted: BTreeMap<&str, String> = config.sources.iter().map(|s| (s.name.as_str(), print(s))).collect();
        self.jobs.retain(|name, running| {
            let stays = wanted.get(name.as_str()).is_some_and(|p| *p == running.print);
            if !stays {
                running.abort.abort();
            }
            stays
        });
        let jobs = &self.jobs;
        self.health.send_modify(|all| {
            let old = std::mem::take(all);
            *all = config
                .sources
                .iter()
                .map(|s| {
                    let known = old.iter().find(|h| h.name == s.name && jobs.contains_key(&s.name));
                    known.cloned().unwrap_or_else(|| SourceHealth::starting(&s.name, &s.kind))
                })
                .collect();
        });
        let mut ready: Vec<(&SourceConfig, Built)> = Vec::new();
        for source in config.sources.iter().filter(|s| !self.jobs.contains_key(&s.name)) {
            if source.off || self.reads {
                let why = if source.off { "switched off in the config" } else { "run by the monitor that writes the store" };
                self.mark(&source.name, SourceStatus::Off, why);
                continue;
            }
            match (self.build)(source) {
                Ok(built) => ready.push((source, built)),
                Err(why) => self.mark(&source.name, SourceStatus::Failing, &why),
            }
        }
        let mut budgets = Budgets::new();
        let crowd = if ready.len() > 1 { Duration::from_millis(500) } else { Duration::ZERO };
        for (source, built) in ready {
            let budget = match built.source.budget_key() {
                Some(key) => Arc::clone(budgets.entry(key).or_default()),
                None => Arc::new(Budget::default()),
            };
            self.start(source, built, budget, job::jitter(&source.name, crowd));
        }
    }

    fn start(&mut self, source: &SourceConfig, built: Built, budget: Arc<Budget>, first: Duration) {
        let wake = Arc::new(Notify::new());
        let job = Job {
            config: source.clone(),
            source: built.source,
            feeds: built.feeds,
            every: built.every,
            timeout: source.timeout.unwrap_or(Duration::from_secs(30)),
            cursor: self.past.cursor(&source.name),
            state: self.past.state(&source.name),
            budget,
            keeper: self.keeper.clone(),
            health: self.health.clone(),
            wake: Arc::clone(&wake),
            clock: Arc::clone(&self.clock),
            first,
        };
        let abort = spawn(job.run()).abort_handle();
        self.jobs.insert(source.name.clone(), Running { print: print(source), abort, wake });
    }

    fn mark(&self, name: &str, status: SourceStatus, message: &str) {
        self.health.send_modify(|all| {
            if let Some(mine) = all.iter_mut().find(|h| h.name == name) {
                mine.status = status;
                message.clone_into(&mut mine.message);
            }
        });
    }
}

/// Everything of a source's block that changes how it runs; not where it stands in the file.
fn print(s: &SourceConfig) -> String {
    format!("{:?}", (&s.kind, s.every, s.timeout, s.backfill, s.off, &s.service, &s.team, &s.env_tier, &s.own.table, &s.own.dir))
}
