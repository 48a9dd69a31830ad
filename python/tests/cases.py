"""What tests run over: every scenario of every registered id, so that those to come are covered the moment they are added."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from microcloud_gym import Env, VectorEnv
from microcloud_gym.registration import ENVIRONMENT_IDS

TOPOLOGY_SEEDS = (1, 2)
"""Two clusters of `random`, as different as any two."""

SHOP: dict[str, Any] = {
    "name": "shop",
    "tick_ms": 1000,
    "decision_ticks": 5,
    "episode_decisions": 200,
    "workload": {"entry": "web", "rate_per_s": 100},
    "zones": [{"name": "a"}, {"name": "b"}],
    "nodes": [{"name": "a1", "zone": "a", "cores": 16}, {"name": "b1", "zone": "b", "cores": 16}],
    "services": [
        {"name": "web", "replicas": 4, "concurrency": 4, "service_time_ms": 20},
        {"name": "store", "replicas": 2, "concurrency": 8, "service_time_ms": 10, "class": "database"},
    ],
    "calls": [{"from": "web", "to": "store", "retries": 1}],
    "faults": {
        "control_ratio": 0.2,
        "catalogue": [
            {"id": "F04", "magnitude": [1, 1], "duration_s": [100, 300]},
            {"id": "F05", "magnitude": [2, 4], "duration_s": [100, 300]},
        ],
    },
}
"""A small scenario of one's own, as a dictionary."""


class Case(NamedTuple):
    """An id with the arguments that choose one of its scenarios."""

    label: str
    id: str
    kwargs: dict[str, Any]

    def make(self, **kwargs: Any) -> Env:
        """The single environment, without wrappers."""
        env = gym.make(self.id, **self.kwargs, **kwargs).unwrapped
        assert isinstance(env, Env)
        return env

    def make_vec(self, num_envs: int, **kwargs: Any) -> VectorEnv:
        """The native batch."""
        envs = gym.make_vec(self.id, num_envs, "vector_entry_point", **self.kwargs, **kwargs)
        assert isinstance(envs, VectorEnv)
        return envs

    def maker(self, **kwargs: Any) -> Callable[[], Env]:
        """What Gymnasium's own vector environments ask for."""
        return lambda: self.make(**kwargs)


def cases() -> list[Case]:
    """Every scenario of every id."""
    found = []
    for own in ENVIRONMENT_IDS:
        for scenario in own.scenarios:
            label = own.name if len(own.scenarios) == 1 else f"{own.name}-{scenario}"
            if scenario == "random":
                clusters = [{"topology_seed": seed} for seed in TOPOLOGY_SEEDS]
                found += [Case(f"{label}-{kwargs['topology_seed']}", own.full_name, kwargs) for kwargs in clusters]
            else:
                found.append(Case(label, own.full_name, {"scenario": scenario}))
        if not own.scenarios:
            found.append(Case(own.name, own.full_name, {"scenario": SHOP}))
    return found


class Plan:
    """Actions that let all that can happen happen, drawn anew from the same seed for the same numbers.

    Environment 0 drains every node, which ends its episodes by total loss; the last one does nothing; those between act at
    random, now and then. Where there is only no-op, nobody acts.
    """

    def __init__(self, meanings: list[str], num_envs: int, seed: int = 0) -> None:
        """For a batch of environments with these actions."""
        self._drains = np.flatnonzero([meaning.startswith("drain(") for meaning in meanings])
        self._rng = np.random.default_rng(seed)
        self._shape = (len(meanings), num_envs)

    def next(self) -> NDArray[np.int64]:
        """`[num_envs]`: the next decision's actions."""
        num_actions, num_envs = self._shape
        actions = self._rng.integers(0, num_actions, num_envs)
        actions[self._rng.random(num_envs) < 0.5] = 0
        actions[-1] = 0
        if self._drains.size:
            actions[0] = self._rng.choice(self._drains)
        return actions
