//! Gymnasium's CartPole-v1 (Barto, Sutton and Anderson, 1983) as a batch of environments.

use microcloud_train::{RandomStream, TaskBuffers, VectorTask};

const GRAVITY: f64 = 9.8;
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
const HALF_POLE: f64 = 0.5;
const FORCE: f64 = 10.0;
const TICK_S: f64 = 0.02;
const FARTHEST: f64 = 2.4;
const STEEPEST: f64 = 12.0 * std::f64::consts::TAU / 360.0;
const LONGEST: u32 = 500;

/// A batch of carts with poles; the action 1 pushes right.
pub struct CartPole {
    carts: Vec<Cart>,
}

struct Cart {
    state: [f64; 4],
    decisions: u32,
    random: RandomStream,
}

impl CartPole {
    pub fn new(num_envs: usize) -> Self {
        let cart = |_| Cart { state: [0.0; 4], decisions: 0, random: RandomStream::from_seed(0) };
        Self { carts: (0..num_envs).map(cart).collect() }
    }
}

impl Cart {
    fn restart(&mut self) {
        self.state = std::array::from_fn(|_| self.random.uniform() * 0.1 - 0.05);
        self.decisions = 0;
    }

    fn advance(&mut self, action: usize) -> (bool, bool) {
        let [x, x_dot, theta, theta_dot] = self.state;
        let force = if action == 1 { FORCE } else { -FORCE };
        let mass = CART_MASS + POLE_MASS;
        let pole = POLE_MASS * HALF_POLE;
        let (sin, cos) = theta.sin_cos();
        let inner = (force + pole * theta_dot * theta_dot * sin) / mass;
        let theta_acceleration =
            (GRAVITY * sin - cos * inner) / (HALF_POLE * (4.0 / 3.0 - POLE_MASS * cos * cos / mass));
        let x_acceleration = inner - pole * theta_acceleration * cos / mass;
        self.state = [
            x + TICK_S * x_dot,
            x_dot + TICK_S * x_acceleration,
            theta + TICK_S * theta_dot,
            theta_dot + TICK_S * theta_acceleration,
        ];
        self.decisions += 1;
        let fell = self.state[0].abs() > FARTHEST || self.state[2].abs() > STEEPEST;
        (fell, self.decisions >= LONGEST)
    }

    fn observe(&self, out: &mut [f32]) {
        out.iter_mut().zip(self.state).for_each(|(out, value)| *out = value as f32);
    }
}

impl VectorTask for CartPole {
    fn num_envs(&self) -> usize {
        self.carts.len()
    }

    fn observation_size(&self) -> usize {
        4
    }

    fn num_actions(&self) -> usize {
        2
    }

    fn reset(&mut self, seed: u64, observations: &mut [f32], action_masks: &mut [bool]) {
        action_masks.fill(true);
        for (env, (cart, out)) in self.carts.iter_mut().zip(observations.chunks_exact_mut(4)).enumerate() {
            cart.random = RandomStream::from_seed(seed + env as u64);
            cart.restart();
            cart.observe(out);
        }
    }

    fn step(&mut self, actions: &[usize], buffers: &mut TaskBuffers<'_>) {
        for (env, cart) in self.carts.iter_mut().enumerate() {
            let row = env * 4..(env + 1) * 4;
            let (terminated, truncated) = cart.advance(actions[env]);
            buffers.rewards[env] = 1.0;
            buffers.terminated[env] = terminated;
            buffers.truncated[env] = truncated;
            if terminated || truncated {
                cart.observe(&mut buffers.final_observations[row.clone()]);
                cart.restart();
            }
            cart.observe(&mut buffers.observations[row]);
        }
    }

    fn save(&self) -> Vec<u8> {
        let values = |cart: &Cart| {
            let state = cart.state.map(f64::to_bits);
            [state.as_slice(), &[u64::from(cart.decisions), cart.random.state()]].concat()
        };
        self.carts.iter().flat_map(values).flat_map(u64::to_le_bytes).collect()
    }

    fn restore(&mut self, bytes: &[u8], observations: &mut [f32], action_masks: &mut [bool]) -> Result<(), String> {
        if bytes.len() != self.carts.len() * 6 * 8 {
            return Err(format!("{} bytes instead of {}", bytes.len(), self.carts.len() * 6 * 8));
        }
        let values: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        for ((cart, values), out) in
            self.carts.iter_mut().zip(values.as_chunks::<6>().0).zip(observations.as_chunks_mut::<4>().0)
        {
            let [x, x_dot, theta, theta_dot, decisions, random] = *values;
            let state = [x, x_dot, theta, theta_dot].map(f64::from_bits);
            *cart = Cart { state, decisions: decisions as u32, random: RandomStream::from_state(random) };
            cart.observe(out);
        }
        action_masks.fill(true);
        Ok(())
    }
}
