//! The store: what survives, what is refused, what comes out again.

mod facts;
mod kill;
mod points;

use std::path::PathBuf;

use quarterdeck::{
    domain::{
        Time,
        record::{Body, CostLine, DeployStatus, Deployment, Incident, Kind, Probe, Quality, Record, Sample, SampleKind},
        team::Roster,
        window::{Window, from_millis},
    },
    kpi::fact::Measure,
    ledger::Rules,
    store::{FactQuery, Incoming, Keep, Reader, RowQuery, Store, StoreError},
};

pub(crate) fn at(text: &str) -> Time {
    text.parse().unwrap()
}

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deck.db");
    Place { _dir: dir, path }
}

fn deployment(source: &str, id: &str, service: &str, when: &str) -> Record {
    let time = Some(at(when));
    let body = Deployment { status: DeployStatus::Success, finished_at: time, sha: Some(format!("sha-{id}")), ..Deployment::default() };
    let mut r = Record::new(source, id, Body::Deployment(body));
    r.service = Some(service.into());
    r.repo = Some(format!("acme/{service}"));
    r.env_tier = Some("production".into());
    r.updated_at = time;
    r
}

fn batch(records: Vec<Record>) -> Vec<Incoming> {
    vec![Incoming { source: "ci".into(), records, cursor: None }]
}

fn put(store: &mut Store, records: Vec<Record>) -> quarterdeck::store::Committed {
    store.commit(&batch(records), &Roster::default(), &Rules::default(), at("2026-04-01T00:00:00Z"), true).unwrap()
}

fn settle(store: &mut Store, now: &str) {
    while store.derive_pending(&Roster::default(), &Rules::default(), at(now)).unwrap() {}
}

fn ids(reader: &Reader, query: &RowQuery) -> Vec<String> {
    reader.rows(query).unwrap().iter().map(Record::key).collect()
}

#[test]
fn the_newest_revision_wins_whatever_the_order_and_a_tombstone_stays() {
    let text = std::fs::read_to_string("tests/vectors/ING01_idempotent_upsert.json").unwrap();
    let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut stream: Vec<Record> = Vec::new();
    for line in vector["input"]["stream"].as_array().unwrap() {
        let mut line = line.clone();
        if line.get("deleted").is_none() {
            line["kind"] = "deployment".into();
        }
        line["kind"] = line.get("kind").cloned().unwrap_or("gone".into());
        stream.push(serde_json::from_value(line).unwrap());
    }
    for turn in 0..stream.len() {
        let mut order = stream.clone();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        let p = place();
        let mut store = Store::open(&p.path).unwrap();
        for record in order.iter().chain(&stream) {
            put(&mut store, vec![record.clone()]);
        }
        let reader = store.reader().unwrap();
        let mut keys = ids(&reader, &RowQuery::default());
        keys.sort();
        assert_eq!(keys, ["ci/d1", "ci/d2", "webhook/d2"], "rotated by {turn}");
        let d1 = reader.rows(&RowQuery { keys: vec!["ci/d1".into()], ..RowQuery::default() }).unwrap();
        assert!(matches!(&d1[0].body, Body::Deployment(d) if d.status == DeployStatus::Success));
        assert_eq!(reader.counts().unwrap()[&Kind::Deployment], 3);
    }
}

#[test]
fn repeating_a_batch_changes_nothing_and_says_so() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let all: Vec<_> = (0..50).map(|i| deployment("ci", &i.to_string(), "pay", "2026-03-02T10:00:00Z")).collect();
    assert_eq!((put(&mut store, all.clone()).changed, put(&mut store, all).changed), (50, 0));
    assert_eq!(store.reader().unwrap().counts().unwrap()[&Kind::Deployment], 50);
}

#[test]
fn a_bare_tombstone_deletes_and_a_late_older_revision_does_not_resurrect() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, vec![deployment("ci", "1", "pay", "2026-03-02T10:00:00Z")]);
    let mut gone = Record::new("ci", "1", Body::Other);
    gone.deleted = true;
    put(&mut store, vec![gone]);
    put(&mut store, vec![deployment("ci", "1", "pay", "2026-03-02T11:00:00Z")]);
    assert!(ids(&store.reader().unwrap(), &RowQuery::default()).is_empty());
    put(&mut store, vec![deployment("ci", "1", "pay", "2026-04-02T11:00:00Z")]);
    assert_eq!(ids(&store.reader().unwrap(), &RowQuery::default()), ["ci/1"], "a newer revision is a new life");
}

