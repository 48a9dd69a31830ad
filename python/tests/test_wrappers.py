"""Gymnasium's own wrappers around the environments."""

import copy
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from cases import SHOP
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import (
    ClipReward,
    FilterObservation,
    FlattenObservation,
    FrameStackObservation,
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
    RecordVideo,
    RescaleObservation,
    TimeAwareObservation,
    TimeLimit,
)
from gymnasium.wrappers import vector as vectors

from microcloud_gym import Env, VectorEnv

SHORT = {**SHOP, "episode_decisions": 10}


def test_record_video_writes_a_film_of_every_episode(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    env = RecordVideo(Env(SHORT, render_mode="rgb_array"), str(tmp_path / "films"), episode_trigger=lambda episode: True,
                      disable_logger=True)  # fmt: skip
    for seed in (1, 2):
        env.reset(seed=seed)
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(0)
            over = terminated or truncated
    env.close()
    films = sorted(path.name for path in (tmp_path / "films").glob("*.mp4"))
    assert films == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]
    assert all((tmp_path / "films" / film).stat().st_size > 1000 for film in films)


def test_episode_statistics_of_one_environment() -> None:
    env = RecordEpisodeStatistics(Env(SHORT))
    env.reset(seed=1)
    total = 0.0
    for number in range(10):
        _, reward, terminated, truncated, info = env.step(number)
        total += reward
    assert truncated and not terminated
    assert info["episode"]["l"] == 10
    assert np.isclose(info["episode"]["r"], total)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("copies", [True, False])
def test_episode_statistics_of_a_batch(mode: AutoresetMode, copies: bool) -> None:
    """Those that Gymnasium's own batch gets, which under 1.2 miss every first reward where episodes begin in the same step."""
    envs = vectors.RecordEpisodeStatistics(VectorEnv(3, SHORT, autoreset_mode=mode, copy=copies))
    expected = vectors.RecordEpisodeStatistics(SyncVectorEnv([lambda: Env(SHORT)] * 3, autoreset_mode=mode))
    envs.reset(seed=1)
    expected.reset(seed=1)
    returns, ended = np.zeros(3), 0
    for number in range(40):
        actions = np.full(3, number % 3)
        _, rewards, terminated, truncated, infos = envs.step(actions)
        own = expected.step(actions)[4]
        returns += rewards
        assert ("episode" in infos) == ("episode" in own) == bool((terminated | truncated).any())
        for row in np.flatnonzero(terminated | truncated):
            assert infos["_episode"][row] and own["_episode"][row]
            assert infos["episode"]["r"][row] == own["episode"]["r"][row]
            assert infos["episode"]["l"][row] == own["episode"]["l"][row]
            if mode == AutoresetMode.NEXT_STEP:
                assert infos["episode"]["l"][row] == 10 and np.isclose(infos["episode"]["r"][row], returns[row])
            returns[row], ended = 0.0, ended + 1
    assert ended >= 9


def test_observations_and_rewards_of_a_batch_are_normalised() -> None:
    envs = vectors.NormalizeObservation(VectorEnv(3, SHORT))
    envs = vectors.NormalizeReward(envs)
    observations, _ = envs.reset(seed=1)
    for _ in range(30):
        observations, rewards, *_ = envs.step(envs.action_space.sample())
    assert observations.shape == (3, envs.single_observation_space.shape[0]) and np.isfinite(observations).all()
    assert np.isfinite(rewards).all()


def test_a_time_limit_truncates_earlier() -> None:
    for env in (TimeLimit(Env(SHOP), 4), gym.make("microcloud/Spine12-v0", max_episode_steps=4)):
        env.reset(seed=1)
        ends = [env.step(0)[3] for _ in range(4)]
        assert ends == [False, False, False, True]


def test_graphs_flatten_to_a_row() -> None:
    env = FlattenObservation(Env(SHOP, observation="graph"))
    observation, _ = env.reset(seed=1)
    assert observation in env.observation_space and observation.ndim == 1
    flattened = vectors.FlattenObservation(VectorEnv(2, SHOP, observation="graph"))
    observations, _ = flattened.reset(seed=1)
    assert observations in flattened.observation_space and observations.shape == (2, observation.size)
    assert np.array_equal(observations[0], observation)


def test_wrappers_of_observations_and_rewards_play_whole_episodes() -> None:
    wrapped = [
        NormalizeObservation(Env(SHORT)),
        RescaleObservation(Env(SHORT), np.float32(-1.0), np.float32(1.0)),
        FrameStackObservation(Env(SHORT), 3),
        TimeAwareObservation(TimeLimit(Env(SHORT), 10)),
        FilterObservation(Env(SHORT, observation="graph"), ["services", "service_mask"]),
        NormalizeReward(Env(SHORT)),
        ClipReward(Env(SHORT), -0.5, 0.0),
    ]
    for env in wrapped:
        observation, info = env.reset(seed=1)
        over = False
        while not over:
            observation, reward, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
            assert np.isfinite(reward)
            over = terminated or truncated
        assert observation in env.observation_space or isinstance(env, NormalizeObservation)


def test_infos_of_a_batch_turn_into_one_dictionary_each() -> None:
    envs = vectors.DictInfoToList(VectorEnv(2, SHORT))
    _, infos = envs.reset(seed=1)
    assert [set(info) for info in infos] == [{"action_mask", "level", "incidents"}] * 2
    *_, infos = envs.step([0, 1])
    assert [set(info) for info in infos] == [{"action_mask", "incidents", "reward_terms", "metrics"}] * 2
    assert [info["metrics"]["actions"] for info in infos] == [0, 1]


def test_wrapped_environments_reach_their_own_methods() -> None:
    env = gym.make("microcloud/Spine12-v0")
    env.reset(seed=1)
    assert env.get_wrapper_attr("action_masks")().shape == (45,)
    assert env.unwrapped.spec is not None and env.spec is not None
    assert copy.deepcopy(env.unwrapped).spec == env.unwrapped.spec


def test_sampling_by_the_mask_never_picks_what_is_masked() -> None:
    env = Env("spine12")
    _, info = env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(300):
        action = env.action_space.sample(info["action_mask"])
        assert env.action_masks()[action]
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            _, info = env.reset()
