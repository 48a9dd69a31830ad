"""Pictures and texts show the episode as it is, for one environment and for each of a batch."""

import re

import gymnasium as gym
import microcloud_gym
import numpy as np
import pytest

COLOURS = re.compile("\x1b\\[[0-9;]*m")


def played(render_mode, actions=(), seed=4):
    env = microcloud_gym.Env("spine12", render_mode=render_mode)
    env.reset(seed=seed)
    for action in actions:
        env.step(action)
    return env


def test_text_tells_level_time_services_and_the_action_taken():
    env = played("ansi", [0, 0, 3])
    text = COLOURS.sub("", env.render())
    assert "spine12" in text and "decision 3/240" in text and "0:15 of 20:00" in text
    assert env.action_meanings()[3] in text
    assert all(service in text for service in env.topology.service_names())
    assert max(map(len, text.splitlines())) <= 80


def test_frames_have_one_shape_and_change_with_what_happens():
    env = played("rgb_array")
    frames = [env.render()]
    for action in (0, 3):
        env.step(action)
        frames.append(env.render())
    assert all(frame.shape == (600, 960, 3) and frame.dtype == np.uint8 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == 3
    assert frames[2].tobytes() == played("rgb_array", [0, 3]).render().tobytes()


def test_a_picture_after_a_restore_says_since_when_and_keeps_faults_and_incidents():
    env = played("ansi", [0] * 80)
    before = COLOURS.sub("", env.render())
    assert "fault" in before and "incident" in before and "since" not in before.splitlines()[1]
    env.restore(env.snapshot())
    after = COLOURS.sub("", env.render())
    assert "since 6:40" in after.splitlines()[1]
    for row in ("fault", "incident"):
        own = [line for line in before.splitlines() if line.startswith(row) and "ended" not in line]
        assert own and all(line.split(", ")[0] in after for line in own)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_a_batch_shows_each_environment_as_it_shows_alone(mode):
    envs = gym.make_vec(
        "microcloud/Spine12-v0",
        num_envs=3,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        render_mode="ansi",
    )
    alone = [microcloud_gym.Env("spine12", render_mode="ansi") for _ in range(3)]
    envs.reset(seed=4)
    for row, env in enumerate(alone):
        env.reset(seed=4 + row)
    for step in range(6):
        actions = np.array([0, step, 2 * step])
        envs.step(actions)
        for env, action in zip(alone, actions, strict=True):
            env.step(action)
    assert envs.render() == tuple(env.render() for env in alone)
    assert all(frame.shape == (600, 960, 3) for frame in _frames(mode))


def _frames(mode):
    envs = microcloud_gym.VectorEnv(2, "spine12", autoreset_mode=mode, render_mode="rgb_array")
    envs.reset(seed=1)
    return envs.render()


def test_a_vector_begins_a_new_picture_with_a_new_episode():
    envs = microcloud_gym.VectorEnv(1, "spine12", autoreset_mode="same_step", render_mode="ansi")
    envs.reset(seed=1)
    ended = False
    while not ended:
        _, _, terminated, truncated, _ = envs.step([0])
        ended = bool((terminated | truncated)[0])
    assert "decision 0/240" in COLOURS.sub("", envs.render()[0])
