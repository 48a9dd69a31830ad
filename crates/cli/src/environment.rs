//! Flags that environment variables give: `MICROCLOUD_EVALUATE_EPISODES=20` stands for `evaluate --episodes 20`.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use clap::{Arg, ArgAction, Command};
use microcloud_policy::nearest_name;

/// What the variables' names begin with.
const PREFIX: &str = "MICROCLOUD";

/// The program's name, a flag for every variable of the command whose flag was not typed, and the words as typed.
///
/// Subcommands have no such variables: where one is typed, those of the command itself change nothing. A switch is on where
/// its variable is `1` or `true`, and off where it is `0` or `false`; an empty variable is none.
///
/// # Errors
/// A variable that begins as the command's do and stands for none of its flags, or for a switch and is none of those values.
pub(crate) fn with_environment(
    words: &[OsString],
    command: &Command,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<Vec<OsString>, String> {
    let mut all = words.to_vec();
    let Some(name) = words.first().and_then(|program| command_name(program)) else { return Ok(all) };
    let typed: Vec<&OsString> = words.iter().skip(1).take_while(|word| *word != "--").collect();
    // Who asks what there is gets an answer, whatever is wrong.
    if typed.iter().any(|word| ["-h", "--help", "-V", "--version"].iter().any(|asked| *word == asked)) {
        return Ok(all);
    }
    let of_flag = |flag: &str| spelt(&format!("{PREFIX}_{name}_{flag}"));
    let flags: Vec<(&Arg, &str)> =
        command.get_arguments().filter_map(|argument| Some((argument, argument.get_long()?))).collect();
    let names: Vec<String> = flags.iter().map(|(_, flag)| of_flag(flag)).collect();
    let own = of_flag("");
    let set = variables.iter().filter(|(_, value)| !value.is_empty());
    for variable in set.filter_map(|(variable, _)| variable.to_str()).filter(|variable| variable.starts_with(&own)) {
        if !names.iter().any(|known| known == variable) {
            return Err(unknown(variable, &own, &name, &names));
        }
    }
    // A subcommand comes first: arguments of the command itself do not go with it.
    let subcommand = typed.first().and_then(|word| word.to_str()).and_then(|word| command.find_subcommand(word));
    if subcommand.is_some() {
        return Ok(all);
    }
    for ((argument, flag), variable) in flags.into_iter().zip(&names) {
        let Some(value) = variables.get(OsStr::new(variable)).filter(|value| !value.is_empty()) else { continue };
        if !is_typed(&typed, argument, flag)
            && let Some(word) = as_flag(argument, flag, value, variable)?
        {
            all.insert(1, word);
        }
    }
    Ok(all)
}

/// A variable's name for a flag's.
fn spelt(flag: &str) -> String {
    flag.to_uppercase().replace('-', "_")
}

fn unknown(variable: &str, own: &str, name: &str, names: &[String]) -> String {
    if names.is_empty() {
        return format!("unknown variable {variable}; allowed: none, since {name} has no flags of its own");
    }
    let ends = |known: &str| known.trim_start_matches(own).to_lowercase();
    let lower: Vec<String> = names.iter().map(|known| ends(known)).collect();
    let near = nearest_name(&ends(variable), lower.iter().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{own}{}`?", near.to_uppercase())).unwrap_or_default();
    format!("unknown variable {variable}{near}; allowed: {}", names.join(", "))
}

/// The last word of `target/debug/evaluate` or of `python -m microcloud_gym evaluate`, without an extension.
fn command_name(program: &OsStr) -> Option<String> {
    let program = program.to_string_lossy();
    let last = program.rsplit([' ', '/', '\\']).next()?;
    Some(last.strip_suffix(".exe").unwrap_or(last).to_owned())
}

fn is_typed(typed: &[&OsString], argument: &Arg, flag: &str) -> bool {
    typed.iter().any(|word| {
        let word = word.to_string_lossy();
        let long = word.strip_prefix("--").map(|rest| rest.split('=').next().unwrap_or(rest) == flag);
        let short = argument.get_short().is_some_and(|short| {
            !word.starts_with("--") && word.strip_prefix('-').is_some_and(|rest| rest.starts_with(short))
        });
        long.unwrap_or(false) || short
    })
}

fn as_flag(argument: &Arg, flag: &str, value: &OsStr, variable: &str) -> Result<Option<OsString>, String> {
    let mut word = OsString::from(format!("--{flag}"));
    Ok(match argument.get_action() {
        ArgAction::SetTrue if value == "1" || value == "true" => Some(word),
        ArgAction::SetTrue if value == "0" || value == "false" => None,
        ArgAction::SetTrue => {
            return Err(format!("{variable} = {}; allowed: 1, true, 0, false", value.to_string_lossy()));
        }
        ArgAction::Set | ArgAction::Append => {
            word.push("=");
            word.push(value);
            Some(word)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};

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

    #[derive(Parser)]
    #[command(args_conflicts_with_subcommands = true)]
    struct WithSubcommands {
        #[command(subcommand)]
        command: Option<Own>,
        #[arg(long)]
        episodes: Option<usize>,
        name: Option<String>,
    }

    #[derive(Subcommand)]
    enum Own {
        Live { scenario: String },
    }

    fn read<A: Parser>(words: &[&str], variables: &[(&str, &str)]) -> Result<A, String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let words = with_environment(&words, &A::command(), &variables)?;
        A::try_parse_from(words).map_err(|error| error.to_string())
    }

    fn parsed(words: &[&str], variables: &[(&str, &str)]) -> Flags {
        read(words, variables).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_command_with_subcommands_takes_its_own_flags_where_none_is_typed() {
        let variables = [("MICROCLOUD_EXPERIMENT_EPISODES", "3")];
        let own = read::<WithSubcommands>(&["experiment", "quorum"], &variables).expect("its own");
        assert_eq!((own.episodes, own.name.as_deref()), (Some(3), Some("quorum")));
        let live = read::<WithSubcommands>(&["experiment", "live", "quorum"], &variables).expect("a subcommand");
        assert!(matches!(live.command, Some(Own::Live { scenario }) if scenario == "quorum"));
        assert_eq!(live.episodes, None);
    }

    #[test]
    fn an_unknown_variable_of_the_command_is_refused_with_the_nearest() {
        let said = |name: &str| read::<Flags>(&["evaluate"], &[(name, "3")]).err().unwrap_or_default();
        let message = said("MICROCLOUD_EVALUATE_EPSIODES");
        assert!(message.contains("unknown variable MICROCLOUD_EVALUATE_EPSIODES"), "{message}");
        assert!(message.contains("did you mean `MICROCLOUD_EVALUATE_EPISODES`?"), "{message}");
        assert!(message.contains("MICROCLOUD_EVALUATE_QUICK"), "{message}");
        assert_eq!(said("MICROCLOUD_TRAIN_PPO__GAMMA"), "", "it is another command's");
        assert!(said("MICROCLOUD_EVALUATE_QUICK").contains("= 3; allowed: 1, true, 0, false"));
        assert!(
            read::<Flags>(&["evaluate", "--help"], &[("MICROCLOUD_EVALUATE_EPSIODES", "3")])
                .is_err_and(|help| help.contains("Usage"))
        );
    }

    #[test]
    fn what_follows_two_dashes_is_no_flag() {
        let words = ["experiment", "--", "--episodes"];
        let own = read::<WithSubcommands>(&words, &[("MICROCLOUD_EXPERIMENT_EPISODES", "3")]).expect("a name");
        assert_eq!((own.episodes, own.name.as_deref()), (Some(3), Some("--episodes")));
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
