//! What keeps callers from calling: breakers, adaptive throttling and retry budgets.

use super::{
    plan::{CallPlan, ZONES},
    random::Random,
};

/// Seconds over which a breaker looks back, those that it stays open, and how long and how much it probes.
const BREAKER_WINDOW_S: f64 = 10.0;
const BREAKER_OPEN_S: f64 = 5.0;
const BREAKER_PROBE_S: f64 = 1.0;
const BREAKER_PROBE_RATIO: f64 = 0.1;
/// It opens above this ratio of failures, where at least so many attempts per second stand behind it.
const BREAKER_RATIO: f64 = 0.5;
const BREAKER_ATTEMPTS_PER_S: f64 = 2.0;
/// Seconds over which throttling looks back, and accepted calls per call that it sends.
const THROTTLE_WINDOW_S: f64 = 120.0;
const THROTTLE_MULTIPLE: f64 = 2.0;
/// Retries per second that every budget allows, and seconds of tokens that it saves up.
const BUDGET_FLOOR_PER_S: f64 = 10.0;
const BUDGET_WINDOW_S: f64 = 10.0;

/// A count that fades with time.
#[derive(Clone, Copy, Debug, Default)]
struct Fading {
    value: f64,
    at: f64,
}

impl Fading {
    fn now(&mut self, now: f64, window_s: f64) -> &mut f64 {
        if now > self.at {
            self.value *= libm::exp((self.at - now) / window_s);
            self.at = now;
        }
        &mut self.value
    }
}

/// A breaker's position.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breaker {
    Closed,
    Open { until: f64 },
    Probing { until: f64, attempts: u32, failures: u32 },
}

/// The guards of one call.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    breaker: Breaker,
    attempts: Fading,
    failures: Fading,
    asked: Fading,
    accepted: Fading,
    /// First attempts within the budget's window, tokens, and when they were last added to, by the caller's zone.
    firsts: [Fading; ZONES],
    tokens: [f64; ZONES],
    filled: [f64; ZONES],
    /// Whether the breaker and the budget are in force.
    pub guarded: bool,
    pub budgeted: bool,
    /// Whether somebody holds the breaker open.
    pub held_open: bool,
}

impl Guard {
    pub fn new(plan: &CallPlan) -> Self {
        Self {
            breaker: Breaker::Closed,
            attempts: Fading::default(),
            failures: Fading::default(),
            asked: Fading::default(),
            accepted: Fading::default(),
            firsts: [Fading::default(); ZONES],
            tokens: [0.0; ZONES],
            filled: [0.0; ZONES],
            guarded: plan.breaker,
            budgeted: plan.budget.is_some(),
            held_open: false,
        }
    }

    /// A call is about to be made for the first time.
    pub fn first_attempt(&mut self, plan: &CallPlan, zone: usize, now: f64) {
        if let Some(budget) = plan.budget {
            *self.firsts[zone].now(now, BUDGET_WINDOW_S) += 1.0;
            self.tokens[zone] += budget;
        }
        if plan.throttle {
            *self.asked.now(now, THROTTLE_WINDOW_S) += 1.0;
        }
    }

    /// Whether a call may be made at all.
    pub fn passes(&mut self, plan: &CallPlan, now: f64, random: &mut Random) -> bool {
        if self.held_open {
            return false;
        }
        if plan.throttle {
            let (asked, accepted) =
                (*self.asked.now(now, THROTTLE_WINDOW_S), *self.accepted.now(now, THROTTLE_WINDOW_S));
            if random.chance((asked - THROTTLE_MULTIPLE * accepted) / (asked + 1.0)) {
                return false;
            }
        }
        if !self.guarded {
            return true;
        }
        self.turn(now);
        match self.breaker {
            Breaker::Closed => true,
            Breaker::Open { .. } => false,
            Breaker::Probing { .. } => random.chance(BREAKER_PROBE_RATIO),
        }
    }

