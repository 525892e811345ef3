//! What a board costs: 28 days out of a year with 50 teams, 200 services, a million deployments and three million changes.
//!
//! The store is made once (minutes) and kept in the system's temporary directory under the size's name, so that a second
//! run starts at once. `QUARTERDECK_BENCH=smoke` makes a small one.

#![allow(clippy::print_stderr, reason = "a benchmark says what it prepared")]

#[path = "company.rs"]
mod company;

use std::{path::PathBuf, sync::Arc};

use quarterdeck::{
    config::Config,
    domain::{record::Record, team::Roster, value::Scope, window::Window},
    engine::look,
    kpi::{board::Look, fact::Measure},
    ledger::Rules,
    store::{FactQuery, Incoming, Reader, Store},
};

fn main() {
    divan::main();
}

fn store() -> PathBuf {
    let size = company::size();
    kept(&size.deployments.to_string(), &company::roster(size), company::delivery(size))
}

/// A store of these records, made unless there is one; one that an older program made is brought up to date.
fn kept(name: &str, roster: &Roster, records: impl Iterator<Item = Record>) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quarterdeck-bench-{name}.db"));
    let done = path.with_extension("done");
    // Of a store that is there none is made again.
    let most = if done.exists() { 0 } else { usize::MAX };
    let mut records = records.take(most).peekable();
    if most > 0 {
        let _ = std::fs::remove_file(&path);
    }
    let mut store = Store::open(&path).expect("a store");
    let (rules, began) = (Rules::default(), std::time::Instant::now());
    let mut put = |records| {
        let incoming = Incoming { source: "bench".into(), records, cursor: None };
        store.commit(&[incoming], roster, &rules, company::now(), false).expect("a commit");
    };
    put(Vec::new());
    while records.peek().is_some() {
        put(records.by_ref().take(50_000).collect());
    }
    let stored = began.elapsed();
    while store.derive_pending(roster, &rules, company::now()).expect("derivation") {}
    if most > 0 {
        eprintln!("{name} made and stored in {stored:.1?}, derived in {:.1?}", began.elapsed().saturating_sub(stored));
        std::fs::write(done, "").expect("a mark");
    }
    path
}

fn config() -> Config {
    let mut config = Config::parse("[org]\nname = \"Acme\"\n", "bench.toml", std::path::Path::new(".")).expect("a config");
    config.roster = company::roster(company::size());
    config
}

/// The whole way from the store to a board, as for the first tab.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn organisation_28_days(bencher: divan::Bencher) {
    let (reader, config) = (Reader::open(&store()).expect("a reader"), config());
    bencher.bench_local(|| look::load(&reader, &config, &Look::default(), company::now()).expect("a board"));
}

/// The same with the page of a metric open: the one with most facts.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn organisation_lead_time(bencher: divan::Bencher) {
    let (reader, config) = (Reader::open(&store()).expect("a reader"), config());
    let look = Look { focus: Some("lead_time.median"), ..Look::default() };
    bencher.bench_local(|| look::load(&reader, &config, &look, company::now()).expect("a board"));
}

/// The same for one team.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_team_28_days(bencher: divan::Bencher) {
    let (reader, config) = (Reader::open(&store()).expect("a reader"), config());
    let look = Look { scope: Scope::Team("team-7".into()), ..Look::default() };
    bencher.bench_local(|| look::load(&reader, &config, &look, company::now()).expect("a board"));
}

/// A board of a thousand live series with a point an hour over the two windows.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn a_thousand_live_series(bencher: divan::Bencher) {
    let series = if company::size().deployments > 5_000 { 1_000 } else { 20 };
    let path = kept(&format!("live-{series}"), &Roster::default(), company::points_every(3_600_000, series, 56 * 24));
    let (reader, config) = (Reader::open(&path).expect("a reader"), config());
    bencher.bench_local(|| look::load(&reader, &config, &Look::default(), company::now()).expect("a board"));
}

/// The same for one service.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_service_28_days(bencher: divan::Bencher) {
    let (reader, config) = (Reader::open(&store()).expect("a reader"), config());
    let look = Look { scope: Scope::Service("service-7".into()), ..Look::default() };
    bencher.bench_local(|| look::load(&reader, &config, &look, company::now()).expect("a board"));
}

/// Only the facts of a board.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn facts_56_days(bencher: divan::Bencher) {
    let reader = Reader::open(&store()).expect("a reader");
    let measures = vec![Measure::Deployment, Measure::LeadTime, Measure::Recovery, Measure::Restore, Measure::RestoreStages];
    let query = FactQuery { measures, roster: Some(Arc::default()), ..FactQuery::default() };
    let window = Window::ending(company::now(), chrono::Duration::days(56));
    bencher.bench_local(|| reader.facts(&query, window).expect("facts"));
}

/// A live deployment: committed and derived with its partition.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_more_deployment(bencher: divan::Bencher) {
    let path = store();
    let (roster, rules) = (company::roster(company::size()), Rules::default());
    let mut store = Store::open(&path).expect("the store");
    let mut dice = company::Dice::new(99);
    bencher.bench_local(|| {
        let records = company::one(&mut dice, company::size());
        store
            .commit(&[Incoming { source: "bench".into(), records, cursor: None }], &roster, &rules, company::now(), true)
            .expect("a commit")
    });
}
