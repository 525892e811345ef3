//! Return, effectiveness, life-time value, share of revenue, cost per transaction.

use super::{count, none, records};
use crate::{
    domain::{
        Decimal,
        record::{Body, Finance},
        value::{Reading, Status},
    },
    kpi::{Query, cost},
};

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "roi" => roi(query),
        "rd_effectiveness" => over("rd_effectiveness", query, |f| f.new_product_revenue, |f| f.rd_cost, "no R&D cost in this window"),
        "tech_cost_pct_revenue" => over("tech_cost_pct_revenue", query, |f| f.tech_cost, |f| f.revenue, "no revenue in this window"),
        "ltv" => ltv(query),
        "cost_per_transaction" => per_transaction(query),
        _ => return None,
    })
}

/// One figure of the window's periods in the reporting currency; `Ok(None)` when no period has it.
fn sum(query: &Query<'_>, of: impl Fn(&Finance) -> Option<Decimal>) -> Result<Option<Decimal>, String> {
    let mut purse = cost::Purse::default();
    for (record, at) in records(query) {
        if let Body::Finance(f) = &record.body
            && let Some(amount) = of(f)
        {
            let currency = std::sync::Arc::from(f.currency.as_deref().unwrap_or_default());
            let month = at.map_or_else(String::new, |t| cost::month(t, query.settings.zone));
            purse.add(amount, &currency, &month);
        }
    }
    if purse.n == 0 { Ok(None) } else { purse.total(query.settings).map(Some) }
}

/// Sum over sum of two figures.
fn over(
    metric: &'static str,
    query: &Query<'_>,
    top: impl Fn(&Finance) -> Option<Decimal>,
    bottom: impl Fn(&Finance) -> Option<Decimal>,
    empty: &str,
) -> Reading {
    match (sum(query, top), sum(query, bottom)) {
        (Err(missing), _) | (_, Err(missing)) => none(metric, query, "ratio", Status::Error, &missing),
        (Ok(Some(top)), Ok(Some(bottom))) if bottom > Decimal::ZERO => {
            Reading::ok(metric, query.scope.clone(), "ratio", cost::float(top) / cost::float(bottom), 0)
        }
        _ => none(metric, query, "ratio", Status::NoData, empty),
    }
}

fn roi(query: &Query<'_>) -> Reading {
    const ID: &str = "roi";
    match (sum(query, |f| f.gain), sum(query, |f| f.gain.and(f.cost))) {
        (Err(missing), _) | (_, Err(missing)) => none(ID, query, "ratio", Status::Error, &missing),
        (Ok(Some(_)), Ok(Some(cost))) if cost <= Decimal::ZERO => none(ID, query, "ratio", Status::Error, "cost is 0; ROI undefined"),
        (Ok(Some(gain)), Ok(Some(cost))) => Reading::ok(ID, query.scope.clone(), "ratio", cost::float(gain - cost) / cost::float(cost), 0),
        _ => none(ID, query, "ratio", Status::NoData, "no initiative with gain and cost in this window"),
    }
}

/// Revenue per account and month times margin over monthly churn, of the latest period that has all three.
fn ltv(query: &Query<'_>) -> Reading {
    const ID: &str = "ltv";
    let unit = query.settings.currency.as_str();
    let figures = |f: &Finance| Some((f.arpa_month?, f.gross_margin?, f.monthly_churn?, f.currency.clone()));
    let all = records(query).filter_map(|(r, at)| match &r.body {
        Body::Finance(f) => figures(f).map(|found| (at, found)),
        _ => None,
    });
    let Some((at, (arpa, margin, churn, currency))) = all.max_by_key(|(at, _)| *at) else {
        return none(ID, query, unit, Status::NoData, "no period with revenue per account, margin and churn");
    };
    if churn <= 0.0 {
        return none(ID, query, unit, Status::Error, "churn is 0; LTV unbounded");
    }
    let mut purse = cost::Purse::default();
    let month = at.map_or_else(String::new, |t| cost::month(t, query.settings.zone));
    purse.add(arpa, &std::sync::Arc::from(currency.as_deref().unwrap_or_default()), &month);
    match purse.total(query.settings) {
        Ok(arpa) => Reading::ok(ID, query.scope.clone(), unit, cost::float(arpa) * margin / churn, 0),
        Err(missing) => none(ID, query, unit, Status::Error, &missing),
    }
}

/// Effective cost over transactions of the same window and scope.
fn per_transaction(query: &Query<'_>) -> Reading {
    const ID: &str = "cost_per_transaction";
    let unit = format!("{}/tx", query.settings.currency);
    let counted: f64 = records(query)
        .filter_map(|(r, _)| match &r.body {
            Body::UserActivity(u) => u.transactions,
            _ => None,
        })
        .sum();
    let transactions = counted + crate::kpi::reliability::total(query, "transactions");
    let effective = cost::evaluate("infra_cost.effective", query);
    match effective.as_ref().map(|r| (r.number(), r)) {
        _ if transactions <= 0.0 => none(ID, query, &unit, Status::NoData, "no transactions counted in this window"),
        Some((Some(money), _)) => Reading::ok(ID, query.scope.clone(), unit, money / transactions, count(transactions)),
        Some((None, why)) => none(ID, query, &unit, why.status, why.reason.as_deref().unwrap_or_default()),
        None => none(ID, query, &unit, Status::NoData, "no cost in this window"),
    }
}
