//! The loop: terminal events, boards, health, the clock and signals in; frames out.
//!
//! Draws only after a change; a key at once, a board at most every 33 ms, what sources say of themselves with the next board
//! or half a second later; idle it sleeps until the next instant the picture depends on. Generic over the event stream and the writer, so that tests run this very loop. Must not read
//! sources or the store: it waits for nothing but messages.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use crossterm::event::{Event, KeyEventKind};
use futures_util::{Stream, StreamExt};
use ratatui::{Terminal, layout::Rect};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{terminal::Outer, tty::Tty};
use crate::{
    app::{App, Cmd, Msg, Preferences},
    domain::{Time, health::SourceHealth},
    kpi::board::Board,
    view,
};

/// Between two frames that nobody asked for by a key.
const PACE: Duration = Duration::from_millis(33);
/// What is said of a source waits so long for the board that mostly follows it.
const HEALTH_WAITS: Duration = Duration::from_millis(500);
/// How long the first frame waits for the first board, so that no empty picture flashes by.
const FIRST_BOARD: Duration = Duration::from_millis(40);

/// How the monitor ended.
#[derive(Debug)]
pub enum End {
    /// By key; with `Q` the last frame stays in the scrollback.
    Quit {
        /// `Q` instead of `q`.
        leave_frame: bool,
    },
    /// By a signal, or with the terminal.
    Outer(Outer),
    /// Something the monitor cannot go on without, in words.
    Failed(String),
}

/// What the engine tells the screen.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The newest board.
    pub board: watch::Receiver<Option<Arc<Board>>>,
    /// Health of every source.
    pub health: watch::Receiver<Vec<SourceHealth>>,
    /// Why the store only reads, when it does.
    pub notice: watch::Receiver<Option<String>>,
}

/// What the loop asks of the world outside the picture.
pub trait Deck {
    /// Do what the screen wants done (anything but quit, redraw, copy, suspend); gives a line for the footer, if any.
    fn act(&mut self, cmd: Cmd, app: &App) -> Option<String>;
    /// Read the configuration again; gives a line for the footer, and what of it concerns the picture.
    fn reload(&mut self) -> Option<(String, Option<Preferences>)>;
    /// Resolves once with the engine's feed, or with why there is none; pending for ever afterwards.
    fn feed(&mut self) -> impl Future<Output = Result<Feed, String>>;
    /// Give the terminal to the shell and come back.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;
    /// Take the terminal again: somebody else stopped and continued us.
    ///
    /// # Errors
    /// When the terminal does not answer.
    fn resume(&mut self) -> io::Result<()>;
    /// The clock.
    fn now(&self) -> Time;
}

/// Everything the loop runs on.
pub struct Screen<W: Write, E, D> {
    /// The picture's state.
    pub app: App,
    /// Where frames go.
    pub terminal: Terminal<Tty<W>>,
    /// Keys, mouse, resizes.
    pub events: E,
    /// Signals, hang-up, config changes.
    pub outer: mpsc::UnboundedReceiver<Outer>,
    /// The world outside the picture.
    pub deck: D,
}

