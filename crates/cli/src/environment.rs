//! Flags that environment variables give: `MICROCLOUD_EVALUATE_EPISODES=20` stands for `evaluate --episodes 20`.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use clap::{Arg, ArgAction, Command};

/// What the variables' names begin with.
const PREFIX: &str = "MICROCLOUD";

/// The words as typed, then a flag for every variable of the command whose flag was not typed.
///
/// Commands with subcommands have no such variables. A switch is on where its variable is `1` or `true`.
pub(crate) fn with_environment(
    words: &[OsString],
    command: &Command,
    variables: &BTreeMap<OsString, OsString>,
) -> Vec<OsString> {
    let mut all = words.to_vec();
    let Some(name) = words.first().and_then(|program| command_name(program)) else { return all };
    if command.has_subcommands() || words.iter().any(|word| word == "--") {
        return all;
    }
    for argument in command.get_arguments() {
        let Some(flag) = argument.get_long() else { continue };
        let variable = format!("{PREFIX}_{name}_{flag}").to_uppercase().replace('-', "_");
        let Some(value) = variables.get(OsStr::new(&variable)).filter(|value| !value.is_empty()) else { continue };
        if !is_typed(words, argument, flag) {
            all.extend(as_flag(argument, flag, value));
        }
    }
    all
}

/// The last word of `target/debug/evaluate` or of `python -m microcloud_gym evaluate`, without an extension.
fn command_name(program: &OsStr) -> Option<String> {
    let program = program.to_string_lossy();
    let last = program.rsplit([' ', '/', '\\']).next()?;
    Some(last.strip_suffix(".exe").unwrap_or(last).to_owned())
}

fn is_typed(words: &[OsString], argument: &Arg, flag: &str) -> bool {
    words.iter().skip(1).any(|word| {
        let word = word.to_string_lossy();
        let long = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest) == flag);
        let short = argument.get_short().is_some_and(|short| {
            !word.starts_with("--") && word.strip_prefix('-').is_some_and(|rest| rest.starts_with(short))
        });
        long.unwrap_or(false) || short
    })
}

fn as_flag(argument: &Arg, flag: &str, value: &OsStr) -> Option<OsString> {
    let mut word = OsString::from(format!("--{flag}"));
    match argument.get_action() {
        ArgAction::SetTrue => (value == "1" || value == "true").then_some(word),
        ArgAction::Set | ArgAction::Append => {
            word.push("=");
            word.push(value);
            Some(word)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[arg(long, default_value_t = 200)]
        episodes: usize,
        #[arg(short, long)]
        out: Option<String>,
        #[arg(long)]
        quick: bool,
    }

    fn parsed(words: &[&str], variables: &[(&str, &str)]) -> Flags {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Flags::parse_from(with_environment(&words, &Flags::command(), &variables))
    }

    #[test]
    fn a_variable_stands_for_a_flag_that_was_not_typed() {
        let variables = [
            ("MICROCLOUD_EVALUATE_EPISODES", "3"),
            ("MICROCLOUD_EVALUATE_OUT", "a"),
            ("MICROCLOUD_EVALUATE_QUICK", "true"),
            ("MICROCLOUD_BENCH_EPISODES", "9"),
        ];
        let flags = parsed(&["target/debug/evaluate"], &variables);
        assert_eq!((flags.episodes, flags.out.as_deref(), flags.quick), (3, Some("a"), true));
        let flags = parsed(&["python -m microcloud_gym evaluate", "--episodes=5", "-ob"], &variables);
        assert_eq!((flags.episodes, flags.out.as_deref()), (5, Some("b")));
        assert_eq!(parsed(&["evaluate"], &[("MICROCLOUD_EVALUATE_EPISODES", "")]).episodes, 200);
        assert!(!parsed(&["evaluate"], &[("MICROCLOUD_EVALUATE_QUICK", "0")]).quick);
    }
}
