"""What somebody else did to a scale set: what Runs left there, what is live, what the Plan wants.

Three values tell who moved. Where the live one is not what a Run left, somebody changed it; where
only the Plan moved, a change is pending. What Azure changes by itself, such as the number of
instances and their health, is told, and is no drift.
"""

from vmssplan.drift.comparing import compare, compare_fields, desired_model, within
from vmssplan.drift.values import (
    Baseline,
    DriftReport,
    FieldFinding,
    FieldState,
    InstanceFinding,
    InstanceState,
    KnownModel,
    LeftInstance,
    LeftPinned,
    Trace,
    UnfinishedRun,
)

__all__ = [
    "Baseline",
    "DriftReport",
    "FieldFinding",
    "FieldState",
    "InstanceFinding",
    "InstanceState",
    "KnownModel",
    "LeftInstance",
    "LeftPinned",
    "Trace",
    "UnfinishedRun",
    "compare",
    "compare_fields",
    "desired_model",
    "within",
]
