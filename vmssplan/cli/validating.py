"""The verb that checks Plans without asking any service: validate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vmssplan.cli.connection import NoColorOption
from vmssplan.cli.console import Console
from vmssplan.cli.planning import PathsArgument, plan_findings, report_findings
from vmssplan.errors import DocumentInvalid, ExitCode


class LintFormat(StrEnum):
    """How the lint's findings are printed."""

    TEXT = "text"
    SARIF = "sarif"
    GITHUB = "github"


def validate(
    paths: PathsArgument,
    *,
    output_format: Annotated[
        LintFormat,
        typer.Option(
            "--format",
            help="How to print: text, sarif for code scanning, github for annotations.",
        ),
    ] = LintFormat.TEXT,
    no_color: NoColorOption = False,
) -> int:
    """Check Plan files without asking any service.

    Example: vmssplan validate plans/
    """
    from vmssplan.planfile import load_plans

    console = Console(no_color=no_color)
    if output_format is not LintFormat.TEXT:
        return _print_findings(paths, output_format, console)
    loaded = load_plans(paths, os.environ, distinct_targets=False)
    failed = sum(not report_findings(one, plan_findings(one), console) for one in loaded)
    if failed:
        return ExitCode.REFUSED
    console.out(f"{len(loaded)} {'Plan is' if len(loaded) == 1 else 'Plans are'} valid.")
    return ExitCode.SUCCESS


def _print_findings(paths: Sequence[Path], output_format: LintFormat, console: Console) -> int:
    """Print what is wrong for a machine; the exit code is that of the text."""
    from vmssplan.documents import readable_json
    from vmssplan.lint import Severity
    from vmssplan.planfile import load_plans
    from vmssplan.report.findings import github_annotations, invalid_notes, lint_notes, sarif

    code = ExitCode.SUCCESS
    try:
        loaded = load_plans(paths, os.environ, distinct_targets=False)
        notes = [note for one in loaded for note in lint_notes(one, plan_findings(one))]
        if any(one.severity is Severity.ERROR for one in notes):
            code = ExitCode.REFUSED
    except DocumentInvalid as error:
        notes, code = list(invalid_notes(error.problems)), error.exit_code
    if output_format is LintFormat.SARIF:
        console.out(readable_json(sarif(notes)))
    elif notes:
        console.out(github_annotations(notes))
    return code
