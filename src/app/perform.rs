//! What each action does.

use super::{
    App, Cmd, Held,
    action::{self, Action},
    filter::{Filter, Line},
    item::{self, Item},
    moment,
    overlay::Overlay,
    palette::{self, Jump},
    place::{Level, Part, Place, TABS, Tab},
};
use crate::{
    domain::{
        metric::{self, Metric},
        value::Scope,
    },
    kpi::{
        board::{RANGES, Row},
        slo,
    },
};

/// Steps of the crosshair with Shift.
const FAR: isize = 10;
/// How deep one can drill; deeper forgets the middle, not the tab.
const MAX_DEPTH: usize = 16;

impl App {
    /// Do an action, wherever it came from: key, mouse, help or palette.
    pub fn perform(&mut self, action: Action) -> Vec<Cmd> {
        use Action as A;
        match action {
            A::Open => self.open(),
            A::Back => self.back(),
            A::Quit if self.depth() > 1 => self.back(),
            A::Quit => return vec![Cmd::Quit { leave_frame: false }],
            A::LeaveFrame => return vec![Cmd::Quit { leave_frame: true }],
            A::Filter => self.overlay = Overlay::Filter { line: Line(self.filter().line()), before: self.filter().clone() },
            A::Help => self.overlay = Overlay::Help { line: Line::default(), at: 0 },
            A::Palette => self.overlay = Overlay::Palette { line: Line::default(), at: 0 },
            A::Definition => {
                if let Some(metric) = self.metric_here() {
                    self.overlay = Overlay::Definition { metric, scroll: 0 };
                }
            }
            A::Range => self.overlay = Overlay::Ranges { at: RANGES.iter().position(|r| *r == self.range).unwrap_or(0) },
            A::GoTo => self.overlay = Overlay::GoTo { line: Line::default(), fault: None },
            A::Pause => self.pause(),
            A::Inspect => self.cross = if self.cross.is_some() { None } else { self.last_moment() },
            A::OpenLink => return self.link().map(|url| vec![Cmd::Open(url)]).unwrap_or_default(),
            A::Copy => return self.copy_text().map(|text| vec![Cmd::Copy(text)]).unwrap_or_default(),
            A::Refresh => return vec![Cmd::Refresh(self.selected_source())],
            A::RefreshAll => return vec![Cmd::Refresh(None)],
            A::Up | A::Down | A::Left | A::Right => return self.step(action),
            A::FarLeft => self.move_cross(-FAR),
            A::FarRight => self.move_cross(FAR),
            A::First => self.move_to(0),
            A::Last => self.move_to(usize::MAX),
            A::HalfUp => self.move_by(-(self.page() / 2).max(1)),
            A::HalfDown => self.move_by((self.page() / 2).max(1)),
            A::PageUp => self.move_by(-self.page()),
            A::PageDown => self.move_by(self.page()),
            A::NextPart => self.turn_part(1),
            A::PreviousPart => self.turn_part(-1),
            A::Go(tab) => self.go(tab),
            A::NextTab => self.turn_tab(1),
            A::PreviousTab => self.turn_tab(-1),
            A::LastView => self.swap_with_last(),
            A::ZoomIn => self.range = moment::zoom(self.range, -1),
            A::ZoomOut => self.range = moment::zoom(self.range, 1),
            A::PanBack => self.at = moment::pan(self.at, self.range, -1, self.now),
            A::PanForward => self.at = moment::pan(self.at, self.range, 1, self.now),
            A::WindowBack => self.at = moment::pan(self.at, self.range, -2, self.now),
            A::WindowForward => self.at = moment::pan(self.at, self.range, 2, self.now),
            A::Live => {
                self.at = None;
                self.held = None;
            }
            A::Invert => {
                let filter = &mut self.level_mut().filter;
                filter.invert = !filter.invert;
            }
            A::Full => self.full = !self.full,
            A::Why => self.ask_why(),
            A::BreakDown => self.next_cut(),
            A::Privacy => self.private = !self.private,
            A::Theme => {
                self.theme = self.theme.next();
                self.notice = Some(format!("theme: {}", self.theme.word()));
            }
            A::Snapshot => return vec![Cmd::Snapshot("text".into())],
            A::SnapshotAnsi => return vec![Cmd::Snapshot("ansi".into())],
            A::SnapshotSvg => return vec![Cmd::Snapshot("svg".into())],
            A::Mouse => {
                self.mouse = !self.mouse;
                self.notice = Some(if self.mouse { "mouse: taken" } else { "mouse: released, select text as usual" }.into());
                return vec![Cmd::Mouse(self.mouse)];
            }
            A::Redraw => return vec![Cmd::Redraw],
            A::Reload => return vec![Cmd::ReloadConfig],
            A::Suspend => return vec![Cmd::Suspend],
        }
        Vec::new()
    }

