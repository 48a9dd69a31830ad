//! PPO's loss on burn, and its gradients by autodiff.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::network::BurnNetwork;
use crate::config::PpoConfig;
use crate::kernel::Layout;
use crate::rollout::Rollout;

/// Added to the logits of illegal actions: their exponential is exactly zero, and so is every gradient through it.
const ILLEGAL: f32 = -1e9;

/// The mean loss over the samples `rows` of a rollout whose advantages are taken as they are, and its gradients, laid out as the
/// parameters.
///
/// With memory, `rows` are whole rollouts of some environments, step by step.
pub fn ppo_gradients(
    layout: &Layout,
    parameters: &[f32],
    config: &PpoConfig,
    rollout: &Rollout,
    rows: &[usize],
    device: &Device,
) -> (f64, Vec<f32>) {
    let device = device.clone().autodiff();
    let network = BurnNetwork::new(layout, parameters, &device);
    let count = rows.len();
    let memory = layout.spec().memory;
    let mut loss = Tensor::<1>::zeros([1], &device);
    if memory == 0 {
        let outputs = network.forward(layout, observations(rollout, rows, &device), None);
        loss = loss + sample_losses(config, rollout, rows, outputs.actions, outputs.values, &device);
    } else {
        let envs: Vec<usize> = rows.iter().copied().take_while(|row| *row < rollout.num_envs).collect();
        let first = envs.iter().flat_map(|env| &rollout.first_states[env * memory..(env + 1) * memory]).copied();
        let first: Vec<f32> = first.collect();
        let mut state = Tensor::<2>::from_data(TensorData::new(first, [envs.len(), memory]), &device);
        for rows in rows.chunks(envs.len()) {
            let goes_on = rows.iter().map(|row| f32::from(u8::from(!rollout.episode_starts[*row]))).collect();
            state = state * column(goes_on, &device);
            let outputs = network.forward(layout, observations(rollout, rows, &device), Some(state.clone()));
            state = outputs.next_state.unwrap_or(state);
            loss = loss + sample_losses(config, rollout, rows, outputs.actions, outputs.values, &device);
        }
    }
    let loss = loss.div_scalar(count as f64);
    let value = f64::from(loss.clone().into_scalar::<f32>());
    let mut gradients = loss.backward();
    let flat = network.tensors().into_iter().flat_map(|tensor| {
        let [rows, columns] = tensor.dims();
        let gradient = tensor.grad_remove(&mut gradients).map(|gradient| gradient.into_data().try_into_vec());
        gradient.and_then(Result::ok).unwrap_or_else(|| vec![0.0; rows * columns])
    });
    (value, flat.collect())
}

fn observations(rollout: &Rollout, rows: &[usize], device: &Device) -> Tensor<2> {
    let width = rollout.observation_size;
    let values = rows.iter().flat_map(|row| &rollout.observations[row * width..(row + 1) * width]).copied();
    Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), [rows.len(), width]), device)
}

fn column(values: Vec<f32>, device: &Device) -> Tensor<2> {
    let rows = values.len();
    Tensor::from_data(TensorData::new(values, [rows, 1]), device)
}

/// The sum of the samples' losses, `[1]`.
fn sample_losses(
    config: &PpoConfig,
    rollout: &Rollout,
    rows: &[usize],
    logits: Tensor<2>,
    values: Option<Tensor<2>>,
    device: &Device,
) -> Tensor<1> {
    let num_actions = rollout.num_actions;
    let pick = |values: &[f32]| column(rows.iter().map(|&row| values[row]).collect(), device);
    let masks = rows.iter().flat_map(|row| &rollout.action_masks[row * num_actions..(row + 1) * num_actions]);
    let offsets: Vec<f32> = masks.map(|&legal| if legal { 0.0 } else { ILLEGAL }).collect();
    let actions: Vec<i64> = rows.iter().map(|&row| rollout.actions[row] as i64).collect();
    let actions = Tensor::<2, Int>::from_data(TensorData::new(actions, [rows.len(), 1]), device);

    let logits = logits + Tensor::from_data(TensorData::new(offsets, [rows.len(), num_actions]), device);
    let largest = logits.clone().max_dim(1).detach();
    let shifted = logits - largest;
    let exponentials = shifted.clone().exp();
    let sum = exponentials.clone().sum_dim(1);
    let log_sum = sum.clone().log();
    let log_probs = shifted.clone().gather(1, actions) - log_sum.clone();
    let entropies = log_sum - (exponentials * shifted).sum_dim(1) / sum;

    let advantages = pick(&rollout.advantages);
    let ratio = (log_probs - pick(&rollout.log_probs)).exp();
    let clipped = ratio.clone().clamp(1.0 - config.clip_coef, 1.0 + config.clip_coef);
    let gain = (ratio * advantages.clone()).min_pair(clipped * advantages);
    let mut loss = -gain - entropies.mul_scalar(config.ent_coef);
    if let Some(values) = values {
        let (old, targets) = (pick(&rollout.values), pick(&rollout.returns));
        let mut errors = (values.clone() - targets.clone()).square();
        if config.clip_vloss {
            let change = (values - old.clone()).clamp(-config.clip_coef, config.clip_coef);
            errors = errors.max_pair((old + change - targets).square());
        }
        loss = loss + errors.mul_scalar(0.5 * config.vf_coef);
    }
    loss.sum()
}
