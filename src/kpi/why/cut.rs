//! One change cut by one dimension: what each group contributes, exactly.
//!
//! Ratios and means by rate and mix, quantiles by exact Shapley values, counts by exposure, sums by difference. The parts
//! of a cut add up to the change; parts of different cuts are never added. Gross movement stands beside the net.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    group::{Group, Grouped, Labels, grouped},
    parts::{Pair, Parts, Shape},
};
use crate::analysis::{
    decompose::{self, Groups},
    shapley::{self, Ranked},
};

/// Name of what is left after the largest parts.
pub const OTHER: &str = "other";

/// Most parts listed; the rest is one line.
const MOST_PARTS: usize = 40;

/// Fewest values per window for a ranking of quantile contributions: below, they jump with every value.
const FEWEST_VALUES: f64 = 20.0;

/// Cuts that are drilled into, and parts of each that are.
const NESTED: usize = 2;

/// What one group was worth in one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Side {
    /// Its own value: rate, mean, quantile, count or amount.
    pub value: Option<f64>,
    /// What stands below the line, or how many values.
    pub n: f64,
}

/// What one group contributes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The group.
    pub name: String,
    /// Its contribution to the change, in the metric's unit.
    pub contribution: f64,
    /// Of that, through its own rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Of that, through its weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<f64>,
    /// Then.
    pub before: Side,
    /// Now.
    pub now: Side,
    /// Inside it, by another dimension: adds up to `rate` (where there is one), else to `contribution`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<Box<Cut>>,
}

/// How well a dimension explains the change; the parts of the score are printed with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Share of the gross movement in the two largest groups, less what their weights make expect.
    pub concentration: f64,
    /// Distance between the shares then and now, 0 to 1.
    pub surprise: f64,
    /// Taken off for many groups.
    pub cardinality: f64,
    /// Share of the rows that have a value for this dimension.
    pub covered: f64,
    /// Together; `None` when too little is covered to rank it.
    pub total: Option<f64>,
}

/// A change by one dimension, or by the factors of an identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cut {
    /// The dimension, or the identity's name.
    pub by: String,
    /// How it was computed, in words.
    pub how: &'static str,
    /// Largest contribution first, ties by name; [`OTHER`] last.
    pub parts: Vec<Part>,
    /// Sum of all contributions: the change.
    pub total: f64,
    /// Sum of their absolute values: what moved, also where it cancels.
    pub gross: f64,
    /// Groups behind [`OTHER`].
    pub pooled: usize,
    /// The change is only known from below (a rank above the last bound).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_lower_bound: bool,
    /// Ranking of dimensions; identities have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Why there are no parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Cut {
    /// A cut from contributions that need no more explanation (factors, stages).
    pub(super) fn of_factors(by: &str, how: &'static str, parts: Vec<(&str, f64, Side, Side)>) -> Self {
        let parts = parts
            .into_iter()
            .map(|(name, contribution, before, now)| Part {
                name: name.to_owned(),
                contribution,
                rate: None,
                mix: None,
                before,
                now,
                inside: None,
            })
            .collect();
        Self::new(by, how, parts)
    }

    fn new(by: &str, how: &'static str, mut parts: Vec<Part>) -> Self {
        let total = parts.iter().map(|p| p.contribution).sum::<f64>() + 0.0;
        let gross = parts.iter().map(|p| p.contribution.abs()).sum::<f64>() + 0.0;
        let pool = |p: &Part| p.name == OTHER;
        let size = |p: &Part| rounded(p.contribution.abs() / gross);
        parts.sort_by(|a, b| pool(a).cmp(&pool(b)).then(size(b).total_cmp(&size(a))).then_with(|| a.name.cmp(&b.name)));
        Self { by: by.to_owned(), how, parts, total, gross, pooled: 0, is_lower_bound: false, score: None, refused: None }
    }

    fn refused(by: &str, how: &'static str, why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), ..Self::new(by, how, Vec::new()) }
    }

    /// Fold all but the largest into one part.
    fn bounded(mut self) -> Self {
        if self.parts.len() <= MOST_PARTS {
            return self;
        }
        let rest = self.parts.split_off(MOST_PARTS - 1);
        self.pooled += rest.len();
        let sum = |of: fn(&Part) -> Option<f64>| rest.iter().filter_map(of).reduce(|a, b| a + b);
        self.parts.push(Part {
            name: OTHER.to_owned(),
            contribution: rest.iter().map(|p| p.contribution).sum(),
            rate: sum(|p| p.rate),
            mix: sum(|p| p.mix),
            before: Side { value: None, n: rest.iter().map(|p| p.before.n).sum() },
            now: Side { value: None, n: rest.iter().map(|p| p.now.n).sum() },
            inside: None,
        });
        self
    }
}

