//! Answers of the reliability vectors: their reduced inputs become probe results, samples and buckets.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck::{
    analysis::burn,
    domain::{
        Time,
        record::{Body, Probe, Record, Sample, SampleKind},
        value::{Datum, Reading, Scope},
        window::{Window, from_millis},
    },
    kpi::{
        fact::{Bucket, Histogram},
        live::{self, ProbePoint, Sums},
    },
};
use serde_json::{Map, Value};

use super::input::{self, Expect, Setup, Vector};

type Object = Map<String, Value>;

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    if let Some(reading) = constant(&input, expect)? {
        return Ok(reading);
    }
    let mut setup = vector.setup(expect)?;
    if !vector.json.contains_key("window") {
        let minutes = input.get("timeline").and_then(|t| t["window_min"].as_f64());
        let summary = input.get("probe_summary").map(|s| number(s, "slots") * number(s, "interval_s"));
        setup.window = Window::new(from_millis(0), seconds(summary.or(minutes.map(|m| m * 60.0)).unwrap_or(3600.0)));
        setup.settings.as_of = setup.window.to;
    }
    // Sample records are read only where a reading needs single values; a case's own window is the whole of its time.
    let mut facts = setup.facts();
    facts.buckets = buckets(&input, &setup)?;
    facts.sort();
    facts.records.extend(raw(&input, &setup));
    setup.evaluate(&expect.metric, &facts)
}

/// Answers that need no facts: allowed down time, increase of a counter.
fn constant(input: &Object, expect: &Expect) -> Result<Option<Reading>, String> {
    let reading = |id: &'static str, unit: &str, value: Datum, n: usize| Ok(Some(Reading::ok(id, Scope::Org, unit, value, n as u64)));
    match expect.metric.as_str() {
        "allowed_downtime" => {
            let targets = input.get("targets").and_then(Value::as_array).ok_or("no targets")?;
            let minutes: Vec<f64> =
                targets.iter().map(|t| burn::allowed_downtime_s(number(t, "target"), number(t, "days") * 86_400.0) / 60.0).collect();
            reading("allowed_downtime", "min", minutes.into(), targets.len())
        }
        "increase" => {
            let points = input.get("counter").and_then(Value::as_array).ok_or("no counter")?;
            let values: Vec<f64> = points.iter().map(|p| number(p, "v")).collect();
            reading("increase", "count", live::increase(&values).into(), values.len())
        }
        _ => Ok(None),
    }
}

fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or(0.0)
}

#[allow(clippy::cast_possible_truncation, reason = "small test numbers")]
fn seconds(s: f64) -> Time {
    from_millis((s * 1000.0) as i64)
}

fn bucket(metric: &str, service: &str, label: Option<(&str, &str)>, span: Window, sums: Sums) -> Bucket {
    let labels: BTreeMap<String, String> = label.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    sums.into_bucket(metric.into(), service.into(), Arc::from([]), Arc::new(labels), span)
}

