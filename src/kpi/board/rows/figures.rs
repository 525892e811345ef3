//! Rows of the kinds with few records: work items, customers, surveys, features, users, money. Never a person.

use super::{Row, seconds, span_s, stamp};
use crate::{
    domain::{
        record::{Customers, FeatureUsage, Finance, Survey, UserActivity, WorkItem},
        value::Datum,
    },
    kpi::Settings,
};

pub(super) fn work_item(row: &mut Row, w: &WorkItem, settings: &Settings) {
    row.title = format!("{} {}", if w.item_type.is_empty() { "item" } else { &w.item_type }, row.title);
    row.tag(if w.released_at.is_some() {
        "released"
    } else if w.done_at.is_some() || w.done == Some(true) {
        "done"
    } else {
        "open"
    });
    for (name, at) in [("created", w.created_at), ("started", w.started_at), ("done", w.done_at), ("released", w.released_at)] {
        if let Some(at) = at {
            row.say(name, stamp(at, settings));
        }
    }
    if let (Some(from), Some(to)) = (w.created_at, w.released_at.filter(|t| *t <= settings.as_of)) {
        row.seconds(seconds(to - from));
        row.say("idea to release", span_s(seconds(to - from)));
    }
    number(row, "points", w.points);
    number(row, "hours", w.effort_h);
    row.say("iteration", w.iteration.as_deref().unwrap_or_default());
    row.say("changes", w.change_ids.join(", "));
}

pub(super) fn customers(row: &mut Row, c: &Customers) {
    row.value = Some((Datum::Num(c.end), "customers".to_owned()));
    for (name, count) in [("at the start", Some(c.start)), ("new", Some(c.new)), ("lost", c.lost), ("at the end", Some(c.end))] {
        number(row, name, count);
    }
    for (name, amount) in [("recurring revenue at the start", c.mrr), ("of it lost", c.mrr_lost)] {
        row.say(name, amount.map(|a| a.to_string()).unwrap_or_default());
    }
}

pub(super) fn survey(row: &mut Row, s: &Survey) {
    if !s.instrument.is_empty() {
        row.title.clone_from(&s.instrument);
    }
    row.value = Some((Datum::Num(s.promoters + s.passives + s.detractors), "answers".to_owned()));
    for (name, count) in [("promoters", s.promoters), ("passives", s.passives), ("detractors", s.detractors)] {
        number(row, name, Some(count));
    }
}

pub(super) fn feature_usage(row: &mut Row, f: &FeatureUsage) {
    row.title.clone_from(&f.feature);
    if f.eligible > 0.0 {
        row.value = Some((Datum::Num(f.users / f.eligible), "ratio".to_owned()));
    }
    number(row, "users", Some(f.users));
    number(row, "eligible", Some(f.eligible));
}

pub(super) fn user_activity(row: &mut Row, u: &UserActivity) {
    if let Some(product) = &u.product {
        row.title.clone_from(product);
    }
    let users: std::collections::BTreeSet<&str> = u.user_days.iter().map(|(user, _)| user.as_str()).collect();
    let count = u.active_users.or((!users.is_empty()).then_some(users.len() as f64));
    row.value = count.map(|n| (Datum::Num(n), "users".to_owned()));
    row.say("period", u.period.as_deref().unwrap_or_default());
    row.say("segment", u.segment.as_deref().unwrap_or_default());
    number(row, "transactions", u.transactions);
}

pub(super) fn finance(row: &mut Row, f: &Finance, settings: &Settings) {
    if let Some(initiative) = &f.initiative {
        row.title.clone_from(initiative);
    }
    let currency = f.currency.as_deref().unwrap_or(&settings.currency);
    for (name, amount) in [
        ("revenue", f.revenue),
        ("technology cost", f.tech_cost),
        ("gain", f.gain),
        ("cost", f.cost),
        ("R&D cost", f.rd_cost),
        ("revenue of new products", f.new_product_revenue),
        ("revenue per account and month", f.arpa_month),
    ] {
        if let Some(amount) = amount {
            row.value.get_or_insert((Datum::Money(amount), currency.to_owned()));
            row.say(name, format!("{amount} {currency}"));
        }
    }
    number(row, "gross margin", f.gross_margin);
    number(row, "monthly churn", f.monthly_churn);
    number(row, "horizon, months", f.horizon_months);
    row.say("technology cost holds", f.tech_cost_scope.as_deref().unwrap_or_default());
    if let Some(at) = f.launched_at {
        row.say("launched", stamp(at, settings));
    }
}

fn number(row: &mut Row, name: &'static str, number: Option<f64>) {
    row.say(name, number.map(|n| n.to_string()).unwrap_or_default());
}
