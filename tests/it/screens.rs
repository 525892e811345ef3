//! Golden screens, every size, and how the screen answers keys and mouse.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use chrono::{Datelike, Duration};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use quarterdeck::{
    app::{
        App, Cmd, Depth, Msg, Setup, action,
        key::Chord,
        overlay::Overlay,
        place::{Part, Place, Tab},
        theme::ThemeName,
    },
    domain::{metric::Quarter, value::Scope},
    kpi::board::Look,
    view,
};
use ratatui::{buffer::Buffer, layout::Rect, style::Color};

use crate::boards::{self, Mood};

/// A screen that answers its own looks, as engine and loop do.
struct Deck {
    app: App,
    mood: Mood,
    size: (u16, u16),
    /// Commands other than looks, in order.
    done: Vec<Cmd>,
}

impl Deck {
    fn new(mood: Mood, size: (u16, u16)) -> Self {
        Self::of(boards::app(size), mood, size)
    }

    fn of(app: App, mood: Mood, size: (u16, u16)) -> Self {
        let mut deck = Self { app, mood, size, done: Vec::new() };
        deck.send(Msg::Health(boards::health(mood)));
        deck.send(Msg::Board(boards::board(mood, &Look::default())));
        deck
    }

    fn send(&mut self, msg: Msg) {
        let mut queue = vec![msg];
        while let Some(msg) = queue.pop() {
            for cmd in self.app.update(msg) {
                match cmd {
                    Cmd::Look(look) => queue.push(Msg::Board(boards::board(self.mood, &look))),
                    other => self.done.push(other),
                }
            }
        }
    }

