//! A run from its first step, or its latest checkpoint, to its end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::checkpoint::{self, PolicyLabels};
use super::folder::RunFolder;
use super::listener::{RunListener, Snapshot};
use super::log::RunLog;
use super::replay;
use super::scalars::{JsonLines, ScalarWriter};
use super::state::{Best, RunState};
use super::tensorboard::TensorBoard;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::evaluation::play_greedily;
use crate::learner::{Iteration, Learner};
use crate::task::VectorTask;

/// Levels that `best` is chosen on: the same for every run, and outside those that small training seeds draw.
const EVALUATION_SEED: u64 = 1 << 33;

/// Evaluates the best checkpoint of a run's folder on test levels: the content of `evaluation.json` and a table to print, or
/// nothing where it was interrupted.
pub type FinalEvaluation<'a> = dyn Fn(&Path) -> Result<Option<(String, String)>, TrainError> + 'a;

/// What a run needs.
pub struct RunSetup<'a> {
    /// The whole configuration.
    pub config: TrainConfig,
    /// Where it is written, created or opened.
    pub folder: RunFolder,
    /// Whether it goes on from the folder's latest checkpoint.
    pub resumed: bool,
    /// What learns; it has not begun.
    pub learner: Box<dyn Learner>,
    /// Environments to choose `best` in, one episode each.
    pub evaluation_task: Box<dyn VectorTask>,
    /// What policy files are labelled with.
    pub labels: PolicyLabels,
    /// Is told how it goes.
    pub listener: &'a mut dyn RunListener,
    /// Becomes true where the run is to stop with a checkpoint.
    pub stop: &'a AtomicBool,
    /// How the best checkpoint is evaluated at the end.
    pub final_evaluation: &'a FinalEvaluation<'a>,
}

/// How a run ended without an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps are taken; the table of the final evaluation.
    Completed(String),
    /// It was stopped, and can be resumed.
    Interrupted,
}

/// Runs to the end and writes `exit.json`, whatever the end is; a run that cannot be resumed keeps the one it has.
///
/// # Errors
/// See [`TrainError`]; `exit.json` says the same.
pub fn execute(setup: RunSetup<'_>) -> Result<Outcome, TrainError> {
    let folder = setup.folder.clone();
    let mut step = 0;
    let resumed = setup.resumed;
    let started = Run::start(setup);
    if resumed && started.is_err() {
        // How the run ended before still holds.
        return started.map(|_| Outcome::Interrupted);
    }
    let result = started.and_then(|mut run| {
        let result = run.play_out();
        step = run.learner.step();
        let line = match &result {
            Ok(Outcome::Completed(_)) => "completed".to_owned(),
            Ok(Outcome::Interrupted) => "interrupted".to_owned(),
            Err(error) => error.to_string(),
        };
        run.log_line(&format!("step {step}: {line}"));
        run.sync_writers();
        run.listener.ended();
        result
    });
    let (status, code, message) = match &result {
        Ok(Outcome::Completed(_)) => ("completed", 0, Value::Null),
        Ok(Outcome::Interrupted) => ("interrupted", 130, Value::Null),
        Err(error) => {
            let status = if matches!(error, TrainError::Diverged { .. }) { "diverged" } else { "failed" };
            (status, error.exit_code(), error.to_string().into())
        }
    };
    let exit = json!({ "status": status, "code": code, "step": step, "message": message });
    let written = folder.write("exit.json", format!("{exit:#}\n").as_bytes());
    result.and_then(|outcome| written.map(|()| outcome))
}

/// A writer, and whether it was said that it fails.
struct Writer {
    writer: Box<dyn ScalarWriter>,
    failed: bool,
}

struct Run<'a> {
    config: TrainConfig,
    folder: RunFolder,
    learner: Box<dyn Learner>,
    evaluation_task: Box<dyn VectorTask>,
    labels: PolicyLabels,
    state: RunState,
    saved_step: Option<u64>,
    writers: Vec<Writer>,
    log: RunLog,
    log_failed: bool,
    listener: &'a mut dyn RunListener,
    first_step: u64,
    started: Instant,
    stop: &'a AtomicBool,
    final_evaluation: &'a FinalEvaluation<'a>,
}

