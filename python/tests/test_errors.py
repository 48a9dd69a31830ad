"""Whatever a caller gets wrong is a documented exception that says what is allowed, and leaves everything as it was."""

import copy
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from cases import SHOP

import microcloud_gym
from microcloud_gym import Env, VectorEnv, _core, errors, load_scenario
from microcloud_gym.errors import ActionError, ClosedError, MicrocloudError, ResetNeededError, ScenarioError

NOT_RESET = re.escape("call reset() before the first step")
CLOSED = "the environment is closed; make a new one"


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The small scenario with one entry changed, or taken out where the value is `...`."""
    scenario = copy.deepcopy(SHOP)
    place: Any = scenario
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return scenario


def holding_itself() -> dict[str, Any]:
    """A dictionary without end."""
    scenario: dict[str, Any] = {}
    scenario["slo"] = scenario
    return scenario


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        # Scenarios by name and path.
        (lambda: Env("spine13"), ScenarioError, "unknown scenario `spine13`; did you mean `spine12`?; allowed: spine12"),
        (lambda: Env("online-botique"), ScenarioError, "did you mean `online-boutique`"),
        (lambda: Env("no/such.toml"), ScenarioError, "no/such.toml"),
        (lambda: Env("/"), ScenarioError, "cannot read: Is a directory"),
        (lambda: Env("a\0b"), ScenarioError, "allowed: spine12"),
        (lambda: Env(""), ScenarioError, "allowed: spine12"),
        (lambda: Env(), ScenarioError, "allowed: a name, the path of a TOML file, or a dictionary"),
        (lambda: gym.make("microcloud/Custom-v0"), ScenarioError, "allowed: a name, the path of a TOML file"),
        (lambda: Env(3), TypeError, "a scenario of type int; allowed: a name, a path, a dictionary"),  # type: ignore[arg-type]
        # Scenarios as dictionaries.
        (lambda: Env({}), ScenarioError, "missing field `name`"),
        (lambda: Env(changed(["tick_ms"], ...)), ScenarioError, "scenario dictionary: missing field `tick_ms`"),
        (lambda: Env(changed(["tick_ms"], None)), ScenarioError, "scenario dictionary: missing field `tick_ms`"),
        (lambda: Env(changed(["workload", "rate_per_s"], float("nan"))), ScenarioError, "workload.rate_per_s = NaN; allowed: "),
        (lambda: Env(changed(["workload", "rate_per_s"], float("inf"))), ScenarioError, "workload.rate_per_s = inf; allowed: "),
        (lambda: Env(changed(["workload", "rate_per_s"], np.float32("nan"))), ScenarioError, "rate_per_s = NaN; allowed: "),
        (lambda: Env(changed(["services", 1, "replica"], 3)), ScenarioError, "services[1]: unknown field `replica`"),
        (lambda: Env(changed(["services", 1, "replica"], 3)), ScenarioError, "did you mean `replicas`?"),
        (lambda: Env(changed(["services", 1, "name"], ...)), ScenarioError, "services[1]: missing field `name`"),
        (lambda: Env(changed(["services", 0, "health"], {"failure": 9})), ScenarioError, "services[0].health: unknown field"),
        (lambda: Env(changed(["services", 0, "health"], {"failures": 9})), ScenarioError, "failures = 9; allowed: 1 to 4"),
        (lambda: Env(changed(["services", 1, "replicas"], 10**30)), ScenarioError, "replicas: 1000000000000000000000000000000"),
        (lambda: Env(changed(["services", 1, "replicas"], 2**40)), ScenarioError, "allowed: a whole number from 0 to 4294967295"),
        (lambda: Env(changed(["services", 1, "replicas"], True)), ScenarioError, "allowed: a whole number from 0 to"),
        (lambda: Env(changed(["services"], [None])), ScenarioError, "services[0]: None; allowed: a value"),
        (lambda: Env(changed(["services"], [])), ScenarioError, "services"),
        (lambda: Env(changed(["calls", 0, "to"], "stor")), ScenarioError, "no such service; did you mean `store`?"),
        (lambda: Env(changed(["faults", "catalogue", 1, "id"], "F4")), ScenarioError, "faults.catalogue[1]: unknown variant"),
        (lambda: Env(changed(["episode_decisions"], 0)), ScenarioError, "episode_decisions = 0; allowed: 1 to"),
        (lambda: Env(changed(["name"], "a\nb")), ScenarioError, "allowed: 1 to 64 characters"),
        (lambda: Env(changed(["name"], b"shop")), ScenarioError, "name: a bytes; allowed: dictionaries, lists"),
        (lambda: Env({**SHOP, 3: 4}), ScenarioError, "key 3 is no string; allowed: the keys of a scenario file"),  # type: ignore[dict-item]
        (lambda: Env(holding_itself()), ScenarioError, "nested deeper than 8"),
        # Arguments of an environment.
        (lambda: Env(SHOP, split="dev"), ValueError, "split = 'dev'; allowed: 'train', 'test', 'heldout'"),
        (lambda: Env(SHOP, split=3), ValueError, "split = 3; allowed: 'train', 'test', 'heldout'"),  # type: ignore[arg-type]
        (lambda: Env(SHOP, render_mode="human"), ValueError, "render_mode = 'human'; allowed: 'ansi', 'rgb_array'"),
        (lambda: Env(SHOP, observation="tree"), ValueError, "observation = 'tree'; allowed: 'flat', 'graph'"),
        (lambda: Env(SHOP, max_services=8), ValueError, "allowed: only with observation='graph'"),
        (lambda: Env(SHOP, observation="graph", max_services=1), ValueError, "max_services = 1; allowed: 2 to"),
        (lambda: Env(SHOP, observation="graph", max_calls=10**12), ValueError, "max_calls = 1000000000000; allowed: 1 to"),
        (lambda: Env(SHOP, observation="graph", max_calls="9"), TypeError, "max_calls of type str; allowed: "),  # type: ignore[arg-type]
        (lambda: Env(SHOP, topology_seed=1), ScenarioError, 'allowed: only with scenario="random"'),
        (lambda: Env("spine12", topology_seed=1), ScenarioError, 'allowed: only with scenario="random"'),
        (lambda: Env("random", topology_seed=-1), ValueError, "topology_seed = -1; allowed: 0 to 18446744073709551615"),
        (lambda: Env("random", topology_seed=2**64), ValueError, "allowed: 0 to 18446744073709551615"),
        (lambda: Env("random", topology_seed="1"), TypeError, "topology_seed of type str; allowed: "),  # type: ignore[arg-type]
        (lambda: Env(SHOP).render(), ValueError, "render() without a render_mode; allowed: ansi, rgb_array"),
        # Arguments of a batch.
        (lambda: VectorEnv(0, SHOP), ValueError, "num_envs = 0; allowed: 1 to"),
        (lambda: VectorEnv(-3, SHOP), ValueError, "num_envs = -3; allowed: 1 to"),
        (lambda: VectorEnv(10**12, SHOP), ValueError, "num_envs = 1000000000000; allowed: 1 to"),
        (lambda: VectorEnv(True, SHOP), TypeError, "num_envs of type bool; allowed: an integer"),
        (lambda: VectorEnv(2.0, SHOP), TypeError, "num_envs of type float; allowed: an integer"),  # type: ignore[arg-type]
        (lambda: VectorEnv(2, SHOP, num_threads=0), ValueError, "num_threads = 0; allowed: 1 to"),
        (lambda: VectorEnv(2, SHOP, num_threads=10**6), ValueError, "num_threads = 1000000; allowed: 1 to"),
        (lambda: VectorEnv(2, SHOP, autoreset_mode="now"), ValueError, "allowed: NextStep, SameStep, Disabled"),
        (lambda: VectorEnv(2, SHOP, copy="yes"), TypeError, "copy of type str; allowed: True or False"),  # type: ignore[arg-type]
        (lambda: VectorEnv(2, SHOP, split="dev"), ValueError, "split = 'dev'; allowed: "),
        (lambda: VectorEnv(2, "random", topology_seed=[1]), ValueError, "1 topology seeds; allowed: one, or 2"),
        (lambda: VectorEnv(2, "random", topology_seed=[1, None]), TypeError, "topology_seed of type NoneType"),  # type: ignore[list-item]
        (lambda: VectorEnv(2, "spine12", topology_seed=[1, 2]), ScenarioError, 'allowed: only with scenario="random"'),
        (lambda: VectorEnv(2, SHOP).render(), ValueError, "render() without a render_mode; allowed: "),
        (lambda: VectorEnv(2, SHOP).action_meanings(2), ValueError, "row = 2; allowed: 0 to 1"),
        (lambda: VectorEnv(2, SHOP).observation_names(-1), ValueError, "row = -1; allowed: 0 to 1"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_allowed(make: Callable[[], Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=re.escape(says)):
        make()


WRONG_ACTIONS: list[tuple[Any, type[Exception], str]] = [
    (14, ActionError, "action 14; allowed: 0 to 13"),
    (-1, ActionError, "action -1; allowed: 0 to 13"),
    (10**30, ActionError, "allowed: 0 to 13"),
    (np.uint64(2**63 + 1), ActionError, "allowed: 0 to 13"),
    (1.0, TypeError, "an action of type float; allowed: an integer from 0 to 13"),
    (np.float32(1), TypeError, "allowed: an integer from 0 to 13"),
    (True, TypeError, "an action of type bool; allowed: an integer from 0 to 13"),
    (np.bool_(True), TypeError, "allowed: an integer from 0 to 13"),
    (None, TypeError, "an action of type NoneType; allowed: an integer from 0 to 13"),
    ("1", TypeError, "an action of type str; allowed: an integer from 0 to 13"),
    ([1], TypeError, "an action of type list; allowed: an integer from 0 to 13"),
]


@pytest.mark.parametrize(("action", "kind", "says"), WRONG_ACTIONS)
def test_a_wrong_action_is_refused_and_nothing_is_stepped(action: Any, kind: type[Exception], says: str) -> None:
    env = Env(SHOP)
    assert env.action_space.n == 14
    env.reset(seed=1)
    state = env.snapshot()
    for attempt in (lambda: env.step(action), lambda: env.step_jointly([0, action])):
        with pytest.raises(kind, match=re.escape(says)):
            attempt()
    assert env.snapshot() == state


@pytest.mark.parametrize("action", [np.int64(3), np.int8(3), np.uint64(3), np.array(3), np.array(3, np.uint8), 3])
def test_every_integer_is_an_action(action: Any) -> None:
    env = Env(SHOP)
    env.reset(seed=1)
    assert env.step(action)[4]["metrics"]["actions"] == 1


@pytest.mark.parametrize(
    ("actions", "kind", "says"),
    [
        (np.zeros(2, np.int64), ActionError, "actions of shape (2); allowed: (3,)"),
        (np.zeros((3, 1), np.int64), ActionError, "actions of shape (3, 1); allowed: (3,)"),
        (np.zeros((3, 3), np.int64, order="F"), ActionError, "actions of shape (3, 3); allowed: (3,)"),
        (0, ActionError, "actions of shape (); allowed: (3,)"),
        ([], TypeError, "actions of dtype float64; allowed: integers"),
        (np.zeros(3, np.float64), TypeError, "actions of dtype float64; allowed: integers, e.g. int64"),
        (np.zeros(3, np.bool_), TypeError, "actions of dtype bool; allowed: integers"),
        ([0, None, 0], TypeError, "actions of dtype object; allowed: integers"),
        ([0, 10**30, 0], TypeError, "actions of dtype object; allowed: integers"),
        ([0, [1], 0], TypeError, "allowed: one integer per environment"),
        ("abc", TypeError, "allowed: integers"),
        (None, TypeError, "allowed: integers"),
        ([0, 14, 0], ActionError, "action 14 for environment 1; allowed: 0 to 13"),
        ([0, 0, -1], ActionError, "action -1 for environment 2; allowed: 0 to 13"),
        (np.array([0, 0, 2**64 - 1], np.uint64), ActionError, "for environment 2; allowed: 0 to 13"),
    ],
)
def test_wrong_actions_of_a_batch_are_refused_and_nothing_is_stepped(
    actions: Any, kind: type[Exception], says: str
) -> None:
    envs = VectorEnv(3, SHOP)
    envs.reset(seed=1)
    state = envs.snapshot()
    with pytest.raises(kind, match=re.escape(says)):
        envs.step(actions)
    assert envs.snapshot() == state


def test_actions_of_every_layout_and_width_are_the_same_actions() -> None:
    """Rows are not scrambled by strides, byte orders or widths."""
    values = np.array([1, 5, 9])
    table = np.zeros((3, 4), np.int64, order="F")
    table[:, 1] = values
    wide = np.zeros(6, np.int64)
    wide[::2] = values
    layouts = [values, table[:, 1], wide[::2], values[::-1].copy()[::-1], values.astype(">i8"), values.astype(np.uint8)]
    layouts += [values.tolist(), tuple(values), values.astype(np.uint64)]
    readonly = values.copy()
    readonly.setflags(write=False)
    found = []
    for actions in [*layouts, readonly]:
        envs = VectorEnv(3, SHOP, copy=False)
        envs.reset(seed=1)
        for _ in range(4):
            observations, *_ = envs.step(actions)
        found.append((np.ascontiguousarray(observations).tobytes(), envs.snapshot()))
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("reset", "kind", "says"),
    [
        ({"seed": -1}, ValueError, "seed = -1; allowed: 0 to 18446744073709551615"),
        ({"seed": 2**64}, ValueError, "seed = 18446744073709551616; allowed: 0 to"),
        ({"seed": 1.5}, TypeError, "seed of type float; allowed: an integer"),
        ({"seed": True}, TypeError, "seed of type bool; allowed: an integer"),
        ({"seed": "1"}, TypeError, "seed of type str; allowed: an integer"),
        ({"options": 3}, TypeError, "options of type int; allowed: a dictionary, or None"),
        ({"options": {"level": -1}}, ValueError, "level = -1; allowed: 0 to 8589934591"),
        ({"options": {"level": 2**33}}, ValueError, "level = 8589934592; allowed: 0 to 8589934591"),
        ({"options": {"level": 0.5}}, TypeError, "level of type float; allowed: an integer"),
    ],
)
def test_a_wrong_reset_is_refused_and_the_episode_goes_on(reset: Any, kind: type[Exception], says: str) -> None:
    made: list[Env | VectorEnv] = [Env(SHOP), VectorEnv(3, SHOP)]
    for env in made:
        env.reset(seed=1)
        state, draws = env.snapshot(), copy.deepcopy(env.np_random)
        with pytest.raises(kind, match=re.escape(says)):
            env.reset(**reset)
        assert env.snapshot() == state
        assert env.np_random.integers(2**60) == draws.integers(2**60)


@pytest.mark.parametrize(
    ("reset", "kind", "says"),
    [
        ({"seed": [1, 2]}, ValueError, "2 seeds; allowed: one, or 3, one per environment"),
        ({"seed": [1, 2, -1]}, ValueError, "seed = -1; allowed: 0 to"),
        ({"seed": [1, 2, "3"]}, TypeError, "seed of type str; allowed: an integer"),
        ({"seed": np.array([1.0, 2.0, 3.0])}, TypeError, "seed of type float64; allowed: an integer"),
        ({"options": {"level": [1, 2]}}, ValueError, "2 levels; allowed: one, or 3, one per environment"),
        ({"options": {"level": [1, 2, None]}}, TypeError, "level of type NoneType; allowed: an integer"),
        ({"options": {"level": "123"}}, TypeError, "level of type str; allowed: an integer"),
        ({"options": {"reset_mask": [True, True, True]}}, TypeError, "reset_mask of type list; allowed: an array of bool"),
        ({"options": {"reset_mask": np.ones(3)}}, TypeError, "reset_mask of type float64; allowed: an array of bool"),
        ({"options": {"reset_mask": np.ones(4, np.bool_)}}, ValueError, "reset_mask of shape (4,) with 4 true; allowed: (3,)"),
        ({"options": {"reset_mask": np.ones((3, 1), np.bool_)}}, ValueError, "allowed: (3,), at least one"),
        ({"options": {"reset_mask": np.zeros(3, np.bool_)}}, ValueError, "allowed: (3,), at least one"),
    ],
)
def test_a_wrong_reset_of_a_batch_is_refused_and_its_episodes_go_on(reset: Any, kind: type[Exception], says: str) -> None:
    envs = VectorEnv(3, SHOP)
    envs.reset(seed=1)
    state = envs.snapshot()
    with pytest.raises(kind, match=re.escape(says)):
        envs.reset(**reset)
    assert envs.snapshot() == state


def test_nothing_but_a_reset_works_before_the_first() -> None:
    env, envs = Env(SHOP), VectorEnv(2, SHOP)
    attempts: list[Callable[[], Any]] = [
        lambda: env.step(0),
        lambda: env.step_jointly([0]),
        env.action_masks,
        env.snapshot,
        lambda: envs.step([0, 0]),
        envs.action_masks,
        envs.snapshot,
        lambda: envs.reset(options={"reset_mask": np.array([True, False])}),
    ]
    for attempt in attempts:
        with pytest.raises(ResetNeededError, match=NOT_RESET):
            attempt()
        with pytest.raises(gym.error.ResetNeeded):
            attempt()


def test_an_ended_episode_asks_for_a_reset() -> None:
    short = {**SHOP, "episode_decisions": 2}
    env, envs = Env(short), VectorEnv(2, short, autoreset_mode="disabled")
    env.reset(seed=1)
    envs.reset(seed=1)
    for _ in range(2):
        env.step(0)
        envs.step([0, 0])
    with pytest.raises(ResetNeededError, match=re.escape("the episode has ended; call reset()")):
        env.step(0)
    with pytest.raises(ResetNeededError, match="the episode of environment 0 has ended; reset it with"):
        envs.step([0, 0])
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeededError, match="the episode of environment 1 has ended"):
        envs.step([0, 0])
    env.reset()
    env.step(0)


def test_nothing_works_after_close_but_close() -> None:
    env, envs = Env(SHOP, render_mode="ansi"), VectorEnv(2, SHOP, render_mode="ansi")
    state = env.reset(seed=1) and env.snapshot()
    states = envs.reset(seed=1) and envs.snapshot()
    attempts: list[Callable[[], Any]] = [
        lambda: env.step(0),
        lambda: env.reset(seed=1),
        lambda: env.step_jointly([0]),
        lambda: env.restore(state),
        env.action_masks,
        env.snapshot,
        env.open_incidents,
        env.faults,
        env.active_faults,
        env.render,
        lambda: envs.step([0, 0]),
        lambda: envs.reset(seed=1),
        lambda: envs.restore(states),
        envs.action_masks,
        envs.snapshot,
        envs.open_incidents,
        envs.render,
    ]
    for _ in range(2):
        env.close()
        envs.close()
        for attempt in attempts:
            with pytest.raises(ClosedError, match=CLOSED):
                attempt()
            with pytest.raises(gym.error.ClosedEnvironmentError):
                attempt()
    assert len(env.action_meanings()) == 14


def test_an_array_of_the_batch_that_the_caller_has_bent_is_noticed() -> None:
    """Without copies the caller holds the batch's memory, and numpy lets it change shape and permissions."""
    for bend in (
        lambda array: array.setflags(write=False),
        lambda array: array.resize((1, 1), refcheck=False),
        lambda array: array.resize((500, 500), refcheck=False),
    ):
        envs = VectorEnv(2, SHOP, copy=False)
        observations, _ = envs.reset(seed=1)
        owner = observations if observations.base is None else observations.base
        bend(owner)
        with pytest.raises(RuntimeError, match="an array of the batch cannot be used"):
            envs.step([0, 0])


