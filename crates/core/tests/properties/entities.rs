//! Properties of entities that only other scenarios than the built-in ones have: quorums, distant consumers, restores.

use microcloud_core::{Environment, Level, Scenario, Topology};

/// Two zones, a front, and whatever else is written.
fn play(rest: &str, decisions: u32) -> f64 {
    let text = format!(
        "name = \"entities\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 240\n\
         [workload]\nentry = \"front\"\nrate_per_s = 100\n\
         [[zones]]\nname = \"a\"\n[[zones]]\nname = \"b\"\n\
         [[nodes]]\nname = \"a1\"\nzone = \"a\"\ncores = 40\n[[nodes]]\nname = \"b1\"\nzone = \"b\"\ncores = 40\n\
         [[services]]\nname = \"front\"\nreplicas = 4\nservice_time_ms = 10\n{rest}"
    );
    let scenario = Scenario::from_toml(&text, "entities").expect("a sound scenario");
    let mut environment = Environment::new(Topology::new(scenario).expect("a topology"));
    environment.reset(Level::new(1).expect("a level"));
    let (mut offered, mut bad) = (0.0, 0.0);
    for _ in 0..decisions {
        environment.step(0);
        offered += environment.metrics().offered;
        bad += environment.metrics().bad;
    }
    bad / offered
}

/// Three replicas of which two have to agree.
fn quorum(keys: &str) -> f64 {
    play(
        &format!(
            "[[services]]\nname = \"voter\"\nreplicas = 3\nservice_time_ms = 10\n{keys}\n\
             [[calls]]\nfrom = \"front\"\nto = \"voter\"\nquorum = 2\n"
        ),
        20,
    )
}

#[test]
fn a_quorum_hears_errors_and_refusals_of_the_replicas_that_it_asks() {
    assert!(quorum("") < 0.001);
    // One of ten answers fails: at least two of three good ones have probability 3 0.81 0.1 + 0.729 = 0.972.
    assert!((quorum("error_ratio = 0.1") - 0.028).abs() < 0.003);
    assert!(quorum("error_ratio = 1") > 0.999);
}

#[test]
fn a_quorum_of_overloaded_replicas_fails() {
    let text = "[[services]]\nname = \"voter\"\nreplicas = 3\nconcurrency = 1\nqueue_limit = 2\nservice_time_ms = 100\n\
                [[calls]]\nfrom = \"front\"\nto = \"voter\"\nquorum = 2\n";
    assert!(play(text, 20) > 0.8);
}

#[test]
fn messages_reach_consumers_in_another_zone() {
    let broker = |zone: &str| {
        format!(
            "[[services]]\nname = \"queue\"\nclass = \"broker\"\nzones = [\"a\"]\nreplicas = 2\nservice_time_ms = 5\n\
             broker = {{ depth = 4000, deadline_s = 30 }}\n\
             [[services]]\nname = \"worker\"\nzones = [\"{zone}\"]\nreplicas = 4\nservice_time_ms = 20\n\
             [[calls]]\nfrom = \"front\"\nto = \"queue\"\n\
             [[calls]]\nfrom = \"queue\"\nto = \"worker\"\nmode = \"consume\"\n"
        )
    };
    assert!(play(&broker("a"), 60) < 0.001);
    assert!(play(&broker("b"), 60) < 0.001);
}

#[test]
fn a_database_that_lost_every_member_answers_nobody_until_it_is_restored() {
    let database = |restore_s: u32, kind: &str| {
        format!(
            "[[services]]\nname = \"store\"\nclass = \"database\"\nreplicas = 4\nservice_time_ms = 10\nstartup_s = 10\n\
             database = {{ write_ratio = 0.1, restore_s = {restore_s}, {kind} }}\n\
             [[calls]]\nfrom = \"front\"\nto = \"store\"\n\
             [faults]\ncontrol_ratio = 0\n[[faults.catalogue]]\nid = \"F04\"\ntargets = [\"store\"]\n\
             magnitude = [1, 1]\nblast_radius = [1, 1]\nonset_s = [50, 50]\nduration_s = [100, 100]\n"
        )
    };
    for kind in ["multi_master = false", "multi_master = true"] {
        let (short, long) = (play(&database(0, kind), 120), play(&database(200, kind), 120));
        // Two hundred of six hundred seconds more, reads included.
        assert!((long - short - 200.0 / 600.0).abs() < 0.05, "{kind}: {short} {long}");
    }
}
