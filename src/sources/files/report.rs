//! What any report file boils down to, and which format a file has: told by its content, not its name.

use std::io::{BufRead, Read};

use super::{cobertura, go_cover, jacoco, junit, lcov, llvm_cov, sarif, xml::Elements};
use crate::domain::{Time, text::clean_to};

/// Counts of covered things; absent branches mean the report does not count them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coverage {
    /// Which kind of coverage: kinds that count differently are not one number.
    pub tool: &'static str,
    /// Lines (or statements) there are, and those that ran.
    pub lines: (u64, u64),
    /// Branches there are, and those that were taken.
    pub branches: Option<(u64, u64)>,
    /// When it was measured, when the report says so in a way to trust.
    pub at: Option<Time>,
}

/// One test report.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tests {
    /// Name of the root suite; empty when there is none.
    pub suite: String,
    /// Test cases, all of them.
    pub tests: u64,
    /// Of these: an assertion did not hold.
    pub failed: u64,
    /// Of these: something else broke.
    pub errored: u64,
    /// Of these: not run.
    pub skipped: u64,
    /// Of these: passed after failing.
    pub flaky: u64,
    /// Wall time.
    pub duration_s: Option<f64>,
    /// When it ran, when the report says so with a zone.
    pub at: Option<Time>,
}

/// Findings of one analyser, by level.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The analyser's name.
    pub tool: String,
    /// Open findings by level; the usual levels are there even when none was found.
    pub levels: std::collections::BTreeMap<String, u64>,
    /// When it ran.
    pub at: Option<Time>,
}

/// What a file reports.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// Coverage.
    Coverage(Coverage),
    /// Tests.
    Tests(Tests),
    /// Findings, one per analyser.
    Findings(Vec<Findings>),
}

impl Report {
    /// The format's name, for messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Coverage(c) => c.tool,
            Self::Tests(_) => "junit",
            Self::Findings(_) => "sarif",
        }
    }
}

/// What is wrong with a file: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// From 1; 0 when it is about the whole file.
    pub line: u64,
    /// What was expected.
    pub what: String,
}

impl Wrong {
    pub fn at(line: u64, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }

    /// `name:line: what`.
    pub fn in_file(&self, name: &str) -> String {
        if self.line == 0 { format!("{name}: {}", self.what) } else { format!("{name}:{}: {}", self.line, self.what) }
    }
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Self {
        Self::at(0, error.to_string())
    }
}

/// Formats by the word in the config.
pub const FORMATS: [&str; 7] = ["lcov", "cobertura", "jacoco", "llvm-cov", "go", "junit", "sarif"];

/// Read a report. `format` is one of [`FORMATS`], or absent: told from the content.
///
/// # Errors
/// Where it stops being a report, and what was expected there.
pub fn read(mut input: impl BufRead, format: Option<&str>) -> Result<Report, Wrong> {
    // A byte order mark is the first thing there is, or absent.
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let head: Vec<u8> = input.fill_buf()?.iter().copied().skip_while(u8::is_ascii_whitespace).take(64).collect();
    let found = match head.first() {
        None => return Err(Wrong::at(0, "the file is empty")),
        Some(b'<') => "xml",
        Some(b'{') => "json",
        _ if head.starts_with(b"mode:") => "go",
        _ if head.starts_with(b"TN:") || head.starts_with(b"SF:") || head.starts_with(b"#") => "lcov",
        _ => {
            let start = clean_to(&String::from_utf8_lossy(&head), 24);
            return Err(Wrong::at(1, format!("expected a report ({}), found `{start}`", FORMATS.join(", "))));
        }
    };
    let report = match found {
        "go" => Report::Coverage(go_cover::read(&mut input)?),
        "lcov" => Report::Coverage(lcov::read(&mut input)?),
        "json" => json(&mut input)?,
        _ => xml(&mut input)?,
    };
    match format {
        Some(wanted) if wanted != word_of(&report) => Err(Wrong::at(1, format!("expected {wanted}, found {}", word_of(&report)))),
        _ => Ok(report),
    }
}

fn word_of(report: &Report) -> &'static str {
    match report.word() {
        go_cover::TOOL => "go",
        word => word,
    }
}

fn xml(input: &mut dyn BufRead) -> Result<Report, Wrong> {
    let mut elements = Elements::new(input);
    let root = elements.root()?;
    match root.name.as_str() {
        "coverage" => cobertura::read(&mut elements, &root).map(Report::Coverage),
        "report" => jacoco::read(&mut elements).map(Report::Coverage),
        "testsuites" | "testsuite" => junit::read(&mut elements, &root).map(Report::Tests),
        other => Err(Wrong::at(
            elements.line(),
            format!("expected <coverage> (Cobertura), <report> (JaCoCo) or <testsuites> (JUnit), found <{}>", clean_to(other, 40)),
        )),
    }
}

/// The two kinds of JSON report, told apart by their first level.
#[derive(serde::Deserialize)]
struct Json {
    runs: Option<Vec<sarif::Run>>,
    data: Option<Vec<llvm_cov::Export>>,
}

fn json(input: &mut dyn BufRead) -> Result<Report, Wrong> {
    let json: Json = serde_json::from_reader(&mut *input).map_err(|e| {
        let text = e.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        Wrong::at(e.line() as u64, format!("column {}: {}", e.column(), clean_to(what, 160)))
    })?;
    match (json.runs, json.data) {
        (Some(runs), _) => Ok(Report::Findings(sarif::read(runs))),
        (None, Some(data)) => llvm_cov::read(&data).map(Report::Coverage),
        (None, None) => Err(Wrong::at(1, "expected `runs` (SARIF) or `data` (llvm-cov export)")),
    }
}

/// Read one line, at most `max` bytes, without its line end; `None` at the end of the input.
pub fn bounded_line<'a>(input: &mut dyn BufRead, buffer: &'a mut Vec<u8>, number: u64, max: u64) -> Result<Option<&'a str>, Wrong> {
    buffer.clear();
    let got = Read::take(&mut *input, max + 1).read_until(b'\n', buffer)? as u64;
    if got == 0 {
        return Ok(None);
    }
    if got > max {
        return Err(Wrong::at(number, format!("a line of more than {max} bytes")));
    }
    let text = std::str::from_utf8(buffer).map_err(|_| Wrong::at(number, "not UTF-8 text"))?;
    Ok(Some(text.trim()))
}
