"""A real HTTP server on this machine that answers, or misbehaves, as the path says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BIG = b"x" * 65536


@dataclass(frozen=True, slots=True)
class Received:
    """What was posted; the names of the headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """Answers by the path, or 503 where it is refusing; remembers what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.refusing: set[str] = set()
        self.agents: set[str | None] = set()
        self.received: list[Received] = []
        self.go_on = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that has what it wants hangs up in the middle of an answer."""

    @property
    def address(self) -> str:
        """Where it is, without scheme."""
        return f"127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    """`/status/N` answers N; `/again/N/M` answers N but 200 from the M-th time on.

    The other paths misbehave as they are called.
    """

    server: Server

    def do_POST(self) -> None:
        """Take it, and answer as to any request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.casefold(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.path, headers, body))
        self.do_GET()

    def do_GET(self) -> None:
        """Answer."""
        self.server.asked.append(self.path)
        self.server.agents.add(self.headers["User-Agent"])
        _, _, last = self.path.rpartition("/")
        if self.path in self.server.refusing:
            self.send_error(503)
        elif self.path == "/never":
            self.server.go_on.wait()
        elif self.path == "/hang-up":
            self.close_connection = True
        elif self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/status/200")
            self.end_headers()
        elif self.path.startswith("/again/"):
            _, _, status, often = self.path.split("/")
            is_well = self.server.asked.count(self.path) >= int(often)
            self.send_response(200 if is_well else int(status))
            self.send_header("Retry-After", "1")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while not self.server.go_on.is_set():
                self.wfile.write(BIG)
        else:
            self.send_response(int(last))
            self.end_headers()
            if last == "503":
                self.wfile.write(b"secret")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering(server: Server) -> Iterator[Server]:
    """Let it answer in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
