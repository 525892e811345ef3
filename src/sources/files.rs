//! Kind `files`: coverage, test and analysis reports that a build leaves on disk.
//!
//! lcov, Cobertura, JaCoCo, llvm-cov JSON and Go profiles become `quality` records with line and branch counts, SARIF
//! `quality` records with findings by level, JUnit `test_run` records. The format is told from the content. A file that
//! is written again is a new measurement beside the old one, so there is a trend; an unchanged file is not read again.
//! The event time is the report's own when it says one with a zone, else the file's last change. Needs no rights but to
//! read the files.

mod cobertura;
mod go_cover;
mod jacoco;
mod junit;
mod lcov;
mod llvm_cov;
mod report;
mod sarif;
mod xml;

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, time::Duration};

use report::{Coverage, FORMATS, Findings, Report, Tests, Wrong};
use serde::{Deserialize, Serialize};

use super::{
    Batch, Cursor, Fut, Kind, Settings, Source, SourceError,
    paths::{FoundFile, Paths, Patterns, off_thread},
};
use crate::{
    config::Fault,
    domain::{
        Time,
        record::{Body, Kind as RecordKind, Quality, Record, TestRun},
        text::clean,
    },
};

/// Row of the table of kinds.
pub const KIND: Kind = Kind {
    name: "files",
    summary: "reports on disk: coverage (lcov, Cobertura, JaCoCo, llvm-cov, Go), JUnit, SARIF; read again when they change",
    example: r#"[[source]]
name = "reports"
kind = "files"
path = ["coverage/lcov.info", "target/surefire-reports/*.xml", "**/*.sarif"]
# project = "shop"                # what the measurements are of; default: the source's name
# branch = "main"                 # default: none is named
# sha_env = "GIT_COMMIT"          # variable with the measured commit; or a file beside each report:
# sha_file = "commit.txt"
# suite = "unit"                  # name of the test runs; default: the report's own
# format = "lcov"                 # only when the content must be this; default: told from the content
"#,
    feeds: &[RecordKind::Quality, RecordKind::TestRun],
    every: Duration::from_secs(60),
    build,
};

/// A larger file is not read.
const MAX_BYTES: u64 = 256 << 20;
/// What is read in a directory that is named without a pattern.
const IN_DIRECTORY: [&str; 7] = ["*.info", "*.lcov", "*.xml", "*.sarif", "*.sarif.json", "*cov*.json", "*.coverprofile"];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(alias = "paths")]
    path: Patterns,
    project: Option<String>,
    branch: Option<String>,
    suite: Option<String>,
    sha_env: Option<String>,
    sha_file: Option<String>,
    format: Option<String>,
}

fn build(settings: &Settings) -> Result<Box<dyn Source>, Vec<Fault>> {
    let own: Own = settings.own.read()?;
    if let Some(format) = own.format.as_deref().filter(|f| !FORMATS.contains(f)) {
        let message = format!("unknown format `{}`; expected one of {}", clean(format), FORMATS.join(", "));
        return Err(vec![settings.own.fault_at("format", message)]);
    }
    let paths = Paths::new(&settings.own, "path", &own.path, &IN_DIRECTORY)?;
    // A file named alone is the project's; of many, each measures a part.
    let alone = matches!(own.path.0.as_slice(), [one] if !one.contains(['*', '?', '[', '{']));
    let naming = Naming { source: settings.name.clone(), own, alone };
    Ok(Box::new(Files { naming, paths }))
}

struct Files {
    naming: Naming,
    paths: Paths,
}

impl Source for Files {
    fn poll<'a>(&'a self, cursor: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        let (naming, paths, cursor) = (self.naming.clone(), self.paths.clone(), cursor.clone());
        Box::pin(off_thread(move || poll(&naming, &paths, &cursor, now)))
    }

    fn watch(&self) -> Vec<std::path::PathBuf> {
        self.paths.watch()
    }
}

/// A file as it was when it was last read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    inode: u64,
    size: u64,
    modified: Time,
    /// Its format, or why it could not be read.
    said: Result<String, String>,
}

fn poll(naming: &Naming, paths: &Paths, cursor: &Cursor, now: Time) -> Result<Batch, SourceError> {
    let mut before: BTreeMap<String, Seen> = serde_json::from_str(&cursor.0).unwrap_or_default();
    let found = paths.find()?;
    let mut next = BTreeMap::new();
    let mut records = Vec::new();
    let mut problems = found.problems;
    for file in &found.files {
        let seen = match before.remove(&file.name) {
            Some(seen) if (seen.inode, seen.size, seen.modified) == (file.inode, file.size, file.modified) => seen,
            _ => {
                let said = match read_file(&file.path, file.size, naming.own.format.as_deref()) {
                    Ok(report) => {
                        let word = report.word().to_owned();
                        records.extend(naming.records(report, file, now));
                        Ok(word)
                    }
                    Err(wrong) => Err(wrong.in_file(&file.name)),
                };
                Seen { inode: file.inode, size: file.size, modified: file.modified, said }
            }
        };
        next.insert(file.name.clone(), seen);
    }
    let mut formats: BTreeMap<&str, usize> = BTreeMap::new();
    for seen in next.values() {
        match &seen.said {
            Ok(word) => *formats.entry(word).or_default() += 1,
            Err(problem) => problems.push(problem.clone()),
        }
    }
    if formats.is_empty() {
        // Nothing is readable: an error, and nothing is remembered, so that it is tried again.
        return Err(SourceError::Malformed(sum_up(&problems)));
    }
    let read = formats.iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    Ok(Batch {
        records,
        cursor: Cursor(serde_json::to_string(&next).unwrap_or_default()),
        message: if problems.is_empty() { read } else { format!("partial: {}; {read}", sum_up(&problems)) },
        ..Batch::default()
    })
}

