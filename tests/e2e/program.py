"""The program as a user runs it: another process, its own folder, a clean environment."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PLANS = ROOT / "plans"
SCENARIOS = ROOT / "simulator" / "scenarios"
PROGRAM = (sys.executable, "-m", "vmssplan")
PATIENCE_SECONDS = 60
LOOK_AGAIN_SECONDS = 0.02
FOREIGN = ("VMSSPLAN_", "AZURE_", "TF_", "OTEL_")
"""How variables of a developer begin that would change what the program does."""
UNWANTED = ("NO_COLOR", "CI", "PYTHONDONTWRITEBYTECODE")
"""More of them; without bytecode on disk every one of hundreds of processes compiles it anew."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished command answered."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything it printed."""
        return self.out + self.err


def environment(**extra: str) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own reaches the program."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in UNWANTED
    }
    # A forecast takes a second each; the tests of forecasts ask for one.
    quick = {"VMSSPLAN_NO_FORECAST": "1"}
    return {**kept, **quick, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", **extra}


@dataclass(frozen=True, slots=True)
class Program:
    """The program in one working folder."""

    folder: Path

    def run(self, *arguments: str | Path, **extra: str) -> Result:
        """Run to the end, without a terminal."""
        done = subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str | Path, **extra: str) -> subprocess.Popen[str]:
        """Start, and leave it running."""
        return subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def journal(self, run: str) -> list[dict[str, Any]]:
        """Return the whole lines of a Run's journal."""
        path = self.folder / ".vmssplan" / "runs" / run / "journal.jsonl"
        if not path.exists():
            return []
        return [
            json.loads(line)
            for line in path.read_text("utf-8").splitlines(keepends=True)
            if line.endswith("\n")
        ]

    def wait_for(self, run: str, lines: int, process: subprocess.Popen[str]) -> None:
        """Return once the journal of the Run has that many lines, or the process has ended."""
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        path = self.folder / ".vmssplan" / "runs" / run / "journal.jsonl"
        while process.poll() is None:
            if path.exists() and path.read_bytes().count(b"\n") >= lines:
                return
            if time.monotonic() > patience_ends:
                raise AssertionError(f"the journal of {run} never had {lines} lines")
            time.sleep(LOOK_AGAIN_SECONDS)


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return once it holds; fail when the process ends before, or patience does."""
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < patience_ends
        time.sleep(LOOK_AGAIN_SECONDS)


def when_ready(ready_file: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a server writes into its ready file; fail when it never does."""
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > patience_ends:
            process.kill()
            raise AssertionError(f"it did not start: {process.communicate()[0]}")
        time.sleep(LOOK_AGAIN_SECONDS)
    found: dict[str, Any] = json.loads(ready_file.read_text("utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running `vmssplan simulator serve`."""

    ready: dict[str, str]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options that point a command at it."""
        return ("--endpoint", self.ready["endpoint"], "--ca-file", self.ready["caFile"])

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
        """Ask its admin interface: GET, or POST where there is a body, unless told otherwise."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.ready['adminUrl']}{path}"
        request = Request(url, data=data, method=method)  # noqa: S310 - loopback
        tls = ssl.create_default_context(cafile=self.ready["caFile"])
        with urlopen(request, context=tls, timeout=10) as reply:  # noqa: S310 - loopback
            return json.load(reply)

    def upgrades(self) -> list[str]:
        """Return the instance ids of every upgrade or reimage it accepted, from its request log."""
        return [
            instance_id
            for request in self.ask("/requests")["requests"]
            if request["path"].casefold().endswith(("/manualupgrade", "/reimage"))
            and request["status"] < 300
            for instance_id in request["instanceIds"]
        ]

    def lowest_in_service(self) -> int:
        """Return the fewest instances in service at any moment since it was started."""
        events = self.ask("/events")["events"]
        return min(int(e["data"]["inService"]) for e in events if "inService" in e["data"])


@contextmanager
def serving(folder: Path, scenario: Path, *options: str) -> Iterator[Simulator]:
    """Serve a scenario while the context lasts."""
    ready_file = folder / "ready.json"
    process = Program(folder).start(
        "simulator", "serve", "--scenario", scenario, "--ready-file", ready_file, *options
    )
    try:
        yield Simulator(when_ready(ready_file, process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
