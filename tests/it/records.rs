//! Kind `records`: canonical JSON lines, read like logs.

use std::{fs, io::Write, path::Path};

use proptest::prelude::*;
use quarterdeck::{
    config::Config,
    domain::{
        Time,
        record::{Body, Change, ChangeType, CostLine, DeployStatus, Deployment, Kind, Probe, Quality, Record},
    },
    sources::{
        self, Batch, Cursor, Source, SourceError,
        records::{parse_line, record_schema, to_line},
    },
};

/// Build the sources of a config text whose directory is `dir`.
pub fn build(dir: &Path, text: &str) -> Box<dyn Source> {
    let config = Config::parse(text, "q.toml", dir).unwrap_or_else(|f| panic!("{f:?}"));
    sources::build(&config.sources[0]).unwrap_or_else(|f| panic!("{f:?}")).0
}

/// One poll, on its own runtime.
pub fn poll(source: &dyn Source, cursor: &Cursor) -> Result<Batch, SourceError> {
    let now: Time = "2026-06-01T00:00:00Z".parse().unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(source.poll(cursor, now))
}

const CONFIG: &str = "[[source]]\nname = \"events\"\nkind = \"records\"\npath = \"*.jsonl\"\n";

fn ids(batch: &Batch) -> Vec<&str> {
    batch.records.iter().map(|r| r.id.as_str()).collect()
}

fn tombstone(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"deleted\":true}}\n")
}

