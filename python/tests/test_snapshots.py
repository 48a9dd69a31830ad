"""Snapshots go on with the same bits, in this process or another, and nothing that is no snapshot changes anything."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import SHOP, Case, Plan
from gymnasium.utils.env_match import check_environments_match
from identity import assert_same

import microcloud_gym
from microcloud_gym import Env, VectorEnv
from microcloud_gym.errors import ClosedError, ResetNeededError, SnapshotError


def in_the_middle(case: Case, steps: int = 70, **kwargs: Any) -> Env:
    """An environment in the middle of an episode, with something under way."""
    env = case.make(**kwargs)
    env.reset(seed=21)
    plan = Plan(env.action_meanings(), 2, seed=4)
    for _ in range(steps):
        env.step(plan.next()[1])
    return env


def play_on(env: Env, steps: int = 200) -> list[Any]:
    """What an environment shows from here on, over the episode's end."""
    plan = Plan(env.action_meanings(), 2, seed=5)
    shown: list[Any] = [env.action_masks(), env.open_incidents(), env.active_faults()]
    for _ in range(steps):
        step = env.step(plan.next()[1])
        shown.append(step)
        if step[2] or step[3]:
            shown.append(env.reset())
    return shown


def test_a_restored_environment_goes_on_with_the_same_bits(case: Case) -> None:
    env = in_the_middle(case)
    state = env.snapshot()
    other = case.make()
    observation, info = other.restore(state)
    assert set(info) == {"action_mask", "level", "incidents"}
    assert np.array_equal(info["action_mask"], env.action_masks())
    assert env.snapshot() == other.snapshot() == state
    expected = play_on(env)
    assert sum(len(entry) == 2 for entry in expected if isinstance(entry, tuple)) >= 1
    assert_same(expected, play_on(other))
    env.restore(state)
    assert_same(expected, play_on(env))
    assert observation in env.observation_space


def test_gymnasium_finds_no_difference_to_a_restored_environment(case: Case) -> None:
    env = in_the_middle(case)
    other = case.make()
    other.restore(env.snapshot())
    check_environments_match(env, other, num_steps=300, seed=6)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
def test_copies_go_on_with_the_same_bits(case: Case, copied: Any) -> None:
    for observation in ("flat", "graph"):
        env = in_the_middle(case, observation=observation)
        assert_same(play_on(copied(env)), play_on(env))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
def test_what_has_not_been_reset_can_be_copied(copied: Any) -> None:
    for made in (Env("spine12"), VectorEnv(2, "spine12")):
        clone = copied(made)
        with pytest.raises(ResetNeededError):
            clone.action_masks()
        assert_same(made.reset(seed=3), clone.reset(seed=3))


def test_a_closed_environment_cannot_be_copied() -> None:
    for made in (Env("spine12"), VectorEnv(2, "spine12")):
        made.reset(seed=1)
        made.close()
        with pytest.raises(ClosedError):
            copy.deepcopy(made)


def test_draws_without_a_seed_are_copied_too() -> None:
    """A copy's random numbers are those of the original: both draw the same seed at the first reset."""
    env = Env("spine12")
    env.action_space.seed(3)
    _ = env.np_random
    assert_same(copy.deepcopy(env).reset(), env.reset())


