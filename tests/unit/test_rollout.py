"""The Rollout: dispositions, steps, notes, digest."""

from __future__ import annotations

import pytest

from tests.support.copying import replace
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    amount,
    at_most,
    autoscale_setting,
    current,
    instance,
    minutes,
    rollout,
    scale_set,
    strategy,
)
from vmssplan.documents import canonical_json
from vmssplan.errors import Refused
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    Availability,
    CommandProbe,
    Counting,
    Gate,
    Health,
    HealthSource,
    HealthState,
    Hooks,
    HttpProbe,
    ModelFields,
    PlatformImage,
    Selector,
    UpgradeMode,
)
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Disposition,
    HookTime,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
    digest,
    rollout_document,
)

PROBE = HttpProbe("https://web.invalid/health")
SMOKE = CommandProbe(("./smoke.sh",))


def test_every_instance_has_a_disposition() -> None:
    """Upgraded, current and skipped ones are all listed, each with its reason."""
    live = scale_set(
        [
            instance("0"),
            current("1"),
            instance("2", protected_from_scale_set_actions=True),
            instance("3", power_state="deallocated"),
            instance("4", provisioning_state="Updating"),
            instance("5"),
            instance("6"),
        ]
    )
    made = rollout(
        live,
        strategy=strategy(
            include=Selector(instance_ids=tuple("0123456")), exclude=Selector(instance_ids=("5",))
        ),
    )

    assert [(one.instance_id, one.disposition, one.reason) for one in made.instances] == [
        ("0", Disposition.UPGRADE, "runs Contoso:server:gen2:1.9.0"),
        ("1", Disposition.CURRENT, "runs it already"),
        ("2", Disposition.SKIPPED, "protected from scale set actions"),
        ("3", Disposition.SKIPPED, "deallocated; start it, then plan again"),
        ("4", Disposition.SKIPPED, "another operation works on it (Updating)"),
        ("5", Disposition.SKIPPED, "excluded by strategy.exclude"),
        ("6", Disposition.UPGRADE, "runs Contoso:server:gen2:1.9.0"),
    ]
    assert [made.count(each) for each in Disposition] == [2, 1, 4]
    assert [one.in_service for one in made.instances][:5] == [True, True, True, False, False]


def test_what_was_seen_of_an_instance_is_kept() -> None:
    """Identity, version and domains are in the listing, for staleness and for people."""
    [one] = rollout(scale_set([instance("7", exact_version=None)])).instances

    assert (one.vm_id, one.version) == ("vm-7", "Contoso:server:gen2:1.9.0")
    assert (one.update_domain, one.fault_domain, one.zone) == (2, 1, "2")


def test_steps_of_a_small_rollout() -> None:
    """Model, then each batch and its health, pauses between batches only."""
    made = rollout(
        scale_set(3),
        strategy=strategy("fixedBatch", 2, pause_time_between_batches=minutes(2)),
        availability=at_most(2),
    )

    assert made.steps[1:] == (
        UpgradeBatch(1, ("0", "1")),
        AwaitHealth(1),
        Pause(minutes(2)),
        UpgradeBatch(2, ("2",)),
        AwaitHealth(2),
    )
    [model] = [step for step in made.steps if isinstance(step, SetModel)]
    assert model.fields == ModelFields(image=NEW_IMAGE)
    assert made.changes == model.changes
    assert (made.batch_count, made.has_changes) == (2, True)


def test_the_upgrade_policy_is_written_first() -> None:
    """Under the old policy Azure would roll every instance at the image's write."""
    live = scale_set(1)
    live = replace(live, model=replace(live.model, upgrade_policy=UpgradeMode.AUTOMATIC))
    wanted = ModelFields(NEW_IMAGE, "Standard_D4s_v5", UpgradeMode.MANUAL)
    first, second, *_ = rollout(live, model=wanted).steps

    assert isinstance(first, SetModel)
    assert isinstance(second, SetModel)
    assert first.fields == ModelFields(upgrade_policy=UpgradeMode.MANUAL)
    assert second.fields == ModelFields(NEW_IMAGE, "Standard_D4s_v5")
    assert [change.path for change in second.changes] == ["model.image.version", "model.vmSize"]


