//! The board: everything the screen and the commands can show for what is being looked at.
//!
//! Immutable once made; a new one replaces it. Built from facts and rows, never patched.

pub mod build;
pub mod rows;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::Duration;

use super::{care::Flag, objective::ObjectiveState, room::Room, why::Why};
use crate::domain::{
    Time,
    care::Care,
    defined::Catalogue,
    target::Target,
    value::{Datum, Reading, Scope},
    window::{Tz, Window},
};

/// Length of the window looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// As typed and shown: `1h`, `28d`, `1y`.
    pub word: &'static str,
    /// In minutes.
    pub minutes: i64,
}

/// The ranges offered, shortest first.
pub const RANGES: &[Range] = &[
    Range { word: "1h", minutes: 60 },
    Range { word: "6h", minutes: 360 },
    Range { word: "24h", minutes: 1_440 },
    Range { word: "7d", minutes: 10_080 },
    Range { word: "28d", minutes: 40_320 },
    Range { word: "90d", minutes: 129_600 },
    Range { word: "1y", minutes: 525_600 },
];

impl Range {
    /// The default: whole weeks.
    pub const DEFAULT: Self = Self { word: "28d", minutes: 40_320 };

    /// Its length.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::minutes(self.minutes)
    }

    /// By word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        RANGES.iter().copied().find(|r| r.word == word)
    }
}

/// What is being looked at; the screen asks, the keeper answers with a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Whose.
    pub scope: Scope,
    /// How far back.
    pub range: Range,
    /// A past moment; `None` is now.
    pub at: Option<Time>,
    /// The metric whose page is open: its rows and finer series are wanted.
    pub focus: Option<&'static str>,
    /// The objective whose page is open: its course and who spent its budget are wanted.
    pub slo: Option<String>,
    /// Key of the incident whose page is open: what happened around it is wanted.
    pub incident: Option<String>,
}

impl Default for Look {
    fn default() -> Self {
        Self { scope: Scope::Org, range: Range::DEFAULT, at: None, focus: None, slo: None, incident: None }
    }
}

/// Values over time, one per bucket; a gap is `None`, never 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Buckets, in order.
    pub buckets: Vec<Window>,
    /// A value per bucket.
    pub values: Vec<Option<f64>>,
    /// The last bucket is still in progress.
    pub last_is_partial: bool,
}

/// What a chart marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerKind {
    /// A production deployment.
    Deployment,
    /// A deployment that failed in production.
    FailedDeployment,
    /// Start of an incident.
    Incident,
    /// Freeze, holiday, config change, …
    Annotation,
}

/// A moment worth a mark on a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// When.
    pub at: Time,
    /// What.
    pub kind: MarkerKind,
    /// One line.
    pub label: String,
    /// Record key.
    pub key: String,
}

/// One record behind a number, ready to be shown as a table row and as a page of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Record key (`source/id`).
    pub key: String,
    /// `deployment`, `change`, `incident`, `cost_line`, `quality`, …
    pub kind: &'static str,
    /// When.
    pub at: Time,
    /// Service, `""` when none.
    pub service: String,
    /// Owner as shown (`pay`, `pay 50 % risk 50 %`).
    pub team: String,
    /// One line.
    pub title: String,
    /// Its own number, with unit, when the metric has one per row (lead time, restore time, cost).
    pub value: Option<(Datum, String)>,
    /// Short words: `failed`, `rollback`, `open`, `assumed`, `sev1`, …
    pub tags: Vec<String>,
    /// Everything known, in reading order: name and text; includes how it was linked, classified and attributed.
    pub details: Vec<(Cow<'static, str>, String)>,
    /// Keys of related rows (a deployment's changes, an incident's deployment).
    pub related: Vec<String>,
    /// Where a person can look at it.
    pub url: Option<String>,
}

