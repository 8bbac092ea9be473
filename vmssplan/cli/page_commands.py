"""The commands that a page has carried out: same service, same state, as the page is shown from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmssplan.cli.connection import DEFAULT_STATE, Connection

if TYPE_CHECKING:
    from vmssplan.ui.children import Children

ONLY_STATE = frozenset({"approve", "reject", "pause", "abort"})
STATE_IS_SELECTION = frozenset({"instances", "scale"})
"""Verbs whose --state selects instances; they read the place of Runs from the environment."""


def children_of(connection: Connection) -> Children:
    """Return what starts the commands that a page on that connection asks for."""
    from vmssplan.ui.children import Children

    folder = connection.state_dir / "ui"
    place = {} if connection.state is None else {"VMSSPLAN_STATE": connection.state}
    return Children(folder, lambda verb: options_of(verb, connection), os.environ, place)


def options_of(verb: str, connection: Connection) -> tuple[str, ...]:
    """Return the options that send a command to the same service and state as this one.

    Those who only tell a Run something ask no service.
    """
    words: list[str] = []
    if verb not in ONLY_STATE:
        if connection.endpoint is not None:
            words += ["--endpoint", connection.endpoint]
        if connection.ca_file is not None:
            words += ["--ca-file", str(connection.ca_file)]
    if connection.cloud != "AzureCloud":
        words += ["--cloud", connection.cloud]
    if connection.state_dir != DEFAULT_STATE:
        words += ["--state-dir", str(connection.state_dir)]
    if connection.state is not None and verb not in STATE_IS_SELECTION:
        words += ["--state", connection.state]
    return tuple(words)
