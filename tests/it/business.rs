//! Customers, money, people and work from imported records through the store to `kpi`, worked out by hand.

use serde_json::{Value, json};

use crate::cli::{Place, json_lines, write_lines};

/// March 2026 of a small company; what is stamped 2026-04-01T00:00:00Z is of the month that ends there.
fn company() -> Vec<Value> {
    let end = "2026-04-01T00:00:00Z";
    let mut lines = vec![
        json!({"kind": "customers", "id": "c3", "ts": end, "start": 200, "new": 40, "end": 220, "mrr": "10000", "mrr_lost": "500"}),
        json!({"kind": "survey", "id": "s3", "ts": "2026-03-20T00:00:00Z", "instrument": "nps", "promoters": 50, "passives": 30, "detractors": 20}),
        // The same feature twice: only the later count stands.
        json!({"kind": "feature_usage", "id": "f1", "ts": "2026-03-10T00:00:00Z", "feature": "export", "eligible": 380, "users": 60}),
        json!({"kind": "feature_usage", "id": "f2", "ts": "2026-03-30T00:00:00Z", "feature": "export", "eligible": 400, "users": 120, "time_to_adopt_s": [3600.0, 7200.0, 86400.0]}),
        json!({"kind": "finance", "id": "m3", "ts": end, "revenue": "6000000", "tech_cost": "900000", "tech_cost_scope": "infrastructure, people",
            "rd_cost": "400000", "arpa_month": "50", "gross_margin": 0.8, "monthly_churn": 0.02}),
        json!({"kind": "finance", "id": "new", "ts": end, "new_product_revenue": "600000", "launched_at": "2025-02-01T00:00:00Z"}),
        json!({"kind": "finance", "id": "old", "ts": end, "new_product_revenue": "999999", "launched_at": "2020-02-01T00:00:00Z"}),
        json!({"kind": "finance", "id": "ini", "ts": end, "initiative": "checkout", "gain": "150000", "cost": "100000", "horizon_months": 12}),
        json!({"kind": "user_activity", "id": "tx", "ts": "2026-03-31T00:00:00Z", "transactions": 1_500_000}),
        json!({"kind": "cost_line", "id": "bill", "BilledCost": "375", "EffectiveCost": "375", "BillingCurrency": "USD", "ChargeCategory": "Usage",
            "ChargePeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodEnd": end}),
        json!({"kind": "quality", "id": "docs", "ts": "2026-03-30T00:00:00Z", "project": "handbook", "doc_units": 50, "doc_units_documented": 38}),
        json!({"kind": "user_activity", "id": "u1", "ts": "2026-03-31T00:00:00Z", "user_days": [["u1", "2026-03-01"], ["u1", "2026-03-02"], ["u2", "2026-03-02"], ["u3", "2026-03-30"], ["u2", "2026-03-31"]]}),
    ];
    for (id, kind, points, hours, created, released, iteration) in [
        ("w1", "feature", 5, 30, "2026-02-01", "2026-03-03", "s1"),
        ("w2", "feature", 8, 40, "2026-02-10", "2026-03-12", "s2"),
        ("w3", "bug", 3, 20, "2026-03-01", "2026-03-04", "s1"),
        ("w4", "maintenance", 2, 10, "2026-03-01", "2026-03-13", "s2"),
    ] {
        lines.push(
            json!({"kind": "work_item", "id": id, "ts": format!("{created}T00:00:00Z"), "type": kind, "points": points, "effort_h": hours,
            "created_at": format!("{created}T00:00:00Z"), "started_at": format!("{created}T12:00:00Z"),
            "done_at": format!("{released}T00:00:00Z"), "released_at": format!("{released}T00:00:00Z"), "iteration": iteration}),
        );
    }
    lines.push(json!({"kind": "work_item", "id": "w5", "type": "feature", "points": 13, "created_at": "2026-03-02T00:00:00Z", "iteration": "s3", "done": false}));
    for (i, (at, people)) in [("2026-03-01", 40), ("2026-03-11", 41), ("2026-03-21", 39), ("2026-04-01", 40)].iter().enumerate() {
        lines.push(json!({"kind": "people", "id": format!("h{i}"), "ts": format!("{at}T00:00:00Z"), "event": "snapshot", "team": "pay", "headcount": people}));
    }
    lines.push(json!({"kind": "people", "id": "risk", "ts": "2026-03-01T00:00:00Z", "event": "snapshot", "team": "risk", "headcount": 4}));
    for (id, voluntary) in [("ann@example.org", true), ("bob@example.org", true), ("cat@example.org", false)] {
        lines.push(
            json!({"kind": "people", "id": id, "ts": "2026-03-15T00:00:00Z", "event": "leave", "voluntary": voluntary, "team": "pay"}),
        );
    }
    lines.push(json!({"kind": "people", "id": "dan@example.org", "ts": "2026-03-15T00:00:00Z", "event": "leave", "voluntary": true, "team": "risk"}));
    for (area, capable) in [("billing", 2), ("search", 1), ("infra", 3), ("mobile", 0)] {
        lines.push(json!({"kind": "people", "id": area, "ts": "2026-03-05T00:00:00Z", "event": "snapshot", "team": "pay", "area": area, "capable": capable}));
    }
    lines
}

