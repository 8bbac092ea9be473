"""`vmssplan verify`: what is proven, within which bounds, and a bound for the real size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from tests.e2e.program import Program


def test_a_plan_is_verified_without_a_service(program: Program) -> None:
    """Exit 0 with the bounds, the verdicts, and what follows for the real size."""
    done = program.run(
        "verify",
        PLANS / "web-jammy.yaml",
        "--instances",
        "12",
        "--troubles",
        "1",
        "--max-instances",
        "2",
    )

    assert done.code == 0, done.text
    assert "2 instances, standing for 12 of 1 kind" in done.out
    assert "every story with up to 1 trouble" in done.out
    assert "lowest = max(10, 12 - 2 under way) = 10" in done.out


def test_the_live_set_is_verified_for_machines(program: Program) -> None:
    """The JSON says how far it went, and names every property."""
    scenario = SCENARIOS / "web-12.yaml"
    done = program.run(
        "verify", PLANS / "web-jammy.yaml", "--simulator", scenario, "--troubles", "0", "--json"
    )

    assert done.code == 0, done.text
    found = json.loads(done.out)
    assert found["explored"]["completeTroubles"] == 0
    assert set(found["properties"].values()) == {"holds"}
    assert found["counterexample"] is None


def test_a_limit_that_comes_too_soon_proves_nothing(program: Program) -> None:
    """Exit 9, and it says so."""
    done = program.run("verify", PLANS / "web-jammy.yaml", "--instances", "3", "--limit", "PT0S")

    assert done.code == 9, done.text
    assert "Nothing proven" in done.out
