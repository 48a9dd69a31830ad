//! A fault's card: what it does, where it shows, what helps, what harms, and where it is known from.

/// What is written about a fault, and held to it by tests.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// The fault's name.
    pub name: &'static str,
    /// What happens, in a sentence or two.
    pub what: &'static str,
    /// What the magnitude is, with its unit.
    pub magnitude: &'static str,
    /// How its course in time differs from the real one, and by which factor ramps are compressed.
    pub time: &'static str,
    /// Where it shows in what the policy sees.
    pub symptoms: &'static [Symptom],
    /// What to do.
    pub right: &'static [Step],
    /// What to do instead, in words.
    pub right_words: &'static str,
    /// What makes it worse.
    pub wrong: &'static [Step],
    /// See `wrong`, in words.
    pub wrong_words: &'static str,
    /// Which levels have it.
    pub role: Role,
    /// Where it is known from.
    pub source: &'static str,
}

/// Which levels have a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Some core action helps: train and test levels have it.
    Scored,
    /// Nothing helps but waiting: train and test levels have it, to punish haste.
    Wait,
    /// Only the extended actions help: only scenarios that ask for it have it.
    Extended,
    /// Harmless, next to other faults or none.
    Herring,
}

/// A feature of the observation that moves while a fault is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symptom {
    /// Whose feature.
    pub place: Place,
    /// Its name.
    pub feature: &'static str,
    /// Whether it rises or falls.
    pub moves: Moves,
}

/// Which way a feature moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Above what it is without the fault.
    Up,
    /// Below it.
    Down,
}

/// A place in the cluster, seen from what a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The service, node or zone itself.
    Target,
    /// The services that call it.
    Callers,
    /// The services that it calls.
    Callees,
    /// The nodes that host the struck replicas.
    Nodes,
    /// A node that hosts none of them.
    OtherNode,
    /// The zone of the struck replicas.
    Zone,
    /// The services that requests need and that have the most work, up to six, callees before callers.
    Busiest,
    /// The whole.
    Cluster,
}

/// One action of a plan, sent once or several times.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Seconds after the fault's onset at which it is first sent.
    pub after_s: f32,
    /// What is done.
    pub remedy: Remedy,
    /// To whom; every place in turn where there are several.
    pub place: Place,
    /// How often it is sent to each.
    pub times: u32,
    /// Seconds between two times.
    pub every_s: f32,
}

/// What can be done, without its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Remedy {
    Restart,
    ScaleUp,
    ScaleDown,
    Drain,
    Return,
    Rebalance,
    RebalanceAll,
    Rollback,
    /// To this many per cent.
    Shed(u8),
    OpenBreaker,
    CloseBreaker,
    FlushQueue,
    DisableRetries,
    FailOver,
    ClearDisk,
    RotateSecret,
    PageHuman,
}

impl Step {
    /// The remedy, sent once twenty seconds after the onset.
    pub(crate) const fn once(remedy: Remedy, place: Place) -> Self {
        Self { after_s: 20.0, remedy, place, times: 1, every_s: 0.0 }
    }

    /// The same, sent several times.
    pub(crate) const fn repeated(remedy: Remedy, place: Place, times: u32, every_s: f32) -> Self {
        Self { after_s: 20.0, remedy, place, times, every_s }
    }

    /// The same, beginning later or sooner after the onset.
    pub(crate) const fn after(self, after_s: f32) -> Self {
        Self { after_s, ..self }
    }
}

/// A feature of the struck service, node or zone itself.
pub(crate) const fn symptom(place: Place, feature: &'static str, moves: Moves) -> Symptom {
    Symptom { place, feature, moves }
}
