//! From facts and rows to a board. Pure; costs what the view is wide.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::Duration;

use super::{Board, Driver, GroupRow, Look, Marker, MarkerKind, Row, Series, rows};
use crate::{
    domain::{
        Time,
        care::Care,
        defined::Catalogue,
        metric::{self, Metric, Quarter},
        objective::Objective,
        record::{Body, Record},
        team::{Roster, UNATTRIBUTED},
        value::{Reading, Scope},
        window::{Tz, Window},
    },
    kpi::{Query, Settings, beside::shared_after, cost, evaluate, fact::Facts, guard, objective, why},
    ledger::Derived,
};

/// Most markers and list rows a board carries.
pub const MOST_ROWS: usize = 200;

/// Records behind lists and numbers, already cut to what a board may carry.
#[derive(Debug, Clone, Default)]
pub struct Behind {
    /// Deployments of the window, newest first.
    pub deployments: Vec<Record>,
    /// Incidents of the window and those still open.
    pub incidents: Vec<Record>,
    /// Records behind the focus metric, newest first.
    pub focus: Vec<Record>,
    /// How many there are in all.
    pub focus_total: u64,
    /// What the ledger derived about all of them.
    pub derived: Derived,
}

/// What a board is made from.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// What was asked for.
    pub look: &'a Look,
    /// The organisation's name.
    pub org: &'a str,
    /// Settings; `as_of` is the moment looked at.
    pub settings: &'a Settings,
    /// Teams and owners.
    pub roster: &'a Roster,
    /// What is said of each metric, by id.
    pub care: &'a BTreeMap<String, Care>,
    /// Objectives, in the configured order.
    pub objectives: &'a [Objective],
    /// Facts over the window and the like window before it; with objectives, of the trailing 28 days at least.
    pub facts: &'a Facts,
    /// Services that any record names.
    pub services: &'a [String],
    /// Records in the store.
    pub records: u64,
    /// What was ever seen: record kinds by their word, live series as `sample:<metric>`.
    pub seen: &'a BTreeSet<String>,
}

/// The span a look covers.
#[must_use]
pub fn window(look: &Look, as_of: Time) -> Window {
    Window::ending(as_of, look.range.length())
}

