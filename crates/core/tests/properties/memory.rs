//! What an environment takes in memory.

use microcloud_core::Environment;

use crate::play::topology;

#[test]
fn memory_grows_with_the_services_and_not_with_what_happens() {
    let bytes = |name: &str| {
        let mut environment = Environment::new(topology(name));
        let before = environment.state_bytes();
        for step in 0..500 {
            environment.step(step % environment.topology().num_actions());
        }
        assert_eq!(environment.state_bytes(), before, "{name}");
        before
    };
    let per_service = |name: &str| bytes(name) / topology(name).num_services();
    assert!(bytes("spine12") < 30_000, "{}", bytes("spine12"));
    assert!(per_service("random-64") < per_service("spine12") * 3 / 2);
}
