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
        Groups::Values(groups) => of_values(groups, q),
        Groups::Histograms(groups) => of_histograms(&common_bounds(groups)?, q),
    }
}

/// Both sides of each group.
type Sides<T> = BTreeMap<String, (T, T)>;

fn of_values(groups: &Sides<Vec<f64>>, q: f64) -> Option<Change> {
    let lists = groups.values().flat_map(|(was, is)| [was, is]);
    let mut all: Vec<(f64, u32)> =
        (0_u32..).zip(lists).flat_map(|(list, values)| values.iter().map(move |v| (*v, list))).filter(|(v, _)| v.is_finite()).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (values, lists): (Vec<f64>, Vec<u32>) = all.into_iter().unzip();
    Ranked::new(&values, lists, groups.len()).change(&groups.keys().cloned().collect::<Vec<_>>(), q)
}

fn of_histograms(groups: &Sides<Counts>, q: f64) -> Option<Change> {
    let bounds = groups.values().next()?.0.bounds.clone();
    let names: Vec<String> = groups.keys().cloned().collect();
    let Players { names, of_group, pooled } = Players::of(&names, |swapped| {
        let sides = groups.values().enumerate().map(|(g, (was, is))| if Some(g) == swapped { is } else { was });
        histogram::quantile(&bounds, &add_up(sides.map(|c| c.counts.as_slice()), bounds.len()), q).map(|found| found.value)
    })?;
    let side = |player: usize, pick: fn(&(Counts, Counts)) -> &Counts| {
        let mine = groups.values().zip(&of_group).filter(|(_, p)| **p == player);
        add_up(mine.map(|(both, _)| pick(both).counts.as_slice()), bounds.len())
    };
    let sides: Vec<[Vec<f64>; 2]> = (0..names.len()).map(|p| [side(p, |both| &both.0), side(p, |both| &both.1)]).collect();
    change(names, pooled, |mask| {
        let chosen = sides.iter().enumerate().map(|(p, both)| both[mask >> p & 1].as_slice());
        histogram::quantile(&bounds, &add_up(chosen, bounds.len()), q)
    })
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
fn add_up<'a>(many: impl Iterator<Item = &'a [f64]>, len: usize) -> Vec<f64> {
    let mut sum = vec![0.0; len];
    for counts in many {
        for (total, n) in sum.iter_mut().zip(counts) {
            *total += n;
        }
    }
    sum
}

/// Who plays: every group for itself, or the largest for themselves and the rest as one.
struct Players {
    names: Vec<String>,
    /// By group.
    of_group: Vec<usize>,
    /// Groups in [`OTHER`].
    pooled: usize,
}

impl Players {
    /// Keep the largest groups by the size of their leave-one-in effect (ties by name) and pool the rest as [`OTHER`].
    /// `value` is the quantile with this one group (by its place) taken from the current window, all others from before.
    fn of(groups: &[String], value: impl Fn(Option<usize>) -> Option<f64>) -> Option<Self> {
        if groups.len() <= MOST {
            return Some(Self { names: groups.to_vec(), of_group: (0..groups.len()).collect(), pooled: 0 });
        }
        let base = value(None)?;
        let effect = |g: usize| value(Some(g)).map_or(0.0, |v| (v - base).abs());
        let mut effects: Vec<(f64, usize)> = (0..groups.len()).map(|g| (effect(g), g)).collect();
        effects.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| groups[a.1].cmp(&groups[b.1])));
        let mut kept: Vec<usize> = effects[..MOST - 1].iter().map(|(_, g)| *g).collect();
        kept.sort_unstable();
        let mut names: Vec<String> = kept.iter().map(|g| groups[*g].clone()).collect();
        // A group that is itself called so keeps its name; the pool then gets a longer one.
        let mut rest = OTHER.to_owned();
        while names.contains(&rest) {
            rest.push_str(" groups");
        }
        names.push(rest);
        let of_group = (0..groups.len()).map(|g| kept.binary_search(&g).unwrap_or(MOST - 1)).collect();
        Some(Self { names, of_group, pooled: groups.len() - kept.len() })
    }
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

