"""Makes a faulty engine from the source of the true one."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from vmssplan.verifying import Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLANTED = "planted_engine"
RULES = (
    "vmssplan.rollout.rollback",
    "vmssplan.engine.following",
    "vmssplan.engine.evidence",
    "vmssplan.engine.stopping",
    "vmssplan.engine.waiting",
    "vmssplan.engine.upgrading",
    "vmssplan.engine.passing",
    "vmssplan.engine.evolution",
    "vmssplan.engine.decision",
)
"""The modules that hold rules, each after those it imports."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One deliberate fault: what it does wrong, where, and the patch."""

    name: str
    module: str
    before: str
    after: str

    def __str__(self) -> str:
        return self.name


class DoesNotFitError(Exception):
    """The patch of a fault no longer fits the source: it is to be written anew."""


def faulty_engine(fault: Fault) -> Scheduler:
    """Return the engine with this fault."""
    made: dict[str, ModuleType] = {}
    with _aside():
        for name in RULES:
            made[name] = _made(name, fault)
    decide, evolve = made["vmssplan.engine.decision"], made["vmssplan.engine.evolution"]
    return Scheduler(vars(decide)["decide"], vars(evolve)["evolve"])


@contextmanager
def _aside() -> Iterator[None]:
    """Let the copies be imported under their own names, and forget them at the end."""
    package = ModuleType(PLANTED)
    package.__path__ = []
    sys.modules[PLANTED] = package
    try:
        yield
    finally:
        for name in [one for one in sys.modules if one.split(".")[0] == PLANTED]:
            del sys.modules[name]


def _made(name: str, fault: Fault) -> ModuleType:
    true = importlib.import_module(name)
    source = Path(str(true.__file__)).read_text("utf-8")
    if name.endswith(f".{fault.module}"):
        if source.count(fault.before) != 1:
            raise DoesNotFitError(f"{fault.name}: {fault.before!r} stands not once in {name}")
        source = source.replace(fault.before, fault.after)
    for rules in RULES:
        source = source.replace(f"from {rules} import", f"from {_copy_name(rules)} import")
    # The way back is imported from the package, which knows the true one.
    source = source.replace(
        "from vmssplan.rollout import rollback_of",
        f"from {_copy_name(RULES[0])} import rollback_of",
    )
    copy = ModuleType(_copy_name(name))
    sys.modules[copy.__name__] = copy
    exec(compile(source, f"<planted in {name}>", "exec"), vars(copy))  # noqa: S102 - our own code
    return copy


def _copy_name(name: str) -> str:
    return f"{PLANTED}.{name.rsplit('.', 1)[1]}"
