"""Scenarios by name, path or dictionary, and the list of those that come with the package."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from microcloud_gym import _core
from microcloud_gym.arguments import checked_integer
from microcloud_gym.errors import ScenarioError

Scenario: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | _core.Topology
"""A built-in name, the path of a TOML file, a dictionary with that file's keys, or what `load_scenario` returned."""


class ScenarioSummary(NamedTuple):
    """What there is to know of a scenario before it is chosen."""

    name: str
    description: str
    services: int
    calls: int
    groups: int
    observation_size: int
    num_actions: int
    decision_s: float
    episode_decisions: int


def load_scenario(scenario: Scenario | None, topology_seed: int | None = None) -> _core.Topology:
    """The constants of a scenario, which environments made of it share.

    `topology_seed` chooses among the clusters of `random`, and has no meaning for any other scenario.

    Raises:
        ScenarioError: the name is unknown, the file cannot be read, or it describes no cluster.
        TypeError: it is none of the four that a scenario may be, or the seed is no integer.
        ValueError: the seed does not fit into 64 bits.
    """
    if scenario is None:
        raise ScenarioError("no scenario; allowed: a name, the path of a TOML file, or a dictionary")
    if topology_seed is not None:
        return _random(scenario, topology_seed)
    if isinstance(scenario, _core.Topology):
        return scenario
    if isinstance(scenario, Mapping):
        return _core.Topology.from_dict(dict(scenario))
    if isinstance(scenario, (str, os.PathLike)):
        return _core.Topology.load(os.fspath(scenario))
    raise TypeError(
        f"a scenario of type {type(scenario).__name__}; allowed: a name, a path, a dictionary or a loaded scenario"
    )


def _random(scenario: Scenario, topology_seed: int) -> _core.Topology:
    if scenario != "random":
        raise ScenarioError("topology_seed is given; allowed: only with scenario=\"random\"")
    return _core.Topology.random(checked_integer("topology_seed", topology_seed, 0, 2**64 - 1))


def scenarios() -> list[ScenarioSummary]:
    """The scenarios that come with the package, those that are generated included (`random` as its first cluster)."""
    builtin, generated = _core.builtin_scenarios()
    return [_summary(load_scenario(name)) for name in builtin + generated]


def _summary(topology: _core.Topology) -> ScenarioSummary:
    return ScenarioSummary(
        name=topology.name,
        description=topology.description,
        services=len(topology.service_names()),
        calls=len(topology.calls()),
        groups=topology.num_groups,
        observation_size=topology.observation_size,
        num_actions=topology.num_actions,
        decision_s=topology.tick_s * topology.decision_ticks,
        episode_decisions=topology.episode_decisions,
    )
