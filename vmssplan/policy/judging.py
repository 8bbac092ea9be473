"""Policy and Plan -> findings: asks the worker, and takes no answer for an error."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vmssplan.documents import to_document
from vmssplan.errors import DocumentInvalid, UsageInvalid
from vmssplan.lint import Finding
from vmssplan.planfile.loaded import path_text
from vmssplan.policy.defaults import with_defaults
from vmssplan.policy.values import Policy, Rule, Variable
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmssplan.errors import Problem
    from vmssplan.model import ScaleSet
    from vmssplan.planfile import LoadedPlan
    from vmssplan.rollout import Rollout

TIME_LIMIT_SECONDS = 20.0
"""For all rules of a Policy together; each usually takes some milliseconds."""


def judge(
    policy: Policy,
    loaded: LoadedPlan | None = None,
    live: ScaleSet | None = None,
    rollout: Rollout | None = None,
    *,
    limit_seconds: float = TIME_LIMIT_SECONDS,
) -> tuple[Finding, ...]:
    """Return what does not hold of the rules that these can answer; the others are only read.

    None stands for what is not known yet, or no more. Raises DocumentInvalid where it cannot be
    told whether a rule holds, and UsageInvalid where there is no CEL here.
    """
    _require_cel(policy)
    variables = _variables(loaded, live, rollout)
    can_answer = [not rule.needs - variables.keys() for rule in policy.rules]
    request = {
        "variables": {name.value: value for name, value in variables.items()},
        "rules": [
            {"schema": rule.schema, "cel": rule.cel, "when": rule.when, "run": run}
            for rule, run in zip(policy.rules, can_answer, strict=True)
        ],
    }
    found: list[Finding] = []
    problems: list[Problem] = []
    answers = _answers(request, policy, limit_seconds)
    for rule, answer in zip(policy.rules, answers, strict=True):
        if "error" in answer:
            about = f" for the Plan {loaded.plan.name}" if loaded is not None else ""
            message = f"it cannot be told whether it holds{about}: {answer['error']}"
            problems.append(rule.problem(answer["key"], message))
        found.extend(_finding(rule, path) for path in answer.get("paths", ()))
    if problems:
        raise DocumentInvalid(problems)
    return tuple(dict.fromkeys(found))


def unanswered(policy: Policy, known: Sequence[Variable]) -> tuple[Rule, ...]:
    """Return the rules that need more than is known."""
    return tuple(rule for rule in policy.rules if rule.needs - set(known))


def _finding(rule: Rule, path: Sequence[str | int]) -> Finding:
    where = rule.path if rule.path is not None else path_text(tuple(path))
    fix = rule.fix or f"see rule {rule.rule_id} in {rule.file}:{rule.places[''][0]}"
    return Finding(rule.rule_id, rule.severity, where, rule.message, fix)


def _require_cel(policy: Policy) -> None:
    wanting = [rule for rule in policy.rules if rule.cel is not None or rule.when is not None]
    if wanting and find_spec("cel") is None:
        raise UsageInvalid(
            f"{wanting[0].problem('', 'needs CEL, which is not installed')}",
            hint="pip install 'vmssplan[cel]'",
        )


def _variables(
    loaded: LoadedPlan | None, live: ScaleSet | None, rollout: Rollout | None
) -> Mapping[Variable, Any]:
    found: dict[Variable, Any] = {}
    if loaded is not None:
        found[Variable.PLAN] = with_defaults(loaded.value, schema("plan"))
    if live is not None:
        found[Variable.LIVE] = to_document(live)
    if rollout is not None:
        found[Variable.ROLLOUT] = to_document(rollout)
    return found


def _answers(
    request: Mapping[str, Any], policy: Policy, limit_seconds: float
) -> Sequence[Mapping[str, Any]]:
    """Ask a process of its own; raises DocumentInvalid when it ends before its last answer."""
    command = [sys.executable, "-m", "vmssplan.policy.worker"]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limit_seconds,
            check=False,
        )
        output, why = ended.stdout, f"its evaluation ended with exit code {ended.returncode}"
    except subprocess.TimeoutExpired as error:
        output, why = error.stdout or b"", f"it takes longer than {limit_seconds:g} s"
    # A line without its end is one that was cut short.
    told = [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    if len(told) < len(policy.rules):
        raise DocumentInvalid([policy.rules[len(told)].problem("", why)])
    return told
