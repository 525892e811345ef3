//! What happened just before: deployments, config and flag changes ordered by how soon and how near (domain.md 3.8).
//!
//! Suspects, never causes: the shares are a heuristic ordering with "none of these" among them, printed beside how often
//! something would have been there by chance. Only an explicit link confirms.

use chrono::Duration;
use serde::Serialize;

use crate::{
    analysis::{
        flags,
        suspects::{self, Candidate, Locality, Rules},
    },
    domain::{
        Time,
        record::{AnnotationKind, Body, DeployKind, DeployStatus, Incident, Record},
        team::Roster,
        value::Scope,
        window::{Window, millis},
    },
    kpi::{
        Query, evaluate,
        fact::{Bucket, EventRef, Measure, flag},
        reliability, scope,
    },
    ledger::{Derived, attribute::services_of, course::Course},
};

/// Most suspects listed.
const MOST: usize = 8;

/// When only the detection is known, harm began about this long before.
const DETECTION: Duration = Duration::minutes(5);

/// How far a shift is compared on either side of the onset.
const SIDE: Duration = Duration::hours(2);

/// Fewest buckets of a stable stretch before and after a shift.
const SEGMENT: usize = 5;

/// One suspect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspicion {
    /// Record key; empty until the store is asked for it.
    pub key: String,
    /// What it is, in words.
    pub title: String,
    /// Service, `""` when none.
    pub service: String,
    /// When it ended, or began while it still runs.
    pub at: Time,
    /// Share of all scores and "none of these": an ordering, no probability.
    pub share: f64,
    /// Seconds from its end to the onset; 0 while running.
    pub lag_s: f64,
    /// Why it is on the list.
    pub reasons: Vec<String>,
}

/// What is known of what happened just before something went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspected {
    /// When it began.
    pub onset: Time,
    /// How that is known.
    pub onset_from: &'static str,
    /// Keys of what a link names as the cause, and how: confirmed.
    pub confirmed: Vec<(String, &'static str)>,
    /// Likeliest first; none when something is confirmed.
    pub suspects: Vec<Suspicion>,
    /// Share of "none of these".
    pub none_share: f64,
    /// Chance that a deployment of the first suspect's service lies within the hour before any moment.
    pub chance: f64,
    /// The rate behind `chance`: deployments of that service per hour.
    pub per_hour: f64,
    /// The shift of the error share against the same hours a week before.
    pub shift: Option<Shift>,
    /// Error share by version around the onset, where samples carry one: the strongest evidence there is.
    pub versions: Vec<Version>,
}

/// Difference in differences of the share of bad requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// After less before.
    pub raw: f64,
    /// The same less what the control did.
    pub against_control: f64,
    /// Of `against_control`; optimistic, as requests are correlated.
    pub standard_error: f64,
}

/// One version's share of bad requests after the onset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Version {
    /// Its name.
    pub version: String,
    /// Bad requests.
    pub bad: f64,
    /// All requests.
    pub total: f64,
}

/// Suspects of an incident. `candidates` are the deployments and annotations of the day before it, `derived` what the
/// ledger knows about the incident; `per_hour` gives a service's production deployments per hour.
#[must_use]
pub fn of_incident(
    incident: &Record,
    candidates: &[Record],
    derived: &Derived,
    roster: &Roster,
    per_hour: &dyn Fn(&str) -> f64,
) -> Option<Suspected> {
    let Body::Incident(body) = &incident.body else { return None };
    let (onset, onset_from) = onset_of(incident, body)?;
    let key = incident.key();
    let linked = derived.links.iter().filter(|l| l.incident == key && l.how != "time_window");
    let confirmed: Vec<(String, &'static str)> = linked.map(|l| (l.deployment.clone(), l.how)).collect();
    let near = Near { services: services_of(incident).into_iter().map(str::to_owned).collect(), team: incident.team.clone(), roster };
    let mut suspected = ranked(candidates, onset, &near);
    suspected.onset_from = onset_from;
    if !confirmed.is_empty() {
        suspected.suspects.clear();
        suspected.confirmed = confirmed;
    }
    by_chance(&mut suspected, per_hour);
    Some(suspected)
}

/// When harm began.
fn onset_of(record: &Record, incident: &Incident) -> Option<(Time, &'static str)> {
    if let Some(at) = incident.started_at {
        return Some((at, "its start"));
    }
    if let Some(at) = incident.detected_at {
        return Some((at - DETECTION, "its detection, less five minutes"));
    }
    Course::of(record, incident).map(|c| (c.start, "the first thing known of it"))
}

/// What a candidate is held against.
struct Near<'a> {
    services: Vec<String>,
    team: Option<String>,
    roster: &'a Roster,
}

