"""Minari: episodes of a policy as an offline dataset, with their action masks and seeds."""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from microcloud_gym.masking import ActionMaskObservation

try:
    from minari import DataCollector, MinariDataset
except ImportError as _error:
    raise DependencyNotInstalled('Minari is not installed: pip install "minari[create,hdf5]"') from _error


def record_dataset(
    env_id: str,
    dataset_id: str,
    policy: Callable[[Any, NDArray[np.int8]], int],
    *,
    episodes: int,
    seed: int = 0,
    metadata: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> MinariDataset:
    """Plays whole episodes and writes them to a dataset in the folder that `MINARI_DATASETS_PATH` names.

    Observations are `{"observations": ..., "action_mask": int8}`, so that a learner knows what was legal. Episode `k` is
    reset with `seed + k`, which is its `seed` in the dataset: the recorded actions play the same episode again.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        dataset_id: what Minari calls it, `microcloud/spine12/rules-v0`.
        policy: an action for an observation and an action mask.
        episodes: how many.
        seed: of the first episode.
        metadata: what the dataset says of itself: keywords of Minari's `create_dataset`, `author`, `description` and others.
        kwargs: those of `Env`: `split`, `scenario` and others.
    """
    env = DataCollector(ActionMaskObservation(gym.make(env_id, **kwargs)), record_infos=False)
    try:
        for episode in range(episodes):
            observation, _ = env.reset(seed=seed + episode)
            ended = False
            while not ended:
                action = policy(observation["observations"], observation["action_mask"])
                observation, _, terminated, truncated, _ = env.step(np.int64(action))
                ended = terminated or truncated
        return env.create_dataset(dataset_id, **(metadata or {}))
    finally:
        env.close()
