//! From facts to counts: what was valid and what was bad of it, by span of time and by whose it was.
//!
//! Everything an objective asks is a sum over these counts, whatever its indicator and budgeting method: events, seconds
//! or slices. Must not judge.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::slices;
use crate::{
    domain::{
        Time,
        record::{AnnotationKind, Body, Record},
        slo::{Method, Sli, Slo},
        window::{Window, from_millis, millis},
    },
    kpi::{
        fact::{Bucket, EventRef, Facts, Histogram, Measure, flag},
        live::PROBE,
    },
};

/// Bad and valid of one series over one span: events, seconds or slices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// When.
    pub span: Window,
    /// Bad ones.
    pub bad: f64,
    /// All valid ones.
    pub valid: f64,
    /// Whose: an index into [`Counts::series`].
    pub whose: usize,
}

/// A series the counts come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// Its service.
    pub service: Arc<str>,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
}

/// Everything counted for an objective.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// In no particular order.
    pub all: Vec<Count>,
    /// Whose they are.
    pub series: Vec<Whose>,
    /// Counts are evenly spread over their span, so that a part of it counts in proportion.
    pub even: bool,
    /// What should be known before believing them.
    pub notes: BTreeSet<&'static str>,
    /// Why there is nothing.
    pub nothing: Option<String>,
    /// The two series do not fit together.
    pub refused: Option<String>,
}

/// What was said when the threshold lies between two bounds.
pub const INTERPOLATED: &str = "the threshold is no bound of the histogram: the share below it is interpolated";
/// What was said when it lies above the last one.
const ABOVE: &str = "the threshold lies above the last bound of the histogram: what is above that bound counts as bad";
/// What was said when bounds of several histograms differ.
const PARTLY_MAINTAINED: &str = "maintenance cuts a bucket: the bucket counts in proportion to the rest of it";
/// What was said when slices cannot be told apart.
const COARSE: &str = "part of the window is only kept in buckets longer than a slice and is left out";

/// Bad and valid over a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    /// Bad ones.
    pub bad: f64,
    /// All valid ones.
    pub valid: f64,
    /// Only kept in buckets longer than the window: nothing can be said of it.
    pub coarse: bool,
}

impl Counts {
    /// Counts of live buckets. Buckets of other services and other metrics are passed over; those of one series must not
    /// overlap.
    #[must_use]
    pub fn of_buckets(slo: &Slo, buckets: &[Bucket], maintenance: &[(Option<String>, Window)]) -> Self {
        let mut out = Self::default();
        let mut known: BTreeMap<Whose, usize> = BTreeMap::new();
        let (mut errors_seen, mut requests_seen) = (false, false);
        for bucket in buckets.iter().filter(|b| slo.services.iter().any(|s| **s == *b.service)) {
            if ![bucket.a, bucket.b, bucket.c, bucket.d].iter().all(|v| v.is_finite()) {
                continue;
            }
            let (bad, valid) = match (slo.sli, &*bucket.metric) {
                (Sli::Requests, "requests") => {
                    requests_seen = true;
                    (0.0, bucket.a)
                }
                (Sli::Requests, "errors") => {
                    errors_seen = true;
                    (bucket.a, 0.0)
                }
                (Sli::Probe, PROBE) => (bucket.b, bucket.a + bucket.b),
                (Sli::Latency { threshold_s }, "latency") => {
                    let Some(hist) = &bucket.hist else { continue };
                    let (below, note) = at_or_below(hist, threshold_s);
                    out.notes.extend(note);
                    ((hist.total() - below).max(0.0), hist.total())
                }
                _ => continue,
            };
            // Probes know their own maintenance: it is neither up nor down there.
            let kept = if slo.sli == Sli::Probe { 1.0 } else { out.unmaintained(bucket, maintenance) };
            let next = known.len();
            let series = Whose { service: Arc::clone(&bucket.service), labels: Arc::clone(&bucket.labels) };
            let whose = *known.entry(series.clone()).or_insert(next);
            if whose == next {
                out.series.push(series);
            }
            out.all.push(Count { span: bucket.span, bad: bad * kept, valid: valid * kept, whose });
        }
        if slo.sli == Sli::Requests && requests_seen && !errors_seen {
            out.all.clear();
            out.nothing = Some("requests are counted, errors are not: no `errors` series was seen in the window".into());
        }
        out
    }

