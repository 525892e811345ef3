//! What every record goes through before it leaves a source: safe text, finite numbers, times a calendar can hold.
//!
//! Decides nothing else: a record dated tomorrow is kept as reported.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::domain::{
    Time,
    person::hashed,
    record::{Body, Record},
    text::{MAX_TEXT, clean, clean_in_place},
};

/// Clean a record in place.
///
/// # Errors
/// Why it cannot be used: no id, or a number that is none. In words for a person.
pub fn clean_record(record: &mut Record) -> Result<(), String> {
    identity(&mut record.id);
    identity(&mut record.source);
    if record.id.is_empty() {
        return Err("a record without id".into());
    }
    let mut scrub = Scrub { not_a_number: None };
    for at in [&mut record.ts, &mut record.updated_at, &mut record.observed_at] {
        time(at);
    }
    scrub.map(&mut record.labels);
    for text in [
        &mut record.team,
        &mut record.service,
        &mut record.repo,
        &mut record.env_tier,
        &mut record.env_name,
        &mut record.url,
        &mut record.raw_ref,
    ] {
        maybe(text);
    }
    // Only what a browser may be sent to.
    record.url.take_if(|url| !url.starts_with("https://") && !url.starts_with("http://"));
    scrub.body(&mut record.body);
    nobody_named(record);
    match scrub.not_a_number {
        Some(field) => Err(format!("{}: `{field}` is not a finite number", record.id)),
        None => Ok(()),
    }
}

/// Whoever joins, leaves or moves, and whoever used something, is a hash from here on; nothing leads back to them.
fn nobody_named(record: &mut Record) {
    match &mut record.body {
        Body::People(p) if p.event != "snapshot" => {
            record.id = hashed(&record.id);
            (record.url, record.raw_ref) = (None, None);
        }
        Body::UserActivity(u) => u.user_days.iter_mut().for_each(|(user, _)| *user = hashed(user)),
        _ => {}
    }
}

/// A name that must stay unique: cleaned, and when it is too long, cut with a digest of the whole.
fn identity(id: &mut String) {
    if id.chars().count() > MAX_TEXT {
        let digest = Sha256::digest(id.as_bytes());
        let head: String = id.chars().take(MAX_TEXT - 20).collect();
        let mut tail = [0u8; 8];
        tail.copy_from_slice(&digest[..8]);
        *id = format!("{head}…{:016x}", u64::from_be_bytes(tail));
    }
    clean_in_place(id);
}

fn maybe(text: &mut Option<String>) {
    if let Some(text) = text {
        clean_in_place(text);
    }
}

fn list(texts: &mut [String]) {
    texts.iter_mut().for_each(clean_in_place);
}

/// Years outside 1900 to 2200 are a clock's fault; arithmetic with them could overflow.
fn time(at: &mut Option<Time>) {
    const FIRST: i64 = -2_208_988_800;
    const LAST: i64 = 7_258_118_400;
    if let Some(at) = at {
        let seconds = at.timestamp();
        if !(FIRST..=LAST).contains(&seconds)
            && let Some(clamped) = Time::from_timestamp(seconds.clamp(FIRST, LAST), 0)
        {
            *at = clamped;
        }
    }
}

struct Scrub {
    /// The first field that held NaN or infinity.
    not_a_number: Option<&'static str>,
}

impl Scrub {
    fn map<V>(&mut self, map: &mut BTreeMap<String, V>)
    where
        V: Cleanable,
    {
        if map.keys().any(|k| clean(k) != *k) {
            *map = std::mem::take(map).into_iter().map(|(k, v)| (clean(&k), v)).collect();
        }
        for value in map.values_mut() {
            value.scrub(self);
        }
    }

    fn number(&mut self, field: &'static str, number: f64) {
        if !number.is_finite() {
            self.not_a_number.get_or_insert(field);
        }
    }

