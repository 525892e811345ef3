//! What the store derives equals what the ledger derives in memory from all records at once, whatever the order, the
//! batches, the moment of derivation and the window.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{prelude::*, sample::Index};
use quarterdeck::{
    domain::{
        Time,
        record::{Body, Change, ChangeCommit, Commit, DeployStatus, Deployment, Incident, Kind, Record},
        team::{Owned, Roster, Subject, Team},
        window::{Window, from_millis},
    },
    kpi::fact::{self, Event, EventRef, Measure},
    ledger::{self, Derived, Rules},
    store::{FactQuery, Incoming, RowQuery, Store},
};

use super::{at, place};

/// 60 days.
const SPAN_MIN: i64 = 60 * 24 * 60;

fn start() -> Time {
    at("2026-01-05T00:00:00Z")
}

fn minute(m: i64) -> Time {
    from_millis(start().timestamp_millis() + m * 60_000)
}

fn service(i: u8) -> String {
    format!("service-{i}")
}

fn repo(i: u8) -> String {
    format!("acme/repo-{i}")
}

/// Services 0 and 1 share repository 0; the others have one each.
fn repo_of(service: u8) -> u8 {
    service.saturating_sub(1)
}

fn deployment(i: u8, service_no: u8, when: i64, with_repo: bool, ok: bool, ships: &[u8], remediates: Option<u8>) -> Record {
    let body = Deployment {
        status: if ok { DeployStatus::Success } else { DeployStatus::Failure },
        finished_at: Some(minute(when)),
        // A commit named together with a repository is one of that repository.
        sha: Some(if with_repo && i % 3 != repo_of(service_no) { format!("x{i}") } else { format!("c{i}") }),
        group_id: i.is_multiple_of(3).then(|| format!("release-{}", i / 3)),
        change_ids: ships.iter().map(|c| format!("change-{c}")).collect(),
        remediates: remediates.iter().map(|r| format!("incident-{r}")).collect(),
        ..Deployment::default()
    };
    let mut r = Record::new("ci", format!("deploy-{i}"), Body::Deployment(body));
    r.labels = [("region".to_owned(), ["eu", "us"][usize::from(i % 2)].to_owned())].into();
    r.service = Some(service(service_no));
    r.repo = with_repo.then(|| repo(repo_of(service_no)));
    r.env_tier = Some("production".into());
    r
}

fn change(i: u8, repo_no: u8, opened: i64, merged: Option<i64>, commits: u8) -> Record {
    let body = Change {
        title: format!("change {i}"),
        additions: i.is_multiple_of(4).then_some(i64::from(i) * 30),
        author_is_bot: i.is_multiple_of(7),
        opened_at: Some(minute(opened)),
        first_review_at: i.is_multiple_of(2).then(|| minute(opened + 5)),
        merged_at: merged.map(|m| minute(opened + m)),
        merge_sha: Some(format!("c{i}")),
        commits: (0..commits)
            .map(|c| ChangeCommit {
                sha: format!("c{i}-{c}"),
                authored_at: Some(minute(opened - i64::from(c) * 7)),
                ..ChangeCommit::default()
            })
            .collect(),
        ..Change::default()
    };
    let mut r = Record::new("code", format!("change-{i}"), Body::Change(body));
    r.repo = Some(repo(repo_no));
    r
}

fn incident(i: u8, services: &[u8], when: i64, length: Option<i64>, caused_by: Option<u8>) -> Record {
    let body = Incident {
        title: format!("incident {i}"),
        severity: i.is_multiple_of(3).then(|| "sev1".into()),
        services: services.iter().map(|s| service(*s)).collect(),
        started_at: Some(minute(when)),
        resolved_at: length.map(|l| minute(when + l)),
        caused_by: caused_by.iter().map(|d| format!("deploy-{d}")).collect(),
        availability_impact: i.is_multiple_of(2).then_some(1.0),
        ..Incident::default()
    };
    Record::new("pager", format!("incident-{i}"), Body::Incident(body))
}

fn commit(i: u8, repo_no: u8, when: i64) -> Record {
    let body = Commit {
        sha: format!("c{i}"),
        parents: i.checked_sub(3).map(|p| format!("c{p}")).into_iter().collect(),
        committed_at: Some(minute(when)),
        ..Commit::default()
    };
    let mut r = Record::new("git", format!("c{i}"), Body::Commit(body));
    r.repo = Some(repo(repo_no));
    r
}

