//! The subcommands and the wiring: the only module that may use everything.

/// Run the program with these arguments; gives the exit code (0 fine, 1 a check failed, 2 wrong use, 3 could not).
#[must_use]
pub fn main(args: Vec<std::ffi::OsString>) -> i32 {
    let _ = args;
    0
}
