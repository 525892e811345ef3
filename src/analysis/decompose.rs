//! Why a number moved, exactly: contributions that add up to the change.
//!
//! Accounting, not causes. Cuts of different dimensions or identities are alternatives and are never added together.
//! Everything is symmetric in time: swapping the windows flips every sign.

use std::collections::BTreeMap;

/// Numerator (or sum) and denominator (or count) of one group.
pub type Part = (f64, f64);

/// Groups of one window.
pub type Groups = BTreeMap<String, Part>;

/// What one group contributes to the change of a ratio or mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RateMix {
    /// Through its own rate.
    pub rate: f64,
    /// Through its weight, against the mean of all.
    pub mix: f64,
}

impl RateMix {
    /// Both together.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.rate + self.mix
    }
}

/// The change of a ratio over groups.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioChange {
    /// Before and now.
    pub value: (f64, f64),
    /// By group; the sums add up to the change.
    pub parts: BTreeMap<String, RateMix>,
}

impl RatioChange {
    /// Now less before.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.value.1 - self.value.0
    }

    /// Through rates only.
    #[must_use]
    pub fn rate_total(&self) -> f64 {
        self.parts.values().map(|p| p.rate).sum()
    }

    /// Through weights only.
    #[must_use]
    pub fn mix_total(&self) -> f64 {
        self.parts.values().map(|p| p.mix).sum()
    }
}

/// Sum over sum; `None` when there is nothing below the line.
#[must_use]
pub fn ratio_of(groups: &Groups) -> Option<f64> {
    let (top, bottom) = groups.values().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    (bottom > 0.0 && top.is_finite() && bottom.is_finite()).then(|| top / bottom)
}

/// Rate and mix (Kitagawa, midpoint weights, centred on the mean total): for ratios and for means. A group without a
/// denominator on one side has no rate there; it takes the other side's and is mix only. `None` when either window is
/// empty or a denominator is negative.
#[must_use]
pub fn ratio(before: &Groups, now: &Groups) -> Option<RatioChange> {
    if before.values().chain(now.values()).any(|p| !p.0.is_finite() || !p.1.is_finite() || p.1 < 0.0) {
        return None;
    }
    let (r0, r1) = (ratio_of(before)?, ratio_of(now)?);
    let all = |g: &Groups| g.values().map(|p| p.1).sum::<f64>();
    let (d0, d1) = (all(before), all(now));
    let mean = f64::midpoint(r0, r1);
    let mut parts = BTreeMap::new();
    for name in before.keys().chain(now.keys()) {
        let side = |groups: &Groups| groups.get(name).copied().unwrap_or_default();
        let (was, is) = (side(before), side(now));
        let rate = |p: Part| (p.1 > 0.0).then(|| p.0 / p.1);
        let (w0, w1) = (was.1 / d0, is.1 / d1);
        let (g0, g1) = match (rate(was), rate(is)) {
            (Some(a), Some(b)) => (a, b),
            (Some(a), None) => (a, a),
            (None, Some(b)) => (b, b),
            (None, None) => (mean, mean),
        };
        parts.insert(name.clone(), RateMix { rate: f64::midpoint(w0, w1) * (g1 - g0), mix: (f64::midpoint(g0, g1) - mean) * (w1 - w0) });
    }
    // A numerator without a denominator belongs to no rate; it is told as rate of its group so that the sum holds.
    for (name, part) in &mut parts {
        let alone = |groups: &Groups, d: f64| groups.get(name).filter(|p| p.1 == 0.0).map_or(0.0, |p| p.0 / d);
        part.rate += alone(now, d1) - alone(before, d0);
    }
    Some(RatioChange { value: (r0, r1), parts })
}

/// Contributions inside one group, scaled by its mean weight so that they add up to that group's rate effect.
#[must_use]
pub fn nested(before: &Groups, now: &Groups, mean_weight: f64) -> Option<RatioChange> {
    let mut change = ratio(before, now)?;
    for part in change.parts.values_mut() {
        part.rate *= mean_weight;
        part.mix *= mean_weight;
    }
    Some(change)
}

/// Counts over windows of different length: differences of rates per unit of exposure. `None` without exposure.
#[must_use]
pub fn counts(before: (&BTreeMap<String, f64>, f64), now: (&BTreeMap<String, f64>, f64)) -> Option<BTreeMap<String, f64>> {
    let ((n0, t0), (n1, t1)) = (before, now);
    if !(t0 > 0.0 && t1 > 0.0 && t0.is_finite() && t1.is_finite()) {
        return None;
    }
    let rate = |counts: &BTreeMap<String, f64>, name: &String, t: f64| counts.get(name).copied().unwrap_or(0.0) / t;
    Some(n0.keys().chain(n1.keys()).map(|g| (g.clone(), rate(n1, g, t1) - rate(n0, g, t0))).collect())
}

/// Plain differences: sums by group, and stages whose means add up to the mean of the whole.
#[must_use]
pub fn differences(before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let at = |side: &BTreeMap<String, f64>, name: &String| side.get(name).copied().unwrap_or(0.0);
    before.keys().chain(now.keys()).map(|g| (g.clone(), at(now, g) - at(before, g))).collect()
}

/// Change of `x * y`, by factor.
#[must_use]
pub fn product2(x: (f64, f64), y: (f64, f64)) -> [f64; 2] {
    [(x.1 - x.0) * f64::midpoint(y.0, y.1), (y.1 - y.0) * f64::midpoint(x.0, x.1)]
}

