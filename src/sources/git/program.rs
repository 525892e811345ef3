//! Starting the git program: the only place that does.
//!
//! Why the program and not a library: where a repository is, git is; its own log is the fastest reader of history
//! known (`benches/git.rs` compares), it understands every layout git has (worktrees, shallow and partial clones,
//! reftables, SHA-256), and it costs the build nothing. Output is read as a stream of separated pieces, so memory does
//! not grow with history. Nothing here writes to a repository: no locks, no hooks, no pager, no external diff, no
//! network, no prompt. Ends with the future that waits for it.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::super::SourceError;
use crate::domain::text::clean_to;

/// Longest piece of output kept whole (a commit message, a path); the rest of it is read and dropped.
const MAX_PIECE: usize = 64 * 1024;
/// Most of an error text that is kept.
const MAX_ERROR: u64 = 8 * 1024;

/// Settings of the user that would change what we read, or start something.
const CONFIG: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "color.ui=false",
    "log.showSignature=false",
    "log.diffMerges=first-parent",
    "diff.ignoreSubmodules=none",
    "maintenance.auto=false",
];

/// What the environment must say, and what it must not (a hook's `GIT_DIR` would point us at another repository).
const SET: [(&str, &str); 6] = [
    ("LC_ALL", "C"),
    ("LANGUAGE", "C"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PAGER", "cat"),
];
const UNSET: [&str; 13] = [
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_EXTERNAL_DIFF",
    "GIT_TRACE",
    "GIT_LITERAL_PATHSPECS",
];

/// The git program, pointed at a directory.
#[derive(Debug, Clone)]
pub(super) struct Git {
    /// Name or path of the program.
    pub program: PathBuf,
    /// Where it looks for the repository.
    pub dir: PathBuf,
    /// Bound on one command.
    pub timeout: Duration,
}

impl Git {
    /// Run and hand each piece of output, cut at `separator`, to `on`. What `on` saw before an error is valid.
    pub async fn each(&self, args: &[&str], separator: u8, mut on: impl FnMut(&[u8]) + Send) -> Result<(), SourceError> {
        let run = async {
            let mut child = self.command(args).spawn().map_err(|e| no_program(&self.program, &e))?;
            let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
                return Err(SourceError::Unreachable("git started without its output".into()));
            };
            let mut said = Vec::new();
            let mut err = err.take(MAX_ERROR);
            let (read, _) = tokio::join!(pieces(BufReader::with_capacity(1 << 16, out), separator, &mut on), err.read_to_end(&mut said));
            read.map_err(|e| SourceError::Unreachable(format!("git {}: its output broke off: {e}", args[0])))?;
            let status = child.wait().await.map_err(|e| SourceError::Unreachable(format!("git {}: {e}", args[0])))?;
            if status.success() { Ok(()) } else { Err(refusal(&self.dir, args[0], &said)) }
        };
        tokio::time::timeout(self.timeout, run).await.map_err(|_| SourceError::Slow(self.timeout))?
    }

    /// Run and collect the lines of a short answer.
    pub async fn lines(&self, args: &[&str]) -> Result<Vec<String>, SourceError> {
        let mut lines = Vec::new();
        self.each(args, b'\n', |line| lines.push(String::from_utf8_lossy(line).into_owned())).await?;
        Ok(lines)
    }

    /// Run and take the first line, `None` when git says no (exit code 1 or an empty answer).
    pub async fn word(&self, args: &[&str]) -> Result<Option<String>, SourceError> {
        match self.lines(args).await {
            Ok(lines) => Ok(lines.into_iter().next().filter(|l| !l.is_empty())),
            Err(SourceError::Malformed(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Run and take the one number of the answer.
    pub async fn count(&self, args: &[&str]) -> Result<u64, SourceError> {
        let line = self.lines(args).await?.into_iter().next().unwrap_or_default();
        line.parse().map_err(|_| SourceError::Malformed(format!("git {}: expected a number, got `{}`", args[0], clean_to(&line, 80))))
    }

    /// Run to the end on this thread: for the command line, before the engine runs. Only for commands that read no history.
    pub fn lines_now(&self, args: &[&str]) -> Result<Vec<String>, SourceError> {
        let Output { status, stdout, stderr } = self.command(args).as_std_mut().output().map_err(|e| no_program(&self.program, &e))?;
        if !status.success() {
            return Err(refusal(&self.dir, args[0], &stderr));
        }
        Ok(String::from_utf8_lossy(&stdout).lines().map(str::to_owned).collect())
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that starts git")]
    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        // Given a PATH, std starts what is no path itself by `fork` and not by `vfork`: Ctrl-Z may stop a child before it has
        // become git, and a parent that waits for it in `vfork` cannot stop, so that the shell never gets its terminal back.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.arg("--no-pager").arg("-C").arg(&self.dir);
        for setting in CONFIG {
            command.arg("-c").arg(setting);
        }
        command.args(args).envs(SET);
        for name in UNSET {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Cut a stream at `separator`; a last piece without one counts when it is not empty.
async fn pieces(mut from: impl tokio::io::AsyncBufRead + Unpin, separator: u8, on: &mut impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut piece = Vec::new();
    let keep = |piece: &mut Vec<u8>, more: &[u8]| piece.extend_from_slice(&more[..more.len().min(MAX_PIECE - piece.len())]);
    loop {
        let buffer = from.fill_buf().await?;
        if buffer.is_empty() {
            break;
        }
        let read = buffer.len();
        let mut rest = buffer;
        while let Some(end) = rest.iter().position(|b| *b == separator) {
            if piece.is_empty() {
                on(&rest[..end.min(MAX_PIECE)]);
            } else {
                keep(&mut piece, &rest[..end]);
                on(&piece);
                piece.clear();
            }
            rest = &rest[end + 1..];
        }
        keep(&mut piece, rest);
        from.consume(read);
    }
    if !piece.is_empty() {
        on(&piece);
    }
    Ok(())
}

fn no_program(program: &Path, error: &std::io::Error) -> SourceError {
    let program = program.display();
    SourceError::Unreachable(if error.kind() == std::io::ErrorKind::NotFound {
        format!("cannot find the program `{program}`: install git, or name it with `program = \"…\"`")
    } else {
        format!("cannot start `{program}`: {error}")
    })
}

/// What git's own words mean, and what to do about it.
fn refusal(dir: &Path, command: &str, said: &[u8]) -> SourceError {
    let said = String::from_utf8_lossy(said);
    let dir = dir.display();
    if said.contains("dubious ownership") || said.contains("unsafe repository") {
        let place = said.split('\'').nth(1).map_or_else(|| dir.to_string(), |p| clean_to(p, 300));
        return SourceError::Denied(format!(
            "git does not read {place}: it belongs to another user; if you trust it: git config --global --add safe.directory '{place}'"
        ));
    }
    if said.contains("not a git repository") {
        return SourceError::Malformed(format!(
            "not a git repository: {dir} (nor any directory above it); run inside one, or pass --config FILE"
        ));
    }
    if said.contains("cannot change to") {
        return SourceError::Unreachable(format!("{dir}: no such directory, or it may not be entered"));
    }
    if said.contains("lazy fetching disabled") || said.contains("promisor") {
        return SourceError::Malformed(format!(
            "{dir}: a partial clone without its trees; set `paths = false`, or complete it: git fetch --refetch --no-filter"
        ));
    }
    let first = said.lines().find(|l| !l.trim().is_empty()).unwrap_or("no reason given");
    SourceError::Malformed(format!("git {command} failed in {dir}: {}", clean_to(&without_credentials(first), 300)))
}

/// URLs in git's messages may carry a password: `https://user:word@host/` loses what stands before the `@`.
pub(super) fn without_credentials(text: &str) -> String {
    text.split(' ')
        .map(|word| match word.split_once("://") {
            Some((scheme, rest)) => {
                let host_ends = rest.find('/').unwrap_or(rest.len());
                let host_begins = rest[..host_ends].rfind('@').map_or(0, |at| at + 1);
                format!("{scheme}://{}", &rest[host_begins..])
            }
            None => word.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_are_cut_across_buffers_and_bounded() {
        let mut seen = Vec::new();
        let text: &[u8] = b"ab\0\0cdefgh\0tail";
        pieces(BufReader::with_capacity(3, text), 0, &mut |p: &[u8]| seen.push(p.to_vec())).await.unwrap();
        assert_eq!(seen, [b"ab".to_vec(), b"".to_vec(), b"cdefgh".to_vec(), b"tail".to_vec()]);

        let long = vec![b'x'; MAX_PIECE * 2];
        let mut lengths = Vec::new();
        pieces(&long[..], 0, &mut |p: &[u8]| lengths.push(p.len())).await.unwrap();
        assert_eq!(lengths, [MAX_PIECE]);
    }

    #[test]
    fn git_is_started_by_fork() {
        let git = Git { program: "git".into(), dir: "/".into(), timeout: Duration::from_secs(9) };
        let command = git.command(&["version"]);
        // What makes std fork: a PATH, and a program that is no path.
        assert!(command.as_std().get_envs().any(|(name, value)| name == "PATH" && value == std::env::var_os("PATH").as_deref()));
        assert_eq!(command.as_std().get_program(), "git");
        assert!(git.lines_now(&["version"]).unwrap()[0].starts_with("git version"));
    }

    #[test]
    fn credentials_in_a_message_vanish() {
        assert_eq!(without_credentials("fatal: https://ann:word@git.example.org/x failed"), "fatal: https://git.example.org/x failed");
        assert_eq!(without_credentials("no url here"), "no url here");
    }

    #[test]
    fn a_refused_owner_names_the_command_that_mends_it() {
        let said = b"fatal: detected dubious ownership in repository at '/srv/shop'\nTo add an exception ...";
        let SourceError::Denied(message) = refusal(Path::new("/srv/shop"), "log", said) else { panic!("not denied") };
        assert!(message.contains("git config --global --add safe.directory '/srv/shop'"), "{message}");
    }
}
