"""TorchRL: the native vector environment as a batched `EnvBase`."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.errors import ResetNeededError
from microcloud_gym.vector import VectorEnv

try:
    import torch
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Binary, Bounded, Categorical, Composite, TensorSpec, Unbounded
    from torchrl.envs import EnvBase
except ImportError as _error:
    raise DependencyNotInstalled("TorchRL is not installed: pip install torchrl") from _error


class MicrocloudTorchRLEnv(EnvBase):
    """`num_envs` environments of an id as one environment of batch size `[num_envs]`.

    | entry | shape | content |
    |---|---|---|
    | `observation` | float32 `[num_envs, observation_size]` | the flat observation; of a graph its own entries stand here |
    | `action_mask` | bool `[num_envs, num_actions]` | legal actions, which the transform `ActionMask` reads |
    | `action` | int64 `[num_envs]` | |
    | `reward` | float32 `[num_envs, 1]` | |
    | `done`, `terminated`, `truncated` | bool `[num_envs, 1]` | |

    Episodes begin where `_reset` says, in the other environments they go on.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        num_envs: how many.
        device: where the tensors are.
        seed: of the first reset; `set_seed` gives another.
        kwargs: those of `VectorEnv`: `split`, `num_threads`, `scenario` and others.
    """

    envs: VectorEnv

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        *,
        device: torch.device | str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the environments."""
        super().__init__(device=device or "cpu", batch_size=torch.Size([num_envs]))
        self.envs = native_vector(env_id, num_envs, AutoresetMode.DISABLED, copy=True, **kwargs)
        # Whose episode is over, and where the batch itself waits for a reset: see `_rest`.
        self._over = np.zeros(num_envs, np.bool_)
        self._waiting = np.zeros(num_envs, np.bool_)
        self._next_seed = seed
        num_actions = self.envs.topologies[0].num_actions
        space = self.envs.single_observation_space
        entries = space.spaces if isinstance(space, spaces.Dict) else {"observation": space}
        shape = self.batch_size
        self.observation_spec = Composite(
            {name: _spec(entry, num_envs, self.device) for name, entry in entries.items()}
            | {"action_mask": Binary(num_actions, (num_envs, num_actions), self.device, torch.bool)},
            shape=shape,
        )
        self.action_spec = Categorical(num_actions, shape, self.device, torch.int64)
        self.reward_spec = Unbounded((num_envs, 1), self.device, torch.float32)
        flag = Binary(1, (num_envs, 1), self.device, torch.bool)
        self.done_spec = Composite({name: flag.clone() for name in ("done", "terminated", "truncated")}, shape=shape)

    def _reset(self, tensordict: TensorDictBase | None, **kwargs: Any) -> TensorDictBase:
        chosen = None if tensordict is None else tensordict.get("_reset", None)
        options = {key: value for key, value in kwargs.items() if key == "level"}
        mask = np.ones(self.num_envs, np.bool_)
        if chosen is not None:
            mask = options["reset_mask"] = chosen.reshape(self.num_envs).cpu().numpy()
        seed, self._next_seed = self._next_seed, None
        observations, _ = self.envs.reset(seed=seed, options=options)
        self._over &= ~mask
        self._waiting &= ~mask
        return self._shown(observations, self._over, np.zeros_like(self._over))

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        self._rest(tensordict.get("_step", None))
        actions = tensordict.get("action").cpu().numpy()
        observations, rewards, terminated, truncated, _ = self.envs.step(actions)
        self._waiting = terminated | truncated
        self._over |= self._waiting
        shown = self._shown(observations, terminated, truncated)
        return shown.set("reward", self._tensor(rewards.astype(np.float32)).unsqueeze(-1))

    def _rest(self, stepping: torch.Tensor | None) -> None:
        """Where an episode is over and a rollout steps the others on, the batch plays one that nobody looks at."""
        moving = np.ones_like(self._over) if stepping is None else stepping.reshape(self.num_envs).cpu().numpy()
        if (moving & self._over).any():
            raise ResetNeededError("an episode has ended; reset it with `_reset`")
        if (~moving & ~self._over).any():
            raise ValueError("a step of some environments; allowed: of all whose episodes have not ended")
        if self._waiting.any():
            self.envs.reset(options={"reset_mask": self._waiting})

    def _set_seed(self, seed: int | None) -> None:
        self._next_seed = seed

    def _shown(
        self, observations: Any, terminated: np.ndarray[Any, Any], truncated: np.ndarray[Any, Any]
    ) -> TensorDictBase:
        entries = observations if isinstance(observations, dict) else {"observation": observations}
        flags = {"done": terminated | truncated, "terminated": terminated, "truncated": truncated}
        tensors = {name: self._tensor(value) for name, value in entries.items()}
        tensors["action_mask"] = self._tensor(self.envs.action_masks())
        tensors |= {name: self._tensor(flag).unsqueeze(-1) for name, flag in flags.items()}
        return TensorDict(tensors, self.batch_size, self.device)

    def _tensor(self, array: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    @property
    def num_envs(self) -> int:
        """How many environments are stepped together."""
        return self.envs.num_envs

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Gives the memory back."""
        self.envs.close()
        super().close(raise_if_closed=raise_if_closed)


def _spec(space: spaces.Space[Any], num_envs: int, device: torch.device | None) -> TensorSpec:
    """The spec of one entry of the observation."""
    if isinstance(space, spaces.MultiBinary):
        size = int(space.shape[-1])
        return Binary(size, (num_envs, size), device, torch.int8)
    if not isinstance(space, spaces.Box):
        raise TypeError(f"an observation of {space}; allowed: Box and MultiBinary")
    low, high = (torch.from_numpy(bound).expand(num_envs, *space.shape).to(device) for bound in (space.low, space.high))
    return Bounded(low, high, (num_envs, *space.shape), device, low.dtype)
