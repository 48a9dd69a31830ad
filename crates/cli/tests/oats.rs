//! The command `scenario oats`: what it prints and writes, and what it says of mistakes.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

fn oats(folder: &Path, arguments: &str) -> Result<Output, Box<dyn Error>> {
    let words = ["oats"].into_iter().chain(arguments.split_whitespace());
    Ok(Command::new(env!("CARGO_BIN_EXE_scenario")).args(words).current_dir(folder).output()?)
}

fn json(folder: &Path, arguments: &str) -> Result<Value, Box<dyn Error>> {
    let output = oats(folder, &format!("{arguments} --json"))?;
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments}: {output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn an_array_alone_is_printed_with_its_certificate() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (array, rows, pairs) in [("L9", 9, 54), ("L18", 18, 231), ("L27", 27, 702), ("l36", 36, 1606)] {
        let printed = json(folder.path(), &format!("--array {array}"))?;
        let certificate = &printed["certificate"];
        assert_eq!((&certificate["n"], &certificate["planned"]["pairs"]["covered"]), (&rows.into(), &pairs.into()));
        assert_eq!((&certificate["strength"], &certificate["executed"]), (&2.into(), &Value::Array(Vec::new())));
        assert_eq!(printed["rows"].as_array().map(Vec::len), Some(rows));
    }
    let pairwise = json(folder.path(), "--array pairwise")?;
    assert_eq!(pairwise["certificate"]["planned"]["pairs"]["covered"], 756);
    let text = String::from_utf8(oats(folder.path(), "--array pairwise")?.stdout)?;
    assert!(text.contains("756 of 756 covered") && text.contains("retry-policy"), "{text}");
    Ok(())
}

#[test]
fn factors_of_a_file_are_kept_to_their_constraints() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = "zones = 1\nfactors = [{ name = \"auth\", levels = [\"healthy\", \"down\"] }, { name = \"cache\", levels = \
                [\"healthy\", \"degraded\", \"down\"] }]\nconstraints = [{ when = { auth = \"down\" }, requires = { cache = \
                [\"healthy\"] } }]\n";
    fs::write(folder.path().join("factors.toml"), file)?;
    let printed = json(folder.path(), "--array pairwise --factors factors.toml --scenario spine12 --policy no-op")?;
    let pairs = &printed["certificate"]["executed"][0]["coverage"]["pairs"];
    assert_eq!((&pairs["total"], &pairs["infeasible"], &pairs["covered"]), (&6.into(), &2.into(), &4.into()));
    Ok(())
}

#[test]
fn a_campaign_leaves_its_rows_episodes_certificate_and_effects() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let arguments = "--array L9 --scenario spine12 --services gateway,auth,cache --policy no-op --policy oracle";
    let output = oats(at, &format!("{arguments} --levels 2 -o out --page page.md"))?;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let read = |name: &str| fs::read_to_string(at.join("out").join(name));
    let certificate: Value = serde_json::from_str(&read("certificate.json")?)?;
    assert_eq!(certificate["executed"][1]["coverage"]["pairs"]["min_count"], 2);
    assert_eq!((read("rows.jsonl")?.lines().count(), read("episodes.jsonl")?.lines().count()), (9, 36));
    let rows = read("rows.jsonl")?;
    let row: Value = serde_json::from_str(rows.lines().last().unwrap_or_default())?;
    let levels = row["levels"].as_object().ok_or("no levels")?;
    let struck = levels.values().filter(|level| *level != "healthy").count();
    assert!(struck > 0 && row["faults"].as_array().map(Vec::len) == Some(struck), "{row}");
    let effects: Value = serde_json::from_str(&read("effects.json")?)?;
    assert_eq!(effects["tables"].as_array().map(Vec::len), Some(4));
    let page = fs::read_to_string(at.join("page.md"))?;
    assert!(
        page.contains(&format!("`cargo run --bin scenario -- oats {arguments} --levels 2 --page page.md`")),
        "{page}"
    );
    assert!(String::from_utf8(output.stdout)?.contains("9 services have no column and stay healthy"));
    Ok(())
}

#[test]
fn mistakes_have_one_line_and_their_exit_code() -> Outcome {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    fs::write(at.join("rubbish.toml"), [0xFF, 0x00, 0xFE])?;
    fs::write(at.join("empty.toml"), "")?;
    for (arguments, exit_code, words) in [
        ("--array L28", 2, "unknown array `L28`"),
        ("--array L27 --scenario spine13", 2, "did you mean `spine12`"),
        ("--array L27 --scenario spine12 --policy no-opp", 2, "did you mean `no-op`"),
        ("--array L27 --scenario spine12 --services gatway", 2, "did you mean `gateway`"),
        ("--array L27 --scenario spine12 --levels 0", 2, "--levels 0; allowed: 1 to 100000"),
        ("--array L27 --policy no-op", 2, "--policy without --scenario"),
        ("--array pairwise --factors none.toml", 2, "none.toml: cannot read"),
        ("--array pairwise --factors rubbish.toml", 3, "rubbish.toml: not a text file"),
        ("--array pairwise --factors empty.toml", 2, "empty.toml: line 1: missing field `factors`"),
        ("--array L27 -o rubbish.toml", 5, "rubbish.toml: cannot write"),
        ("--array L9 --scenario spine12 --page none/page.md", 5, "cannot write"),
    ] {
        let output = oats(at, arguments)?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(exit_code), "{arguments}: {stderr}");
        assert!(
            stderr.lines().count() == 1 && stderr.contains(words) && output.stdout.is_empty(),
            "{arguments}: {stderr}"
        );
    }
    Ok(())
}
