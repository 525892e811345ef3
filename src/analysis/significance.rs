//! Is a difference more than chance? Exact tests, intervals of differences, and the correction for looking at many.

use std::cmp::Ordering;

use super::{
    interval::{Z95, wilson95},
    order,
};

/// `ln(n!)`, summed once for as many as are asked for.
fn ln_factorials(up_to: usize) -> Vec<f64> {
    let mut table = Vec::with_capacity(up_to + 1);
    let mut sum = 0.0;
    table.push(0.0);
    for n in 1..=up_to {
        sum += (n as f64).ln();
        table.push(sum);
    }
    table
}

/// Outcomes whose logarithms differ by less are equally likely: what is more is rounding.
const TIE: f64 = 1e-7;

/// Two-sided p of a set of equally defined outcomes: the sum of those at most as likely as the observed one (with the
/// customary slack for rounding).
fn at_most_as_likely(ln_p: &[f64], observed: usize) -> f64 {
    let bound = ln_p[observed] + TIE;
    ln_p.iter().filter(|p| **p <= bound).map(|p| p.exp()).sum::<f64>().min(1.0)
}

/// Fisher's exact test of `k0` of `n0` against `k1` of `n1`, two-sided. `None` when a part exceeds its whole or nothing was
/// drawn on one side.
#[must_use]
pub fn fisher((k0, n0): (u64, u64), (k1, n1): (u64, u64)) -> Option<f64> {
    if k0 > n0 || k1 > n1 || n0 == 0 || n1 == 0 {
        return None;
    }
    let (a, b, hits) = (index(n0), index(n1), index(k0 + k1));
    let (low, high) = (hits.saturating_sub(b), hits.min(a));
    // Each outcome follows from the one before; what they are all multiplied by is found from their sum.
    let mut ln_p = vec![0.0];
    let (mut ln, mut most) = (0.0_f64, 0.0_f64);
    for x in low..high {
        ln += ((a - x) as f64 * (hits - x) as f64 / ((x + 1) as f64 * (b + x + 1 - hits) as f64)).ln();
        most = most.max(ln);
        ln_p.push(ln);
    }
    let all = most + ln_p.iter().map(|ln| (ln - most).exp()).sum::<f64>().ln();
    for ln in &mut ln_p {
        *ln -= all;
    }
    Some(at_most_as_likely(&ln_p, index(k0) - low))
}

/// From this many on, the normal approximation (with continuity correction) stands for exact sums.
const MANY: usize = 10_000;

/// Two counts over exposures: given their sum, the second is binomial with p = t1/(t0+t1). Two-sided, exact for fewer
/// than ten thousand.
#[must_use]
pub fn rates((n0, t0): (u64, f64), (n1, t1): (u64, f64)) -> Option<f64> {
    let exposed = t0 > 0.0 && t1 > 0.0 && (t0 + t1).is_finite();
    let n = index(n0 + n1);
    if !exposed || n == 0 {
        return None;
    }
    let p = t1 / (t0 + t1);
    if n >= MANY {
        let expected = n as f64 * p;
        let distance = ((n1 as f64 - expected).abs() - 0.5).max(0.0);
        return Some(two_sided(distance / (expected * (1.0 - p)).sqrt()));
    }
    Some(binomial(n, p, index(n1)))
}

/// Two-sided p of `k` of `n` with probability `p` each: the outcomes at most as likely as `k`, on both sides. From `k`
/// outwards each term follows from the one before; where the other side begins is found by bisection, as the terms fall from
/// the middle on.
fn binomial(n: usize, p: f64, k: usize) -> f64 {
    let ln_p = |k: usize| {
        let choose = ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0);
        choose + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()
    };
    let (odds, bound) = (p / (1.0 - p), ln_p(k) + TIE);
    // The sum of the terms from one outcome to the end of its side.
    let tail = |from: usize, up: bool| {
        let (mut term, mut sum, mut at) = (ln_p(from).exp(), 0.0_f64, from);
        loop {
            sum += term;
            if at == (if up { n } else { 0 }) || term <= sum * 1e-17 {
                return sum;
            }
            if up {
                term *= (n - at) as f64 / (at + 1) as f64 * odds;
                at += 1;
            } else {
                term *= at as f64 / (n - at + 1) as f64 / odds;
                at -= 1;
            }
        }
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of n")]
    let mode = (((n + 1) as f64 * p) as usize).min(n);
    let unlikely = |k: usize| ln_p(k) <= bound;
    let up = if k >= mode { Some(k) } else { first(mode..n + 1, unlikely) };
    let down = if k <= mode { Some(k) } else { first(0..mode + 1, |i| !unlikely(i)).unwrap_or(mode + 1).checked_sub(1) };
    // At the middle itself everything is at most as likely.
    if k == mode {
        return 1.0;
    }
    (up.map_or(0.0, |from| tail(from, true)) + down.map_or(0.0, |from| tail(from, false))).min(1.0)
}