def test_a_scenario_file_is_checked_like_a_dictionary(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(load_scenario("spine12").to_toml().replace("rate_per_s = 400.0", "rate_per_s = nan"))
    with pytest.raises(ScenarioError, match=r"wrong\.toml: workload\.rate_per_s = NaN; allowed: "):
        Env(wrong)
    wrong.write_text("name = ")
    with pytest.raises(ScenarioError, match=r"wrong\.toml: line 1: "):
        Env(str(wrong))
    wrong.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"wrong\.toml: not a text file"):
        Env(wrong)


def test_every_exception_is_one_of_the_package_and_one_of_pythons_or_gymnasiums() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MicrocloudError)]
    assert len(kinds) >= 9
    for kind in kinds:
        assert kind.__doc__
        if kind is not MicrocloudError:
            others = (gym.error.Error, gym.error.ClosedEnvironmentError, ValueError, RuntimeError)
            assert issubclass(kind, others), kind


def test_the_compiled_half_checks_for_itself() -> None:
    topology = load_scenario(SHOP)
    zeros = np.zeros((2, 2), np.int64)
    for attempt, says in (
        (lambda: _core.Single(topology, "dev", False), "unknown split `dev`; allowed: train, test, heldout"),
        (lambda: _core.Batch([topology], "train", "Now", 1, True, False), "autoreset mode `Now`; allowed: NextStep"),
        (lambda: _core.Batch([], "train", "NextStep", 1, True, False), "num_envs = 0; allowed: 1 to 1048576"),
        (lambda: _core.Batch([topology, load_scenario("spine12")], "train", "NextStep", 1, True, False), "environment 1 has"),
        (lambda: _core.trajectory_hashes(topology, "train", 1, zeros + 14), "action 14; allowed: 0 to 13"),
        (lambda: _core.play_batch(topology, "train", 1, zeros[:, :0], 1), "actions of no environment; allowed: "),
        (lambda: _core.play_batch(topology, "train", 1, zeros, 0), "num_threads = 0; allowed: 1 to 1024"),
    ):
        with pytest.raises(ValueError, match=re.escape(says)):
            attempt()


