//! KPIs that the config defines, from imported records through the store to `kpi`; and every fault of a definition.

use std::path::Path;

use quarterdeck::config::Config;
use serde_json::{Value, json};

use crate::cli::{Place, json_lines, write_lines};

const CONFIG: &str = r#"
[[team]]
name = "pay"
services = ["api"]

[[metric]]
id = "build_failure_rate"
name = "Failed builds"
tab = "quality"
kind = "ratio"
over = "pipeline_run"
filter = { pipeline = "build*", "labels.region" = ["eu", "us"] }
numerator = { status = ["failure", "error"] }
direction = "down"
definition = "Builds that did not end well."

[[metric]]
id = "build_time"
tab = "quality"
kind = "quantile"
q = 0.5
over = "pipeline_run"
value = "finished_at - started_at"
unit = "s"
direction = "down"

[[metric]]
id = "defects_per_point"
tab = "delivery"
kind = "ratio"
over = "work_item"
numerator = { type = "bug" }
denominator = "points"

[[metric]]
id = "mean_points"
tab = "delivery"
kind = "mean"
over = "work_item"
value = "points"

[[metric]]
id = "gpu_cost"
tab = "cost"
kind = "sum"
over = "cost_line"
filter = { "Tags.kind" = "gpu", EffectiveCost = "> 0" }
value = "EffectiveCost"
unit = "money"

[[metric]]
id = "sev1_incidents"
tab = "reliability"
kind = "count"
over = "incident"
filter = { severity = "sev1" }
unit = "incidents"

[[metric]]
id = "pipelines"
tab = "quality"
kind = "distinct"
over = "pipeline_run"
value = "pipeline"

[[metric]]
id = "cache_misses"
tab = "reliability"
kind = "ratio"
over = "sample:cache_misses"
denominator = "cache_reads"
filter = { "labels.region" = "eu" }

[kpi.build_failure_rate]
target = "< 10%"
owner = "platform"
"#;

fn records() -> Vec<Value> {
    let run = |id: &str, pipeline: &str, service: &str, region: &str, status: &str, minutes: u32| {
        json!({"kind": "pipeline_run", "id": id, "service": service, "pipeline": pipeline, "status": status, "labels": {"region": region},
            "started_at": "2026-03-10T10:00:00Z", "finished_at": format!("2026-03-10T10:{minutes:02}:00Z")})
    };
    let item = |id: &str, kind: &str, points: Option<u32>| json!({"kind": "work_item", "id": id, "ts": "2026-03-10T00:00:00Z", "type": kind, "points": points, "done_at": "2026-03-10T00:00:00Z"});
    let cost = |id: &str, amount: &str, kind: &str| {
        json!({"kind": "cost_line", "id": id, "EffectiveCost": amount, "BillingCurrency": "USD", "Tags": {"kind": kind},
            "ChargePeriodStart": "2026-03-10T00:00:00Z", "ChargePeriodEnd": "2026-03-11T00:00:00Z"})
    };
    let sample = |id: &str, metric: &str, region: &str, value: u32| json!({"kind": "sample", "id": id, "ts": "2026-03-10T10:00:00Z", "metric": metric, "sample_kind": "counter_delta", "value": value, "labels": {"region": region}});
    vec![
        run("r1", "build-api", "api", "eu", "success", 2),
        run("r2", "build-api", "api", "eu", "failure", 4),
        run("r3", "build-web", "web", "us", "success", 6),
        run("r4", "build-web", "web", "us", "error", 10),
        run("r5", "build-web", "web", "asia", "failure", 20),
        run("r6", "deploy", "api", "eu", "failure", 30),
        item("w1", "feature", Some(5)),
        item("w2", "bug", Some(3)),
        item("w3", "bug", None),
        cost("c1", "12.50", "gpu"),
        cost("c2", "-2.50", "gpu"),
        cost("c3", "99", "disk"),
        json!({"kind": "incident", "id": "i1", "service": "api", "severity": "sev1", "started_at": "2026-03-10T00:00:00Z", "resolved_at": "2026-03-10T01:00:00Z"}),
        json!({"kind": "incident", "id": "i2", "service": "api", "severity": "sev2", "started_at": "2026-03-10T00:00:00Z", "resolved_at": "2026-03-10T01:00:00Z"}),
        sample("m1", "cache_misses", "eu", 10),
        sample("m2", "cache_reads", "eu", 100),
        sample("m3", "cache_misses", "us", 90),
        sample("m4", "cache_reads", "us", 100),
    ]
}

