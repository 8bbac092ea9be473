"""`vmssplan report`: a Run in one file, from its journal alone."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.in_process import Here

SIMULATOR = ("--simulator", SCENARIOS / "web-12.yaml")


@pytest.fixture
def applied(here: Here) -> Here:
    """Return the program after a Run called web-jammy-1."""
    done = here.run("apply", PLANS / "web-jammy.yaml", *SIMULATOR, "--auto-approve")
    assert done.code == 0, done.text
    return here


def test_each_format_by_the_ending_of_the_file(applied: Here) -> None:
    """HTML, JSON, markdown and SVG, readable by their owner only."""
    files = [applied.folder / f"report.{ending}" for ending in ("html", "json", "md", "svg")]

    for file in files:
        answer = applied.run("report", "web-jammy-1", "--out", file.name)
        assert (answer.code, answer.out) == (0, "")
        assert f"Wrote {file.name}." in answer.err

    html, document, markdown, svg = (file.read_text("utf-8") for file in files)
    assert html.startswith("<!DOCTYPE html>")
    assert json.loads(document)["headline"] == "Apply complete!"
    assert markdown.startswith("## Run web-jammy-1: Apply complete!")
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - ours
    if sys.platform != "win32":
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_standard_output_has_markdown_or_what_is_asked_for(applied: Here) -> None:
    """The same text as the file."""
    applied.run("report", "web-jammy-1", "--out", "report.json")
    written = (applied.folder / "report.json").read_text("utf-8")

    assert applied.run("report", "web-jammy-1", "--format", "json").out == written
    assert applied.run("report", "web-jammy-1").out.startswith("## Run web-jammy-1")


def test_a_journal_put_elsewhere_is_told_the_same(applied: Here, tmp_path: Path) -> None:
    """By its folder; no service is asked, and no state is needed."""
    by_name = applied.run("report", "web-jammy-1", "--format", "html").out
    moved = tmp_path / "elsewhere"
    (applied.folder / ".vmssplan" / "runs" / "web-jammy-1").rename(moved)

    assert applied.run("report", f"{moved}/", "--format", "html").out == by_name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("report", "web-jammy-7"), "web-jammy-7"),
        (("report", "./nowhere"), "there is no such journal"),
        (("report", "web-jammy-1", "--format", "pdf"), "pdf"),
        (("report", "web-jammy-1", "--out", "no/such/folder.html"), "cannot be written"),
    ],
)
def test_what_cannot_be_told_is_1_with_a_message(
    applied: Here, arguments: tuple[str, ...], expected: str
) -> None:
    """Naming what was wrong."""
    answer = applied.run(*arguments)

    assert answer.code == 1
    assert expected in answer.err
