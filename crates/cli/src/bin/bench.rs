//! The command `bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let program = std::env::current_exe().ok();
    ExitCode::from(microcloud_cli::commands::bench::run(std::env::args_os(), program.as_deref()))
}
