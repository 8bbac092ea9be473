"""Carries notifications over HTTP.

Redirects are not followed: what is signed for one address is for no other. Certificates are
verified; proxies are those of the environment, but for what is on this machine. Of an answer only
the status and Retry-After are read. Errors are told by their kind: their texts name addresses.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.notifying.values import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = timedelta(seconds=10)
_REDIRECTS = range(300, 400)
_MOST_DIGITS = 6
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HttpCourier:
    """Posts, and waits so long for each answer."""

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        self._patience = patience

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post it once."""
        import aiohttp  # noqa: PLC0415 - 0.2 s that most commands need not pay
        from yarl import URL  # noqa: PLC0415 - comes with it

        from vmssplan.notifying.resolving import Resolver  # noqa: PLC0415 - imports it

        seconds = self._patience.total_seconds()
        # Encoded already: a signature in the address must arrive as it was given.
        url = URL(address, encoded=True)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=Resolver()),
            timeout=aiohttp.ClientTimeout(total=seconds),
            trust_env=url.host not in LOOPBACK,
        )
        try:
            async with (
                session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return _told(answer.status, answer.headers.get("Retry-After"))
        except TimeoutError:
            return Answer(None, f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, f"no answer: {_kind_of(error)}")


def _told(status: int, retry_after: str | None) -> Answer:
    if status in _REDIRECTS:
        return Answer(status, f"HTTP {status}, redirects are not followed")
    return Answer(status, retry_after=_seconds(retry_after or ""))


def _seconds(text: str) -> timedelta | None:
    """Return what Retry-After wishes; a date is not worth a parser here."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return timedelta(seconds=int(text)) if is_number else None


def _kind_of(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    names = [type(error).__name__, *([type(cause).__name__] if cause else [])]
    return ": ".join(dict.fromkeys(names))
