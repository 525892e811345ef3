//! What a value is made of: items that add up to it. One row per metric; everything about groups follows from the items.

use std::sync::Arc;

use super::group::Finder;
use crate::{
    analysis::order,
    domain::{
        defined::{Fold, Over},
        record::Record,
    },
    kpi::{
        Query,
        beside::shared,
        cohort,
        cost::{self, Amount},
        defined,
        delivery::{self, Counted},
        fact::{Bucket, Cost, EventRef, flag},
        quality, reliability, restore,
    },
};

/// How items become a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// Sum of numerators over sum of denominators: a ratio, or a mean.
    Ratio,
    /// A quantile of the items' values (`num`).
    Quantile(f64),
    /// A quantile of merged histograms.
    Histogram(f64),
    /// How many, over the days somebody was watching.
    Count {
        /// Watched days.
        days: f64,
        /// The value itself is per day.
        per_day: bool,
    },
    /// A sum.
    Sum,
    /// A sum over a number that is not split.
    PerUnit {
        /// That number.
        units: f64,
    },
}

/// What an item is, so that it can be asked for its dimensions.
#[derive(Debug, Clone)]
pub(super) enum Of<'a> {
    Event(EventRef<'a>),
    /// Several that count once.
    Release(Arc<[EventRef<'a>]>),
    Bucket(&'a Bucket),
    Cost(&'a Cost),
    Record(&'a Record),
}

/// One piece of a value.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    pub of: Of<'a>,
    pub num: f64,
    pub den: f64,
    /// How many facts it stands for.
    pub n: u32,
}

/// A value taken apart.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a> {
    pub shape: Shape,
    pub items: Vec<Item<'a>>,
    /// What was asked: dimensions are read by its scope, roster and zone.
    pub query: Query<'a>,
}

/// The value before and now, taken apart.
pub(super) struct Pair<'a> {
    pub was: Parts<'a>,
    pub is: Parts<'a>,
    /// Of a quantile: the finite values of both windows, ascending. Sorted once, for as many cuts as there are dimensions.
    pub values: Vec<f64>,
    /// The item of each value: its place in its window × 2, plus 1 for the current window.
    pub item_of: Vec<u32>,
}

impl<'a> Pair<'a> {
    /// `None` when the metric is not made of parts that add up.
    pub fn of(metric: &str, before: &Query<'a>, now: &Query<'a>, grain: Grain) -> Option<Self> {
        let side = |(query, bit): &(&Query<'a>, u32)| {
            let parts = of(metric, query, grain)?;
            let Shape::Quantile(_) = parts.shape else { return Some((parts, Vec::new())) };
            let finite = (0_u32..).zip(&parts.items).filter(|(_, item)| item.num.is_finite());
            let mut values: Vec<_> = finite.map(|(i, item)| (order::key(item.num), i * 2 + bit)).collect();
            values.sort_unstable();
            Some((parts, values))
        };
        let queries = [(before, 0), (now, 1)];
        let sides = if grain == Grain::Fact { shared(&queries, side) } else { queries.iter().map(side).collect() };
        let [was, is] = sides.try_into().ok()?;
        let ((was, mut all), (is, mine)) = (was?, is?);
        // Each is in order: this sort finds the two runs and puts them together.
        all.extend(mine);
        all.sort_by_key(|(key, _)| *key);
        let (values, item_of) = all.into_iter().map(|(key, item)| (order::value(key), item)).unzip();
        Some(Self { was, is, values, item_of })
    }
}

impl Parts<'_> {
    pub fn days(&self) -> Option<f64> {
        if let Shape::Count { days, .. } = self.shape { Some(days) } else { None }
    }

    pub fn units(&self) -> Option<f64> {
        if let Shape::PerUnit { units } = self.shape { Some(units) } else { None }
    }

    /// What lies in one group of a dimension, scaled by how much of it does.
    pub fn only(&self, by: &str, group: &str) -> Self {
        let mut finder = Finder::new(self, by);
        let items = self.items.iter().filter_map(|item| {
            let share = finder.share(item, group);
            (share > 0.0).then(|| Item { of: finder.narrowed(&item.of, group), num: item.num * share, den: item.den * share, n: item.n })
        });
        Self { shape: self.shape, items: items.collect(), query: self.query }
    }
}

fn event(e: EventRef<'_>, num: f64, den: f64) -> Item<'_> {
    Item { of: Of::Event(e), num, den, n: 1 }
}

/// A release, and from its weight its numerator and denominator.
fn release(of: Counted<'_>, put: fn(f64) -> (f64, f64)) -> Item<'_> {
    let (num, den) = put(of.weight);
    if of.others.is_empty() {
        return Item { of: Of::Event(of.first), num, den, n: of.n };
    }
    Item { of: Of::Release(std::iter::once(of.first).chain(of.others).collect()), num, den, n: of.n }
}

/// How finely a value is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// Fact by fact.
    Fact,
    /// What adds up, by service and list of owners: enough for cuts by owner, and a few hundred items instead of as many as
    /// there are facts.
    Track,
}

/// Take a metric's value apart; `None` when it is not made of parts that add up (a union, a date, a map).
fn of<'a>(metric: &str, query: &Query<'a>, grain: Grain) -> Option<Parts<'a>> {
    let (shape, items) = delivered(metric, query, grain)
        .or_else(|| restored(metric, query))
        .or_else(|| live(metric, query))
        .or_else(|| money(metric, query))
        .or_else(|| measured(metric, query))
        .or_else(|| configured(metric, query))?;
    Some(Parts { shape, items, query: *query })
}

