"""What a page asks for: the body of a POST -> a Request, with every mistake named.

The values are the command line's own, so a preview in the page and the command that does the same
can only mean the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from vmssplan.durations import parse_duration
from vmssplan.errors import UsageInvalid
from vmssplan.model import Amount
from vmssplan.operating import (
    ModelChange,
    Protection,
    Request,
    Selection,
    StateWord,
    Verb,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import Enum

    E = TypeVar("E", bound=Enum)

Document = dict[str, Any]
T = TypeVar("T")
ROLLOUT = "rollout"
"""The verb that means the Plan's whole rollout."""
_MOST_INSTANCES = 1000
_LONGEST_TEXT = 2048
_AMOUNT = re.compile(r"[0-9]{1,4}%?")
_KEYS = {
    "id",
    "verb",
    "selection",
    "batchSize",
    "pause",
    "maxUnavailable",
    "capacity",
    "model",
    "protection",
    "plan",
    "digest",
}
_SELECTION_KEYS = {"ids", "updateDomains", "faultDomains", "zones", "states", "all"}
_MODEL_KEYS = {"imageVersion", "imageSku", "sku", "imageId", "imageUri", "vmSize"}
_PROTECTION_KEYS = {"scaleIn", "scaleSetActions"}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. `request` is None for the whole rollout of a Plan.

    `plan` is the file of the Plan that holds, None for the only one of the set, "" for none.
    `digest` is that of the preview that was confirmed.
    """

    target: str
    request: Request | None
    plan: str | None = None
    digest: str | None = None


def parse_body(body: bytes) -> Document:
    """Return the JSON object of a body; raises UsageInvalid."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageInvalid("the body is not JSON") from error
    if not isinstance(document, dict):
        raise UsageInvalid("the body is not a JSON object")
    return document


def parse_ask(document: Document) -> Ask:
    """Read what is asked for; raises UsageInvalid."""
    _only(document, _KEYS, "")
    target = text_of(document, "id")
    if not target:
        raise UsageInvalid("the request names no scale set: id is missing")
    verb = text_of(document, "verb")
    plan = document.get("plan")
    if plan is not None and not isinstance(plan, str):
        raise UsageInvalid("plan: expected the path of a Plan")
    request = None if verb == ROLLOUT else _request(document, _one_of(Verb, verb, "verb"))
    return Ask(target, request, plan, text_of(document, "digest") or None)


def text_of(document: Mapping[str, Any], key: str) -> str:
    """Return a text, "" where it is missing; raises UsageInvalid for anything else."""
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise UsageInvalid(f"{key}: expected a text of one line")
    if value.startswith("-"):
        # It becomes a word of a command line, where a dash would make an option of it.
        raise UsageInvalid(f"{key}: a text that begins with a dash cannot be told from an option")
    return value


def whole_of(document: Mapping[str, Any], key: str, most: int) -> int | None:
    """Return a whole number from 0 to `most`, None where it is missing; raises UsageInvalid."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise UsageInvalid(f"{key}: expected a whole number from 0 to {most}")
    return value


def _request(document: Document, verb: Verb) -> Request:
    capacity = whole_of(document, "capacity", _MOST_INSTANCES)
    if verb is Verb.SCALE and capacity is None:
        raise UsageInvalid("capacity: expected how many instances the set is to have")
    return Request(
        verb=verb,
        selection=_selection(_object(document, "selection", _SELECTION_KEYS)),
        batch_size=_amount(document, "batchSize"),
        pause=_pause(document),
        max_unavailable=_amount(document, "maxUnavailable"),
        capacity=capacity if verb is Verb.SCALE else None,
        protection=_protection(document) if verb is Verb.PROTECT else None,
        change=_change(_object(document, "model", _MODEL_KEYS)),
    )


def _selection(raw: Document) -> Selection:
    everything = raw.get("all", False)
    if not isinstance(everything, bool):
        raise UsageInvalid("selection.all: expected true or false")
    return Selection(
        ids=_list(raw, "ids", _text),
        update_domains=_list(raw, "updateDomains", _number),
        fault_domains=_list(raw, "faultDomains", _number),
        zones=_list(raw, "zones", _text),
        states=_list(raw, "states", lambda value: _one_of(StateWord, value, "selection.states")),
        everything=everything,
    )


def _change(raw: Document) -> ModelChange:
    return ModelChange(
        image_version=text_of(raw, "imageVersion") or None,
        image_sku=text_of(raw, "imageSku") or text_of(raw, "sku") or None,
        image_id=text_of(raw, "imageId") or None,
        image_uri=text_of(raw, "imageUri") or None,
        vm_size=text_of(raw, "vmSize") or None,
    )


def _protection(document: Document) -> Protection:
    raw = _object(document, "protection", _PROTECTION_KEYS)
    halves = [raw.get("scaleIn"), raw.get("scaleSetActions")]
    if not all(each is None or isinstance(each, bool) for each in halves):
        raise UsageInvalid("protection: expected scaleIn and scaleSetActions, true or false")
    if halves == [None, None]:
        raise UsageInvalid(
            "protection: nothing is to change", hint="say scaleIn or scaleSetActions"
        )
    return Protection(*halves)


def _pause(document: Document) -> timedelta:
    text = text_of(document, "pause")
    if not text:
        return timedelta(0)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageInvalid(f"pause: {error}") from error


def _amount(document: Document, key: str) -> Amount | None:
    value = document.get(key)
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if _AMOUNT.fullmatch(text) is None or text in ("0", "0%"):
        raise UsageInvalid(f"{key}: expected a number of instances or a percentage, such as 20%")
    return Amount(int(text.removesuffix("%")), text.endswith("%"))


def _object(document: Document, key: str, known: set[str]) -> Document:
    raw = document.get(key)
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise UsageInvalid(f"{key}: expected an object")
    _only(raw, known, f"{key}.")
    return raw


def _only(raw: Document, known: set[str], prefix: str) -> None:
    for key in raw:
        if key not in known:
            raise UsageInvalid(
                f"{prefix}{str(key)[:40]}: nothing is known by that name",
                hint=f"expected {', '.join(sorted(known))}",
            )


def _list(raw: Document, key: str, read: Callable[[Any], T]) -> tuple[T, ...]:
    values = raw.get(key)
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > _MOST_INSTANCES:
        raise UsageInvalid(f"selection.{key}: expected a list of at most {_MOST_INSTANCES}")
    try:
        return tuple(read(value) for value in values)
    except ValueError as error:
        raise UsageInvalid(f"selection.{key}: {error}") from error


def _text(value: Any) -> str:
    # On a command line a comma would part it, and a dash make an option of it.
    if (
        not isinstance(value, str)
        or re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", value) is None
    ):
        raise ValueError("expected names of letters and digits")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_INSTANCES:
        raise ValueError("expected whole numbers")
    return value


def _one_of(kind: type[E], value: Any, key: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(one.value) for one in kind)
        raise UsageInvalid(
            f"{key}: {str(value)[:40]!r} is none of them", hint=f"expected one of {known}"
        ) from error
