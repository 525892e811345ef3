//! The Sources screen: state, last success, next try, budget, rate, and in words what is wrong and what to do.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, row},
    empty, gauge, list, number, progress,
};
use crate::{
    app::{Target, item::Item, place::Part},
    domain::{
        Time,
        health::{SourceHealth, SourceStatus},
    },
};

/// Where names start: a margin for the cursor, the sign of the state, a blank.
const NAME_AT: u16 = 4;

/// Draw the screen.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let items = app.items(Part::Sources);
    canvas.hit(area, Target::Part(Part::Sources));
    let filter = app.filter().line();
    let right = if app.filter().is_empty() { String::new() } else { format!("filter {filter}") };
    canvas.heading(row(area, 0), &format!("Sources {}", items.len()), (&right, canvas.theme.accent), true);
    let inside = below(area, 1);
    if items.is_empty() {
        let words = if app.filter().is_empty() {
            "no source is configured: add a [[source]] block, or start in a git repository"
        } else {
            "nothing matches the filter; Esc clears it"
        };
        empty::line(canvas, inside, words);
        return;
    }
    let wide_message = area.width >= 130;
    let inside = if inside.height > 3 && area.width >= 50 {
        head(canvas, row(inside, 0), wide_message);
        below(inside, 1)
    } else {
        inside
    };
    let selected = app.selected_index(Part::Sources);
    let heights: Vec<u16> = items.iter().enumerate().map(|(i, item)| lines_of(item, wide_message, i == selected)).collect();
    let mut first = 0;
    while first < selected && heights[first..=selected].iter().sum::<u16>() > inside.height {
        first += 1;
    }
    let mut y = inside.y;
    for (index, item) in items.iter().enumerate().skip(first) {
        let Item::Source(source) = item else { continue };
        if y >= inside.bottom() {
            break;
        }
        let spot = Rect { y, height: heights[index].min(inside.bottom() - y), ..inside };
        one(canvas, spot, source, wide_message, index == selected);
        if index == selected {
            list::mark(canvas, row(spot, 0));
        }
        canvas.hit(spot, Target::Item(Part::Sources, index));
        y += heights[index];
    }
}

/// What it says needs a line of its own: there is no column, and it is trouble or selected.
fn says_below(s: &SourceHealth, wide_message: bool, selected: bool) -> bool {
    !wide_message && !s.message.is_empty() && (selected || s.status != SourceStatus::Ok)
}

fn lines_of(item: &Item<'_>, wide_message: bool, selected: bool) -> u16 {
    match item {
        Item::Source(s) => 1 + u16::from(says_below(s, wide_message, selected)) + u16::from(s.progress.is_some()),
        _ => 1,
    }
}

