//! Values as a picture in cells: a line in braille dots or bars in eighths, gaps left empty.

use ratatui::{layout::Rect, style::Style};

use super::{
    axis::Scale,
    canvas::Canvas,
    text::{self, cells},
};
use crate::{domain::metric::Unit, kpi::board::Series};

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line: shares, durations, levels.
    Line,
    /// Bars from zero: things that are counted or add up.
    Bars,
}

impl Form {
    /// The form that suits a unit.
    #[must_use]
    pub fn of(unit: Unit) -> Self {
        match unit {
            Unit::Count(_) | Unit::PerDay | Unit::PerWeek | Unit::Money => Self::Bars,
            Unit::Ratio | Unit::Seconds | Unit::Millis | Unit::MoneyPer(_) | Unit::Plain(_) => Self::Line,
        }
    }
}

/// Draw a series; `style` for whole buckets, `partial` for the one in progress.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, series: &Series, scale: Scale, form: Form, style: Style, partial: Style) {
    if area.width == 0 || area.height == 0 || series.values.is_empty() {
        return;
    }
    match form {
        Form::Bars => bars(canvas, area, series, scale, style, partial),
        Form::Line if canvas.glyphs.braille => braille(canvas, area, series, scale, style, partial),
        Form::Line => marks(canvas, area, series, scale, style, partial),
    }
}

/// One row of bars, the shape only: for cards too low for more.
pub fn spark(canvas: &mut Canvas<'_>, area: Rect, series: &Series, unit: Unit, style: Style, partial: Style) {
    let form = Form::of(unit);
    let scale = Scale::around(series.values.iter().flatten().copied(), unit, form == Form::Bars);
    bars(canvas, area, series, scale, style, partial);
}

/// The column of a bucket's middle.
#[must_use]
pub fn column(index: usize, count: usize, width: u16) -> u16 {
    let x = (index as f64 + 0.5) / count.max(1) as f64 * f64::from(width);
    cells(x).min(width.saturating_sub(1))
}

/// The bucket whose middle is nearest to a column.
#[must_use]
pub fn bucket_at(column: u16, count: usize, width: u16) -> usize {
    let share = (f64::from(column) + 0.5) / f64::from(width.max(1));
    usize::from(cells(share * count as f64)).min(count.saturating_sub(1))
}

fn is_partial(series: &Series, index: usize) -> bool {
    series.last_is_partial && index + 1 == series.values.len()
}

/// What a column of cells shows when there are more buckets than columns: the greatest, so that no peak is lost.
fn bars(canvas: &mut Canvas<'_>, area: Rect, series: &Series, scale: Scale, style: Style, partial: Style) {
    let count = series.values.len();
    for x in 0..area.width {
        let first = usize::from(x) * count / usize::from(area.width);
        let last = ((usize::from(x) + 1) * count).div_ceil(usize::from(area.width)).max(first + 1).min(count);
        // wide enough for air between bars: leave the last cell of each free
        let bucket_cells = usize::from(area.width) / count.max(1);
        if bucket_cells >= 3 && bucket_at(x + 1, count, area.width) != bucket_at(x, count, area.width) && x + 1 < area.width {
            continue;
        }
        let (from, to) = if bucket_cells >= 1 {
            let here = bucket_at(x, count, area.width);
            (here, here + 1)
        } else {
            (first, last)
        };
        let value = series.values[from..to]
            .iter()
            .flatten()
            .copied()
            .filter(|v| v.is_finite())
            .fold(None, |best: Option<f64>, v| Some(best.map_or(v, |b| b.max(v))));
        let Some(value) = value else { continue };
        let style = if is_partial(series, to - 1) { partial } else { style };
        let eighths = cells((scale.share(value) * f64::from(area.height) * 8.0).round().max(1.0));
        for level in 0..area.height {
            let rest = eighths.saturating_sub(level * 8).min(8);
            if rest > 0 {
                let sign = canvas.glyphs.bars[usize::from(rest) - 1];
                canvas.sign(area.x + x, area.bottom() - 1 - level, sign, style);
            }
        }
    }
}

