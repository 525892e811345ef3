//! Objectives on a real store: whatever the resolution, the numbers are those of the samples.

use chrono::Duration;
use quarterdeck::{
    config::Config,
    domain::{
        Time,
        record::{Body, Record, Sample, SampleKind},
        value::Scope,
        window::Tz,
    },
    engine::{
        settings,
        slos::{self, Open},
    },
    kpi::slo::{Alert, Standing, State},
    ledger::Rules,
    store::{Incoming, Reader, Store},
};

const CONFIG: &str = r#"
[[team]]
name = "payments"
services = ["checkout", "ledger"]

[[service]]
name = "search"

[[slo]]
name = "checkout"
service = "checkout"
sli = "requests"
target = "99.9%"
window = "30d"

[[slo]]
name = "payments"
team = "payments"
sli = "requests"
target = "99%"
window = "7d"

[[slo]]
name = "search"
service = "search"
sli = "requests"
target = "99%"
window = "30d"
"#;

/// Neither on an hour nor on a minute.
fn now() -> Time {
    "2026-03-31T12:32:10Z".parse().unwrap()
}

fn count(service: &str, metric: &str, endpoint: &str, ts: Time, window: Duration, value: f64) -> Record {
    let sample = Sample {
        metric: metric.into(),
        sample_kind: SampleKind::CounterDelta,
        window_s: window.num_seconds() as f64,
        value: Some(value),
        ..Sample::default()
    };
    let mut record = Record::new("prom", format!("{service}{metric}{endpoint}{ts}"), Body::Sample(sample));
    record.ts = Some(ts);
    record.service = Some(service.into());
    record.labels.insert("endpoint".into(), endpoint.into());
    record
}

/// 40 days of hours, and minutes for the last ten hours, on their own edges; errors of two endpoints.
fn samples() -> Vec<Record> {
    let (minute, hour) = (Duration::minutes(1), Duration::hours(1));
    let top: Time = "2026-03-31T02:00:00Z".parse().unwrap();
    let mut out = Vec::new();
    for (service, bad) in [("checkout", 0.0004), ("ledger", 0.002)] {
        for h in 0..40 * 24 {
            let ts = top - hour * h;
            out.push(count(service, "requests", "/pay", ts, hour, 60_000.0));
            out.push(count(service, "errors", "/pay", ts, hour, 60_000.0 * bad));
            out.push(count(service, "errors", "/cart", ts, hour, f64::from(u8::from(h % 5 == 0))));
        }
        let mut ts = top + minute;
        while ts <= now() {
            let recent = now() - ts < Duration::minutes(50);
            out.push(count(service, "requests", "/pay", ts, minute, 1_000.0));
            out.push(count(service, "errors", "/pay", ts, minute, if recent && service == "checkout" { 30.0 } else { 0.0 }));
            ts += minute;
        }
    }
    out
}

fn states(reader: &Reader, config: &Config, at: Time, open: Open<'_>, scope: &Scope) -> Vec<State> {
    let settings = settings::formulas(config, at);
    let roster = reader.roster(&config.roster).unwrap();
    slos::states(reader, config, &roster, &settings, now(), scope, open).unwrap()
}

#[test]
fn short_windows_come_from_minutes_and_the_page_tells_the_same_as_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(CONFIG, "q.toml", dir.path()).unwrap();
    let mut store = Store::open(&dir.path().join("q.db")).unwrap();
    let records = samples();
    let expected = |service: &str, metric: &str, since: Time| -> f64 {
        let inside = records.iter().filter(|r| r.service.as_deref() == Some(service));
        let value = |r: &Record| match &r.body {
            // what covers the instant belongs to the hour it began in
            Body::Sample(s) if s.metric == metric && r.ts.unwrap() > since => s.value,
            _ => None,
        };
        inside.filter_map(value).sum()
    };
    let (bad, valid) = (
        expected("checkout", "errors", "2026-03-01T13:00:00Z".parse().unwrap()),
        expected("checkout", "requests", "2026-03-01T13:00:00Z".parse().unwrap()),
    );
    let incoming = Incoming { source: "prom".into(), records, cursor: None };
    store.commit(&[incoming], &config.roster, &Rules::default(), now(), true).unwrap();
    while store.derive_pending(&config.roster, &Rules::default(), now()).unwrap() {}
    let reader = store.reader().unwrap();

    let table = states(&reader, &config, now(), Open::None, &Scope::Org);
    let of = |states: &[State], name: &str| states.iter().find(|s| s.slo.name == name).unwrap().clone();
    let checkout = of(&table, "checkout");
    assert!((checkout.valid - valid).abs() < 1e-6, "{} of {valid}", checkout.valid);
    assert!((checkout.bad - bad).abs() < 1e-6, "{} of {bad}", checkout.bad);
    let fast = &checkout.alerts[0];
    assert_eq!((fast.short.valid, fast.short.bad), (5_000.0, 150.0), "five whole minutes");
    assert_eq!(fast.long.valid, 60_000.0, "sixty of them");
    assert_eq!(fast.state, Ok(Alert::Firing));
    assert_eq!(checkout.standing, Standing::Page);

    let page = of(&states(&reader, &config, now(), Open::One("checkout"), &Scope::Org), "checkout");
    assert!((page.bad - checkout.bad).abs() < 1e-6 && (page.valid - checkout.valid).abs() < 1e-6, "hours and days tell the same");
    assert_eq!(page.alerts[0], checkout.alerts[0]);
    let detail = page.detail.unwrap();
    let pay: f64 = detail.burners.iter().filter(|b| b.by == "endpoint").map(|b| b.bad).sum();
    assert!((pay - bad).abs() < 1e-6);
    assert_eq!(detail.burners.iter().filter(|b| b.by == "endpoint").map(|b| b.name.as_str()).collect::<Vec<_>>(), ["/pay", "/cart"]);

    let payments = of(&table, "payments");
    assert_eq!(payments.slo.services, ["checkout", "ledger"], "a team's services add up");
    assert_eq!(payments.by_service.len(), 2);
    let search = of(&table, "search");
    assert_eq!((search.standing, search.remaining), (Standing::NoData, None));
    assert_eq!(table.last().unwrap().slo.name, "search", "what has no value stands last");
}

#[test]
fn a_past_moment_is_told_in_hours_and_its_short_windows_are_not_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(CONFIG, "q.toml", dir.path()).unwrap();
    let mut store = Store::open(&dir.path().join("q.db")).unwrap();
    let incoming = Incoming { source: "prom".into(), records: samples(), cursor: None };
    store.commit(&[incoming], &config.roster, &Rules::default(), now(), true).unwrap();
    while store.derive_pending(&config.roster, &Rules::default(), now()).unwrap() {}
    let reader = store.reader().unwrap();
    let past = states(&reader, &config, now() - Duration::days(5), Open::None, &Scope::Service("checkout".into()));
    assert_eq!(past.len(), 2, "its own and the team's");
    let checkout = past.iter().find(|s| s.slo.name == "checkout").unwrap();
    assert!(checkout.remaining.is_some_and(|left| (0.5..0.7).contains(&left)), "{:?}", checkout.remaining);
    assert_eq!(checkout.alerts[0].state, Ok(Alert::NoData), "five minutes are not kept for so long");
    assert_eq!(checkout.alerts[3].state, Ok(Alert::Quiet));
    assert_eq!(settings::formulas(&config, now()).zone, Tz::UTC);
}
