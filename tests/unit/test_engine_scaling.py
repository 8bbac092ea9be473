"""Others who act while a Run lasts: scale-outs, autoscale, a rolling upgrade of Azure's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.runs import MemoryInbox, MemoryJournal, ScriptedProbes, run
from tests.support.service import FakeService, with_instance, without_instance
from tests.support.values import (
    START,
    autoscale_setting,
    current,
    instance,
    minutes,
    rollout,
    scale_set,
    seconds,
)
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Abort
from vmssplan.errors import (
    Conflict,
    ExitCode,
    NotPermitted,
    OutcomeUnknown,
    ServiceUnavailable,
    VmssplanError,
)
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    AutoscaleProfile,
    AutoscaleSetting,
    Gate,
    HttpProbe,
    OnScale,
)

if TYPE_CHECKING:
    from vmssplan.engine import RunState
    from vmssplan.rollout import Rollout

SETTING = autoscale_setting(2, 20)


def pinning(**changes: Any) -> tuple[Rollout, FakeService, MemoryJournal]:
    """Return a rollout of three instances that pins autoscale, and its service."""
    live = scale_set(3)
    made = rollout(live, autoscale=Autoscale.PIN, settings=(SETTING,), **changes)
    return made, FakeService(live, autoscale=(SETTING,)), MemoryJournal()


def bounds(service: FakeService) -> list[tuple[int, int, int]]:
    """Return minimum, maximum and default of each profile there is."""
    return [
        (one.minimum, one.maximum, one.default)
        for setting in service.autoscale
        for one in setting.profiles
    ]


def code_of(state: RunState) -> ExitCode:
    """Return how it ended."""
    assert state.outcome is not None
    return state.outcome.exit_code


def test_the_count_is_held_from_before_the_model_is_written_to_the_end() -> None:
    """Every profile is bound to the count there is, and has its bounds back afterwards."""
    made, service, journal = pinning()
    seen: set[tuple[int, int, int]] = set()
    service.clock.on_sleep = lambda: seen.update(bounds(service))
    ended = run(made, service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    assert seen == {(3, 3, 3)}
    assert service.autoscale == (SETTING,)
    kinds = [kind for _, kind, _ in service.requests if kind in ("writeAutoscale", "write")]
    assert kinds == ["writeAutoscale", "write", "writeAutoscale"]


def test_every_kind_of_end_gives_the_bounds_back() -> None:
    """A failure, an abort, an approval that is missing: each ends with autoscale as it was."""
    no = Measurement(Verdict.FAILED, "500")
    probe = Gate(HttpProbe("https://web.invalid"))
    ends: tuple[tuple[ExitCode, dict[str, Any], ScriptedProbes | None, MemoryInbox], ...] = (
        (ExitCode.GATE, {"gates": (probe,)}, ScriptedProbes([no]), MemoryInbox()),
        (ExitCode.PAUSED, {"gates": (Gate(ApprovalGate("ok?")),)}, None, MemoryInbox()),
        (ExitCode.CANCELLED, {}, None, MemoryInbox([Abort("1", "ann", START)])),
    )
    for code, changes, probes, inbox in ends:
        made, service, journal = pinning(**changes)
        ended = run(made, service, service.clock, journal, inbox, probes)
        assert code_of(ended) is code
        assert service.autoscale == (SETTING,)
        assert isinstance(journal.events[-1], ev.RunHalted)


def test_a_resumed_run_holds_the_count_again() -> None:
    """It was given back when the Run halted."""
    made, service, journal = pinning(gates=(Gate(ApprovalGate("ok?"), 1),))
    run(made, service, service.clock, journal)
    assert service.autoscale == (SETTING,)
    service.requests.clear()
    run(made, service, service.clock, journal, MemoryInbox([Abort("1", "ann", START)]))

    assert len(service.asked("writeAutoscale")) in (0, 2)
    assert service.autoscale == (SETTING,)


def test_what_somebody_else_has_changed_is_left_alone_and_named() -> None:
    """Giving back would undo what they wanted."""
    made, service, journal = pinning()
    other = replace(SETTING, profiles=(AutoscaleProfile("default", 5, 50, 5),))
    service.clock.on_sleep = lambda: (
        setattr(service, "autoscale", (other,)) if len(service.asked("upgrade")) == 1 else None
    )
    ended = run(made, service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    assert service.autoscale == (other,)
    [restored] = journal.of(ev.AutoscaleRestored)
    assert "5 to 50" in restored.left_alone[0]


def test_holding_the_count_is_tried_again_and_settled_by_looking() -> None:
    """A conflict waits; a lost reply is looked at before it is written again."""
    made, service, journal = pinning()
    service.refusals["writeAutoscale"] = [Conflict("Busy", "not now")]
    service.losses["writeAutoscale"] = [OutcomeUnknown("Lost", "no reply")]
    ended = run(made, service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    assert len(journal.of(ev.AutoscaleDeferred)) == 1
    assert service.autoscale == (SETTING,)


def test_bounds_that_cannot_be_given_back_are_named_and_the_end_is_not_hidden() -> None:
    """The Run ends as it would have, and says what is still pinned; resumed, it tries again."""
    made, service, journal = pinning()

    def forbid() -> None:
        if len(service.asked("upgrade")) == 3:
            service.refusals["writeAutoscale"] = [NotPermitted("no right")]

    service.clock.on_sleep = forbid
    halted = run(made, service, service.clock, journal)
    assert code_of(halted) is ExitCode.DEADLINE
    assert halted.pins is not None
    assert journal.of(ev.AutoscaleLeftPinned)[0].reason == "no right"

    service.clock.on_sleep = lambda: None
    service.refusals.clear()
    ended = run(made, service, service.clock, journal)
    assert code_of(ended) is ExitCode.SUCCESS
    assert service.autoscale == (SETTING,)


def test_giving_back_is_tried_until_the_deadline() -> None:
    """Then the Run ends all the same."""
    made, service, journal = pinning()
    many: list[VmssplanError] = [ServiceUnavailable("Down", "no answer") for _ in range(500)]

    def break_it() -> None:
        if len(service.asked("upgrade")) == 3 and not service.refusals["writeAutoscale"]:
            service.refusals["writeAutoscale"] = many

    service.clock.on_sleep = break_it
    halted = run(made, service, service.clock, journal)

    assert code_of(halted) is ExitCode.DEADLINE
    assert len(journal.of(ev.AutoscaleDeferred)) > 5
    assert halted.outcome is not None
    assert "Down" in halted.outcome.reason


def test_a_set_without_settings_is_not_written() -> None:
    """A setting that is gone when its turn comes needs no holding."""
    made, service, journal = pinning()
    service.autoscale = ()
    ended = run(made, service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    assert service.asked("writeAutoscale") == []


def test_a_disabled_setting_is_left_alone() -> None:
    """It scales nothing."""
    made, service, journal = pinning()
    off: AutoscaleSetting = replace(SETTING, resource_id="other", enabled=False)
    service.autoscale = (SETTING, off)
    run(made, service, service.clock, journal)

    [intended] = journal.of(ev.AutoscalePinIntended)
    assert [one.resource_id for one in intended.settings] == [SETTING.resource_id]


def test_instances_that_come_meanwhile_are_absorbed_and_told_once() -> None:
    """Current ones need nothing; an outdated one is named, and left to the next plan."""
    live = scale_set(2)
    service, journal = FakeService(live), MemoryJournal()
    new, old = current("8"), instance("9", latest_model_applied=False)
    service.at(minutes(1), lambda s: replace(s, instances=(*s.instances, new, old)))
    ended = run(rollout(live), service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    told = [(one.instance.instance_id, one.is_current) for one in journal.of(ev.InstanceAppeared)]
    assert told == [("8", True), ("9", False)]
    assert ("9",) not in service.asked("upgrade")


def test_a_plan_that_refuses_scaling_stops_at_the_first_new_instance() -> None:
    """And at one that has gone; both named."""
    live = scale_set(3)
    for change, word in (
        (lambda s: replace(s, instances=(*s.instances, current("8"))), "instance 8 ("),
        (lambda s: without_instance(s, "2"), "instance 2 was there"),
    ):
        service = FakeService(live)
        service.at(seconds(40), change)
        made = rollout(live, on_scale=OnScale.REFUSE)
        ended = run(made, service, service.clock, MemoryJournal())
        assert code_of(ended) is ExitCode.STALE
        assert ended.outcome is not None
        assert word in ended.outcome.reason


def test_a_rolling_upgrade_that_begins_meanwhile_is_named_and_waited_for() -> None:
    """Not just "another operation"."""
    live = scale_set(2)
    service, journal = FakeService(live), MemoryJournal()
    made = rollout(live)

    def meddle() -> None:
        is_time = minutes(4) < service.clock.now() - START < minutes(9)
        idle = len(service.asked("upgrade")) == 1 and journal.of(ev.InstanceReady)
        if is_time and idle and not service.is_rolling:
            service.is_rolling = True
            service.change(lambda s: replace(s, provisioning_state="Updating"))
        elif service.is_rolling and not is_time:
            service.is_rolling = False
            service.change(lambda s: replace(s, provisioning_state="Succeeded"))

    service.clock.on_sleep = meddle
    pausing = replace(made)
    ended = run(pausing, service, service.clock, journal)

    assert code_of(ended) is ExitCode.SUCCESS
    codes = {one.code for one in journal.of(ev.RequestDeferred)}
    assert codes <= {"RollingUpgradeInProgress"}


def test_an_instance_that_somebody_brought_elsewhere_is_not_overwritten() -> None:
    """Its version was reviewed; another one stops the Run as stale, with both named."""
    live = scale_set(2)
    service = FakeService(live)
    service.at(minutes(2), lambda s: with_instance(s, "1", exact_version="1.9.7"))
    ended = run(rollout(live), service, service.clock, MemoryJournal())

    assert code_of(ended) is ExitCode.STALE
    assert ended.outcome is not None
    assert ended.outcome.reason == "instance 1 ran 1.9.0 when planned, and runs 1.9.7 now"
    assert service.asked("upgrade") == [("0",)]
