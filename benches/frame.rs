//! One frame: what drawing costs on each kind of page. `cargo bench --bench frame`.

#[path = "../tests/it/boards.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "the builders of the tests, which use more of them")]
mod boards;

use boards::Mood;
use crossterm::event::{Event, KeyEvent};
use quarterdeck::{
    app::{App, Cmd, Msg, key::Chord},
    kpi::board::Look,
    view,
};
use ratatui::{buffer::Buffer, layout::Rect};

fn main() {
    divan::main();
}

/// The app on a page, with its board.
fn on(size: (u16, u16), keys: &str) -> App {
    let mut app = boards::app(size);
    let mut queue = vec![Msg::Health(boards::health(Mood::Bad)), Msg::Board(boards::board(Mood::Bad, &Look::default()))];
    queue.extend(keys.split_whitespace().map(|key| {
        let Chord { code, mods } = Chord::parse(key).expect("a key of this file");
        Msg::Input(Event::Key(KeyEvent::new(code, mods)))
    }));
    queue.reverse();
    while let Some(msg) = queue.pop() {
        for cmd in app.update(msg) {
            if let Cmd::Look(look) = cmd {
                queue.push(Msg::Board(boards::board(Mood::Bad, &look)));
            }
        }
    }
    app
}

/// Bridge (14 charts), a quarter (6), a KPI page, a team's page (22 charts), the help on top.
#[divan::bench(args = ["", "2", "3 right enter", "shift-tab enter", "?"])]
fn frame_200x50(bencher: divan::Bencher<'_, '_>, keys: &str) {
    let app = on((200, 50), keys);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 50));
    bencher.bench_local(|| {
        buffer.reset();
        view::draw_buffer(divan::black_box(&app), &mut buffer);
    });
}

/// What a key costs until the picture can be drawn.
#[divan::bench]
fn key(bencher: divan::Bencher<'_, '_>) {
    let mut app = on((200, 50), "");
    bencher.bench_local(|| app.update(Msg::Input(Event::Key(KeyEvent::from(crossterm::event::KeyCode::Down)))));
}
