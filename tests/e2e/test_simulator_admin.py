"""The simulator's verbs: save the embedded world, try a Plan in a fork, serve with a token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest

from tests.e2e.program import PLANS, ROOT, SCENARIOS, serving

if TYPE_CHECKING:
    from tests.e2e.program import Program, Simulator

WEB = PLANS / "web-jammy.yaml"
WEB_12 = SCENARIOS / "web-12.yaml"


def test_a_saved_world_is_a_scenario_again(program: Program) -> None:
    """What was applied before the export is applied in what was exported, and can be exported."""
    assert program.run("apply", WEB, "--simulator", WEB_12, "--auto-approve").code == 0
    exported = program.run("simulator", "export", WEB_12, "--out", "now.yaml")
    same = program.run("simulator", "export", "now.yaml")
    again = program.run("plan", WEB, "--simulator", "now.yaml", "--detailed-exitcode")

    assert (exported.code, again.code) == (0, 0), exported.text + again.text
    assert same.out == (program.folder / "now.yaml").read_text("utf-8")


def test_the_ledger_is_printed_as_it_is_kept(program: Program) -> None:
    """The page in the repository is what the command prints."""
    printed = program.run("simulator", "fidelity")

    assert printed.out == (ROOT / "simulator" / "FIDELITY.md").read_text("utf-8")


def test_a_plan_is_tried_in_a_fork(program: Program, web: Simulator) -> None:
    """Applied in a fork, a Plan changes nothing where the fork came from."""
    fork = web.ask("/forks/what-if", {})
    there = ("--endpoint", fork["endpoint"], "--ca-file", web.ready["caFile"])
    applied = program.run("apply", WEB, *there, "--auto-approve")

    assert (applied.code, "Apply complete!" in applied.out) == (0, True), applied.text
    assert web.upgrades() == []
    assert program.run("plan", WEB, *web.arguments, "--detailed-exitcode").code == 2


@pytest.mark.own_process
def test_an_admin_token_is_asked_for_and_used(program: Program) -> None:
    """With a token in a file, its bearer may ask, and our own commands by their environment."""
    token = "a-token-of-some-length"  # noqa: S105 - an example
    (program.folder / "token").write_text(f"{token}\n")
    options = ("--admin-token-file", "token")
    with serving(program.folder, WEB_12, *options) as simulator:
        with pytest.raises(HTTPError, match="401"):
            simulator.ask("/health")
        without = program.run("plan", WEB, *simulator.arguments)
        known = {"VMSSPLAN_SIMULATOR_ADMIN_TOKEN": token}
        with_token = program.run("plan", WEB, *simulator.arguments, **known)

    assert (without.code, with_token.code) == (1, 0), with_token.text
    assert "401" in without.err


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--host", "0.0.0.0"), id="no token"),  # noqa: S104 - refused
        pytest.param(("--admin-token-file", "none"), id="no file"),
        pytest.param(("--admin-token-file", str(Path(__file__))), id="no token in the file"),
    ],
)
def test_others_are_not_let_in_by_accident(program: Program, options: tuple[str, ...]) -> None:
    """Beyond loopback, and with a token that is none, the server does not start."""
    result = program.run("simulator", "serve", "--scenario", WEB_12, *options)

    assert (result.code, result.err.startswith("Error: ")) == (1, True), result.text
