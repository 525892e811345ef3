//! Synthetic boards for tests of the screen: nothing, good, all bad, long names and wide letters. Deterministic.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use chrono::Duration;
use quarterdeck::{
    app::{App, Depth, Setup},
    domain::{
        Time,
        care::Care,
        health::{Progress, SourceHealth, SourceStatus},
        metric::{self, CATALOGUE, Metric, Quarter, Unit},
        slo::{Least, Method, Period, Sli, Slo},
        target::Target,
        team::Roster,
        value::{Datum, Judgement, Reading, Scope, Status},
        window::{Tz, Window},
    },
    kpi::{
        Settings,
        board::{Board, Driver, GroupRow, Look, Marker, MarkerKind, Row, Series},
        care::Flag,
        fact::{Bucket, Facts},
        library::Library,
        objective::{KeyResultState, ObjectiveState, Verdict},
        room::{Chart, Moment, Room},
        slo::{self, Material, State, burnt::Behind},
        why::{self, Cut, Doubt, DoubtKind, Moved, Score, Shift, Side, Suspected, Suspicion, Why},
    },
};

/// What a board is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nothing has arrived yet.
    Nothing,
    /// Everything fed (engagement and people too), everything on target.
    Good,
    /// Everything off target, too small, refused, stale.
    Bad,
    /// Long names, wide letters, huge and tiny numbers.
    Long,
}

impl Mood {
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Long => "long",
        }
    }
}

pub fn now() -> Time {
    "2026-03-31T12:32:10Z".parse().unwrap()
}

pub fn zone() -> Tz {
    "Europe/Berlin".parse().unwrap()
}

/// An app at a size, without a board.
pub fn app(size: (u16, u16)) -> App {
    App::new(setup(size)).unwrap()
}

/// Read once: every test makes many apps.
static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library::builtin().unwrap());

pub fn setup(size: (u16, u16)) -> Setup {
    Setup {
        org: "Acme".into(),
        zone: zone(),
        look: Look::default(),
        theme: "auto".into(),
        depth: Depth::True,
        ascii: false,
        mouse: true,
        keys: BTreeMap::new(),
        library: LIBRARY.clone(),
        now: now(),
        size,
    }
}

/// A board that answers a look.
pub fn board(mood: Mood, look: &Look) -> Arc<Board> {
    let window = Window::ending(look.at.unwrap_or_else(now), look.range.length());
    let scope = &look.scope;
    let nothing = mood == Mood::Nothing;
    let focus_metric = look.focus.and_then(metric::find);
    Arc::new(Board {
        look: look.clone(),
        org: if mood == Mood::Long { "The Very Long Named Incorporated Company 株式会社".into() } else { "Acme".into() },
        zone: zone(),
        currency: "EUR".into(),
        as_of: window.to,
        window,
        readings: if nothing { BTreeMap::new() } else { readings(mood, scope, 0) },
        unfed: CATALOGUE.iter().filter(|m| nothing || !told(m, mood)).map(|m| m.id).collect(),
        series: if nothing { BTreeMap::new() } else { all_series(mood, window, look.focus) },
        series_before: focus_metric.filter(|_| !nothing).map(|m| series(m, mood, window.before(), 56, 7)),
        teams: if nothing { Vec::new() } else { groups(mood, &TEAMS, &LONG_TEAMS, Scope::Team, false) },
        services: if nothing { Vec::new() } else { groups(mood, &SERVICES, &LONG_SERVICES, Scope::Service, true) },
        markers: if nothing { Vec::new() } else { markers(window) },
        open_incidents: open_incidents(mood),
        incidents: incidents(mood, window),
        deployments: if nothing { Vec::new() } else { deployments(mood, window) },
        rows: focus_metric.filter(|_| !nothing).map_or_else(Vec::new, |m| rows(m, mood, window)),
        slos: slos(mood, window.to, look),
        rows_total: if nothing { 0 } else { 231 },
        why: focus_metric.filter(|_| !nothing).map(|m| because(m, mood, scope, window)),
        room: look.incident.as_deref().filter(|_| !nothing).map(|key| room(key, mood)),
        care: if nothing { BTreeMap::new() } else { care() },
        objectives: if nothing { Vec::new() } else { objectives(mood) },
        flags: if mood == Mood::Bad { flags() } else { Vec::new() },
        drivers: if nothing { BTreeMap::new() } else { drivers(mood) },
        records: if nothing { 0 } else { 48_210 },
        catalogue: quarterdeck::domain::defined::Catalogue::default(),
    })
}

