"""A policy of one's own: it restarts the service that fails most, and is evaluated beside the baselines.

    python custom_policy.py --episodes 200

A policy is any object with a name and a method `act(observations, action_masks, episode_starts)`, one row per environment.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import microcloud_gym


class RestartWorst:
    """Restarts the service with the most errors, and then leaves it alone for a while."""

    name = "restart-worst"

    def __init__(self, scenario: str, threshold: float, patience: int) -> None:
        """For a scenario: acts on error ratios above `threshold`, and waits `patience` decisions after an action."""
        env = microcloud_gym.Env(scenario=scenario)
        names, meanings = env.observation_names(), env.action_meanings()
        restarts = {meaning[8:-1]: action for action, meaning in enumerate(meanings) if meaning.startswith("restart(")}
        self.actions = np.array(list(restarts.values()))
        self.columns = [names.index(f"service.{service}.error_ratio_30s") for service in restarts]
        self.threshold = threshold
        self.patience = patience
        self.waits: NDArray[np.int64] = np.zeros(0, np.int64)

    def act(
        self, observations: NDArray[np.float32], action_masks: NDArray[np.bool_], episode_starts: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """One action for each row."""
        if len(self.waits) != len(observations):
            self.waits = np.zeros(len(observations), np.int64)
        self.waits[episode_starts] = 0
        errors = observations[:, self.columns]
        worst = errors.argmax(axis=1)
        rows = np.arange(len(observations))
        chosen = self.actions[worst]
        acts = (errors[rows, worst] > self.threshold) & (self.waits == 0) & action_masks[rows, chosen]
        self.waits = np.where(acts, self.patience, np.maximum(self.waits - 1, 0))
        return np.where(acts, chosen, 0)


def main() -> None:
    """Prints how the policy fares beside the baselines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="spine12", help="a name or the path of a TOML file")
    parser.add_argument("--threshold", type=float, default=0.05, help="error ratio, as the observation scales it")
    parser.add_argument("--patience", type=int, default=24, help="decisions to wait after an action")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--control-episodes", type=int, default=10)
    args = parser.parse_args()

    report = microcloud_gym.evaluate(
        policies=["no-op", RestartWorst(args.scenario, args.threshold, args.patience), "threshold-rules"],
        scenarios=[args.scenario],
        episodes=args.episodes,
        control_episodes=args.control_episodes,
    )
    print(f"{'policy':<20} {'return':>8} {'availability':>12} {'actions':>7}   without a fault")
    for row in report["rows"]:
        print(
            f"{row['policy']:<20} {row['return']['mean']:>8.2f} {row['availability']:>12.4f} {row['actions']:>7.1f}"
            f"   {row['control']['return']:.2f}"
        )


if __name__ == "__main__":
    main()
