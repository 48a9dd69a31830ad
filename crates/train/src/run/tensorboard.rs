//! TensorBoard event files, through tensorboard-rs on a thread of its own whose failure cannot stop a run.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tensorboard_rs::summary_writer::SummaryWriter;

use super::scalars::ScalarWriter;
use crate::error::TrainError;

struct Message {
    step: u64,
    scalars: Vec<(String, f32)>,
}

/// Sends scalars to an event file; where that fails, the rest of them are dropped without a word.
#[derive(Debug)]
pub struct TensorBoard {
    sender: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl TensorBoard {
    /// Starts an event file in `folder`; where no thread can be started, nothing is written.
    pub fn new(folder: &Path) -> Self {
        silence_its_panics();
        let (sender, receiver) = channel();
        let folder = folder.to_owned();
        let thread = std::thread::Builder::new().name("tensorboard".into());
        let thread = thread.spawn(move || write_events(&folder, &receiver));
        Self { sender: thread.is_ok().then_some(sender), thread: thread.ok() }
    }
}

impl ScalarWriter for TensorBoard {
    fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrainError> {
        let finite = scalars.iter().filter(|(_, value)| value.is_finite());
        let scalars = finite.map(|(name, value)| ((*name).to_owned(), *value as f32)).collect();
        let sent = self.sender.as_ref().map(|sender| sender.send(Message { step, scalars }));
        if matches!(sent, Some(Err(_))) {
            self.sender = None;
        }
        Ok(())
    }
}

impl Drop for TensorBoard {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_events(folder: &Path, receiver: &Receiver<Message>) {
    let Ok(mut writer) = catch_unwind(|| SummaryWriter::new(folder)) else { return };
    while let Ok(Message { step, scalars }) = receiver.recv() {
        let written = catch_unwind(AssertUnwindSafe(|| {
            for (name, value) in &scalars {
                writer.add_scalar(name, *value, step as usize);
            }
            writer.flush();
        }));
        if written.is_err() {
            // Its destructor would panic on the broken file again.
            std::mem::forget(writer);
            return;
        }
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(writer)));
}

/// tensorboard-rs panics where it cannot write; the message would only alarm.
fn silence_its_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let from_there = info.location().is_some_and(|location| location.file().contains("tensorboard-rs"));
            if !from_there && std::thread::current().name() != Some("tensorboard") {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut writer = TensorBoard::new(&file.join("below"));
        for step in 0..100 {
            writer.write(step, &[("charts/SPS", 1.0)]).unwrap();
        }
        let mut writer = TensorBoard::new(folder.path());
        writer.write(1, &[("charts/SPS", 1.0)]).unwrap();
        drop(writer);
        let events =
            std::fs::read_dir(folder.path()).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        assert_eq!(events.filter(|name| name.starts_with("events.out.tfevents.")).count(), 1);
    }
}
