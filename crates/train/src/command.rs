//! The `train` command: flags to a configuration, a run, and its exit code.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, error::ErrorKind};
use microcloud_eval::{LogFormat, start_logging};

use crate::run::{
    OnExists, Outcome, Placement, ProgressDisplay, ProgressMode, RunFolder, RunListener, RunRequest, Snapshot, place,
    train as train_run,
};
use crate::{ConfigSources, TrainConfig, TrainError};

/// Whether Ctrl-C was pressed since the run at hand began; a process has one handler of signals.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

const EXAMPLE: &str = "Example:
  cargo run --bin train -- --scenario spine12 --total-timesteps 50_000 --seed 3 --set ppo.learning_rate=3e-4

Exit codes: 0 complete, 2 usage or configuration, 3 corrupt file, 4 diverged, 5 disk, 130 interrupted.";

/// Trains a policy with PPO or DQN; as typed, PPO on spine12 with seed 1, ending with an evaluation table.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXAMPLE, allow_negative_numbers = true)]
struct Arguments {
    /// A built-in scenario's name, or a scenario file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: Option<String>,
    /// The algorithm: ppo or dqn
    #[arg(long)]
    algo: Option<String>,
    /// Environment steps over all environments
    #[arg(long, value_name = "STEPS", value_parser = number)]
    total_timesteps: Option<i64>,
    /// Decides initial weights, levels, sampled actions and the order of samples
    #[arg(long, value_parser = number)]
    seed: Option<i64>,
    /// Parallel environments
    #[arg(long, value_parser = number)]
    num_envs: Option<i64>,
    /// Threads; the results do not depend on it
    #[arg(long, value_parser = number)]
    threads: Option<i64>,
    /// A TOML file with any of the values that --print-config shows
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// One value by its key, e.g. ppo.learning_rate=3e-4; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// The run's folder; runs/SCENARIO__ALGO__sSEED__UTC when absent
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// What to do where that folder exists: fail, new (a free name) or resume
    #[arg(long, value_name = "fail|new|resume", default_value = "fail", hide_default_value = true)]
    on_exists: OnExists,
    /// Goes on with a run from its latest checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["run_dir", "on_exists"])]
    resume: Option<PathBuf>,
    /// Steps between checkpoints
    #[arg(long, value_name = "STEPS", value_parser = number)]
    checkpoint_every: Option<i64>,
    /// Steps between evaluations on fixed train levels, by which the best checkpoint is chosen
    #[arg(long, value_name = "STEPS", value_parser = number)]
    eval_every: Option<i64>,
    /// Episodes of such an evaluation
    #[arg(long, value_name = "N", value_parser = number)]
    eval_episodes: Option<i64>,
    /// Stop with a checkpoint once so many steps are taken; --resume goes on
    #[arg(long, value_name = "STEPS", value_parser = number)]
    stop_at: Option<i64>,
    /// How progress is shown: auto, plain, json or none
    #[arg(long, value_name = "auto|plain|json|none", default_value = "auto", hide_default_value = true)]
    progress: ProgressMode,
    /// Prints the whole configuration as TOML and stops
    #[arg(long)]
    print_config: bool,
}

/// A whole number that may carry underscores.
fn number(text: &str) -> Result<i64, String> {
    text.replace('_', "").parse().map_err(|_| "allowed: a whole number, e.g. 2_000_000".into())
}

impl Arguments {
    fn sources(&self) -> Result<ConfigSources, TrainError> {
        let mut sources = ConfigSources::default();
        if let Some(path) = &self.config {
            sources.add_file(path)?;
        }
        sources.add_environment(std::env::vars_os())?;
        let numbers = [
            ("--total-timesteps", "total_timesteps", self.total_timesteps),
            ("--seed", "seed", self.seed),
            ("--num-envs", "num_envs", self.num_envs),
            ("--threads", "threads", self.threads),
            ("--checkpoint-every", "checkpoint_every", self.checkpoint_every),
            ("--eval-every", "eval_every", self.eval_every),
            ("--eval-episodes", "eval_episodes", self.eval_episodes),
        ];
        for (flag, key, value) in numbers {
            value.map_or(Ok(()), |value| sources.add_flag(flag, key, value))?;
        }
        for (flag, value) in [("--scenario", &self.scenario), ("--algo", &self.algo)] {
            value.as_ref().map_or(Ok(()), |value| sources.add_flag(flag, &flag[2..], value.clone()))?;
        }
        self.assignments.iter().try_for_each(|assignment| sources.add_assignment(assignment))?;
        Ok(sources)
    }

    fn stop_at(&self) -> Result<Option<u64>, TrainError> {
        let step = self.stop_at.map(u64::try_from).transpose();
        step.map_err(|_| TrainError::Usage("--stop-at: it is negative; allowed: steps of the run".into()))
    }

