//! The identity a value follows (domain.md 1.6, 3.3): flow and batch, number and length, money and users, debt and size,
//! stages. Each is a cut of its own that adds up to the change of what it names; an alternative to the dimensions, never
//! added to them.

use super::cut::{Cut, Side};
use crate::{
    analysis::decompose,
    domain::value::{Datum, Reading},
    kpi::{
        Query,
        cost::{self, Amount},
        evaluate,
    },
};

/// A pair of windows: then, now.
type Pair = (f64, f64);

/// One identity: which metrics follow it, and how.
struct Identity {
    /// By prefix of the metric's id.
    of: &'static [&'static str],
    cut: fn(&Sides<'_>) -> Option<Cut>,
}

const IDENTITIES: &[Identity] = &[
    Identity { of: &["deployment_frequency.per_day"], cut: flow_and_batch },
    Identity { of: &["lead_time.median", "lead_time.mean", "lead_time.p90"], cut: |s| stages(s, "lead_time.stage_mean") },
    Identity {
        of: &["time_to_restore.mean", "time_to_restore.median", "time_to_restore.p90"],
        cut: |s| stages(s, "time_to_restore.stage_mean"),
    },
    Identity { of: &["downtime", "uptime.from_incidents"], cut: outages },
    Identity { of: &["infra_cost", "infra_cost.effective"], cut: |s| prices(s, Amount::Effective) },
    Identity { of: &["infra_cost.billed"], cut: |s| prices(s, Amount::Billed) },
    Identity { of: &["infra_cost_per_user"], cut: |s| quotient(s, "money and users", ("money", "cost"), "users") },
    Identity { of: &["technical_debt_ratio"], cut: |s| quotient(s, "debt and size", ("remediation", "remediation_min"), "size") },
    Identity {
        of: &["code_coverage", "line_coverage", "branch_coverage"],
        cut: |s| quotient(s, "covered and to cover", ("covered", "part"), "to cover"),
    },
];

/// Cost = price × usage × exchange rate, service by service and unit by unit; what names no quantity apart. A group absent
/// on one side has no price there: it is usage only.
fn prices(s: &Sides<'_>, amount: Amount) -> Option<Cut> {
    let (was, is) = (cost::priced(s.before, amount)?, cost::priced(s.now, amount)?);
    let keys: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let (mut price, mut usage, mut rate, mut other) = (0.0, 0.0, 0.0, 0.0);
    let mut foreign = false;
    for key in keys {
        let (a, b) = (was.get(key).copied().unwrap_or_default(), is.get(key).copied().unwrap_or_default());
        let of = |p: cost::Priced| (p.quantity > 0.0 && p.charged != 0.0).then(|| (p.charged / p.quantity, p.reported / p.charged));
        let (then, here) = match (of(a), of(b)) {
            (Some(then), Some(here)) => (then, here),
            (Some(one), None) if b.quantity == 0.0 && b.charged == 0.0 => (one, one),
            (None, Some(one)) if a.quantity == 0.0 && a.charged == 0.0 => (one, one),
            _ => {
                other += b.reported - a.reported;
                continue;
            }
        };
        foreign |= then.1 != 1.0 || here.1 != 1.0;
        let parts = decompose::product3((then.0, here.0), (a.quantity, b.quantity), (then.1, here.1));
        (price, usage, rate) = (price + parts[0], usage + parts[1], rate + parts[2]);
    }
    if price == 0.0 && usage == 0.0 && rate == 0.0 {
        return None;
    }
    let none = Side::default();
    let mut lines = vec![("price", price, none, none), ("usage", usage, none, none)];
    if foreign {
        lines.push(("exchange rate", rate, none, none));
    }
    if other != 0.0 {
        lines.push(("charges without a quantity", other, none, none));
    }
    Some(Cut::of_factors("price and usage", "price, quantity and exchange rate of each service and unit", lines))
}

/// Readings of both windows.
struct Sides<'a> {
    metric: &'a str,
    before: &'a Query<'a>,
    now: &'a Query<'a>,
}

impl Sides<'_> {
    fn readings(&self, metric: &str) -> Option<(Reading, Reading)> {
        Some((evaluate(metric, self.before)?, evaluate(metric, self.now)?))
    }
}

/// The identities a metric follows; those without a value in both windows are left out.
pub(super) fn of(metric: &str, before: &Query<'_>, now: &Query<'_>) -> Vec<Cut> {
    let sides = Sides { metric, before, now };
    IDENTITIES.iter().filter(|i| i.of.contains(&metric)).filter_map(|i| (i.cut)(&sides)).collect()
}