/// Cut by a dimension.
pub(super) fn by(name: &str, pair: &Pair<'_>) -> Cut {
    let (mut cut, before, now, covered) = if let Shape::Quantile(q) = pair.is.shape {
        values(name, q, pair)
    } else {
        let ((before, covered_before), (now, covered_now)) = (grouped(&pair.was, name), grouped(&pair.is, name));
        (of(name, &pair.was, &pair.is, &before, &now), before, now, f64::midpoint(covered_before, covered_now))
    };
    if cut.refused.is_none() {
        cut.score = Some(score(&cut, &before, &now, covered));
    }
    cut.bounded()
}

/// Everything but quantiles, which need the single values.
fn of(name: &str, was: &Parts<'_>, is: &Parts<'_>, before: &Grouped, now: &Grouped) -> Cut {
    match is.shape {
        Shape::Ratio => ratio(name, before, now),
        Shape::Quantile(_) => Cut::refused(name, SHAPLEY, "the pieces of a Shapley value do not nest"),
        Shape::Histogram(q) => histograms(name, q, before, now),
        Shape::Count { days, per_day } => counts(name, before, now, (was.days().unwrap_or(days), days), per_day),
        Shape::Sum => sums(name, before, now),
        Shape::PerUnit { units } => per_unit(name, before, now, (was.units().unwrap_or(units), units)),
    }
}

const RATE_MIX: &str = "rate and mix";
const SHAPLEY: &str = "exact Shapley values";

fn ratio(name: &str, before: &Grouped, now: &Grouped) -> Cut {
    let pairs = |side: &Grouped| -> Groups { side.iter().map(|(g, v)| (g.clone(), (v.num, v.den))).collect() };
    let (was, is) = (pairs(before), pairs(now));
    let Some(change) = decompose::ratio(&was, &is) else {
        return Cut::refused(name, RATE_MIX, "one of the windows has nothing below the line");
    };
    let parts = change.parts.into_iter().map(|(g, p)| Part {
        contribution: p.sum(),
        rate: Some(p.rate),
        mix: Some(p.mix),
        before: rate_of(was.get(&g)),
        now: rate_of(is.get(&g)),
        name: g,
        inside: None,
    });
    Cut::new(name, RATE_MIX, parts.collect())
}

fn rate_of(pair: Option<&(f64, f64)>) -> Side {
    let (num, den) = pair.copied().unwrap_or_default();
    Side { value: (den > 0.0).then(|| num / den), n: den }
}

/// With the groups of both windows and how many values have one.
fn values(name: &str, q: f64, pair: &Pair<'_>) -> (Cut, Grouped, Grouped, f64) {
    let Labels { names, of_item, covered } = Labels::of(pair, name);
    let list = |item: &u32| of_item[(item % 2) as usize][(item / 2) as usize] * 2 + item % 2;
    let ranked = Ranked::new(&pair.values, pair.item_of.iter().map(list).collect(), names.len());
    let side = |group: usize, is_now: bool| {
        let (n, value) = ranked.own(group, is_now, q);
        Side { value, n: n as f64 }
    };
    let sides: BTreeMap<String, (Side, Side)> =
        names.iter().enumerate().map(|(g, name)| (name.clone(), (side(g, false), side(g, true)))).collect();
    let grouped = |pick: fn(&(Side, Side)) -> f64| -> Grouped {
        let some = sides.iter().map(|(g, both)| (g, pick(both))).filter(|(_, n)| *n > 0.0);
        some.map(|(g, n)| (g.clone(), Group { n, ..Group::default() })).collect()
    };
    let (before, now) = (grouped(|s| s.0.n), grouped(|s| s.1.n));
    let cut = match ranked.change(&names, q) {
        None => Cut::refused(name, SHAPLEY, "one of the pools is empty: a quantile of nothing has no value"),
        Some(change) => {
            let few = |of: &Grouped| of.values().map(|g| g.n).sum::<f64>() < FEWEST_VALUES;
            let mut cut = shapley_cut(name, change, &sides);
            if few(&before) || few(&now) {
                cut.how = "exact Shapley values of few values: they jump with each one";
            }
            cut
        }
    };
    (cut, before, now, f64::midpoint(covered[0], covered[1]))
}

