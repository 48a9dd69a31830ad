//! Trains the sequence detector on control levels of the split train, and prints how often it alarms with and without
//! faults.
//!
//! `cargo run --example train_sequence_detector -- OUT.safetensors [LEVELS] [EPOCHS]`
//!
//! Nothing is sent but no-op. The network learns from LEVELS control levels (24) of each of eight topologies: spine12,
//! online-boutique and six generated ones; what is normal is learned from as many other control levels of each; the figures
//! printed are from yet others, of the split test. With the word `evaluate` in place of EPOCHS, OUT is read and not written.

use std::{collections::BTreeMap, error::Error, path::Path, sync::Arc};

use microcloud_core::{Environment, FaultTarget, Level, Scenario, Split, Topology};
use microcloud_policy::detector::{
    DetectorConfig, DetectorSet, DetectorSetState, IncidentTarget, SequenceConfig, SequenceDetector, ZScoreConfig,
    sequence::{
        FEATURES, Scorer, SequenceModel, Thresholds, sample_looks, service_columns,
        training::{TrainingConfig, train},
    },
};

const RATES: [f64; 3] = [1e-2, 1e-3, 1e-4];
/// Seconds after a fault's onset within which an alarm counts as its detection.
const WITHIN_S: f64 = 60.0;

type Series = Vec<[f64; FEATURES.len()]>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: train_sequence_detector OUT.safetensors [LEVELS] [EPOCHS|evaluate]")?;
    let levels: usize = arguments.next().map_or(Ok(24), |text| text.parse())?;
    let last = arguments.next();
    let mut topologies = Vec::new();
    for name in ["spine12", "online-boutique"] {
        topologies.push(Topology::new(Scenario::load(name)?)?);
    }
    for (seed, services) in [(1, 6), (2, 8), (3, 10), (4, 12), (5, 16), (6, 20)] {
        topologies.push(Topology::new(Scenario::generate(seed, services)?)?);
    }
    let model = if last.as_deref() == Some("evaluate") {
        SequenceModel::read(Path::new(&path))?
    } else {
        let epochs = last.map_or(Ok(TrainingConfig::default().epochs), |text| text.parse())?;
        let model = learn(&topologies, levels, epochs)?;
        std::fs::write(&path, model.to_bytes()?)?;
        SequenceModel::read(Path::new(&path))?
    };
    for topology in &topologies[..2] {
        report(topology, &model)?;
    }
    // A topology that was not among those trained on.
    report(&Topology::new(Scenario::generate(77, 14)?)?, &model)
}

/// The model of the topologies' control levels.
fn learn(topologies: &[Arc<Topology>], levels: usize, epochs: usize) -> Result<SequenceModel, Box<dyn Error>> {
    let (mut learned, mut held_out) = (Vec::new(), Vec::new());
    for topology in topologies {
        let drawn = topology.draw_levels(Split::Train, 1, 2 * levels, true);
        for (place, &level) in drawn.iter().enumerate() {
            let series = series(topology, level)?;
            if place % 2 == 0 { &mut learned } else { &mut held_out }.extend(series);
        }
    }
    let (mean, deviation) = moments(&learned);
    eprintln!(
        "{} series to learn from, {} held out; mean {mean:.4?}, deviation {deviation:.4?}",
        learned.len(),
        held_out.len()
    );
    let normalized: Vec<Vec<Vec<f64>>> = learned
        .iter()
        .map(|series| {
            let scale = |values: &[f64; FEATURES.len()]| {
                values.iter().zip(mean).zip(deviation).map(|((v, m), d)| ((v - m) / d).clamp(-6.0, 6.0)).collect()
            };
            series.iter().map(scale).collect()
        })
        .collect();
    let config = TrainingConfig { epochs, ..TrainingConfig::default() };
    let network = train(&normalized, &config, |epoch, loss| eprintln!("epoch {epoch}: loss {loss:.5}"))?;
    let mut scorer = Scorer::new(network, mean, deviation, [1.0; FEATURES.len()])?;
    scorer.typical_error = scorer.errors(&held_out);
    let thresholds = Thresholds::learn(&RATES, &scorer.scores(&held_out, 12))?;
    eprintln!("typical errors {:.4?}; thresholds {:.3?}", scorer.typical_error, thresholds.scores());
    Ok(SequenceModel { scorer, thresholds })
}

/// The series of every service over a level on which nothing is done.
fn series(topology: &Arc<Topology>, level: Level) -> Result<Vec<Series>, Box<dyn Error>> {
    let services = service_columns(topology)?;
    let mut series = vec![Series::new(); services.len()];
    play(topology, level, |look, observation| {
        if look % sample_looks(topology) == 0 {
            for (series, (_, columns)) in series.iter_mut().zip(&services) {
                series.push(columns.map(|column| f64::from(observation[column])));
            }
        }
    });
    Ok(series)
}

/// Shows every observation of a level on which nothing is done.
fn play(topology: &Arc<Topology>, level: Level, mut look: impl FnMut(u64, &[f32])) {
    let mut environment = Environment::new(Arc::clone(topology));
    environment.reset(level);
    let mut observation = vec![0.0; topology.observation_size()];
    for decision in 0.. {
        environment.observe(&mut observation);
        look(decision, &observation);
        let transition = environment.step(0);
        if transition.terminated || transition.truncated {
            return;
        }
    }
}

