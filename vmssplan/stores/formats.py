"""What the files of a Run say, wherever they are kept: the same bytes in a folder and in a blob."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from vmssplan import __version__
from vmssplan.bounded_json import parse_json
from vmssplan.documents import canonical_json, from_document, readable_json, to_document
from vmssplan.engine import Event
from vmssplan.engine.instructions import Instruction
from vmssplan.errors import DocumentInvalid, Problem, StateUnreadable
from vmssplan.rollout import API_VERSION, Rollout, digest, rollout_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmssplan.model import ScaleSetId

RUN_NAME = re.compile(r"[\w.-]+")
PLAIN_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
LONGEST_JOURNAL = 512 * 1024 * 1024
PLAN_AGAIN = "plan again, with --out"


def rollout_file(rollout: Rollout, expires_at: datetime | None = None) -> str:
    """Return the Rollout as reviewable JSON, with its digest."""
    tool = f"vmssplan {__version__}"
    return readable_json(rollout_document(rollout, tool=tool, expires_at=expires_at))


@dataclass(frozen=True, slots=True)
class SavedRollout:
    """A Rollout from a file, and until when it may be applied; None: for ever."""

    rollout: Rollout
    expires_at: datetime | None


def parse_rollout(text: str | bytes, where: str) -> Rollout:
    """Read a saved Rollout; raises DocumentInvalid when it was changed or is none."""
    return parse_saved(text, where).rollout


def parse_saved(text: str | bytes, where: str) -> SavedRollout:
    """Read a saved Rollout; raises DocumentInvalid when it was changed or is none."""
    try:
        raw: Any = parse_json(text)
    except ValueError as error:
        raise DocumentInvalid([Problem(f"not a saved Rollout: {error}", file=where)]) from error
    if not isinstance(raw, dict) or raw.get("kind") != "Rollout":
        raise DocumentInvalid([Problem("not a saved Rollout", file=where)], hint=PLAN_AGAIN)
    if raw.get("apiVersion") != API_VERSION:
        message = f"expected {API_VERSION}, got {raw.get('apiVersion')!r}"
        raise DocumentInvalid([Problem(message, "apiVersion", where)], hint=PLAN_AGAIN)
    rollout: Rollout = from_document(raw.get("rollout"), Rollout, file=where)
    if digest(rollout) != raw.get("digest"):
        message = f"the content has {digest(rollout)}, the file says {raw.get('digest')}"
        raise DocumentInvalid([Problem(message, "digest", where)], hint=PLAN_AGAIN)
    return SavedRollout(rollout, _expiry(raw.get("expiresAt"), where))


def _expiry(text: object, where: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        message = f"expected a time, got {text!r}"
        raise DocumentInvalid([Problem(message, "expiresAt", where)], hint=PLAN_AGAIN) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def journal_lines(events: Sequence[Event]) -> tuple[bytes, ...]:
    """Return one line an Event."""
    return tuple((canonical_json(to_document(event, Event)) + "\n").encode() for event in events)


def parse_journal(data: bytes, where: str) -> tuple[Event, ...]:
    """Return the Events of a journal, without a torn last line; raises StateUnreadable."""
    # Only a newline ends a line: a message may hold other characters that end lines of text.
    *lines, _torn = data.split(b"\n")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(from_document(parse_json(line), Event))
        except (ValueError, DocumentInvalid) as error:
            raise StateUnreadable(
                f"{where}:{number}: not an event of this version: {error}"
            ) from error
    return tuple(events)


def instruction_file(instruction: Instruction) -> str:
    """Return the text of an instruction."""
    return readable_json(to_document(instruction, Instruction))


def instruction_name(instruction: Instruction) -> str:
    """Return its file name: sorted by time, the key after the first hyphen."""
    key = instruction.key
    if PLAIN_KEY.fullmatch(key) is None:
        key = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{instruction.at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{key}.json"


def has_key_of(name: str, other: str) -> bool:
    """Tell whether two instruction files are of one key."""
    return name.partition("-")[2] == other.partition("-")[2]


def parse_instructions(files: Iterable[tuple[str, str | bytes]]) -> tuple[Instruction, ...]:
    """Read (name, text) of instruction files, oldest first, each key once."""
    first_of_key: dict[str, Instruction] = {}
    for name, text in sorted(files, key=itemgetter(0)):
        try:
            instruction = from_document(parse_json(text), Instruction, file=name)
        except (ValueError, DocumentInvalid) as error:
            raise StateUnreadable(f"{name}: not an instruction of this version: {error}") from error
        first_of_key.setdefault(instruction.key, instruction)
    return tuple(first_of_key.values())


def lock_name(target: ScaleSetId) -> str:
    """Return the name of a scale set's lock; Azure's names do not differ by case."""
    return hashlib.sha256(target.resource_id.casefold().encode()).hexdigest()[:16]


def run_number(name: str, plan: str) -> int:
    """Return the number of a Run of that Plan, 0 when it is another's."""
    head, _, tail = name.rpartition("-")
    return int(tail) if head == plan and tail.isdecimal() else 0
