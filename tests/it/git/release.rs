//! Version tags as deployments, and commits where there are no tags.

use super::{Reader, Repo, read, read_with};

#[tokio::test]
async fn a_version_tag_is_a_deployment_of_the_changes_since_the_one_before() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.commit("b", "b.txt");
    repo.tag("v1.0.0");
    let at_commit = repo.clock;
    repo.commit("c", "c.txt");
    repo.merge("t", "d", &["x"]);
    repo.annotated("v1.1.0");
    let tagged = repo.clock;
    let sha = repo.head();
    repo.commit("not released", "e.txt");
    let reader = read(&repo).await;
    assert_eq!(reader.deployments().len(), 2);
    let (record, first) = reader.release("v1.0.0");
    assert_eq!(first.change_ids, [""; 0], "what the first release brought is all of history, hence nothing countable");
    assert_eq!(record.labels["first_release"], "2", "how much is left out stays visible");
    assert_eq!(first.finished_at.unwrap().timestamp(), at_commit, "a lightweight tag has its commit's date");
    let (record, second) = reader.release("v1.1.0");
    assert_eq!(second.finished_at.unwrap().timestamp(), tagged, "an annotated tag has its own");
    assert_eq!(second.sha.as_deref(), Some(sha.as_str()), "and stands for its commit");
    assert_eq!(second.version.as_deref(), Some("1.1.0"));
    assert_eq!((record.env_tier.as_deref(), record.service.as_deref()), (Some("production"), Some("shop")));
    assert!(!second.assumed);
    assert_eq!(reader.brought("v1.1.0"), ["c", "d"]);
}

#[tokio::test]
async fn a_pre_release_is_not_production_and_takes_nothing_from_the_release() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    repo.tag("v1.1.0-rc1");
    repo.commit("c", "c.txt");
    repo.tag("v1.1.0-rc2");
    repo.annotated("v1.1.0");
    let reader = read(&repo).await;
    assert_eq!(reader.release("v1.1.0-rc1").0.env_tier.as_deref(), Some("pre-release"));
    assert_eq!(reader.brought("v1.1.0-rc2"), ["c"]);
    assert_eq!(reader.brought("v1.1.0"), ["b", "c"]);
}

#[tokio::test]
async fn several_prefixes_name_services_and_one_does_not() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("api-1.0.0");
    repo.tag("web@1.0.0");
    repo.commit("b", "b.txt");
    repo.tag("api-1.1.0");
    repo.commit("c", "c.txt");
    repo.tag("web@1.1.0");
    let reader = read(&repo).await;
    assert_eq!(reader.release("api-1.1.0").0.service.as_deref(), Some("api"));
    assert_eq!(reader.brought("api-1.1.0"), ["b"]);
    assert_eq!(reader.brought("web@1.1.0"), ["b", "c"]);
    assert_eq!(reader.change("b").0.service, None, "which service a change is for, paths say");
    assert_eq!(reader.release("api-1.0.0").1.group_id, reader.release("web@1.0.0").1.group_id, "one release of two services");
    assert!(reader.release("api-1.0.0").1.group_id.is_some());

    let paths = read_with(&repo, "services = { api = ['api/**'] }").await;
    assert!(paths.release("api-1.1.0").1.change_ids.is_empty(), "its paths decide, in the ledger");
    assert_eq!(paths.brought("web@1.1.0"), ["b", "c"]);

    let mut one = Repo::new();
    one.commit("a", "a.txt");
    one.tag("frigate-1.0");
    assert_eq!(read(&one).await.release("frigate-1.0").0.service.as_deref(), Some("shop"));
}

#[tokio::test]
async fn a_release_branch_ships_only_what_it_has_of_the_default_branch() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    repo.git(&["switch", "--quiet", "-c", "release-1.1"]);
    repo.commit("polish", "p.txt");
    repo.tag("v1.1.0");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit("c", "c.txt");
    repo.git(&["switch", "--quiet", "release-1.1"]);
    repo.clock += 60;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "catch up", "main"]);
    repo.tag("v1.2.0");
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit("d", "d.txt");
    repo.tag("v2.0.0");
    repo.git(&["switch", "--quiet", "release-1.1"]);
    repo.commit("backport", "q.txt");
    repo.tag("v1.2.1");
    repo.git(&["switch", "--quiet", "main"]);
    let reader = read(&repo).await;
    assert_eq!(reader.brought("v1.1.0"), ["b"]);
    assert_eq!(reader.brought("v1.2.0"), ["c"], "a merge of the default branch into the release branch ships it");
    assert_eq!(reader.brought("v2.0.0"), ["d"]);
    assert_eq!(reader.brought("v1.2.1"), [""; 0], "a backport brings nothing of the default branch");
    let base = |tag: &str| reader.release(tag).1.base_sha.clone();
    let merged = |title: &str| reader.change(title).1.merge_sha.clone();
    assert_eq!((base("v1.1.0"), base("v1.2.1"), base("v2.0.0")), (merged("b"), merged("c"), None), "what it stands on, when elsewhere");
}

