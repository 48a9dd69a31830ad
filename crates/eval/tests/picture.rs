//! Properties of frames and text: what they show, that they are the same for the same state, and that nothing breaks them.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use microcloud_core::{Action, Environment, Level, Scenario, ServiceId, Split, Topology};
use microcloud_eval::{
    Contender,
    picture::{Frame, History, draw, text},
    play,
};
use microcloud_policy::{
    Baseline, ThresholdRulesConfig, baseline,
    detector::{Detector, DetectorState},
};
use ndarray::ArrayView2;
use unicode_width::UnicodeWidthStr;

type Outcome = Result<(), Box<dyn Error>>;

/// The tint of a failing service's box.
const FAILING: [u8; 3] = [252, 218, 196];
/// The tint of one that is well.
const WELL: [u8; 3] = [229, 245, 239];

/// An environment with its history and detectors.
struct Episode {
    environment: Environment,
    history: History,
    detector: Detector,
    state: DetectorState,
}

impl Episode {
    fn begin(topology: &Arc<Topology>, level: Level) -> Result<Self, Box<dyn Error>> {
        let mut environment = Environment::new(Arc::clone(topology));
        environment.reset(level);
        let history = History::begin(&environment);
        let detector = Detector::new(ThresholdRulesConfig::default().rules, topology)?;
        let state = detector.start();
        let mut episode = Self { environment, history, detector, state };
        episode.look();
        Ok(episode)
    }

    fn look(&mut self) -> Vec<f32> {
        let mut observation = vec![0.0; self.environment.topology().observation_size()];
        self.environment.observe(&mut observation);
        self.detector.observe(&mut self.state, &observation);
        observation
    }

    fn step(&mut self, action: usize) -> bool {
        let transition = self.environment.step(action);
        self.look();
        let incidents = self.detector.incidents(&self.state);
        self.history.push(&self.environment, &transition, action, &incidents);
        transition.terminated || transition.truncated
    }

    fn frame(&self) -> Frame {
        draw(&self.environment, &self.history)
    }

    fn text(&self) -> String {
        text(&self.environment, &self.history)
    }
}

fn topology(name: &str) -> Result<Arc<Topology>, Box<dyn Error>> {
    Ok(Topology::new(Scenario::load(name)?)?)
}

/// The first of a scenario's levels whose only fault is this one.
fn level_with(topology: &Arc<Topology>, id: &str) -> Result<Level, Box<dyn Error>> {
    let mut environment = Environment::new(Arc::clone(topology));
    let has_it = |level: &Level| {
        environment.reset(*level);
        let faults = environment.faults();
        faults.len() == 1 && faults[0].id.to_string() == id
    };
    let levels = topology.draw_levels(Split::Train, 0, 500, false);
    levels.into_iter().find(has_it).ok_or_else(|| format!("no level with only {id}").into())
}

fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut is_escaped = false;
    for letter in text.chars() {
        match letter {
            '\u{1b}' => is_escaped = true,
            'm' if is_escaped => is_escaped = false,
            _ if !is_escaped => plain.push(letter),
            _ => {}
        }
    }
    plain
}

fn pixels(frame: &Frame, colour: [u8; 3]) -> usize {
    frame.rgb.chunks_exact(3).filter(|pixel| **pixel == colour).count()
}

#[test]
fn equal_states_give_equal_frames_and_text() -> Outcome {
    let topology = topology("spine12")?;
    let level = level_with(&topology, "F04")?;
    let (mut one, mut other) = (Episode::begin(&topology, level)?, Episode::begin(&topology, level)?);
    for decision in 0..60 {
        let action = decision % 7;
        one.step(action);
        other.step(action);
        if decision % 20 == 0 {
            other.frame();
            assert_eq!(one.frame(), other.frame());
            assert_eq!(one.text(), other.text());
        }
    }
    other.step(3);
    assert_ne!(one.frame(), other.frame());
    assert_ne!(one.text(), other.text());
    Ok(())
}

#[test]
fn a_frame_has_the_same_even_size_in_every_decision() -> Outcome {
    let topology = topology("online-boutique")?;
    let mut episode = Episode::begin(&topology, level_with(&topology, "F05")?)?;
    let mut sizes = BTreeSet::new();
    for _ in 0..topology.scenario().episode_decisions {
        episode.step(0);
        if episode.environment.decision() % 30 == 0 {
            let frame = episode.frame();
            assert_eq!(frame.rgb.len(), frame.width * frame.height * 3);
            sizes.insert((frame.width, frame.height));
        }
    }
    assert_eq!(sizes.len(), 1);
    assert!(sizes.iter().all(|(width, height)| width % 2 == 0 && height % 2 == 0));
    Ok(())
}

