//! Why a KPI moved.
//!
//! ```text
//! ━ Why · by team (2 of 7) ━━━━━━━━━━━━━━━━━━━━━ rate and mix ━
//!  +11.7 points, more than chance (Fisher, p 0.004)
//!  note: the rule set changed: 9.1 before, 9.2 now
//!  payments   ████████   +6.8 pt   30 % → 40 %   n 20
//!  checkout   ████       +5.2 pt    5 % → 10 %   n 30
//!  ── without it ──
//!  ci/d42     checkout   +0.9 pt
//!  ── coincides with ──
//!  51 %  deployment 1.4.2  checkout  same service, 20 min before
//! ```
//! Words are fixed: "accounts for", "coincides with", "confirmed by link". Nothing here computes.

use ratatui::{layout::Rect, style::Style};

use super::{
    canvas::{Canvas, below, first_shown, row},
    card, empty, list, number, text,
};
use crate::{
    app::{
        Target,
        item::{self, Item},
        place::Part as Pane,
    },
    domain::metric::{Direction, Metric, Unit},
    kpi::{
        board::Board,
        why::{Cut, Part, Suspected, Why},
    },
};

/// Cells of a contribution's bar.
const BAR: u16 = 8;

/// The panel.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric) {
    let app = canvas.app;
    let focused = app.level().part() == Pane::Why;
    canvas.hit(area, Target::Part(Pane::Why));
    let why = canvas.board().filter(|_| app.rows_fresh()).and_then(|b| b.why.as_ref());
    let cut = why.and_then(|w| item::chosen(w, app.cut_name()));
    let (title, how) = match (why, cut) {
        (Some(why), Some(cut)) => {
            let all: Vec<&str> = item::cuts(why).map(|c| c.by.as_str()).collect();
            let here = all.iter().position(|n| *n == cut.by).map_or(1, |i| i + 1);
            (format!("{} · by {} ({here} of {})", Pane::Why.name(), cut.by, all.len()), cut.how)
        }
        _ => (Pane::Why.name().to_owned(), ""),
    };
    canvas.heading(row(area, 0), &title, (how, canvas.theme.dim), focused);
    let inside = below(area, 1);
    let (Some(board), Some(why)) = (canvas.board(), why) else {
        let words = if app.rows_fresh() { "nothing to explain yet" } else { "working out why…" };
        empty::line(canvas, inside, words);
        return;
    };
    let head = heading_lines(canvas, why, cut, metric, board);
    let shown = head.len().min(usize::from(inside.height / 2).max(1));
    for (i, (words, style)) in head.iter().take(shown).enumerate() {
        let spot = row(inside, text::count(i));
        canvas.text(spot.x + 1, spot.y, spot.width.saturating_sub(1), words, *style);
    }
    items(canvas, below(inside, text::count(shown)), why, cut, metric, board, focused);
}

/// What to know first: the change, the guard, doubts, what could not be done.
fn heading_lines(canvas: &Canvas<'_>, why: &Why, cut: Option<&Cut>, metric: &Metric, board: &Board) -> Vec<(String, Style)> {
    let theme = &canvas.theme;
    let mut out = Vec::new();
    if let Some(change) = why.change() {
        let size = shown(canvas, metric, change, board);
        let gross = cut.filter(|c| c.gross > 0.0 && c.gross > c.total.abs() * 1.000_001);
        let gross = gross.map(|c| format!(", gross {}", unsigned(canvas, metric, c.gross, board))).unwrap_or_default();
        let style = if why.guard.is_some_and(|g| g.verdict == "significant") { theme.strong } else { theme.base };
        out.push((format!("{size}{gross}: {}", verdict(why)), style));
    }
    if let Some(refused) = &why.refused {
        out.push((refused.clone(), theme.dim));
    }
    out.extend(why.doubts.iter().map(|d| (format!("note: {}", d.text), theme.fair)));
    out.extend(board.flags.iter().map(|f| (format!("{}: {}", f.kind.replace('_', " "), f.text), theme.dim)));
    out
}

