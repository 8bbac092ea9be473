"""The id of a scale set is read in one place, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.model import ScaleSetId

NAMES = st.text("abcXYZ019-_", min_size=1)
WEB = ScaleSetId("s", "g", "web")


@given(st.builds(ScaleSetId, NAMES, NAMES, NAMES))
def test_what_is_written_is_read_again(named: ScaleSetId) -> None:
    """In Azure's spelling."""
    assert ScaleSetId.parse(named.resource_id) == named


def test_the_case_of_azures_words_says_nothing() -> None:
    """Azure itself spells them in several ways; names stay as they are written."""
    shouted = "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.COMPUTE"

    assert ScaleSetId.parse(f"{shouted}/VIRTUALMACHINESCALESETS/web/") == WEB


@pytest.mark.parametrize(
    "other",
    [
        "",
        "web",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
        f"{WEB.resource_id}/virtualMachines/0",
        f"x{WEB.resource_id}",
    ],
)
def test_nothing_else_is_one(other: str) -> None:
    """A machine, or an instance of a set, has an id of its own."""
    assert ScaleSetId.parse(other) is None