    fn resolve(&self) -> Result<(TrainConfig, Placement), TrainError> {
        let sources = self.sources()?;
        let placement = match &self.resume {
            Some(run) => Placement::Resumed(run.clone()),
            None => {
                // A folder that is resumed has its own configuration, which may lack what these sources leave open.
                let config = sources.resolve();
                match (&config, &self.run_dir) {
                    (Ok(config), _) if !self.print_config => place(self.run_dir.as_deref(), self.on_exists, config)?,
                    _ => Placement::Fresh(PathBuf::new()),
                }
            }
        };
        let config = match &placement {
            Placement::Fresh(_) => sources.resolve()?,
            Placement::Resumed(run) => sources.resume(&RunFolder::open(run)?.1, run)?,
        };
        Ok((config, placement))
    }
}

/// Runs the command as typed, `arguments` beginning with the program's name, and gives its exit code; one run at a time in a
/// process. Ctrl-C stops the run with a checkpoint, and once more the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let code = parse(&words).and_then(|parsed| parsed.map_or(Ok(0), |arguments| train(&arguments, &words)));
    code.unwrap_or_else(|error| {
        if matches!(start_logging(), Ok(LogFormat::Json)) {
            tracing::error!(exit_code = error.exit_code(), "{error}");
        } else {
            let _ = writeln!(std::io::stderr(), "error: {error}");
        }
        error.exit_code()
    })
}

/// The command's arguments; none where help or the version was asked for, and printed.
fn parse(words: &[OsString]) -> Result<Option<Arguments>, TrainError> {
    let error = match Arguments::try_parse_from(words) {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(error) => error,
    };
    let text = as_typed(&error.render().to_string(), words);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => print(&text).map(|()| None),
        _ => Err(TrainError::Usage(one_line(&text))),
    }
}

/// A text whose examples begin with what the user typed, where that is no program of cargo's but `python -m PACKAGE train`.
fn as_typed(text: &str, words: &[OsString]) -> String {
    let program = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    if program.contains(' ') { text.replace("cargo run --bin train --", &program) } else { text.to_owned() }
}

/// clap's message without its usage section, on one line.
fn one_line(text: &str) -> String {
    let said = text.split("\nUsage:").next().unwrap_or(text).split("\nFor more information").next().unwrap_or(text);
    let words: Vec<&str> = said.split_whitespace().collect();
    format!("{}; see `--help`", words.join(" ").trim_start_matches("error: "))
}

fn train(arguments: &Arguments, words: &[OsString]) -> Result<u8, TrainError> {
    start_logging().map_err(TrainError::Usage)?;
    let (config, placement) = arguments.resolve()?;
    if arguments.print_config {
        return print(&config.to_toml()).map(|()| 0);
    }
    stop_on_interrupt()?;
    let command_line = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let request = RunRequest { config, placement, scenario: None, command_line };
    let mut display = ProgressDisplay::new(arguments.progress);
    let mut listener = StopAt { display: &mut display, step: arguments.stop_at()?, reached: false };
    let run = train_run(request, &mut listener, &INTERRUPTED)?;
    let stopped_as_asked = listener.reached;
    let path = run.folder.path().display();
    match run.outcome {
        Outcome::Completed(table) => {
            if !matches!(arguments.progress, ProgressMode::Json | ProgressMode::None) {
                print(&format!("{table}\nrun folder: {path}\n"))?;
            }
            Ok(0)
        }
        Outcome::Interrupted => {
            let next = format!("interrupted; go on with: cargo run --bin train -- --resume {path}");
            let _ = writeln!(std::io::stderr(), "{}", as_typed(&next, words));
            Ok(if stopped_as_asked { 0 } else { 130 })
        }
    }
}

/// Shows progress, and stops the run as an interrupt does once a step is reached.
struct StopAt<'a> {
    display: &'a mut ProgressDisplay,
    step: Option<u64>,
    reached: bool,
}

impl RunListener for StopAt<'_> {
    fn started(&mut self, step: u64, total_steps: u64) {
        self.display.started(step, total_steps);
    }

    fn progressed(&mut self, snapshot: &Snapshot) {
        self.display.progressed(snapshot);
        if self.step.is_some_and(|step| snapshot.step >= step) && snapshot.step < snapshot.total_steps {
            self.reached = !INTERRUPTED.swap(true, Ordering::Relaxed);
        }
    }

    fn noted(&mut self, text: &str) {
        self.display.noted(text);
    }

    fn ended(&mut self) {
        self.display.ended();
    }
}

/// The first interrupt asks the run to stop with a checkpoint, the second one ends the program.
fn stop_on_interrupt() -> Result<(), TrainError> {
    INTERRUPTED.store(false, Ordering::Relaxed);
    let listening = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let _ = writeln!(std::io::stderr(), "stopping with a checkpoint; once more to stop at once");
    });
    match listening {
        // An earlier command of this process has set the handler, or its program one of its own.
        Ok(()) | Err(ctrlc::Error::MultipleHandlers) => Ok(()),
        Err(error) => Err(TrainError::Usage(format!("cannot listen for interrupts: {error}"))),
    }
}

/// Prints to standard output; a closed pipe is no error.
fn print(text: &str) -> Result<(), TrainError> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(TrainError::Disk { path: "standard output".into(), source })
        }
        _ => Ok(()),
    }
}
