"""Runs one program of the user's, never through a shell, and judges it by its exit code.

A program may hang, print for ever, ignore its input, or leave something behind that still holds
its output. None of these may hold up a Run for longer than the program's timeout, and none may
outlive it: at the timeout, and when the Run is cancelled, the program is killed with all that it
has started (on Windows the program alone).
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.gates import Measurement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmssplan.model import CommandProbe

TRY_AGAIN_LATER = 75
"""EX_TEMPFAIL of sysexits.h: the program cannot say yet."""

_GRACE_SECONDS = 1.0
"""How long to wait for what should come at once: the rest of the output, the end of the killed."""

_LONGEST_LINE = 4096
_STDIN, _STDOUT = 0, 1


async def run_program(
    probe: CommandProbe,
    *,
    environment: Mapping[str, str],
    document: bytes,
    label: str,
    say: Callable[[str], None],
) -> Measurement:
    """Run it to its end; `say` gets each line of its output and errors, `label` before it."""
    output = _Lines(lambda line: say(f"{label}: {line}"))
    try:
        transport, program = await _started(probe, environment, output)
    except (OSError, ValueError) as error:
        # ValueError: a null character in an argument.
        return Measurement(Verdict.ERROR, f"cannot be started: {type(error).__name__}")
    try:
        return await _ended(transport, program, document, probe)
    finally:
        _kill(transport)
        transport.close()
        output.end()


class _Lines:
    """Makes lines that a terminal can bear out of whatever bytes come."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take more output."""
        *lines, self._rest = re.split(r"\r\n|[\r\n]", self._rest + self._decoder.decode(data))
        while len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest[:_LONGEST_LINE])
            self._rest = self._rest[_LONGEST_LINE:]
        for line in lines:
            self._tell(line)

    def end(self) -> None:
        """Tell what came after the last line end."""
        self._tell(self._rest + self._decoder.decode(b"", final=True))
        self._rest = ""

    def _tell(self, line: str) -> None:
        text = "".join(c if c.isprintable() else " " for c in line).rstrip()
        if text:
            self._line(text)


class _Program(asyncio.SubprocessProtocol):
    """What becomes of a program: its own end and the end of its output are two things."""

    def __init__(self, output: _Lines) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.silent: asyncio.Future[None] = loop.create_future()
        self._output = output

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass its output on."""
        del fd
        self._output.feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note the end of its output; a broken input is its own affair."""
        del exc
        if fd == _STDOUT and not self.silent.done():
            self.silent.set_result(None)

    def process_exited(self) -> None:
        """Note its end."""
        if not self.exited.done():
            self.exited.set_result(None)


async def _started(
    probe: CommandProbe, environment: Mapping[str, str], output: _Lines
) -> tuple[asyncio.SubprocessTransport, _Program]:
    starting = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            lambda: _Program(output),
            *probe.run,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(environment),
            start_new_session=os.name == "posix",
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # A start that is cancelled half-way may leave a program nobody knows of.
        with suppress(OSError, ValueError):
            transport, program = await starting
            await _killed(transport, program)
            transport.close()
        raise


async def _ended(
    transport: asyncio.SubprocessTransport,
    program: _Program,
    document: bytes,
    probe: CommandProbe,
) -> Measurement:
    """Wait for its end, or put one to it."""
    stdin = transport.get_pipe_transport(_STDIN)
    assert isinstance(stdin, asyncio.WriteTransport)
    stdin.write(document)
    stdin.close()
    is_late = False
    try:
        async with asyncio.timeout(probe.timeout.total_seconds()):
            await asyncio.shield(program.exited)
    except TimeoutError:
        is_late = True
        await _killed(transport, program)
    except asyncio.CancelledError:
        await _killed(transport, program)
        raise
    # Something that a program leaves behind may hold its output open for ever.
    await _in_grace(program.silent)
    if is_late:
        detail = f"not finished within {format_duration(probe.timeout)}, killed"
        return Measurement(Verdict.ERROR, detail)
    code = transport.get_returncode()
    assert code is not None
    return _judged(code)


def _judged(code: int) -> Measurement:
    if code < 0:
        return Measurement(Verdict.FAILED, f"ended by {_signal_name(-code)}")
    verdict = {0: Verdict.SUCCESSFUL, TRY_AGAIN_LATER: Verdict.INCONCLUSIVE}
    return Measurement(verdict.get(code, Verdict.FAILED), f"exit code {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


async def _killed(transport: asyncio.SubprocessTransport, program: _Program) -> None:
    _kill(transport)
    # One with more rights than ours cannot be killed, and must not hold us up.
    await _in_grace(program.exited)


async def _in_grace(happening: asyncio.Future[None]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await asyncio.shield(happening)


def _kill(transport: asyncio.SubprocessTransport) -> None:
    """Kill it with all that it has started, unless it has ended by itself."""
    if transport.get_returncode() is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            transport.kill()
        else:
            os.killpg(transport.get_pid(), signal.SIGKILL)
