//! Why a quantile moved: exact Shapley values over groups.
//!
//! A coalition takes its groups from the current window and all others from the baseline; its value is the quantile of the
//! pooled data. A group's value is its marginal change averaged over all orders, so the values add up to the change. All
//! 2^groups coalitions are counted out, no sampling, so the result is deterministic.

use std::collections::BTreeMap;

use super::histogram::{self, Counts, Quantile};

/// Most players; beyond it the smallest are pooled.
pub const MOST: usize = 12;

/// Name of the pooled rest.
pub const OTHER: &str = "other";

/// The values (or histogram) of each group, before and now.
#[derive(Debug, Clone, PartialEq)]
pub enum Groups {
    /// Raw values, quantile type 7.
    Values(BTreeMap<String, (Vec<f64>, Vec<f64>)>),
    /// Histograms, linear inside a bucket.
    Histograms(BTreeMap<String, (Counts, Counts)>),
}

/// A quantile's change over groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Quantile before and now.
    pub value: (f64, f64),
    /// By group; they add up to the change.
    pub parts: BTreeMap<String, f64>,
    /// Some coalition's rank lies above the last finite bound: the change is only known from below.
    pub is_lower_bound: bool,
    /// Value of every coalition, by bit mask over `players`.
    pub coalitions: Vec<f64>,
    /// The groups in the order of the mask's bits.
    pub players: Vec<String>,
    /// How many groups are in [`OTHER`].
    pub pooled: usize,
}

impl Change {
    /// Now less before.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.value.1 - self.value.0
    }

    /// Coalition values by the names in them, joined by commas.
    #[must_use]
    pub fn coalitions_by_name(&self) -> BTreeMap<String, f64> {
        let name = |mask: usize| {
            let names: Vec<&str> = self.players.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, p)| p.as_str()).collect();
            names.join(",")
        };
        self.coalitions.iter().enumerate().map(|(mask, v)| (name(mask), *v)).collect()
    }
}

/// Decompose the change of the quantile `q`. `None` (refused, not zero) when a pool is empty or histograms share no finite
/// bound.
#[must_use]
pub fn quantile(groups: &Groups, q: f64) -> Option<Change> {
    match groups {
        Groups::Values(groups) => of_values(groups.clone(), q),
        Groups::Histograms(groups) => of_histograms(&common_bounds(groups)?, q),
    }
}

/// Both sides of each group.
type Sides<T> = BTreeMap<String, (T, T)>;

/// [`quantile`] of raw values that nobody needs any more; quickest when each list is sorted already.
#[must_use]
pub fn of_values(mut groups: Sides<Vec<f64>>, q: f64) -> Option<Change> {
    for values in groups.values_mut().flat_map(|(was, is)| [was, is]) {
        values.retain(|v| v.is_finite());
        values.sort_unstable_by(f64::total_cmp);
    }
    let all = Ranked::new(&groups);
    let (players, pooled) = pool(groups, |swapped| all.quantile(|g| Some(g) == swapped, q), merge)?;
    let table = if pooled > 0 { Ranked::new(&players) } else { all };
    change(players.into_keys().collect(), pooled, |mask| {
        table.quantile(|g| mask >> g & 1 == 1, q).map(|value| Quantile { value, is_lower_bound: false })
    })
}

fn of_histograms(groups: &Sides<Counts>, q: f64) -> Option<Change> {
    let bounds = groups.values().next()?.0.bounds.clone();
    let (players, pooled) = pool(
        groups.clone(),
        |swapped| {
            let sides = groups.values().enumerate().map(|(g, (was, is))| if Some(g) == swapped { is } else { was });
            histogram::quantile(&bounds, &add_up(sides, bounds.len()), q).map(|found| found.value)
        },
        |many| Counts { bounds: bounds.clone(), counts: add_up(many.iter().copied(), bounds.len()) },
    )?;
    let sides: Vec<&(Counts, Counts)> = players.values().collect();
    change(players.keys().cloned().collect(), pooled, |mask| {
        let chosen = sides.iter().enumerate().map(|(g, (was, is))| if mask >> g & 1 == 1 { is } else { was });
        histogram::quantile(&bounds, &add_up(chosen, bounds.len()), q)
    })
}

fn merge(many: &[&Vec<f64>]) -> Vec<f64> {
    let mut all: Vec<f64> = many.iter().flat_map(|v| v.iter().copied()).collect();
    // Of sorted lists: a stable sort merges them.
    all.sort_by(f64::total_cmp);
    all
}

/// Index below and the share above it, type 7.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is within 0..len")]
fn rank(len: usize, q: f64) -> (usize, f64) {
    let h = q.clamp(0.0, 1.0) * len.saturating_sub(1) as f64;
    ((h.floor() as usize).min(len.saturating_sub(1)), h.fract())
}

