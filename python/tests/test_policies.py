"""Policies that are loaded: what they answer with, what they refuse, and that they act as the commands play them."""

import pickle
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from training import small_run

import microcloud_gym
from microcloud_gym import Policy, load_policy
from microcloud_gym.errors import ConcurrentUseError, PolicyError, ScenarioError


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on spine12."""
    return small_run(tmp_path_factory.mktemp("runs") / "run").run_dir


@pytest.fixture
def trained(run_dir: Path) -> Policy:
    """The best checkpoint of that run."""
    return load_policy(run_dir)


def shown(num_envs: int = 3) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Observations and masks of a batch after some decisions."""
    environments = microcloud_gym.VectorEnv(num_envs=num_envs, scenario="spine12")
    observations, info = environments.reset(seed=5)
    for _ in range(10):
        observations, _, _, _, info = environments.step(np.zeros(num_envs, np.int64))
    return observations, info["action_mask"].astype(bool)


SEEN, LEGAL = shown()


def test_a_run_its_checkpoints_and_their_name_are_the_same_policy(run_dir: Path, trained: Policy) -> None:
    assert trained.name == f"ppo:{run_dir}"
    assert (trained.scenario, trained.observation_size, trained.num_actions) == ("spine12", 228, 45)
    observations, masks = shown()
    best = run_dir / "checkpoints" / (run_dir / "checkpoints/best").read_text().strip()
    for path in (best, str(best), run_dir / "checkpoints" / "best"):
        np.testing.assert_array_equal(load_policy(path).act(observations, masks), trained.act(observations, masks))


def test_a_batch_is_answered_with_int64_and_a_row_with_an_int(trained: Policy) -> None:
    observations, masks = shown()
    actions = trained.act(observations, masks)
    assert (actions.dtype.name, actions.shape) == ("int64", (3,))
    assert masks[np.arange(3), actions].all()
    for row in range(3):
        alone: Any = trained.act(observations[row], masks[row])
        assert type(alone) is int and alone == actions[row]
        assert trained.act(observations[row : row + 1], masks[row : row + 1]).tolist() == [alone]
    assert trained.act(observations, masks.astype(np.int8)).tolist() == actions.tolist()
    assert trained.act(observations[:0], masks[:0]).shape == (0,)


def test_the_mask_decides_what_may_be_chosen(trained: Policy) -> None:
    observations, masks = shown(1)
    for action in range(trained.num_actions):
        masks[:] = False
        masks[0, action] = True
        assert trained.act(observations, masks).tolist() == [action]


@pytest.mark.parametrize("name", ["random", "threshold-rules"])
def test_a_baseline_plays_an_episode_again_when_it_starts_again(name: str) -> None:
    environment = microcloud_gym.Env("spine12")
    policy = load_policy(name, environment)
    episodes = []
    for _ in range(2):
        observation, info = environment.reset(options={"level": 7})
        actions, start, ended = [], True, False
        while not ended:
            action = policy.act(observation, info["action_mask"], start)
            observation, _, terminated, truncated, info = environment.step(action)
            actions.append(action)
            start, ended = False, terminated or truncated
        episodes.append(actions)
    assert episodes[0] == episodes[1] and any(episodes[0])


def test_a_row_that_starts_forgets_and_the_others_do_not() -> None:
    observations, masks = np.repeat(SEEN[:1], 2, 0), np.repeat(LEGAL[:1], 2, 0)
    policy = load_policy("random", "spine12")
    first, second, third = (policy.act(observations, masks).tolist() for _ in range(3))
    # Random draws by the decision's number in its episode, which is all that it remembers.
    assert first != second != third
    again, fresh = load_policy("random", "spine12"), [True, False]
    again.act(observations, masks)
    assert again.act(observations, masks, fresh).tolist() == [first[0], second[1]]
    assert again.act(observations, masks).tolist() == [second[0], third[1]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: "spine12",
        lambda: tomllib.loads(microcloud_gym.load_scenario("spine12").to_toml()),
        lambda: microcloud_gym.Env("spine12"),
        lambda: microcloud_gym.VectorEnv(num_envs=2, scenario="spine12"),
        lambda: gym.make("microcloud/Spine12-v0"),
    ],
    ids=["name", "dictionary", "environment", "vector", "wrapped"],
)
def test_a_scenario_may_be_given_as_anything_that_has_one(
    make: Callable[[], Any], trained: Policy, run_dir: Path
) -> None:
    scenario = make()
    assert load_policy("threshold-rules", scenario).num_actions == 45
    assert load_policy(run_dir, scenario).name == trained.name


def test_a_policy_comes_back_from_a_pickle(trained: Policy) -> None:
    observations, masks = shown()
    for policy in (trained, load_policy("threshold-rules", "spine12")):
        again = pickle.loads(pickle.dumps(policy))
        assert (again.name, again.scenario) == (policy.name, policy.scenario)
        assert again.act(observations, masks).tolist() == policy.act(observations, masks).tolist()


