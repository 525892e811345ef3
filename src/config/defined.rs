//! `[[metric]]` blocks: KPIs of one's own, checked against what the records of a kind hold.
//!
//! A metric's row is `'static`, as the built-in ones are; a defined one is leaked once for every time the file is read, a
//! few hundred bytes each, so what is lost is bounded by how often somebody edits it.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;

use super::{
    check::Check,
    raw::{self, Text},
};
use crate::domain::{
    defined::{Condition, Definition, Fold, Over, Part, Test},
    metric::{self, Direction, Metric, Quarter, Unit},
    near,
    record::{Kind, Record},
    text::clean,
};

/// Words of `metric.kind`.
const FOLDS: [&str; 6] = ["ratio", "mean", "quantile", "sum", "count", "distinct"];

/// Kinds of record a metric may read. People are not among them: nothing is computed of one's own about persons.
const OVER: [&str; 13] = [
    "deployment",
    "change",
    "incident",
    "work_item",
    "test_run",
    "quality",
    "finance",
    "customers",
    "survey",
    "feature_usage",
    "user_activity",
    "pipeline_run",
    "cost_line",
];

const TABS: [(&str, Quarter); 6] = [
    ("reliability", Quarter::Reliability),
    ("delivery", Quarter::Delivery),
    ("cost", Quarter::Cost),
    ("quality", Quarter::Quality),
    ("engagement", Quarter::Engagement),
    ("people", Quarter::People),
];

const DIRECTIONS: [(&str, Direction); 3] = [("up", Direction::Up), ("down", Direction::Down), ("band", Direction::Band)];

