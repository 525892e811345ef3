//! What a reading says in one sign, one word and one role: met, missed, banded, too small, missing, refused.

use ratatui::style::Style;

use super::{glyph::Glyphs, theme::Theme};
use crate::domain::value::{Reading, Status};

/// How a number stands. Ordered by how much it wants to be looked at, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Misses its target, or stands in a bad band.
    Bad,
    /// Could not be computed, with a reason.
    Error,
    /// In a middling band.
    Fair,
    /// Too few to say.
    Few,
    /// Meets its target, or stands in a good band.
    Good,
    /// A number without target or band.
    Plain,
    /// Nothing to compute from.
    NoData,
}

impl State {
    /// Of a reading; none at all is no data.
    #[must_use]
    pub fn of(reading: Option<&Reading>) -> Self {
        let Some(r) = reading else { return Self::NoData };
        match (r.status, r.target_met) {
            (Status::Error, _) => Self::Error,
            (Status::NoData, _) => Self::NoData,
            (Status::Insufficient, _) => Self::Few,
            (_, Some(true)) => Self::Good,
            (_, Some(false)) => Self::Bad,
            _ if r.value.is_none() => Self::NoData,
            _ => r.rating.as_deref().map_or(Self::Plain, band),
        }
    }

    /// Its sign.
    #[must_use]
    pub fn sign(self, glyphs: &Glyphs) -> &'static str {
        match self {
            Self::Bad => glyphs.bad,
            Self::Error => glyphs.error,
            Self::Fair => glyphs.fair,
            Self::Few => glyphs.few,
            Self::Good => glyphs.good,
            Self::Plain => glyphs.plain,
            Self::NoData => glyphs.none,
        }
    }

    /// Its style.
    #[must_use]
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Bad | Self::Error => theme.bad,
            Self::Fair => theme.fair,
            Self::Good => theme.good,
            Self::Plain => theme.base,
            Self::Few | Self::NoData => theme.dim,
        }
    }
}

/// Its word, from the reading it came from.
#[must_use]
pub fn word(reading: Option<&Reading>) -> String {
    let state = State::of(reading);
    match (state, reading) {
        (State::Error, _) => "error".into(),
        (State::Few, _) => "n too small".into(),
        (State::NoData, _) => "no data".into(),
        (_, Some(r)) => match (r.target_met, &r.rating) {
            (Some(true), _) => "on target".into(),
            (Some(false), _) => "off target".into(),
            (None, Some(rating)) => rating_words(rating),
            (None, None) => String::new(),
        },
        (_, None) => String::new(),
    }
}

/// A letter says little alone.
fn rating_words(rating: &str) -> String {
    if rating.chars().count() == 1 { format!("rating {rating}") } else { rating.to_owned() }
}

/// Where a band or rating stands. Unknown words are only words.
fn band(rating: &str) -> State {
    match rating.to_lowercase().as_str() {
        "a" | "b" | "good" | "on demand" | "daily" | "within an hour" | "within a day" => State::Good,
        "c" | "needs improvement" | "weekly" | "within a week" | "monthly" | "within 30 days" => State::Fair,
        "d" | "e" | "poor" | "every six months" | "within six months" | "more than six months" => State::Bad,
        _ => State::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::Scope;

    fn reading() -> Reading {
        Reading::ok("uptime", Scope::Org, "ratio", 0.99, 10)
    }

    #[test]
    fn a_target_speaks_before_a_band() {
        let r = Reading { target_met: Some(false), rating: Some("A".into()), ..reading() };
        assert_eq!((State::of(Some(&r)), word(Some(&r))), (State::Bad, "off target".into()));
        let r = Reading { rating: Some("A".into()), ..reading() };
        assert_eq!((State::of(Some(&r)), word(Some(&r))), (State::Good, "rating A".into()));
    }

    #[test]
    fn what_has_no_value_is_never_good() {
        for status in [Status::NoData, Status::Insufficient, Status::Error] {
            let r = Reading { target_met: Some(true), ..Reading::none("uptime", Scope::Org, "ratio", status, "why") };
            assert!(!matches!(State::of(Some(&r)), State::Good | State::Plain), "{status:?}");
            assert!(!word(Some(&r)).is_empty());
        }
        assert_eq!(State::of(None), State::NoData);
    }
}
