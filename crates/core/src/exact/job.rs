//! Jobs: one object per request at a service, per user, and per message on its way to a consumer.

use super::patrons::Patron;

/// What a job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// A place for a job to come.
    Free,
    /// A user at an entry service.
    User,
    /// A request at a service.
    Request,
    /// A call that nobody waits for.
    Detached,
    /// A message that a broker's consumer takes, and the user whom it may turn bad.
    Delivery { broker: u32, published: f64, patron: Option<Patron> },
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the queue.
    Waiting,
    /// With a server.
    Working,
    /// Without a server, while its calls are made.
    Calling,
}

/// A job's attempt at a call: an answer to any other one comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub job: u32,
    pub generation: u32,
    pub attempt: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub kind: Kind,
    pub generation: u32,
    pub phase: Phase,
    pub service: u32,
    pub zone: u8,
    pub population: u8,
    /// Who waits for the answer, and the seconds that it takes to travel there.
    pub caller: Option<Ticket>,
    pub way_s: f64,
    pub arrived: f64,
    pub started: f64,
    /// When its own work ends, the number of the event that says so, and its place among those that work.
    pub due: f64,
    pub turn: u32,
    pub place: u32,
    pub failed: bool,
    pub wrong: bool,
    pub missed: bool,
    /// The user who waits for everything that it does, where one does.
    pub patron: Option<Patron>,
    /// Whether the caller's request, which it may repeat, fails wherever it writes without a primary.
    pub fate: f64,
    /// The call being made, how often it is still to be made after this time, and the attempt at it.
    pub call: u32,
    pub calls_left: u32,
    pub attempt: u32,
    pub tries: u8,
    pub attempted: f64,
    /// What befalls every attempt of the call alike: writes without a primary, stale secrets.
    pub call_fate: [f64; 2],
    /// Answers of a quorum: right, wrong, and those still to come.
    pub right_answers: u8,
    pub wrong_answers: u8,
    pub awaited: u16,
    /// Since when a user waits.
    pub since: f64,
}

impl Job {
    fn free(generation: u32) -> Self {
        Self {
            kind: Kind::Free,
            generation,
            phase: Phase::Calling,
            service: 0,
            zone: 0,
            population: 0,
            caller: None,
            way_s: 0.0,
            arrived: 0.0,
            started: 0.0,
            due: 0.0,
            turn: 0,
            place: 0,
            failed: false,
            wrong: false,
            missed: false,
            patron: None,
            fate: 1.0,
            call: 0,
            calls_left: 0,
            attempt: 0,
            tries: 0,
            attempted: 0.0,
            call_fate: [1.0; 2],
            right_answers: 0,
            wrong_answers: 0,
            awaited: 0,
            since: 0.0,
        }
    }
}

/// All jobs, in places that are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    jobs: Vec<Job>,
    free: Vec<u32>,
}

impl Jobs {
    /// A new job, otherwise empty.
    pub fn add(&mut self, kind: Kind) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(Job::free(0));
            self.jobs.len() as u32 - 1
        });
        let job = &mut self.jobs[index as usize];
        // Events of whoever was here before must not be taken for its own.
        let (generation, turn) = (job.generation.wrapping_add(1), job.turn.wrapping_add(1));
        *job = Job { kind, turn, ..Job::free(generation) };
        index
    }

    pub fn remove(&mut self, index: u32) {
        let job = &mut self.jobs[index as usize];
        job.kind = Kind::Free;
        job.generation = job.generation.wrapping_add(1);
        self.free.push(index);
    }

    pub fn get(&self, index: u32) -> &Job {
        &self.jobs[index as usize]
    }

    pub fn get_mut(&mut self, index: u32) -> &mut Job {
        &mut self.jobs[index as usize]
    }

    /// Whether the job still waits for the answer to this attempt.
    pub fn waits_for(&self, ticket: Ticket) -> bool {
        let job = &self.jobs[ticket.job as usize];
        job.generation == ticket.generation && job.attempt == ticket.attempt && job.kind != Kind::Free
    }

    /// The ticket of a job's present attempt.
    pub fn ticket(&self, index: u32) -> Ticket {
        let job = &self.jobs[index as usize];
        Ticket { job: index, generation: job.generation, attempt: job.attempt }
    }

    pub fn len(&self) -> usize {
        self.jobs.len() - self.free.len()
    }
}
