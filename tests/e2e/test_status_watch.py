"""`status --watch`: a Run of another process seen and steered from a terminal of any size."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.door import RUN, asking
from tests.e2e.program import SCENARIOS, Program
from vmssplan.cli import run as run_program
from vmssplan.cli.console import Console
from vmssplan.cli.executing import whoami
from vmssplan.cli.following import Pace, Table, _tables_in_lines
from vmssplan.ports import LockHolder
from vmssplan.stores.local import LocalState

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal, which Windows does not have", allow_module_level=True)

from tests.support.terminal import Terminal, person

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.support.golden import Golden
    from tests.support.in_process import Here

APPROVAL = 4
KEYS = "a approve   x reject   p pause   s abort   ? help   q quit"


@dataclass(frozen=True, slots=True)
class Going:
    """A Run that somebody carries out, as far as those can tell who read its state.

    It waits at its approval: its journal ends where that of a waiting process does, and its scale
    set is held.
    """

    folder: Path
    rest: list[str]
    patch: pytest.MonkeyPatch

    @property
    def journal(self) -> Path:
        """Where its Events are."""
        return self.folder / ".vmssplan" / "runs" / RUN / "journal.jsonl"

    def held(self) -> AbstractContextManager[Callable[[str], None]]:
        """Hold its scale set."""
        store = LocalState(self.folder / ".vmssplan")
        holder = LockHolder("ann", "desk", 1, datetime.now(UTC), RUN)
        return store.hold(store.rollout(RUN).target, holder)

    def finish(self) -> None:
        """Write what was still to happen."""
        with self.journal.open("a", encoding="utf-8") as file:
            file.writelines(self.rest)

    def told(self) -> list[dict[str, Any]]:
        """Return the instructions that were left for it."""
        folder = self.journal.parent / "instructions"
        return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]

    def watched_on(
        self,
        terminal: Terminal,
        does: Callable[[Terminal], None],
        *options: str,
        run: str | None = RUN,
    ) -> int:
        """Run `status RUN --watch` on a terminal where somebody sits; return its exit code."""
        before = terminal.modes
        with self.patch.context() as patch, terminal.streams() as (typed, shown):
            patch.setattr(sys, "stdin", typed)
            patch.setattr(sys, "stdout", shown)
            patch.setattr(sys, "stderr", shown)
            patch.setenv("TERM", "xterm-256color")
            with person(terminal, does):
                code = run_program(["status", *([run] if run else []), "--watch", *options])
        if not terminal.is_there:
            return code
        terminal.look()
        assert terminal.modes == before
        assert not terminal.model.cursor.hidden
        assert not terminal.model.is_other
        assert terminal.model.scrolled <= 1, "only leaving the other screen may scroll it"
        return code


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place for the state of a Run, which the first that needs it carries out."""
    return tmp_path_factory.mktemp("finished") / ".vmssplan"


@pytest.fixture
def going(here: Here, monkeypatch: pytest.MonkeyPatch, finished: Path) -> Going:
    """Carry a Run out to the end, and go back to where it waited for its approval."""
    if not finished.exists():
        plan = asking(Program(here.folder))
        service = ("--simulator", str(SCENARIOS / "web-12.yaml"))
        assert here.run("apply", plan, *service, "--auto-approve").code == 10
        here.run("approve", RUN)
        assert here.run("resume", RUN, *service).code == 0
        shutil.copytree(here.folder / ".vmssplan", finished)
    shutil.copytree(finished, here.folder / ".vmssplan", dirs_exist_ok=True)
    journal = here.folder / ".vmssplan" / "runs" / RUN / "journal.jsonl"
    whole = journal.read_text("utf-8").splitlines(keepends=True)
    [halted] = [n for n, line in enumerate(whole) if json.loads(line)["type"] == "RunHalted"]
    journal.write_text("".join(whole[:halted]), encoding="utf-8")
    for path in (journal.parent / "instructions").iterdir():
        path.unlink()
    return Going(here.folder, whole[halted:], monkeypatch)


def leave(terminal: Terminal) -> None:
    """Quit."""
    terminal.type("q")


