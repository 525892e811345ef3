//! Known answers of domain.md section 4, reached through facts, and what must hold for any facts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        record::{Annotation, AnnotationKind, Body, DeployStatus, Deployment, Incident, OpenInterval, Record},
        slo::Period,
        window::{Tz, from_millis},
    },
    kpi::fact::{Event, Histogram},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// 30 days after the first instant of the tests.
fn as_of() -> Time {
    at(30 * DAY)
}

/// Seconds after the first instant.
fn at(s: i64) -> Time {
    from_millis(1_772_323_200_000 + s * 1000)
}

fn span(from: i64, to: i64) -> Window {
    Window::new(at(from), at(to))
}

fn slo(target: f64, sli: Sli) -> Slo {
    Slo {
        name: "checkout".into(),
        services: vec!["checkout".into()],
        team: None,
        sli,
        target,
        method: Method::Occurrences,
        period: Period::Rolling(30 * DAY),
        zone: Tz::UTC,
        rules: Vec::new(),
        least: Least::default(),
        silent_after: None,
        from: "q.toml:1".into(),
        warnings: Vec::new(),
    }
}

fn bucket(metric: &str, from: i64, to: i64, a: f64) -> Bucket {
    Bucket {
        metric: metric.into(),
        service: "checkout".into(),
        teams: [].into(),
        labels: Arc::default(),
        span: span(from, to),
        n: 1,
        a,
        b: 0.0,
        c: 0.0,
        d: 0.0,
        hist: None,
    }
}

fn labelled(mut bucket: Bucket, key: &str, value: &str) -> Bucket {
    bucket.labels = Arc::new(BTreeMap::from([(key.to_owned(), value.to_owned())]));
    bucket
}

fn state_of(slo: Slo, facts: &Facts, buckets: &[Bucket], behind: Option<&Behind>) -> State {
    let settings = Settings { as_of: as_of(), ..Settings::default() };
    evaluate(&Arc::new(slo), &Material { facts, buckets, settings: &settings, roster: &Roster::default(), behind })
}

fn state(slo: Slo, buckets: &[Bucket]) -> State {
    state_of(slo, &Facts::default(), buckets, None)
}

