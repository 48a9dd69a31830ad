"""The stub names what the compiled half has; `check_types.sh` holds the types themselves with mypy and pyright."""

import ast
from pathlib import Path

import pytest

import microcloud_gym
from microcloud_gym import _core

PACKAGE = Path(microcloud_gym.__file__).parent
STUB = ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}


def public(names: object) -> set[str]:
    """Those that do not begin with an underscore."""
    return {name for name in names if not name.startswith("_")}  # type: ignore[attr-defined]


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_the_stub_has_every_name_of_the_compiled_half_and_no_other() -> None:
    assert public(vars(_core)) == CLASSES.keys() | FUNCTIONS.keys()
    assert sorted(_core.__all__) == sorted(CLASSES.keys() | FUNCTIONS.keys() | {"__version__"})


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_stub_has_every_member_of_a_class_and_no_other(name: str) -> None:
    members = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    assert public(vars(getattr(_core, name))) == public(members)


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    for name in microcloud_gym.__all__:
        found = getattr(microcloud_gym, name)
        assert (found.__doc__ or "").strip(), name
        if isinstance(found, type):
            for member, value in vars(found).items():
                if not member.startswith("_") and callable(value):
                    assert (getattr(value, "__doc__", None) or "").strip(), f"{name}.{member}"
