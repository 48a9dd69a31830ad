"""Runs a test that asks for `case` over every scenario of every registered id."""

import pytest
from cases import cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case."""
    if "case" in metafunc.fixturenames:
        every = cases()
        metafunc.parametrize("case", every, ids=[case.label for case in every])
