//! A training run on disk: its folder, checkpoints, scalars, progress and end.

mod appender;
mod checkpoint;
mod execute;
mod files;
mod final_evaluation;
mod folder;
mod listener;
mod lock;
mod log;
mod manifest;
mod prepare;
mod progress;
mod provenance;
mod reader;
mod replay;
mod scalars;
mod state;
mod tensorboard;
mod train;
mod trainer_file;

pub use checkpoint::PolicyLabels;
pub use execute::{FinalEvaluation, Outcome, RunSetup, execute};
pub use final_evaluation::final_evaluation;
pub use folder::{OnExists, Placement, RunFolder, place};
pub use listener::{RunListener, Snapshot};
pub use lock::RunLock;
pub use prepare::PreparedRun;
pub use progress::{ProgressDisplay, ProgressMode};
pub use provenance::Provenance;
pub use reader::CheckpointReader;
pub use scalars::{JsonLines, ScalarWriter};
pub use tensorboard::TensorBoard;
pub use train::{EndedRun, RunRequest, train};
