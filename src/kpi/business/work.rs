//! What work goes into, how long an idea takes to users, how much an iteration brings.

use std::collections::{BTreeMap, BTreeSet};

use super::{none, share};
use crate::{
    analysis::quantile,
    domain::{
        Time,
        record::{Body, WorkItem},
        value::{Datum, Reading, Status},
        window::Window,
    },
    kpi::{
        Query,
        cost::{month, month_of},
        scope::{self, Whose},
    },
};

/// A maintenance share above this in each of [`WARN_MONTHS`] whole months in a row is a warning.
const WARN_ABOVE: f64 = 0.3;
const WARN_MONTHS: usize = 3;

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let idea = |w: &WorkItem| w.created_at;
    let start = |w: &WorkItem| w.started_at;
    Some(match metric {
        "maintenance_share" => maintenance(query),
        "time_to_market.median" | "time_to_market" => to_market("time_to_market.median", query, 0.5, idea),
        "time_to_market.p85" => to_market("time_to_market.p85", query, 0.85, idea),
        "time_to_market.flow_time" => to_market("time_to_market.flow_time", query, 0.5, start),
        "time_to_market.pending" => pending(query),
        "velocity.mean" | "velocity" => velocity(query),
        "velocity.items_per_week" => per_week(query),
        _ => return None,
    })
}

