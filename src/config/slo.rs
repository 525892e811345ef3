//! `[[slo]]`: from the tables as written to checked objectives, each fault at its key.
//!
//! What an objective must not be (no budget, an alert that can never fire, slices nobody keeps) is one list of rules for
//! both ways of writing one: this file's tables, and OpenSLO (`openslo`).

use std::{borrow::Cow, time::Duration};

use toml::Spanned;

use super::{
    check::{Check, Named, period},
    raw::{self, AlertProfile, Text},
    target,
};
use crate::{
    analysis::burn,
    domain::{
        metric::Unit,
        slo::{Least, Method, Period, Rule, Sli, Slo},
        text::clean,
        window::Tz,
    },
};

/// Words of `slo.sli`.
pub const SLIS: [&str; 4] = ["requests", "latency", "probe", "incidents"];
/// Words of `slo.method`.
const METHODS: [&str; 3] = ["occurrences", "timeslices", "ratio_timeslices"];
/// Words of `slo.calendar`.
const CALENDARS: [&str; 3] = ["week", "month", "quarter"];

const HOUR_S: u64 = 3_600;
const DAY_S: f64 = 86_400.0;

/// A factor below this opens tickets for spending on budget.
const LEAST_FACTOR: f64 = 0.9;

impl Check<'_> {
    pub(super) fn slos(&mut self, raw: &[Spanned<raw::Slo>], named: &Named, zone: Tz, keep_minutes: Duration) -> Vec<Slo> {
        self.unique("SLO", raw.iter().filter_map(|s| s.get_ref().name.as_ref()));
        let mut out: Vec<Slo> = Vec::new();
        for slo in raw {
            let at = slo.span().start;
            let slo = slo.get_ref();
            if let Some(pattern) = &slo.openslo {
                if slo.name.is_some() || slo.sli.is_some() || slo.target.is_some() {
                    self.fault(pattern.span().start, "`openslo` stands alone: the files say all the rest");
                    continue;
                }
                for found in self.openslo(pattern, named, zone, keep_minutes) {
                    if out.iter().any(|s| s.name == found.name) {
                        self.fault(
                            pattern.span().start,
                            format!("the SLO `{}` of {} is already there; names are unique", found.name, found.from),
                        );
                    }
                    out.push(found);
                }
                continue;
            }
            out.extend(self.slo(slo, at, named, zone, keep_minutes));
        }
        out
    }

    fn slo(&mut self, raw: &raw::Slo, at: usize, named: &Named, zone: Tz, keep_minutes: Duration) -> Option<Slo> {
        let services: Vec<&Text> = raw.service.iter().chain(&raw.services).collect();
        for service in &services {
            self.known_service(service, named);
        }
        if let Some(team) = &raw.team {
            self.known_team(team, named);
        }
        match (services.len(), &raw.team) {
            (0, None) => self.fault(at, "an SLO needs a `service`, several `services` or a `team`"),
            (1.., Some(team)) => self.fault(team.span().start, "`team` means every service of the team; name services or a team, not both"),
            _ => {}
        }
        for (key, missing) in [("name", raw.name.is_none()), ("sli", raw.sli.is_none()), ("target", raw.target.is_none())] {
            if missing {
                self.fault(at, format!("the key `{key}` is missing"));
            }
        }
        let window = self.slo_window(raw, at);
        let method = self.method(raw, at);
        let alerts = self.alerts(raw.alert_profile.as_ref());
        let zone = if raw.timezone.is_some() { self.zone(raw.timezone.as_ref()) } else { zone };
        let sli = self.sli(raw.sli.as_ref()?, period(raw.threshold));
        let share = self.share(raw.target.as_ref()?)?;
        let least = Least::default();
        let mut number = |given: &Option<Spanned<f64>>, usual: f64| match given {
            Some(n) if n.get_ref().is_finite() && *n.get_ref() >= 0.0 => *n.get_ref(),
            Some(n) => {
                self.fault(n.span().start, "expected a number of events, 0 or more");
                usual
            }
            None => usual,
        };
        let least = Least { events: number(&raw.min_events, least.events), bad: number(&raw.min_bad, least.bad) };
        let silent_after = raw.silent_after.as_ref().map(|n| {
            if *n.get_ref() == 0 {
                self.fault(n.span().start, "expected a number of intervals, 1 or more; leave it out for no alert");
            }
            *n.get_ref()
        });
        let mut slo = Slo {
            name: clean(raw.name.as_ref()?.get_ref()),
            services: services.iter().map(|s| s.get_ref().clone()).collect(),
            team: raw.team.as_ref().map(|t| t.get_ref().clone()),
            sli,
            target: share,
            period: window?,
            zone,
            method: method?,
            rules: alerts?,
            least,
            silent_after,
            from: format!("{}:{}", self.place.file, self.place.fault(at, "").line),
            warnings: Vec::new(),
        };
        let (faults, warnings) = judge(&slo, keep_minutes);
        slo.warnings = warnings;
        for (key, message) in faults {
            let place = match key {
                "window" => raw.window.as_ref().map(Spanned::span).or(raw.calendar.as_ref().map(Spanned::span)),
                "target" => raw.target.as_ref().map(Spanned::span),
                "slice" => raw.slice.as_ref().map(Spanned::span),
                "alert_profile" => raw.alert_profile.as_ref().map(Spanned::span),
                _ => None,
            };
            self.fault(place.map_or(at, |span| span.start), message);
        }
        Some(slo)
    }

    /// What is counted; after a fault anything, for the other checks to go on.
    fn sli(&mut self, word: &Text, threshold: Option<Duration>) -> Sli {
        self.one_of("indicator", word, &SLIS);
        sli(word.get_ref(), threshold).unwrap_or_else(|| {
            if word.get_ref() == "latency" {
                self.fault(word.span().start, "an SLO on latency needs `threshold`, as in \"300ms\"");
            }
            Sli::Requests
        })
    }

    /// A share of good that leaves a budget.
    fn share(&mut self, text: &Text) -> Option<f64> {
        let share = target::bound(text.get_ref().trim(), Unit::Ratio, "").filter(|t| burn::budget(*t).is_ok());
        if share.is_none() {
            let shown = clean(text.get_ref());
            let why = format!("`{shown}` leaves no error budget to spend; expected more than 0 % and less than 100 %, such as \"99.9%\"");
            self.fault(text.span().start, why);
        }
        share
    }

    fn slo_window(&mut self, raw: &raw::Slo, at: usize) -> Option<Period> {
        match (&raw.window, &raw.calendar) {
            (Some(window), None) => return Some(rolling(window.get_ref().0)),
            (None, Some(word)) => {
                self.one_of("calendar window", word, &CALENDARS);
                return calendar(word.get_ref());
            }
            (Some(_), Some(word)) => self.fault(word.span().start, "either `window` (rolling) or `calendar`, not both"),
            (None, None) => self.fault(at, "the key `window` is missing (\"30d\"), or `calendar` (\"month\")"),
        }
        None
    }

    fn method(&mut self, raw: &raw::Slo, at: usize) -> Option<Method> {
        let word = raw.method.as_ref().map_or("occurrences", |m| m.get_ref().as_str());
        if let Some(method) = &raw.method {
            self.one_of("budgeting method", method, &METHODS);
        }
        let slice = raw.slice.as_ref().map(|s| s.get_ref().0);
        if let (Some(slice), "occurrences") = (&raw.slice, word) {
            self.fault(slice.span().start, "`slice` belongs to `method = \"timeslices\"` or \"ratio_timeslices\"");
        }
        if let Some(target) = raw.slice_target.as_ref().filter(|_| word != "timeslices") {
            self.fault(target.span().start, "`slice_target` belongs to `method = \"timeslices\"`");
        }
        if slice.is_none() && word != "occurrences" && METHODS.contains(&word) {
            self.fault(raw.method.as_ref().map_or(at, |m| m.span().start), format!("`{word}` needs `slice`, as in \"1h\""));
        }
        match word {
            "occurrences" => Some(Method::Occurrences),
            "timeslices" => {
                let text = raw.slice_target.as_ref().or(raw.target.as_ref())?;
                let share = target::bound(text.get_ref().trim(), Unit::Ratio, "").filter(|t| *t > 0.0);
                if share.is_none() {
                    self.fault(text.span().start, "expected the share of good that makes a slice good, such as \"99%\"");
                }
                Some(Method::Timeslices { slice_s: slice?.as_secs_f64(), target: share? })
            }
            "ratio_timeslices" => Some(Method::RatioTimeslices { slice_s: slice?.as_secs_f64() }),
            _ => None,
        }
    }

    fn alerts(&mut self, raw: Option<&Spanned<AlertProfile>>) -> Option<Vec<Rule>> {
        let Some(profile) = raw else { return Some(Vec::new()) };
        match profile.get_ref() {
            AlertProfile::Named(word) => match word.as_str() {
                "30d" => Some(burn::MONTHLY.to_vec()),
                "7d" => Some(burn::WEEKLY.to_vec()),
                _ => {
                    let message = format!(
                        "unknown alert profile `{}`; expected `30d`, `7d` or a list of {{ name, budget, long, short }}",
                        clean(word)
                    );
                    self.fault(profile.span().start, message);
                    None
                }
            },
            AlertProfile::Rules(rules) => {
                self.unique("alert", rules.iter().map(|r| &r.name));
                rules.iter().map(|rule| self.alert(rule)).collect()
            }
        }
    }

    fn alert(&mut self, rule: &raw::AlertRule) -> Option<Rule> {
        let name = rule.name.get_ref();
        if !name.starts_with("page") && !name.starts_with("ticket") {
            self.fault(rule.name.span().start, format!("`{}` must begin with `page` (wakes someone) or `ticket`", clean(name)));
        }
        let share = target::bound(rule.budget.get_ref().trim(), Unit::Ratio, "").filter(|s| *s > 0.0 && *s <= 1.0);
        if share.is_none() {
            self.fault(rule.budget.span().start, "expected the share of the budget that is spent when it fires, such as \"2%\"");
        }
        Some(Rule { name: Cow::Owned(clean(name)), share: share?, long_s: rule.long.0.as_secs_f64(), short_s: rule.short.0.as_secs_f64() })
    }
}

