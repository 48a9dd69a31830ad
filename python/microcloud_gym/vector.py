"""Many simulated clusters stepped together as one Gymnasium vector environment."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from microcloud_gym import _core
from microcloud_gym.arguments import checked_flag, checked_integer, checked_name, checked_state
from microcloud_gym.env import RENDER_MODES, SPLITS, checked_render_mode
from microcloud_gym.memory import memory_limit
from microcloud_gym.observations import Observation, observation_form
from microcloud_gym.scenarios import Scenario, load_scenario
from microcloud_gym.seeding import checked_level, checked_seed, option


MOST_ENVS = 2**20
MOST_THREADS = 1024


class VectorEnv(gym.vector.VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """A batch of clusters that is stepped in Rust over threads of its own.

    Environment `i` of a batch reset with seed `s` plays what a single environment reset with `s + i` plays, bit for bit,
    at any batch size and number of threads. Infos are those of Gymnasium's own vector environments.

    Args:
        num_envs: how many.
        scenario, split, observation, max_services, max_calls: as those of `Env`.
        render_mode: as that of `Env`; `render` returns one picture for each environment.
        autoreset_mode: when the next episode begins: `NextStep`, `SameStep` or `Disabled`, in this form, in snake case, or
            as `gymnasium.vector.AutoresetMode`.
        copy: whether every call returns arrays of its own; else views of the same ones, overwritten by the next call. Graph
            observations are always their own.
        num_threads: threads to step with; results do not depend on it.
        topology_seed: which cluster of `random`: one seed for all, or one for each environment.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    num_envs: int
    num_threads: int
    render_mode: str | None
    autoreset_mode: AutoresetMode
    topologies: list[_core.Topology]
    """The constants of the cluster that each environment plays."""
    single_observation_space: gym.spaces.Space[Any]
    observation_space: gym.spaces.Space[Any]
    single_action_space: gym.spaces.Discrete
    action_space: gym.spaces.Space[Any]

    def __init__(
        self,
        num_envs: int = 1,
        scenario: Scenario | None = None,
        *,
        split: str = "train",
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        num_threads: int = 1,
        observation: str = "flat",
        topology_seed: int | Sequence[int] | None = None,
        max_services: int | None = None,
        max_calls: int | None = None,
    ) -> None:
        """Makes the clusters; `reset` begins their episodes.

        Raises:
            ScenarioError: the scenario is unknown or describes no cluster.
            ValueError: an argument is none of those that are allowed.
            MemoryError: the machine has less memory than so many environments need.
        """
        super().__init__()
        self.num_envs = checked_integer("num_envs", num_envs, 1, MOST_ENVS)
        self.num_threads = checked_integer("num_threads", num_threads, 1, MOST_THREADS)
        self.render_mode = checked_render_mode(render_mode)
        self.autoreset_mode = parsed_autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.topologies = _topologies(self.num_envs, scenario, topology_seed)
        _check_memory(self.topologies)
        self._split = checked_name("split", split, SPLITS)
        self._copy = checked_flag("copy", copy)
        self._form = observation_form(observation, self.topologies, max_services, max_calls)
        self._core = self._new_core()
        self._seeded = np.zeros(self.num_envs, np.bool_)
        self.single_observation_space = self._form.space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.single_action_space = gym.spaces.Discrete(self.topologies[0].num_actions)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def _new_core(self) -> _core.Batch:
        return _core.Batch(
            self.topologies,
            self._split,
            self.autoreset_mode.value,
            self.num_threads,
            self._copy,
            self.render_mode is not None,
        )

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins episodes: with `seed + i` in environment `i`, or one seed each, or the next level of those they have.

        `options["reset_mask"]`, bool `[num_envs]`, says in which environments; the others keep their observations and have
        no infos. `options["level"]` names a level for all of them, or one for each. Other options are ignored.
        """
        mask, levels = _reset_mask(options, self.num_envs), _levels(options, self.num_envs)
        chosen = np.ones(self.num_envs, np.bool_) if mask is None else mask
        own = _own_seeds(seed, self.num_envs)
        super().reset(seed=own if isinstance(own, int) else None)
        observations, infos = self._core.reset(self._seeds(own, chosen), levels, chosen.view(np.uint8))
        self._seeded |= chosen
        return self._form.batch(observations), infos

    def _seeds(self, seed: int | list[int | None] | None, chosen: NDArray[np.bool_]) -> list[int | None] | None:
        if seed is None:
            if self._seeded[chosen].all():
                return None
            seeds: list[int | None] = [None] * self.num_envs
        elif isinstance(seed, list):
            seeds = seed
        else:
            # Where a seed ends, the next environment's begins again at 0, as in the simulator.
            seeds = [(seed + row) % 2**64 for row in range(self.num_envs)]
        for row in np.flatnonzero(~self._seeded):
            if seeds[row] is None and chosen[row]:
                seeds[row] = int(self.np_random.integers(2**63))
        return seeds

    def step(
        self, actions: Any
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Plays one decision in every environment; `actions` are integers of shape `[num_envs]`.

        Returns observations, rewards, terminated, truncated and infos, `[num_envs]` each. In an environment that begins its
        next episode in this step (`NextStep`) the action is ignored and the reward 0. Where one does so in the step in which
        its episode ends (`SameStep`), `final_obs` and `final_info` tell of the end.

        Raises:
            ActionError: an action is out of range, or there is not one per environment.
            TypeError: they are no integers.
            ResetNeededError: there has been no reset, or an episode has ended and nothing begins the next (`Disabled`).
        """
        observations, rewards, terminated, truncated, infos = self._core.step(actions)
        final = infos.get("final_obs")
        if final is not None:
            for row in np.flatnonzero(infos["_final_obs"]):
                final[row] = self._form.single(final[row], int(row))
        return self._form.batch(observations), rewards, terminated, truncated, infos

    def action_masks(self) -> NDArray[np.bool_]:
        """`[num_envs, num_actions]`: which actions are legal now."""
        return self._core.action_masks()

    def action_meanings(self, row: int = 0) -> list[str]:
        """What every action does, in order; of environment `row` where topologies differ."""
        return self.topologies[checked_integer("row", row, 0, self.num_envs - 1)].action_meanings()

    def observation_names(self, row: int = 0) -> list[str]:
        """What every feature of a flat observation is, in order; of environment `row` where topologies differ."""
        return self.topologies[checked_integer("row", row, 0, self.num_envs - 1)].observation_names()

    def open_incidents(self) -> tuple[tuple[_core.Incident, ...], ...]:
        """The incidents that are open now, for each environment."""
        return self._core.open_incidents()

    def snapshot(self) -> bytes:
        """The whole state of all environments as bytes that `restore` takes."""
        return self._core.snapshot()

    def restore(self, state: bytes) -> tuple[Observation, dict[str, Any]]:
        """Goes on with the same bits where the snapshot was taken, and returns what `reset` does.

        Raises:
            SnapshotError: it is no snapshot of such a batch; nothing has changed.
        """
        observations, infos = self._core.restore(checked_state(state))
        self._seeded[:] = True
        return self._form.batch(observations), infos

    def render(self) -> tuple[Any, ...] | None:
        """One text (`ansi`) or picture (`rgb_array`) for each environment."""
        if self.render_mode is None:
            raise ValueError(f"render() without a render_mode; allowed: {', '.join(RENDER_MODES)}, given to make_vec()")
        return self._core.render_texts() if self.render_mode == "ansi" else self._core.render_frames()

    def close_extras(self, **kwargs: Any) -> None:
        """Gives the memory back; nothing where the constructor has failed."""
        core = getattr(self, "_core", None)
        if core is not None:
            core.close()

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, with the simulator as its snapshot."""
        state = dict(self.__dict__)
        state["_core"] = self._core.snapshot() if self._seeded.all() else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes the simulator again and restores its snapshot."""
        self.__dict__.update(state)
        self._core = self._new_core()
        if state["_core"] is not None:
            self._core.restore(state["_core"])


