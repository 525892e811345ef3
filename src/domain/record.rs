//! The record model: one envelope and the typed kinds a source can report.
//!
//! Records say what happened, as reported. They carry no team decision, no link and no number of our making:
//! the ledger derives those. Identity is (`source`, `id`); the newest `updated_at` wins, then the highest
//! `seq`; `deleted` is a tombstone. Re-delivery and reordering change nothing.
//!
//! The JSON form (one record per line) is the open door for everything without a source of its own: envelope
//! fields and the kind's own fields stand side by side in one object, with `kind` naming the kind. Unknown
//! fields are ignored, unknown words in an enum become `other`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decimal, Time, instant};

/// One fact from one source, with its envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Name of the source that reported it; with `id` the identity.
    #[serde(default)]
    pub source: String,
    /// The source's own name for it.
    pub id: String,
    /// Event time: decides the bucket. Absent in JSON: taken from the kind (`Body::event_time`).
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub ts: Option<Time>,
    /// Revision time at the source; absent means `ts`.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub updated_at: Option<Time>,
    /// When we saw it.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub observed_at: Option<Time>,
    /// Tie-break among equal `updated_at`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: i64,
    /// A tombstone: the record is gone at the source.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// Free dimensions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Explicit team; wins over every attribution rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The service it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The repository it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// `production`, `staging`, … Unknown is not production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_tier: Option<String>,
    /// The environment's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_name: Option<String>,
    /// Where a person can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Pointer to the raw payload; never shown by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_ref: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub body: Body,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl Record {
    /// A record with only identity and body; the rest of the envelope empty.
    #[must_use]
    pub fn new(source: impl Into<String>, id: impl Into<String>, body: Body) -> Self {
        Self {
            source: source.into(),
            id: id.into(),
            ts: None,
            updated_at: None,
            observed_at: None,
            seq: 0,
            deleted: false,
            labels: BTreeMap::new(),
            team: None,
            service: None,
            repo: None,
            env_tier: None,
            env_name: None,
            url: None,
            raw_ref: None,
            body,
        }
    }

    /// Event time: the envelope's, else the kind's own.
    #[must_use]
    pub fn event_time(&self) -> Option<Time> {
        self.ts.or_else(|| self.body.event_time())
    }

    /// Revision order: (`updated_at` or event time, `seq`). The larger wins.
    #[must_use]
    pub fn revision(&self) -> (Option<Time>, i64) {
        (self.updated_at.or_else(|| self.event_time()), self.seq)
    }

    /// `source/id`, as rows, links and `explain` name a record; the bare id when no source is named.
    #[must_use]
    pub fn key(&self) -> String {
        if self.source.is_empty() { self.id.clone() } else { format!("{}/{}", self.source, self.id) }
    }
}

/// What a record is. The JSON field `kind` names the variant in snake case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "records are short-lived and moved in vectors; a box per record costs more")]
pub enum Body {
    /// A version reaching (or failing to reach) an environment.
    Deployment(Deployment),
    /// A pull request, merge request or directly pushed commit.
    Change(Change),
    /// One commit of the history a deployment can reach.
    Commit(Commit),
    /// A CI run.
    PipelineRun(PipelineRun),
    /// Something users could not use as promised.
    Incident(Incident),
    /// One result of a probe.
    #[serde(alias = "probe_result")]
    Probe(Probe),
    /// One point of a metric.
    Sample(Sample),
    /// One line of a bill, in the words of FOCUS.
    CostLine(CostLine),
    /// Coverage, size and debt of a project at one commit.
    Quality(Quality),
    /// One run of a test suite.
    TestRun(TestRun),
    /// A ticket.
    WorkItem(WorkItem),
    /// Head counts and joins or leaves; never a name.
    People(People),
    /// Who was active, hashed, or ready counts.
    UserActivity(UserActivity),
    /// Customers at the start, won, lost, at the end of a period.
    Customers(Customers),
    /// Answers of a survey.
    Survey(Survey),
    /// Use of a feature by those who could.
    FeatureUsage(FeatureUsage),
    /// Money figures of a period.
    Finance(Finance),
    /// Freeze, holiday, maintenance, definition change: shown on trends.
    Annotation(Annotation),
    /// When a source was connected, how far back it has been read, when it last succeeded.
    SourceState(SourceState),
    /// Services, owners, paths, dependencies.
    Catalog(Catalog),
    /// Who owns a subject from when to when.
    Ownership(Ownership),
    /// A kind this version does not know; kept, never used. Also what a bare tombstone carries.
    #[serde(other)]
    Other,
}

