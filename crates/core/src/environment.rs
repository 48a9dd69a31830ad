//! One cluster as a reset/step environment.

use std::{hint::black_box, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    audit::Audit,
    fault::{self, FaultEvent, FaultId, FaultPlan, FaultPlanError, FaultTarget},
    ids::NodeId,
    level::Level,
    reward::RewardTerms,
    simulation::{self, Nobody, Phase, PhaseWatch, Simulation, Watched, Witness},
    snapshot::{self, SnapshotError},
    state::{Accounts, ClusterState, IMPAIRED},
    topology::Topology,
};

/// Ratio of bad requests from which a decision counts as a total loss of service.
const TOTAL_LOSS: f64 = 0.99;

/// One cluster, played level by level. A clone goes on as the original does; [`Environment::snapshot`]
/// is the same as bytes.
#[derive(Clone, Debug)]
pub struct Environment {
    simulation: Simulation,
    settled: Arc<ClusterState>,
    metrics: StepMetrics,
    due: Due,
}

/// Actions whose time came in the last decision; in no snapshot, since nothing follows from it.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    count: u32,
    /// A bit for each of the first 64, in order: whether nothing was there to carry it out.
    lost: u64,
}

/// What a decision led to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transition {
    /// The sum of `terms`.
    pub reward: f64,
    /// What the reward is made of.
    pub terms: RewardTerms,
    /// Whether total loss of service ended the episode.
    pub terminated: bool,
    /// Whether its time is over.
    pub truncated: bool,
}

/// Ground truth about the last decision, independent of the reward's weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Requests that users offered.
    pub offered: f64,
    /// Those refused, shed, dropped, or answered late or wrongly.
    pub bad: f64,
    /// 99th percentile of response time at the edge in milliseconds, mean over the decision; NaN without requests.
    pub p99_ms: f64,
    /// Cores requested over those requested at the start.
    pub cost_ratio: f64,
    /// Replicas wanted, over all services.
    pub replicas: f64,
    /// Actions other than no-op that were sent.
    pub actions: u32,
    /// Seconds of writes that databases have lost for good since the episode's start: what a fail-over had not yet
    /// replicated, and what no backup held when every member was lost.
    pub lost_writes_s: f64,
}

/// Ground truth about one tenant in the last decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TenantMetrics<'a> {
    /// The tenant's name.
    pub name: &'a str,
    /// Requests that it offered.
    pub offered: f64,
    /// Those refused, shed, dropped, or answered late or wrongly.
    pub bad: f64,
}

/// A fault of a level as its truth is reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultReport {
    /// Which fault.
    pub id: FaultId,
    /// What it strikes.
    pub target: FaultTarget,
    /// The node or zone of its target that it strikes, where it strikes only one.
    pub place: Option<FaultTarget>,
    /// Seconds from the episode's start to its onset.
    pub onset_s: f64,
    /// Seconds from the episode's start to its end.
    pub end_s: f64,
}

impl Environment {
    /// A cluster that stands at the start of level 0.
    pub fn new(topology: Arc<Topology>) -> Self {
        let settled = Arc::new(Simulation::settled(topology.clone()));
        Self::with_settled(topology, settled)
    }

    /// The same, from a settled state that other environments of the topology share.
    pub(crate) fn with_settled(topology: Arc<Topology>, settled: Arc<ClusterState>) -> Self {
        let mut environment = Self {
            simulation: Simulation::new(topology),
            settled,
            metrics: StepMetrics::default(),
            due: Due::default(),
        };
        environment.reset(Level::draw(crate::level::Split::Train, 0, 0));
        environment
    }

    pub(crate) fn settled(&self) -> &Arc<ClusterState> {
        &self.settled
    }

    /// Begins an episode of a level.
    pub fn reset(&mut self, level: Level) {
        self.simulation.reset(level, &self.settled);
        self.metrics = StepMetrics::default();
        self.due = Due::default();
    }

    /// Begins an episode of a level with these faults, at most [`MAX_FAULTS`](crate::MAX_FAULTS), in place of those that
    /// the level draws; its load, its noise and whatever else it fixes stay.
    ///
    /// # Errors
    /// A target that the cluster lacks or the fault cannot strike, a number outside its range, too many faults. The
    /// environment then stays as it was.
    pub fn reset_with_faults(&mut self, level: Level, faults: &[FaultPlan]) -> Result<(), FaultPlanError> {
        let events = fault::events(&self.simulation.topology, faults)?;
        self.reset(level);
        self.simulation.state.faults.clear();
        self.simulation.state.faults.extend(events);
        Ok(())
    }

    /// Plays one decision. An index that is masked or out of range does nothing and costs what an action costs.
    pub fn step(&mut self, action: usize) -> Transition {
        self.play(&[action], &mut Nobody)
    }

    /// Plays one decision in which several act at once: actions are taken in this order, each as in
    /// [`Environment::step`] and at its price.
    pub fn step_jointly(&mut self, actions: &[usize]) -> Transition {
        self.play(actions, &mut Nobody)
    }

