"""PufferLib on the adapter's native environment, and its emulation of the single one."""

import contextlib
import tempfile

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from microcloud_gym.adapters.native_vector import native_vector

# Importing PufferLib leaves a link called `resources` in the working directory.
with tempfile.TemporaryDirectory() as elsewhere, contextlib.chdir(elsewhere):
    pufferlib = pytest.importorskip("pufferlib")
    import pufferlib.emulation
    import pufferlib.vector

    from microcloud_gym.adapters.pufferlib import MicrocloudPufferEnv

ID = "microcloud/Spine12-v0"


@pytest.mark.parametrize("append_action_mask", [False, True])
def test_puffer_env_equals_the_vector_environment(append_action_mask: bool) -> None:
    """PufferLib: the native PufferEnv equals the vector environment over 600 steps across episode ends"""
    options = {"num_envs": 3, "append_action_mask": append_action_mask}
    env = pufferlib.vector.make(MicrocloudPufferEnv, env_args=[ID], env_kwargs=options, backend=pufferlib.PufferEnv)
    envs = native_vector(ID, 3, AutoresetMode.SAME_STEP)
    env.async_reset(seed=4)
    observations, infos = envs.reset(seed=12)
    draws = np.random.default_rng(1)
    played: list[float] = []
    for _ in range(600):
        shown = env.recv()[0]
        assert np.array_equal(shown[:, : observations.shape[1]], observations)
        if append_action_mask:
            assert np.array_equal(shown[:, observations.shape[1] :], infos["action_mask"])
        actions = draws.integers(env.single_action_space.n, size=3)
        env.send(actions)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        _, found, ends, cuts, told, _, _ = env.recv()
        assert np.array_equal(found, rewards.astype(np.float32))
        assert np.array_equal(ends, terminated) and np.array_equal(cuts, truncated)
        assert len(told) == (terminated | truncated).sum()
        played += [info["episode_return"] for info in told]
    assert len(played) >= 6 and max(played) < 0
    env.close()


@pytest.mark.parametrize("backend", ["Serial", "Multiprocessing"])
def test_copies_play_different_levels(backend: str) -> None:
    """PufferLib: Serial and Multiprocessing: two copies of four environments play eight different levels"""
    vecenv = pufferlib.vector.make(
        MicrocloudPufferEnv,
        env_args=[ID],
        env_kwargs={"num_envs": 4},
        num_envs=2,
        backend=backend,
        **({"num_workers": 2} if backend == "Multiprocessing" else {}),
    )
    vecenv.async_reset(3)
    vecenv.recv()
    for _ in range(20):
        vecenv.send(np.zeros(8, np.int32))
        observations, *_ = vecenv.recv()
    assert observations.shape[0] == 8
    assert len(np.unique(observations, axis=0)) == 8
    vecenv.close()


def test_emulation() -> None:
    """PufferLib: emulation of the Gymnasium environment, 300 steps"""
    env = pufferlib.emulation.GymnasiumPufferEnv(gym.make(ID, disable_env_checker=True))
    single = gym.make(ID)
    env.reset(seed=5)
    expected, _ = single.reset(seed=5)
    for _ in range(300):
        assert np.array_equal(env.observations[0], expected)
        _, reward, terminated, truncated, _ = env.step(np.array([0]))
        expected, theirs, *_ = single.step(0)
        assert reward == theirs
        if terminated or truncated:
            env.reset()
            expected, _ = single.reset()
