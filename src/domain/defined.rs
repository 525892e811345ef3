//! KPIs that the config defines: which records, which of them, what of each, and how that becomes one number.
//!
//! A definition says what to read of a record; the arithmetic is in `kpi::defined`.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;

use super::{
    metric::{self, Metric, Quarter},
    near,
    record::{Kind, Record},
    text::clean_to,
};

/// How values become one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fold {
    /// Sum of numerators over sum of denominators.
    Ratio,
    /// Sum over count.
    Mean,
    /// Type-7 quantile of the pooled values; of a live series that of the merged histogram.
    Quantile(f64),
    /// Sum.
    Sum,
    /// How many records.
    Count,
    /// How many different values.
    Distinct,
}

/// What a definition reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Over {
    /// Records of a kind.
    Records(Kind),
    /// A live series.
    Sample(String),
}

impl Over {
    /// The word by which the store says that it was ever seen.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Records(kind) => kind.word().to_owned(),
            Self::Sample(metric) => format!("sample:{metric}"),
        }
    }
}

/// A number of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// 1 for every record.
    Each,
    /// A field that holds a number, a decimal, or yes and no (1 and 0).
    Field(String),
    /// Seconds from one time to another: `finished_at - started_at`.
    Between(String, String),
    /// 1 for a record that satisfies these conditions, else 0.
    Matching(Vec<Condition>),
    /// Another live series.
    Sample(String),
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Its path: `status`, `labels.region`.
    pub field: String,
    /// What is asked of it.
    pub test: Test,
}

/// What is asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these texts; `*` and `?` match.
    Any(Vec<String>),
    /// None of these.
    None(Vec<String>),
    /// Less than, at most, more than, at least this number.
    Compare(&'static str, f64),
}

/// One definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its row beside the built-in ones.
    pub metric: &'static Metric,
    /// How values become a number.
    pub fold: Fold,
    /// What is read.
    pub over: Over,
    /// Which of it.
    pub filter: Vec<Condition>,
    /// The value, or the numerator of a ratio.
    pub top: Part,
    /// The denominator of a ratio.
    pub bottom: Part,
    /// What it is, in the config's words.
    pub definition: String,
}

/// The metrics there are: the built-in ones and those that the config defines, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue(Arc<[Definition]>);

impl Catalogue {
    /// With these definitions.
    #[must_use]
    pub fn new(definitions: Vec<Definition>) -> Self {
        Self(definitions.into())
    }

    /// What the config defines.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.0
    }

    /// The definition of an id, if the config has one.
    #[must_use]
    pub fn definition(&self, id: &str) -> Option<&Definition> {
        self.0.iter().find(|d| d.metric.id == id)
    }

    /// Every metric.
    pub fn all(&self) -> impl Iterator<Item = &'static Metric> {
        metric::CATALOGUE.iter().chain(self.0.iter().map(|d| d.metric))
    }

    /// The row of an id, or of a short form of a built-in one.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&'static Metric> {
        metric::find(id).or_else(|| self.definition(id).map(|d| d.metric))
    }

    /// All that [`find`](Self::find) knows: short forms, then ids.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let short = |m: &'static Metric| if m.facet_of.is_none() { m.id.split_once('.') } else { None };
        self.all().filter_map(move |m| Some(short(m)?.0)).chain(self.all().map(|m| m.id))
    }

    /// What to say of an id that nothing knows, with the id or short form that was probably meant.
    #[must_use]
    pub fn unknown(&self, id: &str) -> String {
        let names: Vec<&str> = self.names().collect();
        let alike: Vec<String> = names.iter().filter(|n| n.contains(id) || id.contains(*n)).take(5).map(|n| format!("`{n}`")).collect();
        let hint = match near::hint(id, names.iter().copied()) {
            hint if !hint.is_empty() => hint,
            _ if id.len() > 2 && !alike.is_empty() => format!("; did you mean one of {}?", alike.join(", ")),
            _ => "; `quarterdeck library` lists them".to_owned(),
        };
        format!("unknown metric `{}`{hint}", clean_to(id, 80))
    }

    /// Headline metrics of a tab, in card order.
    pub fn headlines(&self, quarter: Quarter) -> impl Iterator<Item = &'static Metric> {
        self.all().filter(move |m| m.quarter == quarter && m.facet_of.is_none())
    }
}

