//! How fast records go into the embedded store, derivation put off, as in a first read of history.

#[path = "company.rs"]
mod company;

use quarterdeck::{
    domain::record::Record,
    ledger::Rules,
    store::{Incoming, Store},
};

fn main() {
    divan::main();
}

/// Records per batch; one transaction each.
const BATCH: usize = 50_000;

fn ingest(batches: &[Vec<Incoming>]) -> Store {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut store = Store::open(&dir.keep().join("deck.db")).expect("a new store");
    let roster = company::roster(company::size());
    for batch in batches {
        store.commit(batch, &roster, &Rules::default(), company::now(), false).expect("a commit");
    }
    store
}

fn batches(records: impl Iterator<Item = Record>, most: usize) -> Vec<Vec<Incoming>> {
    let all: Vec<Record> = records.take(most).collect();
    all.chunks(BATCH).map(|c| vec![Incoming { source: "bench".into(), records: c.to_vec(), cursor: Some("x".into()) }]).collect()
}

fn count() -> usize {
    usize::try_from(company::size().deployments).unwrap_or(usize::MAX)
}

/// One million deployments, changes and incidents.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn deployments_and_changes(bencher: divan::Bencher) {
    let batches = batches(company::delivery(company::size()), count());
    bencher.counter(divan::counter::ItemsCount::new(count())).bench_local(|| ingest(&batches));
}

/// The same batches again into a store that has them: what an overlapping cursor costs.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn the_same_again(bencher: divan::Bencher) {
    let batches = batches(company::delivery(company::size()), count());
    let mut store = ingest(&batches);
    let roster = company::roster(company::size());
    bencher.counter(divan::counter::ItemsCount::new(count())).bench_local(|| {
        for batch in &batches {
            store.commit(batch, &roster, &Rules::default(), company::now(), false).expect("a commit");
        }
    });
}

/// One million probe results and samples of a thousand series.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn samples_and_probes(bencher: divan::Bencher) {
    let series = 1_000.min(count());
    let batches = batches(company::points(series as u64, (count() / series) as u64), count());
    bencher.counter(divan::counter::ItemsCount::new(count())).bench_local(|| ingest(&batches));
}
