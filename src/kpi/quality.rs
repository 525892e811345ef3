//! Coverage, debt, findings, tests: from the last analysis of each project and from test runs.
//!
//! Over projects everything is sum over sum. A measurement that is too old is left out and listed, never carried along;
//! tools that count differently are not added up.

use std::collections::{BTreeMap, BTreeSet};

use super::{Documentation, Query, scope::Whose};
use crate::{
    analysis::interval::wilson95,
    domain::{
        Time,
        record::{Body, Quality, Record, TestRun},
        team::UNATTRIBUTED,
        value::{Datum, Reading, Scope, Status},
    },
};

/// Minutes it takes to write one line, when a measurement does not say (SonarQube's default).
const MINUTES_PER_LINE: f64 = 30.0;

/// Upper bounds of the debt ratio, inclusive; above the last is E.
const RATINGS: [(f64, &str); 4] = [(0.05, "A"), (0.10, "B"), (0.20, "C"), (0.50, "D")];

/// Branches that count when a project reports several.
const MAIN_BRANCHES: [&str; 5] = ["main", "master", "trunk", "default", "develop"];

/// Compute one metric of this quarter; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "code_coverage" => covered("code_coverage", query, all_of),
        "line_coverage" => covered("line_coverage", query, lines_of),
        "branch_coverage" => covered("branch_coverage", query, branches_of),
        "new_code_coverage" => covered("new_code_coverage", query, new_code_of),
        "documentation_coverage" if query.settings.documentation == Documentation::Services => documented_services(query),
        "documentation_coverage" => ratio("documentation_coverage", query, &measured(query), documented_of),
        "technical_debt_ratio" => debt(query),
        "findings" => findings(query),
        "findings.by_severity" => by_severity(query),
        "test_success_rate" => test_success(query),
        "test_run_success_rate" => run_success(query),
        "flaky_rate" => flaky(query),
        _ => return None,
    })
}

/// An analysis, when it was, and the record it came in.
type Analysis<'a> = (&'a Quality, Option<Time>, &'a Record);

/// The last analysis of each project on its default branch.
struct Measured<'a> {
    fresh: Vec<Analysis<'a>>,
    /// Projects left out because their last analysis is too old.
    stale: BTreeSet<String>,
    /// Projects left out for another reason, each with it.
    left_out: BTreeMap<String, String>,
}

/// A project, its component, and the tool that measured it.
type Subject<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn measured<'a>(query: &Query<'a>) -> Measured<'a> {
    let whose = Whose::of(query);
    let as_of = query.settings.as_of.min(query.window.to);
    let mut subjects: BTreeMap<Subject<'a>, Vec<Analysis<'a>>> = BTreeMap::new();
    for record in query.facts.records.iter().filter(|r| !r.deleted) {
        let Body::Quality(q) = &record.body else { continue };
        let at = record.event_time();
        if at.is_none_or(|t| t <= as_of) && whose.record(record) {
            subjects.entry((&q.project, q.component.as_deref(), q.tool.as_deref())).or_default().push((q, at, &**record));
        }
    }
    let mut out = Measured { fresh: Vec::new(), stale: BTreeSet::new(), left_out: BTreeMap::new() };
    for ((project, ..), analyses) in subjects {
        let Some(main) = main_branch(&analyses) else {
            out.left_out.insert(project.to_owned(), "no analysis of a default branch".to_owned());
            continue;
        };
        let last = analyses.iter().filter(|(q, ..)| branch(q) == main).max_by_key(|(_, at, _)| *at);
        let Some((quality, at, record)) = last else { continue };
        if at.is_some_and(|t| crate::domain::window::Window::new(t, as_of).seconds() > query.settings.quality_stale_after_s) {
            out.stale.insert(project.to_owned());
        } else {
            out.fresh.push((quality, *at, record));
        }
    }
    // Fresh by one tool, stale by another: the project is measured.
    let fresh: BTreeSet<&str> = out.fresh.iter().map(|(q, ..)| q.project.as_str()).collect();
    out.stale.retain(|p| !fresh.contains(p.as_str()));
    out
}

/// Which branch is a project's default: one that is not named, one with a usual name, or the only one there is.
fn main_branch<'a>(analyses: &[Analysis<'a>]) -> Option<&'a str> {
    let branches: BTreeSet<&str> = analyses.iter().map(|(q, ..)| branch(q)).collect();
    let usual = [""].iter().chain(&MAIN_BRANCHES).find_map(|b| branches.get(b));
    usual.or_else(|| branches.first().filter(|_| branches.len() == 1)).copied()
}

