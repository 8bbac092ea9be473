"""The terminal while a picture is on it: drawn in place, read key by key, given back as it was.

The picture is on the alternate screen, so that nothing reflows when the window changes and nothing
of it stays among earlier output. One thread draws and reads, so that whoever waits for a service
keeps nobody from seeing or typing. Every frame is one write of at most as many rows as there are;
the cursor is hidden, and lines are kept from wrapping, only within that write. However the program
ends, short of SIGKILL, the modes are put back; suspended, it gives the terminal to the shell.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from vmssplan.cli.view.keys import keys_of
from vmssplan.report.segments import cropped, length

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType, TracebackType

    from vmssplan.report.paint import Paint
    from vmssplan.report.segments import Line

TICK_SECONDS = 0.125
USUAL_SIZE = (80, 24)
_ENTER, _LEAVE = "\x1b[?1049h\x1b[2J", "\x1b[?1049l"
_PASTE_MARKED, _PASTE_UNMARKED = "\x1b[?2004h", "\x1b[?2004l"
_BEGIN_FRAME, _END_FRAME = "\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h"
_CLEAR, _CLEAR_TO_END = "\x1b[2J", "\x1b[K"
_LONGEST_READ = 1024
MOST_KEPT = 20_000
"""So many writes of others, such as logs, are kept for after the picture."""
_FATAL = ("SIGTERM", "SIGHUP", "SIGQUIT")


class View(Protocol):
    """What is to be seen; asked by the thread of the screen."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return what to show now, for a screen of that size."""
        ...

    def pressed(self, keys: Sequence[str]) -> None:
        """Take keys that came at once."""
        ...

    def heard(self, text: str) -> None:
        """Take a line that somebody wanted to print meanwhile."""
        ...