/// Histograms with the bounds all of them have; `None` when no finite bound is common.
fn common_bounds(groups: &Sides<Counts>) -> Option<Sides<Counts>> {
    let sides = || groups.values().flat_map(|(a, b)| [a, b]).filter(|c| !c.bounds.is_empty());
    let mut common = sides().next()?.bounds.clone();
    for side in sides() {
        common.retain(|b| side.bounds.binary_search_by(|x| x.total_cmp(b)).is_ok());
    }
    if !common.iter().any(|b| b.is_finite()) {
        return None;
    }
    let cut = |c: &Counts| {
        let at = |b: &f64| c.bounds.binary_search_by(|x| x.total_cmp(b)).map_or(0.0, |i| c.counts[i]);
        Counts { bounds: common.clone(), counts: common.iter().map(at).collect() }
    };
    Some(groups.iter().map(|(name, (a, b))| (name.clone(), (cut(a), cut(b)))).collect())
}

/// Cumulative counts of histograms with the same `len` bounds.
fn add_up<'a>(many: impl Iterator<Item = &'a Counts>, len: usize) -> Vec<f64> {
    let mut sum = vec![0.0; len];
    for counts in many {
        for (total, n) in sum.iter_mut().zip(&counts.counts) {
            *total += n;
        }
    }
    sum
}

/// Keep the largest groups by the size of their leave-one-in effect (ties by name) and pool the rest as [`OTHER`].
/// `value` is the quantile with this one group (by its place) taken from the current window, all others from before.
fn pool<T>(groups: Sides<T>, value: impl Fn(Option<usize>) -> Option<f64>, merge: impl Fn(&[&T]) -> T) -> Option<(Sides<T>, usize)> {
    if groups.len() <= MOST {
        return Some((groups, 0));
    }
    let base = value(None)?;
    let effect = |(i, name): (usize, &String)| (value(Some(i)).map_or(0.0, |v| (v - base).abs()), name.clone());
    let mut effects: Vec<(f64, String)> = groups.keys().enumerate().map(effect).collect();
    effects.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let (mut kept, mut rest) = (groups, Sides::new());
    for (_, name) in effects.split_off(MOST - 1) {
        rest.extend(kept.remove_entry(&name));
    }
    // A group that is itself called so keeps its name; the pool then gets a longer one.
    let mut name = OTHER.to_owned();
    while kept.contains_key(&name) {
        name.push_str(" groups");
    }
    let (was, is): (Vec<&T>, Vec<&T>) = rest.values().map(|(a, b)| (a, b)).unzip();
    kept.insert(name, (merge(&was), merge(&is)));
    Some((kept, rest.len()))
}

/// Shapley values of a game given by its coalition values.
fn change(players: Vec<String>, pooled: usize, mut value: impl FnMut(usize) -> Option<Quantile>) -> Option<Change> {
    let n = players.len();
    let mut coalitions = Vec::with_capacity(1 << n);
    let mut is_lower_bound = false;
    for mask in 0..1_usize << n {
        let found = value(mask)?;
        is_lower_bound |= found.is_lower_bound;
        coalitions.push(found.value);
    }
    let weights = weights(n);
    let mut parts = BTreeMap::new();
    for (i, player) in players.iter().enumerate() {
        let bit = 1 << i;
        let phi: f64 = (0..coalitions.len())
            .filter(|mask| mask & bit == 0)
            .map(|mask| weights[mask.count_ones() as usize] * (coalitions[mask | bit] - coalitions[mask]))
            .sum();
        parts.insert(player.clone(), phi);
    }
    let value = (*coalitions.first()?, *coalitions.last()?);
    Some(Change { value, parts, is_lower_bound, coalitions, players, pooled })
}

/// `s! (n-1-s)! / n!` by size of the coalition joined.
fn weights(n: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(n);
    let mut weight = if n == 0 { 0.0 } else { 1.0 / n as f64 };
    for s in 0..n {
        out.push(weight);
        weight *= (s + 1) as f64 / (n - 1 - s).max(1) as f64;
    }
    out
}

/// All values in one order, with cumulative counts per list at block ends, so that the k-th value of any coalition is found
/// without merging: a bisection over blocks, then a walk inside one.
struct Ranked {
    /// Value and list (group * 2, plus 1 for the current window), ascending.
    all: Vec<(f64, usize)>,
    /// Counts of each list before each block, block after block.
    before: Vec<u32>,
    lengths: Vec<usize>,
}

/// Values per block.
const BLOCK: usize = 256;

