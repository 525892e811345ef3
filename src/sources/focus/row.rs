//! One row of a FOCUS bill: columns by name, in any order; unknown columns are ignored.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use csv::ByteRecord;

use crate::domain::{Decimal, Time, record::CostLine, text::clean_to};

/// A column that is read, and what its cell becomes.
struct Column {
    name: &'static str,
    cell: Cell,
}

/// What a cell becomes.
enum Cell {
    Money(fn(&mut CostLine) -> &mut Option<Decimal>),
    When(fn(&mut CostLine) -> &mut Option<Time>),
    Text(fn(&mut CostLine) -> &mut Option<String>),
    Tags,
}

const fn money(name: &'static str, of: fn(&mut CostLine) -> &mut Option<Decimal>) -> Column {
    Column { name, cell: Cell::Money(of) }
}

const fn when(name: &'static str, of: fn(&mut CostLine) -> &mut Option<Time>) -> Column {
    Column { name, cell: Cell::When(of) }
}

const fn text(name: &'static str, of: fn(&mut CostLine) -> &mut Option<String>) -> Column {
    Column { name, cell: Cell::Text(of) }
}

/// Every column that is read.
const COLUMNS: &[Column] = &[
    money("BilledCost", |c| &mut c.billed_cost),
    money("EffectiveCost", |c| &mut c.effective_cost),
    money("ListCost", |c| &mut c.list_cost),
    money("ContractedCost", |c| &mut c.contracted_cost),
    money("ConsumedQuantity", |c| &mut c.consumed_quantity),
    money("PricingQuantity", |c| &mut c.pricing_quantity),
    when("BillingPeriodStart", |c| &mut c.billing_period_start),
    when("BillingPeriodEnd", |c| &mut c.billing_period_end),
    when("ChargePeriodStart", |c| &mut c.charge_period_start),
    when("ChargePeriodEnd", |c| &mut c.charge_period_end),
    text("BillingCurrency", |c| &mut c.billing_currency),
    text("ChargeCategory", |c| &mut c.charge_category),
    text("ChargeClass", |c| &mut c.charge_class),
    text("ChargeFrequency", |c| &mut c.charge_frequency),
    text("ChargeDescription", |c| &mut c.charge_description),
    text("ConsumedUnit", |c| &mut c.consumed_unit),
    text("PricingCategory", |c| &mut c.pricing_category),
    text("CommitmentDiscountId", |c| &mut c.commitment_discount_id),
    text("CommitmentDiscountStatus", |c| &mut c.commitment_discount_status),
    text("ProviderName", |c| &mut c.provider_name),
    text("ServiceName", |c| &mut c.service_name),
    text("ServiceCategory", |c| &mut c.service_category),
    text("SubAccountId", |c| &mut c.sub_account_id),
    text("RegionId", |c| &mut c.region_id),
    text("ResourceId", |c| &mut c.resource_id),
    Column { name: "Tags", cell: Cell::Tags },
];

