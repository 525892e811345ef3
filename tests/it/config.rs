//! Configuration: what is accepted, and what every fault says.

use std::{path::Path, time::Duration};

use quarterdeck::{
    config::{Config, Fault, OwnKeys, RANGES, SourceConfig},
    domain::{
        person::pseudonym,
        slo::{Method, Period, Sli},
        team::{Owned, Subject},
    },
    kpi::board,
    sources,
};

fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    Config::parse(text, "q.toml", Path::new("/etc/q"))
}

fn faults(text: &str) -> Vec<String> {
    parse(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

const WHOLE: &str = r#"
[org]
name = "Acme"
timezone = "Europe/Berlin"
currency = "EUR"

[[team]]
name = "commerce"

[[team]]
name = "payments"
parent = "commerce"
services = ["checkout", "ledger"]
repos = ["acme/checkout"]
authors = ["Ann@example.org"]
labels = ["team=pay"]
codeowners = ["@acme/pay"]

[[service]]
name = "checkout"
team = "payments"
repo = "acme/checkout"
paths = ["services/checkout/**"]
depends_on = ["ledger"]
runbook = "https://wiki.example.org/checkout"

[[source]]
name = "prod"
kind = "prometheus"
url = "https://prometheus.example.org"
auth = { bearer = { env = "PROM_TOKEN" } }
every = "15s"
timeout = "5s"
backfill = "180d"

  [[source.query]]
  kpi = "latency_p95"
  expr = 'up'

[rules]
link_window = "12h"

[kpi.change_failure_rate]
target = "< 10%"
owner = "VP Engineering"
review_every = "90d"
decision = "slow down releases"

[kpi.time_to_restore.p90]
target = "< 4h"

[[slo]]
name = "checkout availability"
service = "checkout"
sli = "requests"
target = "99.9%"
window = "30d"

[[objective]]
name = "Ship without fear"
key_results = [{ kpi = "change_failure_rate", from = "18%", to = "8%", due = 2026-12-31 }]

[cost]
team_tag_keys = ["team"]
exclude = ["Tax"]
shared = [{ tags = { env = "shared" }, split = "equal" }]
[cost.fx.USD]
2026-09 = "0.92"

[store]
path = "data/q.db"
keep_records = "2y"

[ui]
theme = "dark"
range = "7d"

[keys]
quit = "ctrl-q"
"#;

#[test]
fn a_whole_file_is_read() {
    let config = parse(WHOLE).unwrap_or_else(|f| panic!("{f:#?}"));
    assert_eq!((config.org.as_str(), config.zone.name(), config.currency.as_str()), ("Acme", "Europe/Berlin", "EUR"));
    assert_eq!(config.rules.link_window, Duration::from_secs(12 * 3600));
    assert_eq!(config.rules.cost_exclude, ["Tax"]);
    let target = config.kpis["change_failure_rate"].target.clone().unwrap();
    assert_eq!((target.op, target.bound, target.text.as_str()), ("<", 0.1, "< 10%"));
    assert_eq!(config.kpis["time_to_restore.p90"].target.as_ref().unwrap().bound, 14_400.0);
    assert_eq!(config.slos[0].target, 0.999);
    assert_eq!(config.objectives[0].key_results[0].to, 0.08);
    assert_eq!(config.fx[&("USD".into(), "2026-09".into())].to_string(), "0.92");
    assert!(!config.allocation.shared[0].1);
    assert_eq!(config.store.path.as_deref(), Some(Path::new("/etc/q/data/q.db")));
    assert_eq!(config.ui.keys["quit"], "ctrl-q");
}

#[test]
fn teams_and_services_become_a_roster() {
    let roster = parse(WHOLE).unwrap().roster;
    let owns = |subject, name: &str| roster.owned.iter().any(|o: &Owned| o.subject == subject && o.name == name && o.team == "payments");
    assert!(owns(Subject::Service, "ledger") && owns(Subject::Repo, "acme/checkout") && owns(Subject::Label, "team=pay"));
    assert!(owns(Subject::Author, &pseudonym("ann@example.org")), "authors are kept as pseudonyms only");
    assert_eq!(roster.owned.iter().filter(|o| o.name == "checkout").count(), 1, "said twice, meant once");
    assert_eq!(roster.services["ledger"].owner.as_deref(), Some("payments"));
    assert_eq!(roster.services["checkout"].depends_on, ["ledger"]);
    assert_eq!(roster.owner_alias["@acme/pay"], "payments");
    assert_eq!(roster.family("commerce"), ["commerce", "payments"]);
}

#[test]
fn a_source_keeps_its_kinds_own_keys_and_reads_them_with_places() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Own {
        url: String,
        auth: toml::Table,
        query: Vec<Query>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Query {
        kpi: String,
        expr: String,
    }
    let config = parse(WHOLE).unwrap();
    let source: &SourceConfig = &config.sources[0];
    assert_eq!((source.every, source.line), (Some(Duration::from_secs(15)), 27));
    assert_eq!(source.own.read::<Own>().unwrap().query[0].expr, "up");
    let wrong = parse(&WHOLE.replace("url =", "ulr =").replace("expr = 'up'", "expr = 7")).unwrap();
    let found: Vec<String> = wrong.sources[0].own.read::<Own>().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "q.toml:27:1: the key `url` is missing",
            "q.toml:30:1: unknown key `ulr`; did you mean `url`?",
            "q.toml:38:10: expected a string, found integer `7`",
        ]
    );
}

