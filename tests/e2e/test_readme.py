"""The README says what is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.e2e.program import PLANS, ROOT, SCENARIOS

if TYPE_CHECKING:
    from tests.e2e.program import Program
    from tests.support.in_process import Here

README = (ROOT / "README.md").read_text("utf-8")


def excerpt(name: str) -> str:
    """Return the fenced block that follows the marker of that name."""
    found = re.search(rf"<!-- excerpt: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found is not None, name
    return found[1]


def test_the_printed_plan_is_what_the_program_prints(program: Program) -> None:
    """The excerpt is the output of the command named above it."""
    planned = program.run(
        "plan", PLANS / "sliding-window.yaml", "--simulator", SCENARIOS / "web-12.yaml"
    )

    assert planned.out.startswith(excerpt("plan"))


def test_the_plan_in_the_readme_is_a_plan(program: Program) -> None:
    """The example validates, and means a rollout on the scenario of twelve instances."""
    (program.folder / "web.yaml").write_text(excerpt("a plan"))

    validated = program.run("validate", "web.yaml")
    planned = program.run("plan", "web.yaml", "--simulator", SCENARIOS / "web-12.yaml")

    assert (validated.code, planned.code) == (0, 0), validated.text + planned.text
    assert "latest is 22.04.202611010 today" in planned.out


def test_every_command_is_in_the_readme_and_has_an_example(here: Here) -> None:
    """Each verb is in the README, and its --help shows how it is typed."""
    listed = re.findall(r"│ (\w[\w-]*)  ", here.run("--help").out)

    assert {"plan", "apply", "resume", "status", "simulator"} <= set(listed)
    for verb in listed:
        assert f"`{verb}" in README, verb
        help_text = here.run(verb, "--help")
        assert help_text.code == 0, help_text.text
        if verb != "simulator":
            assert "Example: vmssplan" in help_text.out, verb


def test_the_scenario_in_the_documentation_is_one(program: Program) -> None:
    """The example of docs/simulator.md can be planned against."""
    text = (ROOT / "docs" / "simulator.md").read_text("utf-8")
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    (program.folder / "scenario.yaml").write_text(found[1])

    planned = program.run("plan", PLANS / "web-jammy.yaml", "--simulator", "scenario.yaml")

    assert planned.code == 0, planned.text
