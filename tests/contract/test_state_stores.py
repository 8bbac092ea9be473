"""One suite over every place of state: a folder, and a container of blob storage.

Two stores over one place stand for two machines, or for two people at one folder.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.blobs import Shared
from tests.support.copying import replace
from tests.support.values import START, TARGET, rollout
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Abort, Approve, GoOn, Hold, Instruction, Reject, RollBack
from vmssplan.errors import LockHeld, NotFound
from vmssplan.ports import LockHolder, StateStore
from vmssplan.stores.local import LocalState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.azurite import Azurite

HOLDER = LockHolder("ops", "builder", 4711, START, "web-1")
OTHER = LockHolder("dev", "laptop", 815, START, "")
EVENTS = (
    ev.RunStarted(START, "web-1", "sha256:0"),
    ev.StepStarted(START, 1),
    ev.RunHalted(START, 1, 4, "says \u2028 and \r and ü"),
)
LATER = START + timedelta(seconds=1)

Opened = Callable[[], StateStore]


@pytest.fixture(params=["folder", "blob"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Return what opens another store over the same, empty place."""
    if request.param == "folder":
        return lambda: LocalState(tmp_path / "state")
    azurite: Azurite = request.getfixturevalue("azurite")
    return Shared.new(azurite).open


def test_runs_are_numbered_by_plan(opened: Opened) -> None:
    """Each Run of a Plan has the next number, whoever begins it, and all are listed."""
    assert opened().runs() == ()

    names = [opened().create_run(rollout()) for _ in range(3)]
    other = opened().create_run(replace(rollout(), plan="web-other"))

    assert names == ["web-1", "web-2", "web-3"]
    assert other == "web-other-1"
    assert set(opened().runs()) == {*names, other}


def test_the_tenth_run_comes_after_the_ninth(opened: Opened) -> None:
    """Runs are listed as they began, and their numbers grow past one digit."""
    names = [opened().create_run(rollout()) for _ in range(11)]

    assert names[-1] == "web-11"
    assert opened().runs() == tuple(names)


def test_a_run_keeps_its_rollout(opened: Opened) -> None:
    """What was approved is read back as it was, and nothing has happened yet."""
    run = opened().create_run(rollout())

    assert opened().rollout(run) == rollout()
    assert opened().events(run) == ()
    assert opened().instructions(run) == ()


@pytest.mark.parametrize("run", ["web-9", "", ".", "..", "../web-1", "a/b", "web-1\n", "web-1/x"])
def test_a_run_that_is_not_there(opened: Opened, run: str) -> None:
    """An unknown Run, or a name that is a path, is NotFound for every question."""
    state = opened()
    state.create_run(rollout())
    for ask in (state.rollout, state.events, state.journal, state.instructions):
        with pytest.raises(NotFound):
            ask(run)
    with pytest.raises(NotFound):
        state.instruct(run, Abort("1", "ops", START))


def test_a_journal_holds_what_was_appended(opened: Opened) -> None:
    """Events come back in order, from appends of one and of many, over several holders."""
    run = opened().create_run(rollout())
    for _ in range(2):
        state = opened()
        with state.hold(TARGET, HOLDER):
            journal = state.journal(run)
            journal.append(EVENTS[:1])
            journal.append(EVENTS[1:])
            journal.append(())
            journal.close()

    assert opened().events(run) == (*EVENTS, *EVENTS)


def test_an_event_can_be_read_as_soon_as_it_is_appended(opened: Opened) -> None:
    """Others follow a Run while it is held."""
    state = opened()
    run = state.create_run(rollout())
    with state.hold(TARGET, HOLDER):
        journal = state.journal(run)
        for number in range(1, 4):
            journal.append(EVENTS[number - 1 : number])
            assert opened().events(run) == EVENTS[:number]
        journal.close()


def test_a_held_set_names_its_holder(opened: Opened) -> None:
    """Who comes second is told who is first, whatever the case of the name; another set is free."""
    first, second = opened(), opened()
    with first.hold(TARGET, HOLDER):
        with pytest.raises(LockHeld) as refused, second.hold(TARGET, OTHER):
            pass
        with pytest.raises(LockHeld), first.hold(replace(TARGET, name="WEB"), OTHER):
            pass
        with second.hold(replace(TARGET, name="api"), OTHER):
            pass

    assert refused.value.message == (
        "myrg/web is held by web-1 of ops on builder (process 4711) since 2026-11-02 08:00:00 UTC"
    )
    with second.hold(TARGET, OTHER):
        pass


def test_the_holder_is_who_holds_now(opened: Opened) -> None:
    """Told while it is held, for the Run it is held for, and nobody afterwards."""

    def runs_and_users() -> tuple[str, str] | None:
        holder = opened().holder(TARGET)
        return None if holder is None else (holder.user, holder.run)

    assert runs_and_users() is None
    with opened().hold(TARGET, OTHER) as held_for:
        assert runs_and_users() == ("dev", "")
        held_for("web-2")
        assert runs_and_users() == ("dev", "web-2")
    assert runs_and_users() is None


def test_a_set_is_let_go_when_its_holder_fails(opened: Opened) -> None:
    """An exception goes through, and the lock does not stay."""
    with pytest.raises(ZeroDivisionError), opened().hold(TARGET, HOLDER):
        raise ZeroDivisionError

    assert opened().holder(TARGET) is None


INSTRUCTIONS: tuple[Instruction, ...] = (
    Hold("one", "ops", START),
    GoOn("two", "ops", LATER),
    Approve("three", "lead", LATER + timedelta(microseconds=1), 3, "sha256:0"),
    Reject("four/../ four ü", "lead", LATER + timedelta(hours=1), 3, "not today"),
    Abort("five", "ops", LATER + timedelta(days=1)),
    RollBack("six", "ops", LATER + timedelta(days=40)),
)


def test_instructions_come_oldest_first(opened: Opened) -> None:
    """A Run is told everything, in the order in which it was said, by whomever it was said."""
    run, other = opened().create_run(rollout()), opened().create_run(rollout())
    for instruction in reversed(INSTRUCTIONS):
        opened().instruct(run, instruction)

    assert opened().instructions(run) == INSTRUCTIONS
    assert opened().instructions(other) == ()


def test_an_instruction_counts_once(opened: Opened) -> None:
    """The same key again changes nothing, though it was said later or otherwise."""
    run = opened().create_run(rollout())
    opened().instruct(run, Hold("one", "ops", START))
    opened().instruct(run, Hold("one", "ops", START))
    opened().instruct(run, Abort("one", "dev", LATER))

    assert opened().instructions(run) == (Hold("one", "ops", START),)


def test_a_run_can_be_told_something_while_it_is_held(opened: Opened) -> None:
    """Instructions need no lock."""
    run = opened().create_run(rollout())
    with opened().hold(TARGET, HOLDER):
        opened().instruct(run, INSTRUCTIONS[0])

    assert opened().instructions(run) == INSTRUCTIONS[:1]


def test_what_nobody_holds_can_be_unlocked(opened: Opened) -> None:
    """There is nothing to take away, before the first holder and after the last."""
    assert opened().unlock(TARGET) is None
    with opened().hold(TARGET, HOLDER):
        pass
    assert opened().unlock(TARGET) is None
    with opened().hold(TARGET, OTHER):
        pass
