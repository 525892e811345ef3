//! `why`: why a KPI moved against the like span before, as text or JSON.

use std::io::Write;

use super::{
    Ended, Stop,
    args::{Global, TextJson, Why as Args},
    measure, names, paths,
    table::{self, Table},
    when,
};
use crate::{
    domain::{text::clean, value::Scope, window::Tz},
    kpi::why::{Cut, Part, Suspected, Why},
};

/// Cuts printed when none is asked for; `--by` and JSON have them all.
const CUTS: usize = 3;
/// Parts printed of a cut, and of one inside a part.
const PARTS: usize = 12;
const INSIDE: usize = 4;

/// Print the explanation.
///
/// # Errors
/// [`Stop::Use`] for an unknown metric, team, service or dimension; [`Stop::Could`] without a store.
pub fn run(global: &Global, args: &Args, out: &mut dyn Write) -> Ended {
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let metric = names::metric(&args.id, &config.catalogue)?;
    let (window, as_of) = when::span(&args.span, config.zone, &config.ui.range, when::now())?;
    let desk = measure::Desk::open(&reader, config, window, as_of)?;
    let scope = match (&args.team, &args.service) {
        (Some(team), _) => Scope::Team(names::one("--team", team, &desk.teams())?),
        (_, Some(service)) => Scope::Service(names::one("--service", service, &reader.services()?)?),
        _ => Scope::Org,
    };
    let mut why = desk.why(metric, &scope).ok_or_else(|| Stop::Use(format!("{} has no value to explain", metric.id)))?;
    if let Some(by) = &args.by {
        let names: Vec<String> = why.cuts.iter().chain(&why.drivers).map(|c| c.by.clone()).collect();
        let by = names::one("--by", by, &names)?;
        why.cuts.retain(|c| c.by == by);
        why.drivers.retain(|c| c.by == by);
    }
    if args.json || args.format == TextJson::Json {
        let text = serde_json::to_string(&why).map_err(|e| Stop::Could(format!("{} as JSON: {e}", why.metric)))?;
        writeln!(out, "{text}")?;
    } else {
        write(&why, args.by.is_some(), config.zone, out)?;
    }
    Ok(0)
}

fn write(why: &Why, all: bool, zone: Tz, out: &mut dyn Write) -> Result<(), Stop> {
    let value = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| table::datum(&v.into(), &why.unit));
    let change = why.change().map(|c| format!("  change {}", signed(c, &why.unit))).unwrap_or_default();
    writeln!(out, "{}: {} -> {}{change}", why.metric, value(why.from), value(why.to))?;
    let span = |w: crate::domain::window::Window| format!("{} to {}", when::show(w.from, zone), when::show(w.to, zone));
    writeln!(out, "{}, before that {}", span(why.window), span(why.before))?;
    if let Some(guard) = &why.guard {
        let p = guard.p.map(|p| if p < 0.001 { ", p < 0.001".to_owned() } else { format!(", p {p:.3}") }).unwrap_or_default();
        let verdict = match guard.verdict {
            "significant" => "more than chance",
            "insufficient" => "too little to judge",
            _ if guard.by_family => "within usual variation, among all that is shown together",
            _ => "within usual variation",
        };
        writeln!(out, "guard: {verdict} ({}{p})", guard.test)?;
    }
    for doubt in &why.doubts {
        writeln!(out, "note: {}", clean(&doubt.text))?;
    }
    if let Some(refused) = &why.refused {
        writeln!(out, "not taken apart: {refused}")?;
    }
    let cuts = why.cuts.iter().take(if all { usize::MAX } else { CUTS });
    for cut in why.drivers.iter().chain(cuts) {
        writeln!(out)?;
        write_cut(cut, &why.unit, out)?;
    }
    let more = why.cuts.len().saturating_sub(CUTS);
    if !all && more > 0 {
        let names: Vec<&str> = why.cuts.iter().skip(CUTS).map(|c| c.by.as_str()).collect();
        writeln!(out, "\nfurther cuts (--by): {}", clean(&names.join(", ")))?;
    }
    if !why.members.is_empty() {
        writeln!(out, "\nwithout these records the value would differ most:")?;
        let mut rows = Table::new(&["effect", "record", "service", "own value"]);
        for m in &why.members {
            let own = m.value.map(|v| table::datum(&v.into(), &why.unit)).unwrap_or_default();
            rows.row([signed(m.effect, &why.unit), m.key.clone(), m.service.clone(), own]);
        }
        rows.write(out)?;
    }
    if let Some(suspected) = &why.suspected {
        writeln!(out)?;
        write_suspected(suspected, zone, out)?;
    }
    Ok(())
}