/// Change of `x * y * z`, by factor (each factor's Shapley value).
#[must_use]
pub fn product3(x: (f64, f64), y: (f64, f64), z: (f64, f64)) -> [f64; 3] {
    let one = |a: (f64, f64), b: (f64, f64), c: (f64, f64)| (a.1 - a.0) * ((b.0 * c.0 + b.1 * c.1) / 3.0 + (b.0 * c.1 + b.1 * c.0) / 6.0);
    [one(x, y, z), one(y, x, z), one(z, x, y)]
}

/// Change of `c / u`, by numerator and denominator. `None` when a denominator is not positive.
#[must_use]
pub fn quotient(c: (f64, f64), u: (f64, f64)) -> Option<[f64; 2]> {
    (u.0 > 0.0 && u.1 > 0.0).then(|| product2(c, (1.0 / u.0, 1.0 / u.1)))
}

/// Sum of the absolute contributions: movement that cancels in the net is still movement.
#[must_use]
pub fn gross<'a>(contributions: impl IntoIterator<Item = &'a f64>) -> f64 {
    contributions.into_iter().map(|c| c.abs()).sum()
}

/// Names by size of contribution, ties by name, until `share` of the gross is shown; the rest is summed.
#[must_use]
pub fn ranked(contributions: &BTreeMap<String, f64>, share: f64) -> (Vec<(String, f64)>, f64) {
    let mut order: Vec<(String, f64)> = contributions.iter().map(|(g, c)| (g.clone(), *c)).collect();
    order.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    let all = gross(contributions.values());
    let (mut shown, mut keep) = (0.0, 0);
    while keep < order.len() && shown < share * all {
        shown += order[keep].1.abs();
        keep += 1;
    }
    let rest = order.split_off(keep).iter().map(|c| c.1).sum();
    (order, rest)
}

/// How well a dimension explains a change: concentrated in few groups, and surprising against where the weight was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DimensionScore {
    /// Share of the gross movement in the two largest groups, less the share their weights would make expect.
    pub concentration: f64,
    /// Jensen-Shannon distance (0 to 1) between the shares before and now.
    pub surprise: f64,
    /// Taken off for many groups.
    pub cardinality: f64,
    /// Share of the rows that have a value for this dimension.
    pub covered: f64,
    /// The parts together; `None` when the dimension covers too little.
    pub total: Option<f64>,
}

/// Least share of rows a dimension must cover to be ranked.
pub const LEAST_COVERED: f64 = 0.8;

/// Score a dimension from its contributions, the weights of its groups, and the numerators before and now.
#[must_use]
pub fn score(
    contributions: &BTreeMap<String, f64>,
    weights: &BTreeMap<String, f64>,
    numerators: (&BTreeMap<String, f64>, &BTreeMap<String, f64>),
    covered: f64,
) -> DimensionScore {
    let all = gross(contributions.values());
    let mut order: Vec<(&String, f64)> = contributions.iter().map(|(g, c)| (g, c.abs())).collect();
    // The last digits depend on the order of addition: groups that are equal up to them are ordered by name.
    let size = |moved: f64| if all > 0.0 { (moved / all * 1e9).round() } else { 0.0 };
    order.sort_by(|a, b| size(b.1).total_cmp(&size(a.1)).then_with(|| a.0.cmp(b.0)));
    let weight_all: f64 = weights.values().sum();
    let top = &order[..order.len().min(2)];
    let moved = if all > 0.0 { top.iter().map(|t| t.1).sum::<f64>() / all } else { 0.0 };
    let expected = if weight_all > 0.0 { top.iter().filter_map(|t| weights.get(t.0)).sum::<f64>() / weight_all } else { 0.0 };
    let concentration = moved - expected;
    let surprise = jensen_shannon(numerators.0, numerators.1);
    let cardinality = 0.05 * (contributions.len().max(1) as f64).ln();
    let total = (covered >= LEAST_COVERED).then_some(concentration + surprise - cardinality);
    DimensionScore { concentration, surprise, cardinality, covered, total }
}

/// Jensen-Shannon distance of two sets of shares (square root of the divergence, base 2). Negative amounts count as 0.
#[must_use]
pub fn jensen_shannon(p: &BTreeMap<String, f64>, q: &BTreeMap<String, f64>) -> f64 {
    let all = |m: &BTreeMap<String, f64>| m.values().map(|v| v.max(0.0)).sum::<f64>();
    let (sp, sq) = (all(p), all(q));
    if sp <= 0.0 || sq <= 0.0 {
        return 0.0;
    }
    let share = |m: &BTreeMap<String, f64>, g: &String, s: f64| m.get(g).copied().unwrap_or(0.0).max(0.0) / s;
    let term = |a: f64, m: f64| if a > 0.0 { a * (a / m).log2() } else { 0.0 };
    let names: std::collections::BTreeSet<&String> = p.keys().chain(q.keys()).collect();
    let divergence: f64 = names
        .into_iter()
        .map(|g| {
            let (a, b) = (share(p, g, sp), share(q, g, sq));
            let middle = f64::midpoint(a, b);
            f64::midpoint(term(a, middle), term(b, middle))
        })
        .sum();
    // Of equal shares the root would make something of what rounding leaves.
    if divergence < 1e-12 { 0.0 } else { divergence.sqrt() }
}
