//! `kpi`: values, from the store, in the vocabulary of the known-answer vectors.

use std::io::Write;

use super::{
    Ended, Stop,
    args::{Global, Kpi, TableFormat},
    measure, names, paths, table, when,
};
use crate::{
    domain::{
        defined::Catalogue,
        metric::Metric,
        value::{Datum, Reading, Scope},
    },
    store::Reader,
};

/// Print the readings: one per metric and scope.
///
/// # Errors
/// [`Stop::Use`] for an unknown metric, team or service; [`Stop::Could`] without a store.
pub fn run(global: &Global, args: &Kpi, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let metrics = metrics(&args.ids, &config.catalogue)?;
    let (window, as_of) = when::span(&args.span, config.zone, &config.ui.range, when::now())?;
    let desk = measure::Desk::open(&reader, config, window, as_of)?;
    let scopes = scopes(args, &desk, &reader)?;
    let readings = scopes.iter().flat_map(|scope| metrics.iter().filter_map(|m| desk.reading(m, scope, args.compare)));
    match args.format {
        TableFormat::Json => {
            for mut reading in readings {
                reading.facts.values_mut().for_each(bare);
                let line = serde_json::to_string(&reading).map_err(|e| Stop::Could(format!("{} as JSON: {e}", reading.metric)))?;
                writeln!(out, "{line}")?;
            }
        }
        TableFormat::Csv => csv_of(readings, out)?,
        TableFormat::Table => {
            writeln!(out, "{} to {}", when::show(window.from, config.zone), when::show(window.to, config.zone))?;
            let mut table = table::Table::new(&["metric", "scope", "value", "before", "n", "status", "note"]);
            for r in readings {
                let value = r.value.as_ref().map_or_else(|| "–".into(), |v| table::datum(v, &r.unit));
                let before = r.before.map(|b| table::datum(&b.into(), &r.unit)).unwrap_or_default();
                table.row([r.metric.into(), scope_word(&r.scope), value, before, r.n.to_string(), r.status.word().into(), note(&r)]);
            }
            table.write(out)?;
        }
    }
    Ok(0)
}

/// Records imported without a source of their own are named by their id alone, as whoever imported them knows them.
fn bare(fact: &mut Datum) {
    match fact {
        Datum::Text(text) => {
            if let Some(id) = text.strip_prefix("import/") {
                *text = id.to_owned();
            }
        }
        Datum::List(list) => list.iter_mut().for_each(bare),
        Datum::Map(map) => map.values_mut().for_each(bare),
        Datum::Bool(_) | Datum::Num(_) | Datum::Money(_) => {}
    }
}

/// Metrics by id; a short form means the headline and its facets; none means all.
fn metrics(ids: &[String], catalogue: &Catalogue) -> Result<Vec<&'static Metric>, Stop> {
    if ids.is_empty() {
        return Ok(catalogue.all().collect());
    }
    let mut chosen: Vec<&'static Metric> = Vec::new();
    for id in ids {
        let found = names::metric(id, catalogue)?;
        let family = |m: &&Metric| m.id == found.id || (found.id != id && m.facet_of == Some(found.id));
        for metric in catalogue.all().filter(family) {
            if !chosen.iter().any(|c| c.id == metric.id) {
                chosen.push(metric);
            }
        }
    }
    Ok(chosen)
}

fn scopes(args: &Kpi, desk: &measure::Desk, reader: &Reader) -> Result<Vec<Scope>, Stop> {
    let mut scopes = Vec::new();
    if let Some(team) = &args.team {
        let known = desk.teams();
        scopes.extend(names::one_or_all("--team", team, &known)?.into_iter().map(Scope::Team));
    }
    if let Some(service) = &args.service {
        let known = reader.services()?;
        scopes.extend(names::one_or_all("--service", service, &known)?.into_iter().map(Scope::Service));
    }
    if args.team.is_none() && args.service.is_none() {
        scopes.push(Scope::Org);
    }
    Ok(scopes)
}

fn scope_word(scope: &Scope) -> String {
    match scope {
        Scope::Org => "org".into(),
        Scope::Team(t) => format!("team {t}"),
        Scope::Service(s) => format!("service {s}"),
        Scope::Group(k, v) => format!("{k} {v}"),
    }
}

/// What a person should know besides the number.
fn note(r: &Reading) -> String {
    let mut notes: Vec<String> = Vec::new();
    notes.extend(r.rating.clone());
    if let Some(target) = &r.target {
        let met = match r.target_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not judged",
        };
        notes.push(format!("target {target} {met}"));
    }
    match r.change_is_real {
        Some(true) => notes.push("changed".into()),
        Some(false) => notes.push("change within noise".into()),
        None => {}
    }
    if r.is_lower_bound {
        notes.push("at least".into());
    }
    if r.assumed {
        notes.push("assumed".into());
    }
    notes.extend(r.remarks());
    notes.extend(r.reason.clone());
    notes.join("; ")
}

fn csv_of(readings: impl Iterator<Item = Reading>, out: &mut dyn Write) -> Result<(), Stop> {
    let wrong = |e: csv::Error| match e.into_kind() {
        csv::ErrorKind::Io(e) => Stop::from(e),
        other => Stop::Could(format!("as CSV: {other:?}")),
    };
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["metric", "scope", "value", "unit", "status", "n", "before", "reason"]).map_err(wrong)?;
    for r in readings {
        let value = match &r.value {
            None => String::new(),
            Some(Datum::Num(n)) => n.to_string(),
            Some(Datum::Text(t)) => t.clone(),
            Some(other) => {
                let json = serde_json::to_string(other).unwrap_or_default();
                json.trim_matches('"').to_owned()
            }
        };
        let before = r.before.map(|b| b.to_string()).unwrap_or_default();
        let (scope, n) = (scope_word(&r.scope), r.n.to_string());
        let reason = r.reason.clone().unwrap_or_default();
        writer.write_record([r.metric, &scope, &value, &r.unit, r.status.word(), &n, &before, &reason]).map_err(wrong)?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_form_brings_the_facets_and_a_full_id_only_itself() {
        let ids = |words: &[&str]| -> Vec<&str> {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            metrics(&words, &Catalogue::default()).unwrap().iter().map(|m| m.id).collect()
        };
        assert_eq!(ids(&["lead_time.median"]), ["lead_time.median"]);
        let family = ids(&["deployment_frequency", "deployment_frequency.count"]);
        assert!(family.contains(&"deployment_frequency.per_day") && family.contains(&"deployment_frequency.active_days"), "{family:?}");
        assert_eq!(family.iter().filter(|m| **m == "deployment_frequency.count").count(), 1);
        assert!(matches!(metrics(&["led_time".into()], &Catalogue::default()), Err(Stop::Use(_))));
    }
}
