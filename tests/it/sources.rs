//! The contract every kind of source keeps, walked over `KINDS` × `tests/fixtures/<kind>/<case>/`.
//!
//! A case is a directory with
//! - `source.toml`: one `[[source]]` block; `{{url}}` stands for the test server's address, `{{timeout}}` for a
//!   bound on requests;
//! - `case.toml`: `now = "…"`, and `ignore = ["latency_ms"]` for fields no two runs agree on;
//! - `answers.json` for kinds that ask a server (see `server::Answer`), `input/…` for kinds that read files (a
//!   `NAME.fast-import` in it becomes a git repository `NAME`);
//! - `expected.jsonl`: the records that must come out. `QUARTERDECK_BLESS=1` writes it; read the difference before
//!   committing it.
//!
//! A new kind needs a case and nothing else here.

mod authority;
mod case;
mod faults;
mod network;
mod probe;
mod prometheus;
mod server;
mod tls;

use std::collections::BTreeSet;

use quarterdeck::{config::Config, sources};

use self::{
    case::{Case, Style},
    server::{Play, Server},
};

/// What no message may contain; the secret of every fixture that has one.
const SECRET: &str = "fixture-secret-value";

#[test]
fn every_kind_has_a_case_and_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for kind in sources::KINDS {
        assert!(names.insert(kind.name), "two kinds are called {}", kind.name);
        assert!(!Case::all_of(kind).is_empty(), "kind {} has no case in tests/fixtures/{}", kind.name, kind.name);
        assert!(!kind.feeds.is_empty() && !kind.summary.is_empty(), "{}", kind.name);
    }
}

#[test]
fn every_kind_builds_from_its_example() {
    let dir = tempfile::tempdir().unwrap();
    for kind in sources::KINDS {
        let config = Config::parse(kind.example, "example.toml", dir.path()).unwrap_or_else(|f| panic!("{}: {f:?}", kind.name));
        for source in &config.sources {
            assert_eq!(source.kind, kind.name);
            if let Err(faults) = sources::build(source) {
                panic!("{}: {faults:?}", kind.name);
            }
        }
        assert!(!config.sources.is_empty(), "{}: its example has no [[source]]", kind.name);
    }
}

#[test]
fn every_kind_refuses_an_unknown_key_and_says_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    for kind in sources::KINDS {
        let text = kind.example.replacen("[[source]]\n", "[[source]]\ncolour_of_the_sky = 1\n", 1);
        let line = 2 + text.lines().position(|l| l == "[[source]]").unwrap();
        let faults = match Config::parse(&text, "example.toml", dir.path()) {
            Ok(config) => sources::build(&config.sources[0]).err().unwrap_or_default(),
            Err(faults) => faults,
        };
        let found = faults.iter().any(|f| f.line == line && f.message.contains("colour_of_the_sky"));
        assert!(found, "{}: expected a fault in line {line}, got {faults:?}", kind.name);
    }
}

#[tokio::test]
async fn recorded_answers_give_exactly_the_expected_records() {
    for case in Case::all() {
        let server = Server::start(Play::Answers(case.answers.clone())).await;
        let setup = case.set_up(&server.url);
        let records = case.read_all(&setup, "").await.unwrap_or_else(|e| panic!("{case}: {e}")).records;
        assert!(server.unmatched().is_empty(), "{case}: no answer for {:#?}", server.unmatched());
        case.expect(&records, &server.url);
    }
}

#[tokio::test]
async fn records_are_unique_declared_named_and_never_in_the_future() {
    for case in Case::all() {
        let server = Server::start(Play::Answers(case.answers.clone())).await;
        let setup = case.set_up(&server.url);
        let all = case.read_all(&setup, "").await.unwrap();
        case.check(&all);
        let mut ids = BTreeSet::new();
        for record in &all.records {
            assert!(ids.insert(&record.id), "{case}: {} twice", record.id);
        }
        assert!(!all.message.is_empty(), "{case}: a poll says in one line what it read");
    }
}

#[tokio::test]
async fn polling_again_changes_nothing() {
    for case in Case::all() {
        let server = Server::start(Play::Answers(case.answers.clone())).await;
        let setup = case.set_up(&server.url);
        let first = case.read_all(&setup, "").await.unwrap();
        let same = case.read_all(&setup, "").await.unwrap();
        assert_eq!(case.comparable(&first.records, &server.url), case.comparable(&same.records, &server.url), "{case}: from the beginning");
        assert_eq!(first.cursor, same.cursor, "{case}");
        // From where it stopped: nothing, or again what is known already.
        let known = case.comparable(&first.records, &server.url);
        let after = case.read_all(&setup, &first.cursor).await.unwrap();
        for record in case.comparable(&after.records, &server.url) {
            assert!(known.contains(&record), "{case}: after the end came {record}");
        }
    }
}

#[tokio::test]
async fn what_a_server_can_do_wrong_becomes_the_right_error() {
    for case in Case::all().iter().filter(|c| c.style() == Style::Network) {
        for fault in faults::TABLE {
            let server = Server::start((fault.play)(&case.answers)).await;
            let setup = case.set_up_with(&server.url, fault.timeout());
            let result = case.read_all(&setup, "").await;
            let (sent, connections) = (server.sent(), server.connections());
            assert!(sent <= connections * (32 << 20), "{case}: {sent} bytes were taken of {} by {connections}", fault.name);
            if let Ok(all) = &result {
                case.check(all);
            }
            let message = result.as_ref().map_or_else(ToString::to_string, |all| all.message.clone());
            case::check_text(&message, &format!("{case}, {}", fault.name));
            assert!((fault.right)(result.as_ref().map(|_| ())), "{case}: {} gave {result:?}", fault.name);
        }
    }
}

#[tokio::test]
async fn what_a_probed_target_does_wrong_is_a_result() {
    for case in Case::all().iter().filter(|c| c.style() == Style::Probing) {
        for fault in faults::TABLE {
            let server = Server::start((fault.play)(&case.answers)).await;
            let setup = case.set_up_with(&server.url, fault.timeout());
            let all = case.read_all(&setup, "").await.unwrap_or_else(|e| panic!("{case}: {}: {e}", fault.name));
            case.check(&all);
            assert!(server.sent() < 16 << 20, "{case}: {} bytes were taken of {}", server.sent(), fault.name);
            let found = case::first_probe(&all.records);
            assert_eq!(found.error_kind.as_deref(), Some(fault.probe), "{case}: {}", fault.name);
            assert!(!found.ok);
        }
    }
}

#[tokio::test]
async fn damaged_input_is_said_or_skipped_and_never_a_crash() {
    for case in Case::all().iter().filter(|c| c.style() == Style::Local) {
        for damage in case::DAMAGES {
            for file in case.inputs() {
                let setup = case.set_up("http://127.0.0.1:9/");
                damage.apply(&setup.dir.path().join("input").join(&file));
                let what = format!("{case}, {} {}", damage.name, file.display());
                match case.read_all(&setup, "").await {
                    Ok(all) => case.check(&all),
                    Err(error) => case::check_text(&error.to_string(), &what),
                }
            }
        }
    }
}
