//! From a configured source to KPIs, as the store and the engine do it: poll to the end, fold, evaluate.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Duration;
use quarterdeck::{
    config::Config,
    domain::{
        Time,
        record::{Body, Record},
        team::Roster,
        value::Scope,
        window::Window,
    },
    kpi::{
        self, Query, Settings,
        fact::{Facts, Owners},
        live::{self, ProbePoint, Sums},
    },
    sources::{self, Cursor, Source, SourceError},
};

use super::program::Running;

/// A source of kind `prometheus` for a running server, with these keys beside.
pub fn source(server: &Running, keys: &str) -> Box<dyn Source> {
    let text = format!("[[source]]\nname = \"prom\"\nkind = \"prometheus\"\nurl = \"{}\"\n{keys}", server.url);
    let config = Config::parse(&text, "test.toml", server.dir.path()).unwrap_or_else(|f| panic!("{f:?}"));
    sources::build(&config.sources[0]).unwrap_or_else(|f| panic!("{f:?}")).0
}

/// Poll until there is no more.
pub async fn poll_all(source: &dyn Source, now: Time) -> Result<Vec<Record>, SourceError> {
    // As in the store, a record read again replaces the one read before.
    let (mut records, mut cursor) = (BTreeMap::new(), Cursor::default());
    for _ in 0..200 {
        let mut batch = source.poll(&cursor, now).await?;
        batch.clean();
        records.extend(batch.records.into_iter().map(|r| (r.id.clone(), r)));
        cursor = batch.cursor;
        if !batch.more {
            return Ok(records.into_values().collect());
        }
    }
    panic!("never ends");
}

/// KPIs over a window.
pub struct Answers {
    pub window: Window,
    facts: Facts,
    settings: Settings,
}

type Series<'a> = BTreeMap<(String, String, BTreeMap<String, String>), Vec<&'a Record>>;

impl Answers {
    /// Over the last whole hours that are surely complete.
    pub fn of(records: &[Record], now: Time, hours: i64) -> Self {
        let end = Time::from_timestamp(now.timestamp() / 3600 * 3600, 0).unwrap();
        let window = Window::new(end - Duration::hours(hours), end);
        let mut series: Series<'_> = BTreeMap::new();
        for record in records {
            let (name, check) = match &record.body {
                Body::Sample(s) => (s.metric.clone(), String::new()),
                Body::Probe(p) => ("probe".to_owned(), p.check_id.clone()),
                _ => continue,
            };
            let mut labels = record.labels.clone();
            labels.insert("check".into(), check);
            series.entry((name, record.service.clone().unwrap_or_default(), labels)).or_default().push(record);
        }
        let owners: Owners = Arc::from([(Arc::from("shop"), 1.0)]);
        let mut facts = Facts::default();
        for ((name, service, labels), records) in &series {
            let labels = Arc::new(labels.clone());
            for hour in (0..hours).map(|h| Window::new(window.from + Duration::hours(h), window.from + Duration::hours(h + 1))) {
                let sums = fold(records, hour);
                facts.buckets.push(sums.into_bucket(name.as_str().into(), service.as_str().into(), owners.clone(), labels.clone(), hour));
            }
        }
        Self { window, facts, settings: Settings { as_of: end, ..Settings::default() } }
    }

    pub fn kpi(&self, metric: &str) -> f64 {
        let (scope, roster) = (Scope::Org, Roster::default());
        let query = Query { facts: &self.facts, scope: &scope, window: self.window, settings: &self.settings, roster: &roster };
        let reading = kpi::evaluate(metric, &query).unwrap();
        reading.number().unwrap_or_else(|| panic!("{metric}: {reading:?}"))
    }
}

fn fold(records: &[&Record], span: Window) -> Sums {
    let probes: Vec<ProbePoint<'_>> =
        records.iter().filter_map(|r| if let Body::Probe(p) = &r.body { Some(ProbePoint::of(r.event_time()?, p)) } else { None }).collect();
    if !probes.is_empty() {
        return live::fold_probes(&probes, &[], span);
    }
    let samples: Vec<_> =
        records.iter().filter_map(|r| if let Body::Sample(s) = &r.body { Some((r.event_time()?, s)) } else { None }).collect();
    live::fold_samples(&samples, span)
}
