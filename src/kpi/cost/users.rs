//! Active users: distinct people over a span, never a sum over days, teams or products.

use std::collections::BTreeSet;

use chrono::{Datelike, Duration, NaiveDate};

use super::super::{Query, scope::Whose};
use super::line::month;
use crate::domain::{
    Time,
    record::{Body, UserActivity},
    value::{Reading, Status},
    window::{Tz, Window, midnight},
};

/// Length of "a month" when the window is no calendar month.
const ROLLING_DAYS: i64 = 28;

/// The calendar month that begins with the day of `at`.
#[must_use]
pub fn month_of(at: Time, zone: Tz) -> Window {
    let day = at.with_timezone(&zone).date_naive();
    let first = day.with_day(1).unwrap_or(day);
    Window::new(midnight(first, zone), midnight(next_month(first), zone))
}

fn next_month(first: NaiveDate) -> NaiveDate {
    let (year, month) = if first.month() == 12 { (first.year() + 1, 1) } else { (first.year(), first.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(first)
}

/// The calendar month named `YYYY-MM`.
#[must_use]
pub fn month_named(name: &str, zone: Tz) -> Option<Window> {
    let first = NaiveDate::parse_from_str(&format!("{name}-01"), "%Y-%m-%d").ok()?;
    Some(Window::new(midnight(first, zone), midnight(next_month(first), zone)))
}

/// Calendar months wholly inside a window.
#[must_use]
pub fn whole_months(window: Window, zone: Tz) -> Vec<Window> {
    let mut out = Vec::new();
    let mut month = month_of(window.from, zone);
    if month.from < window.from {
        month = month_of(month.to, zone);
    }
    while month.to <= window.to && month.from < month.to {
        out.push(month);
        month = month_of(month.to, zone);
    }
    out
}

/// How many distinct users were active, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Active {
    /// Nothing says.
    Unknown,
    /// Counts exist, but only per product, and those do not add up.
    NotAdditive,
    /// Distinct users, or a ready count.
    Users(f64),
}

/// Distinct users of a span: from user-days, else from a ready count of a month that begins or ends in it.
#[must_use]
pub fn distinct(query: &Query<'_>, span: Window) -> Active {
    let whose = Whose::of(query);
    let zone = query.settings.zone;
    let mine: Vec<(Option<Time>, &UserActivity)> =
        activity(query).filter(|(r, _)| whose.record(r)).map(|(r, u)| (r.event_time(), u)).collect();
    let users: BTreeSet<&str> =
        mine.iter().flat_map(|(_, u)| &u.user_days).filter(|(_, d)| on_day(d, span, zone)).map(|(user, _)| user.as_str()).collect();
    if !users.is_empty() {
        return Active::Users(users.len() as f64);
    }
    let name = month(span.from, zone);
    // A month's count may be stamped inside the month or with the first instant after it.
    let of_month = |at: &Option<Time>| {
        at.is_some_and(|t| month(t - Duration::milliseconds(1), zone) == name || (month(t, zone) == name && t < span.to))
    };
    let ready: Vec<_> = mine
        .iter()
        .filter(|(at, u)| u.period.as_deref() == Some("month") && of_month(at))
        .filter_map(|(_, u)| Some((u, u.active_users?)))
        .collect();
    match ready.as_slice() {
        [] => Active::Unknown,
        [(_, n)] => Active::Users(*n),
        several => match several.iter().rev().find(|(u, _)| u.product.is_none() && u.segment.is_none()) {
            Some((_, n)) => Active::Users(*n),
            None => Active::NotAdditive,
        },
    }
}

fn activity<'a>(query: &Query<'a>) -> impl Iterator<Item = (&'a crate::domain::record::Record, &'a UserActivity)> {
    query.facts.records.iter().filter_map(|r| match &r.body {
        Body::UserActivity(u) if !r.deleted => Some((&**r, u)),
        _ => None,
    })
}

fn on_day(day: &str, span: Window, zone: Tz) -> bool {
    NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok_and(|d| span.contains(midnight(d, zone)))
}

/// The span a monthly count is read over: the window when it is whole calendar months, else the days before its end.
fn monthly_span(query: &Query<'_>) -> Window {
    let to = query.window.to.min(query.settings.as_of);
    let months = whole_months(query.window, query.settings.zone);
    match (months.first(), months.last()) {
        (Some(first), Some(last)) if first.from == query.window.from && last.to == query.window.to => *last,
        _ => Window::ending(to, Duration::days(ROLLING_DAYS)),
    }
}

/// `active_users.month`: distinct users of the calendar month, or of the 28 days up to the end of any other window.
#[must_use]
pub fn monthly(query: &Query<'_>) -> Reading {
    const ID: &str = "active_users.month";
    let none = |status, why: &str| Reading::none(ID, query.scope.clone(), "users", status, why);
    match distinct(query, monthly_span(query)) {
        Active::Unknown => none(Status::NoData, "no user activity in this window"),
        Active::NotAdditive => none(Status::Insufficient, "counts per product cannot be added: the same user may be in several"),
        Active::Users(n) => Reading::ok(ID, query.scope.clone(), "users", n, whole(n)),
    }
}

/// Mean of the distinct users of each day of a span; days without any count as 0.
fn daily_mean_of(query: &Query<'_>, span: Window) -> Option<(f64, u64)> {
    let whose = Whose::of(query);
    let zone = query.settings.zone;
    let span = Window::new(span.from, span.to.min(query.settings.as_of));
    let days = span.days(zone).len() as f64;
    let user_days: BTreeSet<(&str, &str)> = activity(query)
        .filter(|(r, _)| whose.record(r))
        .flat_map(|(_, u)| &u.user_days)
        .filter(|(_, d)| on_day(d, span, zone))
        .map(|(user, d)| (user.as_str(), d.as_str()))
        .collect();
    if !user_days.is_empty() {
        return Some((user_days.len() as f64 / days, user_days.len() as u64));
    }
    let ready: Vec<f64> = activity(query)
        .filter(|(r, u)| whose.record(r) && u.period.as_deref() == Some("day") && r.event_time().is_some_and(|t| span.contains(t)))
        .filter_map(|(_, u)| u.active_users)
        .collect();
    (!ready.is_empty()).then(|| (ready.iter().sum::<f64>() / ready.len() as f64, ready.len() as u64))
}

/// `active_users.daily_mean`.
#[must_use]
pub fn daily_mean(query: &Query<'_>) -> Reading {
    const ID: &str = "active_users.daily_mean";
    match daily_mean_of(query, query.window) {
        Some((mean, n)) => Reading::ok(ID, query.scope.clone(), "users", mean, n),
        None => Reading::none(ID, query.scope.clone(), "users", Status::NoData, "no user activity in this window"),
    }
}

/// `stickiness`: mean daily over monthly active users of the same span.
#[must_use]
pub fn stickiness(query: &Query<'_>) -> Reading {
    const ID: &str = "stickiness";
    let span = monthly_span(query);
    match (daily_mean_of(query, span), distinct(query, span)) {
        (Some((mean, n)), Active::Users(users)) if users > 0.0 => Reading::ok(ID, query.scope.clone(), "ratio", mean / users, n),
        _ => Reading::none(ID, query.scope.clone(), "ratio", Status::NoData, "no user activity in this window"),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are not negative and far below 2^53")]
fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}
