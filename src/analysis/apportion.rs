//! Splitting an amount so that the parts sum to the whole exactly (largest remainder).

use crate::domain::Decimal;

/// `total` in proportion to `weights`, each part a multiple of the last digit of `total` (of a cent at the coarsest).
/// Negative weights count as 0; when nothing weighs, the parts are equal, so that no amount vanishes. What rounding
/// leaves goes to the largest remainders, ties in order. Empty without weights.
#[must_use]
pub fn apportion(total: Decimal, weights: &[Decimal]) -> Vec<Decimal> {
    let mut weights: Vec<Decimal> = weights.iter().map(|w| (*w).max(Decimal::ZERO)).collect();
    let mut sum: Decimal = weights.iter().sum();
    if sum.is_zero() {
        weights.fill(Decimal::ONE);
        sum = Decimal::from(weights.len());
    }
    let scale = total.normalize().scale().max(2);
    let exact: Vec<Decimal> = weights.iter().map(|w| total.checked_mul(*w).map_or_else(|| total * (*w / sum), |p| p / sum)).collect();
    let mut parts: Vec<Decimal> = exact.iter().map(|e| e.trunc_with_scale(scale)).collect();
    let mut left = total - parts.iter().sum::<Decimal>();
    let unit = if left.is_sign_negative() { -Decimal::new(1, scale) } else { Decimal::new(1, scale) };
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|a, b| (exact[*b] - parts[*b]).abs().cmp(&(exact[*a] - parts[*a]).abs()).then(a.cmp(b)));
    for at in order {
        if left.is_zero() {
            break;
        }
        parts[at] += unit;
        left -= unit;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(total: &str, weights: &[i64]) -> Vec<String> {
        let weights: Vec<Decimal> = weights.iter().map(|w| Decimal::from(*w)).collect();
        let parts = apportion(total.parse().unwrap(), &weights);
        if !parts.is_empty() {
            assert_eq!(parts.iter().sum::<Decimal>(), total.parse().unwrap());
        }
        parts.iter().map(|p| p.normalize().to_string()).collect()
    }

    #[test]
    fn the_parts_sum_to_the_whole_to_the_cent() {
        assert_eq!(parts("90", &[400, 200]), ["60", "30"]);
        assert_eq!(parts("100", &[1, 1, 1]), ["33.34", "33.33", "33.33"]);
        assert_eq!(parts("-0.05", &[1, 1]), ["-0.03", "-0.02"]);
        assert_eq!(parts("0.001", &[2, 1]), ["0.001", "0"]);
    }

    #[test]
    fn what_weighs_nothing_is_split_equally_and_never_vanishes() {
        assert_eq!(parts("10", &[0, 0]), ["5", "5"]);
        assert_eq!(parts("10", &[-4, 2]), ["0", "10"]);
        assert_eq!(parts("-9.69", &[-4, 0]), ["-4.85", "-4.84"]);
        assert!(parts("10", &[]).is_empty());
    }
}