struct Company {
    place: Place,
    store: String,
}

impl Company {
    fn of(lines: &[Value]) -> Self {
        let place = Place::new();
        let file = place.path("company.jsonl");
        write_lines(&file, lines);
        let store = place.path("own.db").display().to_string();
        place.run(&["import", "--store", &store, &file.display().to_string()]).fine();
        Self { place, store }
    }

    fn kpi(&self, metric: &str, more: &[&str]) -> Value {
        let mut args = vec!["kpi", "--store", &self.store, "--format", "json", "--from", "2026-03-01", "--to", "2026-04-01", metric];
        args.extend(more);
        let readings = json_lines(&self.place.run(&args).fine());
        readings.into_iter().find(|r| r["metric"] == metric).unwrap_or_else(|| panic!("{metric} is not there"))
    }
}

#[test]
fn every_business_figure_comes_out_of_the_store_as_it_was_worked_out_by_hand() {
    let company = Company::of(&company());
    for (metric, value, unit, n) in [
        ("retention_rate", 0.9, "ratio", Some(200)),
        ("churn_rate", 0.1, "ratio", Some(200)),
        ("churn_rate.revenue", 0.05, "ratio", None),
        ("nps", 30.0, "points", Some(100)),
        ("feature_adoption", 0.3, "ratio", Some(400)),
        ("feature_adoption.time_to_adopt", 7200.0, "s", Some(3)),
        ("active_users.month", 3.0, "users", None),
        ("active_users.daily_mean", 5.0 / 31.0, "users", None),
        ("active_users.1d", 1.0, "users", None),
        ("active_users.7d", 2.0, "users", None),
        ("active_users.28d", 2.0, "users", None),
        ("stickiness", 5.0 / 93.0, "ratio", None),
        ("roi", 0.5, "ratio", None),
        ("rd_effectiveness", 1.5, "ratio", None),
        ("ltv", 2000.0, "USD", None),
        ("tech_cost_pct_revenue", 0.15, "ratio", None),
        ("cost_per_transaction", 0.00025, "USD/tx", None),
        ("time_to_market.median", 2_592_000.0, "s", Some(2)),
        ("time_to_market.p85", 2_592_000.0, "s", Some(2)),
        ("time_to_market.flow_time", 2_548_800.0, "s", Some(2)),
        ("time_to_market.pending", 1.0, "features", Some(1)),
        ("velocity.mean", 9.0, "points/iteration", Some(2)),
        ("velocity.items_per_week", 4.0 * 7.0 / 31.0, "1/wk", Some(4)),
        ("maintenance_share", 0.3, "ratio", Some(4)),
        ("documentation_coverage", 0.76, "ratio", None),
        ("headcount", 44.0, "people", None),
        ("attrition_rate.period", 4.0 / 44.0, "ratio", None),
        ("attrition_rate.annualised", 48.0 / 44.0, "ratio", None),
        ("attrition_rate.voluntary_period", 3.0 / 44.0, "ratio", None),
        ("cross_training", 0.5, "ratio", None),
    ] {
        let reading = company.kpi(metric, &[]);
        let got = reading["value"].as_f64().unwrap_or_else(|| panic!("{metric}: {reading}"));
        assert!((got - value).abs() <= 1e-9 * value.abs().max(1.0), "{metric}: {got} is not {value}: {reading}");
        assert_eq!((&reading["unit"], &reading["status"]), (&json!(unit), &json!("ok")), "{metric}: {reading}");
        if let Some(n) = n {
            assert_eq!(reading["n"], n, "{metric}: {reading}");
        }
    }
}

