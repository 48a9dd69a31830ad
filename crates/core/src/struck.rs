//! Ground truth about which services' replicas the active faults hold.

use crate::{
    environment::Environment,
    fault::FaultId,
    ids::ServiceId,
    state::{HEALTHY, IMPAIRED},
};

/// A service whose replicas an active fault impairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StruckService {
    /// Which fault.
    pub id: FaultId,
    /// Which service.
    pub service: ServiceId,
    /// Share in (0, 1] of its running replicas that are impaired, by this fault or another one that holds the service.
    pub share: f64,
}

impl Environment {
    /// The services that have impaired replicas now, with each active fault that impairs them, by onset and service.
    ///
    /// A fault that acts otherwise than through replicas, on the load or on calls say, holds none; nor does one whose
    /// replicas have all been replaced, or one that the scenario has switched off.
    pub fn struck_services(&self) -> Vec<StruckService> {
        let state = self.state();
        let active = state.faults.iter().filter(|event| event.is_active(state.tick));
        let of = |id: FaultId, slot: u8| {
            let held = state.services.iter().zip(0..).filter(move |(own, _)| own.impairment.sources & 1 << slot != 0);
            held.filter_map(move |(own, index)| {
                let count = |kind: usize| f64::from(own.placement.running[kind].iter().sum::<f32>());
                let impaired = count(IMPAIRED);
                let share = impaired / (impaired + count(HEALTHY));
                (impaired > 0.0).then_some(StruckService { id, service: ServiceId(index), share })
            })
        };
        active.flat_map(|event| of(event.id, event.slot)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Environment, FaultId, FaultPlan, Level, Scenario, Split, Topology};

    fn struck(rules_off: &[&str], action: &str) -> Vec<(FaultId, u32, f64)> {
        let mut scenario = Scenario::load("spine12").expect("a built-in scenario");
        scenario.rules_off.extend(rules_off.iter().map(|&rule| rule.to_owned()));
        let mut environment = Environment::new(Topology::new(scenario).expect("its topology"));
        let faults = [
            FaultPlan::new(FaultId::F04, Some("auth"), 1.0, 20.0, 300.0),
            FaultPlan::new(FaultId::F05, Some("gateway"), 200.0, 20.0, 300.0).with_blast_radius(0.5),
            FaultPlan::new(FaultId::F13, None, 1.5, 20.0, 300.0),
        ];
        environment.reset_with_faults(Level::draw(Split::Train, 1, 1), &faults).expect("sound faults");
        assert!(environment.struck_services().is_empty());
        let index = environment.topology().action_meanings().iter().position(|meaning| meaning == action);
        for decision in 0..40 {
            environment.step(if decision == 5 { index.expect("an action") } else { 0 });
        }
        let found = environment.struck_services();
        found.iter().map(|one| (one.id, one.service.index() as u32, one.share)).collect()
    }

    #[test]
    fn a_fault_holds_the_share_that_it_struck_until_that_is_replaced() {
        assert_eq!(struck(&[], "no-op"), [(FaultId::F04, 1, 1.0), (FaultId::F05, 0, 0.5)]);
        assert_eq!(struck(&[], "restart(auth)"), [(FaultId::F05, 0, 0.5)]);
    }

    #[test]
    fn a_fault_that_is_switched_off_holds_nothing() {
        assert_eq!(struck(&["F05"], "no-op"), [(FaultId::F04, 1, 1.0)]);
    }
}
