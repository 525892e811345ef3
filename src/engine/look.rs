//! From the store to a board: which facts and rows a look needs, and no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::{Datelike, Duration};

use super::{points, settings, slos};
use crate::{
    config::Config,
    domain::{
        Time,
        defined::{Catalogue, Definition, Over, Part},
        metric::{self, Quarter},
        record::{Kind, Record},
        team::Roster,
        value::Scope,
        window::{Window, midnight},
    },
    kpi::{
        Query, Settings,
        board::{
            Board, Look,
            build::{Behind, MOST_ROWS, Material, build, edges, window},
        },
        business::Suppressed,
        cost,
        defined::labelled,
        fact::{Bucket, EventRef, Facts, Measure, flag},
        room::{self, Room},
        why::Why,
    },
    ledger::attribute::services_of,
    store::{FactQuery, NewestQuery, Reader, RowQuery, StoreError},
};

/// Live series that formulas read.
const LIVE: &[&str] = &[
    "probe",
    "probe_latency",
    "requests",
    "errors",
    "latency",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "page_load",
    "inp",
    "cls",
    "active_users",
    "transactions",
];

/// Kinds with few rows, read as they are.
const SMALL: &[Kind] = &[
    Kind::Quality,
    Kind::TestRun,
    Kind::UserActivity,
    Kind::Annotation,
    Kind::SourceState,
    Kind::Customers,
    Kind::Survey,
    Kind::FeatureUsage,
    Kind::Finance,
    Kind::People,
    Kind::WorkItem,
];

/// How far back an incident or an undeployed change may have begun and still be open now.
const OPEN_FOR_DAYS: i64 = 730;

/// How much of the facts a look needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Only of this service.
    pub service: Option<&'a str>,
    /// Also the facts only the delivery pages need.
    pub stages: bool,
    /// Keys of the records behind them.
    pub keys: bool,
    /// What they can be cut by, and the keys of bills: a page of a metric is open.
    pub dims: bool,
}

/// Facts for formulas over `span`, with what an evaluation at its end needs from before it: things still open, and the
/// costs of the month and the month before.
///
/// # Errors
/// [`StoreError`].
pub fn facts(reader: &Reader, settings: &Settings, roster: &Roster, span: Window, wanted: Wanted<'_>) -> Result<Facts, StoreError> {
    let Wanted { service, stages, keys, dims } = wanted;
    let service = service.map(str::to_owned);
    // All but the stages, which are asked for apart, and the unit of work that is not the configured one.
    let wanted = |m: &Measure| *m != Measure::LeadStages && (*m != Measure::CommitLeadTime || settings.per_commit);
    let measures = Measure::ALL.into_iter().filter(wanted).collect();
    let (cut, whole): (Vec<_>, Vec<_>) = settings.catalogue.definitions().iter().partition(|d| !d.filter.is_empty());
    let live: BTreeSet<String> = LIVE.iter().map(|m| (*m).to_owned()).chain(whole.into_iter().flat_map(series_of)).collect();
    let live = live.into_iter().collect();
    let roster = &Arc::new(roster.clone());
    let roster_of = Some(Arc::clone(roster));
    let records = SMALL.to_vec();
    let query = FactQuery { measures, live, records, service: service.clone(), keys, dims, roster: roster_of, ..FactQuery::default() };
    let mut facts = reader.facts(&query, span)?;
    if stages {
        // Their means are all that is asked of them: nothing is cut by what they are.
        let stages = FactQuery { measures: vec![Measure::LeadStages], service: service.clone(), keys, ..FactQuery::default() };
        for (measure, track) in reader.facts(&stages, span)?.events.all() {
            facts.events.add(measure, Arc::clone(track));
        }
    }
    if reader.ever(Measure::Incident, span.to, service.as_deref())? {
        facts.ever.insert(Measure::Incident);
    }
    // Series are loaded without their labels, unless a metric of the config asks for some of them; those stand apart.
    let cut: BTreeSet<String> = cut.into_iter().flat_map(series_of).collect();
    if !cut.is_empty() {
        let by_label = FactQuery {
            live: cut.into_iter().collect(),
            labels: true,
            service: service.clone(),
            roster: Some(Arc::clone(roster)),
            ..FactQuery::default()
        };
        let apart = reader.facts(&by_label, span)?.buckets;
        facts.buckets.extend(apart.into_iter().map(|b| Bucket { metric: labelled(&b.metric).into(), ..b }));
    }
    facts.defined = points::load(reader, &settings.catalogue, roster, service.as_deref(), span, keys)?.into();
    // A page names the charges that matter most, and each has its key beside it.
    let bills = FactQuery { costs: true, service, keys: keys || dims, ..FactQuery::default() };
    let months = Window::new(span.from.min(month_before(span.to, settings)), span.to.max(month_end(span.to, settings)));
    facts.costs = reader.facts(&bills, months)?.costs;
    cost::allocate(&mut facts.costs, settings, roster);
    facts.suppressed = Some(Arc::new(suppressed(reader, &facts, roster, query.service.as_deref(), span)?));
    facts.sort();
    Ok(facts)
}

