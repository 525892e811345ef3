//! Return, effectiveness, life-time value, share of revenue, cost per transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Figures, count, none};
use crate::{
    domain::{
        Decimal, Time,
        record::{Body, Finance, UserActivity},
        value::{Datum, Reading, Status},
    },
    kpi::{Query, cost},
};

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "roi" => roi(query),
        "rd_effectiveness" => rd_effectiveness(query),
        "tech_cost_pct_revenue" => share_of_revenue(query),
        "ltv" => ltv(query),
        "cost_per_transaction" => per_transaction(query),
        _ => return None,
    })
}

type Periods<'a> = Figures<'a, Finance>;

/// The periods whose figures satisfy `keep`.
fn periods<'a>(query: &Query<'a>, keep: impl Fn(&Finance) -> bool) -> Periods<'a> {
    Figures::of(query, |body| if let Body::Finance(f) = body { Some(f).filter(|f| keep(f)) } else { None })
}

/// An amount of a period, with the currency and month that decide its rate.
fn put(purse: &mut cost::Purse, amount: Decimal, currency: Option<&str>, at: Option<Time>, query: &Query<'_>) {
    // The month a period ends in: its last instant, not the first one after it.
    let month = at.map_or_else(String::new, |t| cost::month(t - chrono::Duration::milliseconds(1), query.settings.zone));
    purse.add(amount, &Arc::from(currency.unwrap_or_default()), &month);
}

/// One figure of these periods in the reporting currency; `Ok(None)` when no period has it.
fn sum(periods: &Periods<'_>, query: &Query<'_>, of: impl Fn(&Finance) -> Option<Decimal>) -> Result<Option<Decimal>, Box<Missing>> {
    let mut purse = cost::Purse::default();
    for (f, _, at) in &periods.all {
        if let Some(amount) = of(f) {
            put(&mut purse, amount, f.currency.as_deref(), *at, query);
        }
    }
    if purse.n == 0 {
        return Ok(None);
    }
    purse.total(query.settings).map(Some).map_err(|why| Box::new(Missing { why, partial: purse.by_currency(query.settings) }))
}

/// A rate that is not configured, and the sums it keeps apart.
struct Missing {
    why: String,
    partial: Datum,
}

impl Missing {
    fn reading(self, metric: &'static str, query: &Query<'_>, unit: &str) -> Reading {
        none(metric, query, unit, Status::Error, &self.why).with("partial", self.partial)
    }
}

/// Sum over sum of two figures; `n` is the number of reports.
fn over(
    metric: &'static str,
    query: &Query<'_>,
    periods: &Periods<'_>,
    top: impl Fn(&Finance) -> Option<Decimal>,
    bottom: impl Fn(&Finance) -> Option<Decimal>,
    empty: &str,
) -> Reading {
    match (sum(periods, query, top), sum(periods, query, bottom)) {
        (Err(missing), _) | (_, Err(missing)) => missing.reading(metric, query, "ratio"),
        (Ok(Some(top)), Ok(Some(bottom))) if bottom > Decimal::ZERO => {
            let value = cost::float(top) / cost::float(bottom);
            periods.date(Reading::ok(metric, query.scope.clone(), "ratio", value, periods.all.len() as u64), query)
        }
        _ => none(metric, query, "ratio", Status::NoData, empty),
    }
}

/// (gain - cost) / cost of the initiatives that state both, with the horizon they are counted over.
fn roi(query: &Query<'_>) -> Reading {
    const ID: &str = "roi";
    let stated = periods(query, |f| f.gain.is_some() && f.cost.is_some());
    if matches!(sum(&stated, query, |f| f.cost), Ok(Some(cost)) if cost <= Decimal::ZERO) {
        return none(ID, query, "ratio", Status::Error, "cost is 0; ROI undefined");
    }
    let net = |f: &Finance| Some(f.gain? - f.cost?);
    let reading = over(ID, query, &stated, net, |f| f.cost, "no initiative with gain and cost in this window");
    if reading.value.is_none() {
        return reading;
    }
    let months: BTreeSet<String> = stated.all.iter().filter_map(|(f, ..)| f.horizon_months).map(|m| format!("{m} months")).collect();
    let horizon = if months.is_empty() { "the window's figures".to_owned() } else { months.into_iter().collect::<Vec<_>>().join(", ") };
    reading.with("horizon", horizon)
}

/// Revenue of new products over R&D cost; a product that is older than the configured age is not new. By year of launch.
fn rd_effectiveness(query: &Query<'_>) -> Reading {
    const ID: &str = "rd_effectiveness";
    let months = query.settings.new_product_months;
    let stated = periods(query, |f| f.new_product_revenue.is_some() || f.rd_cost.is_some());
    let mut purses: BTreeMap<String, cost::Purse> = BTreeMap::new();
    let mut all = cost::Purse::default();
    for (f, _, at) in &stated.all {
        let is_new = |launched: Time| {
            let end = launched.checked_add_months(chrono::Months::new(months)).unwrap_or(launched);
            at.unwrap_or(query.window.to) <= end
        };
        let Some(revenue) = f.new_product_revenue.filter(|_| f.launched_at.is_none_or(is_new)) else { continue };
        let zone = query.settings.zone;
        let vintage = f.launched_at.map_or_else(|| "not said".to_owned(), |t| t.with_timezone(&zone).format("%Y").to_string());
        put(purses.entry(vintage).or_default(), revenue, f.currency.as_deref(), *at, query);
        put(&mut all, revenue, f.currency.as_deref(), *at, query);
    }
    let cost = match sum(&stated, query, |f| f.rd_cost) {
        Ok(cost) => cost.filter(|c| *c > Decimal::ZERO),
        Err(missing) => return missing.reading(ID, query, "ratio"),
    };
    let Some(cost) = cost else { return none(ID, query, "ratio", Status::NoData, "no R&D cost in this window") };
    if !stated.all.iter().any(|(f, ..)| f.new_product_revenue.is_some()) {
        return none(ID, query, "ratio", Status::NoData, "no revenue of new products in this window");
    }
    let revenue = match all.total(query.settings) {
        Ok(revenue) => revenue,
        Err(why) => return Missing { why, partial: all.by_currency(query.settings) }.reading(ID, query, "ratio"),
    };
    let ratio = |amount: Decimal| cost::float(amount) / cost::float(cost);
    let vintages = purses.iter().filter_map(|(year, purse)| Some((year.clone(), ratio(purse.total(query.settings).ok()?).into())));
    let reading = Reading::ok(ID, query.scope.clone(), "ratio", ratio(revenue), stated.all.len() as u64)
        .with("vintages", Datum::Map(vintages.collect()))
        .with("new_up_to_months", f64::from(months));
    stated.date(reading, query)
}

