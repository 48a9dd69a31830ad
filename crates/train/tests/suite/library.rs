//! A run as one call, for programs that train: what its listener is told, how it stops, and whose scenario it learns.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use microcloud_core::Scenario;
use microcloud_train::run::{EndedRun, Outcome, Placement, RunListener, RunRequest, Snapshot, train};
use microcloud_train::{PpoConfig, TrainConfig, TrainError};

fn config() -> TrainConfig {
    let ppo = PpoConfig { num_envs: 8, num_steps: 16, num_minibatches: 2, hidden: vec![16], ..PpoConfig::default() };
    TrainConfig {
        total_timesteps: 512,
        threads: 1,
        eval_episodes: 2,
        final_episodes: 2,
        final_control_episodes: 1,
        ppo,
        ..TrainConfig::default()
    }
}

fn request(placement: Placement) -> RunRequest {
    RunRequest { config: config(), placement, scenario: None, command_line: vec!["a test".into()] }
}

fn fresh(path: &Path) -> RunRequest {
    request(Placement::Fresh(path.to_owned()))
}

/// Remembers what it was told, and stops the run after some iterations.
struct Remembering<'a> {
    told: Vec<String>,
    snapshots: Vec<Snapshot>,
    stop: &'a AtomicBool,
    iterations_left: usize,
}

impl RunListener for Remembering<'_> {
    fn started(&mut self, step: u64, total_steps: u64) {
        self.told.push(format!("started {step} {total_steps}"));
    }
    fn progressed(&mut self, snapshot: &Snapshot) {
        self.snapshots.push(*snapshot);
        self.iterations_left = self.iterations_left.saturating_sub(1);
        self.stop.store(self.iterations_left == 0, Ordering::Relaxed);
    }
    fn noted(&mut self, text: &str) {
        self.told.push(format!("noted {}", text.split(':').next().unwrap_or_default()));
    }
    fn ended(&mut self) {
        self.told.push("ended".into());
    }
}

fn run(request: RunRequest, iterations: usize) -> (Result<EndedRun, TrainError>, Vec<String>, Vec<Snapshot>) {
    let stop = AtomicBool::new(false);
    let mut listener =
        Remembering { told: Vec::new(), snapshots: Vec::new(), stop: &stop, iterations_left: iterations };
    let result = train(request, &mut listener, &stop);
    (result, listener.told, listener.snapshots)
}

#[test]
fn a_listener_is_told_of_every_iteration_between_start_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let (result, told, snapshots) = run(fresh(&path), usize::MAX);
    let ended = result.unwrap();
    assert!(matches!(&ended.outcome, Outcome::Completed(table) if table.contains("threshold-rules")));
    assert_eq!(ended.folder.path(), path);
    let noted = "noted evaluating the best checkpoint on test levels";
    assert_eq!(told, ["started 0 512", "noted run folder", noted, "ended"]);
    let steps: Vec<u64> = snapshots.iter().map(|snapshot| snapshot.step).collect();
    assert_eq!(steps, [128, 256, 384, 512]);
    assert!(snapshots.iter().all(|snapshot| snapshot.total_steps == 512 && snapshot.steps_per_s > 0.0));
    assert_eq!(snapshots[3].seconds_left, 0.0);
    assert!(snapshots[0].seconds_left > 0.0);
}

#[test]
fn a_run_that_its_listener_stops_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let (result, told, _) = run(fresh(&path), 2);
    assert_eq!(result.unwrap().outcome, Outcome::Interrupted);
    assert_eq!(told.last().map(String::as_str), Some("ended"));
    assert!(path.join("checkpoints/000000256").is_dir());
    let (result, told, snapshots) = run(request(Placement::Resumed(path)), usize::MAX);
    assert!(matches!(result.unwrap().outcome, Outcome::Completed(_)));
    assert_eq!((told[0].as_str(), snapshots[0].step), ("started 256 512", 384));
}

#[test]
fn a_scenario_that_stands_in_no_file_is_learnt_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut scenario = Scenario::load("spine12").unwrap();
    scenario.name = "mine".into();
    let mut wanted = fresh(&path);
    wanted.scenario = Some(scenario.clone());
    let (result, ..) = run(wanted, 1);
    assert_eq!(result.unwrap().outcome, Outcome::Interrupted);
    assert_eq!(fs::read_to_string(path.join("scenario.toml")).unwrap(), scenario.to_toml());
    let mut other = request(Placement::Resumed(path.clone()));
    other.scenario = Some(Scenario::load("spine12").unwrap());
    let error = run(other, usize::MAX).0.unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().starts_with("scenario: "), "{error}");
    let mut same = request(Placement::Resumed(path.clone()));
    same.scenario = Some(scenario);
    run(same, usize::MAX).0.unwrap();
    assert!(fs::read_to_string(path.join("evaluation.json")).unwrap().contains("\"mine\""));
}

#[test]
fn a_run_that_cannot_begin_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut wanted = fresh(&path);
    wanted.config.scenario = "spine13".into();
    let (result, told, _) = run(wanted, usize::MAX);
    assert_eq!(result.unwrap_err().exit_code(), 2);
    assert!(told.is_empty() && !path.exists());
}
