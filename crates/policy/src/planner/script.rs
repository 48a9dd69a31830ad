//! The scripted planner: reads an incident text and puts a plan together from templates.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use microcloud_core::{ServiceId, Topology};

use super::{OpenIncident, PlannerConfig, Situation, Template};
use crate::{
    plan::{OnTimeout, PLAN_SCHEMA, Plan, Precondition, Step},
    threshold_rules::{HostRank, Remedy},
};

/// Templates and the call graph; it knows nothing of an environment but the text that it is given.
pub struct ScriptedPlanner {
    pub(super) config: PlannerConfig,
    /// Calls on the longest way from a service that nobody calls, by service.
    depths: BTreeMap<String, usize>,
    /// Actions that the scenario has, in words: nobody restarts an external service.
    actions: BTreeSet<String>,
    /// Names of the services that each service calls.
    callees: BTreeMap<String, BTreeSet<String>>,
}

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub situation: &'a Situation,
    pub steps: Vec<Step>,
    actions: &'a BTreeSet<String>,
    /// The last step of each service's chain.
    tails: BTreeMap<String, String>,
}

impl ScriptedPlanner {
    /// A planner for a topology.
    pub fn new(config: PlannerConfig, topology: &Arc<Topology>) -> Self {
        let names = topology.service_names();
        let (mut depths, mut callees) = (vec![0; names.len()], BTreeMap::new());
        // The order is topological, so a caller's depth is known before its callees'.
        for service in topology.depth_order() {
            for callee in topology.callees(service) {
                depths[callee.index()] = depths[callee.index()].max(depths[service.index()] + 1);
            }
        }
        for (service, name) in names.iter().enumerate() {
            let called = topology.callees(ServiceId(service as u32)).map(|callee| names[callee.index()].clone());
            callees.insert(name.clone(), called.collect());
        }
        let meanings = topology.action_meanings().iter().enumerate();
        let usable = meanings.filter(|&(action, _)| topology.action(action).is_some());
        Self {
            config,
            depths: names.iter().cloned().zip(depths).collect(),
            actions: usable.map(|(_, meaning)| meaning.clone()).collect(),
            callees,
        }
    }

    /// The plan for an incident text in JSON; none where nothing is to be done.
    pub fn plan(&self, text: &str) -> Option<String> {
        let situation = Situation::from_text(text);
        let (steps, tails) = (Vec::new(), BTreeMap::new());
        let mut draft = Draft { situation: &situation, steps, actions: &self.actions, tails };
        let mut answered = Vec::new();
        for (target, incidents) in self.targets(&situation) {
            if draft.is_settling(target, self.config.choice.settle_s) {
                continue;
            }
            let before = draft.steps.len();
            self.answer(&mut draft, &incidents);
            if draft.steps.len() > before {
                answered.push(format!("{} on {}", incidents[0].rule, or_cluster(target.1)));
            }
        }
        self.tidy(&mut draft);
        draft.steps.truncate(self.config.choice.max_actions);
        let incident = if answered.is_empty() { "all is calm".to_owned() } else { answered.join(", ") };
        (!draft.steps.is_empty()).then(|| Plan { schema: PLAN_SCHEMA, incident, steps: draft.steps }.to_json())
    }

    /// The template of an incident, of its class of errors first; none where it asks for nothing.
    pub fn template(&self, incident: &OpenIncident) -> Option<&Template> {
        let of_class = incident.class.map(|class| format!("{}:{}", incident.rule, class.name()));
        let found = of_class.and_then(|name| self.config.templates.get(&name));
        found.or_else(|| self.config.templates.get(&incident.rule)).filter(|template| !template.steps.is_empty())
    }

