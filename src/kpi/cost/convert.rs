//! Money in several currencies to the reporting currency, by the configured rate of the month, or not at all.

use std::{collections::BTreeMap, sync::Arc};

use super::super::Settings;
use crate::domain::{Decimal, value::Datum};

/// An amount in the reporting currency; `None` when no rate of that month is configured. A bill that names no currency
/// is in the reporting currency.
#[must_use]
pub fn in_reporting_currency(amount: Decimal, currency: &str, month: &str, settings: &Settings) -> Option<Decimal> {
    if currency.is_empty() || currency.eq_ignore_ascii_case(&settings.currency) {
        return Some(amount);
    }
    let rate = settings.fx.get(&(currency.to_owned(), month.to_owned()))?;
    amount.checked_mul(*rate)
}

/// Sums by currency and month, unlike ones apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Purse {
    sums: BTreeMap<(Arc<str>, String), Decimal>,
    /// How many amounts went in.
    pub n: u64,
}

impl Purse {
    /// Put an amount in.
    pub fn add(&mut self, amount: Decimal, currency: &Arc<str>, month: &str) {
        self.n += 1;
        // The pair is only allocated for a new one.
        if let Some((_, sum)) = self.sums.iter_mut().find(|((c, m), _)| c == currency && m == month) {
            *sum += amount;
        } else {
            self.sums.insert((Arc::clone(currency), month.to_owned()), amount);
        }
    }

    /// All of it in the reporting currency.
    ///
    /// # Errors
    /// Which rates are missing, in words.
    pub fn total(&self, settings: &Settings) -> Result<Decimal, String> {
        let (mut total, mut missing) = (Decimal::ZERO, Vec::new());
        for ((currency, month), sum) in &self.sums {
            match in_reporting_currency(*sum, currency, month, settings) {
                Some(amount) => total += amount,
                None => missing.push(format!("no {currency}->{} rate for {month}", settings.currency)),
            }
        }
        if missing.is_empty() { Ok(total) } else { Err(missing.join("; ")) }
    }

    /// The sums by currency, for a reading that cannot be one number.
    #[must_use]
    pub fn by_currency(&self, settings: &Settings) -> Datum {
        let mut out: BTreeMap<String, Decimal> = BTreeMap::new();
        for ((currency, _), sum) in &self.sums {
            let name = if currency.is_empty() { settings.currency.clone() } else { currency.to_string() };
            *out.entry(name).or_default() += *sum;
        }
        Datum::Map(out.into_iter().map(|(c, sum)| (c, Datum::Money(sum))).collect())
    }
}
