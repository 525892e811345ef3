//! The screen's state and how it changes: `App::update(Msg)`. No I/O, no `async`, no clock: time arrives as a message.
//!
//! ```text
//! key ─► overlay open? ── its text field or list          (input; overlay: one owner of the keys)
//!        else ── keymap ─► Action ─► perform              (action: one table; perform: what each does)
//! mouse ─► view::message ─► Point ─► select or perform    (point)
//! board, health, tick ─► kept; the cursor stays on what it was on
//! view ─► asks                                             (shown)
//! ```
//! Where one is, is a trail of levels (`place`); what to ask the keeper for (`Look`) follows from the trail.

pub mod action;
pub mod filter;
mod input;
pub mod item;
pub mod key;
pub mod moment;
pub mod overlay;
pub mod palette;
pub mod perform;
pub mod place;
pub mod point;
mod shown;
pub mod theme;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{Duration, Timelike};
use crossterm::event::Event;

pub use self::point::{Point, PointAct, Target};
use self::{
    action::Keymap,
    overlay::Overlay,
    place::{Level, Part, Place, Tab},
    theme::ThemeName,
};
use crate::{
    domain::{Time, health::SourceHealth, metric, value::Scope, window::Tz},
    kpi::{
        board::{Board, Look, Range},
        library::Library,
    },
};

/// Everything that can happen to the screen.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key, paste or resize event of the terminal (mouse events go through `view::message`, which knows what was hit).
    Input(Event),
    /// The mouse did something to a part of the picture.
    Point(Point),
    /// A new board.
    Board(Arc<Board>),
    /// New health of the sources.
    Health(Vec<SourceHealth>),
    /// The clock, at most once a second, and only when something shown depends on it (`App::next_tick`).
    Tick(Time),
    /// One line for the footer (config reloaded, copied, error).
    Notice(String),
    /// The configuration was read again.
    Preferences(Preferences),
}

/// What of the configuration concerns the picture itself.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// Theme by name.
    pub theme: String,
    /// Only ASCII.
    pub ascii: bool,
    /// Mouse taken.
    pub mouse: bool,
    /// Which key does what.
    pub keymap: Keymap,
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
    /// Zone of the clock and of typed times until the first board says it.
    pub zone: Tz,
    /// What the engine is already looking at; the screen asks again only when that changes.
    pub look: Look,
    /// Theme by name (`ui.theme` of the config); an unknown one is `auto`.
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

/// A picture held still.
#[derive(Debug, Clone)]
struct Held {
    board: Option<Arc<Board>>,
    since: Time,
}

/// The screen's state.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub struct App {
    org: String,
    zone: Tz,
    depth: Depth,
    ascii: bool,
    library: Library,
    keymap: Keymap,
    theme: ThemeName,
    mouse: bool,
    private: bool,
    now: Time,
    size: (u16, u16),
    newest: Option<Arc<Board>>,
    held: Option<Held>,
    health: Vec<SourceHealth>,
    asked: Look,
    range: Range,
    at: Option<Time>,
    trail: Vec<Level>,
    last: Option<Vec<Level>>,
    overlay: Overlay,
    cross: Option<Time>,
    full: bool,
    /// Dimension the why panel shows; `None`: the best.
    cut: Option<String>,
    notice: Option<String>,
}

/// How long a running clock shows seconds; afterwards minutes are enough and the screen stays still.
pub const SECONDS_SHOWN: Duration = Duration::minutes(10);

impl App {
    /// The screen before the first board.
    ///
    /// # Errors
    /// When two actions are bound to one key, or a key or action is unknown; a line each, naming both.
    pub fn new(setup: Setup) -> Result<Self, String> {
        let keymap = Keymap::build(&setup.keys)?;
        let mut trail = vec![Level::new(Place::Tab(Tab::Bridge), Scope::Org)];
        match &setup.look.scope {
            Scope::Team(name) => trail.push(Level::new(Place::Team(name.clone()), setup.look.scope.clone())),
            Scope::Service(name) => trail.push(Level::new(Place::Service(name.clone()), setup.look.scope.clone())),
            Scope::Org | Scope::Group(..) => {}
        }
        if let Some(metric) = setup.look.focus.and_then(metric::find) {
            let scope = setup.look.scope.clone();
            trail.push(Level::new(Place::Kpi(metric), scope));
        }
        Ok(Self {
            org: setup.org,
            zone: setup.zone,
            depth: setup.depth,
            ascii: setup.ascii,
            library: setup.library,
            keymap,
            theme: ThemeName::find(&setup.theme),
            mouse: setup.mouse,
            private: false,
            now: setup.now,
            size: setup.size,
            newest: None,
            held: None,
            health: Vec::new(),
            range: setup.look.range,
            at: setup.look.at,
            asked: setup.look,
            trail,
            last: None,
            overlay: Overlay::None,
            cross: None,
            full: false,
            cut: None,
            notice: None,
        })
    }

