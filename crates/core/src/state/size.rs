//! How many bytes of the heap a state owns.

use super::ClusterState;

impl ClusterState {
    /// Bytes that its vectors have reserved, whether in use or not; the value itself is not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        bytes(&self.services)
            + bytes(&self.calls)
            + bytes(&self.entries)
            + bytes(&self.nodes)
            + bytes(&self.databases)
            + bytes(&self.autoscalers)
            + bytes(&self.tenants)
            + bytes(&self.faults)
            + bytes(&self.scrape_phase)
            + bytes(&self.next_check_us)
            + bytes(&self.pass_runs)
            + bytes(&self.pending)
    }
}

fn bytes<T>(vector: &Vec<T>) -> usize {
    vector.capacity() * size_of::<T>()
}