#[test]
fn every_fault_is_listed_in_file_order_with_its_place_and_what_was_expected() {
    let text = r#"
[org]
timezone = "Europe/Berlim"
currency = "euro"
nmae = "x"

[[team]]
name = "a"
parent = "b"
services = "checkout"

[[team]]
name = "a"

[[source]]
name = "s"
kind = "git"
every = "-5s"
off = "yes"

[[source]]
kind = "git"

[kpi.change_failure_rte]
target = "< 10%"

[kpi.lead_time]
target = "< 10%"
review_every = 90

[[slo]]
name = "x"
service = "nowhere"
sli = "vibes"
target = "100%"
window = "30d"

[colours]
"#;
    assert_eq!(
        faults(text),
        [
            "q.toml:3:12: `Europe/Berlim` is no time zone; expected a name such as `Europe/Berlin` or `UTC`",
            "q.toml:4:12: `euro` is no currency; expected three capital letters such as `EUR`",
            "q.toml:5:1: unknown key `nmae`; did you mean `name`?",
            "q.toml:9:10: unknown team `b`; did you mean `a`?",
            "q.toml:10:12: expected a list, found string \"checkout\"",
            "q.toml:13:8: the team `a` is already there, in line 8; names are unique",
            "q.toml:18:9: `-5s` is not more than nothing; expected a length of time such as \"15s\", \"5m\", \"24h\", \"180d\" or \"1h30m\"",
            "q.toml:19:7: expected a boolean, found string \"yes\"",
            "q.toml:21:1: the key `name` is missing",
            "q.toml:24:6: unknown metric `change_failure_rte`; did you mean `change_failure_rate`?",
            "q.toml:28:10: `< 10%` is not in the unit of lead_time.median; expected a comparison such as \"< 24h\"",
            "q.toml:29:16: expected a length of time such as \"15s\", \"5m\", \"24h\", \"180d\" or \"1h30m\", found integer `90`",
            "q.toml:33:11: unknown service `nowhere`; name it in a [[service]] or in a team's `services`",
            "q.toml:34:7: unknown indicator `vibes`; expected one of `requests`, `latency`, `probe`, `incidents`",
            "q.toml:35:10: `100%` leaves no error budget to spend; expected more than 0 % and less than 100 %, such as \"99.9%\"",
            "q.toml:38:2: unknown key `colours`; expected one of `org`, `team`, `service`, `source`, `rules`, `kpi`, `metric`, `slo`, `objective`, `cost`, `store`, `ui`, `keys`",
        ]
    );
}

