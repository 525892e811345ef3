//! From the tables as written to a checked [`Config`]: names that must exist, values that must make sense.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    AllocationConfig, Config, Fault, OwnKeys, RulesConfig, SourceConfig, StoreConfig, UiConfig,
    period::Period,
    raw::{self, Text},
    read::{self, Place},
    target,
};
use crate::domain::{
    Decimal,
    care::{Baseline, Care},
    defined::Catalogue,
    metric::{self, AUDIENCES, Metric, PERSPECTIVES},
    near,
    objective::{KeyResult, Objective},
    window::Tz,
};

/// Words of `ui.theme`.
pub const THEMES: [&str; 6] = ["auto", "dark", "light", "high-contrast", "colour-blind", "mono"];
/// Words of `ui.range`.
pub const RANGES: [&str; 7] = ["1h", "6h", "24h", "7d", "28d", "90d", "1y"];

/// Everything the checks share: where they are and what they found.
pub(super) struct Check<'a> {
    pub place: Place<'a>,
    pub dir: &'a Path,
    pub faults: Vec<Fault>,
    /// The metrics there are, once the file's own have been read.
    pub catalogue: Catalogue,
}

impl<'a> Check<'a> {
    /// Read the whole file.
    pub fn config(&mut self, path: Option<PathBuf>) -> Option<Config> {
        let (mut root, errors) = DeTable::parse_recoverable(self.place.text);
        for error in &errors {
            let at = error.span().map_or(0, |s| s.start);
            self.fault(at, format!("not TOML: {}", crate::domain::text::clean(error.message())));
        }
        if !errors.is_empty() {
            return None;
        }
        let named = Named::of(root.get_ref());
        quote_metric_ids(root.get_mut());
        let sources = self.sources(&mut root, &named);
        let file: raw::File = read::read(self.place, root, &[], &mut self.faults)?;
        let zone = self.zone(file.org.timezone.as_ref());
        let currency = self.currency(file.org.currency.as_ref());
        self.catalogue = Catalogue::new(self.definitions(&file.metric, &currency));
        let kpis = self.kpis(&file.kpi, &currency);
        let roster = self.roster(&file.team, &file.service, &named);
        let store = store(&file.store, self.dir);
        Some(Config {
            path,
            org: crate::domain::text::clean(file.org.name.as_deref().unwrap_or("Quarterdeck")),
            zone,
            roster,
            rules: self.rules(&file.rules, &file.cost),
            sources,
            kpis,
            catalogue: self.catalogue.clone(),
            slos: self.slos(&file.slo, &named, zone, store.keep_minutes),
            objectives: self.objectives(&file.objective, &named, &currency),
            fx: self.fx(&file.cost),
            allocation: self.allocation(&file.cost),
            store,
            ui: self.ui(&file),
            currency,
        })
    }

    pub fn fault(&mut self, at: usize, message: impl Into<String>) {
        self.faults.push(self.place.fault(at, message));
    }

    /// A fault when `text` is not one of `known`.
    pub fn one_of(&mut self, what: &str, text: &Text, known: &[&str]) {
        if !known.contains(&text.get_ref().as_str()) {
            self.fault(text.span().start, near::unknown(what, text.get_ref(), known));
        }
    }

