//! What the query API answers, read leniently: Prometheus, VictoriaMetrics, Thanos and Mimir differ in details, and the
//! published description does not fit what servers send.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Visitor},
};

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub status: String,
    #[serde(default)]
    pub data: Option<Data>,
    #[serde(default)]
    pub error: Option<String>,
    /// Present means: some of the data may be missing.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A result by its type.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Vector(Vec<Series>),
    Matrix(Vec<Series>),
    Scalar((f64, Number)),
    /// A text; nothing to measure.
    String(IgnoredAny),
}

/// One series: `value` of an instant query, `values` of a range query.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    pub metric: Labels,
    #[serde(default)]
    value: Option<(f64, Number)>,
    #[serde(default)]
    values: Vec<(f64, Number)>,
    /// Native histograms, which newer servers send instead of values.
    #[serde(default)]
    histogram: Option<IgnoredAny>,
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

/// Labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// A number, which comes as text: `"0.06"`, `"NaN"`, `"+Inf"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl Visitor<'_> for TextOrNumber {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, also as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                // Rust reads `NaN`, `+Inf` and `-Inf` as Go writes them.
                text.parse().map(Number).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

impl Series {
    /// Times (seconds of the epoch) and values, of either form.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.value.iter().chain(&self.values).map(|(at, n)| (*at, n.0))
    }

    /// Holds native histograms.
    pub fn is_native(&self) -> bool {
        self.histogram.is_some() || !self.histograms.is_empty()
    }
}

impl Data {
    /// As series; a scalar is one without labels.
    pub fn into_series(self) -> Vec<Series> {
        match self {
            Self::Vector(series) | Self::Matrix(series) => series,
            Self::Scalar(value) => vec![Series { value: Some(value), ..Series::default() }],
            Self::String(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(data: &str) -> Vec<(f64, f64)> {
        let text = format!(r#"{{"status":"success","data":{data},"infos":["new"]}}"#);
        let reply: Reply = serde_json::from_str(&text).unwrap();
        reply.data.unwrap().into_series().iter().flat_map(|s| s.points().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn every_result_type_is_read_in_either_order_of_fields() {
        assert_eq!(points(r#"{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"2"]}]}"#), [(1.5, 2.0)]);
        assert_eq!(points(r#"{"result":[{"metric":{},"values":[[1,"2"],[2,3]]}],"resultType":"matrix"}"#), [(1.0, 2.0), (2.0, 3.0)]);
        assert_eq!(points(r#"{"resultType":"scalar","result":[1795335473.783,"42"]}"#), [(1_795_335_473.783, 42.0)]);
        assert!(points(r#"{"resultType":"string","result":[1,"hello"]}"#).is_empty());
        assert!(points(r#"{"resultType":"vector","result":[]}"#).is_empty());
    }

    #[test]
    fn what_is_no_number_stays_distinct_from_zero() {
        let found = points(r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"],[3,"-Inf"],[4,"0"]]}]}"#);
        assert!(found[0].1.is_nan());
        assert_eq!(found[1..], [(2.0, f64::INFINITY), (3.0, f64::NEG_INFINITY), (4.0, 0.0)]);
    }

    #[test]
    fn native_histograms_are_noticed_and_do_no_harm() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},
            "histograms":[[1,{"count":"2","sum":"3","buckets":[[0,"0.5","1","2"]]}]]}]}}"#;
        let reply: Reply = serde_json::from_str(text).unwrap();
        assert!(reply.data.unwrap().into_series()[0].is_native());
    }
}
