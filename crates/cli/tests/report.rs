//! The command `report` as a user types it, and the levels and differences that `evaluate` writes for it.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

const EVALUATE: &str = env!("CARGO_BIN_EXE_evaluate");
const REPORT: &str = env!("CARGO_BIN_EXE_report");

fn run(folder: &Path, command: &str, arguments: &str) -> Result<Output, Box<dyn Error>> {
    Ok(Command::new(command).args(arguments.split_whitespace()).current_dir(folder).output()?)
}

fn succeed(folder: &Path, command: &str, arguments: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let output = run(folder, command, arguments)?;
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

fn json(file: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

#[test]
fn the_example_of_the_help_text_runs_line_by_line() -> Outcome {
    let folder = tempfile::tempdir()?;
    let help = String::from_utf8(succeed(folder.path(), REPORT, "--help")?)?;
    let example = help.split("Example:").nth(1).ok_or("no example")?;
    let lines: Vec<&str> = example.lines().map(str::trim).skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{help}");
    for (line, (name, command)) in lines.into_iter().zip([("evaluate", EVALUATE), ("report", REPORT)]) {
        let arguments = line.strip_prefix(&format!("cargo run --bin {name} -- ")).ok_or("not a cargo command")?;
        succeed(folder.path(), command, arguments)?;
    }
    assert!(fs::read_to_string(folder.path().join("report.html"))?.contains("calibrated-rules"));
    Ok(())
}

#[test]
fn evaluate_writes_levels_whose_means_are_its_rows_and_report_reads_both() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    succeed(at, EVALUATE, "random threshold-rules --episodes 6 --control-episodes 2 --json out.json")?;
    let (report, levels) = (json(&at.join("out.json"))?, json(&at.join("out_levels.json"))?);
    let scenario = &levels["scenarios"][0];
    // No-op and oracle are played for the scale: their levels are there, their rows are not.
    let names: Vec<_> = scenario["policies"].as_array().into_iter().flatten().map(|one| &one["policy"]).collect();
    assert_eq!(names, ["random", "threshold-rules", "no-op", "oracle"]);
    assert_eq!(scenario["levels"].as_array().map(Vec::len), Some(6));
    for (row, policy) in
        report["rows"].as_array().into_iter().flatten().zip(scenario["policies"].as_array().into_iter().flatten())
    {
        let returns: Vec<f64> = policy["return"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let mean = returns.iter().sum::<f64>() / 6.0;
        assert!((mean - row["return"]["mean"].as_f64().unwrap_or(f64::NAN)).abs() < 1e-9, "{row}");
        assert_eq!(policy["control"]["return"].as_array().map(Vec::len), Some(2));
    }
    succeed(at, REPORT, "out.json -o report.json --against threshold-rules")?;
    let rows = json(&at.join("report.json"))?;
    let rows = &rows["scenarios"][0]["evaluations"][0]["rows"];
    assert_eq!(rows[0]["policy"], "random");
    let apart = |row: usize| report["rows"][row]["return"]["mean"].as_f64().unwrap_or(f64::NAN);
    let told = rows[0]["difference"]["return"]["value"].as_f64().ok_or("no difference")?;
    assert!((told - (apart(0) - apart(1))).abs() < 1e-9);
    Ok(())
}

#[test]
fn evaluate_against_a_policy_plays_it_and_gives_paired_differences() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let quick = "no-op --episodes 5 --control-episodes 1 --against threshold-rules";
    let table = String::from_utf8(succeed(at, EVALUATE, &format!("{quick} --json out.json --markdown out.md"))?)?;
    assert!(table.is_empty() || table.contains("over threshold-rules [95 %]"), "{table}");
    let rows = json(&at.join("out.json"))?["rows"].clone();
    assert_eq!(rows[1]["policy"], "threshold-rules");
    let difference = &rows[0]["difference"];
    let mean = |row: usize| rows[row]["return"]["mean"].as_f64().unwrap_or(f64::NAN);
    assert_eq!(difference["to"], "threshold-rules");
    assert!((difference["return"]["value"].as_f64().unwrap_or(f64::NAN) - (mean(0) - mean(1))).abs() < 1e-9);
    assert_eq!(rows[1]["difference"]["return"]["ci95"], serde_json::json!([0.0, 0.0]));
    let page = fs::read_to_string(at.join("out.md"))?;
    assert!(page.contains("--against threshold-rules") && page.contains("return over threshold-rules"), "{page}");
    // Without it, nothing of it is there.
    succeed(at, EVALUATE, "no-op --episodes 2 --control-episodes 0 --json plain.json")?;
    assert_eq!(json(&at.join("plain.json"))?["rows"][0].get("difference"), None);
    Ok(())
}

#[test]
fn mistakes_have_their_exit_code_and_one_line() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    succeed(at, EVALUATE, "no-op --episodes 2 --control-episodes 0 --json out.json")?;
    fs::write(at.join("cut.json"), "{\"schema\"")?;
    fs::create_dir_all(at.join("empty"))?;
    fs::create_dir_all(at.join("taken.html"))?;
    let cases: [(&str, i32, &[&str]); 10] = [
        ("out.json -o report.pdf", 2, &["report.pdf", "allowed", ".html, .md or .json"]),
        ("out.json -o report", 2, &["allowed", ".html"]),
        ("out.json", 2, &["--output"]),
        ("-o report.html", 2, &["RUN"]),
        ("nowhere -o report.html", 2, &["nowhere", "allowed: run folders"]),
        ("empty -o report.html", 2, &["empty", "neither a config.toml nor an evaluation.json"]),
        ("out.json out.json -o report.html", 2, &["given twice"]),
        ("out.json --group-by ppo.gamma -o report.html", 2, &["ppo.gamma", "allowed"]),
        ("cut.json -o report.html", 3, &["cut.json", "corrupt"]),
        ("out.json -o taken.html", 5, &["taken.html", "cannot write"]),
    ];
    for (arguments, code, parts) in cases {
        let output = run(at, REPORT, arguments)?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(code), "{arguments}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.lines().count() == 1, "{arguments}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{arguments}: {stderr}");
    }
    let output = run(at, REPORT, "out.json -o nowhere/report.html")?;
    assert_eq!(output.status.code(), Some(5));
    assert!(!at.join("report.html").exists());
    Ok(())
}