def test_scenarios_are_listed() -> None:
    names = [summary.name for summary in microcloud_gym.scenarios()]
    builtin, generated = _core.builtin_scenarios()
    assert names == builtin + generated
    for summary in microcloud_gym.scenarios():
        env = Env(summary.name)
        assert env.observation_space.shape == (summary.observation_size,)
        assert env.action_space.n == summary.num_actions == len(env.action_meanings())
        assert summary.observation_size == len(env.observation_names())
        assert summary.description


def test_a_dictionary_may_hold_numpys_values_and_change_while_it_is_read():
    text = microcloud_gym.load_scenario("spine12").to_toml()
    own = tomllib.loads(text)
    expected = microcloud_gym.load_scenario(own).to_toml()
    own["workload"]["rate_per_s"] = np.float64(own["workload"]["rate_per_s"])
    own["workload"]["level_range"] = np.array(own["workload"]["level_range"])
    own["nodes"][0]["spot"] = np.bool_(False)
    own["tick_ms"] = np.int32(own["tick_ms"])
    assert microcloud_gym.load_scenario(own).to_toml() == expected


    class Meddles:
        def tolist(self):
            own["workload"]["unknown"] = 1
            return 400.0

    own["workload"]["rate_per_s"] = Meddles()
    microcloud_gym.load_scenario(own)


