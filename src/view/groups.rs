//! One KPI by team or by service: value, state, change and sample of each, and the other readings of the same KPI.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, change, empty, list, number,
    state::{self, State},
    text,
};
use crate::{
    app::{Target, item::Item, place::Part},
    domain::{metric::Metric, value::Reading},
    kpi::board::Board,
};

/// The table of a part of a KPI page.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, part: Part, metric: &'static Metric) {
    let app = canvas.app;
    let items = app.items(part);
    let focused = app.level().part() == part;
    canvas.hit(area, Target::Part(part));
    let title = if items.is_empty() { part.name().to_owned() } else { format!("{} {}", part.name(), items.len()) };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    let Some(board) = canvas.board().filter(|_| !items.is_empty()) else {
        let words = match (app.filter().is_empty(), part) {
            (false, _) => "nothing matches the filter; Esc clears it",
            (_, Part::Facets) => "this KPI has no other reading",
            (_, Part::Services) => "no service is known yet",
            _ => "no team is known yet: name teams in the config, [[team]]",
        };
        empty::line(canvas, inside, words);
        return;
    };
    let names: Vec<String> = items.iter().map(|item| shown_name(canvas, item)).collect();
    let widest = names.iter().map(|n| canvas.width(n)).max().unwrap_or(0);
    let name_cells = (widest + 1).min(inside.width / 2);
    let selected = app.selected_index(part);
    let room = usize::from(inside.height);
    let first = first_shown(selected, items.len(), room.max(1));
    for (line, index) in (first..items.len()).take(room).enumerate() {
        let spot = row(inside, text::count(line));
        canvas.text(spot.x + 2, spot.y, name_cells.saturating_sub(1), &names[index], canvas.theme.base);
        let (of, reading) = match items[index] {
            Item::Kpi(facet) => (facet, board.readings.get(facet.id)),
            Item::Team(group) | Item::Service(group) => (metric, group.readings.get(metric.id)),
            _ => continue,
        };
        let rest = Rect { x: spot.x + name_cells + 2, width: spot.width.saturating_sub(name_cells + 2), ..spot };
        numbers(canvas, rest, of, reading, board);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(part, index));
    }
}

fn shown_name(canvas: &Canvas<'_>, item: &Item<'_>) -> String {
    match item {
        Item::Team(group) => canvas.app.team_name(&group.name),
        Item::Service(group) => canvas.app.service_name(&group.name),
        Item::Kpi(metric) => metric.name.to_owned(),
        other => other.id().to_owned(),
    }
}

/// Sign and value, then as much as fits of change, sample and state.
fn numbers(canvas: &mut Canvas<'_>, line: Rect, metric: &'static Metric, reading: Option<&Reading>, board: &Board) {
    let state = State::of(reading);
    let (sign, style) = (state.sign(canvas.glyphs), state.style(&canvas.theme));
    canvas.text(line.x, line.y, line.width.min(1), sign, style);
    if reading.is_none() && !canvas.app.rows_fresh() {
        canvas.text(line.x + 2, line.y, line.width.saturating_sub(2), "computing…", canvas.theme.dim);
        return;
    }
    let Some(r) = reading.filter(|r| r.value.is_some()) else {
        let why = reading.and_then(|r| r.reason.clone()).unwrap_or_default();
        let text = if why.is_empty() { state::word(reading) } else { format!("{}: {why}", state::word(reading)) };
        canvas.text(line.x + 2, line.y, line.width.saturating_sub(2), &text, canvas.theme.dim);
        return;
    };
    let value = card::shown_value(canvas, metric, r, board);
    // several values (by stage, by day) take the whole line
    if r.number().is_none() {
        canvas.text(line.x + 2, line.y, line.width.saturating_sub(2), &value, canvas.theme.base);
        return;
    }
    let cells = 12.min(line.width.saturating_sub(2));
    canvas.text(line.x + 2, line.y, cells, &value, canvas.theme.strong);
    let mut x = line.x + 2 + cells + 1;
    let n = format!("n {}", number::count(r.n as f64));
    if x + 9 <= line.right() {
        canvas.text(x, line.y, 9, &n, canvas.theme.dim);
        x += 10;
    }
    let Some(change) = change::of(metric, r, &board.currency, canvas.glyphs, &canvas.theme) else { return };
    if x < line.right() && !(canvas.app.private() && card::is_money(metric.unit)) {
        let text = change.text(line.right() - x).to_owned();
        canvas.text(x, line.y, line.right() - x, &text, change.style);
    }
}
