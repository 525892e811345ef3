//! Explanations of every metric on random facts: contributions add up, signs flip, nothing moves when nothing moved.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Duration;
use proptest::prelude::*;
use quarterdeck::{
    domain::{
        Decimal, Time,
        metric::CATALOGUE,
        record::{Body, Quality, Record, TestRun},
        team::{Roster, Team},
        value::Scope,
        window::Window,
    },
    kpi::{
        Query, Settings,
        board::build,
        fact::{Bucket, Cost, Dims, Event, EventRef, Events, Facts, Histogram, Measure, Owners, flag},
        why::{self, Cut, Part, Why},
    },
};

const DAYS: i64 = 14;

fn now() -> Time {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

fn at(minutes_ago: i64) -> Time {
    now() - Duration::minutes(minutes_ago)
}

fn minute() -> impl Strategy<Value = i64> {
    1..2 * DAYS * 1440
}

fn owners() -> impl Strategy<Value = Owners> {
    prop_oneof![
        3 => Just(vec![("pay", 1.0)]),
        2 => Just(vec![("web", 1.0)]),
        2 => Just(vec![("pay", 0.25), ("web", 0.75)]),
        1 => Just(vec![("unattributed", 1.0)]),
    ]
    .prop_map(|list| list.into_iter().map(|(t, s)| (Arc::from(t), s)).collect())
}

fn dims() -> impl Strategy<Value = Dims> {
    (prop::option::of(0..3usize), prop::option::of(0..2usize)).prop_map(|(kind, region)| {
        let kind = kind.map(|i| ("change_type", ["feature", "fix", "deps"][i]));
        let region = region.map(|i| ("region", ["eu", "us"][i]));
        kind.into_iter().chain(region).map(|(n, v)| (Arc::from(n), Arc::from(v))).collect()
    })
}

fn event() -> impl Strategy<Value = (usize, Event)> {
    let values = prop::collection::vec(1.0f64..500_000.0, 5);
    (0..6usize, minute(), 0..3usize, owners(), dims(), any::<u16>(), 1..60u64, values).prop_map(
        |(measure, minute, service, teams, dims, bits, group, values)| {
            let allowed = match measure {
                0 => flag::SUCCESS | flag::COUNTED | flag::ROLLBACK | flag::REWORK | flag::FAILED,
                1 => flag::BOT | flag::UNREVIEWED,
                5 => flag::LINKED,
                _ => flag::REOPENED,
            };
            let values = match measure {
                0 => Vec::new(),
                1 => vec![values[0]],
                2 | 3 => values[..2].to_vec(),
                4 => values[..4].to_vec(),
                _ => vec![(at(minute) + Duration::seconds(600)).timestamp_millis() as f64, 0.0, at(minute).timestamp_millis() as f64],
            };
            let event = Event {
                at: at(minute),
                service: ["api", "web", "pay"][service].into(),
                teams,
                flags: bits & allowed,
                group,
                key: format!("s/{minute}").into(),
                values: values.into(),
                dims,
            };
            (measure, event)
        },
    )
}

fn bucket() -> impl Strategy<Value = Bucket> {
    (0..4usize, 1..2 * DAYS * 24, 0..3usize, owners(), 1.0f64..5_000.0, 0.0f64..1.0, prop::option::of(0..2usize)).prop_map(
        |(metric, hour, service, teams, amount, share, region)| {
            let from = now() - Duration::hours(hour);
            let name = ["requests", "errors", "latency", "probe"][metric];
            let bounds = vec![0.1, 0.5, 1.0, f64::INFINITY];
            let counts = vec![amount * share * 0.5, amount * share, amount * (0.5 + share / 2.0), amount];
            let labels = region.map(|i| ("region".to_owned(), ["eu", "us"][i].to_owned())).into_iter().collect::<BTreeMap<_, _>>();
            let (a, b) = match name {
                "errors" => (amount * share * 0.01, 0.0),
                "probe" => (3_600.0 * share, 3_600.0 * (1.0 - share)),
                _ => (amount, 0.0),
            };
            Bucket {
                metric: name.into(),
                service: ["api", "web", "pay"][service].into(),
                teams,
                labels: Arc::new(labels),
                span: Window::new(from, from + Duration::hours(1)),
                n: 1,
                a,
                b,
                c: 0.0,
                d: 0.0,
                hist: (name == "latency").then_some(Histogram { bounds, counts, sum: None }),
            }
        },
    )
}

fn cost() -> impl Strategy<Value = Cost> {
    (1..2 * DAYS, 0..3usize, -5_000i64..50_000, any::<bool>()).prop_map(|(day, team, cents, used)| {
        let from = now() - Duration::days(day);
        let amount = Decimal::new(cents, 2);
        Cost {
            span: Window::new(from, from + Duration::days(1)),
            service: ["vm", "db", "net"][team].into(),
            team: Some(["pay", "web", "unallocated"][team].into()),
            tags: Arc::default(),
            provider: if used { "north" } else { "south" }.into(),
            category: "Usage".into(),
            frequency: "Usage-Based".into(),
            commitment: if used { "Used" } else { "" }.into(),
            currency: "USD".into(),
            effective: amount,
            billed: amount,
            quantity: Decimal::new(i64::from(used) * (cents.abs() + 1), 0),
            unit: if used { "h" } else { "" }.into(),
            billing_month: "2026-02".into(),
            estimated: false,
            correction: false,
            key: format!("bill/{day}").into(),
        }
    })
}

fn record() -> impl Strategy<Value = Record> {
    (minute(), 0..3usize, 1.0f64..1_000.0, 0.0f64..1.0, any::<bool>()).prop_map(|(minute, project, lines, share, tests)| {
        let name = ["core", "ui", "jobs"][project].to_owned();
        let body = if tests {
            Body::TestRun(TestRun { suite: name, tests: lines.round(), failed: (lines * share).floor(), ..TestRun::default() })
        } else {
            Body::Quality(Quality {
                project: name,
                lines_to_cover: Some(lines),
                covered_lines: Some(lines * share),
                ncloc: Some(lines * 2.0),
                remediation_min: Some(lines * share),
                issues: BTreeMap::from([("major".to_owned(), (lines * share).round())]),
                ..Quality::default()
            })
        };
        let mut record = Record::new("q", format!("{minute}-{project}-{tests}"), body);
        record.ts = Some(at(minute));
        record.team = Some(["pay", "web", "web"][project].to_owned());
        record
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let events = prop::collection::vec(event(), 0..150);
    let lists =
        (events, prop::collection::vec(bucket(), 0..60), prop::collection::vec(cost(), 0..30), prop::collection::vec(record(), 0..12));
    lists.prop_map(|(events, buckets, costs, records)| {
        const MEASURES: [Measure; 6] =
            [Measure::Deployment, Measure::LeadTime, Measure::Recovery, Measure::Restore, Measure::RestoreStages, Measure::Incident];
        let mut facts = Facts { buckets, costs, records: records.into_iter().map(Arc::new).collect(), ..Facts::default() };
        for (place, measure) in MEASURES.into_iter().enumerate() {
            facts.events.extend(measure, events.iter().filter(|(m, _)| *m == place).map(|(_, e)| e.clone()));
        }
        facts.sort();
        facts
    })
}

fn roster() -> Roster {
    let team = |name: &str| Team { name: name.into(), parent: Some("all".into()) };
    Roster { teams: vec![Team { name: "all".into(), parent: None }, team("pay"), team("web")], ..Roster::default() }
}

/// Everything explained for one scope, with the value of both windows. The owner named in short is the one of the whole.
fn explained(facts: &Facts, scope: &Scope, window: Window) -> Vec<Why> {
    let roster = roster();
    let settings = Settings { as_of: window.to, quality_stale_after_s: 400.0 * 86_400.0, ..Settings::default() };
    let query = Query { facts, scope, window, settings: &settings, roster: &roster };
    let earlier = build::earlier(&query);
    let before = Query { window: window.before(), settings: &earlier, ..query };
    CATALOGUE
        .iter()
        .filter_map(|k| build::judged(k.id, &query, &earlier, &BTreeMap::new()))
        .map(|reading| {
            let why = why::explain(&reading, &query, &before);
            let (short, whole) = (why::biggest(reading.metric, &query, &before), owner_of(&why));
            if let (Some((by, part, _)), Some((whole_by, whole))) = (&short, &whole) {
                assert_eq!((by.as_str(), &part.name), (*whole_by, &whole.name), "{}", why.metric);
                assert!(near(part.contribution, whole.contribution, part.contribution.abs()), "{}", why.metric);
            }
            assert!(whole.is_none() || short.is_some(), "{}: {whole:?}", why.metric);
            why
        })
        .collect()
}

/// The first part of the best cut by owner.
fn owner_of(why: &Why) -> Option<(&str, &Part)> {
    let cut = why.cuts.iter().find(|c| c.refused.is_none() && ["team", "service"].contains(&c.by.as_str()))?;
    cut.parts.first().map(|part| (cut.by.as_str(), part))
}

fn window() -> Window {
    Window::ending(now(), Duration::days(DAYS))
}

fn near(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.max(1.0)
}

/// Cuts that speak of the value itself. (Counts of windows watched unequally long speak of rates.)
fn of_the_value(cut: &Cut) -> bool {
    cut.refused.is_none() && !(cut.how.starts_with("difference of rates"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn contributions_add_up_to_the_change_and_nested_ones_to_their_part(facts in facts(), scope in 0..4usize) {
        let scope = [Scope::Org, Scope::Team("pay".into()), Scope::Service("web".into()), Scope::Team("all".into())][scope].clone();
        for why in explained(&facts, &scope, window()) {
            let Some(change) = why.change() else { continue };
            let size = why.from.unwrap_or(0.0).abs().max(why.to.unwrap_or(0.0).abs());
            let priced = why.drivers.iter().filter(|c| c.by == "price and usage");
            for cut in why.cuts.iter().filter(|c| of_the_value(c)).chain(priced) {
                let scale = size.max(cut.gross);
                prop_assert!(near(cut.total, change, scale), "{} by {} ({}): {} is not {change}", why.metric, cut.by, cut.how, cut.total);
                let sum: f64 = cut.parts.iter().map(|p| p.contribution).sum();
                prop_assert!(near(sum, cut.total, scale));
                for part in &cut.parts {
                    if let (Some(rate), Some(mix)) = (part.rate, part.mix) {
                        prop_assert!(near(rate + mix, part.contribution, scale));
                    }
                    if let Some(inside) = &part.inside {
                        let whole = part.rate.unwrap_or(part.contribution);
                        prop_assert!(near(inside.total, whole, scale.max(inside.gross)), "{} by {} inside {}: {} is not {whole}", why.metric, inside.by, part.name, inside.total);
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_facts_in_both_windows_move_nothing(facts in facts()) {
        let shift = Duration::days(DAYS);
        let mut twice = Facts { records: Vec::new(), ..facts };
        let mut events = Events::default();
        for (measure, track) in twice.events.all() {
            let kept = track.iter().map(EventRef::to_event).filter(|e| e.at >= window().from);
            let both = kept.flat_map(|e| {
                let mut copy = e.clone();
                copy.at -= shift;
                copy.group += 1_000;
                if let [end, earlier, last] = *copy.values {
                    let shift = shift.num_milliseconds() as f64;
                    copy.values = [end - shift, earlier, last - shift].into();
                }
                [e, copy]
            });
            events.extend(measure, both);
        }
        twice.events = events;
        twice.buckets.retain(|b| b.span.from >= window().from);
        let copies: Vec<Bucket> = twice.buckets.iter().cloned().map(|mut b| { b.span = Window::new(b.span.from - shift, b.span.to - shift); b }).collect();
        twice.buckets.extend(copies);
        twice.costs.clear();
        twice.sort();
        for why in explained(&twice, &Scope::Org, window()) {
            for cut in why.cuts.iter().filter(|c| c.refused.is_none() && c.by != "weekday") {
                let size = why.to.unwrap_or(1.0).abs();
                prop_assert!(cut.gross <= 1e-9 * size.max(1.0), "{} by {}: gross {}", why.metric, cut.by, cut.gross);
            }
        }
    }

    #[test]
    fn order_of_arrival_changes_nothing(facts in facts()) {
        let mut other = facts.clone();
        other.records.reverse();
        other.events = Events::default();
        let tracks: Vec<_> = facts.events.all().collect();
        tracks.into_iter().rev().for_each(|(measure, track)| other.events.add(measure, Arc::clone(track)));
        other.buckets.reverse();
        other.costs.reverse();
        other.sort();
        let (a, b) = (explained(&facts, &Scope::Org, window()), explained(&other, &Scope::Org, window()));
        for (x, y) in a.iter().zip(&b) {
            prop_assert_eq!(x.cuts.len(), y.cuts.len());
            for (cut, same) in x.cuts.iter().zip(&y.cuts) {
                prop_assert_eq!(&cut.by, &same.by);
                prop_assert!(near(cut.gross, same.gross, cut.gross), "{} by {}", x.metric, cut.by);
            }
        }
    }
}

#[test]
fn a_metric_that_counts_releases_shares_one_over_the_services_it_touches() {
    let one = |service: &str, minutes: i64, group: u64| Event {
        at: at(minutes),
        service: service.into(),
        teams: Arc::new([(Arc::from(service), 1.0)]),
        flags: flag::SUCCESS | flag::COUNTED,
        group,
        key: format!("ci/{service}{minutes}").into(),
        values: Vec::new().into(),
        dims: Arc::new([]),
    };
    let mut facts = Facts::default();
    let before = (0..4).map(|i| one("api", DAYS * 1440 + 100 + i, 1 + u64::try_from(i).unwrap()));
    let both = [one("api", 300, 50), one("web", 290, 50)];
    facts.events.extend(Measure::Deployment, before.chain(both));
    facts.sort();
    let all = explained(&facts, &Scope::Org, window());
    let why = all.iter().find(|w| w.metric == "deployment_frequency.count").unwrap();
    assert_eq!((why.from, why.to), (Some(4.0), Some(1.0)));
    let cut = why.cuts.iter().find(|c| c.by == "service").unwrap();
    let of = |name: &str| cut.parts.iter().find(|p| p.name == name).unwrap().contribution;
    assert_eq!((of("api"), of("web")), (-3.5, 0.5));
}

#[test]
fn the_team_behind_a_rising_failure_rate_is_named_and_a_better_rate_with_a_worse_mix_is_told_apart() {
    // DEC01: A 2/40, B 3/10 -> A 3/30, B 8/20.
    let mut list = Vec::new();
    let mut add = |team: &str, failed: usize, n: usize, from: i64| {
        for i in 0..n {
            let bits = if i < failed { flag::FAILED } else { 0 };
            list.push(Event {
                at: at(from + i64::try_from(i).unwrap()),
                service: "".into(),
                teams: Arc::new([(Arc::from(team), 1.0)]),
                flags: flag::SUCCESS | flag::COUNTED | bits,
                group: 0,
                key: "".into(),
                values: Vec::new().into(),
                dims: Arc::new([]),
            });
        }
    };
    for (team, from, failed, n) in
        [("A", DAYS * 1440 + 2_000, 2, 40), ("B", DAYS * 1440 + 4_000, 3, 10), ("A", 3_000, 3, 30), ("B", 5_000, 8, 20)]
    {
        add(team, failed, n, from);
    }
    let mut facts = Facts::default();
    facts.events.extend(Measure::Deployment, list);
    facts.sort();
    let all = explained(&facts, &Scope::Org, window());
    let why = all.iter().find(|w| w.metric == "change_failure_rate").unwrap();
    let cut = why.cuts.iter().find(|c| c.by == "team").unwrap();
    let part = |name: &str| cut.parts.iter().find(|p| p.name == name).map(|p| (p.rate.unwrap(), p.mix.unwrap())).unwrap();
    for (got, wanted) in [(part("A"), (0.035, 0.017)), (part("B"), (0.030, 0.038))] {
        assert!((got.0 - wanted.0).abs() < 1e-12 && (got.1 - wanted.1).abs() < 1e-12, "{got:?} is not {wanted:?}");
    }
    assert_eq!(owner_of(why).map(|(by, p)| (by, p.name.as_str())), Some(("team", "B")));
}

#[test]
fn a_bill_moves_by_price_and_by_usage() {
    // DEC09: vm 100 h at 1.00 -> 150 h at 1.20, db 50 h at 2.00 -> 40 h at 2.00.
    let one = |service: &str, days_ago: i64, hours: i64, cents: i64| {
        let from = now() - Duration::days(days_ago);
        let amount = Decimal::new(hours * cents, 2);
        Cost {
            span: Window::new(from, from + Duration::days(1)),
            service: service.into(),
            team: Some("pay".into()),
            tags: Arc::default(),
            provider: "north".into(),
            category: "Usage".into(),
            frequency: "Usage-Based".into(),
            commitment: "".into(),
            currency: "USD".into(),
            effective: amount,
            billed: amount,
            quantity: Decimal::new(hours, 0),
            unit: "h".into(),
            billing_month: "2026-02".into(),
            estimated: false,
            correction: false,
            key: "".into(),
        }
    };
    let costs = vec![one("vm", DAYS + 3, 100, 100), one("db", DAYS + 3, 50, 200), one("vm", 3, 150, 120), one("db", 3, 40, 200)];
    let facts = Facts { costs, ..Facts::default() };
    let all = explained(&facts, &Scope::Org, window());
    let why = all.iter().find(|w| w.metric == "infra_cost.effective").unwrap();
    let cut = why.drivers.iter().find(|c| c.by == "price and usage").unwrap();
    let of = |name: &str| cut.parts.iter().find(|p| p.name == name).unwrap().contribution;
    assert!((of("price") - 25.0).abs() < 1e-9 && (of("usage") - 35.0).abs() < 1e-9 && (cut.total - 60.0).abs() < 1e-9, "{cut:?}");
}
