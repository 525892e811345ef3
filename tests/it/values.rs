//! Readings of live data, cost, users, quality and business: what each rule means on small inputs.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck::{
    domain::{
        Decimal, Time,
        record::{Body, CostLine, Customers, Finance, People, Quality, Record, Sample, SourceState, TestRun, UserActivity, WorkItem},
        team::{Roster, Team},
        value::{Datum, Reading, Scope, Status},
        window::Window,
    },
    kpi::{
        Query, Settings,
        cost::{allocate, cost_facts},
        evaluate,
        fact::{Facts, Histogram, Owners},
        live::{PROBE, Sums},
    },
};

/// A company on paper: facts, settings, and the month of March 2026.
struct Desk {
    facts: Facts,
    settings: Settings,
    roster: Roster,
    window: Window,
}

fn at(text: &str) -> Time {
    if text.len() == 10 { format!("{text}T00:00:00Z").parse().unwrap() } else { text.parse().unwrap() }
}

impl Desk {
    fn new() -> Self {
        let window = Window::new(at("2026-03-01"), at("2026-04-01"));
        Self { facts: Facts::default(), settings: Settings { as_of: window.to, ..Settings::default() }, roster: Roster::default(), window }
    }

    fn record(&mut self, ts: &str, body: Body) -> &mut Record {
        let mut record = Record::new("test", self.facts.records.len().to_string(), body);
        record.ts = Some(at(ts));
        self.facts.records.push(Arc::new(record));
        Arc::get_mut(self.facts.records.last_mut().unwrap()).unwrap()
    }

    fn bucket(&mut self, metric: &str, service: &str, label: (&str, &str), hour: i64, sums: Sums) {
        let from = self.window.from + chrono::Duration::hours(hour);
        let labels = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
        let teams: Owners = Arc::from([(Arc::from("pay"), 0.5), (Arc::from("risk"), 0.5)]);
        let span = Window::new(from, from + chrono::Duration::hours(1));
        self.facts.buckets.push(sums.into_bucket(metric.into(), service.into(), teams, Arc::new(labels), span));
    }

    fn count(&mut self, metric: &str, n: f64) {
        self.bucket(metric, "checkout", ("", ""), 0, Sums { n: 1, a: n, ..Sums::default() });
    }

    fn cost(&mut self, cost: &str, from: &str, to: &str, change: impl Fn(&mut CostLine)) {
        let mut line = CostLine {
            effective_cost: Some(cost.parse().unwrap()),
            charge_period_start: Some(at(from)),
            charge_period_end: Some(at(to)),
            ..CostLine::default()
        };
        change(&mut line);
        let record = Record::new("bill", self.facts.costs.len().to_string(), Body::CostLine(line));
        self.facts.costs.extend(cost_facts(&record, self.settings.zone));
    }

    fn read_of(&self, metric: &str, scope: &Scope) -> Reading {
        let query = Query { facts: &self.facts, scope, window: self.window, settings: &self.settings, roster: &self.roster };
        evaluate(metric, &query).unwrap()
    }

    fn read(&self, metric: &str) -> Reading {
        self.read_of(metric, &Scope::Org)
    }
}

fn told(reading: &Reading) -> (Status, &str) {
    (reading.status, reading.reason.as_deref().unwrap_or_default())
}

fn texts(reading: &Reading, fact: &str) -> Vec<String> {
    let Some(Datum::List(list)) = reading.facts.get(fact) else { return Vec::new() };
    list.iter().map(|d| if let Datum::Text(t) = d { t.clone() } else { String::new() }).collect()
}

#[test]
fn no_error_series_anywhere_is_not_an_error_rate_of_zero() {
    let mut desk = Desk::new();
    desk.count("requests", 100.0);
    assert_eq!(told(&desk.read("error_rate")).0, Status::NoData);
    desk.bucket("errors", "other", ("", ""), 1, Sums { n: 1, a: 3.0, ..Sums::default() });
    // Errors are counted, just none for this service.
    assert_eq!(desk.read_of("error_rate", &Scope::Service("checkout".into())).number(), Some(0.0));
}

