//! TensorBoard event files: records of tensorboard-rs's making, appended as every other file of a run is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use protobuf::Message;
use tensorboard_proto::event::{Event, SessionLog, SessionLog_SessionStatus};
use tensorboard_rs::record_writer::RecordWriter;
use tensorboard_rs::summary::scalar;

use super::appender::Appender;
use super::scalars::ScalarWriter;
use crate::error::TrainError;

const PREFIX: &str = "events.out.tfevents.";

/// Writes scalars to an event file of its own.
#[derive(Debug)]
pub struct TensorBoard {
    file: Appender,
}

impl TensorBoard {
    /// An event file in `folder`, whose name sorts after those that are there, because TensorBoard reads them in that order.
    ///
    /// A run that goes on from a checkpoint takes steps again whose scalars an earlier file may hold: `purge_from` is the first
    /// of them, from which TensorBoard then forgets what it has read before.
    pub fn new(folder: &Path, purge_from: Option<u64>) -> Self {
        let mut file = Appender::new(next_file(folder));
        let mut version = Event::new();
        version.set_file_version("brain.Event:2".into());
        let mut events = vec![version];
        events.extend(purge_from.map(|step| {
            let mut start = SessionLog::new();
            start.set_status(SessionLog_SessionStatus::START);
            let mut event = Event::new();
            event.set_session_log(start);
            event.set_step(step as i64);
            event
        }));
        // Nothing waits before them.
        let _ = file.push(&records(events));
        Self { file }
    }
}

impl ScalarWriter for TensorBoard {
    fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<(), TrainError> {
        let finite = scalars.iter().filter(|(_, value)| value.is_finite());
        let events = finite.map(|(name, value)| {
            let mut event = Event::new();
            event.set_summary(scalar(name, *value as f32));
            event.set_step(step as i64);
            event
        });
        self.file.push(&records(events))?;
        self.file.write()
    }

    fn sync(&mut self) -> Result<(), TrainError> {
        self.file.sync()
    }
}

/// Event files are named after the second in which they begin; two runs may begin in one.
fn next_file(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let second = |name: String| name.strip_prefix(PREFIX)?.split('.').next()?.parse::<u64>().ok();
    let next = names.filter_map(second).max().map_or(0, |last| last.saturating_add(1));
    folder.join(format!("{PREFIX}{:010}.train", next.max(now_s() as u64)))
}

fn records(events: impl IntoIterator<Item = Event>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = RecordWriter::new(&mut bytes);
    for mut event in events {
        event.set_wall_time(now_s());
        // Neither fails on a vector.
        if let Ok(message) = event.write_to_bytes() {
            let _ = writer.write(&message);
        }
    }
    bytes
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a file, by the lengths in front of its records.
    fn events(path: &Path) -> Vec<Event> {
        let bytes = fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            found.push(Event::parse_from_bytes(&after[4..4 + length]).unwrap());
            rest = &after[4 + length + 4..];
        }
        found
    }

    #[test]
    fn a_resumed_run_tells_tensorboard_from_which_step_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for purge_from in [None, Some(3)] {
            let mut writer = TensorBoard::new(folder.path(), purge_from);
            writer.write(3, &[("charts/SPS", 1.0), ("x", f64::NAN)]).unwrap();
            writer.sync().unwrap();
            paths.push(writer.file.path().to_owned());
        }
        // In one second, and yet one after the other.
        assert!(paths[0] < paths[1]);
        let (first, second) = (events(&paths[0]), events(&paths[1]));
        assert_eq!((first.len(), second.len()), (2, 3));
        assert_eq!(first[0].get_file_version(), "brain.Event:2");
        assert_eq!(second[1].get_session_log().get_status(), SessionLog_SessionStatus::START);
        assert_eq!(second[1].get_step(), 3);
        assert_eq!(second[2].get_summary().get_value()[0].get_tag(), "charts/SPS");
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TensorBoard::new(&folder.path().join("below"), None);
        for step in 0..100 {
            assert_eq!(writer.write(step, &[("charts/SPS", 1.0)]).unwrap_err().exit_code(), 5);
        }
        fs::create_dir(folder.path().join("below")).unwrap();
        writer.sync().unwrap();
        assert_eq!(events(writer.file.path()).len(), 101);
    }
}
