//! What a recorded episode says under its subjects agrees with what was played.

use std::{collections::BTreeSet, error::Error, fs, path::Path, sync::Arc};

use microcloud_core::{FaultId, Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, EvaluationError, Recorder, play};
use microcloud_policy::{
    BASELINE_NAMES, NoOp, ThresholdRulesConfig,
    approval::{ApprovalConfig, ApprovalPolicy, Approver},
    authority::{Authority, AuthorityFile},
    detector::Detector,
};
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

/// The lines of the only recording in a folder.
fn lines(folder: &Path) -> Result<Vec<Value>, Box<dyn Error>> {
    let files: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    assert_eq!(files.len(), 1);
    Ok(fs::read_to_string(files[0].path())?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// A recording of a policy on the first drawn level with a fault.
fn recorded(policy: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    recorded_on(&topology, &Contender::baseline(policy)?, topology.draw_levels(Split::Test, 0, 1, false)[0])
}

fn recorded_on(topology: &Arc<Topology>, contender: &Contender, level: Level) -> Result<Vec<Value>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    play(topology, contender, &[level], Some(&Recorder::new(folder.path())?), &())?;
    lines(folder.path())
}

/// A baseline whose actions wait for their approval, by whoever may restart and scale up.
fn approved(policy: &str, delay_s: f64) -> Result<Contender, Box<dyn Error>> {
    let file = AuthorityFile::from_toml("role = \"on-call\"\n[[allow]]\nactions = [\"restart\", \"scale up\"]\n")?;
    Ok(Contender::baseline(policy)?.wrapped(format!("approval:{policy}"), move |inner, topology| {
        let approver = Approver::Authority(Arc::new(Authority::new(&file, topology)?));
        let config = ApprovalConfig { delay_s, approver, ..ApprovalConfig::default() };
        let detector = Detector::new(ThresholdRulesConfig::default().rules, topology)?;
        Ok(Box::new(ApprovalPolicy::new(inner, config, detector, topology)?))
    }))
}

fn of_subject<'a>(lines: &'a [Value], subject: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["subject"] == subject)
}

#[test]
fn every_action_that_was_sent_is_proposed_once_and_legal_ones_become_commands() -> Outcome {
    let lines = recorded("random")?;
    let sent = lines.iter().filter(|line| line["kind"] == "decision" && line["action"] != 0).count();
    let actions: Vec<&Value> = of_subject(&lines, "ops.actions").collect();
    assert!(sent > 50, "{sent}");
    assert_eq!(actions.len(), sent);
    let ids: BTreeSet<String> = actions.iter().map(|action| action["id"].to_string()).collect();
    assert_eq!(ids.len(), sent);
    let commands = of_subject(&lines, "ops.commands").count();
    assert_eq!(commands, actions.iter().filter(|action| action["status"] == "executed").count());
    for command in of_subject(&lines, "ops.commands") {
        assert!(ids.contains(&command["action_id"].to_string()));
        // Two seconds of actuation, ticks of one.
        assert_eq!(command["applied_at_tick"].as_u64(), command["tick_id"].as_u64().map(|tick| tick + 2));
    }
    Ok(())
}

#[test]
fn every_decision_has_one_snapshot_with_a_value_for_every_name() -> Outcome {
    let lines = recorded("no-op")?;
    let names = lines[0]["metric_names"].as_array().map_or(0, Vec::len);
    assert_eq!(names, 228);
    let snapshots: Vec<&Value> = of_subject(&lines, "sim.metrics").collect();
    assert_eq!(snapshots.len(), lines.iter().filter(|line| line["kind"] == "decision").count());
    assert!(snapshots.iter().all(|line| line["values"].as_array().is_some_and(|values| values.len() == names)));
    Ok(())
}

