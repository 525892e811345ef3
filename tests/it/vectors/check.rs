//! Comparing an expectation with a reading: value, unit, status and every further fact the expectation names.

use quarterdeck::domain::{
    Decimal,
    value::{Datum, Reading},
};
use serde_json::{Map, Value};

use super::input::Expect;

/// Keys of an expectation that are not facts to compare.
const NOT_FACTS: &[&str] = &["metric", "scope", "value", "unit", "status", "tol", "config", "exact", "as_of", "window", "note", "why"];

/// Everything that differs, in words; empty when the expectation holds.
pub fn differences(expect: &Expect, reading: &Reading) -> Vec<String> {
    let mut found = Vec::new();
    let factor = unit_factor(&reading.unit, &expect.unit);
    if factor.is_none() {
        found.push(format!("unit: expected {:?}, got {:?}", expect.unit, reading.unit));
    }
    let factor = factor.unwrap_or(1.0);
    let ours = reading.value.as_ref().map_or(Value::Null, |v| to_json(v, factor));
    if !same(&expect.value, &ours, expect.tol) && !same_members(&expect.value, &ours, reading) {
        found.push(format!("value: expected {}, got {ours}{}", expect.value, because(reading)));
    }
    if expect.status != reading.status.word() {
        found.push(format!("status: expected {}, got {}{}", expect.status, reading.status.word(), because(reading)));
    }
    if let Some(exact) = expect.json.get("exact").and_then(Value::as_str)
        && !fraction(exact).is_some_and(|f| reading.number().is_some_and(|n| close(f, n * factor, None)))
    {
        found.push(format!("exact: expected {exact}, got {ours}"));
    }
    let facts = serde_json::to_value(reading).unwrap();
    for (key, wanted) in expect.json.iter().filter(|(k, _)| !NOT_FACTS.contains(&k.as_str())) {
        match fact(facts.as_object().unwrap(), key) {
            None => found.push(format!("{key}: expected {wanted}, nothing computes it")),
            Some(got) if !same_fact(key, wanted, &got, expect.tol) => found.push(format!("{key}: expected {wanted}, got {got}")),
            Some(_) => {}
        }
    }
    found
}

fn because(reading: &Reading) -> String {
    reading.reason.as_ref().map_or_else(String::new, |r| format!(" ({r})"))
}

/// What a reading leaves out of its JSON when it is plain: `false`, and absent options.
fn fact(facts: &Map<String, Value>, key: &str) -> Option<Value> {
    if let Some(value) = facts.get(key) {
        return Some(value.clone());
    }
    match key {
        "is_lower_bound" | "assumed" => Some(Value::Bool(false)),
        "reason" | "rating" | "lower" | "upper" | "coverage" => Some(Value::Null),
        // the age of the oldest open or pending thing goes by several names
        _ if key.starts_with("oldest") => facts.iter().find(|(k, _)| k.starts_with("oldest")).map(|(_, v)| v.clone()),
        _ => None,
    }
}

fn same_fact(key: &str, wanted: &Value, got: &Value, tol: Option<f64>) -> bool {
    match (key, wanted, got) {
        ("reason", Value::String(w), Value::String(g)) => words(g).contains(&words(w)),
        (_, Value::Array(w), Value::Array(g)) if w.iter().chain(g).all(Value::is_string) => sorted(w) == sorted(g),
        // a list where the expectation only gives its length
        (_, Value::Number(n), Value::Array(g)) => n.as_u64() == Some(g.len() as u64),
        _ => same(wanted, got, tol),
    }
}

/// An expected list of ids against a reading that counts them and lists them as `members`.
fn same_members(wanted: &Value, ours: &Value, reading: &Reading) -> bool {
    let Some(members) = reading.facts.get("members").map(|m| to_json(m, 1.0)) else { return false };
    wanted.is_array() && !ours.is_array() && same_fact("members", wanted, &members, None)
}

fn words(text: &str) -> String {
    text.to_lowercase().replace('_', " ")
}

fn sorted(list: &[Value]) -> Vec<&str> {
    let mut words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    words.sort_unstable();
    words
}

fn to_json(datum: &Datum, factor: f64) -> Value {
    match datum {
        Datum::Bool(b) => (*b).into(),
        Datum::Num(n) => (n * factor).into(),
        Datum::Money(d) => d.to_string().into(),
        Datum::Text(t) => t.as_str().into(),
        Datum::List(l) => l.iter().map(|d| to_json(d, factor)).collect(),
        Datum::Map(m) => m.iter().map(|(k, d)| (k.clone(), to_json(d, factor))).collect(),
    }
}

