"""A terminal: a real pseudo-terminal, and a model of the screen that a person would see.

The model has the other screen, as terminals have, and counts what scrolled there: a picture that
writes more rows than there are would.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TextIO

import pexpect
import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PATIENCE_SECONDS = 60
LOOK_AGAIN_SECONDS = 0.05
OTHER_SCREEN = 1049 << 5
"""As pyte counts private modes."""
_MASKED = (
    (re.compile(r"elapsed .*"), "elapsed TIME"),
    (re.compile(r"in service so far \S+"), "in service so far LINE"),
    (re.compile(r" As \S+@\S+\.  "), " As WHO.  "),
    (re.compile(r"sha256:[0-9a-f]{64}"), f"sha256:{'0' * 64}"),
)


class Model(pyte.Screen):
    """What is seen."""

    def __init__(self, width: int, height: int) -> None:
        self.scrolled = 0
        self.is_other = False
        self._kept: list[str] = []
        super().__init__(width, height)

    def set_mode(self, *modes: int, **how: Any) -> None:
        """Turn to the other screen too."""
        super().set_mode(*modes, **how)
        if how.get("private") and OTHER_SCREEN >> 5 in modes:
            self.is_other = True
            self._kept = list(self.display)
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **how: Any) -> None:
        """Come back from it too."""
        super().reset_mode(*modes, **how)
        if how.get("private") and OTHER_SCREEN >> 5 in modes:
            self.is_other = False
            self.erase_in_display(2)
            self.cursor_position(1, 1)
            for row in "\n".join(self._kept).rstrip().splitlines():
                self.draw(row.rstrip())
                self.carriage_return()
                self.index()

    def index(self) -> None:
        """Count what scrolls of a picture."""
        self.scrolled += self.is_other and self.cursor.y == self.lines - 1
        super().index()


class Screened:
    """This end of a terminal: types and looks."""

    def __init__(self, near: int, width: int, height: int) -> None:
        self._near = near
        self.model = Model(width, height)
        self._stream = pyte.ByteStream(self.model)
        self.written = b""

    def type(self, keys: str) -> None:
        """Press keys, all at once."""
        os.write(self._near, keys.encode())

    @property
    def text(self) -> str:
        """What is seen, row by row, without spaces at the ends."""
        return "\n".join(row.rstrip() for row in self.model.display).rstrip() + "\n"

    @property
    def masked(self) -> str:
        """What is seen, without what differs from time to time and place to place."""
        text = self.text
        for pattern, instead in _MASKED:
            text = pattern.sub(instead, text)
        return text

    @property
    def modes(self) -> list[Any]:
        """How the terminal treats what is typed."""
        return termios.tcgetattr(self._near)

    @property
    def echoes(self) -> bool:
        """Tell whether it is as a shell wants it: lines, and what is typed is seen."""
        return bool(self.modes[3] & termios.ECHO and self.modes[3] & termios.ICANON)

    def look(self) -> bool:
        """Read what was written since; False when nobody will write any more."""
        while select.select([self._near], [], [], LOOK_AGAIN_SECONDS)[0]:
            try:
                data = os.read(self._near, 65_536)
            except OSError:
                return False
            if not data:
                return False
            self.written += data
            self._stream.feed(data)
        return True

    def wait_for(self, *texts: str) -> None:
        """Return once all of these are seen."""
        self.wait_until(lambda: all(one in self.text for one in texts), f"{texts}")

    def wait_until(self, holds: Callable[[], bool], what: str = "it") -> None:
        """Return once it holds."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < ends, f"{what} was never seen:\n{self.text}"
            assert self.look() or holds(), f"{what} was not seen to the end:\n{self.text}"


class Terminal(Screened):
    """A terminal for a program in this process; its far end is `device`."""

    def __init__(self, width: int, height: int) -> None:
        near, self.device = os.openpty()
        super().__init__(near, width, height)
        self._set_size(width, height)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.hang_up()
        os.close(self.device)

    @property
    def is_there(self) -> bool:
        """Tell whether nobody has hung up."""
        return self._near >= 0

    @contextmanager
    def streams(self) -> Iterator[tuple[TextIO, TextIO]]:
        """Return what a program reads from its far end, and what it writes to."""
        typed = os.fdopen(os.dup(self.device), encoding="utf-8")
        shown = os.fdopen(os.dup(self.device), "w", encoding="utf-8")
        try:
            yield typed, shown
        finally:
            for one in (typed, shown):
                # What is left to write goes nowhere when nobody is there.
                with suppress(OSError):
                    one.close()

    def hang_up(self) -> None:
        """Close this end: whoever reads or writes at the other is refused."""
        if self._near >= 0:
            os.close(self._near)
        self._near = -1

    def resize(self, width: int, height: int) -> None:
        """Give it another size, as a person does with a window."""
        self.model.resize(height, width)
        self._set_size(width, height)

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


class Spawned(Screened):
    """A terminal with a program of its own, which it controls."""

    def __init__(
        self,
        command: Sequence[str],
        width: int,
        height: int,
        folder: Path,
        environment: dict[str, str],
    ) -> None:
        self._process = pexpect.spawn(
            command[0],
            [*command[1:]],
            cwd=str(folder),
            env=environment,
            dimensions=(height, width),
        )
        # Looking does not need it open: this end stays when the program's is closed.
        super().__init__(os.dup(self._process.child_fd), width, height)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program, if it has not."""
        self._process.close(force=True)

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        self._process.kill(number)

    def ended(self) -> int:
        """Read to the end, and return the exit code; negative for a signal."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while self.look():
            assert time.monotonic() < ends, f"it never ended:\n{self.text}"
        self._process.wait()
        if self._process.signalstatus is not None:
            return -int(self._process.signalstatus)
        return int(self._process.exitstatus or 0)


@contextmanager
def person(terminal: Terminal, does: Callable[[Terminal], None]) -> Iterator[None]:
    """Let somebody sit at the terminal while the context lasts; raises what disappoints them."""
    errors: list[BaseException] = []

    def sit() -> None:
        try:
            does(terminal)
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            errors.append(error)
            # Without anybody there, the program ends.
            terminal.hang_up()

    thread = threading.Thread(target=sit, name="person", daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        if not errors:
            raise
    finally:
        thread.join(PATIENCE_SECONDS)
    if errors:
        raise errors[0]
