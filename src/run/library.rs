//! `library`: what each metric means, and which kinds of source there are.

use std::io::Write;

use super::{
    Ended, Stop,
    args::{Global, Library as Args, TextJson},
    names, paths,
};
use crate::{
    domain::{
        defined::Catalogue,
        metric::{Direction, Metric},
    },
    kpi::library::{Entry, Library},
    sources::KINDS,
};

/// Print the list, one entry, or the kinds.
///
/// # Errors
/// [`Stop::Use`] for an unknown metric.
pub fn run(global: &Global, args: &Args, out: &mut dyn Write) -> Ended {
    if args.sources {
        kinds(args.format, out)?;
        return Ok(0);
    }
    // Texts need no configuration; where there is one, its own metrics are among them.
    let catalogue = match paths::open(global, paths::Need::Sources) {
        Ok(opened) => opened.config.catalogue.clone(),
        Err(fault) if global.config.is_some() => return Err(fault),
        Err(_) => Catalogue::default(),
    };
    let library = Library::builtin().map_err(Stop::Could)?.with(&catalogue);
    let chosen: Vec<&Metric> = match &args.id {
        Some(id) => vec![names::metric(id, &catalogue)?],
        None => catalogue.all().collect(),
    };
    match args.format {
        TextJson::Json => {
            for m in chosen {
                let entry = library.of(m.id);
                let (name, unit, direction) = (m.name, m.unit.word("money"), direction(m));
                let facts = serde_json::json!({ "id": m.id, "name": name, "unit": unit, "better": direction, "facet_of": m.facet_of });
                let mut object = facts.as_object().cloned().unwrap_or_default();
                if let Some(serde_json::Value::Object(texts)) = entry.and_then(|e| serde_json::to_value(e).ok()) {
                    object.extend(texts);
                }
                writeln!(out, "{}", serde_json::Value::Object(object))?;
            }
        }
        TextJson::Text if args.id.is_some() => {
            for m in chosen {
                entry(m, library.of(m.id), out)?;
            }
        }
        TextJson::Text => {
            for m in chosen {
                let indent = if m.facet_of.is_some() { "  " } else { "" };
                writeln!(out, "{:44} {}", format!("{indent}{}", m.id), m.name)?;
            }
        }
    }
    Ok(0)
}

fn direction(m: &Metric) -> &'static str {
    match m.direction {
        Direction::Up => "higher",
        Direction::Down => "lower",
        Direction::Band => "neither",
    }
}

fn entry(m: &Metric, texts: Option<&Entry>, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} ({})", m.name, m.id)?;
    writeln!(out, "unit {}, better: {}", m.unit.word("money"), direction(m))?;
    if let Some(of) = m.facet_of {
        writeln!(out, "a facet of {of}")?;
    }
    let Some(e) = texts else { return Ok(()) };
    for (title, text) in [
        ("What it is", &e.definition),
        ("Formula", &e.formula),
        ("Question it answers", &e.question),
        ("Where to look first", &e.first_look),
        ("Misuse", &e.misuse),
    ] {
        if !text.is_empty() {
            writeln!(out, "\n{title}\n  {text}")?;
        }
    }
    for (title, lines) in [
        ("Computed from", &e.inputs),
        ("Usually found in", &e.platforms),
        ("What moves it", &e.drivers),
        ("Notes", &e.notes),
        ("Fed by", &e.feed),
    ] {
        if !lines.is_empty() {
            writeln!(out, "\n{title}")?;
            for line in lines {
                writeln!(out, "  {line}")?;
            }
        }
    }
    Ok(())
}

fn kinds(format: TextJson, out: &mut dyn Write) -> std::io::Result<()> {
    for kind in KINDS {
        let feeds: Vec<&str> = kind.feeds.iter().map(|k| k.word()).collect();
        match format {
            TextJson::Json => {
                let seconds = kind.every.as_secs();
                let line = serde_json::json!({
                    "kind": kind.name, "summary": kind.summary, "feeds": feeds, "every_s": seconds, "example": kind.example,
                });
                writeln!(out, "{line}")?;
            }
            TextJson::Text => {
                writeln!(out, "{}: {}\n  reports {}", kind.name, kind.summary, feeds.join(", "))?;
                for line in kind.example.trim().lines() {
                    writeln!(out, "    {line}")?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}
