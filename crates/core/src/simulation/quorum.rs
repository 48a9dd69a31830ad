//! Quorums: a call that asks every replica and waits for enough equal answers.

use crate::{
    lanes::{f32x4, unit},
    simulation::requests::exceeds,
    state::{HEALTHY, IMPAIRED, ServiceState},
};

/// Most replicas that a quorum asks.
const MOST: usize = 16;

/// What a quorum call comes to.
pub(super) struct Verdict {
    /// Probability that too few answers agree in time.
    pub failure: f32,
    /// Probability that an answer is wrong, given that enough agree.
    pub wrong: f32,
    /// Mean seconds until enough agree, or the timeout.
    pub held_s: f32,
    /// Their variance.
    pub variance: f32,
}

/// The verdict of `needed` equal answers among all the replicas in rotation.
///
/// Replicas answer independently: each population's in time with `1 - late`, correctly with `1 - wrong`; the numbers of
/// correct and of wrong ones are sums of two binomials. The wait is the `needed`-th of the faster population's shifted
/// exponentials (Renyi's representation), or the slower one's where the faster are too few. Only the zones within reach
/// are asked.
pub(super) fn verdict(callee: &ServiceState, needed: u8, timeout_s: f32, reach: f32x4) -> Verdict {
    let mut groups = [(0.0, 0.0, 0.0, 0.0, 0.0); 2];
    let kinds = if callee.has_impaired { 2 } else { 1 };
    for kind in 0..kinds {
        let population = &callee.populations[kind];
        let counts = population.in_rotation() * reach;
        let count = counts.reduce_add();
        if count <= 0.0 {
            continue;
        }
        let late = exceeds(timeout_s, population.mean_s, population.sd_s);
        let mean_of = |lanes: f32x4| (lanes * counts).reduce_add() / count;
        let trouble = if kind == IMPAIRED { callee.impairment } else { crate::state::Impairment::NONE };
        let answers = mean_of(unit(f32x4::ONE - late) * callee.calls_success * population.answered);
        let wrong = 1.0 - (1.0 - trouble.wrong) * (1.0 - callee.condition.wrong);
        groups[kind] =
            (count, answers * (1.0 - wrong), answers * wrong, mean_of(population.mean_s), mean_of(population.sd_s));
    }
    let needed = usize::from(needed);
    let at_least = |pick: fn(&(f32, f32, f32, f32, f32)) -> f32| {
        let (first, second) = (
            binomial(groups[HEALTHY].0, pick(&groups[HEALTHY])),
            binomial(groups[IMPAIRED].0, pick(&groups[IMPAIRED])),
        );
        let mut below = 0.0;
        for a in 0..needed.min(MOST + 1) {
            for b in 0..needed - a {
                below += first[a] * second[b.min(MOST)];
            }
        }
        (1.0_f32 - below).clamp(0.0, 1.0)
    };
    let correct = at_least(|group| group.1);
    let wrong = at_least(|group| group.2) * (1.0 - correct);
    let success = correct + wrong;
    let (held_s, variance) = wait(&groups, needed, timeout_s);
    let answered = success.clamp(0.0, 1.0);
    Verdict {
        failure: 1.0 - answered,
        wrong: if answered > 0.0 { wrong / answered } else { 0.0 },
        held_s: answered * held_s.min(timeout_s) + (1.0 - answered) * timeout_s,
        variance,
    }
}

/// Mean and variance of the `needed`-th answer.
///
/// Replicas are counted in fractions, of which checks that fail by chance leave one a little below a whole number: what
/// the faster population lacks of `needed` is the probability that a slower replica has to answer, and what both lack that
/// nobody does before the timeout.
fn wait(groups: &[(f32, f32, f32, f32, f32); 2], needed: usize, timeout_s: f32) -> (f32, f32) {
    let asked = groups[HEALTHY].0 + groups[IMPAIRED].0;
    let among = |count: f32| (count - needed as f32 + 1.0).clamp(0.0, 1.0);
    let faster = if groups[IMPAIRED].0 > 0.0 && groups[IMPAIRED].3 < groups[HEALTHY].3 { IMPAIRED } else { HEALTHY };
    let [fast, slow] = [&groups[faster], &groups[1 - faster]];
    let (by_fast, by_any) = (among(fast.0), among(asked));
    let of_slow = if slow.0 >= needed as f32 { slow.0 } else { asked };
    let cases = [
        (by_fast, ordered(fast, needed, fast.0)),
        (by_any - by_fast, ordered(slow, needed, of_slow)),
        (1.0 - by_any, (timeout_s, 0.0)),
    ];
    let (mut mean, mut second) = (0.0, 0.0);
    for (chance, (case_mean, case_variance)) in cases.into_iter().filter(|(chance, _)| *chance > 0.0) {
        mean += chance * case_mean;
        second += chance * (case_variance + case_mean * case_mean);
    }
    (mean, (second - mean * mean).max(0.0))
}

/// Mean and variance of the `needed`-th of `number` answers of one population (Renyi's representation).
fn ordered(by: &(f32, f32, f32, f32, f32), needed: usize, number: f32) -> (f32, f32) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for order in 0..needed {
        let left = (number - order as f32).max(1.0);
        sum += 1.0 / left;
        squares += 1.0 / (left * left);
    }
    // Where the deviation exceeds the mean, the exponential would start before the request does.
    ((by.3 - by.4 + by.4 * sum).max(0.0), by.4 * by.4 * squares)
}

/// Probabilities of 0, 1, … successes among a number of trials that may lie between two whole ones.
fn binomial(trials: f32, success: f32) -> [f32; MOST + 1] {
    let whole = (trials.floor() as usize).min(MOST);
    let part = (trials - whole as f32).clamp(0.0, 1.0);
    let mut probability = [0.0; MOST + 1];
    probability[0] = 1.0;
    let mut try_once = |success: f32| {
        for k in (0..=MOST).rev() {
            let below = if k > 0 { probability[k - 1] } else { 0.0 };
            probability[k] = probability[k] * (1.0 - success) + below * success;
        }
    };
    for _ in 0..whole {
        try_once(success);
    }
    try_once(success * part);
    probability
}
