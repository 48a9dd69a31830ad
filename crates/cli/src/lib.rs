//! The commands `evaluate`, `scenario` and `bench`, callable from any program: arguments to library calls, failures to exit
//! codes, reports to files.
//!
//! Each module of [`commands`] has a function `run` that takes a command's arguments, prints what the command prints, and
//! gives its exit code; a file in `src/bin` calls it. A command parses its arguments, does its work through the libraries and
//! returns a failure where that does not succeed, which is printed on one line.

mod arguments;
mod calibrate;
mod campaign;
pub mod commands;
mod environment;
mod failure;
mod instructions;
mod oats;
mod output;
mod policies;
mod progress;
mod scenarios;
mod speed;
mod sweep;
mod trainer;
mod validate;

pub use failure::Failure;
pub use policies::{NamedPolicy, contender, find_policy};

use arguments::parse;
use failure::finish;
use output::{Destination, print};
use progress::ProgressLine;
use scenarios::{load_scenarios, load_topology};
