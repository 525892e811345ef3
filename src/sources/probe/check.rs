//! One check: what is asked, and what answer passes.

use std::{collections::BTreeMap, time::Duration};

use regex::Regex;
use reqwest::{Method, Url, header::HeaderMap};
use serde::Deserialize;

use crate::{
    config::period::Period,
    domain::text::clean_to,
    sources::{
        Settings,
        http::{self, Auth},
    },
};

/// As much of a body as is looked at.
pub(super) const MAX_BODY: usize = 1 << 20;
const MAX_REDIRECTS: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(10);
const CERTIFICATE_DAYS: f64 = 14.0;

/// `[[source.check]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CheckSettings {
    pub url: String,
    name: Option<String>,
    service: Option<String>,
    method: Option<String>,
    expect: Vec<Expected>,
    contains: Option<String>,
    matches: Option<String>,
    json: Option<JsonMatch>,
    headers: BTreeMap<String, String>,
    auth: Auth,
    timeout: Option<Period>,
    follow: Option<bool>,
    redirects: Option<u32>,
    certificate_days: Option<f64>,
}

/// `200`, `"2xx"`, `"200-204"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a status such as 200, \"2xx\" or \"200-204\"")]
enum Expected {
    Status(u16),
    Range(String),
}

/// `{ path = "a.0.b", equals = "x" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonMatch {
    path: String,
    equals: serde_json::Value,
}

impl CheckSettings {
    /// A check of which only the address is said.
    pub fn plain(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }
}

/// A check ready to be made.
pub(super) struct Check {
    pub name: String,
    pub service: Option<String>,
    pub url: Url,
    pub client: reqwest::Client,
    pub method: Method,
    pub timeout: Duration,
    /// 0: a redirect is the answer.
    pub max_redirects: u32,
    pub certificate_days: f64,
    headers: HeaderMap,
    auth: Auth,
    statuses: Vec<(u16, u16)>,
    contains: Option<String>,
    matches: Option<Regex>,
    json: Option<(String, serde_json::Value)>,
    redirects: Option<u32>,
}

impl Check {
    pub fn new(own: CheckSettings, url: Url, client: reqwest::Client, settings: &Settings) -> Result<Self, String> {
        own.auth.check()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &own.headers {
            let (name, value) = http::header(name, value)?;
            headers.insert(name, value);
        }
        let method = own.method.as_deref().unwrap_or("GET").to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "POST") {
            return Err(format!("`method` is `{}`; expected GET, HEAD, OPTIONS or POST", clean_to(&method, 20)));
        }
        if own.timeout.is_some_and(|t| t.0 > settings.timeout) {
            return Err(format!("`timeout` is longer than that of the source ({:?})", settings.timeout));
        }
        let matches = own.matches.as_deref().map(Regex::new).transpose();
        let statuses = own.expect.iter().map(Expected::range).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            name: own.name.unwrap_or_else(|| http::shown(&url)),
            service: own.service,
            url,
            client,
            method: Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?,
            timeout: own.timeout.map_or(TIMEOUT.min(settings.timeout), |p| p.0),
            max_redirects: if own.follow == Some(false) { 0 } else { MAX_REDIRECTS },
            certificate_days: own.certificate_days.unwrap_or(CERTIFICATE_DAYS),
            headers,
            auth: own.auth.relative_to(&settings.own.dir),
            statuses: if statuses.is_empty() { vec![(200, 299)] } else { statuses },
            contains: own.contains,
            matches: matches.map_err(|e| format!("`matches` is no regular expression: {}", clean_to(&e.to_string(), 200)))?,
            json: own.json.map(|j| (pointer(&j.path), j.equals)),
            redirects: own.redirects,
        })
    }

    /// Headers for the target's own origin only. Looks the secret up.
    pub async fn private_headers(&self) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        if let Some(credential) = self.auth.look_up().await? {
            headers.insert(credential.name, credential.value);
        }
        Ok(headers)
    }

    /// Does this answer pass? Otherwise `error_kind` and a sentence.
    pub fn judge(&self, status: u16, hops: u32, body: &[u8]) -> Result<(), (&'static str, String)> {
        if !self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return Err(("status", format!("status {status}")));
        }
        if let Some(expected) = self.redirects.filter(|n| *n != hops) {
            return Err(("redirect", format!("{hops} redirects, expected {expected}")));
        }
        let text = String::from_utf8_lossy(body);
        if self.contains.as_ref().is_some_and(|part| !text.contains(part.as_str())) {
            return Err(("body", "the body lacks the expected text".into()));
        }
        if self.matches.as_ref().is_some_and(|regex| !regex.is_match(&text)) {
            return Err(("body", "the body does not match".into()));
        }
        let Some((pointer, expected)) = &self.json else { return Ok(()) };
        let json: serde_json::Value = serde_json::from_slice(body).map_err(|_| ("body", "the body is not JSON".to_owned()))?;
        match json.pointer(pointer) {
            Some(found) if found == expected => Ok(()),
            Some(found) => {
                let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                Err(("body", format!("{pointer} is {}", clean_to(&found, 60))))
            }
            None => Err(("body", format!("the body has no {pointer}"))),
        }
    }
}

