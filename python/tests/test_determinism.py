"""The same seed gives the same bits: from Python and from Rust, at any number of threads, in batches of any size."""

from typing import Any

import numpy as np
import pytest
from cases import Case, Plan
from identity import assert_same
from numpy.typing import NDArray

import microcloud_gym
from microcloud_gym import Env, VectorEnv, _core

STEPS = 300


class Fnv:
    """FNV-1a over 64-bit words, as python/src/reference.rs has it."""

    def __init__(self) -> None:
        """Of nothing yet."""
        self.value = 0xCBF2_9CE4_8422_2325

    def add(self, words: list[int]) -> None:
        """Takes in words, one after another."""
        value = self.value
        for word in words:
            value = ((value ^ word) * 0x100_0000_01B3) & 0xFFFF_FFFF_FFFF_FFFF
        self.value = value

    def add_step(
        self, observation: NDArray[np.float32], mask: NDArray[Any], reward: float, terminated: bool, truncated: bool
    ) -> None:
        """Takes in what one step showed."""
        self.add(observation.view(np.uint32).tolist())
        self.add(mask.astype(np.uint8).tolist())
        self.add(np.asarray([reward], np.float64).view(np.uint64).tolist())
        self.add([int(terminated) + 2 * int(truncated)])


def plan_of(case: Case, num_envs: int, steps: int = STEPS) -> NDArray[np.int64]:
    """`[steps, num_envs]`: actions by which episodes end in every way."""
    plan = Plan(case.make().action_meanings(), num_envs)
    return np.stack([plan.next() for _ in range(steps)])


def batch_hashes(envs: VectorEnv, seed: int, actions: NDArray[np.int64]) -> list[int]:
    """One hash for each environment of a batch that resets in the same step."""
    hashes = [Fnv() for _ in range(envs.num_envs)]
    envs.reset(seed=seed)
    for own in actions:
        observations, rewards, terminated, truncated, infos = envs.step(own)
        for row, fnv in enumerate(hashes):
            flags = (bool(terminated[row]), bool(truncated[row]))
            fnv.add_step(observations[row], infos["action_mask"][row], float(rewards[row]), *flags)
    return [fnv.value for fnv in hashes]


def test_python_and_rust_play_the_same_trajectories(case: Case) -> None:
    actions = plan_of(case, 3)
    topology = case.make().topology
    expected = _core.trajectory_hashes(topology, "train", 9, actions)
    assert len(set(expected)) == 3

    singles = []
    for row in range(3):
        env, fnv, ended = case.make(), Fnv(), 0
        env.reset(seed=9 + row)
        for action in actions[:, row]:
            observation, reward, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                ended += 1
                observation, _ = env.reset()
            fnv.add_step(observation, env.action_masks(), reward, terminated, truncated)
        assert ended >= 1
        singles.append(fnv.value)
    assert singles == expected

    envs = case.make_vec(3, autoreset_mode="same_step", copy=False)
    assert batch_hashes(envs, 9, actions) == expected


@pytest.mark.parametrize("split", ["train", "test", "heldout"])
def test_every_split_is_played_as_in_rust(split: str) -> None:
    case = Case("spine12", "microcloud/Spine12-v0", {"split": split})
    actions = plan_of(case, 2, 60)
    expected = _core.trajectory_hashes(case.make().topology, split, 2**64 - 1, actions)
    envs = case.make_vec(2, autoreset_mode="same_step")
    assert batch_hashes(envs, 2**64 - 1, actions) == expected


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_the_number_of_threads_changes_nothing(mode: str) -> None:
    """With more environments than one thread takes at a time, infos and detectors included."""
    n = 40
    alone, *others = (VectorEnv(n, "spine12", autoreset_mode=mode, num_threads=threads) for threads in (1, 2, 8))
    expected = alone.reset(seed=1)
    for other in others:
        assert_same(expected, other.reset(seed=1))
    plan, ended = Plan(alone.action_meanings(), n), np.zeros(n, np.bool_)
    for number in range(150):
        if mode == "disabled" and ended.any():
            options = {"reset_mask": ended}
            expected_reset = alone.reset(options=options)
            for other in others:
                assert_same(expected_reset, other.reset(options=options), number)
        actions = plan.next()
        expected = alone.step(actions)
        for other in others:
            assert_same(expected, other.step(actions), number)
        ended = expected[2] | expected[3]
    assert alone.snapshot() == others[0].snapshot() == others[1].snapshot()


def test_an_environment_plays_the_same_in_batches_of_any_size() -> None:
    case = Case("spine12", "microcloud/Spine12-v0", {})
    actions = plan_of(case, 33, 80)
    found = {}
    for n in (1, 2, 17, 33):
        envs = case.make_vec(n, autoreset_mode="same_step", num_threads=2)
        found[n] = batch_hashes(envs, 4, actions[:, :n])
    for n in (1, 2, 17):
        assert found[n] == found[33][:n]


def test_an_episode_does_not_depend_on_what_was_played_before() -> None:
    fresh, used = Env("spine12"), Env("spine12")
    used.reset(seed=77)
    for action in (1, 2, 3, 30, 31, 32):
        used.step(action)
    for env in (fresh, used):
        env.reset(seed=5, options={"level": 123})
    for action in (0, 1, 14, 35, 0, 0):
        assert_same(fresh.step(action), used.step(action))


def test_what_is_only_looked_at_changes_nothing() -> None:
    looked_at, left = Env("spine12", render_mode=None), Env("spine12")
    looked_at.reset(seed=5)
    left.reset(seed=5)
    for action in (0, 1, 14, 35, 0, 0):
        for look in (looked_at.action_masks, looked_at.snapshot, looked_at.faults, looked_at.active_faults):
            look()
        looked_at.open_incidents()
        looked_at.action_meanings()
        assert_same(looked_at.step(action), left.step(action))


def test_joint_actions_of_one_are_that_action() -> None:
    one, other = Env("spine12"), Env("spine12")
    one.reset(seed=5)
    other.reset(seed=5)
    for action in range(20):
        assert_same(one.step(action), other.step_jointly([action]))


def test_scenarios_load_from_their_own_text_and_dictionary() -> None:
    """Names, files' text and dictionaries are three ways to the same bits."""
    import tomllib

    for name in ("spine12", "online-boutique"):
        topology = microcloud_gym.load_scenario(name)
        as_text = _core.Topology.from_toml(topology.to_toml(), name)
        as_dict = microcloud_gym.load_scenario(tomllib.loads(topology.to_toml()))
        actions = np.zeros((30, 1), np.int64)
        hashes = [_core.trajectory_hashes(own, "train", 1, actions) for own in (topology, as_text, as_dict)]
        assert hashes[0] == hashes[1] == hashes[2]
        assert as_dict.to_toml() == topology.to_toml()
