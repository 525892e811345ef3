//! The top of a KPI's page: value, state, change, and everything to know before believing it.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, row},
    card, change, empty, number,
    state::{self, State},
};
use crate::{domain::metric::Metric, kpi::board::Board};

/// Draws two lines, or the whole empty state; gives the area below.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric) -> Rect {
    let Some(board) = canvas.board() else { return area };
    let reading = board.readings.get(metric.id);
    let Some(r) = reading.filter(|r| r.value.is_some()) else {
        return missing(canvas, area, metric, board);
    };
    let line = row(area, 0);
    let state = State::of(reading);
    let word = state::word(reading);
    let value = card::shown_value(canvas, metric, r, board);
    let standing = format!("{} {word}", state.sign(canvas.glyphs));
    let mut pieces = vec![(format!(" {value}"), canvas.theme.strong)];
    if !word.is_empty() {
        pieces.push((standing, state.style(&canvas.theme)));
    }
    if let Some(change) = change::of(metric, r, &board.currency, canvas.glyphs, &canvas.theme)
        && !(canvas.app.private() && card::is_money(metric.unit))
    {
        let used: u16 = pieces.iter().map(|(text, _)| canvas.width(text) + 3).sum();
        pieces.push((change.text(line.width.saturating_sub(used)).to_owned(), change.style));
    }
    let mut x = line.x;
    for (text, style) in pieces {
        x += canvas.text(x, line.y, line.right().saturating_sub(x), &text, style) + 3;
    }
    let second = row(area, 1);
    let words = card::qualifiers(r, board).join(" · ");
    canvas.text(second.x + 1, second.y, second.width.saturating_sub(2), &words, canvas.theme.dim);
    if area.height > 24 {
        let third = row(area, 2);
        let words = care(metric, board);
        canvas.text(third.x + 1, third.y, third.width.saturating_sub(2), &words, canvas.theme.dim);
    }
    below(area, if area.height > 24 { 3 } else { 2.min(area.height) })
}

/// Who answers for it, what it informs, what it is compared with for good, and what its trend says.
fn care(metric: &Metric, board: &Board) -> String {
    let mut words: Vec<String> = board.flags.iter().filter(|f| f.kind != "no_owner").map(|f| f.kind.replace('_', " ")).collect();
    if let Some(care) = board.care.get(metric.id) {
        if care.north_star {
            words.insert(0, "North Star".into());
        }
        words.extend(care.owner.iter().map(|o| format!("owner {o}")));
        if let Some(b) = &care.baseline {
            let frozen = b.frozen.map(|d| format!(", frozen {d}")).unwrap_or_default();
            words.push(format!("baseline {}{frozen}", number::value(metric.unit, b.value, &board.currency)));
        }
        words.extend(care.decision.iter().map(|d| format!("informs: {d}")));
    }
    words.join(" · ")
}

/// No value: why, or what would feed it. What nothing feeds has no chart either, so the page is only that.
fn missing(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, board: &Board) -> Rect {
    let reading = board.readings.get(metric.id);
    if !empty::is_unfed(metric, reading, board) {
        let high = 3.min(area.height);
        empty::card(canvas, Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: high, ..area }, metric, reading, board);
        return below(area, high);
    }
    let inside = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    empty::unfed(canvas, inside, metric);
    if let Some(entry) = canvas.app.library().of(metric.id) {
        let mut words = entry.definition.clone();
        if !entry.platforms.is_empty() {
            words = format!("{words} Usually from: {}.", entry.platforms.join(", "));
        }
        empty::line(canvas, below(inside, 5), &words);
    }
    Rect { y: area.bottom(), height: 0, ..area }
}
