//! The incident room: one incident with what happened around it. When it began and how it went, what was deployed or
//! switched just before, what the live series of its services did, who owns them and where the runbook is.

use chrono::Duration;

use super::{
    Query,
    board::{Marker, MarkerKind, Row, Series, rows},
    evaluate,
    why::{Suspected, of_incident},
};
use crate::{
    domain::{
        Time,
        record::{Body, Incident, Record},
        team::Roster,
        value::Scope,
        window::{Window, from_millis, millis},
    },
    ledger::{Derived, attribute::services_of, course::Course},
};

/// Live metrics of the charts, in order; those without a value are left out.
const CHARTS: [&str; 4] = ["error_rate", "latency_p95", "uptime", "requests"];

/// Charts of the first services only: more do not fit a screen.
const SERVICES: usize = 2;

/// About as many buckets as a chart has columns.
const BUCKETS: i64 = 90;

/// What is shown before the onset and after the end.
const BEFORE: Duration = Duration::hours(2);
const AFTER: Duration = Duration::minutes(30);

/// How far before the onset suspects are looked for.
pub const SUSPECTS: Duration = Duration::hours(24);

/// Something on the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub at: Time,
    /// In words.
    pub text: String,
    /// Key of the record, when it is another one.
    pub key: String,
    /// What a chart marks it as; `None`: a step of the incident itself.
    pub kind: Option<MarkerKind>,
}

/// A live series around the incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Which metric.
    pub metric: &'static str,
    /// Of which service.
    pub service: String,
    /// Its course.
    pub series: Series,
}

/// Everything shown of one incident beside its own row.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// The incident's key.
    pub key: String,
    /// Users began to feel it.
    pub onset: Time,
    /// It was over; `None` while open.
    pub end: Option<Time>,
    /// The span of timeline and charts.
    pub span: Window,
    /// Owners of its services.
    pub owners: Vec<String>,
    /// Runbooks of its services.
    pub runbooks: Vec<String>,
    /// What happened, oldest first.
    pub timeline: Vec<Moment>,
    /// What happened just before it.
    pub suspected: Option<Suspected>,
    /// Live series of its services.
    pub charts: Vec<Chart>,
    /// Rows of what the timeline and the suspects name.
    pub rows: Vec<Row>,
}

/// When an incident began and ended, and the span around it to look at.
#[must_use]
pub fn course(incident: &Record, now: Time) -> Option<(Course, Window)> {
    let Body::Incident(body) = &incident.body else { return None };
    let course = Course::of(incident, body)?;
    let end = course.end().unwrap_or(now).min(now);
    let span = Window::new(course.start - BEFORE, (end + AFTER).min(now.max(course.start + Duration::minutes(1))));
    Some((course, span))
}

/// What a room is made of, besides the incident.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "holds a closure; lives for one call")]
pub struct Around<'a> {
    /// Deployments and annotations from a day before the onset to the end.
    pub records: &'a [Record],
    /// What the ledger knows of all of them.
    pub derived: &'a Derived,
    /// Production deployments of a service per hour, over the weeks before.
    pub per_hour: &'a dyn Fn(&str) -> f64,
    /// Facts of the span, and of the same hours a week before; `as_of` is now.
    pub query: Query<'a>,
}

/// Put the room together; `None` when the record is no incident with a time.
#[must_use]
pub fn build(incident: &Record, around: &Around<'_>) -> Option<Room> {
    let Body::Incident(body) = &incident.body else { return None };
    let now = around.query.settings.as_of;
    let (course, span) = course(incident, now)?;
    let roster = around.query.roster;
    let services: Vec<&str> = services_of(incident);
    let mut suspected = of_incident(incident, around.records, around.derived, roster, around.per_hour);
    if let (Some(suspected), Some(service)) = (&mut suspected, services.first()) {
        let scope = Scope::Service((*service).to_owned());
        suspected.measure(&Query { scope: &scope, ..around.query });
    }
    let row = |r: &Record| rows::row(r, around.derived, None, around.query.settings);
    let rows: Vec<Row> = around.records.iter().filter_map(row).collect();
    Some(Room {
        key: incident.key(),
        onset: course.start,
        end: course.end(),
        span,
        owners: owners(incident, &services, roster),
        runbooks: services.iter().filter_map(|s| roster.services.get(*s)?.runbook.clone()).collect(),
        timeline: timeline(body, &course, span, &rows, &services),
        suspected,
        charts: charts(&services, span, around),
        rows,
    })
}

