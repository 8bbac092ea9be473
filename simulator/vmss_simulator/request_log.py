"""What clients have asked of a door: bounded in number and in memory, and honest about it.

Of every request the outline is kept, of the latest ones also headers and bodies, for whoever
wants to look at them in a browser's developer tools. What no longer fits is dropped, oldest
first, and counted. Secrets are taken out where the log is shown (`admin/har.py`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vmss_simulator.arm import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_RECORDS = 200_000
_MOST_EXCHANGES = 5_000
_MOST_BYTES = 32 * 1024 * 1024
_LONGEST_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One line of the request log; `status` is None when the reply was lost on purpose."""

    sequence: int
    at: datetime
    method: str
    path: str
    query: str
    operation: str | None
    status: int | None
    request_id: str
    client_request_id: str | None
    instance_ids: tuple[str, ...]
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer in full."""

    request: Request
    response: Response
    size: int


class RequestLog:
    """The log of one door, oldest first.

    `dropped` counts the records that no longer fitted; `exchange` is None for a request whose
    headers and bodies no longer did.
    """

    def __init__(
        self,
        *,
        most_records: int = _MOST_RECORDS,
        most_exchanges: int = _MOST_EXCHANGES,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self.dropped = 0
        self._records: deque[RequestRecord] = deque()
        self._exchanges: OrderedDict[int, Exchange] = OrderedDict()
        self._bytes = 0
        self._most_records = most_records
        self._most_exchanges = most_exchanges
        self._most_bytes = most_bytes

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, at: datetime, request: Request, response: Response) -> None:
        """Log a request that was answered, or carried out without an answer."""
        record = RequestRecord(
            request.sequence,
            at,
            request.method,
            request.path,
            request.query,
            response.operation,
            None if response.is_lost else response.status,
            response.headers["x-ms-request-id"],
            request.headers.get("x-ms-client-request-id"),
            response.instance_ids,
            response.delay,
        )
        self._records.append(record)
        if len(self._records) > self._most_records:
            self._records.popleft()
            self.dropped += 1
        self._keep(request, response)

    def exchange(self, record: RequestRecord) -> Exchange | None:
        """Return the request and its answer in full, None when they are no longer kept."""
        return self._exchanges.get(record.sequence)

    def clear(self) -> None:
        """Forget everything; the count of what was dropped begins anew."""
        self._records.clear()
        self._exchanges.clear()
        self._bytes = 0
        self.dropped = 0

    def forget_after(self, sequence: int) -> None:
        """Forget the requests numbered higher: their world has been turned back."""
        while self._records and self._records[-1].sequence > sequence:
            self._records.pop()
        while self._exchanges and next(reversed(self._exchanges)) > sequence:
            _, gone = self._exchanges.popitem()
            self._bytes -= gone.size

    def _keep(self, request: Request, response: Response) -> None:
        size = len(request.body) + len(response.body)
        if size > _LONGEST_BODY:
            return
        self._exchanges[request.sequence] = Exchange(request, response, size)
        self._bytes += size
        while len(self._exchanges) > self._most_exchanges or self._bytes > self._most_bytes:
            _, gone = self._exchanges.popitem(last=False)
            self._bytes -= gone.size
