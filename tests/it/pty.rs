//! The real binary on a real pseudo-terminal: what a person at a keyboard sees, and what the shell gets back.

use std::{
    io::{Read, Write},
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use vt100::MouseProtocolMode;

use crate::cli::Place;

/// How long anything may take before a test gives up. Nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
struct Session {
    pair: Option<PtyPair>,
    child: Box<dyn Child + Send + Sync>,
    keys: Option<Box<dyn Write + Send>>,
    output: mpsc::Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// Everything written since the start.
    bytes: Vec<u8>,
    /// The terminal's settings before the program ran.
    before: String,
}

impl Session {
    /// `quarterdeck` with these arguments.
    fn start(place: &Place, dir: &Path, args: &[&str]) -> Self {
        Self::program(place, dir, env!("CARGO_BIN_EXE_quarterdeck"), args, &[])
    }

    fn program(place: &Place, dir: &Path, program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
        let before = termios(&*pair.master);
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(dir);
        command.env_clear();
        for (name, value) in place.env() {
            command.env(name, value);
        }
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")].iter().chain(env) {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (send, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { pair: Some(pair), child, keys: Some(keys), output, screen: vt100::Parser::new(24, 80, 0), bytes: Vec::new(), before }
    }

    /// Read until `seen`, or fail with what was on the screen.
    fn until(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !seen(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}; the screen shows:\n{}", self.text());
            if let Ok(bytes) = self.output.recv_timeout(left.min(Duration::from_millis(50))) {
                self.screen.process(&bytes);
                self.bytes.extend(bytes);
            }
        }
    }

    fn until_text(&mut self, text: &str) {
        self.until(&format!("`{text}`"), |s| s.text().contains(text));
    }

    fn until_gone(&mut self, text: &str) {
        self.until(&format!("no `{text}`"), |s| !s.text().contains(text));
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    fn resize(&mut self, cols: u16, rows: u16) {
        self.screen.screen_mut().set_size(rows, cols);
        let master = &self.pair.as_ref().unwrap().master;
        master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Wait for its end; gives the exit code.
    fn end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(50)) {
                    self.screen.process(&bytes);
                    self.bytes.extend(bytes);
                }
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it did not end; the screen shows:\n{}", self.text());
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(20)) {
                self.screen.process(&bytes);
                self.bytes.extend(bytes);
            }
        }
    }

    /// The terminal is as the shell left it.
    fn assert_restored(&self, way: &str) {
        let screen = self.screen.screen();
        assert!(!screen.alternate_screen(), "after {way}: still on the alternate screen");
        assert!(!screen.hide_cursor(), "after {way}: the cursor is hidden");
        assert!(!screen.bracketed_paste(), "after {way}: bracketed paste is on");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None, "after {way}: the mouse is taken");
        assert_eq!(termios(&*self.pair.as_ref().unwrap().master), self.before, "after {way}: the terminal's settings differ");
        assert_eq!(self.times("\x1b[?1049h"), self.times("\x1b[?1049l"), "after {way}: entered and left unequally often");
    }

    fn times(&self, sequence: &str) -> usize {
        self.bytes.windows(sequence.len()).filter(|w| *w == sequence.as_bytes()).count()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn termios(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

/// Started, and past its first frame.
fn running(place: &Place, dir: &Path) -> Session {
    let mut s = Session::start(place, dir, &[]);
    s.until("the monitor", |s| s.screen.screen().alternate_screen() && !s.text().trim().is_empty());
    s
}

#[test]
fn every_signal_gives_the_terminal_back() {
    let place = Place::new();
    let repo = place.repository(3);
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let mut s = running(&place, &repo);
        s.signal(signal);
        assert_eq!(s.end(), code, "{signal:?}");
        s.assert_restored(&format!("{signal:?}"));
    }
}

#[test]
fn q_and_control_c_quit_and_capital_q_leaves_the_frame() {
    let place = Place::new();
    let repo = place.repository(3);
    for key in ["q", "\u{3}"] {
        let mut s = running(&place, &repo);
        s.press(key);
        assert_eq!(s.end(), 0, "{key:?}");
        s.assert_restored(&format!("{key:?}"));
        assert_eq!(s.text().trim(), "", "{key:?} leaves nothing behind");
    }
    let mut s = running(&place, &repo);
    s.press("Q");
    assert_eq!(s.end(), 0);
    s.assert_restored("Q");
    assert!(s.text().contains("Bridge"), "Q leaves the last frame:\n{}", s.text());
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_gives_the_terminal_back_and_is_reported_after_it() {
    let place = Place::new();
    let repo = place.repository(3);
    let mut s = Session::program(&place, &repo, env!("CARGO_BIN_EXE_quarterdeck"), &[], &[("QUARTERDECK_PANIC", "1")]);
    s.until("the monitor", |s| s.screen.screen().alternate_screen() && !s.text().trim().is_empty());
    s.press("\x1b[24~"); // F12
    assert_eq!(s.end(), 101);
    s.assert_restored("a panic");
    assert!(s.text().contains("panicked at"), "the message stays readable:\n{}", s.text());
}

#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_it() {
    let place = Place::new();
    let repo = place.repository(3);
    // The session's leader ignores SIGHUP and lives on, as sudo or a wrapper may: nobody signals the monitor.
    let ended = place.path("ended");
    let script = format!("trap '' HUP; '{}'; echo over > '{}'", env!("CARGO_BIN_EXE_quarterdeck"), ended.display());
    let mut s = Session::program(&place, &repo, "/bin/sh", &["-c", &script], &[]);
    s.until("the monitor", |s| s.screen.screen().alternate_screen() && !s.text().trim().is_empty());
    // Drop every descriptor of our end.
    s.keys = None;
    s.pair = None;
    let (_, empty) = mpsc::channel();
    s.output = empty;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ended.exists() {
        assert!(Instant::now() < deadline, "still alive without a terminal");
        std::thread::yield_now();
    }
}

#[test]
fn control_z_stops_it_and_fg_brings_it_back() {
    let place = Place::new();
    let repo = place.repository(3);
    let mut s = Session::program(&place, &repo, "/bin/sh", &["-i"], &[("PS1", "ready> ")]);
    s.until_text("ready>");
    s.press(&format!("{}\r", env!("CARGO_BIN_EXE_quarterdeck")));
    s.until("the monitor", |s| s.screen.screen().alternate_screen() && s.text().contains("Bridge"));
    s.press("\u{1a}");
    s.until("the shell", |s| !s.screen.screen().alternate_screen() && s.text().contains("Stopped"));
    assert!(!s.screen.screen().hide_cursor(), "the cursor is back");
    assert!(!s.screen.screen().bracketed_paste());
    s.press("echo a; echo b\r");
    s.until_text("a\nb\n"); // cooked: line breaks are made by the terminal
    s.press("fg\r");
    s.until("the monitor again", |s| s.screen.screen().alternate_screen() && s.text().contains("Bridge"));
    s.press("q");
    // What is typed before the shell reads again may still go to the monitor.
    s.until("the shell's prompt", |s| !s.screen.screen().alternate_screen() && s.text().trim_end().ends_with("ready>"));
    s.press("echo end $?\r");
    s.until_text("end 0");
    s.press("exit\r");
    s.end();
}

#[test]
fn a_person_drills_from_lead_time_to_a_change_and_back() {
    let place = Place::new();
    let repo = place.repository(12);
    place.commit(&repo, "feat: marmalade", 3_700);
    place.tag(&repo, "v1.13.0", 100);
    let mut s = Session::start(&place, &repo, &[]);
    s.until_text("Bridge");
    s.resize(120, 40);
    s.until_text("LIVE");
    s.press("3");
    s.until_text("Lead time");
    // The palette goes to the metric's page by name.
    s.press(":");
    s.press("lead time for");
    s.until_text("Lead time for changes");
    s.press("\r");
    s.until_text("feat: thing 10");
    s.press("/");
    // a word that no hash contains
    s.press("marmalade");
    s.press("\r");
    s.until("the filter", |s| s.text().contains("feat: marmalade") && !s.text().contains("feat: thing 10"));
    s.press("\t"); // from the chart to the rows
    s.until_text("━ Behind it");
    s.press("\r");
    s.until_text("first commit");
    s.press("\x1b");
    s.until_gone("first commit");
    s.press("\x1b");
    s.until_text("feat: thing 10");
    s.press("\u{3}");
    assert_eq!(s.end(), 0);
    s.assert_restored("drilling");
}

#[test]
fn any_size_shows_something_and_none_ends_it() {
    let place = Place::new();
    let repo = place.repository(5);
    let mut s = running(&place, &repo);
    for (cols, rows) in [(20, 5), (300, 80), (40, 12), (5, 2), (80, 24), (3, 1), (200, 50), (61, 15), (120, 40)] {
        s.resize(cols, rows);
        s.until(&format!("a picture at {cols}x{rows}"), |s| !s.text().trim().is_empty());
    }
    s.until_text("Bridge");
    s.press("q");
    assert_eq!(s.end(), 0);
    s.assert_restored("resizing");
}

#[test]
fn a_new_commit_appears_without_a_key() {
    let place = Place::new();
    let repo = place.repository(4);
    let mut s = Session::start(&place, &repo, &["--range", "7d"]);
    s.resize(120, 40);
    s.until_text("Bridge");
    s.press(":");
    s.press("lead time for");
    s.until_text("Lead time for changes");
    s.press("\r");
    s.until_text("feat: thing 4");
    place.commit(&repo, "feat: wonder", 0);
    place.tag(&repo, "v99.0.0", 0);
    s.until_text("feat: wonder");
    s.press("\u{3}");
    assert_eq!(s.end(), 0);
}

#[test]
fn no_colour_means_no_colour() {
    let place = Place::new();
    let repo = place.repository(3);
    let mut s = Session::program(&place, &repo, env!("CARGO_BIN_EXE_quarterdeck"), &[], &[("NO_COLOR", "1")]);
    s.until("the monitor", |s| s.screen.screen().alternate_screen() && s.text().contains("Bridge"));
    let coloured = String::from_utf8_lossy(&s.bytes).contains("\x1b[38;") || String::from_utf8_lossy(&s.bytes).contains("\x1b[48;");
    assert!(!coloured, "a colour was sent");
    s.press("q");
    assert_eq!(s.end(), 0);
}

#[test]
fn a_bad_edit_of_the_configuration_keeps_the_running_one_and_says_where() {
    let place = Place::new();
    let repo = place.repository(3);
    let config = place.path("deck.toml");
    let good = format!("[org]\nname = \"Harbour\"\n\n[[source]]\nname = \"code\"\nkind = \"git\"\npath = '{}'\n", repo.display());
    std::fs::write(&config, &good).unwrap();
    let mut s = Session::start(&place, &place.home(), &["--config", &config.display().to_string()]);
    s.resize(160, 40);
    s.until_text("Harbour");
    std::fs::write(&config, good.replace("kind = \"git\"", "kind = \"gti\"")).unwrap();
    s.until_text("deck.toml:4");
    std::fs::write(&config, good.replace("Harbour", "Lighthouse")).unwrap();
    s.until_text("Lighthouse");
    // The picture's own preferences are taken over too.
    let ascii = format!("{}\n[ui]\nascii = true\n[keys]\nquit = \"ctrl-q\"\n", good.replace("Harbour", "Lighthouse"));
    std::fs::write(&config, ascii).unwrap();
    s.until("only ASCII", |s| s.text().contains("Lighthouse") && s.text().is_ascii());
    s.press("\u{11}");
    assert_eq!(s.end(), 0);
    s.assert_restored("a reload");
}