impl Check<'_> {
    /// The definitions, each with every fault it has.
    pub(super) fn definitions(&mut self, raw: &[raw::Defined], currency: &str) -> Vec<Definition> {
        self.unique("metric", raw.iter().map(|m| &m.id));
        raw.iter().filter_map(|m| self.definition(m, currency)).collect()
    }

    fn definition(&mut self, raw: &raw::Defined, currency: &str) -> Option<Definition> {
        let before = self.faults.len();
        self.id(&raw.id);
        let quarter = self.word("tab", &raw.tab, &TABS);
        let direction = raw.direction.as_ref().map_or(Some(Direction::Band), |text| self.word("direction", text, &DIRECTIONS));
        let fold = self.fold(raw);
        let over = self.over(&raw.over);
        let fields = match &over {
            Some(Over::Records(kind)) => fields(*kind),
            _ => BTreeMap::new(),
        };
        let reads = Reads { over: over.clone().unwrap_or(Over::Records(Kind::Other)), fields };
        let conditions = raw.filter.iter().flat_map(|(key, value)| self.condition(key.span().start, key.get_ref(), value, &reads));
        let filter: Vec<Condition> = conditions.collect::<Vec<_>>();
        let parts = match fold {
            Some(Fold::Ratio) => self.ratio(raw, &reads),
            Some(Fold::Count) => self.nothing_to_value(raw, "a count counts records").then_some((Part::Each, Part::Each)),
            Some(_) => self.value_part(raw, &reads).map(|top| (top, Part::Each)),
            None => None,
        };
        if self.faults.len() > before {
            return None;
        }
        let (fold, over, (top, bottom)) = (fold?, over?, parts?);
        let name = raw.name.as_deref().map_or_else(|| raw.id.get_ref().replace('_', " "), clean);
        let row = Metric {
            id: leak(raw.id.get_ref()),
            name: leak(&name),
            unit: unit(raw.unit.as_deref(), fold, currency),
            direction: direction?,
            quarter: quarter?,
            facet_of: None,
        };
        let definition = raw.definition.as_deref().map(clean).unwrap_or_default();
        Some(Definition { metric: Box::leak(Box::new(row)), fold, over, filter, top, bottom, definition })
    }

    fn id(&mut self, id: &Text) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if id.get_ref().is_empty() || !id.get_ref().bytes().all(plain) {
            let message = format!("`{}` is no id; expected lower-case letters, digits and `_`, as in `build_time`", clean(id.get_ref()));
            self.fault(id.span().start, message);
        } else if let Some(known) = metric::find(id.get_ref()) {
            self.fault(id.span().start, format!("`{}` is a built-in metric ({}); choose another id", id.get_ref(), known.name));
        }
    }

    fn word<T: Copy>(&mut self, what: &str, text: &Text, known: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        self.one_of(what, text, &words);
        known.iter().find(|(word, _)| word == text.get_ref()).map(|(_, meaning)| *meaning)
    }

    fn fold(&mut self, raw: &raw::Defined) -> Option<Fold> {
        self.one_of("way to fold", &raw.kind, &FOLDS);
        let wanted = raw.kind.get_ref() == "quantile";
        match &raw.q {
            Some(q) if !wanted => self.fault(q.span().start, "only a quantile has a `q`"),
            Some(q) if !(0.0..=1.0).contains(q.get_ref()) => {
                self.fault(q.span().start, format!("{} is no quantile; expected 0 to 1, such as 0.95", q.get_ref()));
            }
            None if wanted => self.fault(raw.kind.span().start, "a quantile needs `q`, such as `q = 0.95`"),
            _ => {}
        }
        Some(match raw.kind.get_ref().as_str() {
            "ratio" => Fold::Ratio,
            "mean" => Fold::Mean,
            "quantile" => Fold::Quantile(raw.q.as_ref().map_or(0.5, |q| *q.get_ref())),
            "sum" => Fold::Sum,
            "count" => Fold::Count,
            "distinct" => Fold::Distinct,
            _ => return None,
        })
    }

    fn over(&mut self, text: &Text) -> Option<Over> {
        if let Some(series) = text.get_ref().strip_prefix("sample:") {
            if series.is_empty() {
                self.fault(text.span().start, "expected the name of a live series behind `sample:`, as in `sample:requests`");
                return None;
            }
            return Some(Over::Sample(clean(series)));
        }
        if !OVER.contains(&text.get_ref().as_str()) {
            let near = near::unknown("kind of record", text.get_ref(), &OVER);
            self.fault(text.span().start, format!("{near} (or a live series, as `sample:requests`)"));
            return None;
        }
        Some(Over::Records(Kind::from_word(text.get_ref())))
    }

    /// Numerator and denominator. Of records a table of conditions counts those that satisfy it; without a denominator every
    /// record counts.
    fn ratio(&mut self, raw: &raw::Defined, reads: &Reads) -> Option<(Part, Part)> {
        if let Some(value) = &raw.value {
            self.fault(value.span().start, "a ratio has `numerator` and `denominator`, no `value`");
        }
        let sampled = matches!(reads.over, Over::Sample(_));
        let top = match &raw.numerator {
            Some(part) => self.part(part, reads),
            None if sampled => Some(Part::Each),
            None => {
                self.fault(raw.kind.span().start, "a ratio needs `numerator`: a field, or conditions such as { status = \"failure\" }");
                None
            }
        };
        let bottom = match &raw.denominator {
            Some(part) => self.part(part, reads),
            None if sampled => {
                self.fault(raw.kind.span().start, "a ratio of live series needs `denominator`: the name of another series");
                None
            }
            None => Some(Part::Each),
        };
        Some((top?, bottom?))
    }

    fn part(&mut self, part: &Spanned<toml::Value>, reads: &Reads) -> Option<Part> {
        let at = part.span().start;
        match (part.get_ref(), &reads.over) {
            (toml::Value::String(series), Over::Sample(_)) => Some(Part::Sample(clean(series))),
            (toml::Value::String(field), Over::Records(_)) => self.field(at, field, reads),
            (toml::Value::Table(table), Over::Records(_)) => {
                let conditions = table.iter().flat_map(|(key, value)| self.condition(at, key, value, reads)).collect::<Vec<_>>();
                Some(Part::Matching(conditions))
            }
            _ => {
                self.fault(at, "expected a field's name, or conditions such as { status = \"failure\" }");
                None
            }
        }
    }

    fn value_part(&mut self, raw: &raw::Defined, reads: &Reads) -> Option<Part> {
        for part in [&raw.numerator, &raw.denominator].into_iter().flatten() {
            self.fault(part.span().start, "only a ratio has `numerator` and `denominator`");
        }
        match (&raw.value, &reads.over) {
            (Some(value), Over::Sample(_)) => {
                self.fault(value.span().start, "a live series is its own value; leave `value` out");
                None
            }
            (None, Over::Sample(_)) if raw.kind.get_ref() == "distinct" => {
                self.fault(raw.kind.span().start, "a live series has no different values to count");
                None
            }
            (None, Over::Sample(_)) => Some(Part::Each),
            (Some(value), Over::Records(_)) => self.field(value.span().start, value.get_ref(), reads),
            (None, Over::Records(_)) => {
                self.fault(raw.kind.span().start, format!("a {} needs `value`: a field of the record", raw.kind.get_ref()));
                None
            }
        }
    }

    fn nothing_to_value(&mut self, raw: &raw::Defined, why: &str) -> bool {
        let extra = raw.value.as_ref().map(Spanned::span);
        let extra = extra.into_iter().chain([&raw.numerator, &raw.denominator].into_iter().flatten().map(Spanned::span)).next();
        if let Some(span) = &extra {
            self.fault(span.start, format!("{why}; use `filter` to say which"));
        }
        extra.is_none()
    }

    /// A field, or the seconds between two times.
    fn field(&mut self, at: usize, text: &str, reads: &Reads) -> Option<Part> {
        if let Some((to, from)) = text.split_once(" - ") {
            let both = (self.known(at, to.trim(), reads), self.known(at, from.trim(), reads));
            return Some(Part::Between(both.0?, both.1?));
        }
        self.known(at, text.trim(), reads).map(Part::Field)
    }

    /// A field that the records have.
    fn known(&mut self, at: usize, field: &str, reads: &Reads) -> Option<String> {
        let head = field.split_once('.').map_or(field, |(head, _)| head);
        let known: Vec<&str> = reads.fields.keys().map(String::as_str).collect();
        if reads.fields.get(head).is_some_and(|is_map| *is_map == (head != field)) {
            return Some(field.to_owned());
        }
        let message = match reads.fields.get(head) {
            Some(true) => format!("`{head}` holds several; say which, as in `{head}.region`"),
            Some(false) => format!("`{head}` holds nothing named"),
            None => near::unknown(&format!("field of {}", reads.over.word()), field, &known),
        };
        self.fault(at, message);
        None
    }

    fn condition(&mut self, at: usize, key: &str, value: &toml::Value, reads: &Reads) -> Vec<Condition> {
        if let toml::Value::Table(inner) = value {
            return inner.iter().flat_map(|(name, value)| self.condition(at, &format!("{key}.{name}"), value, reads)).collect();
        }
        let field = match &reads.over {
            Over::Records(_) => self.known(at, key, reads),
            Over::Sample(_) if key == "service" || key.starts_with("labels.") => Some(key.to_owned()),
            Over::Sample(_) => {
                self.fault(at, format!("a live series has `service` and labels, as `labels.region`, and no `{}`", clean(key)));
                None
            }
        };
        let test = test(value);
        if test.is_none() {
            self.fault(at, format!("`{}`: expected a text, a number, a list of texts, or a comparison such as \"> 60\"", clean(key)));
        }
        field.zip(test).map(|(field, test)| Condition { field, test }).into_iter().collect()
    }
}

