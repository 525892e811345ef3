//! One record as a table row and as a page of its own: what it is, how it was classified, linked and attributed.

mod figures;

use std::borrow::Cow;

use chrono::{Datelike, Duration, Timelike};

use super::Row;
use crate::{
    domain::{
        Time,
        record::{Body, Change, CostLine, Deployment, Incident, Quality, Record, TestRun},
        value::{Datum, Scope},
    },
    kpi::{Query, Settings},
    ledger::{Derived, LEAD_STAGES},
};

/// The row of a record; `None` for a record without a time, and for one that would show a person.
#[must_use]
pub fn row(record: &Record, derived: &Derived, focus: Option<&str>, settings: &Settings) -> Option<Row> {
    let at = record.event_time()?;
    let key = record.key();
    let mut row = Row {
        kind: record.body.kind().word(),
        at,
        service: record.service.clone().unwrap_or_default(),
        team: String::new(),
        title: record.id.clone(),
        value: None,
        tags: Vec::new(),
        details: Vec::with_capacity(12),
        related: Vec::new(),
        url: record.url.clone(),
        key,
    };
    row.say("when", stamp(at, settings));
    match &record.body {
        Body::Deployment(d) => deployment(&mut row, record, d, derived, focus, settings),
        Body::Change(c) => change(&mut row, record, c, derived, settings),
        Body::Incident(i) => incident(&mut row, i, derived, settings),
        Body::CostLine(c) => cost_line(&mut row, c, settings),
        Body::Quality(q) => quality(&mut row, q),
        Body::TestRun(t) => test_run(&mut row, t),
        Body::Commit(c) => row.title = format!("commit {}", short(&c.sha)),
        // A line of a person; or a part of a head count, which with the others would tell of the smallest.
        Body::People(p) if p.event != "snapshot" || p.headcount.is_some() => return None,
        Body::WorkItem(w) => figures::work_item(&mut row, w, settings),
        Body::Customers(c) => figures::customers(&mut row, c),
        Body::Survey(s) => figures::survey(&mut row, s),
        Body::FeatureUsage(f) => figures::feature_usage(&mut row, f),
        Body::UserActivity(u) => figures::user_activity(&mut row, u),
        Body::Finance(f) => figures::finance(&mut row, f, settings),
        _ => {}
    }
    attribution(&mut row, record, derived);
    for (name, value) in [("repository", &record.repo), ("environment", &record.env_tier), ("address", &record.url)] {
        if let Some(value) = value {
            row.say(name, value);
        }
    }
    for (name, value) in &record.labels {
        row.say(name.clone(), value);
    }
    row.say("record", row.key.clone());
    Some(row)
}

impl Row {
    fn say(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.details.push((name.into(), value));
        }
    }

    fn tag(&mut self, word: &str) {
        if !word.is_empty() && !self.tags.iter().any(|t| t == word) {
            self.tags.push(word.to_owned());
        }
    }

    fn seconds(&mut self, seconds: f64) {
        self.value = Some((Datum::Num(seconds), "s".to_owned()));
    }
}

fn attribution(row: &mut Row, record: &Record, derived: &Derived) {
    if let Some(a) = derived.attributions.get(&row.key) {
        let one = a.shares.len() == 1;
        row.team = a
            .shares
            .iter()
            .map(|s| if one { s.team.clone() } else { format!("{} {:.0} %", s.team, s.share * 100.0) })
            .collect::<Vec<_>>()
            .join(", ");
        let team = row.team.clone();
        row.say("team", format!("{team} (by {})", a.rule));
    } else if let Some(team) = &record.team {
        row.team.clone_from(team);
        row.say("team", format!("{team} (explicit)"));
    }
    if let Some(service) = &record.service {
        row.say("service", service);
    }
}

