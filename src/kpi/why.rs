//! Why a number moved: from "is it real" to the records that moved it (domain.md 3).
//!
//! ```text
//! parts       what a value is made of: items with numerator and denominator, values or buckets
//! group       the items by a dimension: team, service, change type, weekday, any label
//! cut         what each group of a dimension contributes: sums to the change
//! driver      the identity a value follows (count × length, flow / batch, money / users): another such cut
//! doubt       what speaks against believing the change at all: breaks, partial windows, calendars
//! member      the single records that moved it most
//! coincidence what happened just before the value shifted: suspects, never causes
//! ```
//! Accounting first, prose only as a rendering of it. Cuts are alternative views of one change and are never added up.
//! Must not load anything: facts of both windows come in.

mod coincidence;
mod cut;
mod doubt;
mod driver;
mod group;
mod member;
mod parts;

use serde::Serialize;

pub use self::{
    coincidence::{Shift, Suspected, Suspicion, Version, of_incident},
    cut::{Cut, OTHER, Part, Score, Side},
    doubt::{Doubt, DoubtKind},
    group::UNKNOWN,
    member::Moved,
};
use super::Query;
use crate::domain::{
    value::{Judgement, Reading, Scope},
    window::Window,
};

/// Everything there is to say about one change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// Which metric.
    pub metric: &'static str,
    /// Whose.
    pub scope: Scope,
    /// The window looked at.
    pub window: Window,
    /// The like window before it.
    pub before: Window,
    /// Value then and now; `None` where there is none.
    pub from: Option<f64>,
    /// See `from`.
    pub to: Option<f64>,
    /// Unit as text.
    pub unit: String,
    /// What to know before believing it, gravest first.
    pub doubts: Vec<Doubt>,
    /// What the noise guard says; `None`: this metric's changes are not judged.
    pub guard: Option<Judgement>,
    /// Identities the value follows: each adds up to the change (of the mean, where it says so).
    pub drivers: Vec<Cut>,
    /// By dimension, the one that explains best first.
    pub cuts: Vec<Cut>,
    /// Single records, by how much the value would change without them.
    pub members: Vec<Moved>,
    /// What happened just before the value shifted.
    pub suspected: Option<Suspected>,
    /// Why nothing could be decomposed, when nothing could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// How much to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The two owners' dimensions only: enough to name the biggest driver.
    Owners,
    /// All dimensions, nested, with members.
    Whole,
}

/// Dimensions that name owners.
const OWNERS: [&str; 2] = ["team", "service"];

/// Explain the change of `reading` between `before`'s window and `now`'s. Both queries look at facts of both windows.
#[must_use]
pub fn explain(reading: &Reading, now: &Query<'_>, before: &Query<'_>, depth: Depth) -> Why {
    let mut why = Why {
        metric: reading.metric,
        scope: reading.scope.clone(),
        window: now.window,
        before: before.window,
        from: reading.before,
        to: reading.number(),
        unit: reading.unit.clone(),
        doubts: doubt::of(reading, now, before),
        guard: reading.judged,
        drivers: Vec::new(),
        cuts: Vec::new(),
        members: Vec::new(),
        suspected: None,
        refused: None,
    };
    if why.from.is_none() || why.to.is_none() {
        why.refused = Some(missing(&why).into());
        return why;
    }
    let (Some(was), Some(is)) = (parts::of(reading.metric, before), parts::of(reading.metric, now)) else {
        why.refused = Some("this metric is not made of parts that add up".into());
        why.drivers = driver::of(reading.metric, before, now);
        return why;
    };
    let names: Vec<String> = match depth {
        Depth::Owners => OWNERS.iter().map(|n| (*n).to_owned()).collect(),
        Depth::Whole => group::names(&was, &is),
    };
    let cuts = names.iter().filter(|name| of_scope(name, now.scope)).map(|name| cut::by(name, &was, &is));
    why.cuts = cuts.filter(|c| c.parts.len() > 1 || c.refused.is_some()).collect();
    cut::rank(&mut why.cuts);
    if depth == Depth::Whole {
        cut::nest(&mut why.cuts, &was, &is);
        why.drivers = driver::of(reading.metric, before, now);
        why.members = member::of(&is);
        why.suspected = coincidence::of_shift(reading.metric, now);
    }
    why
}

/// A dimension that the scope itself fixes says nothing.
fn of_scope(name: &str, scope: &Scope) -> bool {
    match scope {
        Scope::Service(_) => name != "service" && name != "team",
        Scope::Group(by, _) => by != name,
        Scope::Org | Scope::Team(_) => true,
    }
}

fn missing(why: &Why) -> &'static str {
    match (why.from, why.to) {
        (None, None) => "there is no value in either window",
        (None, _) => "there is no value in the window before to compare with",
        _ => "there is no value in this window",
    }
}

impl Why {
    /// Now less before.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        Some(self.to? - self.from?)
    }

    /// The group that contributes most, of the best cut by owner: what "biggest driver" names.
    #[must_use]
    pub fn biggest(&self) -> Option<(&str, &Part)> {
        let cut = self.cuts.iter().find(|c| c.refused.is_none() && OWNERS.contains(&c.by.as_str()))?;
        cut.parts.first().map(|part| (cut.by.as_str(), part))
    }
}
