"""What is wrong in Plans, for machines: SARIF for code scanning, and annotations for GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from vmssplan import __version__
from vmssplan.errors import Problem
from vmssplan.lint import Severity
from vmssplan.redaction import redacted
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmssplan.lint import Finding
    from vmssplan.planfile import LoadedPlan

SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
INVALID = "invalid-plan"
"""The rule of what is no finding of the lint: the file is not a Plan at all."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell at a line of a file."""

    rule: str
    severity: Severity
    problem: Problem

    @property
    def text(self) -> str:
        """What is wrong, at which key, and what to do."""
        one = self.problem
        parts = f"{one.path}: {one.message}" if one.path else one.message
        return redacted(one_line(f"{parts}; {one.suggestion}" if one.suggestion else parts))


def lint_notes(loaded: LoadedPlan, findings: Iterable[Finding]) -> Iterator[Note]:
    """Yield what the lint found in a Plan, each at its place."""
    for one in findings:
        problem = loaded.problem(one.path, one.message, suggestion=one.fix)
        yield Note(one.rule, one.severity, problem)


def invalid_notes(problems: Iterable[Problem]) -> Iterator[Note]:
    """Yield what keeps files from being Plans."""
    for one in problems:
        yield Note(INVALID, Severity.ERROR, one)


def sarif(notes: Sequence[Note]) -> dict[str, Any]:
    """Return one run in SARIF 2.1.0: everything at its place in the Plan's file."""
    rules = sorted({one.rule for one in notes})
    driver = {
        "name": "vmssplan",
        "version": __version__,
        "rules": [
            {"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules
        ],
    }
    results = [_result(one, rules) for one in notes]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }


def _result(note: Note, rules: Sequence[str]) -> dict[str, Any]:
    place = note.problem
    where: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": {"startLine": place.line or 1, "startColumn": place.column or 1},
        }
    }
    if place.path:
        where["logicalLocations"] = [{"fullyQualifiedName": place.path}]
    return {
        "ruleId": note.rule,
        "ruleIndex": rules.index(note.rule),
        "level": note.severity.value,
        "message": {"text": note.text},
        "locations": [where],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def github_annotations(notes: Iterable[Note]) -> str:
    """Return the workflow commands that put each of them beside its line of the pull request."""
    return "".join(f"{_annotation(one)}\n" for one in notes)


def _annotation(note: Note) -> str:
    place = note.problem
    word = "error" if note.severity is Severity.ERROR else "warning"
    properties = {
        "file": PurePath(place.file).as_posix(),
        "line": str(place.line or 1),
        "col": str(place.column or 1),
        "title": note.rule,
    }
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{word} {listed}::{_data(note.text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