impl<W, E, D> Screen<W, E, D>
where
    W: Write,
    E: Stream<Item = io::Result<Event>> + Unpin,
    D: Deck,
{
    /// Run until somebody or something ends it.
    pub async fn run(&mut self) -> End {
        let mut feed: Option<Feed> = None;
        let mut paint = Paint::at(Instant::now() + FIRST_BOARD);
        loop {
            if paint.due() {
                if let Err(e) = self.draw() {
                    return End::Failed(format!("drawing to the terminal: {e}"));
                }
                paint.done();
            }
            let tick = self.until_tick();
            let step = tokio::select! {
                biased;
                outer = self.outer.recv() => Step::Outer(outer),
                event = self.events.next() => Step::Event(event),
                started = self.deck.feed(), if feed.is_none() => Step::Started(started),
                news = next(feed.as_mut()) => Step::News(news),
                () = tokio::time::sleep_until(paint.next), if paint.wanted => continue,
                () = tokio::time::sleep(tick) => Step::Tick,
            };
            let msg = match step {
                Step::Event(Some(Ok(event))) => {
                    if matches!(event, Event::Key(key) if key.kind == KeyEventKind::Release) {
                        continue;
                    }
                    paint.now();
                    self.message(event)
                }
                Step::Event(Some(Err(_)) | None) => return End::Outer(Outer::Gone),
                Step::Outer(None) => return End::Failed("nobody listens to signals any more".into()),
                Step::Outer(Some(Outer::Continued)) => match self.deck.resume().and_then(|()| self.terminal.clear()) {
                    Ok(()) => {
                        paint.now();
                        Msg::Tick(self.deck.now())
                    }
                    Err(e) => return End::Failed(format!("taking the terminal again: {e}")),
                },
                Step::Outer(Some(Outer::ConfigChanged)) => match self.reload() {
                    Some(told) => Msg::Notice(told),
                    None => continue,
                },
                Step::Outer(Some(end)) => return End::Outer(end),
                Step::Started(Err(why)) => return End::Failed(why),
                Step::Started(Ok(mut started)) => {
                    started.board.mark_changed();
                    started.health.mark_changed();
                    started.notice.mark_changed();
                    feed = Some(started);
                    Msg::Tick(self.deck.now())
                }
                Step::News(News::Over) => return End::Failed("the engine stopped; the log (QUARTERDECK_LOG=info) says why".into()),
                Step::News(News::Nothing) => continue,
                Step::News(News::Msg(msg)) => msg,
                Step::Tick => Msg::Tick(self.deck.now()),
            };
            match msg {
                Msg::Board(_) => paint.numbers(),
                Msg::Health(_) => paint.within(HEALTH_WAITS),
                _ => paint.within(Duration::ZERO),
            }
            match self.take(msg, &mut paint).await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(e) => return End::Failed(format!("the terminal: {e}")),
            }
        }
    }

    /// One message into the app, and what it wants done.
    async fn take(&mut self, msg: Msg, paint: &mut Paint) -> io::Result<Option<End>> {
        let mut wanted = std::collections::VecDeque::from(self.app.update(msg));
        while let Some(cmd) = wanted.pop_front() {
            let told = match cmd {
                Cmd::Quit { leave_frame } => return Ok(Some(End::Quit { leave_frame })),
                Cmd::Redraw => {
                    self.terminal.clear()?;
                    None
                }
                Cmd::Suspend => {
                    self.deck.suspend().await?;
                    self.terminal.clear()?;
                    paint.now();
                    wanted.extend(self.app.update(Msg::Tick(self.deck.now())));
                    None
                }
                Cmd::Copy(text) => {
                    self.copy(&text)?;
                    Some(format!("copied: {text}"))
                }
                Cmd::ReloadConfig => self.reload(),
                other => self.deck.act(other, &self.app),
            };
            if let Some(line) = told {
                paint.wanted = true;
                wanted.extend(self.app.update(Msg::Notice(line)));
            }
        }
        Ok(None)
    }

    /// Read the configuration again and apply what concerns the picture.
    fn reload(&mut self) -> Option<String> {
        let (told, preferences) = self.deck.reload()?;
        for cmd in preferences.map(|p| self.app.update(Msg::Preferences(p))).unwrap_or_default() {
            self.deck.act(cmd, &self.app);
        }
        Some(told)
    }

    fn draw(&mut self) -> io::Result<()> {
        let app = &self.app;
        self.terminal.draw(|frame| view::draw(app, frame)).map(drop)
    }

    fn message(&self, event: Event) -> Msg {
        let size = self.terminal.size().unwrap_or_default();
        view::message(&self.app, Rect::new(0, 0, size.width, size.height), event)
    }

    fn until_tick(&self) -> Duration {
        // Never more often than the picture can change by the clock; a clock that jumps must not spin us.
        (self.app.next_tick() - self.deck.now()).to_std().unwrap_or_default().max(Duration::from_millis(200))
    }

    /// OSC 52, which reaches the person's own clipboard through ssh and tmux.
    fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        crossterm::queue!(bytes, crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))?;
        self.terminal.backend_mut().send(&bytes)
    }
}

enum Step {
    Outer(Option<Outer>),
    Event(Option<io::Result<Event>>),
    Started(Result<Feed, String>),
    News(News),
    Tick,
}

enum News {
    Msg(Msg),
    Nothing,
    Over,
}

/// The next thing the engine says; never, before it runs.
async fn next(feed: Option<&mut Feed>) -> News {
    let Some(feed) = feed else { return std::future::pending().await };
    let changed = tokio::select! {
        c = feed.board.changed() => c.map(|()| feed.board.borrow_and_update().clone().map(Msg::Board)),
        c = feed.health.changed() => c.map(|()| Some(Msg::Health(feed.health.borrow_and_update().clone()))),
        c = feed.notice.changed() => c.map(|()| feed.notice.borrow_and_update().clone().map(Msg::Notice)),
    };
    match changed {
        Ok(Some(msg)) => News::Msg(msg),
        Ok(None) => News::Nothing,
        Err(_) => News::Over,
    }
}

/// When to draw next.
struct Paint {
    /// Something changed since the last frame.
    wanted: bool,
    next: Instant,
    /// Nothing but a key is drawn before.
    rested: Instant,
    first: bool,
}

impl Paint {
    fn at(next: Instant) -> Self {
        Self { wanted: true, next, rested: next, first: true }
    }

    fn due(&self) -> bool {
        self.wanted && Instant::now() >= self.next
    }

    /// A person waits.
    fn now(&mut self) {
        self.wanted = true;
        self.next = Instant::now();
    }

    /// Something changed that may wait so long.
    fn within(&mut self, pause: Duration) {
        let at = (Instant::now() + pause).max(self.rested);
        self.next = if self.wanted { self.next.min(at) } else { at };
        self.wanted = true;
    }

    /// A board; the first one ends the wait for it.
    fn numbers(&mut self) {
        if self.first {
            self.rested = Instant::now();
        }
        self.within(Duration::ZERO);
    }

    fn done(&mut self) {
        let rested = Instant::now() + PACE;
        *self = Self { wanted: false, next: rested, rested, first: false };
    }
}

#[cfg(test)]
mod tests;
