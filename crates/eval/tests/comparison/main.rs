//! Runs compared: a small report whole, what makes it, and what it refuses.

mod fixture;

use std::{error::Error, fs, path::PathBuf};

use fixture::Toy;
use microcloud_eval::comparison::{Comparison, ComparisonConfig, compare};

type Outcome = Result<(), Box<dyn Error>>;

const GOLDEN: &str = include_str!("golden.md");

fn compared(paths: &[PathBuf]) -> Result<Comparison, Box<dyn Error>> {
    Ok(compare(paths, &ComparisonConfig::default())?)
}

/// Three seeds of PPO that gain 6, 5 and 7 of the oracle's 8, and one of DQN that gains 4, as calibrated-rules do.
fn four_runs(toy: &Toy) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let seeds = [("ppo", 1, 6.0), ("ppo", 2, 5.0), ("ppo", 3, 7.0), ("dqn", 1, 4.0)];
    seeds.into_iter().map(|(algo, seed, gain)| toy.run(algo, seed, Some(gain))).collect()
}

#[test]
fn a_small_report_has_the_numbers_computed_by_hand() -> Outcome {
    let toy = Toy::new()?;
    let report = compared(&four_runs(&toy)?)?;
    let scores = &report.splits[0].scores;
    // Scores 0.75, 0.625 and 0.875: of three the interquartile mean is the mean.
    assert_eq!((scores[0].group.as_str(), scores[0].iqm.value), ("ppo", Some(0.75)));
    assert_eq!(scores[0].iqm.ci95, Some([0.625, 0.875]));
    assert_eq!((scores[1].iqm.value, scores[1].iqm.ci95), (Some(0.5), None));
    let improvement = &report.splits[0].improvements[0];
    assert_eq!((improvement.probability.value, improvement.probability.ci95), (Some(1.0), Some([1.0, 1.0])));
    let rows = &report.scenarios[0].evaluations[0].rows;
    let difference = rows[0].difference.as_ref().ok_or("no difference")?;
    // Over calibrated-rules, which gain 4: 2, 1 and 3 on every level, so that levels add nothing to the interval.
    assert_eq!((difference.returns.value, difference.returns.ci95), (Some(2.0), Some([1.0, 3.0])));
    assert_eq!((difference.score.value, difference.score.ci95), (Some(0.25), Some([0.125, 0.375])));
    let dqn = rows[1].difference.as_ref().ok_or("no difference")?;
    assert_eq!((dqn.returns.value, dqn.returns.ci95), (Some(0.0), Some([0.0, 0.0])));
    // Returns differ between levels, so that a single run has an interval there.
    let [low, high] = rows[1].returns.ci95.ok_or("no interval")?;
    assert!(low < -9.5 && high > -9.5, "{low} {high}");
    Ok(())
}

#[test]
fn the_markdown_of_a_small_report_is_the_stored_one() -> Outcome {
    let toy = Toy::new()?;
    let page = toy.relative(&compared(&four_runs(&toy)?)?.to_markdown());
    assert!(page == GOLDEN, "the page differs from tests/comparison/golden.md; it is now\n{page}");
    Ok(())
}

#[test]
fn equal_inputs_give_equal_bytes_and_another_seed_other_intervals() -> Outcome {
    let toy = Toy::new()?;
    let runs = four_runs(&toy)?;
    let (one, two) = (compared(&runs)?, compared(&runs)?);
    assert_eq!(one.to_html()?, two.to_html()?);
    assert_eq!(one.to_json(), two.to_json());
    let other = compare(&runs, &ComparisonConfig { seed: 1, ..ComparisonConfig::default() })?;
    assert_ne!(one.to_json(), other.to_json());
    Ok(())
}

#[test]
fn the_page_has_its_pictures_and_needs_nothing_else() -> Outcome {
    let toy = Toy::new()?;
    let page = compared(&four_runs(&toy)?)?.to_html()?;
    // Two curves, two profiles, two distributions.
    assert_eq!(page.matches("<svg class=\"chart\"").count(), 6, "{page}");
    assert!(page.contains("name=\"viewport\""));
    for part in ["<script", "<link", "<img", "src=", "NaN", ">inf<", ">-inf<"] {
        assert!(!page.contains(part), "{part}");
    }
    Ok(())
}

