"""Whatever the earlier desktop editor and script could do is here, as the table says."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from tests.e2e.program import ROOT
from vmssplan.cli.app import app

TEXT = (ROOT / "docs" / "moving-from-the-editor.md").read_text("utf-8")
STATIC = ROOT / "vmssplan" / "ui" / "static"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what it was, the command, the click (none for the script), the test."""

    was: str
    command: str
    click: str
    test: str


def _rows() -> list[Row]:
    rows = []
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and not line.startswith("| in the "):
            rows.append(Row(cells[0], cells[1], cells[2] if len(cells) > 3 else "", cells[-1]))
    return rows


ROWS = _rows()


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def test_the_table_is_read() -> None:
    """All of it: looking, model, set, domain, instance, script."""
    assert len(ROWS) > 35
    assert all(row.command.startswith("`vmssplan ") for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command[:60])
def test_each_command_is_understood(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verb, arguments and options, without carrying anything out; its Plans are there."""
    monkeypatch.chdir(ROOT)
    _, *words = shlex.split(row.command.strip("`"))
    command = _root()
    while isinstance(command, TyperGroup):
        name, *words = words
        assert name in command.commands, row.command
        command = command.commands[name]
    context = command.make_context(command.name, list(words))
    assert not context.args
    for word in words:
        if word.endswith(".yaml"):
            assert (ROOT / word).is_file(), word


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.was[:60])
def test_each_row_names_a_test_that_exists(row: Row) -> None:
    """In the file that it names."""
    path, _, name = row.test.strip("`").partition("::")
    text = (ROOT / path).read_text("utf-8")
    assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), row.test


def test_each_label_is_on_the_page() -> None:
    """As it is written in the page's own modules."""
    page = "\n".join(each.read_text("utf-8") for each in sorted(STATIC.glob("*.js")))
    labels = {label for row in ROWS for label in re.findall(r"\*\*(.+?)\*\*", row.click)}
    assert {label for label in labels if label not in page} == set()
