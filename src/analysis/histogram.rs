//! Histograms with cumulative counts: repair, merge, quantile.
//!
//! A histogram here is two slices of equal length: ascending upper bounds, the last one infinite, and the counts at or
//! below each bound. Percentiles of a fleet come from merged histograms, never from percentiles.

/// Bounds and cumulative counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Upper bounds, ascending, the last one infinite.
    pub bounds: Vec<f64>,
    /// Observations at or below each bound.
    pub counts: Vec<f64>,
}

/// A quantile read from a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// In the unit of the bounds.
    pub value: f64,
    /// The rank lies above the last finite bound: the true value is at least this.
    pub is_lower_bound: bool,
}

impl Counts {
    /// From pairs of bound and cumulative count in any order, as reported. `NaN` pairs are dropped, equal bounds take the
    /// larger count, a count smaller than the one before is raised to it, and a missing infinite bound is added.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut pairs: Vec<(f64, f64)> = pairs.into_iter().filter(|(le, n)| !le.is_nan() && n.is_finite()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut out, mut reached) = (Self::default(), 0.0_f64);
        for (bound, count) in pairs {
            reached = reached.max(count);
            if out.bounds.last() == Some(&bound) {
                out.counts.pop();
                out.bounds.pop();
            }
            out.bounds.push(bound);
            out.counts.push(reached);
        }
        if out.bounds.last().is_some_and(|b| b.is_finite()) {
            out.bounds.push(f64::INFINITY);
            out.counts.push(reached);
        }
        out
    }

    /// All observations.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.counts.last().copied().unwrap_or(0.0)
    }

    /// Add `other` times `weight`. Equal bounds add bound by bound; unequal ones are cut to the bounds both have, where
    /// cumulative counts are exact. `false`, and nothing changed, when only the infinite bound is common.
    #[must_use]
    pub fn add(&mut self, other: &Self, weight: f64) -> bool {
        add(&mut self.bounds, &mut self.counts, (&other.bounds, &other.counts), weight)
    }

    /// The value below which the share `q` of the observations lies.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        quantile(&self.bounds, &self.counts, q)
    }
}

/// [`Counts::add`] on bare vectors.
#[must_use]
pub fn add(bounds: &mut Vec<f64>, counts: &mut Vec<f64>, other: (&[f64], &[f64]), weight: f64) -> bool {
    if other.0.is_empty() {
        return true;
    }
    if bounds.is_empty() {
        bounds.extend_from_slice(other.0);
        counts.extend(other.1.iter().map(|n| n * weight));
        return true;
    }
    if *bounds == *other.0 {
        for (mine, theirs) in counts.iter_mut().zip(other.1) {
            *mine += theirs * weight;
        }
        return true;
    }
    let mut both = (Vec::new(), Vec::new());
    for (bound, count) in bounds.iter().zip(counts.iter()) {
        if let Ok(at) = other.0.binary_search_by(|b| b.total_cmp(bound)) {
            both.0.push(*bound);
            both.1.push(count + other.1[at] * weight);
        }
    }
    if !both.0.iter().any(|b| b.is_finite()) {
        return false;
    }
    (*bounds, *counts) = both;
    true
}

/// Linear inside the bucket that holds the rank `q * total`; the lowest bucket begins at 0 (or at its bound, when that
/// is not positive). Above the last finite bound that bound is given and flagged. `None` without observations, without
/// a finite bound, or for `q` outside 0 to 1.
#[must_use]
pub fn quantile(bounds: &[f64], counts: &[f64], q: f64) -> Option<Quantile> {
    let total = *counts.last()?;
    if !(0.0..=1.0).contains(&q) || total <= 0.0 || !total.is_finite() || bounds.len() != counts.len() {
        return None;
    }
    let rank = q * total;
    let at = counts.iter().position(|n| *n >= rank && *n > 0.0)?;
    let upper = bounds[at];
    if upper == f64::INFINITY {
        let last = bounds[..at].iter().rev().find(|b| b.is_finite())?;
        return Some(Quantile { value: *last, is_lower_bound: true });
    }
    let (lower, below) = if at == 0 { (0.0_f64.min(upper), 0.0) } else { (bounds[at - 1], counts[at - 1]) };
    let inside = counts[at] - below;
    let value = if inside > 0.0 { lower + (upper - lower) * ((rank - below) / inside) } else { upper };
    Some(Quantile { value, is_lower_bound: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> (Counts, Counts) {
        let inf = f64::INFINITY;
        (Counts::from_pairs([(0.1, 1000.0), (1.0, 1000.0), (inf, 1000.0)]), Counts::from_pairs([(0.1, 0.0), (1.0, 100.0), (inf, 100.0)]))
    }

    #[test]
    fn a_fleet_percentile_comes_from_merged_buckets() {
        let (mut a, b) = pods();
        assert!(a.add(&b, 1.0));
        let q = a.quantile(0.95).unwrap();
        assert!((q.value - 0.505).abs() < 1e-12 && !q.is_lower_bound);
    }

    #[test]
    fn a_rank_above_the_last_finite_bound_is_a_lower_bound() {
        let h = Counts::from_pairs([(0.5, 90.0), (f64::INFINITY, 100.0)]);
        assert_eq!(h.quantile(0.95), Some(Quantile { value: 0.5, is_lower_bound: true }));
        let only_infinite = Counts::from_pairs([(f64::INFINITY, 100.0)]);
        assert_eq!(only_infinite.quantile(0.5), None);
    }

    #[test]
    fn unequal_bounds_are_cut_to_the_common_ones_or_refused() {
        let mut a = Counts::from_pairs([(0.1, 1.0), (0.5, 2.0), (f64::INFINITY, 3.0)]);
        assert!(a.add(&Counts::from_pairs([(0.25, 1.0), (0.5, 4.0), (f64::INFINITY, 5.0)]), 1.0));
        assert_eq!((a.bounds.clone(), a.counts.clone()), (vec![0.5, f64::INFINITY], vec![6.0, 8.0]));
        let before = a.clone();
        assert!(!a.add(&Counts::from_pairs([(0.7, 1.0), (f64::INFINITY, 1.0)]), 1.0));
        assert_eq!(a, before);
    }

    #[test]
    fn what_a_liar_reports_is_repaired_not_believed() {
        let h = Counts::from_pairs([(1.0, 5.0), (0.5, 7.0), (f64::NAN, 3.0), (2.0, f64::NAN)]);
        assert_eq!(h, Counts { bounds: vec![0.5, 1.0, f64::INFINITY], counts: vec![7.0, 7.0, 7.0] });
        assert_eq!(Counts::default().quantile(0.5), None);
        assert_eq!(h.quantile(1.5), None);
    }
}
