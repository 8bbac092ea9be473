"""Holds an answer against the SDK's own models: nothing unknown, nothing required missing.

The models are read by their annotations: a field that is not Optional is required. Every value is
checked too: enumerations against their members, times and numbers against their types.
"""

from __future__ import annotations

import sys
import types
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from azure.mgmt.compute import models
from azure.mgmt.compute._utils.model_base import Model

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_ON_THE_WIRE = (datetime, date, time, timedelta, Decimal, bytes)


def mismatches(document: Any, model: type[Model], path: str = "") -> Iterator[str]:
    """Yield one sentence for each place where the document is not what the model says."""
    if not isinstance(document, dict | Model):
        yield f"{path or model.__name__}: expected an object, got {document!r}"
        return
    fields = fields_of(model)
    for name in document:
        if name not in fields:
            yield f"{path}.{name}: {model.__name__} knows no such field"
    for name, annotation in fields.items():
        value = document.get(name)
        if value is None:
            if not _is_optional(annotation):
                yield f"{path}.{name}: {model.__name__} requires it"
        else:
            yield from _value_mismatches(value, annotation, f"{path}.{name}")


def _value_mismatches(value: Any, annotation: Any, path: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        yield from _union_mismatches(value, arguments, path)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path}: expected a list, got {value!r}"
            return
        for index, each in enumerate(value):
            yield from _value_mismatches(each, arguments[0], f"{path}[{index}]")
    elif origin is dict:
        for key, each in value.items():
            yield from _value_mismatches(each, arguments[1], f"{path}.{key}")
    elif isinstance(annotation, type) and issubclass(annotation, Model):
        yield from mismatches(value, annotation, path)
    elif annotation is not Any:
        yield from _plain_mismatches(value, annotation, path)


def _union_mismatches(value: Any, arguments: tuple[Any, ...], path: str) -> Iterator[str]:
    """An open enumeration is a union with str: its known members are what we allow ourselves."""
    kinds = [kind for kind in arguments if kind is not types.NoneType]
    known = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
    if known == [models.VirtualMachineSizeTypes]:
        # A list of 2018 that Azure no longer keeps up to date; any size is a text.
        known, kinds = [], [str]
    if known:
        words = {member.value.casefold() for kind in known for member in kind}
        if not isinstance(value, str) or value.casefold() not in words:
            yield f"{path}: {value!r} is none of {', '.join(sorted(words))}"
    else:
        yield from _value_mismatches(value, kinds[0], path)


def _plain_mismatches(value: Any, annotation: Any, path: str) -> Iterator[str]:
    if annotation in TEXT_ON_THE_WIRE:
        is_right = isinstance(value, str | annotation)
    elif annotation is float:
        is_right = isinstance(value, int | float) and not isinstance(value, bool)
    elif annotation is int:
        is_right = isinstance(value, int) and not isinstance(value, bool)
    else:
        is_right = isinstance(value, annotation)
    if not is_right:
        yield f"{path}: expected {annotation.__name__}, got {value!r}"


def _is_optional(annotation: Any) -> bool:
    return types.NoneType in typing.get_args(annotation)


@cache
def fields_of(model: type[Model]) -> dict[str, Any]:
    """Return wire name -> annotation, with those of base models."""
    found: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, Model) or base is Model:
            continue
        scope = {**vars(sys.modules[base.__module__]), "_models": models}
        hints = typing.get_type_hints(base, globalns=scope)
        for attribute in vars(base):
            field = vars(base)[attribute]
            if type(field).__name__ == "_RestField":
                found[field._rest_name_input or attribute] = hints[attribute]
    return found