/// Values of several groups in both windows, all in one order, with cumulative counts per list at block ends: the k-th
/// value of any coalition is found without merging, by a bisection over blocks and a walk inside one.
///
/// A list is a group in a window: group × 2, plus 1 for the current one.
#[derive(Debug)]
pub struct Ranked<'a> {
    /// Ascending.
    values: &'a [f64],
    /// The list of each value.
    lists: Vec<u32>,
    /// Values per block.
    block: usize,
    /// Counts of each list before each block, block after block, and at the end.
    before: Vec<u32>,
    /// Number of lists.
    width: usize,
}

/// Fewest values per block; with many lists blocks are longer, so that the counts take less room than the values.
const BLOCK: usize = 128;

impl<'a> Ranked<'a> {
    /// `values` finite and ascending; the list of each below `groups * 2`.
    ///
    /// # Panics
    /// When a list is none of the groups'.
    #[must_use]
    pub fn new(values: &'a [f64], lists: Vec<u32>, groups: usize) -> Self {
        let width = groups * 2;
        let block = BLOCK.max(width * 4);
        let mut counts = vec![0_u32; width];
        let mut before = Vec::with_capacity((values.len() / block + 2) * width);
        for part in lists.chunks(block) {
            before.extend_from_slice(&counts);
            for list in part {
                counts[*list as usize] += 1;
            }
        }
        before.extend_from_slice(&counts);
        Self { values, lists, block, before, width }
    }

    /// How many values a group has in a window, and their quantile.
    #[must_use]
    pub fn own(&self, group: usize, is_now: bool, q: f64) -> (usize, Option<f64>) {
        let list = group * 2 + usize::from(is_now);
        let count = |row: &[u32]| row[list] as usize;
        (count(self.row(self.blocks() - 1)), self.quantile(q, count, |l| l as usize == list))
    }

    /// The change of the quantile `q` over the groups, named in their order; `None` when a pool is empty.
    #[must_use]
    pub fn change(self, names: &[String], q: f64) -> Option<Change> {
        let Players { names, of_group, pooled } = Players::of(names, |swapped| self.coalition(|g| Some(g) == swapped, q))?;
        let table = if pooled > 0 { self.regrouped(&of_group, names.len()) } else { self };
        change(names, pooled, |mask| table.coalition(|g| mask >> g & 1 == 1, q).map(|value| Quantile { value, is_lower_bound: false }))
    }

    /// The same values, where several groups are one.
    fn regrouped(self, of_group: &[usize], groups: usize) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "there are at most as many as before, and those were u32")]
        let new: Vec<u32> = of_group.iter().flat_map(|g| [*g as u32 * 2, *g as u32 * 2 + 1]).collect();
        let mut lists = self.lists;
        for list in &mut lists {
            *list = new[*list as usize];
        }
        Self::new(self.values, lists, groups)
    }

    /// The quantile of the pool in which the groups for which `is_now` holds are taken from the current window.
    fn coalition(&self, is_now: impl Fn(usize) -> bool, q: f64) -> Option<f64> {
        let lists: Vec<usize> = (0..self.width / 2).map(|g| g * 2 + usize::from(is_now(g))).collect();
        let count = |row: &[u32]| lists.iter().map(|list| row[*list] as usize).sum();
        self.quantile(q, count, |list| lists[list as usize / 2] == list as usize)
    }

    fn blocks(&self) -> usize {
        self.before.len() / self.width.max(1)
    }

    fn row(&self, block: usize) -> &[u32] {
        &self.before[block * self.width..(block + 1) * self.width]
    }

    /// The quantile of the lists that `takes` names and `count` adds up.
    fn quantile(&self, q: f64, count: impl Fn(&[u32]) -> usize, takes: impl Fn(u32) -> bool) -> Option<f64> {
        let last = self.blocks().checked_sub(1)?;
        let len = count(self.row(last));
        if len == 0 {
            return None;
        }
        let (k, share) = rank(len, q);
        let (mut low, mut high) = (0, last);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if count(self.row(middle)) <= k { low = middle } else { high = middle }
        }
        let from = low * self.block;
        let taken = self.lists[from..].iter().zip(&self.values[from..]).filter(|(list, _)| takes(**list));
        let mut rest = taken.map(|(_, value)| *value).skip(k - count(self.row(low)));
        let value = rest.next()?;
        Some(if share == 0.0 { value } else { value + share * (rest.next().unwrap_or(value) - value) })
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
