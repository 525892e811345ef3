//! A record as the store keeps it: identity, order and place in columns, everything else packed.
//!
//! What is packed is `{"e":{envelope},"b":{body}}`: apart, because serde reads a flattened, tagged body through a buffer,
//! at several times the cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::pack::{self, PackError};
use crate::domain::{
    Time, instant,
    record::{Body, CostLine, Kind, Record},
};

/// The envelope without what stands in columns.
#[derive(Serialize, Deserialize)]
struct Envelope<S, L> {
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    ts: Option<Time>,
    #[serde(default, with = "instant", skip_serializing_if = "Option::is_none")]
    updated_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<L>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_tier: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_name: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_ref: Option<S>,
}

#[derive(Serialize)]
struct Out<'a, B> {
    e: Envelope<&'a str, &'a BTreeMap<String, String>>,
    b: &'a B,
}

#[derive(Deserialize)]
struct In<B> {
    e: Envelope<String, BTreeMap<String, String>>,
    b: B,
}

/// The number of a kind in the file. Positions in `Kind::ALL` are for ever; new kinds go to its end.
pub(super) fn code(kind: Kind) -> i64 {
    Kind::ALL.iter().position(|k| *k == kind).and_then(|p| i64::try_from(p + 1).ok()).unwrap_or(0)
}

/// The kind of a number; one this version does not know is `Other`.
pub(super) fn kind(code: i64) -> Kind {
    usize::try_from(code - 1).ok().and_then(|p| Kind::ALL.get(p)).copied().unwrap_or(Kind::Other)
}

/// The kinds that partitions are derived from.
pub(super) const DELIVERY: [Kind; 4] = [Kind::Deployment, Kind::Change, Kind::Commit, Kind::Incident];

/// A hash that is the same in every version and on every machine (FNV-1a), as SQLite's signed integer.
pub(super) fn hash(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}

/// Milliseconds since the epoch for ordering rows; what has no time sorts first.
pub(super) fn millis(at: Option<Time>) -> i64 {
    at.map_or(i64::MIN, |t| t.timestamp_millis())
}

/// Nanoseconds since the epoch, held at the ends of what 64 bits can say (1677 to 2262).
pub(super) fn nanos(at: Option<Time>) -> i64 {
    at.map_or(i64::MIN, |t| t.timestamp_nanos_opt().unwrap_or(if t.timestamp() < 0 { i64::MIN + 1 } else { i64::MAX }))
}

macro_rules! each_body {
    ($body:expr, $b:ident => $with:expr, $other:expr) => {
        match $body {
            Body::Deployment($b) => $with,
            Body::Change($b) => $with,
            Body::Commit($b) => $with,
            Body::PipelineRun($b) => $with,
            Body::Incident($b) => $with,
            Body::Probe($b) => $with,
            Body::Sample($b) => $with,
            Body::CostLine($b) => $with,
            Body::Quality($b) => $with,
            Body::TestRun($b) => $with,
            Body::WorkItem($b) => $with,
            Body::People($b) => $with,
            Body::UserActivity($b) => $with,
            Body::Customers($b) => $with,
            Body::Survey($b) => $with,
            Body::FeatureUsage($b) => $with,
            Body::Finance($b) => $with,
            Body::Annotation($b) => $with,
            Body::SourceState($b) => $with,
            Body::Catalog($b) => $with,
            Body::Ownership($b) => $with,
            Body::Other => $other,
        }
    };
}

/// Append what does not stand in columns, packed, to `out`.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), PackError> {
    let r = record;
    let e = || Envelope {
        ts: r.ts,
        updated_at: r.updated_at,
        labels: (!r.labels.is_empty()).then_some(&r.labels),
        team: r.team.as_deref(),
        service: r.service.as_deref(),
        repo: r.repo.as_deref(),
        env_tier: r.env_tier.as_deref(),
        env_name: r.env_name.as_deref(),
        url: r.url.as_deref(),
        raw_ref: r.raw_ref.as_deref(),
    };
    let nothing = BTreeMap::<&str, &str>::new();
    each_body!(&r.body, b => pack::write(&Out { e: e(), b }, out), pack::write(&Out { e: e(), b: &nothing }, out))
}

/// What stands in columns beside the packed rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) source: &'a str,
    pub(super) id: &'a str,
    pub(super) kind: Kind,
    pub(super) seq: i64,
    pub(super) deleted: bool,
    pub(super) seen: i64,
}

