//! Damaged run folders are refused with their own code, and nothing in them is lost.

use std::fs;
use std::path::Path;
use std::process::Command;

use microcloud_policy::network::{Manifest, sha256_hex};

use crate::command::{refused, train};

const STEP: &str = "checkpoints/000000128";

const SMALL: [&str; 8] = [
    "--total-timesteps=128",
    "--num-envs=8",
    "--eval-episodes=2",
    "--progress=none",
    "--set=ppo.num_steps=16",
    "--set=ppo.hidden=[16]",
    "--set=final_episodes=1",
    "--set=final_control_episodes=0",
];

fn small_run(folder: &Path, name: &str, threads: &str) {
    let output = train(folder, &[SMALL.as_slice(), &["--run-dir", name, "--threads", threads]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Replaces a file of the checkpoint, and its checksums.
fn forge_bytes(run: &Path, name: &str, change: impl Fn(&mut Vec<u8>)) {
    let checkpoint = run.join(STEP);
    let bytes = fs::read(checkpoint.join(name)).unwrap();
    let mut changed = bytes.clone();
    change(&mut changed);
    assert_ne!(bytes, changed);
    let manifest = fs::read(checkpoint.join("manifest.json")).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    let json = |manifest: &Manifest| serde_json::to_string_pretty(manifest).unwrap() + "\n";
    manifest.sha256.insert(name.to_owned(), sha256_hex(&changed));
    manifest.provenance.remove("manifest_sha256");
    let seal = sha256_hex(json(&manifest).as_bytes());
    manifest.provenance.insert("manifest_sha256".to_owned(), seal.into());
    fs::write(checkpoint.join(name), changed).unwrap();
    fs::write(checkpoint.join("manifest.json"), json(&manifest)).unwrap();
}

fn forge(run: &Path, name: &str, change: impl Fn(&str) -> String) {
    forge_bytes(run, name, |bytes| *bytes = change(std::str::from_utf8(bytes).unwrap()).into_bytes());
}

/// Replaces the first value of an array in `trainer.safetensors`, and the file's checksum.
fn forge_tensor(run: &Path, name: &str, value: &[u8]) {
    forge_tensor_at(run, name, 0, value);
}

fn forge_tensor_at(run: &Path, name: &str, place: usize, value: &[u8]) {
    forge_bytes(run, "trainer.safetensors", |bytes| {
        let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..data]).unwrap();
        let start = data + header[name]["data_offsets"][0].as_u64().unwrap() as usize + place;
        bytes[start..start + value.len()].copy_from_slice(value);
    });
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

#[test]
fn a_damaged_run_is_not_resumed_and_keeps_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_run(path, "r", "1");
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 20] = [
        ("latest", |run| remove(&run.join("checkpoints/latest"))),
        ("latest", |run| {
            remove(&run.join("checkpoints/latest"));
            fs::create_dir(run.join("checkpoints/latest")).unwrap();
        }),
        ("manifest.json", |run| remove(&run.join(STEP).join("manifest.json"))),
        ("state.json", |run| remove(&run.join(STEP).join("state.json"))),
        ("state.json", |run| forge(run, "state.json", |text| text.replace("\"step\": 128", "\"step\": 129"))),
        ("is after the run's last", |run| {
            forge(run, "state.json", |text| text.replace("\"iteration\": 1", "\"iteration\": 2"));
        }),
        ("adam.critic.1.weight.second has a negative value", |run| {
            forge_tensor(run, "adam.critic.1.weight.second", &(-1.0f32).to_le_bytes());
        }),
        ("normalizer has a negative count", |run| {
            forge_tensor(run, "normalizer.count", &(-1.0f64).to_le_bytes());
        }),
        ("optimizer", |run| {
            forge(run, "state.json", |text| text.replace("\"optimizer_steps\": ", "\"optimizer_steps\": 9"));
        }),
        ("environments.state: environment 0: altered snapshot", |run| {
            forge_tensor_at(run, "environments.state", 2000, &[0xa5; 8]);
        }),
        ("environments.lengths has a value beyond", |run| {
            forge_tensor(run, "environments.lengths", &u64::MAX.to_le_bytes());
        }),
        ("environments.returns is not finite", |run| {
            forge_tensor(run, "environments.returns", &f64::NAN.to_le_bytes());
        }),
        ("best", |run| {
            remove(&run.join("checkpoints/best"));
            fs::create_dir(run.join("checkpoints/best")).unwrap();
        }),
        ("config.toml", |run| fs::write(run.join("config.toml"), "").unwrap()),
        ("config.toml", |run| fs::write(run.join("config.toml"), [0xff, 0, 0xfe]).unwrap()),
        ("config.toml", |run| fs::write(run.join("config.toml"), "seed = = 1").unwrap()),
        ("no key \"dqn.norm_reward\"", |run| {
            let text = fs::read_to_string(run.join("config.toml")).unwrap();
            fs::write(run.join("config.toml"), text.replace("norm_reward = true", "")).unwrap();
        }),
        ("layers", |run| {
            let text = fs::read_to_string(run.join("config.toml")).unwrap();
            fs::write(run.join("config.toml"), text.replace("hidden = [16]", "hidden = [8]")).unwrap();
        }),
        ("scenario.toml", |run| remove(&run.join("scenario.toml"))),
        ("scenario.toml", |run| fs::write(run.join("scenario.toml"), [0xff, 0, 0xfe]).unwrap()),
    ];
    let end = fs::read(path.join("r/exit.json")).unwrap();
    for (index, (part, damage)) in damages.into_iter().enumerate() {
        let name = format!("d{index}");
        copy(&path.join("r"), &path.join(&name));
        damage(&path.join(&name));
        let message = refused(path, &["--resume", &name], 3, &[part]);
        assert_eq!(message.matches(&format!("{name}/")).count(), 1, "a file is named once: {message}");
        assert_eq!(fs::read(path.join(&name).join("exit.json")).unwrap(), end, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_no_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    small_run(folder.path(), "r", "1");
    let latest = folder.path().join("r/checkpoints/latest");
    remove(&latest);
    std::os::unix::fs::symlink("latest", &latest).unwrap();
    refused(folder.path(), &["--resume", "r"], 3, &["latest"]);
}

#[test]
fn policies_are_equal_bytes_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    small_run(folder.path(), "one", "1");
    small_run(folder.path(), "two", "2");
    for name in ["policy.safetensors", "trainer.safetensors"] {
        let [one, two] = ["one", "two"].map(|run| fs::read(folder.path().join(run).join(STEP).join(name)).unwrap());
        assert!(one == two, "{name}");
    }
}

#[test]
fn a_run_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    small_run(folder.path(), "r", "1");
    let lock = fs::File::open(folder.path().join("r/lock")).unwrap();
    lock.try_lock().unwrap();
    refused(folder.path(), &["--resume", "r"], 2, &["in use by another process"]);
    drop(lock);
    let resumed = train(folder.path(), &["--resume", "r", "--progress", "none", "--set", "final_episodes=2"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
}

#[test]
fn of_two_runs_into_one_folder_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.args(SMALL).args(["--run-dir", "r"]).current_dir(folder.path()).spawn().unwrap()
    };
    let both = [start(), start()];
    let mut codes = both.map(|mut run| run.wait().unwrap().code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
    let resumed = train(folder.path(), &["--resume", "r", "--progress", "none"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
}
