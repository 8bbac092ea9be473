"""What a Run does when others touch the scale set meanwhile, or somebody stops it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.runs import MemoryJournal, executor, run
from tests.support.service import FakeService, with_instance, with_model, without_instance
from tests.support.values import (
    NEW,
    NEW_IMAGE,
    START,
    at_most,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Phase
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode, RequestRejected, ServiceUnavailable
from vmssplan.model import HealthState, ModelFields, PlatformImage, UpgradeMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmssplan.engine import RunState
    from vmssplan.executor import Executor
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

OTHER_IMAGE = PlatformImage("Contoso", "server", "gen2", "6.6.6")
DURING_BATCH_1 = minutes(1)


def carry_out(
    service: FakeService, plan: Rollout | None = None, journal: MemoryJournal | None = None
) -> tuple[RunState, MemoryJournal]:
    """Run, or go on from the journal; the outcome is there."""
    journal = journal or MemoryJournal()
    ended = run(plan or rollout(service.scale_set), service, service.clock, journal)
    assert ended.outcome is not None
    return ended, journal


def outcome(state: RunState) -> tuple[ExitCode, str]:
    """Return how the Run ended, and why."""
    assert state.outcome is not None
    return state.outcome.exit_code, state.outcome.reason


MEDDLERS = [
    pytest.param(lambda s: without_instance(s, "2"), "no longer in the scale set", id="vanished"),
    pytest.param(
        lambda s: with_instance(s, "2", vm_id="vm-another"),
        "no longer in the scale set",
        id="replaced by another machine",
    ),
    pytest.param(
        lambda s: with_instance(s, "2", protected_from_scale_set_actions=True),
        "protected from scale set actions",
        id="protected",
    ),
    pytest.param(
        lambda s: with_instance(s, "2", power_state="deallocated"),
        "deallocated; start it, then plan again",
        id="deallocated",
    ),
]


@pytest.mark.parametrize(("change", "reason"), MEDDLERS)
def test_an_instance_that_may_not_be_touched_any_more_is_skipped(
    change: Callable[[ScaleSet], ScaleSet], reason: str
) -> None:
    """Vanished, replaced, protected or stopped mid-run: skipped, with the reason."""
    service = FakeService(scale_set(4))
    service.at(DURING_BATCH_1, change)
    ended, _ = carry_out(service, rollout(service.scale_set, availability=at_most(2)))

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    assert service.asked("upgrade") == [("0",), ("1",), ("3",)]
    assert ended.progress["2"].phase is Phase.SKIPPED
    assert ended.progress["2"].skip_reason == reason


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: without_instance(s, "0"), id="vanished"),
        pytest.param(lambda s: with_instance(s, "0", vm_id="vm-another"), id="replaced"),
    ],
)
@pytest.mark.parametrize("moment", [60, 145])
def test_an_instance_that_goes_while_we_work_on_it_is_skipped(
    change: Callable[[ScaleSet], ScaleSet], moment: int
) -> None:
    """Gone during its operation, or while its health is awaited: skipped, and no failure."""
    service = FakeService(scale_set(2), healthy_after=seconds(60))
    service.at(seconds(moment), change)
    ended, _ = carry_out(service, rollout(service.scale_set, availability=at_most(2)))

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    assert ended.progress["0"].skip_reason == "no longer in the scale set"


def test_an_operation_azure_skips_because_of_protection_is_no_failure() -> None:
    """Protected after the look and before the request: the operation succeeds, and skipped it."""
    service = FakeService(scale_set(2), without_effect=True)
    service.at(
        seconds(30),
        lambda s: with_instance(
            with_instance(s, "0", protected_from_scale_set_actions=True),
            "1",
            protected_from_scale_set_actions=True,
        ),
    )
    ended, _ = carry_out(service)

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    assert ended.progress["0"].skip_reason == "protected from scale set actions"


def test_an_instance_gone_between_the_look_and_the_request_is_skipped() -> None:
    """Azure refuses a request for a vanished instance; looking tells why, and the rest goes on."""
    service = FakeService(scale_set(3))
    gone = RequestRejected("InvalidParameter", "instanceId 1 is not an active instance")
    upgrade = service.upgrade_instances
    refused: list[object] = []

    async def vanishing(target: object, ids: object) -> object:
        if ids == ("1",) and not refused:
            refused.append(ids)
            service.change(partial(without_instance, instance_id="1"))
            raise gone
        return await upgrade(target, ids)  # type: ignore[arg-type]

    service.upgrade_instances = vanishing  # type: ignore[method-assign,assignment]
    ended, _ = carry_out(service, rollout(service.scale_set, availability=at_most(2)))

    assert refused
    assert outcome(ended) == (ExitCode.SUCCESS, "")
    assert ended.ids(Phase.SKIPPED) == ("1",)


def test_an_instance_somebody_else_upgraded_is_not_upgraded_again() -> None:
    """Current when its turn comes: its health is awaited, and nothing is done to it."""
    service = FakeService(scale_set(3))
    service.at(
        DURING_BATCH_1,
        lambda s: with_instance(
            s, "2", image=NEW_IMAGE, exact_version=NEW, latest_model_applied=True
        ),
    )
    ended, _ = carry_out(service)

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    assert service.asked("upgrade") == [("0",), ("1",)]
    assert ended.progress["2"].phase is Phase.READY


def test_an_instance_somebody_else_works_on_is_waited_for() -> None:
    """A busy instance is left alone until that has ended, and is no failure."""
    service = FakeService(scale_set(2))
    service.at(DURING_BATCH_1, lambda s: with_instance(s, "1", provisioning_state="Updating"))
    service.at(minutes(7), lambda s: with_instance(s, "1", provisioning_state="Succeeded"))
    ended, _ = carry_out(service)

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    last = max(moment for moment, kind, _ in service.requests if kind == "upgrade")
    assert last >= START + minutes(7)


def test_an_owned_field_changed_by_somebody_stops_the_run() -> None:
    """The model says something else mid-run: exit 13, with both values, nothing new started."""
    service = FakeService(scale_set(4))
    service.at(DURING_BATCH_1, lambda s: with_model(s, image=OTHER_IMAGE))
    ended, _ = carry_out(service)

    assert outcome(ended) == (
        ExitCode.STALE,
        "somebody changed model.image.version: this Run set 1.10.0, it is 6.6.6 now",
    )
    assert service.asked("upgrade") == [("0",)]
    assert ended.in_flight == ()


def test_a_field_that_is_not_owned_may_change() -> None:
    """Another size set mid-run is nobody's business of a Plan that owns the image alone."""
    service = FakeService(scale_set(2))
    service.at(minutes(2.6), lambda s: with_model(s, vm_size="Standard_D8s_v5"))
    ended, _ = carry_out(service)

    assert outcome(ended) == (ExitCode.SUCCESS, "")


