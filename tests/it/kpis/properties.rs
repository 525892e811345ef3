//! What holds of every input: order and repetition of arrival change nothing, tombstones drop, nothing is lost between
//! teams, a change ships once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use proptest::prelude::*;
use quarterdeck::{
    domain::{
        Time,
        record::{Body, Change, ChangeCommit, Commit, DeployKind, DeployStatus, Deployment, Incident, OpenInterval, Record},
        team::{Owned, Roster, Subject, Team},
        value::{Datum, Scope},
        window::{Tz, Window},
    },
    kpi::{
        self, Query, Settings,
        fact::{self, Facts, Measure, flag},
    },
    ledger::{self, Derived, Input, Rules},
};

const SERVICES: [&str; 3] = ["api", "web", "pay"];
const DAYS: i64 = 28;

fn start() -> Time {
    "2026-03-02T00:00:00Z".parse().unwrap()
}

fn at(minutes: i64) -> Time {
    start() + Duration::minutes(minutes)
}

fn now() -> Time {
    at(DAYS * 1440)
}

fn minute() -> impl Strategy<Value = i64> {
    0..DAYS * 1440
}

fn named(id: String, service: Option<usize>, body: Body) -> Record {
    let service = service.map(|s| SERVICES[s].to_owned());
    Record { service, repo: Some("acme/all".into()), ..Record::new("s", id, body) }
}

fn deployment() -> impl Strategy<Value = Record> {
    let status = prop_oneof![6 => Just(DeployStatus::Success), 1 => Just(DeployStatus::Failure), 1 => Just(DeployStatus::Running)];
    let kind = prop_oneof![
        6 => Just(None),
        1 => Just(Some(DeployKind::Hotfix)),
        1 => Just(Some(DeployKind::Rollback)),
        1 => Just(Some(DeployKind::Redeploy)),
        1 => Just(Some(DeployKind::Flag)),
    ];
    let tier = prop_oneof![5 => Just("production"), 1 => Just("staging")];
    let named_changes = prop::collection::vec(0..30usize, 0..3);
    (0..40usize, 0..3usize, minute(), status, kind, tier, prop::option::of(0..20usize), named_changes, prop::option::of(0..10usize))
        .prop_map(|(id, service, minute, status, kind, tier, commit, changes, release)| {
            let body = Deployment {
                status,
                deploy_kind: kind,
                finished_at: Some(at(minute)),
                sha: commit.map(|c| format!("c{c}")),
                change_ids: changes.into_iter().map(|c| format!("p{c}")).collect(),
                group_id: release.map(|r| format!("r{r}")),
                ..Deployment::default()
            };
            Record { env_tier: Some(tier.into()), ..named(format!("d{id}"), Some(service), Body::Deployment(body)) }
        })
}

fn change() -> impl Strategy<Value = Record> {
    (0..30usize, minute(), 0..5000i64, 0..20usize, any::<bool>(), prop::option::of(0..30usize), prop::option::of("[ab]/x")).prop_map(
        |(id, opened, took, commit, bot, reverts, path)| {
            let body = Change {
                number: i64::try_from(id).ok(),
                title: format!("change {id}"),
                author_is_bot: bot,
                opened_at: Some(at(opened)),
                merged_at: Some(at(opened + took)),
                merge_sha: Some(format!("c{commit}")),
                commits: vec![ChangeCommit { sha: format!("p{id}-1"), authored_at: Some(at(opened - 30)), ..ChangeCommit::default() }],
                reverts: reverts.filter(|r| r % 7 == 0).map(|r| format!("p{r}")),
                paths: path.into_iter().collect(),
                ..Change::default()
            };
            named(format!("p{id}"), None, Body::Change(body))
        },
    )
}

/// A history in which every commit follows one or two earlier ones.
fn commit() -> impl Strategy<Value = Record> {
    (1..20usize, 1..4usize, minute(), any::<bool>()).prop_map(|(id, back, minute, merge)| {
        let mut parents = vec![format!("c{}", id.saturating_sub(back))];
        if merge && id > 4 {
            parents.push(format!("c{}", id - 4));
        }
        let body = Commit { sha: format!("c{id}"), parents, authored_at: Some(at(minute)), ..Commit::default() };
        named(format!("c{id}"), None, Body::Commit(body))
    })
}

fn incident() -> impl Strategy<Value = Record> {
    let cause = prop::option::of(0..40usize);
    (0..20usize, prop::collection::vec(0..3usize, 1..3), minute(), prop::option::of(0..3000i64), cause, any::<bool>()).prop_map(
        |(id, services, from, lasts, cause, again)| {
            let to = lasts.map(|l| at(from + l));
            let body = Incident {
                services: services.into_iter().map(|s| SERVICES[s].to_owned()).collect(),
                started_at: Some(at(from)),
                resolved_at: to,
                caused_by: cause.filter(|c| c % 3 == 0).map(|c| format!("d{c}")).into_iter().collect(),
                duplicate_of: (id == 0).then(|| "i1".into()),
                availability_impact: Some(1.0),
                intervals: if again {
                    vec![OpenInterval { from: at(from - 60), to: Some(at(from - 30)) }, OpenInterval { from: at(from), to }]
                } else {
                    Vec::new()
                },
                ..Incident::default()
            };
            named(format!("i{id}"), None, Body::Incident(body))
        },
    )
}

