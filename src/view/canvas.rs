//! What every picture draws on: clipped writing, rules, and the record of what can be hit with the mouse.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};

use super::{
    glyph::{self, Glyphs},
    text,
    theme::Theme,
};
use crate::{
    app::{App, Target},
    kpi::board::Board,
};

/// A frame being drawn. Nothing outside the buffer is ever touched, whatever is asked.
pub struct Canvas<'a> {
    /// What is shown.
    pub app: &'a App,
    /// Colours.
    pub theme: Theme,
    /// Signs.
    pub glyphs: &'static Glyphs,
    buffer: &'a mut Buffer,
    hits: Vec<(Rect, Target)>,
}

impl<'a> Canvas<'a> {
    /// An empty canvas in the app's theme.
    pub fn new(app: &'a App, buffer: &'a mut Buffer) -> Self {
        let theme = Theme::of(app.theme(), app.colours());
        let glyphs = if app.ascii() { &glyph::ASCII } else { &glyph::UNICODE };
        buffer.set_style(buffer.area, theme.base);
        Self { app, theme, glyphs, buffer, hits: Vec::new() }
    }

    /// Everything there is.
    #[must_use]
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// The board of the scope one stands in.
    #[must_use]
    pub fn board(&self) -> Option<&'a Board> {
        self.app.board()
    }

    /// Write at most `cells` cells at a place; gives the cells used.
    pub fn text(&mut self, x: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if x < area.left() || x >= area.right() || y < area.top() || y >= area.bottom() {
            return 0;
        }
        let cells = cells.min(area.right() - x);
        let plain;
        let text = if self.app.ascii() && !text.is_ascii() {
            plain = glyph::to_ascii(text);
            &plain
        } else {
            text
        };
        let shown = text::fit(text, cells, self.glyphs.cut);
        let (end, _) = self.buffer.set_stringn(x, y, shown, usize::from(cells), style);
        end - x
    }

    /// Write pieces one after the other into one row; gives the cells used.
    pub fn line(&mut self, row: Rect, pieces: &[(&str, Style)]) -> u16 {
        let mut used = 0;
        for (piece, style) in pieces {
            used += self.text(row.x + used, row.y, row.width.saturating_sub(used), piece, *style);
        }
        used
    }

    /// Write flush right in a row; gives the cells used.
    pub fn right(&mut self, row: Rect, text: &str, style: Style) -> u16 {
        let wide = self.width(text).min(row.width);
        self.text(row.right() - wide, row.y, wide, text, style)
    }

    /// Cells a text takes as it will be written.
    #[must_use]
    pub fn width(&self, text: &str) -> u16 {
        if self.app.ascii() && !text.is_ascii() { text::width(&glyph::to_ascii(text)) } else { text::width(text) }
    }

    /// One sign in one cell.
    pub fn sign(&mut self, x: u16, y: u16, sign: &str, style: Style) {
        if let Some(cell) = self.buffer.cell_mut(Position { x, y }) {
            cell.set_symbol(sign).set_style(style);
        }
    }

    /// One character in one cell.
    pub fn char(&mut self, x: u16, y: u16, c: char, style: Style) {
        if let Some(cell) = self.buffer.cell_mut(Position { x, y }) {
            cell.set_char(c).set_style(style);
        }
    }

    /// Nothing is written there yet.
    #[must_use]
    pub fn is_blank(&self, x: u16, y: u16) -> bool {
        self.buffer.cell(Position { x, y }).is_some_and(|cell| cell.symbol() == " ")
    }

    /// Style over what is written.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Take everything away, for what lies on top.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
        // half a wide letter left of the box would reach into it
        if area.x > self.buffer.area.x {
            for y in area.top()..area.bottom() {
                if let Some(cell) = self.buffer.cell_mut(Position { x: area.x - 1, y })
                    && text::width(cell.symbol()) > 1
                {
                    cell.set_symbol(" ");
                }
            }
        }
        self.buffer.set_style(area, self.theme.base);
    }

    /// A line of one sign.
    pub fn fill(&mut self, row: Rect, sign: &str, style: Style) {
        for x in row.left()..row.right() {
            self.sign(x, row.y, sign, style);
        }
    }

    /// A heading: `── Title 12 ─────────── right ──`, heavy when it has the focus.
    pub fn heading(&mut self, row: Rect, title: &str, right: (&str, Style), focused: bool) {
        if row.width == 0 || row.height == 0 {
            return;
        }
        let (sign, style) = if focused { (self.glyphs.heavy, self.theme.accent) } else { (self.glyphs.rule, self.theme.dim) };
        self.fill(row, sign, style);
        let title_style = if focused { self.theme.accent } else { self.theme.strong };
        let right_wide = self.width(right.0).min(row.width / 2);
        let room = row.width.saturating_sub(if right_wide > 0 { right_wide + 3 } else { 0 }).saturating_sub(2);
        let used = self.text(row.x + 1, row.y, room, &format!(" {title}"), title_style);
        if used > 0 && row.x + 1 + used < row.right() {
            self.sign(row.x + 1 + used, row.y, " ", style);
        }
        if right_wide > 0 && row.width > right_wide + 3 {
            let x = row.right() - right_wide - 2;
            self.sign(x, row.y, " ", style);
            self.text(x + 1, row.y, right_wide, right.0, right.1);
            self.sign(row.right() - 1, row.y, " ", style);
        }
    }

    /// What a click there means. Later ones lie on top.
    pub fn hit(&mut self, area: Rect, target: Target) {
        self.hits.push((area, target));
    }

    /// The topmost thing at a position.
    #[must_use]
    pub fn target_at(&self, position: Position) -> Option<Target> {
        self.hits.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, target)| target.clone())
    }
}

/// One row of an area, from its top; empty below its end.
#[must_use]
pub fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect { height: 0, width: 0, ..area };
    }
    Rect { y: area.y + index, height: 1, ..area }
}

/// The area without its first rows.
#[must_use]
pub fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The first rows of an area.
#[must_use]
pub fn top(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}

/// Which of `count` items are seen in `room` rows when one is selected: the first index. The selected one is inside.
#[must_use]
pub fn first_shown(selected: usize, count: usize, room: usize) -> usize {
    selected.saturating_sub(room / 2).min(count.saturating_sub(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_item_is_always_shown() {
        for count in 0..30 {
            for room in 1..12 {
                for selected in 0..count {
                    let first = first_shown(selected, count, room);
                    assert!(first <= selected && selected < first + room, "{selected} of {count} in {room}");
                    assert!(first == 0 || first + room <= count);
                }
            }
        }
    }
}
