"""The mutants that may survive, each with the reason; kept beside this in `equivalent.toml`."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = Path(__file__).with_name("equivalent.toml")
Key = tuple[str, str, str]


class BadExplanationError(Exception):
    """An entry explains nothing."""


def explanations(file: Path = FILE) -> Mapping[Key, str]:
    """Return why mutants may survive, by path, definition and change."""
    document = tomllib.loads(file.read_text("utf-8"))
    entries: list[tuple[Key, str]] = [
        ((path, entry["where"], change), entry["why"])
        for path, group in document.items()
        for entry in group
        for change in entry["changes"]
    ]
    twice = [key for key, count in Counter(key for key, _ in entries).items() if count > 1]
    if twice:
        raise BadExplanationError(f"explained twice: {_lines(twice)}")
    if unsaid := [key for key, why in entries if not why]:
        raise BadExplanationError(f"without a reason: {_lines(unsaid)}")
    return dict(entries)


def check(entries: Mapping[Key, str], made: set[Key], paths: set[str]) -> None:
    """Raise BadExplanationError when an entry for one of these modules fits no mutant."""
    unknown = [key for key in entries if key[0] in paths and key not in made]
    if unknown:
        raise BadExplanationError(f"no such mutant, drop or change these: {_lines(unknown)}")


def _lines(keys: Sequence[Key]) -> str:
    return "".join(f"\n  {path}: {where}: {change}" for path, where, change in keys)
