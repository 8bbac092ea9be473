"""Learns from Runs how long things take here, for forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CloudOption,
    Connection,
    SharedStateOption,
    StateOption,
    open_state,
)
from vmssplan.cli.console import Console
from vmssplan.cli.forecasting import LATENCIES_FILE
from vmssplan.errors import ExitCode, NotFound, Refused, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.forecast.calibration import Observed
    from vmssplan.forecast.lognormal import Curve
    from vmssplan.ports import StateStore


def calibrate(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN...]", help="Which Runs; left out: all.", show_default=False),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help=f"Where to write. Default: {LATENCIES_FILE} in the state folder, which `plan`"
            " then uses.",
        ),
    ] = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Learn from the journals of Runs how long things take here, for the forecasts of `plan`.

    Example: vmssplan calibrate
    """
    from vmssplan.report.calibration import calibration_text, latencies_text

    console = Console()
    store = open_state(Connection(None, None, None, cloud, state_dir, None, state))
    names = _runs(store, runs or ())
    observed = _observed(store, names)
    if observed.is_empty:
        raise Refused(
            f"{', '.join(names)}: nothing has completed there that could be learned from",
            hint="calibrate after a Run whose operations succeeded",
        )
    from vmssplan.forecast.calibration import learn

    learned = learn(observed, _assumed())
    file = out or state_dir / LATENCIES_FILE
    _write(file, latencies_text(learned, names))
    console.out(calibration_text(learned, names))
    used = "`vmssplan plan` uses it from now on." if out is None else f"Use it: --latencies {file}"
    console.out(f"Wrote {file}. {used}")
    return ExitCode.SUCCESS


def _runs(store: StateStore, wanted: Sequence[str]) -> tuple[str, ...]:
    known = store.runs()
    if not known:
        raise NotFound("there are no Runs to learn from", hint="calibrate after the first apply")
    for name in wanted:
        if name not in known:
            raise NotFound(f"there is no Run {name}", hint="`vmssplan status` lists the Runs")
    return tuple(dict.fromkeys(wanted)) or known


def _observed(store: StateStore, runs: Sequence[str]) -> Observed:
    from vmssplan.forecast.calibration import Observed

    observed = Observed()
    for run in runs:
        observed.add(store.events(run), len(store.rollout(run).instances))
    return observed


def _assumed() -> dict[str, Curve]:
    """Return the simulator's own latencies, by their names in a scenario."""
    from dataclasses import fields

    from vmss_simulator.randomness import Latencies, camel_case
    from vmssplan.forecast.lognormal import Curve

    known = Latencies()
    found = {}
    for each in fields(known):
        latency = getattr(known, each.name)
        found[camel_case(each.name)] = Curve.through(
            latency.median.total_seconds(), latency.p95.total_seconds()
        )
    return found


def _write(file: Path, text: str) -> None:
    from vmssplan.stores.files import make_private_folder, write_private

    try:
        make_private_folder(file.parent)
        write_private(file, text)
    except OSError as error:
        raise UsageInvalid(f"{file}: {error.strerror or error}") from error
