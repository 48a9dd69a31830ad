"""A hundred thousand random calls with good and bad arguments: documented exceptions, and nothing else."""

import copy
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from cases import SHOP

from microcloud_gym import Env, VectorEnv, _core, load_scenario, scenarios
from microcloud_gym.errors import MicrocloudError

CALLS = 100_000
DOCUMENTED = (MicrocloudError, TypeError, ValueError)
"""What the package says that a wrong call raises. A panic of the compiled half would be a BaseException."""
SHORT = {**SHOP, "episode_decisions": 12}
NUM_ACTIONS = 14


class Caller:
    """Environments, and one random call after another."""

    def __init__(self, seed: int) -> None:
        """Nothing called yet."""
        self.rng = np.random.default_rng(seed)
        self.topology = load_scenario(SHORT)
        self.env = Env(self.topology)
        self.envs = VectorEnv(3, self.topology)
        self.states: list[Any] = [b"", b"MCGYMPLY"]
        self.outcomes: Counter[str] = Counter()
        self.calls: list[Callable[[], Any]] = [
            self._step, self._step, self._step, self._step_batch, self._step_batch, self._step_batch, self._jointly,
            self._reset, self._reset, self._reset_batch, self._reset_batch, self._snapshot, self._restore, self._look,
            self._look_batch, self._copy, self._remake, self._remake_batch, self._close, self._load, self._compiled,
            self._topology,
        ]  # fmt: skip

    def call(self) -> None:
        """One random call; what it raises is counted, and raised on where it is not documented."""
        chosen = self.calls[self.rng.integers(len(self.calls))]
        # The compiled half, called by itself, leaves integers that do not fit to pyo3, as its stub says.
        documented = (*DOCUMENTED, OverflowError) if chosen == self._compiled else DOCUMENTED
        try:
            chosen()
        except documented as error:
            assert str(error), f"{chosen.__name__}: {type(error).__name__} without a message"
            self.outcomes[type(error).__name__] += 1
        else:
            self.outcomes["fine"] += 1

    def pick(self, *values: Any) -> Any:
        """One of the values."""
        return values[self.rng.integers(len(values))]

    def odd(self) -> Any:
        """A value that hardly any argument may be."""
        return self.pick(
            None, True, -1, 2**31, 2**33, 2**63, 2**64, 10**40, 0.5, float("nan"), float("inf"), "", "x", "\0", b"x", (), [],
            [None], {}, {"level": -1}, {1: 2}, set(), object(), np.float32(1), np.int8(-1), np.uint64(2**64 - 1), np.zeros(0),
            np.zeros((2, 2)), np.array("x"), np.array([None]), np.zeros(3, np.bool_), complex(1, 1), Ellipsis, range(3), "𝄞" * 9,
        )  # fmt: skip

    def mostly(self, good: Any) -> Any:
        """The value, or now and then an odd one."""
        return good if self.rng.random() < 0.8 else self.odd()

    def action(self) -> Any:
        """An action, or something else."""
        return self.mostly(self.pick(int(self.rng.integers(-2, NUM_ACTIONS + 2)), self.rng.integers(0, NUM_ACTIONS)))

    def seed(self) -> Any:
        """A seed, or something else."""
        return self.mostly(self.pick(None, int(self.rng.integers(2**62)), self.rng.integers(100)))

    def _step(self) -> None:
        self.env.step(self.action())

    def _jointly(self) -> None:
        self.env.step_jointly(self.mostly([self.action() for _ in range(self.rng.integers(4))]))

    def _step_batch(self) -> None:
        actions = self.rng.integers(0, NUM_ACTIONS, self.pick(3, 3, 3, 3, 2, 4))
        dtype = self.pick(np.int64, np.int64, np.int8, np.uint64, np.float64, np.bool_, object, ">i4")
        self.envs.step(self.mostly(self.pick(actions, actions.astype(dtype), actions.tolist(), [self.action()] * 3)))

    def options(self) -> Any:
        """Options of a reset, or something else."""
        options = {}
        if self.rng.random() < 0.4:
            options["level"] = self.mostly(self.pick(int(self.rng.integers(2**33)), [1, 2, 3], np.arange(3)))
        if self.rng.random() < 0.4:
            options["reset_mask"] = self.mostly(self.rng.random(self.pick(3, 3, 3, 2)) < 0.5)
        return self.mostly(self.pick(None, options, options))

    def _reset(self) -> None:
        self.env.reset(seed=self.seed(), options=self.options())

    def _reset_batch(self) -> None:
        seeds = [self.seed() for _ in range(self.pick(3, 3, 2))]
        self.envs.reset(seed=self.pick(self.seed(), seeds), options=self.options())

    def _snapshot(self) -> None:
        state = self.pick(self.env, self.envs).snapshot()
        self.states = [*self.states[-20:], state]

    def _restore(self) -> None:
        state = self.mostly(self.states[self.rng.integers(len(self.states))])
        if isinstance(state, bytes) and state and self.rng.random() < 0.5:
            broken = bytearray(state)
            broken[self.rng.integers(len(broken))] = self.rng.integers(256)
            state = self.pick(bytes(broken), state[: self.rng.integers(len(state))], broken, memoryview(state))
        self.pick(self.env, self.envs).restore(state)

    def _look(self) -> None:
        env = self.env
        look = self.pick(env.action_masks, env.open_incidents, env.faults, env.active_faults, env.render, env.action_meanings)
        look()

    def _look_batch(self) -> None:
        envs, row = self.envs, self.mostly(int(self.rng.integers(-1, 4)))
        look = self.pick(envs.action_masks, envs.open_incidents, envs.render, lambda: envs.observation_names(row))
        look()

    def _copy(self) -> None:
        env = self.pick(self.env, self.envs)
        copied = self.pick(copy.copy, copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env)))(env)
        if isinstance(copied, Env):
            self.env = copied
        else:
            self.envs = copied

    def _remake(self) -> None:
        arguments = {
            "split": self.pick("train", "test", "heldout"),
            "render_mode": self.pick(None, "ansi", "rgb_array"),
            "observation": self.pick("flat", "graph"),
            "topology_seed": None,
            "max_services": self.pick(None, 2, 30),
            "max_calls": self.pick(None, 1, 0, 30),
        }
        key = self.pick(*arguments)
        if self.rng.random() < 0.2:
            arguments[key] = self.odd()
        if arguments["observation"] == "flat" and self.rng.random() < 0.8:
            arguments["max_services"] = arguments["max_calls"] = None
        self.env = Env(self.mostly(self.topology), **arguments)

    def _remake_batch(self) -> None:
        arguments = {
            "split": "train",
            "observation": self.pick("flat", "graph"),
            "autoreset_mode": self.pick("next_step", "SameStep", "disabled"),
            "copy": self.pick(True, False),
            "num_threads": self.pick(1, 1, 1, 1, 1, 1, 1, 2),
        }
        key = self.pick(*arguments)
        if self.rng.random() < 0.2 and key != "num_threads":
            arguments[key] = self.odd()
        num_envs = self.pick(3, 3, 3, 3, 0, -1, 2**40, 0.5, None, True, "3")
        envs = VectorEnv(num_envs, self.mostly(self.topology), **arguments)
        if envs.num_envs == 3:
            self.envs = envs

    def _close(self) -> None:
        if self.rng.random() < 0.2:
            self.pick(self.env, self.envs).close()

    def _load(self) -> None:
        scenario = copy.deepcopy(SHORT)
        place: Any = scenario
        while True:
            key = self.pick(*(range(len(place)) if isinstance(place, list) else place))
            if isinstance(place[key], dict | list) and place[key] and self.rng.random() < 0.8:
                place = place[key]
                continue
            place[key] = self.odd()
            break
        load_scenario(self.mostly(scenario), self.pick(None, None, None, self.odd()))

    def _compiled(self) -> None:
        topology, split = self.mostly(self.topology), self.mostly("train")
        zeros = self.mostly(self.rng.integers(0, NUM_ACTIONS + 1, (2, 2)))
        calls = [
            lambda: _core.Single(topology, split, self.mostly(False)),
            lambda: _core.Batch([topology], split, self.mostly("NextStep"), 1, self.mostly(True), self.mostly(False)),
            lambda: _core.trajectory_hashes(topology, split, self.seed(), zeros),
            lambda: _core.play_batch(topology, split, self.seed(), zeros, 1),
            lambda: _core.Topology.load(self.mostly("spine12")),
            lambda: _core.Topology.random(self.seed()),
            lambda: _core.Topology.from_toml(self.mostly("name = 'x'"), self.mostly("a test")),
            lambda: _core.Topology.from_dict(self.odd()),
        ]
        calls[self.rng.integers(len(calls))]()

    def _topology(self) -> None:
        topology = self.topology
        look = self.pick(topology.calls, topology.faults, topology.service_names, topology.__repr__, topology.to_toml)
        look()


