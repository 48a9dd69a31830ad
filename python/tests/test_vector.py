"""The native batch against Gymnasium's SyncVectorEnv over the single environment: the same bits in every mode."""

import copy
from typing import Any

import numpy as np
import pytest
from cases import SHOP, Case, Plan
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from identity import assert_same, difference

from microcloud_gym import Env, VectorEnv

N = 3
MODES = list(AutoresetMode)


class Reference:
    """Gymnasium's own batch, with the native ones that it is compared with after every call."""

    def __init__(self, reference: SyncVectorEnv, natives: list[VectorEnv]) -> None:
        """Of environments that nothing has been done with."""
        self.reference = reference
        self.natives = natives
        self.terminations = 0
        self.truncations = 0
        self.together = 0
        self.ended = np.zeros(N, np.bool_)

    def reset(self, seed: Any = None, options: dict[str, Any] | None = None) -> None:
        """Resets all and compares what they return."""
        expected = self.reference.reset(seed=seed, options=None if options is None else dict(options))
        for native in self.natives:
            self._compare(expected, native.reset(seed=seed, options=options), f"reset({seed}, {options})")
        self.ended[:] = False

    def step(self, actions: Any, number: int) -> None:
        """Steps all, compares what they return, and counts how episodes end."""
        expected = self.reference.step(actions)
        for native in self.natives:
            self._compare(expected, native.step(actions), f"step {number}")
        _, _, terminated, truncated, _ = expected
        self.terminations += int(terminated.sum())
        self.truncations += int(truncated.sum())
        self.ended = terminated | truncated
        self.together += bool(self.ended.all())

    def _compare(self, expected: Any, found: Any, where: str) -> None:
        assert_same(expected, found, where)
        # NaN, which numpy makes of a missing number in an array of floats, does not equal itself there.
        infos = (expected[-1], expected[-1].get("final_info", {}))
        p99 = [np.asarray(info.get("metrics", {}).get("p99_ms", 0.0), np.float64) for info in infos]
        assert any(np.isnan(own).any() for own in p99) or data_equivalence(expected, found, exact=True), where


def both(case: Case, mode: AutoresetMode, **kwargs: Any) -> Reference:
    """Gymnasium's batch of a case, and native ones that copy and that do not."""
    reference = SyncVectorEnv([case.maker(**kwargs)] * N, autoreset_mode=mode)
    natives = [case.make_vec(N, autoreset_mode=mode, copy=copies, **kwargs) for copies in (True, False)]
    return Reference(reference, natives)


def play(batch: Reference, mode: AutoresetMode, plan: Plan, steps: int) -> None:
    """Steps on; where nothing begins the next episodes by itself, resets do, by mask."""
    for number in range(steps):
        if mode == AutoresetMode.DISABLED and batch.ended.any():
            batch.reset(options={"reset_mask": batch.ended.copy()})
        batch.step(plan.next(), number)


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
def test_a_batch_is_gymnasiums_batch_bit_for_bit(case: Case, mode: AutoresetMode) -> None:
    batch = both(case, mode)
    meanings = batch.natives[0].action_meanings()
    batch.reset(seed=7)
    play(batch, mode, Plan(meanings, N), 900)
    # An episode of quorum is shorter than the loss of service that ends one early.
    assert batch.truncations >= 2 and (batch.terminations >= 2 or case.label.startswith("Quorum"))
    # Equal episodes end together, which leaves no row of the old ones.
    batch.reset(seed=[5, 5, 5])
    play(batch, mode, Plan(meanings[:1], N), 600)
    assert batch.together >= 2
    batch.reset(seed=[None, 2**63 - 1, 0])
    play(batch, mode, Plan(meanings, N, seed=1), 250)
    batch.reset(options={"level": 2**32 + 5})
    play(batch, mode, Plan(meanings, N, seed=2), 250)
    batch.reset(seed=3, options={"level": 17, "reset_mask": np.array([True, False, True])})
    play(batch, mode, Plan(meanings, N, seed=3), 50)


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
def test_graphs_are_batched_as_gymnasium_batches_them(case: Case, mode: AutoresetMode) -> None:
    batch = both(case, mode, observation="graph")
    batch.reset(seed=7)
    play(batch, mode, Plan(batch.natives[0].action_meanings(), N), 600)
    assert batch.truncations >= 1 and batch.terminations + batch.truncations >= 3


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
def test_a_missing_p99_is_batched_as_gymnasium_batches_it(mode: AutoresetMode) -> None:
    quiet = copy.deepcopy(SHOP)
    quiet["workload"]["rate_per_s"] = 0.1
    quiet["episode_decisions"] = 40
    case = Case("quiet", "microcloud/Custom-v0", {"scenario": quiet})
    batch = both(case, mode)
    batch.reset(seed=2)
    play(batch, mode, Plan(batch.natives[0].action_meanings()[:1], N), 300)
    single = case.make()
    single.reset(seed=2)
    found = [single.step(0)[4]["metrics"]["p99_ms"] for _ in range(40)]
    assert None in found and any(isinstance(value, float) for value in found)


