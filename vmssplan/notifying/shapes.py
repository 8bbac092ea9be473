"""A notification as JSON: our own shape, Slack's blocks, an Adaptive Card for Teams. Pure.

Texts of others only stand where the service shows them as they are: as `plain_text` in Slack, as
a `TextRun` in Teams. There they mention nobody, are no links, and change no other text.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, assert_never

from vmssplan.notifying.values import Kind, Notification, Shape
from vmssplan.report.as_json import TOOL
from vmssplan.report.wording import beginning
from vmssplan.rollout import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]
TITLES = {
    Kind.STARTED: "started",
    Kind.WAITING_FOR_APPROVAL: "waits for an approval",
    Kind.HALTED: "halted",
    Kind.COMPLETED: "is complete",
    Kind.ROLLED_BACK: "was rolled back",
}
_COLOURS = {
    Kind.STARTED: "Accent",
    Kind.WAITING_FOR_APPROVAL: "Warning",
    Kind.HALTED: "Attention",
    Kind.COMPLETED: "Good",
    Kind.ROLLED_BACK: "Attention",
}
LONGEST_TITLE, LONGEST_TEXT, LONGEST_FACT = 150, 1_000, 500
"""Slack takes headers of 150 characters; a card of Teams may have 28 KB in all."""
LARGEST_CARD = 26_000
"""Bytes, so that there is room for what is around it; what does not fit is left out at the end."""
MOST_FAILURES = 5


def body_of(told: Notification, shape: Shape) -> bytes:
    """Return what is posted."""
    match shape:
        case Shape.GENERIC:
            document = _generic(told)
        case Shape.SLACK:
            document = _slack(told)
        case Shape.TEAMS:
            document = _teams(told)
        case _:
            assert_never(shape)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _generic(told: Notification) -> Document:
    """Return our own shape (`schemas/notification.v1.schema.json`)."""
    recap = told.recap
    at = told.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "apiVersion": API_VERSION,
        "kind": "Notification",
        "tool": TOOL,
        "id": told.message_id,
        "type": told.kind.value,
        "at": at,
        "run": told.run,
        "plan": told.plan,
        "scaleSet": told.scale_set_id,
        "digest": told.digest,
        "message": told.message,
        "resumed": told.is_resumed,
        "wayBack": told.is_way_back,
        "step": told.step,
        "steps": told.steps,
        "batch": told.batch,
        "exitCode": None if told.exit_code is None else int(told.exit_code),
        "reason": told.reason,
        "recap": {name: getattr(recap, name) for name in type(recap).__slots__},
        "floor": told.floor,
        "failures": [
            {"instanceIds": list(one.instance_ids), "code": one.code, "message": one.message}
            for one in told.failures
        ],
        "commands": list(told.commands),
    }


def _title(told: Notification) -> str:
    again = " again" if told.is_resumed else ""
    return beginning(f"{told.run} {TITLES[told.kind]}{again}", LONGEST_TITLE)


def _facts(told: Notification) -> Iterator[tuple[str, str]]:
    yield "Scale set", told.scale_set
    yield "Plan", told.plan
    if told.step is not None:
        yield "Step", f"{told.step} of {told.steps}"
    yield "Instances", str(told.recap)
    if told.exit_code is not None:
        yield "Exit code", str(int(told.exit_code))


def _failed(told: Notification) -> Iterator[str]:
    for one in told.failures[:MOST_FAILURES]:
        text = f"{', '.join(one.instance_ids)}: {one.code}: {one.message}"
        yield beginning(text, LONGEST_TEXT)
    left = len(told.failures) - MOST_FAILURES
    if left > 0:
        yield f"{left} more kinds of failures"


def _slack(told: Notification) -> Document:
    title = _title(told)
    blocks: list[Document] = [
        {"type": "header", "text": _plain(title)},
        {"type": "section", "text": _plain(beginning(told.message, LONGEST_TEXT))},
        {
            "type": "section",
            "fields": [_plain(beginning(f"{k}\n{v}", LONGEST_FACT)) for k, v in _facts(told)],
        },
    ]
    blocks += [{"type": "section", "text": _plain(one)} for one in _failed(told)]
    if told.commands:
        text = "\n".join([told.advice, *told.commands])
        blocks.append({"type": "section", "text": _plain(beginning(text, LONGEST_TEXT))})
    return {"text": _escaped(title), "blocks": blocks}


def _plain(text: str) -> Document:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    """Return the text for where Slack knows control sequences in angle brackets."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(told: Notification) -> Document:
    head = {"size": "Large", "weight": "Bolder", "color": _COLOURS[told.kind], "wrap": True}
    lines = [
        _runs({"text": _title(told), **head}),
        _runs({"text": beginning(told.message, LONGEST_TEXT)}),
        *(
            _runs(
                {"text": f"{name}: ", "weight": "Bolder"},
                {"text": beginning(value, LONGEST_FACT)},
            )
            for name, value in _facts(told)
        ),
        *(_runs({"text": one, "color": "Attention"}) for one in _failed(told)),
    ]
    if told.commands:
        lines.append(_runs({"text": told.advice}))
        lines += [
            _runs({"text": beginning(one, LONGEST_FACT), "fontType": "Monospace"})
            for one in told.commands
        ]
    while len(json.dumps(lines, ensure_ascii=False).encode()) > LARGEST_CARD:
        lines.pop()
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": lines,
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _runs(*runs: Document) -> Document:
    inlines = [
        {"type": "TextRun", **{key: value for key, value in run.items() if key != "wrap"}}
        for run in runs
    ]
    return {"type": "RichTextBlock", "inlines": inlines}
