//! Folding touched spans of live series into buckets of a minute, an hour and a day.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    DAY, HOUR, Ident, MINUTE, Point, family, floor,
    minute::{Before, Minute, Minutes},
    sums,
};
use crate::{
    domain::{
        Time,
        record::{AnnotationKind, Body, Kind, Probe, Sample, SampleKind},
        window::{Window, from_millis, millis},
    },
    kpi::live::{PROBE_LATENCY, ProbePoint, Sums, fold_probe_latency, fold_probes, fold_samples},
    store::{pack, row},
};

/// Minutes older than this are not worth folding: only their hours are kept.
const MINUTES_KEPT: i64 = 48 * HOUR;

/// Points folded in one go.
const POINTS_AT_ONCE: i64 = 10_000;

/// No point reaches further than this into its past or future.
const LONGEST_REACH: i64 = 2 * DAY;

/// From when till when something changed.
type Span = (i64, i64);

/// Touched spans by series.
pub(in crate::store) type Spans = BTreeMap<i64, Span>;

/// Put off.
pub(in crate::store) fn mark(conn: &Connection, spans: &Spans) -> rusqlite::Result<()> {
    let mut mark = conn.prepare_cached(
        "INSERT INTO dirty_live (series, since, till) VALUES (?1, ?2, ?3)
         ON CONFLICT (series) DO UPDATE SET since = min(since, excluded.since), till = max(till, excluded.till)",
    )?;
    spans.iter().try_for_each(|(series, (since, till))| mark.execute(params![series, since, till]).map(drop))
}

/// Work off what was put off, the oldest first, until about `most` points were read; gives how many there were.
pub(in crate::store) fn some(conn: &Connection, minutes: &mut Minutes, most: usize, now: Time) -> rusqlite::Result<usize> {
    let mut find = conn.prepare_cached(
        "SELECT s.family, d.series, d.since, d.till FROM dirty_live d JOIN series s ON s.id = d.series
         ORDER BY min(d.since) OVER (PARTITION BY s.family), s.family",
    )?;
    let all = find.query_map([], |r| Ok((r.get(0)?, (r.get(1)?, (r.get(2)?, r.get(3)?)))))?;
    let all: Vec<(i64, (i64, Span))> = all.collect::<Result<_, _>>()?;
    let mut clear = conn.prepare_cached("DELETE FROM dirty_live WHERE series = ?1")?;
    let mut read = 0;
    for family in all.chunk_by(|a, b| a.0 == b.0) {
        let of_family: Spans = family.iter().map(|(_, span)| *span).collect();
        read += 1 + spans(conn, minutes, &of_family, now)?;
        of_family.keys().try_for_each(|series| clear.execute([series]).map(drop))?;
        if read >= most {
            break;
        }
    }
    Ok(read)
}

