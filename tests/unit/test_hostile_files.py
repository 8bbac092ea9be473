"""Files made to exhaust a reader are refused as what they are: too long, too deep, too many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmss_simulator.errors import ScenarioError
from vmss_simulator.recording import RecordedWorld, RecordingError
from vmss_simulator.scenario import parse_scenario
from vmssplan.bounded_json import LONGEST, parse_json
from vmssplan.errors import DocumentInvalid, StateUnreadable
from vmssplan.planfile import load_plans
from vmssplan.stores.files import read_bounded
from vmssplan.stores.local import load_rollout, read_journal

DEEP = 200_000
SCENARIO = Path(__file__).parents[2] / "simulator" / "scenarios" / "web-12.yaml"
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("[" * DEEP, "nested too deeply", id="lists"),
        pytest.param('{"a":' * DEEP, "nested too deeply", id="objects"),
        pytest.param("9" * DEEP, "not a saved Rollout", id="a number of 200000 digits"),
        pytest.param("\x00" * 10, "not a saved Rollout", id="no text"),
    ],
)
def test_a_rollout_that_is_none_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """Reading it ends in a message about the file, whatever is in it."""
    path = tmp_path / "rollout.json"
    path.write_text(content, "utf-8")
    with pytest.raises(DocumentInvalid, match=said):
        load_rollout(path)


def test_a_rollout_of_any_length_is_refused(tmp_path: Path) -> None:
    """What is longer than any Rollout is not read to its end."""
    path = tmp_path / "rollout.json"
    path.touch()
    os.truncate(path, LONGEST + 1)
    with pytest.raises(DocumentInvalid, match="longer than 64 MiB"):
        load_rollout(path)


def test_the_bound_is_the_last_length_that_is_read(tmp_path: Path) -> None:
    """A file as long as the bound is read whole; one byte more is refused."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(ValueError, match="longer than"):
        read_bounded(path, 4)
    assert parse_json("12345", longest=5) == 12345
    with pytest.raises(ValueError, match="longer than"):
        parse_json("12345", longest=4)


def test_a_journal_line_nested_too_deeply_is_named(tmp_path: Path) -> None:
    """The message says which line."""
    path = tmp_path / "journal.jsonl"
    path.write_text("[" * DEEP + "\n", "utf-8")
    with pytest.raises(StateUnreadable, match=r"journal\.jsonl:1: .*nested too deeply"):
        read_journal(path)


def test_a_recording_nested_too_deeply_is_named(tmp_path: Path) -> None:
    """So does the embedded simulator's."""
    text = SCENARIO.read_text("utf-8")
    RecordedWorld.open(tmp_path, text, "web").close()
    with (tmp_path / "commands.jsonl").open("a", encoding="utf-8") as lines:
        lines.write("[" * DEEP + "\n")
    with pytest.raises(RecordingError, match=r"commands\.jsonl:2"):
        RecordedWorld.open(tmp_path, text, "web")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(LAUGHS, "aliases|too big", id="aliases of aliases"),
        pytest.param("[" * DEEP, "nested deeper", id="deep flow"),
        pytest.param("".join(f"{' ' * n}a:\n" for n in range(500)), "nested deeper", id="deep"),
        pytest.param("a: 1\n" * 400_000, "bigger than", id="long"),
        pytest.param("- 1\n" * 100_000, "more than", id="many values"),
        pytest.param("kind: !!python/name:os.system ''", "expected Plan", id="objects"),
    ],
)
def test_a_plan_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A YAML file cannot make the reader work without end, or build anything but plain values."""
    path = tmp_path / "plan.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DocumentInvalid, match=said):
        load_plans([path], {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(LAUGHS, "aliases are not supported", id="aliases"),
        pytest.param("[" * DEEP, "nested too deeply", id="deep"),
        pytest.param("a: " + "x" * (33 * 1024 * 1024), "larger than", id="long"),
        pytest.param("name: !!python/name:os.system ''", "not YAML", id="objects"),
    ],
)
def test_a_scenario_that_is_none_is_refused(text: str, said: str) -> None:
    """Nor can a scenario."""
    with pytest.raises(ScenarioError, match=said):
        parse_scenario(text, "scenario.yaml")
