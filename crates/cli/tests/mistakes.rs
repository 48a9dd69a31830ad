//! What users get wrong: each mistake has its exit code and one line that names the file or key and what is allowed.

use std::{
    error::Error,
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

type Outcome = Result<(), Box<dyn Error>>;

const EVALUATE: &str = env!("CARGO_BIN_EXE_evaluate");
const SCENARIO: &str = env!("CARGO_BIN_EXE_scenario");
const EXPERIMENT: &str = env!("CARGO_BIN_EXE_experiment");
const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// A command line, its exit code, and what its one line must contain.
struct Case {
    command: &'static str,
    arguments: Vec<String>,
    exit_code: i32,
    contains: Vec<&'static str>,
}

fn case(command: &'static str, arguments: &str, exit_code: i32, contains: &[&'static str]) -> Case {
    let arguments = arguments.split_whitespace().map(str::to_owned).collect();
    Case { command, arguments, exit_code, contains: contains.to_vec() }
}

fn check(folder: &Path, case: &Case) -> Outcome {
    let output = Command::new(case.command).args(&case.arguments).current_dir(folder).output()?;
    let stderr = String::from_utf8(output.stderr)?;
    let told = format!("{} {:?} said: {stderr}", case.command, case.arguments);
    assert_eq!(output.status.code(), Some(case.exit_code), "{told}");
    assert!(output.stdout.is_empty(), "{told}");
    assert_eq!(stderr.lines().count(), 1, "{told}");
    assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "{told}");
    for part in &case.contains {
        assert!(stderr.contains(part), "no {part:?} where {told}");
    }
    Ok(())
}

/// The built-in scenario with one piece of text replaced by another, as a file.
fn spoilt(folder: &Path, file: &str, from: &str, to: &str) -> Outcome {
    let shown = Command::new(SCENARIO).args(["show", "spine12"]).output()?;
    let text = String::from_utf8(shown.stdout)?;
    assert!(text.contains(from), "the scenario has no {from:?}");
    fs::write(folder.join(file), text.replacen(from, to, 1))?;
    Ok(())
}

#[test]
fn mistakes_in_scenario_files_name_the_file_and_what_is_allowed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    spoilt(at, "key.toml", "rate_per_s", "rate_per_sec")?;
    spoilt(at, "callee.toml", "to = \"database\"", "to = \"databse\"")?;
    spoilt(at, "cycle.toml", "[[calls]]", "[[calls]]\nfrom = \"database\"\nto = \"auth\"\n\n[[calls]]")?;
    spoilt(at, "negative.toml", "rate_per_s = ", "rate_per_s = -")?;
    spoilt(at, "nan.toml", "noise_cv = ", "noise_cv = nan # ")?;
    spoilt(at, "type.toml", "tick_ms = ", "tick_ms = \"soon\" # ")?;
    spoilt(at, "replicas.toml", "replicas = ", "replicas = 1000000000 # ")?;
    spoilt(at, "zone.toml", "zone = \"", "zone = \"not-")?;
    spoilt(at, "zero.toml", "episode_decisions = ", "episode_decisions = 0 # ")?;
    fs::write(at.join("empty.toml"), "")?;
    fs::write(at.join("rubbish.toml"), [0xFF, 0x00, 0xFE, 0x80, 0x00])?;
    fs::write(at.join("half.toml"), "name = \"half")?;
    fs::create_dir(at.join("folder.toml"))?;
    let cases = [
        ("key.toml", 2, vec!["rate_per_sec", "did you mean `rate_per_s`"]),
        ("callee.toml", 2, vec!["databse", "did you mean `database`"]),
        ("cycle.toml", 2, vec!["cycle", "auth", "database"]),
        ("negative.toml", 2, vec!["workload.rate_per_s", "allowed"]),
        ("nan.toml", 2, vec!["noise_cv", "allowed"]),
        ("type.toml", 2, vec!["soon"]),
        ("replicas.toml", 2, vec!["replicas = 1000000000", "allowed"]),
        ("zone.toml", 2, vec!["zone", "allowed"]),
        ("zero.toml", 2, vec!["episode_decisions = 0", "allowed"]),
        ("empty.toml", 2, vec!["missing"]),
        ("rubbish.toml", 3, vec!["UTF-8"]),
        ("half.toml", 2, vec!["line 1"]),
        ("folder.toml", 2, vec!["cannot read"]),
        ("absent.toml", 2, vec!["cannot read"]),
    ];
    for (file, exit_code, mut contains) in cases {
        contains.push(file);
        check(at, &case(SCENARIO, &format!("check {file}"), exit_code, &contains))?;
        check(at, &case(EVALUATE, &format!("no-op --scenario {file} --episodes 1"), exit_code, &contains))?;
    }
    Ok(())
}

