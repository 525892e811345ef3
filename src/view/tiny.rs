//! Below 20x5: one line of the worst there is, and what size would show more.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, row},
    card, list, name, number,
    state::State,
};
use crate::{
    app::place::BRIDGE,
    domain::{
        metric::{self, CATALOGUE},
        value::Reading,
    },
};

/// Draw it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (text, style) = worst(canvas);
    let first = row(area, 0);
    canvas.text(first.x, first.y, first.width, &text, style);
    let second = row(area, 1);
    canvas.text(second.x, second.y, second.width, "needs 20x5", canvas.theme.dim);
}

/// An open incident, else the KPI that most wants to be looked at, in one line.
fn worst(canvas: &Canvas<'_>) -> (String, Style) {
    let Some(board) = canvas.app.newest() else { return ("starting".into(), canvas.theme.dim) };
    if let Some(open) = board.open_incidents.first() {
        let title = if canvas.app.private() { "incident" } else { open.title.as_str() };
        return (format!("{} {} {title}", canvas.glyphs.incident, list::clock(canvas, open, board)), canvas.theme.bad);
    }
    let headlines = BRIDGE.iter().filter_map(|id| metric::find(id)).chain(CATALOGUE.iter().filter(|m| m.facet_of.is_none()));
    let worst = headlines.min_by_key(|m| State::of(board.readings.get(m.id)));
    let Some(metric) = worst else { return ("no KPI".into(), canvas.theme.dim) };
    let reading = board.readings.get(metric.id);
    let state = State::of(reading);
    let value = match reading.and_then(Reading::number) {
        Some(_) if canvas.app.private() && card::is_money(metric.unit) => "hidden".into(),
        Some(v) => number::compact(metric.unit, v, &board.currency),
        None => "no data".into(),
    };
    (format!("{} {} {value}", state.sign(canvas.glyphs), name::short(metric)), state.style(&canvas.theme))
}
