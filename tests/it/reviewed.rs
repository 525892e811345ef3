//! `why` and `review` from records to text: the way a person asks.

use std::fmt::Write;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::cli::Place;

fn now() -> DateTime<Utc> {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

/// Deployments of a team, the first `failed` of them each with an incident that names it.
fn deployments(lines: &mut String, team: &str, days_ago: i64, n: usize, failed: usize, labels: &Value) {
    for i in 0..n {
        let at = now() - Duration::days(days_ago) + Duration::minutes(i64::try_from(i).unwrap() * 17);
        let id = format!("{team}-{days_ago}-{i}");
        let deployment = json!({
            "kind": "deployment", "id": id, "service": format!("{team}-api"), "team": team, "env_tier": "production",
            "status": "success", "finished_at": at, "sha": format!("{id}-sha"), "labels": labels,
        });
        writeln!(lines, "{deployment}").unwrap();
        if i < failed {
            let incident = json!({
                "kind": "incident", "id": format!("i-{id}"), "service": format!("{team}-api"), "team": team, "severity": "sev2",
                "started_at": at + Duration::minutes(5), "resolved_at": at + Duration::minutes(65), "caused_by": [id],
            });
            writeln!(lines, "{incident}").unwrap();
        }
    }
}

fn imported(place: &Place, lines: &str) {
    let file = place.path("records.jsonl");
    std::fs::write(&file, lines).unwrap();
    let answer = place.run(&["import", file.to_str().unwrap(), "--store", place.path("deck.db").to_str().unwrap()]);
    assert!(answer.out.contains("records") || answer.err.is_empty(), "{} {}", answer.out, answer.err);
}

fn ask(place: &Place, args: &[&str]) -> String {
    let store = place.path("deck.db").display().to_string();
    let args: Vec<&str> = args.iter().copied().chain(["--store", store.as_str()]).collect();
    let answer = place.run(&args);
    assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
    answer.out
}

#[test]
fn why_tells_rate_from_mix_by_team_and_adds_up_from_the_store() {
    let place = Place::new();
    let mut lines = String::new();
    let region = |name: &str| json!({ "region": name });
    // DEC01: A 2/40, B 3/10 -> A 3/30, B 8/20.
    deployments(&mut lines, "A", 50, 40, 2, &region("eu"));
    deployments(&mut lines, "B", 50, 10, 3, &region("us"));
    deployments(&mut lines, "A", 20, 30, 3, &region("eu"));
    deployments(&mut lines, "B", 20, 20, 8, &region("us"));
    imported(&place, &lines);
    let span = ["--from", "2026-02-02", "--to", "2026-03-02", "--as-of", "2026-03-02"];
    let of = |more: &[&str]| ask(&place, &[&["why", "change_failure_rate"], span.as_slice(), more].concat());
    let json: Value = serde_json::from_str(&of(&["--json"])).unwrap();
    assert!((json["from"].as_f64().unwrap() - 0.10).abs() < 1e-12 && (json["to"].as_f64().unwrap() - 0.22).abs() < 1e-12);
    let cut =
        |by: &str| json["cuts"].as_array().unwrap().iter().find(|c| c["by"] == by).unwrap_or_else(|| panic!("no cut by {by}: {json}"));
    for by in ["team", "service", "region"] {
        assert!((cut(by)["total"].as_f64().unwrap() - 0.12).abs() < 1e-12, "{by}");
    }
    let parts = cut("team")["parts"].as_array().unwrap();
    let of_team = |name: &str, key: &str| parts.iter().find(|p| p["name"] == name).unwrap()[key].as_f64().unwrap();
    for (team, rate, mix) in [("A", 0.035, 0.017), ("B", 0.030, 0.038)] {
        assert!((of_team(team, "rate") - rate).abs() < 1e-12 && (of_team(team, "mix") - mix).abs() < 1e-12, "{team}: {parts:?}");
    }
    assert_eq!(json["guard"]["test"], "Fisher");
    let text = of(&[]);
    assert!(text.contains("change_failure_rate: 10 % -> 22 %") && text.contains("within usual variation (Fisher"), "{text}");
    let text = of(&["--by", "region"]);
    assert!(text.contains("by region") && !text.contains("by team"), "{text}");
    let store = place.path("deck.db").display().to_string();
    let wrong = place.run(&[&["why", "change_failure_rate", "--by", "colour", "--store", &store], span.as_slice()].concat());
    assert!(wrong.code == 2 && wrong.err.contains("colour") && wrong.err.contains("region"), "{}", wrong.err);
}

#[test]
fn a_review_says_what_stands_still_what_shifted_and_who_is_missing() {
    let place = Place::new();
    let mut lines = String::new();
    for week in 1..=20 {
        // coverage never moves; deployments double after week 10
        let day = now() - Duration::weeks(week) + Duration::days(2);
        let quality = json!({
            "kind": "quality", "id": format!("q{week}"), "ts": day, "project": "core", "team": "A",
            "lines_to_cover": 1000, "covered_lines": 800,
        });
        writeln!(lines, "{quality}").unwrap();
        let n = if week <= 10 { 12 } else { 6 };
        deployments(&mut lines, "A", week * 7 - 2, n, 0, &json!({}));
    }
    imported(&place, &lines);
    let config = place.path("deck.toml");
    std::fs::write(
        &config,
        r#"
[kpi.code_coverage]
target = ">= 80%"
owner = "Platform lead"
audience = ["exec"]
review_every = "90d"
reviewed = 2025-10-01
baseline = { value = "80%", n = 1, frozen = 2026-01-01 }

[[objective]]
name = "Ship more"
key_results = [{ kpi = "deployment_frequency", from = "0.5/d", to = "1.5/d", since = 2026-01-01, due = 2026-04-01 }]
"#,
    )
    .unwrap();
    let config = config.display().to_string();
    let json: Value =
        serde_json::from_str(&ask(&place, &["review", "--as-of", "2026-03-02", "--format", "json", "--config", &config])).unwrap();
    let metric = |id: &str| json["metrics"].as_array().unwrap().iter().find(|m| m["metric"] == id).unwrap_or_else(|| panic!("no {id}"));
    let kinds = |id: &str| -> Vec<String> {
        metric(id)["flags"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("code_coverage"), ["static", "review_due", "not_smart"]);
    assert_eq!(metric("code_coverage")["baseline"], json!(0.8));
    let shifted = kinds("deployment_frequency.per_day");
    assert!(shifted.contains(&"changepoint".to_owned()) && shifted.contains(&"no_owner".to_owned()), "{shifted:?}");
    let objective = &json["objectives"][0];
    let progress = objective["key_results"][0]["progress"].as_f64().unwrap();
    // 12 a week is 1.714 a day: more than all of the way.
    assert!((progress - (12.0 / 7.0 - 0.5)).abs() < 1e-9 && objective["verdict"] == "reached", "{objective}");
    let text = ask(&place, &["review", "--as-of", "2026-03-02", "--config", &config]);
    assert!(text.contains("STATIC") && text.contains("REVIEW DUE") && text.contains("objective Ship more: reached"), "{text}");
}

#[test]
fn two_north_stars_and_words_that_are_none_are_refused_with_their_place() {
    let place = Place::new();
    let config = place.path("deck.toml");
    std::fs::write(
        &config,
        "[kpi.lead_time]\nnorth_star = true\naudience = [\"everybody\"]\n[kpi.code_coverage]\nnorth_star = true\nperspective = \"people\"\nbaseline = { value = \"3 days\" }\n",
    )
    .unwrap();
    let answer = place.run(&["check", "--offline", "--config", config.to_str().unwrap()]);
    assert_eq!(answer.code, 2);
    for place in ["deck.toml:3:", "deck.toml:5:", "deck.toml:6:", "deck.toml:7:"] {
        assert!(answer.err.contains(place), "{place} in {}", answer.err);
    }
}
