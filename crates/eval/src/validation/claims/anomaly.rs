//! The z-score detector of the described reliability platform: its false alarms, and how soon it can act.

use microcloud_core::CounterRng;

use crate::validation::{
    Effort, Engine, Row,
    claims::{
        draws::{normals, uniform},
        sample::{Sample, simulated},
        voting::{deviance, largest_population_z, largest_z},
    },
};

/// Standard deviations beyond which a point is an anomaly.
const SENSITIVITY: f64 = 2.5;
/// Points that mean and deviation are estimated from, the current one not among them.
const WINDOW: usize = 20;
/// Twelve services with five metrics each.
const SERIES: f64 = 60.0;
/// Seconds between two scrapes, two detections and two evaluations of policies.
const PERIODS_S: [f64; 3] = [10.0, 30.0, 30.0];

/// Probability that a standard normal variable is further than `z` from 0.
fn normal_tails(z: f64) -> f64 {
    libm::erfc(z / std::f64::consts::SQRT_2)
}

/// The same for Student's t with an odd number of degrees of freedom from 3 on (Abramowitz and Stegun, 26.7.3).
fn student_tails(t: f64, degrees: u32) -> f64 {
    let angle = libm::atan(t / f64::from(degrees).sqrt());
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    let (mut term, mut sum) = (cosine, cosine);
    for even in (2..degrees - 1).step_by(2) {
        term *= cosine * cosine * f64::from(even) / f64::from(even + 1);
        sum += term;
    }
    1.0 - std::f64::consts::FRAC_2_PI * (angle + sine * sum)
}

/// Probability that a point is further than the sensitivity from the mean of the window before it, in the window's
/// deviations: their ratio times `sqrt(n / (n + 1))` is Student's t. `less` is 1 for the sample deviation, 0 for the
/// population's.
fn false_alarm(less: usize) -> f64 {
    let n = WINDOW as f64;
    let scale = ((n - 1.0) / (n - less as f64)).sqrt();
    student_tails(SENSITIVITY * scale / (1.0 + 1.0 / n).sqrt(), WINDOW as u32 - 1)
}

pub(super) fn rows(effort: Effort) -> Vec<Row> {
    let scale = if effort == Effort::Full { 2 } else { 1 };
    let mut rows = false_alarms(scale);
    rows.extend(short_windows(scale));
    rows.extend(time_to_act(scale));
    rows
}

/// Whether the detector takes the last of some independent normal points for an anomaly.
fn alarms(rng: &mut CounterRng, sigma_known: bool) -> bool {
    if sigma_known {
        return normals(rng)[0].abs() > SENSITIVITY;
    }
    let mut points = [0.0; WINDOW + 2];
    for pair in points.chunks_exact_mut(2) {
        pair.copy_from_slice(&normals(rng));
    }
    let window = &points[..WINDOW];
    let mean = window.iter().sum::<f64>() / WINDOW as f64;
    let squares: f64 = window.iter().map(|x| (x - mean) * (x - mean)).sum();
    (points[WINDOW] - mean).abs() > SENSITIVITY * (squares / (WINDOW - 1) as f64).sqrt()
}

fn false_alarms(scale: usize) -> Vec<Row> {
    let name = "z-score detector, window 20, sensitivity 2.5, normal points";
    let (known, estimated) = (normal_tails(SENSITIVITY), false_alarm(1));
    let normal = "P(|Z| > 2.5) of the normal distribution (mean and deviation known)";
    let student = "P(|t| > 2.5 / sqrt(1 + 1/20)) of Student's t with 19 degrees of freedom (both estimated)";
    let population =
        "the same with the population deviation, which makes more alarms: the description does not say which";
    let [by_known, by_estimate] = [true, false].map(|sigma_known| {
        // Enough for standard errors below 1 % of ratios of 1.24 and 2.47 %.
        let trials = scale * if sigma_known { 1_100_000 } else { 540_000 };
        Sample::draw(600 + u64::from(sigma_known), trials, |rng| f64::from(u8::from(alarms(rng, sigma_known)))).mean()
    });
    let closed = |quantity: &str, expected: f64, measured: f64, tolerance: f64, source: &str| {
        Row::held(name, Engine::Closed, quantity, [expected, measured], tolerance, source)
    };
    let [few, many] = ["false alarms per check of 60 series, known", "false alarms per check of 60 series, estimated"];
    vec![
        closed("false-alarm probability, known", 0.0124, known, 5e-5, normal),
        closed("false-alarm probability, estimated", 0.0247, estimated, 5e-5, student),
        closed(few, 0.7, SERIES * known, 0.05, normal),
        closed(many, 1.5, SERIES * estimated, 0.05, student),
        simulated(name, "false-alarm probability, known", known, by_known, normal),
        simulated(name, "false-alarm probability, estimated", estimated, by_estimate, student),
        Row::informing(
            name,
            Engine::Closed,
            "false-alarm probability, estimated by the population deviation",
            [estimated, false_alarm(0)],
            population,
        ),
    ]
}

