"""What the loader hands out: a Plan that still knows where each of its keys stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vmssplan.errors import Problem
from vmssplan.model import Plan

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists."""

_LAST_STEP = re.compile(r"(\.[^.\[\]]*|\[\d+\]|^[^.\[\]]*)$")


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A Plan and where it came from; `document` counts from 1 within the file.

    `value` is the document itself, with the environment filled in.
    """

    plan: Plan
    file: str
    document: int
    places: Mapping[str, tuple[int, int]]
    value: Mapping[str, Any]

    def place(self, path: str) -> tuple[int, int]:
        """Return line and column of a key path such as `gates[1].after`.

        Where the file does not write the key, the nearest one around it that it does write.
        """
        while path not in self.places and path:
            path = _LAST_STEP.sub("", path) if _LAST_STEP.search(path) else ""
        return self.places.get(path, (1, 1))

    def problem(
        self, path: str, message: str, *, rule: str = "", suggestion: str | None = None
    ) -> Problem:
        """Return a Problem at that key path of this file."""
        line, column = self.place(path)
        return Problem(message, path, self.file, line, column, rule, suggestion)


def path_text(path: Path) -> str:
    """Return the path as people write it: `gates[1].after`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text
