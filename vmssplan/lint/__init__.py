"""What no schema can see: a Plan that contradicts itself, or the scale set it is for.

Pure. `lint_plan` needs only the Plan, so `validate` can run it anywhere; `lint_target` adds what
shows only against a live set and repeats nothing of the former; `lint_rollout` adds what only the
computed Rollout tells. Rule ids are stable: people write them into pull requests.
"""

from vmssplan.lint.catalogue import RULES, LintRule, Reads
from vmssplan.lint.finding import Finding, Severity
from vmssplan.lint.plan_rules import lint_plan
from vmssplan.lint.rollout_rules import lint_rollout
from vmssplan.lint.service_rules import Offered, image_missing, lint_service
from vmssplan.lint.target_rules import lint_target

__all__ = [
    "RULES",
    "Finding",
    "LintRule",
    "Offered",
    "Reads",
    "Severity",
    "image_missing",
    "lint_plan",
    "lint_rollout",
    "lint_service",
    "lint_target",
]
