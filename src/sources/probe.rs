//! Kind `http`: our own probes. Is it up, how fast, until when is its certificate good.
//!
//! Needs nothing but the addresses. Each poll asks every address once over a fresh connection (keep-alive hides the
//! time to connect) and reports a `probe` record per check, with `probe.latency` and `tls.days_left` samples beside.
//! A target that fails is a *result*, not an error of this source. A probe cut short by the end of the program leaves
//! no record. With a `canary`, a failure while the canary fails too is nobody's: it is dropped, and the message says so.
//!
//! Must not: retry a failed probe, judge uptime (the KPI does, from results and `interval_s`).

mod check;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::header::HeaderMap;
use serde::Deserialize;

use self::check::{Check, CheckSettings};
use super::{
    Batch, Built, Cursor, Fut, Kind, RecordKind, Settings, Source, SourceError,
    http::{self, Tls},
};
use crate::domain::{
    Time,
    record::{Body, Probe, Record, Sample, SampleKind},
    text::clean_to,
};

/// Kind `http`.
pub const KIND: Kind = Kind {
    name: "http",
    summary: "own probes: status, latency, body, redirects, certificate expiry of any web address",
    example: include_str!("probe/example.toml"),
    feeds: &[RecordKind::Probe, RecordKind::Sample],
    every: Duration::from_secs(30),
    build,
};

/// Probes under way at once.
const PARALLEL: usize = 256;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Own {
    /// Addresses with nothing else to say about them.
    urls: Vec<String>,
    /// One of them.
    url: Option<String>,
    check: Vec<CheckSettings>,
    /// Where we are; results from several places are decided by their majority.
    location: Option<String>,
    /// An address that is up when our own network is.
    canary: Option<String>,
    tls: Tls,
}

struct Probes {
    name: String,
    interval: Duration,
    location: Option<String>,
    checks: Vec<Check>,
    canary: Option<Check>,
}

fn build(settings: &Settings) -> Built {
    let own: Own = settings.own.read()?;
    let fault = |message: String| vec![settings.own.fault(message)];
    let plain = own.url.iter().chain(&own.urls).map(|url| CheckSettings::plain(url));
    let all: Vec<CheckSettings> = plain.chain(own.check).collect();
    if all.is_empty() {
        return Err(fault(format!("source `{}`: nothing to probe; expected `url`, `urls` or a [[source.check]]", settings.name)));
    }
    let mut clients = Clients { tls: own.tls, settings, made: Vec::new() };
    let mut checks: Vec<Check> = Vec::new();
    for one in all {
        let url = one.url.clone();
        let check = clients.check(one).map_err(|m| fault(format!("check of {}: {m}", clean_to(&url, 80))))?;
        if checks.iter().any(|c| c.name == check.name) {
            return Err(fault(format!("two checks are called `{}`; give one a `name` of its own", check.name)));
        }
        checks.push(check);
    }
    let canary = own.canary.map(|url| clients.check(CheckSettings::plain(&url)).map_err(|m| fault(format!("canary: {m}"))));
    let canary = canary.transpose()?;
    Ok(Box::new(Probes { name: settings.name.clone(), interval: settings.every, location: own.location, checks, canary }))
}

/// Connection pools shared by checks that need the same one; each loads the system's certificates.
struct Clients<'a> {
    tls: Tls,
    settings: &'a Settings,
    made: Vec<(bool, &'static str, reqwest::Client)>,
}

impl Clients<'_> {
    fn check(&mut self, settings: CheckSettings) -> Result<Check, String> {
        let url = http::parse_url(&settings.url)?;
        let key = (http::is_loopback(&url), if url.scheme() == "https" { "https" } else { "http" });
        let known = self.made.iter().find(|(loopback, scheme, _)| (*loopback, *scheme) == key).map(|(.., c)| c.clone());
        let client = if let Some(client) = known {
            client
        } else {
            let client = http::build(&self.tls, &self.settings.own.dir, &url, true)?;
            self.made.push((key.0, key.1, client.clone()));
            client
        };
        Check::new(settings, url, client, self.settings)
    }
}

