//! Who stays, who leaves, what they say, what they use.

use super::{Figures, count, none, share};
use crate::{
    analysis::{quantile, significance::half_width95},
    domain::{
        record::{Body, Customers, FeatureUsage, Survey},
        value::{Reading, Status},
    },
    kpi::{Query, cost},
};

const NO_CUSTOMERS: &str = "no customers at the start of any period";

pub(super) fn evaluate(metric: &str, query: &Query<'_>) -> Option<Reading> {
    Some(match metric {
        "retention_rate" => of_customers("retention_rate", query, |c| c.end - c.new),
        "retention_rate.users" => cost::returning_users(query),
        "churn_rate" => of_customers("churn_rate", query, |c| c.lost.unwrap_or(c.start - (c.end - c.new))),
        "churn_rate.revenue" => of_revenue(query),
        "nps" => nps(query),
        "feature_adoption" => adoption(query),
        "feature_adoption.time_to_adopt" => time_to_adopt(query),
        _ => return None,
    })
}

fn periods<'a>(query: &Query<'a>) -> Figures<'a, Customers> {
    Figures::of(query, |body| if let Body::Customers(c) = body { Some(c) } else { None })
}

/// A part of those who were customers at the start, over them, summed over the window's periods. What was won in a period
/// is neither kept nor lost.
fn of_customers(metric: &'static str, query: &Query<'_>, part: impl Fn(&Customers) -> f64) -> Reading {
    let figures = periods(query);
    let (part, start) = figures.all.iter().fold((0.0, 0.0), |sum, (c, ..)| (sum.0 + part(c), sum.1 + c.start));
    figures.date(share(metric, query, part, start, NO_CUSTOMERS).with("periods", figures.all.len() as f64), query)
}

/// Recurring revenue that was lost, over what there was at the start.
fn of_revenue(query: &Query<'_>) -> Reading {
    const ID: &str = "churn_rate.revenue";
    let figures = periods(query);
    let both = figures.all.iter().filter_map(|(c, ..)| Some((cost::float(c.mrr_lost?), cost::float(c.mrr?))));
    let (lost, start, n) = both.fold((0.0, 0.0, 0_u64), |sum, (lost, start)| (sum.0 + lost, sum.1 + start, sum.2 + 1));
    let reading = share(ID, query, lost, start, "no period says what recurring revenue there was and what of it was lost");
    figures.date(Reading { n, ..reading }, query)
}

/// Promoters less detractors per hundred answers, with its 95 % margin.
fn nps(query: &Query<'_>) -> Reading {
    const ID: &str = "nps";
    let figures = Figures::<Survey>::of(query, |body| if let Body::Survey(s) = body { Some(s) } else { None });
    let sum = |of: fn(&Survey) -> f64| figures.all.iter().map(|(s, ..)| of(s)).sum::<f64>();
    let (up, mid, down) = (sum(|s| s.promoters), sum(|s| s.passives), sum(|s| s.detractors));
    let n = up + mid + down;
    if n.is_nan() || n <= 0.0 {
        return none(ID, query, "points", Status::NoData, "no answers in this window");
    }
    if up < 0.0 || mid < 0.0 || down < 0.0 {
        return none(ID, query, "points", Status::Error, "an answer was counted less than never");
    }
    let mean = (up - down) / n;
    let half = half_width95((((up + down) / n - mean * mean) / n).max(0.0).sqrt());
    let mut reading = Reading::ok(ID, query.scope.clone(), "points", 100.0 * mean, count(n)).with("margin", 100.0 * half);
    (reading.lower, reading.upper) = (Some(100.0 * (mean - half).max(-1.0)), Some(100.0 * (mean + half).min(1.0)));
    figures.date(reading, query)
}

fn usage<'a>(query: &Query<'a>) -> Figures<'a, FeatureUsage> {
    Figures::of(query, |body| if let Body::FeatureUsage(f) = body { Some(f) } else { None })
}

/// The last report of each feature.
fn features<'a>(figures: &Figures<'a, FeatureUsage>) -> Vec<&'a FeatureUsage> {
    figures.latest_by(|f, record| (record.source.as_str(), f.feature.as_str(), record.team.as_deref(), record.service.as_deref()))
}

/// Eligible users who used a feature, over eligible ones; over several features sum over sum.
fn adoption(query: &Query<'_>) -> Reading {
    let figures = usage(query);
    let (users, eligible) = features(&figures).iter().fold((0.0, 0.0), |sum, f| (sum.0 + f.users, sum.1 + f.eligible));
    figures.date(share("feature_adoption", query, users, eligible, "nobody was eligible in this window"), query)
}

/// Median time from when one could to the first use.
fn time_to_adopt(query: &Query<'_>) -> Reading {
    const ID: &str = "feature_adoption.time_to_adopt";
    let figures = usage(query);
    let took: Vec<f64> = features(&figures).iter().flat_map(|f| f.time_to_adopt_s.iter().copied()).filter(|s| s.is_finite()).collect();
    let n = took.len() as u64;
    match quantile::median(&took) {
        Some(median) => figures.date(Reading::ok(ID, query.scope.clone(), "s", median, n), query),
        None => none(ID, query, "s", Status::NoData, "no report says how long anybody took"),
    }
}
