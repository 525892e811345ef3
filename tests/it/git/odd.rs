//! Repositories of every shape, and what is said where nothing can be read.

use std::path::Path;

use quarterdeck::sources::{SourceError, git::discover};

use super::{Reader, Repo, read, read_with};

async fn error(path: &Path, more: &str) -> SourceError {
    Reader::new(path, more).read().await.expect_err("an error")
}

#[tokio::test]
async fn no_repository_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let said = error(dir.path(), "").await.to_string();
    assert!(said.contains("not a git repository") && said.contains("--config"), "{said}");
    let said = error(&dir.path().join("nowhere"), "").await.to_string();
    assert!(said.contains("no such directory"), "{said}");
    assert!(discover(dir.path()).unwrap_err().contains("not a git repository"));
}

#[tokio::test]
async fn no_git_program_is_said_with_what_to_do() {
    let repo = Repo::new();
    let said = error(repo.path(), "program = '/nowhere/git'").await;
    assert!(matches!(said, SourceError::Unreachable(_)));
    assert!(said.to_string().contains("install git"), "{said}");
}

#[cfg(unix)]
fn script(repo: &Repo, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = repo.beside("git.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("program = {:?}", path.to_str().unwrap())
}

#[cfg(unix)]
#[tokio::test]
async fn a_repository_of_another_user_names_the_command_that_mends_it() {
    let repo = super::contract_repository();
    let other = script(&repo, "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git \"$@\"");
    let said = error(repo.path(), &other).await;
    assert!(matches!(said, SourceError::Denied(_)), "{said:?}");
    assert!(said.to_string().contains("git config --global --add safe.directory"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_git_that_hangs_is_left_and_ended() {
    let repo = super::contract_repository();
    let pid = repo.beside("pid");
    let slow = script(&repo, &format!("echo $$ > {}; exec sleep 600", pid.display()));
    let said = error(repo.path(), &format!("timeout = '1s'\n{slow}")).await;
    assert!(matches!(said, SourceError::Slow(_)), "{said:?}");
    let pid = std::fs::read_to_string(pid).unwrap();
    let gone = || {
        !Path::new(&format!("/proc/{}/cmdline", pid.trim())).exists()
            || std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default().is_empty()
    };
    for _ in 0..100 {
        if gone() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the program still runs");
}

#[tokio::test]
async fn an_empty_repository_waits_for_its_first_commit() {
    let mut repo = Repo::new();
    let mut reader = read(&repo).await;
    assert_eq!(reader.records.len(), 0);
    assert!(reader.message.contains("no commits yet"), "{}", reader.message);
    repo.commit("first", "a.txt");
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["first"]);
}

#[tokio::test]
async fn a_detached_head_does_not_change_which_branch_is_the_default() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.commit("b", "b.txt");
    repo.git(&["switch", "--quiet", "--detach", "HEAD^"]);
    assert_eq!(read(&repo).await.titles(), ["b", "a"]);
    repo.git(&["branch", "-m", "main", "unusual"]);
    repo.git(&["branch", "other"]);
    assert_eq!(read(&repo).await.titles(), ["a"], "without any usual branch, where one stands");
}

#[tokio::test]
async fn a_detached_head_without_branches_is_followed() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.git(&["switch", "--quiet", "--detach"]);
    repo.git(&["branch", "-D", "main"]);
    let mut reader = read(&repo).await;
    assert_eq!(reader.titles(), ["a"]);
    repo.commit("b", "b.txt");
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["b", "a"]);
}

#[tokio::test]
async fn an_unborn_head_beside_a_usual_branch_reads_that_one() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.git(&["switch", "--quiet", "--orphan", "new"]);
    assert_eq!(read(&repo).await.titles(), ["a"]);
}

#[tokio::test]
async fn a_bare_repository_a_worktree_and_a_subdirectory_give_the_same_changes() {
    let repo = super::contract_repository();
    let want = read(&repo).await;
    let bare = Repo::clone_of(&repo, &["--bare"]);
    let mut from_bare = Reader::new(bare.path(), "repo = 'shop'");
    from_bare.read().await.unwrap();
    assert_eq!(from_bare.titles(), want.titles());
    let worktree = repo.beside("elsewhere");
    repo.git(&["worktree", "add", "--quiet", worktree.to_str().unwrap(), "-b", "other", "HEAD~1"]);
    let mut from_worktree = Reader::new(&worktree, "");
    from_worktree.read().await.unwrap();
    assert_eq!(from_worktree.records, want.records, "the name is the repository's, not the worktree's");
    let mut from_below = Reader::new(&repo.path().join("src"), "");
    from_below.read().await.unwrap();
    assert_eq!(from_below.records, want.records);
}

