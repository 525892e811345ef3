//! A vector's input as what the program works on: canonical records, a roster, rules and settings.
//!
//! Adapters use [`Vector::setup`] for canonical events and [`Vector::input_for`] for already-reduced numbers.

use quarterdeck::{
    domain::{
        Time,
        record::{Catalog, Record},
        team::{Owned, Roster, Subject, Team},
        value::{Reading, Scope},
        window::{Tz, Window},
    },
    kpi::{
        self, Query, Settings,
        fact::{self, Facts},
    },
    ledger::{self, Rules},
};
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// One file.
pub struct Vector {
    pub id: String,
    pub json: Object,
    pub expect: Vec<Expect>,
}

/// One of its expectations.
#[derive(Clone)]
pub struct Expect {
    pub json: Object,
    pub metric: String,
    pub scope: Value,
    pub value: Value,
    pub unit: String,
    pub status: String,
    pub tol: Option<f64>,
}

/// Everything one evaluation needs.
pub struct Setup {
    pub records: Vec<Record>,
    pub roster: Roster,
    pub rules: Rules,
    pub settings: Settings,
    pub window: Window,
    pub scope: Scope,
}

/// Input lists and the kind of record their members are.
const LISTS: &[(&str, &str)] = &[
    ("deployments", "deployment"),
    ("changes", "change"),
    ("commits", "commit"),
    ("incidents", "incident"),
    ("events", "change"),
    ("stream", "deployment"),
    ("sources", "source_state"),
    ("annotations", "annotation"),
];

/// Words of a deployment's kind, in case an input says `kind` for `deploy_kind`.
const DEPLOY_KINDS: &[&str] = &["normal", "hotfix", "rollback", "config", "flag", "infra", "redeploy"];

impl Vector {
    pub fn read(json: &Value) -> Result<Self, String> {
        let json = json.as_object().ok_or("not an object")?.clone();
        let id = json.get("id").and_then(Value::as_str).ok_or("no id")?.to_owned();
        let expect = json.get("expect").and_then(Value::as_array).ok_or("no expect")?;
        let expect = expect.iter().map(Expect::read).collect::<Result<Vec<_>, _>>()?;
        if expect.is_empty() {
            return Err("expects nothing".into());
        }
        Ok(Self { id, json, expect })
    }

    /// The input an expectation is about: the case's fields over the common ones when its scope names a case.
    pub fn input_for(&self, expect: &Expect) -> Result<Object, String> {
        let mut input = self.json.get("input").and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(name) = expect.scope_of("case") {
            let case = find_case(&input, name).ok_or_else(|| format!("no case {name} in the input"))?;
            input.remove("cases");
            input.extend(case);
        }
        Ok(input)
    }

    /// A setting of the file, the case or the expectation; the innermost wins.
    fn field<'a>(&'a self, input: &'a Object, expect: &'a Expect, key: &str) -> Option<&'a Value> {
        expect.json.get(key).or_else(|| input.get(key)).or_else(|| self.json.get(key)).filter(|v| !v.is_null())
    }

    /// [`Vector::setup`] where a case names a variation that the input does not spell out.
    pub fn scopeless_setup(&self, expect: &Expect) -> Result<Setup, String> {
        self.setup(expect).or_else(|why| {
            let common = Expect { scope: json!("org"), ..expect.clone() };
            if expect.scope_of("case").is_some() { self.setup(&common) } else { Err(why) }
        })
    }

    /// Records, roster, rules, settings, window and scope of an expectation.
    pub fn setup(&self, expect: &Expect) -> Result<Setup, String> {
        let input = self.input_for(expect)?;
        let window_json = self.field(&input, expect, "window").and_then(Value::as_object);
        let (mut window, mut zone) = (Window::new(at("1970-01-01")?, at("2100-01-01")?), Tz::UTC);
        if let Some(w) = window_json {
            let edge = |key: &str| at(w.get(key).and_then(Value::as_str).ok_or("a window without its ends")?);
            window = Window::new(edge("from")?, edge("to")?);
            zone = tz(w.get("tz").and_then(Value::as_str).unwrap_or("UTC"))?;
        }
        if let Some(name) = expect.scope_of("tz") {
            zone = tz(name)?;
        }
        let as_of = self.field(&input, expect, "as_of").and_then(Value::as_str).map_or(Ok(window.to), at)?;
        let mut rules = Rules::default();
        let mut settings = Settings { zone, as_of, ..Settings::default() };
        for config in [self.json.get("config"), input.get("config"), expect.json.get("config")].into_iter().flatten() {
            configure(config, &mut rules, &mut settings)?;
        }
        if let Some(unit) = expect.json.get("unit_of_work").and_then(Value::as_str) {
            settings.per_commit = unit == "commit";
        }
        Ok(Setup { records: records(&input)?, roster: roster(&input)?, rules, settings, window, scope: expect.scope()? })
    }
}

