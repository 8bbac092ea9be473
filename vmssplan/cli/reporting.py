"""The verb that tells a Run after the fact, in one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CloudOption,
    Connection,
    SharedStateOption,
    StateOption,
)
from vmssplan.cli.console import Console
from vmssplan.errors import ExitCode, NotFound, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.report.run_report import Chronicle


class ReportFormat(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"
    SVG = "svg"


_BY_SUFFIX = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".json": ReportFormat.JSON,
    ".md": ReportFormat.MARKDOWN,
    ".svg": ReportFormat.SVG,
}


def report(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN|JOURNAL", help="A Run, or the path of its folder or journal."),
    ],
    *,
    kind: Annotated[
        ReportFormat | None,
        typer.Option("--format", help="Default: what --out ends in, else markdown."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it. Default: standard output."),
    ] = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Tell a Run in one file: instances by time, gates and who approved, failures, a replay.

    Made from the journal alone; asks no service. Also of a Run that still goes on.

    Example: vmssplan report web-jammy-1 --format html --out web-jammy-1.html
    """
    from vmssplan.cli.looking_back import read_record
    from vmssplan.report.run_report import chronicle_of
    from vmssplan.stores.local import write_private

    record = read_record(run, Connection(None, None, None, cloud, state_dir, None, state))
    if not record.events:
        raise NotFound(f"nothing has happened in {record.run} yet")
    wanted = kind or _BY_SUFFIX.get(out.suffix.lower() if out else "", ReportFormat.MARKDOWN)
    text = _written(chronicle_of(record.run, record.rollout, record.events), wanted)
    if out is None:
        Console().out(text.removesuffix("\n"))
        return ExitCode.SUCCESS
    try:
        write_private(out, text)
    except OSError as error:
        raise UsageInvalid(f"{out}: cannot be written: {error.strerror or error}") from error
    Console().say(f"Wrote {out}.")
    return ExitCode.SUCCESS


def _written(chronicle: Chronicle, kind: ReportFormat) -> str:
    from vmssplan.documents import readable_json
    from vmssplan.report.run_report import chart_svg, report_html, report_json, report_markdown

    match kind:
        case ReportFormat.HTML:
            return report_html(chronicle)
        case ReportFormat.JSON:
            return readable_json(report_json(chronicle))
        case ReportFormat.MARKDOWN:
            return report_markdown(chronicle)
        case ReportFormat.SVG:
            return chart_svg(chronicle)
    assert_never(kind)
