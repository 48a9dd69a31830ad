//! The rules of the physics by name, and which of them a scenario switches off.

use crate::fault::FaultId;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A rule of the physics that a scenario's `rules_off` may name, to see what it is worth.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule {
            $($(#[$doc])* $variant,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The name under which `rules_off` knows it.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }
        }
    };
}

rules! {
    /// Requests beyond a full queue are refused.
    Admission = "admission",
    /// Tenants of low priority are turned away first.
    Priority = "priority",
    /// Tenants are held to their quotas.
    Quota = "quota",
    /// Callers send less when too little is accepted.
    Throttling = "throttling",
    /// Open requests, those that wait for calls included, are bounded: a slow callee fills its callers.
    Pool = "pool",
    /// Replicas contend, and keep each other coherent.
    Scaling = "scaling",
    /// Requests wait for a free server.
    Queue = "queue",
    /// Response times vary.
    Spread = "spread",
    /// Callers give up on late answers.
    Timeout = "timeout",
    /// Work on requests that were given up is done all the same.
    TimeoutWaste = "timeout-waste",
    /// Failed calls are tried again.
    Retries = "retries",
    /// Retries have a budget.
    RetryBudget = "retry-budget",
    /// Retries wait before they are sent.
    RetryDelay = "retry-delay",
    /// The stages of a retry's delay are integrated exactly.
    ExactStages = "exact-stages",
    /// Breakers stop calls that mostly fail.
    Breaker = "breaker",
    /// Callers eject replicas that answer with errors.
    OutlierEjection = "outlier-ejection",
    /// Caches fill again.
    CacheFill = "cache-fill",
    /// Cache entries expire.
    CacheExpiry = "cache-expiry",
    /// Fewer replicas of a cache hold less.
    CacheSize = "cache-size",
    /// Replicas short of memory spend time on collecting garbage.
    Collection = "collection",
    /// Replicas without memory crash.
    OutOfMemory = "out-of-memory",
    /// Disks fill, and nothing starts on a full one.
    Disk = "disk",
    /// Replicas that fail their checks get no traffic.
    HealthChecks = "health-checks",
    /// With too few replicas in rotation, traffic goes to all.
    PanicRouting = "panic-routing",
    /// A request fails where a call that it needs fails.
    ErrorPropagation = "error-propagation",
    /// A request takes as long as the calls that it waits for.
    LatencyPropagation = "latency-propagation",
    /// Callers answer by themselves where a call fails.
    Fallback = "fallback",
    /// A quorum's answer needs several equal ones.
    Quorum = "quorum",
    /// Replicas take time to start.
    StartUp = "start-up",
    /// Fresh replicas are slow at first.
    WarmUp = "warm-up",
    /// The supervisor waits longer after each crash.
    RestartBackOff = "restart-back-off",
    /// Stopping replicas finish what they hold.
    Grace = "grace",
    /// Shifted traffic arrives late.
    ShiftLag = "shift-lag",
    /// Zones are apart.
    ZoneLatency = "zone-latency",
    /// Autoscalers scale.
    Autoscaler = "autoscaler",
    /// A database without a primary refuses writes until there is a new one.
    FailOver = "fail-over",
    /// Members that take writes apart disagree.
    Conflicts = "conflicts",
    /// A database that lost every member is restored from a backup.
    Restore = "restore",
    /// Users without a valid session cost more.
    Sessions = "sessions",
    /// A full broker refuses messages.
    BrokerDepth = "broker-depth",
    /// Late messages are of no use.
    Deadline = "deadline",
    /// Failed messages are delivered again.
    Redelivery = "redelivery",
    /// Consumers pause when one joins or leaves.
    ConsumerRebalance = "consumer-rebalance",
    /// No more consumers work than there are partitions.
    Partitions = "partitions",
    /// A zone has no more cores than its provider's quota.
    ZoneQuota = "zone-quota",
    /// Cores cost what their zone's provider asks.
    Price = "price",
    /// Actions take effect late.
    ActuationDelay = "actuation-delay",
    /// Arrivals are random.
    ArrivalNoise = "arrival-noise",
    /// Telemetry is noisy and loses scrapes.
    TelemetryNoise = "telemetry-noise",
    /// Actions need a control plane.
    ControlPlane = "control-plane",
}

/// The rules and faults that a scenario has switched off.
#[derive(Clone, Debug, Default)]
pub(crate) struct RulesOff(Vec<String>);

impl RulesOff {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.to_vec())
    }

    pub(crate) fn rule(&self, rule: Rule) -> bool {
        self.0.iter().any(|name| name == rule.name())
    }

    pub(crate) fn fault(&self, id: FaultId) -> bool {
        self.0.iter().any(|name| *name == id.to_string())
    }
}

/// Every name that `rules_off` may hold.
pub(crate) fn names() -> impl Iterator<Item = String> + Clone {
    Rule::ALL.iter().map(|rule| rule.name().to_owned()).chain(FaultId::all().map(|id| id.to_string()))
}
