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

pub mod look;
pub mod settings;

use std::{path::PathBuf, sync::Arc};

use tokio::sync::watch;

use crate::{
    config::Config,
    domain::health::SourceHealth,
    kpi::board::{Board, Look},
};

/// A running engine. Dropping it stops everything; nothing acknowledged is lost.
#[derive(Debug)]
pub struct Engine {
    /// The newest board; `None` until the first.
    pub board: watch::Receiver<Option<Arc<Board>>>,
    /// Health of every source.
    pub health: watch::Receiver<Vec<SourceHealth>>,
    /// Why the store only reads, when it does.
    pub notice: watch::Receiver<Option<String>>,
}

impl Engine {
    /// Open the store (read-only when another process writes), start keeper and sources. The first board is made from the
    /// store before any source answers.
    ///
    /// # Errors
    /// When the store can be neither written nor read, in words for a person.
    pub fn start(config: Arc<Config>, store: PathBuf, look: Look) -> Result<Self, String> {
        let _ = (config, store, look);
        Err("the engine is not built yet".into())
    }

    /// Look at something else; a new board follows.
    pub fn look(&self, look: Look) {
        let _ = look;
    }

    /// Poll a source now, or all.
    pub fn refresh(&self, source: Option<&str>) {
        let _ = source;
    }

    /// Take a new configuration: sources that changed are restarted, the rest go on.
    pub fn reload(&self, config: Arc<Config>) {
        let _ = config;
    }
}