fn any_record() -> impl Strategy<Value = Record> {
    let when = 0..SPAN_MIN;
    prop_oneof![
        4 => (0..40u8, 0..4u8, when.clone(), any::<bool>(), prop::bool::weighted(0.9), prop::collection::vec(0..40u8, 0..3), prop::option::weighted(0.1, 0..10u8))
            .prop_map(|(i, s, t, r, ok, ships, fixes)| deployment(i, s, t, r, ok, &ships, fixes)),
        4 => (0..40u8, when.clone(), prop::option::weighted(0.8, 1..4000i64), 0..3u8).prop_map(|(i, t, m, c)| change(i, i % 3, t, m, c)),
        2 => (0..10u8, prop::collection::vec(0..4u8, 1..3), when.clone(), prop::option::weighted(0.7, 1..9000i64), prop::option::weighted(0.3, 0..40u8))
            .prop_map(|(i, s, t, l, c)| incident(i, &s, t, l, c)),
        1 => (0..40u8, when).prop_map(|(i, t)| commit(i, i % 3, t)),
    ]
}

/// The stream: later elements of one identity are newer revisions; some are tombstones.
fn any_stream() -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec((any_record(), prop::bool::weighted(0.05)), 1..90).prop_map(|list| {
        let revised = |(n, (mut record, deleted)): (usize, (Record, bool))| {
            record.updated_at = Some(minute(SPAN_MIN + i64::try_from(n).unwrap()));
            record.deleted = deleted;
            record
        };
        list.into_iter().enumerate().map(revised).collect()
    })
}

fn roster() -> Roster {
    let owned =
        |s: u8, team: &str| Owned { subject: Subject::Service, name: service(s), team: team.into(), share: None, from: None, to: None };
    Roster {
        teams: ["red", "blue"].map(|name| Team { name: name.into(), parent: None }).into(),
        owned: vec![owned(0, "red"), owned(1, "blue"), owned(2, "red"), owned(2, "blue")],
        ..Roster::default()
    }
}

fn now() -> Time {
    minute(SPAN_MIN * 2)
}

/// In memory, from everything at once.
fn expected(stream: &[Record], rules: &Rules) -> (Derived, BTreeMap<Measure, Vec<Event>>) {
    let roster = roster();
    let newest: Vec<Record> = ledger::newest(stream).cloned().collect();
    let derived = ledger::derive(ledger::Input { records: &newest, roster: &roster, rules, now: now() });
    let facts = fact::from_derived(&newest, &derived, rules);
    (derived, facts)
}

fn in_order(mut events: Vec<Event>) -> Vec<String> {
    events
        .sort_by(|a, b| (a.at, &a.key, &a.service).cmp(&(b.at, &b.key, &b.service)).then_with(|| a.values.partial_cmp(&b.values).unwrap()));
    events.iter().map(|e| format!("{e:?}")).collect()
}

fn matters(measure: Measure, e: &Event, window: Window) -> bool {
    if window.contains(e.at) {
        return true;
    }
    let until = match measure {
        Measure::Pending => f64::MAX,
        Measure::Incident | Measure::Outage => e.values.first().copied().unwrap_or(0.0),
        _ => 0.0,
    };
    e.at < window.to && until > window.from.timestamp_millis() as f64
}

fn sorted(mut d: Derived) -> Derived {
    d.shipments.sort_by(|a, b| (&a.change, &a.deployment, &a.service).cmp(&(&b.change, &b.deployment, &b.service)));
    d.links.sort_by(|a, b| (&a.incident, &a.deployment).cmp(&(&b.incident, &b.deployment)));
    d.pending.sort();
    d.unlinked.sort();
    d
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stored_facts_equal_facts_in_memory(
        stream in any_stream(),
        order in prop::collection::vec(any::<Index>(), 90),
        cuts in prop::collection::vec((1..20usize, any::<bool>()), 1..20),
        from in 0..SPAN_MIN, length in 1..SPAN_MIN,
    ) {
        let rules = Rules::default();
        let (derived, facts) = expected(&stream, &rules);
        // Any order of arrival, some of it twice, in any batches, derived at once or later.
        let mut arrivals = stream.clone();
        for (i, index) in order.iter().enumerate().take(arrivals.len()) {
            let j = index.index(arrivals.len());
            arrivals.swap(i, j);
        }
        arrivals.extend(stream.iter().take(7).cloned());
        let p = place();
        let mut store = Store::open(&p.path).unwrap();
        let (mut rest, mut cut) = (arrivals.as_slice(), 0);
        while !rest.is_empty() {
            let (many, at_once) = cuts[cut % cuts.len()];
            let (head, tail) = rest.split_at(many.min(rest.len()));
            store.commit(&[Incoming { source: "s".into(), records: head.to_vec(), cursor: None }], &roster(), &rules, now(), at_once).unwrap();
            (rest, cut) = (tail, cut + 1);
        }
        while store.derive_pending(&roster(), &rules, now()).unwrap() {}

        let reader = store.reader().unwrap();
        let window = Window::new(minute(from), minute(from + length));
        let query = FactQuery { measures: Measure::ALL.to_vec(), keys: true, dims: true, ..FactQuery::default() };
        let stored = reader.facts(&query, window).unwrap();
        for measure in Measure::ALL {
            let wanted: Vec<Event> = facts.get(&measure).into_iter().flatten().filter(|e| matters(measure, e, window)).cloned().collect();
            for track in stored.events.of(measure) {
                prop_assert!(track.iter().is_sorted_by_key(EventRef::at_ms), "{measure:?} not in order");
            }
            prop_assert_eq!(in_order(stored.of(measure).map(EventRef::to_event).collect()), in_order(wanted), "{:?}", measure);
        }
        let rows = |teams: &[&str]| {
            let teams = teams.iter().map(|t| (*t).to_owned()).collect();
            let kinds = vec![Kind::Deployment, Kind::Incident];
            let query = RowQuery { kinds, window: Some(window), teams, roster: Some(Arc::new(roster())), ..RowQuery::default() };
            reader.rows(&query).unwrap().iter().map(Record::key).collect::<Vec<_>>()
        };
        let red = |key: &String| derived.attributions[key].shares.iter().any(|s| s.team == "red");
        prop_assert_eq!(rows(&["red"]), rows(&[]).into_iter().filter(red).collect::<Vec<_>>(), "rows of one team");
        let keys: Vec<String> = ledger::newest(&stream).map(Record::key).collect();
        prop_assert_eq!(sorted(reader.derived(&keys).unwrap()), sorted(derived));
    }
}

