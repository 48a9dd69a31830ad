//! What a scenario may give its services, zones and users beyond replicas and calls.

use serde::{Deserialize, Serialize};

use super::defaults;

/// Which actions a policy has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionSet {
    /// Restart, scale up and down, drain, return, rebalance.
    #[default]
    Core,
    /// The core set, then rollback, load shedding, breakers, queues, retries, fail-over, disks, secrets and a page.
    Extended,
}

/// A class of users with a share of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The tenant's name.
    pub name: String,
    /// Share of the workload's rate, relative to the other tenants.
    #[serde(default = "defaults::one")]
    pub share: f32,
    /// Who is turned away first: 9 before 8, and 0 last.
    #[serde(default)]
    pub priority: u8,
    /// The service that it calls; the workload's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Requests per second beyond which the edge refuses it; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_per_s: Option<f32>,
}

/// What lies between zones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Milliseconds from each zone (row) to each other one and back; none when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latency_ms: Vec<Vec<f32>>,
}

/// How a cache fills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Hit ratio when warm, with the initial replicas, if nothing expired.
    pub hit_ratio: f32,
    /// Seconds for a cold cache to warm up when every fill succeeds (first order).
    pub fill_s: f32,
    /// Mean seconds after which an entry expires; never when absent.
    #[serde(default = "defaults::infinite", skip_serializing_if = "is_infinite")]
    pub ttl_s: f32,
    /// Share of the working set that one replica holds; all of it when absent.
    #[serde(default = "defaults::one")]
    pub size: f32,
}

/// How a broker holds messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Messages per replica beyond which publishing fails.
    pub depth: f32,
    /// Seconds after which a message comes too late to be of use.
    pub deadline_s: f32,
    /// Consumers that can work at once; any number when absent (competing consumers).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Seconds for which nothing is consumed after a consumer joins or leaves.
    #[serde(default)]
    pub rebalance_s: f32,
    /// Ratio of failed messages that are delivered again.
    #[serde(default = "defaults::redeliveries")]
    pub redelivery: f32,
}

/// How a database replicates and fails over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Ratio of requests that write, and so need the primary.
    pub write_ratio: f32,
    /// Seconds without a primary when it fails.
    pub failover_s: f32,
    /// Seconds by which followers lag behind at moderate load.
    pub lag_s: f32,
    /// Whether a primary that lost its majority stops taking writes.
    pub fencing: bool,
    /// Whether every zone takes writes.
    pub multi_master: bool,
    /// Seconds in which conflicting writes are reconciled once members see each other again (first order).
    pub reconcile_s: f32,
    /// Seconds between two backups.
    pub backup_s: f32,
    /// Seconds to restore one when every member is lost.
    pub restore_s: f32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            write_ratio: 0.2,
            failover_s: 20.0,
            lag_s: 0.1,
            fencing: true,
            multi_master: false,
            reconcile_s: 60.0,
            backup_s: 300.0,
            restore_s: 120.0,
        }
    }
}

/// Sessions or tokens that a service issues: a request without a valid one costs more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Work of issuing one, relative to that of an ordinary request.
    pub issue_work: f32,
    /// Seconds in which all users ask once, and so renew what they lost (first order, as far as issuing succeeds).
    pub renew_s: f32,
}

/// A horizontal autoscaler (Kubernetes' algorithm): replicas in proportion to utilisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Autoscaler {
    /// Utilisation that it aims at.
    pub target_utilisation: f32,
    /// Seconds between two looks.
    pub sync_s: f32,
    /// Relative deviation that it tolerates.
    pub tolerance: f32,
    /// Seconds over which the highest recommendation counts before it scales down.
    pub stabilisation_s: f32,
}

impl Default for Autoscaler {
    fn default() -> Self {
        Self { target_utilisation: 0.6, sync_s: 15.0, tolerance: 0.1, stabilisation_s: 300.0 }
    }
}

/// Outlier ejection by callers (Envoy's): replicas that answer with errors get no traffic for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutlierEjection {
    /// Consecutive errors that eject a replica.
    pub consecutive_errors: u8,
    /// Seconds between two sweeps.
    pub sweep_s: f32,
    /// Seconds out of rotation, times the number of ejections so far.
    pub base_ejection_s: f32,
    /// Most replicas ejected at once, as a ratio; one replica may be ejected in any case.
    pub max_ejected_ratio: f32,
}

impl Default for OutlierEjection {
    fn default() -> Self {
        Self { consecutive_errors: 5, sweep_s: 10.0, base_ejection_s: 30.0, max_ejected_ratio: 0.1 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_infinite(value: &f32) -> bool {
    value.is_infinite()
}
