//! Go cover profiles: `mode: set|count|atomic`, then one block per line.
//!
//! Go weighs **statements**, not lines: a block counts with the number of statements in it, so this is a kind of
//! coverage of its own. With `-coverpkg` every package's tests list the same blocks again: a block ran when it ran in any.

use std::{collections::HashMap, io::BufRead};

use super::report::{Coverage, Wrong, bounded_line};

/// Name of this kind of coverage.
pub const TOOL: &str = "go-statements";

/// Read a profile.
///
/// # Errors
/// A line that is no block.
pub fn read(input: &mut dyn BufRead) -> Result<Coverage, Wrong> {
    let mut blocks: HashMap<String, (u64, bool)> = HashMap::new();
    let mut buffer = Vec::new();
    let mut number = 0;
    while let Some(line) = bounded_line(input, &mut buffer, number + 1, 1 << 16)? {
        number += 1;
        if line.is_empty() || line.starts_with("mode:") {
            continue; // joined profiles repeat the mode
        }
        let Some((block, statements, ran)) = block(line) else {
            return Err(Wrong::at(number, "expected `file.go:12.3,14.2 <statements> <count>`"));
        };
        let entry = blocks.entry(block.to_owned()).or_insert((statements, false));
        entry.1 |= ran;
    }
    let whole = blocks.values().map(|(n, _)| n).sum();
    let covered = blocks.values().filter(|(_, ran)| *ran).map(|(n, _)| n).sum();
    Ok(Coverage { tool: TOOL, lines: (whole, covered), branches: None, at: None })
}

fn block(line: &str) -> Option<(&str, u64, bool)> {
    let (rest, count) = line.rsplit_once(' ')?;
    let (block, statements) = rest.rsplit_once(' ')?;
    let (_, span) = block.rsplit_once(':')?;
    let (from, to) = span.split_once(',')?;
    (from.contains('.') && to.contains('.')).then_some(())?;
    let statements: u64 = statements.parse().ok().filter(|n| *n < 1 << 32)?;
    Some((block, statements, count.parse::<u64>().ok()? > 0))
}