impl Body {
    /// The kind's name in JSON and in the store.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Deployment(_) => Kind::Deployment,
            Self::Change(_) => Kind::Change,
            Self::Commit(_) => Kind::Commit,
            Self::PipelineRun(_) => Kind::PipelineRun,
            Self::Incident(_) => Kind::Incident,
            Self::Probe(_) => Kind::Probe,
            Self::Sample(_) => Kind::Sample,
            Self::CostLine(_) => Kind::CostLine,
            Self::Quality(_) => Kind::Quality,
            Self::TestRun(_) => Kind::TestRun,
            Self::WorkItem(_) => Kind::WorkItem,
            Self::People(_) => Kind::People,
            Self::UserActivity(_) => Kind::UserActivity,
            Self::Customers(_) => Kind::Customers,
            Self::Survey(_) => Kind::Survey,
            Self::FeatureUsage(_) => Kind::FeatureUsage,
            Self::Finance(_) => Kind::Finance,
            Self::Annotation(_) => Kind::Annotation,
            Self::SourceState(_) => Kind::SourceState,
            Self::Catalog(_) => Kind::Catalog,
            Self::Ownership(_) => Kind::Ownership,
            Self::Other => Kind::Other,
        }
    }

    /// The time that decides the bucket when the envelope does not say.
    #[must_use]
    pub fn event_time(&self) -> Option<Time> {
        match self {
            Self::Deployment(d) => d.finished_at.or(d.started_at).or(d.created_at),
            Self::Change(c) => c.merged_at.or(c.closed_at).or(c.opened_at),
            Self::Commit(c) => c.committed_at.or(c.authored_at),
            Self::PipelineRun(p) => p.finished_at.or(p.started_at).or(p.queued_at),
            Self::Incident(i) => i.started_at.or(i.detected_at),
            Self::CostLine(c) => c.charge_period_start.or(c.billing_period_start),
            Self::WorkItem(w) => w.released_at.or(w.done_at).or(w.created_at),
            Self::Annotation(a) => a.from,
            Self::SourceState(s) => s.last_success_at.or(s.connected_at),
            Self::Ownership(o) => o.from,
            Self::Probe(_)
            | Self::Sample(_)
            | Self::Quality(_)
            | Self::TestRun(_)
            | Self::People(_)
            | Self::UserActivity(_)
            | Self::Customers(_)
            | Self::Survey(_)
            | Self::FeatureUsage(_)
            | Self::Finance(_)
            | Self::Catalog(_)
            | Self::Other => None,
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? } other $other:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
            /// A word this version does not know.
            #[serde(other, rename = "other")]
            $other,
        }
        impl $name {
            /// Every known word, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word in JSON and on the screen.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* Self::$other => "other" }
            }
            /// The variant for a word; unknown words are `other`.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word { $($word => Self::$variant,)* _ => Self::$other }
            }
        }
    };
}

words! {
    /// The kinds of record, as named in JSON and in the store.
    Kind {
        /// See [`Deployment`].
        Deployment = "deployment",
        /// See [`Change`].
        Change = "change",
        /// See [`Commit`].
        Commit = "commit",
        /// See [`PipelineRun`].
        PipelineRun = "pipeline_run",
        /// See [`Incident`].
        Incident = "incident",
        /// See [`Probe`].
        Probe = "probe",
        /// See [`Sample`].
        Sample = "sample",
        /// See [`CostLine`].
        CostLine = "cost_line",
        /// See [`Quality`].
        Quality = "quality",
        /// See [`TestRun`].
        TestRun = "test_run",
        /// See [`WorkItem`].
        WorkItem = "work_item",
        /// See [`People`].
        People = "people",
        /// See [`UserActivity`].
        UserActivity = "user_activity",
        /// See [`Customers`].
        Customers = "customers",
        /// See [`Survey`].
        Survey = "survey",
        /// See [`FeatureUsage`].
        FeatureUsage = "feature_usage",
        /// See [`Finance`].
        Finance = "finance",
        /// See [`Annotation`].
        Annotation = "annotation",
        /// See [`SourceState`].
        SourceState = "source_state",
        /// See [`Catalog`].
        Catalog = "catalog",
        /// See [`Ownership`].
        Ownership = "ownership",
    } other Other
}