/// Requests and errors of the last so many seconds before now, by the minute; the newest stretches first.
fn minutes(stretches: &[(i64, f64, f64)]) -> Vec<Bucket> {
    let (mut out, mut end) = (Vec::new(), 30 * DAY);
    for (lasts, requests, errors) in stretches {
        let mut from = end - MINUTE;
        while from >= end - lasts {
            out.push(bucket("requests", from, from + MINUTE, *requests));
            out.push(bucket("errors", from, from + MINUTE, *errors));
            from -= MINUTE;
        }
        end -= lasts;
    }
    out
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

#[test]
fn factors_are_those_of_the_period() {
    let factors = |period| {
        let slo = Slo { period, ..slo(0.999, Sli::Requests) };
        state(slo, &[]).alerts.iter().map(|a| (a.factor * 1e3).round() / 1e3).collect::<Vec<_>>()
    };
    assert_eq!(factors(Period::Rolling(30 * DAY)), [14.4, 6.0, 3.0, 1.0]);
    assert_eq!(factors(Period::Rolling(28 * DAY)), [13.44, 5.6, 2.8, 0.933]);
    assert_eq!(factors(Period::Rolling(7 * DAY)), [13.44, 3.5, 1.4, 0.98]);
}

#[test]
fn both_windows_must_burn_faster_than_the_factor() {
    // 2 % over 5 min and 1.5 % over the hour: (5 × 0.02 + 55 × e) / 60 = 0.015
    let older = (0.015 * 60.0 - 0.02 * 5.0) / 55.0;
    let firing =
        state(slo(0.999, Sli::Requests), &minutes(&[(5 * MINUTE, 1e6, 0.02e6), (55 * MINUTE, 1e6, older * 1e6), (5 * HOUR, 1e6, 0.0)]));
    let fast = &firing.alerts[0];
    assert!(near(fast.long.rate.unwrap(), 15.0) && near(fast.short.rate.unwrap(), 20.0), "{fast:?}");
    assert_eq!((fast.state, firing.standing), (Ok(Alert::Firing), Standing::Page));
    let recovered = state(slo(0.999, Sli::Requests), &minutes(&[(5 * MINUTE, 1e6, 0.001e6), (55 * MINUTE, 1e6, 0.0163e6)]));
    assert_eq!(recovered.alerts[0].state, Ok(Alert::Quiet));
    let exactly = state(slo(0.999, Sli::Requests), &minutes(&[(HOUR, 1e6, 14_400.0), (5 * HOUR, 1e6, 0.0)]));
    assert_eq!(exactly.alerts[0].state, Ok(Alert::Quiet));
}

#[test]
fn remaining_is_of_events_and_below_zero_when_overspent() {
    let of = |bad: f64| state(slo(0.999, Sli::Requests), &[bucket("requests", DAY, 2 * DAY, 1e6), bucket("errors", DAY, 2 * DAY, bad)]);
    let ok = of(600.0);
    assert!(near(ok.remaining.unwrap(), 0.4) && near(ok.value.unwrap(), 0.9994), "{ok:?}");
    let over = of(1500.0);
    assert!(near(over.remaining.unwrap(), -0.5));
    assert_eq!(over.standing, Standing::Overspent);
}

#[test]
fn the_budget_lasts_what_remains_over_what_burns() {
    // An hour at 0.6 % burns at 6; 0.4 of the budget is left of 30 days: 48 h.
    let mut facts = minutes(&[(6 * HOUR, 1e6, 6_000.0)]);
    let recent: f64 = 360.0 * 6_000.0;
    let valid: f64 = 3.6e8 + 4e9;
    facts.push(bucket("requests", DAY, 2 * DAY, 4e9));
    facts.push(bucket("errors", DAY, 2 * DAY, valid * 0.001 * 0.6 - recent));
    let s = state(slo(0.999, Sli::Requests), &facts);
    assert!(near(s.remaining.unwrap(), 0.4), "{:?}", s.remaining);
    assert!(near(s.gravest().unwrap().long.rate.unwrap(), 6.0));
    assert!((s.exhausted_in_s.unwrap() / 3600.0 - 48.0).abs() < 1e-6);
    let calm = state(slo(0.999, Sli::Requests), &minutes(&[(HOUR, 1e3, 0.0)]));
    assert_eq!(calm.exhausted_in_s, None);
}

/// 14 days of hours at 99 %, of which so many at 1 %.
fn attacked(hours: i64) -> Vec<Bucket> {
    (0..14 * 24)
        .flat_map(|h| {
            let good = if h < hours { 0.01 } else { 0.99 };
            let from = 16 * DAY + h * HOUR;
            [bucket("requests", from, from + HOUR, 1000.0), bucket("errors", from, from + HOUR, 1000.0 * (1.0 - good))]
        })
        .collect()
}

#[test]
fn each_budgeting_method_has_its_own_answer_to_one_outage() {
    let of = |method, hours| {
        let slo = Slo { method, period: Period::Rolling(14 * DAY), ..slo(0.95, Sli::Requests) };
        state(slo, &attacked(hours)).remaining.unwrap()
    };
    // Time slices: 5 % of 336 h are 16.8 h, that is 1008 minutes.
    let slices = Method::Timeslices { slice_s: 3600.0, target: 0.95 };
    assert!(of(slices, 16) > 0.0 && of(slices, 17) < 0.0);
    assert!(near(of(slices, 8), 1.0 - 8.0 * 60.0 / 1008.0));
    // Ratio slices: 822.857 minutes are 13.71 h.
    let ratio = Method::RatioTimeslices { slice_s: 3600.0 };
    assert!(of(ratio, 13) > 0.0 && of(ratio, 14) < 0.0);
    let burnt_per_hour = 0.98 / 336.0 / 0.05;
    assert!(near(of(ratio, 13), 0.8 - 13.0 * burnt_per_hour));
}

#[test]
fn one_failure_among_four_requests_pages_nobody() {
    let s = state(slo(0.999, Sli::Requests), &minutes(&[(MINUTE, 1.0, 1.0), (3 * MINUTE, 1.0, 0.0)]));
    assert!(near(s.alerts[0].long.rate.unwrap(), 250.0));
    assert_eq!(s.alerts[0].state, Ok(Alert::LowTraffic));
    assert_ne!(s.standing, Standing::Page);
}

#[test]
fn a_total_outage_fires_the_fast_page_within_its_first_minute() {
    // 51.84 s of an hour: one whole minute of outage is more than that, and spends 2 % of 30 days' budget and a little.
    let quiet = state(slo(0.999, Sli::Requests), &minutes(&[(MINUTE, 1000.0, 860.0), (59 * MINUTE, 1000.0, 0.0)]));
    assert_eq!(quiet.alerts[0].state, Ok(Alert::Quiet), "14.33 is below 14.4");
    let firing = state(slo(0.999, Sli::Requests), &minutes(&[(MINUTE, 1000.0, 1000.0), (59 * MINUTE, 1000.0, 0.0)]));
    assert_eq!(firing.alerts[0].state, Ok(Alert::Firing));
    assert!(near(firing.alerts[0].rule.share, 0.02));
    // Ten minutes of outage, then five good ones: quiet again, though the hour still burns.
    let over =
        state(slo(0.999, Sli::Requests), &minutes(&[(5 * MINUTE, 1000.0, 0.0), (10 * MINUTE, 1000.0, 1000.0), (45 * MINUTE, 1000.0, 0.0)]));
    assert_eq!(over.alerts[0].state, Ok(Alert::Quiet));
    assert!(over.alerts[0].long.rate.unwrap() > 100.0);
}

#[test]
fn nothing_counted_is_no_data_with_the_intervals_since() {
    let s = state(slo(0.999, Sli::Requests), &[]);
    assert_eq!((s.standing, s.remaining, s.value), (Standing::NoData, None, None));
    assert!(s.reason.unwrap().contains("nothing was counted in 30 d"));
    let silent: Vec<Bucket> =
        [("requests", 1e6), ("errors", 10.0)].into_iter().map(|(m, a)| bucket(m, 20 * DAY, 20 * DAY + HOUR, a)).collect();
    let s = state(slo(0.999, Sli::Requests), &silent);
    assert_eq!(s.standing, Standing::NoData, "what was counted days ago does not say how it stands");
    assert!(s.remaining.is_some());
    assert_eq!(s.silent, u64::try_from((10 * DAY - HOUR) / (5 * MINUTE)).unwrap());
}

#[test]
fn silence_alerts_after_as_many_intervals_as_the_objective_says_and_not_before() {
    let until = |minutes_ago: i64, silent_after: Option<u64>| {
        let slo = Slo { silent_after, ..slo(0.999, Sli::Requests) };
        let (from, to) = (10 * DAY, 30 * DAY - minutes_ago * MINUTE);
        state(slo, &[bucket("requests", from, to, 1e6), bucket("errors", from, to, 0.0)])
    };
    let standing = |minutes_ago, silent_after| until(minutes_ago, silent_after).standing;
    assert_eq!(until(30, Some(6)).silent, 6);
    assert_eq!((standing(29, Some(6)), standing(30, Some(6))), (Standing::NoData, Standing::Silent));
    assert_eq!(standing(30, None), Standing::NoData, "only who asks is alerted");
    assert!(until(30, Some(6)).burns() && until(30, Some(6)).remaining.is_some());
    let never = state(Slo { silent_after: Some(1), ..slo(0.999, Sli::Requests) }, &[]);
    assert_eq!(never.standing, Standing::Silent);
    assert!(never.reason.unwrap().contains("nothing was counted in 30 d"));
}

#[test]
fn silence_in_maintenance_alerts_nobody() {
    let maintenance = |service: &str| {
        let body = Body::Annotation(Annotation {
            annotation_kind: AnnotationKind::Maintenance,
            title: String::new(),
            from: None,
            to: Some(as_of()),
        });
        let service = Some(service.to_owned());
        Record { ts: Some(at(30 * DAY - HOUR)), service, ..Record::new("ops", "m1", body) }
    };
    let buckets = [("requests", 1e6), ("errors", 0.0)].map(|(m, a)| bucket(m, 10 * DAY, 30 * DAY - 70 * MINUTE, a));
    let with = |service: &str| {
        let facts = Facts { records: vec![Arc::new(maintenance(service))], ..Facts::default() };
        state_of(Slo { silent_after: Some(6), ..slo(0.999, Sli::Requests) }, &facts, &buckets, None)
    };
    assert_eq!((with("checkout").silent, with("checkout").standing), (2, Standing::NoData));
    assert_eq!((with("search").silent, with("search").standing), (14, Standing::Silent));
}

#[test]
fn requests_without_any_error_series_say_nothing() {
    let s = state(slo(0.999, Sli::Requests), &[bucket("requests", DAY, 2 * DAY, 1e6)]);
    assert_eq!(s.standing, Standing::NoData);
    assert!(s.reason.unwrap().contains("errors are not"));
}

#[test]
fn more_errors_than_requests_are_refused() {
    let s = state(slo(0.999, Sli::Requests), &[bucket("requests", DAY, 2 * DAY, 10.0), bucket("errors", DAY, 2 * DAY, 11.0)]);
    assert_eq!(s.standing, Standing::Refused);
}

#[test]
fn latency_counts_what_is_at_or_below_the_threshold_and_says_when_it_guesses() {
    let hist = Histogram { bounds: vec![0.1, 0.3, f64::INFINITY], counts: vec![50.0, 90.0, 100.0], sum: None };
    let facts = [Bucket { hist: Some(hist), ..bucket("latency", 29 * DAY, 29 * DAY + HOUR, 0.0) }];
    let at = |threshold_s| state(slo(0.8, Sli::Latency { threshold_s }), &facts);
    let exact = at(0.3);
    assert!(near(exact.value.unwrap(), 0.9) && exact.notes.is_empty(), "{:?}", exact.notes);
    let between = at(0.2);
    assert!(near(between.value.unwrap(), 0.7) && between.notes.contains(count::INTERPOLATED));
    let above = at(5.0);
    assert!(near(above.value.unwrap(), 0.9) && above.notes.iter().any(|n| n.contains("last bound")));
}

#[test]
fn probes_count_known_time_and_leave_maintenance_out() {
    let probe = Bucket { b: 60.0, c: 600.0, ..bucket("probe", 29 * DAY, 29 * DAY + HOUR, 2940.0) };
    let s = state(slo(0.99, Sli::Probe), &[probe]);
    assert!(near(s.value.unwrap(), 0.98) && near(s.remaining.unwrap(), -1.0));
}

fn outage(from: i64, to: i64, weight: f64) -> Event {
    let end = millis(at(to)) as f64;
    let (service, key) = ("checkout".into(), "".into());
    Event { at: at(from), service, teams: [].into(), flags: 0, group: 0, key, dims: [].into(), values: [end, weight].into() }
}

#[test]
fn outages_count_as_a_union_and_need_someone_who_watches() {
    let mut facts = Facts::default();
    assert_eq!(state_of(slo(0.999, Sli::Incidents), &facts, &[], None).standing, Standing::NoData);
    let outages = vec![outage(10 * DAY, 10 * DAY + 30 * MINUTE, 1.0), outage(10 * DAY + 20 * MINUTE, 10 * DAY + 40 * MINUTE, 1.0)];
    facts.events.extend(Measure::Incident, outages.clone());
    facts.events.extend(Measure::Outage, outages);
    let s = state_of(slo(0.999, Sli::Incidents), &facts, &[], None);
    // 40 of 43.2 minutes.
    assert!(near(s.bad, 2400.0) && near(s.remaining.unwrap(), 1.0 - 40.0 / 43.2), "{s:?}");
    assert_eq!(s.standing, Standing::Ok);
}

#[test]
fn maintenance_leaves_the_valid_events() {
    let mut record = Record::new(
        "ops",
        "m1",
        Body::Annotation(Annotation {
            annotation_kind: AnnotationKind::Maintenance,
            title: String::new(),
            from: None,
            to: Some(at(2 * DAY)),
        }),
    );
    record.ts = Some(at(DAY));
    let facts = Facts { records: vec![Arc::new(record)], ..Facts::default() };
    let buckets = [
        bucket("requests", DAY, DAY + HOUR, 1000.0),
        bucket("errors", DAY, DAY + HOUR, 1000.0),
        bucket("requests", 3 * DAY, 3 * DAY + HOUR, 1000.0),
        bucket("errors", 3 * DAY, 3 * DAY + HOUR, 1.0),
    ];
    let s = state_of(slo(0.99, Sli::Requests), &facts, &buckets, None);
    assert!(near(s.valid, 1000.0) && near(s.bad, 1.0));
}

#[test]
fn a_calendar_month_tells_of_the_period_and_so_far() {
    // The 31st of March: 30 of 31 days are past.
    let slo = Slo { period: Period::Month, ..slo(0.999, Sli::Requests) };
    let s = state(slo, &[bucket("requests", DAY, 2 * DAY, 1e6), bucket("errors", DAY, 2 * DAY, 600.0)]);
    assert!((s.period.seconds() / 86_400.0 - 31.0).abs() < 1e-9, "{:?}", s.period);
    assert!(near(s.remaining.unwrap(), 0.4));
    assert!(near(s.of_period.unwrap(), 1.0 - 0.6 * 30.0 / 31.0));
}

#[test]
fn a_calendar_period_begins_in_the_zone_of_the_objective() {
    let berlin: Tz = "Europe/Berlin".parse().unwrap();
    let quarter = Period::Quarter.whole("2026-04-01T00:00:00Z".parse().unwrap(), berlin);
    assert_eq!(quarter.from, "2026-03-31T22:00:00Z".parse::<Time>().unwrap());
    let week = Period::Week.whole("2026-03-30T12:00:00Z".parse().unwrap(), berlin);
    assert_eq!(week.from, "2026-03-29T22:00:00Z".parse::<Time>().unwrap(), "Monday, after the clocks changed");
}

#[test]
fn windows_that_are_only_kept_in_hours_are_not_guessed() {
    let hours: Vec<Bucket> =
        (0..72).flat_map(|h| ["requests", "errors"].map(|m| bucket(m, 30 * DAY - (h + 1) * HOUR, 30 * DAY - h * HOUR, 1000.0))).collect();
    let s = state(slo(0.999, Sli::Requests), &hours);
    assert_eq!(s.alerts[0].short.rate, None);
    assert_eq!(s.alerts[0].state, Ok(Alert::NoData));
    assert_eq!(s.alerts[2].state, Ok(Alert::Firing));
}

fn incident(id: &str, title: &str, from: i64, to: i64) -> Record {
    let intervals = vec![OpenInterval { from: at(from), to: Some(at(to)) }];
    Record::new("pd", id, Body::Incident(Incident { title: title.into(), intervals, ..Incident::default() }))
}

fn deployment(id: &str, finished: i64) -> Record {
    let body =
        Deployment { status: DeployStatus::Success, finished_at: Some(at(finished)), version: Some(id.into()), ..Deployment::default() };
    Record { service: Some("checkout".into()), ..Record::new("ci", id, Body::Deployment(body)) }
}

#[test]
fn who_spent_it_adds_up_in_every_list() {
    let mut buckets = vec![bucket("requests", 10 * DAY, 10 * DAY + HOUR, 1e6)];
    buckets.push(labelled(bucket("errors", 10 * DAY, 10 * DAY + HOUR, 300.0), "endpoint", "/pay"));
    buckets.push(labelled(bucket("errors", 12 * DAY, 12 * DAY + HOUR, 100.0), "endpoint", "/cart"));
    let behind = Behind {
        incidents: vec![incident("1", "Database full", 10 * DAY + HOUR / 2, 11 * DAY)],
        deployments: vec![deployment("v1", 5 * DAY), deployment("v2", 11 * DAY)],
        rows: Vec::new(),
    };
    let s = state_of(slo(0.999, Sli::Requests), &Facts::default(), &buckets, Some(&behind));
    let detail = s.detail.as_ref().unwrap();
    let list = |by: &str| detail.burners.iter().filter(|b| b.by == by).map(|b| (b.name.as_str(), b.bad)).collect::<Vec<_>>();
    assert_eq!(list("endpoint"), [("/pay", 300.0), ("/cart", 100.0)]);
    assert_eq!(list("incident"), [("Database full", 150.0), ("outside incidents", 250.0)]);
    assert_eq!(list("deployment"), [("checkout v1", 300.0), ("checkout v2", 100.0)]);
    assert!(near(detail.burners[0].share, 0.3));
    assert!(near(detail.series.values.last().unwrap().unwrap(), s.remaining.unwrap()));
}

#[test]
fn several_services_add_up_their_events_and_are_listed_apart() {
    let mut other = [bucket("requests", DAY, 2 * DAY, 1000.0), bucket("errors", DAY, 2 * DAY, 9.0)];
    for b in &mut other {
        b.service = "ledger".into();
    }
    let mut buckets = vec![bucket("requests", DAY, 2 * DAY, 9000.0), bucket("errors", DAY, 2 * DAY, 1.0)];
    buckets.extend(other);
    let slo = Slo { services: vec!["checkout".into(), "ledger".into()], ..slo(0.999, Sli::Requests) };
    let s = state(slo, &buckets);
    assert!(near(s.remaining.unwrap(), 0.0), "10 bad of 10 000, not the mean of two budgets");
    assert_eq!(s.by_service.iter().map(|b| (b.name.as_str(), b.bad)).collect::<Vec<_>>(), [("ledger", 9.0), ("checkout", 1.0)]);
}

fn any_buckets() -> impl Strategy<Value = Vec<Bucket>> {
    let one = (0..30 * 24i64, 1..2000u32, 0.0..1.0f64, 0..3usize, 0..2usize).prop_map(|(h, requests, bad, endpoint, service)| {
        let service: Arc<str> = ["checkout", "ledger"][service].into();
        let requests = f64::from(requests);
        let of = |metric: &str, a: f64| {
            let b = labelled(bucket(metric, h * HOUR, (h + 1) * HOUR, a), "endpoint", ["/pay", "/cart", "/"][endpoint]);
            Bucket { service: Arc::clone(&service), ..b }
        };
        vec![of("requests", requests), of("errors", (requests * bad).floor())]
    });
    proptest::collection::vec(one, 1..40).prop_map(|all| all.into_iter().flatten().collect())
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Occurrences),
        Just(Method::Timeslices { slice_s: 3600.0, target: 0.9 }),
        Just(Method::RatioTimeslices { slice_s: 14_400.0 }),
    ]
}

