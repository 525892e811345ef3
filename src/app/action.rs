//! The action table: every key, help line, footer hint and palette entry comes from these rows.
//!
//! Adding an action adds a variant, a row here, and an arm in `perform`.

use std::collections::{BTreeMap, HashMap};

use super::{
    App,
    key::Chord,
    place::{Part, Place, Tab},
};
use crate::domain::metric::Quarter;

/// Something a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each row of ACTIONS names and describes its variant")]
pub enum Action {
    Open,
    Back,
    Filter,
    Help,
    Palette,
    Definition,
    Range,
    Pause,
    Inspect,
    OpenLink,
    Copy,
    Refresh,
    RefreshAll,
    Up,
    Down,
    Left,
    Right,
    FarLeft,
    FarRight,
    First,
    Last,
    HalfUp,
    HalfDown,
    PageUp,
    PageDown,
    NextPart,
    PreviousPart,
    Go(Tab),
    NextTab,
    PreviousTab,
    LastView,
    ZoomIn,
    ZoomOut,
    PanBack,
    PanForward,
    WindowBack,
    WindowForward,
    Live,
    GoTo,
    Invert,
    Full,
    Why,
    BreakDown,
    Privacy,
    Theme,
    Snapshot,
    SnapshotAnsi,
    SnapshotSvg,
    Mouse,
    Redraw,
    Reload,
    Suspend,
    LeaveFrame,
    Quit,
}

impl Action {
    /// Moves the cursor of a list, whatever list it is.
    #[must_use]
    pub fn moves(self) -> bool {
        matches!(self, Self::Up | Self::Down | Self::First | Self::Last | Self::HalfUp | Self::HalfDown | Self::PageUp | Self::PageDown)
    }
}

/// Headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// In and out, along and across.
    Move,
    /// Which time is shown.
    Time,
    /// What is shown, and how.
    Show,
    /// Things done.
    Act,
}

impl Group {
    /// Its heading.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Time => "Time",
            Self::Show => "Show",
            Self::Act => "Act",
        }
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row {
    /// What it does.
    pub action: Action,
    /// Its name in the config's `[ui.keys]`.
    pub id: &'static str,
    /// Keys unless the config says otherwise; the first is shown.
    pub keys: &'static [&'static str],
    /// Two words for footer and palette.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// Heading in the help.
    pub group: Group,
    /// Whether it does something here and now.
    pub works: fn(&App) -> bool,
    /// Place in the footer, smallest first; `None`: not a hint.
    pub hint: Option<u8>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("id", &self.id).field("keys", &self.keys).finish_non_exhaustive()
    }
}

const fn row(
    action: Action,
    id: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
    group: Group,
    about: &'static str,
    works: fn(&App) -> bool,
) -> Row {
    Row { action, id, keys, name, about, group, works, hint: None }
}

const fn hint(place: u8, row: Row) -> Row {
    Row { hint: Some(place), ..row }
}

fn always(_: &App) -> bool {
    true
}
fn on_chart(app: &App) -> bool {
    app.chart_shown()
}
fn inspecting(app: &App) -> bool {
    app.cross().is_some()
}
fn has_link(app: &App) -> bool {
    app.link().is_some()
}
fn has_copy(app: &App) -> bool {
    app.copy_text().is_some()
}
fn has_metric(app: &App) -> bool {
    app.metric_here().is_some()
}
fn can_open(app: &App) -> bool {
    app.selected().is_some_and(|item| item.opens())
}
fn deep(app: &App) -> bool {
    app.depth() > 1 || !app.filter().is_empty() || inspecting(app)
}
fn in_past(app: &App) -> bool {
    app.moment().is_some() || app.paused_since().is_some()
}
fn filtered(app: &App) -> bool {
    !app.filter().is_empty()
}
fn listing(app: &App) -> bool {
    app.place().parts().iter().any(|p| !matches!(p, Part::Chart | Part::Facts))
}
fn on_source(app: &App) -> bool {
    matches!(app.place(), Place::Tab(Tab::Sources)) && !app.health().is_empty()
}
fn has_cuts(app: &App) -> bool {
    on_kpi(app) && app.board().and_then(|b| b.why.as_ref()).is_some_and(|why| super::item::cuts(why).count() > 1)
}
fn on_kpi(app: &App) -> bool {
    matches!(app.place(), Place::Kpi(_) | Place::Slo(_))
}