    /// The same, with an audit of every tick.
    pub fn step_audited(&mut self, action: usize, audit: &mut Audit) -> Transition {
        let transition = self.play(&[action], audit);
        audit.inspect(&self.simulation.state);
        transition
    }

    /// The same, told when each phase of it has ended.
    pub fn step_watched(&mut self, action: usize, watch: &mut impl PhaseWatch) -> Transition {
        let transition = self.play(&[action], &mut Watched(watch));
        watch.ended(Phase::Decision);
        transition
    }

    fn play(&mut self, actions: &[usize], witness: &mut impl Witness) -> Transition {
        let Simulation { topology, state } = &mut self.simulation;
        let topology: &Topology = topology;
        let scenario = topology.scenario();
        black_box(state.fetch());
        witness.after(Phase::Fetch);
        let (mut sent, mut paged) = (0, 0);
        for &action in actions.iter().filter(|&&action| action != 0) {
            sent += 1;
            if let Some(choice) = topology.action(action)
                && simulation::is_legal(topology, state, choice)
            {
                simulation::accept(topology, state, choice);
                paged += u32::from(choice == Action::PageHuman);
            }
        }
        simulation::begin_decision(state);
        state.accounts = Accounts { lost_decisions: state.accounts.lost_decisions, ..Accounts::default() };
        witness.after(Phase::Decision);
        self.due = Due::default();
        for _ in 0..scenario.decision_ticks {
            let due = simulation::num_due(state);
            if due > 0 {
                let lost = u64::from(!simulation::has_control(topology, state));
                for place in self.due.count..self.due.count + due {
                    self.due.lost |= lost.checked_shl(place).unwrap_or(0);
                }
                self.due.count += due;
            }
            simulation::advance(topology, state, witness);
        }
        state.decision += 1;
        let accounts = &mut state.accounts;
        let ticks = f64::from(accounts.ticks.max(1));
        let bad = if accounts.offered > 0.0 { (accounts.bad / accounts.offered).clamp(0.0, 1.0) } else { 0.0 };
        let cost_ratio = accounts.cost / ticks;
        let excess = (cost_ratio - 1.0).clamp(0.0, 1.0);
        let mut terms = RewardTerms::new(&scenario.reward, bad, accounts.latency_excess / ticks, excess, sent, paged);
        accounts.lost_decisions = if bad >= TOTAL_LOSS { accounts.lost_decisions + 1 } else { 0 };
        let lost_s = accounts.lost_decisions as f32 * topology.decision_s;
        let left = scenario.episode_decisions.saturating_sub(state.decision);
        let terminated = lost_s >= scenario.reward.loss_limit_s && left > 0;
        if terminated {
            terms.termination = -f64::from(left);
        }
        self.metrics = StepMetrics {
            offered: accounts.offered,
            bad: accounts.bad,
            p99_ms: accounts.p99_s / f64::from(accounts.offered_ticks) * 1000.0,
            cost_ratio,
            replicas: state.services.iter().map(|own| f64::from(own.wanted)).sum(),
            actions: sent,
            lost_writes_s: state.databases.iter().map(|database| f64::from(database.lost_writes_s)).sum(),
        };
        simulation::see_edge(topology, state);
        Transition { reward: terms.sum(), terms, terminated, truncated: !terminated && left == 0 }
    }

    /// Writes the observation: `observation_size` features.
    pub fn observe(&self, out: &mut [f32]) {
        simulation::write_observation(&self.simulation.topology, &self.simulation.state, out);
    }

    /// Writes which of the `num_actions` actions are legal; no-op always is.
    pub fn action_mask(&self, out: &mut [bool]) {
        simulation::mask(&self.simulation.topology, &self.simulation.state, out);
    }

    /// Whether an action is legal now.
    pub fn is_legal(&self, action: Action) -> bool {
        simulation::is_legal(&self.simulation.topology, &self.simulation.state, action)
    }

