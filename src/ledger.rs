//! The ledger: from records as reported to derived records that can be inspected.
//!
//! Pure: records in, derived records out; the only clock is the one passed in. It classifies deployments
//! (`classify`), says which deployment shipped which change (`ship`), which deployment an incident belongs to
//! (`link`) and whose a record is (`attribute`). Every derived record says how it came about.

use std::collections::BTreeMap;

use crate::domain::{Time, record::Record, team::Roster};

/// Settings of the derivation; the defaults are domain.md's.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How long before an incident a deployment may have finished to be linked by time. Default 24 h.
    pub link_window_s: f64,
    /// Tiers that count as production. Default `production`.
    pub production: Vec<String>,
    /// Clock of a failed deployment's recovery starts at its finish (`false`) or at the incident (`true`).
    pub recovery_from_impact: bool,
    /// Re-opened incidents count elapsed time instead of the sum of open intervals.
    pub reopened_elapsed: bool,
    /// Title, branch or label patterns (case-insensitive substrings) that mark a hotfix.
    pub hotfix_patterns: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            link_window_s: 86_400.0,
            production: vec!["production".into()],
            recovery_from_impact: false,
            reopened_elapsed: false,
            hotfix_patterns: vec!["hotfix".into()],
        }
    }
}

/// What the ledger derives from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Records of the delivery kinds (deployments, changes, commits, incidents) of one partition: all that share a
    /// repository or a service. Other kinds are ignored. Tombstones are ignored.
    pub records: &'a [Record],
    /// Who owns what.
    pub roster: &'a Roster,
    /// Settings.
    pub rules: &'a Rules,
    /// Evaluation instant; nothing later is looked at.
    pub now: Time,
}

/// A team's share of a record; shares of one record sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Team, or `unattributed`.
    pub team: String,
    /// 0 to 1.
    pub share: f64,
}

/// Whose a record is, and by which rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Shares, largest first, ties by name; they sum to 1.
    pub shares: Vec<Share>,
    /// `explicit`, `catalog`, `codeowners`, `repo`, `label`, `author`, `changes` (through the shipped changes), `none`.
    pub rule: &'static str,
}

/// How a deployment counts.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about one deployment, shown one by one")]
pub struct DeployClass {
    /// In production.
    pub production: bool,
    /// Counts for frequency: production success of a counted kind, not a redeployment.
    pub counted: bool,
    /// Same non-null commit as the success before it.
    pub redeploy: bool,
    /// Back to an earlier version (declared or inferred).
    pub rollback: bool,
    /// Unplanned fix.
    pub hotfix: bool,
    /// Hotfix, rollback, revert-carrying, unplanned or remediating.
    pub rework: bool,
    /// Failed in production, by incident, rollback, revert or hotfix.
    pub failed: bool,
    /// Why it counts as failed or rework, in words, one line each.
    pub reasons: Vec<String>,
    /// When it was recovered from, for a failed one.
    pub recovered_at: Option<Time>,
    /// Start of the recovery clock, for a failed one.
    pub recovery_from: Option<Time>,
}

/// A change reaching production.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipment {
    /// Key of the deployment record.
    pub deployment: String,
    /// Key of the change record (or of the commit record for a commit without a change).
    pub change: String,
    /// When it reached production.
    pub at: Time,
    /// Service it reached production in.
    pub service: Option<String>,
    /// Seconds from start to production; `None` when left out (`left_out` says why).
    pub lead_time_s: Option<f64>,
    /// Seconds of coding, pickup, review, merge wait, deploy; they sum to `lead_time_s`.
    pub stages_s: [f64; 5],
    /// Starts of the change's own commits, for the per-commit reading, in seconds before production.
    pub commits_s: Vec<f64>,
    /// Nobody reviewed it.
    pub unreviewed: bool,
    /// By a machine account.
    pub bot: bool,
    /// Why it has no lead time: `first_deployment`, `negative`, `no_start`.
    pub left_out: Option<&'static str>,
    /// What is odd about a lead time that stands: `deployed_before_merge`, `negative_stage`.
    pub anomaly: Option<&'static str>,
    /// Another service had shipped it before: it counts for this service only.
    pub again: bool,
}

/// Names of the stages, in the order of [`Shipment::stages_s`].
pub const LEAD_STAGES: [&str; 5] = ["coding", "pickup", "review", "merge_wait", "deploy"];

/// An incident's deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentLink {
    /// Key of the incident record.
    pub incident: String,
    /// Key of the deployment record.
    pub deployment: String,
    /// `explicit`, `rollback`, `revert`, `hotfix`, `time_window`.
    pub how: &'static str,
    /// From the deployment's finish to the incident's start.
    pub lag_s: f64,
}

/// What the ledger made of a partition. Maps are by record key (`source/id`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Derived {
    /// One per deployment.
    pub classes: BTreeMap<String, DeployClass>,
    /// One per change that reached production, plus those left out with a reason.
    pub shipments: Vec<Shipment>,
    /// Keys of the changes that each deployment brought to production, sorted; none without any.
    pub ships: BTreeMap<String, Vec<String>>,
    /// Merged changes that no production success contains yet.
    pub pending: Vec<String>,
    /// Incidents with a deployment.
    pub links: Vec<IncidentLink>,
    /// Incidents without (duplicates are in neither).
    pub unlinked: Vec<String>,
    /// One per record of a delivery kind.
    pub attributions: BTreeMap<String, Attribution>,
}

pub mod attribute;
mod classify;
pub mod codeowners;
pub mod course;
mod graph;
mod link;
mod partition;
mod ship;

/// The newest revision of every identity, without tombstones, in no order.
pub fn newest(records: &[Record]) -> impl Iterator<Item = &Record> {
    partition::newest(records)
}

/// Derive everything for one partition. Deterministic: the order of `records` and repetition do not matter.
#[must_use]
pub fn derive(input: Input<'_>) -> Derived {
    let partition = partition::Partition::new(input.records, input.now);
    let graph = graph::Graph::new(&partition);
    let (deployments, changes, incidents) = (partition.deployment_names(), partition.change_names(), partition.incident_names());
    let (mut classes, rollbacks) = classify::classify(&partition, &graph, &deployments, input.rules);
    let shipping = ship::ship(&partition, &graph, &changes, &classes, input.roster);
    let linker = link::Linker {
        partition: &partition,
        deployments: &deployments,
        changes: &changes,
        incidents: &incidents,
        shipped: &shipping.shipped,
        rules: input.rules,
        now: input.now,
    };
    let (links, unlinked) = link::link(&linker, &mut classes, rollbacks);
    for class in &mut classes {
        class.rework &= class.counted; // only what counts can be rework
    }
    let shipments = ship::shipments(&partition, &graph, &shipping);
    Derived {
        ships: ship::by_deployment(&shipments),
        shipments,
        pending: shipping.pending.iter().map(|i| partition.changes[*i].key.clone()).collect(),
        links,
        unlinked,
        attributions: attribute::attributions(&partition, &shipping.shipped, input.roster),
        classes: partition.deployments.iter().map(|d| d.key.clone()).zip(classes).collect(),
    }
}
