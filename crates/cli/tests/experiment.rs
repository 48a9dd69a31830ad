//! The command `experiment`: what it writes, what it refuses, and how a live run is typed.

use std::{
    error::Error,
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

const EXPERIMENT: &str = env!("CARGO_BIN_EXE_experiment");
const QUICK: &str = "spine12 -o out --episodes 2 --fault crash@auth --fault latency:900@database";

fn run(folder: &Path, arguments: &str) -> Result<Output, Box<dyn Error>> {
    Ok(Command::new(EXPERIMENT).args(arguments.split_whitespace()).current_dir(folder).output()?)
}

fn good(folder: &Path, arguments: &str) -> Result<String, Box<dyn Error>> {
    let output = run(folder, arguments)?;
    let stderr = String::from_utf8(output.stderr)?;
    assert!(output.status.success() && stderr.is_empty(), "{arguments}: {stderr}");
    Ok(String::from_utf8(output.stdout)?)
}

fn live(folder: &Path, arguments: &str, typed: &str) -> Result<Output, Box<dyn Error>> {
    let mut child = Command::new(EXPERIMENT)
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no standard input")?.write_all(typed.as_bytes())?;
    Ok(child.wait_with_output()?)
}

#[test]
fn a_report_is_a_page_and_the_same_as_json() -> Outcome {
    let folder = tempfile::tempdir()?;
    let table = good(folder.path(), QUICK)?;
    let mut files: Vec<_> = fs::read_dir(folder.path().join("out"))?.flatten().map(|entry| entry.file_name()).collect();
    files.sort();
    assert_eq!(files, ["report.html", "report.json"]);
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("out/report.json"))?)?;
    assert_eq!(
        (&report["schema"], &report["scenario"], &report["policy"]),
        (&1.into(), &"spine12".into(), &"no-op".into())
    );
    let names: Vec<_> = report["steps"].as_array().ok_or("no steps")?.iter().map(|step| step["name"].clone()).collect();
    assert_eq!(names, ["baseline", "crash", "latency"]);
    assert_eq!(report["steps"][2]["fault"]["magnitude"], 900.0);
    assert!(table.contains("crash") && table.contains("report.html"), "{table}");
    let page = fs::read_to_string(folder.path().join("out/report.html"))?;
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    Ok(())
}

#[test]
fn json_to_standard_output_stands_alone_there_and_equals_the_file() -> Outcome {
    let folder = tempfile::tempdir()?;
    let printed = good(folder.path(), &format!("{QUICK} --json -"))?;
    assert_eq!(printed, fs::read_to_string(folder.path().join("out/report.json"))?);
    Ok(())
}

#[test]
fn a_report_is_replaced_only_where_it_is_asked_for() -> Outcome {
    let folder = tempfile::tempdir()?;
    good(folder.path(), QUICK)?;
    let before = fs::read(folder.path().join("out/report.json"))?;
    let refused = run(folder.path(), &format!("{QUICK} --seed 1"))?;
    let stderr = String::from_utf8(refused.stderr)?;
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("there is a report already") && stderr.contains("--force"), "{stderr}");
    assert_eq!(fs::read(folder.path().join("out/report.json"))?, before);
    good(folder.path(), &format!("{QUICK} --seed 1 --force"))?;
    assert_ne!(fs::read(folder.path().join("out/report.json"))?, before);
    Ok(())
}

