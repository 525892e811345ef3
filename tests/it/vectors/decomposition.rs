//! Answers of the decomposition vectors: the shape of the input decides which identity is asked about.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck::{
    analysis::{
        decompose::{self, Groups, RatioChange},
        histogram::Counts,
        shapley,
    },
    domain::{
        value::{Datum, Reading, Status},
        window::from_millis,
    },
    kpi::fact::{Event, Facts, Measure, Owners, Values, flag},
};
use serde_json::{Map, Value};

use super::{
    formula::{map, none, number, reading},
    input::{Expect, Vector},
};

type Object = Map<String, Value>;
type Numbers = BTreeMap<String, f64>;
type Answer = Result<Option<Reading>, String>;

/// One identity: an answer when the input has its shape (file, input, both sides, what is asked).
type Identity = fn(&Vector, &Object, (&Object, &Object), &Expect) -> Answer;

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    if input.contains_key("deployments") {
        return fractional(vector, &input, expect);
    }
    if let Some(stages) = input.iter().find(|(k, _)| k.starts_with("stage_mean")).map(|(_, v)| v)
        && (expect.metric == "decomposition.stage" || !input.contains_key("baseline"))
    {
        let change = decompose::differences(&numbers(&stages["baseline"])?, &numbers(&stages["current"])?);
        return Ok(plain(expect, change));
    }
    let side = |key: &str| input.get(key).and_then(Value::as_object).ok_or_else(|| format!("no {key}"));
    let sides = (side("baseline")?, side("current")?);
    let tries: [Identity; 7] = [exposed, per_user, prices, outages, flow, factors, quantile];
    for attempt in tries {
        if let Some(found) = attempt(vector, &input, sides, expect)? {
            return Ok(found);
        }
    }
    rate_mix(&input, sides, expect)
}

fn numbers(json: &Value) -> Result<Numbers, String> {
    json.as_object().ok_or("not a map")?.iter().map(|(k, v)| Ok((k.clone(), number(v)?))).collect()
}

/// Contributions that are one number each; `decomposition.total` is their sum.
fn plain(expect: &Expect, parts: Numbers) -> Reading {
    let gross = decompose::gross(parts.values());
    let answer = match expect.metric.as_str() {
        "decomposition.total" => reading(expect, parts.values().sum::<f64>()),
        "decomposition.gross" => reading(expect, gross),
        _ => reading(expect, map(parts)),
    };
    answer.with("gross", gross)
}

fn fractional(vector: &Vector, input: &Object, expect: &Expect) -> Result<Reading, String> {
    let list = input["deployments"].as_array().ok_or("deployments are no list")?;
    let mut events = Vec::new();
    for (i, d) in list.iter().enumerate() {
        let changes = numbers(d.get("changes").or_else(|| d.get("teams")).ok_or("a deployment of nobody")?)?;
        let all: f64 = changes.values().sum();
        let teams: Owners = changes.iter().map(|(team, n)| (Arc::from(team.as_str()), n / all)).collect::<Vec<_>>().into();
        let failed = d["failed"].as_bool().unwrap_or(false);
        events.push(Event {
            at: from_millis(1_000 + i64::try_from(i).unwrap()),
            service: "".into(),
            teams,
            flags: flag::SUCCESS | flag::COUNTED | if failed { flag::FAILED } else { 0 },
            group: i as u64,
            key: d["id"].as_str().unwrap_or_default().into(),
            values: Values::default(),
            dims: Arc::default(),
        });
    }
    if expect.metric == "weights" {
        let mut weights: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for event in &events {
            for (team, share) in event.teams.iter() {
                let sums = weights.entry(team.to_string()).or_default();
                sums.0 += if event.flags & flag::FAILED == 0 { 0.0 } else { *share };
                sums.1 += share;
            }
        }
        let of = |(failed, total): (f64, f64)| map([("failed".to_owned(), failed), ("total".to_owned(), total)]);
        return Ok(reading(expect, Datum::Map(weights.into_iter().map(|(t, w)| (t, of(w))).collect())));
    }
    let setup = vector.setup(expect)?;
    setup.evaluate(&expect.metric, &Facts { events: BTreeMap::from([(Measure::Deployment, events)]).into(), ..Facts::default() })
}

