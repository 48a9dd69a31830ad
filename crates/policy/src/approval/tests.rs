//! Properties of the workflow: proposals count once, decisions and delays hold, nothing unapproved is sent, and the history
//! is whole.

use std::{collections::BTreeSet, sync::Arc};

use microcloud_core::{Environment, Level, Scenario, Split, Topology};
use ndarray::Array2;

use super::{
    ActionRecord, ActionStatus, ApprovalConfig, ApprovalError, ApprovalPolicy, ApprovalQueue, Approver, Proposal,
    Proposed,
};
use crate::{
    Planner, PlannerConfig, Policy, RandomPolicy, ThresholdRules, ThresholdRulesConfig, action_type,
    authority::{Authority, AuthorityFile},
    detector::Detector,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn spine() -> Result<Arc<Topology>, Box<dyn std::error::Error>> {
    Ok(Topology::new(Scenario::load("spine12")?)?)
}

fn queue(config: ApprovalConfig) -> Result<ApprovalQueue, Box<dyn std::error::Error>> {
    Ok(ApprovalQueue::new(Arc::new(config), &spine()?)?)
}

fn proposal(action: usize) -> Proposal {
    Proposal { action, incident_id: None, reason: "test".to_owned() }
}

fn manual() -> ApprovalConfig {
    ApprovalConfig { approver: Approver::Manual, ..ApprovalConfig::default() }
}

/// Plays a level and gives the actions sent, and in which decisions each was legal.
fn play(policy: &mut dyn Policy, topology: &Arc<Topology>, level: Level) -> Result<Vec<usize>, String> {
    let mut environment = Environment::new(Arc::clone(topology));
    environment.reset(level);
    let mut seen = Array2::zeros((1, topology.observation_size()));
    let mut mask = Array2::from_elem((1, topology.num_actions()), false);
    let (mut action, mut sent) = ([0], Vec::new());
    loop {
        environment.observe(seen.as_slice_mut().ok_or("layout")?);
        environment.action_mask(mask.as_slice_mut().ok_or("layout")?);
        policy.act(seen.view(), mask.view(), &[sent.is_empty()], &mut action);
        assert!(mask[[0, action[0]]], "{} sends an illegal action", policy.name());
        sent.push(action[0]);
        let transition = environment.step(action[0]);
        if transition.terminated || transition.truncated {
            return Ok(sent);
        }
    }
}

fn bare(name: &str, topology: &Arc<Topology>) -> Result<Box<dyn Policy>, Box<dyn std::error::Error>> {
    Ok(match name {
        "random" => Box::new(RandomPolicy::new(7)),
        "planner" => Box::new(Planner::new(PlannerConfig::default(), topology)?),
        _ => Box::new(ThresholdRules::new(ThresholdRulesConfig::default(), topology)?),
    })
}

fn wrapped(
    name: &str,
    config: ApprovalConfig,
    topology: &Arc<Topology>,
) -> Result<ApprovalPolicy, Box<dyn std::error::Error>> {
    let detector = Detector::new(ThresholdRulesConfig::default().rules, topology)?;
    Ok(ApprovalPolicy::new(bare(name, topology)?, config, detector, topology)?)
}

#[test]
fn without_delay_and_with_everything_approved_it_is_the_bare_policy_on_whole_episodes() -> Outcome {
    let topology = spine()?;
    for name in ["threshold-rules", "planner", "random"] {
        let (mut bare, mut wrapped) = (bare(name, &topology)?, wrapped(name, ApprovalConfig::default(), &topology)?);
        assert_eq!(wrapped.name(), format!("approval(0):{name}"));
        let mut some = 0;
        for level in topology.draw_levels(Split::Train, 6, 3, false) {
            let expected = play(&mut *bare, &topology, level)?;
            assert_eq!(play(&mut wrapped, &topology, level)?, expected, "{name}");
            let sent: Vec<usize> = expected.into_iter().filter(|&action| action != 0).collect();
            let history = wrapped.queue(0).ok_or("no queue")?.get_action_history();
            assert_eq!(history.len(), sent.len(), "the history is whole");
            some += sent.len();
            for (row, action) in history.iter().zip(sent) {
                let sent = action_type(&topology.action_meanings()[action]);
                assert_eq!((row.action_type.clone(), row.target_id.as_str()), sent);
                assert!(row.status == ActionStatus::Executed && !row.reason.is_empty(), "{row:?}");
            }
        }
        assert!(some > 0);
    }
    Ok(())
}

#[test]
fn a_delay_puts_off_the_same_action_by_as_many_seconds() -> Outcome {
    let mut queue = queue(ApprovalConfig { delay_s: 30.0, ..ApprovalConfig::default() })?;
    let Proposed::New(id) = queue.propose(100, proposal(1)) else { return Err("not new".into()) };
    assert!(id.starts_with("100:RESTART_SERVICE:"), "{id}");
    for tick in (100..130).step_by(5) {
        queue.advance(tick);
        assert_eq!(queue.execute(tick, |_| true), None);
        assert_eq!(queue.list_pending_actions().len(), 1);
    }
    queue.advance(130);
    assert!(queue.list_pending_actions().is_empty());
    assert_eq!(queue.execute(130, |_| true), Some(1));
    assert_eq!(queue.execute(130, |_| true), None);
    Ok(())
}

#[test]
fn proposing_twice_is_proposing_once() -> Outcome {
    let mut queue = queue(manual())?;
    let Proposed::New(id) = queue.propose(10, proposal(1)) else { return Err("not new".into()) };
    assert_eq!(queue.propose(10, proposal(1)), Proposed::Repeat(id.clone()));
    assert_eq!(queue.propose(15, proposal(1)), Proposed::Repeat(id.clone()), "pending is pending");
    assert!(matches!(queue.propose(15, proposal(2)), Proposed::New(_)));
    queue.approve_action(&id, 15)?;
    assert_eq!(queue.execute(15, |_| true), Some(1));
    assert!(matches!(queue.propose(15, proposal(1)), Proposed::New(_)), "another tick is another proposal");
    assert_eq!(queue.propose(15, proposal(0)), Proposed::Nothing);
    assert_eq!(queue.propose(15, proposal(9_999)), Proposed::Nothing);
    let ids: BTreeSet<&str> = queue.get_action_history().iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), 3);
    Ok(())
}

