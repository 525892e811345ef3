//! What the ledger derived, one JSON document per record it is about.
//!
//! A shipment is kept with its change, a link with its incident; the deployment's document names both, so that one look
//! at a record finds everything that mentions it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Time, record::Kind},
    ledger::{Attribution, DeployClass, Derived, IncidentLink, Share, Shipment},
};

/// Everything derived about one record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Owners>,
    /// Of a change or commit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shipped: Vec<Shipped>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    /// Of an incident.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unlinked: bool,
    /// Of a deployment: keys of the changes it shipped and the incidents linked to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) related: Vec<String>,
}

/// The flags that are set, by name, and what goes with a failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Class {
    is: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_from: Option<Time>,
}

impl Class {
    fn of(c: &DeployClass) -> Self {
        let flags = [
            ("production", c.production),
            ("counted", c.counted),
            ("redeploy", c.redeploy),
            ("rollback", c.rollback),
            ("hotfix", c.hotfix),
            ("rework", c.rework),
            ("failed", c.failed),
        ];
        let is = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned()).collect();
        Self { is, reasons: c.reasons.clone(), recovered_at: c.recovered_at, recovery_from: c.recovery_from }
    }

    fn class(self) -> DeployClass {
        let is = |name: &str| self.is.iter().any(|i| i == name);
        DeployClass {
            production: is("production"),
            counted: is("counted"),
            redeploy: is("redeploy"),
            rollback: is("rollback"),
            hotfix: is("hotfix"),
            rework: is("rework"),
            failed: is("failed"),
            reasons: self.reasons,
            recovered_at: self.recovered_at,
            recovery_from: self.recovery_from,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Owners {
    rule: String,
    shares: Vec<(String, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shipped {
    deployment: String,
    at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lead_time_s: Option<f64>,
    stages_s: [f64; 5],
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    commits_s: Vec<f64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unreviewed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bot: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anomaly: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Link {
    deployment: String,
    how: String,
    lag_s: f64,
}

const RULES: &[&str] = &["explicit", "catalog", "codeowners", "repo", "label", "author", "changes", "none"];
const HOW: &[&str] = &["explicit", "rollback", "revert", "hotfix", "time_window"];
const ANOMALIES: &[&str] = &["deployed_before_merge", "negative_stage"];
const LEFT_OUT: &[&str] = &["first_deployment", "negative", "no_start"];

fn word(text: &str, known: &[&'static str]) -> &'static str {
    known.iter().copied().find(|w| *w == text).unwrap_or("other")
}

impl About {
    /// Owned by one of these teams?
    pub(super) fn owned_by(&self, teams: &[String]) -> Option<bool> {
        self.owners.as_ref().map(|o| o.shares.iter().any(|(team, _)| teams.contains(team)))
    }

    /// Put what is known about `key` into `out`.
    pub(super) fn into_derived(self, key: &str, out: &mut Derived) {
        if let Some(c) = self.class {
            out.classes.insert(key.to_owned(), c.class());
        }
        if let Some(o) = self.owners {
            let shares = o.shares.into_iter().map(|(team, share)| Share { team, share }).collect();
            out.attributions.insert(key.to_owned(), Attribution { shares, rule: word(&o.rule, RULES) });
        }
        out.shipments.extend(self.shipped.into_iter().map(|s| Shipment {
            deployment: s.deployment,
            change: key.to_owned(),
            at: s.at,
            service: s.service,
            lead_time_s: s.lead_time_s,
            stages_s: s.stages_s,
            commits_s: s.commits_s,
            unreviewed: s.unreviewed,
            bot: s.bot,
            left_out: s.left_out.map(|w| word(&w, LEFT_OUT)),
            anomaly: s.anomaly.map(|w| word(&w, ANOMALIES)),
            again: s.again,
        }));
        if self.pending {
            out.pending.push(key.to_owned());
        }
        out.links.extend(self.links.into_iter().map(|l| IncidentLink {
            incident: key.to_owned(),
            deployment: l.deployment,
            how: word(&l.how, HOW),
            lag_s: l.lag_s,
        }));
        if self.unlinked {
            out.unlinked.push(key.to_owned());
        }
    }
}

/// One document per record, from what a partition derived. Order inside a document does not depend on order of arrival.
pub(super) fn documents(derived: &Derived) -> BTreeMap<&str, About> {
    let mut all: BTreeMap<&str, About> = BTreeMap::new();
    for (key, c) in &derived.classes {
        all.entry(key).or_default().class = Some(Class::of(c));
    }
    for (key, a) in &derived.attributions {
        let shares = a.shares.iter().map(|s| (s.team.clone(), s.share)).collect();
        all.entry(key).or_default().owners = Some(Owners { rule: a.rule.to_owned(), shares });
    }
    for s in &derived.shipments {
        all.entry(&s.change).or_default().shipped.push(Shipped {
            deployment: s.deployment.clone(),
            at: s.at,
            service: s.service.clone(),
            lead_time_s: s.lead_time_s,
            stages_s: s.stages_s,
            commits_s: s.commits_s.clone(),
            unreviewed: s.unreviewed,
            bot: s.bot,
            left_out: s.left_out.map(str::to_owned),
            anomaly: s.anomaly.map(str::to_owned),
            again: s.again,
        });
        all.entry(&s.deployment).or_default().related.push(s.change.clone());
    }
    for key in &derived.pending {
        all.entry(key).or_default().pending = true;
    }
    for l in &derived.links {
        let link = Link { deployment: l.deployment.clone(), how: l.how.to_owned(), lag_s: l.lag_s };
        all.entry(&l.incident).or_default().links.push(link);
        all.entry(&l.deployment).or_default().related.push(l.incident.clone());
    }
    for key in &derived.unlinked {
        all.entry(key).or_default().unlinked = true;
    }
    for about in all.values_mut() {
        about.related.sort();
        about.related.dedup();
        about.links.sort_by(|a, b| a.deployment.cmp(&b.deployment));
        about.shipped.sort_by(|a, b| (a.at, &a.deployment).cmp(&(b.at, &b.deployment)));
    }
    all
}

/// Kinds whose records can have a document.
pub(super) const KINDS: [Kind; 4] = super::row::DELIVERY;
