"""A journal that only the present holder of its scale set can write, each Event once.

Its blob's metadata name the epoch and the writer who opened it last. Naming oneself changes the
ETag, and every append asks for the ETag and the length that one's own last write left behind, so
whoever opened it before can write no more. When an answer is lost, what is there decides.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
)

from vmssplan.errors import StateUnreadable
from vmssplan.stores.blob.failures import reporting
from vmssplan.stores.formats import journal_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.storage.blob import BlobClient

    from vmssplan.engine import Event
    from vmssplan.stores.blob.lock import BlobLock
    from vmssplan.stores.blob.place import BlobPlace

LARGEST_APPEND = 4 * 1024 * 1024
TRIES = 3
TAKE_OVER_TRIES = 20
PRECONDITION_FAILED = 412


class BlobJournal:
    """`ports.OpenJournal` over an append blob; opening it ends what earlier holders can write."""

    def __init__(self, blob: BlobClient, place: BlobPlace, lock: BlobLock) -> None:
        self._blob = blob
        self._place = place
        self._lock = lock
        self._writer = {"epoch": str(lock.epoch), "writer": uuid.uuid4().hex}
        lock.check()
        with reporting(place):
            self._etag, self._length = self._take_over()

    def append(self, events: Sequence[Event]) -> None:
        """Write events, in order and durably; raises LockHeld, StateUnreadable."""
        for data in _appends(journal_lines(events)):
            self._lock.check()
            with reporting(self._place):
                self._append(data)

    def close(self) -> None:
        """Do nothing: the blob stays the writer's until another opens it."""

    def _append(self, data: bytes) -> None:
        for _ in range(TRIES):
            try:
                answer = self._blob.append_block(
                    data,
                    appendpos_condition=self._length,
                    etag=self._etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except HttpResponseError as error:
                # After a lost answer the SDK asks again, and is told of its own first success.
                if error.status_code != PRECONDITION_FAILED and not _is_unsure(error):
                    raise
                trouble: AzureError = error
            except AzureError as error:
                trouble = error
            else:
                self._etag = str(answer["etag"])
                self._length += len(data)
                return
            if self._is_there(data):
                return
        raise trouble

    def _is_there(self, data: bytes) -> bool:
        """Find out whether a doubtful append was done, and be ready for the next one."""
        found = self._blob.get_blob_properties()
        if found.metadata.get("writer") != self._writer["writer"]:
            raise self._lock.taken_over()
        if found.size == self._length:
            self._etag = found.etag
            return False
        length = self._length + len(data)
        if found.size == length and self._read(self._length, len(data), found.etag) == data:
            self._etag, self._length = found.etag, length
            return True
        raise StateUnreadable(
            f"{self._place}: {self._blob.blob_name} was written by something else",
            hint="compare it with what happened, then `vmssplan resume`",
        )

    def _read(self, offset: int, length: int, etag: str) -> bytes:
        condition = MatchConditions.IfNotModified
        return self._blob.download_blob(
            offset, length, etag=etag, match_condition=condition
        ).readall()

    def _take_over(self) -> tuple[str, int]:
        """Name this writer in the metadata; return the ETag and length that it may write at."""
        for _ in range(TAKE_OVER_TRIES):
            try:
                made = self._blob.create_append_blob(
                    metadata=self._writer, match_condition=MatchConditions.IfMissing
                )
            except ResourceExistsError:
                pass
            else:
                return str(made["etag"]), 0
            found = self._blob.get_blob_properties()
            if found.metadata.get("writer") == self._writer["writer"]:
                return found.etag, found.size
            if int(found.metadata.get("epoch", 0)) > self._lock.epoch:
                raise self._lock.taken_over()
            try:
                named = self._blob.set_blob_metadata(
                    self._writer,
                    etag=found.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceModifiedError:
                continue
            return str(named["etag"]), found.size
        raise StateUnreadable(f"{self._place}: {self._blob.blob_name} is written all the time")


def _appends(lines: Sequence[bytes]) -> list[bytes]:
    """Join lines to as few appends as the service takes, never cutting a line."""
    appends = [b""]
    for line in lines:
        if appends[-1] and len(appends[-1]) + len(line) > LARGEST_APPEND:
            appends.append(b"")
        appends[-1] += line
    return [append for append in appends if append]


def _is_unsure(error: HttpResponseError) -> bool:
    """Tell whether the answer leaves open what was done."""
    status = error.status_code or 0
    return status >= 500  # noqa: PLR2004 - HTTP's server errors
