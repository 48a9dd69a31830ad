//! Trained policies on the command line: sound ones play, damaged ones and those of another scenario are refused.

use std::{error::Error, fs, path::Path, process::Command};

use microcloud_core::{Scenario, Topology};
use microcloud_policy::network::{
    Layer, MANIFEST_FILE, Network, NetworkSpec, Normalizer, POLICY_FILE, PolicyFile, schema_hash, sha256_hex,
};
use ndarray::{Array1, Array2};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;

/// Writes a checkpoint whose network is zero throughout, so that it always takes the first legal action.
fn write_checkpoint(folder: &Path, truncated: usize) -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let (size, num_actions) = (topology.observation_size(), topology.num_actions());
    let layer = |outputs| Layer { weight: Array2::zeros((outputs, size)), bias: Array1::zeros(outputs) };
    let file = PolicyFile {
        network: Network::new(
            NetworkSpec::separate(size, num_actions, Vec::new()),
            vec![layer(num_actions), layer(1)],
            Normalizer::identity(size),
        )?,
        algo: "ppo".to_owned(),
        scenario: "spine12".to_owned(),
        observation_schema: schema_hash(topology.observation_names()),
        action_schema: schema_hash(topology.action_meanings()),
    };
    let bytes = file.to_bytes()?;
    fs::create_dir_all(folder)?;
    let manifest = json!({"sha256": {POLICY_FILE: sha256_hex(&bytes)}});
    fs::write(folder.join(MANIFEST_FILE), manifest.to_string())?;
    fs::write(folder.join(POLICY_FILE), &bytes[..bytes.len() - truncated])?;
    Ok(())
}

/// Exit code, standard output and standard error of `evaluate` in a folder.
fn evaluate(folder: &Path, arguments: &str) -> Result<(Option<i32>, String, String), Box<dyn Error>> {
    let arguments = format!("{arguments} --episodes 2 --control-episodes 1 --json -");
    let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output()?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

#[test]
fn a_checkpoint_a_run_and_a_released_policy_play_under_their_names() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    write_checkpoint(&at.join("run/checkpoints/000000128"), 0)?;
    fs::write(at.join("run/checkpoints/best"), "000000128\n")?;
    write_checkpoint(&at.join("policies/spine12-ppo"), 0)?;
    let (code, stdout, stderr) = evaluate(at, "run run/checkpoints/000000128 spine12-ppo no-op")?;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&stdout)?;
    let rows = report["rows"].as_array().ok_or("no rows")?;
    let names: Vec<_> = rows.iter().filter_map(|row| row["policy"].as_str()).collect();
    assert_eq!(names, ["ppo:run", "ppo:run/checkpoints/000000128", "ppo:policies/spine12-ppo", "no-op"]);
    for row in rows {
        assert_eq!(row["return"], rows[3]["return"]);
    }
    Ok(())
}

#[test]
fn a_truncated_checkpoint_is_corrupt_and_one_of_another_scenario_does_not_fit() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    write_checkpoint(&at.join("short"), 100)?;
    write_checkpoint(&at.join("sound"), 0)?;
    let other = Scenario::load("spine12")?.to_toml().replace("incident-gen", "fault-maker");
    fs::write(at.join("other.toml"), other)?;
    for (arguments, exit_code, part) in
        [("short", 3, "short/policy.safetensors"), ("sound --scenario other.toml", 2, "made for another environment")]
    {
        let (code, stdout, stderr) = evaluate(at, arguments)?;
        assert_eq!(code, Some(exit_code), "{stderr}");
        assert!(stdout.is_empty() && stderr.lines().count() == 1 && !stderr.contains("panicked"), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
    Ok(())
}