/// Counts over windows of different length.
fn exposed(_: &Vector, _: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    let key = |side: &Object| ["days", "hours", "exposure", "exposure_days"].into_iter().find(|k| side.contains_key(*k));
    let Some(days) = key(before) else { return Ok(None) };
    let split = |side: &Object| {
        let mut counts = numbers(&Value::Object(side.clone()))?;
        let length = counts.remove(days).ok_or("no exposure")?;
        Ok::<_, String>((counts, length))
    };
    let ((n0, t0), (n1, t1)) = (split(before)?, split(now)?);
    Ok(Some(match decompose::counts((&n0, t0), (&n1, t1)) {
        Some(parts) => plain(expect, parts),
        None => none(expect, Status::NoData, "no exposure"),
    }))
}

/// Cost per user.
fn per_user(_: &Vector, _: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    let (Some(u0), Some(u1)) = (before.get("users"), now.get("users")) else { return Ok(None) };
    let cost = |side: &Object| match side.get("cost") {
        Some(Value::Object(teams)) => numbers(&Value::Object(teams.clone())),
        Some(one) => Ok(Numbers::from([("cost".to_owned(), number(one)?)])),
        None => Err("no cost".to_owned()),
    };
    let (c0, c1) = (cost(before)?, cost(now)?);
    let users = (number(u0)?, number(u1)?);
    let Some([money, people]) = decompose::quotient((c0.values().sum(), c1.values().sum()), users) else {
        return Ok(Some(none(expect, Status::NoData, "no users")));
    };
    if expect.metric == "decomposition.cost_by_team" {
        let parts = decompose::differences(&c0, &c1).into_iter().map(|(team, d)| {
            let [money, _] = decompose::quotient((0.0, d), users).unwrap_or_default();
            (team, money)
        });
        return Ok(Some(reading(expect, map(parts))));
    }
    Ok(Some(plain(expect, [("cost".to_owned(), money), ("users".to_owned(), people)].into())))
}

/// Price and usage, by SKU.
fn prices(_: &Vector, _: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    let pick = |side: &Object, sku: &String, keys: [&str; 3]| {
        let found = side.get(sku).and_then(|s| keys.iter().find_map(|k| s.get(*k)));
        found.map(number).transpose()
    };
    let (price, usage) = (["p", "price", "unit_price"], ["q", "usage", "quantity"]);
    if !before.values().chain(now.values()).all(|v| v.is_object() && price.iter().any(|k| v.get(*k).is_some())) {
        return Ok(None);
    }
    let mut parts: BTreeMap<String, Numbers> = BTreeMap::new();
    for sku in before.keys().chain(now.keys()) {
        let (p0, p1) = (pick(before, sku, price)?, pick(now, sku, price)?);
        let (q0, q1) = (pick(before, sku, usage)?.unwrap_or(0.0), pick(now, sku, usage)?.unwrap_or(0.0));
        // A SKU absent on one side has no price there: it is usage only.
        let p = (p0.or(p1).unwrap_or(0.0), p1.or(p0).unwrap_or(0.0));
        let [by_price, by_usage] = decompose::product2(p, (q0, q1));
        parts.insert(sku.clone(), [("price".to_owned(), by_price), ("usage".to_owned(), by_usage)].into());
    }
    if expect.metric == "decomposition.total" {
        return Ok(Some(reading(expect, parts.values().flat_map(BTreeMap::values).sum::<f64>())));
    }
    Ok(Some(reading(expect, Datum::Map(parts.into_iter().map(|(sku, p)| (sku, map(p))).collect()))))
}

/// Number of outages and their length.
fn outages(_: &Vector, input: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    let lengths =
        |side: &Object| side.get("outages_min").and_then(Value::as_array).map(|l| l.iter().map(number).collect::<Result<Vec<_>, _>>());
    let (Some(was), Some(is)) = (lengths(before), lengths(now)) else { return Ok(None) };
    let (was, is) = (was?, is?);
    let mean = |v: &[f64], or: &[f64]| {
        let of = if v.is_empty() { or } else { v };
        if of.is_empty() { 0.0 } else { of.iter().sum::<f64>() / of.len() as f64 }
    };
    // Without outages there is no mean length: the change is one of frequency only.
    let [frequency, duration] = decompose::product2((was.len() as f64, is.len() as f64), (mean(&was, &is), mean(&is, &was)));
    let parts = Numbers::from([("frequency".to_owned(), frequency), ("duration".to_owned(), duration)]);
    if expect.metric == "decomposition.uptime" {
        let window = number(input.get("window_min").ok_or("no window_min")?)?;
        return Ok(Some(reading(expect, map(parts.into_iter().map(|(k, v)| (k, -v / window))))));
    }
    Ok(Some(plain(expect, parts)))
}

