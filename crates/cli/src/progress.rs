//! Progress on standard error where that is a terminal, and Ctrl-C.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressStyle};
use microcloud_eval::Progress;

use crate::Failure;

/// Counts finished work on a bar; the first Ctrl-C stops the work, the second ends the process at once.
pub struct ProgressLine {
    bar: ProgressBar,
    cancelled: Arc<AtomicBool>,
}

impl ProgressLine {
    /// A bar over so many pieces of work, named by `unit`, and hidden where standard error is no terminal.
    ///
    /// # Errors
    /// A system that allows no handler of Ctrl-C.
    pub fn new(pieces: usize, unit: &str) -> Result<Self, Failure> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&cancelled);
        ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .map_err(|error| Failure::usage(format!("cannot handle Ctrl-C: {error}")))?;
        let bar = if io::stderr().is_terminal() { ProgressBar::new(pieces as u64) } else { ProgressBar::hidden() };
        let template = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{elapsed}} gone, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Ok(Self { bar, cancelled })
    }

    /// Takes the bar off the screen.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for ProgressLine {
    fn advance(&self, pieces: usize) {
        self.bar.inc(pieces as u64);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
