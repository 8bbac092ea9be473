"""Drift in text, JSON and markdown: all values named, nothing that breaks a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    SIZE,
    START,
    TARGET,
    current,
    instance,
    plan,
    scale_set,
)
from vmssplan.drift import (
    Baseline,
    DriftReport,
    FieldState,
    InstanceState,
    KnownModel,
    LeftInstance,
    LeftPinned,
    Trace,
    UnfinishedRun,
    compare,
    desired_model,
)
from vmssplan.errors import ExitCode, NotFound
from vmssplan.model import (
    HealthState,
    ModelFields,
    PlatformImage,
    ResourceImage,
    UpgradeMode,
    pinned,
)
from vmssplan.ports import LockHolder
from vmssplan.report.drift import (
    NotCompared,
    Result,
    RunInProgress,
    drift_text,
    exit_code_of,
    summary_line,
)
from vmssplan.report.drift_documents import drift_json, drift_markdown

if TYPE_CHECKING:
    from tests.support.golden import Golden
    from vmssplan.model import Instance, ScaleSet

MODEL = ModelFields(NEW_IMAGE, SIZE, UpgradeMode.MANUAL)
LATEST = replace(NEW_IMAGE, version="latest")
HOLDER = LockHolder("ops", "builder", 4711, START, "web-7")
IN_PROGRESS = RunInProgress("web", TARGET, HOLDER)
LOST = NotCompared("lost", replace(TARGET, name="lost"), NotFound("there is no such | set"))


def left(one: Instance, **changes: Any) -> LeftInstance:
    """Return the instance as a complete Run left it."""
    usual = LeftInstance("web-1", one.vm_id, "1.10.0", fields=MODEL, is_protected=False)
    return replace(usual, **changes)


def base(*members: Instance, **changes: Any) -> Baseline:
    """Return what a complete Run left, with these instances as they were."""
    usual = Baseline(
        "web-1",
        (KnownModel("web-1", Trace.LEFT, MODEL),),
        {one.instance_id: left(one) for one in members},
    )
    return replace(usual, **changes)


def live(*members: Instance, model: ModelFields = MODEL) -> ScaleSet:
    """Return a set with these instances."""
    return scale_set(members, model=model)


SIX = tuple(current(str(number)) for number in range(6))


def in_sync() -> DriftReport:
    """Nothing to tell."""
    return compare(plan(model=MODEL), live(*SIX), base(*SIX))


def everything() -> DriftReport:
    """One of each."""
    members = (
        replace(SIX[0], image=OLD_IMAGE, exact_version="1.9.0"),
        replace(SIX[1], vm_size="Standard_D4s_v5"),
        replace(SIX[2], vm_id="vm-other"),
        replace(SIX[3], protected_from_scale_set_actions=True),
        replace(SIX[4], application_health=HealthState.UNHEALTHY),
        current("8"),
        instance("9"),
    )
    return compare(
        plan(model=replace(MODEL, vm_size="Standard_D8s_v5", image=LATEST)),
        live(*members, model=replace(MODEL, vm_size="Standard_D4s_v5", image=OLD_IMAGE)),
        base(
            *SIX,
            unfinished=(UnfinishedRun("web-0", 11, "instance 3 was not healthy in time"),),
            pinned=(LeftPinned("web-0", ("web-cpu", "web-nightly"), 12),),
        ),
        versions=["1.9.0", "1.10.0", "1.11.0"],
        notes=["the scale set is Updating, not Succeeded"],
    )


def pending() -> DriftReport:
    """The Plan wants another size."""
    wanted = replace(MODEL, vm_size="Standard_D8s_v5")
    return compare(plan(model=wanted), live(*SIX), base(*SIX))


def converged() -> DriftReport:
    """Somebody did by hand what the Plan was changed to."""
    moved = tuple(replace(one, image=OLD_IMAGE, exact_version="1.9.0") for one in SIX[:2])
    wanted = replace(MODEL, image=OLD_IMAGE)
    return compare(plan(model=wanted), live(*moved, *SIX[2:], model=wanted), base(*SIX))


def unknown() -> DriftReport:
    """No Run is known."""
    return compare(plan(model=MODEL), scale_set(4), Baseline())


EXAMPLES: dict[str, Result] = {
    "in-sync": in_sync(),
    "everything": everything(),
    "pending": pending(),
    "converged": converged(),
    "unknown": unknown(),
    "in-progress": IN_PROGRESS,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_kind_of_drift_as_text(name: str, golden: Golden) -> None:
    """As it was when somebody last looked at it."""
    golden.check(f"drift-{name}", drift_text(EXAMPLES[name]))


def test_the_comment_of_an_issue(golden: Golden) -> None:
    """All sets in one comment."""
    golden.check("drift-comment", drift_markdown([*EXAMPLES.values(), LOST]))


def test_what_machines_read() -> None:
    """Every result is JSON, with the code it would end with by itself."""
    results = [*EXAMPLES.values(), LOST]

    document = json.loads(json.dumps(drift_json(results, ExitCode.ERROR)))

    assert document["exitCode"] == 1
    assert [(one["state"], one["exitCode"]) for one in document["scaleSets"]] == [
        ("inSync", 0),
        ("drifted", 7),
        ("pending", 0),
        ("inSync", 0),
        ("drifted", 7),
        ("runInProgress", 14),
        ("notCompared", 1),
    ]
    drifted = document["scaleSets"][1]
    assert drifted["newerVersion"] == "1.11.0"
    assert drifted["pinnedAutoscale"] == [
        {"run": "web-0", "settings": ["web-cpu", "web-nightly"], "count": 12}
    ]
    assert document["scaleSets"][5]["run"] == "web-7"
    assert "there is no such" in document["scaleSets"][6]["error"]


def test_the_summary_counts_the_worst_first() -> None:
    """Each kind once, none that does not occur."""
    assert summary_line([*EXAMPLES.values(), LOST]) == (
        "Summary: 7 scale sets: 1 not compared, 2 drifted, 1 with a Run in progress,"
        " 1 with changes pending, 2 in sync."
    )
    assert exit_code_of(LOST) is ExitCode.ERROR


def test_a_name_cannot_break_out_of_the_comment() -> None:
    """Bars, backticks and tags in what others named stay text."""
    evil = replace(SIX[0], instance_id="a|b`c<script>")
    report = compare(plan(model=MODEL), live(evil), Baseline())
    text = drift_markdown([replace(report, plan="p|<b>*x*")])
    again = drift_markdown(
        [compare(plan(model=MODEL), live(replace(evil, vm_size="x")), Baseline())]
    )

    assert "<b>" not in text.replace("\\<", "")
    assert "a\\|b\\`c\\<script\\>" in again


# --- what `latest` means --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "in_model", "expected"),
    [
        pytest.param("1.9.0", "1.8.0", "1.9.0", id="a Run pinned it"),
        pytest.param(None, "1.8.0", "1.8.0", id="the model says so"),
        pytest.param(None, "latest", "latest", id="the model follows it too"),
        pytest.param("other", "other", "1.11.0", id="another image: the newest"),
    ],
)
def test_latest_is_what_it_was_pinned_to(known: str | None, in_model: str, expected: str) -> None:
    """A version published since does not change what the Plan is taken to want."""

    def image(version: str) -> PlatformImage:
        if version == "other":
            return PlatformImage("Contoso", "other", "gen2", "1.9.0")
        return replace(NEW_IMAGE, version=version)

    models = (KnownModel("web-1", Trace.LEFT, ModelFields(image(known))),) if known else ()
    now = live(model=ModelFields(image(in_model)))

    wanted = desired_model(ModelFields(LATEST), now, Baseline(models=models), ["1.9.0", "1.11.0"])

    assert wanted.image == image(expected)


def test_a_gallery_image_without_a_version_is_pinned_likewise() -> None:
    """Its id gets `/versions/X`; case does not count."""
    gallery = ResourceImage("/subscriptions/s/resourceGroups/g/galleries/x/images/web")
    was = pinned(gallery, "2.0.0")
    known = KnownModel("web-1", Trace.LEFT, ModelFields(ResourceImage(was.id.upper())))  # type: ignore[union-attr]

    report = compare(
        plan(gallery),
        live(model=ModelFields(was)),
        Baseline("web-1", (known,)),
        versions=["2.0.0", "3.0.0"],
    )

    assert {one.state for one in report.fields} == {FieldState.IN_SYNC}
    assert report.newer_version == "3.0.0"


def test_a_pinned_version_that_was_withdrawn_is_told() -> None:
    """It is not newer, it is another one; and no drift."""
    report = compare(
        plan(model=replace(MODEL, image=LATEST)), live(*SIX), base(*SIX), versions=["1.9.0"]
    )

    assert report.newer_version is None
    assert report.notes == ("version 1.10.0 is not offered any more; the newest is 1.9.0",)
    assert not report.has_drift


def test_another_form_of_image_is_told_key_by_key() -> None:
    """What was a marketplace image is a gallery's now."""
    gallery = ResourceImage("/subscriptions/s/resourceGroups/g/galleries/x/images/web/versions/1")
    members = tuple(replace(one, image=gallery, exact_version=None) for one in SIX)

    report = compare(
        plan(model=MODEL), live(*members, model=replace(MODEL, image=gallery)), base(*SIX)
    )

    changed = {one.path: (one.base, one.live) for one in report.drifted_fields}
    assert changed["model.image.id"] == (None, gallery.id)
    assert changed["model.image.version"] == ("1.10.0", None)
    assert {(one.state, one.now) for one in report.instances} == {
        (InstanceState.CHANGED, f"{gallery.id} on {SIZE}")
    }


def test_what_the_plan_does_not_own_is_not_looked_at() -> None:
    """The size is somebody else's business, also where an older Plan owned it."""
    bigger = tuple(replace(one, vm_size="Standard_D64s_v5") for one in SIX)
    report = compare(
        plan(model=ModelFields(NEW_IMAGE)),
        live(*bigger, model=replace(MODEL, vm_size="Standard_D64s_v5")),
        base(*SIX),
    )

    assert not report.has_drift
    assert report.instances == ()


def test_a_field_new_to_the_plan_is_pending() -> None:
    """No Run has set it, because no Plan had it: that is no drift."""
    known = (KnownModel("web-1", Trace.LEFT, ModelFields(NEW_IMAGE)),)
    wanted = ModelFields(NEW_IMAGE, "Standard_D8s_v5")

    report = compare(plan(model=wanted), live(*SIX), base(*SIX, models=known))

    assert {one.path for one in report.fields if one.state is FieldState.PENDING} == {
        "model.vmSize"
    }
    assert not report.has_drift
