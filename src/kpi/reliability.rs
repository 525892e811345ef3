//! Uptime from probes and requests, latency, error rate, page load: from live buckets.
//!
//! Ratios are sums over sums, percentiles come from merged buckets. What is based on incidents is in `restore`.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Query, Unknown,
    fact::{Bucket, Histogram},
    live::{PROBE, PROBE_LATENCY},
    scope::Whose,
};
use crate::{
    analysis::quantile,
    domain::{
        Time,
        record::{Body, Record, Sample, SampleKind},
        value::{Datum, Reading, Status},
        window::Window,
    },
};

/// Page load at or below this is good, above the second poor (milliseconds).
const PAGE_LOAD_MS: (f64, f64) = (2_500.0, 4_000.0);

/// Compute one metric of live data; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "uptime" => uptime(query),
        "uptime.requests" => uptime_requests(query),
        "error_rate" => error_rate(query),
        "requests" => requests(query),
        "latency_p50" => latency("latency_p50", 0.5, query),
        "latency_p95" | "latency" => latency("latency_p95", 0.95, query),
        "latency_p99" => latency("latency_p99", 0.99, query),
        "page_load.p75" | "page_load" => web_vital("page_load.p75", "page_load", "ms", PAGE_LOAD_MS, query),
        "page_load.inp" => web_vital("page_load.inp", "inp", "ms", (200.0, 500.0), query),
        "page_load.cls" => web_vital("page_load.cls", "cls", "score", (0.1, 0.25), query),
        _ => return None,
    })
}

fn nothing(metric: &'static str, query: &Query<'_>, unit: &str, why: &str) -> Reading {
    Reading::none(metric, query.scope.clone(), unit, Status::NoData, why)
}

/// The buckets of a metric that begin in the window and are not later than the evaluation instant, with the scope's
/// share of each. A bucket counts where it begins, so that sums over adjacent windows are sums of all. One bucket that is
/// no number must not spoil the rest.
pub(super) fn buckets<'a>(query: &Query<'a>, metric: &'static str) -> impl Iterator<Item = (&'a Bucket, f64)> + use<'a> {
    let whose = Whose::of(query);
    let (window, as_of) = (query.window, query.settings.as_of);
    query
        .facts
        .live(metric, window)
        .iter()
        .filter(move |b| &*b.metric == metric && window.contains(b.span.from) && b.span.from < as_of)
        .filter(|b| [b.a, b.b, b.c, b.d].iter().all(|v| v.is_finite()))
        .map(move |b| (b, whose.bucket(b)))
        .filter(|(_, share)| *share > 0.0)
}

/// The scope's sum of a counted series over the window; 0 when there is none.
#[must_use]
pub fn total(query: &Query<'_>, metric: &'static str) -> f64 {
    buckets(query, metric).map(|(bucket, share)| bucket.a * share).sum()
}

/// The latest instant something was measured.
fn newest(query: &Query<'_>, so_far: Option<Time>, bucket: &Bucket) -> Option<Time> {
    let end = bucket.span.to.min(query.window.to).min(query.settings.as_of);
    if bucket.n > 0 { so_far.max(Some(end)) } else { so_far }
}

/// Seconds of probes, summed over checks.
#[derive(Debug, Default)]
struct ProbeTime {
    up: f64,
    down: f64,
    maintenance: f64,
    unknown: f64,
    points: u64,
    newest: Option<Time>,
}

fn probe_time(query: &Query<'_>) -> ProbeTime {
    let mut t = ProbeTime::default();
    let mut checks = BTreeSet::new();
    let mut exposed = 0.0;
    let exposure = exposure_s(query);
    let mut down_maintained = 0.0;
    for (bucket, share) in buckets(query, PROBE) {
        if checks.insert((&bucket.service, &bucket.labels)) {
            exposed += exposure * share;
        }
        t.up += bucket.a * share;
        t.down += bucket.b * share;
        t.maintenance += bucket.c * share;
        down_maintained += bucket.d * share;
        t.points += bucket.n;
        t.newest = newest(query, t.newest, bucket);
    }
    // A result may hold a little beyond the instant looked at; time never counts as unknown below zero.
    t.unknown = (exposed - t.up - t.down - t.maintenance).max(0.0);
    if !query.settings.exclude_maintenance {
        t.up += t.maintenance - down_maintained;
        t.down += down_maintained;
        t.maintenance = 0.0;
    }
    t
}

