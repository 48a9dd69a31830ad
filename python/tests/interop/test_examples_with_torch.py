"""The examples that need torch run, shortened, and print what they promise."""

import re
from pathlib import Path

from example import run


def test_train_sb3(tmp_path: Path) -> None:
    """sb3-contrib: examples/train_sb3.py, 4,096 steps"""
    model = tmp_path / "model.zip"
    short = ["--total-timesteps", "4096", "--eval-episodes", "4", "--save", str(model)]
    printed = run("train_sb3.py", *short, cwd=tmp_path)
    assert "ep_rew_mean" in printed and model.exists()
    assert re.search(r"MaskablePPO -\d+\.\d\d, no-op -\d+\.\d\d", printed)


def test_train_cleanrl_style(tmp_path: Path) -> None:
    """PyTorch: examples/train_cleanrl_style.py, 8,192 steps"""
    printed = run("train_cleanrl_style.py", "--total-timesteps", "8192", "--eval-episodes", "4", cwd=tmp_path)
    lines = re.findall(r"^step +\d+ .*losses/approx_kl -?\d", printed, re.MULTILINE)
    assert len(lines) == 2
    assert re.search(r"trained -\d+\.\d\d, no-op -\d+\.\d\d", printed)
