//! Everything a server can do wrong, and what must come of it.

use std::time::Duration;

use quarterdeck::sources::SourceError;
use serde_json::{Value, json};

use super::server::{Answer, Play, Reply};

/// One row.
pub struct Fault {
    pub name: &'static str,
    /// How the server behaves, given the case's recorded answers.
    pub play: fn(&[Answer]) -> Play,
    /// What a poll may come to.
    pub right: fn(Result<(), &SourceError>) -> bool,
    /// `error_kind` of a probe of such a server.
    pub probe: &'static str,
}

impl Fault {
    /// Short where the fault is to be late, ample where it is not.
    pub fn timeout(&self) -> &'static str {
        if self.probe == "timeout" { "300ms" } else { "30s" }
    }
}

pub const TABLE: &[Fault] = &[
    Fault {
        name: "401",
        play: |_| status(401, &[], r#"{"error":"who are you?"}"#),
        right: |r| matches!(r, Err(SourceError::Denied(_))),
        probe: "status",
    },
    Fault { name: "403", play: |_| status(403, &[], "no"), right: |r| matches!(r, Err(SourceError::Denied(_))), probe: "status" },
    Fault {
        name: "404",
        play: |_| status(404, &[], "404 page not found\n"),
        right: |r| matches!(r, Err(SourceError::Malformed(m)) if m.contains("no right to see it")),
        probe: "status",
    },
    Fault {
        name: "429 with Retry-After",
        play: |_| status(429, &[("Retry-After", "7")], ""),
        right: |r| matches!(r, Err(SourceError::Throttled { retry_after: Some(wait), .. }) if *wait == Duration::from_secs(7)),
        probe: "status",
    },
    Fault {
        name: "500",
        play: |_| status(500, &[], "\u{1b}[31mTraceback"),
        right: |r| matches!(r, Err(SourceError::Unreachable(m)) if m.contains("Traceback")),
        probe: "status",
    },
    Fault { name: "503", play: |_| status(503, &[], ""), right: |r| matches!(r, Err(SourceError::Unreachable(_))), probe: "status" },
    Fault {
        name: "a cut-off body",
        play: |_| Play::Always(Reply::CutOff),
        right: |r| matches!(r, Err(SourceError::Unreachable(_))),
        probe: "connection",
    },
    Fault {
        name: "half an answer",
        play: |_| status(200, &[("Content-Type", "application/json")], r#"{"status":"success","da"#),
        right: |r| matches!(r, Err(SourceError::Malformed(_))),
        probe: "body",
    },
    Fault {
        name: "an HTML login page",
        play: |_| status(200, &[("Content-Type", "text/html")], "<!DOCTYPE html><title>Sign in</title>"),
        right: |r| matches!(r, Err(SourceError::Malformed(m)) if m.contains("HTML page")),
        probe: "body",
    },
    Fault {
        name: "a body of 200 MB",
        play: |_| Play::Always(Reply::Flood(200 << 20)),
        right: |r| matches!(r, Err(SourceError::Malformed(m)) if m.contains("larger than")),
        probe: "body",
    },
    Fault {
        name: "a body that never ends",
        play: |_| Play::Always(Reply::Endless),
        right: |r| matches!(r, Err(SourceError::Slow(_))),
        probe: "timeout",
    },
    Fault {
        name: "an answer after the timeout",
        play: |_| Play::Always(Reply::Never),
        right: |r| matches!(r, Err(SourceError::Slow(_))),
        probe: "timeout",
    },
    Fault {
        name: "a connection closed at once",
        play: |_| Play::Always(Reply::Hangup),
        right: |r| matches!(r, Err(SourceError::Unreachable(_))),
        probe: "connection",
    },
    Fault {
        name: "another type everywhere",
        play: |answers| rewritten(answers, other_type),
        right: |r| matches!(r, Ok(()) | Err(SourceError::Malformed(_))),
        probe: "body",
    },
    Fault {
        name: "null everywhere",
        play: |answers| rewritten(answers, |_| Value::Null),
        right: |r| matches!(r, Ok(()) | Err(SourceError::Malformed(_))),
        probe: "body",
    },
    Fault {
        name: "a list instead of an object",
        play: |_| status(200, &[("Content-Type", "application/json")], "[[], 7, null]"),
        right: |r| matches!(r, Ok(()) | Err(SourceError::Malformed(_))),
        probe: "body",
    },
    Fault {
        name: "control characters in every string",
        play: |answers| rewritten(answers, poisoned),
        right: |r| matches!(r, Ok(()) | Err(SourceError::Malformed(_))),
        probe: "body",
    },
    Fault {
        name: "an error that repeats our own headers",
        play: |_| Play::Always(Reply::Echo(400)),
        right: |r| matches!(r, Err(SourceError::Malformed(_))),
        probe: "status",
    },
    Fault {
        name: "a redirect in circles",
        play: |_| status(302, &[("Location", "/")], ""),
        right: |r| matches!(r, Err(SourceError::Malformed(m)) if m.contains("redirects")),
        probe: "redirect",
    },
];

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Play {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Play::Always(Reply::Whole { status, headers, body: body.as_bytes().to_vec() })
}

/// The recorded answers with every scalar below the top level changed.
fn rewritten(answers: &[Answer], change: fn(&Value) -> Value) -> Play {
    let answers = answers.iter().cloned().map(|mut answer| {
        answer.body = walk(&answer.body, change);
        answer
    });
    Play::Answers(answers.collect())
}

fn walk(value: &Value, change: fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|v| walk(v, change)).collect(),
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), walk(v, change))).collect(),
        scalar => change(scalar),
    }
}

fn other_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!({"not": ["a", "string"]}),
        Value::Number(n) => json!(format!("<{n}>")),
        Value::Bool(b) => json!(i32::from(*b)),
        _ => json!(true),
    }
}

fn poisoned(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\u{202e}\0\u{9b}31m")),
        other => other.clone(),
    }
}