impl Definition {
    /// What it takes from a record: numerator and denominator (1 where it has none), and a hash of the value where different
    /// ones are counted. `None` for a record that is not meant or does not hold the fields.
    #[must_use]
    pub fn read(&self, record: &Record) -> Option<(f64, f64, u64)> {
        let Over::Records(kind) = &self.over else { return None };
        if record.body.kind() != *kind || record.deleted {
            return None;
        }
        let json = serde_json::to_value(record).ok()?;
        if !all(&self.filter, &json) {
            return None;
        }
        if let (Fold::Distinct, Part::Field(field)) = (self.fold, &self.top) {
            let text = text(at(&json, field)?)?;
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            return Some((1.0, 1.0, hasher.finish()));
        }
        Some((self.top.number(&json)?, self.bottom.number(&json)?, 0))
    }

    /// Whether the labels of a live series satisfy its filter.
    #[must_use]
    pub fn takes(&self, service: &str, labels: &BTreeMap<String, String>) -> bool {
        self.filter.iter().all(|c| match c.field.strip_prefix("labels.") {
            Some(label) => c.test.holds(labels.get(label).map(String::as_str)),
            None => c.test.holds((c.field == "service").then_some(service)),
        })
    }

    /// How it is computed, in words.
    #[must_use]
    pub fn formula(&self) -> String {
        let (top, bottom, over) = (self.top.words(), self.bottom.words(), self.over.word());
        let filter: Vec<String> = self.filter.iter().map(Condition::words).collect();
        let only = if filter.is_empty() { String::new() } else { format!(" where {}", filter.join(" and ")) };
        match self.fold {
            Fold::Ratio => format!("sum of {top} / sum of {bottom}, over {over}{only}"),
            Fold::Mean => format!("mean of {top}, over {over}{only}"),
            Fold::Quantile(q) => format!("quantile {q} of {top}, over {over}{only}"),
            Fold::Sum => format!("sum of {top}, over {over}{only}"),
            Fold::Count => format!("count of {over}{only}"),
            Fold::Distinct => format!("number of different {top}, over {over}{only}"),
        }
    }
}

impl Part {
    fn number(&self, json: &Value) -> Option<f64> {
        match self {
            Self::Each => Some(1.0),
            Self::Field(field) => number(at(json, field)?),
            Self::Between(to, from) => {
                let time = |field: &str| at(json, field)?.as_str()?.parse::<super::Time>().ok();
                let span = time(to)? - time(from)?;
                Some(span.num_milliseconds() as f64 / 1000.0)
            }
            Self::Matching(conditions) => Some(f64::from(u8::from(all(conditions, json)))),
            Self::Sample(_) => None,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Each => "records".into(),
            Self::Field(field) | Self::Sample(field) => field.clone(),
            Self::Between(to, from) => format!("{to} - {from}"),
            Self::Matching(conditions) => {
                format!("records where {}", conditions.iter().map(Condition::words).collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

impl Condition {
    fn words(&self) -> String {
        match &self.test {
            Test::Any(words) => format!("{} is {}", self.field, words.join(" or ")),
            Test::None(words) => format!("{} is not {}", self.field, words.join(" nor ")),
            Test::Compare(sign, bound) => format!("{} {sign} {bound}", self.field),
        }
    }
}

impl Test {
    fn holds(&self, found: Option<&str>) -> bool {
        match self {
            Self::Any(words) => found.is_some_and(|text| words.iter().any(|w| super::text::matches(w, text))),
            Self::None(words) => !found.is_some_and(|text| words.iter().any(|w| super::text::matches(w, text))),
            Self::Compare(sign, bound) => found.and_then(|text| text.parse::<f64>().ok()).is_some_and(|n| match *sign {
                "<" => n < *bound,
                "<=" => n <= *bound,
                ">" => n > *bound,
                _ => n >= *bound,
            }),
        }
    }
}

fn all(conditions: &[Condition], json: &Value) -> bool {
    conditions.iter().all(|c| match at(json, &c.field) {
        // A list has what any of its items is.
        Some(Value::Array(items)) => items.iter().any(|item| c.test.holds(text(item).as_deref())),
        found => c.test.holds(found.and_then(text).as_deref()),
    })
}

/// A field by its path; names of labels and tags may hold dots themselves.
fn at<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        Some((head, rest)) => json.get(head)?.get(rest),
        None => json.get(path),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(n) => n.as_f64(),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|n| n.is_finite())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}
