//! Reads a command's arguments, and those that environment variables give; what is wrong with them is said on one line.

use std::ffi::OsString;

use clap::{Parser, error::ErrorKind};
use microcloud_eval::start_logging;

use crate::{Failure, environment::with_environment, print};

/// The command's arguments, of which the first is the program's name; none where help or the version was asked for, and printed.
///
/// # Errors
/// Arguments that the command does not have, or values that they do not take.
pub fn parse<A: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<A>, Failure> {
    start_logging().map_err(Failure::usage)?;
    let words: Vec<OsString> = arguments.into_iter().collect();
    let words = with_environment(&words, &A::command(), &std::env::vars_os().collect()).map_err(Failure::usage)?;
    let error = match A::try_parse_from(&words) {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(error) => error,
    };
    let text = as_typed(&error.render().to_string(), &words);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => print(&text).map(|()| None),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("an argument is missing; `--help` lists what there is, with an example"))
        }
        _ => Err(Failure::usage(one_line(&text))),
    }
}

/// A text whose examples begin with what the user typed, where that is no program of cargo's but `python -m PACKAGE COMMAND`.
pub fn as_typed(text: &str, words: &[OsString]) -> String {
    let program = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    match program.rsplit_once(' ') {
        Some((_, command)) => text.replace(&format!("cargo run --bin {command} --"), &program),
        None => text.to_owned(),
    }
}

/// A number as typed that has to lie in a range; arguments are read as whole numbers of either sign, so that one below the
/// range is answered as one above it.
pub(crate) fn in_range(key: &str, value: i64, least: usize, most: usize) -> Result<usize, Failure> {
    let fine = usize::try_from(value).ok().filter(|value| (least..=most).contains(value));
    fine.ok_or_else(|| Failure::usage(format!("--{key} {value}; allowed: {least} to {most}")))
}

/// clap's message without its usage section, on one line.
fn one_line(text: &str) -> String {
    let said = text.split("\nUsage:").next().unwrap_or(text).split("\nFor more information").next().unwrap_or(text);
    let words: Vec<&str> = said.split_whitespace().collect();
    format!("{}; see `--help`", words.join(" ").trim_start_matches("error: "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_keeps_what_is_wrong_and_what_is_allowed() {
        let text = "error: invalid value 'tset' for '--split <SPLIT>'\n  [possible values: train, test]\n\n  tip: a similar \
                    value exists: 'test'\n\nFor more information, try '--help'.\n";
        let line = super::one_line(text);
        assert_eq!(
            line,
            "invalid value 'tset' for '--split <SPLIT>' [possible values: train, test] tip: a similar value exists: \
             'test'; see `--help`"
        );
    }
}