    /// Keys by name, separated by blanks.
    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            let Chord { code, mods } = Chord::parse(key).unwrap();
            self.send(Msg::Input(Event::Key(KeyEvent::new(code, mods))));
        }
        self
    }

    /// Text as typed.
    fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.send(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))));
        }
        self
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.send(Msg::Input(Event::Resize(size.0, size.1)));
    }

    fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        view::draw_buffer(&self.app, &mut buffer);
        buffer
    }

    /// The picture as lines, without blanks at their ends.
    fn text(&self) -> String {
        let buffer = self.buffer();
        let mut out = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += view::text::width(symbol).max(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Keys that lead to every kind of place and overlay.
const WAYS: &[(&str, &str)] = &[
    ("bridge", ""),
    ("reliability", "2"),
    ("delivery", "3"),
    ("cost", "4"),
    ("quality", "5"),
    ("engagement", "6"),
    ("people", "7"),
    ("objectives", "8"),
    ("sources", "s"),
    ("kpi", "3 right enter"),
    ("kpi_rows", "3 right enter tab"),
    ("kpi_full", "3 right enter f v"),
    ("kpi_why", "3 right enter w"),
    ("kpi_facets", "3 right enter tab tab tab"),
    ("kpi_teams", "3 right enter tab tab tab tab"),
    ("kpi_services", "3 right enter tab tab tab tab tab"),
    ("kpi_of_a_team", "3 right enter tab tab tab tab enter"),
    ("team", "shift-tab enter"),
    ("service", "shift-tab enter tab enter"),
    ("slos", "2 tab"),
    ("slo", "2 tab enter"),
    ("slo_alerts", "2 tab enter tab"),
    ("slo_burners", "2 tab enter tab tab"),
    ("slo_definition", "2 tab enter tab tab tab"),
    ("record", "3 tab enter"),
    ("incident", "2 tab tab enter"),
    ("incident_timeline", "2 tab tab enter tab"),
    ("bridge_lists", "tab"),
    ("help", "?"),
    ("palette", ":"),
    ("ranges", "t"),
    ("go_to", "g - 3 d"),
    ("filter", "/ p a y"),
    ("nothing_matches", "/ q q q q enter"),
    ("definition", "i"),
    ("inspect", "2 v left left"),
    ("private", "x"),
    ("paused", "space"),
    ("past", "["),
];

const SIZES: [(u16, u16); 5] = [(20, 5), (40, 12), (80, 24), (120, 40), (200, 50)];

/// All of one way in one mood, at five sizes, in one readable file.
fn golden(name: &str, keys: &str, mood: Mood, sizes: &[(u16, u16)]) {
    let mut text = String::new();
    for size in sizes {
        // keys are pressed at a size where nothing is hidden, then the terminal shrinks or grows
        let mut deck = Deck::new(mood, (80, 24));
        deck.keys(keys).resize(*size);
        writeln!(text, "{}x{}\n{}", size.0, size.1, deck.text()).unwrap();
    }
    snapshot(&format!("{name}-{}", mood.word()), &text);
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn pages() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    const PAGES: [&str; 17] = [
        "bridge",
        "reliability",
        "delivery",
        "cost",
        "quality",
        "engagement",
        "people",
        "sources",
        "kpi",
        "kpi_why",
        "team",
        "service",
        "slos",
        "slo",
        "record",
        "incident",
        "objectives",
    ];
    WAYS.iter().filter(|(name, _)| PAGES.contains(name))
}

#[test]
fn every_page_looks_as_it_should_with_nothing_in_it() {
    pages().for_each(|(name, keys)| golden(name, keys, Mood::Nothing, &SIZES));
}

#[test]
fn every_page_looks_as_it_should_when_all_is_well() {
    pages().for_each(|(name, keys)| golden(name, keys, Mood::Good, &SIZES));
}

#[test]
fn every_page_looks_as_it_should_when_all_is_bad() {
    pages().for_each(|(name, keys)| golden(name, keys, Mood::Bad, &SIZES));
}

#[test]
fn every_page_looks_as_it_should_with_long_and_wide_text() {
    pages().for_each(|(name, keys)| golden(name, keys, Mood::Long, &SIZES));
}

#[test]
fn everything_that_lies_on_top_looks_as_it_should() {
    let on_top = [
        "help",
        "palette",
        "ranges",
        "go_to",
        "filter",
        "nothing_matches",
        "definition",
        "inspect",
        "private",
        "paused",
        "past",
        "kpi_full",
    ];
    for (name, keys) in WAYS.iter().filter(|(name, _)| on_top.contains(name)) {
        golden(name, keys, Mood::Bad, &[(40, 12), (80, 24)]);
    }
}

#[test]
fn without_colours_state_is_still_told_and_nothing_is_coloured() {
    let mut text = String::new();
    for (name, keys) in pages() {
        let mut deck = Deck::of(App::new(Setup { depth: Depth::Mono, ..boards::setup((80, 24)) }).unwrap(), Mood::Bad, (80, 24));
        deck.keys(keys);
        for cell in &deck.buffer().content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
        writeln!(text, "{name}\n{}", deck.text()).unwrap();
    }
    for word in ["off target", "✗", "no data", "n too small", "failing", "denied", "worse", "better"] {
        assert!(text.contains(word), "{word}");
    }
    snapshot("mono-bad-80x24", &text);
}

#[test]
fn in_ascii_every_cell_is_ascii_whatever_the_text() {
    let mut text = String::new();
    for (name, keys) in WAYS {
        let mut deck = Deck::of(App::new(Setup { ascii: true, ..boards::setup((80, 24)) }).unwrap(), Mood::Long, (80, 24));
        deck.keys(keys);
        let shown = deck.text();
        assert!(shown.is_ascii(), "{name}:\n{shown}");
        writeln!(text, "{name}\n{shown}").unwrap();
    }
    snapshot("ascii-long-80x24", &text);
}

/// Every size up to 60x20, by a stride of columns, and some beyond.
fn sweep(mood: Mood, ways: &[(&str, &str)], stride: usize) {
    for (name, keys) in ways {
        let mut deck = Deck::new(mood, (80, 24));
        deck.keys(keys);
        for height in 0..=20 {
            for width in (0..=60).step_by(stride) {
                deck.resize((width, height));
                let buffer = deck.buffer();
                let blank = buffer.content.iter().all(|cell| cell.symbol() == " ");
                assert!(!blank || width == 0 || height == 0, "{name} {} is blank at {width}x{height}", mood.word());
            }
        }
        for size in [(79, 15), (80, 16), (119, 20), (120, 19), (160, 30), (300, 8), (300, 80), (61, 60)] {
            deck.resize(size);
            deck.buffer();
        }
    }
}

#[test]
fn no_size_panics_or_is_blank_with_long_text() {
    sweep(Mood::Long, &WAYS[..WAYS.len() / 2], 1);
}

#[test]
fn no_size_panics_or_is_blank_with_long_text_deeper_in() {
    sweep(Mood::Long, &WAYS[WAYS.len() / 2..], 1);
}

#[test]
fn no_size_panics_or_is_blank_with_nothing() {
    sweep(Mood::Nothing, WAYS, 4);
}

#[test]
fn no_size_panics_or_is_blank_when_all_is_well_or_bad() {
    sweep(Mood::Good, WAYS, 9);
    sweep(Mood::Bad, WAYS, 9);
}

#[test]
fn before_the_first_board_the_screen_says_what_it_waits_for() {
    for size in SIZES {
        let deck = Deck { app: boards::app(size), mood: Mood::Nothing, size, done: Vec::new() };
        let text = deck.text();
        assert!(text.contains("starting") || text.contains("opening"), "{size:?}: {text}");
    }
}

#[test]
fn drilling_from_a_card_to_a_record_and_back_ends_where_it_began() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    let start = deck.text();
    deck.keys("3 right enter");
    assert!(deck.text().contains("Acme › Lead time for changes"));
    deck.keys("tab down enter");
    let record = deck.text();
    assert!(record.contains("Lead time for changes › Retry the ledger write once"), "{record}");
    assert!(record.contains("service catalog: checkout-api belongs to payments"), "{record}");
    deck.keys("enter");
    assert!(deck.text().contains("git/change-2"), "a related record opens: {}", deck.text());
    deck.keys("esc esc esc esc esc 1");
    assert_eq!(deck.text(), start);
    assert!(deck.done.is_empty());
}

#[test]
fn the_way_back_finds_the_cursor_and_the_filter_where_they_were() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.keys("3 tab / v 1 . 3 enter down");
    let before = deck.text();
    assert!(before.contains("filter v1.3"), "{before}");
    deck.keys("enter");
    assert!(!deck.text().contains("filter v1.3"));
    deck.keys("esc");
    assert_eq!(deck.text(), before);
}

