//! Service level objectives: what a target allows, what of it is spent, how fast it goes, whom that should wake, and who
//! spent it. From facts; the mathematics is `analysis::burn`.
//!
//! ```text
//! buckets, outages ─► count (bad, valid by time and series) ─► method (events or slices) ─► sums over windows ─► State
//!                                                                                            └─► burnt: who spent it
//! ```
//! Remaining budget is never clamped; no data is a state of its own, neither good nor bad.

pub mod burnt;
pub mod count;
pub mod words;

pub use crate::analysis::burn::Alert;

use std::{collections::BTreeSet, sync::Arc};

use chrono::Duration;

use self::{
    burnt::{Behind, Burner, Detail},
    count::{Count, Counts, Sum},
};
use super::{
    Query, Settings,
    cohort::Observed,
    fact::{Bucket, Facts, Measure},
};
use crate::{
    analysis::burn::{self, Refused},
    domain::{
        Time,
        slo::{Least, Method, Rule, Sli, Slo},
        team::Roster,
        value::Scope,
        window::{Window, from_millis, millis},
    },
};

/// Length of a slice and how much of one is bad at a share of good; `None` when events are counted.
fn slices(method: Method) -> Option<(f64, impl Fn(f64) -> f64)> {
    let (slice_s, target) = match method {
        Method::Occurrences => return None,
        Method::Timeslices { slice_s, target } => (slice_s, Some(target)),
        Method::RatioTimeslices { slice_s } => (slice_s, None),
    };
    // A share met exactly is met, whatever binary makes of it.
    let judge = move |good: f64| target.map_or(1.0 - good, |t| if good >= t - 1e-12 { 0.0 } else { 1.0 });
    Some((slice_s, judge))
}

/// How fast the budget goes over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burn {
    /// Bad ones.
    pub bad: f64,
    /// All valid ones.
    pub valid: f64,
    /// How many times faster than the budget allows; `None` without anything counted.
    pub rate: Option<f64>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertState {
    /// Its rule.
    pub rule: Rule,
    /// Burn rate above which it fires.
    pub factor: f64,
    /// Over the long window.
    pub long: Burn,
    /// Over the short one.
    pub short: Burn,
    /// How it stands, or why it cannot.
    pub state: Result<Alert, Refused>,
}

impl AlertState {
    /// It fires.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.state == Ok(Alert::Firing)
    }

    /// How near it is to firing: the slower of the two windows against the factor.
    #[must_use]
    pub fn pressure(&self) -> f64 {
        let of = |burn: &Burn| burn.rate.unwrap_or(0.0);
        of(&self.long).min(of(&self.short)) / self.factor
    }
}

/// How an objective stands, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A paging alert fires.
    Page,
    /// More was spent than there was.
    Overspent,
    /// Nothing was counted for as long as the objective says is too long.
    Silent,
    /// An alert fires that can wait for the morning.
    Ticket,
    /// Nothing was counted lately, or at all.
    NoData,
    /// It cannot be evaluated.
    Refused,
    /// Within budget.
    Ok,
}

impl Standing {
    /// In machine output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Overspent => "overspent",
            Self::Silent => "silent",
            Self::Ticket => "ticket",
            Self::NoData => "no_data",
            Self::Refused => "refused",
            Self::Ok => "ok",
        }
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Page => "paging",
            Self::Overspent => "overspent",
            Self::Silent => "silent",
            Self::Ticket => "ticket",
            Self::NoData => "no data",
            Self::Refused => "refused",
            Self::Ok => "within budget",
        }
    }
}

/// An objective, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The objective.
    pub slo: Arc<Slo>,
    /// How it stands.
    pub standing: Standing,
    /// Why there is no value.
    pub reason: Option<String>,
    /// The whole period.
    pub period: Window,
    /// The part of it that is past.
    pub window: Window,
    /// Bad ones in it.
    pub bad: f64,
    /// All valid ones in it.
    pub valid: f64,
    /// Share of good.
    pub value: Option<f64>,
    /// What is left of the budget of what has passed; below 0 when overspent.
    pub remaining: Option<f64>,
    /// Of a calendar period: what is left of the budget the whole period will have if traffic goes on like this.
    pub of_period: Option<f64>,
    /// Every alert of the profile.
    pub alerts: Vec<AlertState>,
    /// Seconds until nothing is left at the present burn; `None`: never. On a rolling window not before that.
    pub exhausted_in_s: Option<f64>,
    /// When something was last counted.
    pub last: Option<Time>,
    /// Length of the shortest alert window, by which silence is counted, seconds.
    pub interval_s: f64,
    /// Whole intervals without anything counted; maintenance is no silence.
    pub silent: u64,
    /// What to know before believing it.
    pub notes: BTreeSet<String>,
    /// Spent budget by service, as shares of the whole budget, greatest first.
    pub by_service: Vec<Burner>,
    /// Course, markers, and who spent it: of the objective whose page is open.
    pub detail: Option<Box<Detail>>,
}