/// Make the board; `behind` reads the records behind it while its parts are begun, which are shared among the cores.
///
/// # Errors
/// Those of `behind`.
pub fn build<E>(m: &Material<'_>, behind: impl FnOnce() -> Result<Behind, E>) -> Result<Board, E> {
    let window = window(m.look, m.settings.as_of);
    let query = Query { facts: m.facts, scope: &m.look.scope, window, settings: m.settings, roster: m.roster };
    let earlier = earlier(&query);
    let before = Query { window: window.before(), settings: &earlier, ..query };
    let (teams, services) = (teams(m, window), services(m, window));
    let catalogue = &m.settings.catalogue;
    // The longest first.
    let numbers = catalogue.all().filter(|k| wanted(k, m.look.focus)).map(|k| Part::Number(k.id));
    let lines = (0..teams.lines.len()).map(Part::Team).chain((0..services.lines.len()).map(Part::Service));
    let parts: Vec<Part> = numbers.chain(courses(m, window)).chain(lines).collect();
    let make = |part: &Part| match part {
        Part::Number(id) => {
            let reading = judged(id, &query, &earlier, m.care);
            let driver = reading.as_ref().and_then(|r| driver(r, &query, &before));
            let (readings, drivers) = (reading.map(|r| (*id, r)), driver.map(|d| (*id, d)));
            Parts { readings: readings.into_iter().collect(), drivers: drivers.into_iter().collect(), ..Parts::default() }
        }
        Part::Course(id, buckets) => {
            Parts { series: over(id, &query, buckets).map(|s| (*id, s)).into_iter().collect(), ..Parts::default() }
        }
        Part::Before(id, buckets) => Parts { series_before: over(id, &query, buckets), ..Parts::default() },
        Part::Team(line) => Parts { teams: vec![teams.row(*line)], ..Parts::default() },
        Part::Service(line) => Parts { services: vec![services.row(*line)], ..Parts::default() },
    };
    let lists = || {
        let behind = behind()?;
        let row = |r: &Record| rows::row(r, &behind.derived, m.look.focus, m.settings);
        let lists = [&behind.incidents, &behind.deployments, &behind.focus].map(|list| list.iter().filter_map(row).collect::<Vec<Row>>());
        Ok((lists, behind.focus_total))
    };
    let (lists, made) = shared_after(lists, &parts, make);
    let ([incidents, deployments, mut rows], rows_total) = lists?;
    let Parts { readings, drivers, series, series_before, teams, services } =
        made.into_iter().fold(Parts::default(), Parts::and).judged_together();
    let why = m.look.focus.and_then(|focus| readings.get(focus)).map(|r| why::explain(r, &query, &before));
    let mut open: Vec<Row> = incidents.iter().filter(|r| r.tags.iter().any(|t| t == "open")).cloned().collect();
    open.sort_by_key(|r| r.at);
    if rows.is_empty()
        && let Some(focus) = m.look.focus
    {
        rows = rows::of_buckets(focus, &query);
    }
    Ok(Board {
        look: m.look.clone(),
        org: m.org.to_owned(),
        zone: m.settings.zone,
        currency: m.settings.currency.clone(),
        as_of: m.settings.as_of,
        window,
        readings,
        unfed: catalogue.all().filter(|k| !fed(k.id, catalogue, m.seen)).map(|k| k.id).collect(),
        series,
        series_before: series_before.filter(|s| s.values.iter().any(Option::is_some)),
        teams,
        services,
        markers: markers(&deployments, &incidents, m.facts, window),
        open_incidents: open,
        incidents: incidents.into_iter().filter(|r| window.contains(r.at) || r.tags.iter().any(|t| t == "open")).collect(),
        deployments,
        rows_total: rows_total.max(rows.len() as u64),
        rows,
        why,
        drivers,
        care: m.care.clone(),
        objectives: if m.look.scope == Scope::Org { objective::states(m.objectives, &query) } else { Vec::new() },
        flags: Vec::new(),
        slos: Vec::new(),
        room: None,
        records: m.records,
        catalogue: catalogue.clone(),
    })
}

