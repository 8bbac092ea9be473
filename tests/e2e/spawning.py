"""The program on a terminal of its own, read as a stream of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.program import PATIENCE_SECONDS, PROGRAM, environment

if TYPE_CHECKING:
    from pexpect import spawn

    from tests.e2e.program import Program


def on_terminal(program: Program, *arguments: str, **extra: str) -> spawn[str]:
    """Start the program on a terminal of 100 by 40."""
    import pexpect  # noqa: PLC0415 - not on Windows

    command, *rest = (*PROGRAM, *arguments)
    return pexpect.spawn(
        command,
        rest,
        cwd=str(program.folder),
        env=environment(**{"TERM": "xterm-256color", **extra}),
        dimensions=(40, 100),
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
    )


def ended(terminal: spawn[str]) -> int | None:
    """Read to the end and return the exit code."""
    import pexpect  # noqa: PLC0415 - not on Windows

    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus
