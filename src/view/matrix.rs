//! Teams × KPIs: a sign and a number per cell, the whole organisation first.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, empty, list, name, number,
    state::State,
    text,
};
use crate::{
    app::{
        App, Target,
        item::Item,
        place::{Part, Place, Tab, cards},
    },
    domain::{metric::Metric, value::Reading},
    kpi::board::{Board, GroupRow},
};

/// Least cells of a column: sign, blank, seven for the number, two of air.
const COLUMN: u16 = 11;

/// The columns of a place: its cards, or the Bridge's where it has none of its own.
fn columns_of(app: &App) -> Vec<&'static Metric> {
    match app.place() {
        Place::Tab(tab) if *tab != Tab::Sources => cards(app.place(), &app.catalogue()),
        _ => cards(&Place::Tab(Tab::Bridge), &app.catalogue()),
    }
}

/// The matrix with its heading; `part` is the teams' or the services' part.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, part: Part) {
    let app = canvas.app;
    let items = app.items(part);
    let focused = app.level().part() == part;
    canvas.hit(area, Target::Part(part));
    let (what, nothing) = match part {
        Part::Services => ("Services", "no service is known yet: name them in the config, or let records name them"),
        _ => ("Teams", "no team is known yet: name teams and their services in the config, [[team]]"),
    };
    let title = if items.is_empty() { what.to_owned() } else { format!("{what} {}", items.len()) };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    let Some(board) = canvas.board().filter(|_| !items.is_empty()) else {
        let words = if app.filter().is_empty() { nothing } else { "nothing matches the filter; Esc clears it" };
        empty::line(canvas, inside, words);
        return;
    };
    let metrics = columns_of(canvas.app);
    let names = name_column(canvas, &items, inside.width);
    let shown = usize::from((inside.width - names) / COLUMN).min(metrics.len());
    let wide = if shown == 0 { COLUMN } else { ((inside.width - names) / text::count(shown)).min(16) };
    let metrics = &metrics[..shown];
    head(canvas, row(inside, 0), names, wide, metrics);
    let whole = row(inside, 1);
    canvas.text(whole.x + 2, whole.y, names.saturating_sub(2), "all", canvas.theme.strong);
    cells(canvas, whole, names, wide, metrics, &board.readings, board);
    let rest = below(inside, 2);
    let room = usize::from(rest.height);
    let selected = app.selected_index(part);
    let first = first_shown(selected, items.len(), room.max(1));
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let (Item::Team(group) | Item::Service(group)) = item else { continue };
        let spot = row(rest, text::count(line));
        group_line(canvas, spot, part, group, names, wide, metrics, board);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(part, index));
    }
}

fn name_column(canvas: &Canvas<'_>, items: &[Item<'_>], width: u16) -> u16 {
    let longest = items.iter().map(|item| canvas.width(item.id())).max().unwrap_or(0);
    (longest + 4).clamp(10, (width / 3).max(10)).min(width)
}

fn head(canvas: &mut Canvas<'_>, line: Rect, names: u16, wide: u16, metrics: &[&'static Metric]) {
    for (i, metric) in metrics.iter().enumerate() {
        let x = line.x + names + wide * text::count(i);
        canvas.text(x + 2, line.y, wide.saturating_sub(2), name::short(metric), canvas.theme.dim);
    }
}

#[allow(clippy::too_many_arguments, reason = "the geometry of a table line")]
fn group_line(
    canvas: &mut Canvas<'_>,
    spot: Rect,
    part: Part,
    group: &GroupRow,
    names: u16,
    wide: u16,
    metrics: &[&'static Metric],
    board: &Board,
) {
    let shown = if part == Part::Services { canvas.app.service_name(&group.name) } else { canvas.app.team_name(&group.name) };
    canvas.text(spot.x + 2, spot.y, names.saturating_sub(3), &shown, canvas.theme.base);
    cells(canvas, spot, names, wide, metrics, &group.readings, board);
}

fn cells(
    canvas: &mut Canvas<'_>,
    spot: Rect,
    names: u16,
    wide: u16,
    metrics: &[&'static Metric],
    readings: &std::collections::BTreeMap<&'static str, Reading>,
    board: &Board,
) {
    for (i, metric) in metrics.iter().enumerate() {
        let x = spot.x + names + wide * text::count(i);
        let reading = readings.get(metric.id);
        let state = State::of(reading);
        let (sign, style) = (state.sign(canvas.glyphs), state.style(&canvas.theme));
        canvas.text(x, spot.y, 1, sign, style);
        let value = reading.and_then(Reading::number).map(|v| number::compact(metric.unit, v, &board.currency));
        let value = if canvas.app.private() && card::is_money(metric.unit) { value.map(|_| "hidden".to_owned()) } else { value };
        if let Some(value) = value {
            let style = if state == State::Bad { canvas.theme.bad } else { canvas.theme.base };
            canvas.text(x + 2, spot.y, wide.saturating_sub(3), &value, style);
        }
    }
}
