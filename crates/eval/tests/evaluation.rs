//! Properties of a whole evaluation: its scale, its independence of threads, its file, its records.

use std::{
    error::Error,
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use microcloud_core::{Scenario, Split, Topology};
use microcloud_eval::{
    Contender, EvaluationConfig, EvaluationError, EvaluationReport, Progress, Recorder, evaluate, play,
};
use microcloud_policy::Policy;
use ndarray::ArrayView2;
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

fn spine() -> Result<Arc<Topology>, Box<dyn Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

fn contenders(names: &[&str]) -> Result<Vec<Contender>, Box<dyn Error>> {
    names.iter().map(|name| Ok(Contender::baseline(name)?)).collect()
}

fn config(threads: usize) -> EvaluationConfig {
    EvaluationConfig { split: Split::Train, episodes: 12, control_episodes: 3, seed: 4, threads }
}

fn report(names: &[&str], threads: usize) -> Result<EvaluationReport, Box<dyn Error>> {
    Ok(evaluate(&config(threads), &[spine()?], &contenders(names)?, None, &())?)
}

#[test]
fn threads_change_no_figure() -> Outcome {
    let names = ["random", "threshold-rules", "oracle"];
    assert_eq!(report(&names, 1)?, report(&names, 3)?);
    Ok(())
}

#[test]
fn an_episode_depends_on_its_level_and_its_policy_alone() -> Outcome {
    let topology = spine()?;
    let levels = topology.draw_levels(Split::Train, 7, 11, false);
    for name in ["random", "threshold-rules", "oracle"] {
        let contender = Contender::baseline(name)?;
        let together = play(&topology, &contender, &levels, None, &())?;
        for (level, outcome) in levels.iter().zip(&together).skip(7) {
            assert_eq!(&play(&topology, &contender, &[*level], None, &())?[0], outcome, "{name}");
        }
    }
    Ok(())
}

#[test]
fn rows_come_in_the_order_asked_for_and_the_scale_runs_from_no_op_to_oracle() -> Outcome {
    let report = report(&["oracle", "random", "no-op"], 0)?;
    let names: Vec<&str> = report.rows.iter().map(|row| row.policy.as_str()).collect();
    assert_eq!(names, ["oracle", "random", "no-op"]);
    if let Some(score) = &report.rows[0].score {
        assert_eq!((score.value, score.ci95), (1.0, [1.0, 1.0]));
    }
    if let Some(score) = &report.rows[2].score {
        assert_eq!((score.value, score.ci95), (0.0, [0.0, 0.0]));
    }
    Ok(())
}

#[test]
fn a_scale_of_no_length_gives_no_score() -> Outcome {
    let mut calm = Scenario::load("spine12")?;
    for fault in &mut calm.faults.catalogue {
        // Every fault begins after the episode's end, so no policy can differ by reacting to one.
        fault.onset_s = [90_000.0, 90_000.0];
    }
    let topology = Topology::new(calm)?;
    let report = evaluate(&config(0), &[topology], &contenders(&["no-op"])?, None, &())?;
    let row = &report.rows[0];
    assert_eq!((&row.score, row.ttr_s, row.ttd_s, row.recovered_ratio), (&None, None, None, None));
    Ok(())
}

#[test]
fn the_file_has_the_agreed_keys_and_reads_back() -> Outcome {
    let report = report(&["no-op", "random"], 0)?;
    let text = report.to_json();
    assert!(!text.contains("NaN") && !text.contains("inf"));
    let value: Value = serde_json::from_str(&text)?;
    let row = value["rows"][0].as_object().ok_or("no row")?;
    let keys: Vec<&str> = row.keys().map(String::as_str).collect();
    let mut expected = [
        "scenario",
        "policy",
        "episodes",
        "return",
        "score",
        "availability",
        "p99_ms",
        "ttd_s",
        "ttr_s",
        "recovered_ratio",
        "bad_minutes",
        "actions",
        "cost",
        "control",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(value["rows"][0]["return"]["ci95"][1].is_f64() && value["rows"][0]["control"]["return"].is_f64());
    let read: EvaluationReport = serde_json::from_str(&text)?;
    assert_eq!(read.rows[1].policy, report.rows[1].policy);
    let (read, written) = (read.rows[1].returns.mean.ok_or("no mean")?, report.rows[1].returns.mean.ok_or("no mean")?);
    assert!((read - written).abs() < 1e-9);
    Ok(())
}

#[test]
fn every_episode_of_the_policies_shown_is_recorded_line_by_line() -> Outcome {
    let folder = tempfile::tempdir()?;
    let recorder = Recorder::new(&folder.path().join("episodes"))?;
    let topology = spine()?;
    let decisions = topology.scenario().episode_decisions as usize;
    let names = ["no-op", "threshold-rules"];
    evaluate(&config(0), &[topology], &contenders(&names)?, Some(&recorder), &())?;
    let files: Vec<_> = fs::read_dir(folder.path().join("episodes"))?.collect::<Result<_, _>>()?;
    assert_eq!(files.len(), 2 * (12 + 3));
    for file in files {
        let text = fs::read_to_string(file.path())?;
        let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!(lines[0]["kind"], "episode");
        let played: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "decision").collect();
        assert!(!played.is_empty() && played.len() <= decisions);
        for line in played {
            let terms = line["reward_terms"].as_object().ok_or("no terms")?;
            let sum: f64 = terms.values().filter_map(Value::as_f64).sum();
            assert!((sum - line["reward"].as_f64().ok_or("no reward")?).abs() < 1e-9);
        }
        let last = &lines[lines.len() - 1];
        assert!(last["terminated"] == true || last["truncated"] == true);
    }
    Ok(())
}

/// Counts episodes and asks to stop after the first batch.
#[derive(Default)]
struct StopSoon(AtomicUsize);

impl Progress for StopSoon {
    fn advance(&self, episodes: usize) {
        self.0.fetch_add(episodes, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

#[test]
fn a_caller_can_stop_it() -> Outcome {
    let stopped = evaluate(&config(1), &[spine()?], &contenders(&["no-op"])?, None, &StopSoon::default());
    assert!(matches!(stopped, Err(EvaluationError::Interrupted)));
    Ok(())
}

#[test]
fn no_episodes_is_an_error_and_no_control_episodes_is_not() -> Outcome {
    let (topologies, contenders) = ([spine()?], contenders(&["no-op"])?);
    let none = EvaluationConfig { episodes: 0, ..config(0) };
    assert!(matches!(evaluate(&none, &topologies, &contenders, None, &()), Err(EvaluationError::Zero { .. })));
    let no_control = EvaluationConfig { control_episodes: 0, ..config(0) };
    let report = evaluate(&no_control, &topologies, &contenders, None, &())?;
    assert_eq!((report.rows[0].control.episodes, report.rows[0].control.returns), (0, None));
    Ok(())
}

/// Counts how many of its kind live at the same time.
struct Alone {
    living: Arc<AtomicUsize>,
}

impl Policy for Alone {
    fn name(&self) -> &str {
        "alone"
    }

    fn act(&mut self, _: ArrayView2<'_, f32>, _: ArrayView2<'_, bool>, _: &[bool], actions: &mut [usize]) {
        actions.fill(0);
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.living.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_contender_that_plays_in_turn_is_never_made_twice_at_once() -> Outcome {
    let most = Arc::new(AtomicUsize::new(0));
    let (living, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let contender = Contender::new("alone", move |_| {
        seen.fetch_max(living.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Ok(Box::new(Alone { living: Arc::clone(&living) }))
    });
    let config = EvaluationConfig { episodes: 40, ..config(4) };
    let report = evaluate(&config, &[spine()?], &[contender.in_turn()], None, &())?;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    let no_op = evaluate(&config, &[spine()?], &contenders(&["no-op"])?, None, &())?;
    assert_eq!(report.rows[0].returns, no_op.rows[0].returns);
    Ok(())
}
