"""Evaluation and training as calls: what they return, that they stop when told to, and that they print nothing."""

import json
import os
import signal
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from training import CONFIG, small_run

import microcloud_gym
from microcloud_gym import evaluate, load_policy
from microcloud_gym.errors import EvaluationError, PolicyError, ScenarioError, TrainingError

FEW: dict[str, Any] = {"episodes": 12, "control_episodes": 3, "num_threads": 2}


class Mine:
    """A policy of one's own that does what it is told to, and remembers what it was shown."""

    name = "mine"

    def __init__(self, choose: Callable[..., Any] = lambda observations, *_: [0] * len(observations)) -> None:
        """Chooses with `choose`."""
        self.choose = choose
        self.shown: list[tuple[NDArray[Any], ...]] = []
        self.threads: set[int] = set()

    def act(self, observations: NDArray[Any], action_masks: NDArray[Any], episode_starts: NDArray[Any]) -> Any:
        """What `choose` says."""
        self.threads.add(threading.get_ident())
        self.shown.append((observations, action_masks, episode_starts))
        return self.choose(observations, action_masks, episode_starts)


class Delegate:
    """Another policy under a name of its own."""

    def __init__(self, policy: microcloud_gym.Policy) -> None:
        """Asks `policy`."""
        self.name = f"my {policy.name}"
        self.policy = policy

    def act(self, *shown: Any) -> Any:
        """What the other says."""
        return self.policy.act(*shown)


