"""Rendered JSON of values that have not changed since.

The values are frozen, so the same objects always render to the same bytes; polling a set of
1,000 instances then costs a join of bytes rather than 1,000 documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_MOST_ENTRIES = 200_000


class Memo:
    """Bytes by name, valid as long as what they were rendered from is the same objects."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[tuple[object, ...], bytes]] = {}

    def rendered(
        self, name: Hashable, sources: tuple[object, ...], render: Callable[[], bytes]
    ) -> bytes:
        """Return the bytes kept under the name, rendering them anew if a source changed."""
        entry = self._entries.get(name)
        if entry is not None and all(
            kept is source for kept, source in zip(entry[0], sources, strict=True)
        ):
            return entry[1]
        body = render()
        if len(self._entries) >= _MOST_ENTRIES:
            self._entries.clear()
        # The sources are kept with the bytes: an identity is only unique among living objects.
        self._entries[name] = (sources, body)
        return body
