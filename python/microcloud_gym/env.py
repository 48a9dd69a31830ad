"""One simulated cluster as a Gymnasium environment."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from microcloud_gym import _core
from microcloud_gym.arguments import checked_name, checked_state
from microcloud_gym.observations import Observation, observation_form
from microcloud_gym.scenarios import Scenario, load_scenario
from microcloud_gym.seeding import checked_seed, named_level

RENDER_MODES = ("ansi", "rgb_array")
SPLITS = ("train", "test", "heldout")


class Env(gym.Env[Observation, np.int64]):
    """A cluster of microservices that a policy keeps alive. The environment cards of the ids say what there is to see and do.

    Args:
        scenario: a built-in name, the path of a TOML file, or a dictionary with such a file's keys.
        split: which levels are played: `train`, `test` or `heldout`.
        render_mode: None, `ansi` or `rgb_array`.
        observation: `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`).
        topology_seed: which cluster of `random`; only for that scenario.
        max_services, max_calls: rows of a `graph` observation; as many as the scenario needs when absent.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 4}
    render_mode: str | None
    topology: _core.Topology
    """The constants of the cluster that is played."""
    observation_space: gym.spaces.Space[Observation]
    action_space: gym.spaces.Discrete

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        split: str = "train",
        render_mode: str | None = None,
        observation: str = "flat",
        topology_seed: int | None = None,
        max_services: int | None = None,
        max_calls: int | None = None,
    ) -> None:
        """Makes the cluster; `reset` begins an episode.

        Raises:
            ScenarioError: the scenario is unknown or describes no cluster.
            ValueError: an argument is none of those that are allowed.
        """
        self.render_mode = checked_render_mode(render_mode)
        self.topology = load_scenario(scenario, topology_seed)
        self._split = checked_name("split", split, SPLITS)
        self._form = observation_form(observation, [self.topology], max_services, max_calls)
        self._core = _core.Single(self.topology, split, render_mode is not None)
        self._seeded = False
        self.observation_space = self._form.space
        self.action_space = gym.spaces.Discrete(self.topology.num_actions)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode: the first level that `seed` draws, else the next, else the one that `options["level"]` names.

        Other options are ignored. Returns the observation and the info: `action_mask`, `level`, `incidents`.

        Raises:
            TypeError: the seed or the level is no integer, or the options are no dictionary.
            ValueError: there is no such seed or level.
        """
        seed, level = checked_seed(seed), named_level(options)
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        observation, info = self._core.reset(seed, level)
        self._seeded = True
        return self._form.single(observation), info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Plays one decision. A masked action does nothing and costs what an action costs.

        Returns observation, reward, terminated, truncated, and the info: `action_mask`, `reward_terms`, which sum to the
        reward, `metrics`, the ground truth, and `incidents`, those that this observation opened or resolved.

        Raises:
            ActionError: there is no such action.
            TypeError: it is no integer.
            ResetNeededError: there has been no reset, or the episode has ended.
        """
        observation, reward, terminated, truncated, info = self._core.step(action)
        return self._form.single(observation), reward, terminated, truncated, info

    def step_jointly(self, actions: Sequence[int]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Plays one decision in which several actions are taken, each at its price; else as `step`."""
        if isinstance(actions, str | bytes) or not isinstance(actions, Sequence | np.ndarray):
            raise TypeError(f"actions of type {type(actions).__name__}; allowed: a list of integers")
        observation, reward, terminated, truncated, info = self._core.step_jointly(list(actions))
        return self._form.single(observation), reward, terminated, truncated, info

    def action_masks(self) -> NDArray[np.bool_]:
        """`[num_actions]`: which actions are legal now; the first, no-op, always is."""
        return self._core.action_masks()

    def action_meanings(self) -> list[str]:
        """What every action does, in order."""
        return self.topology.action_meanings()

    def observation_names(self) -> list[str]:
        """What every feature of a flat observation is, in order: `service.<name>.<feature>`, then nodes, zones, the whole."""
        return self.topology.observation_names()

    def open_incidents(self) -> tuple[_core.Incident, ...]:
        """The incidents that the detector has open now; infos carry only what changes."""
        return self._core.open_incidents()

    def faults(self) -> tuple[dict[str, Any], ...]:
        """Ground truth, for analysis and not for policies: the level's faults, with their times in seconds."""
        return self._core.faults()

    def active_faults(self) -> tuple[dict[str, Any], ...]:
        """Ground truth, for analysis and not for policies: the faults that are active now."""
        return self._core.active_faults()

    def snapshot(self) -> bytes:
        """The whole state as bytes that `restore` takes, in this process or another, on any machine."""
        return self._core.snapshot()

    def restore(self, state: bytes) -> tuple[Observation, dict[str, Any]]:
        """Goes on with the same bits where the snapshot was taken, and returns what `reset` does.

        Raises:
            SnapshotError: it is no snapshot, altered, or of another version, scenario or split; nothing has changed.
        """
        observation, info = self._core.restore(checked_state(state))
        self._seeded = True
        return self._form.single(observation), info

    def render(self) -> Any:
        """The present as text (`ansi`) or as a picture (`rgb_array`: uint8 `[height, width, 3]`)."""
        if self.render_mode is None:
            raise ValueError(f"render() without a render_mode; allowed: {', '.join(RENDER_MODES)}, given to make()")
        return self._core.render_text() if self.render_mode == "ansi" else self._core.render_frame()

    def close(self) -> None:
        """Gives the memory back. A second call does nothing."""
        self._core.close()

    def __getstate__(self) -> dict[str, Any]:
        """The attributes, with the simulator as its snapshot."""
        state = dict(self.__dict__)
        state["_core"] = self._core.snapshot() if self._seeded else None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes the simulator again and restores its snapshot."""
        self.__dict__.update(state)
        self._core = _core.Single(self.topology, self._split, self.render_mode is not None)
        if state["_core"] is not None:
            self._core.restore(state["_core"])


def checked_render_mode(render_mode: str | None) -> str | None:
    """The mode, where there is such a one.

    Raises:
        ValueError: there is none of that name.
    """
    if render_mode is None:
        return None
    return checked_name("render_mode", render_mode, RENDER_MODES)