impl State {
    /// The alert that matters most: what fires, pages first; else what is nearest to firing.
    #[must_use]
    pub fn gravest(&self) -> Option<&AlertState> {
        let rank = |a: &AlertState| (a.fires() && a.rule.pages(), a.fires(), a.pressure());
        self.alerts.iter().rev().max_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal))
    }

    /// What is left, as it is shown first: of a calendar period its own, else of the rolling window.
    #[must_use]
    pub fn left(&self) -> Option<f64> {
        self.of_period.or(self.remaining)
    }

    /// Nothing was counted for longer than the objective allows.
    #[must_use]
    pub fn silence_fires(&self) -> bool {
        self.slo.silent_after.is_some_and(|most| self.silent >= most)
    }

    /// It wants to be looked at now.
    #[must_use]
    pub fn burns(&self) -> bool {
        matches!(self.standing, Standing::Page | Standing::Overspent | Standing::Silent | Standing::Ticket)
    }
}

/// What an evaluation looks at.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// Outages, and small records: maintenance and liveness of sources.
    pub facts: &'a Facts,
    /// Live buckets of the objective's services over its period, those of one series not overlapping: minutes at the end
    /// for the short windows, coarser before.
    pub buckets: &'a [Bucket],
    /// Settings; `as_of` is the moment looked at.
    pub settings: &'a Settings,
    /// Teams.
    pub roster: &'a Roster,
    /// Records to tell who spent it: course and burners are worked out only with them.
    pub behind: Option<&'a Behind>,
}

/// Evaluate an objective.
#[must_use]
pub fn evaluate(slo: &Arc<Slo>, m: &Material<'_>) -> State {
    let as_of = m.settings.as_of;
    let period = slo.period.whole(as_of, slo.zone);
    let window = Window::new(period.from, as_of);
    let raw = counts(slo, m, window);
    let counted = raw.by_method(slo.method, window);
    let rules = burn::rules(slo, period.seconds());
    let before = Window::new(reach(slo, as_of), as_of);
    let alerts: Vec<AlertState> = rules.into_iter().map(|rule| alert(slo, rule, period.seconds(), &raw, &counted, as_of)).collect();
    let last = raw.clone().inside(before).newest().map(|t| t.min(as_of));
    let spent = counted.clone().inside(window);
    let total = spent.sum(window);
    let interval_s = alerts.iter().map(|a| a.rule.short_s).fold(f64::INFINITY, f64::min).clamp(60.0, 86_400.0);
    let since = last.map_or(window, |t| Window::new(t, as_of));
    let silence_s = count::unplanned_s(since, &slo.services, &count::maintenance(&m.facts.records));
    let mut state = State {
        slo: Arc::clone(slo),
        standing: Standing::NoData,
        reason: counted.nothing.clone(),
        period,
        window,
        bad: total.bad,
        valid: total.valid,
        value: None,
        remaining: None,
        of_period: None,
        alerts,
        exhausted_in_s: None,
        last,
        interval_s,
        silent: whole(silence_s / interval_s),
        notes: counted.notes.iter().map(|n| (*n).to_owned()).chain(slo.warnings.iter().cloned()).collect(),
        by_service: Vec::new(),
        detail: None,
    };
    if total.bad > total.valid * (1.0 + 1e-9) {
        let why = format!("{} bad of {} valid: the two series do not count the same thing", total.bad, total.valid);
        return State { standing: Standing::Refused, reason: Some(why), ..state };
    }
    judge(&mut state, &counted);
    if state.silence_fires() && state.standing > Standing::Silent {
        state.standing = Standing::Silent;
    }
    if let Ok(budget) = burn::budget(slo.target) {
        let allowed = budget * total.valid;
        state.by_service = burnt::by_service(&spent, allowed);
        if let Some(behind) = m.behind {
            let detail = burnt::detail(&spent, allowed, window, behind);
            state.detail = Some(Box::new(Detail { lines: words::lines(&state, m.settings.zone), ..detail }));
        }
    }
    state
}

/// The earliest instant an evaluation looks at: alerts may look back before the period began.
#[must_use]
pub fn reach(slo: &Slo, as_of: Time) -> Time {
    let period = slo.period.whole(as_of, slo.zone);
    let longest = burn::rules(slo, period.seconds()).iter().map(|r| r.long_s).fold(0.0, f64::max);
    period.from.min(ago(as_of, longest))
}

