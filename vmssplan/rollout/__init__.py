"""The Rollout: everything apply will do, in order, naming every instance.

`plan` prints it, reviewers approve its digest, `apply` executes it: one list of Steps for all.
Steps that do nothing stay in the list with the reason. Nothing in it depends on when it was
computed, so equal inputs give equal bytes.
"""

from vmssplan.rollout.computing import compute_rollout, to_upgrade
from vmssplan.rollout.rollback import previous_model, rollback_of
from vmssplan.rollout.steps import (
    Approval,
    AwaitHealth,
    Check,
    HookTime,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    Step,
    UpgradeBatch,
    UpgradeWindow,
)
from vmssplan.rollout.values import (
    API_VERSION,
    Bounds,
    Disposition,
    Fingerprint,
    PlannedInstance,
    Rollback,
    Rollout,
    digest,
    rollout_document,
)

__all__ = [
    "API_VERSION",
    "Approval",
    "AwaitHealth",
    "Bounds",
    "Check",
    "Disposition",
    "Fingerprint",
    "HookTime",
    "Pause",
    "PinAutoscale",
    "PlannedInstance",
    "RestoreAutoscale",
    "Rollback",
    "Rollout",
    "RunHook",
    "SetModel",
    "Step",
    "UpgradeBatch",
    "UpgradeWindow",
    "compute_rollout",
    "digest",
    "previous_model",
    "rollback_of",
    "rollout_document",
    "to_upgrade",
]
