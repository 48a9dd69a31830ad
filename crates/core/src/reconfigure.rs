//! Going on with other constants: which two scenarios describe the same cluster under different settings.

use std::sync::Arc;

use crate::{
    environment::Environment,
    scenario::{Scenario, ScenarioError},
    topology::Topology,
};

impl Environment {
    /// Goes on with other constants: the same services, nodes, zones and calls with other rates, times, bounds and retries,
    /// as after a change of configuration. Replicas stay where they are, and so does everything under way; a later reset
    /// begins with the cluster settled under the new ones.
    ///
    /// # Errors
    /// Another cluster: other services, replicas, zones, nodes, calls, tenants, or another length of a tick or a decision.
    /// The environment then stays as it was.
    pub fn reconfigure(&mut self, topology: Arc<Topology>) -> Result<(), ScenarioError> {
        same_cluster(self.topology().scenario(), topology.scenario())?;
        self.go_on_with(topology);
        Ok(())
    }
}

/// Whether a state of the one is a state of the other.
fn same_cluster(before: &Scenario, after: &Scenario) -> Result<(), ScenarioError> {
    let check = |key: &str, was: String, is: String| {
        if was == is {
            return Ok(());
        }
        let problem = format!("{key} = {is}; allowed: {was}, as before");
        Err(ScenarioError::Invalid { file: after.name.clone(), problem })
    };
    let each =
        |key: &str, of: &dyn Fn(&Scenario) -> Vec<String>| check(key, of(before).join(", "), of(after).join(", "));
    check("tick_ms", before.tick_ms.to_string(), after.tick_ms.to_string())?;
    check("decision_ticks", before.decision_ticks.to_string(), after.decision_ticks.to_string())?;
    each("zones", &|scenario| scenario.zones.iter().map(|zone| zone.name.clone()).collect())?;
    each("nodes", &|scenario| scenario.nodes.iter().map(|node| format!("{} in {}", node.name, node.zone)).collect())?;
    each("services", &|scenario| {
        let service = |service: &crate::scenario::Service| {
            let zones = service.zones.join("+");
            format!("{} ({:?}, {} replicas, zones {zones})", service.name, service.class, service.replicas)
        };
        scenario.services.iter().map(service).collect()
    })?;
    each("max_replicas", &|scenario| {
        scenario.services.iter().map(|service| format!("{:?}", service.max_replicas)).collect()
    })?;
    each("calls", &|scenario| {
        scenario.calls.iter().map(|call| format!("{} to {} ({:?})", call.from, call.to, call.mode)).collect()
    })?;
    each("entries", &|scenario| {
        let entries = scenario.tenants.iter().map(|tenant| format!("{} at {:?}", tenant.name, tenant.entry));
        std::iter::once(scenario.workload.entry.clone()).chain(entries).collect()
    })?;
    each("what databases and autoscalers stand for", &|scenario| {
        let has = |service: &crate::scenario::Service| {
            format!("{}: {} {}", service.name, service.database.is_some(), service.autoscaler.is_some())
        };
        scenario.services.iter().map(has).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;

    fn environment() -> Environment {
        let topology = Topology::new(Scenario::load("spine12").expect("a built-in scenario")).expect("its topology");
        let mut environment = Environment::new(topology);
        environment.reset(Level::new(7).expect("a level"));
        environment.step(0);
        environment
    }

    #[test]
    fn another_cluster_is_refused_and_changes_nothing() {
        let changes: [fn(&mut Scenario); 7] = [
            |scenario| scenario.services[1].replicas += 4,
            |scenario| scenario.services[1].zones = vec![scenario.zones[0].name.clone()],
            |scenario| scenario.services.swap(1, 3),
            |scenario| scenario.tick_ms = 500,
            |scenario| scenario.calls.swap(0, 1),
            |scenario| scenario.decision_ticks = 10,
            |scenario| scenario.nodes.swap(0, 1),
        ];
        let mut environment = environment();
        let before = environment.clone();
        for (place, change) in changes.into_iter().enumerate() {
            let mut other = environment.topology().scenario().clone();
            change(&mut other);
            let other = Topology::new(other).expect("a topology");
            assert!(environment.reconfigure(other).is_err(), "change {place}");
            assert!(environment == before, "change {place}");
        }
    }

    #[test]
    fn other_settings_are_taken_and_work_goes_on() {
        let mut environment = environment();
        let mut faster = environment.topology().scenario().clone();
        faster.workload.rate_per_s *= 0.5;
        faster.services.iter_mut().for_each(|service| service.service_time_ms *= 0.5);
        let before = environment.metrics().offered;
        environment.reconfigure(Topology::new(faster).expect("a topology")).expect("the same cluster");
        environment.step(0);
        assert!((environment.metrics().offered / before - 0.5).abs() < 0.1);
        assert_eq!(environment.decision(), 2);
    }
}