/// Whose figures of people are withheld for the sake of others: of one service the others must be known as well.
fn suppressed(reader: &Reader, facts: &Facts, roster: &Roster, service: Option<&str>, span: Window) -> Result<Suppressed, StoreError> {
    if service.is_none() {
        return Ok(Suppressed::of(&facts.records, roster));
    }
    let people = FactQuery { records: vec![Kind::People], ..FactQuery::default() };
    Ok(Suppressed::of(&reader.facts(&people, span)?.records, roster))
}

/// Live series that a metric of the config reads.
fn series_of(definition: &Definition) -> Vec<String> {
    let Over::Sample(own) = &definition.over else { return Vec::new() };
    let parts = [&definition.top, &definition.bottom].into_iter();
    let others = parts.filter_map(|part| if let Part::Sample(name) = part { Some(name.clone()) } else { None });
    std::iter::once(own.clone()).chain(others).collect()
}

/// Everything the screen can show for `look`.
///
/// # Errors
/// [`StoreError`].
pub fn load(reader: &Reader, config: &Config, look: &Look, now: Time) -> Result<Board, StoreError> {
    let as_of = look.at.unwrap_or(now).min(now);
    let roster = reader.roster(&config.roster)?;
    let settings = settings::formulas(config, as_of);
    let span = window(look, as_of);
    let service = match &look.scope {
        Scope::Service(s) => Some(s.as_str()),
        _ => None,
    };
    let delivery = look.focus.and_then(metric::find).is_some_and(|m| m.quarter == Quarter::Delivery);
    let wanted = Wanted { service, stages: delivery, keys: false, dims: look.focus.is_some() };
    let mut from = span.before().from;
    if !config.objectives.is_empty() && look.scope == Scope::Org {
        from = from.min(as_of - Duration::days(28));
    }
    let mut facts = facts(reader, &settings, &roster, Window::new(from, span.to), wanted)?;
    facts.events.note(edges(look, settings.zone, as_of));
    let open = look.slo.as_deref().map_or(slos::Open::None, slos::Open::One);
    let evaluated = slos::states(reader, config, &roster, &settings, now, &look.scope, open)?;
    let material = Material {
        look,
        org: &config.org,
        settings: &settings,
        roster: &roster,
        care: &config.kpis,
        objectives: &config.objectives,
        facts: &facts,
        services: &reader.services()?,
        records: reader.counts()?.values().sum(),
        seen: &reader.seen()?,
    };
    let mut board = build(&material, || behind(reader, &config.catalogue, &roster, look, span, as_of))?;
    if let Some(why) = &mut board.why {
        name_members(reader, why)?;
    }
    if let Some(key) = &look.incident {
        board.room = incident_room(reader, &settings, &roster, key)?;
    }
    Ok(Board { slos: evaluated, ..board })
}

