//! A share against its target: a filled line with the target's mark.
//!
//! Near the ends (99.9 % of up time) a bar of the whole would always look full; there the bar shows the budget left.

use ratatui::layout::Rect;

use super::{canvas::Canvas, number, text};
use crate::domain::target::Target;

/// What a gauge fills, 0 to 1, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Filling {
    /// Filled share.
    pub share: f64,
    /// Words beside it.
    pub words: String,
    /// The target is met.
    pub met: bool,
}

/// The filling of a share against a target.
#[must_use]
pub fn filling(v: f64, target: &Target) -> Filling {
    let met = target.met(v);
    let lower_is_better = target.op.starts_with('<');
    let (used, allowed) = if lower_is_better { (v, target.bound) } else { (1.0 - v, 1.0 - target.bound) };
    if allowed > 0.0 && allowed <= 0.05 {
        let left = 1.0 - used / allowed;
        let words = if left >= 0.0 {
            format!("{} of budget left", percent(left))
        } else {
            format!("{}× the budget used", number::decimal(used / allowed, 2))
        };
        return Filling { share: left.clamp(0.0, 1.0), words, met };
    }
    Filling { share: v.clamp(0.0, 1.0), words: number::ratio(v), met }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).min(9_999.0))
}

/// Draw it into one row.
pub fn draw(canvas: &mut Canvas<'_>, line: Rect, v: f64, target: &Target) {
    let Filling { share, words, met } = filling(v, target);
    let wide = canvas.width(&words);
    let bar = line.width.saturating_sub(wide + 1);
    if bar < 6 {
        canvas.text(line.x, line.y, line.width, &words, canvas.theme.dim);
        return;
    }
    let style = if met { canvas.theme.good } else { canvas.theme.bad };
    bar_of(canvas, Rect { width: bar, ..line }, share, style);
    canvas.right(line, &words, canvas.theme.dim);
}

/// A bar filled to a share.
pub fn bar_of(canvas: &mut Canvas<'_>, line: Rect, share: f64, style: ratatui::style::Style) {
    let filled = text::cells((share.clamp(0.0, 1.0) * f64::from(line.width)).round());
    let (full, rest) = (canvas.glyphs.full, canvas.glyphs.empty);
    canvas.fill(Rect { width: filled, ..line }, full, style);
    canvas.fill(Rect { x: line.x + filled, width: line.width - filled, ..line }, rest, canvas.theme.dim);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(op: &'static str, bound: f64) -> Target {
        Target { text: String::new(), op, bound }
    }

    #[test]
    fn a_tight_target_shows_its_budget() {
        let f = filling(0.9995, &target(">=", 0.999));
        assert_eq!((f.words.as_str(), f.met), ("50 % of budget left", true));
        assert!((f.share - 0.5).abs() < 1e-9);
        let f = filling(0.997, &target(">=", 0.999));
        assert_eq!((f.words.as_str(), f.share, f.met), ("3× the budget used", 0.0, false));
        let f = filling(0.002, &target("<", 0.01));
        assert_eq!(f.words, "80 % of budget left");
    }

    #[test]
    fn a_wide_target_shows_the_share() {
        let f = filling(0.62, &target(">=", 0.8));
        assert_eq!((f.words.as_str(), f.share, f.met), ("62.0 %", 0.62, false));
    }
}