/// Deployments as changes shipped over changes per deployment.
fn flow(_: &Vector, _: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    if !(before.contains_key("deployments") && before.contains_key("changes")) {
        return Ok(None);
    }
    let of = |side: &Object| Ok::<_, String>((number(&side["deployments"])?, number(&side["changes"])?));
    let ((d0, c0), (d1, c1)) = (of(before)?, of(now)?);
    Ok(Some(match decompose::quotient((c0, c1), (c0 / d0, c1 / d1)) {
        Some([flow, batch]) => plain(expect, [("flow".to_owned(), flow), ("batch".to_owned(), batch)].into()),
        None => none(expect, Status::NoData, "no changes"),
    }))
}

/// Named factors of one product: two, or three.
fn factors(_: &Vector, _: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    if before.len() > 3 || before.len() < 2 || before.values().any(|v| number(v).is_err()) {
        return Ok(None);
    }
    let names: Vec<&String> = before.keys().collect();
    let pair = |i: usize| Ok::<_, String>((number(&before[names[i]])?, number(now.get(names[i]).ok_or("a factor is missing")?)?));
    let parts: Vec<f64> = if names.len() == 2 {
        decompose::product2(pair(0)?, pair(1)?).to_vec()
    } else {
        decompose::product3(pair(0)?, pair(1)?, pair(2)?).to_vec()
    };
    Ok(Some(plain(expect, names.into_iter().cloned().zip(parts).collect())))
}

/// Medians and percentiles: raw values or histograms per group.
fn quantile(vector: &Vector, input: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Answer {
    let names: Vec<&String> = before.keys().chain(now.keys()).collect();
    let side = |side: &Object, name: &String| side.get(name).cloned().unwrap_or(Value::Null);
    let kpis = vector.json.get("kpis").map(ToString::to_string).unwrap_or_default();
    let timed = ["lead_time", "latency", "restore", "recovery", "time_to"].iter().any(|k| kpis.contains(k));
    let all: Vec<&Value> = before.values().chain(now.values()).collect();
    let bounds = ["bounds", "le", "buckets"].iter().find_map(|k| input.get(*k)?.as_array());
    let histograms = bounds.is_some() || all.iter().any(|v| v.get("buckets").is_some() || v[0].is_array());
    let lists = all.iter().all(|v| v.is_array());
    if !histograms && !(lists && (timed || all.iter().any(|v| v.as_array().is_some_and(|a| a.len() != 2)))) {
        return Ok(None);
    }
    let told = ["q", "quantile", "percentile"].iter().find_map(|k| input.get(*k)?.as_f64()).map(|q| if q > 1.0 { q / 100.0 } else { q });
    let named =
        [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)].iter().find(|(n, _)| kpis.contains(n)).map(|n| n.1);
    let q = told.or(named).unwrap_or(if histograms { 0.95 } else { 0.5 });
    let groups = if histograms {
        let counts = |json: &Value| counts(json, bounds.map(Vec::as_slice));
        let each = names.iter().map(|n| Ok(((*n).clone(), (counts(&side(before, n))?, counts(&side(now, n))?))));
        shapley::Groups::Histograms(each.collect::<Result<_, String>>()?)
    } else {
        let values = |json: &Value| json.as_array().into_iter().flatten().map(number).collect::<Result<Vec<f64>, String>>();
        let each = names.iter().map(|n| Ok(((*n).clone(), (values(&side(before, n))?, values(&side(now, n))?))));
        shapley::Groups::Values(each.collect::<Result<_, String>>()?)
    };
    let Some(change) = shapley::quantile(&groups, q) else {
        return Ok(Some(none(expect, Status::NoData, "an empty pool has no quantile")));
    };
    let mut answer = match expect.metric.as_str() {
        "coalitions" => reading(expect, map(change.coalitions_by_name())),
        "decomposition.total" => reading(expect, change.total()),
        _ => plain(expect, change.parts.clone()),
    };
    answer = answer.with("gross", decompose::gross(change.parts.values()));
    answer.is_lower_bound = change.is_lower_bound;
    Ok(Some(answer))
}