impl Setup {
    /// What the ledger makes of the records.
    pub fn derived(&self) -> ledger::Derived {
        ledger::derive(ledger::Input { records: &self.records, roster: &self.roster, rules: &self.rules, now: self.settings.as_of })
    }

    /// Event facts and the records that are facts themselves.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts {
            events: fact::from_derived(&self.records, &self.derived(), &self.rules).into(),
            records: self.records.iter().cloned().map(std::sync::Arc::new).collect(),
            ..Facts::default()
        };
        facts.sort();
        facts
    }

    /// One metric over these facts, as the screen computes it.
    pub fn evaluate(&self, metric: &str, facts: &Facts) -> Result<Reading, String> {
        let query = Query { facts, scope: &self.scope, window: self.window, settings: &self.settings, roster: &self.roster };
        kpi::evaluate(metric, &query).ok_or_else(|| format!("nothing computes {metric}"))
    }
}

/// The whole way for canonical events: records, ledger, facts, formula.
pub fn evaluate(vector: &Vector, expect: &Expect) -> Result<Reading, String> {
    let setup = vector.setup(expect)?;
    setup.evaluate(&expect.metric, &setup.facts())
}

impl Expect {
    pub fn read(json: &Value) -> Result<Self, String> {
        let json = json.as_object().ok_or("an expectation that is no object")?.clone();
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned).ok_or(format!("an expectation without {key}"));
        Ok(Self {
            metric: text("metric")?,
            scope: json.get("scope").cloned().unwrap_or_else(|| json!("org")),
            value: json.get("value").cloned().ok_or("an expectation without value")?,
            unit: text("unit")?,
            status: text("status")?,
            tol: json.get("tol").and_then(Value::as_f64),
            json,
        })
    }

    /// The name in `{dimension: name}`.
    pub fn scope_of(&self, dimension: &str) -> Option<&str> {
        self.scope.get(dimension)?.as_str()
    }

    fn scope(&self) -> Result<Scope, String> {
        let Some(object) = self.scope.as_object() else { return Ok(Scope::Org) };
        // a case and a zone choose the input; the rest chooses whose number it is
        let mut rest = object.iter().filter(|(k, _)| !matches!(k.as_str(), "case" | "tz"));
        let Some((dimension, name)) = rest.next() else { return Ok(Scope::Org) };
        let name = name.as_str().ok_or("a scope that is not a name")?.to_owned();
        Ok(match dimension.as_str() {
            "team" => Scope::Team(name),
            "service" => Scope::Service(name),
            other => Scope::Group(other.to_owned(), name),
        })
    }
}