/// Objectives: evaluated from synthetic buckets, so that the screen shows what the formulas say.
fn slos(mood: Mood, as_of: Time, look: &Look) -> Vec<State> {
    let long = mood == Mood::Long;
    let one = |name: &str, service: &str, target: f64, period: Period, bad_share: f64, recent: f64| {
        let slo = Arc::new(Slo {
            name: name.into(),
            services: vec![service.into()],
            team: None,
            sli: Sli::Requests,
            target,
            method: Method::Occurrences,
            period,
            zone: zone(),
            rules: Vec::new(),
            least: Least::default(),
            silent_after: None,
            from: "config.toml:12".into(),
            warnings: Vec::new(),
        });
        let mut buckets = Vec::new();
        let mut put = |metric: &str, endpoint: &str, minutes_ago: i64, lasts: i64, a: f64| {
            let labels = Arc::new(BTreeMap::from([("endpoint".to_owned(), endpoint.to_owned())]));
            let span = Window::ending(as_of - Duration::minutes(minutes_ago), Duration::minutes(lasts));
            let (metric, service) = (metric.into(), service.into());
            buckets.push(Bucket { metric, service, teams: [].into(), labels, span, n: 1, a, b: 0.0, c: 0.0, d: 0.0, hist: None });
        };
        if recent >= 0.0 {
            for minute in 0..360 {
                put("requests", "/pay", minute, 1, 1000.0);
                put("errors", "/pay", minute, 1, 1000.0 * if minute < 60 { recent } else { recent / 4.0 });
            }
        }
        for day in 1..28 {
            put("requests", "/pay", day * 1440, 1440, 1_440_000.0);
            put("errors", "/pay", day * 1440, 1440, if (9..12).contains(&day) { 1_440_000.0 * bad_share * 6.0 } else { 0.0 });
            put("errors", "/cart", day * 1440, 1440, 1_440_000.0 * bad_share * 0.3);
        }
        let settings = Settings { as_of, zone: zone(), ..Settings::default() };
        let behind = Behind {
            rows: [
                incidents(mood, Window::ending(as_of, Duration::days(28))),
                deployments(mood, Window::ending(as_of, Duration::days(28))),
            ]
            .concat(),
            ..Behind::default()
        };
        let behind = (look.slo.as_deref() == Some(name)).then_some(&behind);
        slo::evaluate(
            &slo,
            &Material { facts: &Facts::default(), buckets: &buckets, settings: &settings, roster: &Roster::default(), behind },
        )
    };
    let rolling = Period::Rolling(28 * 86_400);
    let mut all = match mood {
        Mood::Nothing => Vec::new(),
        Mood::Good => vec![
            one("checkout availability", "checkout-api", 0.999, rolling, 0.0004, 0.0),
            one("ledger by the month", "ledger", 0.995, Period::Month, 0.0011, 0.0004),
            one("catalog", "catalog", 0.9, rolling, 0.01, 0.0),
        ],
        Mood::Bad | Mood::Long => vec![
            one(
                if long { LONG_SERVICES[0] } else { "checkout availability" },
                if long { LONG_SERVICES[0] } else { "checkout-api" },
                0.999,
                rolling,
                0.0008,
                0.021,
            ),
            one(if long { LONG_SERVICES[1] } else { "ledger by the month" }, "ledger", 0.995, Period::Month, 0.009, 0.002),
            one("gateway", "gateway", 0.99, rolling, 0.004, -1.0),
            one("search", "search-index", 0.9999, Period::Rolling(7 * 86_400), 0.0, 0.00017),
        ],
    };
    if mood == Mood::Bad {
        let mut silent = all[2].clone();
        silent.slo = Arc::new(Slo { name: "push".into(), services: vec!["push".into()], ..(*silent.slo).clone() });
        (silent.value, silent.remaining, silent.last, silent.valid, silent.bad) = (None, None, None, 0.0, 0.0);
        silent.reason = Some("nothing was counted in 28 d".into());
        all.push(silent);
    }
    slo::sort(&mut all);
    all
}