#[test]
fn a_filter_narrows_inverts_and_goes_with_esc() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("2 / l a t e n c y enter");
    let text = deck.text();
    assert!(text.contains("Latency P95") && !text.contains("─ Uptime"), "{text}");
    deck.keys("!");
    let text = deck.text();
    assert!(!text.contains("Latency P95") && text.contains("Uptime"), "{text}");
    deck.keys("esc");
    assert!(deck.text().contains("Latency P95") && deck.text().contains("Uptime"));
    deck.keys("/ z z z esc");
    assert!(deck.text().contains("Uptime"), "Esc while typing leaves the lists as they were");
}

#[test]
fn no_global_key_fires_while_a_text_field_has_the_keys() {
    for field in ["/", ":", "?", "g"] {
        let mut deck = Deck::new(Mood::Good, (80, 24));
        deck.keys(field);
        let open = std::mem::discriminant(deck.app.overlay());
        // `g` in an empty go-to field means first item; it is typed after others here
        for key in action::ACTIONS.iter().flat_map(|row| row.keys).filter(|key| key.chars().count() == 1 && **key != "g") {
            deck.keys(key);
            assert_eq!(std::mem::discriminant(deck.app.overlay()), open, "`{key}` left the field of `{field}`");
        }
        deck.type_text("gq 1");
        assert_eq!(std::mem::discriminant(deck.app.overlay()), open);
        assert!(deck.done.is_empty(), "{:?}", deck.done);
        deck.keys("esc");
        assert_eq!(*deck.app.overlay(), Overlay::None);
        assert_eq!(*deck.app.place(), Place::Tab(Tab::Bridge), "typed digits went to no tab");
    }
}

