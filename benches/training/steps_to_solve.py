"""Environment steps until CartPole's last 100 episodes return 475 on average, for Stable-Baselines3's PPO by seed.

The hyper-parameters are RL Baselines3 Zoo's; `cargo run -p microcloud-train --example steps_to_solve` measures ours.
"""

import sys
from statistics import median

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

MOST_STEPS = 300_000


class Solved(BaseCallback):
    """Stops when the last 100 episodes return 475 on average."""

    def __init__(self):
        super().__init__()
        self.returns = []

    def _on_step(self) -> bool:
        self.returns += [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        return len(self.returns) < 100 or sum(self.returns[-100:]) < 47_500


def main() -> None:
    torch.set_num_threads(1)
    steps = []
    for seed in range(1, int(sys.argv[1]) + 1 if len(sys.argv) > 1 else 11):
        model = PPO(
            "MlpPolicy",
            make_vec_env("CartPole-v1", 8, seed=seed),
            n_steps=32,
            batch_size=256,
            gae_lambda=0.8,
            gamma=0.98,
            n_epochs=20,
            ent_coef=0.0,
            learning_rate=lambda remaining: 1e-3 * remaining,
            clip_range=lambda remaining: 0.2 * remaining,
            seed=seed,
            device="cpu",
        )
        model.learn(MOST_STEPS, callback=Solved())
        steps.append(model.num_timesteps)
        print(f"seed {seed}: {model.num_timesteps} steps", flush=True)
    print(f"median of {len(steps)} seeds: {median(steps):.0f} steps")


if __name__ == "__main__":
    main()