#[test]
fn an_experiment_file_says_what_is_played_and_arguments_say_otherwise() -> Outcome {
    let folder = tempfile::tempdir()?;
    let text = "scenario = \"spine12\"\npolicy = \"threshold-rules\"\nepisodes = 3\nseed = 5\nonset_s = 50\n\
                [[faults]]\nfault = \"F04\"\ntarget = \"auth\"\nblast_radius = 0.5\n\
                [[expectations]]\nstep = \"F04\"\nquantity = \"recovered_ratio\"\nclaim = \"all\"\nclaimed = [1, 1]\n";
    fs::write(folder.path().join("mine.toml"), text)?;
    let read = |arguments: &str| -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_str(&good(folder.path(), &format!("mine.toml --json - {arguments}"))?)?)
    };
    let as_written = read("-o one")?;
    assert_eq!((&as_written["policy"], &as_written["episodes"]), (&"threshold-rules".into(), &3.into()));
    assert_eq!(as_written["steps"][1]["fault"]["onset_s"], 50.0);
    assert!(as_written["findings"][0]["claim_verdict"].is_string(), "{}", as_written["findings"]);
    let otherwise = read("-o two --policy no-op --episodes 2 --onset 70")?;
    assert_eq!((&otherwise["policy"], &otherwise["episodes"]), (&"no-op".into(), &2.into()));
    assert_eq!(otherwise["steps"][1]["fault"]["onset_s"], 70.0);
    // A scenario's file stands for the described faults on it.
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/scenarios/spine12.toml");
    fs::copy(scenario, folder.path().join("cluster.toml"))?;
    let described: Value = serde_json::from_str(&good(folder.path(), "cluster.toml -o three --episodes 1 --json -")?)?;
    assert_eq!(described["steps"].as_array().map(Vec::len), Some(5));
    Ok(())
}

#[test]
fn mistakes_name_what_is_wrong_and_what_is_allowed_and_leave_nothing() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    fs::write(at.join("file"), "")?;
    fs::write(at.join("rubbish.toml"), [0xFF, 0x00])?;
    fs::write(at.join("key.toml"), "scenario = \"spine12\"\nepisods = 3\n")?;
    fs::write(
        at.join("claim.toml"),
        "scenario = \"spine12\"\n[[expectations]]\nstep = \"x\"\nquantity = \"ttd\"\nclaim = \"\"\n",
    )?;
    fs::write(at.join("late.toml"), "scenario = \"spine12\"\n[[timeline]]\nat_s = 5000\ndo = \"clear\"\n")?;
    fs::write(at.join("word.toml"), "scenario = \"spine12\"\n[[timeline]]\nat_s = 5\ndo = \"cleer\"\n")?;
    for (arguments, exit_code, parts) in [
        ("", 2, vec!["--output", "NAME|FILE.toml"]),
        ("spine12", 2, vec!["--output"]),
        ("spine13 -o out", 2, vec!["spine13", "did you mean `spine12`"]),
        ("spine12 -o out --fault crsh", 2, vec!["unknown fault `crsh`", "did you mean `crash`"]),
        ("spine12 -o out --fault F99", 2, vec!["unknown fault `F99`", "F00 to F"]),
        ("spine12 -o out --fault crash@auht", 2, vec!["auht", "did you mean `auth`"]),
        ("spine12 -o out --fault intermittent:7", 2, vec!["magnitude = 7", "allowed: 0 to 1"]),
        ("spine12 -o out --policy nobody", 2, vec!["nobody", "allowed: no-op"]),
        ("spine12 -o out --episodes 0", 2, vec!["episodes 0", "allowed: 1"]),
        ("spine12 -o out --onset 99999", 2, vec!["onset_s = 99999", "1200 s"]),
        ("spine12 -o out --split tset", 2, vec!["--split", "tset"]),
        ("spine12 -o file/out --episodes 1", 5, vec!["file/out", "cannot write"]),
        ("spine12 -o out --episodes 1 --json nowhere/x.json", 5, vec!["nowhere/x.json", "cannot write"]),
        ("absent.toml -o out", 2, vec!["absent.toml", "cannot read"]),
        ("rubbish.toml -o out", 3, vec!["rubbish.toml", "UTF-8"]),
        ("key.toml -o out", 2, vec!["key.toml: line 2", "episods"]),
        ("claim.toml -o out", 2, vec!["expectations.quantity", "ttd_s"]),
        ("run key.toml", 2, vec!["key.toml"]),
        ("run late.toml", 2, vec!["clear", "when the episode is over"]),
        ("run word.toml", 2, vec!["cleer", "did you mean `clear`"]),
        ("live spine13", 2, vec!["spine13"]),
        ("live spine12 --abort 2", 2, vec!["--abort 2", "allowed: 0 to 1"]),
    ] {
        let output = run(at, arguments)?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(exit_code), "{arguments}: {stderr}");
        assert!(output.stdout.is_empty() && stderr.lines().count() == 1, "{arguments}: {stderr}");
        assert!(parts.iter().all(|part| stderr.contains(part)), "{arguments}: {stderr}");
        assert!(!at.join("out/report.json").exists(), "{arguments}");
    }
    Ok(())
}