#[test]
fn a_sick_service_changes_its_colour_and_its_mark() -> Outcome {
    let topology = topology("spine12")?;
    let mut episode = Episode::begin(&topology, level_with(&topology, "F04")?)?;
    episode.step(0);
    let calm = episode.frame();
    assert_eq!(pixels(&calm, FAILING), 0);
    let mut sick = 0;
    while sick == 0 && !episode.step(0) {
        let failing = (0..topology.num_services() as u32)
            .filter(|&service| episode.environment.service_metrics(ServiceId(service)).failure_ratio > 0.05);
        sick = failing.count();
    }
    assert!(sick > 0);
    let frame = episode.frame();
    assert!(pixels(&frame, FAILING) > 1000 && pixels(&frame, WELL) + 1000 < pixels(&calm, WELL));
    let text = without_colours(&episode.text());
    assert!(text.lines().filter(|line| line.starts_with("! ") && line.ends_with_failing()).count() >= sick, "{text}");
    Ok(())
}

/// Lines of services that fail.
trait Failing {
    fn ends_with_failing(&self) -> bool;
}

impl Failing for str {
    fn ends_with_failing(&self) -> bool {
        self.split_whitespace().any(|word| word == "failing")
    }
}

#[test]
fn the_last_action_stands_in_the_text_by_name() -> Outcome {
    let topology = topology("spine12")?;
    let auth = topology.service("auth").ok_or("no auth")?;
    let restart = topology.action_index(Action::Restart(auth)).ok_or("no restart")?;
    let mut episode = Episode::begin(&topology, Level::draw(Split::Train, 0, 0))?;
    assert!(without_colours(&episode.text()).contains("action none yet"));
    episode.step(restart);
    assert!(without_colours(&episode.text()).contains("action restart(auth)\n"));
    let marked = episode.frame();
    episode.step(0);
    assert!(without_colours(&episode.text()).contains("action restart(auth), 0:10 ago"));
    let mut idle = Episode::begin(&topology, Level::draw(Split::Train, 0, 0))?;
    idle.step(0);
    let blue = [0, 114, 178];
    assert!(pixels(&marked, blue) > pixels(&idle.frame(), blue) + 100);
    Ok(())
}

#[test]
fn an_active_fault_is_named_and_ends_when_it_ends() -> Outcome {
    let topology = topology("spine12")?;
    let mut episode = Episode::begin(&topology, level_with(&topology, "F04")?)?;
    let fault = episode.environment.faults()[0];
    let (mut before, mut during) = (0, 0);
    while !episode.step(0) {
        let text = without_colours(&episode.text());
        match episode.environment.active_faults().len() {
            0 if episode.environment.time_s() <= fault.onset_s => {
                assert!(!text.contains("F04"), "a fault to come is shown");
                before += 1;
            }
            0 => {}
            _ => {
                assert!(text.contains("F04 replica crash on") && text.contains(", since "), "{text}");
                during += 1;
            }
        }
    }
    assert!(before > 0 && during > 0);
    Ok(())
}

#[test]
fn times_to_detect_and_recover_are_the_evaluations() -> Outcome {
    let topology = topology("online-boutique")?;
    let level = level_with(&topology, "F05")?;
    let outcomes = play(&topology, &Contender::baseline("threshold-rules")?, &[level], None, &())?;
    let Baseline::Observing(mut policy) = baseline("threshold-rules", &topology)? else {
        return Err("privileged".into());
    };
    let mut episode = Episode::begin(&topology, level)?;
    let mut mask = vec![false; topology.num_actions()];
    let mut observation = vec![0.0; topology.observation_size()];
    let mut action = [0];
    loop {
        episode.environment.observe(&mut observation);
        episode.environment.action_mask(&mut mask);
        let rows = ArrayView2::from_shape((1, observation.len()), &observation)?;
        let masks = ArrayView2::from_shape((1, mask.len()), &mask)?;
        policy.act(rows, masks, &[episode.environment.decision() == 0], &mut action);
        if episode.step(action[0]) {
            break;
        }
    }
    let clock = |seconds: f64| format!("+{}:{:02.0}", (seconds / 60.0).floor(), (seconds % 60.0).floor());
    let (ttd_s, ttr_s) = (outcomes[0].ttd_s.ok_or("no detection")?, outcomes[0].ttr_s.ok_or("no recovery")?);
    assert!(outcomes[0].recovered == Some(true) && ttr_s > 0.0);
    let text = without_colours(&episode.text());
    assert!(text.contains(&format!("detected {}", clock(ttd_s))), "{ttd_s} {text}");
    assert!(text.contains(&format!("recovered {}", clock(ttr_s))), "{ttr_s} {text}");
    assert_eq!(episode.history.total_reward(), outcomes[0].total_reward);
    assert_eq!(episode.history.availability(), outcomes[0].availability);
    Ok(())
}

