//! Past cost that is not what it was: corrections on later bills, and bills that were replaced.
//!
//! A correction is a line of its own, so what it changed is known to the day. Of a replaced bill the store leaves a mark for
//! each month (an annotation with these labels), so what a window was is known where it holds whole months.

use std::{collections::BTreeMap, sync::Arc};

use super::{super::Query, Lines, Months, Purse, accrued, total, until_now, users::month_named};
use crate::{
    domain::{
        Decimal, Time,
        record::Body,
        value::{Datum, Reading, Scope},
        window::{Tz, Window},
    },
    kpi::fact::Cost,
};

/// Label of an annotation that says that a month of a bill was restated: its value is the month, `YYYY-MM`; `change`, `currency`
/// and `on` stand beside it.
pub const RESTATED: &str = "restated";

/// A correction comes with a later bill, or is called one.
fn is_correction(cost: &Cost, month: &str) -> bool {
    cost.correction || &*cost.billing_month > month
}

/// What restated a window: the sums, and how it came.
#[derive(Default)]
struct Restated {
    purse: Purse,
    /// The latest of them in words.
    how: Option<String>,
    /// A month that is only in part in the window changed as a whole by this.
    in_part: Option<String>,
}

fn of(query: &Query<'_>, lines: &Lines<'_>, window: Window) -> Restated {
    let mut out = Restated::default();
    let mut months = Months::new(lines.settings.zone);
    let mut bill = None;
    for (cost, part) in lines.within(window) {
        let month = months.of(cost.span.from);
        if is_correction(cost, month) {
            out.purse.add(accrued(cost.effective, cost.span, part), &cost.currency, month);
            bill = bill.max(Some(Arc::clone(&cost.billing_month)));
        }
    }
    out.how = bill.map(|month| format!("by the bill of {month}"));
    if *query.scope != Scope::Org {
        return out;
    }
    let mut latest = String::new();
    for record in query.facts.records.iter().filter(|r| !r.deleted && matches!(r.body, Body::Annotation(_))) {
        let label = |name: &str| record.labels.get(name).map(String::as_str);
        let (Some(name), Some(on), Some(Ok(change))) = (label(RESTATED), label("on"), label("change").map(str::parse::<Decimal>)) else {
            continue;
        };
        let currency = label("currency").unwrap_or_default();
        let Some(month) = month_named(name, Tz::UTC).filter(|m| m.from < window.to && window.from < m.to) else { continue };
        if window.from <= month.from && month.to <= window.to {
            out.purse.add(change, &Arc::from(currency), name);
            if on >= latest.as_str() {
                on.clone_into(&mut latest);
                out.how = Some(format!("on {on}"));
            }
        } else {
            out.in_part = Some(format!("restated on {on}: {name} as a whole by {} {currency}", change.normalize()));
        }
    }
    out
}

/// Say in a reading of effective cost that it is restated, since when, and what it was.
pub(super) fn tell(mut reading: Reading, query: &Query<'_>, lines: &Lines<'_>, window: Window) -> Reading {
    let restated = of(query, lines, window);
    let (Some(Datum::Money(now)), Ok(change)) = (&reading.value, restated.purse.total(query.settings)) else { return reading };
    let text = match (&restated.how, restated.in_part) {
        (Some(how), _) => format!("restated {how}, was {} {}", (now - change).normalize(), query.settings.currency),
        (None, Some(text)) => text,
        (None, None) => return reading,
    };
    if restated.purse.n > 0 {
        reading.facts.insert("corrections".into(), Datum::Money(change));
    }
    reading.facts.insert(RESTATED.into(), text.into());
    reading
}

/// `infra_cost.corrections`: what restated the window, in sum.
pub(super) fn corrected(query: &Query<'_>) -> Reading {
    let lines = Lines::of(query);
    let window = until_now(query);
    total("infra_cost.corrections", query, &of(query, &lines, window).purse, "nothing in this window was corrected")
}

/// Corrections of charges of a window that came as lines of their own, by month of the charges: when the first of them
/// applies, and what to say.
#[must_use]
pub fn corrections(costs: &[Cost], window: Window) -> Vec<(Time, String)> {
    // By month of the charges, billing month and currency: when it begins, and the sum.
    let mut sums: BTreeMap<[Arc<str>; 3], (Time, Decimal)> = BTreeMap::new();
    let mut months = Months::new(Tz::UTC);
    for cost in costs.iter().filter(|c| window.contains(c.span.from)) {
        let month = months.of(cost.span.from);
        if is_correction(cost, month) {
            let key = [Arc::from(month), Arc::clone(&cost.billing_month), Arc::clone(&cost.currency)];
            let sum = sums.entry(key).or_insert((cost.span.from, Decimal::ZERO));
            *sum = (sum.0.min(cost.span.from), sum.1 + cost.effective);
        }
    }
    let say = |[month, bill, currency]: [Arc<str>; 3], sum: Decimal| {
        format!("{month} corrected by the bill of {bill}: {} {currency}", sum.normalize())
    };
    sums.into_iter().map(|(names, (at, sum))| (at, say(names, sum))).collect()
}