fn histograms(name: &str, q: f64, before: &Grouped, now: &Grouped) -> Cut {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let side = |groups: &Grouped, g: &String| groups.get(g).map(|v| v.counts.clone()).unwrap_or_default();
    let groups: BTreeMap<String, _> = names.into_iter().map(|g| (g.clone(), (side(before, g), side(now, g)))).collect();
    let of = |c: &crate::analysis::histogram::Counts| Side { value: c.quantile(q).map(|f| f.value), n: c.total() };
    let sides: BTreeMap<String, (Side, Side)> = groups.iter().map(|(g, (a, b))| (g.clone(), (of(a), of(b)))).collect();
    match shapley::quantile(&shapley::Groups::Histograms(groups), q) {
        Some(change) => shapley_cut(name, change, &sides),
        None => Cut::refused(name, SHAPLEY, "the histograms share no finite bound, or one window is empty"),
    }
}

fn shapley_cut(name: &str, change: shapley::Change, sides: &BTreeMap<String, (Side, Side)>) -> Cut {
    let kept: f64 = change.players.iter().filter_map(|p| sides.get(p)).map(|s| s.0.n).sum();
    let kept_now: f64 = change.players.iter().filter_map(|p| sides.get(p)).map(|s| s.1.n).sum();
    let all = |pick: fn(&(Side, Side)) -> f64| sides.values().map(pick).sum::<f64>();
    let rest = (Side { value: None, n: all(|s| s.0.n) - kept }, Side { value: None, n: all(|s| s.1.n) - kept_now });
    let parts = change.parts.into_iter().map(|(g, phi)| {
        let (before, now) = sides.get(&g).copied().unwrap_or(rest);
        Part { name: g, contribution: phi, rate: None, mix: None, before, now, inside: None }
    });
    let mut cut = Cut::new(name, SHAPLEY, parts.collect());
    (cut.pooled, cut.is_lower_bound) = (change.pooled, change.is_lower_bound);
    cut
}

/// Windows watched equally long are compared by counts, others by counts per day.
fn counts(name: &str, before: &Grouped, now: &Grouped, (t0, t1): (f64, f64), per_day: bool) -> Cut {
    if !per_day && (t0 - t1).abs() <= 1e-9 * t1.abs() {
        return Cut { how: "difference of counts", ..sums(name, before, now) };
    }
    let sums = |side: &Grouped| -> BTreeMap<String, f64> { side.iter().map(|(g, v)| (g.clone(), v.num)).collect() };
    let (was, is) = (sums(before), sums(now));
    let Some(parts) = decompose::counts((&was, t0), (&is, t1)) else {
        return Cut::refused(name, "difference of rates", "one of the windows was not watched");
    };
    let side = |map: &BTreeMap<String, f64>, g: &String, t: f64| {
        let n = map.get(g).copied().unwrap_or(0.0);
        Side { value: Some(n / t), n }
    };
    let parts = parts.into_iter().map(|(g, c)| Part {
        contribution: c,
        rate: None,
        mix: None,
        before: side(&was, &g, t0),
        now: side(&is, &g, t1),
        name: g,
        inside: None,
    });
    Cut::new(name, "difference of rates per watched day", parts.collect())
}

fn sums(name: &str, before: &Grouped, now: &Grouped) -> Cut {
    let amounts = |side: &Grouped| -> BTreeMap<String, f64> { side.iter().map(|(g, v)| (g.clone(), v.num)).collect() };
    let (was, is) = (amounts(before), amounts(now));
    let at = |map: &BTreeMap<String, f64>, g: &String| {
        let amount = map.get(g).copied();
        Side { value: amount, n: amount.unwrap_or(0.0) }
    };
    let parts = decompose::differences(&was, &is).into_iter().map(|(g, c)| Part {
        contribution: c,
        rate: None,
        mix: None,
        before: at(&was, &g),
        now: at(&is, &g),
        name: g,
        inside: None,
    });
    Cut::new(name, "difference of sums", parts.collect())
}

