//! What moved: KPIs whose change passed the noise guard, largest first, each with who accounts for most of it.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, change, empty, list, number, text,
};
use crate::{
    app::{Target, item::Item, place::Part},
    domain::metric::Metric,
    kpi::board::Board,
};

/// The list with its heading.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let items = app.items(Part::Moved);
    let focused = app.level().part() == Part::Moved;
    canvas.hit(area, Target::Part(Part::Moved));
    let title = if items.is_empty() { Part::Moved.name().to_owned() } else { format!("{} {}", Part::Moved.name(), items.len()) };
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    let Some(board) = canvas.board().filter(|_| !items.is_empty()) else {
        let compared = canvas.board().is_some_and(|b| b.readings.values().any(|r| r.before.is_some()));
        let words = match (app.filter().is_empty(), compared) {
            (false, _) => "nothing matches the filter; Esc clears it",
            (_, true) => "nothing beyond usual variation",
            (_, false) => "nothing to compare with yet",
        };
        empty::line(canvas, inside, words);
        return;
    };
    let selected = app.selected_index(Part::Moved);
    let room = usize::from(inside.height);
    let first = first_shown(selected, items.len(), room.max(1));
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let Item::Kpi(metric) = item else { continue };
        let spot = row(inside, text::count(line));
        one(canvas, spot, metric, board);
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(Part::Moved, index));
    }
}

fn one(canvas: &mut Canvas<'_>, spot: Rect, metric: &'static Metric, board: &Board) {
    let Some(r) = board.readings.get(metric.id) else { return };
    let hidden = canvas.app.private() && card::is_money(metric.unit);
    let change = change::of(metric, r, &board.currency, canvas.glyphs, &canvas.theme);
    let (text, style) = change.map_or((String::new(), canvas.theme.dim), |c| (c.text(18).to_owned(), c.style));
    let text = if hidden { "hidden".to_owned() } else { text };
    let wide = canvas.width(&text);
    canvas.right(spot, &text, style);
    let values = match r.before {
        Some(before) if !hidden => {
            let compact = |v| number::compact(metric.unit, v, &board.currency);
            format!("{} {} {}", compact(before), canvas.glyphs.arrow, r.number().map(compact).unwrap_or_default())
        }
        _ => String::new(),
    };
    let driver = board.drivers.get(metric.id).map(|d| {
        let name = if d.by == "team" { canvas.app.team_name(&d.name) } else { canvas.app.service_name(&d.name) };
        format!("{name} {:.0} %", d.share * 100.0)
    });
    let driver = driver.unwrap_or_default();
    let room = spot.width.saturating_sub(wide + 4);
    let both = if driver.is_empty() || values.is_empty() { String::new() } else { format!("{driver}  {values}") };
    let (long, short) = (metric.name, super::name::short(metric));
    // who accounts for it says more than the numbers, and a short name is enough
    let fits = |name: &str, extra: &str| !extra.is_empty() && canvas.width(name) + canvas.width(extra) + 2 <= room;
    let tries = [(long, &both), (short, &both), (long, &driver), (short, &driver), (long, &values), (short, &values)];
    let (name, extra) = match tries.into_iter().find(|(name, extra)| fits(name, extra)) {
        Some(found) => found,
        None if canvas.width(long) <= room => (long, &String::new()),
        None => (short, &String::new()),
    };
    canvas.text(spot.x + 2, spot.y, room, name, canvas.theme.base);
    let cells = canvas.width(extra);
    canvas.text(spot.x + 2 + room.saturating_sub(cells), spot.y, cells, extra, canvas.theme.dim);
}
