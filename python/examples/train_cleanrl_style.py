"""PPO with masked actions in one file, in CleanRL's style, over the batch that is stepped in Rust.

    pip install microcloud-gym torch
    python train_cleanrl_style.py --total-timesteps 500000

Names are those of CleanRL's ppo.py (https://github.com/vwxyzjn/cleanrl). Three things differ: illegal actions get no
probability; where an episode is truncated the value of its last observation is added to the last reward, since the cluster
goes on after that; and learning begins with nine decisions in ten that do nothing, as who keeps a cluster alive mostly waits.
"""

import argparse
import time
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import microcloud_gym  # noqa: F401 - registers the ids


def parse_args() -> argparse.Namespace:
    """The run's settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env-id", default="microcloud/Spine12-v0")
    parser.add_argument("--total-timesteps", type=int, default=500_000)
    parser.add_argument("--num-envs", type=int, default=32)
    parser.add_argument("--num-steps", type=int, default=128)
    parser.add_argument("--num-minibatches", type=int, default=4)
    parser.add_argument("--update-epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--gamma", type=float, default=0.97)
    parser.add_argument("--gae-lambda", type=float, default=0.95)
    parser.add_argument("--clip-coef", type=float, default=0.2)
    parser.add_argument("--ent-coef", type=float, default=0.001)
    parser.add_argument("--vf-coef", type=float, default=0.5)
    parser.add_argument("--max-grad-norm", type=float, default=0.5)
    parser.add_argument("--num-threads", type=int, default=1, help="threads of the simulator")
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--eval-episodes", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def layer_init(layer: nn.Linear, std: float = 2**0.5) -> nn.Linear:
    """Orthogonal weights, no bias."""
    nn.init.orthogonal_(layer.weight, std)
    nn.init.zeros_(layer.bias)
    return layer


class Agent(nn.Module):
    """Two networks of two hidden layers: one scores actions, one the situation."""

    def __init__(self, observation_size: int, num_actions: int) -> None:
        """For rows of this size."""
        super().__init__()
        self.actor = self.torso(observation_size, num_actions, 0.01)
        self.critic = self.torso(observation_size, 1, 1.0)
        with torch.no_grad():
            self.actor[-1].bias[0] = np.log(9 * (num_actions - 1))

    @staticmethod
    def torso(inputs: int, outputs: int, std: float) -> nn.Sequential:
        """Three layers."""
        hidden = (layer_init(nn.Linear(inputs, 128)), nn.Tanh(), layer_init(nn.Linear(128, 128)), nn.Tanh())
        return nn.Sequential(*hidden, layer_init(nn.Linear(128, outputs), std))

    def value(self, x: torch.Tensor) -> torch.Tensor:
        """`[n]`: the return to expect."""
        return self.critic(x).squeeze(-1)

    def policy(self, x: torch.Tensor, mask: torch.Tensor) -> Categorical:
        """The distribution over legal actions."""
        return Categorical(logits=self.actor(x).masked_fill(~mask, -1e8))


class RewardScale:
    """Divides rewards by the standard deviation of discounted returns, as Gymnasium's NormalizeReward does."""

    def __init__(self, num_envs: int, gamma: float) -> None:
        """Before the first step."""
        self.gamma = gamma
        self.returns = np.zeros(num_envs)
        self.count, self.mean, self.squares = 1e-4, 0.0, 0.0

    def __call__(self, rewards: np.ndarray[Any, Any], ended: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The scaled rewards of a step, `[num_envs]`."""
        self.returns = self.returns * self.gamma + rewards
        count = self.count + len(rewards)
        shift = self.returns.mean() - self.mean
        self.squares += self.returns.var() * len(rewards) + shift**2 * self.count * len(rewards) / count
        self.mean += shift * len(rewards) / count
        self.count = count
        self.returns[ended] = 0
        return rewards / np.sqrt(self.squares / self.count + 1e-8)


def mean_return(args: argparse.Namespace, agent: Agent | None) -> float:
    """The mean return over test levels of an agent that takes its likeliest action; of doing nothing where there is none."""
    envs: Any = gym.make_vec(args.env_id, args.eval_episodes, "vector_entry_point", split="test", autoreset_mode="same_step")
    observations, infos = envs.reset(seed=0)
    total, playing = np.zeros(envs.num_envs), np.ones(envs.num_envs, np.bool_)
    while playing.any():
        actions = np.zeros(envs.num_envs, np.int64)
        if agent is not None:
            mask = torch.from_numpy(infos["action_mask"]).bool()
            with torch.no_grad():
                actions = agent.policy(torch.from_numpy(observations), mask).probs.argmax(-1).numpy()
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        total += rewards * playing
        playing &= ~(terminated | truncated)
    envs.close()
    return float(total.mean())


def main() -> None:
    """Trains, prints for each iteration what CleanRL logs, and evaluates."""
    args = parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.torch_threads)
    envs: Any = gym.make_vec(
        args.env_id,
        num_envs=args.num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode="same_step",
        # Every step overwrites the last one's arrays; what is kept is copied into the tensors below.
        copy=False,
        num_threads=args.num_threads,
    )
    size, num_actions = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
    agent = Agent(size, num_actions)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    batch_size = args.num_envs * args.num_steps
    num_iterations = max(1, args.total_timesteps // batch_size)

    shape = (args.num_steps, args.num_envs)
    obs = torch.zeros((*shape, size))
    masks = torch.zeros((*shape, num_actions), dtype=torch.bool)
    actions = torch.zeros(shape, dtype=torch.int64)
    logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))
    episodic = np.zeros(args.num_envs)
    returns_of_ended: list[float] = []
    scale = RewardScale(args.num_envs, args.gamma)
    next_obs, infos = envs.reset(seed=args.seed)
    start = time.time()

    for iteration in range(1, num_iterations + 1):
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - (iteration - 1) / num_iterations)
        for step in range(args.num_steps):
            obs[step] = torch.from_numpy(next_obs)
            masks[step] = torch.from_numpy(infos["action_mask"])
            with torch.no_grad():
                policy = agent.policy(obs[step], masks[step])
                actions[step] = policy.sample()
                logprobs[step] = policy.log_prob(actions[step])
                values[step] = agent.value(obs[step])
            next_obs, reward, terminated, truncated, infos = envs.step(actions[step].numpy())
            ended = terminated | truncated
            rewards[step] = torch.from_numpy(scale(reward, ended))
            dones[step] = torch.from_numpy(ended)
            episodic += reward
            for row in np.flatnonzero(truncated & ~terminated):
                with torch.no_grad():
                    rewards[step, row] += args.gamma * agent.value(torch.from_numpy(infos["final_obs"][row]))
            for row in np.flatnonzero(ended):
                returns_of_ended.append(episodic[row])
                episodic[row] = 0

        with torch.no_grad():
            next_value = agent.value(torch.from_numpy(next_obs))
        advantages = torch.zeros(shape)
        last = torch.zeros(args.num_envs)
        for step in reversed(range(args.num_steps)):
            following = next_value if step == args.num_steps - 1 else values[step + 1]
            goes_on = 1 - dones[step]
            delta = rewards[step] + args.gamma * following * goes_on - values[step]
            advantages[step] = last = delta + args.gamma * args.gae_lambda * goes_on * last
        returns = advantages + values

        flat = [tensor.flatten(0, 1) for tensor in (obs, masks, actions, logprobs, advantages, returns)]
        for _ in range(args.update_epochs):
            for rows in torch.randperm(batch_size).chunk(args.num_minibatches):
                b_obs, b_masks, b_actions, b_logprobs, b_advantages, b_returns = (tensor[rows] for tensor in flat)
                policy = agent.policy(b_obs, b_masks)
                log_ratio = policy.log_prob(b_actions) - b_logprobs
                ratio = log_ratio.exp()
                b_advantages = (b_advantages - b_advantages.mean()) / (b_advantages.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
                policy_loss = -torch.min(b_advantages * ratio, b_advantages * clipped).mean()
                value_loss = 0.5 * (agent.value(b_obs) - b_returns).square().mean()
                entropy = policy.entropy().mean()
                loss = policy_loss - args.ent_coef * entropy + args.vf_coef * value_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()

        recent = returns_of_ended[-100:]
        print(
            f"step {iteration * batch_size:>8}"
            f"  charts/episodic_return {np.mean(recent) if recent else float('nan'):8.2f}"
            f"  charts/SPS {iteration * batch_size / (time.time() - start):6.0f}"
            f"  losses/value_loss {value_loss.item():7.3f}  losses/entropy {entropy.item():5.3f}"
            f"  losses/approx_kl {((ratio - 1) - log_ratio).mean().item():.4f}",
            flush=True,
        )
    envs.close()
    trained, nothing = mean_return(args, agent), mean_return(args, None)
    print(f"mean return over {args.eval_episodes} test levels: trained {trained:.2f}, no-op {nothing:.2f}")


if __name__ == "__main__":
    main()