/// What a definition may read: the fields of its records, and which of them hold several by name.
struct Reads {
    over: Over,
    fields: BTreeMap<String, bool>,
}

fn test(value: &toml::Value) -> Option<Test> {
    let word = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(n) => Some(n.to_string()),
        toml::Value::Float(n) => Some(n.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        _ => None,
    };
    match value {
        toml::Value::Array(list) if !list.is_empty() => list.iter().map(word).collect::<Option<_>>().map(Test::Any),
        toml::Value::String(text) => {
            let text = text.trim();
            if let Some(rest) = text.strip_prefix("!=") {
                return Some(Test::None(vec![rest.trim().to_owned()]));
            }
            let compared = ["<=", ">=", "<", ">"].iter().find_map(|sign| Some((*sign, text.strip_prefix(sign)?)));
            match compared {
                Some((sign, rest)) => rest.trim().parse().ok().filter(|n: &f64| n.is_finite()).map(|n| Test::Compare(sign, n)),
                None => Some(Test::Any(vec![text.to_owned()])),
            }
        }
        other => word(other).map(|word| Test::Any(vec![word])),
    }
}

fn unit(text: Option<&str>, fold: Fold, currency: &str) -> Unit {
    match (text, fold) {
        (Some("ratio" | "%"), _) | (None, Fold::Ratio) => Unit::Ratio,
        (Some("s"), _) => Unit::Seconds,
        (Some("ms"), _) => Unit::Millis,
        (Some("1/d"), _) => Unit::PerDay,
        (Some("1/wk"), _) => Unit::PerWeek,
        (Some("money"), _) => Unit::Money,
        (Some(code), _) if code == currency => Unit::Money,
        (Some(word), Fold::Count | Fold::Distinct) => Unit::Count(leak(&clean(word))),
        (Some(word), _) => Unit::Plain(leak(&clean(word))),
        (None, Fold::Count) => Unit::Count("records"),
        (None, Fold::Distinct) => Unit::Count("different"),
        (None, _) => Unit::Plain(""),
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// Fields of a kind of record as its JSON has them; `true` for those that hold several by name (`labels`, `Tags`).
fn fields(kind: Kind) -> BTreeMap<String, bool> {
    let root = schemars::schema_for!(Record).to_value();
    let mut out = BTreeMap::new();
    let mut take = |schema: &Value| {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let is_map = field["type"] == "object" || field["additionalProperties"].is_object();
            out.insert(name.clone(), is_map);
        }
    };
    take(&root);
    let kinds = root["oneOf"].as_array().or(root["anyOf"].as_array());
    for of in kinds.into_iter().flatten().filter(|k| k.pointer("/properties/kind/const") == Some(&Value::from(kind.word()))) {
        take(of);
        if let Some(target) = of["$ref"].as_str().and_then(|to| root.pointer(to.trim_start_matches('#'))) {
            take(target);
        }
    }
    out
}
