//! The check that calls lead nowhere in circles.

use super::{
    Scenario,
    validate::{Check, Services},
};

/// Removes services that nobody left calls, until none is left; what remains lies on or behind a cycle.
pub(super) fn acyclic(scenario: &Scenario, services: &Services) -> Check {
    let calls: Vec<(usize, usize)> =
        scenario.calls.iter().map(|call| (services[call.from.as_str()].0, services[call.to.as_str()].0)).collect();
    let mut callers = vec![0_usize; scenario.services.len()];
    let mut callees = vec![Vec::new(); scenario.services.len()];
    for &(from, to) in &calls {
        callers[to] += 1;
        callees[from].push(to);
    }
    let mut free: Vec<usize> = (0..callers.len()).filter(|&service| callers[service] == 0).collect();
    while let Some(service) = free.pop() {
        for &callee in &callees[service] {
            callers[callee] -= 1;
            if callers[callee] == 0 {
                free.push(callee);
            }
        }
    }
    let Some(mut last) = callers.iter().position(|&left| left > 0) else { return Ok(()) };
    // Every service left has a caller left: walking callers backwards must meet one twice.
    let mut caller_of = vec![None; callers.len()];
    for &(from, to) in calls.iter().filter(|(from, _)| callers[*from] > 0) {
        caller_of[to].get_or_insert(from);
    }
    let mut path = vec![last];
    while let Some(caller) = caller_of[last].take() {
        path.push(caller);
        last = caller;
    }
    let start = path.iter().position(|&service| service == last).unwrap_or(0);
    let cycle: Vec<&str> =
        path[start..].iter().rev().map(|&service| scenario.services[service].name.as_str()).collect();
    Err(format!("calls: a cycle {}; allowed: none", cycle.join(" -> ")))
}
