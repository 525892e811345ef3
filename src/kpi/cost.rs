//! Cost, users and the two together.
//!
//! Money is exact: decimals, one currency per value, splits that sum to the whole. Must not: add unlike currencies, add
//! billed to effective cost, or add distinct users over days or products.

mod allocate;
mod convert;
mod forecast;
mod line;
mod restated;
mod users;

use std::{borrow::Cow, collections::BTreeMap};

use chrono::NaiveDate;

pub use allocate::{UNALLOCATED, allocate};
pub use line::{cost_facts, is_correction, month};
pub use restated::{RESTATED, corrections as corrections_by_month};
use rust_decimal::prelude::ToPrimitive;
pub use users::{month_named, month_of, returning_users, whole_months};

pub(super) use self::convert::Purse;
use self::{convert::in_reporting_currency, users::Active};
use super::{
    Query, Settings, dimension,
    fact::Cost,
    scope::{By, Whose},
};
use crate::domain::{
    Decimal, Time,
    team::UNATTRIBUTED,
    value::{Datum, Reading, Scope, Status},
    window::{Tz, Window, day_span},
};

/// Compute one metric of this quarter; `None` when the id is not one of them.
#[must_use]
pub fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    let window = match query.scope {
        Scope::Group(by, name) if by == "month" => {
            month_named(name, query.settings.zone).unwrap_or(Window::new(query.window.from, query.window.from))
        }
        _ => query.window,
    };
    let query = &Query { window, ..*query };
    Some(match metric {
        "infra_cost.effective" | "infra_cost" => effective(query),
        "infra_cost.billed" => billed(query),
        "infra_cost.invoiced" => invoiced(query),
        "infra_cost.corrections" => restated::corrected(query),
        "infra_cost.daily" => daily(query),
        "infra_cost.mtd" => forecast::month_to_date(query),
        "infra_cost_forecast" => forecast::forecast(query),
        "infra_cost_per_user" => per_user(query),
        "cost_allocated_share" => allocated_share(query),
        "commitment_unused_share" => unused_share(query),
        "active_users.month" | "active_users" => users::monthly(query),
        "active_users.1d" => users::rolling("active_users.1d", 1, &["day", "1d"], query),
        "active_users.7d" => users::rolling("active_users.7d", 7, &["week", "7d"], query),
        "active_users.28d" => users::rolling("active_users.28d", 28, &["28d"], query),
        "active_users.daily_mean" => users::daily_mean(query),
        "stickiness" => users::stickiness(query),
        _ => return None,
    })
}

/// Left out by configuration.
fn is_excluded(cost: &Cost, settings: &Settings) -> bool {
    settings.cost_exclude.iter().any(|c| c.eq_ignore_ascii_case(&cost.category))
}

/// As a float, for ratios and forecasts.
pub(super) fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(f64::NAN)
}

/// Which amount of a cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    Effective,
    Billed,
}

impl Amount {
    fn of(self, cost: &Cost) -> Decimal {
        match self {
            Self::Effective => cost.effective,
            Self::Billed => cost.billed,
        }
    }
}

/// The costs of a scope.
struct Lines<'a> {
    costs: Cow<'a, [Cost]>,
    settings: &'a Settings,
    whose: Whose<'a>,
    in_order: bool,
}

/// No cost covers more than a calendar day, which has at most 25 hours (and an hour more for zones with odd shifts).
const LONGEST_HOURS: i64 = 26;

impl<'a> Lines<'a> {
    fn of(query: &Query<'a>) -> Self {
        Self::new(query, matches!(By::of(query.scope), By::Team(_)))
    }

    /// With owners; costs that come without are allocated here (the engine does it once, when it loads them).
    fn new(query: &Query<'a>, with_owners: bool) -> Self {
        let costs = if with_owners && !allocate::is_allocated(&query.facts.costs) {
            let mut costs = query.facts.costs.clone();
            allocate(&mut costs, query.settings, query.roster);
            Cow::Owned(costs)
        } else {
            Cow::Borrowed(query.facts.costs.as_slice())
        };
        let in_order = costs.is_sorted_by_key(|c| c.span.from);
        Self { costs, settings: query.settings, whose: Whose::of(query), in_order }
    }

