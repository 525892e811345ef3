//! The palette: one list of everywhere one can go and everything one can do, matched fuzzily.

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

use super::{App, action, action::Action, place::TABS, theme::ThemeName};
use crate::{
    domain::metric::Metric,
    kpi::board::{RANGES, Range},
};

/// Where an entry leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Jump {
    /// Do an action.
    Do(Action),
    /// A KPI's page.
    Kpi(&'static Metric),
    /// A team's page.
    Team(String),
    /// A service's page.
    Service(String),
    /// An objective's page.
    Slo(String),
    /// A range.
    Range(Range),
    /// A theme.
    Theme(ThemeName),
}

/// One line of the palette.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `KPI`, `team`, `service`, `SLO`, `range`, `theme`, `action`.
    pub kind: &'static str,
    /// What is matched and shown.
    pub label: String,
    /// Where it leads.
    pub jump: Jump,
}

/// Entries that match what was typed, best first; all of them, in order, when nothing was.
#[must_use]
pub fn entries(app: &App, typed: &str) -> Vec<Entry> {
    rank(all(app), typed, |entry| format!("{} {}", entry.label, entry.kind))
}

/// Rows of the help that match what was typed, best first.
#[must_use]
pub fn help(app: &App, typed: &str) -> Vec<&'static action::Row> {
    let mut rows: Vec<_> = action::working(app).collect();
    if typed.trim().is_empty() {
        rows.sort_by_key(|row| row.group);
    }
    rank(rows, typed, |row| format!("{} {} {}", row.name, row.about, app.keymap().texts(row.action).join(" ")))
}

fn all(app: &App) -> Vec<Entry> {
    let mut out = Vec::new();
    let mut add = |kind, label: String, jump| out.push(Entry { kind, label, jump });
    for (tab, _, name) in TABS.iter().filter(|(tab, ..)| app.tab_shown(*tab)) {
        add("tab", (*name).to_owned(), Jump::Do(Action::Go(*tab)));
    }
    for metric in app.catalogue().all().filter(|m| m.facet_of.is_none()) {
        add("KPI", metric.name.to_owned(), Jump::Kpi(metric));
    }
    if let Some(board) = app.newest() {
        for team in &board.teams {
            add("team", app.team_name(&team.name), Jump::Team(team.name.clone()));
        }
        for service in &board.services {
            add("service", app.service_name(&service.name), Jump::Service(service.name.clone()));
        }
        for state in &board.slos {
            add("SLO", app.slo_name(&state.slo.name), Jump::Slo(state.slo.name.clone()));
        }
    }
    for range in RANGES {
        add("range", format!("last {}", range.word), Jump::Range(*range));
    }
    for theme in ThemeName::ALL {
        add("theme", theme.word().to_owned(), Jump::Theme(theme));
    }
    for row in action::working(app).filter(|row| !matches!(row.action, Action::Go(_) | Action::Palette)) {
        add("action", row.name.to_owned(), Jump::Do(row.action));
    }
    out
}

fn rank<T>(all: Vec<T>, typed: &str, text: impl Fn(&T) -> String) -> Vec<T> {
    if typed.trim().is_empty() {
        return all;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, T)> =
        all.into_iter().filter_map(|item| Some((pattern.score(Utf32Str::new(&text(&item), &mut buffer), &mut matcher)?, item))).collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, item)| item).collect()
}
