//! A case on disk, set up in a temporary directory, read to its end, and compared.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use quarterdeck::{
    config::Config,
    domain::{
        Time,
        record::{Body, Probe, Record},
    },
    sources::{self, Batch, Cursor, Kind, Source, SourceError},
};
use serde::Deserialize;
use serde_json::Value;

use super::{SECRET, server::Answer};

/// How a kind gets at its data, so which part of the contract applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Asks a server; what goes wrong is a `SourceError`.
    Network,
    /// Asks a server; what goes wrong is the result.
    Probing,
    /// Reads files or a repository.
    Local,
}

/// One directory of `tests/fixtures/<kind>`.
pub struct Case {
    pub kind: &'static Kind,
    pub dir: PathBuf,
    pub answers: Vec<Answer>,
    about: About,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    now: Time,
    #[serde(default)]
    ignore: Vec<String>,
}

/// A case ready to be polled.
pub struct Setup {
    pub dir: tempfile::TempDir,
    pub name: String,
    pub source: Box<dyn Source>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name, self.dir.file_name().unwrap().to_string_lossy())
    }
}

impl Case {
    pub fn all() -> Vec<Self> {
        sources::KINDS.iter().copied().flat_map(Self::all_of).collect()
    }

    pub fn all_of(kind: &'static Kind) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kind.name);
        let Ok(entries) = fs::read_dir(&root) else { return Vec::new() };
        let mut dirs: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).filter(|p| p.join("source.toml").exists()).collect();
        dirs.sort();
        dirs.into_iter().map(|dir| Self::read(kind, dir)).collect()
    }

    fn read(kind: &'static Kind, dir: PathBuf) -> Self {
        let about = fs::read_to_string(dir.join("case.toml")).unwrap_or_else(|e| panic!("{}/case.toml: {e}", dir.display()));
        let about = toml::from_str(&about).unwrap_or_else(|e| panic!("{}/case.toml: {e}", dir.display()));
        let answers = fs::read_to_string(dir.join("answers.json")).map_or_else(
            |_| Vec::new(),
            |text| serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}/answers.json: {e}", dir.display())),
        );
        Self { kind, dir, answers, about }
    }

    pub fn style(&self) -> Style {
        match self.kind.name {
            "http" => Style::Probing,
            _ if self.dir.join("answers.json").exists() => Style::Network,
            _ => Style::Local,
        }
    }

    /// Files of `input`, relative to it.
    pub fn inputs(&self) -> Vec<PathBuf> {
        files_below(&self.dir.join("input"))
    }

    /// Copy to a temporary directory and build the source, with the server at `url`.
    pub fn set_up(&self, url: &str) -> Setup {
        self.set_up_with(url, "30s")
    }

    /// The same with a bound on requests.
    pub fn set_up_with(&self, url: &str, timeout: &str) -> Setup {
        let dir = tempfile::tempdir().unwrap();
        copy_tree(&self.dir, dir.path());
        make_repositories(&dir.path().join("input"));
        let text = fs::read_to_string(dir.path().join("source.toml")).unwrap().replace("{{url}}", url).replace("{{timeout}}", timeout);
        let config = Config::parse(&text, "source.toml", dir.path()).unwrap_or_else(|f| panic!("{self}: {f:?}"));
        let source = config.sources.first().unwrap_or_else(|| panic!("{self}: no [[source]]"));
        let name = source.name.clone();
        let (source, kind) = sources::build(source).unwrap_or_else(|f| panic!("{self}: {f:?}"));
        assert_eq!(kind.name, self.kind.name);
        Setup { dir, name, source }
    }

    /// Poll as the engine does until there is no more; the records of all polls, the last cursor and message.
    pub async fn read_all(&self, setup: &Setup, cursor: &str) -> Result<Read, SourceError> {
        let mut all = Read { name: setup.name.clone(), cursor: cursor.to_owned(), ..Read::default() };
        for _ in 0..200 {
            let mut batch: Batch = setup.source.poll(&Cursor(all.cursor.clone()), self.about.now).await?;
            batch.clean();
            check_text(&batch.message, &self.to_string());
            all.records.retain(|r: &Record| !batch.records.iter().any(|new| new.id == r.id));
            all.records.append(&mut batch.records);
            all.message = batch.message;
            let moved = all.cursor != batch.cursor.0;
            all.cursor = batch.cursor.0;
            if !batch.more {
                return Ok(all);
            }
            assert!(moved, "{self}: more to read, but the cursor stands still at {:?}", all.cursor);
        }
        panic!("{self}: still more to read after 200 polls");
    }

    /// What holds for every batch, whatever the server sent.
    pub fn check(&self, all: &Read) {
        for record in &all.records {
            let json = serde_json::to_string(record).unwrap();
            check_text(&json, &self.to_string());
            assert!(json.len() < 100_000, "{self}: a record of {} bytes", json.len());
            assert!(self.kind.feeds.contains(&record.body.kind()), "{self}: {:?} is not among the declared feeds", record.body.kind());
            assert_eq!(record.source, all.name, "{self}: {}", record.id);
            let at = record.event_time();
            assert!(at.is_none_or(|at| at <= self.about.now), "{self}: {} lies in the future: {at:?}", record.id);
            assert!(!json.contains("null"), "{self}: a number that is none became null: {json}");
        }
        check_text(&all.message, &self.to_string());
    }

    /// Records as sorted JSON without what no two runs agree on.
    pub fn comparable(&self, records: &[Record], url: &str) -> Vec<Value> {
        let mut lines: Vec<(String, Value)> = records
            .iter()
            .map(|record| {
                let text = serde_json::to_string(record).unwrap().replace(url, "{{url}}");
                let mut json: Value = serde_json::from_str(&text).unwrap();
                for field in &self.about.ignore {
                    json.as_object_mut().unwrap().remove(field);
                }
                (record.id.clone(), json)
            })
            .collect();
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        lines.into_iter().map(|(_, json)| json).collect()
    }

    /// Compare with `expected.jsonl`, or write it.
    pub fn expect(&self, records: &[Record], url: &str) {
        let path = self.dir.join("expected.jsonl");
        let found = self.comparable(records, url);
        if std::env::var_os("QUARTERDECK_BLESS").is_some_and(|v| !v.is_empty()) {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            fs::write(&path, lines.join("\n") + "\n").unwrap();
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{self}: expected.jsonl: {e}"));
        let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{self}: line {} of expected.jsonl", i + 1);
        }
        assert_eq!(found.len(), expected.len(), "{self}: number of records");
        assert!(!found.is_empty(), "{self}: a case that expects nothing shows nothing");
    }
}