/// A histogram: pairs, `{"buckets": pairs}`, or bare cumulative counts under common bounds.
fn counts(json: &Value, bounds: Option<&[Value]>) -> Result<Counts, String> {
    let list = json.get("buckets").unwrap_or(json).as_array().map_or(&[] as &[Value], Vec::as_slice);
    let bound = |b: &Value| match b.as_str() {
        Some("+Inf" | "Inf" | "inf") => Ok(f64::INFINITY),
        _ => number(b),
    };
    let pairs = match bounds {
        Some(bounds) if !list.iter().any(Value::is_array) => {
            let given = bounds.iter().zip(list).map(|(b, n)| Ok((bound(b)?, number(n)?)));
            given.collect::<Result<Vec<_>, String>>()?
        }
        _ => list.iter().map(|p| Ok((bound(&p[0])?, number(&p[1])?))).collect::<Result<Vec<_>, String>>()?,
    };
    Ok(Counts::from_pairs(pairs))
}

/// Ratios and means: `[numerator, denominator]`, or an object with one of the usual names for each.
fn rate_mix(input: &Object, (before, now): (&Object, &Object), expect: &Expect) -> Result<Reading, String> {
    let (before, now) = (groups(before)?, groups(now)?);
    let parent = input.get("parent");
    let change = match parent {
        Some(parent) => decompose::nested(&before, &now, number(&parent["weight"])?),
        None => decompose::ratio(&before, &now),
    };
    let Some(change) = change else { return Ok(none(expect, Status::NoData, "nothing below the line")) };
    let gross: f64 = change.parts.values().map(|p| p.rate.abs() + p.mix.abs()).sum();
    Ok(match expect.metric.as_str() {
        "decomposition.total" => reading(expect, change.total()),
        "decomposition.rate_total" => reading(expect, change.rate_total()),
        "decomposition.mix_total" => reading(expect, change.mix_total()),
        "decomposition.parent_sum" => reading(expect, change.parts.values().map(decompose::RateMix::sum).sum::<f64>()),
        "decomposition.gross" => reading(expect, gross),
        _ => reading(expect, by_group(&change, expect)),
    }
    .with("gross", gross))
}

fn by_group(change: &RatioChange, expect: &Expect) -> Datum {
    let wanted: Vec<String> = expect
        .value
        .as_object()
        .and_then(|o| o.values().next())
        .and_then(Value::as_object)
        .map_or_else(Vec::new, |o| o.keys().cloned().collect());
    let of = |p: &decompose::RateMix| {
        if wanted.is_empty() {
            return Datum::Num(p.sum());
        }
        let all = [("rate", p.rate), ("mix", p.mix), ("sum", p.sum())];
        map(all.into_iter().filter(|(k, _)| wanted.iter().any(|w| w == k)).map(|(k, v)| (k.to_owned(), v)))
    };
    Datum::Map(change.parts.iter().map(|(g, p)| (g.clone(), of(p))).collect())
}

fn groups(side: &Object) -> Result<Groups, String> {
    const TOPS: &[&str] =
        &["sum_h", "sum_s", "sum", "k", "failed", "bad", "errors", "covered", "covered_lines", "num", "numerator", "cost"];
    const BOTTOMS: &[&str] = &["n", "d", "total", "count", "lines", "lines_to_cover", "den", "denominator", "users"];
    let part = |json: &Value| match json {
        Value::Array(pair) if pair.len() == 2 => Ok((number(&pair[0])?, number(&pair[1])?)),
        Value::Object(o) => {
            let find =
                |names: &[&str]| names.iter().find_map(|k| o.get(*k)).ok_or_else(|| format!("{json}: no part and whole")).and_then(number);
            Ok((find(TOPS)?, find(BOTTOMS)?))
        }
        other => Err(format!("{other} is no ratio")),
    };
    side.iter().map(|(name, json)| Ok((name.clone(), part(json)?))).collect()
}
