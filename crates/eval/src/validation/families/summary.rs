//! What the duels come to: errors by family, the faults for which the fluid engine is not to be trusted, and a picture.

use std::fmt::Write as _;

use super::Case;
use crate::validation::{Plot, Series};

/// Distance in availability from which the fluid engine's outcome of a fault is not to be trusted.
const BAD: f64 = 0.1;
/// Distance within which it is as good as the exact one's.
const GOOD: f64 = 0.02;

pub(super) const MEANING: &str = "\
Every family of scenarios is played without a fault and with each fault of its catalogue, two levels each, ten minutes, no \
actions, the fault at 60 s. The fluid engine plays the level; the exact engine gets the same users and the same \
surroundings tick by tick (which replicas run, are impaired or in rotation, which links lose messages) and decides by itself \
what becomes of every request: queues, timeouts, retries, breakers, pools, caches, messages. Health checks, supervisors and \
autoscalers are not judged here: both engines have the fluid one's. `expected` is the exact engine's figure. Availability is \
good requests over offered ones; p99 is the mean over minutes in which at least 200 requests were answered well; queue is \
the mean number of requests that wait or are worked on, over all services.

Without a fault availability and queue agree, and are held to 0.002 and 1 %; the 99th percentile does not (the table below). \
With a fault the engines agree for most, and part where a storm of retries, a breaker or a broker that delivers again makes \
a small difference grow: there a few percent decide between recovery and collapse for minutes. Rows with a fault inform.

Do not trust the fluid engine, then, for whether one particular level tips over or comes back under the faults in the last \
column below; for a 99th percentile that is made of \
rare long branches of the call graph, which it takes from two moments; for the tail of a drain (see the changes of load); \
and for the seconds in which a fault strikes, because a request meets all its callees in the same tick.";

/// Errors by family, and what follows from them.
pub(super) fn details(cases: &[Case]) -> String {
    let mut text = "| family | availability without fault | queue without fault | p99 without fault | \
                    availability with a fault: median, worst | within 0.02 | off by more than 0.1 |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for family in families(cases) {
        let of_family = || cases.iter().filter(|case| case.family == family);
        let Some(calm) = of_family().find(|case| case.fault.is_none()) else { continue };
        let [availability, queue, p99] =
            [calm.mean(|it| it.availability), calm.mean(|it| it.queue), calm.mean(|it| it.p99_ms)];
        let percent = |[exact, fluid]: [f64; 2]| 100.0 * (fluid / exact - 1.0);
        let mut errors: Vec<(f64, String)> =
            of_family().filter_map(|case| Some((distance(case), case.fault?.to_string()))).collect();
        errors.sort_by(|a, b| a.0.total_cmp(&b.0));
        let within = errors.iter().filter(|(error, _)| *error <= GOOD).count();
        let mut bad: Vec<&str> =
            errors.iter().filter(|(error, _)| *error > BAD).map(|(_, fault)| fault.as_str()).collect();
        bad.sort_unstable();
        let at = |place: usize| errors.get(place).map_or(f64::NAN, |(error, _)| *error);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {family} | {:+.4} | {:+.1} % | {:+.0} % | {:.3}, {:.2} | {within} of {} | {} |",
            availability[1] - availability[0],
            percent(queue),
            percent(p99),
            at(errors.len() / 2),
            at(errors.len().saturating_sub(1)),
            errors.len(),
            if bad.is_empty() { "none".to_owned() } else { bad.join(", ") },
        );
    }
    text
}

/// Fluid over exact availability, one mark a case.
pub(super) fn plot(cases: &[Case]) -> Plot {
    let mut plot = Plot::new(
        "families",
        "Availability with each fault, two levels each: fluid against exact",
        ["exact engine", "fluid engine"],
    );
    plot.series.push(Series::dashed("equal", vec![(0.0, 0.0), (1.0, 1.0)], 0));
    for (place, family) in families(cases).into_iter().enumerate() {
        let of_family = cases.iter().filter(|case| case.family == family);
        let points = of_family.flat_map(|case| &case.duels);
        let points: Vec<(f64, f64)> =
            points.map(|duel| (duel.exact.availability.max(0.0), duel.fluid.availability)).collect();
        plot.series.push(Series { label: family.to_owned(), ..Series::circles(points, place + 1) });
    }
    plot
}

fn distance(case: &Case) -> f64 {
    let [exact, fluid] = case.mean(|it| it.availability);
    (exact - fluid).abs()
}

fn families(cases: &[Case]) -> Vec<&str> {
    let mut families: Vec<&str> = cases.iter().map(|case| case.family.as_str()).collect();
    families.dedup();
    families
}