/// The first of a range for which `holds`, which then holds for all after it.
fn first(range: std::ops::Range<usize>, holds: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = usize::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    (low < range.end).then_some(low)
}

/// Newcombe's 95 % interval of `k1/n1 - k0/n0`, from the two Wilson intervals.
#[must_use]
pub fn newcombe((k0, n0): (f64, f64), (k1, n1): (f64, f64)) -> Option<(f64, f64)> {
    let ((l0, u0), (l1, u1)) = (wilson95(k0, n0)?, wilson95(k1, n1)?);
    let (p0, p1) = (k0 / n0, k1 / n1);
    let difference = p1 - p0;
    let below = ((p1 - l1).powi(2) + (u0 - p0).powi(2)).sqrt();
    let above = ((u1 - p1).powi(2) + (p0 - l0).powi(2)).sqrt();
    Some((difference - below, difference + above))
}

/// Exact 95 % interval of a Poisson mean, from a count (Garwood).
#[must_use]
pub fn poisson95(count: u64) -> (f64, f64) {
    let k = count as f64;
    let low = if count == 0 { 0.0 } else { chi_squared_quantile(0.025, 2.0 * k) / 2.0 };
    (low, chi_squared_quantile(0.975, 2.0 * k + 2.0) / 2.0)
}

/// By bisection on the regularised gamma function; exact to about 1e-12, which intervals do not need.
fn chi_squared_quantile(p: f64, degrees: f64) -> f64 {
    let (mut low, mut high) = (0.0, degrees + 20.0 * degrees.sqrt() + 40.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if gamma_p(degrees / 2.0, middle / 2.0) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Regularised lower incomplete gamma function.
fn gamma_p(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..10_000 {
            term *= x / (a + f64::from(n));
            sum += term;
            if term < sum * 1e-16 {
                break;
            }
        }
        return front * sum;
    }
    // Lentz's continued fraction of the upper part.
    let (mut b, mut c) = (x + 1.0 - a, 1e300);
    let mut d = 1.0 / b;
    let mut h = d;
    for n in 1..10_000 {
        let an = -f64::from(n) * (f64::from(n) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    1.0 - front * h
}

/// Lanczos (g = 7, n = 9).
fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum: f64 = C[0] + C[1..].iter().zip(1..).map(|(c, i)| c / (x + f64::from(i))).sum::<f64>();
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Survival of the standard normal, two-sided: P(|Z| > z).
fn two_sided(z: f64) -> f64 {
    // erfc(z/sqrt 2) = Q(1/2, z^2/2)
    (1.0 - gamma_p(0.5, z * z / 2.0)).clamp(0.0, 1.0)
}

/// Most values per side for which the exact distribution is counted out.
const EXACT: usize = 20;

/// Mann-Whitney: does one sample tend to larger values than the other? Two-sided p; exact for small samples without
/// ties, else the normal approximation with ties and continuity corrected. `None` when a side is empty.
#[must_use]
pub fn mann_whitney(before: &[f64], now: &[f64]) -> Option<f64> {
    if before.is_empty() || now.is_empty() || before.iter().chain(now).any(|v| !v.is_finite()) {
        return None;
    }
    let (was, is) = (in_order(before), in_order(now));
    // One by one, the earlier window's first where both are equal: whose turn it is is added, not branched on, as nobody can
    // foresee it. Equal values get their mean rank afterwards: each pair of them from both windows was ranked half too high.
    let (mut ranks, mut halves, mut ties, mut i, mut j) = (0_u64, 0_u64, 0.0, 0, 0);
    let (mut run, mut alike, mut mine) = (i64::MAX, 0_u64, 0_u64);
    for rank in 1..=(before.len() + now.len()) as u64 {
        let is_mine = u64::from(is[j] < was[i]);
        let least = if is_mine == 1 { is[j] } else { was[i] };
        if least != run {
            halves += (alike - mine) * mine;
            ties += tied(alike);
            (run, alike, mine) = (least, 0, 0);
        }
        (alike, mine, ranks) = (alike + 1, mine + is_mine, ranks + is_mine * rank);
        if is_mine == 1 { j += 1 } else { i += 1 }
    }
    halves += (alike - mine) * mine;
    ties += tied(alike);
    let rank_sum = ranks as f64 - halves as f64 / 2.0;
    let (n0, n1) = (before.len() as f64, now.len() as f64);
    let n = n0 + n1;
    let u = rank_sum - n1 * (n1 + 1.0) / 2.0;
    if ties == 0.0 && before.len() <= EXACT && now.len() <= EXACT {
        return Some(exact_u(before.len(), now.len(), u));
    }
    let variance = n0 * n1 / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        return Some(1.0);
    }
    let distance = ((u - n0 * n1 / 2.0).abs() - 0.5).max(0.0);
    Some(two_sided(distance / variance.sqrt()))
}

/// What a run of equal values takes from the variance of a rank sum.
fn tied(alike: u64) -> f64 {
    let t = alike as f64;
    t * t * t - t
}

/// The keys of finite values in order, and one that is greater than all of them. Both zeros are one.
fn in_order(values: &[f64]) -> Vec<i64> {
    let mut out: Vec<i64> = values.iter().map(|v| order::key(v + 0.0)).collect();
    out.sort_unstable();
    out.push(i64::MAX);
    out
}

/// Share of all orders of `n0 + n1` values whose U is at least as far from the middle.
fn exact_u(n0: usize, n1: usize, u: f64) -> f64 {
    // Ways to reach each U: the coefficients of the product over i of (1 - x^(n0 + i)) / (1 - x^i), all whole numbers far
    // below 2^53, so that sums and differences are exact.
    let most = n0 * n1;
    let mut counts = vec![0.0_f64; most + 1];
    counts[0] = 1.0;
    for i in 1..=n1 {
        for sum in (n0 + i..=most).rev() {
            counts[sum] -= counts[sum - n0 - i];
        }
        for sum in i..=most {
            counts[sum] += counts[sum - i];
        }
    }
    let all: f64 = counts.iter().sum();
    let middle = most as f64 / 2.0;
    let far = (u - middle).abs() - 1e-9;
    let extreme: f64 = counts.iter().enumerate().filter(|(x, _)| (*x as f64 - middle).abs() >= far).map(|(_, c)| c).sum();
    (extreme / all).min(1.0)
}

/// Order-statistic interval (at least 95 %) of the quantile `q` of sorted values; `None` below 6 values, or when the sample
/// is too small for that quantile.
#[must_use]
pub fn quantile_interval(sorted: &[f64], q: f64) -> Option<(f64, f64)> {
    let n = sorted.len();
    if n < 6 || !(q > 0.0 && q < 1.0) {
        return None;
    }
    let f = ln_factorials(n);
    let (mut cumulative, mut low, mut high) = (0.0, None, None);
    for k in 0..=n {
        if cumulative <= 0.025 {
            low = (k > 0).then(|| k - 1);
        }
        cumulative += (f[n] - f[k] - f[n - k] + k as f64 * q.ln() + (n - k) as f64 * (1.0 - q).ln()).exp();
        if high.is_none() && cumulative >= 0.975 {
            high = Some(k);
        }
    }
    Some((sorted[low?], *sorted.get(high?)?))
}

/// Benjamini-Hochberg: which of these p values stay significant when looked at together at false discovery rate `q`.
#[must_use]
pub fn benjamini_hochberg(p: &[f64], q: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).filter(|i| p[*i].is_finite()).collect();
    order.sort_by(|a, b| p[*a].partial_cmp(&p[*b]).unwrap_or(Ordering::Equal));
    let m = order.len() as f64;
    let last = order.iter().enumerate().rposition(|(i, at)| p[*at] <= q * (i as f64 + 1.0) / m);
    let mut out = vec![false; p.len()];
    for at in order.iter().take(last.map_or(0, |l| l + 1)) {
        out[*at] = true;
    }
    out
}

/// What a guard says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// More than chance, and large enough to matter.
    Significant,
    /// Within usual variation.
    NotSignificant,
    /// Too little to say.
    Insufficient,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Significant => "significant",
            Self::NotSignificant => "not_significant",
            Self::Insufficient => "insufficient",
        }
    }
}

