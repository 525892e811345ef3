//! The screen's state and how it changes: `App::update(Msg)`. No I/O, no `async`, no clock: time arrives as a message.

use std::sync::Arc;

use crate::{
    domain::{Time, health::SourceHealth},
    kpi::board::{Board, Look},
};

/// Everything that can happen to the screen.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key, mouse, paste or resize event of the terminal.
    Input(crossterm::event::Event),
    /// A new board.
    Board(Arc<Board>),
    /// New health of the sources.
    Health(Vec<SourceHealth>),
    /// The clock, at most once a second, and only when something shown depends on it.
    Tick(Time),
    /// One line for the footer (config reloaded, copied, error).
    Notice(String),
}

/// What the screen wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Cmd {
    /// End; leave the last frame in the scrollback or not.
    Quit {
        /// `Q` instead of `q`.
        leave_frame: bool,
    },
    /// Show something else.
    Look(Look),
    /// Poll one source, or all.
    Refresh(Option<String>),
    /// Read the config file again.
    ReloadConfig,
    /// Ctrl-Z.
    Suspend,
    /// Full repaint.
    Redraw,
    /// Open in a browser.
    Open(String),
    /// To the clipboard.
    Copy(String),
    /// Write a snapshot file of the present frame (`text`, `ansi`, `svg`).
    Snapshot(String),
    /// Take or release the mouse.
    Mouse(bool),
}
