//! One step of queues through time.

use super::table::{QueueTable, Reading};
use crate::lanes::f32x4;

/// What queues meet in a step, a lane each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Requests in the queues before, those in service included.
    pub before: f32x4,
    /// Servers, and requests that the queues hold at most.
    pub servers: f32x4,
    pub limit: f32x4,
    /// Requests per second that the servers could finish, and those offered.
    pub capacity: f32x4,
    pub offered: f32x4,
    /// Seconds, and their reciprocal.
    pub dt: f32x4,
    pub per_dt: f32x4,
}

/// What becomes of queues in a step: `after = before + dt (admitted - served)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub after: f32x4,
    pub admitted: f32x4,
    pub served: f32x4,
    /// See [`super::Stationary::waiting`].
    pub waiting: f32x4,
}

/// A move by this share of the requests and servers there are, beyond which a tangent says little.
const FAR: f32 = 0.25;

/// Moves the queues in the lanes whose bits are set by a step, implicitly: whatever its length, they neither empty below 0 nor fill
/// beyond their limit, nor swing around where they settle.
#[inline(always)]
pub(crate) fn step(table: &QueueTable, flow: &Flow, lanes: u32) -> Step {
    let now = table.read(flow.servers, flow.before, lanes);
    let step = unrefused(flow, &now);
    let moved = (step.after - flow.before).abs().simd_gt(f32x4::splat(FAR) * (flow.before + flow.servers));
    let is_stiff = step.after.fast_max(flow.before).simd_gt(now.free) | moved;
    if is_stiff.none() {
        return step;
    }
    let bounded = bounded(table, flow, &now, (step.after, is_stiff), lanes);
    Step {
        after: is_stiff.bitselect(bounded.after, step.after),
        admitted: is_stiff.bitselect(bounded.admitted, step.admitted),
        served: is_stiff.bitselect(bounded.served, step.served),
        waiting: is_stiff.bitselect(bounded.waiting, step.waiting),
    }
}

/// A step in which all are admitted. With h's tangent, `x = before + dt (offered - capacity x / (x + h(x)))` is
/// quadratic in x; its positive root, in the form without cancellation.
#[inline(always)]
fn unrefused(flow: &Flow, now: &Reading) -> Step {
    let splat = f32x4::splat;
    let arrived = flow.before + flow.dt * flow.offered;
    let work = flow.dt * flow.capacity;
    // x + h(x) = grow x + rest.
    let grow = f32x4::ONE + now.h_slope;
    let rest = now.h - now.h_slope * flow.before;
    let b = grow * arrived - rest - work;
    let q = ((b * b + splat(4.0) * grow * arrived * rest).sqrt() + b.abs()).fast_max(splat(1e-30));
    let is_long = b.simd_gt(f32x4::ZERO);
    let root = is_long.bitselect(splat(0.5) * q, splat(2.0) * arrived * rest) / is_long.bitselect(grow, q);
    // The tangent may promise more than the servers can do.
    let after = root.fast_max(arrived - work).fast_max(f32x4::ZERO);
    let served = ((arrived - after) * flow.per_dt).fast_max(f32x4::ZERO).fast_min(flow.capacity);
    Step { after, admitted: flow.offered, served, waiting: now.waiting }
}

/// Most iterations of a step near the limit.
const ITERATIONS: usize = 32;
/// What the flows of a step may be off by, relative to what the servers can do, and to the requests in the queue.
const FLOW_TOLERANCE: f32 = 1e-4;
const NUMBER_TOLERANCE: f32 = 3e-7;
/// Ratio admitted above which what is admitted is known better than what is served.
const NEARLY_ALL: f32 = 0.999;

