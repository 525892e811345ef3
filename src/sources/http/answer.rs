//! An answer and what may be asked of it: JSON, next page, unchanged, budget; and what a refusal means.

use std::time::Duration;

use chrono::DateTime;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, ETAG, HeaderMap, LINK, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use super::{MAX_QUOTE, SourceError};
use crate::domain::{Time, text::clean_to};

/// Waiting less is pointless, waiting more is not believed.
const RETRY_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// Headers that say how many requests are left.
const REMAINING: [&str; 3] = ["x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining"];
/// Headers that say when the budget is full again: seconds left, or seconds or milliseconds of the epoch.
const RESET: [&str; 3] = ["x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset"];

/// One answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    at: String,
}

impl Answer {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: Vec<u8>, at: String) -> Self {
        Self { status, headers, body, at }
    }

    /// The body as it came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// See [`super::Session::json`], which masks what this says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, SourceError> {
        if self.is_html() {
            let message = format!("{}: answered with an HTML page (login page or proxy?), expected JSON", self.at);
            return Err(SourceError::Malformed(message));
        }
        serde_json::from_slice(&self.body).map_err(|e| {
            SourceError::Malformed(format!("{}: answer is not the JSON expected: {}", self.at, clean_to(&e.to_string(), MAX_QUOTE)))
        })
    }

    /// The conditional request found nothing new.
    #[must_use]
    pub fn not_modified(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    /// Version of the answer, for the next conditional request.
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(ETAG)?.to_str().ok()
    }

    /// Address of the next page, from `Link: <…>; rel="next"`.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        self.headers.get_all(LINK).iter().filter_map(|v| v.to_str().ok()).find_map(next_link)
    }

    /// Requests the upstream still allows, when it says so.
    #[must_use]
    pub fn budget_left(&self) -> Option<u64> {
        first_number(&self.headers, &REMAINING)
    }

    fn is_html(&self) -> bool {
        let declared = self.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|t| t.contains("text/html"));
        let start: Vec<u8> = self.body.iter().skip_while(|b| b.is_ascii_whitespace()).take(14).map(u8::to_ascii_lowercase).collect();
        declared || start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
    }

    /// What this status, none of success, means for a poll.
    pub(super) fn refusal(&self, now: Time) -> SourceError {
        let (at, status) = (&self.at, self.status.as_u16());
        let said = match self.said() {
            s if s.is_empty() => String::new(),
            s => format!(": {s}"),
        };
        let retry_after = retry_after(&self.headers, now);
        match status {
            401 => SourceError::Denied(format!("{at}: 401, not signed in; check `auth`{said}")),
            403 => SourceError::Denied(format!("{at}: 403, not allowed; the credential lacks a right{said}")),
            404 => SourceError::Malformed(format!("{at}: 404, not found, or no right to see it; check `url`{said}")),
            429 => SourceError::Throttled { message: format!("{at}: 429, told to slow down{said}"), retry_after },
            503 if retry_after.is_some() => {
                SourceError::Throttled { message: format!("{at}: 503, busy or in maintenance{said}"), retry_after }
            }
            500.. => SourceError::Unreachable(format!("{at}: {status}, the server's own fault{said}")),
            _ => SourceError::Malformed(format!("{at}: {status}{said}")),
        }
    }

    /// The readable part of an error's body. There are many shapes: an object with a message somewhere, a list of
    /// strings, a bare string, plain text, markup.
    fn said(&self) -> String {
        if self.is_html() {
            return "an HTML page (login page or proxy?)".into();
        }
        let text = match serde_json::from_slice(&self.body) {
            Ok(json) => message_in(&json, 4).unwrap_or_default(),
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        clean_to(&text, MAX_QUOTE)
    }
}

fn message_in(json: &serde_json::Value, depth: usize) -> Option<String> {
    use serde_json::Value;
    match json {
        _ if depth == 0 => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first().and_then(|i| message_in(i, depth - 1)),
        Value::Object(fields) => ["error", "message", "detail", "errors", "error_description", "title", "msg", "reason"]
            .iter()
            .find_map(|name| fields.get(*name).and_then(|v| message_in(v, depth - 1))),
        _ => None,
    }
}

/// How long to wait, from `Retry-After` (seconds or a date), else from the budget's reset.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|text| {
        let text = text.trim();
        let date = || DateTime::parse_from_rfc2822(text).ok().map(|d| (d.to_utc() - now).to_std().unwrap_or_default());
        text.parse().ok().map(Duration::from_secs).or_else(date)
    });
    let wait = asked.or_else(|| first_number(headers, &RESET).map(|n| until_reset(n, now)))?;
    Some(wait.clamp(RETRY_RANGE.0, RETRY_RANGE.1))
}

