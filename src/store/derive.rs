//! Working off what was touched: load a partition, let the ledger derive, keep what changed.
//!
//! A partition's result replaces its former one whole, so it does not matter how often or when it is derived. Only rows
//! and chunks whose content changed are written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use rusqlite::{Connection, params};

use super::{
    chunk,
    derived::{self, About},
    ingest::State,
    names::Space,
    row,
};
use crate::{
    domain::{Time, record::Record, team::Roster},
    kpi::fact::{self, Event, Measure},
    ledger::{self, Rules},
};

/// Raised when the ledger or the form of its results changes, so that everything is derived again.
pub(super) const VERSION: u32 = 5;

/// What derivation needs besides records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basis<'a> {
    pub(super) roster: &'a Roster,
    pub(super) rules: &'a Rules,
    pub(super) now: Time,
}

/// Put off: these homes are to be derived not before `due`.
pub(super) fn mark(conn: &Connection, homes: impl IntoIterator<Item = i64>, due: i64) -> rusqlite::Result<()> {
    let mut mark =
        conn.prepare_cached("INSERT INTO dirty (home, due) VALUES (?1, ?2) ON CONFLICT (home) DO UPDATE SET due = min(due, excluded.due)")?;
    homes.into_iter().try_for_each(|home| mark.execute(params![home, due]).map(drop))
}

/// Put off everything: all of these homes that have a record.
pub(super) fn mark_all(conn: &Connection, homes: impl Iterator<Item = i64>) -> rusqlite::Result<()> {
    let mut find = conn.prepare_cached("SELECT 1 FROM record WHERE home = ?1 AND kind = ?2 AND deleted = 0")?;
    let mut all = BTreeSet::new();
    for home in homes {
        for kind in row::DELIVERY {
            if find.exists(params![home, row::code(kind)])? {
                all.insert(home);
            }
        }
    }
    mark(conn, all, i64::MIN)
}

/// A home whose time has come.
pub(super) fn next(conn: &Connection, now: Time) -> rusqlite::Result<Option<i64>> {
    let mut find = conn.prepare_cached("SELECT home FROM dirty WHERE due <= ?1 ORDER BY home LIMIT 1")?;
    let mut rows = find.query([now.timestamp_millis()])?;
    rows.next()?.map(|r| r.get(0)).transpose()
}

/// Derive the partitions of these homes; says how many records were read.
pub(super) fn homes(conn: &Connection, state: &mut State, homes: &BTreeSet<i64>, basis: Basis<'_>) -> rusqlite::Result<usize> {
    let (mut done, mut read) = (BTreeSet::new(), 0);
    for home in homes {
        if !done.contains(home) {
            let (partition, loaded) = whole(conn, state, *home, basis.roster)?;
            read += loaded.records.len();
            one(conn, state, &partition, &loaded, basis)?;
            done.extend(partition);
        }
    }
    Ok(read)
}

/// A partition's records with what the store knows them by.
struct Loaded {
    records: Vec<Record>,
    /// Row and home by key.
    places: HashMap<String, (i64, i64)>,
}

/// The partition of a home and its records; what they name elsewhere is taken in until nothing is missing that exists.
fn whole(conn: &Connection, state: &mut State, home: i64, roster: &Roster) -> rusqlite::Result<(Vec<i64>, Loaded)> {
    loop {
        let partition = state.ties.partition(home, &state.names, roster);
        let loaded = load(conn, state, &partition)?;
        if !state.ties.seek(conn, &loaded.records, home)? {
            return Ok((partition, loaded));
        }
    }
}

fn one(conn: &Connection, state: &mut State, partition: &[i64], loaded: &Loaded, basis: Basis<'_>) -> rusqlite::Result<()> {
    let input = ledger::Input { records: &loaded.records, roster: basis.roster, rules: basis.rules, now: basis.now };
    let derived = ledger::derive(input);
    let facts = fact::from_derived(&loaded.records, &derived, basis.rules);
    write_documents(conn, partition, loaded, &derived)?;
    write_chunks(conn, state, partition, loaded, &facts)?;
    let mut clear = conn.prepare_cached("DELETE FROM dirty WHERE home = ?1")?;
    partition.iter().try_for_each(|home| clear.execute([home]).map(drop))?;
    // What lies in the future does not count yet; look again when it does.
    let future = loaded.records.iter().filter_map(Record::event_time).filter(|at| *at > basis.now).min();
    if let (Some(at), Some(home)) = (future, partition.first()) {
        mark(conn, [*home], at.timestamp_millis() + 1)?;
    }
    Ok(())
}

fn load(conn: &Connection, state: &State, partition: &[i64]) -> rusqlite::Result<Loaded> {
    let mut loaded = Loaded { records: Vec::new(), places: HashMap::new() };
    let mut find =
        conn.prepare_cached("SELECT row, source, id, kind, seq, seen, body FROM record WHERE home = ?1 AND kind = ?2 AND deleted = 0")?;
    for home in partition {
        for kind in row::DELIVERY {
            let mut rows = find.query(params![home, row::code(kind)])?;
            while let Some(r) = rows.next()? {
                let source = state.names.text(r.get(1)?).cloned().unwrap_or_default();
                let columns = row::Columns {
                    source: &source,
                    id: r.get_ref(2)?.as_str()?,
                    kind: row::kind(r.get(3)?),
                    seq: r.get(4)?,
                    deleted: false,
                    seen: r.get(5)?,
                };
                let record = row::decode(columns, r.get_ref(6)?.as_blob()?);
                loaded.places.insert(record.key(), (r.get(0)?, *home));
                loaded.records.push(record);
            }
        }
    }
    Ok(loaded)
}