#[test]
fn the_same_proposal_in_the_tick_of_its_execution_changes_nothing() -> Outcome {
    let mut queue = queue(ApprovalConfig::default())?;
    for _ in 0..3 {
        queue.propose(20, proposal(4));
        queue.advance(20);
        queue.execute(20, |_| true);
    }
    assert_eq!(queue.get_action_history().len(), 1);
    Ok(())
}

#[test]
fn within_the_cooldown_the_same_action_is_turned_away_and_recorded() -> Outcome {
    let mut queue = queue(ApprovalConfig { cooldown_s: 60.0, ..ApprovalConfig::default() })?;
    let mut sent = Vec::new();
    for tick in (0..=120).step_by(5) {
        queue.propose(tick, proposal(1));
        queue.advance(tick);
        sent.extend(queue.execute(tick, |_| true).map(|_| tick));
    }
    assert_eq!(sent, [0, 60, 120]);
    let rejected = queue.get_action_history().iter().filter(|row| row.status == ActionStatus::Rejected);
    assert!(rejected.clone().all(|row| row.reason.contains("cooldown: 60 s")));
    assert_eq!(rejected.count(), 22);
    assert!(matches!(queue.propose(125, proposal(2)), Proposed::New(_)), "another action has its own cooldown");
    Ok(())
}

#[test]
fn what_nobody_decides_on_and_what_never_becomes_legal_expires() -> Outcome {
    let mut by_hand = queue(ApprovalConfig { expiry_s: 50.0, ..manual() })?;
    by_hand.propose(0, proposal(1));
    by_hand.advance(50);
    assert_eq!(by_hand.get_action_history()[0].status, ActionStatus::Pending);
    by_hand.advance(51);
    assert_eq!(by_hand.get_action_history()[0].status, ActionStatus::Expired);
    assert!(by_hand.list_pending_actions().is_empty());
    let mut masked = queue(ApprovalConfig { expiry_s: 50.0, ..ApprovalConfig::default() })?;
    masked.propose(0, proposal(1));
    for tick in 0..52 {
        masked.advance(tick);
        assert_eq!(masked.execute(tick, |_| false), None);
    }
    assert_eq!(masked.get_action_history()[0].status, ActionStatus::Expired);
    assert_eq!(masked.execute(52, |_| true), None);
    Ok(())
}

#[test]
fn only_pending_actions_can_be_decided_on_and_once() -> Outcome {
    let mut queue = queue(manual())?;
    let Proposed::New(first) = queue.propose(0, proposal(1)) else { return Err("not new".into()) };
    let Proposed::New(second) = queue.propose(0, proposal(2)) else { return Err("not new".into()) };
    queue.reject_action(&first, "a deployment is going on", 5)?;
    let row = queue.get_action_history()[0].clone();
    assert_eq!((row.status, row.reason.as_str()), (ActionStatus::Rejected, "test; a deployment is going on"));
    let error = queue.approve_action(&first, 5);
    assert_eq!(error, Err(ApprovalError::NotPending { id: first, status: "rejected" }));
    queue.approve_action(&second, 5)?;
    assert!(queue.reject_action(&second, "too late", 5).is_err());
    assert_eq!(queue.execute(5, |_| true), Some(2));
    let Proposed::New(third) = queue.propose(9, proposal(3)) else { return Err("not new".into()) };
    let Err(error) = queue.approve_action(&format!("{third}x"), 9) else { return Err("accepted".into()) };
    assert!(error.to_string().contains(&format!("did you mean `{third}`?")), "{error}");
    Ok(())
}

