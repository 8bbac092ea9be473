"""apply on a real terminal: the question, the live picture, its keys, Ctrl-C, Ctrl-Z."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.door import RUN, asking
from tests.e2e.program import PLANS, PROGRAM, SCENARIOS, environment
from tests.e2e.spawning import ended, on_terminal

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal, which Windows does not have", allow_module_level=True)

import signal

from tests.support.terminal import Spawned

if TYPE_CHECKING:
    from tests.e2e.program import Program
    from tests.support.golden import Golden

APPLY = ("apply", str(PLANS / "web-jammy.yaml"), "--simulator", str(SCENARIOS / "web-12.yaml"))
KEYS = "a approve   x reject   p pause   s abort   ? help"


def waiting(program: Program, width: int, height: int, *before: str) -> Spawned:
    """Start an apply that waits for its approval, perhaps from a shell."""
    how = ("--simulator", str(SCENARIOS / "web-12.yaml"), "--auto-approve", "--wait")
    return Spawned(
        [*before, *PROGRAM, "apply", str(asking(program)), *how],
        width,
        height,
        program.folder,
        environment(TERM="xterm-256color"),
    )


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


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_without_colour_there_is_no_animation(program: Program, variables: dict[str, str]) -> None:
    """NO_COLOR, or a dumb terminal, means plain lines without escape codes."""
    terminal = on_terminal(program, *APPLY, "--auto-approve", **variables)
    code = ended(terminal)
    text = terminal.before or ""

    assert code == 0
    assert "\x1b[" not in text
    assert "step 18/18" in text


def test_a_key_approves_and_the_terminal_is_given_back(program: Program, golden: Golden) -> None:
    """The picture fits 80 by 24; the key asks, yes lets the Run go on; then all is as before."""
    with waiting(program, 80, 24) as terminal:
        before = terminal.modes
        terminal.wait_for(KEYS, "waiting for an approval")
        picture, modes = terminal.masked, terminal.modes
        terminal.type("q")
        terminal.wait_for("This process carries the Run out")
        terminal.type("a")
        terminal.wait_for("Approve step 4 of web-jammy-1?", "y yes")
        terminal.type("y")
        code = terminal.ended()

    assert code == 0
    assert terminal.written.rstrip().endswith(b"failed=0 pending=0")
    assert (terminal.model.cursor.hidden, terminal.model.is_other) == (False, False)
    assert modes != before
    assert terminal.modes == before
    [given] = [one for one in program.journal(RUN) if one["type"] == "ApprovalGiven"]
    assert given["step"] == 4
    golden.check("apply-80x24", picture)


def test_a_terminated_apply_gives_the_terminal_back(program: Program) -> None:
    """SIGTERM ends the process as it would any other, but not before the screen is put back."""
    with waiting(program, 200, 60) as terminal:
        before = terminal.modes
        terminal.wait_for(KEYS, "Steps")
        terminal.signal(signal.SIGTERM)
        code = terminal.ended()

    assert code == -signal.SIGTERM
    assert terminal.modes == before
    assert (terminal.model.cursor.hidden, terminal.model.is_other) == (False, False)


def test_suspended_it_leaves_the_terminal_to_the_shell(program: Program) -> None:
    """Ctrl-Z puts the picture away and gives the shell its modes; `fg` shows it again."""
    with waiting(
        program, 80, 24, "/bin/sh", "-c", 'set -m; "$@"; echo stopped; read a; fg', "sh"
    ) as terminal:
        terminal.wait_for(KEYS)
        terminal.type("\x1a")
        terminal.wait_for("stopped")
        away, was_other = terminal.echoes, terminal.model.is_other
        terminal.type("\n")
        terminal.wait_for(KEYS)
        again = terminal.echoes
        terminal.type("\x03")
        code = terminal.ended()

    assert (away, was_other, again) == (True, False, False)
    assert code == 8
    assert terminal.echoes
    assert b"Apply halted at step 4/14" in terminal.written