#[test]
fn mistakes_in_a_file_of_policies_name_the_line_and_what_is_allowed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let fine =
        "policies:\n  - name: slow\n    condition: latency > 0.5\n    action: restart_container\n    service: auth\n";
    let twice = format!("{fine}{}", &fine["policies:\n".len()..]);
    let cases = [
        ("unclosed.yaml", fine.replace("slow", "[slow"), vec!["line "]),
        ("metric.yaml", fine.replace("latency", "latencyy"), vec!["line 3", "`latencyy`", "did you mean `latency`"]),
        ("operator.yaml", fine.replace('>', "=>"), vec!["line 3", "unknown operator `=>`", "allowed: >"]),
        ("action.yaml", fine.replace("restart_", "restrat_"), vec!["line 4", "did you mean `restart_container`"]),
        ("service.yaml", fine.replace("auth", "auht"), vec!["policy `slow`", "unknown service `auht`", "`auth`"]),
        ("cooldown.yml", fine.replace("service: auth", "cooldown: -1"), vec!["line 2", "cooldown = -1", "allowed: 0"]),
        ("twice.yaml", twice, vec!["line 6", "`slow` stands in line 2"]),
        ("none.yaml", "policies: []\n".to_owned(), vec!["none.yaml: policies is empty; allowed: at least one"]),
    ];
    for (file, text, contains) in cases {
        fs::write(at.join(file), text)?;
        check(
            at,
            &case(EVALUATE, &format!("{file} --scenario spine12 --episodes 1 --control-episodes 0"), 2, &contains),
        )?;
    }
    Ok(())
}

#[test]
fn files_that_are_no_text_are_corrupt_whatever_they_were_to_hold() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let rubbish = [0xFF, 0x00, 0xFE, 0x80, 0x00];
    fs::write(at.join("bin.yaml"), rubbish)?;
    fs::write(at.join("bin.toml"), rubbish)?;
    fs::create_dir(at.join("folder.yaml"))?;
    let quick = "--episodes 1 --control-episodes 0";
    for case in [
        case(EVALUATE, &format!("bin.yaml {quick}"), 3, &["bin.yaml: not a text file", "UTF-8"]),
        case(EVALUATE, &format!("authority(bin.toml):planner {quick}"), 3, &["bin.toml: not a text file", "UTF-8"]),
        case(EVALUATE, &format!("approval(0,bin.toml):planner {quick}"), 3, &["bin.toml: not a text file"]),
        case(EVALUATE, &format!("folder.yaml {quick}"), 2, &["folder.yaml: it is a folder; allowed: a YAML file"]),
        case(EXPERIMENT, "reliability -o out --fault detector-down", 2, &["detector-down", "allowed: with `runs_on"]),
    ] {
        check(at, &case)?;
    }
    Ok(())
}