    /// Moves the breaker on with the time.
    fn turn(&mut self, now: f64) {
        loop {
            match self.breaker {
                Breaker::Open { until } if now >= until => {
                    self.breaker = Breaker::Probing { until: until + BREAKER_PROBE_S, attempts: 0, failures: 0 };
                }
                Breaker::Probing { until, attempts, failures } if now >= until => {
                    if f64::from(failures) < BREAKER_RATIO * f64::from(attempts.max(1)) {
                        self.breaker = Breaker::Closed;
                        let failed = f64::from(failures) / f64::from(attempts.max(1));
                        *self.failures.now(now, BREAKER_WINDOW_S) = failed * *self.attempts.now(now, BREAKER_WINDOW_S);
                    } else {
                        self.breaker = Breaker::Open { until: until + BREAKER_OPEN_S };
                    }
                }
                _ => return,
            }
        }
    }

    /// An attempt ended.
    pub fn attempt_ended(&mut self, plan: &CallPlan, failed: bool, now: f64) {
        if plan.throttle && !failed {
            *self.accepted.now(now, THROTTLE_WINDOW_S) += 1.0;
        }
        if !self.guarded {
            return;
        }
        self.turn(now);
        let attempts = self.attempts.now(now, BREAKER_WINDOW_S);
        *attempts += 1.0;
        let attempts = *attempts;
        let failures = self.failures.now(now, BREAKER_WINDOW_S);
        *failures += f64::from(u8::from(failed));
        let failures = *failures;
        match &mut self.breaker {
            Breaker::Closed => {
                let enough = attempts >= BREAKER_ATTEMPTS_PER_S * BREAKER_WINDOW_S;
                if enough && failures > BREAKER_RATIO * attempts {
                    self.breaker = Breaker::Open { until: now + BREAKER_OPEN_S };
                }
            }
            Breaker::Probing { attempts, failures, .. } => {
                *attempts += 1;
                *failures += u32::from(failed);
            }
            Breaker::Open { .. } => {}
        }
    }

    /// Whether the budget has a token for another attempt, which it then gives away.
    pub fn grants_retry(&mut self, plan: &CallPlan, zone: usize, now: f64) -> bool {
        let (true, Some(budget)) = (self.budgeted, plan.budget) else { return true };
        let firsts_per_s = *self.firsts[zone].now(now, BUDGET_WINDOW_S) / BUDGET_WINDOW_S;
        let most = (firsts_per_s * budget + BUDGET_FLOOR_PER_S) * BUDGET_WINDOW_S;
        let tokens = self.tokens[zone] + BUDGET_FLOOR_PER_S * (now - self.filled[zone]);
        self.filled[zone] = now;
        self.tokens[zone] = tokens.min(most);
        let granted = self.tokens[zone] >= 1.0;
        if granted {
            self.tokens[zone] -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> CallPlan {
        CallPlan {
            to: 0,
            calls: 1.0,
            mode: crate::scenario::CallMode::Sync,
            timeout_s: 1.0,
            retries: 1,
            backoff_s: 0.0,
            budget: Some(0.1),
            breaker: true,
            throttle: false,
            quorum: None,
            fallback: 0.0,
        }
    }

    #[test]
    fn a_breaker_opens_on_failures_probes_and_closes_on_successes() {
        let (plan, mut random) = (plan(), Random::new(1));
        let mut guard = Guard::new(&plan);
        for k in 0..100 {
            guard.attempt_ended(&plan, true, f64::from(k) * 0.01);
        }
        assert!(!guard.passes(&plan, 1.0, &mut random));
        let passing = (0..1000).filter(|_| guard.passes(&plan, 6.0, &mut random)).count();
        assert!((50..200).contains(&passing), "{passing}");
        for _ in 0..10 {
            guard.attempt_ended(&plan, false, 6.1);
        }
        assert!(guard.passes(&plan, 8.0, &mut random));
    }

    #[test]
    fn a_budget_grants_its_ratio_and_its_floor() {
        let plan = plan();
        let mut guard = Guard::new(&plan);
        let mut granted = 0;
        for k in 0..100_000 {
            let now = f64::from(k) * 0.001;
            guard.first_attempt(&plan, 0, now);
            granted += u32::from(guard.grants_retry(&plan, 0, now));
        }
        // A hundred seconds of a thousand calls each: a tenth of them, and ten a second.
        assert!((10_800..=11_100).contains(&granted), "{granted}");
    }
}
