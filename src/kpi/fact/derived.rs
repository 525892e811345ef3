//! Event facts of derived records. Decides nothing: what counted, shipped, failed or was linked is the ledger's say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Event, Measure, Owners, STILL_OPEN, Values,
    dims::{self, Dims},
    flag,
};
use crate::{
    domain::{
        Time,
        record::{Body, DeployKind, DeployStatus, Deployment, Incident, Record},
        team::UNATTRIBUTED,
        window::millis,
    },
    ledger::{
        self, Attribution, Derived, Rules, Shipment,
        attribute::services_of,
        course::{Course, seconds},
    },
};

/// Event facts of derived records. Pure; `records` are the ones the ledger read, `_rules` the ones it went by (facts
/// carry both readings where a rule chooses between two).
#[must_use]
pub fn from_derived(records: &[Record], derived: &Derived, _rules: &Rules) -> BTreeMap<Measure, Vec<Event>> {
    let mut writer = Writer {
        records: ledger::newest(records).filter(|r| !matches!(r.body, Body::Commit(_))).map(|r| (r.key(), r)).collect(),
        derived,
        shipped_lines: HashMap::new(),
        words: HashMap::new(),
        owners: HashMap::new(),
        dims: HashMap::new(),
        out: BTreeMap::new(),
    };
    writer.take_shipped_commits(records);
    writer.shipped_lines = dims::shipped_lines(&writer.records, derived);
    writer.deployments();
    for shipment in &derived.shipments {
        writer.shipment(shipment);
    }
    writer.pending();
    writer.incidents();
    writer.out
}

