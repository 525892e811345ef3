//! Answers of the vectors that give already-reduced numbers: SIG, SLO, SUS, BND.

use std::collections::BTreeMap;

use quarterdeck::{
    analysis::{
        burn::{self, Alert, Refused},
        flags,
        interval::wilson95,
        significance::{fisher, rates, ratio_verdict},
        suspects::{self, Candidate, Locality},
    },
    domain::{
        slo::{Least, Rule},
        value::{Datum, Reading, Scope, Status},
    },
    kpi::bands,
};
use serde_json::{Map, Value};

use super::input::{self, Expect, Vector};

type Object = Map<String, Value>;

/// A value in the expectation's own unit: these formulas know none.
pub fn reading(expect: &Expect, value: impl Into<Datum>) -> Reading {
    Reading::ok("formula", Scope::Org, expect.unit.clone(), value, 0)
}

pub fn none(expect: &Expect, status: Status, why: &str) -> Reading {
    Reading::none("formula", Scope::Org, expect.unit.clone(), status, why)
}

fn refused(expect: &Expect, why: Refused) -> Reading {
    none(expect, if why == Refused::NoData { Status::NoData } else { Status::Error }, why.reason())
}

/// A number, or a number as text.
pub fn number(json: &Value) -> Result<f64, String> {
    json.as_f64().or_else(|| json.as_str()?.parse().ok()).ok_or_else(|| format!("{json} is no number"))
}

fn count(json: &Value) -> Result<u64, String> {
    json.as_u64().ok_or_else(|| format!("{json} is no count"))
}

pub fn map(pairs: impl IntoIterator<Item = (String, f64)>) -> Datum {
    Datum::Map(pairs.into_iter().map(|(k, v)| (k, Datum::Num(v))).collect())
}

fn config(vector: &Vector, expect: &Expect, key: &str) -> Option<f64> {
    [expect.json.get("config"), vector.json.get("config")].into_iter().flatten().find_map(|c| c.get(key)?.as_f64())
}

fn object<'a>(input: &'a Object, key: &str) -> Result<&'a Value, String> {
    input.get(key).ok_or_else(|| format!("no {key} in the input"))
}

pub fn significance(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    if expect.metric.starts_with("flag.") {
        return flag(vector, expect);
    }
    let input = vector.input_for(expect)?;
    let pair = |key: &str| Ok::<_, String>((count(&object(&input, key)?["k"])?, count(&object(&input, key)?["n"])?));
    let exposed = |k: &str, t: &str| Ok::<_, String>((count(object(&input, k)?)?, number(object(&input, t)?)?));
    Ok(match expect.metric.as_str() {
        "wilson95" => {
            let (low, high) = wilson95(number(object(&input, "k")?)?, number(object(&input, "n")?)?).ok_or("no interval")?;
            reading(expect, vec![low, high])
        }
        "fisher_p" => reading(expect, fisher(pair("baseline")?, pair("current")?).ok_or("no test")?),
        "verdict" => reading(expect, ratio_verdict(pair("baseline")?, pair("current")?).word()),
        "rate_p" => match rates(exposed("n0", "t0")?, exposed("n1", "t1")?) {
            Some(p) => reading(expect, p),
            None => none(expect, Status::NoData, "nothing counted"),
        },
        other => return Err(format!("nothing computes {other}")),
    })
}

fn flag(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let name = expect.scope_of("series").ok_or("a flag of no series")?;
    let values = object(&input, "series")?[name].as_array().ok_or("no such series")?;
    let values = values.iter().map(number).collect::<Result<Vec<f64>, _>>()?;
    let usual = flags::Rules::default();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small settings")]
    let whole = |key: &str, or: usize| config(vector, expect, key).map_or(or, |v| v as usize);
    let rules = flags::Rules {
        static_rel: config(vector, expect, "flags.static_rel").unwrap_or(usual.static_rel),
        weeks: whole("flags.static_weeks", usual.weeks),
        min_values: whole("flags.min_values", usual.min_values),
        robust_z: config(vector, expect, "flags.robust_z").unwrap_or(usual.robust_z),
    };
    let mut z = None;
    let flag = match expect.metric.as_str() {
        "flag.static" => flags::is_static(&values, &rules),
        "flag.dormant" => flags::is_dormant(&values, &rules),
        "flag.volatile" => flags::is_volatile(&values, &rules),
        "flag.outlier" => flags::outlier(&values, &rules).map(|(out, score)| {
            z = score;
            out
        }),
        other => return Err(format!("nothing computes {other}")),
    };
    let answer = match flag {
        Some(flag) => reading(expect, Datum::Bool(flag)),
        None => none(expect, Status::Insufficient, "too few values"),
    };
    Ok(match z {
        Some(z) => answer.with("robust_z", z),
        None => answer,
    })
}

