//! Priorities of transitions in a tree of sums, from which transitions are drawn in proportion.

/// Non-negative priorities of a fixed number of items (Schaul et al., 2016, section B.2.1).
///
/// A node is always the sum of its two children as they are, computed anew whenever one changes, so that nothing drifts, and
/// the tree is decided by its leaves alone.
#[derive(Debug, Clone, PartialEq)]
pub struct SumTree {
    len: usize,
    /// Node 1 is the root, the children of node `i` are `2 i` and `2 i + 1`, the leaves are the last half.
    nodes: Vec<f64>,
}

impl SumTree {
    /// A tree of `len` items of priority zero.
    pub fn new(len: usize) -> Self {
        Self { len, nodes: vec![0.0; 2 * len.next_power_of_two()] }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sum of all priorities.
    pub fn total(&self) -> f64 {
        self.nodes[1]
    }

    /// An item's priority; zero where there is no such item.
    pub fn priority(&self, item: usize) -> f64 {
        if item < self.len { self.nodes[self.nodes.len() / 2 + item] } else { 0.0 }
    }

    /// Sets an item's priority; one that is negative or not finite counts as zero, and an item that there is not is left out.
    pub fn set(&mut self, item: usize, priority: f64) {
        if item >= self.len {
            return;
        }
        let mut node = self.nodes.len() / 2 + item;
        self.nodes[node] = sound(priority);
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// Sets the first priorities, and all others to zero: the same tree as from as many calls of [`Self::set`].
    pub fn set_all(&mut self, priorities: impl IntoIterator<Item = f64>) {
        let leaves = self.nodes.len() / 2;
        self.nodes.fill(0.0);
        for (node, priority) in self.nodes[leaves..leaves + self.len].iter_mut().zip(priorities) {
            *node = sound(priority);
        }
        for node in (1..leaves).rev() {
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// All priorities in the items' order.
    pub fn priorities(&self) -> &[f64] {
        let leaves = self.nodes.len() / 2;
        &self.nodes[leaves..leaves + self.len]
    }

    /// The item in whose share of the sum `mass` falls, the items' shares lying one behind the other; none where all are zero.
    ///
    /// An item of priority zero is never found, whatever rounding does to `mass` at the edge of a share.
    pub fn find(&self, mass: f64) -> Option<usize> {
        if self.total() <= 0.0 {
            return None;
        }
        let leaves = self.nodes.len() / 2;
        let (mut node, mut mass) = (1, mass.max(0.0));
        while node < leaves {
            let (left, right) = (self.nodes[2 * node], self.nodes[2 * node + 1]);
            if right == 0.0 || mass < left {
                node *= 2;
            } else {
                mass -= left;
                node = 2 * node + 1;
            }
        }
        Some(node - leaves)
    }

    /// Bytes of the nodes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.nodes.as_slice())
    }
}

fn sound(priority: f64) -> f64 {
    if priority.is_finite() { priority.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::RandomStream;

    #[test]
    fn items_are_found_by_their_share_of_the_sum_and_never_at_zero() {
        let mut tree = SumTree::new(5);
        tree.set_all([0.0, 2.0, 0.0, 1.0, 0.0]);
        assert_eq!(tree.total(), 3.0);
        for (mass, item) in [(-1.0, 1), (0.0, 1), (1.999, 1), (2.0, 3), (2.999, 3), (3.0, 3), (1e9, 3)] {
            assert_eq!(tree.find(mass), Some(item), "{mass}");
        }
        tree.set(1, 0.0);
        assert_eq!(tree.find(0.0), Some(3));
        tree.set(3, f64::NAN);
        assert_eq!((tree.find(0.0), tree.total()), (None, 0.0));
        tree.set(5, 1.0);
        assert_eq!((tree.priority(5), tree.total()), (0.0, 0.0));
        assert_eq!(SumTree::new(0).find(0.0), None);
    }

    #[test]
    fn a_million_changes_leave_the_tree_that_its_leaves_alone_make() {
        let mut tree = SumTree::new(1000);
        let mut random = RandomStream::from_seed(3);
        for _ in 0..1_000_000 {
            let item = (random.uniform() * 1000.0) as usize;
            // Twelve orders of magnitude, where adding differences to a running sum would drift.
            tree.set(item, 10f64.powf(random.uniform() * 12.0 - 6.0));
        }
        let mut rebuilt = SumTree::new(1000);
        rebuilt.set_all(tree.priorities().iter().copied());
        assert_eq!(tree, rebuilt);
        tree.set_all(std::iter::empty());
        assert_eq!(tree.total(), 0.0);
    }

    #[test]
    fn draws_follow_the_priorities_and_miss_what_has_none() {
        let mut random = RandomStream::from_seed(9);
        let priorities: Vec<f64> = (0..37).map(|item| if item % 5 == 0 { 0.0 } else { random.uniform() }).collect();
        let mut tree = SumTree::new(37);
        tree.set_all(priorities.iter().copied());
        let draws = 200_000;
        let mut counts = vec![0.0; 37];
        for _ in 0..draws {
            counts[tree.find(random.uniform() * tree.total()).unwrap()] += 1.0;
        }
        let mut chi_square = 0.0;
        for (count, priority) in counts.iter().zip(&priorities) {
            let expected = priority / tree.total() * f64::from(draws);
            if expected == 0.0 {
                assert_eq!(*count, 0.0);
            } else {
                chi_square += (count - expected) * (count - expected) / expected;
            }
        }
        // 29 items have a priority; the 99.9th percentile of chi square with 28 degrees of freedom.
        assert!(chi_square < 56.9, "{chi_square}");
    }
}