/// One mark a column, for terminals without braille.
fn marks(canvas: &mut Canvas<'_>, area: Rect, series: &Series, scale: Scale, style: Style, partial: Style) {
    let count = series.values.len();
    let dots = |index: usize, v: f64| (column(index, count, area.width), row_of(v, scale, area.height));
    let mut before: Option<(u16, u16)> = None;
    for (index, value) in series.values.iter().enumerate() {
        let Some(v) = value.filter(|v| v.is_finite()) else {
            before = None;
            continue;
        };
        let (x, y) = dots(index, v);
        let style = if is_partial(series, index) { partial } else { style };
        if let Some((x0, y0)) = before {
            segment((i32::from(x0), i32::from(y0)), (i32::from(x), i32::from(y)), |x, y| {
                canvas.sign(area.x + u16::try_from(x).unwrap_or(0), area.y + u16::try_from(y).unwrap_or(0), ".", style);
            });
        }
        canvas.sign(area.x + x, area.y + y, "*", style);
        before = Some((x, y));
    }
}

fn row_of(v: f64, scale: Scale, rows: u16) -> u16 {
    let rows = rows.max(1);
    cells(((1.0 - scale.share(v)) * f64::from(rows - 1)).round())
}

/// The row of a value inside an area, for lines drawn across.
#[must_use]
pub fn value_row(v: f64, scale: Scale, area: Rect) -> u16 {
    area.y + row_of(v, scale, area.height)
}

/// Bits of the eight dots of a braille cell, by row then column.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

fn braille(canvas: &mut Canvas<'_>, area: Rect, series: &Series, scale: Scale, style: Style, partial: Style) {
    let (wide, high) = (usize::from(area.width) * 2, usize::from(area.height) * 4);
    let count = series.values.len();
    let mut dots = vec![0u8; usize::from(area.width) * usize::from(area.height)];
    let mut dot = |x: i32, y: i32| {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x < wide && y < high {
            dots[y / 4 * usize::from(area.width) + x / 2] |= DOTS[y % 4][x % 2];
        }
    };
    let mut before: Option<(i32, i32)> = None;
    let mut partial_from = wide;
    for (index, value) in series.values.iter().enumerate() {
        let Some(v) = value.filter(|v| v.is_finite()) else {
            before = None;
            continue;
        };
        let x = i32::from(cells((index as f64 + 0.5) / count as f64 * wide as f64));
        let y = i32::from(cells(((1.0 - scale.share(v)) * (high - 1) as f64).round()));
        if is_partial(series, index) {
            partial_from = usize::try_from(before.map_or(x, |(x0, _)| x0 + 1)).unwrap_or(wide);
        }
        match before {
            Some(start) => segment(start, (x, y), &mut dot),
            // a value between two gaps is a dash, not a speck
            None => segment((x, y), (x + 1, y), &mut dot),
        }
        before = Some((x, y));
    }
    for (i, bits) in dots.iter().enumerate().filter(|(_, bits)| **bits != 0) {
        let (x, y) = (i % usize::from(area.width), i / usize::from(area.width));
        let c = char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
        let style = if x * 2 >= partial_from { partial } else { style };
        canvas.char(area.x + text::count(x), area.y + text::count(y), c, style);
    }
}

/// Every dot between two, by Bresenham.
fn segment((mut x, mut y): (i32, i32), (x1, y1): (i32, i32), mut dot: impl FnMut(i32, i32)) {
    let (dx, dy) = ((x1 - x).abs(), -(y1 - y).abs());
    let (sx, sy) = (if x < x1 { 1 } else { -1 }, if y < y1 { 1 } else { -1 });
    let mut error = dx + dy;
    loop {
        dot(x, y);
        if x == x1 && y == y1 {
            return;
        }
        let twice = 2 * error;
        if twice >= dy {
            error += dy;
            x += sx;
        }
        if twice <= dx {
            error += dx;
            y += sy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_its_column_find_each_other() {
        for count in 1..70 {
            for width in 1..70u16 {
                for index in 0..count {
                    let x = column(index, count, width);
                    assert!(x < width);
                    if usize::from(width) >= count * 2 {
                        assert_eq!(bucket_at(x, count, width), index, "{index} of {count} in {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_segment_reaches_both_ends() {
        let mut seen = Vec::new();
        segment((0, 0), (5, 3), |x, y| seen.push((x, y)));
        assert_eq!((seen.first(), seen.last()), (Some(&(0, 0)), Some(&(5, 3))));
    }
}
