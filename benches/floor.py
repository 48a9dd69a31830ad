#!/usr/bin/env python3
"""Holds a tick against what the machine could do: instructions counted under callgrind over measured peaks.

    python3 benches/floor.py [--scenario spine12] [--num-envs 1,1024] [--seconds 5] [--json FILE]

How instructions are counted: `bench --play STEPS` runs twice under callgrind with --dump-instr=yes, with more steps the
second time. The difference of the two counts of each instruction, over the difference in ticks, leaves start-up out.
objdump says which instruction stands at an address. An instruction counts once, however many numbers it works on.

How bytes are counted: by callgrind's model of the caches, in lines of 64 bytes. A first-level miss takes a line from the
second level and, some time, gives it back; so does a last-level miss of the model with what lies beyond. The model's
first level is the machine's; its last level stands for the machine's second, and is made smaller for a batch, since a
batch of 1,024 would take the emulator hours: 64 environments then overflow 256 KiB as 1,024 overflow the real one.

The floor is the sum: arithmetic at the rate of mixed additions and multiplications of four f32, divisions and square
roots at theirs, first-level misses at the bandwidth of a buffer in the second level, the others at that of a buffer as
large as the batch. Nothing overlaps in it, so a machine that overlaps could fall below; nothing else is in it either: no
integer instruction, no branch, no wait of one operation for another.

Needs valgrind and objdump (Debian: valgrind, binutils) and an x86-64 machine; Python 3 and its standard library.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ending import end

LINE_BYTES = 64
# Stands for the second level where a batch is counted with fewer environments.
BATCH_CACHE_BYTES = 256 << 10
COUNTED_ENVS = 64
# Ticks by which the second count is longer than the first.
COUNTED_TICKS = 16_000

SUFFIX = r"(?P<form>[ps][sd])$"
CLASSES = [
    ("arithmetic", re.compile(r"^v?(?:addsub|hadd|hsub|add|sub|mul|min|max|cmp\w*|u?comi)" + SUFFIX)),
    ("division", re.compile(r"^v?div" + SUFFIX)),
    ("square root", re.compile(r"^v?sqrt" + SUFFIX)),
    ("fused", re.compile(r"^vfn?m(?:add|sub)\w*" + SUFFIX)),
]
FUSED, MOVES, REST = "fused", "vector moves, logic, conversions", "everything else"


def classify(mnemonic, operands):
    """The class of an instruction, with f32 or f64 where it is arithmetic."""
    for name, pattern in CLASSES:
        match = pattern.match(mnemonic)
        if match:
            return f"{name} {'f32' if match['form'][1] == 's' else 'f64'}"
    return MOVES if re.search(r"%[xyz]mm", operands) else REST


def disassemble(path):
    """Address to class, for every instruction of an object."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True, errors="replace"
    ).stdout
    classes = {}
    for match in re.finditer(r"^\s*([0-9a-f]+):\t(?:(?:rep|repz|repnz|lock|data16|notrack|bnd) )*(\S+)(.*)$", listing, re.M):
        classes[int(match[1], 16)] = classify(match[2], match[3])
    return classes


def read_callgrind(path):
    """Executions by (object, address), and the totals by event."""
    objects, counts, events, totals = {}, Counter(), [], []
    current, inclusive = None, False
    for line in Path(path).read_text(errors="replace").splitlines():
        if line.startswith("0x"):
            # The line after a call holds what the callee cost, which stands at the callee's own lines too.
            if not inclusive:
                address, executed = line.split(" ", 2)[:2]
                counts[objects[current], int(address, 16)] += int(executed)
            inclusive = False
        elif line.startswith("ob=") or line.startswith("cob="):
            match = re.match(r"(c?)ob=(\(\d+\))(?: (.*))?$", line)
            if match[3]:
                objects[match[2]] = match[3]
            if not match[1]:
                current = match[2]
        elif line.startswith("calls="):
            inclusive = True
        elif line.startswith("events:"):
            events = line.split()[1:]
        elif line.startswith("totals:"):
            totals = [int(value) for value in line.split()[1:]]
    return counts, dict(zip(events, totals))