    fn is_mine(&self, cost: &Cost) -> bool {
        match self.whose.by {
            By::Org | By::Group("month", _) => true,
            By::Team(team) => match cost.team.as_deref() {
                Some(UNATTRIBUTED | UNALLOCATED) | None => matches!(team, UNATTRIBUTED | UNALLOCATED),
                Some(owner) => self.whose.is_mine(owner),
            },
            By::Service(service) => &*cost.service == service,
            By::Group(by, value) => dimension::of_cost(cost, by, self.settings.zone).as_deref() == Some(value),
        }
    }

    fn mine(&self) -> impl Iterator<Item = &Cost> {
        self.of_scope(&self.costs)
    }

    fn of_scope<'c>(&'c self, costs: &'c [Cost]) -> impl Iterator<Item = &'c Cost> {
        costs.iter().filter(|c| !is_excluded(c, self.settings) && self.is_mine(c))
    }

    /// Costs that may touch a window: a slice, where they are in order of time.
    fn near(&self, window: Window) -> &[Cost] {
        if !self.in_order {
            return &self.costs;
        }
        let first = window.from.checked_sub_signed(chrono::Duration::hours(LONGEST_HOURS)).unwrap_or(window.from);
        let from = self.costs.partition_point(|c| c.span.from < first);
        let to = self.costs.partition_point(|c| c.span.from < window.to);
        &self.costs[from..to.max(from)]
    }

    /// Costs that touch a window, with the part of their span inside it.
    fn within(&self, window: Window) -> impl Iterator<Item = (&Cost, Window)> {
        self.of_scope(self.near(window)).filter_map(move |cost| {
            let part = cost.span.intersect(&window);
            let touches = part.from < part.to || (cost.span.from == cost.span.to && window.contains(cost.span.from));
            touches.then_some((cost, part))
        })
    }

    /// Sums of a window; a cost that reaches over its edge counts by time.
    fn purse(&self, window: Window, amount: Amount) -> Purse {
        let mut purse = Purse::default();
        let mut months = Months::new(self.settings.zone);
        for (cost, part) in self.within(window) {
            purse.add(accrued(amount.of(cost), cost.span, part), &cost.currency, months.of(cost.span.from));
        }
        purse
    }

    fn in_reporting(&self, amount: Decimal, cost: &Cost) -> Option<Decimal> {
        in_reporting_currency(amount, &cost.currency, &month(cost.span.from, self.settings.zone), self.settings)
    }
}

/// What of an amount accrues in a part of its span; over adjacent parts the sum is exact.
fn accrued(amount: Decimal, span: Window, part: Window) -> Decimal {
    if part == span {
        return amount;
    }
    let length = (span.to - span.from).num_milliseconds();
    let until = |at: Time| line::share(amount, (at - span.from).num_milliseconds(), length);
    until(part.to) - if part.from > span.from { until(part.from) } else { Decimal::ZERO }
}

/// Month names of instants that come mostly in order.
struct Months {
    zone: Tz,
    last: Option<(Window, String)>,
}

impl Months {
    fn new(zone: Tz) -> Self {
        Self { zone, last: None }
    }

    fn of(&mut self, at: Time) -> &str {
        if !self.last.as_ref().is_some_and(|(w, _)| w.contains(at)) {
            self.last = None;
        }
        &self.last.get_or_insert_with(|| (month_of(at, self.zone), month(at, self.zone))).1
    }
}

/// Calendar days of instants that come mostly in order.
struct Days {
    zone: Tz,
    last: Option<(Window, NaiveDate)>,
}

impl Days {
    fn new(zone: Tz) -> Self {
        Self { zone, last: None }
    }

    fn of(&mut self, at: Time) -> NaiveDate {
        match self.last {
            Some((span, day)) if span.contains(at) => day,
            _ => {
                let day = at.with_timezone(&self.zone).date_naive();
                self.last = Some((day_span(day, self.zone), day));
                day
            }
        }
    }
}

/// The window up to the evaluation instant.
fn until_now(query: &Query<'_>) -> Window {
    Window::new(query.window.from, query.window.to.min(query.settings.as_of))
}