# --- what is seen ---------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_the_picture_of_a_run_that_another_process_carries_out(
    going: Going, width: int, height: int, golden: Golden
) -> None:
    """Map, floor, events and keys fit; left before the end it is 8, and nothing was told."""
    seen = []

    def look(terminal: Terminal) -> None:
        terminal.wait_for(KEYS, "next look in 1s")
        seen.append(terminal.masked)
        leave(terminal)

    with going.held(), Terminal(width, height) as terminal:
        code = going.watched_on(terminal, look)

    assert (code, going.told()) == (8, [])
    golden.check(f"watch-{width}x{height}", seen[0])


def test_another_size_is_another_picture(going: Going, golden: Golden) -> None:
    """Made smaller and larger while it is watched, it fits again, and nothing old is left."""
    seen = []

    def resize(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        for width, height in ((50, 12), (120, 40), (80, 24)):
            terminal.resize(width, height)
            terminal.written = b""
            terminal.wait_until(lambda: b"\x1b[2J" in terminal.written)
            terminal.wait_for("next look in 1s" if width > 50 else "a  x  p  s  ?  q")
            seen.append(terminal.masked)
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, resize)

    golden.check("watch-50x12", seen[0])
    golden.check("watch-120x40", seen[1])
    golden.check("watch-80x24", seen[2])


@pytest.mark.parametrize(
    ("option", "variables"), [("--no-color", {}), ("--watch", {"NO_COLOR": "1"})]
)
def test_without_colour_it_is_the_same_picture(
    going: Going, option: str, variables: dict[str, str], golden: Golden
) -> None:
    """NO_COLOR takes the colours away, and nothing else."""
    seen = []

    def look(terminal: Terminal) -> None:
        terminal.wait_for(KEYS, "next look in 1s")
        seen.append(terminal.masked)
        leave(terminal)

    for name, value in variables.items():
        going.patch.setenv(name, value)
    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, look, option)

    golden.check("watch-80x24", seen[0])
    assert not re.search(rb"\x1b\[[0-9;]*m", terminal.written)