impl<'a> Run<'a> {
    fn start(setup: RunSetup<'a>) -> Result<Self, TrainError> {
        let RunSetup { config, folder, mut learner, labels, .. } = setup;
        let state = match setup.resumed {
            true => resume(&folder, &labels, learner.as_mut())?,
            false => RunState::default(),
        };
        let metrics = JsonLines::new(folder.join("metrics.jsonl"), state.step);
        let events = TensorBoard::new(folder.path(), setup.resumed.then_some(state.step + 1));
        let writers: [Box<dyn ScalarWriter>; 2] = [Box::new(metrics), Box::new(events)];
        // The end of an earlier part of the run is not this part's.
        let _ = std::fs::remove_file(folder.join("exit.json"));
        setup.listener.started(state.step, learner.total_steps());
        let mut run = Self {
            listener: setup.listener,
            first_step: state.step,
            started: Instant::now(),
            saved_step: (state.step > 0).then_some(state.step),
            config,
            learner,
            evaluation_task: setup.evaluation_task,
            labels,
            state,
            writers: writers.into_iter().map(|writer| Writer { writer, failed: false }).collect(),
            log: RunLog::new(&folder),
            log_failed: false,
            folder,
            stop: setup.stop,
            final_evaluation: setup.final_evaluation,
        };
        run.log_line(&format!("step {}: {}", run.state.step, if setup.resumed { "resumed" } else { "started" }));
        Ok(run)
    }

    fn play_out(&mut self) -> Result<Outcome, TrainError> {
        self.listener.noted(&format!("run folder: {}", self.folder.path().display()));
        while !self.learner.finished() {
            let before = self.learner.step();
            self.iterate()?;
            let step = self.learner.step();
            let passed = |every: u64| step / every > before / every;
            if passed(self.config.eval_every) || self.learner.finished() {
                self.evaluate()?;
            }
            if passed(self.config.checkpoint_every) || self.learner.finished() {
                self.checkpoint()?;
            }
            if self.stop.load(Ordering::Relaxed) {
                self.checkpoint()?;
                if self.state.best.is_none() {
                    checkpoint::point(&self.folder, "best", step)?;
                }
                return Ok(Outcome::Interrupted);
            }
        }
        self.listener.noted("evaluating the best checkpoint on test levels");
        let Some((report, table)) = (self.final_evaluation)(self.folder.path())? else {
            return Ok(Outcome::Interrupted);
        };
        self.folder.write("evaluation.json", report.as_bytes())?;
        Ok(Outcome::Completed(table))
    }

    fn iterate(&mut self) -> Result<(), TrainError> {
        let (started, before) = (Instant::now(), self.learner.step());
        let iteration = self.learner.iterate()?;
        let seconds = started.elapsed().as_secs_f64();
        let step = self.learner.step();
        self.state.step = step;
        iteration.episodes.iter().for_each(|episode| self.state.ended(episode.episodic_return));
        let steps_per_s = (step - before) as f64 / seconds.max(1e-9);
        self.write_scalars(step, &scalars(&iteration, steps_per_s));
        let total_steps = self.learner.total_steps();
        let taken = step.saturating_sub(self.first_step).max(1) as f64;
        self.listener.progressed(&Snapshot {
            step,
            total_steps,
            steps_per_s,
            seconds_left: self.started.elapsed().as_secs_f64() / taken * total_steps.saturating_sub(step) as f64,
            episodic_return: mean(&self.state.recent_returns),
            availability: iteration.scalar("slo/availability"),
            policy_loss: iteration.scalar("losses/policy_loss"),
            value_loss: iteration.scalar("losses/value_loss"),
            td_loss: iteration.scalar("losses/td_loss"),
            q_values: iteration.scalar("losses/q_values"),
        });
        Ok(())
    }

