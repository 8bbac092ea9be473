"""Holds a document against a JSON Schema and says in plain sentences what does not fit.

The validator finds what is wrong; its own words, full of schema, are never shown. A subschema
says what it expects in `errorMessage`, which editors show too. One mistake gives one problem:
what only follows from a misspelt key is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from vmssplan.planfile.loaded import Path
from vmssplan.planfile.nearest import did_you_mean, nearest
from vmssplan.planfile.source import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmssplan.errors import Problem

_KINDS = {
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_COMBINATIONS = frozenset({"anyOf", "oneOf", "not", "minProperties", "dependentRequired"})
_LONGEST_QUOTE = 60
_CREDENTIALS = re.compile(r"(://(?=[^/]*@)|://[^?]*\?).*")


def check(document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """Return what in the document does not fit the schema, in no particular order."""
    mistakes = [
        _mistake(leaf, document, schema)
        for error in _Validator(schema).iter_errors(document.value)
        for leaf in _leaves(error)
    ]
    suggested = _suggested_keys(mistakes)
    problems = [
        problem
        for mistake in mistakes
        if not (mistake.keyword in _COMBINATIONS and suggested[mistake.path])
        for problem in _problems(mistake, suggested[mistake.path])
    ]
    # The validator reports each missing key by itself, while a mistake here names them all.
    return list(dict.fromkeys(problems))


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A keyword of a subschema that a value breaks; `wanted` is what the keyword says."""

    document: Document
    root: Mapping[str, Any]
    path: Path
    value: Any
    schema: Mapping[str, Any]
    keyword: str
    wanted: Any

    @property
    def got(self) -> str:
        return _got(self.value, self.document.written(self.path))

    def problem(self, message: str, suggestion: str | None = None) -> Problem:
        return self.document.problem(self.path, message, suggestion=suggestion)


def _mistake(error: ValidationError, document: Document, root: Mapping[str, Any]) -> _Mistake:
    schema: Any = error.schema
    return _Mistake(
        document,
        root,
        tuple(error.absolute_path),
        error.instance,
        schema,
        str(error.validator),
        error.validator_value,
    )


def _problems(mistake: _Mistake, suggested: frozenset[str]) -> Iterator[Problem]:
    match mistake.keyword:
        case "additionalProperties":
            yield from _unknown_keys(mistake)
        case "required":
            for key in _missing(mistake, mistake.wanted):
                if key not in suggested:
                    yield _missing_key(mistake, key)
        case "dependentRequired":
            for present, needed in mistake.wanted.items():
                if present in mistake.value:
                    for key in _missing(mistake, needed):
                        yield _missing_key(mistake, key)
        case "enum" | "const":
            yield _wrong_word(mistake)
        case keyword:
            yield mistake.problem(_SENTENCES.get(keyword, _other)(mistake))


def _unknown_keys(mistake: _Mistake) -> Iterator[Problem]:
    known = mistake.schema["properties"]
    for key in _extra_keys(mistake):
        meant = nearest(key, known)
        homes = () if meant else tuple(_homes(mistake.root, key))
        if meant:
            message, suggestion = "unknown key", did_you_mean(meant)
        elif homes:
            message, suggestion = "unknown key here", f"it belongs under {_either(homes)}"
        else:
            message, suggestion = f"unknown key; expected {_either(known)}", None
        yield mistake.document.problem_at_key((*mistake.path, key), message, suggestion)


def _missing_key(mistake: _Mistake, key: str) -> Problem:
    subschema = mistake.schema.get("properties", {}).get(key, {})
    # Without a schema of the key, the sentence is written beside `required` itself.
    message = mistake.schema.get("errorMessage") if not subschema else None
    message = message or f"missing; {_expected(subschema)}"
    return mistake.document.problem((*mistake.path, key), message, at=mistake.path)


def _wrong_word(mistake: _Mistake) -> Problem:
    words = mistake.schema.get("enum", ())
    suggestion = did_you_mean(nearest(str(mistake.value), words))
    return mistake.problem(f"{_expected(mistake.schema)}, got {mistake.got}", suggestion)


def _wrong_type(mistake: _Mistake) -> str:
    wanted, value = mistake.schema["type"], mistake.value
    written = mistake.document.written(mistake.path)
    if wanted == "string" and _is_plain_number_or_word(value):
        if re.search(mistake.schema.get("pattern", ""), written):
            return f"expected a string, got {mistake.got}; put it in quotes"
        return f"{_expected(mistake.schema)}, got {mistake.got}"
    if wanted == "integer" and isinstance(value, str) and value.isdecimal():
        return f"expected a whole number, got {mistake.got}; leave out the quotes"
    return f"expected {_KINDS[wanted]}, got {mistake.got}"


