//! `completions`: what a shell needs to complete our command line.

use std::io::Write;

use clap::CommandFactory;

use super::{
    Ended,
    args::{Cli, Completions},
};

/// Write the script.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &Completions, out: &mut dyn Write) -> Ended {
    // The generator panics on a write error, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "quarterdeck", &mut script);
    out.write_all(&script)?;
    Ok(0)
}
