//! One query: what is asked, which KPI its answer feeds, and what its labels mean.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::preset::Row;

/// `[[source.query]]`, and what a preset's row says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuerySettings {
    pub name: Option<String>,
    pub kpi: String,
    pub expr: Option<String>,
    pub good: Option<String>,
    pub bad: Option<String>,
    pub total: Option<String>,
    /// What a label means: `service`, `team`, `repo`, `env_tier`, `env_name`, `location` → label name.
    pub labels: BTreeMap<String, String>,
    pub unit: Option<String>,
    /// Only its newest value is read, without history.
    pub instant: bool,
}

/// What an answer becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Counts per window, as this metric.
    Count(String),
    /// Two counts per window, requests and errors; `part` counts the good or the bad ones.
    Ratio { part: String, part_is_good: bool },
    /// Cumulative buckets per window, else values, of `latency` or `page_load`. Values of a KPI that is one quantile
    /// (`ready`) are ready-made: shown, never merged.
    Spread { metric: &'static str, ready: Option<String> },
    /// Up or down.
    Up,
    /// A value, as this metric.
    Value(String),
}

/// A query ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub name: String,
    pub shape: Shape,
    /// The expression; of a ratio, its total.
    pub expr: String,
    pub labels: BTreeMap<String, String>,
    pub unit: Option<String>,
    /// Values and bounds are multiplied with this (milliseconds to seconds).
    pub scale: f64,
    pub instant: bool,
}

const ROLES: [&str; 6] = ["service", "team", "repo", "env_tier", "env_name", "location"];

/// Values of the source's own settings that expressions refer to.
pub(super) struct Terms<'a> {
    /// `$match`: selectors added to every metric of a preset.
    pub selector: &'a str,
    /// `$service`: label that names the service.
    pub service_label: &'a str,
}

impl Query {
    /// A preset's row.
    pub fn of_row(row: &Row, terms: &Terms<'_>) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut labels = BTreeMap::from([("service".to_owned(), terms.service_label.to_owned())]);
        if !row.location.is_empty() {
            labels.insert("location".into(), row.location.into());
        }
        let own = QuerySettings {
            name: Some(format!("{}.{}", row.preset, row.name)),
            kpi: row.kpi.into(),
            expr: some(row.expr).filter(|_| row.bad.is_empty()),
            bad: some(row.bad),
            total: some(row.expr).filter(|_| !row.bad.is_empty()),
            unit: some(row.unit),
            labels,
            ..QuerySettings::default()
        };
        Self::new(&own, terms).expect("a test builds every row of the presets")
    }

    /// A configured query.
    ///
    /// # Errors
    /// In words, when its keys do not fit its KPI.
    pub fn new(own: &QuerySettings, terms: &Terms<'_>) -> Result<Self, String> {
        if own.kpi.is_empty() {
            return Err("`kpi` is missing; expected latency_p95, error_rate, requests, errors, uptime or a name of your own".into());
        }
        let name = own.name.clone().unwrap_or_else(|| own.kpi.clone());
        let at = |message: String| format!("query `{name}`: {message}");
        if let Some(role) = own.labels.keys().find(|role| !ROLES.contains(&role.as_str())) {
            return Err(at(format!("`labels` has `{role}`; expected one of {}", ROLES.join(", "))));
        }
        let mut labels = own.labels.clone();
        labels.entry("service".into()).or_insert_with(|| terms.service_label.to_owned());
        let fill = |expr: &str| expr.replace("$match", terms.selector).replace("$service", &labels["service"]);
        let (shape, expr) = Self::shape(own).map_err(at)?;
        let shape = match shape {
            Shape::Ratio { part, part_is_good } => Shape::Ratio { part: fill(&part), part_is_good },
            shape => shape,
        };
        let scale = Self::scale(&shape, own.unit.as_deref()).map_err(at)?;
        let unit = match &shape {
            Shape::Spread { metric: "page_load", .. } => Some("ms".to_owned()),
            Shape::Spread { .. } => Some("s".to_owned()),
            _ => own.unit.clone(),
        };
        Ok(Self { expr: fill(&expr), name, shape, labels, unit, scale, instant: own.instant })
    }

