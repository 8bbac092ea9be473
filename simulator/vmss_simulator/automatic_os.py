"""OS upgrades: to the newest version of the image, asked for or by the platform itself.

With `automaticOSUpgradePolicy` the platform starts one when a newer version is published: batches
of a fifth, five minutes for each to turn healthy, and the old disk back for what does not
(automatic OS upgrade page). With `osRollingUpgradeDeferral` it waits for an approval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.operations import is_busy, start_operation
from vmss_simulator.rolling_health import is_left_out
from vmss_simulator.rolling_run import RollingKind
from vmss_simulator.rolling_turns import begin
from vmss_simulator.tasks import PlatformLooks
from vmss_simulator.upgrade_policy import RollingPolicy, automatic_os_policy, rolling_policy
from vmss_simulator.values import OperationKind
from vmss_simulator.work import current_target

if TYPE_CHECKING:
    from vmss_simulator.state import State
    from vmss_simulator.tasks import Target
    from vmss_simulator.values import Operation, ScaleSet, ScaleSetKey


def start_os_upgrade(state: State, scale_set: ScaleSet) -> Operation:
    """Begin an OS upgrade that somebody asked for, by the set's own rolling upgrade policy."""
    target = current_target(state, scale_set)
    behind = outdated(scale_set, target)
    operation = start_operation(state, scale_set, OperationKind.START_OS_UPGRADE, behind)
    begin(
        state,
        operation,
        RollingKind.OS,
        behind,
        target,
        policy=rolling_policy(scale_set.body),
        restores_failed=automatic_os_policy(scale_set.body).rolls_back,
    )
    return operation


def watch(state: State, scale_set: ScaleSet) -> None:
    """Have the platform look at the set now, and whenever a version of its image is published."""
    if not automatic_os_policy(scale_set.body).enabled:
        return
    location = documents.text(scale_set.body, "location") or ""
    reference = documents.image_reference(scale_set.body)
    delay = state.options.automatic_os_upgrade_delay
    task = PlatformLooks(scale_set.key)
    known = {at for at, _, other in state.timetable if other == task}
    published = state.images.publications(reference, location, state.now)
    for at in (state.now, *(each + delay for each in published)):
        if at not in known:
            state.schedule(at, task)


def look(state: State, key: ScaleSetKey) -> None:
    """Start the OS upgrade of a set that is behind, unless it has to wait for something."""
    folded = key.folded()
    scale_set = state.scale_sets.get(folded)
    if scale_set is None or not automatic_os_policy(scale_set.body).enabled:
        state.deferred.pop(folded, None)
        return
    try:
        target = current_target(state, scale_set)
    except ArmError:
        # The image has been taken back: there is nothing to upgrade to.
        return
    behind = outdated(scale_set, target)
    if not behind:
        return
    if is_busy(state, folded):
        if folded not in state.platform_waits:
            state.platform_waits.append(folded)
        return
    policy = automatic_os_policy(scale_set.body)
    chosen = _approved(state, folded, behind) if policy.deferred else behind
    if not chosen:
        return
    operation = start_operation(state, scale_set, OperationKind.AUTOMATIC_OS_UPGRADE, chosen)
    own = rolling_policy(scale_set.body) if policy.uses_rolling_policy else RollingPolicy()
    begin(
        state,
        operation,
        RollingKind.OS,
        chosen,
        target,
        policy=own,
        restores_failed=policy.rolls_back,
        started_by="Platform",
    )


def approve(state: State, key: ScaleSetKey, instance_ids: frozenset[str]) -> None:
    """Let the waiting OS upgrade begin on these instances, as soon as the set is free.

    Approving what nobody waits for changes nothing (assumed).
    """
    folded = key.folded()
    if folded in state.deferred:
        state.deferred[folded] |= instance_ids
        state.platform_waits.append(folded)


def outdated(scale_set: ScaleSet, target: Target) -> tuple[str, ...]:
    """List the instances that are not on the version the image resolves to now."""
    return tuple(
        each.instance_id
        for each in scale_set.instances.values()
        if not is_left_out(each)
        and (
            each.exact_version != target.exact_version
            or (each.exact_version is None and each.image_reference != target.image_reference)
        )
    )


def _approved(state: State, key: ScaleSetKey, behind: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the instances may be upgraded now; the others stay deferred."""
    approved = state.deferred.get(key)
    if approved is None:
        state.deferred[key] = frozenset()
        state.emit("osUpgradeDeferred", key, instanceIds=list(behind))
        return ()
    chosen = tuple(each for each in behind if each in approved)
    if len(chosen) == len(behind):
        del state.deferred[key]
    else:
        state.deferred[key] = approved - set(chosen)
    return chosen
