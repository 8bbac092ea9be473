"""Who may use the admin interface of a server.

On loopback it is open to every process of this machine, but not to web pages it may have open:
a page can make a browser send requests here, under its own name by rebinding it to 127.0.0.1,
or blindly from its own origin. Where others can reach the server, a token is compulsory.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vmss_simulator.admin.call import AdminError

if TYPE_CHECKING:
    from vmss_simulator.arm import Request

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_TOKEN = 16
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """What an admin request has to show; a token of None asks for none.

    ValueError for a token that is too short, or that no header can carry.
    """

    token: str | None = None

    def __post_init__(self) -> None:
        token = self.token
        if token is None:
            return
        if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
            raise ValueError(
                f"an admin token is at least {SHORTEST_TOKEN} printable ASCII characters"
            )
        if " " in token:
            raise ValueError("an admin token has no spaces")

    def check(self, request: Request) -> None:
        """Raise AdminError 401 or 403 for a request that may not use the interface."""
        if self.token is not None:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise AdminError(401, "Unauthorized", "The admin token is missing or wrong.")
        elif _name(f"//{request.headers.get('host', '')}") not in LOOPBACK:
            # Whoever has no token is known only by coming to this machine under its own name.
            raise AdminError(403, "HostNotAllowed", "The Host header names another machine.")
        origin = request.headers.get("origin")
        if origin is None or request.method in _READS:
            return
        if _place(origin) != _place(f"https://{request.headers.get('host', '')}"):
            raise AdminError(403, "OriginNotAllowed", "A page of another origin may not do this.")


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _place(origin: str) -> tuple[str, str]:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return origin, ""
    return parts.scheme.lower(), parts.netloc.lower()
