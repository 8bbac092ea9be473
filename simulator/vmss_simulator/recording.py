"""A world that outlives its process: a scenario and the commands given since, replayed on opening.

Only commands are kept, one JSON line each, written before they are applied; because a world is
deterministic, replaying them is the same world, counters of faults and throttles included. A
process killed at any moment therefore loses nothing but a line it had not finished writing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self, TextIO

from filelock import FileLock, Timeout

from vmss_simulator.codec import Undecodable, decode
from vmss_simulator.commands import Command
from vmss_simulator.errors import ArmError, ConnectionBroken
from vmss_simulator.private_files import (
    OWNER_ONLY,
    append_private,
    make_private_folder,
    write_private,
)
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.scenario_build import build_fault
from vmss_simulator.values import OperationKind, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from vmss_simulator.world import World

_FORMAT = 1
_COMMANDS = "commands.jsonl"
_SCENARIO = "scenario.yaml"
_LOCK = "lock"


class RecordingError(Exception):
    """A recorded world that is in use by another process, or whose commands cannot be read."""


class RecordedWorld:
    """A world kept in a folder; use it as a context manager, or call `close`.

    `world` is what to give commands to. `notice` says what a user should know about how it was
    opened; None is nothing.
    """

    def __init__(self, world: World, notice: str | None, lines: TextIO, lock: FileLock) -> None:
        self.world = world
        self.notice = notice
        self._lines = lines
        self._lock = lock
        world.record_with(self._append)

    @classmethod
    def open(cls, folder: Path, scenario_text: str, scenario_path: str, *, wait: float = 0) -> Self:
        """Open the world in the folder, making it first if there is none.

        Starts afresh, and says so in `notice`, when the scenario has changed since or another
        version of the format was written. Waits at most `wait` seconds for another process to
        close it. ScenarioError for a bad scenario, RecordingError when it is in use or damaged.
        """
        scenario = parse_scenario(scenario_text, scenario_path)
        make_private_folder(folder)
        lock = _locked(folder, wait)
        try:
            world = scenario.world()
            path = folder / _COMMANDS
            header = _header(scenario_text)
            stale = _stale(path, header, scenario_path)
            if stale is not None or not path.exists():
                write_private(folder / _SCENARIO, scenario_text)
                _start_afresh(path, header)
            else:
                _replay(world, _commands(path, mend=True))
            return cls(world, stale, append_private(path), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Stop recording and let other processes open the world."""
        self.world.record_with(None)
        self._lines.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, command: dict[str, Any]) -> None:
        self._lines.write(json.dumps(command, separators=(",", ":")) + "\n")
        self._lines.flush()


def read_world(folder: Path, scenario_text: str, scenario_path: str) -> World:
    """Return the recorded world as it is now, without locking it and without recording.

    Where none is recorded for this scenario it is the scenario's beginning. Errors as `open`.
    """
    world = parse_scenario(scenario_text, scenario_path).world()
    path = folder / _COMMANDS
    if path.exists() and _stale(path, _header(scenario_text), scenario_path) is None:
        _replay(world, _commands(path, mend=False))
    return world


def reset_world(folder: Path) -> bool:
    """Forget the recorded world; False when there was none. RecordingError when it is in use."""
    path = folder / _COMMANDS
    if not path.exists():
        return False
    lock = _locked(folder, 0)
    try:
        path.unlink(missing_ok=True)
        (folder / _SCENARIO).unlink(missing_ok=True)
    finally:
        lock.release()
    return True


def _locked(folder: Path, wait: float) -> FileLock:
    lock = FileLock(folder / _LOCK, mode=OWNER_ONLY)
    try:
        lock.acquire(timeout=wait)
    except Timeout as error:
        message = f"the simulated world in {folder} is in use by another process"
        raise RecordingError(message) from error
    return lock


def _header(scenario_text: str) -> dict[str, Any]:
    return {"format": _FORMAT, "scenario": sha256(scenario_text.encode()).hexdigest()}


def _stale(path: Path, header: dict[str, Any], scenario_path: str) -> str | None:
    """Return why the recording cannot be used, None when it can or there is none."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as lines, suppress(ValueError, RecursionError):
        written = json.loads(lines.readline())
        if written == header:
            return None
        if isinstance(written, dict) and written.get("format") == header["format"]:
            return f"{scenario_path} has changed: the simulated world starts afresh"
    return "the simulated world was recorded by another version: it starts afresh"


def _start_afresh(path: Path, header: dict[str, Any]) -> None:
    write_private(path, json.dumps(header) + "\n")


def _commands(path: Path, *, mend: bool) -> list[dict[str, Any]]:
    """Read the commands after the header; a torn last line is left out, and cut off to `mend`."""
    whole, newline, torn = path.read_bytes().rpartition(b"\n")
    if torn and mend:
        with path.open("r+b") as file:
            file.truncate(len(whole) + len(newline))
    commands = []
    for number, line in enumerate(whole.split(b"\n")[1:], start=2):
        try:
            commands.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            message = f"{path}:{number}: not a recorded command; reset the simulated world"
            raise RecordingError(message) from error
    return commands


def _replay(world: World, commands: Iterable[dict[str, Any]]) -> None:
    for command in commands:
        # What was refused then is refused now, with the same effect on counters and nothing else.
        try:
            _apply(world, command)
        except (ArmError, ConnectionBroken):
            continue
        except (AttributeError, KeyError, TypeError, ValueError, Undecodable) as error:
            message = f"{command!r} cannot be replayed; reset the simulated world"
            raise RecordingError(message) from error


def _apply(world: World, command: dict[str, Any]) -> None:
    """Give one command again: time, a request let in, faults, or a write to a scale set."""
    match command["do"]:
        case "advance":
            world.advance_to(datetime.fromisoformat(command["to"]))
        case "admit":
            world.admit(
                OperationKind(command["kind"]),
                ScaleSetKey(*command["key"]) if command.get("key") else None,
                subscription_id=command["subscription"],
                location=command["location"],
                instance_ids=command["instances"],
            )
        case "perform":
            world.perform(decode(command["command"], Command))
        case "addFaults":
            world.add_faults([build_fault(each) for each in command["faults"]])
        case "removeFault":
            world.remove_fault(command["name"])
        case _:
            _write(world, ScaleSetKey(*command["key"]), command)


def _write(world: World, key: ScaleSetKey, command: dict[str, Any]) -> None:
    match command["do"]:
        case "put":
            world.put_scale_set(
                key,
                command["body"],
                if_match=command["ifMatch"],
                if_none_match=command["ifNoneMatch"],
            )
        case "patch":
            world.patch_scale_set(key, command["body"], if_match=command["ifMatch"])
        case "upgrade":
            world.upgrade(key, command["instances"])
        case "reimage":
            world.reimage(key, command["instances"])
        case "startRollingUpgrade":
            world.start_rolling_upgrade(OperationKind(command["kind"]), key)
        case "cancelRollingUpgrade":
            world.cancel_rolling_upgrade(key)
        case "approveRollingUpgrade":
            world.approve_rolling_upgrade(key, command["instances"])
        case unknown:
            raise RecordingError(f"{unknown!r} is no command of a world")
