"""Seeds and levels as callers of `reset` give them."""

from collections.abc import Mapping
from typing import Any


def checked_seed(seed: Any) -> int | None:
    """The seed as an int, where it is one that a level can be drawn with.

    Raises:
        TypeError: it is no integer.
        ValueError: it is negative or does not fit into 64 bits.
    """
    if seed is None:
        return None
    return _integer("seed", seed, 2**64)


def named_level(options: dict[str, Any] | None) -> int | None:
    """The level that `options` of a reset names; other options are ignored.

    Raises:
        TypeError: it is no integer, or the options are no dictionary.
        ValueError: there is no such level.
    """
    level = option(options, "level")
    return None if level is None else _integer("level", level, 2**33)


def option(options: dict[str, Any] | None, key: str) -> Any:
    """What a reset's options have under a key; None where there is nothing.

    Raises:
        TypeError: the options are no dictionary.
    """
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise TypeError(f"options of type {type(options).__name__}; allowed: a dictionary, or None")
    return options.get(key)


def _integer(key: str, value: Any, end: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{key} of type {type(value).__name__}; allowed: an integer")
    number: int = value.__index__()
    if not 0 <= number < end:
        raise ValueError(f"{key} = {number}; allowed: 0 to {end - 1}")
    return number
