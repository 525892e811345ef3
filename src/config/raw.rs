//! The config file's tables as written: what keys there are and what type each has. Meaning is checked in `check`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::period::Period;
use crate::domain::Decimal;

/// Text with its place.
pub type Text = Spanned<String>;

/// The whole file; `[[source]]` is read block by block ([`Source`]).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// The organisation.
    pub org: Org,
    /// Teams.
    pub team: Vec<Team>,
    /// Services.
    pub service: Vec<Service>,
    /// Where records come from; each kind has keys of its own beside these.
    #[allow(dead_code, reason = "for the schema; the blocks are taken out and read one by one")]
    pub source: Vec<Source>,
    /// How records become numbers.
    pub rules: Rules,
    /// Per metric id: target and care.
    #[schemars(with = "BTreeMap<String, Kpi>")]
    pub kpi: BTreeMap<Text, Kpi>,
    /// Metrics of one's own.
    pub metric: Vec<Defined>,
    /// Service level objectives.
    #[schemars(with = "Vec<Slo>")]
    pub slo: Vec<Spanned<Slo>>,
    /// Objectives with key results.
    pub objective: Vec<Objective>,
    /// Bills: currencies and owners.
    pub cost: Cost,
    /// The store.
    pub store: Store,
    /// The screen.
    pub ui: Ui,
    /// Action name → key.
    #[schemars(with = "BTreeMap<String, String>")]
    pub keys: BTreeMap<Text, Text>,
}

/// `[org]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Org {
    /// Name on the screen.
    pub name: Option<String>,
    /// Zone of days and shown times, as in `Europe/Berlin`. Default `UTC`.
    #[schemars(with = "Option<String>")]
    pub timezone: Option<Text>,
    /// Reporting currency, three letters. Default `USD`.
    #[schemars(with = "Option<String>")]
    pub currency: Option<Text>,
}

/// `[[team]]`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Text,
    /// The team it is part of.
    #[schemars(with = "Option<String>")]
    pub parent: Option<Text>,
    /// Services it owns; `*` and `?` match.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub services: Vec<Text>,
    /// Repositories it owns; `*` and `?` match.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub repos: Vec<Text>,
    /// Members by e-mail address or login; only their hash is kept.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub authors: Vec<Text>,
    /// Labels or cost tags that mean this team, as `key=value`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub labels: Vec<Text>,
    /// Its names in CODEOWNERS files, as `@acme/pay`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub codeowners: Vec<Text>,
}

/// `[[service]]`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Text,
    /// The team that owns it.
    #[serde(alias = "owner")]
    #[schemars(with = "Option<String>")]
    pub team: Option<Text>,
    /// The system it is part of.
    pub system: Option<String>,
    /// The repository it is built from.
    pub repo: Option<String>,
    /// Its paths in that repository (globs); empty means all.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub paths: Vec<Text>,
    /// Services it calls.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub depends_on: Vec<Text>,
    /// How important, in the organisation's own words.
    pub tier: Option<String>,
    /// Where the runbook is.
    pub runbook: Option<String>,
}

/// `[[source]]`: the keys every kind has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Unique name.
    #[schemars(with = "String")]
    pub name: Text,
    /// Kind.
    pub kind: String,
    /// Pause between polls.
    #[schemars(with = "Option<String>")]
    pub every: Option<Period>,
    /// Bound on one poll. Default 30 s.
    #[schemars(with = "Option<String>")]
    pub timeout: Option<Period>,
    /// How far back to read at first.
    #[schemars(with = "Option<String>")]
    pub backfill: Option<Period>,
    /// Switched off.
    #[serde(default)]
    pub off: bool,
    /// Put on every record that names no service.
    pub service: Option<String>,
    /// Put on every record that names no team.
    #[schemars(with = "Option<String>")]
    pub team: Option<Text>,
    /// Put on every record that names no environment tier.
    pub env_tier: Option<String>,
}

/// Keys of [`Source`].
pub const SOURCE_KEYS: [&str; 9] = ["name", "kind", "every", "timeout", "backfill", "off", "service", "team", "env_tier"];

