//! CODEOWNERS: which owners a path has. The last matching line wins; a line without owners clears; with GitLab's
//! sections the last line of every section counts. Owners are returned as written, teams are `attribute`'s business.

use std::collections::HashMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// One file's rules, compiled.
#[derive(Debug, Clone, Default)]
pub struct CodeOwners {
    rules: Vec<Rule>,
    globs: GlobSet,
    /// Rule of each glob, because one line can need two globs.
    rule_of: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
struct Rule {
    section: usize,
    /// Empty: the line clears what earlier lines of its section said.
    owners: Vec<String>,
}

impl CodeOwners {
    /// Compile the lines of a file. Lines that cannot be read as a rule own nothing, as upstream.
    #[must_use]
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Self {
        let (mut rules, mut rule_of, mut globs) = (Vec::new(), Vec::new(), GlobSetBuilder::new());
        let (mut sections, mut section, mut inherited) = (HashMap::from([(String::new(), 0)]), 0, Vec::new());
        for line in lines {
            let line = line.as_ref().trim();
            if let Some((name, owners)) = section_header(line) {
                let next = sections.len();
                section = *sections.entry(name.to_lowercase()).or_insert(next);
                inherited = owners;
                continue;
            }
            let mut words = words(line).into_iter();
            let Some(pattern) = words.next() else { continue };
            let cleared = pattern.strip_prefix('!');
            let mut owners: Vec<String> = words.filter(|w| is_owner(w)).collect();
            if owners.is_empty() && cleared.is_none() {
                owners.clone_from(&inherited);
            }
            if cleared.is_some() {
                owners.clear();
            }
            for glob in globs_of(cleared.unwrap_or(&pattern)) {
                if let Ok(glob) = GlobBuilder::new(&glob).literal_separator(true).backslash_escape(true).build() {
                    globs.add(glob);
                    rule_of.push(rules.len());
                }
            }
            rules.push(Rule { section, owners });
        }
        Self { rules, globs: globs.build().unwrap_or_default(), rule_of }
    }

    /// No rule at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The owners of a path, as written; several own it equally.
    #[must_use]
    pub fn owners(&self, path: &str) -> Vec<&str> {
        let mut last: HashMap<usize, usize> = HashMap::new();
        for glob in self.globs.matches(path.trim_start_matches('/')) {
            let rule = self.rule_of[glob];
            let seen = last.entry(self.rules[rule].section).or_insert(rule);
            *seen = (*seen).max(rule);
        }
        let mut rules: Vec<usize> = last.into_values().collect();
        rules.sort_unstable();
        let mut owners: Vec<&str> = Vec::new();
        for owner in rules.iter().flat_map(|r| &self.rules[*r].owners) {
            if !owners.contains(&owner.as_str()) {
                owners.push(owner);
            }
        }
        owners
    }
}

/// `[Section]`, `^[Optional][2] @owner`: its name and the owners its lines inherit.
fn section_header(line: &str) -> Option<(String, Vec<String>)> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, rest) = rest.split_once(']')?;
    // `[abc]def` is a glob with a character class, not a section
    let rest = match rest.strip_prefix('[') {
        Some(count) => count.split_once(']')?.1,
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(char::is_whitespace))
        .then(|| (name.to_owned(), words(rest).into_iter().filter(|w| is_owner(w)).collect()))
}

/// Blank-separated words up to a comment; `\ ` and `\#` are literal.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|n| *n == ' ' || *n == '#') => word.extend(chars.next()),
            '#' if word.is_empty() => break,
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_owner(word: &str) -> bool {
    word.contains('@')
}

/// A pattern as globs over whole paths: unanchored ones match at any depth, directories match what is in them.
fn globs_of(pattern: &str) -> Vec<String> {
    let body = pattern.trim_matches('/');
    if body.is_empty() {
        return vec!["**".into()];
    }
    let anchored = pattern.trim_end_matches('/').contains('/');
    let base = if anchored || body.starts_with("**/") { body.to_owned() } else { format!("**/{body}") };
    let last = body.rsplit('/').next().unwrap_or(body);
    if pattern.ends_with('/') {
        return vec![format!("{base}/**")];
    }
    // `docs/*` means the files in docs, not what lies deeper; a plain last name may be a directory
    if last.contains('*') { vec![base] } else { vec![format!("{base}/**"), base] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners<'a>(file: &'a CodeOwners, path: &str) -> Vec<&'a str> {
        file.owners(path)
    }

    #[test]
    fn the_last_matching_line_wins_and_a_line_without_owners_clears() {
        let file = CodeOwners::parse(&["* @a/all", "/apps/** @a/apps", "/apps/github", "# comment", "/apps/pay/ @a/pay @a/risk # why"]);
        assert_eq!(owners(&file, "README.md"), ["@a/all"]);
        assert_eq!(owners(&file, "apps/x/y.rs"), ["@a/apps"]);
        assert!(owners(&file, "apps/github/z").is_empty());
        assert_eq!(owners(&file, "apps/pay/deep/z"), ["@a/pay", "@a/risk"]);
    }

    #[test]
    fn patterns_match_as_github_documents_them() {
        let file =
            CodeOwners::parse(&["*.js @js", "docs/* @docs", "logs/ @logs", "/build/logs/ @build", "**/cache @cache", "my\\ dir/x @blank"]);
        assert_eq!(owners(&file, "a/b/c.js"), ["@js"]);
        assert_eq!(owners(&file, "docs/start.md"), ["@docs"]);
        assert!(owners(&file, "docs/build/trouble.md").is_empty());
        assert_eq!(owners(&file, "deep/logs/x"), ["@logs"]);
        assert_eq!(owners(&file, "build/logs/x/y"), ["@build"]);
        assert_eq!(owners(&file, "a/cache/b"), ["@cache"]);
        assert_eq!(owners(&file, "my dir/x"), ["@blank"]);
    }

    #[test]
    fn sections_each_add_their_last_match_and_inherit_owners() {
        let file = CodeOwners::parse(&["* @all", "[Docs] @writers", "docs/", "^[Security][2]", "*.rs @sec", "!gen/*.rs"]);
        assert_eq!(owners(&file, "docs/a.rs"), ["@all", "@writers", "@sec"]);
        assert_eq!(owners(&file, "gen/a.rs"), ["@all"]);
    }

    #[test]
    fn rubbish_owns_nothing() {
        let file = CodeOwners::parse(&["[", "a[ @x", "", "   ", "name without-at"]);
        assert!(owners(&file, "a").is_empty());
        assert!(owners(&file, "anything/name").is_empty());
    }
}
