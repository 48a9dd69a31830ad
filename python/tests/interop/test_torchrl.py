"""TorchRL on the adapter's batched environment."""

import numpy as np
import pytest
import torch
from cases import Case
from gymnasium.vector import AutoresetMode
from tensordict import TensorDict
from torchrl.collectors import Collector
from torchrl.envs import ActionMask, TransformedEnv
from torchrl.envs.utils import check_env_specs

from microcloud_gym.adapters.native_vector import native_vector
from microcloud_gym.adapters.torchrl import MicrocloudTorchRLEnv

ID = "microcloud/Spine12-v0"


@pytest.mark.parametrize("observation", ["flat", "graph"])
def test_check_env_specs(case: Case, observation: str) -> None:
    """TorchRL: check_env_specs, flat and graph observations, with and without ActionMask"""
    check_env_specs(MicrocloudTorchRLEnv(case.id, 3, observation=observation, **case.kwargs), seed=1, break_when_any_done="both")
    check_env_specs(TransformedEnv(MicrocloudTorchRLEnv(case.id, 3, observation=observation, **case.kwargs), ActionMask()))


def test_a_rollout_crosses_episode_ends_and_equals_the_vector_environment() -> None:
    """TorchRL: a rollout of 600 steps across episode ends, with the ActionMask transform, equals the vector environment's"""
    env = TransformedEnv(MicrocloudTorchRLEnv(ID, 3), ActionMask())
    env.set_seed(9)
    torch.manual_seed(0)
    rollout = env.rollout(600, break_when_any_done=False)
    assert rollout.batch_size == (3, 600)
    legal = rollout["action_mask"].gather(-1, rollout["action"].unsqueeze(-1))
    assert legal.all()
    ends = rollout["next", "done"].squeeze(-1)
    assert ends.sum() >= 6

    envs = native_vector(ID, 3, AutoresetMode.DISABLED)
    observations, _ = envs.reset(seed=9)
    for step in range(600):
        assert np.array_equal(rollout["observation"][:, step].numpy(), observations)
        observations, rewards, terminated, truncated, _ = envs.step(rollout["action"][:, step].numpy())
        assert np.array_equal(rollout["next", "observation"][:, step].numpy(), observations)
        assert np.array_equal(rollout["next", "reward"][:, step, 0].numpy(), rewards.astype(np.float32))
        ended = terminated | truncated
        assert np.array_equal(ends[:, step].numpy(), ended)
        if ended.any():
            observations, _ = envs.reset(options={"reset_mask": ended})


def test_a_rollout_goes_on_until_all_episodes_have_ended() -> None:
    """TorchRL: a rollout with break_when_all_done"""
    # Not all of these episodes end in the same step.
    env = MicrocloudTorchRLEnv(ID, 4, seed=3)
    torch.manual_seed(1)
    rollout = env.rollout(1000, break_when_any_done=False, break_when_all_done=True)
    ends = rollout["next", "done"].squeeze(-1)
    first = [int(row.nonzero()[0]) for row in ends]
    assert max(first) == rollout.batch_size[1] - 1 and min(first) < max(first)


def test_a_step_of_some_environments_is_refused() -> None:
    """A batch steps as a whole."""
    env = MicrocloudTorchRLEnv(ID, 2, seed=3)
    shown = env.reset().set("action", torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="allowed: of all"):
        env.step(shown.set("_step", torch.tensor([True, False])))


def test_a_collector_gathers_batches() -> None:
    """TorchRL: Collector, 1,200 frames"""
    env = TransformedEnv(MicrocloudTorchRLEnv(ID, 4), ActionMask())
    collector = Collector(env, frames_per_batch=400, total_frames=1200)
    batches = [batch.numel() for batch in collector]
    collector.shutdown()
    assert batches == [400, 400, 400]
    assert isinstance(env.fake_tensordict(), TensorDict)
