"""Whatever is asked of which instances, the floor holds; and it ends, and names everybody."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.strategies import AMOUNTS, AVAILABILITIES, worlds
from tests.support.values import TARGET, minutes, plan, seconds
from tests.support.working import taken_below, work_in
from tests.worlds import make_world, run
from vmssplan import operating
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.errors import ExitCode
from vmssplan.model import Amount, Availability, HealthSource, ModelFields
from vmssplan.operating import (
    ROLLOUT_VERBS,
    Operation,
    Protection,
    Request,
    Selection,
    StateWord,
    Verb,
    compute_operation,
    touches_availability,
    upgrade_plan,
)

if TYPE_CHECKING:
    from datetime import datetime

    from vmss_simulator.world import World
    from vmssplan.model import Instance, Plan, ScaleSet

VERBS = sorted(set(Verb) - ROLLOUT_VERBS)
EXPECTED = {
    ExitCode.SUCCESS,
    ExitCode.INSTANCE_FAILED,
    ExitCode.REFUSED,
    ExitCode.DEADLINE,
    ExitCode.GATE,
    ExitCode.STALE,
}
"""How work may end when nobody stops it."""


@st.composite
def selections(draw: st.DrawFn, live: ScaleSet) -> Selection:
    """Draw a selection of what there is."""
    ids = [one.instance_id for one in live.instances]
    if draw(st.booleans()):
        return Selection(everything=True)
    if draw(st.booleans()):
        states = draw(st.lists(st.sampled_from(StateWord), min_size=1, unique=True))
        return Selection(states=tuple(states))
    chosen = draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
    return Selection(ids=tuple(chosen))


@st.composite
def requests(draw: st.DrawFn, live: ScaleSet) -> Request:
    """Draw a request for instances of that set."""
    verb = draw(st.sampled_from(VERBS))
    return Request(
        verb,
        draw(selections(live)),
        draw(st.one_of(st.none(), AMOUNTS)),
        draw(st.sampled_from([seconds(0), minutes(2)])),
        draw(st.one_of(st.none(), AMOUNTS, st.just(Amount(0)))),
        draw(st.integers(0, len(live.instances) + 3)) if verb is Verb.SCALE else None,
        Protection(scale_in=draw(st.booleans())) if verb is Verb.PROTECT else None,
    )


def seen(world: World) -> ScaleSet:
    """Look at the set of a world."""
    live, _ = asyncio.run(SimulatedBackend(world).observe(TARGET))
    return live


def planned(data: st.DataObject, live: ScaleSet) -> tuple[Operation, Request, Plan | None]:
    """Draw what is asked for, and compute it."""
    availability = data.draw(st.one_of(st.none(), AVAILABILITIES))
    holding = None if availability is None else plan(availability=availability)
    request = data.draw(requests(live))
    return compute_operation(live, request, holding), request, holding


@settings(max_examples=60)
@given(worlds(largest=12), st.data())
def test_no_operation_takes_a_set_below_its_floor(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever is selected and whatever fails, nobody leaves below the floor; and it ends."""
    live = seen(make_world(**{**arguments, "faults": []}))
    operation, _, _ = planned(data, live)
    world = make_world(**arguments)

    outcome = work_in(world, operation)

    assert outcome.exit_code in EXPECTED, outcome
    assert (outcome.exit_code is ExitCode.SUCCESS) == (outcome.reason == "")
    if operation.verb is not Verb.SCALE:
        assert taken_below(world, operation.floor) == []