/// A test alone is significant below this.
pub const ALPHA: f64 = 0.05;

/// A change smaller than this, relative to before, does not matter however sure it is.
pub const MIN_EFFECT: f64 = 0.10;

/// A test of a change: which, how unlikely chance alone is, and the interval of the difference where the test gives one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// Two-sided p.
    pub p: f64,
    /// 95 % interval of the difference.
    pub interval: Option<(f64, f64)>,
    /// More than chance, on its own.
    pub sure: bool,
}

impl Test {
    /// One whose p decides.
    #[must_use]
    pub fn by_p(name: &'static str, p: f64) -> Self {
        Self { name, p, interval: None, sure: p < ALPHA }
    }
}

/// A ratio of counts: Fisher where any cell is below 10, else Newcombe's interval decides. `None` below 10 on a side.
#[must_use]
pub fn ratio_test(before: (u64, u64), now: (u64, u64)) -> Option<Test> {
    let ((k0, n0), (k1, n1)) = (before, now);
    if n0 < 10 || n1 < 10 || k0 > n0 || k1 > n1 {
        return None;
    }
    let pair = |(k, n): (u64, u64)| (k as f64, n as f64);
    let interval = newcombe(pair(before), pair(now));
    let small = [k0, n0 - k0, k1, n1 - k1].iter().any(|c| *c < 10);
    if small && index(n0 + n1) >= MANY {
        // Rare among many: the rarer outcome is as good as a count over an exposure, and far cheaper.
        let rare = if k0 + k1 <= (n0 - k0) + (n1 - k1) { (k0, k1) } else { (n0 - k0, n1 - k1) };
        return Some(Test { interval, ..Test::by_p("conditional binomial", rates((rare.0, n0 as f64), (rare.1, n1 as f64))?) });
    }
    if small {
        return Some(Test { interval, ..Test::by_p("Fisher", fisher(before, now)?) });
    }
    let (low, high) = interval?;
    let pooled = (k0 + k1) as f64 / (n0 + n1) as f64;
    let error = (pooled * (1.0 - pooled) * (1.0 / n0 as f64 + 1.0 / n1 as f64)).sqrt();
    let z = (k1 as f64 / n1 as f64 - k0 as f64 / n0 as f64) / error;
    Some(Test { name: "Newcombe", p: two_sided(z), interval, sure: low > 0.0 || high < 0.0 })
}

