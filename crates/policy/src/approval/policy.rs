//! The wrapper: what a policy sends is proposed, and what was approved is sent.

use std::sync::Arc;

use microcloud_core::Topology;
use ndarray::ArrayView2;

use super::{ActionRecord, ApprovalConfig, ApprovalError, ApprovalQueue, Proposal};
use crate::{
    Policy, action_type,
    detector::{Detector, DetectorState},
};

/// A policy whose actions wait for approval, at most one sent a decision.
pub struct ApprovalPolicy {
    name: String,
    policy: Box<dyn Policy>,
    topology: Arc<Topology>,
    config: Arc<ApprovalConfig>,
    detector: Detector,
    rows: Vec<Row>,
}

/// One environment's workflow, and the detector that says which incident a proposal answers.
struct Row {
    queue: ApprovalQueue,
    detector: DetectorState,
    decisions: u64,
    /// Why the action that was sent last had been proposed.
    reason: Option<String>,
}

impl ApprovalPolicy {
    /// Puts the workflow before a policy; results are reported as `approval(<delay>):<policy>`. The detector's incidents
    /// give proposals their incident, and a reason where the policy has none.
    ///
    /// # Errors
    /// Times that are negative or no numbers.
    pub fn new(
        policy: Box<dyn Policy>,
        config: ApprovalConfig,
        detector: Detector,
        topology: &Arc<Topology>,
    ) -> Result<Self, ApprovalError> {
        config.check()?;
        Ok(Self {
            name: format!("approval({}):{}", config.delay_s, policy.name()),
            policy,
            topology: Arc::clone(topology),
            config: Arc::new(config),
            detector,
            rows: Vec::new(),
        })
    }

    /// An environment's workflow, by its place in the batch.
    pub fn queue(&self, row: usize) -> Option<&ApprovalQueue> {
        self.rows.get(row).map(|row| &row.queue)
    }

    /// An environment's workflow, to approve or reject by hand.
    pub fn queue_mut(&mut self, row: usize) -> Option<&mut ApprovalQueue> {
        self.rows.get_mut(row).map(|row| &mut row.queue)
    }

    /// The tick of an environment's next decision.
    pub fn tick(&self, row: usize) -> u64 {
        self.rows.get(row).map_or(0, |row| row.decisions) * u64::from(self.topology.scenario().decision_ticks)
    }

    fn row(&self) -> Option<Row> {
        let queue = ApprovalQueue::new(Arc::clone(&self.config), &self.topology).ok()?;
        Some(Row { queue, detector: self.detector.start(), decisions: 0, reason: None })
    }

    /// The incident that an action answers: the gravest one on its target, or else the gravest one; its id and its words.
    fn incident(&self, row: &Row, action: usize) -> Option<(String, String)> {
        let target = action_type(self.topology.action_meanings().get(action)?).1;
        let incidents = self.detector.incidents(&row.detector);
        let open = incidents.iter().filter(|incident| !incident.resolved);
        let found = open.max_by_key(|incident| (incident.target == target, incident.severity))?;
        Some((found.id(), format!("{}: {}", found.title, found.description)))
    }
}

impl Policy for ApprovalPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn act(
        &mut self,
        observations: ArrayView2<'_, f32>,
        action_masks: ArrayView2<'_, bool>,
        episode_starts: &[bool],
        actions: &mut [usize],
    ) {
        self.policy.act(observations, action_masks, episode_starts, actions);
        while self.rows.len() < actions.len() {
            // The times were checked when the wrapper was made.
            let Some(row) = self.row() else { return };
            self.rows.push(row);
        }
        self.rows.truncate(actions.len());
        let ticks = u64::from(self.topology.scenario().decision_ticks);
        for place in 0..actions.len() {
            if episode_starts[place] {
                let row = &mut self.rows[place];
                row.queue.reset();
                (row.detector, row.decisions, row.reason) = (self.detector.start(), 0, None);
            }
            let observation = observations.row(place);
            match observation.to_slice() {
                Some(observation) => self.detector.observe(&mut self.rows[place].detector, observation),
                None => self.detector.observe(&mut self.rows[place].detector, &observation.to_vec()),
            }
            let proposed = actions[place];
            let proposal = (proposed != 0).then(|| {
                let incident = self.incident(&self.rows[place], proposed);
                let (incident_id, words) = incident.unzip();
                let reason = self.policy.reason(place).or(words);
                let reason = reason.unwrap_or_else(|| format!("{} found no incident open", self.policy.name()));
                Proposal { action: proposed, incident_id, reason }
            });
            let row = &mut self.rows[place];
            let tick = row.decisions * ticks;
            if let Some(proposal) = proposal {
                row.queue.propose(tick, proposal);
            }
            row.queue.advance(tick);
            let mask = action_masks.row(place);
            let sent = row.queue.execute(tick, |action| mask.get(action).copied().unwrap_or(false));
            row.reason = sent.and_then(|action| row.queue.reason_of(action));
            actions[place] = sent.unwrap_or(0);
            row.decisions += 1;
        }
    }

    fn reason(&self, row: usize) -> Option<String> {
        self.rows.get(row)?.reason.clone()
    }

    fn action_history(&self, row: usize) -> Option<&[ActionRecord]> {
        Some(self.queue(row)?.get_action_history())
    }
}
