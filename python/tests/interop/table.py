"""The table of docs/interop.md: which library was tried in which version, what was run, and what came of it."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

DISTRIBUTIONS = {
    "Stable-Baselines3": "stable-baselines3",
    "sb3-contrib": "sb3-contrib",
    "TorchRL": "torchrl",
    "RLlib": "ray",
    "PufferLib": "pufferlib",
    "PettingZoo": "pettingzoo",
    "Minari": "minari",
    "PyTorch": "torch",
}
"""The libraries by the names that tests' docstrings begin with, and what pip calls them."""
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


class Result(NamedTuple):
    """What came of one test case."""

    library: str
    what: str
    passed: bool
    figures: str


def described(docstring: str | None) -> tuple[str, str] | None:
    """Library and what was run, of a test whose docstring is `Library: what was run`; none of others."""
    library, colon, what = (docstring or "").strip().partition(": ")
    return (library, what) if colon and library in DISTRIBUTIONS else None


def table(results: Iterable[Result]) -> str:
    """One row for each test, in the order of `DISTRIBUTIONS`; the cases of a test are counted."""
    rows: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        rows.setdefault((result.library, result.what), []).append(result)
    lines = ["| library | version | what was run | result |", "|---|---|---|---|"]
    for library in DISTRIBUTIONS:
        own = {what: cases for (of, what), cases in rows.items() if of == library}
        for what, cases in own.items():
            passed = sum(case.passed for case in cases)
            outcome = "passed" if passed == len(cases) else f"{passed} of {len(cases)} cases passed"
            counted = f"{what} ({len(cases)} cases)" if len(cases) > 1 else what
            figures = "; ".join(case.figures for case in cases if case.figures)
            lines.append(f"| {library} | {_version(library)} | {counted} | {outcome}{': ' if figures else ''}{figures} |")
        if not own:
            lines.append(f"| {library} | {_version(library)} | | not run |")
    return "\n".join(lines)


def write(path: Path, results: Iterable[Result]) -> None:
    """Puts the table between the two marks in a file."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{path} has no {BEGIN} before {END}")
    path.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}")


def _version(library: str) -> str:
    try:
        return version(DISTRIBUTIONS[library])
    except PackageNotFoundError:
        return "not installed"
