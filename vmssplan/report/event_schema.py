"""The JSON Schema of the stream of Events, made from the Events themselves.

What an Event means is its docstring, what its fields are is its annotations; only what a field
means is told here, because Python has no place for it. So the schema cannot lag behind: an Event
or a field that nothing describes is an error that names what to add. Written with

    python -m vmssplan.report.event_schema > schemas/event.v1.schema.json
"""

from __future__ import annotations

import sys
from dataclasses import fields
from datetime import datetime, timedelta
from enum import StrEnum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from vmssplan.documents import document_key, is_record, readable_json, record_fields
from vmssplan.engine import Event
from vmssplan.report.as_json import EVENT_TYPES, LEVELS, MODULE, STREAM_VERSION
from vmssplan.report.event_words import FIELDS, TYPES
from vmssplan.report.run import Recap

Document = dict[str, Any]
HOW_TO_WRITE = "python -m vmssplan.report.event_schema > schemas/event.v1.schema.json"
_DURATION = "^P(?=[0-9T])([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\\.[0-9]+)?S)?)?$"
_MOMENT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?(Z|[+-][0-9:]{5,8})$"
_SIMPLE: dict[Any, Document] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time", "pattern": _MOMENT},
    timedelta: {"type": "string", "pattern": _DURATION},
}


class Undescribed(LookupError):
    """Something of the stream has no words yet; the message says where to add them."""


def event_schema() -> Document:
    """Return the schema; raises Undescribed."""
    definitions: Document = {}
    for kind in get_args(Event):
        _define(kind, definitions, is_tagged=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vmssplan:schema:event:v1",
        "title": "vmssplan Events",
        "description": "One line of what `vmssplan apply --json` and `vmssplan resume --json`"
        " print: a version line, then one line an Event, then the outcome. A new minor version of"
        " the format may add keys, types and Events: ignore those you do not know.",
        "oneOf": [
            {"$ref": "#/$defs/VersionLine"},
            {"$ref": "#/$defs/EventLine"},
            {"$ref": "#/$defs/OutcomeLine"},
        ],
        "$defs": {
            "VersionLine": _version_line(),
            "EventLine": _event_line(),
            "OutcomeLine": _outcome_line(definitions),
            **dict(sorted(definitions.items())),
        },
    }


def _described(kind: Document, text: str) -> Document:
    return {**kind, "description": text}


def _object(text: str, properties: Document, optional: tuple[str, ...] = ()) -> Document:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "description": text,
        "properties": properties,
        "required": required,
    }


def _head(types: Document) -> Document:
    """Return the keys that every line has, as the lines of Terraform have them."""
    return {
        "@level": {"enum": sorted(set(LEVELS.values())), "description": "How much it matters."},
        "@message": _described(_SIMPLE[str], "The same in words, for people."),
        "@module": {"const": MODULE, "description": "Who writes the line."},
        "@timestamp": _described(
            _SIMPLE[datetime], "When it happened, in UTC; virtual time with a simulator."
        ),
        "type": types,
    }


def _version_line() -> Document:
    version = {"const": "version", "description": "The first line of a stream."}
    properties = {
        **_head(version),
        "vmssplan": _described(_SIMPLE[str], "Version of the program."),
        "ui": {
            "type": "string",
            "pattern": rf"^{STREAM_VERSION.partition('.')[0]}\.[0-9]+$",
            "description": "Version of this format: the minor one grows when something is added,"
            " the major one when something changes.",
        },
    }
    return _object("The first line: who writes the stream, in which version.", properties)


def _place() -> Document:
    return {
        "run": _described(_SIMPLE[str], "Id of the Run."),
        "plan": _described(_SIMPLE[str], "Name of the Plan."),
        "scaleSet": _described(_SIMPLE[str], "Azure resource id of the scale set."),
        "steps": _described(_SIMPLE[int], "How many steps the Rollout has."),
    }


