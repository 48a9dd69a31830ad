"""Gymnasium's own checks, on every scenario of every id and without a single warning."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from cases import Case, cases
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match
from identity import assert_same

import microcloud_gym
from microcloud_gym.registration import ENVIRONMENT_IDS, register_environments


@pytest.mark.parametrize("observation", ["flat", "graph"])
def test_gymnasiums_checker_has_nothing_to_say(case: Case, observation: str) -> None:
    env = case.make(observation=observation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


def test_make_wraps_the_environment_without_a_warning(case: Case) -> None:
    env = gym.make(case.id, **case.kwargs)
    observation, info = env.reset(seed=1)
    assert observation in env.observation_space
    assert set(info) == {"action_mask", "level", "incidents"}
    for _ in range(20):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
        assert observation in env.observation_space
        assert type(reward) is float and type(terminated) is bool and type(truncated) is bool
        assert set(info) == {"action_mask", "incidents", "reward_terms", "metrics"}
        assert sum(info["reward_terms"].values()) == reward
    env.close()


def test_equal_seeds_make_equal_environments(case: Case) -> None:
    check_environments_match(case.make(), case.make(), num_steps=300)


def test_observations_and_infos_are_the_callers_to_keep(case: Case) -> None:
    env = case.make()
    kept = [env.reset(seed=3)]
    copies = [(kept[0][0].copy(), {**kept[0][1], "action_mask": kept[0][1]["action_mask"].copy()})]
    for action in range(10):
        observation, _, _, _, info = env.step(action)
        kept.append((observation, info))
        copies.append((observation.copy(), {**info, "action_mask": info["action_mask"].copy()}))
    assert_same(kept, copies)


def test_every_observation_lies_within_finite_bounds(case: Case) -> None:
    env = case.make()
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert np.isfinite(env.observation_space.low).all() and np.isfinite(env.observation_space.high).all()
    rng = np.random.default_rng(5)
    observation, _ = env.reset(seed=5)
    for _ in range(env.topology.episode_decisions):
        assert observation in env.observation_space
        observation, _, terminated, truncated, _ = env.step(int(rng.integers(env.topology.num_actions)))
        if terminated or truncated:
            break
    assert observation in env.observation_space


def test_the_mask_says_what_changes_nothing() -> None:
    """A masked action costs what an action costs and leaves the cluster as it was; a legal one of the same kind acts."""
    env = microcloud_gym.Env("spine12")
    _, info = env.reset(seed=1, options={"level": 11})
    ret = env.action_meanings().index("return(a1)")
    assert info["action_mask"][0] == 1 and info["action_mask"][ret] == 0
    assert np.array_equal(env.action_masks(), info["action_mask"].astype(bool))
    state = env.snapshot()
    nothing, _, _, _, told = env.step(0)
    env.restore(state)
    masked, _, _, _, told_masked = env.step(ret)
    names = env.observation_names()
    differ = {names[place] for place in np.flatnonzero(nothing != masked)}
    assert differ <= {name for name in names if name.endswith(".since_action")}
    assert told_masked["reward_terms"]["action"] < told["reward_terms"]["action"] == 0.0
    assert told_masked["metrics"]["replicas"] == told["metrics"]["replicas"]


def test_importing_registers_every_id_once() -> None:
    before = {name: spec for name, spec in gym.registry.items() if name.startswith("microcloud/")}
    register_environments()
    after = {name: spec for name, spec in gym.registry.items() if name.startswith("microcloud/")}
    assert before == after
    assert set(after) == {own.full_name for own in ENVIRONMENT_IDS}
    assert {case.id for case in cases()} == set(after)


def test_every_scenario_that_comes_with_the_package_has_an_id() -> None:
    builtin, generated = microcloud_gym._core.builtin_scenarios()
    reachable = {scenario for own in ENVIRONMENT_IDS for scenario in own.scenarios}
    assert set(builtin + generated) == reachable


def test_the_module_can_be_named_in_the_id() -> None:
    env = gym.make("microcloud_gym:microcloud/Spine12-v0")
    assert env.unwrapped.spec is not None


@pytest.mark.parametrize(
    ("split", "first", "end"), [("train", 0, 2**31), ("test", 2**31, 2**32), ("heldout", 2**32, 2**33)]
)
def test_a_seed_draws_levels_of_the_split_only(split: str, first: int, end: int) -> None:
    env = microcloud_gym.Env("spine12", split=split)
    levels = [env.reset(seed=seed)[1]["level"] for seed in range(50)]
    assert all(first <= level < end for level in levels)
    assert len(set(levels)) == 50
    assert levels == [env.reset(seed=seed)[1]["level"] for seed in range(50)]


def test_a_level_can_be_named_whatever_its_split() -> None:
    env = microcloud_gym.Env("spine12")
    for level in (0, 2**31 - 1, 2**31, 2**32, 2**33 - 1):
        first, info = env.reset(seed=1, options={"level": level, "unknown": 3})
        assert info["level"] == level
        second, _ = env.reset(seed=99, options={"level": np.int64(level)})
        assert_same(first, second, f"level {level}")


def test_resets_without_a_seed_go_on_to_the_next_levels_of_the_last_seed() -> None:
    one, other = microcloud_gym.Env("spine12"), microcloud_gym.Env("spine12")
    played = []
    for env in (one, other):
        levels = [env.reset(seed=8)[1]["level"]] + [env.reset()[1]["level"] for _ in range(5)]
        played.append(levels)
    assert played[0] == played[1]
    assert len(set(played[0])) == 6
