//! How many replicas a service needs: the rule of Kubernetes' autoscaler, and Little's law.

/// What a look at a service shows of its replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replicas {
    /// Replicas that there are, running or not: `currentReplicas`.
    pub current: f64,
    /// Those of them that run.
    pub ready: f64,
}

/// Replicas that a metric asks for: `ceil(current * metric / target)`, unless the ratio is within the tolerance of 1.
///
/// Replicas that do not run yet have no metric. Where more are needed they count as idle, and where that turns the ratio
/// around or brings it into the tolerance, nothing changes; where fewer are needed, only those that run count.
///
/// Source: Kubernetes, "Horizontal Pod Autoscaling", section "Algorithm details",
/// <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details>.
pub fn by_ratio(replicas: Replicas, metric: f64, target: f64, tolerance: f64) -> f64 {
    let Replicas { current, ready } = replicas;
    let ratio = metric / target;
    // A ratio that is at the tolerance but for rounding is within it.
    let near = |ratio: f64| (ratio - 1.0).abs() <= tolerance + 1e-9;
    if !ratio.is_finite() || near(ratio) || ready <= 0.0 {
        return current;
    }
    if ratio < 1.0 || ready >= current {
        return ceiling(ratio * ready);
    }
    let with_idle = ratio * ready / current;
    if with_idle <= 1.0 || near(with_idle) {
        return current;
    }
    ceiling(with_idle * current)
}

/// Replicas for a load by Little's law: `L = lambda W` requests are worked on at once, `concurrency` by a replica, and each
/// replica is to be busy at most to the target.
///
/// Source: J. D. C. Little, "A Proof for the Queuing Formula: L = lambda W", Operations Research 9 (1961).
pub fn by_littles_law(requests_per_s: f64, service_time_s: f64, concurrency: f64, target: f64) -> f64 {
    ceiling(requests_per_s.max(0.0) * service_time_s / (concurrency * target))
}

/// The next whole number; a rounding error above a whole number does not reach it.
fn ceiling(value: f64) -> f64 {
    (value - 1e-6).ceil().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(current: f64) -> Replicas {
        Replicas { current, ready: current }
    }

    #[test]
    fn replicas_follow_the_ratio_as_kubernetes_documents_it() {
        // "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled ...
        // If the current value is instead 50m, you'll halve the number of replicas."
        assert_eq!(by_ratio(all(3.0), 0.2, 0.1, 0.1), 6.0);
        assert_eq!(by_ratio(all(6.0), 0.05, 0.1, 0.1), 3.0);
        // Rounded up: 4 * 0.75 / 0.5 is 6, 3 * 0.75 / 0.5 is 4.5.
        assert_eq!(by_ratio(all(4.0), 0.75, 0.5, 0.1), 6.0);
        assert_eq!(by_ratio(all(3.0), 0.75, 0.5, 0.1), 5.0);
    }

    #[test]
    fn a_ratio_within_the_tolerance_changes_nothing() {
        assert_eq!(by_ratio(all(10.0), 0.55, 0.5, 0.1), 10.0);
        assert_eq!(by_ratio(all(10.0), 0.45, 0.5, 0.1), 10.0);
        assert_eq!(by_ratio(all(10.0), 0.56, 0.5, 0.1), 12.0);
        assert_eq!(by_ratio(all(10.0), 0.44, 0.5, 0.1), 9.0);
    }

    #[test]
    fn replicas_that_do_not_run_yet_dampen_scaling_up() {
        // Six run at twice the target, four start: idle ones bring the ratio to 1.2, so 12 and not 20.
        assert_eq!(by_ratio(Replicas { current: 10.0, ready: 6.0 }, 1.0, 0.5, 0.1), 12.0);
        // Five run at 1.6 times the target, five start: with those the ratio turns round.
        assert_eq!(by_ratio(Replicas { current: 10.0, ready: 5.0 }, 0.8, 0.5, 0.1), 10.0);
        assert_eq!(by_ratio(Replicas { current: 10.0, ready: 0.0 }, 0.8, 0.5, 0.1), 10.0);
    }

    #[test]
    fn littles_law_counts_busy_servers() {
        // 100/s for 30 ms each are 3 at once; two per replica at 60 % are 1.2 a replica.
        assert_eq!(by_littles_law(100.0, 0.03, 2.0, 0.6), 3.0);
        assert_eq!(by_littles_law(100.0, 0.04, 2.0, 0.5), 4.0);
        assert_eq!(by_littles_law(-1.0, 0.04, 2.0, 0.5), 0.0);
    }
}
