//! One rule each, on an input small enough to work out by hand.
#![allow(clippy::needless_pass_by_value, clippy::unreadable_literal, reason = "JSON literals read best in place and as written in vectors")]

use serde_json::{Value, json};

use crate::vectors::{self, input::Vector};

/// Every expectation of `expect` on `input` over two weeks of March 2026.
fn holds(input: Value, expect: Value) {
    holds_as_of(input, expect, "2026-03-16T00:00:00Z");
}

fn holds_as_of(input: Value, expect: Value, as_of: &str) {
    let window = json!({"from": "2026-03-02T00:00:00Z", "to": "2026-03-16T00:00:00Z", "tz": "UTC"});
    let json = json!({"id": "TEST", "window": window, "as_of": as_of, "input": input, "expect": expect});
    let found = vectors::faults(&Vector::read(&json).unwrap(), vectors::delivery::answer);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A production success of `api`.
fn deploy(id: &str, at: &str, sha: &str) -> Value {
    json!({"id": id, "service": "api", "repo": "acme/api", "env_tier": "production", "status": "success", "started_at": day(at), "finished_at": day(at), "sha": sha})
}

/// `05T10:00` in March 2026.
fn day(at: &str) -> String {
    format!("2026-03-{at}:00Z")
}

fn with(mut value: Value, more: Value) -> Value {
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    value
}

fn incident(id: &str, from: &str, to: Option<&str>) -> Value {
    json!({"id": id, "service": "api", "env_tier": "production", "severity": "sev2", "started_at": day(from), "detected_at": day(from), "resolved_at": to.map(day)})
}

fn change(id: &str, opened: &str, merged: &str) -> Value {
    json!({"id": id, "repo": "acme/api", "author": "dev", "opened_at": day(opened), "merged_at": day(merged), "merge_sha": format!("m-{id}"),
        "commits": [{"sha": format!("{id}-c1"), "authored_at": day(opened)}]})
}

fn expect(metric: &str, value: Value, unit: &str, status: &str) -> Value {
    json!({"metric": metric, "scope": "org", "value": value, "unit": unit, "status": status})
}

#[test]
fn an_incident_is_linked_to_its_own_services_only_and_to_the_latest_of_them() {
    let of = |id: &str, at: &str, service: &str| with(deploy(id, at, id), json!({"service": service}));
    holds(
        json!({
            "deployments": [of("a1", "03T08:00", "api"), of("w1", "03T09:00", "web"), of("p1", "03T09:30", "pay"), of("a2", "05T08:00", "api")],
            "incidents": [
                with(incident("i1", "03T10:00", Some("03T11:00")), json!({"service": null, "services": ["api", "web"]})),
                with(incident("i2", "06T09:00", Some("06T10:00")), json!({"service": "web"})),
                with(incident("i3", "03T10:00", Some("03T11:00")), json!({"service": null})),
            ],
        }),
        json!([
            with(expect("change_failure_rate", json!(0.25), "ratio", "ok"), json!({"failed": ["w1"], "exact": "1/4"})),
            with(expect("incidents.unlinked", json!(2), "incidents", "ok"), json!({"members": ["i2", "i3"]})),
            expect("incident.link", json!({"i1": {"deployment": "w1", "how": "time_window", "lag_s": 3600.0}}), "link", "ok"),
            with(expect("change_failure_rate", json!(1), "ratio", "ok"), json!({"scope": {"service": "web"}})),
            with(expect("change_failure_rate", json!(0), "ratio", "ok"), json!({"scope": {"service": "api"}})),
        ]),
    );
}

#[test]
fn the_link_window_includes_its_end() {
    let input = json!({"deployments": [deploy("d1", "03T08:00", "a")], "incidents": [incident("i1", "04T08:00", Some("04T09:00"))]});
    holds(
        input.clone(),
        json!([
            expect("change_failure_rate", json!(1), "ratio", "ok"),
            with(expect("change_failure_rate", json!(0), "ratio", "ok"), json!({"config": {"link.window_s": 86399}})),
        ]),
    );
}

#[test]
fn a_failed_attempt_is_no_failed_deployment_unless_it_is_to_count() {
    holds(
        json!({"deployments": [
            deploy("d1", "03T08:00", "a"),
            with(deploy("d2", "04T08:00", "b"), json!({"status": "failure"})),
            deploy("d3", "05T08:00", "b"),
            with(deploy("d4", "05T09:00", "c"), json!({"status": "cancelled"})),
        ]}),
        json!([
            with(expect("change_failure_rate", json!(0), "ratio", "ok"), json!({"denominator": ["d1", "d3"], "failed": [], "n": 2})),
            with(expect("deploy_success_rate", json!(0.6666666666666666), "ratio", "ok"), json!({"exact": "2/3"})),
            with(
                expect("change_failure_rate", json!(0.3333333333333333), "ratio", "ok"),
                json!({"failed": ["d2"], "config": {"cfr.count_failed_deployments": true}})
            ),
        ]),
    );
}

#[test]
fn young_deployments_make_the_rate_provisional_and_are_left_out_of_the_matured_one() {
    holds(
        json!({
            "deployments": [deploy("d1", "03T08:00", "a"), deploy("d2", "04T08:00", "b"), deploy("d3", "15T12:00", "c"), deploy("d4", "15T00:00", "d")],
            "incidents": [incident("i1", "03T09:00", Some("03T10:00"))],
        }),
        json!([
            with(expect("change_failure_rate", json!(0.25), "ratio", "provisional"), json!({"n": 4})),
            with(
                expect("change_failure_rate.matured", json!(0.3333333333333333), "ratio", "ok"),
                json!({"denominator": ["d1", "d2", "d4"], "failed": ["d1"], "n": 3})
            ),
        ]),
    );
}

#[test]
fn a_young_deployment_that_has_failed_is_final() {
    holds(
        json!({"deployments": [deploy("d1", "15T12:00", "a")], "incidents": [incident("i1", "15T13:00", Some("15T14:00"))]}),
        json!([
            expect("change_failure_rate", json!(1), "ratio", "ok"),
            expect("change_failure_rate.matured", Value::Null, "ratio", "no_data"),
        ]),
    );
}

#[test]
fn the_same_commit_again_is_a_redeployment_and_counts_nowhere() {
    holds(
        json!({"deployments": [
            deploy("d1", "03T08:00", "a"),
            deploy("d2", "04T08:00", "a"),
            with(deploy("s1", "04T09:00", "b"), json!({"env_tier": "staging"})),
            deploy("d3", "05T08:00", "b"),
            with(deploy("d4", "06T08:00", "b"), json!({"status": "failure"})),
            deploy("d5", "06T09:00", "b"),
        ]}),
        json!([
            with(
                expect("deployment_frequency.count", json!(2), "deployments", "ok"),
                json!({"members": ["d1", "d3"], "excluded": ["d2", "d5"]})
            ),
            expect("deployment.redeploy_count", json!(2), "deployments", "ok"),
            with(expect("change_failure_rate", json!(0), "ratio", "ok"), json!({"denominator": ["d1", "d3"]})),
            expect("deployment.rollback_count", json!(0), "deployments", "ok"),
        ]),
    );
}

#[test]
fn an_unknown_commit_counts_and_is_never_a_redeployment_nor_has_lead_times() {
    holds(
        json!({"deployments": [
            with(deploy("d1", "03T08:00", ""), json!({"sha": null})),
            with(deploy("d2", "04T08:00", ""), json!({"sha": null})),
        ]}),
        json!([
            expect("deployment_frequency.count", json!(2), "deployments", "ok"),
            expect("deployment.redeploy_count", json!(0), "deployments", "ok"),
            expect("lead_time.median", Value::Null, "s", "no_data"),
        ]),
    );
}

#[test]
fn a_window_in_progress_is_measured_up_to_now_and_its_running_week_is_no_week() {
    holds_as_of(
        json!({"deployments": [
            deploy("d1", "03T08:00", "a"), deploy("d2", "04T08:00", "b"), deploy("d3", "10T08:00", "c"),
            deploy("d4", "13T08:00", "d"),
        ]}),
        json!([
            with(expect("deployment_frequency.per_day", json!(0.3), "1/d", "provisional"), json!({"exposure_days": 10.0})),
            expect("deployment_frequency.count", json!(3), "deployments", "provisional"),
            expect("deployment_frequency.median_per_week", json!(2), "1/wk", "ok"),
        ]),
        "2026-03-12T00:00:00Z",
    );
}

#[test]
fn what_a_failed_deployment_carried_ships_with_the_next_success() {
    let changes = json!([change("p1", "03T06:00", "03T07:00"), change("p2", "04T06:00", "04T07:00")]);
    let attempts = |second: Value| {
        json!([
            deploy("d0", "02T01:00", "base"),
            with(deploy("d1", "03T08:00", "m-p1"), json!({"status": "failure", "change_ids": ["p1"]})),
            with(deploy("d2", "04T08:00", "m-p2"), json!({"change_ids": second}))
        ])
    };
    for second in [json!(["p1", "p2"]), json!(["p2"])] {
        holds(
            json!({"changes": changes, "deployments": attempts(second)}),
            json!([
                // 26 h and 2 h
                with(expect("lead_time.median", json!(50400), "s", "ok"), json!({"n": 2})),
                expect("lead_time.pending", json!(0), "changes", "ok"),
            ]),
        );
    }
}

#[test]
fn by_ancestry_too_a_failed_deployment_ships_nothing() {
    let commit = |sha: &str, parent: &str, at: &str| json!({"sha": sha, "repo": "acme/api", "parents": [parent], "authored_at": day(at)});
    holds(
        json!({
            "commits": [commit("c1", "c0", "02T06:00"), commit("c2", "c1", "03T06:00"), commit("c3", "c2", "04T06:00")],
            "deployments": [
                deploy("d1", "02T08:00", "c1"),
                with(deploy("d2", "03T08:00", "c2"), json!({"status": "failure"})),
                deploy("d3", "04T08:00", "c3"),
            ],
        }),
        json!([with(expect("lead_time.median", json!(50400), "s", "ok"), json!({"n": 2}))]),
    );
}

#[test]
fn a_change_deployed_before_its_merge_keeps_its_lead_time_and_one_before_its_start_has_none() {
    holds(
        json!({
            "changes": [change("p1", "03T06:00", "03T10:00"), change("p2", "03T09:00", "03T09:30"), change("p3", "03T04:00", "03T05:00")],
            "deployments": [deploy("d0", "02T01:00", "base"), with(deploy("d1", "03T08:00", "x"), json!({"change_ids": ["p1", "p2", "p3"]}))],
        }),
        json!([
            with(expect("lead_time.median", json!(10800), "s", "ok"), json!({"n": 2, "excluded": ["p2"], "anomalies": ["p1"]})),
            expect("lead_time.excluded", json!({"negative": 1}), "changes", "ok"),
            expect("lead_time.anomalies", json!({"deployed_before_merge": 1}), "changes", "ok"),
            // p1: merge wait 2 h cut at production; p3: merge wait 1 h, deploy 3 h
            expect("lead_time.stage_mean", json!({"coding": 0, "pickup": 0, "review": 0, "merge_wait": 5400, "deploy": 5400}), "s", "ok"),
        ]),
    );
}

#[test]
fn a_change_ships_once_even_when_named_again_or_rolled_back_and_forth() {
    holds(
        json!({
            "changes": [change("p1", "03T06:00", "03T07:00"), change("p2", "04T06:00", "04T07:00")],
            "deployments": [
                deploy("d0", "02T01:00", "base"),
                with(deploy("d1", "03T08:00", "v1"), json!({"change_ids": ["p1"]})),
                with(deploy("d2", "04T08:00", "v2"), json!({"change_ids": ["p1", "p2"]})),
                deploy("d3", "05T08:00", "v1"),
                with(deploy("d4", "06T08:00", "v3"), json!({"change_ids": ["p1", "p2"]})),
            ],
        }),
        json!([with(expect("lead_time.median", json!(7200), "s", "ok"), json!({"n": 2}))]),
    );
}

#[test]
fn a_change_in_two_services_counts_once_for_the_whole_and_once_for_each() {
    let commit = |sha: &str, parent: &str, at: &str| json!({"sha": sha, "repo": "acme/mono", "parents": [parent], "authored_at": day(at), "paths": ["a/x", "b/x"]});
    let of = |id: &str, at: &str, service: &str, sha: &str| with(deploy(id, at, sha), json!({"service": service, "repo": "acme/mono"}));
    holds(
        json!({
            "catalog": {"services": [{"name": "a", "repo": "acme/mono", "paths": ["a/**"]}, {"name": "b", "repo": "acme/mono", "paths": ["b/"]}]},
            "commits": [commit("c1", "c0", "02T06:00"), commit("c2", "c1", "03T06:00")],
            "deployments": [of("a1", "02T08:00", "a", "c1"), of("b1", "02T08:00", "b", "c1"), of("a2", "03T07:00", "a", "c2"), of("b2", "03T10:00", "b", "c2")],
        }),
        json!([
            with(expect("lead_time.median", json!(3600), "s", "ok"), json!({"n": 1})),
            with(expect("lead_time.median", json!(3600), "s", "ok"), json!({"n": 1, "scope": {"service": "a"}})),
            with(expect("lead_time.median", json!(14400), "s", "ok"), json!({"n": 1, "scope": {"service": "b"}})),
            expect("lead_time.excluded", json!({"first_deployment": 1}), "changes", "ok"),
        ]),
    );
}

#[test]
fn the_cohort_is_by_deployment_and_what_waits_is_counted_with_its_age() {
    holds(
        json!({
            "changes": [change("p1", "01T06:00", "01T07:00"), change("p2", "14T06:00", "14T12:00"), change("p3", "15T06:00", "15T12:00"),
                with(change("p4", "15T06:00", "15T12:00"), json!({"merged_at": null, "state": "open"}))],
            "deployments": [deploy("d0", "01T00:00", "base"), with(deploy("d1", "03T06:00", "x"), json!({"change_ids": ["p1"]})),
                with(deploy("d2", "16T06:00", "y"), json!({"change_ids": ["p2"]}))],
        }),
        json!([
            with(expect("lead_time.median", json!(172800), "s", "ok"), json!({"n": 1})),
            with(expect("lead_time.pending", json!(2), "changes", "ok"), json!({"members": ["p2", "p3"], "oldest_age_s": 129600})),
            expect("lead_time.pending", json!(["p2", "p3"]), "changes", "ok"),
        ]),
    );
}

#[test]
fn work_starts_at_the_first_commit_or_the_opening_whichever_was_first() {
    holds(
        json!({
            "changes": [
                with(change("p1", "03T06:00", "03T08:00"), json!({"commits": [{"sha": "x", "authored_at": day("03T07:00")}]})),
                with(change("p2", "03T06:00", "03T08:00"), json!({"commits": [{"sha": "y", "authored_at": day("03T05:00")}, {"sha": "z", "authored_at": day("03T04:00")}]})),
            ],
            "deployments": [deploy("d0", "02T01:00", "base"), with(deploy("d1", "03T09:00", "x2"), json!({"change_ids": ["p1", "p2"]}))],
        }),
        json!([expect("lead_time.mean", json!(14400), "s", "ok"), expect("lead_time.p90", json!(17280), "s", "ok")]),
    );
}

#[test]
fn a_reopened_incident_lasts_the_sum_of_its_open_times_or_the_time_elapsed() {
    let reopened = with(
        incident("i1", "03T10:00", Some("03T14:00")),
        json!({"intervals": [{"from": day("03T10:00"), "to": day("03T11:00")}, {"from": day("03T13:30"), "to": day("03T14:00")}]}),
    );
    holds(
        json!({"incidents": [reopened, incident("i2", "04T10:00", Some("04T10:30"))]}),
        json!([
            with(expect("time_to_restore.mean", json!(3600), "s", "ok"), json!({"n": 2})),
            with(expect("time_to_restore.mean", json!(8100), "s", "ok"), json!({"config": {"ttr.reopened": "elapsed"}})),
            expect("incidents.reopen_rate", json!(0.5), "ratio", "ok"),
            expect("incidents.count", json!(2), "incidents", "ok"),
        ]),
    );
}

#[test]
fn an_open_incident_counts_with_its_age_as_a_lower_bound() {
    holds_as_of(
        json!({"incidents": [
            incident("i1", "03T10:00", Some("03T11:00")),
            incident("i2", "09T00:00", None),
            with(incident("i3", "04T10:00", Some("09T01:00")), json!({"intervals": [{"from": day("04T10:00"), "to": day("04T11:00")}, {"from": day("09T01:00"), "to": null}], "resolved_at": null})),
        ]}),
        json!([
            // 1 h, 2 h, 1 h + 1 h
            with(
                expect("time_to_restore.mean", json!(6000), "s", "provisional"),
                json!({"open": 2, "oldest_open_s": 7200, "is_lower_bound": true, "n": 3})
            ),
            expect("time_to_restore.open", json!(2), "incidents", "ok"),
        ]),
        "2026-03-09T02:00:00Z",
    );
}

#[test]
fn recovery_ends_with_the_last_of_several_incidents() {
    holds(
        json!({
            "deployments": [deploy("d1", "03T10:00", "a"), deploy("d2", "05T10:00", "b"),
                with(deploy("d3", "05T13:00", "c"), json!({"deploy_kind": "hotfix", "remediates": ["i3"]}))],
            "incidents": [
                with(incident("i1", "03T10:10", Some("03T11:00")), json!({"caused_by": ["d1"]})),
                with(incident("i2", "03T10:20", Some("03T15:00")), json!({"caused_by": ["d1"], "mitigated_at": day("03T12:00")})),
                // nobody closed it: the remediating deployment ends it
                with(incident("i3", "05T11:00", None), json!({"caused_by": ["d2"]})),
            ],
        }),
        json!([
            with(expect("failed_deployment_recovery_time.median", json!(9000), "s", "ok"), json!({"n": 2})),
            with(expect("failed_deployment_recovery_time.p90", json!(10440), "s", "ok"), json!({"n": 2})),
            // 10:10 to 12:00, 11:00 to 13:00
            with(expect("failed_deployment_recovery_time.median", json!(6900), "s", "ok"), json!({"config": {"fdrt.start": "impact"}})),
            with(expect("deployment_rework_rate", json!(0.3333333333333333), "ratio", "ok"), json!({"rework": ["d3"]})),
        ]),
    );
}

#[test]
fn a_hotfix_that_names_a_deployment_fails_it_and_one_that_names_nothing_is_only_rework() {
    holds(
        json!({"deployments": [
            deploy("d1", "03T10:00", "a"),
            with(deploy("d2", "03T12:00", "b"), json!({"deploy_kind": "hotfix", "remediates": ["d1"]})),
            with(deploy("d3", "05T12:00", "c"), json!({"ref": "hotfix/login"})),
            with(deploy("d4", "06T12:00", "d"), json!({"planned": false})),
        ]}),
        json!([
            with(expect("change_failure_rate", json!(0.25), "ratio", "ok"), json!({"failed": ["d1"]})),
            with(expect("deployment_rework_rate", json!(0.75), "ratio", "ok"), json!({"rework": ["d2", "d3", "d4"]})),
            expect("failed_deployment_recovery_time.median", json!(7200), "s", "ok"),
        ]),
    );
}

#[test]
fn going_forward_again_to_a_descendant_is_no_rollback() {
    let commit = |sha: &str, parents: &[&str]| json!({"sha": sha, "repo": "acme/api", "parents": parents, "authored_at": day("01T06:00")});
    holds(
        json!({
            "commits": [commit("v1", &[]), commit("v2", &["v1"])],
            "deployments": [deploy("d1", "03T08:00", "v1"), deploy("d2", "04T08:00", "v2"), deploy("d3", "04T09:00", "v1"), deploy("d4", "05T08:00", "v2")],
        }),
        json!([
            expect("deployment.rollback_count", json!(1), "deployments", "ok"),
            with(
                expect("change_failure_rate", json!(0.3333333333333333), "ratio", "ok"),
                json!({"failed": ["d2"], "denominator": ["d1", "d2", "d4"]})
            ),
        ]),
    );
}

#[test]
fn an_incident_during_a_rollback_belongs_to_what_was_rolled_back_not_to_the_latest() {
    holds(
        json!({
            "deployments": [deploy("d1", "03T08:00", "v1"), deploy("d2", "04T08:00", "v2"), deploy("d3", "05T08:00", "v3"), deploy("d4", "05T10:00", "v1")],
            "incidents": [incident("i1", "05T09:00", Some("05T10:05"))],
        }),
        json!([
            with(expect("change_failure_rate", json!(0.3333333333333333), "ratio", "ok"), json!({"failed": ["d2"]})),
            expect("incident.link", json!({"i1": {"deployment": "d2", "how": "rollback", "lag_s": 90000.0}}), "link", "ok"),
        ]),
    );
}

#[test]
fn a_cause_can_be_a_change_and_an_unknown_cause_is_nobody_elses() {
    holds(
        json!({
            "changes": [change("p1", "03T06:00", "03T07:00")],
            "deployments": [deploy("d0", "02T01:00", "base"), with(deploy("d1", "03T08:00", "x"), json!({"change_ids": ["p1"]})), deploy("d2", "05T08:00", "y")],
            "incidents": [
                with(incident("i1", "05T09:00", Some("05T10:00")), json!({"caused_by": ["p1"]})),
                with(incident("i2", "05T09:00", Some("05T10:00")), json!({"caused_by": ["elsewhere"]})),
            ],
        }),
        json!([
            with(expect("change_failure_rate", json!(0.3333333333333333), "ratio", "ok"), json!({"failed": ["d1"]})),
            with(expect("incidents.unlinked", json!(1), "incidents", "ok"), json!({"members": ["i2"]})),
        ]),
    );
}

#[test]
fn partial_outages_weigh_less_and_an_open_one_goes_on() {
    let partial = |id, from, to, weight: f64| with(incident(id, from, to), json!({"availability_impact": weight}));
    holds_as_of(
        json!({"incidents": [partial("i1", "03T10:00", Some("03T12:00"), 0.5), partial("i2", "03T11:00", Some("03T11:30"), 1.0)]}),
        json!([expect("downtime", json!(4500), "s", "ok"), expect("mtbf", json!(1205100), "s", "ok"),]),
        "2026-03-16T00:00:00Z",
    );
    holds_as_of(
        json!({"incidents": [partial("i1", "03T00:00", None, 1.0)]}),
        json!([
            with(expect("downtime", json!(86400), "s", "provisional"), json!({"is_lower_bound": true})),
            expect("uptime.from_incidents", json!(0.5), "ratio", "provisional"),
        ]),
        "2026-03-04T00:00:00Z",
    );
}

#[test]
fn incidents_that_do_not_speak_of_availability_say_nothing_about_it() {
    holds(
        json!({"incidents": [incident("i1", "03T10:00", Some("03T11:00"))]}),
        json!([expect("uptime.from_incidents", Value::Null, "ratio", "no_data"), expect("incidents.count", json!(1), "incidents", "ok")]),
    );
    holds(
        json!({}),
        json!([
            expect("incidents.count", Value::Null, "incidents", "no_data"),
            expect("lead_time.pending", Value::Null, "changes", "no_data")
        ]),
    );
    let source =
        json!([{"name": "pager", "connected_at": "2026-01-01T00:00:00Z", "last_ok_at": "2026-03-16T00:00:00Z", "feeds": ["incident"]}]);
    holds(
        json!({"sources": source}),
        json!([
            expect("incidents.count", json!(0), "incidents", "ok"),
            expect("uptime.from_incidents", json!(1), "ratio", "ok"),
            expect("deployment_frequency.count", Value::Null, "deployments", "no_data"),
        ]),
    );
}

#[test]
fn a_team_sees_its_shares_and_its_childrens() {
    let owned = |id: &str, at: &str, team: &str| with(deploy(id, at, id), json!({"team": team}));
    holds(
        json!({
            "teams": {"money": ["pay", "risk"]},
            "deployments": [owned("d1", "03T08:00", "pay"), owned("d2", "04T08:00", "risk"), owned("d3", "05T08:00", "web")],
            "incidents": [with(incident("i1", "04T09:00", Some("04T10:00")), json!({"caused_by": ["d2"], "team": "web"}))],
        }),
        json!([
            with(expect("change_failure_rate", json!(0.5), "ratio", "ok"), json!({"scope": {"team": "money"}})),
            with(expect("change_failure_rate", json!(0), "ratio", "ok"), json!({"scope": {"team": "pay"}})),
            with(expect("deployment_frequency.count", json!(2), "deployments", "ok"), json!({"scope": {"team": "money"}})),
            with(expect("time_to_restore.mean", json!(3600), "s", "ok"), json!({"scope": {"team": "web"}})),
            with(expect("time_to_restore.mean", Value::Null, "s", "no_data"), json!({"scope": {"team": "money"}})),
        ]),
    );
}

#[test]
fn a_silent_source_ends_the_observed_time() {
    let source = json!([{"name": "ci", "connected_at": "2026-01-01T00:00:00Z", "last_ok_at": "2026-03-09T00:00:00Z"}]);
    holds(
        json!({"sources": source, "deployments": [deploy("d1", "03T08:00", "a")]}),
        json!([with(expect("deployment_frequency.per_day", json!(0.14285714285714285), "1/d", "ok"), json!({"coverage": 0.5}))]),
    );
}

#[test]
fn rebased_commits_and_branch_heads_find_their_change() {
    let commit = |sha: &str, parent: &str, at: &str| json!({"sha": sha, "repo": "acme/api", "parents": [parent], "authored_at": day(at)});
    holds(
        json!({
            "commits": [commit("r0", "root", "01T06:00"), commit("r1", "r0", "03T06:00"), commit("r2", "r1", "03T07:00")],
            "changes": [{"id": "p1", "repo": "acme/api", "opened_at": day("03T07:30"), "merged_at": day("03T08:00"), "merge_sha": "r2", "merge_method": "rebase",
                "commits": [{"sha": "b1", "authored_at": day("03T06:00")}, {"sha": "b2", "authored_at": day("03T07:00")}]}],
            "deployments": [deploy("d0", "02T01:00", "r0"), deploy("d1", "03T09:00", "r2")],
        }),
        json!([with(expect("lead_time.median", json!(10800), "s", "ok"), json!({"n": 1}))]),
    );
}
