"""Compares strategies for a Plan by rehearsing each on a twin of the live set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    NoColorOption,
    SimulatorOption,
    StateOption,
    open_session,
)
from vmssplan.cli.console import Console
from vmssplan.cli.event_loop import result_of
from vmssplan.cli.forecasting import LatenciesOption, Planned, SeedsOption, effort_of, latencies_of
from vmssplan.cli.rehearsing import BAD_IMAGE_EFFORT, Effort, forecasts, stage_of, with_bad_image
from vmssplan.errors import ExitCode, Refused, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.cli.forecasting import KnownLatencies
    from vmssplan.cli.rehearsing import Stage
    from vmssplan.forecast.alternatives import Choice
    from vmssplan.forecast.comparison import Outlook
    from vmssplan.model import Plan
    from vmssplan.rollout import Rollout

MOST_STRATEGIES = 12


def compare(
    path: Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="A Plan.")],
    *,
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            metavar="A,B,...",
            help="perInstance, perUpdateDomain, perFaultDomain, perZone, fixedBatch:20%,"
            " fixedBatch:1/5/20%, slidingWindow:5.",
        ),
    ] = "perInstance,perUpdateDomain,fixedBatch:20%,fixedBatch:1/20%",
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    forecast_seeds: SeedsOption = None,
    latencies: LatenciesOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """Compare strategies for a Plan: how long each takes, and what a bad image would hit.

    The Plan's own strategy is the first row. Nothing is changed.

    Example: vmssplan compare plans/web-jammy.yaml --strategies perInstance,slidingWindow:5
    """
    from vmssplan.cli.planning import plan_live, single_plan
    from vmssplan.documents import readable_json
    from vmssplan.report.comparison import comparison_json, comparison_text

    console = Console(no_color=no_color)
    choices = _choices(strategies)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
    loaded = single_plan(path)
    known = latencies_of(connection, latencies)

    async def take() -> Planned:
        async with open_session(connection, console) as session:
            return await plan_live(loaded, session, console, known)

    planned = result_of(take())
    if not planned.rollout.batch_count:
        console.out(f"{planned.rollout.plan}: there is no instance to upgrade, nothing to compare.")
        return ExitCode.SUCCESS
    effort = effort_of(forecast_seeds, is_wanted=True) or Effort(1)
    outlooks = _outlooks(planned, loaded.plan, choices, known, effort, console)
    if as_json:
        console.out(readable_json(comparison_json(outlooks, known.basis)))
    else:
        console.out(comparison_text(outlooks, known.basis, console.width))
    if svg is not None:
        _draw(svg, outlooks, planned)
        if not as_json:
            console.out(f"Wrote {svg}.")
    return ExitCode.SUCCESS


def _choices(text: str) -> list[Choice]:
    from vmssplan.forecast.alternatives import Choice

    try:
        choices = list(dict.fromkeys(Choice.parse(part) for part in text.split(",")))
    except ValueError as error:
        raise UsageInvalid(f"--strategies: {error}") from error
    if len(choices) > MOST_STRATEGIES:
        raise UsageInvalid(f"--strategies: {len(choices)} are more than {MOST_STRATEGIES}")
    return choices


def _outlooks(
    planned: Planned,
    plan: Plan,
    choices: list[Choice],
    latencies: KnownLatencies,
    effort: Effort,
    console: Console,
) -> list[Outlook]:
    """Rehearse the Plan's own strategy, and each of the others, all side by side."""
    from vmssplan.forecast.alternatives import Choice
    from vmssplan.forecast.comparison import Outlook

    own = Choice(plan.strategy.type, plan.strategy.batch_sizes)
    named: list[tuple[str, Rollout | str]] = [(str(own), planned.rollout)]
    named += [(str(one), _alternative(one, planned, plan)) for one in choices if one != own]
    asked: list[tuple[Stage, Effort]] = []
    for _, rollout in named:
        if not isinstance(rollout, str):
            stage = stage_of(rollout, planned.live, (), planned.at, latencies.document)
            asked += [(stage, effort), (with_bad_image(stage), BAD_IMAGE_EFFORT)]
    went = iter(forecasts(asked, console))
    found = [
        Outlook(name, refused=rollout)
        if isinstance(rollout, str)
        else Outlook(name, rollout.batch_count, next(went), next(went))
        for name, rollout in named
    ]
    return [replace(found[0], is_of_plan=True), *found[1:]]


def _alternative(choice: Choice, planned: Planned, plan: Plan) -> Rollout | str:
    """Return the rollout with another strategy, or why there is none."""
    from vmssplan.forecast.alternatives import with_choice
    from vmssplan.lint import Severity, lint_plan, lint_target
    from vmssplan.rollout import compute_rollout

    other = with_choice(plan, choice)
    findings = (*lint_plan(other), *lint_target(other, planned.live))
    wrong = [one.message for one in findings if one.severity is Severity.ERROR]
    if wrong:
        return "; ".join(wrong)
    try:
        return compute_rollout(other, planned.live, planned.rollout.model)
    except Refused as error:
        return error.message


def _draw(file: Path, outlooks: list[Outlook], planned: Planned) -> None:
    from vmssplan.report.comparison_chart import comparison_svg

    rollout = planned.rollout
    title = f"{rollout.plan}: strategies for {rollout.bounds.total} instances of {rollout.target}"
    try:
        file.write_text(comparison_svg(outlooks, title), encoding="utf-8")
    except OSError as error:
        raise UsageInvalid(f"{file}: {error.strerror or error}") from error
