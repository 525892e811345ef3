//! The sums of a bucket as bytes.

use crate::kpi::{fact::Histogram, live::Sums};

/// Fixed part first, then bounds and counts when there is a histogram.
pub(in crate::store) fn pack(sums: &Sums) -> Vec<u8> {
    let bounds = sums.hist.as_ref().map_or(0, |h| h.bounds.len());
    let mut out = Vec::with_capacity(50 + bounds * 16);
    out.extend(sums.n.to_le_bytes());
    for v in [sums.a, sums.b, sums.c, sums.d] {
        out.extend(v.to_le_bytes());
    }
    if let Some(hist) = &sums.hist {
        out.push(u8::from(hist.sum.is_some()));
        out.extend(hist.sum.unwrap_or(0.0).to_le_bytes());
        for v in hist.bounds.iter().chain(&hist.counts) {
            out.extend(v.to_le_bytes());
        }
    }
    out
}

/// `None` when the bytes are not a bucket.
pub(in crate::store) fn unpack(bytes: &[u8]) -> Option<Sums> {
    let (head, rest) = bytes.split_at_checked(40)?;
    let mut sums = Sums { n: u64::from_le_bytes(head[..8].try_into().ok()?), ..Sums::default() };
    let fixed = floats(&head[8..])?;
    (sums.a, sums.b, sums.c, sums.d) = (fixed[0], fixed[1], fixed[2], fixed[3]);
    if let Some((has_sum, rest)) = rest.split_first() {
        let all = floats(rest)?;
        let (sum, lists) = all.split_first()?;
        let (bounds, counts) = lists.split_at(lists.len() / 2);
        let sum = (*has_sum == 1).then_some(*sum);
        sums.hist = (bounds.len() == counts.len()).then(|| Histogram { bounds: bounds.to_vec(), counts: counts.to_vec(), sum });
    }
    Some(sums)
}

fn floats(bytes: &[u8]) -> Option<Vec<f64>> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| chunks.iter().map(|c| f64::from_le_bytes(*c)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_back_with_and_without_a_histogram() {
        let plain = Sums { n: 3, a: 1.5, b: -2.0, c: f64::MAX, d: 0.1, hist: None };
        assert_eq!(unpack(&pack(&plain)), Some(plain.clone()));
        for sum in [None, Some(9.25)] {
            let hist = Some(Histogram { bounds: vec![0.1, f64::INFINITY], counts: vec![2.0, 5.0], sum });
            let with = Sums { hist, ..plain.clone() };
            assert_eq!(unpack(&pack(&with)), Some(with));
        }
        assert_eq!(unpack(&[1, 2, 3]), None);
    }
}