/// Value, budget, exhaustion and standing from sums and alerts.
fn judge(state: &mut State, counted: &Counts) {
    let slo = Arc::clone(&state.slo);
    match burn::remaining(slo.target, state.bad, state.valid) {
        Ok(left) => {
            state.value = Some(1.0 - state.bad / state.valid);
            state.remaining = Some(left);
            if slo.period.is_calendar() && state.period.seconds() > 0.0 {
                state.of_period = Some(1.0 - (1.0 - left) * state.window.seconds() / state.period.seconds());
            }
        }
        Err(Refused::NoData) => {
            let why = || format!("nothing was counted in {}", slo.period.words());
            state.reason = Some(counted.nothing.clone().unwrap_or_else(why));
            return;
        }
        Err(refused) => {
            state.standing = Standing::Refused;
            state.reason = Some(refused.reason().to_owned());
            return;
        }
    }
    let burning = state.gravest().and_then(|a| a.long.rate);
    state.exhausted_in_s = state.left().zip(burning).and_then(|(left, rate)| burn::exhausted_in_s(left, state.period.seconds(), rate));
    let fires = |pages: bool| state.alerts.iter().any(|a| a.fires() && a.rule.pages() == pages);
    state.standing = if fires(true) {
        Standing::Page
    } else if state.left().is_some_and(|left| left < 0.0) {
        Standing::Overspent
    } else if fires(false) {
        Standing::Ticket
    } else if state.alerts.iter().all(|a| a.state == Ok(Alert::NoData)) {
        state.reason = Some("nothing was counted lately".into());
        Standing::NoData
    } else {
        Standing::Ok
    };
}

fn counts(slo: &Slo, m: &Material<'_>, window: Window) -> Counts {
    let maintenance = count::maintenance(&m.facts.records);
    if slo.sli != Sli::Incidents {
        return Counts::of_buckets(slo, m.buckets, &maintenance);
    }
    let window = Window::new(reach(slo, window.to), window.to);
    let query = Query { facts: m.facts, scope: &Scope::Org, window, settings: m.settings, roster: m.roster };
    let observed = Observed::of(&query, "incident", Measure::Incident);
    if !observed.alive {
        return Counts { nothing: Some("no source that reports incidents was seen in the window".into()), ..Counts::default() };
    }
    Counts::of_outages(slo, m.facts, observed.span, &maintenance)
}

fn alert(slo: &Slo, rule: Rule, period_s: f64, raw: &Counts, counted: &Counts, as_of: Time) -> AlertState {
    let factor = rule.factor(period_s);
    let over = |seconds: f64| {
        // Buckets are whole minutes: the window holds at least its length, the minute in progress beside it.
        let from = ago(as_of, seconds);
        let from = if raw.even { from } else { from_millis(millis(from).div_euclid(60_000) * 60_000) };
        let window = Window::new(from, as_of);
        match slices(slo.method) {
            // A window shorter than a slice is one slice.
            Some((slice_s, judge)) if seconds < slice_s => {
                let sum = raw.sum(window);
                if sum.valid > 0.0 && !sum.coarse {
                    Sum { bad: judge(1.0 - sum.bad / sum.valid), valid: 1.0, coarse: false }
                } else {
                    Sum { valid: 0.0, ..sum }
                }
            }
            _ => counted.sum(window),
        }
    };
    let (long, short) = (over(rule.long_s), over(rule.short_s));
    // Few events wake nobody; time has no traffic, and slices are the other answer to little of it.
    let least = if slo.unit() == "requests" { slo.least } else { Least { events: 0.0, bad: 0.0 } };
    let pair = |s: Sum| if s.coarse { (0.0, 0.0) } else { (s.bad, s.valid) };
    let state = burn::alert(slo.target, factor, pair(long), pair(short), least);
    let burn =
        |s: Sum| Burn { bad: s.bad, valid: s.valid, rate: if s.coarse { None } else { burn::burn_rate(slo.target, s.bad, s.valid).ok() } };
    AlertState { rule, factor, long: burn(long), short: burn(short), state }
}

fn ago(at: Time, seconds: f64) -> Time {
    #[allow(clippy::cast_possible_truncation, reason = "clamped to a century")]
    let ms = (seconds.clamp(0.0, 3.2e9) * 1000.0).round() as i64;
    at - Duration::milliseconds(ms)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, far below 2^53")]
fn whole(n: f64) -> u64 {
    (n + 1e-9).max(0.0).floor() as u64
}

/// Worst remaining first; what has no value stands last, in order of name.
pub fn sort(states: &mut [State]) {
    states.sort_by(|a, b| {
        let key = |s: &State| (s.left().is_none(), s.left().unwrap_or(0.0));
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.slo.name.cmp(&b.slo.name))
    });
}

/// Of one count, the part inside a window.
fn share_inside(count: &Count, window: Window) -> f64 {
    let whole = count.span.seconds();
    if whole > 0.0 { count.span.intersect(&window).seconds() / whole } else { f64::from(u8::from(window.contains(count.span.from))) }
}

#[cfg(test)]
mod tests;
