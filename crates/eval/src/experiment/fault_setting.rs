//! Faults as users name them, and what they leave out filled in for a scenario.

use std::str::FromStr;

use microcloud_core::{Environment, Fault, FaultId, FaultName, FaultPlan, Level, Scenario, Split};
use microcloud_policy::nearest_name;
use serde::Deserialize;

use super::ExperimentError;

/// The described experiment's faults, by its names for them.
const DESCRIBED: [&str; 4] = ["crash", "latency", "intermittent", "incorrect"];

/// A fault as a user asks for it; what is left out is filled in for the scenario.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSetting {
    /// A fault's id (`F04`), its card's name (`replica crash`), or a name of [`FaultName::all`], such as `crash`; with
    /// spaces, hyphens or underscores.
    pub fault: String,
    /// The service, node or zone that it strikes; where absent, the service that a quorum is asked of, or else what the
    /// scenario's catalogue names, one after another.
    pub target: Option<String>,
    /// Severity in the fault's own unit; where absent the name's, as 1200 ms of `latency`, or the middle of the range that
    /// the scenario's catalogue has, or the name.
    pub magnitude: Option<f32>,
    /// Half the width of latency's delays as a ratio of their mean, 0 to 1: 0.5 around 1000 ms is 500 to 1500 ms.
    pub spread: Option<f32>,
    /// Ratio of the target's replicas that are struck, at least one; where absent as the magnitude.
    pub blast_radius: Option<f32>,
    /// Seconds from the episode's start; a tenth of the episode where absent.
    pub onset_s: Option<f32>,
    /// Seconds from onset to full strength; the middle of the catalogue's range, or the name's, where absent.
    pub ramp_s: Option<f32>,
    /// Seconds from onset to the end; the middle of the catalogue's range where absent, at most half of the episode.
    pub duration_s: Option<f32>,
    /// Availability of a minute below which the fault is called off.
    pub abort_availability: Option<f32>,
}

impl FromStr for FaultSetting {
    type Err = ExperimentError;

    /// `ID|NAME[:magnitude][@target]`, e.g. `latency:1200@inventory`.
    fn from_str(text: &str) -> Result<Self, ExperimentError> {
        let (rest, target) = match text.split_once('@') {
            Some((rest, target)) => (rest, Some(target.to_owned())),
            None => (text, None),
        };
        let (fault, magnitude) = match rest.split_once(':') {
            Some((fault, number)) => {
                let wrong = || ExperimentError::Words {
                    text: text.to_owned(),
                    problem: format!("the magnitude `{number}` is no number; allowed: ID|NAME[:magnitude][@target]"),
                };
                let number = number.parse::<f32>().ok().filter(|number| number.is_finite()).ok_or_else(wrong)?;
                (fault, Some(number))
            }
            None => (rest, None),
        };
        fault_id(fault)?;
        Ok(Self { fault: fault.to_owned(), target, magnitude, ..Self::default() })
    }
}

/// The fault of a name or an id, in any case, with spaces, hyphens or underscores.
pub(super) fn fault_id(name: &str) -> Result<FaultId, ExperimentError> {
    if let Some(found) = named(name) {
        return Ok(found.id);
    }
    name.parse().map_err(|_| {
        let ids: Vec<String> = FaultId::all().map(|id| id.to_string()).collect();
        let lower: Vec<String> = ids.iter().map(|id| id.to_lowercase()).collect();
        let names: Vec<&str> = FaultName::all().iter().map(|known| known.name).collect();
        let near = nearest_name(&plain(name), names.iter().copied().chain(lower.iter().map(String::as_str)));
        let nearest = near.map(|near| {
            lower.iter().position(|id| id == near).map_or_else(|| near.to_owned(), |place| ids[place].clone())
        });
        let end = |id: Option<&String>| id.cloned().unwrap_or_default();
        ExperimentError::UnknownFault {
            name: name.to_owned(),
            nearest,
            allowed: format!("{}, or an id from {} to {}", names.join(", "), end(ids.first()), end(ids.last())),
        }
    })
}

/// A name as the table of names has it.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', ' '], "_")
}

fn named(name: &str) -> Option<&'static FaultName> {
    FaultName::find(&plain(name))
}

/// Every name that a fault can be asked for by, with its id and what it does.
pub fn fault_names() -> Vec<(&'static str, FaultId, &'static str)> {
    FaultName::all().iter().map(|known| (known.name, known.id, known.meaning())).collect()
}

/// A fault with everything filled in, and what it strikes in one episode after another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Injection {
    /// As the user called it.
    pub name: String,
    pub plan: FaultPlan,
    /// In turn over the episodes.
    pub targets: Vec<Option<String>>,
}

impl Injection {
    /// The plan of an episode.
    pub fn plan_of(&self, episode: usize) -> FaultPlan {
        FaultPlan { target: self.targets[episode % self.targets.len()].clone(), ..self.plan.clone() }
    }
}

impl FaultSetting {
    /// The four faults of the described experiment: crash, latency, intermittent, incorrect.
    pub fn described() -> Vec<Self> {
        DESCRIBED.iter().map(|name| Self { fault: (*name).to_owned(), ..Self::default() }).collect()
    }
}

