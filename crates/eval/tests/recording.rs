//! What a recorded episode says under its subjects agrees with what was played.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use microcloud_core::{Level, Scenario, Split, Topology};
use microcloud_eval::{Contender, EvaluationError, Recorder, play};
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
    let folder = tempfile::tempdir()?;
    let levels: Vec<Level> = topology.draw_levels(Split::Test, 0, 1, false);
    play(&topology, &Contender::baseline(policy)?, &levels, Some(&Recorder::new(folder.path())?), &())?;
    lines(folder.path())
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