/// Upstreams disagree on the unit; the size of the number tells.
fn until_reset(number: u64, now: Time) -> Duration {
    let since_epoch = u64::try_from(now.timestamp()).unwrap_or_default();
    match number {
        0..1_000_000_000 => Duration::from_secs(number),
        1_000_000_000..1_000_000_000_000 => Duration::from_secs(number.saturating_sub(since_epoch)),
        _ => Duration::from_secs((number / 1000).saturating_sub(since_epoch)),
    }
}

fn first_number(headers: &HeaderMap, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
}

fn next_link(header: &str) -> Option<String> {
    // A comma may stand inside <…>, so cut at the angle brackets first.
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (address, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|p| matches!(p.trim(), "rel=\"next\"" | "rel=next"));
        if is_next {
            return Some(address.to_owned());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        Answer::new(StatusCode::from_u16(status).unwrap(), map, body.as_bytes().to_vec(), "http://h/p".into())
    }

    fn now() -> Time {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn wait(headers: &[(&str, &str)]) -> Option<Duration> {
        match answer(429, headers, "").refusal(now()) {
            SourceError::Throttled { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_and_clamped() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(wait(&[("Retry-After", "120")]), seconds(120));
        assert_eq!(wait(&[("Retry-After", "Sun, 01 Mar 2026 12:00:30 GMT")]), seconds(30));
        assert_eq!(wait(&[("Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT")]), seconds(1));
        assert_eq!(wait(&[("Retry-After", "0")]), seconds(1));
        assert_eq!(wait(&[("Retry-After", "999999")]), seconds(3600));
        assert_eq!(wait(&[("Retry-After", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn a_reset_is_seconds_left_or_an_epoch_by_its_size() {
        let epoch = now().timestamp();
        assert_eq!(wait(&[("X-RateLimit-Reset", "40")]), Some(Duration::from_secs(40)));
        assert_eq!(wait(&[("x-ratelimit-reset", &(epoch + 50).to_string())]), Some(Duration::from_secs(50)));
        assert_eq!(wait(&[("ratelimit-reset", &((epoch + 60) * 1000).to_string())]), Some(Duration::from_secs(60)));
    }

    #[test]
    fn statuses_become_the_error_that_says_what_to_do() {
        let refusal = |status, headers: &[(&str, &str)]| answer(status, headers, "").refusal(now());
        assert!(matches!(refusal(401, &[]), SourceError::Denied(_)));
        assert!(matches!(refusal(403, &[]), SourceError::Denied(_)));
        assert!(matches!(refusal(404, &[]), SourceError::Malformed(m) if m.contains("no right to see it")));
        assert!(matches!(refusal(503, &[]), SourceError::Unreachable(_)));
        assert!(matches!(refusal(503, &[("retry-after", "5")]), SourceError::Throttled { .. }));
        assert!(matches!(refusal(502, &[]), SourceError::Unreachable(_)));
        assert!(matches!(refusal(418, &[]), SourceError::Malformed(_)));
    }

    #[test]
    fn the_message_is_found_in_every_shape_of_error_body() {
        for body in [
            r#"{"status":"error","error":"too bad"}"#,
            r#"{"error":{"code":2,"message":"too bad"}}"#,
            r#"{"errors":[{"title":"x","detail":"too bad"}]}"#,
            r#"["too bad"]"#,
            r#""too bad""#,
            "too bad\n",
            "\u{1b}[31mtoo bad",
        ] {
            let said = answer(400, &[], body).said();
            assert_eq!(said, "too bad", "{body}");
        }
        assert!(answer(502, &[], "<html><body>").said().contains("HTML page"));
        assert_eq!(answer(400, &[], &"x".repeat(10_000)).said().chars().count(), MAX_QUOTE + 1);
    }

    #[test]
    fn a_login_page_is_called_one() {
        for (headers, body) in [(&[("content-type", "text/html; charset=utf-8")][..], "{}"), (&[], " \n<!DOCTYPE HTML><p>")] {
            let error = answer(200, headers, body).json::<serde_json::Value>().unwrap_err();
            assert!(error.to_string().contains("HTML page"), "{error}");
        }
    }

    #[test]
    fn the_next_page_is_the_one_called_next() {
        let link = r#"<http://h/?a=1,2&page=1>; rel="prev", <http://h/?page=3>; title="t"; rel="next", <http://h/?page=9>; rel="last""#;
        assert_eq!(answer(200, &[("link", link)], "").next_page().as_deref(), Some("http://h/?page=3"));
        assert_eq!(answer(200, &[("link", r#"<http://h/?page=9>; rel="last""#)], "").next_page(), None);
    }

    #[test]
    fn the_remaining_budget_is_read_under_its_usual_names() {
        assert_eq!(answer(200, &[("X-RateLimit-Remaining", "4987")], "").budget_left(), Some(4987));
        assert_eq!(answer(200, &[("ratelimit-remaining", "many")], "").budget_left(), None);
    }
}