/// What is counted, by its word; `None` for an unknown one, and for latency without a threshold.
pub(super) fn sli(word: &str, threshold: Option<Duration>) -> Option<Sli> {
    match word {
        "requests" => Some(Sli::Requests),
        "latency" => Some(Sli::Latency { threshold_s: threshold?.as_secs_f64() }),
        "probe" => Some(Sli::Probe),
        "incidents" => Some(Sli::Incidents),
        _ => None,
    }
}

/// The last so long.
pub(super) fn rolling(length: Duration) -> Period {
    Period::Rolling(i64::try_from(length.as_secs()).unwrap_or(i64::MAX / 1_000_000))
}

/// A calendar window by its word.
pub(super) fn calendar(word: &str) -> Option<Period> {
    match word {
        "week" => Some(Period::Week),
        "month" => Some(Period::Month),
        "quarter" => Some(Period::Quarter),
        _ => None,
    }
}

/// Shortest and longest length of a window, seconds.
fn lengths(window: Period) -> (f64, f64) {
    match window {
        Period::Rolling(s) => (s as f64, s as f64),
        Period::Week => (7.0 * DAY_S, 7.0 * DAY_S),
        Period::Month => (28.0 * DAY_S, 31.0 * DAY_S),
        Period::Quarter => (90.0 * DAY_S, 92.0 * DAY_S),
    }
}

