//! Objectives with their key results, and KPIs by perspective of the Balanced Scorecard.
//!
//! ```text
//! ━ Objectives 2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
//!  Ship without fear · VP Engineering · 70 % of the way              behind
//!   ✗ Change failure rate   18 % → 8 %   now 17 %  ████░░░░░|░░  behind · 91 d left
//! ─ Scorecard 3 ──────────────────────────────────────────────────────
//!  process    Lead time for changes   14 h 2 m   ✓ on target
//! ```
//! The mark in a bar is the time passed: what is filled should reach it.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, empty, list, number,
    state::{self, State},
    text,
};
use crate::{
    app::{Target, item::Item, place::Part},
    domain::{metric::Metric, value::Scope},
    kpi::{
        board::Board,
        objective::{KeyResultState, ObjectiveState, Verdict},
    },
};

/// Cells of a bar.
const BAR: u16 = 16;

/// Objectives, each with its key results below it.
pub fn key_results(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let items = app.items(Part::KeyResults);
    let focused = app.level().part() == Part::KeyResults;
    canvas.hit(area, Target::Part(Part::KeyResults));
    let Some(board) = canvas.board() else { return };
    let star = board.north_star().and_then(|id| board.catalogue.find(id)).map(|m| format!("North Star: {}", m.name)).unwrap_or_default();
    let title = format!("{} {}", Part::KeyResults.name(), board.objectives.len());
    canvas.heading(row(area, 0), &title, (&star, canvas.theme.accent), focused);
    let inside = below(area, 1);
    if items.is_empty() {
        let words = if app.filter().is_empty() {
            "no objective is configured: [[objective]] name, key_results"
        } else {
            "nothing matches the filter; Esc clears it"
        };
        empty::line(canvas, inside, words);
        return;
    }
    let mut lines: Vec<Option<usize>> = Vec::new(); // None: the objective of the next line
    let mut last: Option<&ObjectiveState> = None;
    for (i, item) in items.iter().enumerate() {
        let Item::KeyResult(objective, _) = item else { continue };
        if !last.is_some_and(|l| std::ptr::eq(l, *objective)) {
            lines.push(None);
        }
        last = Some(objective);
        lines.push(Some(i));
    }
    let selected = app.selected_index(Part::KeyResults);
    let at = lines.iter().position(|l| *l == Some(selected)).unwrap_or(0);
    let room = usize::from(inside.height);
    // the objective above the first line is shown with it
    let first = first_shown(at, lines.len(), room).min(at.saturating_sub(1));
    for (y, (i, line)) in lines.iter().enumerate().skip(first).take(room).enumerate() {
        let spot = row(inside, text::count(y));
        match line {
            None => {
                if let Some(Item::KeyResult(objective, _)) = lines.get(i + 1).copied().flatten().map(|n| items[n]) {
                    head(canvas, spot, objective);
                }
            }
            Some(n) => {
                if let Item::KeyResult(_, k) = items[*n] {
                    one(canvas, spot, k, board);
                }
                if focused && *n == selected {
                    list::mark(canvas, spot);
                }
                canvas.hit(spot, Target::Item(Part::KeyResults, *n));
            }
        }
    }
}

fn style_of(canvas: &Canvas<'_>, verdict: Verdict) -> Style {
    match verdict {
        Verdict::Missed | Verdict::Behind => canvas.theme.bad,
        Verdict::OnPace | Verdict::Reached => canvas.theme.good,
        Verdict::NoData | Verdict::NotYet => canvas.theme.dim,
    }
}

fn sign_of(canvas: &Canvas<'_>, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Missed | Verdict::Behind => canvas.glyphs.bad,
        Verdict::OnPace | Verdict::Reached => canvas.glyphs.good,
        Verdict::NoData | Verdict::NotYet => canvas.glyphs.none,
    }
}

fn head(canvas: &mut Canvas<'_>, spot: Rect, objective: &ObjectiveState) {
    let hidden = canvas.app.private();
    let word = objective.verdict.word();
    let wide = canvas.right(spot, word, style_of(canvas, objective.verdict));
    let mut words = if hidden { "an objective".to_owned() } else { objective.name.clone() };
    if let Some(owner) = objective.owner.as_ref().filter(|_| !hidden) {
        words = format!("{words} · {owner}");
    }
    if let Some(progress) = objective.progress {
        words = format!("{words} · {:.0} % of the way", progress * 100.0);
    }
    canvas.text(spot.x + 1, spot.y, spot.width.saturating_sub(wide + 3), &words, canvas.theme.strong);
}