/// Settings by the names the vectors use; an unknown name is an error, so that none is passed over.
fn configure(config: &Value, rules: &mut Rules, settings: &mut Settings) -> Result<(), String> {
    for (key, value) in flat("", config.as_object().ok_or("config is not an object")?) {
        let (number, word) = (value.as_f64(), value.as_str().unwrap_or_default());
        let yes = value.as_bool().unwrap_or(matches!(word, "include" | "count" | "failed" | "yes" | "true"));
        match key.as_str() {
            "link.window_s" | "link_window_s" => {
                rules.link_window_s = number.ok_or("link.window_s is no number")?;
                settings.link_window_s = rules.link_window_s;
            }
            "include_bots" | "lead_time.include_bots" | "lead_time.bots" => settings.include_bots = yes,
            "lead_time.unit" | "lead_time.unit_of_work" | "unit_of_work" => settings.per_commit = word == "commit",
            "fdrt.start" => {
                rules.recovery_from_impact = word == "impact";
                settings.recovery_from_impact = rules.recovery_from_impact;
            }
            "ttr.reopened" => {
                rules.reopened_elapsed = word == "elapsed";
                settings.reopened_elapsed = rules.reopened_elapsed;
            }
            key if key.contains("failed")
                && ["cfr", "change_failure", "count_failed", "include_failed"].iter().any(|k| key.contains(k)) =>
            {
                settings.count_failed_attempts = yes;
            }
            "cfr.denominator" | "change_failure_rate.denominator" => settings.count_failed_attempts = word.contains("attempt"),
            "production" | "production.tiers" => rules.production = texts(&value),
            "hotfix_patterns" => rules.hotfix_patterns = texts(&value),
            "uptime.unknown" => settings.uptime_unknown = unknown(word)?,
            "cost.exclude" => settings.cost_exclude = texts(&value),
            "uptime.exclude_maintenance" => settings.exclude_maintenance = yes,
            "quality.stale_after_d" => settings.quality_stale_after_s = number.ok_or("quality.stale_after_d is no number")? * 86_400.0,
            _ => return Err(format!("config: nothing knows {key}")),
        }
    }
    Ok(())
}

fn unknown(word: &str) -> Result<kpi::Unknown, String> {
    Ok(match word {
        "exclude" => kpi::Unknown::Exclude,
        "down" | "as_down" => kpi::Unknown::Down,
        "up" | "as_up" => kpi::Unknown::Up,
        other => return Err(format!("uptime.unknown: {other}?")),
    })
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map_or_else(
        || value.as_str().map(str::to_owned).into_iter().collect(),
        |list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    )
}

/// `{"link": {"window_s": 1}}` and `{"link.window_s": 1}` mean the same.
fn flat(prefix: &str, object: &Object) -> Vec<(String, Value)> {
    let named = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    object
        .iter()
        .flat_map(|(key, value)| match value.as_object() {
            Some(inner) => flat(&named(key), inner),
            None => vec![(named(key), value.clone())],
        })
        .collect()
}

fn find_case(input: &Object, name: &str) -> Option<Object> {
    let found = match input.get("cases") {
        Some(Value::Array(cases)) => cases.iter().find(|c| ["name", "id", "case"].iter().any(|k| c[*k] == name)),
        Some(Value::Object(cases)) => cases.get(name),
        _ => None,
    };
    let mut case = found
        .or_else(|| [name.to_owned(), format!("case_{name}"), format!("{name}_case")].iter().find_map(|k| input.get(k)))?
        .as_object()?
        .clone();
    if let Some(Value::Object(inner)) = case.remove("input") {
        case.extend(inner);
    }
    Some(case)
}

/// Every record of the input's lists.
pub fn records(input: &Object) -> Result<Vec<Record>, String> {
    let mut out = Vec::new();
    for (list, kind) in LISTS {
        for (i, item) in input.get(*list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let json = canonical(item, kind, i).ok_or_else(|| format!("{list}[{i}] is no object"))?;
            out.push(serde_json::from_value(json).map_err(|e| format!("{list}[{i}]: {e}"))?);
        }
    }
    if let Some(catalog) = input.get("catalog") {
        let mut json = without_nulls(catalog);
        json["kind"] = json!("catalog");
        json["id"] = json!("catalog");
        out.push(serde_json::from_value(json).map_err(|e| format!("catalog: {e}"))?);
    }
    Ok(out)
}

