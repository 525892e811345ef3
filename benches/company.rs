//! A company for benchmarks: teams, services, a year of deployments, changes, incidents and probe results. The same for
//! the same size, on every machine.
#![allow(
    dead_code,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::unnecessary_wraps,
    reason = "each benchmark uses its own part; sizes are far below the limits"
)]

use quarterdeck::domain::{
    Time,
    record::{
        Body, CatalogService, Change, ChangeCommit, ChangeState, ChangeType, DeployStatus, Deployment, Incident, Probe, Record, Sample,
        SampleKind,
    },
    team::{Roster, Team},
    window::from_millis,
};

/// 2026-03-01T00:00:00Z; the year before it is history.
pub const NOW_MS: i64 = 1_772_323_200_000;
const YEAR_MS: i64 = 365 * 86_400_000;
/// In the last four weeks the company deploys more often, fails more often, reviews and restores more slowly, so that
/// every headline of delivery moves and has to be explained.
const MOVED_MS: i64 = 28 * 86_400_000;

fn moved(ms: i64) -> bool {
    ms >= NOW_MS - MOVED_MS
}

/// xorshift64*: small, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides.max(1)
    }

    fn sha(&mut self) -> String {
        format!("{:016x}{:016x}{:08x}", self.roll(u64::MAX), self.roll(u64::MAX), self.roll(u64::from(u32::MAX)))
    }
}

/// How large.
#[derive(Clone, Copy)]
pub struct Size {
    pub teams: u64,
    pub services: u64,
    pub deployments: u64,
    pub changes_each: u64,
}

/// As the bounds are stated; small when `QUARTERDECK_BENCH=smoke`, or a number of deployments.
pub fn size() -> Size {
    let deployments = match std::env::var("QUARTERDECK_BENCH") {
        Ok(word) if word == "smoke" => 5_000,
        Ok(number) => number.parse().unwrap_or(1_000_000),
        Err(_) => 1_000_000,
    };
    Size { teams: 50, services: 200, deployments, changes_each: 3 }
}

pub fn now() -> Time {
    from_millis(NOW_MS)
}

pub fn roster(size: Size) -> Roster {
    let mut roster =
        Roster { teams: (0..size.teams).map(|t| Team { name: format!("team-{t}"), parent: None }).collect(), ..Roster::default() };
    for s in 0..size.services {
        let name = format!("service-{s}");
        let service = CatalogService {
            name: name.clone(),
            owner: Some(format!("team-{}", s % size.teams)),
            repo: Some(format!("acme/service-{s}")),
            ..CatalogService::default()
        };
        roster.services.insert(name, service);
    }
    roster
}

fn at(ms: i64) -> Option<Time> {
    Some(from_millis(ms))
}

/// Deployments with the changes they ship, in order of time; now and then an incident after one.
pub fn delivery(size: Size) -> impl Iterator<Item = Record> {
    let mut dice = Dice::new(7);
    // A fifth more in the last four weeks than in any other four.
    let late = size.deployments * 28 * 6 / (365 * 5);
    let early = size.deployments - late;
    let steps = ((YEAR_MS - MOVED_MS) / early.max(1) as i64, MOVED_MS / late.max(1) as i64);
    (0..size.deployments).flat_map(move |n| {
        let service = dice.roll(size.services);
        let (from, step, n_of) = if n < early { (NOW_MS - YEAR_MS, steps.0, n) } else { (NOW_MS - MOVED_MS, steps.1, n - early) };
        let finished = from + n_of as i64 * step + dice.roll(step as u64) as i64;
        let (mut out, mut ids) = (Vec::with_capacity(size.changes_each as usize + 2), Vec::new());
        for c in 0..size.changes_each {
            let id = format!("{}", n * size.changes_each + c + 1);
            out.push(change(&mut dice, &id, service, finished));
            ids.push(id);
        }
        out.push(deployment(&mut dice, n, service, finished, ids));
        if dice.roll(if moved(finished) { 30 } else { 50 }) == 0 {
            out.push(incident(&mut dice, n, service, finished));
        }
        out
    })
}