/// What of a board can be made apart from all else.
enum Part {
    /// A metric's reading, and who accounts for most of its change.
    Number(&'static str),
    /// A metric's chart.
    Course(&'static str, Arc<[Window]>),
    /// The same over the window before.
    Before(&'static str, Arc<[Window]>),
    /// A line of the table of teams.
    Team(usize),
    /// A line of the table of services.
    Service(usize),
}

/// Parts that are made, each where it belongs.
#[derive(Default)]
struct Parts {
    readings: BTreeMap<&'static str, Reading>,
    drivers: BTreeMap<&'static str, Driver>,
    series: BTreeMap<&'static str, Series>,
    series_before: Option<Series>,
    teams: Vec<GroupRow>,
    services: Vec<GroupRow>,
}

impl Parts {
    fn and(mut self, more: Self) -> Self {
        self.readings.extend(more.readings);
        self.drivers.extend(more.drivers);
        self.series.extend(more.series);
        self.series_before = self.series_before.or(more.series_before);
        self.teams.extend(more.teams);
        self.services.extend(more.services);
        self
    }

    /// What is shown together is judged together: a number that no longer counts as moved needs nobody to account for it.
    fn judged_together(mut self) -> Self {
        guard::together(self.readings.values_mut());
        self.drivers.retain(|id, _| self.readings.get(id).is_some_and(|r| r.change_is_real == Some(true)));
        for lines in [&mut self.teams, &mut self.services] {
            guard::together(lines.iter_mut().flat_map(|r| r.readings.values_mut()));
        }
        self
    }
}

/// The instants that most of a board's windows begin or end at.
#[must_use]
pub fn edges(look: &Look, zone: Tz, as_of: Time) -> Vec<Time> {
    let window = window(look, as_of);
    let buckets = buckets(look, zone, window, false);
    let all = buckets.iter().chain([&window]).flat_map(|w| [w.from, w.to.min(as_of)]);
    all.chain([window.before().from, Time::MIN_UTC]).collect()
}

/// A chart for each headline that is fed; for the metric looked at a finer one, and one of the window before.
fn courses<'a>(m: &Material<'a>, window: Window) -> impl Iterator<Item = Part> + use<'a> {
    let (catalogue, focus, back, seen) = (&m.settings.catalogue, m.look.focus, m.look.range.length(), m.seen);
    let [coarse, fine]: [Arc<[Window]>; 2] = [false, true].map(|fine| buckets(m.look, m.settings.zone, window, fine).into());
    let before: Arc<[Window]> = fine.iter().map(|w| Window::new(w.from - back, w.to - back)).collect();
    let headline = move |k: &&Metric| k.facet_of.is_none() && fed(k.id, catalogue, seen) && Some(k.id) != focus;
    let looked_at = focus.into_iter().flat_map(move |id| [Part::Before(id, Arc::clone(&before)), Part::Course(id, Arc::clone(&fine))]);
    looked_at.chain(catalogue.all().filter(headline).map(move |k| Part::Course(k.id, Arc::clone(&coarse))))
}

/// Who accounts for most of a headline's change, where the change is real.
fn driver(reading: &Reading, now: &Query<'_>, before: &Query<'_>) -> Option<Driver> {
    let headline = metric::find(reading.metric).filter(|k| k.facet_of.is_none() && reading.change_is_real == Some(true))?;
    let (by, part, share) = why::biggest(headline.id, now, before)?;
    Some(Driver { by, name: part.name, contribution: part.contribution, share })
}

/// Facets cost as much as headlines; those of delivery, with many facts, only when their page is open.
fn wanted(metric: &Metric, focus: Option<&str>) -> bool {
    let Some(of) = metric.facet_of else { return true };
    let family = focus.and_then(metric::find).map(|f| f.facet_of.unwrap_or(f.id));
    metric.quarter != Quarter::Delivery || family == Some(of)
}

/// Settings of the like window before: what happened later is not looked at.
#[must_use]
pub fn earlier(query: &Query<'_>) -> Settings {
    Settings { as_of: query.window.from, ..query.settings.clone() }
}

/// A reading with the window before (`earlier`: its settings), the guard's verdict and the target.
#[must_use]
pub fn judged(id: &'static str, query: &Query<'_>, earlier: &Settings, care: &BTreeMap<String, Care>) -> Option<Reading> {
    let mut reading = evaluate(id, query)?;
    let earlier = Query { window: query.window.before(), settings: earlier, ..*query };
    if let Some(before) = evaluate(id, &earlier) {
        reading.before = before.number();
        reading.before_n = reading.before.map(|_| before.n);
        if reading.before.is_some() && reading.number().is_some() {
            reading.judged = guard::judge(id, (query, &reading), (&earlier, &before));
            reading.change_is_real = reading.judged.as_ref().and_then(guard::is_real);
        }
    }
    if let Some(target) = care.get(id).and_then(|c| c.target.as_ref()) {
        reading.target = Some(target.text.clone());
        reading.target_met = reading.number().map(|v| target.met(v));
    }
    Some(reading)
}

/// What must have been seen for a metric to be fed: by prefix of its id, the first match; any word of each group.
const INPUTS: &[(&str, &[&[&str]])] = &[
    ("uptime.requests", &[&["sample:requests"]]),
    ("uptime.from_incidents", &[&["incident"]]),
    ("uptime", &[&["probe", "sample:requests"]]),
    ("downtime", &[&["incident", "probe"]]),
    ("mtbf", &[&["incident", "probe"]]),
    ("latency", &[&["sample:latency"]]),
    ("page_load.inp", &[&["sample:inp"]]),
    ("page_load.cls", &[&["sample:cls"]]),
    ("page_load", &[&["sample:page_load"]]),
    ("error_rate", &[&["sample:requests"]]),
    ("requests", &[&["sample:requests"]]),
    ("time_to_restore", &[&["incident"]]),
    ("incident", &[&["incident"]]),
    ("time_to_market", &[&["work_item"]]),
    ("velocity", &[&["work_item"]]),
    ("maintenance_share", &[&["work_item"]]),
    ("documentation_coverage", &[&["quality", "catalog"]]),
    ("retention_rate.users", &[&["user_activity"]]),
    ("retention_rate", &[&["customers"]]),
    ("churn_rate", &[&["customers"]]),
    ("nps", &[&["survey"]]),
    ("feature_adoption", &[&["feature_usage"]]),
    ("headcount", &[&["people"]]),
    ("attrition_rate", &[&["people"]]),
    ("cross_training", &[&["people"]]),
    ("cost_per_transaction", &[&["cost_line"], &["user_activity", "sample:transactions"]]),
    ("tech_cost_pct_revenue", &[&["finance"]]),
    ("roi", &[&["finance"]]),
    ("rd_effectiveness", &[&["finance"]]),
    ("ltv", &[&["finance"]]),
    ("lead_time", &[&["change", "commit"], &["deployment"]]),
    ("deploy", &[&["deployment"]]),
    ("release_frequency", &[&["deployment"]]),
    ("batch_size", &[&["deployment"]]),
    ("change_failure_rate", &[&["deployment"]]),
    ("failed_deployment_recovery_time", &[&["deployment"]]),
    ("infra_cost_per_user", &[&["cost_line"], &["user_activity", "sample:active_users"]]),
    ("active_users", &[&["user_activity", "sample:active_users"]]),
    ("stickiness", &[&["user_activity"]]),
    ("infra_cost", &[&["cost_line"]]),
    ("cost", &[&["cost_line"]]),
    ("commitment", &[&["cost_line"]]),
    ("test", &[&["test_run"]]),
    ("flaky", &[&["test_run"]]),
    ("", &[&["quality"]]),
];

/// Has what a metric is made from ever been seen?
#[must_use]
pub fn fed(id: &str, catalogue: &Catalogue, seen: &BTreeSet<String>) -> bool {
    if let Some(definition) = catalogue.definition(id) {
        return seen.contains(&definition.over.word());
    }
    let groups = INPUTS.iter().find(|(prefix, _)| id.starts_with(prefix)).map_or(&[] as &[&[&str]], |(_, g)| g);
    groups.iter().all(|words| words.iter().any(|w| seen.contains(*w)))
}

/// Kinds of record a metric is made from, by their word.
#[must_use]
pub fn kinds_behind(id: &str) -> Vec<&'static str> {
    let groups = INPUTS.iter().find(|(prefix, _)| id.starts_with(prefix)).map_or(&[] as &[&[&str]], |(_, g)| g);
    groups.iter().flat_map(|words| words.iter().copied()).map(|w| if w.starts_with("sample:") { "sample" } else { w }).collect()
}

