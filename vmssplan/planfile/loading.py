"""From paths to Plans: finds the files, reads them, and collects the problems of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.planfile.build import plan_of
from vmssplan.planfile.checking import check
from vmssplan.planfile.environment import with_environment
from vmssplan.planfile.loaded import LoadedPlan, path_text
from vmssplan.planfile.nearest import nearest
from vmssplan.planfile.source import Document, read_documents
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 1024 * 1024
PLAN_KIND = "Plan"
OTHER_KINDS = frozenset({"Notifications", "Policy", "RolloutTest", "Scenario"})
"""Kinds that are ours and lie beside Plans, but hold no Plan."""


def read(text: str, file: str, environment: Mapping[str, str]) -> LoadedPlan:
    """Return the one Plan in a text; `file` names it in DocumentInvalid."""
    loading = _Loading(environment)
    documents, problems = read_documents(text, file)
    for document in documents:
        _, found = loading.add_document(document)
        problems += found
    if not problems and len(loading.plans) != 1:
        problems.append(Problem(f"expected one Plan, got {len(loading.plans)}", file=file))
    if problems:
        raise DocumentInvalid(problems)
    return loading.plans[0]


def load(
    paths: Sequence[Path], environment: Mapping[str, str], *, distinct_targets: bool
) -> tuple[LoadedPlan, ...]:
    """Return the Plans in these files and folders; see `vmssplan.planfile.load_plans`."""
    loading = _Loading(environment)
    for path in paths:
        loading.add_path(path)
    loading.compare(distinct_targets=distinct_targets)
    if loading.problems:
        raise DocumentInvalid(loading.problems)
    return tuple(loading.plans)


@dataclass(slots=True)
class _Loading:
    """One load on its way: what was found so far, good and bad."""

    environment: Mapping[str, str]
    plans: list[LoadedPlan] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def add_path(self, path: Path) -> None:
        try:
            if path.is_dir():
                self._add_folder(path)
            else:
                self._add_file(path)
        except (OSError, ValueError) as error:
            # ValueError: a path that cannot be one, with a null character in it.
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._reject(str(path), f"cannot be read: {reason}")

    def _add_folder(self, folder: Path) -> None:
        files = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in (".yaml", ".yml") and path.is_file()
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not files:
            self._reject(str(folder), "holds no *.yaml or *.yml file")
            return
        found = [self._add_file(file, alone=False) for file in files]
        if not any(found):
            self._reject(str(folder), "holds no document of kind Plan")

    def _add_file(self, path: Path, *, alone: bool = True) -> bool:
        """Take in a file; tell whether there was anything in it that is, or may be, a Plan."""
        if path.resolve() in self.seen:
            return True
        self.seen.add(path.resolve())
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            self._reject(str(path), f"is bigger than {MAX_BYTES // 1024} KiB")
            return True
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.append(Problem("is not UTF-8 text", file=str(path), line=line))
            return True
        documents, problems = read_documents(text, str(path))
        relevant = False
        for document in documents:
            is_plan, found = self.add_document(document)
            relevant = relevant or is_plan
            problems += found
        if alone and not relevant and not problems:
            problems.append(Problem("holds no document of kind Plan", file=str(path)))
        self.problems += sorted(problems, key=lambda each: (each.line or 0, each.column or 0))
        return relevant or bool(problems)

    def add_document(self, document: Document) -> tuple[bool, list[Problem]]:
        """Take in a document; tell whether it is, or may be, a Plan, and what is wrong with it."""
        if document.value is None or _kind_of(document) in OTHER_KINDS:
            return False, []
        foreign = _foreign(document)
        if foreign:
            return True, [foreign]
        filled, unfilled = with_environment(document, self.environment)
        problems = [*document.problems, *unfilled]
        # What could not be read or filled in has been said; the schema need not judge it again.
        said = {problem.path for problem in problems}
        problems += [each for each in check(filled, schema("plan")) if each.path not in said]
        if not problems:
            self.plans.append(_loaded(filled))
        return True, problems

    def compare(self, *, distinct_targets: bool) -> None:
        """Find Plans that cannot stand side by side."""
        names: dict[str, LoadedPlan] = {}
        targets: dict[str, LoadedPlan] = {}
        for loaded in self.plans:
            name, target = loaded.plan.name, loaded.plan.target
            first = names.setdefault(name, loaded)
            if first is not loaded:
                message = f"another Plan is called {name} too: {_where(first, 'metadata.name')}"
                self.problems.append(loaded.problem("metadata.name", message))
            # Azure's names count without case.
            first = targets.setdefault(target.resource_id.casefold(), loaded)
            if distinct_targets and first is not loaded:
                message = f"another Plan is for {target} too: {_where(first, 'target')}"
                self.problems.append(loaded.problem("target", message))

    def _reject(self, file: str, message: str) -> None:
        self.problems.append(Problem(message, file=file))


def _kind_of(document: Document) -> str | None:
    kind = document.value.get("kind") if isinstance(document.value, dict) else None
    return kind if isinstance(kind, str) else None


def _foreign(document: Document) -> Problem | None:
    """Return why this is no Plan; None for a Plan, and for what was clearly meant to be one."""
    value = document.value
    if not isinstance(value, dict):
        what = "a list" if isinstance(value, list) else "a single value"
        return document.problem((), f"expected a Plan, which is a mapping, got {what}")
    kind = _kind_of(document)
    is_ours = str(value.get("apiVersion")).startswith("vmssplan/")
    if kind == PLAN_KIND or (is_ours and nearest(kind or PLAN_KIND, [PLAN_KIND])):
        return None
    if "kind" not in value:
        return document.problem(("kind",), f"missing; expected {PLAN_KIND}", at=())
    got = document.written(("kind",)) or "no word"
    return document.problem(("kind",), f"expected {PLAN_KIND}, got {got}")


def _loaded(document: Document) -> LoadedPlan:
    assert isinstance(document.value, dict)
    places = {path_text(path): spot.place for path, spot in document.spots.items()}
    plan = plan_of(document.value)
    return LoadedPlan(plan, document.file, document.number, places, document.value)


def _where(loaded: LoadedPlan, path: str) -> str:
    line, column = loaded.place(path)
    return f"{loaded.file}:{line}:{column}"