/// Fold every bucket that these spans can have changed; gives how many points that took.
pub(in crate::store) fn spans(conn: &Connection, minutes: &mut Minutes, spans: &Spans, now: Time) -> rusqlite::Result<usize> {
    let mut families: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    let mut find = conn.prepare_cached("SELECT family FROM series WHERE id = ?1")?;
    for (series, (since, till)) in spans {
        let family: i64 = find.query_row([series], |r| r.get(0))?;
        let span = families.entry(family).or_insert((*since, *till, *series));
        *span = (span.0.min(*since), span.1.max(*till), *series);
    }
    let kept: Option<i64> = crate::store::meta(conn, "minutes_since")?.and_then(|since| since.parse().ok());
    let minutes_from = floor(millis(now) - MINUTES_KEPT, HOUR).max(kept.unwrap_or(i64::MIN));
    if families.values().any(|(since, ..)| *since < minutes_from) && kept.is_none_or(|kept| kept < minutes_from) {
        // Whoever reads is told that what is older is in hours only.
        crate::store::set_meta(conn, "minutes_since", &minutes_from.to_string())?;
    }
    let mut maintenance = None;
    let mut read = 0;
    for (id, (since, till, series)) in families {
        let json: String = conn.prepare_cached("SELECT ident FROM family WHERE id = ?1")?.query_row([id], |r| r.get(0))?;
        let ident = Ident::parse(&json)?;
        let mut one = Family { conn, id, latency: None, minutes_from, announced: Vec::new(), ident };
        if since >= minutes_from
            && let Some(minute) = minutes.since(series, since)
        {
            one.put_down(minute)?;
            continue;
        }
        if one.ident.is_probe() {
            let all = match &mut maintenance {
                Some(known) => known,
                unknown => unknown.insert(announced(conn)?),
            };
            one.announced = all.iter().filter(|(service, _)| service.is_none() || *service == one.ident.service).map(|(_, w)| *w).collect();
            let latency = Ident { metric: PROBE_LATENCY.to_owned(), ..one.ident.clone() };
            one.latency = Some(family(conn, &latency)?);
        }
        for (since, till) in one.pieces(since, till)? {
            read += one.fold(since, till)?;
        }
        minutes.folded(series);
    }
    Ok(read)
}

/// Announced maintenance: of a service, or of all.
fn announced(conn: &Connection) -> rusqlite::Result<Vec<(Option<String>, Window)>> {
    let mut find = conn.prepare_cached("SELECT body FROM record WHERE kind = ?1 AND deleted = 0")?;
    let mut rows = find.query([row::code(Kind::Annotation)])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let columns = row::Columns { source: "", id: "", kind: Kind::Annotation, seq: 0, deleted: false, seen: 0 };
        let record = row::decode(columns, r.get_ref(0)?.as_blob()?);
        if let Body::Annotation(a) = &record.body
            && a.annotation_kind == AnnotationKind::Maintenance
            && let (Some(from), Some(to)) = (record.event_time(), a.to)
        {
            out.push((record.service.clone(), Window::new(from, to)));
        }
    }
    Ok(out)
}

/// What is folded together: a check with its locations, or one sample series.
struct Family<'c> {
    conn: &'c Connection,
    id: i64,
    /// Where the probes' own latencies go.
    latency: Option<i64>,
    /// Older spans are folded into hours straight from the points.
    minutes_from: i64,
    announced: Vec<Window>,
    ident: Ident,
}

enum Points {
    Probes(Vec<(Time, Probe)>),
    Samples(Vec<(Time, Sample)>),
}

impl Points {
    fn len(&self) -> usize {
        match self {
            Self::Probes(p) => p.len(),
            Self::Samples(s) => s.len(),
        }
    }

    fn at(&self, i: usize) -> Time {
        match self {
            Self::Probes(p) => p[i].0,
            Self::Samples(s) => s[i].0,
        }
    }

    /// The furthest any point reaches, in ms.
    fn reach(&self) -> i64 {
        let reach = match self {
            Self::Probes(p) => p.iter().map(|(at, p)| ProbePoint::of(*at, p).reach().num_milliseconds()).max(),
            #[allow(clippy::cast_possible_truncation, reason = "clamped to two days")]
            Self::Samples(s) => s.iter().map(|(_, s)| (s.window_s.clamp(0.0, 172_800.0) * 1000.0) as i64).max(),
        };
        reach.unwrap_or(0).clamp(0, LONGEST_REACH)
    }

    /// Indices of the points that matter to a span; of running totals also the one before.
    fn near(&self, from: i64, to: i64, reach: i64) -> std::ops::Range<usize> {
        let first = partition(self.len(), |i| millis(self.at(i)) < from - reach);
        let last = partition(self.len(), |i| millis(self.at(i)) < to + reach);
        let running = matches!(self, Self::Samples(s) if s.first().is_some_and(|(_, s)| s.sample_kind == SampleKind::CounterCum || s.start_ts.is_some()));
        (if running { first.saturating_sub(1) } else { first })..last
    }
}