#[test]
fn a_misspelt_name_is_refused_with_the_one_that_was_meant() {
    let result = |kpi: &str| {
        format!("[[objective]]\nname = \"o\"\n[[objective.key_results]]\nkpi = \"{kpi}\"\nfrom = \"9h\"\nto = \"8h\"\ndue = 2026-12-31\n")
    };
    for (text, expected) in [
        ("[kpi.lead_tim]\ntarget = \"< 24h\"\n".to_owned(), "q.toml:1:6: unknown metric `lead_tim`; did you mean `lead_time`?"),
        (
            "[kpi.lead_tim.median]\ntarget = \"< 24h\"\n".to_owned(),
            "q.toml:1:15: unknown metric `lead_tim.median`; did you mean `lead_time.median`?",
        ),
        (
            "[kpi.lead_time.medan]\ntarget = \"< 24h\"\n".to_owned(),
            "q.toml:1:16: unknown metric `lead_time.medan`; did you mean `lead_time.median`?",
        ),
        ("[kpi.happiness]\nowner = \"me\"\n".to_owned(), "q.toml:1:6: unknown metric `happiness`; `quarterdeck library` lists them"),
        (result("time_to_restor"), "q.toml:4:7: unknown metric `time_to_restor`; did you mean `time_to_restore`?"),
    ] {
        assert_eq!(faults(&text), [expected], "{text}");
    }
    let source = |lines: &str| {
        let config = parse(&format!("[[source]]\nname = \"code\"\n{lines}")).unwrap();
        sources::build(&config.sources[0]).err().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(source("kind = \"gti\"\n"), ["q.toml:1:1: source `code`: unknown kind `gti`; did you mean `git`?"]);
    // The keys that every source has are as near as its kind's own.
    assert_eq!(source("kind = \"git\"\npath = \".\"\nevry = \"5m\"\n"), ["q.toml:5:1: unknown key `evry`; did you mean `every`?"]);
    assert_eq!(source("kind = \"git\"\npath = \".\"\nbrnach = \"main\"\n"), ["q.toml:5:1: unknown key `brnach`; did you mean `branch`?"]);
}

#[test]
fn a_fault_in_a_team_is_not_a_second_fault_where_the_team_is_named() {
    let text = "[[team]]\nname = \"pay\"\nservices = [3]\n\n[[service]]\nname = \"s\"\nteam = \"pay\"\n";
    assert_eq!(faults(text), ["q.toml:3:13: expected a string, found integer `3`"]);
}

#[test]
fn what_is_not_toml_is_said_with_line_and_column() {
    let found = faults("[org]\nname = \"Acme\n[ui]\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("q.toml:2:"), "{found:?}");
    assert!(faults("a = = 3\n")[0].starts_with("q.toml:1:"));
}

#[test]
fn a_secret_written_out_is_refused_and_never_repeated() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Own {
        token: quarterdeck::config::secret::Secret,
        auth: Option<toml::Table>,
    }
    let read = |line: &str| {
        let config = parse(&format!("[[source]]\nname = \"s\"\nkind = \"k\"\n{line}\n")).unwrap();
        config.sources[0].own.read::<Own>()
    };
    assert!(read("token = { env = \"T\" }").is_ok());
    assert!(read("token = { command = [\"pass\", \"show\"] }").is_ok());
    for line in ["token = \"hunter2\"", "token = { env = \"A\" }\nauth = \"hunter2\""] {
        let found = read(line).unwrap_err();
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("must be a reference") && !found[0].message.contains("hunter2"), "{found:?}");
        assert_eq!(found[0].column, line.lines().last().unwrap().find("\"hunter2\"").unwrap() + 1);
    }
    assert!(read("token = { evn = \"T\" }").unwrap_err()[0].message.contains("did you mean `env`"));
}

