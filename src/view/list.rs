//! Records as lines: when, its own number, service, what it is, and short words; the columns that fit.

use chrono::Duration;
use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, empty, number, text,
};
use crate::{
    app::{SECONDS_SHOWN, Target, item::Item, place::Part},
    domain::metric::{CATALOGUE, Unit},
    kpi::board::{Board, Row},
};

/// A list of a part with its heading.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, part: Part, nothing: &str) {
    let app = canvas.app;
    let items = app.items(part);
    let focused = app.level().part() == part;
    canvas.hit(area, Target::Part(part));
    let total = total_of(canvas, part).filter(|t| usize::try_from(*t).is_ok_and(|t| t > items.len()) && app.filter().is_empty());
    let title = match (items.len(), total) {
        (0, _) => part.name().to_owned(),
        (n, Some(total)) => format!("{} {n} of {}", part.name(), number::count(total as f64)),
        (n, None) => format!("{} {n}", part.name()),
    };
    let filter = app.filter().line();
    let right = if app.filter().is_empty() { String::new() } else { format!("filter {filter}") };
    canvas.heading(row(area, 0), &title, (&right, canvas.theme.accent), focused);
    lines(canvas, below(area, 1), part, &items, focused, nothing);
}

fn total_of(canvas: &Canvas<'_>, part: Part) -> Option<u64> {
    (part == Part::Rows).then(|| canvas.board().map(|b| b.rows_total)).flatten()
}

/// The lines of a list without its heading.
pub fn lines(canvas: &mut Canvas<'_>, area: Rect, part: Part, items: &[Item<'_>], focused: bool, nothing: &str) {
    if items.is_empty() {
        let words = if canvas.app.filter().is_empty() { nothing } else { "nothing matches the filter; Esc clears it" };
        empty::line(canvas, area, words);
        return;
    }
    let room = usize::from(area.height);
    let selected = canvas.app.selected_index(part);
    let first = first_shown(selected, items.len(), room);
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let spot = row(area, text::count(line));
        one(canvas, spot, item);
        if focused && index == selected {
            mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(part, index));
    }
}

/// The selected line: reversed or on another ground, and a sign in the margin for those who see neither.
pub fn mark(canvas: &mut Canvas<'_>, spot: Rect) {
    canvas.restyle(spot, canvas.theme.selected);
    let (here, style) = (canvas.glyphs.here, canvas.theme.selected);
    canvas.sign(spot.x, spot.y, here, style);
}

fn one(canvas: &mut Canvas<'_>, spot: Rect, item: &Item<'_>) {
    let dim = canvas.theme.dim;
    match item {
        Item::Row(record) => record_line(canvas, spot, record),
        Item::Key(key) => {
            let text = format!("  {key} (outside this window)");
            canvas.text(spot.x, spot.y, spot.width, &text, dim);
        }
        _ => {}
    }
}

/// How a record stands: sign and style.
fn record_sign(canvas: &Canvas<'_>, record: &Row) -> (&'static str, Style) {
    let tagged = |words: &[&str]| record.tags.iter().any(|t| words.contains(&t.as_str()));
    match record.kind {
        "incident" if is_open(record) => (canvas.glyphs.incident, canvas.theme.bad),
        "incident" => (canvas.glyphs.incident, canvas.theme.base),
        "deployment" if tagged(&["failed", "failure"]) => (canvas.glyphs.failed, canvas.theme.bad),
        "deployment" => (canvas.glyphs.deployment, canvas.theme.base),
        _ if tagged(&["failed"]) => (canvas.glyphs.failed, canvas.theme.bad),
        _ => (canvas.glyphs.plain, canvas.theme.base),
    }
}