/// The scope's work items, with the team they are of; which ones a window holds depends on the metric.
fn items<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a WorkItem, Option<&'a str>)> {
    let whose = Whose::of(query);
    let roster = query.roster;
    query.facts.records.iter().filter(move |r| !r.deleted && whose.record(r)).filter_map(move |r| match &r.body {
        Body::WorkItem(w) => Some((w, scope::owner(r, roster))),
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
    items(query).map(|(w, _)| w).filter(|w| finished(w).is_some_and(|at| inside(query, at))).collect()
}

/// Effort on bugs, maintenance and debt, all effort, and whether it is in hours (recorded for any item) or items.
fn effort(done: &[&WorkItem]) -> (f64, f64, bool) {
    let hours = done.iter().any(|w| w.effort_h.is_some_and(|h| h > 0.0));
    let effort = |w: &WorkItem| if hours { w.effort_h.unwrap_or(0.0).max(0.0) } else { 1.0 };
    let keeps = |w: &WorkItem| matches!(w.item_type.as_str(), "bug" | "maintenance" | "debt");
    let part = done.iter().filter(|w| keeps(w)).map(|w| effort(w)).sum();
    (part, done.iter().map(|w| effort(w)).sum(), hours)
}

/// Effort on bugs, maintenance and debt over all effort, with the last whole months one by one: too much of it for several
/// in a row is a warning.
fn maintenance(query: &Query<'_>) -> Reading {
    let finished_here = done(query);
    let (part, all, hours) = effort(&finished_here);
    let reading = share("maintenance_share", query, part, all, "nothing was finished in this window");
    let mut reading = Reading { n: finished_here.len() as u64, ..reading }.with("basis", if hours { "hours" } else { "items" });
    if reading.value.is_none() {
        return reading;
    }
    let zone = query.settings.zone;
    let mut span = month_of(query.window.to.min(query.settings.as_of), zone);
    let mut months = BTreeMap::new();
    for _ in 0..WARN_MONTHS {
        span = month_of(span.from - chrono::Duration::milliseconds(1), zone);
        let (part, all, _) = effort(&done(&Query { window: span, ..*query }));
        if all > 0.0 {
            months.insert(month(span.from, zone), Datum::from(part / all));
        }
    }
    if months.len() == WARN_MONTHS && months.values().all(|share| share.as_f64().is_some_and(|s| s > WARN_ABOVE)) {
        reading.rating = Some(format!("above {:.0} % for {WARN_MONTHS} months", WARN_ABOVE * 100.0));
    }
    reading.with("months", Datum::Map(months))
}

/// Features not released by the evaluation instant, and since when the oldest has waited.
fn waiting(query: &Query<'_>) -> (u32, Option<Time>) {
    let now = query.window.to.min(query.settings.as_of);
    let features = items(query).map(|(w, _)| w).filter(|w| w.item_type == "feature" && w.released_at.is_none_or(|t| t > now));
    features.filter_map(|w| w.created_at).filter(|t| *t <= now).fold((0, None), |(n, oldest), at| {
        let oldest = oldest.map_or(at, |o: Time| o.min(at));
        (n + 1, Some(oldest))
    })
}

fn with_waiting(reading: Reading, query: &Query<'_>) -> Reading {
    let (n, oldest) = waiting(query);
    let reading = reading.with("pending", f64::from(n));
    let now = query.window.to.min(query.settings.as_of);
    match oldest {
        Some(at) => reading.with("oldest_pending_s", Window::new(at, now).seconds()),
        None => reading,
    }
}

/// From the idea, or from the start of work, to the first release, of features released in the window.
fn to_market(metric: &'static str, query: &Query<'_>, q: f64, from: impl Fn(&WorkItem) -> Option<Time>) -> Reading {
    let mut took = Vec::new();
    let mut newest = None;
    for (w, _) in items(query).filter(|(w, _)| w.item_type == "feature") {
        if let (Some(from), Some(to)) = (from(w), w.released_at)
            && to >= from
            && inside(query, Some(to))
        {
            took.push(Window::new(from, to).seconds());
            newest = newest.max(Some(to));
        }
    }
    let n = took.len() as u64;
    let Some(value) = quantile::type7(&took, q) else {
        let nothing = none(metric, query, "s", Status::NoData, "no feature was released in this window");
        return with_waiting(nothing, query);
    };
    with_waiting(Reading { measured_at: newest, ..Reading::ok(metric, query.scope.clone(), "s", value, n) }, query)
}

/// What a median of the released cannot show: ideas that still wait, and for how long.
fn pending(query: &Query<'_>) -> Reading {
    const ID: &str = "time_to_market.pending";
    if !items(query).any(|(w, _)| w.item_type == "feature") {
        return none(ID, query, "features", Status::NoData, "no work item is a feature");
    }
    let (n, _) = waiting(query);
    with_waiting(Reading::ok(ID, query.scope.clone(), "features", f64::from(n), u64::from(n)), query)
}

/// Items finished per observed week; comparable over teams where points are not.
fn per_week(query: &Query<'_>) -> Reading {
    const ID: &str = "velocity.items_per_week";
    let seen = Window::new(query.window.from, query.window.to.min(query.settings.as_of));
    let weeks = seen.seconds() / (7.0 * 86_400.0);
    if weeks <= 0.0 || items(query).next().is_none() {
        return none(ID, query, "1/wk", Status::NoData, "no work item yet");
    }
    let n = done(query).len();
    Reading::ok(ID, query.scope.clone(), "1/wk", n as f64 / weeks, n as u64)
}

/// Points finished per completed iteration (items, where none has points). The latest iteration is not complete while
/// something in it is unfinished. Points are a team's own: those of several are not added.
fn velocity(query: &Query<'_>) -> Reading {
    const ID: &str = "velocity.mean";
    #[derive(Default)]
    struct Iteration {
        done: f64,
        any: bool,
        open: bool,
        last: Option<Time>,
    }
    let points = items(query).any(|(w, _)| w.points.is_some());
    let unit = if points { "points/iteration" } else { "items/iteration" };
    let mut iterations: BTreeMap<(Option<&str>, &str), Iteration> = BTreeMap::new();
    let now = query.window.to.min(query.settings.as_of);
    for (w, team) in items(query) {
        let Some(name) = w.iteration.as_deref() else { continue };
        let iteration = iterations.entry((team, name)).or_default();
        match finished(w).filter(|at| at.is_none_or(|t| t <= now)) {
            Some(at) => {
                iteration.any = true;
                iteration.last = iteration.last.max(at);
                iteration.done += if points { w.points.unwrap_or(0.0) } else { 1.0 };
            }
            None => iteration.open = true,
        }
    }
    let teams: BTreeSet<&str> = iterations.keys().filter_map(|(team, _)| *team).collect();
    if points && teams.len() > 1 {
        let why = format!("points of {} teams are not comparable; open one of them", teams.len());
        return none(ID, query, unit, Status::Insufficient, &why);
    }
    let mut latest: BTreeMap<Option<&str>, (Option<Time>, &str)> = BTreeMap::new();
    for ((team, name), iteration) in &iterations {
        let last = latest.entry(*team).or_default();
        *last = (*last).max((iteration.last, name));
    }
    let complete: Vec<f64> = iterations
        .iter()
        .filter(|((team, name), i)| i.any && inside(query, i.last) && !(i.open && latest.get(team).is_some_and(|l| l.1 == *name)))
        .map(|(_, i)| i.done)
        .collect();
    let Some(mean) = quantile::mean(&complete) else {
        return none(ID, query, unit, Status::NoData, "no iteration was completed in this window");
    };
    let (least, most) = complete.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
    let range = if points { "points" } else { "items" };
    Reading::ok(ID, query.scope.clone(), unit, mean, complete.len() as u64)
        .with("least", least)
        .with("most", most)
        .with("range", format!("{least} to {most} {range}"))
}
