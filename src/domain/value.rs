//! A computed number with everything needed to believe it: status, sample size, coverage, age.
//!
//! Empty never reads as best: a value that could not be computed carries a status and a reason, never a zero.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Decimal, Time};

/// What a value may be worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Computed from enough complete data.
    Ok,
    /// Computed, but something it rests on may still change (bucket in progress, open incident, immature link).
    Provisional,
    /// Below the minimum sample, or held back by a guard.
    Insufficient,
    /// Denominator or sample empty, or source never seen.
    NoData,
    /// Refused, with a reason (mixed currencies, target of 1, churn of 0).
    Error,
}

impl Status {
    /// The word in JSON and on the screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Provisional => "provisional",
            Self::Insufficient => "insufficient",
            Self::NoData => "no_data",
            Self::Error => "error",
        }
    }
}

/// A number, or the structured answer some metrics have (per day, per stage, a list of ids).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Datum {
    /// Yes or no.
    Bool(bool),
    /// Any measured or computed number.
    Num(f64),
    /// Exact money; printed as decimal text.
    Money(Decimal),
    /// A word, an id or a time.
    Text(String),
    /// Several.
    List(Vec<Datum>),
    /// By day, stage, case…
    Map(BTreeMap<String, Datum>),
}

impl Datum {
    /// As a float, when it is one number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Num(n) => Some(*n),
            Self::Money(d) => rust_decimal::prelude::ToPrimitive::to_f64(d),
            _ => None,
        }
    }
}

impl From<f64> for Datum {
    /// An empty sum of floats is -0.0; nobody wants to read that.
    fn from(n: f64) -> Self {
        Self::Num(n + 0.0)
    }
}
impl From<Decimal> for Datum {
    fn from(d: Decimal) -> Self {
        Self::Money(d)
    }
}
impl From<&str> for Datum {
    fn from(s: &str) -> Self {
        Self::Text(s.to_owned())
    }
}
impl From<String> for Datum {
    fn from(s: String) -> Self {
        Self::Text(s)
    }
}
impl<T: Into<Datum>> From<Vec<T>> for Datum {
    fn from(v: Vec<T>) -> Self {
        Self::List(v.into_iter().map(Into::into).collect())
    }
}

/// What the noise guard says of a change against the window before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judgement {
    /// `significant`, `not_significant` or `insufficient`.
    pub verdict: &'static str,
    /// Which test.
    pub test: &'static str,
    /// Two-sided p, where the test gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// 95 % interval of the difference, where the test gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Significant alone, but not among all that is shown together.
    #[serde(skip_serializing_if = "is_false")]
    pub by_family: bool,
}

/// Whose number it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scope {
    /// Everything.
    #[default]
    Org,
    /// One team and its child teams.
    Team(String),
    /// One service.
    Service(String),
    /// One project (quality) or another named group: (dimension, name).
    Group(String, String),
}

impl Serialize for Scope {
    /// `"org"`, or an object with the dimension as its only key.
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let one = |s: S, k: &str, v: &str| {
            use serde::ser::SerializeMap;
            let mut m = s.serialize_map(Some(1))?;
            m.serialize_entry(k, v)?;
            m.end()
        };
        match self {
            Self::Org => s.serialize_str("org"),
            Self::Team(t) => one(s, "team", t),
            Self::Service(t) => one(s, "service", t),
            Self::Group(k, v) => one(s, k, v),
        }
    }
}

/// One computed value. Serialises to the vocabulary of the known-answer vectors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// Metric id, e.g. `deployment_frequency.per_day` (see `domain::metric`).
    pub metric: &'static str,
    /// Whose.
    pub scope: Scope,
    /// The value; `None` always comes with a status other than ok.
    pub value: Option<Datum>,
    /// Unit as text (`s`, `ratio`, `1/d`, `USD/user`).
    pub unit: String,
    /// What it may be worth.
    pub status: Status,
    /// Why it is not plain ok, in words for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Sample size.
    pub n: u64,
    /// Share of the window (or of the data) that was observed, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Smallest and largest value the unobserved part allows, or the interval of the estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// See `lower`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// The value can only be larger (quantile above the last bound, open incidents).
    #[serde(skip_serializing_if = "is_false")]
    pub is_lower_bound: bool,
    /// A letter or band in words (`A`, `good`, `within a day`), when one is defined for this metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// When the newest datum in it happened; the screen shows the age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Time>,
    /// Rests on inferred deployments.
    #[serde(skip_serializing_if = "is_false")]
    pub assumed: bool,
    /// The same over the like-for-like window before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Sample size of `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_n: Option<u64>,
    /// Whether the change against `before` passes the noise guard; `None`: not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_is_real: Option<bool>,
    /// The guard's verdict with its test; `None`: this metric's changes are not judged.
    #[serde(rename = "guard", skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judgement>,
    /// Whether the configured target is met; `None`: no target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_met: Option<bool>,
    /// The configured target in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Metric-specific facts (`failed`, `denominator`, `members`, `exposure_days`, `excluded`, …), flattened.
    #[serde(flatten)]
    pub facts: BTreeMap<String, Datum>,
}

/// Facts worth a remark, with the words before them.
const REMARKS: &[(&str, &str)] = &[
    ("restated", ""),
    ("basis", "by"),
    ("range", "range"),
    ("horizon", "over"),
    ("cost_scope", "holds"),
    ("capped_at_months", "capped at months:"),
    ("single_points", "hang on one:"),
    ("uncovered", "uncovered:"),
    ("pending", "pending"),
];

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl Reading {
    /// A reading with a value and status ok.
    #[must_use]
    pub fn ok(metric: &'static str, scope: Scope, unit: impl Into<String>, value: impl Into<Datum>, n: u64) -> Self {
        Self { value: Some(value.into()), status: Status::Ok, n, ..Self::none(metric, scope, unit, Status::Ok, "") }
    }

    /// A reading without a value, and why.
    #[must_use]
    pub fn none(metric: &'static str, scope: Scope, unit: impl Into<String>, status: Status, reason: &str) -> Self {
        Self {
            metric,
            scope,
            value: None,
            unit: unit.into(),
            status,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            n: 0,
            coverage: None,
            lower: None,
            upper: None,
            is_lower_bound: false,
            rating: None,
            measured_at: None,
            assumed: false,
            before: None,
            before_n: None,
            change_is_real: None,
            judged: None,
            target_met: None,
            target: None,
            facts: BTreeMap::new(),
        }
    }

    /// The same with one metric-specific fact more.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Datum>) -> Self {
        self.facts.insert(name.to_owned(), fact.into());
        self
    }

    /// What a person should read beside the number, from the facts: on which basis, over which horizon, restated or not.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let words = |datum: &Datum| match datum {
            Datum::Text(text) => text.clone(),
            Datum::List(list) => list
                .iter()
                .filter_map(|d| if let Datum::Text(text) = d { Some(text.as_str()) } else { None })
                .collect::<Vec<_>>()
                .join(", "),
            other => other.as_f64().map(|n| n.to_string()).unwrap_or_default(),
        };
        let told = REMARKS.iter().filter_map(|(fact, say)| Some((say, words(self.facts.get(*fact)?))));
        told.filter(|(_, text)| !text.is_empty()).map(|(say, text)| format!("{say} {text}").trim().to_owned()).collect()
    }

    /// The value as a float.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        self.value.as_ref().and_then(Datum::as_f64)
    }
}
