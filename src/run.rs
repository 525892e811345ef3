//! The subcommands and the wiring: the only module that may use everything, prints, and decides the exit code.
//!
//! One file per command; `live` and `screen` are the monitor, `terminal` and `tty` its way to the terminal. Must not
//! compute: numbers come from `kpi`, rows from `store`, pictures from `view`.

mod args;
mod check;
mod completions;
mod events;
mod explain;
mod export;
mod import;
mod kpi;
mod library;
mod live;
mod log;
mod measure;
mod names;
mod paths;
mod present;
mod review;
mod schema;
mod screen;
mod slo;
pub mod snapshot;
mod table;
mod terminal;
mod tty;
mod when;
mod why;

use std::io::{self, Write};

use clap::Parser;

/// Why a command ended early. `Use` is exit code 2, `Could` is 3; a closed pipe is nobody's fault.
#[derive(Debug)]
pub enum Stop {
    /// Wrong use or configuration, and what to do.
    Use(String),
    /// It could not be done, and why.
    Could(String),
    /// Nobody reads our output any more.
    Pipe,
}

impl From<io::Error> for Stop {
    /// Only for writing to stdout; other I/O says what it tried.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Pipe } else { Self::Could(format!("writing the output: {error}")) }
    }
}

impl From<crate::store::StoreError> for Stop {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Could(error.to_string())
    }
}

/// Exit code of a command that ended as planned.
type Ended = Result<i32, Stop>;

/// TLS for every client; once per process, a second time changes nothing.
fn crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Run the program with these arguments; gives the exit code: 0 fine, 1 a check failed, 2 wrong use or configuration,
/// 3 could not; 128 and the signal's number when the monitor was ended by a signal.
#[must_use]
pub fn main(args: Vec<std::ffi::OsString>) -> i32 {
    let cli = match args::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(told) => {
            let _ = told.print(); // help and version too; a closed pipe is not worth a word
            return told.exit_code();
        }
    };
    let mut out = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let ended = dispatch(cli, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    match ended {
        Ok(code) => code,
        Err(Stop::Pipe) => 0,
        Err(Stop::Use(why)) => said(&why, 2),
        Err(Stop::Could(why)) => said(&why, 3),
    }
}

fn said(why: &str, code: i32) -> i32 {
    let _ = writeln!(io::stderr(), "quarterdeck: {why}");
    code
}

fn dispatch(cli: args::Cli, out: &mut dyn Write) -> Ended {
    let args::Cli { global, live, command } = cli;
    if command.is_some() && live != args::Live::default() {
        return Err(Stop::Use(
            "--range, --theme, --ascii and --no-mouse before a command belong to the live monitor; put options after the command".into(),
        ));
    }
    match command {
        None => live::run(&global, &live),
        Some(args::Command::Check(a)) => check::run(&global, &a, out),
        Some(args::Command::Kpi(a)) => kpi::run(&global, &a, out),
        Some(args::Command::Why(a)) => why::run(&global, &a, out),
        Some(args::Command::Review(a)) => review::run(&global, &a, out),
        Some(args::Command::Slo(a)) => slo::run(&global, &a, out),
        Some(args::Command::Events(a)) => events::run(&global, &a, out),
        Some(args::Command::Explain(a)) => explain::run(&global, &a, out),
        Some(args::Command::Import(a)) => import::run(&global, &a, out),
        Some(args::Command::Export(a)) => export::run(&global, &a, out),
        Some(args::Command::Snapshot(a)) => snapshot::run(&global, &a, out),
        Some(args::Command::Library(a)) => library::run(&global, &a, out),
        Some(args::Command::Schema(a)) => schema::run(&a, out),
        Some(args::Command::Completions(a)) => completions::run(&a, out),
    }
}
