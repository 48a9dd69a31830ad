//! The network that plays against burn's forward pass, and gradients through masks.

use microcloud_policy::network::{Normalizer, Workspace};
use microcloud_train::{Adam, Parameters, PpoConfig, Rollout, Shard};
use ndarray::{Array1, Array2};

fn rollout(rows: usize, width: usize, num_actions: usize) -> Rollout {
    let mut rollout = Rollout::new(rows, 1, width, num_actions);
    let noise = |index: usize| ((index * 7919 + 13) % 1009) as f32 / 504.5 - 1.0;
    rollout.observations.iter_mut().enumerate().for_each(|(index, x)| *x = noise(index));
    for row in 0..rows {
        rollout.log_probs[row] = -1.0 + 0.3 * noise(row);
        rollout.advantages[row] = noise(row * 3 + 1);
        rollout.returns[row] = noise(row * 5 + 2);
        rollout.values[row] = noise(row * 11 + 4);
    }
    rollout
}

#[test]
fn the_network_that_plays_agrees_with_burn() {
    let (rows, width, num_actions) = (37, 23, 9);
    let mut parameters = Parameters::new(width, &[64, 48], num_actions, 0.0, 3);
    parameters = parameters.map(|tensor| tensor + 0.02);
    let observations = Array2::from_shape_fn((rows, width), |(r, c)| ((r * 31 + c * 17) % 97) as f32 * 0.05 - 2.0);
    let mean = Array1::from_shape_fn(width, |c| c as f32 * 0.1 - 1.0);
    let var = Array1::from_shape_fn(width, |c| 0.25 + c as f32 * 0.05);
    let normalized = Array2::from_shape_fn((rows, width), |(r, c)| {
        ((observations[[r, c]] - mean[c]) / (var[c] + 1e-8).sqrt()).clamp(-10.0, 10.0)
    });
    let input = burn::tensor::Tensor::<2>::from_data(
        burn::tensor::TensorData::new(normalized.into_raw_vec_and_offset().0, [rows, width]),
        &burn::tensor::Device::flex(),
    );
    let network = parameters.to_network(Normalizer::new(mean, var)).unwrap();
    let mut workspace = Workspace::default();
    let (logits, values, _) = network.evaluate(observations.view(), &mut workspace);
    let burn_logits: Vec<f32> = parameters.logits(input.clone()).into_data().try_into_vec().unwrap();
    let burn_values: Vec<f32> = parameters.values(input).into_data().try_into_vec().unwrap();
    for (ours, burns) in logits.iter().chain(values.iter()).zip(burn_logits.iter().chain(&burn_values)) {
        assert!((ours - burns).abs() <= 1e-5 * burns.abs().max(1.0), "{ours} and {burns}");
    }
    let back = Parameters::from_network(&network);
    assert_eq!(back.to_network(network.normalizer().clone()).unwrap(), network);
}

#[test]
fn nothing_flows_through_illegal_actions() {
    let (rows, width, num_actions, illegal) = (64, 6, 5, 2);
    let mut rollout = rollout(rows, width, num_actions);
    for row in 0..rows {
        rollout.action_masks[row * num_actions + illegal] = false;
        rollout.actions[row] = [0, 1, 3, 4][row % 4];
    }
    let parameters = Parameters::new(width, &[16], num_actions, 0.0, 1);
    let config = PpoConfig::default();
    let all: Vec<usize> = (0..rows).collect();
    let result = Shard::gather(&rollout, &all, &rollout.advantages.clone()).gradients(&parameters, &config, rows);
    // The actor's output layer: weight [16, num_actions] and bias [1, num_actions].
    for index in [2, 3] {
        let gradient: Vec<f32> = result.gradients[index].clone().into_data().try_into_vec().unwrap();
        assert!(gradient.iter().any(|&g| g != 0.0));
        assert!(gradient.iter().skip(illegal).step_by(num_actions).all(|&g| g == 0.0));
    }
    let most = (num_actions as f32 - 1.0).ln() + 1e-5;
    assert!(result.entropies.iter().all(|&entropy| entropy > 0.0 && entropy <= most));
}

