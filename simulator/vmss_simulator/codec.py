"""Values of the world to plain data and back, led by their types alone.

It knows no class of the world, so that whatever is added to the world (a field, a task, a
fault) is carried by a saved world without a line here. Fields become camelCase keys and are
left out at their default; a value of a closed union becomes `{className: fields}`, moments
and durations ISO 8601. Reading checks every type and says where something is wrong.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from math import isfinite
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from vmss_simulator.durations import format_duration, parse_duration
from vmss_simulator.randomness import camel_case
from vmss_simulator.values import ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Iterable

KeyPath = tuple[str | int, ...]
_KEY_PARTS = 8
_MAX_DEPTH = 80
_UNIONS = (Union, types.UnionType)


class Undecodable(Exception):
    """Data that is not a value of the wanted type: where in the document, and why."""

    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def encode(value: Any, hint: Any) -> Any:
    """Return the value as plain data; TypeError for a type the codec does not know."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or value is None or origin is Literal or hint in (str, int, float, bool):
        return _plain(value)
    if origin in _UNIONS:
        return _encode_union(value, [each for each in arguments if each is not types.NoneType])
    if hint is ScaleSetKey:
        return value.resource_id
    if is_record(hint):
        return encode_fields(value, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return value.value
    if hint is datetime:
        return value.isoformat()
    if hint is timedelta:
        return _encode_span(value)
    if origin in (tuple, list, frozenset, set):
        return _encode_items(value, origin, arguments)
    if origin in (dict, Mapping):
        return _encode_mapping(value, *arguments)
    raise TypeError(f"no plain data for {hint!r}")


def encode_fields(value: Any, kind: type, *, all_fields: bool = False) -> dict[str, Any]:
    """Return a record as plain data: its fields by camelCase name.

    Those that have their default are left out, unless `all_fields` are wanted.
    """
    return {
        each.key: encode(getattr(value, each.name), each.hint)
        for each in layout(kind)
        if all_fields or getattr(value, each.name) != each.default()
    }


def decode(raw: Any, hint: Any, path: KeyPath = ()) -> Any:
    """Return the value the data stands for; Undecodable when it is none of that type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return _json_value(raw, path, 0)
    if origin in _UNIONS:
        if raw is None and types.NoneType in arguments:
            return None
        return _decode_union(raw, [each for each in arguments if each is not types.NoneType], path)
    if origin is Literal:
        return _among(raw, arguments, path)
    if hint in (str, int, float, bool):
        return _decode_scalar(raw, hint, path)
    if is_record(hint):
        return decode_fields(raw, hint, path)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_among(raw, [each.value for each in hint], path))
    if hint in _TEXTS:
        return _decode_text(raw, hint, path)
    if origin in (tuple, list, frozenset, set):
        return _decode_items(raw, origin, arguments, path)
    if origin in (dict, Mapping):
        return _decode_mapping(raw, arguments[0], arguments[1], path)
    raise TypeError(f"no value of {hint!r} from plain data")


def decode_fields(raw: Any, kind: type[Any], path: KeyPath = ()) -> Any:
    """Return the record whose fields these are; Undecodable for unknown or missing keys."""
    given = mapping(raw, path)
    slots = layout(kind)
    known = {each.key for each in slots}
    for key in given:
        if key not in known:
            raise Undecodable((*path, key), f"no such key; there are {', '.join(sorted(known))}")
    values = {}
    for each in slots:
        if each.key in given:
            values[each.name] = decode(given[each.key], each.hint, (*path, each.key))
        elif each.default() is MISSING:
            raise Undecodable(path, f"a key is missing: {each.key!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise Undecodable(path, str(error)) from error


def mapping(raw: Any, path: KeyPath) -> Mapping[str, Any]:
    """Return the data as a mapping of texts; Undecodable when it is none."""
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise Undecodable(path, f"expected a mapping, found {_shown(raw)}")
    return raw


def items(raw: Any, path: KeyPath) -> list[Any]:
    """Return the data as a list; Undecodable when it is none."""
    if not isinstance(raw, list):
        raise Undecodable(path, f"expected a list, found {_shown(raw)}")
    return raw


def is_record(hint: Any) -> bool:
    """Whether it is a class whose values are their fields: a dataclass, or a struct."""
    return isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, msgspec.Struct))


class Slot(NamedTuple):
    """One field of a record: its name here, its key in a document, its type."""

    name: str
    key: str
    hint: Any
    default: Callable[[], Any]
    """What the field is when nothing is said; MISSING when it has to be."""


_LAYOUTS: dict[type, tuple[Slot, ...]] = {}


def layout(kind: type) -> tuple[Slot, ...]:
    """Return the fields of a record, in order."""
    known = _LAYOUTS.get(kind)
    if known is None:
        hints = get_type_hints(kind)
        known = tuple(
            Slot(name, camel_case(name), hints[name], default)
            for name, default in _defaults(kind).items()
        )
        _LAYOUTS[kind] = known
    return known


def _defaults(kind: type[Any]) -> dict[str, Callable[[], Any]]:
    """Return by name what makes the default of each field."""
    listed: Iterable[Any] = (
        msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else fields(kind)
    )
    none = (MISSING, msgspec.NODEFAULT)
    return {
        each.name: partial(_same, MISSING if each.default in none else each.default)
        if each.default_factory in none
        else each.default_factory
        for each in listed
    }


def _same(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} is no plain data")


def _case_name(kind: Any) -> str:
    name: str = kind.__name__
    return name[:1].lower() + name[1:]


def _encode_union(value: Any, cases: list[Any]) -> Any:
    if len(cases) == 1:
        return encode(value, cases[0])
    kind = type(value)
    if kind in cases and is_record(kind):
        return {_case_name(kind): encode_fields(value, kind)}
    return encode(
        value, next(each for each in cases if isinstance(value, get_origin(each) or each))
    )


def _decode_union(raw: Any, cases: list[Any], path: KeyPath) -> Any:
    if len(cases) == 1:
        return decode(raw, cases[0], path)
    named = {_case_name(each): each for each in cases if is_record(each)}
    if isinstance(raw, dict) and len(raw) == 1 and next(iter(raw)) in named:
        ((name, given),) = raw.items()
        return decode(given, named[name], (*path, name))
    for each in cases:
        if each not in named.values():
            try:
                return decode(raw, each, path)
            except Undecodable:
                continue
    raise Undecodable(path, f"expected one of {', '.join(named)}, found {_shown(raw)}")


def _encode_items(value: Iterable[Any], origin: Any, arguments: tuple[Any, ...]) -> list[Any]:
    if origin is tuple and arguments[-1] is not Ellipsis:
        return [encode(each, hint) for each, hint in zip(value, arguments, strict=True)]
    encoded = [encode(each, arguments[0]) for each in value]
    # A set has no order of its own, and the one of its hashes differs between processes.
    return sorted(encoded) if origin in (frozenset, set) else encoded


def _decode_items(raw: Any, origin: Any, arguments: tuple[Any, ...], path: KeyPath) -> Any:
    given = items(raw, path)
    if origin is tuple and arguments[-1] is not Ellipsis:
        if len(given) != len(arguments):
            raise Undecodable(path, f"expected {len(arguments)} items, found {len(given)}")
        hints = arguments
    else:
        hints = (arguments[0],) * len(given)
    decoded = (
        decode(each, hint, (*path, index))
        for index, (each, hint) in enumerate(zip(given, hints, strict=True))
    )
    return origin(decoded)


def _is_text(hint: Any) -> bool:
    return hint in (str, ScaleSetKey) or (isinstance(hint, type) and issubclass(hint, Enum))


def _encode_mapping(value: Mapping[Any, Any], key_hint: Any, hint: Any) -> Any:
    if _is_text(key_hint):
        return {encode(key, key_hint): encode(item, hint) for key, item in value.items()}
    return [[*_row(encode(key, key_hint)), encode(item, hint)] for key, item in value.items()]


def _row(key: Any) -> list[Any]:
    return key if isinstance(key, list) else [key]


def _decode_mapping(raw: Any, key_hint: Any, hint: Any, path: KeyPath) -> dict[Any, Any]:
    if _is_text(key_hint):
        return {
            decode(key, key_hint, (*path, key)): decode(item, hint, (*path, key))
            for key, item in mapping(raw, path).items()
        }
    found = {}
    for index, row in enumerate(items(raw, path)):
        place = (*path, index)
        *key, item = items(row, place) or [None]
        whole = key if get_origin(key_hint) is tuple else key[0] if len(key) == 1 else None
        found[decode(whole, key_hint, place)] = decode(item, hint, place)
    return found


def _encode_span(span: timedelta) -> str:
    text = format_duration(span) if span >= timedelta(0) else ""
    if text and parse_duration(text) == span:
        return text
    return f"PT{span // timedelta(microseconds=1) / 1_000_000:.6f}S"


def _decode_scalar(raw: Any, hint: Any, path: KeyPath) -> Any:
    if hint is float and type(raw) in (int, float) and isfinite(raw):
        return raw
    if type(raw) is hint and hint is not float:
        return raw
    raise Undecodable(path, f"expected {hint.__name__}, found {_shown(raw)}")


def _decode_text(raw: Any, hint: Any, path: KeyPath) -> Any:
    if isinstance(raw, str):
        try:
            return _TEXTS[hint](raw)
        except (ValueError, OverflowError):
            pass
    raise Undecodable(path, f"expected {_WORDS[hint]}, found {_shown(raw)}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)


def _key(text: str) -> ScaleSetKey:
    parts = text.strip("/").split("/")
    if len(parts) != _KEY_PARTS:
        raise ValueError("not the id of a scale set")
    key = ScaleSetKey(parts[1], parts[3], parts[7])
    if key.resource_id.casefold() != text.casefold():
        raise ValueError("not the id of a scale set")
    return key


def _among(raw: Any, allowed: Iterable[Any], path: KeyPath) -> Any:
    if raw not in allowed:
        raise Undecodable(path, f"expected one of {', '.join(map(str, allowed))}, found {raw!r}")
    return raw


def _json_value(raw: Any, path: KeyPath, depth: int) -> Any:
    """Return data of no particular type; Undecodable when JSON has no words for it."""
    if depth > _MAX_DEPTH:
        raise Undecodable(path, "nested too deeply")
    if isinstance(raw, dict) and all(isinstance(key, str) for key in raw):
        return {key: _json_value(each, (*path, key), depth + 1) for key, each in raw.items()}
    if isinstance(raw, list):
        return [_json_value(each, (*path, index), depth + 1) for index, each in enumerate(raw)]
    if raw is None or isinstance(raw, str | int) or (isinstance(raw, float) and isfinite(raw)):
        return raw
    raise Undecodable(path, f"expected what JSON can say, found {_shown(raw)}")


def _shown(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits a line


_TEXTS: dict[Any, Callable[[str], Any]] = {
    datetime: _moment,
    timedelta: parse_duration,
    ScaleSetKey: _key,
}
_WORDS = {
    datetime: "a moment with an offset",
    timedelta: "a duration such as PT30S",
    ScaleSetKey: "the ARM id of a scale set",
}
