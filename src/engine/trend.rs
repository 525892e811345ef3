//! What the last half year says of a metric: week by week, one week in memory at a time, so that a long history costs time
//! but no room.

use std::collections::BTreeMap;

use super::{look, settings};
use crate::{
    config::Config,
    domain::{
        Time,
        metric::{self, Metric},
        value::Scope,
    },
    kpi::{
        Query,
        board::build,
        care::{self, Flag, Week},
    },
    store::{Reader, StoreError},
};

/// Weekly values of metrics for one scope, oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn weekly(
    reader: &Reader,
    config: &Config,
    scope: &Scope,
    metrics: &[&'static Metric],
    now: Time,
) -> Result<BTreeMap<&'static str, Vec<Week>>, StoreError> {
    let roster = reader.roster(&config.roster)?;
    let settings = settings::formulas(config, now);
    let service = if let Scope::Service(s) = scope { Some(s.as_str()) } else { None };
    let wanted = look::Wanted { service, stages: true, ..look::Wanted::default() };
    let mut out: BTreeMap<&'static str, Vec<Week>> = BTreeMap::new();
    for window in care::weeks(&settings) {
        let facts = look::facts(reader, &settings, &roster, window, wanted)?;
        let query = Query { facts: &facts, scope, window, settings: &settings, roster: &roster };
        for metric in metrics {
            out.entry(metric.id).or_default().extend(care::week(metric.id, &query));
        }
    }
    Ok(out)
}

/// Everything there is to say of a metric's trend and care.
///
/// # Errors
/// [`StoreError`].
pub fn flags(reader: &Reader, config: &Config, scope: &Scope, metric: &'static Metric, now: Time) -> Result<Vec<Flag>, StoreError> {
    let weeks = weekly(reader, config, scope, &[metric], now)?;
    let sources = look::sources(reader, now)?;
    Ok(judged(config, metric, weeks.get(metric.id).map_or(&[], Vec::as_slice), &sources, now))
}

/// The same from what was loaded already.
#[must_use]
pub fn judged(
    config: &Config,
    metric: &'static Metric,
    weeks: &[Week],
    sources: &[std::sync::Arc<crate::domain::record::Record>],
    now: Time,
) -> Vec<Flag> {
    let settings = settings::formulas(config, now);
    let headline = metric.facet_of.and_then(metric::find).unwrap_or(metric);
    let mut out = care::of_series(weeks, &settings);
    out.extend(care::stale_sources(sources, &build::kinds_behind(metric.id), now));
    // Nobody asks for an owner of a facet.
    if headline.id == metric.id {
        let has_due = config.objectives.iter().flat_map(|o| &o.key_results).any(|k| k.metric == metric.id);
        out.extend(care::of_care(metric, config.kpis.get(metric.id), has_due, &settings));
    }
    out
}
