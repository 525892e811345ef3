//! How often: releases counted once over the services they touch, per observed time.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    analysis::quantile,
    domain::{
        value::{Datum, Reading, Status},
        window::{Window, from_millis, millis},
    },
    kpi::{
        Query, bands,
        cohort::{Blank, Member, Members, Observed, Tally, ids, members, while_in_progress},
        fact::{EventRef, Measure, flag},
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
        "release_frequency" => release_frequency,
        "batch_size" => batch_size,
        _ => return None,
    };
    let blank = Blank::of(metric, query)?;
    let observed = Observed::of(query, "deployment", Measure::Deployment);
    let attempts = members(query, Measure::Deployment);
    if !observed.alive && attempts.is_empty() {
        return Some(blank.no_data("no source that reports deployments was seen in the window"));
    }
    Some(formula(&Frequency { query, blank, observed, attempts }))
}

/// A release: when its last member finished, and the scope's share of it.
#[derive(Debug, Clone, Copy)]
struct Release {
    /// 0: it is a deployment alone.
    group: u64,
    at_ms: i64,
    weight: f64,
}

/// A group is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

struct Frequency<'q> {
    query: &'q Query<'q>,
    blank: Blank<'q>,
    observed: Observed,
    attempts: Members<'q>,
}

/// Counted deployments of the window that have all of these bits, those of one release as one. A release is finished when
/// its last member is.
fn releases(query: &Query<'_>, attempts: &Members<'_>, bits: u16) -> Vec<Release> {
    let counts = |m: &Member<'_>| m.event.flags() & bits == bits;
    let mut releases = Vec::with_capacity(attempts.most());
    let mut by_group: HashMap<u64, Release, BuildHasherDefault<Hashed>> = HashMap::default();
    attempts.iter().filter(counts).for_each(|m| {
        let one = Release { group: m.event.group(), at_ms: m.event.at_ms(), weight: m.weight };
        if one.group == 0 {
            releases.push(one);
            return;
        }
        let release = by_group.entry(one.group).or_insert(one);
        release.at_ms = release.at_ms.max(one.at_ms);
        release.weight = release.weight.max(one.weight);
    });
    if by_group.is_empty() {
        return releases;
    }
    // a release whose last member finished after the window belongs to the next one
    let after = Window::new(query.window.to, (query.window.to + RELEASE_SPREAD).min(query.settings.as_of));
    for m in Members::within(query, Measure::Deployment, after).iter().filter(counts) {
        by_group.remove(&m.event.group());
    }
    let mut grouped: Vec<(u64, Release)> = by_group.into_iter().collect();
    // always the same order, so that sums are the same to the last bit
    grouped.sort_unstable_by_key(|(group, _)| *group);
    releases.extend(grouped.into_iter().map(|(_, release)| release));
    releases
}

/// A release of the window and its counted members, in order of time; or some that are alike.
#[derive(Debug, Clone)]
pub(in crate::kpi) struct Counted<'a> {
    pub first: EventRef<'a>,
    /// Empty for most, which then costs nothing.
    pub others: Vec<EventRef<'a>>,
    /// The scope's share.
    pub weight: f64,
    /// How many releases these are.
    pub n: u32,
}

/// Visit the releases of the window, of a track where all are alone together if so asked; gives the days watched.
pub(in crate::kpi) fn counted<'a>(query: &Query<'a>, by_track: bool, mut visit: impl FnMut(Counted<'a>)) -> f64 {
    let attempts = members(query, Measure::Deployment);
    let days = Observed::of(query, "deployment", Measure::Deployment).days();
    let counts = |flags: u16| flags & flag::COUNTED != 0;
    if by_track
        && attempts.are_alone()
        && let Some(tracks) = attempts.by_track(counts, |_| false)
    {
        for track in tracks {
            if let Some(first) = track.last {
                visit(Counted { first, others: Vec::new(), weight: f64::from(track.n) * track.weight, n: track.n });
            }
        }
        return days;
    }
    let mut by_group: HashMap<u64, Vec<EventRef<'a>>> = HashMap::new();
    attempts.those(counts).for_each(|m| match m.event.group() {
        0 => visit(Counted { first: m.event, others: Vec::new(), weight: m.weight, n: 1 }),
        group => by_group.entry(group).or_default().push(m.event),
    });
    if !by_group.is_empty() {
        for release in releases(query, &attempts, flag::COUNTED) {
            if let Some(mut others) = by_group.remove(&release.group) {
                others.sort_by_key(|e| e.at_ms());
                visit(Counted { first: others.remove(0), others, weight: release.weight, n: 1 });
            }
        }
    }
    days
}