fn branch(quality: &Quality) -> &str {
    quality.branch.as_deref().unwrap_or_default()
}

impl Measured<'_> {
    /// Name what was left out and why.
    fn explain(&self, mut reading: Reading, query: &Query<'_>) -> Reading {
        if !self.stale.is_empty() {
            reading = reading.with("stale", self.stale.iter().cloned().collect::<Vec<_>>());
        }
        let excluded: BTreeSet<&String> = self.stale.iter().chain(self.left_out.keys()).collect();
        if !excluded.is_empty() {
            reading = reading.with("excluded", excluded.into_iter().cloned().collect::<Vec<_>>());
        }
        let mut why = Vec::new();
        if !self.stale.is_empty() {
            let days = query.settings.quality_stale_after_s / 86_400.0;
            why.push(format!("{} last measured more than {days:.0} days ago", self.stale.len()));
        }
        let reasons: BTreeSet<&String> = self.left_out.values().collect();
        why.extend(reasons.into_iter().map(|reason| {
            let n = self.left_out.values().filter(|r| *r == reason).count();
            format!("{n} with {reason}")
        }));
        if reading.reason.is_none() && !why.is_empty() {
            reading.reason = Some(format!("left out: {}", why.join("; ")));
        }
        reading.measured_at = self.fresh.iter().filter_map(|(_, at, _)| *at).min();
        reading
    }
}

/// Tools whose counts may be added: coverage reports count lines and branches as the test run saw them, an analysis
/// server counts its own lines and conditions.
fn family(tool: Option<&str>) -> &'static str {
    match tool {
        None => "unnamed",
        Some(t) if t.to_ascii_lowercase().starts_with("sonar") => "an analysis server",
        Some(_) => "coverage reports",
    }
}

/// Coverage of one family of tools: the one that sees most lines. Others are left out and named.
fn covered(metric: &'static str, query: &Query<'_>, part: Covered) -> Reading {
    ratio(metric, query, &comparable(query, part), part)
}

/// Covered and to cover, of one kind, where an analysis has both.
type Covered = fn(&Quality) -> Option<(f64, f64)>;

fn comparable<'a>(query: &Query<'a>, part: Covered) -> Measured<'a> {
    let mut m = measured(query);
    let mut lines: BTreeMap<&str, f64> = BTreeMap::new();
    for (q, ..) in &m.fresh {
        if let Some((_, whole)) = part(q) {
            *lines.entry(family(q.tool.as_deref())).or_default() += whole;
        }
    }
    if let Some((most, _)) = lines.iter().max_by(|a, b| a.1.total_cmp(b.1)).filter(|_| lines.len() > 1) {
        let counts_differently = |q: &Quality| part(q).is_some() && family(q.tool.as_deref()) != *most;
        for (q, ..) in m.fresh.iter().filter(|(q, ..)| counts_differently(q)) {
            m.left_out.insert(q.project.clone(), format!("counts of {} (not added to those of {most})", family(q.tool.as_deref())));
        }
        m.fresh.retain(|(q, ..)| !counts_differently(q));
        let kept: BTreeSet<&str> = m.fresh.iter().map(|(q, ..)| q.project.as_str()).collect();
        m.left_out.retain(|project, _| !kept.contains(project.as_str()));
    }
    m
}

/// A record with its numerator and denominator.
type Parted<'a> = Vec<(&'a Record, f64, f64)>;

/// What a metric of this quarter is made of, project by project or run by run; `None` when it is not made of parts.
pub(super) fn parts<'a>(metric: &str, query: &Query<'a>) -> Option<Parted<'a>> {
    let of = |m: Measured<'a>, part: &dyn Fn(&Quality) -> Option<(f64, f64)>| -> Parted<'a> {
        m.fresh
            .into_iter()
            .filter_map(|(q, _, r)| part(q).map(|(a, b)| (r, a, b)))
            .filter(|(_, a, b)| a.is_finite() && b.is_finite())
            .collect()
    };
    let of_runs = |part: fn(&TestRun) -> (f64, f64)| -> Parted<'a> {
        runs(query).runs.into_iter().map(|(run, r)| (r, part(run).0, part(run).1)).collect()
    };
    Some(match metric {
        "code_coverage" => of(comparable(query, all_of), &all_of),
        "line_coverage" => of(comparable(query, lines_of), &lines_of),
        "branch_coverage" => of(comparable(query, branches_of), &branches_of),
        "new_code_coverage" => of(comparable(query, new_code_of), &new_code_of),
        "documentation_coverage" => of(measured(query), &documented_of),
        "technical_debt_ratio" => of(measured(query), &|q| Some((q.remediation_min?, development_cost(q)?))),
        "findings" => of(measured(query), &|q| (!q.issues.is_empty()).then(|| (q.issues.values().filter(|c| c.is_finite()).sum(), 0.0))),
        "test_success_rate" => of_runs(|r| (executed(r) - failed(r), executed(r))),
        "test_run_success_rate" => of_runs(|r| (f64::from(u8::from(failed(r) <= 0.0)), 1.0)),
        "flaky_rate" => of_runs(|r| (r.flaky, executed(r))),
        _ => return None,
    })
}

