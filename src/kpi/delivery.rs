//! Delivery: how often, how fast, how safely changes ship. From event facts; what counts was decided by the ledger.

mod failure;
mod frequency;
mod lead_time;

pub(super) use self::{
    failure::{recoveries, share},
    frequency::{Counted, counted, shipped},
    lead_time::lead_times,
};
use super::Query;
use crate::{
    domain::value::{Datum, Reading, Scope},
    ledger::Derived,
};

/// Compute one metric of this quarter; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let metric = match metric {
        "deployment_frequency" => "deployment_frequency.per_day",
        "lead_time" => "lead_time.median",
        "failed_deployment_recovery_time" => "failed_deployment_recovery_time.median",
        id => id,
    };
    frequency::evaluate(metric, query).or_else(|| lead_time::evaluate(metric, query)).or_else(|| failure::evaluate(metric, query))
}

/// Which incident belongs to which deployment, how that was found, and the seconds between: a map by incident key. Not a
/// number of a scope, hence not in the catalogue; `explain` and the incident pages show the same.
#[must_use]
pub fn incident_links(derived: &Derived) -> Reading {
    let mut map = std::collections::BTreeMap::new();
    for link in &derived.links {
        let one = Datum::Map(
            [
                ("deployment".to_owned(), Datum::Text(link.deployment.clone())),
                ("how".to_owned(), link.how.into()),
                ("lag_s".to_owned(), link.lag_s.into()),
            ]
            .into(),
        );
        // several named causes: a list
        match map.remove(&link.incident) {
            None => map.insert(link.incident.clone(), one),
            Some(Datum::List(mut list)) => {
                list.push(one);
                map.insert(link.incident.clone(), Datum::List(list))
            }
            Some(before) => map.insert(link.incident.clone(), Datum::List(vec![before, one])),
        };
    }
    let n = map.len() as u64;
    Reading::ok("incident.link", Scope::Org, "link", Datum::Map(map), n)
}
