"""What a plan says of the future: the options of it, the latencies, the rehearsals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmssplan.cli.rehearsing import (
    BAD_IMAGE_EFFORT,
    BAD_IMAGE_SECONDS,
    BUDGET_SECONDS,
    LEAST_SEEDS,
    SEEDS,
    Effort,
    forecasts,
    stage_of,
    with_bad_image,
)
from vmssplan.durations import parse_duration
from vmssplan.errors import UsageInvalid

if TYPE_CHECKING:
    from vmssplan.cli.connection import Connection
    from vmssplan.cli.console import Console
    from vmssplan.cli.rehearsing import Stage
    from vmssplan.forecast import Forecast
    from vmssplan.forecast.alternatives import Choice
    from vmssplan.lint import Finding
    from vmssplan.model import Plan, ScaleSet
    from vmssplan.report.forecast import Canary, Foreseen
    from vmssplan.rollout import Rollout

PANEL = "Forecast"
LATENCIES_FILE = "latencies.yaml"
CANARY_EFFORT = Effort(LEAST_SEEDS, BAD_IMAGE_SECONDS)

NoForecastOption = Annotated[
    bool,
    typer.Option(
        "--no-forecast",
        envvar="VMSSPLAN_NO_FORECAST",
        help="Do not rehearse: no duration, no API calls, no bad image.",
        rich_help_panel=PANEL,
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        "--forecast-seeds",
        metavar="N",
        min=1,
        max=100_000,
        help=f"How often to rehearse. Default: {SEEDS} times, or as often as"
        f" {BUDGET_SECONDS:.0f} s allow.",
        rich_help_panel=PANEL,
    ),
]
LatenciesOption = Annotated[
    Path | None,
    typer.Option(
        "--latencies",
        metavar="FILE",
        help="How long things take here, as `vmssplan calibrate` writes it."
        " Default: latencies.yaml in the state folder, else the simulator's own.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Planned:
    """A Rollout, the live set it was computed for, as it was then, and what the lint found.

    `plan` is what it was computed from.
    """

    rollout: Rollout
    live: ScaleSet
    at: datetime
    findings: tuple[Finding, ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class KnownLatencies:
    """How long things take, as a scenario writes it, and where that comes from."""

    document: Mapping[str, Any]
    basis: str

    @property
    def boot(self) -> timedelta | None:
        """Half of the instances' time from the end of an upgrade to known health; None: unknown."""
        health = self.document.get("health")
        median = health.get("median") if isinstance(health, dict) else health
        try:
            return parse_duration(median) if isinstance(median, str) else None
        except ValueError:
            # A wrong one is told when it is rehearsed with.
            return None


def latencies_of(connection: Connection, given: Path | None) -> KnownLatencies:
    """Return the latencies to rehearse with: given, calibrated, the scenario's, or assumed ones.

    Raises NotFound, UsageInvalid for a file that cannot be read.
    """
    calibrated = connection.state_dir / LATENCIES_FILE
    if given is not None or calibrated.is_file():
        file = given or calibrated
        return KnownLatencies(_latencies_in(file), f"the latencies of {file}")
    if connection.simulator is not None:
        found = _latencies_in(connection.simulator)
        if found:
            return KnownLatencies(found, "the latencies of its scenario")
    return KnownLatencies({}, "assumed latencies (vmssplan calibrate learns yours)")


def _latencies_in(file: Path) -> Mapping[str, Any]:
    import yaml

    from vmssplan.cli.connection import read_scenario

    try:
        raw = yaml.safe_load(read_scenario(file))
    except yaml.YAMLError as error:
        raise UsageInvalid(f"{file}: not YAML: {error}") from error
    found = raw.get("latencies") if isinstance(raw, dict) else None
    return found if isinstance(found, dict) else {}


def effort_of(seeds: int | None, *, is_wanted: bool) -> Effort | None:
    """Return how often to rehearse, as it was typed; None for not at all."""
    if not is_wanted:
        return None
    return Effort(SEEDS, BUDGET_SECONDS) if seeds is None else Effort(seeds)


def foresee(
    planned: Planned, effort: Effort | None, latencies: KnownLatencies, console: Console
) -> Foreseen | None:
    """Rehearse one Rollout; None for none, or where there is nothing to do."""
    if effort is None or not planned.rollout.has_changes:
        return None
    from vmssplan.report.forecast import Foreseen

    stage = stage_of(planned.rollout, planned.live, (), planned.at, latencies.document)
    asked = [(stage, effort)]
    other = None
    if planned.rollout.batch_count:
        asked.append((with_bad_image(stage), BAD_IMAGE_EFFORT))
        other = _canary_first(planned, latencies)
    if other is not None:
        asked.append((other[1], CANARY_EFFORT))
    went, *bad = forecasts(asked, console)
    cut_at = effort.seconds if went.seeds < effort.seeds else None
    canary = _canary(other[0], *bad) if other is not None else None
    return Foreseen(went, bad[0] if bad else None, latencies.basis, cut_at, canary)


def _canary_first(planned: Planned, latencies: KnownLatencies) -> tuple[Choice, Stage] | None:
    """Return the rollout of a bad image with one instance ahead; None where one goes first."""
    from vmssplan.forecast.alternatives import canary_first, first_batch

    if planned.plan is None or first_batch(planned.rollout) <= 1:
        return None
    found = canary_first(planned.plan, planned.rollout, planned.live)
    if found is None:
        return None
    choice, rollout = found
    stage = stage_of(rollout, planned.live, (), planned.at, latencies.document)
    return choice, with_bad_image(stage)


def _canary(choice: Choice, as_planned: Forecast, canary_first: Forecast) -> Canary | None:
    """Return what a bad image would hit if one instance went first; None where that is no gain."""
    from vmssplan.report.forecast import Canary

    is_better = not canary_first.completed and canary_first.touched_p95 < as_planned.touched_p50
    return Canary(str(choice), canary_first.touched_p95) if is_better else None
