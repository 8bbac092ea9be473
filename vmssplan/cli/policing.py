"""The option that brings a team's own rules, for the verbs that look at Plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.cli.console import Console
    from vmssplan.lint import Finding
    from vmssplan.model import ScaleSet
    from vmssplan.planfile import LoadedPlan
    from vmssplan.policy import Policy, Variable
    from vmssplan.rollout import Rollout

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="VMSSPLAN_POLICY",
        help="Rules that every Plan must keep: JSON Schema or CEL, deny or warn.",
    ),
]


def policy_of(path: Path | None) -> Policy | None:
    """Load the Policy, None where none is given; raises DocumentInvalid."""
    if path is None:
        return None
    from vmssplan.policy.loading import load_policy

    return load_policy(path)


def policed(
    policy: Policy | None,
    loaded: LoadedPlan | None = None,
    live: ScaleSet | None = None,
    rollout: Rollout | None = None,
) -> tuple[Finding, ...]:
    """Return what of the Policy does not hold; raises DocumentInvalid where that cannot be told."""
    if policy is None:
        return ()
    from vmssplan.policy.judging import judge

    return judge(policy, loaded, live, rollout)


def say_unanswered(
    policy: Policy | None, known: Sequence[Variable], why: str, console: Console
) -> None:
    """Name the rules that are not judged here, so that nobody takes silence for consent."""
    if policy is None:
        return
    from vmssplan.policy.judging import unanswered

    rules = unanswered(policy, known)
    if rules:
        names = ", ".join(rule.rule_id for rule in rules)
        console.warning(f"{policy.file}: not judged here: {names} ({why})")