fn fact(reading: &Reading, name: &str) -> Option<f64> {
    reading.facts.get(name).and_then(Datum::as_f64)
}

/// A factor has no sample of its own.
fn side(value: f64) -> Side {
    Side { value: Some(value), n: 0.0 }
}

fn factors(by: &str, how: &'static str, names: [&str; 2], parts: [f64; 2], values: [Pair; 2]) -> Cut {
    let lines = names.into_iter().zip(parts).zip(values).map(|((name, part), (was, is))| (name, part, side(was), side(is)));
    Cut::of_factors(by, how, lines.collect())
}

/// Deployments per day = changes per day over changes per deployment.
fn flow_and_batch(s: &Sides<'_>) -> Option<Cut> {
    let (was, is) = s.readings("batch_size")?;
    let days = |r: &Reading| fact(r, "exposure_days").filter(|d| *d > 0.0);
    let flow = |r: &Reading| Some(fact(r, "changes")? / days(r)?);
    let (flow, batch) = ((flow(&was)?, flow(&is)?), (was.number()?, is.number()?));
    let parts = decompose::quotient(flow, batch)?;
    Some(factors(
        "flow and batch",
        "changes per day over changes per deployment",
        ["changes per day", "changes per deployment"],
        parts,
        [flow, batch],
    ))
}

/// Means of the stages; they add up to the mean, whatever the headline is.
fn stages(s: &Sides<'_>, metric: &str) -> Option<Cut> {
    let (was, is) = s.readings(metric)?;
    let (Some(Datum::Map(was)), Some(Datum::Map(is))) = (&was.value, &is.value) else { return None };
    let at = |map: &std::collections::BTreeMap<String, Datum>, name: &String| map.get(name).and_then(Datum::as_f64).unwrap_or(0.0);
    let lines = is.keys().map(|name| {
        let (a, b) = (at(was, name), at(is, name));
        (name.as_str(), b - a, side(a), side(b))
    });
    Some(Cut::of_factors("stage", "means of the stages: they add up to the change of the mean", lines.collect()))
}

/// Down time = outages × mean length; of up time the same with the other sign, as a share of the window.
fn outages(s: &Sides<'_>) -> Option<Cut> {
    let (was, is) = s.readings("downtime")?;
    let of = |r: &Reading| Some((fact(r, "outages")?, r.number()?));
    let ((n0, d0), (n1, d1)) = (of(&was)?, of(&is)?);
    let mean = |down: f64, n: f64| (n > 0.0).then(|| down / n);
    // Without outages there is no mean length: the change is one of number only.
    let (m0, m1) = (mean(d0, n0).or(mean(d1, n1))?, mean(d1, n1).or(mean(d0, n0))?);
    let mut parts = decompose::product2((n0, n1), (m0, m1));
    if s.metric == "uptime.from_incidents" {
        let (u0, u1) = s.readings(s.metric)?;
        // up = 1 - down / watched: both windows watched equally long, else the identity does not hold
        let watched = |down: f64, up: &Reading| up.number().filter(|u| *u < 1.0).map(|u| down / (1.0 - u));
        let seconds = match (watched(d0, &u0), watched(d1, &u1)) {
            (Some(a), Some(b)) if (a - b).abs() <= 1e-6 * b => b,
            (None, Some(one)) | (Some(one), None) => one,
            _ => return None,
        };
        parts = parts.map(|p| -p / seconds);
    }
    Some(factors(
        "outages",
        "number of outages and their mean length",
        ["number of outages", "mean length (s)"],
        parts,
        [(n0, n1), (m0, m1)],
    ))
}

/// A numerator the reading names, over what makes it the value.
fn quotient(s: &Sides<'_>, by: &str, (top, fact_name): (&str, &str), bottom: &str) -> Option<Cut> {
    let (was, is) = s.readings(s.metric)?;
    let of = |r: &Reading| {
        let top = fact(r, fact_name)?;
        Some((top, r.number().filter(|v| *v != 0.0).map(|v| top / v)?))
    };
    let ((c0, u0), (c1, u1)) = (of(&was)?, of(&is)?);
    let parts = decompose::quotient((c0, c1), (u0, u1))?;
    Some(factors(by, "numerator and denominator, midpoint", [top, bottom], parts, [(c0, c1), (u0, u1)]))
}
