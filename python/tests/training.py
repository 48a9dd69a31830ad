"""A training run that takes a fraction of a second, for the tests that need what one leaves behind."""

from pathlib import Path
from typing import Any

import microcloud_gym

CONFIG: dict[str, Any] = {
    "ppo": {"num_steps": 16, "num_minibatches": 2, "hidden": [16]},
    "eval_episodes": 2,
    "final_episodes": 2,
    "final_control_episodes": 1,
}
"""The smallest of everything."""


def small_run(run_dir: Path, **kwargs: Any) -> microcloud_gym.TrainingRun:
    """Four iterations of eight environments, unless `kwargs` say otherwise."""
    settings: dict[str, Any] = {"total_timesteps": 512, "num_envs": 8, "num_threads": 1, "config": CONFIG}
    return microcloud_gym.train(run_dir=run_dir, **(settings | kwargs))