    /// The shape and its main expression.
    fn shape(own: &QuerySettings) -> Result<(Shape, String), String> {
        let is_ratio = matches!(own.kpi.as_str(), "error_rate" | "uptime.requests") || (own.kpi == "uptime" && own.total.is_some());
        if is_ratio {
            let total = own.total.clone().filter(|_| own.expr.is_none());
            return match (total, &own.good, &own.bad) {
                (Some(total), Some(good), None) => Ok((Shape::Ratio { part: good.clone(), part_is_good: true }, total)),
                (Some(total), None, Some(bad)) => Ok((Shape::Ratio { part: bad.clone(), part_is_good: false }, total)),
                _ => Err("expected `total` and one of `good`, `bad` (counts per window): ready ratios cannot be added up over \
                          services and time"
                    .into()),
            };
        }
        let Some(expr) = own.expr.clone().filter(|_| own.total.is_none() && own.good.is_none() && own.bad.is_none()) else {
            return Err("expected `expr`; `total` with `good` or `bad` belongs to error_rate and uptime".into());
        };
        let shape = match own.kpi.as_str() {
            "uptime" | "probe" => Shape::Up,
            "requests" | "errors" => Shape::Count(own.kpi.clone()),
            "latency" => Shape::Spread { metric: "latency", ready: None },
            "latency_p50" | "latency_p95" | "latency_p99" => Shape::Spread { metric: "latency", ready: Some(own.kpi.clone()) },
            "page_load" => Shape::Spread { metric: "page_load", ready: None },
            other => Shape::Value(other.to_owned()),
        };
        if matches!(shape, Shape::Spread { ready: None, .. }) && expr.contains("histogram_quantile") {
            return Err("quantiles cannot be merged over services and time; expected the buckets, e.g. \
                        sum by (le, service) (increase(http_request_duration_seconds_bucket[$step])), or `kpi` latency_p95"
                .into());
        }
        Ok((shape, expr))
    }

    fn scale(shape: &Shape, unit: Option<&str>) -> Result<f64, String> {
        let Shape::Spread { metric, .. } = shape else { return Ok(1.0) };
        let seconds = match unit {
            None if *metric == "page_load" => 1e-3,
            None | Some("s") => 1.0,
            Some("ms") => 1e-3,
            Some("us" | "µs") => 1e-6,
            Some("ns") => 1e-9,
            Some(_) => return Err("`unit` of a latency: expected s, ms, us or ns".into()),
        };
        Ok(if *metric == "page_load" { seconds * 1e3 } else { seconds })
    }

    /// Counts over windows, which need two scrapes in each.
    pub fn needs_a_window(&self) -> bool {
        self.expr.contains("$step")
    }
}

/// The expression with its window written out.
pub(super) fn with_step(expr: &str, step: i64) -> String {
    expr.replace("$step", &format!("{step}s")).replace("$window", &format!("{step}s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::prometheus::preset::ROWS;

    const TERMS: Terms<'static> = Terms { selector: "env=\"prod\"", service_label: "job" };

    fn query(toml: &str) -> Result<Query, String> {
        Query::new(&toml::from_str(toml).unwrap(), &TERMS)
    }

    #[test]
    fn every_row_of_the_presets_is_a_query_with_nothing_left_to_fill_in() {
        for row in ROWS {
            let query = Query::of_row(row, &TERMS);
            for expr in [Some(&query.expr), if let Shape::Ratio { part, .. } = &query.shape { Some(part) } else { None }] {
                let expr = with_step(expr.map_or("", String::as_str), 60);
                assert!(!expr.contains('$'), "{}: {expr}", query.name);
                assert_eq!(expr.matches('(').count(), expr.matches(')').count(), "{}: {expr}", query.name);
                assert_eq!(expr.matches('{').count(), expr.matches('}').count(), "{}: {expr}", query.name);
            }
        }
    }

    #[test]
    fn a_kpi_decides_the_shape() {
        assert_eq!(query("kpi = 'latency_p95'\nexpr = 'x'\nunit = 'ms'").unwrap().scale, 1e-3);
        assert_eq!(query("kpi = 'page_load'\nexpr = 'x'").unwrap().scale, 1.0);
        assert_eq!(query("kpi = 'uptime'\nexpr = 'up'").unwrap().shape, Shape::Up);
        assert_eq!(query("kpi = 'queue_depth'\nexpr = 'x'").unwrap().shape, Shape::Value("queue_depth".into()));
        let ratio = query("kpi = 'uptime'\ntotal = 'a{$match}'\ngood = 'b'").unwrap();
        assert_eq!(ratio.expr, "a{env=\"prod\"}");
        assert_eq!(ratio.shape, Shape::Ratio { part: "b".into(), part_is_good: true });
    }

    #[test]
    fn what_cannot_be_merged_is_refused_with_what_to_write_instead() {
        for (toml, expected) in [
            ("kpi = 'error_rate'\nexpr = 'a/b'", "`total` and one of"),
            ("kpi = 'error_rate'\ntotal = 'a'\ngood = 'b'\nbad = 'c'", "`total` and one of"),
            ("kpi = 'latency'\nexpr = 'histogram_quantile(0.95, x)'", "buckets"),
            ("kpi = 'requests'\ntotal = 'a'", "expected `expr`"),
            ("kpi = 'latency'\nexpr = 'a'\nunit = 'hours'", "s, ms"),
            ("kpi = 'requests'\nexpr = 'a'\nlabels = { owner = 'x' }", "env_tier"),
            ("expr = 'a'", "`kpi` is missing"),
        ] {
            let error = query(toml).unwrap_err();
            assert!(error.contains(expected), "{toml}: {error}");
        }
    }

    #[test]
    fn the_window_is_written_in_seconds() {
        assert_eq!(with_step("increase(x[$step]) / increase(y[$window])", 3600), "increase(x[3600s]) / increase(y[3600s])");
    }
}
