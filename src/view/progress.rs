//! What is being read right now: one line per source that works through history, while it does.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, row},
    gauge, number, text,
};
use crate::domain::health::{Progress, SourceHealth, SourceStatus};

/// Draws at most two lines on top; gives the area below them.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) -> Rect {
    if area.height < 8 || canvas.app.paused_since().is_some() {
        return area;
    }
    let reading: Vec<&SourceHealth> =
        canvas.app.health().iter().filter(|h| h.status == SourceStatus::Backfilling && h.progress.is_some()).collect();
    let lines = text::count(reading.len().min(2));
    for (i, health) in reading.iter().take(2).enumerate() {
        let line = row(area, text::count(i));
        if let Some(progress) = health.progress {
            one(canvas, line, &canvas.app.source_name(&health.name), progress);
        }
    }
    below(area, lines)
}

fn one(canvas: &mut Canvas<'_>, line: Rect, name: &str, progress: Progress) {
    let words = words(progress);
    let used = canvas.line(line, &[(" reading ", canvas.theme.dim), (name, canvas.theme.strong), ("  ", canvas.theme.dim)]);
    let wide = canvas.width(&words);
    let rest = Rect { x: line.x + used, width: line.width.saturating_sub(used), ..line };
    let bar = Rect { width: rest.width.saturating_sub(wide + 2), ..rest };
    match share(progress).filter(|_| bar.width >= 8) {
        Some(share) => {
            gauge::bar_of(canvas, bar, share, canvas.theme.line);
            canvas.right(rest, &words, canvas.theme.dim);
        }
        None => {
            canvas.text(rest.x, rest.y, rest.width, &words, canvas.theme.dim);
        }
    }
}

/// `1,200 of 5,400`.
#[must_use]
pub fn words(progress: Progress) -> String {
    let done = number::count(progress.done as f64);
    progress.total.map_or_else(|| format!("{done} so far"), |total| format!("{done} of {}", number::count(total as f64)))
}

/// How far, 0 to 1, when the end is known.
#[must_use]
pub fn share(progress: Progress) -> Option<f64> {
    progress.total.filter(|total| *total > 0).map(|total| (progress.done as f64 / total as f64).min(1.0))
}
