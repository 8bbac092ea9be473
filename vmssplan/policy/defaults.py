"""A Plan as it is meant: the document with every default filled in that it leaves out.

So that a rule about a key holds for Plans that do not write it too. A default is filled in only
where the document still fits the schema with it: no version beside the id of an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def with_defaults(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with the defaults of the schema it fits."""
    filled: dict[str, Any] = _filled(value, schema, schema)
    return filled


def _filled(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, root)
    if isinstance(value, list):
        return [_filled(item, schema.get("items", {}), root) for item in value]
    if not hasattr(value, "items"):
        return value
    properties: Mapping[str, Any] = schema.get("properties", {})
    filled = {key: _filled(one, properties.get(key, {}), root) for key, one in value.items()}
    for key, default in _missing(filled, properties, root):
        if _fits({**filled, key: default}, schema, root):
            filled[key] = default
    return filled


def _missing(
    value: Mapping[str, Any], properties: Mapping[str, Any], root: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield what could stand for each key that is not there."""
    for key, subschema in properties.items():
        if key in value:
            continue
        if "default" in subschema:
            yield key, subschema["default"]
        elif _resolved(subschema, root).get("type") == "object":
            inner = _filled({}, subschema, root)
            if inner and _fits(inner, subschema, root):
                yield key, inner


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Any = root
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return {**target, **{key: one for key, one in schema.items() if key != "$ref"}}


def _fits(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    whole = {**schema, "$defs": root.get("$defs", {})}
    return bool(Draft202012Validator(whole).is_valid(value))
