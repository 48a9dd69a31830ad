//! The command `scenario`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(microcloud_cli::commands::scenario::run(std::env::args_os()))
}
