//! The fused kernel against burn's autodiff and finite differences, for every kind of network.

use burn::tensor::{Device, Tensor, TensorData};
use microcloud_policy::network::{Activation, BlockLayout, Body, Head, Network, NetworkSpec, Normalizer, Workspace};
use microcloud_train::burn_path::{BurnNetwork, ppo_gradients};
use microcloud_train::kernel::{Layout, Tape};
use microcloud_train::{Adam, Ppo, PpoConfig, Rollout};
use ndarray::Array2;

const WIDTH: usize = 15;
const ACTIONS: usize = 9;

fn blocks() -> BlockLayout {
    BlockLayout {
        services: 3,
        service_features: 3,
        nodes: 2,
        node_features: 2,
        service_actions: vec![vec![Some(1), Some(2), Some(3)], vec![None, Some(4), Some(5)]],
        node_actions: vec![vec![Some(6), Some(7)]],
        other_actions: vec![0, 8],
    }
}

fn specs() -> Vec<(&'static str, NetworkSpec)> {
    let spec = |body, hidden: &[usize], activation, memory| NetworkSpec {
        observation_size: WIDTH,
        num_actions: ACTIONS,
        body,
        hidden: hidden.to_vec(),
        activation,
        memory,
        head: Head::ActorCritic,
    };
    vec![
        ("separate", spec(Body::Separate, &[24, 16], Activation::Relu, 0)),
        ("tanh", spec(Body::Separate, &[24, 16], Activation::Tanh, 0)),
        ("shared", spec(Body::Shared, &[24, 16], Activation::Tanh, 0)),
        ("services", spec(Body::Services(blocks()), &[24, 16], Activation::Relu, 0)),
        ("memory", spec(Body::Separate, &[24, 16], Activation::Tanh, 12)),
        ("services with memory", spec(Body::Services(blocks()), &[16], Activation::Tanh, 12)),
    ]
}

fn noise(index: usize) -> f32 {
    ((index * 7919 + 13) % 1009) as f32 / 504.5 - 1.0
}

/// Experience in which every branch of the loss is taken.
fn rollout(num_steps: usize, num_envs: usize, memory: usize) -> Rollout {
    let mut rollout = Rollout::new(num_steps, num_envs, WIDTH, ACTIONS);
    rollout.observations.iter_mut().enumerate().for_each(|(index, x)| *x = noise(index));
    rollout.first_states = (0..num_envs * memory).map(noise).collect();
    for row in 0..rollout.rows() {
        rollout.actions[row] = row * 5 % ACTIONS;
        let illegal = (row * 5 + 1 + row % 7) % ACTIONS;
        rollout.action_masks[row * ACTIONS + illegal] = illegal == rollout.actions[row];
        rollout.episode_starts[row] = row % 11 == 3;
        rollout.log_probs[row] = -2.1 + 0.4 * noise(row);
        rollout.advantages[row] = noise(row * 3 + 1);
        rollout.returns[row] = noise(row * 5 + 2);
        rollout.values[row] = 0.3 * noise(row * 11 + 4);
    }
    rollout
}

fn config(memory: usize) -> PpoConfig {
    PpoConfig { ent_coef: 0.05, norm_adv: false, num_minibatches: 1, update_epochs: 1, memory, ..PpoConfig::default() }
}

/// Parameters that are nowhere zero.
fn parameters(layout: &Layout) -> Vec<f32> {
    let initial = layout.initialize(0.5, 3).into_iter().enumerate();
    initial.map(|(index, value)| value + 0.1 * noise(index * 31)).collect()
}

fn relative_error(ours: &[f32], theirs: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = norm(&mut ours.iter().zip(theirs).map(|(a, b)| f64::from(a - b)));
    difference / norm(&mut theirs.iter().map(|&b| f64::from(b))).max(1e-12)
}

