"""The verb that explores everything a small set can go through under a Plan."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
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
from vmssplan.cli.forecasting import latencies_of
from vmssplan.cli.planning import plan_live, single_plan
from vmssplan.durations import parse_duration
from vmssplan.errors import ExitCode, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.model import ModelFields, ScaleSet
    from vmssplan.planfile import LoadedPlan
    from vmssplan.report.verification import Verification

TOLD_AFTER_SECONDS = 2.0
TOLD_EVERY_SECONDS = 5.0
MOST_STATES = 2_000_000


def verify(
    path: Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="A Plan.")],
    *,
    instances: Annotated[
        int | None,
        typer.Option(
            "--instances",
            metavar="N",
            min=1,
            max=1000,
            help="Take a healthy set of N instances, and ask no service.",
        ),
    ] = None,
    max_instances: Annotated[
        int,
        typer.Option(
            "--max-instances",
            metavar="N",
            min=1,
            max=6,
            help="Make a larger set as small as this, with every kind of instance it has.",
        ),
    ] = 3,
    troubles: Annotated[
        int,
        typer.Option(
            "--troubles", metavar="N", min=0, max=4, help="How much may go wrong at most."
        ),
    ] = 2,
    limit: Annotated[
        str, typer.Option("--limit", metavar="DURATION", help="How long to search.")
    ] = "PT1M",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write a counterexample there, for `vmssplan test`."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """Explore every failure, flap, scale and crash on a small set. Exit 5 when anything breaks.

    Example: vmssplan verify plans/web-jammy.yaml --instances 12
    """
    from vmssplan.documents import readable_json
    from vmssplan.report.verification import verification_json, verification_text

    console = Console(no_color=no_color)
    span = _span(limit)
    loaded = single_plan(path)
    if instances is not None:
        from vmssplan.verifying import made_up

        live, wanted = made_up(loaded.plan, instances)
    else:
        connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
        live, wanted = result_of(_observed(loaded, connection, console))
    found = _verified(loaded, live, wanted, max_instances, troubles, span, console)
    if as_json:
        console.out(readable_json(verification_json(found)))
    else:
        console.out(verification_text(found, console.paint()))
    if found.explored.breach is not None:
        if out is not None:
            write_counterexample(found, path, out, console)
        return ExitCode.REFUSED
    return ExitCode.SUCCESS if found.explored.complete >= 0 else ExitCode.DEADLINE


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageInvalid(f"--limit: {error}") from error


async def _observed(
    loaded: LoadedPlan, connection: Connection, console: Console
) -> tuple[ScaleSet, ModelFields]:
    async with open_session(connection, console) as session:
        planned = await plan_live(loaded, session, console, latencies_of(connection, None))
    return planned.live, planned.rollout.model


def _verified(
    loaded: LoadedPlan,
    live: ScaleSet,
    wanted: ModelFields,
    most: int,
    troubles: int,
    span: timedelta,
    console: Console,
) -> Verification:
    from vmssplan.report.verification import Verification
    from vmssplan.rollout import compute_rollout
    from vmssplan.verifying import Limits, bound_of, explore, reduce_set, scene_of, tell

    small = reduce_set(loaded.plan, live, wanted, most)
    scene = scene_of(small.rollout, small.live)
    ends = time.monotonic() + span.total_seconds()
    limits = Limits(troubles, MOST_STATES, stop=lambda: time.monotonic() >= ends)
    explored = explore(scene, limits, _progress(console))
    chapters = tell(scene, explored.moves) if explored.breach is not None else ()
    bound = bound_of(compute_rollout(loaded.plan, live, wanted))
    return Verification(small, scene, explored, chapters, bound, troubles)


def _progress(console: Console) -> Callable[[int, int], None]:
    told_at = time.monotonic() + TOLD_AFTER_SECONDS - TOLD_EVERY_SECONDS

    def told(states: int, troubles: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY_SECONDS:
            told_at = time.monotonic()
            console.say(f"Searching: {states} states so far, with {troubles} going wrong ...")

    return told


def write_counterexample(
    found: Verification, plan: Path, out: Path, console: Console
) -> tuple[str, ...]:
    """Write the counterexample as a RolloutTest with its scenario, and run it.

    Return what does not hold there; nothing where a scenario has no words for the story, or the
    simulator does not show the same, which is said.
    """
    from vmssplan.cli.testing import failures_of
    from vmssplan.report.snapshot import snapshot_document
    from vmssplan.stores.local import write_private
    from vmssplan.verifying.replaying import CannotBeToldError, rollout_test_document
    from vmssplan.verifying.scene import BEGINNING

    breach = found.explored.breach
    name = f"{breach.property}: {breach.text}" if breach else "nothing is wrong"
    try:
        document = rollout_test_document(
            found.chapters, found.small.plan, name[:200], found.small.overrides
        )
    except CannotBeToldError as error:
        console.warning(f"{out} is not written: a scenario has no words for: {error}")
        return ()
    scenario = out.with_suffix(".scenario.yaml")
    document["plan"] = os.path.relpath(plan, out.parent)
    document["scenario"] = scenario.name
    wanted = found.small.rollout.model.image
    world = snapshot_document(found.small.live, (), BEGINNING, wanted)
    import yaml

    try:
        write_private(out, yaml.safe_dump(document, sort_keys=False, width=100))
        write_private(scenario, yaml.safe_dump(world, sort_keys=False, width=100))
    except OSError as error:
        raise UsageInvalid(f"{out}: {error.strerror or error}") from error
    shown = failures_of(out)
    if shown:
        console.say(f"Wrote {out} and {scenario}. It fails now: vmssplan test {out}")
    else:
        console.warning(f"{out} passes: the simulator does not show what the story above does")
    return shown
