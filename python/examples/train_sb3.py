"""Trains MaskablePPO of sb3-contrib and compares it with doing nothing, on levels that it has not met.

    pip install microcloud-gym stable-baselines3 sb3-contrib
    python train_sb3.py --total-timesteps 200000
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from microcloud_gym.adapters.stable_baselines3 import MicrocloudVecEnv

Choice = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.int64]]


def mean_return(env: MicrocloudVecEnv, choose: Choice) -> float:
    """The mean return over one episode in each environment, the same ones in every call."""
    env.seed(0)
    observations: Any = env.reset()
    returns = np.zeros(env.num_envs)
    playing = np.ones(env.num_envs, np.bool_)
    while playing.any():
        observations, rewards, ended, _ = env.step(choose(observations, get_action_masks(env)))
        returns += rewards * playing
        playing &= ~ended
    return float(returns.mean())


def main() -> None:
    """Trains, evaluates and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env-id", default="microcloud/Spine12-v0")
    parser.add_argument("--total-timesteps", type=int, default=200_000)
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--num-threads", type=int, default=1, help="threads of the simulator")
    parser.add_argument("--eval-episodes", type=int, default=64)
    parser.add_argument("--gamma", type=float, default=0.97)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", help="where to write the model, a .zip file")
    args = parser.parse_args()

    # VecMonitor measures the returns that the logger shows, VecNormalize scales the rewards that PPO learns from.
    envs = MicrocloudVecEnv(args.env_id, args.num_envs, num_threads=args.num_threads)
    env = VecNormalize(VecMonitor(envs), norm_obs=False, gamma=args.gamma)
    model = MaskablePPO(
        "MlpPolicy",
        env,
        n_steps=128,
        batch_size=512,
        n_epochs=4,
        learning_rate=1e-3,
        gamma=args.gamma,
        ent_coef=0.001,
        policy_kwargs={"net_arch": [128, 128]},
        seed=args.seed,
        device="cpu",
        verbose=1,
    )
    # Who keeps a cluster alive mostly waits: learning begins with nine decisions in ten that do nothing.
    with torch.no_grad():
        model.policy.action_net.bias[0] = np.log(9 * (model.action_space.n - 1))
    model.learn(args.total_timesteps)
    if args.save:
        model.save(args.save)

    unseen = MicrocloudVecEnv(args.env_id, args.eval_episodes, split="test", num_threads=args.num_threads)
    trained = mean_return(unseen, lambda rows, masks: model.predict(rows, action_masks=masks, deterministic=True)[0])
    nothing = mean_return(unseen, lambda rows, masks: np.zeros(len(rows), np.int64))
    print(f"mean return over {args.eval_episodes} test levels: MaskablePPO {trained:.2f}, no-op {nothing:.2f}")


if __name__ == "__main__":
    main()
