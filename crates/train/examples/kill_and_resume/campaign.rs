//! A run that is killed and resumed beside one that is not, and the comparison of what they leave.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use microcloud_train::RandomStream;
use microcloud_train::run::CheckpointReader;
use serde_json::Value;

/// How long a run may take to come to a moment.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is killed, how often, and when.
pub struct Campaign<'a> {
    /// The `train` command without arguments.
    pub trainer: &'a dyn Fn() -> Command,
    /// Where the two runs are left.
    pub folder: PathBuf,
    /// The algorithm.
    pub algo: String,
    /// Threads of either run.
    pub threads: usize,
    /// Environment steps of either run.
    pub steps: u64,
    /// How often the second run is killed.
    pub kills: u32,
    /// Decides the moments.
    pub seed: u64,
}

/// Plays both runs to their ends; `say` is told of every kill. Gives one line about both, or what differed.
pub fn play(campaign: &Campaign<'_>, say: &mut dyn FnMut(&str)) -> Result<String, String> {
    let (whole, killed) = (campaign.folder.join("whole"), campaign.folder.join("killed"));
    fs::create_dir_all(&campaign.folder).map_err(|error| error.to_string())?;
    finish(start(campaign, &whole, false)?)?;
    let mut random = RandomStream::from_seed(campaign.seed);
    let mut while_writing = 0;
    for kill in 1..=campaign.kills {
        let run = start(campaign, &killed, kill > 1)?;
        // A random step of each part of the run, and a random moment after it.
        let part = (f64::from(kill - 1) + random.uniform()) / f64::from(campaign.kills);
        let moment = Moment {
            step: (part * campaign.steps as f64) as u64,
            // Every second kill waits for a checkpoint that is being written.
            writing: kill % 2 == 0,
            delay: Duration::from_secs_f64(random.uniform() * if kill % 2 == 0 { 0.01 } else { 0.1 }),
        };
        let unfinished = kill_at(run, &killed, &moment)?;
        while_writing += u32::from(unfinished);
        let said = latest(&killed)?.map_or("no checkpoint yet".to_owned(), |step| format!("latest is step {step}"));
        let writing = if unfinished { ", while something was written" } else { "" };
        say(&format!("kill {kill} after step {}{writing}: {said}", moment.step));
    }
    finish(start(campaign, &killed, true)?)?;
    let files = compare(&whole, &killed)?;
    let kills = campaign.kills;
    Ok(format!("{kills} kills, {while_writing} while something was written; {files} files and all metrics are equal"))
}

fn start(campaign: &Campaign<'_>, run: &Path, resumed: bool) -> Result<Child, String> {
    let mut command = (campaign.trainer)();
    // Killed before it had a configuration, a run is begun again.
    if resumed && run.join("config.toml").exists() {
        command.arg("--resume").arg(run);
    } else {
        let _ = fs::remove_dir_all(run);
        let steps = campaign.steps;
        command.arg("--run-dir").arg(run).args(["--algo", &campaign.algo]);
        command.args(["--threads", &campaign.threads.to_string(), "--total-timesteps", &steps.to_string()]);
        command.args(["--num-envs", "32", "--eval-episodes", "2"]);
        command.args(["--checkpoint-every", &(steps / 32).to_string(), "--eval-every", &(steps / 8).to_string()]);
        command.args(["--set", &format!("{}.hidden=[32]", campaign.algo), "--set", "final_episodes=2"]);
        command.args(["--set", "final_control_episodes=1"]);
        // The replay's ring goes round before the end, and learning begins early.
        let own: &[&str] = match campaign.algo.as_str() {
            "dqn" => &["dqn.buffer_size=8192", "dqn.learning_starts=1024", "dqn.batch_size=128"],
            _ => &["ppo.num_steps=32"],
        };
        for assignment in own {
            command.args(["--set", assignment]);
        }
    }
    command.args(["--progress", "none"]).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| error.to_string())
}

fn finish(run: Child) -> Result<(), String> {
    let output = run.wait_with_output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or_else(|| format!("a run ended with {}: {said}", output.status))
}

/// When a run is killed.
struct Moment {
    /// Not before this step is in its metrics.
    step: u64,
    /// Not before it writes a checkpoint.
    writing: bool,
    /// So long after both.
    delay: Duration,
}

/// Kills a run; gives whether something unfinished is left.
fn kill_at(mut run: Child, folder: &Path, moment: &Moment) -> Result<bool, String> {
    let started = Instant::now();
    let due = || step_of(folder) >= moment.step && (!moment.writing || is_writing(folder));
    while !due() && started.elapsed() < PATIENCE {
        if run.try_wait().map_err(|error| error.to_string())?.is_some() {
            break;
        }
    }
    std::thread::sleep(moment.delay);
    // SIGKILL on Unix.
    let _ = run.kill();
    let output = run.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.code() {
        None | Some(0) => Ok(is_writing(folder)),
        Some(code) => Err(format!("a run ended with {code}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The step of the last whole line of a run's metrics, 0 before the first.
fn step_of(run: &Path) -> u64 {
    let tail = || -> std::io::Result<String> {
        let mut file = fs::File::open(run.join("metrics.jsonl"))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map(|_| text)
    };
    let text = tail().unwrap_or_default();
    let mut steps = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?.get("step")?.as_u64());
    steps.next_back().unwrap_or(0)
}

fn is_writing(run: &Path) -> bool {
    let folders = ["checkpoints", "replay"].into_iter();
    let mut entries = folders.flat_map(|folder| fs::read_dir(run.join(folder)).into_iter().flatten().flatten());
    entries.any(|entry| entry.path().extension().is_some_and(|extension| extension == "tmp"))
}

/// The step of the latest checkpoint, read as a resumed run reads it.
fn latest(run: &Path) -> Result<Option<u64>, String> {
    if !run.join("config.toml").exists() {
        return Ok(None);
    }
    let read = CheckpointReader::new(run).and_then(|mut reader| reader.latest());
    read.map_err(|error| format!("the latest checkpoint is unreadable: {error}"))
}

/// How many files of two runs are equal, or the first that is not: checkpoints, pointers, evaluation, and metrics without times.
pub fn compare(whole: &Path, resumed: &Path) -> Result<usize, String> {
    let (first, second) = (contents(whole)?, contents(resumed)?);
    for name in first.keys().chain(second.keys()) {
        if first.get(name) != second.get(name) {
            return Err(format!("{name} differs between {} and {}", whole.display(), resumed.display()));
        }
    }
    Ok(first.len())
}

fn contents(run: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    let checkpoints = fs::read_dir(run.join("checkpoints")).map_err(|error| error.to_string())?;
    for entry in checkpoints.flatten() {
        let path = entry.path();
        let files =
            if path.is_dir() { fs::read_dir(&path).into_iter().flatten().flatten().collect() } else { vec![entry] };
        for file in files {
            let path = file.path();
            let name = path.strip_prefix(run).unwrap_or(&path).display().to_string();
            found.insert(name, fs::read(&path).map_err(|error| error.to_string())?);
        }
    }
    let evaluation = fs::read_to_string(run.join("evaluation.json")).map_err(|error| error.to_string())?;
    // A trained policy is called by its run's folder.
    let evaluation = evaluation.replace(&run.display().to_string(), "run");
    found.insert("evaluation.json".into(), evaluation.into_bytes());
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).map_err(|error| error.to_string())?;
    for (number, line) in metrics.lines().enumerate() {
        let mut line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        line.as_object_mut().map(|object| object.remove("charts/SPS"));
        found.insert(format!("metrics.jsonl, line {}", number + 1), line.to_string().into_bytes());
    }
    Ok(found)
}
