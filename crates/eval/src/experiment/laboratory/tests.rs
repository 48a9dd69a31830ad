//! Tests of a live run: what is injected strikes, what is cleared ends, and what is typed is understood or explained.

use microcloud_core::{Scenario, Split};

use super::*;

fn laboratory(policy: &str) -> Laboratory {
    let topology = Topology::new(Scenario::load("spine12").expect("a scenario")).expect("its topology");
    let contender = Contender::baseline(policy).expect("a baseline");
    Laboratory::new(&topology, &contender, Level::draw(Split::Train, 0, 0)).expect("a laboratory")
}

fn play(laboratory: &mut Laboratory, commands: &[&str]) -> String {
    commands.iter().map(|text| laboratory.obey(&text.parse().expect(text)).expect(text)).collect()
}

#[test]
fn an_injected_fault_lasts_until_it_is_cleared() {
    let mut laboratory = laboratory("no-op");
    play(&mut laboratory, &["step 60", "crash@auth --blast-radius 0.5", "step 60"]);
    let status = laboratory.status();
    let auth = status.services.iter().find(|service| service.name == "auth").expect("the service");
    assert!(auth.in_rotation < 2.5 && status.failures.len() == 1, "{auth:?}");
    play(&mut laboratory, &["clear", "step 300"]);
    let status = laboratory.status();
    let auth = status.services.iter().find(|service| service.name == "auth").expect("the service");
    assert!(auth.in_rotation > 3.9 && status.failures.is_empty(), "{auth:?}");
    let [fault] = laboratory.faults() else { panic!("one fault") };
    assert_eq!((fault.injected_s, fault.ended_s, fault.ended_by), (60.0, Some(120.0), Some("cleared")));
}

#[test]
fn the_same_commands_give_the_same_history() {
    let commands =
        ["step 30", "latency:900@auth --blast-radius 0.5", "step 200", "status", "clear 0", "step 100", "history"];
    let [first, second] = [(); 2].map(|()| play(&mut laboratory("threshold-rules"), &commands));
    assert_eq!(first, second);
    for word in ["injected", "incident", "action", "cleared"] {
        assert!(first.contains(word), "no {word} in {first}");
    }
}

#[test]
fn an_experiment_that_goes_too_far_is_called_off() {
    let mut laboratory = laboratory("no-op").limited(0.5, 0.97);
    let refused = laboratory.obey(&"crash@gateway --blast-radius 0.9".parse().expect("a command"));
    assert!(refused.is_err_and(|error| error.to_string().contains("at most 0.5")));
    play(&mut laboratory, &["intermittent:1@gateway --blast-radius 0.5", "step 300"]);
    let [fault] = laboratory.faults() else { panic!("one fault") };
    assert_eq!(fault.ended_by, Some("called off"), "{fault:?}");
    assert!(fault.ended_s.is_some_and(|ended_s| ended_s < 120.0));
}

#[test]
fn a_fault_that_has_a_length_is_over_by_itself_and_the_episode_ends() {
    let mut laboratory = laboratory("no-op");
    let said = play(&mut laboratory, &["crash@auth --for 20", "step 5000", "failures", "clear"]);
    assert_eq!(laboratory.faults()[0].ended_by, Some("over"));
    for part in ["the episode is over", "no fault is active", "nothing to clear"] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert!(laboratory.is_over() && laboratory.advance().is_none());
}

#[test]
fn while_the_detector_is_down_no_incident_opens_and_what_still_holds_is_reported_after() {
    let topology = Topology::new(Scenario::load("reliability").expect("a scenario")).expect("its topology");
    let contender = Contender::baseline("no-op").expect("a baseline");
    let detectors = DetectorConfig { runs_on: Some("anomaly".to_owned()), ..default_detectors() };
    let laboratory = || {
        let made = Laboratory::new(&topology, &contender, Level::draw(Split::Train, 0, 0)).expect("a laboratory");
        made.with_detectors(&detectors).expect("its detectors")
    };
    let incidents =
        |laboratory: &Laboratory| laboratory.history().iter().filter(|event| event.kind == "incident").count();
    let outage = ["intermittent:0.9@orders --blast-radius 1", "step 300"];
    let mut seeing = laboratory();
    play(&mut seeing, &outage);
    assert!(incidents(&seeing) > 0);
    let mut blind = laboratory();
    play(&mut blind, &["detector-down"]);
    play(&mut blind, &outage);
    assert_eq!(blind.faults()[0].target.as_deref(), Some("anomaly"));
    assert_eq!(incidents(&blind), 0, "{:?}", blind.history());
    play(&mut blind, &["clear 0", "step 60"]);
    assert!(incidents(&blind) > 0);
    let refused = Laboratory::new(&topology, &contender, Level::draw(Split::Train, 0, 0))
        .expect("a laboratory")
        .obey(&"detector-down".parse().expect("a command"));
    assert!(refused.is_err_and(|error| error.to_string().contains("the service that detection runs on, and none")));
}

#[test]
fn what_is_typed_wrongly_is_explained() {
    for (text, parts) in [
        ("", ["a command is missing", "crash"]),
        ("cleer", ["unknown command `cleer`", "did you mean `clear`"]),
        ("clear one", ["`one` is no handle", "allowed"]),
        ("status now", ["`now` is too much", "status alone"]),
        ("crash --for ever", ["--for takes a number", "--blast-radius"]),
        ("crash --form 3", ["unknown option `--form`", "--for"]),
        ("step back", ["no number of seconds", "step SECONDS"]),
        ("inject", ["the fault is missing", "inject FAULT"]),
    ] {
        let message = text.parse::<LabCommand>().expect_err(text).to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
    }
}