proptest! {
    #[test]
    fn every_list_of_who_spent_it_adds_up_to_what_was_spent(buckets in any_buckets(), method in any_method(), target in 0.5..0.9999f64) {
        let behind = Behind {
            incidents: vec![incident("1", "a", 3 * DAY, 9 * DAY), incident("2", "b", 8 * DAY + 17, 20 * DAY)],
            deployments: vec![deployment("v1", 2 * DAY), deployment("v2", 15 * DAY + 1234)],
            rows: Vec::new(),
        };
        let slo = Slo { method, services: vec!["checkout".into(), "ledger".into()], ..slo(target, Sli::Requests) };
        let s = state_of(slo, &Facts::default(), &buckets, Some(&behind));
        let spent = 1.0 - s.remaining.unwrap();
        let detail = s.detail.unwrap();
        let lists: BTreeSet<&str> = detail.burners.iter().map(|b| b.by.as_str()).collect();
        for by in lists {
            let sum: f64 = detail.burners.iter().filter(|b| b.by == by).map(|b| b.share).sum();
            prop_assert!((sum - spent).abs() <= 1e-9 * spent.max(1.0), "{by}: {sum} of {spent}");
        }
        prop_assert!((s.by_service.iter().map(|b| b.share).sum::<f64>() - spent).abs() <= 1e-9 * spent.max(1.0));
        let last = detail.series.values.last().copied().flatten().unwrap();
        prop_assert!((last - (1.0 - spent)).abs() <= 1e-9 * spent.max(1.0), "{last}");
    }

    #[test]
    fn remaining_is_never_clamped(bad in 0.0..1e6f64, target in 0.5..0.9999f64) {
        let s = state(slo(target, Sli::Requests), &[bucket("requests", DAY, 2 * DAY, 1e6), bucket("errors", DAY, 2 * DAY, bad)]);
        let expected = 1.0 - bad / ((1.0 - target) * 1e6);
        prop_assert!((s.remaining.unwrap() - expected).abs() <= 1e-6 * expected.abs().max(1.0));
    }

    #[test]
    fn a_bucket_without_traffic_changes_nothing(buckets in any_buckets(), method in any_method(), hour in 0..30 * 24i64) {
        let slo = Slo { method, services: vec!["checkout".into(), "ledger".into()], ..slo(0.99, Sli::Requests) };
        let before = state(slo.clone(), &buckets);
        let mut with = buckets;
        with.push(bucket("requests", hour * HOUR, (hour + 1) * HOUR, 0.0));
        let after = state(slo, &with);
        prop_assert_eq!((before.remaining, before.value, before.last, before.standing), (after.remaining, after.value, after.last, after.standing));
        prop_assert_eq!(before.alerts, after.alerts);
    }
}
