//! Axes: round numbers in the unit's own steps, and calendar moments of the organisation's zone.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};

use super::{number, text};
use crate::domain::{
    Time,
    metric::Unit,
    window::{Tz, Window},
};

/// Lowest and highest value of a plot; never empty, always finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// At the bottom.
    pub low: f64,
    /// At the top.
    pub high: f64,
}

impl Scale {
    /// Around the values that are numbers; from 0 when they come near it or `from_zero` is asked.
    #[must_use]
    pub fn around(values: impl Iterator<Item = f64>, unit: Unit, from_zero: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for v in values.filter(|v| v.is_finite()) {
            low = low.min(v);
            high = high.max(v);
        }
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        if low > 0.0 && (from_zero || low < 0.4 * high) {
            low = 0.0;
        }
        if high < 0.0 && from_zero {
            high = 0.0;
        }
        if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let pad = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            low = if low > 0.0 { (low - pad).max(0.0) } else { low - if low == 0.0 { 0.0 } else { pad } };
            high += pad;
        }
        if unit == Unit::Ratio && high > 1.0 && low < 1.0 && high < 1.2 {
            high = 1.0;
        }
        Self { low, high }
    }

    /// Where a value lies, 0 at the bottom to 1 at the top, cut at both.
    #[must_use]
    pub fn share(self, v: f64) -> f64 {
        let span = self.high - self.low;
        if span.is_finite() && span > 0.0 { ((v - self.low) / span).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// Steps that read well: in tens for numbers, in the clock's own steps for durations.
const SECONDS: &[f64] = &[
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1_800.0,
    3_600.0,
    7_200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    86_400.0,
    172_800.0,
    432_000.0,
    864_000.0,
    1_728_000.0,
    4_320_000.0,
    8_640_000.0,
];

/// At most `count` round values that cover the scale, and the scale widened to end on them.
#[must_use]
pub fn ticks(scale: Scale, unit: Unit, count: usize) -> (Scale, Vec<f64>) {
    let span = scale.high - scale.low;
    if count < 2 || !span.is_finite() || span <= 0.0 {
        return (scale, vec![scale.low, scale.high]);
    }
    let mut step = round_step(span / (count - 1) as f64, unit);
    for _ in 0..8 {
        let low = (scale.low / step).floor() * step;
        let high = (scale.high / step).ceil() * step;
        let steps = ((high - low) / step).round();
        if steps.is_finite() && steps >= 1.0 && steps < count as f64 {
            let ticks = (0..=text::cells(steps)).map(|i| low + step * f64::from(i)).collect();
            return (Scale { low, high }, ticks);
        }
        step = round_step(step * 1.01, unit);
    }
    (scale, vec![scale.low, scale.high])
}

/// The smallest round step that is not smaller.
fn round_step(rough: f64, unit: Unit) -> f64 {
    if unit == Unit::Seconds
        && let Some(step) = SECONDS.iter().find(|s| **s >= rough && rough > 0.5)
    {
        return *step;
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * (1.0 - 1e-9)).unwrap_or(power * 10.0);
    if step.is_finite() && step > 0.0 { step } else { 1.0 }
}

/// The label of a tick, with as many digits as the step needs.
#[must_use]
pub fn label(unit: Unit, v: f64, step: f64, currency: &str) -> String {
    match unit {
        Unit::Ratio => {
            let digits = if step > 0.0 { usize::from(text::cells(-(step * 100.0).log10().floor()).min(4)) } else { 0 };
            format!("{:.digits$} %", v * 100.0)
        }
        Unit::Count(_) | Unit::Plain(_) | Unit::PerDay | Unit::PerWeek => number::magnitude(v, 4),
        Unit::Seconds | Unit::Millis | Unit::Money | Unit::MoneyPer(_) => number::compact(unit, v, currency),
    }
}

/// Steps of a time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Minutes(i64),
    Days(i64),
    Months(u32),
}

const STEPS: &[(Step, i64)] = &[
    (Step::Minutes(1), 1),
    (Step::Minutes(5), 5),
    (Step::Minutes(10), 10),
    (Step::Minutes(15), 15),
    (Step::Minutes(30), 30),
    (Step::Minutes(60), 60),
    (Step::Minutes(120), 120),
    (Step::Minutes(180), 180),
    (Step::Minutes(360), 360),
    (Step::Minutes(720), 720),
    (Step::Days(1), 1_440),
    (Step::Days(2), 2_880),
    (Step::Days(7), 10_080),
    (Step::Days(14), 20_160),
    (Step::Months(1), 43_200),
    (Step::Months(2), 86_400),
    (Step::Months(3), 129_600),
    (Step::Months(6), 259_200),
    (Step::Months(12), 525_600),
];

/// A labelled moment of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeTick {
    /// Share of the width, 0 to 1.
    pub at: f64,
    /// `14:00`, `31 Mar`, `Mar 2026`.
    pub label: String,
}

/// Round moments of the zone inside the window, no closer than their labels need.
#[must_use]
pub fn times(window: Window, zone: Tz, width: u16) -> Vec<TimeTick> {
    let minutes = (window.to - window.from).num_minutes().max(1);
    let room = (i64::from(width) / 9).max(1);
    let (step, _) = STEPS.iter().find(|(_, m)| minutes / m <= room).copied().unwrap_or((Step::Months(12), 0));
    let seconds = window.seconds();
    let mut out = Vec::new();
    let mut at = first(window.from.with_timezone(&zone).naive_local(), step);
    for _ in 0..1000 {
        let Some(naive) = at else { break };
        // an hour the clock skips has no moment; the next one has
        if let Some(moment) = zone.from_local_datetime(&naive).earliest().map(|m| m.with_timezone(&Utc)) {
            if moment >= window.to {
                break;
            }
            if moment >= window.from {
                out.push(TimeTick { at: since(window.from, moment) / seconds, label: time_label(naive, step) });
            }
        }
        at = next(naive, step);
    }
    out
}