def emulate(bench, scenario, num_envs, steps, first_bytes, last_bytes, folder):
    """Counts of one play under callgrind, and its ticks."""
    out = Path(folder) / f"callgrind.{num_envs}.{steps}"
    play = [bench, "--scenario", scenario, "--num-envs", str(num_envs), "--play", str(steps), "--json"]
    command = ["valgrind", "--tool=callgrind", "--vgdb=no", "--dump-instr=yes", "--dump-line=no", "--compress-pos=no", "--cache-sim=yes"]
    command += [f"--D1={cache(first_bytes)}", f"--LL={cache(last_bytes)}", f"--callgrind-out-file={out}", *play]
    done = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    return (*read_callgrind(out), json.loads(done.stdout)["played"]["ticks"])


def cache(size):
    """A cache as callgrind wants it: its sets are a power of two."""
    for ways in range(8, 25):
        sets = size // (ways * LINE_BYTES)
        if sets * ways * LINE_BYTES == size and sets & (sets - 1) == 0:
            return f"{size},{ways},{LINE_BYTES}"
    sys.exit(f"no cache of {size} bytes can be modelled")


def count(bench, scenario, tick, caches, folder):
    """Instructions by class and bytes moved, per tick, as many environments play as in the row, or 64 for a batch."""
    alone = tick["num_envs"] <= COUNTED_ENVS
    num_envs = tick["num_envs"] if alone else COUNTED_ENVS
    last_bytes = caches["l2_bytes"] if alone else BATCH_CACHE_BYTES
    first_bytes = caches["l1_data_bytes"] or 32 << 10
    more = max(1, COUNTED_TICKS // (num_envs * tick["ticks_per_step"]))
    few, many = (
        emulate(bench, scenario, num_envs, steps, first_bytes, last_bytes, folder) for steps in (more // 4, more // 4 + more)
    )
    ticks = many[2] - few[2]
    tables, classes = {}, Counter()
    for (name, address), executed in many[0].items():
        difference = executed - few[0][name, address]
        if difference == 0:
            continue
        if name not in tables:
            tables[name] = disassemble(name) if Path(name).is_file() else {}
        classes[tables[name].get(address, REST)] += difference
    events = {event: (many[1][event] - few[1][event]) / ticks for event in many[1]}
    instructions = {name: executed / ticks for name, executed in sorted(classes.items())}
    if abs(sum(instructions.values()) / events["Ir"] - 1.0) > 0.001:
        sys.exit(f"the classes hold {sum(instructions.values()):.0f} instructions per tick, callgrind {events['Ir']:.0f}")
    return {
        "num_envs": num_envs,
        "ticks": ticks,
        "instructions_per_tick": instructions,
        "all_instructions_per_tick": events["Ir"],
        "first_level_bytes_per_tick": LINE_BYTES * (events["D1mr"] + events["D1mw"]),
        "beyond_bytes_per_tick": LINE_BYTES * (events["DLmr"] + events["DLmw"]),
        "first_level_cache_bytes": first_bytes,
        "last_level_cache_bytes": last_bytes,
    }


def floor(counted, tick, machine):
    """The parts of the floor in ns per tick."""
    of = counted["instructions_per_tick"].get
    both = lambda name: of(f"{name} f32", 0.0) + of(f"{name} f64", 0.0)
    peaks = machine["peaks"]
    return {
        "arithmetic": (both("arithmetic") + 2.0 * both(FUSED)) / peaks["arithmetic_per_s"] * 1e9,
        "divisions": (
            of("division f32", 0.0) / peaks["f32_divisions_per_s"] + of("division f64", 0.0) / peaks["f64_divisions_per_s"]
        )
        * 1e9,
        "square roots": (
            of("square root f32", 0.0) / peaks["f32_square_roots_per_s"]
            + of("square root f64", 0.0) / peaks["f64_square_roots_per_s"]
        )
        * 1e9,
        "first-level misses": counted["first_level_bytes_per_tick"] / machine["l2"]["rewrite_bytes_per_s"] * 1e9,
        "misses beyond": counted["beyond_bytes_per_tick"] / tick["batch"]["rewrite_bytes_per_s"] * 1e9,
    }


def table(scenario, rows):
    """What was counted and the floor, as Markdown: a column for each number of environments."""
    head = ["per tick of " + scenario] + [f"{row['tick']['num_envs']:,} environments" for row in rows]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]

    def line(name, of):
        lines.append("| " + " | ".join([name] + [of(row) for row in rows]) + " |")

    names = sorted({name for row in rows for name in row["counted"]["instructions_per_tick"]})
    for name in names:
        line(f"instructions: {name}", lambda row: f"{row['counted']['instructions_per_tick'].get(name, 0.0):,.1f}")
    line("instructions: all", lambda row: f"{row['counted']['all_instructions_per_tick']:,.0f}")
    line("counted with so many environments", lambda row: f"{row['counted']['num_envs']}")
    line("bytes missed in the first level", lambda row: f"{row['counted']['first_level_bytes_per_tick']:,.0f}")
    line("bytes missed beyond", lambda row: f"{row['counted']['beyond_bytes_per_tick']:,.0f}")
    line("model of the second level, KiB", lambda row: f"{row['counted']['last_level_cache_bytes'] >> 10:,}")
    line(
        "bytes of state, observation and mask, per environment",
        lambda row: "{state_bytes:,} + {observation_bytes:,} + {mask_bytes:,}".format(**row["tick"]),
    )
    for part in rows[0]["floor_ns"]:
        line(f"floor, {part}, ns", lambda row: f"{row['floor_ns'][part]:.1f}")
    line("**floor, ns**", lambda row: f"**{sum(row['floor_ns'].values()):.1f}**")
    line("**measured, ns**", lambda row: f"**{row['tick']['ns_per_tick']:.1f}**")
    line("measured over floor", lambda row: f"{row['tick']['ns_per_tick'] / sum(row['floor_ns'].values()):.2f}")
    return "\n".join(lines)


def peaks_table(machine, rows):
    """What the machine does, as Markdown."""
    lines = ["| one thread, 16-byte registers | billions per second |", "|---|---|"]
    for key, per_s in machine["peaks"].items():
        lines.append(f"| {key.removesuffix('_per_s').replace('_', ' ')} | {per_s / 1e9:.3f} |")
    buffers = [("second level", machine["l2"]), ("memory", machine["memory"])]
    buffers += [(f"batch of {row['tick']['num_envs']:,}", row["tick"]["batch"]) for row in rows]
    for name, band in buffers:
        size = f"{name}, {band['buffer_bytes'] / 1024:,.0f} KiB"
        lines.append(f"| bytes written, {size} | {band['write_bytes_per_s'] / 1e9:.1f} |")
        lines.append(f"| bytes read and written back, {size} | {band['rewrite_bytes_per_s'] / 1e9:.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", help="the built command [default: build it with cargo]")
    parser.add_argument("--scenario", default="spine12")
    parser.add_argument("--num-envs", default="1,1024")
    parser.add_argument("--seconds", default="5", help="for which each tick is timed")
    parser.add_argument("--json", help="file to write everything to")
    arguments = parser.parse_args()
    for tool in ("valgrind", "objdump"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed")
    bench = arguments.bench or build()
    command = [bench, "--floor", "--scenario", arguments.scenario, "--num-envs", arguments.num_envs]
    done = subprocess.run([*command, "--seconds", arguments.seconds, "--json"], check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    machine, rows = measured["machine"], []
    with tempfile.TemporaryDirectory() as folder:
        for tick in measured["ticks"]:
            counted = count(bench, arguments.scenario, tick, machine["caches"], folder)
            rows.append({"tick": tick, "counted": counted, "floor_ns": floor(counted, tick, machine)})
    print(peaks_table(machine, rows), table(arguments.scenario, rows), sep="\n\n", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"schema": 1, "machine": machine, "rows": rows}, indent=1) + "\n")


def build():
    """Builds the command and says where it is."""
    root = Path(__file__).resolve().parent.parent
    subprocess.run(["cargo", "build", "--bin", "bench"], check=True, cwd=root)
    return str(Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug" / "bench")


if __name__ == "__main__":
    end(main)