#[tokio::test]
async fn a_clone_reads_the_newer_of_local_and_remote_branch() {
    let mut upstream = Repo::new();
    upstream.commit("a", "a.txt");
    let mut clone = Repo::clone_of(&upstream, &[]);
    let mut reader = read(&clone).await;
    upstream.commit("theirs", "b.txt");
    clone.git(&["fetch", "--quiet"]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["theirs", "a"], "fetched and not merged");
    clone.git(&["merge", "--quiet", "--ff-only", "origin/main"]);
    clone.clock = upstream.clock;
    clone.commit("mine", "c.txt");
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["mine", "theirs", "a"], "committed and not pushed");
    upstream.clock += 60;
    upstream.commit("theirs too", "d.txt");
    clone.git(&["fetch", "--quiet"]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["theirs too", "theirs", "a"], "gone different ways: what everybody sees");
    assert!(reader.message.contains("another way"), "{}", reader.message);
}

#[tokio::test]
async fn a_shallow_clone_says_so_and_does_not_guess_at_its_edge() {
    let mut upstream = Repo::new();
    upstream.commit("a", "a.txt");
    upstream.commit("b", "b.txt");
    upstream.merge("t", "c", &["x"]);
    upstream.commit("d", "d.txt");
    let clone = Repo::clone_of(&upstream, &["--depth=2"]);
    let mut reader = read(&clone).await;
    assert_eq!(reader.titles(), ["d"], "what the oldest commit brought is not known");
    assert!(reader.message.contains("shallow clone: history before 2024-03-01 is unknown"), "{}", reader.message);
    assert_eq!(reader.backfilled_from.unwrap().timestamp(), upstream.clock - 3_600);
    clone.git(&["fetch", "--quiet", "--unshallow"]);
    reader.read().await.unwrap();
    assert_eq!(reader.titles(), ["d", "c", "b", "a"]);
    assert_eq!(reader.change("c").1.commits.len(), 1);
    assert!(!reader.message.contains("shallow"));
}

#[tokio::test]
async fn a_submodule_is_a_repository_and_a_path_of_its_parent() {
    let part = super::contract_repository();
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let url = part.path().to_str().unwrap().to_owned();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "part"]);
    repo.commit("with a part", "b.txt");
    let reader = read(&repo).await;
    assert!(reader.change("with a part").1.paths.contains(&"part".to_owned()));
    let mut inside = Reader::new(&repo.path().join("part"), "");
    inside.read().await.unwrap();
    assert_eq!(inside.titles(), read(&part).await.titles());
}

#[tokio::test]
async fn dates_in_the_future_become_now_and_are_labelled() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.raw_commit("99999999999", "99999999999", b"from tomorrow");
    repo.tag("v1.0.0");
    let never = repo.raw_commit("99999999999999999999999", "99999999999999999999999", b"from never");
    repo.git(&["update-ref", "refs/tags/v2.0.0", &never]);
    let reader = read(&repo).await;
    for title in ["from tomorrow", "from never"] {
        let (record, change) = reader.change(title);
        assert_eq!((change.merged_at, record.labels["clock"].as_str()), (Some(reader.now), "future"), "{title}");
        assert_eq!(change.commits[0].authored_at, Some(reader.now));
    }
    assert_eq!(reader.release("v1.0.0").1.finished_at, Some(reader.now));
    assert_eq!(reader.release("v1.0.0").0.labels["clock"], "future");
    assert_eq!(reader.release("v2.0.0").0.labels["clock"], "unset", "git itself cannot say when");
    assert!(reader.message.contains("3 dated in the future"), "{}", reader.message);
    let mut later = reader;
    later.read().await.unwrap();
    assert_eq!(later.delivered, 0, "they do not move with the clock");
}

#[tokio::test]
async fn clocks_that_were_not_set_do_not_make_lead_times_of_half_a_century() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let at = repo.clock + 3_600;
    repo.raw_commit("0", &at.to_string(), b"no author date");
    repo.raw_commit("-100", &(at + 1).to_string(), b"before 1970");
    repo.raw_commit("0", "0", b"no date at all");
    let reader = read(&repo).await;
    for (title, at) in [("no author date", at), ("before 1970", at + 1)] {
        let (_, change) = reader.change(title);
        assert_eq!(change.commits[0].authored_at.unwrap().timestamp(), at, "{title}");
    }
    let (record, change) = reader.change("no date at all");
    assert_eq!((change.merged_at.unwrap().timestamp(), record.labels["clock"].as_str()), (0, "unset"));
    assert!(reader.backfilled_from.unwrap().timestamp() > 0);
}

