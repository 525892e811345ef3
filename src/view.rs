//! Drawing: a function of the app's state. Reads, never changes.

use crossterm::event::Event;
use ratatui::{Frame, layout::Rect};

use crate::app::{App, Msg};

/// Draw one frame.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let _ = app;
    frame.buffer_mut().set_string(0, 0, "quarterdeck", ratatui::style::Style::default());
}

/// The message of a terminal event: a mouse event becomes what it hit in the picture of this size, all else passes.
#[must_use]
pub fn message(app: &App, area: Rect, event: Event) -> Msg {
    let _ = (app, area);
    Msg::Input(event)
}
