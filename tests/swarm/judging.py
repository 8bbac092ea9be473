"""What must be true when a process has ended, and when all is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.swarm.reading import misdeeds
from tests.swarm.witness import serving
from tests.worlds import SUBSCRIPTION, WEB
from vmss_simulator.values import ProvisioningState
from vmssplan.engine import Event, Phase, RunState, replay
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.model import Method, image_version
from vmssplan.report.as_json import outcome_json
from vmssplan.report.run import event_lines, outcome_text
from vmssplan.stores.formats import journal_lines, parse_journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.swarm.witness import Evidence
    from vmss_simulator.values import Instance
    from vmssplan.model import ModelFields
    from vmssplan.rollout import Rollout

ENDS = frozenset(ExitCode) - {ExitCode.BUG, ExitCode.CHANGES, ExitCode.DRIFT, ExitCode.LOCKED}
CHANGE_THE_MODEL = frozenset({"setImage", "setSize", "setPolicy", "tag", "startRollingUpgrade"})
EDIT_AUTOSCALE = frozenset({"setAutoscale", "deleteAutoscale"})


def judge_outcome(evidence: Evidence, state: RunState, events: Sequence[Event]) -> None:
    """Judge an orderly end."""
    assert state.outcome is not None
    code, reason = state.outcome.exit_code, state.outcome.reason
    if code not in ENDS:
        evidence.blame("outcome", f"ends with {code!r}")
    if (code is ExitCode.SUCCESS) != (reason == ""):
        evidence.blame("outcome", f"{code!r} with the reason {reason!r}")
    if replay(evidence.rollout, events) != state:
        evidence.blame("replay", "the journal says something else than the state")
    _judge_left_running(evidence, state)
    _judge_autoscale(evidence, state, events)
    if code is ExitCode.SUCCESS:
        _judge_success(evidence, state)
    if code is ExitCode.ROLLED_BACK:
        _judge_rolled_back(evidence, state)


def judge_end(evidence: Evidence, state: RunState, ends: Sequence[str]) -> None:
    """Judge what is left of it all; a Run may stay as it is that the program refuses to resume."""
    events = evidence.journal.events
    times = [event.at for event in events]
    if times != sorted(times):
        evidence.blame("journal", "time runs backwards in the journal")
    if parse_journal(b"".join(journal_lines(events)), "journal") != tuple(events):
        evidence.blame("journal", "what was written is not what is read")
    for misdeed in misdeeds(evidence.rollout, events):
        evidence.blame("journal", misdeed)
    if state.outcome is None and events and "refused" not in ends:
        evidence.blame("outcome", "it never ended")


def judge_calm(evidence: Evidence, state: RunState, ends: Sequence[str]) -> None:
    """When nothing goes wrong any more and nobody interferes, a Run can be brought to its end.

    Unless others have changed what was reviewed, or something in the world stays broken.
    """
    done = (ExitCode.SUCCESS, ExitCode.ROLLED_BACK, ExitCode.STALE)
    if not ends or ends[-1] == "refused" or (state.outcome and state.outcome.exit_code in done):
        return
    options = evidence.world.options
    if state.rollout.method is Method.REIMAGE and not options.reimage_applies_model:
        return
    scale_set = evidence.world.scale_set(WEB)
    is_whole = scale_set.provisioning in (ProvisioningState.SUCCEEDED, ProvisioningState.FAILED)
    source = evidence.rollout.health.source
    sick = scale_set.instances.keys() - serving(scale_set, source)
    gone = len(scale_set.instances) < evidence.rollout.bounds.total
    if is_whole and not sick and not gone and not evidence.is_image_gone:
        evidence.blame("stuck", f"cannot be finished: {state.outcome}")


def tell(reviewed: Rollout, state: RunState, events: Sequence[Event]) -> None:
    """Write every report there is of it; whatever they raise is a bug."""
    outcome_text(state, state.run)
    outcome_json(state, state.run)
    event_lines(events, reviewed)


def _judge_left_running(evidence: Evidence, state: RunState) -> None:
    """What was started is seen through, as far as it can be seen and there is an end to it."""
    assert state.outcome is not None
    is_deadline = state.outcome.exit_code is ExitCode.DEADLINE
    is_blind = state.refusal is not None and state.refusal.request is None
    if state.in_flight and not (is_deadline or is_blind):
        evidence.blame("abandoned", f"ends with {len(state.in_flight)} requests in flight")


def _judge_autoscale(evidence: Evidence, state: RunState, events: Sequence[Event]) -> None:
    """The bounds are as they were, unless others changed them or the journal owns up to it."""
    if state.pins is not None:
        if state.pins.given_up is None:
            evidence.blame("autoscale", "ends pinned, and does not say why")
        return
    restored = [one for one in events if isinstance(one, ev.AutoscaleRestored)]
    if evidence.others.done & EDIT_AUTOSCALE or any(one.left_alone for one in restored):
        return
    now = [each.body for each in evidence.world.autoscale_settings(SUBSCRIPTION)]
    if now != evidence.bounds_before:
        evidence.blame("autoscale", f"was {evidence.bounds_before}, and is left {now}")


def _judge_success(evidence: Evidence, state: RunState) -> None:
    """Every selected instance that is still there is current, or left alone with a reason."""
    failed = 0
    for instance_id, one in state.progress.items():
        match one.phase:
            case Phase.READY:
                _judge_version(evidence, state, instance_id, state.rollout.model)
            case Phase.SKIPPED:
                if not one.skip_reason:
                    evidence.blame("silent", f"{instance_id} is skipped without a reason")
            case Phase.FAILED:
                failed += 1
            case _:
                evidence.blame("incomplete", f"{instance_id} is left {one.phase}")
    if failed > state.rollout.failure.max_failed_instances:
        evidence.blame("incomplete", f"{failed} have failed, and it calls that a success")


def _judge_rolled_back(evidence: Evidence, state: RunState) -> None:
    """Everything that was operated on is back, or left alone with a reason."""
    _judge_success(evidence, state)
    reviewed = {one.vm_id: one.instance_id for one in evidence.rollout.instances}
    for vm_id in evidence.operated:
        instance_id = reviewed.get(vm_id)
        if instance_id is not None and instance_id not in state.progress:
            evidence.blame("back", f"{instance_id} was operated on, and is not taken back")
    if evidence.others.done & CHANGE_THE_MODEL:
        return
    wanted = image_version(state.rollout.model.image) if state.rollout.model.image else None
    body = evidence.world.scale_set(WEB).body
    profile = body["properties"]["virtualMachineProfile"]["storageProfile"]
    if wanted is not None and profile["imageReference"]["version"] != wanted:
        evidence.blame("back", f"the model says {profile['imageReference']}")


def _judge_version(
    evidence: Evidence, state: RunState, instance_id: str, wanted: ModelFields
) -> None:
    instance = evidence.world.scale_set(WEB).instances.get(instance_id)
    if instance is None or instance.vm_id != state.rollout.machines[instance_id]:
        return
    if _was_others(evidence, instance):
        return
    version = image_version(wanted.image) if wanted.image else None
    if version not in (None, instance.exact_version):
        evidence.blame("version", f"{instance_id} runs {instance.exact_version}, not {version}")
    is_latest = evidence.world.latest_model_applied(evidence.world.scale_set(WEB), instance)
    if not is_latest and not evidence.others.done & CHANGE_THE_MODEL:
        evidence.blame("version", f"{instance_id} has not the latest model")


def _was_others(evidence: Evidence, instance: Instance) -> bool:
    """Tell whether somebody else has operated on it."""
    return any(
        line.instance_id == instance.instance_id
        and "operationId" in line.data
        and line.data["operationId"] not in evidence.operations
        for line in evidence.world.log
    )
