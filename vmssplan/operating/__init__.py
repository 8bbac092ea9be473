"""Work on chosen instances, beside a Plan's rollout: which, in which batches, above which floor.

Pure. `select` says which instances a Selection means, `compute_operation` what a Request comes to,
`upgrade_plan` the Plan whose Rollout upgrades exactly these.
"""

from vmssplan.operating.commands import command
from vmssplan.operating.computing import (
    compute_operation,
    health_source,
    leave_reason,
    scaling_refusal,
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
