//! The single records that moved a value most: what it would be without each of them.

use serde::Serialize;

use super::parts::{Item, Of, Pair, Shape};
use crate::{
    domain::{Time, window::millis},
    kpi::fact::EventRef,
};

/// Most records named.
const MOST: usize = 8;

/// A record and what it does to the value of the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// Its key (`source/id`); empty until the store is asked for it.
    pub key: String,
    /// When.
    pub at: Option<Time>,
    /// Service, `""` when none.
    pub service: String,
    /// Its own number, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value of the window less the value without this record.
    pub effect: f64,
}

/// The records with the largest leave-one-out effect, ties in order of time.
pub(super) fn of(pair: &Pair<'_>) -> Vec<Moved> {
    let parts = &pair.is;
    let effects = match parts.shape {
        Shape::Ratio => ratio(&parts.items),
        Shape::Quantile(q) => quantile(pair, q),
        Shape::Sum => parts.items.iter().map(|i| i.num).collect(),
        // One count is like another, and buckets of live series are no records.
        Shape::Count { .. } | Shape::Histogram(_) | Shape::PerUnit { .. } => return Vec::new(),
    };
    let when = |i: usize| at_ms(&parts.items[i].of);
    let larger =
        |a: &(f64, usize), b: &(f64, usize)| b.0.abs().total_cmp(&a.0.abs()).then_with(|| when(a.1).cmp(&when(b.1))).then(a.1.cmp(&b.1));
    // The few largest so far, in order: of a quantile all values on one side of it have the same effect, which a selection
    // among all would compare over and over.
    let mut order: Vec<(f64, usize)> = Vec::with_capacity(MOST + 1);
    for new in effects.into_iter().enumerate().map(|(i, e)| (e, i)).filter(|(e, _)| *e != 0.0 && e.is_finite()) {
        if order.len() < MOST || order.last().is_none_or(|least| larger(&new, least).is_lt()) {
            order.insert(order.partition_point(|known| larger(known, &new).is_lt()), new);
            order.truncate(MOST);
        }
    }
    order.into_iter().filter_map(|(effect, i)| moved(&parts.items[i], effect, parts.shape)).collect()
}

fn ratio(items: &[Item<'_>]) -> Vec<f64> {
    let (num, den) = items.iter().fold((0.0, 0.0), |s, i| (s.0 + i.num, s.1 + i.den));
    let without = |i: &Item<'_>| {
        let (n, d) = (num - i.num, den - i.den);
        if d > 0.0 { num / den - n / d } else { 0.0 }
    };
    items.iter().map(without).collect()
}

/// Leaving one value out moves the rank; which of equal ones is the same.
fn quantile(pair: &Pair<'_>, q: f64) -> Vec<f64> {
    let items = &pair.is.items;
    let sorted: Vec<f64> = pair.values.iter().zip(&pair.item_of).filter(|(_, item)| **item % 2 == 1).map(|(v, _)| *v).collect();
    if sorted.len() < 2 {
        return vec![0.0; items.len()];
    }
    let at = |skip: Option<usize>| {
        let n = sorted.len() - usize::from(skip.is_some());
        let h = q * (n - 1) as f64;
        let pick = |i: usize| sorted[i.min(n - 1) + usize::from(skip.is_some_and(|s| i.min(n - 1) >= s))];
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is within 0..n")]
        let low = h.floor() as usize;
        pick(low) + h.fract() * (pick(low + 1) - pick(low))
    };
    let whole = at(None);
    let mut effects = vec![0.0; items.len()];
    for (rank, item) in pair.item_of.iter().filter(|item| **item % 2 == 1).enumerate() {
        effects[(item / 2) as usize] = whole - at(Some(rank));
    }
    effects
}

fn at_ms(of: &Of<'_>) -> Option<i64> {
    match of {
        Of::Event(e) => Some(e.at_ms()),
        Of::Release(events) => events.first().map(|e| e.at_ms()),
        Of::Bucket(b) => Some(millis(b.span.from)),
        Of::Cost(c) => Some(millis(c.span.from)),
        Of::Record(r) => r.event_time().map(millis),
    }
}

fn moved(item: &Item<'_>, effect: f64, shape: Shape) -> Option<Moved> {
    let own = matches!(shape, Shape::Quantile(_) | Shape::Sum).then_some(item.num);
    let of = |e: EventRef<'_>| Moved { key: e.key().to_owned(), at: Some(e.at()), service: e.service().to_string(), value: own, effect };
    Some(match &item.of {
        Of::Event(e) => of(*e),
        Of::Release(events) => of(*events.first()?),
        Of::Cost(c) => Moved { key: c.key.to_string(), at: Some(c.span.from), service: c.service.to_string(), value: own, effect },
        Of::Record(r) => Moved { key: r.key(), at: r.event_time(), service: r.service.clone().unwrap_or_default(), value: own, effect },
        Of::Bucket(_) => return None,
    })
}
