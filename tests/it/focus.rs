//! Kind `focus`: bills, restated bills, and bills that are none. What a row becomes is in `fixtures/focus`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use quarterdeck::{
    domain::{
        Decimal, Time,
        record::{Body, Record},
    },
    sources::{Cursor, Source, SourceError, focus::import},
};

use crate::records::{build, poll};

const CONFIG: &str = "[[source]]\nname = \"bills\"\nkind = \"focus\"\npath = \"*.csv\"\n";
const HEADER: &str = "BilledCost,EffectiveCost,BillingCurrency,ProviderName,BillingPeriodStart,ChargePeriodStart\n";

fn bill(provider: &str, period: &str, costs: &[&str]) -> String {
    let mut text = HEADER.to_owned();
    for cost in costs {
        writeln!(text, "{cost},{cost},EUR,{provider},{period} 00:00:00,{period} 00:00:00").unwrap();
    }
    text
}

fn write(path: &Path, text: &str, modified: &str) {
    fs::write(path, text).unwrap();
    let at: Time = modified.parse().unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(at.into()).unwrap();
}

/// A store in small: the newest revision wins, tombstones take away.
#[derive(Default)]
struct Kept {
    records: BTreeMap<String, Record>,
    cursor: Cursor,
    message: String,
}

impl Kept {
    fn poll(&mut self, source: &dyn Source) {
        loop {
            let batch = poll(source, &self.cursor).unwrap();
            for record in batch.records {
                let newer = self.records.get(&record.id).is_none_or(|old| old.revision() <= record.revision());
                if newer {
                    self.records.insert(record.id.clone(), record);
                }
            }
            self.cursor = batch.cursor;
            self.message = batch.message;
            if !batch.more {
                return;
            }
        }
    }

    fn billed(&self) -> Decimal {
        let cost = |r: &Record| match &r.body {
            Body::CostLine(c) if !r.deleted => c.billed_cost,
            _ => None,
        };
        self.records.values().filter_map(cost).sum()
    }
}

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn a_restated_bill_replaces_its_rows_and_withdraws_those_that_are_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let source = build(dir.path(), CONFIG);
    let mut kept = Kept::default();
    write(&path, &bill("One", "2026-04-01", &["1", "2", "3"]), "2026-04-10T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("6"));
    assert_eq!(kept.message, "3 rows in 1 file");
    let before = kept.cursor.clone();
    kept.poll(&*source);
    assert_eq!(kept.cursor, before, "nothing changed, nothing moves");
    write(&path, &bill("One", "2026-04-01", &["1.5", "2"]), "2026-04-11T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("3.5"));
    write(&path, &bill("One", "2026-04-01", &["1", "1", "1", "1"]), "2026-04-09T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("4"), "an older file put in its place is still the newest word");
    write(&path, &bill("One", "2026-05-01", &["9"]), "2026-05-09T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("9"), "the rows of April are withdrawn with it");
}

#[test]
fn rows_of_a_file_that_is_gone_stay_until_another_file_bills_the_same_period() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = build(dir.path(), CONFIG);
    let mut kept = Kept::default();
    write(&path("april.csv"), &bill("One", "2026-04-01", &["1", "2"]), "2026-04-10T00:00:00Z");
    write(&path("may.csv"), &bill("One", "2026-05-01", &["10"]), "2026-05-10T00:00:00Z");
    kept.poll(&*source);
    fs::remove_file(path("april.csv")).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("13"), "tidied away, but billed");
    write(&path("april-other-cloud.csv"), &bill("Two", "2026-04-01", &["100"]), "2026-05-11T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("113"), "another provider's bill replaces nothing");
    write(&path("april-final.csv"), &bill("One", "2026-04-01", &["4"]), "2026-05-12T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("114"));
}

#[test]
fn a_large_bill_is_read_in_steps_and_sums_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let costs: Vec<String> = (0..45_000).map(|i| format!("0.{i:012}")).collect();
    let costs: Vec<&str> = costs.iter().map(String::as_str).collect();
    fs::write(dir.path().join("a.csv"), bill("One", "2026-04-01", &costs)).unwrap();
    let source = build(dir.path(), CONFIG);
    let first = poll(&*source, &Cursor::default()).unwrap();
    assert!(first.more && first.records.len() == 20_000);
    let mut kept = Kept::default();
    kept.poll(&*source);
    assert_eq!(kept.records.len(), 45_000);
    assert_eq!(kept.billed(), money("0.001012477500"), "the sum of 0 to 44999, in units of 1e-12");
}

#[test]
fn a_row_that_is_none_is_said_with_its_line_and_the_others_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = bill("One", "2026-04-01", &["1", "NaN", "2"]);
    text.push_str("3,3,EUR\n");
    fs::write(dir.path().join("a.csv"), &text).unwrap();
    let batch = poll(&*build(dir.path(), CONFIG), &Cursor::default()).unwrap();
    assert_eq!(batch.records.len(), 2);
    assert_eq!(batch.message, "partial: a.csv:3: BilledCost: expected a decimal number, found `NaN` and 1 more; 2 rows in 1 file");
    let (records, faults) = import(&dir.path().join("a.csv"), "s").unwrap();
    assert_eq!((records.len(), faults.len()), (2, 2));
}

#[test]
fn what_is_no_bill_says_which_columns_were_expected_and_withdraws_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let source = build(dir.path(), CONFIG);
    let mut kept = Kept::default();
    write(&path, &bill("One", "2026-04-01", &["1"]), "2026-04-10T00:00:00Z");
    kept.poll(&*source);
    for (text, said) in [
        (
            "lineItem/UsageAmount,cost\n1,2\n",
            "a.csv:1: expected the FOCUS columns BilledCost or EffectiveCost, BillingCurrency, ChargePeriodStart; the first column is `lineItem/UsageAmount`",
        ),
        ("<html>", "a.csv:1: the header has no end; expected the header of a FOCUS bill"),
        ("", "a.csv:1: the file is empty; expected the header of a FOCUS bill"),
    ] {
        write(&path, text, "2026-04-12T00:00:00Z");
        let wrong = poll(&*source, &kept.cursor);
        match wrong {
            Err(error) => assert_eq!(error, SourceError::Malformed(said.into())),
            Ok(batch) => panic!("{batch:?}"),
        }
    }
    write(&dir.path().join("b.csv"), &bill("Two", "2026-04-01", &["5"]), "2026-04-10T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("6"), "the last good bill stays while its file is broken");
    assert!(kept.message.starts_with("partial: a.csv:1:"), "{}", kept.message);
    write(&path, &bill("One", "2026-04-01", &["2"]), "2026-04-13T00:00:00Z");
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("7"));
}

