"""The environment cards, written from the code's own tables: `python -m microcloud_gym.cards --write`.

They stand in `microcloud_gym.environments` as the docstrings of the classes behind the ids, and in `docs/environments`.
"""

import argparse
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from microcloud_gym import _core
from microcloud_gym.meanings import ACTIONS, FEATURES, INFO
from microcloud_gym.registration import ENVIRONMENT_IDS, EnvironmentId
from microcloud_gym.scenarios import load_scenario

WIDTH = 118
ARGUMENTS = (
    ("split", '`"train"`', "levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load)"),
    ("render_mode", "None", "`ansi` for text, `rgb_array` for a picture"),
    ("observation", '`"flat"`', "`flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`)"),
    ("max_services, max_calls", "None", "rows that a `graph` observation is padded to"),
)
VECTOR_ARGUMENTS = (
    ("autoreset_mode", '`"NextStep"`', "`NextStep`, `SameStep` or `Disabled`, in this form or in snake case"),
    ("copy", "True", "False returns the same arrays in every call, overwritten by the next"),
    ("num_threads", "1", "threads to step with; results do not depend on it"),
)


class Played(NamedTuple):
    """A scenario that an id plays, with its file as a dictionary."""

    topology: _core.Topology
    file: dict[str, Any]

    @property
    def decision_s(self) -> float:
        """Seconds of a decision."""
        return self.topology.tick_s * self.topology.decision_ticks


def card(own: EnvironmentId) -> str:
    """The card of an id, in Markdown."""
    topologies = [load_scenario(scenario) for scenario in own.scenarios]
    played = [Played(topology, tomllib.loads(topology.to_toml())) for topology in topologies]
    sections = [
        ("Description", _description(own, played)),
        ("Action Space", _each(played, _actions) if played else ACTIONS_OF_ANY),
        ("Observation Space", _each(played, _observation) if played else OBSERVATION_OF_ANY),
        ("Rewards", _each(played, _rewards) if played else REWARDS_OF_ANY),
        ("Starting State", _each(played, _start) if played else START_OF_ANY),
        ("Episode End", _each(played, _end) if played else END_OF_ANY),
        ("Info", _table(("entry", "after", "content"), INFO)),
        ("Arguments", _arguments(own)),
        ("Version History", "\n".join(f"- {entry}" for entry in own.history)),
    ]
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections)


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _each(played: list[Played], write: Any) -> str:
    """One text where all scenarios have the same, else one for each under its name."""
    texts = [write(own) for own in played]
    if len(set(texts)) == 1:
        return str(texts[0])
    return "\n\n".join(f"### `{own.topology.name}`\n\n{text}" for own, text in zip(played, texts, strict=True))


def _description(own: EnvironmentId, played: list[Played]) -> str:
    call = "" if own.kwargs.get("scenario") or not played else f', scenario="{played[0].topology.name}"'
    if not played:
        call = ', scenario="my.toml"'
    about = f"""A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees
        what telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits."""
    example = f'```python\nimport gymnasium as gym, microcloud_gym\nenv = gym.make("{own.full_name}"{call})\n```'
    if not played:
        return "\n\n".join((_wrapped(about), _wrapped(SCENARIO_OF_ANY), example))
    rows = [
        (
            f"`{topology.name}`",
            file["description"],
            topology.service_blocks if topology.padded else len(topology.service_names()),
            f"{len(topology.node_names())} in {len(topology.zone_names())}",
            f"`Discrete({topology.num_actions})`",
            f"`({topology.observation_size},)`",
        )
        for topology, file in played
    ]
    table = _table(("scenario", "what it is", "services", "nodes in zones", "actions", "observation"), rows)
    padded = [_wrapped(PADDED)] if any(topology.padded for topology, _ in played) else []
    return "\n\n".join((_wrapped(about), table, *padded, example))


def _blocks(topology: _core.Topology) -> list[tuple[str, str, list[str]]]:
    """Actions by what they do: first to last number, what it is called, targets."""
    parts = []
    for number, meaning in enumerate(topology.action_meanings()):
        verb, _, target = meaning.removesuffix(")").partition("(")
        parts.append((number, meaning if meaning in ACTIONS else verb, target))
    found = []
    for verb, group in groupby(parts, key=lambda part: part[1]):
        own = list(group)
        numbers = f"{own[0][0]}" if len(own) == 1 else f"{own[0][0]}-{own[-1][0]}"
        found.append((numbers, verb, [target for _, _, target in own if target and verb != "rebalance(all)"]))
    return found