const TEAMS: [&str; 6] = ["payments", "checkout", "search", "platform", "mobile", "unattributed"];
const SERVICES: [&str; 7] = ["checkout-api", "ledger", "catalog", "search-index", "gateway", "push", "app-bff"];
const LONG_TEAMS: [&str; 4] =
    ["team-for-everything-that-has-no-other-home-2026", "支払いと決済のチーム", "Ünïcödé-Größenwahn", "unattributed"];
const LONG_SERVICES: [&str; 4] = ["customer-facing-checkout-and-payment-gateway-v2-legacy", "検索インデックス", "ÅÄÖ-tjänsten", "x"];

/// What happened around an incident: two suspects, a timeline, two charts.
fn room(key: &str, mood: Mood) -> Room {
    let onset = now() - Duration::minutes(42);
    let span = Window::new(onset - Duration::hours(2), now());
    let service = if mood == Mood::Long { LONG_SERVICES[0] } else { "checkout-api" };
    let suspected = |title: &str, share, lag_s: f64, reason: &str| Suspicion {
        key: "ci/d41".into(),
        title: title.into(),
        service: service.into(),
        at: onset - Duration::seconds(1_200),
        share,
        lag_s,
        reasons: vec![reason.into(), "20 min before".into()],
    };
    let moment = |minutes, text: &str, kind| Moment { at: onset + Duration::minutes(minutes), text: text.into(), key: String::new(), kind };
    let buckets: Vec<Window> = (0..54).map(|i| Window::ending(span.from + Duration::minutes(3 * (i + 1)), Duration::minutes(3))).collect();
    let chart = |metric: &'static str, base: f64| Chart {
        metric,
        service: service.into(),
        series: Series {
            values: (0..54)
                .map(|i| (i % 17 != 5).then(|| base * if i < 40 { 1.0 } else { 6.0 } * (1.0 + f64::from(i % 5) / 20.0)))
                .collect(),
            buckets: buckets.clone(),
            last_is_partial: true,
        },
    };
    Room {
        key: key.into(),
        onset,
        end: (mood == Mood::Good).then(|| onset + Duration::minutes(30)),
        span,
        owners: vec![names(mood)[0].into()],
        runbooks: vec!["https://wiki.example.org/checkout".into()],
        timeline: vec![
            moment(-20, "deployment checkout-api 1.4.2", Some(MarkerKind::Deployment)),
            moment(0, "began", None),
            moment(4, "acknowledged", None),
            moment(12, "annotation flag new-basket off", Some(MarkerKind::Annotation)),
        ],
        suspected: Some(Suspected {
            onset,
            onset_from: "its start",
            confirmed: Vec::new(),
            suspects: vec![
                suspected("deployment 1.4.2", 0.51, 1_200.0, "same service"),
                suspected("config change limits", 0.3, 300.0, "a service it calls"),
            ],
            none_share: 0.16,
            chance: 0.02,
            per_hour: 0.02,
            shift: Some(Shift { raw: 0.015, against_control: 0.0145, standard_error: 0.002 }),
            versions: Vec::new(),
        }),
        charts: vec![chart("error_rate", 0.004), chart("latency_p95", 0.21)],
        rows: Vec::new(),
    }
}

fn care() -> BTreeMap<String, Care> {
    let of = |owner: &str, perspective: &str, north_star| Care {
        owner: Some(owner.into()),
        perspective: Some(perspective.into()),
        north_star,
        decision: Some("slow down the releases of a team above 20 %".into()),
        ..Care::default()
    };
    let mut care: BTreeMap<String, Care> =
        targets().into_iter().map(|(id, target)| (id.to_owned(), Care { target: Some(target), ..Care::default() })).collect();
    for (id, said) in [
        ("change_failure_rate", of("VP Engineering", "process", false)),
        ("lead_time.median", of("VP Engineering", "process", true)),
        ("infra_cost.effective", of("CFO", "financial", false)),
    ] {
        let target = care.remove(id).and_then(|c| c.target);
        care.insert(id.to_owned(), Care { target, ..said });
    }
    care
}

