//! The terminal guard: raw mode, alternate screen, bracketed paste, mouse and hidden cursor on the way in, and all of it
//! undone exactly once on every way out.
//!
//! ```text
//!  quit, error  ─► Drop ──────┐
//!  panic        ─► hook ──────┼─► leave()   (once: an atomic flag decides who)
//!  TERM HUP INT QUIT ─► loop ─┤
//!  Ctrl-Z       ─► leave() … SIGTSTP … SIGCONT ─► enter again, full repaint
//!  terminal gone ─► POLLHUP watch ─► loop; nothing left to restore
//! ```
//!
//! Writes go straight to the file descriptor: a panic while stdout is locked must not deadlock the way out. Must not
//! draw, and must not decide when to end: that is the loop's.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::Signal,
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// Why the loop should wake up although nobody typed and nothing arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outer {
    /// End, because of this signal.
    Signal(i32),
    /// The terminal is gone.
    Gone,
    /// Stopped by somebody else and now continued: the terminal may show anything.
    Continued,
    /// The configuration file changed.
    ConfigChanged,
}

/// Holds the terminal; dropping it gives the terminal back.
#[derive(Debug)]
pub struct Guard {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// As the shell left it.
    before: Termios,
    inside: AtomicBool,
    mouse: AtomicBool,
    /// The next SIGCONT answers our own stop.
    stopping: AtomicBool,
}

const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[2J";
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l";
// Clicks, drags and the wheel; not every movement (1003), which would wake us for nothing.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// Whether a full-screen program can run here.
///
/// # Errors
/// In words, with what to use instead.
pub fn usable() -> Result<(), String> {
    let instead = "use `quarterdeck snapshot` for one frame or `quarterdeck kpi` for the numbers";
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(format!("the live monitor needs a terminal for its input and its output; {instead}"));
    }
    if std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
        return Err(format!("this terminal (TERM=dumb) cannot place the cursor, so the live monitor cannot run in it; {instead}"));
    }
    Ok(())
}

impl Guard {
    /// Take the terminal, and arrange that a panic of this thread gives it back before it is reported. Panics of other
    /// threads (sources are isolated) go to the log only: the screen stays.
    ///
    /// # Errors
    /// When the terminal does not answer.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        let no = || AtomicBool::new(false);
        let state = Arc::new(State { before: tcgetattr(stdin())?, inside: no(), mouse: AtomicBool::new(mouse), stopping: no() });
        let guard = Self { state: Arc::clone(&state) };
        let (screen, previous) = (std::thread::current().id(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == screen {
                state.leave();
                previous(panic);
            } else {
                tracing::error!("{panic}");
            }
        }));
        guard.resume()?;
        Ok(guard)
    }

    /// Take the terminal again after [`Guard::leave`], or after the process was stopped.
    ///
    /// # Errors
    /// When the terminal does not answer.
    pub fn resume(&self) -> io::Result<()> {
        let mut raw = self.state.before.clone();
        raw.make_raw();
        self.state.inside.store(true, Ordering::SeqCst);
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Direct.write_all(ENTER)?;
        if self.state.mouse.load(Ordering::SeqCst) {
            Direct.write_all(MOUSE_ON)?;
        }
        Ok(())
    }

    /// Give the terminal back; nothing when it already is.
    pub fn leave(&self) {
        self.state.leave();
    }

    /// Take or release the mouse.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn mouse(&self, on: bool) -> io::Result<()> {
        self.state.mouse.store(on, Ordering::SeqCst);
        Direct.write_all(if on { MOUSE_ON } else { MOUSE_OFF })
    }

    /// What Ctrl-Z does: give the terminal back, stop the job as the shell expects, and take the terminal again when it
    /// is continued.
    ///
    /// # Errors
    /// When the terminal does not answer afterwards.
    pub async fn suspend(&self) -> io::Result<()> {
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        self.leave();
        self.state.stopping.store(true, Ordering::SeqCst);
        rustix::process::kill_current_process_group(Signal::TSTP)?;
        // The stop may take a moment to reach us. Where nobody does job control it never does: go on then.
        if tokio::time::timeout(Duration::from_millis(100), continued.recv()).await.is_err() {
            self.state.stopping.store(false, Ordering::SeqCst);
        }
        self.resume()
    }

    /// Tell `outer` of signals and of the terminal's end. Must be called inside a runtime.
    ///
    /// # Errors
    /// When a signal cannot be listened to.
    pub fn watch(&self, outer: mpsc::UnboundedSender<Outer>) -> io::Result<()> {
        let ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()];
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        let mut streams = ends.into_iter().map(signal).collect::<io::Result<Vec<_>>>()?;
        let (gone, mut hangup) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("hang-up".into()).spawn(move || {
            if terminal_is_gone() {
                let _ = gone.send(());
            }
        })?;
        let state = Arc::clone(&self.state);
        #[allow(clippy::disallowed_methods, reason = "the screen loop's own listener; it ends with the runtime")]
        tokio::spawn(async move {
            let end = loop {
                let any = futures_util::future::select_all(streams.iter_mut().map(|s| Box::pin(s.recv())));
                tokio::select! {
                    (_, which, _) = any => break Outer::Signal(ends[which].as_raw_value()),
                    Some(()) = hangup.recv() => break Outer::Gone,
                    _ = continued.recv() => if !state.stopping.swap(false, Ordering::SeqCst) { let _ = outer.send(Outer::Continued); }
                }
            };
            let _ = outer.send(end);
            // The loop ends within milliseconds. When it cannot (the terminal takes no more bytes), end for it.
            tokio::time::sleep(Duration::from_millis(800)).await;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &state.before);
            #[allow(clippy::disallowed_methods, reason = "the way through main is blocked by a write that never returns")]
            std::process::exit(end.exit_code());
        });
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.state.leave();
    }
}

