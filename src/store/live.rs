//! Live series: raw points for a while, and buckets of a minute, an hour and a day folded from them.
//!
//! A point's identity is its series and its time, so a repeated point replaces itself and no sum counts it twice. Buckets
//! are folded again from raw points whenever points of theirs arrive; a bucket whose raw points are gone is sealed and
//! takes nothing more.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
};

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{FactQuery, ingest::Touched, pack, row};
use crate::{
    domain::{
        Time,
        record::{Body, BucketCount, Kind, Probe, Record, Sample, SampleKind},
        window::{Window, from_millis, millis},
    },
    kpi::{
        fact::{Bucket, Owners},
        live::{PROBE, Sums},
    },
    ledger::attribute::Attributor,
};

pub(super) mod fold;
mod minute;
pub(super) mod sums;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 86_400_000;

/// Everything about a series but its numbers; as JSON it is the series' name in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ident {
    pub(super) source: String,
    /// Canonical metric, or `probe` and its kin.
    pub(super) metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_kind: Option<SampleKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

impl Ident {
    fn of(record: &Record) -> Option<Self> {
        let mut ident = Self {
            source: record.source.clone(),
            team: record.team.clone(),
            service: record.service.clone(),
            repo: record.repo.clone(),
            env_tier: record.env_tier.clone(),
            env_name: record.env_name.clone(),
            url: record.url.clone(),
            labels: record.labels.clone(),
            ..Self::default()
        };
        match &record.body {
            Body::Probe(p) => {
                PROBE.clone_into(&mut ident.metric);
                ident.check = Some(p.check_id.clone());
                ident.location.clone_from(&p.location);
            }
            Body::Sample(s) => {
                ident.metric.clone_from(&s.metric);
                ident.sample_kind = Some(s.sample_kind);
                ident.unit.clone_from(&s.unit);
            }
            _ => return None,
        }
        Some(ident)
    }

    /// What is folded together: the locations of one check.
    fn family(&self) -> Self {
        Self { location: None, ..self.clone() }
    }

    fn json(&self) -> rusqlite::Result<String> {
        serde_json::to_string(self).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }

    fn parse(json: &str) -> rusqlite::Result<Self> {
        serde_json::from_str(json).map_err(|_| super::read::damaged("series"))
    }

    pub(super) fn is_probe(&self) -> bool {
        self.check.is_some()
    }

    /// A record without numbers, for attribution and for rows.
    fn record(&self, body: Body, at: Option<Time>) -> Record {
        let mut record = Record::new(self.source.clone(), String::new(), body);
        record.ts = at;
        record.team.clone_from(&self.team);
        record.service.clone_from(&self.service);
        record.repo.clone_from(&self.repo);
        record.env_tier.clone_from(&self.env_tier);
        record.env_name.clone_from(&self.env_name);
        record.url.clone_from(&self.url);
        record.labels.clone_from(&self.labels);
        record
    }
}

/// The series met since the store was opened: their numbers, by what their records say of them, and the minutes being
/// written to.
#[derive(Debug, Default)]
pub(super) struct Series {
    ids: HashMap<Vec<u8>, Ids>,
    key: Vec<u8>,
    pub(super) minutes: minute::Minutes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ids {
    series: i64,
    family: i64,
}

impl Series {
    /// Number and family of a point's series, given ones when it is new; `None` when the record is no point.
    fn of(&mut self, conn: &Connection, record: &Record) -> rusqlite::Result<Option<Ids>> {
        // What `Ident::of` takes over, without taking it over: a point costs no allocation.
        let r = record;
        let own = match &r.body {
            Body::Probe(p) => (None, &p.check_id, &p.location),
            Body::Sample(s) => (Some(s.sample_kind), &s.metric, &s.unit),
            _ => return Ok(None),
        };
        self.key.clear();
        pack::write(&(&r.source, own, &r.team, &r.service, &r.repo, &r.env_tier, &r.env_name, &r.url, &r.labels), &mut self.key)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        if let Some(ids) = self.ids.get(&self.key) {
            return Ok(Some(*ids));
        }
        let Some(ident) = Ident::of(record) else { return Ok(None) };
        let ids = numbered(conn, &ident)?;
        self.ids.insert(self.key.clone(), ids);
        Ok(Some(ids))
    }
}

fn numbered(conn: &Connection, ident: &Ident) -> rusqlite::Result<Ids> {
    let json = ident.json()?;
    let mut find = conn.prepare_cached("SELECT id, family FROM series WHERE ident = ?1")?;
    let known = find.query_row([&json], |r| Ok(Ids { series: r.get(0)?, family: r.get(1)? })).optional()?;
    if let Some(ids) = known {
        return Ok(ids);
    }
    let family = family(conn, &ident.family())?;
    conn.prepare_cached("INSERT INTO series (ident, family) VALUES (?1, ?2)")?.execute(params![json, family])?;
    Ok(Ids { series: conn.last_insert_rowid(), family })
}

/// The number of a family, given one when it is new.
fn family(conn: &Connection, ident: &Ident) -> rusqlite::Result<i64> {
    let json = ident.json()?;
    let known = conn.prepare_cached("SELECT id FROM family WHERE ident = ?1")?.query_row([&json], |r| r.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    conn.prepare_cached("INSERT INTO family (ident, metric, service) VALUES (?1, ?2, ?3)")?.execute(params![
        json,
        ident.metric,
        ident.service.as_deref().unwrap_or_default()
    ])?;
    Ok(conn.last_insert_rowid())
}

/// The numbers of one point.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Point {
    #[serde(rename = "ok", skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    interval_s: Option<f64>,
    #[serde(rename = "m", skip_serializing_if = "std::ops::Not::not")]
    maintenance: bool,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    error_kind: Option<String>,
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(rename = "w", skip_serializing_if = "Option::is_none")]
    window_s: Option<f64>,
    #[serde(rename = "b", skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<BucketCount>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    count: Option<f64>,
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    start_ms: Option<i64>,
}

