"""The verbs, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from vmssplan import __version__
from vmssplan.cli import (
    applying,
    calibrating,
    comparing,
    drifting,
    initialising,
    instances,
    locking,
    looking_back,
    moving_in,
    planning,
    reporting,
    running,
    serving_ui,
    simulating,
    steering,
    testing,
    validating,
    verifying,
)
from vmssplan.cli.logs import logged

app = typer.Typer(
    name="vmssplan",
    help="Plan and apply OS image rollouts of Azure virtual machine scale sets:"
    " reviewable, gated on health, resumable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vmssplan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that come before any verb."""
    del version


app.command("init")(initialising.init)
app.command("validate")(validating.validate)
app.command("plan")(planning.plan)
app.command("show")(planning.show)
app.command("apply")(applying.apply)
app.command("resume")(applying.resume)
app.command("status")(running.status)
app.command("explain")(looking_back.explain)
app.command("replay")(looking_back.replay)
app.command("report")(reporting.report)
app.command("approve")(steering.approve)
app.command("reject")(steering.reject)
app.command("pause")(steering.pause)
app.command("abort")(steering.abort)
app.command("rollback")(steering.rollback)
app.command("recover")(steering.recover)
app.command("unlock")(locking.unlock)
app.command("drift")(drifting.drift)
app.command("test")(testing.run_tests)
app.command("verify")(verifying.verify)
app.command("compare")(comparing.compare)
app.command("calibrate")(calibrating.calibrate)
app.command("snapshot")(planning.snapshot)
app.command("import-strategy")(moving_in.import_strategy)
app.command("schema")(planning.schema)
app.command("ui")(serving_ui.ui)
app.command("scale")(instances.scale)
app.add_typer(instances.app, name="instances")
app.add_typer(simulating.app, name="simulator")

for verb in (*app.registered_commands, *instances.app.registered_commands):
    verb.callback = logged(verb.callback) if verb.callback else None
