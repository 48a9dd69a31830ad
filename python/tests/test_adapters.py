"""What the forms of masks and the adapters that need neither torch nor ray hold."""

import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import minari
import numpy as np
import pytest
from cases import Case
from gymnasium.utils.env_checker import check_env, data_equivalence
from numpy.typing import NDArray
from pettingzoo.test import parallel_api_test, parallel_seed_test

from microcloud_gym.adapters.minari import record_dataset
from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.adapters.pettingzoo import PLATFORM, MicrocloudParallelEnv
from microcloud_gym.errors import ActionError, ResetNeededError
from microcloud_gym.masking import ActionMaskObservation, VectorActionMaskObservation

ID = "microcloud/Spine12-v0"
LIBRARIES = ("stable_baselines3", "torchrl", "rllib", "pufferlib", "pettingzoo", "minari")


def legal(mask: NDArray[np.int8], draws: np.random.Generator) -> int:
    """Any of the legal actions."""
    return int(draws.choice(np.flatnonzero(mask)))


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_masked_observations_pass_the_checker_and_hold_the_mask(case: Case) -> None:
    env = ActionMaskObservation(gym.make(case.id, **case.kwargs))
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=1)
    draws = np.random.default_rng(1)
    ended = False
    while not ended:
        assert np.array_equal(observation["action_mask"], env.unwrapped.action_masks())
        observation, _, terminated, truncated, _ = env.step(legal(observation["action_mask"], draws))
        ended = terminated or truncated


def test_masked_observations_are_in_the_spec_so_that_the_environment_can_be_made_again() -> None:
    env = ActionMaskObservation(gym.make(ID))
    assert gym.make(env.spec).observation_space == env.observation_space


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_masked_batches_equal_masked_single_environments(mode: str) -> None:
    native = VectorActionMaskObservation(
        gym.make_vec(ID, 3, vectorization_mode="vector_entry_point", autoreset_mode=mode)
    )
    single = gym.vector.SyncVectorEnv(
        [lambda: ActionMaskObservation(gym.make(ID, disable_env_checker=True))] * 3,
        autoreset_mode=gym.vector.AutoresetMode(mode),
    )
    assert data_equivalence(native.reset(seed=5)[0], single.reset(seed=5)[0])
    draws = np.random.default_rng(2)
    ends = 0
    for _ in range(500):
        actions = draws.integers(native.single_action_space.n, size=3)
        found, expected = native.step(actions), single.step(actions)
        for own, theirs in zip(found[:4], expected[:4], strict=True):
            assert data_equivalence(own, theirs)
        if mode == "SameStep" and "final_obs" in expected[4]:
            for own, theirs in zip(found[4]["final_obs"], expected[4]["final_obs"], strict=True):
                assert data_equivalence(own, theirs)
        ends += int((found[2] | found[3]).sum())
    assert ends >= 6


def test_masks_of_environments_that_are_not_reset_stay() -> None:
    envs = VectorActionMaskObservation(
        gym.make_vec(ID, 2, vectorization_mode="vector_entry_point", autoreset_mode="Disabled")
    )
    observations, _ = envs.reset(seed=1)
    drain = envs.unwrapped.action_meanings().index("drain(a1)")
    observations, *_ = envs.step(np.array([drain, drain]))
    assert not observations["action_mask"][:, drain].any()
    observations, _ = envs.reset(options={"reset_mask": np.array([True, False])})
    assert observations["action_mask"][:, drain].tolist() == [1, 0]
    assert np.array_equal(observations["action_mask"], envs.unwrapped.action_masks())


def test_a_mask_needs_discrete_actions() -> None:
    with pytest.raises(TypeError, match="allowed: Discrete"):
        ActionMaskObservation(gym.make("Pendulum-v1"))