fn all_of(q: &Quality) -> Option<(f64, f64)> {
    Some((q.covered_lines? + q.covered_conditions.unwrap_or(0.0), q.lines_to_cover? + q.conditions_to_cover.unwrap_or(0.0)))
}

fn lines_of(q: &Quality) -> Option<(f64, f64)> {
    Some((q.covered_lines?, q.lines_to_cover?))
}

fn branches_of(q: &Quality) -> Option<(f64, f64)> {
    Some((q.covered_conditions?, q.conditions_to_cover?))
}

fn new_code_of(q: &Quality) -> Option<(f64, f64)> {
    let conditions = (q.new_covered_conditions.unwrap_or(0.0), q.new_conditions_to_cover.unwrap_or(0.0));
    Some((q.new_covered_lines? + conditions.0, q.new_lines_to_cover? + conditions.1))
}

fn documented_of(q: &Quality) -> Option<(f64, f64)> {
    Some((q.doc_units_documented?, q.doc_units?))
}

/// Minutes it takes to write what was measured.
fn development_cost(q: &Quality) -> Option<f64> {
    q.development_cost_min.or_else(|| Some(q.ncloc? * q.min_per_line.unwrap_or(MINUTES_PER_LINE)))
}

/// Sum over sum of the projects that have both.
fn ratio(metric: &'static str, query: &Query<'_>, m: &Measured<'_>, part: impl Fn(&Quality) -> Option<(f64, f64)>) -> Reading {
    let parts: Vec<(f64, f64)> = m.fresh.iter().filter_map(|(q, ..)| part(q)).filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
    let (top, bottom) = parts.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    let none = |status, why: &str| m.explain(Reading::none(metric, query.scope.clone(), "ratio", status, why), query);
    if bottom <= 0.0 {
        let why = if m.stale.is_empty() { "not measured" } else { "every measurement is too old" };
        return none(Status::NoData, why);
    }
    if top > bottom || top < 0.0 {
        return none(Status::Error, &format!("{top} of {bottom}: the part is larger than the whole"));
    }
    let reading = Reading::ok(metric, query.scope.clone(), "ratio", top / bottom, parts.len() as u64);
    m.explain(reading.with("part", top).with("whole", bottom), query)
}

/// Services of the catalog with an owner and a runbook, over all of the scope.
fn documented_services(query: &Query<'_>) -> Reading {
    const ID: &str = "documentation_coverage";
    let whose = Whose::of(query);
    let mine = query.roster.services.values().filter(|s| match query.scope {
        Scope::Org => true,
        Scope::Team(_) => whose.is_mine(s.owner.as_deref().unwrap_or(UNATTRIBUTED)),
        Scope::Service(name) => s.name == *name,
        Scope::Group(..) => false,
    });
    let (missing, documented): (Vec<_>, Vec<_>) = mine.partition(|s| s.owner.is_none() || s.runbook.as_deref().is_none_or(str::is_empty));
    let all = missing.len() + documented.len();
    if all == 0 {
        return Reading::none(ID, query.scope.clone(), "ratio", Status::NoData, "the catalog names no service");
    }
    let missing: Vec<String> = missing.into_iter().map(|s| s.name.clone()).collect();
    let value = documented.len() as f64 / all as f64;
    Reading::ok(ID, query.scope.clone(), "ratio", value, all as u64).with("basis", "services").with("undocumented", missing)
}

fn debt(query: &Query<'_>) -> Reading {
    const ID: &str = "technical_debt_ratio";
    let m = measured(query);
    let parts: Vec<(f64, f64)> = m.fresh.iter().filter_map(|(q, ..)| Some((q.remediation_min?, development_cost(q)?))).collect();
    let (debt, whole) = parts.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    if whole <= 0.0 {
        let why = if m.stale.is_empty() { "no lines of code to compare with" } else { "every measurement is too old" };
        return m.explain(Reading::none(ID, query.scope.clone(), "ratio", Status::NoData, why), query);
    }
    let value = debt / whole;
    let mut reading = Reading::ok(ID, query.scope.clone(), "ratio", value, parts.len() as u64);
    reading.rating = Some(RATINGS.iter().find(|(bound, _)| value <= *bound).map_or("E", |(_, letter)| *letter).to_owned());
    let rules: BTreeSet<&str> = m.fresh.iter().filter_map(|(q, ..)| q.ruleset_version.as_deref()).collect();
    if rules.len() > 1 {
        reading = reading.with("ruleset_versions", rules.into_iter().collect::<Vec<_>>());
    }
    m.explain(reading.with("remediation_min", debt), query)
}