    /// Take one message; what it wants done, in order.
    pub fn update(&mut self, msg: Msg) -> Vec<Cmd> {
        let mut cmds = match msg {
            Msg::Input(event) => self.input(event),
            Msg::Point(point) => {
                self.notice = None;
                self.point(&point)
            }
            Msg::Board(board) => {
                self.take_board(board);
                Vec::new()
            }
            Msg::Health(health) => {
                let selected = self.selected_ids();
                self.health = health;
                self.restore(&selected);
                Vec::new()
            }
            Msg::Tick(now) => {
                self.now = now;
                Vec::new()
            }
            Msg::Notice(text) => {
                self.notice = Some(text);
                Vec::new()
            }
            Msg::Preferences(p) => {
                (self.theme, self.ascii, self.keymap) = (ThemeName::find(&p.theme), p.ascii, p.keymap);
                let changed = std::mem::replace(&mut self.mouse, p.mouse) != p.mouse;
                if changed { vec![Cmd::Mouse(p.mouse)] } else { Vec::new() }
            }
        };
        let wanted = self.wanted();
        if wanted != self.asked {
            self.asked = wanted.clone();
            cmds.push(Cmd::Look(wanted));
        }
        cmds
    }

    /// The next instant at which something shown changes by the clock alone: when the loop should send a `Tick`.
    #[must_use]
    pub fn next_tick(&self) -> Time {
        let second = self.now.with_nanosecond(0).unwrap_or(self.now);
        let running = self.board().is_some_and(|b| b.open_incidents.iter().any(|row| self.now - row.at < SECONDS_SHOWN));
        if running && self.held.is_none() && *self.place() == Place::Tab(Tab::Bridge) {
            return second + Duration::seconds(1);
        }
        second + Duration::seconds(60 - i64::from(second.second()))
    }

    /// A new board: shown at once, or kept underneath while paused. The cursor stays on what it was on.
    fn take_board(&mut self, board: Arc<Board>) {
        let selected = self.selected_ids();
        let wanted = self.wanted();
        if let Some(held) = &mut self.held
            && board.look == wanted
            && held.board.as_ref().is_none_or(|b| b.look != wanted)
        {
            // paused, and gone elsewhere since: the first picture of the new place is the one held
            held.board = Some(Arc::clone(&board));
        }
        if self.newest.as_ref().is_none_or(|old| old.catalogue != board.catalogue) {
            self.library = std::mem::take(&mut self.library).with(&board.catalogue);
        }
        self.newest = Some(board);
        self.restore(&selected);
        let fresh = match (self.place(), self.board()) {
            (Place::Row(row), Some(board)) => item::find_row(board, &row.key).cloned(),
            _ => None,
        };
        if let Some(row) = fresh {
            self.level_mut().place = Place::Row(Box::new(row));
        }
    }

    /// What every part's cursor is on. An untouched cursor is on nothing, so that it stays at the top.
    fn selected_ids(&self) -> Vec<(Part, String)> {
        let focus = self.level().part();
        let parts = self.place().parts().iter().copied();
        parts
            .filter(|part| *part == focus || self.selected_index(*part) > 0)
            .filter_map(|part| Some((part, self.items(part).get(self.selected_index(part))?.id().to_owned())))
            .collect()
    }

    fn restore(&mut self, selected: &[(Part, String)]) {
        for (part, id) in selected {
            if let Some(index) = self.items(*part).iter().position(|item| item.id() == id) {
                self.level_mut().at.insert(*part, index);
            }
        }
    }

    /// What the keeper should be asked for.
    fn wanted(&self) -> Look {
        let incident = match self.place() {
            Place::Row(row) if row.kind == "incident" => Some(row.key.clone()),
            _ => None,
        };
        let (focus, slo) = (self.focus_metric(), self.focus_slo());
        Look { scope: self.level().scope.clone(), range: self.range, at: self.at, focus, slo, incident }
    }

    fn focus_metric(&self) -> Option<&'static str> {
        self.trail.iter().rev().find_map(|level| match level.place {
            Place::Kpi(metric) => Some(metric.id),
            _ => None,
        })
    }

    /// The objective whose page is open, or was on the way in.
    fn focus_slo(&self) -> Option<String> {
        self.trail.iter().rev().find_map(|level| match &level.place {
            Place::Slo(name) => Some(name.clone()),
            _ => None,
        })
    }

    fn select(&mut self, part: Part, index: usize) {
        let last = self.items(part).len().saturating_sub(1);
        let level = self.level_mut();
        level.at.insert(part, index.min(last));
        level.focus_on(part);
    }

    fn level_mut(&mut self) -> &mut Level {
        let last = self.trail.len() - 1;
        &mut self.trail[last]
    }
}
