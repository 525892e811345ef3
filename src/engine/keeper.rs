//! The keeper: the one thread that owns the store. It commits what has queued up, then publishes one board.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{Clock, look, settings};
use crate::{
    config::Config,
    kpi::board::{Board, Look},
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

/// Boards at most this often, and never more than a tenth of the time.
const BOARD_GAP: Duration = Duration::from_millis(250);
/// While history streams in, what has arrived is derived at most this often.
const DERIVE_GAP: Duration = Duration::from_secs(1);
/// The window moves with time even when nothing arrives.
const WINDOW_MOVES: Duration = Duration::from_secs(60);
/// A read-only keeper asks this often whether another process has committed.
const LOOK_AROUND: Duration = Duration::from_secs(1);
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);
/// Batches taken into one transaction.
const AT_ONCE: usize = 64;

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
}

impl Keeper {
    /// Work until every sender is gone.
    pub async fn run(mut self) {
        let mut derived_at = self.catch_up();
        let mut published = self.publish();
        let mut stale_since: Option<Instant> = None; // a board is owed since
        let mut pending = false; // derivation is owed
        let mut retained = Instant::now();
        let mut version = self.version();
        loop {
            let due = self.next_due(&published, stale_since, pending, derived_at);
            let first = tokio::select! {
                message = self.inbox.recv() => match message { Some(m) => Some(m), None => return },
                () = sleep_until(due) => None,
            };
            let (batches, looked) = self.take(first);
            if !batches.is_empty() {
                let more = batches.iter().any(|b| b.more);
                let now_due = !more || derived_at.elapsed() >= DERIVE_GAP;
                pending = self.commit(batches, !more) && (pending || more);
                if now_due && pending {
                    derived_at = self.catch_up();
                    pending = false;
                }
                stale_since.get_or_insert_with(Instant::now);
            } else if pending && derived_at.elapsed() >= DERIVE_GAP {
                derived_at = self.catch_up();
                pending = false;
                stale_since.get_or_insert_with(Instant::now);
            }
            if matches!(self.desk, Desk::Read(_)) {
                let present = self.version();
                if present != version {
                    version = present;
                    stale_since.get_or_insert_with(Instant::now);
                }
            }
            let now = Instant::now();
            if looked || stale_since.is_some_and(|_| now >= published.next) || now >= published.at + WINDOW_MOVES {
                published = self.publish();
                stale_since = None;
            }
            if retained.elapsed() >= RETAIN_EVERY {
                self.retain();
                retained = Instant::now();
            }
        }
    }

    fn next_due(&self, published: &Published, stale_since: Option<Instant>, pending: bool, derived_at: Instant) -> Instant {
        let mut due = published.at + WINDOW_MOVES;
        if stale_since.is_some() {
            due = due.min(published.next);
        }
        if pending {
            due = due.min(derived_at + DERIVE_GAP);
        }
        if matches!(self.desk, Desk::Read(_)) {
            due = due.min(Instant::now() + LOOK_AROUND);
        }
        due
    }

    /// The first message and all that has queued up behind it.
    fn take(&mut self, first: Option<ToKeeper>) -> (Vec<Taken>, bool) {
        let (mut batches, mut looked) = (Vec::new(), false);
        let mut next = first;
        while let Some(message) = next {
            match message {
                ToKeeper::Batch { incoming, more, ack } => batches.push(Taken { incoming, more, ack }),
                ToKeeper::Look(look) => {
                    looked |= self.look != look;
                    self.look = look;
                }
                ToKeeper::Reload(config) => {
                    self.config = config;
                    self.catch_up();
                    looked = true;
                }
            }
            if batches.len() >= AT_ONCE {
                break;
            }
            next = self.inbox.try_recv().ok();
        }
        (batches, looked)
    }

    /// Commit and answer; `true` when it worked.
    fn commit(&mut self, batches: Vec<Taken>, derive_now: bool) -> bool {
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
        for ack in acks {
            let _ = ack.send(result.clone());
        }
        result.is_ok()
    }

    /// Work off what derivation was put off; gives the moment it was done.
    fn catch_up(&mut self) -> Instant {
        let now = (self.clock)();
        if let Desk::Write(store, reader) = &mut self.desk {
            // Costs are split over the days of the configured zone.
            store.set_zone(self.config.zone);
            let rules = settings::rules(&self.config);
            let result = reader.roster(&self.config.roster).and_then(|roster| {
                while store.derive_pending(&roster, &rules, now)? {}
                Ok(())
            });
            self.tell(result.err().map(|e| e.to_string()).as_ref());
        }
        Instant::now()
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
        match look::load(reader, &self.config, &self.look, (self.clock)()) {
            Ok(board) => {
                self.board.send_replace(Some(Arc::new(board)));
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

struct Taken {
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
