//! Opening the file: who may write, what is refused, and what every failure says.
//!
//! Nothing here changes a file that is not ours, is newer, or is damaged: the header is looked at before SQLite is.
//!
//! Durability is `synchronous = NORMAL` in WAL mode, on purpose: a killed process loses nothing that was committed; a
//! power cut may lose the last commits but never half of one. A source's cursor is in the same commit as its records, so
//! what a power cut takes is read again.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::StoreError;

/// `QDK1`: marks a file as ours.
const APPLICATION_ID: i32 = 0x5144_4b31;

/// The schema, step by step; `user_version` counts the steps done.
const STEPS: &[&str] = &[include_str!("schema/001.sql"), include_str!("schema/002.sql"), include_str!("schema/003.sql")];

/// Open or create for writing; the file is the lock that says so to others.
pub(super) fn writer(path: &Path) -> Result<(Connection, File), StoreError> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(|e| StoreError::Failed(format!("the store's directory {} cannot be made: {e}", dir.display())))?;
    }
    look_at_header(path)?;
    let lock = lock(path)?;
    let conn = Connection::open(path).and_then(|c| prepare(&c).map(|()| c)).map_err(|e| fault(path, "opening", &e))?;
    let version = version(&conn).map_err(|e| fault(path, "opening", &e))?;
    if version > STEPS.len() {
        return Err(newer(path, version));
    }
    migrate(&conn, version).map_err(|e| fault(path, "preparing", &e))?;
    conn.pragma_update(None, "journal_mode", "WAL").map_err(|e| fault(path, "opening", &e))?;
    Ok((conn, lock))
}

/// Open an existing file for reading.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Failed(format!(
            "there is no store at {}; start quarterdeck or quarterdeck import once to make it",
            path.display()
        )));
    }
    look_at_header(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<(Connection, usize)> {
        let conn = Connection::open_with_flags(path, flags)?;
        read_pragmas(&conn)?;
        let version = version(&conn)?;
        Ok((conn, version))
    };
    let opened = open().or_else(|e| match immutable(path, flags) {
        // A finished store in a directory we may not write to: no shared memory can be made beside it, and none is needed.
        Some(opened) if !beside(path, "-wal").exists() => opened,
        _ => Err(e),
    });
    let (conn, version) = opened.map_err(|e| fault(path, "opening", &e))?;
    if version > STEPS.len() {
        return Err(newer(path, version));
    }
    if version < STEPS.len() {
        return Err(StoreError::Failed(format!(
            "{} was written by an older quarterdeck; open it once for writing to bring it up to date",
            path.display()
        )));
    }
    Ok(conn)
}

