#!/usr/bin/env python3
"""Holds steps from Python against the same steps in Rust, with other packages in the same run, and prints Markdown tables.

    python3 benches/python_speed.py [--package WHEEL|DIR] [--core 0] [--seconds 5] [--venv DIR] [--json FILE]

Installs the package (from `python/` of this repository, or from a wheel) and its peers into virtual environments, and runs
every measurement in a process of its own on one core. A step from Python and the same step in Rust alone
(`microcloud_gym._core.play_batch`: same scenario, seed and actions) are timed by turns, round after round; a row has the
medians, and what the binding adds is the median of the rounds' differences. Actions are uniformly random, drawn beforehand.
Peers are those of `benches/peers.py`, measured as there.

Python 3.11 or later and its standard library; `taskset` (Debian: util-linux) keeps a process on its core.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers
from ending import end

HERE = Path(__file__).resolve().parent
PEER_NAMES = ["gymnasium CartPole", "gymnasium CartPole, numpy vector", "EnvPool CartPole", "NASim medium"]
# Decisions that are played from a reset on before the next round.
STEPS = 50
IMPORTS = 15


def by_turns(seconds, num_envs, python_steps, rust_seconds):
    """Microseconds per call: from Python, in Rust, and the median of their differences, over rounds of both."""
    python, rust = [], []
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds or len(python) < 5:
        python.append(python_steps() / STEPS * 1e6)
        rust.append(rust_seconds() / STEPS * 1e6)
    added = statistics.median(own - other for own, other in zip(python, rust, strict=True))
    own, other = statistics.median(python), statistics.median(rust)
    return {
        "python_us": own,
        "rust_us": other,
        "added_us": added,
        "steps_per_s": num_envs / own * 1e6,
        "share": other / own,
        "rounds": len(python),
    }


def scenario(one_tick):
    """`spine12`, or the same with one tick per decision."""
    import tomllib

    from microcloud_gym import load_scenario

    own = load_scenario("spine12")
    if not one_tick:
        return own
    return load_scenario(tomllib.loads(own.to_toml()) | {"name": "spine12-one-tick", "decision_ticks": 1})


def single(seconds, one_tick, wrapped):
    """One environment against the same steps in Rust."""
    import gymnasium
    import numpy
    from microcloud_gym import _core

    topology = scenario(one_tick)
    environment = gymnasium.make("microcloud/Custom-v0", scenario=topology)
    environment = environment if wrapped else environment.unwrapped
    actions = numpy.random.default_rng(0).integers(0, environment.action_space.n, STEPS)
    column = actions[:, numpy.newaxis].copy()

    def python_steps():
        environment.reset(seed=1)
        begin = time.perf_counter()
        for action in actions:
            environment.step(action)
        return time.perf_counter() - begin

    return by_turns(seconds, 1, python_steps, lambda: _core.play_batch(topology, "train", 1, column, 1))


def batch(seconds, num_envs, copy):
    """A batch against the same steps in Rust."""
    import gymnasium
    import numpy
    from microcloud_gym import _core

    environments = gymnasium.make_vec(
        "microcloud/Spine12-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode="same_step",
        copy=copy,
    )
    topology = environments.topologies[0]
    actions = numpy.random.default_rng(0).integers(0, topology.num_actions, (STEPS, num_envs))

    def python_steps():
        environments.reset(seed=1)
        begin = time.perf_counter()
        for row in actions:
            environments.step(row)
        return time.perf_counter() - begin

    return by_turns(seconds, num_envs, python_steps, lambda: _core.play_batch(topology, "train", 1, actions, 1))


def imports(_seconds):
    """Milliseconds that importing the package takes beyond gymnasium, each in processes of their own, by turns."""
    print_time = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"

    def once(module):
        done = subprocess.run([sys.executable, "-c", print_time.format(module)], capture_output=True, text=True, check=True)
        return float(done.stdout) * 1e3

    rounds = [(once("gymnasium"), once("microcloud_gym")) for _ in range(IMPORTS)]
    gymnasium, own = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {"gymnasium_ms": gymnasium, "own_ms": own, "added_ms": statistics.median(b - a for a, b in rounds)}


ROWS = {
    "one environment": lambda seconds: single(seconds, one_tick=False, wrapped=False),
    "one environment, through gymnasium.make's wrappers": lambda seconds: single(seconds, one_tick=False, wrapped=True),
    "one environment, one tick per decision": lambda seconds: single(seconds, one_tick=True, wrapped=False),
    **{
        f"batch of {num_envs:,}, copy={copy}": (lambda seconds, n=num_envs, c=copy: batch(seconds, n, c))
        for num_envs in (1, 16, 64, 1024)
        for copy in (False, True)
    },
    "import": imports,
}


def measure(name, python, arguments):
    """One row of ours, in a process of its own."""
    command = [*peers.pinned(arguments.core), python, Path(__file__).resolve(), "--measure", name]
    done = subprocess.run(
        [*command, "--seconds", str(arguments.seconds)], capture_output=True, text=True, cwd="/", check=True
    )
    return {"name": name} | json.loads(done.stdout.splitlines()[-1])


def report(own, others):
    """The tables."""
    print("| | from Python, us | in Rust, us | added by the binding, us | environment steps/s | Rust's share |")
    print("|---|---|---|---|---|---|")
    for row in own:
        if row["name"] != "import":
            figures = f"{row['python_us']:,.1f} | {row['rust_us']:,.1f} | {row['added_us']:,.1f}"
            print(f"| {row['name']} | {figures} | {row['steps_per_s']:,.0f} | {row['share']:.0%} |")
    row = own[-1]
    print(f"\nImport: {row['own_ms']:.0f} ms, gymnasium alone {row['gymnasium_ms']:.0f} ms, added {row['added_ms']:.0f} ms.\n")
    print("| peer | version | environments | environment steps/s |")
    print("|---|---|---|---|")
    for row in others:
        figure = f"{row['steps_per_s']:,.0f}" if "steps_per_s" in row else row["reason"]
        print(f"| {row['name']} | {row.get('version', '')} | {row['num_envs']:,} | {figure} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, default=HERE.parent / "python", help="a wheel, or the folder it is built from")
    parser.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    parser.add_argument("--seconds", type=float, default=5.0, help="per row")
    parser.add_argument("--venv", type=Path, help="a folder for the virtual environments, which is kept")
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--measure", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(ROWS[arguments.measure](arguments.seconds)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.venv or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        python, reason = peers.install([str(arguments.package.resolve())], folder, 3600, "own")
        if python is None:
            raise ValueError(reason)
        own = [measure(name, python, arguments) for name in ROWS]
        others = []
        for peer in (peer for peer in peers.PEERS if peer.name in PEER_NAMES):
            python, reason = peers.install(peer.packages, folder, 600)
            for num_envs in peer.num_envs:
                row = {"name": peer.name, "num_envs": num_envs, "reason": reason}
                others.append(peers.run_peer(peer, num_envs, python, arguments) if python else row)
    if arguments.json:
        arguments.json.write_text(json.dumps({"own": own, "peers": others}, indent=2) + "\n")
    report(own, others)


if __name__ == "__main__":
    end(main)