def _combination(mistake: _Mistake) -> str:
    value = mistake.value
    if isinstance(value, dict) and mistake.keyword == "oneOf":
        keys = [key for key in value if key in mistake.schema["properties"]]
        branches = str(mistake.wanted)
        told = [key for key in keys if f"'{key}'" in branches]
        return f"{_expected(mistake.schema)}; got {' and '.join(told) or 'none'}"
    return f"{_expected(mistake.schema)}, got {mistake.got}"


def _as_written(mistake: _Mistake) -> str:
    return _expected(mistake.schema)


def _limit(words: str, mistake: _Mistake) -> str:
    return f"expected {words} {mistake.wanted}, got {mistake.got}"


def _constant(words: str, _: _Mistake) -> str:
    return words


def _other(mistake: _Mistake) -> str:
    return f"does not fit the format, got {mistake.got}"


_SENTENCES: Mapping[str, Callable[[_Mistake], str]] = {
    "type": _wrong_type,
    "pattern": _combination,
    "anyOf": _combination,
    "oneOf": _combination,
    "not": _as_written,
    "minProperties": _as_written,
    "minimum": partial(_limit, "at least"),
    "maximum": partial(_limit, "at most"),
    "minLength": partial(_constant, "expected some text, got none"),
    "minItems": partial(_constant, "expected at least one item, got an empty list"),
    "uniqueItems": partial(_constant, "expected each item only once"),
}


# --- the validator ----------------------------------------------------------------------------


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    # In Python `$` also matches before a last line end, which no pattern of ours means.
    if isinstance(value, str) and (value.endswith("\n") or not re.search(pattern, value)):
        yield ValidationError("pattern")


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Go into alternatives as far as the value fits one of them, such as a list with a bad item."""
    deeper = [inner for inner in error.context or () if inner.relative_path]
    if not deeper:
        yield error
    for inner in deeper:
        yield from _leaves(inner)


# --- keys -------------------------------------------------------------------------------------


def _suggested_keys(mistakes: list[_Mistake]) -> Mapping[Path, frozenset[str]]:
    """Return, by mapping, the keys that its unknown keys were probably meant to be."""
    found: defaultdict[Path, frozenset[str]] = defaultdict(frozenset)
    for mistake in mistakes:
        if mistake.keyword == "additionalProperties":
            known = mistake.schema["properties"]
            meant = (nearest(key, known) for key in _extra_keys(mistake))
            found[mistake.path] = frozenset(chain.from_iterable(meant))
    return found


def _extra_keys(mistake: _Mistake) -> list[str]:
    return [key for key in mistake.value if key not in mistake.schema["properties"]]


def _missing(mistake: _Mistake, needed: list[str]) -> list[str]:
    return [key for key in needed if key not in mistake.value]


def _homes(schema: Mapping[str, Any], key: str, path: str = "") -> Iterator[str]:
    """Find the mappings of the Plan, not through references, where the key does belong."""
    properties = schema.get("properties", {})
    if key in properties:
        yield path or "the top level"
    for name, inner in properties.items():
        yield from _homes(inner, key, f"{path}.{name}" if path else name)


# --- words ------------------------------------------------------------------------------------


def _expected(schema: Mapping[str, Any]) -> str:
    if "errorMessage" in schema:
        return str(schema["errorMessage"])
    if "const" in schema:
        return f"expected {schema['const']}"
    if "enum" in schema:
        return f"expected {_either(schema['enum'])}"
    kind = f"expected {_KINDS[schema['type']]}" if "type" in schema else "expected a value"
    inside = schema.get("required", ())
    return f"{kind} with {', '.join(inside)}" if inside else kind


def _got(value: object, written: str) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return written
        case int() | float():
            return f"the number {written}"
        case str():
            return _quoted(value)
        case list():
            return "a list"
        case _:
            return "a mapping"


def _quoted(text: str) -> str:
    # An address may carry a password or a signature, and messages end up in logs.
    text = _CREDENTIALS.sub(r"\1...", " ".join(text.split()))
    return f'"{text}"' if len(text) <= _LONGEST_QUOTE else f'"{text[:_LONGEST_QUOTE]}..."'


def _is_plain_number_or_word(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _either(words: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
