"""Who may ask: the guard in front of everything the server answers.

The server can do what its user can do in Azure, and every page in the user's browser can send
requests to it. So a request has to show that it comes from the page that this server gave: the
Host it was bound to (a name rebound to 127.0.0.1 is another one), a cookie that only the link on
the user's terminal gives, no other origin, and for whatever changes something a token that only
our page can read. Others on this machine know neither the link nor the cookie.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
CSRF_HEADER = "x-csrf-token"
_READS = frozenset({"GET", "HEAD"})
_HARMLESS_POSTS = frozenset({"/api/preview"})
"""What a page may ask for in read-only mode too: it changes nothing."""
_SAME_SITE = frozenset({"same-origin", "none"})
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # The address that opens the page has the token in it.
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Of every answer."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the page, what the browser then shows, and what changes must carry."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, and what to do."""

    status: HTTPStatus
    what: str
    next: str


@dataclass(frozen=True, slots=True)
class Access:
    """The rules for one server.

    `hosts` are the values of the Host header that mean this server; `scheme` is http, or https
    where others can reach it. Cookies know no port, so the cookie's name has it.
    """

    keys: Keys
    hosts: frozenset[str]
    port: int
    scheme: str = "http"
    is_read_only: bool = False

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return f"vmssplan-ui-{self.port}"

    def cookie_header(self) -> str:
        """Return the header that gives a browser the session."""
        flags = "HttpOnly; SameSite=Strict; Path=/"
        secure = "; Secure" if self.scheme == "https" else ""
        return f"{self.cookie}={self.keys.session}; {flags}{secure}"

    def opens(self, query: str) -> bool:
        """Tell whether the query has the token of the link."""
        given = parse_qs(query).get("token", [""])[-1]
        return hmac.compare_digest(given.encode(), self.keys.token.encode())

    def refusal(self, request: Asked) -> Refusal | None:
        """Return why the request is refused, before its body is read; None when it is not."""
        return (
            self._of_address(request)
            or self._of_session(request)
            or self._of_origin(request)
            or (None if request.method in _READS else self._of_change(request))
        )

    def _of_address(self, request: Asked) -> Refusal | None:
        if request.all("host") not in [[each] for each in self.hosts]:
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "the Host header names another server",
                f"open the page at {self.scheme}://{min(self.hosts)}/",
            )
        if _is_odd(request.path):
            return Refusal(HTTPStatus.BAD_REQUEST, "the path is not a plain one", _GO_BACK)
        if request.method not in (*_READS, "POST"):
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "use GET or POST", _GO_BACK)
        return None

    def _of_session(self, request: Asked) -> Refusal | None:
        given = request.cookie(self.cookie)
        if hmac.compare_digest(given.encode(), self.keys.session.encode()):
            return None
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "this browser has no session with this server",
            "open the link that `vmssplan ui` has printed",
        )

    def _of_origin(self, request: Asked) -> Refusal | None:
        """Refuse what another page asks for; a navigation has neither of these headers, or none."""
        own = f"{self.scheme}://{request.one('host')}"
        origins = request.all("origin")
        is_missing = request.method not in _READS and not origins
        is_other = any(each != own for each in origins)
        site = request.one("sec-fetch-site")
        is_asked_by_others = site not in ("", *_SAME_SITE) and request.path != "/"
        if is_missing or is_other or is_asked_by_others:
            return Refusal(
                HTTPStatus.FORBIDDEN, "the request comes from a page of another origin", _GO_BACK
            )
        return None

    def _of_change(self, request: Asked) -> Refusal | None:
        if self.is_read_only and request.path not in _HARMLESS_POSTS:
            return Refusal(
                HTTPStatus.FORBIDDEN,
                "this server only shows (--read-only)",
                "start `vmssplan ui` without --read-only, or use the command line",
            )
        given = request.one(CSRF_HEADER)
        if not hmac.compare_digest(given.encode(), self.keys.csrf.encode()):
            return Refusal(
                HTTPStatus.FORBIDDEN, "the CSRF token is missing or wrong", "load the page again"
            )
        if request.one("content-type").partition(";")[0].strip().lower() != "application/json":
            return Refusal(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is not application/json", _GO_BACK
            )
        length = request.one("content-length") or "0"
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return TOO_LARGE
        return None


_GO_BACK = "go back to the page"
TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    f"the body is larger than {MAX_BODY_BYTES // 1024} KiB",
    "select fewer instances at once",
)
_STRANGER = (
    "This page opens with the link that `vmssplan ui` has printed on your terminal:\n"
    "it carries a token that this browser does not have yet.\n"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The head of a request."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, scope: Scope) -> Asked:
        """Read it from an ASGI scope; the path as it was sent, without percent-decoding."""
        raw = scope.get("raw_path") or scope["path"].encode()
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"])
        query = scope["query_string"].decode("latin-1")
        return cls(scope["method"], raw.decode("latin-1").partition("?")[0], query, headers)

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        """Return the value of a header that comes once; "" where it is missing or repeated."""
        found = self.all(name)
        return found[0] if len(found) == 1 else ""

    def cookie(self, name: str) -> str:
        """Return the value of a cookie; "" where there is none."""
        try:
            jar = SimpleCookie("; ".join(self.all("cookie")))
        except CookieError:
            return ""
        return jar[name].value if name in jar else ""


class Guard:
    """ASGI middleware: refuses, gives the session for the token, bounds bodies, adds headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        access, asked, send = self._access, Asked.of(scope), _with_headers(send)
        refused = access.refusal(asked)
        is_greeting = asked.method == "GET" and asked.path == "/" and "token" in asked.query
        has_right_address = refused is None or refused.status is HTTPStatus.UNAUTHORIZED
        if is_greeting and has_right_address and access.opens(asked.query):
            greeting = {"location": "/", "set-cookie": access.cookie_header()}
            await _answer(send, HTTPStatus.SEE_OTHER, b"", greeting)
        elif (
            refused is not None and refused.status is HTTPStatus.UNAUTHORIZED and asked.path == "/"
        ):
            plain = {"content-type": "text/plain; charset=utf-8"}
            await _answer(send, refused.status, _STRANGER.encode(), plain)
        elif refused is not None:
            await _refuse(send, refused)
        elif asked.method == "POST":
            body = await _body(receive)
            if body is None:
                await _refuse(send, TOO_LARGE)
            else:
                await self._app(scope, _replayed(body, receive), send)
        else:
            await self._app(scope, receive, send)


def _is_odd(path: str) -> bool:
    """Tell whether a path has anything but plain segments, also behind percent signs."""
    plain = path.isascii() and path.startswith("/") and not set(path) & set("%\\\0")
    return not plain or "//" in path or any(part in (".", "..") for part in path.split("/"))


async def _body(receive: Receive) -> bytes | None:
    """Return the whole body; None when it is too large, however long it said it was."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        size += len(part)
        parts.append(part)
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {key.lower() for key, _ in message.get("headers", ())}
            added = [
                (key.encode(), value.encode())
                for key, value in HEADERS.items()
                if key.encode() not in given or key != "cache-control"
            ]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


async def _refuse(send: Send, refused: Refusal) -> None:
    body = json.dumps({"error": {"what": refused.what, "next": refused.next}}).encode()
    await _answer(send, refused.status, body, {"content-type": "application/json"})


async def _answer(send: Send, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
    fields: Iterable[tuple[str, str]] = {**headers, "content-length": str(len(body))}.items()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(key.encode(), value.encode()) for key, value in fields],
        }
    )
    await send({"type": "http.response.body", "body": body})