#[test]
fn a_fault_is_told_of_when_it_strikes_and_an_incident_resolves_after_it_has_opened() -> Outcome {
    let lines = recorded("threshold-rules")?;
    let onsets: Vec<f64> =
        lines[0]["faults"].as_array().into_iter().flatten().filter_map(|fault| fault["onset_s"].as_f64()).collect();
    let injected: Vec<f64> = of_subject(&lines, "sim.events")
        .filter(|event| event["type"] == "fault_injected")
        .filter_map(|event| event["time"].as_f64())
        .collect();
    assert_eq!(injected, onsets);
    let mut open = BTreeSet::new();
    for incident in of_subject(&lines, "ops.incidents") {
        let id = incident["id"].to_string();
        if incident["resolved"] == true {
            assert!(open.remove(&id), "{id} was not open");
        } else {
            assert!(open.insert(id.clone()), "{id} opened twice");
        }
    }
    assert!(of_subject(&lines, "ops.incidents").count() > 0);
    Ok(())
}

#[test]
fn a_recording_that_cannot_be_written_leaves_those_before_it_whole() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let folder = tempfile::tempdir()?;
    let levels = topology.draw_levels(Split::Test, 0, 2, false);
    // The second episode's place is taken by a folder, which no file can replace.
    let place = folder.path().join(format!("spine12__no-op__{}.jsonl", levels[1].number()));
    fs::create_dir(&place)?;
    let recorder = Recorder::new(folder.path())?;
    let played = play(&topology, &Contender::baseline("no-op")?, &levels, Some(&recorder), &());
    assert!(matches!(&played, Err(EvaluationError::Record { file, .. }) if *file == place), "{played:?}");
    fs::remove_dir(&place)?;
    assert_eq!(lines(folder.path())?[0]["level"], levels[0].number());
    Ok(())
}

#[test]
fn every_policy_that_knows_why_it_acts_says_so_in_the_stream() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let levels = topology.draw_levels(Split::Test, 0, 4, false);
    for policy in BASELINE_NAMES.into_iter().filter(|policy| !["no-op", "random"].contains(policy)) {
        let mut acted = 0;
        for &level in &levels {
            let lines = recorded_on(&topology, &Contender::baseline(policy)?, level)?;
            for action in of_subject(&lines, "ops.actions") {
                acted += 1;
                assert!(action["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{policy}: {action}");
            }
        }
        let scales_only = ["autoscaler", "predictive-scaler"].contains(&policy);
        assert!(acted > 0 || scales_only, "{policy} never acts");
    }
    Ok(())
}

#[test]
fn recordings_of_policies_whose_names_differ_in_one_mark_stay_apart() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let folder = tempfile::tempdir()?;
    let levels = topology.draw_levels(Split::Test, 0, 1, false);
    let names =
        ["policy-engine:y/a.b.yaml", "policy-engine:y/a_b.yaml", "policy-engine:y%2Fa_b.yaml", "a__b", "ä", "a"];
    for name in names {
        let contender = Contender::new(name, |_| Ok(Box::new(NoOp)));
        play(&topology, &contender, &levels, Some(&Recorder::new(folder.path())?), &())?;
    }
    let mut policies = BTreeSet::new();
    for file in fs::read_dir(folder.path())? {
        let text = fs::read_to_string(file?.path())?;
        let header: Value = serde_json::from_str(text.lines().next().ok_or("an empty recording")?)?;
        policies.extend(header["policy"].as_str().map(str::to_owned));
    }
    assert_eq!(policies, names.map(str::to_owned).into_iter().collect());
    Ok(())
}

