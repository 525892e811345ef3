//! JaCoCo XML: the counters of the report itself.
//!
//! Every level repeats the counters of the levels below, so only one level may be added up: the report's own. Other
//! tools that write this format leave levels out; then the highest level that is there is taken (groups or packages,
//! else source files; never classes, which share lines).

use super::{
    report::{Coverage, Wrong},
    xml::{Element, Elements, Next},
};
use crate::domain::Time;

/// Sums of one level: lines and branches, each missed and covered.
#[derive(Default, Clone, Copy)]
struct Level {
    lines: Option<(u64, u64)>,
    branches: Option<(u64, u64)>,
}

/// Read the rest of a document whose root is `<report>`.
///
/// # Errors
/// When it is cut off or has no line counters.
pub fn read(elements: &mut Elements<'_>) -> Result<Coverage, Wrong> {
    let mut levels = [Level::default(); 4];
    let mut at = None;
    while let Some(next) = elements.next()? {
        let Next::Open(element) = next else { continue };
        match element.name.as_str() {
            "sessioninfo" => at = at.max(element.get("dump").and_then(|ms| ms.parse().ok()).and_then(Time::from_timestamp_millis)),
            "counter" => {
                if let Some(level) = level(elements.path()) {
                    levels[level].add(&element);
                }
            }
            _ => {}
        }
    }
    let Some(level) = levels.iter().find(|l| l.lines.is_some()) else {
        return Err(Wrong::at(elements.line(), "expected <counter type=\"LINE\" missed=… covered=…>"));
    };
    let whole = |(missed, covered): (u64, u64)| (missed + covered, covered);
    Ok(Coverage {
        tool: "jacoco",
        lines: whole(level.lines.unwrap_or_default()),
        branches: level.branches.map(whole).filter(|b| b.0 > 0),
        at,
    })
}

/// Which level a counter belongs to: 0 the report, 1 what is directly in it, 2 packages in groups, 3 source files.
fn level(path: &[String]) -> Option<usize> {
    let parent = path.get(path.len().checked_sub(2)?)?;
    match (parent.as_str(), path.len()) {
        ("report", 2) => Some(0),
        ("group" | "package", 3) => Some(1),
        ("package", _) => Some(2),
        ("sourcefile", _) => Some(3),
        _ => None,
    }
}

impl Level {
    fn add(&mut self, counter: &Element) {
        let sum = match counter.get("type") {
            Some("LINE") => &mut self.lines,
            Some("BRANCH") => &mut self.branches,
            _ => return,
        };
        if let (Some(missed), Some(covered)) = (counter.count("missed"), counter.count("covered")) {
            let so_far = sum.unwrap_or_default();
            *sum = Some((so_far.0.saturating_add(missed), so_far.1.saturating_add(covered)));
        }
    }
}
