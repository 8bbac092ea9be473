"""Runs in a local folder: journal, Rollout and lock, readable by their owner only.

    .vmssplan/runs/<run>/rollout.json    what was approved
    .vmssplan/runs/<run>/journal.jsonl   what happened, one Event a line, synced to the disk
    .vmssplan/locks/<scale set>.lock     held by the operating system, gone with the process
    .vmssplan/locks/<scale set>.holder   who holds it

A journal line is written whole or not at all as far as readers see: a torn last line, left by a
crash, is dropped when the journal is opened again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmssplan import __version__
from vmssplan.documents import canonical_json, from_document, readable_json, to_document
from vmssplan.engine import Event
from vmssplan.errors import DocumentInvalid, LockHeld, NotFound, Problem, StateUnreadable
from vmssplan.ports import LockHolder
from vmssplan.rollout import API_VERSION, Rollout, digest, rollout_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vmssplan.model import ScaleSetId

OWNER_ONLY = 0o600
OWNER_FOLDER = 0o700


class LocalState:
    """The state folder. Raises StateUnreadable for what the file system refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_run(self, rollout: Rollout) -> str:
        """Keep the Rollout under a new Run id, `<plan>-<number>`, and return that."""
        with _reporting(self.folder):
            runs = self.folder / "runs"
            runs.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
            number = 1 + max(
                (_number(path.name, rollout.plan) for path in runs.iterdir()), default=0
            )
            while True:
                run = f"{rollout.plan}-{number}"
                try:
                    (runs / run).mkdir(mode=OWNER_FOLDER)
                except FileExistsError:
                    number += 1
                    continue
                save_rollout(rollout, runs / run / "rollout.json")
                return run

    def runs(self) -> tuple[str, ...]:
        """List the Runs, oldest first."""
        runs = self.folder / "runs"
        if not runs.is_dir():
            return ()
        begun = [path.parent for path in runs.glob("*/rollout.json")]
        return tuple(path.name for path in sorted(begun, key=_begun_at))

    def rollout(self, run: str) -> Rollout:
        """Return the Rollout of a Run; raises NotFound."""
        return load_rollout(self._run_folder(run) / "rollout.json")

    def events(self, run: str) -> tuple[Event, ...]:
        """Return what happened in a Run so far; raises NotFound, StateUnreadable."""
        path = self._run_folder(run) / "journal.jsonl"
        return read_journal(path)

    def journal(self, run: str) -> FileJournal:
        """Open the journal of a Run for appending; raises NotFound."""
        return FileJournal(self._run_folder(run) / "journal.jsonl")

    @contextmanager
    def hold(self, target: ScaleSetId, holder: LockHolder) -> Iterator[Callable[[str], None]]:
        """Hold the scale set while the context lasts; raises LockHeld, naming the holder.

        Gives a function that tells others for which Run it is held, once that has a name.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only who applies needs it

        name = _lock_name(target)
        locks = self.folder / "locks"
        with _reporting(locks):
            locks.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
            lock = FileLock(locks / f"{name}.lock", mode=OWNER_ONLY)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise LockHeld(
                    f"{target} is held by {self._holder_text(name)}",
                    hint="wait until it has ended; `vmssplan status` shows how far it is",
                ) from error
        try:

            def held_for(run: str) -> None:
                text = readable_json(to_document(replace(holder, run=run)))
                with _reporting(locks):
                    write_private(locks / f"{name}.holder", text)

            held_for(holder.run)
            yield held_for
        finally:
            (locks / f"{name}.holder").unlink(missing_ok=True)
            lock.release()

    def holder(self, target: ScaleSetId) -> LockHolder | None:
        """Return who holds the scale set now; None when nobody does."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only who asks needs it

        name = _lock_name(target)
        path = self.folder / "locks" / f"{name}.lock"
        if not path.exists():
            return None
        with _reporting(path):
            try:
                with FileLock(path, mode=OWNER_ONLY).acquire(timeout=0):
                    return None
            except Timeout:
                return self._said_holder(name)

    def _said_holder(self, name: str) -> LockHolder | None:
        try:
            raw = json.loads((self.folder / "locks" / f"{name}.holder").read_text("utf-8"))
            holder: LockHolder = from_document(raw, LockHolder)
        except (OSError, ValueError, DocumentInvalid):
            return None
        return holder

    def _holder_text(self, name: str) -> str:
        holder = self._said_holder(name)
        if holder is None:
            return "another process"
        return (
            f"{holder.run or 'a Run about to start'} of {holder.user} on {holder.host}"
            f" (process {holder.process_id}) since {holder.since:%Y-%m-%d %H:%M:%S} UTC"
        )

    def _run_folder(self, run: str) -> Path:
        path = self.folder / "runs" / run
        if re.fullmatch(r"[\w.-]+", run) is None or not (path / "rollout.json").is_file():
            raise NotFound(
                f"there is no Run {run!r} in {self.folder}",
                hint="`vmssplan status` lists the Runs",
            )
        return path


