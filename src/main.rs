//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    let code = quarterdeck::run::main(std::env::args_os().collect());
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(3))
}
