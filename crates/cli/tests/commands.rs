//! What the commands print and write when nothing is wrong.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

const EVALUATE: &str = env!("CARGO_BIN_EXE_evaluate");
const SCENARIO: &str = env!("CARGO_BIN_EXE_scenario");
const BENCH: &str = env!("CARGO_BIN_EXE_bench");

fn run(folder: &Path, command: &str, arguments: &str) -> Result<Output, Box<dyn Error>> {
    let output = Command::new(command).args(arguments.split_whitespace()).current_dir(folder).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {arguments}: {stderr}");
    assert!(stderr.is_empty(), "{command} {arguments}: {stderr}");
    Ok(output)
}

#[test]
fn json_to_standard_output_stands_alone_there_and_equals_the_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let quick = "no-op random --episodes 4 --control-episodes 2";
    let printed = run(folder.path(), EVALUATE, &format!("{quick} --json -"))?.stdout;
    let table = run(folder.path(), EVALUATE, &format!("{quick} --json out.json --threads 1"))?.stdout;
    assert_eq!(fs::read(folder.path().join("out.json"))?, printed);
    let report: Value = serde_json::from_slice(&printed)?;
    assert_eq!((&report["schema"], &report["split"]), (&1.into(), &"test".into()));
    assert_eq!(report["rows"].as_array().map(Vec::len), Some(2));
    let table = String::from_utf8(table)?;
    assert!(table.contains("scenario") && table.contains("random"), "{table}");
    Ok(())
}

#[test]
fn recording_writes_one_file_per_episode() -> Outcome {
    let folder = tempfile::tempdir()?;
    run(folder.path(), EVALUATE, "no-op --episodes 3 --control-episodes 2 --record episodes")?;
    assert_eq!(fs::read_dir(folder.path().join("episodes"))?.count(), 5);
    Ok(())
}

#[test]
fn a_scenario_that_is_shown_loads_again_and_plays_alike() -> Outcome {
    let folder = tempfile::tempdir()?;
    let names = String::from_utf8(run(folder.path(), SCENARIO, "list")?.stdout)?;
    for name in names.lines().filter_map(|line| line.split_whitespace().next()) {
        let shown = run(folder.path(), SCENARIO, &format!("show {name}"))?.stdout;
        fs::write(folder.path().join("copy.toml"), &shown)?;
        let checked = String::from_utf8(run(folder.path(), SCENARIO, "check copy.toml")?.stdout)?;
        assert!(checked.starts_with("copy.toml: sound"), "{checked}");
        assert_eq!(run(folder.path(), SCENARIO, "show copy.toml")?.stdout, shown);
        let quick = "no-op --episodes 2 --control-episodes 0 --json -";
        let built_in = run(folder.path(), EVALUATE, &format!("{quick} --scenario {name}"))?.stdout;
        assert_eq!(run(folder.path(), EVALUATE, &format!("{quick} --scenario copy.toml"))?.stdout, built_in);
    }
    Ok(())
}

#[test]
fn what_is_generated_loads_again_and_depends_on_its_numbers_alone() -> Outcome {
    let folder = tempfile::tempdir()?;
    let generated = run(folder.path(), SCENARIO, "generate --seed 3 --services 24")?.stdout;
    assert_eq!(run(folder.path(), SCENARIO, "generate --services 24 --seed 3")?.stdout, generated);
    assert_ne!(run(folder.path(), SCENARIO, "generate --services 24 --seed 4")?.stdout, generated);
    fs::write(folder.path().join("mine.toml"), &generated)?;
    assert_eq!(run(folder.path(), SCENARIO, "show mine.toml")?.stdout, generated);
    let text = String::from_utf8(generated)?;
    let blocks: Vec<&str> = text.split("[[services]]").skip(1).collect();
    assert_eq!(blocks.len(), 24);
    for block in blocks {
        let replicas = block.lines().find_map(|line| line.strip_prefix("replicas = ")).ok_or("no replicas")?;
        assert!(replicas.parse::<u32>()? >= 2, "{replicas}");
    }
    Ok(())
}

#[test]
fn every_policy_plays_topologies_of_different_sizes() -> Outcome {
    let folder = tempfile::tempdir()?;
    let quick = "no-op random threshold-rules oracle --episodes 2 --control-episodes 1 --json -";
    for name in ["random-1", "random-6", "random-64"] {
        let report: Value =
            serde_json::from_slice(&run(folder.path(), EVALUATE, &format!("{quick} --scenario {name}"))?.stdout)?;
        let rows = report["rows"].as_array().ok_or("no rows")?;
        assert!(rows.len() == 4 && rows.iter().all(|row| row["scenario"] == name), "{report}");
    }
    Ok(())
}

