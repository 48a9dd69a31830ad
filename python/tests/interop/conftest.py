"""The interop tests run only where they are asked for by name, and their results are written to a table."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def asked_for(config: pytest.Config) -> bool:
    """Whether these tests were named on the command line."""
    return any("interop" in argument for argument in config.args) or HERE == config.invocation_params.dir


def pytest_configure(config: pytest.Config) -> None:
    """Warnings of these libraries about each other are not this package's errors; a test that means them says so."""
    if asked_for(config):
        # More threads than cores are free make torch many times slower, and nothing here is large enough for two.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        config.addinivalue_line("filterwarnings", "default")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Keeps these tests, which need torch and ray, out of the default run."""
    return None if asked_for(config) else True