def test_the_batch_has_the_spaces_of_gymnasiums_batch(case: Case) -> None:
    for observation in ("flat", "graph"):
        reference = SyncVectorEnv([case.maker(observation=observation)] * N)
        native = case.make_vec(N, observation=observation)
        assert native.observation_space == reference.observation_space
        assert native.action_space == reference.action_space
        assert native.single_observation_space == reference.single_observation_space
        assert native.single_action_space == reference.single_action_space
        assert native.metadata["autoreset_mode"] == reference.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
def test_autoreset_modes_go_by_every_spelling(mode: AutoresetMode) -> None:
    for name in (mode, mode.value, mode.name.lower(), mode.name):
        envs = VectorEnv(2, "spine12", autoreset_mode=name)
        assert envs.autoreset_mode is mode and envs.metadata["autoreset_mode"] is mode


def test_arrays_are_the_callers_with_copy_and_the_batchs_without() -> None:
    for copies in (True, False):
        envs = VectorEnv(N, "spine12", copy=copies)
        first, _ = envs.reset(seed=1)
        kept = first.copy()
        second, *_ = envs.step(np.zeros(N, np.int64))
        assert np.shares_memory(first, second) is not copies
        assert np.array_equal(first, kept) is copies


def test_what_a_caller_writes_into_its_copies_changes_nothing() -> None:
    plan = Plan(Env("spine12").action_meanings(), N)
    honest, spoiled = VectorEnv(N, "spine12"), VectorEnv(N, "spine12")
    honest.reset(seed=1)
    spoiled.reset(seed=1)
    for number in range(20):
        actions = plan.next()
        expected, found = honest.step(actions), spoiled.step(actions)
        assert difference(expected, found) is None, number
        for array in (*found[:4], found[4]["action_mask"], found[4]["_action_mask"], found[4]["metrics"]["offered"]):
            array[:] = 1


def test_the_last_results_of_an_episode_outlive_the_next_ones_beginning() -> None:
    """`final_info` is of the episode that has ended, also where the batch's arrays are not copied."""
    short = {**SHOP, "episode_decisions": 3}
    envs = VectorEnv(2, short, autoreset_mode="SameStep", copy=False)
    _, before = envs.reset(seed=1)
    drained = envs.action_meanings().index("drain(a1)")
    for _ in range(3):
        *_, infos = envs.step(np.full(2, drained))
    assert infos["_final_info"].all()
    assert infos["action_mask"][0, drained] == 1 and infos["final_info"]["action_mask"][0, drained] == 0


def test_a_masked_reset_leaves_the_others_as_they_were(case: Case) -> None:
    envs, twin = (case.make_vec(N, autoreset_mode="disabled") for _ in range(2))
    for batch in (envs, twin):
        batch.reset(seed=1)
        batch.step(np.zeros(N, np.int64))
    kept, *_ = twin.step(np.zeros(N, np.int64))
    envs.step(np.zeros(N, np.int64))
    observations, infos = envs.reset(options={"reset_mask": np.array([False, True, False])})
    assert np.array_equal(observations[[0, 2]], kept[[0, 2]])
    assert not np.array_equal(observations[1], kept[1])
    assert infos["_level"].tolist() == [False, True, False]
    found, expected = envs.step(np.zeros(N, np.int64)), twin.step(np.zeros(N, np.int64))
    assert np.array_equal(found[0][[0, 2]], expected[0][[0, 2]])


def test_a_batch_mixes_clusters_of_random() -> None:
    seeds = [3, 1, 2]
    envs = VectorEnv(3, "random", topology_seed=seeds, autoreset_mode="same_step")
    singles = [Env("random", topology_seed=seed) for seed in seeds]
    observations, infos = envs.reset(seed=5)
    expected = [single.reset(seed=5 + row) for row, single in enumerate(singles)]
    assert_same(observations, np.stack([observation for observation, _ in expected]))
    rng = np.random.default_rng(0)
    ended = 0
    for number in range(500):
        actions = rng.integers(0, envs.single_action_space.n, 3)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        for row, single in enumerate(singles):
            observation, reward, over, cut, info = single.step(actions[row])
            assert (reward, over, cut) == (rewards[row], terminated[row], truncated[row]), number
            if over or cut:
                ended += 1
                assert_same(infos["final_obs"][row], observation, number)
                observation, info = single.reset()
            assert_same(observations[row], observation, number)
            assert_same(infos["action_mask"][row], info["action_mask"], number)
    assert ended >= 3
    assert [envs.observation_names(row) == single.observation_names() for row, single in enumerate(singles)] == [True] * 3
    assert envs.observation_names(0) != envs.observation_names(1)