def parsed_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """The mode of this name, in camel or snake case, or itself.

    Raises:
        ValueError: there is no such mode.
    """
    if isinstance(mode, AutoresetMode):
        return mode
    for known in AutoresetMode:
        if str(mode).replace("_", "").lower() == known.value.lower():
            return known
    raise ValueError(f"autoreset_mode = {mode!r}; allowed: {', '.join(known.value for known in AutoresetMode)}")


def _topologies(num_envs: int, scenario: Scenario | None, topology_seed: Any) -> list[_core.Topology]:
    if not _is_each(topology_seed):
        return [load_scenario(scenario, topology_seed)] * num_envs
    if len(topology_seed) != num_envs:
        raise ValueError(f"{len(topology_seed)} topology seeds; allowed: one, or {num_envs}, one per environment")
    seeds = [checked_integer("topology_seed", seed, 0, 2**64 - 1) for seed in topology_seed]
    known = {seed: load_scenario(scenario, seed) for seed in seeds}
    return [known[seed] for seed in seeds]


def _is_each(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether there is one value for each environment, and not one for all."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _check_memory(topologies: Sequence[_core.Topology]) -> None:
    """Refuses what would end the process: memory that runs out in a step raises no exception."""
    sizes: dict[int, int] = {}
    for topology in topologies:
        if id(topology) not in sizes:
            # The state, its observation and mask twice, and the detector's windows, which are no larger.
            own = 16 * topology.observation_size + 2 * topology.num_actions
            sizes[id(topology)] = topology.state_bytes() + own + 8192
    needed = sum(sizes[id(topology)] for topology in topologies)
    there = memory_limit()
    if there is not None and needed > there:
        message = f"{len(topologies)} environments need {needed / 2**30:.1f} GiB"
        raise MemoryError(f"{message}; this process can have {there / 2**30:.1f}")


def _own_seeds(seed: Any, num_envs: int) -> int | list[int | None] | None:
    """One seed for all, counted up, or one each, or none."""
    if not _is_each(seed):
        return checked_seed(seed)
    seeds = [checked_seed(own) for own in seed]
    if len(seeds) != num_envs:
        raise ValueError(f"{len(seeds)} seeds; allowed: one, or {num_envs}, one per environment")
    return seeds


def _reset_mask(options: dict[str, Any] | None, num_envs: int) -> NDArray[np.bool_] | None:
    mask = option(options, "reset_mask")
    if mask is None:
        return None
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        found = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f"reset_mask of type {found}; allowed: an array of bool")
    if mask.shape != (num_envs,) or not mask.any():
        raise ValueError(f"reset_mask of shape {mask.shape} with {mask.sum()} true; allowed: ({num_envs},), at least one")
    # numpy lets a bool be any byte.
    flags: NDArray[np.bool_] = mask.view(np.uint8) != 0
    return flags


def _levels(options: dict[str, Any] | None, num_envs: int) -> list[int] | None:
    level = option(options, "level")
    if level is None:
        return None
    each = list(level) if _is_each(level) else [level] * num_envs
    if len(each) != num_envs:
        raise ValueError(f"{len(each)} levels; allowed: one, or {num_envs}, one per environment")
    return [checked_level(own) for own in each]
