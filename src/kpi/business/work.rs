//! What work goes into, how long an idea takes to users, how much an iteration brings.

use std::collections::BTreeMap;

use super::{none, share};
use crate::{
    analysis::quantile,
    domain::{
        Time,
        record::{Body, WorkItem},
        value::{Reading, Status},
        window::Window,
    },
    kpi::{Query, scope::Whose},
};

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "maintenance_share" => maintenance(query),
        "time_to_market.median" | "time_to_market" => time_to_market("time_to_market.median", query, 0.5),
        "time_to_market.p85" => time_to_market("time_to_market.p85", query, 0.85),
        "velocity.mean" | "velocity" => velocity(query),
        _ => return None,
    })
}

/// The scope's work items; which ones a window holds depends on the metric.
fn items<'a>(query: &Query<'a>) -> impl Iterator<Item = &'a WorkItem> {
    let whose = Whose::of(query);
    query.facts.records.iter().filter(move |r| !r.deleted && whose.record(r)).filter_map(|r| match &r.body {
        Body::WorkItem(w) => Some(w),
        _ => None,
    })
}

/// When an item was finished: `None` unfinished, `Some(None)` finished at a time nobody recorded.
#[allow(clippy::option_option, reason = "unfinished, finished at some time, finished then: three answers")]
fn finished(item: &WorkItem) -> Option<Option<Time>> {
    if item.done == Some(false) {
        return None;
    }
    let at = item.done_at.or(item.released_at);
    let timeless = item.created_at.is_none() && item.started_at.is_none();
    (at.is_some() || item.done == Some(true) || timeless).then_some(at)
}

fn inside(query: &Query<'_>, at: Option<Time>) -> bool {
    at.is_none_or(|t| query.window.contains(t) && t <= query.settings.as_of)
}

fn done<'a>(query: &Query<'a>) -> Vec<&'a WorkItem> {
    items(query).filter(|w| finished(w).is_some_and(|at| inside(query, at))).collect()
}

/// Effort on bugs, maintenance and debt over all effort; hours where any are recorded, else items.
fn maintenance(query: &Query<'_>) -> Reading {
    let done = done(query);
    let hours = done.iter().any(|w| w.effort_h.is_some_and(|h| h > 0.0));
    let effort = |w: &WorkItem| if hours { w.effort_h.unwrap_or(0.0).max(0.0) } else { 1.0 };
    let all: f64 = done.iter().map(|w| effort(w)).sum();
    let keeps = |w: &WorkItem| matches!(w.item_type.as_str(), "bug" | "maintenance" | "debt");
    let part: f64 = done.iter().filter(|w| keeps(w)).map(|w| effort(w)).sum();
    let reading = share("maintenance_share", query, part, all, "nothing was finished in this window");
    Reading { n: done.len() as u64, ..reading }.with("basis", if hours { "hours" } else { "items" })
}

/// From the idea to its first release, of features released in the window.
fn time_to_market(metric: &'static str, query: &Query<'_>, q: f64) -> Reading {
    let (mut took, mut waiting) = (Vec::new(), 0_u32);
    for w in items(query).filter(|w| w.item_type == "feature") {
        match (w.created_at, w.released_at) {
            (Some(from), Some(to)) if to >= from && inside(query, Some(to)) => took.push(Window::new(from, to).seconds()),
            (Some(from), None) if from <= query.settings.as_of && w.done != Some(false) => waiting += 1,
            _ => {}
        }
    }
    let n = took.len() as u64;
    let Some(value) = quantile::type7(&mut took, q) else {
        return none(metric, query, "s", Status::NoData, "no feature was released in this window").with("pending", f64::from(waiting));
    };
    Reading::ok(metric, query.scope.clone(), "s", value, n).with("pending", f64::from(waiting))
}

/// Points finished per completed iteration (items, where none has points). The latest iteration is not complete while
/// something in it is unfinished.
fn velocity(query: &Query<'_>) -> Reading {
    const ID: &str = "velocity.mean";
    #[derive(Default)]
    struct Iteration {
        done: f64,
        any: bool,
        open: bool,
        last: Option<Time>,
    }
    let points = items(query).any(|w| w.points.is_some());
    let mut iterations: BTreeMap<&str, Iteration> = BTreeMap::new();
    for w in items(query) {
        let Some(name) = w.iteration.as_deref() else { continue };
        let iteration = iterations.entry(name).or_default();
        match finished(w) {
            Some(at) => {
                iteration.any = true;
                iteration.last = iteration.last.max(at);
                iteration.done += if points { w.points.unwrap_or(0.0) } else { 1.0 };
            }
            None => iteration.open = true,
        }
    }
    let latest = iterations.iter().max_by_key(|(name, i)| (i.last, **name)).map(|(name, _)| (*name).to_owned());
    let complete: Vec<f64> = iterations
        .iter()
        .filter(|(name, i)| i.any && inside(query, i.last) && !(i.open && Some(**name) == latest.as_deref()))
        .map(|(_, i)| i.done)
        .collect();
    let unit = if points { "points/iteration" } else { "items/iteration" };
    let Some(mean) = quantile::mean(&complete) else {
        return none(ID, query, unit, Status::NoData, "no iteration was completed in this window");
    };
    let (least, most) = complete.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
    Reading::ok(ID, query.scope.clone(), unit, mean, complete.len() as u64).with("least", least).with("most", most)
}
