"""The verbs that look at what was: explain an instance, replay a Run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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
    SharedStateOption,
    SimulatorOption,
    StateOption,
    open_state,
)
from vmssplan.cli.console import Console
from vmssplan.cli.event_loop import result_of
from vmssplan.cli.executing import JsonOption
from vmssplan.errors import ExitCode, NotFound, UsageInvalid

if TYPE_CHECKING:
    from vmssplan.engine import Event, RunState
    from vmssplan.executor import Watcher
    from vmssplan.rollout import Rollout


def explain(
    run: Annotated[
        str, typer.Argument(metavar="RUN|ROLLOUT.json", help="A Run, or a saved Rollout.")
    ],
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="Its instance id.")],
    *,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="As it stood then (2026-11-02T08:15:00Z)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
) -> int:
    """Say the one reason why an instance waits, was chosen, failed, or was left alone.

    Example: vmssplan explain web-jammy-1 5
    """
    from vmssplan.documents import readable_json
    from vmssplan.explaining import explain_plan, explain_run, state_at
    from vmssplan.stores.local import load_rollout

    console = Console()
    if run.endswith(".json"):
        if at is not None:
            raise UsageInvalid("--at goes with a Run: nothing has happened to a Rollout yet")
        found = explain_plan(load_rollout(Path(run)), instance)
        moment = None
    else:
        store = open_state(Connection(None, None, None, cloud, state_dir, None, state))
        events = store.events(run)
        moment = _time(at) if at is not None else None
        so_far = state_at(store.rollout(run), events, moment)
        found = explain_run(so_far, instance, moment or events[-1].at)
    if as_json:
        document = {"instance": instance, "standing": found.standing, "reason": found.reason}
        console.out(readable_json(document))
    else:
        console.out(f"instance {instance}: {found.standing}: {found.reason}")
    return ExitCode.SUCCESS


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageInvalid(f"{text!r} is no time; expected such as 2026-11-02T08:15:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def replay(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN|JOURNAL", help="A Run, or the path of its folder or journal."),
    ],
    *,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Only up to then, such as 2026-11-02T08:15:00Z."),
    ] = None,
    heat_map: Annotated[
        bool, typer.Option("--map", help="Draw the heat map after each step.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="KEY=VALUE",
            help="Ask what this would have done to the same failure, such as"
            " strategy.type=perUpdateDomain. May be given several times.",
        ),
    ] = None,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Show a past Run again, line by line as apply printed it. Asks no service.

    The options of the service are only repeated in the commands that it prints.

    Example: vmssplan replay web-jammy-1 --with strategy.type=perUpdateDomain
    """
    console = Console(no_color=no_color)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, None, state)
    record = read_record(run, connection)
    limit = _time(at) if at is not None else None
    shown = [event for event in record.events if limit is None or event.at <= limit]
    if not shown:
        raise NotFound(f"nothing had happened in {record.run} then")
    if overrides:
        return _ask_what_if(record.rollout, shown, overrides, console)
    _show_again(replace(record, events=shown), connection, console, as_json, heat_map)
    return ExitCode.SUCCESS


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a Run."""

    run: str
    rollout: Rollout
    events: Sequence[Event]


def read_record(run: str, connection: Connection) -> Record:
    """Read a Run by its name, or by the path of its folder or journal, wherever that was put."""
    from vmssplan.engine.events import RunStarted
    from vmssplan.stores.local import load_rollout, read_journal

    if "/" not in run and "\\" not in run and not run.endswith(".jsonl"):
        store = open_state(connection)
        return Record(run, store.rollout(run), store.events(run))
    journal = Path(run) if run.endswith(".jsonl") else Path(run) / "journal.jsonl"
    if not journal.is_file():
        raise NotFound(f"{journal}: there is no such journal")
    events = read_journal(journal)
    names = [event.run for event in events if isinstance(event, RunStarted)]
    name = names[0] if names else journal.parent.name
    return Record(name, load_rollout(journal.parent / "rollout.json"), events)


def _show_again(
    record: Record, connection: Connection, console: Console, as_json: bool, heat_map: bool
) -> None:
    from vmssplan.cli.watching import JsonLines, PlainLines
    from vmssplan.engine import RunState, evolve
    from vmssplan.engine.events import RunCompleted, RunHalted, RunResumed, StepCompleted

    state = RunState.begin(record.rollout)
    watcher: Watcher = PlainLines(record.rollout, console)
    for number, event in enumerate(record.events):
        if as_json and (number == 0 or isinstance(event, RunResumed)):
            # Another process went on with it, and its output began anew.
            watcher = JsonLines(record.run, console)
        state = evolve(state, event)
        watcher.happened(event, state)
        if heat_map and isinstance(event, StepCompleted):
            console.out(_frame(state, event.at, record.events[0].at, console))
        if isinstance(event, RunHalted | RunCompleted):
            _show_outcome(record.run, state, event.at, connection, console, as_json)


def _show_outcome(
    run: str,
    state: RunState,
    at: datetime,
    connection: Connection,
    console: Console,
    as_json: bool,
) -> None:
    from vmssplan.documents import canonical_json
    from vmssplan.report.as_json import outcome_line_json
    from vmssplan.report.run import outcome_text

    if as_json:
        console.out(canonical_json(outcome_line_json(state, run, at)))
        return
    text = outcome_text(
        state,
        run,
        paint=console.paint(),
        options=connection.arguments(),
        state_options=connection.state_arguments(),
    )
    console.out(f"\n{text}")


def _frame(state: RunState, now: datetime, started_at: datetime, console: Console) -> str:
    from vmssplan.report.live import live_lines
    from vmssplan.report.segments import painted

    lines = live_lines(state, None, now, started_at, console.width, 24)
    return painted(lines, console.paint()).rstrip() + "\n"


def _ask_what_if(
    rollout: Rollout, events: Sequence[Event], overrides: Sequence[str], console: Console
) -> int:
    """Rehearse the same failure under another Plan, and say what comes out beside what did."""
    import json

    from vmssplan.backends.twin import make_twin, twin_scenario
    from vmssplan.engine import replay as replayed
    from vmssplan.forecast.trial import AllIsWell, YesMan
    from vmssplan.planfile import read_plan
    from vmssplan.rehearsal import rehearse
    from vmssplan.report.snapshot import snapshot_document
    from vmssplan.report.what_if import what_if_text
    from vmssplan.rollout import compute_rollout
    from vmssplan.what_if import (
        plan_document,
        read_override,
        same_failures,
        set_as_planned,
        with_faults,
    )

    document = plan_document(rollout, [read_override(text) for text in overrides])
    plan = read_plan(json.dumps(document), "the Plan that is asked about", {}).plan
    live = set_as_planned(rollout)
    other = compute_rollout(plan, live, plan.model)
    document = snapshot_document(live, (), events[0].at, plan.model.image)
    scenario = with_faults(document, same_failures(events))
    twin = make_twin(twin_scenario(scenario), 1)
    went = result_of(rehearse(other, twin.backend, twin.clock, AllIsWell(), YesMan(other)))
    console.out(what_if_text(replayed(rollout, events), events, went, " ".join(overrides)))
    return ExitCode.SUCCESS
