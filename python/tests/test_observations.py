"""The two forms of an observation hold the same numbers."""

import tomllib
from typing import Any

import numpy as np
import pytest
from cases import SHOP, Case
from identity import assert_same

from microcloud_gym import Env, VectorEnv, _core
from microcloud_gym.observations import MAX_NODES, MAX_ZONES

KINDS = ("service", "node", "zone", "global")
FEATURES = dict(zip(KINDS, _core.feature_names(), strict=True))


def by_name(env: Env, graph: dict[str, Any]) -> dict[str, float]:
    """A graph's numbers under the names that a flat observation has for them."""
    topology = env.topology
    names = {"service": topology.service_names(), "node": topology.node_names(), "zone": topology.zone_names()}
    padding = [f"padding-{number}" for number in range(1, topology.service_blocks - len(names["service"]) + 1)]
    names["service"] = names["service"] + padding
    found = {}
    for kind, own in names.items():
        for row, name in enumerate(own):
            for column, feature in enumerate(FEATURES[kind]):
                found[f"{kind}.{name}.{feature}"] = float(graph[f"{kind}s"][row, column])
    for column, feature in enumerate(FEATURES["global"]):
        found[f"global.{feature}"] = float(graph["cluster"][column])
    return found


def test_a_graph_holds_the_numbers_of_the_flat_observation(case: Case) -> None:
    flat, graph = case.make(), case.make(observation="graph")
    names = flat.observation_names()
    rng = np.random.default_rng(1)
    row, _ = flat.reset(seed=1)
    observation, _ = graph.reset(seed=1)
    for _ in range(60):
        assert observation in graph.observation_space
        assert by_name(graph, observation) == dict(zip(names, row.tolist(), strict=True))
        action = int(rng.integers(flat.topology.num_actions))
        (row, *expected), (observation, *rest) = flat.step(action), graph.step(action)
        assert_same(expected, rest)
        if expected[1] or expected[2]:
            break


def test_edges_name_callers_and_callees(case: Case) -> None:
    env = case.make(observation="graph")
    observation, _ = env.reset(seed=1)
    names = env.topology.service_names()
    edges = observation["edge_index"][:, observation["edge_mask"].astype(bool)].T
    found = [(names[caller], names[callee]) for caller, callee in edges]
    scenario = tomllib.loads(env.topology.to_toml())
    assert found == [(call["from"], call["to"]) for call in scenario["calls"]]
    assert found


def test_masks_say_what_is_padding(case: Case) -> None:
    services = case.make().topology.service_blocks + 3
    env = case.make(observation="graph", max_services=services, max_calls=200)
    observation, _ = env.reset(seed=1)
    topology = env.topology
    counts = (
        ("services", "service_mask", len(topology.service_names()), services),
        ("nodes", "node_mask", len(topology.node_names()), MAX_NODES),
        ("zones", "zone_mask", len(topology.zone_names()), MAX_ZONES),
    )
    for key, mask, count, room in counts:
        assert observation[mask].tolist() == [1] * count + [0] * (room - count)
        assert observation[key].shape[0] == room
        assert not observation[key][count:].any()
    assert observation["edge_mask"].sum() == len(topology.calls())
    assert not observation["edge_index"][:, len(topology.calls()) :].any()


def test_clusters_of_different_sizes_share_one_space() -> None:
    spaces = [
        Env(scenario, observation="graph", max_services=24, max_calls=48).observation_space
        for scenario in ("spine12", "online-boutique", SHOP, "random")
    ]
    assert all(space == spaces[0] for space in spaces)
    random = [Env("random", topology_seed=seed, observation="graph").observation_space for seed in range(20)]
    assert all(space == random[0] for space in random)


def test_a_batch_of_graphs_mixes_clusters() -> None:
    seeds = [4, 9, 1]
    envs = VectorEnv(3, "random", topology_seed=seeds, observation="graph", autoreset_mode="same_step")
    singles = [Env("random", topology_seed=seed, observation="graph") for seed in seeds]
    observations, _ = envs.reset(seed=3)
    expected = [single.reset(seed=3 + row)[0] for row, single in enumerate(singles)]
    rng = np.random.default_rng(0)
    ended = 0
    for number in range(300):
        assert observations in envs.observation_space
        for row, own in enumerate(expected):
            assert_same({key: value[row] for key, value in observations.items()}, own, number)
        actions = rng.integers(0, envs.single_action_space.n, 3)
        observations, _, _, _, infos = envs.step(actions)
        for row, single in enumerate(singles):
            expected[row], _, terminated, truncated, _ = single.step(actions[row])
            if terminated or truncated:
                ended += 1
                assert_same(infos["final_obs"][row], expected[row], number)
                expected[row], _ = single.reset()
    assert ended >= 3
    edges = observations["edge_index"]
    assert not np.array_equal(edges[0], edges[1])


def test_what_a_caller_writes_into_a_graph_changes_nothing() -> None:
    for made in (Env(SHOP, observation="graph"), VectorEnv(2, SHOP, observation="graph")):
        first, _ = made.reset(seed=1)
        kept = {key: value.copy() for key, value in first.items()}
        for value in first.values():
            value[:] = 1
        again, _ = made.reset(seed=1)
        assert_same(again, kept)


@pytest.mark.parametrize("name", ["spine12", "online-boutique", "random"])
def test_every_name_is_of_one_kind_and_appears_once(name: str) -> None:
    env = Env(name)
    names = env.observation_names()
    assert len(set(names)) == len(names) == env.topology.observation_size
    kinds = [entry.split(".")[0] for entry in names]
    assert kinds == sorted(kinds, key=KINDS.index)
    assert {entry.rsplit(".", 1)[1] for entry in names} == {feature for own in FEATURES.values() for feature in own}
    meanings = env.action_meanings()
    assert len(set(meanings)) == len(meanings) and meanings[0] == "no-op"