fn issues(m: &Measured<'_>) -> (BTreeMap<String, f64>, u64) {
    let (mut sums, mut n) = (BTreeMap::new(), 0);
    for (q, ..) in m.fresh.iter().filter(|(q, ..)| !q.issues.is_empty()) {
        n += 1;
        for (severity, count) in q.issues.iter().filter(|(_, c)| c.is_finite()) {
            *sums.entry(severity.to_lowercase()).or_default() += count;
        }
    }
    (sums, n)
}

fn findings(query: &Query<'_>) -> Reading {
    let m = measured(query);
    let (sums, n) = issues(&m);
    let reading = if n == 0 {
        Reading::none("findings", query.scope.clone(), "findings", Status::NoData, "no analysis lists findings")
    } else {
        Reading::ok("findings", query.scope.clone(), "findings", sums.values().sum::<f64>(), n)
    };
    m.explain(reading, query)
}

fn by_severity(query: &Query<'_>) -> Reading {
    const ID: &str = "findings.by_severity";
    let m = measured(query);
    let (sums, n) = issues(&m);
    let reading = if n == 0 {
        Reading::none(ID, query.scope.clone(), "findings", Status::NoData, "no analysis lists findings")
    } else {
        Reading::ok(ID, query.scope.clone(), "findings", Datum::Map(sums.into_iter().map(|(s, c)| (s, Datum::Num(c))).collect()), n)
    };
    m.explain(reading, query)
}

/// Test runs of the window and scope that executed anything, and when the last one was.
struct Runs<'a> {
    runs: Vec<(&'a TestRun, &'a Record)>,
    newest: Option<Time>,
}

fn runs<'a>(query: &Query<'a>) -> Runs<'a> {
    let whose = Whose::of(query);
    let mut out = Runs { runs: Vec::new(), newest: None };
    for record in query.facts.records.iter().filter(|r| !r.deleted) {
        let Body::TestRun(run) = &record.body else { continue };
        let at = record.event_time();
        let inside = at.is_none_or(|t| query.window.contains(t) && t <= query.settings.as_of);
        if inside && executed(run) > 0.0 && whose.record(record) {
            out.runs.push((run, &**record));
            out.newest = out.newest.max(at);
        }
    }
    out
}

fn executed(run: &TestRun) -> f64 {
    run.tests - run.skipped
}

fn failed(run: &TestRun) -> f64 {
    run.failed + run.errored
}

/// `k` of `n`, with its Wilson interval.
fn proportion(metric: &'static str, query: &Query<'_>, runs: &Runs<'_>, k: f64, n: f64) -> Reading {
    if n <= 0.0 {
        return Reading::none(metric, query.scope.clone(), "ratio", Status::NoData, "no test was executed in this window");
    }
    if !(0.0..=n).contains(&k) {
        let why = format!("{k} of {n}: the test runs report more than they executed");
        return Reading::none(metric, query.scope.clone(), "ratio", Status::Error, &why);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of tests")]
    let mut reading = Reading::ok(metric, query.scope.clone(), "ratio", k / n, n as u64);
    (reading.lower, reading.upper) = wilson95(k, n).unzip();
    reading.measured_at = runs.newest;
    reading
}

fn test_success(query: &Query<'_>) -> Reading {
    let runs = runs(query);
    let n: f64 = runs.runs.iter().map(|(r, _)| executed(r)).sum();
    let bad: f64 = runs.runs.iter().map(|(r, _)| failed(r)).sum();
    proportion("test_success_rate", query, &runs, n - bad, n)
}

fn run_success(query: &Query<'_>) -> Reading {
    let runs = runs(query);
    let green = runs.runs.iter().filter(|(r, _)| failed(r) <= 0.0).count();
    proportion("test_run_success_rate", query, &runs, green as f64, runs.runs.len() as f64)
}

fn flaky(query: &Query<'_>) -> Reading {
    let runs = runs(query);
    let n: f64 = runs.runs.iter().map(|(r, _)| executed(r)).sum();
    proportion("flaky_rate", query, &runs, runs.runs.iter().map(|(r, _)| r.flaky).sum(), n)
}
