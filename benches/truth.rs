//! How true the explanations are: a synthetic company whose truth is planted, scored.
//!
//! Prints KPI exactness against the generator's own count, how often the first suspect is the bad deployment (against
//! chance and against "the latest deployment"), how often nothing is called something (at q = 0.10), how often something is
//! found and the right team named, and whether a mix shift and a definition change are told for what they are. No clock,
//! no store: the same figures on every machine. `QUARTERDECK_BENCH=smoke` plays fewer games.

#![allow(
    clippy::print_stdout,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark prints its figures; its sizes are small"
)]

#[path = "company.rs"]
mod company;

use std::{collections::BTreeMap, sync::Arc};

use chrono::Duration;
use company::Dice;
use quarterdeck::{
    domain::{
        Time,
        record::{
            Annotation, AnnotationKind, Body, CatalogService, Change, ChangeCommit, ChangeState, DeployStatus, Deployment, Incident, Record,
        },
        team::{Roster, Team},
        value::{Reading, Scope},
        window::{Window, from_millis},
    },
    kpi::{
        Query, Settings,
        board::build,
        fact::{self, Facts},
        guard,
        live::Sums,
        why::{self, DoubtKind, Why},
    },
    ledger::{self, Derived, Input, Rules},
};

const TEAMS: usize = 6;
const SERVICES: usize = 12;
const DAYS: i64 = 28;

fn now() -> Time {
    from_millis(company::NOW_MS)
}

fn window() -> Window {
    Window::ending(now(), Duration::days(DAYS))
}

fn team(service: usize) -> String {
    format!("team-{}", service % TEAMS)
}

fn service(n: usize) -> String {
    format!("service-{n}")
}

fn roster() -> Roster {
    let teams = (0..TEAMS).map(|t| Team { name: format!("team-{t}"), parent: None }).collect();
    let services = (0..SERVICES).map(|s| {
        let entry = CatalogService {
            name: service(s),
            owner: Some(team(s)),
            depends_on: vec![service((s + 1) % SERVICES)],
            ..CatalogService::default()
        };
        (service(s), entry)
    });
    Roster { teams, services: services.collect(), ..Roster::default() }
}

/// A share between 0 and 1.
fn unit(dice: &mut Dice) -> f64 {
    dice.roll(1_000_000) as f64 / 1_000_000.0
}

/// Exponential with this mean.
fn wait(dice: &mut Dice, mean: f64) -> f64 {
    -mean * (1.0 - unit(dice)).ln()
}

/// How a team ships in one window.
#[derive(Clone, Copy)]
struct Way {
    deployments: usize,
    failing: f64,
    /// Exactly that share fails, not by chance.
    exact: bool,
    lead_h: f64,
}

/// What the generator knows about one window of one team.
#[derive(Default, Clone)]
struct Truth {
    deployments: f64,
    failed: f64,
    lead_s: Vec<f64>,
    restore_s: Vec<f64>,
}