#[test]
fn ctrl_c_ends_from_anywhere_and_esc_from_nowhere() {
    for (name, keys) in WAYS {
        let mut deck = Deck::new(Mood::Bad, (80, 24));
        deck.keys(keys).keys("esc esc esc esc esc esc backspace");
        assert!(deck.done.is_empty(), "{name}: {:?}", deck.done);
        let mut deck = Deck::new(Mood::Bad, (80, 24));
        deck.keys(keys).keys("ctrl-c");
        assert_eq!(deck.done, [Cmd::Quit { leave_frame: false }], "{name}");
    }
}

#[test]
fn q_goes_up_and_at_the_top_ends() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.keys("3 enter q");
    assert!(deck.done.is_empty());
    assert_eq!(*deck.app.place(), Place::Tab(Tab::Quarter(Quarter::Delivery)));
    deck.keys("q");
    assert_eq!(deck.done, [Cmd::Quit { leave_frame: false }]);
    deck.keys("Q");
    assert_eq!(deck.done[1], Cmd::Quit { leave_frame: true });
}

#[test]
fn the_palette_leads_to_any_kpi_team_range_and_theme() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.keys(":").type_text("lead time").keys("enter");
    assert!(deck.text().contains("Acme › Lead time for changes"));
    deck.keys("ctrl-p").type_text("payments").keys("enter");
    assert!(deck.text().contains("› payments"));
    assert_eq!(deck.app.newest().unwrap().look.scope, Scope::Team("payments".into()));
    deck.keys(":").type_text("last 90d").keys("enter");
    assert_eq!(deck.app.range().word, "90d");
    deck.keys(":").type_text("high contrast").keys("enter");
    assert_eq!(deck.app.theme(), ThemeName::HighContrast);
}

#[test]
fn the_help_lists_what_works_here_and_runs_it() {
    let mut deck = Deck::new(Mood::Good, (120, 60));
    deck.keys("?");
    assert!(!deck.text().contains("does not match") && !deck.text().contains("towards now"));
    deck.keys("esc [ ?");
    assert!(deck.text().contains("towards now"));
    deck.type_text("back to now").keys("enter");
    assert_eq!(deck.app.moment(), None);
    // every action is found by the palette of some place, and every key is told by its help
    let told: Vec<_> = action::working(&deck.app).map(|row| row.id).collect();
    for id in ["filter", "palette", "pause", "theme", "snapshot_svg", "suspend", "privacy"] {
        assert!(told.contains(&id), "{id}");
    }
}

#[test]
fn pausing_holds_the_picture_while_boards_arrive() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("space");
    let held = deck.text();
    assert!(held.contains("PAUSED"));
    deck.send(Msg::Board(boards::board(Mood::Bad, &Look::default())));
    assert_eq!(deck.text(), held);
    deck.send(Msg::Tick(boards::now() + Duration::minutes(4)));
    assert!(deck.text().contains("PAUSED 4 min"));
    deck.keys("space");
    assert!(deck.text().contains("LIVE") && deck.text().contains("Ledger lag"));
}

#[test]
fn a_paused_screen_can_still_be_walked() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("space shift-tab enter");
    let text = deck.text();
    assert!(text.contains("PAUSED") && text.contains("› payments") && text.contains("on target"), "{text}");
    deck.send(Msg::Board(boards::board(Mood::Bad, &deck.app.newest().unwrap().look.clone())));
    assert_eq!(deck.text(), text, "the first picture of the new place is held");
}