#[test]
fn mistakes_in_arguments_name_the_argument_and_what_is_allowed() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    fs::create_dir_all(at.join("bare"))?;
    fs::write(at.join("file"), "")?;
    let quick = "--episodes 1 --control-episodes 0";
    let cases = [
        case(EVALUATE, "", 2, &["POLICY"]),
        case(EVALUATE, "treshold-rules", 2, &["treshold-rules", "did you mean `threshold-rules`", "allowed: no-op"]),
        case(EVALUATE, "no-op --scenario spine13", 2, &["spine13", "did you mean `spine12`"]),
        case(EVALUATE, "no-op --split tset", 2, &["--split", "tset", "train, test, heldout"]),
        case(EVALUATE, "no-op --episodes 0", 2, &["--episodes 0", "allowed"]),
        case(EVALUATE, "no-op --threads 100000", 2, &["--threads 100000", "allowed"]),
        case(EVALUATE, "no-op --episodes 1000000000", 2, &["--episodes 1000000000", "allowed"]),
        case(EVALUATE, "no-op --episodes -3", 2, &["--episodes -3", "allowed: 1 to 1000000"]),
        case(EVALUATE, "no-op --control-episodes -1", 2, &["--control-episodes -1", "allowed: 0 to 1000000"]),
        case(EVALUATE, "approval(0,soon,3):no-op", 2, &["soon"]),
        case(EXPERIMENT, "spine12 -o out --abort -1", 2, &["--abort -1", "allowed: 0 to 1"]),
        case(EXPERIMENT, "spine12 -o out --episodes -1", 2, &["--episodes -1", "allowed: 1 to 1000000"]),
        case(EXPERIMENT, "live spine12 --abort -1", 2, &["--abort -1", "allowed: 0 to 1"]),
        case(EVALUATE, "no-op --episodes many", 2, &["--episodes", "many"]),
        case(EVALUATE, "no-op --epsiodes 3", 2, &["--epsiodes", "--episodes"]),
        case(EVALUATE, "bare", 2, &["bare", "policy.safetensors"]),
        case(EVALUATE, &format!("no-op --json nowhere/out.json {quick}"), 5, &["nowhere/out.json", "cannot write"]),
        case(EVALUATE, &format!("no-op --json bare {quick}"), 5, &["bare", "folder"]),
        case(EVALUATE, &format!("no-op --record file/episodes {quick}"), 5, &["file/episodes", "cannot write"]),
        case(SCENARIO, "", 2, &["--help"]),
        case(SCENARIO, "shwo spine12", 2, &["shwo", "show"]),
        case(SCENARIO, "show spine", 2, &["spine", "did you mean `spine12`"]),
        case(SCENARIO, "show random-x", 2, &["random-x", "allowed: spine12", "random, random-N"]),
        case(SCENARIO, "generate --services 2", 2, &["--services 2", "allowed: 3 to 1000"]),
        case(SCENARIO, "generate --services 1001", 2, &["--services 1001", "allowed: 3 to 1000"]),
        case(SCENARIO, "generate --services -1", 2, &["-1"]),
        case(SCENARIO, "generate --services 2.5", 2, &["--services", "2.5"]),
        case(SCENARIO, "generate --services 99999999999", 2, &["--services", "99999999999"]),
        case(SCENARIO, "generate --seed many", 2, &["--seed", "many"]),
        case(SCENARIO, "validate --without quue", 2, &["quue", "did you mean `queue`", "allowed: admission"]),
        case(SCENARIO, "validate --quick --write file/docs", 5, &["file/docs", "cannot write"]),
        case(BENCH, "--num-envs 0", 2, &["num-envs 0", "allowed"]),
        case(BENCH, "--threads 1,x", 2, &["--threads", "x"]),
        case(BENCH, "--seconds nan", 2, &["--seconds", "allowed"]),
        case(BENCH, "--scenario nowhere.toml", 2, &["nowhere.toml"]),
        case(BENCH, "--profile --reset", 2, &["--profile", "--reset"]),
        case(BENCH, "--profile --threads 2", 2, &["--profile", "--threads"]),
        case(BENCH, "--sizes 2", 2, &["--sizes 2", "allowed"]),
        case(BENCH, "--sizes 12 --plot sizes.svg", 2, &["--plot", "allowed"]),
        case(BENCH, "--plot sizes.svg", 2, &["--sizes"]),
    ];
    for case in &cases {
        check(at, case)?;
    }
    let mut left: Vec<_> = fs::read_dir(at)?.flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["bare", "file"]);
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_failure() -> Outcome {
    let mut child =
        Command::new(SCENARIO).args(["show", "spine12"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().ok_or("no standard error")?.read_to_string(&mut stderr)?;
    assert_eq!((child.wait()?.code(), stderr.as_str()), (Some(0), ""));
    Ok(())
}

#[test]
fn counts_that_cannot_be_compared_with_are_named_before_anything_is_counted() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    fs::write(at.join("half.json"), "{\"schema\": 1, \"rows\": [")?;
    fs::write(at.join("other.json"), "{\"schema\": 2, \"architecture\": \"x86_64\", \"rows\": []}")?;
    for case in [
        case(BENCH, "--compare", 2, &["benches/instructions.json", "cannot read", "--record"]),
        case(BENCH, "--compare none.json", 2, &["none.json", "cannot read", "--record none.json"]),
        case(BENCH, "--compare half.json", 3, &["half.json", "line 1"]),
        case(BENCH, "--compare other.json", 3, &["other.json", "schema = 2; allowed: 1"]),
        case(BENCH, "--compare --num-envs 16", 2, &["--compare", "cannot be used with"]),
        case(BENCH, "--record none/counts.json", 5, &["none/counts.json", "cannot write"]),
        case(BENCH, "--count-work spine12 stride", 2, &["unknown part `stride`", "allowed: idle"]),
    ] {
        check(at, &case)?;
    }
    Ok(())
}
