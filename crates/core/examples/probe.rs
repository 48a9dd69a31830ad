//! probe
use microcloud_core::*;
fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(10);
    let name = std::env::args().nth(2).unwrap_or("spine12".into());
    let t = Topology::new(Scenario::load(&name).unwrap()).unwrap();
    let mut e = Environment::new(t.clone());
    let mut obs = vec![0.0; t.observation_size()];
    let mut mask = vec![false; t.num_actions()];
    let mut rng = CounterRng::new(8, Stream::Faults, 0);
    let mut ticks = 0u64;
    let mut sum = 0.0;
    let start = std::time::Instant::now();
    for k in 0..n {
        e.reset(Level::draw(Split::Train, 5, k));
        loop {
            e.action_mask(&mut mask);
            let legal: Vec<usize> = (0..mask.len().min(45)).filter(|&a| mask[a]).collect();
            let a = legal[(rng.uniform() * legal.len() as f32) as usize];
            let r = e.step(a);
            sum += r.reward;
            e.observe(&mut obs);
            ticks += 5;
            if r.terminated || r.truncated {
                break;
            }
        }
    }
    println!("{ticks} ticks {:.0}/s {sum}", ticks as f64 / start.elapsed().as_secs_f64());
}
