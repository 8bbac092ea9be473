"""Whether the live scale set is what the Rollout was computed for, and may be touched now.

Asked once before a Run starts. Every answer names both values, so that nobody has to diff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.actors import OS_UPGRADES_ARE_ON, os_upgrades_off, rolling_upgrade_text
from vmssplan.diff import diff_model
from vmssplan.model import (
    SUCCEEDED,
    ModelFields,
    ScaleSet,
    UpgradeMode,
)
from vmssplan.rollout import Disposition, Rollout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.model import Instance
    from vmssplan.rollout import PlannedInstance


def drifts(rollout: Rollout, live: ScaleSet) -> tuple[str, ...]:
    """Return every difference that matters, as one sentence each; empty when there is none.

    A new instance that is current already, and one that became current meanwhile, do not matter.
    """
    return (*_model_drifts(rollout, live), *_instance_drifts(rollout, live))


def _model_drifts(rollout: Rollout, live: ScaleSet) -> Iterator[str]:
    seen = rollout.fingerprint.model
    owned = ModelFields(
        image=seen.image if rollout.model.image else None,
        vm_size=seen.vm_size if rollout.model.vm_size else None,
        upgrade_policy=seen.upgrade_policy,
    )
    for change in diff_model(live.model, owned):
        yield f"{change.path} was {change.after} when planned, and is {change.before} now"


def _instance_drifts(rollout: Rollout, live: ScaleSet) -> Iterator[str]:
    now = live.by_id()
    for planned in rollout.instances:
        instance = now.get(planned.instance_id)
        name = f"instance {planned.instance_id}"
        if instance is None:
            yield f"{name} was there when planned, and is gone now"
        elif instance.vm_id != planned.vm_id:
            yield f"{name} was machine {planned.vm_id} when planned, and is {instance.vm_id} now"
        elif planned.disposition is Disposition.CURRENT and not instance.is_current(rollout.model):
            yield f"{name} was current when planned, and is outdated now"
        elif (
            planned.disposition is Disposition.UPGRADE and instance.protected_from_scale_set_actions
        ):
            yield f"{name} was to be upgraded, and is protected from scale set actions now"
        elif (other := runs_something_else(planned, instance, rollout)) is not None:
            yield other
    known = {planned.instance_id for planned in rollout.instances}
    for instance in live.instances:
        if instance.instance_id not in known and not instance.is_current(rollout.model):
            yield f"instance {instance.instance_id} was not there when planned, and is outdated"


def runs_something_else(
    planned: PlannedInstance, instance: Instance, rollout: Rollout
) -> str | None:
    """Say that an instance to be upgraded runs neither what it ran then, nor what is wanted.

    Somebody brought it to another version meanwhile, which no reviewer saw go.
    """
    now = instance.exact_version
    if now is None or now == planned.version or ":" in planned.version:
        return None
    if planned.disposition is not Disposition.UPGRADE or instance.runs(rollout.model):
        return None
    name = f"instance {planned.instance_id}"
    return f"{name} ran {planned.version} when planned, and runs {now} now"


def refusals(
    rollout: Rollout,
    live: ScaleSet,
    *,
    rolling_upgrade_in_progress: bool,
    is_resuming: bool = False,
) -> tuple[str, ...]:
    """Return every reason why a Run must not go on the set as it is; empty when it may.

    A Run that is resumed may find the set busy or failed by its own doing.
    """
    return (
        *_unsafe(rollout, live),
        *_occupied(live, is_rolling=rolling_upgrade_in_progress, is_resuming=is_resuming),
    )


def _unsafe(rollout: Rollout, live: ScaleSet) -> Iterator[str]:
    if live.platform.os_upgrades:
        yield f"{OS_UPGRADES_ARE_ON}; switch them off with: {os_upgrades_off(live.id)}"
    mode = live.model.upgrade_policy
    if mode in (UpgradeMode.AUTOMATIC, UpgradeMode.ROLLING) and (
        rollout.model.upgrade_policy is not UpgradeMode.MANUAL
    ):
        what = "at once" if mode is UpgradeMode.AUTOMATIC else "by itself"
        yield (
            f"upgradePolicy is {mode}: Azure would replace every instance {what} as soon as the"
            " model is written; let the Plan own model.upgradePolicy: Manual"
        )


def _occupied(live: ScaleSet, *, is_rolling: bool, is_resuming: bool) -> Iterator[str]:
    if is_rolling:
        yield rolling_upgrade_text(live.id)
    if live.provisioning_state != SUCCEEDED and not is_resuming:
        yield (
            f"the scale set is {live.provisioning_state}, not Succeeded: another operation runs"
            " on it, or the last one failed"
        )
