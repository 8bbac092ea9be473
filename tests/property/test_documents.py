"""Whatever is written can be read back as it was, for every kind of step and event."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.strategies import PLANS, scale_sets
from vmssplan.documents import canonical_json, from_document, to_document
from vmssplan.engine import Event
from vmssplan.errors import DocumentInvalid, Refused
from vmssplan.rollout import Rollout, Step, compute_rollout, digest
from vmssplan.stores.local import FileJournal, read_journal

if TYPE_CHECKING:
    from pathlib import Path

    from vmssplan.model import Plan, ScaleSet

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(
    datetime,
    st.datetimes(
        datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(2100, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    ),
)
EVENTS = st.one_of(*(st.from_type(kind) for kind in get_args(Event)))
st.register_type_strategy(timedelta, st.timedeltas(timedelta(0), timedelta(days=9000)))


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_kind_of_event_survives_its_document(kind: type) -> None:
    """Written, as text, and read: the same event."""

    @settings(max_examples=20)
    @given(st.from_type(kind))
    def survives(event: Any) -> None:
        text = canonical_json(to_document(event, Event))
        assert from_document(json.loads(text), Event) == event

    survives()


@pytest.mark.parametrize("kind", get_args(Step))
def test_every_kind_of_step_survives_its_document(kind: type) -> None:
    """Written, as text, and read: the same step."""

    @settings(max_examples=20)
    @given(st.from_type(kind))
    def survives(step: Any) -> None:
        text = canonical_json(to_document(step, Step))
        assert from_document(json.loads(text), Step) == step

    survives()


@settings(max_examples=60)
@given(PLANS, scale_sets())
def test_a_rollout_survives_its_document(plan: Plan, live: ScaleSet) -> None:
    """The Rollout that is read back is the one that was saved, digest and all."""
    try:
        rollout = compute_rollout(plan, live, plan.model)
    except Refused:
        assume(False)
        raise
    read = from_document(json.loads(canonical_json(to_document(rollout))), Rollout)

    assert read == rollout
    assert digest(read) == digest(rollout)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(JSON)
def test_any_other_document_is_refused_and_never_a_crash(document: Any) -> None:
    """Whatever JSON it is: not an event, not a Rollout, and said so."""
    for kind in (Event, Rollout):
        with pytest.raises(DocumentInvalid):
            from_document(document, kind)


@settings(max_examples=50)
@given(st.lists(EVENTS, max_size=5), st.integers(0, 200))
def test_a_journal_cut_anywhere_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any], cut: int
) -> None:
    """Torn by a crash at any byte, the lines before the tear are read, and writing goes on."""
    path: Path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    journal = FileJournal(path)
    journal.append(events)
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    kept = read_journal(path)

    assert list(kept) == events[: len(kept)]
    assert len(kept) == path.read_bytes().count(b"\n")
    again = FileJournal(path)
    again.append(events)
    again.close()
    assert list(read_journal(path)) == [*kept, *events]
