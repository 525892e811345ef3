//! Objectives on the facts of the store: which buckets each needs, and no more.
//!
//! ```text
//! period start ───────── days (hours, when the page is open) ─────────┬── hours ──┬─ minutes ─┐ now
//!                                                             72 h ago┘    6 h ago┘
//! ```
//! Without objectives this costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::Duration;

use crate::{
    config::Config,
    domain::{
        Time,
        record::{Kind, Record},
        slo::{Method, Sli, Slo},
        team::Roster,
        value::Scope,
        window::{Window, from_millis, millis},
    },
    kpi::{
        Settings,
        board::rows,
        fact::{Bucket, Facts, Measure},
        slo::{self, State, burnt::Behind, count},
    },
    ledger::attribute::Attributor,
    store::{FactQuery, Reader, RowQuery, StoreError},
};

/// Minutes are loaded for the windows this short, hours for those up to three days.
const MINUTES_H: i64 = 6;
const HOURS_H: i64 = 72;
/// Minutes are folded of what is at most this old.
const FOLDED_H: i64 = 48;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// How far back an incident may have begun and still matter.
const OPEN_FOR_DAYS: i64 = 730;
/// How far before the period the deployment may lie that was running when it began.
const RUNNING_DAYS: i64 = 60;
/// Most records looked at for who spent it.
const MOST_RECORDS: usize = 500;

/// Whose page is open: its course, markers and burners are wanted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open<'a> {
    /// None's.
    None,
    /// One's.
    One(&'a str),
    /// All: the commands.
    All,
}

/// Every objective of a scope, evaluated at `settings.as_of`, worst first. `now` decides which buckets are still kept.
///
/// # Errors
/// [`StoreError`].
pub fn states(
    reader: &Reader,
    config: &Config,
    roster: &Roster,
    settings: &Settings,
    now: Time,
    scope: &Scope,
    open: Open<'_>,
) -> Result<Vec<State>, StoreError> {
    if config.slos.is_empty() {
        return Ok(Vec::new());
    }
    let desk = Desk::new(reader, config, roster, settings, now)?;
    let mut states = Vec::new();
    for slo in config.slos.iter().map(|slo| Arc::new(desk.resolved(slo))) {
        if desk.concerns(&slo, scope) {
            let detailed = matches!(open, Open::All) || open == Open::One(&slo.name);
            states.push(desk.evaluate(&slo, detailed)?);
        }
    }
    slo::sort(&mut states);
    Ok(states)
}

/// What all objectives share.
struct Desk<'a> {
    reader: &'a Reader,
    config: &'a Config,
    roster: &'a Roster,
    settings: &'a Settings,
    now: Time,
    /// Outages, maintenance, liveness of sources.
    facts: Facts,
    maintained: BTreeSet<Option<String>>,
    /// Owners of the services there are.
    owners: BTreeMap<String, Vec<String>>,
}

impl<'a> Desk<'a> {
    fn new(reader: &'a Reader, config: &'a Config, roster: &'a Roster, settings: &'a Settings, now: Time) -> Result<Self, StoreError> {
        let incidents = config.slos.iter().any(|s| s.sli == Sli::Incidents);
        let measures = if incidents { vec![Measure::Incident, Measure::Outage] } else { Vec::new() };
        let query = FactQuery { measures, records: vec![Kind::Annotation, Kind::SourceState], ..FactQuery::default() };
        let mut facts = reader.facts(&query, Window::ending(settings.as_of, Duration::days(OPEN_FOR_DAYS)))?;
        facts.sort();
        let maintained = count::maintenance(&facts.records).into_iter().map(|(service, _)| service).collect();
        let mut names: BTreeSet<String> = config.slos.iter().flat_map(|s| s.services.iter().cloned()).collect();
        if config.slos.iter().any(|s| s.team.is_some()) {
            names.extend(reader.services()?);
        }
        let mut attributor = Attributor::new(roster);
        let mut owner = |name: &str| attributor.service(name, Some(settings.as_of)).shares.into_iter().map(|s| s.team).collect();
        let owners = names.into_iter().map(|name| (name.clone(), owner(&name))).collect();
        Ok(Self { reader, config, roster, settings, now, facts, maintained, owners })
    }

    /// An objective with its services named: those of the team it was written for.
    fn resolved(&self, slo: &Slo) -> Slo {
        match &slo.team {
            Some(team) => Slo { services: self.owners.keys().filter(|s| self.belongs(s, team)).cloned().collect(), ..slo.clone() },
            None => slo.clone(),
        }
    }

    /// A service is the team's, or of a team below it.
    fn belongs(&self, service: &str, team: &str) -> bool {
        let family = self.roster.family(team);
        self.owners.get(service).is_some_and(|owners| owners.iter().any(|o| family.contains(&o.as_str())))
    }

    fn concerns(&self, slo: &Slo, scope: &Scope) -> bool {
        match scope {
            Scope::Org => true,
            Scope::Service(service) => slo.services.contains(service),
            Scope::Team(team) => {
                slo.team.as_ref().is_some_and(|t| self.roster.family(team).contains(&t.as_str()))
                    || slo.services.iter().any(|s| self.belongs(s, team))
            }
            Scope::Group(..) => false,
        }
    }

