//! Secrets by reference: `{ env = "…" }`, `{ file = "…" }`, `{ command = ["…"] }`. Never literal, never printed.

use serde::Deserialize;

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// An environment variable.
    Env(String),
    /// A file's first line.
    File(std::path::PathBuf),
    /// The first line a program prints (argv, no shell).
    Command(Vec<String>),
}
