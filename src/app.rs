//! The screen's state and how it changes: `App::update(Msg)`. No I/O, no `async`, no clock: time arrives as a message.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{Time, health::SourceHealth, window::Tz},
    kpi::{
        board::{Board, Look},
        library::Library,
    },
};

/// Everything that can happen to the screen.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key, paste or resize event of the terminal (mouse events go through `view::message`, which knows what was hit).
    Input(crossterm::event::Event),
    /// The mouse did something to a part of the picture.
    Point(Point),
    /// A new board.
    Board(Arc<Board>),
    /// New health of the sources.
    Health(Vec<SourceHealth>),
    /// The clock, at most once a second, and only when something shown depends on it.
    Tick(Time),
    /// One line for the footer (config reloaded, copied, error).
    Notice(String),
}

/// What the screen wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Cmd {
    /// End; leave the last frame in the scrollback or not.
    Quit {
        /// `Q` instead of `q`.
        leave_frame: bool,
    },
    /// Show something else.
    Look(Look),
    /// Poll one source, or all.
    Refresh(Option<String>),
    /// Read the config file again.
    ReloadConfig,
    /// Ctrl-Z.
    Suspend,
    /// Full repaint.
    Redraw,
    /// Open in a browser.
    Open(String),
    /// To the clipboard.
    Copy(String),
    /// Write a snapshot file of the present frame (`text`, `ansi`, `svg`).
    Snapshot(String),
    /// Take or release the mouse.
    Mouse(bool),
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// `NO_COLOR`, or a terminal without: bold and reverse only.
    Mono,
    /// The sixteen of the terminal's own palette.
    Sixteen,
    /// 24 bit.
    #[default]
    True,
}

/// What the screen starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The organisation's name, shown until the first board says it.
    pub org: String,
    /// Zone of the clock and of typed times.
    pub zone: Tz,
    /// What to look at first.
    pub look: Look,
    /// Theme by name (`config::UiConfig::theme`); an unknown one is `auto`.
    pub theme: String,
    /// Colours of the terminal.
    pub depth: Depth,
    /// Only ASCII.
    pub ascii: bool,
    /// Mouse taken.
    pub mouse: bool,
    /// Action id → key, from the config.
    pub keys: BTreeMap<String, String>,
    /// Texts of the metrics.
    pub library: Library,
    /// Now.
    pub now: Time,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
}

/// What the mouse did, and to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What.
    pub act: PointAct,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointAct {
    /// Left button down.
    Press,
    /// Wheel, lines: down is positive.
    Wheel(i32),
}

/// The screen's state.
#[derive(Debug)]
pub struct App {
    setup: Setup,
}

impl App {
    /// The screen before the first board.
    ///
    /// # Errors
    /// When two actions are bound to one key, or a key or action is unknown; names both.
    pub fn new(setup: Setup) -> Result<Self, String> {
        Ok(Self { setup })
    }

    /// Take one message; what it wants done, in order. The first `Look` is sent by the first message of any kind.
    pub fn update(&mut self, msg: Msg) -> Vec<Cmd> {
        match msg {
            Msg::Tick(now) => self.setup.now = now,
            _ => {}
        }
        Vec::new()
    }

    /// The next instant at which something shown changes by the clock alone: when the loop should send a `Tick`.
    #[must_use]
    pub fn next_tick(&self) -> Time {
        self.setup.now + chrono::Duration::minutes(1)
    }
}