/// Observed length of the window: up to the evaluation instant, and since the sources of probes are connected when the
/// records say so.
fn exposure_s(query: &Query<'_>) -> f64 {
    let since = query
        .facts
        .records
        .iter()
        .filter_map(|r| match &r.body {
            Body::SourceState(s) if s.feeds.iter().any(|f| f == PROBE) => s.backfilled_from.or(s.connected_at),
            _ => None,
        })
        .min();
    let from = since.map_or(query.window.from, |s| s.max(query.window.from));
    let to = query.window.to.min(query.settings.as_of);
    Window::new(from, to).seconds()
}

/// What uptime is made of: of each bucket of probes the seconds up and the seconds known. Only as unknown time is left
/// out (the default); charged as up or down it belongs to no bucket.
pub(super) fn up_and_known<'a>(query: &Query<'a>) -> Option<Vec<(&'a Bucket, f64, f64)>> {
    let settings = query.settings;
    let of = |(b, share): (&'a Bucket, f64)| {
        let (up, down) = if settings.exclude_maintenance { (b.a, b.b) } else { (b.a + b.c - b.d, b.b + b.d) };
        (b, up * share, (up + down) * share)
    };
    (settings.uptime_unknown == Unknown::Exclude).then(|| buckets(query, PROBE).map(of).collect())
}

fn uptime(query: &Query<'_>) -> Reading {
    let t = probe_time(query);
    let known = t.up + t.down;
    if known <= 0.0 {
        let why = if t.maintenance > 0.0 { "maintenance all the time" } else { "no probe result in this window" };
        return nothing("uptime", query, "ratio", why);
    }
    let valid = known + t.unknown;
    let value = match query.settings.uptime_unknown {
        Unknown::Exclude => t.up / known,
        Unknown::Down => t.up / valid,
        Unknown::Up => (t.up + t.unknown) / valid,
    };
    let mut reading = Reading::ok("uptime", query.scope.clone(), "ratio", value, t.points)
        .with("up_s", t.up)
        .with("down_s", t.down)
        .with("unknown_s", t.unknown)
        .with("maintenance_s", t.maintenance);
    reading.coverage = Some(known / valid);
    reading.lower = Some(t.up / valid);
    reading.upper = Some((t.up + t.unknown) / valid);
    reading.measured_at = t.newest;
    reading
}

/// Requests and errors of the window.
struct Traffic {
    requests: f64,
    errors: f64,
    /// An error series exists anywhere in the window: an absent one then means none, else that nobody counts them.
    errors_are_counted: bool,
    newest: Option<Time>,
}

