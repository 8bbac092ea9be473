"""The fidelity ledger is complete, and its page is up to date."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from vmss_simulator.arm.routes import ROUTES
from vmss_simulator.fidelity import LEDGER, Area, Level, markdown
from vmss_simulator.fidelity.operations import short_name
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latencies, camel_case
from vmss_simulator.scenario import scenario_schema

PAGE = Path(__file__).parents[3] / "simulator" / "FIDELITY.md"
FOLDER = "simulator/vmss_simulator/fidelity"


def told(area: Area) -> list[str]:
    """Return what the ledger names in one area."""
    return [each.subject for each in LEDGER if each.area is area]


@pytest.mark.parametrize(
    ("area", "there", "where"),
    [
        pytest.param(
            Area.OPERATION,
            [short_name(each) for each in ROUTES],
            f'{FOLDER}/operations.py: _spec("SUBJECT"), or _recorded("SUBJECT", source)',
            id="routes",
        ),
        pytest.param(
            Area.OPTION,
            [camel_case(each.name) for each in fields(Options)],
            f'{FOLDER}/choices.py, OPTIONS: option("SUBJECT", _A, "why it was chosen")',
            id="options",
        ),
        pytest.param(
            Area.LATENCY,
            [camel_case(each.name) for each in fields(Latencies)],
            f'{FOLDER}/choices.py, LATENCIES: ("SUBJECT", "")',
            id="latencies",
        ),
        pytest.param(
            Area.FAULT,
            list(scenario_schema()["$defs"]["fault"]["properties"]["effect"]["properties"]),
            f'{FOLDER}/failures.py: fault("SUBJECT", _A, "why it happens")',
            id="faults",
        ),
    ],
)
def test_everything_is_in_the_ledger(area: Area, there: list[str], where: str) -> None:
    """Every route, option, latency and fault has one entry, and no entry is about nothing."""
    missing = sorted(set(there) - set(told(area)))
    stale = sorted(set(told(area)) - set(there))
    assert not missing, f"add a line to {where} for each of: {', '.join(missing)}"
    assert not stale, f"take these out of {where.split(':', maxsplit=1)[0]}: {', '.join(stale)}"


def test_nothing_is_told_twice_or_without_a_source() -> None:
    """Subjects are unique in their area, and each entry says where it can be read."""
    assert len({(each.area, each.subject) for each in LEDGER}) == len(LEDGER)
    assert all(each.source for each in LEDGER)
    assert {each.level for each in LEDGER} == set(Level)


def test_the_page_is_up_to_date() -> None:
    """FIDELITY.md is what the ledger renders to."""
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m vmss_simulator.fidelity simulator/FIDELITY.md"
    )
