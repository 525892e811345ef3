//! Kind `prometheus`: latency, error rate, uptime and any value by PromQL, from Prometheus and what speaks its query API.
//!
//! Asks `api/v1/query_range` (and `api/v1/query` for values without history); needs read access to queries. Reports
//! `sample` records (counts and cumulative buckets per window, values) and `probe` records (up or down).
//!
//! - Mimir, Cortex, VictoriaMetrics cluster: the path prefix belongs into `url` (`…/prometheus`), the tenant into `tenant`.
//! - Thanos: `partial_response`, `dedup`; warnings are shown as `partial: …`.
//! - VictoriaMetrics: hides the newest 30 s, says 422 for a bad expression; a scalar comes as a vector. All bearable here:
//!   the newest windows are read again.
//! - A window needs two scrapes. Without `step` the shortest of 1, 2 and 5 minutes that gives anything is taken.
//! - History is read from old to new, by the hour where it is older than two days (`span`).
//!
//! Must not: compute ratios or quantiles (they cannot be added up over services and time; the KPIs do it from counts).

mod preset;
mod query;
mod record;
mod span;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use self::{
    query::{Query, QuerySettings, Shape, Terms, with_step},
    record::Reading,
    span::Span,
    wire::{Reply, Series},
};
use super::{
    Batch, Built, Cursor, Fut, Kind, RecordKind, Settings, Source, SourceError,
    http::{Auth, Client, Request, Session, Tls},
};
use crate::{
    config::{Fault, period::Period},
    domain::{Time, health::Progress, record::Record, text::clean_to},
};

/// Kind `prometheus`.
pub const KIND: Kind = Kind {
    name: "prometheus",
    summary: "latency, error rate, uptime and any value by PromQL (Prometheus, VictoriaMetrics, Thanos, Mimir)",
    example: include_str!("prometheus/example.toml"),
    feeds: &[RecordKind::Sample, RecordKind::Probe],
    every: Duration::from_secs(30),
    build,
};

/// Enough for this window and the like-for-like one before.
const BACKFILL: Duration = Duration::from_secs(56 * 86_400);
/// Windows tried when none is configured, seconds.
const STEPS: [i64; 3] = [60, 120, 300];
/// Queries under way at once.
const PARALLEL: usize = 4;
/// Points asked for per series and request; servers allow 11,000.
const MAX_POINTS: i64 = 1440;
/// Expressions longer than this are posted: proxies cut long addresses.
const MAX_GET: usize = 1000;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Own {
    url: String,
    preset: Option<String>,
    presets: Vec<String>,
    #[serde(rename = "match")]
    selector: String,
    service_label: Option<String>,
    step: Option<Period>,
    tenant: Option<String>,
    partial_response: Option<bool>,
    dedup: Option<bool>,
    params: BTreeMap<String, String>,
    auth: Auth,
    tls: Tls,
    query: Vec<QuerySettings>,
}

struct Prometheus {
    name: String,
    client: Client,
    queries: Vec<Query>,
    params: Vec<(String, String)>,
    /// Configured window, seconds.
    step: Option<i64>,
    backfill: i64,
}

/// Where reading goes on; `step` is the window found when none is configured.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    read_to: Option<i64>,
    step: Option<i64>,
}

fn build(settings: &Settings) -> Built {
    let own: Own = settings.own.read()?;
    let at = |key: &str, message: String| vec![settings.own.fault_at(key, format!("source `{}`: {message}", settings.name))];
    if own.url.is_empty() {
        return Err(at("", "`url` is missing; expected e.g. url = \"http://127.0.0.1:9090\"".into()));
    }
    let mut client = Client::new(settings, &own.url, &own.auth, &own.tls).map_err(|m| at("url", m))?;
    if let Some(tenant) = &own.tenant {
        client = client.with_header("X-Scope-OrgID", tenant).map_err(|m| at("tenant", m))?;
    }
    let step = own.step.map(|p| step_seconds(p.0)).transpose().map_err(|m| at("step", m))?;
    let queries = queries(&own, &at)?;
    let flag = |name: &str, on: Option<bool>| on.map(|on| (name.to_owned(), on.to_string()));
    let flags = [flag("partial_response", own.partial_response), flag("dedup", own.dedup)].into_iter().flatten();
    let params = flags.chain(own.params.clone()).collect();
    let backfill = settings.backfill.unwrap_or(BACKFILL).as_secs();
    let backfill = i64::try_from(backfill).unwrap_or(i64::MAX).min(10 * 366 * 86_400);
    Ok(Box::new(Prometheus { name: settings.name.clone(), client, queries, params, step, backfill }))
}