    /// One step in a direction, in whatever has the keys.
    pub(super) fn step(&mut self, action: Action) -> Vec<Cmd> {
        let delta: isize = if matches!(action, Action::Up | Action::Left) { -1 } else { 1 };
        let sideways = matches!(action, Action::Left | Action::Right);
        if self.overlay != Overlay::None {
            if !sideways {
                self.move_on_top(delta);
            }
            return Vec::new();
        }
        if sideways && self.cross.is_some() {
            self.move_cross(delta);
            return Vec::new();
        }
        let part = self.level().part();
        let columns = isize::try_from(self.columns(part)).unwrap_or(1);
        match (sideways, columns) {
            (true, 1) => self.turn_part(delta),
            (true, _) => self.move_by(delta),
            (false, _) => self.move_down(part, delta, columns),
        }
        Vec::new()
    }

    /// A row up or down; past the end of one part into the next.
    fn move_down(&mut self, part: Part, delta: isize, columns: isize) {
        let count = self.items(part).len();
        let here = self.selected_index(part);
        let target = here.checked_add_signed(delta * columns);
        match target {
            Some(index) if index < count => self.select(part, index),
            // a short last row of cards: its last card
            Some(index)
                if columns > 1 && index / columns.unsigned_abs() <= count.saturating_sub(1) / columns.unsigned_abs() && count > 0 =>
            {
                self.select(part, count - 1);
            }
            _ => self.leave_part(delta),
        }
    }

    /// Focus the nearest part with items in a direction; stay when there is none.
    fn leave_part(&mut self, delta: isize) {
        let parts = self.place().parts();
        let mut index = self.level().focus;
        while let Some(next) = index.checked_add_signed(delta).filter(|i| *i < parts.len()) {
            index = next;
            if self.has_something(parts[index]) {
                self.level_mut().focus = index;
                return;
            }
        }
    }

    fn turn_part(&mut self, delta: isize) {
        let parts = self.place().parts();
        let count = parts.len();
        let mut index = self.level().focus;
        for _ in 0..count {
            index = (index + count).saturating_add_signed(delta) % count;
            if self.has_something(parts[index]) {
                self.level_mut().focus = index;
                return;
            }
        }
    }

    fn has_something(&self, part: Part) -> bool {
        // the empty state of the objectives is worth reading where it stands
        let empty_state = part == Part::Slos && *self.place() != Place::Tab(Tab::Bridge) && self.filter().is_empty();
        part == Part::Chart || empty_state || !self.items(part).is_empty()
    }

    fn move_by(&mut self, delta: isize) {
        if self.overlay != Overlay::None {
            self.move_on_top(delta);
            return;
        }
        let part = self.level().part();
        self.select(part, self.selected_index(part).saturating_add_signed(delta));
    }

    fn move_to(&mut self, index: usize) {
        if self.overlay == Overlay::None {
            self.select(self.level().part(), index);
        } else if let Some(at) = self.overlay.at_mut() {
            *at = index;
            self.clamp_on_top();
        }
    }

    fn move_on_top(&mut self, delta: isize) {
        if let Some(at) = self.overlay.at_mut() {
            *at = at.saturating_add_signed(delta);
        }
        self.clamp_on_top();
    }

