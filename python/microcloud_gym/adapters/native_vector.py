"""The native vector environment of an id, which the adapters for batches stand on."""

from typing import Any, cast

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from microcloud_gym.vector import VectorEnv


def native_vector(env_id: str, num_envs: int, autoreset_mode: AutoresetMode, **kwargs: Any) -> VectorEnv:
    """The vector environment of a Gymnasium id, stepped in Rust; `kwargs` are those of `VectorEnv`.

    Raises:
        TypeError: the id is another package's.
    """
    entry_point = gym.spec(env_id).vector_entry_point
    if entry_point != "microcloud_gym.vector:VectorEnv":
        raise TypeError(f"{env_id} is no environment of this package; allowed: ids that begin with microcloud/")
    envs = gym.make_vec(
        env_id, num_envs, vectorization_mode="vector_entry_point", autoreset_mode=autoreset_mode, **kwargs
    )
    return cast(VectorEnv, envs)
