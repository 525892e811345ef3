//! The course of an incident: when it began, when users stopped feeling it, for how long it was open.

use crate::domain::{
    Time,
    record::{Incident, IncidentStatus, Record},
};

/// An incident's times, made of what the source says.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Users began to feel it; else when it was noticed.
    pub start: Time,
    /// Times during which it was open, in order; the last has no end while it is open.
    pub open: Vec<(Time, Option<Time>)>,
    /// It is over, but nobody says since when: neither open nor measurable.
    pub end_unknown: bool,
}

impl Course {
    /// Of an incident; `None` when no start is known.
    #[must_use]
    pub fn of(record: &Record, incident: &Incident) -> Option<Self> {
        let mut open: Vec<(Time, Option<Time>)> = incident.intervals.iter().map(|i| (i.from, i.to.map(|to| to.max(i.from)))).collect();
        open.sort();
        let start = incident.started_at.or(incident.detected_at).or(open.first().map(|o| o.0)).or(record.ts)?;
        let over = matches!(incident.status, Some(IncidentStatus::Mitigated | IncidentStatus::Resolved | IncidentStatus::Closed));
        let said_open = incident.status == Some(IncidentStatus::Open);
        let end = incident.mitigated_at.or(incident.resolved_at).filter(|end| *end >= start);
        if let Some(last) = open.last_mut() {
            // an interval left open by a source that also says when all was over
            if last.1.is_none() && !said_open {
                last.1 = incident.resolved_at.or(incident.mitigated_at).filter(|to| *to >= last.0);
            }
        } else {
            open.push((start, if said_open { None } else { end }));
        }
        let end_unknown = over && open.last().is_some_and(|o| o.1.is_none());
        Some(Self { start, open, end_unknown })
    }

    /// When it was finally over; `None` while open or unknown.
    #[must_use]
    pub fn end(&self) -> Option<Time> {
        self.open.last().and_then(|o| o.1)
    }

    /// It was closed and opened again.
    #[must_use]
    pub fn reopened(&self) -> bool {
        self.open.len() > 1
    }

    /// Start of the last open interval.
    #[must_use]
    pub fn last_from(&self) -> Time {
        self.open.last().map_or(self.start, |o| o.0)
    }

    /// Seconds of all open intervals but the last.
    #[must_use]
    pub fn earlier_open_s(&self) -> f64 {
        let but_last = self.open.len().saturating_sub(1);
        self.open[..but_last].iter().filter_map(|(from, to)| Some(seconds(*from, (*to)?))).sum()
    }
}

/// Seconds from one instant to another, to the millisecond; negative when they are the other way round.
#[must_use]
pub fn seconds(from: Time, to: Time) -> f64 {
    (to - from).num_milliseconds() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{Body, OpenInterval};

    fn at(minute: i64) -> Time {
        Time::UNIX_EPOCH + chrono::Duration::minutes(minute)
    }

    fn course(incident: Incident) -> Course {
        let record = Record::new("s", "i", Body::Incident(incident));
        match &record.body {
            Body::Incident(incident) => Course::of(&record, incident).unwrap(),
            _ => unreachable!(),
        }
    }

    #[test]
    fn mitigation_ends_it_before_resolution_does() {
        let c = course(Incident { detected_at: Some(at(5)), mitigated_at: Some(at(20)), resolved_at: Some(at(60)), ..Incident::default() });
        assert_eq!((c.start, c.end(), c.reopened()), (at(5), Some(at(20)), false));
    }

    #[test]
    fn a_reopened_one_is_open_for_the_sum_of_its_intervals() {
        let interval = |from, to: Option<i64>| OpenInterval { from: at(from), to: to.map(at) };
        let c = course(Incident {
            started_at: Some(at(0)),
            intervals: vec![interval(60, Some(80)), interval(0, Some(30))],
            resolved_at: Some(at(80)),
            ..Incident::default()
        });
        assert_eq!((c.end(), c.earlier_open_s(), c.last_from(), c.reopened()), (Some(at(80)), 1800.0, at(60), true));
    }

    #[test]
    fn closed_without_a_time_is_neither_open_nor_over() {
        let c = course(Incident {
            started_at: Some(at(0)),
            status: Some(IncidentStatus::Closed),
            closed_at: Some(at(9)),
            ..Incident::default()
        });
        assert!(c.end().is_none() && c.end_unknown);
        let c = course(Incident { started_at: Some(at(0)), ..Incident::default() });
        assert!(c.end().is_none() && !c.end_unknown);
    }
}