/// Records as they arrive: several revisions of one identity, tombstones, any order.
fn arrivals() -> impl Strategy<Value = Vec<Record>> {
    let any_kind = prop_oneof![4 => deployment(), 3 => change(), 2 => commit(), 2 => incident()];
    prop::collection::vec((any_kind, 0..4i64, prop::bool::weighted(0.05)), 0..120).prop_map(|records| {
        let stamped = |(mut record, revision, deleted): (Record, i64, bool)| {
            record.updated_at = Some(now() + Duration::minutes(revision));
            record.deleted = deleted;
            record
        };
        records.into_iter().map(stamped).collect()
    })
}

fn roster() -> Roster {
    let owned = |name: &str, team: &str, share| Owned {
        subject: Subject::Service,
        name: name.into(),
        team: team.into(),
        share,
        from: None,
        to: None,
    };
    let team = |name: &str, parent: Option<&str>| Team { name: name.into(), parent: parent.map(str::to_owned) };
    Roster {
        teams: vec![team("all", None), team("t1", Some("all")), team("t2", Some("all"))],
        owned: vec![owned("api", "t1", None), owned("web", "t1", Some(0.25)), owned("web", "t2", None)],
        codeowners: BTreeMap::from([(String::new(), vec!["/a/ @t1 @t2".into()])]),
        ..Roster::default()
    }
}

fn derive(records: &[Record]) -> Derived {
    ledger::derive(Input { records, roster: &roster(), rules: &Rules::default(), now: now() })
}

fn facts(records: &[Record]) -> Facts {
    let mut facts = Facts { events: fact::from_derived(records, &derive(records), &Rules::default()).into(), ..Facts::default() };
    facts.sort();
    facts
}

#[allow(clippy::needless_pass_by_value, reason = "scopes are made at the call")]
fn reading(metric: &str, facts: &Facts, scope: Scope) -> quarterdeck::domain::value::Reading {
    let settings = Settings { as_of: now(), zone: Tz::UTC, ..Settings::default() };
    let roster = roster();
    let query = Query { facts, scope: &scope, window: Window::new(start(), now()), settings: &settings, roster: &roster };
    kpi::evaluate(metric, &query).unwrap()
}

/// Σ of the scope's shares over members of a rate's list.
fn weights(facts: &Facts, team: Option<&str>, keep: impl Fn(u16) -> bool) -> f64 {
    let share = |e: fact::EventRef<'_>| team.map_or(1.0, |team| e.teams().iter().filter(|(t, _)| &**t == team).map(|(_, s)| s).sum());
    facts.of(Measure::Deployment).filter(|e| keep(e.flags())).map(share).sum()
}