/// Clusters that a picture is not made for.
fn odd_scenarios() -> Result<Vec<Scenario>, Box<dyn Error>> {
    let service = |name: &str| format!("[[services]]\nname = \"{name}\"\nreplicas = 1\nservice_time_ms = 5.0\n");
    let call = |from: &str, to: &str| format!("[[calls]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    let scenario = |name: &str, zone: &str, services: &[String], calls: &[(usize, usize)]| {
        let head = format!(
            "name = {name:?}\ntick_ms = 50\ndecision_ticks = 10\nepisode_decisions = 20\n\
             workload = {{ entry = \"{}\", rate_per_s = 1.0 }}\nzones = [{{ name = {zone:?} }}]\n\
             nodes = [{{ name = {:?}, zone = {zone:?}, cores = 4000.0 }}]\n",
            services[0],
            format!("{zone}-node"),
        );
        let rows: String = services.iter().map(|name| service(name)).collect();
        let links: String = calls.iter().map(|&(from, to)| call(&services[from], &services[to])).collect();
        Scenario::from_toml(&(head + &rows + &links), name)
    };
    let numbered = |count: usize| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>();
    let chain: Vec<(usize, usize)> = (0..27).map(|from| (from, from + 1)).collect();
    let all: Vec<(usize, usize)> = (0..24).flat_map(|from| (from + 1..24).map(move |to| (from, to))).collect();
    let star: Vec<(usize, usize)> = (1..30).map(|to| (0, to)).collect();
    let long = "a-service-with-a-name-that-nobody-wants-to-read-to-its-very-end-".repeat(20);
    let names = [long.as_str(), "数据库", "Größe", "🦀🦀🦀 ☺\u{fe0f}", "e\u{301}\u{200b}\u{202e}x", " "];
    Ok(vec![
        scenario("one", "z", &numbered(1), &[])?,
        scenario("chain", &"zone".repeat(50), &numbered(28), &chain)?,
        scenario("all", "ゾーン", &numbered(24), &all)?,
        scenario("star", "z", &numbered(30), &star)?,
        scenario(&"名".repeat(21), "\u{1f980}", &names.map(str::to_owned), &[(0, 1), (0, 2), (2, 3), (3, 4), (1, 5)])?,
        scenario("unlinked", "z", &numbered(200), &[])?,
        Scenario::generate(3, 3)?,
        Scenario::generate(3, 31)?,
        Scenario::generate(3, 1000)?,
    ])
}

#[test]
fn odd_clusters_are_shown_within_80_columns_and_the_same_frame() -> Outcome {
    for scenario in odd_scenarios()? {
        let topology = Topology::new(scenario)?;
        let mut episode = Episode::begin(&topology, Level::draw(Split::Train, 1, 1))?;
        for action in [0, 1, topology.num_actions() - 1, usize::MAX] {
            let frame = episode.frame();
            assert_eq!((frame.width, frame.height, frame.rgb.len()), (960, 600, 960 * 600 * 3));
            let text = without_colours(&episode.text());
            for line in text.lines() {
                assert!(line.width() <= 80 && !line.contains(char::is_control), "{line}");
            }
            assert!(text.ends_with('\n') && text.lines().count() < 60);
            episode.step(action);
        }
    }
    Ok(())
}

#[test]
fn text_of_long_episodes_with_faults_stays_within_80_columns() -> Outcome {
    for name in ["spine12", "random-7"] {
        let topology = topology(name)?;
        for level in topology.draw_levels(Split::Train, 5, 3, false) {
            let mut episode = Episode::begin(&topology, level)?;
            let mut ended = false;
            while !ended {
                ended = episode.step(episode.environment.decision() as usize % topology.num_actions());
                let text = without_colours(&episode.text());
                assert!(text.lines().all(|line| line.width() <= 80), "{text}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_history_keeps_no_more_than_an_episode() -> Outcome {
    let topology = topology("spine12")?;
    let mut episode = Episode::begin(&topology, Level::draw(Split::Train, 0, 0))?;
    for _ in 0..topology.scenario().episode_decisions {
        episode.step(0);
    }
    let reward = episode.history.total_reward();
    let transition = episode.environment.step(1);
    assert!(transition.reward < 0.0);
    episode.history.push(&episode.environment, &transition, 1, &[]);
    assert_eq!(episode.history.total_reward(), reward);
    episode.frame();
    Ok(())
}

#[test]
fn a_history_of_another_cluster_is_as_good_as_none() -> Outcome {
    let (one, other) = (topology("spine12")?, topology("online-boutique")?);
    let level = Level::draw(Split::Train, 0, 0);
    let mut episode = Episode::begin(&one, level)?;
    episode.step(1);
    let foreign = Episode::begin(&other, level)?;
    assert_eq!(draw(&foreign.environment, &episode.history), foreign.frame());
    assert_eq!(text(&foreign.environment, &episode.history), foreign.text());
    Ok(())
}
