//! Facts: what KPIs are computed from.
//!
//! Two shapes, because the inputs have two natures:
//! - **event facts** ([`Event`], kept as columns: [`Track`]): one per deployment, shipped change, recovery, incident. Exact,
//!   timed to the millisecond; medians and links stay exact and any window works. The store keeps them in chunks.
//! - **live buckets** ([`Bucket`]): probe results and samples, many. Sums and histograms per minute, hour or day;
//!   they merge by addition, so any coarser view is exact in them.
//!
//! Costs are split over the days they are charged for ([`Cost`], exact decimals). Kinds with few rows (quality, test
//! runs, users, …) are kept as the records they are.

mod derived;
mod dims;
mod track;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use self::{
    derived::from_derived,
    dims::{Dims, OWN, SIZES, size_class},
    track::{EventRef, Events, Places, Track, tracks},
};
use super::business::Suppressed;
use crate::domain::{Decimal, Time, record::Record, window::Window};

/// Teams and their shares of one fact; the shares sum to 1. Interned: facts of one owner share one list.
pub type Owners = Arc<[(Arc<str>, f64)]>;

/// What an event fact measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// A finished production attempt. `flags` say how it counts. `group` is the release. A failed one has `values[0]` = when
    /// it was recovered from (ms since the epoch, [`STILL_OPEN`] when not yet); others have no values.
    Deployment = 1,
    /// A change reaching production: `values[0]` = lead time (s). `flags`: bot, unreviewed, left out.
    LeadTime = 2,
    /// Its stages, in the order of `ledger::LEAD_STAGES`: five values (s).
    LeadStages = 3,
    /// Its commits: one fact per commit, `values[0]` = lead time (s).
    CommitLeadTime = 4,
    /// Recovery of a failed deployment, at the recovery: `values[0]` from the deployment, `values[1]` from the impact (s).
    Recovery = 5,
    /// A resolved incident, at its final resolution: `values[0]` = sum of open intervals, `values[1]` = elapsed (s).
    Restore = 6,
    /// Its stages detect, acknowledge, mitigate (s); they sum to the open intervals. `values[3]` = mitigate of elapsed time.
    RestoreStages = 7,
    /// An incident, at its start. `flags`: linked, re-opened, open. `values[0]` = its end (ms since the epoch,
    /// [`STILL_OPEN`] while open), `values[1]` = seconds it was open before its last opening, `values[2]` = its last opening (ms). No values: it is
    /// over, but nobody says since when.
    Incident = 8,
    /// A time of outage, at its start: `values[0]` = end (ms since the epoch), `values[1]` = weight 0..1. An open one ends at
    /// [`STILL_OPEN`].
    Outage = 9,
    /// A merged change, at its merge, that no production success contains yet.
    Pending = 10,
}

impl Measure {
    /// All, in code order.
    pub const ALL: [Self; 10] = [
        Self::Deployment,
        Self::LeadTime,
        Self::LeadStages,
        Self::CommitLeadTime,
        Self::Recovery,
        Self::Restore,
        Self::RestoreStages,
        Self::Incident,
        Self::Outage,
        Self::Pending,
    ];
}

/// End of what is still open, in milliseconds since the epoch: later than any real time, and a plain number.
pub const STILL_OPEN: f64 = 8.0e15;