/// The verdict of [`ratio_test`].
#[must_use]
pub fn ratio_verdict(before: (u64, u64), now: (u64, u64)) -> Verdict {
    let share = |(k, n): (u64, u64)| k as f64 / n as f64;
    ratio_test(before, now).map_or(Verdict::Insufficient, |t| verdict(t.sure, share(before), share(now)))
}

/// Two counts over exposures; `None` below 10 together.
#[must_use]
pub fn rate_test((n0, t0): (u64, f64), (n1, t1): (u64, f64)) -> Option<Test> {
    let p = rates((n0, t0), (n1, t1)).filter(|_| n0 + n1 >= 10)?;
    Some(Test::by_p("conditional binomial", p))
}

/// The verdict of [`rate_test`].
#[must_use]
pub fn rate_verdict(before: (u64, f64), now: (u64, f64)) -> Verdict {
    let rate = |(n, t): (u64, f64)| n as f64 / t;
    rate_test(before, now).map_or(Verdict::Insufficient, |t| verdict(t.sure, rate(before), rate(now)))
}

/// Two samples of durations; `None` below 8 each.
#[must_use]
pub fn values_test(before: &[f64], now: &[f64]) -> Option<Test> {
    if before.len() < 8 || now.len() < 8 {
        return None;
    }
    Some(Test::by_p("Mann-Whitney", mann_whitney(before, now)?))
}

/// Significant when the test is sure and the change is at least [`MIN_EFFECT`] of what was before.
#[must_use]
pub fn verdict(sure: bool, before: f64, now: f64) -> Verdict {
    let matters = (now - before).abs() >= MIN_EFFECT * before.abs() && now != before;
    if sure && matters { Verdict::Significant } else { Verdict::NotSignificant }
}

#[allow(clippy::cast_possible_truncation, reason = "counts of events fit the address space")]
fn index(n: u64) -> usize {
    n as usize
}