/// What one probe found.
struct Outcome {
    /// Of an answer, whatever it said.
    latency: Option<Duration>,
    /// When the certificate ends, seconds since the epoch.
    certificate_ends: Option<i64>,
    /// `error_kind` and a sentence, when it failed.
    failure: Option<(&'static str, String)>,
}

impl Source for Probes {
    fn poll<'a>(&'a self, _: &'a Cursor, now: Time) -> Fut<'a, Result<Batch, SourceError>> {
        Box::pin(async move {
            let outcomes: Vec<Outcome> = stream::iter(self.checks.iter().map(probe)).buffered(PARALLEL).collect().await;
            let failed = outcomes.iter().filter(|o| o.failure.is_some()).count();
            let lost = match &self.canary {
                Some(canary) if failed > 0 => probe(canary).await.failure,
                _ => None,
            };
            let results = self.checks.iter().zip(&outcomes);
            let kept = results.clone().filter(|(_, o)| lost.is_none() || o.failure.is_none());
            let records = kept.flat_map(|(check, outcome)| self.records(check, outcome, now)).collect();
            let mut said = vec![format!("{} of {} checks up", self.checks.len() - failed, self.checks.len())];
            match lost {
                Some((_, why)) => said.push(format!("canary is down too ({why}): {failed} unknown, look at our own network")),
                None => said.extend(results.clone().filter_map(|(c, o)| Some(format!("{}: {}", c.name, o.failure.as_ref()?.1)))),
            }
            said.extend(results.filter_map(|(check, outcome)| {
                let days = outcome.days_left(now).filter(|days| *days < check.certificate_days)?;
                Some(format!("certificate of {} ends in {days:.0} days", check.name))
            }));
            Ok(Batch { records, message: clean_to(&said.join("; "), 500), ..Batch::default() })
        })
    }
}

impl Outcome {
    fn days_left(&self, now: Time) -> Option<f64> {
        self.certificate_ends.map(|end| (end - now.timestamp()) as f64 / 86_400.0)
    }
}

impl Probes {
    fn records(&self, check: &Check, outcome: &Outcome, now: Time) -> Vec<Record> {
        let place = self.location.as_deref().unwrap_or_default();
        let record = |what: &str, body: Body| {
            let mut record = Record::new(&self.name, format!("{}|{place}|{what}|{}", check.name, now.timestamp_millis()), body);
            record.ts = Some(now);
            record.service.clone_from(&check.service);
            record.url = Some(http::shown(&check.url));
            record.labels.insert("check".into(), check.name.clone());
            record
        };
        let sample = |metric: &str, unit: &str, value: f64| {
            let (metric, unit, value) = (metric.to_owned(), Some(unit.to_owned()), Some(value));
            record(
                &metric,
                Body::Sample(Sample { metric: metric.clone(), sample_kind: SampleKind::Gauge, unit, value, ..Sample::default() }),
            )
        };
        let mut records = vec![record(
            "probe",
            Body::Probe(Probe {
                check_id: check.name.clone(),
                location: self.location.clone(),
                ok: outcome.failure.is_none(),
                latency_ms: outcome.latency.map(|l| l.as_secs_f64() * 1000.0),
                interval_s: Some(self.interval.as_secs_f64()),
                maintenance: false,
                error_kind: outcome.failure.as_ref().map(|(kind, _)| (*kind).to_owned()),
            }),
        )];
        records.extend(outcome.latency.map(|l| sample("probe.latency", "s", l.as_secs_f64())));
        records.extend(outcome.days_left(now).map(|days| sample("tls.days_left", "d", days)));
        records
    }
}

async fn probe(check: &Check) -> Outcome {
    match tokio::time::timeout(check.timeout, exchange(check)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::failed("timeout", format!("no answer within {:?}", check.timeout)),
    }
}

async fn exchange(check: &Check) -> Outcome {
    let private = match check.private_headers().await {
        Ok(headers) => headers,
        Err(why) => return Outcome::failed("auth", why),
    };
    let started = Instant::now();
    let journey = http::Journey {
        http: &check.client,
        method: check.method.clone(),
        url: check.url.clone(),
        headers: HeaderMap::new(),
        private,
        home: &check.url,
        body: None,
        max_redirects: check.max_redirects,
    };
    let (response, hops) = match journey.go().await {
        Ok(answer) => answer,
        Err(trouble) => return Outcome::failed(trouble.word(), trouble.to_string()),
    };
    let certificate_ends = certificate_end(&response);
    let status = response.status();
    let body = http::read_body(response, check::MAX_BODY).await;
    let latency = started.elapsed();
    let failure = match body {
        Ok((body, _)) => check.judge(status.as_u16(), hops, &body).err(),
        Err(trouble) => Some((trouble.word(), trouble.to_string())),
    };
    Outcome { latency: Some(latency), certificate_ends, failure }
}

impl Outcome {
    fn failed(kind: &'static str, why: String) -> Self {
        Self { latency: None, certificate_ends: None, failure: Some((kind, why)) }
    }
}

fn certificate_end(response: &reqwest::Response) -> Option<i64> {
    let der = response.extensions().get::<reqwest::tls::TlsInfo>()?.peer_certificate()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