/// What happened around an incident: deployments and annotations of the day before it, and the live series of its
/// services at their finest, then and a week before.
fn incident_room(reader: &Reader, settings: &Settings, roster: &Roster, key: &str) -> Result<Option<Room>, StoreError> {
    const MOST: usize = 400;
    let found = reader.rows(&RowQuery { keys: vec![key.to_owned()], limit: 1, ..RowQuery::default() })?;
    let Some(incident) = found.first() else { return Ok(None) };
    let Some((course, span)) = room::course(incident, settings.as_of) else { return Ok(None) };
    let near = Window::new(course.start - room::SUSPECTS, span.to);
    let kinds = vec![Kind::Deployment, Kind::Annotation];
    let records = reader.rows(&RowQuery { kinds, window: Some(near), limit: MOST, ..RowQuery::default() })?;
    let keys: Vec<String> = records.iter().map(Record::key).chain([key.to_owned()]).collect();
    let derived = reader.derived(&keys)?;
    let weeks = Window::ending(course.start, Duration::weeks(4));
    let shipped = FactQuery { measures: vec![Measure::Deployment], ..FactQuery::default() };
    let shipped = reader.facts(&shipped, weeks)?;
    let per_hour = |service: &str| {
        let n = shipped.of(Measure::Deployment).filter(|e| &**e.service() == service && e.flags() & flag::SUCCESS != 0).count();
        n as f64 / (weeks.seconds() / 3_600.0)
    };
    let week = Duration::weeks(1);
    let mut facts = Facts::default();
    for service in services_of(incident) {
        let live = LIVE.iter().map(|m| (*m).to_owned()).collect();
        let one = FactQuery {
            live,
            service: Some(service.to_owned()),
            roster: Some(Arc::new(roster.clone())),
            labels: true,
            ..FactQuery::default()
        };
        for window in [span, Window::new(span.from - week, span.to - week)] {
            facts.buckets.extend(reader.facts(&one, window)?.buckets);
        }
    }
    facts.sort();
    let query = Query { facts: &facts, scope: &Scope::Org, window: span, settings, roster };
    Ok(room::build(incident, &room::Around { records: &records, derived: &derived, per_hour: &per_hour, query }))
}

/// States of all sources, as records.
///
/// # Errors
/// [`StoreError`].
pub fn sources(reader: &Reader, now: Time) -> Result<Vec<Arc<Record>>, StoreError> {
    let query = FactQuery { records: vec![Kind::SourceState], ..FactQuery::default() };
    Ok(reader.facts(&query, Window::new(now, now))?.records)
}

/// Facts of a wide window are loaded without the keys of their records; the few that an explanation names are looked up by
/// when and where they were.
fn name_members(reader: &Reader, why: &mut Why) -> Result<(), StoreError> {
    let measure = FOUND.iter().find(|f| why.metric.starts_with(f.prefix)).and_then(|f| f.by).unwrap_or(Measure::Deployment);
    // Several facts may share an instant (the changes of one deployment): the value tells them apart, and none is named twice.
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut find = |measure: Measure, at: Time, service: &str, value: Option<f64>| -> Result<Option<String>, StoreError> {
        let service = (!service.is_empty()).then(|| service.to_owned());
        let query = FactQuery { measures: vec![measure], keys: true, service, ..FactQuery::default() };
        let found = reader.facts(&query, Window::new(at, at + Duration::milliseconds(1)))?;
        let same = |e: &EventRef<'_>| value.is_none_or(|v| e.values().first().is_none_or(|own| *own == v));
        let key = found.of(measure).filter(same).map(|e| e.key().to_string()).find(|k| !k.is_empty() && !named.contains(k));
        named.extend(key.clone());
        Ok(key)
    };
    for member in why.members.iter_mut().filter(|m| m.key.is_empty()) {
        if let Some(at) = member.at {
            member.key = find(measure, at, &member.service, member.value)?.unwrap_or_default();
        }
    }
    for suspect in why.suspected.iter_mut().flat_map(|s| &mut s.suspects).filter(|s| s.key.is_empty()) {
        suspect.key = find(Measure::Deployment, suspect.at, &suspect.service, None)?.unwrap_or_default();
    }
    Ok(())
}

