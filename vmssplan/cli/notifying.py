"""The option that has others told of a Run by webhooks, for the verbs that carry one out."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.logs import PANEL
from vmssplan.errors import VmssplanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.cli.console import Console
    from vmssplan.executor import Watcher

VARIABLE = "VMSSPLAN_NOTIFY"


def _must_be_readable(path: Path | None) -> Path | None:
    """Refuse at once what cannot be told anybody, before there is a Run."""
    if path is not None:
        from vmssplan.notifying.loading import load_notifications

        load_notifications(path, os.environ)
    return path


NotifyOption = Annotated[
    Path | None,
    typer.Option(
        "--notify",
        metavar="FILE",
        envvar=VARIABLE,
        callback=_must_be_readable,
        help="Webhooks to tell of the Run: JSON, Slack or Teams. See `vmssplan schema"
        " notifications`.",
        rich_help_panel=PANEL,
    ),
]


@contextmanager
def with_notifications(
    run: str, shown: Watcher, path: Path | None, console: Console
) -> Iterator[Watcher]:
    """Give the watcher with the webhooks beside it.

    Where a verb has no option for the file, the variable counts; what is wrong with it then is a
    warning, because the Run has begun.
    """
    given = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if given is None:
        yield shown
        return
    from vmssplan.cli.watching import Several
    from vmssplan.notifying import HttpCourier, load_notifications, notifying

    try:
        channels = load_notifications(given, os.environ)
    except VmssplanError as error:
        console.warning(f"nobody is notified: {error.message}")
        yield shown
        return
    with notifying(run, channels, HttpCourier(), _now, console.warning) as notifier:
        yield Several(shown, [notifier], console)


def _now() -> datetime:
    return datetime.now(UTC)
