//! llvm-cov's JSON export: the totals it says itself, per `data` entry.

use serde::Deserialize;

use super::report::{Coverage, Wrong};

/// One entry of `data`.
#[derive(Deserialize)]
pub struct Export {
    totals: Option<Totals>,
}

#[derive(Deserialize)]
struct Totals {
    lines: Count,
    branches: Option<Count>,
}

#[derive(Deserialize, Clone, Copy)]
struct Count {
    count: u64,
    covered: u64,
}

/// Sum the entries (there is one, unless exports were joined).
///
/// # Errors
/// When no entry has totals.
pub fn read(data: &[Export]) -> Result<Coverage, Wrong> {
    let mut coverage = Coverage { tool: "llvm-cov", ..Coverage::default() };
    let mut branches = (0_u64, 0_u64);
    let mut any = false;
    for totals in data.iter().filter_map(|e| e.totals.as_ref()) {
        any = true;
        add(&mut coverage.lines, totals.lines);
        if let Some(count) = totals.branches {
            add(&mut branches, count);
        }
    }
    if !any {
        return Err(Wrong::at(1, "expected `data[0].totals.lines`"));
    }
    // Without branch instrumentation the count is 0, which is not a share of 0.
    coverage.branches = (branches.0 > 0).then_some(branches);
    Ok(coverage)
}

fn add(sum: &mut (u64, u64), count: Count) {
    sum.0 = sum.0.saturating_add(count.count);
    sum.1 = sum.1.saturating_add(count.covered.min(count.count));
}
