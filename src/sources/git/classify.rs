//! Reading meaning out of names and messages: version tags, pull request numbers, reverts, types, bots.
//!
//! Every rule is a pattern with a default that the settings can replace. Pure: text in, answers out.

use std::collections::BTreeMap;

use regex::Regex;

use crate::domain::{person::pseudonym, record::ChangeType, text::clean};

/// A tag that names a version: `v1.2.3`, `shop-1.2`, `shop/v1.2`, `shop@1.2.3`, `REL_16_2`, `2024-05-01`, `20240501`.
/// Group `service` is the prefix, `version` the rest. A single number (`v1`) moves from release to release and is none.
pub(super) const TAG: &str = concat!(
    r"^(?:[vV]|(?P<service>.*?[A-Za-z].*?)(?:[-/_@][vV]?)?)??",
    r"(?P<version>(?:\d{4}-\d{2}-\d{2}|(?:19|20)\d{6}|\d+(?:[._]\d+){1,3})(?:[-.+_]?[A-Za-z0-9][A-Za-z0-9.+_-]*)?)$"
);
/// Looked for in the version part.
pub(super) const PRERELEASE: &str = r"(?i)(?:[-.+_]|\d)(?:alpha|beta|rc|cr|pre|preview|prerelease|dev|snapshot|nightly|canary|next|milestone|ea|test|[abcm]\d)(?:[-.+_]?\d+)*(?:$|[-.+_])";
/// Looked for in `Name <mail>`.
pub(super) const BOTS: [&str; 3] = [
    r"(?i)\[bot\]",
    r"(?i)(?:^|[^a-z])bot(?:$|[^a-z])",
    r"(?i)\b(?:dependabot|renovate|greenkeeper|github-actions|gitlab-ci|mergify|bors|semantic-release|pre-commit-ci|jenkins)\b",
];
/// Looked for in the message; group `number`.
pub(super) const NUMBERS: [&str; 4] = [
    r"^Merge pull request #(?P<number>\d+)",
    r"^[^\n]*\((?:pull request )?[#!](?P<number>\d+)\)",
    r"(?m)^See merge request \S*!(?P<number>\d+)",
    r"^[^\n]*(?:^|\s)!(?P<number>\d+)\b",
];
/// Looked for in the message; group `sha`, `number` or `title` says what is undone.
pub(super) const REVERTS: [&str; 4] = [
    r"(?i)\bthis reverts (?:merge )?commit (?P<sha>[0-9a-f]{7,64})",
    r"(?im)^reverts \S*?[#!](?P<number>\d+)",
    r#"^Revert "(?P<title>[^\n]+)""#,
    r"^Merge pull request [^\n]*/revert-(?P<number>\d+)-",
];
/// Conventional-commit types, and what dependency bots write. The first that matches the title wins.
pub(super) const TYPES: [(&str, &str); 7] = [
    ("deps", r"(?i)^(?:\w+\(deps(?:-dev)?\)!?:|deps(?:\([^)]*\))?!?:|bump \S+ from \S+|update dependency )"),
    ("feature", r"(?i)^feat(?:ure)?(?:\([^)]*\))?!?:"),
    ("fix", r"(?i)^(?:bug|hot)?fix(?:es)?(?:\([^)]*\))?!?:"),
    ("refactor", r"(?i)^(?:refactor|perf|style)(?:\([^)]*\))?!?:"),
    ("docs", r"(?i)^docs?(?:\([^)]*\))?!?:"),
    ("test", r"(?i)^tests?(?:\([^)]*\))?!?:"),
    ("infra", r"(?i)^(?:build|ci|infra|ops)(?:\([^)]*\))?!?:"),
];

/// Every rule, compiled.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub tag: Regex,
    pub prerelease: Regex,
    pub bots: Vec<Regex>,
    pub numbers: Vec<Regex>,
    pub reverts: Vec<Regex>,
    pub types: Vec<(ChangeType, Regex)>,
}

/// A tag read as a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// What stands before the version, without separators; empty when nothing does, or only a word for "version".
    pub prefix: String,
    /// The version, as people say it.
    pub version: String,
    /// Not for production.
    pub prerelease: bool,
}

/// What a message says it undoes, in the order of trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Undone {
    pub sha: Option<String>,
    pub number: Option<i64>,
    pub title: Option<String>,
}

