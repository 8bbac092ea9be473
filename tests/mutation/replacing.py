"""Puts a mutant in the place of the code it changes, in a process where all is imported already.

Functions keep their identity and get other code, so whoever has imported one calls the mutant.
"""

from __future__ import annotations

import sys
from functools import cached_property
from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutation.making import Mutant


class NotImportableError(Exception):
    """The module could not even be imported with that change."""


def put_in_place(mutant: Mutant) -> None:
    """Carry the changed statement out, and give what it defines to what was there before."""
    module = sys.modules[mutant.module]
    scratch = dict(vars(module))
    try:
        exec(mutant.code, scratch)  # noqa: S102 - our own code, changed
    except Exception as problem:
        raise NotImportableError(str(mutant)) from problem
    changed = {
        name: value for name, value in scratch.items() if vars(module).get(name) is not value
    }
    changed.pop("__builtins__", None)
    assert changed, f"nothing is defined by {mutant}"
    for name, value in changed.items():
        before = vars(module)[name]
        if isinstance(before, FunctionType):
            _transplant(value, before)
        elif isinstance(before, type):
            _transplant_methods(value, before)
        else:
            _replace_everywhere(name, before, value)


def _transplant(source: FunctionType, target: FunctionType) -> None:
    target.__code__ = source.__code__
    target.__defaults__ = source.__defaults__
    target.__kwdefaults__ = source.__kwdefaults__


def _transplant_methods(source: type, target: type) -> None:
    for name, attribute in vars(target).items():
        before, after = _function(attribute), _function(vars(source).get(name))
        if before is None or after is None:
            continue
        if not (name.startswith("__") and _is_generated(before)):
            _transplant(after, before)
        elif name == "__init__":
            before.__defaults__, before.__kwdefaults__ = after.__defaults__, after.__kwdefaults__


def _is_generated(function: FunctionType) -> bool:
    """Tell whether the dataclass wrote it: its code names things that only it has."""
    return function.__code__.co_filename == "<string>"


def _function(attribute: object) -> FunctionType | None:
    match attribute:
        case FunctionType():
            return attribute
        case property(fget=inner) | classmethod(__func__=inner) | staticmethod(__func__=inner):
            return inner if isinstance(inner, FunctionType) else None
        case cached_property():
            return attribute.func if isinstance(attribute.func, FunctionType) else None
    return None


def _replace_everywhere(name: str, before: object, after: object) -> None:
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is before:
            setattr(module, name, after)
