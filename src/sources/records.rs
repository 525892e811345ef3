//! Kind `records`: canonical records as JSON lines, the open door for everything without a kind of its own.
//!
//! One JSON object per line with envelope and body side by side (`quarterdeck schema records` is its schema). Files are
//! read like logs: appended lines are read from where reading stopped, a last line without its line end waits for it,
//! a file that was truncated or replaced is read again from its start. A bad line is reported with file and line and
//! costs only itself. Needs no rights but to read the files.

mod line;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    time::Duration,
};

pub use line::{MAX_LINE, parse_line, record_schema, to_line};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Batch, Cursor, Fut, Kind, Settings, Source, SourceError,
    paths::{FoundFile, Paths, Patterns, off_thread},
};
use crate::{
    config::Fault,
    domain::{
        Time,
        health::Progress,
        record::{Kind as RecordKind, Record},
    },
};

/// Row of the table of kinds.
pub const KIND: Kind = Kind {
    name: "records",
    summary: "canonical JSON lines: the open door for everything without a kind of its own",
    example: r#"[[source]]
name = "events"
kind = "records"
path = "events/*.jsonl"           # a file, a directory, a pattern, or a list of them; relative to this file
"#,
    feeds: &FEEDS,
    every: Duration::from_secs(10),
    build,
};

/// Every kind, and what a later version may know.
const FEEDS: [RecordKind; RecordKind::ALL.len() + 1] = {
    let mut all = [RecordKind::Other; RecordKind::ALL.len() + 1];
    let mut i = 0;
    while i < RecordKind::ALL.len() {
        all[i] = RecordKind::ALL[i];
        i += 1;
    }
    all
};

/// Most bytes taken in by one poll; the rest follows in the next, at once.
const STEP_BYTES: u64 = 1 << 20;
/// Records there is room for before there is need of it.
const MOST_RESERVED: usize = 8_192;
/// Bytes before the place of reading that must still be the same.
const TAIL: u64 = 256;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(alias = "paths")]
    path: Patterns,
}

fn build(settings: &Settings) -> Result<Box<dyn Source>, Vec<Fault>> {
    let own: Own = settings.own.read()?;
    let paths = Paths::new(&settings.own, "path", &own.path, &["*.jsonl", "*.ndjson"])?;
    Ok(Box::new(Lines { name: settings.name.clone(), paths }))
}

struct Lines {
    name: String,
    paths: Paths,
}

impl Source for Lines {
    fn poll<'a>(&'a self, cursor: &'a Cursor, _now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        let (name, paths, cursor) = (self.name.clone(), self.paths.clone(), cursor.clone());
        Box::pin(off_thread(move || read(&name, &paths, &cursor)))
    }

    fn watch(&self) -> Vec<std::path::PathBuf> {
        self.paths.watch()
    }
}

/// Where reading stopped, per file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    inode: u64,
    size: u64,
    modified: Time,
    /// Bytes taken in: always the start of a line.
    offset: u64,
    /// Lines taken in.
    line: u64,
    /// Digest of the last bytes before `offset`.
    tail: String,
    /// Bad lines so far, and the first.
    #[serde(default, skip_serializing_if = "Faults::is_none")]
    faults: Faults,
}

/// Bad lines: how many, and what is wrong with the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Faults {
    count: u64,
    first: String,
}

impl Faults {
    fn is_none(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, fault: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = fault();
        }
        self.count += 1;
    }
}

fn read(source: &str, paths: &Paths, cursor: &Cursor) -> Result<Batch, SourceError> {
    let mut places: BTreeMap<String, Place> = serde_json::from_str(&cursor.0).unwrap_or_default();
    let found = paths.find()?;
    let total: u64 = found.files.iter().map(|f| f.size).sum();
    let mut next = BTreeMap::new();
    let mut records = Vec::new();
    let mut problems = found.problems;
    let mut budget = STEP_BYTES;
    let mut more = false;
    for file in &found.files {
        let mut place = places.remove(&file.name).unwrap_or_default();
        if budget == 0 {
            more |= place.offset < file.size;
        } else {
            match advance(source, file, &mut place, &mut budget, &mut records) {
                Ok(rest) => more |= rest,
                Err(error) => problems.push(format!("{}: {error}", file.name)),
            }
        }
        next.insert(file.name.clone(), place);
    }
    let done: u64 = next.values().map(|p| p.offset).sum();
    let lines: u64 = next.values().map(|p| p.line).sum();
    Ok(Batch {
        records,
        cursor: Cursor(serde_json::to_string(&next).unwrap_or_default()),
        more,
        progress: more.then_some(Progress { done, total: Some(total) }),
        message: message(found.files.len(), lines, next.values(), &problems),
        ..Batch::default()
    })
}