type Made<'a> = Option<(Shape, Vec<Item<'a>>)>;

/// Items of event facts, in as few as the grain allows: what is added up may be added up here.
struct Sums<'a> {
    grain: Grain,
    items: Vec<Item<'a>>,
}

impl<'a> Sums<'a> {
    fn add(&mut self, item: Item<'a>) {
        if self.grain == Grain::Track
            && let Of::Event(e) = &item.of
            && let Some(Item { of: Of::Event(last), num, den, n }) = self.items.last_mut()
            && std::ptr::eq(last.track(), e.track())
        {
            *num += item.num;
            *den += item.den;
            *n += item.n;
            return;
        }
        self.items.push(item);
    }
}

fn delivered<'a>(metric: &str, query: &Query<'a>, grain: Grain) -> Made<'a> {
    let mut sums = Sums { grain, items: Vec::new() };
    let by_track = grain == Grain::Track;
    match metric {
        "deployment_frequency.per_day" | "deployment_frequency.count" | "deployment_frequency" => {
            let days = delivery::counted(query, by_track, |of| sums.add(release(of, |w| (w, 0.0))));
            let per_day = metric != "deployment_frequency.count";
            Some((Shape::Count { days, per_day }, sums.items))
        }
        "change_failure_rate" | "change_failure_rate.matured" | "deployment_rework_rate" | "deploy_success_rate" => {
            delivery::share(metric, query, by_track, &mut |(e, num, den, n)| sums.add(Item { of: Of::Event(e), num, den, n }))?;
            Some((Shape::Ratio, sums.items))
        }
        "batch_size" => {
            delivery::counted(query, by_track, |of| sums.add(release(of, |w| (0.0, w))));
            delivery::shipped(query, |m| sums.add(event(m.event, m.weight, 0.0)));
            Some((Shape::Ratio, sums.items))
        }
        "lead_time.mean" => {
            delivery::lead_times(query, |m, value| sums.add(event(m.event, m.weight * value, m.weight)));
            Some((Shape::Ratio, sums.items))
        }
        "lead_time" | "lead_time.median" => Some((Shape::Quantile(0.5), lead_times(query))),
        "lead_time.p90" => Some((Shape::Quantile(0.9), lead_times(query))),
        "failed_deployment_recovery_time" | "failed_deployment_recovery_time.median" => Some((Shape::Quantile(0.5), recoveries(query))),
        "failed_deployment_recovery_time.p90" => Some((Shape::Quantile(0.9), recoveries(query))),
        _ => None,
    }
}

/// A metric of the config over records, from its points.
fn configured<'a>(metric: &str, query: &Query<'a>) -> Made<'a> {
    let definition = defined::find(metric, query).filter(|d| matches!(d.over, Over::Records(_)))?;
    let members = defined::members(metric, query);
    // Numerator and denominator of one point.
    let of = |make: fn(&[f64]) -> (f64, f64)| -> Vec<Item<'a>> {
        let weighed = members.iter().map(|m| (m, make(m.event.values())));
        weighed.map(|(m, (num, den))| event(m.event, num * m.weight, den * m.weight)).collect()
    };
    Some(match definition.fold {
        Fold::Ratio => (Shape::Ratio, of(|v| (first(v), v.get(1).copied().unwrap_or(0.0)))),
        Fold::Mean => (Shape::Ratio, of(|v| (first(v), 1.0))),
        Fold::Sum => (Shape::Sum, of(|v| (first(v), 0.0))),
        Fold::Quantile(q) => (Shape::Quantile(q), members.iter().map(|m| event(m.event, first(m.event.values()), 1.0)).collect()),
        Fold::Count => {
            let days = cohort::seen_window(query).seconds() / 86_400.0;
            (Shape::Count { days, per_day: false }, of(|_| (1.0, 0.0)))
        }
        // The same value may be in several groups: different ones do not add up.
        Fold::Distinct => return None,
    })
}