    /// Targets with incidents to be planned for, the first to be acted on first; a target's incidents in the order of the
    /// symptoms.
    fn targets<'a>(&self, situation: &'a Situation) -> Vec<((&'a str, &'a str), Vec<&'a OpenIncident>)> {
        let mut targets: Vec<((&str, &str), Vec<&OpenIncident>)> = Vec::new();
        for incident in &situation.incidents {
            if incident.open_s < self.config.choice.patience_s || self.template(incident).is_none() {
                continue;
            }
            let target = (incident.target_kind.as_str(), incident.target.as_str());
            match targets.iter_mut().find(|(known, _)| *known == target) {
                Some((_, incidents)) => incidents.push(incident),
                None => targets.push((target, vec![incident])),
            }
        }
        for (_, incidents) in &mut targets {
            incidents.sort_by_key(|incident| (self.symptom(incident), Reverse(incident.severity)));
        }
        targets.sort_by_key(|(target, incidents)| {
            let host = matches!(target.0, "node" | "zone");
            let first = match self.config.choice.hosts {
                HostRank::First => !host,
                HostRank::BySeverity => false,
                HostRank::Last => host,
            };
            let depth = if host { usize::MAX } else { self.depths.get(target.1).copied().unwrap_or(0) };
            let severity = incidents.iter().map(|incident| incident.severity).max();
            let excess = incidents.iter().map(|incident| incident.value / incident.threshold.max(1e-6));
            // Thousandths order as integers do.
            let excess = (excess.fold(0.0, f64::max) * 1000.0) as u64;
            (first, Reverse(depth), Reverse(severity), Reverse(excess))
        });
        targets
    }

    fn symptom(&self, incident: &OpenIncident) -> usize {
        let feature = incident.metric.rsplit_once('.').map_or("", |(_, feature)| feature);
        let is = |symptom: &&String| symptom.split_once('.') == Some((incident.target_kind.as_str(), feature));
        let symptoms = &self.config.choice.symptoms;
        symptoms.iter().position(|symptom| is(&symptom)).unwrap_or(symptoms.len())
    }

    /// A chain of steps for one target's incidents.
    fn answer(&self, draft: &mut Draft<'_>, incidents: &[&OpenIncident]) {
        let target = incidents[0].target.as_str();
        let mut after = self.callees_steps(draft, target);
        let mut chained = false;
        for &incident in incidents {
            let Some(template) = self.template(incident) else { continue };
            for &remedy in &template.steps {
                let Some(action) = aim(remedy, incident, draft.situation) else { continue };
                let cooldown_s = template.cooldown_s.max(self.config.limits.cooldown_s);
                if !draft.may_send(&action, cooldown_s) {
                    continue;
                }
                let id = format!("step-{}", draft.steps.len() + 1);
                draft.steps.push(Step {
                    id: id.clone(),
                    reason: format!(
                        "{} on {}: {} is {:.3}",
                        incident.rule,
                        or_cluster(&incident.target),
                        incident.metric,
                        incident.value
                    ),
                    action,
                    after: std::mem::replace(&mut after, vec![id.clone()]),
                    preconditions: vec![Precondition {
                        metric: incident.metric.clone(),
                        operator: incident.operator,
                        threshold: incident.threshold,
                    }],
                    wait_s: if chained { template.wait_s } else { 0.0 },
                    timeout_s: template.timeout_s,
                    on_timeout: OnTimeout::Skip,
                });
                chained = true;
                draft.tails.insert(target.to_owned(), id);
            }
        }
    }

    /// The steps that a service's own come after: the last ones of the services that it calls.
    fn callees_steps(&self, draft: &Draft<'_>, service: &str) -> Vec<String> {
        let called = self.callees.get(service).filter(|_| self.config.choice.callers_wait);
        called.into_iter().flatten().filter_map(|callee| draft.tails.get(callee).cloned()).collect()
    }
}

impl Draft<'_> {
    /// Whether an action exists, is legal, not in the plan yet and cooled down.
    pub fn may_send(&self, action: &str, cooldown_s: f64) -> bool {
        self.actions.contains(action)
            && !self.situation.not_legal.iter().any(|other| other == action)
            && !self.steps.iter().any(|step| step.action == action)
            && self.ago_s(action).is_none_or(|ago_s| ago_s >= cooldown_s)
    }

    /// Seconds since an action was last sent.
    pub fn ago_s(&self, action: &str) -> Option<f64> {
        self.situation.sent.iter().find(|(sent, _)| sent == action).map(|&(_, ago_s)| ago_s)
    }

    /// Whether a target was acted on just now.
    fn is_settling(&self, target: (&str, &str), settle_s: f64) -> bool {
        let verbs: &[&str] = match target.0 {
            "service" => &["restart", "scale up", "scale down"],
            "node" => &["drain", "return"],
            "zone" => &["rebalance"],
            _ => &[],
        };
        verbs.iter().any(|verb| self.ago_s(&format!("{verb}({})", target.1)).is_some_and(|ago_s| ago_s < settle_s))
    }
}

/// The action of a remedy aimed at an incident's target, in words, where it makes sense there.
fn aim(remedy: Remedy, incident: &OpenIncident, situation: &Situation) -> Option<String> {
    let target = incident.target.as_str();
    let hottest = |zone: Option<&str>| {
        let drainable = situation.nodes.iter().filter(|node| {
            let action = format!("drain({})", node.name);
            zone.is_none_or(|zone| node.zone == zone) && !situation.not_legal.contains(&action)
        });
        drainable.max_by(|a, b| a.pressure.total_cmp(&b.pressure)).map(|node| format!("drain({})", node.name))
    };
    let worst = || situation.zones.iter().max_by(|a, b| a.errors.total_cmp(&b.errors));
    match (remedy, incident.target_kind.as_str()) {
        (Remedy::Restart, "service") => Some(format!("restart({target})")),
        (Remedy::ScaleUp, "service") => Some(format!("scale up({target})")),
        (Remedy::ScaleDown, "service") => Some(format!("scale down({target})")),
        (Remedy::Restart | Remedy::ScaleUp | Remedy::ScaleDown, _) => None,
        (Remedy::Drain, "node") => Some(format!("drain({target})")),
        (Remedy::Drain, "zone") => hottest(Some(target)),
        (Remedy::Drain, _) => hottest(None),
        (Remedy::Rebalance, "zone") => Some(format!("rebalance({target})")),
        (Remedy::Rebalance, "node") => {
            let node = situation.nodes.iter().find(|node| node.name == target);
            node.map(|node| format!("rebalance({})", node.zone))
        }
        (Remedy::Rebalance, _) => worst().map(|zone| format!("rebalance({})", zone.name)),
        (Remedy::RebalanceAll, _) => Some("rebalance(all)".to_owned()),
    }
}

fn or_cluster(target: &str) -> &str {
    if target.is_empty() { "the cluster" } else { target }
}
