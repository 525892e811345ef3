//! Dropping what is past its keep. What is dropped leaves a seal, so that a late point does not make half a bucket of it.

use rusqlite::{Connection, params};

use super::{
    Keep, derive,
    live::{DAY, HOUR, MINUTE, floor},
    row, set_meta,
};
use crate::domain::{Time, record::Kind, window::millis};

/// Event records dropped in one go; the rest waits for the next time.
const MOST_RECORDS: i64 = 20_000;

/// Kinds that say what is, not what happened; they are kept.
const STATES: [Kind; 4] = [Kind::SourceState, Kind::Catalog, Kind::Ownership, Kind::Annotation];

pub(super) fn all(conn: &Connection, keep: &Keep, now: Time) -> rusqlite::Result<()> {
    let ago = |length: std::time::Duration| millis(now).saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2));
    points(conn, floor(ago(keep.minutes), HOUR))?;
    hours(conn, floor(ago(keep.hours), DAY))?;
    if let Some(length) = keep.records {
        records(conn, ago(length))?;
    }
    Ok(())
}

/// Raw points and minutes before `cut`, once they have also been here that long: a backfill may still be under way. Their
/// hours are sealed.
fn points(conn: &Connection, cut: i64) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE bucket SET sealed = 1 WHERE size = ?1 AND start < ?2 AND sealed = 0 AND EXISTS (
           SELECT 1 FROM series s JOIN raw r ON r.series = s.id
           WHERE s.family = bucket.family AND r.ts >= bucket.start AND r.ts < bucket.start + ?1 AND r.seen < ?2)",
        params![HOUR, cut],
    )?;
    for (code, of) in [(row::code(Kind::Probe), "="), (row::code(Kind::Sample), "!=")] {
        let gone = conn.execute(
            &format!(
                "DELETE FROM raw WHERE ts < ?1 AND seen < ?1 AND deleted = 0 AND series IN
                 (SELECT s.id FROM series s JOIN family f ON f.id = s.family WHERE f.metric {of} 'probe')"
            ),
            [cut],
        )?;
        let gone = i64::try_from(gone).unwrap_or(0);
        conn.execute("UPDATE tally SET live = max(live - ?2, 0) WHERE kind = ?1", params![code, gone])?;
    }
    conn.execute("DELETE FROM raw WHERE ts < ?1 AND seen < ?1", [cut])?;
    conn.execute("DELETE FROM bucket WHERE size = ?1 AND start < ?2", params![MINUTE, cut])?;
    set_meta(conn, "minutes_since", &cut.to_string())
}

/// Hours before `cut` whose points are gone; their days are sealed.
fn hours(conn: &Connection, cut: i64) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE bucket SET sealed = 1 WHERE size = ?1 AND start < ?2 AND sealed = 0 AND EXISTS (
           SELECT 1 FROM bucket h WHERE h.size = ?3 AND h.family = bucket.family AND h.start >= bucket.start
           AND h.start < bucket.start + ?1 AND h.sealed = 1)",
        params![DAY, cut, HOUR],
    )?;
    conn.execute("DELETE FROM bucket WHERE size = ?1 AND start < ?2 AND sealed = 1", params![HOUR, cut])?;
    set_meta(conn, "hours_since", &cut.to_string())
}

/// Event records and tombstones before `cut`; their partitions are derived again without them.
fn records(conn: &Connection, cut: i64) -> rusqlite::Result<()> {
    let states = STATES.map(|k| row::code(k).to_string()).join(", ");
    let mut find = conn.prepare(&format!(
        "SELECT row, kind, home, source, ts, deleted FROM record WHERE ts < ?1 AND kind NOT IN ({states}) LIMIT {MOST_RECORDS}"
    ))?;
    let mut rows = find.query([cut])?;
    while let Some(r) = rows.next()? {
        let (at, kind, home): (i64, i64, i64) = (r.get(0)?, r.get(1)?, r.get(2)?);
        conn.prepare_cached("DELETE FROM record WHERE row = ?1")?.execute([at])?;
        conn.prepare_cached("DELETE FROM derived WHERE row = ?1")?.execute([at])?;
        if !r.get::<_, bool>(5)? {
            conn.prepare_cached("UPDATE tally SET live = live - 1 WHERE kind = ?1")?.execute([kind])?;
        }
        if row::DELIVERY.contains(&row::kind(kind)) {
            derive::mark(conn, [home], i64::MIN)?;
        } else if row::kind(kind) == Kind::CostLine {
            super::cost::mark(conn, &[(r.get(3)?, super::ingest::month(r.get(4)?))].into())?;
        }
    }
    Ok(())
}