fn since(from: Time, at: Time) -> f64 {
    (at - from).num_milliseconds() as f64 / 1000.0
}

fn first(local: NaiveDateTime, step: Step) -> Option<NaiveDateTime> {
    let day = local.date();
    match step {
        Step::Minutes(m) => {
            let into = (local - day.and_hms_opt(0, 0, 0)?).num_minutes();
            day.and_hms_opt(0, 0, 0)?.checked_add_signed(Duration::minutes(into / m * m))
        }
        // weeks begin on Monday
        Step::Days(7 | 14) => day.checked_sub_signed(Duration::days(i64::from(day.weekday().num_days_from_monday())))?.and_hms_opt(0, 0, 0),
        Step::Days(_) => day.and_hms_opt(0, 0, 0),
        Step::Months(m) => NaiveDate::from_ymd_opt(day.year(), day.month0() / m * m + 1, 1)?.and_hms_opt(0, 0, 0),
    }
}

fn next(at: NaiveDateTime, step: Step) -> Option<NaiveDateTime> {
    match step {
        Step::Minutes(m) => at.checked_add_signed(Duration::minutes(m)),
        Step::Days(d) => at.checked_add_signed(Duration::days(d)),
        Step::Months(m) => at.checked_add_months(chrono::Months::new(m)),
    }
}

fn time_label(at: NaiveDateTime, step: Step) -> String {
    match step {
        Step::Minutes(_) if at.time() == chrono::NaiveTime::MIN => at.format("%-d %b").to_string(),
        Step::Minutes(_) => at.format("%H:%M").to_string(),
        Step::Days(_) => at.format("%-d %b").to_string(),
        Step::Months(12) => at.format("%Y").to_string(),
        Step::Months(_) if at.month() == 1 => at.format("%b %Y").to_string(),
        Step::Months(_) => at.format("%b").to_string(),
    }
}

/// A moment in full, for the crosshair: `Tue 31 Mar 14:00`, without the clock when the bucket is a day or more.
#[must_use]
pub fn bucket_label(bucket: Window, zone: Tz) -> String {
    let from: DateTime<Tz> = bucket.from.with_timezone(&zone);
    let format = if bucket.seconds() >= 82_000.0 { "%a %-d %b %Y" } else { "%a %-d %b %H:%M" };
    from.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let (scale, ticks) = ticks(Scale { low: 0.0, high: 47.0 }, Unit::Count("x"), 6);
        assert_eq!(ticks, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(scale.high, 50.0);
        let (_, ticks) = super::ticks(Scale { low: 0.0, high: 100_000.0 }, Unit::Seconds, 4);
        assert_eq!(ticks, [0.0, 43_200.0, 86_400.0, 129_600.0]);
    }

    #[test]
    fn any_numbers_give_a_sane_scale() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![f64::INFINITY, 1.0],
            vec![5.0],
            vec![0.0, 0.0],
            vec![-3.0, -3.0],
            vec![1e15, 2e15],
            vec![-1e300, 1e300],
            vec![f64::MAX, f64::MIN],
            vec![1e-12],
        ] {
            for unit in [Unit::Ratio, Unit::Seconds, Unit::Money, Unit::Count("x")] {
                let scale = Scale::around(values.iter().copied(), unit, false);
                assert!(scale.low < scale.high && scale.low.is_finite() && scale.high.is_finite(), "{values:?}: {scale:?}");
                for count in 0..8 {
                    let (wide, ticks) = ticks(scale, unit, count);
                    assert!(
                        ticks.len() <= count.max(2) && wide.low <= scale.low && wide.high >= scale.high,
                        "{values:?} {count}: {ticks:?}"
                    );
                }
                for v in &values {
                    assert!((0.0..=1.0).contains(&scale.share(*v)) || v.is_nan());
                }
            }
        }
    }

    #[test]
    fn a_full_share_never_gets_an_axis_above_a_hundred_per_cent() {
        let scale = Scale::around([0.995, 1.0].into_iter(), Unit::Ratio, false);
        assert_eq!(scale.high, 1.0);
        let scale = Scale::around([1.0, 1.0].into_iter(), Unit::Ratio, false);
        assert_eq!(scale.high, 1.0);
    }

    #[test]
    fn time_ticks_are_local_and_survive_the_change_of_clocks() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let day = Window::new(time("2026-03-28T23:00:00Z"), time("2026-03-29T22:00:00Z"));
        let labels: Vec<_> = times(day, berlin, 80).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["29 Mar", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]);
        let month = Window::new(time("2026-03-01T00:00:00Z"), time("2026-03-29T00:00:00Z"));
        let labels: Vec<_> = times(month, Tz::UTC, 60).into_iter().map(|t| t.label).collect();
        assert_eq!(labels, ["2 Mar", "9 Mar", "16 Mar", "23 Mar"]);
    }

    #[test]
    fn time_ticks_lie_inside_and_in_order_for_every_width() {
        for minutes in [0, 1, 60, 360, 1_440, 40_320, 525_600, 5_256_000] {
            let window = Window::ending(time("2026-11-01T06:30:00Z"), Duration::minutes(minutes));
            for width in [0, 1, 10, 80, 300] {
                let ticks = times(window, "America/New_York".parse().unwrap(), width);
                assert!(ticks.iter().all(|t| (0.0..1.0).contains(&t.at)), "{minutes} {width}");
                assert!(ticks.windows(2).all(|t| t[0].at < t[1].at), "{minutes} {width}: {ticks:?}");
            }
        }
    }
}
