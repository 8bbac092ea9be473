"""The verbs that change nothing: plan, show, snapshot, schema."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
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
from vmssplan.cli.executing import InputOption, LockTimeoutOption, lock_patience, may_ask
from vmssplan.cli.forecasting import (
    KnownLatencies,
    LatenciesOption,
    NoForecastOption,
    Planned,
    SeedsOption,
    effort_of,
    foresee,
    latencies_of,
)
from vmssplan.cli.policing import PolicyOption, policed, policy_of
from vmssplan.durations import parse_duration
from vmssplan.errors import ExitCode, Refused, UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.cli.connection import Session
    from vmssplan.lint import Finding
    from vmssplan.planfile import LoadedPlan
    from vmssplan.policy import Policy
    from vmssplan.report.forecast import Foreseen
    from vmssplan.report.markdown import Saved
    from vmssplan.rollout import Rollout

IN_AUTOMATION = "TF_IN_AUTOMATION"
"""Set where no person types the next command: Terraform's own variable."""

PathsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Plan files, or folders of them.", show_default=False),
]


class Format(StrEnum):
    """How a Rollout is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def _expiry(text: str | None, out: Path | None) -> timedelta | None:
    if text is None:
        return None
    if out is None:
        raise UsageInvalid("--expires goes with --out")
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageInvalid(f"--expires: {error}") from error


def plan(
    paths: PathsArgument,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Save the Rollout, for `vmssplan apply FILE`."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires",
            metavar="DURATION",
            help="With --out: how long it may be applied, such as PT24H.",
        ),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 2 when there are changes, 0 when none."),
    ] = False,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", help="Exit 7 when there are changes.")
    ] = False,
    no_forecast: NoForecastOption = False,
    forecast_seeds: SeedsOption = None,
    latencies: LatenciesOption = None,
    policy: PolicyOption = None,
    input_: InputOption = "true",
    lock_timeout: LockTimeoutOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """Show the whole rollout that a Plan means for the live scale set. Changes nothing.

    It never asks and holds no scale set: --input and --lock-timeout are only read, so that the
    same options can be given to plan and apply.

    Example: vmssplan plan plans/web-jammy.yaml --simulator simulator/scenarios/web-12.yaml
    """
    from vmssplan.planfile import load_plans

    console = Console(no_color=no_color)
    may_ask(console, input_, as_json=as_json)
    lock_patience(lock_timeout)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
    loaded = load_plans(paths, os.environ)
    if out is not None and len(loaded) != 1:
        raise UsageInvalid(f"--out takes one Plan; {len(loaded)} were given")
    span = _expiry(expires, out)
    known = latencies_of(connection, latencies)
    rules = policy_of(policy)
    planned = result_of(_plan_all(loaded, connection, known, rules, console))
    rollouts = [one.rollout for one in planned]
    effort = effort_of(forecast_seeds, is_wanted=not no_forecast)
    foreseen = [foresee(one, effort, known, console) for one in planned]
    if as_json or output_format is Format.JSON:
        _print_json(rollouts, console, foreseen)
    elif output_format is Format.MARKDOWN:
        _print_comment(planned, foreseen, _saved(planned[0], out, span), console)
    else:
        _print_text(rollouts, foreseen, console)
    if out is not None:
        from vmssplan.stores.local import save_rollout

        save_rollout(rollouts[0], out, planned[0].at + span if span is not None else None)
    is_alone = not os.environ.get(IN_AUTOMATION)
    if not as_json and output_format is Format.TEXT and is_alone:
        for one, rollout in zip(loaded, rollouts, strict=True):
            if rollout.has_changes:
                console.out(f"\nTo apply: vmssplan apply {out or one.file}{connection.arguments()}")
    has_changes = any(rollout.has_changes for rollout in rollouts)
    if expect_no_changes and has_changes:
        console.error("there are changes, and none were expected")
        return ExitCode.DRIFT
    return ExitCode.CHANGES if detailed_exitcode and has_changes else ExitCode.SUCCESS


def show(
    file: Annotated[Path, typer.Argument(metavar="ROLLOUT.json", help="A saved Rollout.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    no_color: NoColorOption = False,
) -> int:
    """Print a saved Rollout. Asks no service, and never fails because it is stale.

    Example: vmssplan show rollout.json
    """
    from vmssplan.stores.local import load_rollout

    console = Console(no_color=no_color)
    rollouts = [load_rollout(file)]
    if as_json:
        _print_json(rollouts, console)
    else:
        _print_text(rollouts, [None] * len(rollouts), console)
    return ExitCode.SUCCESS


def snapshot(
    path: Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="A Plan; its target is taken.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write. Default: standard output."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            help="Make it the very twin that forecasts rehearse on with that seed.",
        ),
    ] = None,
    latencies: LatenciesOption = None,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
) -> int:
    """Write the live scale set as a scenario for the simulator, without any secret.

    Example: vmssplan snapshot plans/web-jammy.yaml --out web-live.yaml
    """
    from vmssplan.planfile import load_plans
    from vmssplan.report.snapshot import snapshot_text
    from vmssplan.stores.local import write_private

    console = Console()
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
    loaded = load_plans([path], os.environ)
    if len(loaded) != 1:
        raise UsageInvalid(f"snapshot takes one Plan; {path} has {len(loaded)}")
    wanted = loaded[0].plan
    target = wanted.target
    known = latencies_of(connection, latencies)
    further = {} if seed is None else {"seed": seed, "latencies": dict(known.document)}

    async def take() -> str:
        async with open_session(connection, console) as session:
            live, _ = await session.backend.observe(target)
            versions: Sequence[str] = ()
            if live.model.image is not None:
                versions = await session.backend.image_versions(live.model.image, live.location)
            image = None if seed is None else wanted.model.image
            at = session.clock.now()
            return snapshot_text(live, versions, at, image, further)

    text = result_of(take())
    if out is None:
        console.out(text)
        return ExitCode.SUCCESS
    try:
        write_private(out, text)
    except OSError as error:
        raise UsageInvalid(f"{out}: {error.strerror or error}") from error
    console.out(f"Wrote {out}. Try: vmssplan plan {path} --simulator {out}")
    return ExitCode.SUCCESS


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which one; left out: list them.")
    ] = None,
) -> int:
    """Print a JSON Schema, for editors and checks.

    Example: vmssplan schema plan > plan.v1.schema.json
    """
    from vmssplan.documents import readable_json
    from vmssplan.schema_files import schema as find_schema
    from vmssplan.schema_files import schema_names

    console = Console()
    console.out("\n".join(schema_names()) if name is None else readable_json(find_schema(name)))
    return ExitCode.SUCCESS


async def plan_live(
    loaded: LoadedPlan,
    session: Session,
    console: Console,
    known: KnownLatencies,
    policy: Policy | None = None,
) -> Planned:
    """Observe, lint, pin `latest`, and compute; then hold it against the Policy.

    Raises Refused when the lint finds an error, or the Policy denies.
    """
    from vmssplan.probes import RealProbes
    from vmssplan.resolution import compute as compute_live

    found: list[Finding] = []

    def report(findings: Sequence[Finding]) -> None:
        # What the Plan alone tells is printed together with what the set tells.
        new = findings if found else (*plan_findings(loaded), *findings)
        found.extend(new)
        if not report_findings(loaded, new, console):
            raise Refused(f"the Plan {loaded.plan.name} cannot be carried out as it is")

    backend = session.probing(RealProbes(os.environ, console.say), loaded.plan.health)
    rollout, live = await compute_live(loaded.plan, backend, report, known.boot)
    report(policed(policy, loaded, live, rollout))
    return Planned(rollout, live, session.clock.now(), tuple(found), loaded.plan)


async def _plan_all(
    loaded: Sequence[LoadedPlan],
    connection: Connection,
    known: KnownLatencies,
    policy: Policy | None,
    console: Console,
) -> list[Planned]:
    async with open_session(connection, console) as session:
        return [await plan_live(one, session, console, known, policy) for one in loaded]


def plan_findings(loaded: LoadedPlan) -> tuple[Finding, ...]:
    from vmssplan.lint import lint_plan

    return lint_plan(loaded.plan)


def report_findings(loaded: LoadedPlan, findings: Sequence[Finding], console: Console) -> bool:
    """Print what the lint found; False when any of it refuses the Plan."""
    from vmssplan.lint import Severity

    is_good = True
    for finding in findings:
        problem = loaded.problem(
            finding.path, f"{finding.message} [{finding.rule}]", suggestion=finding.fix
        )
        if finding.severity is Severity.ERROR:
            is_good = False
            console.error(str(problem))
        else:
            console.warning(str(problem))
    return is_good


def _print_text(
    rollouts: Sequence[Rollout], foreseen: Sequence[Foreseen | None], console: Console
) -> None:
    from vmssplan.report.text import rollout_text

    paint, width = console.paint(), console.width
    for rollout, each in zip(rollouts, foreseen, strict=True):
        console.out(rollout_text(rollout, paint=paint, width=width, foreseen=each))


def _print_comment(
    planned: Sequence[Planned],
    foreseen: Sequence[Foreseen | None],
    saved: Saved | None,
    console: Console,
) -> None:
    from vmssplan.report.markdown import Reviewed, plan_comment

    pairs = zip(planned, foreseen, strict=True)
    sets = [Reviewed(one.rollout, one.findings, each) for one, each in pairs]
    console.out(plan_comment(sets, saved))


def _saved(planned: Planned, out: Path | None, span: timedelta | None) -> Saved | None:
    from vmssplan.report.markdown import Saved

    if out is None:
        return None
    return Saved(str(out), planned.at + span if span is not None else None)


def _print_json(
    rollouts: Sequence[Rollout], console: Console, foreseen: Sequence[Foreseen | None] = ()
) -> None:
    """Print one document, or a list of them."""
    from vmssplan.documents import readable_json
    from vmssplan.report.as_json import rollout_json
    from vmssplan.report.forecast import foreseen_json

    documents = [rollout_json(rollout) for rollout in rollouts]
    for document, each in zip(documents, foreseen, strict=False):
        if each is not None:
            document["forecast"] = foreseen_json(each)
    console.out(readable_json(documents[0] if len(documents) == 1 else documents))


def single_plan(path: Path) -> LoadedPlan:
    """Load exactly one Plan; raises DocumentInvalid, UsageInvalid."""
    from vmssplan.planfile import load_plans

    loaded = load_plans([path], os.environ)
    if len(loaded) != 1:
        raise UsageInvalid(
            f"{path} has {len(loaded)} Plans", hint="apply them one at a time, a file each"
        )
    return loaded[0]


__all__ = [
    "plan",
    "schema",
    "show",
    "single_plan",
    "snapshot",
]
