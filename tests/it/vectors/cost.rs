//! Answers of the cost vectors: bill lines, users and ready monthly figures become records and dated costs.

use std::sync::Arc;

use quarterdeck::{
    domain::{
        Decimal,
        record::{Body, CostLine, Record, UserActivity},
        value::Reading,
        window::{Window, day_span},
    },
    kpi::{
        cost::{cost_facts, month_named},
        fact::{Allocation, Facts, Shared},
    },
};
use serde_json::{Map, Value, json};

use super::input::{self, Expect, Setup, Vector};

type Object = Map<String, Value>;

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let mut setup = vector.setup(expect)?;
    if input.contains_key("month_days") {
        return month_end(&input, expect, setup);
    }
    let as_known_at = vector.json.contains_key("as_of") || expect.json.contains_key("as_of");
    if let Some(month) = expect.scope_of("month").and_then(|m| month_named(m, setup.settings.zone))
        && !as_known_at
    {
        setup.settings.as_of = setup.settings.as_of.max(month.to);
    }
    money(&input, &mut setup)?;
    let mut facts = setup.facts();
    for (i, item) in list(&input, "cost_lines").iter().enumerate() {
        let seen = ["observed_at", "updated_at"].iter().find_map(|k| item[*k].as_str()).map(input::at).transpose()?;
        if as_known_at && seen.is_some_and(|at| at > setup.settings.as_of) {
            continue;
        }
        let mut line: CostLine = serde_json::from_value(input::without_nulls(item)).map_err(|e| format!("cost_lines[{i}]: {e}"))?;
        if line.charge_period_start.is_none() && line.billing_period_start.is_none() {
            (line.charge_period_start, line.charge_period_end) = (Some(setup.window.from), Some(setup.window.to));
            if !vector.json.contains_key("window") {
                line.charge_period_end = line.charge_period_start;
            }
        }
        let mut record = Record::new("bill", i.to_string(), Body::CostLine(line));
        record.team = item["team"].as_str().map(str::to_owned);
        record.service = item["service"].as_str().map(str::to_owned);
        facts.costs.extend(cost_facts(&record, setup.settings.zone));
    }
    facts.records.extend(activity(&input)?);
    setup.evaluate(&expect.metric, &facts)
}

fn list<'a>(input: &'a Object, key: &str) -> &'a [Value] {
    input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn decimal(value: &Value) -> Result<Decimal, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|e| format!("{text}: {e}"))
}

/// Rates, reporting currency and allocation.
fn money(input: &Object, setup: &mut Setup) -> Result<(), String> {
    for (month, rates) in input.get("fx").and_then(Value::as_object).into_iter().flatten() {
        match rates {
            Value::String(currency) => setup.settings.currency.clone_from(currency),
            rates => {
                for (currency, rate) in rates.as_object().into_iter().flatten() {
                    setup.settings.fx.insert((currency.clone(), month.clone()), decimal(rate)?);
                }
            }
        }
    }
    if let Some(rules) = input.get("allocation") {
        let keys = rules["team_tag_keys"].as_array().map(|k| k.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let shared = rules["shared"].as_array().into_iter().flatten().map(|s| Shared {
            tags: s["match"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
                .collect(),
            proportional: s["split"] != "equal" && s["split"] != "even",
        });
        let default = Allocation::default();
        setup.settings.allocation = Allocation { team_tag_keys: keys.unwrap_or(default.team_tag_keys), shared: shared.collect() };
    }
    Ok(())
}

/// User-days, and ready counts of a month.
pub fn activity(input: &Object) -> Result<Vec<Arc<Record>>, String> {
    let mut out = Vec::new();
    if let Some(pairs) = input.get("user_days") {
        let user_days = serde_json::from_value(pairs.clone()).map_err(|e| format!("user_days: {e}"))?;
        out.push(Arc::new(Record::new("analytics", "days", Body::UserActivity(UserActivity { user_days, ..UserActivity::default() }))));
    }
    for (i, item) in list(input, "activity").iter().enumerate() {
        let mut json = item.clone();
        json["period"] = json!("month");
        let body: UserActivity = serde_json::from_value(json).map_err(|e| format!("activity[{i}]: {e}"))?;
        let mut record = Record::new("analytics", format!("month-{i}"), Body::UserActivity(body));
        record.ts = item["month"].as_str().map(|m| input::at(&format!("{m}-01"))).transpose()?;
        record.service = item["service"].as_str().map(str::to_owned);
        out.push(Arc::new(record));
    }
    Ok(out)
}

/// A month given as day numbers: a real month of that many days, one line per day.
fn month_end(input: &Object, expect: &Expect, mut setup: Setup) -> Result<Reading, String> {
    let number = |key: &str| input.get(key).and_then(Value::as_u64);
    let first = match number("month_days").ok_or("no month_days")? {
        28 => "2026-02-01",
        29 => "2028-02-01",
        31 => "2026-03-01",
        _ => "2026-04-01",
    };
    let first = input::at(first)?;
    let day = |n: u64| {
        let date = first.date_naive() + chrono::Days::new(n - 1);
        day_span(date, setup.settings.zone)
    };
    let mut facts = Facts::default();
    let mut put = |span: Window, cost: &Value, frequency: &str, estimated: bool| -> Result<(), String> {
        let line = CostLine {
            effective_cost: Some(decimal(cost)?),
            charge_frequency: Some(frequency.into()),
            charge_period_start: Some(span.from),
            charge_period_end: Some(span.to),
            estimated,
            ..CostLine::default()
        };
        let id = format!("{frequency}-{}", span.from);
        facts.costs.extend(cost_facts(&Record::new("bill", id, Body::CostLine(line)), setup.settings.zone));
        Ok(())
    };
    for (key, frequency) in [("recurring", "Recurring"), ("one_time", "One-Time")] {
        for charge in list(input, key) {
            put(day(charge["day"].as_u64().unwrap_or(1)), &charge["cost"], frequency, false)?;
        }
    }
    let complete = number("complete_days").unwrap_or(u64::MAX);
    for (n, cost) in (1..).zip(list(input, "usage_daily")) {
        put(day(n), cost, "Usage-Based", n > complete)?;
    }
    let today = day(number("as_of_day").ok_or("no as_of_day")?);
    setup.settings.as_of = today.from + (today.to - today.from) / 2;
    setup.window = Window::new(first, setup.settings.as_of);
    setup.evaluate(&expect.metric, &facts)
}
