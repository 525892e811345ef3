//! Drawing: a function of the app's state. Reads, never changes.
//!
//! ```text
//!  Acme › payments › Lead time        28d Europe/Berlin  ● LIVE  14 ok · 1 stale  14:32    header
//!  1 Bridge  2 Reliability  3 Delivery  4 Cost  5 Quality  s Sources                        header
//! ── Uptime ─── ✓ on target ──  ── Latency P95 ─── ✗ off target ──                          card
//! 99.94 %    usual variation    412 ms         ▲ 38 % worse
//! target >= 99.9 % · n 40.3k    target < 300 ms · n 1.2M
//! ⣀⡠⠤⠒⠒⠉⠉⠒⠢⠤⠤⣀⣀             ⣀⣀⡠⠤⠤⠒⠒⠊⠉⠉
//! ── Incidents 3 ────────────────────────────────────────                                   list, matrix, groups
//! enter open  t range  / filter  i define  : jump  ? help                                   footer
//! ```
//! One file per picture. `deck` says which parts stand where; `canvas` writes, clips, and remembers what can be hit.
//! Must not: change the app, read a clock, keep anything between frames.

pub mod axis;
pub mod canvas;
pub mod card;
pub mod change;
pub mod chart;
pub mod deck;
pub mod empty;
pub mod footer;
pub mod gauge;
pub mod glyph;
pub mod groups;
pub mod header;
pub mod list;
pub mod matrix;
pub mod moved;
pub mod name;
pub mod number;
pub mod objective;
pub mod plot;
pub mod popup;
pub mod progress;
pub mod record;
pub mod room;
pub mod slo;
pub mod sources;
pub mod state;
pub mod summary;
pub mod text;
pub mod theme;
pub mod tiny;
pub mod why;

use crossterm::event::{Event, MouseButton, MouseEventKind};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Position, Rect},
};

use self::canvas::Canvas;
use crate::app::{App, Msg, Point, PointAct};

/// Lines a turn of the wheel moves.
const WHEEL: i32 = 3;

/// Draw one frame.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    paint(app, frame.buffer_mut());
}

/// Draw into a buffer of any size.
pub fn draw_buffer(app: &App, buffer: &mut Buffer) {
    paint(app, buffer);
}

/// The message of a terminal event: a mouse event becomes what it hit in the picture of this size, all else passes.
#[must_use]
pub fn message(app: &App, area: Rect, event: Event) -> Msg {
    let Event::Mouse(mouse) = event else { return Msg::Input(event) };
    let act = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => PointAct::Press,
        MouseEventKind::ScrollDown => PointAct::Wheel(WHEEL),
        MouseEventKind::ScrollUp => PointAct::Wheel(-WHEEL),
        _ => return Msg::Input(event),
    };
    let mut scratch = Buffer::empty(area);
    let target = paint(app, &mut scratch).target_at(Position { x: mouse.column, y: mouse.row });
    Msg::Point(Point { act, target })
}

fn paint<'a>(app: &'a App, buffer: &'a mut Buffer) -> Canvas<'a> {
    let mut canvas = Canvas::new(app, buffer);
    let area = canvas.area();
    if area.width < 20 || area.height < 5 {
        tiny::draw(&mut canvas, area);
        return canvas;
    }
    // what goes first when rows are few: the tabs, then the footer
    let tabs = u16::from(area.height >= 10);
    let footer = u16::from(area.height >= 8 || typing(app));
    header::first(&mut canvas, canvas::row(area, 0));
    if tabs > 0 {
        header::tabs(&mut canvas, canvas::row(area, 1));
    }
    let body = Rect { y: area.y + 1 + tabs, height: area.height - 1 - tabs - footer, ..area };
    deck::draw(&mut canvas, body);
    if footer > 0 {
        footer::draw(&mut canvas, canvas::row(area, area.height - 1));
    }
    popup::draw(&mut canvas, body);
    canvas
}

/// The footer holds a text field: it stays however few rows there are.
fn typing(app: &App) -> bool {
    use crate::app::overlay::Overlay;
    matches!(app.overlay(), Overlay::Filter { .. } | Overlay::GoTo { .. })
}
