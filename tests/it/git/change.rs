//! What a change is, what it is called, and who is not named in it.

use quarterdeck::domain::record::{Body, ChangeType};

use super::{Reader, Repo, read, read_with, repo::START, source};

#[tokio::test]
async fn a_merge_is_one_change_with_the_commits_it_brought_and_starts_with_the_first() {
    let mut repo = Repo::new();
    repo.commit("first", "a.txt");
    let before = repo.clock;
    let merge = repo.merge("topic", "Merge pull request #12 from acme/topic\n\nAdd a thing", &["one", "two"]);
    repo.commit("direct", "b.txt");
    let reader = read(&repo).await;
    assert_eq!(reader.titles(), ["direct", "Add a thing", "first"]);
    let (record, change) = reader.change("Add a thing");
    assert_eq!(record.id, format!("change:{merge}"));
    assert_eq!(change.merge_sha.as_deref(), Some(merge.as_str()));
    assert_eq!((change.number, change.merge_method.as_deref()), (Some(12), Some("merge")));
    let began: Vec<i64> = change.commits.iter().map(|c| c.authored_at.unwrap().timestamp()).collect();
    assert_eq!(began, [before + 7_200, before + 3_600]);
    assert_eq!(change.merged_at.unwrap().timestamp(), before + 3 * 3_600);
    assert_eq!(change.opened_at, None, "a repository does not know when a change was opened");
    assert_eq!(change.head_sha.as_deref(), Some(change.commits[0].sha.as_str()));
    assert_eq!(change.paths, ["topic/one.txt", "topic/two.txt"]);
    assert_eq!(record.labels["branch"], "topic");
    assert_eq!((record.repo.as_deref(), record.service.as_deref()), (Some("shop"), Some("shop")));
}

#[tokio::test]
async fn a_commit_belongs_to_the_first_merge_that_brought_it() {
    let mut repo = Repo::new();
    repo.commit("first", "a.txt");
    repo.git(&["switch", "--quiet", "-c", "long"]);
    repo.commit("early", "l1.txt");
    repo.git(&["switch", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge long once", "long"]);
    repo.clock += 3_600;
    repo.git(&["switch", "--quiet", "long"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "take main in", "main"]);
    repo.commit("late", "l2.txt");
    repo.git(&["switch", "--quiet", "main"]);
    repo.clock += 3_600;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge long twice", "long"]);
    let reader = read(&repo).await;
    assert_eq!(reader.titles(), ["Merge long twice", "Merge long once", "first"]);
    assert_eq!(reader.change("Merge long once").1.commits.len(), 1);
    let twice = &reader.change("Merge long twice").1.commits;
    assert_eq!(twice.iter().filter(|c| !c.is_merge).count(), 1, "{twice:?}");
}

#[tokio::test]
async fn an_octopus_merge_brings_the_commits_of_all_its_branches() {
    let mut repo = Repo::new();
    repo.commit("first", "a.txt");
    for branch in ["b1", "b2"] {
        repo.git(&["switch", "--quiet", "-c", branch, "main"]);
        repo.commit(branch, &format!("{branch}.txt"));
    }
    repo.git(&["switch", "--quiet", "main"]);
    repo.clock += 3_600;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "both", "b1", "b2"]);
    assert_eq!(read(&repo).await.change("both").1.commits.len(), 2);
}

#[tokio::test]
async fn numbers_types_and_squashes_are_read_from_messages() {
    let mut repo = Repo::new();
    repo.commit("feat(ui): wide\u{7} screens (#34)\n\nbody", "a.txt");
    repo.commit("plain", "b.txt");
    repo.merge("x", "Merge branch 'x' into 'main'\n\nfix: mend\n\nSee merge request acme/shop!56", &["w"]);
    let reader = read(&repo).await;
    let (_, squash) = reader.change("feat(ui): wide screens (#34)");
    assert_eq!((squash.number, squash.change_type, squash.merge_method.as_deref()), (Some(34), Some(ChangeType::Feature), Some("squash")));
    let (_, merged) = reader.change("fix: mend");
    assert_eq!((merged.number, merged.change_type), (Some(56), Some(ChangeType::Fix)));
    assert_eq!(reader.change("plain").1.change_type, None);
}

