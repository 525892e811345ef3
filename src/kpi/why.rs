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

use self::parts::{Grain, Pair};
pub use self::{
    coincidence::{Shift, Suspected, Suspicion, Version, of_incident},
    cut::{Cut, OTHER, Part, Score, Side},
    doubt::{Doubt, DoubtKind},
    group::UNKNOWN,
    member::Moved,
};
use super::{Query, beside::shared};
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

/// Dimensions that name owners.
const OWNERS: [&str; 2] = ["team", "service"];

/// Everything about the change of `reading` between `before`'s window and `now`'s. Both queries look at facts of both windows.
#[must_use]
pub fn explain(reading: &Reading, now: &Query<'_>, before: &Query<'_>) -> Why {
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
    let Some(pair) = Pair::of(reading.metric, before, now, Grain::Fact) else {
        why.refused = Some("this metric is not made of parts that add up".into());
        why.drivers = driver::of(reading.metric, before, now);
        return why;
    };
    why.cuts = cuts(&group::names(&pair.was, &pair.is), now.scope, &pair);
    cut::nest(&mut why.cuts, &pair);
    why.drivers = driver::of(reading.metric, before, now);
    why.members = member::of(&pair);
    why.suspected = coincidence::of_shift(reading.metric, now);
    why
}

/// The owner that accounts for most of a change: by what, and that cut's first part with its share of the gross movement.
#[must_use]
pub fn biggest(metric: &str, now: &Query<'_>, before: &Query<'_>) -> Option<(String, Part, f64)> {
    let pair = Pair::of(metric, before, now, Grain::Track)?;
    let cut = cuts(&OWNERS, now.scope, &pair).into_iter().find(|c| c.refused.is_none())?;
    let part = cut.parts.into_iter().next()?;
    let share = if cut.gross > 0.0 { part.contribution.abs() / cut.gross } else { 0.0 };
    Some((cut.by, part, share))
}

/// The cuts by these dimensions that say something, the one that explains best first.
fn cuts(names: &[impl AsRef<str>], scope: &Scope, pair: &Pair<'_>) -> Vec<Cut> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| of_scope(name, scope)).collect();
    let mut cuts = side_by_side(&names, pair);
    cuts.retain(|c| c.parts.len() > 1 || c.refused.is_some());
    cut::rank(&mut cuts);
    cuts
}

/// Items from which on cuts are worth a thread of their own.
const MANY: usize = 20_000;

/// The cuts, in the order of `names`. They have nothing to do with each other, so that those of many items share the cores.
fn side_by_side(names: &[&str], pair: &Pair<'_>) -> Vec<Cut> {
    let cut = |name: &&str| cut::by(name, pair);
    if pair.was.items.len() + pair.is.items.len() < MANY { names.iter().map(cut).collect() } else { shared(names, cut) }
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
}
