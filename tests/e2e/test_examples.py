"""The worked examples in plans/: each says what it does, and can be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from tests.e2e.program import Program
    from tests.support.golden import Golden

EXAMPLES = {
    "canary-ramp": "web-12",
    "custom-image-uri": "custom-uri",
    "explicit-list": "web-12",
    "gallery-image": "gallery",
    "single-instance": "web-12",
    "sliding-window": "web-12",
    "ubuntu-1404-by-update-domain": "ubuntu-1404",
    "ubuntu-sku-16.04": "ubuntu-sku",
    "vertical-scaling": "web-12",
    "web-jammy": "web-12",
    "windows-2012r2": "windows-2012r2",
}


def test_every_example_is_tested() -> None:
    """A Plan in plans/ without a row here would be a promise nobody keeps."""
    assert {path.stem for path in PLANS.glob("*.yaml")} == set(EXAMPLES)


@pytest.mark.parametrize(("plan", "scenario"), EXAMPLES.items(), ids=EXAMPLES)
def test_an_example_prints_its_rollout_and_can_be_applied(
    program: Program, golden: Golden, plan: str, scenario: str
) -> None:
    """The example's text is the golden one; applied, it leaves nothing to do."""
    service = ("--simulator", SCENARIOS / f"{scenario}.yaml")
    path = PLANS / f"{plan}.yaml"

    planned = program.run("plan", path, *service, "--detailed-exitcode")
    applied = program.run("apply", path, *service, "--auto-approve")
    again = program.run("plan", path, *service, "--detailed-exitcode")

    assert (planned.code, applied.code, again.code) == (2, 0, 0), applied.text
    golden.check(f"example-{plan}", planned.out.partition("\nTo apply:")[0])
