"""Whatever changes something is carried out by a process of its own: the command line.

Each is the very command that a person could have typed, with the digest of what was confirmed. It
has a session of its own, so it goes on when the page, this server or the terminal is closed; what
it says goes into a file that only its owner can read.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmssplan.errors import StateUnreadable
from vmssplan.model import ScaleSetId
from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Document = dict[str, Any]
TAIL_BYTES = 8 * 1024
_SAID_IN_OPTIONS = (
    "VMSSPLAN_SIMULATOR",
    "VMSSPLAN_ENDPOINT",
    "VMSSPLAN_CA_FILE",
    "VMSSPLAN_CLOUD",
    "VMSSPLAN_STATE_DIR",
    "VMSSPLAN_STATE",
)
_NAME = re.compile(r"op-(\d+)\.log")
_MOST_KEPT = 100
OWNER_ONLY = 0o600
OWNER_FOLDER = 0o700


@dataclass(slots=True)
class Child:
    """One command under way, or ended; `runs_before` are the Runs there were when it began.

    `is_noted`: whoever looks on knows that it has ended.
    """

    name: str
    words: tuple[str, ...]
    target: ScaleSetId
    output: Path
    process: subprocess.Popen[bytes]
    runs_before: frozenset[str] = frozenset()
    run: str | None = None
    is_noted: bool = False

    @property
    def command(self) -> str:
        """The command, as a person would type it."""
        return shlex.join(("vmssplan", *self.words))

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it has not."""
        return self.process.poll()

    def tail(self) -> str:
        """Return the end of what it has said."""
        try:
            with self.output.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError as error:
            return f"({self.output}: {error.strerror or error})"
        return redacted(text)

    def document(self) -> Document:
        """Return what the page shows of it."""
        return {
            "operation": self.name,
            "command": self.command,
            "target": self.target.resource_id,
            "run": self.run,
            "exitCode": self.exit_code,
            "output": self.tail(),
        }


class Children:
    """The commands that this server has started.

    `options` are those of the service and the state, after every command. `environment` is the
    server's own, but for what the options say, and with `also`.
    """

    def __init__(
        self,
        folder: Path,
        options: Callable[[str], Sequence[str]],
        environment: Mapping[str, str],
        also: Mapping[str, str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "vmssplan"),
    ) -> None:
        self._folder = folder
        self._options = options
        self._program = tuple(program)
        hidden = {**environment, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        kept = {k: v for k, v in hidden.items() if k not in _SAID_IN_OPTIONS}
        self.environment = {**kept, **(also or {})}
        self._children: dict[str, Child] = {}

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return a command with the options of the service."""
        return (*words, *self._options(words[0]))

    def start(
        self, words: Sequence[str], target: ScaleSetId, runs_before: frozenset[str] = frozenset()
    ) -> Child:
        """Start a command, and return at once; raises StateUnreadable."""
        complete = self.words(words)
        name, output, descriptor = self._new_file()
        try:
            process = self._spawn(complete, descriptor)
        finally:
            os.close(descriptor)
        child = Child(name, complete, target, output, process, runs_before)
        self._children[name] = child
        return child

    async def carry_out(self, words: Sequence[str], seconds: float = 60.0) -> tuple[int, str]:
        """Carry a short command out, and return its exit code and what it has said."""
        process = await asyncio.create_subprocess_exec(
            *self._program,
            *self.words(words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise StateUnreadable(f"`vmssplan {words[0]}` has not ended in time") from None
        return process.returncode or 0, redacted(said.decode("utf-8", "replace"))

    def all(self) -> tuple[Child, ...]:
        """Return the commands, newest first."""
        return tuple(reversed(self._children.values()))

    def going_on(self) -> tuple[Child, ...]:
        """Return those that have not ended."""
        return tuple(one for one in self._children.values() if one.exit_code is None)

    def _spawn(self, words: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the program itself, with words that were checked
            [*self._program, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self.environment,
            start_new_session=True,
        )

    def _new_file(self) -> tuple[str, Path, int]:
        """Return a name that no file in the folder has, its file, and that opened for writing."""
        try:
            self._folder.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
            known = {
                int(found[1]): path
                for path in self._folder.iterdir()
                if (found := _NAME.fullmatch(path.name))
            }
            for number in sorted(known)[: max(0, len(known) - _MOST_KEPT)]:
                if f"op-{number}" not in self._children:
                    known[number].unlink(missing_ok=True)
            number = max(known, default=0) + 1
            while True:
                output = self._folder / f"op-{number}.log"
                try:
                    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
                    return f"op-{number}", output, os.open(output, flags, OWNER_ONLY)
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise StateUnreadable(
                f"{self._folder}: {error.strerror or error}",
                hint="choose another place with --state-dir",
            ) from error