def test_a_model_written_by_somebody_else_is_read_again() -> None:
    """An etag that moved for another reason: looked at again, and written with the new one."""
    service = FakeService(scale_set(1))
    plan = rollout(service.scale_set)
    look = service.observe
    looks: list[object] = []

    async def then_somebody_writes(target: object) -> object:
        seen = await look(target)  # type: ignore[arg-type]
        if not looks:
            service.change(partial(replace, etag='"7"'))
        looks.append(seen)
        return seen

    service.observe = then_somebody_writes  # type: ignore[method-assign,assignment]
    ended, journal = carry_out(service, plan)

    assert outcome(ended) == (ExitCode.SUCCESS, "")
    [deferred] = journal.of(ev.RequestDeferred)
    assert isinstance(deferred, ev.RequestDeferred)
    assert deferred.reason is ev.DeferralReason.ETAG_CHANGED
    assert [e.etag for e in journal.events if isinstance(e, ev.ModelWriteIntended)] == [
        '"1"',
        '"7"',
    ]


@pytest.mark.parametrize(
    ("wanted", "change", "reason"),
    [
        pytest.param(
            ModelFields(image=NEW_IMAGE),
            {"image": OTHER_IMAGE},
            "model.image.version was 1.9.0 when planned, and is 6.6.6 now",
            id="a field that was to change",
        ),
        pytest.param(
            ModelFields(image=NEW_IMAGE, vm_size="Standard_D2s_v5"),
            {"vm_size": "Standard_D8s_v5"},
            "model.vmSize was Standard_D2s_v5 when planned, and is Standard_D8s_v5 now",
            id="a field that had its value already",
        ),
        pytest.param(
            ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL),
            {"upgrade_policy": UpgradeMode.AUTOMATIC},
            "model.upgradePolicy was Manual when planned, and is Automatic now",
            id="a step that was skipped",
        ),
        pytest.param(
            ModelFields(image=NEW_IMAGE),
            {"upgrade_policy": UpgradeMode.AUTOMATIC},
            "model.upgradePolicy was Manual when planned or set, and is Automatic now",
            id="a policy under which a write replaces every instance",
        ),
    ],
)
def test_nothing_is_overwritten_that_no_reviewer_saw(
    wanted: ModelFields, change: dict[str, Any], reason: str
) -> None:
    """Changed between the plan and the write: exit 13, with both values, and no write."""
    service = FakeService(scale_set(2))
    plan = rollout(service.scale_set, model=wanted)
    service.scale_set = with_model(service.scale_set, **change)
    ended, _ = carry_out(service, plan)

    assert outcome(ended) == (ExitCode.STALE, reason)
    assert service.asked("write") == []