/// Bucket lengths by range, all in minutes.
struct Step {
    up_to: i64,
    coarse: i64,
    fine: i64,
}

const STEPS: &[Step] = &[
    Step { up_to: 60, coarse: 2, fine: 1 },
    Step { up_to: 360, coarse: 10, fine: 5 },
    Step { up_to: 1_440, coarse: 60, fine: 15 },
    Step { up_to: 10_080, coarse: 360, fine: 60 },
    Step { up_to: 40_320, coarse: 1_440, fine: 360 },
    Step { up_to: 129_600, coarse: 1_440, fine: 1_440 },
    Step { up_to: i64::MAX, coarse: 10_080, fine: 10_080 },
];

/// Bucket edges on calendar or clock boundaries, so that a chart's columns move only when a bucket ends. The last one
/// may be in progress. `fine`: more buckets, for live metrics' own page.
fn buckets(look: &Look, zone: Tz, window: Window, fine: bool) -> Vec<Window> {
    let fine = fine && look.focus.and_then(metric::find).is_some_and(|m| m.quarter == Quarter::Reliability);
    let step = STEPS.iter().find(|s| look.range.minutes <= s.up_to).unwrap_or(&STEPS[STEPS.len() - 1]);
    let minutes = if fine { step.fine } else { step.coarse };
    match minutes {
        1_440 => {
            let days = window.days(zone);
            let skip = usize::from(days.first().is_some_and(|(d, w)| w.from != crate::domain::window::day_span(*d, zone).from));
            days.into_iter().skip(skip).map(|(d, _)| crate::domain::window::day_span(d, zone)).collect()
        }
        10_080 => window.weeks(zone).into_iter().filter(|w| w.from >= window.from).collect(),
        _ => {
            let step = minutes * 60_000;
            let first = window.from.timestamp_millis().div_euclid(step) * step;
            let mut at = crate::domain::window::from_millis(first);
            let mut out = Vec::new();
            while at < window.to {
                let to = at + Duration::milliseconds(step);
                if at >= window.from {
                    out.push(Window::new(at, to));
                }
                at = to;
            }
            out
        }
    }
}