    fn numbers(&mut self, fields: &[(&'static str, Option<f64>)]) {
        for (field, number) in fields {
            if let Some(number) = number {
                self.number(field, *number);
            }
        }
    }

    fn body(&mut self, body: &mut Body) {
        match body {
            Body::Deployment(d) => {
                for at in [&mut d.created_at, &mut d.started_at, &mut d.finished_at] {
                    time(at);
                }
                for text in [
                    &mut d.group_id,
                    &mut d.sha,
                    &mut d.prev_sha,
                    &mut d.base_sha,
                    &mut d.version,
                    &mut d.reference,
                    &mut d.rolls_back,
                    &mut d.actor,
                ] {
                    maybe(text);
                }
                list(&mut d.change_ids);
                list(&mut d.remediates);
            }
            Body::Change(c) => {
                for at in
                    [&mut c.opened_at, &mut c.ready_at, &mut c.first_review_at, &mut c.approved_at, &mut c.merged_at, &mut c.closed_at]
                {
                    time(at);
                }
                clean_in_place(&mut c.title);
                for text in [
                    &mut c.author,
                    &mut c.merge_sha,
                    &mut c.base_sha,
                    &mut c.head_sha,
                    &mut c.base_ref,
                    &mut c.merge_method,
                    &mut c.reverts,
                ] {
                    maybe(text);
                }
                for commit in &mut c.commits {
                    clean_in_place(&mut commit.sha);
                    time(&mut commit.authored_at);
                    time(&mut commit.committed_at);
                }
                list(&mut c.paths);
                list(&mut c.issue_ids);
            }
            Body::Commit(c) => {
                time(&mut c.authored_at);
                time(&mut c.committed_at);
                clean_in_place(&mut c.sha);
                maybe(&mut c.author);
                list(&mut c.parents);
                list(&mut c.paths);
            }
            Body::PipelineRun(p) => {
                for at in [&mut p.queued_at, &mut p.started_at, &mut p.finished_at] {
                    time(at);
                }
                clean_in_place(&mut p.pipeline);
                clean_in_place(&mut p.status);
                maybe(&mut p.sha);
            }
            Body::Incident(i) => {
                for at in [
                    &mut i.started_at,
                    &mut i.detected_at,
                    &mut i.acknowledged_at,
                    &mut i.mitigated_at,
                    &mut i.resolved_at,
                    &mut i.closed_at,
                ] {
                    time(at);
                }
                for interval in &mut i.intervals {
                    let mut from = Some(interval.from);
                    time(&mut from);
                    interval.from = from.unwrap_or(interval.from);
                    time(&mut interval.to);
                }
                clean_in_place(&mut i.title);
                for text in [&mut i.severity, &mut i.cause_category, &mut i.duplicate_of] {
                    maybe(text);
                }
                list(&mut i.services);
                list(&mut i.caused_by);
                self.numbers(&[("availability_impact", i.availability_impact)]);
            }
            Body::Probe(p) => {
                clean_in_place(&mut p.check_id);
                maybe(&mut p.location);
                maybe(&mut p.error_kind);
                self.numbers(&[("latency_ms", p.latency_ms), ("interval_s", p.interval_s)]);
            }
            Body::Sample(s) => {
                clean_in_place(&mut s.metric);
                maybe(&mut s.unit);
                time(&mut s.start_ts);
                for bucket in &mut s.buckets {
                    clean_in_place(&mut bucket.0);
                    self.number("buckets", bucket.1);
                }
                self.numbers(&[("window_s", Some(s.window_s)), ("value", s.value), ("sum", s.sum), ("count", s.count)]);
            }
            Body::CostLine(c) => {
                for at in [&mut c.billing_period_start, &mut c.billing_period_end, &mut c.charge_period_start, &mut c.charge_period_end] {
                    time(at);
                }
                for text in [
                    &mut c.billing_currency,
                    &mut c.charge_category,
                    &mut c.charge_class,
                    &mut c.charge_frequency,
                    &mut c.charge_description,
                    &mut c.consumed_unit,
                    &mut c.pricing_category,
                    &mut c.commitment_discount_id,
                    &mut c.commitment_discount_status,
                    &mut c.provider_name,
                    &mut c.service_name,
                    &mut c.service_category,
                    &mut c.sub_account_id,
                    &mut c.region_id,
                    &mut c.resource_id,
                ] {
                    maybe(text);
                }
                self.map(&mut c.tags);
            }
            Body::Quality(q) => {
                clean_in_place(&mut q.project);
                for text in [&mut q.component, &mut q.branch, &mut q.sha, &mut q.tool, &mut q.ruleset_version] {
                    maybe(text);
                }
                self.map(&mut q.issues);
                self.numbers(&[
                    ("lines_to_cover", q.lines_to_cover),
                    ("covered_lines", q.covered_lines),
                    ("conditions_to_cover", q.conditions_to_cover),
                    ("covered_conditions", q.covered_conditions),
                    ("new_lines_to_cover", q.new_lines_to_cover),
                    ("new_covered_lines", q.new_covered_lines),
                    ("new_conditions_to_cover", q.new_conditions_to_cover),
                    ("new_covered_conditions", q.new_covered_conditions),
                    ("ncloc", q.ncloc),
                    ("remediation_min", q.remediation_min),
                    ("development_cost_min", q.development_cost_min),
                    ("min_per_line", q.min_per_line),
                    ("doc_units", q.doc_units),
                    ("doc_units_documented", q.doc_units_documented),
                ]);
            }
            Body::TestRun(t) => {
                clean_in_place(&mut t.suite);
                maybe(&mut t.sha);
                self.numbers(&[
                    ("tests", Some(t.tests)),
                    ("failed", Some(t.failed)),
                    ("errored", Some(t.errored)),
                    ("skipped", Some(t.skipped)),
                    ("flaky", Some(t.flaky)),
                    ("duration_s", t.duration_s),
                ]);
            }
            Body::WorkItem(w) => {
                for at in [&mut w.created_at, &mut w.started_at, &mut w.done_at, &mut w.released_at] {
                    time(at);
                }
                clean_in_place(&mut w.item_type);
                maybe(&mut w.iteration);
                list(&mut w.change_ids);
                self.numbers(&[("points", w.points), ("effort_h", w.effort_h)]);
            }
            Body::People(p) => {
                clean_in_place(&mut p.event);
                maybe(&mut p.role);
                maybe(&mut p.area);
                maybe(&mut p.to_team);
                self.numbers(&[("headcount", p.headcount), ("capable", p.capable)]);
            }
            Body::UserActivity(u) => {
                for (user, day) in &mut u.user_days {
                    clean_in_place(user);
                    clean_in_place(day);
                }
                for text in [&mut u.product, &mut u.segment, &mut u.period] {
                    maybe(text);
                }
                self.numbers(&[("active_users", u.active_users), ("transactions", u.transactions)]);
            }
            Body::Customers(c) => {
                self.numbers(&[("start", Some(c.start)), ("new", Some(c.new)), ("lost", c.lost), ("end", Some(c.end))]);
            }
            Body::Survey(s) => {
                clean_in_place(&mut s.instrument);
                self.numbers(&[("promoters", Some(s.promoters)), ("passives", Some(s.passives)), ("detractors", Some(s.detractors))]);
            }
            Body::FeatureUsage(f) => {
                clean_in_place(&mut f.feature);
                self.numbers(&[("eligible", Some(f.eligible)), ("users", Some(f.users))]);
                f.time_to_adopt_s.retain(|s| s.is_finite() && *s >= 0.0);
            }
            Body::Finance(f) => {
                maybe(&mut f.currency);
                maybe(&mut f.initiative);
                maybe(&mut f.tech_cost_scope);
                time(&mut f.launched_at);
                self.numbers(&[("gross_margin", f.gross_margin), ("monthly_churn", f.monthly_churn), ("horizon_months", f.horizon_months)]);
            }
            Body::Annotation(a) => {
                clean_in_place(&mut a.title);
                time(&mut a.from);
                time(&mut a.to);
            }
            Body::SourceState(s) => {
                for at in [&mut s.connected_at, &mut s.backfilled_from, &mut s.last_success_at] {
                    time(at);
                }
                maybe(&mut s.error);
                list(&mut s.feeds);
                self.numbers(&[("lag_s", s.lag_s)]);
            }
            Body::Catalog(c) => {
                for service in &mut c.services {
                    clean_in_place(&mut service.name);
                    for text in [&mut service.owner, &mut service.system, &mut service.repo, &mut service.tier, &mut service.runbook] {
                        maybe(text);
                    }
                    list(&mut service.paths);
                    list(&mut service.depends_on);
                }
                self.map(&mut c.parents);
                list(&mut c.codeowners);
            }
            Body::Ownership(o) => {
                for text in [&mut o.subject_kind, &mut o.subject, &mut o.owner] {
                    clean_in_place(text);
                }
                time(&mut o.from);
                time(&mut o.to);
                self.numbers(&[("share", o.share)]);
            }
            Body::Other => {}
        }
    }
}

/// A map's value: text or number.
trait Cleanable {
    fn scrub(&mut self, scrub: &mut Scrub);
}

impl Cleanable for String {
    fn scrub(&mut self, _: &mut Scrub) {
        clean_in_place(self);
    }
}

impl Cleanable for f64 {
    fn scrub(&mut self, scrub: &mut Scrub) {
        scrub.number("issues", *self);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::domain::record::{Kind, Probe};

    const NASTY: &str = "a\u{1b}[31m\u{202e}b\nc";

    /// A value of a schema with nasty text and absurd times wherever text and times may stand.
    fn nasty(schema: &Value, root: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            return nasty(root.pointer(name.trim_start_matches('#')).unwrap(), root);
        }
        if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            return nasty(&any[0], root);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[0].as_str().unwrap_or_default().to_owned(),
            kind => kind.as_str().unwrap_or_default().to_owned(),
        };
        match kind.as_str() {
            _ if schema.get("const").is_some() => schema["const"].clone(),
            _ if schema.get("enum").is_some() => schema["enum"][0].clone(),
            "string" if schema["format"] == "date-time" => json!("0001-01-01T00:00:00Z"),
            "string" if schema.get("pattern").is_some() => json!("1.5"),
            "string" => json!(NASTY),
            "array" if schema.get("prefixItems").is_some() => {
                schema["prefixItems"].as_array().unwrap().iter().map(|s| nasty(s, root)).collect()
            }
            "array" => json!([nasty(&schema["items"], root)]),
            "object" if schema.get("properties").is_some() => Value::Object(
                schema["properties"].as_object().unwrap().iter().map(|(k, s)| (k.clone(), nasty(s, root))).collect::<Map<_, _>>(),
            ),
            "object" => json!({ NASTY: nasty(&schema["additionalProperties"], root) }),
            "boolean" => json!(true),
            _ => json!(1),
        }
    }

    #[test]
    fn no_text_of_any_kind_keeps_a_control_character_and_no_time_stays_absurd() {
        let root = schemars::schema_for!(Record).to_value();
        let kinds = root["oneOf"].as_array().or(root["anyOf"].as_array()).expect("one schema per kind");
        let mut seen = 0;
        for kind in kinds {
            let Some(word) = kind.pointer("/properties/kind/const").cloned() else { continue };
            let mut object = nasty(kind, &root).as_object().unwrap().clone();
            if let Some(of) = kind["$ref"].as_str() {
                object.extend(nasty(root.pointer(of.trim_start_matches('#')).unwrap(), &root).as_object().unwrap().clone());
            }
            object
                .extend(nasty(&json!({ "type": "object", "properties": root["properties"].clone() }), &root).as_object().unwrap().clone());
            object.insert("kind".into(), word.clone());
            // Exact decimals are text to the schema.
            for (field, value) in &mut object {
                let money = ["Cost", "Quantity", "revenue", "cost", "gain", "arpa_month", "mrr", "mrr_lost"]
                    .iter()
                    .any(|word| field.ends_with(word));
                if money {
                    *value = json!("1.5");
                }
            }
            let mut record: Record = serde_json::from_value(Value::Object(object)).unwrap_or_else(|e| panic!("{word}: {e}"));
            clean_record(&mut record).unwrap();
            let json = serde_json::to_string(&record).unwrap();
            assert!(!json.contains("\\u001b") && !json.contains('\u{202e}') && !json.contains("\\n"), "{json}");
            assert!(!json.contains("0001-01-01"), "{json}");
            assert!(json.contains("ab c"), "{json}");
            seen += 1;
        }
        assert!(seen >= Kind::ALL.len() - 1, "{seen} kinds");
    }

    #[test]
    fn a_number_that_is_none_leaves_the_record_out_and_the_rest_in() {
        let probe = |latency| Body::Probe(Probe { latency_ms: Some(latency), ..Probe::default() });
        let mut batch = crate::sources::Batch {
            records: vec![Record::new("s", "1", probe(1.0)), Record::new("s", "2", probe(f64::NAN)), Record::new("s", "", probe(1.0))],
            message: "3 probes".into(),
            ..crate::sources::Batch::default()
        };
        batch.clean();
        assert_eq!(batch.records.len(), 1);
        assert_eq!(batch.message, "partial: 2 records left out (2: `latency_ms` is not a finite number); 3 probes");
    }

    #[test]
    fn a_long_id_stays_unique_and_only_web_addresses_are_kept() {
        let long = |end: &str| {
            let mut record = Record::new("s", "x".repeat(2000) + end, Body::Other);
            record.url = Some("javascript:alert(1)".into());
            clean_record(&mut record).unwrap();
            assert_eq!(record.url, None);
            record.id
        };
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
    }
}
