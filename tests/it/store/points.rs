//! Live series: the buckets are those of the points, however and whenever the points came.

use std::path::PathBuf;

use chrono::Duration;
use proptest::prelude::*;
use quarterdeck::{
    domain::{
        Time,
        record::{Body, BucketCount, Record, Sample, SampleKind},
        team::Roster,
        window::Window,
    },
    kpi::fact::Bucket,
    ledger::Rules,
    store::{FactQuery, Incoming, Store},
};

use super::{at, place};

/// Half an hour to midnight, so that minutes, hours and a day end.
fn start() -> Time {
    at("2026-03-02T23:30:00Z")
}

fn now() -> Time {
    start() + Duration::minutes(50)
}

/// A point: how long after the one before it, its value, and what is odd about it.
type Step = (i64, u8, u8);

fn points(series: usize, kind: SampleKind, window_s: f64, steps: &[Step]) -> Vec<Record> {
    let mut clock = start();
    let mut total = 0.0;
    let mut out: Vec<Record> = Vec::new();
    for (n, (after, value, odd)) in steps.iter().enumerate() {
        clock += Duration::milliseconds(*after);
        let add = f64::from(*value) * 0.1;
        total = if *odd == 3 { add } else { total + add };
        let value = if kind == SampleKind::CounterCum { total } else { add };
        let histogram = kind == SampleKind::Histogram;
        let body = Sample {
            metric: "requests".into(),
            sample_kind: kind,
            window_s,
            value: (!histogram).then_some(value),
            buckets: if histogram { vec![BucketCount("0.1".into(), value), BucketCount("+Inf".into(), value * 2.0)] } else { Vec::new() },
            ..Sample::default()
        };
        let mut record = Record::new("s", format!("{series}-{n}"), Body::Sample(body));
        record.service = Some("pay".into());
        record.labels.insert("series".into(), series.to_string());
        record.ts = Some(clock);
        match (odd, out.last()) {
            // Late, and between others.
            (0, _) => record.ts = Some(clock - Duration::seconds(95)),
            // The one before it, in a new revision, or taken back.
            (1 | 2, Some(before)) => {
                record.ts = before.ts;
                record.updated_at = Some(clock + Duration::hours(1) + Duration::seconds(i64::try_from(n).unwrap()));
                record.deleted = *odd == 2;
            }
            _ => {}
        }
        out.push(record);
    }
    out
}

fn buckets(store: &Store) -> Vec<Bucket> {
    let query = FactQuery { live: vec!["requests".into()], labels: true, ..FactQuery::default() };
    let reader = store.reader().unwrap();
    // As minutes, hours and days.
    let spans = [Duration::hours(3), Duration::days(3), Duration::days(100)];
    spans.iter().flat_map(|length| reader.facts(&query, Window::ending(now() + Duration::hours(1), *length)).unwrap().buckets).collect()
}

fn commit(store: &mut Store, records: &[Record], at_once: bool) {
    // Two batches: a commit may bring more than one of a series.
    let (one, two) = records.split_at(records.len() / 2);
    let batches = [one, two].map(|part| Incoming { source: "s".into(), records: part.to_vec(), cursor: None });
    store.commit(&batches, &Roster::default(), &Rules::default(), now(), at_once).unwrap();
}

/// The store as another process finds it: with nothing but what is in the file.
fn opened_again(store: Store, path: &mut PathBuf) -> Store {
    drop(store);
    // Under another name: tests beside this one start processes, which hold its lock for a moment.
    let copy = path.with_extension(format!("{}x", path.extension().unwrap().to_str().unwrap()));
    std::fs::copy(&path, &copy).unwrap();
    *path = copy;
    Store::open(path).unwrap()
}

fn settle(store: &mut Store) {
    while store.derive_pending(&Roster::default(), &Rules::default(), now()).unwrap() {}
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buckets_are_those_of_the_points_however_they_came(
        steps in prop::collection::vec((1..45_000i64, 0..50u8, 0..40u8), 1..70),
        kind in prop::sample::select(vec![SampleKind::CounterDelta, SampleKind::CounterCum, SampleKind::Gauge, SampleKind::Histogram]),
        window_s in prop::sample::select(vec![0.0, 1.0, 60.0]),
        cuts in prop::collection::vec((1..12usize, 0..4u8), 1..20),
    ) {
        // A running total has no window.
        let window_s = if kind == SampleKind::CounterCum { 0.0 } else { window_s };
        let one = points(0, kind, window_s, &steps);
        let other = points(1, kind, window_s, &steps[steps.len() / 2..]);
        let arrivals: Vec<Record> = one.iter().chain(&other).cloned().collect();

        let mut p = place();
        let mut store = Store::open(&p.path).unwrap();
        let (mut rest, mut cut) = (arrivals.as_slice(), 0);
        while !rest.is_empty() {
            let (many, how) = cuts[cut % cuts.len()];
            let (head, tail) = rest.split_at(many.min(rest.len()));
            commit(&mut store, head, how == 0);
            match how {
                1 => settle(&mut store),
                2 => store = opened_again(store, &mut p.path),
                _ => {}
            }
            (rest, cut) = (tail, cut + 1);
        }
        settle(&mut store);

        // All at once into a store that is opened again before anything is folded: from the points alone.
        let mut whole = place();
        let mut plain = Store::open(&whole.path).unwrap();
        commit(&mut plain, &arrivals, false);
        let mut plain = opened_again(plain, &mut whole.path);
        settle(&mut plain);
        let (found, wanted) = (buckets(&store), buckets(&plain));
        prop_assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            prop_assert_eq!(found, wanted);
        }
    }
}
