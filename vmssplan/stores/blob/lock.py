"""One holder a scale set: a lease that is kept alive while its holder is, and an epoch.

The record in the lock's blob is written only under the lease, so its epoch grows by one with
every holder. A lease is trusted no longer than it lasts counted from before it was asked for, on
a clock that also runs while the machine sleeps. After that, and before anything more is written,
the holder has to find out whether it still is one: renewing succeeds only when nobody else has
leased the blob since, and the epoch says so once more.
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobLeaseClient

from vmssplan.bounded_json import parse_json
from vmssplan.documents import from_document, readable_json, to_document
from vmssplan.errors import (
    DocumentInvalid,
    LockHeld,
    NotPermitted,
    StateUnreadable,
    VmssplanError,
)
from vmssplan.ports import LockHolder
from vmssplan.stores.blob.failures import code_of, is_about_lease, reporting

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.blob import BlobClient

    from vmssplan.model import ScaleSetId
    from vmssplan.stores.blob.place import BlobPlace

LONGEST_LEASE = timedelta(seconds=60)
SHORTEST_LEASE = timedelta(seconds=15)
"""What the service allows, but for leases without an end."""
RENEWALS_A_LEASE = 3
LONGEST_RECORD = 65_536


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What the lock's blob says; `holder` stays there when a holder is gone without a word."""

    epoch: int
    holder: LockHolder | None


@dataclass(frozen=True, slots=True)
class LockState:
    """The record, and whether anybody has the lease now."""

    record: LockRecord
    is_leased: bool


def elapsed_seconds() -> float:
    """Return a time that only grows, also while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def read_lock(blob: BlobClient, place: BlobPlace) -> LockState:
    """Read who holds a set, or held it last; raises StateUnreadable, NotPermitted."""
    with reporting(place):
        try:
            download = blob.download_blob()
            # A record has less than a thousand bytes; so many cannot be one.
            text = download.readall() if download.size <= LONGEST_RECORD else b"[]"
        except ResourceNotFoundError as error:
            if code_of(error) != "BlobNotFound":
                raise
            return LockState(LockRecord(0, None), is_leased=False)
    is_leased = download.properties.lease.state in ("leased", "breaking")
    if not text:
        return LockState(LockRecord(0, None), is_leased)
    try:
        record: LockRecord = from_document(parse_json(text), LockRecord)
    except (ValueError, DocumentInvalid) as error:
        raise StateUnreadable(f"{place}: {blob.blob_name} is no lock: {error}") from error
    return LockState(record, is_leased)


class BlobLock:
    """The lock of one scale set, as one holder has it. Used by the holder and by its renewals."""

    def __init__(
        self,
        blob: BlobClient,
        place: BlobPlace,
        target: ScaleSetId,
        lease: timedelta,
        elapsed: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._blob = blob
        self._place = place
        self._target = target
        self._seconds = int(lease.total_seconds())
        self._elapsed = elapsed
        self._lease = BlobLeaseClient(blob, str(uuid.uuid4()))
        self._good_until = 0.0
        self._is_lost = False
        self._has_lease = False
        self._is_said = False
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self.record = LockRecord(0, None)

    @property
    def epoch(self) -> int:
        """The how manieth holder this is."""
        return self.record.epoch

    def acquire(self, holder: LockHolder | None, fence: Callable[[str], None]) -> None:
        """Become the holder; raises LockHeld.

        `fence` ends what the holder before can write to the journal of its Run. The record names
        that holder until this is done, so that nobody can come in between and forget it.
        """
        self._lease_it()
        before = read_lock(self._blob, self._place).record
        self.record = LockRecord(before.epoch + 1, before.holder)
        if before.holder is not None and before.holder.run:
            self._write()
            fence(before.holder.run)
        self.say(holder)
        self._is_said = True

    def _lease_it(self) -> None:
        with reporting(self._place):
            # When it is leased, asking for the lease says so.
            with suppress(ResourceExistsError):
                self._blob.upload_blob(b"", overwrite=False)
            asked_at = self._elapsed()
            try:
                self._lease.acquire(self._seconds)
            except HttpResponseError as error:
                if not is_about_lease(error):
                    raise
                raise self.held_by_another() from error
        self._has_lease = True
        self._good_until = asked_at + self._seconds

    def keep(self) -> None:
        """Renew the lease in the background from now on, until `release`."""
        threading.Thread(target=self._renew_until_ended, name="lease", daemon=True).start()

    def say(self, holder: LockHolder | None) -> None:
        """Tell others who holds it, for which Run; raises LockHeld when that is another by now."""
        lease = timedelta(seconds=self._seconds)
        said = replace(holder, epoch=self.epoch, lease=lease) if holder else None
        self.record = replace(self.record, holder=said)
        self._write()

    def _write(self) -> None:
        text = readable_json(to_document(self.record)).encode()
        with reporting(self._place):
            try:
                self._blob.upload_blob(text, overwrite=True, lease=self._lease)
            except HttpResponseError as error:
                if not is_about_lease(error):
                    raise
                raise self.taken_over() from error

    def check(self) -> None:
        """Return when the set is still held; raises LockHeld, or StateUnreadable if nobody knows.

        Asks the service only when the lease may have ended since it was last renewed.
        """
        if not self._is_lost and self._elapsed() >= self._good_until:
            with reporting(self._place):
                self._renew()
        if self._is_lost:
            raise self.taken_over()

    def release(self) -> None:
        """Let go; when that cannot be said, the lease ends by itself."""
        self._ended.set()
        with self._renewing:
            if self._is_lost or not self._has_lease:
                return
            try:
                if self._is_said:
                    self.say(None)
                self._lease.release()
            except (AzureError, VmssplanError):
                return

    def held_by_another(self) -> LockHeld:
        """Return the error for who comes second; it names the holder."""
        holder = read_lock(self._blob, self._place).record.holder
        hint = "wait until it has ended; `vmssplan status` shows how far it is"
        if holder is not None and holder.lease is not None:
            hint += (
                ". If it is gone, its lock ends by itself within"
                f" {holder.lease.total_seconds():.0f} seconds, or at once with `vmssplan unlock`"
            )
        return LockHeld(f"{self._target} is held by {holder or 'another process'}", hint=hint)

    def taken_over(self) -> LockHeld:
        """Return the error for a holder that is none any more; it names who is now."""
        by = ""
        with suppress(NotPermitted, StateUnreadable):
            state = read_lock(self._blob, self._place)
            if state.is_leased and state.record.epoch != self.epoch:
                by = f"; now it is held by {state.record.holder or 'another process'}"
        return LockHeld(
            f"{self._target} is no longer held by this process: its lock ended while it was held"
            f" up, or was taken away{by}",
            hint="nothing more was written; `vmssplan status` shows what became of the Run",
        )

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS_A_LEASE) and not self._is_lost:
            try:
                self._renew()
            except (AzureError, VmssplanError):
                # Tried again at the next turn; until then `check` asks for itself.
                continue

    def _renew(self) -> None:
        """Renew the lease, or find that it is lost; raises AzureError when neither is known."""
        with self._renewing:
            if self._ended.is_set() or self._is_lost:
                return
            asked_at = self._elapsed()
            try:
                self._lease.renew()
                found = read_lock(self._blob, self._place).record
            except HttpResponseError as error:
                if error.status_code not in (404, 409, 412):
                    raise
                found = None
            # An emulator may renew a lease that is another's by now; the epoch tells.
            if found is not None and found.epoch == self.epoch:
                self._good_until = asked_at + self._seconds
            else:
                self._is_lost = True
