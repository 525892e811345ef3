//! Answers of the business vectors: their figures become records.

use std::sync::Arc;

use quarterdeck::{
    domain::{
        record::{Body, CostLine, Customers, FeatureUsage, Finance, People, Quality, Record, Survey, UserActivity, WorkItem},
        value::Reading,
        window::Window,
    },
    kpi::{cost::cost_facts, fact::Facts},
};
use serde_json::{Map, Value, json};

use super::{
    cost, input,
    input::{Expect, Setup, Vector},
    reliability,
};

type Object = Map<String, Value>;

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let (input, zeroed) = match vector.input_for(expect) {
        Ok(input) => (input, None),
        // `zero_churn`: the same figures with that one at 0.
        Err(why) => match expect.scope_of("case").and_then(|c| c.strip_prefix("zero_")) {
            Some(figure) => (vector.json["input"].as_object().cloned().unwrap_or_default(), Some(figure.to_owned())),
            None => return Err(why),
        },
    };
    if input.contains_key("lcp_ms") {
        return reliability::answer(vector, expect);
    }
    let mut setup = vector.scopeless_setup(expect)?;
    let mut facts = Facts { records: cost::activity(&input)?, ..Facts::default() };
    let mut put = |id: &str, body: Body| facts.records.push(Arc::new(Record::new("vector", id, body)));
    if let Some(c) = input.get("customers") {
        put("customers", Body::Customers(read::<Customers>(c)?));
    }
    if let Some(s) = input.get("survey") {
        put("survey", Body::Survey(read::<Survey>(s)?));
    }
    if let Some(f) = input.get("feature") {
        let n = |key: &str| f[key].as_f64().unwrap_or(0.0);
        put(
            "feature",
            Body::FeatureUsage(FeatureUsage {
                feature: "f".into(),
                eligible: n("eligible_active_users"),
                users: n("used_at_least_once"),
                ..FeatureUsage::default()
            }),
        );
    }
    if let Some(d) = input.get("docs") {
        let quality = Quality {
            project: "docs".into(),
            doc_units: d["items_required"].as_f64(),
            // What is documented but stale does not count.
            doc_units_documented: d["items_documented_and_fresh"].as_f64(),
            ..Quality::default()
        };
        put("docs", Body::Quality(quality));
    }
    for area in list(&input, "areas") {
        let people = People {
            event: "snapshot".into(),
            area: area["name"].as_str().map(str::to_owned),
            capable: area["capable"].as_array().map(|c| c.len() as f64),
            ..People::default()
        };
        put(area["name"].as_str().unwrap_or_default(), Body::People(people));
    }
    for item in list(&input, "work_items") {
        put(item["id"].as_str().unwrap_or_default(), Body::WorkItem(read::<WorkItem>(item)?));
    }
    if let Some(people) = input.get("people") {
        attrition(people, &mut facts, &mut setup)?;
    }
    if let Some(finance) = input.get("finance") {
        money(finance, zeroed.as_deref(), &mut facts, &mut setup)?;
    }
    setup.evaluate(&expect.metric, &facts)
}

fn list<'a>(input: &'a Object, key: &str) -> &'a [Value] {
    input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn read<T: serde::de::DeserializeOwned>(json: &Value) -> Result<T, String> {
    serde_json::from_value(input::without_nulls(json)).map_err(|e| e.to_string())
}

/// Opening head count and month ends over as many months, and who left.
fn attrition(people: &Value, facts: &mut Facts, setup: &mut Setup) -> Result<(), String> {
    let counts = people["month_end_headcount"].as_array().ok_or("no month_end_headcount")?;
    let month = |i: usize| input::at(&format!("{}-{:02}-01", 2026 + i / 12, i % 12 + 1));
    setup.window = Window::new(month(0)?, month(counts.len().saturating_sub(1))?);
    setup.settings.as_of = setup.window.to;
    let mut put = |id: String, at, people: People| {
        let mut record = Record::new("vector", id, Body::People(people));
        record.ts = Some(at);
        facts.records.push(Arc::new(record));
    };
    for (i, n) in counts.iter().enumerate() {
        put(format!("count-{i}"), month(i)?, People { event: "snapshot".into(), headcount: n.as_f64(), ..People::default() });
    }
    for (i, leaver) in people["leavers"].as_array().into_iter().flatten().enumerate() {
        let people = People { event: "leave".into(), voluntary: leaver["voluntary"].as_bool(), ..People::default() };
        put(format!("leaver-{i}"), month(0)?, people);
    }
    Ok(())
}

/// Figures of a period, with infrastructure cost as a bill and transactions as activity.
fn money(finance: &Value, zeroed: Option<&str>, facts: &mut Facts, setup: &mut Setup) -> Result<(), String> {
    let mut finance = finance.clone();
    if let (Some(figure), Some(figures)) = (zeroed, finance.as_object_mut()) {
        for (_, value) in figures.iter_mut().filter(|(name, _)| name.contains(figure)) {
            *value = json!(0);
        }
    }
    finance["currency"].as_str().unwrap_or("currency").clone_into(&mut setup.settings.currency);
    let amounts = finance.as_object().ok_or("finance is no map")?.iter().map(|(k, v)| {
        // Money is text in a record.
        let share = matches!(k.as_str(), "gross_margin" | "monthly_churn");
        (k.clone(), if v.is_number() && !share { json!(v.to_string()) } else { v.clone() })
    });
    facts.records.push(Arc::new(Record::new("vector", "finance", Body::Finance(read::<Finance>(&Value::Object(amounts.collect()))?))));
    if let Some(transactions) = finance["transactions"].as_f64() {
        let activity = UserActivity { transactions: Some(transactions), ..UserActivity::default() };
        facts.records.push(Arc::new(Record::new("vector", "transactions", Body::UserActivity(activity))));
    }
    if !finance["infra_cost"].is_null() {
        let line = CostLine {
            effective_cost: Some(finance["infra_cost"].to_string().trim_matches('"').parse().map_err(|e| format!("infra_cost: {e}"))?),
            charge_period_start: Some(setup.window.from),
            charge_period_end: Some(setup.window.from),
            ..CostLine::default()
        };
        facts.costs.extend(cost_facts(&Record::new("bill", "1", Body::CostLine(line)), setup.settings.zone));
    }
    Ok(())
}
