//! Which transitions are learned from: evenly drawn ones, or those with large temporal-difference errors.

use super::replay::Replay;
use super::sum_tree::SumTree;
use crate::random::RandomStream;

/// Added to an error's magnitude, so that no transition is lost for good (Schaul et al., 2016, section 3.3).
const EPSILON: f64 = 1e-6;

/// Draws rows of a replay in proportion to their priorities (Schaul et al., 2016, section 3.3), `(|error| + epsilon)^alpha`.
///
/// Only rows that [`Replay::drawable_row`] names have a priority; all others have zero.
#[derive(Debug, Clone, PartialEq)]
pub struct PrioritizedRows {
    pub(super) tree: SumTree,
    pub(super) alpha: f64,
    /// The largest priority that any row has had, which new rows get; 1 before there was one.
    pub(super) largest: f64,
}

/// Rows drawn together, with their importance weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DrawnRows {
    /// Rows of the ring.
    pub rows: Vec<usize>,
    /// What each row's loss is multiplied with, at most 1.
    pub weights: Vec<f32>,
}

impl PrioritizedRows {
    /// Priorities of an empty replay with `rows` rows.
    pub fn new(rows: usize, alpha: f64) -> Self {
        Self { tree: SumTree::new(rows), alpha, largest: 1.0 }
    }

    /// Follows a push into `replay`: the overwritten rows cannot be drawn any more, and those whose `n_step` successors are
    /// stored by now can.
    pub fn pushed(&mut self, replay: &Replay, n_step: usize) {
        let num_envs = replay.shape().num_envs;
        let mut set = |step: u64, priority: f64| {
            let start = replay.slot(step) * num_envs;
            (start..start + num_envs).for_each(|row| self.tree.set(row, priority));
        };
        let Some(newest) = replay.pushed().checked_sub(1) else { return };
        set(newest, 0.0);
        if let Some(complete) = newest.checked_sub(n_step as u64).filter(|_| replay.drawable_rows(n_step) > 0) {
            set(complete, self.largest);
        }
    }

    /// Draws `batch_size` rows, one from each of as many equal parts of the sum of priorities, with weights
    /// `(rows * probability)^-beta` over the largest among them (section 3.4); none where no row can be drawn.
    pub fn draw(
        &self,
        replay: &Replay,
        n_step: usize,
        batch_size: usize,
        beta: f64,
        random: &mut RandomStream,
        out: &mut DrawnRows,
    ) {
        out.rows.clear();
        out.weights.clear();
        let total = self.tree.total();
        for part in 0..batch_size {
            let mass = (part as f64 + random.uniform()) / batch_size as f64 * total;
            out.rows.extend(self.tree.find(mass));
        }
        let rows = replay.drawable_rows(n_step) as f64;
        let weight = |row: &usize| (rows * self.tree.priority(*row) / total).powf(-beta);
        let largest = out.rows.iter().map(weight).fold(0.0, f64::max);
        out.weights.extend(out.rows.iter().map(|row| (weight(row) / largest) as f32));
    }

    /// Sets the priorities of drawn rows by their temporal-difference errors; a row drawn twice keeps the later one.
    pub fn update(&mut self, rows: &[usize], errors: &[f32]) {
        for (&row, &error) in rows.iter().zip(errors) {
            let priority = (f64::from(error.abs()) + EPSILON).powf(self.alpha);
            self.tree.set(row, priority);
            if priority.is_finite() {
                self.largest = self.largest.max(priority);
            }
        }
    }

    /// Bytes of the tree.
    pub fn bytes(&self) -> usize {
        self.tree.bytes()
    }
}

impl DrawnRows {
    /// Draws `batch_size` rows evenly and with replacement, all of weight 1; none where no row can be drawn.
    pub fn draw_evenly(&mut self, replay: &Replay, n_step: usize, batch_size: usize, random: &mut RandomStream) {
        self.rows.clear();
        self.weights.clear();
        let count = replay.drawable_rows(n_step);
        if count > 0 {
            let index = |random: &mut RandomStream| ((random.uniform() * count as f64) as usize).min(count - 1);
            self.rows.extend((0..batch_size).map(|_| replay.drawable_row(index(random))));
            self.weights.resize(batch_size, 1.0);
        }
    }
}