#[test]
fn a_team_cannot_be_part_of_itself_and_a_service_has_one_owner() {
    let found = faults(
        "[[team]]\nname = \"a\"\nparent = \"b\"\n[[team]]\nname = \"b\"\nparent = \"a\"\nservices = [\"s\"]\n[[service]]\nname = \"s\"\nowner = \"a\"\n",
    );
    assert_eq!(
        found,
        [
            "q.toml:3:10: the team `a` would be part of itself",
            "q.toml:6:10: the team `b` would be part of itself",
            "q.toml:10:9: the service `s` is listed by the team `b`; say in one place whose it is",
        ]
    );
}

#[test]
fn an_empty_file_is_a_config_with_defaults() {
    let config = parse("").unwrap();
    assert_eq!((config.currency.as_str(), config.zone.name(), config.sources.len()), ("USD", "UTC", 0));
}

#[test]
fn zero_config_is_one_git_source_named_after_the_repository() {
    let config = Config::zero(Path::new("/src/shop"), "shop");
    assert_eq!((config.org.as_str(), config.sources.len(), config.sources[0].kind.as_str()), ("shop", 1, "git"));
    assert_eq!(config.sources[0].own.dir, Path::new("/src/shop"));
}

#[test]
fn keys_made_in_memory_are_read_too() {
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read")]
    struct Own {
        path: String,
    }
    let own = |key: &str| OwnKeys { table: toml::Table::from_iter([(key.to_owned(), "x".into())]), ..OwnKeys::default() };
    assert_eq!(own("path").read::<Own>().unwrap().path, "x");
    assert!(own("pat").read::<Own>().unwrap_err()[0].message.contains("path"));
}

#[test]
fn files_that_cannot_be_a_config_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Config::load(&path).unwrap_err()[0].to_string()
    };
    assert!(said("latin", b"[org]\nname = \"M\xfcller\"\n").ends_with("latin:2:10: not UTF-8 text; save the file as UTF-8"));
    assert!(said("large", &vec![b'#'; 2 << 20]).contains("larger than 1 MiB"));
    assert!(Config::load(&dir.path().join("absent")).unwrap_err()[0].message.contains("cannot read the config file"));
    assert!(Config::load(dir.path()).is_err());
}

#[test]
fn the_ranges_of_the_config_are_those_of_the_screen() {
    assert_eq!(RANGES.to_vec(), board::RANGES.iter().map(|r| r.word).collect::<Vec<_>>());
}

#[test]
fn the_schema_knows_every_table_and_lets_kinds_have_their_own_keys() {
    let schema = quarterdeck::config::schema::config_schema();
    for table in ["org", "team", "service", "source", "rules", "kpi", "slo", "objective", "cost", "store", "ui", "keys"] {
        assert!(schema["properties"].get(table).is_some(), "{table}");
    }
    assert!(schema["$defs"]["Source"].get("additionalProperties").is_none());
    assert_eq!(schema["$defs"]["Team"]["additionalProperties"], false);
}

/// `config.example.toml` between the marks is every kind's own example, in the order of the table of kinds.
fn examples() -> String {
    let block = |kind: &&sources::Kind| format!("# {}: {}\n{}\n", kind.name, kind.summary, kind.example.trim_end());
    sources::KINDS.iter().map(block).collect::<Vec<_>>().join("\n")
}

const EXAMPLE: &str = include_str!("../../config.example.toml");
const BEGIN: &str = "# --- one block per kind ---\n\n";
const END: &str = "\n# --- end of the kinds ---\n";

#[test]
fn the_example_config_holds_every_kinds_example_as_the_kind_writes_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let (head, rest) = EXAMPLE.split_once(BEGIN).expect("the mark before the kinds");
    let (found, tail) = rest.split_once(END).expect("the mark after the kinds");
    let expected = examples();
    if std::env::var_os("QUARTERDECK_BLESS").is_some() {
        std::fs::write(&path, [head, BEGIN, &expected, END, tail].concat()).unwrap();
        return;
    }
    assert!(found == expected, "config.example.toml is behind: run this test with QUARTERDECK_BLESS=1, or paste\n{expected}");
}

