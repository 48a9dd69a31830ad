//! Progress on standard error where that is a terminal, and Ctrl-C.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicBool, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};
use microcloud_eval::Progress;

use crate::Failure;

/// Whether Ctrl-C was pressed since the work at hand began; a process has one handler of signals.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Counts finished work on a bar; the first Ctrl-C stops the work, the second ends the process at once.
pub struct ProgressLine {
    bar: ProgressBar,
}

impl ProgressLine {
    /// A bar over so many pieces of work, named by `unit`, and hidden where standard error is no terminal.
    ///
    /// # Errors
    /// A system that allows no handler of Ctrl-C.
    pub fn new(pieces: usize, unit: &str) -> Result<Self, Failure> {
        INTERRUPTED.store(false, Ordering::Relaxed);
        let listening = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
        match listening {
            // An earlier command of this process has set the handler, or its program one of its own.
            Ok(()) | Err(ctrlc::Error::MultipleHandlers) => {}
            Err(error) => return Err(Failure::usage(format!("cannot handle Ctrl-C: {error}"))),
        }
        let bar = if io::stderr().is_terminal() { ProgressBar::new(pieces as u64) } else { ProgressBar::hidden() };
        let template = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{elapsed}} gone, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Ok(Self { bar })
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
        INTERRUPTED.load(Ordering::Relaxed)
    }
}