def test_what_cannot_be_loaded_is_refused_and_says_what_can(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="did you mean `threshold-rules`"):
        load_policy("treshold-rules")
    with pytest.raises(PolicyError, match="scenario="):
        load_policy("no-op")
    with pytest.raises(PolicyError, match="looks into the environment"):
        load_policy("oracle", "spine12")
    with pytest.raises(PolicyError, match="made for another environment"):
        load_policy(run_dir, "online-boutique")
    with pytest.raises(PolicyError, match="no checkpoint here"):
        load_policy(tmp_path)
    with pytest.raises(ScenarioError, match="spine12"):
        load_policy("no-op", "spine13")
    with pytest.raises(TypeError, match="a name or a path"):
        load_policy(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one of this package"):
        load_policy("no-op", gym.make("CartPole-v1"))
    mixed = microcloud_gym.VectorEnv(num_envs=2, scenario="random", topology_seed=[1, 2])
    with pytest.raises(TypeError, match="a single one"):
        load_policy("no-op", mixed)


def test_a_corrupt_policy_is_refused(run_dir: Path, tmp_path: Path) -> None:
    checkpoint = run_dir / "checkpoints" / (run_dir / "checkpoints/best").read_text().strip()
    for file in checkpoint.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / "policy.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "policy.safetensors").write_bytes(content)
    with pytest.raises(PolicyError, match="SHA-256"):
        load_policy(tmp_path)


def unaligned(array: NDArray[Any]) -> NDArray[Any]:
    """The same array one byte beyond where its numbers may begin."""
    memory = np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:]
    return np.frombuffer(memory, array.dtype).reshape(array.shape)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((SEEN.tolist(), LEGAL), TypeError, "of type list; allowed: a numpy array of dtype float32"),
        ((SEEN.astype(np.float64), LEGAL), TypeError, "of dtype float64; allowed: float32"),
        ((SEEN.astype(">f4"), LEGAL), TypeError, "allowed: float32"),
        ((SEEN[:, :-1], LEGAL), ValueError, r"of shape \(3, 227\); allowed: \(228,\) or \(n, 228\)"),
        ((SEEN[None], LEGAL), ValueError, r"of shape \(1, 3, 228\)"),
        ((np.asfortranarray(SEEN), LEGAL), ValueError, "observations in Fortran order"),
        ((SEEN[:, ::-1], LEGAL), ValueError, "observations in strides"),
        ((unaligned(SEEN), LEGAL), ValueError, "not aligned"),
        ((SEEN * np.float32("nan"), LEGAL), ValueError, "NaN in row 0, column 0"),
        ((SEEN, LEGAL.tolist()), TypeError, "of type list; allowed: a numpy array of dtype bool or int8"),
        ((SEEN, LEGAL.astype(np.int64)), TypeError, "of dtype int64; allowed: bool or int8"),
        ((SEEN, LEGAL[:2]), ValueError, r"of shape \(2, 45\); allowed: \(3, 45\)"),
        ((SEEN[0], LEGAL[:1]), ValueError, r"of shape \(1, 45\); allowed: \(45,\)"),
        ((SEEN, np.asfortranarray(LEGAL)), ValueError, "action_masks in Fortran order"),
        ((SEEN, np.zeros_like(LEGAL)), ValueError, "no legal action in row 0"),
        ((SEEN, LEGAL, np.zeros(3)), TypeError, "episode_starts of dtype float64; allowed: bool"),
        ((SEEN, LEGAL, np.zeros(2, bool)), ValueError, r"of shape \(2,\); allowed: \(3,\)"),
        ((SEEN, LEGAL, True), ValueError, r"of shape \(\); allowed: \(3,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_what_is_wrong(
    trained: Policy, arguments: tuple[Any, ...], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        trained.act(*arguments)
    assert trained.act(SEEN, LEGAL).shape == (3,)


def test_a_mask_of_strange_bytes_is_a_mask(trained: Policy) -> None:
    strange = (LEGAL.view(np.uint8) * 7).view(np.bool_)
    assert trained.act(SEEN, strange).tolist() == trained.act(SEEN, LEGAL).tolist()


def test_two_threads_in_one_policy_are_told_so(trained: Policy) -> None:
    rows = 100_000
    observations, masks = np.repeat(SEEN[:1], rows, 0), np.repeat(LEGAL[:1], rows, 0)
    acting = threading.Thread(target=trained.act, args=(observations, masks))
    refused = 0
    acting.start()
    while acting.is_alive():
        try:
            trained.act(SEEN, LEGAL)
        except ConcurrentUseError:
            refused += 1
    acting.join()
    assert refused > 0
    assert trained.act(SEEN, LEGAL).shape == (3,)