#[test]
fn order_changes_no_reading() {
    let mut desk = Desk::new();
    for hour in [5, 2, 900, 1] {
        desk.bucket("requests", "checkout", ("", ""), hour, Sums { n: 1, a: hour as f64, ..Sums::default() });
        desk.bucket("errors", "checkout", ("", ""), hour, Sums { n: 1, a: 0.5, ..Sums::default() });
    }
    let before = (desk.read("requests"), desk.read("error_rate"));
    desk.facts.sort();
    assert!(desk.facts.in_order);
    assert_eq!((desk.read("requests"), desk.read("error_rate")), before);
    assert_eq!(before.0.number(), Some(8.0));
}

#[test]
fn more_errors_than_requests_is_refused() {
    let mut desk = Desk::new();
    desk.count("requests", 100.0);
    desk.count("errors", 101.0);
    let reading = desk.read("error_rate");
    assert_eq!((reading.status, reading.value), (Status::Error, None));
}

#[test]
fn a_team_has_its_share_of_a_jointly_owned_service() {
    let mut desk = Desk::new();
    desk.count("requests", 100.0);
    desk.count("errors", 10.0);
    let reading = desk.read_of("requests", &Scope::Team("pay".into()));
    assert_eq!(reading.number(), Some(50.0));
    assert_eq!(desk.read_of("error_rate", &Scope::Team("pay".into())).number(), Some(0.1));
    assert_eq!(desk.read_of("requests", &Scope::Team("search".into())).status, Status::NoData);
}

#[test]
fn ready_made_percentiles_are_shown_for_one_series_and_never_merged() {
    let mut desk = Desk::new();
    let gauge = |v: f64| Sums { n: 1, a: v, b: v, c: v, d: v, hist: None };
    desk.bucket("latency", "checkout", ("quantile", "0.95"), 0, gauge(0.2));
    desk.bucket("latency", "checkout", ("quantile", "0.95"), 1, gauge(0.3));
    let one = desk.read("latency_p95");
    assert_eq!((one.number(), told(&one)), (Some(0.3), (Status::Provisional, "ready-made percentile, not merged")));
    assert_eq!(desk.read("latency_p99").status, Status::NoData);
    desk.bucket("latency", "search", ("quantile", "0.95"), 1, gauge(9.0));
    let two = desk.read("latency_p95");
    assert_eq!((two.value.clone(), two.status), (None, Status::Insufficient));
}

#[test]
fn histograms_without_a_common_bound_are_refused_and_similar_ones_say_so() {
    let hist = |bounds: &[f64]| Sums {
        n: 1,
        hist: Some(Histogram { bounds: bounds.to_vec(), counts: (1..=bounds.len()).map(|i| i as f64 * 10.0).collect(), sum: None }),
        ..Sums::default()
    };
    let mut desk = Desk::new();
    desk.bucket("latency", "a", ("", ""), 0, hist(&[0.1, 0.5, f64::INFINITY]));
    desk.bucket("latency", "b", ("", ""), 0, hist(&[0.2, 0.5, f64::INFINITY]));
    let cut = desk.read("latency_p50");
    assert_eq!(cut.status, Status::Ok);
    assert!(told(&cut).1.contains("bounds they share"), "{cut:?}");
    desk.bucket("latency", "c", ("", ""), 0, hist(&[0.7, f64::INFINITY]));
    assert!(told(&desk.read("latency_p50")).1.ends_with("cannot be merged: c"));
}

#[test]
fn own_probes_answer_for_latency_only_when_nothing_better_does() {
    let mut desk = Desk::new();
    let hist = Histogram { bounds: vec![0.1, 0.2, f64::INFINITY], counts: vec![0.0, 10.0, 10.0], sum: None };
    desk.bucket("probe_latency", "checkout", ("", ""), 0, Sums { n: 10, hist: Some(hist.clone()), ..Sums::default() });
    assert_eq!(desk.read("latency_p95").facts.get("basis"), Some(&Datum::Text("own probes".into())));
    desk.bucket("latency", "checkout", ("", ""), 0, Sums { n: 10, hist: Some(hist), ..Sums::default() });
    assert_eq!(desk.read("latency_p95").facts.get("basis"), None);
}

#[test]
fn time_before_a_source_was_connected_is_not_unknown_time() {
    let mut desk = Desk::new();
    desk.bucket(PROBE, "checkout", ("check", "a"), 24 * 30, Sums { n: 60, a: 3_600.0, ..Sums::default() });
    assert!(desk.read("uptime").coverage.unwrap() < 0.01);
    let state = SourceState { connected_at: Some(at("2026-03-31")), feeds: vec!["probe".into()], ..SourceState::default() };
    desk.record("2026-03-31", Body::SourceState(state));
    assert!((desk.read("uptime").coverage.unwrap() - 1.0 / 24.0).abs() < 1e-9);
}

