"""apply on a real terminal: the question, the live picture, Ctrl-C."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PATIENCE_SECONDS, PLANS, PROGRAM, SCENARIOS, environment

if TYPE_CHECKING:
    from pexpect import spawn

    from tests.e2e.program import Program

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="needs a pseudo-terminal, which Windows does not have"
)

APPLY = ("apply", str(PLANS / "web-jammy.yaml"), "--simulator", str(SCENARIOS / "web-12.yaml"))


def on_terminal(program: Program, *arguments: str, **extra: str) -> spawn[str]:
    """Start the program on a terminal of 100 by 40."""
    import pexpect  # noqa: PLC0415 - not on Windows

    command, *rest = (*PROGRAM, *arguments)
    return pexpect.spawn(
        command,
        rest,
        cwd=str(program.folder),
        env=environment(TERM="xterm-256color", **extra),
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


def test_apply_asks_and_goes_on_only_after_yes(program: Program) -> None:
    """On a terminal the Rollout is shown, and `yes` starts it."""
    terminal = on_terminal(program, *APPLY)
    terminal.expect("Predicted: never below 10 of 12 in service")
    terminal.expect("Only 'yes' goes on:")
    terminal.sendline("yes")
    terminal.expect("Apply complete!")

    assert ended(terminal) == 0


@pytest.mark.parametrize("answer", ["no", "y", ""])
def test_any_other_answer_changes_nothing_and_is_8(program: Program, answer: str) -> None:
    """Whatever is not `yes` means no."""
    terminal = on_terminal(program, *APPLY)
    terminal.expect("Only 'yes' goes on:")
    terminal.sendline(answer)
    terminal.expect("Nothing was changed.")

    assert ended(terminal) == 8
    assert program.run("status").out.startswith("No Runs yet")


def test_the_live_picture_shows_the_heat_map_and_ctrl_c_stops_the_run(program: Program) -> None:
    """While it runs the grid of domains is drawn; Ctrl-C ends the Run in order."""
    terminal = on_terminal(program, *APPLY, "--auto-approve", "--speed", "300x")
    terminal.expect("10 of 12")
    terminal.expect("UD 0")
    terminal.sendintr()
    terminal.expect("Apply halted at step")
    terminal.expect("vmssplan resume web-jammy-1")

    assert ended(terminal) == 8


def test_without_colour_there_is_no_animation(program: Program) -> None:
    """NO_COLOR on a terminal means plain lines without escape codes."""
    terminal = on_terminal(program, *APPLY, "--auto-approve", NO_COLOR="1")
    code = ended(terminal)
    text = terminal.before or ""

    assert code == 0
    assert "\x1b[" not in text
    assert "step 18/18" in text