impl Point {
    fn of(body: &Body) -> Self {
        match body {
            Body::Probe(p) => Self {
                ok: Some(p.ok),
                latency_ms: p.latency_ms,
                interval_s: p.interval_s,
                maintenance: p.maintenance,
                error_kind: p.error_kind.clone(),
                ..Self::default()
            },
            Body::Sample(s) => Self {
                value: s.value,
                window_s: (s.window_s != 0.0).then_some(s.window_s),
                buckets: s.buckets.clone(),
                sum: s.sum,
                count: s.count,
                start_ms: s.start_ts.map(millis),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    fn body(self, ident: &Ident) -> Body {
        match &ident.check {
            Some(check) => Body::Probe(Probe {
                check_id: check.clone(),
                location: ident.location.clone(),
                ok: self.ok.unwrap_or_default(),
                latency_ms: self.latency_ms,
                interval_s: self.interval_s,
                maintenance: self.maintenance,
                error_kind: self.error_kind,
            }),
            None => Body::Sample(self.sample(&Sample {
                metric: ident.metric.clone(),
                sample_kind: ident.sample_kind.unwrap_or_default(),
                unit: ident.unit.clone(),
                ..Sample::default()
            })),
        }
    }

    /// As a sample of the series that `like` is one of.
    fn sample(self, like: &Sample) -> Sample {
        Sample {
            metric: like.metric.clone(),
            sample_kind: like.sample_kind,
            window_s: self.window_s.unwrap_or(0.0),
            unit: like.unit.clone(),
            value: self.value,
            buckets: self.buckets,
            sum: self.sum,
            count: self.count,
            start_ts: self.start_ms.map(from_millis),
        }
    }
}

/// Take probe results and samples in. What has no time, or belongs to a sealed bucket, changes nothing.
pub(super) fn take(conn: &Connection, series: &mut Series, records: &[&Record], now: Time, touched: &mut Touched) -> rusqlite::Result<()> {
    let mut points = Vec::with_capacity(records.len());
    for record in records {
        match (series.of(conn, record)?, record.event_time()) {
            (Some(ids), Some(at)) => points.push((ids, millis(at), *record)),
            _ => touched.unchanged += 1,
        }
    }
    // Neighbours in the table come one after the other. Stable, so that of equal revisions the order of arrival stays.
    points.sort_by_key(|(ids, ts, _)| (*ids, *ts));
    let mut take = Take {
        conn,
        find: conn.prepare_cached("SELECT rev, seq, deleted, body FROM raw WHERE series = ?1 AND ts = ?2")?,
        insert: conn.prepare_cached(
            "INSERT INTO raw (series, ts, rev, seq, deleted, seen, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?,
        update: conn
            .prepare_cached("UPDATE raw SET rev = ?3, seq = ?4, deleted = ?5, seen = ?6, body = ?7 WHERE series = ?1 AND ts = ?2")?,
        now: millis(now),
        sealed: None,
        body: Vec::new(),
    };
    let mut arrivals = Vec::new();
    for of_series in points.chunk_by(|a, b| a.0.series == b.0.series) {
        let (ids, first, record) = of_series[0];
        arrivals.clear();
        let live = first >= take.now - HOUR;
        // What else this commit brought of the series is not in the file yet.
        let untouched = live && !touched.live.contains_key(&ids.series);
        if let (true, Body::Sample(sample)) = (untouched, &record.body) {
            series.minutes.open(conn, ids.series, ids.family, (first, sample))?;
        }
        let mut follows = live;
        for (_, ts, record) in of_series {
            match (take.one(ids, *ts, record, touched)?, &record.body) {
                (Taken::New, Body::Sample(sample)) => arrivals.push((*ts, sample)),
                (Taken::New | Taken::Changed, _) => follows = false,
                (Taken::Known, _) => {}
            }
        }
        if follows {
            series.minutes.follow(ids.series, &arrivals);
        } else {
            series.minutes.forget(ids.series);
        }
    }
    Ok(())
}

/// What became of a point.
enum Taken {
    /// There was none of its series and time.
    New,
    /// It takes the place of one, or takes one back.
    Changed,
    /// Nothing new.
    Known,
}

struct Take<'c> {
    conn: &'c Connection,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    now: i64,
    /// Whether the hour (and day) of a family last asked for is sealed.
    sealed: Option<(i64, i64, bool)>,
    body: Vec<u8>,
}

impl Take<'_> {
    fn one(&mut self, ids: Ids, ts: i64, record: &Record, touched: &mut Touched) -> rusqlite::Result<Taken> {
        self.body.clear();
        pack::write(&Point::of(&record.body), &mut self.body).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        let (since, till) = affected(ts, &record.body);
        let rev = row::nanos(record.revision().0);
        // Only a point that is already there may still change in a sealed bucket.
        let closed = ts < self.now - HOUR && self.sealed(ids.family, since)?;
        let values = params![ids.series, ts, rev, record.seq, record.deleted, self.now, self.body];
        let mut was_live = false;
        let mut taken = if record.deleted { Taken::Changed } else { Taken::New };
        if closed || self.insert.execute(values)? == 0 {
            let body = &self.body;
            let old = self
                .find
                .query_row(params![ids.series, ts], |r| {
                    let order = (rev, record.seq, record.deleted).cmp(&(r.get(0)?, r.get(1)?, r.get(2)?));
                    let content = || body.as_slice().cmp(r.get_ref(3).and_then(|b| Ok(b.as_blob()?)).unwrap_or_default());
                    Ok((order.then_with(content), r.get::<_, bool>(2)?))
                })
                .optional()?;
            let Some((Ordering::Greater, deleted)) = old else {
                touched.unchanged += 1;
                return Ok(Taken::Known);
            };
            taken = Taken::Changed;
            was_live = !deleted;
            self.update.execute(values)?;
        }
        touched.changed += 1;
        let kind = row::code(record.body.kind());
        *touched.tally.entry(kind).or_default() += i64::from(!record.deleted) - i64::from(was_live);
        let span = touched.live.entry(ids.series).or_insert((since, till));
        *span = (span.0.min(since), span.1.max(till));
        Ok(taken)
    }

    fn sealed(&mut self, family: i64, ts: i64) -> rusqlite::Result<bool> {
        let hour = floor(ts, HOUR);
        if let Some((of, at, sealed)) = self.sealed
            && (of, at) == (family, hour)
        {
            return Ok(sealed);
        }
        let mut find = self.conn.prepare_cached("SELECT 1 FROM bucket WHERE size = ?1 AND family = ?2 AND start = ?3 AND sealed = 1")?;
        let sealed = find.exists(params![HOUR, family, hour])? || find.exists(params![DAY, family, floor(ts, DAY)])?;
        self.sealed = Some((family, hour, sealed));
        Ok(sealed)
    }
}

/// The span of time whose sums a point can change.
fn affected(ts: i64, body: &Body) -> (i64, i64) {
    let at = from_millis(ts);
    match body {
        Body::Sample(s) => {
            let middle = millis(crate::kpi::live::sample_at(at, s));
            (middle, middle)
        }
        Body::Probe(p) => (ts, millis(at + crate::kpi::live::ProbePoint::of(at, p).reach())),
        _ => (ts, ts),
    }
}

pub(super) fn floor(ts: i64, size: i64) -> i64 {
    ts.div_euclid(size) * size
}

/// Every probe series is affected over a span (announced maintenance came or went).
pub(super) fn touch_probes(conn: &Connection, span: (i64, i64), touched: &mut Touched) -> rusqlite::Result<()> {
    let mut find = conn.prepare_cached("SELECT s.id FROM series s JOIN family f ON f.id = s.family WHERE f.metric = ?1")?;
    let all: Vec<i64> = find.query_map([PROBE], |r| r.get(0))?.collect::<Result<_, _>>()?;
    for series in all {
        let old = touched.live.entry(series).or_insert(span);
        *old = (old.0.min(span.0), old.1.max(span.1));
    }
    Ok(())
}

/// Services that a series names.
pub(super) fn services(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut find = conn.prepare_cached("SELECT DISTINCT service FROM family WHERE service != ''")?;
    find.query_map([], |r| r.get(0))?.collect()
}

/// Names of metrics that have a series.
pub(super) fn metrics(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut find = conn.prepare_cached("SELECT DISTINCT metric FROM family")?;
    find.query_map([], |r| r.get(0))?.collect()
}

/// Spans of one bucket size each that cover a window: minutes for hours, hours for a fortnight, and for more than that
/// whole days with hours at the cut edges. What is no longer kept is answered by the next coarser size.
fn plan(conn: &Connection, window: Window) -> rusqlite::Result<Vec<(i64, i64, i64)>> {
    let (from, to) = (millis(window.from), millis(window.to));
    let since = |key: &str| -> rusqlite::Result<i64> { Ok(super::meta(conn, key)?.and_then(|s| s.parse().ok()).unwrap_or(i64::MIN)) };
    // Windows here hold the like window before as well: twice six hours, twice seven days.
    if to - from <= 12 * HOUR && from >= since("minutes_since")? {
        return Ok(vec![(MINUTE, from, to)]);
    }
    let hours_since = since("hours_since")?;
    if to - from <= 14 * DAY && from >= hours_since {
        return Ok(vec![(HOUR, from, to)]);
    }
    let first_day = if from < hours_since { floor(from, DAY) } else { floor(from + DAY - 1, DAY) };
    let last_day = if floor(to, DAY) < hours_since { to } else { floor(to, DAY).max(first_day) };
    Ok(vec![(HOUR, from, first_day), (DAY, first_day, last_day), (HOUR, last_day, to)])
}

/// What the sums of two series of one metric and service may be added up by.
fn adds_up(ident: &Ident, query: &FactQuery) -> bool {
    use SampleKind::{CounterCum, CounterDelta, Histogram};
    !query.labels && ident.check.is_none() && matches!(ident.sample_kind, Some(CounterCum | CounterDelta | Histogram))
}

/// Buckets of the series asked for that overlap the window, by series and time.
pub(super) fn buckets(conn: &Connection, query: &FactQuery, window: Window) -> rusqlite::Result<Vec<Bucket>> {
    let plan = plan(conn, window)?;
    let roster = query.roster.clone().unwrap_or_default();
    let mut owners = OwnersAt { attributor: Attributor::new(&roster), lists: HashMap::new() };
    let mut families =
        conn.prepare_cached("SELECT id, ident FROM family WHERE metric = ?1 AND (?2 IS NULL OR service = ?2) ORDER BY id")?;
    let mut out = Vec::new();
    for metric in &query.live {
        let name: Arc<str> = Arc::from(metric.as_str());
        // Series that add up, by whose they are: one list of buckets each.
        let mut sums: BTreeMap<(String, Option<String>, bool), (Ident, List)> = BTreeMap::new();
        let mut rows = families.query(params![metric, query.service])?;
        while let Some(r) = rows.next()? {
            let ident = Ident::parse(r.get_ref(1)?.as_str()?)?;
            let mut apart = BTreeMap::new();
            let family: i64 = r.get(0)?;
            if adds_up(&ident, query) {
                let whole = Ident { labels: BTreeMap::new(), ..ident.clone() };
                let histogram = ident.sample_kind == Some(SampleKind::Histogram);
                let into = sums
                    .entry((whole.service.clone().unwrap_or_default(), whole.team.clone(), histogram))
                    .or_insert((whole, BTreeMap::new()));
                load(conn, family, metric, &plan, &mut into.1)?;
            } else {
                load(conn, family, metric, &plan, &mut apart)?;
                owners.put(&mut out, &name, &ident, apart);
            }
        }
        for (ident, list) in sums.into_values() {
            owners.put(&mut out, &name, &ident, list);
        }
    }
    Ok(out)
}

/// Sums by start and size of their bucket.
type List = BTreeMap<(i64, i64), Sums>;

/// A family's buckets, added to those already there.
fn load(conn: &Connection, family: i64, metric: &str, plan: &[(i64, i64, i64)], into: &mut List) -> rusqlite::Result<()> {
    let mut find =
        conn.prepare_cached("SELECT start, body FROM bucket WHERE size = ?1 AND family = ?2 AND start > ?3 AND start < ?4 ORDER BY start")?;
    for (n, (size, from, to)) in plan.iter().enumerate() {
        // A bucket cut by the window's start belongs to it; one cut by the seam of two sizes belongs to the other.
        let after = if n == 0 { from - size } else { from - 1 };
        let mut rows = find.query(params![size, family, after, to])?;
        while let Some(r) = rows.next()? {
            let sums = sums::unpack(r.get_ref(1)?.as_blob()?).ok_or_else(|| super::read::damaged("bucket"))?;
            match into.entry((r.get(0)?, *size)) {
                Entry::Vacant(free) => drop(free.insert(sums)),
                Entry::Occupied(mut mine) => mine.get_mut().absorb(metric, &sums),
            }
        }
    }
    Ok(())
}

/// Whose a series is at a time; equal lists of owners are one.
struct OwnersAt<'a> {
    attributor: Attributor<'a>,
    lists: HashMap<Vec<(String, u64)>, Owners>,
}

impl OwnersAt<'_> {
    fn put(&mut self, out: &mut Vec<Bucket>, name: &Arc<str>, ident: &Ident, list: List) {
        let service: Arc<str> = Arc::from(ident.service.as_deref().unwrap_or_default());
        let mut labels = ident.labels.clone();
        if let Some(check) = &ident.check {
            labels.entry("check".into()).or_insert_with(|| check.clone());
        }
        let labels = Arc::new(labels);
        let mut known: Option<(i64, Owners)> = None;
        for ((start, size), sums) in list {
            // Ownership is as of the bucket; it is looked up once a day.
            let day = floor(start, DAY);
            let teams = match &known {
                Some((of, list)) if *of == day => Arc::clone(list),
                _ => self.at(ident, start),
            };
            known = Some((day, Arc::clone(&teams)));
            let span = Window::new(from_millis(start), from_millis(start + size));
            out.push(sums.into_bucket(Arc::clone(name), Arc::clone(&service), teams, Arc::clone(&labels), span));
        }
    }