impl Near<'_> {
    fn locality(&self, record: &Record) -> Locality {
        let service = record.service.as_deref().unwrap_or_default();
        if !service.is_empty() && self.services.iter().any(|s| s == service) {
            return Locality::Service;
        }
        let entry = |name: &str| self.roster.services.get(name);
        if self.services.iter().filter_map(|s| entry(s)).any(|s| s.depends_on.iter().any(|d| d == service)) {
            return Locality::Dependency;
        }
        let system = |name: &str| entry(name).and_then(|s| s.system.as_deref());
        let same_system = system(service).is_some_and(|mine| self.services.iter().any(|s| system(s) == Some(mine)));
        let owner = scope::owner(record, self.roster);
        let owners = self.services.iter().filter_map(|s| entry(s)?.owner.as_deref()).chain(self.team.as_deref());
        if same_system || owner.is_some_and(|mine| owners.into_iter().any(|o| o == mine)) {
            return Locality::Neighbour;
        }
        Locality::Elsewhere
    }
}

/// Began, ended (`None`: still running), and what it is in words; `None`: no candidate at all.
fn course_of(record: &Record) -> Option<(Time, Option<Time>, String)> {
    match &record.body {
        Body::Deployment(d) => {
            if matches!(d.status, DeployStatus::Queued | DeployStatus::Cancelled | DeployStatus::Skipped) {
                return None;
            }
            let began = d.started_at.or(d.created_at).or(d.finished_at).or_else(|| record.event_time())?;
            let what = match d.deploy_kind {
                Some(DeployKind::Config) => "config change",
                Some(DeployKind::Flag) => "flag change",
                Some(DeployKind::Rollback) => "rollback",
                _ => "deployment",
            };
            let version = d.version.as_deref().or(d.sha.as_deref().map(|s| s.get(..10).unwrap_or(s))).unwrap_or_default();
            Some((began, d.finished_at, format!("{what} {version}").trim_end().to_owned()))
        }
        Body::Annotation(a) if matches!(a.annotation_kind, AnnotationKind::ConfigChange | AnnotationKind::FlagChange) => {
            let at = a.from.or_else(|| record.event_time())?;
            Some((
                at,
                Some(a.to.unwrap_or(at)),
                format!("{} {}", a.annotation_kind.word().replace('_', " "), a.title).trim_end().to_owned(),
            ))
        }
        _ => None,
    }
}

fn seconds(at: Time) -> f64 {
    millis(at) as f64 / 1000.0
}

fn ranked(records: &[Record], onset: Time, near: &Near<'_>) -> Suspected {
    let known: Vec<(&Record, Time, Option<Time>, String)> =
        records.iter().filter_map(|r| course_of(r).map(|(from, to, title)| (r, from, to, title))).collect();
    let candidates: Vec<Candidate> = known
        .iter()
        .map(|(r, from, to, _)| Candidate {
            id: r.key(),
            locality: near.locality(r),
            started_s: seconds(*from),
            finished_s: to.map(seconds),
        })
        .collect();
    let ranking = suspects::rank(&candidates, seconds(onset), &Rules::default());
    let listed = ranking.suspects.into_iter().take(MOST).filter_map(|s| {
        let (record, from, to, title) = known.iter().find(|(r, ..)| r.key() == s.id)?;
        Some(Suspicion {
            key: if record.source.is_empty() { String::new() } else { s.id },
            title: title.clone(),
            service: record.service.clone().unwrap_or_default(),
            at: to.unwrap_or(*from),
            share: s.share,
            lag_s: s.lag_s,
            reasons: reasons(s.locality, s.lag_s),
        })
    });
    Suspected {
        onset,
        onset_from: "",
        confirmed: Vec::new(),
        suspects: listed.collect(),
        none_share: ranking.none_share,
        chance: 0.0,
        per_hour: 0.0,
        shift: None,
        versions: Vec::new(),
    }
}

fn reasons(locality: Locality, lag_s: f64) -> Vec<String> {
    let when = if lag_s <= 0.0 { "running at the onset".to_owned() } else { format!("{} before", span(lag_s)) };
    vec![locality.reason().to_owned(), when]
}

