"""The pull-request comment of each worked example, as a reviewer gets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.program import PLANS, SCENARIOS
from tests.e2e.test_examples import EXAMPLES, TURNING_BACK, WITH_GATES
from tests.support.rendering import html_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.golden import Golden
    from tests.support.in_process import Answer, Here

ALL = {**EXAMPLES, WITH_GATES: "web-12", TURNING_BACK: "bad-image"}
# Few seeds are enough to see how a forecast reads, and the same seeds give the same figures.
MARKDOWN = ("--format", "markdown", "--forecast-seeds", "5")


def comment(here: Here, scenario: Path, *plans: Path) -> Answer:
    """Return what `plan` answers, with a forecast."""
    options = ("--simulator", scenario, *MARKDOWN)
    return here.run("plan", *plans, *options, VMSSPLAN_NO_FORECAST="0")


@pytest.mark.parametrize(("plan", "scenario"), ALL.items(), ids=ALL)
def test_the_comment_of_an_example(here: Here, golden: Golden, plan: str, scenario: str) -> None:
    """It is the golden one."""
    answer = comment(here, SCENARIOS / f"{scenario}.yaml", PLANS / f"{plan}.yaml")

    assert answer.code == 0, answer.text
    golden.check(f"comment-{plan}", answer.out)


def fleet(here: Here) -> tuple[Path, Path]:
    """Write a scenario of three sets, and a Plan for each: one warned of, one with no changes."""
    scenario = yaml.safe_load((SCENARIOS / "web-12.yaml").read_text("utf-8"))
    plan = yaml.safe_load((PLANS / "web-jammy.yaml").read_text("utf-8"))
    [first] = scenario["scaleSets"]
    new = plan["model"]["image"]
    sets: list[dict[str, Any]] = [
        first,
        {**first, "name": "api", "capacity": 30},
        {**first, "name": "jobs", "capacity": 3, "image": new, "overrides": {}},
    ]
    folder = here.folder / "plans"
    folder.mkdir()
    for one in sets:
        name = one["name"]
        strategy = dict(plan["strategy"])
        if name == "api":
            strategy["batchSize"] = "30%"
        document = {
            **plan,
            "metadata": {"name": f"{name}-jammy"},
            "target": {**plan["target"], "scaleSet": name},
            "strategy": strategy,
        }
        (folder / f"{name}.yaml").write_text(json.dumps(document), encoding="utf-8")
    path = here.folder / "fleet.yaml"
    path.write_text(json.dumps({**scenario, "scaleSets": sets}), encoding="utf-8")
    return path, folder


def test_the_comment_of_several_plans(here: Here, golden: Golden) -> None:
    """A folded section each, with what the lint warns of; one without changes is short."""
    answer = comment(here, *fleet(here))

    assert answer.code == 0, answer.text
    assert sum("<details>" in line for line in html_blocks(answer.out)) == 3
    golden.check("comment-several", answer.out)
