//! One KPI: name and state, value and change, target and doubts, the shape of its course.
//!
//! ```text
//! ── Lead time for changes ── ✗ off target
//! 1 d 4 h           ▲ 38 % worse, was 20 h
//! target < 24 h · n 231 · assumed
//! ⠤⠤⠒⠒⠊⠉⠒⠒⠤⠤⠤⣀⣀⡠⠤⠤⠒⠒⠉⠉⠒⠢⠤⠤⠒⠒⠉⠉
//! ```

use ratatui::{layout::Rect, style::Style};

use super::{
    axis::{Scale, bucket_label},
    canvas::{Canvas, below, first_shown, row, top},
    change, empty, gauge, number,
    plot::{self, Form},
    state::{self, State},
    text,
};
use crate::{
    app::{Target, item::Item, place::Part},
    domain::{
        metric::{Metric, Unit},
        value::{Reading, Status},
    },
    kpi::board::{Board, Series},
};

/// Least rows of a card that still says what it must.
pub const LEAST: u16 = 4;
/// Blank columns between cards.
const GUTTER: u16 = 2;

/// The cards of the present place as a grid; scrolled by rows so that the selected one is seen.
pub fn grid(canvas: &mut Canvas<'_>, area: Rect, most_rows: u16) {
    let app = canvas.app;
    let cards = app.items(Part::Cards);
    canvas.hit(area, Target::Part(Part::Cards));
    if cards.is_empty() {
        empty::line(canvas, area, "no KPI matches the filter");
        return;
    }
    let columns = app.columns(Part::Cards);
    let rows = cards.len().div_ceil(columns);
    let least = LEAST.min(area.height.max(1));
    let shown = usize::from(area.height / least).clamp(1, rows);
    let height = (area.height / text::count(shown)).min(most_rows);
    let selected = app.selected_index(Part::Cards);
    let focused = app.level().part() == Part::Cards;
    let first = first_shown(selected / columns, rows, shown) * columns;
    let across = text::count(columns);
    let wide = (area.width.saturating_sub(GUTTER * (across - 1)) / across).max(1);
    for (index, item) in cards.iter().enumerate().skip(first).take(shown * columns) {
        let Item::Kpi(metric) = item else { continue };
        let (at_row, at_column) = ((index - first) / columns, (index - first) % columns);
        let (at_row, at_column) = (text::count(at_row), text::count(at_column));
        let spot = Rect { x: area.x + at_column * (wide + GUTTER), y: area.y + at_row * height, width: wide, height }.intersection(area);
        // a blank row between rows of cards when there is room
        let spot = if height > 6 { Rect { height: height - 1, ..spot } } else { spot };
        draw(canvas, spot, metric, focused && index == selected);
        canvas.hit(spot, Target::Item(Part::Cards, index));
    }
    more(canvas, area, first, first + shown * columns, cards.len());
}

/// In the corner, how many are out of sight.
fn more(canvas: &mut Canvas<'_>, area: Rect, first: usize, end: usize, count: usize) {
    let hidden = first + count.saturating_sub(end);
    if hidden > 0 && area.height > 0 {
        let text = format!(" +{hidden} more ");
        let style = canvas.theme.dim;
        canvas.right(row(area, area.height - 1), &text, style);
    }
}

/// One card.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, selected: bool) {
    let reading = canvas.board().and_then(|b| b.readings.get(metric.id));
    head(canvas, row(area, 0), metric, reading, selected);
    let body = below(area, 1);
    let Some(board) = canvas.board() else {
        empty::line(canvas, body, "computing…");
        return;
    };
    match reading {
        Some(r) if r.value.is_some() => {
            value_row(canvas, row(body, 0), metric, r, board);
            doubts(canvas, row(body, 1), metric, r, board);
            course(canvas, below(body, 2), metric, r, board);
        }
        _ => empty::card(canvas, body, metric, reading, board),
    }
}

fn head(canvas: &mut Canvas<'_>, line: Rect, metric: &Metric, reading: Option<&Reading>, selected: bool) {
    let state = State::of(reading);
    let word = state::word(reading);
    let (style, sign) = (state.style(&canvas.theme), state.sign(canvas.glyphs));
    let full = if word.is_empty() { String::new() } else { format!("{sign} {word}") };
    // the name first; the word shrinks to its sign when both do not fit
    let needed = canvas.width(metric.name) + canvas.width(&full) + 6;
    let right = if needed <= line.width || word.is_empty() { full.as_str() } else { sign };
    let title = if canvas.width(metric.name) + 8 > line.width { super::name::short(metric) } else { metric.name };
    canvas.heading(line, title, (right, style), selected);
}

fn value_row(canvas: &mut Canvas<'_>, line: Rect, metric: &'static Metric, r: &Reading, board: &Board) {
    let text = shown_value(canvas, metric, r, board);
    let used = canvas.text(line.x, line.y, line.width, &text, canvas.theme.strong);
    if let Some(change) = change::of(metric, r, &board.currency, canvas.glyphs, &canvas.theme)
        && !(canvas.app.private() && is_money(metric.unit))
    {
        let room = line.width.saturating_sub(used + 2);
        let text = change.text(room).to_owned();
        canvas.right(line, &text, change.style);
    }
}

/// The value as text, hidden when it is money and privacy is on.
#[must_use]
pub fn shown_value(canvas: &Canvas<'_>, metric: &Metric, r: &Reading, board: &Board) -> String {
    if canvas.app.private() && is_money(metric.unit) {
        return "hidden".into();
    }
    number::reading(metric.unit, r, &board.currency)
        .or_else(|| r.value.as_ref().map(|d| number::datum(metric.unit, d, &board.currency)))
        .unwrap_or_else(|| r.status.word().replace('_', " "))
}