/// A purse as one reading in the reporting currency, or why not.
fn total(metric: &'static str, query: &Query<'_>, purse: &Purse, empty: &str) -> Reading {
    let unit = query.settings.currency.clone();
    if purse.n == 0 {
        return Reading::none(metric, query.scope.clone(), unit, Status::NoData, empty);
    }
    match purse.total(query.settings) {
        Ok(sum) => Reading::ok(metric, query.scope.clone(), unit, sum.normalize(), purse.n),
        Err(missing) => {
            Reading::none(metric, query.scope.clone(), unit, Status::Error, &missing).with("partial", purse.by_currency(query.settings))
        }
    }
}

const NO_CHARGE: &str = "no charge in this window";

fn effective(query: &Query<'_>) -> Reading {
    let lines = Lines::of(query);
    let window = until_now(query);
    let mut reading = total("infra_cost.effective", query, &lines.purse(window, Amount::Effective), NO_CHARGE);
    observed(&mut reading, &lines, window);
    restated::tell(reading, query, &lines, window)
}

/// Age, coverage (share of days with any charge) and finality.
fn observed(reading: &mut Reading, lines: &Lines<'_>, window: Window) {
    let zone = lines.settings.zone;
    let (mut days, mut estimated, mut newest) = (std::collections::BTreeSet::new(), 0_u64, None);
    let mut calendar = Days::new(zone);
    for (cost, part) in lines.within(window) {
        days.insert(calendar.of(cost.span.from));
        estimated += u64::from(cost.estimated);
        newest = newest.max(Some(part.to));
    }
    let all = window.days(zone).len();
    reading.coverage = (all > 0 && !days.is_empty()).then(|| (days.len() as f64 / all as f64).min(1.0));
    reading.measured_at = newest;
    if estimated > 0 && reading.status == Status::Ok {
        reading.status = Status::Provisional;
        reading.reason = Some(format!("{estimated} of {} charges are not final at the provider", reading.n));
    }
}

fn billed(query: &Query<'_>) -> Reading {
    const ID: &str = "infra_cost.billed";
    let lines = Lines::of(query);
    let window = until_now(query);
    let purse = lines.purse(window, Amount::Billed);
    if purse.n > 0 && lines.within(window).all(|(c, _)| c.billed.is_zero()) && lines.within(window).any(|(c, _)| !c.effective.is_zero()) {
        return Reading::none(
            ID,
            query.scope.clone(),
            query.settings.currency.clone(),
            Status::NoData,
            "the bills say nothing of billed cost",
        );
    }
    let mut reading = total(ID, query, &purse, NO_CHARGE);
    observed(&mut reading, &lines, window);
    reading
}

/// Billed cost of the billing periods that begin in the window, whenever the charges were for.
fn invoiced(query: &Query<'_>) -> Reading {
    let lines = Lines::of(query);
    let (zone, window) = (query.settings.zone, until_now(query));
    let mut purse = Purse::default();
    let mut begins: BTreeMap<&str, Option<Window>> = BTreeMap::new();
    let mut open = false;
    for cost in lines.mine() {
        let period = *begins.entry(&cost.billing_month).or_insert_with(|| month_named(&cost.billing_month, zone));
        if let Some(period) = period.filter(|p| window.contains(p.from)) {
            purse.add(cost.billed, &cost.currency, &cost.billing_month);
            open |= period.to > query.settings.as_of;
        }
    }
    let mut reading = total("infra_cost.invoiced", query, &purse, "no billing period begins in this window");
    if open && reading.status == Status::Ok {
        reading.status = Status::Provisional;
        reading.reason = Some("a billing period is not over".into());
    }
    reading
}

fn daily(query: &Query<'_>) -> Reading {
    const ID: &str = "infra_cost.daily";
    let lines = Lines::of(query);
    let unit = query.settings.currency.clone();
    let mut days: BTreeMap<NaiveDate, Purse> = BTreeMap::new();
    let (mut months, mut calendar) = (Months::new(query.settings.zone), Days::new(query.settings.zone));
    let mut n = 0;
    for (cost, part) in lines.within(until_now(query)) {
        days.entry(calendar.of(cost.span.from)).or_default().add(
            accrued(cost.effective, cost.span, part),
            &cost.currency,
            months.of(cost.span.from),
        );
        n += 1;
    }
    if days.is_empty() {
        return Reading::none(ID, query.scope.clone(), unit, Status::NoData, NO_CHARGE);
    }
    let mut map = BTreeMap::new();
    for (day, purse) in days {
        match purse.total(query.settings) {
            Ok(sum) => map.insert(day.to_string(), Datum::Money(sum)),
            Err(missing) => return Reading::none(ID, query.scope.clone(), unit, Status::Error, &missing),
        };
    }
    Reading::ok(ID, query.scope.clone(), unit, Datum::Map(map), n)
}