/// Money over users who are not split: money by group, and one line for the users.
fn per_unit(name: &str, before: &Grouped, now: &Grouped, (u0, u1): (f64, f64)) -> Cut {
    const HOW: &str = "money by group, users apart";
    let total = |side: &Grouped| side.values().map(|v| v.num).sum::<f64>();
    let Some([_, users]) = decompose::quotient((total(before), total(now)), (u0, u1)) else {
        return Cut::refused(name, HOW, "one of the windows has no users");
    };
    let mut cut = sums(name, before, now);
    let per = f64::midpoint(1.0 / u0, 1.0 / u1);
    for part in &mut cut.parts {
        part.contribution *= per;
        part.before.value = part.before.value.map(|v| v / u0);
        part.now.value = part.now.value.map(|v| v / u1);
    }
    let side = |u: f64| Side { value: None, n: u };
    let line = Part {
        name: "(number of users)".into(),
        contribution: users,
        rate: None,
        mix: None,
        before: side(u0),
        now: side(u1),
        inside: None,
    };
    cut.parts.push(line);
    Cut::new(name, HOW, cut.parts)
}

fn score(cut: &Cut, before: &Grouped, now: &Grouped, covered: f64) -> Score {
    let weight = |v: &Group| if v.den > 0.0 { v.den } else { v.num.abs() + v.n + v.counts.total() };
    let numerator = |v: &Group| if v.den > 0.0 || v.num != 0.0 { v.num } else { weight(v) };
    let contributions: BTreeMap<String, f64> = cut.parts.iter().map(|p| (p.name.clone(), p.contribution)).collect();
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for (g, v) in before.iter().chain(now) {
        *weights.entry(g.clone()).or_default() += weight(v);
    }
    let map = |side: &Grouped| -> BTreeMap<String, f64> { side.iter().map(|(g, v)| (g.clone(), numerator(v))).collect() };
    let s = decompose::score(&contributions, &weights, (&map(before), &map(now)), covered);
    Score { concentration: s.concentration, surprise: s.surprise, cardinality: s.cardinality, covered: s.covered, total: s.total }
}

/// Without the last digits, which depend on the order of addition: what is equal up to them is ordered by name.
fn rounded(x: f64) -> f64 {
    (x * 1e9).round()
}

/// The dimension that explains best first; those that cannot be ranked after, by name; refused ones last.
pub(super) fn rank(cuts: &mut [Cut]) {
    let total = |c: &Cut| c.score.and_then(|s| s.total).map(rounded);
    cuts.sort_by(|a, b| {
        let (ta, tb) = (total(a), total(b));
        let order = tb.is_some().cmp(&ta.is_some()).then_with(|| tb.unwrap_or(0.0).total_cmp(&ta.unwrap_or(0.0)));
        a.refused.is_some().cmp(&b.refused.is_some()).then(order).then_with(|| a.by.cmp(&b.by))
    });
}

/// Look into the largest parts of the best cuts by the next best dimension.
pub(super) fn nest(cuts: &mut [Cut], pair: &Pair<'_>) {
    let names: Vec<String> = cuts.iter().filter(|c| c.refused.is_none()).map(|c| c.by.clone()).collect();
    for cut in cuts.iter_mut().filter(|c| c.refused.is_none()).take(NESTED) {
        let Some(second) = names.iter().find(|n| **n != cut.by) else { return };
        for part in cut.parts.iter_mut().filter(|p| p.name != OTHER).take(NESTED) {
            part.inside = inside(&cut.by, part, second, &pair.was, &pair.is).map(Box::new);
        }
    }
}

fn inside(by: &str, part: &Part, second: &str, was: &Parts<'_>, is: &Parts<'_>) -> Option<Cut> {
    // The pieces of a Shapley value do not nest.
    if matches!(is.shape, Shape::Quantile(_) | Shape::Histogram(_) | Shape::PerUnit { .. }) {
        return None;
    }
    let (then, here) = (was.only(by, &part.name), is.only(by, &part.name));
    let (before, now) = (grouped(&then, second).0, grouped(&here, second).0);
    if before.len().max(now.len()) < 2 {
        return None;
    }
    let cut = if is.shape == Shape::Ratio {
        let whole = |p: &Parts<'_>| p.items.iter().map(|i| i.den).sum::<f64>();
        let weight = f64::midpoint(part.before.n / whole(was), part.now.n / whole(is));
        let mut cut = ratio(second, &before, &now);
        for p in &mut cut.parts {
            p.contribution *= weight;
            p.rate = p.rate.map(|r| r * weight);
            p.mix = p.mix.map(|m| m * weight);
        }
        cut.total *= weight;
        cut.gross *= weight;
        cut
    } else {
        of(second, was, is, &before, &now)
    };
    (cut.refused.is_none()).then(|| cut.bounded())
}
