//! A catalogue's entry as it is written: a fault by id or by name, whose parameters a name may leave out.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de::Error};

use super::{Fault, defaults, range_of_two};
use crate::fault::{FaultId, FaultName};

/// What `[[faults.catalogue]]` holds before the name's parameters are filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedFault {
    id: Named,
    #[serde(default = "defaults::one")]
    weight: f32,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default, deserialize_with = "range_of_two")]
    magnitude: Option<[f32; 2]>,
    #[serde(default)]
    spread: Option<f32>,
    #[serde(default, deserialize_with = "range_of_two")]
    blast_radius: Option<[f32; 2]>,
    #[serde(default, deserialize_with = "range_of_two")]
    onset_s: Option<[f32; 2]>,
    #[serde(default, deserialize_with = "range_of_two")]
    ramp_s: Option<[f32; 2]>,
    #[serde(default, deserialize_with = "range_of_two")]
    duration_s: Option<[f32; 2]>,
    #[serde(default)]
    abort_availability: f32,
}

/// A fault and the name that it was written by, where it was not the id.
struct Named {
    id: FaultId,
    name: Option<&'static FaultName>,
}

/// Every id and name that is allowed.
static ALLOWED: LazyLock<Vec<String>> = LazyLock::new(|| {
    FaultId::all().map(|id| id.to_string()).chain(FaultName::all().iter().map(|known| known.name.to_owned())).collect()
});

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some(id) = FaultId::all().find(|id| id.to_string() == text) {
            return Ok(Self { id, name: None });
        }
        let name = FaultName::find(&text).ok_or_else(|| {
            let allowed: Vec<String> = ALLOWED.iter().map(|name| format!("`{name}`")).collect();
            Error::custom(format!("unknown variant `{text}`, expected one of {}", allowed.join(", ")))
        })?;
        Ok(Self { id: name.id, name: Some(name) })
    }
}

impl TryFrom<NamedFault> for Fault {
    type Error = String;

    fn try_from(entry: NamedFault) -> Result<Self, String> {
        let name = entry.id.name;
        if let (Some(known), []) = (name, &entry.targets[..])
            && let Some(target) = known.names_its_target
        {
            return Err(format!(
                "missing field `targets`: `{}` strikes {target}, and nothing else in the scenario says which that is",
                known.name
            ));
        }
        let missing = |key: &str| format!("missing field `{key}`, which {} has no default for", entry.id.id);
        Ok(Self {
            id: entry.id.id,
            weight: entry.weight,
            targets: entry.targets,
            magnitude: entry.magnitude.or(name.map(|name| name.magnitude)).ok_or_else(|| missing("magnitude"))?,
            // Who says how large a delay is says how it spreads.
            spread: entry.spread.or(name.filter(|_| entry.magnitude.is_none()).and_then(|name| name.spread)),
            blast_radius: entry
                .blast_radius
                .or(name.map(|name| name.blast_radius))
                .unwrap_or_else(defaults::blast_radius),
            onset_s: entry.onset_s.unwrap_or_else(defaults::onset_s),
            ramp_s: entry.ramp_s.or(name.map(|name| name.ramp_s)).unwrap_or_else(defaults::ramp_s),
            duration_s: entry.duration_s.or(name.map(|name| name.duration_s)).ok_or_else(|| missing("duration_s"))?,
            abort_availability: entry.abort_availability,
        })
    }
}
