//! `explain`: how a record was attributed, linked, classified and shipped; or how a metric's value comes about.

use std::io::Write;

use super::{
    Ended, Stop,
    args::{Explain, Global, TextJson},
    measure, paths, slo, table, when,
};
use crate::{
    domain::{
        defined::Catalogue,
        metric::Metric,
        near,
        record::{Body, Record},
        text::clean,
        value::{Reading, Scope},
    },
    engine::{settings, slos::Open},
    kpi::{board::Row, board::rows, library::Library},
    store::{Reader, RowQuery},
};

/// Print the explanation.
///
/// # Errors
/// [`Stop::Use`] when nothing is called so.
pub fn run(global: &Global, args: &Explain, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    if config.slos.iter().any(|s| s.name == args.id) {
        let now = when::now();
        let (_, as_of) = when::span(&args.span, config.zone, &config.ui.range, now)?;
        let states = slo::evaluate(&reader, config, as_of, now, Open::One(&args.id))?;
        return states.iter().find(|s| s.slo.name == args.id).map_or(Ok(0), |state| slo::explain(state, args.format, out));
    }
    let records = find(&reader, &args.id)?;
    if records.is_empty() {
        let Some(metric) = config.catalogue.find(&args.id) else {
            let known = config.catalogue.names().chain(config.slos.iter().map(|s| s.name.as_str()));
            let near = match near::hint(&args.id, known) {
                hint if hint.is_empty() => "; `quarterdeck events`, `quarterdeck library` and `quarterdeck slo` list them".to_owned(),
                hint => hint,
            };
            let id = clean(&args.id);
            return Err(Stop::Use(format!("nothing is called `{id}`: no record has this key or id, no metric, no objective{near}")));
        };
        let now = when::now();
        let (window, as_of) = when::span(&args.span, config.zone, &config.ui.range, now)?;
        let desk = measure::Desk::open(&reader, config, window, as_of)?;
        let reading = desk.reading(metric, &Scope::Org, true);
        return explain_metric(metric, &config.catalogue, reading.as_ref(), window, config.zone, args.format, out);
    }
    let keys: Vec<String> = records.iter().map(Record::key).collect();
    let derived = reader.derived(&keys)?;
    let settings = settings::formulas(config, when::now());
    for record in &records {
        let Some(row) = rows::row(record, &derived, None, &settings) else {
            let why = match record.body {
                Body::People(_) => "counts in head count and attrition; nothing is shown per person",
                _ => "a record without a time; nothing follows from it",
            };
            writeln!(out, "{}: {why}", clean(&record.key()))?;
            continue;
        };
        match args.format {
            TextJson::Json => {
                let details: Vec<_> = row.details.iter().map(|(k, v)| serde_json::json!([k, v])).collect();
                let line = serde_json::json!({
                    "key": row.key, "kind": row.kind, "at": row.at, "title": row.title, "service": row.service, "team": row.team,
                    "value": row.value.as_ref().map(|(v, unit)| serde_json::json!({ "value": v, "unit": unit })),
                    "tags": row.tags, "details": details, "related": row.related,
                });
                writeln!(out, "{line}")?;
            }
            TextJson::Text => explain_row(&row, out)?,
        }
    }
    Ok(0)
}

/// By key; else every record with this id at its source.
fn find(reader: &Reader, id: &str) -> Result<Vec<Record>, Stop> {
    let by_key = RowQuery { keys: vec![id.to_owned()], limit: 1, ..RowQuery::default() };
    let found = reader.rows(&by_key)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let mut found = Vec::new();
    reader.each(&RowQuery::default(), &mut |record| {
        if record.id == id {
            found.push(record);
        }
        found.len() < 20
    })?;
    Ok(found)
}

fn explain_row(row: &Row, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{} {}", row.kind, clean(&row.title))?;
    if let Some((value, unit)) = &row.value {
        writeln!(out, "  {:22} {}", "value", table::datum(value, unit))?;
    }
    if !row.tags.is_empty() {
        writeln!(out, "  {:22} {}", "tags", clean(&row.tags.join(", ")))?;
    }
    for (name, text) in &row.details {
        writeln!(out, "  {:22} {}", clean(name), clean(text))?;
    }
    for key in &row.related {
        writeln!(out, "  {:22} {}", "related", clean(key))?;
    }
    writeln!(out)
}

fn explain_metric(
    metric: &Metric,
    catalogue: &Catalogue,
    reading: Option<&Reading>,
    window: crate::domain::window::Window,
    zone: crate::domain::window::Tz,
    format: TextJson,
    out: &mut dyn Write,
) -> Ended {
    let (id, name) = (metric.id, metric.name);
    let texts = Library::builtin().map_err(Stop::Could)?.with(catalogue);
    let texts = texts.of(id);
    if format == TextJson::Json {
        let (formula, inputs) = (texts.map(|t| &t.formula), texts.map(|t| &t.inputs));
        let line = serde_json::json!({ "metric": id, "formula": formula, "inputs": inputs, "from": window.from, "to": window.to, "reading": reading });
        writeln!(out, "{line}")?;
        return Ok(0);
    }
    writeln!(out, "{name} ({id})")?;
    writeln!(out, "  {:22} {} to {}", "window", when::show(window.from, zone), when::show(window.to, zone))?;
    if let Some(t) = texts {
        writeln!(out, "  {:22} {}", "formula", t.formula)?;
        writeln!(out, "  {:22} {}", "computed from", t.inputs.join("; "))?;
    }
    let Some(r) = reading else { return Ok(0) };
    writeln!(out, "  {:22} {}", "value", r.value.as_ref().map_or_else(|| "none".into(), |v| table::datum(v, &r.unit)))?;
    writeln!(out, "  {:22} {}{}", "status", r.status.word(), r.reason.as_ref().map(|w| format!(": {w}")).unwrap_or_default())?;
    writeln!(out, "  {:22} {}", "n", r.n)?;
    if let Some(before) = r.before {
        let verdict = match r.change_is_real {
            Some(true) => "the change is more than chance",
            Some(false) => "the change may be chance",
            None => "the change is not judged",
        };
        writeln!(out, "  {:22} {} (n {}); {verdict}", "before", table::datum(&before.into(), &r.unit), r.before_n.unwrap_or(0))?;
    }
    if let Some(target) = &r.target {
        let met = match r.target_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not judged",
        };
        writeln!(out, "  {:22} {target}: {met}", "target")?;
    }
    for (name, fact) in &r.facts {
        writeln!(out, "  {:22} {}", name.replace('_', " "), clean(&table::datum(fact, "")))?;
    }
    Ok(0)
}
