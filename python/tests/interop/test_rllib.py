"""RLlib's env runner and PPO on the native vector environment, masks in the observation."""

from collections.abc import Iterator

import numpy as np
import pytest
import ray
from gymnasium.vector import AutoresetMode
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.adapters.rllib import register
from microcloud_gym.vector import VectorEnv

ID = "microcloud/Spine12-v0"
NUM_ENVS = 4


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A Ray of this module's own."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
    yield
    ray.shutdown()


def config(mode: str) -> PPOConfig:
    """PPO with masked actions over a batch of environments in this process."""
    return (
        PPOConfig()
        .environment(register(ID), env_config={"split": "train"})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=NUM_ENVS, gym_env_vectorize_mode=mode)
        .training(train_batch_size_per_learner=1024, minibatch_size=256, num_epochs=2)
        .rl_module(rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule))
        .debugging(seed=1)
    )


def test_the_env_runner_steps_the_vector_environment() -> None:
    """RLlib: SingleAgentEnvRunner steps the vector environment, 1,200 steps across episode ends; actions are legal"""
    runner = SingleAgentEnvRunner(config=config("vector_entry_point"))
    native = runner.env.unwrapped
    assert isinstance(native, VectorEnv) and native.autoreset_mode == AutoresetMode.NEXT_STEP
    episodes = runner.sample(num_timesteps=1200, random_actions=False)
    ended = [episode for episode in episodes if episode.is_done]
    assert len(ended) >= 3
    envs = native_vector(ID, 1, AutoresetMode.NEXT_STEP)
    for episode in ended:
        observations = episode.get_observations()
        shown, _ = envs.reset(options={"level": int(episode.get_infos(0)["level"])})
        for step, action in enumerate(episode.get_actions()):
            assert observations["action_mask"][step][action] == 1
            assert np.array_equal(observations["observations"][step], shown[0])
            shown, rewards, terminated, truncated, _ = envs.step(np.array([action]))
            assert np.float32(rewards[0]) == np.float32(episode.get_rewards(step))
        assert terminated[0] or truncated[0]
        envs.reset()
    runner.stop()


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_ppo_trains(mode: str) -> None:
    """RLlib: PPO with ActionMaskingTorchRLModule, native batch and single environments, one iteration of 1,024 steps"""
    algorithm = config(mode).build_algo()
    result = algorithm.train()
    assert result["env_runners"]["num_env_steps_sampled"] >= 1024
    assert np.isfinite(result["learners"]["default_policy"]["policy_loss"])
    algorithm.stop()


def test_ppo_trains_in_other_processes_on_the_id_itself() -> None:
    """RLlib: PPO with an env runner in a process of its own, without masks"""
    runners = (
        PPOConfig()
        .environment(f"microcloud_gym:{ID}")
        .env_runners(num_env_runners=1, num_envs_per_env_runner=NUM_ENVS, gym_env_vectorize_mode="vector_entry_point")
        .training(train_batch_size_per_learner=512, minibatch_size=256, num_epochs=1)
    )
    algorithm = runners.build_algo()
    result = algorithm.train()
    assert result["env_runners"]["num_env_steps_sampled"] >= 512
    algorithm.stop()
