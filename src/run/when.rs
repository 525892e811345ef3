//! Times and spans as people type them, and the clock of the commands.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};

use super::{Stop, args::Span};
use crate::domain::{
    Time,
    window::{Tz, Window, midnight},
};

/// The clock.
#[must_use]
pub fn now() -> Time {
    #[allow(clippy::disallowed_methods, reason = "the one place where commands read the clock")]
    Utc::now()
}

/// RFC 3339, a date (its midnight in `zone`), or a date with a time in `zone`.
///
/// # Errors
/// What was expected.
pub fn time(option: &str, text: &str, zone: Tz) -> Result<Time, Stop> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(midnight(day, zone));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
    naive.and_then(|n| zone.from_local_datetime(&n).earliest()).map(|at| at.with_timezone(&Utc)).ok_or_else(|| {
        Stop::Use(format!("{option} {text}: expected a time as 2026-03-02T09:00:00Z, 2026-03-02T09:00 or 2026-03-02 ({zone})"))
    })
}

/// `90m`, `6h`, `28d`, `4w`, `1y`.
///
/// # Errors
/// What was expected.
pub fn length(option: &str, text: &str) -> Result<Duration, Stop> {
    let wrong = || Stop::Use(format!("{option} {text}: expected a length as 90m, 6h, 28d, 4w or 1y"));
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 1_440,
        'w' => 10_080,
        'y' => 525_600,
        _ => return Err(wrong()),
    };
    count.checked_mul(minutes).filter(|m| (1..=525_600 * 50).contains(m)).map(Duration::minutes).ok_or_else(wrong)
}

/// The span asked for, and the evaluation instant.
///
/// # Errors
/// A time that is none, or a span that ends before it starts.
pub fn span(span: &Span, zone: Tz, range: &str, now: Time) -> Result<(Window, Time), Stop> {
    let read = |option: &str, text: &Option<String>| text.as_deref().map(|t| time(option, t, zone)).transpose();
    let at = read("--at", &span.at)?;
    let as_of = read("--as-of", &span.as_of)?.or(at);
    let to = read("--to", &span.to)?.or(as_of).unwrap_or(now);
    let from = match read("--from", &span.from)? {
        Some(from) => from,
        None => to - length("--range", span.range.as_deref().unwrap_or(range))?,
    };
    if from >= to {
        return Err(Stop::Use(format!("the span is empty: it starts at {} and ends at {}", show(from, zone), show(to, zone))));
    }
    // Past spans are judged as of their end, as the vectors are; a span reaching past now only as of now.
    Ok((Window::new(from, to), as_of.unwrap_or_else(|| to.min(now).max(from))))
}

/// A time for a person, with the zone's abbreviation.
#[must_use]
pub fn show(at: Time, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_is_midnight_in_the_configured_zone() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        assert_eq!(time("--from", "2026-03-02", zone).unwrap(), t("2026-03-01T23:00:00Z"));
        assert_eq!(time("--from", "2026-03-02T09:00", zone).unwrap(), t("2026-03-02T08:00:00Z"));
        assert_eq!(time("--from", "2026-03-02T09:00:00+02:00", zone).unwrap(), t("2026-03-02T07:00:00Z"));
        assert!(matches!(time("--from", "yesterday", zone), Err(Stop::Use(why)) if why.contains("--from yesterday: expected")));
    }

    #[test]
    fn the_span_ends_now_and_is_28_days_long_unless_said_otherwise() {
        let now = t("2026-03-29T00:00:00Z");
        let (window, as_of) = span(&Span::default(), Tz::UTC, "28d", now).unwrap();
        assert_eq!((window.from, window.to, as_of), (t("2026-03-01T00:00:00Z"), now, now));
        let past = Span { from: Some("2026-01-01".into()), to: Some("2026-02-01".into()), ..Span::default() };
        let (window, as_of) = span(&past, Tz::UTC, "28d", now).unwrap();
        assert_eq!((window.from, window.to, as_of), (t("2026-01-01T00:00:00Z"), t("2026-02-01T00:00:00Z"), window.to));
        let wrong = Span { from: Some("2026-04-01".into()), ..Span::default() };
        assert!(matches!(span(&wrong, Tz::UTC, "28d", now), Err(Stop::Use(why)) if why.contains("empty")));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(length("--range", "2w").unwrap(), Duration::days(14));
        for wrong in ["", "d", "0d", "-1d", "9999999999y", "1é", "1"] {
            assert!(length("--range", wrong).is_err(), "{wrong}");
        }
    }
}