fn kpi(place: &Place, metric: &str, more: &[&str]) -> Vec<Value> {
    over(place, metric, ("2026-03-01", "2026-04-01"), more)
}

fn over(place: &Place, metric: &str, (from, to): (&str, &str), more: &[&str]) -> Vec<Value> {
    let (config, store) = (place.path("own.toml").display().to_string(), place.path("own.db").display().to_string());
    let mut args = vec!["kpi", "--config", &config, "--store", &store, "--format", "json", "--from", from, "--to", to, metric];
    args.extend(more);
    json_lines(&place.run(&args).fine())
}

fn imported() -> Place {
    let place = Place::new();
    std::fs::write(place.path("own.toml"), CONFIG).unwrap();
    write_lines(&place.path("records.jsonl"), &records());
    let (config, store) = (place.path("own.toml").display().to_string(), place.path("own.db").display().to_string());
    let file = place.path("records.jsonl").display().to_string();
    place.run(&["import", "--config", &config, "--store", &store, &file]).fine();
    place
}

#[test]
fn every_way_to_fold_gives_what_was_worked_out_by_hand() {
    let place = imported();
    for (metric, value, unit, n) in [
        ("build_failure_rate", 0.5, "ratio", 4),
        ("build_time", 480.0, "s", 6),
        // A bug without points has no denominator and is left out of both sums.
        ("defects_per_point", 1.0 / 8.0, "ratio", 2),
        ("mean_points", 4.0, "", 2),
        ("gpu_cost", 12.5, "USD", 1),
        ("sev1_incidents", 1.0, "incidents", 1),
        ("pipelines", 3.0, "different", 6),
        ("cache_misses", 0.1, "ratio", 1),
    ] {
        let reading = &kpi(&place, metric, &[])[0];
        let got = reading["value"].as_f64().unwrap_or_else(|| panic!("{reading}"));
        assert!((got - value).abs() < 1e-9, "{metric}: {reading}");
        assert_eq!((&reading["unit"], &reading["n"], &reading["status"]), (&json!(unit), &json!(n), &json!("ok")), "{reading}");
    }
}

#[test]
fn a_definition_behaves_like_a_built_in_metric() {
    let place = imported();
    let reading = &kpi(&place, "build_failure_rate", &[])[0];
    assert_eq!((&reading["target"], &reading["target_met"]), (&json!("< 10%"), &json!(false)), "{reading}");
    assert!(reading["lower"].is_number() && reading["denominator"] == 4.0, "{reading}");
    // Owners as any record of that kind: the service's team.
    let pay = &kpi(&place, "build_failure_rate", &["--team", "pay"])[0];
    assert_eq!((&pay["value"], &pay["n"]), (&json!(0.5), &json!(2)), "{pay}");
    let web = &kpi(&place, "build_failure_rate", &["--service", "web"])[0];
    assert_eq!((&web["value"], &web["n"]), (&json!(0.5), &json!(2)), "{web}");
    // Counted nothing is a real zero where such records are known; a share of nothing is no number.
    let empty = |metric: &str| over(&place, metric, ("2026-01-01", "2026-02-01"), &[]).remove(0);
    let (count, ratio) = (empty("sev1_incidents"), empty("build_failure_rate"));
    assert_eq!((&count["value"], &ratio["status"]), (&json!(0.0), &json!("no_data")), "{count} {ratio}");
    let config = place.path("own.toml").display().to_string();
    let text = place.run(&["library", "--config", &config, "build_failure_rate"]).fine();
    assert!(text.contains("Builds that did not end well.") && text.contains("status is failure or error"), "{text}");
}

