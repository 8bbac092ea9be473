"""The store that a team shares, over one container of Azure Blob storage."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from vmssplan.bounded_json import LONGEST
from vmssplan.errors import LockHeld, NotFound, StateUnreadable
from vmssplan.stores.blob.failures import code_of, reporting
from vmssplan.stores.blob.journal import BlobJournal
from vmssplan.stores.blob.lock import LONGEST_LEASE, BlobLock, elapsed_seconds, read_lock
from vmssplan.stores.formats import (
    LONGEST_JOURNAL,
    RUN_NAME,
    has_key_of,
    instruction_file,
    instruction_name,
    lock_name,
    parse_instructions,
    parse_journal,
    parse_rollout,
    rollout_file,
    run_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

    from vmssplan.engine import Event
    from vmssplan.engine.instructions import Instruction
    from vmssplan.model import ScaleSetId
    from vmssplan.ports import LockHolder
    from vmssplan.rollout import Rollout
    from vmssplan.stores.blob.place import BlobPlace


class BlobState:
    """`ports.StateStore` over a container; NotPermitted and StateUnreadable are what it refuses.

    `lease` is how long a lock outlives a holder that is gone, 15 to 60 seconds.
    """

    def __init__(
        self,
        container: ContainerClient,
        place: BlobPlace,
        lease: timedelta = LONGEST_LEASE,
        elapsed: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._container = container
        self._place = place
        self._lease = lease
        self._elapsed = elapsed
        self._held: dict[str, BlobLock] = {}
        # A Run asks again and again what it was told; neither Runs nor instructions ever change.
        self._known_runs: set[str] = set()
        self._known_instructions: dict[str, bytes] = {}

    def create_run(self, rollout: Rollout) -> str:
        """Keep the Rollout under a new Run id, `<plan>-<number>`, and return that."""
        plan, text = rollout.plan, rollout_file(rollout)
        with reporting(self._place):
            known = (name.split("/")[0] for name in self._names_under(f"runs/{plan}-", "runs/"))
            number = 1 + max((run_number(name, plan) for name in known), default=0)
            # Tells a Run of ours, whose answer was lost, from one that another began meanwhile.
            mark = {"creation": uuid.uuid4().hex}
            while True:
                run = f"{plan}-{number}"
                blob = self._blob(f"runs/{run}/rollout.json")
                try:
                    blob.upload_blob(text.encode(), overwrite=False, metadata=mark)
                except ResourceExistsError:
                    if blob.get_blob_properties().metadata != mark:
                        number += 1
                        continue
                return run

    def runs(self) -> tuple[str, ...]:
        """List the Runs, oldest first."""
        begun = []
        with reporting(self._place):
            for found in self._container.list_blobs(f"{self._place.prefix}runs/"):
                run, _, file = self._short(found, "runs/").partition("/")
                if file == "rollout.json":
                    plan = run.rpartition("-")[0]
                    begun.append((found.creation_time, plan, run_number(run, plan), run))
        return tuple(run for *_, run in sorted(begun))

    def rollout(self, run: str) -> Rollout:
        """Return the Rollout of a Run; raises NotFound."""
        blob = self._blob_of(run, "rollout.json")
        with reporting(self._place):
            data = _read(blob)
        if data is None:
            raise self._no_run(run)
        return parse_rollout(data, f"{self._place}/runs/{run}/rollout.json")

    def events(self, run: str) -> tuple[Event, ...]:
        """Return what happened in a Run so far; raises NotFound, StateUnreadable."""
        blob = self._blob_of(run, "journal.jsonl")
        with reporting(self._place):
            data = _read(blob, LONGEST_JOURNAL)
            if data is None:
                self._check_run(run)
        return parse_journal(data or b"", f"{self._place}/runs/{run}/journal.jsonl")

    def journal(self, run: str) -> BlobJournal:
        """Open the journal of a Run whose scale set is held here; raises NotFound, LockHeld."""
        target = self.rollout(run).target
        lock = self._held.get(lock_name(target))
        if lock is None:
            raise LockHeld(f"{target} is not held by this process")
        holder = lock.record.holder
        if holder is not None and holder.run != run:
            # Whoever comes next has to know whose journal to close.
            lock.say(replace(holder, run=run))
        return BlobJournal(self._journal_blob(run), self._place, lock)

    def instruct(self, run: str, instruction: Instruction) -> None:
        """Put an instruction beside the journal; the same key again changes nothing."""
        name = instruction_name(instruction)
        folder = f"runs/{run}/instructions/"
        blob = self._blob_of(run, f"instructions/{name}")
        with reporting(self._place):
            self._check_run(run)
            if any(has_key_of(name, other) for other in self._names_under(folder, folder)):
                return
            blob.upload_blob(instruction_file(instruction).encode(), overwrite=True)

    def instructions(self, run: str) -> tuple[Instruction, ...]:
        """Return what a Run was told, oldest first; raises NotFound, StateUnreadable."""
        folder = f"runs/{run}/instructions/"
        with reporting(self._place):
            names = self._names_under(folder, folder)
            self._check_run(run)
            files = [(name, self._instruction(f"{folder}{name}")) for name in names]
        return parse_instructions(files)

    @contextmanager
    def hold(self, target: ScaleSetId, holder: LockHolder) -> Iterator[Callable[[str], None]]:
        """Hold the scale set while the context lasts; raises LockHeld, naming the holder.

        Gives a function that tells others for which Run it is held, once that has a name.
        """
        name = lock_name(target)
        lock = self._lock(target)
        try:
            lock.acquire(holder, lambda run: self._fence(run, lock))
            lock.keep()
            self._held[name] = lock
            yield lambda run: lock.say(replace(holder, run=run))
        finally:
            self._held.pop(name, None)
            lock.release()

    def holder(self, target: ScaleSetId) -> LockHolder | None:
        """Return who holds the scale set now; None when nobody does."""
        state = read_lock(self._blob(f"locks/{lock_name(target)}.json"), self._place)
        return state.record.holder if state.is_leased else None

    def unlock(self, target: ScaleSetId) -> LockHolder | None:
        """End the lease of whoever has it, and let that one write no more."""
        blob = self._blob(f"locks/{lock_name(target)}.json")
        state = read_lock(blob, self._place)
        if not state.is_leased:
            return None
        from azure.storage.blob import BlobLeaseClient  # noqa: PLC0415 - only who unlocks needs it

        with reporting(self._place):
            BlobLeaseClient(blob).break_lease(lease_break_period=0)
        lock = self._lock(target)
        try:
            lock.acquire(None, lambda run: self._fence(run, lock))
        finally:
            lock.release()
        return state.record.holder

    def _lock(self, target: ScaleSetId) -> BlobLock:
        blob = self._blob(f"locks/{lock_name(target)}.json")
        return BlobLock(blob, self._place, target, self._lease, self._elapsed)

    def _fence(self, run: str, lock: BlobLock) -> None:
        BlobJournal(self._journal_blob(run), self._place, lock).close()

    def _journal_blob(self, run: str) -> BlobClient:
        return self._blob_of(run, "journal.jsonl")

    def _blob_of(self, run: str, file: str) -> BlobClient:
        if RUN_NAME.fullmatch(run) is None or set(run) == {"."}:
            raise self._no_run(run)
        return self._blob(f"runs/{run}/{file}")

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(f"{self._place.prefix}{name}")

    def _instruction(self, name: str) -> bytes:
        if name not in self._known_instructions:
            self._known_instructions[name] = _read(self._blob(name)) or b""
        return self._known_instructions[name]

    def _check_run(self, run: str) -> None:
        if run not in self._known_runs and not self._blob_of(run, "rollout.json").exists():
            raise self._no_run(run)
        self._known_runs.add(run)

    def _names_under(self, start: str, short_of: str) -> list[str]:
        found = self._container.list_blobs(f"{self._place.prefix}{start}")
        return [self._short(one, short_of) for one in found]

    def _short(self, found: BlobProperties, start: str) -> str:
        return found.name.removeprefix(f"{self._place.prefix}{start}")

    def _no_run(self, run: str) -> NotFound:
        return NotFound(
            f"there is no Run {run!r} in {self._place}", hint="`vmssplan status` lists the Runs"
        )


def _read(blob: BlobClient, longest: int = LONGEST) -> bytes | None:
    """Return the content of a blob; None where there is none. Raises StateUnreadable."""
    try:
        download = blob.download_blob()
    except ResourceNotFoundError as error:
        if code_of(error) != "BlobNotFound":
            raise
        return None
    if download.size > longest:
        raise StateUnreadable(f"{blob.blob_name} is longer than {longest // 1024 // 1024} MiB")
    return download.readall()
