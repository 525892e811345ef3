//! `check`: is the configuration right, and does every source answer?

use std::{io::Write, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    Ended, Stop,
    args::{Check, Global, TextJson},
    paths, when,
};
use crate::{
    config::{Config, SourceConfig},
    domain::{Time, text::clean},
    sources::{self, Cursor, SourceError},
};

/// One source's answer.
#[derive(Debug, Serialize)]
struct Answer {
    source: String,
    kind: String,
    /// `ok`, `off`, `denied`, `throttled`, `unreachable`, `malformed`, `slow`, `not tried`.
    status: &'static str,
    message: String,
    records: usize,
}

/// Run it: 0 all answer, 1 one does not; a faulty configuration is [`Stop::Use`] (2).
///
/// # Errors
/// See above.
pub fn run(global: &Global, args: &Check, out: &mut dyn Write) -> Ended {
    let opened = match paths::open(global, paths::Need::Sources) {
        Err(Stop::Use(why)) if args.format == TextJson::Json => {
            writeln!(out, "{}", serde_json::json!({ "ok": false, "error": why }))?;
            out.flush()?;
            return Err(Stop::Use(why));
        }
        other => other?,
    };
    let answers = if args.offline { opened.config.sources.iter().map(untried).collect() } else { reach(&opened.config)? };
    let failed = answers.iter().filter(|a| !matches!(a.status, "ok" | "off" | "not tried")).count();
    let warnings: Vec<String> =
        opened.config.slos.iter().flat_map(|s| s.warnings.iter().map(|w| format!("{}: SLO `{}`: {w}", s.from, s.name))).collect();
    match args.format {
        TextJson::Json => {
            let config = opened.config.path.as_ref().map(|p| p.display().to_string());
            let answer = serde_json::json!({
                "ok": failed == 0, "warnings": warnings, "config": config, "store": opened.store.display().to_string(), "sources": answers,
            });
            writeln!(out, "{answer}")?;
        }
        TextJson::Text => {
            let config = opened.config.path.as_ref().map_or_else(|| "built in (no file)".into(), |p| p.display().to_string());
            writeln!(out, "configuration  {config}: no faults")?;
            for warning in &warnings {
                writeln!(out, "warning        {}", clean(warning))?;
            }
            writeln!(out, "store          {}", opened.store.display())?;
            let width = answers.iter().map(|a| a.source.chars().count()).max().unwrap_or(0);
            let kinds = answers.iter().map(|a| a.kind.chars().count()).max().unwrap_or(0);
            for a in &answers {
                writeln!(out, "{:width$}  {:kinds$}  {:11}  {}", a.source, a.kind, a.status, a.message)?;
            }
            if answers.is_empty() {
                writeln!(out, "no sources: add a [[source]] block")?;
            }
        }
    }
    Ok(i32::from(failed > 0))
}

fn untried(source: &SourceConfig) -> Answer {
    let status = if source.off { "off" } else { "not tried" };
    Answer { source: source.name.clone(), kind: source.kind.clone(), status, message: String::new(), records: 0 }
}

/// Poll every source once, all at the same time, each within its own timeout.
fn reach(config: &Arc<Config>) -> Result<Vec<Answer>, Stop> {
    super::crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Stop::Could(format!("starting threads: {e}")))?;
    let now = when::now();
    let answers = runtime.block_on(futures_util::future::join_all(config.sources.iter().map(|s| ask(s, now))));
    runtime.shutdown_background();
    Ok(answers)
}

async fn ask(source: &SourceConfig, now: Time) -> Answer {
    let mut answer = untried(source);
    if source.off {
        return answer;
    }
    let timeout = source.timeout.unwrap_or(Duration::from_secs(30));
    let polled = match sources::build(source) {
        Ok((built, _)) => {
            let beginning = Cursor::default();
            let polled = tokio::time::timeout(timeout, built.poll(&beginning, now)).await;
            polled.unwrap_or(Err(SourceError::Slow(timeout)))
        }
        Err(faults) => Err(SourceError::Malformed(faults.first().map(ToString::to_string).unwrap_or_default())),
    };
    match polled {
        Ok(batch) => {
            answer.status = "ok";
            answer.records = batch.records.len();
            let more = if batch.more { ", more to read" } else { "" };
            let said = if batch.message.is_empty() { String::new() } else { format!(": {}", clean(&batch.message)) };
            answer.message = format!("{} records{more}{said}", answer.records);
        }
        Err(error) => {
            answer.status = match error {
                SourceError::Denied(_) => "denied",
                SourceError::Throttled { .. } => "throttled",
                SourceError::Unreachable(_) => "unreachable",
                SourceError::Malformed(_) => "malformed",
                SourceError::Slow(_) => "slow",
            };
            answer.message = clean(&error.to_string());
        }
    }
    answer
}