#[tokio::test]
async fn a_revert_names_the_change_it_undoes_however_it_says_so() {
    let mut repo = Repo::new();
    let direct = repo.commit("direct", "a.txt");
    let merge = repo.merge("topic", "Merge pull request #12 from acme/topic\n\nAdd a thing", &["one", "two"]);
    let side = repo.git(&["rev-parse", "topic~1"]);
    repo.commit(&format!("Revert \"direct\"\n\nThis reverts commit {direct}."), "b.txt");
    repo.commit(&format!("Back out\n\nThis reverts commit {side}."), "c.txt");
    repo.commit("Undo it\n\nReverts acme/shop#12", "d.txt");
    repo.merge("revert-12-topic", "Merge pull request #13 from acme/revert-12-topic\n\nback again", &["Revert \"Add a thing\""]);
    repo.commit(&format!("Abbreviated\n\nThis reverts commit {}.", &direct[..9]), "e.txt");
    repo.commit("Revert \"direct\"", "f.txt");
    let reader = read(&repo).await;
    let undone = |title: &str| reader.change(title).1.reverts.clone();
    assert_eq!(undone("Back out"), Some(format!("change:{merge}")), "a side commit is named by its merge");
    assert_eq!(undone("Undo it"), Some(format!("change:{merge}")));
    assert_eq!(undone("back again"), Some(format!("change:{merge}")));
    assert_eq!(undone("Abbreviated"), Some(format!("change:{direct}")));
    let by_title: Vec<_> = reader.changes().into_iter().filter(|(_, c)| c.title == "Revert \"direct\"").collect();
    assert!(by_title.iter().all(|(_, c)| c.reverts == Some(format!("change:{direct}"))), "{by_title:?}");
    assert_eq!(reader.changes().iter().filter(|(_, c)| c.reverts.is_some()).count(), 6);
}

#[tokio::test]
async fn a_revert_that_comes_later_finds_the_change_read_before() {
    let mut repo = Repo::new();
    let merge = repo.merge_first();
    let side = repo.git(&["rev-parse", "topic~1"]);
    let mut reader = read(&repo).await;
    repo.commit(&format!("Back out\n\nThis reverts commit {side}."), "c.txt");
    repo.commit("Undo\n\nReverts acme/shop#12", "d.txt");
    reader.read().await.unwrap();
    assert_eq!(reader.change("Back out").1.reverts, Some(format!("change:{merge}")));
    assert_eq!(reader.change("Undo").1.reverts, Some(format!("change:{merge}")));
}

#[tokio::test]
async fn a_title_that_came_back_after_its_revert_is_not_what_was_reverted() {
    let mut repo = Repo::new();
    let first = repo.commit("Add a thing", "a.txt");
    repo.commit("Revert \"Add a thing\"", "b.txt");
    repo.commit("Add a thing", "c.txt");
    let reader = read(&repo).await;
    assert_eq!(reader.change("Revert \"Add a thing\"").1.reverts, Some(format!("change:{first}")));
}

#[tokio::test]
async fn people_are_hashed_and_bots_are_marked() {
    let mut repo = Repo::new();
    repo.commit("by ann", "a.txt");
    repo.who = ("Ann A.".into(), "ANN@example.org".into());
    repo.commit("by ann too", "b.txt");
    repo.who = ("dependabot[bot]".into(), "1+dependabot@example.org".into());
    repo.commit("Bump serde from 1.0 to 1.1", "c.txt");
    repo.who = ("Deployer".into(), "machine@example.org".into());
    repo.commit("by a machine", "d.txt");
    let reader = read_with(&repo, "bots = ['machine@']").await;
    let author = |title: &str| reader.change(title).1.author.clone().unwrap();
    assert_eq!(author("by ann"), author("by ann too"));
    assert_eq!(author("by ann").len(), 18);
    let bot = reader.change("Bump serde from 1.0 to 1.1").1;
    assert_eq!((bot.author_is_bot, bot.change_type), (true, Some(ChangeType::Deps)));
    assert!(reader.change("by a machine").1.author_is_bot);
    assert!(!reader.change("by ann").1.author_is_bot);
    let all = serde_json::to_string(&reader.records.values().collect::<Vec<_>>()).unwrap().to_lowercase();
    for word in ["example.org", "ann author", "ann a.", "dependabot[bot]"] {
        assert!(!all.contains(word), "{word} is in the records");
    }
    assert!(!reader.cursor.0.contains("example.org"));
}

