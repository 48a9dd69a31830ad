//! Which layers the outputs of a network share, as a configuration says it.

use microcloud_policy::network::Body;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::task::VectorTask;

/// Which layers the outputs of a network share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkBody {
    /// None.
    #[default]
    Separate,
    /// All hidden ones.
    Shared,
    /// All, with one encoder for all services, so that it fits any number of them.
    Services,
}

impl NetworkBody {
    /// The body of a network for a task; `key` is the setting that errors name.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for a task without services.
    pub(crate) fn of(self, task: &dyn VectorTask, key: &str) -> Result<Body, TrainError> {
        match self {
            Self::Separate => Ok(Body::Separate),
            Self::Shared => Ok(Body::Shared),
            Self::Services => task.block_layout().map(Body::Services).ok_or_else(|| {
                TrainError::Usage(format!("{key} = \"services\": this task has no services; allowed: separate, shared"))
            }),
        }
    }
}