/// Records of both windows; `ways[window][team]`.
fn played(dice: &mut Dice, ways: &[[Way; TEAMS]; 2]) -> (Vec<Record>, [[Truth; TEAMS]; 2]) {
    let mut records = Vec::new();
    let mut truth: [[Truth; TEAMS]; 2] = Default::default();
    for (w, window) in [window().before(), window()].into_iter().enumerate() {
        for (t, way) in ways[w].iter().enumerate() {
            for n in 0..way.deployments {
                let minutes = dice.roll((DAYS * 1440 - 600) as u64) as i64;
                let at = window.from + Duration::minutes(minutes) + Duration::milliseconds(n as i64);
                let s = t + TEAMS * dice.roll((SERVICES / TEAMS) as u64) as usize;
                let id = format!("{w}-{t}-{n}");
                let lead = Duration::milliseconds((wait(dice, way.lead_h) * 3_600_000.0) as i64 + 60_000);
                let opened = at - lead;
                let change = Change {
                    state: Some(ChangeState::Merged),
                    opened_at: Some(opened),
                    merged_at: Some(at - lead / 4),
                    commits: vec![ChangeCommit { sha: format!("c{id}"), authored_at: Some(opened), ..ChangeCommit::default() }],
                    ..Change::default()
                };
                records.push(owned(Record::new("code", format!("p{id}"), Body::Change(change)), s));
                let deployment = Deployment {
                    status: DeployStatus::Success,
                    finished_at: Some(at),
                    sha: Some(format!("s{id}")),
                    change_ids: vec![format!("p{id}")],
                    ..Deployment::default()
                };
                let mut record = owned(Record::new("ci", format!("d{id}"), Body::Deployment(deployment)), s);
                record.env_tier = Some("production".into());
                records.push(record);
                let known = &mut truth[w][t];
                known.deployments += 1.0;
                known.lead_s.push(lead.num_milliseconds() as f64 / 1_000.0);
                let fails = if way.exact { n < (way.failing * way.deployments as f64).round() as usize } else { unit(dice) < way.failing };
                if fails {
                    let began = at + Duration::minutes(3);
                    let ended = (began + Duration::minutes(5 + dice.roll(120) as i64)).min(window.to - Duration::seconds(1));
                    let incident = Incident {
                        services: vec![service(s)],
                        started_at: Some(began),
                        resolved_at: Some(ended),
                        caused_by: vec![format!("d{id}")],
                        ..Incident::default()
                    };
                    records.push(owned(Record::new("pager", format!("i{id}"), Body::Incident(incident)), s));
                    known.failed += 1.0;
                    known.restore_s.push((ended - began).num_milliseconds() as f64 / 1_000.0);
                }
            }
        }
    }
    (records, truth)
}

fn owned(mut record: Record, s: usize) -> Record {
    record.service = Some(service(s));
    record.team = Some(team(s));
    record
}

fn facts_of(records: &[Record], roster: &Roster) -> Facts {
    let rules = Rules::default();
    let derived = ledger::derive(Input { records, roster, rules: &rules, now: now() });
    let mut facts = Facts { events: fact::from_derived(records, &derived, &rules).into(), ..Facts::default() };
    // Requests and errors by the hour, without any change in them.
    let mut dice = Dice::new(77);
    for s in 0..SERVICES {
        for hour in 0..2 * DAYS * 24 {
            let from = window().before().from + Duration::hours(hour);
            let wave = 1.0 + 0.5 * ((hour % 24) as f64 / 24.0 * std::f64::consts::TAU).sin();
            let requests = (1_000.0 * wave).round();
            let errors = (requests * 0.002 * (0.5 + unit(&mut dice))).round();
            for (metric, a) in [("requests", requests), ("errors", errors)] {
                let owners = Arc::new([(Arc::from(team(s).as_str()), 1.0)]);
                let span = Window::new(from, from + Duration::hours(1));
                facts.buckets.push(Sums { n: 1, a, ..Sums::default() }.into_bucket(
                    metric.into(),
                    service(s).as_str().into(),
                    owners,
                    Arc::default(),
                    span,
                ));
            }
        }
    }
    facts.sort();
    facts
}

const JUDGED: [&str; 5] = ["deployment_frequency.per_day", "lead_time.median", "change_failure_rate", "time_to_restore.mean", "error_rate"];

fn asked<'a>(facts: &'a Facts, scope: &'a Scope, settings: &'a Settings, roster: &'a Roster) -> Query<'a> {
    Query { facts, scope, window: window(), settings, roster }
}

/// Readings of the organisation and each team, judged as one family, and the explanation of each.
fn explained(facts: &Facts, roster: &Roster) -> Vec<(Reading, Why)> {
    let settings = Settings { as_of: now(), link_window_s: 0.0, ..Settings::default() };
    let scopes: Vec<Scope> = std::iter::once(Scope::Org).chain((0..TEAMS).map(|t| Scope::Team(format!("team-{t}")))).collect();
    let mut readings: Vec<(Scope, Reading)> = Vec::new();
    for scope in &scopes {
        let q = asked(facts, scope, &settings, roster);
        let earlier = build::earlier(&q);
        readings.extend(JUDGED.iter().filter_map(|id| Some((scope.clone(), build::judged(id, &q, &earlier, &BTreeMap::new())?))));
    }
    guard::together(readings.iter_mut().map(|(_, r)| r));
    let explain = |(scope, reading): (Scope, Reading)| {
        let q = asked(facts, &scope, &settings, roster);
        let earlier = build::earlier(&q);
        let before = Query { window: q.window.before(), settings: &earlier, ..q };
        let why = why::explain(&reading, &q, &before);
        (reading, why)
    };
    readings.into_iter().map(explain).collect()
}

