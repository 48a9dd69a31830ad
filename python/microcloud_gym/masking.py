"""Observations that carry the action mask, for learners that read nothing else."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray


def masked_space(observation_space: spaces.Space[Any], num_actions: int) -> spaces.Dict:
    """`Dict(observations, action_mask)`: the space beside int8 `[num_actions]` of 0 and 1."""
    mask = spaces.Box(0, 1, (num_actions,), np.int8)
    return spaces.Dict({"observations": observation_space, "action_mask": mask})


class ActionMaskObservation(
    gym.Wrapper[dict[str, Any], np.int64, Any, np.int64], gym.utils.RecordConstructorArgs
):
    """Puts `info["action_mask"]` into the observation: `{"observations": ..., "action_mask": int8 [num_actions]}`.

    RLlib's examples of action masking read this form, and Minari records it.
    """

    def __init__(self, env: gym.Env[Any, np.int64]) -> None:
        """Wraps an environment with a `Discrete` action space whose infos have an `action_mask`."""
        gym.utils.RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.observation_space = masked_space(env.observation_space, _num_actions(env.action_space))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the environment's."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _masked(observation, info), info

    def step(self, action: Any) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """As the environment's."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return _masked(observation, info), reward, terminated, truncated, info


class VectorActionMaskObservation(gym.vector.VectorWrapper):
    """The same for a vector environment: `action_mask` is int8 `[num_envs, num_actions]`.

    What `final_obs` holds of an episode that has ended gets the mask of `final_info`.
    """

    def __init__(self, env: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        """Wraps a vector environment with `Discrete` single action spaces whose infos have an `action_mask`."""
        super().__init__(env)
        num_actions = _num_actions(env.single_action_space)
        self.single_observation_space = masked_space(env.single_observation_space, num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._masks: NDArray[np.int8] = np.ones((self.num_envs, num_actions), np.int8)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """As the environment's; of environments that are not reset the mask stays, as the observation does."""
        observations, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        return self._masked(observations, infos), infos

    def step(
        self, actions: Any
    ) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """As the environment's."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        final = infos.get("final_obs")
        if final is not None:
            masks = infos["final_info"]["action_mask"]
            for row in np.flatnonzero(infos["_final_obs"]):
                final[row] = {"observations": final[row], "action_mask": masks[row]}
        return self._masked(observations, infos), rewards, terminated, truncated, infos

    def _masked(self, observations: Any, infos: dict[str, Any]) -> dict[str, Any]:
        known = infos["_action_mask"]
        self._masks = np.where(known[:, np.newaxis], infos["action_mask"], self._masks)
        return {"observations": observations, "action_mask": self._masks}


def _masked(observation: Any, info: dict[str, Any]) -> dict[str, Any]:
    return {"observations": observation, "action_mask": info["action_mask"]}


def _num_actions(space: spaces.Space[Any] | None) -> int:
    if not isinstance(space, spaces.Discrete):
        raise TypeError(f"an action space {space}; allowed: Discrete")
    return int(space.n)
