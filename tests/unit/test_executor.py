"""The shell: what is written down before and after each request, and what it asks of others."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.runs import (
    MemoryInbox,
    MemoryJournal,
    Nobody,
    ScriptedProbes,
    executor,
    run,
)
from tests.support.service import FakeService, with_instance
from tests.support.values import (
    START,
    at_most,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import RunState, evolve, replay
from vmssplan.engine import events as ev
from vmssplan.errors import Conflict, ExitCode, NotFound, StateUnreadable, UsageInvalid
from vmssplan.executor import Executor
from vmssplan.model import HealthState, Method, ModelFields, ScaleSet
from vmssplan.rollout import digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine import Event

OPENING = ev.RunStarted(START, "web-1", "sha256:0")


class NotesOnly(Nobody):
    """A Watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Event, RunState]] = []
        self.looks: list[ScaleSet] = []

    def happened(self, event: Event, state: RunState) -> None:
        """Keep it."""
        self.told.append((event, state))

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Keep it."""
        assert state is not None
        assert now >= START
        self.looks.append(scale_set)


class FullDisk(MemoryJournal):
    """A journal that cannot take one kind of event."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind

    def append(self, events: Sequence[Event]) -> None:
        """Refuse it."""
        if any(isinstance(event, self.kind) for event in events):
            raise StateUnreadable("no space left on device")
        super().append(events)


def test_the_intent_is_written_before_the_request_and_the_outcome_after() -> None:
    """At the moment of each write the journal ends with its intent."""
    journal = MemoryJournal()
    service = FakeService(scale_set(2))
    ends: list[Event] = []
    write, upgrade = service.write_model, service.upgrade_instances

    async def watched_write(target: object, fields: object, etag: str) -> object:
        ends.append(journal.events[-1])
        return await write(target, fields, etag)  # type: ignore[arg-type]

    async def watched_upgrade(target: object, ids: object) -> object:
        ends.append(journal.events[-1])
        return await upgrade(target, ids)  # type: ignore[arg-type]

    service.write_model = watched_write  # type: ignore[method-assign,assignment]
    service.upgrade_instances = watched_upgrade  # type: ignore[method-assign,assignment]
    run(rollout(service.scale_set), service, service.clock, journal)

    assert [type(event) for event in ends] == [
        ev.ModelWriteIntended,
        ev.UpgradeIntended,
        ev.UpgradeIntended,
    ]
    following = [journal.events[journal.events.index(event) + 1] for event in ends]
    assert [type(event) for event in following] == [ev.OperationAccepted] * 3


def test_a_run_begins_with_its_digest_and_ends_once() -> None:
    """The journal names the Rollout it belongs to, and has one end."""
    journal, service = MemoryJournal(), FakeService(scale_set(1))
    made = rollout(service.scale_set)
    run(made, service, service.clock, journal)

    assert journal.events[0] == ev.RunStarted(START, "web-1", digest(made))
    assert isinstance(journal.events[-1], ev.RunCompleted)
    assert len(journal.of(ev.RunCompleted)) == 1


def test_the_watcher_sees_every_event_and_the_state_after_it() -> None:
    """What is shown is what is in the journal, and every look is passed on."""
    journal, service, watcher = MemoryJournal(), FakeService(scale_set(1)), NotesOnly()
    made = rollout(service.scale_set)
    begun = Executor(
        service,
        service.clock,
        journal,
        MemoryInbox(),
        ScriptedProbes(),
        watcher,
        RunState.begin(made),
    )
    ended = asyncio.run(begun.run(OPENING))

    assert [event for event, _ in watcher.told] == journal.events
    assert watcher.told[-1][1] == ended == replay(made, journal.events)
    assert len(watcher.looks) == len(service.asked("observe"))


@pytest.mark.parametrize("method", Method)
def test_the_method_is_the_plans(method: Method) -> None:
    """A reimage is asked for as such, and so is an upgrade."""
    service = FakeService(scale_set(2))
    run(
        rollout(service.scale_set, strategy=strategy("fixedBatch", 2, method=method)),
        service,
        service.clock,
        MemoryJournal(),
    )

    assert service.asked(method.value) == [("0", "1")]
    assert len(service.asked("upgrade")) + len(service.asked("reimage")) == 1


def test_only_the_owned_fields_are_written() -> None:
    """The request has the step's fields, and the etag that was just read."""
    service = FakeService(scale_set(1))
    written: list[tuple[object, str]] = []
    write = service.write_model

    async def watched(target: object, fields: object, etag: str) -> object:
        written.append((fields, etag))
        return await write(target, fields, etag)  # type: ignore[arg-type]

    service.write_model = watched  # type: ignore[method-assign,assignment]
    made = rollout(service.scale_set)
    run(made, service, service.clock, MemoryJournal())

    assert written == [(ModelFields(image=made.model.image), '"1"')]


def test_a_poll_is_one_list_however_large_the_set() -> None:
    """Twenty instances cost no more looks than two."""
    counts = []
    for size in (2, 20):
        service = FakeService(scale_set(size))
        made = rollout(
            service.scale_set, strategy=strategy("fixedBatch", "100%"), availability=at_most("100%")
        )
        run(made, service, service.clock, MemoryJournal())
        counts.append(len(service.requests))

    assert counts[0] == counts[1]


