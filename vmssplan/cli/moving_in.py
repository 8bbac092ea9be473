"""Moving in: a Plan from a live set, and strategies from the tools people come from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import Connection, open_session
from vmssplan.cli.console import Console
from vmssplan.errors import ExitCode, UsageInvalid
from vmssplan.importing import Tool

if TYPE_CHECKING:
    from vmssplan.model import ScaleSetId


def import_strategy(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The other tool's policy, YAML or JSON.")
    ],
    *,
    tool: Annotated[Tool, typer.Option("--from", help="Whose policy it is.", show_default=False)],
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="N", min=1, help="Print the integers for N instances."),
    ] = None,
) -> int:
    """Turn a rollout policy of another tool into ours, and say what cannot be carried over.

    Example: vmssplan import-strategy --from kubernetes deployment.yaml --size 12
    """
    from vmssplan.importing import import_strategy as imported
    from vmssplan.importing import integers
    from vmssplan.report.starting import imported_text

    found = imported(tool, _document(file))
    rows = integers(found.plan, size) if size is not None else []
    Console().out(imported_text(tool, found, rows).rstrip())
    return ExitCode.SUCCESS


def _document(file: Path) -> dict[str, object]:
    """Return the first mapping of the file; of a list, its first member (a playbook is one)."""
    from vmssplan.errors import DocumentInvalid, NotFound
    from vmssplan.planfile.source import read_documents

    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"{file}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageInvalid(f"{file}: cannot be read: {error}") from error
    documents, problems = read_documents(text, str(file))
    if problems:
        raise DocumentInvalid(problems)
    for document in documents:
        value = (
            document.value[0]
            if isinstance(document.value, list) and document.value
            else (document.value)
        )
        if isinstance(value, dict):
            return value
    raise UsageInvalid(f"{file}: holds no mapping")


def write_plan(
    where: str, subscription: str | None, out: Path | None, connection: Connection, console: Console
) -> int:
    """Write a Plan from the live scale set, to a file or to standard output."""
    from vmssplan.report.starting import plan_from_live
    from vmssplan.stores.local import write_private

    target = _target(where, subscription)

    async def take() -> str:
        async with open_session(connection, console) as session:
            live, _ = await session.backend.observe(target)
            return plan_from_live(live)

    text = asyncio.run(take())
    if out is None:
        console.out(text.rstrip())
        return ExitCode.SUCCESS
    if out.exists():
        raise UsageInvalid(f"{out}: is there already", hint="choose another file with --out")
    try:
        write_private(out, text)
    except OSError as error:
        raise UsageInvalid(f"{out}: {error.strerror or error}") from error
    console.out(f"Wrote {out}. Write the new image into it, then: vmssplan plan {out}")
    return ExitCode.SUCCESS


def _target(where: str, subscription: str | None) -> ScaleSetId:
    """Read a resource id, or GROUP/NAME with a subscription."""
    from vmssplan.model import ScaleSetId

    named = ScaleSetId.parse(where)
    if named is not None:
        return named
    parts = where.split("/")
    if len(parts) == 2 and all(parts) and subscription:  # noqa: PLR2004 - GROUP/NAME
        return ScaleSetId(subscription, parts[0], parts[1])
    raise UsageInvalid(
        f"{where!r} names no scale set",
        hint="expected its resource id, or GROUP/NAME with --subscription ID",
    )