#[test]
fn rows_come_newest_first_bounded_by_window_service_and_keys() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let mut all: Vec<_> = (1..=9)
        .map(|d| deployment("ci", &d.to_string(), if d % 2 == 0 { "pay" } else { "web" }, &format!("2026-03-0{d}T10:00:00Z")))
        .collect();
    let mut incident = Record::new(
        "pager",
        "a/b/c",
        Body::Incident(Incident {
            services: vec!["web".into(), "pay".into()],
            started_at: Some(at("2026-03-05T00:00:00Z")),
            ..Incident::default()
        }),
    );
    incident.team = Some("core".into());
    all.push(incident);
    put(&mut store, all);
    let reader = store.reader().unwrap();
    assert_eq!(ids(&reader, &RowQuery { limit: 3, ..RowQuery::default() }), ["ci/9", "ci/8", "ci/7"]);
    let pay = RowQuery { service: Some("pay".into()), limit: 3, ..RowQuery::default() };
    assert_eq!(ids(&reader, &pay), ["ci/8", "ci/6", "pager/a/b/c"], "an incident belongs to each service it names");
    let window = Some(Window::new(at("2026-03-02T10:00:00Z"), at("2026-03-04T10:00:00Z")));
    assert_eq!(ids(&reader, &RowQuery { window, ..RowQuery::default() }), ["ci/3", "ci/2"], "half-open");
    assert_eq!(ids(&reader, &RowQuery { keys: vec!["pager/a/b/c".into(), "ci/none".into()], ..RowQuery::default() }), ["pager/a/b/c"]);
    let mut first = String::new();
    reader
        .each(&RowQuery::default(), &mut |r| {
            first = r.key();
            false
        })
        .unwrap();
    assert_eq!(first, "ci/1", "oldest first when walked");
    assert_eq!(reader.services().unwrap(), ["pay", "web"]);
}

#[test]
fn a_cursor_is_kept_with_its_batch_and_without_one_the_old_stays() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let (roster, rules, now) = (Roster::default(), Rules::default(), at("2026-04-01T00:00:00Z"));
    let with = |cursor: Option<&str>| vec![Incoming { source: "s".into(), records: vec![], cursor: cursor.map(str::to_owned) }];
    store.commit(&with(Some("page 3")), &roster, &rules, now, true).unwrap();
    store.commit(&with(None), &roster, &rules, now, true).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!((reader.cursor("s").unwrap(), reader.cursor("other").unwrap()), ("page 3".into(), String::new()));
}

fn sample(metric: &str, kind: SampleKind, ms: i64, value: f64) -> Record {
    let mut r = Record::new(
        "prom",
        format!("{metric}-{ms}"),
        Body::Sample(Sample { metric: metric.into(), sample_kind: kind, window_s: 60.0, value: Some(value), ..Sample::default() }),
    );
    r.ts = Some(from_millis(ms));
    r.service = Some("pay".into());
    r
}

fn probe(ms: i64, ok: bool) -> Record {
    let mut r = Record::new(
        "probes",
        format!("p-{ms}"),
        Body::Probe(Probe { check_id: "home".into(), ok, interval_s: Some(60.0), ..Probe::default() }),
    );
    r.ts = Some(from_millis(ms));
    r.service = Some("pay".into());
    r
}

fn live(store: &Store, metric: &str, from: &str, to: &str) -> Vec<quarterdeck::kpi::fact::Bucket> {
    let query = FactQuery { live: vec![metric.into()], ..FactQuery::default() };
    store.reader().unwrap().facts(&query, Window::new(at(from), at(to))).unwrap().buckets
}

#[test]
fn a_few_hours_of_long_ago_are_answered_by_their_hours() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let points = (0..180).map(|minute| {
        let body = Sample {
            metric: "requests".into(),
            sample_kind: SampleKind::CounterDelta,
            window_s: 60.0,
            value: Some(5.0),
            ..Sample::default()
        };
        let mut r = Record::new("m", format!("p{minute}"), Body::Sample(body));
        r.ts = Some(at("2026-03-02T01:00:00Z") + chrono::Duration::minutes(minute));
        r.service = Some("pay".into());
        r
    });
    // A month later: minutes of that time are not kept any more.
    put(&mut store, points.collect());
    let found = live(&store, "requests", "2026-03-02T00:00:00Z", "2026-03-02T06:00:00Z");
    let all: f64 = found.iter().map(|b| b.a).sum();
    assert_eq!(all, 900.0, "{found:?}");
}

