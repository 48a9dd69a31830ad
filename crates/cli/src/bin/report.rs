//! The command `report`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(microcloud_cli::commands::report::run(std::env::args_os()))
}
