//! Which time is shown: typed moments, panning, ranges. Pure arithmetic; now comes in.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

use crate::{
    domain::{
        Time,
        window::{Tz, day_span},
    },
    kpi::board::{RANGES, Range},
};

/// How a moment may be typed.
pub const FORMS: &str = "2026-03-31, 2026-03-31 14:05, 14:05 or -3d, -6h, -20m";

/// Read a typed moment in a zone. A day alone means its end (its last instant before midnight), so that the day is seen.
///
/// # Errors
/// When it is none, lies in the future or before 1970, in words.
pub fn parse(text: &str, zone: Tz, now: Time) -> Result<Time, String> {
    let text = text.trim();
    let at = ago(text, now)
        .or_else(|| clock(text, zone, now))
        .or_else(|| local(text, zone, now))
        .ok_or_else(|| format!("`{text}` is no time (expected {FORMS})"))?;
    if at > now {
        return Err(format!("`{text}` has not happened yet"));
    }
    if at.timestamp() < 0 {
        return Err(format!("`{text}` is before 1970"));
    }
    Ok(at)
}

fn ago(text: &str, now: Time) -> Option<Time> {
    let rest = text.strip_prefix('-')?;
    let unit = rest.chars().next_back()?;
    let count: i32 = rest.strip_suffix(unit)?.parse().ok()?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 1_440,
        'w' => 10_080,
        _ => return None,
    };
    now.checked_sub_signed(Duration::try_minutes(i64::from(count) * minutes)?)
}

fn clock(text: &str, zone: Tz, now: Time) -> Option<Time> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
    instant(now.with_timezone(&zone).date_naive().and_time(time), zone)
}

fn local(text: &str, zone: Tz, now: Time) -> Option<Time> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let span = day_span(day, zone);
        // today has not ended: now is its end so far
        return Some(if span.contains(now) { now } else { span.to - Duration::seconds(1) });
    }
    instant(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()?, zone)
}

fn instant(naive: NaiveDateTime, zone: Tz) -> Option<Time> {
    zone.from_local_datetime(&naive).earliest().map(|local| local.with_timezone(&Utc))
}

/// The moment looked at after moving by this many halves of the window; `None` is now.
#[must_use]
pub fn pan(at: Option<Time>, range: Range, halves: i32, now: Time) -> Option<Time> {
    let step = range.length() / 2 * halves;
    let moved = at.unwrap_or(now).checked_add_signed(step)?;
    if moved >= now { None } else { Some(moved.max(Time::UNIX_EPOCH)) }
}

/// The next shorter (`-1`) or longer (`1`) range; the same at the ends.
#[must_use]
pub fn zoom(range: Range, step: isize) -> Range {
    let here = RANGES.iter().position(|r| r.minutes >= range.minutes).unwrap_or(RANGES.len() - 1);
    let next = here.saturating_add_signed(step).min(RANGES.len() - 1);
    RANGES[next]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn typed_moments_are_in_the_zone_of_the_screen() {
        let now = time("2026-04-10T12:00:00Z");
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        assert_eq!(parse("2026-03-31 14:05", berlin, now), Ok(time("2026-03-31T12:05:00Z")));
        assert_eq!(parse("2026-03-10", berlin, now), Ok(time("2026-03-10T22:59:59Z")));
        assert_eq!(parse("2026-04-10", berlin, now), Ok(now));
        assert_eq!(parse("08:30", berlin, now), Ok(time("2026-04-10T06:30:00Z")));
        assert_eq!(parse(" -3d ", berlin, now), Ok(time("2026-04-07T12:00:00Z")));
        // the hour that does not exist is no time, the doubled one is its first
        assert!(parse("2026-03-29 02:30", berlin, now).is_err());
        assert_eq!(parse("2025-10-26 02:30", berlin, now), Ok(time("2025-10-26T00:30:00Z")));
    }

    #[test]
    fn what_is_no_time_is_told_with_what_is_expected() {
        let now = time("2026-04-10T12:00:00Z");
        assert!(parse("yesterday", Tz::UTC, now).unwrap_err().contains("expected"));
        assert!(parse("2026-05-01", Tz::UTC, now).unwrap_err().contains("not happened"));
        assert!(parse("1900-01-01", Tz::UTC, now).unwrap_err().contains("1970"));
        assert!(parse("-99999999999d", Tz::UTC, now).is_err());
        assert!(parse("-é", Tz::UTC, now).is_err());
    }

    #[test]
    fn panning_ends_at_now_and_zooming_at_the_ends() {
        let now = time("2026-04-10T12:00:00Z");
        let day = Range::find("24h").unwrap();
        let back = pan(None, day, -1, now);
        assert_eq!(back, Some(time("2026-04-10T00:00:00Z")));
        assert_eq!(pan(back, day, 1, now), None);
        assert_eq!(zoom(day, -1).word, "6h");
        assert_eq!(zoom(RANGES[0], -1), RANGES[0]);
        assert_eq!(zoom(RANGES[RANGES.len() - 1], 1), RANGES[RANGES.len() - 1]);
    }
}
