//! The real loop on paused time, with a terminal emulator as its terminal.

use std::{cell::RefCell, rc::Rc};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tokio::sync::oneshot;

use super::*;
use crate::{
    app::{Depth, Setup},
    domain::window::Tz,
    kpi::{board::Look, library::Library},
};

/// A terminal that remembers what was written and how often.
#[derive(Clone, Default)]
struct Glass {
    seen: Rc<RefCell<(Vec<u8>, usize)>>,
}

impl Write for Glass {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut seen = self.seen.borrow_mut();
        seen.0.extend_from_slice(bytes);
        seen.1 += 1;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Glass {
    fn writes(&self) -> usize {
        self.seen.borrow().1
    }
    fn text(&self) -> String {
        let mut screen = vt100::Parser::new(24, 80, 0);
        screen.process(&self.seen.borrow().0);
        screen.screen().contents()
    }
}

/// A deck with a clock that follows paused time, and no engine until one is sent.
struct Still {
    start: Instant,
    feed: oneshot::Receiver<Result<Feed, String>>,
    given: bool,
    acts: Rc<RefCell<Vec<Cmd>>>,
}

impl Deck for Still {
    fn act(&mut self, cmd: Cmd, _: &App) -> Option<String> {
        self.acts.borrow_mut().push(cmd);
        None
    }
    fn reload(&mut self) -> Option<(String, Option<Preferences>)> {
        Some(("deck.toml:3:1: unknown key".into(), None))
    }
    async fn feed(&mut self) -> Result<Feed, String> {
        if self.given {
            return std::future::pending().await;
        }
        let feed = (&mut self.feed).await;
        self.given = true;
        match feed {
            Ok(feed) => feed,
            Err(_) => std::future::pending().await,
        }
    }
    async fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn now(&self) -> Time {
        noon() + chrono::Duration::from_std(self.start.elapsed()).unwrap()
    }
}

fn noon() -> Time {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// Everything a test holds of a running loop.
struct Bench {
    glass: Glass,
    events: mpsc::UnboundedSender<io::Result<Event>>,
    outer: mpsc::UnboundedSender<Outer>,
    feed: Option<oneshot::Sender<Result<Feed, String>>>,
    acts: Rc<RefCell<Vec<Cmd>>>,
}

type Events = std::pin::Pin<Box<dyn Stream<Item = io::Result<Event>>>>;

fn bench() -> (Bench, Screen<Glass, Events, Still>) {
    let setup = Setup {
        org: "acme".into(),
        zone: Tz::UTC,
        look: Look::default(),
        theme: "auto".into(),
        depth: Depth::True,
        ascii: false,
        mouse: true,
        keys: std::collections::BTreeMap::new(),
        library: Library::builtin().unwrap(),
        now: noon(),
        size: (80, 24),
    };
    let glass = Glass::default();
    let terminal = Terminal::new(Tty::new(glass.clone(), || Ok((80, 24)))).unwrap();
    let (events, event) = mpsc::unbounded_channel();
    let event = futures_util::stream::unfold(event, |mut rx| async move { rx.recv().await.map(|e| (e, rx)) });
    let (outer, outers) = mpsc::unbounded_channel();
    let (feed, start) = oneshot::channel();
    let acts = Rc::new(RefCell::new(Vec::new()));
    let deck = Still { start: Instant::now(), feed: start, given: false, acts: Rc::clone(&acts) };
    let screen = Screen { app: App::new(setup).unwrap(), terminal, events: Box::pin(event) as _, outer: outers, deck };
    (Bench { glass, events, outer, feed: Some(feed), acts }, screen)
}

fn key(c: char) -> Event {
    Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_writes_at_most_once_a_minute() {
    let (bench, mut screen) = bench();
    let ended = tokio::time::timeout(Duration::from_secs(3600), screen.run()).await;
    assert!(ended.is_err(), "nothing ends it");
    let writes = bench.glass.writes();
    assert!((1..=62).contains(&writes), "{writes} writes in an idle hour");
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_does_not_wait_for_the_engine() {
    let (bench, mut screen) = bench();
    let _ = tokio::time::timeout(FIRST_BOARD + Duration::from_millis(1), screen.run()).await;
    assert!(!bench.glass.text().trim().is_empty(), "a frame without any board");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_drawn_at_once_and_ends_the_wait_for_the_first_board() {
    let (bench, mut screen) = bench();
    bench.events.send(Ok(key('?'))).unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(1), screen.run()).await;
    assert_eq!(bench.glass.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_health_is_drawn_twice_a_second_and_does_not_hold_up_a_signal() {
    let (mut bench, mut screen) = bench();
    let (board, health, notice) = (watch::channel(None), watch::channel(Vec::new()), watch::channel(None));
    let feed = Feed { board: board.1, health: health.1, notice: notice.1 };
    bench.feed.take().unwrap().send(Ok(feed)).unwrap();
    let flood = async {
        for i in 0..5_000_u64 {
            let mut one = SourceHealth::starting(format!("source {i}"), "git");
            one.records_total = i;
            let _ = health.0.send(vec![one]);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bench.outer.send(Outer::Signal(15)).unwrap();
        std::future::pending::<()>().await;
    };
    let end = tokio::select! { end = screen.run() => end, () = flood => unreachable!("pending") };
    assert!(matches!(end, End::Outer(Outer::Signal(15))), "{end:?}");
    assert!(bench.glass.writes() <= 32, "{} writes in ten seconds", bench.glass.writes());
    drop((board.0, notice.0));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_and_of_the_engine_end_the_monitor() {
    let (Bench { events, outer, .. }, mut screen) = bench();
    drop(events);
    assert!(matches!(screen.run().await, End::Outer(Outer::Gone)));
    drop(outer);
    let (mut bench, mut screen) = bench();
    bench.feed.take().unwrap().send(Err("the store is newer than this program".into())).unwrap();
    assert!(matches!(screen.run().await, End::Failed(why) if why.contains("newer")));
}

#[tokio::test(start_paused = true)]
async fn quitting_says_whether_the_frame_stays() {
    for (c, stays) in [('q', false), ('Q', true)] {
        let (bench, mut screen) = bench();
        bench.events.send(Ok(key(c))).unwrap();
        let end = tokio::time::timeout(Duration::from_secs(5), screen.run()).await;
        assert!(matches!(end, Ok(End::Quit { leave_frame }) if leave_frame == stays), "{c}: {end:?}");
        assert!(bench.acts.borrow().iter().all(|a| matches!(a, Cmd::Look(_))), "{:?}", bench.acts.borrow());
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_edit_shows_in_the_footer() {
    let (bench, mut screen) = bench();
    bench.outer.send(Outer::ConfigChanged).unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(1), screen.run()).await;
    assert!(bench.glass.text().contains("deck.toml:3:1"), "{}", bench.glass.text());
}

#[tokio::test(start_paused = true)]
async fn after_being_stopped_by_somebody_else_the_whole_picture_comes_again() {
    let (bench, mut screen) = bench();
    let script = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let before = bench.glass.text();
        bench.glass.seen.borrow_mut().0.clear();
        bench.outer.send(Outer::Continued).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        (before, bench.glass.text())
    };
    let (before, after) = tokio::select! { end = screen.run() => panic!("{end:?}"), texts = script => texts };
    assert_eq!(before, after);
}