/// A step of queues that refuse some, or move far: fully implicit, as what they admit falls steeply near the limit.
///
/// What is missing to `x = before + dt (admitted(x) - served(x))` grows with x, from less than none when empty to more
/// than none when full. Its one root is found by tangents to `served` and `b`, which a bisection replaces where they leave
/// the bracket. There is one iteration at least, so that a tolerance does not hold a queue back where it would settle.
#[cold]
fn bounded(table: &QueueTable, flow: &Flow, now: &Reading, (unrefused, is_open): (f32x4, f32x4), lanes: u32) -> Step {
    let splat = f32x4::splat;
    let full = flow.limit.fast_max(flow.before);
    let (first, missing, next) = rates(flow, now, flow.before);
    let is_above = missing.simd_gt(f32x4::ZERO);
    let mut high = is_above.bitselect(flow.before, full);
    let mut low = is_above.bitselect(f32x4::ZERO, flow.before);
    let mut x = next.simd_lt(f32x4::ZERO).bitselect(unrefused, next);
    let tolerance = splat(FLOW_TOLERANCE) * flow.dt * flow.capacity;
    let (mut open, mut last) = (is_open, first);
    for _ in 0..ITERATIONS {
        x = x.fast_max(low).fast_min(high);
        let (at, missing, next) = rates(flow, &table.read(flow.servers, x, lanes & open.to_bitmask()), x);
        last = Step {
            after: open.bitselect(at.after, last.after),
            admitted: open.bitselect(at.admitted, last.admitted),
            served: open.bitselect(at.served, last.served),
            waiting: open.bitselect(at.waiting, last.waiting),
        };
        let is_off = missing.abs().simd_gt(tolerance) & (next - x).abs().simd_gt(splat(NUMBER_TOLERANCE) * x);
        open &= is_off;
        if open.none() {
            break;
        }
        let is_above = missing.simd_gt(f32x4::ZERO);
        high = is_above.bitselect(x, high);
        low = is_above.bitselect(low, x);
        let is_inside = next.simd_ge(low) & next.simd_le(high);
        x = is_inside.bitselect(next, splat(0.5) * (low + high));
    }
    settle(flow, last)
}

/// What is admitted and served with x requests in the queue, what is missing to a step that ends there, and where
/// tangents say that none is.
#[inline(always)]
fn rates(flow: &Flow, at: &Reading, x: f32x4) -> (Step, f32x4, f32x4) {
    let (zero, one, tiny) = (f32x4::ZERO, f32x4::ONE, f32x4::splat(1e-30));
    let below = flow.limit - x;
    let room = below.fast_max(zero);
    let per_held = one / (x + at.h).fast_max(tiny);
    let arriving = flow.dt * flow.offered;
    let admitted = flow.offered * room / (room + at.b).fast_max(tiny);
    let served = flow.capacity * x * per_held;
    let missing = x - flow.before - flow.dt * (admitted - served);
    // With room r, served = s - s' r and b = b0 + (a - 1) r: (gain - loss r) (a r + b0) = dt offered r.
    let loss = one + flow.dt * flow.capacity * (at.h - x * at.h_slope) * per_held * per_held;
    let gain = flow.limit - flow.before + flow.dt * served + (loss - one) * below;
    let a = (one - at.b_slope).fast_max(f32x4::splat(1e-3));
    let b0 = at.b + (one - a) * room;
    let half = f32x4::splat(0.5) * (arriving + loss * b0 - gain * a);
    let product = loss * a * gain * b0;
    let root = (half * half + product.fast_max(zero)).sqrt();
    let is_far = half.simd_gt(zero);
    let left = is_far.bitselect(gain * b0, root - half) / is_far.bitselect(half + root, loss * a).fast_max(tiny);
    // Where nothing gets in, all that matters is what is served.
    let left = gain.simd_gt(zero).bitselect(left, gain / loss);
    (Step { after: x, admitted, served, waiting: at.waiting }, missing, flow.limit - left)
}

/// Makes what is admitted, served and left come to the same: the one of the first two that depends less on the last bits
/// of the number in the queue decides.
fn settle(flow: &Flow, step: Step) -> Step {
    let zero = f32x4::ZERO;
    let change = (step.after - flow.before) * flow.per_dt;
    let is_open = step.admitted.simd_gt(flow.offered * f32x4::splat(NEARLY_ALL));
    let left = (step.admitted - change).fast_max(zero).fast_min(flow.capacity);
    let served = is_open.bitselect(left, step.served);
    let taken = (step.served + change).fast_max(zero).fast_min(flow.offered);
    let admitted = is_open.bitselect(step.admitted, taken);
    // Only where the root was not found is there more to it than rounding.
    let is_off = (admitted - served - change).abs().simd_gt(f32x4::splat(1e-6) * (admitted + served));
    let unheld = is_off.bitselect(flow.before + flow.dt * (admitted - served), step.after);
    let after = unheld.fast_max(zero).fast_min(flow.limit.fast_max(flow.before));
    let change = (after - flow.before) * flow.per_dt;
    let admitted = unheld.simd_gt(after).bitselect((served + change).fast_max(zero), admitted);
    let served = unheld.simd_lt(after).bitselect((admitted - change).fast_max(zero), served);
    Step { after, admitted, served, ..step }
}