#[test]
fn the_example_config_is_accepted_as_it_is() {
    let config = Config::parse(EXAMPLE, "config.example.toml", Path::new("/etc/q")).unwrap_or_else(|f| panic!("{f:#?}"));
    for kind in sources::KINDS {
        assert!(config.sources.iter().any(|s| s.kind == kind.name), "{}", kind.name);
    }
    for source in &config.sources {
        if let Err(faults) = sources::build(source) {
            panic!("{faults:?}");
        }
    }
    assert_eq!(config.rules, quarterdeck::config::RulesConfig::default(), "it says that these are the defaults");
}

#[test]
fn the_example_config_names_every_key_there_is() {
    let schema = quarterdeck::config::schema::config_schema();
    let mut keys = Vec::new();
    let tables = std::iter::once(&schema).chain(schema["$defs"].as_object().unwrap().values());
    for table in tables {
        keys.extend(table["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()));
    }
    assert!(keys.len() > 60, "{keys:?}");
    for key in keys {
        let word = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == key);
        assert!(EXAMPLE.lines().any(word), "`{key}` is not in config.example.toml");
    }
}

fn with_slo(lines: &str) -> String {
    format!("[[service]]\nname = \"checkout\"\n\n[[slo]]\nname = \"a\"\nservice = \"checkout\"\n{lines}\n")
}

#[test]
fn objectives_of_every_kind_are_read() {
    let text = with_slo(
        r#"sli = "latency"
threshold = "300ms"
target = "99.9%"
calendar = "month"
timezone = "Europe/Berlin"
method = "timeslices"
slice = "1h"
slice_target = "95%"
min_events = 50
min_bad = 3
silent_after = 12
alert_profile = [{ name = "page", budget = "2%", long = "1h", short = "5m" }, { name = "ticket", budget = "10%", long = "3d", short = "6h" }]"#,
    );
    let slo = &parse(&text).unwrap().slos[0];
    assert_eq!(slo.period, Period::Month);
    assert_eq!(slo.zone.name(), "Europe/Berlin");
    assert_eq!(slo.method, Method::Timeslices { slice_s: 3600.0, target: 0.95 });
    assert_eq!((slo.least.events, slo.least.bad, slo.silent_after), (50.0, 3.0, Some(12)));
    assert_eq!(
        slo.rules.iter().map(|a| (&*a.name, a.share, a.long_s, a.short_s)).collect::<Vec<_>>(),
        [("page", 0.02, 3600.0, 300.0), ("ticket", 0.1, 259_200.0, 21_600.0)]
    );
    assert_eq!(slo.from, "q.toml:4");
}

#[test]
fn objectives_that_cannot_work_are_refused_at_their_key() {
    let one = |lines: &str| faults(&with_slo(lines)).join("\n");
    for (lines, expected) in [
        ("sli = \"requests\"\ntarget = \"100%\"\nwindow = \"30d\"", "q.toml:8:10: `100%` leaves no error budget"),
        ("sli = \"requests\"\ntarget = \"0%\"\nwindow = \"30d\"", "q.toml:8:10: `0%` leaves no error budget"),
        (
            "sli = \"requests\"\ntarget = \"90%\"\nwindow = \"30d\"",
            "q.toml:8:10: `page_fast` can never fire: 14.4 times the budget of 10 %",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"2d\"",
            "q.toml:9:10: the window is shorter than the longest alert window (ticket_slow looks back 72h)",
        ),
        ("sli = \"latency\"\ntarget = \"99%\"\nwindow = \"30d\"", "q.toml:7:7: an SLO on latency needs `threshold`"),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nmethod = \"timeslice\"",
            "q.toml:10:10: unknown budgeting method `timeslice`; did you mean `timeslices`?",
        ),
        ("sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nmethod = \"timeslices\"", "q.toml:10:10: `timeslices` needs `slice`"),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nmethod = \"timeslices\"\nslice = \"5m\"",
            "q.toml:11:9: slices of 5m need every minute of the window; the store keeps them for 48h",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nmethod = \"timeslices\"\nslice = \"7h\"",
            "q.toml:11:9: a slice must divide",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\ncalendar = \"month\"",
            "q.toml:10:12: either `window` (rolling) or `calendar`",
        ),
        ("sli = \"requests\"\ntarget = \"99%\"\ncalendar = \"year\"", "q.toml:9:12: unknown calendar window `year`"),
        ("sli = \"requests\"\ntarget = \"99%\"", "q.toml:4:1: the key `window` is missing"),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nsilent_after = 0",
            "q.toml:10:16: expected a number of intervals, 1 or more",
        ),
        (
            "sli = \"uptime\"\ntarget = \"99%\"\nwindow = \"30d\"",
            "q.toml:7:7: unknown indicator `uptime`; expected one of `requests`, `latency`, `probe`, `incidents`",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nalert_profile = \"weekly\"",
            "q.toml:10:17: unknown alert profile `weekly`",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nalert_profile = [{ name = \"wake\", budget = \"2%\", long = \"1h\", short = \"5m\" }]",
            "q.toml:10:27: `wake` must begin with `page`",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nalert_profile = [{ name = \"page\", budget = \"2%\", long = \"5m\", short = \"1h\" }]",
            "q.toml:10:17: the short window of `page` must be shorter",
        ),
        (
            "sli = \"requests\"\ntarget = \"99%\"\nwindow = \"30d\"\nalert_profile = [{ name = \"page\", budget = \"2%\", long = \"1h\", shrot = \"5m\", short = \"5m\" }]",
            "unknown key `shrot`; did you mean `short`?",
        ),
    ] {
        let told = one(lines);
        assert!(told.contains(expected), "{lines}\n{told}");
        assert_eq!(told.lines().count(), 1, "one fault: {told}");
    }
}

#[test]
fn an_alert_that_opens_tickets_for_spending_on_budget_is_warned_of() {
    let text = with_slo("sli = \"requests\"\ntarget = \"99%\"\nwindow = \"7d\"\nalert_profile = \"30d\"");
    let config = parse(&text).unwrap();
    let told = &config.slos[0].warnings;
    assert!(told.iter().any(|w| w.contains("`ticket_slow` fires at 0.233 times the budget")), "{told:?}");
    assert!(parse(&with_slo("sli = \"requests\"\ntarget = \"99%\"\nwindow = \"28d\"")).unwrap().slos[0].warnings.is_empty());
}

const OPENSLO: &str = r#"
apiVersion: openslo/v1
kind: Service
metadata:
  name: checkout
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-availability
  annotations:
    quarterdeck/sli: requests
spec:
  service: checkout
  indicator:
    metadata:
      name: errors
    spec:
      ratioMetric:
        bad: { metricSource: { type: Prometheus, spec: { query: "rate(x[1m])" } } }
        total: { metricSource: { type: Prometheus, spec: { query: "rate(y[1m])" } } }
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - targetPercent: 99.9
---
apiVersion: openslo/v1
kind: SLI
metadata:
  name: speed
  labels: { quarterdeck/sli: latency, quarterdeck/threshold: 300ms }
spec: {}
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-speed
spec:
  service: checkout
  indicatorRef: speed
  timeWindow:
    - duration: 1M
      calendar: { startTime: 2026-01-01 00:00:00, timeZone: America/New_York }
  budgetingMethod: Timeslices
  objectives:
    - { displayName: internal, target: 0.995, timeSliceTarget: 0.9, timeSliceWindow: 1h }
    - { target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 60 }
"#;

fn with_openslo(yaml: &str) -> Result<Config, Vec<Fault>> {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("slos")).unwrap();
    std::fs::write(dir.path().join("slos/checkout.yaml"), yaml).unwrap();
    let text = "[[service]]\nname = \"checkout\"\n\n[[slo]]\nopenslo = \"slos/*.yaml\"\n";
    Config::parse(text, "q.toml", dir.path())
}

#[test]
fn openslo_documents_become_objectives() {
    let slos = with_openslo(OPENSLO).unwrap().slos;
    let names: Vec<_> = slos.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["checkout-availability", "checkout-speed: internal", "checkout-speed 2"]);
    assert_eq!((slos[0].target, slos[0].sli), (0.999, Sli::Requests));
    assert_eq!(slos[0].period, Period::Rolling(28 * 86_400));
    assert_eq!((slos[1].period, slos[1].zone.name()), (Period::Month, "America/New_York"));
    assert_eq!(slos[1].sli, Sli::Latency { threshold_s: 0.3 });
    assert_eq!(slos[1].method, Method::Timeslices { slice_s: 3600.0, target: 0.9 });
    assert_eq!(slos[2].method, slos[1].method, "a bare number is minutes");
    assert!(slos[1].from.ends_with("checkout.yaml, document 4"), "{}", slos[1].from);
}