def can_draw(stream: TextIO) -> bool:
    """Tell whether that is a terminal on which a picture can be drawn in place."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    if os.name == "nt":
        from rich.console import Console

        return not Console(file=stream).legacy_windows
    return _is_in_front(stream)


def can_read_keys() -> bool:
    """Tell whether keys can be read one by one: not on Windows, and only from a terminal."""
    return os.name == "posix" and sys.stdin.isatty() and _is_in_front(sys.stdin)


class Screen:
    """The terminal, from entering the context to leaving it.

    Only the main thread may be told of signals; in another one it does without.
    """

    def __init__(self, view: View, paint: Paint, *, reads_keys: bool) -> None:
        self._view = view
        self._paint = paint
        self._reads_keys = reads_keys
        self._out = sys.stdout
        # A signal handler may come while the main thread has it.
        self._lock = threading.RLock()
        self._is_shown = False
        self._is_stale = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="view", daemon=True)
        self._drawn: list[str] = []
        self._size = (0, 0)
        self._modes: list[Any] | None = None  # None: they were never changed
        self._handlers: dict[int, Any] = {}
        self._heard: list[Heard] = []
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        """Show the first frame."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream.isatty():
                self._heard.append(Heard(stream, self._view))
                setattr(sys, name, self._heard[-1])
        self._handle_signals()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back, and print there what was said meanwhile."""
        self._over.set()
        with self._lock, suppress(OSError):
            self._leave()
        self._thread.join(TICK_SECONDS * 8)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for heard in self._heard:
            name = "stdout" if heard.stream is self._out else "stderr"
            setattr(sys, name, heard.stream)
            with suppress(OSError):
                heard.tell()

    def _live(self) -> None:
        try:
            while not self._over.is_set():
                keys: list[str] = []
                with self._lock:
                    is_here = not self._over.is_set() and self._is_here()
                    if is_here:
                        self._draw()
                        keys = self._read()
                if keys:
                    self._view.pressed(keys)
                elif is_here and self._reads_keys:
                    select.select([sys.stdin], [], [], TICK_SECONDS)
                else:
                    self._over.wait(TICK_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it was, the Run goes on
            self.failure = error
            with self._lock, suppress(OSError):
                self._leave()

    def _is_here(self) -> bool:
        """Come to the front again after a stop; False while others have the terminal."""
        if not _is_in_front(self._out):
            return False
        if not self._is_shown or self._is_stale:
            self._is_stale = False
            self._enter()
        return True

    def _enter(self) -> None:
        if self._reads_keys:
            import termios

            descriptor = sys.stdin.fileno()
            modes = termios.tcgetattr(descriptor)
            if self._modes is None or not self._is_shown:
                self._modes = modes
            mine = termios.tcgetattr(descriptor)
            mine[3] &= ~(termios.ICANON | termios.ECHO)
            mine[6][termios.VMIN], mine[6][termios.VTIME] = 1, 0
            # Keys typed before there was a question are no answer to one.
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, mine)
        self._is_shown = True
        self._size, self._drawn = (0, 0), []
        self._write(_ENTER + (_PASTE_MARKED if self._reads_keys else ""))

    def _leave(self) -> None:
        if not self._is_shown:
            return
        self._is_shown = False
        try:
            # Where there is no other screen to come back to, what follows begins on a new line.
            below = f"\x1b[{self._size[1]};1H\r\n"
            self._write(below + (_PASTE_UNMARKED if self._modes else "") + _LEAVE)
        finally:
            if self._modes is not None:
                import termios

                with suppress(termios.error):
                    termios.tcsetattr(sys.stdin.fileno(), termios.TCSAFLUSH, self._modes)

    def _draw(self) -> None:
        width, height = size = size_of(self._out)
        lines = [cropped(one, width) for one in self._view.lines(width, height)[:height]]
        drawn = [self._painted(one, width) for one in lines]
        drawn += [_CLEAR_TO_END] * (height - len(drawn))
        pieces = []
        if size != self._size:
            self._size, self._drawn = size, []
            pieces.append(_CLEAR)
        before = self._drawn or [""] * height
        pieces += [
            f"\x1b[{row};1H{text}"
            for row, (text, was) in enumerate(zip(drawn, before, strict=True), start=1)
            if text != was
        ]
        self._drawn = drawn
        if pieces:
            row = max((n for n, one in enumerate(lines, start=1) if one), default=1)
            column = min(width, 1 + length(lines[row - 1])) if lines else 1
            cursor = f"\x1b[{row};{column}H"
            self._write(f"{_BEGIN_FRAME}{''.join(pieces)}{cursor}{_END_FRAME}")

    def _painted(self, pieces: Line, width: int) -> str:
        shown = [(_printable(one.text), one.tone) for one in pieces]
        text = "".join(self._paint(text, tone) if tone else text for text, tone in shown)
        # At the last column some terminals would clear the character just written.
        return text if length(pieces) >= width else text + _CLEAR_TO_END

    def _read(self) -> list[str]:
        if not self._reads_keys:
            return []
        descriptor = sys.stdin.fileno()
        if not select.select([descriptor], [], [], 0)[0]:
            return []
        data = os.read(descriptor, _LONGEST_READ)
        if not data:
            # Nobody is there any more; without this it would be asked again and again.
            self._reads_keys = False
        return keys_of(data)

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "ascii"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()

    def _handle_signals(self) -> None:
        """Take over the signals that nobody else handles."""
        if threading.current_thread() is not threading.main_thread():
            return
        handlers = dict.fromkeys(_FATAL, self._killed)
        handlers |= {"SIGTSTP": self._suspended, "SIGCONT": self._continued}
        for name, handler in handlers.items():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                self._handlers[number] = signal.signal(number, handler)

    def _killed(self, number: int, _: FrameType | None) -> None:
        self._over.set()
        with self._lock, suppress(OSError):
            self._leave()
        for heard in self._heard:
            with suppress(OSError):
                heard.tell()
        _die_of(number)

    def _suspended(self, number: int, _: FrameType | None) -> None:
        with self._lock:
            self._leave()
            # Held until it goes on, so that not one more frame is drawn.
            _die_of(number)
            signal.signal(number, self._suspended)

    def _continued(self, number: int, _: FrameType | None) -> None:
        # After SIGSTOP nobody had given the terminal back, and the shell has set it anew.
        del number
        self._is_stale = self._is_shown


class Heard:
    """Stands for a stream while the picture is up: shows each line there, and keeps it."""

    def __init__(self, stream: TextIO, view: View) -> None:
        self.stream = stream
        self._view = view
        self._kept: deque[str] = deque(maxlen=MOST_KEPT)
        self._left_out = 0
        self._open = ""

    def write(self, text: str) -> int:
        """Take a text."""
        self._left_out += len(self._kept) == MOST_KEPT
        self._kept.append(text)
        *whole, self._open = (self._open + text).split("\n")
        for one in whole:
            if one.strip():
                self._view.heard(one)
        return len(text)

    def flush(self) -> None:
        """Do nothing: it is kept until the end."""

    def tell(self) -> None:
        """Print what was kept."""
        if self._left_out:
            self.stream.write(f"({self._left_out} earlier lines are left out)\n")
        self.stream.write("".join(self._kept))
        self.stream.flush()
        self._kept.clear()
        self._left_out = 0

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else."""
        return getattr(self.stream, name)


def size_of(stream: TextIO) -> tuple[int, int]:
    """Return columns and rows; the usual ones where the terminal does not say."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except OSError:
        return USUAL_SIZE
    return (found.columns or USUAL_SIZE[0], found.lines or USUAL_SIZE[1])


def _printable(text: str) -> str:
    """Return the text without anything that a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _is_in_front(stream: TextIO) -> bool:
    """Tell whether this process may use the terminal: a shell may have put it behind."""
    if os.name != "posix":
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        # No shell has put it anywhere: the terminal is not the one that controls this process.
        return True


def _die_of(number: int) -> None:
    """Let the signal do what it would have done."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
