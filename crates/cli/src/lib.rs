//! What the commands share: arguments to library calls, failures to exit codes, reports to files.
//!
//! A command is one file in `src/bin`; it parses its arguments with [`parse`], does its work through the libraries and
//! returns a [`Failure`] where that does not succeed. [`finish`] prints the failure on one line and sets the exit code.

mod arguments;
mod failure;
mod instructions;
mod output;
mod policies;
mod progress;
mod scenarios;
mod speed;
mod validate;

pub use arguments::parse;
pub use failure::{Failure, finish};
pub use instructions::InstructionArguments;
pub use output::{Destination, print};
pub use policies::contender;
pub use progress::ProgressLine;
pub use scenarios::{load_scenarios, load_topology};
pub use speed::SpeedArguments;
pub use validate::{ValidateArguments, run_validation};