def test_agents_pass_pettingzoos_tests_without_a_warning(case: Case) -> None:
    """PettingZoo: parallel_api_test and parallel_seed_test, warnings as errors"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(MicrocloudParallelEnv(case.id, **case.kwargs), num_cycles=300)
        parallel_seed_test(lambda: MicrocloudParallelEnv(case.id, **case.kwargs), num_cycles=300)


def test_agents_share_out_every_action_and_all_act_at_once(case: Case) -> None:
    """PettingZoo: an episode in which agents act at once equals the joint environment's"""
    env = MicrocloudParallelEnv(case.id, **case.kwargs)
    joint = case.make()
    there = [meaning for meaning in joint.action_meanings()[1:] if "padding-" not in meaning]
    owned = [meaning for agent in env.possible_agents for meaning in env.action_meanings(agent)[1:]]
    assert sorted(owned) == sorted(there)
    meanings, names = joint.action_meanings(), joint.observation_names()
    columns = {agent: [names.index(name) for name in env.observation_names(agent)] for agent in env.possible_agents}
    for agent in env.possible_agents:
        sees = ("node." if agent == PLATFORM else f"service.{agent}.", "zone.", "global.")
        assert env.observation_names(agent) == [name for name in names if name.startswith(sees)]

    shown, _ = env.reset(seed=3)
    state, _ = joint.reset(seed=3)
    draws = np.random.default_rng(3)
    steps = 0
    while env.agents:
        assert np.array_equal(env.state(), state)
        for agent, own in shown.items():
            assert env.observation_space(agent).contains(own)
            assert np.array_equal(own["observation"], state[columns[agent]])
        # Half of the agents act, masked actions included.
        chosen = {agent: int(draws.integers(env.action_space(agent).n)) for agent in env.agents[::2]}
        shown, rewards, terminated, truncated, infos = env.step(chosen)
        actions = sorted(meanings.index(env.action_meanings(agent)[action]) for agent, action in chosen.items())
        state, reward, *flags, info = joint.step_jointly(actions)
        assert set(rewards.values()) == {reward}
        assert [set(terminated.values()), set(truncated.values())] == [{flags[0]}, {flags[1]}]
        assert all(own["metrics"] == info["metrics"] for own in infos.values())
        steps += 1
    assert steps > 20
    with pytest.raises(ResetNeededError):
        env.step({})


def test_agents_that_do_not_exist_and_actions_they_do_not_have_are_refused() -> None:
    env = MicrocloudParallelEnv(ID)
    env.reset(seed=1, options={"unknown": 1})
    with pytest.raises(ActionError, match="allowed: gateway"):
        env.step({"nobody": 0})
    with pytest.raises(ActionError, match="integers from 0 to 3"):
        env.step({"gateway": 4})
    with pytest.raises(ActionError, match="integers from 0 to 3"):
        env.step({"gateway": 1.0})  # type: ignore[dict-item]


# Minari's collector leaves its temporary folders to the garbage collector.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning", "ignore:.*is set to None")
def test_a_recorded_dataset_holds_what_was_played_and_plays_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minari: two episodes recorded, read back and played again from their seeds and actions"""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    played: list[tuple[Any, int]] = []
    draws = np.random.default_rng(4)

    def policy(observation: NDArray[np.float32], mask: NDArray[np.int8]) -> int:
        action = legal(mask, draws) if draws.random() < 0.2 else 0
        played.append((observation, action))
        return action

    recorded = record_dataset(
        ID, "microcloud/spine12/random-v0", policy, episodes=2, seed=11, metadata={"author": "tests"}
    )
    dataset = minari.load_dataset("microcloud/spine12/random-v0")
    assert dataset.total_episodes == recorded.total_episodes == 2
    assert dataset.total_steps == len(played)

    env = dataset.recover_environment()
    start = 0
    for number, episode in enumerate(dataset.iterate_episodes()):
        observations, actions = zip(*played[start : start + len(episode)], strict=True)
        start += len(episode)
        assert np.array_equal(episode.actions, actions)
        assert np.array_equal(episode.observations["observations"][:-1], observations)
        (metadata,) = dataset.storage.get_episode_metadata([number])
        seed = int(metadata["seed"])
        assert seed == 11 + number
        shown, _ = env.reset(seed=seed)
        for step, action in enumerate(episode.actions):
            assert np.array_equal(shown["action_mask"], episode.observations["action_mask"][step])
            shown, reward, terminated, truncated, _ = env.step(action)
            assert reward == episode.rewards[step]
            assert (terminated, truncated) == (episode.terminations[step], episode.truncations[step])
        assert terminated or truncated
    gc.collect()


def test_a_batch_of_another_package_or_mode_is_refused() -> None:
    with pytest.raises(TypeError, match="allowed: ids that begin with microcloud/"):
        native_vector("CartPole-v1", 2, gym.vector.AutoresetMode.SAME_STEP)
    with pytest.raises(TypeError, match="autoreset_mode"):
        native_vector(ID, 2, gym.vector.AutoresetMode.SAME_STEP, **{"autoreset_mode": "NextStep"})


def test_importing_the_package_imports_no_adapter_and_no_library() -> None:
    code = "import sys, microcloud_gym; print(sorted(m for m in sys.modules if m.startswith('microcloud_gym.adapters')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_adapter_whose_library_is_missing_says_what_to_install(library: str) -> None:
    code = f"""
import sys
for name in ("stable_baselines3", "torch", "torchrl", "ray", "pufferlib", "pettingzoo", "minari"):
    sys.modules[name] = None
import gymnasium
try:
    import microcloud_gym.adapters.{library}
except gymnasium.error.DependencyNotInstalled as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert "is not installed: pip install" in found.stdout, found.stderr
