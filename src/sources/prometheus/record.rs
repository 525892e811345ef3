//! Series → records. Pure.
//!
//! What is not a number gives no record: `0/0` is "no traffic", never 0. A point's id is its query, labels and time, so
//! reading it again replaces it; the longer after the fact it was read, the higher its `seq`.

use std::collections::BTreeMap;

use super::{
    query::{Query, Shape},
    span::Span,
    wire::{Labels, Series},
};
use crate::domain::{
    Time,
    record::{Body, BucketCount, Probe, Record, Sample, SampleKind},
};

/// A point re-read this many steps later counts as final.
const FINAL: i64 = 3;
/// Far back one result per this many seconds says enough, unless something changed.
const HOUR: i64 = 3600;

/// The answers to one query over one stretch of time.
pub(super) struct Reading<'a> {
    pub source: &'a str,
    pub query: &'a Query,
    pub span: &'a Span,
    /// Distance of the points in the answer: the span's, but finer for up and down.
    pub step: i64,
    pub now: Time,
    /// What was left out, for the message.
    pub notes: Vec<&'static str>,
}

type Points = BTreeMap<i64, f64>;

impl Reading<'_> {
    /// Records of an answer; `part` is the second answer of a ratio.
    pub fn records(&mut self, series: &[Series], part: &[Series]) -> Vec<Record> {
        if series.iter().chain(part).any(Series::is_native) {
            self.note("native histograms are not read; ask for classic buckets");
        }
        match &self.query.shape {
            Shape::Count(metric) => self.counts(metric, &grouped(series)),
            Shape::Ratio { part_is_good, .. } => self.ratio(&grouped(series), &grouped(part), *part_is_good),
            Shape::Spread { metric, ready } => self.spread(metric, ready.as_deref(), series),
            Shape::Up => self.results(&grouped(series)),
            Shape::Value(metric) => self.values(metric, SampleKind::Gauge, &grouped(series)),
        }
    }

    fn note(&mut self, what: &'static str) {
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    fn counts(&mut self, metric: &str, series: &BTreeMap<Labels, Points>) -> Vec<Record> {
        let mut records = Vec::new();
        for (labels, points) in series {
            for (at, value) in points.iter().filter(|(_, v)| v.is_finite()) {
                if *value < 0.0 {
                    self.note("negative counts left out");
                    continue;
                }
                records.push(self.count(metric, labels, *at, *value));
            }
        }
        records
    }

    /// A service without a single good (or bad) request has no such series: that is zero of them.
    fn ratio(&mut self, total: &BTreeMap<Labels, Points>, part: &BTreeMap<Labels, Points>, part_is_good: bool) -> Vec<Record> {
        if !total.is_empty() && !part.is_empty() && !part.keys().any(|labels| total.contains_key(labels)) {
            self.note("the labels of `total` and of `good` or `bad` differ; nothing read");
            return Vec::new();
        }
        let none = Points::new();
        let mut records = Vec::new();
        for (labels, points) in total {
            let parts = part.get(labels).unwrap_or(&none);
            for (at, all) in points.iter().filter(|(_, v)| v.is_finite() && **v >= 0.0) {
                let some = parts.get(at).copied().filter(|v| v.is_finite()).unwrap_or(0.0).clamp(0.0, *all);
                let bad = if part_is_good { all - some } else { some };
                records.push(self.count("requests", labels, *at, *all));
                records.push(self.count("errors", labels, *at, bad));
            }
        }
        records
    }

    fn count(&self, metric: &str, labels: &Labels, at: i64, value: f64) -> Record {
        let body =
            Sample { sample_kind: SampleKind::CounterDelta, window_s: self.span.step as f64, value: Some(value), ..self.sample(metric) };
        self.record(metric, labels, at, Body::Sample(body))
    }

    fn values(&self, metric: &str, kind: SampleKind, series: &BTreeMap<Labels, Points>) -> Vec<Record> {
        let points = series.iter().flat_map(|(labels, points)| points.iter().map(move |(at, value)| (labels, *at, *value)));
        points
            .filter(|(.., value)| value.is_finite())
            .map(|(labels, at, value)| {
                let body = Sample { sample_kind: kind, value: Some(value * self.query.scale), ..self.sample(metric) };
                self.record(metric, labels, at, Body::Sample(body))
            })
            .collect()
    }

    /// Buckets when there are any, else values as they are.
    fn spread(&mut self, metric: &str, ready: Option<&str>, series: &[Series]) -> Vec<Record> {
        if series.iter().any(|s| s.metric.contains_key("vmrange")) {
            self.note("`vmrange` buckets left out; wrap the metric in prometheus_buckets()");
            return Vec::new();
        }
        if !series.iter().any(|s| s.metric.contains_key("le")) {
            let quantiles = ready.is_some() || series.iter().any(|s| s.metric.contains_key("quantile"));
            if !quantiles || series.is_empty() {
                return self.values(metric, SampleKind::Gauge, &grouped(series));
            }
            self.note("ready-made quantiles cannot be merged over services and time; ask for buckets");
            return self.values(ready.unwrap_or(metric), SampleKind::Summary, &grouped(series));
        }
        // labels without `le` → time → bound → count
        let mut all: BTreeMap<Labels, BTreeMap<i64, Vec<(f64, f64)>>> = BTreeMap::new();
        for one in series {
            let Some(bound) = one.metric.get("le").and_then(|le| le.parse::<f64>().ok()).filter(|b| !b.is_nan()) else { continue };
            let mut labels = one.metric.clone();
            labels.remove("le");
            labels.remove("__name__");
            let times = all.entry(labels).or_default();
            for (at, count) in one.points() {
                times.entry(seconds(at)).or_default().push((bound, count));
            }
        }
        let mut records = Vec::new();
        for (labels, times) in &all {
            for (at, buckets) in times {
                match self.buckets(buckets) {
                    Ok(Some((buckets, count))) => {
                        let (kind, window_s) = (SampleKind::Histogram, self.span.step as f64);
                        let body = Sample { sample_kind: kind, window_s, buckets, count: Some(count), ..self.sample(metric) };
                        records.push(self.record(metric, labels, *at, Body::Sample(body)));
                    }
                    Ok(None) => {}
                    Err(why) => self.note(why),
                }
            }
        }
        records
    }

    /// Cumulative buckets with bounds in base units, and the number of observations; `None` when there were none.
    fn buckets(&self, counts: &[(f64, f64)]) -> Result<Option<(Vec<BucketCount>, f64)>, &'static str> {
        if counts.iter().any(|(_, n)| !n.is_finite() || *n < 0.0) {
            return Err("histograms with a count that is no number left out");
        }
        let mut counts = counts.to_vec();
        counts.sort_by(|a, b| a.0.total_cmp(&b.0));
        // `1` and `1.0` are one bound: two servers' clients may write it differently.
        counts.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 += later.1;
            }
            same
        });
        let Some((_, total)) = counts.last().filter(|(bound, _)| *bound == f64::INFINITY).copied() else {
            return Err("histograms without a +Inf bucket left out");
        };
        if total == 0.0 {
            return Ok(None);
        }
        // Extrapolation of each bucket on its own can make a count fall a little; cumulative counts never do.
        let (mut buckets, mut least) = (Vec::new(), 0.0_f64);
        for (bound, count) in counts {
            least = least.max(count);
            let le = if bound == f64::INFINITY { "+Inf".to_owned() } else { (bound * self.query.scale).to_string() };
            buckets.push(BucketCount(le, least));
        }
        Ok(Some((buckets, least)))
    }

    /// Up (at least half) or down, as probe results.
    fn results(&self, series: &BTreeMap<Labels, Points>) -> Vec<Record> {
        let mut records = Vec::new();
        for (labels, points) in series {
            let points: Vec<(i64, bool)> = points.iter().filter(|(_, v)| !v.is_nan()).map(|(at, v)| (*at, *v >= 0.5)).collect();
            let kept = if self.span.coarse {
                condensed(&points, self.step)
            } else {
                points.iter().map(|(at, ok)| (*at, *ok, self.step)).collect()
            };
            let location = self.role("location", labels).cloned();
            let check: Vec<&str> = [self.query.name.as_str()]
                .into_iter()
                .chain(
                    labels
                        .iter()
                        .filter(|(k, _)| *k != "__name__" && self.query.labels.get("location") != Some(*k))
                        .map(|(_, v)| v.as_str()),
                )
                .collect();
            let check_id = check.join("/");
            for (at, ok, interval) in kept {
                let (location, interval_s) = (location.clone(), Some(interval as f64));
                let body = Probe { check_id: check_id.clone(), location, ok, interval_s, ..Probe::default() };
                records.push(self.record("up", labels, at, Body::Probe(body)));
            }
        }
        records
    }

    fn sample(&self, metric: &str) -> Sample {
        Sample { metric: metric.to_owned(), unit: self.query.unit.clone(), ..Sample::default() }
    }

    fn role<'l>(&self, role: &str, labels: &'l Labels) -> Option<&'l String> {
        labels.get(self.query.labels.get(role)?)
    }

    fn record(&self, what: &str, labels: &Labels, at: i64, body: Body) -> Record {
        let shown: Vec<String> = labels.iter().filter(|(k, _)| *k != "__name__").map(|(k, v)| format!("{k}={v}")).collect();
        let mut record = Record::new(self.source, format!("{}|{what}|{}|{at}", self.query.name, shown.join(",")), body);
        record.ts = Time::from_timestamp(at, 0);
        record.seq = ((self.now.timestamp() - at) / self.span.step.max(1)).clamp(0, FINAL);
        record.service = self.role("service", labels).cloned();
        record.team = self.role("team", labels).cloned();
        record.repo = self.role("repo", labels).cloned();
        record.env_tier = self.role("env_tier", labels).cloned();
        record.env_name = self.role("env_name", labels).cloned();
        // Kept in fields of their own; a location is one only of a probe.
        let is_role = |name: &String| self.query.labels.iter().any(|(role, label)| label == name && (role != "location" || what == "up"));
        record.labels = labels.iter().filter(|(k, _)| *k != "__name__" && !is_role(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        record.labels.insert("query".into(), self.query.name.clone());
        record
    }
}

/// Points by labels and whole seconds.
fn grouped(series: &[Series]) -> BTreeMap<Labels, Points> {
    let mut all: BTreeMap<Labels, Points> = BTreeMap::new();
    for one in series {
        let mut labels = one.metric.clone();
        labels.remove("__name__");
        all.entry(labels).or_default().extend(one.points().map(|(at, value)| (seconds(at), value)));
    }
    all
}

#[allow(clippy::cast_possible_truncation, reason = "a float too large saturates; such a time is dropped as being in the future")]
fn seconds(at: f64) -> i64 {
    at.round() as i64
}

/// The same timeline in fewer results: one at each change, each full hour, and before and after each gap. A result holds
/// until the next one and at most two of its intervals, so an interval that reaches to the next result says the same as
/// all the results in between.
fn condensed(points: &[(i64, bool)], step: i64) -> Vec<(i64, bool, i64)> {
    let mut kept: Vec<(i64, bool, i64)> = Vec::new();
    for (i, (at, ok)) in points.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| points[i]);
        let after = points.get(i + 1);
        let begins = before.is_none_or(|(t, was)| was != *ok || at - t > step || t.div_euclid(HOUR) != at.div_euclid(HOUR));
        let ends = after.is_none_or(|(t, _)| t - at > step);
        if begins || ends {
            if let Some(last) = kept.last_mut().filter(|_| before.is_some_and(|(t, _)| at - t <= step)) {
                last.2 = at - last.0;
            }
            kept.push((*at, *ok, step));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condensed_timeline_keeps_changes_hours_and_gaps() {
        let minute = |m: i64| 7200 + m * 60;
        let mut points: Vec<(i64, bool)> = (0..180).map(|m| (minute(m), true)).collect();
        points[30].1 = false;
        points[31].1 = false;
        points.drain(100..110);
        let kept: Vec<(i64, bool, i64)> = condensed(&points, 60).into_iter().map(|(at, ok, i)| ((at - 7200) / 60, ok, i / 60)).collect();
        let expected = [
            (0, true, 30),
            (30, false, 2),
            (32, true, 28),
            (60, true, 39),
            (99, true, 1),
            (110, true, 10),
            (120, true, 59),
            (179, true, 1),
        ];
        assert_eq!(kept, expected);
    }

    #[test]
    fn nothing_and_one_point_condense_to_themselves() {
        assert!(condensed(&[], 60).is_empty());
        assert_eq!(condensed(&[(60, true)], 60), [(60, true, 60)]);
    }
}
