"""The verb that checks Plans without asking any service: validate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import NoColorOption
from vmssplan.cli.console import Console
from vmssplan.cli.planning import plan_findings, report_findings
from vmssplan.cli.policing import PolicyOption, policed, policy_of, say_unanswered
from vmssplan.errors import DocumentInvalid, ExitCode, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.lint import Finding
    from vmssplan.planfile import LoadedPlan
    from vmssplan.policy import Policy


class LintFormat(StrEnum):
    """How the lint's findings are printed."""

    TEXT = "text"
    SARIF = "sarif"
    GITHUB = "github"


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Plan files, or folders.", show_default=False),
    ] = None,
    *,
    output_format: Annotated[
        LintFormat,
        typer.Option(
            "--format",
            help="How to print: text, sarif for code scanning, github for annotations.",
        ),
    ] = LintFormat.TEXT,
    rules: Annotated[
        bool, typer.Option("--rules", help="List the rules of the lint, and stop.")
    ] = False,
    policy: PolicyOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Check Plan files without asking any service.

    Example: vmssplan validate plans/
    """
    from vmssplan.planfile import load_plans
    from vmssplan.policy import Variable

    console = Console(no_color=no_color)
    if rules:
        console.out(_rules_text())
        return ExitCode.SUCCESS
    if not paths:
        raise UsageInvalid("missing PATH: name a Plan file or a folder of them")
    team = policy_of(policy)
    say_unanswered(team, [Variable.PLAN], "plan and apply judge what needs a live set", console)
    if output_format is not LintFormat.TEXT:
        return _print_findings(paths, output_format, team, console)
    loaded = load_plans(paths, os.environ, distinct_targets=False)
    failed = sum(not report_findings(one, _findings(one, team), console) for one in loaded)
    if failed:
        return ExitCode.REFUSED
    console.out(f"{len(loaded)} {'Plan is' if len(loaded) == 1 else 'Plans are'} valid.")
    return ExitCode.SUCCESS


def _findings(loaded: LoadedPlan, team: Policy | None) -> tuple[Finding, ...]:
    return (*plan_findings(loaded), *policed(team, loaded))


def _rules_text() -> str:
    from vmssplan.lint import RULES

    width = max(len(rule.rule_id) for rule in RULES)
    return "\n".join(
        f"{rule.rule_id:{width}}  {rule.severity:7}  {rule.finds}; {rule.fix}" for rule in RULES
    )


def _print_findings(
    paths: Sequence[Path], output_format: LintFormat, team: Policy | None, console: Console
) -> int:
    """Print what is wrong for a machine; the exit code is that of the text."""
    from vmssplan.documents import readable_json
    from vmssplan.lint import Severity
    from vmssplan.planfile import load_plans
    from vmssplan.report.findings import github_annotations, invalid_notes, lint_notes, sarif

    code = ExitCode.SUCCESS
    try:
        loaded = load_plans(paths, os.environ, distinct_targets=False)
        notes = [note for one in loaded for note in lint_notes(one, _findings(one, team))]
        if any(one.severity is Severity.ERROR for one in notes):
            code = ExitCode.REFUSED
    except DocumentInvalid as error:
        notes, code = list(invalid_notes(error.problems)), error.exit_code
    if output_format is LintFormat.SARIF:
        console.out(readable_json(sarif(notes)))
    elif notes:
        console.out(github_annotations(notes))
    return code