    fn evaluate(&self, slo: &Arc<Slo>, detailed: bool) -> Result<State, StoreError> {
        let buckets = self.buckets(slo, detailed)?;
        let behind = if detailed { Some(self.behind(slo)?) } else { None };
        let material =
            slo::Material { facts: &self.facts, buckets: &buckets, settings: self.settings, roster: self.roster, behind: behind.as_ref() };
        Ok(slo::evaluate(slo, &material))
    }

    fn buckets(&self, slo: &Slo, detailed: bool) -> Result<Vec<Bucket>, StoreError> {
        let mut buckets = Vec::new();
        if slo.sli.live().is_empty() {
            return Ok(buckets);
        }
        // Maintenance cuts buckets: the shorter they are, the less is guessed.
        let cut = self.maintained.iter().any(|of| of.as_ref().is_none_or(|of| slo.services.contains(of)));
        let grain = match slo.method {
            Method::Occurrences if detailed || cut => Grain::Hours,
            Method::Occurrences => Grain::Days,
            Method::Timeslices { slice_s, .. } | Method::RatioTimeslices { slice_s } if slice_s < 3_600.0 => Grain::Minutes,
            _ => Grain::Hours,
        };
        let live = slo.sli.live().iter().map(|m| (*m).to_owned()).collect::<Vec<_>>();
        let spans = self.spans(slo, grain, detailed);
        for service in &slo.services {
            let query = FactQuery { live: live.clone(), service: Some(service.clone()), labels: detailed, ..FactQuery::default() };
            for span in &spans {
                buckets.extend(self.reader.facts(&query, *span)?.buckets);
            }
        }
        Ok(buckets)
    }

    /// Adjacent spans, so short that the store answers each in the size of bucket that is wanted there.
    fn spans(&self, slo: &Slo, grain: Grain, detailed: bool) -> Vec<Window> {
        let as_of = self.settings.as_of;
        let start = slo::reach(slo, as_of);
        let kept = Duration::hours(FOLDED_H).max(match grain {
            Grain::Minutes => Duration::from_std(self.config.store.keep_minutes).unwrap_or_default(),
            Grain::Hours | Grain::Days => Duration::zero(),
        });
        let ago = |hours: i64, step: i64| from_millis(millis(as_of - Duration::hours(hours)).div_euclid(step) * step);
        let minutes = match (grain, detailed) {
            (Grain::Minutes, _) => start,
            (_, true) => ago(FOLDED_H - 2, HOUR_MS),
            (_, false) => ago(MINUTES_H, HOUR_MS),
        };
        // What is too old for minutes is only there in hours.
        let oldest = from_millis((millis(self.now - kept) + HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS);
        let minutes = if minutes < oldest { oldest.min(as_of) } else { minutes }.max(start);
        let hours = if grain == Grain::Days { ago(HOURS_H, DAY_MS).max(start).min(minutes) } else { start };
        let mut spans = Vec::new();
        if start < hours {
            spans.push(Window::new(start, hours));
        }
        cut(&mut spans, Window::new(hours, minutes), 13 * DAY_MS, DAY_MS);
        cut(&mut spans, Window::new(minutes, as_of), 11 * HOUR_MS, HOUR_MS);
        spans
    }

    /// Records to tell who spent it.
    fn behind(&self, slo: &Slo) -> Result<Behind, StoreError> {
        let as_of = self.settings.as_of;
        let period = slo.period.whole(as_of, slo.zone);
        let mut behind = Behind::default();
        for service in &slo.services {
            let rows = |kind: Kind, window: Window| {
                let query = RowQuery {
                    kinds: vec![kind],
                    window: Some(window),
                    service: Some(service.clone()),
                    limit: MOST_RECORDS,
                    ..RowQuery::default()
                };
                self.reader.rows(&query)
            };
            behind.incidents.extend(rows(Kind::Incident, Window::ending(as_of, Duration::days(OPEN_FOR_DAYS)))?);
            behind.deployments.extend(rows(Kind::Deployment, Window::new(period.from - Duration::days(RUNNING_DAYS), as_of))?);
        }
        let mut once = BTreeSet::new();
        behind.incidents.retain(|r| once.insert(r.key()));
        let keys: Vec<String> = behind.incidents.iter().chain(&behind.deployments).map(Record::key).collect();
        let derived = self.reader.derived(&keys)?;
        let row = |r: &Record| rows::row(r, &derived, None, self.settings);
        behind.deployments.retain(|r| row(r).is_some_and(|row| row.tags.iter().any(|t| t == "production")));
        behind.rows = behind.incidents.iter().chain(&behind.deployments).filter_map(row).collect();
        Ok(behind)
    }
}

/// Size of bucket wanted for the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Minutes,
    Hours,
    Days,
}

/// Cut a span into pieces of at most `most`; a rest shorter than `least` belongs to the piece before it.
fn cut(out: &mut Vec<Window>, span: Window, most: i64, least: i64) {
    let mut from = span.from;
    while from < span.to {
        // Seams lie on whole hours, where buckets of every size but days meet.
        let to = from_millis((millis(from) + most).div_euclid(HOUR_MS) * HOUR_MS);
        let to = if to + Duration::milliseconds(least) > span.to { span.to } else { to };
        out.push(Window::new(from, to));
        from = to;
    }
}
