"""What Azure's answers say beside their documents: how to pace, where an operation is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vmssplan.ports import Pacing

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_RETRY_AFTER = timedelta(hours=1)


class Heard:
    """Takes note of the answers of one call, as azure-core's `raw_response_hook`."""

    def __init__(self) -> None:
        self._responses: list[Any] = []

    def __call__(self, response: Any) -> None:
        """Take note of one answer."""
        self._responses.append(response.http_response)

    def last_document(self) -> dict[str, Any]:
        """Return the last answer's JSON object."""
        document: dict[str, Any] = self._responses[-1].json()
        return document

    def last_headers(self) -> Mapping[str, str]:
        """Return the last answer's headers, found without regard to case."""
        headers: Mapping[str, str] = self._responses[-1].headers
        return headers

    def pacing(self) -> Pacing:
        """Return the last wish for a pause, and what is left of every allowance."""
        told = (_remaining(each.headers) for each in self._responses)
        return Pacing.told(told, retry_after_of(self._responses[-1].headers))


def _remaining(headers: Mapping[str, str]) -> list[tuple[str, int]]:
    """Read `Microsoft.Compute/<policy>;<count>,...` (compute-throttling-limits)."""
    pairs = (headers.get("x-ms-ratelimit-remaining-resource") or "").split(",")
    read = ((name.strip(), count.strip()) for name, _, count in (p.rpartition(";") for p in pairs))
    return [(name, int(count)) for name, count in read if count.isdecimal()]


def retry_after_of(headers: Mapping[str, str]) -> timedelta | None:
    """Read `Retry-After` in seconds, else `x-ms-retry-after-ms`; None where it is no number."""
    for name, unit in (
        ("Retry-After", timedelta(seconds=1)),
        ("x-ms-retry-after-ms", timedelta(milliseconds=1)),
    ):
        text = (headers.get(name) or "").strip()
        if text.isdecimal():
            return min(int(text) * unit, _LONGEST_RETRY_AFTER)
    return None