use Action as A;
use Group::{Act, Move, Show, Time};

/// Every action. Ctrl-C is not here: it always ends the program and cannot be bound.
pub const ACTIONS: &[Row] = &[
    hint(1, row(A::Open, "open", &["enter"], "open", Move, "open what is selected: a KPI, a team, a record", can_open)),
    hint(2, row(A::Back, "back", &["esc", "backspace"], "back", Move, "one level up; clears a filter or the crosshair first", deep)),
    hint(9, row(A::Quit, "quit", &["q"], "quit", Act, "one level up; at the top: end", always)),
    hint(6, row(A::Filter, "filter", &["/"], "filter", Show, "narrow the lists by words; `!` in front inverts", listing)),
    hint(8, row(A::Help, "help", &["?", "f1"], "help", Show, "what works here, searchable; Enter runs it", always)),
    hint(
        7,
        row(A::Palette, "palette", &[":", "ctrl-p"], "jump", Move, "jump to any tab, KPI, team, service, range, theme or action", always),
    ),
    hint(10, row(A::Definition, "definition", &["i"], "define", Show, "what this KPI is, its formula, inputs and misuse", has_metric)),
    hint(5, row(A::Range, "range", &["t"], "range", Time, "choose how far back to look", always)),
    hint(11, row(A::Pause, "pause", &["space"], "pause", Time, "hold the picture; data keeps arriving underneath", always)),
    hint(4, row(A::Inspect, "inspect", &["v"], "inspect", Show, "crosshair on the charts: left and right step, Shift by ten", on_chart)),
    hint(3, row(A::OpenLink, "open_link", &["o"], "browser", Act, "open the record where it lives", has_link)),
    hint(12, row(A::Copy, "copy", &["y"], "copy", Act, "copy the link, key or value", has_copy)),
    hint(3, row(A::Refresh, "refresh", &["r"], "refresh", Act, "poll the selected source now (elsewhere: all)", always)),
    row(A::RefreshAll, "refresh_all", &["R"], "refresh all", Act, "poll every source now", always),
    row(A::Up, "up", &["k", "up"], "up", Move, "up", always),
    row(A::Down, "down", &["j", "down"], "down", Move, "down", always),
    row(A::Left, "left", &["h", "left"], "left", Move, "left; one bucket back with the crosshair on", always),
    row(A::Right, "right", &["l", "right"], "right", Move, "right; one bucket on with the crosshair on", always),
    row(A::FarLeft, "far_left", &["shift-left"], "ten left", Move, "ten buckets back with the crosshair on", inspecting),
    row(A::FarRight, "far_right", &["shift-right"], "ten right", Move, "ten buckets on with the crosshair on", inspecting),
    row(A::First, "first", &["home"], "first", Move, "first item (also gg)", always),
    row(A::Last, "last", &["G", "end"], "last", Move, "last item", always),
    row(A::HalfUp, "half_up", &["ctrl-u"], "half page up", Move, "half a page up", always),
    row(A::HalfDown, "half_down", &["ctrl-d"], "half page down", Move, "half a page down", always),
    row(A::PageUp, "page_up", &["pgup"], "page up", Move, "a page up", always),
    row(A::PageDown, "page_down", &["pgdn"], "page down", Move, "a page down", always),
    row(A::NextPart, "next_part", &["tab"], "next part", Move, "focus the next part of the page", always),
    row(A::PreviousPart, "previous_part", &["shift-tab"], "previous part", Move, "focus the part before", always),
    row(A::Go(Tab::Bridge), "bridge", &["1"], "Bridge", Move, "go to the Bridge", always),
    row(A::Go(Tab::Quarter(Quarter::Reliability)), "reliability", &["2"], "Reliability", Move, "go to Reliability", always),
    row(A::Go(Tab::Quarter(Quarter::Delivery)), "delivery", &["3"], "Delivery", Move, "go to Delivery", always),
    row(A::Go(Tab::Quarter(Quarter::Cost)), "cost", &["4"], "Cost", Move, "go to Cost", always),
    row(A::Go(Tab::Quarter(Quarter::Quality)), "quality", &["5"], "Quality", Move, "go to Quality", always),
    row(
        A::Go(Tab::Quarter(Quarter::Engagement)),
        "engagement",
        &["6"],
        "Engagement",
        Move,
        "go to Engagement, when something feeds it",
        always,
    ),
    row(A::Go(Tab::Quarter(Quarter::People)), "people", &["7"], "People", Move, "go to People, when something feeds it", always),
    row(A::Go(Tab::Objectives), "objectives", &["8"], "Objectives", Move, "go to Objectives, when there are any", always),
    row(A::Go(Tab::Sources), "sources", &["s"], "Sources", Move, "how each source is doing", always),
    row(A::NextTab, "next_tab", &["L", "ctrl-pgdn"], "next tab", Move, "the tab to the right", always),
    row(A::PreviousTab, "previous_tab", &["H", "ctrl-pgup"], "previous tab", Move, "the tab to the left", always),
    row(A::LastView, "last_view", &["`"], "last view", Move, "the view before this one, and back again", App::has_last_view),
    row(A::ZoomIn, "zoom_in", &["+"], "shorter", Time, "the next shorter range", always),
    row(A::ZoomOut, "zoom_out", &["-"], "longer", Time, "the next longer range", always),
    row(A::PanBack, "pan_back", &["["], "earlier", Time, "half a window into the past", always),
    row(A::PanForward, "pan_forward", &["]"], "later", Time, "half a window towards now", in_past),
    row(A::WindowBack, "window_back", &["{"], "a window earlier", Time, "a whole window into the past", always),
    row(A::WindowForward, "window_forward", &["}"], "a window later", Time, "a whole window towards now", in_past),
    row(A::Live, "live", &["0", "="], "live", Time, "back to now, and on with the picture", in_past),
    row(A::GoTo, "go_to", &["g"], "go to time", Time, "show what was known at a moment: 2026-03-31, 2026-03-31 14:05, -3d", always),
    row(A::Invert, "invert", &["!"], "invert filter", Show, "keep what the filter does not match", filtered),
    hint(4, row(A::Why, "why", &["w"], "why", Show, "why this KPI moved: who accounts for it, which records, what coincides", has_metric)),
    hint(5, row(A::BreakDown, "break_down", &["b"], "by", Show, "break the change down by the next dimension", has_cuts)),
    row(A::Full, "full", &["f", "z"], "full chart", Show, "the chart alone, and back", on_kpi),
    row(A::Privacy, "privacy", &["x"], "privacy", Show, "hide names, titles and money for screen sharing", always),
    row(A::Theme, "theme", &["T"], "theme", Show, "the next theme", always),
    row(A::Snapshot, "snapshot", &["e"], "snapshot", Act, "write this frame to a text file", always),
    row(A::SnapshotAnsi, "snapshot_ansi", &[], "snapshot, ansi", Act, "write this frame to a file with colours for a terminal", always),
    row(A::SnapshotSvg, "snapshot_svg", &[], "snapshot, svg", Act, "write this frame to an SVG picture", always),
    row(A::Mouse, "mouse", &["M"], "mouse", Act, "release the mouse to select text, or take it back", always),
    row(A::Redraw, "redraw", &["ctrl-l"], "redraw", Act, "paint the whole screen again", always),
    row(A::Reload, "reload", &["ctrl-r"], "reload config", Act, "read the config file again", always),
    row(A::Suspend, "suspend", &["ctrl-z"], "suspend", Act, "to the shell; `fg` comes back", always),
    row(A::LeaveFrame, "quit_leave_frame", &["Q"], "quit, keep frame", Act, "end and leave the last frame in the scrollback", always),
];

