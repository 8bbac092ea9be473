"""What a Policy is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from vmssplan.errors import Problem
from vmssplan.lint import Severity

_STRING = re.compile(
    r"""[rRbB]*("{3}.*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL
)
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


class Variable(StrEnum):
    """What an expression can speak of: the Plan, the scale set as it is, the computed Rollout."""

    PLAN = "plan"
    LIVE = "live"
    ROLLOUT = "rollout"


@dataclass(frozen=True)
class Rule:
    """One rule: `schema` or `cel` must hold, where `when` does; None stands for not written.

    `places` are line and column of its keys, and of the rule itself under "".
    """

    rule_id: str
    severity: Severity
    message: str
    file: str
    number: int
    places: Mapping[str, tuple[int, int]]
    fix: str | None = None
    path: str | None = None
    when: str | None = None
    schema: Mapping[str, Any] | None = None
    cel: str | None = None

    @cached_property
    def needs(self) -> frozenset[Variable]:
        """What has to be known before it can be told whether the rule holds."""
        texts = [text for text in (self.when, self.cel) if text is not None]
        words = {word for text in texts for word in _WORD.findall(_STRING.sub(" ", text))}
        spoken = {one for one in Variable if one.value in words}
        return frozenset(spoken | ({Variable.PLAN} if self.schema is not None else set()))

    def problem(self, key: str, message: str) -> Problem:
        """Return a Problem at one of the rule's keys, or about the whole of it."""
        line, column = self.places.get(key, self.places[""])
        path = f"rules[{self.number}].{key}" if key else f"rules[{self.number}]"
        return Problem(message, path, self.file, line, column)


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, in the order of the file."""

    file: str
    rules: tuple[Rule, ...]