fn fused_gradients(layout: &Layout, parameters: &[f32], rollout: &Rollout, threads: usize) -> Vec<f32> {
    let config = config(layout.spec().memory);
    let mut ppo = Ppo::new(config, layout.clone(), parameters.to_vec(), threads).unwrap();
    ppo.gradients_of(rollout)
}

#[test]
fn fused_gradients_agree_with_autodiff_to_one_in_ten_thousand() {
    for (name, spec) in specs() {
        let memory = spec.memory;
        let layout = Layout::new(spec).unwrap();
        let parameters = parameters(&layout);
        // More than one block of rows, and a last one that is not full.
        let rollout = if memory == 0 { rollout(40, 8, 0) } else { rollout(7, 8, memory) };
        let fused = fused_gradients(&layout, &parameters, &rollout, 1);
        let rows: Vec<usize> = (0..rollout.rows()).collect();
        let (_, reference) = ppo_gradients(&layout, &parameters, &config(memory), &rollout, &rows, &Device::flex());
        for (tensor, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            let error = relative_error(&fused[place.clone()], &reference[place.clone()]);
            assert!(error < 1e-4, "{name}, {tensor}: {error}");
            assert!(reference[place].iter().any(|&gradient| gradient != 0.0), "{name}, {tensor}: nothing flows");
        }
    }
}

#[test]
fn fused_gradients_agree_with_finite_differences_of_the_loss() {
    for (name, spec) in specs() {
        let memory = spec.memory;
        let layout = Layout::new(spec).unwrap();
        let parameters = parameters(&layout);
        let rollout = rollout(6, 8, memory);
        let rows: Vec<usize> = (0..rollout.rows()).collect();
        let gradients = fused_gradients(&layout, &parameters, &rollout, 1);
        for (tensor, place) in layout.graph().tensor_names().iter().zip(layout.tensors()) {
            let squared: f64 = gradients[place.clone()].iter().map(|&g| f64::from(g) * f64::from(g)).sum();
            if squared < 1e-5 {
                continue;
            }
            // Along its own gradient the loss rises by the squared norm.
            let step = 2e-3 / squared.sqrt();
            let loss = |sign: f64| {
                let mut moved = parameters.clone();
                for (value, gradient) in moved[place.clone()].iter_mut().zip(&gradients[place.clone()]) {
                    *value += (sign * step) as f32 * gradient;
                }
                ppo_gradients(&layout, &moved, &config(memory), &rollout, &rows, &Device::flex()).0
            };
            let slope = (loss(1.0) - loss(-1.0)) / (2.0 * step);
            assert!((slope / squared - 1.0).abs() < 0.05, "{name}, {tensor}: {slope} and {squared}");
        }
    }
}

