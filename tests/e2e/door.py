"""A service that a Run is carried out on, and the program beside it: in-process, or served.

A Run goes slowly while a test steers it, and at once when nobody looks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from tests.e2e.program import PATIENCE_SECONDS, PLANS, Program, Simulator

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.e2e.program import Result

RUN = "web-jammy-1"
WEB = PLANS / "web-jammy.yaml"
SLOW = 60
"""So many times the wall clock."""


@dataclass(frozen=True, slots=True)
class Door:
    """A service of twelve instances, and the program that works on it."""

    program: Program
    options: tuple[str, ...]
    served: Simulator | None = None

    def start(self, *arguments: str | Path, slowly: bool = False) -> subprocess.Popen[str]:
        """Start a verb on the service."""
        options = self.options
        if slowly and self.served is not None:
            self.served.ask("/clock", {"speed": SLOW}, method="PUT")
        elif slowly:
            options = (*options, "--speed", f"{SLOW}x")
        return self.program.start(*arguments, *options)

    def run(self, *arguments: str | Path) -> Result:
        """Run a verb on the service, as fast as it can."""
        if self.served is not None:
            self.served.ask("/clock", {"mode": "manual"}, method="PUT")
        return self.program.run(*arguments, *self.options)

    def happened(self, run: str = RUN) -> list[str]:
        """Return the kinds of Events in the journal."""
        return [event["type"] for event in self.program.journal(run)]

    def versions(self, plan: Path = WEB) -> set[str]:
        """Return what the instances that are not protected run."""
        seen = json.loads(self.run("plan", plan, "--json").out)["rollout"]["instances"]
        return {one["version"] for one in seen if one["instanceId"] != "7"}


def plan_with(program: Program, **changes: object) -> Path:
    """Write the everyday Plan, without its pauses, with these keys changed."""
    document = yaml.safe_load(WEB.read_text("utf-8"))
    del document["strategy"]["pauseTimeBetweenBatches"]
    path = program.folder / "web.yaml"
    path.write_text(yaml.safe_dump({**document, **changes}), encoding="utf-8")
    return path


def asking(program: Program) -> Path:
    """Write a Plan that asks somebody after its first batch."""
    return plan_with(program, gates=[{"after": "batch 1", "approval": {"message": "All well?"}}])


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and all that it said."""
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, said
