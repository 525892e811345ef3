//! Costs by day, packed by source and month in which the charges begin.
//!
//! A bill is restated by replacing its records; a touched month is folded again whole from the records that are there.
//! Within a day, lines that differ in nothing a formula asks for are one cost; money adds exactly.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{
    FactQuery,
    names::{Names, Space},
    read::damaged,
    row,
};
use crate::{
    domain::{
        Decimal,
        record::Kind,
        window::{Tz, Window, from_millis, midnight, millis},
    },
    kpi::{cost::cost_facts, fact::Cost},
};

/// What makes two costs of one day the same kind of cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Sort {
    service: String,
    team: Option<String>,
    tags: BTreeMap<String, String>,
    provider: String,
    category: String,
    frequency: String,
    commitment: String,
    currency: String,
    billing_month: String,
    estimated: bool,
    #[serde(default)]
    correction: bool,
    #[serde(default)]
    unit: String,
}

/// One cost: index of its sort, span (ms), effective, billed, the key when it is one line's alone, and the quantity.
#[derive(Debug, Serialize, Deserialize)]
struct Line(usize, i64, i64, Decimal, Decimal, String, Decimal);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Chunk {
    sorts: Vec<Sort>,
    lines: Vec<Line>,
}

/// Put off.
pub(super) fn mark(conn: &Connection, months: &BTreeSet<(i64, i64)>) -> rusqlite::Result<()> {
    let mut mark = conn.prepare_cached("INSERT OR IGNORE INTO dirty_cost (source, month) VALUES (?1, ?2)")?;
    months.iter().try_for_each(|(source, month)| mark.execute(params![source, month]).map(drop))
}