#[test]
fn the_network_that_plays_the_kernel_and_burn_agree() {
    for (name, spec) in specs() {
        let (rows, memory) = (37, spec.memory);
        let layout = Layout::new(spec).unwrap();
        let parameters = parameters(&layout);
        let observations: Vec<f32> = (0..rows * WIDTH).map(noise).collect();
        let state: Vec<f32> = (0..rows * memory).map(|index| 0.5 * noise(index)).collect();
        let network: Network = layout.network(&parameters, Normalizer::identity(WIDTH)).unwrap();
        let mut workspace = Workspace::default();
        let view = |values: &[f32], width: usize| Array2::from_shape_vec((rows, width), values.to_vec()).unwrap();
        let played = network.evaluate(view(&observations, WIDTH).view(), view(&state, memory).view(), &mut workspace);

        let mut tape = Tape::default();
        layout.forward(&parameters, &layout.needed(), &observations, &state, &mut tape);
        let on_burn = |values: &[f32], width: usize| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, width]), &Device::flex())
        };
        let state = (memory > 0).then(|| on_burn(&state, memory));
        let outputs = BurnNetwork::new(&layout, &parameters, &Device::flex());
        let outputs = outputs.forward(&layout, on_burn(&observations, WIDTH), state);
        let flat = |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().try_into_vec().unwrap() };
        let graph = layout.graph();
        let all = [
            (Some(graph.actions), Some(played.actions), Some(outputs.actions)),
            (graph.value, played.values, outputs.values),
            (graph.next_state, played.next_state, outputs.next_state),
        ];
        for (node, played, burn) in all {
            let (Some(node), Some(played), Some(burn)) = (node, played, burn) else { continue };
            let played: Vec<f32> = played.iter().copied().collect();
            assert!(relative_error(tape.values(node), &flat(burn)) < 1e-5, "{name}: kernel and burn");
            assert!(relative_error(tape.values(node), &played) < 1e-5, "{name}: kernel and player");
        }
        assert_eq!(layout.parameters(&network).unwrap(), parameters);
    }
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    for (name, spec) in specs() {
        let memory = spec.memory;
        let layout = Layout::new(spec).unwrap();
        let parameters = parameters(&layout);
        let rollout = if memory == 0 { rollout(100, 8, 0) } else { rollout(5, 32, memory) };
        let [one, two, three] = [1, 2, 3].map(|threads| fused_gradients(&layout, &parameters, &rollout, threads));
        assert!(one == two && one == three, "{name}");
    }
}

#[test]
fn nothing_flows_through_illegal_actions() {
    let layout = Layout::new(NetworkSpec::separate(WIDTH, ACTIONS, vec![16])).unwrap();
    let mut rollout = rollout(16, 4, 0);
    let illegal = 2;
    for row in 0..rollout.rows() {
        rollout.action_masks[row * ACTIONS..(row + 1) * ACTIONS].fill(true);
        rollout.action_masks[row * ACTIONS + illegal] = false;
        rollout.actions[row] = [0, 1, 3, 4][row % 4];
    }
    let gradients = fused_gradients(&layout, &parameters(&layout), &rollout, 1);
    // The actor's last layer.
    let weight = &gradients[layout.weight(1)][illegal * 16..(illegal + 1) * 16];
    assert!(weight.iter().all(|&gradient| gradient == 0.0) && gradients[layout.bias(1)][illegal] == 0.0);
    assert!(gradients[layout.bias(1)].iter().filter(|&&gradient| gradient != 0.0).count() == ACTIONS - 1);
}

#[test]
fn adam_is_burns_after_the_gradients_norm_is_clipped() {
    use burn::optim::{AdamConfig, Optimizer};
    let count = 20_000;
    let mut ours: Vec<f32> = (0..count).map(noise).collect();
    let device = Device::flex();
    let on_burn = |values: &[f32]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, count]), &device);
    let mut theirs = on_burn(&ours);
    let mut optimizer = Adam::new(count);
    let reference = AdamConfig::new().with_epsilon(1e-5).build();
    let mut state = None;
    for step in 0..20 {
        let mut gradient: Vec<f32> = (0..count).map(|index| 0.01 * noise(index * 3 + step * 17)).collect();
        let norm = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        let clipped = on_burn(&gradient).mul_scalar((0.5 / (norm + 1e-6)).min(1.0));
        let found = optimizer.step(&mut ours, &mut [gradient.as_mut_slice()], 1e-3, 0.5);
        assert!((found / norm - 1.0).abs() < 1e-6);
        let (next, next_state) = reference.step(1e-3, theirs, clipped, state.take());
        (theirs, state) = (next, next_state);
    }
    let theirs: Vec<f32> = theirs.into_data().try_into_vec().unwrap();
    assert!(relative_error(&ours, &theirs) < 1e-6);

    let (before, time) = (ours.clone(), optimizer.time);
    let mut broken = vec![f32::NAN; count];
    assert!(!optimizer.step(&mut ours, &mut [broken.as_mut_slice()], 1e-3, 0.5).is_finite());
    assert!(ours == before && optimizer.time == time);
}