/// Bits of [`Event::flags`]; some mean different things of different measures.
pub mod flag {
    /// Deployment: ended in success.
    pub const SUCCESS: u16 = 1;
    /// Deployment: counts for frequency.
    pub const COUNTED: u16 = 2;
    /// Deployment: a rollback.
    pub const ROLLBACK: u16 = 4;
    /// Deployment: rework.
    pub const REWORK: u16 = 8;
    /// Deployment: failed in production.
    pub const FAILED: u16 = 16;
    /// Deployment: same version again.
    pub const REDEPLOY: u16 = 32;
    /// Deployment: a planned release as usual, neither hotfix nor rollback, config or flag change. (Bits are per measure.)
    pub const NORMAL: u16 = 128;
    /// Any: rests on inferred deployments.
    pub const ASSUMED: u16 = 64;
    /// Lead time: by a machine account.
    pub const BOT: u16 = 128;
    /// Lead time: nobody reviewed it.
    pub const UNREVIEWED: u16 = 256;
    /// Lead time: shipped by the first observed deployment; has no value.
    pub const FIRST: u16 = 512;
    /// Lead time: deployed before it began; has no value.
    pub const NEGATIVE: u16 = 1024;
    /// Lead time: no start known; has no value.
    pub const NO_START: u16 = 2048;
    /// Lead time: any reason to have no value.
    pub const UNTIMED: u16 = FIRST | NEGATIVE | NO_START;
    /// Incident: belongs to a deployment.
    pub const LINKED: u16 = 4096;
    /// Incident: was re-opened.
    pub const REOPENED: u16 = 8192;
    /// Incident: still open.
    pub const OPEN: u16 = 16384;
    /// Any: another service's fact stands for the same thing; counts for its own service only.
    pub const AGAIN: u16 = 32768;
    /// Lead time: deployed before it was merged; the value stands. (Bits are per measure.)
    pub const BEFORE_MERGE: u16 = 4096;
    /// Lead time: its boundaries are in an impossible order; the value stands.
    pub const NEGATIVE_STAGE: u16 = 8192;
}

/// One event fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When; decides the window.
    pub at: Time,
    /// Service, `""` when none.
    pub service: Arc<str>,
    /// Teams and shares; sums to 1.
    pub teams: Owners,
    /// See [`flag`].
    pub flags: u16,
    /// What counts once (hash of the release's group id): facts of one group are one. 0: it counts alone.
    pub group: u64,
    /// Key of the record it stands for.
    pub key: Arc<str>,
    /// As the measure says; empty where it has none.
    pub values: Values,
    /// What it can be cut by besides service, teams and time; filled when asked for.
    pub dims: Dims,
}

/// Up to five numbers in place, because a derivation makes events by the million. Reads like a slice; made from an array or a
/// slice.
#[derive(Clone, Copy, Default)]
pub struct Values {
    len: u8,
    at: [f64; Self::MOST],
}

impl Values {
    /// What fits; more is cut.
    pub const MOST: usize = 5;
}

impl std::ops::Deref for Values {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.at[..usize::from(self.len)]
    }
}

impl From<&[f64]> for Values {
    fn from(values: &[f64]) -> Self {
        let mut out = Self::default();
        for (to, from) in out.at.iter_mut().zip(values) {
            *to = *from;
            out.len += 1;
        }
        out
    }
}

impl<const N: usize> From<[f64; N]> for Values {
    fn from(values: [f64; N]) -> Self {
        values.as_slice().into()
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        values.as_slice().into()
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// A histogram with cumulative counts at or below each bound; the last bound is infinite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds, ascending, last `f64::INFINITY`.
    pub bounds: Vec<f64>,
    /// Cumulative counts, same length.
    pub counts: Vec<f64>,
    /// Sum of observations when known.
    pub sum: Option<f64>,
}

/// Sums of one live series over one bucket of time.
///
/// `metric` is the canonical sample name, or `probe`. For `probe`: a = seconds up, b = seconds down, c = seconds of
/// maintenance, d = seconds down within maintenance; what is missing to `span` is unknown. For `requests` and `errors`:
/// a = count. For `latency`: `hist`, or a gauge. For a gauge: a = sum of values, n = how many, b = least, c = greatest, d = last.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Canonical or free name.
    pub metric: Arc<str>,
    /// Service, `""` when none.
    pub service: Arc<str>,
    /// Owner and shares.
    pub teams: Owners,
    /// Further labels (check id, endpoint, region, version…).
    pub labels: Arc<BTreeMap<String, String>>,
    /// Which span.
    pub span: Window,
    /// Number of points merged.
    pub n: u64,
    /// See above.
    pub a: f64,
    /// See above.
    pub b: f64,
    /// See above.
    pub c: f64,
    /// See above.
    pub d: f64,
    /// For histograms.
    pub hist: Option<Histogram>,
}

