"""Stable-Baselines3 and sb3-contrib on the single environment and on the adapter's `VecEnv`."""

import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from cases import Case, Plan
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from microcloud_gym.adapters.stable_baselines3 import MicrocloudVecEnv

ID = "microcloud/Spine12-v0"
TRAIN_LEVELS = range(1000, 1024)


def test_check_env(case: Case) -> None:
    """Stable-Baselines3: check_env on the single environment, warnings as errors"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(case.make(), warn=True, skip_render_check=True)


def test_vec_env_equals_dummy_vec_env() -> None:
    """Stable-Baselines3: the VecEnv equals DummyVecEnv over single environments: observations, rewards, ends, infos"""
    native = MicrocloudVecEnv(ID, 3, full_infos=True)
    dummy = DummyVecEnv([lambda: gym.make(ID)] * 3)
    native.seed(7)
    dummy.seed(7)
    last = native.reset()
    assert np.array_equal(last, dummy.reset())
    plan = Plan(native.env_method("action_meanings", indices=0)[0], 3)
    ends, terminations = 0, 0
    for _ in range(600):
        before = last.copy()
        actions = plan.next()
        found, expected = native.step(actions), dummy.step(actions)
        # SB3 stores the observation that it acted on after the step.
        assert np.array_equal(last, before)
        last = found[0]
        for own, theirs in zip(found[:3], expected[:3], strict=True):
            assert own.dtype == theirs.dtype and np.array_equal(own, theirs)
        for own, theirs in zip(found[3], expected[3], strict=True):
            ended = "terminal_observation" in theirs
            ends += ended
            terminations += ended and not theirs["TimeLimit.truncated"]
            assert own.keys() == theirs.keys()
            assert all(np.array_equal(own[key], theirs[key]) for key in own)
        for own, theirs in zip(native.reset_infos, dummy.reset_infos, strict=True):
            assert own.keys() == theirs.keys() and own["level"] == theirs["level"]
        assert np.array_equal(get_action_masks(native), get_action_masks(dummy))
    assert ends >= 6 and terminations >= 2


def test_vec_env_has_what_sb3_asks_of_its_environments() -> None:
    """Stable-Baselines3: the VecEnv's env_method, get_attr, set_attr, env_is_wrapped, seed, set_options, render"""
    env = MicrocloudVecEnv(ID, 2, render_mode="rgb_array")
    assert is_masking_supported(env)
    env.set_options({"level": 5})
    env.reset()
    assert [info["level"] for info in env.reset_infos] == [5, 5]
    assert env.env_method("action_meanings", indices=1) == [gym.make(ID).unwrapped.action_meanings()]
    assert env.get_attr("render_mode") == ["rgb_array"] * 2
    env.set_attr("note", "one", indices=[1])
    assert env.get_attr("note", indices=1) == ["one"]
    assert env.env_is_wrapped(Monitor) == [False, False]
    image = env.render()
    assert image is not None and image.dtype == np.uint8
    for wrong in (lambda: env.env_method("nothing"), lambda: env.get_attr("nothing"), lambda: env.set_attr("num_envs", 1)):
        with pytest.raises(AttributeError):
            wrong()
    env.close()


def test_ppo_trains() -> None:
    """Stable-Baselines3: PPO, 4,096 steps over 8 environments"""
    env = VecMonitor(MicrocloudVecEnv(ID, 8))
    model = PPO("MlpPolicy", env, n_steps=256, batch_size=256, n_epochs=2, seed=1, device="cpu")
    before = torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().clone()
    model.learn(4096)
    after = torch.nn.utils.parameters_to_vector(model.policy.parameters())
    assert torch.isfinite(after).all() and not torch.equal(before, after)
    assert len(model.ep_info_buffer or []) >= 8


def mean_return(model: MaskablePPO) -> float:
    """The mean return over fixed train levels, each played by sampling from the policy."""
    env = MicrocloudVecEnv(ID, len(TRAIN_LEVELS))
    env.set_options([{"level": level} for level in TRAIN_LEVELS])
    observations: Any = env.reset()
    torch.manual_seed(0)
    total: NDArray[np.float64] = np.zeros(env.num_envs)
    playing = np.ones(env.num_envs, np.bool_)
    while playing.any():
        actions, _ = model.predict(observations, action_masks=get_action_masks(env))
        observations, rewards, ends, _ = env.step(actions)
        total += rewards * playing
        playing &= ~ends
    return float(total.mean())


def test_maskable_ppo_learns(record_property: Callable[[str, object], None]) -> None:
    """sb3-contrib: MaskablePPO, 81,920 steps over 16 environments: mean return on 24 fixed train levels before and after"""
    env = VecMonitor(MicrocloudVecEnv(ID, 16))
    model = MaskablePPO(
        "MlpPolicy", env, n_steps=128, batch_size=512, n_epochs=4, learning_rate=1e-3, seed=1, device="cpu"
    )
    before = mean_return(model)
    model.learn(81_920)
    after = mean_return(model)
    record_property("figures", f"{before:.0f} before, {after:.0f} after")
    # An untrained policy acts at random, and what that costs is most of what there is to lose.
    assert before < -100
    assert after > before + 0.4 * abs(before)
