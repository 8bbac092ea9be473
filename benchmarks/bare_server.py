"""The yardstick of the simulator's server: the same server and TLS, a handler that does nothing.

`python -m benchmarks.bare_server CERTIFICATE_FOLDER BODY_FILE` prints its port and serves the body
until it is stopped.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from vmss_simulator.certificates import make_identity

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


def main(folder: Path, body: bytes) -> None:
    """Serve the body at every path."""
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    identity = make_identity(folder)
    # As in the simulator's own server: only a socket that says it is TCP is without Nagle's delay.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    config = uvicorn.Config(
        answer,
        http="httptools",
        ws="none",
        lifespan="off",
        ssl_context_factory=lambda _config, _default: identity.context,
        log_config=None,
        access_log=False,
    )
    print(listening.getsockname()[1], flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


main(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes())