#[test]
fn long_histories_of_any_density_are_folded_whole() {
    // Every five seconds for two days, and once a day for a year, each as what a day was.
    for (step_s, many, window_s, to) in [(5, 35_000, 5.0, "2026-03-03T00:36:40Z"), (86_400, 300, 86_400.0, "2026-12-26T00:00:00Z")] {
        let p = place();
        let mut store = Store::open(&p.path).unwrap();
        let points = (1..=many).map(|n| {
            let mut r =
                sample("requests", SampleKind::CounterDelta, at("2026-03-01T00:00:00Z").timestamp_millis() + n * step_s * 1000, 1.0);
            let Body::Sample(body) = &mut r.body else { unreachable!() };
            body.window_s = window_s;
            r
        });
        let (roster, rules, now) = (Roster::default(), Rules::default(), at("2026-12-31T00:00:00Z"));
        store.commit(&batch(points.collect()), &roster, &rules, now, false).unwrap();
        settle(&mut store, "2026-12-31T00:00:00Z");
        let all: f64 = live(&store, "requests", "2026-03-01T00:00:00Z", to).iter().map(|b| b.a).sum();
        assert_eq!(all, many as f64, "every {step_s} s");
    }
}

#[test]
fn repeated_and_late_points_are_counted_once_at_every_resolution() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let (roster, rules) = (Roster::default(), Rules::default());
    let now = at("2026-03-02T12:00:00Z");
    let start = at("2026-03-02T10:00:00Z").timestamp_millis();
    let points: Vec<Record> = (1..=60).map(|m| sample("requests", SampleKind::CounterDelta, start + m * 60_000, 2.0)).collect();
    let mut late = points.clone();
    let early: Vec<_> = late.split_off(30);
    for part in [early.clone(), late, early] {
        store.commit(&batch(part), &roster, &rules, now, true).unwrap();
    }
    let minutes = live(&store, "requests", "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
    assert_eq!((minutes.len(), minutes.iter().map(|b| b.a).sum::<f64>()), (60, 120.0));
    assert_eq!(minutes[0].span.from, at("2026-03-02T10:00:00Z"));
    let hours = live(&store, "requests", "2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z");
    assert_eq!(hours.iter().map(|b| (b.span.from, b.a, b.n)).collect::<Vec<_>>(), [(at("2026-03-02T10:00:00Z"), 120.0, 60)]);
    let days = live(&store, "requests", "2025-03-01T00:00:00Z", "2026-03-03T00:00:00Z");
    assert_eq!(days.iter().map(|b| (b.span.from, b.a)).collect::<Vec<_>>(), [(at("2026-03-02T00:00:00Z"), 120.0)]);
    assert_eq!(store.reader().unwrap().counts().unwrap()[&Kind::Sample], 60);
}

#[test]
fn probes_become_seconds_up_down_and_unknown_and_deferring_changes_nothing() {
    let now = at("2026-03-02T12:00:00Z");
    let start = at("2026-03-02T10:00:00Z").timestamp_millis();
    let points: Vec<Record> =
        [(0, true), (60, true), (120, false), (180, true), (480, true)].map(|(s, ok)| probe(start + s * 1000, ok)).into();
    let sums = |now_or_later: bool| {
        let p = place();
        let mut store = Store::open(&p.path).unwrap();
        for point in points.iter().rev() {
            store.commit(&batch(vec![point.clone()]), &Roster::default(), &Rules::default(), now, now_or_later).unwrap();
        }
        settle(&mut store, "2026-03-02T12:00:00Z");
        let buckets = live(&store, "probe", "2026-03-02T10:00:00Z", "2026-03-02T10:10:00Z");
        (buckets.iter().map(|b| b.a).sum::<f64>(), buckets.iter().map(|b| b.b).sum::<f64>(), buckets.len())
    };
    assert_eq!(sums(true), (360.0, 60.0, 7));
    assert_eq!(sums(true), sums(false));
}