def _event_line() -> Document:
    by_type: dict[str, list[str]] = {}
    for kind, line_type in EVENT_TYPES.items():
        by_type.setdefault(line_type, []).append(kind.__name__)
    missing = sorted(by_type.keys() - TYPES.keys())
    if missing:
        raise Undescribed(
            f"the types {', '.join(missing)} are not described: add them to TYPES in"
            " vmssplan/report/event_words.py"
        )
    types = {
        "description": "What the line is about, coarsely; `event.type` is exact.",
        "oneOf": [{"const": one, "description": TYPES[one]} for one in sorted(by_type)],
    }
    properties = {
        **_head(types),
        **_place(),
        "step": _described(_SIMPLE[int], "Number of the step, from 1; where it belongs to one."),
        "batch": _described(_SIMPLE[int], "Number of the batch, from 1; where it belongs to one."),
        "instance": _described(_SIMPLE[str], "Id of the instance; where it is about one."),
        "event": {
            "description": "The Event as it is in the journal.",
            "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in get_args(Event)],
        },
    }
    return {
        **_object("One Event of the Run.", properties, ("step", "batch", "instance")),
        "allOf": [
            {
                "if": {"properties": {"type": {"const": one}}},
                "then": {
                    "properties": {
                        "event": {"properties": {"type": {"enum": sorted(by_type[one])}}}
                    }
                },
            }
            for one in sorted(by_type)
        ],
    }


def _outcome_line(definitions: Document) -> Document:
    failed = "InstanceFailed"
    outcome = {"const": "outcome", "description": "The last line of a stream."}
    names = [field.name for field in fields(Recap)]
    recap = {name: _described(_SIMPLE[int], _words(Recap, name)) for name in names}
    definitions["Recap"] = _object("Every instance of the set, counted once.", recap)
    properties = {
        **_head(outcome),
        **_place(),
        "step": _described(_SIMPLE[int], "Number of the last step that began; 0 before the first."),
        "exitCode": {
            "type": ["integer", "null"],
            "description": "What the process answers with; null when it was interrupted.",
        },
        "reason": {
            "type": ["string", "null"],
            "description": "Why the Run stopped; empty when it is complete.",
        },
        "recap": {"$ref": "#/$defs/Recap"},
        "failures": {
            "type": "array",
            "description": "The failures that stand.",
            "items": _untagged(definitions[failed]),
        },
    }
    return _object("The last line: how the Run ended.", properties)


def _untagged(definition: Document) -> Document:
    """Return an Event's definition where nothing else can stand, so that it has no `type`."""
    properties = {name: one for name, one in definition["properties"].items() if name != "type"}
    return _object(definition["description"], properties)


def _define(kind: type, definitions: Document, *, is_tagged: bool) -> Document:
    """Add the definition of a dataclass, and return a reference to it."""
    name = kind.__name__ if is_tagged else f"{kind.__name__}Value"
    if name not in definitions:
        definitions[name] = {}  # a value may hold others of its kind
        properties: Document = {}
        if is_tagged:
            properties["type"] = {"const": kind.__name__, "description": "Which one it is."}
        for field, hint in record_fields(kind).items():
            shape = _shape(hint, definitions)
            properties[document_key(field)] = _described(shape, _words(kind, field))
        definitions[name] = _object(_docstring(kind), properties)
    return {"$ref": f"#/$defs/{name}"}


def _shape(hint: Any, definitions: Document) -> Document:
    """Return the schema of a value as `documents.to_document` writes it."""
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    if is_record(hint):
        return _define(hint, definitions, is_tagged=False)
    arguments = get_args(hint)
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        others = [one for one in arguments if one is not NoneType]
        tagged = len(others) > 1
        shapes = [
            _define(one, definitions, is_tagged=True)
            if tagged and is_record(one)
            else _shape(one, definitions)
            for one in others
        ]
        has_none = NoneType in arguments
        return {"anyOf": [*shapes, {"type": "null"}]} if has_none else {"oneOf": shapes}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _shape(arguments[0], definitions)}
    raise Undescribed(f"{hint} has no form here: add it to vmssplan/report/event_schema.py")


def _docstring(kind: type) -> str:
    if not kind.__doc__ or kind.__doc__.startswith(f"{kind.__name__}("):
        raise Undescribed(f"{kind.__name__} is not described: give it a docstring")
    first, *rest = cleandoc(kind.__doc__).split("\n\n")
    return " ".join(" ".join([first, *rest]).split())


def _words(kind: type, field: str) -> str:
    text = FIELDS.get(f"{kind.__name__}.{field}") or FIELDS.get(field)
    if text is None:
        raise Undescribed(
            f"{kind.__name__}.{field} is not described: add {field!r}, or where it means"
            f" something of its own {kind.__name__ + '.' + field!r}, to FIELDS in"
            f" vmssplan/report/event_words.py; then: {HOW_TO_WRITE}"
        )
    return text


if __name__ == "__main__":
    sys.stdout.write(readable_json(event_schema()))
