//! What a run leaves on disk, and how it goes on from there.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use microcloud_policy::network::{resolve, verified_file};
use microcloud_train::run::{FinalEvaluation, Outcome, PolicyLabels, RunFolder, RunSetup, execute};
use microcloud_train::{PpoConfig, TaskBuffers, TrainConfig, TrainError, VectorTask, new_learner};
use serde_json::Value;

use crate::cart_pole::CartPole;

fn config() -> TrainConfig {
    let ppo = PpoConfig { num_envs: 8, num_steps: 32, hidden: vec![16], ..PpoConfig::default() };
    TrainConfig {
        total_timesteps: 2048,
        checkpoint_every: 512,
        eval_every: 1024,
        eval_episodes: 8,
        threads: 1,
        ppo,
        ..TrainConfig::default()
    }
}

fn no_evaluation(_: &Path) -> Result<Option<(String, String)>, TrainError> {
    Ok(Some(("{}".into(), "a table".into())))
}

/// Sets the flag after some steps, as an interrupt would.
struct Interrupting<'a> {
    inner: CartPole,
    steps_left: u32,
    stop: &'a AtomicBool,
}

impl VectorTask for Interrupting<'static> {
    fn num_envs(&self) -> usize {
        self.inner.num_envs()
    }
    fn observation_size(&self) -> usize {
        self.inner.observation_size()
    }
    fn num_actions(&self) -> usize {
        self.inner.num_actions()
    }
    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        self.inner.reset(seed, observations, action_masks);
    }
    fn save(&self) -> Vec<u8> {
        self.inner.save()
    }
    fn restore(&mut self, bytes: &[u8], observations: &mut [f32], action_masks: &mut [bool]) -> Result<(), String> {
        self.inner.restore(bytes, observations, action_masks)
    }
    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        self.inner.step(actions, buffers);
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

fn run(
    config: &TrainConfig,
    path: &Path,
    resumed: bool,
    task: Box<dyn VectorTask>,
    stop: &AtomicBool,
    final_evaluation: &FinalEvaluation<'_>,
) -> Result<Outcome, TrainError> {
    let folder = RunFolder::create(path)?;
    folder.write("config.toml", config.to_toml().as_bytes())?;
    execute(RunSetup {
        config: config.clone(),
        folder,
        resumed,
        learner: new_learner(config, task)?,
        evaluation_task: Box::new(CartPole::new(config.eval_episodes)),
        labels: PolicyLabels {
            algo: "ppo".into(),
            scenario: "cart-pole".into(),
            observation_schema: "o".into(),
            action_schema: "a".into(),
        },
        listener: &mut (),
        stop,
        final_evaluation,
    })
}

fn to_end(config: &TrainConfig, path: &Path, resumed: bool) -> Result<Outcome, TrainError> {
    let task = Box::new(CartPole::new(config.ppo.num_envs));
    run(config, path, resumed, task, &AtomicBool::new(false), &no_evaluation)
}

fn exit_code(path: &Path) -> u64 {
    let exit: Value = serde_json::from_slice(&fs::read(path.join("exit.json")).unwrap()).unwrap();
    exit["code"].as_u64().unwrap()
}

#[test]
fn a_complete_run_leaves_checkpoints_scalars_and_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let evaluated = Cell::new(false);
    let task = Box::new(CartPole::new(8));
    let outcome = run(&config(), &path, false, task, &AtomicBool::new(false), &|run| {
        evaluated.set(run == path && resolve(run).is_ok());
        no_evaluation(run)
    });
    assert_eq!(outcome.unwrap(), Outcome::Completed("a table".into()));
    assert!(evaluated.get());
    assert_eq!(exit_code(&path), 0);
    for step in [512, 1024, 1536, 2048] {
        let checkpoint = path.join(format!("checkpoints/{step:09}"));
        for name in ["policy.safetensors", "trainer.safetensors", "state.json"] {
            verified_file(&checkpoint, name).unwrap();
        }
    }
    assert_eq!(fs::read_to_string(path.join("checkpoints/latest")).unwrap().trim(), "000002048");
    let metrics = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let lines: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["charts/SPS", "charts/learning_rate", "losses/value_loss", "losses/explained_variance"] {
        assert!(lines[0][name].is_f64(), "{name}");
    }
    assert!(lines.iter().any(|line| line["charts/episodic_return"].is_f64()));
    let names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("events.out.tfevents.")));
    assert!(!names.iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn an_interrupted_run_goes_on_from_its_checkpoint_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let task = Box::new(Interrupting { inner: CartPole::new(8), steps_left: 70, stop });
    let outcome = run(&config(), &path, false, task, stop, &no_evaluation);
    assert_eq!(outcome.unwrap(), Outcome::Interrupted);
    assert_eq!(exit_code(&path), 130);
    assert_eq!(fs::read_to_string(path.join("checkpoints/latest")).unwrap().trim(), "000000768");
    resolve(&path).unwrap();

    assert!(matches!(to_end(&config(), &path, true).unwrap(), Outcome::Completed(_)));
    assert_eq!(exit_code(&path), 0);
    let metrics = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let steps = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let steps = steps.filter(|line| line["charts/SPS"].is_f64()).map(|line| line["step"].as_u64().unwrap());
    assert_eq!(steps.collect::<Vec<_>>(), (1..=8).map(|iteration| iteration * 256).collect::<Vec<_>>());
}

