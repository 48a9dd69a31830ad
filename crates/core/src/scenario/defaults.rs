//! Values of keys that a scenario file may leave out.

use super::{Admission, Faults, Health, RewardWeights, Slo, Telemetry};

macro_rules! defaults {
    ($($name:ident: $kind:ty = $value:expr;)*) => { $(pub fn $name() -> $kind { $value })* };
}
defaults! {
    actuation_delay_s: f32 = 2.0;
    level_range: [f32; 2] = [1.0, 1.0];
    cycle_period_s: f32 = 1200.0;
    user_timeout_ms: f32 = 2000.0;
    user_backoff_ms: f32 = 1000.0;
    shift_s: f32 = 10.0;
    one: f32 = 1.0;
    concurrency: f32 = 4.0;
    pool: f32 = 64.0;
    queue_limit: f32 = 256.0;
    memory: f32 = 0.4;
    queue_memory: f32 = 0.2;
    startup_s: f32 = 30.0;
    grace_s: f32 = 5.0;
    timeout_ms: f32 = 1000.0;
    backoff_ms: f32 = 100.0;
    blast_radius: [f32; 2] = [1.0, 1.0];
    onset_s: [f32; 2] = [60.0, 300.0];
    ramp_s: [f32; 2] = [0.0, 0.0];
    infinite: f32 = f32::INFINITY;
    redeliveries: f32 = 1.0;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub fn is_one(value: &f32) -> bool {
    *value == one()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub fn is_user_backoff_ms(value: &f32) -> bool {
    *value == user_backoff_ms()
}

impl Default for Slo {
    fn default() -> Self {
        Self { availability: 0.999, p99_ms: 500.0 }
    }
}

impl Default for RewardWeights {
    fn default() -> Self {
        Self { bad_requests: 0.7, latency: 0.15, cost: 0.15, action: 0.002, page: 0.5, loss_limit_s: 300.0 }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { scrape_s: 5.0, noise: 0.02, loss: 0.02, collector: None }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { interval_s: 5.0, timeout_ms: 1000.0, failures: 3, successes: 1, admission: Admission::Started }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            control_ratio: 0.15,
            heldout_load: [1.3, 1.6],
            second_ratio: 0.0,
            correlated_ratio: 0.5,
            herring_ratio: 0.0,
            catalogue: Vec::new(),
        }
    }
}