words! {
    /// How a deployment ended, or where it stands.
    DeployStatus {
        /// Waiting.
        Queued = "queued",
        /// Under way.
        Running = "running",
        /// Reached the environment.
        Success = "success",
        /// Did not reach the environment.
        Failure = "failure",
        /// Stopped by someone; not an attempt.
        Cancelled = "cancelled",
        /// Not run; not an attempt.
        Skipped = "skipped",
    } other Other
}

words! {
    /// What sort of deployment the source says it is.
    DeployKind {
        /// A planned release.
        Normal = "normal",
        /// An unplanned fix.
        Hotfix = "hotfix",
        /// Back to an earlier version.
        Rollback = "rollback",
        /// Configuration only.
        Config = "config",
        /// A feature flag.
        Flag = "flag",
        /// Infrastructure.
        Infra = "infra",
        /// The same version again.
        Redeploy = "redeploy",
    } other Other
}

words! {
    /// Where a change stands.
    ChangeState {
        /// Under work or review.
        Open = "open",
        /// Part of its base branch.
        Merged = "merged",
        /// Abandoned.
        Closed = "closed",
    } other Other
}

words! {
    /// What a change is for (conventional-commit types map onto these).
    ChangeType {
        /// New behaviour.
        Feature = "feature",
        /// A defect mended.
        Fix = "fix",
        /// Same behaviour, other shape.
        Refactor = "refactor",
        /// Dependencies.
        Deps = "deps",
        /// Documentation.
        Docs = "docs",
        /// Tests.
        Test = "test",
        /// Build, CI, infrastructure.
        Infra = "infra",
    } other Other
}

words! {
    /// Where an incident stands.
    IncidentStatus {
        /// Users still feel it.
        Open = "open",
        /// Users no longer feel it.
        Mitigated = "mitigated",
        /// Over.
        Resolved = "resolved",
        /// Over and filed.
        Closed = "closed",
    } other Other
}

words! {
    /// What a sample's numbers are.
    SampleKind {
        /// A value at an instant.
        Gauge = "gauge",
        /// An increase over `window_s`.
        CounterDelta = "counter_delta",
        /// A running total since `start_ts`.
        CounterCum = "counter_cum",
        /// Cumulative buckets over `window_s`.
        Histogram = "histogram",
        /// Ready quantiles: shown, never aggregated.
        Summary = "summary",
    } other Other
}

words! {
    /// What an annotation marks.
    AnnotationKind {
        /// No deployments on purpose.
        Freeze = "freeze",
        /// A day off.
        Holiday = "holiday",
        /// Announced maintenance.
        Maintenance = "maintenance",
        /// Configuration changed outside a deployment.
        ConfigChange = "config_change",
        /// A flag was turned.
        FlagChange = "flag_change",
        /// A price list changed.
        PriceChange = "price_change",
        /// Teams changed.
        Reorg = "reorg",
        /// A definition, mapping or instrument changed: an instrument break.
        DefinitionChange = "definition_change",
        /// Anything worth a mark.
        Note = "note",
    } other Other
}