fn step_seconds(step: Duration) -> Result<i64, String> {
    let seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
    let whole = step.subsec_nanos() == 0 && (1..=86_400).contains(&seconds);
    if whole && (3600 % seconds == 0 || 86_400 % seconds == 0 && seconds % 3600 == 0) {
        Ok(seconds)
    } else {
        Err("`step` must divide an hour or a day evenly; expected e.g. \"15s\", \"1m\", \"5m\", \"1h\"".into())
    }
}

fn queries(own: &Own, at: &dyn Fn(&str, String) -> Vec<Fault>) -> Result<Vec<Query>, Vec<Fault>> {
    let named: Vec<&str> = own.preset.iter().chain(&own.presets).map(String::as_str).collect();
    let presets = if named.is_empty() && own.query.is_empty() { preset::DEFAULT } else { &named };
    let mut queries: Vec<Query> = Vec::new();
    for name in presets {
        let known = preset::names();
        if !known.contains(name) {
            let message = format!("unknown preset `{}`; expected one of {}", clean_to(name, 40), known.join(", "));
            return Err(at(if own.preset.is_some() { "preset" } else { "presets" }, message));
        }
        for row in preset::ROWS.iter().filter(|row| row.preset == *name) {
            let service_label = own.service_label.as_deref().unwrap_or(row.service);
            queries.push(Query::of_row(row, &Terms { selector: &own.selector, service_label }));
        }
    }
    let terms = Terms { selector: &own.selector, service_label: own.service_label.as_deref().unwrap_or("service") };
    for settings in &own.query {
        queries.push(Query::new(settings, &terms).map_err(|m| at("query", m))?);
    }
    for (i, query) in queries.iter().enumerate() {
        if queries[..i].iter().any(|q| q.name == query.name) {
            return Err(at("query", format!("two queries are called `{}`; give one a `name` of its own", query.name)));
        }
    }
    Ok(queries)
}

impl Source for Prometheus {
    fn poll<'a>(&'a self, cursor: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        Box::pin(self.read(cursor, now))
    }

    fn budget_key(&self) -> Option<String> {
        Some(self.client.budget_key())
    }
}

/// What came of one query.
struct Read {
    records: Vec<Record>,
    series: usize,
    warnings: Vec<String>,
    notes: Vec<&'static str>,
}

impl Prometheus {
    async fn read(&self, cursor: &Cursor, now: Time) -> Result<Batch, SourceError> {
        // A cursor that cannot be read was not written here: begin at the beginning, re-reading is safe.
        let state: State = serde_json::from_str(&cursor.0).unwrap_or_default();
        let ask = Ask { source: self, session: self.client.open().await?, now };
        let step = match self.step.or(state.step) {
            Some(step) => Some(step),
            None => ask.find_step().await?,
        };
        let fine = step.unwrap_or(STEPS[0]);
        let span = span::next(state.read_to, fine, self.backfill, now.timestamp());
        let due: Vec<_> = self.queries.iter().filter(|q| !(q.instant && span.more)).map(|q| ask.query(q, &span, fine)).collect();
        let reads: Vec<Read> = stream::iter(due).buffered(PARALLEL).try_collect().await?;
        let state = State { read_to: Some(span.read_to), step: if self.step.is_some() { None } else { step } };
        let message = self.message(&ask.session, &reads, &span);
        Ok(Batch {
            records: reads.into_iter().flat_map(|read| read.records).collect(),
            cursor: Cursor(serde_json::to_string(&state).unwrap_or_default()),
            more: span.more,
            progress: span.more.then(|| Progress { done: hours(span.done), total: Some(hours(span.total)) }),
            backfilled_from: Time::from_timestamp(span.read_to - span.done, 0).filter(|_| !span.more),
            message,
            budget_left: None,
        })
    }

