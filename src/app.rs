//! The screen's state and how it changes: `App::update(Msg)`. No I/O, no `async`, no clock: time arrives as a message.
//!
//! ```text
//! key ─► overlay open? ── its text field or list          (overlay: one owner of the keys)
//!        else ── keymap ─► Action ─► perform              (action: one table; perform: what each does)
//! mouse ─► view::message ─► Point ─► select or perform    (point)
//! board, health, tick ─► kept; the cursor stays on what it was on
//! ```
//! Where one is, is a trail of levels (`place`); what to ask the keeper for (`Look`) follows from the trail.

pub mod action;
pub mod filter;
pub mod item;
pub mod key;
pub mod moment;
pub mod overlay;
pub mod palette;
pub mod perform;
pub mod place;
pub mod point;
pub mod theme;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{Duration, Timelike};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

pub use self::point::{Point, PointAct, Target};
use self::{
    action::{Action, Keymap},
    filter::Filter,
    item::Item,
    key::Chord,
    overlay::Overlay,
    place::{Level, Part, Place, Tab},
    theme::ThemeName,
};
use crate::{
    domain::{
        Time,
        defined::Catalogue,
        health::SourceHealth,
        metric,
        value::Scope,
        window::{Tz, Window},
    },
    kpi::{
        board::{Board, Look, RANGES, Range},
        library::Library,
        room::Room,
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

    fn input(&mut self, event: Event) -> Vec<Cmd> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                if let Some(line) = self.overlay.line_mut() {
                    line.push(&text);
                    self.typed();
                }
                Vec::new()
            }
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => self.step(Action::Down),
                MouseEventKind::ScrollUp => self.step(Action::Up),
                _ => Vec::new(),
            },
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Cmd> {
        self.notice = None;
        let chord = Chord::of(key);
        if chord == action::control_c() {
            return vec![Cmd::Quit { leave_frame: false }];
        }
        let bound = self.keymap.action(chord);
        if let Some(action @ (Action::Suspend | Action::Redraw)) = bound {
            return self.perform(action);
        }
        if self.overlay.line_mut().is_some() {
            return self.key_while_typing(key);
        }
        match (&self.overlay, bound) {
            (Overlay::None, Some(action)) if (action::find(action).works)(self) => self.perform(action),
            (Overlay::None, _) => Vec::new(),
            _ => self.key_on_top(key, bound),
        }
    }

    /// A text field has the keys: nothing global fires.
    fn key_while_typing(&mut self, key: KeyEvent) -> Vec<Cmd> {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.cancel(),
            KeyCode::Enter => return self.accept(),
            KeyCode::Up => return self.step(Action::Up),
            KeyCode::Down => return self.step(Action::Down),
            KeyCode::Char('p') if ctrl => return self.step(Action::Up),
            KeyCode::Char('n') if ctrl => return self.step(Action::Down),
            KeyCode::PageUp => return self.perform(Action::PageUp),
            KeyCode::PageDown => return self.perform(Action::PageDown),
            KeyCode::Home => return self.perform(Action::First),
            KeyCode::End => return self.perform(Action::Last),
            KeyCode::Char('g') if matches!(&self.overlay, Overlay::GoTo { line, .. } if line.0.is_empty()) => {
                // fingers that know `gg` mean the first item
                self.overlay = Overlay::None;
                return self.perform(Action::First);
            }
            _ => {
                if self.overlay.line_mut().is_some_and(|line| line.take(key)) {
                    self.typed();
                }
            }
        }
        Vec::new()
    }

    /// What follows from a changed text field.
    fn typed(&mut self) {
        if let Some(at) = self.overlay.at_mut() {
            *at = 0;
        }
        match &mut self.overlay {
            Overlay::GoTo { fault, .. } => *fault = None,
            Overlay::Filter { line, .. } => {
                let filter = Filter::typed(&line.0);
                self.level_mut().filter = filter;
            }
            _ => {}
        }
    }

    /// A menu or text without a field has the keys.
    fn key_on_top(&mut self, key: KeyEvent, bound: Option<Action>) -> Vec<Cmd> {
        if let (Overlay::Ranges { .. }, KeyCode::Char(digit @ '1'..='9')) = (&self.overlay, key.code) {
            let index = digit as usize - '1' as usize;
            if index < RANGES.len() {
                self.overlay = Overlay::Ranges { at: index };
                return self.accept();
            }
        }
        match (key.code, bound) {
            (KeyCode::Enter, _) => self.accept(),
            (_, Some(action)) if action.moves() => self.perform(action),
            (KeyCode::Esc, _) | (_, Some(Action::Back | Action::Quit | Action::Range | Action::Definition)) => {
                self.cancel();
                Vec::new()
            }
            _ => Vec::new(),
        }
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

/// What the picture reads.
impl App {
    /// The way in, outermost first; never empty.
    #[must_use]
    pub fn trail(&self) -> &[Level] {
        &self.trail
    }

    /// Where one is.
    #[must_use]
    pub fn level(&self) -> &Level {
        &self.trail[self.trail.len() - 1]
    }

    /// Where one is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.level().place
    }

    /// How many levels in; 1 on a tab.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.trail.len()
    }

    /// The board shown (the held one while paused), whatever its scope.
    #[must_use]
    pub fn newest(&self) -> Option<&Board> {
        match &self.held {
            Some(held) => held.board.as_deref(),
            None => self.newest.as_deref(),
        }
    }

    /// The board shown, when it is of the scope one stands in; `None` while the keeper still makes it.
    #[must_use]
    pub fn board(&self) -> Option<&Board> {
        self.newest().filter(|board| board.look.scope == self.level().scope)
    }

    /// The board shown is of the range and moment asked for.
    #[must_use]
    pub fn window_fresh(&self) -> bool {
        self.newest().is_some_and(|board| board.look.range == self.range && board.look.at == self.at)
    }

    /// The board's rows are the ones behind the open KPI.
    #[must_use]
    pub fn rows_fresh(&self) -> bool {
        self.board().is_some_and(|board| board.look.focus == self.focus_metric())
    }

    /// What happened around the incident whose page is open; `None` elsewhere and until it is there.
    #[must_use]
    pub fn room(&self) -> Option<&Room> {
        let Place::Row(row) = self.place() else { return None };
        self.newest()?.room.as_ref().filter(|room| room.key == row.key)
    }

    /// Health of the sources.
    #[must_use]
    pub fn health(&self) -> &[SourceHealth] {
        &self.health
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Zone of shown and typed times.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.newest().map_or(self.zone, |board| board.zone)
    }

    /// This tab stands among the tabs: it always does, something feeds it, or one is on it.
    #[must_use]
    pub fn tab_shown(&self, tab: Tab) -> bool {
        let fed = || {
            self.newest().is_some_and(|b| match tab {
                Tab::Quarter(quarter) => b.catalogue.headlines(quarter).any(|m| !b.unfed.contains(m.id)),
                Tab::Objectives => !b.objectives.is_empty() || b.scorecard().next().is_some(),
                Tab::Bridge | Tab::Sources => true,
            })
        };
        !tab.only_when_fed() || fed() || self.trail[0].place == Place::Tab(tab)
    }

    /// The metrics there are; before the first board the built-in ones.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        self.newest().map(|board| board.catalogue.clone()).unwrap_or_default()
    }

    /// The range looked at.
    #[must_use]
    pub fn range(&self) -> Range {
        self.range
    }

    /// The past moment looked at; `None` is now.
    #[must_use]
    pub fn moment(&self) -> Option<Time> {
        self.at
    }

    /// Since when the picture is held.
    #[must_use]
    pub fn paused_since(&self) -> Option<Time> {
        self.held.as_ref().map(|held| held.since)
    }

    /// What lies on top.
    #[must_use]
    pub fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// The present filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.level().filter
    }

    /// The last message, until the next key.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The instant under the crosshair.
    #[must_use]
    pub fn cross(&self) -> Option<Time> {
        self.cross
    }

    /// The chart of a KPI page fills the body.
    #[must_use]
    pub fn full(&self) -> bool {
        self.full
    }

    /// The dimension the why panel was asked to show.
    #[must_use]
    pub fn cut_name(&self) -> Option<&str> {
        self.cut.as_deref()
    }

    /// Names, titles and money are hidden.
    #[must_use]
    pub fn private(&self) -> bool {
        self.private
    }

    /// The theme.
    #[must_use]
    pub fn theme(&self) -> ThemeName {
        self.theme
    }

    /// Colours of the terminal.
    #[must_use]
    pub fn colours(&self) -> Depth {
        self.depth
    }

    /// Only ASCII.
    #[must_use]
    pub fn ascii(&self) -> bool {
        self.ascii
    }

    /// Texts of the metrics.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Which key does what.
    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// There is a view to go back to.
    #[must_use]
    pub fn has_last_view(&self) -> bool {
        self.last.is_some()
    }

    /// The organisation's name as shown.
    #[must_use]
    pub fn org_name(&self) -> &str {
        if self.private { "organisation" } else { self.newest().map_or(&self.org, |board| &board.org) }
    }

    /// A team's name as shown: its own, or a number in privacy mode.
    #[must_use]
    pub fn team_name(&self, name: &str) -> String {
        self.shown_name(name, "team", |board| board.teams.iter().position(|t| t.name == name))
    }

    /// A service's name as shown.
    #[must_use]
    pub fn service_name(&self, name: &str) -> String {
        self.shown_name(name, "service", |board| board.services.iter().position(|t| t.name == name))
    }

    /// An objective's name as shown.
    #[must_use]
    pub fn slo_name(&self, name: &str) -> String {
        self.shown_name(name, "SLO", |board| board.slos.iter().position(|s| s.slo.name == name))
    }

    /// A source's name as shown.
    #[must_use]
    pub fn source_name(&self, name: &str) -> String {
        match self.health.iter().position(|h| h.name == name) {
            Some(i) if self.private => format!("source {}", i + 1),
            _ => name.to_owned(),
        }
    }

    fn shown_name(&self, name: &str, what: &str, index: impl Fn(&Board) -> Option<usize>) -> String {
        if !self.private || name.is_empty() {
            return name.to_owned();
        }
        match self.newest().and_then(index) {
            Some(i) => format!("{what} {}", i + 1),
            None => format!("{what} ?"),
        }
    }

    /// The cursor of a part, inside its items.
    #[must_use]
    pub fn selected_index(&self, part: Part) -> usize {
        let at = self.level().at.get(&part).copied().unwrap_or(0);
        if at == 0 { 0 } else { at.min(self.items(part).len().saturating_sub(1)) }
    }

    /// The selected item of the part with the focus.
    #[must_use]
    pub fn selected(&self) -> Option<Item<'_>> {
        let part = self.level().part();
        self.items(part).get(self.selected_index(part)).copied()
    }

    /// A chart is on the page: the crosshair has something to walk on.
    #[must_use]
    pub fn chart_shown(&self) -> bool {
        !self.cross_buckets().is_empty()
            && (matches!(self.place(), Place::Kpi(_) | Place::Slo(_)) || self.place().parts().contains(&Part::Cards))
    }

    /// The buckets the crosshair steps through: the open KPI's, else those of the finest series.
    #[must_use]
    pub fn cross_buckets(&self) -> &[Window] {
        let Some(board) = self.board() else { return &[] };
        match self.place() {
            Place::Kpi(metric) => board.series.get(metric.id).map_or(&[], |series| &series.buckets),
            Place::Slo(_) => {
                item::open_slo(self.place(), board).and_then(|s| s.detail.as_deref()).map_or(&[], |detail| &detail.series.buckets)
            }
            _ => board.series.values().map(|series| series.buckets.as_slice()).max_by_key(|b| b.len()).unwrap_or(&[]),
        }
    }

    /// One card at a time, one part at a time.
    #[must_use]
    pub fn narrow(&self) -> bool {
        place::narrow(self.size)
    }

    /// Cards side by side.
    #[must_use]
    pub fn columns(&self, part: Part) -> usize {
        if part == Part::Cards { place::card_columns(self.place(), self.size, self.items(part).len()) } else { 1 }
    }

    /// Rows of a page, about.
    fn page(&self) -> isize {
        isize::try_from(self.size.1.saturating_sub(8).max(1)).unwrap_or(1)
    }
}