    /// Counts of outages, in seconds, exact to the millisecond: `span` was watched. Where
    /// outages of one service overlap the greatest weight counts; several services add up.
    #[must_use]
    pub fn of_outages(slo: &Slo, facts: &Facts, span: Window, maintenance: &[(Option<String>, Window)]) -> Self {
        let mut out = Self { even: true, ..Self::default() };
        for (whose, service) in slo.services.iter().enumerate() {
            out.series.push(Whose { service: Arc::from(service.as_str()), labels: Arc::default() });
            let down: Vec<(Window, f64)> = facts
                .of(Measure::Outage)
                .filter(|e| **e.service() == **service && (slo.services.len() == 1 || e.flags() & flag::AGAIN == 0))
                .filter_map(|e| Some((Window::new(e.at(), end_of(e)).intersect(&span), *e.values().get(1)?)))
                .filter(|(w, weight)| *weight > 0.0 && w.seconds() > 0.0)
                .collect();
            let announced: Vec<Window> = of_service(maintenance, service).map(|w| w.intersect(&span)).collect();
            let mut edges: Vec<Time> = down.iter().map(|(w, _)| *w).chain(announced.iter().copied()).flat_map(|w| [w.from, w.to]).collect();
            edges.extend([span.from, span.to]);
            edges.sort_unstable();
            edges.dedup();
            for pair in edges.windows(2) {
                let piece = Window::new(pair[0], pair[1]);
                if announced.iter().any(|w| w.contains(piece.from)) {
                    continue;
                }
                let weight = down.iter().filter(|(w, _)| w.contains(piece.from)).map(|(_, weight)| *weight).fold(0.0, f64::max);
                out.all.push(Count { span: piece, bad: weight * piece.seconds(), valid: piece.seconds(), whose });
            }
        }
        out
    }

    /// The share of a bucket outside announced maintenance.
    fn unmaintained(&mut self, bucket: &Bucket, maintenance: &[(Option<String>, Window)]) -> f64 {
        let whole = bucket.span.seconds();
        let hidden = covered(of_service(maintenance, &bucket.service).map(|w| w.intersect(&bucket.span)));
        if hidden <= 0.0 || whole <= 0.0 {
            return 1.0;
        }
        if hidden < whole {
            self.notes.insert(PARTLY_MAINTAINED);
        }
        (1.0 - hidden / whole).max(0.0)
    }

    /// Sum over a window. A bucket counts where it begins, so that sums of adjacent windows are the sum of both.
    #[must_use]
    pub fn sum(&self, window: Window) -> Sum {
        let mut sum = Sum::default();
        for count in &self.all {
            let share = if self.even {
                let whole = count.span.seconds();
                if whole > 0.0 { count.span.intersect(&window).seconds() / whole } else { 0.0 }
            } else {
                f64::from(u8::from(window.contains(count.span.from)))
            };
            sum.bad += count.bad * share;
            sum.valid += count.valid * share;
            sum.coarse |= !self.even && count.span.seconds() > window.seconds() && count.span.intersect(&window).seconds() > 0.0;
        }
        sum
    }

    /// The counts inside a window only.
    #[must_use]
    pub fn inside(mut self, window: Window) -> Self {
        if self.even {
            for count in &mut self.all {
                let part = count.span.intersect(&window);
                let share = if count.span.seconds() > 0.0 { part.seconds() / count.span.seconds() } else { 0.0 };
                *count = Count { span: part, bad: count.bad * share, valid: count.valid * share, ..*count };
            }
        }
        self.all.retain(|c| window.contains(c.span.from) && (!self.even || c.valid > 0.0));
        self
    }

    /// The same as slices of time: each counts 1, its bad part is whole (time slices) or its share of bad (ratio slices).
    /// The bad part is put down to the series it came from, in proportion. Occurrences stay as they are.
    #[must_use]
    pub fn by_method(&self, method: Method, window: Window) -> Self {
        let Some((slice_s, judge)) = slices(method) else { return self.clone() };
        let mut out = Self { all: Vec::new(), even: false, ..self.clone() };
        let mut slices: BTreeMap<i64, (f64, BTreeMap<usize, f64>)> = BTreeMap::new();
        let slice_ms = milliseconds(slice_s).max(1);
        for count in &self.all {
            if !self.even {
                if count.span.seconds() > slice_s * 1.000_001 {
                    out.notes.insert(COARSE);
                    continue;
                }
                put(&mut slices, millis(count.span.from).div_euclid(slice_ms), count, 1.0);
                continue;
            }
            // What is evenly spread is cut at the slices' edges.
            let (from, to) = (millis(count.span.from), millis(count.span.to));
            let mut at = from;
            while at < to {
                let slice = at.div_euclid(slice_ms);
                let until = ((slice + 1) * slice_ms).min(to);
                put(&mut slices, slice, count, (until - at) as f64 / (to - from) as f64);
                at = until;
            }
        }
        for (slice, (valid, bad_by)) in slices {
            let bad: f64 = bad_by.values().sum();
            if valid <= 0.0 {
                continue;
            }
            let span = Window::new(from_millis(slice * slice_ms), from_millis((slice + 1) * slice_ms)).intersect(&window);
            let spent = judge(1.0 - bad / valid);
            let first = bad_by.keys().next().copied().unwrap_or(0);
            out.all.push(Count { span, bad: 0.0, valid: 1.0, whose: first });
            if spent > 0.0 && bad > 0.0 {
                out.all.extend(bad_by.iter().map(|(whose, part)| Count { span, bad: spent * part / bad, valid: 0.0, whose: *whose }));
            }
        }
        out
    }

