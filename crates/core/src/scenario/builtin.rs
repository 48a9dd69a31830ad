//! The scenarios that come with the crate.

/// Their names, in the order they are listed.
pub(super) const NAMES: &[&str] = &["spine12", "online-boutique"];

/// The file of a built-in scenario.
pub(super) fn text(name: &str) -> Option<&'static str> {
    match name {
        "spine12" => Some(include_str!("../../scenarios/spine12.toml")),
        "online-boutique" => Some(include_str!("../../scenarios/online-boutique.toml")),
        _ => None,
    }
}