/// Whether a resumed run left what an uninterrupted one did: weights, checkpoints, pointers, and metrics without times. It may
/// have left checkpoints where it was interrupted, too.
fn assert_same(whole: &Path, resumed: &Path, what: &str) {
    let read =
        |run: &Path, name: &str| fs::read(run.join(name)).unwrap_or_else(|error| panic!("{what}: {name}: {error}"));
    let mut names = vec!["checkpoints/latest".to_owned(), "checkpoints/best".to_owned()];
    for step in [512, 1024, 1536, 2048] {
        let files = ["policy.safetensors", "trainer.safetensors", "state.json", "manifest.json"];
        names.extend(files.map(|name| format!("checkpoints/{step:09}/{name}")));
    }
    for name in names {
        assert!(read(whole, &name) == read(resumed, &name), "{what}: {name}");
    }
    let metrics = |run: &Path| {
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter_mut().for_each(|line| line["charts/SPS"] = Value::Null);
        lines
    };
    assert_eq!(metrics(whole), metrics(resumed), "{what}");
}

#[test]
fn an_interrupted_run_leaves_what_an_uninterrupted_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let (config, two) = (config(), TrainConfig { threads: 2, ..config() });
    let whole = folder.path().join("whole");
    to_end(&config, &whole, false).unwrap();
    // Several moments, one after the other, of a run of 256 steps.
    for moments in [[1, 255], [33, 128], [64, 65], [127, 40], [100, 100]] {
        let path = folder.path().join(format!("{moments:?}"));
        for (index, (steps_left, config)) in moments.into_iter().zip([&config, &two]).enumerate() {
            let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
            let task = Box::new(Interrupting { inner: CartPole::new(8), steps_left, stop });
            run(config, &path, index > 0, task, stop, &no_evaluation).unwrap();
        }
        to_end(&config, &path, true).unwrap();
        assert_same(&whole, &path, &format!("{moments:?}"));
    }
}

#[test]
fn a_run_goes_on_alike_from_any_of_its_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let config = config();
    to_end(&config, &whole, false).unwrap();
    let path = folder.path().join("again");
    to_end(&config, &path, false).unwrap();
    for latest in ["000000512", "000001024", "000001536"] {
        fs::write(path.join("checkpoints/latest"), format!("{latest}\n")).unwrap();
        to_end(&config, &path, true).unwrap();
        assert_same(&whole, &path, latest);
    }
}

/// Where a kill has left a folder, and what stands there then.
type Moment = (&'static str, fn(&Path));

#[test]
fn a_run_goes_on_alike_from_what_a_kill_may_leave() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let config = config();
    to_end(&config, &whole, false).unwrap();
    let forget = |run: &Path, steps: &[u64]| {
        for step in steps {
            fs::remove_dir_all(run.join(format!("checkpoints/{step:09}"))).unwrap();
        }
    };
    let moments: [Moment; 5] = [
        ("the first checkpoint is there, and latest is not", |run| {
            fs::rename(run.join("checkpoints/latest"), run.join("checkpoints/latest.tmp")).unwrap();
            fs::remove_file(run.join("checkpoints/best")).unwrap();
        }),
        ("a checkpoint is there, and latest names the one before", |run| {
            fs::write(run.join("checkpoints/latest"), "000001024\n").unwrap();
            fs::write(run.join("checkpoints/latest.tmp"), "0000").unwrap();
        }),
        ("half a checkpoint is there", |run| {
            fs::write(run.join("checkpoints/latest"), "000001536\n").unwrap();
            fs::rename(run.join("checkpoints/000002048"), run.join("checkpoints/000002048.tmp")).unwrap();
            fs::remove_file(run.join("checkpoints/000002048.tmp/manifest.json")).unwrap();
            fs::write(run.join("checkpoints/best"), "000001024\n").unwrap();
        }),
        ("best is not named yet", |run| {
            fs::write(run.join("checkpoints/latest"), "000001024\n").unwrap();
            fs::remove_file(run.join("checkpoints/best")).unwrap();
        }),
        ("a line of metrics is half written", |run| {
            fs::write(run.join("checkpoints/latest"), "000001536\n").unwrap();
            let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
            fs::write(run.join("metrics.jsonl"), &text[..text.len() - 20]).unwrap();
        }),
    ];
    for (index, (what, leave)) in moments.into_iter().enumerate() {
        let path = folder.path().join(format!("{index}"));
        to_end(&config, &path, false).unwrap();
        leave(&path);
        if index == 0 {
            forget(&path, &[1024, 1536, 2048]);
        }
        to_end(&config, &path, true).unwrap();
        assert_same(&whole, &path, what);
        assert!(!path.join("checkpoints/latest.tmp").exists() && !path.join("checkpoints/000002048.tmp").exists());
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_as_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    to_end(&config(), &path, false).unwrap();
    let trainer = path.join("checkpoints/000002048/trainer.safetensors");
    let mut bytes = fs::read(&trainer).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&trainer, bytes).unwrap();
    let error = to_end(&config(), &path, true).unwrap_err();
    // How the run ended before still holds.
    assert_eq!((error.exit_code(), exit_code(&path)), (3, 0));
    assert!(error.to_string().contains("trainer.safetensors"), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_a_disk_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs::create_dir_all(path.join("checkpoints")).unwrap();
    fs::write(path.join("checkpoints/000000512.tmp"), "a file where a folder is due").unwrap();
    let error = to_end(&config(), &path, false).unwrap_err();
    assert_eq!((error.exit_code(), exit_code(&path)), (5, 5), "{error}");
}