#[test]
fn a_short_list_of_a_team_finds_its_rows_behind_many_of_others() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let records: Vec<Record> = (0..400)
        .map(|n| {
            let at = minute(n);
            let body = Deployment { status: DeployStatus::Success, finished_at: Some(at), ..Deployment::default() };
            let mut r = Record::new("ci", format!("d{n}"), Body::Deployment(body));
            r.team = Some(if n < 100 { "red" } else { "blue" }.into());
            r.env_tier = Some("production".into());
            r.updated_at = Some(at);
            r
        })
        .collect();
    store.commit(&[Incoming { source: "ci".into(), records, cursor: None }], &roster(), &Rules::default(), now(), true).unwrap();
    let rows = |limit| {
        let (kinds, teams) = (vec![Kind::Deployment], vec!["red".to_owned()]);
        let window = Some(Window::new(minute(0), minute(500)));
        let query = RowQuery { kinds, window, teams, limit, roster: Some(Arc::new(roster())), ..RowQuery::default() };
        store.reader().unwrap().rows(&query).unwrap().iter().map(Record::key).collect::<Vec<_>>()
    };
    // Of so short a list not all are looked at in the first go.
    assert_eq!(rows(1), ["ci/d99"]);
    assert_eq!(rows(3), ["ci/d99", "ci/d98", "ci/d97"]);
    assert_eq!(rows(120).len(), 100);
}

#[test]
fn a_new_roster_derives_everything_again_in_slices() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let records: Vec<Record> = (0..30).map(|i| deployment(i, i % 3, i64::from(i) * 60, true, true, &[], None)).collect();
    let rules = Rules::default();
    store.commit(&[Incoming { source: "s".into(), records, cursor: None }], &Roster::default(), &rules, now(), true).unwrap();
    while store.derive_pending(&Roster::default(), &rules, now()).unwrap() {}
    let teams = |store: &Store| {
        let query = FactQuery { measures: vec![Measure::Deployment], ..FactQuery::default() };
        let facts = store.reader().unwrap().facts(&query, Window::new(minute(0), minute(SPAN_MIN))).unwrap();
        facts.of(Measure::Deployment).flat_map(|e| e.teams().iter().map(|(t, _)| t.to_string())).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(teams(&store).into_iter().collect::<Vec<_>>(), ["unattributed"]);
    assert!(!store.derive_pending(&Roster::default(), &rules, now()).unwrap(), "nothing to do twice");
    while store.derive_pending(&roster(), &rules, now()).unwrap() {}
    assert_eq!(teams(&store).into_iter().collect::<Vec<_>>(), ["blue", "red"]);
}

#[test]
fn a_record_of_the_future_is_derived_again_when_its_time_has_come() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let (rules, early) = (Rules::default(), minute(10));
    let records = vec![deployment(1, 2, 100, true, true, &[], None)];
    store.commit(&[Incoming { source: "s".into(), records, cursor: None }], &roster(), &rules, early, true).unwrap();
    let counted = |store: &Store| {
        let query = FactQuery { measures: vec![Measure::Deployment], ..FactQuery::default() };
        store.reader().unwrap().facts(&query, Window::new(minute(0), minute(SPAN_MIN))).unwrap().of(Measure::Deployment).count()
    };
    let waits = |store: &mut Store, at: i64| store.commit(&[], &roster(), &rules, minute(at), true).unwrap().deferred;
    assert!(!waits(&mut store, 99));
    assert!(waits(&mut store, 101));
    while store.derive_pending(&roster(), &rules, minute(101)).unwrap() {}
    assert!(!waits(&mut store, 101));
    assert_eq!(counted(&store), 1);
}