fn even(failing: f64) -> [Way; TEAMS] {
    [Way { deployments: 60, failing, exact: false, lead_h: 20.0 }; TEAMS]
}

fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    f64::midpoint(v[(v.len() - 1) / 2], v[v.len() / 2])
}

/// Greatest relative difference between the engine's numbers and the generator's.
fn exactness(games: u64, roster: &Roster) -> f64 {
    let mut worst: f64 = 0.0;
    for seed in 0..games {
        let (records, truth) = played(&mut Dice::new(seed + 1), &[even(0.1), even(0.2)]);
        let facts = facts_of(&records, roster);
        for (reading, _) in explained(&facts, roster) {
            let of = |w: usize| -> Truth {
                let teams: Vec<&Truth> = match &reading.scope {
                    Scope::Team(t) => vec![&truth[w][t[5..].parse::<usize>().expect("a number after `team-`")]],
                    _ => truth[w].iter().collect(),
                };
                let mut all = Truth::default();
                for t in teams {
                    all.deployments += t.deployments;
                    all.failed += t.failed;
                    all.lead_s.extend(&t.lead_s);
                    all.restore_s.extend(&t.restore_s);
                }
                all
            };
            for (got, known) in [(reading.before, of(0)), (reading.number(), of(1))] {
                let wanted = match reading.metric {
                    "deployment_frequency.per_day" => known.deployments / DAYS as f64,
                    "lead_time.median" => median(&known.lead_s),
                    "change_failure_rate" => known.failed / known.deployments,
                    "time_to_restore.mean" if !known.restore_s.is_empty() => {
                        known.restore_s.iter().sum::<f64>() / known.restore_s.len() as f64
                    }
                    _ => continue,
                };
                worst = worst.max((got.unwrap_or(f64::NAN) - wanted).abs() / wanted.abs().max(1e-9));
            }
        }
    }
    worst
}

/// Shares of games.
struct Suspects {
    hit: f64,
    latest: f64,
    chance: f64,
}

/// A bad deployment some time before an incident of its service, among the company's other deployments.
fn suspects(games: u64, roster: &Roster) -> Suspects {
    let (mut hit, mut latest, mut chance) = (0.0, 0.0, 0.0);
    for seed in 0..games {
        let mut dice = Dice::new(seed + 1_000);
        let bad = dice.roll(SERVICES as u64) as usize;
        let onset = now() - Duration::hours(3);
        let deploy = |id: String, s: usize, at: Time| {
            let body = Deployment {
                status: DeployStatus::Success,
                started_at: Some(at - Duration::minutes(4)),
                finished_at: Some(at),
                ..Deployment::default()
            };
            owned(Record::new("ci", id, Body::Deployment(body)), s)
        };
        let lag = Duration::seconds((wait(&mut dice, 1_800.0) as i64).min(80_000));
        let mut candidates = vec![deploy("bad".into(), bad, onset - lag)];
        // one every half hour somewhere, for a day
        for n in 0..48 {
            let at = onset - Duration::seconds(dice.roll(86_400) as i64);
            candidates.push(deploy(format!("d{n}"), dice.roll(SERVICES as u64) as usize, at));
        }
        let body = Incident { services: vec![service(bad)], started_at: Some(onset), ..Incident::default() };
        let incident = owned(Record::new("pager", "i", Body::Incident(body)), bad);
        let found = why::of_incident(&incident, &candidates, &Derived::default(), roster, &|_| 0.1).expect("an incident with a start");
        hit += f64::from(u8::from(found.suspects.first().is_some_and(|s| s.key == "ci/bad")));
        let last = candidates.iter().max_by_key(|r| r.event_time()).expect("at least the bad one");
        latest += f64::from(u8::from(last.id == "bad"));
        chance += 1.0 / candidates.len() as f64;
    }
    let n = games as f64;
    Suspects { hit: hit / n, latest: latest / n, chance: chance / n }
}

