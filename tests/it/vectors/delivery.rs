//! Answers of the delivery, attribution, ingestion and recovery vectors (ATT, CFR, DF, ING, LT, REC).
//!
//! Metrics of a scope go the whole way through `kpi::evaluate`; what is not a number of a scope (whose a record is, when
//! a release was finished, what a stream left standing) is read from the ledger's derived records and facts.

use std::{collections::BTreeMap, sync::Arc};

use quarterdeck::{
    domain::{
        record::{Body, Record},
        team::UNATTRIBUTED,
        value::{Datum, Reading, Scope},
        window::midnight,
    },
    kpi::{
        delivery,
        fact::{Event, Facts, Measure, Values, flag},
    },
    ledger::{self, attribute::Attributor},
};
use serde_json::Value;

use super::input::{self, Expect, Setup, Vector};

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let setup = vector.setup(expect)?;
    match expect.metric.as_str() {
        "attribution" => Ok(attribution(&setup, expect.unit == "share")),
        "attribution.rule" => Ok(attribution_rule(&setup)),
        "incident.link" => Ok(delivery::incident_links(&setup.derived())),
        "release.finished_at" => release_finished(&setup, expect),
        "bucket.length_hours" => Ok(bucket_lengths(&setup)),
        "stream.state" => Ok(stream_state(&setup)),
        metric => setup.evaluate(metric, &facts(vector, expect, &setup)?),
    }
}

/// Facts of the records; of an input that already gives lead times, those.
fn facts(vector: &Vector, expect: &Expect, setup: &Setup) -> Result<Facts, String> {
    let input = vector.input_for(expect)?;
    let mut facts = setup.facts();
    for (key, factor) in [("lead_times_h", 3600.0), ("lead_times_s", 1.0)] {
        for (team, hours) in input.get(key).and_then(Value::as_object).into_iter().flatten() {
            for (i, hours) in hours.as_array().into_iter().flatten().enumerate() {
                let value = hours.as_f64().ok_or("a lead time that is no number")? * factor;
                let event = Event {
                    at: setup.window.from,
                    service: "".into(),
                    teams: Arc::new([(team.as_str().into(), 1.0)]),
                    flags: 0,
                    group: 0,
                    key: format!("{team}-{i}").as_str().into(),
                    values: Values::from([value]),
                    dims: Arc::default(),
                };
                facts.events.extend(Measure::LeadTime, [event]);
            }
        }
    }
    facts.sort();
    Ok(facts)
}

fn reading(metric: &'static str, unit: &str, map: BTreeMap<String, Datum>) -> Reading {
    let n = map.len() as u64;
    Reading::ok(metric, Scope::Org, unit, Datum::Map(map), n)
}

/// Records with an owner to find: everything but the catalog and the sources.
fn owned(setup: &Setup) -> impl Iterator<Item = &Record> {
    setup.records.iter().filter(|r| !matches!(r.body, Body::Catalog(_) | Body::SourceState(_)))
}

/// Team by record, or shares by record; as the ledger attributes them.
fn attribution(setup: &Setup, shares: bool) -> Reading {
    let derived = setup.derived();
    let map = owned(setup).map(|r| {
        let all = &derived.attributions[&r.key()].shares;
        let datum = match all.as_slice() {
            [one] if !shares => Datum::Text(one.team.clone()),
            several => Datum::Map(several.iter().map(|s| (s.team.clone(), s.share.into())).collect()),
        };
        (r.key(), datum)
    });
    reading("attribution", if shares { "share" } else { "team" }, map.collect())
}

fn attribution_rule(setup: &Setup) -> Reading {
    let derived = setup.derived();
    reading("attribution.rule", "rule", owned(setup).map(|r| (r.key(), derived.attributions[&r.key()].rule.into())).collect())
}

/// A release is finished when its last counted member is.
fn release_finished(setup: &Setup, expect: &Expect) -> Result<Reading, String> {
    let group = expect.scope_of("group").ok_or("a release is named by its group")?;
    let derived = setup.derived();
    let member = |r: &&Record| matches!(&r.body, Body::Deployment(d) if d.group_id.as_deref() == Some(group));
    let counted = |r: &&Record| derived.classes.get(&r.key()).is_some_and(|c| c.counted);
    let last = ledger::newest(&setup.records).filter(member).filter(counted).filter_map(Record::event_time).max();
    let last = last.ok_or("no such release")?;
    Ok(Reading::ok("release.finished_at", Scope::Org, "time", last.format("%Y-%m-%dT%H:%M:%SZ").to_string(), 1))
}

/// Hours of the zone's calendar days that the window touches.
fn bucket_lengths(setup: &Setup) -> Reading {
    let zone = setup.settings.zone;
    let days = setup.window.days(zone).into_iter();
    let hours = days.map(|(day, _)| {
        let length = midnight(day.succ_opt().unwrap(), zone) - midnight(day, zone);
        (day.to_string(), Datum::Num(length.num_seconds() as f64 / 3600.0))
    });
    reading("bucket.length_hours", "h", hours.collect())
}

/// The standing of every identity that a stream named.
fn stream_state(setup: &Setup) -> Reading {
    let mut states: BTreeMap<String, Datum> = setup.records.iter().map(|r| (r.key(), "deleted".into())).collect();
    for record in ledger::newest(&setup.records) {
        if let Body::Deployment(d) = &record.body {
            states.insert(record.key(), d.status.word().into());
        }
    }
    reading("stream.state", "status", states)
}

#[test]
fn records_of_all_kinds_are_attributed_alike_by_ledger_and_attributor() {
    let json = serde_json::json!({"id": "T", "input": {"repo_map": {"a/b": "t"}, "changes": [{"id": "c", "repo": "a/b"}]},
        "expect": [{"metric": "attribution", "scope": "org", "value": 1, "unit": "team", "status": "ok"}]});
    let vector = Vector::read(&json).unwrap();
    let setup = vector.setup(&vector.expect[0]).unwrap();
    let mut attributor = Attributor::new(&setup.roster);
    let derived = setup.derived();
    assert_eq!(attributor.of(&setup.records[0]), derived.attributions["c"]);
    assert_eq!(derived.attributions["c"].shares[0].team, "t");
    assert!(derived.attributions["c"].shares.iter().all(|s| s.team != UNATTRIBUTED));
    assert!(setup.facts().of(Measure::LeadTime).all(|e| e.flags() & flag::AGAIN == 0));
    assert!(input::evaluate(&vector, &vector.expect[0]).is_err());
}
