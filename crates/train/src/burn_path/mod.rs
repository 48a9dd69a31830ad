//! The same networks and losses on burn's tensors and autodiff, for any of its devices; the reference of the fused kernel.

mod loss;
mod network;

pub use loss::ppo_gradients;
pub use network::{BurnNetwork, Outputs};
