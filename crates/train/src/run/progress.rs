//! What a person sees while a run goes on.

use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Least time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// A bar on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Lines of text.
    Plain,
    /// Lines of JSON on standard output.
    Json,
    /// Nothing.
    None,
}

impl FromStr for ProgressMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "plain" => Ok(Self::Plain),
            "json" => Ok(Self::Json),
            "none" => Ok(Self::None),
            _ => Err(format!("{text:?} is unknown; allowed: auto, plain, json, none")),
        }
    }
}

/// Shows one run's progress.
#[derive(Debug)]
pub struct Progress {
    display: Display,
    total_steps: u64,
    first_step: u64,
    started: Instant,
    shown: Option<Instant>,
}

#[derive(Debug)]
enum Display {
    Bar(ProgressBar),
    Plain,
    Json,
    None,
}

/// The numbers that are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Snapshot {
    /// Environment steps so far.
    pub step: u64,
    /// Environment steps per second lately.
    pub steps_per_s: f64,
    /// Mean return of the episodes that ended lately.
    pub episodic_return: Option<f64>,
    /// Availability lately.
    pub availability: Option<f64>,
    /// The policy's loss.
    pub policy_loss: f64,
    /// The value's loss.
    pub value_loss: f64,
}

impl Progress {
    /// Progress of a run from `first_step` to `total_steps`.
    pub fn new(mode: ProgressMode, first_step: u64, total_steps: u64) -> Self {
        let display = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Display::Bar(bar(first_step, total_steps)),
            ProgressMode::Auto | ProgressMode::Plain => Display::Plain,
            ProgressMode::Json => Display::Json,
            ProgressMode::None => Display::None,
        };
        Self { display, total_steps, first_step, started: Instant::now(), shown: None }
    }

    /// Shows the numbers, not too often.
    pub fn show(&mut self, snapshot: &Snapshot) {
        let text = snapshot.text();
        match &self.display {
            Display::Bar(bar) => {
                bar.set_position(snapshot.step);
                bar.set_message(text);
            }
            Display::Plain => {
                let due = self.shown.is_none_or(|shown| shown.elapsed() >= PLAIN_INTERVAL);
                if due || snapshot.step >= self.total_steps {
                    self.shown = Some(Instant::now());
                    let left = self.seconds_left(snapshot.step);
                    print_line(&format!("step {}/{} | {text} | {left:.0} s left", snapshot.step, self.total_steps));
                }
            }
            Display::Json => {
                let object = serde_json::json!({
                    "step": snapshot.step,
                    "total_steps": self.total_steps,
                    "charts/SPS": snapshot.steps_per_s,
                    "seconds_left": self.seconds_left(snapshot.step),
                    "charts/episodic_return": snapshot.episodic_return,
                    "slo/availability": snapshot.availability,
                    "losses/policy_loss": snapshot.policy_loss,
                    "losses/value_loss": snapshot.value_loss,
                });
                print_line(&object.to_string());
            }
            Display::None => {}
        }
    }

    /// Tells a person something; JSON output stays JSON.
    pub fn note(&self, text: &str) {
        match &self.display {
            Display::Bar(bar) => bar.println(text),
            Display::Plain => print_line(text),
            Display::Json => print_line(&serde_json::json!({ "note": text }).to_string()),
            Display::None => {}
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    fn seconds_left(&self, step: u64) -> f64 {
        let taken = step.saturating_sub(self.first_step).max(1) as f64;
        self.started.elapsed().as_secs_f64() / taken * self.total_steps.saturating_sub(step) as f64
    }
}

impl Snapshot {
    fn text(&self) -> String {
        let mut text = format!("{:.0} steps/s", self.steps_per_s);
        if let Some(episodic_return) = self.episodic_return {
            text.push_str(&format!(" | return {episodic_return:.3}"));
        }
        if let Some(availability) = self.availability {
            text.push_str(&format!(" | availability {availability:.5}"));
        }
        text.push_str(&format!(" | policy loss {:.4} | value loss {:.4}", self.policy_loss, self.value_loss));
        text
    }
}

fn bar(first_step: u64, total_steps: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total_steps), ProgressDrawTarget::stderr_with_hz(4));
    let style = ProgressStyle::with_template("{bar:24} {human_pos}/{human_len} | {eta} left | {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_position(first_step);
    bar.reset_eta();
    bar
}

/// A closed pipe on the other side is no reason to stop a run.
fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