/// `5m`, `6h`, `3d` in seconds.
fn span(text: &str) -> Result<f64, String> {
    let (digits, unit) = text.split_at(text.len() - 1);
    let each = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(format!("{text} is no span")),
    };
    Ok(digits.parse::<f64>().map_err(|e| format!("{text}: {e}"))? * each)
}

/// Bad and total of each window given; ratios stand for as many events as any guard wants.
fn windows(input: &Object) -> Result<BTreeMap<String, (f64, f64)>, String> {
    let mut out = BTreeMap::new();
    for (name, ratio) in input.get("err").and_then(Value::as_object).into_iter().flatten() {
        out.insert(name.clone(), (number(ratio)? * 1e9, 1e9));
    }
    for (name, counts) in input.get("window").and_then(Value::as_object).into_iter().flatten() {
        out.insert(name.clone(), (number(&counts["bad"])?, number(&counts["total"])?));
    }
    Ok(out)
}

pub fn slo(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let of = |key: &str| number(object(&input, key)?);
    let objective = |key: &str| number(&object(&input, "slo")?[key]);
    Ok(match expect.metric.as_str() {
        "burn_factor" => factors(&input, expect)?,
        "burn_rate" => burn_rates(&input, expect, objective("target")?)?,
        "alerts" => alerts(vector, &input, expect, objective("target")?, objective("period_h")? * 3_600.0)?,
        "error_budget.remaining" => match burn::remaining(of("target")?, of("bad")?, of("total")?) {
            Ok(left) => reading(expect, left).with("budget_events", burn::budget(of("target")?).unwrap_or(0.0) * of("total")?),
            Err(why) => refused(expect, why),
        },
        "error_budget.hours_to_exhaustion" => {
            let rates = object(&input, "burn")?.as_array().ok_or("burn is no list")?;
            let hours = |burn: &Value| {
                Ok::<_, String>(
                    burn::exhausted_in_s(of("remaining")?, of("period_h")?, number(burn)?).map_or(Datum::from("never"), Datum::Num),
                )
            };
            reading(expect, Datum::List(rates.iter().map(hours).collect::<Result<_, _>>()?))
        }
        "minutes_to_burn_budget.timeslices" => reading(expect, burn::timeslice_budget_s(of("target")?, of("window_min")?)),
        "minutes_to_burn_budget.ratio_timeslices" => {
            let minutes = burn::ratio_slice_budget_s(of("target")?, of("window_min")?, of("base_ratio")?, of("attack_ratio")?);
            reading(expect, minutes.ok_or("the attack does not burn")?)
        }
        metric if metric.starts_with("alert.") => {
            let at = |group: &str, key: &str| number(&object(&input, group)?[key]);
            let windows = (at("rule", "long_s")?, at("rule", "short_s")?);
            let period = objective("period_h")? * 3_600.0;
            let (error, lasts) = (at("outage", "error_ratio")?, at("outage", "lasts_s")?);
            match burn::course(objective("target")?, period, at("rule", "factor")?, windows, error, lasts) {
                Err(why) => refused(expect, why),
                Ok(None) => none(expect, Status::NoData, "the alert does not fire"),
                Ok(Some(course)) => match metric {
                    "alert.detection_s" => reading(expect, course.detection_s),
                    "alert.budget_spent_at_detection" => reading(expect, course.spent_at_detection),
                    "alert.reset_after_recovery_s" => reading(expect, course.reset_s),
                    "alert.budget_spent_by_outage" => reading(expect, course.spent),
                    other => return Err(format!("nothing computes {other}")),
                },
            }
        }
        other => return Err(format!("nothing computes {other}")),
    })
}

