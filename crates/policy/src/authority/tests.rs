//! Properties of the authority: nothing forbidden is seen or sent, budgets hold, and wrong files are refused.

use std::sync::Arc;

use microcloud_core::{Environment, Scenario, Split, Topology};
use ndarray::{Array2, ArrayView2};

use super::{Authority, AuthorityFile, AuthorityPolicy};
use crate::{Policy, RandomPolicy};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const OPERATOR: &str = r#"
    role = "operator"
    max_actions_per_episode = 9
    max_actions_per_hour = 5

    [[allow]]
    actions = ["restart", "scale up"]
    targets = ["auth", "g*"]

    [[allow]]
    actions = ["drain", "return"]
"#;

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

fn authority(text: &str) -> Result<Arc<Authority>, Box<dyn std::error::Error>> {
    Ok(Arc::new(Authority::new(&AuthorityFile::from_toml(text)?, &*spine()?)?))
}

/// Sends the same action whatever the mask says, and notes what it was shown.
struct Stubborn {
    action: usize,
    legal: usize,
}

impl Policy for Stubborn {
    fn name(&self) -> &str {
        "stubborn"
    }

    fn act(&mut self, _: ArrayView2<'_, f32>, masks: ArrayView2<'_, bool>, _: &[bool], actions: &mut [usize]) {
        self.legal = masks.iter().filter(|&&legal| legal).count();
        actions.fill(self.action);
    }
}

#[test]
fn the_role_may_do_what_its_grants_say_and_nothing_else() -> Outcome {
    let (topology, authority) = (spine()?, authority(OPERATOR)?);
    for (action, meaning) in topology.action_meanings().iter().enumerate() {
        let named = ["restart(auth)", "restart(gateway)", "scale up(auth)", "scale up(gateway)", "no-op"];
        let expected =
            named.contains(&meaning.as_str()) || meaning.starts_with("drain(") || meaning.starts_with("return(");
        assert_eq!(authority.permits(action), expected, "{meaning}");
    }
    assert!(!authority.permits(10_000));
    Ok(())
}

#[test]
fn the_documented_role_is_one_for_spine12() -> Outcome {
    let page = include_str!("../../../../docs/plans.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).ok_or("no example")?;
    assert_eq!(authority(example)?.role(), "operator");
    Ok(())
}

#[test]
fn over_whole_episodes_nothing_forbidden_is_sent_and_budgets_hold() -> Outcome {
    let (topology, authority) = (spine()?, authority(OPERATOR)?);
    let mut policy = AuthorityPolicy::new(Box::new(RandomPolicy::new(3)), Arc::clone(&authority), &topology);
    assert_eq!(policy.name(), "authority(operator):random");
    for level in topology.draw_levels(Split::Train, 4, 3, false) {
        let mut environment = Environment::new(Arc::clone(&topology));
        environment.reset(level);
        let mut seen = Array2::zeros((1, topology.observation_size()));
        let mut mask = Array2::from_elem((1, topology.num_actions()), false);
        let (mut action, mut starts, mut sent) = ([0], true, 0);
        loop {
            environment.observe(seen.as_slice_mut().ok_or("layout")?);
            environment.action_mask(mask.as_slice_mut().ok_or("layout")?);
            policy.act(seen.view(), mask.view(), &[starts], &mut action);
            starts = false;
            assert!(authority.permits(action[0]) && mask[[0, action[0]]]);
            sent += usize::from(action[0] != 0);
            let transition = environment.step(action[0]);
            if transition.terminated || transition.truncated {
                break;
            }
        }
        // An episode of spine12 is shorter than an hour.
        assert_eq!(sent, 5);
    }
    Ok(())
}

#[test]
fn an_hour_later_the_hourly_budget_is_new_and_the_episodes_is_not() -> Outcome {
    let (topology, authority) = (spine()?, authority(OPERATOR)?);
    let drain = topology.action_meanings().iter().position(|meaning| meaning == "drain(a1)").ok_or("no drain")?;
    let mut policy = AuthorityPolicy::new(Box::new(Stubborn { action: drain, legal: 0 }), authority, &topology);
    let seen = Array2::zeros((1, topology.observation_size()));
    let mask = Array2::from_elem((1, topology.num_actions()), true);
    let mut sent = Vec::new();
    for decision in 0..2_000 {
        let mut action = [0];
        policy.act(seen.view(), mask.view(), &[decision == 0], &mut action);
        if action[0] != 0 {
            sent.push(decision);
        }
    }
    // Decisions of 5 s: an hour is 720 of them.
    assert_eq!(sent, [0, 1, 2, 3, 4, 720, 721, 722, 723]);
    assert_eq!(policy.state(0).map(|state| (state.actions(), state.refused())), Some((9, 1_991)));
    Ok(())
}

#[test]
fn what_a_policy_sends_all_the_same_is_refused_and_it_is_shown_the_narrow_mask() -> Outcome {
    let (topology, authority) = (spine()?, authority(OPERATOR)?);
    let forbidden = topology.action_meanings().iter().position(|meaning| meaning == "restart(db)");
    let action = forbidden.unwrap_or(topology.num_actions() - 1);
    let mut policy = AuthorityPolicy::new(Box::new(Stubborn { action, legal: 0 }), Arc::clone(&authority), &topology);
    let seen = Array2::zeros((2, topology.observation_size()));
    let mask = Array2::from_elem((2, topology.num_actions()), true);
    let mut actions = [7, 7];
    policy.act(seen.view(), mask.view(), &[true, true], &mut actions);
    assert_eq!(actions, [0, 0]);
    let shown = policy.masks.row(0).iter().filter(|&&legal| legal).count();
    assert_eq!(shown, authority.permitted().iter().filter(|&&permitted| permitted).count());
    Ok(())
}

#[test]
fn unknown_kinds_targets_and_keys_are_answered_with_the_nearest() -> Outcome {
    let refusal = |text: &str| authority(text).err().map(|error| error.to_string()).unwrap_or_default();
    let message = refusal(&OPERATOR.replace("\"restart\"", "\"restrat\""));
    assert!(message.contains("unknown action kind `restrat`; did you mean `restart`?"), "{message}");
    let message = refusal(&OPERATOR.replace("\"auth\"", "\"aut\""));
    assert!(message.contains("`aut` is nothing in scenario `spine12`; did you mean `auth`?"), "{message}");
    assert!(refusal(&OPERATOR.replace("\"g*\"", "\"zz*\"")).contains("`zz*`"));
    assert!(refusal(&OPERATOR.replace("role =", "rolle =")).contains("rolle"));
    assert!(refusal(&OPERATOR.replace("= 9", "= -9")).contains("-9"), "{}", refusal(&OPERATOR.replace("= 9", "= -9")));
    let missing = AuthorityFile::load(std::path::Path::new("/nowhere/role.toml"));
    assert!(missing.is_err_and(|error| error.to_string().starts_with("/nowhere/role.toml: ")));
    Ok(())
}
