//! The picture's way to the terminal: a ratatui backend that writes one frame in one piece, wrapped in a synchronized
//! update, and writes nothing at all when nothing changed. Must not know what is drawn.

use std::io::{self, Write};

use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};

/// Where frames go. `W` is the terminal's descriptor, or bytes in a test.
pub struct Tty<W: Write> {
    out: W,
    /// Bytes of the frame so far.
    frame: Vec<u8>,
    cursor_hidden: bool,
    size: Box<dyn Fn() -> io::Result<(u16, u16)> + Send>,
}

impl<W: Write> Tty<W> {
    /// A backend that writes to `out` and asks `size` for columns and rows.
    pub fn new(out: W, size: impl Fn() -> io::Result<(u16, u16)> + Send + 'static) -> Self {
        // The guard hides the cursor on entering.
        Self { out, frame: Vec::with_capacity(32 * 1024), cursor_hidden: true, size: Box::new(size) }
    }

    /// Bytes outside any frame (clipboard).
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    fn inner(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.frame)
    }
}

impl<W: Write> Backend for Tty<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut content = content.peekable();
        // The inner backend resets colours even for nothing; nothing must stay nothing.
        if content.peek().is_some() { self.inner().draw(content) } else { Ok(()) }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.cursor_hidden, true) { Ok(()) } else { self.inner().hide_cursor() }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor_hidden = false;
        self.inner().show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN) // asking would mean waiting for the terminal's answer; a full screen never needs it
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner().set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner().clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner().clear_region(clear_type)
    }

    fn append_lines(&mut self, n: u16) -> io::Result<()> {
        self.inner().append_lines(n)
    }

    fn size(&self) -> io::Result<Size> {
        (self.size)().map(Size::from)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.frame.splice(0..0, *b"\x1b[?2026h");
        self.frame.extend_from_slice(b"\x1b[?2026l");
        let sent = self.out.write_all(&self.frame).and_then(|()| self.out.flush());
        self.frame.clear();
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::{Terminal, widgets::Paragraph};

    #[test]
    fn one_frame_is_one_synchronized_write_and_an_equal_frame_is_none() {
        let mut terminal = Terminal::new(Tty::new(Vec::new(), || Ok((10, 2)))).unwrap();
        terminal.draw(|f| f.render_widget(Paragraph::new("hello"), f.area())).unwrap();
        let first = terminal.backend().out.clone();
        assert!(first.starts_with(b"\x1b[?2026h") && first.ends_with(b"\x1b[?2026l"), "{}", String::from_utf8_lossy(&first));
        assert_eq!(String::from_utf8_lossy(&first).matches("\x1b[?2026h").count(), 1);
        terminal.draw(|f| f.render_widget(Paragraph::new("hello"), f.area())).unwrap();
        assert_eq!(terminal.backend().out, first, "an equal frame writes nothing");
    }
}