#[tokio::test]
async fn many_tags_on_other_branches_are_counted_exactly_in_steps() {
    let mut repo = Repo::new();
    let mut want = Vec::new();
    for i in 0..170 {
        repo.commit(&format!("m{i}"), "a.txt");
        if i > 0 {
            want.push((format!("v1.{i}.0"), format!("m{i}")));
        }
        let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
        let off = repo.git(&["commit-tree", "-p", "HEAD", "-m", "version", &tree]);
        repo.git(&["tag", &format!("v1.{i}.0"), &off]);
    }
    let reader = read(&repo).await;
    assert!(reader.polls > 1);
    assert_eq!(reader.deployments().len(), 170);
    for (tag, title) in want {
        assert_eq!(reader.brought(&tag), [title], "{tag}");
    }
}

#[tokio::test]
async fn two_tags_on_one_commit_are_the_same_commit_twice_and_bring_nothing_twice() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    repo.annotated("v1.1.0");
    repo.annotated("v1.1.0+again");
    let reader = read(&repo).await;
    assert_eq!(reader.brought("v1.1.0"), ["b"]);
    assert_eq!(reader.brought("v1.1.0+again"), [""; 0]);
    assert_eq!(reader.release("v1.1.0").1.sha, reader.release("v1.1.0+again").1.sha);
}

#[tokio::test]
async fn releases_are_ordered_by_when_they_happened_not_by_their_version() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.annotated("v9.0.0");
    repo.commit("b", "b.txt");
    repo.annotated("v1.0.0");
    let reader = read(&repo).await;
    assert!(reader.release("v9.0.0").1.change_ids.is_empty());
    assert_eq!(reader.brought("v1.0.0"), ["b"]);
}

#[tokio::test]
async fn without_version_tags_every_change_is_an_assumed_deployment() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.merge("t", "b", &["x", "y"]);
    repo.tag("latest");
    let reader = read(&repo).await;
    let deployments = reader.deployments();
    assert_eq!(deployments.len(), 2);
    for ((_, deployment), (change_record, change)) in deployments.iter().zip(reader.changes().into_iter().rev()) {
        assert!(deployment.assumed);
        assert_eq!(deployment.change_ids, std::slice::from_ref(&change_record.id));
        assert_eq!((deployment.sha.as_ref(), deployment.finished_at), (change.merge_sha.as_ref(), change.merged_at));
    }
    assert_eq!((deployments[0].0.env_tier.as_deref(), deployments[0].0.service.as_deref()), (Some("production"), Some("shop")));
    assert!(reader.message.contains("assumed"), "{}", reader.message);
}

#[tokio::test]
async fn the_first_version_tag_takes_the_assumed_deployments_back() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.commit("b", "b.txt");
    let mut reader = read(&repo).await;
    assert_eq!(reader.deployments().len(), 2);
    repo.annotated("v1.0.0");
    reader.read().await.unwrap();
    let ids: Vec<_> = reader.deployments().into_iter().map(|(r, _)| r.id.clone()).collect();
    assert_eq!(ids, ["tag:v1.0.0"]);
    assert_eq!(reader.titles(), ["b", "a"]);
    repo.git(&["tag", "-d", "v1.0.0"]);
    reader.read().await.unwrap();
    assert_eq!(reader.deployments().len(), 2);
    assert!(reader.deployments().iter().all(|(_, d)| d.assumed));
}

#[tokio::test]
async fn what_counts_as_a_deployment_can_be_chosen() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    assert_eq!(read_with(&repo, "deploy_from = 'commits'").await.deployments().len(), 2);
    assert_eq!(read_with(&repo, "deploy_from = 'tags'").await.deployments().len(), 1);
    let none = read_with(&repo, "deploy_from = 'tags'\ntag_pattern = '^never$'").await;
    assert_eq!(none.deployments().len(), 0);
}

#[tokio::test]
async fn a_new_commit_and_a_new_tag_come_without_reading_history_again() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.commit("b", "b.txt");
    let mut reader = read(&repo).await;
    repo.commit("c", "c.txt");
    reader.read().await.unwrap();
    assert_eq!((reader.titles()[0], reader.delivered, reader.polls), ("c", 1, 1));
    repo.annotated("v1.1.0");
    reader.read().await.unwrap();
    assert_eq!((reader.delivered, reader.polls), (1, 1));
    assert_eq!(reader.brought("v1.1.0"), ["b", "c"]);
    assert!(reader.records.values().all(|r| r.updated_at.is_none()), "nothing was corrected");
}