/// The setting with its target filled in where its name means one service; `runs_on` is the service that detection runs on.
///
/// # Errors
/// No such service, or another target.
pub(super) fn aimed(setting: &FaultSetting, runs_on: Option<&str>) -> Result<FaultSetting, ExperimentError> {
    let Some(meant) = named(&setting.fault).and_then(|known| known.names_its_target) else {
        return Ok(setting.clone());
    };
    let words = |problem: String| ExperimentError::Words { text: setting.fault.clone(), problem };
    match (runs_on, &setting.target) {
        (None, _) => Err(words(format!(
            "it strikes {meant}, and none is named; allowed: with `runs_on = \"SERVICE\"` among the experiment's detectors"
        ))),
        (Some(runs_on), Some(target)) if target != runs_on => {
            Err(words(format!("it strikes {meant}; target `{target}`; allowed: {runs_on}")))
        }
        (Some(runs_on), _) => Ok(FaultSetting { target: Some(runs_on.to_owned()), ..setting.clone() }),
    }
}

/// Fills in what a setting leaves out, and checks it against the scenario; `scratch` is an environment of it.
pub(super) fn resolve(setting: &FaultSetting, scratch: &Environment) -> Result<Injection, ExperimentError> {
    let scenario = scratch.topology().scenario();
    let id = fault_id(&setting.fault)?;
    let episode_s = scenario.tick_s() * scenario.decision_ticks as f32 * scenario.episode_decisions as f32;
    let own: Vec<&Fault> = scenario.faults.catalogue.iter().filter(|fault| fault.id == id).collect();
    let name = named(&setting.fault).or_else(|| FaultName::all().iter().find(|known| known.id == id));
    let catalogued = |of: fn(&Fault) -> [f32; 2]| {
        let targeted = |fault: &&&Fault| setting.target.as_ref().is_some_and(|target| fault.targets.contains(target));
        own.iter().find(targeted).or(own.first()).map(|fault| middle(of(fault)))
    };
    // A name with one value means that value; a range only stands in for a catalogue that says nothing.
    let asked_for = named(&setting.fault);
    let fixed = |range: fn(&FaultName) -> [f32; 2]| asked_for.map(range).filter(|[low, high]| low == high).map(middle);
    let magnitude = setting
        .magnitude
        .or_else(|| fixed(|known| known.magnitude))
        .or_else(|| catalogued(|fault| fault.magnitude))
        .or_else(|| name.map(|known| middle(known.magnitude)))
        .ok_or_else(|| ExperimentError::NoMagnitude { name: setting.fault.clone(), unit: id.card().magnitude })?;
    let plan = FaultPlan {
        id,
        target: None,
        onset_s: setting.onset_s.unwrap_or(0.1 * episode_s),
        ramp_s: setting
            .ramp_s
            .or_else(|| catalogued(|fault| fault.ramp_s))
            .or_else(|| name.map(|known| middle(known.ramp_s)))
            .unwrap_or(0.0),
        duration_s: setting.duration_s.unwrap_or_else(|| {
            let usual_s = catalogued(|fault| fault.duration_s).or_else(|| name.map(|known| middle(known.duration_s)));
            usual_s.unwrap_or(f32::INFINITY).min(0.5 * episode_s)
        }),
        magnitude,
        spread: setting.spread.or_else(|| asked_for.and_then(|known| known.spread)),
        // At least one replica is struck, however small the share.
        blast_radius: setting
            .blast_radius
            .or_else(|| {
                let whole = asked_for.is_some_and(|known| known.names_its_target.is_some());
                fixed(|known| known.blast_radius).filter(|&share| share < 1.0 || whole)
            })
            .or_else(|| catalogued(|fault| fault.blast_radius))
            .or_else(|| name.map(|known| middle(known.blast_radius)))
            .unwrap_or(1.0),
        abort_availability: setting.abort_availability.unwrap_or(0.0),
    };
    if plan.onset_s >= episode_s {
        return Err(ExperimentError::OutOfRange {
            key: format!("{}.onset_s", setting.fault),
            found: plan.onset_s.to_string(),
            allowed: format!("less than the episode's {episode_s} s"),
        });
    }
    let targets = targets(setting, &plan, scratch, &own)?;
    Ok(Injection { name: setting.fault.clone(), plan, targets })
}

fn middle([low, high]: [f32; 2]) -> f32 {
    0.5 * (low + high)
}

