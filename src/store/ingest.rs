//! Records in: the newest revision of each (source, id) is kept, whatever the order and number of its arrivals.
//!
//! Says what was touched; deriving from it is `derive`'s, `cost`'s and `live`'s.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
};

use chrono::Datelike;
use rusqlite::{CachedStatement, Connection, params};

use super::{
    live,
    names::{Names, Space},
    pack::PackError,
    partition::Ties,
    restated, row,
};
use crate::domain::{
    Time,
    record::{AnnotationKind, Body, CostLine, Kind, Record},
    window::from_millis,
};

/// What the writer holds in memory; all of it can be read again from the file.
#[derive(Debug)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) ties: Ties,
    pub(super) series: live::Series,
}

impl State {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { names: Names::load(conn)?, ties: Ties::load(conn)?, series: live::Series::default() })
    }
}

/// What a commit's records changed.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Services and repositories whose delivery records changed; 0 for those with neither.
    pub(super) homes: BTreeSet<i64>,
    /// Sources and months whose bills changed.
    pub(super) costs: BTreeSet<(i64, i64)>,
    /// Live series, and the span of time of their new points (ms, both ends included).
    pub(super) live: BTreeMap<i64, (i64, i64)>,
    /// Announced maintenance that came, went or moved (ms).
    pub(super) maintenance: Option<(i64, i64)>,
    /// Owners or services changed.
    pub(super) catalog: bool,
    /// What known bills came to change by.
    pub(super) restated: restated::Changes,
    /// Change of the number of live records by kind.
    pub(super) tally: BTreeMap<i64, i64>,
    pub(super) changed: u64,
    pub(super) unchanged: u64,
}

/// The month in which an instant lies, counted from year 0 in UTC.
pub(super) fn month(ts_ms: i64) -> i64 {
    let at = from_millis(ts_ms);
    i64::from(at.year()) * 12 + i64::from(at.month0())
}

/// Records packed in one go; a batch of more than these is worth sorting, and packing beside the writing.
const PORTION: usize = 1_000;

/// Take records in.
pub(super) fn take(conn: &Connection, state: &mut State, records: &[Record], now: Time, touched: &mut Touched) -> rusqlite::Result<()> {
    let known = conn.prepare_cached("SELECT coalesce(max(row), 0) FROM record")?.query_row([], |r| r.get(0))?;
    let mut ingest = Ingest {
        conn,
        known,
        find: conn.prepare_cached("SELECT row, source, id, rev, seq, deleted, kind, ts, home, body FROM record WHERE hash = ?1")?,
        insert: conn.prepare_cached(
            "INSERT INTO record (hash, source, id, kind, ts, rev, seq, deleted, home, seen, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?,
        update: conn.prepare_cached(
            "UPDATE record SET kind = ?2, ts = ?3, rev = ?4, seq = ?5, deleted = ?6, home = ?7, seen = ?8, body = ?9 WHERE row = ?1",
        )?,
    };
    // In a large batch neighbours in the index come one after the other: each of its pages is then touched once. Stable,
    // so that records without any revision still count as they come.
    let (points, rows): (Vec<&Record>, Vec<&Record>) = records.iter().partition(|r| matches!(r.body, Body::Probe(_) | Body::Sample(_)));
    let mut order: Vec<(i64, &Record)> = rows.into_iter().map(|r| (row::hash(&r.id), r)).collect();
    if order.len() > PORTION {
        order.sort_by_key(|(hash, _)| *hash);
    }
    packed(&order, |(hash, record), body| ingest.one(state, record, body, *hash, now, touched))?;
    live::take(conn, &mut state.series, &points, now, touched)
}

/// Hand each record to `each` with its packed body; of a large batch the next portion is packed by a thread of its own
/// meanwhile.
fn packed(order: &[(i64, &Record)], mut each: impl FnMut(&(i64, &Record), &[u8]) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let pack = |portion: &[(i64, &Record)]| -> Result<(Vec<u8>, Vec<usize>), PackError> {
        let (mut bytes, mut ends) = (Vec::with_capacity(portion.len() * 400), Vec::with_capacity(portion.len()));
        for (_, record) in portion {
            row::encode(record, &mut bytes)?;
            ends.push(bytes.len());
        }
        Ok((bytes, ends))
    };
    let mut hand_out = |portion: &[(i64, &Record)], packed: Result<(Vec<u8>, Vec<usize>), PackError>| {
        let (bytes, ends) = packed.map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        let mut from = 0;
        portion.iter().zip(ends).try_for_each(|(one, end)| each(one, &bytes[std::mem::replace(&mut from, end)..end]))
    };
    if order.len() <= PORTION {
        return hand_out(order, pack(order));
    }
    std::thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel(2);
        // It ends when there is nothing left to pack, or nobody left who wants it.
        scope.spawn(move || order.chunks(PORTION).try_for_each(|portion| send.send(pack(portion))));
        order.chunks(PORTION).zip(receive).try_for_each(|(portion, packed)| hand_out(portion, packed))
    })
}

struct Ingest<'c> {
    conn: &'c Connection,
    /// Rows up to here were there before.
    known: i64,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
}

/// A stored row, as far as it matters to its successor.
struct Old {
    row: i64,
    kind: i64,
    ts: i64,
    home: i64,
    deleted: bool,
    /// What a bill's line said.
    line: Option<Box<CostLine>>,
    /// How the arriving revision stands to it.
    order: Ordering,
}

