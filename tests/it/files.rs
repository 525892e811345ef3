//! Kind `files`: reports that a build leaves on disk. What each format counts is in `fixtures/files`.

use std::{fs, path::Path};

use quarterdeck::{
    domain::{
        Time,
        record::{Body, Record},
    },
    sources::{Cursor, SourceError, files::import},
};

use crate::records::{build, poll};

const CONFIG: &str = "[[source]]\nname = \"reports\"\nkind = \"files\"\npath = \"*.info\"\n";
const HALF: &str = "SF:a.c\nDA:1,1\nDA:2,0\nend_of_record\n";

fn covered(record: &Record) -> (f64, f64) {
    let Body::Quality(quality) = &record.body else { panic!("{record:?}") };
    (quality.covered_lines.unwrap(), quality.lines_to_cover.unwrap())
}

fn set_modified(path: &Path, at: &str) {
    let at: Time = at.parse().unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(at.into()).unwrap();
}

fn read(text: &[u8]) -> Result<Vec<Record>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report");
    fs::write(&path, text).unwrap();
    import(&path, "s", "2099-01-01T00:00:00Z".parse().unwrap()).map_err(|e| e.replace(&path.display().to_string(), ""))
}

#[test]
fn a_report_written_again_is_a_new_measurement_beside_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lcov.info");
    let source = build(dir.path(), CONFIG);
    fs::write(&path, HALF).unwrap();
    set_modified(&path, "2026-05-01T10:00:00Z");
    let first = poll(&*source, &Cursor::default()).unwrap();
    assert_eq!(first.message, "1 lcov");
    assert_eq!(first.records[0].ts.unwrap().to_rfc3339(), "2026-05-01T10:00:00+00:00");
    assert!(poll(&*source, &first.cursor).unwrap().records.is_empty(), "unchanged, so not read again");
    fs::write(&path, "SF:a.c\nDA:1,1\nDA:2,7\nend_of_record\n").unwrap();
    set_modified(&path, "2026-05-02T10:00:00Z");
    let second = poll(&*source, &first.cursor).unwrap();
    assert_ne!(first.records[0].id, second.records[0].id);
    assert_eq!((covered(&first.records[0]), covered(&second.records[0])), ((1.0, 2.0), (2.0, 2.0)));
    let again = poll(&*source, &Cursor::default()).unwrap();
    assert_eq!(again.records[0].id, second.records[0].id, "the same file read from the beginning is the same measurement");
}

#[test]
fn a_file_dated_in_the_future_is_dated_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lcov.info");
    fs::write(&path, HALF).unwrap();
    set_modified(&path, "2097-05-01T10:00:00Z");
    let batch = poll(&*build(dir.path(), CONFIG), &Cursor::default()).unwrap();
    assert_eq!(batch.records[0].ts.unwrap().to_rfc3339(), "2026-06-01T00:00:00+00:00");
}

#[test]
fn one_bad_file_is_said_and_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.info"), HALF).unwrap();
    fs::write(dir.path().join("bad.info"), "SF:a.c\nDA:1,1\n").unwrap();
    let source = build(dir.path(), CONFIG);
    let batch = poll(&*source, &Cursor::default()).unwrap();
    assert_eq!(batch.records.len(), 1);
    let said = "partial: bad.info:2: the file ends within the record begun in line 1; it is cut off or being written; 1 lcov";
    assert_eq!(batch.message, said);
    assert_eq!(poll(&*source, &batch.cursor).unwrap().message, said, "it stays said while it stays bad");
    fs::write(dir.path().join("bad.info"), HALF).unwrap();
    assert_eq!(poll(&*source, &batch.cursor).unwrap().message, "2 lcov");
    fs::write(dir.path().join("good.info"), "").unwrap();
    fs::write(dir.path().join("bad.info"), "").unwrap();
    let error = poll(&*source, &batch.cursor).unwrap_err();
    assert_eq!(error, SourceError::Malformed("bad.info: the file is empty and 1 more".into()));
}

