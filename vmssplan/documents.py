"""Values to JSON documents and back, one way for all: camelCase keys, `type` tags, ISO times.

Used for Rollouts and journals. Reading is strict: an unknown or missing key, or a wrong kind of
value, is a DocumentInvalid, so that a file written by another version is refused and not guessed.
"""

from __future__ import annotations

import json
from dataclasses import field, fields, is_dataclass, make_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, get_args, get_type_hints

from msgspec import NODEFAULT, Struct, structs

from vmssplan.durations import format_duration, parse_duration
from vmssplan.errors import DocumentInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cattrs import Converter

T = TypeVar("T")


def to_document(value: Any, kind: Any = None) -> Any:
    """Return the JSON-ready form; `kind` is the union it is a member of, when it needs a tag."""
    return _converter().unstructure(value, unstructure_as=kind or type(value))


def from_document(document: Any, kind: Any, *, file: str = "") -> Any:
    """Build a value of `kind`; raises DocumentInvalid naming every wrong place."""
    from cattrs import BaseValidationError, transform_error  # noqa: PLC0415 - kept out of start-up

    try:
        return _converter().structure(document, kind)
    except (BaseValidationError, TypeError, ValueError, KeyError) as error:
        problems = [
            Problem(message.replace(" @ $.", " at ").replace(" @ $", ""), file=file)
            for message in transform_error(error)
        ]
        raise DocumentInvalid(problems) from error


def canonical_json(document: Any) -> str:
    """Return the one text a document has: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def readable_json(document: Any) -> str:
    """Return the document for files and people: sorted keys, two spaces, a final newline."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


@cache
def _converter() -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - 60 ms that most commands need not pay

    converter = Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(datetime, lambda value: value.isoformat())
    converter.register_structure_hook(datetime, lambda value, _: _datetime(value))
    converter.register_unstructure_hook(timedelta, format_duration)
    converter.register_structure_hook(timedelta, lambda value, _: parse_duration(_text(value)))
    converter.register_unstructure_hook(StrEnum, lambda value: value.value)
    for exact in (str, int, bool):
        converter.register_structure_hook(exact, _exactly(exact))
    converter.register_unstructure_hook_factory(is_dataclass, lambda kind: _writer(kind, converter))
    converter.register_structure_hook_factory(is_dataclass, lambda kind: _reader(kind, converter))
    converter.register_unstructure_hook_factory(
        _is_struct, lambda kind: _struct_writer(kind, converter)
    )
    converter.register_structure_hook_factory(
        _is_struct, lambda kind: _struct_reader(kind, converter)
    )
    converter.register_unstructure_hook_factory(
        _is_tagged_union, lambda _: lambda value: _tagged(value, converter)
    )
    converter.register_structure_hook_factory(
        _is_tagged_union, lambda union: _tagged_reader(union, converter)
    )
    return converter


def _writer(kind: type, converter: Converter) -> Any:
    from cattrs.gen import make_dict_unstructure_fn, override  # noqa: PLC0415 - see above

    renames = {field.name: override(rename=document_key(field.name)) for field in fields(kind)}
    return make_dict_unstructure_fn(kind, converter, **renames)  # type: ignore[arg-type]


def is_record(kind: Any) -> TypeGuard[type]:
    """Tell whether it is a class whose values are their fields: a dataclass, or a struct."""
    return isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Struct))


def record_fields(kind: type) -> Mapping[str, Any]:
    """Return the types of the fields of a record by their names, in order."""
    return _record_fields(kind)


@cache
def _record_fields(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    found: Iterable[Any] = structs.fields(kind) if _is_struct(kind) else fields(kind)
    return {field.name: hints[field.name] for field in found}


def _is_struct(kind: Any) -> TypeGuard[type[Struct]]:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _struct_writer(kind: type, converter: Converter) -> Any:
    known = [(name, document_key(name), hint) for name, hint in record_fields(kind).items()]

    def unstructure(value: Any) -> dict[str, Any]:
        return {
            key: converter.unstructure(getattr(value, name), unstructure_as=hint)
            for name, key, hint in known
        }

    return unstructure


def _struct_reader(kind: type[Struct], converter: Converter) -> Any:
    """Return what reads a struct: as the dataclass that has the same fields."""
    names = [field.name for field in structs.fields(kind)]
    hints = record_fields(kind)
    alike = make_dataclass(
        kind.__name__,
        [
            (one.name, hints[one.name], field(default=one.default))
            if one.default is not NODEFAULT
            else (one.name, hints[one.name])
            for one in structs.fields(kind)
        ],
    )
    read = _reader(alike, converter)

    def structure(document: Any, _: Any) -> Any:
        found = read(document, alike)
        return kind(*[getattr(found, name) for name in names])

    return structure


def _reader(kind: type, converter: Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 - see above

    renames = {field.name: override(rename=document_key(field.name)) for field in fields(kind)}
    read: Any = make_dict_structure_fn(kind, converter, **renames)  # type: ignore[arg-type]

    def structure(document: Any, wanted: Any) -> Any:
        if not isinstance(document, dict):
            raise TypeError(f"expected an object, got {type(document).__name__}")
        return read(document, wanted)

    return structure


def _is_tagged_union(kind: Any) -> bool:
    """Tell whether it is a closed union of records, perhaps with None."""
    members = [member for member in get_args(kind) if member is not NoneType]
    is_union = isinstance(kind, UnionType) and len(members) > 1
    return is_union and all(is_record(member) for member in members)


def _tagged(value: Any, converter: Converter) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"type": type(value).__name__, **converter.unstructure(value)}


def _tagged_reader(union: UnionType, converter: Converter) -> Any:
    members = {member.__name__: member for member in get_args(union) if member is not NoneType}
    is_optional = NoneType in get_args(union)

    def structure(document: Any, _: Any) -> Any:
        if document is None and is_optional:
            return None
        if not isinstance(document, dict):
            raise TypeError(f"expected an object, got {type(document).__name__}")
        tag = document.get("type")
        if tag not in members:
            raise ValueError(f"unknown type {tag!r}; expected one of {', '.join(sorted(members))}")
        rest = {key: value for key, value in document.items() if key != "type"}
        return converter.structure(rest, members[tag])

    return structure


def _exactly(kind: type[T]) -> Any:
    """Refuse what cattrs would convert: a number is no string, a string no number.

    Enums come here too, because their members are strings.
    """

    def structure(value: Any, wanted: type[T]) -> T:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value if wanted is kind else wanted(value)  # type: ignore[call-arg]

    return structure


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected str, got {type(value).__name__}")
    return value


def _datetime(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("expected a time with its offset from UTC")
    return moment


def document_key(name: str) -> str:
    """Return the key of the field of that name."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
