//! Killed at any moment: nothing acknowledged is lost, nothing is doubled.
#![allow(clippy::disallowed_methods, reason = "the test starts itself again as the process that is killed")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use quarterdeck::{
    domain::{
        Time,
        record::{Body, Change, DeployStatus, Deployment, Incident, Kind, Probe, Record},
        team::Roster,
        window::{Window, from_millis},
    },
    kpi::fact::{EventRef, Measure},
    ledger::Rules,
    store::{FactQuery, Incoming, Store},
};

use super::{at, place};

const ROUNDS: u64 = 32;
const PATH: &str = "QUARTERDECK_KILL_TEST_STORE";

fn start() -> i64 {
    at("2026-02-02T00:00:00Z").timestamp_millis()
}

fn now() -> Time {
    at("2026-03-02T00:00:00Z")
}

/// Batch `n`: new records, a newer revision of an old one, and now and then a tombstone.
fn batch(n: i64) -> Vec<Record> {
    let minute = |m: i64| Some(from_millis(start() + m * 60_000));
    let service = format!("service-{}", n % 3);
    let mut out = Vec::new();
    for i in 0..12 {
        let id = n * 12 + i;
        let change = Change {
            title: format!("change {id}"),
            opened_at: minute(id),
            merged_at: minute(id + 2),
            merge_sha: Some(format!("m{id}")),
            ..Change::default()
        };
        let mut r = Record::new("kill", format!("change-{id}"), Body::Change(change));
        r.repo = Some(format!("acme/{service}"));
        r.updated_at = minute(id + 2);
        out.push(r);
    }
    let deployment = |n: i64, revision: i64| {
        let change_ids = (0..12).map(|i| format!("change-{}", n * 12 + i)).collect();
        let body = Deployment {
            status: DeployStatus::Success,
            finished_at: minute(n * 12 + 20),
            sha: Some(format!("d{n}-{revision}")),
            change_ids,
            ..Deployment::default()
        };
        let mut r = Record::new("kill", format!("deploy-{n}"), Body::Deployment(body));
        r.service = Some(format!("service-{}", n % 3));
        r.repo = Some(format!("acme/service-{}", n % 3));
        r.env_tier = Some("production".into());
        r.updated_at = minute(n * 12 + 20 + revision);
        r
    };
    out.push(deployment(n, 0));
    if n > 3 {
        out.push(deployment(n - 3, 1));
    }
    let incident = Incident {
        services: vec![service.clone()],
        started_at: minute(n * 12 + 30),
        resolved_at: minute(n * 12 + 50),
        ..Incident::default()
    };
    out.push(Record::new("kill", format!("incident-{n}"), Body::Incident(incident)));
    if n % 4 == 3 {
        let mut gone = Record::new("kill", format!("incident-{}", n - 1), Body::Other);
        gone.deleted = true;
        gone.updated_at = minute(n * 12 + 40);
        out.push(gone);
    }
    for i in 0..5 {
        let probe = Probe { check_id: "home".into(), ok: (n + i) % 7 != 0, interval_s: Some(60.0), ..Probe::default() };
        let mut r = Record::new("kill", format!("probe-{n}-{i}"), Body::Probe(probe));
        r.ts = Some(from_millis(now().timestamp_millis() - 40 * 3_600_000 + (n * 5 + i) * 60_000));
        r.service = Some(service.clone());
        out.push(r);
    }
    out
}

fn commit(store: &mut Store, n: i64) {
    let incoming = Incoming { source: "kill".into(), records: batch(n), cursor: Some(n.to_string()) };
    store.commit(&[incoming], &Roster::default(), &Rules::default(), now(), n % 3 != 0).unwrap();
}

/// Not a test by itself: the process that the test below starts and kills.
#[test]
fn the_process_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let mut store = Store::open(Path::new(&path)).unwrap();
    let mut n: i64 = store.reader().unwrap().cursor("kill").unwrap().parse().unwrap_or(-1);
    loop {
        n += 1;
        commit(&mut store, n);
        if n % 5 == 0 {
            store.derive_pending(&Roster::default(), &Rules::default(), now()).unwrap();
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

/// Everything that can be asked, as text.
fn everything(store: &Store) -> BTreeMap<String, String> {
    let reader = store.reader().unwrap();
    let window = Window::new(from_millis(start()), now());
    let query = FactQuery { measures: Measure::ALL.to_vec(), live: vec!["probe".into()], keys: true, ..FactQuery::default() };
    let facts = reader.facts(&query, window).unwrap();
    let mut out = BTreeMap::from([("counts".to_owned(), format!("{:?}", reader.counts().unwrap()))]);
    out.extend(Measure::ALL.map(|m| (format!("{m:?}"), format!("{:?}", facts.of(m).map(EventRef::to_event).collect::<Vec<_>>()))));
    out.insert("probes".into(), format!("{:?}", facts.buckets.iter().map(|b| (b.span, b.n, b.a, b.b)).collect::<Vec<_>>()));
    let mut rows = Vec::new();
    reader
        .each(&quarterdeck::store::RowQuery::default(), &mut |r| {
            rows.push(format!("{r:?}"));
            true
        })
        .unwrap();
    rows.sort();
    out.insert("rows".into(), rows.join("\n"));
    let keys: Vec<String> =
        (0..40).flat_map(|n| [format!("kill/deploy-{n}"), format!("kill/incident-{n}"), format!("kill/change-{}", n * 7)]).collect();
    out.insert("derived".into(), format!("{:?}", reader.derived(&keys).unwrap()));
    out
}

#[test]
fn killed_at_random_points_it_loses_nothing_acknowledged_and_doubles_nothing() {
    let p = place();
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut acknowledged = -1;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::kill::the_process_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(PATH, &p.path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = roll(4);
        for line in lines.by_ref() {
            // The test harness writes its own words before the first line of ours.
            let line = line.unwrap();
            let Some((_, n)) = line.split_once("acknowledged ") else { continue };
            acknowledged = n.parse().unwrap();
            if left == 0 {
                break;
            }
            left -= 1;
        }
        // Somewhere in the middle of the next commit.
        for _ in 0..roll(3_000_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        for line in lines {
            if let Some((_, n)) = line.unwrap_or_default().split_once("acknowledged ") {
                acknowledged = n.parse().unwrap_or(acknowledged);
            }
        }
        child.wait().unwrap();
        let store = Store::open(&p.path).unwrap();
        let kept: i64 = store.reader().unwrap().cursor("kill").unwrap().parse().unwrap_or(-1);
        assert!(kept >= acknowledged, "round {round}: batch {acknowledged} was acknowledged, {kept} is the last one kept");
        let changes = store.reader().unwrap().counts().unwrap().get(&Kind::Change).copied().unwrap_or(0);
        assert_eq!(i64::try_from(changes).unwrap(), (kept + 1) * 12, "round {round}");
        acknowledged = kept;
    }
    let mut store = Store::open(&p.path).unwrap();
    while store.derive_pending(&Roster::default(), &Rules::default(), now()).unwrap() {}
    let fresh = place();
    let mut other = Store::open(&fresh.path).unwrap();
    (0..=acknowledged).for_each(|n| commit(&mut other, n));
    while other.derive_pending(&Roster::default(), &Rules::default(), now()).unwrap() {}
    let (survived, undisturbed) = (everything(&store), everything(&other));
    assert!(acknowledged > 30, "only {acknowledged} batches: the test tests nothing");
    for (what, text) in &undisturbed {
        assert_eq!(survived.get(what), Some(text), "{what} differ");
    }
}