#[test]
fn an_approver_with_a_role_rejects_what_the_role_may_not_and_nothing_else_is_sent() -> Outcome {
    let topology = spine()?;
    let file = AuthorityFile::from_toml("role = \"on-call\"\n[[allow]]\nactions = [\"restart\", \"scale up\"]\n")?;
    let authority = Arc::new(Authority::new(&file, &topology)?);
    let approver = Approver::Authority(Arc::clone(&authority));
    let config = ApprovalConfig { delay_s: 20.0, approver, ..ApprovalConfig::default() };
    let mut policy = wrapped("random", config, &topology)?;
    let sent = play(&mut policy, &topology, topology.draw_levels(Split::Train, 8, 1, false)[0])?;
    assert!(sent.iter().all(|&action| authority.permits(action)));
    assert!(sent[..4].iter().all(|&action| action == 0), "nothing is approved before its delay");
    let history = policy.queue(0).ok_or("no queue")?.get_action_history();
    let count = |status: ActionStatus| history.iter().filter(|row| row.status == status).count();
    assert_eq!(count(ActionStatus::Executed), sent.iter().filter(|&&action| action != 0).count());
    assert!(count(ActionStatus::Executed) > 10 && count(ActionStatus::Rejected) > 10);
    for row in history.iter().filter(|row| row.status == ActionStatus::Rejected) {
        assert!(row.action_type != "RESTART_SERVICE" && row.action_type != "SCALE_UP");
        let (first, last) = row.reason.split_once("; ").ok_or("why it was proposed is gone")?;
        assert!(!first.is_empty() && last == "role `on-call` may not", "{}", row.reason);
    }
    Ok(())
}

#[test]
fn by_hand_nothing_is_sent_that_nobody_approved() -> Outcome {
    let topology = spine()?;
    let mut policy = wrapped("random", manual(), &topology)?;
    let level = topology.draw_levels(Split::Train, 8, 1, false)[0];
    assert!(play(&mut policy, &topology, level)?.iter().all(|&action| action == 0));
    let tick = policy.tick(0);
    let queue = policy.queue_mut(0).ok_or("no queue")?;
    let id = queue.list_pending_actions().first().map(|row| row.id.clone()).ok_or("nothing pending")?;
    queue.approve_action(&id, tick)?;
    let approved = queue.get_action_history().iter().find(|row| row.id == id).cloned().ok_or("no row")?;
    let seen = Array2::zeros((1, topology.observation_size()));
    let mask = Array2::from_elem((1, topology.num_actions()), true);
    let mut action = [0];
    policy.act(seen.view(), mask.view(), &[false], &mut action);
    let sent = action_type(&topology.action_meanings()[action[0]]);
    assert_eq!(sent, (approved.action_type.clone(), approved.target_id.as_str()));
    Ok(())
}

#[test]
fn proposals_name_their_incident_and_say_why() -> Outcome {
    let topology = spine()?;
    let mut policy = wrapped("threshold-rules", ApprovalConfig::default(), &topology)?;
    let (mut with_incident, mut by_rule) = (0, 0);
    for level in topology.draw_levels(Split::Train, 6, 3, false) {
        play(&mut policy, &topology, level)?;
        let history = policy.queue(0).ok_or("no queue")?.get_action_history();
        for row in history.iter().filter(|row| row.incident_id.is_some()) {
            with_incident += 1;
            let target = row.incident_id.as_deref().and_then(|id| id.split(':').nth(1)).ok_or("no target")?;
            assert!(target.contains('.') && !row.reason.is_empty(), "{row:?}");
        }
        // The rules say themselves which of them acts.
        let rules = ThresholdRulesConfig::default().rules;
        let ruled = |row: &&ActionRecord| rules.iter().any(|rule| row.reason.starts_with(&rule.name));
        by_rule += history.iter().filter(ruled).count();
    }
    assert!(with_incident > 0 && by_rule > 0, "{with_incident} {by_rule}");
    Ok(())
}

#[test]
fn times_that_mean_nothing_are_refused_and_rows_have_the_tables_columns() -> Outcome {
    for delay_s in [-1.0, f64::NAN, f64::INFINITY] {
        let config = Arc::new(ApprovalConfig { delay_s, ..ApprovalConfig::default() });
        let Err(error) = ApprovalQueue::new(config, &spine()?) else { return Err("accepted".into()) };
        assert!(error.to_string().starts_with("delay_s = "), "{error}");
    }
    let mut queue = queue(manual())?;
    queue.propose(3, proposal(1));
    let row = serde_json::to_value(&queue.get_action_history()[0])?;
    let columns: BTreeSet<&str> = row.as_object().ok_or("no object")?.keys().map(String::as_str).collect();
    let expected = ["id", "incident_id", "proposed_at_tick", "action_type", "target_id", "status", "reason"];
    assert_eq!(columns, expected.into_iter().collect());
    assert_eq!(row["status"], "pending");
    Ok(())
}