fn sum_up(problems: &[String]) -> String {
    match problems {
        [] => "nothing could be read".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// Read one report of `size` bytes.
fn read_file(path: &Path, size: u64, format: Option<&str>) -> Result<Report, Wrong> {
    if size > MAX_BYTES {
        return Err(Wrong::at(0, format!("{} MiB; reports of more than {} MiB are not read", size >> 20, MAX_BYTES >> 20)));
    }
    let file = File::open(path)?;
    // A file that grows while it is read ends where it ended when it was found.
    let report = report::read(BufReader::with_capacity(128 << 10, std::io::Read::take(&file, size)), format)?;
    if file.metadata()?.len() != size {
        return Err(Wrong::at(0, "it grew while it was read; it is read again at the next poll"));
    }
    Ok(report)
}

/// Read a report file outside of any source, for `import`.
///
/// # Errors
/// `name:line: what was expected`.
pub fn import(path: &Path, source: &str, now: Time) -> Result<Vec<Record>, String> {
    let name = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|e| format!("{name}: {e}"))?;
    let modified = meta.modified().map_or(now, Time::from);
    let report = read_file(path, meta.len(), None).map_err(|wrong| wrong.in_file(&name))?;
    let own = Own { path: Patterns(Vec::new()), project: None, branch: None, suite: None, sha_env: None, sha_file: None, format: None };
    let file = FoundFile { path: path.to_owned(), name, size: meta.len(), modified, inode: 0 };
    Ok(Naming { source: source.to_owned(), own, alone: false }.records(report, &file, now))
}

/// What the records of a source are called.
#[derive(Debug, Clone)]
struct Naming {
    source: String,
    own: Own,
    /// There is only one file.
    alone: bool,
}

impl Naming {
    fn records(&self, report: Report, file: &FoundFile, now: Time) -> Vec<Record> {
        let sha = self.sha(&file.path);
        match report {
            Report::Coverage(coverage) => vec![self.coverage(&coverage, file, sha, now)],
            Report::Tests(tests) => vec![self.tests(tests, file, sha, now)],
            Report::Findings(all) => all.into_iter().map(|findings| self.findings(findings, file, sha.clone(), now)).collect(),
        }
    }

    fn coverage(&self, coverage: &Coverage, file: &FoundFile, sha: Option<String>, now: Time) -> Record {
        let body = Quality {
            tool: Some(coverage.tool.to_owned()),
            lines_to_cover: Some(coverage.lines.0 as f64),
            covered_lines: Some(coverage.lines.1 as f64),
            conditions_to_cover: coverage.branches.map(|b| b.0 as f64),
            covered_conditions: coverage.branches.map(|b| b.1 as f64),
            ..self.quality(file, sha)
        };
        self.record(file, "", coverage.at, now, Body::Quality(body))
    }

    fn findings(&self, findings: Findings, file: &FoundFile, sha: Option<String>, now: Time) -> Record {
        let issues = findings.levels.into_iter().map(|(level, n)| (level, n as f64)).collect();
        let body = Quality { tool: Some(findings.tool.clone()), issues, ..self.quality(file, sha) };
        self.record(file, &format!("#{}", findings.tool), findings.at, now, Body::Quality(body))
    }

    fn tests(&self, tests: Tests, file: &FoundFile, sha: Option<String>, now: Time) -> Record {
        let named = self.own.suite.clone().or(Some(tests.suite).filter(|s| !s.is_empty()));
        let body = TestRun {
            suite: named.unwrap_or_else(|| file.name.clone()),
            sha,
            tests: tests.tests as f64,
            failed: tests.failed as f64,
            errored: tests.errored as f64,
            skipped: tests.skipped as f64,
            flaky: tests.flaky as f64,
            duration_s: tests.duration_s,
        };
        self.record(file, "", tests.at, now, Body::TestRun(body))
    }

    fn quality(&self, file: &FoundFile, sha: Option<String>) -> Quality {
        Quality {
            project: self.own.project.clone().unwrap_or_else(|| self.source.clone()),
            component: (!self.alone).then(|| file.name.clone()),
            branch: self.own.branch.clone(),
            sha,
            ..Quality::default()
        }
    }

    /// One measurement: the file at the time it was measured. The same file written again is another one.
    fn record(&self, file: &FoundFile, part: &str, own_time: Option<Time>, now: Time, body: Body) -> Record {
        let at = own_time.filter(|t| *t <= now).unwrap_or(file.modified).min(now);
        let id = format!("{}{part}@{}", file.name, at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
        Record { ts: Some(at), updated_at: Some(file.modified.min(now)), ..Record::new(self.source.clone(), id, body) }
    }

    fn sha(&self, report: &Path) -> Option<String> {
        let beside = || {
            let mut text = String::new();
            let file = File::open(report.parent()?.join(self.own.sha_file.as_deref()?)).ok()?;
            std::io::Read::read_to_string(&mut std::io::Read::take(file, 256), &mut text).ok()?;
            Some(text)
        };
        let named = || std::env::var(self.own.sha_env.as_deref()?).ok();
        beside().or_else(named).map(|text| clean(&text)).filter(|sha| sha.len() >= 7 && sha.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}