impl State {
    fn leave(&self) {
        if self.inside.swap(false, Ordering::SeqCst) {
            // Nothing can be done about a terminal that is gone.
            let _ = Direct.write_all(LEAVE);
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}

impl Outer {
    /// As shells report a process that a signal ended.
    #[must_use]
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Signal(n) => 128 + n,
            Self::Gone => 128 + Signal::HUP.as_raw(),
            Self::Continued | Self::ConfigChanged => 0,
        }
    }
}

/// Waits until the terminal hangs up, without waking up before. `false`: it cannot be watched here.
///
/// crossterm's reader does not notice (it reads a dead terminal for ever), and no signal comes when the session's
/// leader ignores SIGHUP.
fn terminal_is_gone() -> bool {
    loop {
        let tty = stdin();
        let mut fds = [PollFd::new(&tty, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) if fds[0].revents().contains(PollFlags::NVAL) => return false,
            Ok(_) if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => return true,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// The terminal's file descriptor as a writer: unbuffered, unlocked.
#[derive(Debug, Clone, Copy)]
pub struct Direct;

impl Write for Direct {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(stdout(), bytes) {
                // Somebody else who holds the terminal made it non-blocking.
                Err(rustix::io::Errno::AGAIN) => {
                    let tty = stdout();
                    poll(&mut [PollFd::new(&tty, PollFlags::OUT)], None)?;
                }
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Open an address in the person's browser. Only web addresses: the text came from outside.
///
/// # Errors
/// In words for the footer.
pub fn open_in_browser(url: &str) -> Result<(), String> {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(format!("not a web address, not opened: {url}"));
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = std::process::Stdio::null;
    #[allow(clippy::disallowed_methods, reason = "one of the few places that may start a process: argv only, no shell")]
    let mut command = std::process::Command::new(program);
    let started = command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    match started {
        Ok(mut child) => {
            // Reaped when it ends, so that it is no zombie for as long as we run.
            let _ = std::thread::Builder::new().name("browser".into()).spawn(move || child.wait());
            Ok(())
        }
        Err(e) => Err(format!("`{program}` could not be started ({e}); y copies the address: {url}")),
    }
}