    pub(super) fn clamp_on_top(&mut self) {
        let last = self.top_len().saturating_sub(1);
        if let Some(at) = self.overlay.at_mut() {
            *at = (*at).min(last);
        }
    }

    fn top_len(&self) -> usize {
        match &self.overlay {
            Overlay::Help { line, .. } => palette::help(self, &line.0).len(),
            Overlay::Palette { line, .. } => palette::entries(self, &line.0).len(),
            Overlay::Ranges { .. } => RANGES.len(),
            // the picture cuts at the text's end; this only keeps the number small
            Overlay::Definition { .. } => 200,
            Overlay::None | Overlay::Filter { .. } | Overlay::GoTo { .. } => 0,
        }
    }

    /// Enter on what lies on top.
    pub(super) fn accept(&mut self) -> Vec<Cmd> {
        match std::mem::take(&mut self.overlay) {
            Overlay::None | Overlay::Definition { .. } => {}
            Overlay::Filter { line, .. } => self.level_mut().filter = Filter::typed(&line.0),
            Overlay::Help { line, at } => {
                if let Some(row) = palette::help(self, &line.0).get(at) {
                    return self.perform(row.action);
                }
            }
            Overlay::Palette { line, at } => {
                if let Some(entry) = palette::entries(self, &line.0).get(at) {
                    return self.jump(entry.jump.clone());
                }
            }
            Overlay::Ranges { at } => self.range = RANGES.get(at).copied().unwrap_or(self.range),
            Overlay::GoTo { line, .. } => match moment::parse(&line.0, self.zone(), self.now) {
                Ok(at) => self.at = (at < self.now).then_some(at),
                Err(why) => self.overlay = Overlay::GoTo { line, fault: Some(why) },
            },
        }
        Vec::new()
    }

    /// Esc on what lies on top.
    pub(super) fn cancel(&mut self) {
        if let Overlay::Filter { before, .. } = std::mem::take(&mut self.overlay) {
            self.level_mut().filter = before;
        }
    }

    fn jump(&mut self, jump: Jump) -> Vec<Cmd> {
        match jump {
            Jump::Do(action) => return self.perform(action),
            Jump::Kpi(metric) => self.enter(Place::Kpi(metric), self.level().scope.clone()),
            Jump::Team(name) => self.enter(Place::Team(name.clone()), Scope::Team(name)),
            Jump::Service(name) => self.enter(Place::Service(name.clone()), Scope::Service(name)),
            Jump::Slo(name) => self.enter(Place::Slo(name), self.level().scope.clone()),
            Jump::Range(range) => self.range = range,
            Jump::Theme(theme) => self.theme = theme,
        }
        Vec::new()
    }

