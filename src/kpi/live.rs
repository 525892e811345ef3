//! Folding of probe results and samples into live buckets, and of buckets into coarser ones.
//!
//! Pure: the store decides which points belong to a span and keeps the result. A span can be folded again at any time
//! from the same points with the same result, so late and repeated points need no special road.

use std::{collections::BTreeMap, sync::Arc};

use super::fact::{Bucket, Histogram, Owners};
use crate::{
    analysis::histogram,
    domain::{
        Time,
        record::{Probe, Sample, SampleKind},
        window::Window,
    },
};

/// How many planned pauses a probe result holds for; after that nothing is known.
const HOLDS_FOR: f64 = 2.0;

/// Pause assumed for a check that does not say.
const USUAL_PAUSE_S: f64 = 60.0;

/// Bounds (seconds) of the histogram of the probes' own latencies.
const PROBE_BOUNDS_S: [f64; 20] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, f64::INFINITY];

/// The numbers of a [`Bucket`] without whose they are; the letters mean what they mean there.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "documented on Bucket")]
pub struct Sums {
    pub n: u64,
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub hist: Option<Histogram>,
}

impl Sums {
    /// Nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As the bucket of a series.
    #[must_use]
    pub fn into_bucket(
        self,
        metric: Arc<str>,
        service: Arc<str>,
        teams: Owners,
        labels: Arc<BTreeMap<String, String>>,
        span: Window,
    ) -> Bucket {
        let Self { n, a, b, c, d, hist } = self;
        Bucket { metric, service, teams, labels, span, n, a, b, c, d, hist }
    }

    /// Take a later span's sums in. Probe seconds, counts and histograms add up; a gauge keeps least, greatest and last.
    /// Histograms without a common finite bound: the later one is dropped.
    pub fn absorb(&mut self, metric: &str, later: &Self) {
        if later.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = later.clone();
            return;
        }
        self.a += later.a;
        if metric == PROBE {
            self.b += later.b;
            self.c += later.c;
            self.d += later.d;
        } else {
            self.b = self.b.min(later.b);
            self.c = self.c.max(later.c);
            self.d = later.d;
        }
        self.n += later.n;
        if let Some(theirs) = &later.hist {
            match &mut self.hist {
                Some(mine) => {
                    let _ = mine.add(theirs, 1.0);
                }
                None => self.hist = Some(theirs.clone()),
            }
        }
    }
}

/// Name of the buckets that hold probe seconds.
pub const PROBE: &str = "probe";

/// Name of the buckets that hold the probes' own latencies.
pub const PROBE_LATENCY: &str = "probe_latency";

impl Bucket {
    /// Its numbers.
    #[must_use]
    pub fn sums(&self) -> Sums {
        Sums { n: self.n, a: self.a, b: self.b, c: self.c, d: self.d, hist: self.hist.clone() }
    }
}

impl Histogram {
    /// From cumulative pairs as reported (bounds as text, `+Inf` last); repaired as [`histogram::Counts::from_pairs`] says.
    #[must_use]
    pub fn from_sample(sample: &Sample) -> Option<Self> {
        let pairs = sample.buckets.iter().map(|b| (bound(&b.0), b.1));
        let total = sample.count.map(|n| (f64::INFINITY, n));
        let counts = histogram::Counts::from_pairs(pairs.chain(total));
        (!counts.bounds.is_empty()).then(|| Self {
            bounds: counts.bounds,
            counts: counts.counts,
            sum: sample.sum.filter(|s| s.is_finite()),
        })
    }

    /// Add `other` times `weight`; `false` when no finite bound is common.
    #[must_use]
    pub fn add(&mut self, other: &Self, weight: f64) -> bool {
        let fits = histogram::add(&mut self.bounds, &mut self.counts, (&other.bounds, &other.counts), weight);
        if fits {
            self.sum = self.sum.zip(other.sum).map(|(a, b)| a + b * weight);
        }
        fits
    }

    /// All observations.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.counts.last().copied().unwrap_or(0.0)
    }
}

fn bound(text: &str) -> f64 {
    match text.trim() {
        "+Inf" | "Inf" | "inf" | "+inf" => f64::INFINITY,
        other => other.parse().unwrap_or(f64::NAN),
    }
}

/// One probe result as folding needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbePoint<'a> {
    /// When.
    pub at: Time,
    /// From where; one timeline each.
    pub location: &'a str,
    /// Passed.
    pub ok: bool,
    /// Taken during announced maintenance.
    pub maintenance: bool,
    /// Planned pause to the next, seconds.
    pub interval_s: f64,
    /// Round trip, seconds.
    pub latency_s: Option<f64>,
}