#[tokio::test]
async fn names_messages_and_paths_that_are_not_utf8_are_read_without_harm() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let blob = repo.git_fed(&["hash-object", "-w", "--stdin"], b"x");
    let tree = repo.git_fed(&["mktree", "-z"], &[format!("100644 blob {blob}\t").as_bytes(), b"caf\xe9\x1b[31m.txt\0"].concat());
    let parent = repo.head();
    let head = format!("tree {tree}\nparent {parent}\nauthor ");
    let at = repo.clock + 60;
    let commit = [
        head.as_bytes(),
        b"Ren\xe9 <r@example.org> ",
        format!("{at} +0000\ncommitter x <x@example.org> {at} +0000\n\n").as_bytes(),
        b"caf\xe9 \x1b[31mred \xff\n",
    ]
    .concat();
    let sha = repo.git_fed(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], &commit);
    repo.git(&["update-ref", "refs/heads/main", &sha]);
    let reader = read(&repo).await;
    let (_, change) = reader.changes()[0];
    assert!(change.title.starts_with("caf"), "{}", change.title);
    let json = serde_json::to_string(&reader.records.values().collect::<Vec<_>>()).unwrap();
    assert!(!json.contains("\\u001b"));
    assert!(change.paths.iter().any(|p| p.starts_with("caf")), "{:?}", change.paths);
}

#[tokio::test]
async fn refs_that_look_like_options_are_only_names() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let sha = repo.head();
    for name in ["refs/tags/-v1.0.0", "refs/tags/--exec=x-1.0.0", "refs/heads/--all"] {
        repo.git(&["update-ref", name, &sha]);
    }
    let reader = read_with(&repo, "branch = '--all'").await;
    assert_eq!(reader.titles(), ["a"]);
    assert_eq!(reader.deployments().len(), 2);
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_said_with_those_that_are() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    repo.git(&["branch", "dev"]);
    let said = error(repo.path(), "branch = 'moon'").await.to_string();
    assert!(said.contains("no branch `moon`") && said.contains("dev, main"), "{said}");
    assert_eq!(read_with(&repo, "branch = 'dev'").await.titles(), ["a"]);
}

#[tokio::test]
async fn settings_hooks_and_helpers_of_the_repository_start_nothing() {
    let mut repo = Repo::new();
    repo.commit("a", "a.txt");
    let trace = repo.beside("trace");
    let touch = format!("touch {}", trace.display());
    for key in ["core.fsmonitor", "core.pager", "pager.log", "diff.external", "core.sshCommand", "diff.x.textconv", "diff.x.command"] {
        repo.git(&["config", key, &touch]);
    }
    for (key, value) in [("log.showSignature", "true"), ("color.ui", "always"), ("log.diffMerges", "off"), ("format.pretty", "oneline")] {
        repo.git(&["config", key, value]);
    }
    std::fs::write(repo.path().join(".git/info/attributes"), "*.txt diff=x\n").unwrap();
    std::fs::write(repo.path().join("b.txt"), "b").unwrap();
    std::fs::remove_file(&trace).ok();
    let reader = read_with(&repo, "lines = true").await;
    assert_eq!(reader.titles(), ["a"]);
    assert_eq!(reader.change("a").1.paths, ["a.txt"]);
    assert!(!trace.exists(), "something was started");
}

#[tokio::test]
async fn a_cursor_that_cannot_be_read_starts_again_as_a_correction() {
    let repo = super::contract_repository();
    let mut reader = read(&repo).await;
    reader.cursor.0 = "{".into();
    reader.read().await.unwrap();
    assert_eq!(reader.titles().len(), 3);
    assert!(reader.live().all(|r| r.updated_at == Some(reader.now)));
}

#[test]
fn a_repository_one_stands_in_is_found_with_its_name_and_branch() {
    let repo = super::contract_repository();
    let found = discover(&repo.path().join("src")).unwrap();
    assert_eq!((found.name.as_str(), found.branch.as_deref(), found.path.as_path()), ("shop", Some("main"), repo.path()));
    let worktree = repo.beside("elsewhere");
    repo.git(&["worktree", "add", "--quiet", worktree.to_str().unwrap(), "-b", "other"]);
    let same = discover(&worktree).unwrap();
    assert_eq!((same.name, same.id), (found.name, found.id.clone()));
    assert_ne!(discover(super::contract_repository().path()).unwrap().id, found.id);
}

#[tokio::test]
async fn a_sha256_repository_reads_like_any_other() {
    let mut repo = Repo::new();
    std::fs::remove_dir_all(repo.path().join(".git")).unwrap();
    repo.git(&["init", "--quiet", "--object-format=sha256", "--initial-branch=main", "."]);
    repo.commit("a", "a.txt");
    repo.tag("v1.0.0");
    repo.merge("t", "b", &["x"]);
    repo.tag("v1.1.0");
    let reader = read(&repo).await;
    assert_eq!(reader.brought("v1.1.0"), ["b"]);
    assert_eq!(reader.change("b").1.merge_sha.as_ref().map(String::len), Some(64));
}
