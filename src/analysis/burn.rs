//! Error budgets: what a target allows, what was spent, how fast it burns, when to wake someone.
//!
//! Ratios are compared with `factor * budget`, not rounded burn rates; exactly at a threshold does not fire. What cannot be
//! computed is refused with a reason, never clamped.

use crate::domain::slo::{Least, Rule, Slo};

/// Slack for decimals that binary cannot hold: a threshold met exactly must not fire.
const SLACK: f64 = 1e-9;

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A target of 1 has no budget.
    TargetIsOne,
    /// The target is no share.
    NoTarget,
    /// Nothing was counted.
    NoData,
    /// Factor times budget is 1 or more: even a total outage would not reach it.
    CanNeverFire,
}

impl Refused {
    /// In words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TargetIsOne => "target must be < 1",
            Self::NoTarget => "target must be more than 0 and less than 1",
            Self::NoData => "no valid events",
            Self::CanNeverFire => "factor times budget is 1 or more: it can never fire",
        }
    }
}

/// Budget share of a target: `1 - target`, without the noise of the subtraction.
///
/// # Errors
/// A target outside 0 to 1, both excluded.
pub fn budget(target: f64) -> Result<f64, Refused> {
    if target >= 1.0 {
        return Err(Refused::TargetIsOne);
    }
    if target > 0.0 { Ok(((1.0 - target) * 1e12).round() / 1e12) } else { Err(Refused::NoTarget) }
}

/// Seconds a target allows to be down over a period: `(1 - target) * period`.
#[must_use]
pub fn allowed_downtime_s(target: f64, period_s: f64) -> f64 {
    (1.0 - target) * period_s
}

/// What is left of a budget, as a share of it; less than 0 when overspent.
///
/// # Errors
/// No budget, or nothing counted.
pub fn remaining(target: f64, bad: f64, total: f64) -> Result<f64, Refused> {
    let budget = budget(target)?;
    if total > 0.0 { Ok(1.0 - bad / (budget * total)) } else { Err(Refused::NoData) }
}

/// How many times faster than the budget allows.
///
/// # Errors
/// No budget, or nothing counted.
pub fn burn_rate(target: f64, bad: f64, total: f64) -> Result<f64, Refused> {
    let budget = budget(target)?;
    if total > 0.0 { Ok(bad / total / budget) } else { Err(Refused::NoData) }
}

/// Seconds until nothing is left at this burn rate; 0 when nothing is, `None` when it does not burn.
#[must_use]
pub fn exhausted_in_s(remaining: f64, period_s: f64, burn: f64) -> Option<f64> {
    (burn > 0.0).then(|| (remaining * period_s / burn).max(0.0))
}

/// Seconds of complete slices that may be bad, when a slice is good or bad as a whole.
#[must_use]
pub fn timeslice_budget_s(target: f64, window_s: f64) -> f64 {
    allowed_downtime_s(target, window_s)
}

/// Seconds at `attack` (share of good) that pull the mean of slice ratios, otherwise `base`, down to the target. `None` when
/// the attack does not pull it down.
#[must_use]
pub fn ratio_slice_budget_s(target: f64, window_s: f64, base: f64, attack: f64) -> Option<f64> {
    (base > attack).then(|| ((base - target) * window_s / (base - attack)).clamp(0.0, window_s))
}

const HOUR: f64 = 3600.0;

/// The usual rules for periods of 30 and 28 days.
pub static MONTHLY: [Rule; 4] = [
    Rule::new("page_fast", 0.02, HOUR, 300.0),
    Rule::new("page_slow", 0.05, 6.0 * HOUR, 1_800.0),
    Rule::new("ticket_fast", 0.10, 24.0 * HOUR, 2.0 * HOUR),
    Rule::new("ticket_slow", 0.10, 72.0 * HOUR, 6.0 * HOUR),
];

/// Rules for a period of 7 days: larger shares, so that tickets are not opened for spending on budget.
pub static WEEKLY: [Rule; 4] = [
    Rule::new("page_fast", 0.08, HOUR, 300.0),
    Rule::new("page_slow", 0.125, 6.0 * HOUR, 1_800.0),
    Rule::new("ticket_fast", 0.20, 24.0 * HOUR, 2.0 * HOUR),
    Rule::new("ticket_slow", 0.42, 72.0 * HOUR, 6.0 * HOUR),
];

/// The usual rules for a period.
#[must_use]
pub fn profile(period_s: f64) -> &'static [Rule; 4] {
    if period_s < 14.0 * 24.0 * HOUR { &WEEKLY } else { &MONTHLY }
}

/// The alerts of an objective for a period of this length, seconds: its own, else the usual ones.
#[must_use]
pub fn rules(slo: &Slo, period_s: f64) -> Vec<Rule> {
    if slo.rules.is_empty() { profile(period_s).to_vec() } else { slo.rules.clone() }
}

/// State of one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// Both windows burn faster than the factor.
    Firing,
    /// At least one does not.
    Quiet,
    /// Both do, but on too few events to wake anyone.
    LowTraffic,
    /// Nothing was counted: a state of its own, neither quiet nor firing.
    NoData,
}

