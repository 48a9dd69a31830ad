//! What the exact engine counts and times within a window.

/// What users met in a window.
#[derive(Clone, Debug, Default)]
pub struct EdgeWindow {
    /// Seconds that the window lasted.
    pub seconds: f64,
    /// Requests that users began.
    pub offered: u64,
    /// Attempts that they made for them, the first ones included.
    pub attempts: u64,
    /// Requests that ended well in the window, whenever they began.
    pub good: u64,
    /// Requests that ended badly.
    pub bad: u64,
    /// Mean seconds from a request's first attempt to its end, over those that ended.
    pub mean_s: f64,
    /// 99th percentile of an attempt's response time in seconds, given up at the user's timeout.
    pub p99_s: f64,
}

/// What one service did in a window.
#[derive(Clone, Debug, Default)]
pub struct ServiceWindow {
    /// Seconds that the window lasted.
    pub seconds: f64,
    /// Requests that callers sent.
    pub offered: u64,
    /// Those refused because the queue was full.
    pub refused: u64,
    /// Requests whose own work was finished.
    pub served: u64,
    /// Mean over time of the requests that wait for a server or are worked on.
    pub in_system: f64,
    /// Mean over time of those of them that wait.
    pub waiting: f64,
    /// Mean seconds of waiting and working, over the served, calls not counted.
    pub own_mean_s: f64,
    /// Mean seconds of waiting.
    pub wait_mean_s: f64,
    /// Ratio of the served that waited.
    pub waited_ratio: f64,
    /// 99th percentile of the seconds of waiting and working.
    pub own_p99_s: f64,
    /// 99th percentile of the seconds of waiting.
    pub wait_p99_s: f64,
    /// Hit ratio at the window's end, where it is a cache.
    pub hit_ratio: f64,
}
