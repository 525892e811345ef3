//! One line of canonical JSON ⇄ one record.
//!
//! A line is read twice, once for the envelope and once for the body of its kind: serde's way of doing both at once
//! (`flatten` with a tag) keeps every line in an intermediate tree and is several times slower.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use crate::domain::{
    Time,
    record::{Body, Kind, Record},
    text::clean_to,
};

/// Longest line, in bytes.
pub const MAX_LINE: u64 = 4 << 20;

/// Everything beside the body, in the names of [`Record`].
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    source: Option<String>,
    id: String,
    #[serde(default, borrow)]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    ts: Option<Time>,
    #[serde(default)]
    updated_at: Option<Time>,
    #[serde(default)]
    observed_at: Option<Time>,
    #[serde(default, deserialize_with = "or_default")]
    seq: i64,
    #[serde(default, deserialize_with = "or_default")]
    deleted: bool,
    #[serde(default, deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    env_tier: Option<String>,
    #[serde(default)]
    env_name: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    raw_ref: Option<String>,
}

/// `null` is as good as absent.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Read one line. Unknown fields are ignored, unknown words of an enum become `other`, an unknown kind is kept as
/// [`Body::Other`]; `source` is `default_source` when the line does not say.
///
/// # Errors
/// What was expected and where in the line.
pub fn parse_line(line: &[u8], default_source: &str) -> Result<Record, String> {
    parse_maybe(line, default_source)?.ok_or_else(|| "an empty line; expected one JSON object".to_owned())
}

/// [`parse_line`]; `None` for a blank line.
pub(super) fn parse_maybe(line: &[u8], default_source: &str) -> Result<Option<Record>, String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    match line.first() {
        None => return Ok(None),
        Some(b'{') => {}
        Some(_) => return Err("expected one JSON object, `{ … }`, per line".into()),
    }
    let envelope: Envelope<'_> = serde_json::from_slice(line).map_err(|e| fault(&e))?;
    if envelope.id.trim().is_empty() {
        return Err("`id` is empty; expected the source's own name for the record".into());
    }
    let body = match envelope.kind.as_deref() {
        Some(kind) => body(kind, line, envelope.deleted)?,
        None if envelope.deleted => Body::Other,
        None => return Err(format!("expected `kind`, one of {}", Kind::ALL.iter().map(|k| k.word()).collect::<Vec<_>>().join(", "))),
    };
    let record = Record {
        source: envelope.source.filter(|s| !s.is_empty()).unwrap_or_else(|| default_source.to_owned()),
        id: envelope.id,
        ts: envelope.ts,
        updated_at: envelope.updated_at,
        observed_at: envelope.observed_at,
        seq: envelope.seq,
        deleted: envelope.deleted,
        labels: envelope.labels,
        team: envelope.team,
        service: envelope.service,
        repo: envelope.repo,
        env_tier: envelope.env_tier,
        env_name: envelope.env_name,
        url: envelope.url,
        raw_ref: envelope.raw_ref,
        body,
    };
    if !record.deleted && record.ts.is_none() && needs_ts(record.body.kind()) {
        return Err(format!("expected `ts`, the time of the event; a {} has none of its own", record.body.kind().word()));
    }
    Ok(Some(record))
}

fn body(word: &str, line: &[u8], deleted: bool) -> Result<Body, String> {
    fn read<T: DeserializeOwned>(line: &[u8], wrap: fn(T) -> Body) -> Result<Body, String> {
        serde_json::from_slice(line).map(wrap).map_err(|e| fault(&e))
    }
    let kind = if word == "probe_result" { Kind::Probe } else { Kind::from_word(word) };
    let body = match kind {
        Kind::Deployment => read(line, Body::Deployment),
        Kind::Change => read(line, Body::Change),
        Kind::Commit => read(line, Body::Commit),
        Kind::PipelineRun => read(line, Body::PipelineRun),
        Kind::Incident => read(line, Body::Incident),
        Kind::Probe => read(line, Body::Probe),
        Kind::Sample => read(line, Body::Sample),
        Kind::CostLine => read(line, Body::CostLine),
        Kind::Quality => read(line, Body::Quality),
        Kind::TestRun => read(line, Body::TestRun),
        Kind::WorkItem => read(line, Body::WorkItem),
        Kind::People => read(line, Body::People),
        Kind::UserActivity => read(line, Body::UserActivity),
        Kind::Customers => read(line, Body::Customers),
        Kind::Survey => read(line, Body::Survey),
        Kind::FeatureUsage => read(line, Body::FeatureUsage),
        Kind::Finance => read(line, Body::Finance),
        Kind::Annotation => read(line, Body::Annotation),
        Kind::SourceState => read(line, Body::SourceState),
        Kind::Catalog => read(line, Body::Catalog),
        Kind::Ownership => read(line, Body::Ownership),
        Kind::Other => Ok(Body::Other),
    };
    // A tombstone needs no body.
    if deleted { Ok(body.unwrap_or(Body::Other)) } else { body }
}

/// Kinds whose time stands only in the envelope.
fn needs_ts(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Probe
            | Kind::Sample
            | Kind::Quality
            | Kind::TestRun
            | Kind::People
            | Kind::UserActivity
            | Kind::Customers
            | Kind::Survey
            | Kind::FeatureUsage
            | Kind::Finance
    )
}

/// serde's words in ours: what was expected, what was found, in which column.
fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let column = error.column();
    if let Some(field) = what.strip_prefix("missing field ") {
        return format!("expected {field}, which is missing");
    }
    let what = clean_to(what, 200);
    if let Some((found, expected)) =
        what.strip_prefix("invalid type: ").or_else(|| what.strip_prefix("invalid value: ")).and_then(|rest| rest.split_once(", expected "))
    {
        return format!("column {column}: expected {expected}, found {found}");
    }
    if error.is_data() { format!("column {column}: {what}") } else { format!("column {column}: not JSON: {what}") }
}

/// One record as one line, without its line end; [`parse_line`] reads it back as it was.
#[must_use]
pub fn to_line(record: &Record) -> String {
    // Only maps with keys that are not text could fail to serialise, and records have none.
    serde_json::to_string(record).unwrap_or_default()
}

/// JSON Schema of a line.
#[must_use]
pub fn record_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Record).to_value();
    schema["title"] = "Quarterdeck record: one JSON object per line".into();
    schema
}