#[test]
fn a_line_becomes_a_record_and_unknown_fields_and_words_are_not_fatal() {
    let line = br#"{"kind":"deployment","id":"7","service":"checkout","status":"exploded","finished_at":"2026-05-01T10:00:00+02:00","sha":null,"labels":null,"colour":{"deep":[1]}}"#;
    let record = parse_line(line, "events").unwrap();
    assert_eq!((record.source.as_str(), record.id.as_str(), record.service.as_deref()), ("events", "7", Some("checkout")));
    let Body::Deployment(deployment) = &record.body else { panic!() };
    assert_eq!(deployment.status, DeployStatus::Other);
    assert_eq!(record.event_time().unwrap().to_rfc3339(), "2026-05-01T08:00:00+00:00");
    assert_eq!(parse_line(br#"{"kind":"teleport","id":"1"}"#, "s").unwrap().body, Body::Other);
    assert_eq!(parse_line(br#"{"id":"1","deleted":true}"#, "s").unwrap().body, Body::Other);
    assert_eq!(parse_line(br#"{"source":"ci","id":"1","deleted":true}"#, "s").unwrap().source, "ci");
    assert_eq!(
        parse_line(br#"{"kind":"probe_result","id":"1","ts":"2026-05-01T10:00:00Z","ok":true}"#, "s").unwrap().body.kind(),
        Kind::Probe
    );
}

#[test]
fn a_bad_line_says_what_was_expected() {
    for (line, said) in [
        (r#"{"kind":"deployment"}"#, "expected `id`, which is missing"),
        (r#"{"kind":"deployment","id":7}"#, "column 27: expected a string, found integer `7`"),
        (r#"{"id":"7"}"#, "expected `kind`, one of deployment, change"),
        (r#"{"id":" ","kind":"change"}"#, "`id` is empty"),
        (r#"{"id":"7","kind":"probe","ok":"yes"}"#, "expected a boolean, found string \"yes\""),
        (r#"{"id":"7","kind":"probe","ok":true}"#, "expected `ts`, the time of the event; a probe has none of its own"),
        (r#"{"id":"7","kind":"deployment","finished_at":"yesterday"}"#, "column 55:"),
        (r#"{"id":"7","#, "not JSON: EOF"),
        ("[1,2]", "expected one JSON object"),
        ("", "empty line"),
        ("<html>", "expected one JSON object"),
    ] {
        let error = parse_line(line.as_bytes(), "s").unwrap_err();
        assert!(error.contains(said), "{line}: {error}");
    }
    assert!(parse_line(b"{\"id\":\"\xff\",\"kind\":\"change\"}", "s").is_err());
    assert!(parse_line("[".repeat(100_000).as_bytes(), "s").is_err());
    assert!(parse_line(format!("{{\"id\":\"1\",\"kind\":\"change\",\"x\":{}", "[".repeat(100_000)).as_bytes(), "s").is_err());
}

#[test]
fn appended_lines_are_read_once_and_a_last_line_waits_for_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    fs::write(&path, tombstone("1") + "{\"id\":\"2\",").unwrap();
    let source = build(dir.path(), CONFIG);
    let first = poll(&*source, &Cursor::default()).unwrap();
    assert_eq!(ids(&first), ["1"]);
    let idle = poll(&*source, &first.cursor).unwrap();
    assert!(idle.records.is_empty());
    assert_eq!(idle.cursor, first.cursor, "nothing changed, nothing moves");
    let append = |text: &str| fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    append("\"deleted\":true}");
    let second = poll(&*source, &first.cursor).unwrap();
    assert_eq!(ids(&second), ["2"], "a whole object needs no line end");
    append(&format!("\n{}oops\n", tombstone("3")));
    let third = poll(&*source, &second.cursor).unwrap();
    assert_eq!(ids(&third), ["3"]);
    assert_eq!(third.message, "partial: a.jsonl:4: expected one JSON object, `{ … }`, per line; 4 lines in 1 file");
    assert_eq!(poll(&*source, &third.cursor).unwrap().message, third.message, "a bad line stays said");
}

#[test]
fn a_truncated_replaced_or_rewritten_file_is_read_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    let source = build(dir.path(), CONFIG);
    fs::write(&path, tombstone("1") + &tombstone("2")).unwrap();
    let first = poll(&*source, &Cursor::default()).unwrap();
    fs::write(&path, tombstone("3")).unwrap();
    let truncated = poll(&*source, &first.cursor).unwrap();
    assert_eq!(ids(&truncated), ["3"]);
    fs::write(dir.path().join("new"), tombstone("4") + &tombstone("5") + &tombstone("6")).unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    let replaced = poll(&*source, &truncated.cursor).unwrap();
    assert_eq!(ids(&replaced), ["4", "5", "6"]);
    fs::write(&path, tombstone("7") + &tombstone("8") + &tombstone("9") + &tombstone("10")).unwrap();
    assert_eq!(ids(&poll(&*source, &replaced.cursor).unwrap()), ["7", "8", "9", "10"], "same file, other beginning");
}

#[test]
fn a_large_file_is_read_in_steps_with_progress() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..40_000).map(|i| tombstone(&format!("{i:010}"))).collect();
    fs::write(dir.path().join("a.jsonl"), &text).unwrap();
    fs::write(dir.path().join("b.jsonl"), tombstone("last")).unwrap();
    let source = build(dir.path(), CONFIG);
    let (mut cursor, mut seen, mut steps) = (Cursor::default(), 0, 0);
    loop {
        let batch = poll(&*source, &cursor).unwrap();
        seen += batch.records.len();
        steps += 1;
        cursor = batch.cursor;
        if !batch.more {
            break;
        }
        assert_eq!(batch.progress.unwrap().total, Some(text.len() as u64 + 29));
    }
    assert_eq!((seen, steps), (40_001, 2));
}

#[test]
fn a_line_without_end_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = vec![b'x'; 9 << 20];
    text.extend_from_slice(b"\n");
    text.extend_from_slice(tombstone("1").as_bytes());
    fs::write(dir.path().join("a.jsonl"), &text).unwrap();
    let source = build(dir.path(), CONFIG);
    let first = poll(&*source, &Cursor::default()).unwrap();
    assert!(first.message.contains("a.jsonl:1: longer than 4 MiB"), "{}", first.message);
    assert_eq!(ids(&poll(&*source, &first.cursor).unwrap()), ["1"]);
}

#[test]
fn a_cursor_that_is_not_ours_reads_everything_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.jsonl"), tombstone("1")).unwrap();
    let source = build(dir.path(), CONFIG);
    assert_eq!(ids(&poll(&*source, &Cursor("<html>".into())).unwrap()), ["1"]);
}

#[test]
fn the_schema_of_a_line_names_every_kind() {
    let text = record_schema().to_string();
    for kind in Kind::ALL {
        assert!(text.contains(&format!("\"const\":\"{}\"", kind.word())), "{}", kind.word());
    }
}

fn time() -> impl Strategy<Value = Option<Time>> {
    proptest::option::of((0i64..4_000_000_000, 0u32..1_000_000_000).prop_map(|(s, n)| Time::from_timestamp(s, n).unwrap()))
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("\\PC{0,12}")
}

prop_compose! {
    fn envelope()(
        id in "\\PC{0,8}x", ts in time(), updated_at in time(), seq in any::<i64>(), deleted in any::<bool>(),
        labels in proptest::collection::btree_map("\\PC{0,5}", "\\PC{0,5}", 0..3), team in text(), service in text(), url in text(),
    ) -> Record {
        Record { ts, updated_at, seq, deleted, labels, team, service, url, ..Record::new("s", id, Body::Other) }
    }
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (time(), text(), proptest::collection::vec("\\PC{0,4}", 0..3), any::<bool>(), 0..7usize).prop_map(
            |(at, sha, change_ids, assumed, status)| {
                let status = DeployStatus::ALL.get(status).copied().unwrap_or(DeployStatus::Other);
                Body::Deployment(Deployment { status, finished_at: at, sha, change_ids, assumed, ..Deployment::default() })
            }
        ),
        (time(), "\\PC{0,9}", proptest::option::of(any::<i64>())).prop_map(|(merged_at, title, number)| {
            Body::Change(Change { merged_at, title, number, change_type: Some(ChangeType::Fix), ..Change::default() })
        }),
        (any::<bool>(), proptest::option::of(-1_000_000i32..1_000_000))
            .prop_map(|(ok, ms)| { Body::Probe(Probe { ok, latency_ms: ms.map(|ms| f64::from(ms) / 1000.0), ..Probe::default() }) }),
        (any::<i64>(), 0u32..28, proptest::collection::btree_map("\\PC{0,5}", "\\PC{0,5}", 0..3)).prop_map(|(n, scale, tags)| {
            Body::CostLine(CostLine { billed_cost: Some(quarterdeck::domain::Decimal::new(n, scale)), tags, ..CostLine::default() })
        }),
        proptest::collection::btree_map("\\PC{0,5}", 0..1000u32, 0..3).prop_map(|issues| {
            Body::Quality(Quality { issues: issues.into_iter().map(|(k, v)| (k, f64::from(v))).collect(), ..Quality::default() })
        }),
        Just(Body::Other),
    ]
}

proptest! {
    #[test]
    fn what_is_exported_is_imported_as_it_was(envelope in envelope(), body in body()) {
        let mut record = Record { body, ..envelope };
        if record.ts.is_none() && record.body.event_time().is_none() {
            record.ts = Time::from_timestamp(1, 0);
        }
        let line = to_line(&record);
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(parse_line(line.as_bytes(), "other").unwrap(), record);
    }

    #[test]
    fn no_line_whatever_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200), prefix in prop_oneof![Just(""), Just("{\"id\":\"1\",\"kind\":\"change\",")]) {
        let mut line = prefix.as_bytes().to_vec();
        line.extend(bytes);
        let _ = parse_line(&line, "s");
    }
}