/// One member of an input list as the JSON form of a record.
pub fn canonical(item: &Value, kind: &str, index: usize) -> Option<Value> {
    let mut json = without_nulls(item);
    let object = json.as_object_mut()?;
    if kind == "deployment" {
        if let Some(said) = object.get("kind").and_then(Value::as_str).filter(|k| DEPLOY_KINDS.contains(k)).map(str::to_owned) {
            object.entry("deploy_kind").or_insert_with(|| json!(said));
        }
        // a stream of status events says nothing of its environment
        if object.contains_key("seq") {
            object.entry("env_tier").or_insert_with(|| json!("production"));
        }
    }
    if kind == "source_state" {
        let name = object.remove("name").unwrap_or_else(|| json!("source"));
        object.entry("source").or_insert(name);
        object.entry("id").or_insert_with(|| json!("state"));
    }
    if !object.contains_key("id") {
        let id = object.get("sha").cloned().unwrap_or_else(|| json!(format!("{kind}-{index}")));
        object.insert("id".into(), id);
    }
    object.insert("kind".into(), json!(kind));
    Some(json)
}

/// Absent and `null` mean the same.
pub fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(o) => o.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect(),
        Value::Array(a) => a.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Who owns what, from the maps and lists an input may carry.
pub fn roster(input: &Object) -> Result<Roster, String> {
    let mut roster = Roster::default();
    for (key, subject) in
        [("service_map", Subject::Service), ("repo_map", Subject::Repo), ("label_map", Subject::Label), ("author_map", Subject::Author)]
    {
        for (name, team) in input.get(key).and_then(Value::as_object).into_iter().flatten() {
            roster.owned.push(owned(subject, name, team.as_str().ok_or("a team that is not a name")?));
        }
    }
    for item in input.get("ownership").and_then(Value::as_array).into_iter().flatten() {
        roster.owned.push(owned_over_time(item)?);
    }
    if let Some(lines) = input.get("codeowners") {
        let lines = match lines {
            Value::String(text) => text.lines().map(str::to_owned).collect(),
            list => texts(list),
        };
        roster.codeowners.insert(String::new(), lines);
    }
    if let Some(catalog) = input.get("catalog") {
        let catalog: Catalog = serde_json::from_value(without_nulls(catalog)).map_err(|e| format!("catalog: {e}"))?;
        roster.teams.extend(catalog.parents.into_iter().map(|(name, parent)| Team { name, parent: Some(parent) }));
        roster.services = catalog.services.into_iter().map(|s| (s.name.clone(), s)).collect();
    }
    for (parent, children) in input.get("teams").and_then(Value::as_object).into_iter().flatten() {
        roster.teams.push(Team { name: parent.clone(), parent: None });
        roster.teams.extend(texts(children).into_iter().map(|name| Team { name, parent: Some(parent.clone()) }));
    }
    Ok(roster)
}

fn owned(subject: Subject, name: &str, team: &str) -> Owned {
    Owned { subject, name: name.into(), team: team.into(), share: None, from: None, to: None }
}

fn owned_over_time(item: &Value) -> Result<Owned, String> {
    let subjects = [("service", Subject::Service), ("repo", Subject::Repo), ("author", Subject::Author), ("label", Subject::Label)];
    let kind = item["subject_kind"].as_str();
    let (subject, name) = subjects
        .iter()
        .find_map(|(key, s)| item[*key].as_str().or_else(|| (kind == Some(key)).then(|| item["subject"].as_str())?).map(|name| (*s, name)))
        .ok_or("ownership of nothing")?;
    let team = item["team"].as_str().or_else(|| item["owner"].as_str()).ok_or("ownership by nobody")?;
    let edge = |key: &str| item[key].as_str().map(at).transpose();
    Ok(Owned { share: item["share"].as_f64(), from: edge("from")?, to: edge("to")?, ..owned(subject, name, team) })
}

/// An instant, or the first of a UTC day.
pub fn at(text: &str) -> Result<Time, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|e| format!("{text}: {e}"))
}

fn tz(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|e| format!("{name}: {e}"))
}
