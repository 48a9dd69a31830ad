//! Rules of zones, prices, noise and actions.

use super::{
    super::lab::{DOWN, Lab, cluster},
    Check,
};
use crate::{
    action::Action,
    lanes::{lane, one_hot},
    rules::Rule,
};

pub(super) const CHECKS: &[(Rule, Check)] = &[
    (Rule::ShiftLag, |off| {
        let mut lab = Lab::new(&plain("", 2), off);
        lab.state.zone_target = one_hot(1);
        // Ten seconds of lag: a tenth of what was there is left after 23.
        let soon = lane(lab.run(2).state.zone_weight, 0);
        (soon - 0.5 * (-0.2_f32).exp()).abs() < 0.01 && lane(lab.run(60).state.zone_weight, 0) < 0.01
    }),
    (Rule::Price, |off| {
        let text = plain("", 2).replace("name = \"z1\"\n", "name = \"z1\"\nprice = 10\n");
        let mut lab = Lab::new(&text, off);
        // The third replica goes to the cheap zone: 12 / 11 of the cost.
        lab.scale("a", 1.0).run(10);
        (lab.state.accounts.cost / f64::from(lab.state.accounts.ticks) - 12.0 / 11.0).abs() < 1e-3
    }),
    (Rule::ActuationDelay, |off| {
        let mut lab = Lab::new(&plain("actuation_delay_s = 10", 1), off);
        let up = Action::ScaleUp(lab.id("a"));
        let soon = lab.act(up).run(9).own("a").wanted;
        soon < 2.5 && lab.run(5).own("a").wanted > 2.5
    }),
    (Rule::ControlPlane, |off| {
        let rest = "[[services]]\nname = \"control\"\nreplicas = 1\nservice_time_ms = 1\n";
        let mut lab = Lab::new(&(plain("control_plane = \"control\"", 1) + rest), off);
        let up = Action::ScaleUp(lab.id("a"));
        lab.impair("control", 1.0, DOWN).act(up).run(30).own("a").wanted < 2.5
    }),
    (Rule::ArrivalNoise, |off| {
        let calm: Vec<&str> = off.iter().copied().chain(["telemetry-noise"]).collect();
        let mut lab = Lab::noisy(&plain("", 1), &calm);
        let (mut sum, mut squares, ticks) = (0.0, 0.0, 2000);
        lab.run_with(ticks, |state| {
            let rate = f64::from(state.arrivals_per_s.reduce_add());
            sum += rate;
            squares += rate * rate;
        });
        let mean = sum / f64::from(ticks);
        let variance = squares / f64::from(ticks) - mean * mean;
        // Poisson: as much variance as mean.
        (mean / 100.0 - 1.0).abs() < 0.02 && (variance / mean - 1.0).abs() < 0.2
    }),
    (Rule::TelemetryNoise, |off| {
        let text = plain("telemetry = { scrape_s = 1, noise = 0.1, loss = 0.5 }", 1);
        let calm: Vec<&str> = off.iter().copied().chain(["arrival-noise"]).collect();
        let mut lab = Lab::noisy(&text, &calm);
        let (mut low, mut high, mut scrapes, mut last) = (f32::MAX, 0.0_f32, 0, 0);
        lab.run_with(200, |state| {
            let seen = &state.services[0].telemetry;
            low = low.min(seen.utilisation);
            high = high.max(seen.utilisation);
            scrapes += u32::from(seen.scraped_at != last);
            last = seen.scraped_at;
        });
        high > 1.1 * low && (80..120).contains(&scrapes)
    }),
];

/// A service of two replicas that do far more than they are asked for.
fn plain(head: &str, zones: usize) -> String {
    let service = "[[services]]\nname = \"a\"\nreplicas = 2\nservice_time_ms = 10\nconcurrency = 4\n";
    cluster(head, "rate_per_s = 100", zones, service)
}
