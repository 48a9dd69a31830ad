//! The scenarios that come with the crate: files, variants of them, and further names.

use super::{Scenario, ScenarioError};

/// Names of those that are scored, in the order they are listed.
pub(super) const NAMES: &[&str] = &[
    "spine12",
    "microcloud-normal",
    "microcloud-high-load",
    "microcloud-cascade",
    "multicloud",
    "autoscale",
    "reliability",
    "quorum",
    "quorum-literal",
    "online-boutique",
];

/// Names of variants that are not scored themselves.
pub(super) const PRESETS: &[&str] =
    &["multicloud-development", "multicloud-experimental", "quorum-query", "quorum-create"];

/// Further names, and what each stands for.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("normal", "microcloud-normal"),
    ("high_load", "microcloud-high-load"),
    ("high-load", "microcloud-high-load"),
    ("cascade_failure", "microcloud-cascade"),
    ("cascade", "microcloud-cascade"),
    ("production", "multicloud"),
    ("multicloud-production", "multicloud"),
    ("development", "multicloud-development"),
    ("experimental", "multicloud-experimental"),
];

/// Where a built-in scenario is written.
enum Source {
    /// In a file of its own.
    File(&'static str),
    /// As what differs from another built-in scenario.
    Variant { base: &'static str, overlay: &'static str },
}

fn source(name: &str) -> Option<Source> {
    use Source::{File, Variant};
    Some(match name {
        "spine12" => File(include_str!("../../scenarios/spine12.toml")),
        "microcloud-normal" => File(include_str!("../../scenarios/microcloud-normal.toml")),
        "microcloud-high-load" => Variant {
            base: "microcloud-normal",
            overlay: include_str!("../../scenarios/variants/microcloud-high-load.toml"),
        },
        "microcloud-cascade" => Variant {
            base: "microcloud-normal",
            overlay: include_str!("../../scenarios/variants/microcloud-cascade.toml"),
        },
        "multicloud" => File(include_str!("../../scenarios/multicloud.toml")),
        "multicloud-development" => Variant {
            base: "multicloud",
            overlay: include_str!("../../scenarios/variants/multicloud-development.toml"),
        },
        "multicloud-experimental" => Variant {
            base: "multicloud",
            overlay: include_str!("../../scenarios/variants/multicloud-experimental.toml"),
        },
        "reliability" => File(include_str!("../../scenarios/reliability.toml")),
        "quorum" => File(include_str!("../../scenarios/quorum.toml")),
        "quorum-literal" => {
            Variant { base: "quorum", overlay: include_str!("../../scenarios/variants/quorum-literal.toml") }
        }
        "quorum-query" => {
            Variant { base: "quorum", overlay: include_str!("../../scenarios/variants/quorum-query.toml") }
        }
        "quorum-create" => {
            Variant { base: "quorum", overlay: include_str!("../../scenarios/variants/quorum-create.toml") }
        }
        "autoscale" => File(include_str!("../../scenarios/autoscale.toml")),
        "online-boutique" => File(include_str!("../../scenarios/online-boutique.toml")),
        _ => return None,
    })
}

/// The name itself, or what it is an alias for.
pub(super) fn resolve(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, meant)| meant)
}

/// Scored ones, presets and aliases.
pub(super) fn every_name() -> impl Iterator<Item = &'static str> {
    NAMES.iter().chain(PRESETS).copied().chain(ALIASES.iter().map(|(alias, _)| *alias))
}

/// The built-in scenario of a name or alias; none where there is none.
pub(super) fn load(name: &str) -> Option<Result<Scenario, ScenarioError>> {
    let name = resolve(name);
    Some(match source(name)? {
        Source::File(text) => Scenario::from_toml(text, name),
        Source::Variant { base, overlay } => load(base)?.and_then(|base| base.overlaid(overlay, name)),
    })
}