fn flags() -> Vec<Flag> {
    vec![Flag { kind: "volatile", text: "the recent weeks spread more than twice as far, or the last one is out of line".into() }]
}

fn objectives(mood: Mood) -> Vec<ObjectiveState> {
    let bad = mood == Mood::Bad;
    let result = |metric, team: Option<&str>, from, to, value: Option<f64>, verdict| KeyResultState {
        metric,
        scope: team.map_or(Scope::Org, |t| Scope::Team(t.into())),
        from,
        to,
        value,
        progress: value.map(|v: f64| (v - from) / (to - from)),
        elapsed: 0.62,
        due: "2026-06-30".parse().unwrap(),
        days_left: 91,
        verdict,
        reason: None,
    };
    let verdict = if bad { Verdict::Behind } else { Verdict::OnPace };
    let value = if bad { 0.17 } else { 0.11 };
    let name = if mood == Mood::Long {
        "支払いと決済 without fear, at any time of day, in every region we serve"
    } else {
        "Ship without fear"
    };
    vec![ObjectiveState {
        name: name.into(),
        owner: Some("VP Engineering".into()),
        progress: Some(if bad { 0.1 } else { 0.7 }),
        verdict,
        key_results: vec![
            result("change_failure_rate", None, 0.18, 0.08, Some(value), verdict),
            result("lead_time.median", Some(names(mood)[0]), 432_000.0, 86_400.0, None, Verdict::NoData),
        ],
    }]
}

fn names(mood: Mood) -> &'static [&'static str] {
    if mood == Mood::Long { &LONG_TEAMS } else { &TEAMS }
}

fn drivers(mood: Mood) -> BTreeMap<&'static str, Driver> {
    let one = |share| Driver { by: "team".into(), name: names(mood)[0].into(), contribution: 0.1, share };
    BTreeMap::from([("lead_time.median", one(0.7)), ("change_failure_rate", one(0.55)), ("uptime", one(0.9))])
}

/// An explanation with everything in it: doubts, two cuts, a nested one, records, suspects.
fn because(metric: &'static Metric, mood: Mood, scope: &Scope, window: Window) -> Why {
    let (from, to) = (0.2, 0.2 + 0.1);
    let side = |value: f64, n: f64| Side { value: Some(value), n };
    let part = |name: &str, rate: f64, mix: f64| why::Part {
        name: name.into(),
        contribution: rate + mix,
        rate: Some(rate),
        mix: Some(mix),
        before: side(0.2, 40.0),
        now: side(0.3, 30.0),
        inside: None,
    };
    let cut = |by: &str, parts: Vec<why::Part>| Cut {
        by: by.into(),
        how: "rate and mix",
        total: parts.iter().map(|p| p.contribution).sum(),
        gross: parts.iter().map(|p| p.contribution.abs()).sum(),
        parts,
        pooled: 0,
        is_lower_bound: false,
        score: Some(Score { concentration: 0.4, surprise: 0.1, cardinality: 0.05, covered: 1.0, total: Some(0.45) }),
        refused: None,
    };
    let mut first = part(names(mood)[0], 0.09, 0.03);
    first.inside = Some(Box::new(cut("change_type", vec![part("feature", 0.07, 0.0), part("fix", 0.02, 0.0)])));
    let by_team = cut("team", vec![first, part(names(mood)[1], 0.01, -0.04), part(names(mood)[2], 0.0, 0.01)]);
    Why {
        metric: metric.id,
        scope: scope.clone(),
        window,
        before: window.before(),
        from: Some(from),
        to: Some(to),
        unit: metric.unit.word("EUR"),
        doubts: vec![Doubt { kind: DoubtKind::Break, text: "the rule set changed: 9.1 before, 9.2 now".into() }],
        guard: Some(Judgement { verdict: "significant", test: "Fisher", p: Some(0.004), interval: None, by_family: false }),
        drivers: Vec::new(),
        cuts: vec![by_team, cut("weekday", vec![part("Mon", 0.1, 0.0)])],
        members: vec![Moved { key: "ci/d42".into(), at: Some(window.from), service: "ledger".into(), value: None, effect: 0.009 }],
        suspected: Some(Suspected {
            onset: window.to,
            onset_from: "the last changepoint of the series",
            confirmed: Vec::new(),
            suspects: vec![Suspicion {
                key: "ci/d41".into(),
                title: "deployment 1.4.2".into(),
                service: "checkout-api".into(),
                at: window.from,
                share: 0.51,
                lag_s: 1_200.0,
                reasons: vec!["same service".into(), "20 min before".into()],
            }],
            none_share: 0.16,
            chance: 0.86,
            per_hour: 2.0,
            shift: None,
            versions: Vec::new(),
        }),
        refused: None,
    }
}