def test_another_process_goes_on_with_the_same_bits(case: Case, tmp_path: Path) -> None:
    env = in_the_middle(case)
    (tmp_path / "state").write_bytes(env.snapshot())
    (tmp_path / "case.pickle").write_bytes(pickle.dumps((case.id, case.kwargs)))
    (tmp_path / "env.pickle").write_bytes(pickle.dumps(env))
    program = f"""
import pickle, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_snapshots import play_on
from cases import Case
folder = {str(tmp_path)!r}
case = Case("", *pickle.load(open(folder + "/case.pickle", "rb")))
env = case.make()
env.restore(open(folder + "/state", "rb").read())
shown = (play_on(env, 60), play_on(pickle.load(open(folder + "/env.pickle", "rb")), 60))
pickle.dump(shown, open(folder + "/shown.pickle", "wb"))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
    restored, unpickled = pickle.loads((tmp_path / "shown.pickle").read_bytes())
    expected = play_on(env, 60)
    assert_same(expected, restored)
    assert_same(expected, unpickled)


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_a_batch_goes_on_with_the_same_bits(case: Case, mode: str) -> None:
    """From right after an episode's end, too, where one mode has rows that wait for their reset."""
    envs = case.make_vec(3, autoreset_mode=mode)
    envs.reset(seed=2)
    plan = Plan(envs.action_meanings(), 3)
    ended = np.zeros(3, np.bool_)
    while not ended.any():
        _, _, terminated, truncated, _ = envs.step(plan.next())
        ended = terminated | truncated
    others = [case.make_vec(3, autoreset_mode=mode, copy=False, num_threads=2)]
    others[0].restore(envs.snapshot())
    others += [copy.deepcopy(envs), pickle.loads(pickle.dumps(envs))]
    assert_same(envs.open_incidents(), others[0].open_incidents())
    for number in range(150):
        if mode == "disabled" and ended.any():
            expected = envs.reset(options={"reset_mask": ended})
            for other in others:
                assert_same(expected, other.reset(options={"reset_mask": ended}), number)
        actions = plan.next()
        stepped = envs.step(actions)
        for other in others:
            assert_same(stepped, other.step(actions), number)
        ended = stepped[2] | stepped[3]


def test_one_environment_of_a_batch_and_a_batch_of_one_share_snapshots() -> None:
    env, envs = Env("spine12"), VectorEnv(1, "spine12", autoreset_mode="same_step")
    env.reset(seed=5)
    for _ in range(10):
        env.step(1)
    observations, _ = envs.restore(env.snapshot())
    observation, reward, *_ = env.step(2)
    observations, rewards, *_ = envs.step(np.array([2]))
    assert_same(observation, observations[0])
    assert reward == rewards[0]


def test_a_snapshot_of_an_ended_episode_waits_for_a_reset() -> None:
    env = Env({**SHOP, "episode_decisions": 2})
    env.reset(seed=1)
    env.step(0)
    env.step(0)
    other = Env({**SHOP, "episode_decisions": 2})
    other.restore(env.snapshot())
    with pytest.raises(ResetNeededError):
        other.step(0)
    assert_same(env.reset(), other.reset())


def fnv1a(content: bytes) -> int:
    """The checksum that snapshots end with."""
    value = 0xCBF2_9CE4_8422_2325
    for byte in content:
        value = ((value ^ byte) * 0x100_0000_01B3) & 0xFFFF_FFFF_FFFF_FFFF
    return value


def sealed(content: bytes) -> bytes:
    """Content with the checksum that fits it: what a forger would write."""
    return content + fnv1a(content).to_bytes(8, "little")


def broken(state: bytes) -> list[tuple[str, bytes]]:
    """Bytes that are no snapshot, each in its own way."""
    rng = np.random.default_rng(1)
    found = [("empty", b""), ("text", b"snapshot"), ("short", state[:10]), ("header", state[:12]), ("longer", state + b"\0")]
    found += [(f"truncated to {length}", state[:length]) for length in rng.integers(13, len(state), 40)]
    for place in rng.integers(0, len(state), 200):
        altered = bytearray(state)
        altered[place] ^= 1 << int(rng.integers(8))
        found.append((f"altered at {place}", bytes(altered)))
    found += [(f"random {length}", rng.bytes(length)) for length in (1, 8, 12, 20, 100, 5000)]
    found += [(f"random content {length}", sealed(state[:12] + rng.bytes(length))) for length in (1, 8, 50, 500, 5000)]
    version = bytearray(state[:-8])
    version[8] += 1
    found.append(("another version, whole", sealed(bytes(version))))
    for place in rng.integers(12, len(state) - 8, 300):
        forged = bytearray(state[:-8])
        forged[place] = int(rng.integers(256))
        if bytes(forged) != state[:-8]:
            found.append((f"forged at {place}", sealed(bytes(forged))))
    return found