/// Equal as the vectors' README says: numbers within `tol` (else relative 1e-9), money exactly, maps with the same keys.
pub fn same(wanted: &Value, got: &Value, tol: Option<f64>) -> bool {
    match (wanted, got) {
        (Value::Number(w), Value::Number(g)) => close(w.as_f64().unwrap(), g.as_f64().unwrap(), tol),
        (Value::String(w), Value::String(g)) => w == g || decimal(w).is_some_and(|d| Some(d) == decimal(g)),
        (Value::String(text), Value::Number(n)) => decimal(text).is_some_and(|d| decimal(&n.to_string()) == Some(d)),
        (Value::Number(n), Value::String(text)) => decimal(text).is_some_and(|d| decimal(&n.to_string()) == Some(d)),
        (Value::Array(w), Value::Array(g)) => w.len() == g.len() && w.iter().zip(g).all(|(w, g)| same(w, g, tol)),
        (Value::Object(w), Value::Object(g)) => w.len() == g.len() && w.iter().all(|(k, w)| g.get(k).is_some_and(|g| same(w, g, tol))),
        _ => wanted == got,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse::<Decimal>().ok().map(|d| d.normalize())
}

fn close(wanted: f64, got: f64, tol: Option<f64>) -> bool {
    (wanted - got).abs() <= tol.unwrap_or_else(|| 1e-9 * wanted.abs().max(got.abs()).max(f64::MIN_POSITIVE))
}

fn fraction(text: &str) -> Option<f64> {
    let (top, bottom) = text.split_once('/').unwrap_or((text, "1"));
    Some(top.trim().parse::<f64>().ok()? / bottom.trim().parse::<f64>().ok()?)
}

/// What to multiply our number by to have it in the expected unit; `None` when they do not measure the same.
fn unit_factor(ours: &str, theirs: &str) -> Option<f64> {
    const SCALES: &[(&str, &str, f64)] = &[
        ("ms", "time", 0.001),
        ("s", "time", 1.0),
        ("min", "time", 60.0),
        ("h", "time", 3600.0),
        ("d", "time", 86_400.0),
        ("1/d", "rate", 7.0),
        ("1/wk", "rate", 1.0),
        ("ratio", "share", 1.0),
        ("%", "share", 0.01),
    ];
    if ours == theirs {
        return Some(1.0);
    }
    let find = |unit: &str| SCALES.iter().find(|(u, ..)| *u == unit);
    let (a, b) = (find(ours)?, find(theirs)?);
    (a.1 == b.1).then(|| a.2 / b.2)
}

#[test]
fn numbers_maps_and_money_compare_as_the_readme_says() {
    let json = |t: &str| serde_json::from_str::<Value>(t).unwrap();
    assert!(same(&json("0.3333333333333333"), &json("0.33333333333333337"), None));
    assert!(!same(&json("0.3333"), &json("0.3334"), None));
    assert!(same(&json("0.33"), &json("0.34"), Some(0.02)));
    assert!(same(&json("\"320.00\""), &json("\"320\""), None));
    assert!(!same(&json("{\"a\":1}"), &json("{\"a\":1,\"b\":2}"), None));
    assert!(!same(&json("0"), &Value::Null, None));
    assert!(same_fact("failed", &json("[\"b\",\"a\"]"), &json("[\"a\",\"b\"]"), None));
    assert_eq!(unit_factor("s", "h"), Some(1.0 / 3600.0));
    assert_eq!(unit_factor("s", "ratio"), None);
    assert_eq!(fraction("3/7"), Some(3.0 / 7.0));
}

#[test]
fn wrong_values_statuses_and_facts_nothing_computes_are_reported() {
    use quarterdeck::domain::value::Scope;
    let reading = Reading::ok("uptime", Scope::Org, "ratio", 0.5, 2).with("failed", vec!["d1"]);
    let expect = |json: Value| Expect::read(&json).unwrap();
    let base = |more: &str| format!(r#"{{"metric": "uptime", "scope": "org", "unit": "ratio", "status": "ok", "value": 0.5{more}}}"#);
    let faults = |more: &str| differences(&expect(serde_json::from_str(&base(more)).unwrap()), &reading).join("; ");
    assert_eq!(faults(r#", "n": 2, "failed": ["d1"], "exact": "1/2", "is_lower_bound": false"#), "");
    assert_eq!(faults(r#", "n": 3"#), "n: expected 3, got 2");
    assert_eq!(faults(r#", "failed": []"#), "failed: expected [], got [\"d1\"]");
    assert_eq!(faults(r#", "never": 1"#), "never: expected 1, nothing computes it");
    assert_eq!(faults(r#", "exact": "1/3""#), "exact: expected 1/3, got 0.5");
}