fn faults(config: &str) -> Vec<String> {
    match Config::parse(config, "own.toml", Path::new(".")) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_fault_of_a_definition_has_its_place_and_says_what_was_expected() {
    let block = |lines: &str| format!("[[metric]]\nid = \"mine\"\ntab = \"quality\"\n{lines}\n");
    for (config, place, words) in [
        (block("kind = \"median\"\nover = \"change\"\nvalue = \"additions\""), "own.toml:4:8", "unknown way to fold `median`"),
        (block("kind = \"count\"\nover = \"deploymnt\""), "own.toml:5:8", "did you mean `deployment`?"),
        (block("kind = \"count\"\nover = \"people\""), "own.toml:5:8", "unknown kind of record `people`"),
        (block("kind = \"sum\"\nover = \"change\"\nvalue = \"aditions\""), "own.toml:6:9", "did you mean `additions`?"),
        (block("kind = \"count\"\nover = \"incident\"\nfilter = { severty = \"sev1\" }"), "own.toml:6:12", "did you mean `severity`?"),
        (block("kind = \"count\"\nover = \"incident\"\nfilter = { labels = \"eu\" }"), "own.toml:6:12", "say which, as in `labels.region`"),
        (
            block("kind = \"count\"\nover = \"incident\"\nfilter = { severity = \"> high\" }"),
            "own.toml:6:12",
            "a comparison such as \"> 60\"",
        ),
        (block("kind = \"quantile\"\nover = \"change\"\nvalue = \"additions\""), "own.toml:4:8", "a quantile needs `q`"),
        (block("kind = \"quantile\"\nq = 95\nover = \"change\"\nvalue = \"additions\""), "own.toml:5:5", "expected 0 to 1"),
        (block("kind = \"ratio\"\nover = \"change\""), "own.toml:4:8", "a ratio needs `numerator`"),
        (block("kind = \"ratio\"\nover = \"sample:errors\""), "own.toml:4:8", "needs `denominator`"),
        (block("kind = \"count\"\nover = \"change\"\nvalue = \"additions\""), "own.toml:6:9", "a count counts records"),
        (block("kind = \"count\"\nover = \"change\"\ncolour = \"red\""), "own.toml:6:1", "unknown key `colour`"),
        (
            "[[metric]]\nid = \"uptime\"\ntab = \"quality\"\nkind = \"count\"\nover = \"change\"\n".into(),
            "own.toml:2:6",
            "is a built-in metric",
        ),
        ("[[metric]]\nid = \"My KPI\"\ntab = \"front\"\nkind = \"count\"\nover = \"change\"\n".into(), "own.toml:2:6", "is no id"),
    ] {
        let found = faults(&config);
        assert!(found.iter().any(|f| f.starts_with(place) && f.contains(words)), "{config}\n{found:#?}");
    }
    let twice = block("kind = \"count\"\nover = \"change\"").repeat(2);
    assert!(faults(&twice).iter().any(|f| f.contains("already there")), "{:#?}", faults(&twice));
    assert_eq!(faults(CONFIG), Vec::<String>::new());
}

#[test]
fn why_it_moved_adds_up_by_service() {
    let place = Place::new();
    std::fs::write(place.path("own.toml"), CONFIG).unwrap();
    let run = |id: String, at: &str, service: &str, status: &str| json!({"kind": "pipeline_run", "id": id, "service": service, "pipeline": "build", "status": status, "labels": {"region": "eu"}, "started_at": at, "finished_at": at});
    let mut lines = Vec::new();
    for (at, api, web) in [("2026-02-10T00:00:00Z", (20, 2), (10, 1)), ("2026-03-10T00:00:00Z", (20, 2), (20, 10))] {
        for (service, (all, failed)) in [("api", api), ("web", web)] {
            lines.extend((0..all).map(|i| run(format!("{service}{at}{i}"), at, service, if i < failed { "failure" } else { "success" })));
        }
    }
    write_lines(&place.path("records.jsonl"), &lines);
    let (config, store) = (place.path("own.toml").display().to_string(), place.path("own.db").display().to_string());
    place.run(&["import", "--config", &config, "--store", &store, &place.path("records.jsonl").display().to_string()]).fine();
    let args =
        ["why", "--config", &config, "--store", &store, "--from", "2026-03-01", "--to", "2026-04-01", "--json", "build_failure_rate"];
    let why: Value = serde_json::from_str(&place.run(&args).fine()).unwrap();
    let cut = why["cuts"].as_array().unwrap().iter().find(|c| c["by"] == "service").unwrap_or_else(|| panic!("{why}"));
    let (from, to) = (3.0 / 30.0, 12.0 / 40.0);
    assert!((cut["total"].as_f64().unwrap() - (to - from)).abs() < 1e-9, "{cut}");
    assert_eq!(cut["parts"][0]["name"].as_str(), Some("web"), "{cut}");
}
