//! What was reported and is no longer true is taken back.

use super::{Reader, Repo, read};

#[tokio::test]
async fn an_amended_commit_replaces_the_one_before() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.commit("wrong", "b.txt");
    let mut reader = read(&repo).await;
    repo.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    repo.commit("right", "b.txt");
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["right", "a"]);
    assert_eq!(reader.deployments().len(), 2);
    assert_eq!(reader.delivered, 4, "two taken back, two new, nothing else");
}

#[tokio::test]
async fn a_history_that_comes_back_is_there_again() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let lost = repo.commit("b", "b.txt");
    let mut reader = read(&repo).await;
    repo.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["a"]);
    repo.git(&["reset", "--quiet", "--hard", &lost]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["b", "a"]);
    assert_eq!(reader.deployments().len(), 2);
}

#[tokio::test]
async fn a_head_that_became_a_side_commit_is_no_change_of_its_own_any_more() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let mine = repo.commit("mine", "b.txt");
    let mut reader = read(&repo).await;
    repo.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    repo.commit("theirs", "c.txt");
    repo.clock += 60;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merge mine", &mine]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["merge mine", "theirs", "a"]);
}

#[tokio::test]
async fn a_moved_tag_is_reported_anew_and_a_deleted_one_taken_back() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    repo.tag("v1.1.0");
    repo.commit("c", "c.txt");
    let mut reader = read(&repo).await;
    repo.git(&["tag", "-f", "v1.1.0"]);
    reader.read().await.unwrap();
    assert_eq!(reader.brought("v1.1.0"), ["b", "c"]);
    repo.git(&["tag", "-d", "v1.0.0"]);
    reader.read().await.unwrap();
    assert_eq!(reader.deployments().len(), 1);
    assert!(reader.release("v1.1.0").1.change_ids.is_empty(), "it is the first one now");
    repo.git(&["tag", "v1.0.0", "HEAD~2"]);
    reader.read().await.unwrap();
    assert_eq!(reader.brought("v1.1.0"), ["b", "c"]);
    reader.read().await.unwrap();
    assert_eq!(reader.delivered, 0);
}

#[tokio::test]
async fn a_rewritten_history_moves_what_releases_brought() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    repo.commit("c", "c.txt");
    let mut reader = read(&repo).await;
    repo.git(&["reset", "--quiet", "--hard", "v1.0.0"]);
    repo.commit("b2", "b.txt");
    repo.commit("c2", "c.txt");
    repo.commit("d2", "d.txt");
    repo.annotated("v1.1.0");
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["d2", "c2", "b2", "a"]);
    assert_eq!(reader.brought("v1.1.0"), ["b2", "c2", "d2"]);
}

#[tokio::test]
async fn a_clone_made_anew_after_a_rewrite_still_takes_back_what_is_gone() {
    let mut upstream = Repo::new();
    upstream.commit("a", "a.txt");
    upstream.commit("wrong", "b.txt");
    let old = Repo::clone_of(&upstream, &[]);
    let mut reader = read(&old).await;
    upstream.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    upstream.commit("right", "b.txt");
    let new = Repo::clone_of(&upstream, &["--single-branch"]);
    // The same place and settings, other objects.
    std::fs::remove_dir_all(old.path()).unwrap();
    std::fs::rename(new.path(), old.path()).unwrap();
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["right", "a"]);
}

#[tokio::test]
async fn other_settings_read_all_again_and_win_over_what_was_there() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    let mut reader = read(&repo).await.with(repo.path(), "repo = 'acme/till'\nlines = true");
    reader.read().await.unwrap();
    assert!(reader.live().all(|r| r.repo.as_deref() == Some("acme/till")));
    assert!(reader.changes().iter().all(|(_, c)| c.additions.is_some()));
    assert_eq!(reader.titles(), ["b", "a"]);
    let mut back: Reader = reader.with(repo.path(), "deploy_from = 'commits'");
    back.read().await.unwrap();
    assert_eq!(back.deployments().len(), 2);
    assert!(back.deployments().iter().all(|(_, d)| d.assumed));
}

#[tokio::test]
async fn a_rewrite_in_the_middle_of_the_first_reading_ends_right() {
    let mut repo = Repo::new();
    repo.import(1_500, "old", false);
    let mut reader = Reader::new(repo.path(), "");
    assert!(reader.step().await.unwrap().more);
    repo.import(1_400, "new", false);
    reader.read().await.unwrap();
    assert_eq!(reader.titles().len(), 1_400);
    assert!(reader.titles().iter().all(|t| t.starts_with("new")));
}

#[tokio::test]
async fn a_commit_made_in_the_middle_of_the_first_reading_is_not_lost() {
    let mut repo = Repo::new();
    repo.import(1_200, "c", false);
    let mut reader = Reader::new(repo.path(), "");
    assert!(reader.step().await.unwrap().more);
    repo.commit("meanwhile", "a.txt");
    repo.annotated("v1.0.0");
    reader.read().await.unwrap();
    assert_eq!(reader.titles().len(), 1_201);
    assert_eq!(reader.titles()[0], "meanwhile");
    let ids: Vec<_> = reader.deployments().into_iter().map(|(r, _)| r.id.as_str()).collect();
    assert_eq!(ids, ["tag:v1.0.0"]);
}
