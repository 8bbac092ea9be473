"""Whatever is drawn fits the terminal, and however it ends the terminal is as it was before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal, which Windows does not have", allow_module_level=True)

import os
import time
from contextlib import contextmanager

from tests.support.terminal import Terminal
from vmssplan.cli.view.screen import Screen, can_draw, can_read_keys, size_of
from vmssplan.report.paint import PLAIN, Paint, Tone
from vmssplan.report.segments import Segment, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.report.segments import Line


class Shown:
    """A view of these lines, whatever size it is told."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.shown = lines
        self.keys: list[str] = []
        self.said: list[str] = []

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Return them."""
        del width, height
        return self.shown

    def pressed(self, keys: Sequence[str]) -> None:
        """Remember."""
        self.keys += keys

    def heard(self, text: str) -> None:
        """Remember."""
        self.said.append(text)


class Blind(Shown):
    """One that fails when it is asked."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Fail."""
        raise ArithmeticError(f"{width} by {height}")


@contextmanager
def in_front_of(terminal: Terminal) -> Iterator[None]:
    """Make it the terminal of this process."""
    before = sys.stdin, sys.stdout, sys.stderr
    with terminal.streams() as (typed, shown):
        sys.stdin, sys.stdout, sys.stderr = typed, shown, shown
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = before


def look_in_vain(terminal: Terminal, screen: Screen) -> None:
    """Fail before the picture."""
    with screen:
        terminal.wait_until(lambda: bool(terminal.written))
        raise LookupError


LINES = st.lists(
    st.lists(
        st.builds(
            Segment,
            st.text(st.characters(categories=("L", "N", "P", "S", "Z", "Cc"), max_codepoint=0x2FF)),
            st.sampled_from([None, *Tone]),
        ),
        max_size=4,
    ).map(tuple),
    max_size=40,
)


@settings(max_examples=25)
@given(LINES, st.integers(1, 90), st.integers(1, 30), st.sampled_from([PLAIN, Paint.ansi()]))
def test_a_frame_is_never_higher_or_wider_than_the_screen(
    lines: list[Line], width: int, height: int, paint: Paint
) -> None:
    """What does not fit is left out: nothing scrolls, nothing wraps, no control is obeyed."""
    with Terminal(width, height) as terminal, in_front_of(terminal):
        with Screen(Shown(lines), paint, reads_keys=False):
            terminal.wait_until(lambda: terminal.written.endswith(b"\x1b[?7h\x1b[?25h"))
            rows = [row.rstrip() for row in terminal.model.display]
        texts = ["".join(one.text for one in pieces) for pieces in lines[:height]]
        expected = ["".join(c if c.isprintable() else " " for c in text) for text in texts]

    assert terminal.model.scrolled == 0
    for row, text in zip(rows, expected, strict=False):
        assert text.startswith(row.removesuffix("...").rstrip("."))


def test_what_others_print_meanwhile_is_shown_and_kept() -> None:
    """It does not disturb the picture, and is on the terminal afterwards."""
    view = Shown([line("picture")])
    with Terminal(80, 24) as terminal, in_front_of(terminal):
        with Screen(view, PLAIN, reads_keys=True):
            terminal.wait_for("picture")
            sys.stderr.write("Warning: one\nand ")
            sys.stderr.write("two\n")
            during = terminal.text
        terminal.wait_for("Warning: one", "and two")

    assert view.said == ["Warning: one", "and two"]
    assert "Warning" not in during


def test_keys_come_one_by_one_and_are_not_echoed() -> None:
    """No Enter is needed; what is typed before the picture is no key."""
    view = Shown([line("picture")])
    with Terminal(80, 24) as terminal, in_front_of(terminal):
        terminal.type("y")
        with Screen(view, PLAIN, reads_keys=True):
            terminal.wait_for("picture")
            terminal.type("p")
            terminal.wait_until(lambda: bool(view.keys))
            text = terminal.text

    assert view.keys == ["p"]
    assert text == "picture\n"


@pytest.mark.parametrize("view", [Shown([line("picture")]), Blind([])], ids=["body", "view"])
def test_an_exception_gives_the_terminal_back(view: Shown) -> None:
    """Of whoever draws, or of whoever is drawn for; only the latter is raised here."""
    with Terminal(80, 24) as terminal, in_front_of(terminal):
        before = terminal.modes
        screen = Screen(view, PLAIN, reads_keys=True)
        with pytest.raises(LookupError):
            look_in_vain(terminal, screen)
        ends = time.monotonic() + 10
        while screen._thread.is_alive() and time.monotonic() < ends:
            time.sleep(0.01)
        terminal.look()

        assert terminal.modes == before
        assert (terminal.model.cursor.hidden, terminal.model.is_other) == (False, False)
        assert isinstance(screen.failure, ArithmeticError) is isinstance(view, Blind)


def test_where_a_picture_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that is not dumb; the size is the terminal's own, or the usual one."""
    with Terminal(90, 30) as terminal, terminal.streams() as (typed, shown):
        monkeypatch.setattr(sys, "stdin", typed)
        monkeypatch.setenv("TERM", "xterm")
        assert (can_draw(shown), can_read_keys(), size_of(shown)) == (True, True, (90, 30))
        monkeypatch.setenv("TERM", "dumb")
        assert not can_draw(shown)
        with open(os.devnull, encoding="utf-8") as nothing:  # noqa: PTH123 - not a file
            monkeypatch.setattr(sys, "stdin", nothing)
            assert (can_draw(nothing), can_read_keys(), size_of(nothing)) == (
                False,
                False,
                (80, 24),
            )