/// Figures that come by the month have no value of an hour or a day: their course shows what the number would have read at
/// the end of each bucket, over a window as long as the one looked at.
fn rolls(id: &str) -> bool {
    const MONEY: [&str; 4] = ["roi", "rd_effectiveness", "ltv", "tech_cost_pct_revenue"];
    MONEY.contains(&id) || metric::find(id).is_some_and(|m| matches!(m.quarter, Quarter::Engagement | Quarter::People))
}

fn over(id: &'static str, query: &Query<'_>, buckets: &[Window]) -> Option<Series> {
    let rolls = rolls(id);
    let length = query.window.to - query.window.from;
    let mut values = Vec::with_capacity(buckets.len());
    let as_of = query.settings.as_of;
    let mut settings = query.settings.clone();
    for bucket in buckets {
        settings.as_of = bucket.to.min(as_of);
        let window = if rolls { Window::ending(settings.as_of, length) } else { *bucket };
        values.push(evaluate(id, &Query { window, settings: &settings, ..*query })?.number());
    }
    let last_is_partial = buckets.last().is_some_and(|b| b.to > as_of);
    Some(Series { buckets: buckets.to_vec(), values, last_is_partial })
}

fn teams<'a>(m: &'a Material<'a>, window: Window) -> Table<'a> {
    let owners = m.facts.teams();
    let mut names: Vec<String> = m.roster.teams.iter().map(|t| t.name.clone()).collect();
    for name in &owners {
        if !names.iter().any(|n| **n == **name) && **name != *UNATTRIBUTED {
            names.push(name.to_string());
        }
    }
    if owners.iter().any(|t| **t == *UNATTRIBUTED) && !names.is_empty() {
        names.push(UNATTRIBUTED.to_owned());
    }
    let family = family(m);
    names.retain(|n| family.as_ref().is_none_or(|f| f.contains(&n.as_str())));
    let lines = names.into_iter().map(|name| Line { scope: Scope::Team(name.clone()), name, team: None }).collect();
    Table { lines, split: m.facts.by_team(m.roster), groups: Groups::new(m, window, |_| true) }
}

/// Services are listed on the pages of a team, a service and a metric; on the last with that metric only.
fn services<'a>(m: &'a Material<'a>, window: Window) -> Table<'a> {
    let family = family(m);
    let whole = m.look.scope == Scope::Org;
    let split = if whole && m.look.focus.is_none() { BTreeMap::new() } else { m.facts.by_service() };
    let groups = Groups::new(m, window, |k| !whole || m.look.focus == Some(k.id));
    let owned = m.services.iter().map(|name| {
        let configured = m.roster.services.get(name).and_then(|s| s.owner.clone());
        (name, configured.or_else(|| split.get(name).and_then(Facts::main_team).map(|t| t.to_string())))
    });
    let lines = owned
        .filter(|(_, owner)| family.as_ref().is_none_or(|f| owner.as_deref().is_some_and(|o| f.contains(&o))))
        .filter(|(name, _)| !matches!(&m.look.scope, Scope::Service(s) if s != *name))
        .take(MOST_ROWS)
        .map(|(name, team)| Line { scope: Scope::Service(name.clone()), name: name.clone(), team })
        .collect();
    Table { lines, split, groups }
}

/// A table of teams or services before its numbers.
struct Table<'a> {
    lines: Vec<Line>,
    split: BTreeMap<String, Facts>,
    groups: Groups<'a>,
}

struct Line {
    name: String,
    team: Option<String>,
    scope: Scope,
}

impl Table<'_> {
    fn row(&self, line: usize) -> GroupRow {
        let Line { name, team, scope } = &self.lines[line];
        GroupRow { readings: self.groups.readings(self.split.get(name), scope), name: name.clone(), team: team.clone() }
    }
}

/// The looked-at team and those below it.
fn family<'a>(m: &Material<'a>) -> Option<Vec<&'a str>> {
    if let Scope::Team(team) = &m.look.scope { Some(m.roster.family(team)) } else { None }
}

