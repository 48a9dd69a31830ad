#!/usr/bin/env python3
"""Runs other simulators beside this one on the same core, each in a process of its own, and prints a Markdown table.

    python3 benches/peers.py [--core 0] [--seconds 5] [--venv DIR] [--only NAME,...] [--json FILE]

Makes a virtual environment (in a temporary folder, or in DIR, which is kept) for each family of peers and installs them
there with pip. A peer that cannot be installed or run is a row with the reason. All play random legal actions, drawn
beforehand, on one thread; where an episode ends the next one begins. A row is the median of five parts of `--seconds`.
The simulators are different ones and do different work in a step: the table says how many steps a second each gives a
learner, not which is the better program.

Python 3.11 or later and its standard library; `taskset` (Debian: util-linux) keeps a process on its core.
"""

import argparse
import importlib.metadata
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ending import end

PARTS = 5
# Actions drawn beforehand, which are played round and round.
DRAWN = 256


def time_steps(seconds, num_envs, step):
    """Environment steps per second: the median over five parts, after a tenth as long to warm up."""
    begin = time.perf_counter()
    batch = 0
    while time.perf_counter() - begin < seconds / 10:
        step(batch)
        batch += 1
    rates = []
    for _ in range(PARTS):
        begin, steps, elapsed = time.perf_counter(), 0, 0.0
        while elapsed < seconds / PARTS:
            # The clock is read once in a while only.
            for _ in range(16):
                step(batch)
                batch += 1
            steps += 16
            elapsed = time.perf_counter() - begin
        rates.append(steps * num_envs / elapsed)
    return statistics.median(rates)


def gymnasium_single(num_envs, seconds):
    import gymnasium
    import numpy

    environment = gymnasium.make("CartPole-v1")
    return one_by_one(environment, numpy.random.default_rng(0).integers(0, 2, DRAWN).tolist(), seconds)


def one_by_one(environment, actions, seconds):
    """Steps a single environment of gymnasium's interface."""
    environment.reset(seed=0)

    def step(batch):
        _, _, terminated, truncated, _ = environment.step(actions[batch % DRAWN])
        if terminated or truncated:
            environment.reset()

    return time_steps(seconds, 1, step)


def gymnasium_vector(mode):
    def measure(num_envs, seconds):
        import gymnasium
        import numpy

        environments = gymnasium.make_vec("CartPole-v1", num_envs=num_envs, vectorization_mode=mode)
        environments.reset(seed=0)
        actions = numpy.random.default_rng(0).integers(0, 2, (DRAWN, num_envs))
        return time_steps(seconds, num_envs, lambda batch: environments.step(actions[batch % DRAWN]))

    return measure


def envpool_cartpole(num_envs, seconds):
    import envpool
    import numpy

    environments = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=num_envs, num_threads=1)
    environments.reset()
    actions = numpy.random.default_rng(0).integers(0, 2, (DRAWN, num_envs), dtype=numpy.int32)
    return time_steps(seconds, num_envs, lambda batch: environments.step(actions[batch % DRAWN]))


def puffer_ocean(name, **settings):
    def measure(num_envs, seconds):
        import numpy
        from pufferlib.ocean import env_creator

        environments = env_creator(f"puffer_{name}")(**settings)
        environments.reset(seed=0)
        # Every agent has an action and an observation of its own, and there are many in one environment of snake.
        agents = environments.num_agents
        choices = int(environments.single_action_space.n)
        actions = numpy.random.default_rng(0).integers(0, choices, (DRAWN, agents), dtype=numpy.int32)
        return time_steps(seconds, agents, lambda batch: environments.step(actions[batch % DRAWN]))

    return measure


def nasim_medium(num_envs, seconds):
    import nasim
    import numpy

    environment = nasim.make_benchmark("medium", seed=0)
    actions = numpy.random.default_rng(0).integers(0, environment.action_space.n, DRAWN).tolist()
    return one_by_one(environment, actions, seconds)


class Peer:
    """A simulator: what is installed for it, the numbers of environments, and how it is measured."""

    def __init__(self, name, packages, num_envs, measure, reason=None):
        self.name, self.packages, self.num_envs, self.measure, self.reason = name, packages, num_envs, measure, reason


GYMNASIUM = ["gymnasium", "numpy"]
ENVPOOL = ["envpool", "gymnasium", "numpy"]
PUFFER = ["pufferlib==3.0.0"]
PEERS = [
    Peer("gymnasium CartPole", GYMNASIUM, [1], gymnasium_single),
    Peer("gymnasium CartPole, SyncVectorEnv", GYMNASIUM, [64], gymnasium_vector("sync")),
    Peer("gymnasium CartPole, numpy vector", GYMNASIUM, [64, 1024, 4096], gymnasium_vector("vector_entry_point")),
    Peer("EnvPool CartPole", ENVPOOL, [64, 1024], envpool_cartpole),
    Peer("PufferLib cartpole", PUFFER, [1024], puffer_ocean("cartpole", num_envs=1024, report_interval=128)),
    Peer("PufferLib breakout", PUFFER, [1024], puffer_ocean("breakout", num_envs=1024, report_interval=128)),
    Peer("PufferLib snake, 16 boards of 256, steps of one snake", PUFFER, [4096], puffer_ocean("snake")),
    Peer("NASim medium", ["nasim"], [1], nasim_medium),
    Peer("CybORG", [], [1], None, "not on PyPI: `cyborg` there is another project"),
    Peer("MiniCAGE", [], [1], None, "not on PyPI"),
]
OURS = [1, 64, 1024]


