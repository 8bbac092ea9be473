"""Work on chosen instances, beside a Plan's rollout: which, in which batches, above which floor.

Pure. `select` says which instances a Selection means, `compute_operation` what a Request comes to,
`upgrade_plan` the Plan whose Rollout upgrades exactly these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.operating.commands import command
from vmssplan.operating.computing import (
    compute_chosen,
    health_source,
    leave_reason,
    touches_availability,
    whole_protection,
)
from vmssplan.operating.deciding import (
    Turn,
    Verdict,
    next_turn,
    verdict_of,
)
from vmssplan.operating.judging import Judging
from vmssplan.operating.scaling import autoscale_notes, compute_scaling, scaling_refusal
from vmssplan.operating.selecting import select
from vmssplan.operating.upgrading import changed_model, has_change, upgrade_plan
from vmssplan.operating.values import (
    ONE_WAY_VERBS,
    ROLLING_VERBS,
    ROLLOUT_VERBS,
    SWITCHES,
    Left,
    Member,
    ModelChange,
    Operation,
    Protection,
    Request,
    Selection,
    Switch,
    Verb,
)
from vmssplan.operating.words import StateWord, main_state, state_words

if TYPE_CHECKING:
    from vmssplan.model import ModelFields, Plan, ScaleSet

__all__ = [
    "ONE_WAY_VERBS",
    "ROLLING_VERBS",
    "ROLLOUT_VERBS",
    "SWITCHES",
    "Judging",
    "Left",
    "Member",
    "ModelChange",
    "Operation",
    "Protection",
    "Request",
    "Selection",
    "StateWord",
    "Switch",
    "Turn",
    "Verb",
    "Verdict",
    "autoscale_notes",
    "changed_model",
    "command",
    "compute_operation",
    "has_change",
    "health_source",
    "leave_reason",
    "main_state",
    "next_turn",
    "scaling_refusal",
    "select",
    "state_words",
    "touches_availability",
    "upgrade_plan",
    "verdict_of",
    "whole_protection",
]


def compute_operation(
    live: ScaleSet,
    request: Request,
    plan: Plan | None = None,
    wanted: ModelFields | None = None,
) -> Operation:
    """Return what a request comes to; a `plan` of the set gives its floor and its health.

    `wanted` is the Plan's model with `latest` pinned; None means what the set's model says.
    Raises what `select` raises. A floor that would not hold is told in `refused`, so that a
    preview can show it.
    """
    if request.verb is Verb.SCALE:
        return compute_scaling(live, request, plan)
    return compute_chosen(live, request, plan, wanted)