/// A version reaching (or failing to reach) an environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Deployment {
    /// One release over several services shares this; absent means the record's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// How it ended.
    pub status: DeployStatus,
    /// When it was asked for.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub created_at: Option<Time>,
    /// When it began.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub started_at: Option<Time>,
    /// When it ended; the event time.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub finished_at: Option<Time>,
    /// Commit deployed; null means unknown, and is never a redeploy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// Commit that ran before, when the source knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_sha: Option<String>,
    /// Version as people say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Newest commit of the default branch it contains, when its own commit stands on another branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_sha: Option<String>,
    /// Branch or tag.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Declared sort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_kind: Option<DeployKind>,
    /// `false`: unplanned, hence rework.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// The source says whether production was harmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prod_impact: Option<bool>,
    /// Changes it ships, when the source knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_ids: Vec<String>,
    /// The deployment it rolls back, or rolls back to nothing named (`rolls_back` names the failed one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolls_back: Option<String>,
    /// Incidents or deployments it remediates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remediates: Vec<String>,
    /// Who, hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Done by a machine account.
    #[serde(skip_serializing_if = "is_false")]
    pub actor_is_bot: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_type: Option<ChangeType>,
    /// Inferred from commits, not observed: every value from it says *assumed*.
    #[serde(skip_serializing_if = "is_false")]
    pub assumed: bool,
}

#[allow(clippy::derivable_impls, reason = "the enum is written by a macro that has no default")]
impl Default for DeployStatus {
    fn default() -> Self {
        Self::Other
    }
}

/// A commit of a change's own branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ChangeCommit {
    /// Its name.
    pub sha: String,
    /// When it was written.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub authored_at: Option<Time>,
    /// When it got its present form.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub committed_at: Option<Time>,
    /// A merge of the base branch into the change.
    #[serde(skip_serializing_if = "is_false")]
    pub is_merge: bool,
}

/// A pull request, merge request or directly pushed commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Change {
    /// Number people say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// First line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Who, hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Written by a machine account.
    #[serde(skip_serializing_if = "is_false")]
    pub author_is_bot: bool,
    /// Where it stands; absent: merged when `merged_at` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ChangeState>,
    /// Not ready for review.
    #[serde(skip_serializing_if = "is_false")]
    pub draft: bool,
    /// Opened for review.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub opened_at: Option<Time>,
    /// Left draft.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub ready_at: Option<Time>,
    /// First review by somebody else.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub first_review_at: Option<Time>,
    /// Approved.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub approved_at: Option<Time>,
    /// Merged.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub merged_at: Option<Time>,
    /// Closed without merge, or with it.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub closed_at: Option<Time>,
    /// The commit on the base branch that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_sha: Option<String>,
    /// The commit of the base branch it landed on: makes a chain of the changes of a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_sha: Option<String>,
    /// Last commit of its branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_sha: Option<String>,
    /// Branch it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ref: Option<String>,
    /// `merge`, `squash`, `rebase`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_method: Option<String>,
    /// Its own commits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<ChangeCommit>,
    /// Paths it touches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Lines added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additions: Option<i64>,
    /// Lines removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<i64>,
    /// The change (id) it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_type: Option<ChangeType>,
    /// Tickets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issue_ids: Vec<String>,
    /// Reviews given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviews: Option<i64>,
}

/// One commit of the history a deployment can reach. The record's `id` may equal `sha`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Commit {
    /// Its name.
    pub sha: String,
    /// Names of its parents.
    pub parents: Vec<String>,
    /// When it was written.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub authored_at: Option<Time>,
    /// When it got its present form.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub committed_at: Option<Time>,
    /// Who, hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Written by a machine account.
    #[serde(skip_serializing_if = "is_false")]
    pub author_is_bot: bool,
    /// Paths it touches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// A CI run, in the words of OpenTelemetry's CI/CD conventions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PipelineRun {
    /// The pipeline's name.
    pub pipeline: String,
    /// `success`, `failure`, `cancellation`, `error`, `skip`, `timeout`.
    pub status: String,
    /// Waiting since.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub queued_at: Option<Time>,
    /// Began.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub started_at: Option<Time>,
    /// Ended.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub finished_at: Option<Time>,
    /// Commit it ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// 1 for the first run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
}

/// A time during which an incident was open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenInterval {
    /// Opened.
    pub from: Time,
    /// Closed; absent while open.
    #[serde(default, with = "instant")]
    #[schemars(with = "Option<Time>")]
    pub to: Option<Time>,
}