#[test]
fn what_an_openslo_document_lacks_is_told_with_file_line_and_document() {
    for (from, to, expected) in [
        (
            "    quarterdeck/sli: requests",
            "    team: a",
            "checkout.yaml:10:3: document 2: `metadata.annotations.\"quarterdeck/sli\"` is missing",
        ),
        (", quarterdeck/threshold: 300ms", "", "document 4: `metadata.annotations.\"quarterdeck/threshold\"` is missing"),
        ("targetPercent: 99.9", "targetPercent: 100", "document 2: `targetPercent` leaves no error budget"),
        ("duration: 4w", "duration: 1Y", "document 2: `1Y`: months, quarters and years differ in length"),
        ("duration: 1M", "duration: 1Y", "document 4: `1Y` is no calendar window here"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Slices", "document 2: unknown budgetingMethod `Slices`"),
        (
            "service: checkout\n  indicator:",
            "service: chekout\n  indicator:",
            "document 2: unknown service `chekout`; did you mean `checkout`?",
        ),
        ("quarterdeck/sli: requests", "quarterdeck/sli: uptime", "document 2: unknown indicator `uptime`"),
        (
            "apiVersion: openslo/v1\nkind: SLO",
            "apiVersion: openslo/v1alpha\nkind: SLO",
            "document 2: apiVersion `openslo/v1alpha` is not read",
        ),
        ("timeSliceWindow: 1h", "timeSliceWindow: 1m", "document 4: slices of 1m need every minute of the window"),
        ("  name: checkout-availability", "  name: [", "not YAML"),
    ] {
        assert!(OPENSLO.contains(from), "{from}");
        let told: Vec<String> = with_openslo(&OPENSLO.replacen(from, to, 1)).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|t| t.contains(expected)), "{to}: {told:#?}");
    }
}

#[test]
fn hostile_yaml_is_refused_and_nothing_falls_over() {
    let deep = "[".repeat(10_000);
    let dashes = "- ".repeat(100_000);
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for c in b'b'..=b'k' {
        let (name, before) = (char::from(c), format!("*{}", char::from(c - 1)));
        bomb = format!("{bomb}{name}: &{name} [{}]\n", vec![before; 9].join(","));
    }
    for yaml in [
        deep.as_str(),
        dashes.as_str(),
        bomb.as_str(),
        "\u{0}",
        "kind: SLO",
        "- kind: SLO",
        "{kind: SLO, apiVersion: openslo/v1}",
        "? ? ? a",
        "&a *a",
        "!!binary x",
    ] {
        let _ = with_openslo(yaml);
    }
    let faults = Config::parse("[[slo]]\nopenslo = \"nowhere/*.yaml\"\n", "q.toml", Path::new("/nonexistent")).unwrap_err();
    assert_eq!((faults[0].line, faults[0].column), (2, 11));
}
