"""PufferLib: the native vector environment as a native `PufferEnv`, which writes into the trainer's buffers."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.observations import BOUND
from microcloud_gym.vector import VectorEnv

try:
    from pufferlib import PufferEnv
except ImportError as _error:
    raise DependencyNotInstalled("PufferLib is not installed: pip install pufferlib") from _error


class MicrocloudPufferEnv(PufferEnv):
    """`num_envs` environments of an id as the agents of one `PufferEnv`.

    PufferLib gives copies of an environment neighbouring seeds, so seed `s` plays what a vector environment reset with
    `s * num_envs` plays: copies do not play the same levels. Infos are a list with one dictionary for each episode that has
    ended in the step: `episode_return`, `episode_length`.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        num_envs: how many.
        append_action_mask: whether every row of the observation ends with the action mask, 0.0 and 1.0, since PufferLib's
            trainer has no other place for it.
        buf: PufferLib's buffers.
        seed: of a reset without one.
        kwargs: those of `VectorEnv`: `split`, `num_threads`, `scenario` and others, but not `observation`.
    """

    envs: VectorEnv
    single_observation_space: spaces.Box
    single_action_space: spaces.Discrete

    def __init__(
        self,
        env_id: str,
        num_envs: int = 64,
        *,
        append_action_mask: bool = False,
        buf: dict[str, NDArray[Any]] | None = None,
        seed: int | None = 0,
        **kwargs: Any,
    ) -> None:
        """Makes the environments; PufferLib resets them.

        Raises:
            TypeError: the id is another package's, or observations are not flat.
        """
        self.envs = native_vector(env_id, num_envs, AutoresetMode.SAME_STEP, copy=False, **kwargs)
        space = self.envs.single_observation_space
        if not isinstance(space, spaces.Box):
            raise TypeError("observation='graph'; allowed: flat observations, as PufferLib's native environments have")
        self._features = space.shape[0]
        self._append_action_mask = append_action_mask
        num_actions = self.envs.topologies[0].num_actions
        width = self._features + (num_actions if append_action_mask else 0)
        self.single_observation_space = spaces.Box(-BOUND, BOUND, (width,), np.float32)
        self.single_action_space = spaces.Discrete(num_actions)
        self.num_agents = num_envs
        self._seed = seed
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)
        super().__init__(buf)

    def reset(self, seed: int | None = None) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
        """Begins an episode in every environment."""
        seed = self._seed if seed is None else seed
        observations, infos = self.envs.reset(seed=None if seed is None else seed * self.num_agents)
        self._show(observations, infos)
        self.rewards[:] = 0
        self.terminals[:] = False
        self.truncations[:] = False
        self._returns[:] = 0
        self._lengths[:] = 0
        return self.observations, []

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], list[dict[str, Any]]]:
        """Plays one decision; where an episode ends the observation is already the next one's first."""
        observations, rewards, terminated, truncated, infos = self.envs.step(np.asarray(actions).reshape(-1))
        self._show(observations, infos)
        self.rewards[:] = rewards
        self.terminals[:] = terminated
        self.truncations[:] = truncated
        self._returns += rewards
        self._lengths += 1
        ended = np.flatnonzero(terminated | truncated)
        told = [
            {"episode_return": float(self._returns[row]), "episode_length": int(self._lengths[row])} for row in ended
        ]
        self._returns[ended] = 0
        self._lengths[ended] = 0
        return self.observations, self.rewards, self.terminals, self.truncations, told

    def action_masks(self) -> NDArray[np.bool_]:
        """`[num_envs, num_actions]`: which actions are legal now."""
        return self.envs.action_masks()

    def render(self) -> Any:
        """What the first environment shows, where a render mode was given."""
        frames = self.envs.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Gives the memory back."""
        self.envs.close()

    def _show(self, observations: NDArray[np.float32], infos: dict[str, Any]) -> None:
        self.observations[:, : self._features] = observations
        if self._append_action_mask:
            self.observations[:, self._features :] = infos["action_mask"]
