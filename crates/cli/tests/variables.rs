//! What the environment's variables change: flags, and how the log is written.

use std::{error::Error, process::Command};

use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

const EVALUATE: &str = env!("CARGO_BIN_EXE_evaluate");

#[test]
fn a_variable_stands_for_a_flag_and_what_is_typed_goes_before() -> Outcome {
    let rows = |arguments: &[&str]| -> Result<Value, Box<dyn Error>> {
        let output = Command::new(EVALUATE)
            .args(["no-op", "--json", "-", "--control-episodes", "1"])
            .args(arguments)
            .env("MICROCLOUD_EVALUATE_EPISODES", "2")
            .output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    assert_eq!(rows(&[])?["rows"][0]["episodes"], 2);
    assert_eq!(rows(&["--episodes", "1"])?["rows"][0]["episodes"], 1);
    Ok(())
}

#[test]
fn a_failure_is_one_json_object_where_the_log_is_asked_for_as_json() -> Outcome {
    let output = Command::new(EVALUATE).args(["no-such-policy"]).env("LOG_FORMAT", "json").output()?;
    assert_eq!(output.status.code(), Some(2));
    let line: Value = serde_json::from_slice(&output.stderr)?;
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().is_some_and(|text| text.contains("unknown policy `no-such-policy`")), "{line}");
    assert_eq!(line["exit_code"], 2);
    Ok(())
}

#[test]
fn what_was_evaluated_is_logged_from_the_level_debug_on_and_unknown_levels_are_refused() -> Outcome {
    let run = |level: &str| {
        let arguments = ["no-op", "--episodes", "1", "--control-episodes", "1"];
        Command::new(EVALUATE).args(arguments).env("LOG_LEVEL", level).output()
    };
    let said = |level: &str| Ok::<_, Box<dyn Error>>(String::from_utf8(run(level)?.stderr)?);
    assert!(said("debug")?.contains("policy=\"no-op\""), "{}", said("debug")?);
    assert_eq!(said("info")?, "");
    let refused = run("loud")?;
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(refused.stderr)?,
        "error: LOG_LEVEL = loud; allowed: off, error, warn, info, debug, trace\n"
    );
    Ok(())
}

#[test]
fn a_variable_of_a_command_with_subcommands_counts_and_a_misspelt_one_is_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let run = |variable: &str, value: &str| {
        let arguments = ["spine12", "--json", "-", "--fault", "crash@auth"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_experiment"));
        let out = folder.path().join(variable);
        command.args(arguments).env("MICROCLOUD_EXPERIMENT_OUTPUT", out).env(variable, value).output()
    };
    let output = run("MICROCLOUD_EXPERIMENT_EPISODES", "2")?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout)?["episodes"], 2);
    let refused = run("MICROCLOUD_EXPERIMENT_EPSIODES", "2")?;
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr)?;
    assert!(said.contains("did you mean `MICROCLOUD_EXPERIMENT_EPISODES`?") && said.lines().count() == 1, "{said}");
    Ok(())
}