def _actions(own: Played) -> str:
    rows = []
    for numbers, verb, targets in _blocks(own.topology):
        named = ", ".join(targets)
        if own.topology.padded and len(targets) == own.topology.service_blocks:
            named = f"{len(targets)} places, of which the cluster's services have the first"
        rows.append((numbers, verb, named, ACTIONS[verb]))
    return "\n\n".join((_wrapped(ACTING), _table(("action", "name", "targets", "what it does"), rows)))


def _observation(own: Played) -> str:
    topology = own.topology
    size, start, tables = topology.observation_size, 0, []
    counts = (topology.service_blocks, len(topology.node_names()), len(topology.zone_names()), 1)
    titles = ("every service", "every node", "every zone", "the whole cluster")
    for (kind, features), count, title in zip(FEATURES.items(), counts, titles, strict=True):
        end = start + count * len(features)
        head = f"**{start}-{end - 1}: {title}**, {len(features)} features"
        if count > 1:
            head += f" each of {count}, one after another"
        name = "global" if kind == "global" else f"{kind}.<name>"
        rows = [
            (f"`{name}.{key}`", f"[{_number(own.least)}, {_number(own.greatest)}]", own.meaning)
            for key, own in features.items()
        ]
        tables.append(f"{head}\n\n" + _table(("feature", "range", "what it is"), rows))
        start = end
    telemetry = own.file["telemetry"]
    seen = f"""`Box(-4, 4, ({size},), float32)`. Services are scraped every {_number(telemetry["scrape_s"])} s, one after
        another; a scrape is lost with probability {_number(telemetry["loss"])}, and has a relative noise of
        {_number(telemetry["noise"])}. What the orchestrator knows itself, `starting` and `running`, is live.
        `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
        and masks, padded."""
    return "\n\n".join((_wrapped(seen), *tables))


def _rewards(own: Played) -> str:
    weights, topology = own.topology.reward_weights, own.topology
    slo = topology.slo_p99_ms
    rows = [
        ("`bad_requests`", f"-{_number(weights['bad_requests'])} x bad requests over those offered", BAD),
        ("`latency`", f"-{_number(weights['latency'])} x (p99 - {_number(slo)} ms) / {_number(3 * slo)} ms, within [0, 1], mean of all ticks",
         "the users' 99th percentile beyond the objective"),
        ("`cost`", f"-{_number(weights['cost'])} x (cost over the initial one - 1), within [0, 1]",
         "capacity below the initial provisioning earns nothing"),
        ("`action`", f"-{_number(weights['action'])} for any action but no-op", _paging(topology)),
        ("`termination`", "-1 for every decision that remains", "only where the episode terminates, so that this never pays"),
    ]  # fmt: skip
    text = "The sum of five terms, for every decision; without the last two it lies in [-1, 0]."
    return "\n\n".join((text, _table(("term", "value", "why"), rows)))


def _paging(topology: _core.Topology) -> str:
    masked = "also for one that is masked, which does nothing"
    if any(meaning == "page a human" for meaning in topology.action_meanings()):
        return f"{masked}; paging a human costs {_number(topology.reward_weights['page'])} on top"
    return masked


def _start(own: Played) -> str:
    faults, load = own.file["faults"], own.file["workload"]
    low, high = (_number(bound) for bound in load["level_range"])
    rate = "a rate of the cluster's own" if own.topology.padded else f"{_number(load['rate_per_s'])} requests per second"
    levels = f"""An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
        `reset(options={{"level": n}})` names one. The cluster begins well, under a load of {low} to {high} times {rate}.
        {_number(100 * faults["control_ratio"])} % of the levels are control levels without a fault; among the others,
        {_number(100 * faults["second_ratio"])} % have a second one, and {_number(100 * faults["herring_ratio"])} % of all
        have a red herring."""
    found: dict[str, tuple[str, str, str]] = {}
    for key, name, strikes, weight, heldout in own.topology.faults():
        if weight > 0.0:
            found[key] = (name, strikes, "heldout" if heldout else "all")
    rows = [(key, *found[key]) for key in sorted(found)]
    table = _table(("fault", "name", "strikes", "splits"), rows)
    return "\n\n".join((_wrapped(levels), table, "`docs/faults.md` of the repository tells what each does."))


