//! The command `evaluate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(microcloud_cli::commands::evaluate::run(std::env::args_os()))
}