fn verdict(why: &Why) -> String {
    let Some(guard) = &why.guard else { return "not judged".into() };
    let p = guard.p.map(|p| if p < 0.001 { ", p < 0.001".to_owned() } else { format!(", p {p:.3}") }).unwrap_or_default();
    let words = match guard.verdict {
        "significant" => "more than chance",
        "insufficient" => "too little to judge",
        _ => "within usual variation",
    };
    format!("{words} ({}{p})", guard.test)
}

/// A signed amount of the metric; shares in points.
fn shown(canvas: &Canvas<'_>, metric: &Metric, v: f64, board: &Board) -> String {
    let sign = if v > 0.0 {
        "+"
    } else if v < 0.0 {
        "-"
    } else {
        ""
    };
    format!("{sign}{}", unsigned(canvas, metric, v, board))
}

fn unsigned(canvas: &Canvas<'_>, metric: &Metric, v: f64, board: &Board) -> String {
    match metric.unit {
        unit if canvas.app.private() && card::is_money(unit) => "hidden".into(),
        Unit::Ratio => number::points(v),
        unit => number::compact(unit, v.abs(), &board.currency),
    }
}

fn items(canvas: &mut Canvas<'_>, area: Rect, why: &Why, cut: Option<&Cut>, metric: &Metric, board: &Board, focused: bool) {
    let all = canvas.app.items(Pane::Why);
    if all.is_empty() || area.height == 0 {
        if area.height > 0 && why.refused.is_none() {
            let words = if canvas.app.filter().is_empty() {
                "nothing it could be broken down by"
            } else {
                "nothing matches the filter; Esc clears it"
            };
            empty::line(canvas, area, words);
        }
        return;
    }
    let lines = with_headings(&all, why);
    let selected = canvas.app.selected_index(Pane::Why);
    let at = lines.iter().position(|l| matches!(l, Line::Item(i) if *i == selected)).unwrap_or(0);
    let room = usize::from(area.height);
    let first = first_shown(at, lines.len(), room);
    let largest = cut.map_or(0.0, |c| c.parts.iter().map(|p| p.contribution.abs()).fold(0.0, f64::max));
    for (y, line) in lines.iter().skip(first).take(room).enumerate() {
        let spot = row(area, text::count(y));
        match line {
            Line::Words(words) => drop(canvas.text(spot.x + 1, spot.y, spot.width.saturating_sub(1), words, canvas.theme.dim)),
            Line::Inside(by, part) => nested(canvas, spot, by, part, metric, board),
            Line::Item(index) => {
                match all[*index] {
                    Item::Part(by, part) => contribution(canvas, spot, by, part, largest, metric, board),
                    Item::Moved(m) => {
                        let value = shown(canvas, metric, m.effect, board);
                        record(canvas, spot, &value, &m.key, &m.service);
                    }
                    Item::Suspect(s) => {
                        let what = if canvas.app.private() { "hidden".to_owned() } else { format!("{} {}", s.title, s.reasons.join(", ")) };
                        record(canvas, spot, &format!("{:.0} %", s.share * 100.0), &what, &s.service);
                    }
                    _ => {}
                }
                if focused && *index == selected {
                    list::mark(canvas, spot);
                }
                canvas.hit(spot, Target::Item(Pane::Why, *index));
            }
        }
    }
}

enum Line<'a> {
    Item(usize),
    Inside(&'a str, &'a Part),
    Words(String),
}

/// Items with what stands between them.
fn with_headings<'a>(all: &[Item<'a>], why: &Why) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let (mut moved, mut suspect) = (false, false);
    for (i, item) in all.iter().enumerate() {
        match item {
            Item::Moved(_) if !moved => {
                moved = true;
                lines.push(Line::Words("without this record the value would differ most:".into()));
            }
            Item::Suspect(_) if !suspect => {
                suspect = true;
                lines.extend(why.suspected.iter().map(|s| Line::Words(coincidence(s))));
            }
            _ => {}
        }
        lines.push(Line::Item(i));
        if let Item::Part(_, part) = item
            && let Some(inside) = &part.inside
        {
            lines.extend(inside.parts.iter().take(3).map(|p| Line::Inside(inside.by.as_str(), p)));
        }
    }
    lines
}

fn coincidence(s: &Suspected) -> String {
    let chance = if s.per_hour > 0.0 { format!("; by chance {:.0} % of hours have one", s.chance * 100.0) } else { String::new() };
    format!("coincides with (none of these {:.0} %{chance}):", s.none_share * 100.0)
}