/// A team's or a service's line.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupRow {
    /// Its name.
    pub name: String,
    /// For a service: its team.
    pub team: Option<String>,
    /// Its readings of the headline metrics.
    pub readings: BTreeMap<&'static str, Reading>,
}

/// The group that accounts for most of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    /// Its dimension: `team` or `service`.
    pub by: String,
    /// Its name.
    pub name: String,
    /// Its contribution, in the metric's unit.
    pub contribution: f64,
    /// Share of the gross movement of all groups.
    pub share: f64,
}

/// Everything that can be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// What was asked for.
    pub look: Look,
    /// The organisation's name.
    pub org: String,
    /// Zone of buckets and shown times.
    pub zone: Tz,
    /// Reporting currency.
    pub currency: String,
    /// When this was true.
    pub as_of: Time,
    /// The span looked at.
    pub window: Window,
    /// Readings of the scope: every metric of the catalogue that a card or page shows.
    pub readings: BTreeMap<&'static str, Reading>,
    /// Metrics whose input records were never seen in the store at all: nothing feeds them yet. (A fed metric without
    /// a value in this window is not in here; its reading says why.)
    pub unfed: BTreeSet<&'static str>,
    /// Series of the headline metrics over the window (the focus metric's is finer).
    pub series: BTreeMap<&'static str, Series>,
    /// The focus metric over the window before, aligned bucket by bucket.
    pub series_before: Option<Series>,
    /// One line per team, `unattributed` last.
    pub teams: Vec<GroupRow>,
    /// One line per service of the scope.
    pub services: Vec<GroupRow>,
    /// Newest first, bounded.
    pub markers: Vec<Marker>,
    /// Incidents open now, longest first.
    pub open_incidents: Vec<Row>,
    /// Incidents of the window, newest first, bounded.
    pub incidents: Vec<Row>,
    /// Deployments of the window, newest first, bounded.
    pub deployments: Vec<Row>,
    /// Rows behind the focus metric, newest first, bounded.
    pub rows: Vec<Row>,
    /// How many rows there are in all, when `rows` was cut.
    pub rows_total: u64,
    /// Why the focus metric moved.
    pub why: Option<Why>,
    /// Of each headline whose change is real, the group that accounts for most of it.
    pub drivers: BTreeMap<&'static str, Driver>,
    /// What happened around the incident whose page is open.
    pub room: Option<Room>,
    /// What the configuration says of each metric, by id.
    pub care: BTreeMap<String, Care>,
    /// Objectives of the organisation and where they are; empty for other scopes.
    pub objectives: Vec<ObjectiveState>,
    /// What the focus metric's trend and care say about it.
    pub flags: Vec<Flag>,
    /// Service level objectives of the scope, least budget left first.
    pub slos: Vec<super::slo::State>,
    /// The metrics there are, with those of the config.
    pub catalogue: Catalogue,
    /// Records in the store at all; 0 means nothing has arrived yet.
    pub records: u64,
}

impl Board {
    /// Metrics by perspective of the Balanced Scorecard, in its order.
    pub fn scorecard(&self) -> impl Iterator<Item = (&'static str, &'static crate::domain::metric::Metric)> {
        crate::domain::metric::PERSPECTIVES.into_iter().flat_map(move |perspective| {
            let mine = move |care: &Care| care.perspective.as_deref() == Some(perspective);
            self.catalogue.all().filter(move |m| self.care.get(m.id).is_some_and(mine)).map(move |m| (perspective, m))
        })
    }

    /// Where a metric should be: the line on its chart.
    #[must_use]
    pub fn target(&self, metric: &str) -> Option<&Target> {
        self.care.get(metric)?.target.as_ref()
    }

    /// The metric above all, when one is named.
    #[must_use]
    pub fn north_star(&self) -> Option<&str> {
        self.care.iter().find(|(_, care)| care.north_star).map(|(id, _)| id.as_str())
    }
}

/// Shared by keeper, app and commands.
pub type SharedBoard = Arc<Board>;
