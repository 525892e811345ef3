//! `slo`: how the objectives stand. The exit code says whether someone should look: 1 when a page fires, a budget is
//! overspent, or nothing was counted for longer than the objective allows.

use std::io::Write;

use serde_json::{Value, json};

use super::{
    Ended, Stop,
    args::{Global, Slo, TableJson, TextJson},
    paths, table, when,
};
use crate::{
    config::Config,
    domain::{Time, near, text::clean, value::Scope},
    engine::{
        settings,
        slos::{self, Open},
    },
    kpi::slo::{AlertState, Burn, Standing, State, words},
    store::Reader,
};

/// Print the objectives, worst first.
///
/// # Errors
/// [`Stop::Use`] for an unknown name; [`Stop::Could`] without a store.
pub fn run(global: &Global, args: &Slo, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let now = when::now();
    let as_of = args.at.as_deref().map(|t| when::time("--at", t, config.zone)).transpose()?.unwrap_or(now);
    let open = if args.format == TableJson::Json { Open::All } else { Open::None };
    let mut states = evaluate(&reader, config, as_of, now, open)?;
    if let Some(name) = &args.name {
        states.retain(|s| s.slo.name == *name);
        if states.is_empty() {
            let near = match near::hint(name, config.slos.iter().map(|s| s.name.as_str())) {
                hint if hint.is_empty() => "; `quarterdeck slo` lists all".to_owned(),
                hint => hint,
            };
            return Err(Stop::Use(format!("no objective is called `{}`{near}", clean(name))));
        }
    }
    match args.format {
        TableJson::Json => {
            for state in &states {
                writeln!(out, "{}", as_json(state))?;
            }
        }
        TableJson::Table if states.is_empty() => writeln!(out, "no objectives: add an [[slo]] block to the configuration")?,
        TableJson::Table => {
            let mut table = table::Table::new(&["name", "of", "target", "value", "budget", "burn rates", "state", "exhausted", "note"]);
            for s in &states {
                table.row(cells(s));
            }
            table.write(out)?;
        }
    }
    let grave = states.iter().any(|s| s.standing == Standing::Page || s.silence_fires() || s.left().is_some_and(|left| left < 0.0));
    Ok(i32::from(grave))
}

/// All objectives of a configuration.
pub(super) fn evaluate(reader: &Reader, config: &Config, as_of: Time, now: Time, open: Open<'_>) -> Result<Vec<State>, Stop> {
    let settings = settings::formulas(config, as_of);
    let roster = reader.roster(&config.roster)?;
    Ok(slos::states(reader, config, &roster, &settings, now, &Scope::Org, open)?)
}

fn cells(s: &State) -> [String; 9] {
    let window = |seconds: f64| words::length(seconds).replace(" min", "m").replace(' ', "");
    let pair =
        |a: &AlertState| format!("{} {} {} {}", window(a.rule.long_s), words::rate(&a.long), window(a.rule.short_s), words::rate(&a.short));
    let mut notes: Vec<String> = s.reason.iter().cloned().collect();
    if s.silence_fires() {
        notes.push(format!("no data for {} intervals of {}", s.silent, words::length(s.interval_s)));
    }
    notes.extend(s.notes.iter().cloned());
    [
        s.slo.name.clone(),
        s.slo.service_words(),
        words::percent(s.slo.target),
        s.value.map_or_else(|| "–".into(), words::percent),
        s.left().map_or_else(|| "–".into(), words::left),
        s.gravest().map(pair).unwrap_or_default(),
        s.standing.words().into(),
        words::exhaustion(s),
        notes.join("; "),
    ]
}

fn burn(b: &Burn, seconds: f64) -> Value {
    json!({ "window_s": seconds, "bad": b.bad, "valid": b.valid, "burn": b.rate })
}

/// One objective as a JSON object.
pub(super) fn as_json(s: &State) -> Value {
    let alerts: Vec<Value> = s
        .alerts
        .iter()
        .map(|a| {
            let state = match a.state {
                Ok(state) => state.word(),
                Err(_) => "refused",
            };
            json!({
                "name": a.rule.name, "state": state, "factor": a.factor, "budget_spent_when_it_fires": a.rule.share,
                "long": burn(&a.long, a.rule.long_s), "short": burn(&a.short, a.rule.short_s),
            })
        })
        .collect();
    let burners: Vec<Value> = s
        .detail
        .iter()
        .flat_map(|d| &d.burners)
        .map(|b| json!({ "by": b.by, "name": b.name, "key": b.key, "bad": b.bad, "share": b.share }))
        .collect();
    json!({
        "slo": s.slo.name, "services": s.slo.services, "team": s.slo.team, "sli": s.slo.sli.word(), "method": s.slo.method.word(),
        "target": s.slo.target, "state": s.standing.word(), "reason": s.reason, "from": s.window.from, "to": s.window.to,
        "period_to": s.period.to, "unit": s.slo.unit(), "bad": s.bad, "valid": s.valid, "value": s.value, "remaining": s.remaining,
        "remaining_of_period": s.of_period, "exhausted_in_s": s.exhausted_in_s, "exhaustion_is_lower_bound": !s.slo.period.is_calendar(),
        "last": s.last, "silent_intervals": s.silent, "silent_after": s.slo.silent_after, "interval_s": s.interval_s, "alerts": alerts, "burnt_by": burners, "notes": s.notes,
    })
}

/// `explain` of an objective: how its numbers came about.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn explain(state: &State, format: TextJson, out: &mut dyn Write) -> Ended {
    if format == TextJson::Json {
        writeln!(out, "{}", as_json(state))?;
        return Ok(0);
    }
    writeln!(out, "SLO {}", clean(&state.slo.name))?;
    let Some(detail) = &state.detail else { return Ok(0) };
    for (name, text) in &detail.lines {
        writeln!(out, "  {:22} {}", name.replace('_', " "), clean(text))?;
    }
    for b in &detail.burners {
        let share = format!("{:.2} % of the budget", b.share * 100.0);
        writeln!(out, "  {:22} {share:>24}  {} {}", "burnt", clean(&b.by), clean(&b.name))?;
    }
    Ok(0)
}
