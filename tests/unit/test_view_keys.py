"""Bytes of a terminal are read as the keys that were pressed, and as nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.cli.view.control import KEYS
from vmssplan.cli.view.keys import ENTER, ERASE, ESCAPE, keys_of


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"p", ["p"]),
        (b"ay", ["a", "y"]),
        (b"\n\r", [ENTER, ENTER]),
        (b"\x08\x7f", [ERASE, ERASE]),
        (b"\x1b", [ESCAPE]),
        (b"\x1b\x1b", [ESCAPE, ESCAPE]),
        ("ü".encode(), ["ü"]),
        (b"\xff", []),
        (b"\x1b[A\x1b[1;5C\x1bOPx", ["x"]),
        (b"\x1ba", []),
        (b"a\x1b[200~y\ny\x1b[201~n", ["a", "n"]),
        (b"\x1b[200~y", []),
    ],
)
def test_keys(data: bytes, keys: list[str]) -> None:
    """Keys with a name are left out, and so is what was pasted."""
    assert keys_of(data) == keys


@given(st.binary())
def test_whatever_comes(data: bytes) -> None:
    """No bytes are an error; each key is one character."""
    assert all(len(key) == 1 for key in keys_of(data))


def test_every_key_is_in_the_docs() -> None:
    """With the verb that does the same."""
    text = (Path(__file__).parents[2] / "docs" / "watching.md").read_text("utf-8")
    rows = {line[3]: line for line in text.splitlines() if line.startswith("| `")}

    assert all(f"`vmssplan {act} RUN" in rows[key] for key, act in KEYS.items())
