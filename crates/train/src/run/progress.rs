//! What a person sees while a run goes on.

use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::listener::{RunListener, Snapshot};

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

/// Shows a run's progress.
#[derive(Debug)]
pub struct ProgressDisplay {
    display: Display,
    shown: Option<Instant>,
}

#[derive(Debug)]
enum Display {
    Bar(ProgressBar),
    Plain,
    Json,
    None,
}

impl ProgressDisplay {
    /// A display of that kind.
    pub fn new(mode: ProgressMode) -> Self {
        let display = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => Display::Bar(ProgressBar::hidden()),
            ProgressMode::Auto | ProgressMode::Plain => Display::Plain,
            ProgressMode::Json => Display::Json,
            ProgressMode::None => Display::None,
        };
        Self { display, shown: None }
    }
}

impl RunListener for ProgressDisplay {
    fn started(&mut self, step: u64, total_steps: u64) {
        if let Display::Bar(shown) = &mut self.display {
            *shown = bar(step, total_steps);
        }
    }

    /// Shows the numbers, not too often.
    fn progressed(&mut self, snapshot: &Snapshot) {
        match &self.display {
            Display::Bar(bar) => {
                bar.set_position(snapshot.step);
                bar.set_message(text(snapshot));
            }
            Display::Plain => {
                let due = self.shown.is_none_or(|shown| shown.elapsed() >= PLAIN_INTERVAL);
                if due || snapshot.step >= snapshot.total_steps {
                    self.shown = Some(Instant::now());
                    let Snapshot { step, total_steps, seconds_left, .. } = snapshot;
                    print_line(&format!("step {step}/{total_steps} | {} | {seconds_left:.0} s left", text(snapshot)));
                }
            }
            Display::Json => {
                let mut object = serde_json::json!({
                    "step": snapshot.step,
                    "total_steps": snapshot.total_steps,
                    "charts/SPS": snapshot.steps_per_s,
                    "seconds_left": snapshot.seconds_left,
                    "charts/episodic_return": snapshot.episodic_return,
                    "slo/availability": snapshot.availability,
                });
                for (name, _, loss) in losses(snapshot) {
                    object[name] = loss.into();
                }
                print_line(&object.to_string());
            }
            Display::None => {}
        }
    }

    /// JSON output stays JSON.
    fn noted(&mut self, text: &str) {
        match &self.display {
            Display::Bar(bar) => bar.println(text),
            Display::Plain => print_line(text),
            Display::Json => print_line(&serde_json::json!({ "note": text }).to_string()),
            Display::None => {}
        }
    }

    /// Removes the bar.
    fn ended(&mut self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

fn text(snapshot: &Snapshot) -> String {
    let mut text = format!("{:.0} steps/s", snapshot.steps_per_s);
    if let Some(episodic_return) = snapshot.episodic_return {
        text.push_str(&format!(" | return {episodic_return:.3}"));
    }
    if let Some(availability) = snapshot.availability {
        text.push_str(&format!(" | availability {availability:.5}"));
    }
    for (_, words, loss) in losses(snapshot) {
        text.push_str(&format!(" | {words} {loss:.4}"));
    }
    text
}

/// Names and words of the losses that the algorithm has.
fn losses(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
    let losses = [
        ("losses/policy_loss", "policy loss", snapshot.policy_loss),
        ("losses/value_loss", "value loss", snapshot.value_loss),
        ("losses/td_loss", "TD loss", snapshot.td_loss),
        ("losses/q_values", "Q", snapshot.q_values),
    ];
    losses.into_iter().filter_map(|(name, words, loss)| Some((name, words, loss?)))
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
