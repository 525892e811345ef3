//! The house rules that a compiler does not hold: the direction between modules.

use std::{collections::BTreeMap, fs, path::Path};

/// Which top-level modules each may name. A row names only rows above it, so a circle cannot be written down.
const DIRECTION: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("analysis", &["domain"]),
    ("config", &["domain", "analysis"]),
    ("ledger", &["domain", "analysis"]),
    ("kpi", &["domain", "analysis", "ledger"]),
    ("store", &["domain", "ledger", "kpi"]),
    ("sources", &["domain", "config"]),
    ("engine", &["domain", "config", "ledger", "kpi", "store", "sources"]),
    ("app", &["domain", "kpi"]),
    ("view", &["domain", "kpi", "app"]),
    ("run", &["domain", "analysis", "config", "ledger", "kpi", "store", "sources", "engine", "app", "view"]),
];

#[test]
fn a_row_names_only_rows_above_it() {
    for (i, (name, uses)) in DIRECTION.iter().enumerate() {
        for used in *uses {
            assert!(DIRECTION[..i].iter().any(|(n, _)| n == used), "{name} names {used}, which is not above it");
        }
    }
}

#[test]
fn modules_use_only_what_their_row_allows() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let module = top_module(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = DIRECTION.iter().find(|(n, _)| *n == module) else {
            faults.push(format!("{path}: module `{module}` has no row"));
            continue;
        };
        for used in modules_named(&text, depth(&path)) {
            if used != module && DIRECTION.iter().any(|(n, _)| *n == used) && !allowed.contains(&used.as_str()) {
                faults.push(format!("{path}: `{module}` may not use `{used}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose_and_no_mod_rs_exists() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{path} does not open with `//!`");
        assert!(!path.ends_with("mod.rs"), "{path}: use foo.rs beside foo/");
    }
}

#[test]
fn the_direction_test_sees_grouped_imports_and_super_paths() {
    assert_eq!(modules_named("use crate::{domain::x, store};", 1), ["domain", "store"]);
    assert_eq!(modules_named("use crate::{\n  config::{A, B},\n  kpi,\n};", 1), ["config", "kpi"]);
    assert_eq!(modules_named("let x = crate::engine::y();", 1), ["engine"]);
    assert_eq!(modules_named("use super::super::view;", 2), ["view"]);
    assert!(modules_named("// crate::view is not used here", 1).is_empty());
}

/// Every module named after `crate::`, also in groups, and after `super::` chains that reach the root.
fn modules_named(text: &str, depth: usize) -> Vec<String> {
    let code: String = text.lines().map(|l| if l.trim_start().starts_with("//") { "" } else { l }).collect::<Vec<_>>().join("\n");
    let to_root = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", to_root.as_str()] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$' || c == ':') {
                continue;
            }
            let rest = &code[at + root.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                found.extend(heads_of_group(group));
            } else {
                found.push(head(rest));
            }
        }
    }
    found.retain(|w| !w.is_empty() && w != "super");
    found.dedup();
    found
}

fn head(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn heads_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut start) = (0usize, Vec::new(), true);
    for (i, c) in group.char_indices() {
        if start && depth == 0 && !c.is_whitespace() && c != '}' {
            heads.push(head(&group[i..]));
            start = false;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ => {}
        }
    }
    heads
}

fn top_module(path: &str) -> String {
    path.trim_start_matches("src/").trim_end_matches(".rs").split('/').next().unwrap_or_default().to_owned()
}

fn depth(path: &str) -> usize {
    path.trim_start_matches("src/").matches('/').count() + 1
}

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out = BTreeMap::new();
    walk(&root.join("src"), root, &mut out);
    assert!(out.len() > 10, "the walk found too little");
    out
}

fn walk(dir: &Path, root: &Path, out: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, root, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            out.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}