fn behind(reader: &Reader, config: &Catalogue, roster: &Roster, look: &Look, span: Window, as_of: Time) -> Result<Behind, StoreError> {
    let scope = |kinds: &[Kind], window: Option<Window>| RowQuery {
        kinds: kinds.to_vec(),
        window,
        service: if let Scope::Service(s) = &look.scope { Some(s.clone()) } else { None },
        teams: if let Scope::Team(t) = &look.scope { roster.family(t).into_iter().map(str::to_owned).collect() } else { Vec::new() },
        keys: Vec::new(),
        limit: MOST_ROWS,
        roster: Some(Arc::new(roster.clone())),
    };
    let deployments = reader.rows(&scope(&[Kind::Deployment], Some(span)))?;
    // Also those that began before the window: they may still be open.
    let incidents = reader.rows(&scope(&[Kind::Incident], Some(long_before(as_of))))?;
    let (focus, focus_total) = match look.focus {
        Some(metric) => match config.definition(metric) {
            Some(definition) => defined_rows(reader, &scope, definition, span)?,
            None => focus_rows(reader, &scope, metric, span)?,
        },
        None => (Vec::new(), 0),
    };
    let keys: BTreeSet<String> = deployments.iter().chain(&incidents).chain(&focus).map(Record::key).collect();
    let derived = reader.derived(&keys.into_iter().collect::<Vec<_>>())?;
    Ok(Behind { deployments, incidents, focus, focus_total, derived })
}

/// Which records a metric is computed from, and through which facts they are found (where the record's own time does not
/// decide the window).
struct Found {
    prefix: &'static str,
    kinds: &'static [Kind],
    by: Option<Measure>,
}

const FOUND: &[Found] = &[
    Found { prefix: "lead_time.pending", kinds: &[Kind::Change], by: Some(Measure::Pending) },
    Found { prefix: "lead_time", kinds: &[Kind::Change, Kind::Commit], by: Some(Measure::LeadTime) },
    Found { prefix: "time_to_restore", kinds: &[Kind::Incident], by: Some(Measure::Restore) },
    Found { prefix: "failed_deployment", kinds: &[Kind::Deployment], by: Some(Measure::Recovery) },
    Found { prefix: "incident", kinds: &[Kind::Incident], by: None },
    Found { prefix: "mtbf", kinds: &[Kind::Incident], by: None },
    Found { prefix: "downtime", kinds: &[Kind::Incident], by: None },
    Found { prefix: "uptime.from_incidents", kinds: &[Kind::Incident], by: None },
    Found { prefix: "deploy", kinds: &[Kind::Deployment], by: None },
    Found { prefix: "change_failure", kinds: &[Kind::Deployment], by: None },
    Found { prefix: "batch_size", kinds: &[Kind::Deployment], by: None },
    Found { prefix: "infra_cost", kinds: &[Kind::CostLine], by: None },
    Found { prefix: "cost_", kinds: &[Kind::CostLine], by: None },
    Found { prefix: "commitment", kinds: &[Kind::CostLine], by: None },
    Found { prefix: "test", kinds: &[Kind::TestRun], by: None },
    Found { prefix: "flaky", kinds: &[Kind::TestRun], by: None },
    Found { prefix: "active_users", kinds: &[Kind::UserActivity], by: None },
    Found { prefix: "stickiness", kinds: &[Kind::UserActivity], by: None },
    Found { prefix: "time_to_market", kinds: &[Kind::WorkItem], by: None },
    Found { prefix: "velocity", kinds: &[Kind::WorkItem], by: None },
    Found { prefix: "maintenance_share", kinds: &[Kind::WorkItem], by: None },
    Found { prefix: "release_frequency", kinds: &[Kind::Deployment], by: None },
    Found { prefix: "retention_rate.users", kinds: &[Kind::UserActivity], by: None },
    Found { prefix: "retention_rate", kinds: &[Kind::Customers], by: None },
    Found { prefix: "churn_rate", kinds: &[Kind::Customers], by: None },
    Found { prefix: "nps", kinds: &[Kind::Survey], by: None },
    Found { prefix: "feature_adoption", kinds: &[Kind::FeatureUsage], by: None },
    Found { prefix: "roi", kinds: &[Kind::Finance], by: None },
    Found { prefix: "rd_effectiveness", kinds: &[Kind::Finance], by: None },
    Found { prefix: "ltv", kinds: &[Kind::Finance], by: None },
    Found { prefix: "tech_cost", kinds: &[Kind::Finance], by: None },
    Found { prefix: "documentation_coverage", kinds: &[Kind::Quality], by: None },
    Found { prefix: "code_coverage", kinds: &[Kind::Quality], by: None },
    Found { prefix: "line_coverage", kinds: &[Kind::Quality], by: None },
    Found { prefix: "branch_coverage", kinds: &[Kind::Quality], by: None },
    Found { prefix: "new_code_coverage", kinds: &[Kind::Quality], by: None },
    Found { prefix: "technical_debt", kinds: &[Kind::Quality], by: None },
    Found { prefix: "findings", kinds: &[Kind::Quality], by: None },
];

