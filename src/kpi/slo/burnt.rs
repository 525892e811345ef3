//! Who spent the budget: bad events over the whole budget, by service and label, by incident, by deployment; and the course
//! of what was left. Plain sums: each list adds up to what was spent.

use std::collections::{BTreeMap, BTreeSet};

use super::{count::Counts, share_inside};
use crate::{
    domain::{
        Time,
        record::{Body, Record},
        window::Window,
    },
    kpi::board::{Marker, MarkerKind, Row, Series},
    ledger::course::Course,
};

/// Most lines of one list; the rest is one line more.
const MOST: usize = 8;
/// Most labels looked at.
const MOST_LABELS: usize = 4;
/// Labels that are asked about first.
const FIRST: [&str; 3] = ["endpoint", "region", "version"];
/// Steps of the course.
const STEPS: usize = 60;

/// Records beside the counts.
#[derive(Debug, Clone, Default)]
pub struct Behind {
    /// Incidents of the services that may have been open in the period.
    pub incidents: Vec<Record>,
    /// Their production deployments, of the period and the last before it.
    pub deployments: Vec<Record>,
    /// The same as rows.
    pub rows: Vec<Row>,
}

/// A part of what was spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Burner {
    /// `service`, a label's name, `incident` or `deployment`.
    pub by: String,
    /// Which one.
    pub name: String,
    /// Record key, where it is a record.
    pub key: Option<String>,
    /// Bad ones.
    pub bad: f64,
    /// Of the whole budget; may exceed 1.
    pub share: f64,
}

/// What the page of an objective shows beside its state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// Budget left over the window, as a share of the whole.
    pub series: Series,
    /// Deployments and incidents in it, newest first.
    pub markers: Vec<Marker>,
    /// Who spent it, list after list.
    pub burners: Vec<Burner>,
    /// The records named.
    pub rows: Vec<Row>,
    /// The objective and its numbers in words.
    pub lines: Vec<(String, String)>,
}

/// Spent by service, greatest first; services that spent nothing too.
#[must_use]
pub fn by_service(counts: &Counts, allowed: f64) -> Vec<Burner> {
    let mut by: BTreeMap<&str, f64> = counts.series.iter().map(|s| (&*s.service, 0.0)).collect();
    for count in &counts.all {
        *by.entry(&*counts.series[count.whose].service).or_default() += count.bad;
    }
    listed("service", by.into_iter().map(|(name, bad)| (name.to_owned(), None, bad)), allowed, usize::MAX)
}

/// Everything the page shows.
#[must_use]
pub fn detail(counts: &Counts, allowed: f64, window: Window, behind: &Behind) -> Detail {
    let mut burners = Vec::new();
    let services: BTreeSet<&str> = counts.series.iter().map(|s| &*s.service).collect();
    if services.len() > 1 {
        burners.extend(by_service(counts, allowed));
    }
    for label in labels(counts) {
        burners.extend(by_label(counts, &label, allowed));
    }
    burners.extend(by_incident(counts, allowed, window, behind));
    burners.extend(by_deployment(counts, allowed, window, behind));
    Detail {
        series: course(counts, allowed, window),
        markers: markers(window, behind),
        burners,
        rows: behind.rows.clone(),
        lines: Vec::new(),
    }
}

fn listed(by: &str, parts: impl Iterator<Item = (String, Option<String>, f64)>, allowed: f64, most: usize) -> Vec<Burner> {
    let share = |bad: f64| if allowed > 0.0 { bad / allowed } else { 0.0 };
    let mut all: Vec<Burner> = parts.map(|(name, key, bad)| Burner { by: by.to_owned(), name, key, bad, share: share(bad) }).collect();
    all.sort_by(|a, b| b.bad.total_cmp(&a.bad).then_with(|| a.name.cmp(&b.name)));
    if all.len() > most {
        let rest = all.split_off(most - 1);
        let bad = rest.iter().map(|b| b.bad).sum();
        all.push(Burner { by: by.to_owned(), name: format!("{} others", rest.len()), key: None, bad, share: share(bad) });
    }
    all
}