def test_an_operation_without_onlookers_is_polled_by_its_status_alone() -> None:
    """While nothing else is awaited, the instances are not listed again and again."""
    service = FakeService(scale_set(1), upgrade_takes=minutes(20))
    run(rollout(service.scale_set), service, service.clock, MemoryJournal())

    assert len(service.asked("report")) > 100
    assert len(service.asked("observe")) < 15


def test_a_window_fills_up_with_parallel_operations() -> None:
    """Where two operations may run, one starts beside another as soon as there is room."""
    service = FakeService(scale_set(4), upgrade_takes=minutes(5))
    for after, state in ((341, HealthState.UNHEALTHY), (460, HealthState.HEALTHY)):
        change = partial(with_instance, instance_id="1", application_health=state)
        service.at(seconds(after), change)
    made = rollout(
        service.scale_set,
        strategy=strategy("slidingWindow", 2),
        availability=at_most(2, operations=2),
    )
    journal = MemoryJournal()
    ended = run(made, service, service.clock, journal)
    state_then = RunState.begin(made)
    most = 0
    for event in journal.events:
        state_then = evolve(state_then, event)
        most = max(most, len(state_then.in_flight))

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS
    assert service.asked("upgrade") == [("0", "1"), ("2",), ("3",)]
    assert most == 2


def test_a_conflict_between_our_own_operations_waits() -> None:
    """A second operation that conflicts with the first is put off, and is no error."""
    service = FakeService(scale_set(3))
    conflict = Conflict("Conflict", "Another one.", retry_after=seconds(15))
    service.refusals["upgrade"] = [conflict for _ in range(3)]
    made = rollout(
        service.scale_set,
        strategy=strategy("slidingWindow", 2),
        availability=at_most(2, operations=2),
    )
    ended = run(made, service, service.clock, MemoryJournal())

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS


@pytest.mark.parametrize("kind", ["observe", "write", "upgrade", "report"])
def test_a_bug_is_not_hidden_and_leaves_a_journal_to_resume(kind: str) -> None:
    """An exception that is not ours comes through, and the Run goes on from the journal."""
    service, journal = FakeService(scale_set(2)), MemoryJournal()
    made = rollout(service.scale_set)
    service.refusals[kind] = [ZeroDivisionError("a bug")]  # type: ignore[list-item]

    with pytest.raises(ZeroDivisionError):
        run(made, service, service.clock, journal)
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS


@pytest.mark.parametrize(
    "kind",
    [ev.RunStarted, ev.ModelWriteIntended, ev.UpgradeIntended, ev.OperationAccepted],
)
def test_a_journal_that_cannot_be_written_ends_the_run(kind: type) -> None:
    """Nothing is done that cannot be written down: the intent fails, and so no request is made."""
    service = FakeService(scale_set(2))
    with pytest.raises(StateUnreadable):
        run(rollout(service.scale_set), service, service.clock, FullDisk(kind))

    assert len(service.asked("write")) == (kind in (ev.UpgradeIntended, ev.OperationAccepted))
    assert service.asked("upgrade") == []


def test_a_journal_that_cannot_be_written_while_looking_ends_the_run() -> None:
    """It is the journal's error that is told, and not written down as the service's."""
    service, journal = FakeService(scale_set(1)), FullDisk(ev.OutcomeLost)
    service.refusals["report"] = [NotFound("no such operation")]
    with pytest.raises(StateUnreadable):
        run(rollout(service.scale_set), service, service.clock, journal)

    assert journal.of(ev.RunHalted) == []


def test_an_error_while_looking_halts_with_its_own_code() -> None:
    """A set that is gone ends the Run as it would end any command."""
    service = FakeService(scale_set(1))
    service.refusals["observe"] = [NotFound("there is no scale set myrg/web")]
    ended = run(rollout(service.scale_set), service, service.clock, MemoryJournal())

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ERROR
    assert ended.outcome.reason == "there is no scale set myrg/web"


def test_an_unusual_refusal_is_told_by_its_kind() -> None:
    """An error without a code of Azure's goes by its own name."""
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    service.refusals["upgrade"] = [UsageInvalid("not so")]
    run(rollout(service.scale_set), service, service.clock, journal)

    [refused] = journal.of(ev.RequestRefused)
    assert (refused.code, refused.message, refused.exit_code) == ("UsageInvalid", "not so", 1)


def test_a_completed_run_resumed_does_nothing() -> None:
    """There is nothing left to do, and nothing is done."""
    service, journal = FakeService(scale_set(1)), MemoryJournal()
    made = rollout(service.scale_set)
    run(made, service, service.clock, journal)
    before = len(service.asked("upgrade")) + len(service.asked("write"))
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.SUCCESS
    assert len(service.asked("upgrade")) + len(service.asked("write")) == before


def test_a_cancel_before_anything_started_changes_nothing() -> None:
    """Stopped before the first step: no request that writes."""
    service = FakeService(scale_set(1))
    begun = executor(rollout(service.scale_set), service, service.clock, MemoryJournal())
    begun.request_cancel()
    ended = asyncio.run(begun.run(OPENING))

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.CANCELLED
    assert {kind for _, kind, _ in service.requests} == {"observe"}