fn signed(value: f64, unit: &str) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", table::datum(&value.into(), unit))
}

fn write_cut(cut: &Cut, unit: &str, out: &mut dyn Write) -> Result<(), Stop> {
    if let Some(refused) = &cut.refused {
        writeln!(out, "by {}: {refused}", clean(&cut.by))?;
        return Ok(());
    }
    let bound = if cut.is_lower_bound { ", at least" } else { "" };
    writeln!(
        out,
        "by {} ({}): net {}, gross {}{bound}",
        clean(&cut.by),
        cut.how,
        signed(cut.total, unit),
        table::datum(&cut.gross.into(), unit)
    )?;
    if let Some(s) = &cut.score {
        let total = s.total.map_or_else(|| "not ranked".into(), |t| format!("{t:.2}"));
        writeln!(
            out,
            "  score {total} = concentration {:.2} + surprise {:.2} - groups {:.2}; {:.0} % covered",
            s.concentration,
            s.surprise,
            s.cardinality,
            s.covered * 100.0
        )?;
    }
    let mut rows = Table::new(&["group", "accounts for", "rate", "mix", "before", "now", "n"]);
    for part in cut.parts.iter().take(PARTS) {
        rows.row(line(part, unit));
        if let Some(inside) = &part.inside {
            for nested in inside.parts.iter().take(INSIDE) {
                let mut cells = line(nested, unit);
                cells[0] = format!("· {}: {}", inside.by, nested.name);
                rows.row(cells);
            }
        }
    }
    rows.write(out)?;
    if cut.parts.len() > PARTS {
        let rest: f64 = cut.parts[PARTS..].iter().map(|p| p.contribution).sum();
        writeln!(out, "  {} more: {}", cut.parts.len() - PARTS, signed(rest, unit))?;
    }
    Ok(())
}

fn line(part: &Part, unit: &str) -> [String; 7] {
    let maybe =
        |v: Option<f64>, sign: bool| v.map_or_else(String::new, |v| if sign { signed(v, unit) } else { table::datum(&v.into(), unit) });
    [
        part.name.clone(),
        signed(part.contribution, unit),
        maybe(part.rate, true),
        maybe(part.mix, true),
        maybe(part.before.value, false),
        maybe(part.now.value, false),
        if part.before.n + part.now.n > 0.0 {
            format!("{} -> {}", table::datum(&part.before.n.into(), ""), table::datum(&part.now.n.into(), ""))
        } else {
            String::new()
        },
    ]
}

fn write_suspected(s: &Suspected, zone: Tz, out: &mut dyn Write) -> Result<(), Stop> {
    writeln!(out, "coincides with (onset {}, by {}):", when::show(s.onset, zone), s.onset_from)?;
    for (key, how) in &s.confirmed {
        writeln!(out, "  confirmed by link: {} ({how})", clean(key))?;
    }
    let mut rows = Table::new(&["  share", "what", "service", "record", "why"]);
    for suspect in &s.suspects {
        rows.row([
            format!("  {:.0} %", suspect.share * 100.0),
            suspect.title.clone(),
            suspect.service.clone(),
            suspect.key.clone(),
            suspect.reasons.join(", "),
        ]);
    }
    if s.confirmed.is_empty() {
        rows.row([format!("  {:.0} %", s.none_share * 100.0), "none of these".into(), String::new(), String::new(), String::new()]);
        rows.write(out)?;
        writeln!(out, "  shares order suspects; they are no probabilities of cause")?;
    }
    if s.per_hour > 0.0 {
        writeln!(out, "  by chance: {:.0} % of hours have a deployment of that service", s.chance * 100.0)?;
    }
    if let Some(shift) = &s.shift {
        writeln!(
            out,
            "  errors against the same hours a week before: {:+.2} points (raw {:+.2}, standard error {:.2}, optimistic)",
            shift.against_control * 100.0,
            shift.raw * 100.0,
            shift.standard_error * 100.0
        )?;
    }
    for v in &s.versions {
        let share = if v.total > 0.0 { v.bad / v.total * 100.0 } else { 0.0 };
        writeln!(out, "  version {}: {share:.2} % of {} requests bad", clean(&v.version), table::datum(&v.total.into(), ""))?;
    }
    Ok(())
}
