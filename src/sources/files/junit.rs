//! JUnit XML in its dialects: there is no schema, so only `<testcase>` elements are believed.
//!
//! Counts in attributes may be absent or wrong and are not used. A case with `<failure>` failed, with `<error>` errored,
//! with `<skipped>` or `<disabled>` was not run; `<flakyFailure>`, `<flakyError>` and `<rerunFailure>` without a final
//! failure mean it passed on a retry. Suites nest. An empty suite is a run of no tests.

use super::{
    report::{Tests, Wrong},
    xml::{Element, Elements, Next},
};
use crate::domain::{Time, text::clean};

/// What has been seen inside the test case at hand.
#[derive(Default, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "what elements were there, each on its own")]
struct Case {
    failed: bool,
    errored: bool,
    skipped: bool,
    retried: bool,
}

/// Read the rest of a document whose root is `root`.
///
/// # Errors
/// When it is cut off.
pub fn read(elements: &mut Elements<'_>, root: &Element) -> Result<Tests, Wrong> {
    let mut tests = Tests { suite: clean(root.get("name").unwrap_or_default()), at: at(root), ..Tests::default() };
    let mut suites: Vec<String> = Vec::new();
    let (mut of_suites, mut of_cases) = (0.0, 0.0);
    let mut case: Option<Case> = None;
    while let Some(next) = elements.next()? {
        match next {
            Next::Open(element) => match (element.name.as_str(), &mut case) {
                ("testsuite", _) => {
                    tests.at = tests.at.max(at(&element));
                    if elements.path().len() == 2 {
                        of_suites += seconds(&element).unwrap_or_default();
                        suites.extend(element.get("name").map(clean));
                    }
                }
                ("testcase", _) => {
                    of_cases += seconds(&element).unwrap_or_default();
                    case = Some(Case { skipped: not_run(&element), ..Case::default() });
                }
                ("failure", Some(case)) => case.failed = true,
                ("error", Some(case)) => case.errored = true,
                ("skipped" | "disabled" | "ignored", Some(case)) => case.skipped = true,
                ("flakyFailure" | "flakyError" | "rerunFailure" | "rerunError", Some(case)) => case.retried = true,
                _ => {}
            },
            Next::Close(name) if name == "testcase" => tests.count(case.take().unwrap_or_default()),
            Next::Close(_) => {}
        }
    }
    if tests.suite.is_empty() && suites.len() == 1 {
        tests.suite = suites.remove(0);
    }
    tests.duration_s = [seconds(root), Some(of_suites), Some(of_cases)].into_iter().flatten().find(|s| *s > 0.0);
    Ok(tests)
}

impl Tests {
    fn count(&mut self, case: Case) {
        self.tests += 1;
        match case {
            Case { errored: true, .. } => self.errored += 1,
            Case { failed: true, .. } => self.failed += 1,
            Case { skipped: true, .. } => self.skipped += 1,
            Case { retried: true, .. } => self.flaky += 1,
            Case { .. } => {}
        }
    }
}

/// Google Test writes cases it did not run as cases with a status.
fn not_run(case: &Element) -> bool {
    let says = |attribute: &str, words: &[&str]| case.get(attribute).is_some_and(|v| words.iter().any(|w| v.eq_ignore_ascii_case(w)));
    says("status", &["notrun", "skipped", "disabled"]) || says("result", &["skipped", "suppressed"])
}

/// Only a time with its zone is a time.
fn at(suite: &Element) -> Option<Time> {
    chrono::DateTime::parse_from_rfc3339(suite.get("timestamp")?.trim()).ok().map(|t| t.to_utc())
}

/// `1.5`, `1,234.5` (thousands), `0,123` (decimal comma).
fn seconds(element: &Element) -> Option<f64> {
    let text = element.get("time")?.trim();
    let plain = match (text.matches(',').count(), text.contains('.')) {
        (0, _) => text.to_owned(),
        (1, false) => text.replace(',', "."),
        _ => text.replace(',', ""),
    };
    plain.parse().ok().filter(|s: &f64| s.is_finite() && *s >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_have_a_thousands_or_a_decimal_comma() {
        let read = |time: &str| {
            let mut text: &[u8] = format!("<testsuite time=\"{time}\"/>").leak().as_bytes();
            let mut elements = Elements::new(&mut text);
            seconds(&elements.root().unwrap())
        };
        assert_eq!(read("1.5"), Some(1.5));
        assert_eq!(read("1,234.5"), Some(1234.5));
        assert_eq!(read("0,125"), Some(0.125));
        assert_eq!(read("1,234,567"), Some(1_234_567.0));
        assert_eq!(read("NaN"), None);
        assert_eq!(read("-1"), None);
    }
}