#[test]
fn a_quote_that_is_never_closed_ends_the_reading_of_that_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = bill("One", "2026-04-01", &["1"]);
    text.push_str("\"2,2,EUR");
    text.push_str(&"x\n".repeat(5 << 20));
    fs::write(dir.path().join("a.csv"), text).unwrap();
    let error = poll(&*build(dir.path(), CONFIG), &Cursor::default()).unwrap_err();
    assert_eq!(error.to_string(), "a.csv:3: a row of more than 4 MiB; is a quote not closed?");
}

#[test]
fn a_bill_written_before_its_period_ended_is_estimated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let text = "BilledCost,BillingCurrency,ChargePeriodStart,BillingPeriodEnd\n1,EUR,2026-04-01,2026-05-01\n";
    for (modified, estimated) in [("2026-04-30T00:00:00Z", true), ("2026-05-01T00:00:00Z", false)] {
        write(&path, text, modified);
        let batch = poll(&*build(dir.path(), CONFIG), &Cursor::default()).unwrap();
        let Body::CostLine(cost) = &batch.records[0].body else { panic!() };
        assert_eq!(cost.estimated, estimated, "{modified}");
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const PACKED: &str = "[[source]]\nname = \"bills\"\nkind = \"focus\"\npath = \".\"\n";

#[test]
fn a_packed_bill_is_read_in_steps_like_a_plain_one_and_restated_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv.gz");
    let costs: Vec<String> = (0..45_000).map(|i| format!("0.{i:012}")).collect();
    let costs: Vec<&str> = costs.iter().map(String::as_str).collect();
    fs::write(&path, packed(&bill("One", "2026-04-01", &costs))).unwrap();
    let source = build(dir.path(), PACKED);
    let first = poll(&*source, &Cursor::default()).unwrap();
    assert!(first.more && first.records.len() == 20_000);
    let progress = first.progress.unwrap();
    assert!(progress.done > 0 && progress.done < progress.total.unwrap(), "{progress:?}");
    let mut kept = Kept::default();
    kept.poll(&*source);
    assert_eq!((kept.records.len(), kept.billed()), (45_000, money("0.001012477500")));
    assert_eq!(kept.message, "45000 rows in 1 file");
    let before = kept.cursor.clone();
    kept.poll(&*source);
    assert_eq!(kept.cursor, before, "nothing changed, nothing moves");
    fs::write(&path, packed(&bill("One", "2026-04-01", &["7"]))).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("7"));
    let (records, faults) = import(&path, "s").unwrap();
    assert_eq!((records.len(), faults.len()), (1, 0));
}

#[test]
fn a_bill_that_lies_there_plain_and_packed_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let text = bill("One", "2026-04-01", &["1", "2"]);
    fs::write(dir.path().join("a.csv.gz"), packed(&text)).unwrap();
    let source = build(dir.path(), PACKED);
    let mut kept = Kept::default();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("3"));
    fs::write(dir.path().join("a.csv"), &text).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("3"));
    assert!(kept.message.contains("a.csv.gz is not read: a.csv is beside it"), "{}", kept.message);
}

#[test]
fn a_packed_bill_that_ends_too_early_or_unpacks_without_end_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let source = build(dir.path(), PACKED);
    let mut kept = Kept::default();
    let whole = packed(&bill("One", "2026-04-01", &["1", "2"]));
    fs::write(path("a.csv.gz"), &whole).unwrap();
    fs::write(path("b.csv"), bill("Two", "2026-04-01", &["5"])).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("8"));
    fs::write(path("a.csv.gz"), &whole[..whole.len() - 9]).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("8"), "what was read before stays");
    assert!(kept.message.contains("a.csv.gz:") && kept.message.contains("the packed file ends too early"), "{}", kept.message);
    // A row that goes on for ever, of which every thousand bytes take one.
    let mut bomb = bill("One", "2026-04-01", &["1"]);
    bomb.push_str(&"9".repeat(64 << 20));
    let bomb = packed(&bomb);
    assert!(bomb.len() < 80 << 10, "{}", bomb.len());
    fs::write(path("a.csv.gz"), bomb).unwrap();
    kept.poll(&*source);
    assert_eq!(kept.billed(), money("8"));
    assert!(kept.message.contains("a.csv.gz:3: unpacks to more than 12 MiB"), "{}", kept.message);
    assert!(import(&path("a.csv.gz"), "s").unwrap_err().contains("unpacks to more than"));
}
