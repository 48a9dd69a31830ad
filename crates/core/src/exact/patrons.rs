//! Users' outcomes, which may change after the answer: a message that their request led to may come too late.

/// A user, whose place another may have taken since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patron {
    index: u32,
    generation: u32,
}

#[derive(Clone, Debug, Default)]
struct Record {
    generation: u32,
    /// Messages that are still to be consumed.
    messages: u32,
    /// How the user's request ended, once it did.
    good: Option<bool>,
    /// Whether a message came too late, or was lost.
    spoilt: bool,
}

/// The users whose outcome is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Patrons {
    records: Vec<Record>,
    free: Vec<u32>,
}

impl Patrons {
    pub fn add(&mut self) -> Patron {
        let index = self.free.pop().unwrap_or_else(|| {
            self.records.push(Record::default());
            self.records.len() as u32 - 1
        });
        let record = &mut self.records[index as usize];
        *record = Record { generation: record.generation.wrapping_add(1), ..Record::default() };
        Patron { index, generation: record.generation }
    }

    fn get(&mut self, patron: Patron) -> Option<&mut Record> {
        self.records.get_mut(patron.index as usize).filter(|record| record.generation == patron.generation)
    }

    /// A message is published for a user; of one whose outcome is settled it is nobody's.
    pub fn publishes(&mut self, patron: Patron) -> Option<Patron> {
        let record = self.get(patron)?;
        record.messages += 1;
        Some(patron)
    }

    /// A user's request ends; returns whether it counts as good.
    pub fn ends(&mut self, patron: Patron, good: bool) -> bool {
        let Some(record) = self.get(patron) else { return good };
        let good = good && !record.spoilt;
        record.good = Some(good);
        self.release(patron);
        good
    }

    /// A message is consumed in time, or not; returns whether a user who was counted good is not after all.
    pub fn consumed(&mut self, patron: Patron, in_time: bool) -> bool {
        let Some(record) = self.get(patron) else { return false };
        record.messages -= 1;
        let turns = !in_time && record.good == Some(true);
        record.spoilt |= !in_time;
        if turns {
            record.good = Some(false);
        }
        self.release(patron);
        turns
    }

    fn release(&mut self, patron: Patron) {
        if let Some(record) = self.get(patron)
            && record.good.is_some()
            && record.messages == 0
        {
            record.generation = record.generation.wrapping_add(1);
            self.free.push(patron.index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_turns_bad_once_whatever_becomes_of_the_messages() {
        let mut patrons = Patrons::default();
        let user = patrons.add();
        assert!(patrons.publishes(user).is_some() && patrons.publishes(user).is_some());
        assert!(patrons.ends(user, true));
        assert!(patrons.consumed(user, false));
        assert!(!patrons.consumed(user, false));
        assert!(patrons.publishes(user).is_none());
        let early = patrons.add();
        assert!(patrons.publishes(early).is_some());
        assert!(!patrons.consumed(early, false));
        assert!(!patrons.ends(early, true));
    }
}
