//! The last line: the text field that has the keys, the last message, or the keys that work here.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use crate::app::{Target, overlay::Overlay};

/// Draw it.
pub fn draw(canvas: &mut Canvas<'_>, line: Rect) {
    let app = canvas.app;
    match app.overlay() {
        Overlay::Filter { line: typed, .. } => field(canvas, line, "filter", &typed.0, "enter keeps, esc drops, ! in front inverts"),
        Overlay::GoTo { line: typed, fault } => {
            let help = fault.as_deref().unwrap_or("2026-03-31 [14:05], 14:05, -3d");
            field(canvas, line, "go to", &typed.0, help);
        }
        _ => match app.notice() {
            Some(notice) => {
                canvas.text(line.x + 1, line.y, line.width.saturating_sub(2), notice, canvas.theme.accent);
            }
            None => hints(canvas, line),
        },
    }
}

fn field(canvas: &mut Canvas<'_>, line: Rect, name: &str, typed: &str, help: &str) {
    let (accent, base, dim) = (canvas.theme.accent, canvas.theme.base, canvas.theme.dim);
    let cursor = if canvas.app.ascii() { "_" } else { "▏" };
    let used = canvas.line(line, &[(&format!(" {name}: "), accent), (typed, base), (cursor, accent)]);
    let rest = Rect { x: line.x + used, width: line.width.saturating_sub(used + 1), ..line };
    if canvas.width(help) + 2 <= rest.width {
        canvas.right(rest, help, dim);
    }
}

/// Key and word, each a button; whole ones only.
fn hints(canvas: &mut Canvas<'_>, line: Rect) {
    let mut x = line.x + 1;
    for hint in canvas.app.hints() {
        let Some(key) = canvas.app.keymap().texts(hint.action).into_iter().next() else { continue };
        let wide = canvas.width(&key) + 1 + canvas.width(hint.name);
        if x + wide > line.right() {
            continue;
        }
        let spot = Rect { x, width: wide, ..line };
        let (accent, dim) = (canvas.theme.accent, canvas.theme.dim);
        canvas.line(spot, &[(&key, accent), (" ", dim), (hint.name, dim)]);
        canvas.hit(spot, Target::Action(hint.action));
        x += wide + 2;
    }
}