/// What an objective must not be, by key; and what is allowed but hardly meant.
pub(super) fn judge(slo: &Slo, keep_minutes: Duration) -> (Vec<(&'static str, String)>, Vec<String>) {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    let (shortest, longest) = lengths(slo.period);
    let rules = burn::rules(slo, shortest);
    let longest_alert = rules.iter().max_by(|a, b| a.long_s.total_cmp(&b.long_s));
    if let Some(rule) = longest_alert.filter(|r| r.long_s > shortest) {
        let why = format!(
            "the window is shorter than the longest alert window ({} looks back {}); choose a longer one, or an `alert_profile` that fits",
            rule.name,
            words(rule.long_s)
        );
        faults.push(("window", why));
        return (faults, warnings);
    }
    for rule in &rules {
        if rule.short_s >= rule.long_s {
            faults.push(("alert_profile", format!("the short window of `{}` must be shorter than its long one", rule.name)));
            continue;
        }
        let (factor, at_most) = (rule.factor(shortest), rule.factor(longest));
        let budget = burn::budget(slo.target).unwrap_or(1.0);
        if at_most * budget >= 1.0 {
            let why = format!(
                "`{}` can never fire: {} times the budget of {} % is an error ratio of 100 % or more; choose a higher target, or an `alert_profile` with a smaller share",
                rule.name,
                trimmed(at_most),
                trimmed(budget * 100.0)
            );
            faults.push((if slo.rules.is_empty() { "target" } else { "alert_profile" }, why));
        } else if factor < LEAST_FACTOR {
            let why = format!("`{}` fires at {} times the budget: it opens tickets for spending on budget", rule.name, trimmed(factor));
            warnings.push(why);
        }
    }
    if let Method::Timeslices { slice_s, .. } | Method::RatioTimeslices { slice_s } = slo.method {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length of time, whole seconds of it")]
        let s = slice_s as u64;
        let whole = slice_s.fract() == 0.0 && s > 0;
        let even = if s < HOUR_S {
            s.is_multiple_of(60) && HOUR_S.is_multiple_of(s)
        } else {
            s.is_multiple_of(HOUR_S) && (24 * HOUR_S).is_multiple_of(s)
        };
        if !whole || !even {
            faults.push(("slice", "a slice must divide an hour into whole minutes, or a day into whole hours: 1m, 5m, 15m, 1h, 4h".into()));
        } else if s < HOUR_S && slo.sli != Sli::Incidents && keep_minutes.as_secs_f64() < longest {
            let why = format!(
                "slices of {} need every minute of the window; the store keeps them for {}: choose a slice of an hour or more, or set `keep_minutes` in [store] to {}",
                words(s as f64),
                words(keep_minutes.as_secs_f64()),
                words(longest)
            );
            faults.push(("slice", why));
        }
    }
    (faults, warnings)
}

fn trimmed(n: f64) -> String {
    let text = format!("{n:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time as it is written here.
fn words(seconds: f64) -> String {
    for (unit, length) in [("d", DAY_S), ("h", 3_600.0), ("m", 60.0)] {
        if seconds >= length && (seconds / length).fract() == 0.0 && (unit != "d" || seconds > 3.0 * DAY_S) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}