fn change(dice: &mut Dice, id: &str, service: u64, shipped: i64) -> Record {
    let merged = shipped - 600_000 - dice.roll(6 * 3_600_000) as i64;
    let slow = if moved(shipped) && service.is_multiple_of(5) { 2 } else { 1 };
    let opened = merged - 60_000 - slow * dice.roll(48 * 3_600_000) as i64;
    let commits = (0..=dice.roll(3))
        .map(|i| ChangeCommit {
            sha: dice.sha(),
            authored_at: at(opened - 3_600_000 * (i as i64 + 1)),
            committed_at: at(opened - 3_600_000 * i as i64),
            is_merge: false,
        })
        .collect();
    let body = Change {
        number: id.parse().ok(),
        title: format!("Handle retries in module {} more carefully", dice.roll(500)),
        author: Some(format!("p:{:016x}", dice.roll(400))),
        state: Some(ChangeState::Merged),
        opened_at: at(opened),
        first_review_at: at(opened + (merged - opened) / 3),
        approved_at: at(opened + (merged - opened) / 2),
        merged_at: at(merged),
        merge_sha: Some(dice.sha()),
        commits,
        paths: (0..3).map(|_| format!("src/module_{}/part_{}.rs", dice.roll(40), dice.roll(20))).collect(),
        additions: Some(dice.roll(400) as i64),
        deletions: Some(dice.roll(200) as i64),
        change_type: Some(if dice.roll(3) == 0 { ChangeType::Fix } else { ChangeType::Feature }),
        ..Change::default()
    };
    let mut r = Record::new("code", id, Body::Change(body));
    r.repo = Some(format!("acme/service-{service}"));
    r.updated_at = at(merged);
    r
}

fn deployment(dice: &mut Dice, n: u64, service: u64, finished: i64, change_ids: Vec<String>) -> Record {
    let body = Deployment {
        status: if dice.roll(if moved(finished) { 25 } else { 40 }) == 0 { DeployStatus::Failure } else { DeployStatus::Success },
        created_at: at(finished - 300_000),
        started_at: at(finished - 240_000),
        finished_at: at(finished),
        sha: Some(dice.sha()),
        version: Some(format!("1.{n}.0")),
        change_ids,
        ..Deployment::default()
    };
    let mut r = Record::new("ci", format!("deploy-{n}"), Body::Deployment(body));
    r.service = Some(format!("service-{service}"));
    r.repo = Some(format!("acme/service-{service}"));
    r.env_tier = Some("production".into());
    r.updated_at = at(finished);
    r
}

fn incident(dice: &mut Dice, n: u64, service: u64, after: i64) -> Record {
    let started = after + 60_000 + dice.roll(3_600_000) as i64;
    let body = Incident {
        title: "Checkout answers slowly".into(),
        severity: Some("sev2".into()),
        services: vec![format!("service-{service}")],
        started_at: at(started),
        acknowledged_at: at(started + 120_000),
        resolved_at: at(started + 600_000 + dice.roll(if moved(after) { 10_800_000 } else { 7_200_000 }) as i64),
        ..Incident::default()
    };
    let mut r = Record::new("pager", format!("incident-{n}"), Body::Incident(body));
    r.updated_at = at(started);
    r
}

/// Points of `series` live series, one per quarter of a minute, ending now.
pub fn points(series: u64, each: u64) -> impl Iterator<Item = Record> {
    points_every(15_000, series, each)
}

/// The same with another time between the points of a series.
pub fn points_every(step_ms: i64, series: u64, each: u64) -> impl Iterator<Item = Record> {
    let mut dice = Dice::new(11);
    (0..each).flat_map(move |n| {
        let ms = NOW_MS - (each - n) as i64 * step_ms;
        (0..series)
            .map(|s| {
                let body = if s % 10 == 0 {
                    Body::Probe(Probe {
                        check_id: format!("check-{s}"),
                        ok: dice.roll(200) != 0,
                        interval_s: Some(15.0),
                        ..Probe::default()
                    })
                } else {
                    let value = Some(dice.roll(5_000) as f64);
                    Body::Sample(Sample {
                        metric: "requests".into(),
                        sample_kind: SampleKind::CounterDelta,
                        window_s: 15.0,
                        value,
                        ..Sample::default()
                    })
                };
                let mut r = Record::new("metrics", format!("{s}:{ms}"), body);
                r.ts = at(ms);
                r.service = Some(format!("service-{}", s % 200));
                r.labels.insert("instance".into(), format!("10.0.0.{}", s % 250));
                r
            })
            .collect::<Vec<_>>()
    })
}

/// A deployment of now, with its changes.
pub fn one(dice: &mut Dice, size: Size) -> Vec<Record> {
    let n = 1_000_000_000 + dice.roll(1_000_000_000);
    let service = dice.roll(size.services);
    let ids: Vec<String> = (0..size.changes_each).map(|c| format!("{}", n * 10 + c)).collect();
    let finished = NOW_MS - 1_000;
    let mut out: Vec<Record> = ids.iter().map(|id| change(dice, id, service, finished)).collect();
    out.push(deployment(dice, n, service, finished, ids));
    out
}
