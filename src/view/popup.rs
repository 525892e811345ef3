//! What lies on top: a box in the middle with help, palette, range menu or a definition.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, first_shown, row},
    list, text,
};
use crate::{
    app::{Target, overlay::Overlay, palette},
    domain::metric::Metric,
    kpi::board::RANGES,
};

/// Draw what lies on top, when anything does.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    match canvas.app.overlay() {
        Overlay::None | Overlay::Filter { .. } | Overlay::GoTo { .. } => {}
        Overlay::Help { line, at } => help(canvas, area, &line.0, *at),
        Overlay::Palette { line, at } => jump(canvas, area, &line.0, *at),
        Overlay::Ranges { at } => ranges(canvas, area, *at),
        Overlay::Definition { metric, scroll } => definition(canvas, area, metric, *scroll),
    }
}

/// An empty box of at most this size in the middle; gives its inside.
fn frame(canvas: &mut Canvas<'_>, area: Rect, wide: u16, high: u16, title: &str) -> Rect {
    let (wide, high) = (wide.min(area.width), high.min(area.height));
    let spot = Rect { x: area.x + (area.width - wide) / 2, y: area.y + (area.height - high) / 3, width: wide, height: high };
    canvas.clear(spot);
    canvas.hit(area, Target::Part(canvas.app.level().part()));
    canvas.hit(spot, Target::Overlay);
    let style = canvas.theme.accent;
    // a border costs four columns and two rows; small boxes do without
    if wide < 24 || high < 6 {
        canvas.text(spot.x, spot.y, spot.width, title, style);
        return below(spot, u16::from(high > 1));
    }
    let signs = if canvas.app.ascii() { ["+", "+", "+", "+", "-", "|"] } else { ["╭", "╮", "╰", "╯", "─", "│"] };
    let (left, right, first, last) = (spot.x, spot.right() - 1, spot.y, spot.bottom() - 1);
    canvas.fill(Rect { height: 1, ..spot }, signs[4], style);
    canvas.fill(Rect { y: last, height: 1, ..spot }, signs[4], style);
    for y in first..=last {
        canvas.sign(left, y, signs[5], style);
        canvas.sign(right, y, signs[5], style);
    }
    for (x, y, sign) in [(left, first, signs[0]), (right, first, signs[1]), (left, last, signs[2]), (right, last, signs[3])] {
        canvas.sign(x, y, sign, style);
    }
    canvas.text(left + 2, first, wide - 4, &format!(" {title} "), style);
    Rect { x: left + 2, y: first + 1, width: wide - 4, height: high - 2 }
}

/// The typed line of a box.
fn field(canvas: &mut Canvas<'_>, line: Rect, typed: &str, empty: &str) {
    let (accent, base, dim) = (canvas.theme.accent, canvas.theme.base, canvas.theme.dim);
    let cursor = if canvas.app.ascii() { "_" } else { "▏" };
    let hint = if typed.is_empty() { empty } else { "" };
    canvas.line(line, &[("> ", accent), (typed, base), (cursor, accent), (hint, dim)]);
}

/// Lines of a list in a box, scrolled to the selected one.
fn lines<T>(canvas: &mut Canvas<'_>, area: Rect, items: &[T], at: usize, mut draw: impl FnMut(&mut Canvas<'_>, Rect, &T)) {
    let room = usize::from(area.height);
    let first = first_shown(at, items.len(), room.max(1));
    for (line, (index, item)) in items.iter().enumerate().skip(first).take(room).enumerate() {
        let spot = row(area, text::count(line));
        draw(canvas, spot, item);
        if index == at {
            list::mark(canvas, spot);
        }
        canvas.hit(spot, Target::Line(index));
    }
}

fn help(canvas: &mut Canvas<'_>, area: Rect, typed: &str, at: usize) {
    let rows = palette::help(canvas.app, typed);
    let high = text::count(rows.len() + 3);
    let inside = frame(canvas, area, 96, high, "Help: what works here");
    field(canvas, row(inside, 0), typed, "type to search, Enter runs, Esc closes");
    if rows.is_empty() {
        super::empty::line(canvas, below(inside, 1), "nothing matches");
        return;
    }
    let wide = inside.width;
    let mut group = None;
    lines(canvas, below(inside, 1), &rows, at, |canvas, spot, action| {
        let keys = canvas.app.keymap().texts(action.action).join(" ");
        let (accent, strong, dim) = (canvas.theme.accent, canvas.theme.strong, canvas.theme.dim);
        let mut x = spot.x + 2;
        if wide >= 70 {
            // the heading of a group stands beside its first line
            if typed.is_empty() && group != Some(action.group) {
                canvas.text(x, spot.y, 5, action.group.name(), strong);
            }
            group = Some(action.group);
            x += 6;
        }
        let keys_wide = if wide >= 50 { 16 } else { 9 };
        canvas.text(x, spot.y, keys_wide, &keys, accent);
        x += keys_wide + 1;
        let words = if wide >= 50 { action.about } else { action.name };
        canvas.text(x, spot.y, spot.right().saturating_sub(x), words, dim);
    });
}

