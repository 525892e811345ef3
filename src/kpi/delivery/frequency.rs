//! How often: releases counted once over the services they touch, per observed time.

use std::collections::{BTreeMap, HashMap};

use crate::{
    analysis::quantile,
    domain::{
        Time,
        value::{Datum, Reading, Status},
        window::Window,
    },
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Observed, ids, members, owned, seen_window, while_in_progress},
        fact::{Event, Measure, flag},
    },
};

/// Members of one release finish within this long of each other.
const RELEASE_SPREAD: chrono::Duration = chrono::Duration::days(1);

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let formula = match metric {
        "deployment_frequency.per_day" => per_day,
        "deployment_frequency.count" => count,
        "deployment_frequency.active_days" => active_days,
        "deployment_frequency.active_day_share" => active_day_share,
        "deployment_frequency.median_per_week" => median_per_week,
        "deployment_frequency.daily" => daily,
        "deployment.rollback_count" => rollbacks,
        "deployment.redeploy_count" => redeploys,
        "batch_size" => batch_size,
        _ => return None,
    };
    let blank = Blank::of(metric, query)?;
    let observed = Observed::of(query, "deployment", Measure::Deployment);
    let attempts = members(query, Measure::Deployment);
    if !observed.alive && attempts.is_empty() {
        return Some(blank.no_data("no source that reports deployments was seen in the window"));
    }
    let frequency = Frequency { query, blank, observed, releases: releases(query, &attempts), attempts };
    Some(formula(&frequency))
}

/// A release: when its last member finished, and the scope's share of it.
#[derive(Debug, Clone, Copy)]
struct Release {
    group: u64,
    at: Time,
    weight: f64,
}

struct Frequency<'q> {
    query: &'q Query<'q>,
    blank: Blank<'q>,
    observed: Observed,
    attempts: Vec<Member<'q>>,
    releases: Vec<Release>,
}

/// Counted deployments of the window, those of one release as one. A release is finished when its last member is.
fn releases(query: &Query<'_>, attempts: &[Member<'_>]) -> Vec<Release> {
    let mut by_group: HashMap<u64, Release> = HashMap::new();
    for m in attempts.iter().filter(|m| m.has(flag::COUNTED)) {
        let release = by_group.entry(m.event.group).or_insert(Release { group: m.event.group, at: m.event.at, weight: m.weight });
        release.at = release.at.max(m.event.at);
        release.weight = release.weight.max(m.weight);
    }
    // a release whose last member finished after the window belongs to the next one
    let after = Window::new(query.window.to, (query.window.to + RELEASE_SPREAD).min(query.settings.as_of));
    for m in owned(query, query.facts.within(Measure::Deployment, after)).iter().filter(|m| m.has(flag::COUNTED)) {
        by_group.remove(&m.event.group);
    }
    let mut releases: Vec<Release> = by_group.into_values().collect();
    releases.sort_by_key(|r| r.at);
    releases
}

/// Watched days, and each release of the window with its counted members and the scope's share of it.
pub(in crate::kpi) fn counted<'a>(query: &Query<'a>) -> (f64, Vec<(Vec<&'a Event>, f64)>) {
    let attempts = members(query, Measure::Deployment);
    let mut by_group: HashMap<u64, Vec<&'a Event>> = HashMap::new();
    for m in attempts.iter().filter(|m| m.has(flag::COUNTED)) {
        by_group.entry(m.event.group).or_default().push(m.event);
    }
    let kept = releases(query, &attempts).into_iter();
    let out = kept.filter_map(|r| Some((by_group.remove(&r.group)?, r.weight))).collect();
    (Observed::of(query, "deployment", Measure::Deployment).days(), out)
}

impl Frequency<'_> {
    fn total(&self) -> f64 {
        sum(self.releases.iter())
    }

    /// A reading over the releases, with how much was observed.
    fn reading(&self, value: impl Into<Datum>) -> Reading {
        let mut reading = self.blank.value(value, &self.counted());
        reading.n = self.releases.len() as u64;
        reading.coverage = Some(self.observed.coverage);
        while_in_progress(reading.with("exposure_days", self.observed.days()), self.query)
    }

    fn counted(&self) -> Vec<Member<'_>> {
        self.attempts.iter().copied().filter(|m| m.has(flag::COUNTED)).collect()
    }

    /// Releases by calendar day of the zone; days without one are not listed.
    fn by_day(&self) -> BTreeMap<String, f64> {
        let mut days = BTreeMap::new();
        for release in &self.releases {
            *days.entry(release.at.with_timezone(&self.query.settings.zone).date_naive().to_string()).or_default() += release.weight;
        }
        days
    }

    fn of_kind(&self, bit: u16) -> Reading {
        let of_kind: Vec<Member<'_>> = self.attempts.iter().copied().filter(|m| m.has(bit) && m.has(flag::SUCCESS)).collect();
        let reading = self.blank.value(of_kind.iter().map(|m| m.weight).sum::<f64>(), &of_kind);
        while_in_progress(reading.with("members", ids(of_kind.into_iter())), self.query)
    }
}

