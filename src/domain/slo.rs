//! Service level objectives as they are written: what is counted, how good it must be, over which time, and whom a burn
//! wakes. Plain data; what becomes of it is computed in `analysis::burn` and `kpi::slo`.

use std::borrow::Cow;

use chrono::{Datelike, Duration, Months, NaiveDate};

use super::{
    Time,
    window::{Tz, Window, midnight},
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sli {
    /// Requests without error, of all.
    Requests,
    /// Requests not slower than this, of all.
    Latency {
        /// Seconds.
        threshold_s: f64,
    },
    /// Seconds up, of those known.
    Probe,
    /// Seconds without outage, of those watched.
    Incidents,
}

impl Sli {
    /// As configured.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Latency { .. } => "latency",
            Self::Probe => "probe",
            Self::Incidents => "incidents",
        }
    }

    /// Live series it is counted from.
    #[must_use]
    pub fn live(self) -> &'static [&'static str] {
        match self {
            Self::Requests => &["requests", "errors"],
            Self::Latency { .. } => &["latency"],
            Self::Probe => &["probe"],
            Self::Incidents => &[],
        }
    }
}

/// How a budget is counted, as OpenSLO names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// By events (or seconds).
    Occurrences,
    /// By slices of time: a slice is good when its share of good reaches the target of slices.
    Timeslices {
        /// Length of a slice, seconds.
        slice_s: f64,
        /// Share of good that makes a slice good.
        target: f64,
    },
    /// By slices of time, each counting its share of good.
    RatioTimeslices {
        /// Length of a slice, seconds.
        slice_s: f64,
    },
}

impl Method {
    /// As configured.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Occurrences => "occurrences",
            Self::Timeslices { .. } => "timeslices",
            Self::RatioTimeslices { .. } => "ratio_timeslices",
        }
    }
}

/// Over which time a budget is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The last so many seconds.
    Rolling(i64),
    /// Since the first of the month.
    Month,
    /// Since Monday.
    Week,
    /// Since the first of January, April, July or October.
    Quarter,
}

impl Period {
    /// The whole period that holds an instant: for a rolling one, the span that ends there.
    #[must_use]
    pub fn whole(self, at: Time, zone: Tz) -> Window {
        let day = at.with_timezone(&zone).date_naive();
        let (first, next) = match self {
            Self::Rolling(s) => return Window::ending(at, Duration::seconds(s)),
            Self::Week => {
                let monday = day - Duration::days(i64::from(day.weekday().num_days_from_monday()));
                (monday, monday + Duration::days(7))
            }
            Self::Month => months(day, 1),
            Self::Quarter => months(day, 3),
        };
        Window::new(midnight(first, zone), midnight(next, zone))
    }

    /// In words: `30 d`, `this month`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Rolling(s) if s % 86_400 == 0 => format!("{} d", s / 86_400),
            Self::Rolling(s) => format!("{} h", s / 3_600),
            Self::Month => "this month".into(),
            Self::Week => "this week".into(),
            Self::Quarter => "this quarter".into(),
        }
    }

    /// It ends at a boundary of the calendar.
    #[must_use]
    pub fn is_calendar(self) -> bool {
        !matches!(self, Self::Rolling(_))
    }
}

/// First day of the block of `n` months a day lies in, and of the next.
fn months(day: NaiveDate, n: u32) -> (NaiveDate, NaiveDate) {
    let first = NaiveDate::from_ymd_opt(day.year(), day.month0() / n * n + 1, 1).unwrap_or(day);
    (first, first.checked_add_months(Months::new(n)).unwrap_or(day))
}

/// An objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Unique name.
    pub name: String,
    /// Of which services; several are added up.
    pub services: Vec<String>,
    /// The team it was written for, when it names one instead of services.
    pub team: Option<String>,
    /// What is counted.
    pub sli: Sli,
    /// Share of good, more than 0 and less than 1.
    pub target: f64,
    /// How the budget is counted.
    pub method: Method,
    /// Over which time.
    pub period: Period,
    /// Zone of calendar periods.
    pub zone: Tz,
    /// Alerts; empty means the usual ones for the period.
    pub rules: Vec<Rule>,
    /// Fewest events for an alert.
    pub least: Least,
    /// Whole intervals without anything counted after which silence itself is an alert; `None`: never. An interval is as
    /// long as the shortest alert window.
    pub silent_after: Option<u64>,
    /// Where it is written.
    pub from: String,
    /// Doubts about the definition itself.
    pub warnings: Vec<String>,
}

impl Slo {
    /// What is counted, in a word: `requests`, `seconds`, `slices`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        match (self.method, self.sli) {
            (Method::Occurrences, Sli::Requests | Sli::Latency { .. }) => "requests",
            (Method::Occurrences, Sli::Probe | Sli::Incidents) => "seconds",
            _ => "slices",
        }
    }

    /// Services as shown: one name, or how many.
    #[must_use]
    pub fn service_words(&self) -> String {
        match (self.services.as_slice(), &self.team) {
            (_, Some(team)) => format!("team {team}"),
            ([one], None) => one.clone(),
            (many, None) => format!("{} services", many.len()),
        }
    }
}

/// A multi-window burn-rate alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `page_fast`, …; what begins with `page` wakes someone, the rest opens a ticket.
    pub name: Cow<'static, str>,
    /// Share of the period's budget that is spent when it fires.
    pub share: f64,
    /// Long window: significance.
    pub long_s: f64,
    /// Short window: reset.
    pub short_s: f64,
}

impl Rule {
    /// A rule of the tables.
    #[must_use]
    pub const fn new(name: &'static str, share: f64, long_s: f64, short_s: f64) -> Self {
        Self { name: Cow::Borrowed(name), share, long_s, short_s }
    }

    /// It wakes someone.
    #[must_use]
    pub fn pages(&self) -> bool {
        self.name.starts_with("page")
    }

    /// Its burn-rate threshold for a period.
    #[must_use]
    pub fn factor(&self, period_s: f64) -> f64 {
        self.share * period_s / self.long_s
    }
}

/// Fewest events of the long window for an alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    /// Valid events.
    pub events: f64,
    /// Bad ones among them.
    pub bad: f64,
}

impl Default for Least {
    fn default() -> Self {
        Self { events: 10.0, bad: 2.0 }
    }
}
