"""A Case: everything one Run of the swarm depends on, as a document that can be kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody else does: at a moment, or just before one of our writes is sent.

    `at` is in seconds from the start; `before_write` counts our writes from 1. One of them is None.
    """

    does: str
    given: dict[str, Any] = field(default_factory=dict)
    at: int | None = None
    before_write: int | None = None


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody tells the Run: approve, reject, hold, goOn, abort or rollBack."""

    says: str
    at: int


@dataclass(frozen=True, slots=True)
class Life:
    """One process that carries the Run on.

    `dies` is the moment at which it is killed, None when it ends by itself; after it nobody does
    anything for `rest` seconds. `waits` is `--wait`; `rolls_back` is the verb `rollback`, which
    carries a Run on that stands still.
    """

    dies: int | None = None
    rest: int = 0
    waits: bool = False
    rolls_back: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A world, a Plan, and everything that happens. `world` and `plan` are as users write them."""

    seed: int
    world: dict[str, Any]
    plan: dict[str, Any]
    others: tuple[Deed, ...] = ()
    people: tuple[Saying, ...] = ()
    lives: tuple[Life, ...] = (Life(),)
    answers: tuple[str, ...] = ("Successful",)

    @classmethod
    def from_document(cls, raw: Mapping[str, Any]) -> Self:
        """Read what `text` has written."""
        return cls(
            seed=raw["seed"],
            world=raw["world"],
            plan=raw["plan"],
            others=tuple(Deed(**each) for each in raw["others"]),
            people=tuple(Saying(**each) for each in raw["people"]),
            lives=tuple(Life(**each) for each in raw["lives"]),
            answers=tuple(raw["answers"]),
        )

    def text(self, **more: str) -> str:
        """Return the Case as JSON; `more` is for people."""
        document = {**more, **asdict(self)}
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def load_case(path: Path) -> Case:
    """Read a Case that was kept."""
    return Case.from_document(json.loads(path.read_text("utf-8")))
