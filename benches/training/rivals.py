"""Samples per second of Stable-Baselines3's PPO and of a PPO loop in CleanRL's style, on an environment that costs nothing.

64 environments of 128 steps, 4 epochs of 4 minibatches, two torsos of 2x128 tanh, 128 features, 64 actions: what
`cargo run -p microcloud-train --example throughput` times of ours. Needs torch and stable-baselines3.
"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from torch import nn
from torch.distributions import Categorical

NUM_ENVS, NUM_STEPS, WIDTH, ACTIONS = 64, 128, 128, 64
EPOCHS, MINIBATCHES = 4, 4


class Free(VecEnv):
    """Random observations from a table."""

    def __init__(self):
        space = gym.spaces.Box(-1.0, 1.0, (WIDTH,), np.float32)
        super().__init__(NUM_ENVS, space, gym.spaces.Discrete(ACTIONS))
        self.table = np.random.default_rng(0).uniform(-1, 1, (997, NUM_ENVS, WIDTH)).astype(np.float32)
        self.steps = 0
        self.infos = [{} for _ in range(NUM_ENVS)]
        self.rewards = np.zeros(NUM_ENVS, np.float32)
        self.dones = np.zeros(NUM_ENVS, bool)

    def reset(self):
        return self.table[self.steps % 997]

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        self.steps += 1
        self.rewards[:] = self.actions % 3 - 1.0
        return self.table[self.steps % 997], self.rewards, self.dones, self.infos

    def close(self):
        pass

    def get_attr(self, name, indices=None):
        return [None] * NUM_ENVS

    def set_attr(self, name, value, indices=None):
        pass

    def env_method(self, name, *args, indices=None, **kwargs):
        return [None] * NUM_ENVS

    def env_is_wrapped(self, wrapper, indices=None):
        return [False] * NUM_ENVS


def stable_baselines3(rollouts: int) -> float:
    """Samples per second of Stable-Baselines3's PPO, after one rollout that is not timed."""
    policy = {"net_arch": {"pi": [128, 128], "vf": [128, 128]}, "activation_fn": nn.Tanh}
    batch = NUM_ENVS * NUM_STEPS // MINIBATCHES
    model = PPO("MlpPolicy", Free(), n_steps=NUM_STEPS, batch_size=batch, n_epochs=EPOCHS, policy_kwargs=policy, device="cpu")
    model.learn(NUM_ENVS * NUM_STEPS)
    started = time.perf_counter()
    model.learn(rollouts * NUM_ENVS * NUM_STEPS, reset_num_timesteps=True)
    return rollouts * NUM_ENVS * NUM_STEPS / (time.perf_counter() - started)


def torso(outputs: int) -> nn.Sequential:
    """Two hidden layers of 128 tanh."""
    return nn.Sequential(nn.Linear(WIDTH, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, outputs))


def clean_rl(rollouts: int) -> float:
    """Samples per second of one loop over tensors, as CleanRL's ppo.py has it, after one rollout that is not timed."""
    env, actor, critic = Free(), torso(ACTIONS), torso(1)
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2.5e-4, eps=1e-5)
    shape = (NUM_STEPS, NUM_ENVS)
    observations = torch.zeros((*shape, WIDTH))
    actions, log_probs, rewards, dones, values = (torch.zeros(shape) for _ in range(5))
    observation, done = torch.from_numpy(env.reset()), torch.zeros(NUM_ENVS)
    started = time.perf_counter()
    for rollout in range(rollouts + 1):
        if rollout == 1:
            started = time.perf_counter()
        for step in range(NUM_STEPS):
            observations[step], dones[step] = observation, done
            with torch.no_grad():
                policy = Categorical(logits=actor(observation))
                action = policy.sample()
                log_probs[step], values[step] = policy.log_prob(action), critic(observation).flatten()
            actions[step] = action
            env.step_async(action.numpy())
            next_observation, reward, next_done, _ = env.step_wait()
            rewards[step] = torch.from_numpy(reward)
            observation, done = torch.from_numpy(next_observation), torch.from_numpy(next_done).float()
        with torch.no_grad():
            next_value, advantage = critic(observation).flatten(), torch.zeros(NUM_ENVS)
            advantages = torch.zeros(shape)
            for step in reversed(range(NUM_STEPS)):
                goes_on = 1.0 - (done if step == NUM_STEPS - 1 else dones[step + 1])
                following = next_value if step == NUM_STEPS - 1 else values[step + 1]
                error = rewards[step] + 0.99 * following * goes_on - values[step]
                advantage = error + 0.99 * 0.95 * goes_on * advantage
                advantages[step] = advantage
            returns = advantages + values
        flat = [x.flatten(0, 1) for x in (observations, actions, log_probs, advantages, returns, values)]
        for _ in range(EPOCHS):
            for rows in torch.randperm(NUM_ENVS * NUM_STEPS).chunk(MINIBATCHES):
                b_observations, b_actions, b_log_probs, b_advantages, b_returns, b_values = (x[rows] for x in flat)
                policy = Categorical(logits=actor(b_observations))
                ratio = (policy.log_prob(b_actions) - b_log_probs).exp()
                normal = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
                policy_loss = torch.max(-normal * ratio, -normal * ratio.clamp(0.8, 1.2)).mean()
                value = critic(b_observations).flatten()
                clipped = b_values + (value - b_values).clamp(-0.2, 0.2)
                value_loss = 0.5 * torch.max((value - b_returns) ** 2, (clipped - b_returns) ** 2).mean()
                loss = policy_loss - 0.01 * policy.entropy().mean() + 0.5 * value_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()
    return rollouts * NUM_ENVS * NUM_STEPS / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    parser.add_argument("--rollouts", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name, measure in (("stable-baselines3", stable_baselines3), ("cleanrl", clean_rl)):
        print(f"{name}: {measure(arguments.rollouts):.0f} samples/s on {arguments.threads} torch threads", flush=True)


if __name__ == "__main__":
    main()
