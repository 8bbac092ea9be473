"""Documents are read strictly: whatever another version or hand wrote is refused, by place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec import Struct

from tests.support.values import START, rollout
from vmssplan.documents import canonical_json, from_document, readable_json, to_document
from vmssplan.engine import Event
from vmssplan.engine import events as ev
from vmssplan.errors import DocumentInvalid
from vmssplan.rollout import Rollout, Step, UpgradeBatch


def document(**changes: Any) -> dict[str, Any]:
    """Return the document of a Rollout, changed."""
    made: dict[str, Any] = to_document(rollout())
    return {**made, **changes}


def test_keys_are_camel_case_and_unions_are_tagged() -> None:
    """The form reads like a Plan, and says which kind a step or an event is."""
    written = to_document(UpgradeBatch(1, ("0",), "zone 1"), Step)
    event = to_document(ev.InstanceUpgraded(START, "0"), Event)

    assert written == {
        "type": "UpgradeBatch",
        "batch": 1,
        "instanceIds": ["0"],
        "label": "zone 1",
    }
    assert event == {
        "type": "InstanceUpgraded",
        "at": "2026-11-02T08:00:00+00:00",
        "instanceId": "0",
    }
    assert document()["health"]["deadline"] == "PT10M"
    assert document()["model"]["image"]["type"] == "PlatformImage"
    assert type(document()["strategy"]) is str


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"plan": 7}, "plan"),
        ({"strategy": "backwards"}, "strategy"),
        ({"extra": 1}, "extra"),
        ({"bounds": {}}, "bounds"),
        ({"bounds": 3}, "bounds"),
        ({"steps": [{"type": "Explode"}]}, "steps"),
        ({"steps": [{"type": "Pause", "duration": "soon"}]}, "steps"),
        ({"steps": [{"type": "Pause", "duration": 7}]}, "steps"),
        ({"steps": ["Pause"]}, "steps"),
        ({"instances": None}, "instances"),
        ({"target": {"subscriptionId": True, "resourceGroup": "a", "name": "b"}}, "target"),
    ],
)
def test_a_wrong_document_is_refused_by_place(changes: dict[str, Any], place: str) -> None:
    """The message names the file and the place of the mistake."""
    with pytest.raises(DocumentInvalid) as refused:
        from_document(document(**changes), Rollout, file="r.json")

    assert "r.json" in str(refused.value)
    assert place in str(refused.value)


class Sized(Struct, frozen=True):
    """A struct with a field that older documents do not have."""

    of_instance: str
    size: int = 3


@dataclass(frozen=True, slots=True)
class SizedToo:
    """The same as a dataclass."""

    of_instance: str
    size: int = 3


@pytest.mark.parametrize("kind", [Sized, SizedToo])
def test_a_field_that_has_a_default_may_be_missing(kind: type) -> None:
    """Structs are read as dataclasses are."""
    assert from_document({"ofInstance": "0"}, kind) == kind("0")
    assert from_document({"ofInstance": "0", "size": 5}, kind) == kind("0", 5)
    assert to_document(kind("0")) == {"ofInstance": "0", "size": 3}


@pytest.mark.parametrize(
    "wrong", [{}, {"ofInstance": 7}, {"ofInstance": "0", "size": "x", "more": 1}, "0", None]
)
def test_a_struct_is_refused_in_the_words_for_a_dataclass(wrong: object) -> None:
    """So that nobody who reads the message need know which it is."""
    told = []
    for kind in (Sized, SizedToo):
        with pytest.raises(DocumentInvalid) as refused:
            from_document(wrong, kind)
        told.append([str(each) for each in refused.value.problems])
    assert told[0] == told[1]
    assert told[0]


def test_every_mistake_is_told() -> None:
    """Not only the first."""
    with pytest.raises(DocumentInvalid) as refused:
        from_document(document(plan=7, location=8), Rollout)

    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("wrong", [None, [], "x", 7])
def test_what_is_no_object_is_refused(wrong: object) -> None:
    """A list or a number where an object belongs is told, and no crash."""
    for kind in (Rollout, Event):
        with pytest.raises(DocumentInvalid):
            from_document(wrong, kind)


@pytest.mark.parametrize("at", ["2026-11-02T08:00:00", "yesterday", 7])
def test_times_have_their_offset(at: object) -> None:
    """A time without its offset could mean anything, and is refused."""
    with pytest.raises(DocumentInvalid):
        from_document({"type": "RunCompleted", "at": at}, Event)


def test_a_number_is_no_truth_and_a_truth_no_number() -> None:
    """JSON's true is not 1."""
    written = to_document(ev.StepStarted(START, 1), Event)
    with pytest.raises(DocumentInvalid):
        from_document({**written, "step": True}, Event)


def test_a_document_has_one_text() -> None:
    """Keys are sorted, whatever order they came in; the readable form says the same."""
    assert canonical_json({"b": 1, "a": "é"}) == canonical_json({"a": "é", "b": 1})
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'
    assert readable_json({"b": 1, "a": timedelta(0).days}) == '{\n  "a": 0,\n  "b": 1\n}\n'
