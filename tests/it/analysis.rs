//! What holds of every decomposition, test and split, on random input.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quarterdeck::{
    analysis::{
        apportion::apportion,
        decompose::{self, Groups},
        histogram::Counts,
        shapley,
        significance::{fisher, mann_whitney, newcombe, rates},
    },
    domain::Decimal,
};

/// Up to six groups of numerator and denominator, some of them absent on a side.
fn ratio_groups() -> impl Strategy<Value = (Groups, Groups)> {
    let part = prop::option::weighted(0.8, (0u32..200, 1u32..300)).prop_map(|p| p.map(|(k, extra)| (f64::from(k), f64::from(k + extra))));
    let side = prop::collection::vec(part, 6);
    let groups = |side: Vec<Option<(f64, f64)>>| -> Groups {
        side.into_iter().enumerate().filter_map(|(i, p)| Some((format!("g{i}"), p?))).collect()
    };
    (side.clone(), side)
        .prop_map(move |(a, b)| (groups(a), groups(b)))
        .prop_filter("something on both sides", |(a, b)| !a.is_empty() && !b.is_empty())
}

type Samples = BTreeMap<String, (Vec<f64>, Vec<f64>)>;

fn samples(most: usize) -> impl Strategy<Value = Samples> {
    let values = || prop::collection::vec((0u32..1000).prop_map(|v| f64::from(v) / 7.0), 0..12);
    prop::collection::btree_map("[a-h]", (values(), values()), 1..most)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    #[test]
    fn rate_and_mix_add_up_and_flip_when_the_windows_swap((before, now) in ratio_groups()) {
        let change = decompose::ratio(&before, &now).unwrap();
        let back = decompose::ratio(&now, &before).unwrap();
        prop_assert!(near(change.parts.values().map(decompose::RateMix::sum).sum::<f64>(), change.total()));
        prop_assert!(near(change.rate_total() + change.mix_total(), change.total()));
        for (name, part) in &change.parts {
            prop_assert!(near(part.rate, -back.parts[name].rate) && near(part.mix, -back.parts[name].mix));
        }
    }

    #[test]
    fn identical_windows_explain_nothing((before, _) in ratio_groups()) {
        for part in decompose::ratio(&before, &before).unwrap().parts.values() {
            prop_assert_eq!((part.rate, part.mix), (0.0, 0.0));
        }
    }

    #[test]
    fn splitting_a_group_into_two_of_its_rate_leaves_the_others_alone((mut before, mut now) in ratio_groups(), share in 0.1..0.9) {
        let whole = decompose::ratio(&before, &now).unwrap();
        let name = before.keys().chain(now.keys()).next().unwrap().clone();
        for side in [&mut before, &mut now] {
            if let Some((top, bottom)) = side.remove(&name) {
                side.insert("x".into(), (top * share, bottom * share));
                side.insert("y".into(), (top * (1.0 - share), bottom * (1.0 - share)));
            }
        }
        let parts = decompose::ratio(&before, &now).unwrap().parts;
        for (other, part) in whole.parts.iter().filter(|(n, _)| **n != name) {
            prop_assert!(near(part.rate, parts[other].rate) && near(part.mix, parts[other].mix));
        }
        let halves = parts.iter().filter(|(n, _)| n.len() == 1).map(|(_, p)| p.sum()).sum::<f64>();
        prop_assert!(near(halves, whole.parts[&name].sum()));
    }

    #[test]
    fn an_empty_group_is_a_no_op((before, now) in ratio_groups()) {
        let without = decompose::ratio(&before, &now).unwrap();
        let add = |side: &Groups| { let mut side = side.clone(); side.insert("empty".into(), (0.0, 0.0)); side };
        let with = decompose::ratio(&add(&before), &add(&now)).unwrap();
        prop_assert_eq!(with.parts["empty"], decompose::RateMix::default());
        prop_assert!(without.parts.iter().all(|(n, p)| with.parts[n] == *p));
    }

    #[test]
    fn leaves_of_a_drill_down_add_up_to_the_parents_rate((before, now) in ratio_groups(), (inner_before, inner_now) in ratio_groups()) {
        // The parent is the sum of its children; the rest of the organisation is `before` and `now`.
        let sum = |g: &Groups| g.values().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        let (mut whole_before, mut whole_now) = (before, now);
        whole_before.insert("parent".into(), sum(&inner_before));
        whole_now.insert("parent".into(), sum(&inner_now));
        let weight = |g: &Groups| g["parent"].1 / sum(g).1;
        let parent = decompose::ratio(&whole_before, &whole_now).unwrap().parts["parent"];
        let leaves = decompose::nested(&inner_before, &inner_now, f64::midpoint(weight(&whole_before), weight(&whole_now))).unwrap();
        prop_assert!(near(leaves.parts.values().map(decompose::RateMix::sum).sum::<f64>(), parent.rate));
    }

    #[test]
    fn products_and_quotients_add_up(x in (0.1..9.0, 0.1..9.0), y in (0.1..9.0, 0.1..9.0), z in (0.1..9.0, 0.1..9.0)) {
        prop_assert!(near(decompose::product2(x, y).iter().sum(), x.1 * y.1 - x.0 * y.0));
        prop_assert!(near(decompose::product3(x, y, z).iter().sum(), x.1 * y.1 * z.1 - x.0 * y.0 * z.0));
        prop_assert!(near(decompose::quotient(x, y).unwrap().iter().sum(), x.1 / y.1 - x.0 / y.0));
    }

    #[test]
    fn shapley_values_of_a_quantile_add_up_and_flip(groups in samples(7), q in 0.0..1.0) {
        let swapped: Samples = groups.iter().map(|(n, (a, b))| (n.clone(), (b.clone(), a.clone()))).collect();
        let (there, back) = (shapley::quantile(&shapley::Groups::Values(groups), q), shapley::quantile(&shapley::Groups::Values(swapped), q));
        prop_assert_eq!(there.is_some(), back.is_some());
        if let (Some(there), Some(back)) = (there, back) {
            prop_assert!(near(there.parts.values().sum(), there.total()));
            for (name, phi) in &there.parts {
                prop_assert!(near(*phi, -back.parts[name]));
            }
        }
    }

    #[test]
    fn coalition_values_are_quantiles_of_the_pooled_values(groups in samples(5), q in 0.0..1.0) {
        if let Some(change) = shapley::quantile(&shapley::Groups::Values(groups.clone()), q) {
            for (mask, value) in change.coalitions.iter().enumerate() {
                let pick = |(i, name): (usize, &String)| if mask >> i & 1 == 1 { groups[name].1.clone() } else { groups[name].0.clone() };
                let pool: Vec<f64> = change.players.iter().enumerate().flat_map(pick).collect();
                prop_assert!(near(*value, quarterdeck::analysis::quantile::type7(&pool, q).unwrap()));
            }
        }
    }

    #[test]
    fn shapley_values_over_histograms_add_up(counts in prop::collection::btree_map("[a-f]", prop::array::uniform6(1u32..500), 1..6), q in 0.0..1.0) {
        let histogram = |n: &[u32]| {
            let mut sum = 0.0;
            Counts { bounds: vec![0.1, 0.5, f64::INFINITY], counts: n.iter().map(|n| { sum += f64::from(*n); sum }).collect() }
        };
        let groups = counts.iter().map(|(name, n)| (name.clone(), (histogram(&n[..3]), histogram(&n[3..])))).collect();
        let change = shapley::quantile(&shapley::Groups::Histograms(groups), q).unwrap();
        prop_assert!(near(change.parts.values().sum(), change.total()));
    }

    #[test]
    fn parts_of_an_amount_sum_to_it(cents in -1_000_000i64..1_000_000, scale in 0u32..6, weights in prop::collection::vec(-50i64..1000, 1..9)) {
        let total = Decimal::new(cents, scale);
        let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
        let parts = apportion(total, &weights);
        prop_assert_eq!(parts.iter().sum::<Decimal>(), total);
        // A negative weight counts as none, so it may not decide who is the largest either.
        let largest = weights.iter().enumerate().max_by_key(|(i, w)| ((**w).max(Decimal::ZERO), std::cmp::Reverse(*i))).unwrap().0;
        prop_assert!(parts.iter().all(|p| p.abs() <= parts[largest].abs()));
    }

    #[test]
    fn tests_of_change_do_not_care_which_window_is_called_first(k0 in 0u64..40, m0 in 1u64..60, k1 in 0u64..40, m1 in 1u64..60) {
        let (a, b) = ((k0, k0 + m0), (k1, k1 + m1));
        let (there, back) = (fisher(a, b).unwrap(), fisher(b, a).unwrap());
        prop_assert!((0.0..=1.0).contains(&there) && near(there, back));
        if k0 + k1 > 0 {
            prop_assert!(near(rates((k0, 28.0), (k1, 14.0)).unwrap(), rates((k1, 14.0), (k0, 28.0)).unwrap()));
        }
        let float = |(k, n): (u64, u64)| (k as f64, n as f64);
        let ((low, high), (back_low, back_high)) = (newcombe(float(a), float(b)).unwrap(), newcombe(float(b), float(a)).unwrap());
        prop_assert!(near(low, -back_high) && near(high, -back_low));
    }

    #[test]
    fn the_rank_test_is_symmetric_and_blind_to_scale(a in prop::collection::vec(0u32..50, 1..25), b in prop::collection::vec(0u32..50, 1..25)) {
        let scaled = |v: &[u32], by: f64| v.iter().map(|x| f64::from(*x) * by + 3.0).collect::<Vec<_>>();
        let p = mann_whitney(&scaled(&a, 1.0), &scaled(&b, 1.0)).unwrap();
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert!(near(p, mann_whitney(&scaled(&b, 1.0), &scaled(&a, 1.0)).unwrap()));
        prop_assert!(near(p, mann_whitney(&scaled(&a, 8.0), &scaled(&b, 8.0)).unwrap()));
    }
}

