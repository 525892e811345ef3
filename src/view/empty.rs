//! What stands where nothing is: why, and which three config lines would feed it. Never a blank box, never a zero.

use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, below, row},
    text,
};
use crate::{
    domain::{
        metric::Metric,
        value::{Reading, Status},
    },
    kpi::board::Board,
};

/// One dim line, wrapped when it is longer.
pub fn line(canvas: &mut Canvas<'_>, area: Rect, words: &str) {
    for (i, part) in text::wrap(words, area.width).iter().enumerate().take(usize::from(area.height)) {
        let spot = row(area, text::count(i));
        canvas.text(spot.x, spot.y, spot.width, part, canvas.theme.dim);
    }
}

/// The inside of a card without a value.
pub fn card(canvas: &mut Canvas<'_>, area: Rect, metric: &'static Metric, reading: Option<&Reading>, board: &Board) {
    if is_unfed(metric, reading, board) {
        unfed(canvas, area, metric);
        return;
    }
    let Some(r) = reading else {
        line(canvas, area, if canvas.app.rows_fresh() { "not computed for this scope" } else { "computing…" });
        return;
    };
    let word = match r.status {
        Status::Error => "refused",
        Status::Insufficient => "n too small",
        Status::NoData | Status::Ok | Status::Provisional => "no data in this window",
    };
    let style = if r.status == Status::Error { canvas.theme.bad } else { canvas.theme.strong };
    let n = if r.n > 0 { format!("{word} (n {})", r.n) } else { word.to_owned() };
    let first = row(area, 0);
    canvas.text(first.x, first.y, first.width, &n, style);
    if let Some(reason) = &r.reason {
        line(canvas, below(area, 1), reason);
    }
}

/// Nothing in the store could ever give this a value.
#[must_use]
pub fn is_unfed(metric: &Metric, reading: Option<&Reading>, board: &Board) -> bool {
    board.unfed.contains(metric.id) && reading.is_none_or(|r| r.value.is_none() && r.status == Status::NoData)
}

/// Nothing feeds it: the config lines that would.
pub fn unfed(canvas: &mut Canvas<'_>, area: Rect, metric: &Metric) {
    let app = canvas.app;
    let feed = app.library().of(metric.id).map_or(&[][..], |entry| entry.feed.as_slice());
    let first = row(area, 0);
    let words = text::choose(&["nothing feeds this yet; in the config:", "nothing feeds this yet:", "not fed yet:"], area.width);
    canvas.text(first.x, first.y, first.width, words, canvas.theme.strong);
    let inside = below(area, 1);
    if feed.is_empty() {
        line(canvas, inside, "see the library (`i`) for its inputs");
        return;
    }
    // too small for all three lines: the ones that differ from metric to metric
    let least = usize::from(inside.height < 3 && feed.len() > 1);
    for (i, text) in feed.iter().skip(least).enumerate().take(3) {
        let spot = row(inside, text::count(i));
        canvas.text(spot.x, spot.y, spot.width, text, canvas.theme.dim);
    }
}
