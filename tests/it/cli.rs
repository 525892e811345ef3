//! The commands, as a shell sees them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tempfile::TempDir;

/// A machine of one's own: home, data and configuration directories that nobody else sees.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { dir: TempDir::new().unwrap() };
        std::fs::create_dir(place.home()).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// The whole environment of a program started here.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let home = self.home().display().to_string();
        vec![
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("XDG_CONFIG_HOME", format!("{home}/.config")),
            ("XDG_DATA_HOME", format!("{home}/.local/share")),
            ("XDG_STATE_HOME", format!("{home}/.local/state")),
            ("XDG_CACHE_HOME", format!("{home}/.cache")),
            ("HOME", home),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CEILING_DIRECTORIES", self.dir.path().display().to_string()),
        ]
    }

    #[allow(clippy::disallowed_methods, reason = "tests start the real binary")]
    fn command(&self, program: &str, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env()).current_dir(dir).stdin(Stdio::null());
        command
    }

    /// Run `quarterdeck` in the home directory.
    pub fn run(&self, args: &[&str]) -> Answer {
        self.run_in(&self.home(), args)
    }

    pub fn run_in(&self, dir: &Path, args: &[&str]) -> Answer {
        Answer::of(self.command(env!("CARGO_BIN_EXE_quarterdeck"), dir).args(args).output().unwrap())
    }

    fn git(&self, repo: &Path, age_s: u64, args: &[&str]) {
        let when = format!("{} +0000", now() - age_s);
        let done = self
            .command("git", repo)
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.test", "-c", "init.defaultBranch=main"])
            .args(args)
            .env("GIT_AUTHOR_DATE", &when)
            .env("GIT_COMMITTER_DATE", &when)
            .output()
            .unwrap();
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A commit of this age.
    pub fn commit(&self, repo: &Path, title: &str, age_s: u64) {
        self.git(repo, age_s, &["commit", "--quiet", "--allow-empty", "-m", title]);
    }

    pub fn tag(&self, repo: &Path, name: &str, age_s: u64) {
        self.git(repo, age_s, &["tag", "-a", name, "-m", name]);
    }

    /// A repository with so many changes, one every six hours until two hours ago, and a release one hour after each.
    pub fn repository(&self, changes: u64) -> PathBuf {
        let repo = self.path("shop");
        std::fs::create_dir_all(&repo).unwrap();
        self.git(&repo, 0, &["init", "--quiet"]);
        for i in 1..=changes {
            let age = (changes - i) * 6 * 3600 + 7200;
            self.commit(&repo, &format!("feat: thing {i}"), age);
            self.tag(&repo, &format!("v1.{i}.0"), age - 3600);
        }
        repo
    }
}

#[allow(clippy::disallowed_methods, reason = "the binary under test looks at the real clock, so what it reads must be recent")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a command said.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        assert_eq!(self.err, "", "nothing on stderr when all is well");
        self.out
    }

    #[track_caller]
    fn refused(&self, code: i32, word: &str) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
    }
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

/// A vector's events as canonical lines, and the vector.
fn vector(name: &str) -> (Vec<Value>, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let vector: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut lines = Vec::new();
    for (list, kind) in [("deployments", "deployment"), ("changes", "change"), ("incidents", "incident"), ("commits", "commit")] {
        for event in vector["input"][list].as_array().unwrap_or(&Vec::new()) {
            let mut event = event.clone();
            event["kind"] = kind.into();
            lines.push(event);
        }
    }
    assert!(!lines.is_empty());
    (lines, vector)
}

