//! Secrets by reference: `{ env = "…" }`, `{ file = "…" }`, `{ command = ["…"] }`. Never literal, never printed.
//!
//! A reference is looked up when it is needed, so a rotated secret is found at the next poll. Messages name the
//! reference, never what it refers to, nor what a program printed.

use std::{fs::File, io::Read, path::Path, process::Stdio, sync::mpsc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Unexpected, Visitor},
};

use super::read::SECRET_EXPECTED;

/// Longest file or program output looked at, in bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// How long a program may take.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file's first line.
    File(std::path::PathBuf),
    /// The first line a program prints (argv, no shell).
    Command(Vec<String>),
}

impl<'de> Deserialize<'de> for Secret {
    /// Written out by hand so that a secret written into the config is refused without being repeated.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = Secret;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a reference to a secret such as { env = \"NAME\" }")
            }
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom(SECRET_EXPECTED))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                const KNOWN: &[&str] = &["env", "file", "command"];
                let secret = match map.next_key::<String>()?.as_deref() {
                    Some("env") => Secret::Env(map.next_value()?),
                    Some("file") => Secret::File(map.next_value()?),
                    Some("command") => Secret::Command(map.next_value()?),
                    Some(other) => return Err(serde::de::Error::unknown_field(other, KNOWN)),
                    None => return Err(serde::de::Error::custom(SECRET_EXPECTED)),
                };
                match map.next_key::<String>()? {
                    None => Ok(secret),
                    Some(_) => Err(serde::de::Error::invalid_value(Unexpected::Map, &"one of env, file, command")),
                }
            }
        }
        deserializer.deserialize_map(Reference)
    }
}

impl Secret {
    /// Look it up. Blocks (a file, a program of at most 10 s): call it off the async threads.
    ///
    /// # Errors
    /// What was tried and what to do, without any of the secret.
    pub fn resolve(&self) -> Result<SecretString, String> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|e| match e {
                std::env::VarError::NotPresent => format!("secret: environment variable `{name}` is not set"),
                std::env::VarError::NotUnicode(_) => format!("secret: environment variable `{name}` is not text"),
            })?,
            Self::File(path) => first_line_of_file(path)?,
            Self::Command(argv) => first_line_of_program(argv)?,
        };
        let secret = SecretString::from(text.lines().next().unwrap_or_default().trim().to_owned());
        if secret.expose_secret().is_empty() { Err(format!("secret: {} is empty", self.place())) } else { Ok(secret) }
    }

    /// Paths as written in a config file of this directory (`~/` is the home directory).
    #[must_use]
    pub fn relative_to(self, dir: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(super::relative_to(dir, &path.to_string_lossy())),
            other => other,
        }
    }

    /// The reference in words: `environment variable X`, `file /x`, `output of x`.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Env(name) => format!("environment variable `{name}`"),
            Self::File(path) => format!("file `{}`", path.display()),
            Self::Command(argv) => format!("output of `{}`", argv.first().map_or("", String::as_str)),
        }
    }
}

fn first_line_of_file(path: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("secret: cannot read file `{}`: {e}", path.display());
    // A pipe or device could block for ever.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(format!("secret: `{}` is not a regular file", path.display()));
    }
    bounded_text(File::open(path).map_err(failed)?).map_err(failed)
}

fn bounded_text(from: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn first_line_of_program(argv: &[String]) -> Result<String, String> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err("secret: `command` is empty; expected a program and its arguments".into());
    };
    let failed = |e: std::io::Error| format!("secret: cannot run `{program}`: {e}");
    #[allow(clippy::disallowed_methods, reason = "this is one of the places that may start a process")]
    let mut command = std::process::Command::new(program);
    // Given a PATH, std starts it by `fork`: a parent in `vfork` could not be stopped by Ctrl-Z meanwhile.
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let id = child.id();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let text = child.stdout.take().map_or(Ok(String::new()), bounded_text);
        // The pipe is closed by now: a program that prints without end is ended by it.
        send.send((text, child.wait()))
    });
    let Ok((text, status)) = receive.recv_timeout(MAX_WAIT) else {
        kill_group(id);
        return Err(format!("secret: `{program}` did not end within {} s", MAX_WAIT.as_secs()));
    };
    let (text, status) = (text.map_err(failed)?, status.map_err(failed)?);
    if status.success() { Ok(text) } else { Err(format!("secret: `{program}` failed ({status}); run it by hand to see why")) }
}

/// The program and what it started: each runs in a group of its own.
fn kill_group(id: u32) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // Fails only when all of it has ended.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = id;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> Secret {
        Secret::Command(argv.iter().map(|a| (*a).to_owned()).collect())
    }

    #[test]
    fn the_first_line_of_a_file_is_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret \nsecond line\n").unwrap();
        assert_eq!(Secret::File(path).resolve().unwrap().expose_secret(), "s3cret");
    }

    #[test]
    fn a_missing_empty_or_odd_file_says_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Secret::File(dir.path().join("gone")).resolve().unwrap_err();
        assert!(missing.contains("gone"), "{missing}");
        assert!(Secret::File(dir.path().to_owned()).resolve().unwrap_err().contains("not a regular file"));
        std::fs::write(dir.path().join("empty"), "\n").unwrap();
        assert!(Secret::File(dir.path().join("empty")).resolve().unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_program_is_run_without_a_shell() {
        assert_eq!(command(&["echo", "$HOME; x"]).resolve().unwrap().expose_secret(), "$HOME; x");
    }

    #[test]
    fn a_failing_program_does_not_leak_what_it_printed() {
        let error = command(&["sh", "-c", "echo hunter2; exit 3"]).resolve().unwrap_err();
        assert!(error.contains("`sh` failed") && !error.contains("hunter2"), "{error}");
        assert!(command(&["/no/such/program"]).resolve().unwrap_err().contains("cannot run"));
        assert!(command(&[]).resolve().unwrap_err().contains("empty"));
    }

    #[test]
    fn a_program_that_prints_without_end_is_stopped() {
        let error = command(&["yes"]).resolve().unwrap_err();
        assert!(error.contains("`yes`"), "{error}");
    }

    #[test]
    fn an_unset_variable_is_named() {
        assert!(Secret::Env("QUARTERDECK_TEST_UNSET".into()).resolve().unwrap_err().contains("QUARTERDECK_TEST_UNSET"));
    }
}
