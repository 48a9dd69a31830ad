//! Holds the closed forms, the tables and their steps to the queues that they stand for.

use super::*;
use crate::{
    lanes::{f32x4, lane},
    rng::{CounterRng, Stream},
};

/// Mean number and loss of an M/M/c/K queue, state by state.
fn ladder(servers: u32, limit: u32, rho: f64) -> (f64, f64) {
    let mut logs = vec![0.0_f64];
    for n in 1..=limit {
        logs.push(logs[n as usize - 1] + (f64::from(servers) * rho / f64::from(n.min(servers))).ln());
    }
    let most = logs.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let number = weights.iter().enumerate().map(|(n, weight)| n as f64 * weight).sum::<f64>();
    (number / sum, weights[limit as usize] / sum)
}

/// A queue whose servers do one request a second.
fn flow(servers: f32, limit: f32, rho: f32, before: f32, dt: f32) -> Flow {
    let all = f32x4::splat;
    Flow {
        before: all(before),
        servers: all(servers),
        limit: all(limit),
        capacity: all(servers),
        offered: all(servers * rho),
        dt: all(dt),
        per_dt: all(1.0 / dt),
    }
}

/// Number and loss at which a queue settles.
fn settled(table: &QueueTable, servers: f32, limit: f32, rho: f32, dt: f32) -> (f64, f64) {
    let mut x = 0.0;
    for _ in 0..100_000 {
        let next = step(table, &flow(servers, limit, rho, x, dt), 1);
        let moved = (lane(next.after, 0) - x).abs();
        x = lane(next.after, 0);
        if moved <= 3e-7 * x {
            break;
        }
    }
    let last = step(table, &flow(servers, limit, rho, x, dt), 1);
    (f64::from(x), 1.0 - f64::from(lane(last.admitted, 0) / (servers * rho)))
}

#[test]
fn the_closed_form_is_the_queue_state_by_state() {
    for (servers, limit) in [(1, 1), (1, 2), (1, 10), (1, 300), (2, 3), (4, 4), (7, 3), (10, 25), (100, 150)] {
        for rho in [0.01, 0.3, 0.8, 0.999_999, 1.0, 1.000_001, 1.2, 2.0, 20.0] {
            let (number, loss) = ladder(servers, limit, rho);
            let queue = Queue { servers: f64::from(servers), limit: f64::from(limit), variability: 1.0 };
            let found = queue.stationary(rho);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.abs() + 1e-12;
            assert!(close(found.number, number) && close(found.loss, loss), "{queue:?} {rho}: {found:?}");
            assert!(close(found.room, f64::from(limit) - number), "{queue:?} {rho}: {found:?}, {number}");
            assert!(close(found.busy, rho * (1.0 - loss)) && close(found.idle, 1.0 - found.busy), "{queue:?} {rho}");
        }
    }
}

#[test]
fn nothing_overflows_in_a_queue_without_bound() {
    let queue = Queue { servers: 4.0, limit: 4e9, variability: 1.0 };
    for rho in [0.5, 0.99, 1.0, 1.01, 50.0] {
        let Stationary { number, room, busy, idle, loss, waiting } = queue.stationary(rho);
        assert!([number, room, busy, idle, loss, waiting].iter().all(|value| value.is_finite() && *value >= 0.0));
        assert!((loss - (1.0 - 1.0 / rho).max(0.0)).abs() < 1e-6, "{rho}: {loss}");
    }
    let one = Queue { servers: 1.0, limit: 1e9, variability: 1.0 };
    assert!((one.stationary(0.9).number - 9.0).abs() < 1e-9 && (one.stationary(0.9).waiting - 0.9).abs() < 1e-9);
}

#[test]
fn the_table_gives_a_bounded_queue_at_every_load() {
    for servers in [1, 2, 3, 4, 5, 8, 9, 11, 17, 30, 50, 100, 230, 400] {
        for ratio in [1, 2, 3, 5, 10, 30, 100] {
            let limit = servers * ratio;
            let (c, k) = (servers as f32, limit as f32);
            let table = QueueTable::new(ratio as f32, 1.0, c);
            for percent in (5..=200).step_by(5) {
                let rho = f64::from(percent) / 100.0;
                let (number, loss) = ladder(servers, limit, rho);
                let (x, refused) = settled(&table, c, k, rho as f32, 100.0);
                assert!((x / number - 1.0).abs() < 0.005, "M/M/{servers}/{limit} at {rho}: {x}, theory says {number}");
                assert!((refused - loss).abs() < 0.001, "M/M/{servers}/{limit} at {rho}: {refused}, theory: {loss}");
            }
        }
    }
}

#[test]
fn where_fewer_may_come_in_than_could_be_served_the_table_is_erlang_b() {
    for (servers, ratio) in [(4, 0.5), (10, 0.3), (16, 0.75)] {
        let limit = (servers as f32 * ratio) as u32;
        let table = QueueTable::new(ratio, 1.0, servers as f32);
        for rho in [0.1, 0.3, 0.6, 1.0, 3.0] {
            let (number, loss) = ladder(servers, limit, rho);
            let (x, refused) = settled(&table, servers as f32, limit as f32, rho as f32, 10.0);
            assert!((x / number - 1.0).abs() < 0.01 && (refused - loss).abs() < 0.005, "{servers} {limit} {rho}: {x}");
        }
    }
}