def test_nothing_but_documented_exceptions_comes_out() -> None:
    caller = Caller(seed=20)
    for _ in range(CALLS):
        caller.call()
        if caller.outcomes["ClosedError"] > 20 * (1 + caller.outcomes["remade"]):
            caller.outcomes["remade"] += 1
            caller.env, caller.envs = Env(caller.topology), VectorEnv(3, caller.topology)
    outcomes = caller.outcomes
    assert sum(outcomes.values()) - outcomes["remade"] == CALLS
    assert outcomes["fine"] > CALLS // 4
    for kind in ("ActionError", "ClosedError", "ResetNeededError", "ScenarioError", "SnapshotError", "TypeError", "ValueError"):
        assert outcomes[kind] > 100, outcomes


def test_random_calls_through_gymnasiums_own_makers() -> None:
    rng = np.random.default_rng(3)
    names = [*(summary.name for summary in scenarios()), "nothing", ""]
    ids = [spec for spec in gym.registry if spec.startswith("microcloud/")]
    for _ in range(200):
        kwargs: dict[str, Any] = {"scenario": names[rng.integers(len(names))], "split": ["test", "dev"][rng.integers(2)]}
        try:
            env = gym.make(ids[rng.integers(len(ids))], **kwargs)
            env.reset(seed=int(rng.integers(100)))
            env.step(int(rng.integers(60)))
        except (*DOCUMENTED, gym.error.Error):
            pass
