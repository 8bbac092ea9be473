"""What has happened in a world, in the order in which it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from vmss_simulator.values import WorldEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    _Row = tuple[datetime, str, str, str | None, Mapping[str, Any]]


class Log(Sequence[WorldEvent]):
    """The events of a world; the `sequence` of one is its index.

    Kept as rows and read as events, because thousands are written for each one that is read.
    """

    __slots__ = ("_rows",)

    def __init__(self, events: Iterable[WorldEvent] = ()) -> None:
        self._rows: list[_Row] = [
            (one.at, one.type, one.scale_set, one.instance_id, one.data) for one in events
        ]

    def write(
        self,
        at: datetime,
        event: str,
        scale_set: str,
        instance_id: str | None,
        data: Mapping[str, Any],
    ) -> None:
        """Write one line; `scale_set` is an ARM id."""
        self._rows.append((at, event, scale_set, instance_id, data))

    def copy(self) -> Log:
        """Return an independent copy."""
        copy = Log()
        copy._rows = self._rows.copy()
        return copy

    @overload
    def __getitem__(self, index: int) -> WorldEvent: ...

    @overload
    def __getitem__(self, index: slice) -> list[WorldEvent]: ...

    def __getitem__(self, index: int | slice) -> WorldEvent | list[WorldEvent]:
        numbers = range(len(self._rows))[index]
        if isinstance(numbers, range):
            return [WorldEvent(number, *self._rows[number]) for number in numbers]
        return WorldEvent(numbers, *self._rows[numbers])

    def __iter__(self) -> Iterator[WorldEvent]:
        for number, row in enumerate(self._rows):
            yield WorldEvent(number, *row)

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Log) and self._rows == other._rows

    def __hash__(self) -> int:
        raise TypeError("a log grows, so it has no hash")

    def __repr__(self) -> str:
        return f"Log({list(self)!r})"
