//! What the ledger derived, one JSON document per record it is about.
//!
//! A shipment is kept with its change and a link with its incident. The deployment's document names the changes and has the
//! link as well, so that a list of deployments need not look at hundreds of other records.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Of a deployment: keys of the changes it shipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ships: Vec<String>,
    /// Of a deployment: the incidents linked to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    linked: Vec<Link>,
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
    /// Key of the deployment or incident at the other end.
    with: String,
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

    /// Put what is known about `key` into `out`, but not what the documents of `others` say as well.
    pub(super) fn into_derived(self, key: &str, others: &BTreeSet<&str>, out: &mut Derived) {
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
        if !self.ships.is_empty() {
            out.ships.insert(key.to_owned(), self.ships);
        }
        let link = |incident: &str, deployment: &str, l: &Link| IncidentLink {
            incident: incident.to_owned(),
            deployment: deployment.to_owned(),
            how: word(&l.how, HOW),
            lag_s: l.lag_s,
        };
        out.links.extend(self.links.iter().map(|l| link(key, &l.with, l)));
        out.links.extend(self.linked.iter().filter(|l| !others.contains(&*l.with)).map(|l| link(&l.with, key, l)));
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
    }
    for (deployment, changes) in &derived.ships {
        all.entry(deployment).or_default().ships.clone_from(changes);
    }
    for key in &derived.pending {
        all.entry(key).or_default().pending = true;
    }
    for l in &derived.links {
        let link = |with: &str| Link { with: with.to_owned(), how: l.how.to_owned(), lag_s: l.lag_s };
        all.entry(&l.incident).or_default().links.push(link(&l.deployment));
        all.entry(&l.deployment).or_default().linked.push(link(&l.incident));
    }
    for key in &derived.unlinked {
        all.entry(key).or_default().unlinked = true;
    }
    for about in all.values_mut() {
        for links in [&mut about.links, &mut about.linked] {
            links.sort_by(|a, b| a.with.cmp(&b.with));
        }
        about.shipped.sort_by(|a, b| (a.at, &a.deployment).cmp(&(b.at, &b.deployment)));
    }
    all
}

/// Kinds whose records can have a document.
pub(super) const KINDS: [Kind; 4] = super::row::DELIVERY;