/// One month that was put off, taken off the list.
pub(super) fn unmark(conn: &Connection) -> rusqlite::Result<BTreeSet<(i64, i64)>> {
    let mut find = conn.prepare_cached(
        "DELETE FROM dirty_cost WHERE (source, month) IN (SELECT source, month FROM dirty_cost LIMIT 1) RETURNING source, month",
    )?;
    find.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// Every month there is, for when the zone of calendar days changed.
pub(super) fn mark_all(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO dirty_cost (source, month) SELECT source, month FROM cost_chunk")?.execute([])?;
    Ok(())
}

/// Fold these months again.
pub(super) fn fold(conn: &Connection, names: &Names, months: &BTreeSet<(i64, i64)>, zone: Tz) -> rusqlite::Result<()> {
    for (source, at) in months {
        let (from, to) = (month_start(*at), month_start(at + 1));
        let mut costs: BTreeMap<(Sort, Window2), Sum> = BTreeMap::new();
        let mut find = conn.prepare_cached(
            "SELECT id, seq, seen, body FROM record WHERE kind = ?1 AND deleted = 0 AND ts >= ?2 AND ts < ?3 AND source = ?4",
        )?;
        let mut rows = find.query(params![row::code(Kind::CostLine), from, to, source])?;
        while let Some(r) = rows.next()? {
            let name = names.text_in(Space::Source, *source).cloned().unwrap_or_default();
            let id = r.get_ref(0)?.as_str()?;
            let columns = row::Columns { source: &name, id, kind: Kind::CostLine, seq: r.get(1)?, deleted: false, seen: r.get(2)? };
            for cost in cost_facts(&row::decode(columns, r.get_ref(3)?.as_blob()?), zone) {
                let span = (millis(cost.span.from), millis(cost.span.to));
                costs.entry((sort(&cost), span)).or_default().add(&cost);
            }
        }
        drop(rows);
        write(conn, (*source, *at), costs)?;
    }
    Ok(())
}

type Window2 = (i64, i64);

#[derive(Debug, Default)]
struct Sum {
    effective: Decimal,
    billed: Decimal,
    quantity: Decimal,
    key: Option<String>,
    several: bool,
}

impl Sum {
    fn add(&mut self, cost: &Cost) {
        self.effective += cost.effective;
        self.billed += cost.billed;
        self.quantity += cost.quantity;
        self.several |= self.key.replace(cost.key.to_string()).is_some();
    }
}

fn sort(cost: &Cost) -> Sort {
    Sort {
        service: cost.service.to_string(),
        team: cost.team.as_deref().map(str::to_owned),
        tags: (*cost.tags).clone(),
        provider: cost.provider.to_string(),
        category: cost.category.to_string(),
        frequency: cost.frequency.to_string(),
        commitment: cost.commitment.to_string(),
        currency: cost.currency.to_string(),
        billing_month: cost.billing_month.to_string(),
        estimated: cost.estimated,
        correction: cost.correction,
        unit: cost.unit.to_string(),
    }
}

fn write(conn: &Connection, (source, at): (i64, i64), costs: BTreeMap<(Sort, Window2), Sum>) -> rusqlite::Result<()> {
    if costs.is_empty() {
        conn.prepare_cached("DELETE FROM cost_chunk WHERE source = ?1 AND month = ?2")?.execute(params![source, at])?;
        return Ok(());
    }
    let (mut chunk, mut since, mut till) = (Chunk::default(), i64::MAX, i64::MIN);
    for ((sort, (from, to)), sum) in costs {
        if chunk.sorts.last() != Some(&sort) {
            chunk.sorts.push(sort);
        }
        (since, till) = (since.min(from), till.max(to));
        let key = sum.key.filter(|_| !sum.several).unwrap_or_default();
        chunk.lines.push(Line(chunk.sorts.len() - 1, from, to, sum.effective, sum.billed, key, sum.quantity));
    }
    let body = serde_json::to_vec(&chunk).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    conn.prepare_cached("INSERT OR REPLACE INTO cost_chunk (source, month, since, till, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![source, at, since, till, body])?;
    Ok(())
}

pub(super) fn month_start(month: i64) -> i64 {
    let year = i32::try_from(month.div_euclid(12)).unwrap_or(i32::MAX);
    let month = u32::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
    chrono::NaiveDate::from_ymd_opt(year, month, 1).map_or(i64::MAX, |day| millis(midnight(day, Tz::UTC)))
}

/// Costs whose day overlaps the window.
pub(super) fn read(conn: &Connection, query: &FactQuery, window: Window) -> rusqlite::Result<Vec<Cost>> {
    let (from, to) = (millis(window.from), millis(window.to));
    let mut find = conn.prepare_cached("SELECT body FROM cost_chunk WHERE since < ?2 AND till >= ?1 ORDER BY source, month")?;
    let mut rows = find.query(params![from, to])?;
    let nothing: Arc<str> = Arc::from("");
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let chunk: Chunk = serde_json::from_slice(r.get_ref(0)?.as_blob()?).map_err(|_| damaged("cost chunk"))?;
        let sorts: Vec<Cost> = chunk.sorts.into_iter().map(|s| blank(s, &nothing)).collect();
        for Line(sort, start, end, effective, billed, key, quantity) in chunk.lines {
            let like = sorts.get(sort).ok_or_else(|| damaged("cost chunk"))?;
            // A charge without length counts in its instant.
            let overlaps = start < to && (end > from || (start == end && start >= from));
            if !overlaps || query.service.as_deref().is_some_and(|s| s != &*like.service) {
                continue;
            }
            let key = if query.keys { Arc::from(key) } else { Arc::clone(&nothing) };
            let span = Window::new(from_millis(start), from_millis(end));
            out.push(Cost { span, effective, billed, quantity, key, ..like.clone() });
        }
    }
    Ok(out)
}

fn blank(s: Sort, nothing: &Arc<str>) -> Cost {
    Cost {
        span: Window::new(from_millis(0), from_millis(0)),
        service: s.service.into(),
        team: s.team.map(Arc::from),
        tags: Arc::new(s.tags),
        provider: s.provider.into(),
        category: s.category.into(),
        frequency: s.frequency.into(),
        commitment: s.commitment.into(),
        currency: s.currency.into(),
        effective: Decimal::ZERO,
        billed: Decimal::ZERO,
        quantity: Decimal::ZERO,
        unit: s.unit.into(),
        billing_month: s.billing_month.into(),
        estimated: s.estimated,
        correction: s.correction,
        key: Arc::clone(nothing),
    }
}