fn traffic(query: &Query<'_>) -> Option<Traffic> {
    let mut t = Traffic { requests: 0.0, errors: 0.0, errors_are_counted: false, newest: None };
    let mut seen = false;
    for (bucket, share) in buckets(query, "requests") {
        seen = true;
        t.requests += bucket.a * share;
        t.newest = newest(query, t.newest, bucket);
    }
    for (bucket, share) in buckets(query, "errors") {
        t.errors += bucket.a * share;
        t.errors_are_counted = true;
    }
    let ever = Window::new(Time::MIN_UTC, Time::MAX_UTC);
    t.errors_are_counted |= query.facts.live("errors", ever).iter().any(|b| &*b.metric == "errors");
    seen.then_some(t)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are not negative and far below 2^53")]
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

/// A share of all valid requests, or why there is none.
fn share_of_requests(metric: &'static str, query: &Query<'_>, share: impl Fn(&Traffic) -> f64) -> Reading {
    let Some(t) = traffic(query) else { return nothing(metric, query, "ratio", "no requests counted in this window") };
    if t.requests <= 0.0 {
        return nothing(metric, query, "ratio", "no requests in this window");
    }
    if !t.errors_are_counted {
        return nothing(metric, query, "ratio", "requests are counted, errors are not: no `errors` series was ever seen");
    }
    if t.errors > t.requests {
        let why = format!("{} errors of {} requests: the two series do not count the same thing", t.errors, t.requests);
        return Reading::none(metric, query.scope.clone(), "ratio", Status::Error, &why);
    }
    let mut reading = Reading::ok(metric, query.scope.clone(), "ratio", share(&t), whole(t.requests)).with("errors", t.errors);
    reading.measured_at = t.newest;
    reading
}

fn uptime_requests(query: &Query<'_>) -> Reading {
    share_of_requests("uptime.requests", query, |t| (t.requests - t.errors) / t.requests)
}

fn error_rate(query: &Query<'_>) -> Reading {
    share_of_requests("error_rate", query, |t| t.errors / t.requests)
}

fn requests(query: &Query<'_>) -> Reading {
    let Some(t) = traffic(query) else { return nothing("requests", query, "requests", "no requests counted in this window") };
    let mut reading = Reading::ok("requests", query.scope.clone(), "requests", t.requests, whole(t.requests));
    reading.measured_at = t.newest;
    reading
}

/// Buckets of one name merged, with what could not be.
#[derive(Default)]
struct Merged {
    hist: Histogram,
    /// Series whose bounds have nothing in common with the rest.
    refused: BTreeSet<String>,
    /// Bounds differed and were cut to the common ones.
    cut: bool,
    newest: Option<Time>,
}

fn merged(query: &Query<'_>, metric: &'static str) -> Option<Merged> {
    let mut m = Merged::default();
    for (bucket, share) in buckets(query, metric) {
        let Some(hist) = &bucket.hist else { continue };
        m.cut |= !m.hist.bounds.is_empty() && m.hist.bounds != hist.bounds;
        if !m.hist.add(hist, share) {
            m.refused.insert(if bucket.service.is_empty() { "a series without a service".to_owned() } else { bucket.service.to_string() });
        }
        m.newest = newest(query, m.newest, bucket);
    }
    (m.hist.total() > 0.0).then_some(m)
}

/// A quantile of merged buckets; else of raw values; else a ready-made one, for display only.
fn latency(metric: &'static str, q: f64, query: &Query<'_>) -> Reading {
    if let Some(m) = merged(query, "latency") {
        return quantile_reading(metric, q, "s", &m, query);
    }
    if let Some(reading) = raw_quantile(metric, q, "latency", "s", query) {
        return reading;
    }
    if let Some(reading) = ready_made(metric, q, query) {
        return reading;
    }
    if let Some(m) = merged(query, PROBE_LATENCY) {
        return quantile_reading(metric, q, "s", &m, query).with("basis", "own probes");
    }
    nothing(metric, query, "s", "no latency measured in this window")
}

fn quantile_reading(metric: &'static str, q: f64, unit: &str, m: &Merged, query: &Query<'_>) -> Reading {
    if !m.refused.is_empty() {
        let names = m.refused.iter().cloned().collect::<Vec<_>>().join(", ");
        let why = format!("histograms with no common bound cannot be merged: {names}");
        return Reading::none(metric, query.scope.clone(), unit, Status::Error, &why);
    }
    let Some(found) = crate::analysis::histogram::quantile(&m.hist.bounds, &m.hist.counts, q) else {
        return nothing(metric, query, unit, "the histogram has no finite bound");
    };
    let mut reading = Reading::ok(metric, query.scope.clone(), unit, found.value, whole(m.hist.total()));
    reading.is_lower_bound = found.is_lower_bound;
    if found.is_lower_bound {
        reading.reason = Some("above the highest bound of the histogram: the true value is at least this".into());
        reading.lower = Some(found.value);
    } else if m.cut {
        reading.reason = Some("histograms with different bounds, merged at the bounds they share".into());
    }
    reading.measured_at = m.newest;
    reading
}

/// Single measured values (a sample each, no histogram), type 7, in the samples' own unit.
fn raw_quantile(metric: &'static str, q: f64, name: &str, usual_unit: &str, query: &Query<'_>) -> Option<Reading> {
    let whose = Whose::of(query);
    let single = |r: &Arc<Record>| match &r.body {
        Body::Sample(s)
            if s.metric == name && s.sample_kind == SampleKind::Gauge && !r.labels.contains_key("quantile") && whose.record(r) =>
        {
            let at = r.event_time()?;
            (query.window.contains(at) && at <= query.settings.as_of).then(|| (at, s.clone()))
        }
        _ => None,
    };
    let samples: Vec<(Time, Sample)> = query.facts.records.iter().filter_map(single).collect();
    let values: Vec<f64> = samples.iter().filter_map(|(_, s)| s.value).filter(|v| v.is_finite()).collect();
    let value = quantile::type7(&values, q)?;
    let unit = samples.iter().find_map(|(_, s)| s.unit.clone()).unwrap_or_else(|| usual_unit.to_owned());
    let mut reading = Reading::ok(metric, query.scope.clone(), unit, value, values.len() as u64);
    reading.measured_at = samples.iter().map(|(at, _)| *at).max();
    Some(reading)
}

/// The newest ready-made percentile, when exactly one series reports it: percentiles of several cannot be merged.
fn ready_made(metric: &'static str, q: f64, query: &Query<'_>) -> Option<Reading> {
    let is_ready = |b: &Bucket| {
        let labelled = b.labels.get("quantile").and_then(|l| l.parse::<f64>().ok());
        b.hist.is_none() && (&*b.metric == metric || (&*b.metric == "latency" && labelled.is_some_and(|l| (l - q).abs() < 1e-9)))
    };
    let named = |name: &'static str| buckets(query, name).filter(|(b, _)| is_ready(b) && b.n > 0).map(|(b, _)| b).collect::<Vec<_>>();
    let mut found = named("latency");
    found.extend(named(metric));
    let last = found.iter().max_by_key(|b| b.span.from)?;
    let series: BTreeSet<_> = found.iter().map(|b| (&b.service, &b.labels)).collect();
    if series.len() > 1 {
        let why = format!("{} ready-made percentiles cannot be merged; open one service, or send histograms", series.len());
        return Some(Reading::none(metric, query.scope.clone(), "s", Status::Insufficient, &why));
    }
    let mut reading = Reading::ok(metric, query.scope.clone(), "s", last.d, found.iter().map(|b| b.n).sum());
    reading.status = Status::Provisional;
    reading.reason = Some("ready-made percentile, not merged".into());
    reading.measured_at = newest(query, None, last);
    Some(reading)
}

/// A measure of page views as users felt them, judged at its 75th percentile: at or below the first bound it is good, above
/// the second poor.
fn web_vital(id: &'static str, series: &'static str, unit: &str, (good, poor): (f64, f64), query: &Query<'_>) -> Reading {
    let reading = match merged(query, series) {
        Some(m) => quantile_reading(id, 0.75, unit, &m, query),
        None => match raw_quantile(id, 0.75, series, unit, query) {
            Some(reading) => reading,
            None => return nothing(id, query, unit, "no page load measured in this window"),
        },
    };
    let rating = reading.value.as_ref().and_then(Datum::as_f64).map(|value| match value {
        value if value <= good && !reading.is_lower_bound => "good",
        value if value <= poor => "needs improvement",
        _ => "poor",
    });
    Reading { rating: rating.map(str::to_owned), ..reading }
}