impl Frequency<'_> {
    fn releases(&self) -> Vec<Release> {
        releases(self.query, &self.attempts, flag::COUNTED)
    }

    /// How many releases have all of these bits, and the sum of the scope's shares of them.
    fn total(&self, bits: u16) -> (u64, f64) {
        if self.attempts.are_alone() {
            let tally = self.attempts.tally(|flags| flags & bits == bits);
            return (tally.n, tally.weight);
        }
        let releases = releases(self.query, &self.attempts, bits);
        (releases.len() as u64, sum(releases.iter()))
    }

    /// A reading over this many releases, with how much was observed.
    fn reading(&self, value: impl Into<Datum>, n: u64) -> Reading {
        let mut reading = self.blank.value(value, &self.attempts.tally(|flags| flags & flag::COUNTED != 0));
        reading.n = n;
        reading.coverage = Some(self.observed.coverage);
        while_in_progress(reading.with("exposure_days", self.observed.days()), self.query)
    }

    fn counted(&self) -> impl Iterator<Item = Member<'_>> {
        self.attempts.iter().filter(|m| m.has(flag::COUNTED))
    }

    /// Releases by calendar day of the zone; days without one are not listed.
    fn by_day(&self, releases: &[Release]) -> BTreeMap<String, f64> {
        let mut days = BTreeMap::new();
        for release in releases {
            let day = from_millis(release.at_ms).with_timezone(&self.query.settings.zone).date_naive();
            *days.entry(day.to_string()).or_default() += release.weight;
        }
        days
    }

    fn of_kind(&self, bit: u16) -> Reading {
        let of_kind = self.attempts.iter().filter(|m| m.has(bit) && m.has(flag::SUCCESS));
        let tally: Tally = of_kind.clone().collect();
        while_in_progress(self.blank.value(tally.weight, &tally).with("members", ids(self.query, of_kind)), self.query)
    }
}

fn sum<'a>(releases: impl Iterator<Item = &'a Release>) -> f64 {
    releases.fold(0.0, |sum, r| sum + r.weight)
}

fn count(f: &Frequency<'_>) -> Reading {
    let redeployed = f.attempts.iter().filter(|m| m.has(flag::REDEPLOY));
    let (n, total) = f.total(flag::COUNTED);
    f.reading(total, n).with("members", ids(f.query, f.counted())).with("excluded", ids(f.query, redeployed))
}

fn per_day(f: &Frequency<'_>) -> Reading {
    let days = f.observed.days();
    if days <= 0.0 {
        return f.blank.no_data("no time of the window was observed");
    }
    let (n, total) = f.total(flag::COUNTED);
    let per_day = total / days;
    let mut reading = f.reading(per_day, n);
    reading.rating = Some(bands::frequency(per_day).1.into());
    reading
}

/// Planned releases only, per week: the same count with another filter.
fn release_frequency(f: &Frequency<'_>) -> Reading {
    let days = f.observed.days();
    if days <= 0.0 {
        return f.blank.no_data("no time of the window was observed");
    }
    let (n, planned) = f.total(flag::COUNTED | flag::NORMAL);
    f.reading(planned * 7.0 / days, n)
}

fn active_days(f: &Frequency<'_>) -> Reading {
    let releases = f.releases();
    f.reading(f.by_day(&releases).len() as f64, releases.len() as u64)
}

fn active_day_share(f: &Frequency<'_>) -> Reading {
    match f.observed.span.days(f.query.settings.zone).len() {
        0 => f.blank.no_data("no time of the window was observed"),
        days => {
            let releases = f.releases();
            f.reading(f.by_day(&releases).len() as f64 / days as f64, releases.len() as u64)
        }
    }
}

fn daily(f: &Frequency<'_>) -> Reading {
    let releases = f.releases();
    f.reading(Datum::Map(f.by_day(&releases).into_iter().map(|(day, n)| (day, n.into())).collect()), releases.len() as u64)
}

/// Only ISO weeks that are over and were observed whole: what the last week of a window will hold nobody knows yet.
fn median_per_week(f: &Frequency<'_>) -> Reading {
    let span = f.observed.span;
    let releases = f.releases();
    let whole = span.weeks(f.query.settings.zone).into_iter().filter(|w| span.from <= w.from && w.to <= span.to);
    let of_week = |w: Window| sum(releases.iter().filter(|r| (millis(w.from)..millis(w.to)).contains(&r.at_ms)));
    let weeks: Vec<f64> = whole.map(of_week).collect();
    let n = weeks.len() as u64;
    match quantile::median(&weeks) {
        None => f.blank.without(Status::Insufficient, "no whole ISO week in the window"),
        Some(median) => {
            let mut reading = f.reading(median, releases.len() as u64).with("weeks", n as f64);
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

/// Visit the changes that reached production in the window.
pub(in crate::kpi) fn shipped<'a>(query: &Query<'a>, visit: impl FnMut(Member<'a>)) {
    members(query, Measure::LeadTime).iter().filter(|m| !m.has(flag::FIRST)).for_each(visit);
}

/// Changes that reached production per counted deployment.
fn batch_size(f: &Frequency<'_>) -> Reading {
    let (n, deployments) = f.total(flag::COUNTED);
    if deployments <= 0.0 {
        return f.blank.no_data("no deployment in the window");
    }
    let changes = members(f.query, Measure::LeadTime).tally(|flags| flags & flag::FIRST == 0).weight;
    f.reading(changes / deployments, n).with("changes", changes)
}