fn factors(input: &Object, expect: &Expect) -> Result<Reading, String> {
    let rules = object(input, "rules")?.as_array().ok_or("rules are no list")?;
    let mut out = BTreeMap::new();
    for name in expect.value.as_object().ok_or("factors of what periods?")?.keys() {
        let period = number(&object(input, "periods_h")?[name.trim_end_matches("_same_shares")])?;
        let of = |rule: &Value| Ok::<_, String>(Rule::new("", number(&rule[1])?, number(&rule[2])?, 0.0).factor(period));
        out.insert(name.clone(), Datum::from(rules.iter().map(of).collect::<Result<Vec<f64>, _>>()?));
    }
    Ok(reading(expect, Datum::Map(out)))
}

fn burn_rates(input: &Object, expect: &Expect, target: f64) -> Result<Reading, String> {
    let asked = expect.value.as_object().ok_or("burn rates of what windows?")?;
    let windows = windows(input)?;
    let mut out = BTreeMap::new();
    for name in asked.keys() {
        let (bad, total) = windows.get(name).ok_or_else(|| format!("no window {name}"))?;
        match burn::burn_rate(target, *bad, *total) {
            Ok(rate) => out.insert(name.clone(), rate),
            Err(why) => return Ok(refused(expect, why)),
        };
    }
    Ok(reading(expect, map(out)))
}

fn alerts(vector: &Vector, input: &Object, expect: &Expect, target: f64, period_s: f64) -> Result<Reading, String> {
    let windows: Vec<(f64, (f64, f64))> = windows(input)?.iter().map(|(name, w)| Ok((span(name)?, *w))).collect::<Result<_, String>>()?;
    let find = |length: f64| windows.iter().find(|(l, _)| (l - length).abs() < 0.5).map(|(_, w)| *w);
    let usual = Least::default();
    let least = Least {
        events: config(vector, expect, "slo.min_events").unwrap_or(usual.events),
        bad: config(vector, expect, "slo.min_bad").unwrap_or(usual.bad),
    };
    let (mut firing, mut held, mut silent) = (Vec::new(), false, false);
    for rule in burn::profile(period_s) {
        let (Some(long), Some(short)) = (find(rule.long_s), find(rule.short_s)) else { continue };
        match burn::alert(target, rule.factor(period_s), long, short, least) {
            Ok(Alert::Firing) => firing.push(rule.name.to_string()),
            Ok(Alert::LowTraffic) => held = true,
            Ok(Alert::NoData) => silent = true,
            Ok(Alert::Quiet) => {}
            Err(why) => return Ok(refused(expect, why)),
        }
    }
    let mut answer = reading(expect, firing.clone());
    if firing.is_empty() && (held || silent) {
        answer.status = if held { Status::Insufficient } else { Status::NoData };
        answer.reason = Some(if held { "low_traffic" } else { "no_data" }.into());
    }
    Ok(answer)
}

pub fn suspect(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let cell = |key: &str| {
        let json = object(&input, key)?;
        Ok::<_, String>((number(&json["bad"])?, number(&json["total"])?))
    };
    match expect.metric.as_str() {
        "coincidence_probability" => {
            let of = |key: &str| number(object(&input, key)?);
            Ok(reading(expect, suspects::coincidence(of("deploys_per_h")?, of("window_h")?)))
        }
        "did" | "raw_shift" => {
            let shift = suspects::shift(cell("pre")?, cell("post")?, cell("control_pre")?, cell("control_post")?).ok_or("an empty cell")?;
            Ok(reading(expect, if expect.metric == "did" { shift.against_control } else { shift.raw }))
        }
        "suspects" => ranking(vector, &input, expect),
        other => Err(format!("nothing computes {other}")),
    }
}

