//! Half-open spans of time, calendar buckets in a zone, and the like-for-like span before.

use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Utc};
pub use chrono_tz::Tz;

use super::Time;

/// `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Window {
    /// First instant inside.
    pub from: Time,
    /// First instant after.
    pub to: Time,
}

impl Window {
    /// `[from, to)`; an inverted pair becomes empty at `from`.
    #[must_use]
    pub fn new(from: Time, to: Time) -> Self {
        Self { from, to: to.max(from) }
    }

    /// The span of this length that ends at `to`.
    #[must_use]
    pub fn ending(to: Time, length: Duration) -> Self {
        Self::new(to - length, to)
    }

    /// Inside?
    #[must_use]
    pub fn contains(&self, at: Time) -> bool {
        self.from <= at && at < self.to
    }

    /// Length in seconds, to the millisecond.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "windows are years at most, far below 2^53 ms")]
    pub fn seconds(&self) -> f64 {
        (self.to - self.from).num_milliseconds() as f64 / 1000.0
    }

    /// The span of equal length just before.
    #[must_use]
    pub fn before(&self) -> Self {
        Self::new(self.from - (self.to - self.from), self.from)
    }

    /// The common part; empty when there is none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let from = self.from.max(other.from);
        Self::new(from, self.to.min(other.to).max(from))
    }

    /// Calendar days of `zone` that this span touches, each cut to the span. A day has 23 to 25 hours.
    #[must_use]
    pub fn days(&self, zone: Tz) -> Vec<(NaiveDate, Window)> {
        let mut out = Vec::new();
        let mut day = self.from.with_timezone(&zone).date_naive();
        loop {
            let span = day_span(day, zone);
            if span.from >= self.to {
                return out;
            }
            let cut = span.intersect(self);
            if cut.from < cut.to {
                out.push((day, cut));
            }
            match day.succ_opt() {
                Some(next) => day = next,
                None => return out,
            }
        }
    }

    /// ISO weeks (Monday first) of `zone` that this span touches, with the whole week's span, not cut.
    #[must_use]
    pub fn weeks(&self, zone: Tz) -> Vec<Window> {
        let first = self.from.with_timezone(&zone).date_naive();
        let mut monday = first - Duration::days(i64::from(first.weekday().num_days_from_monday()));
        let mut out = Vec::new();
        loop {
            let next = monday + Duration::days(7);
            let week = Window::new(midnight(monday, zone), midnight(next, zone));
            if week.from >= self.to {
                return out;
            }
            out.push(week);
            monday = next;
        }
    }

    /// `count` equal buckets; the last takes the rest.
    #[must_use]
    pub fn split(&self, count: usize) -> Vec<Window> {
        let count = i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        let step = (self.to - self.from) / count;
        (0..count).map(|i| Window::new(self.from + step * i, if i + 1 == count { self.to } else { self.from + step * (i + 1) })).collect()
    }
}

/// The whole of a calendar day in a zone.
#[must_use]
pub fn day_span(day: NaiveDate, zone: Tz) -> Window {
    let next = day.succ_opt().unwrap_or(day);
    Window::new(midnight(day, zone), midnight(next, zone))
}

/// The first instant of a calendar day in a zone (some zones skip midnight).
#[must_use]
pub fn midnight(day: NaiveDate, zone: Tz) -> Time {
    for hour in 0..=3 {
        if let Some(naive) = day.and_hms_opt(hour, 0, 0)
            && let Some(local) = zone.from_local_datetime(&naive).earliest()
        {
            return local.with_timezone(&Utc);
        }
    }
    DateTime::from_naive_utc_and_offset(day.and_time(chrono::NaiveTime::MIN), Utc)
}

/// Milliseconds since the epoch.
#[must_use]
pub fn millis(at: Time) -> i64 {
    at.timestamp_millis()
}

/// The instant of milliseconds since the epoch; out of range is clamped to the epoch's era.
#[must_use]
pub fn from_millis(ms: i64) -> Time {
    DateTime::from_timestamp_millis(ms).unwrap_or(if ms < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
}
