"""Whether a saved Rollout still fits the live scale set, and whether a Run may start on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.copying import replace
from tests.support.service import with_instance, with_model, without_instance
from tests.support.values import NEW, NEW_IMAGE, current, instance, rollout, scale_set, strategy
from vmssplan.model import (
    HealthState,
    ModelFields,
    PlatformActions,
    PlatformImage,
    Selector,
    UpgradeMode,
)
from vmssplan.staleness import drifts, refusals

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmssplan.model import ScaleSet

LIVE = scale_set([*scale_set(3).instances, current("3")])
OTHER = PlatformImage("Contoso", "server", "gen2", "6.6.6")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: s, id="nothing"),
        pytest.param(lambda s: replace(s, etag='"9"'), id="another etag"),
        pytest.param(lambda s: with_model(s, vm_size="Standard_D8s_v5"), id="not owned"),
        pytest.param(
            lambda s: with_instance(
                s, "0", image=NEW_IMAGE, exact_version=NEW, latest_model_applied=True
            ),
            id="became current",
        ),
        pytest.param(
            lambda s: replace(s, instances=(*s.instances, current("9"))), id="new and current"
        ),
        pytest.param(
            lambda s: with_instance(s, "0", application_health=HealthState.UNHEALTHY), id="sick"
        ),
    ],
)
def test_what_does_not_matter_is_no_drift(change: Callable[[ScaleSet], ScaleSet]) -> None:
    """The same, or closer to the end: the Rollout still fits."""
    live = replace(LIVE, model=replace(LIVE.model))
    changed = change(live)
    if changed.model != live.model:
        changed = replace(changed, instances=live.instances)

    assert drifts(rollout(live), changed) == ()


def test_only_owned_fields_of_the_model_matter() -> None:
    """A Plan of the size looks at the size, whoever sets another image; and the other way round."""
    size, image = ModelFields(vm_size="Standard_D4s_v5"), ModelFields(image=NEW_IMAGE)
    resized = replace(LIVE, model=replace(LIVE.model, vm_size="Standard_D8s_v5"))
    renewed = replace(LIVE, model=replace(LIVE.model, image=OTHER))

    assert drifts(rollout(LIVE, model=size), renewed) == ()
    assert drifts(rollout(LIVE, model=image), resized) == ()
    assert drifts(rollout(LIVE, model=size), resized) == (
        "model.vmSize was Standard_D2s_v5 when planned, and is Standard_D8s_v5 now",
    )


OTHERWISE = ("instance 0 ran 1.9.0 when planned, and runs 1.9.5 now",)


@pytest.mark.parametrize(
    ("before", "after", "sentences"),
    [
        pytest.param({}, {"exact_version": "1.9.5"}, OTHERWISE, id="another version"),
        pytest.param({}, {"exact_version": "1.9.0"}, (), id="the same"),
        pytest.param({}, {"exact_version": None}, (), id="nobody tells now"),
        pytest.param({"exact_version": None}, {"exact_version": "1.9.5"}, (), id="nobody told"),
        pytest.param(
            {}, {"image": NEW_IMAGE, "exact_version": NEW}, (), id="what is wanted, not the model"
        ),
    ],
)
def test_what_an_instance_ran_is_part_of_what_was_reviewed(
    before: dict[str, Any], after: dict[str, Any], sentences: tuple[str, ...]
) -> None:
    """Brought to another version by somebody, it is named; but not where that is not known."""
    live = with_instance(LIVE, "0", latest_model_applied=False, **before)

    assert drifts(rollout(live), with_instance(live, "0", **after)) == sentences
    excluded = strategy(exclude=Selector(instance_ids=("0",)))
    assert drifts(rollout(live, strategy=excluded), with_instance(live, "0", **after)) == ()


def test_one_that_is_skipped_anyway_may_be_protected() -> None:
    """Nobody was going to touch it."""
    made = rollout(LIVE, strategy=strategy(exclude=Selector(instance_ids=("0",))))

    assert drifts(made, with_instance(LIVE, "0", protected_from_scale_set_actions=True)) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            lambda s: replace(s, model=replace(s.model, image=OTHER)),
            "model.image.version was 1.9.0 when planned, and is 6.6.6 now",
            id="image",
        ),
        pytest.param(
            lambda s: replace(s, model=replace(s.model, upgrade_policy=UpgradeMode.AUTOMATIC)),
            "model.upgradePolicy was Manual when planned, and is Automatic now",
            id="policy, owned or not",
        ),
        pytest.param(
            lambda s: without_instance(s, "1"),
            "instance 1 was there when planned, and is gone now",
            id="gone",
        ),
        pytest.param(
            lambda s: with_instance(s, "1", vm_id="vm-x"),
            "instance 1 was machine vm-1 when planned, and is vm-x now",
            id="another machine",
        ),
        pytest.param(
            lambda s: with_instance(s, "3", latest_model_applied=False),
            "instance 3 was current when planned, and is outdated now",
            id="outdated",
        ),
        pytest.param(
            lambda s: with_instance(s, "0", protected_from_scale_set_actions=True),
            "instance 0 was to be upgraded, and is protected from scale set actions now",
            id="protected",
        ),
        pytest.param(
            lambda s: replace(s, instances=(*s.instances, instance("9"))),
            "instance 9 was not there when planned, and is outdated",
            id="new and outdated",
        ),
    ],
)
def test_drift_names_both_values(change: Callable[[ScaleSet], ScaleSet], sentence: str) -> None:
    """Each difference that matters is one sentence with both values."""
    assert drifts(rollout(LIVE), change(LIVE)) == (sentence,)


def test_every_drift_is_told() -> None:
    """Not only the first."""
    changed = without_instance(without_instance(LIVE, "0"), "1")

    assert len(drifts(rollout(LIVE), changed)) == 2


def test_a_settled_set_may_be_rolled_out() -> None:
    """Manual, idle and Succeeded: nothing to refuse."""
    assert refusals(rollout(LIVE), LIVE, rolling_upgrade_in_progress=False) == ()


@pytest.mark.parametrize(
    ("mode", "word"), [(UpgradeMode.AUTOMATIC, "at once"), (UpgradeMode.ROLLING, "by itself")]
)
def test_a_policy_under_which_azure_acts_is_refused(mode: UpgradeMode, word: str) -> None:
    """Unless the Plan owns the policy and makes it Manual first."""
    live = replace(LIVE, model=replace(LIVE.model, upgrade_policy=mode))
    [reason] = refusals(rollout(live), live, rolling_upgrade_in_progress=False)
    owning = rollout(live, model=ModelFields(NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL))

    assert f"upgradePolicy is {mode}" in reason
    assert word in reason
    assert refusals(owning, live, rolling_upgrade_in_progress=False) == ()


def test_automatic_os_upgrades_are_switched_off_first() -> None:
    """Azure would roll by itself: refused, also when a Run goes on, with the command to type."""
    live = replace(LIVE, platform=PlatformActions(os_upgrades=True))
    for is_resuming in (False, True):
        [reason] = refusals(
            rollout(LIVE), live, rolling_upgrade_in_progress=False, is_resuming=is_resuming
        )
        assert "Azure rolls out every new image by itself" in reason
        assert reason.endswith("--resource-group myrg --name web --enable-auto-os-upgrade false")


def test_a_rolling_upgrade_of_azures_own_is_refused() -> None:
    """Also for a Run that is resumed."""
    for is_resuming in (False, True):
        [reason] = refusals(
            rollout(LIVE), LIVE, rolling_upgrade_in_progress=True, is_resuming=is_resuming
        )
        assert "a rolling upgrade of Azure's own is in progress" in reason
        assert "az vmss rolling-upgrade cancel" in reason


@pytest.mark.parametrize("state", ["Updating", "Failed", "Deleting"])
def test_a_set_that_is_not_settled_is_refused(state: str) -> None:
    """A new Run must find it Succeeded; a resumed one may have left it so itself."""
    live = replace(LIVE, provisioning_state=state)
    [reason] = refusals(rollout(LIVE), live, rolling_upgrade_in_progress=False)

    assert f"the scale set is {state}" in reason
    assert refusals(rollout(LIVE), live, rolling_upgrade_in_progress=False, is_resuming=True) == ()
