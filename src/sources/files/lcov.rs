//! lcov tracefiles: `SF:` … `end_of_record` per source file.
//!
//! Lines and branches are counted from `DA` and `BRDA`; the totals `LF`/`LH` and `BRF`/`BRH` may be absent or wrong and
//! are used only for files without a single `DA` (or `BRDA`). A source file that appears again (one test run each) is
//! merged: a line ran when it ran in any. `BRDA` with `-` is a branch that was never reached. A record without its
//! `end_of_record` means the file is still being written or was cut off.

use std::{collections::HashMap, io::BufRead};

use super::report::{Coverage, Wrong, bounded_line};

/// Function names can be long; nothing else is.
const MAX_LINE: u64 = 1 << 20;

/// One source file.
#[derive(Default)]
struct Source {
    /// Line → it ran.
    lines: HashMap<u32, bool>,
    /// Line, block and branch → it was taken.
    branches: HashMap<(u32, String), bool>,
    /// `LF`, `LH`, `BRF`, `BRH`.
    totals: [u64; 4],
}

/// Read a tracefile.
///
/// # Errors
/// A line that is none of lcov's, or the end within a record.
pub fn read(input: &mut dyn BufRead) -> Result<Coverage, Wrong> {
    let mut sources: HashMap<String, Source> = HashMap::new();
    let mut open: Option<(String, u64)> = None;
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = bounded_line(input, &mut buffer, number + 1, MAX_LINE)? {
        number += 1;
        if line == "end_of_record" {
            open = None;
        } else if let Some(name) = line.strip_prefix("SF:") {
            if let Some((_, since)) = open {
                return Err(Wrong::at(number, format!("expected `end_of_record` of the record begun in line {since}")));
            }
            open = Some((name.to_owned(), number));
            sources.entry(name.to_owned()).or_default();
        } else if let Some((name, _)) = &open {
            // Just inserted, so it is there.
            if let Some(source) = sources.get_mut(name) {
                source.take(line).map_err(|expected| Wrong::at(number, expected))?;
            }
        } else if !line.is_empty() && !line.starts_with("TN:") && !line.starts_with('#') {
            return Err(Wrong::at(number, "expected `TN:` or `SF:`"));
        }
    }
    if let Some((_, since)) = open {
        return Err(Wrong::at(number, format!("the file ends within the record begun in line {since}; it is cut off or being written")));
    }
    if sources.is_empty() {
        return Err(Wrong::at(number, "no source file in it (`SF:`)"));
    }
    let mut coverage = Coverage { tool: "lcov", ..Coverage::default() };
    let mut branches = (0, 0);
    for source in sources.values() {
        let lines = counted(source.lines.values(), (source.totals[0], source.totals[1]));
        let taken = counted(source.branches.values(), (source.totals[2], source.totals[3]));
        coverage.lines = (coverage.lines.0 + lines.0, coverage.lines.1 + lines.1);
        branches = (branches.0 + taken.0, branches.1 + taken.1);
    }
    coverage.branches = (branches.0 > 0).then_some(branches);
    Ok(coverage)
}

fn counted<'a>(each: impl ExactSizeIterator<Item = &'a bool>, said: (u64, u64)) -> (u64, u64) {
    if each.len() == 0 { (said.0, said.1.min(said.0)) } else { (each.len() as u64, each.filter(|hit| **hit).count() as u64) }
}

impl Source {
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let Some((key, rest)) = line.split_once(':') else {
            return if line.is_empty() { Ok(()) } else { Err("expected an entry such as `DA:12,3` or `end_of_record`") };
        };
        match key {
            "DA" => {
                let mut parts = rest.split(',');
                let (line, hits) = (parts.next().and_then(number), parts.next().map(str::trim));
                let (Some(line), Some(hits)) = (line, hits) else { return Err("expected `DA:<line>,<hits>`") };
                // gcov can count below zero and lcov write `=====`: neither ran for sure.
                let ran = hits.parse::<f64>().is_ok_and(|n| n > 0.0);
                *self.lines.entry(line).or_default() |= ran;
            }
            "BRDA" => {
                let parsed = rest.split_once(',').zip(rest.rsplit_once(','));
                let Some(((line, _), (which, taken))) = parsed else { return Err("expected `BRDA:<line>,<block>,<branch>,<taken>`") };
                let Some(line) = number(line) else { return Err("expected a line number in `BRDA`") };
                let was_taken = taken.trim().parse::<f64>().is_ok_and(|n| n > 0.0);
                *self.branches.entry((line, which.to_owned())).or_default() |= was_taken;
            }
            "LF" | "LH" | "BRF" | "BRH" => {
                let Ok(total) = rest.trim().parse::<u64>() else { return Err("expected a count") };
                let at = ["LF", "LH", "BRF", "BRH"].iter().position(|k| *k == key).unwrap_or_default();
                self.totals[at] = self.totals[at].max(total);
            }
            _ => {} // functions, versions, and what later versions may add
        }
        Ok(())
    }
}

fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}
