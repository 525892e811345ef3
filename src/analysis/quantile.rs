//! Quantiles of raw values. Knows no units and no records.

use super::order;

/// The type-7 quantile (linear between order statistics, as `PERCENTILE_CONT` and numpy have it) of `values` at `q` in
/// `[0, 1]`; `None` when there are no values. Linear time, because boards ask for it often.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is within 0..len")]
pub fn type7(values: &[f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let rank = q.clamp(0.0, 1.0) * last as f64;
    let mut keys: Vec<i64> = values.iter().map(|v| order::key(*v)).collect();
    let (_, low, above) = keys.select_nth_unstable((rank.floor() as usize).min(last));
    let low = order::value(*low);
    let share = rank.fract();
    if share == 0.0 {
        return Some(low);
    }
    let high = above.iter().min().map_or(low, |key| order::value(*key));
    Some(low + share * (high - low))
}

/// The middle value; the mean of the middle two when there are evenly many.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    type7(values, 0.5)
}

/// The arithmetic mean; `None` when there are no values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_number_has_the_mean_of_the_middle_two() {
        assert_eq!(median(&[10.0, 1.0, 4.0, 2.0]), Some(3.0));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ranks_between_two_values_are_linear() {
        let p90 = type7(&[10.0, 1.0, 4.0, 2.0], 0.9).unwrap();
        assert!((p90 - 8.2).abs() < 1e-12, "{p90}");
        assert_eq!(type7(&[3.0, 1.0], 1.0), Some(3.0));
        assert_eq!(type7(&[3.0, 1.0], 0.0), Some(1.0));
    }
}