fn immutable(path: &Path, flags: OpenFlags) -> Option<rusqlite::Result<(Connection, usize)>> {
    let text = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let open = || {
        let conn = Connection::open_with_flags(format!("file:{text}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)?;
        let version = version(&conn)?;
        Ok((conn, version))
    };
    Some(open())
}

/// Room for pages in memory (KiB; negative is SQLite's way to say so) and in the log before it is worked into the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    cache: i64,
    log_pages: i64,
}

/// Usually.
pub(super) const USUAL: Room = Room { cache: -6_000, log_pages: 4_000 };
/// While history streams in: every batch touches most pages of the indices, which are then written to the file once for
/// several batches.
pub(super) const LARGE: Room = Room { cache: -96_000, log_pages: 16_000 };

/// Let SQLite have that room.
pub(super) fn give(conn: &Connection, room: Room) -> rusqlite::Result<()> {
    conn.pragma_update(None, "cache_size", room.cache)?;
    conn.pragma_update(None, "wal_autocheckpoint", room.log_pages)
}

fn version(conn: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    // Both only count while the file is new.
    conn.pragma_update(None, "page_size", 8_192)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    give(conn, USUAL)?;
    keep_statements(conn)
}

/// Statements stay prepared: there is room for all of them, and none is planned anew for the values it is given.
fn keep_statements(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(128);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn read_pragmas(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cache_size", -4_000)?;
    keep_statements(conn)
}

/// All missing steps and the marks, in one transaction, while the file is still in rollback mode the first time: the
/// marks are then in the file itself, where `look_at_header` reads them.
fn migrate(conn: &Connection, done: usize) -> rusqlite::Result<()> {
    if done == STEPS.len() {
        return Ok(());
    }
    let tx = rusqlite::Transaction::new_unchecked(conn, rusqlite::TransactionBehavior::Immediate)?;
    for step in &STEPS[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    tx.commit()
}

/// Refuse what is not a store of ours, or is newer, by its first 100 bytes.
fn look_at_header(path: &Path) -> Result<(), StoreError> {
    let failed = |what: &str| StoreError::Failed(format!("the store {} {what}", path.display()));
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(&format!("cannot be read: {e}"))),
    };
    if meta.is_dir() {
        return Err(failed("is a directory; name a file in it"));
    }
    // An empty file is as good as none; beside a rollback journal SQLite must recover before anyone judges.
    if meta.len() == 0 || beside(path, "-journal").exists() {
        return Ok(());
    }
    let mut head = [0u8; 100];
    let read = File::open(path).and_then(|mut f| f.read_exact(&mut head));
    if let Err(e) = read
        && e.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(failed(&format!("cannot be read: {e}")));
    }
    let field = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // Killed between SQLite's first page and our first step: a database in which nothing was ever made (its schema was
    // never changed) is as good as none, too.
    if &head[..16] == b"SQLite format 3\0" && field(40) == 0 {
        return Ok(());
    }
    if &head[..16] != b"SQLite format 3\0" || field(68) != APPLICATION_ID {
        return Err(failed("is not a quarterdeck store; it was left as it is. Name another file, or move this one away"));
    }
    match usize::try_from(field(60)) {
        Ok(version) if version <= STEPS.len() => Ok(()),
        Ok(version) => Err(newer(path, version)),
        Err(_) => Err(failed("is damaged: its version makes no sense. It was left as it is; move it away and start again")),
    }
}

fn newer(path: &Path, version: usize) -> StoreError {
    StoreError::Failed(format!(
        "the store {} is newer (schema {version}) than this quarterdeck (schema {}); it was left as it is. Use the newer program, or name another file",
        path.display(),
        STEPS.len()
    ))
}

/// One writer per file: an advisory lock beside it, freed by the system when the process ends in whatever way.
fn lock(path: &Path) -> Result<File, StoreError> {
    let beside = beside(path, ".lock");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&beside);
    let mut file = open.map_err(|e| {
        StoreError::Failed(format!(
            "the store {} cannot be written: {}: {e}. Make the directory writable, or name another file with --store",
            path.display(),
            beside.display()
        ))
    })?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // Who holds it, for the message of the other one; not being able to say so is no reason to stop.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            Ok(file)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = (&file).take(20).read_to_string(&mut holder);
            let holder = holder.trim();
            let who = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
            Err(StoreError::Busy(format!("another quarterdeck{who} writes {}; this one only reads", path.display())))
        }
        Err(e) => Err(StoreError::Failed(format!("the store {} cannot be locked: {e}", path.display()))),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What SQLite says, as what to do.
pub(super) fn fault(path: &Path, doing: &str, e: &rusqlite::Error) -> StoreError {
    let path = path.display();
    let message = match e.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("{doing} the store {path} failed: the disk is full. Nothing half was kept; free some space, it is tried again")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            format!("{doing} the store {path} failed: {e}. Check that file and directory may be written, or name another file with --store")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!(
                "{doing} the store {path} failed: the file is damaged ({e}). It was left as it is; move it away and start again, history is read anew from the sources"
            )
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return StoreError::Busy(format!("{doing} the store {path} failed: another program holds it ({e})"));
        }
        _ => format!("{doing} the store {path} failed: {e}"),
    };
    StoreError::Failed(message)
}
