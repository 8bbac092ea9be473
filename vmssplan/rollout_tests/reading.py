"""YAML -> RolloutTests, every mistake of all files named with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.durations import parse_duration
from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.gates import Verdict
from vmssplan.planfile.checking import check
from vmssplan.planfile.source import Document, read_documents
from vmssplan.rollout_tests.values import (
    Bounds,
    EventPattern,
    Expectation,
    Outcome,
    People,
    RolloutTest,
)
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

KIND = "RolloutTest"


def read_tests(paths: Sequence[Path]) -> tuple[RolloutTest, ...]:
    """Return the tests in these files and folders, in order.

    A folder stands for every *.yaml and *.yml below it, where other kinds of documents are passed
    by. Raises DocumentInvalid with the problems of all files together.
    """
    tests: list[RolloutTest] = []
    problems: list[Problem] = []
    for path, is_named in _files(paths, problems):
        found, wrong = _read(path)
        if is_named and not found and not wrong:
            wrong = [Problem(f"holds no document of kind {KIND}", file=str(path))]
        tests += found
        problems += wrong
    names: dict[tuple[Path, str], RolloutTest] = {}
    for test in tests:
        first = names.setdefault((test.file.parent, test.name), test)
        if first is not test:
            message = f"another test is called so: {first.file}:{first.line}"
            problems.append(Problem(message, "metadata.name", str(test.file), test.line))
    if not problems and not tests:
        problems = [Problem(f"holds no document of kind {KIND}", file=str(p)) for p in paths]
    if problems:
        raise DocumentInvalid(problems)
    return tuple(tests)


def _files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in (".yaml", ".yml") and file.is_file():
                    yield file, False
        elif path.is_file():
            yield path, True
        else:
            problems.append(Problem("there is no such file or folder", file=str(path)))


def _read(path: Path) -> tuple[list[RolloutTest], list[Problem]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [], [Problem(f"cannot be read: {error}", file=str(path))]
    documents, problems = read_documents(text, str(path))
    ours = [one for one in documents if _is_ours(one)]
    if not ours:
        return [], []
    tests = []
    for document in ours:
        wrong = [*document.problems, *check(document, schema("rollouttest"))]
        problems += wrong
        if not wrong:
            tests.append(_test(document, path))
    return tests, problems


def _is_ours(document: Document) -> bool:
    return isinstance(document.value, dict) and document.value.get("kind") == KIND


def _test(document: Document, path: Path) -> RolloutTest:
    raw: Any = document.value
    spot = document.spots.get(("metadata", "name"))
    return RolloutTest(
        name=raw["metadata"]["name"],
        file=path,
        line=spot.place[0] if spot else 1,
        plan=path.parent / raw["plan"],
        scenario=path.parent / raw["scenario"],
        expect=_expectation(raw["expect"]),
        overrides=raw.get("with", {}),
        faults=tuple(raw.get("faults", ())),
        latencies=raw.get("latencies"),
        seed=raw.get("seed"),
        answers=tuple(Verdict(word) for word in raw.get("answers", (Verdict.SUCCESSFUL,))),
        people=People(raw.get("approvals", People.GIVEN)),
    )


def _expectation(raw: Mapping[str, Any]) -> Expectation:
    return Expectation(
        outcome=Outcome(raw["outcome"]) if "outcome" in raw else None,
        exit_code=raw.get("exitCode"),
        reason=raw.get("reason"),
        upgraded=_instances(raw.get("upgraded")),
        touched=_instances(raw.get("touched")),
        in_service=_bounds(raw.get("inService", {}), int),
        batches=raw.get("batches"),
        duration=_bounds(raw.get("duration", {}), parse_duration),
        events=tuple(_pattern(one) for one in raw.get("events", ())),
        never=tuple(_pattern(one) for one in raw.get("never", ())),
        gates=raw.get("gates"),
    )


def _instances(raw: int | list[str] | None) -> int | frozenset[str] | None:
    return frozenset(raw) if isinstance(raw, list) else raw


def _bounds(raw: Mapping[str, Any], make: Callable[[Any], Any]) -> Bounds[Any]:
    least, most = raw.get("atLeast"), raw.get("atMost")
    return Bounds(
        make(least) if least is not None else None, make(most) if most is not None else None
    )


def _pattern(raw: Mapping[str, Any]) -> EventPattern:
    return EventPattern(raw["event"], {k: v for k, v in raw.items() if k != "event"})