#[test]
fn what_is_past_its_keep_goes_and_late_points_do_not_halve_what_remains() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let (roster, rules) = (Roster::default(), Rules::default());
    let start = at("2026-03-02T10:00:00Z").timestamp_millis();
    let points: Vec<Record> = (1..=60).map(|m| sample("requests", SampleKind::CounterDelta, start + m * 60_000, 2.0)).collect();
    store.commit(&batch(points.clone()), &roster, &rules, at("2026-03-02T12:00:00Z"), true).unwrap();
    let keep =
        Keep { minutes: std::time::Duration::from_secs(48 * 3600), hours: std::time::Duration::from_secs(10 * 86_400), records: None };
    store.retain(&keep, at("2026-03-06T00:00:00Z")).unwrap();
    let sum = |from, to| live(&store, "requests", from, to).iter().map(|b| (b.span.seconds(), b.a)).collect::<Vec<_>>();
    assert_eq!(sum("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"), [(3600.0, 120.0)], "minutes are gone, the hour answers");
    let again = store.commit(&batch(points), &roster, &rules, at("2026-03-06T00:00:00Z"), true).unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 60), "a sealed hour takes nothing more");
    store.retain(&keep, at("2026-04-06T00:00:00Z")).unwrap();
    assert_eq!(live(&store, "requests", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z")[0].span.seconds(), 86_400.0);
    assert_eq!(store.reader().unwrap().counts().unwrap().get(&Kind::Sample), None);
}

#[test]
fn a_restated_bill_replaces_its_month() {
    let line = |id: &str, cost: &str, revised: &str| {
        let body = CostLine {
            effective_cost: Some(cost.parse().unwrap()),
            billing_currency: Some("EUR".into()),
            charge_period_start: Some(at("2026-03-02T00:00:00Z")),
            charge_period_end: Some(at("2026-03-04T00:00:00Z")),
            ..CostLine::default()
        };
        let mut r = Record::new("bill", id, Body::CostLine(body));
        r.updated_at = Some(at(revised));
        r
    };
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, vec![line("1", "10.50", "2026-03-05T00:00:00Z"), line("2", "0.30", "2026-03-05T00:00:00Z")]);
    let total = |store: &Store, to: &str| {
        let query = FactQuery { costs: true, ..FactQuery::default() };
        let facts = store.reader().unwrap().facts(&query, Window::new(at("2026-03-01T00:00:00Z"), at(to))).unwrap();
        (facts.costs.len(), facts.costs.iter().map(|c| c.effective).sum::<quarterdeck::domain::Decimal>().to_string())
    };
    assert_eq!(total(&store, "2026-03-31T00:00:00Z"), (2, "10.80".into()), "alike lines of a day are one cost");
    assert_eq!(total(&store, "2026-03-03T00:00:00Z"), (1, "5.40".into()));
    let mut gone = line("2", "0", "2026-03-06T00:00:00Z");
    gone.deleted = true;
    put(&mut store, vec![line("1", "11", "2026-03-06T00:00:00Z"), gone]);
    assert_eq!(total(&store, "2026-03-31T00:00:00Z").1.parse::<f64>().unwrap(), 11.0);
}