#[test]
fn what_a_number_rests_on_stands_beside_it() {
    let company = Company::of(&company());
    for (metric, fact, value) in [
        ("maintenance_share", "basis", json!("hours")),
        ("roi", "horizon", json!("12 months")),
        ("tech_cost_pct_revenue", "cost_scope", json!("infrastructure, people")),
        ("rd_effectiveness", "vintages", json!({"2025": 1.5})),
        ("velocity.mean", "range", json!("8 to 10 points")),
        ("cross_training", "single_points", json!(["search"])),
        ("cross_training", "uncovered", json!(["mobile"])),
        ("cross_training", "bus_factor", json!({"billing": 2.0, "infra": 3.0, "mobile": 0.0, "search": 1.0})),
        ("time_to_market.median", "pending", json!(1.0)),
        ("time_to_market.median", "oldest_pending_s", json!(30.0 * 86_400.0)),
    ] {
        assert_eq!(company.kpi(metric, &[])[fact], value, "{metric} {fact}");
    }
}

#[test]
fn people_of_a_group_under_five_are_withheld_and_nobody_is_named() {
    let company = Company::of(&company());
    for metric in ["headcount", "attrition_rate.period", "attrition_rate.annualised", "attrition_rate.voluntary_period"] {
        let risk = company.kpi(metric, &["--team", "risk"]);
        assert_eq!((&risk["value"], &risk["status"]), (&Value::Null, &json!("insufficient")), "{risk}");
        assert!(risk["reason"].as_str().unwrap().starts_with("withheld"), "{risk}");
        assert!(risk.get("before").is_none(), "{risk}");
        // The whole is shown: with the one other team beside it, a subtraction would tell of the four.
        assert!(company.kpi(metric, &[])["value"].is_number(), "{metric}");
        let pay = company.kpi(metric, &["--team", "pay"]);
        assert_eq!((&pay["value"], &pay["status"]), (&Value::Null, &json!("insufficient")), "{pay}");
        assert!(pay["reason"].as_str().unwrap().contains("it would give away"), "{pay}");
    }
    assert_eq!(company.kpi("cross_training", &["--team", "risk"])["status"], "insufficient");
    let out = company.place.run(&["export", "--store", &company.store, "--kind", "people"]).fine();
    assert!(!out.contains("example.org") && out.contains("p:"), "{out}");
    let rows = company.place.run(&["events", "--store", &company.store, "--kind", "people", "--format", "table"]).fine();
    assert!(!rows.contains("p:") && !rows.contains(" risk "), "{rows}");
}

