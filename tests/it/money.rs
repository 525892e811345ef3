//! Bills from a file through the store to `kpi`: rates, splits, pools and what restates the past.
#![allow(clippy::needless_pass_by_value, reason = "JSON literals read best in place")]

use std::{collections::BTreeMap, path::Path};

use chrono::Duration;
use quarterdeck::{
    config::Config,
    domain::{Decimal, Time},
    engine::look,
    kpi::board::Look,
    store::Reader,
};
use serde_json::{Value, json};

use crate::cli::{Place, json_lines, write_lines};

struct Bills {
    place: Place,
    store: String,
    config: String,
}

impl Bills {
    fn new(config: &str) -> Self {
        let place = Place::new();
        let path = place.path("bills.toml");
        std::fs::write(&path, config).unwrap();
        Self { store: place.path("own.db").display().to_string(), config: path.display().to_string(), place }
    }

    fn import(&self, lines: &[Value]) {
        let file = self.place.path("bill.jsonl");
        write_lines(&file, lines);
        self.place.run(&["import", "--config", &self.config, "--store", &self.store, &file.display().to_string()]).fine();
    }

    fn kpi(&self, metric: &str, more: &[&str]) -> Vec<Value> {
        let mut args = vec!["kpi", "--config", &self.config, "--store", &self.store, "--format", "json", "--from", "2026-03-01"];
        args.extend(["--to", "2026-04-01", metric]);
        args.extend(more);
        json_lines(&self.place.run(&args).fine()).into_iter().filter(|r| r["metric"] == metric).collect()
    }

    fn one(&self, metric: &str) -> Value {
        self.kpi(metric, &[]).remove(0)
    }
}

