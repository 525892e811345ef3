//! Cobertura XML, as many tools write it.
//!
//! The root's `lines-valid`/`lines-covered` are the tool's own counts and are taken; `line-rate` is rounded and is not.
//! Old tools leave the counts out: then the `<line>` elements of the classes are counted, each line of a file once
//! however many classes (nested, partial, generic) share it, and branches from `condition-coverage="50% (1/2)"`.

use std::collections::HashMap;

use super::{
    report::{Coverage, Wrong},
    xml::{Element, Elements, Next},
};
use crate::domain::Time;

/// Years a time stamp may lie in to be believed, as seconds: 2005 to 2100.
const BELIEVED: std::ops::Range<i64> = 1_104_537_600..4_102_444_800;

/// Read the rest of a document whose root is `root`.
///
/// # Errors
/// When it is cut off, or is another tool's `<coverage>`.
pub fn read(elements: &mut Elements<'_>, root: &Element) -> Result<Coverage, Wrong> {
    if root.get("line-rate").is_none() && root.get("lines-valid").is_none() {
        return Err(Wrong::at(elements.line(), "expected Cobertura's <coverage line-rate=…>; this <coverage> is another tool's"));
    }
    let mut counted = Counted::default();
    let mut file = String::new();
    while let Some(next) = elements.next()? {
        let Next::Open(element) = next else { continue };
        match element.name.as_str() {
            "class" => element.get("filename").or(element.get("name")).unwrap_or_default().clone_into(&mut file),
            // Methods list their lines a second time.
            "line" if !elements.path().iter().any(|name| name == "method") => counted.take(&file, &element),
            _ => {}
        }
    }
    let said = |valid: &str, covered: &str| {
        let valid = root.count(valid)?;
        Some((valid, root.count(covered)?.min(valid)))
    };
    let (lines, branches) = counted.sums();
    Ok(Coverage {
        tool: "cobertura",
        lines: said("lines-valid", "lines-covered").filter(|said| said.0 > 0 || lines.0 == 0).unwrap_or(lines),
        branches: Some(said("branches-valid", "branches-covered").unwrap_or(branches)).filter(|b| b.0 > 0),
        at: root.get("timestamp").and_then(instant),
    })
}

/// Seconds or milliseconds since 1970, when believable.
fn instant(text: &str) -> Option<Time> {
    let number: i64 = text.trim().parse().ok()?;
    [number, number / 1000].into_iter().find(|s| BELIEVED.contains(s)).and_then(|s| Time::from_timestamp(s, 0))
}

/// Lines by file and number: whether they ran, and branches there and taken.
#[derive(Default)]
struct Counted {
    files: HashMap<String, HashMap<u64, (bool, u64, u64)>>,
}

impl Counted {
    fn take(&mut self, file: &str, line: &Element) {
        let Some(number) = line.count("number") else { return };
        let ran = line.get("hits").and_then(|h| h.trim().parse::<f64>().ok()).is_some_and(|h| h > 0.0);
        let conditions = line.get("condition-coverage").and_then(conditions).unwrap_or_default();
        if !self.files.contains_key(file) {
            self.files.insert(file.to_owned(), HashMap::new());
        }
        let Some(lines) = self.files.get_mut(file) else { return };
        let entry = lines.entry(number).or_default();
        *entry = (entry.0 || ran, entry.1.max(conditions.1), entry.2.max(conditions.0));
    }

    fn sums(&self) -> ((u64, u64), (u64, u64)) {
        let (mut lines, mut branches) = ((0, 0), (0, 0));
        for (ran, there, taken) in self.files.values().flat_map(HashMap::values) {
            lines = (lines.0 + 1, lines.1 + u64::from(*ran));
            branches = (branches.0 + there, branches.1 + taken.min(there));
        }
        (lines, branches)
    }
}

/// `50% (1/2)` → (1, 2).
fn conditions(text: &str) -> Option<(u64, u64)> {
    let (taken, there) = text.split_once('(')?.1.split_once(')')?.0.split_once('/')?;
    Some((taken.trim().parse().ok()?, there.trim().parse().ok().filter(|n| *n < 1 << 32)?))
}