impl Rules {
    /// The version a tag names, if any.
    pub fn version(&self, tag: &str) -> Option<Version> {
        let found = self.tag.captures(tag)?;
        let part = |name| found.name(name).map(|m| m.as_str());
        let version = part("version").unwrap_or(tag);
        let prerelease = self.prerelease.is_match(version);
        Some(Version { prefix: service_name(part("service").unwrap_or_default()), version: clean(version), prerelease })
    }

    /// A machine account?
    pub fn is_bot(&self, name: &str, mail: &str) -> bool {
        let who = format!("{name} <{mail}>");
        self.bots.iter().any(|b| b.is_match(&who))
    }

    /// The number people say for a change.
    pub fn number(&self, message: &str) -> Option<i64> {
        self.numbers.iter().find_map(|p| p.captures(message)?.name("number")?.as_str().parse().ok())
    }

    /// What the change is for.
    pub fn change_type(&self, title: &str) -> Option<ChangeType> {
        self.types.iter().find(|(_, p)| p.is_match(title)).map(|(t, _)| *t)
    }

    /// What a message says it undoes.
    pub fn undone(&self, message: &str) -> Option<Undone> {
        let mut undone = Undone::default();
        for found in self.reverts.iter().filter_map(|p| p.captures(message)) {
            let part = |name| found.name(name).map(|m| m.as_str());
            undone.sha = undone.sha.or(part("sha").map(str::to_ascii_lowercase));
            undone.number = undone.number.or(part("number").and_then(|n| n.parse().ok()));
            undone.title = undone.title.or(part("title").map(clean));
        }
        (undone != Undone::default()).then_some(undone)
    }
}

/// A prefix as the name of a service: `@acme/shop@` is `shop`; words that only say "version" are no name.
fn service_name(prefix: &str) -> String {
    let name = prefix.trim_matches(['-', '/', '_', '@', '.']);
    let name = if prefix.starts_with('@') { name.rsplit('/').next().unwrap_or(name) } else { name };
    match name.to_ascii_lowercase().as_str() {
        "v" | "version" | "ver" | "rel" | "release" | "releases" | "tag" | "tags" => String::new(),
        _ => clean(name),
    }
}

/// The title people gave a change, and the branch it came from: a merge made by a hosting site says "Merge …" in its
/// first line and the title in the next one.
pub(super) fn title_and_branch(message: &str) -> (String, Option<String>) {
    let mut lines = message.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or_default();
    let branch = merged_branch(first);
    let title = match lines.next() {
        Some(second)
            if first.starts_with("Merge") && branch.is_some() && !second.starts_with("See merge request") && !second.starts_with('#') =>
        {
            second
        }
        _ => first,
    };
    (clean(title), branch.map(clean))
}

fn merged_branch(first: &str) -> Option<&str> {
    if let Some(rest) = first.strip_prefix("Merge pull request ") {
        let (_, from) = rest.split_once(" from ")?;
        return Some(from.split_once('/').map_or(from, |(_, branch)| branch));
    }
    if let Some(rest) = first.strip_prefix("Merged in ") {
        return rest.split_once(" (").map(|(branch, _)| branch);
    }
    first
        .strip_prefix("Merge branch '")
        .or_else(|| first.strip_prefix("Merge remote-tracking branch '"))?
        .split_once('\'')
        .map(|(branch, _)| branch)
}

/// A person's pseudonym, by mail address, else by name; the config's `authors` meet it there.
pub(super) fn person(mail: &str, name: &str) -> String {
    pseudonym(if mail.trim().is_empty() { name } else { mail })
}

/// Compile patterns, collecting what is wrong with each.
pub(super) struct Compiler {
    /// (key, message).
    pub faults: Vec<(&'static str, String)>,
}

impl Compiler {
    /// A pattern of key `key`; `groups` names the groups of which it must have one.
    pub fn pattern(&mut self, key: &'static str, pattern: &str, groups: &[&str]) -> Option<Regex> {
        match Regex::new(pattern) {
            Ok(regex) if groups.is_empty() || regex.capture_names().flatten().any(|n| groups.contains(&n)) => Some(regex),
            Ok(_) => {
                let named = groups.iter().map(|g| format!("(?P<{g}>…)")).collect::<Vec<_>>().join(" or ");
                self.faults.push((key, format!("`{key}`: the pattern `{}` needs a group {named}", clean(pattern))));
                None
            }
            Err(e) => {
                let why = e.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.faults.push((key, format!("`{key}`: `{}` is not a regular expression: {why}", clean(pattern))));
                None
            }
        }
    }

