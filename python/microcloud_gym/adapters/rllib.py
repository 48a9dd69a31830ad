"""RLlib: ids that Ray knows, with the observations that its examples of action masking read."""

from typing import Any

import gymnasium as gym
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.masking import ActionMaskObservation, VectorActionMaskObservation

try:
    from ray.tune import register_env
except ImportError as _error:
    raise DependencyNotInstalled('RLlib is not installed: pip install "ray[rllib]"') from _error


def register(env_id: str, *, action_mask: bool = True) -> str:
    """Registers an id with Ray under its own name, and returns the name.

    `env_config` holds keywords of `Env` or `VectorEnv`. With `env_runners(gym_env_vectorize_mode="vector_entry_point")`
    an env runner's environments are the native batch, else single ones.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        action_mask: whether observations are `{"observations": ..., "action_mask": int8}`, as RLlib's
            `ActionMaskingTorchRLModule` wants them.
    """
    register_env(env_id, lambda context: create(env_id, action_mask, dict(context)))
    return env_id


def create(env_id: str, action_mask: bool, config: dict[str, Any]) -> gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any]:
    """The environment that RLlib asks for: a batch where `config` has `num_envs`, else a single one."""
    if "num_envs" in config:
        num_envs = int(config.pop("num_envs"))
        envs = native_vector(env_id, num_envs, AutoresetMode.NEXT_STEP, **config)
        return VectorActionMaskObservation(envs) if action_mask else envs
    env = gym.make(env_id, **config)
    return ActionMaskObservation(env) if action_mask else env
