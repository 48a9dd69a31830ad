"""`python -m microcloud_gym`: the commands of the binaries, with their output, their exit codes and their Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from training import small_run

import microcloud_gym

MODULE = [sys.executable, "-m", "microcloud_gym"]


def run(*words: str, folder: Path, code: int = 0) -> str:
    """What a command with this exit code prints; on standard error where that is not 0."""
    done = subprocess.run([*MODULE, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    if code == 0:
        assert done.stderr == ""
        return done.stdout
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr


def test_help_lists_the_commands_and_each_has_its_own(tmp_path: Path) -> None:
    text = run("--help", folder=tmp_path)
    for command in ("train", "evaluate", "scenario", "experiment", "report", "bench"):
        assert f"\n  {command} " in text
        assert "Example:\n" in run(command, "--help", folder=tmp_path)
    words = text.split("Example:\n")[1].split()
    assert words[:3] == ["python", "-m", "microcloud_gym"]
    run(*words[3:], folder=tmp_path)


def test_mistakes_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert "did you mean `train`?" in run("trian", folder=tmp_path, code=2)
    assert "a command is missing; allowed: train, evaluate" in run(folder=tmp_path, code=2)
    assert "did you mean `no-op`?" in run("evaluate", "nobody", folder=tmp_path, code=2)
    assert "allowed: dqn, ppo" in run("train", "--algo", "sac", folder=tmp_path, code=2)
    assert "see `--help`" in run("scenario", "--no-such-flag", folder=tmp_path, code=2)
    (tmp_path / "counts.json").write_text("{}")
    run("bench", "--compare", "counts.json", folder=tmp_path, code=3)
    assert "allowed: cargo run --bin bench" in run("bench", "--record", "new.json", folder=tmp_path, code=2)
    assert not (tmp_path / "new.json").exists()


def test_the_call_and_the_command_report_the_same(tmp_path: Path) -> None:
    trained = small_run(tmp_path / "mine").run_dir
    numbers = ["--episodes", "10", "--control-episodes", "3", "--split", "train", "--seed", "5", "--json", "-"]
    settings: dict[str, Any] = {"episodes": 10, "control_episodes": 3, "split": "train", "seed": 5}
    policies, scenarios = ["random", "threshold-rules"], ["spine12", "random-3"]
    chosen = [word for name in scenarios for word in ("--scenario", name)]
    printed = json.loads(run("evaluate", *policies, *chosen, *numbers, folder=tmp_path))
    assert microcloud_gym.evaluate(policies, scenarios, **settings) == printed
    printed = json.loads(run("evaluate", str(trained), *numbers, folder=tmp_path))
    for policy in (trained, microcloud_gym.load_policy(trained)):
        assert microcloud_gym.evaluate(policy, "spine12", **settings) == printed
    run("evaluate", str(trained), *chosen, *numbers, folder=tmp_path, code=2)
    with pytest.raises(microcloud_gym.errors.PolicyError, match=r"on random-3: .* another environment"):
        microcloud_gym.evaluate(trained, scenarios, **settings)


def test_scenarios_are_shown_as_the_package_has_them(tmp_path: Path) -> None:
    assert run("scenario", "show", "spine12", folder=tmp_path) == microcloud_gym.load_scenario("spine12").to_toml()
    lines = run("scenario", "list", folder=tmp_path).splitlines()
    # Presets and aliases are shown as such, and are no scenarios of their own.
    listed = [line.split()[0] for line in lines if " alias of " not in line and " preset: " not in line]
    assert listed == [summary.name for summary in microcloud_gym.scenarios()]


def test_bench_measures(tmp_path: Path) -> None:
    text = run("bench", "--num-envs", "2", "--threads", "1", "--seconds", "0.05", "--json", folder=tmp_path)
    assert json.loads(text)["rows"][0]["num_envs"] == 2


def test_ctrl_c_stops_training_with_a_checkpoint_and_130(tmp_path: Path) -> None:
    command = [*MODULE, "train", "--run-dir", "run", "--progress", "json", "--threads", "2"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        while '"step"' not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        said = process.stderr.read()
    assert process.returncode == 130
    assert said.splitlines()[0] == "stopping with a checkpoint; once more to stop at once"
    assert microcloud_gym.load_policy(tmp_path / "run").scenario == "spine12"


def test_ctrl_c_ends_a_command_that_does_not_listen_for_it(tmp_path: Path) -> None:
    command = [*MODULE, "scenario", "validate"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