fn write_documents(conn: &Connection, partition: &[i64], loaded: &Loaded, derived: &ledger::Derived) -> rusqlite::Result<()> {
    let mut old: HashMap<i64, Vec<u8>> = HashMap::with_capacity(loaded.places.len());
    let mut find = conn.prepare_cached(
        "SELECT d.row, d.body FROM record r CROSS JOIN derived d ON d.row = r.row WHERE r.home = ?1 AND r.kind = ?2 AND r.deleted = 0",
    )?;
    for home in partition {
        for kind in derived::KINDS {
            let mut rows = find.query(params![home, row::code(kind)])?;
            while let Some(r) = rows.next()? {
                old.insert(r.get(0)?, r.get(1)?);
            }
        }
    }
    let mut put = conn.prepare_cached("INSERT OR REPLACE INTO derived (row, body) VALUES (?1, ?2)")?;
    for (key, about) in derived::documents(derived) {
        let Some((at, _)) = loaded.places.get(key) else { continue };
        let body = json(&about)?;
        if old.remove(at).is_none_or(|o| o != body) {
            put.execute(params![at, body])?;
        }
    }
    let mut drop_row = conn.prepare_cached("DELETE FROM derived WHERE row = ?1")?;
    old.keys().try_for_each(|at| drop_row.execute([at]).map(drop))
}

fn json(about: &About) -> rusqlite::Result<Vec<u8>> {
    serde_json::to_vec(about).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

type Chunks<'a> = BTreeMap<(i64, i64, i64), Vec<(i64, &'a Event)>>;

fn write_chunks(
    conn: &Connection,
    state: &mut State,
    partition: &[i64],
    loaded: &Loaded,
    facts: &BTreeMap<Measure, Vec<Event>>,
) -> rusqlite::Result<()> {
    let mut chunks: Chunks<'_> = BTreeMap::new();
    let mut services: HashMap<Arc<str>, i64> = HashMap::new();
    for (measure, events) in facts {
        for event in events {
            let (at, home) = loaded.places.get(&*event.key).copied().unwrap_or((0, partition.first().copied().unwrap_or(0)));
            let place = match services.get(&event.service) {
                _ if event.service.is_empty() => home,
                Some(place) => *place,
                None => {
                    let place = state.names.id(conn, Space::Service, &event.service)?;
                    // A service the partition did not have yet belongs to it from now on, so that its chunks are found again.
                    state.ties.tie(conn, place, home)?;
                    services.insert(Arc::clone(&event.service), place);
                    place
                }
            };
            let span = chunk::span(event.at.timestamp_millis());
            chunks.entry((*measure as i64, span, place)).or_default().push((at, event));
        }
    }
    let mut places: BTreeSet<i64> = partition.iter().copied().collect();
    places.extend(services.values());
    let mut old: HashMap<i64, chunk::Packed> = HashMap::new();
    let mut find = conn.prepare_cached("SELECT id, body, rest FROM fact_chunk JOIN fact_rest USING (id) WHERE place = ?1")?;
    for place in places {
        let mut rows = find.query([place])?;
        while let Some(r) = rows.next()? {
            old.insert(r.get(0)?, (r.get(1)?, r.get(2)?));
        }
    }
    let mut put = conn.prepare_cached("REPLACE INTO fact_chunk (id, measure, span, place, until, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let mut put_rest = conn.prepare_cached("REPLACE INTO fact_rest (id, rest) VALUES (?1, ?2)")?;
    for ((measure, span, place), mut events) in chunks {
        let until = |e: &Event| matters_until(measure, e.at.timestamp_millis(), e.values.first().copied());
        let until = events.iter().map(|(_, e)| until(e)).max().unwrap_or(0).max((span + 1) * chunk::SPAN_MS);
        let id = chunk::id(measure, span, place);
        let (body, rest) = chunk::pack(span, &mut events);
        let (old_body, old_rest) = old.remove(&id).unzip();
        if old_body.is_none_or(|was| was != body) {
            put.execute(params![id, measure, span, place, until, body])?;
        }
        if old_rest.is_none_or(|was| was != rest) {
            put_rest.execute(params![id, rest])?;
        }
    }
    let mut delete = conn.prepare_cached("DELETE FROM fact_chunk WHERE id = ?1")?;
    let mut delete_rest = conn.prepare_cached("DELETE FROM fact_rest WHERE id = ?1")?;
    old.keys().try_for_each(|id| {
        delete.execute([id])?;
        delete_rest.execute([id]).map(drop)
    })
}

/// The last millisecond a fact matters for: open incidents and changes not yet shipped matter until they are not,
/// outages until their end, everything else in its own moment.
pub(super) fn matters_until(measure: i64, at_ms: i64, first: Option<f64>) -> i64 {
    if measure == Measure::Pending as i64 {
        return i64::MAX;
    }
    if measure == Measure::Outage as i64 || measure == Measure::Incident as i64 {
        #[allow(clippy::cast_possible_truncation, reason = "`as` clamps what is no instant to the ends of time, as wanted here")]
        let end = first.unwrap_or(0.0) as i64;
        return end.max(at_ms);
    }
    at_ms
}
