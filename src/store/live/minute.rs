//! The minute of a series that is being written to: its sums so far, so that a point more does not mean reading all of
//! that minute's points again.
//!
//! Follows a series only while each point is newer than all before it; anything else (a late point, a new revision, a
//! point taken back) and the series is forgotten here, and folded from its points. Holds nothing that is not in the file.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{MINUTE, Point, floor};
use crate::{
    domain::{
        record::{Sample, SampleKind},
        window::{from_millis, millis},
    },
    kpi::live::{Sums, add_sample, sample_at},
    store::pack,
};

/// Of which series the minute being written to is known.
#[derive(Debug, Default)]
pub(in crate::store) struct Minutes(HashMap<i64, Minute>);

/// A series' newest minute. There is no point of the series after the last that was counted here.
#[derive(Debug)]
pub(super) struct Minute {
    pub(super) start: i64,
    pub(super) sums: Sums,
    /// Minutes that have ended since the last time they were put down, in order.
    pub(super) ended: Vec<(i64, Sums)>,
    /// What hour and day hold from before it, once that was read.
    pub(super) before: Option<Before>,
    /// The newest point: its time, and the instant that decides its minute.
    last: (i64, i64),
    /// It, when the next one counts from it.
    total: Option<Sample>,
}

/// Sums of the minutes of the same hour, and of the hours of the same day, before a minute.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) hour: Sums,
    /// Absent: the day takes nothing more.
    pub(super) day: Option<Sums>,
}

/// A point on its way in: when, and what.
pub(super) type Arrival<'r> = (i64, &'r Sample);

impl Minutes {
    /// The series' minute, when what changed since `since` is all in it.
    pub(super) fn since(&mut self, series: i64, since: i64) -> Option<&mut Minute> {
        self.0.get_mut(&series).filter(|m| m.ended.first().map_or(m.start, |(start, _)| *start) <= since)
    }

    /// The buckets of a series were made anew from its points.
    pub(super) fn folded(&mut self, series: i64) {
        if let Some(minute) = self.0.get_mut(&series) {
            minute.ended.clear();
            minute.before = None;
        }
    }

    pub(super) fn forget(&mut self, series: i64) {
        self.0.remove(&series);
    }

    /// Forget what has not been written to since, and what buckets held.
    pub(in crate::store) fn retain(&mut self, since: i64) {
        self.0.retain(|_, minute| minute.start >= since);
        self.0.values_mut().for_each(|minute| minute.before = None);
    }

    /// Be ready to follow a series from this point on, before it is stored; not always possible.
    pub(super) fn open(&mut self, conn: &Connection, series: i64, family: i64, (ts, sample): Arrival<'_>) -> rusqlite::Result<()> {
        if self.0.contains_key(&series) {
            return Ok(());
        }
        let start = floor(place(ts, sample), MINUTE);
        let mut find = conn.prepare_cached("SELECT ts, deleted, body FROM raw WHERE series = ?1 ORDER BY ts DESC LIMIT 1")?;
        let newest = find.query_row([series], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, bool>(1)?, r.get::<_, Vec<u8>>(2)?))).optional()?;
        let mut minute = Minute { start, sums: Sums::default(), ended: Vec::new(), before: None, last: (i64::MIN, start), total: None };
        if let Some((last, deleted, body)) = newest {
            let mut begun = conn.prepare_cached(
                "SELECT 1 FROM dirty_live WHERE series = ?1 UNION ALL SELECT 1 FROM bucket WHERE size = ?2 AND family = ?3 AND start >= ?4",
            )?;
            if last >= ts || begun.exists(params![series, MINUTE, family, start])? {
                return Ok(());
            }
            minute.last.0 = last;
            if is_total(sample) {
                let point: Point = pack::read(&body).map_err(|_| crate::store::read::damaged("point"))?;
                if deleted || point.window_s.is_some() {
                    return Ok(());
                }
                minute.total = Some(point.sample(sample));
            }
        }
        self.0.insert(series, minute);
        Ok(())
    }

    /// Count new points of a series, in order of time. It is forgotten when they do not go on from its last one.
    pub(super) fn follow(&mut self, series: i64, arrivals: &[Arrival<'_>]) {
        let Some(minute) = self.0.get_mut(&series) else { return };
        if !arrivals.iter().all(|arrival| minute.take(*arrival)) {
            self.forget(series);
        }
    }
}

impl Minute {
    fn take(&mut self, (ts, sample): Arrival<'_>) -> bool {
        let at = place(ts, sample);
        // Where the next one counts from it, a point's place among the others must not depend on its window.
        if ts <= self.last.0 || at < self.last.1 || (is_total(sample) && sample.window_s != 0.0) {
            return false;
        }
        let start = floor(at, MINUTE);
        if start != self.start {
            let sums = std::mem::take(&mut self.sums);
            self.ended.push((self.start, sums));
            (self.start, self.before) = (start, None);
        }
        let before = self.total.as_ref().map(|total| (from_millis(self.last.0), total));
        if is_total(sample) {
            // As it will be when it is read again.
            let stored = Sample { start_ts: sample.start_ts.map(|t| from_millis(millis(t))), ..sample.clone() };
            add_sample(&mut self.sums, before, &stored);
            self.total = Some(stored);
        } else {
            add_sample(&mut self.sums, before, sample);
            self.total = None;
        }
        self.last = (ts, at);
        true
    }
}

/// A running total: the next point counts from it.
fn is_total(sample: &Sample) -> bool {
    sample.sample_kind == SampleKind::CounterCum || sample.start_ts.is_some()
}

/// The instant that decides a point's minute.
fn place(ts: i64, sample: &Sample) -> i64 {
    millis(sample_at(from_millis(ts), sample))
}