#[tokio::test]
async fn a_tag_made_between_two_releases_takes_its_changes_from_the_later_one() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    let middle = repo.commit("b", "b.txt");
    repo.commit("c", "c.txt");
    repo.tag("v1.2.0");
    let mut reader = read(&repo).await;
    assert_eq!(reader.brought("v1.2.0"), ["b", "c"]);
    repo.git(&["tag", "v1.1.0", &middle]);
    reader.read().await.unwrap();
    assert_eq!(reader.brought("v1.1.0"), ["b"]);
    assert_eq!(reader.brought("v1.2.0"), ["c"]);
    reader.read().await.unwrap();
    assert_eq!(reader.delivered, 0);
}

#[tokio::test]
async fn nested_tags_and_tags_of_other_objects_are_told_apart() {
    let mut repo = Repo::new();
    let sha = repo.commit("a", "a.txt");
    repo.annotated("v1.0.0");
    repo.git(&["-c", "advice.nestedTag=false", "tag", "-m", "again", "v1.0.1", "v1.0.0"]);
    repo.git(&["tag", "v3.0.0", "HEAD^{tree}"]);
    let reader = read(&repo).await;
    assert_eq!(reader.release("v1.0.1").1.sha.as_deref(), Some(sha.as_str()));
    assert_eq!(reader.deployments().len(), 2);
}

#[tokio::test]
async fn a_long_history_comes_newest_first_in_steps_with_progress() {
    let mut repo = Repo::new();
    repo.import(6_500, "c", true);
    let mut reader = Reader::new(repo.path(), "");
    let first = reader.step().await.unwrap();
    assert!(first.more);
    assert_eq!(reader.titles().len(), 1_000);
    assert_eq!((reader.titles()[0], first.progress.unwrap().done), ("c6499", 1_000));
    let second = reader.step().await.unwrap();
    let progress = second.progress.unwrap();
    assert_eq!((progress.done, progress.total), (6_000, Some(6_500)));
    assert_eq!(reader.deployments().len(), 6, "releases come with the second step");
    assert!(
        second
            .backfilled_from
            .is_some_and(|from| from > reader.changes().last().unwrap().1.merged_at.unwrap() - chrono::Duration::seconds(1))
    );
    reader.read().await.unwrap();
    assert_eq!(reader.titles().len(), 6_500);
    assert_eq!(reader.brought("v0.1999.0").len(), 1_000);
    assert_eq!(reader.backfilled_from.map(|t| t.timestamp()), Some(super::repo::START));
}

#[tokio::test]
async fn what_was_merged_before_the_first_release_is_left_out_and_not_pending() {
    use quarterdeck::{domain::team::Roster, ledger};
    for off in [false, true] {
        let mut repo = Repo::new();
        repo.commit("a", "a.txt");
        repo.commit("b", "b.txt");
        if off {
            repo.git(&["switch", "--quiet", "-c", "release"]);
            repo.commit("version", "v.txt");
        }
        repo.tag("v1.0.0");
        repo.git(&["switch", "--quiet", "main"]);
        repo.merge("t", "c", &["x"]);
        repo.annotated("v1.1.0");
        repo.commit("d", "d.txt");
        let reader = read(&repo).await;
        let records: Vec<_> = reader.live().cloned().collect();
        let (roster, rules) = (Roster::default(), ledger::Rules::default());
        let derived = ledger::derive(ledger::Input { records: &records, roster: &roster, rules: &rules, now: reader.now });
        let key = |title: &str| format!("code/{}", reader.change(title).0.id);
        let shipped: Vec<_> = derived.shipments.iter().map(|s| (s.change.clone(), s.left_out, s.lead_time_s)).collect();
        assert!(shipped.contains(&(key("a"), Some("first_deployment"), None)), "{shipped:?}");
        assert!(shipped.contains(&(key("b"), Some("first_deployment"), None)), "{shipped:?}");
        assert!(shipped.iter().any(|(c, _, s)| *c == key("c") && *s == Some(2.0 * 3_600.0)), "{shipped:?}");
        assert_eq!((shipped.len(), derived.pending), (3, vec![key("d")]));
    }
}

#[tokio::test]
async fn a_bound_on_history_is_kept_and_said() {
    let mut repo = Repo::new();
    repo.commit("old", "a.txt");
    repo.tag("v1.0.0");
    repo.clock += 80 * 86_400;
    repo.commit("new", "b.txt");
    repo.tag("v1.1.0");
    let reader = read_with(&repo, "backfill = '20d'").await;
    assert_eq!(reader.titles(), ["new"]);
    assert_eq!(reader.deployments().len(), 1);
    assert_eq!(reader.brought("v1.1.0"), ["new"]);
    assert_eq!(reader.backfilled_from, Some(reader.now - chrono::Duration::days(20)));
}