    /// Several.
    pub fn patterns<P: AsRef<str>>(&mut self, key: &'static str, patterns: &[P], groups: &[&str]) -> Vec<Regex> {
        patterns.iter().filter_map(|p| self.pattern(key, p.as_ref(), groups)).collect()
    }

    /// The types: the settings' own first, then the defaults.
    pub fn types(&mut self, own: &BTreeMap<String, String>) -> Vec<(ChangeType, Regex)> {
        let mut types = Vec::new();
        for (word, pattern) in own {
            let kind = ChangeType::from_word(word);
            if kind == ChangeType::Other && word != "other" {
                let known = ChangeType::ALL.iter().map(|t| t.word()).collect::<Vec<_>>().join(", ");
                self.faults
                    .push(("change_types", format!("`change_types`: unknown type `{}`; expected one of {known}, other", clean(word))));
            }
            types.extend(self.pattern("change_types", pattern, &[]).map(|p| (kind, p)));
        }
        types.extend(TYPES.iter().filter_map(|(word, p)| Some((ChangeType::from_word(word), self.pattern("change_types", p, &[])?))));
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let mut c = Compiler { faults: Vec::new() };
        let rules = Rules {
            tag: c.pattern("tag_pattern", TAG, &["version"]).unwrap(),
            prerelease: c.pattern("prerelease_pattern", PRERELEASE, &[]).unwrap(),
            bots: c.patterns("bots", &BOTS, &[]),
            numbers: c.patterns("number_patterns", &NUMBERS, &["number"]),
            reverts: c.patterns("revert_patterns", &REVERTS, &["sha", "number", "title"]),
            types: c.types(&BTreeMap::new()),
        };
        assert!(c.faults.is_empty(), "{:?}", c.faults);
        rules
    }

    #[test]
    fn tags_that_read_as_versions() {
        let rules = rules();
        for (tag, prefix, version, prerelease) in [
            ("v1.2.3", "", "1.2.3", false),
            ("1.2.3", "", "1.2.3", false),
            ("V1.2", "", "1.2", false),
            ("release-1.2.3", "", "1.2.3", false),
            ("release/v1.2", "", "1.2", false),
            ("shop-1.2.3", "shop", "1.2.3", false),
            ("shop-v1.2.3", "shop", "1.2.3", false),
            ("shop/v1.2", "shop", "1.2", false),
            ("shop@1.2.3", "shop", "1.2.3", false),
            ("@acme/shop@1.2.3", "shop", "1.2.3", false),
            ("libs/pay/v0.4.0", "libs/pay", "0.4.0", false),
            ("go1.21.3", "go", "1.21.3", false),
            ("log4j-2.17.1", "log4j", "2.17.1", false),
            ("REL_16_2", "", "16_2", false),
            ("2024-05-01", "", "2024-05-01", false),
            ("20240501", "", "20240501", false),
            ("2024.05.1", "", "2024.05.1", false),
            ("shop-2024-05-01", "shop", "2024-05-01", false),
            ("v1.2.3-rc1", "", "1.2.3-rc1", true),
            ("v1.2.3-rc.1", "", "1.2.3-rc.1", true),
            ("1.2.3rc1", "", "1.2.3rc1", true),
            ("1.2.0-alpha", "", "1.2.0-alpha", true),
            ("1.2.0.dev4", "", "1.2.0.dev4", true),
            ("1.2.0b2", "", "1.2.0b2", true),
            ("1.2.0-beta.3+build.5", "", "1.2.0-beta.3+build.5", true),
            ("shop-1.0.0-SNAPSHOT", "shop", "1.0.0-SNAPSHOT", true),
            ("beta-1.2.3", "beta", "1.2.3", false),
            ("dev1.2.3", "dev", "1.2.3", false),
            ("1.2.3.Final", "", "1.2.3.Final", false),
            ("1.2.3+build7", "", "1.2.3+build7", false),
            ("1.2.3-1", "", "1.2.3-1", false),
            ("1.2.3.post1", "", "1.2.3.post1", false),
        ] {
            let want = Version { prefix: prefix.into(), version: version.into(), prerelease };
            assert_eq!(rules.version(tag), Some(want), "{tag}");
        }
    }