fn sum<'a>(releases: impl Iterator<Item = &'a Release>) -> f64 {
    releases.fold(0.0, |sum, r| sum + r.weight)
}

fn count(f: &Frequency<'_>) -> Reading {
    let redeployed = f.attempts.iter().copied().filter(|m| m.has(flag::REDEPLOY));
    f.reading(f.total()).with("members", ids(f.counted().into_iter())).with("excluded", ids(redeployed))
}

fn per_day(f: &Frequency<'_>) -> Reading {
    let days = f.observed.days();
    if days <= 0.0 {
        return f.blank.no_data("no time of the window was observed");
    }
    let per_day = f.total() / days;
    let mut reading = f.reading(per_day);
    reading.rating = Some(bands::frequency(per_day).1.into());
    reading
}

fn active_days(f: &Frequency<'_>) -> Reading {
    f.reading(f.by_day().len() as f64)
}

fn active_day_share(f: &Frequency<'_>) -> Reading {
    match f.observed.span.days(f.query.settings.zone).len() {
        0 => f.blank.no_data("no time of the window was observed"),
        days => f.reading(f.by_day().len() as f64 / days as f64),
    }
}

fn daily(f: &Frequency<'_>) -> Reading {
    f.reading(Datum::Map(f.by_day().into_iter().map(|(day, n)| (day, n.into())).collect()))
}

/// Only ISO weeks that are over and were observed whole: what the last week of a window will hold nobody knows yet.
fn median_per_week(f: &Frequency<'_>) -> Reading {
    let span = f.observed.span;
    let whole = span.weeks(f.query.settings.zone).into_iter().filter(|w| span.from <= w.from && w.to <= span.to);
    let mut weeks: Vec<f64> = whole.map(|w| sum(f.releases.iter().filter(|r| w.contains(r.at)))).collect();
    let n = weeks.len() as u64;
    match quantile::median(&mut weeks) {
        None => f.blank.without(Status::Insufficient, "no whole ISO week in the window"),
        Some(median) => {
            let mut reading = f.reading(median).with("weeks", n as f64);
            // the week in progress is left out, so the value is final for the weeks it speaks of
            (reading.status, reading.reason) = (Status::Ok, None);
            reading
        }
    }
}

fn rollbacks(f: &Frequency<'_>) -> Reading {
    f.of_kind(flag::ROLLBACK)
}

fn redeploys(f: &Frequency<'_>) -> Reading {
    f.of_kind(flag::REDEPLOY)
}

/// Changes that reached production in the window.
pub(in crate::kpi) fn shipped<'a>(query: &Query<'a>) -> impl Iterator<Item = Member<'a>> {
    owned(query, query.facts.within(Measure::LeadTime, seen_window(query))).into_iter().filter(|m| !m.has(flag::FIRST))
}

/// Changes that reached production per counted deployment.
fn batch_size(f: &Frequency<'_>) -> Reading {
    let deployments = f.total();
    if deployments <= 0.0 {
        return f.blank.no_data("no deployment in the window");
    }
    let changes: f64 = shipped(f.query).map(|m| m.weight).sum();
    f.reading(changes / deployments).with("changes", changes)
}