#[test]
fn panning_zooming_and_going_to_a_time_change_what_is_looked_at() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    // half of 28 days back, over the change of clocks: an hour earlier on the wall
    deck.keys("[");
    assert!(deck.text().contains("PAST 03-17 13:32"), "{}", deck.text());
    deck.keys("]");
    assert!(deck.text().contains("LIVE"));
    deck.keys("+");
    assert_eq!(deck.app.newest().unwrap().look.range.word, "7d");
    deck.keys("- -");
    assert_eq!(deck.app.newest().unwrap().look.range.word, "90d");
    deck.keys("t 3");
    assert_eq!(deck.app.newest().unwrap().look.range.word, "24h");
    deck.keys("g").type_text("2026-03-01 10:00").keys("enter");
    assert_eq!(deck.app.newest().unwrap().look.at, Some("2026-03-01T09:00:00Z".parse().unwrap()));
    deck.keys("g").type_text("tomorrow").keys("enter");
    assert!(deck.text().contains("`tomorrow` is no time"), "{}", deck.text());
    deck.keys("esc 0");
    assert_eq!(deck.app.newest().unwrap().look.at, None);
}

#[test]
fn gg_is_the_first_item_for_fingers_that_know_it() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.keys("3 tab G");
    assert!(deck.app.selected_index(Part::Deployments) > 10);
    deck.keys("g g");
    assert_eq!((deck.app.selected_index(Part::Deployments), deck.app.overlay()), (0, &Overlay::None));
}

#[test]
fn looks_are_asked_once_and_only_when_something_changed() {
    let mut app = boards::app((80, 24));
    assert_eq!(app.update(Msg::Board(boards::board(Mood::Good, &Look::default()))), []);
    let key = |text: &str| Msg::Input(Event::Key(KeyEvent::new(Chord::parse(text).unwrap().code, KeyModifiers::NONE)));
    app.update(key("3"));
    let cmds = app.update(key("enter"));
    let Some(Cmd::Look(look)) = cmds.first() else { panic!("{cmds:?}") };
    assert_eq!(look.focus, Some("deployment_frequency.per_day"));
    assert_eq!(app.update(key("tab")), []);
    assert!(matches!(app.update(key("esc"))[..], [Cmd::Look(Look { focus: None, .. })]));
}

#[test]
fn numbers_of_one_scope_are_never_shown_under_the_name_of_another() {
    let mut app = boards::app((120, 40));
    app.update(Msg::Board(boards::board(Mood::Good, &Look::default())));
    for key in [KeyCode::BackTab, KeyCode::Enter] {
        app.update(Msg::Input(Event::Key(KeyEvent::new(key, KeyModifiers::NONE))));
    }
    let deck = Deck { app, mood: Mood::Good, size: (120, 40), done: Vec::new() };
    let text = deck.text();
    assert!(text.contains("› payments") && text.contains("computing…"), "{text}");
    assert!(!text.contains("on target"), "{text}");
}

#[test]
fn the_cursor_stays_on_its_record_when_new_ones_arrive_above() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("3 tab down down down");
    let selected = deck.app.selected().unwrap().id().to_owned();
    let mut board = (*boards::board(Mood::Good, &Look::default())).clone();
    let mut newer = board.deployments[0].clone();
    newer.key = "git/brand-new".into();
    board.deployments.insert(0, newer);
    deck.send(Msg::Board(Arc::new(board)));
    assert_eq!(deck.app.selected().unwrap().id(), selected);
}

#[test]
fn nothing_fed_says_which_lines_would_feed_it_and_shows_no_zero() {
    let mut deck = Deck::new(Mood::Nothing, (120, 40));
    deck.keys("2");
    let text = deck.text();
    assert!(text.contains("nothing feeds this yet") && text.contains("kind = \"http\"") && text.contains("[[source]]"), "{text}");
    assert!(!text.contains("0 %") && !text.contains(" 0 "), "{text}");
    assert!(text.contains("no source reports these yet"), "{text}");
    deck.keys("1");
    assert!(deck.text().contains("1,200 of 5,400"), "progress of the first reading is shown: {}", deck.text());
}