#[test]
fn an_uptime_of_two_checks_is_weighted_by_time() {
    let mut desk = Desk::new();
    desk.bucket(PROBE, "a", ("check", "a"), 0, Sums { n: 1, a: 3_000.0, b: 600.0, ..Sums::default() });
    desk.bucket(PROBE, "b", ("check", "b"), 0, Sums { n: 1, a: 1_200.0, ..Sums::default() });
    assert_eq!(desk.read("uptime").number(), Some(4_200.0 / 4_800.0));
    assert_eq!(desk.read_of("uptime", &Scope::Service("b".into())).number(), Some(1.0));
}

#[test]
fn a_correction_on_a_later_bill_restates_the_month_it_is_for_and_shows() {
    let mut desk = Desk::new();
    desk.cost("100", "2026-03-01", "2026-04-01", |l| l.billing_period_start = Some(at("2026-03-01")));
    assert_eq!(desk.read("infra_cost.effective").facts.get("restated"), None);
    desk.cost("-20", "2026-03-01", "2026-04-01", |l| {
        l.billing_period_start = Some(at("2026-04-01"));
        l.charge_class = Some("Correction".into());
        l.billed_cost = Some("-20".parse().unwrap());
    });
    let reading = desk.read("infra_cost.effective");
    assert_eq!(reading.value, Some(Datum::Money(Decimal::from(80))));
    assert_eq!(reading.facts.get("restated"), Some(&Datum::Text("restated by the bill of 2026-04, was 100 USD".into())));
    assert_eq!(desk.read("infra_cost.corrections").value, Some(Datum::Money(Decimal::from(-20))));
    assert_eq!(reading.facts.get("corrections").and_then(Datum::as_f64), Some(-20.0));
}

#[test]
fn charges_that_are_not_final_make_the_cost_provisional() {
    let mut desk = Desk::new();
    desk.cost("10", "2026-03-01", "2026-03-02", |_| {});
    desk.cost("10", "2026-03-02", "2026-03-03", |l| l.estimated = true);
    assert_eq!(told(&desk.read("infra_cost.effective")), (Status::Provisional, "1 of 2 charges are not final at the provider"));
    assert!((desk.read("infra_cost.effective").coverage.unwrap() - 2.0 / 31.0).abs() < 1e-12);
}

#[test]
fn adjacent_windows_hold_every_cent_once() {
    let mut desk = Desk::new();
    desk.cost("99.99", "2026-03-01", "2026-03-08", |_| {});
    let mut sum = Decimal::ZERO;
    for (from, to) in [
        ("2026-03-01T00:00:00Z", "2026-03-02T11:17:00Z"),
        ("2026-03-02T11:17:00Z", "2026-03-05T00:00:01Z"),
        ("2026-03-05T00:00:01Z", "2026-03-09T00:00:00Z"),
    ] {
        desk.window = Window::new(at(from), at(to));
        let Some(Datum::Money(part)) = desk.read("infra_cost.effective").value else { panic!("no money") };
        sum += part;
    }
    assert_eq!(sum, "99.99".parse().unwrap());
}

#[test]
fn a_teams_cost_is_the_same_before_and_after_allocation() {
    let mut desk = Desk::new();
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
    desk.settings.allocation.shared = vec![quarterdeck::kpi::fact::Shared { tags: tags(&[("pool", "all")]), proportional: true }];
    desk.cost("400", "2026-03-01", "2026-04-01", |l| l.tags = tags(&[("team", "pay")]));
    desk.cost("200", "2026-03-01", "2026-04-01", |l| l.tags = tags(&[("team", "search")]));
    desk.cost("100", "2026-03-01", "2026-04-01", |l| l.tags = tags(&[("pool", "all")]));
    desk.roster.teams = vec![
        Team { name: "shop".into(), parent: None },
        Team { name: "pay".into(), parent: Some("shop".into()) },
        Team { name: "search".into(), parent: Some("shop".into()) },
    ];
    let of = |desk: &Desk, team: &str| desk.read_of("infra_cost.effective", &Scope::Team(team.into())).value;
    let before = (of(&desk, "pay"), of(&desk, "search"), of(&desk, "shop"));
    allocate(&mut desk.facts.costs, &desk.settings, &desk.roster);
    assert_eq!((of(&desk, "pay"), of(&desk, "search"), of(&desk, "shop")), before);
    let money = |d: Option<Datum>| if let Some(Datum::Money(m)) = d { m.normalize().to_string() } else { String::new() };
    assert_eq!((money(before.0), money(before.1), money(before.2)), ("466.67".into(), "233.33".into(), "700".into()));
}

