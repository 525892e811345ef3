//! Before any explanation: is the change real at all? Breaks of the instrument, partial windows, immature cohorts, what
//! was not observed, and the calendar (domain.md 3.1, steps 0 and 1).

use chrono::Datelike;
use serde::Serialize;

use crate::{
    domain::{
        record::{AnnotationKind, Body},
        value::{Datum, Reading, Status},
        window::Window,
    },
    kpi::{Query, evaluate},
};

/// Kinds of doubt, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtKind {
    /// What is measured, or how, changed: values before and after do not compare.
    Break,
    /// One window was observed less than the other.
    Coverage,
    /// The window is not over, or what it rests on may still change.
    Unfinished,
    /// Rests on inferred deployments.
    Assumed,
    /// The windows differ in days of the week, holidays, freezes.
    Calendar,
}

/// One reason to look twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// What kind.
    pub kind: DoubtKind,
    /// In words.
    pub text: String,
}

/// A difference in coverage beyond this is worth saying.
const COVERAGE: f64 = 0.05;

/// What speaks against comparing the two windows, gravest first.
pub(super) fn of(reading: &Reading, now: &Query<'_>, before: &Query<'_>) -> Vec<Doubt> {
    let mut out = Vec::new();
    let mut add = |kind, text: String| out.push(Doubt { kind, text });
    let was = evaluate(reading.metric, before);
    annotations(now, before, &mut add);
    if let Some(was) = &was {
        rules(reading, was, &mut add);
        coverage(reading, was, &mut add);
    }
    if reading.status == Status::Provisional {
        add(DoubtKind::Unfinished, reading.reason.clone().unwrap_or_else(|| "the value may still change".into()));
    }
    if reading.assumed {
        add(DoubtKind::Assumed, "deployments are assumed: no version tag or deployment record says so".into());
    }
    weekdays(now, before, &mut add);
    out.sort_by_key(|d| d.kind);
    out
}

type Add<'a> = &'a mut dyn FnMut(DoubtKind, String);

/// Annotations that touch either window.
fn annotations(now: &Query<'_>, before: &Query<'_>, add: Add<'_>) {
    let both = Window::new(before.window.from, now.window.to.min(now.settings.as_of));
    for record in &now.facts.records {
        let Body::Annotation(a) = &record.body else { continue };
        let Some(from) = a.from.or_else(|| record.event_time()) else { continue };
        let to = a.to.unwrap_or(from);
        if to < both.from || from >= both.to {
            continue;
        }
        let kind = match a.annotation_kind {
            AnnotationKind::DefinitionChange | AnnotationKind::Reorg | AnnotationKind::PriceChange => DoubtKind::Break,
            AnnotationKind::Freeze | AnnotationKind::Holiday | AnnotationKind::Maintenance => DoubtKind::Calendar,
            _ => continue,
        };
        let which = match (before.window.contains(from), now.window.contains(from)) {
            (true, _) => "in the window before",
            (_, true) => "in this window",
            _ => "across both windows",
        };
        let title = if a.title.is_empty() { String::new() } else { format!(" ({})", a.title) };
        let day = from.with_timezone(&now.settings.zone).format("%Y-%m-%d");
        add(kind, format!("{} on {day} {which}{title}", a.annotation_kind.word().replace('_', " ")));
    }
}

/// Another set of rules measures something else.
fn rules(now: &Reading, was: &Reading, add: Add<'_>) {
    let (a, b) = (was.facts.get("ruleset_versions"), now.facts.get("ruleset_versions"));
    if a != b {
        let words = |d: Option<&Datum>| match d {
            Some(Datum::List(list)) => {
                list.iter().filter_map(|d| if let Datum::Text(t) = d { Some(t.as_str()) } else { None }).collect::<Vec<_>>().join(", ")
            }
            _ => "none named".into(),
        };
        add(DoubtKind::Break, format!("the rule set changed: {} before, {} now", words(a), words(b)));
    }
    if let (Some(a), Some(b)) = (was.facts.get("basis"), now.facts.get("basis"))
        && a != b
    {
        add(DoubtKind::Break, "the two windows are measured on a different basis".into());
    }
}

fn coverage(now: &Reading, was: &Reading, add: Add<'_>) {
    let percent = |c: f64| format!("{:.0} %", c * 100.0);
    match (was.coverage, now.coverage) {
        (Some(a), Some(b)) if (a - b).abs() > COVERAGE => {
            add(DoubtKind::Coverage, format!("{} of the window before was observed, {} of this one", percent(a), percent(b)));
        }
        (_, Some(b)) if b < 1.0 - COVERAGE => add(DoubtKind::Coverage, format!("only {} of this window was observed", percent(b))),
        _ => {}
    }
}

/// Windows that are not whole weeks hold different days of the week.
fn weekdays(now: &Query<'_>, before: &Query<'_>, add: Add<'_>) {
    let workdays = |w: Window| {
        let days = w.days(now.settings.zone);
        (days.iter().filter(|d| d.0.weekday().num_days_from_monday() < 5).count(), days.len())
    };
    let seen = Window::new(now.window.from, now.window.to.min(now.settings.as_of));
    let whole_weeks = seen.seconds() % (7.0 * 86_400.0) == 0.0 && before.window.seconds() == seen.seconds();
    if whole_weeks || seen.seconds() < 86_400.0 {
        return;
    }
    let (was, is) = (workdays(before.window), workdays(seen));
    if was.0 != is.0 {
        add(DoubtKind::Calendar, format!("{} working days before, {} now", was.0, is.0));
    }
}
