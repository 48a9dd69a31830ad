//! What is typed into a live run: faults by name, `clear`, `status`, `failures`, `history`.

use std::{fmt::Write as _, str::FromStr};

use microcloud_policy::nearest_name;

use super::{LabEvent, LabFault, Laboratory};
use crate::experiment::{ExperimentError, FaultSetting};

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub enum LabCommand {
    /// Inject a fault.
    Inject(Box<FaultSetting>),
    /// End a fault, or all.
    Clear(Option<usize>),
    /// Say how things stand.
    Status,
    /// List the faults that are active.
    Failures,
    /// List everything that happened.
    History,
    /// Let so many seconds pass, or one decision.
    Step(Option<f64>),
}

const WORDS: [&str; 10] =
    ["crash", "latency", "intermittent", "incorrect", "inject", "clear", "status", "failures", "history", "step"];
const OPTIONS: &str = "--blast-radius RATIO, --for SECONDS, --ramp SECONDS, --abort AVAILABILITY";

impl FromStr for LabCommand {
    type Err = ExperimentError;

    /// `FAULT[:magnitude][@target]` with options, the same after `inject`, `clear [HANDLE]`, `status`, `failures`,
    /// `history`, `step [SECONDS]`.
    fn from_str(text: &str) -> Result<Self, ExperimentError> {
        let wrong = |problem: String| ExperimentError::Words { text: text.to_owned(), problem };
        let words: Vec<&str> = text.split_whitespace().collect();
        let Some((&first, rest)) = words.split_first() else {
            return Err(wrong(format!("a command is missing; allowed: {}", WORDS.join(", "))));
        };
        let alone = |command: Self| match rest {
            [] => Ok(command),
            [word, ..] => Err(wrong(format!("`{word}` is too much; allowed: {first} alone"))),
        };
        match (first, rest) {
            ("status", _) => alone(Self::Status),
            ("failures", _) => alone(Self::Failures),
            ("history", _) => alone(Self::History),
            ("clear", []) => Ok(Self::Clear(None)),
            ("clear", [handle]) => match handle.parse() {
                Ok(handle) => Ok(Self::Clear(Some(handle))),
                Err(_) => Err(wrong(format!("`{handle}` is no handle; allowed: a fault's number, or nothing for all"))),
            },
            ("step", []) => Ok(Self::Step(None)),
            ("step", [seconds]) => {
                let seconds = seconds.parse().ok().filter(|seconds| (0.0..=1e9).contains(seconds));
                seconds.map(|seconds| Self::Step(Some(seconds))).ok_or_else(|| {
                    wrong("the time is no number of seconds; allowed: step, step SECONDS from 0 to 1e9".to_owned())
                })
            }
            ("clear" | "step", [_, word, ..]) => Err(wrong(format!("`{word}` is too much"))),
            ("inject", []) => Err(wrong("the fault is missing; allowed: inject FAULT[:magnitude][@target]".to_owned())),
            ("inject", [fault, options @ ..]) => inject(fault, options, &wrong),
            (fault, options) => inject(fault, options, &wrong).map_err(|error| match error {
                // A word that is no fault may have been meant for another command.
                ExperimentError::UnknownFault { name, nearest, allowed } => {
                    let nearest = nearest_name(&name, WORDS).map(str::to_owned).or(nearest);
                    let hint = nearest.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
                    wrong(format!(
                        "unknown command `{name}`{hint}; allowed: {}, or a fault: {allowed}",
                        WORDS.join(", ")
                    ))
                }
                other => other,
            }),
        }
    }
}

/// A fault with its options; a target may stand apart from its fault.
fn inject(
    fault: &str,
    options: &[&str],
    wrong: &dyn Fn(String) -> ExperimentError,
) -> Result<LabCommand, ExperimentError> {
    let (joined, options) = match options {
        [target, rest @ ..] if target.starts_with('@') => (format!("{fault}{target}"), rest),
        _ => (fault.to_owned(), options),
    };
    let mut setting: FaultSetting = joined.parse()?;
    for pair in options.chunks(2) {
        let number = pair.get(1).and_then(|value| value.parse::<f32>().ok());
        let number = || number.ok_or_else(|| wrong(format!("{} takes a number; allowed: {OPTIONS}", pair[0])));
        match pair[0] {
            "--blast-radius" => setting.blast_radius = Some(number()?),
            "--for" => setting.duration_s = Some(number()?),
            "--ramp" => setting.ramp_s = Some(number()?),
            "--abort" => setting.abort_availability = Some(number()?),
            other => return Err(wrong(format!("unknown option `{other}`; allowed: {OPTIONS}"))),
        }
    }
    Ok(LabCommand::Inject(Box::new(setting)))
}

impl Laboratory {
    /// Does what was typed, and says so, in lines.
    ///
    /// # Errors
    /// A fault that does not fit.
    pub fn obey(&mut self, command: &LabCommand) -> Result<String, ExperimentError> {
        Ok(match command {
            LabCommand::Inject(setting) => {
                self.inject(setting)?;
                self.history.last().map_or_else(String::new, event_line)
            }
            LabCommand::Clear(handle) => match self.clear(*handle) {
                0 => format!("{} nothing to clear\n", time(self.environment.time_s())),
                cleared => self.history[self.history.len() - cleared..].iter().map(event_line).collect(),
            },
            LabCommand::Status => self.status_lines(),
            LabCommand::Failures => {
                let lines: String = self.failures().map(fault_line).collect();
                if lines.is_empty() {
                    format!("{} no fault is active\n", time(self.environment.time_s()))
                } else {
                    lines
                }
            }
            LabCommand::History => self.history.iter().map(event_line).collect(),
            LabCommand::Step(seconds) => {
                let before = self.history.len();
                let until_s = self.environment.time_s() + seconds.unwrap_or(0.0);
                // A decision at least, and whole ones.
                while self.advance().is_some() && self.environment.time_s() < until_s - 1e-9 {}
                let mut lines: String = self.history[before..].iter().map(event_line).collect();
                if self.over {
                    let _ = writeln!(lines, "{} the episode is over", time(self.environment.time_s()));
                }
                lines
            }
        })
    }

    fn status_lines(&self) -> String {
        let status = self.status();
        let percent =
            |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} %", 100.0 * ratio));
        let mut text = format!(
            "{} availability {}, so far {}, p99 {} ms, quorum {}\n",
            time(status.time_s),
            percent(status.availability),
            percent(status.availability_so_far),
            status.p99_ms.map_or_else(|| "-".to_owned(), |p99_ms| format!("{p99_ms:.0}")),
            percent(status.quorum_ratio),
        );
        let width = status.services.iter().map(|service| service.name.chars().count()).max().unwrap_or(0);
        for service in &status.services {
            let state = if service.in_rotation + 0.05 < service.wanted { "degraded" } else { "ok" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "  {:<width$}  {:.1} of {:.0} in rotation, {:.1} run  {state}",
                service.name, service.in_rotation, service.wanted, service.ready
            );
        }
        status.failures.iter().for_each(|fault| text += &fault_line(fault));
        for incident in &status.incidents {
            let _ = writeln!(text, "  incident {incident}");
        }
        text
    }
}

fn time(seconds: f64) -> String {
    format!("{seconds:>8.1} s")
}

/// An event as a line.
fn event_line(event: &LabEvent) -> String {
    format!("{} {:<8} {}\n", time(event.time_s), event.kind, event.text)
}

fn fault_line(fault: &LabFault) -> String {
    format!("  failure {}, since {:.1} s\n", fault.words(), fault.injected_s)
}
