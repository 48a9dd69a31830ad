"""The two forms of an observation: one flat row, or a graph of services with masks, padded to a common size."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from microcloud_gym import _core
from microcloud_gym.arguments import checked_integer, checked_name

Observation: TypeAlias = Any
"""A flat row, float32 `[observation_size]`, or a dictionary of arrays, as `observation=` of the environment says."""

BOUND = _core.observation_bound()
"""Every feature lies in [-BOUND, BOUND]."""
MAX_NODES = 8
"""Nodes that a cluster can have."""
MAX_ZONES = 4
"""Zones that a cluster can have."""
MOST_ROWS = 2**16
"""Services, or calls, that a graph can be padded to: far more than any cluster has."""


class FlatObservation:
    """One row of features: services, nodes, zones, cluster, in the order of `observation_names()`."""

    def __init__(self, topologies: Sequence[_core.Topology]) -> None:
        """For environments of these topologies, whose rows have one size."""
        size = topologies[0].observation_size
        self.space: spaces.Space[Any] = spaces.Box(-BOUND, BOUND, (size,), np.float32)

    def single(self, observation: NDArray[np.float32], row: int = 0) -> Observation:
        """The observation of one environment from its row of features."""
        return observation

    def batch(self, observations: NDArray[np.float32]) -> Observation:
        """The observations of all environments from their rows of features."""
        return observations


class GraphObservation:
    """The same features by what they belong to, with the call graph.

    | key | shape | content |
    |---|---|---|
    | `services` | `[max_services, 16]` | features of every service |
    | `nodes` | `[8, 6]` | features of every node |
    | `zones` | `[4, 3]` | features of every zone |
    | `cluster` | `[6]` | features of the whole |
    | `edge_index` | `[2, max_calls]` | caller and callee of every call, as indices of `services` |
    | `service_mask`, `node_mask`, `zone_mask`, `edge_mask` | one per row | 1 where there is one, 0 where it is padding |

    Padding is zero. Environments whose `max_services` and `max_calls` are equal have equal spaces, whatever their topology.
    """

    def __init__(
        self, topologies: Sequence[_core.Topology], max_services: int | None = None, max_calls: int | None = None
    ) -> None:
        """For environments of these topologies; the sizes are the largest among them unless they are given."""
        services, nodes, zones, cluster = (len(names) for names in _core.feature_names())
        self._widths = (services, nodes, zones, cluster)
        blocks = topologies[0].service_blocks
        self._counts = (blocks, len(topologies[0].node_names()), len(topologies[0].zone_names()))
        calls = [np.asarray(topology.calls(), np.int64).reshape(-1, 2) for topology in topologies]
        self._max_services = _room("max_services", max_services, blocks)
        # A padded scenario stands for a family of clusters: twice as many calls as services hold all of `random`'s.
        family = 2 * blocks if any(len(topology.service_names()) < blocks for topology in topologies) else 0
        self._max_calls = _room("max_calls", max_calls, max(family, *(len(edges) for edges in calls)))
        self._edge_index = np.zeros((len(topologies), 2, self._max_calls), np.int64)
        self._edge_mask = np.zeros((len(topologies), self._max_calls), np.int8)
        self._service_mask = np.zeros((len(topologies), self._max_services), np.int8)
        for row, (topology, edges) in enumerate(zip(topologies, calls, strict=True)):
            self._edge_index[row, :, : len(edges)] = edges.T
            self._edge_mask[row, : len(edges)] = 1
            self._service_mask[row, : len(topology.service_names())] = 1
        node_mask = np.arange(MAX_NODES) < self._counts[1]
        zone_mask = np.arange(MAX_ZONES) < self._counts[2]
        self._node_mask = np.tile(node_mask.astype(np.int8), (len(topologies), 1))
        self._zone_mask = np.tile(zone_mask.astype(np.int8), (len(topologies), 1))
        self.space: spaces.Space[Any] = spaces.Dict(
            {
                "services": spaces.Box(-BOUND, BOUND, (self._max_services, services), np.float32),
                "nodes": spaces.Box(-BOUND, BOUND, (MAX_NODES, nodes), np.float32),
                "zones": spaces.Box(-BOUND, BOUND, (MAX_ZONES, zones), np.float32),
                "cluster": spaces.Box(-BOUND, BOUND, (cluster,), np.float32),
                "edge_index": spaces.Box(0, self._max_services - 1, (2, self._max_calls), np.int64),
                "service_mask": spaces.MultiBinary(self._max_services),
                "node_mask": spaces.MultiBinary(MAX_NODES),
                "zone_mask": spaces.MultiBinary(MAX_ZONES),
                "edge_mask": spaces.MultiBinary(self._max_calls),
            }
        )

    def single(self, observation: NDArray[np.float32], row: int = 0) -> Observation:
        """The observation of one environment from its row of features."""
        return self._split(observation[np.newaxis], slice(row, row + 1), squeeze=True)

    def batch(self, observations: NDArray[np.float32]) -> Observation:
        """The observations of all environments from their rows of features."""
        return self._split(observations, slice(None), squeeze=False)

    def _split(self, features: NDArray[np.float32], rows: slice, *, squeeze: bool) -> dict[str, NDArray[Any]]:
        rooms = (self._max_services, MAX_NODES, MAX_ZONES)
        split: dict[str, NDArray[Any]] = {}
        start = 0
        for key, count, room, width in zip(("services", "nodes", "zones"), self._counts, rooms, self._widths[:3], strict=True):
            block = features[:, start : start + count * width].reshape(len(features), count, width)
            start += count * width
            padded = np.zeros((len(features), room, width), np.float32)
            padded[:, :count] = block
            split[key] = padded
        split["cluster"] = features[:, start:].copy()
        split["edge_index"] = self._edge_index[rows].copy()
        split["service_mask"] = self._service_mask[rows].copy()
        split["node_mask"] = self._node_mask[rows].copy()
        split["zone_mask"] = self._zone_mask[rows].copy()
        split["edge_mask"] = self._edge_mask[rows].copy()
        return {key: value[0] for key, value in split.items()} if squeeze else split


def _room(key: str, asked: int | None, needed: int) -> int:
    return needed if asked is None else checked_integer(key, asked, needed, MOST_ROWS)


def observation_form(
    form: str, topologies: Sequence[_core.Topology], max_services: int | None, max_calls: int | None
) -> FlatObservation | GraphObservation:
    """The form of this name: `flat` or `graph`.

    Raises:
        ValueError: another name, sizes with `flat`, or sizes that the topologies do not fit into.
    """
    if checked_name("observation", form, ("flat", "graph")) == "graph":
        return GraphObservation(topologies, max_services, max_calls)
    if max_services is not None or max_calls is not None:
        raise ValueError("max_services and max_calls are given; allowed: only with observation='graph'")
    return FlatObservation(topologies)
