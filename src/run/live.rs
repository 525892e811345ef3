//! The live monitor: takes the terminal, starts the engine beside it, runs the loop, and gives everything back.
//!
//! Nothing here waits before the first frame: the store is opened while the loop already runs.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

#[cfg(debug_assertions)]
use crossterm::event::Event;
use crossterm::event::EventStream;
#[cfg(debug_assertions)]
use futures_util::{Stream, StreamExt};
use notify::Watcher;
use tokio::{
    runtime::{Handle, Runtime},
    sync::{mpsc, oneshot},
};

use super::{
    Ended, Stop,
    args::{Global, Live},
    log, paths, present,
    screen::{Deck, End, Feed, Screen},
    snapshot,
    terminal::{self, Direct, Guard, Outer},
    tty::Tty,
    when,
};
use crate::{
    app::{App, Cmd, Depth, Preferences},
    config::Config,
    domain::Time,
    engine::Engine,
    kpi::board::Look,
};

/// Run the monitor until it ends.
///
/// # Errors
/// [`Stop::Use`] without a terminal or with a faulty configuration, [`Stop::Could`] when the store cannot be opened.
pub fn run(global: &Global, live: &Live) -> Ended {
    terminal::usable().map_err(Stop::Use)?;
    let opened = paths::open(global, paths::Need::Sources)?;
    let _log = log::start(paths::state_dir()).map_err(Stop::Use)?;
    let size = crossterm::terminal::size().unwrap_or((80, 24));
    let setup = present::setup(&opened.config, live, present::depth(), size, when::now()).map_err(Stop::Could)?;
    let (look, mouse, depth) = (setup.look.clone(), setup.mouse, setup.depth);
    let app = App::new(setup).map_err(|why| Stop::Use(format!("[ui.keys]: {why}")))?;
    // The runtime goes last and waits for nobody: requests in flight must not delay the way out.
    let runtime = Background::start()?;
    let could = |what: &str| {
        let what = what.to_owned();
        move |e: io::Error| Stop::Could(format!("{what}: {e}"))
    };
    let guard = Guard::enter(mouse).map_err(could("taking the terminal"))?;
    let (outer, outers) = mpsc::unbounded_channel();
    super::crypto();
    let _entered = runtime.handle.enter();
    guard.watch(outer.clone()).map_err(could("listening to signals"))?;
    let watched = opened.config.path.as_deref().and_then(|path| watch(path, &outer));
    let terminal = ratatui::Terminal::new(Tty::new(Direct, crossterm::terminal::size)).map_err(could("the terminal"))?;
    let bridge = Bridge::start(&guard, Arc::clone(&opened.config), live.clone(), opened.store, look);
    let mut screen = Screen { app, terminal, events: events(), outer: outers, deck: bridge };
    let end = runtime.handle.block_on(screen.run());
    guard.leave();
    drop(watched);
    let code = match end {
        End::Quit { leave_frame } => {
            if leave_frame {
                leave(&screen.app, depth)?;
            }
            0
        }
        End::Outer(why) => why.exit_code(),
        End::Failed(why) => return Err(Stop::Could(why)),
    };
    Ok(code)
}

/// The last frame into the scrollback.
fn leave(app: &App, depth: Depth) -> io::Result<()> {
    let size = crossterm::terminal::size().unwrap_or((80, 24));
    let picture = snapshot::picture(app, size);
    let text = if depth == Depth::Mono { snapshot::text(&picture) } else { snapshot::ansi(&picture) };
    Direct.write_all(text.as_bytes())
}

#[cfg(not(debug_assertions))]
fn events() -> EventStream {
    EventStream::new()
}

/// With `QUARTERDECK_PANIC` set, F12 panics: how the tests see that a panic gives the terminal back. Not in releases.
#[cfg(debug_assertions)]
fn events() -> impl Stream<Item = io::Result<Event>> + Unpin {
    let armed = std::env::var_os("QUARTERDECK_PANIC").is_some();
    EventStream::new().inspect(move |event| {
        let f12 = matches!(event, Ok(Event::Key(key)) if key.code == crossterm::event::KeyCode::F(12));
        assert!(!(armed && f12), "asked to by QUARTERDECK_PANIC");
    })
}

/// A runtime that is left behind instead of waited for, also on a panic.
struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    fn start() -> Result<Self, Stop> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| Stop::Could(format!("starting threads: {e}")))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the loop asks of the world: the engine, the browser, files, the terminal's modes.
struct Bridge<'a> {
    guard: &'a Guard,
    config: Arc<Config>,
    /// Options of the command line, which win over every configuration.
    live: Live,
    starting: Option<oneshot::Receiver<Result<Engine, String>>>,
    engine: Option<Engine>,
    /// Asked for before the engine ran.
    look: Option<Look>,
}