#[tokio::test]
async fn the_author_of_a_merge_is_who_wrote_its_commits() {
    let mut repo = Repo::new();
    repo.commit("by ann", "a.txt");
    repo.git(&["switch", "--quiet", "-c", "t"]);
    repo.commit("by ann on a branch", "b.txt");
    repo.git(&["switch", "--quiet", "main"]);
    repo.who = ("merge-bot".into(), "merge-bot@example.org".into());
    repo.clock += 60;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "t"]);
    let reader = read(&repo).await;
    assert_eq!(reader.change("merged").1.author, reader.change("by ann").1.author);
    assert!(!reader.change("merged").1.author_is_bot);
}

#[tokio::test]
async fn very_many_paths_are_cut_and_the_cut_is_said() {
    let mut repo = Repo::new();
    for i in 0..350 {
        std::fs::write(repo.path().join(format!("f{i}.txt")), "x").unwrap();
    }
    repo.commit("many", "last.txt");
    let reader = read(&repo).await;
    let (record, change) = reader.change("many");
    assert_eq!((change.paths.len(), record.labels["paths_in_all"].as_str()), (300, "351"));
}

#[tokio::test]
async fn lines_are_counted_when_asked_for_and_paths_left_out_when_not() {
    let mut repo = Repo::new();
    repo.commit("first", "a.txt");
    repo.merge("t", "merged", &["x", "y"]);
    let counted = read_with(&repo, "lines = true").await;
    assert_eq!(counted.change("merged").1.additions, Some(4));
    assert_eq!(counted.change("merged").1.deletions, Some(0));
    assert_eq!(counted.change("merged").1.paths.len(), 2);
    let bare = read_with(&repo, "paths = false").await;
    assert!(bare.changes().iter().all(|(_, c)| c.paths.is_empty() && c.additions.is_none()));
    assert_eq!(bare.titles(), ["merged", "first"]);
}

#[tokio::test]
async fn every_rule_can_be_replaced_by_a_pattern_of_ones_own() {
    let mut repo = Repo::new();
    let first = repo.commit("[7] BUG-1 first", "a.txt");
    repo.commit(&format!("Roll back {first}"), "b.txt");
    repo.tag("build_17");
    let more = r"
        tag_pattern = '^build_(?P<version>\d+)$'
        change_types = { fix = 'BUG-' }
        number_patterns = ['^\[(?P<number>\d+)\]']
        revert_patterns = ['^Roll back (?P<sha>[0-9a-f]+)']
        default_service = 'till'
        repo = 'acme/till'
    ";
    let reader = read_with(&repo, more).await;
    let (record, change) = reader.change("[7] BUG-1 first");
    assert_eq!((change.number, change.change_type, record.repo.as_deref()), (Some(7), Some(ChangeType::Fix), Some("acme/till")));
    assert_eq!(reader.changes()[0].1.reverts, Some(format!("change:{first}")));
    let (record, release) = reader.release("build_17");
    assert_eq!((release.version.as_deref(), record.service.as_deref()), (Some("17"), Some("till")));
}

#[test]
fn a_pattern_that_is_none_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let faults = |line: &str| {
        let text = format!("[[source]]\nname = \"code\"\nkind = \"git\"\n{line}\n");
        let config = quarterdeck::config::Config::parse(&text, "t.toml", dir.path()).unwrap();
        quarterdeck::sources::build(&config.sources[0]).err().expect("a fault").remove(0).to_string()
    };
    let fault = faults("tag_pattern = '('");
    assert!(fault.starts_with("t.toml:4:") && fault.contains("`tag_pattern`") && fault.contains("regular expression"), "{fault}");
    assert!(faults("number_patterns = ['x']").contains("(?P<number>…)"));
    assert!(faults("change_types = { bugs = 'x' }").contains("expected one of feature, fix"));
    assert!(faults("deploy_from = \"moon\"").contains("auto"));
}