/// Something users could not use as promised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Incident {
    /// First line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// `sev1` … as the source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Services concerned; the envelope's `service` counts as one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Users began to feel it.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub started_at: Option<Time>,
    /// Somebody or something noticed.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub detected_at: Option<Time>,
    /// Somebody took it.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub acknowledged_at: Option<Time>,
    /// Users no longer felt it.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub mitigated_at: Option<Time>,
    /// Over.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub resolved_at: Option<Time>,
    /// Filed.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub closed_at: Option<Time>,
    /// Open times of a re-opened incident; empty means start to end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<OpenInterval>,
    /// Where it stands; absent: from the times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<IncidentStatus>,
    /// Deployment or change ids named as the cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caused_by: Vec<String>,
    /// `change`, `capacity`, `dependency`, `external`, `security`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_category: Option<String>,
    /// The incident it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// 0 to 1: how much of the service was gone; absent means not an outage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_impact: Option<f64>,
    /// How many customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers_affected: Option<i64>,
}

/// One result of a probe. Event time in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Probe {
    /// Which check.
    pub check_id: String,
    /// From where; a quorum over locations decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Passed.
    pub ok: bool,
    /// Round trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Planned pause between results; a result holds for at most two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<f64>,
    /// Taken during announced maintenance.
    #[serde(skip_serializing_if = "is_false")]
    pub maintenance: bool,
    /// `timeout`, `refused`, `tls`, `status`, `body`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
}

/// One cumulative bucket of a histogram: upper bound as text (`"0.1"`, `"+Inf"`) and count at or below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BucketCount(pub String, pub f64);

/// One point of a metric. Event time (end of the window) in the envelope.
///
/// Canonical `metric` names the KPIs read: `requests` and `errors` (counts), `latency` (histogram or gauge,
/// seconds), `page_load` (milliseconds, largest contentful paint), `inp` (milliseconds), `cls`, `active_users`, `transactions`.
/// Any other name is kept and charted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sample {
    /// Canonical or free name.
    pub metric: String,
    /// What the numbers are.
    pub sample_kind: SampleKind,
    /// The sample covers `(ts - window_s, ts]`.
    pub window_s: f64,
    /// Unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The value of anything but a histogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Cumulative buckets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<BucketCount>,
    /// Sum of the observations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Number of observations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<f64>,
    /// Start of a running total; a later start is a reset.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub start_ts: Option<Time>,
}

#[allow(clippy::derivable_impls, reason = "the enum is written by a macro that has no default")]
impl Default for SampleKind {
    fn default() -> Self {
        Self::Gauge
    }
}

/// One line of a bill; field names are those of FOCUS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names and meanings are FOCUS's own columns")]
pub struct CostLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub billed_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub effective_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub list_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub contracted_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_currency: Option<String>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub billing_period_start: Option<Time>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub billing_period_end: Option<Time>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub charge_period_start: Option<Time>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub charge_period_end: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_frequency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub consumed_quantity: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumed_unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub pricing_quantity: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commitment_discount_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commitment_discount_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Not yet final at the provider (our own column).
    #[serde(rename = "estimated", skip_serializing_if = "is_false")]
    pub estimated: bool,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Coverage, size and debt of a project at one commit. Event time in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "the fields are SonarQube's measures by their own names")]
pub struct Quality {
    pub project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// `lcov`, `cobertura`, `sonarqube`, …: kinds that count differently are not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_to_cover: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_lines: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions_to_cover: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_conditions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_lines_to_cover: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_covered_lines: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_conditions_to_cover: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_covered_conditions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ncloc: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub development_cost_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_per_line: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ruleset_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_units: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_units_documented: Option<f64>,
    /// Findings by severity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub issues: BTreeMap<String, f64>,
}

/// One run of a test suite. Event time in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain counts")]
pub struct TestRun {
    pub suite: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    pub tests: f64,
    pub failed: f64,
    pub errored: f64,
    pub skipped: f64,
    pub flaky: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
}

/// A ticket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain fields")]
pub struct WorkItem {
    /// `feature`, `bug`, `maintenance`, `debt`, anything else.
    #[serde(rename = "type")]
    pub item_type: String,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub created_at: Option<Time>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub started_at: Option<Time>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub done_at: Option<Time>,
    /// Finished although no `done_at` is known; `false` says unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub released_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort_h: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub change_ids: Vec<String>,
}