    /// A fault for each name that was there before, and for an empty one.
    pub fn unique<'t>(&mut self, what: &str, names: impl Iterator<Item = &'t Text>) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names {
            let at = name.span().start;
            if name.get_ref().trim().is_empty() {
                self.fault(at, format!("a {what} needs a name"));
            } else if let Some(first) = seen.get(name.get_ref().as_str()) {
                let line = self.place.fault(*first, "").line;
                self.fault(at, format!("the {what} `{}` is already there, in line {line}; names are unique", name.get_ref()));
            } else {
                seen.insert(name.get_ref(), at);
            }
        }
    }

    pub fn zone(&mut self, text: Option<&Text>) -> Tz {
        let Some(text) = text else { return Tz::UTC };
        text.get_ref().parse().unwrap_or_else(|_| {
            let known: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()).collect();
            let near = near::nearest(text.get_ref(), known).unwrap_or("Europe/Berlin");
            let message =
                format!("`{}` is no time zone; expected a name such as `{near}` or `UTC`", crate::domain::text::clean(text.get_ref()));
            self.fault(text.span().start, message);
            Tz::UTC
        })
    }

    fn currency(&mut self, text: Option<&Text>) -> String {
        let Some(text) = text else { return "USD".into() };
        self.currency_code(text);
        text.get_ref().clone()
    }

    fn currency_code(&mut self, text: &Text) {
        if text.get_ref().len() != 3 || !text.get_ref().bytes().all(|b| b.is_ascii_uppercase()) {
            let shown = crate::domain::text::clean(text.get_ref());
            self.fault(text.span().start, format!("`{shown}` is no currency; expected three capital letters such as `EUR`"));
        }
    }

    /// The row of a metric id, or a fault.
    fn metric(&mut self, id: &Text) -> Option<&'static Metric> {
        let found = self.catalogue.find(id.get_ref());
        if found.is_none() {
            self.fault(id.span().start, self.catalogue.unknown(id.get_ref()));
        }
        found
    }

    fn kpis(&mut self, raw: &BTreeMap<Text, raw::Kpi>, currency: &str) -> BTreeMap<String, Care> {
        let mut out = BTreeMap::new();
        let mut north_star = None;
        let mut in_order: Vec<_> = raw.iter().collect();
        in_order.sort_by_key(|(id, _)| id.span().start);
        for (id, kpi) in in_order {
            let Some(metric) = self.metric(id) else { continue };
            let target = kpi
                .target
                .as_ref()
                .and_then(|text| target::parse(text.get_ref(), metric, currency).map_err(|why| self.fault(text.span().start, why)).ok());
            let care = Care {
                target,
                owner: kpi.owner.as_deref().map(crate::domain::text::clean),
                decision: kpi.decision.as_deref().map(crate::domain::text::clean),
                review_every_days: period(kpi.review_every).map(|d| i64::try_from(d.as_secs() / 86_400).unwrap_or(i64::MAX)),
                reviewed: self.day(kpi.reviewed.as_ref()),
                champion: kpi.champion.as_deref().map(crate::domain::text::clean),
                audience: kpi.audience.iter().map(|a| self.word_of("audience", a, &AUDIENCES)).collect(),
                perspective: kpi.perspective.as_ref().map(|p| self.word_of("perspective", p, &PERSPECTIVES)),
                north_star: kpi.north_star.as_ref().is_some_and(|n| *n.get_ref()),
                baseline: kpi.baseline.as_ref().and_then(|b| self.baseline(b, metric, currency)),
            };
            if let Some(star) = kpi.north_star.as_ref().filter(|n| *n.get_ref()) {
                match north_star {
                    Some(first) => self.fault(star.span().start, format!("{first} is the North Star already; there is one")),
                    None => north_star = Some(metric.id),
                }
            }
            if out.insert(metric.id.to_owned(), care).is_some() {
                self.fault(id.span().start, format!("`{}` is another name of {}, which is configured already", id.get_ref(), metric.id));
            }
        }
        out
    }

    /// A word, which should be one of `known`.
    fn word_of(&mut self, what: &str, text: &Text, known: &[&str]) -> String {
        self.one_of(what, text, known);
        text.get_ref().clone()
    }

    /// A day, or a fault.
    fn day(&mut self, raw: Option<&raw::Day>) -> Option<chrono::NaiveDate> {
        let raw = raw?;
        let day = raw.get_ref().date.and_then(|d| chrono::NaiveDate::from_ymd_opt(d.year.into(), d.month.into(), d.day.into()));
        if day.is_none() {
            self.fault(raw.span().start, "expected a date such as 2026-12-31");
        }
        day
    }

    /// A value in a metric's unit, or a fault.
    fn value(&mut self, text: &Text, metric: &Metric, currency: &str) -> Option<f64> {
        let value = target::bound(text.get_ref(), metric.unit, currency);
        if value.is_none() {
            let shown = crate::domain::text::clean(text.get_ref());
            self.fault(text.span().start, format!("`{shown}` is not in the unit of {} ({})", metric.id, metric.unit.word(currency)));
        }
        value
    }

    fn baseline(&mut self, raw: &raw::Baseline, metric: &Metric, currency: &str) -> Option<Baseline> {
        let (from, to, frozen) = (self.day(raw.from.as_ref()), self.day(raw.to.as_ref()), self.day(raw.frozen.as_ref()));
        Some(Baseline { value: self.value(&raw.value, metric, currency)?, n: raw.n, from, to, frozen })
    }

    fn rules(&mut self, raw: &raw::Rules, cost: &raw::Cost) -> RulesConfig {
        let default = RulesConfig::default();
        if let Some(word) = &raw.uptime_unknown {
            self.one_of("way to count unknown time", word, &["exclude", "down", "up"]);
        }
        if let Some(word) = &raw.documentation {
            self.one_of("way to count documentation", word, &["units", "services"]);
        }
        for months in [&raw.new_product_months, &raw.ltv_horizon_months].into_iter().flatten() {
            if !(1..=1200).contains(months.get_ref()) {
                self.fault(months.span().start, format!("{} is no number of months; expected 1 to 1200", months.get_ref()));
            }
        }
        for category in &cost.exclude {
            self.one_of("charge category", category, &["Usage", "Purchase", "Tax", "Credit", "Adjustment"]);
        }
        RulesConfig {
            link_window: period(raw.link_window).unwrap_or(default.link_window),
            production: raw.production.clone().unwrap_or(default.production),
            hotfix_patterns: raw.hotfix_patterns.clone().unwrap_or(default.hotfix_patterns),
            include_bots: raw.include_bots.unwrap_or(default.include_bots),
            per_commit: raw.per_commit.unwrap_or(default.per_commit),
            recovery_from_impact: raw.recovery_from_impact.unwrap_or(default.recovery_from_impact),
            reopened_elapsed: raw.reopened_elapsed.unwrap_or(default.reopened_elapsed),
            count_failed_attempts: raw.count_failed_attempts.unwrap_or(default.count_failed_attempts),
            uptime_unknown: raw.uptime_unknown.as_ref().map_or(default.uptime_unknown, |w| w.get_ref().clone()),
            exclude_maintenance: raw.exclude_maintenance.unwrap_or(default.exclude_maintenance),
            quality_stale_after: period(raw.quality_stale_after).unwrap_or(default.quality_stale_after),
            cost_exclude: cost.exclude.iter().map(|c| c.get_ref().clone()).collect(),
            new_product_months: raw.new_product_months.as_ref().map_or(default.new_product_months, |m| *m.get_ref()),
            ltv_horizon_months: raw.ltv_horizon_months.as_ref().map(|m| *m.get_ref()),
            documentation: raw.documentation.as_ref().map_or(default.documentation, |w| w.get_ref().clone()),
        }
    }

    fn objectives(&mut self, raw: &[raw::Objective], named: &Named, currency: &str) -> Vec<Objective> {
        self.unique("objective", raw.iter().map(|o| &o.name));
        raw.iter()
            .map(|o| Objective {
                name: crate::domain::text::clean(o.name.get_ref()),
                owner: o.owner.as_deref().map(crate::domain::text::clean),
                key_results: o.key_results.iter().filter_map(|k| self.key_result(k, named, currency)).collect(),
            })
            .collect()
    }

    fn key_result(&mut self, raw: &raw::KeyResult, named: &Named, currency: &str) -> Option<KeyResult> {
        if let Some(team) = &raw.team {
            self.known_team(team, named);
        }
        let metric = self.metric(&raw.kpi)?;
        let (from, to) = (self.value(&raw.from, metric, currency), self.value(&raw.to, metric, currency));
        let (since, due) = (self.day(raw.since.as_ref()), self.day(Some(&raw.due)));
        if let (Some(since), Some(due)) = (since, due)
            && since >= due
        {
            self.fault(raw.due.span().start, format!("due {due} is not after {since}, when it begins"));
        }
        let team = raw.team.as_ref().map(|t| t.get_ref().clone());
        Some(KeyResult { metric: metric.id, team, from: from?, to: to?, since, due: due? })
    }

    fn fx(&mut self, cost: &raw::Cost) -> BTreeMap<(String, String), Decimal> {
        let mut out = BTreeMap::new();
        for (currency, months) in &cost.fx {
            self.currency_code(currency);
            for (month, rate) in months {
                if chrono::NaiveDate::parse_from_str(&format!("{}-01", month.get_ref()), "%Y-%m-%d").is_err() || month.get_ref().len() != 7
                {
                    let shown = crate::domain::text::clean(month.get_ref());
                    self.fault(month.span().start, format!("`{shown}` is no month; expected one such as `2026-09`"));
                }
                out.insert((currency.get_ref().clone(), month.get_ref().clone()), rate.0);
            }
        }
        out
    }

    fn allocation(&mut self, cost: &raw::Cost) -> AllocationConfig {
        let mut shared = Vec::new();
        for pool in &cost.shared {
            if let Some(split) = &pool.split {
                self.one_of("split", split, &["proportional", "equal"]);
            }
            let proportional = pool.split.as_ref().is_none_or(|s| s.get_ref() == "proportional");
            shared.push((pool.tags.clone(), proportional));
        }
        AllocationConfig { team_tag_keys: cost.team_tag_keys.clone(), shared }
    }

    fn ui(&mut self, file: &raw::File) -> UiConfig {
        let default = UiConfig::default();
        if let Some(theme) = &file.ui.theme {
            self.one_of("theme", theme, &THEMES);
        }
        if let Some(range) = &file.ui.range {
            self.one_of("range", range, &RANGES);
        }
        UiConfig {
            theme: file.ui.theme.as_ref().map_or(default.theme, |t| t.get_ref().clone()),
            ascii: file.ui.ascii.unwrap_or(default.ascii),
            mouse: file.ui.mouse.unwrap_or(default.mouse),
            range: file.ui.range.as_ref().map_or(default.range, |r| r.get_ref().clone()),
            keys: file.keys.iter().map(|(action, key)| (action.get_ref().clone(), key.get_ref().clone())).collect(),
        }
    }

    /// Take the `[[source]]` blocks out of the table: the common keys are read here, the kind's own are kept.
    fn sources(&mut self, root: &mut Spanned<DeTable<'a>>, named: &Named) -> Vec<SourceConfig> {
        let Some(found) = root.get_mut().remove("source") else { return Vec::new() };
        let at = found.span().start;
        let DeValue::Array(blocks) = found.into_inner() else {
            self.fault(at, "expected blocks that begin with [[source]]");
            return Vec::new();
        };
        let text: Arc<str> = Arc::from(self.place.text);
        let mut names = Vec::new();
        let mut out = Vec::new();
        for block in blocks {
            let span = block.span();
            let DeValue::Table(mut common) = block.into_inner() else {
                self.fault(span.start, "expected a block that begins with [[source]]");
                continue;
            };
            let mut own = DeTable::new();
            let keys: Vec<_> = common.keys().filter(|k| !raw::SOURCE_KEYS.contains(&k.get_ref().as_ref())).cloned().collect();
            for key in keys {
                if let Some(value) = common.remove(&key) {
                    own.insert(key, value);
                }
            }
            let Some(source) = read::read::<raw::Source>(self.place, Spanned::new(span.clone(), common), &[], &mut self.faults) else {
                continue;
            };
            if let Some(team) = &source.team {
                self.known_team(team, named);
            }
            out.push(SourceConfig {
                name: source.name.get_ref().clone(),
                kind: source.kind,
                every: period(source.every),
                timeout: period(source.timeout),
                backfill: period(source.backfill),
                off: source.off,
                service: source.service,
                team: source.team.map(Spanned::into_inner),
                env_tier: source.env_tier,
                line: self.place.fault(span.start, "").line,
                own: OwnKeys {
                    table: <toml::Table as serde::Deserialize>::deserialize(toml::Deserializer::from(Spanned::new(span.clone(), own)))
                        .unwrap_or_default(),
                    file: self.place.file.to_owned(),
                    text: text.clone(),
                    span,
                    dir: self.dir.to_owned(),
                },
            });
            names.push(source.name);
        }
        self.unique("source", names.iter());
        out
    }
}