/// Under no change at all the guard must not cry often: the share of "significant" is at most the level it promises.
#[test]
fn equal_rates_are_seldom_called_different() {
    use quarterdeck::analysis::significance::{Verdict, ratio_verdict};
    let mut seed = 42_u64;
    let mut draw = |n: u64, p: f64| {
        (0..n)
            .filter(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((seed >> 11) as f64 / (1_u64 << 53) as f64) < p
            })
            .count() as u64
    };
    let cried = (0..2_000).filter(|_| ratio_verdict((draw(60, 0.15), 60), (draw(60, 0.15), 60)) == Verdict::Significant).count();
    assert!(cried <= 120, "{cried} of 2000 at a level of 5 %");
}

#[test]
fn the_score_of_a_dimension_does_not_hang_on_the_last_digits() {
    let map = |list: &[(&str, f64)]| -> BTreeMap<String, f64> { list.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect() };
    let weights = map(&[("a", 10.0), ("b", 1.0), ("c", 5.0)]);
    let of = |a: f64, b: f64| {
        let moved = map(&[("a", a), ("b", b), ("c", -0.3)]);
        decompose::score(&moved, &weights, (&map(&[("a", 1.0), ("b", 3.0)]), &map(&[("a", 0.1), ("b", 0.1 + 0.2)])), 1.0)
    };
    let (one, other) = (of(0.3, 0.1 + 0.2), of(0.1 + 0.2, 0.3));
    assert!(near(one.concentration, other.concentration), "{one:?} {other:?}");
    let (two, three) = (of(0.3 - 1e-16, 0.3), of(0.3, 0.3));
    assert!(near(two.concentration, three.concentration), "{two:?} {three:?}");
    assert_eq!(one.surprise.to_bits(), 0.0_f64.to_bits());
}
