//! The command `train`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(microcloud_train::command::run(std::env::args_os()))
}