def interrupted_in(seconds: float) -> None:
    """Presses Ctrl-C later."""
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def figures(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its name."""
    return {key: value for key, value in row.items() if key != "policy"}


@pytest.mark.parametrize("name", ["no-op", "random", "threshold-rules"])
def test_a_policy_in_python_plays_as_the_same_policy_inside(name: str) -> None:
    policy = load_policy(name, "spine12")
    report = evaluate([name, Delegate(policy)], "spine12", **FEW)
    own, delegated = report["rows"]
    assert (own["policy"], delegated["policy"]) == (name, f"my {name}")
    assert figures(own) == figures(delegated)


def test_a_policy_of_ones_own_is_asked_in_this_thread_batch_after_batch() -> None:
    mine = Mine()
    evaluate(mine, ["spine12"], **FEW)
    assert mine.threads == {threading.get_ident()}
    starts = [place for place, (_, _, episode_starts) in enumerate(mine.shown) if episode_starts.any()]
    assert all(mine.shown[place][2].all() for place in starts)
    # Batches of eight, four, and three control episodes, none begun before the one before it has ended.
    assert [len(mine.shown[place][0]) for place in starts] == [8, 4, 3]
    for begin, end in zip(starts, [*starts[1:], len(mine.shown)], strict=True):
        assert {len(observations) for observations, _, _ in mine.shown[begin:end]} == {len(mine.shown[begin][0])}
    found = [(array.dtype.name, array.shape) for array in mine.shown[0]]
    assert found == [("float32", (8, 228)), ("bool", (8, 45)), ("bool", (8,))]


def test_what_a_policy_raises_stops_the_evaluation_and_arrives_unchanged() -> None:
    raised = KeyError("mine")

    def choose(observations: NDArray[Any], *_: Any) -> Any:
        if len(mine.shown) == 5:
            raise raised
        return np.zeros(len(observations), np.int64)

    mine = Mine(choose)
    with pytest.raises(KeyError) as caught:
        evaluate(mine, "spine12", **FEW)
    assert caught.value is raised
    assert len(mine.shown) == 5


@pytest.mark.parametrize(
    ("choose", "match"),
    [
        (lambda o, *_: [99999] * len(o), "action 99999 in row 0; allowed: 0 to 44"),
        (lambda o, *_: [-1] * len(o), "action -1 in row 0"),
        (lambda _, mask, __: mask.argmin(1), "where it is not legal"),
        (lambda *_: 0, r"shape \(\); allowed: integers of shape \(8,\)"),
        (lambda o, *_: [0] * (len(o) + 1), r"shape \(9\)"),
        (lambda o, *_: np.zeros(len(o)), "dtype float64"),
        (lambda *_: None, "dtype object"),
        (lambda *_: [[0], 1], "no array"),
    ],
)
def test_an_answer_that_is_no_legal_action_per_row_is_refused(choose: Callable[..., Any], match: str) -> None:
    with pytest.raises(PolicyError, match=match):
        evaluate(Mine(choose), "spine12", **FEW)


def test_integers_of_any_kind_are_an_answer() -> None:
    reports = [
        evaluate(Mine(choose), "spine12", **FEW)
        for choose in (lambda o, *_: [0] * len(o), lambda o, *_: np.zeros(len(o), np.uint8))
    ]
    assert reports[0] == reports[1]


def test_progress_counts_to_the_end_and_may_stop_it() -> None:
    told: list[tuple[int, int]] = []
    evaluate("random", "spine12", **FEW, progress=lambda *counts: told.append(counts))
    # no-op and oracle are played for the scale as well, on the levels with faults.
    assert told[-1] == (39, 39) and [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate("random", "spine12", **FEW, progress=stop)


def test_threads_change_no_figure_and_scenarios_come_in_order() -> None:
    shop = tomllib.loads(microcloud_gym.load_scenario("spine12").to_toml()) | {"name": "shop"}
    reports = [
        evaluate(["threshold-rules", Mine()], [shop, "online-boutique"], **FEW | {"num_threads": threads})
        for threads in (1, 2)
    ]
    assert reports[0] == reports[1]
    rows = [(row["scenario"], row["policy"]) for row in reports[0]["rows"]]
    assert rows == [(name, policy) for name in ("shop", "online-boutique") for policy in ("threshold-rules", "mine")]


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "match"),
    [
        (("no-op", "spine12"), {"episodes": 0}, EvaluationError, "episodes = 0; allowed: 1 to 1000000"),
        (("no-op", "spine12"), {"seed": -1}, EvaluationError, "seed = -1"),
        (("no-op", "spine12"), {"episodes": 2.0}, TypeError, "of type float; allowed: an integer"),
        (("no-op", "spine12"), {"split": "tset"}, EvaluationError, "allowed: train, test, heldout"),
        (([], "spine12"), {}, EvaluationError, "policies: none is given"),
        (("no-op", []), {}, EvaluationError, "scenarios: none is given"),
        ((["no-op", "no-op"], "spine12"), {}, EvaluationError, "given twice"),
        (("no-op", ["spine12", "spine12"]), {}, EvaluationError, "given twice"),
        ((3, "spine12"), {}, TypeError, "an object with a string `name`"),
        (("nobody", "spine12"), {}, PolicyError, "unknown policy"),
        (("no-op", "spine13"), {}, ScenarioError, "did you mean `spine12`"),
    ],
)
def test_settings_that_no_evaluation_can_have_are_refused(
    arguments: Any, settings: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        evaluate(*arguments, **FEW | settings)


def test_no_policy_of_ones_own_stands_for_a_baseline() -> None:
    mine = Mine()
    mine.name = "oracle"
    with pytest.raises(EvaluationError, match="`oracle` is a baseline's name"):
        evaluate(mine, "spine12", **FEW)


def test_ctrl_c_stops_an_evaluation() -> None:
    told = [(0, 1)]
    interrupted_in(0.5)
    with pytest.raises(KeyboardInterrupt):
        # For an hour, if it were let.
        evaluate("oracle", "spine12", episodes=100_000, progress=lambda *counts: told.append(counts))
    assert told[-1][0] < told[-1][1]


def test_a_run_returns_its_folder_and_its_evaluation_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[dict[str, Any]] = []
    run = small_run(tmp_path / "run", progress=told.append)
    assert run.run_dir == tmp_path / "run" and run.completed
    assert run.evaluation is not None
    assert run.evaluation == json.loads((run.run_dir / "evaluation.json").read_text())
    names = [row["policy"] for row in run.evaluation["rows"]]
    assert names == ["no-op", "random", "threshold-rules", "calibrated-rules", "oracle", f"ppo:{run.run_dir}"]
    assert [snapshot["step"] for snapshot in told] == [128, 256, 384, 512]
    assert {"total_steps", "seconds_left", "charts/SPS", "losses/policy_loss"} < set(told[0])
    manifest = json.loads((run.run_dir / "manifest.json").read_text())
    assert manifest["command_line"][:2] == ["microcloud_gym.train", "total_timesteps=512"]
    assert capfd.readouterr() == ("", "")


def test_what_progress_raises_comes_after_a_checkpoint_of_that_very_step(tmp_path: Path) -> None:
    def stop(snapshot: dict[str, Any]) -> None:
        if snapshot["step"] == 256:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        small_run(tmp_path / "run", progress=stop)
    assert "train(resume=" in caught.value.__notes__[0]
    assert (tmp_path / "run/checkpoints/latest").read_text() == "000000256\n"
    resumed: list[int] = []
    run = microcloud_gym.train(resume=tmp_path / "run", progress=lambda snapshot: resumed.append(snapshot["step"]))
    assert run.completed and resumed == [384, 512]


def test_progress_that_returns_false_ends_a_run_early(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", progress=lambda snapshot: snapshot["step"] < 256)
    assert (run.completed, run.evaluation) == (False, None)
    assert (run.run_dir / "checkpoints/latest").read_text() == "000000256\n"


def test_ctrl_c_stops_a_run_with_a_checkpoint(tmp_path: Path) -> None:
    interrupted_in(1.0)
    with pytest.raises(KeyboardInterrupt) as caught:
        microcloud_gym.train(run_dir=tmp_path / "run", num_threads=2)
    assert "train(resume=" in caught.value.__notes__[0]
    assert load_policy(tmp_path / "run").scenario == "spine12"


def test_a_scenario_of_ones_own_is_learnt_from_a_dictionary(tmp_path: Path) -> None:
    shop = tomllib.loads(microcloud_gym.load_scenario("spine12").to_toml()) | {"name": "shop"}
    run = small_run(tmp_path / "run", scenario=shop)
    assert run.evaluation is not None and run.evaluation["rows"][0]["scenario"] == "shop"
    assert load_policy(run.run_dir, shop).scenario == "shop"
    other = shop | {"decision_ticks": 4}
    with pytest.raises(TrainingError, match="scenario: it is not that of"):
        microcloud_gym.train(other, resume=run.run_dir)
    assert microcloud_gym.train(shop, resume=run.run_dir).completed


def test_a_configuration_is_a_file_or_a_dictionary_and_arguments_win(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seed = 7\nfinal_episodes = 2\nfinal_control_episodes = 1\neval_episodes = 2\n[ppo]\nhidden = [8]\n")
    run = small_run(tmp_path / "run", config=file, seed=9, num_envs=4)
    saved = tomllib.loads((run.run_dir / "config.toml").read_text())
    assert (saved["seed"], saved["ppo"]["hidden"], saved["ppo"]["num_envs"]) == (9, [8], 4)
    numpys = {"ppo.gamma": np.float64(0.5), "seed": np.int64(4), "ppo.ent_coef": None, "ppo.hidden": np.array([8, 4])}
    run = small_run(tmp_path / "dotted", config=CONFIG | numpys)
    saved = tomllib.loads((run.run_dir / "config.toml").read_text())
    assert (saved["seed"], saved["ppo"]["gamma"], saved["ppo"]["hidden"]) == (4, 0.5, [8, 4])


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"scenario": "spine13"}, ScenarioError, "did you mean `spine12`"),
        ({"scenario": 3}, TypeError, "a scenario of type int"),
        ({"algo": "sac"}, TrainingError, "allowed: dqn, ppo"),
        ({"seed": -1}, TrainingError, "allowed: 0 to 4294967295"),
        ({"seed": 2**70}, TrainingError, "too large"),
        ({"num_envs": 0}, TrainingError, "num_envs = 0: ppo.num_envs = 0; allowed: 1 to 65536"),
        ({"config": {"ppo": {"gama": 1}}}, TrainingError, 'the nearest is "ppo.gamma"'),
        ({"config": {"ppo.gamma": 2}}, TrainingError, "allowed: 0.0 to 1.0"),
        ({"config": {"ppo": {"learning_rate": float("nan")}}}, TrainingError, "NaN; allowed"),
        ({"config": {"seed": object()}}, TypeError, "of type object; allowed: numbers, strings and lists"),
        ({"config": {3: 4}}, TypeError, "the key 3; allowed: strings"),
        ({"config": "nowhere.toml"}, TrainingError, "nowhere.toml: cannot be read"),
        ({"on_exists": "maybe"}, TrainingError, "allowed: fail, new, resume"),
        ({"resume": "nowhere"}, TrainingError, "both given"),
        ({"resume": "nowhere", "run_dir": None}, TrainingError, "no run to resume here"),
        ({"run_dir": ""}, TrainingError, "run_dir: it is empty"),
        ({"progress": 3}, TypeError, "progress of type int; allowed: a function"),
    ],
)
def test_settings_that_no_run_can_have_are_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        microcloud_gym.train(**{"run_dir": tmp_path / "run"} | settings)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_exists_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    with pytest.raises(TrainingError, match='on_exists="new"'):
        small_run(tmp_path / "run")
    assert small_run(tmp_path / "run", on_exists="new").run_dir == tmp_path / "run-2"
    assert small_run(tmp_path / "run", on_exists="resume").evaluation == run.evaluation
    with pytest.raises(TrainingError, match="seed = 3: contradicts"):
        microcloud_gym.train(resume=run.run_dir, seed=3)
    (run.run_dir / "checkpoints/000000512/state.json").write_text("{}")
    with pytest.raises(PolicyError, match="SHA-256"):
        microcloud_gym.train(resume=run.run_dir)
