//! `events`: records as rows, with how they were classified, linked and attributed.

use std::{io::Write, sync::Arc};

use super::{
    Ended, Stop,
    args::{EventFormat, Events, Global},
    paths, table, when,
};
use crate::{
    domain::{
        Time,
        record::{Kind, Record},
        window::Window,
    },
    engine::settings,
    kpi::board::rows,
    ledger::Derived,
    sources,
    store::{Reader, RowQuery},
};

/// Rows asked of the store at a time when only some of them are wanted.
const PAGE: usize = 2_000;

/// Print the rows, newest first.
///
/// # Errors
/// [`Stop::Could`] without a store, [`Stop::Use`] for a kind that is none.
pub fn run(global: &Global, args: &Events, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let kinds = match kinds(&args.kind)? {
        none if none.is_empty() && args.failed => vec![Kind::Deployment],
        none if none.is_empty() => vec![Kind::Deployment, Kind::Change, Kind::Incident],
        some => some,
    };
    let roster = reader.roster(&config.roster)?;
    let teams = args.team.as_deref().map(|t| roster.family(t).into_iter().map(str::to_owned).collect()).unwrap_or_default();
    let window = window(args.from.as_deref(), args.to.as_deref(), config.zone)?;
    let query = RowQuery {
        kinds,
        window,
        service: args.service.clone(),
        teams,
        keys: Vec::new(),
        limit: args.limit,
        roster: Some(Arc::new(roster)),
    };
    let (records, derived) = if args.failed { failed(&reader, &query)? } else { with_derived(&reader, &query)? };
    let settings = settings::formulas(config, when::now());
    match args.format {
        EventFormat::Json | EventFormat::Jsonl => {
            for record in &records {
                writeln!(out, "{}", json_line(record, &derived)?)?;
            }
        }
        EventFormat::Table => {
            let mut table = table::Table::new(&["time", "kind", "service", "team", "title", "value", "tags", "record"]);
            for row in records.iter().filter_map(|r| rows::row(r, &derived, None, &settings)) {
                let value = row.value.as_ref().map(|(v, unit)| table::datum(v, unit)).unwrap_or_default();
                let at = when::show(row.at, config.zone);
                table.row([at, row.kind.into(), row.service, row.team, row.title, value, row.tags.join(" "), row.key]);
            }
            table.write(out)?;
        }
    }
    Ok(0)
}

/// Kinds by their words.
///
/// # Errors
/// [`Stop::Use`] for a word that is none.
pub fn kinds(words: &[String]) -> Result<Vec<Kind>, Stop> {
    let known = || Kind::ALL.iter().map(|k| k.word()).collect::<Vec<_>>().join(", ");
    words
        .iter()
        .map(|w| match Kind::from_word(w) {
            Kind::Other => Err(Stop::Use(format!("--kind {}: expected one of {}", crate::domain::text::clean(w), known()))),
            kind => Ok(kind),
        })
        .collect()
}

/// The span of `--from` and `--to`; open ends reach as far as times do.
///
/// # Errors
/// [`Stop::Use`] for a time that is none.
pub fn window(from: Option<&str>, to: Option<&str>, zone: crate::domain::window::Tz) -> Result<Option<Window>, Stop> {
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let read = |option: &str, text: Option<&str>, open: Time| text.map_or(Ok(open), |t| when::time(option, t, zone));
    let window = Window::new(read("--from", from, Time::MIN_UTC)?, read("--to", to, Time::MAX_UTC)?);
    Ok(Some(window))
}

fn with_derived(reader: &Reader, query: &RowQuery) -> Result<(Vec<Record>, Derived), Stop> {
    let records = reader.rows(query)?;
    let keys: Vec<String> = records.iter().map(Record::key).collect();
    let derived = reader.derived(&keys)?;
    Ok((records, derived))
}

/// Failed deployments: the class is derived, so pages of rows are looked through until there are enough.
fn failed(reader: &Reader, query: &RowQuery) -> Result<(Vec<Record>, Derived), Stop> {
    let wanted = if query.limit == 0 { usize::MAX } else { query.limit };
    let mut limit = PAGE;
    loop {
        let query = RowQuery { limit, ..query.clone() };
        let (mut records, derived) = with_derived(reader, &query)?;
        let all = records.len() < limit;
        records.retain(|r| derived.classes.get(&r.key()).is_some_and(|c| c.failed));
        if all || records.len() >= wanted {
            records.truncate(wanted);
            return Ok((records, derived));
        }
        limit *= 4;
    }
}

/// The canonical line, with what the ledger derived under `derived` (which `import` ignores).
fn json_line(record: &Record, derived: &Derived) -> Result<String, Stop> {
    let unprintable = |e: serde_json::Error| Stop::Could(format!("{} as JSON: {e}", record.key()));
    let key = record.key();
    let mut facts = serde_json::Map::new();
    if let Some(a) = derived.attributions.get(&key) {
        let teams: serde_json::Map<String, serde_json::Value> = a.shares.iter().map(|s| (s.team.clone(), s.share.into())).collect();
        facts.insert("teams".into(), teams.into());
        facts.insert("attributed_by".into(), a.rule.into());
    }
    if let Some(c) = derived.classes.get(&key) {
        let words = [
            ("production", c.production),
            ("counted", c.counted),
            ("redeploy", c.redeploy),
            ("rollback", c.rollback),
            ("hotfix", c.hotfix),
            ("rework", c.rework),
            ("failed", c.failed),
        ];
        facts.extend(words.into_iter().map(|(k, v)| (k.to_owned(), v.into())));
        facts.insert("reasons".into(), c.reasons.clone().into());
        if let Some(at) = c.recovered_at {
            facts.insert("recovered_at".into(), serde_json::to_value(at).map_err(unprintable)?);
        }
    }
    if let Some(l) = derived.links.iter().find(|l| l.incident == key) {
        facts.insert("deployment".into(), l.deployment.clone().into());
        facts.insert("linked_by".into(), l.how.into());
        facts.insert("lag_s".into(), l.lag_s.into());
    }
    if let Some(s) = derived.shipments.iter().find(|s| s.change == key) {
        facts.insert("shipped_by".into(), s.deployment.clone().into());
        facts.insert("lead_time_s".into(), s.lead_time_s.into());
    }
    let line = sources::records::to_line(record);
    if facts.is_empty() {
        return Ok(line);
    }
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).map_err(unprintable)?;
    object.insert("derived".into(), facts.into());
    serde_json::to_string(&object).map_err(unprintable)
}