/// Technology cost over revenue, with what the cost is said to hold.
fn share_of_revenue(query: &Query<'_>) -> Reading {
    const ID: &str = "tech_cost_pct_revenue";
    let stated = periods(query, |f| f.tech_cost.is_some() || f.revenue.is_some());
    let reading = over(ID, query, &stated, |f| f.tech_cost, |f| f.revenue, "no technology cost and revenue in this window");
    if reading.value.is_none() {
        return reading;
    }
    let held: BTreeSet<&str> = stated.all.iter().filter_map(|(f, ..)| f.tech_cost_scope.as_deref()).collect();
    let held = if held.is_empty() { "not said".to_owned() } else { held.into_iter().collect::<Vec<_>>().join("; ") };
    reading.with("cost_scope", held)
}

/// Revenue per account and month times margin over monthly churn, of the latest period that has all three.
fn ltv(query: &Query<'_>) -> Reading {
    const ID: &str = "ltv";
    let unit = query.settings.currency.as_str();
    let stated = periods(query, |f| f.arpa_month.is_some() && f.gross_margin.is_some() && f.monthly_churn.is_some());
    let latest = stated.all.iter().map(|(.., at)| *at).max();
    let mut last = stated.all.iter().filter(|(.., at)| Some(*at) == latest);
    let (Some((f, _, at)), another) = (last.next(), last.next()) else {
        return none(ID, query, unit, Status::NoData, "no period with revenue per account, margin and churn");
    };
    if another.is_some() {
        return none(ID, query, unit, Status::Insufficient, "several reports of one period: averages cannot be added; open one of them");
    }
    let (Some(arpa), Some(margin), Some(churn)) = (f.arpa_month, f.gross_margin, f.monthly_churn) else {
        return none(ID, query, unit, Status::NoData, "no period with revenue per account, margin and churn");
    };
    if !(0.0..=1.0).contains(&churn) {
        return none(ID, query, unit, Status::Error, &format!("a monthly churn of {churn} is no share of customers"));
    }
    // A cap bounds how long anybody is taken to stay; without one no churn means for ever.
    let cap = query.settings.ltv_horizon_months;
    if churn <= 0.0 && cap.is_none() {
        return none(ID, query, unit, Status::Error, "churn is 0; LTV unbounded");
    }
    let mut purse = cost::Purse::default();
    put(&mut purse, arpa, f.currency.as_deref(), *at, query);
    let arpa = match purse.total(query.settings) {
        Ok(arpa) => cost::float(arpa),
        Err(why) => return Missing { why, partial: purse.by_currency(query.settings) }.reading(ID, query, unit),
    };
    let capped = cap.filter(|months| churn <= 0.0 || 1.0 / churn > *months);
    let value = capped.map_or_else(|| arpa * margin / churn, |months| arpa * margin * months);
    let mut reading = Reading::ok(ID, query.scope.clone(), unit, value, 1);
    if let Some(months) = capped {
        reading = reading.with("capped_at_months", months);
    }
    stated.date(reading, query)
}

/// Effective cost over transactions of the same window and scope.
fn per_transaction(query: &Query<'_>) -> Reading {
    const ID: &str = "cost_per_transaction";
    let unit = format!("{}/tx", query.settings.currency);
    let inside = |at: Option<Time>| at.is_none_or(|t| query.window.contains(t));
    let counted = |body: &UserActivity| body.transactions.filter(|n| n.is_finite());
    let in_records = super::records(query).filter(|(_, at)| inside(*at)).filter_map(|(r, _)| match &r.body {
        Body::UserActivity(u) => counted(u),
        _ => None,
    });
    let transactions = in_records.sum::<f64>() + crate::kpi::reliability::total(query, "transactions");
    let effective = cost::evaluate("infra_cost.effective", query);
    match effective.as_ref().map(|r| (r.number(), r)) {
        _ if transactions <= 0.0 => none(ID, query, &unit, Status::NoData, "no transactions counted in this window"),
        Some((Some(money), spent)) => Reading {
            status: spent.status,
            reason: spent.reason.clone(),
            measured_at: spent.measured_at,
            ..Reading::ok(ID, query.scope.clone(), unit, money / transactions, count(transactions))
        },
        Some((None, why)) => {
            let mut reading = none(ID, query, &unit, why.status, why.reason.as_deref().unwrap_or_default());
            reading.facts.clone_from(&why.facts);
            reading
        }
        None => none(ID, query, &unit, Status::NoData, "no cost in this window"),
    }
}
