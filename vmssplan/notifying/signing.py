"""The headers of a notification: what it is, when it was sent, and that it comes from us. Pure.

As the Standard Webhooks specification says: HMAC-SHA256 with the shared secret over
`<id>.<timestamp>.<body>`, in base64. A receiver compares it, and refuses what is too old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from vmssplan import __version__

if TYPE_CHECKING:
    from datetime import datetime

PREFIX = "whsec_"
SHORTEST_SECRET = 16


def secret_of(text: str) -> bytes:
    """Return the key: what follows `whsec_` is base64, anything else is taken as it is.

    Raises ValueError for a key that is too short, or is no base64; never names it.
    """
    if text.startswith(PREFIX):
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"what follows {PREFIX} is no base64") from None
    else:
        key = text.encode()
    if len(key) < SHORTEST_SECRET:
        raise ValueError(f"a secret has at least {SHORTEST_SECRET} bytes")
    return key


def headers_of(message_id: str, body: bytes, secret: bytes | None, now: datetime) -> dict[str, str]:
    """Return the headers; a signature where there is a secret."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"vmssplan/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
    }
    if secret is None:
        return headers
    signed = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {**headers, "webhook-signature": f"v1,{base64.b64encode(signed).decode()}"}