fn deployment(row: &mut Row, record: &Record, d: &Deployment, derived: &Derived, focus: Option<&str>, settings: &Settings) {
    let what =
        d.version.clone().or_else(|| d.reference.clone()).or_else(|| d.sha.as_deref().map(short)).unwrap_or_else(|| record.id.clone());
    row.title = if row.service.is_empty() { what } else { format!("{} {what}", row.service) };
    row.say("status", d.status.word());
    if d.status.word() != "success" {
        row.tag(d.status.word());
    }
    if d.assumed {
        row.tag("assumed");
        row.say("assumed", "no version tags: each change on the default branch counts as a deployment");
    }
    for (name, at) in [("created", d.created_at), ("started", d.started_at), ("finished", d.finished_at)] {
        if let Some(at) = at {
            row.say(name, stamp(at, settings));
        }
    }
    if let Some(sha) = &d.sha {
        row.say("commit", sha);
    }
    if let Some(group) = &d.group_id {
        row.say("release", group);
    }
    if let Some(class) = derived.classes.get(&row.key) {
        for (is, word) in [
            (class.production, "production"),
            (class.failed, "failed"),
            (class.rollback, "rollback"),
            (class.hotfix, "hotfix"),
            (class.rework, "rework"),
            (class.redeploy, "redeploy"),
        ] {
            if is {
                row.tag(word);
            }
        }
        row.say("counts for frequency", if class.counted { "yes" } else { "no" });
        for reason in &class.reasons {
            row.say("because", reason);
        }
        if let (Some(from), Some(to)) = (class.recovery_from, class.recovered_at) {
            row.say("recovered", format!("{} after {}", stamp(to, settings), span(to - from)));
            if focus.is_some_and(|f| f.starts_with("failed_deployment_recovery_time")) {
                row.seconds(seconds(to - from));
            }
        }
    }
    let links: Vec<_> = derived.links.iter().filter(|l| l.deployment == row.key).collect();
    for link in links {
        row.say("incident", format!("{} ({}, {} after)", link.incident, link.how.replace('_', " "), span_s(link.lag_s)));
        row.related.push(link.incident.clone());
    }
    if let Some(changes) = derived.ships.get(&row.key) {
        row.say("ships", format!("{} change{}", changes.len(), if changes.len() == 1 { "" } else { "s" }));
        row.related.extend(changes.iter().cloned());
    }
}

fn change(row: &mut Row, record: &Record, c: &Change, derived: &Derived, settings: &Settings) {
    let number = c.number.map(|n| format!("#{n} ")).unwrap_or_default();
    let title = if c.title.is_empty() { record.id.as_str() } else { c.title.as_str() };
    row.title = format!("{number}{title}");
    if let Some(kind) = c.change_type {
        row.tag(kind.word());
    }
    if c.author_is_bot {
        row.tag("bot");
    }
    if c.reverts.is_some() {
        row.tag("revert");
    }
    if c.merged_at.is_none() {
        row.tag(c.state.map_or("open", |s| s.word()));
    }
    let first = c.commits.iter().filter_map(|k| k.authored_at).min();
    for (name, at) in [
        ("first commit", first),
        ("opened", c.opened_at),
        ("first review", c.first_review_at),
        ("approved", c.approved_at),
        ("merged", c.merged_at),
    ] {
        if let Some(at) = at {
            row.say(name, stamp(at, settings));
        }
    }
    if let Some(s) = derived.shipments.iter().find(|s| s.change == row.key) {
        row.say("in production", stamp(s.at, settings));
        row.at = s.at;
        row.related.push(s.deployment.clone());
        if let Some(lead) = s.lead_time_s {
            row.seconds(lead);
            row.say("lead time", span_s(lead));
            let stages: Vec<_> =
                LEAD_STAGES.iter().zip(s.stages_s).map(|(name, s)| format!("{} {}", name.replace('_', " "), span_s(s))).collect();
            row.say("stages", stages.join(" · "));
        }
        if let Some(why) = s.left_out {
            row.tag("left out");
            row.say("left out of lead time", why.replace('_', " "));
        }
        if s.unreviewed {
            row.tag("unreviewed");
        }
    } else if derived.pending.contains(&row.key) {
        row.tag("pending");
        row.say("in production", "not yet");
    }
    if let Some(sha) = &c.merge_sha {
        row.say("commit", sha);
    }
    if !c.commits.is_empty() {
        row.say("commits", c.commits.len().to_string());
    }
    if let (Some(a), Some(d)) = (c.additions, c.deletions) {
        row.say("lines", format!("+{a} -{d}"));
    }
    if !c.paths.is_empty() {
        let more = c.paths.len().saturating_sub(8);
        let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
        row.say("paths", format!("{}{tail}", c.paths.iter().take(8).cloned().collect::<Vec<_>>().join(", ")));
    }
    if let Some(what) = &c.reverts {
        row.say("reverts", what);
    }
}

