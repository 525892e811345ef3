//! Bands of single metrics: the answer categories of DORA's Quick Check, one metric at a time. No cluster, no level.

/// Upper bounds (seconds, exclusive) and names of durations, best first.
const DURATIONS: &[(f64, &str)] = &[
    (3_600.0, "within an hour"),
    (86_400.0, "within a day"),
    (604_800.0, "within a week"),
    (2_592_000.0, "within 30 days"),
    (15_768_000.0, "within six months"),
];

/// Lower bounds (deployments per day, inclusive) and names, best first.
const FREQUENCIES: &[(f64, &str)] =
    &[(2.0, "on demand"), (1.0, "daily"), (1.0 / 7.0, "weekly"), (12.0 / 365.0, "monthly"), (2.0 / 365.0, "every six months")];

/// The worst band, of both.
const WORST: &str = "more than six months";

/// Quick Check category, 6 (best) to 1, and its name for a lead time or a recovery time.
#[must_use]
pub fn duration(seconds: f64) -> (u8, &'static str) {
    rank(DURATIONS.iter().map(|(bound, name)| (seconds < *bound, *name)))
}

/// Quick Check category, 6 (best) to 1, and its name for deployments per day.
#[must_use]
pub fn frequency(per_day: f64) -> (u8, &'static str) {
    // a rate that is exactly one per week must not miss its band by a rounding of the division
    rank(FREQUENCIES.iter().map(|(bound, name)| (per_day >= bound * (1.0 - 1e-12), *name)))
}

/// Score (0 to 10) of a Quick Check category.
#[must_use]
pub fn score(category: u8) -> f64 {
    f64::from(category.clamp(1, 6) - 1) * 2.0
}

/// Score (0 to 10) of a share of failures or rework: the fewer the better.
#[must_use]
pub fn score_of_share(share: f64) -> f64 {
    10.0 - 10.0 * share
}

fn rank(bands: impl Iterator<Item = (bool, &'static str)>) -> (u8, &'static str) {
    (2..=6).rev().zip(bands).find(|(_, (inside, _))| *inside).map_or((1, WORST), |(category, (_, name))| (category, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_next_band_for_durations_and_to_its_own_for_rates() {
        assert_eq!(duration(3_599.9), (6, "within an hour"));
        assert_eq!(duration(3_600.0), (5, "within a day"));
        assert_eq!(duration(15_768_000.0), (1, WORST));
        assert_eq!(frequency(2.0), (6, "on demand"));
        assert_eq!(frequency(4.0 / 28.0), (4, "weekly"));
        assert_eq!(frequency(0.0), (1, WORST));
    }
}
