"""The verb for schedules: it says whether anybody changed what Plans own since the last Run."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    NoColorOption,
    SharedStateOption,
    SimulatorOption,
    StateOption,
    open_session,
    open_state,
)
from vmssplan.cli.console import Console
from vmssplan.cli.event_loop import result_of
from vmssplan.cli.planning import PathsArgument
from vmssplan.errors import DocumentInvalid, ExitCode, NotFound, VmssplanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.drift import DriftReport
    from vmssplan.model import ScaleSet
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Backend, StateStore
    from vmssplan.report.drift import Result


class Format(StrEnum):
    """How drift is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def drift(
    paths: PathsArgument,
    *,
    output_format: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state_place: SharedStateOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Say what others changed since the last Run, for schedules. Changes nothing.

    Compares what the last complete Run left, what is live, and what the Plan wants. Exit 7: there
    is drift; 0: there is none, although changes of the Plan may be pending; 14: a Run is in
    progress, so that nothing was compared.

    Example: vmssplan drift plans/
    """
    from vmssplan.planfile import load_plans

    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, state=state_place)
    loaded = load_plans(paths, os.environ)
    store = open_state(connection)
    results = result_of(_compare_all(loaded, connection, store, console))
    code = _worst(results)
    wanted = Format.JSON if as_json else output_format
    _print(wanted, loaded, results, code, connection, console)
    return code


async def _compare_all(
    loaded: Sequence[LoadedPlan], connection: Connection, store: StateStore, console: Console
) -> list[Result]:
    """Compare every set, one after the other; what fails for one is told with the others.

    Held sets are found out before the service is opened: the Run may hold that too.
    """
    from vmssplan.report.drift import NotCompared

    results = {one.plan.name: _in_progress(one, store) for one in loaded}
    free = [one for one in loaded if results[one.plan.name] is None]
    try:
        if free:
            async with open_session(connection, console) as session:
                for one in free:
                    results[one.plan.name] = await _result(one, session.backend, store)
    except VmssplanError as error:
        for one in free:
            if results[one.plan.name] is None:
                results[one.plan.name] = NotCompared(one.plan.name, one.plan.target, error)
    return [result for result in results.values() if result is not None]


def _in_progress(loaded: LoadedPlan, store: StateStore) -> Result | None:
    from vmssplan.report.drift import NotCompared, RunInProgress

    name, target = loaded.plan.name, loaded.plan.target
    try:
        holder = store.holder(target)
    except VmssplanError as error:
        return NotCompared(name, target, error)
    return None if holder is None else RunInProgress(name, target, holder)


async def _result(loaded: LoadedPlan, backend: Backend, store: StateStore) -> Result:
    from vmssplan.report.drift import NotCompared

    try:
        report = await _compare(loaded, backend, store)
    except VmssplanError as error:
        return NotCompared(loaded.plan.name, loaded.plan.target, error)
    # A Run that began meanwhile may have been at work on what was seen.
    return _in_progress(loaded, store) or report


async def _compare(loaded: LoadedPlan, backend: Backend, store: StateStore) -> DriftReport:
    from vmssplan.baseline import find_baseline
    from vmssplan.drift import compare
    from vmssplan.model import SUCCEEDED

    plan = loaded.plan
    baseline = find_baseline(store, plan.target)
    live, _ = await backend.observe(plan.target)
    versions, notes = await _versions(loaded, live, backend)
    if await backend.rolling_upgrade_in_progress(plan.target):
        notes = (*notes, "a rolling upgrade of Azure's own is in progress")
    if live.provisioning_state != SUCCEEDED:
        notes = (*notes, f"the scale set is {live.provisioning_state}, not Succeeded")
    return compare(plan, live, baseline, versions=versions, notes=notes)


async def _versions(
    loaded: LoadedPlan, live: ScaleSet, backend: Backend
) -> tuple[Sequence[str], tuple[str, ...]]:
    """Ask what `latest` means today, where the Plan follows it; an image withdrawn is told."""
    from vmssplan.model import follows_latest

    image = loaded.plan.model.image
    if image is None or not follows_latest(image):
        return (), ()
    try:
        return await backend.image_versions(image, live.location), ()
    except NotFound as error:
        return (), (f"what latest means cannot be told: {error.message}",)


def _worst(results: Sequence[Result]) -> ExitCode:
    """Return the code of the worst result: an error over drift, drift over a Run in progress."""
    from vmssplan.report.drift import exit_code_of

    harmless = [ExitCode.SUCCESS, ExitCode.LOCKED, ExitCode.DRIFT]
    codes = [exit_code_of(one) for one in results]
    return max(codes, key=lambda code: harmless.index(code) if code in harmless else len(harmless))


def _print(
    wanted: Format,
    loaded: Sequence[LoadedPlan],
    results: Sequence[Result],
    code: ExitCode,
    connection: Connection,
    console: Console,
) -> None:
    from vmssplan.documents import readable_json
    from vmssplan.report.drift import drift_text, summary_line
    from vmssplan.report.drift_documents import drift_json, drift_markdown

    _print_errors(results, console)
    match wanted:
        case Format.JSON:
            console.out(readable_json(drift_json(results, code)))
        case Format.MARKDOWN:
            console.out(drift_markdown(results))
        case Format.TEXT:
            texts = [drift_text(one, paint=console.paint(), width=console.width) for one in results]
            console.out("\n".join(text for text in texts if text))
            console.out(summary_line(results))
            for command in _next_commands(loaded, results, connection):
                console.out(command)


def _print_errors(results: Sequence[Result], console: Console) -> None:
    from vmssplan.report.drift import NotCompared

    for one in results:
        if isinstance(one, NotCompared):
            error = one.error
            hint = error.hint
            problems = error.problems if isinstance(error, DocumentInvalid) else (error.message,)
            for problem in problems:
                console.error(f"{one.plan}: {problem}", hint=hint)


def _next_commands(
    loaded: Sequence[LoadedPlan], results: Sequence[Result], connection: Connection
) -> list[str]:
    """Return what to type next, for every set that needs it."""
    from vmssplan.drift import DriftReport
    from vmssplan.report.drift import RunInProgress

    options, commands = connection.arguments(), []
    for one, result in zip(loaded, results, strict=True):
        match result:
            case DriftReport():
                if result.has_drift:
                    commands.append(f"To see the way back: vmssplan plan {one.file}{options}")
                elif result.has_pending:
                    commands.append(f"To see what is pending: vmssplan plan {one.file}{options}")
                commands += [
                    f"To finish it: vmssplan resume {unfinished.run}{options}"
                    for unfinished in result.baseline.unfinished[:1]
                ]
                commands += [
                    f"To give autoscale its bounds back: vmssplan recover {pins.run}{options}"
                    for pins in result.baseline.pinned
                ]
            case RunInProgress(holder=holder):
                run = holder.run if holder else ""
                here = replace(connection, simulator=None, endpoint=None, ca_file=None)
                command = " ".join(["status", *([run] if run else [])])
                commands.append(f"To see how far it is: vmssplan {command}{here.arguments()}")
            case _:
                pass
    return commands