/// Money is hidden in privacy mode.
#[must_use]
pub fn is_money(unit: Unit) -> bool {
    matches!(unit, Unit::Money | Unit::MoneyPer(_))
}

/// Target, sample, coverage, age, and whatever else one should know before believing it; most important first.
fn doubts(canvas: &mut Canvas<'_>, line: Rect, metric: &'static Metric, r: &Reading, board: &Board) {
    if let Some(text) = at_cross(canvas, metric, board) {
        canvas.text(line.x, line.y, line.width, &text, canvas.theme.accent);
        return;
    }
    let words = qualifiers(r, board);
    let mut text = String::new();
    for word in &words {
        let next = if text.is_empty() { word.clone() } else { format!("{text} · {word}") };
        // what does not fit is left out whole, except the first, which is cut
        if canvas.width(&next) > line.width && !text.is_empty() {
            continue;
        }
        text = next;
    }
    canvas.text(line.x, line.y, line.width, &text, canvas.theme.dim);
}

/// The words under a value, most important first.
#[must_use]
pub fn qualifiers(r: &Reading, board: &Board) -> Vec<String> {
    let mut words = Vec::new();
    if r.assumed {
        words.push("assumed".to_owned());
    }
    if r.status == Status::Provisional {
        words.push("provisional".to_owned());
    }
    if let Some(age) = stale_age(r, board) {
        words.push(age);
    }
    if let Some(target) = &r.target {
        words.push(format!("target {target}"));
    }
    words.push(format!("n {}", number::count(r.n as f64)));
    words.extend(r.remarks());
    if let Some(coverage) = r.coverage.filter(|c| *c < 0.995) {
        words.push(format!("{:.0} % seen", (coverage * 100.0).floor()));
    }
    if let Some(reason) = r.reason.as_ref().filter(|_| r.status != Status::Ok) {
        words.push(reason.clone());
    }
    words
}

/// Its age, when the newest datum is older than the last bucket of the range would be.
#[must_use]
pub fn stale_age(r: &Reading, board: &Board) -> Option<String> {
    let age = board.as_of - r.measured_at?;
    let patience = (board.look.range.length() / 28).max(chrono::Duration::minutes(5));
    (age > patience).then(|| number::age(age))
}

/// The value under the crosshair.
fn at_cross(canvas: &Canvas<'_>, metric: &Metric, board: &Board) -> Option<String> {
    let at = canvas.app.cross()?;
    let series = board.series.get(metric.id)?;
    let index = series.buckets.iter().position(|b| b.contains(at))?;
    let value = series.values.get(index)?.map_or_else(|| "no data".to_owned(), |v| number::short(metric.unit, v, &board.currency));
    let value = if canvas.app.private() && is_money(metric.unit) { "hidden".to_owned() } else { value };
    Some(format!("{value} · {}", bucket_label(series.buckets[index], board.zone)))
}

/// The course over the window: a gauge line for shares with a target, and the plot in what is left.
fn course(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, r: &Reading, board: &Board) {
    if area.height == 0 {
        return;
    }
    let mut area = area;
    if metric.unit == Unit::Ratio
        && area.height >= 4
        && let (Some(v), Some(target)) = (r.number(), board.target(metric.id))
    {
        gauge::draw(canvas, row(area, 0), v, target);
        area = below(area, 1);
    }
    let Some(series) = board.series.get(metric.id).filter(|s| s.values.iter().any(Option::is_some)) else {
        if r.status == Status::Ok {
            empty::line(canvas, top(area, 1), "no course yet");
        }
        return;
    };
    plot_in_card(canvas, area, metric, series, board);
}

fn plot_in_card(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, series: &Series, board: &Board) {
    let (line, dim) = (canvas.theme.line, canvas.theme.dim);
    let form = Form::of(metric.unit);
    if area.height == 1 {
        plot::spark(canvas, area, series, metric.unit, line, dim);
        cross_line(canvas, area, series);
        return;
    }
    let scale = Scale::around(series.values.iter().flatten().copied(), metric.unit, form == Form::Bars);
    let label = |v: f64| {
        if canvas.app.private() && is_money(metric.unit) { String::new() } else { number::compact(metric.unit, v, &board.currency) }
    };
    let (high, low) = (label(scale.high), label(scale.low));
    let gutter = canvas.width(&high).max(canvas.width(&low)) + 1;
    // the scale beside it only where the picture stays wider than the words
    if area.width < 24 || gutter * 3 > area.width {
        plot::draw(canvas, area, series, scale, form, line, dim);
        cross_line(canvas, area, series);
        return;
    }
    let picture = Rect { width: area.width - gutter, ..area };
    plot::draw(canvas, picture, series, scale, form, line, dim);
    canvas.right(row(area, 0), &high, dim);
    canvas.right(row(area, area.height - 1), &low, dim);
    cross_line(canvas, picture, series);
}

fn cross_line(canvas: &mut Canvas<'_>, area: Rect, series: &Series) {
    let Some(index) = canvas.app.cross().and_then(|at| series.buckets.iter().position(|b| b.contains(at))) else { return };
    let x = area.x + plot::column(index, series.values.len(), area.width);
    let style: Style = canvas.theme.accent;
    for y in area.top()..area.bottom() {
        if canvas.is_blank(x, y) {
            canvas.sign(x, y, canvas.glyphs.cross, style);
        } else {
            canvas.restyle(Rect { x, y, width: 1, height: 1 }, canvas.theme.selected);
        }
    }
}