/// Equal up to rounding, or both absent.
fn agree(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a.is_none() && b.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_of_arrival_change_nothing(records in arrivals(), seed in any::<u64>()) {
        let mut shuffled: Vec<Record> = records.iter().chain(&records).cloned().collect();
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        prop_assert_eq!(derive(&records), derive(&shuffled));
        let sorted = |records: &[Record]| {
            let mut events = fact::from_derived(records, &derive(records), &Rules::default());
            for list in events.values_mut() {
                list.sort_by(|a, b| (a.at, &a.key, &a.service, a.values.first().map(|v| v.to_bits())).cmp(&(b.at, &b.key, &b.service, b.values.first().map(|v| v.to_bits()))));
            }
            events
        };
        prop_assert_eq!(sorted(&records), sorted(&shuffled));
    }

    #[test]
    fn a_tombstone_leaves_no_trace(records in arrivals(), victim in any::<prop::sample::Index>()) {
        prop_assume!(!records.is_empty());
        let gone = victim.get(&records).clone();
        let without: Vec<Record> = records.iter().filter(|r| (&r.source, &r.id) != (&gone.source, &gone.id)).cloned().collect();
        let mut with = records.clone();
        with.insert(0, Record { updated_at: Some(now() + Duration::days(1)), deleted: true, body: Body::Other, ..gone });
        prop_assert_eq!(derive(&with), derive(&without));
    }

    #[test]
    fn shares_of_every_record_sum_to_one(records in arrivals()) {
        let derived = derive(&records);
        for record in ledger::newest(&records) {
            let shares = &derived.attributions[&record.key()].shares;
            let sum: f64 = shares.iter().map(|s| s.share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9 && shares.iter().all(|s| s.share > 0.0), "{}: {:?}", record.key(), shares);
        }
    }

    #[test]
    fn a_change_ships_once_in_all_and_once_per_service(records in arrivals()) {
        let derived = derive(&records);
        let (mut once, mut per_service) = (BTreeSet::new(), BTreeSet::new());
        for s in &derived.shipments {
            prop_assert!(s.again || once.insert(&s.change), "{} twice", s.change);
            prop_assert!(per_service.insert((&s.service, &s.change)), "{} twice in {:?}", s.change, s.service);
            let stages: f64 = s.stages_s.iter().sum();
            prop_assert!(s.stages_s.iter().all(|s| *s >= 0.0) && (stages - s.lead_time_s.unwrap_or(0.0)).abs() < 1e-6);
        }
        prop_assert!(derived.pending.iter().all(|p| !once.contains(p)));
    }

    #[test]
    fn incidents_are_linked_or_unlinked_and_never_to_what_came_later(records in arrivals()) {
        let derived = derive(&records);
        let linked: BTreeSet<&String> = derived.links.iter().map(|l| &l.incident).collect();
        prop_assert!(derived.unlinked.iter().all(|i| !linked.contains(i)));
        let counted = ledger::newest(&records).filter(|r| matches!(&r.body, Body::Incident(i) if i.duplicate_of.is_none())).count();
        prop_assert_eq!(linked.len() + derived.unlinked.len(), counted);
        for link in derived.links.iter().filter(|l| l.how != "explicit") {
            prop_assert!(link.lag_s >= 0.0 && (link.how != "time_window" || link.lag_s <= 86_400.0), "{:?}", link);
        }
        for (key, class) in &derived.classes {
            prop_assert!(!class.counted || class.production && !class.redeploy, "{}", key);
            prop_assert!(!class.failed || class.production && !class.reasons.is_empty(), "{}", key);
        }
    }

    #[test]
    fn teams_and_the_unattributed_add_up_to_the_whole(records in arrivals()) {
        let facts = facts(&records);
        let candidates = |f: u16| f & flag::COUNTED != 0 && f & flag::ROLLBACK == 0;
        let failed = |f: u16| candidates(f) && f & flag::FAILED != 0;
        let teams = ["t1", "t2", "unattributed"];
        for keep in [&candidates as &dyn Fn(u16) -> bool, &failed] {
            let sum: f64 = teams.iter().map(|t| weights(&facts, Some(t), keep)).sum();
            prop_assert!((sum - weights(&facts, None, keep)).abs() < 1e-9);
        }
        let whole = reading("change_failure_rate", &facts, Scope::Org);
        prop_assert!(whole.number().is_none_or(|r| (0.0..=1.0).contains(&r)));
        prop_assert_eq!(whole.n, facts.of(Measure::Deployment).filter(|e| candidates(e.flags())).count() as u64);
        for team in teams {
            let rate = reading("change_failure_rate", &facts, Scope::Team(team.into()));
            let weight = weights(&facts, Some(team), candidates);
            let expected = (weight > 0.0).then(|| weights(&facts, Some(team), failed) / weight);
            prop_assert!(agree(rate.number(), expected), "{}: {:?} and {:?}", team, rate.number(), expected);
        }
        // a parent pools its children's raw events
        let pooled = reading("deployment_frequency.count", &facts, Scope::Team("all".into()));
        prop_assert!(pooled.number().unwrap_or(0.0) <= reading("deployment_frequency.count", &facts, Scope::Org).number().unwrap_or(0.0) + 1e-9);
    }

    #[test]
    fn stage_means_add_to_the_mean_for_everyone(records in arrivals()) {
        let facts = facts(&records);
        for scope in [Scope::Org, Scope::Team("t1".into()), Scope::Service("api".into())] {
            let mean = reading("lead_time.mean", &facts, scope.clone()).number();
            let stages = match reading("lead_time.stage_mean", &facts, scope).value {
                Some(Datum::Map(stages)) => Some(stages.values().filter_map(Datum::as_f64).sum::<f64>()),
                _ => None,
            };
            prop_assert!(agree(mean, stages), "{:?} and {:?}", mean, stages);
        }
    }

    #[test]
    fn down_time_is_a_union_and_every_reading_says_what_it_is_worth(records in arrivals()) {
        let facts = facts(&records);
        let down = reading("downtime", &facts, Scope::Org).number().unwrap_or(0.0);
        let sum: f64 = SERVICES.iter().filter_map(|s| reading("downtime", &facts, Scope::Service((*s).into())).number()).sum();
        prop_assert!(down <= (DAYS * 86_400) as f64 && down <= sum + 1e-6);
        for metric in quarterdeck::domain::metric::CATALOGUE {
            for scope in [Scope::Org, Scope::Team("all".into()), Scope::Service("web".into()), Scope::Team("nobody".into())] {
                let reading = reading(metric.id, &facts, scope);
                prop_assert_eq!(reading.metric, metric.id);
                prop_assert!(reading.value.is_some() || !matches!(reading.status, quarterdeck::domain::value::Status::Ok), "{}", metric.id);
                prop_assert!(reading.number().is_none_or(f64::is_finite), "{}", metric.id);
            }
        }
    }
}