/// Everything several polls brought.
#[derive(Debug, Default)]
pub struct Read {
    pub name: String,
    pub records: Vec<Record>,
    pub cursor: String,
    pub message: String,
}

/// Text that may reach a terminal: bounded, without control characters, escapes or the secret.
pub fn check_text(text: &str, what: &str) {
    assert!(!text.contains(SECRET), "{what}: the secret is in {text:?}");
    assert!(!text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{what}: control characters in {text:?}");
    assert!(!text.contains("\\u001b") && !text.contains("\\u0007"), "{what}: control characters in {text}");
    assert!(text.len() < 100_000, "{what}: {} bytes of text", text.len());
}

/// The first probe result.
pub fn first_probe(records: &[Record]) -> &Probe {
    let probe = |r| match r {
        &Record { body: Body::Probe(ref probe), .. } => Some(probe),
        _ => None,
    };
    records.iter().find_map(probe).expect("a probe leaves a result")
}

/// One way to damage a file.
pub struct Damage {
    pub name: &'static str,
    change: fn(&Path),
}

impl Damage {
    /// Do it. A file that set-up has consumed (a repository's export) is left alone.
    pub fn apply(&self, path: &Path) {
        if path.exists() {
            (self.change)(path);
        }
    }
}

/// What happens to files.
pub const DAMAGES: &[Damage] = &[
    Damage { name: "nothing in", change: |p| fs::write(p, "").unwrap() },
    Damage { name: "no more", change: |p| fs::remove_file(p).unwrap() },
    Damage {
        name: "half of",
        change: |p| {
            let bytes = fs::read(p).unwrap();
            fs::write(p, &bytes[..bytes.len() / 2]).unwrap();
        },
    },
    Damage {
        name: "a directory instead of",
        change: |p| {
            fs::remove_file(p).unwrap();
            fs::create_dir(p).unwrap();
        },
    },
    Damage { name: "an HTML page instead of", change: |p| fs::write(p, "<!DOCTYPE html><title>Sign in</title>").unwrap() },
    Damage {
        name: "bytes that are no text in",
        change: |p| fs::write(p, [0xff, 0xfe, 0x00, 0x1b, b'[', b'2', b'J'].repeat(1000)).unwrap(),
    },
    Damage {
        name: "control characters in",
        change: |p| {
            let text = String::from_utf8_lossy(&fs::read(p).unwrap()).replace('a', "a\u{1b}]0;owned\u{7}\u{202e}");
            fs::write(p, text).unwrap();
        },
    },
    Damage { name: "one endless line in", change: |p| fs::write(p, "x,".repeat(1 << 20)).unwrap() },
];

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let Ok(entries) = fs::read_dir(dir.join(&below)) else { continue };
        for entry in entries {
            let path = below.join(entry.unwrap().file_name());
            if dir.join(&path).is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn copy_tree(from: &Path, to: &Path) {
    for file in files_below(from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}

/// `NAME.fast-import` becomes a git repository `NAME`: repositories cannot be kept inside a repository.
fn make_repositories(dir: &Path) {
    for file in files_below(dir).iter().filter(|f| f.extension().is_some_and(|e| e == "fast-import")) {
        let repository = dir.join(file.with_extension(""));
        git(&["init", "--quiet", "--initial-branch=main", &repository.to_string_lossy()], dir, None);
        git(&["fast-import", "--quiet", "--force"], &repository, Some(&dir.join(file)));
        git(&["reset", "--quiet", "--hard"], &repository, None);
        fs::remove_file(dir.join(file)).unwrap();
    }
}

fn git(arguments: &[&str], dir: &Path, input: Option<&Path>) {
    #[allow(clippy::disallowed_methods, reason = "a test makes its repository with git itself")]
    let mut command = std::process::Command::new("git");
    command.args(arguments).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    if let Some(input) = input {
        command.stdin(fs::File::open(input).unwrap());
    }
    assert!(command.status().expect("git is on PATH").success(), "git {arguments:?} in {}", dir.display());
}
