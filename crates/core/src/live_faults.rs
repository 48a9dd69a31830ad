//! Faults that are injected into a running episode, and cleared again.

use crate::{
    environment::{Environment, FaultReport},
    fault::{self, FaultPlan, FaultPlanError, MAX_FAULTS},
};

impl Environment {
    /// Injects a fault that strikes in the next tick, whatever its plan's onset says, and returns the handle by which
    /// [`Environment::fault`] and [`Environment::clear_fault`] know it until the next reset.
    ///
    /// # Errors
    /// A target that the cluster lacks or the fault cannot strike, a number outside its range, too many faults. The
    /// environment then stays as it was.
    pub fn inject(&mut self, plan: &FaultPlan) -> Result<usize, FaultPlanError> {
        let mut events = fault::events(self.topology(), std::slice::from_ref(plan))?;
        let state = self.state_mut();
        let free = (0..MAX_FAULTS).find(|&slot| state.faults.iter().all(|event| usize::from(event.slot) != slot));
        let (Some(slot), Some(mut event)) = (free, events.pop()) else {
            return Err(FaultPlanError::TooMany { found: MAX_FAULTS + 1 });
        };
        event.slot = slot as u8;
        event.end_tick = state.tick + (event.end_tick - event.onset_tick);
        event.onset_tick = state.tick;
        let place = state.faults.partition_point(|other| other.onset_tick <= event.onset_tick);
        state.faults.insert(place, event);
        Ok(slot)
    }

    /// Ends an injected fault with the next tick, as when its time is over, and says whether there was anything to end.
    pub fn clear_fault(&mut self, handle: usize) -> bool {
        let state = self.state_mut();
        let tick = state.tick;
        let Some(place) = state.faults.iter().position(|event| usize::from(event.slot) == handle) else { return false };
        let event = &mut state.faults[place];
        if tick >= event.end_tick {
            return false;
        }
        if tick <= event.onset_tick {
            // It has not begun, so that nothing has to end.
            state.faults.remove(place);
        } else {
            event.end_tick = tick;
        }
        true
    }

    /// The injected fault of a handle, where it has not been taken back before it began.
    pub fn fault(&self, handle: usize) -> Option<FaultReport> {
        let event = self.state().faults.iter().find(|event| usize::from(event.slot) == handle)?;
        Some(self.report(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::FaultId, level::Level, scenario::Scenario, topology::Topology};

    fn environment() -> Environment {
        let mut environment = Environment::new(
            Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology"),
        );
        environment.reset_with_faults(Level::new(5).expect("a level"), &[]).expect("no faults");
        environment
    }

    fn crash() -> FaultPlan {
        FaultPlan::new(FaultId::F04, Some("auth"), 1.0, 0.0, 1000.0).with_blast_radius(0.5)
    }

    #[test]
    fn a_fault_injected_while_an_episode_runs_is_the_one_that_was_planned_for_then() {
        let mut live = environment();
        let mut planned = environment();
        let plan = FaultPlan { onset_s: 20.0, duration_s: 60.0, ..crash() };
        planned.reset_with_faults(Level::new(5).expect("a level"), &[plan]).expect("a plan that fits");
        let mut handle = None;
        for decision in 0..40 {
            if decision == 4 {
                handle = Some(live.inject(&crash()).expect("a fault that fits"));
            }
            if decision == 16 {
                assert!(live.clear_fault(handle.expect("a handle")));
            }
            let rewards = [live.step(0).reward, planned.step(0).reward];
            assert_eq!(rewards[0].to_bits(), rewards[1].to_bits(), "decision {decision}");
        }
        assert!(live == environment_of(&planned, &live), "the states differ");
        assert!(!live.clear_fault(handle.expect("a handle")), "it has ended");
    }

    /// The state of one on the topology of the other, so that only states are compared.
    fn environment_of(state: &Environment, topology: &Environment) -> Environment {
        let mut other = topology.clone();
        other.restore(&state.snapshot()).expect("a snapshot of the same scenario");
        other
    }

    #[test]
    fn a_fault_taken_back_before_its_tick_leaves_nothing() {
        let (mut taken_back, mut untouched) = (environment(), environment());
        let handle = taken_back.inject(&crash()).expect("a fault that fits");
        assert!(taken_back.clear_fault(handle));
        for _ in 0..10 {
            assert_eq!(taken_back.step(0), untouched.step(0));
        }
        assert!(taken_back.faults().is_empty() && taken_back.fault(handle).is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut environment = environment();
        let before = environment.clone();
        assert!(environment.inject(&FaultPlan { target: Some("oth".to_owned()), ..crash() }).is_err());
        assert!(environment == before);
        for _ in 0..MAX_FAULTS {
            environment.inject(&crash()).expect("room for it");
        }
        assert_eq!(environment.inject(&crash()), Err(FaultPlanError::TooMany { found: MAX_FAULTS + 1 }));
    }
}
