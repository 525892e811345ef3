//! Reading: facts of a span, rows, what was derived, on a connection of its own that never blocks the writer.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use rusqlite::{Connection, params};

use super::{
    FactQuery, NewestQuery, RowQuery,
    chunk::{self, Interned, View},
    cost, derive,
    derived::About,
    live,
    names::{Names, Space},
    row,
};
use crate::{
    domain::{
        Time,
        record::{Body, Kind, Record},
        team::UNATTRIBUTED,
        window::{Window, from_millis, millis},
    },
    kpi::fact::{Facts, Measure, Owners, Track},
    ledger::{Derived, attribute::Attributor},
};

/// Kinds that come in numbers; of the others every record up to the end of the window is loaded.
const MANY: [Kind; 3] = [Kind::TestRun, Kind::PipelineRun, Kind::UserActivity];

/// How many rows are looked at, at first, for each row of a list that takes only some: enough for one team of fifty.
const PAGE: usize = 64;

/// How many times as many the next time, where those were too few.
const MORE: usize = 8;

/// Most chunks of a track that room is made for ahead.
const MOST_SPANS: usize = 14;

/// How far before the window the numerous kinds are loaded: a calendar month and the one before it.
const MANY_BEFORE_MS: i64 = 62 * 86_400_000;

/// What the bytes in a chunk should have been.
pub(super) fn damaged(what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, format!("a {what} cannot be read").into())
}

/// Everything a query asks for over a window.
pub(super) fn facts(conn: &Connection, names: &Names, query: &FactQuery, window: Window) -> rusqlite::Result<Facts> {
    let mut facts = Facts::default();
    // A service no record names has no chunks.
    let place = query.service.as_deref().map(|service| names.find(Space::Service, service).unwrap_or(-1));
    for measure in &query.measures {
        for track in tracks(conn, names, *measure, window, place, query)? {
            facts.events.add(*measure, Arc::new(track));
        }
    }
    if !query.live.is_empty() {
        facts.buckets = live::buckets(conn, query, window)?;
    }
    if query.costs {
        facts.costs = cost::read(conn, query, window)?;
    }
    for kind in &query.records {
        facts.records.extend(few(conn, names, *kind, query, window)?.into_iter().map(Arc::new));
    }
    Ok(facts)
}

