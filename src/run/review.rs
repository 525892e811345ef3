//! `review`: the quarterly metric review. Which metrics tell nothing any more, jump, nobody answers for, or are past their
//! review; how the objectives stand; which audience is asked to look at too much.

use std::{collections::BTreeMap, io::Write};

use super::{
    Ended, Stop,
    args::{Global, Review, TextJson},
    paths, table, when,
};
use crate::{
    domain::{
        care::Care,
        metric::{AUDIENCES, Metric},
        text::clean,
        value::Scope,
        window::Window,
    },
    engine::{look, settings, trend},
    kpi::{
        Query,
        board::build,
        care::{Flag, MOST_PER_AUDIENCE, Week},
        objective,
    },
    store::Reader,
};

/// One metric under review.
#[derive(Debug, serde::Serialize)]
struct Reviewed<'a> {
    metric: &'static str,
    name: &'static str,
    owner: Option<&'a str>,
    champion: Option<&'a str>,
    audience: &'a [String],
    perspective: Option<&'a str>,
    decision: Option<&'a str>,
    north_star: bool,
    /// Last whole, final week.
    last: Option<f64>,
    baseline: Option<f64>,
    weeks: usize,
    flags: Vec<Flag>,
}

/// Print the review.
///
/// # Errors
/// [`Stop::Could`] without a store.
pub fn run(global: &Global, args: &Review, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let now = when::now();
    let now = args.as_of.as_deref().map(|t| when::time("--as-of", t, config.zone)).transpose()?.unwrap_or(now);
    let seen = reader.seen()?;
    let care = &config.kpis;
    let metrics: Vec<&'static Metric> = config
        .catalogue
        .all()
        .filter(|m| care.contains_key(m.id) || (m.facet_of.is_none() && build::fed(m.id, &config.catalogue, &seen)))
        .collect();
    let weekly = trend::weekly(&reader, config, &Scope::Org, &metrics, now)?;
    let sources = look::sources(&reader, now)?;
    let none = Care::default();
    let reviewed: Vec<Reviewed<'_>> = metrics
        .iter()
        .map(|m| {
            let weeks: &[Week] = weekly.get(m.id).map_or(&[], Vec::as_slice);
            let care = care.get(m.id).unwrap_or(&none);
            Reviewed {
                metric: m.id,
                name: m.name,
                owner: care.owner.as_deref(),
                champion: care.champion.as_deref(),
                audience: &care.audience,
                perspective: care.perspective.as_deref(),
                decision: care.decision.as_deref(),
                north_star: care.north_star,
                last: weeks.iter().rev().find_map(|w| w.value),
                baseline: care.baseline.map(|b| b.value),
                weeks: weeks.iter().filter(|w| w.value.is_some()).count(),
                flags: trend::judged(config, m, weeks, &sources, now),
            }
        })
        .collect();
    let warnings = warnings(care);
    let objectives = objectives(&reader, config, now)?;
    match args.format {
        TextJson::Json => {
            let text = serde_json::json!({ "as_of": now, "metrics": reviewed, "objectives": objectives, "warnings": warnings });
            writeln!(out, "{text}")?;
        }
        TextJson::Text => {
            let mut rows = table::Table::new(&["metric", "last week", "baseline", "owner", "flags"]);
            for r in &reviewed {
                let Some(metric) = metrics.iter().find(|m| m.id == r.metric) else { continue };
                let unit = metric.unit.word(&config.currency);
                let value = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| table::datum(&v.into(), &unit));
                let flags: Vec<String> =
                    r.flags.iter().map(|f| format!("{}: {}", f.kind.to_uppercase().replace('_', " "), f.text)).collect();
                let name = if r.north_star { format!("{} (North Star)", r.metric) } else { r.metric.to_owned() };
                rows.row([name, value(r.last), value(r.baseline), r.owner.unwrap_or("–").to_owned(), flags.join("; ")]);
            }
            rows.write(out)?;
            for o in &objectives {
                let progress = o.progress.map_or_else(|| "–".to_owned(), |p| format!("{:.0} %", p * 100.0));
                writeln!(out, "\nobjective {}: {} ({progress} of the way)", clean(&o.name), o.verdict.word())?;
                for k in &o.key_results {
                    let unit = config.catalogue.find(k.metric).map(|m| m.unit.word(&config.currency)).unwrap_or_default();
                    let value = |v: f64| table::datum(&v.into(), &unit);
                    let now = k.value.map_or_else(|| k.reason.clone().unwrap_or_else(|| "no data".into()), value);
                    writeln!(out, "  {} {} -> {}: now {now}, {}, due {}", k.metric, value(k.from), value(k.to), k.verdict.word(), k.due)?;
                }
            }
            for w in &warnings {
                writeln!(out, "\nwarning: {w}")?;
            }
        }
    }
    Ok(0)
}

/// Too many headline metrics for one audience.
fn warnings(care: &BTreeMap<String, Care>) -> Vec<String> {
    let of = |audience: &str| care.values().filter(|c| c.audience.iter().any(|a| a == audience)).count();
    let many = AUDIENCES.iter().map(|a| (a, of(a))).filter(|(_, n)| *n > MOST_PER_AUDIENCE);
    many.map(|(a, n)| format!("{n} headline metrics for {a}: three to five are kept in mind")).collect()
}

fn objectives(reader: &Reader, config: &crate::config::Config, now: crate::domain::Time) -> Result<Vec<objective::ObjectiveState>, Stop> {
    if config.objectives.is_empty() {
        return Ok(Vec::new());
    }
    let settings = settings::formulas(config, now);
    let roster = reader.roster(&config.roster)?;
    let window = Window::ending(now, chrono::Duration::days(28));
    let facts = look::facts(reader, &settings, &roster, window, look::Wanted { stages: true, ..look::Wanted::default() })?;
    let query = Query { facts: &facts, scope: &Scope::Org, window, settings: &settings, roster: &roster };
    Ok(objective::states(&config.objectives, &query))
}