fn targets(
    setting: &FaultSetting,
    plan: &FaultPlan,
    scratch: &Environment,
    own: &[&Fault],
) -> Result<Vec<Option<String>>, ExperimentError> {
    let level = Level::draw(Split::Train, 0, 0);
    let try_on = |target: Option<&String>| {
        let plan = FaultPlan { target: target.cloned(), ..plan.clone() };
        scratch.clone().reset_with_faults(level, &[plan])
    };
    if plan.id.strikes() == "cluster" || setting.target.is_some() {
        try_on(setting.target.as_ref())?;
        return Ok(vec![setting.target.clone()]);
    }
    let topology = scratch.topology();
    let scenario = topology.scenario();
    let catalogued: Vec<&String> = own.iter().flat_map(|fault| &fault.targets).collect();
    let names = topology.service_names().iter().chain(topology.node_names()).chain(topology.zone_names());
    let everything: Vec<&String> = names.filter(|name| is_managed(scenario, name)).collect();
    // Numbers out of range show with the first target that is of the right kind, whoever it is.
    let mut refused = None;
    for candidates in [quorum_callees(scenario), catalogued, everything] {
        let mut fitting: Vec<Option<String>> = Vec::new();
        for name in candidates {
            match try_on(Some(name)) {
                Ok(()) if !fitting.contains(&Some(name.clone())) => fitting.push(Some(name.clone())),
                Err(error @ microcloud_core::FaultPlanError::OutOfRange { .. }) => refused = Some(error),
                _ => {}
            }
        }
        if !fitting.is_empty() {
            return Ok(fitting);
        }
    }
    if let Some(error) = refused {
        return Err(error.into());
    }
    Err(ExperimentError::NoTarget {
        name: setting.fault.clone(),
        strikes: plan.id.strikes().to_owned(),
        scenario: scenario.name.clone(),
        allowed: "a fault of a service, a node, a zone or the cluster".to_owned(),
    })
}

/// Whether a name is not that of a service that is somebody else's.
fn is_managed(scenario: &Scenario, name: &str) -> bool {
    let external = |service: &&microcloud_core::Service| service.class == microcloud_core::ServiceClass::External;
    !scenario.services.iter().filter(external).any(|service| service.name == name)
}

fn quorum_callees(scenario: &Scenario) -> Vec<&String> {
    scenario.calls.iter().filter(|call| call.quorum.is_some()).map(|call| &call.to).collect()
}

#[cfg(test)]
mod tests {
    use microcloud_core::Topology;

    use super::*;

    fn spine12() -> Environment {
        Environment::new(Topology::new(Scenario::load("spine12").expect("a scenario")).expect("its topology"))
    }

    fn parsed(text: &str) -> Result<FaultSetting, ExperimentError> {
        text.parse()
    }

    #[test]
    fn a_fault_is_written_as_a_name_or_an_id_with_magnitude_and_target() -> Result<(), ExperimentError> {
        let setting = parsed("latency:800@auth")?;
        assert_eq!((setting.magnitude, setting.target.as_deref()), (Some(800.0), Some("auth")));
        let injection = resolve(&setting, &spine12())?;
        assert_eq!((injection.plan.id, injection.plan.magnitude), (FaultId::F05, 800.0));
        assert_eq!(injection.plan_of(7).target.as_deref(), Some("auth"));
        for name in ["F04", "f04", "crash", "replica-crash", "replica_crash", "Replica Crash"] {
            assert_eq!(fault_id(name)?, FaultId::F04, "{name}");
        }
        Ok(())
    }

    #[test]
    fn every_name_that_is_listed_is_understood() -> Result<(), ExperimentError> {
        for (name, id, _) in fault_names() {
            assert_eq!(fault_id(name)?, id, "{name}");
        }
        Ok(())
    }

    #[test]
    fn what_is_left_out_comes_from_the_description_or_the_catalogue() -> Result<(), ExperimentError> {
        let injection = resolve(&parsed("latency")?, &spine12())?;
        assert_eq!((injection.plan.magnitude, injection.plan.onset_s), (1200.0, 120.0));
        assert!(injection.targets.contains(&Some("gateway".to_owned())) && injection.targets.len() == 5);
        let storm = resolve(&parsed("retry-storm")?, &spine12())?;
        assert_eq!((storm.plan.magnitude, storm.plan.duration_s), (0.125, 20.0));
        Ok(())
    }

    #[test]
    fn the_detector_s_outage_strikes_the_service_that_detection_runs_on() -> Result<(), ExperimentError> {
        let setting = parsed("detector-down")?;
        let message = aimed(&setting, None).expect_err("no service").to_string();
        assert!(message.contains("the service that detection runs on, and none is named"), "{message}");
        let message = aimed(&parsed("detector-down@auth")?, Some("metrics")).expect_err("another one").to_string();
        assert!(message.contains("target `auth`; allowed: metrics"), "{message}");
        let injection = resolve(&aimed(&setting, Some("metrics"))?, &spine12())?;
        assert_eq!((injection.plan.id, injection.plan.blast_radius), (FaultId::F04, 1.0));
        assert_eq!(injection.targets, [Some("metrics".to_owned())]);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_does() {
        let said = |text: &str| {
            parsed(text).and_then(|setting| resolve(&setting, &spine12())).map_err(|error| error.to_string())
        };
        for (text, parts) in [
            ("crsh", ["unknown fault `crsh`", "did you mean `crash`"]),
            ("latency:fast", ["`fast` is no number", "[:magnitude]"]),
            ("crash@auht", ["auht", "did you mean `auth`"]),
            ("intermittent:3", ["magnitude = 3", "allowed: 0 to 1"]),
            ("zone-outage@auth", ["zone", "allowed: a, b"]),
        ] {
            let message = said(text).expect_err(text);
            assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
        }
    }
}