/// The row of an action.
#[must_use]
pub fn find(action: Action) -> &'static Row {
    // every action has a row (a test holds it); the first stands in so that nothing can panic
    ACTIONS.iter().find(|row| row.action == action).unwrap_or(&ACTIONS[0])
}

/// Which key does what.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    actions: HashMap<Chord, Action>,
    keys: BTreeMap<Action, Vec<Chord>>,
}

impl Keymap {
    /// The table's keys, with the config's in place of an action's own. A rebound action loses its own keys.
    ///
    /// # Errors
    /// An unknown action or key, or two actions on one key: all of them, a line each, with both names.
    pub fn build(config: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut faults = Vec::new();
        for id in config.keys().filter(|id| !ACTIONS.iter().any(|row| row.id == id.as_str())) {
            faults.push(format!("ui.keys: there is no action `{id}` (see the help, `?`, for what there is)"));
        }
        let (mut actions, mut keys) = (HashMap::new(), BTreeMap::new());
        for row in ACTIONS {
            let wanted: Vec<&str> = config.get(row.id).map_or_else(|| row.keys.to_vec(), |text| text.split_whitespace().collect());
            let mut chords = Vec::new();
            for text in wanted {
                match Chord::parse(text) {
                    Ok(chord) if chord == control_c() => faults.push(format!("ui.keys.{}: ctrl-c always ends the program", row.id)),
                    Ok(chord) => chords.push(chord),
                    Err(why) => faults.push(format!("ui.keys.{}: {why}", row.id)),
                }
            }
            for chord in &chords {
                if let Some(other) = actions.insert(*chord, row.action).filter(|other| *other != row.action) {
                    faults.push(format!("ui.keys: `{}` is bound to both `{}` and `{}`", chord.text(), find(other).id, row.id));
                }
            }
            keys.insert(row.action, chords);
        }
        if faults.is_empty() { Ok(Self { actions, keys }) } else { Err(faults.join("\n")) }
    }

