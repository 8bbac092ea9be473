"""What an admin request is given and how it is refused; the routes are in `__init__.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from vmss_simulator.arm.messages import Request, Response, json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from vmss_simulator.door import Door

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class AdminError(Exception):
    """A request the admin interface refuses, with the HTTP status it answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class AdminCall(NamedTuple):
    """One admin request; `names` are the variable parts of its path, percent-decoded."""

    door: Door
    request: Request
    names: Mapping[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last of one name counts."""
        try:
            return dict(parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=100))
        except ValueError:
            raise AdminError(400, "InvalidRequest", "The query has too many parameters.") from None

    def document(self) -> dict[str, Any]:
        """Return the body, a JSON object; AdminError 400 when it is none."""
        try:
            document = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise AdminError(400, "InvalidRequest", "The body is not valid JSON.") from None
        if not isinstance(document, dict):
            raise AdminError(400, "InvalidRequest", "The body is not a JSON object.")
        return document

    def name(self) -> str:
        """Return the `{name}` of the path, as a new thing may be called; AdminError 400."""
        name = self.names["name"]
        if _NAME.fullmatch(name) is None or name == "main":
            raise AdminError(
                400,
                "InvalidName",
                "A name has up to 64 letters, digits, dots, dashes and underscores, begins with"
                " a letter or digit, and is not 'main'.",
            )
        return name

    def number(self, key: str, default: int) -> int:
        """Return a whole number of the query; AdminError 400 when it is none."""
        text = self.query.get(key)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise AdminError(400, "InvalidRequest", f"'{key}' is a whole number.") from None

    def format(self, *known: str) -> str:
        """Return the `format` of the query, by default the first; AdminError 400 for others."""
        wanted = self.query.get("format", known[0])
        if wanted not in known:
            raise AdminError(400, "InvalidRequest", f"'format' is one of {', '.join(known)}.")
        return wanted

    def matches(self, **fields: Any) -> bool:
        """Whether each field is what the query asks of it, if it does: a glob, without case."""
        query = self.query
        return all(
            fnmatchcase(str(value).casefold(), query[key].casefold())
            for key, value in fields.items()
            if key in query
        )


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """One request of the interface; `template` is below the prefix, `summary` for its index."""

    method: str
    template: str
    action: Callable[[AdminCall], Response | dict[str, Any]]
    summary: str


def text_response(text: str, content_type: str) -> Response:
    """Return a response with a body of text."""
    headers = {"content-type": f"{content_type}; charset=utf-8", "cache-control": "no-cache"}
    return Response(200, headers, text.encode())


def lines_response(documents: Iterable[dict[str, Any]]) -> Response:
    """Return the documents as JSON lines."""
    body = b"".join(json_bytes(each) + b"\n" for each in documents)
    return Response(200, {"content-type": "application/x-ndjson"}, body)


def iso(moment: datetime) -> str:
    """Return a moment as the interface writes it."""
    return moment.isoformat()