/// Column starts behind the name, and whether they fit, narrowest screen first.
struct Columns {
    name: u16,
    rest: Vec<(&'static str, u16)>,
}

fn columns(width: u16, wide_message: bool) -> Columns {
    let name = (width / 5).clamp(10, 24);
    let mut left = width.saturating_sub(NAME_AT + name + 1);
    let mut rest = Vec::new();
    // by importance; what does not fit is left out
    for (title, cells) in
        [("state", 11), ("last ok", 9), ("next try", 9), ("rec/min", 8), ("budget", 8), ("records", 9), ("took", 9), ("kind", 11)]
    {
        let keep = if wide_message { 30 } else { 0 };
        if left >= cells + 1 + keep {
            rest.push((title, cells));
            left -= cells + 1;
        }
    }
    Columns { name, rest }
}

fn head(canvas: &mut Canvas<'_>, line: Rect, wide_message: bool) {
    let Columns { name, rest } = columns(line.width, wide_message);
    let dim = canvas.theme.dim;
    canvas.text(line.x + NAME_AT, line.y, name, "source", dim);
    let mut x = line.x + NAME_AT + name + 1;
    for (title, cells) in rest {
        canvas.text(x, line.y, cells, title, dim);
        x += cells + 1;
    }
    if wide_message {
        canvas.text(x, line.y, line.right().saturating_sub(x), "what it says", dim);
    }
}

fn one(canvas: &mut Canvas<'_>, spot: Rect, s: &SourceHealth, wide_message: bool, selected: bool) {
    let Columns { name, rest } = columns(spot.width, wide_message);
    let (sign, style) = sign(canvas, s.status);
    let line = row(spot, 0);
    canvas.text(line.x + 2, line.y, 1, sign, style);
    canvas.text(
        line.x + NAME_AT,
        line.y,
        name.min(line.width.saturating_sub(NAME_AT)),
        &canvas.app.source_name(&s.name),
        canvas.theme.base,
    );
    let mut x = line.x + NAME_AT + name + 1;
    for (title, cells) in rest {
        let (text, style) = cell(canvas, s, title, style);
        canvas.text(x, line.y, cells, &text, style);
        x += cells + 1;
    }
    let mut used = 1;
    let trouble = matches!(s.status, SourceStatus::Failing | SourceStatus::Denied);
    let message = if canvas.app.private() { "hidden" } else { s.message.as_str() };
    let message_style = if trouble { canvas.theme.bad } else { canvas.theme.dim };
    if wide_message {
        canvas.text(x, line.y, line.right().saturating_sub(x), message, message_style);
    } else if says_below(s, wide_message, selected) {
        let second = row(spot, 1);
        canvas.text(second.x + 4, second.y, second.width.saturating_sub(4), message, message_style);
        used = 2;
    }
    if let Some(p) = s.progress {
        let bar = row(spot, used);
        let words = progress::words(p);
        let used = canvas.text(bar.x + 4, bar.y, bar.width.saturating_sub(4), &words, canvas.theme.dim);
        let rest = Rect { x: bar.x + 4 + used + 2, width: bar.width.saturating_sub(used + 8).min(60), ..bar };
        if let Some(share) = progress::share(p).filter(|_| rest.height > 0) {
            gauge::bar_of(canvas, rest, share, canvas.theme.line);
        }
    }
}

fn cell(canvas: &Canvas<'_>, s: &SourceHealth, title: &str, style: Style) -> (String, Style) {
    let (base, dim) = (canvas.theme.base, canvas.theme.dim);
    let moment = |at: Option<Time>| at.map_or_else(|| "-".to_owned(), |at| clock(canvas, at));
    match title {
        "state" => (s.status.word().to_owned(), style),
        "kind" => (s.kind.clone(), dim),
        "last ok" => (moment(s.last_success), base),
        "next try" => (moment(s.next_try), base),
        "rec/min" => (number::count(s.records_per_minute as f64), base),
        "records" => (number::count(s.records_total as f64), base),
        "took" => (s.took.map_or_else(|| "-".to_owned(), |t| number::duration(t.num_milliseconds() as f64 / 1000.0)), dim),
        "budget" => (s.budget_left.map_or_else(|| "-".to_owned(), |b| number::count(b as f64)), base),
        _ => (String::new(), base),
    }
}

/// A clock time that stays still: seconds for today, the day otherwise.
fn clock(canvas: &Canvas<'_>, at: Time) -> String {
    let zone = canvas.app.zone();
    let (local, today) = (at.with_timezone(&zone), canvas.app.now().with_timezone(&zone));
    if local.date_naive() == today.date_naive() { local.format("%H:%M:%S").to_string() } else { local.format("%m-%d").to_string() }
}

fn sign(canvas: &Canvas<'_>, status: SourceStatus) -> (&'static str, Style) {
    let (g, t) = (canvas.glyphs, &canvas.theme);
    match status {
        SourceStatus::Ok => (g.good, t.good),
        SourceStatus::Starting | SourceStatus::Off => (g.none, t.dim),
        SourceStatus::Backfilling => (g.here, t.line),
        SourceStatus::Stale | SourceStatus::Throttled => (g.fair, t.fair),
        SourceStatus::Failing => (g.bad, t.bad),
        SourceStatus::Denied => (g.error, t.bad),
    }
}
