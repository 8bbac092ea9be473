"""The way back: computed before the start, carried out by the same engine, in the same journal."""

from __future__ import annotations

import pytest

from tests.support.copying import replace
from tests.support.runs import MemoryInbox, MemoryJournal, ScriptedProbes, run
from tests.support.service import FakeService, with_model
from tests.support.values import (
    NEW,
    NEW_IMAGE,
    OLD_IMAGE,
    START,
    at_most,
    autoscale_setting,
    current,
    instance,
    minutes,
    rollout,
    scale_set,
    strategy,
)
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import RollBack
from vmssplan.errors import ExitCode, Refused
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import (
    Autoscale,
    AzureError,
    CommandProbe,
    Failure,
    Gate,
    Health,
    Hooks,
    HttpProbe,
    ModelFields,
    OnFailure,
    UpgradeMode,
    pinned,
)
from vmssplan.rollout import (
    AwaitHealth,
    Check,
    Disposition,
    Pause,
    PinAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    digest,
    rollback_of,
)

BACK = Failure(on_failure=OnFailure.ROLLBACK)
PROBE = HttpProbe("https://web.invalid/health")


def versions(service: FakeService) -> dict[str, str | None]:
    """Return what each instance runs now."""
    return {one.instance_id: one.exact_version for one in service.scale_set.instances}


def test_a_bad_image_is_taken_back() -> None:
    """Only what was changed goes back; the model first; exit code 12."""
    live = scale_set(4)
    made = rollout(live, failure=BACK)
    service, journal = FakeService(live, healthy_after=None), MemoryJournal()
    service.clock.on_sleep = lambda: (
        setattr(service, "healthy_after", minutes(1)) if journal.of(ev.RollbackStarted) else None
    )
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert "HealthDeadlineExceeded" in ended.outcome.reason
    assert service.asked("upgrade") == [("0",), ("0",)]
    assert set(versions(service).values()) == {"1.9.0"}
    assert service.scale_set.model.image == OLD_IMAGE
    assert ended.rollout.instances[1].disposition is Disposition.SKIPPED


def test_the_way_back_keeps_the_order_floor_pauses_and_hooks_but_asks_nobody() -> None:
    """Approvals and gates between are for going forward; the application is asked at the end."""
    hook = CommandProbe(("./drain",))
    made = rollout(
        scale_set(4),
        strategy=strategy("fixedBatch", 2, pause_time_between_batches=minutes(1)),
        availability=at_most(2),
        hooks=Hooks(before_batch=hook),
        gates=(Gate(PROBE),),
    )

    assert made.rollback is not None
    kinds = [type(step) for step in made.rollback.steps]
    batch = [RunHook, UpgradeBatch, AwaitHealth]
    assert kinds == [SetModel, *batch, Pause, *batch, Check]
    back = rollback_of(made, ("2",))
    assert [type(step) for step in back.steps] == [SetModel, *batch, Check]
    [upgrade] = [step for step in back.steps if isinstance(step, UpgradeBatch)]
    assert (upgrade.batch, upgrade.instance_ids) == (1, ("2",))
    assert back.bounds == made.bounds


def test_latest_goes_back_to_the_version_that_ran() -> None:
    """A model that says latest would upgrade again what goes back."""
    latest = replace(OLD_IMAGE, version="latest")
    members = [instance(str(n), image=latest, exact_version="1.9.0") for n in range(3)]
    live = scale_set(members)
    live = replace(live, model=replace(live.model, image=latest))
    made = rollout(live)

    assert made.rollback is not None
    assert made.rollback.model.image == pinned(latest, "1.9.0")


def test_most_instances_say_what_is_gone_back_to() -> None:
    """Those that ran something else are named."""
    odd = instance("9", image=replace(OLD_IMAGE, version="1.7.0"), exact_version="1.7.0")
    made = rollout(scale_set([instance("0"), instance("1"), odd]))

    assert made.rollback is not None
    assert made.rollback.model.image == OLD_IMAGE
    assert any("(9)" in note for note in made.rollback.notes)


def test_without_a_way_back_a_rollback_is_refused_before_the_start() -> None:
    """And a Rollout that freezes marks the step after which there is none."""
    gone = "Contoso:server:gen2:1.9.0 is no longer to be had in westeurope"
    with pytest.raises(Refused, match="no longer to be had"):
        rollout(scale_set(1), failure=BACK, missing_image=gone)
    made = rollout(scale_set(1), missing_image=gone)

    assert (made.rollback, made.no_way_back) == (None, gone)
    [model] = [step for step in made.steps if isinstance(step, SetModel)]
    assert model.no_way_back == gone


def test_nothing_to_upgrade_has_no_way_back_and_needs_none() -> None:
    """A model to write alone is no reason to refuse a Plan that rolls back."""
    live = scale_set([current("0")])
    live = replace(live, model=replace(live.model, image=NEW_IMAGE))

    assert rollout(live, failure=BACK).rollback is None


def test_a_failed_gate_turns_round_and_one_that_cannot_be_measured_does_not() -> None:
    """No data is no failure of the image."""
    live = scale_set(2)
    made = rollout(live, failure=BACK, gates=(Gate(PROBE, 1),))
    no = [Measurement(Verdict.FAILED, "500"), Measurement(Verdict.SUCCESSFUL, "200")]
    service = FakeService(live)
    ended = run(made, service, service.clock, MemoryJournal(), probes=ScriptedProbes(no))
    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert set(versions(service).values()) == {"1.9.0"}

    service = FakeService(live)
    blind = ScriptedProbes([Measurement(Verdict.ERROR, "no connection")])
    frozen = run(made, service, service.clock, MemoryJournal(), probes=blind)
    assert frozen.outcome is not None
    assert frozen.outcome.exit_code is ExitCode.GATE
    assert versions(service)["0"] == NEW