fn line(id: &str, cost: &str, more: Value) -> Value {
    let mut line = json!({"kind": "cost_line", "id": id, "EffectiveCost": cost, "BilledCost": cost, "BillingCurrency": "USD", "ChargeCategory": "Usage",
        "BillingPeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodStart": "2026-03-01T00:00:00Z", "ChargePeriodEnd": "2026-04-01T00:00:00Z"});
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

#[test]
fn a_currency_without_a_rate_is_refused_with_the_sums_and_with_one_converted_exactly() {
    let lines = [line("a", "100", json!({})), line("b", "200", json!({"BillingCurrency": "EUR"}))];
    let bills = Bills::new("");
    bills.import(&lines);
    let reading = bills.one("infra_cost.effective");
    assert_eq!((&reading["status"], &reading["value"]), (&json!("error"), &Value::Null));
    assert_eq!(reading["reason"], "no EUR->USD rate for 2026-03");
    assert_eq!(decimals(&reading["partial"]), decimals(&json!({"EUR": "200", "USD": "100"})));
    let bills = Bills::new("[cost.fx.EUR]\n\"2026-03\" = \"1.10\"\n");
    bills.import(&lines);
    let reading = bills.one("infra_cost.effective");
    assert_eq!((&reading["status"], decimal(&reading["value"])), (&json!("ok"), "320".parse().unwrap()));
}

#[test]
fn teams_and_what_nobody_owns_sum_to_the_total_to_the_cent() {
    let bills = Bills::new("[[cost.shared]]\ntags = { \"cost-center\" = \"shared\" }\n");
    bills.import(&[
        line("a", "333.33", json!({"Tags": {"team": "pay"}})),
        line("b", "166.67", json!({"Tags": {"Team": "search"}})),
        line("c", "77.77", json!({"Tags": {"team": "ops"}})),
        line("d", "100.01", json!({"Tags": {"cost-center": "shared"}})),
        line("e", "59.99", json!({"Tags": null})),
    ]);
    let org = decimal(&bills.one("infra_cost.effective")["value"]);
    assert_eq!(org, "737.77".parse().unwrap());
    let teams: BTreeMap<String, Decimal> = bills
        .kpi("infra_cost.effective", &["--team", "all"])
        .iter()
        .map(|r| (r["scope"]["team"].as_str().unwrap().to_owned(), decimal(&r["value"])))
        .collect();
    assert_eq!(teams.values().sum::<Decimal>(), org, "{teams:?}");
    assert!(teams.len() == 4 && teams.values().all(|sum| sum.normalize().scale() <= 2), "{teams:?}");
    let share = bills.one("cost_allocated_share")["value"].as_f64().unwrap();
    assert!((share - (737.77 - 59.99) / 737.77).abs() < 1e-9, "{share}");
}

#[test]
fn a_charge_over_midnight_is_split_by_time() {
    let bills = Bills::new("");
    bills.import(&[line("a", "24", json!({"ChargePeriodStart": "2026-03-01T18:00:00Z", "ChargePeriodEnd": "2026-03-02T18:00:00Z"}))]);
    let days = bills.one("infra_cost.daily")["value"].clone();
    assert_eq!(decimals(&days), decimals(&json!({"2026-03-01": "6", "2026-03-02": "18"})));
}

#[test]
fn a_correction_on_a_later_bill_restates_the_month_and_says_so() {
    let bills = Bills::new("");
    let correction = json!({"ChargeClass": "Correction", "BillingPeriodStart": "2026-04-01T00:00:00Z"});
    bills.import(&[line("a", "100", json!({})), line("b", "-20", correction)]);
    let reading = bills.one("infra_cost.effective");
    assert_eq!(decimal(&reading["value"]), Decimal::from(80));
    assert_eq!(reading["restated"], "restated by the bill of 2026-04, was 100 USD");
    assert_eq!(decimal(&bills.one("infra_cost.corrections")["value"]), Decimal::from(-20));
}

#[test]
fn a_bill_that_replaces_another_leaves_a_mark_of_what_was() {
    let bills = Bills::new("");
    let revision = |cost: &str, at: &str| line("a", cost, json!({"updated_at": at}));
    bills.import(&[line("b", "50", json!({"updated_at": "2026-04-02T00:00:00Z"})), revision("100", "2026-04-02T00:00:00Z")]);
    assert!(bills.one("infra_cost.effective").get("restated").is_none());
    // The same again is no restatement.
    bills.import(&[revision("100", "2026-04-02T00:00:00Z")]);
    assert_eq!(bills.one("infra_cost.corrections")["status"], "no_data");
    bills.import(&[revision("125", "2026-05-02T00:00:00Z")]);
    let reading = bills.one("infra_cost.effective");
    assert_eq!(decimal(&reading["value"]), Decimal::from(175));
    let text = reading["restated"].as_str().unwrap();
    assert!(text.starts_with("restated on 20") && text.ends_with("was 150 USD"), "{text}");
    assert_eq!(decimal(&bills.one("infra_cost.corrections")["value"]), Decimal::from(25));
    let marks = bills.place.run(&["events", "--config", &bills.config, "--store", &bills.store, "--kind", "annotation"]).fine();
    assert!(marks.contains("2026-03"), "{marks}");
}

#[test]
fn a_charge_that_was_an_estimate_is_no_restatement_when_it_becomes_final() {
    let bills = Bills::new("");
    bills.import(&[line("a", "100", json!({"updated_at": "2026-03-30T00:00:00Z", "estimated": true}))]);
    bills.import(&[line("a", "130", json!({"updated_at": "2026-04-02T00:00:00Z"}))]);
    let reading = bills.one("infra_cost.effective");
    assert_eq!((decimal(&reading["value"]), reading.get("restated")), (Decimal::from(130), None));
}

#[test]
fn the_page_of_a_cost_names_the_charges_that_matter_most() {
    let bills = Bills::new("");
    let charge = |day: i64| {
        let begins: Time = "2026-02-01T00:00:00Z".parse().unwrap();
        let [from, to] = [day, day + 1].map(|d| begins + Duration::days(d));
        let cost = if day == 48 { "900" } else { "100" };
        line(&format!("day {day}"), cost, json!({"ChargePeriodStart": from, "ChargePeriodEnd": to, "ServiceName": "vm"}))
    };
    bills.import(&(0..56).map(charge).collect::<Vec<_>>());
    let (reader, config) = (Reader::open(Path::new(&bills.store)).unwrap(), Config::parse("", "bills.toml", Path::new(".")).unwrap());
    let look = Look { focus: Some("infra_cost.effective"), ..Look::default() };
    let board = look::load(&reader, &config, &look, "2026-03-29T00:00:00Z".parse().unwrap()).unwrap();
    let members = board.why.unwrap().members;
    assert_eq!(members[0].key, "import/day 48");
    assert!(members.len() > 1 && members.iter().all(|m| !m.key.is_empty()), "{members:?}");
}

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no money")).parse().unwrap()
}

fn decimals(map: &Value) -> BTreeMap<String, Decimal> {
    map.as_object().unwrap().iter().map(|(k, v)| (k.clone(), decimal(v))).collect()
}