/// Mean and standard deviation of each feature.
fn moments(series: &[Series]) -> ([f64; FEATURES.len()], [f64; FEATURES.len()]) {
    let count = series.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let mean: [f64; FEATURES.len()] =
        std::array::from_fn(|feature| series.iter().flatten().map(|values| values[feature]).sum::<f64>() / count);
    let deviation = std::array::from_fn(|feature| {
        let squares = series.iter().flatten().map(|values| (values[feature] - mean[feature]).powi(2));
        (squares.sum::<f64>() / count).sqrt().max(1e-3)
    });
    (mean, deviation)
}

/// Prints how often detectors alarm on control levels and soon after faults, and how often they would by chance.
fn report(topology: &Arc<Topology>, model: &SequenceModel) -> Result<(), Box<dyn Error>> {
    println!("## {}", topology.scenario().name);
    let only = |config: DetectorConfig| DetectorSet::new(&config, topology);
    let mut sets = Vec::new();
    for rate in RATES {
        let mut set = only(DetectorConfig::default())?;
        let config = SequenceConfig { false_alarm_rate: rate, ..SequenceConfig::default() };
        set.add(SequenceDetector::of_model(model.clone(), &config, topology)?)?;
        sets.push((format!("sequence {rate:.0e}"), set));
    }
    let rules = DetectorConfig::all().rules;
    sets.push(("threshold rules".to_owned(), only(DetectorConfig { rules, ..DetectorConfig::default() })?));
    let zscore = Some(ZScoreConfig::default());
    sets.push(("z-score".to_owned(), only(DetectorConfig { zscore, ..DetectorConfig::default() })?));
    for (name, set) in &sets {
        measure(topology, name, set)?;
    }
    Ok(())
}

fn measure(topology: &Arc<Topology>, name: &str, set: &DetectorSet) -> Result<(), Box<dyn Error>> {
    let controls = topology.draw_levels(Split::Test, 5, 40, true);
    let struck = topology.draw_levels(Split::Test, 5, 160, false);
    let alarms = |level| {
        // By opening: seconds and target.
        let (mut state, mut opened): (DetectorSetState, Vec<(f64, IncidentTarget)>) = (set.start(), Vec::new());
        let mut end_s = 0.0;
        play(topology, level, |_, observation| {
            set.observe(&mut state, observation);
            end_s = set.time_s(&state);
            opened.extend(set.open(&state).filter(|open| open.since_s == end_s).map(|open| (end_s, open.check.target)));
        });
        (opened, end_s)
    };
    let control: Vec<_> = controls.iter().map(|&level| alarms(level)).collect();
    let per_level = control.iter().map(|(opened, _)| opened.len()).sum::<usize>() as f64 / control.len() as f64;
    let within = |opened: &[(f64, IncidentTarget)], onset_s: f64, target: Option<IncidentTarget>| {
        let soon = |at_s: f64| at_s > onset_s && at_s <= onset_s + WITHIN_S;
        opened
            .iter()
            .filter(|alarm| soon(alarm.0) && target.is_none_or(|target| alarm.1 == target))
            .map(|a| a.0 - onset_s)
            .next()
    };
    // By fault: levels, detected anywhere, by chance, detected on the struck service, by chance there, seconds.
    let mut by_fault: BTreeMap<String, [f64; 6]> = BTreeMap::new();
    for &level in &struck {
        let mut environment = Environment::new(Arc::clone(topology));
        environment.reset(level);
        let Some(fault) = environment.faults().into_iter().min_by(|a, b| a.onset_s.total_cmp(&b.onset_s)) else {
            continue;
        };
        let (opened, _) = alarms(level);
        let target = match fault.target {
            FaultTarget::Service(service) => Some(IncidentTarget::Service(service)),
            _ => None,
        };
        let chance = |target| {
            let hits = control.iter().filter(|(opened, _)| within(opened, fault.onset_s, target).is_some()).count();
            hits as f64 / control.len() as f64
        };
        for key in [fault.id.to_string(), "all".to_owned()] {
            let row = by_fault.entry(key).or_default();
            row[0] += 1.0;
            if let Some(seconds) = within(&opened, fault.onset_s, None) {
                row[1] += 1.0;
                row[5] += seconds;
            }
            row[2] += chance(None);
            row[3] += f64::from(u8::from(within(&opened, fault.onset_s, target).is_some()));
            row[4] += chance(target);
        }
    }
    println!("{name}: {per_level:.2} incidents per control level");
    for (fault, [count, found, chance, own, own_chance, seconds]) in by_fault {
        println!(
            "  {fault:4} {count:4}: {:5.1} % anywhere (chance {:4.1} %), {:5.1} % on the service (chance {:4.1} %), after {:4.1} s",
            100.0 * found / count,
            100.0 * chance / count,
            100.0 * own / count,
            100.0 * own_chance / count,
            seconds / found.max(1.0),
        );
    }
    Ok(())
}
