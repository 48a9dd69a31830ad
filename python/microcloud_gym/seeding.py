"""Seeds and levels as callers of `reset` give them."""

from collections.abc import Mapping
from typing import Any

from microcloud_gym.arguments import checked_integer


def checked_seed(seed: Any) -> int | None:
    """The seed as an int, where it is one that a level can be drawn with.

    Raises:
        TypeError: it is no integer.
        ValueError: it is negative or does not fit into 64 bits.
    """
    if seed is None:
        return None
    return checked_integer("seed", seed, 0, 2**64 - 1)


def named_level(options: dict[str, Any] | None) -> int | None:
    """The level that `options` of a reset names; other options are ignored.

    Raises:
        TypeError: it is no integer, or the options are no dictionary.
        ValueError: there is no such level.
    """
    level = option(options, "level")
    return None if level is None else checked_level(level)


def checked_level(level: Any) -> int:
    """The level as an int, where there is such a one.

    Raises:
        TypeError: it is no integer.
        ValueError: there is no such level.
    """
    return checked_integer("level", level, 0, 2**33 - 1)


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