fn jump(canvas: &mut Canvas<'_>, area: Rect, typed: &str, at: usize) {
    let entries = palette::entries(canvas.app, typed);
    let high = (area.height * 2 / 3).max(8);
    let inside = frame(canvas, area, 72, high, "Jump");
    field(canvas, row(inside, 0), typed, "a tab, KPI, team, service, range, theme or action");
    if entries.is_empty() {
        super::empty::line(canvas, below(inside, 1), "nothing matches");
        return;
    }
    lines(canvas, below(inside, 1), &entries, at, |canvas, spot, entry| {
        let (base, dim) = (canvas.theme.base, canvas.theme.dim);
        canvas.text(spot.x + 2, spot.y, 8, entry.kind, dim);
        canvas.text(spot.x + 11, spot.y, spot.right().saturating_sub(spot.x + 11), &entry.label, base);
    });
}

fn ranges(canvas: &mut Canvas<'_>, area: Rect, at: usize) {
    let high = text::count(RANGES.len() + 2);
    let inside = frame(canvas, area, 34, high, "How far back");
    let items: Vec<(usize, &str)> = RANGES.iter().enumerate().map(|(i, r)| (i + 1, r.word)).collect();
    lines(canvas, inside, &items, at, |canvas, spot, (digit, word)| {
        let (accent, base) = (canvas.theme.accent, canvas.theme.base);
        let current = canvas.app.range().word == *word;
        let mark = if current { "  shown now" } else { "" };
        let spot = Rect { x: spot.x + 2, width: spot.width.saturating_sub(2), ..spot };
        canvas.line(spot, &[(&digit.to_string(), accent), ("  last ", base), (word, base), (mark, canvas.theme.dim)]);
    });
}

fn definition(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, scroll: usize) {
    let wide = 88.min(area.width);
    let body = definition_lines(canvas, metric, wide.saturating_sub(4).max(1));
    let high = text::count(body.len() + 2);
    let inside = frame(canvas, area, wide, high, metric.name);
    let room = usize::from(inside.height);
    let first = scroll.min(body.len().saturating_sub(room));
    for (i, (text, heading)) in body.iter().skip(first).take(room).enumerate() {
        let spot = row(inside, text::count(i));
        let style = if *heading { canvas.theme.strong } else { canvas.theme.base };
        canvas.text(spot.x, spot.y, spot.width, text, style);
    }
}

/// The library's entry as lines; `true` marks a heading.
fn definition_lines(canvas: &Canvas<'_>, metric: &'static Metric, wide: u16) -> Vec<(String, bool)> {
    let currency = canvas.board().map_or("", |b| b.currency.as_str());
    let mut out = vec![(format!("{} · {}", metric.id, metric.unit.word(currency)), false)];
    let Some(entry) = canvas.app.library().of(metric.id) else {
        out.push(("the library has no entry for it".into(), false));
        return out;
    };
    let lists = [
        ("Formula", vec![entry.formula.clone()]),
        ("Asks", vec![entry.question.clone()]),
        ("From", entry.inputs.clone()),
        ("Drivers", entry.drivers.clone()),
        ("When it worsens, look first at", vec![entry.first_look.clone()]),
        ("Misuse", vec![entry.misuse.clone()]),
        ("Notes", entry.notes.clone()),
        ("Fed by", entry.platforms.clone()),
    ];
    out.extend(text::wrap(&entry.definition, wide).into_iter().map(|l| (l, false)));
    for (heading, texts) in lists {
        let texts: Vec<String> = texts.into_iter().filter(|t| !t.is_empty()).collect();
        if texts.is_empty() {
            continue;
        }
        out.push((String::new(), false));
        out.push((heading.to_owned(), true));
        let joined = if heading == "Notes" { texts } else { vec![texts.join(", ")] };
        out.extend(joined.iter().flat_map(|t| text::wrap(t, wide)).map(|l| (l, false)));
    }
    out
}
