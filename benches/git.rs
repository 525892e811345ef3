//! The full first reading of a large repository against `git log` on the same machine.
//!
//! `cargo bench --bench git` makes a repository of 100,000 commits (`QUARTERDECK_BENCH_COMMITS` for another number; or
//! `QUARTERDECK_BENCH_REPOSITORY` for one that exists) and prints the best of three runs each.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints and may fail loudly")]

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use quarterdeck::{
    config::Config,
    domain::Time,
    sources::{self, Cursor, Source},
};

/// What our reader asks for, as one would write it by hand.
const FIELDS: &str = "--format=%H%x00%P%x00%at%x00%ct%x00%aN%x00%aE%x00%B%x00";

fn main() {
    let temporary = tempfile::tempdir().unwrap();
    let repository = std::env::var_os("QUARTERDECK_BENCH_REPOSITORY").map_or_else(|| generate(temporary.path()), PathBuf::from);
    let count = |args: &[&str]| String::from_utf8(git(&repository, args).output().unwrap().stdout).unwrap().trim().to_owned();
    println!(
        "{} commits, {} of them on the default branch",
        count(&["rev-list", "--count", "HEAD"]),
        count(&["rev-list", "--first-parent", "--count", "HEAD"])
    );

    let plain = best(|| silent(&repository, &["log", "HEAD"]));
    println!("git log                                        {plain:>8.2?}");
    let chain = best(|| silent(&repository, &["log", "-z", "-m", "--first-parent", "--name-only", "--no-renames", FIELDS, "HEAD"]));
    println!("git log --first-parent --name-only, our fields {chain:>8.2?}");
    let all = best(|| silent(&repository, &["log", "-z", "--topo-order", FIELDS, "HEAD"]));
    println!("git log --topo-order, our fields               {all:>8.2?}");

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (name, more) in
        [("whole history to records", ""), ("the same without paths", "paths = false"), ("the same with line counts", "lines = true")]
    {
        let mut read = Read::default();
        let took = best(|| read = runtime.block_on(read_all(&repository, more)));
        let against = if more.is_empty() {
            format!(" = {:.2} × the two logs it needs", took.as_secs_f64() / (chain + all).as_secs_f64())
        } else {
            String::new()
        };
        println!(
            "{name:<46} {took:>8.2?}{against}; {} records in {} steps, first {:.2?}, longest {:.2?}",
            read.records, read.steps, read.first, read.longest
        );
        if more.is_empty() {
            let source = source(&repository, more);
            let quiet = best(|| runtime.block_on(async { assert!(source.poll(&read.cursor, now()).await.unwrap().records.is_empty()) }));
            println!("a poll that finds nothing new                  {quiet:>8.2?}");
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default());
}

#[derive(Default)]
struct Read {
    records: usize,
    steps: usize,
    first: Duration,
    longest: Duration,
    cursor: Cursor,
}

fn source(repository: &Path, more: &str) -> Box<dyn Source> {
    let text =
        format!("[[source]]\nname = \"code\"\nkind = \"git\"\ntimeout = \"300s\"\npath = {:?}\n{more}\n", repository.to_str().unwrap());
    let config = Config::parse(&text, "bench.toml", repository).unwrap();
    sources::build(&config.sources[0]).unwrap().0
}

async fn read_all(repository: &Path, more: &str) -> Read {
    let source = source(repository, more);
    let mut read = Read::default();
    loop {
        let began = Instant::now();
        let batch = source.poll(&read.cursor, now()).await.unwrap();
        let took = began.elapsed();
        if read.steps == 0 {
            read.first = took;
        }
        read.longest = read.longest.max(took);
        read.steps += 1;
        read.records += batch.records.len();
        read.cursor = batch.cursor;
        if !batch.more {
            return read;
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a measurement has no clock of its own")]
fn now() -> Time {
    chrono::Utc::now()
}

fn best(mut run: impl FnMut()) -> Duration {
    let runs = (0..3).map(|_| {
        let began = Instant::now();
        run();
        began.elapsed()
    });
    runs.min().unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "a measurement starts git itself")]
fn git(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

fn silent(dir: &Path, args: &[&str]) {
    assert!(git(dir, args).stdout(Stdio::null()).status().unwrap().success());
}

/// A bare repository: three in ten landings are merges of one to five commits, every commit touches one to four of 6,000
/// files, every hundredth landing is tagged.
fn generate(dir: &Path) -> PathBuf {
    let commits: u64 = std::env::var("QUARTERDECK_BENCH_COMMITS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let repository = dir.join("large");
    silent(dir, &["init", "--quiet", "--bare", "--initial-branch=main", "large"]);
    let mut child = git(&repository, &["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufWriter::new(child.stdin.take().unwrap());
    let mut story = Story { mark: 0, dice: 88_172_645_463_325_252 };
    let mut head = None;
    let mut landings = 0;
    while story.mark < commits {
        let text = if head.is_some() && story.roll(10) < 3 {
            let mut text = String::new();
            let (mut tip, mut touched) = (head, Vec::new());
            for _ in 0..=story.roll(5) {
                let files = story.files();
                text += &story.commit("side", &[tip], "work\n\nSome words about it", &files);
                tip = Some(story.mark);
                touched.extend(files);
            }
            let title = format!("Merge pull request #{landings} from acme/topic-{landings}\n\nfeat: title {landings}");
            text + &story.commit("main", &[head, tip], &title, &touched)
        } else {
            let files = story.files();
            story.commit("main", &[head], &format!("fix: landing (#{landings})\n\nA line\nand another"), &files)
        };
        out.write_all(text.as_bytes()).unwrap();
        head = Some(story.mark);
        landings += 1;
        if landings % 100 == 0 {
            writeln!(out, "reset refs/tags/v1.{}.0\nfrom :{}\n", landings / 100, story.mark).unwrap();
        }
    }
    drop(out);
    assert!(child.wait().unwrap().success());
    repository
}

struct Story {
    mark: u64,
    dice: u64,
}

impl Story {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    fn files(&mut self) -> Vec<String> {
        (0..=self.roll(4)).map(|_| format!("part{}/dir{}/file{}.txt", self.roll(20), self.roll(10), self.roll(30))).collect()
    }

    fn commit(&mut self, branch: &str, parents: &[Option<u64>], message: &str, files: &[String]) -> String {
        self.mark += 1;
        let (mark, who) = (self.mark, self.mark % 200);
        let at = 1_400_000_000 + mark * 300;
        let mut text = format!("commit refs/heads/{branch}\nmark :{mark}\nauthor P{who} <p{who}@example.org> {} +0000\n", at - 7_200);
        write!(text, "committer P{who} <p{who}@example.org> {at} +0000\ndata {}\n{message}\n", message.len()).unwrap();
        for (word, parent) in std::iter::once("from").chain(std::iter::repeat("merge")).zip(parents.iter().flatten()) {
            writeln!(text, "{word} :{parent}").unwrap();
        }
        for file in files {
            let body = "line\n".repeat(usize::try_from(1 + mark % 40).unwrap()) + &mark.to_string();
            write!(text, "M 100644 inline {file}\ndata {}\n{body}\n", body.len()).unwrap();
        }
        text + "\n"
    }
}
