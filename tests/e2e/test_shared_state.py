"""The verbs over state in a container: apply, status, unlock, and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS, environment
from tests.e2e.spawning import ended, on_terminal
from tests.support.blobs import Shared
from tests.support.values import START, TARGET
from vmssplan.ports import LockHolder
from vmssplan.stores.local import LocalState

if TYPE_CHECKING:
    from tests.azurite import Azurite
    from tests.e2e.program import Program

WEB = PLANS / "web-jammy.yaml"
SIMULATED = ("--simulator", str(SCENARIOS / "web-12.yaml"))
RUN = "web-jammy-1"
HOLDER = LockHolder("ops", "builder", 4711, START, RUN)


@pytest.fixture
def shared(azurite: Azurite) -> Shared:
    """Return a new container."""
    return Shared.new(azurite)


@pytest.fixture
def team(azurite: Azurite, shared: Shared) -> dict[str, str]:
    """Return the environment of somebody in the team."""
    place = azurite.state(shared.place.container, shared.place.prefix)
    return {**azurite.environment, "VMSSPLAN_STATE": place, "VMSSPLAN_LOCK_LEASE": "PT15S"}


def test_a_run_is_seen_by_all(program: Program, shared: Shared, team: dict[str, str]) -> None:
    """What one applies, another sees; nothing of it is on the disk of the first but the world."""
    applied = program.run("apply", WEB, *SIMULATED, "--auto-approve", **team)
    status = program.run("status", "--json", **team)
    alone = program.run("status", "--json")
    watched = program.run("status", RUN, "--watch", **team)

    assert applied.code == 0, applied.text
    assert watched.code == 0, watched.text
    assert "all 18 steps done" in watched.out
    assert [run["run"] for run in json.loads(status.out)["runs"]] == [RUN]
    assert json.loads(alone.out)["runs"] == []
    assert {path.name for path in (program.folder / ".vmssplan").iterdir()} == {"simulator"}
    assert shared.open().holder(TARGET) is None


def test_the_next_command_names_the_place(
    program: Program, azurite: Azurite, shared: Shared, team: dict[str, str]
) -> None:
    """An option that was given is repeated; a second holder is told who is first."""
    place = azurite.state(shared.place.container, shared.place.prefix)
    with shared.open().hold(TARGET, HOLDER):
        refused = program.run(
            "apply", WEB, *SIMULATED, "--auto-approve", "--state", place, **azurite.environment
        )
        unlocked = program.run("unlock", WEB, "--force", "--state", place, **azurite.environment)

    assert refused.code == 14
    assert "myrg/web is held by web-jammy-1 of ops on builder (process 4711)" in refused.err
    assert f"vmssplan resume {RUN} --state {place}" in unlocked.out
    assert team["AZURE_STORAGE_KEY"] not in refused.text + unlocked.text


def test_unlock_shows_who_holds_it_and_takes_it_away(
    program: Program, shared: Shared, team: dict[str, str]
) -> None:
    """With --force nobody is asked; then the set is free."""
    with shared.open().hold(TARGET, HOLDER):
        asked = program.run("unlock", WEB, **team)
        forced = program.run("unlock", TARGET.resource_id, "--force", **team)
        again = program.run("unlock", WEB, **team)

    assert asked.code == 1
    assert "add --force" in asked.err
    assert forced.code == 0, forced.text
    assert forced.out == (
        "myrg/web is held\n"
        "  Run      web-jammy-1\n"
        "  user     ops\n"
        "  host     builder\n"
        "  process  4711\n"
        "  since    2026-11-02 08:00:00 UTC\n"
        "  holder   number 1 of this set\n"
        "  lease    ends by itself 15 s after its holder\n"
        "myrg/web is unlocked.\n"
        "To go on: vmssplan resume web-jammy-1"
        f" --state {team['VMSSPLAN_STATE']}\n"
    )
    assert again.out == "myrg/web is held by nobody.\n"
    assert again.code == 0


@pytest.mark.skipif(
    sys.platform == "win32", reason="needs a pseudo-terminal, which Windows does not have"
)
@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 8), ("", 8)])
def test_unlock_asks_on_a_terminal(
    program: Program, shared: Shared, team: dict[str, str], answer: str, code: int
) -> None:
    """Only `yes` takes a lock away."""
    with shared.open().hold(TARGET, HOLDER):
        terminal = on_terminal(program, "unlock", str(WEB), **team)
        terminal.expect("process  4711")
        terminal.expect("Only 'yes' goes on:")
        terminal.sendline(answer)

        assert ended(terminal) == code
        assert (shared.open().holder(TARGET) is None) == (answer == "yes")


def test_unlock_does_not_take_from_a_live_process(program: Program) -> None:
    """In a local folder the operating system holds the lock, so who has it is alive: exit 14."""
    with LocalState(program.folder / ".vmssplan").hold(TARGET, HOLDER):
        refused = program.run("unlock", WEB, "--force")

    assert refused.code == 14
    assert "process  4711" in refused.out
    assert "which is alive" in refused.err
    assert "end that process; its lock goes with it" in refused.err


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (("--state", "s3://bucket"), 1, "expected azblob://ACCOUNT/CONTAINER[/PREFIX]"),
        (("--state", "azblob+http://127.0.0.1:9/acct/runs"), 1, "a login is not sent over http"),
    ],
)
def test_places_that_cannot_be(
    program: Program, options: tuple[str, ...], code: int, expected: str
) -> None:
    """Told before anything is done, and with what to do."""
    refused = program.run("status", *options)

    assert refused.code == code
    assert expected in refused.err


def test_a_wrong_key_is_exit_3(program: Program, team: dict[str, str]) -> None:
    """Who is not let in is told which role is needed."""
    refused = program.run("status", **{**team, "AZURE_STORAGE_KEY": "d3Jvbmc="})

    assert refused.code == 3
    assert "Storage Blob Data Contributor" in refused.err
    assert "d3Jvbmc" not in refused.text


@pytest.mark.parametrize("lease", ["PT14S", "PT2M", "soon"])
def test_a_lease_that_cannot_be(program: Program, team: dict[str, str], lease: str) -> None:
    """The service knows leases of 15 to 60 seconds."""
    refused = program.run("status", **{**team, "VMSSPLAN_LOCK_LEASE": lease})

    assert refused.code == 1
    assert "expected a duration from PT15S to PT60S" in refused.err


@pytest.mark.own_process
def test_a_missing_package_is_named(program: Program, team: dict[str, str]) -> None:
    """Without the extra the command that installs it is told."""
    (program.folder / "sitecustomize.py").write_text(
        "import sys\nsys.modules['azure.storage.blob'] = None\n", "utf-8"
    )
    path = os.pathsep.join([str(program.folder), environment().get("PYTHONPATH", "")])
    refused = program.run("status", **{**team, "PYTHONPATH": path})

    assert refused.code == 1
    assert "pip install 'vmssplan[azblob]'" in refused.err