#[test]
fn a_timeline_is_played_and_told() -> Outcome {
    let folder = tempfile::tempdir()?;
    let text = "scenario = \"spine12\"\n[[timeline]]\nat_s = 60\ndo = \"crash @auth --blast-radius 0.5\"\n\
                [[timeline]]\nat_s = 200\ndo = \"clear\"\n[[timeline]]\nat_s = 100\ndo = \"status\"\n";
    fs::write(folder.path().join("mine.toml"), text)?;
    let told = good(folder.path(), "run mine.toml")?;
    for part in ["> crash @auth", "60.0 s injected", "degraded", "200.0 s ended", "cleared"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let run: Value = serde_json::from_str(&good(folder.path(), "run mine.toml --json")?)?;
    assert_eq!((&run["schema"], &run["faults"][0]["ended_by"]), (&1.into(), &"cleared".into()));
    assert_eq!(run["commands"][1]["status"]["failures"][0]["target"], "auth");
    Ok(())
}

#[test]
fn a_live_run_takes_what_is_typed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let typed = "# half of auth\nstep 60\ncrash@auth --blast-radius 0.5\nstep 30\nfailures\n\nclear\nstep\nhistory\nquit\nnonsense\n";
    let output = live(folder.path(), "live spine12", typed)?;
    let told = String::from_utf8(output.stdout)?;
    assert!(output.status.success() && output.stderr.is_empty(), "{told}");
    for part in ["injected 0 crash", "failure 0 crash", "ended    0 crash"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let refused = live(folder.path(), "live spine12", "step 5\nclaer\n")?;
    let stderr = String::from_utf8(refused.stderr)?;
    assert!(refused.status.code() == Some(2) && stderr.contains("did you mean `clear`"), "{stderr}");
    Ok(())
}

#[test]
fn every_fault_that_is_listed_has_its_id_and_what_it_does() -> Outcome {
    let folder = tempfile::tempdir()?;
    let listed = good(folder.path(), "faults")?;
    for name in ["crash", "latency", "intermittent", "incorrect", "retry_storm", "zone_outage"] {
        assert!(listed.lines().any(|line| line.starts_with(&format!("{name} "))), "no {name} in {listed}");
    }
    Ok(())
}

#[test]
fn the_example_of_each_help_text_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    for ask in ["--help", "run --help", "faults --help", "live --help"] {
        let help = good(folder.path(), ask)?;
        let example = help.split("Example:").nth(1).and_then(|rest| rest.trim().lines().next()).ok_or("no example")?;
        let (typed, arguments) = example.split_once("cargo run --bin experiment -- ").ok_or("not a cargo command")?;
        let arguments = arguments.replace("crates/", concat!(env!("CARGO_MANIFEST_DIR"), "/../"));
        let typed = typed.split('\'').nth(1).unwrap_or_default().replace("\\n", "\n");
        let output = live(folder.path(), &arguments, &typed)?;
        assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn an_interrupted_experiment_exits_with_130_and_leaves_no_report() -> Outcome {
    let folder = tempfile::tempdir()?;
    let arguments = "spine12 -o out --episodes 100000 --policy oracle";
    let mut child = Command::new(EXPERIMENT)
        .args(arguments.split_whitespace())
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(3));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    assert_eq!(child.wait()?.code(), Some(130));
    assert_eq!(fs::read_dir(folder.path().join("out"))?.count(), 0);
    Ok(())
}