#[test]
fn privacy_hides_every_name_title_and_sum() {
    for (way, keys) in WAYS.iter().filter(|(way, _)| *way != "private" && *way != "filter") {
        let mut deck = Deck::new(Mood::Good, (200, 50));
        deck.keys(keys);
        if *deck.app.overlay() != Overlay::None {
            continue;
        }
        deck.keys("x");
        let text = deck.text();
        for secret in ["Acme", "payments", "checkout", "ledger", "€", "v1.42", "Elevated", "git.example", "prod-metrics"] {
            assert!(!text.contains(secret), "{way} shows {secret}:\n{text}");
        }
    }
}

#[test]
fn an_idle_screen_stays_the_same_to_the_cell_until_the_minute_ends() {
    for (name, keys) in WAYS {
        let mut deck = Deck::new(Mood::Good, (120, 40));
        deck.keys(keys);
        let before = deck.buffer();
        deck.send(Msg::Tick(boards::now() + Duration::seconds(49)));
        assert_eq!(deck.buffer(), before, "{name}");
        assert_eq!(deck.app.next_tick(), boards::now() + Duration::seconds(50), "{name}");
    }
}

#[test]
fn a_young_open_incident_counts_seconds_an_old_one_minutes() {
    let mut deck = Deck::new(Mood::Bad, (120, 40));
    assert!(deck.text().contains("0:07:00") && deck.text().contains("1:42"), "{}", deck.text());
    assert_eq!(deck.app.next_tick(), boards::now() + Duration::seconds(1));
    deck.send(Msg::Tick(boards::now() + Duration::seconds(5)));
    assert!(deck.text().contains("0:07:05"));
    deck.send(Msg::Tick(boards::now() + Duration::minutes(4)));
    assert!(deck.text().contains("0:11 ") && deck.text().contains("1:46"), "{}", deck.text());
}

#[test]
fn the_crosshair_tells_the_value_of_its_bucket_exactly() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("3 right enter v");
    let series = deck.app.board().unwrap().series["lead_time.median"].clone();
    for (index, value) in series.values.iter().enumerate().rev() {
        let day = view::axis::bucket_label(series.buckets[index], boards::zone());
        let told = value.map_or_else(|| "no data".to_owned(), view::number::duration);
        let text = deck.text();
        assert!(text.contains(&format!(" {day}  {told} ")), "bucket {index}: {day} {told}\n{text}");
        deck.keys("left");
    }
    deck.keys("shift-right");
    assert_eq!(deck.app.cross(), Some(series.buckets[10].from));
    deck.keys("esc");
    assert_eq!(deck.app.cross(), None);
}

/// Where a text stands on the screen.
fn find(deck: &Deck, text: &str) -> (u16, u16) {
    let buffer = deck.buffer();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        if let Some(at) = line.find(text) {
            return (u16::try_from(line[..at].chars().count()).unwrap(), y);
        }
    }
    panic!("`{text}` is not on the screen:\n{}", deck.text());
}

fn mouse(deck: &mut Deck, kind: MouseEventKind, (column, row): (u16, u16)) {
    let event = Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    let msg = view::message(&deck.app, Rect::new(0, 0, deck.size.0, deck.size.1), event);
    deck.send(msg);
}

fn click(deck: &mut Deck, text: &str) {
    let at = find(deck, text);
    mouse(deck, MouseEventKind::Down(MouseButton::Left), at);
}

