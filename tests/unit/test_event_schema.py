"""The schema of the stream: every Event is in it, every line fits it, every key is explained."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.reports import RUN, twelve
from tests.support.runs import MemoryJournal, compute, run_in
from tests.support.values import START, plan, strategy
from tests.unit.test_report_run import first_batch, second_batch_fails
from tests.worlds import make_world
from vmssplan.documents import is_record, record_fields
from vmssplan.engine import Event, replay
from vmssplan.engine import events as ev
from vmssplan.report import event_schema as made
from vmssplan.report.as_json import EVENT_TYPES, event_json, outcome_line_json, version_json
from vmssplan.report.event_words import TYPES
from vmssplan.schema_files import schema

ROLLOUT = twelve()
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(0, 999),
    float: st.floats(0, 1),
    bool: st.booleans(),
    datetime: st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    timedelta: st.timedeltas(timedelta(0), timedelta(days=3)),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Draw a value of that annotation."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if hint is NoneType:
        return st.none()
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    if isinstance(hint, UnionType):
        return st.one_of([values(one) for one in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=4).map(tuple)
    assert isinstance(hint, type), f"nothing draws {hint}"
    assert is_record(hint), f"nothing draws {hint}"
    return instances_of(hint)


def instances_of(kind: type) -> st.SearchStrategy[Any]:
    """Draw a record; a step is one of the Rollout's."""
    drawn = {field: values(hint) for field, hint in record_fields(kind).items()}
    if "step" in drawn:
        drawn["step"] = st.integers(1, len(ROLLOUT.steps))
    return st.builds(kind, **drawn)


def closed(node: Any) -> Any:
    """Return the schema without room for keys that it does not name."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    inner = {key: closed(value) for key, value in node.items()}
    return {**inner, "additionalProperties": False} if "required" in node else inner


CLOSED = Draft202012Validator(
    closed(copy.deepcopy(schema("event"))), format_checker=Draft202012Validator.FORMAT_CHECKER
)


def check(document: dict[str, Any]) -> None:
    """Hold one line against the schema, as it is read."""
    CLOSED.validate(json.loads(json.dumps(document)))


def test_the_file_is_what_the_events_say() -> None:
    """The schema is made from the Events: a new one is in it once it is written anew."""
    assert schema("event") == made.event_schema(), f"write it anew: {made.HOW_TO_WRITE}"


def test_every_event_has_its_type_and_definition() -> None:
    """Each Event has a type of line and a definition, and there is no type or line for another."""
    names = {kind.__name__ for kind in get_args(Event)}
    [*others] = schema("event")["$defs"]["EventLine"]["properties"]["event"]["oneOf"]

    assert {kind.__name__ for kind in EVENT_TYPES} == names, "add it to EVENT_TYPES in as_json.py"
    assert {one["$ref"].removeprefix("#/$defs/") for one in others} == names
    assert set(TYPES) == set(EVENT_TYPES.values())


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_fits(kind: type) -> None:
    """Whatever an Event holds, its line fits the schema, which knows each of its keys."""

    @settings(max_examples=40)
    @given(instances_of(kind))
    def fits(event: Event) -> None:
        check(event_json(event, RUN, ROLLOUT))

    fits()


def test_the_first_and_the_last_line_fit() -> None:
    """So do the version line and the outcome, of a Run that goes on too."""
    check(version_json(START))
    for events in (first_batch(), [*first_batch(), *second_batch_fails()[:-1]]):
        check(outcome_line_json(replay(ROLLOUT, events), RUN, START))


def test_a_whole_run_fits() -> None:
    """Every line of a real Run fits."""
    world = make_world(capacity=5)
    rollout = compute(world, plan(strategy=strategy("fixedBatch", 2)))
    journal = MemoryJournal()
    ended = run_in(world, rollout, journal)

    assert ended.outcome is not None
    for event in journal.events:
        check(event_json(event, RUN, rollout))
    check(outcome_line_json(ended, RUN, START))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("@level",), "loud"),
        (("@module",), "terraform.ui"),
        (("@timestamp",), "yesterday"),
        (("type",), "apply_start"),
        (("type",), "request"),
        (("batch",), "2"),
        (("event", "type"), "Nothing"),
        (("event", "phase"), "lunch"),
        (("event", "instanceId"), 6),
    ],
)
def test_other_lines_do_not_fit(path: tuple[str, ...], value: Any) -> None:
    """A value of another kind, or a type that does not go with the Event, is refused."""
    failed = ev.InstanceFailed(START, "6", ev.FailurePhase.HEALTH, "NotHealthy", "")
    document = json.loads(json.dumps(event_json(failed, RUN, ROLLOUT)))
    check(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    assert not CLOSED.is_valid(document)


def explained(node: Any, path: str = "") -> list[str]:
    """Return the keys below that have no sentence."""
    if isinstance(node, list):
        return [one for each in node for one in explained(each, path)]
    if not isinstance(node, dict):
        return []
    found = [
        f"{path}.{name}"
        for name, inner in node.get("properties", {}).items()
        if "required" in node
        and "$ref" not in inner
        and not inner.get("description", "").endswith(".")
    ]
    return [*found, *(one for key, value in node.items() for one in explained(value, key))]


def test_every_key_is_explained() -> None:
    """Each key and each definition has a sentence."""
    whole = schema("event")
    Draft202012Validator.check_schema(whole)

    assert explained(whole) == []
    assert all(one["description"].endswith(".") for one in whole["$defs"].values())


@dataclass(frozen=True, slots=True)
class Whistled:
    """Somebody whistled."""

    tune: str


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new Event that nothing describes stops the making, with what to add and where."""
    monkeypatch.setattr(made, "Event", Event | Whistled)
    with pytest.raises(made.Undescribed, match=r"Whistled\.tune .* FIELDS in .*event_words\.py"):
        made.event_schema()