/// Where the current point is in its own window, a short window cannot alarm.
fn short_windows(scale: usize) -> Vec<Row> {
    let name = "z > 2.5 with the current point inside a window of 8";
    let rule = "(n - 1) / sqrt(n) (Samuelson, JASA 63, 1968); with the population deviation sqrt(n - 1), a window of 7";
    let search = |points: usize, less: usize| {
        Sample::draw(700, scale * 60_000, move |rng| {
            let mut window: Vec<f64> = (0..points).map(|_| uniform(rng)).collect();
            window[0] += libm::pow(10.0, 6.0 * uniform(rng));
            deviance(&window, less)
        })
    };
    let (sample, population) = (search(8, 1), search(7, 0));
    let closed = |quantity: &str, expected: f64, measured: f64| {
        Row::held(name, Engine::Closed, quantity, [expected, measured], 5e-4, rule)
    };
    let above = |z: &Sample| z.ratio(|z| z > SENSITIVITY);
    let silent = "ratio of windows of 8 that alarm, sample deviation";
    let quiet = "ratio of windows of 7 that alarm, population deviation";
    vec![
        closed("largest z, sample deviation", 2.475, largest_z(8)),
        Row::informing(name, Engine::Closed, "largest z, population deviation", [2.475, largest_population_z(8)], rule),
        simulated(name, silent, 0.0, above(&sample), rule),
        simulated(name, quiet, 0.0, above(&population), rule),
        Row::held(
            name,
            Engine::Sampled,
            "largest z found, sample deviation",
            [largest_z(8), sample.largest()],
            5e-4,
            rule,
        ),
    ]
}

/// Seconds from an onset until the policy engine acts: each loop takes up what the one before it left, at its next turn.
fn until_action(rng: &mut CounterRng) -> f64 {
    let mut time_s = 0.0;
    for period_s in PERIODS_S {
        let phase_s = period_s * uniform(rng);
        // The first turn at or after what was left.
        time_s = phase_s + period_s * libm::ceil((time_s - phase_s) / period_s);
    }
    time_s
}

fn time_to_act(scale: usize) -> Vec<Row> {
    let name = "scrape every 10 s, detect every 30 s, evaluate policies every 30 s, independent phases";
    let source = "a sum of independent waits, uniform over 10, 30 and 30 s";
    let sample = Sample::draw(800, scale * 60_000, until_action);
    let longest: f64 = PERIODS_S.iter().sum();
    vec![
        simulated(name, "mean time to act (s)", 0.5 * longest, sample.mean(), source),
        simulated(name, "ratio within [0, 70] s", 1.0, sample.within(0.0, longest), source),
    ]
}

#[cfg(test)]
mod tests {
    use super::{false_alarm, normal_tails, student_tails};
    use crate::validation::claims::voting::{largest_population_z, largest_z};

    #[test]
    fn the_tails_are_the_tabled_ones() {
        // Two-sided 5 % and 1 % points of the normal and of t with 3, 5 and 19 degrees of freedom (any table of them).
        assert!((normal_tails(1.959_963_985) - 0.05).abs() < 1e-9);
        assert!((normal_tails(2.575_829_304) - 0.01).abs() < 1e-9);
        for (degrees, t, tails) in
            [(3, 3.182_446, 0.05), (5, 4.032_143, 0.01), (19, 2.093_024, 0.05), (19, 2.860_935, 0.01)]
        {
            assert!((student_tails(t, degrees) - tails).abs() < 1e-6, "{degrees} {t}");
        }
    }

    #[test]
    fn false_alarms_are_the_published_ones_as_printed() {
        assert!((100.0 * normal_tails(2.5) - 1.24).abs() < 0.005);
        assert!((100.0 * false_alarm(1) - 2.47).abs() < 0.005);
        assert!(false_alarm(0) > false_alarm(1));
    }

    #[test]
    fn a_window_of_eight_is_too_short_by_the_sample_deviation_and_one_of_seven_by_the_populations() {
        assert!(largest_z(8) < 2.5 && largest_z(9) > 2.5);
        assert!(largest_population_z(7) < 2.5 && largest_population_z(8) > 2.5);
    }
}
