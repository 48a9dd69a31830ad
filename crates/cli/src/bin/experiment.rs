//! The command `experiment`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(microcloud_cli::commands::experiment::run(std::env::args_os()))
}