/// `[rules]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// How long before an incident a deployment may have finished to be linked by time. Default 24 h.
    #[schemars(with = "Option<String>")]
    pub link_window: Option<Period>,
    /// Environment tiers that count as production. Default `["production"]`.
    pub production: Option<Vec<String>>,
    /// Words in title, branch or label that mark a hotfix. Default `["hotfix"]`.
    pub hotfix_patterns: Option<Vec<String>>,
    /// Changes by machine accounts count in lead time. Default false.
    pub include_bots: Option<bool>,
    /// Lead time per commit instead of per change. Default false.
    pub per_commit: Option<bool>,
    /// The clock of a failed deployment's recovery starts at the incident. Default false: at the deployment.
    pub recovery_from_impact: Option<bool>,
    /// Restore time of a re-opened incident is elapsed time. Default false: the sum of its open intervals.
    pub reopened_elapsed: Option<bool>,
    /// Failed production attempts count as failed deployments in the change failure rate (default false).
    pub count_failed_attempts: Option<bool>,
    /// How probe time without a result counts: `exclude` (default), `down`, `up`.
    #[schemars(with = "Option<String>")]
    pub uptime_unknown: Option<Text>,
    /// Announced maintenance leaves the denominator of uptime. Default true.
    pub exclude_maintenance: Option<bool>,
    /// Older quality measurements are left out and listed. Default 30 d.
    #[schemars(with = "Option<String>")]
    pub quality_stale_after: Option<Period>,
    /// A product launched longer ago is not new in R&D effectiveness. Default 36 months.
    #[schemars(with = "Option<u32>")]
    pub new_product_months: Option<Spanned<u32>>,
    /// Longest time a customer is taken to stay in life-time value, months. Default: as long as churn says.
    #[schemars(with = "Option<u32>")]
    pub ltv_horizon_months: Option<Spanned<u32>>,
    /// What documentation coverage counts: `units` of quality measurements (default) or `services` with owner and runbook.
    #[schemars(with = "Option<String>")]
    pub documentation: Option<Text>,
}

/// `[kpi.<id>]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kpi {
    /// `< 10%`, `>= 99.9%`, `< 24h`, …
    #[schemars(with = "Option<String>")]
    pub target: Option<Text>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it informs.
    pub decision: Option<String>,
    /// Review period.
    #[schemars(with = "Option<String>")]
    pub review_every: Option<Period>,
    /// Day of the last review.
    #[schemars(with = "Option<String>")]
    pub reviewed: Option<Day>,
    /// Department that champions it.
    pub champion: Option<String>,
    /// Who looks at it: `exec`, `engineering`, `on-call`.
    #[schemars(with = "Vec<String>")]
    pub audience: Vec<Text>,
    /// Balanced Scorecard: `financial`, `customer`, `process`, `learning`.
    #[schemars(with = "Option<String>")]
    pub perspective: Option<Text>,
    /// The one metric above all; at most one.
    #[schemars(with = "Option<bool>")]
    pub north_star: Option<Spanned<bool>>,
    /// A frozen value to compare with.
    pub baseline: Option<Baseline>,
}

/// A day, as TOML writes it.
pub type Day = Spanned<toml::value::Datetime>;

/// A frozen value.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// In the metric's unit.
    #[schemars(with = "String")]
    pub value: Text,
    /// Sample behind it.
    pub n: Option<u64>,
    /// First day of its window.
    #[schemars(with = "Option<String>")]
    pub from: Option<Day>,
    /// First day after it.
    #[schemars(with = "Option<String>")]
    pub to: Option<Day>,
    /// When it was frozen.
    #[schemars(with = "Option<String>")]
    pub frozen: Option<Day>,
}