def measure_here(name, num_envs, seconds):
    """What the script does inside a peer's environment: measures it and prints one line of JSON."""
    peer = next(peer for peer in PEERS if peer.name == name)
    rate = peer.measure(num_envs, seconds)
    version = importlib.metadata.version(peer.packages[0].split("==")[0])
    print(json.dumps({"steps_per_s": rate, "version": version}))


def last_line(text):
    """The last line that names an error, or else the last one, short enough for a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if re.match(r"(ERROR: \w|[\w.]*(Error|Exception|NotFound)\b.*:)", line)]
    return (errors or lines)[-1].replace("|", "/")[:160]


def install(packages, folder, seconds, name=None):
    """A virtual environment with the packages, in a folder of this name; its Python, and the reason where there is none."""
    home = folder / (name or packages[0].split("==")[0])
    python = home / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", home], capture_output=True, text=True)
        if made.returncode != 0:
            return None, "did not install: " + last_line(made.stderr + made.stdout)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, f"did not install: not done after {seconds} s"
    if done.returncode != 0:
        return None, "did not install: " + last_line(done.stderr + done.stdout)
    return python, None


def pinned(core):
    """What keeps a process on one core."""
    return ["taskset", "-c", str(core)]


def run_peer(peer, num_envs, python, arguments):
    """One row of a peer."""
    row = {"name": peer.name, "num_envs": num_envs}
    command = [python, Path(__file__).resolve(), "--measure", peer.name, "--envs", str(num_envs)]
    command = [*pinned(arguments.core), *command, "--seconds", str(arguments.seconds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=120 + 20 * arguments.seconds, cwd="/"
        )
        if done.returncode != 0:
            return row | {"reason": "did not run: " + last_line(done.stderr)}
        return row | json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return row | {"reason": f"did not run: {type(error).__name__}"}


def run_ours(arguments):
    """The rows of this repository."""
    command = [arguments.bench, "--num-envs", ",".join(map(str, OURS)), "--threads", "1", "--seconds", str(arguments.seconds)]
    done = subprocess.run([*pinned(arguments.core), *command, "--json"], check=True, capture_output=True, text=True)
    name = "microcloud-gym {scenario}, actions drawn as it goes"
    return [
        {
            "name": name.format(**row),
            "version": "this commit",
            "num_envs": row["num_envs"],
            "steps_per_s": row["steps_per_s"],
            "ticks_per_s": row["ticks_per_s"],
        }
        for row in json.loads(done.stdout)["rows"]
    ]


def build():
    """Builds the command and says where it is."""
    root = Path(__file__).resolve().parent.parent
    subprocess.run(["cargo", "build", "--bin", "bench"], check=True, cwd=root)
    return Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug" / "bench"


def table(rows):
    """The rows as Markdown."""
    lines = ["| simulator | version | environments | steps per second | ticks per second |", "|---|---|---|---|---|"]
    for row in rows:
        steps = f"{row['steps_per_s']:,.0f}" if "steps_per_s" in row else row["reason"]
        ticks = f"{row['ticks_per_s']:,.0f}" if "ticks_per_s" in row else ""
        lines.append(f"| {row['name']} | {row.get('version', '')} | {row['num_envs']:,} | {steps} | {ticks} |")
    return "\n".join(lines)


def run_all(arguments, folder):
    """Every row: peers first, this repository last."""
    rows, pythons = [], {}
    wanted = [word for word in (arguments.only or "").split(",") if word]
    for peer in PEERS:
        if wanted and not any(name.lower() in peer.name.lower() for name in wanted):
            continue
        key = tuple(peer.packages)
        if peer.packages and key not in pythons:
            print(f"installing {' '.join(key)}", file=sys.stderr)
            pythons[key] = install(peer.packages, folder, arguments.install_seconds)
        python, reason = (None, peer.reason) if peer.reason else pythons[key]
        for num_envs in peer.num_envs:
            print(f"{peer.name}, {num_envs}", file=sys.stderr)
            row = {"name": peer.name, "num_envs": num_envs, "reason": reason}
            rows.append(row if reason else run_peer(peer, num_envs, python, arguments))
    return rows + run_ours(arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", type=int, default=0, help="that all run on, one after the other")
    parser.add_argument("--seconds", type=float, default=5.0, help="that each is measured for")
    parser.add_argument("--venv", help="folder of the virtual environments [default: a temporary one]")
    parser.add_argument("--install-seconds", type=int, default=1800, help="after which an installation is given up")
    parser.add_argument("--bench", help="the built command of this repository [default: build it with cargo]")
    parser.add_argument("--only", help="peers whose name contains one of these words")
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--envs", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return measure_here(arguments.measure, arguments.envs, arguments.seconds)
    if not shutil.which("taskset"):
        sys.exit("taskset is not installed")
    if not 0.0 < arguments.seconds <= 3600.0:
        sys.exit(f"--seconds {arguments.seconds}; allowed: above 0, at most 3600")
    # What cannot work shows before the peers take their time.
    subprocess.run([*pinned(arguments.core), "true"], check=True, capture_output=True, text=True)
    arguments.bench = arguments.bench or build()
    subprocess.run([arguments.bench, "--version"], check=True, capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as temporary:
        rows = run_all(arguments, Path(arguments.venv or temporary).resolve())
    print(table(rows), flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"schema": 1, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    end(main)