/// Which of the file's columns are read, and as what.
pub struct Header(Vec<(usize, &'static Column)>);

impl Header {
    /// Find the columns by name, in any case.
    ///
    /// # Errors
    /// Which of the columns that must be there are not.
    pub fn of(names: &ByteRecord) -> Result<Self, String> {
        let mut found = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let name = name.trim().trim_start_matches('\u{feff}');
            if let Some(column) = COLUMNS.iter().find(|c| c.name.eq_ignore_ascii_case(name))
                && !found.iter().any(|(_, c): &(usize, &Column)| c.name == column.name)
            {
                found.push((at, column));
            }
        }
        let has = |name: &str| found.iter().any(|(_, c)| c.name == name);
        let mut missing: Vec<&str> = ["BillingCurrency", "ChargePeriodStart"].into_iter().filter(|name| !has(name)).collect();
        if !has("BilledCost") && !has("EffectiveCost") {
            missing.insert(0, "BilledCost or EffectiveCost");
        }
        if missing.is_empty() {
            Ok(Self(found))
        } else {
            let start = String::from_utf8_lossy(names.get(0).unwrap_or_default()).into_owned();
            Err(format!("expected the FOCUS columns {}; the first column is `{}`", missing.join(", "), clean_to(&start, 40)))
        }
    }

    /// Read a row. What is wrong with its tags does not cost the row: that is said beside it.
    ///
    /// # Errors
    /// The column, and what was expected in it.
    pub fn read(&self, row: &ByteRecord) -> Result<(CostLine, Option<String>), String> {
        let mut line = CostLine::default();
        let mut aside = None;
        for (at, column) in &self.0 {
            let Some(cell) = row.get(*at) else { return Err(format!("{} cells; expected one for {}", row.len(), column.name)) };
            let Ok(cell) = std::str::from_utf8(cell) else { return Err(format!("{}: not UTF-8 text", column.name)) };
            let cell = cell.trim();
            if cell.is_empty() || cell.eq_ignore_ascii_case("null") {
                continue;
            }
            let wrong = |expected: &str| format!("{}: expected {expected}, found `{}`", column.name, clean_to(cell, 40));
            match &column.cell {
                Cell::Money(of) => *of(&mut line) = Some(decimal(cell).ok_or_else(|| wrong("a decimal number"))?),
                Cell::When(of) => *of(&mut line) = Some(instant(cell).ok_or_else(|| wrong("a date and time"))?),
                Cell::Text(of) => *of(&mut line) = Some(cell.to_owned()),
                Cell::Tags => match tags(cell) {
                    Some(tags) => line.tags = tags,
                    None => aside = Some(wrong("a JSON object")),
                },
            }
        }
        if line.charge_period_start.is_none() {
            return Err("ChargePeriodStart: expected a date and time, found nothing".into());
        }
        if line.billed_cost.is_none() && line.effective_cost.is_none() {
            return Err("expected a BilledCost or an EffectiveCost, found neither".into());
        }
        Ok((line, aside))
    }
}

/// A decimal, exact up to 28 digits; also `1.2E-7`.
fn decimal(text: &str) -> Option<Decimal> {
    text.parse().or_else(|_| Decimal::from_scientific(text)).ok()
}

/// A time in any of the ways bills write it; without a zone it is UTC.
fn instant(text: &str) -> Option<Time> {
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    let text = text.strip_suffix("+00:00").unwrap_or(text).trim_end();
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}

/// Tags are a JSON object in a cell; values that are not text are written as JSON.
fn tags(cell: &str) -> Option<BTreeMap<String, String>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(cell).ok()?;
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Null => None,
        other => Some(other.to_string()),
    };
    Some(object.into_iter().filter_map(|(key, value)| Some((key, word(value)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_utc_however_it_is_written() {
        let at: Time = "2024-09-18T22:00:00Z".parse().unwrap();
        for text in [
            "2024-09-18 22:00:00",
            "2024-09-18T22:00:00",
            "2024-09-18T22:00:00Z",
            "2024-09-18T22:00Z",
            "2024-09-18 22:00:00.000",
            "2024-09-18 22:00:00 UTC",
            "2024-09-19T00:00:00+02:00",
        ] {
            assert_eq!(instant(text), Some(at), "{text}");
        }
        assert_eq!(instant("2024-09-18").map(|t| t.to_rfc3339()).as_deref(), Some("2024-09-18T00:00:00+00:00"));
        assert_eq!(instant("18.09.2024"), None);
    }

    #[test]
    fn money_is_exact() {
        assert_eq!(decimal("0.000000800000123456").unwrap().to_string(), "0.000000800000123456");
        assert_eq!(decimal("-12.50").unwrap().to_string(), "-12.50");
        assert_eq!(decimal("8E-7").unwrap().to_string(), "0.0000008");
        assert_eq!(decimal("1,234.5"), None);
        assert_eq!(decimal("NaN"), None);
    }

    #[test]
    fn tags_that_are_not_text_are_kept_as_written() {
        let read = tags(r#"{"team":"pay","tier":1,"gone":null}"#).unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("team".into(), "pay".into()), ("tier".into(), "1".to_owned())]);
        assert_eq!(tags("team=pay"), None);
    }
}
