//! The catalog record of a repository: its services with their paths, and the lines of its CODEOWNERS file.

use std::collections::BTreeMap;

use super::{super::SourceError, classify::person, program::Git};
use crate::domain::{
    record::{Catalog, CatalogService},
    text::clean,
};

/// Where hosting sites look, in their order; the first that exists counts.
const PLACES: [&str; 4] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];
/// Most lines kept.
const MAX_LINES: usize = 10_000;

/// Name of the CODEOWNERS file's content at a commit; empty without one. Costs one command and changes when the file does.
pub(super) async fn codeowners_object(git: &Git, head: &str) -> Result<String, SourceError> {
    let mut args = vec!["ls-tree", "-z", "--full-tree", head, "--"];
    args.extend(PLACES);
    let mut found = BTreeMap::new();
    git.each(&args, 0, |piece| {
        let line = String::from_utf8_lossy(piece);
        if let Some((about, path)) = line.split_once('\t')
            && let Some((_, object)) = about.split_once(" blob ")
        {
            found.insert(path.to_owned(), object.trim().to_owned());
        }
    })
    .await?;
    Ok(PLACES.iter().find_map(|p| found.remove(*p)).unwrap_or_default())
}

/// The record's body. People named by mail address are hashed as authors are; `@names` may be teams and stay.
pub(super) async fn catalog(
    git: &Git,
    object: &str,
    repo: &str,
    services: impl IntoIterator<Item = (String, Vec<String>)>,
) -> Result<Catalog, SourceError> {
    let mut codeowners = Vec::new();
    if !object.is_empty() {
        git.each(&["cat-file", "blob", object], b'\n', |line| {
            if codeowners.len() < MAX_LINES {
                let line = owners_line(&String::from_utf8_lossy(line));
                codeowners.extend(line);
            }
        })
        .await?;
    }
    let services = services
        .into_iter()
        .map(|(name, paths)| CatalogService { name, repo: Some(repo.to_owned()), paths, ..CatalogService::default() })
        .collect();
    Ok(Catalog { services, codeowners, ..Catalog::default() })
}

fn owners_line(line: &str) -> Option<String> {
    let line = clean(line);
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut words = line.split(' ');
    let pattern = words.next().unwrap_or_default().to_owned();
    let hashed = words.map(|w| if w.find('@').is_some_and(|at| at > 0) { person(w, "") } else { w.to_owned() });
    Some(std::iter::once(pattern).chain(hashed).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_by_mail_are_hashed_and_teams_stay() {
        let line = owners_line("/pay/  @acme/pay ann@example.org").unwrap();
        assert_eq!(line, format!("/pay/ @acme/pay {}", person("ann@example.org", "")));
        assert_eq!(owners_line("# note"), None);
        assert_eq!(owners_line("[Section] @acme/pay").as_deref(), Some("[Section] @acme/pay"));
    }
}