/// The record again. A body this version cannot read becomes `Other`: kept, never used.
pub(super) fn decode(columns: Columns<'_>, body: &[u8]) -> Record {
    match columns.kind {
        Kind::Deployment => read(columns, body, Body::Deployment),
        Kind::Change => read(columns, body, Body::Change),
        Kind::Commit => read(columns, body, Body::Commit),
        Kind::PipelineRun => read(columns, body, Body::PipelineRun),
        Kind::Incident => read(columns, body, Body::Incident),
        Kind::Probe => read(columns, body, Body::Probe),
        Kind::Sample => read(columns, body, Body::Sample),
        Kind::CostLine => read(columns, body, Body::CostLine),
        Kind::Quality => read(columns, body, Body::Quality),
        Kind::TestRun => read(columns, body, Body::TestRun),
        Kind::WorkItem => read(columns, body, Body::WorkItem),
        Kind::People => read(columns, body, Body::People),
        Kind::UserActivity => read(columns, body, Body::UserActivity),
        Kind::Customers => read(columns, body, Body::Customers),
        Kind::Survey => read(columns, body, Body::Survey),
        Kind::FeatureUsage => read(columns, body, Body::FeatureUsage),
        Kind::Finance => read(columns, body, Body::Finance),
        Kind::Annotation => read(columns, body, Body::Annotation),
        Kind::SourceState => read(columns, body, Body::SourceState),
        Kind::Catalog => read(columns, body, Body::Catalog),
        Kind::Ownership => read(columns, body, Body::Ownership),
        Kind::Other => other(columns, body),
    }
}

fn read<B: DeserializeOwned>(columns: Columns<'_>, packed: &[u8], body: fn(B) -> Body) -> Record {
    match pack::read::<In<B>>(packed) {
        Ok(In { e, b }) => record(columns, e, body(b)),
        Err(_) => other(columns, packed),
    }
}

fn other(columns: Columns<'_>, body: &[u8]) -> Record {
    match pack::read::<In<serde::de::IgnoredAny>>(body) {
        Ok(In { e, .. }) => record(columns, e, Body::Other),
        Err(_) => Record { seq: columns.seq, deleted: columns.deleted, ..Record::new(columns.source, columns.id, Body::Other) },
    }
}

fn record(columns: Columns<'_>, e: Envelope<String, BTreeMap<String, String>>, body: Body) -> Record {
    Record {
        source: columns.source.to_owned(),
        id: columns.id.to_owned(),
        ts: e.ts,
        updated_at: e.updated_at,
        observed_at: (columns.seen != 0).then(|| chrono::DateTime::from_timestamp_nanos(columns.seen)),
        seq: columns.seq,
        deleted: columns.deleted,
        labels: e.labels.unwrap_or_default(),
        team: e.team,
        service: e.service,
        repo: e.repo,
        env_tier: e.env_tier,
        env_name: e.env_name,
        url: e.url,
        raw_ref: e.raw_ref,
        body,
    }
}

/// The line of a bill in a stored row.
pub(super) fn cost_line(packed: &[u8]) -> Option<Box<CostLine>> {
    pack::read::<In<CostLine>>(packed).ok().map(|read| Box::new(read.b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(record: &Record) -> Record {
        let mut packed = Vec::new();
        encode(record, &mut packed).unwrap();
        let columns =
            Columns { source: &record.source, id: &record.id, kind: record.body.kind(), seq: record.seq, deleted: record.deleted, seen: 0 };
        decode(columns, &packed)
    }

    #[test]
    fn every_kind_comes_back_as_it_went_in() {
        for kind in Kind::ALL {
            let extra = if *kind == Kind::Annotation { r#","annotation_kind":"note""# } else { "" };
            let line = format!(
                r#"{{"source":"s","id":"1","seq":4,"ts":"2026-03-02T10:00:00.123456789Z","updated_at":"2026-03-02T10:00:01Z",
                "labels":{{"a":"b"}},"team":"t","service":"x","repo":"r","env_tier":"production","url":"u","kind":"{}"{extra}}}"#,
                kind.word()
            );
            let record: Record = serde_json::from_str(&line).unwrap();
            assert_eq!(record.body.kind(), *kind);
            assert_eq!(round(&record), record, "{kind:?}");
            assert_eq!(super::kind(code(*kind)), *kind);
        }
    }

    #[test]
    fn a_body_this_version_cannot_read_is_kept_as_other() {
        let columns = Columns { source: "s", id: "1", kind: Kind::Annotation, seq: 0, deleted: false, seen: 0 };
        let mut packed = Vec::new();
        pack::write(&serde_json::json!({"e": {"team": "t"}, "b": {"annotation_kind": 7}}), &mut packed).unwrap();
        let record = decode(columns, &packed);
        assert_eq!((record.body, record.team.as_deref()), (Body::Other, Some("t")));
        assert_eq!(kind(999), Kind::Other);
        assert_eq!(kind(-1), Kind::Other);
    }
}
