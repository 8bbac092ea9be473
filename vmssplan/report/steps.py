"""Steps in words: what each one does, in one line without its instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.diff import owned_fields
from vmssplan.model import CommandProbe, Counting, HttpProbe, Method
from vmssplan.report.wording import counted, one_line, span_text
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    HookTime,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.rollout import Rollout, Step


def step_title(rollout: Rollout, step: Step) -> str:
    """Return what the step does."""
    match step:
        case SetModel(fields, changes, reason, no_way_back):
            if reason is not None:
                owned = _enumerated([f"model.{key}" for key in owned_fields(fields, fields)])
                return f"Set {owned} (skipped: {one_line(reason)})"
            paths = _enumerated([change.path for change in changes])
            final = f" (no way back: {one_line(no_way_back)})" if no_way_back else ""
            return f"Set {paths}{final}"
        case UpgradeBatch(instance_ids=ids, label=label):
            domain = f", {one_line(label)}" if label else ""
            return f"{work_text(rollout, step)}: {counted(len(ids), 'instance')}{domain}"
        case UpgradeWindow(instance_ids=ids):
            return f"{work_text(rollout, step)}: {counted(len(ids), 'instance')}, in this order"
        case AwaitHealth(batch=number):
            return f"Await health of batch {number}: {health_rule(rollout)}"
        case Pause(duration=duration):
            return f"Pause {span_text(duration)}"
        case Approval(message=message):
            return f"Await approval: {one_line(message)}"
        case Check(probe=probe, counting=counting):
            return f"Check that {_probe_text(probe)}{_counting_text(counting)}"
        case RunHook(time=time, command=command, batch=number):
            when = "Before" if time is HookTime.BEFORE_BATCH else "After"
            program = f"`{one_line(' '.join(command.run))}`"
            return f"{when} batch {number} run {program}, for at most {span_text(command.timeout)}"
        case PinAutoscale(settings=settings):
            names = _enumerated([one_line(one.name) for one in settings])
            return f"Pin autoscale {names}: hold the instance count"
        case RestoreAutoscale():
            return "Restore autoscale: give it its bounds back"
    assert_never(step)


def work_text(rollout: Rollout, step: Step) -> str:
    """Return `Upgrade batch 2 of 6`, or `Upgrade in a window of 3`."""
    verb = "Upgrade" if rollout.method is Method.UPGRADE else "Reimage"
    match step:
        case UpgradeBatch(batch=number):
            return f"{verb} batch {number} of {rollout.batch_count}"
        case UpgradeWindow(window=window):
            return f"{verb} in a window of {window}"
        case _:
            return verb


def health_rule(rollout: Rollout) -> str:
    """Return when an instance counts as good."""
    health = rollout.health
    return (
        f"healthy for {span_text(health.min_healthy_time)},"
        f" within {span_text(health.deadline)} of its {rollout.method}"
    )


def batch_of_step(rollout: Rollout, number: int) -> int | None:
    """Return the batch that step (1-based) belongs to; None before the first, and in a window."""
    for step in reversed(rollout.steps[:number]):
        if isinstance(step, UpgradeBatch | AwaitHealth | RunHook):
            return step.batch
    return None


def batch_of_instance(rollout: Rollout, instance_id: str) -> int | None:
    """Return the batch of the instance; None in a sliding window."""
    for step in rollout.steps:
        if isinstance(step, UpgradeBatch) and instance_id in step.instance_ids:
            return step.batch
    return None


def place_text(rollout: Rollout, number: int) -> str:
    """Return `step 5/12 (batch 2)`."""
    batch = batch_of_step(rollout, number)
    where = f" (batch {batch})" if batch is not None else ""
    return f"step {number}/{len(rollout.steps)}{where}"


def _counting_text(counting: Counting) -> str:
    """Return how the gate counts, as far as it is not the plainest way: ask once, and believe."""
    parts = []
    if counting.initial_delay:
        parts.append(f"first after {span_text(counting.initial_delay)}")
    if counting.consecutive_successes > 1:
        often = f"{counting.consecutive_successes} times in a row"
        parts.append(f"{often}, every {span_text(counting.interval)}")
    if counting.failure_limit:
        parts.append(f"at most {counting.failure_limit} failed")
    if counting.inconclusive_limit:
        parts.append(f"at most {counting.inconclusive_limit} inconclusive")
    if counting.deadline != Counting().deadline:
        parts.append(f"given up after {span_text(counting.deadline)}")
    return "".join(f", {part}" for part in parts)


def _probe_text(probe: HttpProbe | CommandProbe) -> str:
    match probe:
        case HttpProbe(url=url, expect_status=status, timeout=timeout):
            return f"{one_line(url)} answers {status} within {span_text(timeout)}"
        case CommandProbe(run=run, timeout=timeout):
            return f"`{one_line(' '.join(run))}` succeeds within {span_text(timeout)}"
    assert_never(probe)


def _enumerated(paths: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    *head, last = paths
    return f"{', '.join(head)} and {last}" if head else last