/// Names the file gives, gathered before anything faulty is cut out, so that one fault does not become several.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Of `[[team]]`.
    pub teams: BTreeSet<String>,
    /// Of `[[service]]`, of the teams' services and of the sources' service.
    pub services: BTreeSet<String>,
}

impl Named {
    fn of(root: &DeTable<'_>) -> Self {
        let mut named = Self::default();
        let blocks =
            |key: &str| root.get(key).and_then(|v| v.get_ref().as_array()).into_iter().flatten().filter_map(|b| b.get_ref().as_table());
        let text = |value: Option<&Spanned<DeValue<'_>>>| value.and_then(|v| v.get_ref().as_str()).map(str::to_owned);
        for team in blocks("team") {
            named.teams.extend(text(team.get("name")));
            let services = team.get("services").and_then(|v| v.get_ref().as_array());
            named.services.extend(services.into_iter().flatten().filter_map(|v| text(Some(v))));
        }
        named.services.extend(blocks("service").filter_map(|s| text(s.get("name"))));
        named.services.extend(blocks("source").filter_map(|s| text(s.get("service"))));
        named
    }
}

/// `[kpi.time_to_restore.p90]` is a table in a table to TOML; here it means the metric `time_to_restore.p90`. So does a
/// misspelt one, to be told which metric is near.
fn quote_metric_ids(root: &mut DeTable<'_>) {
    let Some(DeValue::Table(kpis)) = root.get_mut("kpi").map(Spanned::get_mut) else { return };
    let heads: Vec<_> = kpis.keys().cloned().collect();
    for head in heads {
        let Some(DeValue::Table(table)) = kpis.get_mut(&head).map(Spanned::get_mut) else { continue };
        let means_metric = |tail: &str, value: &DeValue<'_>| {
            metric::find(&format!("{}.{tail}", head.get_ref())).is_some() || (value.is_table() && !["baseline", "target"].contains(&tail))
        };
        let tails: Vec<_> =
            table.iter().filter(|(tail, value)| means_metric(tail.get_ref(), value.get_ref())).map(|(tail, _)| tail.clone()).collect();
        let mut moved = Vec::new();
        for tail in tails {
            if let Some(value) = table.remove(&tail) {
                moved.push((Spanned::new(tail.span(), format!("{}.{}", head.get_ref(), tail.get_ref()).into()), value));
            }
        }
        let emptied = table.is_empty() && !moved.is_empty();
        if emptied {
            kpis.remove(&head);
        }
        kpis.extend(moved);
    }
}

fn store(raw: &raw::Store, dir: &Path) -> StoreConfig {
    let default = StoreConfig::default();
    StoreConfig {
        path: raw.path.as_deref().map(|p| super::relative_to(dir, p)),
        keep_minutes: period(raw.keep_minutes).unwrap_or(default.keep_minutes),
        keep_hours: period(raw.keep_hours).unwrap_or(default.keep_hours),
        keep_records: period(raw.keep_records),
    }
}

pub(super) fn period(raw: Option<Period>) -> Option<Duration> {
    raw.map(|p| p.0)
}