fn incident(row: &mut Row, i: &Incident, derived: &Derived, settings: &Settings) {
    if !i.title.is_empty() {
        row.title.clone_from(&i.title);
    }
    if let Some(severity) = &i.severity {
        row.tag(severity);
    }
    if row.service.is_empty() {
        row.service = i.services.join(", ");
    }
    for (name, at) in [
        ("started", i.started_at),
        ("detected", i.detected_at),
        ("acknowledged", i.acknowledged_at),
        ("mitigated", i.mitigated_at),
        ("resolved", i.resolved_at),
    ] {
        if let Some(at) = at {
            row.say(name, stamp(at, settings));
        }
    }
    let end = i.mitigated_at.or(i.resolved_at).or(i.closed_at).filter(|t| *t <= settings.as_of);
    if end.is_none() {
        row.tag("open");
    }
    row.seconds(seconds(end.unwrap_or(settings.as_of) - row.at));
    if i.intervals.len() > 1 {
        row.tag("re-opened");
    }
    if let Some(of) = &i.duplicate_of {
        row.tag("duplicate");
        row.say("duplicate of", of);
    }
    if let Some(cause) = &i.cause_category {
        row.say("cause", cause);
    }
    if let Some(impact) = i.availability_impact {
        row.say("availability impact", format!("{:.0} %", impact * 100.0));
    }
    if let Some(link) = derived.links.iter().find(|l| l.incident == row.key) {
        row.say("deployment", format!("{} ({}, {} before)", link.deployment, link.how.replace('_', " "), span_s(link.lag_s)));
        row.related.push(link.deployment.clone());
    } else if derived.unlinked.contains(&row.key) {
        row.tag("unlinked");
        row.say("deployment", "none found: no explicit cause, none on the same service within the link window");
    }
}

fn cost_line(row: &mut Row, c: &CostLine, settings: &Settings) {
    let names: Vec<_> = [&c.provider_name, &c.service_name, &c.charge_description].into_iter().flatten().cloned().collect();
    if !names.is_empty() {
        row.title = names.join(" · ");
    }
    let currency = c.billing_currency.clone().unwrap_or_else(|| settings.currency.clone());
    if let Some(effective) = c.effective_cost {
        row.value = Some((Datum::Money(effective), currency.clone()));
        row.say("effective", format!("{effective} {currency}"));
    }
    if let Some(billed) = c.billed_cost {
        row.say("billed", format!("{billed} {currency}"));
    }
    for (name, text) in [
        ("category", &c.charge_category),
        ("class", &c.charge_class),
        ("frequency", &c.charge_frequency),
        ("commitment", &c.commitment_discount_status),
        ("region", &c.region_id),
        ("account", &c.sub_account_id),
        ("resource", &c.resource_id),
    ] {
        if let Some(text) = text {
            row.say(name, text);
        }
    }
    if let (Some(from), Some(to)) = (c.charge_period_start, c.charge_period_end) {
        row.say("charged for", format!("{} to {}", stamp(from, settings), stamp(to, settings)));
    }
    for (k, v) in &c.tags {
        row.say(format!("tag {k}"), v);
    }
    if c.estimated {
        row.tag("estimated");
    }
}

fn quality(row: &mut Row, q: &Quality) {
    row.title.clone_from(&q.project);
    let covered = q.covered_lines.unwrap_or(0.0) + q.covered_conditions.unwrap_or(0.0);
    let all = q.lines_to_cover.unwrap_or(0.0) + q.conditions_to_cover.unwrap_or(0.0);
    if all > 0.0 {
        row.value = Some((Datum::Num(covered / all), "ratio".to_owned()));
    }
    for (name, part, whole) in [("lines", q.covered_lines, q.lines_to_cover), ("conditions", q.covered_conditions, q.conditions_to_cover)] {
        if let (Some(part), Some(whole)) = (part, whole) {
            row.say(name, format!("{part} of {whole} covered"));
        }
    }
    for (name, number) in [("lines of code", q.ncloc), ("remediation minutes", q.remediation_min)] {
        if let Some(number) = number {
            row.say(name, number.to_string());
        }
    }
    for (name, text) in [("tool", &q.tool), ("branch", &q.branch), ("commit", &q.sha), ("rule set", &q.ruleset_version)] {
        if let Some(text) = text {
            row.say(name, text);
        }
    }
    for (severity, count) in &q.issues {
        row.say(format!("findings {severity}"), count.to_string());
    }
}

