//! Lengths of time as people write them: `15s`, `5m`, `24h`, `180d`, `1h30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Longest length accepted: a hundred years.
const MAX_S: f64 = 100.0 * 365.25 * 86_400.0;

/// What is expected where a length of time is expected.
pub const EXPECTED: &str = "a length of time such as \"15s\", \"5m\", \"24h\", \"180d\" or \"1h30m\"";

/// A length of time in a config file: a string, more than nothing, at most a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Period;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Period, E> {
                parse(text).map(Period).map_err(E::custom)
            }
        }
        d.deserialize_str(Text)
    }
}

/// Parse `15s`, `1h30m`, `1.5d`. Units: `ms s m h d w y` (a year is 365 days).
///
/// # Errors
/// What was expected, as text.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = |why: &str| format!("`{}` {why}; expected {EXPECTED}", crate::domain::text::clean(text));
    let seconds = seconds(text).ok_or_else(|| wrong("is not a length of time"))?;
    if seconds <= 0.0 {
        return Err(wrong("is not more than nothing"));
    }
    if seconds > MAX_S {
        return Err(wrong("is longer than a hundred years"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// The seconds of a length of time; `None` when it does not read as one. May be zero or negative.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = after.trim_start();
    }
    Some(sign * total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "wk" | "week" | "weeks" => 7.0 * 86_400.0,
        "y" | "year" | "years" => 365.0 * 86_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_are_understood() {
        for (text, seconds) in
            [("15s", 15), ("5m", 300), ("24h", 86_400), ("180d", 15_552_000), ("1h30m", 5400), ("1.5 h", 5400), ("1w", 604_800)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn nothing_negative_unitless_or_endless_is_accepted() {
        for text in ["", "5", "-5s", "0s", "5 parsecs", "s", "1e9y", "999y", "1..5s", "5m-3s", "∞"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("-5s").unwrap_err().contains("not more than nothing"));
    }
}