fn targets() -> BTreeMap<&'static str, Target> {
    let t = |text: &str, op, bound| Target { text: text.into(), op, bound };
    BTreeMap::from([
        ("uptime", t(">= 99.9%", ">=", 0.999)),
        ("latency_p95", t("< 300ms", "<", 0.3)),
        ("error_rate", t("< 1%", "<", 0.01)),
        ("lead_time.median", t("< 24h", "<", 86_400.0)),
        ("change_failure_rate", t("< 10%", "<", 0.1)),
        ("code_coverage", t(">= 80%", ">=", 0.8)),
        ("cost_allocated_share", t(">= 90%", ">=", 0.9)),
        ("infra_cost.effective", t("< 60000 EUR", "<", 60_000.0)),
    ])
}

/// A plausible value of a metric, good or bad; `i` varies it by team.
fn typical(m: &Metric, mood: Mood, i: usize) -> f64 {
    let bad = mood == Mood::Bad;
    let by = 1.0 + 0.13 * i as f64;
    match (m.id, m.unit) {
        (_, _) if mood == Mood::Long => {
            [1.0e15_f64, 1.0e-7, 123_456_789.123, 0.333_333_333][i % 4].min(if m.unit == Unit::Ratio { 0.999_99 } else { 1e15 })
        }
        ("uptime" | "uptime.requests" | "uptime.from_incidents", _) => {
            if bad {
                0.9871 - 0.002 * i as f64
            } else {
                0.99962 - 0.0001 * i as f64
            }
        }
        ("latency_p95", _) => {
            if bad {
                1.94 * by
            } else {
                0.212 * by
            }
        }
        ("latency_p50", _) => 0.048 * by,
        ("latency_p99", _) => 0.93 * by,
        ("error_rate", _) => {
            if bad {
                0.043 * by
            } else {
                0.0021 * by
            }
        }
        ("lead_time.median", _) => {
            if bad {
                412_000.0 * by
            } else {
                50_520.0 * by
            }
        }
        ("change_failure_rate", _) => {
            if bad {
                0.31
            } else {
                0.043 * by
            }
        }
        ("code_coverage", _) => {
            if bad {
                0.412
            } else {
                0.871 - 0.02 * i as f64
            }
        }
        ("deployment_frequency.per_day", _) => {
            if bad {
                0.21
            } else {
                6.4 / by
            }
        }
        ("infra_cost.effective", _) => {
            if bad {
                91_240.5
            } else {
                48_310.42 / by
            }
        }
        ("infra_cost_forecast", _) => 52_100.0,
        (_, Unit::Ratio) => {
            if m.direction == metric::Direction::Up {
                if bad { 0.61 } else { 0.962 }
            } else if bad {
                0.34
            } else {
                0.031
            }
        }
        (_, Unit::Seconds) => {
            if bad {
                86_000.0 * by
            } else {
                2_640.0 * by
            }
        }
        (_, Unit::Millis) => {
            if bad {
                5_200.0
            } else {
                1_830.0
            }
        }
        (_, Unit::PerDay | Unit::PerWeek) => 4.0 / by,
        (_, Unit::Count(_)) => (if bad { 47.0 } else { 9.0 } * by).round(),
        (_, Unit::Money) => 12_345.67 * by,
        (_, Unit::MoneyPer(_)) => {
            if bad {
                4.81
            } else {
                1.27 * by
            }
        }
        (_, Unit::Plain(_)) => 3.2 * by,
    }
}

fn readings(mood: Mood, scope: &Scope, i: usize) -> BTreeMap<&'static str, Reading> {
    CATALOGUE.iter().enumerate().filter(|(_, m)| told(m, mood)).map(|(k, m)| (m.id, reading(m, mood, scope, i, k))).collect()
}

