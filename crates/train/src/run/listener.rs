//! Who is told of a run as it goes on.

/// How far a run is, after an iteration.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Snapshot {
    /// Environment steps so far.
    pub step: u64,
    /// Environment steps of the whole run.
    pub total_steps: u64,
    /// Environment steps per second lately.
    pub steps_per_s: f64,
    /// Seconds to the last step, at the rate since the run was started or resumed.
    pub seconds_left: f64,
    /// Mean return of the episodes that ended lately.
    pub episodic_return: Option<f64>,
    /// Availability lately.
    pub availability: Option<f64>,
    /// The policy's loss, where the algorithm has one.
    pub policy_loss: Option<f64>,
    /// The value's loss, where the algorithm has one.
    pub value_loss: Option<f64>,
    /// The loss of temporal differences, where the algorithm has one.
    pub td_loss: Option<f64>,
    /// Mean of the values of the actions taken, where the algorithm has them.
    pub q_values: Option<f64>,
}

/// Is told of a run as it goes on, on the thread that runs it; `()` listens to nothing.
pub trait RunListener {
    /// The run stands at `step` of `total_steps`, and goes on from there.
    fn started(&mut self, step: u64, total_steps: u64) {
        let _ = (step, total_steps);
    }

    /// An iteration has ended.
    fn progressed(&mut self, snapshot: &Snapshot) {
        let _ = snapshot;
    }

    /// Something that a person wants to know.
    fn noted(&mut self, text: &str) {
        let _ = text;
    }

    /// Nothing more comes, whatever the end was.
    fn ended(&mut self) {}
}

impl RunListener for () {}