/// Labels by which the bad ones differ.
fn labels(counts: &Counts) -> Vec<String> {
    let mut values: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
    let burning: BTreeSet<usize> = counts.all.iter().filter(|c| c.bad > 0.0).map(|c| c.whose).collect();
    let series: Vec<_> = burning.iter().map(|i| &counts.series[*i].labels).collect();
    for key in series.iter().flat_map(|l| l.keys()) {
        values.insert(key, series.iter().map(|l| l.get(key).map(String::as_str)).collect());
    }
    let mut names: Vec<String> =
        values.into_iter().filter(|(_, v)| v.len() > 1 || v.iter().any(Option::is_some)).map(|(k, _)| k.to_owned()).collect();
    names.sort_by_key(|n| (FIRST.iter().position(|f| f == n).unwrap_or(FIRST.len()), n.clone()));
    names.truncate(MOST_LABELS);
    names
}

fn by_label(counts: &Counts, label: &str, allowed: f64) -> Vec<Burner> {
    let mut by: BTreeMap<&str, f64> = BTreeMap::new();
    for count in counts.all.iter().filter(|c| c.bad > 0.0) {
        let value = counts.series[count.whose].labels.get(label).map_or("not said", String::as_str);
        *by.entry(value).or_default() += count.bad;
    }
    listed(label, by.into_iter().map(|(name, bad)| (name.to_owned(), None, bad)), allowed, MOST)
}

/// Bad ones inside an incident's open intervals; what lies in two belongs to the one that began first, what lies in none
/// is a line of its own. A bucket that an interval cuts is divided by time.
fn by_incident(counts: &Counts, allowed: f64, window: Window, behind: &Behind) -> Vec<Burner> {
    let mut spells: Vec<(&Record, &str, Vec<Window>)> = Vec::new();
    for record in &behind.incidents {
        if let Body::Incident(incident) = &record.body
            && let Some(course) = Course::of(record, incident).filter(|c| !c.end_unknown)
        {
            let open: Vec<Window> =
                course.open.iter().map(|(from, to)| Window::new(*from, to.unwrap_or(window.to)).intersect(&window)).collect();
            if open.iter().any(|w| w.seconds() > 0.0) {
                spells.push((record, incident.title.as_str(), open));
            }
        }
    }
    spells.sort_by_key(|(record, _, open)| (open.first().map(|w| w.from), record.key()));
    let pieces = pieces(spells.iter().enumerate().flat_map(|(i, (.., open))| open.iter().map(move |w| (*w, i))));
    let mut bad = vec![0.0; spells.len() + 1];
    for count in counts.all.iter().filter(|c| c.bad > 0.0) {
        let mut outside = count.bad;
        for (piece, whose) in &pieces {
            let part = count.bad * share_inside(count, *piece);
            bad[*whose] += part;
            outside -= part;
        }
        // What is left of subtracting equal numbers is noise.
        bad[spells.len()] += if outside.abs() < count.bad * 1e-12 { 0.0 } else { outside };
    }
    let outside = bad.pop().unwrap_or(0.0);
    let named = spells.iter().zip(bad).filter(|(_, bad)| *bad > 0.0).map(|((record, title, _), bad)| {
        let name = if title.is_empty() { record.id.clone() } else { (*title).to_owned() };
        (name, Some(record.key()), bad)
    });
    let mut out = listed("incident", named, allowed, MOST);
    out.extend(listed("incident", std::iter::once(("outside incidents".to_owned(), None, outside)), allowed, MOST));
    out
}

/// Windows without overlap: where two overlap, the earlier in the list has it.
fn pieces(windows: impl Iterator<Item = (Window, usize)>) -> Vec<(Window, usize)> {
    let all: Vec<(Window, usize)> = windows.filter(|(w, _)| w.from < w.to).collect();
    let mut edges: Vec<Time> = all.iter().flat_map(|(w, _)| [w.from, w.to]).collect();
    edges.sort_unstable();
    edges.dedup();
    let owner = |at: Time| all.iter().filter(|(w, _)| w.contains(at)).map(|(_, i)| *i).min();
    edges.windows(2).filter_map(|pair| Some((Window::new(pair[0], pair[1]), owner(pair[0])?))).collect()
}

