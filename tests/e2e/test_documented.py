"""What docs/ shows of pull requests and scenario tests is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.program import ROOT
from tests.support.workflows import ACTION, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.in_process import Here

DOCS = ROOT / "docs"


def fences(name: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in that language."""
    text = (DOCS / name).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def uses(workflow: Any) -> Iterator[dict[str, Any]]:
    """Yield what the workflow hands to our action."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("OWNER/vmssplan@"):
                yield step["with"]


def test_the_example_of_a_scenario_test_passes(here: Here) -> None:
    """Put where it says it lies."""
    [text] = fences("scenario-tests.md", "yaml")
    text = text.replace("../../", f"{ROOT}/").replace("../web", f"{ROOT}/plans/web")
    (here.folder / "example.yaml").write_text(text, encoding="utf-8")

    answer = here.run("test", "example.yaml")

    assert answer.code == 0, answer.text


def test_the_example_workflow_uses_the_action_as_it_is() -> None:
    """Inputs that there are, permissions for what is asked, the digest handed on."""
    [text] = fences("pull-requests.md", "yaml")
    workflow = yaml.safe_load(text)
    inputs = load(ACTION)["inputs"]

    given = list(uses(workflow))
    planned, applied = given

    assert all(set(one) <= set(inputs) for one in given)
    assert planned["rollout"] == applied["plans"]
    assert "needs.plan.outputs.digest" in applied["require-digest"]
    permissions = workflow["jobs"]["plan"]["permissions"]
    assert permissions["pull-requests"] == permissions["id-token"] == "write"
    assert workflow["jobs"]["apply"]["permissions"]["id-token"] == "write"


def test_every_option_that_is_shown_is_one(here: Here) -> None:
    """The commands of the pages are typed as they are understood."""
    helped: dict[str, str] = {}
    for name in ("pull-requests.md", "scenario-tests.md"):
        for line in (DOCS / name).read_text("utf-8").splitlines():
            found = re.match(
                r"(?:vmssplan |\| `)(plan|apply|validate|test|replay|explain)\b(.*)", line
            )
            if found is None:
                continue
            verb, rest = found.groups()
            if verb not in helped:
                helped[verb] = here.run(verb, "--help", COLUMNS="200").out
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in helped[verb], (verb, option)
    assert set(helped) == {"plan", "apply", "validate", "test", "replay", "explain"}
