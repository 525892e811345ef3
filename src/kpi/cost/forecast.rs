//! Month to date and month end.
//!
//! Recurring and one-time charges are known as they are; usage is the mean of complete days times the days of the month.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::super::Query;
use super::{Amount, Lines, users::month_of};
use crate::domain::{
    Decimal, Time,
    value::{Reading, Status},
    window::{Window, day_span},
};

/// From this day of the month on the month speaks for itself; before, last month's shape does.
const FIRST_DAY: u32 = 5;

/// Two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// `infra_cost.mtd`: effective cost from the first of the month to the evaluation instant.
#[must_use]
pub fn month_to_date(query: &Query<'_>) -> Reading {
    let now = instant(query);
    let month = month_of(now, query.settings.zone);
    let lines = Lines::of(query);
    let upto = Window::new(month.from, now);
    super::total("infra_cost.mtd", query, &lines.purse(upto, Amount::Effective), "no charge in this month yet")
}

/// `infra_cost_forecast`.
#[must_use]
pub fn forecast(query: &Query<'_>) -> Reading {
    const ID: &str = "infra_cost_forecast";
    let (zone, currency) = (query.settings.zone, query.settings.currency.clone());
    let none = |status, why: &str| Reading::none(ID, query.scope.clone(), currency.clone(), status, why);
    let now = instant(query);
    let month = month_of(now, zone);
    let lines = Lines::of(query);
    let Some(this) = Month::read(&lines, query, month, now) else {
        return none(Status::Error, "a currency without a rate: see infrastructure cost");
    };
    if this.is_empty() {
        return none(Status::NoData, "no charge in this month yet");
    }
    let days = month.days(zone).len();
    let day_of_month = now.with_timezone(&zone).day();
    if day_of_month >= FIRST_DAY && !this.complete.is_empty() {
        let mean = mean(&this.complete);
        let value = this.fixed + mean * days as f64;
        let mut reading = Reading::ok(ID, query.scope.clone(), currency, value, this.complete.len() as u64)
            .with("method", "recurring + mean complete usage day * days")
            .with("complete_days", this.complete.len() as f64);
        if let Some(spread) = spread(&this.complete) {
            let (seen, left) = (this.complete.len() as f64, days as f64 - this.complete.len() as f64);
            let half = Z * spread * (left + left * left / seen).max(0.0).sqrt();
            (reading.lower, reading.upper) = (Some(value - half), Some(value + half));
        }
        return reading;
    }
    let before = month_of(month.from - chrono::Duration::milliseconds(1), zone);
    let Some(last) = Month::read(&lines, query, before, before.to).filter(|m| !m.complete.is_empty()) else {
        return none(Status::Insufficient, "too early in the month, and no last month to take the shape from");
    };
    let last_days = before.days(zone).len() as f64;
    let usage: f64 = last.complete.iter().sum::<f64>() / last.complete.len() as f64 * last_days;
    let head: f64 = last.complete.iter().take(this.complete.len()).sum();
    let so_far: f64 = this.complete.iter().sum();
    let expected = if head > 0.0 { so_far * usage / head } else { usage * days as f64 / last_days };
    let mut reading = Reading::ok(ID, query.scope.clone(), currency, this.fixed + expected, this.complete.len() as u64)
        .with("method", "recurring + usage so far in last month's shape");
    reading.status = Status::Provisional;
    reading.reason = Some(format!("before day {FIRST_DAY} of the month the shape is last month's"));
    reading
}

fn instant(query: &Query<'_>) -> Time {
    query.settings.as_of.min(query.window.to)
}

/// One month's charges, as a forecast needs them.
struct Month {
    /// Recurring and one-time charges of the whole month.
    fixed: f64,
    /// Usage of each complete day, from the first.
    complete: Vec<f64>,
    lines: usize,
}

impl Month {
    /// `None` when a rate is missing.
    fn read(lines: &Lines<'_>, query: &Query<'_>, month: Window, now: Time) -> Option<Self> {
        let zone = query.settings.zone;
        let (mut fixed, mut by_day, mut count) = (Decimal::ZERO, BTreeMap::<NaiveDate, Day>::new(), 0);
        for (cost, _) in lines.within(month) {
            let amount = lines.in_reporting(cost.effective, cost)?;
            count += 1;
            if matches!(&*cost.frequency, "Recurring" | "One-Time") {
                fixed += amount;
                continue;
            }
            let day = by_day.entry(cost.span.from.with_timezone(&zone).date_naive()).or_default();
            day.usage += amount;
            day.estimated |= cost.estimated;
            let until = if cost.span.from == cost.span.to {
                day_span(cost.span.from.with_timezone(&zone).date_naive(), zone).to
            } else {
                cost.span.to
            };
            day.until = day.until.max(Some(until));
        }
        // The providers' lag and what is not final leave the last days out; a day without usage between counts as 0.
        let first = month.from.with_timezone(&zone).date_naive();
        let is_complete = |date: NaiveDate, day: &Day| {
            let end = day_span(date, zone).to;
            !day.estimated && end <= now && day.until.is_some_and(|u| u >= end)
        };
        let last = by_day.iter().rev().find(|(date, day)| is_complete(**date, day)).map(|(date, _)| *date);
        let complete = last.map_or_else(Vec::new, |last| {
            first
                .iter_days()
                .take_while(|d| *d <= last)
                .filter(|d| by_day.get(d).is_none_or(|day| is_complete(*d, day)))
                .map(|d| by_day.get(&d).map_or(0.0, |day| super::float(day.usage)))
                .collect()
        });
        Some(Self { fixed: super::float(fixed), complete, lines: count })
    }

    fn is_empty(&self) -> bool {
        self.lines == 0
    }
}

#[derive(Default)]
struct Day {
    usage: Decimal,
    estimated: bool,
    until: Option<Time>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation from day to day; `None` below two days.
fn spread(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    (values.len() > 1).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt())
}