def test_a_model_as_wanted_stays_in_the_list_with_its_reason() -> None:
    """A step that does nothing is shown, and says so."""
    live = scale_set([instance("0")])
    live = replace(live, model=replace(live.model, image=NEW_IMAGE))
    first = rollout(live).steps[0]

    assert first == SetModel(ModelFields(image=NEW_IMAGE), (), "the model says so already")


def test_nothing_to_do_is_no_change() -> None:
    """All current under the wanted model: no batch, no change, no pin."""
    live = scale_set([current("0"), current("1")])
    live = replace(live, model=replace(live.model, image=NEW_IMAGE))
    made = rollout(live, autoscale=Autoscale.PIN)

    assert not made.has_changes
    assert made.batch_count == 0
    assert [type(step) for step in made.steps] == [SetModel]


def test_an_outdated_instance_alone_is_a_change() -> None:
    """The model is right and an instance is not: there is something to do."""
    live = scale_set([current("0", latest_model_applied=False)])
    live = replace(live, model=replace(live.model, image=NEW_IMAGE))

    assert rollout(live).has_changes


def test_gates_stand_after_their_batches() -> None:
    """A gate after batch 1 stands there once, one after each batch stands after each."""
    made = rollout(
        scale_set(3),
        strategy=strategy("perInstance", pause_time_between_batches=minutes(1)),
        gates=(Gate(ApprovalGate("ok?"), after_batch=1), Gate(PROBE), Gate(SMOKE, after_batch=3)),
    )

    assert made.steps[1:] == (
        UpgradeBatch(1, ("0",)),
        AwaitHealth(1),
        Approval("ok?"),
        Check(PROBE, Counting(), 1, ("0",)),
        Pause(minutes(1)),
        UpgradeBatch(2, ("1",)),
        AwaitHealth(2),
        Check(PROBE, Counting(), 2, ("1",)),
        Pause(minutes(1)),
        UpgradeBatch(3, ("2",)),
        AwaitHealth(3),
        Check(PROBE, Counting(), 3, ("2",)),
        Check(SMOKE, Counting(), 3, ("2",)),
    )


def test_autoscale_is_pinned_around_everything() -> None:
    """Pinned before the model is written, given back at the end; both only if there is one."""
    setting = autoscale_setting()
    steps = rollout(scale_set(1), autoscale=Autoscale.PIN, settings=(setting,)).steps

    assert [type(step) for step in steps] == [
        PinAutoscale,
        SetModel,
        UpgradeBatch,
        AwaitHealth,
        RestoreAutoscale,
    ]
    unpinned = rollout(scale_set(1), autoscale=Autoscale.PIN).steps
    assert not any(isinstance(step, PinAutoscale | RestoreAutoscale) for step in unpinned)


def test_a_plan_may_refuse_autoscale() -> None:
    """An enabled setting is refused by name; a disabled one scales nothing."""
    enabled, disabled = autoscale_setting(), autoscale_setting(enabled=False)

    with pytest.raises(Refused, match="web-autoscale"):
        rollout(scale_set(1), autoscale=Autoscale.REFUSE, settings=(enabled,))
    assert rollout(scale_set(1), autoscale=Autoscale.REFUSE, settings=(disabled,)).has_changes


def test_hooks_stand_around_their_batch() -> None:
    """Drain before the operation, undrain after health, gates last."""
    made = rollout(
        scale_set(1), hooks=Hooks(SMOKE, SMOKE), gates=(Gate(PROBE, counting=Counting()),)
    )

    assert made.steps[1:] == (
        RunHook(HookTime.BEFORE_BATCH, SMOKE, 1, ("0",)),
        UpgradeBatch(1, ("0",)),
        AwaitHealth(1),
        RunHook(HookTime.AFTER_BATCH, SMOKE, 1, ("0",)),
        Check(PROBE, Counting(), 1, ("0",)),
    )


