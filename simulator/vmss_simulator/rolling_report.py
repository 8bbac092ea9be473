"""What a native rolling upgrade says of itself: `rollingUpgrades/latest` and the OS history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.rolling_health import unhealthy_upgraded
from vmss_simulator.rolling_run import RollingKind
from vmss_simulator.values import RollingUpgrade

if TYPE_CHECKING:
    from vmss_simulator.rolling import Breach
    from vmss_simulator.rolling_run import RollingRun
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSet

_HISTORY = 5


def report(
    state: State, run: RollingRun, code: str, in_progress: int = 0, *, is_new: bool = False
) -> None:
    """Let `rollingUpgrades/latest` show how far the upgrade is, and the history with it.

    A new one is entered in the history, if it is an OS upgrade; the last five are kept.
    """
    folded = run.key.folded()
    scale_set = state.scale_sets.get(folded)
    if scale_set is None:
        return
    failed = len(unhealthy_upgraded(state, scale_set, run))
    current = run.current if state.options.rolling_counts_current_instances else 0
    # Recorded: an upgrade that fails before any batch shows no instance at all.
    is_untried = code == "Faulted" and not run.upgraded
    breach = located_breach(run)
    shown = RollingUpgrade(
        code=code,
        started_at=run.started_at,
        last_action="Cancel" if run.cancelled_by else "Start",
        last_action_at=run.last_action_at,
        successful=0 if is_untried else len(run.upgraded) - failed + current,
        failed=failed,
        in_progress=in_progress,
        pending=0 if is_untried else len(run.pending),
        ended_at=None if code.startswith("Rolling") else state.now,
        error=breach.error if breach is not None else None,
        details=breach.details if breach is not None else (),
        started_by=run.started_by,
        target_image=_target_image(scale_set, run),
        restored=run.restored,
        restore_failed=run.restore_failed,
    )
    state.rolling_upgrades[folded] = shown
    if run.kind is RollingKind.OS:
        history = state.os_upgrades.get(folded, ())
        kept = history if is_new else history[:-1]
        state.os_upgrades[folded] = (*kept, shown)[-_HISTORY:]


def located_breach(run: RollingRun) -> Breach | None:
    """Return the breach with instances named as recorded: `<scale set>/virtualMachines/<id>`."""
    if run.breach is None:
        return None
    details = tuple(
        replace(each, target=f"{run.key.name}/virtualMachines/{each.target}")
        for each in run.breach.details
    )
    return replace(run.breach, details=details)


def _target_image(scale_set: ScaleSet, run: RollingRun) -> dict[str, Any]:
    reference = dict(documents.image_reference(scale_set.body))
    if run.exact_version is not None and "publisher" in reference:
        reference["version"] = run.exact_version
    return reference
