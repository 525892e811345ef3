//! SARIF 2.1.0: open findings by level, per analyser.
//!
//! A result counts when its `kind` is `fail` (the default), its baseline state is not `absent`, and no accepted
//! suppression covers it. Its level is its own, else its rule's default, else `warning`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::report::Findings;
use crate::domain::text::clean;

/// One run of one analyser.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    tool: Tool,
    #[serde(default)]
    results: Option<Vec<Result>>,
    #[serde(default)]
    invocations: Option<Vec<Invocation>>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Component,
    #[serde(default)]
    extensions: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    #[serde(default)]
    rules: Option<Vec<Rule>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    default_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    end_time_utc: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Result {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    level: Option<String>,
    kind: Option<String>,
    baseline_state: Option<String>,
    suppressions: Option<Vec<Suppression>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Suppression {
    #[serde(alias = "state")]
    status: Option<String>,
}

/// Count; runs of the same analyser are added up.
pub fn read(runs: Vec<Run>) -> Vec<Findings> {
    let mut by_tool: BTreeMap<String, Findings> = BTreeMap::new();
    for run in runs {
        let tool = clean(&run.tool.driver.name);
        let entry = by_tool.entry(tool.clone()).or_insert_with(|| Findings {
            tool,
            levels: ["error", "warning", "note"].into_iter().map(|l| (l.to_owned(), 0)).collect(),
            at: None,
        });
        for result in run.results.iter().flatten().filter(|r| r.is_open()) {
            *entry.levels.entry(level(result, &run.tool)).or_default() += 1;
        }
        let ends = run.invocations.iter().flatten().filter_map(|i| i.end_time_utc.as_deref());
        let last = ends.filter_map(|t| chrono::DateTime::parse_from_rfc3339(t).ok()).map(|t| t.to_utc()).max();
        entry.at = entry.at.max(last);
    }
    by_tool.into_values().collect()
}

impl Result {
    fn is_open(&self) -> bool {
        let accepted = |s: &Suppression| s.status.as_deref().is_none_or(|status| status == "accepted");
        self.kind.as_deref().is_none_or(|kind| kind == "fail")
            && self.baseline_state.as_deref() != Some("absent")
            && !self.suppressions.iter().flatten().any(accepted)
    }
}

fn level(result: &Result, tool: &Tool) -> String {
    let found = result.level.clone().or_else(|| rule(result, tool)?.default_configuration.as_ref()?.level.clone());
    match found.as_deref() {
        Some(known @ ("error" | "warning" | "note" | "none")) => known.to_owned(),
        _ => "warning".to_owned(),
    }
}

fn rule<'a>(result: &Result, tool: &'a Tool) -> Option<&'a Rule> {
    let reference = result.rule.as_ref();
    let component = match reference.and_then(|r| r.tool_component.as_ref()).and_then(|c| c.index) {
        Some(index) => tool.extensions.as_ref()?.get(usize::try_from(index).ok()?)?,
        None => &tool.driver,
    };
    let rules = component.rules.as_ref()?;
    let index = result.rule_index.or(reference.and_then(|r| r.index)).and_then(|i| usize::try_from(i).ok());
    if let Some(rule) = index.and_then(|i| rules.get(i)) {
        return Some(rule);
    }
    let id = result.rule_id.as_deref().or(reference.and_then(|r| r.id.as_deref()))?;
    // `CA1000/sub` is a finer name of rule `CA1000`.
    rules
        .iter()
        .find(|r| r.id == id)
        .or_else(|| rules.iter().find(|r| id.strip_prefix(r.id.as_str()).is_some_and(|rest| rest.starts_with('/'))))
}
