"""Reads YAML text into plain values and remembers where each one stands.

Scalars follow the YAML 1.2 core rules, as editors do: only `true` and `false` are booleans, no
octal or sexagesimal numbers, a date is text. The written form is kept, so that a message can
quote `12.10` where the value has become 12.1. Nothing here knows what a Plan is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from vmssplan.errors import Problem
from vmssplan.planfile.loaded import Path, path_text

MAX_DEPTH = 32
MAX_ALIASES = 100
MAX_VALUES = 20_000

_PLAIN = "plain"
_TEXT_TAG = "tag:yaml.org,2002:str"
_LIST_TAG = "tag:yaml.org,2002:seq"
_MAPPING_TAG = "tag:yaml.org,2002:map"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
# Controls would let a Plan write to the reader's terminal; a lone surrogate cannot be written out.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands; `key` is the place of its key, None in a list or at the root."""

    value: tuple[int, int]
    key: tuple[int, int] | None = None
    is_scalar: bool = False
    written: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """Where to point: at a scalar itself, at the key of anything bigger."""
        return self.value if self.is_scalar or self.key is None else self.key


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document as plain values; `number` counts from 1 within the file.

    `problems` are about the writing alone: a key written twice, a character out of place.
    """

    file: str
    number: int
    value: object
    spots: Mapping[Path, Spot]
    problems: tuple[Problem, ...] = ()

    def problem(
        self, path: Path, message: str, *, at: Path | None = None, suggestion: str | None = None
    ) -> Problem:
        """Return a Problem about `path`, pointing there, or at `at` where the path is missing."""
        spot = self._spot(path if at is None else at)
        return Problem(message, path_text(path), self.file, *spot.place, suggestion=suggestion)

    def problem_at_key(self, path: Path, message: str, suggestion: str | None = None) -> Problem:
        """Return a Problem about the key itself and not its value."""
        spot = self._spot(path)
        place = spot.key or spot.place
        return Problem(message, path_text(path), self.file, *place, suggestion=suggestion)

    def written(self, path: Path) -> str:
        """Return a scalar as the file has it."""
        return self._spot(path).written

    def _spot(self, path: Path) -> Spot:
        return self.spots.get(path, Spot((1, 1)))


def read_documents(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Return the documents, those before a syntax error too, and why there are no more of them."""
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        loader = _Composer(text)
        while (node := _next_node(loader)) is not None:
            reading = _Reading(file)
            value = reading.value_of(node, ())
            number = len(documents) + 1
            documents.append(Document(file, number, value, reading.spots, tuple(reading.problems)))
    except _TooMuch as error:
        problems.append(Problem(str(error), file=file))
    except yaml.reader.ReaderError as error:
        problems.append(_unprintable_problem(error, text, file))
    except yaml.MarkedYAMLError as error:
        problems.append(_syntax_problem(error, text, file))
    except (ValueError, OverflowError):
        # "\UFFFFFFFF": the YAML reader does not look before it makes a character of it.
        problems.append(Problem("not valid YAML: an escape names no character", file=file))
    return documents, problems


class _TooMuch(Exception):
    """The document is too deep or too big to be a Plan."""


class _Composer(yaml.SafeLoader):
    """Composes nodes without guessing types, and with bounds on depth and aliases."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliases = 0
        self._values = 0

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        if kind is yaml.ScalarNode and isinstance(implicit, tuple) and implicit[0]:
            return _PLAIN
        tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return tag

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._aliases += self.check_event(yaml.AliasEvent)
        if self._aliases > MAX_ALIASES:
            raise _syntax_error(f"more than {MAX_ALIASES} aliases", mark)
        if self._depth >= MAX_DEPTH:
            raise _syntax_error(f"nested deeper than {MAX_DEPTH} levels", mark)
        self._values = self._values + 1 if self._depth else 1
        if self._values > MAX_VALUES:
            raise _syntax_error(f"more than {MAX_VALUES} values in a document", mark)
        self._depth += 1
        node = super().compose_node(parent, index)  # type: ignore[arg-type]
        self._depth -= 1
        return node


@dataclass(slots=True)
class _Reading:
    """Turns the nodes of one document into values, filling in spots and problems on the way."""

    file: str
    spots: dict[Path, Spot] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value_of(self, node: yaml.Node, path: Path, key: tuple[int, int] | None = None) -> object:
        if len(path) > MAX_DEPTH or len(self.spots) > MAX_VALUES:
            raise _TooMuch(
                f"too big for a Plan: more than {MAX_VALUES} values, "
                f"or nested deeper than {MAX_DEPTH} levels (aliases count where they are used)"
            )
        written = node.value if isinstance(node, yaml.ScalarNode) else ""
        is_scalar = isinstance(node, yaml.ScalarNode)
        self.spots[path] = Spot(_place(node), key, is_scalar, written)
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING_TAG:
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _LIST_TAG:
            return [self.value_of(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in (_PLAIN, _TEXT_TAG):
            self._check_text(node, path)
            return _plain_value(written) if node.tag == _PLAIN else written
        self._report(node, path, f"the tag {_tag_text(node.tag)} has no meaning here; leave it out")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(key_node, path, "expected a word as key, got a list or mapping")
                continue
            name = key_node.value
            if not self._check_text(key_node, path):
                continue
            if name in found:
                first = self.spots[(*path, name)].key
                line = first[0] if first else 0
                self._report(key_node, (*path, name), f"written twice, first in line {line}")
                continue
            found[name] = self.value_of(value_node, (*path, name), _place(key_node))
        return found

    def _check_text(self, node: yaml.ScalarNode, path: Path) -> bool:
        found = _UNPRINTABLE.search(node.value)
        if found:
            code = ord(found.group())
            self._report(node, path, f"contains the unprintable character U+{code:04X}")
        return found is None

    def _report(self, node: yaml.Node, path: Path, message: str) -> None:
        line, column = _place(node)
        self.problems.append(Problem(message, path_text(path), self.file, line, column))


def _next_node(loader: _Composer) -> yaml.Node | None:
    return loader.get_node() if loader.check_node() else None


def _plain_value(written: str) -> object:
    if written in _WORDS:
        return _WORDS[written]
    if _INTEGER.fullmatch(written):
        return int(written)
    return float(written) if _FLOAT.fullmatch(written) else written


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _tag_text(tag: str) -> str:
    return ascii(tag.replace("tag:yaml.org,2002:", "!!"))[1:-1]


def _syntax_error(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, mark)


def _unprintable_problem(error: yaml.reader.ReaderError, text: str, file: str) -> Problem:
    lines = _LINE_END.split(text[: error.position])
    code = ord(text[error.position])
    place = (len(lines), len(lines[-1]) + 1)
    return Problem(f"contains the unprintable character U+{code:04X}", "", file, *place)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "syntax error"
    while_doing = f" ({error.context})" if error.problem and error.context else ""
    message = f"not valid YAML: {_readable(what + while_doing)}"
    if mark is None:
        return Problem(message, file=file)
    line = (*_LINE_END.split(text), "")[mark.line]
    suggestion = None
    if line[mark.column - 1 : mark.column + 1] == "${":
        suggestion = "inside { } and [ ], put ${...} in quotes"
    elif "\t" in line[: mark.column + 1]:
        suggestion = "indent with spaces, not with tabs"
    place = (mark.line + 1, mark.column + 1)
    return Problem(message, "", file, *place, suggestion=suggestion)


def _readable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