    fn evaluate(&mut self) -> Result<(), TrainError> {
        let returns = play_greedily(self.evaluation_task.as_mut(), self.learner.network(), EVALUATION_SEED);
        let Some(mean) = mean(&returns) else { return Ok(()) };
        let step = self.learner.step();
        let mut scalars = vec![("eval/episodic_return", mean)];
        let own = self.evaluation_task.drain_scalars();
        scalars
            .extend(own.iter().filter(|(name, _)| *name == "slo/availability").map(|&(_, v)| ("eval/availability", v)));
        self.write_scalars(step, &scalars);
        self.log_line(&format!("step {step}: mean return {mean:.6} over {} fixed train levels", returns.len()));
        if self.state.best.is_none_or(|best| mean > best.mean_return) {
            self.state.best = Some(Best { step, mean_return: mean });
            self.checkpoint()?;
            checkpoint::point(&self.folder, "best", step)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), TrainError> {
        if self.saved_step == Some(self.learner.step()) {
            return Ok(());
        }
        // The checkpoint is not to outlive what led to it.
        self.sync_writers();
        let mut saved = self.learner.save();
        replay::write(&self.folder, self.state.step, self.learner.as_ref(), &mut saved)?;
        let path = checkpoint::write(&self.folder, &self.labels, saved, &self.state)?;
        replay::keep_only(&self.folder, self.state.step);
        self.saved_step = Some(self.learner.step());
        self.log_line(&format!("step {}: wrote {}", self.state.step, path.display()));
        Ok(())
    }

    fn write_scalars(&mut self, step: u64, scalars: &[(&str, f64)]) {
        for Writer { writer, failed } in &mut self.writers {
            warn_once(writer.write(step, scalars), failed, self.listener);
        }
    }

    fn sync_writers(&mut self) {
        for Writer { writer, failed } in &mut self.writers {
            warn_once(writer.sync(), failed, self.listener);
        }
    }

    fn log_line(&mut self, text: &str) {
        warn_once(self.log.line(text), &mut self.log_failed, self.listener);
    }
}

/// What only tells of a run is no reason to stop it.
fn warn_once(written: Result<(), TrainError>, failed: &mut bool, listener: &mut dyn RunListener) {
    if let Err(error) = written
        && !std::mem::replace(failed, true)
    {
        listener.noted(&format!("warning: {error}; the run goes on, and tries again with every record"));
    }
}

/// Restores a learner, and gives what the run knows beside it, from the latest checkpoint.
pub(super) fn take_up_latest(
    folder: &RunFolder,
    labels: &PolicyLabels,
    learner: &mut dyn Learner,
) -> Result<RunState, TrainError> {
    let (mut saved, state) = checkpoint::read_latest(folder, labels)?;
    let path = checkpoint::checkpoint_path(folder, state.step);
    let checksum = replay::take_checksum(&mut saved).map_err(|reason| TrainError::corrupt(&path, reason))?;
    learner.restore(saved).map_err(|reason| TrainError::corrupt(&path, reason))?;
    if learner.step() != state.step {
        let reason = format!("state.json has step {}, and its counters make {}", state.step, learner.step());
        return Err(TrainError::corrupt(&path, reason));
    }
    replay::read(folder, state.step, learner, checksum)?;
    Ok(state)
}

/// Goes on from the latest checkpoint. `best` is what that checkpoint knows as the best: a run that was killed may not have come
/// to say so, or may have said more.
fn resume(folder: &RunFolder, labels: &PolicyLabels, learner: &mut dyn Learner) -> Result<RunState, TrainError> {
    let state = match checkpoint::has_any(folder)? {
        true => take_up_latest(folder, labels, learner)?,
        false => RunState::default(),
    };
    match state.best {
        Some(best) => checkpoint::point(folder, "best", best.step)?,
        None => checkpoint::forget_later_best(folder, state.step)?,
    }
    checkpoint::remove_unfinished(folder)?;
    Ok(state)
}

fn scalars(iteration: &Iteration, steps_per_s: f64) -> Vec<(&'static str, f64)> {
    let mut scalars = vec![("charts/SPS", steps_per_s), ("charts/learning_rate", iteration.learning_rate)];
    let returns: Vec<f64> = iteration.episodes.iter().map(|episode| episode.episodic_return).collect();
    let lengths: Vec<f64> = iteration.episodes.iter().map(|episode| episode.length as f64).collect();
    scalars.extend(mean(&returns).map(|mean| ("charts/episodic_return", mean)));
    scalars.extend(mean(&lengths).map(|mean| ("charts/episodic_length", mean)));
    scalars.extend(iteration.scalars.iter().copied());
    scalars
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