#[test]
fn what_no_control_plane_carries_out_is_rejected_and_no_command() -> Outcome {
    let mut scenario = Scenario::load("spine12")?;
    scenario.faults.catalogue.retain(|fault| fault.id == FaultId::F27);
    let fault = scenario.faults.catalogue.first_mut().ok_or("no F27")?;
    (fault.magnitude, fault.onset_s, fault.duration_s) = ([4.0, 4.0], [300.0, 300.0], [300.0, 300.0]);
    let topology = Topology::new(scenario)?;
    let level = topology.draw_levels(Split::Test, 0, 1, false)[0];
    let lines = recorded_on(&topology, &Contender::baseline("random")?, level)?;
    let commanded: BTreeSet<&str> =
        of_subject(&lines, "ops.commands").filter_map(|line| line["action_id"].as_str()).collect();
    let mut lost = 0;
    for action in of_subject(&lines, "ops.actions") {
        let (id, tick) = (action["id"].as_str().ok_or("no id")?, action["proposed_at_tick"].as_u64().ok_or("no tick")?);
        // Ticks of a second, two of actuation.
        let is_lost = (300..=600).contains(&(tick + 2));
        assert_eq!(action["status"], if is_lost { "rejected" } else { "executed" }, "{action}");
        assert_eq!(commanded.contains(id), !is_lost, "{action}");
        assert_eq!(action["reason"].as_str().is_some_and(|why| why.contains("no control plane")), is_lost, "{action}");
        lost += usize::from(is_lost);
    }
    assert!(lost > 10, "{lost}");
    Ok(())
}

#[test]
fn where_actuation_outlasts_a_decision_every_action_is_told_of_once_all_the_same() -> Outcome {
    let topology = Topology::new(Scenario::load("quorum")?)?;
    let level = topology.draw_levels(Split::Test, 0, 1, false)[0];
    let lines = recorded_on(&topology, &Contender::baseline("random")?, level)?;
    let sent = lines.iter().filter(|line| line["kind"] == "decision" && line["action"] != 0).count();
    let actions: Vec<&Value> = of_subject(&lines, "ops.actions").collect();
    let ids: BTreeSet<String> = actions.iter().map(|action| action["id"].to_string()).collect();
    assert!(sent > 50 && ids.len() == sent && actions.len() == sent, "{sent} {} {}", ids.len(), actions.len());
    let open = actions.iter().filter(|action| action["status"] == "approved").count();
    assert!(open <= 1, "only what was sent last has had no time");
    assert_eq!(of_subject(&lines, "ops.commands").count() + open, sent);
    Ok(())
}

#[test]
fn every_incident_that_an_action_answers_is_in_the_stream() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let contenders =
        [Contender::baseline("threshold-rules")?, Contender::baseline("random")?, approved("random", 0.0)?];
    for contender in contenders {
        let mut answered = 0;
        for level in topology.draw_levels(Split::Test, 0, 3, false) {
            let lines = recorded_on(&topology, &contender, level)?;
            let known: BTreeSet<&str> =
                of_subject(&lines, "ops.incidents").filter_map(|line| line["id"].as_str()).collect();
            for id in of_subject(&lines, "ops.actions").filter_map(|line| line["incident_id"].as_str()) {
                assert!(known.contains(id), "{}: {id} is none of {known:?}", contender.name());
                answered += 1;
            }
        }
        assert!(answered > 0, "{}", contender.name());
    }
    Ok(())
}

#[test]
fn a_workflow_s_rejections_and_decisions_are_in_the_stream() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let level = topology.draw_levels(Split::Test, 0, 1, false)[0];
    let lines = recorded_on(&topology, &approved("random", 10.0)?, level)?;
    let of_status = |status: &str| -> BTreeSet<&str> {
        let rows = of_subject(&lines, "ops.actions").filter(|line| line["status"] == status);
        rows.filter_map(|line| line["id"].as_str()).collect()
    };
    let (pending, rejected, executed) = (of_status("pending"), of_status("rejected"), of_status("executed"));
    assert!(rejected.len() > 10 && executed.len() > 10, "{} {}", rejected.len(), executed.len());
    assert!(rejected.is_subset(&pending) && executed.is_subset(&pending) && rejected.is_disjoint(&executed));
    for line in of_subject(&lines, "ops.actions").filter(|line| line["status"] == "rejected") {
        assert!(line["reason"].as_str().is_some_and(|why| why.ends_with("; role `on-call` may not")), "{line}");
    }
    let sent = lines.iter().filter(|line| line["kind"] == "decision" && line["action"] != 0).count();
    assert_eq!(executed.len(), sent);
    let commands: BTreeSet<&str> =
        of_subject(&lines, "ops.commands").filter_map(|line| line["action_id"].as_str()).collect();
    assert_eq!(commands, executed);
    Ok(())
}
