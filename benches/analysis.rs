//! What explaining costs: exact Shapley values of a percentile. `cargo bench --bench analysis`.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use quarterdeck::analysis::{
    histogram::Counts,
    shapley::{self, Groups},
};

fn main() {
    divan::main();
}

/// Numbers that look random and are not.
fn values(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..count).map(|_| -next().max(1e-12).ln() * 3_600.0).collect()
}

/// This many groups with 100,000 values in all, over both windows.
#[divan::bench(args = [2, 6, 12, 50])]
fn shapley_of_100_000_values(bencher: Bencher<'_, '_>, groups: usize) {
    let each = 50_000 / groups;
    let groups: BTreeMap<_, _> =
        (0..groups).map(|g| (format!("team-{g:02}"), (values(each, g as u64), values(each, g as u64 + 1_000)))).collect();
    let groups = Groups::Values(groups);
    bencher.bench(|| shapley::quantile(black_box(&groups), 0.5));
}

/// Twelve services with histograms of twenty buckets.
#[divan::bench]
fn shapley_of_12_histograms(bencher: Bencher<'_, '_>) {
    let bounds: Vec<f64> = (1..20).map(|b| f64::from(b) * 0.05).chain([f64::INFINITY]).collect();
    let histogram = |seed: u64| {
        let mut sum = 0.0;
        let counts = values(bounds.len(), seed).into_iter().map(|n| {
            sum += n.round();
            sum
        });
        Counts { bounds: bounds.clone(), counts: counts.collect() }
    };
    let groups = (0..12_u64).map(|g| (format!("service-{g:02}"), (histogram(g), histogram(g + 100)))).collect();
    let groups = Groups::Histograms(groups);
    bencher.bench(|| shapley::quantile(black_box(&groups), 0.95));
}
