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
const ROLLING_DAYS: u64 = 28;

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
    ready(mine.iter().filter(|(at, u)| u.period.as_deref() == Some("month") && of_month(at)).map(|(_, u)| *u))
}

/// One of several ready counts of a span: the only one, or the one over all products and segments; those do not add up.
fn ready<'a>(counts: impl Iterator<Item = &'a UserActivity>) -> Active {
    let counts: Vec<_> = counts.filter_map(|u| Some((u, u.active_users.filter(|n| n.is_finite())?))).collect();
    match counts.as_slice() {
        [] => Active::Unknown,
        [(_, n)] => Active::Users(*n),
        several => match several.iter().rev().find(|(u, _)| u.product.is_none() && u.segment.is_none()) {
            Some((_, n)) => Active::Users(*n),
            None => Active::NotAdditive,
        },
    }
}

/// The last whole calendar days of the zone up to an instant.
fn last_days(to: Time, days: u64, zone: Tz) -> Window {
    let end = to.with_timezone(&zone).date_naive();
    let begin = end.checked_sub_days(chrono::Days::new(days)).unwrap_or(end);
    Window::new(midnight(begin, zone), midnight(end, zone))
}

/// `active_users.1d`, `.7d`, `.28d`: distinct users of the last whole days, from user-days, else from a ready count of that
/// length stamped on the last of them or at its end.
#[must_use]
pub fn rolling(metric: &'static str, days: u64, periods: &[&str], query: &Query<'_>) -> Reading {
    let none = |status, why: &str| Reading::none(metric, query.scope.clone(), "users", status, why);
    let span = last_days(query.window.to.min(query.settings.as_of), days, query.settings.zone);
    let whose = Whose::of(query);
    let mine: Vec<_> = activity(query).filter(|(r, _)| whose.record(r)).collect();
    let users: BTreeSet<&str> = mine
        .iter()
        .flat_map(|(_, u)| &u.user_days)
        .filter(|(_, d)| on_day(d, span, query.settings.zone))
        .map(|(user, _)| user.as_str())
        .collect();
    let last = last_days(span.to, 1, query.settings.zone);
    let stamped = |at: Option<Time>| at.is_some_and(|t| t >= last.from && t <= last.to);
    let counted = mine.iter().filter(|(r, u)| u.period.as_deref().is_some_and(|p| periods.contains(&p)) && stamped(r.event_time()));
    let active = if users.is_empty() { ready(counted.map(|(_, u)| *u)) } else { Active::Users(users.len() as f64) };
    match active {
        Active::Unknown => none(Status::NoData, "no user activity in these days"),
        Active::NotAdditive => none(Status::Insufficient, NOT_ADDITIVE),
        Active::Users(n) => Reading { measured_at: Some(span.to), ..Reading::ok(metric, query.scope.clone(), "users", n, whole(n)) },
    }
}

/// `retention_rate.users`: of the distinct users active in the like span before the window, the share active in it too.
#[must_use]
pub fn returning_users(query: &Query<'_>) -> Reading {
    const ID: &str = "retention_rate.users";
    let whose = Whose::of(query);
    let zone = query.settings.zone;
    let now = Window::new(query.window.from, query.window.to.min(query.settings.as_of));
    let of = |span: Window| -> BTreeSet<&str> {
        let days = activity(query).filter(|(r, _)| whose.record(r)).flat_map(|(_, u)| &u.user_days);
        days.filter(|(_, d)| on_day(d, span, zone)).map(|(user, _)| user.as_str()).collect()
    };
    let (before, after) = (of(query.window.before()), of(now));
    if before.is_empty() {
        let why = "no users are known one by one in the window before";
        return Reading::none(ID, query.scope.clone(), "ratio", Status::NoData, why);
    }
    let stayed = before.intersection(&after).count() as f64;
    Reading::ok(ID, query.scope.clone(), "ratio", stayed / before.len() as f64, before.len() as u64)
}

const NOT_ADDITIVE: &str = "counts per product cannot be added: the same user may be in several";

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
        _ => last_days(to, ROLLING_DAYS, query.settings.zone),
    }
}

/// `active_users.month`: distinct users of the calendar month, or of the last 28 whole days of any other window.
#[must_use]
pub fn monthly(query: &Query<'_>) -> Reading {
    const ID: &str = "active_users.month";
    let none = |status, why: &str| Reading::none(ID, query.scope.clone(), "users", status, why);
    match distinct(query, monthly_span(query)) {
        Active::Unknown => none(Status::NoData, "no user activity in this window"),
        Active::NotAdditive => none(Status::Insufficient, NOT_ADDITIVE),
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