/// Hash of what counts once; stable over runs and machines, because stores keep it (FNV-1a).
fn group(parts: [&str; 2]) -> u64 {
    let bytes = parts[0].bytes().chain([0]).chain(parts[1].bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

struct Writer<'a> {
    records: HashMap<String, &'a Record>,
    derived: &'a Derived,
    /// Lines of code that a deployment (key) shipped.
    shipped_lines: HashMap<&'a str, i64>,
    words: HashMap<String, Arc<str>>,
    owners: HashMap<String, Owners>,
    /// Sets seen so far, so that equal ones are one.
    dims: HashMap<Vec<(&'a str, &'a str)>, Dims>,
    out: BTreeMap<Measure, Vec<Event>>,
}

impl<'a> Writer<'a> {
    /// Commits are many and mostly nobody's fact; only those that were shipped as they are, without a change, are looked at.
    fn take_shipped_commits(&mut self, records: &'a [Record]) {
        let bare: BTreeSet<&str> =
            self.derived.shipments.iter().map(|s| s.change.as_str()).filter(|k| !self.records.contains_key(*k)).collect();
        if !bare.is_empty() {
            let commits = ledger::newest(records).filter(|r| matches!(r.body, Body::Commit(_))).map(|r| (r.key(), r));
            self.records.extend(commits.filter(|(key, _)| bare.contains(key.as_str())));
        }
    }

    fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let word: Arc<str> = text.into();
        self.words.insert(text.to_owned(), Arc::clone(&word));
        word
    }

    fn owners(&mut self, key: &str) -> Owners {
        let attribution: Option<&Attribution> = self.derived.attributions.get(key);
        let mut name = String::new();
        for share in attribution.iter().flat_map(|a| &a.shares) {
            name.push_str(&share.team);
            name.push('\0');
            name.push_str(&share.share.to_string());
            name.push('\0');
        }
        if let Some(known) = self.owners.get(&name) {
            return Arc::clone(known);
        }
        let owners: Owners = match attribution {
            Some(a) if !a.shares.is_empty() => a.shares.iter().map(|s| (s.team.as_str().into(), s.share)).collect(),
            _ => Arc::new([(UNATTRIBUTED.into(), 1.0)]),
        };
        self.owners.insert(name, Arc::clone(&owners));
        owners
    }

    fn dims(&mut self, key: &str) -> Dims {
        let Some(record) = self.records.get(key).copied() else { return Dims::default() };
        let set = dims::of(record, self.derived.classes.get(key), self.shipped_lines.get(key).copied());
        if let Some(known) = self.dims.get(&set) {
            return Arc::clone(known);
        }
        let dims: Dims = set.iter().map(|(name, value)| (self.word(name), self.word(value))).collect();
        self.dims.insert(set, Arc::clone(&dims));
        dims
    }

    fn deployment_of(&self, key: &str) -> Option<(&'a Record, &'a Deployment)> {
        let record = *self.records.get(key)?;
        match &record.body {
            Body::Deployment(d) => Some((record, d)),
            _ => None,
        }
    }

    fn event(&mut self, key: &str, at: Time, service: &str, flags: u16) -> Event {
        Event {
            at,
            service: self.word(service),
            teams: self.owners(key),
            flags,
            group: 0,
            key: key.into(),
            values: Values::default(),
            dims: self.dims(key),
        }
    }

    fn push(&mut self, measure: Measure, event: Event) {
        self.out.entry(measure).or_default().push(event);
    }

    fn deployments(&mut self) {
        let derived = self.derived;
        let mut impact: BTreeMap<&str, Time> = BTreeMap::new();
        for link in &derived.links {
            if let Some(start) = self.records.get(&link.incident).and_then(|r| Some(course_of(r)?.1.start)) {
                impact.entry(&link.deployment).and_modify(|at| *at = (*at).min(start)).or_insert(start);
            }
        }
        for (key, class) in derived.classes.iter().filter(|(_, c)| c.production) {
            let Some((record, body)) = self.deployment_of(key) else { continue };
            let Some(at) = body.finished_at.or_else(|| record.event_time()) else { continue };
            if !matches!(body.status, DeployStatus::Success | DeployStatus::Failure) {
                continue;
            }
            let bits = [
                (body.status == DeployStatus::Success, flag::SUCCESS),
                (class.counted, flag::COUNTED),
                (class.rollback, flag::ROLLBACK),
                (class.rework, flag::REWORK),
                (class.failed, flag::FAILED),
                (class.redeploy, flag::REDEPLOY),
                (body.assumed, flag::ASSUMED),
                (is_normal(body) && !class.hotfix && !class.rollback, flag::NORMAL),
            ];
            let service = record.service.as_deref().unwrap_or_default();
            let mut event = self.event(key, at, service, bits_of(&bits));
            if let Some(release) = &body.group_id {
                event.group = group([&record.source, release]);
            }
            if class.failed {
                event.values = [class.recovered_at.map_or(STILL_OPEN, |at| millis(at) as f64)].into();
            }
            self.push(Measure::Deployment, event);
            if let Some(recovered) = class.recovered_at {
                let from_impact = impact.get(key.as_str()).copied().unwrap_or(at);
                let mut event = self.event(key, recovered, service, bits_of(&bits));
                event.values = [seconds(at, recovered).max(0.0), seconds(from_impact, recovered).max(0.0)].into();
                self.push(Measure::Recovery, event);
            }
        }
    }

    fn shipment(&mut self, s: &Shipment) {
        let assumed = self.deployment_of(&s.deployment).is_some_and(|(_, d)| d.assumed);
        let flags = bits_of(&[
            (assumed, flag::ASSUMED),
            (s.bot, flag::BOT),
            (s.unreviewed, flag::UNREVIEWED),
            (s.left_out == Some("first_deployment"), flag::FIRST),
            (s.left_out == Some("negative"), flag::NEGATIVE),
            (s.left_out == Some("no_start"), flag::NO_START),
            (s.anomaly == Some("deployed_before_merge"), flag::BEFORE_MERGE),
            (s.anomaly == Some("negative_stage"), flag::NEGATIVE_STAGE),
            (s.again, flag::AGAIN),
        ]);
        let event = self.event(&s.change, s.at, s.service.as_deref().unwrap_or_default(), flags);
        let Some(lead_time) = s.lead_time_s else {
            self.push(Measure::LeadTime, event);
            return;
        };
        for commit in &s.commits_s {
            self.push(Measure::CommitLeadTime, Event { values: [*commit].into(), ..event.clone() });
        }
        self.push(Measure::LeadStages, Event { values: s.stages_s.into(), ..event.clone() });
        self.push(Measure::LeadTime, Event { values: [lead_time].into(), ..event });
    }

    fn pending(&mut self) {
        for key in &self.derived.pending {
            let Some(Body::Change(change)) = self.records.get(key).map(|r| &r.body) else { continue };
            let (Some(merged), bot) = (change.merged_at, change.author_is_bot) else { continue };
            let service = self.records[key].service.clone().unwrap_or_default();
            let event = self.event(key, merged, &service, bits_of(&[(bot, flag::BOT)]));
            self.push(Measure::Pending, event);
        }
    }

    fn incidents(&mut self) {
        let derived = self.derived;
        let linked: BTreeSet<&str> = derived.links.iter().map(|l| l.incident.as_str()).collect();
        let unlinked: BTreeSet<&str> = derived.unlinked.iter().map(String::as_str).collect();
        for key in linked.union(&unlinked) {
            let Some((record, (incident, course))) = self.records.get(*key).and_then(|r| Some((*r, course_of(r)?))) else { continue };
            let mut services = services_of(record);
            if services.is_empty() {
                services.push("");
            }
            for (i, service) in services.into_iter().enumerate() {
                let flags = bits_of(&[
                    (linked.contains(key), flag::LINKED),
                    (course.reopened(), flag::REOPENED),
                    (course.end().is_none() && !course.end_unknown, flag::OPEN),
                    (i > 0, flag::AGAIN),
                ]);
                let event = self.event(key, course.start, service, flags);
                self.incident(incident, &course, event);
            }
        }
    }

    /// The facts of one incident in one of its services.
    fn incident(&mut self, incident: &Incident, course: &Course, event: Event) {
        let end_ms = course.end().map_or(STILL_OPEN, |end| millis(end) as f64);
        if let Some(weight) = incident.availability_impact.filter(|_| !course.end_unknown) {
            for (from, to) in &course.open {
                let to_ms = to.map_or(STILL_OPEN, |to| millis(to) as f64);
                self.push(Measure::Outage, Event { at: *from, values: [to_ms, weight.clamp(0.0, 1.0)].into(), ..event.clone() });
            }
        }
        if let Some(end) = course.end() {
            let open = course.earlier_open_s() + seconds(course.last_from(), end);
            let elapsed = seconds(course.start, end);
            let stages = stages(incident, course.start, end);
            let spent = stages[0] + stages[1];
            let stages = [stages[0], stages[1], open - spent, elapsed - spent];
            self.push(Measure::Restore, Event { at: end, values: [open, elapsed].into(), ..event.clone() });
            self.push(Measure::RestoreStages, Event { at: end, values: stages.into(), ..event.clone() });
        }
        let values = if course.end_unknown {
            Values::default()
        } else {
            [end_ms, course.earlier_open_s(), millis(course.last_from()) as f64].into()
        };
        self.push(Measure::Incident, Event { values, ..event });
    }
}

fn course_of(record: &Record) -> Option<(&Incident, Course)> {
    match &record.body {
        Body::Incident(incident) => Some((incident, Course::of(record, incident)?)),
        _ => None,
    }
}

/// Seconds to detect and to acknowledge; a missing boundary makes a stage of no length.
fn stages(incident: &Incident, start: Time, end: Time) -> [f64; 2] {
    let detected = incident.detected_at.unwrap_or(start).clamp(start, end.max(start));
    let acknowledged = incident.acknowledged_at.unwrap_or(detected).clamp(detected, end.max(detected));
    [seconds(start, detected), seconds(detected, acknowledged)]
}

/// A release as usual: declared as one, or not declared at all (as a tag).
fn is_normal(deployment: &Deployment) -> bool {
    deployment.deploy_kind.is_none_or(|kind| kind == DeployKind::Normal)
}

fn bits_of(bits: &[(bool, u16)]) -> u16 {
    bits.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit)
}
