"""The interop tests run only where they are asked for by name, and write what they have shown to a table."""

from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Keeps these tests, which need torch and ray, out of the default run."""
    asked = any("interop" in argument for argument in config.args)
    return None if asked or HERE == config.invocation_params.dir else True