    /// The environment as bytes that [`Environment::restore`] takes, in this process or another, on any machine.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(&self.simulation.topology, &self.simulation.state, &self.metrics)
    }

    /// Puts the environment where the snapshot was taken: it goes on with the same bits.
    ///
    /// # Errors
    /// Bytes that are no snapshot, or one of another version or scenario, cut short, altered, followed by others, or at
    /// odds with the topology. The environment then stays as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        (self.simulation.state, self.metrics) = snapshot::read(&self.simulation.topology, bytes)?;
        self.due = Due::default();
        Ok(())
    }

    /// Goes on with the constants of another topology of the same cluster.
    pub(crate) fn go_on_with(&mut self, topology: Arc<Topology>) {
        let fresh = ClusterState::new(&topology);
        let state = &mut self.simulation.state;
        for (own, new) in state.services.iter_mut().zip(&fresh.services) {
            own.hit_limit = new.hit_limit;
        }
        let calls = state.calls.iter_mut().zip(&fresh.calls).chain(state.entries.iter_mut().zip(&fresh.entries));
        for (call, new) in calls {
            (call.retries, call.budgeted, call.guarded) = (new.retries, new.budgeted, new.guarded);
        }
        // Actions may now wait longer.
        state.pending.reserve(fresh.pending.capacity());
        self.settled = Arc::new(Simulation::settled(topology.clone()));
        self.simulation.topology = topology;
    }

    pub(crate) fn state(&self) -> &ClusterState {
        &self.simulation.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut ClusterState {
        &mut self.simulation.state
    }

    /// Ground truth about the last decision.
    pub fn metrics(&self) -> &StepMetrics {
        &self.metrics
    }

    /// Of every action whose time came in the last decision, in the order in which they were taken, whether the control
    /// plane carried it out; without one an action is lost. A legal action's time comes `actuation_delay_s` after it was
    /// sent, which may be in a later decision. Nothing right after [`Environment::restore`].
    pub fn carried_out(&self) -> impl Iterator<Item = bool> + use<> {
        let Due { count, lost } = self.due;
        (0..count).map(move |place| lost.checked_shr(place).unwrap_or(0) & 1 == 0)
    }

    /// Every fault of the level, by onset.
    pub fn faults(&self) -> Vec<FaultReport> {
        let faults = self.simulation.state.faults.iter().filter(|event| !event.id.is_herring());
        faults.map(|event| self.report(event)).collect()
    }

    /// What of the level's catalogue harms nobody, by onset.
    pub fn herrings(&self) -> Vec<FaultReport> {
        let herrings = self.simulation.state.faults.iter().filter(|event| event.id.is_herring());
        herrings.map(|event| self.report(event)).collect()
    }

    /// The nodes that a fault strikes: its own, those of its zone, or those that host impaired replicas of its service
    /// (of any service where it strikes the whole cluster), and where none is impaired, every host.
    pub fn struck_nodes(&self, fault: &FaultReport) -> Vec<NodeId> {
        let Simulation { topology, state } = &self.simulation;
        let nodes = || (0..topology.num_nodes() as u32).map(NodeId);
        let services = match fault.place.unwrap_or(fault.target) {
            FaultTarget::Node(node) => return vec![node],
            FaultTarget::Zone(zone) => return nodes().filter(|&node| topology.node_zone(node) == zone).collect(),
            FaultTarget::Service(service) => &state.services[service.index()..=service.index()],
            FaultTarget::Cluster => &state.services,
        };
        let placements = || services.iter().map(|own| &own.placement);
        let impaired = |node: &NodeId| placements().any(|place| place.running[IMPAIRED][node.index()] > 0.0);
        let hosts = |node: &NodeId| placements().any(|place| place.on_node(node.index()) > 0.0);
        let struck: Vec<NodeId> = nodes().filter(impaired).collect();
        if struck.is_empty() { nodes().filter(hosts).collect() } else { struck }
    }

    /// The faults that are active now.
    pub fn active_faults(&self) -> Vec<FaultReport> {
        let tick = self.simulation.state.tick;
        self.simulation
            .state
            .faults
            .iter()
            .filter(|event| event.is_active(tick) && !event.mended && !event.id.is_herring())
            .map(|event| self.report(event))
            .collect()
    }

    pub(crate) fn report(&self, event: &FaultEvent) -> FaultReport {
        let tick_s = f64::from(self.simulation.topology.scenario().tick_ms) / 1000.0;
        FaultReport {
            id: event.id,
            target: event.target,
            place: event.id.model().place(&self.simulation.topology, event),
            onset_s: event.onset_tick as f64 * tick_s,
            end_s: event.end_tick as f64 * tick_s,
        }
    }

    /// What each tenant offered in the last decision, and what of it ended badly, in the scenario's order.
    ///
    /// Empty where there are fewer than two: then [`Environment::metrics`] says the same.
    pub fn tenants(&self) -> impl Iterator<Item = TenantMetrics<'_>> {
        let names = self.simulation.topology.scenario().tenants.iter();
        let sums = if self.simulation.state.tenants.len() > 1 { &self.simulation.state.tenants[..] } else { &[] };
        names.zip(sums).map(|(tenant, sums)| TenantMetrics { name: &tenant.name, offered: sums.offered, bad: sums.bad })
    }

    /// Seconds since the episode's start.
    pub fn time_s(&self) -> f64 {
        self.simulation.state.tick as f64 * f64::from(self.simulation.topology.scenario().tick_ms) / 1000.0
    }

    /// Decisions since the episode's start.
    pub fn decision(&self) -> u32 {
        self.simulation.state.decision
    }

    /// The level being played.
    pub fn level(&self) -> Level {
        self.simulation.state.level
    }

    /// Bytes of one environment: the value itself and the heap that its state owns. Tables and the settled state that
    /// environments of a topology share are not counted.
    pub fn state_bytes(&self) -> usize {
        size_of_val(self) + self.simulation.state.heap_bytes()
    }

    /// The cluster's constants.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.simulation.topology
    }
}

impl PartialEq for Environment {
    /// Whether both will go on equally: same topology, equal state.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.simulation.topology, &other.simulation.topology)
            && self.simulation.state == other.simulation.state
    }
}