#[test]
fn what_is_seen_can_be_clicked() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    click(&mut deck, "3 Delivery");
    assert_eq!(*deck.app.place(), Place::Tab(Tab::Quarter(Quarter::Delivery)));
    click(&mut deck, "Lead time for changes");
    assert_eq!(deck.app.selected_index(Part::Cards), 1, "the first click selects");
    click(&mut deck, "Lead time for changes");
    assert!(matches!(deck.app.place(), Place::Kpi(m) if m.id == "lead_time.median"), "the second opens");
    click(&mut deck, "Retry the ledger write once");
    click(&mut deck, "Retry the ledger write once");
    assert!(matches!(deck.app.place(), Place::Row(_)));
    click(&mut deck, "Lead time for");
    assert!(matches!(deck.app.place(), Place::Kpi(_)), "a crumb leads back");
    click(&mut deck, "? help");
    assert!(matches!(deck.app.overlay(), Overlay::Help { .. }));
    mouse(&mut deck, MouseEventKind::Down(MouseButton::Left), (0, 39));
    assert_eq!(*deck.app.overlay(), Overlay::None, "a click beside it closes it");
    deck.keys("t");
    click(&mut deck, "last 7d");
    assert_eq!(deck.app.range().word, "7d");
}

#[test]
fn the_wheel_moves_what_is_under_the_pointer() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("3");
    let at = find(&deck, "v1.40.0");
    mouse(&mut deck, MouseEventKind::ScrollDown, at);
    assert_eq!((deck.app.level().part(), deck.app.selected_index(Part::Deployments)), (Part::Deployments, 3));
    mouse(&mut deck, MouseEventKind::ScrollUp, at);
    assert_eq!(deck.app.selected_index(Part::Deployments), 0);
}

#[test]
fn a_click_on_the_chart_sets_the_crosshair_there() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("3 right enter");
    let (x, y) = find(&deck, "16 Mar");
    mouse(&mut deck, MouseEventKind::Down(MouseButton::Left), (x, y));
    let cross = deck.app.cross().unwrap().with_timezone(&boards::zone());
    assert!((15..=16).contains(&cross.day()), "{cross}");
}

#[test]
fn any_place_survives_any_click() {
    for (_, keys) in WAYS {
        for (x, y) in [(0, 0), (9, 0), (70, 0), (12, 1), (2, 3), (41, 3), (60, 9), (20, 12), (50, 15), (3, 18), (79, 20), (8, 23)] {
            let mut deck = Deck::new(Mood::Long, (80, 24));
            deck.keys(keys);
            deck.done.clear();
            mouse(&mut deck, MouseEventKind::Down(MouseButton::Left), (x, y));
            mouse(&mut deck, MouseEventKind::ScrollDown, (x, y));
            assert!(deck.buffer().content().iter().any(|cell| cell.symbol() != " "), "{keys} then ({x}, {y}): an empty screen");
            let ends = deck.done.iter().any(|cmd| matches!(cmd, Cmd::Quit { .. } | Cmd::Suspend));
            assert!(!ends, "{keys} then ({x}, {y}) ends the program: {:?}", deck.done);
        }
    }
}

#[test]
fn commands_go_out_as_asked() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.keys("s down r R e M ctrl-l ctrl-z ctrl-r");
    assert_eq!(
        deck.done,
        [
            Cmd::Refresh(Some("prod-metrics".into())),
            Cmd::Refresh(None),
            Cmd::Snapshot("text".into()),
            Cmd::Mouse(false),
            Cmd::Redraw,
            Cmd::Suspend,
            Cmd::ReloadConfig
        ]
    );
    deck.done.clear();
    deck.keys("3 tab enter o y");
    let url = "https://git.example.com/acme/checkout/deployment/0";
    assert_eq!(deck.done, [Cmd::Open(url.into()), Cmd::Copy(url.into())]);
}

#[test]
fn a_notice_stays_until_the_next_key() {
    let mut deck = Deck::new(Mood::Good, (80, 24));
    deck.send(Msg::Notice("config reloaded".into()));
    assert!(deck.text().contains("config reloaded"));
    deck.send(Msg::Tick(boards::now() + Duration::seconds(60)));
    assert!(deck.text().contains("config reloaded"));
    deck.keys("down");
    assert!(!deck.text().contains("config reloaded"));
}