fn list<'a>(input: &'a Object, key: &str) -> impl Iterator<Item = &'a Value> {
    input.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn buckets(input: &Object, setup: &Setup) -> Result<Vec<Bucket>, String> {
    let mut out = Vec::new();
    let window = setup.window;
    if let Some(s) = input.get("probe_summary") {
        let each = number(s, "interval_s");
        let sums = Sums { n: 1, a: number(s, "ok") * each, b: number(s, "fail") * each, ..Sums::default() };
        out.push(bucket(live::PROBE, "", None, window, sums));
    }
    if let Some(t) = input.get("timeline") {
        let (all, down) = (number(t, "window_min"), number(t, "down_min"));
        let (kept, both) = (number(t, "maintenance_min"), number(t, "down_during_maintenance_min"));
        let minutes = |m: f64| m * 60.0;
        let sums =
            Sums { n: 1, a: minutes(all - kept - (down - both)), b: minutes(down - both), c: minutes(kept), d: minutes(both), hist: None };
        out.push(bucket(live::PROBE, "", None, window, sums));
    }
    out.extend(probes(input, window)?);
    for t in list(input, "request_totals") {
        let (service, total, good) = (t["service"].as_str().unwrap_or_default(), number(t, "total"), number(t, "good"));
        out.push(bucket("requests", service, None, window, Sums { n: 1, a: total, ..Sums::default() }));
        out.push(bucket("errors", service, None, window, Sums { n: 1, a: total - good, ..Sums::default() }));
    }
    // A case's own counts stand instead of the common ones.
    let alone = Value::Object(input.clone());
    let slots: Vec<&Value> = if input.contains_key("errors") { vec![&alone] } else { list(input, "slots").collect() };
    for (i, t) in slots.into_iter().enumerate() {
        let span = Window::new(seconds(i as f64 * 60.0), seconds(i as f64 * 60.0 + 60.0));
        for (metric, key) in [("requests", "total"), ("errors", "errors")] {
            let sample = Sample {
                metric: metric.into(),
                sample_kind: SampleKind::CounterDelta,
                window_s: 60.0,
                value: t[key].as_f64(),
                ..Sample::default()
            };
            out.push(bucket(metric, "", None, span, live::fold_samples(&[(span.to, &sample)], span)));
        }
    }
    // One histogram may stand alone.
    let one = if input.contains_key("buckets") { Some(&alone) } else { input.get("histogram") };
    for h in list(input, "histograms").chain(one) {
        let sample: Sample = serde_json::from_value(h.clone()).map_err(|e| format!("histogram: {e}"))?;
        let hist = Histogram::from_sample(&sample);
        let label = h["series"].as_str().map(|s| ("series", s));
        out.push(bucket("latency", h["service"].as_str().unwrap_or_default(), label, window, Sums { n: 1, hist, ..Sums::default() }));
    }
    Ok(out)
}

/// Probe results, folded minute by minute as the store does.
fn probes(input: &Object, window: Window) -> Result<Vec<Bucket>, String> {
    let mut checks: BTreeMap<(String, String), Vec<(Time, Probe)>> = BTreeMap::new();
    for p in list(input, "probes") {
        let at = input::at(p["ts"].as_str().ok_or("a probe without ts")?)?;
        let text = |key: &str| p[key].as_str().unwrap_or_default().to_owned();
        let probe = Probe {
            ok: p["ok"].as_bool().ok_or("a probe without ok")?,
            location: p["location"].as_str().map(str::to_owned),
            maintenance: p["maintenance"].as_bool().unwrap_or(false),
            interval_s: p["interval_s"].as_f64().or_else(|| input.get("interval_s")?.as_f64()),
            ..Probe::default()
        };
        checks.entry((text("service"), text("check_id"))).or_default().push((at, probe));
    }
    let mut out = Vec::new();
    for ((service, check), results) in &checks {
        let points: Vec<ProbePoint<'_>> = results.iter().map(|(at, p)| ProbePoint::of(*at, p)).collect();
        let mut from = window.from;
        while from < window.to {
            let span = Window::new(from, (from + chrono::Duration::minutes(1)).min(window.to));
            out.push(bucket(live::PROBE, service, Some(("check", check)), span, live::fold_probes(&points, &[], span)));
            from = span.to;
        }
    }
    Ok(out)
}

/// Single durations, one sample each.
fn raw(input: &Object, setup: &Setup) -> Vec<Arc<Record>> {
    let lists = [("durations_ms", "latency", "ms"), ("durations_s", "latency", "s"), ("lcp_ms", "page_load", "ms")];
    let mut out = Vec::new();
    for (key, metric, unit) in lists {
        for (i, value) in list(input, key).enumerate() {
            let sample = Sample { metric: metric.into(), unit: Some(unit.into()), value: value.as_f64(), ..Sample::default() };
            let mut record = Record::new("vector", format!("{key}-{i}"), Body::Sample(sample));
            record.ts = Some(setup.window.from);
            out.push(Arc::new(record));
        }
    }
    out
}
