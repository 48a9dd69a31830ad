//! What a network is made of, as a policy file's header has it in JSON.

use microcloud_core::{
    Topology,
    observation::{NODE_FEATURES, SERVICE_FEATURES},
};
use serde::{Deserialize, Serialize};

use super::Activation;

/// Layers of any network, more than which a file is refused.
const MOST_LAYERS: usize = 16;
/// Units of any layer, features or actions, more than which a file is refused.
const MOST_UNITS: usize = 1 << 16;

/// The shape of a network; [`super::Graph`] is what it computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Features per observation.
    pub observation_size: usize,
    /// Actions.
    pub num_actions: usize,
    /// Which layers outputs share.
    pub body: Body,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// What hidden layers apply.
    #[serde(default)]
    pub activation: Activation,
    /// Units of a gated recurrent layer behind the first hidden layer; 0 means that nothing is remembered.
    #[serde(default)]
    pub memory: usize,
    /// What comes out.
    pub head: Head,
}

/// Which layers the outputs of a network share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// None: every output has hidden layers of its own.
    Separate,
    /// All hidden ones.
    Shared,
    /// One encoder for every service and one for every node, whatever their number.
    Services(BlockLayout),
}

/// What a network gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// A logit per action, and the observation's value.
    ActorCritic,
    /// The value of every action.
    ActionValues {
        /// Whether they are a value plus advantages less their mean (Wang et al., 2016).
        dueling: bool,
    },
}

/// Where an observation and the actions are divided by service and node.
///
/// An observation is `services` blocks of `service_features`, `nodes` blocks of `node_features`, then what belongs to all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockLayout {
    /// Blocks of services.
    pub services: usize,
    /// Features of each.
    pub service_features: usize,
    /// Blocks of nodes.
    pub nodes: usize,
    /// Features of each.
    pub node_features: usize,
    /// Per kind of action on services, the action of every service, or none.
    pub service_actions: Vec<Vec<Option<u32>>>,
    /// Per kind of action on nodes, the action of every node, or none.
    pub node_actions: Vec<Vec<Option<u32>>>,
    /// Actions that belong to no block, the no-op first.
    pub other_actions: Vec<u32>,
}

impl NetworkSpec {
    /// An actor and a critic that share nothing, with relu between their layers.
    pub fn separate(observation_size: usize, num_actions: usize, hidden: Vec<usize>) -> Self {
        Self {
            observation_size,
            num_actions,
            body: Body::Separate,
            hidden,
            activation: Activation::Relu,
            memory: 0,
            head: Head::ActorCritic,
        }
    }

    /// Says what cannot be built: sizes out of range, and a layout that does not cover the observation or the actions.
    ///
    /// # Errors
    /// The first such thing, in words.
    pub fn validate(&self) -> Result<(), String> {
        let sizes = [("observation_size", self.observation_size), ("num_actions", self.num_actions)];
        let hidden = self.hidden.iter().map(|&size| ("hidden", size));
        for (name, size) in sizes.into_iter().chain(hidden) {
            if !(1..=MOST_UNITS).contains(&size) {
                return Err(format!("{name} has the size {size}; allowed: 1 to {MOST_UNITS}"));
            }
        }
        if self.hidden.is_empty() && (self.memory > 0 || self.body != Body::Separate) {
            return Err("hidden is empty; allowed: at least one layer".into());
        }
        if self.hidden.len() > MOST_LAYERS || self.memory > MOST_UNITS {
            return Err(format!("at most {MOST_LAYERS} hidden layers and {MOST_UNITS} units of memory are allowed"));
        }
        if self.activation == Activation::None && !self.hidden.is_empty() {
            return Err("activation is \"none\"; allowed: \"relu\", \"tanh\"".into());
        }
        match &self.body {
            Body::Services(layout) => layout.validate(self.observation_size, self.num_actions),
            Body::Separate | Body::Shared => Ok(()),
        }
    }
}

impl BlockLayout {
    /// The blocks of a cluster's observations and actions, places without a service included.
    pub fn of(topology: &Topology) -> Option<Self> {
        let names = topology.observation_names();
        let blocks = |kind: &str| {
            let mut found: Vec<&str> = Vec::new();
            for name in names.iter().filter_map(|name| name.strip_prefix(kind)?.rsplit_once('.')) {
                if found.last() != Some(&name.0) {
                    found.push(name.0);
                }
            }
            found
        };
        let (services, nodes) = (blocks("service."), blocks("node."));
        let mut layout = Self {
            services: services.len(),
            service_features: SERVICE_FEATURES.len(),
            nodes: nodes.len(),
            node_features: NODE_FEATURES.len(),
            service_actions: Vec::new(),
            node_actions: Vec::new(),
            other_actions: Vec::new(),
        };
        let (mut service_verbs, mut node_verbs) = (Vec::new(), Vec::new());
        for (action, meaning) in (0..).zip(topology.action_meanings()) {
            let Some((verb, target)) = meaning.strip_suffix(')').and_then(|meaning| meaning.split_once('(')) else {
                layout.other_actions.push(action);
                continue;
            };
            let (verbs, kinds, names) = match verb {
                "drain" | "return" | "clear disk" => (&mut node_verbs, &mut layout.node_actions, &nodes),
                "rebalance" | "shed load" => {
                    layout.other_actions.push(action);
                    continue;
                }
                _ => (&mut service_verbs, &mut layout.service_actions, &services),
            };
            let place = names.iter().position(|name| *name == target)?;
            let kind = verbs.iter().position(|known| *known == verb).unwrap_or(verbs.len());
            if kind == verbs.len() {
                verbs.push(verb);
                kinds.push(vec![None; names.len()]);
            }
            kinds[kind][place] = Some(action);
        }
        Some(layout)
    }

    /// Features that belong to no block.
    pub fn other_features(&self, observation_size: usize) -> Option<usize> {
        let services = self.services.checked_mul(self.service_features)?;
        let nodes = self.nodes.checked_mul(self.node_features)?;
        observation_size.checked_sub(services.checked_add(nodes)?)
    }

    fn validate(&self, observation_size: usize, num_actions: usize) -> Result<(), String> {
        if self.services == 0 || self.service_features == 0 || (self.nodes > 0) != (self.node_features > 0) {
            return Err("the layout has no services, or blocks without features".into());
        }
        if self.other_features(observation_size).is_none_or(|others| others == 0) {
            return Err(format!("the layout's blocks leave nothing of {observation_size} features for the whole"));
        }
        let kinds = [("service", &self.service_actions, self.services), ("node", &self.node_actions, self.nodes)];
        for (name, kinds, blocks) in kinds {
            if kinds.iter().any(|kind| kind.len() != blocks) || blocks == 0 && !kinds.is_empty() {
                return Err(format!("the layout's actions on a {name} are not one per {name}"));
            }
        }
        let mut found = vec![false; num_actions];
        let blocks = self.service_actions.iter().chain(&self.node_actions).flatten().flatten();
        for &action in blocks.chain(&self.other_actions) {
            match found.get_mut(action as usize) {
                Some(known) if !*known => *known = true,
                _ => return Err(format!("the layout names action {action} twice, or beyond {num_actions}")),
            }
        }
        match found.iter().position(|known| !known) {
            Some(missing) => Err(format!("the layout does not name action {missing}")),
            None if self.other_actions.first() != Some(&0) => {
                Err("the layout's other actions begin with no no-op".into())
            }
            None => Ok(()),
        }
    }
}