def test_a_window_is_one_step() -> None:
    """A sliding window holds all instances, and no more at once than may be unavailable."""
    made = rollout(scale_set(5), strategy=strategy("slidingWindow", 4), availability=at_most("40%"))

    assert made.steps[1:] == (UpgradeWindow(("0", "1", "2", "3", "4"), 2),)
    assert "window 4 is larger than maxUnavailable: 2 at a time" in made.notes
    assert made.bounds.lowest_in_service == 3


def test_bounds_are_integers_of_the_set_as_seen() -> None:
    """Floor and limit add up; the lowest count in service is predicted."""
    sick = instance("4", application_health=HealthState.UNHEALTHY)
    bounds = rollout(
        scale_set([*scale_set(4).instances, sick]),
        strategy=strategy("fixedBatch", 2),
        availability=at_most("40%", operations=3),
    ).bounds

    assert (bounds.total, bounds.in_service) == (5, 4)
    assert (bounds.max_unavailable, bounds.floor) == (2, 3)
    assert bounds.lowest_in_service == 3
    assert bounds.max_concurrent_operations == 3


def test_a_floor_without_room_is_refused() -> None:
    """When no instance may ever be out of service there is nothing to carry out."""
    with pytest.raises(Refused, match="4 of 4"):
        rollout(scale_set(4), availability=Availability(min_in_service=amount("100%")))


def test_every_decision_is_noted_with_its_integer() -> None:
    """Latest, percentages, splits, the health source and autoscale are named."""
    latest = replace(OLD_IMAGE, version="latest")
    notes = rollout(
        scale_set(10),
        model=ModelFields(image=latest),
        strategy=strategy("perZone", "25%"),
        availability=Availability(min_in_service=amount("75%")),
    ).notes

    assert notes == (
        "latest is 1.10.0 today, and pinned there",
        "batch size 25% of 10 is 2 (rounded down, at least 1)",
        "minInService 75% of 10 is 7",
        "zone 1 has 4 instances, maxUnavailable is 3: split",
        "health source auto is applicationHealth here",
        "no autoscale setting scales this set now",
    )


def test_autoscale_that_is_ignored_is_noted() -> None:
    """That nobody looks at autoscale is a printed decision too."""
    notes = rollout(scale_set(2), autoscale=Autoscale.IGNORE).notes

    assert "autoscale settings are not looked at" in notes


def test_availability_left_out_is_noted() -> None:
    """The default is a printed decision."""
    notes = rollout(scale_set(6), strategy=strategy("fixedBatch", 2)).notes

    assert "availability is left out: at most the largest batch, 2 of 6" in notes


@pytest.mark.parametrize(
    ("has_application_health", "source"),
    [(True, HealthSource.APPLICATION_HEALTH), (False, HealthSource.INSTANCE_VIEW)],
)
def test_auto_health_is_what_the_set_has(
    source: HealthSource, *, has_application_health: bool
) -> None:
    """The Rollout names the source that auto stands for; a named one stays."""
    live = scale_set(1, has_application_health=has_application_health)

    assert rollout(live).health.source is source
    named = Health(source=HealthSource.INSTANCE_VIEW)
    assert rollout(live, health=named).health.source is HealthSource.INSTANCE_VIEW


def test_the_pinned_version_is_what_is_written() -> None:
    """What follows latest in the Plan names an exact version in the Rollout."""
    made = rollout(model=ModelFields(image=replace(OLD_IMAGE, version="latest")))

    assert made.model.image == NEW_IMAGE
    assert isinstance(made.model.image, PlatformImage)


def test_the_digest_is_of_the_whole_content() -> None:
    """Equal inputs give equal bytes; any other reason, step or bound another digest."""
    made = rollout()

    assert digest(made) == digest(rollout())
    assert digest(made).startswith("sha256:")
    assert digest(replace(made, notes=(*made.notes, "x"))) != digest(made)
    assert digest(replace(made, steps=made.steps[:-1])) != digest(made)
    document = rollout_document(made, tool="vmssplan 0")
    assert canonical_json(document) == canonical_json(
        rollout_document(rollout(), tool="vmssplan 0")
    )
    assert document["digest"] == digest(made)
