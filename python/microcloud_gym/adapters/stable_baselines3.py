"""Stable-Baselines3: the native vector environment as a `VecEnv`, with what sb3-contrib's MaskablePPO asks for."""

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.observations import Observation
from microcloud_gym.vector import VectorEnv

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as _error:
    raise DependencyNotInstalled(
        "Stable-Baselines3 is not installed: pip install stable-baselines3 (and sb3-contrib for MaskablePPO)"
    ) from _error

PER_ROW = ("action_masks", "open_incidents", "render")
"""Methods whose answer has an entry for each environment."""
OF_ROW = ("action_meanings", "observation_names")
"""Methods that answer for the environment whose row they are given."""


class MicrocloudVecEnv(VecEnv):
    """`num_envs` environments of an id, stepped together.

    Infos hold `action_mask`, `TimeLimit.truncated`, and of an episode that has ended `terminal_observation`, `incidents`,
    `reward_terms` and `metrics`; with `full_infos` every step has the last three. Infos of a step in which an episode ends
    tell of its end, those of the next one's beginning are in `reset_infos`. `VecMonitor` around it adds the returns that
    SB3's loggers show.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        num_envs: how many.
        full_infos: whether every info has all that the single environment's has.
        kwargs: those of `VectorEnv`: `split`, `num_threads`, `render_mode`, `scenario` and others.
    """

    envs: VectorEnv
    reset_infos: list[dict[str, Any]]

    def __init__(self, env_id: str, num_envs: int = 1, *, full_infos: bool = False, **kwargs: Any) -> None:
        """Makes the environments; SB3's algorithms reset them."""
        # Observations and masks are copied here, once: SB3 keeps the last observation over the next step.
        self.envs = native_vector(env_id, num_envs, AutoresetMode.SAME_STEP, copy=False, **kwargs)
        self.full_infos = full_infos
        self._actions: NDArray[np.int64] = np.zeros(num_envs, np.int64)
        self._attributes: dict[str, dict[int, Any]] = {}
        super().__init__(num_envs, self.envs.single_observation_space, self.envs.single_action_space)

    def reset(self) -> Any:
        """Begins an episode in every environment and returns the observations; infos are in `reset_infos`."""
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        levels = [options["level"] for options in self._options if options.get("level") is not None]
        if levels and len(levels) < self.num_envs:
            raise ValueError(f"{len(levels)} levels for {self.num_envs} environments; allowed: one each, or none")
        observations, infos = self.envs.reset(seed=seeds, options={"level": levels} if levels else None)
        self._reset_seeds()
        self._reset_options()
        masks = infos["action_mask"].copy()
        self.reset_infos = [
            {"action_mask": masks[row], "incidents": infos["incidents"][row], "level": int(infos["level"][row])}
            for row in range(self.num_envs)
        ]
        return _copied(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keeps the actions, integers `[num_envs]`, for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Plays one decision: observations, rewards, which episodes have ended, infos."""
        observations, rewards, terminated, truncated, infos = self.envs.step(self._actions)
        masks = infos["action_mask"].copy()
        rows: list[dict[str, Any]] = [{"action_mask": mask, "TimeLimit.truncated": False} for mask in masks]
        if self.full_infos:
            for row, info in enumerate(rows):
                info["incidents"] = infos["incidents"][row]
                info.update(_outcome(infos, row))
        for row in np.flatnonzero(terminated | truncated).tolist():
            info = rows[row]
            final = infos["final_info"]
            info["TimeLimit.truncated"] = bool(truncated[row] and not terminated[row])
            info["terminal_observation"] = infos["final_obs"][row]
            info["action_mask"] = final["action_mask"][row]
            info["incidents"] = final["incidents"][row]
            info.update(_outcome(final, int(row)))
            self.reset_infos[row] = {
                "action_mask": masks[row],
                "incidents": infos["incidents"][row],
                "level": int(infos["level"][row]),
            }
        return _copied(observations), rewards.astype(np.float32), terminated | truncated, rows

    def close(self) -> None:
        """Gives the memory back."""
        self.envs.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """One picture for each environment, where the render mode is `rgb_array`."""
        frames = self.envs.render() if self.render_mode == "rgb_array" else None
        return list(frames) if frames is not None else [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: None | int | Iterable[int] = None) -> list[Any]:
        """What `set_attr` has set, else the batch's attribute, for each environment.

        Raises:
            AttributeError: there is no such attribute.
        """
        rows = list(self._get_indices(indices))
        own = self._attributes.get(attr_name, {})
        return [own[row] if row in own else getattr(self.envs, attr_name) for row in rows]

    def set_attr(self, attr_name: str, value: Any, indices: None | int | Iterable[int] = None) -> None:
        """Sets an attribute of one's own; the batch's are for all environments and cannot be set.

        Raises:
            AttributeError: the batch has an attribute of this name.
        """
        if hasattr(self.envs, attr_name):
            raise AttributeError(f"{attr_name} is the batch's own; allowed: names that it does not have")
        self._attributes.setdefault(attr_name, {}).update(dict.fromkeys(self._get_indices(indices), value))

    def env_method(
        self, method_name: str, *method_args: Any, indices: None | int | Iterable[int] = None, **method_kwargs: Any
    ) -> list[Any]:
        """What a method of the environments returns, for each.

        Raises:
            AttributeError: the batch has no such method that tells environments apart.
        """
        rows = list(self._get_indices(indices))
        if method_name in PER_ROW:
            answers = getattr(self.envs, method_name)(*method_args, **method_kwargs)
            return [answers[row] for row in rows]
        if method_name in OF_ROW:
            return [getattr(self.envs, method_name)(row, *method_args, **method_kwargs) for row in rows]
        raise AttributeError(f"no method {method_name} of each environment; allowed: {', '.join(PER_ROW + OF_ROW)}")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: None | int | Iterable[int] = None
    ) -> list[bool]:
        """False for each: a batch's environments have no wrappers of their own."""
        return [False for _ in self._get_indices(indices)]


def _outcome(infos: dict[str, Any], row: int) -> dict[str, dict[str, Any]]:
    """`reward_terms` and `metrics` of one environment."""
    return {
        key: {name: _scalar(values[row]) for name, values in infos[key].items() if not name.startswith("_")}
        for key in ("reward_terms", "metrics")
    }


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _copied(observations: Observation) -> Observation:
    # A graph observation is made anew in every step.
    return observations.copy() if isinstance(observations, np.ndarray) else observations