fn first(values: &[f64]) -> f64 {
    values.first().copied().unwrap_or(0.0)
}

fn lead_times<'a>(query: &Query<'a>) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    delivery::lead_times(query, |m, value| items.push(event(m.event, value, 1.0)));
    items
}

fn recoveries<'a>(query: &Query<'a>) -> Vec<Item<'a>> {
    delivery::recoveries(query).into_iter().map(|(m, value)| event(m.event, value, 1.0)).collect()
}

fn restored<'a>(metric: &str, query: &Query<'a>) -> Made<'a> {
    let times = || restore::times(query).into_iter().map(|(m, value)| event(m.event, value, 1.0)).collect();
    match metric {
        "time_to_restore" | "time_to_restore.mean" => Some((Shape::Ratio, times())),
        "time_to_restore.median" => Some((Shape::Quantile(0.5), times())),
        "time_to_restore.p90" => Some((Shape::Quantile(0.9), times())),
        "incidents.count" | "incidents.unlinked" => {
            let (days, members) = restore::begun_in(query);
            let mine = members.into_iter().filter(|m| metric == "incidents.count" || !m.has(flag::LINKED));
            Some((Shape::Count { days, per_day: false }, mine.map(|m| event(m.event, m.weight, 0.0)).collect()))
        }
        "incidents.reopen_rate" => {
            let all = restore::restored(query);
            Some((
                Shape::Ratio,
                all.into_iter().map(|m| event(m.event, if m.has(flag::REOPENED) { m.weight } else { 0.0 }, m.weight)).collect(),
            ))
        }
        _ => None,
    }
}

fn live<'a>(metric: &str, query: &Query<'a>) -> Made<'a> {
    let bucket = |b: &'a Bucket, num: f64, den: f64| Item { of: Of::Bucket(b), num, den, n: 1 };
    let series = |name: &'static str| reliability::buckets(query, name);
    let shares = |good: bool| {
        let requests = series("requests").map(|(b, s)| bucket(b, if good { b.a * s } else { 0.0 }, b.a * s));
        let errors = series("errors").map(|(b, s)| bucket(b, if good { -b.a * s } else { b.a * s }, 0.0));
        Some((Shape::Ratio, requests.chain(errors).collect()))
    };
    let histogram = |name: &'static str, q: f64| {
        let items: Vec<Item<'a>> = series(name).filter(|(b, _)| b.hist.is_some()).map(|(b, s)| bucket(b, 0.0, s)).collect();
        (!items.is_empty()).then_some((Shape::Histogram(q), items))
    };
    match metric {
        "uptime" => {
            let time = reliability::up_and_known(query)?;
            Some((Shape::Ratio, time.into_iter().map(|(b, up, known)| bucket(b, up, known)).collect()))
        }
        "uptime.requests" => shares(true),
        "error_rate" => shares(false),
        "requests" => Some((Shape::Sum, series("requests").map(|(b, s)| bucket(b, b.a * s, 0.0)).collect())),
        "latency_p50" => histogram("latency", 0.5),
        "latency_p95" | "latency" => histogram("latency", 0.95),
        "latency_p99" => histogram("latency", 0.99),
        "page_load" | "page_load.p75" => histogram("page_load", 0.75),
        _ => None,
    }
}

fn money<'a>(metric: &str, query: &Query<'a>) -> Made<'a> {
    let item = |(c, num): (&'a Cost, f64)| Item { of: Of::Cost(c), num, den: 0.0, n: 1 };
    let sum = |amount| Some((Shape::Sum, cost::amounts(query, amount)?.into_iter().map(item).collect()));
    match metric {
        "infra_cost" | "infra_cost.effective" => sum(Amount::Effective),
        "infra_cost.billed" => sum(Amount::Billed),
        "infra_cost_per_user" => {
            let (costs, units) = cost::per_user_parts(query)?;
            Some((Shape::PerUnit { units }, costs.into_iter().map(item).collect()))
        }
        "commitment_unused_share" | "cost_allocated_share" => {
            let share = cost::share_parts(metric, query)?;
            Some((Shape::Ratio, share.into_iter().map(|(c, num, den)| Item { den, ..item((c, num)) }).collect()))
        }
        _ => None,
    }
}

fn measured<'a>(metric: &str, query: &Query<'a>) -> Made<'a> {
    let record = |(r, num, den): (&'a Record, f64, f64)| Item { of: Of::Record(r), num, den, n: 1 };
    let parts = quality::parts(metric, query)?;
    let shape = if metric == "findings" { Shape::Sum } else { Shape::Ratio };
    Some((shape, parts.into_iter().map(record).collect()))
}