#[test]
fn names_are_escaped_in_every_format() -> Outcome {
    let toy = Toy::named("<script>alert('&|\")</script>")?;
    let report = compared(&four_runs(&toy)?)?;
    let (html, markdown) = (report.to_html()?, report.to_markdown());
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(&#39;&amp;|&quot;)"), "{html}");
    assert!(!markdown.contains("<script") && markdown.contains("&lt;script>alert('&amp;\\|"), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json())?;
    assert_eq!(json["scenarios"][0]["scenario"], "<script>alert('&|\")</script>");
    Ok(())
}

#[test]
fn an_unfinished_run_shows_its_curve_and_has_no_score() -> Outcome {
    let toy = Toy::new()?;
    let mut runs = four_runs(&toy)?;
    runs.push(toy.run("ppo", 9, None)?);
    let report = compared(&runs)?;
    let last = report.runs.last().ok_or("no run")?;
    assert_eq!((last.state.as_str(), last.score), ("unfinished: interrupted", None));
    let curve = &report.scenarios[0].curves[0].groups[0];
    assert_eq!(curve.runs, [4, 4, 4]);
    assert_eq!(report.splits[0].scores[0].runs, 3);
    // Alone, it is a report without scores.
    let alone = compared(&runs[4..])?;
    assert!(alone.splits.is_empty() && alone.to_html()?.contains("<svg class=\"chart\""));
    Ok(())
}

#[test]
fn an_evaluation_alone_compares_baselines() -> Outcome {
    let toy = Toy::new()?;
    let run = toy.run("ppo", 1, Some(6.0))?;
    let alone = compared(&[run.join("evaluation.json")])?;
    assert_eq!((alone.runs.len(), alone.runs[0].seed), (1, None));
    assert_eq!(alone.splits[0].scores[0].iqm.value, Some(0.75));
    assert_eq!(alone.scenarios[0].evaluations[0].rows.len(), 4);
    // Beside its run folder it is the same run, counted once.
    let both = compared(&[run.clone(), run.join("evaluation.json")])?;
    assert_eq!(both.splits[0].scores[0].runs, 1);
    assert!(both.notes.iter().any(|note| note.contains("counted once")), "{:?}", both.notes);
    Ok(())
}

#[test]
fn without_levels_the_figures_stand_and_the_differences_do_not() -> Outcome {
    let toy = Toy::new()?;
    let run = toy.run("ppo", 1, Some(6.0))?;
    fs::remove_file(run.join("evaluation_levels.json"))?;
    let report = compared(&[run])?;
    let row = &report.scenarios[0].evaluations[0].rows[0];
    assert_eq!((row.score.value, row.score.ci95), (Some(0.75), Some([0.7, 0.8])));
    assert!(row.difference.is_none() && report.scenarios[0].evaluations[0].recovery.is_empty());
    assert!(report.notes[0].contains("no levels"), "{:?}", report.notes);
    Ok(())
}

#[test]
fn a_reference_that_nobody_played_is_noted_with_the_nearest() -> Outcome {
    let toy = Toy::new()?;
    let config = ComparisonConfig { reference: "calibrated-rule".into(), ..ComparisonConfig::default() };
    let report = compare(&[toy.run("ppo", 1, Some(6.0))?], &config)?;
    assert!(report.notes[0].contains("did you mean `calibrated-rules`?"), "{:?}", report.notes);
    assert!(compared(&[toy.root().join("ppo-1")])?.notes.is_empty());
    Ok(())
}

#[test]
fn censored_recoveries_raise_no_share() -> Outcome {
    let toy = Toy::new()?;
    let report = compared(&four_runs(&toy)?)?;
    let recovery = &report.scenarios[0].evaluations[0].recovery[0];
    // Of eight levels the last two never recover, in each of three runs.
    assert_eq!((recovery.levels, recovery.by(1e9), recovery.watched_s), (24, 0.75, 600.0));
    Ok(())
}

#[test]
fn groups_are_made_by_the_key_asked_for() -> Outcome {
    let toy = Toy::new()?;
    let runs = four_runs(&toy)?;
    let by =
        |key: &str| compare(&runs, &ComparisonConfig { group_by: vec![key.into()], ..ComparisonConfig::default() });
    let groups: Vec<String> = by("seed")?.runs.into_iter().map(|run| run.group).collect();
    assert_eq!(groups, ["ppo (seed=1)", "ppo (seed=2)", "ppo (seed=3)", "dqn (seed=1)"]);
    let refusal = by("ppo.gama").err().ok_or("no refusal")?;
    assert!(refusal.exit_code() == 2 && refusal.to_string().contains("did you mean `ppo.gamma`?"), "{refusal}");
    Ok(())
}

#[test]
fn what_is_no_run_or_is_damaged_is_refused_by_name() -> Outcome {
    let toy = Toy::new()?;
    let run = toy.run("ppo", 1, Some(6.0))?;
    let refused = |paths: &[PathBuf], code: u8, parts: &[&str]| -> Outcome {
        let refusal = compare(paths, &ComparisonConfig::default()).err().ok_or("no refusal")?;
        let text = refusal.to_string();
        assert!(refusal.exit_code() == code && parts.iter().all(|part| text.contains(part)), "{text}");
        Ok(())
    };
    refused(&["nowhere".into()], 2, &["nowhere", "nothing of that name", "allowed: run folders"])?;
    refused(&[toy.root().to_owned()], 2, &["neither a config.toml nor an evaluation.json"])?;
    refused(&[run.clone(), run.join(".")], 2, &["given twice"])?;
    let spoilt = |file: &str, text: &[u8], parts: &[&str]| -> Outcome {
        let file = run.join(file);
        let whole = fs::read(&file)?;
        fs::write(&file, text)?;
        refused(std::slice::from_ref(&run), 3, &[&[&*file.display().to_string()], parts].concat())?;
        Ok(fs::write(&file, whole)?)
    };
    spoilt("config.toml", b"algo = ", &["corrupt"])?;
    spoilt("config.toml", b"algo = \"ppo\"\nseed = -1\n", &["seed"])?;
    spoilt("manifest.json", b"{", &["corrupt"])?;
    spoilt("metrics.jsonl", b"{\"step\": 1}\n\xFF\n", &["not text"])?;
    spoilt("metrics.jsonl", b"{\"step\": 1}\n[]\n{}\n", &["line 2"])?;
    spoilt("evaluation.json", b"{\"schema\": 1}", &["missing field"])?;
    spoilt("evaluation.json", b"{\"schema\": 2, \"split\": \"test\", \"rows\": []}", &["schema 2; allowed: 1"])?;
    spoilt("evaluation_levels.json", b"[[[[", &["corrupt"])?;
    let levels = fs::read_to_string(run.join("evaluation_levels.json"))?;
    spoilt("evaluation_levels.json", levels.replace("-10.0", "-11.0").as_bytes(), &["its levels are not those of"])?;
    compared(&[run])?;
    Ok(())
}