/// Seconds in the largest unit that keeps it readable.
fn span(s: f64) -> String {
    match s {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5_400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

fn by_chance(suspected: &mut Suspected, per_hour: &dyn Fn(&str) -> f64) {
    let Some(first) = suspected.suspects.first() else { return };
    suspected.per_hour = per_hour(&first.service);
    suspected.chance = suspects::coincidence(suspected.per_hour, 1.0);
}

impl Suspected {
    /// Add what live series say about the services at the onset: the shift against a control, and versions.
    pub fn measure(&mut self, query: &Query<'_>) {
        let week = Duration::days(7);
        let bad = |w: Window| share_of(query, w, None);
        let (before, after) = (Window::new(self.onset - SIDE, self.onset), Window::new(self.onset, self.onset + SIDE));
        let shifted = |w: Window| Window::new(w.from - week, w.to - week);
        let cells = (bad(before), bad(after), bad(shifted(before)), bad(shifted(after)));
        self.shift = suspects::shift(cells.0, cells.1, cells.2, cells.3).map(|s| Shift {
            raw: s.raw,
            against_control: s.against_control,
            standard_error: s.standard_error,
        });
        let versions: std::collections::BTreeSet<&String> =
            series(query, "requests", after).filter_map(|(b, _)| b.labels.get("version")).collect();
        if versions.len() > 1 {
            self.versions = versions
                .into_iter()
                .map(|v| {
                    let (bad, total) = share_of(query, after, Some(v));
                    Version { version: v.clone(), bad, total }
                })
                .collect();
        }
    }
}

fn series<'a>(query: &Query<'a>, name: &'static str, window: Window) -> impl Iterator<Item = (&'a Bucket, f64)> + use<'a> {
    reliability::buckets(&Query { window, ..*query }, name)
}

/// Bad and all requests of a window, of one version or of all.
fn share_of(query: &Query<'_>, window: Window, version: Option<&String>) -> (f64, f64) {
    let mine = |b: &Bucket| version.is_none_or(|v| b.labels.get("version") == Some(v));
    let sum = |name| series(query, name, window).filter(|(b, _)| mine(b)).map(|(b, s)| b.a * s).sum::<f64>();
    (sum("errors"), sum("requests"))
}

/// Metrics whose shifts have a moment: live series.
const SHIFTING: [&str; 5] = ["error_rate", "latency_p95", "latency_p99", "latency_p50", "uptime.requests"];

/// The last changepoint of a live metric in the window, and the deployments before it; `None` when it has none.
pub(super) fn of_shift(metric: &str, query: &Query<'_>) -> Option<Suspected> {
    if !SHIFTING.contains(&metric) {
        return None;
    }
    let hours = buckets(query);
    let values: Vec<(Time, f64)> =
        hours.iter().filter_map(|w| Some((w.from, evaluate(metric, &Query { window: *w, ..*query })?.number()?))).collect();
    let numbers: Vec<f64> = values.iter().map(|(_, v)| *v).collect();
    let onset = values.get(*flags::changepoints(&numbers, SEGMENT).last()?)?.0;
    let services: Vec<String> = if let Scope::Service(s) = query.scope { vec![s.clone()] } else { Vec::new() };
    let near = Near { services, team: if let Scope::Team(t) = query.scope { Some(t.clone()) } else { None }, roster: query.roster };
    let day = Window::new(onset - Duration::days(1), onset + Duration::milliseconds(1));
    let mut suspected = ranked(&shipped(query, day), onset, &near);
    suspected.onset_from = "the last changepoint of the series";
    let length = query.window.seconds() / 3_600.0;
    let rate =
        |service: &str| shipped(query, query.window).iter().filter(|r| r.service.as_deref() == Some(service)).count() as f64 / length;
    by_chance(&mut suspected, &rate);
    suspected.measure(query);
    Some(suspected)
}

/// About a hundred equal spans of the window.
fn buckets(query: &Query<'_>) -> Vec<Window> {
    let (from, to) = (millis(query.window.from), millis(query.window.to.min(query.settings.as_of)));
    let step = ((to - from) / 100).max(60_000);
    let at = crate::domain::window::from_millis;
    (0..100).map(|i| from + i * step).take_while(|start| start + step <= to).map(|start| Window::new(at(start), at(start + step))).collect()
}

/// Production deployments of a span as bare records: their keys come from the store later.
fn shipped(query: &Query<'_>, window: Window) -> Vec<Record> {
    let tracks = query.facts.events.of(Measure::Deployment).iter();
    let mut events: Vec<EventRef<'_>> =
        tracks.flat_map(|t| t.within(window).map(|i| t.event(i))).filter(|e| e.flags() & (flag::COUNTED | flag::REDEPLOY) != 0).collect();
    events.sort_by_key(|e| e.at_ms());
    events
        .into_iter()
        .map(|e| {
            let body = crate::domain::record::Deployment {
                status: DeployStatus::Success,
                finished_at: Some(e.at()),
                ..crate::domain::record::Deployment::default()
            };
            let (source, id) = match e.key().split_once('/') {
                Some((source, id)) => (source, id.to_owned()),
                None => ("", format!("{}@{}", e.service(), e.at_ms())),
            };
            let mut record = Record::new(source, &id, Body::Deployment(body));
            record.service = (!e.service().is_empty()).then(|| e.service().to_string());
            record
        })
        .collect()
}