/// Two-sided 95 % half-width of a normal estimate with this standard error.
#[must_use]
pub fn half_width95(standard_error: f64) -> f64 {
    Z95 * standard_error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, wanted: f64, tol: f64) {
        assert!((got - wanted).abs() <= tol, "{got} is not {wanted}");
    }

    #[test]
    fn tripling_a_small_rate_is_not_evidence() {
        near(fisher((2, 40), (6, 40)).unwrap(), 0.263_325_819_316_802_5, 1e-12);
        let (low, high) = newcombe((2.0, 40.0), (6.0, 40.0)).unwrap();
        near(low, -0.040, 0.001);
        near(high, 0.245, 0.001);
        assert_eq!(ratio_verdict((2, 40), (6, 40)), Verdict::NotSignificant);
        assert_eq!(ratio_verdict((0, 4), (4, 4)), Verdict::Insufficient);
        assert_eq!(ratio_verdict((2, 40), (16, 40)), Verdict::Significant);
    }

    #[test]
    fn two_tails_are_all_outcomes_that_are_at_most_as_likely() {
        for (n, p) in [(1, 0.5_f64), (2, 0.1), (7, 0.5), (8, 0.5), (50, 2.0 / 3.0), (99, 0.25), (333, 0.5), (2_000, 0.6)] {
            let f = ln_factorials(n);
            let ln_p: Vec<f64> = (0..=n).map(|k| f[n] - f[k] - f[n - k] + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).collect();
            for k in 0..=n {
                near(binomial(n, p, k), at_most_as_likely(&ln_p, k), 1e-9);
            }
        }
    }

    #[test]
    fn counts_are_compared_with_their_exposure() {
        near(rates((20, 28.0), (30, 28.0)).unwrap(), 0.202_638_751_064_540_66, 1e-12);
        near(rates((4, 28.0), (12, 28.0)).unwrap(), 0.076_812_744_140_625, 1e-12);
        assert_eq!(rates((0, 1.0), (0, 1.0)), None);
        assert_eq!(rate_verdict((20, 28.0), (10, 14.0)), Verdict::NotSignificant);
        assert_eq!(rate_verdict((20_000, 28.0), (30_000, 28.0)), Verdict::Significant);
        assert_eq!(ratio_verdict((2, 400_000), (20, 400_000)), Verdict::Significant);
        assert_eq!(ratio_verdict((2, 400_000), (5, 400_000)), Verdict::NotSignificant);
    }

    #[test]
    fn poisson_intervals_are_the_tabulated_ones() {
        let (low, high) = poisson95(0);
        near(low, 0.0, 0.0);
        near(high, 3.688_879, 1e-5);
        let (low, high) = poisson95(10);
        near(low, 4.795_389, 1e-5);
        near(high, 18.390_36, 1e-4);
    }

    #[test]
    fn mann_whitney_is_exact_when_small_and_corrects_ties() {
        // U = 0 of 5 and 5: 2 of 252 orders.
        near(mann_whitney(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]).unwrap(), 2.0 / 252.0, 1e-12);
        near(mann_whitney(&[1.0, 3.0], &[2.0, 4.0]).unwrap(), 2.0 / 3.0, 1e-12);
        assert_eq!(mann_whitney(&[5.0; 9], &[5.0; 9]), Some(1.0));
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        let far: Vec<f64> = (0..30).map(f64::from).collect();
        let off: Vec<f64> = (0..30).map(|v| f64::from(v) + 100.0).collect();
        assert!(mann_whitney(&far, &off).unwrap() < 1e-9);
        let p = mann_whitney(&far, &far).unwrap();
        near(p, 1.0, 1e-9);
    }

    #[test]
    fn order_statistics_bound_the_median() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(quantile_interval(&values, 0.5), Some((2.0, 9.0)));
        assert_eq!(quantile_interval(&values, 0.95), None);
        assert_eq!(quantile_interval(&values[..5], 0.5), None);
    }

    #[test]
    fn looking_at_many_needs_more() {
        assert_eq!(benjamini_hochberg(&[0.04, 0.9, 0.01, 0.5], 0.10), [true, false, true, false]);
        assert_eq!(benjamini_hochberg(&[0.04, 0.9, 0.8, 0.5], 0.10), [false; 4]);
        assert!(benjamini_hochberg(&[], 0.1).is_empty());
    }
}