/// What every line of a group table shares.
struct Groups<'a> {
    m: &'a Material<'a>,
    window: Window,
    metrics: Vec<&'static str>,
    earlier: Settings,
    /// What a group without any fact of its own is judged on.
    empty: Facts,
}

impl<'a> Groups<'a> {
    /// Headline metrics that anything feeds, and the one whose page is open, of those that are `wanted`.
    fn new(m: &'a Material<'a>, window: Window, wanted: impl Fn(&Metric) -> bool) -> Self {
        let metrics = m
            .settings
            .catalogue
            .all()
            .filter(|k| (k.facet_of.is_none() || m.look.focus == Some(k.id)) && fed(k.id, &m.settings.catalogue, m.seen) && wanted(k))
            .map(|k| k.id)
            .collect();
        let earlier = Settings { as_of: window.from, ..m.settings.clone() };
        Self { m, window, metrics, earlier, empty: m.facts.without_owned() }
    }

    fn readings(&self, facts: Option<&Facts>, scope: &Scope) -> BTreeMap<&'static str, Reading> {
        let (m, facts) = (self.m, facts.unwrap_or(&self.empty));
        let query = Query { facts, scope, window: self.window, settings: m.settings, roster: m.roster };
        self.metrics.iter().filter_map(|id| Some((*id, judged(id, &query, &self.earlier, m.care)?))).collect()
    }
}

fn markers(deployments: &[Row], incidents: &[Row], facts: &Facts, window: Window) -> Vec<Marker> {
    let of = |r: &Row, kind| Marker { at: r.at, kind, label: r.title.clone(), key: r.key.clone() };
    let mut out: Vec<Marker> = deployments
        .iter()
        .filter(|r| r.tags.iter().any(|t| t == "production"))
        .map(|r| of(r, if r.tags.iter().any(|t| t == "failed") { MarkerKind::FailedDeployment } else { MarkerKind::Deployment }))
        .chain(incidents.iter().map(|r| of(r, MarkerKind::Incident)))
        .collect();
    for record in &facts.records {
        if let (Body::Annotation(a), Some(at)) = (&record.body, record.event_time()) {
            // A restated month is marked where it comes into sight.
            let is_seen = record.labels.contains_key(cost::RESTATED) && a.to.is_some_and(|to| to > window.from);
            let at = if is_seen { at.max(window.from) } else { at };
            let label = if a.title.is_empty() { a.annotation_kind.word().to_owned() } else { a.title.clone() };
            out.push(Marker { at, kind: MarkerKind::Annotation, label, key: record.key() });
        }
    }
    out.extend(cost::corrections_by_month(&facts.costs, window).into_iter().map(|(at, label)| {
        let (kind, key) = (MarkerKind::Annotation, String::new());
        Marker { at, kind, label, key }
    }));
    out.retain(|m| window.contains(m.at));
    out.sort_by_key(|m| std::cmp::Reverse(m.at));
    out.truncate(MOST_ROWS);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::value::Judgement;

    #[test]
    fn nobody_accounts_for_a_move_that_the_family_does_not_keep() {
        let reading = |id: &'static str, p: f64| {
            let verdict = if p < 0.05 { "significant" } else { "not_significant" };
            let judged = Judgement { verdict, test: "Fisher", p: Some(p), interval: None, by_family: false };
            (id, Reading { judged: Some(judged), change_is_real: Some(p < 0.05), ..Reading::ok(id, Scope::Org, String::new(), 1.0, 100) })
        };
        let chance = metric::CATALOGUE.iter().take(20).map(|m| reading(m.id, 0.9));
        let readings = chance.chain([reading("lead_time.median", 1e-9), reading("change_failure_rate", 0.04)]).collect();
        let driver = || Driver { by: "team".into(), name: "pay".into(), contribution: 1.0, share: 0.5 };
        let drivers = ["lead_time.median", "change_failure_rate"].map(|id| (id, driver())).into();
        let family = Parts { readings, drivers, ..Parts::default() }.judged_together();
        assert_eq!(family.readings["change_failure_rate"].change_is_real, Some(false));
        assert_eq!(family.drivers.into_keys().collect::<Vec<_>>(), ["lead_time.median"]);
    }
}
