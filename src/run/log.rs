//! The log file: off unless `QUARTERDECK_LOG` names a level; in the state directory, never on the terminal.

use std::path::PathBuf;

use tracing_appender::non_blocking::WorkerGuard;

/// Start logging when asked to; what is returned must live as long as there is something to log.
///
/// # Errors
/// A level that is none, or a directory that cannot be written.
pub fn start(directory: Option<PathBuf>) -> Result<Option<WorkerGuard>, String> {
    let Some(level) = std::env::var("QUARTERDECK_LOG").ok().filter(|l| !l.is_empty()) else { return Ok(None) };
    let level: tracing::Level =
        level.parse().map_err(|_| format!("QUARTERDECK_LOG={level}: expected error, warn, info, debug or trace"))?;
    let directory = directory.ok_or("QUARTERDECK_LOG is set, but this system names no directory for state; set HOME")?;
    let file = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("quarterdeck")
        .filename_suffix("log")
        .max_log_files(7)
        .build(&directory)
        .map_err(|e| format!("the log in {}: {e}", directory.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(writer).try_init();
    Ok(Some(guard))
}
