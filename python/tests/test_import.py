"""Importing the package brings in nothing heavy, writes no file and starts no thread."""

import subprocess
import sys
from pathlib import Path

import microcloud_gym

HEAVY = ("torch", "ray", "tensorflow", "jax", "stable_baselines3", "sb3_contrib", "torchrl", "tensordict", "pettingzoo",
         "minari", "pandas", "scipy", "matplotlib", "PIL", "moviepy", "pygame", "cv2", "multiprocessing.pool")  # fmt: skip


def run(program: str, folder: Path) -> str:
    """What a fresh interpreter prints that runs a program in a folder, and fails on a warning."""
    path = str(Path(microcloud_gym.__file__).parents[1])
    environment = {"PYTHONPATH": path, "HOME": str(folder), "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_brings_in_nothing_that_gymnasium_does_not(tmp_path: Path) -> None:
    program = """
import sys, gymnasium, gymnasium.vector
before = set(sys.modules)
import microcloud_gym
print(*sorted(name.partition(".")[0] for name in set(sys.modules) - before))
"""
    assert set(run(program, tmp_path).split()) <= {"microcloud_gym"} | set(sys.stdlib_module_names)


def test_import_brings_in_nothing_heavy(tmp_path: Path) -> None:
    program = "import sys, microcloud_gym; print(*sys.modules)"
    loaded = set(run(program, tmp_path).split())
    assert "microcloud_gym._core" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_import_writes_no_file_and_starts_no_thread_or_process(tmp_path: Path) -> None:
    program = """
import sys, os
opened = []
def audit(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        flags = arguments[2] or 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            opened.append(arguments[0])
    elif event in ("os.fork", "subprocess.Popen", "os.mkdir", "socket.connect", "os.remove", "os.rename"):
        opened.append(event)
import gymnasium, gymnasium.vector
sys.addaudithook(audit)
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
import microcloud_gym
import threading
after = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
print(opened, after - threads, threading.active_count())
"""
    assert run(program, tmp_path).strip() == "[] 0 1"
    assert list(tmp_path.iterdir()) == []


def test_an_environment_writes_no_file_either(tmp_path: Path) -> None:
    program = """
import gymnasium, microcloud_gym
env = gymnasium.make("microcloud/Spine12-v0", render_mode="ansi")
env.reset(seed=1)
env.step(0)
env.unwrapped.snapshot()
"""
    run(program, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_again_warns_of_nothing(tmp_path: Path) -> None:
    """Ids that are registered already are left alone: Gymnasium warns of overriding."""
    program = """
import importlib, microcloud_gym
importlib.reload(microcloud_gym)
import gymnasium
gymnasium.make("microcloud/Spine12-v0")
"""
    run(program, tmp_path)
