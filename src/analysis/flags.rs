//! What a series says about itself: standing still, asleep, restless, out of line, shifted.

use super::quantile;

/// Bounds of the flags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A range of at most this share of the median is standing still.
    pub static_rel: f64,
    /// Values looked at (weeks).
    pub weeks: usize,
    /// Fewer values than this say nothing.
    pub min_values: usize,
    /// Beyond this robust z a value is out of line.
    pub robust_z: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { static_rel: 0.02, weeks: 13, min_values: 10, robust_z: 3.5 }
    }
}

/// The last `rules.weeks` values.
fn recent<'a>(values: &'a [f64], rules: &Rules) -> &'a [f64] {
    &values[values.len().saturating_sub(rules.weeks)..]
}

/// Range at most `static_rel` of the median. `None` below the minimum of values.
#[must_use]
pub fn is_static(values: &[f64], rules: &Rules) -> Option<bool> {
    let values = recent(values, rules);
    let median = quantile::median(values).filter(|_| values.len() >= rules.min_values)?;
    let (least, greatest) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    Some(greatest - least <= rules.static_rel * median.abs())
}

/// Nothing happened at all: every underlying count is 0. `None` below the minimum of values.
#[must_use]
pub fn is_dormant(counts: &[f64], rules: &Rules) -> Option<bool> {
    let counts = recent(counts, rules);
    (counts.len() >= rules.min_values).then(|| counts.iter().all(|n| *n == 0.0))
}

/// `0.6745 (value - median) / MAD` against a reference. `None` without a reference or when its MAD is 0 (equal values).
#[must_use]
pub fn robust_z(reference: &[f64], value: f64) -> Option<f64> {
    let median = quantile::median(reference)?;
    let spread = mad(reference, median)?;
    (spread > 0.0).then(|| 0.6745 * (value - median) / spread)
}

/// Median absolute deviation.
fn mad(values: &[f64], median: f64) -> Option<f64> {
    quantile::median(&values.iter().map(|v| (v - median).abs()).collect::<Vec<_>>())
}

/// The last value against all before it, and whether it is out of line. With a MAD of 0 the range decides: a value
/// outside it by more than `static_rel` of the median is. `None` below the minimum of values.
#[must_use]
pub fn outlier(values: &[f64], rules: &Rules) -> Option<(bool, Option<f64>)> {
    let values = recent(values, rules);
    let (last, reference) = values.split_last().filter(|_| values.len() >= rules.min_values)?;
    if let Some(z) = robust_z(reference, *last) {
        return Some((z.abs() > rules.robust_z, Some(z)));
    }
    let median = quantile::median(reference)?;
    let (least, greatest) = reference.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let slack = rules.static_rel * median.abs();
    Some((*last < least - slack || *last > greatest + slack, None))
}

/// Restless: the recent half spreads (MAD) more than twice the earlier half, or the last value is out of line.
#[must_use]
pub fn is_volatile(values: &[f64], rules: &Rules) -> Option<bool> {
    let (jumped, _) = outlier(values, rules)?;
    let values = recent(values, rules);
    let (early, late) = values.split_at(values.len() / 2);
    let spread = |part: &[f64]| mad(part, quantile::median(part)?);
    let (before, now) = (spread(early)?, spread(late)?);
    Some(jumped || (before > 0.0 && now > 2.0 * before))
}

/// A lasting shift: the first index of each new level, oldest first. Deterministic: the split with the largest energy
/// distance between its sides is kept when a Student t test across it is beyond chance, then both sides are searched;
/// every segment has at least `least` values.
#[must_use]
pub fn changepoints(values: &[f64], least: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = vec![(0, values.len())];
    while let Some((from, to)) = open.pop() {
        let part = &values[from..to];
        if let Some(at) = best_split(part, least.max(2)).filter(|at| is_shift(&part[..*at], &part[*at..])) {
            found.push(from + at);
            open.extend([(from, from + at), (from + at, to)]);
        }
    }
    found.sort_unstable();
    found
}

fn best_split(values: &[f64], least: usize) -> Option<usize> {
    if values.len() < 2 * least || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    (least..=values.len() - least)
        .map(|at| (at, energy(&values[..at], &values[at..])))
        .fold(None, |best: Option<(usize, f64)>, next| if best.is_some_and(|b| b.1 >= next.1) { best } else { Some(next) })
        .filter(|(_, distance)| *distance > 0.0)
        .map(|(at, _)| at)
}

/// Energy distance scaled by the sizes, as in E-divisive.
fn energy(a: &[f64], b: &[f64]) -> f64 {
    let between = |x: &[f64], y: &[f64]| x.iter().flat_map(|v| y.iter().map(move |w| (v - w).abs())).sum::<f64>();
    let (n, m) = (a.len() as f64, b.len() as f64);
    let distance = 2.0 * between(a, b) / (n * m) - between(a, a) / (n * n) - between(b, b) / (m * m);
    distance * n * m / (n + m)
}

/// Welch's t beyond about one in a thousand (t = 3.5 stands for it at these sizes), or a step between constant sides.
fn is_shift(a: &[f64], b: &[f64]) -> bool {
    let moments = |x: &[f64]| {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
    };
    let ((m0, v0), (m1, v1)) = (moments(a), moments(b));
    let error = (v0 + v1).sqrt();
    if error > 0.0 { (m1 - m0).abs() / error > 3.5 } else { m0 != m1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_stands_still_and_one_that_jumps() {
        let rules = Rules::default();
        let coverage = [0.821, 0.822, 0.82, 0.821, 0.823, 0.822, 0.821, 0.82, 0.822, 0.821, 0.822, 0.823, 0.821];
        let deploys = [10.0, 11.0, 10.0, 12.0, 11.0, 10.0, 11.0, 12.0, 10.0, 11.0, 12.0, 11.0, 25.0];
        assert_eq!(is_static(&coverage, &rules), Some(true));
        assert_eq!(is_static(&deploys, &rules), Some(false));
        let (out, z) = outlier(&deploys, &rules).unwrap();
        assert!(out && (z.unwrap() - 9.443).abs() < 1e-3);
        assert_eq!(is_dormant(&[0.0; 13], &rules), Some(true));
        assert_eq!(is_static(&[0.5; 6], &rules), None);
        assert_eq!(is_volatile(&deploys, &rules), Some(true));
        assert_eq!(is_volatile(&coverage, &rules), Some(false));
    }

    #[test]
    fn equal_values_are_never_out_of_line() {
        assert_eq!(outlier(&[3.0; 12], &Rules::default()), Some((false, None)));
        let mut jump = [3.0; 12];
        jump[11] = 4.0;
        assert_eq!(outlier(&jump, &Rules::default()), Some((true, None)));
    }

    #[test]
    fn a_lasting_shift_is_found_where_it_happens_and_noise_is_not() {
        let step: Vec<f64> = (0..20).map(|i| if i < 12 { 10.0 } else { 14.0 } + f64::from(i % 3) * 0.5).collect();
        assert_eq!(changepoints(&step, 5), [12]);
        let noise: Vec<f64> = (0..20).map(|i| f64::from((i * 7) % 5)).collect();
        assert!(changepoints(&noise, 5).is_empty());
        assert!(changepoints(&[1.0, 2.0], 5).is_empty());
    }
}
