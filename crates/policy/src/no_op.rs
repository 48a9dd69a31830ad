//! The policy that never intervenes: the lower end of the score's scale.

use ndarray::ArrayView2;

use crate::Policy;

/// Sends no-op at every decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOp;

impl Policy for NoOp {
    fn name(&self) -> &str {
        "no-op"
    }

    fn act(&mut self, _: ArrayView2<'_, f32>, _: ArrayView2<'_, bool>, _: &[bool], actions: &mut [usize]) {
        actions.fill(0);
    }
}