    fn open(&mut self) {
        /// What the selected item leads to, free of the board it lies in.
        enum To {
            Kpi(&'static Metric),
            KpiOf(&'static Metric, Scope),
            Group(Scope),
            Row(Box<Row>),
            Slo(String),
        }
        let to = match self.selected() {
            Some(Item::Kpi(metric)) => To::Kpi(metric),
            Some(Item::KeyResult(_, k)) => match self.catalogue().find(k.metric) {
                Some(metric) => To::KpiOf(metric, k.scope.clone()),
                None => return,
            },
            Some(Item::Team(group)) => To::Group(Scope::Team(group.name.clone())),
            Some(Item::Service(group)) => To::Group(Scope::Service(group.name.clone())),
            Some(Item::Row(row)) => To::Row(Box::new(row.clone())),
            Some(Item::Slo(state)) => To::Slo(state.slo.name.clone()),
            Some(item) => match (item.group(), item.named().and_then(|key| item::find_row(self.newest()?, key))) {
                (Some(scope), _) => To::Group(scope),
                (None, Some(row)) => To::Row(Box::new(row.clone())),
                (None, None) => {
                    self.notice = item.named().map(|key| format!("{key} lies outside what is shown; `quarterdeck explain {key}` has it"));
                    return;
                }
            },
            None => return,
        };
        let scope = self.level().scope.clone();
        match (to, self.place()) {
            (To::Kpi(metric), _) => self.enter(Place::Kpi(metric), scope),
            (To::KpiOf(metric, scope), _) => self.enter(Place::Kpi(metric), scope),
            (To::Row(row), _) => self.enter(Place::Row(row), scope),
            (To::Slo(name), _) => self.enter(Place::Slo(name), scope),
            // from a KPI's team line to the same KPI of that team
            (To::Group(scope), Place::Kpi(metric)) => self.enter(Place::Kpi(metric), scope),
            (To::Group(scope), _) => {
                let place = match &scope {
                    Scope::Team(name) => Place::Team(name.clone()),
                    Scope::Service(name) => Place::Service(name.clone()),
                    Scope::Org | Scope::Group(..) => return,
                };
                self.enter(place, scope);
            }
        }
    }

    /// To the why panel of the metric that is open or selected.
    fn ask_why(&mut self) {
        let Some(metric) = self.metric_here() else { return };
        self.enter(Place::Kpi(metric), self.level().scope.clone());
        self.full = false;
        self.level_mut().focus_on(Part::Why);
    }

    /// The why panel by the next dimension.
    fn next_cut(&mut self) {
        let Some(why) = self.board().and_then(|b| b.why.as_ref()) else { return };
        let names: Vec<&str> = item::cuts(why).map(|c| c.by.as_str()).collect();
        let here = item::chosen(why, self.cut_name()).and_then(|c| names.iter().position(|n| *n == c.by)).unwrap_or(0);
        let next = names.get((here + 1) % names.len().max(1)).map(|n| (*n).to_owned());
        self.cut = next;
        self.level_mut().focus_on(Part::Why);
        self.level_mut().at.remove(&Part::Why);
    }

    fn enter(&mut self, place: Place, scope: Scope) {
        if self.level().place == place && self.level().scope == scope {
            return;
        }
        self.remember();
        self.full = false;
        self.trail.push(Level::new(place, scope));
        if self.trail.len() > MAX_DEPTH {
            self.trail.remove(1);
        }
        // a page opens on what one came for: the list when there is no chart to walk
        if matches!(self.place(), Place::Row(row) if row.kind != "incident") && !self.items(Part::Related).is_empty() {
            self.level_mut().focus_on(Part::Related);
        }
    }

    fn back(&mut self) {
        if self.cross.is_some() {
            self.cross = None;
        } else if !self.filter().is_empty() {
            self.level_mut().filter = Filter::default();
        } else if self.full {
            self.full = false;
        } else if self.trail.len() > 1 {
            self.remember();
            self.trail.pop();
        }
    }

    /// Up to a step of the breadcrumb.
    pub(super) fn up_to(&mut self, depth: usize) {
        if depth + 1 < self.trail.len() {
            self.remember();
            self.trail.truncate(depth + 1);
            self.cross = None;
        }
    }

    fn go(&mut self, tab: Tab) {
        let place = Place::Tab(tab);
        if !self.tab_shown(tab) {
            self.notice = Some(self.would_feed(tab));
            return;
        }
        if self.trail.len() == 1 && *self.place() == place {
            return;
        }
        self.remember();
        self.cross = None;
        self.full = false;
        self.trail = vec![Level::new(place, Scope::Org)];
    }

    fn turn_tab(&mut self, delta: isize) {
        let tabs: Vec<Tab> = TABS.iter().map(|(tab, ..)| *tab).filter(|tab| self.tab_shown(*tab)).collect();
        let here = tabs.iter().position(|tab| self.trail.first().is_some_and(|l| l.place == Place::Tab(*tab))).unwrap_or(0);
        let next = (here + tabs.len()).saturating_add_signed(delta) % tabs.len().max(1);
        if let Some(tab) = tabs.get(next) {
            self.go(*tab);
        }
    }

    /// What would bring a tab that nothing feeds, in one line.
    fn would_feed(&self, tab: Tab) -> String {
        let Tab::Quarter(quarter) = tab else {
            return format!("no {} yet; in the config: [[objective]] with key_results, or [kpi.…] perspective", tab.name().to_lowercase());
        };
        let lines = metric::headlines(quarter).find_map(|m| self.library.of(m.id)).map(|entry| entry.feed.join(" ")).unwrap_or_default();
        format!("{} is not fed; in the config: {lines}", tab.name())
    }

    fn remember(&mut self) {
        self.last = Some(self.trail.clone());
    }

    fn swap_with_last(&mut self) {
        if let Some(last) = self.last.take() {
            self.last = Some(std::mem::replace(&mut self.trail, last));
            self.cross = None;
        }
    }

    fn pause(&mut self) {
        self.held = if self.held.is_some() { None } else { Some(Held { board: self.newest.clone(), since: self.now }) };
    }

    fn move_cross(&mut self, delta: isize) {
        let Some(at) = self.cross else { return };
        let buckets = self.cross_buckets();
        if buckets.is_empty() {
            return;
        }
        let here = buckets.iter().rposition(|b| b.from <= at).unwrap_or(0);
        let next = here.saturating_add_signed(delta).min(buckets.len() - 1);
        self.cross = Some(buckets[next].from);
    }

    fn last_moment(&self) -> Option<crate::domain::Time> {
        self.cross_buckets().last().map(|b| b.from)
    }

    fn selected_source(&self) -> Option<String> {
        match self.selected() {
            Some(Item::Source(source)) => Some(source.name.clone()),
            _ => None,
        }
    }

    /// The link of what is open or selected.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        match (self.place(), self.selected()) {
            (Place::Row(row), _) => row.url.clone(),
            (_, Some(Item::Row(row))) => row.url.clone(),
            _ => None,
        }
    }