/// The newest records behind a metric, and how many there are in all.
fn focus_rows(
    reader: &Reader,
    scope: &dyn Fn(&[Kind], Option<Window>) -> RowQuery,
    metric: &str,
    span: Window,
) -> Result<(Vec<Record>, u64), StoreError> {
    let Some(found) = FOUND.iter().find(|f| metric.starts_with(f.prefix)) else { return Ok((Vec::new(), 0)) };
    let Some(measure) = found.by else {
        let rows = reader.rows(&scope(found.kinds, Some(span)))?;
        let total = rows.len() as u64;
        return Ok((rows, total));
    };
    let wanted = scope(found.kinds, None);
    let window = if measure == Measure::Pending { long_before(span.to) } else { span };
    let newest = NewestQuery { measure, window, flag: 0, service: wanted.service.as_deref(), teams: &wanted.teams, limit: MOST_ROWS };
    let (mut keys, mut total) = (Vec::new(), 0);
    if measure == Measure::Restore {
        // Open incidents have not been restored, but they belong to the question.
        let open = NewestQuery { measure: Measure::Incident, window: long_before(span.to), flag: flag::OPEN, ..newest };
        (keys, total) = reader.newest(&open)?;
    }
    let (closed, n) = reader.newest(&newest)?;
    keys.extend(closed);
    total += n;
    let place: BTreeMap<String, usize> = keys.iter().enumerate().map(|(i, k)| (k.clone(), i)).collect();
    if keys.is_empty() {
        return Ok((Vec::new(), total));
    }
    let mut rows = reader.rows(&RowQuery { keys, limit: MOST_ROWS, ..RowQuery::default() })?;
    rows.sort_by_key(|r| place.get(&r.key()).copied().unwrap_or(usize::MAX));
    Ok((rows, total))
}

/// The newest records that a metric of the config takes, and how many there are in all.
fn defined_rows(
    reader: &Reader,
    scope: &dyn Fn(&[Kind], Option<Window>) -> RowQuery,
    definition: &Definition,
    span: Window,
) -> Result<(Vec<Record>, u64), StoreError> {
    let Over::Records(kind) = definition.over else { return Ok((Vec::new(), 0)) };
    let (mut newest, mut total) = (std::collections::VecDeque::new(), 0);
    reader.each(&scope(&[kind], Some(span)), &mut |record| {
        if definition.read(&record).is_some() {
            total += 1;
            newest.push_front(record);
            newest.truncate(MOST_ROWS);
        }
        true
    })?;
    Ok((newest.into(), total))
}

fn long_before(to: Time) -> Window {
    Window::new(to - Duration::days(OPEN_FOR_DAYS), to)
}

/// Start of the calendar month before the one `at` lies in.
fn month_before(at: Time, settings: &Settings) -> Time {
    let day = at.with_timezone(&settings.zone).date_naive();
    let first = day.with_day(1).unwrap_or(day);
    let before = first.pred_opt().and_then(|d| d.with_day(1)).unwrap_or(first);
    midnight(before, settings.zone)
}

/// End of the calendar month `at` lies in: recurring charges are known ahead.
fn month_end(at: Time, settings: &Settings) -> Time {
    let day = at.with_timezone(&settings.zone).date_naive();
    let next = day.with_day(1).and_then(|d| d.checked_add_months(chrono::Months::new(1))).unwrap_or(day);
    midnight(next, settings.zone)
}