    /// What a key does.
    #[must_use]
    pub fn action(&self, chord: Chord) -> Option<Action> {
        self.actions.get(&chord).copied()
    }

    /// Every key of an action as shown; empty when it has none.
    #[must_use]
    pub fn texts(&self, action: Action) -> Vec<String> {
        self.keys.get(&action).map(|chords| chords.iter().map(|c| c.text()).collect()).unwrap_or_default()
    }
}

/// Ctrl-C: ends from anywhere.
#[must_use]
pub fn control_c() -> Chord {
    Chord { code: crossterm::event::KeyCode::Char('c'), mods: crossterm::event::KeyModifiers::CONTROL }
}

/// The footer's hints, in order. Deep inside, `esc` says enough and `q` is left out.
#[must_use]
pub fn hints(app: &App) -> Vec<&'static Row> {
    let useful = |row: &&Row| match row.action {
        Action::Quit => app.depth() <= 1,
        Action::Refresh => on_source(app),
        _ => row.hint.is_some(),
    };
    let mut rows: Vec<_> = working(app).filter(useful).collect();
    rows.sort_by_key(|row| row.hint);
    rows
}

/// Rows that work here, in table order.
pub fn working(app: &App) -> impl Iterator<Item = &'static Row> {
    ACTIONS.iter().filter(|row| (row.works)(app))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, k)| ((*a).to_owned(), (*k).to_owned())).collect()
    }

    #[test]
    fn the_table_has_no_clash_and_each_id_once() {
        Keymap::build(&BTreeMap::new()).unwrap();
        for (i, row) in ACTIONS.iter().enumerate() {
            assert!(ACTIONS[..i].iter().all(|o| o.id != row.id && o.action != row.action), "{} twice", row.id);
            assert!(row.name.chars().count() <= 16 && !row.about.is_empty(), "{}", row.id);
        }
    }

    #[test]
    fn a_clash_is_refused_with_both_names() {
        let fault = Keymap::build(&keys(&[("pause", "p"), ("filter", "p")])).unwrap_err();
        assert!(fault.contains("`p`") && fault.contains("`pause`") && fault.contains("`filter`"), "{fault}");
        let with_default = Keymap::build(&keys(&[("pause", "/")])).unwrap_err();
        assert!(with_default.contains("`pause`") && with_default.contains("`filter`"), "{with_default}");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let fault = Keymap::build(&keys(&[("pauze", "p"), ("filter", "hyper-x"), ("help", "ctrl-c")])).unwrap_err();
        assert_eq!(fault.lines().count(), 3, "{fault}");
    }

    #[test]
    fn a_rebound_action_leaves_its_old_key_free() {
        let map = Keymap::build(&keys(&[("pause", "p"), ("filter", "space")])).unwrap();
        assert_eq!(map.action(Chord::parse("p").unwrap()), Some(Action::Pause));
        assert_eq!(map.action(Chord::parse("space").unwrap()), Some(Action::Filter));
        assert_eq!(map.action(Chord::parse("/").unwrap()), None);
        assert_eq!(map.texts(Action::Filter), ["space"]);
    }
}