    #[test]
    fn tags_that_are_no_versions() {
        for tag in ["v1", "latest", "stable", "nightly", "build-123", "before-merge", "12345678901", "shop", "-", ""] {
            assert_eq!(rules().version(tag), None, "{tag}");
        }
    }

    #[test]
    fn numbers_come_from_merges_squashes_and_merge_requests() {
        let rules = rules();
        assert_eq!(rules.number("Merge pull request #12 from acme/x\n\nTitle"), Some(12));
        assert_eq!(rules.number("Add a thing (#34)\n\nsee #5"), Some(34));
        assert_eq!(rules.number("Merge branch 'x' into 'main'\n\nTitle\n\nSee merge request acme/shop!56"), Some(56));
        assert_eq!(rules.number("Merged in x (pull request #7)"), Some(7));
        assert_eq!(rules.number("Add a thing !78"), Some(78));
        assert_eq!(rules.number("Fix #9: a thing"), None);
    }

    #[test]
    fn reverts_say_what_they_undo() {
        let rules = rules();
        let undone = rules.undone("Revert \"Add \"x\" here\"\n\nThis reverts commit 0123abcd0123abcd0123abcd0123abcd0123abcd.").unwrap();
        assert_eq!(undone.sha.as_deref(), Some("0123abcd0123abcd0123abcd0123abcd0123abcd"));
        assert_eq!(undone.title.as_deref(), Some("Add \"x\" here"));
        assert_eq!(rules.undone("Roll it back\n\nReverts acme/shop#12").unwrap().number, Some(12));
        assert_eq!(rules.undone("Merge pull request #14 from acme/revert-12-topic\n\nBack").unwrap().number, Some(12));
        assert_eq!(rules.undone("Add a revert button"), None);
    }

    #[test]
    fn titles_of_merges_come_from_their_second_line() {
        assert_eq!(title_and_branch("Merge pull request #1 from acme/feat/x\n\nAdd x\n\nmore"), ("Add x".into(), Some("feat/x".into())));
        assert_eq!(
            title_and_branch("Merge branch 'hotfix-1' into 'main'\n\nMend it\n\nSee merge request a/b!3"),
            ("Mend it".into(), Some("hotfix-1".into()))
        );
        assert_eq!(title_and_branch("Merge branch 'x'"), ("Merge branch 'x'".into(), Some("x".into())));
        assert_eq!(title_and_branch("Plain\n\nbody"), ("Plain".into(), None));
        assert_eq!(title_and_branch(""), (String::new(), None));
    }

    #[test]
    fn bots_are_told_by_name_or_mail_and_people_are_not() {
        let rules = rules();
        assert!(rules.is_bot("dependabot[bot]", "1+dependabot[bot]@users.noreply.example.org"));
        assert!(rules.is_bot("Release", "ci-bot@example.org"));
        assert!(!rules.is_bot("Ann Talbot", "ann.talbot@example.org"));
        assert!(!rules.is_bot("Abbott", "abbott@example.org"));
    }

    #[test]
    fn conventional_types_are_read_and_prose_is_not() {
        let rules = rules();
        for (title, want) in [
            ("feat: x", Some(ChangeType::Feature)),
            ("feat(api)!: x", Some(ChangeType::Feature)),
            ("fix(ui): x", Some(ChangeType::Fix)),
            ("chore(deps): bump x from 1 to 2", Some(ChangeType::Deps)),
            ("Bump serde from 1.0 to 1.1", Some(ChangeType::Deps)),
            ("docs: x", Some(ChangeType::Docs)),
            ("perf: x", Some(ChangeType::Refactor)),
            ("ci: x", Some(ChangeType::Infra)),
            ("Feature flags are nice", None),
            ("fix the thing", None),
        ] {
            assert_eq!(rules.change_type(title), want, "{title}");
        }
    }

    #[test]
    fn a_person_is_a_pseudonym_that_the_config_arrives_at_too() {
        let ann = person("Ann@Example.org", "Ann");
        assert_eq!(ann, person("ann@example.org ", "someone"));
        assert_eq!(ann, pseudonym("ann@example.org"));
        assert_ne!(ann, person("", "Ann"));
        assert!(!ann.contains("ann"));
    }
}