/// Bad ones from a deployment of the service until its next one.
fn by_deployment(counts: &Counts, allowed: f64, window: Window, behind: &Behind) -> Vec<Burner> {
    let mut by: BTreeMap<(Time, String), (String, f64)> = BTreeMap::new();
    let mut before = 0.0;
    let services: BTreeSet<&str> = counts.series.iter().map(|s| &*s.service).collect();
    for service in services {
        let mut shipped: Vec<(Time, &Record)> = behind
            .deployments
            .iter()
            .filter(|r| r.service.as_deref() == Some(service) && matches!(&r.body, Body::Deployment(d) if d.status.word() == "success"))
            .filter_map(|r| Some((r.event_time()?, r)))
            .collect();
        shipped.sort_by_key(|(at, _)| *at);
        let until = |i: usize| shipped.get(i + 1).map_or(window.to, |(at, _)| *at);
        let spans: Vec<Window> = shipped.iter().enumerate().map(|(i, (at, _))| Window::new(*at, until(i))).collect();
        for count in counts.all.iter().filter(|c| c.bad > 0.0 && *counts.series[c.whose].service == *service) {
            let mut rest = count.bad;
            for (span, (at, record)) in spans.iter().zip(&shipped) {
                let part = count.bad * share_inside(count, *span);
                if part > 0.0 {
                    by.entry((*at, record.key())).or_insert_with(|| (title(record), 0.0)).1 += part;
                    rest -= part;
                }
            }
            // A last bucket may reach beyond the window: it belongs to the last deployment.
            if let Some(((at, record), span)) = shipped.last().zip(spans.last())
                && count.span.from >= span.from
                && rest > 0.0
            {
                by.entry((*at, record.key())).or_insert_with(|| (title(record), 0.0)).1 += rest;
                rest = 0.0;
            }
            before += if rest.abs() < count.bad * 1e-12 { 0.0 } else { rest };
        }
    }
    let mut out = listed("deployment", by.into_iter().map(|((_, key), (name, bad))| (name, Some(key), bad)), allowed, MOST);
    if before > 0.0 {
        out.extend(listed("deployment", std::iter::once(("before any known deployment".to_owned(), None, before)), allowed, MOST));
    }
    out
}

fn title(record: &Record) -> String {
    let service = record.service.as_deref().unwrap_or_default();
    let version = match &record.body {
        Body::Deployment(d) => d.version.as_deref().or(d.reference.as_deref()),
        _ => None,
    };
    format!("{service} {}", version.unwrap_or(&record.id)).trim().to_owned()
}

/// What was left of the whole budget at the end of each step.
fn course(counts: &Counts, allowed: f64, window: Window) -> Series {
    if allowed <= 0.0 || window.seconds() <= 0.0 {
        return Series::default();
    }
    let buckets = window.split(STEPS);
    let mut spent = vec![0.0; buckets.len()];
    for count in counts.all.iter().filter(|c| c.bad > 0.0) {
        // Where it begins: the same rule as the sums.
        let at = buckets.partition_point(|b| b.to <= count.span.from).min(buckets.len() - 1);
        spent[at] += count.bad;
    }
    let mut left = 1.0;
    let values = spent
        .iter()
        .map(|bad| {
            left -= bad / allowed;
            Some(left)
        })
        .collect();
    Series { buckets, values, last_is_partial: false }
}

fn markers(window: Window, behind: &Behind) -> Vec<Marker> {
    let mut out: Vec<Marker> = behind
        .rows
        .iter()
        .filter(|r| window.contains(r.at))
        .map(|r| {
            let kind = match r.kind {
                "incident" => MarkerKind::Incident,
                _ if r.tags.iter().any(|t| t == "failed") => MarkerKind::FailedDeployment,
                _ => MarkerKind::Deployment,
            };
            Marker { at: r.at, kind, label: r.title.clone(), key: r.key.clone() }
        })
        .collect();
    out.sort_by_key(|m| std::cmp::Reverse(m.at));
    out
}