impl<'a> ProbePoint<'a> {
    /// From a record's body.
    #[must_use]
    pub fn of(at: Time, probe: &'a Probe) -> Self {
        Self {
            at,
            location: probe.location.as_deref().unwrap_or_default(),
            ok: probe.ok,
            maintenance: probe.maintenance,
            interval_s: probe.interval_s.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(USUAL_PAUSE_S),
            latency_s: probe.latency_ms.filter(|l| l.is_finite() && *l >= 0.0).map(|l| l / 1000.0),
        }
    }

    /// How far before a span results still matter, and how far after its own time a result reaches.
    #[must_use]
    pub fn reach(&self) -> chrono::Duration {
        seconds(HOLDS_FOR * self.interval_s)
    }
}

/// Seconds up, down and of maintenance of **one check** over a span, from its results in any order: those inside the span
/// and those before it that may still hold ([`ProbePoint::reach`]). A result holds until the next of its location, at
/// most two intervals; then nothing is known. Several locations: down while the majority of those known fails.
/// `maintenance` are announced windows. `n` counts the results inside the span.
#[must_use]
pub fn fold_probes(points: &[ProbePoint<'_>], maintenance: &[Window], span: Window) -> Sums {
    let mut by_location: BTreeMap<&str, Vec<&ProbePoint<'_>>> = BTreeMap::new();
    for point in points {
        by_location.entry(point.location).or_default().push(point);
    }
    let (mut held, mut cuts) = (Vec::new(), vec![span.from, span.to]);
    for timeline in by_location.values_mut() {
        timeline.sort_by_key(|p| p.at);
        for (i, point) in timeline.iter().enumerate() {
            let until = point.at + point.reach();
            let next = timeline[i + 1..].iter().find(|p| p.at > point.at).map_or(until, |p| p.at.min(until));
            let part = Window::new(point.at, next).intersect(&span);
            // Of several results at one instant the last one given counts.
            if part.from < part.to && timeline.get(i + 1).is_none_or(|p| p.at > point.at) {
                held.push((part, point.ok, point.maintenance));
                cuts.extend([part.from, part.to]);
            }
        }
    }
    for w in maintenance {
        let part = w.intersect(&span);
        cuts.extend([part.from, part.to]);
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut sums = Sums { n: points.iter().filter(|p| span.contains(p.at)).count() as u64, ..Sums::default() };
    held.sort_by_key(|(part, ..)| part.from);
    for pair in cuts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (mut known, mut failing, mut announced) = (0_u32, 0_u32, maintenance.iter().any(|w| w.contains(from)));
        for (part, ok, maintained) in held.iter().take_while(|(part, ..)| part.from <= from) {
            if part.contains(from) {
                known += 1;
                failing += u32::from(!ok);
                announced |= maintained;
            }
        }
        let seconds = Window::new(from, to).seconds();
        let down = known > 0 && failing * 2 > known;
        match (announced, down) {
            (true, false) => sums.c += seconds,
            (true, true) => {
                sums.c += seconds;
                sums.d += seconds;
            }
            (false, true) => sums.b += seconds,
            (false, false) if known > 0 => sums.a += seconds,
            (false, false) => {}
        }
    }
    sums
}

/// Histogram (seconds) of the latencies of the passed results inside a span.
#[must_use]
pub fn fold_probe_latency(points: &[ProbePoint<'_>], span: Window) -> Sums {
    let seen: Vec<f64> = points.iter().filter(|p| p.ok && span.contains(p.at)).filter_map(|p| p.latency_s).collect();
    if seen.is_empty() {
        return Sums::default();
    }
    let counts = PROBE_BOUNDS_S.iter().map(|le| seen.iter().filter(|s| *s <= le).count() as f64).collect();
    Sums {
        n: seen.len() as u64,
        hist: Some(Histogram { bounds: PROBE_BOUNDS_S.to_vec(), counts, sum: Some(seen.iter().sum()) }),
        ..Sums::default()
    }
}

/// The instant that decides a sample's bucket: the middle of what it covers, so that a sample that ends on the minute
/// belongs to the minute it measured.
#[must_use]
pub fn sample_at(ts: Time, sample: &Sample) -> Time {
    if sample.window_s > 0.0 && sample.window_s.is_finite() { ts - seconds(sample.window_s / 2.0) } else { ts }
}

/// Sums of **one series** (same metric, service and labels) over a span, from its points in any order. Of running totals
/// the points just before the span are needed too: the increase since then is counted. What is not a number is left out.
#[must_use]
pub fn fold_samples(points: &[(Time, &Sample)], span: Window) -> Sums {
    let mut points: Vec<(Time, &Sample)> = points.iter().map(|(ts, s)| (sample_at(*ts, s), *s)).collect();
    points.sort_by_key(|(at, _)| *at);
    let mut sums = Sums::default();
    for (i, (at, sample)) in points.iter().enumerate() {
        if span.contains(*at) {
            let before = points[..i].last().map(|(at, s)| (*at, *s));
            add_sample(&mut sums, before, sample);
        }
    }
    sums
}

/// Take the next point of **one series** into the sums of its span; `before` is the point before it, with its
/// [`sample_at`]: of running totals the increase since then is counted.
pub fn add_sample(sums: &mut Sums, before: Option<(Time, &Sample)>, sample: &Sample) {
    let one = match sample.sample_kind {
        SampleKind::CounterDelta => counted(sample.value.filter(|v| *v >= 0.0)),
        SampleKind::CounterCum => counted(before.map(|b| step(b, sample)).or(Some(0.0)).filter(|v| v.is_finite())),
        SampleKind::Histogram => observed(before, sample),
        SampleKind::Gauge | SampleKind::Summary | SampleKind::Other => gauged(sample.value),
    };
    // Sums of one series absorb like those of later spans do; probes never come here.
    sums.absorb(&sample.metric, &one);
}

fn counted(value: Option<f64>) -> Sums {
    value.filter(|v| v.is_finite()).map_or_else(Sums::default, |a| Sums { n: 1, a, ..Sums::default() })
}

fn gauged(value: Option<f64>) -> Sums {
    value.filter(|v| v.is_finite()).map_or_else(Sums::default, |v| Sums { n: 1, a: v, b: v, c: v, d: v, hist: None })
}

fn step((before_at, before): (Time, &Sample), now: &Sample) -> f64 {
    let (was, is) = (before.value.unwrap_or(f64::NAN), now.value.unwrap_or(f64::NAN));
    let restarted = now.start_ts.is_some_and(|s| s > before_at);
    if restarted || is < was { is } else { is - was }
}

/// A histogram with a start is a running total since then: the increase counts, and a fall is a restart.
fn observed(before: Option<(Time, &Sample)>, sample: &Sample) -> Sums {
    let Some(mut hist) = Histogram::from_sample(sample) else { return Sums::default() };
    if let Some(start) = sample.start_ts {
        let Some((before_at, before)) = before else { return Sums::default() };
        if let Some(was) = Histogram::from_sample(before)
            && start <= before_at
            && was.total() <= hist.total()
            && !hist.add(&was, -1.0)
        {
            return Sums::default();
        }
    }
    Sums { n: 1, hist: Some(hist), ..Sums::default() }
}

/// Increase of a running total over its points in order of time; a fall is a restart from 0. No extrapolation.
#[must_use]
pub fn increase(values: &[f64]) -> f64 {
    values.windows(2).map(|w| if w[1] < w[0] { w[1] } else { w[1] - w[0] }).filter(|v| v.is_finite()).sum()
}

/// Fold buckets into coarser ones: all buckets of one series whose start lies in the same span of `span_of` become one.
/// The order of the result is by metric, service, labels and time.
#[must_use]
pub fn coarsen(buckets: &[Bucket], span_of: impl Fn(Time) -> Window) -> Vec<Bucket> {
    let mut order: Vec<&Bucket> = buckets.iter().collect();
    order.sort_by(|x, y| (&x.metric, &x.service, &x.labels, x.span.from).cmp(&(&y.metric, &y.service, &y.labels, y.span.from)));
    let mut out: Vec<Bucket> = Vec::new();
    for bucket in order {
        let span = span_of(bucket.span.from);
        match out.last_mut() {
            Some(last)
                if last.span == span && last.metric == bucket.metric && last.service == bucket.service && last.labels == bucket.labels =>
            {
                let mut sums = last.sums();
                sums.absorb(&bucket.metric, &bucket.sums());
                *last = sums.into_bucket(last.metric.clone(), last.service.clone(), bucket.teams.clone(), last.labels.clone(), span);
            }
            _ => out.push(Bucket { span, ..bucket.clone() }),
        }
    }
    out
}

#[allow(clippy::cast_possible_truncation, reason = "clamped to a century, far inside i64 milliseconds")]
fn seconds(s: f64) -> chrono::Duration {
    chrono::Duration::milliseconds((s.clamp(0.0, 3.2e9) * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{record::BucketCount, window::from_millis};

    fn at(s: i64) -> Time {
        from_millis(s * 1000)
    }

    fn span(from: i64, to: i64) -> Window {
        Window::new(at(from), at(to))
    }

    fn point(s: i64, location: &'static str, ok: bool) -> ProbePoint<'static> {
        ProbePoint { at: at(s), location, ok, maintenance: false, interval_s: 60.0, latency_s: None }
    }

    #[test]
    fn a_result_holds_until_the_next_and_at_most_two_intervals() {
        let points = [(0, true), (60, true), (120, false), (180, true), (480, true)].map(|(s, ok)| point(s, "", ok));
        let sums = fold_probes(&points, &[], span(0, 600));
        assert_eq!((sums.a, sums.b, sums.n), (360.0, 60.0, 5));
    }

    #[test]
    fn minutes_folded_one_by_one_add_up_to_the_whole() {
        let points: Vec<_> = [(5, true), (70, false), (131, true), (400, true)].map(|(s, ok)| point(s, "", ok)).into();
        let whole = fold_probes(&points, &[], span(0, 600));
        let mut sum = Sums::default();
        for minute in 0..10 {
            sum.absorb(PROBE, &fold_probes(&points, &[], span(minute * 60, minute * 60 + 60)));
        }
        assert_eq!(sum, whole);
    }

    #[test]
    fn one_of_three_locations_failing_is_not_down_two_are() {
        let one = [point(0, "a", true), point(0, "b", false), point(0, "c", true)];
        assert_eq!(fold_probes(&one, &[], span(0, 60)).b, 0.0);
        let two = [point(0, "a", true), point(0, "b", false), point(0, "c", false)];
        assert_eq!(fold_probes(&two, &[], span(0, 60)).b, 60.0);
    }

    #[test]
    fn announced_maintenance_is_neither_up_nor_down() {
        let points = [point(0, "", false), point(60, "", true)];
        let sums = fold_probes(&points, &[span(0, 90)], span(0, 120));
        assert_eq!((sums.a, sums.b, sums.c, sums.d), (30.0, 0.0, 90.0, 60.0));
    }

    #[test]
    fn a_counter_that_falls_began_again_from_zero() {
        assert_eq!(increase(&[100.0, 150.0, 20.0, 60.0]), 110.0);
        let cum = |v: f64| Sample { metric: "requests".into(), sample_kind: SampleKind::CounterCum, value: Some(v), ..Sample::default() };
        let samples = [cum(100.0), cum(150.0), cum(20.0), cum(60.0)];
        let points: Vec<_> = samples.iter().enumerate().map(|(i, s)| (at(i64::try_from(i).unwrap() * 60), s)).collect();
        assert_eq!(fold_samples(&points, span(0, 240)).a, 110.0);
        let mut minutes = Sums::default();
        for m in 0..4 {
            minutes.absorb("requests", &fold_samples(&points, span(m * 60, m * 60 + 60)));
        }
        assert_eq!(minutes.a, 110.0);
    }

    #[test]
    fn a_sample_that_ends_on_the_minute_belongs_to_the_minute_it_measured() {
        let s = Sample { sample_kind: SampleKind::CounterDelta, window_s: 60.0, value: Some(7.0), ..Sample::default() };
        assert_eq!(fold_samples(&[(at(60), &s)], span(0, 60)).a, 7.0);
        assert!(fold_samples(&[(at(60), &s)], span(60, 120)).is_empty());
    }

    #[test]
    fn gauges_keep_least_greatest_and_last_through_every_fold() {
        let g = |v| Sample { metric: "queue".into(), value: Some(v), ..Sample::default() };
        let (x, y, z, bad) = (g(3.0), g(-1.0), g(2.0), g(f64::NAN));
        let sums = fold_samples(&[(at(0), &x), (at(70), &y), (at(100), &z), (at(101), &bad)], span(0, 120));
        assert_eq!((sums.n, sums.a, sums.b, sums.c, sums.d), (3, 4.0, -1.0, 3.0, 2.0));
    }

    #[test]
    fn a_running_histogram_counts_its_increase() {
        let h = |n: f64| Sample {
            metric: "latency".into(),
            sample_kind: SampleKind::Histogram,
            start_ts: Some(at(-100)),
            buckets: vec![BucketCount("0.1".into(), n), BucketCount("+Inf".into(), 2.0 * n)],
            ..Sample::default()
        };
        let (first, second) = (h(10.0), h(15.0));
        let sums = fold_samples(&[(at(0), &first), (at(60), &second)], span(0, 120));
        assert_eq!(sums.hist.unwrap().counts, vec![5.0, 10.0]);
    }

    #[test]
    fn coarser_buckets_hold_the_same_sums() {
        let bucket = |m: i64, a: f64| {
            Sums { n: 1, a, ..Sums::default() }.into_bucket(
                "requests".into(),
                "pay".into(),
                Arc::from([]),
                Arc::default(),
                span(m * 60, m * 60 + 60),
            )
        };
        let hours = coarsen(&[bucket(61, 4.0), bucket(0, 1.0), bucket(59, 2.0)], |t| {
            let from = t.timestamp().div_euclid(3600) * 3600;
            span(from, from + 3600)
        });
        assert_eq!(hours.iter().map(|b| (b.span.from, b.a, b.n)).collect::<Vec<_>>(), [(at(0), 3.0, 2), (at(3600), 4.0, 1)]);
    }
}
