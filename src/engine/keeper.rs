//! The keeper: the one thread that owns the store. It commits what has queued up, then publishes one board.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{Clock, look, settings, trend};
use crate::{
    config::Config,
    domain::{Time, value::Scope},
    kpi::{
        board::{Board, Look},
        care::Flag,
    },
    store::{Incoming, Reader, Store, StoreError},
};

/// What the keeper is told.
#[derive(Debug)]
pub enum ToKeeper {
    /// Take this in; the answer comes when it is committed.
    Batch {
        /// Records and cursor.
        incoming: Incoming,
        /// More is on its way: derivation may wait.
        more: bool,
        /// Committed, or why not.
        ack: oneshot::Sender<Result<(), String>>,
    },
    /// Show this from now on.
    Look(Look),
    /// Apply this configuration from now on.
    Reload(Arc<Config>),
}

/// Boards at most this often, and never more than a tenth of the time; but at once for what is newly looked at.
const BOARD_GAP: Duration = Duration::from_secs(1);
/// While history streams in, what has arrived is derived at most this often.
const DERIVE_GAP: Duration = Duration::from_secs(1);
/// The window moves with time even when nothing arrives.
const WINDOW_MOVES: Duration = Duration::from_secs(60);
/// A read-only keeper asks this often whether another process has committed.
const LOOK_AROUND: Duration = Duration::from_secs(1);
/// How long flags of a trend are good for.
const TREND_KEEPS: Duration = Duration::from_secs(600);
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);
/// Batches taken into one transaction, until they hold this many records.
const AT_ONCE: usize = 64;
const RECORDS_AT_ONCE: usize = 10_000;

/// What the keeper works on: a store of its own, or another process's to read.
#[derive(Debug)]
pub enum Desk {
    /// The writer.
    Write(Box<Store>, Box<Reader>),
    /// A reader of another process's store.
    Read(Box<Reader>),
}

/// The keeper's state.
pub struct Keeper {
    /// Store or reader.
    pub desk: Desk,
    /// Configuration.
    pub config: Arc<Config>,
    /// What is shown.
    pub look: Look,
    /// From sources and screen.
    pub inbox: mpsc::Receiver<ToKeeper>,
    /// To the screen.
    pub board: watch::Sender<Option<Arc<Board>>>,
    /// Trouble with the store, for the footer.
    pub notice: watch::Sender<Option<String>>,
    /// The clock.
    pub clock: Clock,
    /// What the focus metric's trend says, for a while.
    pub trend: Trend,
}

/// Flags of the metric last looked at: half a year of weeks does not change with every batch.
#[derive(Debug, Default)]
pub struct Trend {
    of: Option<(Scope, &'static str)>,
    at: Option<Instant>,
    flags: Vec<Flag>,
}

impl Trend {
    /// The flags of a look's focus, while they are good; a look without a focus has none.
    fn known(&self, look: &Look) -> Option<&Vec<Flag>> {
        const NONE: &Vec<Flag> = &Vec::new();
        let Some(focus) = look.focus else { return Some(NONE) };
        let fresh = self.at.is_some_and(|at| at.elapsed() < TREND_KEEPS);
        let same = self.of.as_ref().is_some_and(|(scope, metric)| *scope == look.scope && *metric == focus);
        (fresh && same).then_some(&self.flags)
    }

    /// Look again; none while the store cannot be read.
    fn look(&mut self, reader: &Reader, config: &Config, look: &Look, now: Time) -> &Vec<Flag> {
        if let Some(metric) = look.focus.and_then(|id| config.catalogue.find(id)) {
            self.flags = trend::flags(reader, config, &look.scope, metric, look.at.unwrap_or(now).min(now)).unwrap_or_default();
            (self.of, self.at) = (Some((look.scope.clone(), metric.id)), Some(Instant::now()));
        }
        &self.flags
    }
}

impl Keeper {
    /// Work until every sender is gone.
    pub async fn run(mut self) {
        let mut derive_at = self.catch_up();
        // The first board is of what was there before; what the sources say first is shown at once.
        let mut published = Published { next: Instant::now(), ..self.publish() };
        let mut owes_board = false;
        let mut retained = Instant::now();
        let mut version = self.version();
        loop {
            let due = self.next_due(&published, owes_board, derive_at);
            let first = tokio::select! {
                message = self.inbox.recv() => match message { Some(m) => Some(m), None => return },
                () = sleep_until(due) => None,
            };
            let taken = self.take(first);
            if taken.reloaded {
                derive_at = Some(Instant::now());
            }
            if !taken.batches.is_empty() {
                let more = taken.batches.iter().any(|b| b.more);
                if self.commit(taken.batches, !more) && more {
                    derive_at.get_or_insert_with(|| Instant::now() + DERIVE_GAP);
                }
                owes_board = true;
            }
            if derive_at.is_some_and(|at| at <= Instant::now()) {
                derive_at = self.catch_up();
                owes_board = true;
            }
            if matches!(self.desk, Desk::Read(_)) {
                let present = self.version();
                owes_board |= present != version;
                version = present;
            }
            let now = Instant::now();
            if taken.looked || (owes_board && now >= published.next) || now >= published.at + WINDOW_MOVES {
                published = self.publish();
                owes_board = false;
            }
            if retained.elapsed() >= RETAIN_EVERY {
                self.retain();
                retained = Instant::now();
            }
        }
    }

    fn next_due(&self, published: &Published, owes_board: bool, derive_at: Option<Instant>) -> Instant {
        let mut due = published.at + WINDOW_MOVES;
        if owes_board {
            due = due.min(published.next);
        }
        if let Some(at) = derive_at {
            due = due.min(at);
        }
        if matches!(self.desk, Desk::Read(_)) {
            due = due.min(Instant::now() + LOOK_AROUND);
        }
        due
    }