/// Event facts of one measure: a track per service and list of owners.
fn tracks(
    conn: &Connection,
    names: &Names,
    measure: Measure,
    window: Window,
    place: Option<i64>,
    query: &FactQuery,
) -> rusqlite::Result<Vec<Track>> {
    let (mut interned, mut keys) = (Interned::default(), HashMap::new());
    // Owners are interned: where a list lies tells it from others.
    let mut known: HashMap<(i64, *const ()), usize> = HashMap::new();
    let mut out: Vec<Track> = Vec::new();
    let spans = chunk::span(millis(window.to)).saturating_sub(chunk::span(millis(window.from))) + 1;
    let spans = usize::try_from(spans).unwrap_or(1).min(MOST_SPANS);
    chunks(conn, measure, window, place, query.keys || query.dims, |packed| {
        let view = View::new(packed.body, packed.rest, &mut interned, query.dims).ok_or_else(|| damaged("fact chunk"))?;
        for found in found(&view, packed.span, measure, window) {
            for events in view.stretches(found) {
                let owners = view.owners.get(view.owner(events.start)).ok_or_else(|| damaged("fact chunk"))?;
                let at = *known.entry((packed.place, Arc::as_ptr(owners).cast())).or_insert_with(|| {
                    let service = names.text_in(Space::Service, packed.place).map(Arc::clone).unwrap_or_default();
                    out.push(Track::new(service, Arc::clone(owners)).with_room(events.len() * spans));
                    out.len() - 1
                });
                view.append(events.clone(), packed.span, &mut out[at]).ok_or_else(|| damaged("fact chunk"))?;
                if query.keys {
                    for i in events {
                        out[at].keys.push(key(conn, names, view.row(i), &mut keys)?);
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// The facts of a chunk that a window holds; of measures that carry, also those that still matter in it.
fn found(view: &View<'_>, span: i64, measure: Measure, window: Window) -> impl Iterator<Item = Range<usize>> {
    let (from, start) = (millis(window.from), span * chunk::SPAN_MS);
    let (first, end) = (view.first_at(from - start), view.first_at(millis(window.to) - start));
    let matters = move |i: &usize| {
        let at = start + i64::from(view.offset(*i));
        derive::matters_until(measure as i64, at, view.first_value(*i)) > from
    };
    let before = if carries(measure) { first.min(end) } else { 0 };
    (0..before).filter(matters).map(|i| i..i + 1).chain(std::iter::once(first..end.max(first)))
}

/// Which of a chunk's lists of owners name one of these teams (none: anybody).
fn theirs(view: &View<'_>, teams: &[String]) -> Vec<bool> {
    let named = |owners: &Owners| teams.is_empty() || owners.iter().any(|(team, _)| teams.iter().any(|t| **t == **team));
    view.owners.iter().map(named).collect()
}

/// Rows of deployments and incidents that facts say are none of the teams asked for, and of incidents those that are none
/// of the service: most of what a list of one team's or service's would otherwise read to no end. Only about `page`.
fn foreign(conn: &Connection, names: &Names, query: &RowQuery, page: &[(i64, Place)]) -> rusqlite::Result<HashSet<i64>> {
    let mut out = HashSet::new();
    let times = || page.iter().map(|(ts, _)| *ts);
    let (Some(whole), Some(from), Some(to)) = (query.window, times().min(), times().max()) else { return Ok(out) };
    let window = whole.intersect(&Window::new(from_millis(from), from_millis(to.saturating_add(1))));
    if let Some(service) = query.service.as_deref().filter(|_| wants(query, Kind::Incident)) {
        let place = names.find(Space::Service, service).unwrap_or(-1);
        let (mut mine, mut interned) = (HashSet::new(), Interned::default());
        // An incident of several services has a fact in the chunk of each.
        chunks(conn, Measure::Incident, window, None, true, |packed| {
            let view = View::new(packed.body, packed.rest, &mut interned, false).ok_or_else(|| damaged("fact chunk"))?;
            let rows = found(&view, packed.span, Measure::Incident, window).flatten().map(|i| view.row(i));
            if packed.place == place {
                mine.extend(rows);
            } else {
                out.extend(rows);
            }
            Ok(())
        })?;
        out.retain(|row| !mine.contains(row));
    }
    if query.teams.is_empty() {
        return Ok(out);
    }
    let mut interned = Interned::default();
    for (kind, measure) in [(Kind::Deployment, Measure::Deployment), (Kind::Incident, Measure::Incident)] {
        if !wants(query, kind) {
            continue;
        }
        chunks(conn, measure, window, None, true, |packed| {
            let view = View::new(packed.body, packed.rest, &mut interned, false).ok_or_else(|| damaged("fact chunk"))?;
            let theirs = theirs(&view, &query.teams);
            let others = found(&view, packed.span, measure, window).flatten();
            out.extend(others.filter(|i| theirs.get(view.owner(*i)) == Some(&false)).map(|i| view.row(i)));
            Ok(())
        })?;
    }
    Ok(out)
}

/// Keys of the newest facts of a measure in a window that have this flag (0: any) and belong to one of these teams (none:
/// to anybody), newest first, and how many there are in all. Looks up only the keys it gives.
pub(super) fn newest(conn: &Connection, names: &Names, query: &NewestQuery<'_>) -> rusqlite::Result<(Vec<String>, u64)> {
    let place = query.service.map(|service| names.find(Space::Service, service).unwrap_or(-1));
    let (mut interned, mut total, mut rows) = (Interned::default(), 0, Vec::new());
    chunks(conn, query.measure, query.window, place, true, |packed| {
        let view = View::new(packed.body, packed.rest, &mut interned, false).ok_or_else(|| damaged("fact chunk"))?;
        let wanted = theirs(&view, query.teams);
        let is_mine = |i: &usize| wanted.get(view.owner(*i)) == Some(&true) && view.flags(*i) & query.flag == query.flag;
        let mine = found(&view, packed.span, query.measure, query.window).flatten().filter(is_mine);
        let before = rows.len();
        rows.extend(mine.map(|i| (packed.span * chunk::SPAN_MS + i64::from(view.offset(i)), view.row(i))));
        total += (rows.len() - before) as u64;
        if rows.len() > query.limit {
            rows.select_nth_unstable_by_key(query.limit, |row| std::cmp::Reverse(*row));
            rows.truncate(query.limit);
        }
        Ok(())
    })?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(*row));
    let mut known = HashMap::new();
    let keys: Vec<Arc<str>> = rows.iter().map(|(_, row)| key(conn, names, *row, &mut known)).collect::<Result<_, _>>()?;
    Ok((keys.iter().filter(|k| !k.is_empty()).map(ToString::to_string).collect(), total))
}

/// Is there a fact of a measure before an instant?
pub(super) fn ever(conn: &Connection, names: &Names, measure: Measure, before: Time, service: Option<&str>) -> rusqlite::Result<bool> {
    let place = service.map(|service| names.find(Space::Service, service).unwrap_or(-1));
    let (span, end) = (chunk::span(millis(before)), millis(before));
    let (first, last) = chunk::ids(measure as i64, chunk::FIRST_SPAN, span - 1);
    let sql = format!("SELECT 1 FROM fact_chunk WHERE id BETWEEN ?1 AND ?2 AND {} LIMIT 1", of_place(place));
    let mut ever = conn.prepare_cached(&sql)?.exists(params![first, last, place])?;
    if !ever {
        let (mut interned, start) = (Interned::default(), span * chunk::SPAN_MS);
        chunks(conn, measure, Window::new(from_millis(start), before), place, false, |packed| {
            let view = View::new(packed.body, packed.rest, &mut interned, false).ok_or_else(|| damaged("fact chunk"))?;
            ever |= view.first_at(end - start) > 0;
            Ok(())
        })?;
    }
    Ok(ever)
}

/// Measures whose facts may matter after their own moment.
fn carries(measure: Measure) -> bool {
    matches!(measure, Measure::Incident | Measure::Outage | Measure::Pending)
}

/// One chunk as it lies in the store.
struct Packed<'a> {
    span: i64,
    place: i64,
    body: &'a [u8],
    rest: Option<&'a [u8]>,
}

/// The condition that a chunk is of a place, as `?3`; without one, that there is none.
fn of_place(place: Option<i64>) -> &'static str {
    if place.is_some() { "place = ?3" } else { "?3 IS NULL" }
}

/// Visit the chunks that overlap the span, or are carried into it, in order of span; with the rest only where it is wanted,
/// as it is half of all bytes.
fn chunks(
    conn: &Connection,
    measure: Measure,
    window: Window,
    place: Option<i64>,
    rest: bool,
    mut visit: impl FnMut(&Packed<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (from, to) = (millis(window.from), millis(window.to));
    if to <= from {
        return Ok(());
    }
    let (first, last) = (chunk::span(from), chunk::span(to - 1));
    let (rest, table) = if rest { ("rest", "fact_chunk JOIN fact_rest USING (id)") } else { ("NULL", "fact_chunk") };
    let mut take = |condition: &str, params: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        let sql = format!("SELECT span, place, body, {rest} FROM {table} WHERE {condition} AND {} ORDER BY id", of_place(place));
        let mut find = conn.prepare_cached(&sql)?;
        let mut rows = find.query(params)?;
        while let Some(r) = rows.next()? {
            visit(&Packed { span: r.get(0)?, place: r.get(1)?, body: r.get_ref(2)?.as_blob()?, rest: r.get_ref(3)?.as_blob_or_null()? })?;
        }
        Ok(())
    };
    let code = measure as i64;
    if carries(measure) {
        let carried = "measure = ?1 AND until > ?2 AND until > 2419200000 * (span + 1) AND span < ?4";
        take(carried, params![code, from, place, first])?;
    }
    let (low, high) = chunk::ids(code, first, last);
    take("id BETWEEN ?1 AND ?2", params![low, high, place])
}

/// Key of the record in a row; empty when it is gone.
fn key(conn: &Connection, names: &Names, at: i64, known: &mut HashMap<i64, Arc<str>>) -> rusqlite::Result<Arc<str>> {
    if let Some(key) = known.get(&at) {
        return Ok(Arc::clone(key));
    }
    let mut find = conn.prepare_cached("SELECT source, id FROM record WHERE row = ?1")?;
    let mut rows = find.query([at])?;
    let key: Arc<str> = match rows.next()? {
        Some(r) => format!("{}/{}", names.text(r.get(0)?).map_or("", |s| s), r.get_ref(1)?.as_str()?).into(),
        None => Arc::from(""),
    };
    known.insert(at, Arc::clone(&key));
    Ok(key)
}

/// Records of a kind with few rows, at or before the end of the window, with the team that owns them filled in; of quality
/// those of the window and the last per project before it.
fn few(conn: &Connection, names: &Names, kind: Kind, query: &FactQuery, window: Window) -> rusqlite::Result<Vec<Record>> {
    let from = if MANY.contains(&kind) { millis(window.from).saturating_sub(MANY_BEFORE_MS) } else { i64::MIN };
    let mut find = conn.prepare_cached(
        "SELECT source, id, kind, seq, seen, body FROM record WHERE kind = ?1 AND deleted = 0 AND ts BETWEEN ?2 AND ?3 ORDER BY ts DESC, row DESC",
    )?;
    let mut rows = find.query(params![row::code(kind), from, millis(window.to)])?;
    let mut out = Vec::new();
    let mut projects = BTreeSet::new();
    let roster = query.roster.clone().unwrap_or_default();
    let mut owners = Attributor::new(&roster);
    while let Some(r) = rows.next()? {
        let mut record = record(names, r)?;
        let shared = matches!(kind, Kind::SourceState | Kind::Annotation | Kind::Catalog | Kind::Ownership);
        if !shared && query.service.is_some() && record.service != query.service {
            continue;
        }
        if let Body::Quality(q) = &record.body
            && record.event_time().is_none_or(|at| at < window.from)
            && !projects.insert((record.source.clone(), q.project.clone(), q.component.clone(), q.branch.clone(), q.tool.clone()))
        {
            continue;
        }
        if !shared && record.team.is_none() {
            record.team = owners.of(&record).shares.into_iter().next().map(|s| s.team).filter(|t| t != UNATTRIBUTED);
        }
        out.push(record);
    }
    out.reverse();
    Ok(out)
}

/// From columns source, id, kind, seq, seen, body.
fn record(names: &Names, r: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let source = names.text(r.get(0)?).cloned().unwrap_or_default();
    let id = r.get_ref(1)?.as_str()?;
    let columns = row::Columns { source: &source, id, kind: row::kind(r.get(2)?), seq: r.get(3)?, deleted: false, seen: r.get(4)? };
    Ok(row::decode(columns, r.get_ref(5)?.as_blob()?))
}

/// Every change and commit with its home.
pub(super) fn carriers(conn: &Connection, visit: &mut dyn FnMut(&Record, i64) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut find = conn.prepare("SELECT kind, home, body FROM record WHERE kind IN (?1, ?2) AND deleted = 0")?;
    let mut rows = find.query([row::code(Kind::Change), row::code(Kind::Commit)])?;
    while let Some(r) = rows.next()? {
        let columns = row::Columns { source: "", id: "", kind: row::kind(r.get(0)?), seq: 0, deleted: false, seen: 0 };
        visit(&row::decode(columns, r.get_ref(2)?.as_blob()?), r.get(1)?)?;
    }
    Ok(())
}

/// Rows that match, newest first or oldest first, one at a time, until `visit` says `false`.
pub(super) fn rows(
    conn: &Connection,
    names: &Names,
    query: &RowQuery,
    newest_first: bool,
    visit: &mut dyn FnMut(Record) -> bool,
) -> rusqlite::Result<()> {
    // What a list shows is mostly among the newest, so that these are tried before all others are looked up.
    let narrow = !query.teams.is_empty() || query.service.is_some();
    let in_pages = narrow && newest_first && query.kinds.len() == 1 && query.keys.is_empty() && query.limit > 0;
    let mut room = if in_pages { query.limit.saturating_mul(PAGE) } else { usize::MAX };
    let configured = query.roster.clone().unwrap_or_default();
    let (mut owners, mut done) = (Attributor::new(&configured), 0);
    loop {
        let mut places = if query.keys.is_empty() { by_query(conn, names, query, room)? } else { by_keys(conn, names, query)? };
        places.sort_unstable();
        if newest_first {
            places.reverse();
        }
        let page = places.get(done..).unwrap_or_default();
        let foreign = foreign(conn, names, query, page)?;
        let mut find = conn.prepare_cached("SELECT source, id, kind, seq, seen, body, home FROM record WHERE row = ?1")?;
        for (ts, place) in page.iter().copied() {
            if matches!(place, Place::Record(at) if foreign.contains(&at)) {
                continue;
            }
            let record = match place {
                Place::Record(at) => find.query_row([at], |r| record(names, r))?,
                Place::Point(series) => match live::record(conn, series, ts)? {
                    Some(record) => record,
                    None => continue,
                },
            };
            if owned(conn, &mut owners, query, place, &record)? && matches(query, &record) && !visit(record) {
                return Ok(());
            }
        }
        if places.len() < room {
            return Ok(());
        }
        (done, room) = (places.len(), room.saturating_mul(MORE));
    }
}

/// Where a row is: in the table of records, or a point of a live series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Record(i64),
    Point(i64),
}

fn wants(query: &RowQuery, kind: Kind) -> bool {
    query.kinds.is_empty() || query.kinds.contains(&kind)
}

/// At most `room` of each kind, the newest.
fn by_query(conn: &Connection, names: &Names, query: &RowQuery, room: usize) -> rusqlite::Result<Vec<(i64, Place)>> {
    let (from, to) = query.window.map_or((i64::MIN, i64::MAX), |w| (millis(w.from), millis(w.to)));
    // A bound can be passed down only when nothing is left out afterwards.
    let exact = query.teams.is_empty() && query.service.is_none();
    let room = if exact && query.limit > 0 { query.limit } else { room };
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let mut out = Vec::new();
    for kind in Kind::ALL.iter().copied().chain([Kind::Other]).filter(|k| wants(query, *k)) {
        if matches!(kind, Kind::Probe | Kind::Sample) {
            out.extend(live::places(conn, kind, (from, to), limit)?.into_iter().map(|(ts, s)| (ts, Place::Point(s))));
            continue;
        }
        // An incident may name a service that is not its home.
        let home = query.service.as_ref().filter(|_| kind != Kind::Incident).map(|s| names.find(Space::Service, s).unwrap_or(-1));
        let sql = match home {
            Some(_) => {
                "SELECT ts, row FROM record WHERE home = ?5 AND kind = ?1 AND deleted = 0 AND ts >= ?2 AND ts < ?3 ORDER BY ts DESC, row DESC LIMIT ?4"
            }
            None => {
                "SELECT ts, row FROM record WHERE kind = ?1 AND deleted = 0 AND ts >= ?2 AND ts < ?3 AND ?5 IS NULL ORDER BY ts DESC, row DESC LIMIT ?4"
            }
        };
        let mut find = conn.prepare_cached(sql)?;
        let mut rows = find.query(params![row::code(kind), from, to, limit, home])?;
        while let Some(r) = rows.next()? {
            out.push((r.get(0)?, Place::Record(r.get(1)?)));
        }
    }
    Ok(out)
}

fn by_keys(conn: &Connection, names: &Names, query: &RowQuery) -> rusqlite::Result<Vec<(i64, Place)>> {
    let mut out = Vec::new();
    let (from, to) = query.window.map_or((i64::MIN, i64::MAX), |w| (millis(w.from), millis(w.to)));
    for key in &query.keys {
        if let Some(found) = find(conn, names, key)?
            && wants(query, found.kind)
            && (from..to).contains(&found.ts)
        {
            out.push((found.ts, Place::Record(found.row)));
        }
    }
    Ok(out)
}

struct Found {
    row: i64,
    ts: i64,
    kind: Kind,
}

/// What a key `source/id` may mean, by the number of the source; either part may hold further slashes.
fn parted<'a>(names: &'a Names, key: &'a str) -> impl Iterator<Item = (i64, &'a str)> {
    key.match_indices('/').filter_map(|(slash, _)| Some((names.find(Space::Source, &key[..slash])?, &key[slash + 1..])))
}

/// The live record of a key.
fn find(conn: &Connection, names: &Names, key: &str) -> rusqlite::Result<Option<Found>> {
    let mut find = conn.prepare_cached("SELECT row, ts, kind FROM record WHERE hash = ?1 AND source = ?2 AND id = ?3 AND deleted = 0")?;
    for (source, id) in parted(names, key) {
        let mut rows = find.query(params![row::hash(id), source, id])?;
        if let Some(r) = rows.next()? {
            return Ok(Some(Found { row: r.get(0)?, ts: r.get(1)?, kind: row::kind(r.get(2)?) }));
        }
    }
    Ok(None)
}

fn matches(query: &RowQuery, record: &Record) -> bool {
    let Some(service) = &query.service else { return true };
    record.service.as_ref() == Some(service) || matches!(&record.body, Body::Incident(i) if i.services.contains(service))
}

/// Attributed to one of the teams asked for: as derived, else by the roster the query brings.
fn owned(conn: &Connection, owners: &mut Attributor<'_>, query: &RowQuery, place: Place, record: &Record) -> rusqlite::Result<bool> {
    if query.teams.is_empty() {
        return Ok(true);
    }
    if let Place::Record(at) = place
        && let Some(known) = about(conn, at)?.and_then(|a| a.owned_by(&query.teams))
    {
        return Ok(known);
    }
    Ok(owners.of(record).shares.iter().any(|s| query.teams.contains(&s.team)))
}

fn about(conn: &Connection, at: i64) -> rusqlite::Result<Option<About>> {
    let mut find = conn.prepare_cached("SELECT body FROM derived WHERE row = ?1")?;
    let mut rows = find.query([at])?;
    let Some(r) = rows.next()? else { return Ok(None) };
    document(r.get_ref(0)?.as_blob()?).map(Some)
}

fn document(bytes: &[u8]) -> rusqlite::Result<About> {
    serde_json::from_slice(bytes).map_err(|_| damaged("derived row"))
}

/// What was derived about these keys.
pub(super) fn derived(conn: &Connection, names: &Names, keys: &[String]) -> rusqlite::Result<Derived> {
    let mut find = conn.prepare_cached(
        "SELECT derived.body FROM record JOIN derived ON derived.row = record.row
         WHERE hash = ?1 AND source = ?2 AND id = ?3 AND deleted = 0",
    )?;
    let mut out = Derived::default();
    let asked: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
    for key in &asked {
        for (source, id) in parted(names, key) {
            let mut rows = find.query(params![row::hash(id), source, id])?;
            if let Some(r) = rows.next()? {
                document(r.get_ref(0)?.as_blob()?)?.into_derived(key, &asked, &mut out);
                break;
            }
        }
    }
    Ok(out)
}

/// Number of live records by kind.
pub(super) fn counts(conn: &Connection) -> rusqlite::Result<BTreeMap<Kind, u64>> {
    let mut find = conn.prepare_cached("SELECT kind, live FROM tally WHERE live > 0")?;
    let all = find.query_map([], |r| Ok((row::kind(r.get(0)?), u64::try_from(r.get::<_, i64>(1)?).unwrap_or(0))))?;
    all.collect()
}

/// Where a source stopped; empty at first.
pub(super) fn cursor(conn: &Connection, source: &str) -> rusqlite::Result<String> {
    let mut find = conn.prepare_cached("SELECT cursor FROM cursor WHERE source = ?1")?;
    let mut rows = find.query([source])?;
    rows.next()?.map_or(Ok(String::new()), |r| r.get(0))
}

/// Kinds and live series ever seen.
pub(super) fn seen(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut kinds = conn.prepare_cached("SELECT kind FROM tally")?;
    out.extend(kinds.query_map([], |r| Ok(row::kind(r.get(0)?).word().to_owned()))?.collect::<Result<Vec<_>, _>>()?);
    out.extend(live::metrics(conn)?.into_iter().map(|m| format!("sample:{m}")));
    Ok(out)
}