fn owners(incident: &Record, services: &[&str], roster: &Roster) -> Vec<String> {
    let mut owners: Vec<String> = services.iter().filter_map(|s| roster.services.get(*s)?.owner.clone()).collect();
    if owners.is_empty() {
        owners.extend(incident.team.clone());
    }
    owners.dedup();
    owners
}

/// The incident's own steps, and what was deployed or switched meanwhile. What concerns its services is always there,
/// the rest while there is room for it.
fn timeline(incident: &Incident, course: &Course, span: Window, rows: &[Row], services: &[&str]) -> Vec<Moment> {
    const MOST: usize = 60;
    let own = |at: Option<Time>, text: &str| at.map(|at| Moment { at, text: text.into(), key: String::new(), kind: None });
    let mut out: Vec<Moment> = [
        own(Some(course.start), "began"),
        own(incident.detected_at.filter(|at| *at != course.start), "detected"),
        own(incident.acknowledged_at, "acknowledged"),
        own(incident.mitigated_at, "mitigated"),
        own(incident.resolved_at, "resolved"),
        own(incident.closed_at.filter(|at| Some(*at) != incident.resolved_at), "closed"),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (from, to) in course.open.iter().skip(1) {
        out.extend(own(Some(*from), "re-opened"));
        out.extend(own(*to, "over again"));
    }
    let mut near: Vec<&Row> = rows.iter().filter(|r| span.contains(r.at)).collect();
    near.sort_by_key(|r| (!services.contains(&r.service.as_str()), r.at));
    for row in near.into_iter().take(MOST) {
        let kind = if row.kind == "deployment" { MarkerKind::Deployment } else { MarkerKind::Annotation };
        let text = format!("{} {}", row.kind.replace('_', " "), row.title);
        out.push(Moment { at: row.at, text, key: row.key.clone(), kind: Some(kind) });
    }
    out.sort_by_key(|m| m.at);
    out.dedup_by(|b, a| a.at == b.at && a.text == b.text);
    out
}

fn charts(services: &[&str], span: Window, around: &Around<'_>) -> Vec<Chart> {
    let buckets = buckets(span);
    let mut out = Vec::new();
    for service in services.iter().take(SERVICES) {
        let scope = Scope::Service((*service).to_owned());
        for metric in CHARTS {
            let values: Vec<Option<f64>> = buckets
                .iter()
                .map(|window| evaluate(metric, &Query { window: *window, scope: &scope, ..around.query }).and_then(|r| r.number()))
                .collect();
            if values.iter().any(Option::is_some) {
                let last_is_partial = buckets.last().is_some_and(|b| b.to > around.query.settings.as_of);
                let series = Series { buckets: buckets.clone(), values, last_is_partial };
                out.push(Chart { metric, service: (*service).to_owned(), series });
            }
        }
    }
    out
}

/// Whole minutes, at most [`BUCKETS`] of them.
fn buckets(span: Window) -> Vec<Window> {
    let minutes = ((millis(span.to) - millis(span.from)) / 60_000).max(1);
    let step = minutes.div_euclid(BUCKETS).max(0) + 1;
    let first = millis(span.from).div_euclid(60_000) * 60_000;
    let at = |n: i64| from_millis(first + n * step * 60_000);
    (0..).map(|n| Window::new(at(n), at(n + 1))).take_while(|w| w.from < span.to).take(2 * usize::try_from(BUCKETS).unwrap_or(90)).collect()
}

impl Room {
    /// What its charts mark: the incident's beginning and end, and what was deployed.
    #[must_use]
    pub fn markers(&self) -> Vec<Marker> {
        let own = |at: Time, label: &str| Marker { at, kind: MarkerKind::Incident, label: label.into(), key: self.key.clone() };
        let others =
            self.timeline.iter().filter_map(|m| Some(Marker { at: m.at, kind: m.kind?, label: m.text.clone(), key: m.key.clone() }));
        std::iter::once(own(self.onset, "began")).chain(self.end.map(|at| own(at, "over"))).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_is_cut_into_whole_minutes_that_fit_a_chart() {
        let at = |minutes: i64| from_millis(minutes * 60_000);
        let short = buckets(Window::new(at(0), at(60)));
        assert_eq!((short.len(), short[0].to - short[0].from), (60, Duration::minutes(1)));
        let long = buckets(Window::new(at(0), at(3 * 1440)));
        assert!(long.len() <= 90 && long.last().unwrap().to >= at(3 * 1440));
        assert!(long.windows(2).all(|w| w[0].to == w[1].from));
    }
}