def test_it_ends_with_the_run_and_has_its_exit_code(going: Going) -> None:
    """When the Run ends, what `status` says of it is printed where the picture was."""

    def wait(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        going.finish()
        terminal.wait_for("step 14/14")
        held.__exit__(None, None, None)
        terminal.wait_for("Apply complete!", "state      complete")

    held = going.held()
    held.__enter__()
    with Terminal(100, 40) as terminal:
        code = going.watched_on(terminal, wait)

    assert code == 0
    assert "? help" not in terminal.text


def test_a_run_that_is_over_is_told_at_once(going: Going) -> None:
    """Nothing is drawn of it."""
    going.finish()

    with Terminal(100, 40) as terminal:
        code = going.watched_on(terminal, lambda terminal: terminal.wait_for("Apply complete!"))

    assert code == 0
    assert b"\x1b[?1049h" not in terminal.written


# --- keys -----------------------------------------------------------------------------------


def test_approving_shows_what_is_approved_and_by_whom(going: Going, golden: Golden) -> None:
    """The key asks; the yes leaves the instruction that the verb leaves, for that very Rollout."""
    seen = []

    def approve(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        terminal.type("a")
        terminal.wait_for("y yes", "All well?")
        seen.append(terminal.masked)
        assert not going.told()
        terminal.type("y")
        terminal.wait_for(f"Step {APPROVAL} of {RUN} is approved.")
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, approve)

    [told] = going.told()
    started = json.loads(going.journal.read_text("utf-8").splitlines()[0])
    assert (told["type"], told["step"], told["digest"]) == ("Approve", 4, started["digest"])
    assert told["by"] == whoami()
    golden.check("watch-approve", seen[0])


def test_rejecting_asks_why(going: Going) -> None:
    """After the yes the reason is typed; what was typed wrong can be erased."""

    def reject(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        terminal.type("x")
        terminal.wait_for("Reject step 4")
        terminal.type("y")
        terminal.wait_for("Why not?")
        terminal.type("errors doublex\x7fd\r")
        terminal.wait_for(f"Step {APPROVAL} of {RUN} is not approved.")
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, reject)

    assert [(one["type"], one["reason"]) for one in going.told()] == [("Reject", "errors doubled")]


def test_nothing_is_told_without_a_yes_of_its_own(going: Going) -> None:
    """No, Escape, an arrow, and keys pasted together with the question do nothing."""

    def dither(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        for answer in ("n", "\x1b", "Q", "\r"):
            terminal.type("s")
            terminal.wait_for(f"Abort {RUN}?")
            terminal.type(answer)
            terminal.wait_for("Nothing was done.")
        terminal.type("py")
        terminal.wait_for(f"Pause {RUN}?")
        terminal.type("n")
        terminal.wait_for("Nothing was done.")
        terminal.type("\x1b[200~ay\x1b[201~\x1b[A")
        terminal.type("r")
        terminal.wait_for(f"{RUN} is not paused.")
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, dither)

    assert going.told() == []


def test_every_key_goes_the_road_of_its_verb(going: Going, golden: Golden) -> None:
    """Pause and abort are told once each; the help says the verb of each key."""
    seen = []

    def steer(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        terminal.type("?")
        terminal.wait_for("any key goes back")
        seen.append(terminal.masked)
        terminal.type(" ")
        terminal.wait_for(KEYS)
        for key, said in (("p", "starts nothing more"), ("s", "ends after what is in flight")):
            terminal.type(key)
            terminal.wait_for("y yes")
            terminal.type("y")
            terminal.wait_for(f"{RUN} {said}")
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        going.watched_on(terminal, steer)

    assert sorted(one["type"] for one in going.told()) == ["Abort", "Hold"]
    golden.check("watch-help", seen[0])


def test_a_terminal_that_is_gone_ends_only_the_view(going: Going) -> None:
    """Nobody is told anything, and it is 8 as when it is left."""

    def go(terminal: Terminal) -> None:
        terminal.wait_for(KEYS)
        terminal.hang_up()

    with going.held(), Terminal(80, 24) as terminal:
        code = going.watched_on(terminal, go)

    assert (code, going.told()) == (8, [])


# --- elsewhere ------------------------------------------------------------------------------


def test_off_a_terminal_it_is_a_line_an_event_to_the_end(going: Going, here: Here) -> None:
    """A Run that nobody carries out any more is told whole, and 1 where it has no outcome."""
    stopped = here.run("status", RUN, "--watch")
    going.finish()
    complete = here.run("status", RUN, "--watch")
    as_json = here.run("status", RUN, "--watch", "--json")

    assert stopped.code == 1
    assert "Apply interrupted at step 4/14" in stopped.out
    assert complete.code == 0
    assert "\x1b" not in complete.out
    assert "08:00:40  step 2/14" in complete.out
    assert complete.out.endswith("web  ok=11 upgraded=11 skipped=1 failed=0 pending=0\n")
    lines = [json.loads(line) for line in as_json.out.splitlines()]
    assert (lines[0]["type"], lines[-1]["type"]) == ("version", "outcome")
    assert as_json.code == 0


class Watched(LocalState):
    """A state folder whose reader presses Ctrl-C after three looks."""

    looks = 0

    def runs(self) -> tuple[str, ...]:
        """Count the looks."""
        self.looks += 1
        if self.looks > 3:
            raise KeyboardInterrupt
        return super().runs()


def test_off_a_terminal_the_table_is_printed_when_it_has_changed(
    going: Going, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once as it is, and again only after something happened."""
    store = Watched(going.folder / ".vmssplan")
    with going.held(), pytest.raises(KeyboardInterrupt):
        _tables_in_lines(Table(store), Pace(0), Console(), as_json=False)

    text = capsys.readouterr().out
    assert text.count("RUN ") == 1
    assert f"{RUN}  myrg/web   waiting for approval  4/14" in text


def test_the_table_stays_current_until_it_is_left(going: Going) -> None:
    """What the Runs do is seen without asking again; q leaves with 0."""

    def look(terminal: Terminal) -> None:
        terminal.wait_for("waiting for approval  4/14", "q quit", "next look in 1s")
        going.finish()
        terminal.wait_for("complete  14/14")
        leave(terminal)

    with going.held(), Terminal(80, 24) as terminal:
        code = going.watched_on(terminal, look, run=None)

    assert (code, going.told()) == (0, [])


def test_a_run_that_is_not_there(here: Here) -> None:
    """It is told as by every verb, before anything is drawn."""
    answer = here.run("status", RUN, "--watch")

    assert (answer.code, f"there is no Run '{RUN}'" in answer.err) == (1, True)