/// `[[metric]]`: a metric of one's own; target, owner and the like go to `[kpi.<id>]` as for any other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defined {
    /// Lower-case letters, digits and `_`; no built-in id.
    #[schemars(with = "String")]
    pub id: Text,
    /// Name for people. Default: the id.
    pub name: Option<String>,
    /// `reliability`, `delivery`, `cost`, `quality`, `engagement` or `people`.
    #[schemars(with = "String")]
    pub tab: Text,
    /// `ratio`, `mean`, `quantile`, `sum`, `count` or `distinct`.
    #[schemars(with = "String")]
    pub kind: Text,
    /// For a quantile: 0 to 1.
    #[schemars(with = "Option<f64>")]
    pub q: Option<Spanned<f64>>,
    /// A kind of record, or a live series as `sample:<metric>`.
    #[schemars(with = "String")]
    pub over: Text,
    /// Field → what it must be: a text (`*` and `?` match), a list of them, a number, or a comparison such as `> 60`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub filter: BTreeMap<Text, toml::Value>,
    /// The field that is added up, averaged, ranked or told apart; `finished_at - started_at` is seconds.
    #[schemars(with = "Option<String>")]
    pub value: Option<Text>,
    /// Of a ratio: a field, or conditions whose matches are counted; of live series another one.
    #[schemars(with = "Option<serde_json::Value>")]
    pub numerator: Option<Spanned<toml::Value>>,
    /// Of a ratio. Default: every record counts.
    #[schemars(with = "Option<serde_json::Value>")]
    pub denominator: Option<Spanned<toml::Value>>,
    /// `ratio`, `s`, `ms`, `1/d`, `1/wk`, `money`, or a word of one's own.
    pub unit: Option<String>,
    /// `up`, `down` or `band` (default).
    #[schemars(with = "Option<String>")]
    pub direction: Option<Text>,
    /// What it is, in a sentence.
    pub definition: Option<String>,
}

/// `[[slo]]`: one objective, or the files that hold some.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Slo {
    /// Its name.
    #[schemars(with = "Option<String>")]
    pub name: Option<Text>,
    /// Of which service.
    #[schemars(with = "Option<String>")]
    pub service: Option<Text>,
    /// Of several services, added up.
    #[schemars(with = "Vec<String>")]
    pub services: Vec<Text>,
    /// Of every service of a team, added up.
    #[schemars(with = "Option<String>")]
    pub team: Option<Text>,
    /// `requests`, `latency`, `probe` or `incidents`.
    #[schemars(with = "Option<String>")]
    pub sli: Option<Text>,
    /// `99.9%`.
    #[schemars(with = "Option<String>")]
    pub target: Option<Text>,
    /// Rolling: `30d`.
    #[schemars(with = "Option<String>")]
    pub window: Option<Spanned<Period>>,
    /// Instead of `window`: `week`, `month` or `quarter`.
    #[schemars(with = "Option<String>")]
    pub calendar: Option<Text>,
    /// Zone of the calendar. Default: the organisation's.
    #[schemars(with = "Option<String>")]
    pub timezone: Option<Text>,
    /// For `latency`: a request slower than this is bad.
    #[schemars(with = "Option<String>")]
    pub threshold: Option<Period>,
    /// `occurrences` (default), `timeslices` or `ratio_timeslices`.
    #[schemars(with = "Option<String>")]
    pub method: Option<Text>,
    /// Length of a slice.
    #[schemars(with = "Option<String>")]
    pub slice: Option<Spanned<Period>>,
    /// Share of good that makes a slice good. Default: the target.
    #[schemars(with = "Option<String>")]
    pub slice_target: Option<Text>,
    /// `30d` or `7d` (default, also when the list is empty: by the window), or a list of alerts.
    #[schemars(with = "Option<AlertProfile>")]
    pub alert_profile: Option<Spanned<AlertProfile>>,
    /// Fewest events in the long window for an alert. Default 10.
    #[schemars(with = "Option<f64>")]
    pub min_events: Option<Spanned<f64>>,
    /// Fewest bad ones among them. Default 2.
    #[schemars(with = "Option<f64>")]
    pub min_bad: Option<Spanned<f64>>,
    /// Alert when nothing was counted for so many intervals, each as long as the shortest alert window. Default: never.
    #[schemars(with = "Option<u64>")]
    pub silent_after: Option<Spanned<u64>>,
    /// OpenSLO files, relative to this file; `*` and `?` match. Stands alone.
    #[schemars(with = "Option<String>")]
    pub openslo: Option<Text>,
}

/// A named profile of alerts, or one written out.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum AlertProfile {
    /// `30d` or `7d`.
    Named(String),
    /// Each alert.
    Rules(Vec<AlertRule>),
}