impl Expected {
    fn range(&self) -> Result<(u16, u16), String> {
        let text = match self {
            Self::Status(status) => &status.to_string(),
            Self::Range(text) => text,
        };
        let number = |t: &str| t.trim().parse::<u16>().ok().filter(|n| (100..=599).contains(n));
        let class = text.strip_suffix("xx").and_then(|c| number(&format!("{c}00"))).map(|from| (from, from + 99));
        let range = || text.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?))).filter(|(a, b)| a <= b);
        let one = || number(text).map(|n| (n, n));
        class
            .or_else(range)
            .or_else(one)
            .ok_or_else(|| format!("`expect` has `{}`; expected a status such as 200, \"2xx\" or \"200-204\"", clean_to(text, 20)))
    }
}

/// `a.0.b` as a JSON pointer.
fn pointer(path: &str) -> String {
    path.split('.').filter(|p| !p.is_empty()).fold(String::new(), |all, part| all + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str) -> Result<Check, String> {
        let own: CheckSettings = toml::from_str(toml).map_err(|e| e.to_string())?;
        let url = http::parse_url("http://127.0.0.1:1/")?;
        let settings = Settings {
            name: "p".into(),
            backfill: None,
            timeout: Duration::from_secs(30),
            every: Duration::from_secs(30),
            own: crate::config::OwnKeys::default(),
        };
        let client = http::build(&http::Tls::default(), std::path::Path::new("."), &url, true)?;
        Check::new(own, url, client, &settings)
    }

    fn verdict(toml: &str, status: u16, hops: u32, body: &str) -> &'static str {
        check(toml).unwrap().judge(status, hops, body.as_bytes()).map_or_else(|(kind, _)| kind, |()| "ok")
    }

    #[test]
    fn statuses_pass_by_number_class_and_range() {
        assert_eq!(verdict("", 204, 0, ""), "ok");
        assert_eq!(verdict("", 301, 0, ""), "status");
        let own = "expect = [418, \"3xx\", \"500-501\"]";
        for (status, expected) in [(418, "ok"), (399, "ok"), (501, "ok"), (502, "status"), (200, "status")] {
            assert_eq!(verdict(own, status, 0, ""), expected, "{status}");
        }
    }

    #[test]
    fn the_body_is_looked_at_in_three_ways() {
        assert_eq!(verdict("contains = \"fine\"", 200, 0, "all is fine"), "ok");
        assert_eq!(verdict("contains = \"fine\"", 200, 0, "all is lost"), "body");
        assert_eq!(verdict("matches = 'v\\d+'", 200, 0, "v12"), "ok");
        assert_eq!(verdict("matches = 'v\\d+'", 200, 0, "vx"), "body");
        let json = "json = { path = \"db.0.up\", equals = true }";
        assert_eq!(verdict(json, 200, 0, r#"{"db":[{"up":true}]}"#), "ok");
        assert_eq!(verdict(json, 200, 0, r#"{"db":[{"up":"true"}]}"#), "body");
        assert_eq!(verdict(json, 200, 0, "<html>"), "body");
        assert_eq!(verdict("json = { path = \"n\", equals = 3 }", 200, 0, r#"{"n":3}"#), "ok");
    }

    #[test]
    fn a_different_number_of_redirects_fails() {
        assert_eq!(verdict("redirects = 1", 200, 1, ""), "ok");
        assert_eq!(verdict("redirects = 1", 200, 0, ""), "redirect");
    }

    #[test]
    fn settings_that_cannot_work_are_faults() {
        for (toml, expected) in [
            ("expect = [\"ok\"]", "2xx"),
            ("expect = [99]", "2xx"),
            ("expect = [true]", "2xx"),
            ("matches = \"(\"", "regular expression"),
            ("method = \"BREW\"", "GET"),
            ("headers = { \"a b\" = \"c\" }", "header"),
            ("timeout = \"31s\"", "longer"),
            ("colour = 1", "colour"),
        ] {
            let error = check(toml).err().unwrap();
            assert!(error.contains(expected), "{toml}: {error}");
        }
    }
}