    /// What `copy` would put into the clipboard.
    #[must_use]
    pub fn copy_text(&self) -> Option<String> {
        let of_row = |row: &Row| Some(row.url.clone().unwrap_or_else(|| row.key.clone()));
        match (self.place(), self.selected()) {
            (_, Some(Item::Fact(_, text))) => return Some(text.to_owned()),
            (Place::Row(row), _) => return of_row(row),
            (_, Some(Item::Row(row))) => return of_row(row),
            (_, Some(Item::Source(source))) => return Some(format!("{}: {}", source.name, source.message)),
            (_, Some(Item::Slo(state))) => return Some(slo_text(state)),
            (Place::Slo(_), _) => return item::open_slo(self.place(), self.board()?).map(slo_text),
            _ => {}
        }
        let metric = self.metric_here()?;
        let board = self.board()?;
        let reading = board.readings.get(metric.id)?;
        let value = reading.number().map_or_else(|| reading.status.word().to_owned(), |v| format!("{v} {}", reading.unit));
        let window = board.window;
        Some(format!("{} = {value} (n {}, {} to {})", metric.id, reading.n, window.from.to_rfc3339(), window.to.to_rfc3339()))
    }

    /// The metric that is open or selected.
    #[must_use]
    pub fn metric_here(&self) -> Option<&'static Metric> {
        match (self.place(), self.selected()) {
            (Place::Kpi(metric), _) => Some(metric),
            (_, Some(Item::Kpi(metric))) => Some(metric),
            _ => None,
        }
    }

    /// Items of a part, filtered.
    #[must_use]
    pub fn items(&self, part: Part) -> Vec<Item<'_>> {
        item::items(self, part)
    }

    /// Hints for the footer.
    #[must_use]
    pub fn hints(&self) -> Vec<&'static action::Row> {
        action::hints(self)
    }
}

/// An objective as it is copied.
fn slo_text(state: &slo::State) -> String {
    let left = state.left().map_or_else(|| "nothing known".to_owned(), slo::words::left);
    format!("{}: {}, {left}, {}", state.slo.name, state.standing.words(), slo::words::exhaustion(state))
}