def test_a_cancelled_run_finishes_what_is_in_flight() -> None:
    """Asked to stop: the operation in flight ends, nothing new starts, exit 8; resume goes on."""
    service = FakeService(scale_set(3))
    plan, journal = rollout(service.scale_set), MemoryJournal()
    begun = executor(plan, service, service.clock, journal)

    def cancel() -> None:
        if begun.state.ids(Phase.OPERATING):
            begun.request_cancel()

    service.clock.on_sleep = cancel
    ended = _run(begun)

    assert outcome(ended) == (ExitCode.CANCELLED, "cancelled by the user")
    assert service.asked("upgrade") == [("0",)]
    assert ended.progress["0"].phase is Phase.AWAITING
    assert len(journal.of(ev.CancelRequested)) == 1
    assert service.clock.woken > 0
    service.clock.on_sleep = lambda: None
    again, _ = carry_out(service, plan, journal)
    assert outcome(again) == (ExitCode.SUCCESS, "")
    assert service.asked("upgrade") == [("0",), ("1",), ("2",)]


def test_a_run_that_sees_nothing_can_be_cancelled() -> None:
    """While the service does not answer and nothing is in flight, a cancel ends the Run."""
    service = FakeService(scale_set(1))
    service.refusals["observe"] = [ServiceUnavailable("Down", "No answer.") for _ in range(50)]
    begun = executor(rollout(service.scale_set), service, service.clock, MemoryJournal())
    service.clock.on_sleep = begun.request_cancel
    ended = _run(begun)

    assert outcome(ended) == (ExitCode.CANCELLED, "cancelled by the user")
    assert service.clock.now() < START + minutes(1)


def test_steps_of_the_same_model_are_skipped_with_the_reason() -> None:
    """A model that is as wanted is not written; the step says why."""
    live = scale_set(2)
    live = replace(live, model=replace(live.model, image=NEW_IMAGE))
    service = FakeService(replace(live, instances=(live.instances[0],)))
    service.scale_set = with_instance(service.scale_set, "0", latest_model_applied=False)
    _, journal = carry_out(service)

    assert service.asked("write") == []
    [first, *_] = [e for e in journal.events if isinstance(e, ev.StepCompleted)]
    assert first.note == "the model says so already"


def test_pauses_last_as_long_as_planned() -> None:
    """The next batch starts no earlier than the pause after the last one's health."""
    service = FakeService(scale_set(2))
    plan = rollout(
        service.scale_set, strategy=strategy("perInstance", pause_time_between_batches=minutes(7))
    )
    _, journal = carry_out(service, plan)
    [ready, *_] = journal.of(ev.InstanceReady)
    [_, second] = [e for e in journal.events if isinstance(e, ev.UpgradeIntended)]

    assert minutes(7) <= second.at - ready.at <= minutes(7.2)


def test_a_sliding_window_goes_on_as_soon_as_one_is_well() -> None:
    """With room for two, the third starts when the first is ready, not when both are."""
    service = FakeService(scale_set(4))
    plan = rollout(
        service.scale_set,
        strategy=strategy("slidingWindow", 2),
        availability=at_most(2),
    )
    for after, state in ((161, HealthState.UNHEALTHY), (400, HealthState.HEALTHY)):
        change = partial(with_instance, instance_id="1", application_health=state)
        service.at(seconds(after), change)
    _, journal = carry_out(service, plan)
    starts = [e.instance_ids for e in journal.events if isinstance(e, ev.UpgradeIntended)]

    assert starts[0] == ("0", "1")
    assert starts[1] == ("2",)


def _run(begun: Executor) -> RunState:
    return asyncio.run(begun.run(ev.RunStarted(START, "web-1", "sha256:0")))