#[test]
fn what_is_no_report_says_where_and_what_was_expected() {
    for (text, said) in [
        ("hello", ":1: expected a report (lcov, cobertura, jacoco, llvm-cov, go, junit, sarif), found `hello`"),
        (
            "<!DOCTYPE html>\n<html><body>Sign in</body></html>",
            ":2: expected <coverage> (Cobertura), <report> (JaCoCo) or <testsuites> (JUnit), found <html>",
        ),
        ("<coverage generated=\"1\" clover=\"4\"/>", ":1: expected Cobertura's <coverage line-rate=…>; this <coverage> is another tool's"),
        ("<testsuites>\n<testsuite>\n<testcase/>\n", ":4: the file ends within <testsuite>; it is cut off or being written"),
        ("<report/>", ":1: expected <counter type=\"LINE\" missed=… covered=…>"),
        ("{\"data\":[{\"totals\":{\"lines\":{\"count\":\"x\"}}}]}", ":1: column 40: invalid type: string \"x\", expected u64"),
        ("{\"data\":[]}", ":1: expected `data[0].totals.lines`"),
        ("{\"name\":\"shop\"}", ":1: expected `runs` (SARIF) or `data` (llvm-cov export)"),
        ("mode: set\nshop/a.go:1.2,3.4 one 1\n", ":2: expected `file.go:12.3,14.2 <statements> <count>`"),
        ("TN:\nSF:a.c\nDA:x,1\nend_of_record\n", ":3: expected `DA:<line>,<hits>`"),
        ("TN:\nSF:a.c\nSF:b.c\n", ":3: expected `end_of_record` of the record begun in line 2"),
        ("", ": the file is empty"),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), said, "{text}");
    }
}

#[test]
fn no_entity_is_expanded_and_no_depth_is_endless() {
    let bomb = "<!DOCTYPE coverage [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]><coverage line-rate=\"1\" lines-valid=\"&b;\"><class filename=\"&b;\"><line number=\"1\" hits=\"1\"/></class></coverage>";
    assert_eq!(covered(&read(bomb.as_bytes()).unwrap()[0]), (1.0, 1.0));
    let deep = "<testsuites>".to_owned() + &"<testsuite>".repeat(10_000);
    assert!(read(deep.as_bytes()).unwrap_err().contains("nested more than 200 deep"));
    assert!(read(("{\"runs\":".to_owned() + &"[".repeat(100_000)).as_bytes()).is_err());
}

#[test]
fn a_report_is_dated_by_its_own_time_when_it_says_one_with_a_zone() {
    let at = |text: &str| read(text.as_bytes()).unwrap()[0].ts.unwrap();
    let told: Time = "2026-05-01T08:00:00Z".parse().unwrap();
    assert_eq!(at("<testsuites><testsuite timestamp=\"2026-05-01T10:00:00+02:00\"/></testsuites>"), told);
    assert_ne!(at("<testsuites><testsuite timestamp=\"2026-05-01T10:00:00\"/></testsuites>"), told, "whose ten o'clock?");
    for stamp in ["1777622400", "1777622400000"] {
        assert_eq!(at(&format!("<coverage line-rate=\"1\" timestamp=\"{stamp}\"/>")), told, "seconds or milliseconds");
    }
    assert_ne!(at("<coverage line-rate=\"1\" timestamp=\"0\"/>").timestamp(), 0);
}

#[test]
fn a_format_that_is_asked_for_is_held() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.info"), HALF).unwrap();
    let asking = |format: &str| build(dir.path(), &format!("{CONFIG}format = \"{format}\"\n"));
    assert!(poll(&*asking("lcov"), &Cursor::default()).is_ok());
    assert!(poll(&*asking("junit"), &Cursor::default()).unwrap_err().to_string().contains("expected junit, found lcov"));
}
