//! Intervals of estimates. Knows no records.

/// Normal quantile of a two-sided 95 % interval.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of a proportion `k` of `n`; `None` when `n` is not positive. `k` and `n` may be weights.
#[must_use]
pub fn wilson95(k: f64, n: f64) -> Option<(f64, f64)> {
    if n.is_nan() || n <= 0.0 {
        return None;
    }
    let (p, z2) = (k / n, Z95 * Z95);
    let centre = p + z2 / (2.0 * n);
    let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).max(0.0).sqrt();
    let scale = 1.0 + z2 / n;
    // the formula is exact at the ends; rounding must not put the bound past them
    Some((((centre - half) / scale).clamp(0.0, p), ((centre + half) / scale).clamp(p, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_in_twenty_still_allows_sixteen_per_cent() {
        let (low, high) = wilson95(0.0, 20.0).unwrap();
        assert_eq!(low, 0.0);
        assert!((high - 0.161).abs() < 0.001, "{high}");
    }

    #[test]
    fn two_of_forty_spans_one_to_seventeen_per_cent() {
        let (low, high) = wilson95(2.0, 40.0).unwrap();
        assert!((low - 0.0138).abs() < 0.0005 && (high - 0.1650).abs() < 0.0005, "{low} {high}");
        assert_eq!(wilson95(0.0, 0.0), None);
    }
}