fn ranking(vector: &Vector, input: &Object, expect: &Expect) -> Result<Reading, String> {
    let second = |json: &Value| {
        let at = json.as_str().map(input::at).transpose()?;
        #[allow(clippy::cast_precision_loss, reason = "milliseconds")]
        Ok::<_, String>(at.map(|t| t.timestamp_millis() as f64 / 1000.0))
    };
    let incident = object(input, "incident")?;
    let onset = second(&incident["started_at"])?.or(second(&incident["detected_at"])?).ok_or("an incident without a start")?;
    let service = incident["service"].as_str().unwrap_or_default();
    let catalog = input.get("catalog").cloned().unwrap_or_default();
    let lists = |key: &str, of: &str| {
        catalog[key][of].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let same = |key: &str, a: &str, b: &str| catalog[key][a].as_str().is_some_and(|x| catalog[key][b].as_str() == Some(x));
    let mut candidates = Vec::new();
    for key in ["deployments", "config_changes", "flag_changes", "candidates"] {
        for d in input.get(key).and_then(Value::as_array).into_iter().flatten() {
            let other = d["service"].as_str().unwrap_or_default();
            let text = |k: &str| d[k].as_str().is_some_and(|t| incident[k].as_str() == Some(t));
            let locality = if other == service {
                Locality::Service
            } else if lists("depends_on", service).iter().any(|s| s == other) {
                Locality::Dependency
            } else if same("system", service, other)
                || same("team", service, other)
                || same("owner", service, other)
                || text("team")
                || text("system")
            {
                Locality::Neighbour
            } else {
                Locality::Elsewhere
            };
            let finished_s = second(&d["finished_at"])?;
            let started_s = second(&d["started_at"])?.or(second(&d["ts"])?).or(finished_s).ok_or("a candidate without a time")?;
            candidates.push(Candidate { id: d["id"].as_str().unwrap_or_default().to_owned(), locality, started_s, finished_s });
        }
    }
    let usual = suspects::Rules::default();
    let rules = suspects::Rules {
        half_life_s: config(vector, expect, "suspect.half_life_s").unwrap_or(usual.half_life_s),
        none_weight: config(vector, expect, "suspect.none_weight").unwrap_or(usual.none_weight),
        within_s: config(vector, expect, "suspect.window_s").unwrap_or(usual.within_s),
    };
    let ranking = suspects::rank(&candidates, onset, &rules);
    let wanted: Vec<&str> = expect
        .value
        .as_array()
        .and_then(|l| l.first())
        .and_then(Value::as_object)
        .map_or_else(Vec::new, |o| o.keys().map(String::as_str).collect());
    let entry = |s: &suspects::Suspect| {
        let all = [
            ("id", Datum::from(s.id.clone())),
            ("score", s.score.into()),
            ("share", s.share.into()),
            ("lag_s", s.lag_s.into()),
            ("locality", s.locality.weight().into()),
        ];
        Datum::Map(all.into_iter().filter(|(k, _)| wanted.contains(k)).map(|(k, v)| (k.to_owned(), v)).collect())
    };
    let list = Datum::List(ranking.suspects.iter().map(entry).collect());
    Ok(reading(expect, list).with("none_share", ranking.none_share).with("excluded", ranking.excluded))
}

pub fn band(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let values = object(&input, "values")?.as_object().ok_or("values are no map")?;
    let of = |key: &str| values.get(key).and_then(Value::as_f64);
    let categories: Vec<(&str, u8)> = [
        ("lead_time", of("lead_time_s").map(|s| bands::duration(s).0)),
        ("deployment_frequency", of("deployments_per_day").map(|d| bands::frequency(d).0)),
        ("recovery", of("recovery_s").map(|s| bands::duration(s).0)),
    ]
    .into_iter()
    .filter_map(|(name, band)| Some((name, band?)))
    .collect();
    let mut scores: Vec<(&str, f64)> = categories.iter().map(|(name, c)| (*name, bands::score(*c))).collect();
    scores.extend(["cfr", "rework"].into_iter().filter_map(|name| Some((name, bands::score_of_share(of(name)?)))));
    Ok(match expect.metric.as_str() {
        "bands" => reading(expect, map(categories.iter().map(|(n, c)| ((*n).to_owned(), f64::from(*c))))),
        "scores" => reading(expect, map(scores.iter().map(|(n, s)| ((*n).to_owned(), *s)))),
        "score.average" if scores.is_empty() => none(expect, Status::NoData, "no metric to score"),
        "score.average" => reading(expect, scores.iter().map(|s| s.1).sum::<f64>() / scores.len() as f64),
        other => return Err(format!("nothing computes {other}")),
    })
}
