"""What a page has carried out goes to the service and the state that it is shown from."""

from __future__ import annotations

from pathlib import Path

from vmssplan.cli.connection import DEFAULT_STATE, Connection
from vmssplan.cli.page_commands import children_of, options_of

SERVED = Connection(
    None, "https://127.0.0.1:1", Path("ca.pem"), "AzureCloud", Path("kept"), None, "team/state"
)
SERVICE = ("--endpoint", "https://127.0.0.1:1", "--ca-file", "ca.pem")


def test_a_command_gets_the_options_of_the_page() -> None:
    """Those that only tell a Run something ask no service."""
    state = ("--state-dir", "kept", "--state", "team/state")
    assert options_of("apply", SERVED) == (*SERVICE, *state)
    assert options_of("approve", SERVED) == state


def test_instances_are_not_selected_by_the_place_of_runs() -> None:
    """There --state selects instances, so that the place comes by its variable."""
    assert options_of("instances", SERVED) == (*SERVICE, "--state-dir", "kept")
    assert children_of(SERVED).environment["VMSSPLAN_STATE"] == "team/state"


def test_azure_itself_needs_no_option() -> None:
    """Nor does the folder that is the default; another cloud does."""
    plain = Connection(None, None, None, "AzureCloud", DEFAULT_STATE)
    assert options_of("apply", plain) == ()
    china = Connection(None, None, None, "AzureChinaCloud", DEFAULT_STATE)
    assert options_of("resume", china) == ("--cloud", "AzureChinaCloud")


def test_variables_that_say_the_same_do_not_reach_the_command() -> None:
    """They would exclude the options that it gets."""
    environment = children_of(SERVED).environment
    assert not {"VMSSPLAN_ENDPOINT", "VMSSPLAN_SIMULATOR", "VMSSPLAN_CLOUD"} & set(environment)
    assert environment["NO_COLOR"] == "1"