#[test]
fn active_users_of_products_are_not_added_and_the_organisation_counts_each_once() {
    let days = |id: &str, product: &str, users: &[&str]| {
        let days: Vec<_> = users.iter().map(|u| json!([u, "2026-03-10"])).collect();
        json!({"kind": "user_activity", "id": id, "ts": "2026-03-10T00:00:00Z", "product": product, "user_days": days})
    };
    let company = Company::of(&[days("a", "web", &["u1", "u2"]), days("b", "app", &["u2", "u3"])]);
    assert_eq!(company.kpi("active_users.month", &[])["value"], 3.0);
    let ready = |id: &str, product: &str, n: u32| json!({"kind": "user_activity", "id": id, "ts": "2026-03-31T00:00:00Z", "period": "month", "product": product, "active_users": n});
    let company = Company::of(&[ready("a", "web", 20), ready("b", "app", 20)]);
    let reading = company.kpi("active_users.month", &[]);
    assert_eq!((&reading["value"], &reading["status"]), (&Value::Null, &json!("insufficient")), "{reading}");
}

#[test]
fn a_month_without_a_report_shows_the_latest_as_provisional_and_half_a_year_later_nothing() {
    let report = |ts: &str| Company::of(&[json!({"kind": "customers", "id": "c", "ts": ts, "start": 200, "new": 40, "end": 220})]);
    let february = report("2026-02-01T00:00:00Z").kpi("retention_rate", &[]);
    assert_eq!((&february["value"], &february["status"]), (&json!(0.9), &json!("provisional")));
    assert!(february["reason"].as_str().unwrap().contains("2026-02-01"), "{february}");
    assert_eq!(report("2025-10-01T00:00:00Z").kpi("retention_rate", &[])["status"], "no_data");
}

#[test]
fn a_currency_without_a_rate_is_an_error_that_keeps_the_sums_apart() {
    let of = |id: &str, currency: &str| json!({"kind": "finance", "id": id, "ts": "2026-03-20T00:00:00Z", "currency": currency, "gain": "300", "cost": "100"});
    let company = Company::of(&[of("a", "USD"), of("b", "EUR")]);
    let reading = company.kpi("roi", &[]);
    assert_eq!((&reading["status"], &reading["reason"]), (&json!("error"), &json!("no EUR->USD rate for 2026-03")));
    assert_eq!(reading["partial"], json!({"EUR": "200", "USD": "200"}));
    let config = company.place.path("fx.toml");
    std::fs::write(&config, "[cost.fx.EUR]\n\"2026-03\" = \"1.10\"\n").unwrap();
    let reading = company.kpi("roi", &["--config", &config.display().to_string()]);
    assert_eq!((&reading["value"], &reading["status"]), (&json!(2.0), &json!("ok")));
}

#[test]
fn points_of_two_teams_are_not_added_up() {
    let item = |id: &str, team: &str| json!({"kind": "work_item", "id": id, "team": team, "type": "feature", "points": 5, "iteration": "s1", "created_at": "2026-03-01T00:00:00Z", "done_at": "2026-03-10T00:00:00Z"});
    let company = Company::of(&[item("a", "pay"), item("b", "risk")]);
    assert_eq!(company.kpi("velocity.mean", &[])["status"], "insufficient");
    assert_eq!(company.kpi("velocity.mean", &["--team", "pay"])["value"], 5.0);
}

#[test]
fn three_months_of_much_maintenance_are_a_warning_and_two_are_not() {
    let item = |id: &str, kind: &str, at: &str| json!({"kind": "work_item", "id": format!("{id}{at}"), "type": kind, "created_at": "2025-12-01T00:00:00Z", "done_at": format!("{at}T00:00:00Z")});
    let of = |months: &[&str]| -> Vec<Value> { months.iter().flat_map(|m| [item("b", "bug", m), item("f", "feature", m)]).collect() };
    let steady = Company::of(&of(&["2025-12-10", "2026-01-10", "2026-02-10", "2026-03-10"]));
    assert_eq!(steady.kpi("maintenance_share", &[])["rating"], "above 30 % for 3 months");
    let fresh = Company::of(&of(&["2026-02-10", "2026-03-10"]));
    assert!(fresh.kpi("maintenance_share", &[]).get("rating").is_none());
}