/// Only the good organisation counts its users and its people.
fn told(m: &Metric, mood: Mood) -> bool {
    mood == Mood::Good || !matches!(m.quarter, Quarter::Engagement | Quarter::People)
}

fn reading(m: &'static Metric, mood: Mood, scope: &Scope, i: usize, k: usize) -> Reading {
    let targets = targets();
    let unit = m.unit.word("EUR");
    let value = typical(m, mood, i);
    let mut r = Reading::ok(m.id, scope.clone(), unit.clone(), value, 231 + 40 * k as u64);
    r.measured_at = Some(now() - Duration::minutes(3));
    r.before = Some(value * [0.92, 1.31, 1.0, 0.62][k % 4]);
    r.change_is_real = [Some(true), Some(false), None, Some(true)][(k + i) % 4];
    if let Some(target) = targets.get(m.id) {
        r.target = Some(target.text.clone());
        r.target_met = Some(target.met(value));
    }
    match m.id {
        "technical_debt_ratio" => r.rating = Some(if mood == Mood::Bad { "D" } else { "A" }.into()),
        "deployment_frequency.per_day" => r.rating = Some(if mood == Mood::Bad { "monthly" } else { "on demand" }.into()),
        "lead_time.stage_mean" | "time_to_restore.stage_mean" => {
            let stages = [("coding", 9_000.0), ("pickup", 4_300.0), ("review", 12_000.0), ("merge", 600.0), ("deploy", 24_000.0)];
            r.value = Some(Datum::Map(stages.iter().map(|(s, v)| ((*s).to_owned(), Datum::Num(*v))).collect()));
            (r.before, r.change_is_real) = (None, None);
        }
        "deployment_frequency.daily" | "infra_cost.daily" | "findings.by_severity" => {
            let days = [("2026-03-29", 4.0), ("2026-03-30", 7.0), ("2026-03-31", 2.0)];
            r.value = Some(Datum::Map(days.iter().map(|(s, v)| ((*s).to_owned(), Datum::Num(*v))).collect()));
            (r.before, r.change_is_real) = (None, None);
        }
        "incident.link" => r = Reading::none(m.id, scope.clone(), unit, Status::NoData, "a list: see the rows"),
        "lead_time.median" => r.assumed = true,
        "infra_cost_forecast" => r.status = Status::Provisional,
        "time_to_restore.mean" if mood == Mood::Bad => r.is_lower_bound = true,
        "error_rate" if mood == Mood::Bad => {
            r = Reading::none(m.id, scope.clone(), unit, Status::Error, "errors exceed requests: the two queries count different things");
        }
        "failed_deployment_recovery_time.median" if mood == Mood::Bad => {
            r = Reading { n: 2, ..Reading::none(m.id, scope.clone(), unit, Status::Insufficient, "2 recoveries, at least 5 needed") };
        }
        "page_load.p75" => {
            r = Reading::none(m.id, scope.clone(), unit, Status::NoData, "no page load was measured in this window");
        }
        "code_coverage" => {
            r.measured_at = Some(now() - Duration::days(if mood == Mood::Bad { 19 } else { 0 }));
            r.coverage = Some(0.93);
        }
        _ => {}
    }
    r
}

fn all_series(mood: Mood, window: Window, focus: Option<&str>) -> BTreeMap<&'static str, Series> {
    CATALOGUE
        .iter()
        .enumerate()
        .filter(|(_, m)| m.facet_of.is_none() || focus == Some(m.id))
        .map(|(k, m)| (m.id, series(m, mood, window, if focus == Some(m.id) { 56 } else { 28 }, k)))
        .collect()
}

