"""Policies to act with: trained ones by their folder, baselines by their name, and what a policy of your own must have."""

import os
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import ArrayLike, NDArray

from microcloud_gym._core import Policy, Topology
from microcloud_gym.scenarios import Scenario, load_scenario

__all__ = ["ActingPolicy", "Policy", "load_policy"]

Environment = gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any]


class ActingPolicy(Protocol):
    """What `evaluate` plays: any object with a name and a method that chooses actions."""

    @property
    def name(self) -> str:
        """The name under which results are reported; no baseline's."""

    def act(
        self,
        observations: NDArray[np.float32],
        action_masks: NDArray[np.bool_],
        episode_starts: NDArray[np.bool_],
    ) -> ArrayLike:
        """One legal action per row, as integers `[n]`.

        `observations` is float32 `[n, observation_size]`, `action_masks` bool `[n, num_actions]`, and `episode_starts` bool
        `[n]` is true where row i is the first of an episode, so that a memory of row i can be cleared. The number of rows
        changes only where all of them start. Rows whose episode has ended before the others' are shown again and again;
        they want a legal action too.
        """


def load_policy(policy: str | os.PathLike[str], scenario: Scenario | Environment | None = None) -> Policy:
    """A policy by its name or path.

    Args:
        policy: a baseline's name (`no-op`, `random`, `threshold-rules`), or the folder of a released policy, of a checkpoint,
            or of a run, whose best checkpoint is taken. A folder under `policies/` may be named without that.
        scenario: what the policy is to play, as everywhere, or an environment that plays it. A baseline needs it; a trained
            policy is held to its observations and actions.

    Raises:
        PolicyError: the name is unknown, the folder holds no policy or a corrupt one, the policy was made for other
            observations or actions, a baseline has no scenario, or it is `oracle`, which looks into the environment itself.
        ScenarioError: the scenario is unknown or describes no cluster.
        TypeError: an argument is none of those.
    """
    if not isinstance(policy, (str, os.PathLike)):
        raise TypeError(f"a policy of type {type(policy).__name__}; allowed: a name or a path")
    topology = None if scenario is None else topology_of(scenario)
    return Policy.load(os.fspath(policy), topology)


def topology_of(scenario: Scenario | Environment) -> Topology:
    """The constants of a scenario, or of the one that an environment plays.

    Raises:
        ScenarioError: the scenario is unknown or describes no cluster.
        TypeError: it is neither, an environment of another kind, or one that plays several clusters.
    """
    if isinstance(scenario, (gym.Env, gym.vector.VectorEnv)):
        played = scenario.unwrapped
        topologies = getattr(played, "topologies", None) or [getattr(played, "topology", None)]
        topology = topologies[0]
        if not isinstance(topology, Topology):
            raise TypeError(f"an environment of type {type(played).__name__}; allowed: one of this package")
        if any(other is not topology for other in topologies):
            raise TypeError("an environment that plays several clusters; allowed: one that plays a single one")
        return topology
    return load_scenario(scenario)