#[test]
fn a_rebound_key_shows_in_footer_and_help() {
    let keys = BTreeMap::from([("filter".to_owned(), "F".to_owned())]);
    let app = App::new(Setup { keys, ..boards::setup((80, 24)) }).unwrap();
    let mut deck = Deck::of(app, Mood::Good, (80, 24));
    assert!(deck.text().contains("F filter"), "{}", deck.text());
    deck.keys("F");
    assert!(matches!(deck.app.overlay(), Overlay::Filter { .. }));
    let keys = BTreeMap::from([("filter".to_owned(), "space".to_owned())]);
    let fault = App::new(Setup { keys, ..boards::setup((80, 24)) }).unwrap_err();
    assert!(fault.contains("`filter`") && fault.contains("`pause`"), "{fault}");
}

#[test]
fn a_page_that_fires_is_seen_on_the_bridge_of_a_small_terminal_and_leads_to_its_objective() {
    let mut deck = Deck::new(Mood::Bad, (80, 24));
    let text = deck.text();
    assert!(text.contains("SLOs 2 burning") && text.contains("paging") && text.contains("checkout availability"), "{text}");
    deck.keys("tab enter");
    assert_eq!(*deck.app.place(), Place::Slo("checkout availability".into()));
    let text = deck.text();
    assert!(text.contains("paging") && text.contains("page fast") && text.contains("firing"), "{text}");
    assert!(!Deck::new(Mood::Good, (80, 24)).text().contains("SLO"), "nothing is said when nothing burns");
}

#[test]
fn objectives_are_found_by_the_palette_and_by_the_filter() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys(":").type_text("ledger by the month").keys("enter");
    assert_eq!(*deck.app.place(), Place::Slo("ledger by the month".into()));
    assert_eq!(deck.app.newest().unwrap().look.slo.as_deref(), Some("ledger by the month"));
    deck.keys("esc 2 tab / m o n t h enter");
    let names: Vec<_> = deck.app.items(Part::Slos).iter().map(|i| i.id().to_owned()).collect();
    assert_eq!(names, ["ledger by the month"]);
}

#[test]
fn an_objective_tells_how_to_have_one_where_there_is_none() {
    let mut deck = Deck::new(Mood::Nothing, (80, 24));
    deck.keys("2 tab");
    let text = deck.text();
    assert!(text.contains("[[slo]]") && text.contains("no objective yet"), "{text}");
}

#[test]
fn a_click_on_an_objective_selects_it_and_a_second_one_opens_it() {
    let mut deck = Deck::new(Mood::Bad, (120, 40));
    deck.keys("2 tab");
    let lines: Vec<String> = deck.text().lines().map(str::to_owned).collect();
    let y = lines.iter().position(|l| l.contains("checkout availability")).unwrap();
    let click = || {
        let mouse = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 20,
            row: u16::try_from(y).unwrap(),
            modifiers: KeyModifiers::NONE,
        };
        Event::Mouse(mouse)
    };
    for _ in 0..2 {
        let msg = view::message(&deck.app, Rect::new(0, 0, 120, 40), click());
        deck.send(msg);
    }
    assert_eq!(*deck.app.place(), Place::Slo("checkout availability".into()));
}

#[test]
fn the_pages_of_an_objective_walk_from_who_spent_it_to_the_record() {
    let mut deck = Deck::new(Mood::Good, (120, 40));
    deck.keys("2 tab enter tab tab");
    assert_eq!(deck.app.level().part(), Part::Burners);
    deck.keys("enter");
    assert!(matches!(deck.app.place(), Place::Slo(_)), "an endpoint is no record");
    deck.keys("v left left");
    assert!(deck.app.cross().is_some(), "the crosshair walks on the course of the budget");
}