pub fn write_lines(path: &Path, lines: &[Value]) {
    std::fs::write(path, lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")).unwrap();
}

/// A store with a vector's events in it.
fn imported(place: &Place, name: &str) -> (String, Value) {
    let (lines, vector) = vector(name);
    let file = place.path("events.jsonl");
    write_lines(&file, &lines);
    let store = place.path("own.db").display().to_string();
    let said = place.run(&["import", "--store", &store, &file.display().to_string()]).fine();
    assert!(said.contains(&format!("{} records read: {} new", lines.len(), lines.len())), "{said}");
    (store, vector)
}

#[test]
fn what_is_imported_comes_out_as_the_vectors_numbers() {
    for name in ["DF01_basic_two_weeks.json", "CFR01_many_incidents_few_deployments.json"] {
        let place = Place::new();
        let (store, vector) = imported(&place, name);
        let (from, to) = (vector["window"]["from"].as_str().unwrap(), vector["window"]["to"].as_str().unwrap());
        for expected in vector["expect"].as_array().unwrap() {
            let metric = expected["metric"].as_str().unwrap();
            let args = ["kpi", "--store", &store, "--format", "json", "--from", from, "--to", to, metric];
            let readings = json_lines(&place.run(&args).fine());
            let reading = readings.iter().find(|r| r["metric"] == metric).unwrap_or_else(|| panic!("{metric} is not in {readings:?}"));
            for key in ["scope", "unit", "status"] {
                assert_eq!(reading[key], expected[key], "{name} {metric} {key}");
            }
            let (got, wanted) = (reading["value"].as_f64().unwrap(), expected["value"].as_f64().unwrap());
            assert!((got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{name} {metric}: {got} is not {wanted}");
            assert!(reading["n"].is_u64(), "{reading}");
        }
    }
}

#[test]
fn a_second_import_changes_nothing_and_export_gives_back_what_came_in() {
    let place = Place::new();
    let (store, _) = imported(&place, "CFR01_many_incidents_few_deployments.json");
    let file = place.path("events.jsonl").display().to_string();
    let said = place.run(&["import", "--store", &store, &file]).fine();
    assert!(said.contains("0 new or newer, 13 known already"), "{said}");
    let out = place.run(&["export", "--store", &store]).fine();
    let lines = json_lines(&out);
    assert_eq!(lines.len(), 13);
    assert!(lines.iter().all(|l| l["source"] == "import"), "{out}");
    // What came out goes into another store, and comes out the same.
    let (copy, again) = (place.path("copy.jsonl"), place.path("copy.db").display().to_string());
    std::fs::write(&copy, &out).unwrap();
    place.run(&["import", "--store", &again, &copy.display().to_string()]).fine();
    assert_eq!(place.run(&["export", "--store", &again]).fine(), out);
    let incidents = place.run(&["export", "--store", &store, "--kind", "incident", "--to", "2026-03-03"]).fine();
    assert_eq!(json_lines(&incidents).len(), 2, "{incidents}");
}

#[test]
fn bad_lines_are_listed_with_file_and_line_and_the_good_ones_taken() {
    let place = Place::new();
    let file = place.path("mixed.jsonl");
    let good = r#"{"kind":"deployment","id":"d1","service":"api","env_tier":"production","status":"success","finished_at":"2026-03-02T09:00:00Z"}"#;
    let text = format!("{good}\nnot json\n\n{}\n{{\"kind\":\"deployment\"}}\n", good.replace("d1", "d2"));
    std::fs::write(&file, text).unwrap();
    let store = place.path("s.db").display().to_string();
    let answer = place.run(&["import", "--store", &store, &file.display().to_string()]);
    answer.refused(1, &format!("{}:2: ", file.display()));
    answer.refused(1, &format!("{}:5: ", file.display()));
    assert!(answer.out.contains("2 records read: 2 new or newer, 0 known already, 2 bad lines"), "{}", answer.out);
    let all = place.run(&["export", "--store", &store]).fine();
    assert_eq!(json_lines(&all).len(), 2);
}

#[test]
fn bills_and_reports_are_known_by_their_content_and_nothing_imported_reaches_the_terminal_raw() {
    let place = Place::new();
    let write = |name: &str, text: &str| {
        std::fs::write(place.path(name), text).unwrap();
        place.path(name).display().to_string()
    };
    let bill = write("bill", "BilledCost,BillingCurrency,ChargePeriodStart\n0.000000000001,EUR,2026-01-01\nNULL,EUR,2026-01-01\n");
    let coverage = write("coverage", "SF:a.c\nDA:1,1\nDA:2,0\nend_of_record\n");
    let lines = write("lines", "{\"kind\":\"change\",\"id\":\"c\",\"title\":\"a\\u001b[31mb\",\"merged_at\":\"2026-01-01T00:00:00Z\"}\n");
    let store = place.path("s.db").display().to_string();
    let answer = place.run(&["import", "--store", &store, &bill, &coverage, &lines]);
    answer.refused(1, "bill:3: expected a BilledCost or an EffectiveCost, found neither");
    let all = json_lines(&place.run(&["export", "--store", &store]).fine());
    let of = |kind: &str| all.iter().find(|r| r["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {all:?}"));
    assert_eq!(of("cost_line")["BilledCost"], "0.000000000001");
    assert_eq!((&of("quality")["covered_lines"], &of("quality")["lines_to_cover"]), (&Value::from(1.0), &Value::from(2.0)));
    assert_eq!(of("change")["title"], "ab");
}

#[test]
fn a_missing_file_is_said_and_nothing_is_printed_as_done() {
    let place = Place::new();
    let store = place.path("s.db").display().to_string();
    let said = place.run(&["import", "--store", &store, "/nowhere/at-all.jsonl"]);
    said.refused(3, "/nowhere/at-all.jsonl");
    assert_eq!(said.out, "");
}

#[test]
fn events_show_what_was_derived() {
    let place = Place::new();
    let (store, _) = imported(&place, "CFR01_many_incidents_few_deployments.json");
    let failed = json_lines(&place.run(&["events", "--store", &store, "--failed", "--format", "jsonl"]).fine());
    let ids: Vec<_> = failed.iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["d10", "d01"], "newest first");
    assert!(failed.iter().all(|r| r["derived"]["failed"] == true));
    let incidents = json_lines(&place.run(&["events", "--store", &store, "--kind", "incident", "--format", "jsonl"]).fine());
    assert_eq!(incidents.len(), 3);
    assert!(incidents.iter().all(|r| r["derived"]["linked_by"] == "explicit"), "{incidents:?}");
    let table = place.run(&["events", "--store", &store, "--limit", "2"]).fine();
    assert_eq!(table.lines().count(), 3, "a header and two rows:\n{table}");
    assert_eq!(place.run(&["events", "--store", &store, "--service", "none"]).fine().lines().count(), 1);
    place.run(&["events", "--store", &store, "--kind", "deploy"]).refused(2, "expected one of deployment");
    place.run(&["events", "--store", &store, "--from", "soon"]).refused(2, "--from soon: expected a time");
}

#[test]
fn explain_says_how_a_record_counts_and_how_a_metric_comes_about() {
    let place = Place::new();
    let (store, _) = imported(&place, "CFR01_many_incidents_few_deployments.json");
    let by_id = place.run(&["explain", "--store", &store, "d01"]).fine();
    for part in ["deployment", "failed", "incident", "import/i1", "explicit", "import/d01"] {
        assert!(by_id.contains(part), "`{part}` is not in:\n{by_id}");
    }
    assert_eq!(place.run(&["explain", "--store", &store, "import/d01"]).fine(), by_id);
    let metric = place.run(&["explain", "--store", &store, "change_failure_rate", "--from", "2026-03-02", "--to", "2026-03-12"]).fine();
    for part in ["formula", "20 %", "status", "computed from"] {
        assert!(metric.contains(part), "`{part}` is not in:\n{metric}");
    }
    place.run(&["explain", "--store", &store, "nobody"]).refused(2, "nothing is called `nobody`");
    place.run(&["explain", "--store", &store, "chnage_failure_rate"]).refused(2, "did you mean `change_failure_rate`?");
}

#[test]
fn kpi_speaks_three_forms_and_refuses_what_it_does_not_know() {
    let place = Place::new();
    let (store, _) = imported(&place, "DF01_basic_two_weeks.json");
    let span = ["--from", "2026-03-02", "--to", "2026-03-16", "--store", &store];
    let kpi = |more: &[&str]| place.run(&[&["kpi"], &span[..], more].concat());
    let family = json_lines(&kpi(&["deployment_frequency", "--format", "json"]).fine());
    assert!(family.iter().any(|r| r["metric"] == "deployment_frequency.active_days" && r["value"] == 4.0), "{family:?}");
    let table = kpi(&["deployment_frequency.count"]).fine();
    assert!(table.lines().nth(1).unwrap().starts_with("metric") && table.contains("6 deployments"), "{table}");
    let csv = kpi(&["deployment_frequency.count", "--format", "csv"]).fine();
    assert_eq!(csv.lines().nth(1), Some("deployment_frequency.count,org,6,deployments,ok,6,,"), "{csv}");
    let service = json_lines(&kpi(&["deployment_frequency.count", "--service", "api", "--format", "json"]).fine());
    assert_eq!(service[0]["scope"], serde_json::json!({ "service": "api" }));
    assert_eq!(service[0]["value"], 6.0);
    let teams = json_lines(&kpi(&["deployment_frequency.count", "--team", "all", "--format", "json"]).fine());
    assert_eq!(teams[0]["scope"], serde_json::json!({ "team": "unattributed" }), "{teams:?}");
    let week = ["kpi", "--store", &store, "--from", "2026-03-09", "--to", "2026-03-16", "deployment_frequency.count", "--format", "json"];
    assert_eq!(json_lines(&place.run(&week).fine())[0].get("before"), None);
    let compared = json_lines(&place.run(&[&week[..], &["--compare"]].concat()).fine());
    assert_eq!((&compared[0]["value"], &compared[0]["before"]), (&Value::from(2.0), &Value::from(4.0)), "{compared:?}");
    // Deployments after the evaluation instant are not looked at.
    let early = json_lines(&kpi(&["deployment_frequency.count", "--as-of", "2026-03-05", "--format", "json"]).fine());
    assert_eq!(early[0]["value"], 3.0, "{early:?}");
    kpi(&["deploy_frequency"]).refused(2, "unknown metric `deploy_frequency`; did you mean `deployment_frequency`?");
    kpi(&["--service", "apx"]).refused(2, "did you mean `api`? known: api");
    let why = |more: &[&str]| place.run(&[&["why"], &span[..], more].concat());
    why(&["lead_tim"]).refused(2, "unknown metric `lead_tim`; did you mean `lead_time`?");
    why(&["lead_time", "--service", "apj"]).refused(2, "did you mean `api`?");
    place.run(&["kpi", "--store", &store, "--from", "2026-03-16", "--to", "2026-03-02"]).refused(2, "the span is empty");
}

#[test]
fn a_store_that_is_not_there_is_said_with_how_to_get_one() {
    let place = Place::new();
    let store = place.path("none.db").display().to_string();
    for command in ["kpi", "events", "export", "snapshot"] {
        place.run(&[command, "--store", &store]).refused(3, "no store at");
    }
    assert!(!place.path("none.db").exists(), "reading must not create it");
}

#[test]
fn outside_a_repository_and_without_a_configuration_it_says_what_to_do() {
    let place = Place::new();
    for args in [&["check"][..], &["kpi"]] {
        let answer = place.run(args);
        answer.refused(2, "not a git repository");
        assert!(answer.err.contains("kind = \"git\"") && answer.err.contains("config.toml"), "{}", answer.err);
    }
}

#[test]
fn the_monitor_without_a_terminal_is_one_clear_line() {
    let place = Place::new();
    let answer = place.run(&[]);
    answer.refused(2, "needs a terminal");
    assert!(answer.err.contains("quarterdeck snapshot") && answer.err.lines().count() == 1, "{}", answer.err);
}

#[test]
fn every_fault_of_a_configuration_is_listed_with_its_place() {
    let place = Place::new();
    let config = place.path("bad.toml");
    std::fs::write(&config, "[org]\nnmae = \"x\"\n\n[[source]]\nname = \"a\"\nkind = \"gti\"\n").unwrap();
    let at = config.display().to_string();
    for args in [&["check", "--offline"][..], &["kpi"], &["import", "x"]] {
        let answer = place.run(&[args, &["--config", &at]].concat());
        answer.refused(2, &format!("{at}:2:1"));
    }
    let json = place.run(&["check", "--offline", "--format", "json", "--config", &at]);
    assert_eq!(json.code, 2);
    assert_eq!(json_lines(&json.out)[0]["ok"], false);
    place.run(&["check", "--config", "/nowhere/q.toml"]).refused(2, "/nowhere/q.toml");
}

#[test]
fn check_reaches_the_repository_one_stands_in() {
    let place = Place::new();
    let repo = place.repository(3);
    let said = place.run_in(&repo, &["check"]).fine();
    assert!(said.contains("built in") && said.contains(" ok "), "{said}");
    let json = json_lines(&place.run_in(&repo, &["check", "--format", "json"]).fine());
    assert_eq!(json[0]["ok"], true);
    assert_eq!(json[0]["sources"][0]["status"], "ok", "{json:?}");
    let offline = place.run_in(&repo, &["check", "--offline"]).fine();
    assert!(offline.contains("not tried"), "{offline}");
}

#[test]
fn a_source_that_does_not_answer_fails_the_check() {
    let place = Place::new();
    let config = place.path("deck.toml");
    std::fs::write(&config, "[[source]]\nname = \"gone\"\nkind = \"git\"\npath = \"/nowhere/at/all\"\n").unwrap();
    let answer = place.run(&["check", "--config", &config.display().to_string()]);
    assert_eq!(answer.code, 1, "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("gone") && answer.out.contains("/nowhere/at/all"), "{}", answer.out);
}

#[test]
fn snapshot_draws_a_frame_in_three_forms() {
    let place = Place::new();
    let (store, _) = imported(&place, "DF01_basic_two_weeks.json");
    let shot = |more: &[&str]| place.run(&[&["snapshot", "--store", &store, "--at", "2026-03-16", "--range", "28d"], more].concat());
    let text = shot(&["--tab", "delivery", "--size", "100x30"]).fine();
    assert_eq!(text.lines().count(), 30);
    assert!(text.contains("Deployment frequency") && text.contains("PAST"), "{text}");
    assert!(!text.contains('\u{1b}'));
    assert!(shot(&["--format", "ansi"]).fine().contains("\u{1b}["));
    assert!(shot(&["--format", "svg", "--tab", "2"]).fine().starts_with("<svg"));
    shot(&["--tab", "lunch"]).refused(2, "expected bridge");
    shot(&["--size", "0x9"]).refused(2, "columns x rows");
}

#[test]
fn library_schema_and_completions_need_nothing() {
    let place = Place::new();
    let all = place.run(&["library"]).fine();
    assert!(all.contains("lead_time.median") && all.contains("uptime"), "{all}");
    let one = place.run(&["library", "lead_time"]).fine();
    assert!(one.contains("Formula") && one.contains("Computed from"), "{one}");
    let json = json_lines(&place.run(&["library", "uptime", "--format", "json"]).fine());
    assert_eq!(json[0]["id"], "uptime");
    assert!(json[0]["formula"].is_string());
    place.run(&["library", "uptme"]).refused(2, "unknown metric `uptme`; did you mean `uptime`?");
    place.run(&["library", "cost"]).refused(2, "did you mean one of `infra_cost`");
    let kinds = place.run(&["library", "--sources"]).fine();
    assert!(kinds.contains("git: ") && kinds.contains("kind = \"git\""), "{kinds}");
    for of in ["config", "records"] {
        let schema: Value = serde_json::from_str(&place.run(&["schema", of]).fine()).unwrap();
        assert!(schema["title"].is_string() && schema["$schema"].is_string(), "{of}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(&["completions", shell]).fine().contains("quarterdeck"));
    }
    assert!(place.run(&["--version"]).fine().contains(env!("CARGO_PKG_VERSION")));
    assert!(place.run(&["--help"]).fine().contains("Exit codes"));
    place.run(&["frobnicate"]).refused(2, "frobnicate");
    place.run(&["--range", "7d", "library"]).refused(2, "after the command");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    #[allow(clippy::disallowed_methods, reason = "tests start the real binary")]
    let mut child = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["schema", "records"])
        .env_clear()
        .envs(place.env())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn standard_input_is_a_file_called_dash() {
    let place = Place::new();
    let (lines, _) = vector("DF01_basic_two_weeks.json");
    let store = place.path("s.db").display().to_string();
    #[allow(clippy::disallowed_methods, reason = "tests start the real binary")]
    let mut child = Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(["import", "--store", &store, "-"])
        .env_clear()
        .envs(place.env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for line in &lines {
        std::io::Write::write_all(&mut input, format!("{line}\n").as_bytes()).unwrap();
    }
    drop(input);
    let answer = Answer::of(child.wait_with_output().unwrap());
    assert!(answer.fine().starts_with("9 records read: 9 new"));
}

#[test]
fn slo_tells_how_the_objectives_stand_and_its_exit_code_whether_to_look() {
    let place = Place::new();
    let (store, records) = (place.path("q.db").display().to_string(), place.path("r.jsonl"));
    let at = |age_s: u64| chrono::DateTime::from_timestamp(i64::try_from(now() - age_s).unwrap(), 0).unwrap().to_rfc3339();
    let sample = |metric: &str, age_s: u64, value: f64| {
        serde_json::json!({
            "kind": "sample", "id": format!("{metric}{age_s}"), "ts": at(age_s), "service": "checkout", "metric": metric,
            "sample_kind": "counter_delta", "window_s": 60, "value": value,
        })
    };
    let lines: Vec<Value> = (0..120).flat_map(|m| [sample("requests", m * 60, 1000.0), sample("errors", m * 60, 0.0)]).collect();
    write_lines(&records, &lines);
    let config = |target: &str| {
        let path = place.path("c.toml");
        let text = format!(
            "[[service]]\nname = \"checkout\"\n[[slo]]\nname = \"avail\"\nservice = \"checkout\"\nsli = \"requests\"\ntarget = \"{target}\"\nwindow = \"7d\"\nalert_profile = \"30d\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = config("99.9%");
    place.run(&["import", "--store", &store, &records.display().to_string()]).fine();
    let run = |args: &[&str]| place.run(&[args, &["--store", &store, "--config", &good]].concat());
    let said = run(&["slo"]).fine();
    assert!(said.contains("avail") && said.contains("100 % left") && said.contains("within budget"), "{said}");
    let state = &json_lines(&run(&["slo", "avail", "--format", "json"]).fine())[0];
    assert_eq!((&state["remaining"], &state["valid"], &state["alerts"][0]["state"]), (&1.0.into(), &120_000.0.into(), &"ok".into()));
    let said = run(&["explain", "avail"]).fine();
    assert!(said.contains("120000 requests") && said.contains("page fast") && said.contains("against 3.36x"), "{said}");
    run(&["slo", "avial"]).refused(2, "did you mean `avail`?");
    let checked = run(&["check", "--offline"]).fine();
    assert!(checked.contains("warning") && checked.contains("`ticket_slow` fires at 0.233 times the budget"), "{checked}");

    write_lines(&records, &(0..60).map(|m| sample("errors", m * 60, 200.0)).collect::<Vec<_>>());
    let newer = lines.iter().filter(|l| l["metric"] == "requests").cloned().collect::<Vec<_>>();
    let later = place.path("later.db").display().to_string();
    let all = place.path("all.jsonl");
    write_lines(&all, &newer);
    place.run(&["import", "--store", &later, &records.display().to_string(), &all.display().to_string()]).fine();
    let answer = place.run(&["slo", "--store", &later, "--config", &good]);
    assert_eq!(answer.code, 1, "{}", answer.out);
    assert!(answer.out.contains("paging") && answer.out.contains("overspent"), "{}", answer.out);

    // An hour of silence: an alert for who asks for one.
    write_lines(&records, &lines[120..]);
    let quiet = place.path("quiet.db").display().to_string();
    place.run(&["import", "--store", &quiet, &records.display().to_string()]).fine();
    assert_eq!(place.run(&["slo", "--store", &quiet, "--config", &good]).code, 0);
    let watched = place.path("watched.toml");
    std::fs::write(&watched, std::fs::read_to_string(&good).unwrap() + "silent_after = 6\n").unwrap();
    let answer = place.run(&["slo", "--store", &quiet, "--config", &watched.display().to_string()]);
    assert_eq!(answer.code, 1, "{}", answer.out);
    assert!(answer.out.contains("silent") && answer.out.contains("no data for 1"), "{}", answer.out);

    let faulty = config("100%");
    place.run(&["check", "--config", &faulty]).refused(2, "leaves no error budget");
}
