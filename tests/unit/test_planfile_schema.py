"""The schema of Plans explains itself, and stands behind every message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from vmssplan.errors import NotFound
from vmssplan.lint import Severity, lint_plan
from vmssplan.planfile import load_plans
from vmssplan.planfile.checking import check
from vmssplan.planfile.source import Document, Spot
from vmssplan.schema_files import schema, schema_names

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "plans").glob("*.yaml"))


def properties_of(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key that the schema knows, by where it is defined."""
    for name, definition in node.get("$defs", {}).items():
        yield from properties_of(definition, f"$defs.{name}")
    for name, inner in node.get("properties", {}).items():
        yield f"{path}.{name}", inner
        yield from properties_of(inner, f"{path}.{name}")
    if "items" in node:
        yield from properties_of(node["items"], f"{path}[]")


KEYS = dict(properties_of(schema("plan")))


def test_it_is_a_schema() -> None:
    """It follows the 2020-12 draft."""
    Draft202012Validator.check_schema(schema("plan"))


@pytest.mark.parametrize("path", KEYS)
def test_every_key_is_explained(path: str) -> None:
    """Editors show a sentence for every key."""
    assert KEYS[path]["description"].endswith(".")


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if "properties" in key])
def test_no_mapping_takes_unknown_keys(path: str) -> None:
    """A misspelt key never passes."""
    assert KEYS[path]["additionalProperties"] is False


@pytest.mark.parametrize("path", [path for path, key in KEYS.items() if "examples" in key])
def test_examples_fit(path: str) -> None:
    """What the schema shows as an example is one."""
    key = {**KEYS[path], "$defs": schema("plan")["$defs"]}

    for example in key["examples"]:
        Draft202012Validator(key).validate(example)


def test_the_example_of_a_whole_plan_fits() -> None:
    """So does the Plan at the top."""
    for example in schema("plan")["examples"]:
        Draft202012Validator(schema("plan")).validate(example)


def test_patterns_bring_their_own_sentence() -> None:
    """Wherever a pattern can fail, the schema says in words what it expects."""
    silent = [path for path, key in KEYS.items() if "pattern" in key and "errorMessage" not in key]

    assert silent == []


def test_a_keyword_nobody_wrote_a_sentence_for() -> None:
    """A future keyword of the schema still gives words, not the validator's own message."""
    document = Document("plan.yaml", 1, 3, {(): Spot((1, 1), is_scalar=True, written="3")})

    (problem,) = check(document, {"multipleOf": 2})

    assert problem.message == "does not fit the format, got the number 3"


def test_schemas_are_found_by_name() -> None:
    """The command line lists and prints them."""
    assert "plan" in schema_names()
    with pytest.raises(NotFound, match="there is no schema called 'plam'") as raised:
        schema("plam")
    assert raised.value.hint is not None
    assert "plan" in raised.value.hint


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_worked_examples(file: Path) -> None:
    """Every worked example loads without a finding, is named as its file, and explains itself."""
    lines = file.read_text(encoding="utf-8").splitlines()

    (loaded,) = load_plans([file], {})

    assert loaded.plan.name == file.stem
    assert lint_plan(loaded.plan) == ()
    assert lines[0] == "# yaml-language-server: $schema=../schemas/plan.v1.schema.json"
    assert 2 <= sum(line.startswith("#") for line in lines[1:]) <= 4


def test_worked_examples_stand_together() -> None:
    """The folder can be checked as one; several examples are for the same scale set."""
    loaded = load_plans([ROOT / "plans"], {}, distinct_targets=False)

    assert len(loaded) == len(PLANS) >= 11
    assert all(f.severity is not Severity.ERROR for each in loaded for f in lint_plan(each.plan))
