"""Runs in a local folder: journal, Rollout and lock, readable by their owner only.

    .vmssplan/runs/<run>/rollout.json    what was approved
    .vmssplan/runs/<run>/journal.jsonl   what happened, one Event a line, synced to the disk
    .vmssplan/runs/<run>/instructions/   what others told it, one file each, named by time and key
    .vmssplan/locks/<scale set>.lock     held by the operating system, gone with the process
    .vmssplan/locks/<scale set>.holder   who holds it

A journal line is written whole or not at all as far as readers see: a torn last line, left by a
crash, is dropped when the journal is opened again.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan.bounded_json import LONGEST, parse_json
from vmssplan.documents import from_document, readable_json, to_document
from vmssplan.errors import DocumentInvalid, LockHeld, NotFound, Problem, StateUnreadable
from vmssplan.ports import LockHolder
from vmssplan.stores.files import (
    OWNER_FOLDER,
    OWNER_ONLY,
    make_private_folder,
    read_bounded,
    write_private,
)
from vmssplan.stores.formats import (
    LONGEST_JOURNAL,
    RUN_NAME,
    SavedRollout,
    has_key_of,
    instruction_file,
    instruction_name,
    journal_lines,
    lock_name,
    parse_instructions,
    parse_journal,
    parse_saved,
    rollout_file,
    run_number,
)

__all__ = [
    "FileJournal",
    "LocalState",
    "load_rollout",
    "read_journal",
    "save_rollout",
    "write_private",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from vmssplan.engine import Event
    from vmssplan.engine.instructions import Instruction
    from vmssplan.model import ScaleSetId
    from vmssplan.rollout import Rollout

MOMENT_SECONDS = 0.2


class LocalState:
    """The state folder. Raises StateUnreadable for what the file system refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_run(self, rollout: Rollout) -> str:
        """Keep the Rollout under a new Run id, `<plan>-<number>`, and return that."""
        with _reporting(self.folder):
            runs = self.folder / "runs"
            make_private_folder(runs)
            number = 1 + max(
                (run_number(path.name, rollout.plan) for path in runs.iterdir()), default=0
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

    def stamp(self, run: str) -> tuple[int, int]:
        """Return what is another one whenever the journal of a Run is; raises NotFound."""
        path = self._run_folder(run) / "journal.jsonl"
        with _reporting(path):
            try:
                found = path.stat()
            except FileNotFoundError:
                return (0, 0)
        return (found.st_size, found.st_mtime_ns)

    def journal(self, run: str) -> FileJournal:
        """Open the journal of a Run for appending; raises NotFound."""
        return FileJournal(self._run_folder(run) / "journal.jsonl")

    def instruct(self, run: str, instruction: Instruction) -> None:
        """Put an instruction beside the journal; the same key again changes nothing."""
        folder = self._run_folder(run) / "instructions"
        name = instruction_name(instruction)
        with _reporting(folder):
            folder.mkdir(mode=OWNER_FOLDER, exist_ok=True)
            if any(has_key_of(name, path.name) for path in folder.glob("*.json")):
                return
            write_private(folder / name, instruction_file(instruction))

    def instructions(self, run: str) -> tuple[Instruction, ...]:
        """Return what a Run was told, oldest first; raises NotFound, StateUnreadable."""
        folder = self._run_folder(run) / "instructions"
        if not folder.is_dir():
            return ()
        with _reporting(folder):
            files = [(str(path), path.read_text("utf-8")) for path in folder.glob("*.json")]
        return parse_instructions(files)

    @contextmanager
    def hold(self, target: ScaleSetId, holder: LockHolder) -> Iterator[Callable[[str], None]]:
        """Hold the scale set while the context lasts; raises LockHeld, naming the holder.

        Gives a function that tells others for which Run it is held, once that has a name.
        """
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only who applies needs it

        name = lock_name(target)
        locks = self.folder / "locks"
        with _reporting(locks):
            make_private_folder(locks)
            lock = FileLock(locks / f"{name}.lock", mode=OWNER_ONLY)
            try:
                # Whoever asks who holds it has it for a moment.
                lock.acquire(timeout=MOMENT_SECONDS, poll_interval=MOMENT_SECONDS / 10)
            except Timeout as error:
                raise LockHeld(
                    f"{target} is held by {self._said_holder(name) or 'another process'}",
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
        return self._said_holder(lock_name(target)) if self._is_locked(target) else None

    def unlock(self, target: ScaleSetId) -> LockHolder | None:
        """Find that nobody holds the set; raises LockHeld when somebody does.

        The operating system keeps the lock no longer than its process lives: whoever holds it is
        alive, and there is nothing to take from anybody else.
        """
        if not self._is_locked(target):
            return None
        raise LockHeld(
            f"{target} is held by {self._said_holder(lock_name(target)) or 'another process'},"
            " which is alive",
            hint="end that process; its lock goes with it",
        )

    def _is_locked(self, target: ScaleSetId) -> bool:
        from filelock import FileLock, Timeout  # noqa: PLC0415 - only who asks needs it

        path = self.folder / "locks" / f"{lock_name(target)}.lock"
        if not path.exists():
            return False
        with _reporting(path):
            try:
                with FileLock(path, mode=OWNER_ONLY).acquire(timeout=0):
                    return False
            except Timeout:
                return True

    def _said_holder(self, name: str) -> LockHolder | None:
        try:
            raw = parse_json((self.folder / "locks" / f"{name}.holder").read_text("utf-8"))
            holder: LockHolder = from_document(raw, LockHolder)
        except (OSError, ValueError, DocumentInvalid):
            return None
        return holder

    def _run_folder(self, run: str) -> Path:
        path = self.folder / "runs" / run
        if RUN_NAME.fullmatch(run) is None or not (path / "rollout.json").is_file():
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
        with _reporting(self._path):
            data = memoryview(b"".join(journal_lines(events)))
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
        try:
            data = read_bounded(path, LONGEST_JOURNAL) if path.exists() else b""
        except ValueError as error:
            raise StateUnreadable(f"{path}: {error}, which no journal is") from error
    return parse_journal(data, str(path))


def save_rollout(rollout: Rollout, path: Path, expires_at: datetime | None = None) -> None:
    """Write the Rollout as reviewable JSON, whole or not at all."""
    with _reporting(path, "choose a place that can be written"):
        write_private(path, rollout_file(rollout, expires_at))


def load_rollout(path: Path) -> Rollout:
    """Read a saved Rollout; raises NotFound, or DocumentInvalid when it was changed or is none."""
    return load_saved(path).rollout


def load_saved(path: Path) -> SavedRollout:
    """Read a saved Rollout and until when it may be applied; raises as `load_rollout`."""
    try:
        text = read_bounded(path, LONGEST).decode()
    except FileNotFoundError as error:
        raise NotFound(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise DocumentInvalid([Problem(f"not a saved Rollout: {error}", file=str(path))]) from error
    return parse_saved(text, str(path))


@contextmanager
def _reporting(path: Path, hint: str = "choose another place with --state-dir") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateUnreadable(f"{path}: {error.strerror or error}", hint=hint) from error


def _begun_at(folder: Path) -> tuple[float, str]:
    return ((folder / "rollout.json").stat().st_mtime, folder.name)