#[test]
fn before_day_five_the_forecast_takes_last_months_shape_or_says_it_cannot() {
    let mut desk = Desk::new();
    let usage = |l: &mut CostLine| l.charge_frequency = Some("Usage-Based".into());
    for day in 1..=2 {
        desk.cost("20", &format!("2026-03-0{day}"), &format!("2026-03-0{}", day + 1), usage);
    }
    desk.settings.as_of = at("2026-03-03T12:00:00Z");
    assert_eq!(desk.read("infra_cost_forecast").status, Status::Insufficient);
    for day in 1..=28 {
        let next = if day == 28 { "2026-03-01".to_owned() } else { format!("2026-02-{:02}", day + 1) };
        desk.cost("10", &format!("2026-02-{day:02}"), &next, usage);
    }
    let reading = desk.read("infra_cost_forecast");
    // Twice February's first two days: twice February's 280.
    assert_eq!((reading.number(), reading.status), (Some(560.0), Status::Provisional));
}

#[test]
fn users_of_several_products_are_not_added() {
    let mut desk = Desk::new();
    let ready = |product: Option<&str>, n: f64| {
        Body::UserActivity(UserActivity {
            product: product.map(str::to_owned),
            period: Some("month".into()),
            active_users: Some(n),
            ..UserActivity::default()
        })
    };
    desk.record("2026-03-01", ready(Some("app"), 900.0));
    desk.record("2026-03-01", ready(Some("web"), 400.0));
    assert_eq!(desk.read("active_users.month").status, Status::Insufficient);
    desk.record("2026-03-01", ready(None, 1_000.0));
    assert_eq!(desk.read("active_users.month").number(), Some(1_000.0));
}

#[test]
fn cost_per_user_of_a_window_inside_a_month_is_that_of_the_last_complete_month() {
    let mut desk = Desk::new();
    desk.cost("280", "2026-02-01", "2026-03-01", |_| {});
    desk.cost("999", "2026-03-01", "2026-04-01", |_| {});
    let february = UserActivity { period: Some("month".into()), active_users: Some(70.0), ..UserActivity::default() };
    desk.record("2026-02-01", Body::UserActivity(february));
    desk.window = Window::new(at("2026-02-20"), at("2026-03-20"));
    desk.settings.as_of = desk.window.to;
    let reading = desk.read("infra_cost_per_user");
    assert_eq!((reading.number(), texts(&reading, "months")), (Some(4.0), vec!["2026-02".to_owned()]));
}

fn coverage(project: &str, covered: f64, lines: f64, tool: Option<&str>) -> Quality {
    Quality {
        project: project.into(),
        tool: tool.map(str::to_owned),
        covered_lines: Some(covered),
        lines_to_cover: Some(lines),
        ..Quality::default()
    }
}

#[test]
fn a_server_and_coverage_files_are_not_added_up_silently() {
    let mut desk = Desk::new();
    desk.record("2026-03-30", Body::Quality(coverage("big", 900.0, 1_000.0, Some("sonarqube"))));
    desk.record("2026-03-30", Body::Quality(coverage("small", 10.0, 100.0, Some("lcov"))));
    let reading = desk.read("code_coverage");
    assert_eq!((reading.number(), reading.n, texts(&reading, "excluded")), (Some(0.9), 1, vec!["small".to_owned()]));
    assert!(told(&reading).1.contains("not added"), "{reading:?}");
    // One's own project is shown whatever the others use.
    assert_eq!(desk.read_of("code_coverage", &Scope::Group("project".into(), "small".into())).number(), Some(0.1));
}

