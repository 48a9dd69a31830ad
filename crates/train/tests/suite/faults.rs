//! Numbers that are none, and disks that are full: what stops a run, what does not, and what is kept.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use microcloud_policy::network::Network;
use microcloud_train::run::{Outcome, PolicyLabels, RunFolder, RunListener, RunSetup, execute};
use microcloud_train::{Learner, PpoConfig, PpoLearner, TaskBuffers, TrainConfig, TrainError, VectorTask, new_learner};
use serde_json::Value;

use crate::cart_pole::CartPole;

fn config() -> TrainConfig {
    let ppo = PpoConfig { num_envs: 4, num_steps: 16, hidden: vec![8], ..PpoConfig::default() };
    TrainConfig {
        total_timesteps: 640,
        checkpoint_every: 128,
        eval_every: 1_000_000,
        eval_episodes: 2,
        threads: 1,
        ppo,
        ..TrainConfig::default()
    }
}

/// Remembers what a person is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl RunListener for Notes {
    fn noted(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

fn run(path: &Path, task: Box<dyn VectorTask>) -> (Result<Outcome, TrainError>, Vec<String>) {
    let (config, mut notes) = (config(), Notes::default());
    let result = execute(RunSetup {
        learner: new_learner(&config, task).unwrap(),
        folder: RunFolder::create(path).unwrap(),
        resumed: false,
        evaluation_task: Box::new(CartPole::new(config.eval_episodes)),
        labels: PolicyLabels {
            algo: "ppo".into(),
            scenario: "cart-pole".into(),
            observation_schema: "o".into(),
            action_schema: "a".into(),
        },
        listener: &mut notes,
        stop: &AtomicBool::new(false),
        final_evaluation: &|_: &Path| Ok(Some(("{}".into(), "a table".into()))),
        config,
    });
    (result, notes.0)
}

/// What a task gives from some step on.
#[derive(Clone, Copy)]
enum Broken {
    Reward,
    Observation,
}

/// Gives a number that is none in environment 2 after some steps.
struct Breaking {
    inner: CartPole,
    steps_left: u32,
    broken: Broken,
}

impl VectorTask for Breaking {
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
            match self.broken {
                Broken::Reward => buffers.rewards[2] = f64::NAN,
                Broken::Observation => buffers.observations[2 * 4 + 3] = f32::INFINITY,
            }
        }
    }
}

#[test]
fn what_is_no_number_stops_the_run_in_its_update_and_the_last_checkpoint_stays() {
    for (broken, named) in [
        (Broken::Reward, "not finite: rewards of environment 2;"),
        (Broken::Observation, "not finite: feature 3 of the observations of environment 2;"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        // In the fifth update of 16 steps each; there are checkpoints after the second and the fourth.
        let task = Box::new(Breaking { inner: CartPole::new(4), steps_left: 70, broken });
        let error = run(&path, task).0.unwrap_err();
        assert_eq!(error.exit_code(), 4);
        assert!(error.to_string().contains(named) && error.to_string().contains("after step 256"), "{error}");
        let exit: Value = serde_json::from_slice(&fs::read(path.join("exit.json")).unwrap()).unwrap();
        assert_eq!((&exit["status"], &exit["code"], &exit["step"]), (&"diverged".into(), &4.into(), &256.into()));
        assert_eq!(fs::read_to_string(path.join("checkpoints/latest")).unwrap(), "000000256\n");
        let (saved, state) = (path.join("checkpoints/000000256"), microcloud_policy::network::POLICY_FILE);
        let bytes = microcloud_policy::network::verified_file(&saved, state).unwrap();
        microcloud_policy::network::PolicyFile::from_bytes(&bytes, &saved).unwrap();
    }
}

#[test]
fn a_weight_that_is_no_number_stops_the_next_update_by_its_name() {
    let new = || PpoLearner::new(config().ppo, Box::new(CartPole::new(4)), 640, 1, 1).unwrap();
    let mut learner = new();
    learner.iterate().unwrap();
    let mut saved = learner.save();
    let (mut layers, normalizer) = (saved.network.layers().to_vec(), saved.network.normalizer().clone());
    layers[1].weight[[1, 3]] = f32::NAN;
    saved.network = Network::new(saved.network.spec().clone(), layers, normalizer).unwrap();
    let mut poisoned = new();
    poisoned.restore(saved).unwrap();
    let error = poisoned.iterate().unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("not finite: actor.1.weight;"), "{error}");
    assert_eq!(poisoned.step(), 64);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_logs_and_metrics_stops_nothing_and_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs::create_dir(&path).unwrap();
    for name in ["metrics.jsonl", "train.log"] {
        std::os::unix::fs::symlink("/dev/full", path.join(name)).unwrap();
    }
    let (result, notes) = run(&path, Box::new(CartPole::new(4)));
    assert_eq!(result.unwrap(), Outcome::Completed("a table".into()));
    for name in ["metrics.jsonl", "train.log"] {
        let said: Vec<&String> = notes.iter().filter(|note| note.contains(name)).collect();
        assert_eq!(said.len(), 1, "{notes:?}");
        assert!(said[0].starts_with("warning: ") && said[0].contains("cannot be written"), "{said:?}");
    }
    assert_eq!(fs::read_to_string(path.join("checkpoints/latest")).unwrap(), "000000640\n");
}
