//! Objectives with key results on KPIs: where they started, where they should be, how far they are against how much time
//! has passed.

use chrono::{Duration, NaiveDate};
use serde::Serialize;

use super::{Query, evaluate};
use crate::domain::{
    objective::{KeyResult, Objective},
    value::{Reading, Scope},
    window::{Window, midnight},
};

/// Share of the way that may be missing against the time passed before a result is behind.
const SLACK: f64 = 0.10;

/// How long a key result runs when nobody says since when.
const USUAL_DAYS: i64 = 90;

/// The window a key result is measured over.
const WINDOW_DAYS: i64 = 28;

/// How a key result stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The due date has passed without it.
    Missed,
    /// Less of the way than of the time.
    Behind,
    /// No value to judge by.
    NoData,
    /// Has not begun.
    NotYet,
    /// As much of the way as of the time, or nearly.
    OnPace,
    /// There.
    Reached,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Behind => "behind",
            Self::NoData => "no data",
            Self::NotYet => "not begun",
            Self::OnPace => "on pace",
            Self::Reached => "reached",
        }
    }
}

/// A key result and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyResultState {
    /// Metric id.
    pub metric: &'static str,
    /// Whose.
    pub scope: Scope,
    /// Where it started.
    pub from: f64,
    /// Where it should be.
    pub to: f64,
    /// Where it is, over the trailing 28 days.
    pub value: Option<f64>,
    /// Share of the way, 0 at `from` and 1 at `to`; may be below 0 or above 1.
    pub progress: Option<f64>,
    /// Share of the time, 0 to 1.
    pub elapsed: f64,
    /// By when.
    pub due: NaiveDate,
    /// Days left; negative when over.
    pub days_left: i64,
    /// How it stands.
    pub verdict: Verdict,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An objective and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveState {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Mean progress of the key results that have one, each between 0 and 1.
    pub progress: Option<f64>,
    /// The worst of its key results.
    pub verdict: Verdict,
    /// In the configured order.
    pub key_results: Vec<KeyResultState>,
}

/// The span key results are measured over, ending at the evaluation instant.
#[must_use]
pub fn window(query: &Query<'_>) -> Window {
    Window::ending(query.settings.as_of, Duration::days(WINDOW_DAYS))
}

/// Where the objectives are. `query` brings facts of at least [`window`] of the whole organisation.
#[must_use]
pub fn states(objectives: &[Objective], query: &Query<'_>) -> Vec<ObjectiveState> {
    objectives.iter().map(|o| state(o, query)).collect()
}

fn state(objective: &Objective, query: &Query<'_>) -> ObjectiveState {
    let key_results: Vec<KeyResultState> = objective.key_results.iter().map(|k| key_result(k, query)).collect();
    let known: Vec<f64> = key_results.iter().filter_map(|k| k.progress).map(|p| p.clamp(0.0, 1.0)).collect();
    ObjectiveState {
        name: objective.name.clone(),
        owner: objective.owner.clone(),
        progress: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        verdict: key_results.iter().map(|k| k.verdict).min().unwrap_or(Verdict::NoData),
        key_results,
    }
}

fn key_result(k: &KeyResult, query: &Query<'_>) -> KeyResultState {
    let scope = k.team.clone().map_or(Scope::Org, Scope::Team);
    let asked = Query { scope: &scope, window: window(query), ..*query };
    let reading: Option<Reading> = evaluate(k.metric, &asked);
    let value = reading.as_ref().and_then(Reading::number);
    let progress = value.and_then(|v| progress(k.from, k.to, v));
    let now = query.settings.as_of;
    // The due day itself still counts.
    let due = midnight(k.due + Duration::days(1), query.settings.zone);
    let since = midnight(k.since.unwrap_or(k.due - Duration::days(USUAL_DAYS)), query.settings.zone);
    let whole = Window::new(since, due).seconds();
    let elapsed = if whole > 0.0 { (Window::new(since, now.max(since)).seconds() / whole).clamp(0.0, 1.0) } else { 1.0 };
    KeyResultState {
        metric: k.metric,
        from: k.from,
        to: k.to,
        value,
        progress,
        elapsed,
        due: k.due,
        days_left: (due - now).num_days(),
        verdict: verdict(progress, elapsed, now < since, now >= due),
        reason: reading.and_then(|r| r.reason).filter(|_| value.is_none()),
        scope,
    }
}

/// Share of the way from `from` to `to`; a result that starts where it should be is all the way while it stays there.
fn progress(from: f64, to: f64, value: f64) -> Option<f64> {
    let way = to - from;
    let share = if way == 0.0 { f64::from(u8::from(value == to)) } else { (value - from) / way };
    share.is_finite().then_some(share)
}

fn verdict(progress: Option<f64>, elapsed: f64, early: bool, over: bool) -> Verdict {
    match progress {
        Some(p) if p >= 1.0 => Verdict::Reached,
        _ if over => Verdict::Missed,
        None => Verdict::NoData,
        Some(_) if early => Verdict::NotYet,
        Some(p) if p + SLACK >= elapsed => Verdict::OnPace,
        Some(_) => Verdict::Behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_judged_against_the_time() {
        assert_eq!(verdict(progress(0.18, 0.08, 0.13), 0.5, false, false), Verdict::OnPace);
        assert_eq!(verdict(progress(0.18, 0.08, 0.17), 0.5, false, false), Verdict::Behind);
        assert_eq!(verdict(progress(0.18, 0.08, 0.08), 0.1, false, false), Verdict::Reached);
        assert_eq!(verdict(progress(0.18, 0.08, 0.09), 1.0, false, true), Verdict::Missed);
        assert_eq!(verdict(progress(0.18, 0.08, 0.20), 0.0, true, false), Verdict::NotYet);
        assert_eq!(verdict(None, 0.5, false, false), Verdict::NoData);
    }

    #[test]
    fn moving_away_is_less_than_nothing_and_a_goal_to_stay_is_kept_or_not() {
        assert_eq!(progress(0.18, 0.08, 0.28).map(|p| (p * 1e9).round() / 1e9), Some(-1.0));
        assert_eq!((progress(0.9, 0.9, 0.9), progress(0.9, 0.9, 0.8)), (Some(1.0), Some(0.0)));
    }
}