impl Alert {
    /// In machine output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Quiet => "ok",
            Self::LowTraffic => "low_traffic",
            Self::NoData => "no_data",
        }
    }
}

/// One alert from `(bad, total)` of its long and short window.
///
/// # Errors
/// No budget, or a factor that can never fire.
pub fn alert(target: f64, factor: f64, long: (f64, f64), short: (f64, f64), least: Least) -> Result<Alert, Refused> {
    let threshold = factor * budget(target)?;
    if threshold >= 1.0 {
        return Err(Refused::CanNeverFire);
    }
    if long.1 <= 0.0 || short.1 <= 0.0 {
        return Ok(Alert::NoData);
    }
    let over = |(bad, total): (f64, f64)| bad / total > threshold * (1.0 + SLACK);
    Ok(match (over(long) && over(short), long.1 >= least.events && long.0 >= least.bad) {
        (false, _) => Alert::Quiet,
        (true, true) => Alert::Firing,
        (true, false) => Alert::LowTraffic,
    })
}

/// How an alert behaves in an outage after a clean history, with constant traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// From the start until it fires.
    pub detection_s: f64,
    /// Share of the period's budget spent by then.
    pub spent_at_detection: f64,
    /// From recovery until it is quiet again.
    pub reset_s: f64,
    /// Share of the period's budget the whole outage spends.
    pub spent: f64,
}

/// The course of an outage at a constant error ratio. `Ok(None)` when the alert does not fire within it.
///
/// # Errors
/// No budget, or a factor that can never fire.
pub fn course(
    target: f64,
    period_s: f64,
    factor: f64,
    (long_s, short_s): (f64, f64),
    error: f64,
    lasts_s: f64,
) -> Result<Option<Course>, Refused> {
    let budget = budget(target)?;
    let threshold = factor * budget;
    if threshold >= 1.0 {
        return Err(Refused::CanNeverFire);
    }
    if error <= threshold {
        return Ok(None);
    }
    let fills = |window_s: f64| window_s * threshold / error;
    let detection_s = fills(long_s).max(fills(short_s));
    if detection_s >= lasts_s {
        return Ok(None);
    }
    // Quiet as soon as either window holds no more than its threshold.
    let reset_s = (long_s - fills(long_s)).min(short_s - fills(short_s)).max(0.0);
    let share = |seconds: f64| error * seconds / (budget * period_s);
    Ok(Some(Course { detection_s, spent_at_detection: share(detection_s), reset_s, spent: share(lasts_s) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 24.0 * HOUR;

    #[test]
    fn factors_are_those_of_the_workbook() {
        let factors = |period: f64| MONTHLY.each_ref().map(|r| (r.factor(period) * 1e4).round() / 1e4);
        assert_eq!(factors(30.0 * DAY), [14.4, 6.0, 3.0, 1.0]);
        assert_eq!(factors(28.0 * DAY), [13.44, 5.6, 2.8, 0.9333]);
        assert!(profile(7.0 * DAY).iter().all(|r| r.factor(7.0 * DAY) > 0.95));
    }

    #[test]
    fn exactly_at_the_threshold_does_not_fire() {
        for target in [0.999, 0.9, 0.95, 0.99, 0.9995] {
            let at = 2.0 * (1.0 - target);
            let state = |ratio: f64| alert(target, 2.0, (ratio * 1e9, 1e9), (ratio * 1e9, 1e9), Least::default()).unwrap();
            assert_eq!(state(at), Alert::Quiet, "{target}");
            assert_eq!(state(at * 1.001), Alert::Firing, "{target}");
        }
    }

    #[test]
    fn silence_and_a_single_failure_wake_nobody() {
        let state = |long, short| alert(0.999, 14.4, long, short, Least::default()).unwrap();
        assert_eq!(state((1.0, 4.0), (1.0, 1.0)), Alert::LowTraffic);
        assert_eq!(state((0.0, 0.0), (0.0, 0.0)), Alert::NoData);
        assert_eq!(state((20.0, 1000.0), (1.0, 1000.0)), Alert::Quiet);
    }

    #[test]
    fn budgets_are_not_clamped_and_impossible_ones_are_refused() {
        assert!((remaining(0.999, 1500.0, 1e6).unwrap() + 0.5).abs() < 1e-9);
        assert_eq!(remaining(1.0, 1.0, 1000.0), Err(Refused::TargetIsOne));
        assert_eq!(remaining(0.999, 0.0, 0.0), Err(Refused::NoData));
        assert_eq!(alert(0.93, 14.4, (1.0, 1.0), (1.0, 1.0), Least::default()), Err(Refused::CanNeverFire));
        assert_eq!(exhausted_in_s(0.4, 100.0, 0.0), None);
    }

    #[test]
    fn a_short_outage_may_end_before_the_alert() {
        assert_eq!(course(0.999, 30.0 * DAY, 14.4, (HOUR, 300.0), 1.0, 40.0), Ok(None));
        let long = course(0.999, 30.0 * DAY, 14.4, (HOUR, 300.0), 1.0, 600.0).unwrap().unwrap();
        assert!((long.detection_s - 51.84).abs() < 1e-9 && (long.reset_s - 295.68).abs() < 1e-9);
    }
}