@pytest.mark.parametrize("values", [[1.0], [0.9, 1.1, 5.0], []])
def test_a_range_has_two_values(values):
    own = tomllib.loads(microcloud_gym.load_scenario("spine12").to_toml())
    own["workload"]["level_range"] = values
    with pytest.raises(microcloud_gym.errors.ScenarioError, match=f"invalid length {len(values)}"):
        microcloud_gym.load_scenario(own)


def test_a_reset_mask_of_odd_bytes_is_read_as_numpy_reads_it():
    envs = microcloud_gym.VectorEnv(3, "spine12", autoreset_mode="disabled")
    envs.reset(seed=1)
    mask = np.array([2, 0, 3], np.uint8).view(np.bool_)
    _, infos = envs.reset(options={"reset_mask": mask})
    assert infos["_level"].view(np.uint8).tolist() == [1, 0, 1]


def test_what_a_caller_writes_into_a_batchs_arrays_changes_no_mask_and_no_step():
    envs = [microcloud_gym.VectorEnv(3, "spine12", copy=False) for _ in range(2)]
    for env in envs:
        env.reset(seed=1)
    _, _, terminated, _, infos = envs[0].step([0, 0, 0])
    envs[1].step([0, 0, 0])
    infos["action_mask"][:] = 7
    terminated.view(np.uint8)[:] = 9
    observations = envs[0].step([1, 2, 3])
    expected = envs[1].step([1, 2, 3])
    assert all(np.array_equal(own, other) for own, other in zip(observations[:4], expected[:4], strict=True))
    assert np.array_equal(envs[0].action_masks(), envs[1].action_masks())


def test_a_batch_beyond_the_processs_memory_is_refused(monkeypatch):
    monkeypatch.setattr("microcloud_gym.vector.memory_limit", lambda: 10 * 2**20)
    microcloud_gym.VectorEnv(16, "spine12").close()
    with pytest.raises(MemoryError, match="GiB"):
        microcloud_gym.VectorEnv(1000, "spine12")