#[test]
fn only_the_last_analysis_of_the_default_branch_counts() {
    let mut desk = Desk::new();
    let on = |branch: &str, covered: f64| Body::Quality(Quality { branch: Some(branch.into()), ..coverage("api", covered, 100.0, None) });
    desk.record("2026-03-10", on("main", 50.0));
    desk.record("2026-03-20", on("main", 60.0));
    desk.record("2026-03-25", on("feature/x", 10.0));
    desk.record("2026-04-02", on("main", 99.0));
    assert_eq!(desk.read("code_coverage").number(), Some(0.6));
}

#[test]
fn a_stale_measurement_is_left_out_named_and_never_carried_along() {
    let mut desk = Desk::new();
    desk.record("2026-03-30", Body::Quality(coverage("api", 80.0, 100.0, None)));
    desk.record("2026-02-01", Body::Quality(coverage("old", 0.0, 900.0, None)));
    let reading = desk.read("code_coverage");
    assert_eq!((reading.number(), texts(&reading, "stale")), (Some(0.8), vec!["old".to_owned()]));
    assert_eq!(told(&reading), (Status::Ok, "left out: 1 last measured more than 30 days ago"));
    assert_eq!(desk.read_of("code_coverage", &Scope::Group("project".into(), "old".into())).status, Status::NoData);
}

#[test]
fn the_owner_of_a_project_is_found_through_the_catalog() {
    let mut desk = Desk::new();
    desk.record("2026-03-30", Body::Quality(coverage("api", 80.0, 100.0, None)));
    let service = quarterdeck::domain::record::CatalogService { name: "api".into(), owner: Some("pay".into()), ..Default::default() };
    desk.roster.services.insert("api".into(), service);
    assert_eq!(desk.read_of("code_coverage", &Scope::Team("pay".into())).number(), Some(0.8));
    assert_eq!(desk.read_of("code_coverage", &Scope::Team("search".into())).status, Status::NoData);
}

#[test]
fn a_green_run_of_nothing_is_no_green_run() {
    let mut desk = Desk::new();
    let run = |tests, failed, skipped| Body::TestRun(TestRun { suite: "unit".into(), tests, failed, skipped, ..TestRun::default() });
    desk.record("2026-03-10", run(10.0, 0.0, 10.0));
    assert_eq!(desk.read("test_run_success_rate").status, Status::NoData);
    desk.record("2026-03-11", run(10.0, 1.0, 0.0));
    let reading = desk.read("test_success_rate");
    assert_eq!((reading.number(), reading.n), (Some(0.9), 10));
    assert!(reading.lower.unwrap() < 0.6 && reading.upper.unwrap() < 0.99);
}

#[test]
fn people_figures_of_few_people_are_withheld() {
    let mut desk = Desk::new();
    desk.record("2026-03-01", Body::People(People { event: "snapshot".into(), headcount: Some(4.0), ..People::default() }));
    desk.record("2026-03-09", Body::People(People { event: "leave".into(), ..People::default() }));
    let reading = desk.read("attrition_rate");
    assert_eq!((reading.value.clone(), told(&reading)), (None, (Status::Insufficient, "withheld: fewer than five people")));
}

#[test]
fn a_team_that_would_give_a_small_one_away_is_withheld_with_it_and_a_larger_one_is_not() {
    let mut desk = Desk::new();
    for (team, n) in [("pay", 10.0), ("risk", 7.0), ("web", 20.0), ("legal", 3.0)] {
        let snapshot = People { event: "snapshot".into(), headcount: Some(n), ..People::default() };
        desk.record("2026-03-01", Body::People(snapshot)).team = Some(team.into());
    }
    for metric in ["headcount", "attrition_rate.period"] {
        let reading = |team: &str| desk.read_of(metric, &Scope::Team(team.into()));
        assert!(desk.read(metric).number().is_some() && reading("pay").number().is_some() && reading("web").number().is_some());
        assert_eq!(reading("legal").reason.unwrap(), "withheld: fewer than five people");
        let risk = reading("risk");
        assert_eq!((risk.number(), risk.n, risk.status), (None, 0, Status::Insufficient));
        assert_eq!(risk.reason.unwrap(), "withheld: it would give away a group of fewer than five");
    }
    // Once there is a second small team, the two hide each other.
    let snapshot = People { event: "snapshot".into(), headcount: Some(4.0), ..People::default() };
    desk.record("2026-03-05", Body::People(snapshot)).team = Some("hr".into());
    assert_eq!(desk.read_of("headcount", &Scope::Team("risk".into())).number(), Some(7.0));
    let was = desk.read_of("attrition_rate.period", &Scope::Team("risk".into()));
    assert_eq!(was.number(), None, "at the beginning of the window it would have given the three away");
}