fn message<'a>(files: usize, lines: u64, places: impl Iterator<Item = &'a Place>, problems: &[String]) -> String {
    let mut faults = Faults::default();
    for place in places.filter(|p| p.faults.count > 0) {
        if faults.count == 0 {
            faults.first.clone_from(&place.faults.first);
        }
        faults.count += place.faults.count;
    }
    let read = format!("{lines} lines in {files} file{}", if files == 1 { "" } else { "s" });
    match (faults.count, problems) {
        (0, []) => read,
        (0, [first, ..]) => format!("partial: {first}; {read}"),
        (1, _) => format!("partial: {}; {read}", faults.first),
        (n, _) => format!("partial: {} and {} more; {read}", faults.first, n - 1),
    }
}

/// Read on in one file. Says whether there is more to read at once.
fn advance(source: &str, file: &FoundFile, place: &mut Place, budget: &mut u64, records: &mut Vec<Record>) -> std::io::Result<bool> {
    let same = place.inode == file.inode && place.size == file.size && place.modified == file.modified;
    if same && place.offset == file.size {
        return Ok(false);
    }
    let mut open = File::open(&file.path)?;
    let goes_on = place.inode == file.inode && place.offset <= file.size && tail(&mut open, place.offset)? == place.tail;
    if !goes_on {
        *place = Place::default();
    }
    (place.inode, place.size, place.modified) = (file.inode, file.size, file.modified);
    open.seek(SeekFrom::Start(place.offset))?;
    let mut reader = BufReader::with_capacity(64 << 10, &mut open);
    let mut line = Vec::new();
    let mut rest = false;
    loop {
        if *budget == 0 {
            rest = true;
            break;
        }
        line.clear();
        let got = (&mut reader).take(MAX_LINE + 1).read_until(b'\n', &mut line)? as u64;
        if got == 0 {
            break;
        }
        let mut taken = got;
        let ended = line.ends_with(b"\n");
        let record = if ended || got <= MAX_LINE {
            line::parse_maybe(&line, source)
        } else {
            let Some(skipped) = skip_line(&mut reader)? else { break };
            taken += skipped;
            Err(format!("longer than {} MiB", MAX_LINE >> 20))
        };
        if !ended && got <= MAX_LINE && !matches!(record, Ok(Some(_))) {
            break; // a last line that is still being written: no part of an object is an object
        }
        match record {
            Ok(Some(record)) => {
                if records.is_empty() {
                    // Room for lines like the first: growing step by step would hold most of them twice.
                    records.reserve(usize::try_from(*budget / got).unwrap_or_default().min(MOST_RESERVED));
                }
                records.push(record);
            }
            Ok(None) => {}
            Err(fault) => place.faults.add(|| format!("{}:{}: {fault}", file.name, place.line + 1)),
        }
        place.offset += taken;
        place.line += u64::from(ended || taken > got);
        *budget = budget.saturating_sub(taken);
    }
    place.tail = tail(&mut open, place.offset)?;
    Ok(rest && place.offset < file.size)
}

/// Read past the end of an overlong line; `None` when it has no end yet.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<Option<u64>> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let (used, end) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        skipped += used as u64;
        if end {
            return Ok(Some(skipped));
        }
    }
}

/// A digest of the bytes just before an offset: what was rewritten in place is told from what was appended to.
fn tail(file: &mut File, offset: u64) -> std::io::Result<String> {
    let from = offset.saturating_sub(TAIL);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(offset - from).read_to_end(&mut bytes)?;
    let digest = Sha256::digest(&bytes);
    let mut head = [0u8; 8];
    head.copy_from_slice(&digest[..8]);
    Ok(format!("{:016x}", u64::from_be_bytes(head)))
}