/// Effective cost over monthly active users, of the same months: those inside the window, else the last complete one.
fn per_user(query: &Query<'_>) -> Reading {
    const ID: &str = "infra_cost_per_user";
    let unit = format!("{}/user", query.settings.currency);
    let none = |status, why: &str| Reading::none(ID, query.scope.clone(), unit.clone(), status, why);
    let zone = query.settings.zone;
    let now = query.window.to.min(query.settings.as_of);
    let mut months = whole_months(until_now(query), zone);
    if months.is_empty() {
        months.push(month_of(month_of(now, zone).from - chrono::Duration::milliseconds(1), zone));
    }
    let lines = Lines::of(query);
    let (mut cost, mut active, mut names) = (Decimal::ZERO, 0.0, Vec::new());
    let mut why = "no user activity in these months";
    for span in months {
        let users = match users::distinct(query, span) {
            Active::Users(n) if n > 0.0 => n,
            Active::NotAdditive => {
                why = "users are counted per product; open one, or send a count for all";
                continue;
            }
            _ => continue,
        };
        let purse = lines.purse(span, Amount::Effective);
        if purse.n == 0 {
            why = "users are known for these months, cost is not";
            continue;
        }
        match purse.total(query.settings) {
            Ok(sum) => cost += sum,
            Err(missing) => return none(Status::Error, &missing),
        }
        active += users;
        names.push(month(span.from, zone));
    }
    if active <= 0.0 {
        return none(Status::NoData, why);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of users")]
    let n = active.round() as u64;
    Reading::ok(ID, query.scope.clone(), unit.clone(), float(cost) / active, n).with("months", names).with("cost", cost)
}

/// A charge and what it adds to a sum of the window, in the reporting currency.
type Amounts<'a> = Vec<(&'a Cost, f64)>;

/// The charges a window's sum is made of. `None` when one has no rate, or the facts are not allocated yet: then there is no
/// sum either.
pub(super) fn amounts<'a>(query: &Query<'a>, amount: Amount) -> Option<Amounts<'a>> {
    amounts_in(query, until_now(query), amount)
}

fn amounts_in<'a>(query: &Query<'a>, window: Window, amount: Amount) -> Option<Amounts<'a>> {
    let lines = Lines::of(query);
    let Cow::Borrowed(_) = lines.costs else { return None };
    let near = Lines { costs: Cow::Borrowed(query.facts.costs.as_slice()), ..lines };
    let (mut out, mut months) = (Vec::new(), Months::new(query.settings.zone));
    for cost in &query.facts.costs {
        let part = cost.span.intersect(&window);
        let touches = part.from < part.to || (cost.span.from == cost.span.to && window.contains(cost.span.from));
        if !touches || is_excluded(cost, query.settings) || !near.is_mine(cost) {
            continue;
        }
        let sum = accrued(amount.of(cost), cost.span, part);
        let month = months.of(cost.span.from);
        out.push((cost, float(in_reporting_currency(sum, &cost.currency, month, query.settings)?)));
    }
    Some(out)
}

/// What was used and what it cost, over one window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Priced {
    /// In the unit of the group.
    pub quantity: f64,
    /// In the billing currency.
    pub charged: f64,
    /// In the reporting currency.
    pub reported: f64,
}

/// A window's charges by service, unit and billing currency; without a unit, those whose bill names no quantity.
pub(super) fn priced(query: &Query<'_>, amount: Amount) -> Option<BTreeMap<(String, String, String), Priced>> {
    let window = until_now(query);
    let mut out: BTreeMap<(String, String, String), Priced> = BTreeMap::new();
    for (cost, reported) in amounts(query, amount)? {
        let part = cost.span.intersect(&window);
        let whole = cost.span.seconds();
        let share = if whole > 0.0 { part.seconds() / whole } else { 1.0 };
        let measured = cost.quantity > Decimal::ZERO && !cost.unit.is_empty();
        let unit = if measured { cost.unit.to_string() } else { String::new() };
        let group = out.entry((cost.service.to_string(), unit, cost.currency.to_string())).or_default();
        group.quantity += if measured { float(cost.quantity) * share } else { 0.0 };
        group.charged += float(accrued(amount.of(cost), cost.span, part));
        group.reported += reported;
    }
    Some(out)
}