#[test]
fn a_validation_without_a_rule_fails_and_its_json_stands_alone() -> Outcome {
    let folder = tempfile::tempdir()?;
    let validate = |arguments: &[&str]| {
        let fixed = ["validate", "--quick", "--without", "queue"];
        Command::new(SCENARIO).args(fixed).args(arguments).current_dir(folder.path()).output()
    };
    let output = validate(&["--json", "--write", "docs"])?;
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr)?;
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{stderr}");
    let rows: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&output.stdout)?;
    let mut fields =
        ["name", "engine", "quantity", "expected", "measured", "tolerance", "standard_error", "pass", "source"];
    fields.sort_unstable();
    for row in &rows {
        let mut found: Vec<&str> = row.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, fields);
    }
    assert!(rows.iter().any(|row| row["quantity"] == "L" && row["engine"] == "fluid" && row["pass"] == false));
    let page = fs::read_to_string(folder.path().join("docs/validation.md"))?;
    assert!(page.contains("What fails"), "{page}");
    for shown in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(fs::read_to_string(folder.path().join("docs").join(shown))?.starts_with("<svg"), "{shown}");
    }
    let table = String::from_utf8(validate(&[])?.stdout)?;
    assert_eq!(table.lines().count(), rows.len() + 2, "{table}");
    Ok(())
}

#[test]
fn the_example_of_each_help_text_runs() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let helps = [
        ("evaluate", EVALUATE, "--help"),
        ("scenario", SCENARIO, "--help"),
        ("scenario", SCENARIO, "list --help"),
        ("scenario", SCENARIO, "show --help"),
        ("scenario", SCENARIO, "generate --help"),
        ("scenario", SCENARIO, "check --help"),
        ("bench", BENCH, "--help"),
    ];
    for (name, command, ask) in helps {
        let help = String::from_utf8(run(&root, command, ask)?.stdout)?;
        let example = help.split("Example:").nth(1).and_then(|rest| rest.trim().lines().next()).ok_or("no example")?;
        let arguments = example.strip_prefix(&format!("cargo run --bin {name} -- ")).ok_or("not a cargo command")?;
        run(&root, command, arguments)?;
    }
    Ok(())
}

#[test]
fn bench_has_a_row_for_every_pair_of_environments_and_threads() -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = run(folder.path(), BENCH, "--num-envs 1,20 --threads 1,2 --seconds 0.05 --json")?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let rows = report["rows"].as_array().ok_or("no rows")?;
    let pairs: Vec<_> = rows.iter().map(|row| (row["num_envs"].as_u64(), row["threads"].as_u64())).collect();
    assert_eq!(pairs, [(1, 1), (20, 1), (1, 2), (20, 2)].map(|(envs, threads)| (Some(envs), Some(threads))));
    for key in ["ticks_per_s", "steps_per_s", "ticks_per_step", "groups", "edges", "observation_size"] {
        assert!(rows.iter().all(|row| row[key].as_f64().is_some_and(|value| value > 0.0)), "{key}");
    }
    Ok(())
}

#[test]
fn bench_profiles_every_phase_and_times_resets() -> Outcome {
    let folder = tempfile::tempdir()?;
    let read = |arguments: &str| -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_slice(&run(folder.path(), BENCH, arguments)?.stdout)?)
    };
    let report = read("--profile --num-envs 2 --seconds 0.2 --json")?;
    let profile = &report["profiles"][0];
    let phases = profile["phases"].as_array().ok_or("no phases")?;
    assert_eq!(phases.len(), microcloud_core::Phase::ALL.len() + 1);
    let sum = |key: &str| phases.iter().filter_map(|phase| phase[key].as_f64()).sum::<f64>();
    assert!((sum("share") - 1.0).abs() < 1e-6);
    assert!((sum("ns_per_tick") / profile["accounted_ns_per_tick"].as_f64().unwrap_or(0.0) - 1.0).abs() < 1e-6);
    let report = read("--reset --num-envs 2 --seconds 0.1 --json")?;
    assert!(report["resets"][0]["reset_ticks"].as_f64().is_some_and(|ticks| ticks > 0.0));
    Ok(())
}

#[test]
fn bench_draws_cost_against_size_with_a_row_for_each_and_one_for_spine12() -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = run(folder.path(), BENCH, "--sizes 12,40 --seconds 0.05 --plot sizes.svg --json")?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let rows = report["sizes"].as_array().ok_or("no rows")?;
    let names: Vec<_> = rows.iter().filter_map(|row| row["scenario"].as_str()).collect();
    assert_eq!(names, ["spine12", "generated-12-0", "generated-40-0"]);
    assert!(rows.iter().all(|row| row["state_bytes"].as_u64().is_some_and(|bytes| bytes > 0)));
    assert!(fs::read_to_string(folder.path().join("sizes.svg"))?.starts_with("<svg"));
    Ok(())
}

#[cfg(unix)]
#[test]
fn an_interrupted_evaluation_exits_with_130_and_writes_no_report() -> Outcome {
    let folder = tempfile::tempdir()?;
    let arguments = "oracle --episodes 100000 --control-episodes 0 --json out.json";
    let mut command = Command::new(EVALUATE);
    let mut child =
        command.args(arguments.split_whitespace()).current_dir(folder.path()).stderr(Stdio::piped()).spawn()?;
    std::thread::sleep(Duration::from_secs(2));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    assert_eq!(child.wait()?.code(), Some(130));
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