/// A course around the typical value: waves, a step, a gap, the last bucket partial.
fn series(m: &'static Metric, mood: Mood, window: Window, count: usize, seed: usize) -> Series {
    let buckets = window.split(count);
    let base = typical(m, mood, 0);
    let values = (0..count)
        .map(|i| {
            let phase = i as f64 / count as f64;
            if (0.55..0.62).contains(&phase) && seed.is_multiple_of(3) {
                return None;
            }
            let wave = (phase * 12.0 + seed as f64).sin() * 0.18 + (phase * 41.0 + seed as f64).sin() * 0.07;
            let step = if mood == Mood::Bad && phase > 0.7 { 0.45 } else { 0.0 };
            match m.unit {
                Unit::Ratio if base > 0.5 => Some((base + (1.0 - base) * 0.8 * (wave * 3.0 - step)).min(1.0)),
                Unit::Count(_) => Some((base * (0.5 + wave * 2.0 + step)).max(0.0).round()),
                _ => Some(base * (1.0 + wave + step)),
            }
        })
        .collect();
    Series { buckets, values, last_is_partial: true }
}

fn groups(mood: Mood, names: &[&str], long: &[&str], scope: fn(String) -> Scope, services: bool) -> Vec<GroupRow> {
    let names = if mood == Mood::Long { long } else { names };
    names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let mut readings = readings(mood, &scope((*name).to_owned()), i);
            readings.retain(|id, _| metric::find(id).is_some_and(|m| m.facet_of.is_none()));
            if i == 4 {
                readings.remove("latency_p95");
            }
            GroupRow { name: (*name).to_owned(), team: services.then(|| TEAMS[i % 5].to_owned()), readings }
        })
        .collect()
}

fn markers(window: Window) -> Vec<Marker> {
    let span = window.to - window.from;
    (0..14)
        .map(|i| {
            let kind = match i {
                3 => MarkerKind::FailedDeployment,
                4 | 10 => MarkerKind::Incident,
                7 => MarkerKind::Annotation,
                _ => MarkerKind::Deployment,
            };
            Marker {
                at: window.from + span * i / 14 + Duration::minutes(40),
                kind,
                label: format!("checkout-api v1.{i}"),
                key: format!("git/v1.{i}"),
            }
        })
        .collect()
}

fn row(kind: &'static str, i: usize, at: Time, title: &str) -> Row {
    Row {
        key: format!("{}/{kind}-{i}", if kind == "incident" { "pager" } else { "git" }),
        kind,
        at,
        service: SERVICES[i % SERVICES.len()].into(),
        team: TEAMS[i % 5].into(),
        title: title.into(),
        value: None,
        tags: Vec::new(),
        details: vec![
            ("key".into(), format!("git/{kind}-{i}")),
            ("started".into(), "2026-03-30 09:12:44".into()),
            ("attributed".into(), "service catalog: checkout-api belongs to payments since 2025-06-01".into()),
            ("classified".into(), "production by environment name `prod`; counted for frequency".into()),
            (
                "linked".into(),
                "incident pager/incident-1 by time: it began 14 min after this deployment, inside the link window of 24 h, and no other deployment of the service lies closer".into(),
            ),
            ("version".into(), "v1.42.0 (3f9c2ab)".into()),
        ],
        related: ["git/change-1", "git/change-2", "pager/incident-1", "git/elsewhere-9"]
            .into_iter()
            .filter(|key| !key.ends_with(&format!("{kind}-{i}")))
            .map(Into::into)
            .collect(),
        url: Some(format!("https://git.example.com/acme/checkout/{kind}/{i}")),
    }
}

fn long_title(mood: Mood, short: &str) -> String {
    if mood == Mood::Long {
        format!("{short}: 決済サービスの障害 with a title that goes on and on because somebody pasted the whole alert text into it, twice")
    } else {
        short.to_owned()
    }
}

fn open_incidents(mood: Mood) -> Vec<Row> {
    let open = |i: usize, minutes: i64, title: &str, sev: &str| Row {
        tags: vec!["open".into(), sev.into()],
        ..row("incident", i, now() - Duration::minutes(minutes), &long_title(mood, title))
    };
    match mood {
        Mood::Nothing | Mood::Good => Vec::new(),
        Mood::Bad => vec![
            open(1, 4_570, "Search results stale", "sev3"),
            open(2, 102, "Checkout returns 502 for card payments", "sev1"),
            open(3, 7, "Ledger lag above 10 min", "sev2"),
        ],
        Mood::Long => vec![open(1, 102, "Alert", "sev1")],
    }
}

