"""Holds the instance count of a set while a Run lasts, and gives autoscale its bounds back.

The bounds are in the journal before the first of them is changed, so whoever goes on with the Run
after a crash can give them back. What somebody else has changed meanwhile is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.errors import OutcomeUnknown, RolloutStale
from vmssplan.model import ScaleSetId
from vmssplan.ports import Backend, Clock

if TYPE_CHECKING:
    from vmssplan.engine import Pins
    from vmssplan.model import AutoscaleSetting


@dataclass(frozen=True, slots=True)
class AutoscaleKeeper:
    """Reads and writes the autoscale settings of one scale set; `note` writes to the journal."""

    backend: Backend
    clock: Clock
    note: Callable[[ev.Event], None]
    target: ScaleSetId

    async def pin(self, pins: Pins | None, count: int) -> None:
        """Bind every enabled setting to `count`, or to that of `pins`, an earlier try.

        Raises RolloutStale when somebody changed a setting since that try, and what the backend
        raises.
        """
        now = {one.resource_id: one for one in await self.backend.autoscale_settings(self.target)}
        if pins is None:
            originals = tuple(one for one in now.values() if one.enabled)
            self.note(ev.AutoscalePinIntended(self.clock.now(), originals, count))
        else:
            originals, count = pins.settings, pins.count
        for original in originals:
            wanted, found = pinned(original, count), now.get(original.resource_id)
            if found is None or found.profiles == wanted.profiles:
                continue
            if found.profiles != original.profiles:
                raise RolloutStale(f"autoscale setting {original.name} {_both(original, found)}")
            await self._write(wanted)
        self.note(ev.AutoscalePinned(self.clock.now()))

    async def restore(self, pins: Pins) -> None:
        """Give the settings their bounds back; raises what the backend raises."""
        now = {one.resource_id: one for one in await self.backend.autoscale_settings(self.target)}
        left = []
        for original in pins.settings:
            found = now.get(original.resource_id)
            if found is None:
                left.append(f"{original.name} is gone")
            elif found.profiles == pinned(original, pins.count).profiles:
                await self._write(original)
            elif found.profiles != original.profiles:
                left.append(f"{original.name} {_both(original, found)}")
        self.note(ev.AutoscaleRestored(self.clock.now(), tuple(left)))

    async def _write(self, setting: AutoscaleSetting) -> None:
        """Write, and look again where nobody knows whether it was done."""
        try:
            await self.backend.write_autoscale(setting)
        except OutcomeUnknown:
            found = await self.backend.autoscale_settings(self.target)
            if not any(
                one.resource_id == setting.resource_id and one.profiles == setting.profiles
                for one in found
            ):
                raise


def pinned(setting: AutoscaleSetting, count: int) -> AutoscaleSetting:
    """Return the setting with every profile bound to that count."""
    return replace(
        setting,
        profiles=tuple(
            replace(one, minimum=count, maximum=count, default=count) for one in setting.profiles
        ),
    )


def _both(before: AutoscaleSetting, found: AutoscaleSetting) -> str:
    was, now = (", ".join(str(one) for one in each.profiles) for each in (before, found))
    return f"was {was} before this Run, and is {now} now"
