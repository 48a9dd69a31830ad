//! Writes frames of one episode under the threshold rules as PPM files, and its last one as text:
//! `cargo run --example frame -- SCENARIO LEVEL FOLDER [DECISION…]`, where SCENARIO may also be `generated-SERVICES-SEED`
//! and LEVEL may be a fault's id, e.g. F08, which picks the first level whose first fault it is.

use std::{error::Error, fs, path::Path, sync::Arc, time::Instant};

use microcloud_core::{Environment, Level, Scenario, Split, Topology};
use microcloud_eval::picture::{Frame, History, draw, text};
use microcloud_policy::{
    Baseline, ThresholdRulesConfig, baseline,
    detector::{Detector, Incident},
};
use ndarray::ArrayView2;

fn scenario(name: &str) -> Result<Scenario, Box<dyn Error>> {
    let parts = name.strip_prefix("generated-").and_then(|rest| rest.split_once('-'));
    Ok(match parts {
        Some((services, seed)) => Scenario::generate(seed.parse()?, services.parse()?)?,
        None => Scenario::load(name)?,
    })
}

/// The level of that number, or the first that a fault begins with.
fn level(topology: &Arc<Topology>, words: &str) -> Result<Level, Box<dyn Error>> {
    if let Ok(number) = words.parse() {
        return Ok(Level::new(number).ok_or("levels end at 2^33")?);
    }
    let mut environment = Environment::new(Arc::clone(topology));
    let has_it = |level: &Level| {
        environment.reset(*level);
        environment.faults().first().is_some_and(|fault| fault.id.to_string() == words)
    };
    Ok(topology.draw_levels(Split::Train, 0, 400, false).into_iter().find(has_it).ok_or("no level has that fault")?)
}

fn write(folder: &Path, name: &str, frame: &Frame) -> Result<(), Box<dyn Error>> {
    let mut bytes = format!("P6\n{} {}\n255\n", frame.width, frame.height).into_bytes();
    bytes.extend_from_slice(&frame.rgb);
    fs::write(folder.join(name), bytes)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, words, folder, decisions @ ..] = &arguments[..] else {
        return Err("usage: frame SCENARIO LEVEL FOLDER [DECISION...]".into());
    };
    let decisions = decisions.iter().map(|word| word.parse()).collect::<Result<Vec<u32>, _>>()?;
    fs::create_dir_all(folder)?;
    let topology = Topology::new(scenario(name)?)?;
    let detector = Detector::new(ThresholdRulesConfig::default().rules, &topology)?;
    let Baseline::Observing(mut policy) = baseline("threshold-rules", &topology)? else {
        return Err("the threshold rules look at more than observations".into());
    };
    let mut environment = Environment::new(Arc::clone(&topology));
    environment.reset(level(&topology, words)?);
    let mut history = History::begin(&environment);
    let mut state = detector.start();
    let mut observation = vec![0.0; topology.observation_size()];
    let mut mask = vec![false; topology.num_actions()];
    let mut action = [0];
    let (mut drawn, mut frames) = (0.0, 0);
    for decision in 1..=topology.scenario().episode_decisions {
        environment.observe(&mut observation);
        environment.action_mask(&mut mask);
        if decision == 1 {
            detector.observe(&mut state, &observation);
        }
        let (rows, masks) = (
            ArrayView2::from_shape((1, observation.len()), &observation)?,
            ArrayView2::from_shape((1, mask.len()), &mask)?,
        );
        policy.act(rows, masks, &[decision == 1], &mut action);
        let transition = environment.step(action[0]);
        environment.observe(&mut observation);
        detector.observe(&mut state, &observation);
        let incidents: Vec<Incident> = detector.incidents(&state);
        history.push(&environment, &transition, action[0], &incidents);
        if decisions.contains(&decision) || transition.terminated || transition.truncated {
            let start = Instant::now();
            let frame = draw(&environment, &history);
            drawn += start.elapsed().as_secs_f64();
            frames += 1;
            write(Path::new(folder), &format!("{name}-{words}-{decision:03}.ppm"), &frame)?;
        }
        if transition.terminated || transition.truncated {
            break;
        }
    }
    print!("{}", text(&environment, &history));
    println!("{frames} frames, {:.1} ms each", 1000.0 * drawn / f64::from(frames.max(1)));
    Ok(())
}