/// Cost of one day, service, owner and category.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The part of the charge period that falls on one calendar day of the zone.
    pub span: Window,
    /// Service as the bill or the catalog names it, `""` when none.
    pub service: Arc<str>,
    /// Explicit or attributed owner; `None` when nobody is named.
    pub team: Option<Arc<str>>,
    /// Tags that shared-cost rules match.
    pub tags: Arc<BTreeMap<String, String>>,
    /// Provider.
    pub provider: Arc<str>,
    /// FOCUS charge category.
    pub category: Arc<str>,
    /// `One-Time`, `Recurring`, `Usage-Based`, or empty.
    pub frequency: Arc<str>,
    /// `Used`, `Unused`, or empty.
    pub commitment: Arc<str>,
    /// Billing currency.
    pub currency: Arc<str>,
    /// Amortised.
    pub effective: Decimal,
    /// Cash, by charge period.
    pub billed: Decimal,
    /// What was used, in `unit`; 0 where the bill does not say, or where the charge was shared out.
    pub quantity: Decimal,
    /// Unit of `quantity`, empty when none.
    pub unit: Arc<str>,
    /// Month (`YYYY-MM`) of the billing period, for the invoiced reading and exchange rates.
    pub billing_month: Arc<str>,
    /// Not final at the provider.
    pub estimated: bool,
    /// The provider calls it a correction of what was billed before (`ChargeClass`).
    pub correction: bool,
    /// Key of the record.
    pub key: Arc<str>,
}

/// How cost finds its team.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Tag keys that name a team, first match wins, compared without case.
    pub team_tag_keys: Vec<String>,
    /// Costs to share out: all of the tags must match.
    pub shared: Vec<Shared>,
}

/// A pool of shared cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// Tags that must match.
    pub tags: BTreeMap<String, String>,
    /// In proportion to direct cost (`true`) or equally.
    pub proportional: bool,
}

impl Default for Allocation {
    fn default() -> Self {
        Self { team_tag_keys: vec!["team".into(), "owner".into()], shared: Vec::new() }
    }
}

/// Facts over some span, ready for formulas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Event facts.
    pub events: Events,
    /// Live buckets.
    pub buckets: Vec<Bucket>,
    /// Costs.
    pub costs: Vec<Cost>,
    /// Records of kinds with few rows: quality, test runs, users, annotations, source states, …
    pub records: Vec<Arc<Record>>,
    /// What the config's own metrics take from records, by metric id: values are numerator and
    /// denominator, the group is the value where different ones are counted. Cuts by team and service share it whole: formulas
    /// ask each track whose it is.
    pub defined: Arc<BTreeMap<&'static str, Vec<Arc<Track>>>>,
    /// Whose figures of people are withheld for the sake of others, of the whole organisation; `None`: worked out from the
    /// records here. Cuts share it.
    pub suppressed: Option<Arc<Suppressed>>,
    /// Measures of which there ever was a fact, be it long before those loaded: that makes "none now" an answer. Of the whole
    /// organisation, or of the one service loaded; cuts share it.
    pub ever: BTreeSet<Measure>,
    /// Buckets are in order of metric and time, so that a metric's window is a slice. Set by [`Facts::sort`]; whoever adds
    /// buckets afterwards sorts again.
    pub in_order: bool,
}

/// Dimensions of a record that no ledger has looked at.
#[must_use]
pub fn dims_of(record: &Record) -> Dims {
    dims::of(record, None, None).into_iter().map(|(name, value)| (Arc::from(name), Arc::from(value))).collect()
}

impl Facts {
    /// Facts of a measure, track by track.
    pub fn of(&self, measure: Measure) -> impl Iterator<Item = EventRef<'_>> {
        self.events.of(measure).iter().flat_map(|track| track.iter())
    }

    /// Buckets of a metric that begin in a window: a slice, when they are in order; else all of them, for the caller to
    /// filter.
    #[must_use]
    pub fn live(&self, metric: &str, window: Window) -> &[Bucket] {
        if !self.in_order {
            return &self.buckets;
        }
        let place = |at: Time| self.buckets.partition_point(|b| (&*b.metric, b.span.from) < (metric, at));
        let from = place(window.from);
        &self.buckets[from..place(window.to).max(from)]
    }

    /// Put the buckets in order of time; whoever fills `buckets` calls this once.
    pub fn sort(&mut self) {
        self.buckets.sort_by(|a, b| (&*a.metric, a.span.from).cmp(&(&*b.metric, b.span.from)));
        self.in_order = true;
    }
}