#[tokio::test]
async fn owners_and_services_become_the_catalog_and_follow_its_changes() {
    let mut repo = Repo::new();
    std::fs::create_dir_all(repo.path().join(".github")).unwrap();
    std::fs::write(repo.path().join("CODEOWNERS"), "* @acme/wrong\n").unwrap();
    std::fs::write(repo.path().join(".github/CODEOWNERS"), "# who\n\n* @acme/all\n/pay/ @acme/pay bob@example.org\n").unwrap();
    repo.commit("first", "a.txt");
    let services = "services = { pay = ['pay/**'] }";
    let mut reader = read_with(&repo, services).await;
    let catalog = |reader: &Reader| match &reader.records["catalog"].body {
        Body::Catalog(c) => c.clone(),
        _ => panic!("no catalog"),
    };
    let first = catalog(&reader);
    assert_eq!(first.codeowners[0], "* @acme/all");
    assert!(first.codeowners[1].starts_with("/pay/ @acme/pay ") && !first.codeowners[1].contains("bob"));
    assert_eq!((first.services[0].name.as_str(), first.services[0].paths.as_slice()), ("pay", &["pay/**".to_owned()][..]));
    assert_eq!(first.services[0].repo.as_deref(), Some("shop"));
    assert_eq!(reader.records["catalog"].ts.unwrap().timestamp(), START + 3_600);
    std::fs::write(repo.path().join(".github/CODEOWNERS"), "* @acme/new\n").unwrap();
    repo.commit("other owners", "a.txt");
    reader.read().await.unwrap();
    assert_eq!(catalog(&reader).codeowners, ["* @acme/new"]);
}

#[tokio::test]
async fn the_origin_names_the_repository_and_gives_links_without_credentials() {
    let mut repo = Repo::new();
    let sha = repo.commit("first", "a.txt");
    repo.git(&["remote", "add", "origin", "https://ann:fixture-secret-value@git.example.org/acme/shop.git"]);
    let reader = read(&repo).await;
    let (record, _) = reader.change("first");
    assert_eq!(record.repo.as_deref(), Some("acme/shop"));
    assert_eq!(record.url, Some(format!("https://git.example.org/acme/shop/commit/{sha}")));
    let all = format!("{:?} {} {}", reader.records, reader.cursor.0, reader.message);
    assert!(!all.contains("fixture-secret-value") && !all.contains("ann:"));
    assert_eq!(reader.deployments()[0].0.service.as_deref(), Some("shop"));
}

#[tokio::test]
async fn reading_from_the_beginning_twice_gives_the_same_and_afterwards_nothing() {
    let repo = super::contract_repository();
    let mut first = read(&repo).await;
    let mut later = Reader::new(repo.path(), "");
    later.now += chrono::Duration::days(3);
    later.read().await.unwrap();
    assert_eq!(first.records, later.records);
    assert_eq!(first.cursor, later.cursor);
    assert!(first.records.values().all(|r| r.updated_at.is_none()));
    let message = first.message.clone();
    first.read().await.unwrap();
    assert_eq!((first.delivered, first.polls), (0, 1));
    assert_eq!(first.message, message);
}

#[tokio::test]
async fn the_places_to_watch_are_those_that_git_touches() {
    let repo = super::contract_repository();
    let worktree = repo.beside("wt");
    repo.git(&["worktree", "add", "--quiet", worktree.to_str().unwrap(), "-b", "other"]);
    for path in [repo.path(), &worktree, &repo.path().join("src")] {
        let watched = source(path, "").watch();
        assert!(watched.contains(&repo.path().join(".git/refs")), "{path:?}: {watched:?}");
        assert!(watched.iter().any(|p| p.ends_with("HEAD")));
    }
    assert!(source(&repo.beside("nothing"), "").watch().is_empty());
}