#[test]
fn gradients_agree_with_finite_differences_of_the_loss() {
    let (rows, width, num_actions) = (32, 4, 3);
    let mut rollout = rollout(rows, width, num_actions);
    for row in 0..rows {
        rollout.actions[row] = row % num_actions;
        rollout.action_masks[row * num_actions + (row + 1) % num_actions] = row % 2 == 0;
    }
    let config = PpoConfig { ent_coef: 0.1, clip_coef: 0.3, ..PpoConfig::default() };
    let loss = |parameters: &Parameters| -> f64 {
        let all: Vec<usize> = (0..rows).collect();
        let r = Shard::gather(&rollout, &all, &rollout.advantages.clone()).gradients(parameters, &config, rows);
        let clip = config.clip_coef;
        let mut sum = 0.0;
        for row in 0..rows {
            let (advantage, target, old) = (rollout.advantages[row], rollout.returns[row], rollout.values[row]);
            let (advantage, target, old) = (f64::from(advantage), f64::from(target), f64::from(old));
            let ratio = f64::from(r.log_probs[row] - rollout.log_probs[row]).exp();
            let value = f64::from(r.values[row]);
            let clipped = old + (value - old).clamp(-clip, clip);
            let error = (value - target).powi(2).max((clipped - target).powi(2));
            sum += config.vf_coef * 0.5 * error
                - (ratio * advantage).min(ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)
                - config.ent_coef * f64::from(r.entropies[row]);
        }
        sum / rows as f64
    };
    let parameters = Parameters::new(width, &[8], num_actions, 0.0, 5);
    let all: Vec<usize> = (0..rows).collect();
    let result = Shard::gather(&rollout, &all, &rollout.advantages.clone()).gradients(&parameters, &config, rows);
    let mut checked = 0;
    for (index, gradient) in result.gradients.iter().enumerate() {
        // Along the gradient the loss rises by its squared norm.
        let squared: f32 = gradient.clone().square().sum().into_scalar();
        let (step, mut position) = (1e-3, 0);
        let moved = |sign: f32| {
            position = 0;
            parameters.clone().map(|tensor| {
                position += 1;
                if position == index + 1 { tensor + gradient.clone().mul_scalar(sign * step) } else { tensor }
            })
        };
        let mut moved = moved;
        let difference = (loss(&moved(1.0)) - loss(&moved(-1.0))) / f64::from(2.0 * step);
        if squared > 1e-3 {
            assert!((difference / f64::from(squared) - 1.0).abs() < 0.05, "tensor {index}: {difference} {squared}");
            checked += 1;
        }
    }
    assert!(checked >= 4);
}

#[test]
fn the_gradient_is_clipped_by_its_global_norm() {
    let parameters = Parameters::new(4, &[8], 2, 0.0, 1);
    let count = parameters.tensors().count();
    let gradients: Vec<_> = parameters.tensors().map(|tensor| tensor.clone() * 0.0 + 3.0).collect();
    let elements: usize = parameters.tensors().map(|tensor| tensor.dims().iter().product::<usize>()).sum();
    let (mut clipped, mut optimizer) = (parameters.clone(), Adam::new(count));
    let norm = optimizer.step(&mut clipped, gradients, 1e-3, 0.5);
    assert!((norm - 3.0 * (elements as f64).sqrt()).abs() < 1e-2);
    let (_, moments) = optimizer.moments().unwrap();
    let squares: f64 = moments.iter().flat_map(|m| &m.first).map(|&m| f64::from(m / 0.1).powi(2)).sum();
    assert!((squares.sqrt() - 0.5).abs() < 1e-3);

    let infinite = parameters.tensors().map(|tensor| tensor.clone() * 0.0 + f32::INFINITY).collect();
    let before: Vec<f32> = clipped.actor[0].weight.clone().into_data().try_into_vec().unwrap();
    assert!(!optimizer.step(&mut clipped, infinite, 1e-3, 0.5).is_finite());
    let after: Vec<f32> = clipped.actor[0].weight.clone().into_data().try_into_vec().unwrap();
    assert_eq!(before, after);
}