fn one(canvas: &mut Canvas<'_>, spot: Rect, k: &KeyResultState, board: &Board) {
    let Some(metric) = board.catalogue.find(k.metric) else { return };
    let style = style_of(canvas, k.verdict);
    canvas.text(spot.x + 2, spot.y, 1, sign_of(canvas, k.verdict), style);
    let whose = match &k.scope {
        Scope::Team(team) => format!("{} of {}", metric.name, canvas.app.team_name(team)),
        _ => metric.name.to_owned(),
    };
    let wide = spot.width;
    let names = if wide >= 100 { 34 } else { (wide / 3).clamp(8, 28) };
    let mut x = spot.x + 4;
    canvas.text(x, spot.y, names, &whose, canvas.theme.base);
    x += names + 1;
    let left = match k.days_left {
        d if d < 0 => format!("due {}", k.due),
        d => format!("{d} d left"),
    };
    let now = k.value.map_or_else(|| "no data".to_owned(), |v| value(canvas, metric, v, board));
    let way = format!("{} {} {}", value(canvas, metric, k.from, board), canvas.glyphs.arrow, value(canvas, metric, k.to, board));
    for (words, cells, style) in [(format!("now {now}"), 14, canvas.theme.strong), (way, 18, canvas.theme.dim)] {
        if x + cells <= spot.right() {
            canvas.text(x, spot.y, cells, &words, style);
            x += cells + 1;
        }
    }
    if x + BAR + 12 <= spot.right() {
        bar(canvas, Rect { x, width: BAR, ..spot }, k, style);
        x += BAR + 2;
    }
    let last = format!("{} · {left}", k.verdict.word());
    let room = spot.right().saturating_sub(x);
    let shown = if canvas.width(&last) <= room { last.as_str() } else { k.verdict.word() };
    canvas.text(x, spot.y, room, shown, style);
}

/// How far, with a mark where the time is.
fn bar(canvas: &mut Canvas<'_>, line: Rect, k: &KeyResultState, style: Style) {
    super::gauge::bar_of(canvas, line, k.progress.unwrap_or(0.0), style);
    let at = text::cells((k.elapsed * f64::from(line.width - 1)).round()).min(line.width - 1);
    canvas.sign(line.x + at, line.y, canvas.glyphs.cross, canvas.theme.strong);
}

fn value(canvas: &Canvas<'_>, metric: &Metric, v: f64, board: &Board) -> String {
    if canvas.app.private() && card::is_money(metric.unit) { "hidden".into() } else { number::compact(metric.unit, v, &board.currency) }
}

/// KPIs by perspective.
pub fn scorecard(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let items = app.items(Part::Scorecard);
    let focused = app.level().part() == Part::Scorecard;
    canvas.hit(area, Target::Part(Part::Scorecard));
    let title = format!("{} {}", Part::Scorecard.name(), items.len());
    canvas.heading(row(area, 0), &title, ("", canvas.theme.dim), focused);
    let inside = below(area, 1);
    let Some(board) = canvas.board() else { return };
    if items.is_empty() {
        empty::line(canvas, inside, "no KPI has a perspective: [kpi.…] perspective = \"process\"");
        return;
    }
    let selected = app.selected_index(Part::Scorecard);
    let room = usize::from(inside.height);
    let first = first_shown(selected, items.len(), room);
    let mut before = "";
    for (y, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let Item::Kpi(metric) = item else { continue };
        let spot = row(inside, text::count(y));
        let perspective = board.care.get(metric.id).and_then(|c| c.perspective.as_deref()).unwrap_or_default();
        if perspective != before {
            canvas.text(spot.x + 2, spot.y, 10, perspective, canvas.theme.dim);
            before = perspective;
        }
        let reading = board.readings.get(metric.id);
        let value = reading.filter(|r| r.value.is_some()).map_or_else(|| "–".to_owned(), |r| card::shown_value(canvas, metric, r, board));
        let state = State::of(reading);
        let names = if spot.width >= 80 { 34 } else { spot.width.saturating_sub(40).max(8) };
        canvas.text(spot.x + 13, spot.y, names, metric.name, canvas.theme.base);
        let x = spot.x + 14 + names;
        canvas.text(x, spot.y, 12.min(spot.right().saturating_sub(x)), &value, canvas.theme.strong);
        let words = format!("{} {}", state.sign(canvas.glyphs), state::word(reading));
        canvas.text(x + 13, spot.y, spot.right().saturating_sub(x + 13), &words, state.style(&canvas.theme));
        if focused && index == selected {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Item(Part::Scorecard, index));
    }
}
