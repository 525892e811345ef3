//! Known-answer vectors: every file of a directory is fed to the code the screen uses, every expectation is compared.
//!
//! The directory is `QUARTERDECK_VECTORS`, else `tests/vectors`. A vector whose metric nothing computes fails. An id's
//! prefix decides who turns its input into an answer (`adapter`).

mod business;
mod check;
mod cost;
mod decomposition;
pub mod delivery;
mod formula;
pub mod input;
mod quality;
mod reliability;

use std::{env, fs, path::PathBuf};

use quarterdeck::domain::value::Reading;
use serde_json::Value;

use self::input::{Expect, Vector};

/// Prefixes of later work: not run, named here so that nobody takes them for done.
const PENDING: &[&str] = &[];

/// What turns one expectation of a vector into our answer; an error says what nothing computes.
pub type Adapter = fn(&Vector, &Expect) -> Result<Reading, String>;

fn adapter(prefix: &str) -> Option<Adapter> {
    Some(match prefix {
        "ATT" | "CFR" | "DF" | "ING" | "LT" | "REC" => delivery::answer,
        "CST" => cost::answer,
        "QUA" => quality::answer,
        "REL" => reliability::answer,
        "BIZ" => business::answer,
        "BND" => formula::band,
        "DEC" => decomposition::answer,
        "SIG" => formula::significance,
        "SLO" => formula::slo,
        "SUS" => formula::suspect,
        _ => return None,
    })
}

#[test]
fn every_vector_holds() {
    let mut faults = Vec::new();
    let (mut held, mut pending) = (0, Vec::new());
    for (file, vector) in load() {
        let vector = match vector {
            Ok(vector) => vector,
            Err(why) => {
                faults.push(format!("{file}: {why}"));
                continue;
            }
        };
        let prefix: String = vector.id.chars().take_while(char::is_ascii_alphabetic).collect();
        if PENDING.contains(&prefix.as_str()) {
            pending.push(vector.id);
            continue;
        }
        let Some(answer) = adapter(&prefix) else {
            faults.push(format!("{}: no adapter for prefix {prefix}", vector.id));
            continue;
        };
        let found = faults_of_each(&vector, answer);
        held += found.iter().filter(|f| f.is_empty()).count();
        faults.extend(found.into_iter().flatten());
    }
    eprintln!("{held} expectations hold; {} vectors pending: {}", pending.len(), pending.join(" "));
    assert!(faults.is_empty(), "{} expectations do not hold:\n{}", faults.len(), faults.join("\n"));
    assert!(held > 0, "no vector was run");
}

/// What does not hold of a vector, in words.
pub fn faults(vector: &Vector, answer: Adapter) -> Vec<String> {
    faults_of_each(vector, answer).into_iter().flatten().collect()
}

fn faults_of_each(vector: &Vector, answer: Adapter) -> Vec<Vec<String>> {
    let of = |expect: &Expect| {
        let found = answer(vector, expect).map_or_else(|e| vec![e], |reading| check::differences(expect, &reading));
        found.iter().map(|f| format!("{}: {} {}: {f}", vector.id, expect.metric, expect.scope)).collect()
    };
    vector.expect.iter().map(of).collect()
}

fn load() -> Vec<(String, Result<Vector, String>)> {
    let dir =
        env::var_os("QUARTERDECK_VECTORS").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from);
    let mut files: Vec<PathBuf> = fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let vector = serde_json::from_str::<Value>(&text).map_err(|e| e.to_string()).and_then(|json| Vector::read(&json));
            (path.file_name().unwrap().to_string_lossy().into_owned(), vector)
        })
        .collect()
}
