//! Kind `focus`: cloud bills as FOCUS CSV files, plain or packed with gzip (FinOps Open Cost and Usage Specification, 1.0
//! and later).
//!
//! Columns are found by name; literal `NULL` is nothing, a time without a zone is UTC, money is decimal. Providers restate
//! bills: a file that changed is read again as a whole. A row's id is its place among the rows of its file, billing period
//! and provider, so a restated row replaces the old one, and rows that are no more are withdrawn. Rows of a file that is gone
//! are withdrawn when another file bills the same period of the same provider; otherwise they stay, for the file may only
//! have been tidied away. Large files are read in steps. A row of a file written before its billing period ended is
//! marked as estimated. Needs no rights but to read the files.

pub mod packed;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek},
    time::Duration,
};

use csv::{ByteRecord, ReaderBuilder};
use row::Header;
use serde::{Deserialize, Serialize};

use super::{
    Batch, Cursor, Fut, Kind, Settings, Source, SourceError,
    paths::{Found, FoundFile, Paths, Patterns, off_thread},
};
use crate::{
    config::Fault,
    domain::{
        Time,
        health::Progress,
        record::{Body, CostLine, Kind as RecordKind, Record},
        text::clean_to,
    },
};

/// Row of the table of kinds.
pub const KIND: Kind = Kind {
    name: "focus",
    summary: "cloud bills as FOCUS CSV files, plain or gzip; restated bills replace what they restate",
    example: r#"[[source]]
name = "bills"
kind = "focus"
path = "bills/*.csv"              # or *.csv.gz; a file, a directory, a pattern, or a list of them; relative to this file
"#,
    feeds: &[RecordKind::CostLine, RecordKind::Other],
    every: Duration::from_secs(300),
    build,
};

/// Most rows, new or withdrawn, taken in by one poll; the rest follows in the next, at once.
const STEP_ROWS: usize = 20_000;
/// Longest header.
const MAX_HEADER: u64 = 256 << 10;
/// Most bytes of one row: more is a quote that was never closed.
const MAX_ROW: u64 = 4 << 20;
/// Most bytes taken in by one poll.
const STEP_BYTES: u64 = 32 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(alias = "paths")]
    path: Patterns,
}

fn build(settings: &Settings) -> Result<Box<dyn Source>, Vec<Fault>> {
    let own: Own = settings.own.read()?;
    let paths = Paths::new(&settings.own, "path", &own.path, &["*.csv", "*.csv.gz"])?;
    Ok(Box::new(Bills { name: settings.name.clone(), paths }))
}

struct Bills {
    name: String,
    paths: Paths,
}

impl Source for Bills {
    fn poll<'a>(&'a self, cursor: &'a Cursor, _now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        let (name, paths, cursor) = (self.name.clone(), self.paths.clone(), cursor.clone());
        Box::pin(off_thread(move || poll(&name, &paths, &cursor)))
    }

    fn watch(&self) -> Vec<std::path::PathBuf> {
        self.paths.watch()
    }
}

/// Rows by billing period and provider (`2026-09-01/AWS`).
type Rows = BTreeMap<String, u64>;

/// How far a file has been read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Bill {
    inode: u64,
    size: u64,
    modified: Time,
    /// Revision of its rows: never goes back, even when an older file is put in its place.
    revised: Time,
    /// Bytes of text taken in: the start of a row.
    offset: u64,
    /// Bytes of the file taken in, about: fewer than the text's when it is packed.
    #[serde(default)]
    taken: u64,
    /// Taken in to its end.
    #[serde(default)]
    whole: bool,
    /// Lines taken in.
    line: u64,
    /// Rows taken in.
    rows: Rows,
    /// Rows that earlier readings left in the store.
    before: Rows,
    /// Rows that could not be read, and what is wrong with the first.
    faults: (u64, String),
    /// As a whole it is not a bill; not read again until it changes.
    broken: bool,
}