@settings(max_examples=120)
@given(worlds(largest=20, faulty=False), st.data())
def test_what_is_not_refused_is_shown_to_hold_the_floor(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    """The lowest is not below the floor, unless the set is there already; everybody is named once.

    Every selected instance is in exactly one batch, or left alone with a reason.
    """
    live = seen(make_world(**arguments))
    operation, request, _ = planned(data, live)

    if operation.refused is None:
        assert operation.lowest >= min(operation.floor, operation.in_service)
    else:
        assert touches_availability(operation.verb)
        assert str(operation.floor) in operation.refused or "protected" in operation.refused
    batched = [i for batch in operation.batches for i in batch]
    named = [*batched, *(one.instance_id for one in operation.skipped)]
    assert len(named) == len(set(named))
    assert set(batched) == set(operation.by_id)
    assert all(one.reason for one in operation.skipped)
    size = request.batch_size
    if size is not None:
        assert all(len(batch) <= size.of(operation.total) for batch in operation.batches[:-1])


@settings(max_examples=60)
@given(worlds(largest=10, faulty=False), st.data())
def test_on_a_fine_day_what_was_shown_is_what_is_done(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    """What is not refused ends well, with everybody it names done; the same again has none left.

    But restarts and reimages, which can always be done again.
    """
    world = make_world(**arguments)
    operation, request, holding = planned(data, seen(world))
    if operation.refused is not None or not operation.has_changes:
        return

    outcome = work_in(world, operation)

    is_cured = outcome.exit_code is ExitCode.SUCCESS
    sick = any(not one.in_service for one in operation.members)
    assert is_cured or sick, outcome
    if is_cured and operation.verb is not Verb.SCALE:
        assert set(outcome.done) == set(operation.by_id)
    if is_cured and operation.verb not in (Verb.RESTART, Verb.REIMAGE, Verb.DELETE):
        again = compute_operation(seen(world), request, holding)
        assert not again.has_changes


@settings(max_examples=50)
@given(worlds(largest=15, faulty=False), st.data())
def test_a_limit_beside_a_plan_never_loosens_it(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    """The floor with both is the higher of the two."""
    live = seen(make_world(**arguments))
    availability = data.draw(AVAILABILITIES)
    limit = data.draw(AMOUNTS)
    request = Request(Verb.STOP, Selection(everything=True), max_unavailable=limit)
    holding = plan(availability=availability)

    both = compute_operation(live, request, holding).floor
    one = compute_operation(live, Request(Verb.STOP, request.selection), holding).floor
    other = compute_operation(live, request).floor

    assert both == max(one, other)


@settings(max_examples=50)
@given(worlds(largest=15, faulty=False), st.data())
def test_an_upgrade_is_of_the_chosen_and_of_nobody_else(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    """Also where nobody is chosen: that must not mean everybody."""
    live = seen(make_world(**arguments))
    selection = data.draw(selections(live))
    request = Request(Verb.UPGRADE, selection)
    chosen = set(selection.ids)
    if selection.everything:
        chosen = {one.instance_id for one in live.instances}

    made = upgrade_plan(live, request, plan(availability=Availability(Amount(1))))

    include, exclude = made.strategy.include, made.strategy.exclude
    if not selection.states:
        assert set(include.instance_ids) == chosen
    assert not include.is_empty or len(exclude.instance_ids) == len(live.instances)


class _Killed(BaseException):
    """The process ended here."""


class DyingClock(SimulatedClock):
    """The clock of a world, on which somebody falls asleep and is killed."""

    def __init__(self, world: World, sleeps: int) -> None:
        super().__init__(world)
        self._sleeps = sleeps

    async def sleep_until(self, when: datetime) -> None:
        """Sleep, or die."""
        if self._sleeps == 0:
            raise _Killed
        self._sleeps -= 1
        await super().sleep_until(when)


@settings(max_examples=80)
@given(
    st.sampled_from([Verb.RESTART, Verb.STOP, Verb.DELETE, Verb.START, Verb.REIMAGE]),
    st.integers(0, 40),
)
def test_killed_anywhere_the_same_request_does_what_is_left(verb: Verb, sleeps: int) -> None:
    """Nothing is remembered, and nothing has to be: the second time ends well, above the floor."""
    off = {str(number): {"power": "deallocated"} for number in range(5)}
    world = make_world(capacity=5, overrides=off if verb is Verb.START else {})
    chosen = ("1", "2")
    asked = Request(verb, Selection(ids=chosen), max_unavailable=Amount(2))
    first = compute_operation(seen(world), asked)

    with contextlib.suppress(_Killed):
        work_in(world, first, clock=DyingClock(world, sleeps))
    left = tuple(one for one in chosen if one in seen(world).by_id())
    if left:
        again = compute_operation(seen(world), replace(asked, selection=Selection(ids=left)))
        assert work_in(world, again).exit_code is ExitCode.SUCCESS

    assert taken_below(world, first.floor) == []
    run(world)
    known = {one.instance_id: set(state_words(one)) for one in seen(world).instances}
    if verb is Verb.DELETE:
        assert not set(chosen) & set(known)
    else:
        wanted = StateWord.STOPPED if verb is Verb.STOP else StateWord.CURRENT
        assert all(wanted in known[one] for one in chosen)


def state_words(one: Instance) -> tuple[StateWord, ...]:
    """Return how an instance of the old model stands."""
    source = HealthSource.APPLICATION_HEALTH
    words = operating.state_words(one, ModelFields(), source)
    return tuple(word for word in words if word is not StateWord.CURRENT or one.is_healthy(source))