#[test]
fn a_transfer_leaves_the_team_but_not_the_organisation() {
    let mut desk = Desk::new();
    for (team, n) in [("pay", 10.0), ("risk", 10.0)] {
        let snapshot = People { event: "snapshot".into(), headcount: Some(n), ..People::default() };
        desk.record("2026-03-01", Body::People(snapshot)).team = Some(team.into());
    }
    desk.record("2026-03-09", Body::People(People { event: "transfer".into(), ..People::default() })).team = Some("pay".into());
    assert_eq!(desk.read("attrition_rate").number(), Some(0.0));
    assert_eq!(desk.read_of("attrition_rate", &Scope::Team("pay".into())).number(), Some(0.1));
}

#[test]
fn money_in_two_currencies_needs_a_rate() {
    let mut desk = Desk::new();
    let finance = |currency: &str, cost: i64| {
        Body::Finance(Finance {
            currency: Some(currency.into()),
            gain: Some(Decimal::from(300)),
            cost: Some(Decimal::from(cost)),
            ..Finance::default()
        })
    };
    desk.record("2026-03-10", finance("USD", 100));
    desk.record("2026-03-10", finance("EUR", 100));
    assert_eq!(told(&desk.read("roi")), (Status::Error, "no EUR->USD rate for 2026-03"));
    desk.settings.fx.insert(("EUR".into(), "2026-03".into()), Decimal::from(1));
    assert_eq!(desk.read("roi").number(), Some(2.0));
}

#[test]
fn figures_that_do_not_fit_together_are_refused() {
    let mut desk = Desk::new();
    desk.record("2026-03-31", Body::Customers(Customers { start: 100.0, new: 10.0, end: 150.0, ..Customers::default() }));
    assert_eq!(desk.read("retention_rate").status, Status::Error);
}

#[test]
fn open_tickets_are_no_finished_work() {
    let mut desk = Desk::new();
    let item = |kind: &str, done: Option<&str>| {
        Body::WorkItem(WorkItem {
            item_type: kind.into(),
            created_at: Some(at("2026-02-01")),
            done_at: done.map(at),
            ..WorkItem::default()
        })
    };
    desk.record("2026-03-02", item("bug", Some("2026-03-02")));
    desk.record("2026-03-02", item("feature", Some("2026-03-03")));
    desk.record("2026-03-02", item("feature", None));
    let reading = desk.read("maintenance_share");
    assert_eq!((reading.number(), reading.n), (Some(0.5), 2));
    assert_eq!(reading.facts.get("basis"), Some(&Datum::Text("items".into())));
}

/// No input of any of these kinds may make a formula panic or give a number that is none.
#[test]
fn nonsense_gives_a_status_and_never_a_number_that_is_none() {
    let mut desk = Desk::new();
    let bad = f64::NAN;
    desk.record("2026-03-10", Body::Sample(Sample { metric: "latency".into(), value: Some(bad), ..Sample::default() }));
    desk.record("2026-03-10", Body::TestRun(TestRun { suite: "x".into(), tests: bad, failed: bad, ..TestRun::default() }));
    desk.record("2026-03-10", Body::Quality(Quality { ncloc: Some(bad), remediation_min: Some(1.0), ..coverage("x", bad, bad, None) }));
    desk.record("2026-03-10", Body::Customers(Customers { start: bad, ..Customers::default() }));
    desk.record("2026-03-10", Body::People(People { event: "snapshot".into(), headcount: Some(bad), ..People::default() }));
    desk.count("requests", bad);
    desk.count("errors", bad);
    desk.bucket(PROBE, "x", ("", ""), 0, Sums { n: 1, a: bad, b: bad, c: bad, d: bad, hist: None });
    let ids = quarterdeck::domain::metric::CATALOGUE.iter().map(|m| m.id);
    let more = ["retention_rate", "churn_rate", "nps", "roi", "ltv", "attrition_rate", "cross_training", "velocity", "time_to_market"];
    for id in ids.chain(more) {
        let reading = desk.read(id);
        assert!(reading.number().is_none_or(f64::is_finite), "{id}: {reading:?}");
        assert!(reading.value.is_some() || reading.status != Status::Ok, "{id}: {reading:?}");
    }
}
