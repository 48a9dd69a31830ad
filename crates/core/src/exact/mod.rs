//! The exact engine: a discrete-event simulation of the same scenarios with one object per request, to judge the fluid
//! engine by.

mod measure;

pub use measure::{EdgeWindow, ServiceWindow};

use crate::{ids::ServiceId, scenario::Scenario};

/// A cluster simulated request by request.
#[derive(Clone, Debug)]
pub struct ExactSimulation {
    scenario: Scenario,
}

impl ExactSimulation {
    /// An empty cluster at time 0; equal seeds give equal runs.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let _ = seed;
        Self { scenario: scenario.clone() }
    }

    /// Seconds since the start.
    pub fn time_s(&self) -> f64 {
        0.0
    }

    /// Simulates until this time, in seconds since the start.
    pub fn run_until(&mut self, time_s: f64) {
        let _ = (time_s, &self.scenario);
    }

    /// Goes on with other rates, times, bounds, retries; work under way goes on at the new speed. The scenario has the
    /// same services, zones, replicas and calls.
    pub fn reconfigure(&mut self, scenario: &Scenario) {
        self.scenario = scenario.clone();
    }

    /// Empties a cache: its hit ratio falls by this ratio of what it is.
    pub fn drop_cache(&mut self, service: ServiceId, ratio: f64) {
        let _ = (service, ratio);
    }

    /// What users met since the last call of this function, which begins a new window.
    pub fn take_edge(&mut self) -> EdgeWindow {
        EdgeWindow::default()
    }

    /// What a service did since the last call of this function for it, which begins a new window.
    pub fn take_service(&mut self, service: ServiceId) -> ServiceWindow {
        let _ = service;
        ServiceWindow::default()
    }
}
