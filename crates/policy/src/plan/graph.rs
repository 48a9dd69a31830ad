//! The order of a plan's steps: cycles, and the least time between two steps.

/// A cycle among steps, `after[i]` being what step `i` waits for; each step of it waits for the one before.
pub(super) fn cycle(after: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut open: Vec<bool> = vec![true; after.len()];
    loop {
        let ready: Vec<usize> =
            (0..after.len()).filter(|&step| open[step] && after[step].iter().all(|&before| !open[before])).collect();
        if ready.is_empty() {
            break;
        }
        ready.into_iter().for_each(|step| open[step] = false);
    }
    // Whoever is left waits for somebody who is left: following them returns to a step met before.
    let mut path = vec![open.iter().position(|&left| left)?];
    loop {
        let at = *path.last()?;
        let next = after[at].iter().copied().find(|&before| open[before])?;
        if let Some(start) = path.iter().position(|&met| met == next) {
            let mut cycle = path.split_off(start);
            cycle.push(next);
            cycle.reverse();
            return Some(cycle);
        }
        path.push(next);
    }
}

/// The least seconds from the end of `from` (the plan's submission without one) to each step, by the waits on the way;
/// none for steps that do not come after `from`. The graph has no cycles.
pub(super) fn least_s(after: &[Vec<usize>], wait_s: &[f64], from: Option<usize>) -> Vec<Option<f64>> {
    let mut least: Vec<Option<f64>> = vec![None; after.len()];
    // A way has at most as many steps as there are.
    for _ in 0..after.len() {
        let mut changed = false;
        for step in 0..after.len() {
            if Some(step) == from {
                continue;
            }
            let mut way: Option<f64> = (from.is_none() && after[step].is_empty()).then_some(0.0);
            for &before in &after[step] {
                let until = if Some(before) == from { Some(0.0) } else { least[before] };
                way = match (way, until) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (one, other) => one.or(other),
                };
            }
            let found = way.map(|way| way + wait_s[step]);
            changed |= found != least[step];
            least[step] = found;
        }
        if !changed {
            break;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_named_in_the_order_of_waiting_and_a_diamond_is_none() {
        assert_eq!(cycle(&[vec![], vec![0], vec![0], vec![1, 2]]), None);
        assert_eq!(cycle(&[vec![0]]), Some(vec![0, 0]));
        let found = cycle(&[vec![], vec![0, 3], vec![1], vec![2]]);
        assert!(found.as_ref().is_some_and(|path| path.len() == 4 && path.first() == path.last()), "{found:?}");
        for pair in found.unwrap_or_default().windows(2) {
            assert!([vec![], vec![0, 3], vec![1], vec![2]][pair[1]].contains(&pair[0]));
        }
    }

    #[test]
    fn the_least_time_is_that_of_the_longest_way() {
        let after = [vec![], vec![0], vec![0], vec![1, 2]];
        let wait = [5.0, 10.0, 20.0, 1.0];
        assert_eq!(least_s(&after, &wait, None), [Some(5.0), Some(15.0), Some(25.0), Some(26.0)]);
        assert_eq!(least_s(&after, &wait, Some(1)), [None, None, None, Some(1.0)]);
    }
}
