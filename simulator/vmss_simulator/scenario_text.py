"""Reading a scenario's text: safe YAML, checked against its schema, every error with its place.

Nothing here knows what a scenario means; `scenario_build.py` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vmss_simulator.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema.exceptions import ValidationError

KeyPath = tuple[str | int, ...]
_SCHEMA_NAME = "scenario.v1.schema.json"
_MAX_BYTES = 32 * 1024 * 1024
_MAX_DEPTH = 100
_PLAIN_TEXT_TAG = "tag:yaml.org,2002:timestamp"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a scenario: where in the document, and what was expected."""

    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """A scenario's document, and the line and column (from 1) of each of its keys and items."""

    source: str
    raw: Mapping[str, Any]
    places: Mapping[KeyPath, tuple[int, int]]

    def refusal(self, problems: Iterable[Problem]) -> ScenarioError:
        """Return the error that lists all problems, in the order of the file."""
        found = sorted({(self._place(each.path), each) for each in problems}, key=_order)
        lines = [
            f"{self.source}:{line}:{column}: {dotted(each.path)}: {each.message}"
            for (line, column), each in found
        ]
        return ScenarioError("\n".join(lines))

    def check(self) -> None:
        """Raise ScenarioError with everything that is against the schema of scenarios."""
        problems = list(_problems_against(scenario_schema(), self.raw))
        if problems:
            raise self.refusal(problems)

    def _place(self, path: KeyPath) -> tuple[int, int]:
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read_mapping(text: str, source: str) -> Document:
    """Read YAML text as a mapping, whatever is in it; ScenarioError when it is none.

    Aliases and duplicate keys are refused, and moments stay text.
    """
    if len(text.encode()) > _MAX_BYTES:
        raise ScenarioError(f"{source}: larger than {_MAX_BYTES // 1024 // 1024} MiB")
    reader = _Reader(source)
    try:
        raw = reader.read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        # Newer YAML libraries have a limit of their own, and may look further ahead than we do.
        is_deep = "nesting" in (error.problem or "")
        what = "nested too deeply" if is_deep else f"not YAML: {error.problem}"
        raise ScenarioError(f"{source}:{where}: {what}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{source}: not YAML: {error}") from error
    document = Document(source, raw if isinstance(raw, dict) else {}, reader.places)
    if reader.problems:
        raise document.refusal(reader.problems)
    if not isinstance(raw, dict):
        raise ScenarioError(f"{source}:1:1: a scenario is a mapping of keys")
    return document


@cache
def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema of scenarios: the package's copy, else the checkout's."""
    here = Path(__file__).resolve()
    packaged = here.parent / "schemas" / _SCHEMA_NAME
    path = packaged if packaged.exists() else here.parents[2] / "schemas" / _SCHEMA_NAME
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def dotted(path: KeyPath) -> str:
    """Write a key path as `scaleSets[0].image`; the whole document is `scenario`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out or "scenario"


class _Reader:
    """Turns YAML nodes into plain values, remembering where each came from."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.places: dict[KeyPath, tuple[int, int]] = {}
        self.problems: list[Problem] = []

    def read(self, text: str) -> Any:
        """Read the one document in the text."""
        self._refuse_aliases(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else self._value(loader, node, ())
        finally:
            loader.dispose()

    def _refuse_aliases(self, text: str) -> None:
        # Before composing: nested aliases grow without bound, and deep nesting ends the stack.
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            mark: Any = event.start_mark
            line, column = mark.line + 1, mark.column + 1
            if isinstance(event, yaml.AliasEvent):
                raise ScenarioError(f"{self.source}:{line}:{column}: aliases are not supported")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _MAX_DEPTH:
                raise ScenarioError(f"{self.source}:{line}:{column}: nested too deeply")

    def _value(self, loader: Any, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self._remember(item, (*path, index))
                items.append(self._value(loader, item, (*path, index)))
            return items
        if node.tag == _PLAIN_TEXT_TAG:
            return node.value
        return loader.construct_object(node)

    def _mapping(self, loader: Any, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            self._remember(key_node, (*path, key))
            if key in out:
                self.problems.append(Problem((*path, key), "the key is given twice"))
            out[key] = self._value(loader, value_node, (*path, key))
        return out

    def _remember(self, node: yaml.Node, path: KeyPath) -> None:
        mark: Any = node.start_mark
        self.places.setdefault(path, (mark.line + 1, mark.column + 1))


def definition_problems(name: str, raw: Any) -> Iterator[Problem]:
    """Yield what is wrong with one part of a scenario, by its name in the schema's `$defs`."""
    yield from _problems_against(
        {"$ref": f"#/$defs/{name}", "$defs": scenario_schema()["$defs"]}, raw
    )


def _problems_against(schema: dict[str, Any], raw: Any) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow, and only needed here

    for error in Draft202012Validator(schema).iter_errors(raw):
        yield from _explained(error, ())


def _explained(error: ValidationError, base: KeyPath) -> Iterator[Problem]:
    path = (*base, *error.relative_path)
    schema: Any = error.schema
    wanted: Any = error.validator_value
    match error.validator:
        case "additionalProperties" if isinstance(error.instance, dict):
            known = list(schema.get("properties", {}))
            for key in error.instance:
                if key not in known:
                    yield Problem((*path, key), _unknown_key(key, known))
        case "oneOf" | "anyOf":
            yield from _explained_choice(error, path)
        case "required":
            yield Problem(path, f"a key is missing: {error.message}")
        case "type":
            names = wanted if isinstance(wanted, str) else " or ".join(wanted)
            hint = "; put it in quotes" if names == "string" and _is_scalar(error.instance) else ""
            yield Problem(path, f"expected {names}, found {error.instance!r}{hint}")
        case "enum":
            allowed = ", ".join(str(each) for each in wanted)
            yield Problem(path, f"expected one of {allowed}, found {error.instance!r}")
        case "pattern":
            yield Problem(path, f"expected {_purpose(error)}, found {error.instance!r}")
        case _:
            yield Problem(path, f"{error.message}; expected {_purpose(error)}")


def _explained_choice(error: ValidationError, path: KeyPath) -> Iterator[Problem]:
    """Explain by the form that was most likely meant: the one that knows most of the keys."""
    forms: Any = error.validator_value
    given = set(error.instance) if isinstance(error.instance, dict) else set()
    shared = [len(given & set(form.get("properties", ()))) for form in forms]
    likely = shared.index(max(shared))
    if not shared[likely]:
        yield Problem(path, f"expected {_purpose(error)}, found {error.instance!r}")
        return
    for each in error.context or ():
        if each.relative_schema_path[0] == likely:
            yield from _explained(each, path)


def _unknown_key(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    if near:
        return f"no such key; did you mean {near[0]!r}?"
    return f"no such key; there are {', '.join(known) or 'none here'}"


def _purpose(error: ValidationError) -> str:
    description = (
        str(error.schema.get("description", error.message))
        if isinstance(error.schema, dict)
        else error.message
    )
    return description[:1].lower() + description[1:].rstrip(".")


def _is_scalar(value: object) -> bool:
    return isinstance(value, int | float)


def _order(placed: tuple[tuple[int, int], Problem]) -> tuple[tuple[int, int], str, str]:
    place, problem = placed
    return place, dotted(problem.path), problem.message
