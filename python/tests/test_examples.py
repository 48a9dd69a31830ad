"""The examples that need neither torch nor ray run, shortened, and print what they promise."""

import json
import re
from pathlib import Path

import pytest
from example import EXAMPLES, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run's folder, and what train_rust.py has printed."""
    folder = tmp_path_factory.mktemp("example")
    short = ["--total-timesteps", "4096", "--num-envs", "16", "--eval-episodes", "2"]
    return folder / "run", run("train_rust.py", *short, "--run-dir", str(folder / "run"), cwd=folder)


def test_the_rust_trainer_reports_and_leaves_a_run(trained: tuple[Path, str]) -> None:
    folder, printed = trained
    assert re.search(r"^step +4096 of 4096", printed, re.MULTILINE)
    assert re.search(r"^no-op +-\d+\.\d\d", printed, re.MULTILINE)
    assert json.loads((folder / "evaluation.json").read_text())["rows"]


def test_a_checkpoint_is_evaluated_and_watched(trained: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = trained
    printed = run("evaluate_checkpoint.py", str(folder), "--episodes", "4", "--control-episodes", "1", cwd=tmp_path)
    assert re.search(r"^ppo:\S+ +-\d", printed, re.MULTILINE)
    assert re.search(r"^return -\d+\.\d\d$", printed, re.MULTILINE)


def test_a_policy_of_ones_own_is_compared(tmp_path: Path) -> None:
    printed = run("custom_policy.py", "--episodes", "8", "--control-episodes", "2", cwd=tmp_path)
    returns = {match[1]: float(match[2]) for match in re.finditer(r"^(\S+) +(-\d+\.\d+)", printed, re.MULTILINE)}
    assert returns.keys() >= {"no-op", "restart-worst", "threshold-rules"}
    # It acts at all.
    assert returns["restart-worst"] != returns["no-op"]


def test_a_scenario_of_ones_own_is_played(tmp_path: Path) -> None:
    printed = run("own_scenario.py", "--episodes", "4", cwd=tmp_path)
    assert "restart(basket)" in printed and "threshold-rules: a mean return of -" in printed


def test_every_example_is_run_by_a_test() -> None:
    tests = [Path(__file__), Path(__file__).parent / "interop" / "test_examples_with_torch.py"]
    text = "".join(test.read_text() for test in tests)
    assert [example.name for example in sorted(EXAMPLES.glob("*.py")) if f'"{example.name}"' not in text] == []
