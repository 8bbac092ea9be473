"""The scenario tests of the worked examples pass, as a team would run its own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.e2e.program import PLANS

if TYPE_CHECKING:
    from tests.e2e.program import Program

TESTS = PLANS / "tests"


def test_every_example_has_a_file_of_scenario_tests() -> None:
    """Named as the Plan is, in good weather and in bad."""
    assert {path.name for path in TESTS.glob("*.yaml")} == {
        path.name for path in PLANS.glob("*.yaml")
    }
    for path in TESTS.glob("*.yaml"):
        outcomes = path.read_text("utf-8").count("kind: RolloutTest")
        assert outcomes >= 2, path


def test_all_of_them_pass(program: Program) -> None:
    """In one go, over all processors, with a report."""
    answer = program.run("test", TESTS, "--junit", "report.xml")

    assert answer.code == 0, answer.text
    suite = ET.parse(program.folder / "report.xml").getroot()  # noqa: S314 - our own
    assert int(suite.get("tests", "0")) == answer.out.count("\nok ") + 1 >= 40
    assert suite.get("failures") == "0"