#[test]
fn without_a_bound_the_table_gives_the_number_in_system_within_one_percent() {
    for ratio in [1e6, 1e9] {
        let table = QueueTable::new(ratio, 1.0, 512.0);
        for servers in (1..=256_u16).chain([300, 400, 512]) {
            for percent in 1..100 {
                let rho = f64::from(percent) / 100.0;
                let x = number_in_system(servers, rho);
                let c = f32x4::splat(f32::from(servers));
                let h = f64::from(lane(table.read(c, f32x4::splat(x as f32), 1).h, 0));
                // At this h the steady state for load rho is x' = h rho / (1 - rho).
                let error = (h * rho / (1.0 - rho) - x).abs() / x;
                let allowed = if servers <= 256 { 0.01 } else { 0.02 };
                assert!(error < allowed, "c = {servers}, rho = {rho}: {error}");
            }
        }
    }
}

#[test]
fn without_a_bound_one_server_waits_as_pollaczek_and_khinchine_say() {
    for cv2 in [0.0, 0.5, 1.0, 4.0, 10.0] {
        let table = QueueTable::new(1e6, 0.5 * (1.0 + cv2), 1.0);
        for rho in [0.3, 0.5, 0.8, 0.9, 0.95] {
            let waiting = rho * rho * (1.0 + f64::from(cv2)) / (2.0 * (1.0 - rho));
            let (x, _) = settled(&table, 1.0, 1e6, rho as f32, 100.0);
            assert!(((x - rho) / waiting - 1.0).abs() < 0.01, "cv2 = {cv2}, rho = {rho}: {x}, {waiting}");
        }
    }
}

/// A queue, its load and a number to begin with.
fn any_flow(rng: &mut CounterRng) -> (QueueTable, Flow) {
    let scale = |rng: &mut CounterRng, low: f32, high: f32| (low.ln() + rng.uniform() * (high / low).ln()).exp();
    let (ratio, servers) = (scale(rng, 0.2, 1e4), scale(rng, 0.3, 600.0));
    let (rho, dt) = (scale(rng, 0.05, 50.0), scale(rng, 1e-4, 1e5));
    let limit = servers * ratio;
    let variability = [1.0, 0.5, 5.5][(rng.uniform() * 3.0) as usize];
    let table = if rng.uniform() < 0.9 {
        QueueTable::new(ratio, variability, servers)
    } else {
        QueueTable::without_waiting(ratio, servers)
    };
    (table, flow(servers, limit, rho, limit * rng.uniform(), dt))
}

#[test]
fn a_step_of_any_length_stays_within_the_queue_and_loses_nothing() {
    let mut rng = CounterRng::new(1, Stream::Faults, 0);
    for _ in 0..20_000 {
        let (table, mut flow) = any_flow(&mut rng);
        let mut extreme = |lanes: &mut f32x4, low: f32| {
            if rng.uniform() < 0.2 {
                *lanes *= f32x4::splat((low.ln() * rng.uniform()).exp());
            }
        };
        extreme(&mut flow.before, 1e-9);
        extreme(&mut flow.before, 1e3);
        extreme(&mut flow.capacity, 1e-6);
        extreme(&mut flow.offered, 1e-9);
        for _ in 0..8 {
            let Step { after, admitted, served, waiting } = step(&table, &flow, 0b101);
            let of = |lanes: f32x4| f64::from(lane(lanes, 2));
            let dt = of(flow.dt);
            let most = of(flow.limit).max(of(flow.before));
            assert!(of(after) >= 0.0 && of(after) <= most, "{flow:?}: {after:?}");
            assert!(of(admitted) >= 0.0 && of(admitted) <= of(flow.offered) * (1.0 + 1e-6), "{flow:?}: {admitted:?}");
            assert!(of(served) >= 0.0 && of(served) <= of(flow.capacity) * (1.0 + 1e-5), "{flow:?}: {served:?}");
            assert!(of(waiting) > 0.0 && of(waiting) <= 2.0 + 1e-6);
            let change = of(after) - of(flow.before);
            let most = of(flow.before).max(of(admitted) * dt).max(of(served) * dt);
            assert!(
                (change - dt * (of(admitted) - of(served))).abs() < 2e-6 * most,
                "{flow:?}: {after:?} {admitted:?}"
            );
            flow.before = after;
        }
    }
}

#[test]
fn a_queue_does_not_swing_around_where_it_settles() {
    let mut rng = CounterRng::new(2, Stream::Faults, 0);
    for _ in 0..300 {
        let (table, start) = any_flow(&mut rng);
        let of = |lanes: f32x4| lane(lanes, 0);
        let (c, k, rho, dt) =
            (of(start.servers), of(start.limit), of(start.offered) / of(start.capacity), of(start.dt));
        let rest = settled(&table, c, k, rho, 1e4).0 as f32;
        let noise = 1e-3 * rest;
        for away in [0.0, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 10.0] {
            let mut x = (rest * away).min(k);
            let mut crossed = 0;
            for _ in 0..8 {
                let next = of(step(&table, &flow(c, k, rho, x, dt), 1).after);
                let (was, is) = (x - rest, next - rest);
                assert!(is.abs() <= was.abs() + noise, "{start:?}: {x} to {next}, settles at {rest}");
                crossed += u32::from(was * is < 0.0 && is.abs() > noise);
                x = next;
            }
            // A tangent to the convex h is passed from above, and never from below.
            assert!(crossed <= 1, "{start:?}: from {away} crosses {rest} {crossed} times");
        }
    }
}

#[test]
fn without_chance_nobody_waits_while_a_server_is_free() {
    let table = QueueTable::without_waiting(10.0, 8.0);
    for (rho, number, loss) in [(0.3, 2.4, 0.0), (0.9, 7.2, 0.0), (1.5, 80.0, 1.0 / 3.0)] {
        let (x, refused) = settled(&table, 8.0, 80.0, rho, 1.0);
        assert!((x / number - 1.0).abs() < 0.02 && (refused - loss).abs() < 0.001, "{rho}: {x}, {refused}");
    }
}