fn main() {
    let smoke = std::env::var("QUARTERDECK_BENCH").is_ok_and(|word| word == "smoke");
    let games = if smoke { 3 } else { 100 };
    let roster = roster();
    println!("planted truth, {games} games of {TEAMS} teams, {SERVICES} services, 2 x {DAYS} days");
    println!("KPI exactness: greatest relative error {:.1e}", exactness(games.min(20), &roster));

    let s = suspects(games * 10, &roster);
    println!(
        "first suspect is the bad deployment: {:.0} % (the latest deployment: {:.0} %, by chance {:.0} %)",
        s.hit * 100.0,
        s.latest * 100.0,
        s.chance * 100.0
    );

    let (mut called, mut judged, mut any) = (0.0, 0.0, 0.0);
    for seed in 0..games {
        let (records, _) = played(&mut Dice::new(seed + 5_000), &[even(0.1), even(0.1)]);
        let all = explained(&facts_of(&records, &roster), &roster);
        let real = all.iter().filter(|(r, _)| r.change_is_real == Some(true)).count();
        judged += all.iter().filter(|(r, _)| r.change_is_real.is_some()).count() as f64;
        called += real as f64;
        any += f64::from(u8::from(real > 0));
    }
    println!(
        "nothing moved: {:.2} % of judged changes are called significant (q = 10 %), some one in {:.0} % of games",
        called / judged * 100.0,
        any / games as f64 * 100.0
    );

    let (mut found, mut named) = (0.0, 0.0);
    for seed in 0..games {
        let mut after = even(0.1);
        after[2].failing = 0.5;
        let (records, _) = played(&mut Dice::new(seed + 9_000), &[even(0.1), after]);
        let all = explained(&facts_of(&records, &roster), &roster);
        let of = |scope: &Scope| all.iter().find(|(r, _)| r.metric == "change_failure_rate" && r.scope == *scope);
        found += f64::from(u8::from(of(&Scope::Team("team-2".into())).is_some_and(|(r, _)| r.change_is_real == Some(true))));
        let first = of(&Scope::Org).and_then(|(_, why)| why.cuts.iter().find(|c| c.by == "team")?.parts.first());
        named += f64::from(u8::from(first.is_some_and(|p| p.name == "team-2")));
    }
    println!(
        "one team fails 10 % -> 50 %: found in {:.0} % of games, named as the largest part in {:.0} %",
        found / games as f64 * 100.0,
        named / games as f64 * 100.0
    );

    let told = simpson(&roster);
    println!(
        "every team better, the mix worse: rates {}, mix {}",
        if told.0 { "told as better" } else { "NOT told" },
        if told.1 { "told as worse" } else { "NOT told" }
    );
    println!("a changed definition is said first: {}", if definition(&roster) { "yes" } else { "NO" });
}

/// DEC02 through records: each team's rate falls, the total rises by the mix.
fn simpson(roster: &Roster) -> (bool, bool) {
    let way = |deployments, failing| Way { deployments, failing, exact: true, lead_h: 20.0 };
    let none = way(0, 0.0);
    let before = [way(100, 0.10), way(10, 0.40), none, none, none, none];
    let after = [way(40, 0.05), way(70, 0.30), none, none, none, none];
    let (records, _) = played(&mut Dice::new(4), &[before, after]);
    let all = explained(&facts_of(&records, roster), roster);
    let why = all.iter().find(|(r, _)| r.metric == "change_failure_rate" && r.scope == Scope::Org).map(|(_, why)| why);
    let parts = why.and_then(|w| w.cuts.iter().find(|c| c.by == "team")).map_or(&[][..], |c| &c.parts);
    let of = |pick: fn(&why::Part) -> Option<f64>| parts.iter().filter_map(pick).sum::<f64>();
    (of(|p| p.rate) < 0.0, of(|p| p.mix) > 0.0)
}

fn definition(roster: &Roster) -> bool {
    let (records, _) = played(&mut Dice::new(3), &[even(0.1), even(0.1)]);
    let mut facts = facts_of(&records, roster);
    let body = Annotation {
        annotation_kind: AnnotationKind::DefinitionChange,
        title: "hotfixes count".into(),
        from: Some(now() - Duration::days(9)),
        to: None,
    };
    facts.records.push(Arc::new(Record::new("notes", "n1", Body::Annotation(body))));
    let all = explained(&facts, roster);
    all.iter().filter(|(r, _)| r.scope == Scope::Org).all(|(_, why)| why.doubts.first().is_some_and(|d| d.kind == DoubtKind::Break))
}