class FileJournal:
    """`ports.Journal` as JSON lines; every append is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reporting(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            self._drop_torn_line()

    def append(self, events: Sequence[Event]) -> None:
        """Write events, in order, and sync them; raises StateUnreadable."""
        text = "".join(canonical_json(to_document(event, Event)) + "\n" for event in events)
        with _reporting(self._path):
            data = memoryview(text.encode())
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _drop_torn_line(self) -> None:
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        data = b""
        while len(data) < size:
            data += os.read(self._descriptor, size - len(data))
        whole = data.rfind(b"\n") + 1
        os.ftruncate(self._descriptor, whole)
        os.lseek(self._descriptor, whole, os.SEEK_SET)


def read_journal(path: Path) -> tuple[Event, ...]:
    """Return the Events of a journal file, without a torn last line; raises StateUnreadable."""
    with _reporting(path):
        data = path.read_bytes() if path.exists() else b""
    # Only a newline ends a line: a message may hold other characters that end lines of text.
    *lines, _torn = data.split(b"\n")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(from_document(json.loads(line), Event))
        except (ValueError, DocumentInvalid) as error:
            raise StateUnreadable(
                f"{path}:{number}: not an event of this version: {error}"
            ) from error
    return tuple(events)


def save_rollout(rollout: Rollout, path: Path) -> None:
    """Write the Rollout as reviewable JSON, whole or not at all."""
    document = rollout_document(rollout, tool=f"vmssplan {__version__}")
    with _reporting(path, "choose a place that can be written"):
        write_private(path, readable_json(document))


def load_rollout(path: Path) -> Rollout:
    """Read a saved Rollout; raises NotFound, or DocumentInvalid when it was changed or is none."""
    try:
        raw: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise DocumentInvalid([Problem(f"not a saved Rollout: {error}", file=str(path))]) from error
    again = "plan again, with --out"
    if not isinstance(raw, dict) or raw.get("kind") != "Rollout":
        raise DocumentInvalid([Problem("not a saved Rollout", file=str(path))], hint=again)
    if raw.get("apiVersion") != API_VERSION:
        message = f"expected {API_VERSION}, got {raw.get('apiVersion')!r}"
        raise DocumentInvalid([Problem(message, "apiVersion", str(path))], hint=again)
    rollout: Rollout = from_document(raw.get("rollout"), Rollout, file=str(path))
    if digest(rollout) != raw.get("digest"):
        message = f"the content has {digest(rollout)}, the file says {raw.get('digest')}"
        raise DocumentInvalid([Problem(message, "digest", str(path))], hint=again)
    return rollout


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def _reporting(path: Path, hint: str = "choose another place with --state-dir") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateUnreadable(f"{path}: {error.strerror or error}", hint=hint) from error


def _lock_name(target: ScaleSetId) -> str:
    return hashlib.sha256(target.resource_id.casefold().encode()).hexdigest()[:16]


def _number(name: str, plan: str) -> int:
    head, _, tail = name.rpartition("-")
    return int(tail) if head == plan and tail.isdecimal() else 0


def _begun_at(folder: Path) -> tuple[float, str]:
    return ((folder / "rollout.json").stat().st_mtime, folder.name)