/// What cost per user is made of: the charges of its months, and the users of the same months.
pub(super) fn per_user_parts<'a>(query: &Query<'a>) -> Option<(Amounts<'a>, f64)> {
    let reading = per_user(query);
    let (value, cost) = (reading.number()?, reading.facts.get("cost").and_then(Datum::as_f64)?);
    let Some(Datum::List(names)) = reading.facts.get("months") else { return None };
    let mut out = Vec::new();
    for name in names {
        let Datum::Text(name) = name else { continue };
        out.extend(amounts_in(query, month_named(name, query.settings.zone)?, Amount::Effective)?);
    }
    (value != 0.0).then(|| (out, cost / value))
}

/// What a share of effective cost is made of: each charge with its part and its whole.
pub(super) fn share_parts<'a>(metric: &str, query: &Query<'a>) -> Option<Vec<(&'a Cost, f64, f64)>> {
    let part: fn(&Cost) -> Option<bool> = match metric {
        "commitment_unused_share" => |c| (!c.commitment.is_empty()).then(|| c.commitment.eq_ignore_ascii_case("unused")),
        "cost_allocated_share" => |c| Some(c.team.as_deref().is_some_and(|t| t != UNALLOCATED && t != UNATTRIBUTED)),
        _ => return None,
    };
    let all = amounts(query, Amount::Effective)?;
    Some(all.into_iter().filter_map(|(c, sum)| part(c).map(|hit| (c, if hit { sum } else { 0.0 }, sum))).collect())
}

/// A share of effective cost, by two sums in the reporting currency.
fn share(metric: &'static str, query: &Query<'_>, part: &Purse, whole: &Purse, empty: &str) -> Reading {
    let none = |status, why: &str| Reading::none(metric, query.scope.clone(), "ratio", status, why);
    match (part.total(query.settings), whole.total(query.settings)) {
        (Ok(part), Ok(whole)) if whole > Decimal::ZERO => {
            let value = part.checked_div(whole).map_or(f64::NAN, float);
            Reading::ok(metric, query.scope.clone(), "ratio", value, 0).with("part", part).with("whole", whole)
        }
        (Ok(_), Ok(_)) => none(Status::NoData, empty),
        (Err(missing), _) | (_, Err(missing)) => none(Status::Error, &missing),
    }
}

fn allocated_share(query: &Query<'_>) -> Reading {
    const ID: &str = "cost_allocated_share";
    if matches!(query.scope, Scope::Team(_)) {
        return Reading::none(
            ID,
            query.scope.clone(),
            "ratio",
            Status::NoData,
            "a team's cost is allocated by definition; see the whole organisation",
        );
    }
    let lines = Lines::new(query, true);
    let window = until_now(query);
    let (mut owned, mut all) = (Purse::default(), Purse::default());
    let mut months = Months::new(query.settings.zone);
    for (cost, inside) in lines.within(window) {
        let amount = accrued(cost.effective, cost.span, inside);
        let month = months.of(cost.span.from);
        all.add(amount, &cost.currency, month);
        if cost.team.as_deref().is_some_and(|t| t != UNATTRIBUTED && t != UNALLOCATED) {
            owned.add(amount, &cost.currency, month);
        }
    }
    let n = all.n;
    Reading { n, ..share(ID, query, &owned, &all, NO_CHARGE) }
}

fn unused_share(query: &Query<'_>) -> Reading {
    let lines = Lines::of(query);
    let (mut unused, mut all) = (Purse::default(), Purse::default());
    let mut months = Months::new(query.settings.zone);
    for (cost, inside) in lines.within(until_now(query)).filter(|(c, _)| !c.commitment.is_empty()) {
        let amount = accrued(cost.effective, cost.span, inside);
        let month = months.of(cost.span.from);
        all.add(amount, &cost.currency, month);
        if cost.commitment.eq_ignore_ascii_case("unused") {
            unused.add(amount, &cost.currency, month);
        }
    }
    let n = all.n;
    Reading { n, ..share("commitment_unused_share", query, &unused, &all, "no commitment in this window") }
}
