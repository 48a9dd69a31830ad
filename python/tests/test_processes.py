"""Environments in forked and spawned processes, and in several threads at once."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import SHOP, Case
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from identity import assert_same

from microcloud_gym import Env, VectorEnv
from microcloud_gym.errors import ConcurrentUseError, MicrocloudError

SECONDS = 60
"""After so long a process counts as hanging."""


def make_spine12() -> Env:
    """What spawned processes can import."""
    return Case("", "microcloud/Spine12-v0", {}).make()


def make_shop() -> Env:
    """The same with a dictionary."""
    return Env({**SHOP, "episode_decisions": 20})


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("make", [make_spine12, make_shop])
def test_gymnasiums_processes_play_the_same(context: str, make: Callable[[], Env]) -> None:
    """Also where the parent has stepped batches with threads of its own before."""
    VectorEnv(40, "spine12", num_threads=2).reset(seed=1)
    mode = AutoresetMode.SAME_STEP
    processes = AsyncVectorEnv([make] * 2, context=context, autoreset_mode=mode)
    alone = SyncVectorEnv([make] * 2, autoreset_mode=mode)
    try:
        # Shared memory and pipes are Gymnasium's; what comes out of them must be ours.
        assert_same(alone.reset(seed=4), processes.reset(seed=4))
        rng = np.random.default_rng(0)
        for number in range(45):
            actions = rng.integers(0, alone.single_action_space.n, 2)
            processes.step_async(actions)
            assert_same(alone.step(actions), processes.step_wait(timeout=SECONDS), number)
    finally:
        processes.close(terminate=True)


def in_a_forked_child(work: Callable[[], None]) -> None:
    """Runs the work in a child of this process; fails where it fails or hangs."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, f"the child ended with {status}"
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"the child was still running after {SECONDS} s")


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_batch_with_threads_steps_in_a_forked_child(mode: str) -> None:
    """The child has none of the parent's threads, which the batch starts anew there."""
    envs = VectorEnv(64, "spine12", num_threads=2, autoreset_mode=mode)
    envs.reset(seed=1)
    zeros = np.zeros(64, np.int64)
    for _ in range(3):
        envs.step(zeros)
    twin = VectorEnv(64, "spine12", num_threads=1, autoreset_mode=mode)
    twin.restore(envs.snapshot())
    expected = [twin.step(zeros) for _ in range(5)]

    def work() -> None:
        for number, step in enumerate(expected):
            assert_same(step, envs.step(zeros), number)
        envs.reset(seed=2)

    in_a_forked_child(work)
    # The parent goes on undisturbed, and a second child of it, too.
    for number, step in enumerate(expected):
        assert_same(step, envs.step(zeros), number)
    in_a_forked_child(lambda: [envs.step(zeros) for _ in range(3)] and None)


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """What several threads that start at once raise."""
    barrier, raised = threading.Barrier(count), []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    return raised


def test_two_threads_on_one_batch_get_an_exception_and_not_a_race() -> None:
    """A step of so many environments takes long enough for the other thread to come in between."""
    n, attempts = 512, 12
    envs = VectorEnv(n, "spine12")
    envs.reset(seed=1)
    zeros = np.zeros(n, np.int64)
    stepped = [0, 0]
    refused = []

    def work(number: int) -> None:
        while stepped[number] < attempts:
            try:
                envs.step(zeros)
                stepped[number] += 1
            except ConcurrentUseError as error:
                refused.append(error)
                time.sleep(0.001)

    assert in_threads(2, work) == []
    assert refused, "the threads never met"
    assert "another thread is using this environment" in str(refused[0])
    # As many steps as succeeded, one after another, and no half of one.
    alone = VectorEnv(n, "spine12")
    alone.reset(seed=1)
    for _ in range(sum(stepped)):
        alone.step(zeros)
    assert alone.snapshot() == envs.snapshot()


def test_a_second_thread_on_one_environment_is_refused_while_the_first_steps() -> None:
    """Decisions of so many ticks, one after another, take long enough for the other thread to come in between."""
    env = Env({**SHOP, "decision_ticks": 1000, "episode_decisions": 100_000})
    env.reset(seed=1)
    done = threading.Event()
    refused: list[ConcurrentUseError] = []

    def work(number: int) -> None:
        while number == 0 and not done.is_set():
            try:
                env.step(0)
            except ConcurrentUseError:
                pass
        until = time.monotonic() + SECONDS / 2
        while number == 1 and not refused and time.monotonic() < until:
            try:
                env.action_masks()
            except ConcurrentUseError as error:
                refused.append(error)
        if number == 1:
            done.set()

    assert in_threads(2, work) == []
    assert refused, "the threads never met"


def test_threads_on_one_environment_end_in_steps_one_after_another() -> None:
    slow = {**SHOP, "decision_ticks": 1000, "episode_decisions": 100_000}
    env = Env(slow)
    env.reset(seed=1)
    stepped = [0] * 4

    def work(number: int) -> None:
        while stepped[number] < 25:
            try:
                env.step(0)
                stepped[number] += 1
            except ConcurrentUseError:
                time.sleep(0.0005)

    assert in_threads(4, work) == []
    alone = Env(slow)
    alone.reset(seed=1)
    for _ in range(100):
        alone.step(0)
    assert alone.snapshot() == env.snapshot()


def test_whatever_threads_call_at_once_they_get_results_or_documented_exceptions() -> None:
    envs = VectorEnv(64, SHOP, num_threads=2, autoreset_mode="same_step")
    envs.reset(seed=1)
    state = envs.snapshot()
    zeros = np.zeros(64, np.int64)
    calls: list[Callable[[], Any]] = [
        lambda: envs.step(zeros), lambda: envs.reset(seed=1), envs.snapshot, lambda: envs.restore(state), envs.action_masks,
        envs.open_incidents,
    ]  # fmt: skip

    def work(number: int) -> None:
        for turn in range(120):
            try:
                calls[(number + turn) % len(calls)]()
            except MicrocloudError:
                pass

    assert in_threads(4, work) == []
    envs.restore(state)
    assert envs.snapshot() == state


def test_threads_with_an_environment_each_do_not_disturb_each_other() -> None:
    found: list[bytes] = [b""] * 4

    def work(number: int) -> None:
        env = Env("spine12")
        env.reset(seed=7)
        for action in range(60):
            env.step(action % 45)
        found[number] = env.snapshot()

    assert in_threads(4, work) == []
    assert len(set(found)) == 1


def test_other_threads_run_while_a_batch_steps() -> None:
    """A step holds the interpreter's lock only while it makes Python's objects."""
    envs = VectorEnv(2048, "spine12")
    envs.reset(seed=1)
    zeros = np.zeros(2048, np.int64)
    counted = [0, 0]
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            counted[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(5):
        before = counted[0]
        envs.step(zeros)
        counted[1] += counted[0] > before + 10
    done.set()
    thread.join()
    assert counted[1] >= 1


def test_a_process_ends_while_batches_with_threads_are_open() -> None:
    """Neither their threads nor their destruction keep the interpreter from leaving."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_open_and_leave)
    process.start()
    process.join(SECONDS)
    assert process.exitcode == 0


def _open_and_leave() -> None:
    envs = VectorEnv(64, "spine12", num_threads=2)
    envs.reset(seed=1)
    envs.step(np.zeros(64, np.int64))