fn test_run(row: &mut Row, t: &TestRun) {
    row.title.clone_from(&t.suite);
    let executed = t.tests - t.skipped;
    if executed > 0.0 {
        row.value = Some((Datum::Num((executed - t.failed - t.errored) / executed), "ratio".to_owned()));
    }
    if t.failed + t.errored > 0.0 {
        row.tag("failed");
    }
    if t.flaky > 0.0 {
        row.tag("flaky");
    }
    for (name, count) in [("tests", t.tests), ("failed", t.failed), ("errors", t.errored), ("skipped", t.skipped), ("flaky", t.flaky)] {
        row.say(name, count.to_string());
    }
}

/// Rows of live metrics: one per series, the worst first, since samples are no records of their own.
#[must_use]
pub fn of_buckets(focus: &str, query: &Query<'_>) -> Vec<Row> {
    let names: &[&str] = match focus {
        f if f.starts_with("latency") => &["latency"],
        "error_rate" | "requests" | "uptime.requests" => &["requests", "errors"],
        "uptime" => &["probe"],
        "page_load.inp" => &["inp"],
        "page_load.cls" => &["cls"],
        f if f.starts_with("page_load") => &["page_load"],
        _ => return Vec::new(),
    };
    let mut services: Vec<String> = query
        .facts
        .buckets
        .iter()
        .filter(|b| names.contains(&&*b.metric) && b.span.from < query.window.to && b.span.to > query.window.from)
        .map(|b| b.service.to_string())
        .collect();
    services.sort();
    services.dedup();
    services
        .into_iter()
        .filter(|s| !matches!(query.scope, Scope::Service(only) if only != s))
        .filter_map(|service| {
            let scope = Scope::Service(service.clone());
            let reading = super::super::evaluate(focus, &Query { scope: &scope, ..*query })?;
            let at = reading.measured_at.unwrap_or(query.settings.as_of.min(query.window.to));
            let mut row = Row {
                key: format!("series/{focus}/{service}"),
                kind: "series",
                at,
                title: if service.is_empty() { "no service named".to_owned() } else { service.clone() },
                service,
                team: String::new(),
                value: reading.value.clone().map(|v| (v, reading.unit.clone())),
                tags: vec![reading.status.word().to_owned()],
                details: Vec::new(),
                related: Vec::new(),
                url: None,
            };
            row.say("points", reading.n.to_string());
            if let Some(reason) = &reading.reason {
                row.say("note", reason);
            }
            if let Some(coverage) = reading.coverage {
                row.say("observed", format!("{:.1} % of the window", coverage * 100.0));
            }
            Some(row)
        })
        .collect()
}

fn short(sha: &str) -> String {
    sha.chars().take(10).collect()
}

fn stamp(at: Time, settings: &Settings) -> String {
    let t = at.with_timezone(&settings.zone);
    // By hand: a board has over a thousand of these, and a pattern is read anew each time.
    let (date, time) = ((t.year(), t.month(), t.day()), (t.hour(), t.minute(), t.second()));
    format!("{:04}-{:02}-{:02} {:02}:{:02}:{:02} {}", date.0, date.1, date.2, time.0, time.1, time.2, t.offset())
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of years stay far below 2^53")]
fn seconds(d: Duration) -> f64 {
    d.num_milliseconds() as f64 / 1000.0
}

fn span(d: Duration) -> String {
    span_s(seconds(d))
}

/// A duration in the two largest units, for details in words.
fn span_s(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    #[allow(clippy::cast_possible_truncation, reason = "clamped far inside i64")]
    let s = seconds.abs().min(1e12).round() as i64;
    let (d, h, m) = (s / 86_400, s / 3_600 % 24, s / 60 % 60);
    match (d, h, m) {
        (0, 0, 0) => format!("{sign}{s} s"),
        (0, 0, m) => format!("{sign}{m} min {} s", s % 60),
        (0, h, m) => format!("{sign}{h} h {m} min"),
        (d, h, _) => format!("{sign}{d} d {h} h"),
    }
}
