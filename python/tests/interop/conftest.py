"""The interop tests run only where they are asked for by name, and their results are written to a table."""

import os
from pathlib import Path

import pytest
from table import Result, described, write

HERE = Path(__file__).parent.resolve()


def asked_for(config: pytest.Config) -> bool:
    """Whether these tests were named on the command line."""
    named = [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]
    return any(path.is_relative_to(HERE) for path in named)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file whose table of results is written anew."""
    parser.addoption("--interop-table", type=Path, help="a file with the marks that tests/interop/table.py names")


def pytest_configure(config: pytest.Config) -> None:
    """Warnings of these libraries about each other are not this package's errors; a test that means them says so."""
    if asked_for(config):
        # More threads than cores are free make torch many times slower, and nothing here is large enough for two.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        config.addinivalue_line("filterwarnings", "default")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Keeps these tests, which need torch and ray, out of the default run."""
    return None if asked_for(config) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notes what each test says that it runs."""
    for item in items:
        about = described(item.obj.__doc__) if isinstance(item, pytest.Function) else None
        if about is not None:
            item.user_properties.append(("about", about))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Writes the table, where a file is named."""
    path = config.getoption("--interop-table", default=None)
    if path is None:
        return
    results = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if "about" in properties and report.when == "call":
                results.append((report.nodeid, Result(*properties["about"], outcome == "passed", properties.get("figures", ""))))
    write(path, [result for _, result in sorted(results, key=lambda result: result[0])])