fn poll(source: &str, paths: &Paths, cursor: &Cursor) -> Result<Batch, SourceError> {
    let mut known: BTreeMap<String, Bill> = serde_json::from_str(&cursor.0).unwrap_or_default();
    let mut found = paths.find()?;
    not_twice(&mut found);
    let problems = found.problems;
    let mut out = Out { source, records: Vec::new(), left: STEP_ROWS };
    let mut more = false;
    let mut next = BTreeMap::new();
    for file in &found.files {
        let mut bill = known.remove(&file.name).unwrap_or_default();
        let goes_on = (bill.inode, bill.size, bill.modified) == (file.inode, file.size, file.modified);
        if !goes_on {
            bill = bill.restated(file);
        }
        if !bill.broken && !bill.whole && out.left > 0 {
            bill.read(file, &mut out).unwrap_or_else(|wrong| bill.give_up(format!("{}:{wrong}", file.name)));
        }
        // Of a file that cannot be read nothing is withdrawn.
        if !bill.broken {
            if bill.whole {
                bill.withdraw(&file.name, &mut out, |_| true);
            }
            more |= !bill.whole || bill.has_leftovers();
        }
        next.insert(file.name.clone(), bill);
    }
    if let Some(first) = next.values().next().filter(|_| next.values().all(|b: &Bill| b.broken)) {
        return Err(SourceError::Malformed(first.faults.1.clone()));
    }
    let billed: BTreeSet<String> = next.values().flat_map(|b: &Bill| b.rows.keys().cloned()).collect();
    for (name, mut gone) in known {
        if !gone.rows.is_empty() {
            gone.revised += chrono::Duration::seconds(1);
        }
        for (part, rows) in std::mem::take(&mut gone.rows) {
            let before = gone.before.entry(part).or_default();
            *before = rows.max(*before);
        }
        gone.withdraw(&name, &mut out, |part| billed.contains(part));
        more |= gone.before.keys().any(|part| billed.contains(part));
        if !gone.before.is_empty() {
            // Still in the store: kept in mind as what an earlier reading left there.
            next.insert(name, Bill { before: gone.before, revised: gone.revised, ..Bill::default() });
        }
    }
    Ok(out.batch(&found.files, &next, &problems, more))
}

/// A bill that lies there packed and plain is one bill: the plain one is read.
fn not_twice(found: &mut Found) {
    let plain: BTreeSet<String> = found.files.iter().map(|f| f.name.clone()).collect();
    found.files.retain(|file| {
        let twin = file.name.strip_suffix(".gz").filter(|name| plain.contains(*name));
        if let Some(twin) = twin {
            found.problems.push(format!("{} is not read: {twin} is beside it", file.name));
        }
        twin.is_none()
    });
}

/// Records on their way out, within the bound of one step.
struct Out<'a> {
    source: &'a str,
    records: Vec<Record>,
    left: usize,
}

impl Out<'_> {
    fn push(&mut self, id: String, revised: Time, body: Body) {
        let deleted = body == Body::Other;
        self.records.push(Record { updated_at: Some(revised), deleted, ..Record::new(self.source, id, body) });
        self.left -= 1;
    }

    fn batch(self, files: &[FoundFile], bills: &BTreeMap<String, Bill>, problems: &[String], more: bool) -> Batch {
        let rows: u64 = bills.values().flat_map(|b| b.rows.values()).sum();
        let read = format!("{rows} rows in {} file{}", files.len(), if files.len() == 1 { "" } else { "s" });
        let bad: u64 = bills.values().map(|b| b.faults.0).sum();
        let first = bills.values().find(|b| b.faults.0 > 0).map(|b| b.faults.1.clone()).or_else(|| problems.first().cloned());
        let message = match (first, bad) {
            (None, _) => read,
            (Some(first), 0 | 1) => format!("partial: {first}; {read}"),
            (Some(first), n) => format!("partial: {first} and {} more; {read}", n - 1),
        };
        let done = bills.values().map(|b| if b.whole { b.size } else { b.taken }).sum();
        let total = files.iter().map(|f| f.size).sum();
        Batch {
            records: self.records,
            cursor: Cursor(serde_json::to_string(bills).unwrap_or_default()),
            more,
            progress: more.then_some(Progress { done, total: Some(total) }),
            message,
            ..Batch::default()
        }
    }
}

impl Bill {
    /// The same bill, to be read again from its start.
    fn restated(self, file: &FoundFile) -> Self {
        let mut before = self.before;
        for (part, rows) in self.rows {
            let entry = before.entry(part).or_default();
            *entry = rows.max(*entry);
        }
        let revised = if before.is_empty() { file.modified } else { file.modified.max(self.revised + chrono::Duration::seconds(1)) };
        Self { inode: file.inode, size: file.size, modified: file.modified, revised, before, ..Self::default() }
    }

    /// Rows of an earlier reading that are no more.
    fn has_leftovers(&self) -> bool {
        self.before.iter().any(|(part, before)| *before > self.rows.get(part).copied().unwrap_or_default())
    }

    /// Withdraw rows that are no more, of the parts that `now` says, as far as the step allows.
    fn withdraw(&mut self, name: &str, out: &mut Out<'_>, now: impl Fn(&str) -> bool) {
        for (part, before) in &mut self.before {
            let rows = self.rows.get(part).copied().unwrap_or_default();
            while now(part) && *before > rows && out.left > 0 {
                *before -= 1;
                out.push(format!("{name}/{part}/{before}"), self.revised, Body::Other);
            }
        }
        let rows = &self.rows;
        self.before.retain(|part, before| *before > rows.get(part).copied().unwrap_or_default());
    }

