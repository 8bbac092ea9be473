"""The way back, computed: what is gone back to, in which steps, with whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    SIZE,
    at_most,
    autoscale_setting,
    current,
    instance,
    minutes,
    rollout,
    scale_set,
    strategy,
)
from vmssplan.engine.evidence import seen_instance
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    CommandProbe,
    Counting,
    Failure,
    Gate,
    HealthSource,
    Hooks,
    HttpProbe,
    ModelFields,
    OnFailure,
    ResourceImage,
    UpgradeMode,
    pinned,
)
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Disposition,
    HookTime,
    Pause,
    PinAutoscale,
    PlannedInstance,
    RestoreAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
    previous_model,
    rollback_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout, Step

PROBE, OTHER_PROBE = HttpProbe("https://web.invalid/a"), HttpProbe("https://web.invalid/b")
DRAIN, UNDRAIN = CommandProbe(("./drain",)), CommandProbe(("./undrain",))
OLDER = replace(OLD_IMAGE, version="1.7.0")
LATEST = replace(OLD_IMAGE, version="latest")
BIG = "Standard_D8s_v5"
IMAGE, BOTH = ModelFields(image=NEW_IMAGE), ModelFields(image=NEW_IMAGE, vm_size=BIG)


def short(step: Step) -> str:
    """Return a step in a word or two."""
    match step:
        case UpgradeBatch(batch, ids, label):
            return f"upgrade {batch} {''.join(ids)} {label}".strip()
        case UpgradeWindow(ids, window):
            return f"window {window} {''.join(ids)}"
        case AwaitHealth(batch):
            return f"await {batch}"
        case RunHook(time, _, batch, ids):
            return (
                f"{'drain' if time is HookTime.BEFORE_BATCH else 'undrain'} {batch} {''.join(ids)}"
            )
        case Check(_, _, batch, ids):
            assert batch is None
            return f"check {''.join(ids)}"
    return type(step).__name__


def steps(made: Rollout) -> list[str]:
    """Return the steps of a Rollout, each in a word or two."""
    return [short(step) for step in made.steps]


def came(*ids: str) -> tuple[PlannedInstance, ...]:
    """Return instances that came with the new model."""
    return tuple(seen_instance(current(i), HealthSource.APPLICATION_HEALTH) for i in ids)


# What is gone back to.


def previous(wanted: ModelFields, *members: Any, **model: Any) -> ModelFields:
    """Return what these instances are to go back to."""
    live = scale_set(members)
    return previous_model(replace(live, model=replace(live.model, **model)), wanted, members)


def test_what_most_of_them_ran_is_gone_back_to() -> None:
    """The first of equally many; only the owned fields."""
    old, older = instance("0"), instance("1", image=OLDER, exact_version="1.7.0", vm_size=BIG)

    assert previous(BOTH, old, old, older) == ModelFields(OLD_IMAGE, SIZE)
    assert previous(BOTH, old, older, older) == ModelFields(OLDER, BIG)
    assert previous(BOTH, older, old) == ModelFields(OLDER, BIG)
    assert previous(IMAGE, old, older) == ModelFields(OLD_IMAGE)
    assert previous(ModelFields(vm_size=BIG), old, older) == ModelFields(vm_size=SIZE)


def test_what_nobody_tells_is_not_counted() -> None:
    """Sizes and images that are not known say nothing of the others."""
    none = instance("0", vm_size=None)

    assert previous(BOTH, none, none, instance("1")).vm_size == SIZE
    assert previous(BOTH, none).vm_size is None


def test_an_instance_without_an_image_of_its_own_runs_that_of_the_model() -> None:
    """Exact where a version is known, and as it stands where the form has none."""
    bare = instance("0", image=None)
    unknown = instance("0", image=None, exact_version=None)
    custom = ResourceImage("/images/golden")

    assert previous(IMAGE, bare, image=LATEST).image == OLD_IMAGE
    assert previous(IMAGE, unknown, image=OLDER).image == OLDER
    assert previous(IMAGE, bare, image=OLDER).image == OLDER
    assert previous(IMAGE, bare, image=None).image is None
    own = instance("0", image=LATEST)
    assert previous(IMAGE, own, image=OLDER).image == pinned(LATEST, "1.9.0")
    fixed = instance("0", image=custom, exact_version=None)
    assert previous(IMAGE, fixed, image=OLDER).image == custom


OUTDATED = {"latest_model_applied": False}


@pytest.mark.parametrize(
    ("members", "changes", "why"),
    [
        pytest.param(
            [instance("0", **OUTDATED)],
            {"model": ModelFields(upgrade_policy=UpgradeMode.MANUAL)},
            "the Plan owns neither image nor vmSize",
            id="nothing owned",
        ),
        pytest.param(
            [current("0", **OUTDATED)], {}, "the instances run what is wanted already", id="runs it"
        ),
        pytest.param(
            [instance("0", image=LATEST, exact_version=None)],
            {},
            "which version the instances run of Contoso:server:gen2:latest is not known",
            id="which version",
        ),
        pytest.param(
            [instance("0")], {"missing_image": "1.9.0 is gone"}, "1.9.0 is gone", id="gone"
        ),
    ],
)
def test_where_there_is_no_way_back_it_is_said_why(
    members: list[Any], changes: dict[str, Any], why: str
) -> None:
    """And nothing can be taken back."""
    made = rollout(scale_set(members), **changes)

    assert made.rollback is None
    assert made.no_way_back is not None
    assert why in made.no_way_back
    with pytest.raises(ValueError, match=why):
        rollback_of(made, ("0",))


def test_a_size_alone_has_a_way_back() -> None:
    """No image is needed for it."""
    made = rollout(scale_set(2), model=ModelFields(vm_size=BIG))

    assert made.no_way_back is None
    assert rollback_of(made, ("0",)).model == ModelFields(vm_size=SIZE)


def test_what_reviewers_should_know_of_the_way_back_is_noted() -> None:
    """Who ran something else, a model that said otherwise, a policy that stays."""

    def notes(live: ScaleSet, wanted: ModelFields = IMAGE) -> Sequence[str]:
        made = rollout(live, model=wanted)
        assert made.rollback is not None
        return made.rollback.notes

    older = [instance(i, image=OLDER, exact_version="1.7.0") for i in "23"]
    two = scale_set([instance("0"), instance("1"), instance("4"), *older])
    ahead = replace(scale_set(2), model=replace(scale_set(2).model, image=LATEST))
    manual = ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL)
    rolling = replace(
        scale_set(2), model=replace(scale_set(2).model, upgrade_policy=UpgradeMode.ROLLING)
    )

    assert notes(scale_set(2)) == ()
    assert notes(scale_set(2), manual) == ()
    assert notes(scale_set(2), ModelFields(vm_size=BIG)) == ()
    assert notes(two) == ("2 instances ran something else (2, 3), and would go back to this too",)
    assert notes(ahead) == (
        "the model said otherwise than what most instances ran; it would say what they ran",
    )
    assert notes(rolling, manual) == ("upgradePolicy would stay Manual",)
    big = replace(scale_set(2), model=replace(scale_set(2).model, vm_size=BIG))
    small = scale_set([instance(i, vm_size="Standard_D1_v2") for i in "01"])
    resized = replace(big, instances=small.instances)
    assert notes(resized, ModelFields(vm_size="Standard_D4s_v5")) == ()


# In which steps.

BATCHES: dict[str, Any] = {
    "strategy": strategy("fixedBatch", 2, pause_time_between_batches=minutes(1)),
    "availability": at_most(2),
    "failure": Failure(1, OnFailure.ROLLBACK),
}
GATES = (
    Gate(ApprovalGate("ok?"), 1),
    Gate(PROBE, 1, Counting(failure_limit=2)),
    Gate(OTHER_PROBE),
)


def test_everything_goes_back_in_the_batches_that_went_forward() -> None:
    """Hooks and pauses between, nobody is asked, and each gate is measured once at the end."""
    made = rollout(scale_set(4), **BATCHES, gates=GATES, hooks=Hooks(DRAIN, UNDRAIN))
    back = rollback_of(made, tuple("0123"))

    assert steps(back) == [
        "SetModel",
        "drain 1 01",
        "upgrade 1 01",
        "await 1",
        "undrain 1 01",
        "Pause",
        "drain 2 23",
        "upgrade 2 23",
        "await 2",
        "undrain 2 23",
        "check 0123",
        "check 0123",
    ]
    assert [step for step in back.steps if isinstance(step, Check)] == [
        Check(PROBE, Counting(failure_limit=2), None, tuple("0123")),
        Check(OTHER_PROBE, Counting(), None, tuple("0123")),
    ]
    assert any(isinstance(step, Approval) for step in made.steps)
    [model] = [step for step in back.steps if isinstance(step, SetModel)]
    assert model.fields == ModelFields(image=OLD_IMAGE)
    assert [(one.before, one.after) for one in model.changes] == [("1.10.0", "1.9.0")]


@pytest.mark.parametrize(
    ("touched", "expected"),
    [
        ("0", ["upgrade 1 0", "await 1"]),
        ("3", ["upgrade 1 3", "await 1"]),
        ("05", ["upgrade 1 05", "await 1"]),
        ("15", ["upgrade 1 5", "await 1", "Pause", "upgrade 2 1", "await 2"]),
        ("53", ["upgrade 1 5", "await 1", "Pause", "upgrade 2 3", "await 2"]),
        ("", []),
    ],
)
def test_only_what_was_touched_goes_back(touched: str, expected: list[str]) -> None:
    """Batches of nobody are left out with their pauses, and the others counted from one."""
    made = rollout(scale_set(6), **BATCHES)

    assert steps(rollback_of(made, tuple(touched))) == ["SetModel", *expected]


def test_gates_are_measured_about_those_that_went_back() -> None:
    """Not about the others."""
    made = rollout(scale_set(4), **BATCHES, gates=(Gate(PROBE),))

    assert steps(rollback_of(made, ("1",)))[-1] == "check 1"


def test_the_header_of_the_way_back_is_that_of_a_rollout_of_its_own() -> None:
    """It freezes, has no way back itself, and was computed for the model that was written."""
    live = replace(scale_set(3), etag='"7"')
    made = rollout(live, **BATCHES, model=BOTH)
    extra = came("9")
    back = rollback_of(made, ("0",), extra)
    assert made.rollback is not None

    assert back.model == ModelFields(OLD_IMAGE, SIZE)
    assert back.failure == Failure(1, OnFailure.FREEZE)
    assert back.fingerprint == replace(
        made.fingerprint, model=ModelFields(NEW_IMAGE, BIG, UpgradeMode.MANUAL)
    )
    assert (back.rollback, back.no_way_back) == (None, "this is the way back")
    assert back.notes == made.rollback.notes
    assert (back.bounds, back.plan, back.target) == (made.bounds, made.plan, made.target)
    assert [(one.instance_id, one.disposition, one.reason) for one in back.instances] == [
        ("0", Disposition.UPGRADE, "goes back"),
        ("1", Disposition.SKIPPED, "this Run has not changed it"),
        ("2", Disposition.SKIPPED, "this Run has not changed it"),
        ("9", Disposition.UPGRADE, "came during the Run"),
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        IMAGE,
        ModelFields(vm_size=BIG),
        ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL),
    ],
)
def test_the_model_that_was_written_has_what_was_not_owned_as_it_was(wanted: ModelFields) -> None:
    """What the Plan does not own was not written."""
    live = replace(scale_set(2), model=ModelFields(OLD_IMAGE, SIZE, UpgradeMode.ROLLING))
    back = rollback_of(rollout(live, model=wanted), ("0",))

    assert back.fingerprint.model == ModelFields(
        wanted.image or OLD_IMAGE,
        wanted.vm_size or SIZE,
        wanted.upgrade_policy or UpgradeMode.ROLLING,
    )


def test_the_sick_go_first_in_batches_of_their_own() -> None:
    """Drained and undrained like all, never more at once than may be out, and only the touched."""
    made = rollout(scale_set(8), **BATCHES, hooks=Hooks(DRAIN, UNDRAIN))
    back = rollback_of(made, tuple("0123456"), sick=tuple("2367"))

    assert steps(back) == [
        "SetModel",
        *("drain 1 62", "upgrade 1 62 out of service", "await 1", "undrain 1 62"),
        *("drain 2 3", "upgrade 2 3 out of service", "await 2", "undrain 2 3"),
        *("drain 3 05", "upgrade 3 05", "await 3", "undrain 3 05", "Pause"),
        *("drain 4 1", "upgrade 4 1", "await 4", "undrain 4 1", "Pause"),
        *("drain 5 4", "upgrade 5 4", "await 5", "undrain 5 4"),
    ]


def test_batches_of_the_sick_are_none_of_the_others() -> None:
    """Counted with them, and each awaited for itself."""
    made = rollout(scale_set(8), **BATCHES)
    back = rollback_of(made, tuple("01234567"), sick=tuple("012"))

    assert steps(back) == [
        "SetModel",
        *("upgrade 1 01 out of service", "await 1", "upgrade 2 2 out of service", "await 2"),
        *("upgrade 3 5", "await 3", "Pause", "upgrade 4 6", "await 4", "Pause"),
        *("upgrade 5 7", "await 5", "Pause", "upgrade 6 34", "await 6"),
    ]


@pytest.mark.parametrize(
    ("hooks", "expected"),
    [
        (Hooks(before_batch=DRAIN), ["drain 1 0", "upgrade 1 0 out of service", "await 1"]),
        (Hooks(after_batch=UNDRAIN), ["upgrade 1 0 out of service", "await 1", "undrain 1 0"]),
    ],
)
def test_the_sick_have_the_hooks_that_there_are(hooks: Hooks, expected: list[str]) -> None:
    """One, the other, or both."""
    made = rollout(scale_set(2), **BATCHES, hooks=hooks)

    assert steps(rollback_of(made, ("0",), sick=("0",))) == ["SetModel", *expected]


def test_the_sick_are_the_first_of_a_window() -> None:
    """In one step, as it was reviewed."""
    made = rollout(scale_set(5), strategy=strategy("slidingWindow", 2), availability=at_most(2))

    assert steps(rollback_of(made, tuple("0123"), sick=tuple("24"))) == [
        "SetModel",
        "window 2 2013",
    ]


def test_what_came_during_the_run_goes_back_behind_the_rest() -> None:
    """No more at once than may be out, before the gates, behind the last hook."""
    made = rollout(scale_set(4), **BATCHES, gates=(Gate(PROBE),), hooks=Hooks(DRAIN, UNDRAIN))
    back = rollback_of(made, ("0",), came("7", "8", "9"))

    assert steps(back) == [
        "SetModel",
        *("drain 1 0", "upgrade 1 0", "await 1", "undrain 1 0"),
        *("upgrade 2 78 came meanwhile", "await 2"),
        *("upgrade 3 9 came meanwhile", "await 3"),
        "check 0",
    ]
    more = steps(rollback_of(made, tuple("0123"), came("7")))
    assert [one for one in more if one.startswith("upgrade")] == [
        "upgrade 1 01",
        "upgrade 2 23",
        "upgrade 3 7 came meanwhile",
    ]
    assert steps(rollback_of(made, (), came("7"))) == [
        "SetModel",
        *("upgrade 1 7 came meanwhile", "await 1"),
        "check ",
    ]


def test_what_came_goes_back_behind_a_window_and_before_autoscale_is_given_back() -> None:
    """The count is held until everything is back."""
    pinning = {"autoscale": Autoscale.PIN, "settings": (autoscale_setting(),)}
    window = {"strategy": strategy("slidingWindow", 2), "availability": at_most(2)}
    made = rollout(scale_set(3), **window, **pinning, gates=(Gate(PROBE),))  # type: ignore[arg-type]
    back = rollback_of(made, ("0", "1"), came("9"))

    assert steps(back) == [
        "PinAutoscale",
        "SetModel",
        "window 2 01",
        *("upgrade 1 9 came meanwhile", "await 1"),
        "check 01",
        "RestoreAutoscale",
    ]
    assert isinstance(back.steps[0], PinAutoscale)
    assert isinstance(back.steps[-1], RestoreAutoscale)
    ignoring = rollout(scale_set(2), autoscale=Autoscale.IGNORE, settings=(autoscale_setting(),))
    assert "PinAutoscale" not in steps(rollback_of(ignoring, ("0",)))
    free = rollout(scale_set(2), autoscale=Autoscale.PIN)
    assert "PinAutoscale" not in steps(rollback_of(free, ("0",)))
    assert any(isinstance(step, Pause) for step in rollout(scale_set(4), **BATCHES).steps)
