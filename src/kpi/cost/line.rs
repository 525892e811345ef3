//! From a line of a bill to dated costs: split over the days it is charged for, to the last digit.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Datelike;

use super::super::fact::Cost;
use crate::domain::{
    Decimal, Time,
    record::{Body, CostLine, Record},
    window::{Tz, Window},
};

/// Digits after the point that a split keeps beyond those of the amount itself.
const FINEST: u32 = 10;

/// A charge period longer than this is no charge period; the line then counts where it begins.
const LONGEST_DAYS: i64 = 4_000;

/// The costs of one `CostLine` record, one per calendar day of `zone` that its charge period touches; together they are
/// exactly the line. A line without a charge period counts in its billing period, else at its event time. Other records
/// and tombstones have none.
///
/// A bill without `EffectiveCost` (not amortised) counts what was billed. The owner is the record's explicit team only;
/// tags, catalog and pools are applied when costs are allocated.
#[must_use]
pub fn cost_facts(record: &Record, zone: Tz) -> Vec<Cost> {
    let Body::CostLine(line) = &record.body else { return Vec::new() };
    let Some(period) = period(record, line).filter(|_| !record.deleted) else { return Vec::new() };
    let effective = line.effective_cost.or(line.billed_cost).unwrap_or_default();
    let billed = line.billed_cost.unwrap_or_default();
    let days = days(period, zone);
    let quantity = split(line.consumed_quantity.unwrap_or_default(), period, &days);
    let (effective, billed) = (split(effective, period, &days), split(billed, period, &days));
    let text = |t: &Option<String>| Arc::<str>::from(t.as_deref().unwrap_or_default());
    let whole = Cost {
        span: period,
        service: Arc::from(record.service.as_deref().or(line.service_name.as_deref()).unwrap_or_default()),
        team: record.team.as_deref().map(Arc::from),
        tags: Arc::new(tags(record, line)),
        provider: text(&line.provider_name),
        category: text(&line.charge_category),
        frequency: text(&line.charge_frequency),
        commitment: text(&line.commitment_discount_status),
        currency: text(&line.billing_currency),
        effective: Decimal::ZERO,
        billed: Decimal::ZERO,
        quantity: Decimal::ZERO,
        unit: text(&line.consumed_unit),
        billing_month: Arc::from(month(line.billing_period_start.unwrap_or(period.from), zone)),
        estimated: line.estimated,
        correction: is_correction(line),
        key: Arc::from(record.key()),
    };
    days.into_iter()
        .zip(effective.into_iter().zip(billed).zip(quantity))
        .map(|(span, ((effective, billed), quantity))| Cost { span, effective, billed, quantity, ..whole.clone() })
        .collect()
}

/// The provider says that the line corrects what was billed before.
#[must_use]
pub fn is_correction(line: &CostLine) -> bool {
    line.charge_class.as_deref().is_some_and(|class| class.eq_ignore_ascii_case("correction"))
}

/// The calendar month of an instant, `YYYY-MM`.
#[must_use]
pub fn month(at: Time, zone: Tz) -> String {
    let day = at.with_timezone(&zone).date_naive();
    format!("{:04}-{:02}", day.year(), day.month())
}

fn period(record: &Record, line: &CostLine) -> Option<Window> {
    let start = line.charge_period_start.or(line.billing_period_start).or(record.ts)?;
    let end = if line.charge_period_start.is_some() { line.charge_period_end } else { line.billing_period_end };
    let end = end.filter(|e| (*e - start).num_days() <= LONGEST_DAYS);
    Some(Window::new(start, end.unwrap_or(start)))
}

/// FOCUS tags, the record's labels where no tag has that name, and the region where neither names one.
fn tags(record: &Record, line: &CostLine) -> BTreeMap<String, String> {
    let mut tags = record.labels.clone();
    tags.extend(line.tags.iter().map(|(k, v)| (k.clone(), v.clone())));
    if let Some(region) = &line.region_id {
        tags.entry("region".into()).or_insert_with(|| region.clone());
    }
    tags
}

fn days(period: Window, zone: Tz) -> Vec<Window> {
    if period.from == period.to {
        return vec![period];
    }
    period.days(zone).into_iter().map(|(_, w)| w).collect()
}

/// Parts in proportion to time; each is what has accrued by its end less what had accrued by its start, so that they sum
/// to the whole exactly.
fn split(amount: Decimal, period: Window, days: &[Window]) -> Vec<Decimal> {
    let length = (period.to - period.from).num_milliseconds();
    let mut before = Decimal::ZERO;
    days.iter()
        .map(|day| {
            let accrued = share(amount, (day.to - period.from).num_milliseconds(), length);
            let part = accrued - before;
            before = accrued;
            part
        })
        .collect()
}

/// `amount * part / whole`, rounded at a fixed digit; all of it when the part is the whole.
#[must_use]
pub(super) fn share(amount: Decimal, part: i64, whole: i64) -> Decimal {
    if part >= whole || whole <= 0 {
        return amount;
    }
    let (part, whole) = (Decimal::from(part.max(0)), Decimal::from(whole));
    let exact = amount.checked_mul(part).map_or_else(|| amount * (part / whole), |a| a / whole);
    exact.round_dp(FINEST.max(amount.scale()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(cost: &str, from: &str, to: &str) -> Record {
        let time = |t: &str| Some(t.parse::<Time>().unwrap());
        let body = CostLine {
            effective_cost: Some(cost.parse().unwrap()),
            billing_currency: Some("USD".into()),
            charge_period_start: time(from),
            charge_period_end: time(to),
            ..CostLine::default()
        };
        Record::new("bill", "1", Body::CostLine(body))
    }

    #[test]
    fn a_charge_over_midnight_is_split_by_time() {
        let costs = cost_facts(&line("24", "2026-03-01T18:00:00Z", "2026-03-02T18:00:00Z"), Tz::UTC);
        assert_eq!(costs.iter().map(|c| c.effective.to_string()).collect::<Vec<_>>(), ["6", "18"]);
    }

    #[test]
    fn the_days_of_a_month_sum_to_the_line_to_the_last_digit() {
        for amount in ["100", "0.01", "-33.333333", "123456789012.123456789"] {
            let costs = cost_facts(&line(amount, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"), Tz::Europe__Berlin);
            assert_eq!(costs.len(), 32, "31 days in Berlin touch 32 when the month is cut in UTC");
            assert_eq!(costs.iter().map(|c| c.effective).sum::<Decimal>(), amount.parse().unwrap());
        }
    }

    #[test]
    fn a_charge_without_length_counts_where_it_begins() {
        let costs = cost_facts(&line("5", "2026-03-01T18:00:00Z", "2026-03-01T18:00:00Z"), Tz::UTC);
        assert_eq!((costs.len(), costs[0].effective), (1, Decimal::from(5)));
        assert_eq!(&*costs[0].billing_month, "2026-03");
    }
}
