//! What is going to happen when: a heap of events, first come first served among those of one moment.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::job::Ticket;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A user of a Poisson stream comes to an entry service; the next one comes later.
    User { entry: u32, turn: u32 },
    /// A user comes to an entry service in a zone, as told from outside.
    Guest { entry: u32, zone: u8 },
    /// A job's own work is finished, if it is still the one that was begun.
    Finished { job: u32, turn: u32 },
    /// The oldest deadline of a list has come.
    Deadline { list: u32 },
    /// A job tries its call again.
    Retry { ticket: Ticket },
    /// An answer has travelled back.
    Answer { ticket: Ticket, failed: bool, wrong: bool },
    /// Slow quantities move.
    Slow,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: f64,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The heap gives its greatest first: that is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

/// Everything that is going to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    number: u64,
}

impl Agenda {
    pub fn add(&mut self, at: f64, event: Event) {
        self.number += 1;
        self.heap.push(Entry { at, number: self.number, event });
    }

    /// The next event, if it happens by `end`.
    pub fn next(&mut self, end: f64) -> Option<(f64, Event)> {
        if self.heap.peek()?.at > end {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}