    fn message(&self, session: &Session<'_>, reads: &[Read], span: &Span) -> String {
        let mut warnings: Vec<&String> = reads.iter().flat_map(|read| &read.warnings).collect();
        warnings.dedup();
        let mut notes: Vec<&str> = reads.iter().flat_map(|read| read.notes.iter().copied()).collect();
        notes.dedup();
        let series: usize = reads.iter().map(|read| read.series).sum();
        let until = Time::from_timestamp(span.end, 0).map(|t| t.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let mut said: Vec<String> = warnings.first().map(|w| format!("partial: {}", session.quote(w))).into_iter().collect();
        said.push(format!("{} queries, {series} series up to {until} UTC", self.queries.len()));
        if series == 0 && !span.more {
            said.push("nothing matched; look at `presets`, `match` and `service_label`".into());
        }
        said.extend(notes.into_iter().map(str::to_owned));
        said.join("; ")
    }
}

/// Seconds as whole hours, for progress.
fn hours(seconds: i64) -> u64 {
    u64::try_from(seconds / 3600).unwrap_or_default()
}

/// One poll's questions.
struct Ask<'a> {
    source: &'a Prometheus,
    session: Session<'a>,
    now: Time,
}

impl Ask<'_> {
    /// The shortest window in which counters have two scrapes; `None` while there is nothing to tell by.
    async fn find_step(&self) -> Result<Option<i64>, SourceError> {
        let at = self.now.timestamp() - 30;
        let [short @ .., longest] = STEPS;
        for query in self.source.queries.iter().filter(|q| q.needs_a_window()) {
            // Nothing in the longest: this metric is not there.
            if self.instant(query, &with_step(&query.expr, longest), at).await?.0.is_empty() {
                continue;
            }
            for step in short {
                if !self.instant(query, &with_step(&query.expr, step), at).await?.0.is_empty() {
                    return Ok(Some(step));
                }
            }
            return Ok(Some(longest));
        }
        Ok(None)
    }

    async fn query(&self, query: &Query, span: &Span, fine: i64) -> Result<Read, SourceError> {
        // Up and down are not averaged over an hour: every result is read, and condensed.
        let step = if query.shape == Shape::Up { fine } else { span.step };
        let (series, mut warnings) = self.series(query, &query.expr, span, step).await?;
        let part = match &query.shape {
            Shape::Ratio { part, .. } => {
                let (part, more) = self.series(query, part, span, step).await?;
                warnings.extend(more);
                part
            }
            _ => Vec::new(),
        };
        let mut reading = Reading { source: &self.source.name, query, span, step, now: self.now, notes: Vec::new() };
        let mut records = reading.records(&series, &part);
        records.retain(|r| r.ts.is_some_and(|ts| ts <= self.now));
        Ok(Read { records, series: series.len(), warnings, notes: reading.notes })
    }

    async fn series(&self, query: &Query, expr: &str, span: &Span, step: i64) -> Result<(Vec<Series>, Vec<String>), SourceError> {
        if query.instant {
            return self.instant(query, &with_step(expr, span.step), span.end).await;
        }
        let expr = with_step(expr, span.step);
        let (mut all, mut warnings) = (Vec::new(), Vec::new());
        let mut start = span.start - span.step + step;
        while start <= span.end {
            let end = (start + (MAX_POINTS - 1) * step).min(span.end);
            let times = [("start", start), ("end", end), ("step", step)];
            let (series, said) = self.ask(query, "api/v1/query_range", &expr, &times).await?;
            all.extend(series);
            warnings.extend(said);
            start = end + step;
        }
        Ok((all, warnings))
    }

    async fn instant(&self, query: &Query, expr: &str, at: i64) -> Result<(Vec<Series>, Vec<String>), SourceError> {
        self.ask(query, "api/v1/query", expr, &[("time", at)]).await
    }

    async fn ask(&self, query: &Query, path: &str, expr: &str, times: &[(&str, i64)]) -> Result<(Vec<Series>, Vec<String>), SourceError> {
        let mut fields = vec![("query".to_owned(), expr.to_owned())];
        fields.extend(times.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())));
        fields.extend(self.source.params.iter().cloned());
        let request = if expr.len() > MAX_GET {
            Request::post_form(path, &fields)
        } else {
            fields.iter().fold(Request::get(path), |request, (name, value)| request.query(name, value))
        };
        let named = |e: SourceError| match e {
            SourceError::Malformed(m) => SourceError::Malformed(format!("query `{}`: {m}", query.name)),
            other => other,
        };
        let answer = self.session.send(request, self.now).await.map_err(named)?;
        let reply: Reply = self.session.json(&answer).map_err(named)?;
        match reply.data {
            Some(data) if reply.status == "success" => Ok((data.into_series(), reply.warnings)),
            _ => {
                let said = self.session.quote(reply.error.as_deref().unwrap_or("an answer without data"));
                Err(named(SourceError::Malformed(format!("status `{}`: {said}", self.session.quote(&reply.status)))))
            }
        }
    }
}
