//! A few kills, and a few damages, of the campaigns that the examples play in full.

#[path = "../../examples/damage/campaign.rs"]
mod damage;
#[path = "../../examples/kill_and_resume/campaign.rs"]
mod kill_and_resume;

use std::process::Command;

use kill_and_resume::Campaign;

#[test]
fn a_killed_run_leaves_what_an_uninterrupted_one_does_and_every_damage_of_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let campaign = Campaign {
        trainer: &|| Command::new(env!("CARGO_BIN_EXE_train")),
        folder: folder.path().to_owned(),
        algo: "ppo".into(),
        threads: 2,
        steps: 16_384,
        kills: 3,
        seed: 1,
    };
    let mut kills = Vec::new();
    let report = kill_and_resume::play(&campaign, &mut |kill| kills.push(kill.to_owned()));
    assert!(report.is_ok() && kills.len() == 3, "{report:?} {kills:?}");

    let report = damage::play(&folder.path().join("killed"), 4096, 300, 1).unwrap();
    assert!(report.contains("300 flipped bits of 4 files"), "{report}");

    // DQN's replay is part of what goes on.
    let campaign = Campaign { folder: folder.path().join("dqn"), algo: "dqn".into(), kills: 2, ..campaign };
    let report = kill_and_resume::play(&campaign, &mut |_| {});
    assert!(report.is_ok(), "{report:?}");

    // What was compared can differ.
    let state = folder.path().join("killed/checkpoints/000016384/state.json");
    std::fs::write(&state, "{}").unwrap();
    let differs = kill_and_resume::compare(&folder.path().join("whole"), &folder.path().join("killed")).unwrap_err();
    assert!(differs.contains("000016384/state.json"), "{differs}");
}