impl Ingest<'_> {
    fn one(
        &mut self,
        state: &mut State,
        record: &Record,
        body: &[u8],
        hash: i64,
        now: Time,
        touched: &mut Touched,
    ) -> rusqlite::Result<()> {
        let source = state.names.id(self.conn, Space::Source, &record.source)?;
        let mut rev = row::nanos(record.revision().0);
        if record.deleted && rev == i64::MIN {
            // A bare tombstone claims no time: it is about what is known now.
            rev = row::nanos(record.observed_at.or(Some(now)));
        }
        let old = self.old(hash, source, record, rev, body)?;
        if old.as_ref().is_some_and(|o| o.order != Ordering::Greater) {
            touched.unchanged += 1;
            return Ok(());
        }
        touched.changed += 1;
        let mut kind = row::code(record.body.kind());
        let mut home = home(self.conn, &mut state.names, record)?;
        let mut ts = row::millis(record.event_time());
        if let Some(old) = &old {
            touch(touched, old.kind, old.home, source, old.ts);
            if record.deleted && kind == 0 {
                (kind, home, ts) = (old.kind, old.home, old.ts);
            }
            if !old.deleted {
                *touched.tally.entry(old.kind).or_default() -= 1;
            }
        }
        if !record.deleted {
            *touched.tally.entry(kind).or_default() += 1;
        }
        touch(touched, kind, home, source, ts);
        if let Body::Annotation(a) = &record.body
            && a.annotation_kind == AnnotationKind::Maintenance
            && let Some(to) = a.to
        {
            let span = touched.maintenance.get_or_insert((ts, ts));
            *span = (span.0.min(ts), span.1.max(row::millis(Some(to))));
        }
        if kind == row::code(Kind::CostLine) {
            let was = old.as_ref().filter(|o| !o.deleted && o.row <= self.known).and_then(|o| Some((month(o.ts), o.line.as_deref()?)));
            let is = if let Body::CostLine(line) = &record.body { Some((month(ts), line)).filter(|_| !record.deleted) } else { None };
            touched.restated.add(source, was, is);
        }
        let seen = record.observed_at.map_or(0, |t| row::nanos(Some(t)));
        match &old {
            Some(old) => {
                if record.deleted {
                    self.conn.prepare_cached("DELETE FROM derived WHERE row = ?1")?.execute([old.row])?;
                }
                self.update.execute(params![old.row, kind, ts, rev, record.seq, record.deleted, home, seen, body])?;
            }
            None => {
                self.insert.execute(params![hash, source, record.id, kind, ts, rev, record.seq, record.deleted, home, seen, body])?;
            }
        }
        if row::DELIVERY.contains(&row::kind(kind)) {
            connect(self.conn, state, record, hash, home)?;
        }
        Ok(())
    }

    /// The stored row of this identity. Revisions order by time, then `seq`, then tombstones first, then by content, so
    /// that of two different records with one revision the same one wins in whatever order they arrive. Records that
    /// claim no time at all are taken as they come.
    fn old(&mut self, hash: i64, source: i64, record: &Record, rev: i64, body: &[u8]) -> rusqlite::Result<Option<Old>> {
        let mut rows = self.find.query([hash])?;
        while let Some(r) = rows.next()? {
            if r.get::<_, i64>(1)? != source || r.get_ref(2)?.as_str()? != record.id {
                continue;
            }
            let (old_rev, old_seq, deleted): (i64, i64, bool) = (r.get(3)?, r.get(4)?, r.get(5)?);
            let order = (rev, record.seq, record.deleted).cmp(&(old_rev, old_seq, deleted)).then_with(|| {
                let content = body.cmp(r.get_ref(9).and_then(|b| Ok(b.as_blob()?)).unwrap_or_default());
                if rev == i64::MIN && content != Ordering::Equal { Ordering::Greater } else { content }
            });
            let kind = r.get(6)?;
            let line = if kind == row::code(Kind::CostLine) { row::cost_line(r.get_ref(9)?.as_blob()?) } else { None };
            return Ok(Some(Old { row: r.get(0)?, kind, ts: r.get(7)?, home: r.get(8)?, deleted, line, order }));
        }
        Ok(None)
    }
}

fn touch(touched: &mut Touched, kind: i64, home: i64, source: i64, ts: i64) {
    match row::kind(kind) {
        kind if row::DELIVERY.contains(&kind) => {
            touched.homes.insert(home);
        }
        Kind::CostLine => {
            touched.costs.insert((source, month(ts)));
        }
        Kind::Catalog | Kind::Ownership => touched.catalog = true,
        _ => {}
    }
}

/// Where a record lives: its service, else an incident's first one, else its repository, else nowhere (0).
fn home(conn: &Connection, names: &mut Names, record: &Record) -> rusqlite::Result<i64> {
    let of_incident = match &record.body {
        Body::Incident(i) => i.services.first().map(String::as_str),
        _ => None,
    };
    if let Some(service) = named(record.service.as_ref()).or(of_incident) {
        return names.id(conn, Space::Service, service);
    }
    match named(record.repo.as_ref()) {
        Some(repo) => names.id(conn, Space::Repo, repo),
        None => Ok(0),
    }
}

fn named(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|t| !t.is_empty())
}

/// Tie what the record connects.
fn connect(conn: &Connection, state: &mut State, record: &Record, hash: i64, home: i64) -> rusqlite::Result<()> {
    let State { names, ties, .. } = state;
    if let (Some(service), Some(repo)) = (&record.service, &record.repo) {
        let (service, repo) = (names.id(conn, Space::Service, service)?, names.id(conn, Space::Repo, repo)?);
        ties.tie(conn, service, repo)?;
    }
    if let Body::Incident(incident) = &record.body {
        for service in &incident.services {
            let service = names.id(conn, Space::Service, service)?;
            ties.tie(conn, home, service)?;
        }
    }
    ties.arrived(conn, record, hash, home)
}