/// Whether more of it is worse.
fn style_of(canvas: &Canvas<'_>, metric: &Metric, v: f64) -> Style {
    match metric.direction {
        Direction::Band => canvas.theme.base,
        Direction::Up if v < 0.0 => canvas.theme.bad,
        Direction::Down if v > 0.0 => canvas.theme.bad,
        _ if v == 0.0 => canvas.theme.dim,
        _ => canvas.theme.good,
    }
}

fn contribution(canvas: &mut Canvas<'_>, spot: Rect, by: &str, part: &Part, largest: f64, metric: &Metric, board: &Board) {
    let name = match by {
        "team" => canvas.app.team_name(&part.name),
        "service" => canvas.app.service_name(&part.name),
        _ if canvas.app.private() => "hidden".to_owned(),
        _ => part.name.clone(),
    };
    let amount = shown(canvas, metric, part.contribution, board);
    let style = style_of(canvas, metric, part.contribution);
    let wide = spot.width;
    let amount_cells = 11;
    let name_cells = if wide >= 60 { wide / 4 } else { wide.saturating_sub(amount_cells + 3).min(24) }.clamp(6, 28);
    let mut x = spot.x + 2;
    canvas.text(x, spot.y, name_cells, &name, canvas.theme.base);
    x += name_cells + 1;
    if wide >= 40 {
        let cells = if largest > 0.0 { text::cells((part.contribution.abs() / largest * f64::from(BAR)).round()) } else { 0 };
        let sign = canvas.glyphs.full;
        canvas.fill(Rect { x, width: cells.min(BAR), height: 1, y: spot.y }, sign, style);
        x += BAR + 1;
    }
    let used = canvas.width(&amount);
    canvas.text(x + amount_cells.min(spot.right().saturating_sub(x)).saturating_sub(used), spot.y, amount_cells, &amount, style);
    x += amount_cells + 2;
    let side = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| side_value(canvas, metric, v, board));
    let sides = format!("{} {} {}", side(part.before.value), canvas.glyphs.arrow, side(part.now.value));
    let n = if part.now.n > 0.0 { format!("n {}", number::count(part.now.n)) } else { String::new() };
    let mix = part.mix.filter(|m| m.abs() * 2.0 > part.contribution.abs()).map_or("", |_| "mostly mix");
    for words in [sides.as_str(), &n, mix] {
        let cells = canvas.width(words);
        if words.is_empty() || x + cells > spot.right() {
            continue;
        }
        canvas.text(x, spot.y, cells, words, canvas.theme.dim);
        x += cells + 2;
    }
}

fn side_value(canvas: &Canvas<'_>, metric: &Metric, v: f64, board: &Board) -> String {
    if canvas.app.private() && card::is_money(metric.unit) { "hidden".into() } else { number::compact(metric.unit, v, &board.currency) }
}

fn nested(canvas: &mut Canvas<'_>, spot: Rect, by: &str, part: &Part, metric: &Metric, board: &Board) {
    let name = if canvas.app.private() { "hidden" } else { &part.name };
    let words = format!("of that {} {name}: {}", by.replace('_', " "), shown(canvas, metric, part.contribution, board));
    canvas.text(spot.x + 4, spot.y, spot.width.saturating_sub(4), &words, canvas.theme.dim);
}

fn record(canvas: &mut Canvas<'_>, spot: Rect, amount: &str, what: &str, service: &str) {
    let cells = 10;
    let used = canvas.width(amount).min(cells);
    canvas.text(spot.x + 2 + cells - used, spot.y, cells, amount, canvas.theme.base);
    let service = canvas.app.service_name(service);
    let x = spot.x + 2 + cells + 2;
    let room = spot.right().saturating_sub(x);
    let own = canvas.width(&service).min(room / 3);
    canvas.text(x, spot.y, own, &service, canvas.theme.dim);
    let x = x + if own > 0 { own + 2 } else { 0 };
    let what = if what.is_empty() { "a record" } else { what };
    canvas.text(x, spot.y, spot.right().saturating_sub(x), what, canvas.theme.base);
}
