//! How rows and streams name an action: its type, as the described system spells it, its target and its id.

/// An action's type and target from how `action_meanings()` spells it: `restart(auth)` is `RESTART_SERVICE` of `auth`. The
/// target is empty for the whole cluster; an extended action's type is its name in capitals.
pub fn action_type(meaning: &str) -> (String, &str) {
    let (verb, target) = meaning.trim_end_matches(')').split_once('(').unwrap_or((meaning, ""));
    let kind = match verb {
        "restart" => "RESTART_SERVICE".to_owned(),
        "drain" => "DRAIN_NODE".to_owned(),
        "return" => "RETURN_NODE".to_owned(),
        "rebalance" => "REBALANCE_TRAFFIC".to_owned(),
        _ => verb.to_uppercase().replace(' ', "_"),
    };
    (kind, target)
}

/// The id of an action that was proposed at a tick, `<tick>:<type>:<target>`; unique in its episode.
pub fn action_id(tick: u64, kind: &str, target: &str) -> String {
    format!("{tick}:{kind}:{target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_the_described_systems_types() {
        for (meaning, kind, target) in [
            ("restart(auth)", "RESTART_SERVICE", "auth"),
            ("scale up(auth)", "SCALE_UP", "auth"),
            ("drain(a1)", "DRAIN_NODE", "a1"),
            ("rebalance(all)", "REBALANCE_TRAFFIC", "all"),
            ("page a human", "PAGE_A_HUMAN", ""),
        ] {
            assert_eq!(action_type(meaning), (kind.to_owned(), target));
        }
        assert_eq!(action_id(30, "RESTART_SERVICE", "auth"), "30:RESTART_SERVICE:auth");
    }
}