    fn at(&mut self, ident: &Ident, start: i64) -> Owners {
        let record = ident.record(Body::Probe(Probe::default()), Some(from_millis(start)));
        let shares = self.attributor.of(&record).shares;
        let key: Vec<(String, u64)> = shares.iter().map(|s| (s.team.clone(), s.share.to_bits())).collect();
        let list = self.lists.entry(key).or_insert_with(|| shares.iter().map(|s| (Arc::from(s.team.as_str()), s.share)).collect());
        Arc::clone(list)
    }
}

/// Time and series of raw points, newest first, at most `limit`.
pub(super) fn places(conn: &Connection, kind: Kind, (from, to): (i64, i64), limit: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut series = conn.prepare_cached("SELECT s.id FROM series s JOIN family f ON f.id = s.family WHERE (f.metric = ?1) = ?2")?;
    let all: Vec<i64> = series.query_map(params![PROBE, kind == Kind::Probe], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let mut find =
        conn.prepare_cached("SELECT ts FROM raw WHERE series = ?1 AND deleted = 0 AND ts >= ?2 AND ts < ?3 ORDER BY ts DESC LIMIT ?4")?;
    let mut out = Vec::new();
    for id in all {
        let mut rows = find.query(params![id, from, to, limit])?;
        while let Some(r) = rows.next()? {
            out.push((r.get(0)?, id));
        }
    }
    out.sort_unstable_by(|a, b| b.cmp(a));
    out.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(out)
}

/// A raw point as the record it came from. Its id names series and time, which is what identifies it.
pub(super) fn record(conn: &Connection, series: i64, ts: i64) -> rusqlite::Result<Option<Record>> {
    let mut find = conn.prepare_cached(
        "SELECT s.ident, r.seq, r.body, r.rev FROM raw r JOIN series s ON s.id = r.series WHERE r.series = ?1 AND r.ts = ?2 AND r.deleted = 0",
    )?;
    let mut rows = find.query(params![series, ts])?;
    let Some(r) = rows.next()? else { return Ok(None) };
    let ident = Ident::parse(r.get_ref(0)?.as_str()?)?;
    let point: Point = pack::read(r.get_ref(2)?.as_blob()?).map_err(|_| super::read::damaged("point"))?;
    let mut record = ident.record(point.body(&ident), Some(from_millis(ts)));
    let name = ident.check.as_deref().unwrap_or(&ident.metric);
    record.id = format!("{name}:{:08x}:{ts}", row::hash(r.get_ref(0)?.as_str()?) & 0xffff_ffff);
    record.seq = r.get(1)?;
    let rev: i64 = r.get(3)?;
    record.updated_at = (rev / 1_000_000 != ts).then(|| chrono::DateTime::from_timestamp_nanos(rev));
    Ok(Some(record))
}
