//! `import`: files into the store. Canonical JSON lines; or a bill, coverage, test or findings file, known by its content.
//!
//! Nothing is lost for a fault beside it: bad lines are listed with file and line, good ones are taken.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::Path,
};

use super::{
    Ended, Stop,
    args::{Global, Import},
    paths, when,
};
use crate::{
    domain::{record::Record, text::clean},
    engine::settings,
    sources::{
        clean::clean_record,
        import::{Form, form, read},
        records::{MAX_LINE, parse_line},
    },
    store::{Incoming, Store, StoreError},
};

/// Records per commit.
const BATCH: usize = 20_000;
/// Faults listed; the rest is counted.
const LISTED: usize = 50;

/// Take the files in: 0 all taken, 1 some lines were bad.
///
/// # Errors
/// [`Stop::Could`] when a file cannot be read, or the store cannot be written.
pub fn run(global: &Global, args: &Import, out: &mut dyn Write) -> Ended {
    let opened = paths::open(global, paths::Need::Store)?;
    if let Some(dir) = opened.store.parent() {
        std::fs::create_dir_all(dir).map_err(|e| Stop::Could(format!("{}: {e}", dir.display())))?;
    }
    let store = Store::open(&opened.store).map_err(|e| match e {
        StoreError::Busy(why) => {
            Stop::Could(format!("{why}; quit the monitor that writes it, or give it this file as a source of kind `records`"))
        }
        StoreError::Failed(why) => Stop::Could(why),
    })?;
    let store = store.with_zone(opened.config.zone);
    let mut taker = Taker { store, config: &opened.config, source: &args.source, batch: Vec::new(), done: Done::default() };
    let taken = args.files.iter().try_for_each(|path| taker.file(path)).and_then(|()| taker.finish());
    let done = taker.done;
    // Where a later file fails it is worth knowing what was taken before it; where nothing was, the error says it all.
    if taken.is_ok() || done.read + done.bad > 0 {
        done.report(out)?;
    }
    taken?;
    Ok(i32::from(done.bad > 0))
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Done {
    read: u64,
    changed: u64,
    unchanged: u64,
    bad: u64,
    faults: Vec<String>,
    progress_shown: bool,
}

impl Done {
    fn bad(&mut self, fault: String) {
        self.bad += 1;
        if self.faults.len() < LISTED {
            self.faults.push(fault);
        }
    }

    fn report(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut errors = io::stderr();
        if self.progress_shown {
            let _ = write!(errors, "\r\x1b[K");
        }
        for fault in &self.faults {
            let _ = writeln!(errors, "{fault}");
        }
        if self.bad > LISTED as u64 {
            let _ = writeln!(errors, "… and {} more", self.bad - LISTED as u64);
        }
        writeln!(out, "{} records read: {} new or newer, {} known already, {} bad lines", self.read, self.changed, self.unchanged, self.bad)
    }

    /// On a terminal only.
    fn progress(&mut self, path: &Path) {
        let mut errors = io::stderr();
        if errors.is_terminal() {
            self.progress_shown = true;
            let _ = write!(errors, "\r\x1b[K{}: {} records", path.display(), self.read);
        }
    }
}

struct Taker<'a> {
    store: Store,
    config: &'a crate::config::Config,
    source: &'a str,
    batch: Vec<Record>,
    done: Done,
}

impl Taker<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Stop> {
        let could = |e: io::Error| Stop::Could(format!("{}: {e}", path.display()));
        if path == Path::new("-") {
            return self.lines(Path::new("(standard input)"), io::stdin().lock());
        }
        let file = File::open(path).map_err(could)?;
        if file.metadata().map_err(could)?.is_dir() {
            return Err(Stop::Could(format!("{}: a directory; name its files", path.display())));
        }
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        match form(reader.fill_buf().map_err(could)?) {
            Form::Lines => self.lines(path, reader),
            Form::Bill | Form::Report => self.whole(path),
        }
    }

    /// Canonical JSON lines.
    fn lines(&mut self, path: &Path, mut reader: impl BufRead) -> Result<(), Stop> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line);
            if read.map_err(|e| Stop::Could(format!("{}:{number}: {e}", path.display())))? == 0 {
                break;
            }
            if line.len() as u64 > MAX_LINE && line.last() != Some(&b'\n') {
                self.done.bad(format!("{}:{number}: a line longer than {} MB; not a record", path.display(), MAX_LINE / 1024 / 1024));
                skip_line(&mut reader).map_err(|e| Stop::Could(format!("{}:{number}: {e}", path.display())))?;
                continue;
            }
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let cleaned = |mut record: Record| clean_record(&mut record).map(|()| record);
            match parse_line(text, self.source).and_then(cleaned) {
                Ok(record) => self.take(path, record)?,
                Err(why) => self.done.bad(format!("{}:{number}: {}", path.display(), clean(&why))),
            }
        }
        Ok(())
    }

    /// A bill or report of another tool, read as a whole.
    fn whole(&mut self, path: &Path) -> Result<(), Stop> {
        match read(path, self.source, when::now()) {
            Ok((records, faults)) => {
                for fault in &faults {
                    self.done.bad(clean(fault));
                }
                records.into_iter().try_for_each(|r| self.take(path, r))
            }
            Err(why) => {
                self.done.bad(clean(&why));
                Ok(())
            }
        }
    }

    fn take(&mut self, path: &Path, record: Record) -> Result<(), Stop> {
        self.done.read += 1;
        self.batch.push(record);
        if self.batch.len() >= BATCH {
            self.commit()?;
            self.done.progress(path);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Stop> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut by_source: std::collections::BTreeMap<String, Vec<Record>> = std::collections::BTreeMap::new();
        for record in self.batch.drain(..) {
            by_source.entry(record.source.clone()).or_default().push(record);
        }
        let batches: Vec<Incoming> = by_source.into_iter().map(|(source, records)| Incoming { source, records, cursor: None }).collect();
        let rules = settings::rules(self.config);
        // Derivation waits until all is in: it then sees each service once.
        let committed = self.store.commit(&batches, &self.config.roster, &rules, when::now(), false)?;
        self.done.changed += committed.changed;
        self.done.unchanged += committed.unchanged;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Stop> {
        self.commit()?;
        let rules = settings::rules(self.config);
        while self.store.derive_pending(&self.config.roster, &rules, when::now())? {}
        Ok(())
    }
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(());
        }
        let end = available.iter().position(|b| *b == b'\n');
        let used = end.map_or(available.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}
