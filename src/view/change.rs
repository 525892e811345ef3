//! The change against the window before, in words. An arrow only when the change passed the noise guard.

use ratatui::style::Style;

use super::{glyph::Glyphs, number, text, theme::Theme};
use crate::{
    app::item::relative_change,
    domain::{
        metric::{Direction, Metric, Unit},
        value::{Reading, Status},
    },
};

/// Below this many on either side, it is the sample that forbids an arrow.
const FEW: u64 = 10;

/// A change ready to be written: the same thing in three lengths, and its style.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    wordings: [String; 3],
    /// How it is coloured.
    pub style: Style,
}

impl Change {
    /// The longest wording that fits; empty when none does, so that a cut number is never shown.
    #[must_use]
    pub fn text(&self, cells: u16) -> &str {
        self.wordings.iter().find(|w| text::width(w) <= cells).map_or("", String::as_str)
    }
}

/// The change of a reading; `None` where there is nothing to say.
#[must_use]
pub fn of(metric: &Metric, r: &Reading, currency: &str, glyphs: &Glyphs, theme: &Theme) -> Option<Change> {
    let same = |long: String, mid: &str, short: &str| Change { wordings: [long, mid.to_owned(), short.to_owned()], style: theme.dim };
    let before = match r.before {
        Some(before) if r.number().is_some() => before,
        _ if r.status == Status::Ok && r.number().is_some() => return Some(same("nothing before to compare".into(), "no before", "")),
        _ => return None,
    };
    let was = number::short(metric.unit, before, currency);
    match r.change_is_real {
        Some(true) => Some(real(metric, r, before, &was, glyphs, theme)),
        Some(false) => Some(same(format!("within usual variation, was {was}"), "usual variation", "usual")),
        None if r.n.min(r.before_n.unwrap_or(r.n)) < FEW => Some(same(format!("was {was}, n too small to judge"), "n too small", "")),
        None => Some(same(format!("was {was}, not judged"), &format!("was {was}"), "")),
    }
}

fn real(metric: &Metric, r: &Reading, before: f64, was: &str, glyphs: &Glyphs, theme: &Theme) -> Change {
    let now = r.number().unwrap_or(before);
    let up = now > before;
    let arrow = if up { glyphs.up } else { glyphs.down };
    let amount = amount(metric.unit, r, now - before);
    let (word, style) = match (metric.direction, up) {
        (Direction::Up, true) | (Direction::Down, false) => ("better", theme.good),
        (Direction::Up, false) | (Direction::Down, true) => ("worse", theme.bad),
        (Direction::Band, true) => ("higher", theme.base),
        (Direction::Band, false) => ("lower", theme.base),
    };
    Change {
        wordings: [format!("{arrow} {amount} {word}, was {was}"), format!("{arrow} {amount} {word}"), format!("{arrow} {word}")],
        style,
    }
}

/// How much: points for shares, per cent for the rest, times when it more than triples.
fn amount(unit: Unit, r: &Reading, difference: f64) -> String {
    if unit == Unit::Ratio {
        return number::points(difference);
    }
    match relative_change(r) {
        Some(share) if share.abs() < 2.0 => format!("{} %", number::decimal(share.abs() * 100.0, 2)),
        Some(share) => format!("{}×", number::decimal(share + 1.0, 2)),
        None => "from 0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::{Depth, theme::ThemeName},
        domain::{metric, value::Scope},
        view::glyph::UNICODE,
    };

    fn text(id: &str, r: &Reading, cells: u16) -> String {
        let theme = Theme::of(ThemeName::Auto, Depth::True);
        of(metric::find(id).unwrap(), r, "EUR", &UNICODE, &theme).map(|c| c.text(cells).to_owned()).unwrap_or_default()
    }

    fn reading(id: &'static str, value: f64, before: Option<f64>, real: Option<bool>) -> Reading {
        Reading { before, change_is_real: real, ..Reading::ok(id, Scope::Org, "", value, 30) }
    }

    #[test]
    fn an_arrow_needs_a_real_change() {
        let real = reading("lead_time.median", 36_000.0, Some(20_000.0), Some(true));
        assert_eq!(text("lead_time.median", &real, 40), "▲ 80 % worse, was 5 h 33 m");
        assert_eq!(text("lead_time.median", &real, 14), "▲ 80 % worse");
        assert_eq!(text("lead_time.median", &real, 8), "▲ worse");
        assert_eq!(text("lead_time.median", &real, 3), "");
        for judged in [Some(false), None] {
            let r = reading("lead_time.median", 36_000.0, Some(20_000.0), judged);
            assert!(!text("lead_time.median", &r, 60).contains(['▲', '▼']));
        }
    }

    #[test]
    fn shares_change_by_points_and_zero_has_no_per_cent() {
        let r = reading("uptime", 0.9994, Some(0.9990), Some(true));
        assert_eq!(text("uptime", &r, 20), "▲ 0.04 pp better");
        let r = reading("incidents.count", 3.0, Some(0.0), Some(true));
        assert_eq!(text("incidents.count", &r, 20), "▲ from 0 worse");
    }
}
