//! Answers of the quality vectors.

use std::sync::Arc;

use quarterdeck::{
    domain::{
        record::{Body, Quality, Record, TestRun},
        value::Reading,
    },
    kpi::fact::Facts,
};
use serde_json::Value;

use super::input::{self, Expect, Vector};

pub fn answer(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let input = vector.input_for(expect)?;
    let setup = vector.setup(expect)?;
    let mut facts = Facts { records: setup.records.iter().cloned().map(Arc::new).collect(), ..Facts::default() };
    for (i, item) in list(&input, "quality").iter().enumerate() {
        facts.records.push(record(item, i, Body::Quality(read::<Quality>(item)?))?);
    }
    for (i, item) in list(&input, "test_runs").iter().enumerate() {
        facts.records.push(record(item, i, Body::TestRun(read::<TestRun>(item)?))?);
    }
    setup.evaluate(&expect.metric, &facts)
}

fn list<'a>(input: &'a serde_json::Map<String, Value>, key: &str) -> &'a [Value] {
    input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn read<T: serde::de::DeserializeOwned>(item: &Value) -> Result<T, String> {
    serde_json::from_value(input::without_nulls(item)).map_err(|e| e.to_string())
}

/// The envelope beside the body: identity, service, team, and the time under any of its usual names.
fn record(item: &Value, index: usize, body: Body) -> Result<Arc<Record>, String> {
    let text = |key: &str| item[key].as_str().map(str::to_owned);
    let names = ["ts", "at", "analysed_at", "analyzed_at", "analysis_at", "measured_at", "finished_at", "date", "updated_at"];
    let mut record = Record::new("vector", text("id").unwrap_or_else(|| index.to_string()), body);
    record.ts = names.iter().find_map(|n| text(n)).map(|t| input::at(&t)).transpose()?;
    (record.team, record.service, record.repo) = (text("team"), text("service"), text("repo"));
    Ok(Arc::new(record))
}
