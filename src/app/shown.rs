//! What the picture reads of the state: answers only, nothing changes here.

use super::{
    App, Depth,
    action::Keymap,
    filter::Filter,
    item::{self, Item},
    overlay::Overlay,
    place::{self, Level, Part, Place, Tab},
    theme::ThemeName,
};
use crate::{
    domain::{
        Time,
        defined::Catalogue,
        health::SourceHealth,
        window::{Tz, Window},
    },
    kpi::{
        board::{Board, Range},
        library::Library,
        room::Room,
    },
};

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
    pub(super) fn page(&self) -> isize {
        isize::try_from(self.size.1.saturating_sub(8).max(1)).unwrap_or(1)
    }
}
