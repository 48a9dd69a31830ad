"""Whether two results are the same, types, dtypes and every bit."""

from typing import Any

import numpy as np


def difference(one: Any, other: Any, path: str = "") -> str | None:
    """Where two results differ; None where they are the same. A missing number, NaN, equals itself."""
    if type(one) is not type(other):
        return f"{path}: {type(one).__name__} {one!r} and {type(other).__name__} {other!r}"
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return f"{path}: keys {sorted(one)} and {sorted(other)}"
        return _first(difference(one[key], other[key], f"{path}.{key}") for key in one)
    if isinstance(one, tuple | list):
        if len(one) != len(other):
            return f"{path}: {len(one)} and {len(other)} entries"
        return _first(difference(a, b, f"{path}[{place}]") for place, (a, b) in enumerate(zip(one, other, strict=True)))
    if isinstance(one, np.ndarray):
        return _arrays(one, other, path)
    if isinstance(one, float | np.floating):
        return _arrays(np.asarray(one), np.asarray(other), path)
    return None if one == other else f"{path}: {one!r} and {other!r}"


def _arrays(one: Any, other: Any, path: str) -> str | None:
    if one.dtype != other.dtype or one.shape != other.shape:
        return f"{path}: {one.dtype} {one.shape} and {other.dtype} {other.shape}"
    if one.dtype == object:
        return difference(one.tolist(), other.tolist(), path)
    if one.tobytes() == other.tobytes():
        return None
    if one.dtype.kind == "f":
        missing = np.isnan(one)
        same = np.signbit(one) == np.signbit(other)
        if np.array_equal(one, other, equal_nan=True) and same[~missing].all():
            return None
    where = np.argwhere(np.atleast_1d(one != other))[:3].tolist()
    return f"{path}: differs at {where}, {one!r} and {other!r}"


def _first(found: Any) -> str | None:
    return next((entry for entry in found if entry is not None), None)


def assert_same(one: Any, other: Any, where: object = "") -> None:
    """Fails, and says where, unless two results are the same, bit for bit."""
    found = difference(one, other)
    assert found is None, f"{where} {found}"