def _end(own: Played) -> str:
    topology = own.topology
    decisions, loss = topology.episode_decisions, topology.reward_weights["loss_limit_s"]
    minutes = _number(decisions * own.decision_s / 60)
    rows = [
        ("termination", f"{_number(loss)} s of total loss of service, decisions in which 99 % of the requests or more are bad"),
        ("truncation", f"{decisions} decisions of {_number(own.decision_s)} s, {minutes} minutes in all"),
    ]
    return _table(("end", "when"), rows)


def _arguments(own: EnvironmentId) -> str:
    rows = [*ARGUMENTS]
    if not own.scenarios:
        rows = [("scenario", "none", "a built-in name, the path of a TOML file, or a dictionary with such a file's keys"), *rows]
    elif len(own.scenarios) > 1:
        named = ", ".join(f"`{name}`" for name in own.scenarios)
        rows = [("scenario", f'`"{own.kwargs.get("scenario")}"`', named), *rows]
    if "random" in own.scenarios:
        rows = [("topology_seed", "None", "which cluster, 0 to 2^64 - 1; None is 0; in a batch one for each, if you like"), *rows]
    header = ("argument", "default", "what it is")
    text = '`gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:'
    return "\n\n".join((_table(header, rows), text, _table(header, VECTOR_ARGUMENTS)))


ACTING = """One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all."""
BAD = "refused, shed, dropped, late or wrong answers, counted where users offer"
PADDED = """Every cluster has the same spaces: places beyond its own services are zero in the observation and never legal. Figures
    below are those that all clusters share, or the first cluster's."""
SCENARIO_OF_ANY = """The scenario is your own: services, who calls whom, zones, nodes, load, objectives and faults, as a TOML file or
    a dictionary with the same keys. `microcloud_gym.load_scenario("spine12").to_toml()` prints a whole one to begin with;
    errors name the key that is wrong and what is allowed."""
_BLOCKS = ", ".join(f"{verb}" for verb in list(ACTIONS)[:8])
ACTIONS_OF_ANY = _wrapped(
    f"""`Discrete(n)`, in this order: {_BLOCKS}; services, nodes and zones in the scenario's order, external services left out. A
    scenario with `actions = "extended"` has more. `action_meanings()` lists all. See `microcloud/Spine12-v0` for what each does."""
)
OBSERVATION_OF_ANY = _wrapped(
    """`Box(-4, 4, (16 services + 6 nodes + 3 zones + 6,), float32)`: the features of every service, node and zone, and of the
    whole, as in `microcloud/Spine12-v0`. `observation_names()` lists all."""
)
REWARDS_OF_ANY = _wrapped(
    "The terms of `microcloud/Spine12-v0`, with the weights of the scenario's `[reward]` and the objective of its `[slo]`."
)
START_OF_ANY = _wrapped(
    """A level of the scenario, drawn by `reset(seed=s)` or named by `reset(options={"level": n})`. Its faults are those of
    `[[faults.catalogue]]`; a scenario without any has control levels only."""
)
END_OF_ANY = _wrapped(
    """Truncation after `episode_decisions` decisions; termination after `reward.loss_limit_s` seconds of total loss of service,
    300 unless the scenario says so."""
)


def environments_module() -> str:
    """The text of `microcloud_gym/environments.py`."""
    head = '"""The environments behind the ids, one class each, with their cards; written by `microcloud_gym.cards`."""'
    parts = [f"{head}\n\nfrom microcloud_gym.env import Env\n"]
    for own in ENVIRONMENT_IDS:
        text = textwrap.indent(f"`{own.full_name}`.\n\n{card(own)}\n", "    ", lambda line: bool(line.strip()))
        parts.append(f'\n\nclass {own.class_name}(Env):\n    """{text.lstrip()}    """\n')
    return "".join(parts)


def page(own: EnvironmentId) -> str:
    """The text of `docs/environments/<name>.md`."""
    return f"# {own.full_name}\n\n{card(own)}\n"


def files() -> dict[Path, str]:
    """What is written, by where."""
    package = Path(__file__).parent
    docs = package.parents[1] / "docs" / "environments"
    return {package / "environments.py": environments_module(), **{docs / f"{own.name}.md": page(own) for own in ENVIRONMENT_IDS}}


def main() -> int:
    """Writes the cards, or says which are out of date."""
    parser = argparse.ArgumentParser(prog="python -m microcloud_gym.cards", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them; else say which differ, and exit 1")
    write = parser.parse_args().write
    stale = [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], encoding="utf-8")
        print(f"{path}: {'written' if write else 'differs; run python -m microcloud_gym.cards --write'}")
    return 0 if write or not stale else 1


if __name__ == "__main__":
    sys.exit(main())
