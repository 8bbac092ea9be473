"""The watcher beside a Run that has others notified, and tells whoever runs it what was not."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.notifying.delivering import Delivery
from vmssplan.notifying.noticing import notice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet
    from vmssplan.notifying.values import Channel, Courier

PATIENCE = timedelta(seconds=10)
"""So long the end of a Run waits for what is not delivered yet."""
NO_PATIENCE = timedelta(seconds=1)
"""The same, where somebody has stopped the program at once."""


class Notifier:
    """A Watcher; `warn` is called in the thread of the Run."""

    def __init__(self, run: str, delivery: Delivery, warn: Callable[[str], None]) -> None:
        self._run = run
        self._delivery = delivery
        self._warn = warn

    def happened(self, event: Event, state: RunState) -> None:
        """Have it told, if it is worth it."""
        told = notice_of(event, state, self._run)
        if told is not None:
            self._delivery.offer(told)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Say what could not be delivered; nobody else may notice for hours."""
        del scale_set, state, now
        self.say_undelivered()

    def say_undelivered(self) -> None:
        """Warn of every notification that was given up since."""
        for one in self._delivery.undelivered():
            self._warn(str(one))


@contextmanager
def notifying(
    run: str,
    channels: Sequence[Channel],
    courier: Courier,
    clock: Callable[[], datetime],
    warn: Callable[[str], None],
    patience: timedelta = PATIENCE,
) -> Iterator[Notifier]:
    """Give the watcher of a Run; at the end wait a bounded time for what is left."""
    delivery = Delivery(channels, courier, clock)
    notifier = Notifier(run, delivery, warn)
    left = patience
    try:
        yield notifier
    except BaseException:
        left = min(patience, NO_PATIENCE)
        raise
    finally:
        delivery.close(left)
        notifier.say_undelivered()
