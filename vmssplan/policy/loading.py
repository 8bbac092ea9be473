"""From a file to a Policy, with every mistake named and placed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.lint import RULES, Severity
from vmssplan.planfile.checking import check
from vmssplan.planfile.source import Document, read_documents
from vmssplan.policy.values import Policy, Rule
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 1024 * 1024
_SEVERITIES = {"deny": Severity.ERROR, "warn": Severity.WARNING}


def load_policy(path: Path) -> Policy:
    """Return the Policy in a file; raises DocumentInvalid with all that is wrong with it."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        # ValueError: not UTF-8, or a path that cannot be one.
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DocumentInvalid([Problem(f"cannot be read: {reason}", file=str(path))]) from error
    if len(content) > MAX_BYTES:
        problem = Problem(f"is bigger than {MAX_BYTES // 1024} KiB", file=str(path))
        raise DocumentInvalid([problem])
    return read_policy(text, str(path))


def read_policy(text: str, file: str) -> Policy:
    """Return the one Policy in a text; `file` names it in the problems of DocumentInvalid."""
    documents, problems = read_documents(text, file)
    if not problems and len(documents) != 1:
        problems = [Problem(f"expected one Policy, got {len(documents)} documents", file=file)]
    for document in documents:
        problems += [*document.problems, *check(document, schema("policy"))]
    if problems:
        raise DocumentInvalid(problems)
    (document,) = documents
    rules = tuple(_rules(document))
    problems = [*_repeated(rules), *_bad_schemas(rules, document)]
    if problems:
        raise DocumentInvalid(problems)
    return Policy(file, rules)


def _rules(document: Document) -> Iterator[Rule]:
    assert isinstance(document.value, dict)
    for number, raw in enumerate(document.value["rules"]):
        here = ("rules", number)
        places = {key: document.spots[*here, key].place for key in raw}
        yield Rule(
            rule_id=raw["id"],
            severity=_SEVERITIES[raw["severity"]],
            message=" ".join(raw["message"].split()),
            file=document.file,
            number=number,
            places={**places, "": document.spots[here].place},
            **{key: raw[key] for key in ("fix", "path", "when", "schema", "cel") if key in raw},
        )


def _repeated(rules: tuple[Rule, ...]) -> Iterator[Problem]:
    counts = Counter(rule.rule_id for rule in rules)
    own = {rule.rule_id for rule in RULES}
    for rule in rules:
        if rule.rule_id in own:
            yield rule.problem("id", f"{rule.rule_id} is a rule of the lint; use another id")
        elif counts[rule.rule_id] > 1:
            yield rule.problem("id", f"{counts[rule.rule_id]} rules are called {rule.rule_id}")


def _bad_schemas(rules: tuple[Rule, ...], document: Document) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - heavy
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - the same

    validator: Any = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    for rule in rules:
        wrong = None if rule.schema is None else best_match(validator.iter_errors(rule.schema))
        if wrong is not None:
            path = ("rules", rule.number, "schema", *wrong.absolute_path)
            message = f"not a JSON Schema: {wrong.message[:200]}"
            yield document.problem(path, message)
