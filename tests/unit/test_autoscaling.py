"""Holding the instance count, and giving autoscale its bounds back: setting by setting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.copying import replace
from tests.support.service import FakeService
from tests.support.values import START, TARGET, autoscale_setting, scale_set
from vmssplan.autoscaling import AutoscaleKeeper, pinned
from vmssplan.engine import Pins
from vmssplan.engine import events as ev
from vmssplan.errors import OutcomeUnknown, RolloutStale
from vmssplan.model import AutoscaleProfile, AutoscaleSetting

if TYPE_CHECKING:
    from vmssplan.engine import Event

FIRST = autoscale_setting(2, 20)
SECOND = replace(
    FIRST,
    resource_id="/second",
    name="second",
    profiles=(AutoscaleProfile("day", 4, 8, 5), AutoscaleProfile("night", 1, 3, 2)),
)
FOREIGN = replace(FIRST, profiles=(AutoscaleProfile("default", 5, 50, 5),))
LOST = OutcomeUnknown("Lost", "no reply")
BOTH = (FIRST, SECOND)


class Story:
    """A keeper, its service, and what it has noted."""

    def __init__(self, *settings: AutoscaleSetting) -> None:
        self.service = FakeService(scale_set(3), autoscale=settings)
        self.noted: list[Event] = []
        self.keeper = AutoscaleKeeper(self.service, self.service.clock, self.noted.append, TARGET)

    def pin(self, pins: Pins | None = None, count: int = 3) -> None:
        """Hold."""
        asyncio.run(self.keeper.pin(pins, count))

    def restore(self, *settings: AutoscaleSetting) -> None:
        """Give back."""
        asyncio.run(self.keeper.restore(Pins(settings, 3)))

    @property
    def writes(self) -> int:
        """Return how many settings were written."""
        return len(self.service.asked("writeAutoscale"))


def test_every_profile_of_every_enabled_setting_is_bound() -> None:
    """Minimum, maximum and default; what they were is noted before the first is written."""
    off = replace(FIRST, resource_id="/off", enabled=False)
    story = Story(FIRST, off, SECOND)
    story.pin()

    assert story.service.autoscale == (pinned(FIRST, 3), off, pinned(SECOND, 3))
    assert {(one.minimum, one.maximum, one.default) for one in pinned(SECOND, 3).profiles} == {
        (3, 3, 3)
    }
    assert story.noted == [
        ev.AutoscalePinIntended(START, BOTH, 3),
        ev.AutoscalePinned(START),
    ]


def test_holding_goes_on_where_an_earlier_try_ended() -> None:
    """What is bound is not written again, what is gone needs nothing; to the count of then."""
    story = Story(pinned(FIRST, 3), SECOND)
    gone = replace(FIRST, resource_id="/gone")
    story.pin(Pins((gone, *BOTH), 3), count=7)

    assert story.writes == 1
    assert story.service.autoscale == (pinned(FIRST, 3), pinned(SECOND, 3))
    assert story.noted == [ev.AutoscalePinned(START)]


def test_a_setting_that_somebody_changed_since_is_not_written_over() -> None:
    """The Run is stale; both values are named."""
    story = Story(FOREIGN)

    with pytest.raises(RolloutStale, match=r"web-autoscale was .*2 to 20.* and is .*5 to 50"):
        story.pin(Pins((FIRST,), 3))
    assert story.service.autoscale == (FOREIGN,)
    assert story.noted == []


def test_giving_back_leaves_alone_what_others_changed_and_names_it() -> None:
    """Gone, changed, or given back already by an earlier try."""
    gone = replace(FIRST, resource_id="/gone", name="gone")
    story = Story(FOREIGN, pinned(SECOND, 3))
    story.restore(gone, *BOTH)

    assert story.service.autoscale == (FOREIGN, SECOND)
    [restored] = story.noted
    assert isinstance(restored, ev.AutoscaleRestored)
    assert restored.left_alone[0] == "gone is gone"
    assert restored.left_alone[1].startswith("web-autoscale was ")
    assert len(restored.left_alone) == 2
    again = Story(FIRST, SECOND)
    again.restore(*BOTH)
    assert again.noted == [ev.AutoscaleRestored(START)]
    assert again.writes == 0


def test_a_reply_that_was_lost_is_settled_by_looking_at_that_setting() -> None:
    """Written all the same, it is done; not written, nobody says that it was."""
    done, not_done = Story(*BOTH), Story(*BOTH)
    done.service.losses["writeAutoscale"] = [LOST]
    done.pin()
    not_done.service.refusals["writeAutoscale"] = [LOST]

    assert done.writes == 2
    assert done.service.autoscale == (pinned(FIRST, 3), pinned(SECOND, 3))
    with pytest.raises(OutcomeUnknown):
        not_done.pin()
    assert not_done.service.autoscale == BOTH


def test_another_setting_with_the_same_profiles_proves_nothing() -> None:
    """The write of one was lost, and the other had those bounds all along."""
    twin = replace(pinned(FIRST, 3), resource_id="/twin", name="twin")
    story = Story(twin, FIRST)
    story.service.refusals["writeAutoscale"] = [LOST]

    with pytest.raises(OutcomeUnknown):
        story.pin(Pins((FIRST,), 3))
