"""Options as Terraform's users type them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.program import PLANS, SCENARIOS
from vmssplan.cli.spelling import SINGLE_DASH, doubled

if TYPE_CHECKING:
    from tests.support.in_process import Here

WEB = PLANS / "web-jammy.yaml"
WEB_SET = ("--simulator", SCENARIOS / "web-12.yaml")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["plan", "-out=r.json"], ["plan", "--out=r.json"]),
        (["plan", "-out", "r.json", "-json"], ["plan", "--out", "r.json", "--json"]),
        (
            ["plan", "-detailed-exitcode", "-no-color"],
            ["plan", "--detailed-exitcode", "--no-color"],
        ),
        (["apply", "-auto-approve", "-input=false"], ["apply", "--auto-approve", "--input=false"]),
        (["apply", "-lock-timeout=300s"], ["apply", "--lock-timeout=300s"]),
        (["-version"], ["--version"]),
        (["-help"], ["--help"]),
        (["-h"], ["-h"]),
        (["plan", "--out", "r.json"], ["plan", "--out", "r.json"]),
        (["plan", "-outs"], ["plan", "-outs"]),
        (["plan", "-"], ["plan", "-"]),
        (["plan", "--", "-out", "-json"], ["plan", "--", "-out", "-json"]),
        ([], []),
    ],
)
def test_one_dash_means_two(typed: list[str], meant: list[str]) -> None:
    """Only for the names Terraform has, and not behind a double dash."""
    assert doubled(typed) == meant


@given(st.lists(st.text(alphabet="-=outjsn .h", max_size=8)))
def test_nothing_else_is_changed(typed: list[str]) -> None:
    """What is no such option stays, in its place; doing it twice is doing it once."""
    meant = doubled(typed)

    assert len(meant) == len(typed)
    for before, after in zip(typed, meant, strict=True):
        name = before.removeprefix("-").partition("=")[0]
        assert after == before or (after == f"-{before}" and name in SINGLE_DASH)
    assert doubled(meant) == meant


def test_terraforms_way_of_planning_and_applying_works(here: Here) -> None:
    """The commands of a pipeline written for Terraform, with the options it gives."""
    planned = here.run(
        "plan", WEB, *WEB_SET, "-out=r.json", "-input=false", "-detailed-exitcode", "-no-color"
    )
    applied = here.run(
        "apply",
        "r.json",
        *WEB_SET,
        "-input=false",
        "-auto-approve",
        "-lock-timeout=300s",
        "-no-color",
    )
    again = here.run("plan", WEB, *WEB_SET, "-detailed-exitcode", "-lock-timeout=60s")

    assert (planned.code, applied.code, again.code) == (2, 0, 0), planned.text + applied.text


def test_a_slip_stays_a_slip(here: Here) -> None:
    """An option that Terraform has not, and we neither, is refused by its own name."""
    answer = here.run("plan", WEB, *WEB_SET, "-refresh=false")

    assert (answer.code, "-r" in answer.err) == (1, True)
