//! What does each phase of a tick cost, summed over the ticks of a step of `spine12`, in calm and under random play?
//!
//! Every phase includes one reading of the clock per tick, which takes some twenty to fifty nanoseconds; the group `clock`
//! says how long it takes here.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use microcloud_benches::{Play, Player, criterion, topology};
use microcloud_core::{Phase, PhaseWatch};

/// The phases that a step consists of; observations, masks and resets are benchmarks of their own.
const PHASES: [Phase; 11] = [
    Phase::Fetch,
    Phase::Actions,
    Phase::Faults,
    Phase::Controllers,
    Phase::Replicas,
    Phase::Arrivals,
    Phase::Forward,
    Phase::Backward,
    Phase::Health,
    Phase::Telemetry,
    Phase::Decision,
];

/// Sums the time of one phase.
struct Stopwatch {
    phase: Phase,
    last: Instant,
    spent: Duration,
}

impl PhaseWatch for Stopwatch {
    fn ended(&mut self, phase: Phase) {
        let now = Instant::now();
        if phase == self.phase {
            self.spent += now - self.last;
        }
        self.last = now;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = criterion();
    let topology = topology("spine12")?;
    for (name, play) in [("calm", Play::Calm), ("random", Play::Random)] {
        let mut group = criterion.benchmark_group(format!("phase/{name}"));
        for phase in PHASES {
            let mut player = Player::new(&topology, play);
            group.bench_function(format!("{phase:?}").to_lowercase(), |bencher| {
                bencher.iter_custom(|steps| {
                    let mut watch = Stopwatch { phase, last: Instant::now(), spent: Duration::ZERO };
                    for _ in 0..steps {
                        let action = player.choose();
                        watch.last = Instant::now();
                        player.step_watched(action, &mut watch);
                    }
                    watch.spent
                });
            });
        }
        group.finish();
    }
    criterion.bench_function("clock", |bencher| bencher.iter(|| black_box(Instant::now())));
    criterion.final_summary();
    Ok(())
}