impl<'de> Deserialize<'de> for AlertProfile {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = AlertProfile;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"30d\", \"7d\" or a list of { name, budget, long, short }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AlertProfile, E> {
                Ok(AlertProfile::Named(text.to_owned()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<AlertProfile, A::Error> {
                let mut rules = Vec::new();
                while let Some(rule) = seq.next_element()? {
                    rules.push(rule);
                }
                Ok(AlertProfile::Rules(rules))
            }
        }
        d.deserialize_any(Either)
    }
}

/// One alert: when this share of the budget would be spent within the long window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Begins with `page` (wakes someone) or `ticket`.
    #[schemars(with = "String")]
    pub name: Text,
    /// `2%`.
    #[schemars(with = "String")]
    pub budget: Text,
    /// `1h`.
    #[schemars(with = "String")]
    pub long: Period,
    /// `5m`.
    #[schemars(with = "String")]
    pub short: Period,
}

/// `[[objective]]`
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its name.
    #[schemars(with = "String")]
    pub name: Text,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How it is measured.
    pub key_results: Vec<KeyResult>,
}

/// One key result of an objective.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyResult {
    /// Metric id.
    #[schemars(with = "String")]
    pub kpi: Text,
    /// Only of this team.
    #[schemars(with = "Option<String>")]
    pub team: Option<Text>,
    /// Where it started, in the metric's unit.
    #[schemars(with = "String")]
    pub from: Text,
    /// Where it should be.
    #[schemars(with = "String")]
    pub to: Text,
    /// Since when; default: 90 days before it is due.
    #[schemars(with = "Option<String>")]
    pub since: Option<Day>,
    /// By when.
    #[schemars(with = "String")]
    pub due: Day,
}

/// `[cost]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// Currency → month (`2026-09`) → units of the reporting currency for one unit.
    #[schemars(with = "BTreeMap<String, BTreeMap<String, String>>")]
    pub fx: BTreeMap<Text, BTreeMap<Text, Rate>>,
    /// Tag keys that name a team, first match wins. Default `["team", "owner"]`.
    pub team_tag_keys: Vec<String>,
    /// Pools of cost to share out among the teams.
    pub shared: Vec<Shared>,
    /// Charge categories left out (`Credit`, `Tax`, …).
    #[schemars(with = "Vec<String>")]
    pub exclude: Vec<Text>,
}

/// A pool of shared cost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    /// Tags that must all match.
    pub tags: BTreeMap<String, String>,
    /// `proportional` to direct cost (default) or `equal`.
    #[schemars(with = "Option<String>")]
    pub split: Option<Text>,
}

/// An exchange rate: a positive decimal, as text (exact) or number.
#[derive(Debug, Clone, Copy)]
pub struct Rate(pub Decimal);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl Number {
            fn read<E: serde::de::Error>(text: &str) -> Result<Rate, E> {
                let rate = text.trim().parse::<Decimal>().ok().filter(|rate| *rate > Decimal::ZERO);
                rate.map(Rate).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &"a positive rate such as \"0.92\""))
            }
        }
        impl serde::de::Visitor<'_> for Number {
            type Value = Rate;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a positive rate such as \"0.92\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                Self::read(text)
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Rate, E> {
                Self::read(&number.to_string())
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Rate, E> {
                Self::read(&number.to_string())
            }
        }
        d.deserialize_any(Number)
    }
}

/// `[store]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Database file. Default: the platform's data directory.
    pub path: Option<String>,
    /// Raw samples and probes, minute buckets. Default 48 h.
    #[schemars(with = "Option<String>")]
    pub keep_minutes: Option<Period>,
    /// Hourly buckets. Default 60 d.
    #[schemars(with = "Option<String>")]
    pub keep_hours: Option<Period>,
    /// Event records. Default: for ever.
    #[schemars(with = "Option<String>")]
    pub keep_records: Option<Period>,
}

/// `[ui]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ui {
    /// `auto`, `dark`, `light`, `high-contrast`, `colour-blind`, `mono`.
    #[schemars(with = "Option<String>")]
    pub theme: Option<Text>,
    /// Only ASCII characters.
    pub ascii: Option<bool>,
    /// Mouse on. Default true.
    pub mouse: Option<bool>,
    /// First range shown: `1h`, `6h`, `24h`, `7d`, `28d`, `90d`, `1y`.
    #[schemars(with = "Option<String>")]
    pub range: Option<Text>,
}
