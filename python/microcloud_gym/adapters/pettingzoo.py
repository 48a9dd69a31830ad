"""PettingZoo: the services of one cluster as agents that act at the same time, and share the reward."""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from microcloud_gym import _core
from microcloud_gym.env import Env
from microcloud_gym.errors import ActionError, ScenarioError
from microcloud_gym.observations import BOUND

try:
    from pettingzoo import ParallelEnv
except ImportError as _error:
    raise DependencyNotInstalled("PettingZoo is not installed: pip install pettingzoo") from _error

PLATFORM = "platform"
"""The agent for nodes, zones and all that belongs to no service."""
PLACE_VERBS = ("drain", "return", "rebalance", "clear disk")
"""Actions on nodes and zones, which may be called as services are."""
PADDING = "padding-"
"""How the names of places without a service begin, whose actions are never legal."""


class MicrocloudParallelEnv(ParallelEnv[str, dict[str, NDArray[Any]], int]):
    """One cluster with one agent for each service that has actions, called as the service, and one called `platform`.

    An agent chooses among no-op, which is 0, and the actions on its own service; `platform` among no-op and all others.
    All choices are taken in the same decision, each at its price. Every agent gets the whole reward.

    Observations are `{"observation": float32, "action_mask": int8}`:

    | agent | `observation` |
    |---|---|
    | a service | its own features, then those of every zone, then the cluster's |
    | `platform` | those of every node, then those of every zone, then the cluster's |

    `state()` is the flat observation of the whole cluster, for critics that see all. A masked action is a no-op that costs.

    Args:
        env_id: a Gymnasium id, `microcloud/Spine12-v0`.
        kwargs: those of `Env`: `split`, `render_mode`, `scenario` and others, but not `observation`.
    """

    metadata: ClassVar[dict[str, Any]] = {  # pyright: ignore[reportIncompatibleVariableOverride]
        "name": "microcloud_v0",
        "is_parallelizable": True,
        **Env.metadata,
    }

    render_mode: str | None
    possible_agents: list[str]
    observation_spaces: dict[str, spaces.Dict]  # pyright: ignore[reportIncompatibleVariableOverride]
    action_spaces: dict[str, spaces.Discrete]  # pyright: ignore[reportIncompatibleVariableOverride]
    state_space: spaces.Box

    def __init__(self, env_id: str, **kwargs: Any) -> None:
        """Makes the cluster; `reset` begins an episode.

        Raises:
            TypeError: the id is another package's.
            ScenarioError: a service is called `platform`.
        """
        env = gym.make(env_id, disable_env_checker=True, **kwargs).unwrapped
        if not isinstance(env, Env) or not isinstance(env.observation_space, spaces.Box):
            raise TypeError(f"{env_id} with {kwargs}; allowed: ids that begin with microcloud/, with flat observations")
        self.env = env
        self.render_mode = env.render_mode
        self._actions = _actions_by_agent(env.topology)
        self._columns = _columns_by_agent(env.topology)
        self.possible_agents = list(self._actions)
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": spaces.Box(-BOUND, BOUND, (len(self._columns[agent]),), np.float32),
                    "action_mask": spaces.Box(0, 1, (len(actions),), np.int8),
                }
            )
            for agent, actions in self._actions.items()
        }
        self.action_spaces = {
            agent: spaces.Discrete(len(actions)) for agent, actions in self._actions.items()
        }
        self.state_space = env.observation_space
        self._state = np.zeros(env.observation_space.shape, np.float32)

    def observation_space(self, agent: str) -> spaces.Dict:
        """The same object in every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """The same object in every call."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, dict[str, Any]]]:
        """Begins an episode as `Env.reset` does: observations and infos by agent."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.agents = list(self.possible_agents)
        return self._shown(observation, info)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, dict[str, NDArray[Any]]],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Plays one decision in which every agent's action is taken; an agent without one does nothing.

        Actions are taken in the order that they have in `Env`, whatever the dictionary's.

        Raises:
            ActionError: there is no such agent, or it has no such action.
            ResetNeededError: there has been no reset, or the episode has ended.
        """
        joint = sorted(self._action(agent, action) for agent, action in actions.items())
        observation, reward, terminated, truncated, info = self.env.step_jointly(joint)
        observations, infos = self._shown(observation, info)
        present = self.agents
        if terminated or truncated:
            self.agents = []
        return (
            observations,
            dict.fromkeys(present, reward),
            dict.fromkeys(present, terminated),
            dict.fromkeys(present, truncated),
            infos,
        )

    def state(self) -> NDArray[np.float32]:
        """The flat observation of the whole cluster, float32 `[observation_size]`."""
        return self._state

    def action_meanings(self, agent: str) -> list[str]:
        """What every action of an agent does, in order."""
        meanings = self.env.action_meanings()
        return [meanings[action] for action in self._actions[agent]]

    def observation_names(self, agent: str) -> list[str]:
        """What every feature of an agent's observation is, in order."""
        names = self.env.observation_names()
        return [names[column] for column in self._columns[agent]]

    def render(self) -> Any:
        """As `Env.render`."""
        return self.env.render()

    def close(self) -> None:
        """Gives the memory back."""
        self.env.close()

    def _action(self, agent: str, action: int) -> int:
        if agent not in self._actions:
            raise ActionError(f"agent {agent!r}; allowed: {', '.join(self.possible_agents)}")
        own = self._actions[agent]
        if isinstance(action, bool) or not hasattr(action, "__index__") or not 0 <= action.__index__() < len(own):
            raise ActionError(f"action {action!r} of agent {agent!r}; allowed: integers from 0 to {len(own) - 1}")
        return own[action]

    def _shown(
        self, observation: NDArray[np.float32], info: dict[str, Any]
    ) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, dict[str, Any]]]:
        self._state = observation
        mask = info["action_mask"]
        shared = {key: value for key, value in info.items() if key != "action_mask"}
        observations: dict[str, dict[str, NDArray[Any]]] = {
            agent: {"observation": observation[self._columns[agent]], "action_mask": mask[self._actions[agent]]}
            for agent in self.agents
        }
        infos = {agent: {"action_mask": own["action_mask"], **shared} for agent, own in observations.items()}
        return observations, infos


def _actions_by_agent(topology: _core.Topology) -> dict[str, list[int]]:
    """The joint environment's actions that each agent chooses among, no-op first."""
    services = topology.service_names()
    if PLATFORM in services:
        raise ScenarioError(f"a service is called {PLATFORM!r}; allowed: any other name, for this is an agent's")
    owned: dict[str, list[int]] = {service: [0] for service in services}
    rest = [0]
    for action, meaning in enumerate(topology.action_meanings()[1:], start=1):
        verb, _, target = meaning.partition("(")
        target = target.removesuffix(")")
        if verb not in PLACE_VERBS and target not in owned and target.startswith(PADDING):
            continue
        (rest if verb in PLACE_VERBS else owned.get(target, rest)).append(action)
    return {service: actions for service, actions in owned.items() if len(actions) > 1} | {PLATFORM: rest}


def _columns_by_agent(topology: _core.Topology) -> dict[str, list[int]]:
    """The features of the flat observation that each agent sees."""
    service_width, node_width = (len(names) for names in _core.feature_names()[:2])
    nodes = topology.service_blocks * service_width
    zones = nodes + len(topology.node_names()) * node_width
    shared = list(range(zones, topology.observation_size))
    columns = {
        service: list(range(block * service_width, (block + 1) * service_width)) + shared
        for block, service in enumerate(topology.service_names())
    }
    return columns | {PLATFORM: list(range(nodes, zones)) + shared}