    /// The latest instant something was counted.
    #[must_use]
    pub fn newest(&self) -> Option<Time> {
        self.all.iter().filter(|c| c.valid > 0.0).map(|c| c.span.to).max()
    }
}

fn put(slices: &mut BTreeMap<i64, (f64, BTreeMap<usize, f64>)>, slice: i64, count: &Count, share: f64) {
    let (valid, bad_by) = slices.entry(slice).or_default();
    *valid += count.valid * share;
    *bad_by.entry(count.whose).or_default() += count.bad * share;
}

#[allow(clippy::cast_possible_truncation, reason = "a slice is a day at most")]
fn milliseconds(s: f64) -> i64 {
    (s.clamp(0.0, 1e9) * 1000.0).round() as i64
}

/// End of an outage fact.
fn end_of(event: EventRef<'_>) -> Time {
    #[allow(clippy::cast_possible_truncation, reason = "milliseconds; out of range saturates")]
    event.values().first().map_or(event.at(), |ms| from_millis(*ms as i64))
}

fn of_service<'a>(maintenance: &'a [(Option<String>, Window)], service: &'a str) -> impl Iterator<Item = Window> + 'a {
    maintenance.iter().filter(move |(of, _)| of.as_deref().is_none_or(|of| of == service)).map(|(_, w)| *w)
}

/// Seconds of the union of windows.
fn covered(windows: impl Iterator<Item = Window>) -> f64 {
    let mut all: Vec<Window> = windows.filter(|w| w.from < w.to).collect();
    all.sort_by_key(|w| w.from);
    let mut until: Option<Time> = None;
    all.into_iter()
        .map(|w| {
            let from = until.map_or(w.from, |u| w.from.max(u));
            until = until.max(Some(w.to));
            Window::new(from, w.to).seconds()
        })
        .sum()
}

/// Announced maintenance among small records: of a service, or of all.
#[must_use]
pub fn maintenance(records: &[Arc<Record>]) -> Vec<(Option<String>, Window)> {
    let of = |r: &Arc<Record>| match &r.body {
        Body::Annotation(a) if a.annotation_kind == AnnotationKind::Maintenance => {
            Some((r.service.clone(), Window::new(r.event_time()?, a.to?)))
        }
        _ => None,
    };
    records.iter().filter_map(of).collect()
}

/// Seconds of a span outside of maintenance: of the service that was maintained least.
#[must_use]
pub fn unplanned_s(span: Window, services: &[String], maintenance: &[(Option<String>, Window)]) -> f64 {
    let rest = |service: &String| span.seconds() - covered(of_service(maintenance, service).map(|w| w.intersect(&span)));
    services.iter().map(rest).reduce(f64::max).unwrap_or(span.seconds())
}

/// Observations at or below a value, and what to know about it when the value is no bound.
fn at_or_below(hist: &Histogram, value: f64) -> (f64, Option<&'static str>) {
    let same = |bound: f64| (bound - value).abs() <= 1e-9 * value.abs();
    let Some(at) = hist.bounds.iter().position(|b| *b >= value || same(*b)) else { return (0.0, None) };
    if same(hist.bounds[at]) {
        return (hist.counts[at], None);
    }
    let (lower, below) = if at == 0 { (0.0, 0.0) } else { (hist.bounds[at - 1], hist.counts[at - 1]) };
    if hist.bounds[at].is_infinite() {
        return (below, Some(ABOVE));
    }
    let share = ((value - lower) / (hist.bounds[at] - lower)).clamp(0.0, 1.0);
    (below + (hist.counts[at] - below) * share, Some(INTERPOLATED))
}
