//! Golden screens, every size, and how the screen answers keys and mouse.

use crate::boards::{self, Mood};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use quarterdeck::{
    app::{App, Cmd, Msg, key::Chord},
    kpi::board::Look,
    view,
};
use ratatui::{buffer::Buffer, layout::Rect};

/// A screen that answers its own looks, as engine and loop do.
struct Deck {
    app: App,
    mood: Mood,
    size: (u16, u16),
    /// Commands other than looks, in order.
    done: Vec<Cmd>,
}

impl Deck {
    fn new(mood: Mood, size: (u16, u16)) -> Self {
        Self::of(boards::app(size), mood, size)
    }

    fn of(app: App, mood: Mood, size: (u16, u16)) -> Self {
        let mut deck = Self { app, mood, size, done: Vec::new() };
        deck.send(Msg::Health(boards::health(mood)));
        deck.send(Msg::Board(boards::board(mood, &Look::default())));
        deck
    }

    fn send(&mut self, msg: Msg) {
        let mut queue = vec![msg];
        while let Some(msg) = queue.pop() {
            for cmd in self.app.update(msg) {
                match cmd {
                    Cmd::Look(look) => queue.push(Msg::Board(boards::board(self.mood, &look))),
                    other => self.done.push(other),
                }
            }
        }
    }

    /// Keys by name, separated by blanks.
    fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            let Chord { code, mods } = Chord::parse(key).unwrap();
            self.send(Msg::Input(Event::Key(KeyEvent::new(code, mods))));
        }
        self
    }

    /// Text as typed.
    fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.send(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))));
        }
        self
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.send(Msg::Input(Event::Resize(size.0, size.1)));
    }

    fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        view::draw_buffer(&self.app, &mut buffer);
        buffer
    }

    /// The picture as lines, without blanks at their ends.
    fn text(&self) -> String {
        let buffer = self.buffer();
        let mut out = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += view::text::width(symbol).max(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[test]
fn dump() {
    let size = std::env::var("SIZE").unwrap_or("80x24".into());
    let (w, h) = size.split_once('x').unwrap();
    let mood = match std::env::var("MOOD").as_deref() {
        Ok("bad") => Mood::Bad,
        Ok("long") => Mood::Long,
        Ok("nothing") => Mood::Nothing,
        _ => Mood::Good,
    };
    let mut d = Deck::new(mood, (w.parse().unwrap(), h.parse().unwrap()));
    for k in std::env::var("KEYS").unwrap_or_default().split('|') {
        d.keys(k);
        eprintln!("=== {k}\n{}", d.text());
    }
}
