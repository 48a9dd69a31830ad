"""A cluster of one's own as a dictionary: a small shop, and what its operators can do.

    python own_scenario.py --episodes 20

`python -m microcloud_gym scenario show spine12` prints every key that there is; a TOML file with the same keys will do too.
"""

import argparse
from typing import Any

import gymnasium as gym
import numpy as np

import microcloud_gym

SHOP: dict[str, Any] = {
    "name": "shop",
    "description": "A web shop: pages, a catalogue, a basket, and the database behind them",
    "tick_ms": 1000,
    "decision_ticks": 5,
    "episode_decisions": 120,
    "slo": {"availability": 0.999, "p99_ms": 400},
    "workload": {"entry": "pages", "rate_per_s": 120},
    "zones": [{"name": "east"}, {"name": "west"}],
    "nodes": [{"name": "e1", "zone": "east", "cores": 16}, {"name": "w1", "zone": "west", "cores": 16}],
    "services": [
        {"name": "pages", "replicas": 4, "concurrency": 4, "service_time_ms": 30},
        {"name": "catalogue", "replicas": 4, "concurrency": 4, "service_time_ms": 20},
        {"name": "basket", "replicas": 2, "concurrency": 4, "service_time_ms": 15},
        {"name": "store", "replicas": 2, "concurrency": 8, "service_time_ms": 6, "class": "database"},
    ],
    "calls": [
        {"from": "pages", "to": "catalogue", "retries": 1},
        {"from": "pages", "to": "basket", "retries": 1},
        {"from": "catalogue", "to": "store"},
        {"from": "basket", "to": "store"},
    ],
    "faults": {
        "control_ratio": 0.2,
        "catalogue": [
            {"id": "F04", "magnitude": [1, 1], "duration_s": [100, 300]},
            {"id": "F05", "magnitude": [2, 4], "duration_s": [100, 300]},
        ],
    },
}


def main() -> None:
    """Shows the cluster, plays it at random, and compares the baselines in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--rate-per-s", type=float, default=120, help="requests of users")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    scenario = {**SHOP, "workload": {**SHOP["workload"], "rate_per_s": args.rate_per_s}}

    env = gym.make("microcloud/Custom-v0", scenario=scenario, render_mode="ansi")
    own: Any = env.unwrapped
    print(f"{len(own.observation_names())} features, {len(own.action_meanings())} actions: {', '.join(own.action_meanings())}")
    env.action_space.seed(args.seed)
    _, info = env.reset(seed=args.seed)
    ended, total = False, 0.0
    while not ended:
        action = env.action_space.sample(info["action_mask"])
        _, reward, terminated, truncated, info = env.step(np.int64(action))
        ended, total = terminated or truncated, total + float(reward)
    print(env.render())
    print(f"acting at random: a return of {total:.2f}")

    report = microcloud_gym.evaluate(
        policies=["no-op", "threshold-rules"], scenarios=[scenario], episodes=args.episodes, control_episodes=5
    )
    for row in report["rows"]:
        print(f"{row['policy']}: a mean return of {row['return']['mean']:.2f}, availability {row['availability']:.4f}")


if __name__ == "__main__":
    main()