#[test]
fn of_quality_the_window_and_the_last_per_project_before_it_are_loaded() {
    let quality = |project: &str, when: &str| {
        let mut r =
            Record::new("sonar", format!("{project}{when}"), Body::Quality(Quality { project: project.into(), ..Quality::default() }));
        r.ts = Some(at(when));
        r
    };
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(
        &mut store,
        vec![
            quality("a", "2026-03-01T00:00:00Z"),
            quality("a", "2026-03-02T00:00:00Z"),
            quality("b", "2026-02-01T00:00:00Z"),
            quality("a", "2026-03-09T00:00:00Z"),
        ],
    );
    let query = FactQuery { records: vec![Kind::Quality], ..FactQuery::default() };
    let facts = store.reader().unwrap().facts(&query, Window::new(at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"))).unwrap();
    assert_eq!(
        facts.records.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        ["b2026-02-01T00:00:00Z", "a2026-03-01T00:00:00Z", "a2026-03-02T00:00:00Z"]
    );
}

#[test]
fn a_second_writer_is_told_who_writes_and_can_read() {
    let p = place();
    let mut first = Store::open(&p.path).unwrap();
    put(&mut first, vec![deployment("ci", "1", "pay", "2026-03-02T10:00:00Z")]);
    match Store::open(&p.path) {
        Err(StoreError::Busy(m)) => assert!(m.contains(&format!("process {}", std::process::id())), "{m}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(Reader::open(&p.path).unwrap().counts().unwrap()[&Kind::Deployment], 1);
    drop(first);
    Store::open(&p.path).unwrap();
}

#[test]
fn a_reader_sees_what_another_connection_commits_and_one_state_within_a_snapshot() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let reader = store.reader().unwrap();
    let version = reader.data_version().unwrap();
    reader
        .snapshot(|r| {
            assert!(r.counts()?.is_empty());
            put(&mut store, vec![deployment("ci", "1", "pay", "2026-03-02T10:00:00Z")]);
            assert!(r.counts()?.is_empty(), "still the same state");
            Ok(())
        })
        .unwrap();
    assert_eq!(reader.counts().unwrap()[&Kind::Deployment], 1);
    assert_ne!(reader.data_version().unwrap(), version);
}

fn refused(path: &std::path::Path) -> String {
    let before = std::fs::read(path).unwrap();
    let write = Store::open(path).unwrap_err().to_string();
    let read = Reader::open(path).unwrap_err().to_string();
    assert_eq!(std::fs::read(path).unwrap(), before, "it was touched");
    assert!(write.contains(path.to_str().unwrap()) && read.contains(path.to_str().unwrap()), "{write} {read}");
    write
}

#[test]
fn what_is_no_store_or_newer_or_cut_is_refused_and_left_as_it_is() {
    let p = place();
    std::fs::write(&p.path, "dear diary").unwrap();
    assert!(refused(&p.path).contains("is not a quarterdeck store"));
    std::fs::write(&p.path, vec![0u8; 9000]).unwrap();
    assert!(refused(&p.path).contains("is not a quarterdeck store"));
    let foreign = rusqlite::Connection::open(p.path.with_extension("other")).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(foreign);
    assert!(refused(&p.path.with_extension("other")).contains("is not a quarterdeck store"));

    let p = place();
    drop(Store::open(&p.path).unwrap());
    let newer = rusqlite::Connection::open(&p.path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    assert!(refused(&p.path).contains("newer (schema 99)"));
    assert!(Store::open(p.path.parent().unwrap()).unwrap_err().to_string().contains("is a directory"));
    let none = Reader::open(&p.path.with_extension("none")).unwrap_err().to_string();
    assert!(none.contains("there is no store at"), "{none}");
}

/// Make a store's chunks of facts as they were before some step of the schema.
type Undo = fn(&rusqlite::Connection) -> rusqlite::Result<()>;

#[test]
fn a_store_of_an_older_schema_is_brought_up_to_date_and_loses_nothing() {
    // Of the first one the facts are derived anew; a chunk that nobody could read shows that none was kept.
    let first: Undo = |old| {
        let mut steps = include_str!("../../src/store/schema/001.sql").split_inclusive(';');
        let table = steps.find(|step| step.contains("CREATE TABLE fact_chunk")).unwrap();
        old.execute_batch(&format!(
            "DROP TABLE fact_chunk; DROP TABLE fact_rest; {table}
             INSERT INTO fact_chunk (measure, span, place, until, body) VALUES (1, 733, 1, 0, x'00');
             UPDATE meta SET value = 'by an older one' WHERE key = 'derived_with'; PRAGMA user_version = 1"
        ))
    };
    // Of the second one they are kept as they are.
    let second: Undo = |old| {
        old.execute_batch(&format!(
            "CREATE TEMP TABLE kept AS SELECT measure, span, place, until, body, rest FROM fact_chunk JOIN fact_rest USING (id);
             DROP TABLE fact_rest; {} INSERT INTO fact_chunk SELECT * FROM kept; PRAGMA user_version = 2",
            include_str!("../../src/store/schema/002.sql")
        ))
    };
    for (undo, derives) in [(first, true), (second, false)] {
        let p = place();
        let mut store = Store::open(&p.path).unwrap();
        put(&mut store, (0..40).map(|i| deployment("ci", &i.to_string(), ["pay", "web"][i % 2], "2026-03-02T10:00:00Z")).collect());
        put(&mut store, vec![deployment("ci", "of old", "pay", "1951-03-02T10:00:00Z")]);
        settle(&mut store, "2026-04-01T00:00:00Z");
        let query = FactQuery { measures: vec![Measure::Deployment], keys: true, dims: true, ..FactQuery::default() };
        let window = Window::new(at("1950-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        let facts = |store: &Store| store.reader().unwrap().facts(&query, window).unwrap().events;
        let was = facts(&store);
        assert_eq!(was.of(Measure::Deployment).iter().map(|t| t.len()).sum::<usize>(), 41);
        drop(store);
        undo(&rusqlite::Connection::open(&p.path).unwrap()).unwrap();
        let refused = Reader::open(&p.path).unwrap_err().to_string();
        assert!(refused.contains("was written by an older quarterdeck"), "{refused}");
        let mut store = Store::open(&p.path).unwrap();
        assert_eq!(facts(&store) != was, derives);
        put(&mut store, Vec::new());
        settle(&mut store, "2026-04-01T00:00:00Z");
        assert_eq!(facts(&store), was);
    }
}

#[test]
fn that_there_ever_was_an_incident_is_known_to_the_millisecond() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    let began = at("2026-03-02T10:00:00Z");
    let body = Incident { started_at: Some(began), resolved_at: Some(at("2026-03-02T11:00:00Z")), ..Incident::default() };
    let mut incident = Record::new("ci", "i1", Body::Incident(body));
    incident.service = Some("pay".into());
    put(&mut store, vec![incident]);
    settle(&mut store, "2026-04-01T00:00:00Z");
    let reader = store.reader().unwrap();
    let ever = |before: Time, service| reader.ever(Measure::Incident, before, service).unwrap();
    let next = from_millis(began.timestamp_millis() + 1);
    assert_eq!([began, next, at("2029-01-01T00:00:00Z")].map(|t| ever(t, None)), [false, true, true]);
    assert_eq!(["pay", "web", "nobody"].map(|s| ever(next, Some(s))), [true, false, false]);
    assert!(!reader.ever(Measure::Outage, next, None).unwrap());
}

#[test]
fn a_store_killed_before_its_first_table_is_made_anew() {
    let p = place();
    // What is left when the process ends between SQLite's first page and the schema's first step.
    let bare = rusqlite::Connection::open(&p.path).unwrap();
    bare.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    drop(bare);
    assert!(std::fs::metadata(&p.path).unwrap().len() > 0, "a page, and no mark of ours");
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, vec![deployment("ci", "d1", "pay", "2026-03-02T10:00:00Z")]);
}

#[test]
fn a_damaged_file_is_named_and_not_overwritten() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, (0..500).map(|i| deployment("ci", &i.to_string(), "pay", "2026-03-02T10:00:00Z")).collect());
    drop(store);
    let mut bytes = std::fs::read(&p.path).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0x5a);
    std::fs::write(&p.path, &bytes).unwrap();
    let error = Store::open(&p.path)
        .and_then(|mut s| {
            s.commit(
                &batch(vec![deployment("ci", "x", "pay", "2026-03-02T10:00:00Z")]),
                &Roster::default(),
                &Rules::default(),
                at("2026-04-01T00:00:00Z"),
                true,
            )
        })
        .unwrap_err()
        .to_string();
    assert!(error.contains("damaged") && error.contains("move it away"), "{error}");
}

#[test]
fn facts_of_a_window_are_exact_to_the_millisecond() {
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, (0..40).map(|i| deployment("ci", &i.to_string(), "pay", &format!("2026-03-{:02}T10:00:00.5Z", i % 28 + 1))).collect());
    let query = FactQuery { measures: vec![Measure::Deployment], keys: true, ..FactQuery::default() };
    let facts = store.reader().unwrap().facts(&query, Window::new(at("2026-03-05T10:00:00.5Z"), at("2026-03-20T10:00:00.5Z"))).unwrap();
    for event in facts.of(Measure::Deployment) {
        assert!(event.at() >= at("2026-03-05T10:00:00.5Z") && event.at() < at("2026-03-20T10:00:00.5Z"));
        assert!(event.key().starts_with("ci/"));
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_said_and_its_store_can_still_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let p = place();
    let mut store = Store::open(&p.path).unwrap();
    put(&mut store, vec![deployment("ci", "1", "pay", "2026-03-02T10:00:00Z")]);
    drop(store);
    std::fs::remove_file(p.path.with_extension("db.lock")).unwrap();
    let dir = p.path.parent().unwrap();
    let mode = |mode| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o500);
    let error = Store::open(&p.path).map(drop);
    let read = Reader::open(&p.path).and_then(|r| r.counts());
    mode(0o700);
    assert_eq!(read.unwrap()[&Kind::Deployment], 1);
    // Whoever may do everything (root in a container) is not stopped by permissions; nothing to see then.
    if let Err(e) = error {
        assert!(e.to_string().contains("cannot be written") && e.to_string().contains("--store"), "{e}");
    }
}