def test_a_rollback_that_fails_halts_and_can_be_resumed() -> None:
    """It does not turn round again; resumed, it goes on being a rollback."""
    live = scale_set(2)
    made = rollout(live, failure=BACK)
    service, journal = FakeService(live), MemoryJournal()
    service.failing["0"] = AzureError("OSProvisioningTimedOut", "too late")

    def fail_again() -> None:
        if journal.of(ev.RollbackStarted) and len(journal.of(ev.InstanceFailed)) == 1:
            service.failing["0"] = AzureError("OSProvisioningTimedOut", "again")

    service.clock.on_sleep = fail_again
    halted = run(made, service, service.clock, journal)
    assert halted.outcome is not None
    assert halted.outcome.exit_code is ExitCode.INSTANCE_FAILED
    assert halted.rollback is not None

    again = run(made, service, service.clock, journal)
    assert again.outcome is not None
    assert again.outcome.exit_code is ExitCode.ROLLED_BACK
    assert len(journal.of(ev.RollbackStarted)) == 1


def test_what_came_with_the_new_model_goes_back_too() -> None:
    """An instance that the set made during the Run runs the bad image as well."""
    live = scale_set(2)
    made = rollout(live, failure=BACK, health=Health(deadline=minutes(5)))
    service, journal = FakeService(live, healthy_after=None), MemoryJournal()
    new = current("7")
    service.at(minutes(2), lambda s: replace(s, instances=(*s.instances, new)))
    service.clock.on_sleep = lambda: (
        setattr(service, "healthy_after", minutes(1)) if journal.of(ev.RollbackStarted) else None
    )
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert versions(service) == {"0": "1.9.0", "1": "1.9.0", "7": "1.9.0"}


def test_a_complete_run_can_still_be_taken_back() -> None:
    """Every instance, in the batches that were reviewed."""
    live = scale_set(3)
    made = rollout(live)
    service, journal, inbox = FakeService(live), MemoryJournal(), MemoryInbox()
    run(made, service, service.clock, journal, inbox)
    inbox.told.append(RollBack("1", "ann", START))
    ended = run(made, service, service.clock, journal, inbox)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert set(versions(service).values()) == {"1.9.0"}


def test_a_model_that_somebody_changed_is_not_rolled_back_over() -> None:
    """Both values are named, and the Run halts as stale."""
    live = scale_set(2)
    made = rollout(live, failure=BACK)
    service, journal = FakeService(live, healthy_after=None), MemoryJournal()
    other = replace(NEW_IMAGE, version="3.0.0")
    service.at(minutes(3), lambda s: with_model(s, image=other))
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.STALE
    assert "3.0.0" in ended.outcome.reason
    assert journal.of(ev.RollbackStarted) == []


def test_autoscale_is_held_on_the_way_back_too() -> None:
    """The pin of the Run stays until everything is back."""
    live, setting = scale_set(2), autoscale_setting()
    made = rollout(live, failure=BACK, autoscale=Autoscale.PIN, settings=(setting,))
    assert made.rollback is not None
    assert isinstance(made.rollback.steps[0], PinAutoscale)
    service, journal = FakeService(live, healthy_after=None, autoscale=(setting,)), MemoryJournal()
    service.clock.on_sleep = lambda: (
        setattr(service, "healthy_after", minutes(1)) if journal.of(ev.RollbackStarted) else None
    )
    ended = run(made, service, service.clock, journal)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert service.autoscale == (setting,)
    assert len(journal.of(ev.AutoscalePinIntended)) == 1
    assert len(journal.of(ev.AutoscaleRestored)) == 1


def test_an_owned_policy_stays_manual_and_is_said_to() -> None:
    """The way back writes the image alone."""
    live = scale_set(1)
    live = replace(live, model=replace(live.model, upgrade_policy=UpgradeMode.ROLLING))
    wanted = ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL)
    made = rollout(live, model=wanted)

    assert made.rollback is not None
    assert made.rollback.model == ModelFields(image=OLD_IMAGE)
    assert "upgradePolicy would stay Manual" in made.rollback.notes


def test_the_sick_go_back_first() -> None:
    """Floor and failure leave no room for a healthy one, while curing a sick one needs none."""
    live = scale_set(3)
    made = rollout(live, failure=BACK, hooks=Hooks(before_batch=CommandProbe(("./drain",))))
    service = FakeService(live, failing={"2": AzureError("OSProvisioningTimedOut", "too late")})
    ended = run(made, service, service.clock, MemoryJournal())

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
    assert service.asked("upgrade") == [("0",), ("1",), ("2",), ("2",), ("0",), ("1",)]
    assert set(versions(service).values()) == {"1.9.0"}


def test_who_asks_to_roll_back_is_not_forgotten_by_a_resume() -> None:
    """Asked, and killed before the Run turned round: the resume turns it round."""
    live = scale_set(2)
    made = rollout(live)
    service, journal = FakeService(live), MemoryJournal()
    inbox = MemoryInbox([RollBack("1", "ann", START)])
    asked = ev.RollbackRequested(service.clock.now(), "1", "ann")
    journal.events = [ev.RunStarted(service.clock.now(), "web-1", digest(made)), asked]
    ended = run(made, service, service.clock, journal, inbox)

    assert ended.outcome is not None
    assert ended.outcome.exit_code is ExitCode.ROLLED_BACK
