"""Checks of arguments, whose errors say what was given and what is allowed."""

from collections.abc import Iterable
from typing import Any


def checked_integer(key: str, value: Any, least: int, most: int) -> int:
    """The value as an int, where it is an integer from `least` to `most`, numpy's included.

    Raises:
        TypeError: it is no integer.
        ValueError: it is out of range.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{key} of type {type(value).__name__}; allowed: an integer from {least} to {most}")
    try:
        number: int = value.__index__()
    except TypeError:
        # Arrays have the method, and it works where they hold one integer.
        raise TypeError(f"{key} = {value!r}; allowed: an integer from {least} to {most}") from None
    if not least <= number <= most:
        raise ValueError(f"{key} = {number}; allowed: {least} to {most}")
    return number


def checked_flag(key: str, value: Any) -> bool:
    """The value, where it is True or False.

    Raises:
        TypeError: it is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{key} of type {type(value).__name__}; allowed: True or False")
    return value


def checked_name(key: str, value: Any, allowed: Iterable[str]) -> str:
    """The value, where it is one of these names.

    Raises:
        ValueError: it is none of them.
    """
    names = list(allowed)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{key} = {value!r}; allowed: {', '.join(map(repr, names))}")
    return value


def checked_state(state: Any) -> bytes:
    """The value as bytes, where it is something like bytes.

    Raises:
        TypeError: it is nothing like bytes.
    """
    if not isinstance(state, bytes | bytearray | memoryview):
        raise TypeError(f"a snapshot of type {type(state).__name__}; allowed: the bytes that snapshot() returned")
    return bytes(state)