/// A head count or a join, leave or transfer. Event time in the envelope; ids hashed, never names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain fields")]
pub struct People {
    /// `snapshot`, `join`, `leave`, `transfer`.
    pub event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headcount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voluntary: Option<bool>,
    /// Area of knowledge and how many people can work in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capable: Option<f64>,
    /// Where a transfer leads: within one organisation, or one family of teams, nobody has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_team: Option<String>,
}

/// Who was active, hashed, or a ready count. Event time in the envelope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain fields")]
pub struct UserActivity {
    /// Pairs of hashed user and day (`YYYY-MM-DD`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_days: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// `day`, `week`, `month`: what a ready count counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_users: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions: Option<f64>,
}

/// Customers of a period ending at the event time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain counts")]
pub struct Customers {
    pub start: f64,
    pub new: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<f64>,
    pub end: f64,
    /// Monthly recurring revenue of those at the start, in the reporting currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub mrr: Option<Decimal>,
    /// What of it was lost in the period: with customers that left and by those that pay less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub mrr_lost: Option<Decimal>,
}

/// Answers of a survey.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain counts")]
pub struct Survey {
    pub instrument: String,
    pub promoters: f64,
    pub passives: f64,
    pub detractors: f64,
}

/// Use of a feature by those who could.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain counts")]
pub struct FeatureUsage {
    pub feature: String,
    /// Active users who could have used it (behind its flag, on its plan).
    pub eligible: f64,
    /// Those of them who did, since it was released.
    pub users: f64,
    /// For each of them, seconds from when they could to their first use; nobody is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_to_adopt_s: Vec<f64>,
}

/// Money figures of a period ending at the event time; absent means not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs, reason = "plain figures named as in the formulas")]
pub struct Finance {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiative: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub revenue: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tech_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gain: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub rd_cost: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub new_product_revenue: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub arpa_month: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gross_margin: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_churn: Option<f64>,
    /// Over how many months `gain` and `cost` of an initiative are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_months: Option<f64>,
    /// When the product of `new_product_revenue` was launched; older than the configured age it is not new any more.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub launched_at: Option<Time>,
    /// What `tech_cost` holds, in words: `infrastructure, people, licences`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tech_cost_scope: Option<String>,
}

/// Freeze, holiday, maintenance, definition change: shown on trends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Annotation {
    /// What it marks.
    pub annotation_kind: AnnotationKind,
    /// First line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Begins.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub from: Option<Time>,
    /// Ends; absent means a point.
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub to: Option<Time>,
}

/// Liveness and exposure of a source: written by the engine, or by hand for imported history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SourceState {
    /// First configured.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub connected_at: Option<Time>,
    /// History is complete from here.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub backfilled_from: Option<Time>,
    /// Last poll that worked.
    #[serde(alias = "last_ok_at", with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub last_success_at: Option<Time>,
    /// How far behind the upstream it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_s: Option<f64>,
    /// Why the last poll failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The record kinds it can report; empty means any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<String>,
}

/// One service of a catalog.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CatalogService {
    /// Its name.
    pub name: String,
    /// The team that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The system it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The repository it is built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Its paths in that repository (globs); empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Services it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// How important.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Where the runbook is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// Services, owners, and groups with their parents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Catalog {
    /// Services.
    #[serde(alias = "components")]
    pub services: Vec<CatalogService>,
    /// Team → parent team.
    pub parents: BTreeMap<String, String>,
    /// Lines of a CODEOWNERS file of the envelope's `repo`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codeowners: Vec<String>,
}

/// Who owns a subject from when to when (half-open).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ownership {
    /// `service`, `repo`, `author`, `label`, `path`.
    pub subject_kind: String,
    /// Its name (`key=value` for a label).
    pub subject: String,
    /// The owner.
    pub owner: String,
    /// 0 to 1 when owned jointly; absent means equal shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Valid from.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub from: Option<Time>,
    /// Valid until, exclusive.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub to: Option<Time>,
}