fn record_line(canvas: &mut Canvas<'_>, spot: Rect, record: &Row) {
    let (dim, base) = (canvas.theme.dim, canvas.theme.base);
    let Some(board) = canvas.board() else { return };
    let (sign, style) = record_sign(canvas, record);
    let when = when(canvas, record, board);
    let value = value_of(canvas, record, board);
    let wide = spot.width;
    let mut x = spot.x + 1;
    let put = |canvas: &mut Canvas<'_>, x: &mut u16, cells: u16, text: &str, style: Style| {
        canvas.text(*x, spot.y, cells.min(spot.right().saturating_sub(*x)), text, style);
        *x += cells + 1;
    };
    put(canvas, &mut x, 1, sign, style);
    if wide >= 30 {
        put(canvas, &mut x, 11, &when, dim);
    }
    if wide >= 64 && record.value.is_some() {
        let cells = 10;
        let pad = cells - canvas.width(&value).min(cells);
        put(canvas, &mut x, cells, &format!("{}{value}", " ".repeat(usize::from(pad))), base);
    }
    let service = canvas.app.service_name(&record.service);
    if wide >= 48 {
        put(canvas, &mut x, if wide >= 110 { 18 } else { 12 }, &service, dim);
    }
    if wide >= 110 {
        let team = team_name(canvas, &record.team);
        put(canvas, &mut x, 18, &team, dim);
    }
    // what nearly every row says is no news
    let tags: Vec<&str> = record.tags.iter().map(String::as_str).filter(|t| !matches!(*t, "production" | "success")).collect();
    let tags = tags.join(" ");
    let tags_wide = if wide >= 40 { canvas.width(&tags).min(wide / 4) } else { 0 };
    let title = if canvas.app.private() { "hidden" } else { record.title.as_str() };
    let room = spot.right().saturating_sub(x + tags_wide + u16::from(tags_wide > 0));
    put(canvas, &mut x, room, title, base);
    if tags_wide > 0 {
        let grave = is_open(record) || record.tags.iter().any(|t| matches!(t.as_str(), "failed" | "failure"));
        let tag_style = if grave { canvas.theme.bad } else { dim };
        canvas.text(spot.right() - tags_wide, spot.y, tags_wide, &tags, tag_style);
    }
}

/// Several teams read `pay 50 % risk 50 %`: in privacy mode only how many would be told, so one word stands for all.
fn team_name(canvas: &Canvas<'_>, shown: &str) -> String {
    if canvas.app.private() && canvas.board().is_some_and(|b| b.teams.iter().all(|t| t.name != shown)) {
        return "teams".into();
    }
    canvas.app.team_name(shown)
}

/// An incident that still runs. (An open change is only open.)
fn is_open(record: &Row) -> bool {
    record.kind == "incident" && record.tags.iter().any(|t| t == "open")
}

/// When it was; for what is open, how long it has been.
fn when(canvas: &Canvas<'_>, record: &Row, board: &Board) -> String {
    if is_open(record) {
        return clock(canvas, record, board);
    }
    number::moment(record.at, board.as_of, board.zone)
}

/// The running clock of something open: against now when live, against the board's moment otherwise.
#[must_use]
pub fn clock(canvas: &Canvas<'_>, record: &Row, board: &Board) -> String {
    let live = canvas.app.moment().is_none() && canvas.app.paused_since().is_none();
    let until = if live { canvas.app.now().max(board.as_of) } else { board.as_of };
    number::running((until - record.at).max(Duration::zero()), SECONDS_SHOWN)
}

/// A record's own number.
#[must_use]
pub fn value_of(canvas: &Canvas<'_>, record: &Row, board: &Board) -> String {
    let Some((datum, unit)) = &record.value else { return String::new() };
    match unit_of(unit, &board.currency) {
        Some(unit) if canvas.app.private() && card::is_money(unit) => "hidden".into(),
        Some(unit) => number::datum(unit, datum, &board.currency),
        None => format!("{} {unit}", number::datum(Unit::Plain(""), datum, &board.currency).trim_end()),
    }
}

/// The unit a word stands for (`Unit::word` read backwards).
fn unit_of(word: &str, currency: &str) -> Option<Unit> {
    CATALOGUE.iter().map(|m| m.unit).find(|unit| unit.word(currency) == word)
}