fn incidents(mood: Mood, window: Window) -> Vec<Row> {
    if mood == Mood::Nothing {
        return Vec::new();
    }
    let span = window.to - window.from;
    let mut out = open_incidents(mood);
    out.extend((10..15).map(|i| Row {
        value: Some((Datum::Num(1_260.0 * (i as f64 - 8.0)), "s".into())),
        tags: vec![format!("sev{}", i % 3 + 1)],
        ..row("incident", i, window.to - span / 16 * i32::try_from(i - 9).unwrap(), &long_title(mood, "Elevated error rate"))
    }));
    out
}

fn deployments(mood: Mood, window: Window) -> Vec<Row> {
    let span = window.to - window.from;
    (0..24)
        .map(|i| {
            let tags: &[&str] = match i % 6 {
                1 if mood == Mood::Bad => &["failed"],
                3 => &["rollback"],
                5 => &["assumed"],
                _ => &[],
            };
            Row {
                tags: tags.iter().map(|t| (*t).to_owned()).collect(),
                ..row(
                    "deployment",
                    i,
                    window.to - span / 30 * i32::try_from(i + 1).unwrap(),
                    &long_title(mood, &format!("v1.{}.0", 42 - i)),
                )
            }
        })
        .collect()
}

fn rows(m: &'static Metric, mood: Mood, window: Window) -> Vec<Row> {
    let span = window.to - window.from;
    let titles = ["Round totals half to even", "Retry the ledger write once", "Bump the http client", "Show the delivery window"];
    (0..40)
        .map(|i| Row {
            value: Some((Datum::Num(typical(m, if mood == Mood::Long { Mood::Good } else { mood }, i % 5)), m.unit.word("EUR"))),
            ..row("change", i, window.to - span / 50 * i32::try_from(i + 1).unwrap(), &long_title(mood, titles[i % 4]))
        })
        .collect()
}

/// Sources in every state.
pub fn health(mood: Mood) -> Vec<SourceHealth> {
    let ok = |name: &str, kind: &str| SourceHealth {
        status: SourceStatus::Ok,
        message: "1,204 records".into(),
        last_success: Some(now() - Duration::seconds(12)),
        next_try: Some(now() + Duration::seconds(3)),
        records_per_minute: 1_204,
        records_total: 48_210,
        took: Some(Duration::milliseconds(184)),
        ..SourceHealth::starting(name, kind)
    };
    match mood {
        Mood::Nothing => vec![SourceHealth {
            status: SourceStatus::Backfilling,
            message: "reading history of main".into(),
            progress: Some(Progress { done: 1_200, total: Some(5_400) }),
            ..SourceHealth::starting("checkout", "git")
        }],
        Mood::Good => vec![
            SourceHealth { budget_left: Some(4_812), ..ok("checkout", "git") },
            ok("prod-metrics", "prometheus"),
            ok("front-door", "http"),
            ok("bill", "focus"),
        ],
        Mood::Bad | Mood::Long => {
            let name = |short: &str| {
                if mood == Mood::Long { format!("{short}-of-the-whole-group-東京-and-elsewhere") } else { short.to_owned() }
            };
            let bad = |name: String, kind: &str, status, message: &str| SourceHealth {
                status,
                message: message.into(),
                failures: 4,
                records_per_minute: 0,
                ..ok(&name, kind)
            };
            vec![
                ok("checkout", "git"),
                bad(
                    name("prod-metrics"),
                    "prometheus",
                    SourceStatus::Failing,
                    "GET https://prometheus.example.com/api/v1/query: no answer within 30 s; check the address or raise `timeout`",
                ),
                bad(name("code"), "records", SourceStatus::Denied, "401 from git.example.com: the token in GIT_TOKEN is refused; renew it"),
                bad(name("bill"), "focus", SourceStatus::Stale, "bill.csv has not changed for 9 d"),
                bad(name("front-door"), "http", SourceStatus::Throttled, "429: told to wait 60 s"),
                SourceHealth {
                    status: SourceStatus::Backfilling,
                    progress: Some(Progress { done: 3, total: None }),
                    ..ok("history", "prometheus")
                },
                SourceHealth { status: SourceStatus::Off, ..SourceHealth::starting("old", "files") },
                SourceHealth::starting("fresh", "files"),
            ]
        }
    }
}
