//! Rules of replicas: starting, stopping, crashing, being checked.

use super::{
    super::lab::{Lab, cluster},
    Check,
};
use crate::{
    rules::Rule,
    simulation::replicas,
    state::{HEALTHY, Impairment},
};

pub(super) const CHECKS: &[(Rule, Check)] = &[
    (Rule::HealthChecks, |off| {
        let mut lab = Lab::new(&ten(""), off);
        lab.impair("a", 4.0, Impairment { error: 1.0, check_failure: 1.0, ..Impairment::NONE }).run(60);
        lab.run(30).bad() < 0.01
    }),
    (Rule::PanicRouting, |off| {
        // Eight of ten fail their checks and nothing else: two alone could not carry the load.
        let mut lab = Lab::new(&ten(""), off);
        lab.impair("a", 8.0, Impairment { check_failure: 1.0, ..Impairment::NONE }).run(60);
        lab.run(60).bad() < 0.01
    }),
    (Rule::StartUp, |off| {
        let mut lab = Lab::new(&ten("startup_s = 60"), off);
        let soon = lab.scale("a", 4.0).run(5).running("a");
        soon < 10.1 && lab.run(600).running("a") > 13.9
    }),
    (Rule::WarmUp, |off| {
        let mut lab = Lab::new(&ten("startup_s = 0"), off);
        let before = lab.capacity("a");
        let soon = lab.scale("a", 10.0).run(2).capacity("a");
        let late = lab.run(300).capacity("a");
        soon < 1.6 * before && late > 1.99 * before
    }),
    (Rule::RestartBackOff, |off| {
        let mut lab = Lab::new(&ten("startup_s = 0"), off);
        crash(&mut lab);
        let first = lab.run(8).running("a");
        let back = lab.run(10).running("a");
        crash(&mut lab);
        let second = lab.run(18).running("a");
        first < 0.1 && back > 9.9 && second < 0.1
    }),
    (Rule::Grace, |off| {
        let service = "[[services]]\nname = \"a\"\nreplicas = 4\nservice_time_ms = 2000\nconcurrency = 100\n\
                       pool = 200\ngrace_s = 30\nstartup_s = 0\n";
        let mut lab = Lab::new(&cluster("", "rate_per_s = 50\ntimeout_ms = 60000", 1, service), off);
        lab.scale("a", -2.0).run(20).bad() < 1e-6
    }),
    (Rule::OutOfMemory, |off| {
        let mut lab = Lab::new(&ten(""), off);
        lab.own_mut("a").condition.leak_per_s = 0.1;
        let mut least = f32::MAX;
        lab.run_with(30, |state| least = least.min(state.services[0].answering().reduce_add()));
        least < 0.1
    }),
    (Rule::Disk, |off| {
        // What fills the disk up keeps replicas from starting.
        let mut lab = Lab::new(&ten("startup_s = 0"), off);
        lab.state.nodes[0].filling = 0.01;
        lab.run(120);
        let full = lab.state.nodes[0].disk >= 1.0;
        full && lab.scale("a", 4.0).run(60).running("a") < 10.1
    }),
    (Rule::Autoscaler, |off| {
        let mut lab = Lab::new(&ten("autoscaler = { target_utilisation = 0.3 }"), off);
        lab.run(120);
        // Sixty per cent of ten replicas are thirty per cent of twenty, and of some more while those are cold.
        (20.0..25.0).contains(&lab.own("a").wanted)
    }),
    (Rule::ZoneQuota, |off| {
        let text = ten("startup_s = 0").replace("name = \"z0\"\n", "name = \"z0\"\nquota_cores = 10\n");
        let mut lab = Lab::new(&text, off);
        lab.scale("a", 1.0).run(30).running("a") < 10.5
    }),
];

/// Ten replicas that do a hundred requests a second each, for six hundred.
fn ten(keys: &str) -> String {
    let service = format!("[[services]]\nname = \"a\"\nreplicas = 10\nservice_time_ms = 10\nconcurrency = 1\n{keys}\n");
    cluster("", "rate_per_s = 600", 1, &service)
}

fn crash(lab: &mut Lab) {
    replicas::crash(&lab.topology, &mut lab.state.services[0], 0, HEALTHY, 0);
}