    /// The first message and all that has queued up behind it.
    fn take(&mut self, first: Option<ToKeeper>) -> Taken {
        let mut taken = Taken::default();
        let mut records = 0;
        let mut next = first;
        while let Some(message) = next {
            match message {
                ToKeeper::Batch { incoming, more, ack } => {
                    records += incoming.records.len();
                    taken.batches.push(Waiting { incoming, more, ack });
                }
                ToKeeper::Look(look) => {
                    taken.looked |= self.look != look;
                    self.look = look;
                }
                ToKeeper::Reload(config) => {
                    self.config = config;
                    taken.reloaded = true;
                    taken.looked = true;
                }
            }
            if taken.batches.len() >= AT_ONCE || records >= RECORDS_AT_ONCE {
                break;
            }
            next = self.inbox.try_recv().ok();
        }
        taken
    }

    /// Commit and answer; `true` when it worked.
    fn commit(&mut self, batches: Vec<Waiting>, derive_now: bool) -> bool {
        let now = (self.clock)();
        let Desk::Write(store, reader) = &mut self.desk else {
            for b in batches {
                let _ = b.ack.send(Err("the store is another monitor's; this one only reads".into()));
            }
            return false;
        };
        let (incoming, acks): (Vec<_>, Vec<_>) = batches.into_iter().map(|b| (b.incoming, b.ack)).unzip();
        let result = reader
            .roster(&self.config.roster)
            .and_then(|roster| store.commit(&incoming, &roster, &settings::rules(&self.config), now, derive_now))
            .map(|_| ())
            .map_err(|e| format!("not stored: {e}"));
        self.tell(result.as_ref().err());
        // The next batch is read once this one is acknowledged: there is room for one of them.
        drop(incoming);
        for ack in acks {
            let _ = ack.send(result.clone());
        }
        result.is_ok()
    }

    /// Work off one slice of what derivation was put off; gives when to go on, `None` when nothing is left. One slice a
    /// turn: a great import must not keep looks and live batches waiting.
    fn catch_up(&mut self) -> Option<Instant> {
        let now = (self.clock)();
        let Desk::Write(store, reader) = &mut self.desk else { return None };
        // Costs are split over the days of the configured zone.
        store.set_zone(self.config.zone);
        let rules = settings::rules(&self.config);
        let result = reader.roster(&self.config.roster).and_then(|roster| store.derive_pending(&roster, &rules, now));
        self.tell(result.as_ref().err().map(ToString::to_string).as_ref());
        // Trouble (a full disk) is tried again, not hurried.
        match result {
            Ok(true) => Some(Instant::now()),
            Ok(false) => None,
            Err(_) => Some(Instant::now() + WINDOW_MOVES),
        }
    }

    fn retain(&mut self) {
        let now = (self.clock)();
        if let Desk::Write(store, _) = &mut self.desk {
            let result = store.retain(&settings::keep(&self.config), now);
            self.tell(result.err().map(|e| e.to_string()).as_ref());
        }
    }

    fn publish(&mut self) -> Published {
        let began = Instant::now();
        let reader = match &self.desk {
            Desk::Write(_, reader) | Desk::Read(reader) => reader,
        };
        let now = (self.clock)();
        match reader.snapshot(|reader| look::load(reader, &self.config, &self.look, now)) {
            Ok(mut board) => {
                // The numbers first: half a year of weeks may take a moment.
                let known = self.trend.known(&self.look);
                board.flags = known.cloned().unwrap_or_default();
                let late = known.is_none().then(|| board.clone());
                self.board.send_replace(Some(Arc::new(board)));
                if let Some(mut board) = late {
                    board.flags.clone_from(self.trend.look(reader, &self.config, &self.look, now));
                    if !board.flags.is_empty() {
                        self.board.send_replace(Some(Arc::new(board)));
                    }
                }
            }
            Err(e) => self.tell(Some(&e.to_string())),
        }
        let at = Instant::now();
        Published { at, next: at + BOARD_GAP.max((at - began) * 10) }
    }

    fn version(&self) -> Option<i64> {
        match &self.desk {
            Desk::Read(reader) => reader.data_version().ok(),
            Desk::Write(..) => None,
        }
    }

    fn tell(&self, trouble: Option<&String>) {
        self.notice.send_if_modified(|notice| {
            // A read-only notice stays; trouble replaces it and clears itself.
            if trouble.is_none() && matches!(self.desk, Desk::Read(_)) {
                return false;
            }
            let changed = notice.as_ref() != trouble;
            if changed {
                *notice = trouble.cloned();
            }
            changed
        });
    }
}

/// What was in the inbox.
#[derive(Default)]
struct Taken {
    batches: Vec<Waiting>,
    looked: bool,
    reloaded: bool,
}

struct Waiting {
    incoming: Incoming,
    more: bool,
    ack: oneshot::Sender<Result<(), String>>,
}

struct Published {
    at: Instant,
    next: Instant,
}

/// Open the store for writing, or for reading when another process writes; the second value says so.
///
/// # Errors
/// When it can be neither written nor read.
pub fn open(path: &std::path::Path) -> Result<(Desk, Option<String>), String> {
    match Store::open(path) {
        Ok(store) => {
            let reader = store.reader().map_err(|e| e.to_string())?;
            Ok((Desk::Write(Box::new(store), Box::new(reader)), None))
        }
        Err(StoreError::Busy(why)) => {
            let reader = Reader::open(path).map_err(|e| e.to_string())?;
            Ok((Desk::Read(Box::new(reader)), Some(why)))
        }
        Err(e) => Err(e.to_string()),
    }
}
