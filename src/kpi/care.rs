//! Care of a metric: who answers for it, what it is for, what its series says about itself, and whether it is still worth
//! looking at (domain.md 1.9).
//!
//! Flags are judged on whole ISO weeks that are over and final; a provisional bucket never raises one.

use chrono::Duration;
use serde::Serialize;

use super::{Query, Settings, evaluate};
use crate::{
    analysis::flags,
    domain::{
        Time,
        care::Care,
        metric::Metric,
        record::{Body, Record},
        value::Status,
        window::{Window, midnight},
    },
};

/// Headline metrics an audience can keep in mind.
pub const MOST_PER_AUDIENCE: usize = 5;

/// One thing a series or its configuration says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// `static`, `dormant`, `volatile`, `changepoint`, `stale_source`, `no_owner`, `review_due`, `not_smart`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
}

fn flag(kind: &'static str, text: impl Into<String>) -> Flag {
    Flag { kind, text: text.into() }
}

/// One week of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Week {
    /// Its span.
    pub span: Window,
    /// Its value; `None` without one, or while it is not final.
    pub value: Option<f64>,
    /// Sample behind it.
    pub n: u64,
}

/// Weeks looked at.
pub const WEEKS: i64 = 26;

/// Fewest weeks of one level.
const SEGMENT: usize = 5;

/// The last [`WEEKS`] whole ISO weeks before the evaluation instant.
#[must_use]
pub fn weeks(settings: &Settings) -> Vec<Window> {
    let from = settings.as_of - Duration::weeks(WEEKS + 1);
    let all = Window::new(from, settings.as_of).weeks(settings.zone);
    let whole = all.into_iter().filter(|w| w.from >= from && w.to <= settings.as_of);
    let mut whole: Vec<Window> = whole.collect();
    let surplus = whole.len().saturating_sub(usize::try_from(WEEKS).unwrap_or(0));
    whole.split_off(surplus)
}

/// One week of a metric: the week is the query's window, its instant the present (an incident linked later belongs to the
/// week all the same). `None` when the metric is unknown.
#[must_use]
pub fn week(metric: &str, query: &Query<'_>) -> Option<Week> {
    let reading = evaluate(metric, query)?;
    let value = reading.number().filter(|_| reading.status == Status::Ok);
    Some(Week { span: query.window, value, n: reading.n })
}

/// What a weekly series says about itself. Weeks before anything was seen say nothing.
#[must_use]
pub fn of_series(weeks: &[Week], settings: &Settings) -> Vec<Flag> {
    let rules = flags::Rules::default();
    let started = weeks.iter().position(|w| w.n > 0 || w.value.is_some());
    let Some(seen) = started.map(|i| &weeks[i..]) else { return Vec::new() };
    let counts: Vec<f64> = seen.iter().map(|w| w.n as f64).collect();
    if flags::is_dormant(&counts, &rules) == Some(true) {
        return vec![flag("dormant", format!("nothing happened in the last {} weeks", counts.len().min(rules.weeks)))];
    }
    let with_values: Vec<(Window, f64)> = seen.iter().filter_map(|w| Some((w.span, w.value?))).collect();
    let values: Vec<f64> = with_values.iter().map(|(_, v)| *v).collect();
    let recent = &values[values.len().saturating_sub(rules.weeks)..];
    let mut out = Vec::new();
    if flags::is_static(&values, &rules) == Some(true) {
        let ceiling = recent.iter().all(|v| *v == 1.0);
        let why = if ceiling { "at its ceiling" } else { "within 2 %" };
        out.push(flag("static", format!("{} weekly values {why}: does it still tell anything?", recent.len())));
    } else if flags::is_volatile(&values, &rules) == Some(true) {
        out.push(flag("volatile", "the recent weeks spread more than twice as far, or the last one is out of line"));
    }
    for at in flags::changepoints(&values, SEGMENT) {
        let day = with_values[at].0.from.with_timezone(&settings.zone).format("%Y-%m-%d");
        out.push(flag("changepoint", format!("a new level since the week of {day}")));
    }
    out
}

/// What the configuration of a metric lacks. `has_due`: a key result says by when; the settings say what is due by now.
#[must_use]
pub fn of_care(metric: &Metric, care: Option<&Care>, has_due: bool, settings: &Settings) -> Vec<Flag> {
    let nobody = Care::default();
    let care = care.unwrap_or(&nobody);
    let mut out = Vec::new();
    if care.owner.is_none() {
        out.push(flag("no_owner", format!("nobody answers for it: [kpi.{}] owner = \"…\"", metric.id)));
    }
    if let Some(days) = care.review_every_days {
        match care.reviewed {
            None => out.push(flag("review_due", "never reviewed: set `reviewed` when you have")),
            Some(day) => {
                let due = midnight(day + Duration::days(days), settings.zone);
                if due <= settings.as_of {
                    out.push(flag("review_due", format!("reviewed {day}, due every {days} days")));
                }
            }
        }
    }
    let missing: Vec<&str> = [("target", care.target.is_some()), ("due date", has_due), ("owner", care.owner.is_some())]
        .into_iter()
        .filter(|(_, there)| !there)
        .map(|(name, _)| name)
        .collect();
    // Somebody began to set a goal: say what is missing to make it one.
    if (care.target.is_some() || has_due) && !missing.is_empty() {
        out.push(flag("not_smart", format!("a goal without {}", missing.join(" and "))));
    }
    out
}

/// Sources that feed one of these kinds and have not been heard of for more than a day.
#[must_use]
pub fn stale_sources(records: &[std::sync::Arc<Record>], kinds: &[&str], now: Time) -> Vec<Flag> {
    let stale = records.iter().filter_map(|r| {
        let Body::SourceState(s) = &r.body else { return None };
        let feeds = s.feeds.is_empty() || s.feeds.iter().any(|f| kinds.contains(&f.as_str()));
        let last = s.last_success_at?;
        (feeds && now - last > Duration::days(1)).then(|| {
            let hours = (now - last).num_hours();
            flag("stale_source", format!("source {} was last heard of {hours} hours ago", r.source))
        })
    });
    stale.collect()
}