impl Ranked {
    fn new(groups: &Sides<Vec<f64>>) -> Self {
        let lists: Vec<&Vec<f64>> = groups.values().flat_map(|(a, b)| [a, b]).collect();
        let mut all: Vec<(f64, usize)> = lists.iter().enumerate().flat_map(|(i, l)| l.iter().map(move |v| (*v, i))).collect();
        // The lists are sorted, and a stable sort merges what is.
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut counts = vec![0_u32; lists.len()];
        let mut before = Vec::with_capacity((all.len() / BLOCK + 2) * lists.len());
        for block in all.chunks(BLOCK) {
            before.extend_from_slice(&counts);
            for (_, list) in block {
                counts[*list] += 1;
            }
        }
        before.extend_from_slice(&counts);
        Self { all, before, lengths: lists.iter().map(|l| l.len()).collect() }
    }

    /// The quantile of the pool in which the groups for which `is_now` holds are taken from the current window.
    fn quantile(&self, is_now: impl Fn(usize) -> bool, q: f64) -> Option<f64> {
        let chosen: Vec<bool> = (0..self.lengths.len()).map(|list| is_now(list / 2) == (list % 2 == 1)).collect();
        let len: usize = self.lengths.iter().zip(&chosen).filter(|(_, c)| **c).map(|(l, _)| l).sum();
        if len == 0 {
            return None;
        }
        let (low, share) = rank(len, q);
        let (value, next) = self.nth(low, &chosen)?;
        Some(if share == 0.0 { value } else { value + share * (next.unwrap_or(value) - value) })
    }

    /// The k-th value (from 0) of the chosen lists, and the one after it.
    fn nth(&self, k: usize, chosen: &[bool]) -> Option<(f64, Option<f64>)> {
        let lists = self.lengths.len();
        let blocks = self.before.len() / lists.max(1);
        let upto = |block: usize| {
            let counts = &self.before[block * lists..(block + 1) * lists];
            counts.iter().zip(chosen).filter(|(_, c)| **c).map(|(n, _)| *n as usize).sum::<usize>()
        };
        let (mut low, mut high) = (0, blocks);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if upto(middle) <= k { low = middle } else { high = middle }
        }
        let mut rest = self.all[low * BLOCK..].iter().filter(|(_, list)| chosen[*list]).map(|(value, _)| *value).skip(k - upto(low));
        Some((rest.next()?, rest.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(list: &[(&str, &[f64], &[f64])]) -> Groups {
        Groups::Values(list.iter().map(|(n, a, b)| ((*n).to_owned(), (a.to_vec(), b.to_vec()))).collect())
    }

    #[test]
    fn a_median_splits_over_teams_exactly() {
        let change = quantile(&groups(&[("A", &[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), ("B", &[10.0], &[10.0, 12.0, 14.0])]), 0.5).unwrap();
        assert_eq!(change.value, (2.5, 8.0));
        assert_eq!(change.parts, BTreeMap::from([("A".to_owned(), 2.0), ("B".to_owned(), 3.5)]));
    }

    #[test]
    fn an_empty_pool_is_refused_and_an_absent_group_is_not() {
        assert!(quantile(&groups(&[("A", &[], &[1.0])]), 0.5).is_none());
        let change = quantile(&groups(&[("A", &[1.0], &[1.0]), ("B", &[], &[5.0])]), 0.5).unwrap();
        assert_eq!(change.parts["B"], 2.0);
    }

    #[test]
    fn a_rank_in_the_infinite_bucket_makes_the_change_a_lower_bound() {
        let h = |n: &[f64]| Counts { bounds: vec![0.1, 0.5, f64::INFINITY], counts: n.to_vec() };
        let groups = BTreeMap::from([("A".to_owned(), (h(&[50.0, 100.0, 100.0]), h(&[50.0, 80.0, 100.0])))]);
        let change = quantile(&Groups::Histograms(groups), 0.95).unwrap();
        assert!(change.is_lower_bound);
        assert!((change.total() - (0.5 - 0.46)).abs() < 1e-12);
    }

    #[test]
    fn thirteen_groups_become_eleven_and_the_rest() {
        let groups = (0..15).map(|i| (format!("g{i:02}"), (vec![1.0, 2.0, 3.0], vec![f64::from(i); 3]))).collect();
        let change = quantile(&Groups::Values(groups), 0.5).unwrap();
        assert_eq!((change.players.len(), change.pooled), (MOST, 4));
        assert!((change.parts.values().sum::<f64>() - change.total()).abs() < 1e-9);
    }

    #[test]
    fn the_weights_of_all_orders_sum_to_one() {
        for n in 1..=MOST {
            let binomial = |s: usize| (0..s).fold(1.0, |b, i| b * (n - 1 - i) as f64 / (i + 1) as f64);
            let sum: f64 = weights(n).iter().enumerate().map(|(s, w)| w * binomial(s)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{n}: {sum}");
        }
    }
}