fn partition(len: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let mid = low.midpoint(high);
        if before(mid) { low = mid + 1 } else { high = mid }
    }
    low
}

impl Family<'_> {
    /// A span cut so that each piece has about as many points as may be in memory at once.
    fn pieces(&self, since: i64, till: i64) -> rusqlite::Result<Vec<Span>> {
        let mut count = self
            .conn
            .prepare_cached("SELECT count(*) FROM series s JOIN raw r ON r.series = s.id WHERE s.family = ?1 AND r.ts BETWEEN ?2 AND ?3")?;
        let points: i64 = count.query_row(params![self.id, since, till], |r| r.get(0))?;
        let length = ((till - since) / (points / POINTS_AT_ONCE + 1)).max(HOUR);
        let mut pieces = Vec::new();
        let mut from = since;
        while from <= till {
            // Seams lie on whole hours, which are folded whole.
            let next = floor(from + length, HOUR).max(from + 1);
            pieces.push((from, till.min(next - 1)));
            from = next;
        }
        Ok(pieces)
    }

    /// From the points; gives how many there were.
    fn fold(&self, since: i64, mut till: i64) -> rusqlite::Result<usize> {
        // Hours that are folded from points need all of theirs.
        let from = if since < self.minutes_from { floor(since, HOUR) } else { floor(since, MINUTE) };
        let to = till + HOUR;
        let points = self.load(from, to + self.reached_back(to)?)?;
        let reach = points.reach();
        if let Points::Samples(all) = &points
            && all.first().is_some_and(|(_, s)| s.sample_kind == SampleKind::CounterCum || s.start_ts.is_some())
            && let Some((at, next)) = all.iter().find(|(at, s)| millis(crate::kpi::live::sample_at(*at, s)) > till)
        {
            // The increase of the next point counts from the one that came.
            till = millis(crate::kpi::live::sample_at(*at, next));
        }
        let mut hours = self.clear(from, till)?;
        let mut start = from;
        while start <= till {
            let size = if start < self.minutes_from { HOUR } else { MINUTE };
            let near = points.near(start, start + size, reach);
            if !near.is_empty() && !self.sealed(HOUR, floor(start, HOUR))? {
                self.fold_one(&points, near, size, start)?;
                hours.insert(floor(start, HOUR));
            }
            start += size;
        }
        self.hours(&hours)?;
        Ok(points.len())
    }

    /// From the sums so far of the minute that is written to.
    fn put_down(&self, minute: &mut Minute) -> rusqlite::Result<()> {
        let hour = floor(minute.start, HOUR);
        let mut ended = BTreeSet::new();
        for (start, sums) in minute.ended.drain(..) {
            self.put(self.id, MINUTE, start, &sums)?;
            ended.insert(floor(start, HOUR));
            minute.before = None;
        }
        ended.remove(&hour);
        self.hours(&ended)?;
        if minute.before.is_none() {
            if self.sealed(HOUR, hour)? {
                return Ok(());
            }
            let (day, metric) = (floor(hour, DAY), &self.ident.metric);
            minute.before = Some(Before {
                hour: self.sum(self.id, metric, MINUTE, (hour, minute.start))?,
                day: if self.sealed(DAY, day)? { None } else { Some(self.sum(self.id, metric, HOUR, (day, hour))?) },
            });
        }
        let Some(before) = &minute.before else { return Ok(()) };
        // The same sums in the same order as from the file, for there is nothing after this minute.
        let mut sums = before.hour.clone();
        sums.absorb(&self.ident.metric, &minute.sums);
        self.put(self.id, MINUTE, minute.start, &minute.sums)?;
        self.put(self.id, HOUR, hour, &sums)?;
        if let Some(mut day) = before.day.clone() {
            day.absorb(&self.ident.metric, &sums);
            self.put(self.id, DAY, floor(hour, DAY), &day)?;
        }
        Ok(())
    }

    /// These hours from their minutes, and their days from their hours.
    fn hours(&self, hours: &BTreeSet<i64>) -> rusqlite::Result<()> {
        let mut days = BTreeSet::new();
        for hour in hours {
            if *hour >= self.minutes_from {
                self.coarsen(MINUTE, HOUR, *hour)?;
            }
            days.insert(floor(*hour, DAY));
        }
        days.into_iter().try_for_each(|day| self.coarsen(HOUR, DAY, day))
    }

    /// Take away what will be folded again; says which hours were concerned.
    fn clear(&self, from: i64, till: i64) -> rusqlite::Result<BTreeSet<i64>> {
        let mut delete = self.conn.prepare_cached(
            "DELETE FROM bucket WHERE size = ?1 AND family = ?2 AND start BETWEEN ?3 AND ?4 AND sealed = 0 RETURNING start",
        )?;
        let mut hours = BTreeSet::new();
        for id in [Some(self.id), self.latency].into_iter().flatten() {
            for size in [MINUTE, HOUR] {
                let mut rows = delete.query(params![size, id, floor(from, size), till])?;
                while let Some(r) = rows.next()? {
                    hours.insert(floor(r.get(0)?, HOUR));
                }
            }
        }
        Ok(hours)
    }

    fn load(&self, from: i64, to: i64) -> rusqlite::Result<Points> {
        let mut series = self.conn.prepare_cached("SELECT id, ident FROM series WHERE family = ?1 ORDER BY id")?;
        let mut find = self.conn.prepare_cached(
            "SELECT ts, body FROM raw WHERE series = ?1 AND deleted = 0 AND ts <= ?3
             AND ts >= coalesce((SELECT max(ts) FROM raw WHERE series = ?1 AND deleted = 0 AND ts < ?2), ?2) ORDER BY ts",
        )?;
        let (mut probes, mut samples) = (Vec::new(), Vec::new());
        let mut all = series.query([self.id])?;
        while let Some(s) = all.next()? {
            let ident = Ident::parse(s.get_ref(1)?.as_str()?)?;
            let id: i64 = s.get(0)?;
            let mut rows = find.query(params![id, from - self.lookback(id, from)?, to])?;
            while let Some(r) = rows.next()? {
                let point: Point = pack::read(r.get_ref(1)?.as_blob()?).map_err(|_| crate::store::read::damaged("point"))?;
                let at = from_millis(r.get(0)?);
                match point.body(&ident) {
                    Body::Probe(p) => probes.push((at, p)),
                    Body::Sample(s) => samples.push((at, s)),
                    _ => {}
                }
            }
        }
        Ok(if self.ident.is_probe() {
            probes.sort_by_key(|(at, _)| *at);
            Points::Probes(probes)
        } else {
            samples.sort_by_key(|(at, _)| *at);
            Points::Samples(samples)
        })
    }

    /// How far back results before a span may still hold in it: as the last one before it says.
    fn lookback(&self, series: i64, from: i64) -> rusqlite::Result<i64> {
        if !self.ident.is_probe() {
            return Ok(0);
        }
        let mut find =
            self.conn.prepare_cached("SELECT body FROM raw WHERE series = ?1 AND ts < ?2 AND deleted = 0 ORDER BY ts DESC LIMIT 1")?;
        let body: Option<Vec<u8>> = find.query_row(params![series, from], |r| r.get(0)).optional()?;
        let point: Point = body.and_then(|b| pack::read(&b).ok()).unwrap_or_default();
        let probe = Probe { interval_s: point.interval_s, ..Probe::default() };
        Ok(ProbePoint::of(from_millis(from), &probe).reach().num_milliseconds().clamp(0, LONGEST_REACH))
    }

    /// How far before its own time the next sample of the series belongs: half of what it covers.
    fn reached_back(&self, after: i64) -> rusqlite::Result<i64> {
        if self.ident.is_probe() {
            return Ok(0);
        }
        let mut find = self.conn.prepare_cached(
            "SELECT r.body FROM series s JOIN raw r ON r.series = s.id WHERE s.family = ?1 AND r.ts > ?2 AND r.deleted = 0 ORDER BY r.ts LIMIT 1",
        )?;
        let body: Option<Vec<u8>> = find.query_row(params![self.id, after], |r| r.get(0)).optional()?;
        let point: Point = body.and_then(|b| pack::read(&b).ok()).unwrap_or_default();
        let next = from_millis(after);
        let sample = point.sample(&Sample::default());
        Ok((next - crate::kpi::live::sample_at(next, &sample)).num_milliseconds().clamp(0, LONGEST_REACH))
    }

    fn fold_one(&self, points: &Points, near: std::ops::Range<usize>, size: i64, start: i64) -> rusqlite::Result<()> {
        let span = Window::new(from_millis(start), from_millis(start + size));
        match points {
            Points::Probes(all) => {
                let list: Vec<ProbePoint<'_>> = all[near].iter().map(|(at, p)| ProbePoint::of(*at, p)).collect();
                if let Some(latency) = self.latency {
                    self.put(latency, size, start, &fold_probe_latency(&list, span))?;
                }
                // Announced maintenance without any result is not worth a bucket.
                let sums = if list.is_empty() { Sums::default() } else { fold_probes(&list, &self.announced, span) };
                self.put(self.id, size, start, &sums)
            }
            Points::Samples(all) => {
                let list: Vec<(Time, &Sample)> = all[near].iter().map(|(at, s)| (*at, s)).collect();
                self.put(self.id, size, start, &fold_samples(&list, span))
            }
        }
    }

    /// One coarse bucket from its finer ones, in order of time.
    fn coarsen(&self, from: i64, to: i64, start: i64) -> rusqlite::Result<()> {
        if self.sealed(to, start)? {
            return Ok(());
        }
        for (id, metric) in [(Some(self.id), self.ident.metric.as_str()), (self.latency, PROBE_LATENCY)] {
            let Some(id) = id else { continue };
            self.put(id, to, start, &self.sum(id, metric, from, (start, start + to))?)?;
        }
        Ok(())
    }

    /// What the buckets of a size hold together, in order of time.
    fn sum(&self, id: i64, metric: &str, size: i64, (from, to): (i64, i64)) -> rusqlite::Result<Sums> {
        let mut find = self
            .conn
            .prepare_cached("SELECT body FROM bucket WHERE size = ?1 AND family = ?2 AND start >= ?3 AND start < ?4 ORDER BY start")?;
        let mut rows = find.query(params![size, id, from, to])?;
        let mut sums = Sums::default();
        while let Some(r) = rows.next()? {
            let finer = sums::unpack(r.get_ref(0)?.as_blob()?).ok_or_else(|| crate::store::read::damaged("bucket"))?;
            sums.absorb(metric, &finer);
        }
        Ok(sums)
    }

    fn put(&self, id: i64, size: i64, start: i64, sums: &Sums) -> rusqlite::Result<()> {
        if sums.is_empty() {
            self.conn
                .prepare_cached("DELETE FROM bucket WHERE size = ?1 AND family = ?2 AND start = ?3")?
                .execute(params![size, id, start])?;
        } else {
            self.conn
                .prepare_cached("INSERT OR REPLACE INTO bucket (size, family, start, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![size, id, start, sums::pack(sums)])?;
        }
        Ok(())
    }

    fn sealed(&self, size: i64, start: i64) -> rusqlite::Result<bool> {
        let mut find = self.conn.prepare_cached("SELECT 1 FROM bucket WHERE size = ?1 AND family = ?2 AND start = ?3 AND sealed = 1")?;
        find.exists(params![size, self.id, start])
    }
}
