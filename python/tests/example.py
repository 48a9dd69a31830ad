"""Runs a program of python/examples as its users do."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str, cwd: Path) -> str:
    """What the example prints, which ends without an error."""
    command = [sys.executable, "-W", "error::UserWarning:microcloud_gym", str(EXAMPLES / name), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert found.returncode == 0, found.stderr
    return found.stdout
