"""What a pipeline talks to besides Azure: GitHub's comments, Azure DevOps' threads, OIDC tokens."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "token-of-the-job"  # noqa: S105 - a made-up one
ME = "github-actions[bot]"
MY_ID = "3f9c1d4e"
GITHUB_COMMENTS = re.compile(r"/repos/org/repo/issues/7/comments")
GITHUB_COMMENT = re.compile(r"/repos/org/repo/issues/comments/(\d+)")
THREADS = re.compile(r"/org/project/_apis/git/repositories/repo/pullRequests/7/threads")
THREAD = re.compile(THREADS.pattern + r"/(\d+)/comments/1")
LONGEST = 65_536
"""What GitHub refuses to take more of."""


class Forge(ThreadingHTTPServer):
    """Keeps comments as (author, text), by their number; refuses writers where it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: dict[int, tuple[str, str]] = {}
        self.asked: list[str] = []
        self.is_read_only = False
        self.tokens = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, author: str, text: str) -> int:
        """Comment as somebody."""
        number = 1 + max(self.comments, default=100)
        self.comments[number] = (author, text)
        return number


class _Handler(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self._body())

    def do_PATCH(self) -> None:
        self._answer(self._body())

    def _body(self) -> Any:
        size = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(size) or b"{}")

    def _answer(self, body: Any) -> None:
        place = urlsplit(self.path)
        self.server.asked.append(f"{self.command} {place.path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(401, {"message": "Bad credentials"})
        elif body is not None and self.server.is_read_only and "oidc" not in place.path:
            self._send(403, {"message": "Resource not accessible by integration"})
        else:
            self._send(*self._found(place.path, parse_qs(place.query), body))

    def _found(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        forge = self.server
        if path == "/oidc":
            forge.tokens += 1
            key = (
                "value" if query.get("audience") == ["api://AzureADTokenExchange"] else "oidcToken"
            )
            return 200, {key: f"identity-{forge.tokens}"}
        if path == "/org/_apis/connectionData":
            return 200, {"authenticatedUser": {"id": MY_ID}}
        if GITHUB_COMMENTS.fullmatch(path) and body is None:
            size, page = int(query["per_page"][0]), int(query["page"][0])
            listed = [
                {"id": number, "user": {"login": author}, "body": text}
                for number, (author, text) in sorted(forge.comments.items())
            ]
            return 200, listed[size * (page - 1) : size * page]
        if GITHUB_COMMENTS.fullmatch(path) and len(body["body"]) <= LONGEST:
            return 201, {"id": forge.add(ME, body["body"])}
        if (one := GITHUB_COMMENT.fullmatch(path)) and self.command == "PATCH":
            forge.comments[int(one[1])] = (forge.comments[int(one[1])][0], body["body"])
            return 200, {}
        if THREADS.fullmatch(path) and body is None:
            listed = [
                {
                    "id": number,
                    "isDeleted": False,
                    "comments": [{"author": {"id": a}, "content": t}],
                }
                for number, (a, t) in sorted(forge.comments.items())
            ]
            return 200, {"value": listed}
        if THREADS.fullmatch(path) and body["status"] == "closed":
            return 200, {"id": forge.add(MY_ID, body["comments"][0]["content"])}
        if (one := THREAD.fullmatch(path)) and self.command == "PATCH":
            forge.comments[int(one[1])] = (forge.comments[int(one[1])][0], body["content"])
            return 200, {}
        return 404, {"message": "Not Found"}

    def _send(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_forge() -> Iterator[Forge]:
    """Let it answer in a thread while the context lasts."""
    with Forge() as forge:
        thread = threading.Thread(target=forge.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield forge
        finally:
            forge.shutdown()
            thread.join()
