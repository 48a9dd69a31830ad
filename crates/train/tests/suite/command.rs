//! The `train` command as a user types it: exit codes and what errors say.

use std::path::Path;
use std::process::{Command, Output};

pub fn train(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_train")).args(words).current_dir(folder).output().unwrap()
}

pub fn refused(folder: &Path, words: &[&str], code: i32, parts: &[&str]) -> String {
    let output = train(folder, words);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {message}");
    assert!(parts.iter().all(|part| message.contains(part)), "{words:?}: {message}");
    assert!(!message.contains("panicked") && !message.contains("backtrace"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn mistakes_are_usage_errors_that_say_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("bad.toml"), "[ppo]\nlearning_rte = 1.0").unwrap();
    std::fs::create_dir(path.join("taken")).unwrap();
    std::fs::write(path.join("taken/file"), "").unwrap();
    refused(path, &["--algo", "dnq"], 2, &["unknown", "allowed: dqn, ppo"]);
    refused(path, &["--scenario", "spine13"], 2, &["spine12"]);
    refused(path, &["--set", "ppo.gama=0.9"], 2, &["ppo.gamma"]);
    refused(path, &["--config", "bad.toml"], 2, &["bad.toml", "ppo.learning_rate"]);
    refused(path, &["--config", "."], 2, &["cannot be read"]);
    refused(path, &["--seed", "many"], 2, &["whole number"]);
    refused(path, &["--run-dir", "taken"], 2, &["taken", "--on-exists new"]);
    refused(path, &["--resume", "nowhere"], 2, &["nowhere"]);
    refused(path, &["--progress", "loud"], 2, &["plain"]);
    refused(path, &["--no-such-flag"], 2, &["--no-such-flag", "--help"]);
    refused(path, &["--resume", "r", "--run-dir", "r"], 2, &["cannot be used with"]);
    refused(path, &["--seed", "-1"], 2, &["allowed: 0 to 4294967295"]);
    refused(path, &["--set", "ppo.learning_rate=nan"], 2, &["--set", "ppo.learning_rate = NaN", "allowed: 1e-12 to"]);
    refused(path, &["--set", "seed=1\nthreads=2"], 2, &["line break"]);
    refused(path, &["--run-dir", "..", "--on-exists", "new"], 2, &["--run-dir .."]);
    refused(path, &["--num-envs", "65536", "--set", "ppo.num_steps=65536"], 2, &["ppo.num_envs * ppo.num_steps"]);
    refused(path, &["--set", "ppo.hidden=[8192,8192,8192,8192,8192,8192,8192,9000]"], 2, &["ppo.hidden"]);
    std::fs::write(path.join("binary.toml"), [0xff, 0, 0xfe]).unwrap();
    refused(path, &["--config", "binary.toml"], 3, &["binary.toml"]);
    let message = refused(path, &["--run-dir", "taken/file/below"], 5, &["taken/file"]);
    assert_eq!(message.matches("os error").count(), 1, "{message}");
    assert!(!path.join("runs").exists());
}

#[test]
fn the_printed_configuration_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let printed = train(folder.path(), &["--print-config", "--seed", "7", "--total-timesteps", "2_000"]);
    assert!(printed.status.success());
    std::fs::write(folder.path().join("c.toml"), &printed.stdout).unwrap();
    let again = train(folder.path(), &["--print-config", "--config", "c.toml"]);
    assert_eq!(printed.stdout, again.stdout);
}

#[test]
fn a_short_run_completes_resumes_and_refuses_contradictions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let small = ["--set", "ppo.num_steps=16", "--set", "ppo.hidden=[16]", "--set", "final_episodes=2"];
    let words = ["--total-timesteps", "128", "--num-envs", "8", "--eval-episodes", "2", "--run-dir", "r"];
    let mut all = words.to_vec();
    all.extend(small);
    all.extend(["--set", "final_control_episodes=1"]);
    let output = train(path, &all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in
        ["config.toml", "manifest.json", "scenario.toml", "metrics.jsonl", "train.log", "evaluation.json", "exit.json"]
    {
        assert!(path.join("r").join(name).is_file(), "{name}");
    }
    assert!(train(path, &["--resume", "r", "--seed", "1"]).status.success());
    refused(path, &["--resume", "r", "--seed", "2"], 2, &["contradicts r"]);
    std::fs::write(path.join("r/checkpoints/000000128/state.json"), "{}").unwrap();
    refused(path, &["--resume", "r"], 3, &["state.json", "SHA-256"]);
}

#[test]
fn a_run_stops_where_it_is_told_to_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let small = ["--num-envs=8", "--eval-episodes=2", "--set=ppo.num_steps=16", "--set=ppo.hidden=[16]"];
    let last = ["--set=final_episodes=2", "--set=final_control_episodes=1", "--run-dir=r", "--total-timesteps=512"];
    let words = [small.as_slice(), &last, &["--stop-at", "200"]].concat();
    assert!(train(path, &words).status.success());
    assert_eq!(std::fs::read_to_string(path.join("r/checkpoints/latest")).unwrap(), "000000256\n");
    assert!(!path.join("r/evaluation.json").exists());
    assert!(train(path, &["--resume", "r", "--stop-at", "512"]).status.success());
    assert!(path.join("r/evaluation.json").exists());
    refused(path, &["--resume", "r", "--stop-at", "-1"], 2, &["--stop-at", "negative"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_a_disk_error() {
    for word in ["--help", "--print-config"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_train")).arg(word).stdout(full).output().unwrap().status;
        assert_eq!(status.code(), Some(5), "{word}");
    }
}