    /// Read on, a step's worth of rows.
    ///
    /// # Errors
    /// `line: what was expected`, when the file as a whole is not a bill.
    fn read(&mut self, file: &FoundFile, out: &mut Out<'_>) -> Result<(), String> {
        let whole = |e: std::io::Error| format!("1: {e}");
        let open = File::open(&file.path).map_err(whole)?;
        let (names, start, delimiter) = header(packed::open(&open, file.size, 0).map_err(whole)?)?;
        let header = Header::of(&names).map_err(|why| format!("1: {why}"))?;
        if self.offset < start {
            (self.offset, self.line) = (start, 1);
        }
        let rest = packed::open(&open, file.size, self.offset).map_err(|e| format!("{}: {e}", self.line))?;
        let mut reader = csv_reader(delimiter, rest.take(STEP_BYTES + 2 * MAX_ROW));
        let (from, first_line) = (self.offset, self.line);
        let mut row = ByteRecord::new();
        while out.left > 0 && self.offset - from < STEP_BYTES {
            let line = first_line + reader.position().line();
            match reader.read_byte_record(&mut row) {
                Ok(true) => {}
                Ok(false) => {
                    self.whole = true;
                    break;
                }
                Err(error) => return Err(format!("{line}: {}", clean_to(&error.to_string(), 160))),
            }
            let bytes = reader.position().byte();
            if from + bytes - self.offset > MAX_ROW {
                return Err(format!("{line}: a row of more than {} MiB; is a quote not closed?", MAX_ROW >> 20));
            }
            self.offset = from + bytes;
            self.line = first_line + reader.position().line() - 1;
            match header.read(&row) {
                Ok((cost, aside)) => {
                    self.take(&file.name, cost, out);
                    if let Some(aside) = aside {
                        self.fault(&file.name, line, &aside);
                    }
                }
                Err(why) => self.fault(&file.name, line, &why),
            }
        }
        self.taken = (&open).stream_position().map_err(whole)?.min(self.size);
        Ok(())
    }

    fn give_up(&mut self, wrong: String) {
        self.broken = true;
        self.faults = (1, wrong);
    }

    fn take(&mut self, name: &str, mut cost: CostLine, out: &mut Out<'_>) {
        let period = cost.billing_period_start.or(cost.charge_period_start).map(|t| t.format("%Y-%m-%d").to_string());
        let provider = clean_to(cost.provider_name.as_deref().unwrap_or("-"), 60).replace('/', " ");
        let part = format!("{}/{provider}", period.unwrap_or_default());
        cost.estimated = cost.billing_period_end.is_some_and(|end| end > self.modified);
        let rows = self.rows.entry(part.clone()).or_default();
        out.push(format!("{name}/{part}/{rows}"), self.revised, Body::CostLine(cost));
        *rows += 1;
    }

    fn fault(&mut self, name: &str, line: u64, why: &str) {
        if self.faults.0 == 0 {
            self.faults.1 = format!("{name}:{line}: {why}");
        }
        self.faults.0 += 1;
    }
}

fn csv_reader<R: Read>(delimiter: u8, from: R) -> csv::Reader<R> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(from)
}

/// The header's names, where the rows begin, and the delimiter: a comma, else a semicolon or a tab.
fn header(text: impl Read) -> Result<(ByteRecord, u64, u8), String> {
    let mut head = Vec::new();
    text.take(MAX_HEADER).read_to_end(&mut head).map_err(|e| format!("1: {e}"))?;
    let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = &head[bom..];
    if text.is_empty() {
        return Err("1: the file is empty; expected the header of a FOCUS bill".into());
    }
    let end = text.iter().position(|b| *b == b'\n').ok_or("1: the header has no end; expected the header of a FOCUS bill")?;
    let first = &text[..end];
    let delimiter = [b',', b';', b'\t'].into_iter().find(|d| first.contains(d)).unwrap_or(b',');
    let mut names = ByteRecord::new();
    let mut reader = csv_reader(delimiter, first);
    reader.read_byte_record(&mut names).map_err(|e| format!("1: {}", clean_to(&e.to_string(), 160)))?;
    Ok((names, (bom + end + 1) as u64, delimiter))
}

/// Read a bill outside of any source, for `import`: every row, and `name:line: what was expected` for each that is none.
///
/// # Errors
/// When the file as a whole is not a bill.
pub fn import(path: &std::path::Path, source: &str) -> Result<(Vec<Record>, Vec<String>), String> {
    let name = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|e| format!("{name}: {e}"))?;
    let modified = meta.modified().map(Time::from).map_err(|e| format!("{name}: {e}"))?;
    let shown = path.file_name().map_or_else(|| name.clone(), |n| n.to_string_lossy().into_owned());
    let file = FoundFile { path: path.to_owned(), name: shown, size: meta.len(), modified, inode: 0 };
    let mut bill = Bill::default().restated(&file);
    let mut out = Out { source, records: Vec::new(), left: usize::MAX };
    bill.read(&file, &mut out).map_err(|wrong| format!("{name}:{wrong}"))?;
    let faults = match bill.faults {
        (0, _) => Vec::new(),
        (1, first) => vec![first],
        (n, first) => vec![first, format!("{name}: and {} rows more that could not be read", n - 1)],
    };
    Ok((out.records, faults))
}