@pytest.mark.parametrize("make", [lambda: Env(SHOP), lambda: VectorEnv(2, SHOP)], ids=["single", "batch"])
def test_what_is_no_snapshot_is_refused_and_changes_nothing(make: Any) -> None:
    """Only bytes that a forger has sealed may be taken for a snapshot, and then for a whole one that plays on."""
    env = make()
    env.reset(seed=4)
    action = 0 if isinstance(env, Env) else np.zeros(2, np.int64)
    for _ in range(20):
        env.step(action)
    state = env.snapshot()
    refused = 0
    for what, broken_state in broken(state):
        try:
            env.restore(broken_state)
        except SnapshotError as error:
            refused += 1
            assert "allowed" in str(error) or "snapshot" in str(error), what
            assert env.snapshot() == state, what
        else:
            assert what.startswith("forged"), what
            env.step(action)
            env.restore(state)
    assert refused > 260


def test_snapshots_of_other_scenarios_sizes_and_splits_are_refused() -> None:
    env = Env("spine12")
    env.reset(seed=1)
    state = env.snapshot()
    random = Env("random", topology_seed=1)
    random.reset(seed=1)
    batch = VectorEnv(2, "spine12")
    batch.reset(seed=1)
    for other, foreign in (
        (Env("online-boutique"), state),
        (Env("random", topology_seed=2), random.snapshot()),
        (VectorEnv(2, "spine12"), state),
        (VectorEnv(3, "spine12"), batch.snapshot()),
        (Env("spine12"), batch.snapshot()),
        (Env("spine12", split="test"), state),
        (VectorEnv(2, "spine12", split="heldout"), batch.snapshot()),
    ):
        other.reset(seed=3)
        before = other.snapshot()
        with pytest.raises(SnapshotError, match="allowed"):
            other.restore(foreign)
        assert other.snapshot() == before


def test_where_one_environment_of_a_batch_does_not_fit_none_is_restored() -> None:
    one, other = (VectorEnv(2, "random", topology_seed=seeds) for seeds in ([1, 2], [1, 3]))
    one.reset(seed=1)
    other.reset(seed=2)
    before = other.snapshot()
    with pytest.raises(SnapshotError, match="another scenario"):
        other.restore(one.snapshot())
    assert other.snapshot() == before


@pytest.mark.parametrize("state", [None, "text", 3, [1, 2]])
def test_a_snapshot_is_bytes(state: Any) -> None:
    env = Env("spine12")
    with pytest.raises(TypeError):
        env.restore(state)


def test_there_is_no_snapshot_before_the_first_reset() -> None:
    for env in (Env("spine12"), VectorEnv(2, "spine12")):
        with pytest.raises(ResetNeededError):
            env.snapshot()


@pytest.mark.parametrize("taken", ["NextStep", "Disabled"])
def test_a_batch_that_never_rests_at_an_end_refuses_a_snapshot_that_does(taken):
    envs = microcloud_gym.VectorEnv(2, "spine12", autoreset_mode=taken)
    envs.reset(seed=1)
    ended = np.zeros(2, np.bool_)
    while not ended.any():
        _, _, terminated, truncated, _ = envs.step([1, 0])
        ended = terminated | truncated
    state = envs.snapshot()
    other = microcloud_gym.VectorEnv(2, "spine12", autoreset_mode="SameStep")
    with pytest.raises(microcloud_gym.errors.SnapshotError, match="has ended"):
        other.restore(state)
    again = microcloud_gym.VectorEnv(2, "spine12", autoreset_mode=taken)
    again.restore(state)
    assert again.snapshot() == state
