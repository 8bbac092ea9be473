"""Rehearses Rollouts on twins of the live set: one process for few seeds, several for many."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmssplan.durations import parse_duration
from vmssplan.errors import UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.scenario import Scenario
    from vmssplan.cli.connection import Connection
    from vmssplan.cli.console import Console
    from vmssplan.forecast import Forecast, Trial
    from vmssplan.lint import Finding
    from vmssplan.model import ScaleSet
    from vmssplan.report.forecast import Foreseen
    from vmssplan.rollout import Rollout

PANEL = "Forecast"
SEEDS = 100
LATENCIES_FILE = "latencies.yaml"
BAD_IMAGE_SEEDS = 20
WORTH_A_PROCESS_SECONDS = 0.5
TOLD_AFTER_SECONDS = 2.0


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
    int,
    typer.Option(
        "--forecast-seeds",
        metavar="N",
        min=1,
        max=100_000,
        help="How often to rehearse.",
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
    """A Rollout, the live set it was computed for, as it was then, and what the lint found."""

    rollout: Rollout
    live: ScaleSet
    at: datetime
    findings: tuple[Finding, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Stage:
    """A Rollout and what its twins are made of."""

    rollout: Rollout
    document: Mapping[str, Any]
    scenario: Scenario


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


def foresee(
    planned: Planned, seeds: int, latencies: KnownLatencies, console: Console
) -> Foreseen | None:
    """Rehearse one Rollout; None for none, or where there is nothing to do."""
    if not seeds or not planned.rollout.has_changes:
        return None
    from vmssplan.report.forecast import Foreseen

    stage = stage_of(planned.rollout, planned.live, (), planned.at, latencies.document)
    touches = bool(planned.rollout.batch_count)
    bad = bad_image_forecast(stage, console) if touches else None
    return Foreseen(forecast(stage, seeds, console), bad, latencies.basis)


def stage_of(
    rollout: Rollout,
    live: ScaleSet,
    versions: Sequence[str],
    now: datetime,
    latencies: Mapping[str, Any] | None = None,
) -> Stage:
    """Return what to rehearse: the live set in a world whose latencies are these."""
    from vmssplan.report.snapshot import snapshot_document

    document = snapshot_document(live, versions, now, rollout.model.image)
    if latencies:
        document["latencies"] = dict(latencies)
    return _stage(rollout, document)


def _stage(rollout: Rollout, document: Mapping[str, Any]) -> Stage:
    from vmssplan.backends.twin import twin_scenario

    return Stage(rollout, document, twin_scenario(document))


def forecast(stage: Stage, seeds: int, console: Console) -> Forecast:
    """Rehearse with seeds 1 to `seeds`; progress is told when it takes long."""
    from vmssplan.forecast import forecast_of

    trials = rehearse_all(stage, range(1, seeds + 1), console)
    return forecast_of(trials, stage.rollout.bounds.total)


def bad_image_forecast(stage: Stage, console: Console) -> Forecast:
    """Rehearse with an image that never becomes healthy."""
    from vmssplan.backends.twin import with_bad_image
    from vmssplan.model import HealthSource, image_version

    image = stage.rollout.model.image
    version = image_version(image) if image is not None else None
    told = stage.rollout.health.source is not HealthSource.INSTANCE_VIEW
    document = with_bad_image(stage.document, version, has_application_health=told)
    bad = _stage(stage.rollout, document)
    return forecast(bad, BAD_IMAGE_SEEDS, console)


def rehearse_all(stage: Stage, seeds: Sequence[int], console: Console) -> list[Trial]:
    """Rehearse with each seed, over all processors where that is worth it."""
    begun = time.perf_counter()
    first = _rehearse(stage, seeds[0])
    rest = list(seeds[1:])
    expected = (time.perf_counter() - begun) * len(rest)
    jobs = os.cpu_count() or 1
    if jobs == 1 or expected < WORTH_A_PROCESS_SECONDS:
        return [first, *(_rehearse(stage, seed) for seed in rest)]
    if expected / jobs > TOLD_AFTER_SECONDS:
        console.say(
            f"Rehearsing {stage.rollout.plan} {len(seeds)} times,"
            f" about {expected / jobs:.0f} s (--no-forecast leaves it out) ..."
        )
    size = max(1, len(rest) // (jobs * 4))
    parts = [rest[start : start + size] for start in range(0, len(rest), size)]
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(jobs, context, _adopt, (stage,)) as pool:
        return [first, *(trial for part in pool.map(_rehearse_part, parts) for trial in part)]


_adopted: list[Stage] = []


def _adopt(stage: Stage) -> None:
    _adopted[:] = [stage]


def _rehearse_part(seeds: Sequence[int]) -> list[Trial]:
    return [_rehearse(_adopted[0], seed) for seed in seeds]


def _rehearse(stage: Stage, seed: int) -> Trial:
    from vmssplan.backends.twin import make_twin
    from vmssplan.forecast import trial

    twin = make_twin(stage.scenario, seed)
    return asyncio.run(trial(stage.rollout, twin, seed))