impl<'a> Bridge<'a> {
    /// Start the engine beside the caller. Must be called inside a runtime.
    fn start(guard: &'a Guard, config: Arc<Config>, live: Live, store: PathBuf, look: Look) -> Self {
        let (tell, starting) = oneshot::channel();
        let own = Arc::clone(&config);
        tokio::task::spawn_blocking(move || {
            let _ = tell.send(Engine::start(own, &store, look));
        });
        Self { guard, config, live, starting: Some(starting), engine: None, look: None }
    }
}

impl Deck for Bridge<'_> {
    fn act(&mut self, cmd: Cmd, app: &App) -> Option<String> {
        match cmd {
            Cmd::Look(look) => {
                match &self.engine {
                    Some(engine) => engine.look(look),
                    None => self.look = Some(look),
                }
                None
            }
            Cmd::Refresh(source) => {
                self.engine.as_ref()?.refresh(source.as_deref());
                None
            }
            Cmd::Open(url) => Some(terminal::open_in_browser(&url).err().unwrap_or_else(|| format!("opened {url}"))),
            Cmd::Snapshot(format) => Some(snapshot::to_file(app, &format, self.now()).unwrap_or_else(|why| why)),
            Cmd::Mouse(on) => self.guard.mouse(on).err().map(|e| format!("the mouse: {e}")),
            Cmd::Quit { .. } | Cmd::Redraw | Cmd::Suspend | Cmd::Copy(_) | Cmd::ReloadConfig => None,
        }
    }

    fn reload(&mut self) -> Option<(String, Option<Preferences>)> {
        let path = self.config.path.clone()?;
        match paths::load(&path) {
            Ok(mut config) => {
                let preferences = match present::preferences(&config, &self.live) {
                    Ok(preferences) => preferences,
                    Err(why) => return Some((format!("configuration not taken: {}", why.lines().next().unwrap_or_default()), None)),
                };
                config.path = Some(path);
                self.config = Arc::new(config);
                if let Some(engine) = &self.engine {
                    engine.reload(Arc::clone(&self.config));
                }
                Some(("configuration read again".into(), Some(preferences)))
            }
            Err(faults) => {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                let more = if faults.len() > 1 { format!(" (and {} more: `quarterdeck check`)", faults.len() - 1) } else { String::new() };
                Some((format!("configuration not taken: {first}{more}"), None))
            }
        }
    }

    async fn feed(&mut self) -> Result<Feed, String> {
        let Some(starting) = &mut self.starting else { return std::future::pending().await };
        let started = starting.await.unwrap_or_else(|_| Err("the engine did not start; QUARTERDECK_LOG=info may say why".into()));
        self.starting = None;
        let engine = started?;
        if let Some(look) = self.look.take() {
            engine.look(look);
        }
        let feed = Feed { board: engine.board.clone(), health: engine.health.clone(), notice: engine.notice.clone() };
        self.engine = Some(engine);
        Ok(feed)
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.guard.suspend().await
    }

    fn resume(&mut self) -> io::Result<()> {
        self.guard.resume()
    }

    fn now(&self) -> Time {
        when::now()
    }
}

/// Tell `outer` when the file at `path` changed and has been quiet for a moment. Its directory is watched: editors
/// replace the file. `None` when the system cannot watch; Ctrl-R still reads it again.
fn watch(path: &Path, outer: &mpsc::UnboundedSender<Outer>) -> Option<notify::RecommendedWatcher> {
    let path = path.canonicalize().ok()?;
    let name = path.file_name()?.to_owned();
    let (touched, mut touches) = mpsc::unbounded_channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|e| !e.kind.is_access() && e.paths.iter().any(|p| p.file_name() == Some(&name))) {
            let _ = touched.send(());
        }
    })
    .ok()?;
    watcher.watch(path.parent()?, notify::RecursiveMode::NonRecursive).ok()?;
    let outer = outer.clone();
    #[allow(clippy::disallowed_methods, reason = "the screen loop's own listener; it ends with the watcher")]
    tokio::spawn(async move {
        while touches.recv().await.is_some() {
            while matches!(tokio::time::timeout(Duration::from_millis(120), touches.recv()).await, Ok(Some(()))) {}
            let _ = outer.send(Outer::ConfigChanged);
        }
    });
    Some(watcher)
}
